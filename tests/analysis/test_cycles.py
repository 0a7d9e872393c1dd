import pickle
import re
from cmath import exp, pi
from fractions import Fraction
from math import isqrt, prod

import numpy as np
import pytest
from flint import acb, acb_poly, arb, ctx, fmpq, fmpq_mat, fmpq_poly
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis import attracting_cycles, fixed_points
from analysis.cycles import _Disc, _escape_radius, _Map, _trap
from corrector import MCWEENY, Corrector, Polynomial, derive, smoothstep
from corrector.rational import as_flint
from tests.problems import any_correctors, members

X = Corrector((1,))
FEW_STEPS = 2000
gammas = st.sampled_from(["1", "1/2", "7/4", "199/100", "5/2", "-1"]).map(Fraction)
curved = any_correctors.filter(lambda g: 2 <= g.degree <= 5)


def relaxed(g, gamma):
    return X + Fraction(gamma) * (g - X)


def iterated(f, period):
    image = f
    for _ in range(period - 1):
        image = f(image)
    return image


def through(values, slopes):
    """The polynomial of least degree with g(0) = 0 and these values and derivatives."""
    count = len(values) + len(slopes)
    rows = [[fmpq(x) ** i for i in range(1, count + 1)] for x in values]
    rows += [[i * fmpq(x) ** (i - 1) for i in range(1, count + 1)] for x in slopes]
    right = [Fraction(y) for y in (*values.values(), *slopes.values())]
    system = fmpq_mat(count, count, [c for row in rows for c in row])
    alphas = system.solve(fmpq_mat(count, 1, [fmpq(y.numerator, y.denominator) for y in right]))
    return Corrector([str(alphas[i, 0]) for i in range(count)])


def numeric(f, z, period):
    """The points from z on, and the product of the derivatives along them, by floating point."""
    points, slope = [z], f.derivative()
    for _ in range(period - 1):
        points.append(f(points[-1]))
    return points, prod(slope(x) for x in points)


def near(z, points, tolerance=1e-6):
    return min((abs(z - x) for x in points), default=np.inf) < tolerance


@pytest.mark.parametrize("n", [*range(1, 9), 24])
def test_smoothsteps_have_the_superattracting_zero_and_one_alone(n):
    found = attracting_cycles(smoothstep(n))
    assert [(c.points, c.multiplier, c.kind, c.period) for c in found] == [
        ((0,), 0, "superattracting", 1),
        ((1,), 0, "superattracting", 1),
    ]
    assert found.complete
    assert found.undecided == ()


def test_the_attracting_ten_cycle():
    g = derive(1, 4).member(a4=Fraction(8791885, 10**7))
    zero, one, ten = found = attracting_cycles(g)
    assert found.complete
    assert (zero.points, one.points) == ((0,), (1,))
    assert (ten.period, ten.kind) == (10, "attracting")
    assert 0 < abs(ten.multiplier) < 0.1
    points, multiplier = numeric(g, ten.points[0], 10)
    np.testing.assert_allclose(points, ten.points, atol=1e-9)
    assert g(points[-1]) == pytest.approx(ten.points[0], abs=1e-9)
    assert multiplier == pytest.approx(ten.multiplier, abs=1e-6)
    assert len(set(ten.points)) == 10


@pytest.mark.parametrize(("n", "edge"), [(3, "1.9925"), (5, "1.954"), (7, "1.905"), (9, "1.8595")])
def test_spurious_attractors_of_odd_orders_near_twice_the_step(n, edge):
    below = attracting_cycles(smoothstep(n), Fraction(edge) - Fraction(1, 1000))
    assert [c.points for c in below] == [(0,), (1,)]
    assert below.complete
    above = attracting_cycles(smoothstep(n), Fraction(edge) + Fraction(1, 1000))
    assert above.complete
    zero, one, *spurious = above
    assert (zero.points, one.points) == ((0,), (1,))
    assert [c.period for c in spurious] == [2, 2]
    (low, high), mirror = (c.points for c in spurious)
    assert low.real < 0 < high.real
    np.testing.assert_allclose(mirror, [1 - high, 1 - low], atol=1e-14)


def test_the_two_cycle_of_the_cubic_repels():
    golden = (1 + 5**0.5) / 2
    points, multiplier = numeric(MCWEENY, golden, 2)
    np.testing.assert_allclose(points, [golden, 1 - golden])
    assert multiplier == pytest.approx(36)
    assert all(c.period == 1 for c in attracting_cycles(MCWEENY))


@pytest.mark.parametrize(
    "g",
    [
        Corrector((4, -4)),
        Corrector((-3, 0, 4)),
        Corrector((5, 0, -20, 0, 16)),
        Corrector((-7, 0, 56, 0, -112, 0, 64)),
        Corrector((9, 0, -120, 0, 432, 0, -576, 0, 256)),
    ],
    ids=str,
)
def test_critical_orbits_that_land_on_repelling_points_are_decided(g):
    """Chebyshev polynomials send every critical point to ±1, which repel: nothing attracts."""
    assert attracting_cycles(g) == ()
    assert attracting_cycles(g).complete


def test_superattracting_cycles_are_told_exactly():
    (cycle,) = attracting_cycles(Corrector(("9/2", -3, "1/2")))  # 1 → 2 → 1, g'(1) = 0
    assert (cycle.points, cycle.multiplier, cycle.kind) == ((1, 2), 0, "superattracting")
    (cycle,) = attracting_cycles(Corrector(("-3/2", 0, "3/2")))  # c → −c → c at c = 1/√3
    assert (cycle.period, cycle.multiplier, cycle.kind) == (2, 0, "superattracting")
    np.testing.assert_allclose(cycle.points, [-(3**-0.5), 3**-0.5], rtol=1e-15)
    almost = Fraction(10**9 + 1, 10**9)
    (cycle,) = attracting_cycles(Corrector((Fraction(-3, 2) * almost, 0, Fraction(3, 2) * almost)))
    assert (cycle.period, cycle.kind) == (2, "attracting")
    assert 0 < abs(cycle.multiplier) < 1e-7


@pytest.mark.parametrize("side", [1, -1])
@pytest.mark.parametrize("b", [-1, 4])
def test_a_critical_point_on_the_cycle_tells_its_kind(b, side):
    """Both 1 and b are critical, and b → 2 → 1 → 2."""
    g = through(values={1: 2, 2: 1, b: 2}, slopes={1: 0, b: 0})
    g = side * g(Polynomial((0, side)))
    two = next(c for c in attracting_cycles(g) if c.period == 2)
    assert (two.points, two.kind) == ((1, 2) if side == 1 else (-2, -1), "superattracting")


def test_a_critical_point_that_lands_on_the_cycle_does_not_tell_its_kind():
    g = through(values={1: 2, 2: 1, 3: 2}, slopes={1: "1/2", 2: "1/2", 3: 0})
    two = next(c for c in attracting_cycles(g) if c.period == 2)
    assert (two.points, two.kind, two.multiplier) == ((1, 2), "attracting", 0.25)


def test_real_cycles_that_draw_complex_points_alone_are_real():
    (cycle,) = attracting_cycles(Corrector(("-7/4", 0, "5/4", 0, "-1/2")))
    assert (cycle.points, cycle.multiplier) == ((-1, 1), pytest.approx(0.25))
    assert [z.imag for z in cycle.points] == [0, 0]


def test_a_cycle_off_the_real_line():
    """A map ax + x³ is ay − y³ on the imaginary axis, where it has 2-cycles for a above 2."""
    below, above = attracting_cycles(Corrector(("21/10", 0, 1)))
    for cycle, sign in ((below, -1), (above, 1)):
        assert cycle.period == 2
        assert all(z.real == 0 and sign * z.imag > 0 for z in cycle.points)
        assert list(cycle.points) == sorted(cycle.points, key=lambda z: z.imag)


def test_cycles_of_long_period():
    (cycle,) = attracting_cycles(Corrector(("3.5695", "-3.5695")))
    assert cycle.period == 32
    points, _ = numeric(Corrector(("3.5695", "-3.5695")), cycle.points[0], 33)
    assert points[-1] == pytest.approx(cycle.points[0], abs=1e-9)
    assert cycle.points[0] == min(cycle.points, key=lambda z: z.real)


def test_a_fixed_point_that_attracts_by_less_than_its_digits_show_is_listed():
    """Of x + (x² − 2)(ax + bx²) the multiplier at √2 is 1 + 4a + 4√2·b: here −1 + 4·10⁻²⁵."""
    root = Fraction(isqrt(2 * 10**80), 10**40)
    b, a = Fraction(1, 10), -root / 10 - Fraction(1, 2) + Fraction(1, 10**25)
    g = X + Polynomial((-2, 0, 1)) * Polynomial((0, a, b))
    assert [p.kind for p in fixed_points(g) if near(2**0.5, [p.value])] == ["neutral"]
    found = attracting_cycles(g, max_steps=FEW_STEPS)
    assert any(near(2**0.5, c.points) for c in found)


@pytest.mark.parametrize("gamma", [2 - Fraction(1, 10**20), Fraction(1999, 1000), 2, Fraction(1, 10**6)])
def test_orbits_too_slow_to_follow_are_counted(gamma):
    """Both critical points are spoken for: by 0 and 1 as attractors, or by the petals there at γ = 2."""
    found = attracting_cycles(MCWEENY, gamma, max_steps=FEW_STEPS)
    assert found.complete
    assert [c.points for c in found] == ([] if gamma == 2 else [(0,), (1,)])


def test_petals_are_counted():
    assert attracting_cycles(Corrector((1, 1))).complete  # one critical point, drawn to the double point 0
    assert attracting_cycles(Corrector((1, 0, 1)), max_steps=FEW_STEPS).complete  # two petals, two points
    left = attracting_cycles(Corrector((1, 1, 1)), max_steps=20)  # one petal for two critical points
    assert len(left.undecided) == 2


@pytest.mark.parametrize(
    ("g", "steps", "count", "reason"),
    [
        (Corrector(("3.9", "-3.9")), 20_000, 1, "chaotic for as long as 2176 bits can follow it"),
        (Corrector((-1, 0, 1)), 2000, 2, "did not settle within 2000 steps, though it nearly repeats with"),
        (Corrector(("3.83", "-3.83")), 3, 1, "did not settle within 3 steps$"),
        (Corrector(("-1/2", 3, -2)), 2, 1, "did not settle within 2 steps$"),  # the other one goes to 0
        (through(values={1: 1, 2: 1}, slopes={1: 1, 2: 0}), 300, 3, "cycle of period 1, perhaps neutral"),
    ],
    ids=str,
)
def test_what_stays_open_is_said(g, steps, count, reason):
    found = attracting_cycles(g, max_steps=steps)
    assert not found.complete
    assert len(found.undecided) == count
    assert any(re.search(reason, u.reason) for u in found.undecided)
    assert f"{count} critical point{'s' * (count > 1)} undecided)" in repr(found)
    slope = g.derivative()
    assert all(abs(slope(u.point)) < 1e-12 for u in found.undecided)


@settings(max_examples=60)
@given(curved | members(max_order=2, max_free=1), gammas, st.integers(1, 3))
def test_the_periodic_points_that_attract_are_those_listed(g, gamma, period):
    """The twin: all roots of f^p(x) = x, from its factors over the rationals, with their multipliers."""
    f = relaxed(g, gamma)
    if f.degree**period > 70:
        return
    found = attracting_cycles(g, gamma, max_steps=FEW_STEPS)
    image = iterated(f, period)
    equation = as_flint((image - X).coefficients)
    attracting = []
    with ctx.workprec(600):
        slope = acb_poly(as_flint(image.derivative().coefficients))
        for factor, _ in equation.factor()[1]:
            for ball, _ in fmpq_poly(factor).complex_roots():
                if abs(slope(acb(ball))) < 1:
                    attracting.append(complex(acb(ball)))
    listed = [z for c in found if period % c.period == 0 for z in c.points]
    assert all(near(z, attracting) for z in listed)
    if found.complete:
        assert len(listed) == len(attracting)
        assert all(near(z, listed) for z in attracting)


@settings(max_examples=40)
@given(curved | members(), gammas, st.integers(0, 2**32 - 1))
def test_random_starts_find_no_other_attractor(g, gamma, seed):
    f = relaxed(g, gamma)
    found = attracting_cycles(g, gamma, max_steps=FEW_STEPS)
    if not found.complete:
        return
    points = [z for c in found for z in c.points]
    rng = np.random.default_rng(seed)
    z = 1.5 * (rng.standard_normal(400) + 1j * rng.standard_normal(400)) + 0.5
    with np.errstate(all="ignore"):
        for _ in range(1500):
            z = f(z)
            z = z[np.abs(z) < 100]
    orbit = [z]
    for _ in range(24):
        orbit.append(f(orbit[-1]))
    settled = np.min([np.abs(x - z) for x in orbit[1:]], axis=0, initial=np.inf) < 1e-12
    for end in z[settled]:
        period = 1 + int(np.argmin([abs(f(x) - end) for x in numeric(f, end, 24)[0]]))
        # A start may lie on a repelling cycle, or creep towards a neutral one: neither attracts.
        if abs(numeric(f, end, period)[1]) < 0.99:
            assert near(end, points, 1e-5)


@settings(max_examples=60)
@given(curved | members(), gammas)
def test_what_is_listed_is_a_cycle_that_attracts(g, gamma):
    f = relaxed(g, gamma)
    found = attracting_cycles(g, gamma, max_steps=FEW_STEPS)
    for c in found:
        points, multiplier = numeric(f, c.points[0], c.period)
        scale = sum(abs(float(a)) * max(abs(z) for z in c.points) ** i for i, a in enumerate(f.coefficients))
        np.testing.assert_allclose(points, c.points, atol=1e-7 * (1 + scale))
        assert len(set(c.points)) == c.period
        assert abs(c.multiplier) <= 1  # 1 where less than it by an amount that rounds away
        assert multiplier == pytest.approx(c.multiplier, abs=1e-4 * (1 + scale))
        assert c.points[0] == min(c.points, key=lambda z: (z.real, z.imag))
        assert (c.kind == "superattracting") == (c.multiplier == 0)
        mirrored = {z.conjugate() for z in c.points}
        assert any(all(near(z, other.points) for z in mirrored) for other in found)
    assert [c.period for c in found] == sorted(c.period for c in found)
    fixed = [p.value for p in fixed_points(g, gamma) if "attracting" in p.kind]
    assert [c.points[0] for c in found if c.period == 1] == fixed
    critical = sum(h.degree() for h, _ in as_flint(f.derivative().coefficients).factor()[1])
    assert len(found) <= critical


@given(st.integers(1, 6), st.fractions(min_value="1/4", max_value="9/4", max_denominator=40))
def test_the_mirror_of_a_smoothsteps_cycle_is_one(n, gamma):
    found = attracting_cycles(smoothstep(n), gamma, max_steps=FEW_STEPS)
    for c in found:
        assert any(all(near(1 - z, other.points) for z in c.points) for other in found)


discs = st.builds(
    lambda x, y, r: _Disc(acb(x, y), arb(2.0**r)), st.floats(-2, 2), st.floats(-2, 2), st.integers(-40, 0)
)
angles = st.floats(0, 1).map(lambda t: exp(2j * pi * t))


@given(curved, discs, discs, angles, angles)
def test_discs_hold_what_they_claim(g, z, w, u, v):
    """Computed with 53 bits; points just inside the edge are followed with 300."""
    exact = as_flint(g.coefficients)
    with ctx.workprec(53):
        image, slope = _Map.of(exact).image(z)
        points, product = _Map.of(exact).along(z, 2)
        area = z * w
    with ctx.workprec(300):
        f, slack = _Map.of(exact), 1 - arb(2) ** -40
        x, y = z.centre + slack * z.radius * acb(u), w.centre + slack * w.radius * acb(v)
        for disc, point in (
            (image, f.f(x)),
            (slope, f.slope(x)),
            (points[2], f.f(f.f(x))),
            (product, f.slope(x) * f.slope(f.f(x))),
            (area, x * y),
        ):
            assert abs(disc.centre - point) <= disc.radius


@given(curved)
def test_beyond_the_escape_radius_moduli_grow(g):
    f = as_flint(g.coefficients)
    radius = Fraction(int(_escape_radius(f).unique_fmpz()))
    sizes = [abs(c) for c in g.coefficients]

    def surely_grows(r):
        *lower, top = (c * r ** (k - 1) for k, c in enumerate(sizes) if k)
        return top - sum(lower) > 1

    assert surely_grows(radius)
    assert radius == 1 or not surely_grows(radius / 2)


def test_a_trap_is_sent_into_itself():
    with ctx.workprec(200):
        f = _Map.of(as_flint(derive(1, 4).member(a4=Fraction(8791885, 10**7)).coefficients))
        start = next(c for c in attracting_cycles(derive(1, 4).member(a4="0.8791885")) if c.period == 10)
        found = f.attractor(acb(start.points[3]), 10)
        assert len(found.points) == 10
        for k in range(64):
            edge = found.points[0].centre + found.trap * (1 + arb(2) ** -30) * acb(exp(2j * pi * k / 64))
            image = f.along(_Disc(edge, arb(0)), 10)[0][-1]
            assert abs(image.centre - found.points[0].centre) < found.trap
    sizes = _Map.of(as_flint(MCWEENY.coefficients))._sizes(_Disc(acb(2), arb(0)))
    assert sizes == [float(abs(t)) for t in MCWEENY.taylor(2)[1:]]
    sizes = [[arb(2), arb(3)], [arb(1) / 4]]
    radius = _trap(sizes)  # r → 2r + 3r² → r/2 + 3r²/4, below r where r < 2/3
    assert radius == 0.5
    assert _trap([[arb(1)]]) is None


def test_a_trap_holds_whole_discs():
    f = _Map.of(as_flint(MCWEENY.coefficients))
    zero = f.attractor(acb(0), 1)
    for inside in (0.0, 0.5, 0.9):
        centre, rest = acb(0, inside * zero.trap), (1 - inside) * zero.trap
        assert zero.draws(_Disc(centre, (rest * 0.99).mid()))
        assert not zero.draws(_Disc(centre, (rest * 1.01).mid()))


def test_newton_proves_one_root_or_none():
    f = _Map.of(as_flint(MCWEENY.coefficients))
    golden = f.fixed(acb(1.6), 2)
    assert abs(golden.centre - (1 + arb(5).sqrt()) / 2) <= golden.radius
    assert golden.radius < 1e-10
    assert f.attractor(acb(1.6), 2) is None  # it repels
    assert f.attractor(acb(0.1), 2) is None  # of period 1
    assert f.fixed(acb(0.01), 1).centre == 0 or abs(f.fixed(acb(0.01), 1).centre) < 1e-15
    parabolic = _Map.of(as_flint(Corrector((1, 1)).coefficients))
    assert parabolic.fixed(acb(0.01), 1) is None  # a double point


def test_values():
    found = attracting_cycles(MCWEENY)
    assert isinstance(found, tuple)
    assert repr(found[1]) == "Cycle(1; period 1, superattracting, multiplier 0)"
    assert repr(found) == f"Cycles({found[0]}, {found[1]}, complete)"
    half = attracting_cycles(Corrector((-1, 0, 1)), max_steps=20)
    again = pickle.loads(pickle.dumps(half))
    assert again == half
    assert again.undecided == half.undecided
    assert not again.complete
    with pytest.raises(AttributeError):
        found.complete = False
    ten = attracting_cycles(derive(1, 4).member(a4="0.8791885"))[2]
    assert repr(ten).startswith("Cycle(-0.648582 → 2.81279 → 2.08572 → -0.587559 → …; period 10, attracting,")


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"g": "x"}, TypeError, "`g` must be a Corrector; got str"),
        ({"g": Polynomial((1,))}, TypeError, "`g` must be a Corrector; got Polynomial"),
        ({"g": Corrector((1,))}, ValueError, "other than the identity"),
        ({"g": Corrector((2,))}, ValueError, "at least degree 2, to have critical points; got 2x"),
        ({"g": Corrector([0] * 161 + [1])}, ValueError, "at most 161, .*; got degree 162"),
        ({"relaxation": 0}, ValueError, "finite and not 0; got 0"),
        ({"relaxation": float("nan")}, ValueError, "finite and not 0; got nan"),
        ({"relaxation": float("inf")}, ValueError, "finite and not 0; got inf"),
        ({"max_steps": 0}, ValueError, "`max_steps` must be a whole number from 1 on; got 0"),
    ],
)
def test_mistakes_are_named(arguments, error, words):
    with pytest.raises(error, match=words):
        attracting_cycles(**({"g": MCWEENY} | arguments))
