r"""The largest disc about 0, and about 1, that goes there: a radius between two proved numbers.

If a polynomial sends a circle about 0, iterated, into a disc that it contracts, it sends the disc
inside there as well, by the maximum principle.  So a radius is proved from below by covering the
circle with balls of complex numbers and following each; and from above by one point of that modulus
that goes elsewhere: out of sight, or to 1.
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
from flint import acb, acb_poly, arb, ctx, fmpq_poly
from scipy.optimize import minimize

from .minimax import Best, OddMembers, simplest
from .rational import as_flint, as_fmpq, fraction
from .realline import contracted

if TYPE_CHECKING:
    from jaxtyping import Float

    from .polynomial import Polynomial

_STEPS = 200
_SPLITS = 14
_ANGLES = 512
_FEW_ANGLES = 96
MOST_TERMS = 4
"""The free parameters that `largest_disc` searches at most."""

_GIVEN = Fraction(1, 1000)
_SLACKS = [Fraction(1, 2**k) for k in range(11, 3, -1)]
"""How far from the estimate, as ratios, a radius is tried to be proved; the least comes first."""


def disc_radius(g: Polynomial, about: int = 0) -> tuple[Fraction, Fraction | None]:
    """Return numbers below and above the radius of the largest disc about 0 or 1 in its basin.

    Args:
        g: a polynomial with contact of order 1 or more at that point.
        about: 0 or 1.

    Returns:
        (low, high): every z with |z − about| ≤ low goes to `about`; some z with |z − about| = high
        does not.  Mostly within 0.1 % of each other; high is None where no such point was found.

    Cost: some thousand evaluations of g in ball arithmetic, a fraction of a second.

    References: the radius for the cubic is √(3 − √7)/2.

    >>> from corrector import MCWEENY
    >>> low, high = disc_radius(MCWEENY)
    >>> low < Fraction(297594, 10**6) < high < low * Fraction(1002, 1000)
    True
    """
    f = as_flint(g.coefficients)
    if about == 1:
        f = 1 - f(fmpq_poly([1, -1]))
    guess = Fraction(estimated_radius(np.array([float(c) for c in map(fraction, f.coeffs())]), _ANGLES))
    with ctx.workprec(64 + 16 * f.degree()):
        traps = _traps(f)
        lows = (guess * (1 - slack) for slack in _SLACKS)
        low = next((r for r in map(_short, lows) if _settles(traps, r)), contracted(f))
        highs = (guess * (1 + slack) for slack in _SLACKS)
        high = next((r for r in map(_short, highs) if _leaves(traps, r)), None)
    return low, high


def estimated_radius(coefficients: Float[np.ndarray, " terms"], angles: int, steps: int = 80) -> float:
    """Return the radius about 0, by bisection over circles of sampled points: an estimate, not a proof."""
    circle = np.exp(1j * np.pi * (np.arange(angles) + 0.5) / angles)
    low, high = 0.0, 2.0
    while high - low > 2e-5:
        radius = (low + high) / 2
        z = radius * circle
        for _ in range(steps):
            z = np.polynomial.polynomial.polyval(z, coefficients)
            modulus = np.abs(z)
            if not modulus.max() < 3:
                break
            z = z[modulus > 0.02]
            if not z.size:
                break
        low, high = (low, radius) if z.size else (radius, high)
    return low


def largest_disc(order: int, count: int) -> Best:
    """Return the odd member with the largest disc that was found: a search, of which the radius is proved.

    The radius is neither convex nor smooth in the free parameters.  They are brought in one by one:
    a scan over the first, then the simplex method of Nelder and Mead from the best so far, on radii
    estimated from points on the circle.

    Cost: some 150 estimates for each parameter, a few milliseconds each.
    """
    members = OddMembers(order, count)
    best: list[float] = []

    def loss(q: Float[np.ndarray, " terms"]) -> float:
        g = members.member([Fraction(float(c)) for c in q] + [Fraction(0)] * (count - len(q)))
        return -estimated_radius(np.array([float(c) for c in g.coefficients]), _FEW_ANGLES)

    for terms in range(1, min(count, MOST_TERMS) + 1):
        starts = [np.array([*best, c]) for c in (np.linspace(-1, 1, 41) if terms == 1 else [0.0])]
        start = min(starts, key=loss)
        simplex = np.vstack([start, start + 0.05 * np.eye(terms)])
        options = {"initial_simplex": simplex, "maxfev": 120 * terms, "xatol": 1e-4, "fatol": 1e-5}
        best = list(minimize(loss, start, method="Nelder-Mead", options=options).x)
    q = [Fraction(c) for c in best] + [Fraction(0)] * (count - len(best))
    proved = disc_radius(members.member(q))[0]
    g = simplest(members, q, lambda g: disc_radius(g)[0] >= proved * (1 - _GIVEN))
    minimal = members.member([Fraction(0)] * count)
    g = max(minimal, g, key=lambda g: disc_radius(g)[0])
    return Best(g, disc_radius(g)[0], None)


Traps = tuple[acb_poly, float, float]
"""A polynomial, and the radii of discs about 0 and about 1 that it contracts."""


def _traps(f: fmpq_poly) -> Traps:
    mirrored = 1 - f(fmpq_poly([1, -1]))
    return acb_poly(f), _float_below(contracted(f)), _float_below(contracted(mirrored))


def _settles(traps: Traps, radius: Fraction) -> bool:
    """Tell whether ball arithmetic proves that the circle goes to 0: its upper half, and so the lower."""
    arcs = [(Fraction(i, 64), Fraction(i + 1, 64), 0) for i in range(64)]
    while arcs:
        start, end, depth = arcs.pop()
        if _goes(traps, _arc(radius, start, end)):
            continue
        if depth == _SPLITS:
            return False
        middle = (start + end) / 2
        arcs += [(start, middle, depth + 1), (middle, end, depth + 1)]
    return True


def _goes(traps: Traps, z: acb) -> bool:
    """Tell whether a ball is proved to enter the contracted disc about 0."""
    f, near_zero, _ = traps
    slope = f.derivative()
    for _ in range(_STEPS):
        if abs(z) < near_zero:
            return True
        middle = z.mid()
        spread = z - middle
        z = f(middle) + slope(z) * spread
        if not abs(z.mid()) < 4 or not z.rad() < 0.5:
            return False
    return False


def _leaves(traps: Traps, radius: Fraction) -> bool:
    """Tell whether some sampled point of the circle is proved to go elsewhere than to 0."""
    f, _, near_one = traps
    for i in range(_ANGLES):
        z = acb(as_fmpq(radius)) * (acb(0, 1) * arb.pi() * (2 * i + 1) / (2 * _ANGLES)).exp()
        for _ in range(_STEPS):
            if abs(z) > 4 and _escapes(f, z):
                return True
            if abs(z - 1) < near_one:
                return True
            if abs(z) < 0.05 or not z.rad() < 0.1:
                break
            z = f(z)
    return False


def _escapes(f: acb_poly, z: acb) -> bool:
    """|c_d||z|^d > |z| + Σ_{k<d} |c_k||z|^k·2: from here on the modulus at least doubles."""
    size = abs(z)
    terms = [abs(f[k]) * size**k for k in range(f.degree() + 1)]
    return bool(terms[-1] > 2 * size + sum(terms[:-1], arb(0)))


def _arc(radius: Fraction, start: Fraction, end: Fraction) -> acb:
    """A ball that holds the points of the circle at angles π·start … π·end."""
    angle = arb.pi() * arb(as_fmpq(start)).union(arb(as_fmpq(end)))
    return acb(as_fmpq(radius)) * acb(angle.cos(), angle.sin())


def _short(r: Fraction) -> Fraction:
    return r.limit_denominator(10**6)


def _float_below(r: Fraction) -> float:
    return float(r) * (1 - 1e-12)
