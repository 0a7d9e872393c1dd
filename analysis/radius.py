r"""How far from 0, from 1 and from a projector everything still goes there, between two proved numbers.

What is asked of a number z near a point is asked of the eigenvalues of a matrix near a projector: z can
be an eigenvalue of K with ‖K − P‖ ≤ ρ exactly if the least singular value of zI − P is at most ρ.  The
region of such z is covered with squares, each of which is proved to go where it should (see
`analysis.kernel`), or left for a point of it that is proved to go elsewhere; ρ is found by bisection.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from typing import TYPE_CHECKING, Any

import numpy as np

from corrector.polynomial import Polynomial
from corrector.realline import immediate_basin

from .arguments import real_number, whole_number
from .basin import attractors, checked_map
from .traps import find_traps

if TYPE_CHECKING:
    from fractions import Fraction

    from jaxtyping import Complex, Float

    from corrector import Corrector

_STEPS, _MOST_STEPS = 500, 2000
_DEPTH = 48
_NEAREST = 2e-13
_MOST_OBLIQUE = 1e6


class Radius(float):
    """A radius that is proved: a `float` that knows more.

    Attributes:
        high: a number that is proved to be too large, mostly by 10⁻¹² or less.
        reached: the z at about that radius which goes elsewhere, or beside which some do.
    """

    high: float
    reached: complex

    def __new__(cls, low: float, high: float, reached: complex) -> Radius:
        """Make the float `low`, with the rest beside it."""
        value = super().__new__(cls, low)
        value.high, value.reached = high, reached
        return value

    def __reduce__(self) -> tuple[Any, ...]:
        return Radius, (float(self), self.high, self.reached)


@dataclass(frozen=True)
class MatrixRadius:
    """How far from a projector every matrix converges to one of its rank, and a matrix that does not.

    Attributes:
        low: every K with ‖K − P‖ ≤ low converges, for each projector P of that norm.
        high: a number that is proved to be too large, barely above `low` but where γ is next to 0 or 2.
        projector: P = [[1, √(s² − 1)], [0, 0]].
        matrix: K with ‖K − P‖ = high, of which `eigenvalue` is one.
        eigenvalue: a number on the boundary of the basins, or barely beyond it.
    """

    low: float
    high: float
    projector: Float[np.ndarray, "2 2"]
    matrix: Complex[np.ndarray, "2 2"]
    eigenvalue: complex


def real_basin(g: Corrector, about: int = 0, relaxation: float | Fraction = 1) -> tuple[float, float]:
    """Return the ends of the immediate basin of 0 or 1 on the real line, under x ↦ x + γ(g(x) − x).

    It is the longest open interval about that point which goes there.  That all of it does is proved,
    2⁻⁶⁰ inside the ends, by the real roots of polynomials (see `corrector.realline`); the ends are
    rounded to double precision.

    Args:
        g: the corrector.
        about: 0 or 1.
        relaxation: γ; not 0.

    Raises:
        ValueError: the point does not attract, or its basin could not be proved.

    Cost: milliseconds to degree 40.

    >>> from corrector import MCWEENY
    >>> real_basin(MCWEENY)  # (1 − √3)/2 and ½
    (-0.36602540378443865, 0.5)
    """
    gamma = _checked_point(g, about, relaxation)
    x = Polynomial((0, 1))
    basin = immediate_basin(x + gamma * (Polynomial(g.coefficients) - x), about)
    if basin is None:
        raise ValueError(f"expected a basin about {about} that can be proved; it could not, for {g}")
    return float(basin[0]), float(basin[1])


def disc_radius(g: Corrector, about: int = 0, relaxation: float | Fraction = 1) -> Radius:
    """Return the radius of the largest disc about 0 or 1 that goes there under x ↦ x + γ(g(x) − x).

    A `float` that is proved, from below; its `high` is proved too large, mostly by 10⁻¹² or less.  They
    stay apart where the basin could not be followed further, as it may be with γ next to 0 or 2.

    Args:
        g: the corrector, of degree 2 or more.
        about: 0 or 1.
        relaxation: γ; not 0.

    Raises:
        ValueError: g is linear, γ is 0, or the point does not attract.

    Cost: a tenth of a second at γ = 1, seconds from degree 81 on; next to γ = 0 and 2 half a minute.

    References: for the cubic √(3 − √7)/2 = 0.297594, where the real basin would have 0.366.

    >>> from corrector import MCWEENY
    >>> r = disc_radius(MCWEENY)
    >>> r < (3 - 7**0.5) ** 0.5 / 2 < r.high < r + 1e-12
    True
    """
    gamma = _checked_point(g, about, relaxation)
    return _between(g, gamma, -1.0, about)


def matrix_radius(g: Corrector, obliquity: float = 1, relaxation: float | Fraction = 1) -> MatrixRadius:
    r"""Return how far from a projector of norm s every matrix still converges to a projector of its rank.

        ρ(s) = min {σ_min(zI − [[1, √(s² − 1)], [0, 0]]) : z on the boundary of the basins of 0 and 1},

    as the eigenvalues of K move continuously from those of P, and no projector of that norm lets them
    go farther.  For the cubic ρ(1) = √(3 − √7)/2, and from s ≈ 1.3 on z = ½ decides: ρ(s) ≈ 1/(4s).

    Args:
        g: the corrector, of degree 2 or more.
        obliquity: s = ‖P‖, 1 to 10⁶.
        relaxation: γ; not 0.

    Raises:
        ValueError: g is linear, γ is 0, 0 or 1 does not attract, or s is below 1.

    Cost: that of `disc_radius`.

    >>> from corrector import MCWEENY
    >>> found = matrix_radius(MCWEENY, obliquity=10)
    >>> f"{found.low:.6f} {found.eigenvalue.real:.3f}"
    '0.025063 0.500'
    """
    gamma = _checked_point(g, 0, relaxation)
    _checked_point(g, 1, relaxation)
    obliquity = real_number(obliquity, "obliquity")
    if not 1 <= obliquity <= _MOST_OBLIQUE:
        raise ValueError(f"`obliquity` is a projector's norm, 1 to {_MOST_OBLIQUE:.0e}; got {obliquity}")
    oblique = sqrt(obliquity**2 - 1)
    found = _between(g, gamma, oblique, 0)
    P = np.array([[1, oblique], [0, 0]])
    left, sizes, right = np.linalg.svd(found.reached * np.eye(2) - P)
    K = P + sizes[1] * np.outer(left[:, 1], right[1])
    return MatrixRadius(float(found), found.high, P, K, found.reached)


def _between(g: Corrector, gamma: Fraction, oblique: float, about: int) -> Radius:
    from .kernel import farness, held

    cycles = attractors(g, gamma)
    traps = find_traps(g, gamma, cycles)
    labels = tuple(cycles.index((point,)) if (point,) in cycles else -1 for point in (0, 1))
    # About a projector both basins meet the region from this ρ on, which is connected then, so that it
    # holds a point of neither; a disc of that size holds one that escapes.
    lost = np.zeros(2) if oblique >= 0 else np.array([1.01 * traps.escape, 0])
    low, high, reached = 0.0, farness(oblique, about, *lost), complex(*lost) + 0.5
    side, steps = 4 * traps.escape + 1, _enough_steps(gamma)
    start, stop = high, low  # what was found to be out of reach of either proof, empty so far
    while high - low > _NEAREST:
        if start > stop:
            rho = (low + high) / 2
        elif max(start - low, high - stop) <= max(stop - start, _NEAREST):
            break
        else:
            rho = (low + start) / 2 if start - low > high - stop else (stop + high) / 2
        verdict = held(traps, side, _DEPTH, steps, oblique, about, labels, rho, lost)
        if verdict > 0:
            low = rho
        elif verdict < 0:
            high = farness(oblique, about, *lost) * (1 + 1e-15)
            reached = complex(lost[0] + 0.5, lost[1])
        else:
            start, stop = min(start, rho), max(stop, rho)
        if low >= stop or high <= start:
            start, stop = high, low
    return Radius(low, high, reached)


def _enough_steps(gamma: Fraction) -> int:
    """So many that a relaxation next to 0 or 2, where orbits creep, is followed all the same."""
    creeping = float(min(gamma, abs(2 - gamma)))
    return int(min(max(_STEPS, 100 / max(creeping, 1e-9)), _MOST_STEPS))


def _checked_point(g: Corrector, about: int, relaxation: float | Fraction) -> Fraction:
    """Return γ, or raise ValueError where `about` is not 0 or 1 or does not attract."""
    gamma = checked_map(g, relaxation)
    whole_number(about, "about", 0, 1)
    if g(about) != about or not abs(1 - gamma + gamma * g.derivative()(about)) < 1:
        raise ValueError(f"expected {about} to attract under γ = {relaxation}; it does not, for {g}")
    return gamma
