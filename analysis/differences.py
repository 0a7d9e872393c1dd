"""How far two values of one kind are apart, and how that is told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .values import counts, equal_leaves, is_whole, leaves, mismatch, shown

if TYPE_CHECKING:
    from .values import Leaf


def distance(a: Leaf, b: Leaf) -> float:
    """Return ‖b − a‖ of two leaves of one kind; 0 or ∞ where they are no numbers or not finite alike."""
    if not a.roundoff:
        if equal_leaves(a, b):
            return 0.0
        return _length(counts(b.content) - counts(a.content)) if is_whole(a.content) else float("inf")
    p, q = np.asarray(a.content).ravel(), np.asarray(b.content).ravel()
    rest = ~np.isfinite(p)
    if not np.array_equal(p[rest], q[rest], equal_nan=True) or not np.isfinite(q[~rest]).all():
        return float("inf")
    with np.errstate(over="ignore"):
        return _length(q[~rest] - p[~rest])


def norm(leaf: Leaf) -> float:
    """Return the Euclidean norm of a leaf's finite numbers."""
    numbers = np.asarray(leaf.content).ravel()
    return _length(numbers[np.isfinite(numbers)])


def _length(v: np.ndarray[Any, Any]) -> float:
    """‖v‖, which does not overflow before it has to."""
    most = float(np.abs(v).max(initial=0))
    if not 0 < most < np.inf:
        return most
    return most * float(np.linalg.norm((v / most).astype(complex if v.dtype.kind == "c" else float)))


def severity(error: float, allowed: float) -> float:
    """Return how many times an error exceeds what is allowed."""
    return (error / allowed if allowed else float("inf")) if error else 0.0


def apart(a: Any, b: Any) -> str:
    """Return in words how far two values are apart: a number where they are numbers."""
    ours, others = leaves(a), leaves(b)
    if (where := mismatch(ours, others)) is not None:
        return where
    errors = [distance(p, q) for p, q in zip(ours, others, strict=True) if p.roundoff]
    largest = max(errors, default=float("inf"))
    return f"{largest:.3g}" if 0 < largest < float("inf") else pair(a, b)


def steps(a: Leaf, b: Leaf) -> str:
    """Return how many whole numbers differ, and by how much at most; themselves where they are few."""
    off = np.abs(counts(b.content) - counts(a.content))
    words = f"{np.count_nonzero(off)} of {off.size} whole numbers differ, by at most {off.max():g}"
    return words if off.size > 20 else f"{words}: {pair(a.content, b.content)}"


def pair(y: Any, z: Any) -> str:
    """Return two values one after the other."""
    return f"f(x) = {shown(y, 500)}, and then {shown(z, 500)}"
