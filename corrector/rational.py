"""Rational polynomials on loan from FLINT, for the arithmetic that is nobody's own.

Apart from `polynomial` because FLINT takes longer to load than this package.

F. Johansson and others, *python-flint*, and the FLINT team, *FLINT: Fast Library for Number Theory*.
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

from flint import fmpq, fmpq_poly

if TYPE_CHECKING:
    from collections.abc import Iterable


def as_flint(coefficients: Iterable[Fraction]) -> fmpq_poly:
    """Return Σ c_i xⁱ as python-flint's `fmpq_poly`."""
    return fmpq_poly([as_fmpq(c) for c in coefficients])


def as_fmpq(value: Fraction) -> fmpq:
    """Return a `Fraction` as an `fmpq`."""
    return fmpq(value.numerator, value.denominator)


def from_flint(polynomial: fmpq_poly) -> list[Fraction]:
    """Return the coefficients c_0 … c_d of an `fmpq_poly`.

    >>> from_flint(as_flint([Fraction(1, 2), Fraction(0), Fraction(3)]))
    [Fraction(1, 2), Fraction(0, 1), Fraction(3, 1)]
    """
    return [fraction(c) for c in polynomial.coeffs()]


def fraction(value: fmpq) -> Fraction:
    """Return an `fmpq` as a `Fraction`."""
    return Fraction(int(value.p), int(value.q))
