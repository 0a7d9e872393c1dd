r"""Where the spectrum of a linear network ends, predicted from where it begins.

For f(x) = Wx the modified rule's step on a batch x is W ← W + η (g(W) − W) S, S = xxᵀ/B, whose mean over
batches from N(0, I) is I.  Every power of W commutes with W, so with S = I the eigenvectors stay, and for
small η each eigenvalue follows, for g = 3x² − 2x³,

    λ' = g(λ) − λ = −λ(1 − λ)(1 − 2λ).

0 and 1 attract, ½ repels.  On the line λ = ½ + is the right side is 2is(¼ + s²), along the line: no
trajectory crosses it.  To its right the flow ends at 1, to its left at 0: the final rank is the number of
eigenvalues with real part above ½.  Steps of finite length, and S ≠ I, blur the line.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from analysis.progress import silent
from corrector import MCWEENY
from training.ensemble import Ensemble
from training.networks import network
from training.rules.loss import idempotency_loss

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jaxtyping import Complex, Float, Int
    from torch import Tensor

    from analysis.progress import Progress
    from corrector import Corrector

RATES = {0.02: 1500, 0.05: 600, 0.1: 300}
"""Learning rates with the steps after which runs have mostly arrived: both together are alike."""
IDEMPOTENT = 1e-3
"""‖W² − W‖ below which a run has arrived: its trace is then a rank to a thousandth or so."""


@dataclass(frozen=True)
class Spectra:
    """Linear networks before and after training by the modified rule.

    Attributes:
        first, last: their matrices, shape (run, m, m).
    """

    first: Float[np.ndarray, "run m m"]
    last: Float[np.ndarray, "run m m"]

    @property
    def eigenvalues(self) -> Complex[np.ndarray, "run m"]:
        """The first spectra."""
        return np.linalg.eigvals(self.first)

    def last_eigenvalues(self) -> Complex[np.ndarray, "run m"]:
        """Return where each of the first eigenvalues has gone, by its first eigenvectors: uᴴWv/uᴴv.

        Exact while the eigenvectors stay; at a projector it is off by the square of what they turned.
        """
        _, v = np.linalg.eig(self.first)
        u = np.linalg.inv(v)  # its rows are the left ones, with uᴴv = 1
        moved: Complex[np.ndarray, "run m"] = np.einsum("rim,rmn,rni->ri", u, self.last, v)
        return moved

    @property
    def predicted(self) -> Int[np.ndarray, " run"]:
        """The final rank that the flow predicts."""
        found: Int[np.ndarray, " run"] = (self.eigenvalues.real > 0.5).sum(1)
        return found

    @property
    def arrived(self) -> np.ndarray:
        """Whether the last matrix is idempotent, within `IDEMPOTENT`; not where a run diverged."""
        with np.errstate(all="ignore"):
            left = np.linalg.norm(self.last @ self.last - self.last, axis=(1, 2))
        found: np.ndarray = left < IDEMPOTENT
        return found

    @property
    def reached(self) -> Int[np.ndarray, " run"]:
        """The rank of the last matrix, its trace; −1 where the run has not arrived."""
        trace = np.where(self.arrived, np.trace(self.last, axis1=1, axis2=2), -1)
        return trace.round().astype(int)

    @property
    def share(self) -> float:
        """The share of runs that end idempotent and of the predicted rank."""
        return float((self.reached == self.predicted).mean())


def trained(
    seeds: Sequence[int],
    *,
    rate: float = 0.02,
    batch: int = 1000,
    steps: int = 1500,
    g: Corrector = MCWEENY,
    name: str = "N1",
    progress: Progress = silent,
) -> Spectra:
    """Train linear networks of one matrix by the modified rule, all side by side; return their matrices.

    A batch counts only by S = xxᵀ/B, which Bartlett's factor draws with m² numbers: A lower triangular, A_ii²
    from χ² with B − i degrees of freedom, the rest from N(0, 1), has AAᵀ distributed as xxᵀ.  So each step
    applies the rule to m inputs, the rows of √(m/B)·Aᵀ, of which S is the same.

    Args:
        seeds: of the initial weights; one run each.
        rate: η, of SGD, with reduction "half_sum".
        batch: B.
        steps: how many.
        g: the corrector.
        name: a linear network with one square matrix.
        progress: is called now and then with the share that is done.

    Cost: of each step, four passes with m inputs for each run.

    References: M. S. Bartlett, On the theory of statistical regression, Proc. Roy. Soc. Edinburgh 53 (1933).

    >>> trained(range(50)).share
    1.0
    """
    ensemble = Ensemble(lambda: network(name).double(), seeds)
    W, *others = ensemble.parameters.values()
    if others or W.ndim != 3 or W.shape[1] != W.shape[2]:
        raise ValueError(f"`name` must be a network of one square matrix; got {name}")
    first = W.detach().clone()
    generator = torch.Generator().manual_seed(0)
    for step in range(steps):
        x = _rows(len(first), W.shape[1], batch, generator)
        (slope,) = torch.autograd.grad(ensemble.map(lambda f, x: idempotency_loss(f, f(x), g), x).sum(), W)
        with torch.no_grad():
            W -= rate * slope
        progress((step + 1) / steps)
    return Spectra(first.numpy(), W.detach().numpy())


def _rows(runs: int, m: int, batch: int, generator: torch.Generator) -> Float[Tensor, "run m m"]:
    """Inputs with as much xxᵀ/m as `batch` draws from N(0, I) have xxᵀ/batch."""
    if batch < m:
        raise ValueError(f"`batch` must be at least the number of features, {m}; got {batch}")
    degrees = torch.arange(batch, batch - m, -1, dtype=torch.float64).expand(runs, m)
    squares = 2 * torch._standard_gamma(degrees / 2, generator=generator)  # noqa: SLF001 - the public one takes none
    lower = torch.randn(runs, m, m, generator=generator, dtype=torch.float64).tril(-1)
    return math.sqrt(m / batch) * (lower + torch.diag_embed(squares.sqrt())).mT
