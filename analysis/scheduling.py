r"""`schedule`: a real spectrum with a known gap, parted in the fewest matrix products.

Each step is a polynomial that parts the two intervals of the spectrum best for its degree (see
`equioscillation`): of degree 2 in one product, 3 or 4 in two, 8 in three.  Its image is two intervals
again, further apart; which steps to take, in which order, is a search for the fewest products.

The search is done in floating point.  What it finds is then made exact: stationary points rounded to
rational numbers, the polynomial they belong to, and the image of the two intervals under it, enclosed
by isolating its extremes.  So `Schedule.error` is proved, for exact arithmetic.

*The floor.*  m products make a polynomial p of degree 2^m at most.  Let |p| ≤ ε on the lower and
|p − 1| ≤ ε on the upper interval, together E.  Then |p − p²| ≤ ε(1 + ε) on E, while p = ½ somewhere in
the gap, so by the inequality of Bernstein and Walsh

    ¼ ≤ ε(1 + ε)·exp(2^{m+1} max_gap G),

G the Green function of the complement of E with its pole at infinity.  `Schedule.floor` is the least m
that this allows; no program of products does with fewer.

References: E. H. Rubensson, *Nonmonotonic recursive polynomial expansions*, J. Chem. Theory Comput. 7
(2011) 1233–1236; T. Ransford, *Potential Theory in the Complex Plane*, theorem 5.5.7.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from functools import lru_cache
from math import acosh, asin, ceil, cos, floor, inf, isfinite, log, log2, pi, sin, sqrt
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from flint import ctx, fmpq_poly
from scipy.integrate import quad

from corrector import Polynomial
from corrector.arithmetic import arithmetic_of, is_hermitian
from corrector.plan import Plan, shortest_plan
from corrector.rational import as_fmpq, fraction, from_flint
from corrector.realline import extremes

from .arguments import real_number
from .arrays import adjoint, frobenius, hermitian_part, plus_identity, trace, unit_roundoff
from .equioscillation import Gap, Parting, parting

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from jaxtyping import Float, Inexact

    from corrector.evaluation import Array

Intervals: TypeAlias = tuple[Fraction, Fraction, Fraction, Fraction]
"""Ends of the lower and of the upper interval, from the left."""

_MOVES = ((2, 0), (2, 1), (3, 1), (4, 1), (4, 2), (8, 2), (8, 3), (8, 4), (8, 5))
"""Degrees, and stationary points in the lower interval, that a step may have."""

_PRODUCTS = {2: 1, 3: 2, 4: 2, 8: 3}

_KEPT = 3
"""So many gaps are followed further for each number of products: more find nothing shorter."""

_LONGEST = 200
_NARROWEST = 1e-12
_SMALLEST = 1e-280
_BITS = 200
"""Stationary points and coefficients are rounded to multiples of 2⁻²⁰⁰."""

_THIN = 2.0**-80
"""An interval that is one point is taken this wide, against the other's length."""


@dataclass(frozen=True, repr=False)
class Schedule:
    """A plan for the spectral projector of K, of eigenvalues in [inside[0], below] ∪ [above, inside[1]].

    Attributes:
        below, above: the ends of the gap.
        inside: the ends of the spectrum.
        steps: polynomials, to be applied in turn to (K − inside[0]·I)/(inside[1] − inside[0]).
        images: where each step sends the two intervals, enclosed.
        error: an upper bound on the distance of the last images from 0 and 1, proved.
        floor: no program of fewer products reaches that error.

    `print(schedule)` writes a table of the steps.
    """

    below: float
    above: float
    inside: tuple[float, float]
    steps: tuple[Polynomial, ...]
    images: tuple[Intervals, ...] = field(compare=False)
    error: float
    floor: int

    @property
    def products(self) -> int:
        """The number of matrix products."""
        return sum(plan.products for plan in self.plans)

    @property
    def plans(self) -> tuple[Plan, ...]:
        """How each step is evaluated, less its constant term."""
        return tuple(shortest_plan((Fraction(0), *p.coefficients[1:])) for p in self.steps)

    def __repr__(self) -> str:
        low, high = self.inside
        return (
            f"Schedule([{low:g}, {self.below:.10g}] ∪ [{self.above:.10g}, {high:g}]: "
            f"{self.products} products, error {self.error:.2g}; no fewer than {self.floor} can do)"
        )

    def __str__(self) -> str:
        lines = [repr(self), f"{'step':>4}  {'degree':>6}  {'products':>8}  {'gap after it':>22}"]
        for i, (p, plan, image) in enumerate(zip(self.steps, self.plans, self.images, strict=True), 1):
            share = (image[2] - image[1]) / (image[3] - image[0])
            shown = f"{float(share):.6g}" if share < Fraction(9, 10) else f"1 − {float(1 - share):.3g}"
            lines.append(f"{i:>4}  {p.degree:>6}  {plan.products:>8}  {shown:>22}")
        return "\n".join(lines)


def schedule(
    below: float, above: float, inside: tuple[float, float] = (0, 1), error: float = 2.0**-53
) -> Schedule:
    """Return the plan of the fewest products found for a real spectrum with a gap.

    It lies in [inside[0], below] ∪ [above, inside[1]], and the projector belongs to the eigenvalues from
    `above` on.  A plan trusts these bounds: an eigenvalue in the gap or outside may end at 0, at 1 or
    between; `iterate(K, schedule=…)` finds out.

    Args:
        below: the lower end of the gap, or of any interval known to be free of eigenvalues.
        above: its upper end.
        inside: bounds on the whole spectrum.
        error: how far from 0 and 1 eigenvalues may end, in exact arithmetic.

    Raises:
        TypeError: an argument is no real number.
        ValueError: not inside[0] ≤ below < above ≤ inside[1], all finite; the gap is narrower than
            10⁻¹² of the whole, or the whole not between 10⁻²⁸⁰ and 10²⁸⁰; or error does not lie between
            10⁻⁶⁰ and 0.1.

    Cost: tens of milliseconds a step; remembered.

    References: E. H. Rubensson, *Nonmonotonic recursive polynomial expansions for linear scaling calculation
    of the density matrix*, J. Chem. Theory Comput. 7 (2011) 1233–1236 (degree 2); the floor by the inequality
    of Bernstein and Walsh: T. Ransford, *Potential Theory in the Complex Plane*, theorem 5.5.7.

    >>> plan = schedule(0.45, 0.55)
    >>> plan.products, plan.floor, plan.error <= 2**-53
    (10, 8, True)
    """
    if not isinstance(inside, tuple | list) or len(inside) != 2:
        raise TypeError(f"`inside` must be two real numbers; got {str(inside)[:60]}")
    low, high = (real_number(end, "inside") for end in inside)
    below, above = real_number(below, "below"), real_number(above, "above")
    error = real_number(error, "error")
    _require_order(low, below, above, high, error)
    return _schedule(below, above, (low, high), error)


@lru_cache(maxsize=64)
def _schedule(below: float, above: float, inside: tuple[float, float], error: float) -> Schedule:
    low, high = map(Fraction, inside)
    a, b = ((Fraction(end) - low) / (high - low) for end in (below, above))
    thin = Fraction(_THIN)
    fewest = fewest_products(_gap((Fraction(0), a, b, Fraction(1))), error)
    start = (Fraction(0) if a > thin else -thin, a, b, Fraction(1) if b < 1 - thin else 1 + thin)
    for path in _paths(_gap(start), error):
        steps, images = _exact_steps(start, path)
        reached = _distance((start, *images)[-1])
        if reached <= Fraction(error):
            return Schedule(below, above, inside, steps, images, _up(reached), fewest)
    raise AssertionError("expected a plan among those of 200 products; there was none")


@dataclass
class History:
    """What an iteration went through: at each step residuals and traces by matrix, and products so far.

    `single` counts those of the products that were in single precision where K is in double.
    """

    residuals: list[Float[np.ndarray, " batch"]] = field(default_factory=list)
    traces: list[Float[np.ndarray, " batch"]] = field(default_factory=list)
    spent: list[int] = field(default_factory=list)
    products: int = 0
    single: int = 0
    progress: Callable[[int, float], None] | None = None

    def spend(self, products: int, *, single: bool = False) -> None:
        """Count matrix products."""
        self.products += products
        self.single += products * single

    def start_again(self) -> None:
        """Forget the rows so far, but not the products."""
        for rows in (self.residuals, self.traces, self.spent):
            rows.clear()

    def record(self, residuals: Float[np.ndarray, " batch"], traces: Float[np.ndarray, " batch"]) -> None:
        """Add a row, after the product that a residual takes."""
        self.spend(1)
        self.residuals.append(residuals)
        self.traces.append(traces)
        self.spent.append(self.products)
        if self.progress:
            self.progress(self.products, float(np.max(residuals, initial=0, where=np.isfinite(residuals))))


def part(K: Inexact[Array, "batch m m"], schedule: Schedule, history: History) -> Inexact[Array, "batch m m"]:
    """Return what the steps of a schedule make of the matrices: almost the projectors.

    Those that are Hermitian up to rounding, if all are, are made so.
    """
    X, hermitian = scaled(K, schedule)
    return follow(X, schedule, history, hermitian=hermitian)


def scaled(K: Inexact[Array, "batch m m"], schedule: Schedule) -> tuple[Inexact[Array, "batch m m"], bool]:
    """Return the matrices with their spectrum brought into [0, 1], and whether all are Hermitian.

    Up to rounding, that is; they are made so.
    """
    off = frobenius(K - adjoint(K)) if not is_hermitian(K).all() else np.zeros(1)
    hermitian = bool((off <= 10 * K.shape[-1] * unit_roundoff(K) * frobenius(K)).all())
    K = hermitian_part(K) if hermitian and off.any() else K
    arithmetic = arithmetic_of(K)
    low, high = schedule.inside
    return plus_identity(arithmetic.sum(((1 / Fraction(high - low), K),)), -low / (high - low)), hermitian


def follow(
    X: Inexact[Array, "batch m m"], schedule: Schedule, history: History, *, hermitian: bool
) -> Inexact[Array, "batch m m"]:
    """Return what the steps of a schedule make of matrices that `scaled` returned, in their precision."""
    arithmetic = arithmetic_of(X, hermitian=hermitian, mean=False)
    for p, plan in zip(schedule.steps, schedule.plans, strict=True):
        R = arithmetic.product(X, X, Fraction(-1), ((Fraction(1), X),))
        history.record(frobenius(R), trace(X))
        X = plus_identity(plan.over(X, arithmetic, R), float(p.coefficients[0]))
        history.spend(plan.products - 1)
    return X


def fewest_products(gap: Gap, error: float) -> int:
    """Return the least m with ¼ ≤ ε(1 + ε)·exp(2^{m+1} max G): no fewer products reach the error.

    G is the Green function of the two intervals' complement (see the head of this module).

    >>> widths = (0.8, 0.1, 1e-2, 1e-4, 1e-6, 1e-8)
    >>> [fewest_products(Gap((1 - x) / 2, (1 - x) / 2, x), 2**-53) for x in widths]
    [5, 8, 11, 18, 25, 31]
    """
    least_degree = log(1 / (4 * error * (1 + error))) / (2 * _green(gap))
    return max(ceil(log2(max(least_degree, 1)) - 1e-9), 0)


def _green(gap: Gap) -> float:
    """The greatest value in the gap of the Green function of the intervals' complement, pole at infinity.

    With the lower interval [0, a] and the upper [b, 1] it is

        ∫_a^c (c − t)/√(t(t − a)(b − t)(1 − t)) dt,   where the integral over (a, b) vanishes;

    t = a + (b − a) sin²(φ/2) takes the singular ends away.  Of an interval that is a point, or next
    to one, nothing is counted: what is left is the other's own Green function, greatest at that point.
    """
    if min(gap.below, gap.above) < _NARROWEST:
        other = max(gap.below, gap.above)
        return acosh(2 / other - 1) if other > _NARROWEST else inf

    def height(phi: float) -> float:
        return gap.width * sin(phi / 2) ** 2

    def weight(phi: float) -> float:
        return 1 / sqrt((gap.below + height(phi)) * (gap.above + gap.width * cos(phi / 2) ** 2))

    near_ends = {10.0**k for k in range(-14, 1)}  # a short interval makes the weight peak at its end
    near_ends |= {pi - x for x in near_ends}

    def over(f: Callable[[float], float], end: float) -> float:
        points = sorted(x for x in near_ends if 0 < x < end)
        value: float = quad(f, 0, end, epsabs=0, epsrel=1e-10, limit=500, points=points)[0]
        return value

    top = over(lambda phi: height(phi) * weight(phi), pi) / over(weight, pi)  # c − a
    return over(lambda phi: (top - height(phi)) * weight(phi), 2 * asin(sqrt(top / gap.width)))


def _paths(
    gap: Gap, error: float, moves: tuple[tuple[int, int], ...] = _MOVES
) -> Iterator[tuple[tuple[int, int], ...]]:
    """Sequences of moves that reach the error in floating point, the fewest products first."""
    fronts: dict[int, list[tuple[Gap, tuple[tuple[int, int], ...]]]] = {0: [(gap, ())]}
    for products in range(_LONGEST):
        front = _undominated(fronts.pop(products, []))
        for here, path in front:
            if max(here.below, here.above) / 2 <= error:
                yield path
        for here, path in front:
            for move in moves:
                found = parting(here, *move)
                if found is not None:
                    later = fronts.setdefault(products + _PRODUCTS[move[0]], [])
                    later.append((found.image, (*path, move)))


def _undominated(
    front: list[tuple[Gap, tuple[tuple[int, int], ...]]],
) -> list[tuple[Gap, tuple[tuple[int, int], ...]]]:
    """The widest gaps, less those with both intervals longer than another's, or than its mirror image's."""
    kept: list[tuple[Gap, tuple[tuple[int, int], ...]]] = []
    for here, path in sorted(front, key=lambda entry: -entry[0].width):
        short, long = sorted((here.below, here.above))
        others = (sorted((other.below, other.above)) for other, _ in kept)
        if not any(s <= short * (1 + 1e-9) and t <= long * (1 + 1e-9) for s, t in others):
            kept.append((here, path))
        if len(kept) == _KEPT:
            break
    return kept


def _exact_steps(
    intervals: Intervals, path: tuple[tuple[int, int], ...]
) -> tuple[tuple[Polynomial, ...], tuple[Intervals, ...]]:
    steps, images = [], []
    for degree, lower in path:
        found = parting(_gap(intervals), degree, lower)
        if found is None:
            raise AssertionError(f"expected a polynomial of degree {degree}; none was found")
        p = _exact(intervals, found)
        intervals = image(p, intervals)
        steps.append(Polynomial(from_flint(p)))
        images.append(intervals)
    return tuple(steps), tuple(images)


def _exact(intervals: Intervals, found: Parting) -> fmpq_poly:
    """The polynomial with these stationary points, scaled so that the images lie about 0 and 1."""
    l0, l1, u0, u1 = intervals
    unit = u1 - l0
    points = [_rounded(l1 - Fraction(float(s)) * unit) for s in found.below]
    points += [_rounded(u0 + Fraction(float(s)) * unit) for s in found.above]
    slope = fmpq_poly([1])
    for s in points:
        slope *= fmpq_poly([as_fmpq(-s), 1])
    p = slope.integral()
    values = [fraction(p(as_fmpq(x))) for x in (l0, l1, *points[: len(found.below)])]
    others = [fraction(p(as_fmpq(x))) for x in (u0, u1, *points[len(found.below) :])]
    zero, one = ((min(v) + max(v)) / 2 for v in (values, others))
    p = (p - as_fmpq(zero)) / as_fmpq(one - zero)
    return fmpq_poly([as_fmpq(_rounded(fraction(c))) for c in p.coeffs()])


def image(p: fmpq_poly, intervals: Intervals) -> Intervals:
    """Return intervals that are sure to hold p of the lower and of the upper one."""
    l0, l1, u0, u1 = intervals
    with ctx.workprec(2 * _BITS):
        ends = (*extremes(p, l0, l1), *extremes(p, u0, u1))
    outwards = (floor, ceil, floor, ceil)
    l0, l1, u0, u1 = (Fraction(away(x * 2**_BITS), 2**_BITS) for away, x in zip(outwards, ends, strict=True))
    return l0, l1, u0, u1


def _gap(intervals: Intervals) -> Gap:
    l0, l1, u0, u1 = intervals
    unit = u1 - l0
    return Gap(float((l1 - l0) / unit), float((u1 - u0) / unit), float((u0 - l1) / unit))


def _distance(intervals: Intervals) -> Fraction:
    l0, l1, u0, u1 = intervals
    return max(abs(l0), abs(l1), abs(u0 - 1), abs(u1 - 1))


def _rounded(x: Fraction) -> Fraction:
    return Fraction(round(x * 2**_BITS), 2**_BITS)


def _up(x: Fraction) -> float:
    nearest = float(x)
    return nearest if Fraction(nearest) >= x else nearest * (1 + 2.0**-52)


def _require_order(low: float, below: float, above: float, high: float, error: float) -> None:
    if not (low <= below < above <= high and all(map(isfinite, (low, below, above, high)))):
        raise ValueError(
            "expected a gap within the ends of the spectrum, low ≤ below < above ≤ high, all finite; "
            f"got {low:.15g}, {below:.15g}, {above:.15g}, {high:.15g}"
        )
    if not _SMALLEST <= high - low <= 1 / _SMALLEST:
        raise ValueError(
            f"expected a spectrum between {_SMALLEST:g} and {1 / _SMALLEST:g} wide; got {high - low:.3g}"
        )
    if above - below < _NARROWEST * (high - low):
        raise ValueError(
            f"expected a gap of at least {_NARROWEST:g} of the spectrum's width; "
            f"got {(above - below) / (high - low):.6g}"
        )
    if not 1e-60 <= error <= 0.1:
        raise ValueError(f"`error` must lie between 1e-60 and 0.1; got {error:g}")
