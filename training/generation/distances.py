"""How far the features of samples lie from those of data, as one number: Fréchet and kernel distance."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import scipy.linalg

from .rows import two_sets

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor

    from .rows import Rows

_NAMES = ("real", "samples")
_HALVINGS = 10


class Measured(NamedTuple):
    """A figure and its standard error."""

    value: float
    error: float


def frechet_distance(real: Float[Tensor, "n d"], samples: Float[Tensor, "n d"]) -> float:
    """Return the squared Fréchet distance of two normal distributions fitted to features.

    ‖μ − μ′‖² + tr(Σ + Σ′ − 2(ΣΣ′)^½), Σ with divisor n − 1.  With the centred features Q·R, Σ = RᵀR/(n − 1):
    the eigenvalues of ΣΣ′, and of the symmetric Σ^½Σ′Σ^½, are the squares of the singular values of
    RR′ᵀ/(n − 1), so tr (ΣΣ′)^½ is the sum of these.  No square root of a matrix is taken and no covariance is
    formed, so that digits are lost neither where it is singular nor where it is nearly so.

    The estimate is biased: two sets of one distribution are at a distance of order d²/n, not 0, and how much
    depends on the distribution.  So both sets must be of one size, figures are comparable at one size only,
    and `frechet_limit` takes the term in 1/n away.

    Args:
        real: features of data.
        samples: as many, of what is measured.

    Raises:
        ValueError: there are not more samples than features, not as many in both, or some are not finite.

    Cost: O(n·d² + d³).

    References: D. C. Dowson and B. V. Landau, The Fréchet distance between multivariate normal distributions,
    J. Multivariate Analysis 12 (1982); M. Heusel et al., GANs trained by a two time-scale update rule
    (NeurIPS 2017), eq. 6.

    >>> import torch
    >>> x = torch.randn(100, 3, generator=torch.Generator().manual_seed(0))
    >>> round(frechet_distance(x, x), 9), round(frechet_distance(x, x + torch.tensor([3.0, 0, 4])), 5)
    (0.0, 25.0)
    """
    return _frechet(*_enough(real, samples, 1))


def frechet_limit(real: Float[Tensor, "n d"], samples: Float[Tensor, "n d"], seed: int = 0) -> float:
    """Return the Fréchet distance extrapolated to endlessly many samples, FID∞.

    To leading order the bias is c/n.  With F(n) the distance of all samples and F(n/2) the mean over halves,
    2F(n) − F(n/2) has none of that order.  Both sets are halved at random, ten times, half against half.
    What is left varies around 0 where the distributions are one, and so may be negative.

    Args:
        real: features of data.
        samples: as many, of what is measured.
        seed: of the halvings.

    Raises:
        ValueError: as `frechet_distance`; a half must have more samples than features.

    Cost: 21 Fréchet distances.

    References: M. J. Chong and D. Forsyth, Effectively unbiased FID and Inception Score (CVPR 2020),
    where a line in 1/n is fitted over fifteen sizes of the samples alone.

    >>> import torch
    >>> x, y = torch.randn(2, 400, 8, generator=torch.Generator().manual_seed(0))
    >>> abs(frechet_limit(x, y)) < frechet_distance(x, y) / 2
    True
    """
    x, y = _enough(real, samples, 2)
    rng = np.random.default_rng(seed)
    halves = [
        _frechet(a, b)
        for _ in range(_HALVINGS)
        for a, b in zip(_parts(x, 2, rng), _parts(y, 2, rng), strict=True)
    ]
    return 2 * _frechet(x, y) - float(np.mean(halves))


def kernel_distance(
    real: Float[Tensor, "n d"], samples: Float[Tensor, "n d"], blocks: int = 10, seed: int = 0
) -> Measured:
    """Return the squared maximum mean discrepancy of features, KID, without bias, and its standard error.

    With k(x, y) = (x·y/d + 1)³, x_i of the data and y_i of the samples,

        mean_{i≠j} k(x_i, x_j) + mean_{i≠j} k(y_i, y_j) − 2 mean_{i,j} k(x_i, y_j)

    in each of disjoint random blocks; the value is their mean, the error their standard deviation over
    √blocks.  Its expectation does not depend on how many samples there are, and is 0 for one distribution,
    where the value itself is often negative.

    Args:
        real: features of data.
        samples: as many, of what is measured.
        blocks: at least 2, of at least 10 samples each.
        seed: of the blocks.

    Raises:
        ValueError: there are too few samples or blocks, not as many samples in both, or some are not finite.

    Cost: O(n²·d/blocks) and memory for (n/blocks)² numbers.

    References: M. Bińkowski et al., Demystifying MMD GANs (ICLR 2018), section 4; A. Gretton et al., A kernel
    two-sample test, JMLR 13 (2012), eq. 3.

    >>> import torch
    >>> x, y = torch.randn(2, 400, 8, generator=torch.Generator().manual_seed(0))
    >>> near, far = kernel_distance(x, y), kernel_distance(x, y + 1)
    >>> abs(near.value) < 3 * near.error, far.value > 10 * far.error
    (True, True)
    """
    if blocks < 2:
        raise ValueError(f"`blocks` must be at least 2, for a standard error; got {blocks}")
    x, y = two_sets(real, samples, _NAMES, 10 * blocks, equal=True)
    rng = np.random.default_rng(seed)
    found = [_discrepancy(a, b) for a, b in zip(_parts(x, blocks, rng), _parts(y, blocks, rng), strict=True)]
    return Measured(float(np.mean(found)), float(np.std(found, ddof=1) / np.sqrt(blocks)))


def _enough(real: Tensor, samples: Tensor, parts: int) -> tuple[Rows, Rows]:
    """Both as rows, each of `parts` parts with more samples than features."""
    x, y = two_sets(real, samples, _NAMES, 2 * parts, equal=True)
    count, features = x.shape
    if count // parts <= features:
        raise ValueError(
            f"expected more than {parts * features + parts - 1} samples for {features} features, or "
            f"covariances are singular by lack of samples; got {count}"
        )
    return x, y


def _frechet(x: Rows, y: Rows) -> float:
    apart = x.mean(0) - y.mean(0)
    R, S = _factor(x), _factor(y)
    common = scipy.linalg.svdvals(R @ S.T).sum()
    return float(apart @ apart + (R * R).sum() + (S * S).sum() - 2 * common)


def _factor(x: Rows) -> Rows:
    """R with RᵀR the covariance of x."""
    R: Rows = np.asarray(np.linalg.qr((x - x.mean(0)) / np.sqrt(len(x) - 1), mode="r"))
    return R


def _parts(x: Rows, count: int, rng: np.random.Generator) -> list[Rows]:
    return np.array_split(rng.permutation(x), count)


def _discrepancy(x: Rows, y: Rows) -> float:
    own = sum((k.sum() - np.trace(k)) / (len(k) * (len(k) - 1)) for k in (_kernel(x, x), _kernel(y, y)))
    return float(own - 2 * _kernel(x, y).mean())


def _kernel(x: Rows, y: Rows) -> Float[np.ndarray, "n m"]:
    k: Rows = (x @ y.T / x.shape[1] + 1) ** 3
    return k
