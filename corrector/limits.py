"""What a request would cost, said before it is tried."""

from __future__ import annotations

from decimal import Decimal

_MOST = 2**28
"""Bytes that the coefficients of one answer may take."""

_OBJECT = 128
"""Bytes of a `Fraction` without its digits."""


def require_affordable(order: int, degree: int, polynomials: int) -> None:
    """Raise ValueError where this many polynomials of this order and degree would take over 256 MiB.

    A coefficient of a family has at most about 3 bits a degree.

    >>> require_affordable(order=1, degree=10**6, polynomials=1)
    Traceback (most recent call last):
        ...
    ValueError: expected an answer of at most 256 MiB; got order 1, degree 1000000:
    1000001 coefficients of up to 3000000 bits, which would take 357750 MiB
    """
    coefficients = polynomials * (degree + 1)
    size = coefficients * (3 * degree // 8 + _OBJECT)
    if size > _MOST:
        raise ValueError(
            f"expected an answer of at most {_MOST >> 20} MiB; got order {_brief(order)}, degree "
            f"{_brief(degree)}: {_brief(coefficients)} coefficients of up to {_brief(3 * degree)} bits, "
            f"which would take {_brief(size >> 20)} MiB"
        )


def _brief(number: int) -> str:
    """Return a whole number in at most about ten characters; it may be beyond floating point."""
    return str(number) if number < 10**9 else f"{Decimal(number):.2g}"
