"""Compiled arithmetic in pairs of doubles, high + low, of some 100 bits: where double precision runs out.

T. J. Dekker, *A floating-point technique for extending the available precision*, Numer. Math. 18 (1971)
224–242.  Sums and products are off by less than 2⁻⁹⁸ of the sizes of their operands.
"""

from __future__ import annotations

from numba import njit

_SPLITTER = 2.0**27 + 1


@njit(cache=True, inline="always")
def added(a, a_low, b, b_low):
    """The sum of two pairs."""
    high = a + b
    back = high - a
    low = (a - (high - back)) + (b - back) + (a_low + b_low)
    total = high + low
    return total, low - (total - high)


@njit(cache=True, inline="always")
def multiplied(a, a_low, b, b_low):
    """The product of two pairs."""
    high = a * b
    t, u = _SPLITTER * a, _SPLITTER * b
    a_head, b_head = t - (t - a), u - (u - b)
    a_tail, b_tail = a - a_head, b - b_head
    low = ((a_head * b_head - high) + a_head * b_tail + a_tail * b_head) + a_tail * b_tail
    low += a * b_low + a_low * b
    total = high + low
    return total, low - (total - high)


@njit(cache=True)
def complex_product(p, q):
    """The product of complex numbers (real, its low part, imaginary, its low part)."""
    a, a_low, b, b_low = p
    c, c_low, d, d_low = q
    ac, bd = multiplied(a, a_low, c, c_low), multiplied(b, b_low, d, d_low)
    ad, bc = multiplied(a, a_low, d, d_low), multiplied(b, b_low, c, c_low)
    re, im = added(ac[0], ac[1], -bd[0], -bd[1]), added(ad[0], ad[1], bc[0], bc[1])
    return re[0], re[1], im[0], im[1]


@njit(cache=True)
def precise_horner(series, lows, w):
    """Σ (c_k + its low part) w^k."""
    value = (series[-1], lows[-1], 0.0, 0.0)
    for k in range(len(series) - 2, -1, -1):
        a, a_low, b, b_low = complex_product(value, w)
        a, a_low = added(a, a_low, series[k], lows[k])
        value = (a, a_low, b, b_low)
    return value
