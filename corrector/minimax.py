r"""Best members by linear programming, each with a proof that none is much better.

In the sign variable s = 2x − 1 write p(s) = 2g((1 + s)/2) − 1.  The members with g(1 − x) = 1 − g(x)
are the odd p,

    p(s) = P_n(s) + s(1 − s²)^{n+1} q(s²),      P_n(s) = s Σ_{k≤n} C(2k,k)/4^k (1 − s²)^k,

q any polynomial.  Where a criterion asks for inequalities that are linear in p and change into
themselves under x ↦ 1 − x, the mean of a member and its mirror image meets them whenever the member
does; so the odd members hold the best of the whole family, and finding it is a linear program in q
with one inequality for each point of an interval.

Solved in floating point, on a grid, it gives two things that are then made exact.  The solution is
rounded to a rational member, whose value is proved for itself (see `realline`).  The multipliers of
an infeasible program are solved for again in rational arithmetic: if λ_i ≥ 0 make Σ λ_i (row i) = 0
but Σ λ_i (right-hand side i) < 0, no member meets the inequalities (Farkas's lemma).
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property, partial
from math import comb, factorial, isqrt
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from flint import ctx, fmpq, fmpq_mat, fmpq_poly
from scipy.optimize import linprog

from .catalog import smoothstep
from .polynomial import Corrector
from .rational import as_flint, as_fmpq, from_flint
from .realline import extremes, immediate_basin, real_roots

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from jaxtyping import Float
    from scipy.optimize import OptimizeResult

Inequality: TypeAlias = tuple[Fraction, int, Fraction]
"""(s, sign, c): sign·p(s) + c ≥ 0."""

_GRID = 160
_STEP = Fraction(1, 1000)
"""How near to what is proved to be out of reach a value is brought, as a ratio."""

_GIVEN = Fraction(1, 100)
"""The part of the greatest reach that is given away, for a margin."""

_MOST_TERMS = 14
"""So many coefficients of q are used at most: more are beyond what floating point resolves."""

_FARTHEST = 10**4
_FLAT = 1e-6
"""A margin (1 − s)^{n+1} below this is not asked for: contact at 1 decides the sign there."""

_ROUNDS = 30
_FASTEST = 0.98
"""The most that one linear program may take off t: more than that is below its own tolerance."""

_ROOT_BITS = 200
_DIGITS = (0, 1, 2, 3, 4, 6, 9, 12)
_SMALL = 12
"""Above order + count = 12 a look at a member takes its time: it is taken as it comes."""


@dataclass(frozen=True)
class OddMembers:
    """The odd members of order n whose q has `count` coefficients: of degree 2(n + count) + 1."""

    order: int
    count: int

    @cached_property
    def first(self) -> fmpq_poly:
        """P_n."""
        s, hidden = fmpq_poly([0, 1]), fmpq_poly([1, 0, -1])
        terms = [fmpq(comb(2 * k, k), 4**k) * hidden**k for k in range(self.order + 1)]
        return s * sum(terms, fmpq_poly([0]))

    @cached_property
    def basis(self) -> tuple[fmpq_poly, ...]:
        """The polynomials s^{2k+1}(1 − s²)^{n+1}, k < count."""
        factor = fmpq_poly([1, 0, -1]) ** (self.order + 1)
        return tuple(fmpq_poly([0] * (2 * k + 1) + [1]) * factor for k in range(self.count))

    def member(self, q: Iterable[Fraction]) -> Corrector:
        """The corrector g(x) = (1 + p(2x − 1))/2."""
        p = self.first + sum((as_fmpq(c) * b for c, b in zip(q, self.basis, strict=True)), fmpq_poly([0]))
        return Corrector(from_flint((1 + p(fmpq_poly([-1, 2]))) / 2)[1:])

    def near(self, p: fmpq_poly) -> list[Fraction]:
        """The q of the member next to any odd polynomial: the quotient of p − P_n by s(1 − s²)^{n+1}."""
        quotient = (p - self.first) // self.basis[0]
        coefficients = from_flint(quotient)[::2]
        return coefficients + [Fraction(0)] * (self.count - len(coefficients))

    def excluded(self, inequalities: list[Inequality], weights: Float[np.ndarray, " rows"]) -> bool:
        """Tell whether the heaviest inequalities prove, exactly, that no member meets them all."""
        rows = [inequalities[i] for i in np.argsort(-weights)[: self.count + 1]]
        table = fmpq_mat([[sign * b(as_fmpq(s)) for s, sign, _ in rows] for b in self.basis])
        reduced, rank = table.rref()
        m = self.count
        if rank != m or any(reduced[i, i] != 1 for i in range(m)):
            return False
        multipliers = [*(-reduced[i, m] for i in range(m)), fmpq(1)]
        constants = [sign * self.first(as_fmpq(s)) + as_fmpq(c) for s, sign, c in rows]
        total = sum((w * c for w, c in zip(multipliers, constants, strict=True)), fmpq(0))
        return all(w >= 0 for w in multipliers) and total < 0


def widest_real_basin(order: int, count: int) -> Best:
    """Return an odd member whose immediate basins reach far beyond 0 and 1, and a bound for all members.

    The reach is the greatest δ for which every x in (−δ, ½) goes to 0 and every x in (½, 1 + δ) to 1.
    With L = 1 + 2δ it demands of any member, averaged with its mirror image,

        p(s) > s on (0, 1),    0 < p(s) < s on (1, L),

    for the immediate basin of 1 in s then holds (0, L), has no fixed point but 1, and is mapped into
    itself.  Where also p ≤ 1 on (0, 1), these conditions suffice.  The greatest L is reached by no
    member: there p would be 0 or s within or at the end.  So 1 % of it is given away for a margin.

    Cost: about 40 linear programs of some 300 rows: half a second for a small family, a minute at
    order 64.  Beyond 14 coefficients of q the others are left at 0, and no bound is given.
    """
    members, whole = OddMembers(order, min(count, _MOST_TERMS)), count <= _MOST_TERMS
    count = members.count
    minimal = members.member([Fraction(0)] * count)
    feasible, infeasible, proved = 1 + 2 * reach(minimal), None, False
    while feasible < _FARTHEST and (infeasible is None or infeasible / feasible > 1 + _STEP):
        limit = 2 * feasible if infeasible is None else (feasible + infeasible) / 2
        limit = limit.limit_denominator(10**6)
        rows, scales = _staircase(order, limit, overshoot=True)
        try:
            _, margin, weights = _solved(members, rows, scales, limit)
        except ArithmeticError:
            infeasible, proved = limit, False
            continue
        if margin > 0:
            feasible = limit
        else:
            infeasible, proved = limit, members.excluded(rows, weights)
    bound = (infeasible - 1) / 2 if infeasible is not None and proved and whole else None
    for kept in (1 - _GIVEN, 1 - 3 * _GIVEN, 1 - 10 * _GIVEN, 1 - 30 * _GIVEN):
        limit = (1 + (feasible - 1) * kept).limit_denominator(10**6)
        try:
            p, margin, _ = _solved(members, *_staircase(order, limit, overshoot=False), limit)
        except ArithmeticError:
            continue
        wide_enough = partial(_reaches, delta=(limit - 1) / 2)
        if margin > 0 and wide_enough(members.member(members.near(p))):
            found = simplest(members, members.near(p), wide_enough)
            return Best(found, reach(found), bound)
    return Best(minimal, reach(minimal), None)


def smallest_residual(order: int, count: int, low: Fraction, high: Fraction) -> Best:
    """Return an odd member of nearly the least max |g² − g| over [low, high] and its mirror image.

    For the members that take [low, high] below ½ and its mirror image above, |g² − g| ≤ t means

        (1 − √(1 + 4t))/2 ≤ g ≤ (1 − √(1 − 4t))/2

    on the one and 1 less than that on the other (½ at most from t = ¼ on), linear in g; the least t is
    found by linear programs in which the slack says how much narrower the band could be, and so the
    next t.  Below ¼ a member's residual tells on which side of ½ it is, and a bound for all of these
    members is proved; from ¼ on it does not, and none is given.

    Cost: about 10 linear programs of some 300 rows, and the extremes of a polynomial of twice the degree.
    Beyond 14 coefficients of q the others are left at 0, and no bound is given.
    """
    members, whole = OddMembers(order, min(count, _MOST_TERMS)), count <= _MOST_TERMS
    count = members.count
    minimal = members.member([Fraction(0)] * count)
    t, least = worst_residual(minimal, low, high), None
    q: list[Fraction] = []
    for _ in range(_ROUNDS):
        rows, scales = _band(t, low, high)
        try:
            q, slack, _ = _solved_near_one(members, rows, scales, low, high)
        except ArithmeticError:  # beyond what floating point resolves: the t before it stands
            break
        below, above = (Fraction(scale) * (1 - Fraction(min(slack, _FASTEST))) / 2 for scale in scales[:2])
        t = max(below - below**2, above + above**2)  # |g² − g| at the edges of the narrower band
        if abs(slack) < 1e-6:
            break
    if t < Fraction(1, 4) and whole:
        below = t / (1 + _STEP)
        rows, scales = _band(below, low, high)
        with suppress(ArithmeticError):
            if members.excluded(rows, _solved_near_one(members, rows, scales, low, high)[2]):
                least = below
    rivals = [smoothstep(n) for n in range(order, order + count + 1)]
    if q:
        found = members.member(q)
        worst = worst_residual(found, low, high)
        accepts = partial(_leaves_at_most, low=low, high=high, most=worst * (1 + _STEP))
        rivals.append(simplest(members, q, accepts))
    best = min(rivals, key=lambda g: worst_residual(g, low, high))
    return Best(best, worst_residual(best, low, high), least)


@dataclass(frozen=True)
class Best:
    """A member, a value of its that is proved, and one that no member can better (None: none proved)."""

    member: Corrector
    value: Fraction
    bound: Fraction | None


def reach(g: Corrector) -> Fraction:
    """Return δ such that (−δ, ½) goes to 0 and (½, 1 + δ) to 1, within 2⁻⁶⁰; −1 where none is proved.

    >>> from corrector import MCWEENY
    >>> round(float(reach(MCWEENY)), 6)  # (√3 − 1)/2
    0.366025
    """
    zero, one = immediate_basin(g, 0), immediate_basin(g, 1)
    if zero is None or one is None or not _meets_half(g, *zero, one[0], one[1]):
        return Fraction(-1)
    return min(-zero[0], one[1] - 1)


def _meets_half(g: Corrector, low: Fraction, below: Fraction, above: Fraction, high: Fraction) -> bool:
    """Tell whether (low, below) and (above, high), which go to 0 and 1, may be drawn out to ½.

    They may if g(x) < x on [below, ½) and g(x) > x on (½, above], which makes ½ a fixed point, and
    if no step from there is so long that it leaves the basin on the other side.
    """
    f, half = as_flint(g.coefficients), Fraction(1, 2)
    beyond = f - fmpq_poly([0, 1])
    with ctx.workprec(128 + 4 * f.degree()):
        alone = not real_roots(beyond, below, half) and not real_roots(beyond, half, above)
        return (
            beyond(as_fmpq(below)) < 0 < beyond(as_fmpq(above))
            and alone
            and extremes(f, below, half)[0] > low
            and extremes(f, half, above)[1] < high
        )


def worst_residual(g: Corrector, low: Fraction, high: Fraction) -> Fraction:
    """Return a rational number barely above max |g² − g| over [low, high] and [1 − high, 1 − low].

    >>> from corrector import MCWEENY
    >>> round(float(worst_residual(MCWEENY, Fraction(0), Fraction(1, 4))), 6)  # (5/32)(27/32)
    0.131836
    """
    f = as_flint(g.coefficients)
    residual = f * f - f
    with ctx.workprec(64 + 8 * f.degree()):
        ends = [*extremes(residual, low, high), *extremes(residual, 1 - high, 1 - low)]
    return max(abs(end) for end in ends)


def _reaches(g: Corrector, delta: Fraction) -> bool:
    return reach(g) >= delta


def _leaves_at_most(g: Corrector, low: Fraction, high: Fraction, most: Fraction) -> bool:
    return worst_residual(g, low, high) <= most


def _staircase(order: int, limit: Fraction, *, overshoot: bool) -> tuple[list[Inequality], list[float]]:
    """The rows p > s (and p ≤ 1 unless it may overshoot) on (0, 1), 0 < p < s on (1, limit], and scales."""
    one, zero = Fraction(1), Fraction(0)
    rows: list[Inequality] = []
    scales: list[float] = []
    for s in _points(zero, one):
        rows.append((s, 1, -s))
        scales.append(float(s * (1 - s)))
        flat = float(1 - s) ** (order + 1)
        if not overshoot and flat > _FLAT:
            rows.append((s, -1, one))
            scales.append(flat)
    for s in _points(one, limit):
        rows += [(s, 1, zero), (s, -1, s)]
        scales += [float(s), float(s - 1)]
    return rows, scales


def _band(t: Fraction, low: Fraction, high: Fraction) -> tuple[list[Inequality], list[float]]:
    """The rows 1 − D₋ ≤ p ≤ 1 + D₊ on the mirror image of [low, high], where |g² − g| ≤ t."""
    below = 1 - _root_below(1 - 4 * t) if 4 * t < 1 else Fraction(1)
    above = _root_above(1 + 4 * t) - 1
    rows: list[Inequality] = []
    scales: list[float] = []
    for s in _points(1 - 2 * high, 1 - 2 * low):
        if s != 1:
            rows += [(s, 1, below - 1), (s, -1, above + 1)]
            scales += [float(below), float(above)]
    return rows, scales


def _points(low: Fraction, high: Fraction) -> list[Fraction]:
    """Rational points of an interval, dense towards its ends and on them, but for s = 0 and s = 1."""
    angles = np.pi * np.arange(_GRID + 1) / _GRID
    shares = (1 - np.cos(angles)) / 2
    points = [low + (high - low) * Fraction(share).limit_denominator(2**20) for share in shares]
    return [s for s in points if s not in (0, 1)]


def _solved(
    members: OddMembers, rows: list[Inequality], scales: list[float], limit: Fraction
) -> tuple[fmpq_poly, float, Float[np.ndarray, " rows"]]:
    """The odd p of greatest margin, the margin, and the multipliers.

    p/s is a Chebyshev series in s² on [0, limit²], which keeps the numbers small; that it agrees
    with 1/√(s²) to order n at s = 1 makes p a member.
    """
    n, width = members.order, float(limit) ** 2
    terms = [
        np.polynomial.Chebyshev.basis(k, domain=[0, width]) for k in range(members.order + members.count + 1)
    ]
    s = np.array([float(row[0]) for row in rows])
    signs = np.array([row[1] for row in rows])
    constants = np.array([float(row[2]) for row in rows])
    table = signs[:, None] * s[:, None] * np.stack([term(s**2) for term in terms], axis=1)
    contact = np.array([[term.deriv(k)(1.0) if k else term(1.0) for term in terms] for k in range(n + 1)])
    root = np.array([factorial(k) * (-1) ** k * comb(2 * k, k) / 4**k for k in range(n + 1)])
    size = np.abs(contact).max(axis=1)
    result = _linear_program(table, constants, scales, contact / size[:, None], root / size)
    series = _series(result.x[:-1], 0.0, width)
    return fmpq_poly([0, 1]) * series(fmpq_poly([0, 0, 1])), result.x[-1], -result.ineqlin.marginals


def _solved_near_one(
    members: OddMembers, rows: list[Inequality], scales: list[float], low: Fraction, high: Fraction
) -> tuple[list[Fraction], float, Float[np.ndarray, " rows"]]:
    """The q of greatest slack, the slack, and the multipliers; exact next to 1, where p − 1 is tiny.

    p − 1 = (1 − s)^{n+1} (s(1 + s)^{n+1} q(s²) − e(s)) with a polynomial e.
    """
    n = members.order
    ends = [float(1 - 2 * high) ** 2, float(1 - 2 * low) ** 2]
    e = np.polynomial.Polynomial(
        [float(c) for c in from_flint((1 - members.first) // fmpq_poly([1, -1]) ** (n + 1))]
    )
    terms = [np.polynomial.Chebyshev.basis(k, domain=ends) for k in range(members.count)]
    s = np.array([float(row[0]) for row in rows])
    signs = np.array([row[1] for row in rows])
    near = (1 - s) ** (n + 1)
    table = (signs * near * s * (1 + s) ** (n + 1))[:, None] * np.stack([b(s**2) for b in terms], axis=1)
    constants = -signs * near * e(s) + np.array(scales)
    result = _linear_program(table, constants, scales)
    q = from_flint(_series(result.x[:-1], *ends))
    return q + [Fraction(0)] * (members.count - len(q)), result.x[-1], -result.ineqlin.marginals


def _series(coefficients: Iterable[float], low: float, high: float) -> fmpq_poly:
    """The Chebyshev series on [low, high] with these coefficients, exactly."""
    a, b = (fmpq(*float(end).as_integer_ratio()) for end in (low, high))
    u = (2 * fmpq_poly([0, 1]) - (a + b)) / (b - a)
    total, previous, term = fmpq_poly([0]), u, fmpq_poly([1])
    for c in coefficients:
        total += fmpq(*float(c).as_integer_ratio()) * term
        previous, term = term, 2 * u * term - previous
    return total


def _linear_program(
    table: Float[np.ndarray, "rows terms"],
    constants: Float[np.ndarray, " rows"],
    scales: list[float],
    equal: Float[np.ndarray, "n terms"] | None = None,
    to: Float[np.ndarray, " n"] | None = None,
) -> OptimizeResult:
    """Maximise the margin m ≤ 1 over x: table·x + constants ≥ m·scales, equal·x = to."""
    weights = np.array(scales)
    left = np.hstack([-table / weights[:, None], np.ones((len(weights), 1))])
    equations = None if equal is None else np.hstack([equal, np.zeros((len(equal), 1))])
    objective = np.zeros(left.shape[1])
    objective[-1] = -1
    bounds = [(None, None)] * (left.shape[1] - 1) + [(None, 1)]
    result = linprog(objective, left, constants / weights, equations, to, bounds, method="highs-ds")
    if not result.success:
        raise ArithmeticError(f"expected a linear program that has a solution; got: {result.message}")
    return result


def simplest(members: OddMembers, q: list[Fraction], accepts: Callable[[Corrector], bool]) -> Corrector:
    """The member whose q has the fewest decimal places among roundings that are accepted, as q itself is."""
    for digits in _DIGITS if members.order + members.count <= _SMALL else ():
        g = members.member([Fraction(f"{float(c):.{digits}e}") for c in q])
        if accepts(g):
            return g
    return members.member(q)


def _root_below(x: Fraction) -> Fraction:
    return Fraction(isqrt(int(x * 4**_ROOT_BITS)), 2**_ROOT_BITS)


def _root_above(x: Fraction) -> Fraction:
    return Fraction(isqrt(int(x * 4**_ROOT_BITS)) + 1, 2**_ROOT_BITS)
