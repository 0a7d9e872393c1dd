"""The worst input near the data, by following the gradient of the relative error."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import array_api_compat
import numpy as np

from .arrays import unit_roundoff
from .frameworks import framework
from .measuring import applied, relative_errors, rows

if TYPE_CHECKING:
    from collections.abc import Callable

    from jaxtyping import Float

    from corrector.evaluation import Array


@dataclass(frozen=True, eq=False)
class Search:
    """What a search for the worst input found: a lower bound of what there is.

    Attributes:
        error: the largest relative error found.
        start: that of the input it set out from.
        distance: how far it went, as a share of that input's norm.
        reach: how far it might have gone.
        x, y, z: the input found, f(x) and f(f(x)).
        origin: the input it set out from.
    """

    error: float
    start: float
    distance: float
    reach: float
    x: Float[np.ndarray, "*sample"]
    y: Float[np.ndarray, "*sample"]
    z: Float[np.ndarray, "*sample"]
    origin: Float[np.ndarray, "*sample"]


def worst_input(
    f: Callable[[Array], Array], x: Array, steps: int, reach: float, span: tuple[Any, Any]
) -> Search | str:
    """Return the input of the largest relative error found from these, or why there was no search.

    Projected gradient ascent on log(‖f(f(x)) − f(x)‖²/‖f(x)‖²), from each input by itself, with
    steps of falling length along the normalised gradient; within `reach`·‖x‖ of where it set out,
    and within the span that the data have in each number.

    Cost: about six passes a step.
    """
    library = framework(x)
    if not steps:
        return "not asked for"
    if library is None:
        return f"not made: {type(x).__name__} has no gradients"
    xp = array_api_compat.array_namespace(x)
    shape = (-1, *[1] * (x.ndim - 1))
    radius = reach * xp.reshape(_norms(x), shape)
    low, high = (library.tensor(end.reshape(1, *x.shape[1:]), x, None, None) for end in span)
    best, at = np.full(len(x), -np.inf), doubled(x)
    now = x
    try:
        for step in range(steps + 1):
            values, gradient = library.slope(lambda batch: _objective(f, batch), now)
            found = rows(values)[:, 0]
            found = np.where(np.isnan(found), np.inf, found)  # f(f(x)) or f(x) overflowed
            better = found > best
            best, at = np.where(better, found, best), np.where(better.reshape(shape), doubled(now), at)
            length = radius * (2.5 / steps * (1 - step / (steps + 1)) + 1e-3)
            slope = xp.reshape(_norms(gradient), shape)
            toward = xp.where(xp.isfinite(gradient) & (slope > 0), gradient / slope, xp.zeros_like(gradient))
            now = _within(now + length * toward, x, radius, (low, high))
    except (RuntimeError, NotImplementedError) as error:  # what torch raises where there is no derivative
        return f"not made: {str(error).splitlines()[0].rstrip('.')}"
    i = int(np.argmax(best))
    pair = library.tensor(np.stack([at[i], doubled(x)[i]]), x, None, None)
    with library.without_gradients():
        y = applied(f, pair)
        z = applied(f, y)
    ended, began = map(float, relative_errors(y, z))
    origin = doubled(x)[i]
    size = float(np.linalg.norm(origin))
    return Search(
        error=ended,
        start=began,
        distance=float(np.linalg.norm(at[i] - origin)) / size if size else 0.0,
        reach=reach,
        x=at[i],
        y=doubled(y)[0],
        z=doubled(z)[0],
        origin=origin,
    )


def doubled(x: Array) -> Float[np.ndarray, "batch *sample"]:
    """Return a batch as doubles on the host."""
    return rows(x).reshape(tuple(x.shape))


def _objective(f: Callable[[Array], Array], x: Array) -> Float[Array, " batch"]:
    y = applied(f, x)
    xp = array_api_compat.array_namespace(y)
    squares = [_squares(part) + 1e-30 for part in (_wide(applied(f, y)) - _wide(y), _wide(y))]
    return xp.log(squares[0]) - xp.log(squares[1])


def _wide(x: Array) -> Array:
    """Half precision in single, where squares neither overflow nor vanish."""
    xp = array_api_compat.array_namespace(x)
    return xp.astype(x, xp.float32) if unit_roundoff(x) > 2.0**-24 else x


def _squares(x: Array) -> Float[Array, " batch"]:
    xp = array_api_compat.array_namespace(x)
    return xp.sum(xp.reshape(x * x, (x.shape[0], -1)), axis=1)


def _norms(x: Array) -> Float[Array, " batch"]:
    xp = array_api_compat.array_namespace(x)
    return xp.sqrt(_squares(x))


def _within(x: Array, centre: Array, radius: Any, span: tuple[Array, Array]) -> Array:
    """The nearest point in the span, brought back into the ball towards its centre."""
    xp = array_api_compat.array_namespace(x)
    x = xp.minimum(xp.maximum(x, span[0]), span[1])
    off = x - centre
    size = xp.reshape(_norms(off), radius.shape)
    shrink = radius / xp.where(size > radius, size, radius + (radius == 0))
    return centre + off * xp.where(size > radius, shrink, xp.ones_like(size))
