"""How much of an error the arithmetic explains, and whether it or the mathematics is at fault."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .differences import distance, norm
from .frameworks import framework
from .values import Leaf, copied, leaves, mismatch, shaken

if TYPE_CHECKING:
    from collections.abc import Callable

_ULPS = 64
"""Units of round-off, times √size and the largest number, that an error may always have; at most √u/2."""
_SHAKE, _GROWTH = 8, 32
"""How many units of round-off f(x) is moved by to see how f answers, and what its answer counts times."""
_FAITHFUL = 0.1
"""Share of an error that, left in higher precision, is f's own and not that of its arithmetic."""


def explained(f: Callable[[Any], Any], x: Any, y: Any, z: Any, at: Any) -> list[float]:
    """Return how far each leaf of z, the value of f at `at`, may be from that of y by rounding alone.

    min(64u, √u/2)·√size times the largest number in x and y; and, where z differs from y at all, 32
    times what f makes of a shift of `at` by 8 units of round-off, at most √u·‖y‖.
    """
    ours, others = leaves(y), leaves(z)
    scale = max((leaf.scale for leaf in (*ours, *leaves(x))), default=0.0)
    differ = any(0 < distance(a, b) < np.inf for a, b in zip(ours, others, strict=True) if a.roundoff)
    grown = _sensitivity(f, at, others, scale) if differ else [0.0] * len(ours)
    return [_limit(a, scale, by) if a.roundoff else 0.0 for a, by in zip(ours, grown, strict=True)]


def _limit(leaf: Leaf, scale: float, grown: float) -> float:
    u = leaf.roundoff
    own = min(_ULPS * u, float(np.sqrt(u)) / 2) * scale * float(np.sqrt(leaf.content.size))
    return own + min(_GROWTH * grown, float(np.sqrt(u)) * norm(leaf))


def _sensitivity(f: Callable[[Any], Any], at: Any, z: list[Leaf], scale: float) -> list[float]:
    """How far each leaf of f goes from z when each number of `at` is moved by units of round-off, twice."""
    rng = np.random.default_rng(0)
    farthest = [0.0] * len(z)
    for _ in range(2):
        try:
            image = leaves(copied(f(shaken(copied(at), _SHAKE, scale, rng))))
        except Exception:  # noqa: BLE001 - an f that takes no other values than its own
            return farthest
        if mismatch(z, image) is None:
            grown = [distance(a, b) if a.roundoff else 0.0 for a, b in zip(z, image, strict=True)]
            farthest = [max(pair) for pair in zip(farthest, grown, strict=True)]
    return farthest


def cause(f: Any, x: Any, error: float, leaf: Leaf) -> str:
    """Return whether the error stays when all is computed to more digits; "" where that cannot be done."""
    try:
        finer, wide, name = _finer(f, x)
        y = copied(finer(wide))
        z = copied(finer(copied(y)))
    except Exception:  # noqa: BLE001 - then it cannot be told
        return ""
    pairs = zip(leaves(y), leaves(z), strict=False)
    found = next(((a, b) for a, b in pairs if a.path == leaf.path), None)
    if found is None or not 0 < found[0].roundoff < leaf.roundoff or found[0].kind != found[1].kind:
        return ""
    left = distance(*found)
    if left <= _FAITHFUL * error:
        return f"arithmetic: in {name} it is {left:.3g}"
    return f"mathematics: in {name} it is still {left:.3g}"


def _finer(f: Any, x: Any) -> tuple[Any, Any, str]:
    """F and x in a wider dtype, and its name."""
    library = framework(f) or framework(x)
    if library is not None:
        return library.moved(f, "float64", None), library.moved(x, "float64", None), "float64"
    if not (isinstance(x, np.ndarray | np.generic) and x.dtype.kind == "f"):
        raise TypeError("no wider dtype")
    wide = "float64" if x.dtype.itemsize < 8 else "longdouble"
    return f, x.astype(wide), wide


def by_size(error: float, allowed: float) -> str:
    """Return which of the two is at fault, as far as the size of the error tells."""
    return "mathematics" if error > 1e3 * allowed else "perhaps arithmetic"
