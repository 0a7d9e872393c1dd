r"""Stability: when 0 and 1 attract, what one step does to a small error, and the manifold of projectors.

The relaxed map x ↦ x + γ(g(x) − x) multiplies a small distance to a fixed point λ by

    1 − γ + γg'(λ).

At a matrix it is the Fréchet derivative L of g that says what becomes of a small error E,

    g(K + tE) = g(K) + tL(E) + O(t²),    L(E) = the upper right block of g([[K, E], [0, K]]).

Idempotents are not isolated: those of rank r form a manifold, and at one of them, P, the derivative
acts by the divided differences of g on the two eigenvalues.  On the parts of E = PEP + (I−P)E(I−P)
+ (PE(I−P) + (I−P)EP) it is multiplication by g'(1), by g'(0) and by g[0, 1] = 1.  The last part is
the tangent space: an error there leads to another projector, and no corrector undoes it.

References: N. J. Higham, *Functions of Matrices* (2008), theorem 3.6 (the block formula), theorem 3.9
(eigenvalues as divided differences).
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Literal

import array_api_compat
import numpy as np

from corrector.arithmetic import Elements
from corrector.evaluation import scalar_type, square

from .arguments import checked_relaxation, require_corrector
from .arrays import checked_matrix
from .verification import assert_idempotent

if TYPE_CHECKING:
    from jaxtyping import Num

    from corrector import Corrector
    from corrector.evaluation import Array


def stable_relaxations(g: Corrector, about: Literal[0, 1, "both"] = 0) -> tuple[Fraction, Fraction] | None:
    r"""Return the open range of γ in which a fixed point 0 or 1 attracts, exactly; None if there is none.

    With m = g'(about), |1 − γ + γm| < 1 exactly for γ between 0 and 2/(1 − m): above 0 where m < 1,
    below it where m > 1, and nowhere where m = 1.  For every corrector of order 1 or more m = 0, so
    that the range is 0 < γ < 2; the multiplier 1 − γ vanishes at γ = 1.

    Args:
        g: a corrector with g(about) = about.
        about: 0, 1, or "both" for the range in which the two attract.

    Returns:
        (low, high), neither of them in the range; or None where it is empty.

    Raises:
        ValueError: about is something else, or not fixed by g.
        TypeError: g is no Corrector.

    Cost: two evaluations of a polynomial.

    References: Jensen and Vicary, section 2.2, which says 0 ≤ γ < 1: but γ = 0 is the identity,
    which attracts nothing, at γ = 1 the two are superattracting, and from there to 2 they attract.

    >>> from corrector import MCWEENY, Corrector
    >>> stable_relaxations(MCWEENY)
    (Fraction(0, 1), Fraction(2, 1))
    >>> stable_relaxations(Corrector((3, -2)), about=1)  # g'(1) = −1
    (Fraction(0, 1), Fraction(1, 1))
    """
    require_corrector(g)
    if about not in (0, 1, "both"):
        raise ValueError(f"`about` must be 0, 1 or 'both'; got {about!r}")
    ranges = [_stable(g, point) for point in ((0, 1) if about == "both" else (about,))]
    if None in ranges:
        return None
    lows, highs = zip(*filter(None, ranges), strict=True)
    low, high = max(lows), min(highs)
    return (low, high) if low < high else None


def _stable(g: Corrector, about: int | str) -> tuple[Fraction, Fraction] | None:
    point = Fraction(about)
    if g(point) != point:
        raise ValueError(f"`g` must fix {point}; got g({point}) = {g(point)}")
    slope = g.derivative()(point)
    if slope == 1:
        return None
    end = 2 / (1 - slope)
    return min(end, Fraction(0)), max(end, Fraction(0))


def frechet(
    g: Corrector, K: Num[Array, "*batch m m"], E: Num[Array, "*batch m m"]
) -> Num[Array, "*batch m m"]:
    """Return the Fréchet derivative of g at K in the direction E.

    L(E) = Σ α_i Σ_{a+b=i−1} K^a E K^b, the upper right block of g([[K, E], [0, K]]), by taking dual
    numbers K + εE, ε² = 0, through the plan of g: (A + εA')(B + εB') = AB + ε(AB' + A'B).

    Args:
        g: the corrector.
        K: an array (*batch, m, m) of any library that speaks the array API, on any device; or
            nested lists, or an object array, of ints and Fractions, for an exact result.
        E: like K, in the same dtype; their leading axes broadcast.

    Returns:
        A new array like K; neither K nor E is changed.

    Raises:
        ValueError: K or E is not square, or their shapes do not go together.
        TypeError: K or E is no array, or their dtypes differ.

    Cost: 3 matrix products for each of `g.products`, where the block takes 8 as large a product.

    References: Higham, *Functions of Matrices*, eq. 3.16.

    >>> from corrector import MCWEENY
    >>> frechet(MCWEENY, [[1, 0], [0, 0]], [[5, 2], [3, 7]]).tolist()  # of E the tangential part stays
    [[Fraction(0, 1), Fraction(2, 1)], [Fraction(3, 1), Fraction(0, 1)]]
    """
    require_corrector(g)
    K = square(K)
    E = _direction(K, E)
    value = g.plan.over(_Dual(K, E), Elements(_Dual.__matmul__, scalar_type(K)))
    return value.slope


@dataclass(frozen=True)
class _Dual:
    """value + ε·slope with ε² = 0."""

    value: Array
    slope: Array

    def __add__(self, other: _Dual) -> _Dual:
        return _Dual(self.value + other.value, self.slope + other.slope)

    def __rmul__(self, c: float | Fraction) -> _Dual:
        return _Dual(c * self.value, c * self.slope)

    def __matmul__(self, other: _Dual) -> _Dual:
        return _Dual(self.value @ other.value, self.value @ other.slope + self.slope @ other.value)


@dataclass(frozen=True, repr=False, eq=False)
class TangentSpace:
    """The tangent space, at a projector P of rank r, of the manifold of m by m idempotents.

    It consists of the E with PE + EP = E, in blocks those that map the range of P into its kernel
    and its kernel into its range.

    Attributes:
        projector: P, (m, m).
        rank: r.
    """

    projector: Num[Array, "m m"]
    rank: int

    @property
    def dimension(self) -> int:
        """2r(m − r), counted over the field of the matrices."""
        return 2 * self.rank * (self._size - self.rank)

    @property
    def _size(self) -> int:
        return int(self.projector.shape[-1])

    def project(self, E: Num[Array, "*batch m m"]) -> Num[Array, "*batch m m"]:
        """Return the tangential part of E: PE(I − P) + (I − P)EP.

        It is the Fréchet derivative at P of every corrector of order 1 or more.  For an oblique P the
        projection is oblique itself: unless P is 0 or I, its norm (Frobenius to Frobenius) is
        2‖P‖² − 1.  For with S = 2P − I it is (E − SES)/2, of which E ↦ SES is the reflection, of norm
        ‖S‖²; and a projection of norm ℓ goes with a reflection of norm ℓ + √(ℓ² − 1).

        Args:
            E: an array (*batch, m, m) like P, in its dtype.

        Raises:
            ValueError: E is not square or not of the size of P.
            TypeError: E is no array, or not of the dtype of P.

        Cost: 2 matrix products.

        >>> tangent_space([[1, 0], [0, 0]]).project([[5, 2], [3, 7]]).tolist()
        [[0, 2], [3, 0]]
        """
        P = self.projector
        E = _direction(P, E)
        PE = P @ E
        return PE + (E - 2 * PE) @ P

    def spectrum(self, g: Corrector, relaxation: float | Fraction = 1) -> dict[Fraction, int]:
        """Return the eigenvalues of the Fréchet derivative of K ↦ K + γ(g(K) − K) at P, with multiplicities.

        They are 1 on the tangent space, 2r(m − r) times; 1 − γ + γg'(0), (m − r)² times; and
        1 − γ + γg'(1), r² times.  The derivative is diagonalisable.

        Args:
            g: a corrector that fixes 0 and 1.
            relaxation: γ; not 0.

        Returns:
            The multiplicities by eigenvalue, m² in all; equal eigenvalues are counted together.

        Raises:
            ValueError: g does not fix 0 and 1; γ is 0 or not finite.
            TypeError: g is no Corrector.

        >>> from corrector import MCWEENY
        >>> tangent_space([[1, 0, 0], [0, 0, 0], [0, 0, 0]]).spectrum(MCWEENY, 0.5)
        {Fraction(1, 1): 4, Fraction(1, 2): 5}
        """
        require_corrector(g)
        gamma = checked_relaxation(relaxation)
        if g.order is None:
            raise ValueError(f"`g` must fix 0 and 1; got {g}, which sends 1 to {g(Fraction(1))}")
        kernel, slope = self._size - self.rank, g.derivative()
        at_zero, at_one = (1 - gamma + gamma * slope(Fraction(x)) for x in (0, 1))
        spectrum: dict[Fraction, int] = {}
        for eigenvalue, count in (
            (Fraction(1), self.dimension),
            (at_zero, kernel**2),
            (at_one, self.rank**2),
        ):
            if count:
                spectrum[eigenvalue] = spectrum.get(eigenvalue, 0) + count
        return spectrum

    def __repr__(self) -> str:
        m = self._size
        return f"TangentSpace(dimension {self.dimension}; at a projector of rank {self.rank}, {m} by {m})"


def tangent_space(P: Num[Array, "m m"]) -> TangentSpace:
    """Return the tangent space at P of the manifold of idempotents.

    Args:
        P: one idempotent matrix: floating-point, of any library that speaks the array API, idempotent
            as far as `assert_idempotent` can tell; or exact, as for `Corrector.at_matrix`.

    Raises:
        ValueError: P is not one square matrix, is empty, not finite, or not idempotent.
        TypeError: P holds neither floating-point nor exact numbers.

    Cost: one product and a singular value decomposition.

    >>> tangent_space([[1, 1], [0, 0]])
    TangentSpace(dimension 2; at a projector of rank 1, 2 by 2)
    """
    P = square(P, "P")
    if P.ndim != 2 or 0 in P.shape:
        raise ValueError(f"`P` must be one matrix of at least 1 by 1; got an array of shape {tuple(P.shape)}")
    if str(P.dtype) != "object":
        P = checked_matrix(P, "P")
    try:
        assert_idempotent(P)
    except AssertionError as error:
        raise ValueError(f"`P` must be idempotent; {error}") from None
    xp = array_api_compat.array_namespace(P)
    return TangentSpace(P, round(complex(xp.linalg.trace(P)).real))


def _direction(K: Array, E: Any) -> Array:
    """E as a new array, of the shape that it and the matrix K have together."""
    E = square(E, "E")
    try:
        fits = E.shape[-1] == K.shape[-1] and np.broadcast_shapes(E.shape, K.shape)
    except ValueError:
        fits = False
    if not fits:
        raise ValueError(f"`E` must have the shape of the matrix, {tuple(K.shape)}; got {tuple(E.shape)}")
    if E.dtype != K.dtype:
        raise TypeError(f"`E` must have the dtype of the matrix, {K.dtype}; got {E.dtype}")
    xp = array_api_compat.array_namespace(K, E)
    return E + xp.zeros_like(K)
