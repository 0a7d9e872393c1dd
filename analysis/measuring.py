"""What is measured of a batch: relative idempotent errors, and variances as batches come."""

from __future__ import annotations

from typing import TYPE_CHECKING

import array_api_compat
import numpy as np

from .values import doubles

if TYPE_CHECKING:
    from collections.abc import Callable

    from jaxtyping import Float, Inexact

    from corrector.evaluation import Array


def applied(f: Callable[[Array], Array], x: Array) -> Array:
    """Return f(x), which must be an array of the shape of x.

    f gets a copy, and what it gives is copied: it may work in place, or hand out one buffer again.
    """
    y = f(_copy(x))
    if not array_api_compat.is_array_api_obj(y):
        raise TypeError(f"`f` must return an array; got {type(y).__name__}")
    if tuple(y.shape) != tuple(x.shape):
        raise ValueError(
            f"`f` must keep the shape of its input: expected {tuple(x.shape)}; got {tuple(y.shape)}"
        )
    return _copy(y)


def _copy(x: Array) -> Array:
    """A copy that gradients pass through."""
    return x * 1


def rows(x: Array) -> Inexact[np.ndarray, "batch n"]:
    """Return a batch as doubles on the host, flattened to a row a sample."""
    return doubles(x).reshape(len(x), -1)


def relative_errors(y: Array, z: Array) -> Float[np.ndarray, " batch"]:
    """Return ‖z − y‖/‖y‖ of each sample; 0 where z = y = 0, ∞ where z is not finite or y alone is 0.

    >>> y = np.array([[3.0, 4.0], [0, 0], [0, 0]])
    >>> relative_errors(y, np.array([[3.0, 3.0], [0, 0], [0, 1]]))
    array([0.2, 0. , inf])
    """
    p, q = rows(y), rows(z)
    with np.errstate(all="ignore"):
        off, size = np.linalg.norm(q - p, axis=1), np.linalg.norm(p, axis=1)
        ratio = np.where(off == 0, 0.0, off / size)
    found: Float[np.ndarray, " batch"] = np.where(np.isfinite(ratio), ratio, np.inf)
    return found


class Spread:
    """Σ‖x − x̄‖² of rows that come in batches, without cancellation.

    References: T. F. Chan, G. H. Golub and R. J. LeVeque, Algorithms for computing the sample
    variance (The American Statistician 37, 1983), eq. 2.1.
    """

    def __init__(self) -> None:
        self.count, self.mean, self.total = 0, np.float64(0), 0.0

    def add(self, batch: Inexact[np.ndarray, "batch n"]) -> None:
        """Let a batch join."""
        with np.errstate(all="ignore"):
            mean, count = batch.mean(0), len(batch)
            shift, share = mean - self.mean, count / (self.count + count)
            self.total += float(np.square(np.abs(batch - mean)).sum())
            self.total += self.count * share * float(np.square(np.abs(shift)).sum())
            self.mean = self.mean + share * shift
        self.count += count
