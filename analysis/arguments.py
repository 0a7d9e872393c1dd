"""What is asked of arguments, and said where they are not that."""

from __future__ import annotations

import math
from fractions import Fraction
from numbers import Integral, Rational, Real
from typing import Any

import numpy as np

from corrector import Corrector, Polynomial
from corrector.polynomial import exact

_FARTHEST = 10**30


def require_corrector(g: Any, kind: type[Polynomial] = Corrector) -> None:
    """Raise TypeError unless g is a corrector, or any polynomial where that is asked for."""
    if not isinstance(g, kind):
        raise TypeError(f"`g` must be a {kind.__name__}; got {type(g).__name__}")


def require_callable(progress: Any) -> None:
    """Raise TypeError unless progress is a function or None."""
    if progress is not None and not callable(progress):
        raise TypeError(f"`progress` must be a function; got {type(progress).__name__}")


def checked_relaxation(relaxation: Any) -> Fraction:
    """Return γ as an exact number, 10⁻³⁰ to 10³⁰ in size: a float counts by its exact binary value.

    Raises:
        TypeError: it is no real number.
        ValueError: it is 0, or beyond these sizes, or not finite.

    >>> checked_relaxation(0.5), checked_relaxation("1/3")
    (Fraction(1, 2), Fraction(1, 3))
    """
    if isinstance(relaxation, Rational | str):
        gamma = exact(relaxation, "`relaxation`")
    else:
        number = real_number(relaxation, "relaxation")
        gamma = Fraction(number) if math.isfinite(number) else Fraction(0)
    shown = str(relaxation)[:40]
    if not gamma:
        raise ValueError(f"`relaxation` must be finite and not 0; got {shown}")
    if not Fraction(1, _FARTHEST) <= abs(gamma) <= _FARTHEST:
        raise ValueError(f"`relaxation` must lie between 1e-30 and 1e30 in size; got {shown}")
    return gamma


def whole_number(value: Any, name: str, least: int, most: int | None = None) -> int:
    """Return an int within these bounds.

    Raises:
        TypeError: value is no whole number, or a bool.
        ValueError: it lies outside.

    >>> whole_number(1.5, "depth", 0, 12)
    Traceback (most recent call last):
        ...
    TypeError: `depth` must be a whole number from 0 to 12; got 1.5
    """
    bounds = f"from {least} on" if most is None else f"from {least} to {most}"
    if isinstance(value, bool | np.bool_) or not isinstance(value, Integral):
        raise TypeError(f"`{name}` must be a whole number {bounds}; got {value!r}")
    number = int(value)
    if number < least or (most is not None and number > most):
        raise ValueError(f"`{name}` must be a whole number {bounds}; got {str(number)[:40]}")
    return number


def real_number(value: Any, name: str) -> float:
    """Return a float: of a Python number, one of NumPy, or an array of one entry.

    Raises:
        TypeError: value is no real number.
    """
    if getattr(value, "ndim", None) == 0 and hasattr(value, "item"):
        value = value.item()
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(f"`{name}` must be a real number; got {str(value)[:40]!r}")
    try:
        return float(value)
    except OverflowError:
        return -math.inf if value < 0 else math.inf
