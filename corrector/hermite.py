"""The ansatz solved as an interpolation problem: the second, independent route.

Every word with up to n letters D vanishes in g(K)² − g(K), on the branch that keeps P, exactly when

    g(0) = 0,  g(1) = 1,  g^{(k)}(0) = g^{(k)}(1) = 0  for k = 1 … n:

Hermite interpolation of the step from 0 to 1.  Modulo M = x^{n+1}(x − 1)^{n+1} the solution is
unique, so the family is one solution of degree below 2n + 2 and the multiples of M.
"""

from __future__ import annotations

from fractions import Fraction
from math import comb

from .polynomial import Polynomial


def minimal(order: int) -> Polynomial:
    """Return the solution of least degree, x^{n+1}·(x^{−(n+1)} expanded at 1 to order n).

    The factor makes 0 a zero of multiplicity n + 1; the expansion makes the product agree with 1
    to order n at 1.

    >>> print(minimal(1))
    3x² − 2x³
    """
    n = order
    series = [Fraction(1)]  # of (1 − w)^{−(n+1)} in w = 1 − x, factor by factor
    for k in range(1, n + 1):
        series.append(series[-1] * (n + k) / k)
    return Polynomial([0] * (n + 1) + [1]) * Polynomial(series)(Polynomial((1, -1)))


def basis(order: int, degree: int) -> tuple[Polynomial, ...]:
    """Return, for k = 2n+2 … degree, the multiple of M that is x^k plus terms below x^{2n+2}.

    It is x^k − (x^k mod M), so the coefficients above x^{2n+1} serve as the free parameters.

    >>> [str(p) for p in basis(1, 4)]
    ['x² − 2x³ + x⁴']
    """
    n = order
    low = [Fraction((-1) ** (n + 1 - i) * comb(n + 1, i)) for i in range(n + 1)]
    modulus = [Fraction(0)] * (n + 1) + low  # M without its leading x^{2n+2}
    remainder = [-c for c in modulus]  # of x^{2n+2}
    polynomials = []
    for k in range(2 * n + 2, degree + 1):
        zeros = [Fraction(0)] * (k - 2 * n - 2)
        polynomials.append(Polynomial([-c for c in remainder] + zeros + [Fraction(1)]))
        lead = remainder[-1]
        remainder = [s - lead * c for s, c in zip([Fraction(0), *remainder[:-1]], modulus, strict=True)]
    return tuple(polynomials)
