"""What the analysis found, as parts that `corrector.typesetting` sets as text or as LaTeX."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from fractions import Fraction

    from corrector import Corrector
    from corrector.typesetting import Part

    from .fixedpoint import FixedPoint

_COLUMNS = ("fixed point", "multiplicity", "multiplier", "largest block", "kind")


def fixed_point_parts(g: Corrector, relaxation: Fraction, points: Iterable[FixedPoint]) -> list[Part]:
    """Return the fixed points of x ↦ x + γ(g(x) − x) as a table, under g and γ."""
    return [
        ("display", f"g(x) = {g}"),
        ("prose", f"Fixed points at relaxation ${relaxation}$:"),
        ("table", "\t".join(_COLUMNS), *map(_row, points)),
    ]


def decimal(z: complex) -> str:
    """Return a number to 12 digits, or to 8 in each part.

    >>> decimal(0.1 + 0.2), decimal(0.5 - 1e-9j)
    ('0.3', '0.5-1e-09i')
    """
    return f"{z.real:.12g}" if abs(z.imag) < 1e-300 else f"{z.real:.8g}{z.imag:+.8g}i"


def _row(p: FixedPoint) -> str:
    value = decimal(p.value) if p.exact is None else str(p.exact)
    return f"${value}$\t{p.multiplicity}\t${decimal(p.multiplier)}$\t{p.largest_block}\t{p.kind}"
