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
"""Units of round-off, of ‖y‖, that an error may always have; at most √u/2 of it."""
_SHAKE = 8
"""Units of round-off that numbers are moved by to see how f answers."""
_GROWTH_Y, _GROWTH_X = 32, 8
"""How many times the answer counts, at f(x) and at x."""
_FAITHFUL = 0.1
"""Share of an error that, left in higher precision, is f's own and not that of its arithmetic."""


def explained(f: Callable[[Any], Any], x: Any, y: Any, z: Any, at: Any) -> list[float]:
    """Return how far each leaf of z, the value of f at `at`, may be from that of y by rounding alone.

    min(64u, √u/2)·‖y‖; and, where z differs from y at all, 32 times what f makes of a shift of `at` by 8
    units of round-off of its largest number, at most √u·‖y‖, and 8 times what it makes of a shift of each
    number of x by as many of its own, for y has the rounding of a function of x, at most √u·‖x‖.
    """
    ours, others = leaves(y), leaves(z)
    differ = any(0 < distance(a, b) < np.inf for a, b in zip(ours, others, strict=True) if a.roundoff)
    at_y = _sensitivity(f, at, others, each=False) if differ else [0.0] * len(ours)
    at_x = _sensitivity(f, x, ours, each=True) if differ else [0.0] * len(ours)
    size_x = float(np.hypot.reduce([norm(leaf) for leaf in leaves(x) if leaf.roundoff], initial=0.0))
    return [
        _limit(a, of_y, of_x, size_x) if a.roundoff else 0.0
        for a, of_y, of_x in zip(ours, at_y, at_x, strict=True)
    ]


def _limit(y: Leaf, of_y: float, of_x: float, size_x: float) -> float:
    u, root, size = y.roundoff, float(np.sqrt(y.roundoff)), norm(y)
    own = min(_ULPS * u, root / 2) * size
    return own + min(_GROWTH_Y * of_y, root * size) + min(_GROWTH_X * of_x, root * size_x)


def _sensitivity(f: Callable[[Any], Any], at: Any, value: list[Leaf], *, each: bool) -> list[float]:
    """How far each leaf of f goes from this value when numbers of `at` move by units of round-off, twice."""
    rng = np.random.default_rng(0)
    farthest = [0.0] * len(value)
    for _ in range(2):
        try:
            image = leaves(copied(f(shaken(copied(at), _SHAKE, rng, each=each))))
        except Exception:  # noqa: BLE001 - f may refuse, as it likes, other values than these
            return farthest
        if mismatch(value, image) is None:
            grown = [distance(a, b) if a.roundoff else 0.0 for a, b in zip(value, image, strict=True)]
            farthest = [
                g if np.isfinite(g) and g > far else far for far, g in zip(farthest, grown, strict=True)
            ]
    return farthest


def cause(f: Any, x: Any, error: float, leaf: Leaf) -> str:
    """Return whether the error stays when all is computed to more digits; "" where that cannot be done."""
    try:
        finer, wide, name = _finer(f, x)
        y = copied(finer(wide))
        z = copied(finer(copied(y)))
    except Exception:  # noqa: BLE001 - f may refuse finer numbers as it likes: then the cause is not told
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
