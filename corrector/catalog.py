"""Correctors with a name, each with its closed form and its source."""

from __future__ import annotations

from math import comb
from numbers import Integral

from .polynomial import Corrector


def smoothstep(order: int) -> Corrector:
    """Return S_n, the one corrector of order n and least degree 2n + 1.

    S_n(x) = x^{n+1} Σ_{k=0..n} C(n+k, k)(1−x)^k = Σ_{k=0..n} (−1)^k C(n+k, k) C(2n+1, n−k) x^{n+1+k},

    the regularised incomplete beta function I_x(n+1, n+1) on [0, 1].

    Args:
        order: n ≥ 1.

    Raises:
        ValueError: order is less than 1.

    Cost: n + 1 products of binomial coefficients.

    References: Jensen and Vicary, *Enforcing Idempotency in Neural Networks*, eq. 5 (n = 1);
    DLMF 8.17.5 for the incomplete beta function.

    >>> print(smoothstep(2))
    10x³ − 15x⁴ + 6x⁵
    """
    require_at_least("order", order, 1)
    n = int(order)
    head = [(-1) ** k * comb(n + k, k) * comb(2 * n + 1, n - k) for k in range(n + 1)]
    return Corrector((0,) * n + tuple(head))


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
