r"""Evaluation of polynomials in the two-point form, elementwise and at matrices.

Dividing again and again by x − x² writes any polynomial as

    p(x) = Σ_k (a_k + b_k x) r^k,        r = x − x²,

its Taylor expansion about the two points 0 and 1 at once.  For the smoothstep S_n it reads
K + (2K − I)·Σ_{k=1..n} ½C(2k,k) R^k with R = K − K²: the *R-form*.  At an almost idempotent K every
power of R is small, so nothing large cancels: iterated towards a projector of norm κ it is off by at
most about 2κ³u (u the unit round-off), the expanded 3K² − 2K³ by up to κ⁴u.
"""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache
from numbers import Complex, Integral, Rational
from typing import TYPE_CHECKING, Any, TypeAlias

import array_api_compat

if TYPE_CHECKING:
    from collections.abc import Callable


Array: TypeAlias = Any
"""Any array that speaks the array API: `numpy.ndarray`, `torch.Tensor`, …"""


@lru_cache(maxsize=1024)
def two_point(coefficients: tuple[Fraction, ...]) -> tuple[tuple[Fraction, Fraction], ...]:
    """Return the pairs (a_k, b_k) with p(x) = Σ (a_k + b_k x)(x − x²)^k.

    Args:
        coefficients: c_0 … c_d of p(x) = Σ c_i xⁱ.

    Cost: d²/4 rational subtractions; remembered for each polynomial.

    >>> two_point((Fraction(0), Fraction(0), Fraction(3), Fraction(-2)))  # x + (2x − 1) r
    ((Fraction(0, 1), Fraction(1, 1)), (Fraction(-1, 1), Fraction(2, 1)))
    """
    pairs = []
    rest = list(coefficients)
    while rest:
        quotient = [Fraction(0)] * max(len(rest) - 2, 0)
        for i in range(len(rest) - 1, 1, -1):
            quotient[i - 2] = -rest[i]
            rest[i - 1] += rest[i]
        pairs.append((rest[0], rest[1] if len(rest) > 1 else Fraction(0)))
        rest = quotient
    return tuple(pairs)


def scalar_type(x: Any) -> Callable[[Fraction], Any]:
    """Return the type in which coefficients meet x: exact beside exact values, else `float`."""
    if isinstance(x, Rational):
        return Fraction
    if isinstance(x, Complex):
        return as_float
    if array_api_compat.is_array_api_obj(x):
        return Fraction if str(x.dtype) == "object" else as_float
    return Fraction


def as_float(c: Fraction) -> float:
    """Return the nearest double, or raise OverflowError with the size of what there is none for."""
    try:
        return float(c)
    except OverflowError:
        raise OverflowError(
            "expected coefficients within floating-point range; got one of "
            f"{c.numerator.bit_length() - c.denominator.bit_length()} bits: evaluate at exact numbers"
        ) from None


def floating(x: Any) -> Any:
    """Return x, with integer and boolean arrays promoted to the library's default float type."""
    if not array_api_compat.is_array_api_obj(x) or str(x.dtype) == "object":
        return x
    xp = array_api_compat.array_namespace(x)
    return x * 1.0 if xp.isdtype(x.dtype, ("bool", "integral")) else x


def elementwise(coefficients: tuple[Fraction, ...], x: Any) -> Any:
    """Return p(x), entry by entry, by Horner's rule in r = x − x²."""
    if isinstance(x, str | bytes | list | tuple | dict | set) or x is None:
        raise TypeError(f"expected a number or an array; got {type(x).__name__}")
    x = int(x) if isinstance(x, Integral) else floating(x)  # NumPy's integers overflow
    scalar = scalar_type(x)
    r = x - x * x
    pairs = two_point(coefficients) or ((Fraction(0), Fraction(0)),)
    value = None
    for a, b in reversed(pairs):
        term = scalar(a) + scalar(b) * x
        value = term if value is None else value * r + term
    return value


_NO_PLAIN_ARRAYS = ("MaskedArray", "matrix")
"""NumPy's own: one hides entries, the other never has an axis for the batch."""


def square(K: Any, name: str = "K") -> Any:
    """Return K as an array that is square in its last two axes; nested lists stay exact."""
    if isinstance(K, list | tuple):
        import numpy as np

        rows = np.array(K, dtype=object)
        exact = all(isinstance(entry, Rational) for entry in rows.flat)
        try:
            K = rows if exact else np.array(K)
        except ValueError:  # NumPy's own message does not say which argument
            raise ValueError(f"`{name}` must be rows of one length; got rows of several") from None
    if not array_api_compat.is_array_api_obj(K):
        raise TypeError(f"`{name}` must be an array or nested lists; got {type(K).__name__}")
    if type(K).__name__ in _NO_PLAIN_ARRAYS:
        raise TypeError(f"`{name}` must be a plain array; got {type(K).__name__}")
    if K.ndim < 2 or K.shape[-1] != K.shape[-2]:
        raise ValueError(f"`{name}` must be square in its last two axes; got {tuple(K.shape)}")
    return floating(K)
