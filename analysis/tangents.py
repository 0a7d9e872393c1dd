"""Is f idempotent around its inputs too?  The chain rule of f∘f = f, tested in random directions.

Where f(f(x)) = f(x) on a neighbourhood, J(f(x))·J(x)v = J(x)v for every v: on what J(x) reaches,
J(f(x)) is the identity.  A network may meet the equation at its data and break this between them.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import array_api_compat
import numpy as np

from .arrays import unit_roundoff
from .frameworks import framework, without_gradients
from .measuring import applied, rows

if TYPE_CHECKING:
    from collections.abc import Callable

    from jaxtyping import Float

    from corrector.evaluation import Array

_VANISHING = 1e-6
"""‖J(x)v‖/‖v‖ below which f is constant along v, and J(f(x)) is not asked what it does there."""


def jacobian_defects(
    f: Callable[[Array], Array], x: Array, directions: int, seed: int
) -> tuple[Float[np.ndarray, " n"], str]:
    """Return ‖J(y)w − w‖/‖w‖ for y = f(x), w = J(x)v and random v, and how J was applied.

    Args:
        f: a function of batches, each sample of which is mapped by itself.
        x: the batch.
        directions: how many v for each sample; with 0 there are none.
        seed: of v, from N(0, 1) in each entry.

    Cost: two products with J for each direction; in forward mode each about two passes, by central
    differences two, with an error of about u^{2/3}.
    """
    if not directions:
        return np.empty(0), "not asked for"
    library = framework(x)
    product = _differences if library is None else library.directional
    how = "central differences" if library is None else "forward mode"
    defects = []
    try:
        with without_gradients(f):
            y = applied(f, x)
        for k in range(directions):
            v = _normal(x, seed + k)
            w = product(partial(applied, f), x, v)
            again = product(partial(applied, f), y, w)
            defects.append(_defect(rows(v), rows(w), rows(again)))
    except Exception as error:  # noqa: BLE001 - no derivative, or x ± h lies where f raises what it likes
        return np.empty(0), f"not found: {str(error).splitlines()[0].rstrip('.')}"
    return np.concatenate(defects), how


def _defect(
    v: Float[np.ndarray, "batch n"], w: Float[np.ndarray, "batch n"], again: Float[np.ndarray, "batch n"]
) -> Float[np.ndarray, " kept"]:
    size = np.linalg.norm(w, axis=1)
    asked = ~(size <= _VANISHING * np.linalg.norm(v, axis=1))
    with np.errstate(all="ignore"):
        ratio = np.linalg.norm(again - w, axis=1)[asked] / size[asked]
    found: Float[np.ndarray, " kept"] = np.where(np.isfinite(ratio), ratio, np.inf)
    return found


def _normal(x: Array, seed: int) -> Array:
    library = framework(x)
    if library is not None:
        return library.normal(x, seed)
    xp = array_api_compat.array_namespace(x)
    drawn = np.random.default_rng(seed).standard_normal(tuple(x.shape))
    return xp.astype(xp.asarray(drawn), x.dtype)


def _differences(f: Callable[[Array], Array], x: Array, v: Array) -> Array:
    """J(x)v by central differences, each sample with a step of its own."""
    xp = array_api_compat.array_namespace(x)
    size, length = (np.linalg.norm(rows(part), axis=1) for part in (x, v))
    share = unit_roundoff(x) ** (1 / 3) * np.maximum(size, 1e-3) / np.where(length > 0, length, 1)
    step = xp.astype(xp.asarray(share.reshape(-1, *[1] * (x.ndim - 1))), x.dtype)
    return (f(x + step * v) - f(x - step * v)) / (2 * step)
