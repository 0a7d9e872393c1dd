r"""Immediate basins on the real line, proved: what the order of the line says that no picture does.

The immediate basin of an attracting fixed point 0 of a polynomial g is the longest open interval
(l, h) about 0 that goes to 0.  Its ends go to its ends, so each is a fixed point, or goes to the
other end.  There is none but 0 between them, hence g(x) > x on (l, 0) and g(x) < x on (0, h).  So

    h = the least x > 0 with g(x) = x or g(x) = l,
    l = the greatest x < 0 with g(x) = x or g(x) = h,

found from outside, starting with the fixed points.  That all of (l, h) goes to 0 then follows

- if g ≥ 0 on (0, h): from there an orbit falls to 0 in steps that never cross it, and from (l, 0)
  it rises towards 0 or crosses once (likewise if g ≤ 0 on (l, 0)); and else
- if the images of the two halves, taken again and again, shrink into a disc that g contracts: an
  orbit that stays on one side of 0 goes there, and one that crosses enters the image of a half.

All this is shown for [low, high] a little inside (l, h), which each half must be sent into.

Every sign rests on real roots isolated by FLINT, every value on ball arithmetic.
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

from flint import arb, arb_poly, ctx, fmpq_poly

from .rational import as_flint, as_fmpq

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .polynomial import Polynomial

Bracket = tuple[Fraction, Fraction]
"""Rational numbers below and above a real number."""

_BITS = 60
"""Bits to which an end is enclosed, beyond what the degree costs."""

_LOOKS = 100

_SMALL = 8
"""The degree up to which two steps are taken for one, where one hardly contracts."""


def immediate_basin(g: Polynomial, about: int = 0) -> Bracket | None:
    """Return rational (low, high) inside the immediate real basin of 0 or 1, within 2⁻⁶⁰ of its ends.

    Args:
        g: a polynomial with contact of order 1 or more at that point.
        about: 0 or 1.

    Returns:
        The interval, every point of which goes to `about`; None where this was not proved.

    Cost: isolating the real roots of a few polynomials of g's degree; milliseconds to degree 40.

    >>> from corrector import MCWEENY
    >>> [round(float(end), 9) for end in immediate_basin(MCWEENY)]  # (1 − √3)/2 and ½
    [-0.366025404, 0.5]
    """
    f = as_flint(g.coefficients)
    if about == 1:
        f = 1 - f(fmpq_poly([1, -1]))
    with ctx.workprec(_BITS + 64 + 4 * max(f.degree(), 1)):
        ends = _ends(f)
        within = () if ends is None else _inside(*ends)
        proved = next((pair for pair in within if _goes_to_zero(f, *pair)), None)
    if proved is None:
        return None
    low, high = proved
    return (low, high) if about == 0 else (1 - high, 1 - low)


def real_roots(f: fmpq_poly, low: Fraction, high: Fraction) -> list[Bracket]:
    """Return brackets of the roots of f in the open interval, from the left; roots at its ends do not count.

    Cost: FLINT's isolation of the real roots.
    """
    found = []
    for root in _real(f):
        below, above = _bracket(root)
        if below >= high or above <= low:
            continue
        if (below <= low and not f(as_fmpq(low))) or (above >= high and not f(as_fmpq(high))):
            continue
        found.append((below, above))
    return sorted(found)


def extremes(f: fmpq_poly, low: Fraction, high: Fraction) -> Bracket:
    """Return rational bounds below the least and above the greatest value of f on [low, high]."""
    points = [arb(as_fmpq(low)), arb(as_fmpq(high))]
    points += [_ball(root) for root in real_roots(f.derivative(), low, high)]
    values = [_bracket(arb_poly(f)(point)) for point in points]
    return min(v[0] for v in values), max(v[1] for v in values)


def _ends(f: fmpq_poly) -> Bracket | None:
    """Points just inside (l, h)."""
    x = fmpq_poly([0, 1])
    brackets = [_bracket(root) for root in _real(f - x) if root != 0]
    below, above = [b for b in brackets if b[1] < 0], [b for b in brackets if b[0] > 0]
    if not above or len(below) + len(above) < len(brackets):
        return None
    high = first_high = min(above)
    far = Fraction(-2) if not below else max(below)[0]
    while not below and not real_roots(f - as_fmpq(first_high[1]), far, Fraction(0)):
        far *= 2
    low = first_low = max(below) if below else (far, far)
    for _ in range(_LOOKS):
        # Each end is taken on the near side, and the other end it is measured by as well.
        inner_low = real_roots(f - as_fmpq(high[0]), first_low[0], Fraction(0))
        new_low = max([first_low, *inner_low[-1:]]) if below or inner_low else first_low
        inner_high = real_roots(f - as_fmpq(new_low[1]), Fraction(0), first_high[1])
        new_high = min([first_high, *inner_high[:1]])
        moved = abs(new_low[1] - low[1]) + abs(new_high[0] - high[0])
        low, high = new_low, new_high
        if moved < Fraction(1, 2 ** (_BITS + 30)):
            return low[1], high[0]
    return None


def _inside(low: Fraction, high: Fraction) -> Iterator[Bracket]:
    """Points 2⁻⁶¹ or less inside the ends, in several proportions.

    Where an end goes to the other, a point inside the one must go to a point inside the other: which
    distances that asks for depends on the slopes there.
    """
    for k in (0, 4, -4, 8, -8, 14, -14):
        most = Fraction(1, 2 ** (_BITS + 1))
        yield low + most / (1 << max(-k, 0)), high - most / (1 << max(k, 0))


def _goes_to_zero(f: fmpq_poly, low: Fraction, high: Fraction) -> bool:
    """Tell whether all of [low, high] goes to 0, given that 0 is the only fixed point there."""
    zero = Fraction(0)
    left, right = extremes(f, low, zero), extremes(f, zero, high)
    if left[1] > high or right[0] < low:
        return False
    if f(as_fmpq(high)) > 0 and not real_roots(f, zero, high):
        return True
    if f(as_fmpq(low)) < 0 and not real_roots(f, low, zero):
        return True
    trap = contracted(f)
    if f.degree() <= _SMALL:
        trap = max(trap, contracted(f(f)))
    for _ in range(_LOOKS):
        low, high = min(right[0], zero), max(left[1], zero)
        if max(-low, high) < trap:
            return True
        left, right = extremes(f, low, zero), extremes(f, zero, high)
    return False


def contracted(f: fmpq_poly) -> Fraction:
    """Return ρ with Σ_{k≥1} |c_k|ρ^{k−1} < 1: f(0) = 0 makes the disc |z| ≤ ρ, complex too, go to 0.

    >>> contracted(fmpq_poly([0, 0, 3, -2])) < 0.3  # 3ρ + 2ρ² < 1
    True
    """
    sizes = [abs(c) for c in f.coeffs()[1:]]
    bound, rho = fmpq_poly(sizes), Fraction(1)
    while bound(as_fmpq(rho)) >= 1:
        rho = rho * 7 / 8
        rho = rho.limit_denominator(10**6) if rho > Fraction(1, 10**3) else rho
    return rho


def _real(f: fmpq_poly) -> list[arb]:
    """The real roots, which FLINT gives without an imaginary part, each once."""
    if f.degree() < 1:
        return []
    roots: Any = f.complex_roots()  # pairs of a ball and a multiplicity, whatever the stub says
    return [root.real for root, _ in roots if root.imag == 0]


def _bracket(ball: arb) -> Bracket:
    """Rational ends of a ball, exactly."""
    middle, radius = ball.mid(), ball.rad()
    below, above = middle - radius, middle + radius
    return _exactly(below.lower()), _exactly(above.upper())


def _exactly(ball: arb) -> Fraction:
    mantissa, exponent = ball.mid().man_exp()
    return Fraction(int(mantissa)) * Fraction(2) ** int(exponent)


def _ball(bracket: Bracket) -> arb:
    return arb(as_fmpq(bracket[0])).union(arb(as_fmpq(bracket[1])))
