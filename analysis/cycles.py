r"""Attracting cycles of a relaxed corrector f(x) = x + γ(g(x) − x): all of them, proved.

A theorem of Fatou and Julia makes this a finite job: every attracting cycle of a polynomial attracts
a critical point, a root of f', of which there are degree − 1.  So each critical orbit is followed
until it is proved

- to escape: where |c_d|r^{d−1} − Σ_{k<d} |c_k|r^{k−1} > 1, |f| grows faster than |x| for |x| ≥ r;
- to enter a trap: a disc about a point of a known attracting cycle that f^p sends into its own
  interior.  Every point in it goes to the cycle, by the lemma of Schwarz;
- or to be finite: an orbit that repeats exactly (in Q[x]/h, for a factor h of f') and whose cycle
  repels goes to no attracting one.

What is left over is counted: every known attracting cycle needs a critical point of its own, and so
does every cycle of petals at a fixed point of multiplier 1 (one less of them than its multiplicity)
or −1 (at least one).  If they need all the points left, none goes elsewhere.

An orbit that does none of these comes near its own past when it nears a cycle not yet known.
Newton's method for f^p(x) = x then starts there, and what it finds is proved by its interval form: if
N(Z) = z − (f^p(z) − z)/((f^p)'(Z) − 1) is inside the ball Z about z, then f^p has exactly one fixed
point in Z, and N(Z) holds it.

Points of an orbit are kept as discs, a centre and a radius: boxes would grow by up to √2 a step in a
rotation.

References: J. Milnor, *Dynamics in One Complex Variable*, 3rd ed., theorem 8.6 (critical points) and
section 10 (petals); R. E. Moore, R. B. Kearfott and M. J. Cloud, *Introduction to Interval Analysis*,
section 8.1 (Newton).
"""

from __future__ import annotations

from cmath import isclose
from dataclasses import dataclass
from math import inf, prod
from typing import TYPE_CHECKING, Any

from flint import acb, acb_poly, arb, arb_poly, ctx, fmpq, fmpq_poly

from corrector.rational import as_flint, as_fmpq

from .arguments import checked_relaxation, whole_number
from .fixedpoint import fixed_points

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from fractions import Fraction

    from corrector import Corrector

_BITS = 128
"""Bits of precision to start with, beyond what the degree costs."""

_PRECISIONS = (1, 4, 16)
"""How many times as many bits an orbit is given, one after the other, when a disc grows too large."""

_BLUR = 2.0**-8
"""The radius at which a disc no longer says where the orbit is."""

_NEAR = 1e-2
"""How near an orbit must come to its own past for a cycle to be looked for."""

_HARDLY_REPELLING = 2
"""The multiplier, in modulus, up to which a near repetition may be the approach to an attracting cycle."""

_NEWTON = 40
"""The steps of Newton's method; from a good start it takes about ten."""

_FINITE, _HEIGHT = 64, 4096
"""Steps, and bits of a coefficient, up to which an orbit is followed exactly; a finite one repeats soon."""


@dataclass(frozen=True, repr=False)
class Cycle:
    """An attracting cycle x₀ → x₁ → … → x_{p−1} → x₀ of the relaxed map f.

    Attributes:
        points: x₀ … x_{p−1} to double precision, in the order in which f visits them; x₀ is the
            least by real and then imaginary part.
        multiplier: (f^p)'(x₀) = Π f'(x_i), by which p steps multiply a small distance to the cycle.
        kind: "superattracting" where the multiplier is exactly 0, a critical point having been proved
            to lie on the cycle; else "attracting".
    """

    points: tuple[complex, ...]
    multiplier: complex
    kind: str

    @property
    def period(self) -> int:
        """The least p with f^p(x₀) = x₀, the number of points."""
        return len(self.points)

    def __repr__(self) -> str:
        shown = " → ".join(_short(z) for z in self.points[:4]) + " → …" * (self.period > 4)
        return f"Cycle({shown}; period {self.period}, {self.kind}, multiplier {_short(self.multiplier)})"


@dataclass(frozen=True)
class Undecided:
    """A critical point whose orbit was not proved to escape, to be attracted, or to be finite.

    Attributes:
        point: the critical point, to double precision.
        reason: how far it was followed, and what stood in the way.
    """

    point: complex
    reason: str


class Cycles(tuple[Cycle, ...]):
    """The attracting cycles, by period and then by first point: a tuple that says whether it has them all."""

    _undecided: tuple[Undecided, ...]

    def __new__(cls, cycles: Iterable[Cycle], undecided: Iterable[Undecided] = ()) -> Cycles:
        """Return the cycles as a tuple that knows what stayed undecided."""
        self = super().__new__(cls, cycles)
        self._undecided = tuple(undecided)
        return self

    def __getnewargs__(self) -> tuple[tuple[Cycle, ...], tuple[Undecided, ...]]:
        return tuple(self), self._undecided

    @property
    def undecided(self) -> tuple[Undecided, ...]:
        """The critical points whose orbits stayed undecided."""
        return self._undecided

    @property
    def complete(self) -> bool:
        """Whether no orbit stayed undecided, so that there is no other attracting cycle."""
        return not self._undecided

    def __repr__(self) -> str:
        count = len(self._undecided)
        state = "complete" if self.complete else f"{count} critical point{'s' * (count > 1)} undecided"
        return f"Cycles({', '.join([*map(repr, self), state])})"


def attracting_cycles(g: Corrector, relaxation: float | Fraction = 1, max_steps: int = 20_000) -> Cycles:
    """Return every attracting cycle of f(x) = x + γ(g(x) − x) in the complex plane, proved.

    Follows the orbits of all critical points of f, one of which every attracting cycle attracts.

    Args:
        g: the corrector, of degree 2 to 161.
        relaxation: γ; not 0.
        max_steps: the steps after which an orbit that has not settled is left undecided.

    Returns:
        The cycles, a tuple; each is proved to exist, to have that period and to attract.  Where
        `.complete` there is no other; else `.undecided` says which critical points could be drawn to
        others, and why they stayed open.

    Raises:
        ValueError: g is linear, γ is 0 or not finite, the degree is above 161, or max_steps below 1.
        TypeError: g is no Corrector.

    Cost: 10 µs a step of an orbit, 60 at degree 81; milliseconds where the orbits settle, and
    `max_steps` for each that does not.

    References: Milnor, *Dynamics in One Complex Variable*, theorem 8.6.

    >>> from corrector import MCWEENY, derive, smoothstep
    >>> for cycle in attracting_cycles(MCWEENY):
    ...     print(cycle)
    Cycle(0; period 1, superattracting, multiplier 0)
    Cycle(1; period 1, superattracting, multiplier 0)
    >>> found = attracting_cycles(derive(1, 4).member(a4="0.8791885"))
    >>> [cycle.period for cycle in found], found.complete
    ([1, 1, 10], True)
    """
    fixed = fixed_points(g, relaxation)
    if g.degree < 2:
        raise ValueError(f"`g` must have at least degree 2, to have critical points; got {g}")
    max_steps = whole_number(max_steps, "max_steps", 1)
    gamma = checked_relaxation(relaxation)
    weight = as_fmpq(gamma)
    f = weight * as_flint(g.coefficients) + fmpq_poly([0, 1 - weight])
    attracting = [p for p in fixed if p.kind in ("superattracting", "attracting")]
    search = _Search(f, max_steps)
    search.run(p.value for p in fixed if p.kind != "repelling")
    cycles = [Cycle((p.value,), p.multiplier, p.kind) for p in attracting]
    # More digits than those of `fixed_points` may find that a fixed point attracts after all.
    found = (a.cycle() for a in search.attractors)
    cycles += [
        c
        for c in found
        if c.period > 1 or not any(isclose(c.points[0], p.value, abs_tol=1e-30) for p in attracting)
    ]
    cycles.sort(key=lambda c: (c.period, _place(c.points[0])))
    # At an exact point "neutral" is a multiplier of 1, which makes it a multiple root, or of −1.
    petals = sum(max(p.multiplicity - 1, p.exact is not None) for p in fixed if p.kind == "neutral")
    spoken_for = len(cycles) - len(search.drawing) + petals
    undecided = search.undecided if len(search.undecided) > spoken_for else []
    return Cycles(cycles, sorted(undecided, key=lambda u: _place(u.point)))


@dataclass(frozen=True)
class _Disc:
    """The complex numbers within `radius` of `centre`, both exact."""

    centre: acb
    radius: arb

    @classmethod
    def around(cls, ball: acb, more: arb | int = 0) -> _Disc:
        return cls(ball.mid(), (ball.rad() + more).upper())

    @property
    def box(self) -> acb:
        return self.centre + acb(arb(0, self.radius), arb(0, self.radius))

    def __mul__(self, other: _Disc) -> _Disc:
        more = abs(self.centre) * other.radius + self.radius * (abs(other.centre) + other.radius)
        return _Disc.around(self.centre * other.centre, more)

    def meets(self, other: _Disc) -> bool:
        return not abs(self.centre - other.centre) > self.radius + other.radius


@dataclass(frozen=True)
class _Attractor:
    """A proved attracting cycle, from the point on whose trap (a disc about it) is tested."""

    points: tuple[_Disc, ...]
    multiplier: _Disc
    trap: arb
    superattracting: bool

    def draws(self, disc: _Disc) -> bool:
        return bool(abs(disc.centre - self.points[0].box) + disc.radius < self.trap)

    def meets(self, other: _Attractor) -> bool:
        return any(point.meets(other.points[0]) for point in self.points)

    def cycle(self) -> Cycle:
        points = [_rounded(point) for point in self.points]
        first = min(range(len(points)), key=lambda i: _place(points[i]))
        kind = "superattracting" if self.superattracting else "attracting"
        return Cycle((*points[first:], *points[:first]), _rounded(self.multiplier), kind)


@dataclass(frozen=True)
class _Map:
    """The polynomial f at the precision in force."""

    f: acb_poly
    slope: acb_poly
    escape: arb

    @classmethod
    def of(cls, f: fmpq_poly) -> _Map:
        return cls(acb_poly(f), acb_poly(f.derivative()), _escape_radius(f))

    def image(self, z: _Disc) -> tuple[_Disc, _Disc]:
        """Discs that hold f and f' on a disc."""
        slope = self.slope(z.box)
        return _Disc.around(self.f(z.centre), abs(slope) * z.radius), _Disc.around(slope)

    def along(self, z: _Disc, period: int) -> tuple[list[_Disc], _Disc]:
        """The points z, f(z), …, f^period(z), and the derivative of the last by the first."""
        points, slope = [z], _Disc(acb(1), arb(0))
        for _ in range(period):
            image, factor = self.image(points[-1])
            points.append(image)
            slope *= factor
        return points, slope

    def fixed(self, z: acb, period: int) -> _Disc | None:
        """A disc with exactly one fixed point of f^period, by Newton's method from z."""
        accuracy = arb(2) ** (-ctx.prec // 2)
        for _ in range(_NEWTON):
            points, slope = self.along(_Disc(z, arb(0)), period)
            step = (points[-1].box - z) / (slope.box - 1)
            if not abs(step) < inf:
                return None
            z = (z - step).mid()
            if abs(step) < accuracy / 4:
                break
        ball = _Disc(z, accuracy)
        image, slope = self.along(_Disc(z, arb(0)), period)[0][-1], self.along(ball, period)[1]
        root = z - (image.box - z) / (slope.box - 1)
        return _Disc.around(root) if abs(root - z) < accuracy else None

    def attractor(self, z: acb, period: int, *, superattracting: bool = False) -> _Attractor | None:
        """The attracting cycle of exactly this period that Newton's method finds from z."""
        root = self.fixed(z, period)
        if root is None:
            return None
        points, multiplier = self.along(root, period)
        points.pop()
        shorter = any(points[q].meets(root) for q in range(1, period) if period % q == 0)
        if shorter or not abs(multiplier.box) < 1:
            return None
        sizes = [self._sizes(point) for point in points]
        first = min(range(period), key=lambda i: float(sizes[i][0]))
        trap = _trap(sizes[first:] + sizes[:first])
        if trap is None:
            return None
        return _Attractor((*points[first:], *points[:first]), multiplier, trap, superattracting)

    def _sizes(self, point: _Disc) -> list[arb]:
        """Bounds on |f'|, |f''|/2, … at a point: the Taylor coefficients."""
        series = self.f(acb_poly([point.box, 1]))
        return [abs(series[k]).upper() for k in range(1, series.degree() + 1)]


class _Search:
    """The attracting cycles of f met so far, which of them drew a critical point, and what stayed open."""

    def __init__(self, f: fmpq_poly, max_steps: int) -> None:
        self.f, self.max_steps, self.bits = f, max_steps, _BITS + 4 * f.degree()
        self.attractors: list[_Attractor] = []
        self.drawing: set[int] = set()
        self.undecided: list[Undecided] = []

    def run(self, fixed: Iterable[complex]) -> None:
        """Follow every critical orbit, given the fixed points that may attract."""
        with ctx.workprec(self.bits):
            for z in fixed:
                self._look(_Map.of(self.f), acb(z), [1])
        factors = [(fmpq_poly(h), _finite(self.f, fmpq_poly(h))) for h, _ in self.f.derivative().factor()[1]]
        # A critical point on its own cycle comes first, to prove that cycle superattracting.
        for h, orbit in sorted(factors, key=lambda pair: inf if pair[1] is None else pair[1][0]):
            if orbit is None:
                self._follow_roots(h)
            else:
                self._end_roots(h, *orbit)

    def _end_roots(self, h: fmpq_poly, tail: int, orbit: list[fmpq_poly]) -> None:
        """Decide the finite orbits of the roots of h by the multiplier of the cycle they end on."""
        with ctx.workprec(self.bits):
            f = _Map.of(self.f)
            for point in _roots(h):
                cycle = [acb_poly(e)(point) for e in orbit[tail:]]
                multiplier = prod((f.slope(z) for z in cycle), start=acb(1))
                if abs(multiplier) > 1:
                    continue
                drawn = abs(multiplier) < 1 and f.attractor(cycle[0], len(cycle), superattracting=tail == 0)
                if drawn:
                    self.drawing.add(self._placed(drawn))
                else:
                    self._leave(point, f"its orbit ends on a cycle of period {len(cycle)}, perhaps neutral")

    def _follow_roots(self, h: fmpq_poly) -> None:
        """Follow the orbits of the roots of h, with more bits where a disc grows too large."""
        pending: list[acb] = []
        for times in _PRECISIONS:
            with ctx.workprec(times * self.bits):
                f = _Map.of(self.f)
                points = [z for z in _roots(h) if times == 1 or any(z.overlaps(old) for old in pending)]
                pending = [z for z in points if not self._settles(f, z)]
            if not pending:
                return
        for point in pending:
            self._leave(point, f"its orbit is chaotic for as long as {times * self.bits} bits can follow it")

    def _settles(self, f: _Map, point: acb) -> bool:
        """Follow one orbit to an end, if only that of patience; False where its disc grew too large."""
        z = _Disc.around(point)
        marked, mark, nearest = 0, complex(z.centre), _NEAR
        periods: list[int] = []
        last: list[int] = []
        for step in range(self.max_steps):
            if abs(z.centre) - z.radius > f.escape:
                return True
            drawing = next((i for i, a in enumerate(self.attractors) if a.draws(z)), None)
            if drawing is not None:
                self.drawing.add(drawing)
                return True
            if not z.radius < _BLUR:
                return False
            distance = abs(complex(z.centre) - mark)
            if step > marked and distance < nearest:
                periods.append(step - marked)
                nearest = distance
            if step == 2 * marked + 1:
                self._look(f, z.centre, periods)
                marked, mark, nearest, last, periods = step, complex(z.centre), _NEAR, periods, []
            z, _ = f.image(z)
        near = f", though it nearly repeats with period {last[0]}" if last else ""
        self._leave(point, f"its orbit did not settle within {self.max_steps} steps{near}")
        return True

    def _look(self, f: _Map, z: acb, periods: list[int]) -> None:
        """Look for attracting cycles of these periods near z."""
        for period in periods:
            if abs(f.along(_Disc(z, arb(0)), period)[1].centre) < _HARDLY_REPELLING:
                found = f.attractor(z, period)
                if found is not None:
                    self._placed(found)

    def _placed(self, found: _Attractor) -> int:
        """The place of a cycle among those known, to which it is added if it is new."""
        for i, attractor in enumerate(self.attractors):
            if attractor.meets(found):
                return i
        self.attractors.append(found)
        return len(self.attractors) - 1

    def _leave(self, point: acb, reason: str) -> None:
        self.undecided.append(Undecided(_rounded(_Disc.around(point)), reason))


def _finite(f: fmpq_poly, h: fmpq_poly) -> tuple[int, list[fmpq_poly]] | None:
    """The orbit of the roots of h, in Q[x]/h, and where its cycle begins; None where it looks infinite."""
    orbit = [fmpq_poly([0, 1]) % h]
    while len(orbit) <= _FINITE:
        image = fmpq_poly([0])
        for c in reversed(f.coeffs()):
            image = (image * orbit[-1] + c) % h
            if image.numer().height_bits() > _HEIGHT:
                return None
        if image in orbit:
            return orbit.index(image), orbit
        orbit.append(image)
    return None


def _trap(sizes: list[list[arb]]) -> arb | None:
    """A radius about the first point that once around the cycle makes smaller: Σ |t_k| r^k at each."""
    radius = arb(1)
    for _ in range(ctx.prec):
        size = radius
        for terms in sizes:
            size = arb_poly([0, *terms])(size)
        if size < radius:
            return radius
        radius /= 2
    return None


def _escape_radius(f: fmpq_poly) -> arb:
    """A radius r with |c_d|r^{d−1} − Σ_{k<d} |c_k|r^{k−1} > 1, within a factor of 2; f(0) = 0."""
    sizes = [-abs(c) for c in f.coeffs()[1:]]
    bound = fmpq_poly([*sizes[:-1], -sizes[-1]])
    radius = fmpq(1)
    while bound(radius) <= 1:
        radius *= 2
    return arb(radius)


def _roots(h: fmpq_poly) -> Iterator[acb]:
    """The roots of an irreducible factor; python-flint's stub calls them plain balls."""
    roots: Any = h.complex_roots()
    return (acb(root) for root, _ in roots)


def _rounded(disc: _Disc) -> complex:
    """The centre in double precision, a part that may be 0 as 0."""
    z, r = disc.centre, disc.radius
    return complex(*(0.0 if abs(part) <= r else float(part) for part in (z.real, z.imag)))


def _place(z: complex) -> tuple[float, float]:
    return z.real, z.imag


def _short(z: complex) -> str:
    return f"{z.real:.6g}" if not z.imag else f"{z:.6g}"
