"""Correctors with a name, each with its closed form and its source.

>>> lower, higher = SP2
>>> print(lower(higher), "of order", lower(higher).order)
4x² − 4x³ + x⁴ of order 1
"""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from math import comb
from numbers import Integral
from typing import TYPE_CHECKING, Any

import array_api_compat

from .evaluation import square
from .limits import require_affordable
from .polynomial import Corrector, Polynomial, exact

if TYPE_CHECKING:
    from collections.abc import Callable

    from jaxtyping import Num

    from .evaluation import Array


def smoothstep(order: int) -> Corrector:
    """Return S_n, the one corrector of order n and least degree 2n + 1.

    S_n(x) = x^{n+1} Σ_{k=0..n} C(n+k, k)(1−x)^k = Σ_{k=0..n} (−1)^k C(n+k, k) C(2n+1, n−k) x^{n+1+k},

    the regularised incomplete beta function I_x(n+1, n+1) on [0, 1].

    Args:
        order: n ≥ 1.

    Raises:
        ValueError: order is less than 1, or so great that the coefficients would take over 256 MiB.

    Cost: n products and quotients of whole numbers of up to about 2.6n bits.

    References: Jensen and Vicary, *Enforcing Idempotency in Neural Networks*, eq. 5 (n = 1);
    DLMF 8.17.5 for the incomplete beta function.

    >>> print(smoothstep(2))
    10x³ − 15x⁴ + 6x⁵
    """
    require_at_least("order", order, 1)
    n = int(order)
    require_affordable(n, 2 * n + 1, polynomials=1)
    head = [comb(2 * n + 1, n)]
    for k in range(1, n + 1):  # each term from the one before it
        head.append(-head[-1] * (n + k) * (n + 1 - k) // (k * (n + 1 + k)))
    return Corrector((0,) * n + tuple(head))


def canonical_purification(c: int | Fraction | str) -> Corrector:
    """Return the cubic that keeps the trace of a matrix whose `canonical_coefficient` is c.

    g(x) = x + x(1 − x)(x − c)/max(c, 1 − c), which is

    g(x) = ((1 + c)x² − x³)/c                    for c ≥ ½,
    g(x) = ((1 − 2c)x + (1 + c)x² − x³)/(1 − c)  for c ≤ ½.

    Besides 0 and 1 it fixes c, which repels with the multiplier 1 + min(c, 1 − c): eigenvalues
    below c fall towards 0, those above it rise towards 1.  At c = ½ it is `MCWEENY`; elsewhere its
    order is 0, for want of a zero slope at 0 or at 1.  With a new c in every step it takes a
    symmetric matrix of spectrum in [0, 1] and trace r, a whole number, to the projector on the
    eigenvectors of its r largest eigenvalues, wherever the gap behind them lies.  Stop when
    tr(K − K²) no longer falls: at a projector c is 0/0, and what is computed for it is noise.

    Args:
        c: from 0 to 1, exact.

    Raises:
        ValueError: c is not from 0 to 1.
        TypeError: c is inexact, as a float is; `canonical_coefficient` returns a Fraction.

    Cost: 3 divisions.

    References: A. H. R. Palser and D. E. Manolopoulos, *Canonical purification of the density
    matrix in electronic-structure theory*, Phys. Rev. B 58 (1998) 12704.

    >>> print(canonical_purification("1/4"))
    2/3 x + 5/3 x² − 4/3 x³
    """
    c = exact(c, "`c`")
    if not 0 <= c <= 1:
        raise ValueError(f"`c` must be from 0 to 1; got {Decimal(c.numerator) / c.denominator:.6g}")
    larger = max(c, 1 - c)
    return Corrector((1 - c / larger, (1 + c) / larger, -1 / larger))


def canonical_coefficient(K: Num[Array, "m m"]) -> Fraction:
    """Return c = tr(K² − K³)/tr(K − K²), for which `canonical_purification` keeps the trace of K.

    It is the mean of the eigenvalues λ of K with weights λ(1 − λ), so from 0 to 1 if they are.

    Args:
        K: one matrix (m, m), as in `Corrector.at_matrix`.

    Returns:
        c as it is for exact K; for others the `Fraction` equal to the computed number, its real
        part if K is complex: for a Hermitian K, c is real.

    Raises:
        ValueError: K is not one square matrix, or c is not finite, as 0/0 at a projector.
        TypeError: K is no array.

    Cost: 1 matrix product.

    References: Palser and Manolopoulos, as for `canonical_purification`.

    >>> K = [[Fraction(1, 2), 0, 0], [0, Fraction(1, 4), 0], [0, 0, Fraction(1, 4)]]
    >>> c = canonical_coefficient(K)
    >>> c, canonical_purification(c).at_matrix(K).trace()
    (Fraction(7, 20), Fraction(1, 1))
    """
    K = square(K)
    if K.ndim != 2:
        raise ValueError(f"`K` must be one matrix; got an array of shape {tuple(K.shape)}")
    if hasattr(K, "detach"):
        K = K.detach()
    xp = array_api_compat.array_namespace(K)
    E = K - K @ K
    number: Callable[[Any], Any] = Fraction if str(K.dtype) == "object" else complex
    above = number(xp.sum(K * xp.matrix_transpose(E)))  # tr KE
    below = number(xp.sum(xp.linalg.diagonal(E)))
    try:
        return Fraction((above / below).real)
    except (ZeroDivisionError, OverflowError, ValueError):
        raise ValueError(f"tr(K² − K³)/tr(K − K²) must be finite; got {above}/{below}") from None


def from_sign(p: Polynomial) -> Corrector:
    """Return g(x) = (1 + p(2x − 1))/2, which is p in K where p is an iteration for the matrix sign.

    S = 2K − I takes projectors K to matrices with S² = I and back, and 2g(K) − I = p(S).

    Args:
        p: a polynomial with p(−1) = −1, so that g(0) = 0.

    Raises:
        ValueError: p(−1) is not −1.
        TypeError: p is no `Polynomial`.

    Cost: one composition.

    References: N. J. Higham, *Functions of Matrices*, SIAM, 2008, chapter 5, for such iterations.

    The Newton–Schulz iteration (3s − s³)/2 is McWeeny's:

    >>> print(from_sign(Polynomial((0, "3/2", 0, "-1/2"))))
    3x² − 2x³
    """
    _require_polynomial("p", p)
    if p(-1) != -1:
        raise ValueError(f"`p` must take −1 to −1, so that g(0) = 0; got p(−1) = {p(-1)}")
    g = (1 + p(Polynomial((-1, 2)))) * Fraction(1, 2)
    return Corrector(g.coefficients[1:])


def to_sign(g: Polynomial) -> Polynomial:
    """Return p(s) = 2g((1 + s)/2) − 1, the iteration for the matrix sign that g is in S = 2K − I.

    The inverse of `from_sign`.  p is odd where g(1 − x) = 1 − g(x).

    Args:
        g: a corrector.

    Raises:
        TypeError: g is no `Polynomial`.

    Cost: one composition.

    >>> print(to_sign(MCWEENY))
    3/2 x − 1/2 x³
    """
    _require_polynomial("g", g)
    return 2 * g(Polynomial(("1/2", "1/2"))) - 1


def pade_sign(order: int) -> Polynomial:
    """Return the Padé iteration for the matrix sign that is `smoothstep(order)` in K.

    p_n(s) = s Σ_{k=0..n} C(2k, k)/4^k (1 − s²)^k,

    where the sum is the [n/0] Padé approximant, here the Taylor polynomial, of (1 − ξ)^{−1/2} at
    ξ = 1 − s².  The other members [l/m] of the family have a denominator: they need a matrix
    inverse a step, and none is a corrector.

    Args:
        order: n ≥ 1; n = 1 is the Newton–Schulz iteration (3s − s³)/2.

    Raises:
        ValueError: order is less than 1, or so great that the coefficients would take over 256 MiB.

    Cost: one composition of degree 2n.

    References: C. Kenney and A. J. Laub, *Rational iterative methods for the matrix sign function*,
    SIAM J. Matrix Anal. Appl. 12 (1991) 273–291; N. J. Higham, *Functions of Matrices*,
    SIAM, 2008, section 5.4.

    >>> print(pade_sign(2))
    15/8 x − 5/4 x³ + 3/8 x⁵
    >>> from_sign(pade_sign(2)) == smoothstep(2)
    True
    """
    require_at_least("order", order, 1)
    require_affordable(order, 2 * order + 1, polynomials=1)
    s = Polynomial((0, 1))
    series = Polynomial(Fraction(comb(2 * k, k), 4**k) for k in range(order + 1))
    return s * series(1 - s**2)


def _require_polynomial(name: str, value: object) -> None:
    if not isinstance(value, Polynomial):
        raise TypeError(f"`{name}` must be a Polynomial; got {type(value).__name__} {value!r}")


def require_at_least(name: str, value: int, least: int) -> None:
    """Raise unless value is an integer of at least `least`."""
    if not isinstance(value, Integral) or isinstance(value, bool):
        raise TypeError(f"`{name}` must be an integer; got {type(value).__name__} {value!r}")
    if value < least:
        raise ValueError(f"`{name}` must be at least {least}; got {value}")


MCWEENY = smoothstep(1)
"""3x² − 2x³, McWeeny's purification of a density matrix.

R. McWeeny, Some recent advances in density matrix theory, Rev. Mod. Phys. 32 (1960) 335, eq. 1.8;
Jensen and Vicary, eq. 5.
"""

SP2 = (Corrector((0, 1)), Corrector((2, -1)))
"""The pair x², 2x − x² of trace-correcting purification: two correctors of order 0, one product each.

Alone, the first takes all of (0, 1) to 0, the second to 1: each has a zero slope at one of the two
only.  One lowers the trace of a symmetric K with spectrum in [0, 1], the other raises it, and taking
in every step the one that brings it nearer to r leads to the projector on the eigenvectors of the r
largest eigenvalues, wherever the gap behind them lies.  One after the other, in either order, they
are of order 1: S₁(x) ± x²(1 − x)².

A. M. N. Niklasson, Expansion algorithm for the density matrix, Phys. Rev. B 66 (2002) 155115.
"""
