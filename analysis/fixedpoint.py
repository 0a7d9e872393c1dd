"""The fixed points of a corrector on the complex plane, and what becomes of points near them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from flint import acb, acb_poly, arb, ctx, fmpq_poly

from corrector.rational import as_flint, as_fmpq, fraction

from .arguments import checked_relaxation, require_corrector

if TYPE_CHECKING:
    from fractions import Fraction

    from corrector import Corrector

_MAX_DEGREE = 161
"""FLINT factors in one call, which no interruption reaches: here it takes a few seconds at most."""


@dataclass(frozen=True)
class FixedPoint:
    """A solution λ of g(λ) = λ.

    Attributes:
        value: λ to double precision.
        exact: λ itself where it is rational, else None.
        multiplicity: of λ as a root of g(x) − x; above 1 exactly where g'(λ) = 1, and only there
            can a fixed matrix have a Jordan block at λ.
        multiplier: 1 − γ + γg'(λ), by which a small distance to λ is multiplied at each step.
        kind: "superattracting" (multiplier 0), "attracting" (modulus < 1), "neutral" (= 1) or
            "repelling" (> 1); exact where the multiplier is rational, as at every rational point,
            else by ball arithmetic, where "neutral" includes what its digits cannot tell from it.
    """

    value: complex
    exact: Fraction | None
    multiplicity: int
    multiplier: complex
    kind: str

    @property
    def largest_block(self) -> int:
        """The size of the largest Jordan block at λ that g fixes: see `jordan_conditions`."""
        return self.multiplicity


def fixed_points(g: Corrector, relaxation: float | Fraction = 1) -> tuple[FixedPoint, ...]:
    """Return every fixed point of x ↦ x + γ(g(x) − x), by real and then imaginary part.

    The roots of g(x) − x are found from its exact factorisation over the rationals and isolated
    by ball arithmetic, so that none is missed and none is found twice.

    Args:
        g: the corrector.
        relaxation: γ, the weight of the new iterate; not 0.

    Raises:
        ValueError: relaxation is 0 or not finite, g(x) = x, so that every point is fixed, or the
            degree is above 161.

    Cost: that of factoring a polynomial of g's degree; milliseconds to degree 50.

    References: Jensen and Vicary, section 2.2, eq. 6, where λ ∈ {0, ½, 1} for the cubic.

    >>> from corrector import MCWEENY
    >>> for point in fixed_points(MCWEENY):
    ...     print(point.exact, point.multiplier.real, point.kind)
    0 0.0 superattracting
    1/2 1.5 repelling
    1 0.0 superattracting
    """
    require_corrector(g)
    if g.degree > _MAX_DEGREE:
        raise ValueError(f"`g` must have degree at most {_MAX_DEGREE}, to be factored; got degree {g.degree}")
    gamma = checked_relaxation(relaxation)
    g_exact = as_flint(g.coefficients)
    equation = g_exact - fmpq_poly([0, 1])
    if not equation:
        raise ValueError("expected a corrector other than the identity; got g(x) = x")
    weight = as_fmpq(gamma)
    multiplier = fmpq_poly([1 - weight]) + weight * g_exact.derivative()
    points = []
    with ctx.workprec(64 + 4 * g.degree):  # coefficients of opposite sign grow like 4^degree
        for factor, multiplicity in equation.factor()[1]:
            points += _roots(fmpq_poly(factor), multiplicity, multiplier)
    return tuple(sorted(points, key=lambda p: (round(p.value.real, 12), p.value.imag)))


def _roots(factor: fmpq_poly, multiplicity: int, multiplier: fmpq_poly) -> list[FixedPoint]:
    """The roots of one irreducible factor; what holds exactly for one holds for all of them."""
    remainder = multiplier % factor
    exact = fraction(remainder[0]) if remainder.degree() < 1 else None
    rational = None
    if factor.degree() == 1:
        root = -factor[0] / factor[1]
        rational = fraction(root)
    points = []
    for ball, _ in _isolated(factor):
        value = complex(rational) if rational is not None else complex(ball)
        at = acb_poly(remainder)(acb(ball))
        size = complex(at) if exact is None else complex(exact)
        modulus = abs(at) if exact is None else abs(exact)
        points.append(FixedPoint(value, rational, multiplicity, size, _kind(modulus)))
    return points


def _isolated(factor: fmpq_poly) -> list[tuple[Any, int]]:
    """The roots as balls with their multiplicities; python-flint's stub calls them plain balls."""
    roots: Any = factor.complex_roots()
    return list(roots)


def _kind(modulus: arb | Fraction) -> str:
    """What a multiplier of this modulus does; a ball around 1 that cannot be told from it is neutral."""
    if modulus == 0:
        return "superattracting"
    if modulus < 1:
        return "attracting"
    return "repelling" if modulus > 1 else "neutral"
