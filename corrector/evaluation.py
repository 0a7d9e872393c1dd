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
from math import isqrt
from numbers import Complex, Integral, Rational
from typing import TYPE_CHECKING, Any, TypeAlias

import array_api_compat

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from jaxtyping import Num

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
        return float
    if array_api_compat.is_array_api_obj(x):
        return Fraction if str(x.dtype) == "object" else float
    return Fraction


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


def at_matrix(
    coefficients: tuple[Fraction, ...],
    K: Num[Array, "*batch m m"],
    R: Num[Array, "*batch m m"] | None = None,
) -> Num[Array, "*batch m m"]:
    """Return p(K) for a polynomial with p(0) = 0, by matrix products.

    With the pairs of `two_point`, b₀K + C(R) + (2K − I)·B(R), where C = Σ_{k≥1} (a_k + ½b_k) R^k
    vanishes for every smoothstep and B = Σ_{k≥1} ½b_k R^k.

    Args:
        coefficients: c_0 … c_d of p, with c_0 = 0.
        K: the matrices; see `Corrector.at_matrix`.
        R: K − K², where the caller has it already; saves one product.

    Cost: see `matrix_products`.
    """
    K = square(K)
    scalar = scalar_type(K)
    pairs = two_point(coefficients)
    value = scalar(pairs[0][1]) * K
    if len(pairs) == 1:
        return value
    odd = [b / 2 for _, b in pairs[1:]]
    even = [a + b / 2 for a, b in pairs[1:]]
    R = K - K @ K if R is None else R
    powers = _powers(R, _block_size(len(pairs) - 1))
    if any(odd):
        B = _paterson_stockmeyer(odd, powers, scalar)
        value = value + 2 * (K @ B) - B
    if any(even):
        value = value + _paterson_stockmeyer(even, powers, scalar)
    return value


def matrix_products(coefficients: tuple[Fraction, ...]) -> int:
    """Return how many matrix products `at_matrix` takes: 2, 3, 4, 4 for S₁, S₂, S₃, S₄."""
    pairs = two_point(coefficients)
    if len(pairs) == 1:
        return 0
    size = _block_size(len(pairs) - 1)
    odd = [b for _, b in pairs[1:]]
    even = [a + b / 2 for a, b in pairs[1:]]
    horner = sum(_blocks(part, size) - 1 for part in (odd, even) if any(part))
    return 1 + (size - 1) + horner + bool(any(odd))


def square(K: Any) -> Any:
    """Return K as an array that is square in its last two axes; nested lists stay exact."""
    if isinstance(K, list | tuple):
        import numpy as np

        rows = np.array(K, dtype=object)
        exact = all(isinstance(entry, Rational) for entry in rows.flat)
        K = rows if exact else np.array(K)
    if not array_api_compat.is_array_api_obj(K):
        raise TypeError(f"`K` must be an array or nested lists; got {type(K).__name__}")
    if K.ndim < 2 or K.shape[-1] != K.shape[-2]:
        raise ValueError(f"`K` must be square in its last two axes; got {tuple(K.shape)}")
    return floating(K)


def _block_size(degree: int) -> int:
    """The s for which s − 1 powers and ⌈degree/s⌉ − 1 Horner steps are fewest: ⌈√degree⌉."""
    return isqrt(degree - 1) + 1


def _blocks(coefficients: Sequence[Fraction], size: int) -> int:
    last = max(k for k, c in enumerate(coefficients) if c)
    return last // size + 1


def _powers(R: Any, count: int) -> list[Any]:
    powers = [R]
    while len(powers) < count:
        powers.append(powers[-1] @ R)
    return powers


def _paterson_stockmeyer(
    coefficients: Sequence[Fraction], powers: list[Any], scalar: Callable[[Fraction], Any]
) -> Any:
    """Σ_{k≥1} c_k R^k in blocks of s = len(powers), Horner's rule in R^s between the blocks."""
    size = len(powers)
    value = None
    for block in reversed(range(_blocks(coefficients, size))):
        if value is not None:
            value = powers[-1] @ value
        for power, c in zip(powers, coefficients[block * size : (block + 1) * size], strict=False):
            if c:
                term = scalar(c) * power
                value = term if value is None else value + term
    return value
