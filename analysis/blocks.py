r"""The sizes of a matrix's Jordan blocks, from ranks.

With w_k = dim ker (K − λI)^k − dim ker (K − λI)^{k−1}, the *Weyr characteristic* of λ, the number of
blocks of size k or more is w_k: the list of block sizes is the partition conjugate to w.

For exact K the ranks are exact, and λ is given by the irreducible factor p of the minimal polynomial
whose root it is: all d roots of p have the same blocks, and dim ker p(K)^k is the sum over them.

For floating K no rank is certain, since matrices with other blocks lie as near as one likes.  What
can be found is a matrix *near* K with blocks larger than generic, and how near:

1. The eigenvalues are grouped, and a reordered Schur form gives an orthonormal basis of the invariant
   subspace of each group.  In it K − λI, λ the mean of the group, is an almost nilpotent matrix N.
2. Of N's singular values some are taken for 0, w_1 in number.  In a basis whose first w_1 vectors
   are the right singular vectors that belong to these, N = [[≈0, *], [≈0, N']]; N' acts on the
   quotient by the kernel of N, and the number of its singular values taken for 0 is w_2; and so on.

With the singular values taken for 0 replaced by 0 the structure is exact, so that it belongs to a
matrix within √(Σσ²) of K.

References: V. N. Kublanovskaya, *On a method of solving the complete eigenvalue problem for a
degenerate matrix*, USSR Comput. Math. Math. Phys. 6 (1966) 1–14; G. H. Golub and J. H. Wilkinson,
*Ill-conditioned eigensystems and the computation of the Jordan canonical form*, SIAM Rev. 18 (1976)
578–619; H. Shapiro, *The Weyr characteristic*, Amer. Math. Monthly 106 (1999) 919–929.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.linalg
from flint import acb, fmpq_mat, fmpq_poly

from corrector import Polynomial
from corrector.arithmetic import gathered
from corrector.rational import from_flint
from corrector.typesetting import subscript

from .arguments import real_number
from .arrays import in_double, unit_roundoff
from .matrices import given_matrix, multiple_at
from .typesetting import decimal

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from jaxtyping import Bool, Complex, Num

    from corrector.evaluation import Array

_CLEAR = 1e3
"""The gap from which a rank decision counts as clear-cut."""

_NOISY = 10
"""How far above the noise it may then discard: a faint coupling is no rounding."""


@dataclass(frozen=True)
class RankDecision:
    """How many singular values of a matrix were taken for 0, and how clear-cut that was.

    Attributes:
        nullity: how many, of how many `size`.
        discarded: the largest of these.
        kept: the smallest of the others; where there is none, the radius within which eigenvalues
            were grouped, since a coupling below it would be as small as the differences overlooked.
        noise: about the most that rounding the entries of K can put in the place of 0.
    """

    nullity: int
    size: int
    discarded: float
    kept: float
    noise: float

    @property
    def clear(self) -> bool:
        """Whether the gap is 10³ or more, and what is discarded at most ten times the noise."""
        return self.gap >= _CLEAR and self.discarded <= _NOISY * self.noise

    @property
    def gap(self) -> float:
        """kept/discarded, or kept/noise where what is discarded lies below the noise."""
        below = max(self.discarded, self.noise)
        return self.kept / below if below else math.inf

    def __str__(self) -> str:
        said = f"{self.nullity} of {self.size} taken for 0: {self.discarded:.1e} | {self.kept:.1e}"
        return f"{said}, gap {self.gap:.1e}{'' if self.clear else ', not clear-cut'}"


@dataclass(frozen=True)
class Blocks:
    """The Jordan blocks at one eigenvalue, or at each of several conjugate ones.

    Attributes:
        eigenvalues: the roots of `factor`; for a floating matrix the one eigenvalue λ, given or found
            as the mean of a group.
        sizes: of the blocks at each of them, the largest first.
        factor: for an exact matrix the monic polynomial, irreducible over the rationals, whose roots
            they are; None for a floating one.
        spread: how far from λ the computed eigenvalues lie that are counted as λ; 0 for exact ones.
        isolation: how far from λ the nearest other one lies.
        decisions: on w_1, w_2, …, for a floating matrix.
        distance: a matrix this near to K (Frobenius norm, but for rounding) has exactly these blocks
            at λ; 0 for an exact one.
    """

    eigenvalues: tuple[complex, ...]
    sizes: tuple[int, ...]
    factor: Polynomial | None = None
    spread: float = 0.0
    isolation: float = math.inf
    decisions: tuple[RankDecision, ...] = ()
    distance: float = 0.0

    @property
    def clear(self) -> bool:
        """Whether it is certain for an exact matrix, clear-cut for a floating one.

        Clear-cut is where every decision is, and `isolation` is ten times `spread` or more.
        """
        return all(d.clear for d in self.decisions) and self.isolation >= 10 * self.spread

    def __str__(self) -> str:
        sizes = " + ".join(map(str, self.sizes))
        if self.factor is not None and self.factor.degree > 1:
            return f"{sizes} at each of the {self.factor.degree} roots of {self.factor}"
        exact = self.factor is not None
        said = f"{sizes} at {-self.factor(0) if self.factor is not None else decimal(self.eigenvalues[0])}"
        if exact:
            return said
        doubt = "" if self.clear else ", not clear-cut"
        grouped = f"spread {self.spread:.1e}, next eigenvalue {self.isolation:.1e} away"
        head = f"{said}: within {self.distance:.1e} of K{doubt}; {grouped}"
        return "\n".join([head, *(f"    w{subscript(k)}: {d}" for k, d in enumerate(self.decisions, 1))])


@dataclass(frozen=True)
class BlockStructure:
    """The Jordan blocks of a matrix; `print` lists them.

    Attributes:
        blocks: by eigenvalue, real part first.
        exact: whether they are proved, as they are for an exact matrix.
    """

    blocks: tuple[Blocks, ...]
    exact: bool

    @property
    def clear(self) -> bool:
        """Whether all of it is certain, or every decision clear-cut."""
        return all(b.clear for b in self.blocks)

    @property
    def diagonalisable(self) -> bool:
        """Whether every block has size 1."""
        return all(b.sizes[0] == 1 for b in self.blocks)

    def __str__(self) -> str:
        head = "Jordan blocks, exact" if self.exact else "Jordan blocks of a matrix near K, by ranks"
        return "\n".join([f"{head}: sizes", *(str(b) for b in self.blocks)])


def block_structure(
    K: Num[Array, "m m"], eigenvalues: Iterable[complex] | None = None, radius: float = 1e-2
) -> BlockStructure:
    """Return the sizes of the Jordan blocks of K: proved for an exact matrix, by ranks for a floating one.

    What a floating matrix cannot show: two eigenvalues nearer than `radius` count as one, and a
    coupling that is lost in the rounding of K as none.  Behind a similarity of condition κ, about
    κ²u takes the place of 0 while couplings shrink to about 1/κ.  Of 400 structures drawn with blocks
    of up to 3, all were found at κ = 10⁴ (of which 94 in 100 were called clear-cut), 97 in 100 at 10⁶
    (25), and 65 in 100 at 10⁷ (13); behind an orthogonal basis couplings from 10⁻⁷ on were, and fainter
    ones ever less.  None that was called clear-cut was wrong (`python -m tests.benchmarks.ranks`).
    Where eigenvalues are known, as 0, ½ and 1 are for the fixed matrices of 3x² − 2x³, give them.

    Args:
        K: one matrix, m by m: ints and Fractions (nested lists, an object array, an integer array),
            or floating, real or complex, of any library that speaks the array API; worked on in
            float64 or complex128 on the host.
        eigenvalues: for a floating matrix: numbers known to be its eigenvalues.  Computed ones count
            as the nearest of these within `radius`, the others are grouped by themselves.
        radius: for a floating matrix: eigenvalues as near as this are counted as one, a positive
            length.  A block of size d spreads its eigenvalue over about ε^{1/d}, ε the error in K.

    Raises:
        TypeError: K is no matrix of numbers, or mixes exact and floating entries.
        ValueError: K is not one square matrix of at least 1 by 1, or is floating and not finite;
            radius is not positive and finite; eigenvalues are not finite or coincide, or are given
            for an exact matrix, whose own are exact.

    Cost: exact: the minimal and the characteristic polynomial, their factors, and a rank for each
    size of block but the largest; floating: a Schur form, O(m³), and singular values of each group.

    References: V. N. Kublanovskaya, USSR Comput. Math. Math. Phys. 6 (1966) 1–14; G. H. Golub and
    J. H. Wilkinson, SIAM Rev. 18 (1976) 578–619 (kernels by singular values of the deflated matrix);
    H. Shapiro, Amer. Math. Monthly 106 (1999) 919–929 (the Weyr characteristic).

    >>> print(block_structure([[1, 1, 0], [0, 1, 0], [0, 0, 1]]))
    Jordan blocks, exact: sizes
    2 + 1 at 1
    """
    K = given_matrix(K)
    if isinstance(K, fmpq_mat):
        if eigenvalues is not None:
            raise ValueError("expected no `eigenvalues` for an exact matrix, whose own are exact; got some")
        return BlockStructure(_exact_blocks(K), exact=True)
    radius = real_number(radius, "radius")
    if not 0 < radius < math.inf:
        raise ValueError(f"`radius` must be positive and finite; got {radius}")
    known = _numbers(eigenvalues)
    if not np.isfinite(known).all() or len(np.unique(known)) < len(known):
        raise ValueError(f"`eigenvalues` must be finite and differ; got {known.tolist()}")
    return BlockStructure(_float_blocks(_on_host(K), unit_roundoff(K), known, radius), exact=False)


def _numbers(eigenvalues: Any) -> Complex[np.ndarray, " k"]:
    """The eigenvalues given, or raise TypeError."""
    try:
        return np.array([] if eigenvalues is None else [complex(z) for z in eigenvalues], dtype=complex)
    except (TypeError, ValueError):
        raise TypeError(f"`eigenvalues` must be numbers; got {str(eigenvalues)[:60]!r}") from None


def _exact_blocks(K: fmpq_mat) -> tuple[Blocks, ...]:
    characteristic = K.charpoly()
    blocks = []
    for p, largest in K.minpoly().factor()[1]:
        factor = fmpq_poly(p) / p.leading_coefficient()
        multiplicity = 0
        while not characteristic % factor:
            characteristic, multiplicity = characteristic // factor, multiplicity + 1
        nullities = [0, *_nullities(factor, K, largest - 1), factor.degree() * multiplicity]
        weyr = [(n - before) // factor.degree() for before, n in pairwise(nullities)]
        roots: Any = factor.complex_roots()  # python-flint's stub calls them plain balls
        eigenvalues = tuple(complex(acb(root)) for root, _ in roots)
        blocks.append(Blocks(eigenvalues, _conjugate(weyr), Polynomial(from_flint(factor))))
    return tuple(sorted(blocks, key=_place))


def _nullities(factor: fmpq_poly, K: fmpq_mat, count: int) -> list[int]:
    """The nullities of p(K), p(K)², …, so many of them."""
    if not count:
        return []
    powers = [multiple_at(factor, K)]
    while len(powers) < count:
        powers.append(powers[-1] * powers[0])
    return [K.nrows() - power.rank() for power in powers]


def _float_blocks(
    K: Num[np.ndarray, "m m"], u: float, known: Complex[np.ndarray, " k"], radius: float
) -> tuple[Blocks, ...]:
    T, Z = scipy.linalg.schur(K, output="complex")
    found = np.diag(T)
    blocks = []
    for group in _groups(found, known, radius):
        inside = found[group]
        nearest = known[np.abs(known - inside.mean()).argmin()] if len(known) else math.inf
        center = complex(nearest if (abs(inside - nearest) <= radius).all() else inside.mean())
        N, noise = _restricted(T, Z, group, u)
        decisions, distance = _staircase(N - center * np.eye(len(N)), noise, radius)
        spread = float(np.abs(inside - center).max())
        isolation = float(np.abs(found[~group] - center).min(initial=math.inf))
        sizes = _conjugate([d.nullity for d in decisions])
        blocks.append(
            Blocks(
                (center,),
                sizes,
                spread=spread,
                isolation=isolation,
                decisions=tuple(decisions),
                distance=distance,
            )
        )
    return tuple(sorted(blocks, key=_place))


def _groups(
    found: Complex[np.ndarray, " m"], known: Complex[np.ndarray, " k"], radius: float
) -> list[Bool[np.ndarray, " m"]]:
    """Masks: what is near a known eigenvalue, and chains of steps of at most `radius` among the rest."""
    away = np.abs(found[:, None] - known[None, :])
    nearest = away.argmin(axis=1) if len(known) else np.zeros(len(found), dtype=int)
    near = away.min(axis=1, initial=math.inf) <= radius
    groups = [near & (nearest == i) for i in range(len(known))]
    left = ~near
    while left.any():
        group = np.zeros_like(left)
        group[np.flatnonzero(left)[0]] = True
        while (
            wider := left & (np.abs(found[:, None] - found[group]).min(axis=1) <= radius)
        ).sum() > group.sum():
            group = wider
        groups.append(group)
        left &= ~group
    return [group for group in groups if group.any()]


def _restricted(
    T: Complex[np.ndarray, "m m"], Z: Complex[np.ndarray, "m m"], group: Bool[np.ndarray, " m"], u: float
) -> tuple[Complex[np.ndarray, "k k"], float]:
    """K on the invariant subspace of a group, in an orthonormal basis, and the noise in its entries.

    Rounding of mu‖K‖ in K moves it by that times the norm of the spectral projector, 1/s.
    """
    k, m = int(group.sum()), len(T)
    T, _, _, _, s, _, _ = scipy.linalg.lapack.ztrsen(group, T, Z, job=b"E", lwork=m * m)
    return T[:k, :k], m * u * float(np.linalg.norm(T)) / max(s, 1e-300)


def _staircase(
    N: Complex[np.ndarray, "k k"], noise: float, radius: float
) -> tuple[list[RankDecision], float]:
    """The decisions on w_1, w_2, … of an almost nilpotent N, and √(Σσ²) of what they took for 0.

    Each takes for 0 what lies below the widest gap, on a scale of ratios with the noise as its lower
    end; at least one singular value, and no more than the decision before.  Noise turns the kernel by
    an angle of noise/σ, σ the smallest singular value kept, and so may reach N' multiplied by ‖N‖/σ:
    by this a decision is judged; it seldom comes to that, so that it is not made by it.
    """
    decisions: list[RankDecision] = []
    floor, discarded = max(noise, 1e-300), 0.0
    most = len(N)
    while len(N):
        _, sigma, Vh = np.linalg.svd(N)
        rising = np.append(sigma[::-1], radius)
        ratios = rising[1:] / np.maximum(rising[:-1], floor)
        w = int(ratios[:most].argmax()) + 1
        decisions.append(RankDecision(w, len(N), float(rising[w - 1]), float(rising[w]), noise))
        discarded += float(np.square(rising[:w]).sum())
        noise *= 1 + sigma[0] / rising[w]
        W = Vh[: len(N) - w]
        N, most = W @ N @ W.conj().T, min(w, len(N) - w)
    return decisions, math.sqrt(discarded)


def _conjugate(weyr: Sequence[int]) -> tuple[int, ...]:
    """The partition conjugate to w: how many w_k reach 1, 2 and so on.

    >>> _conjugate([3, 1])
    (2, 1, 1)
    """
    return tuple(sum(w >= i for w in weyr) for i in range(1, weyr[0] + 1))


def _place(b: Blocks) -> tuple[float, float]:
    return round(b.eigenvalues[0].real, 12), b.eigenvalues[0].imag


def _on_host(K: Any) -> Num[np.ndarray, "m m"]:
    return gathered(in_double(K))
