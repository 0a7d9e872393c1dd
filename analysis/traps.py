r"""Where the fate of a point is sure: sets that a map sends into themselves, and the far plane.

The relaxed map f(z) = z + γ(g(z) − z) is written about ½, h(w) = f(½ + w) − ½ with w = z − ½, and there
in the two-point form (see `corrector.evaluation`)

    h(w) = A(s) + wB(s),        s = z − z² = ¼ − w²,

with A = 0 where g(1 − x) = 1 − g(x).  For a smoothstep B(s) = Σ C(2k,k)s^k, and |s| ≤ ¼ on its basins, so
that nothing cancels; powers of w lose 3ⁿ there.

Three kinds of sets are derived from the exact h, each with a proof in exact or ball arithmetic.

*Escape.*  If |h_d|ρ^{d−1} − Σ_{0<k<d} |h_k|ρ^{k−1} − |h₀|/ρ ≥ 1 then |h(w)| > |w| beyond ρ, and by
more the farther out: every point there goes to infinity.  For the cubic ρ = √5/2.

*Discs.*  If Σ_{k≥1} |t_k|ρ^k < ρ for the Taylor coefficients t_k at an attracting fixed point, its disc
of radius ρ is sent into a smaller one.  About a point of a cycle the same is asked of the disc that
comes round.

*The lemniscate.*  For γ = 1, g² − g = (x² − x)^{n+1}·q.  If cⁿ|q| ≤ 1 wherever |x² − x| ≤ c, the residual
|x² − x| falls for ever once it is below c; for c ≤ ¼ the set has two halves, about 0 and 1, each sent
into itself.  A smoothstep has c = ¼, as Q_n(¼) = 4ⁿ.
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from flint import acb, acb_poly, arb, ctx, fmpq, fmpq_poly

from corrector.evaluation import as_float, two_point
from corrector.rational import as_flint, as_fmpq, fraction, from_flint

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jaxtyping import Complex, Float, Int

    from corrector import Corrector

    Row = Float[np.ndarray, " terms"]

ESCAPED = -1
UNDECIDED = -2

_HALF = fmpq(1, 2)
_QUARTER = Fraction(1, 4)
_SAFE, _MARGIN = 1 - 2.0**-40, 2.0**-45


class Traps(NamedTuple):
    """The map in floating point, and the sets in which the fate of a point is sure; a compiled loop takes it.

    Attributes:
        symmetric: whether h(−w) = −h(w), so that A = 0.
        evens, odds: the coefficients of A and B.
        even_lows, odd_lows: what rounding took from them.
        even_slopes, odd_slopes: those of h′, likewise.
        even_bends, odd_bends: those of h″/2.
        degree: d.
        lead: |h_d|.
        escape: |w| beyond which a point goes to infinity.
        level: |¼ − w²| below which it goes to 0, where Re w < 0, or to 1; 0 where that is not known.
        centres: w of the points of the attracting cycles.
        radii: those of discs about them.
        owners: the attractor that each belongs to.
        powers: the local degree of h at a superattracting 0 or 1, else 1.
        leads: the modulus of the leading coefficient there.

    `escape`, `level` and `radii` are moved inwards by more than the rounding of a comparison with them.
    """

    symmetric: bool
    evens: Float[np.ndarray, " terms"]
    odds: Float[np.ndarray, " terms"]
    even_lows: Float[np.ndarray, " terms"]
    odd_lows: Float[np.ndarray, " terms"]
    even_slopes: Float[np.ndarray, " slopes"]
    odd_slopes: Float[np.ndarray, " slopes"]
    even_bends: Float[np.ndarray, " bends"]
    odd_bends: Float[np.ndarray, " bends"]
    degree: int
    lead: float
    escape: float
    level: float
    centres: Complex[np.ndarray, " points"]
    radii: Float[np.ndarray, " points"]
    owners: Int[np.ndarray, " points"]
    powers: Int[np.ndarray, " points"]
    leads: Float[np.ndarray, " points"]


def find_traps(g: Corrector, gamma: Fraction, cycles: Sequence[tuple[complex, ...]]) -> Traps:
    """Return the traps of z ↦ z + γ(g(z) − z), given its attracting cycles, 0 and 1 first where they attract.

    Cost: milliseconds.
    """
    h = about_half(g, gamma)
    (evens, even_lows), (odds, odd_lows) = _two_rows(h)
    (even_slopes, _), (odd_slopes, _) = _two_rows(h.derivative())
    (even_bends, _), (odd_bends, _) = _two_rows(h.derivative().derivative() / 2)
    with ctx.workprec(128 + 8 * h.degree()):
        ball_h = acb_poly(h)
        radii = [_disc_radius(ball_h, cycle[i:] + cycle[:i]) for cycle in cycles for i in range(len(cycle))]
        at_points = [_local(h, cycle) for cycle in cycles for _ in cycle]
    level = lemniscate_level(g) if gamma == 1 else Fraction(0)
    return Traps(
        symmetric=not evens.any(),
        evens=evens,
        odds=odds,
        even_lows=even_lows,
        odd_lows=odd_lows,
        even_slopes=even_slopes,
        odd_slopes=odd_slopes,
        even_bends=even_bends,
        odd_bends=odd_bends,
        degree=h.degree(),
        lead=abs(as_float(fraction(h[h.degree()]))),
        escape=as_float(escape_radius(h)) / _SAFE + _MARGIN,
        level=float(level) * _SAFE - _MARGIN,
        centres=np.array([w - 0.5 for cycle in cycles for w in cycle], dtype=complex),
        radii=np.array(radii) * _SAFE - _MARGIN,
        owners=np.array([i for i, cycle in enumerate(cycles) for _ in cycle], dtype=np.int8),
        powers=np.array([power for power, _ in at_points], dtype=np.int64),
        leads=np.array([lead for _, lead in at_points], dtype=float),
    )


def about_half(g: Corrector, gamma: Fraction) -> fmpq_poly:
    """Return h(w) = f(½ + w) − ½ for the relaxed map f.

    >>> from corrector import MCWEENY
    >>> about_half(MCWEENY, Fraction(1))
    (-2)*x^3 + 3/2*x
    """
    x, weight = fmpq_poly([0, 1]), as_fmpq(gamma)
    relaxed = x + weight * (as_flint(g.coefficients) - x)
    return relaxed(x + _HALF) - _HALF


def _two_rows(h: fmpq_poly) -> tuple[tuple[Row, Row], tuple[Row, Row]]:
    """The coefficients of A and of B in h(w) = A(s) + wB(s), each as doubles and what they leave over."""
    pairs = two_point(tuple(from_flint(h(fmpq_poly([-_HALF, 1])))))
    rows = [a + b / 2 for a, b in pairs], [b for _, b in pairs]
    evens, odds = (
        (np.array([as_float(c) for c in row]), np.array([as_float(c - Fraction(as_float(c))) for c in row]))
        for row in rows
    )
    return evens, odds


def escape_radius(h: fmpq_poly) -> Fraction:
    """Return a ρ, within a millionth of the least, beyond which |h(w)| > |w| for ever.

    >>> from corrector import MCWEENY
    >>> round(float(escape_radius(about_half(MCWEENY, Fraction(1)))) ** 2, 5)
    1.25
    """
    sizes = [abs(c) for c in from_flint(h)]
    d = len(sizes) - 1

    def leaves(rho: Fraction) -> bool:
        rest = sum((size * rho**k for k, size in enumerate(sizes[:d])), Fraction(0))
        return sizes[d] * rho**d - rest >= rho

    high = Fraction(1, 2)
    while not leaves(high):
        high *= 2
    low = high / 2
    while high - low > low / 10**6:
        middle = ((low + high) / 2).limit_denominator(2**24)
        low, high = (low, middle) if leaves(middle) else (middle, high)
    return high


def lemniscate_level(g: Corrector) -> Fraction:
    """Return the greatest c ≤ ¼, to 2⁻²⁰, for which cⁿ|q| ≤ 1 is proved on |x² − x| ≤ c; 0 for order 0.

    >>> from corrector import MCWEENY, derive
    >>> lemniscate_level(MCWEENY), lemniscate_level(derive(1, 5).member(a4=-3, a5=1)) < Fraction(1, 4)
    (Fraction(1, 4), True)
    """
    n = g.order or 0
    if n < 1:
        return Fraction(0)
    f, hidden = as_flint(g.coefficients), fmpq_poly([0, -1, 1])
    pairs = two_point(tuple(from_flint((f * f - f) // hidden ** (n + 1))))

    def falls(c: Fraction) -> bool:
        reach = Fraction(70711, 100000)  # |x − ½| ≤ √(¼ + c) ≤ √½ there
        return c**n * sum((abs(a + b / 2) + reach * abs(b)) * c**k for k, (a, b) in enumerate(pairs)) <= 1

    low, high = Fraction(0), _QUARTER
    if falls(high):
        return high
    while high - low > Fraction(1, 2**20):
        middle = (low + high) / 2
        low, high = (middle, high) if falls(middle) else (low, middle)
    return low


def _disc_radius(h: acb_poly, cycle: tuple[complex, ...]) -> float:
    """A radius of a disc about the first point which comes back smaller; 0 where none is proved."""
    start = acb(cycle[0]) - acb(_HALF)
    centre, spreads = start, []
    for _ in cycle:
        series = h(acb_poly([centre, 1]))
        spreads.append([abs(series[k]).upper() for k in range(1, h.degree() + 1)])
        centre = series[0]
    off = abs(centre - start).upper()

    def comes_back(rho: float) -> bool:
        spread = arb(rho)
        for sizes in spreads:
            spread = sum((size * spread ** (k + 1) for k, size in enumerate(sizes)), arb(0)).upper()
        return bool(off + spread < rho)

    low = next((rho for rho in (0.75**k for k in range(120)) if comes_back(rho)), 0.0)
    high = low / 0.75
    for _ in range(30 if low else 0):
        middle = (low + high) / 2
        low, high = (middle, high) if comes_back(middle) else (low, middle)
    return low


def _local(h: fmpq_poly, cycle: tuple[complex, ...]) -> tuple[int, float]:
    """The local degree m and |t_m| at a superattracting fixed point at 0 or 1; 1 and 1 elsewhere."""
    if cycle not in ((0,), (1,)):
        return 1, 1.0
    series = h(fmpq_poly([int(cycle[0].real) - _HALF, 1]))
    m = next(k for k in range(1, h.degree() + 1) if series[k])
    return (m, abs(as_float(fraction(series[m])))) if m > 1 else (1, 1.0)
