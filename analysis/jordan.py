r"""Which matrices a corrector fixes: Jordan blocks, fixed matrices, and g of a Jordan block.

For a Jordan block J = λI + N of size d,

    g(J) = Σ_{i<d} g^{(i)}(λ)/i! Nⁱ,

upper triangular and constant along its diagonals.  It equals J where g(λ) = λ, g'(λ) = 1 and
g^{(i)}(λ) = 0 for 2 ≤ i < d: where (x − λ)^d divides g(x) − x.  So g(K) = K exactly if the minimal
polynomial of K divides g(x) − x, whatever the algebraic and geometric multiplicities in K are: what
counts is the size of the *largest* block of each eigenvalue.

References: Higham, *Functions of Matrices*, definition 1.2; Gantmacher, *The Theory of Matrices*,
vol. 1, ch. V.  Jensen and Vicary, appendix B, promise the conditions with the algebraic multiplicity
in the place of the block size, which the identity matrix refutes.
"""

from __future__ import annotations

import cmath
import math
from dataclasses import dataclass
from fractions import Fraction
from numbers import Complex, Rational, Real
from typing import TYPE_CHECKING, Any

import array_api_compat
import numpy as np
from flint import fmpq_mat, fmpq_poly

from corrector import Corrector, Polynomial
from corrector.evaluation import two_point
from corrector.polynomial import exact
from corrector.rational import as_flint, from_flint
from corrector.typesetting import superscript, tex

from .arguments import require_corrector, whole_number
from .arrays import frobenius, norm_estimate, on_host, unit_roundoff
from .fixedpoint import FixedPoint, fixed_points
from .matrices import annihilates, given_matrix
from .typesetting import decimal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jaxtyping import Num, Shaped

    from corrector.evaluation import Array

LAMBDA = r"\lambda"

_SAME = 1e-9
"""How far a number may lie from the fixed point that it stands for, relative to max(1, |λ|)."""

_ROUNDINGS = 8
"""Roundings of K that are allowed, mu‖K‖ each; of 10⁴ rounded projectors of norm to 10⁴ all took under ¼."""


@dataclass(frozen=True)
class JordanConditions:
    """What λ must satisfy for g to fix a Jordan block; `print` writes it out, notebooks set it.

    Attributes:
        corrector: g.
        block: the size of the block.
        polynomials: those that must vanish at λ: g(x) − x, g'(x) − 1, g''(x), …, g^{(block−1)}(x);
            beyond g's degree all are 0 and left out.
        divisor: their greatest common divisor, monic; its roots are the λ that satisfy them all.
        solutions: those λ, as fixed points of g; each of multiplicity `block` or more.
    """

    corrector: Corrector
    block: int
    polynomials: tuple[Polynomial, ...]
    divisor: Polynomial
    solutions: tuple[FixedPoint, ...]

    def __str__(self) -> str:
        said = f"A Jordan block of size {self.block} at λ is fixed by g(x) = {self.corrector} where"
        rows = [f"    {left} = {str(p).replace('x', 'λ')} = 0" for left, p in self._equations()]
        found = ", ".join(_name(p) for p in self.solutions)
        root = f"that is, at the roots of {str(self.divisor).replace('x', 'λ')}: {found}"
        return "\n".join([said, *rows, root if found else "that is, at no λ: no common divisor but 1"])

    def latex(self) -> str:
        r"""Return the equations and their solutions as LaTeX for math mode; needs amsmath.

        >>> print(jordan_conditions(Corrector((1, 1)), 2).latex())
        \begin{aligned}
        g(\lambda) - \lambda &= \lambda^{2} = 0 \\
        g'(\lambda) - 1 &= 2 \lambda = 0 \\
        \lambda &\in \{0\}
        \end{aligned}
        """
        rows = [f"{tex(left)} &= {p.latex(LAMBDA)} = 0" for left, p in self._equations()]
        found = tex(", ".join(_name(p) for p in self.solutions))
        rows.append(rf"{LAMBDA} &\in " + (rf"\{{{found}\}}" if found else r"\emptyset"))
        return "\\begin{aligned}\n" + " \\\\\n".join(rows) + "\n\\end{aligned}"

    def _repr_latex_(self) -> str:
        return f"${self.latex()}$"

    def _equations(self) -> list[tuple[str, Polynomial]]:
        """What must vanish, written in terms of g, beside what it is."""
        higher = [f"g{_primes(i)}(λ)" for i in range(2, len(self.polynomials))]
        return list(zip(["g(λ) − λ", "g'(λ) − 1", *higher], self.polynomials, strict=False))


def jordan_conditions(g: Corrector, block: int) -> JordanConditions:
    """Return the equations for a Jordan block of this size at λ to be fixed under g, and their solutions.

    They are g(λ) = λ; g'(λ) = 1 where block ≥ 2; g^{(i)}(λ) = 0 for 2 ≤ i < block.  Whether they
    have a common solution is decided by an exact greatest common divisor, not by finding roots.

    Args:
        g: the corrector; not x.
        block: the size of the block, at least 1.

    Raises:
        TypeError: g is no `Corrector`.
        TypeError: block is no whole number.
        ValueError: block is below 1, g(x) = x, so that every λ will do, or the degree is above 161.

    Cost: that of `fixed_points`.

    References: Higham, *Functions of Matrices*, definition 1.2; Gantmacher, *The Theory of Matrices*, vol.
    1, ch. V.  Jensen and Vicary, appendix B, have the algebraic multiplicity for the size of the block,
    which the identity matrix refutes.

    >>> print(jordan_conditions(Corrector((0, 3, -2)), 2))
    A Jordan block of size 2 at λ is fixed by g(x) = 3x² − 2x³ where
        g(λ) − λ = −λ + 3λ² − 2λ³ = 0
        g'(λ) − 1 = −1 + 6λ − 6λ² = 0
    that is, at no λ: no common divisor but 1
    """
    whole_number(block, "block", 1)
    points = fixed_points(g)
    equation = g - Polynomial((0, 1))
    polynomials = tuple(equation.derivative(i) for i in range(min(block, equation.degree + 1)))
    divisor = fmpq_poly()
    for p in polynomials:
        divisor = divisor.gcd(as_flint(p.coefficients))
    solutions = tuple(p for p in points if p.multiplicity >= block)
    return JordanConditions(g, block, polynomials, Polynomial(from_flint(divisor)), solutions)


def admits_block(g: Corrector, value: complex | Fraction | str | FixedPoint, block: int) -> bool:
    """Return whether g fixes a Jordan block of this size at λ: whether (x − λ)^block divides g(x) − x.

    Args:
        g: the corrector.
        value: λ.  An int, a Fraction, a string such as "1/3" or a `FixedPoint` that is rational is λ
            itself, and the answer exact.  A float, a complex number or any other `FixedPoint` stands
            for the fixed point of g nearest to it, if that lies within 1e-9·max(1, |value|), and what
            is decided, again exactly, is whether *that* fixed point admits the block; if none lies so
            near the answer is no.
        block: the size of the block, at least 1.

    Raises:
        TypeError: g is no `Corrector`, or value no number.
        ValueError: block is below 1, value is not finite; or value stands for a fixed point and the
            degree is above 161.

    Cost: that of one Taylor expansion at an exact value, else of `fixed_points`.

    >>> g = Corrector((1, 1))  # x + x² fixes [[0, 1], [0, 0]]
    >>> admits_block(g, 0, 2), admits_block(g, 0, 3), admits_block(Corrector((0, 3, -2)), "1/2", 2)
    (True, False, False)
    """
    require_corrector(g)
    whole_number(block, "block", 1)
    point = _number(value)
    equation = g - Polynomial((0, 1))
    if isinstance(point, Fraction):
        return not any(equation.taylor(point)[:block])
    if not equation.coefficients:
        return True
    nearest = min(fixed_points(g), key=lambda p: abs(p.value - point))
    return nearest.multiplicity >= block and abs(nearest.value - point) <= _SAME * max(1, abs(point))


def is_fixed(g: Corrector, K: Num[Array, "m m"]) -> bool:
    """Return whether g(K) = K: exactly for an exact matrix, up to round-off for a floating one.

    An exact K is fixed if its minimal polynomial divides g(x) − x; no root is found and g(K) is not
    formed.  No such thing can be read from floating-point numbers, of which hardly any K meets the
    equation to the last bit: for them the answer is whether

        ‖g(K) − K‖_F ≤ L·8mu‖K‖,     u the unit round-off of K's dtype,

    L bounding how g(K) − K changes with K, so that 8mu‖K‖·L is what a few roundings of K's entries
    account for.  This tells a fixed matrix that was rounded from one that is not fixed, and proves
    nothing: where proof is wanted, give the entries as Fractions.

    Args:
        g: the corrector.
        K: one matrix, m by m: ints and Fractions (nested lists, an object array, an integer array),
            or floating, real or complex, of any library that speaks the array API, on any device.

    Raises:
        TypeError: g is no `Corrector`, K no matrix of numbers, or it mixes exact and floating entries.
        ValueError: K is not one square matrix of at least 1 by 1, or is floating and not finite.

    Cost: exact: one minimal polynomial modulo a prime, and where that leaves the answer open one over
    the rationals: 0.3 s for a dense 64 by 64 projector with denominators of 1900 bits.  Floating: half
    as many products as g has degree, and one.

    References: Gantmacher, *The Theory of Matrices*, vol. 1, ch. IV, § 6.

    >>> is_fixed(Corrector((0, 3, -2)), [[1, 1], [0, 0]]), is_fixed(Corrector((0, 3, -2)), [[1, 1], [0, 1]])
    (True, False)
    """
    require_corrector(g)
    K = given_matrix(K)
    if isinstance(K, fmpq_mat):
        return annihilates(as_flint(g.coefficients) - fmpq_poly([0, 1]), K)
    with np.errstate(over="ignore", invalid="ignore"):  # what overflows is not fixed
        return _is_fixed_up_to_roundoff(two_point((g - Polynomial((0, 1))).coefficients), K)


def at_jordan_block(
    g: Polynomial, value: complex | Fraction | str | FixedPoint, size: int
) -> Shaped[np.ndarray, "size size"]:
    """Return g(J) for the Jordan block J of this size at λ.

    It is upper triangular, with g^{(i)}(λ)/i! on the i-th diagonal above the main one.

    Args:
        g: a corrector or any polynomial.
        value: λ, exact (an int, a Fraction, a string, a rational `FixedPoint`) or not (a float, a
            complex number, any other `FixedPoint`).
        size: of the block, at least 1.

    Returns:
        An array (size, size): of dtype object, its entries Fractions, where λ is exact; else of
        float64, or complex128 where λ is complex.

    Raises:
        TypeError: g is no polynomial, or value no number.
        ValueError: size is below 1, or value is not finite.

    Cost: the Taylor expansion of g at λ.

    References: Higham, *Functions of Matrices*, eq. 1.4.

    >>> print(at_jordan_block(Corrector((0, 3, -2)), "1/2", 3))
    [[Fraction(1, 2) Fraction(3, 2) Fraction(0, 1)]
     [Fraction(0, 1) Fraction(1, 2) Fraction(3, 2)]
     [Fraction(0, 1) Fraction(0, 1) Fraction(1, 2)]]
    """
    require_corrector(g, Polynomial)
    whole_number(size, "size", 1)
    point = _number(value)
    terms: list[Any] = (
        list(g.taylor(point)[:size])
        if isinstance(point, Fraction)
        else [
            (g.derivative(i) * Fraction(1, math.factorial(i)))(point) for i in range(min(size, g.degree + 1))
        ]
    )
    image = np.full((size, size), Fraction(0), dtype=object)
    for i, term in enumerate(terms):
        image[np.arange(size - i), np.arange(i, size)] = term
    return image if isinstance(point, Fraction) else image.astype(type(point))


def _is_fixed_up_to_roundoff(pairs: Sequence[tuple[Fraction, Fraction]], K: Num[Array, "m m"]) -> bool:
    """‖f(K)‖ ≤ L·8mu‖K‖ for f(x) = Σ (a_k + b_k x)r^k, r = x − x²; |r'| ≤ 1 + 2‖K‖, R counts for r.

    Not by `g.at_matrix`, whose programs of few products may lose more at a large ‖K‖.
    """
    xp = array_api_compat.array_namespace(K)
    eye = xp.eye(K.shape[-1], dtype=K.dtype, device=array_api_compat.device(K))
    R = K - K @ K
    size, defect = np.float64(norm_estimate(K)), np.float64(norm_estimate(R))
    value: Any = 0 * K
    slope: Any = 0
    for k, (a, b) in reversed([(k, (float(a), float(b))) for k, (a, b) in enumerate(pairs)]):
        value = value @ R + a * eye + b * K
        slope += abs(b) * defect**k
        slope += k * (abs(a) + abs(b) * size) * defect ** max(k - 1, 0) * (1 + 2 * size)
    largest = float(on_host(xp.max(xp.abs(value))))  # a square may be too small to store
    residual = largest * float(frobenius(value / largest)) if largest else 0.0
    allowed = slope * _ROUNDINGS * K.shape[-1] * unit_roundoff(K) * size
    return math.isfinite(residual) and residual <= float(allowed)


def _number(value: Any) -> Fraction | float | complex:
    """A number as it was meant: a Fraction where it is exact, else a float or complex."""
    if isinstance(value, FixedPoint):
        return value.value if value.exact is None else value.exact
    if isinstance(value, Rational | str) or not isinstance(value, Complex):
        return exact(value, "`value`")
    number = float(value) if isinstance(value, Real) else complex(value)
    if not cmath.isfinite(number):
        raise ValueError(f"`value` must be finite; got {value}")
    return number


def _primes(i: int) -> str:
    return "'" * i if i < 4 else f"⁽{superscript(i)}⁾"


def _name(point: FixedPoint) -> str:
    return f"≈ {decimal(point.value)}" if point.exact is None else str(point.exact)
