"""How much of the samples lies among the data, and of the data among the samples.

A set's manifold is the union of balls around its members, each as far as its k-th nearest neighbour there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from sklearn.metrics import pairwise_distances_chunked
from sklearn.neighbors import NearestNeighbors

from .rows import two_sets

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jaxtyping import Bool, Float
    from torch import Tensor

    from .rows import Rows

_NAMES = ("real", "samples")
_MEBIBYTES = 64
"""What a block of distances may take."""


class PrecisionRecall(NamedTuple):
    """Shares from 0 to 1: of the samples that are like data, of the data that are like samples."""

    precision: float
    recall: float


class DensityCoverage(NamedTuple):
    """Density: about 1 for one distribution, without bound; coverage: a share from 0 to 1."""

    density: float
    coverage: float


def precision_recall(
    real: Float[Tensor, "n d"], samples: Float[Tensor, "m d"], k: int = 3
) -> PrecisionRecall:
    """Return improved precision and recall: what lies within the other set's manifold.

    With B_k(x) the ball around x as far as its k-th nearest neighbour in its own set,

    - precision: the share of samples y with y ∈ B_k(x) for some x of the data;
    - recall: the share of data x with x ∈ B_k(y) for some sample y.

    Fidelity and diversity apart: a sampler that drops modes keeps its precision and loses recall.  Precision
    alone is worth nothing: one good picture, repeated, has 1.  A single outlier with a wide ball raises
    either; `density_coverage` is less easily moved.

    Args:
        real: features of data.
        samples: features of what is measured.
        k: which neighbour.

    Raises:
        ValueError: k is not positive, a set has no k-th neighbours, sizes do not match, or some numbers are
            not finite.

    Cost: O((n² + m² + nm)·d), in blocks of at most 64 MiB.

    References: T. Kynkäänniemi et al., Improved precision and recall metric for assessing generative models
    (NeurIPS 2019), eqs. 1 and 2.

    >>> import torch
    >>> x = torch.randn(200, 2, generator=torch.Generator().manual_seed(0))
    >>> found = precision_recall(x, x[x[:, 0] > 0])
    >>> found.precision, 0.4 < found.recall < 0.7
    (1.0, True)
    """
    x, y = _checked(real, samples, k)
    return PrecisionRecall(_covered(x, y, k), _covered(y, x, k))


def density_coverage(
    real: Float[Tensor, "n d"], samples: Float[Tensor, "m d"], k: int = 5
) -> DensityCoverage:
    """Return density and coverage: how often samples fall in the data's balls, and in how many.

    With B_k(x) the ball around x as far as its k-th nearest neighbour among the data,

    - density: Σ_y #{x : y ∈ B_k(x)} / (k·m);
    - coverage: the share of data x with some sample in B_k(x).

    Only the data's balls count, so that outliers among the samples cannot help.  Two sets of one distribution
    and size have expected density 1 and coverage near 1 − 2⁻ᵏ.

    Args:
        real: features of data.
        samples: features of what is measured.
        k: which neighbour.

    Raises:
        ValueError: as `precision_recall`.

    Cost: O((n² + nm)·d), in blocks of at most 64 MiB.

    References: M. F. Naeem et al., Reliable fidelity and diversity metrics for generative models (ICML 2020),
    section 3.

    >>> import torch
    >>> x, y = torch.randn(2, 500, 4, generator=torch.Generator().manual_seed(0))
    >>> found = density_coverage(x, y)
    >>> 0.8 < found.density < 1.2, found.coverage > 0.9
    (True, True)
    """
    x, y = _checked(real, samples, k)
    within, reached = 0, np.zeros(len(x), dtype=bool)
    for block in _within(x, y, k):
        within += int(block.sum())
        reached |= block.any(0)
    return DensityCoverage(within / (k * len(y)), float(reached.mean()))


def _checked(real: Tensor, samples: Tensor, k: int) -> tuple[Rows, Rows]:
    if k < 1:
        raise ValueError(f"`k` must be at least 1; got {k}")
    return two_sets(real, samples, _NAMES, k + 1)


def _covered(centres: Rows, points: Rows, k: int) -> float:
    """The share of points that lie in a ball."""
    return sum(int(block.any(1).sum()) for block in _within(centres, points, k)) / len(points)


def _within(centres: Rows, points: Rows, k: int) -> Iterator[Bool[np.ndarray, "block centre"]]:
    """Which points (rows, in blocks) lie in which balls."""
    tree = NearestNeighbors(n_neighbors=k, algorithm="brute").fit(centres)
    radii = tree.kneighbors()[0][:, -1]  # of no rows, so that none is its own neighbour
    for distances in pairwise_distances_chunked(points, centres, working_memory=_MEBIBYTES):
        yield distances <= radii
