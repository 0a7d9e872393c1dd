"""Whether pictures are new: nearest neighbours among the training pictures, and among themselves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import stats
from sklearn.neighbors import NearestNeighbors

from .rows import two_sets

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor

    from .rows import Rows

    Distances = Float[np.ndarray, " n"]

SHARE = 0.01
"""The share of the real pictures that counts as very near; what new pictures are expected to have."""
_RESAMPLES = 999


@dataclass(frozen=True)
class Nearness:
    """How near pictures lie to something, by their distances d, beside real pictures' distances d′ to it.

    Attributes:
        ratio: median d over median d′; 1 is as real pictures, 0 a copy.
        low, high: its 95 % bootstrap interval, by percentiles.
        z: of the Mann–Whitney test, standard normal where d and d′ have one distribution; far below 0 the
            pictures are nearer than real ones.
        share: of the pictures that are nearer than 99 % of the real ones, so about 0.01 of real ones.  It
            sees a few copies among many pictures that are new, which the median and z do not.
    """

    ratio: float
    low: float
    high: float
    z: float
    share: float

    def __str__(self) -> str:
        return f"{self.ratio:.3g} ({self.low:.3g}–{self.high:.3g})"


def memorisation(
    samples: Float[Tensor, "n *sample"],
    train: Float[Tensor, "t *sample"],
    held_out: Float[Tensor, "m *sample"],
    seed: int = 0,
) -> Nearness:
    """Return how near samples lie to training pictures, beside pictures that nothing was trained on.

    Distances are Euclidean, to the nearest training picture.  Of pictures as they are, not of features, to
    which two fives in the same hand are one: a copy is what looks the same.  So a copy that is shifted by a
    pixel is not found.  A blurred picture is near many, and may lie nearer than a held-out one without being
    a copy: read this beside precision.

    Args:
        samples: pictures of any shape.
        train: what was trained on, all of it: less of it is farther away.
        held_out: real pictures that were not trained on.
        seed: of the bootstrap.

    Raises:
        ValueError: a set has fewer than two pictures, sizes do not match, or some are not finite.

    Cost: O((n + m)·t·d), in small blocks.

    References: C. Meehan, K. Chaudhuri and S. Dasgupta, A non-parametric test to detect data-copying in
    generative models (AISTATS 2020): z is its statistic with one cell, the whole space.

    >>> import torch
    >>> train, new, other = torch.randn(3, 200, 8, generator=torch.Generator().manual_seed(0))
    >>> memorisation(train + 0.01, train, new).ratio < 0.03
    True
    >>> memorisation(other, train, new).ratio > 0.9
    True
    """
    x, t = two_sets(samples, train, ("samples", "train"), 2)
    y, _ = two_sets(held_out, train, ("held_out", "train"), 2)
    return compared(nearest(x, t), nearest(y, t), seed)


def duplicates(
    samples: Float[Tensor, "n *sample"], real: Float[Tensor, "n *sample"], seed: int = 0
) -> Nearness:
    """Return how near samples lie to each other, beside as many real pictures to each other.

    Distances are Euclidean, of each picture to the nearest other one of its set.  They shrink as sets grow,
    so both must be of one size.  A mutual pair counts twice, so that z and the interval claim up to twice the
    samples there are.

    Args:
        samples: pictures of any shape.
        real: as many real ones.
        seed: of the bootstrap.

    Raises:
        ValueError: a set has fewer than two pictures, sizes or numbers do not match, or some are not finite.

    Cost: O(n²·d), in small blocks.

    >>> import torch
    >>> x, y = torch.randn(2, 200, 8, generator=torch.Generator().manual_seed(0))
    >>> duplicates(torch.cat([y[:100], y[:100]]), x).share, duplicates(y, x).share < 0.05
    (1.0, True)
    """
    x, y = two_sets(samples, real, ("samples", "real"), 2, equal=True)
    return compared(nearest(x), nearest(y), seed)


def nearest(x: Rows, among: Rows | None = None) -> Distances:
    """Return the distance of each row to the nearest of another set, or to the nearest other of its own."""
    tree = NearestNeighbors(n_neighbors=1, algorithm="brute").fit(x if among is None else among)
    if among is None:
        found: Distances = tree.kneighbors()[0][:, 0]
        return found
    different, where = np.unique(x, axis=0, return_inverse=True)  # of pictures that collapsed there is one
    found = tree.kneighbors(different)[0][:, 0]
    return found[where.reshape(-1)]


def compared(distances: Distances, real: Distances, seed: int) -> Nearness:
    """Return how distances compare with those of real pictures; ratios are nan where most real ones are 0."""
    n, m = len(distances), len(real)
    above = float(stats.mannwhitneyu(distances, real).statistic)
    z = (above - n * m / 2) / np.sqrt(n * m * (n + m + 1) / 12)
    share = float((distances < np.quantile(real, SHARE)).mean())
    rng = np.random.default_rng(seed)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = float(np.median(distances) / np.median(real))
        ratios = _medians(distances, rng) / _medians(real, rng)
    low, high = np.quantile(ratios, (0.025, 0.975)).tolist()
    return Nearness(ratio, low, high, float(z), share)


def _medians(values: Distances, rng: np.random.Generator) -> Distances:
    """Of sets drawn anew from the values."""
    return np.asarray(np.median(rng.choice(values, (_RESAMPLES, len(values))), axis=1))
