"""Basins on the line and discs in the plane, against closed forms, plain iteration, and each other."""

from fractions import Fraction

import numpy as np
import pytest
from flint import acb_poly, ctx, fmpq, fmpq_poly
from hypothesis import given, settings
from hypothesis import strategies as st

from corrector import MCWEENY, Corrector, derive, smoothstep
from corrector.discs import _leaves, _settles, _traps, disc_radius, estimated_radius, largest_disc
from corrector.rational import as_flint
from corrector.realline import contracted, extremes, immediate_basin, real_roots
from tests.problems import members, polynomials

HALF = Fraction(1, 2)
RADII = [0.297594, 0.263763, 0.258959, 0.247191, 0.244832, 0.238789, 0.237314, 0.233597]


def orbit_ends_at(g, x, steps=2000):
    """Where plain iteration goes: 0, 1, or None."""
    with np.errstate(over="ignore", invalid="ignore"):
        for _ in range(steps):
            x = g(x)
            for end in (0, 1):
                if abs(x - end) < 1e-9:
                    return end
            if not abs(x) < 1e6:
                return None
    return None


@pytest.mark.parametrize("n", range(1, 13))
def test_real_basins_of_smoothsteps(n):
    g = smoothstep(n)
    low, high = immediate_basin(g)
    assert abs(high - HALF) < 1e-9
    nearby = abs(g(low) - (HALF if n % 2 else low))
    assert nearby < 1e-5
    assert immediate_basin(g, 1) == (1 - high, 1 - low)


def test_real_basins_in_closed_form():
    for n, end in ((1, (1 - 3**0.5) / 2), (2, 0.5 - (7 / 12) ** 0.5)):
        assert float(immediate_basin(smoothstep(n))[0]) == pytest.approx(end, abs=1e-9)


def ends_of_ends(g):
    """What the ends of the basin of 0 go to, each as the index of an end."""
    basin = immediate_basin(g)
    images = [min((abs(g(end) - other), i) for i, other in enumerate(basin)) for end in basin]
    assert all(distance < 1e-7 for distance, _ in images)
    return [i for _, i in images]


@pytest.mark.parametrize(
    ("g", "images"),
    [
        (smoothstep(2), [0, 1]),
        (MCWEENY, [1, 1]),
        (derive(1, 5).member(a4="359/8", a5="-197/8"), [1, 0]),  # a 2-cycle
        (derive(2, 6).member(a6=200), [1, 0]),
        (derive(1, 4).member(a4="-37/4"), [0, 0]),  # with a slope below 1 at the end that goes over
        (derive(1, 5).member(a4="-85/4", a5="95/8"), [1, 1]),
    ],
)
def test_the_ends_of_a_basin_go_to_its_ends(g, images):
    assert ends_of_ends(g) == images


@settings(max_examples=60)
@given(members(max_order=3, max_free=2), st.sampled_from([0, 1]))
def test_real_basins_are_those_of_plain_iteration(g, about):
    basin = immediate_basin(g, about)
    if basin is None:
        return
    low, high = map(float, basin)
    width = high - low
    for share in (1e-3, 0.1, 0.3, 0.5, 0.7, 0.9, 1 - 1e-3):
        assert orbit_ends_at(g, low + share * width) == about
    # Both ends are ends: just outside there are points that do not go straight back in.
    for end, out in ((low, -1), (high, 1)):
        image = float(g(Fraction(end) + out * Fraction(1, 10**7)))
        assert not low + 1e-6 * width < image < high - 1e-6 * width


def test_an_interval_with_another_attractor_in_it_is_not_taken_for_a_basin():
    # No fixed point and no escape between the ends that the order of the line gives, but a cycle.
    g = derive(2, 8).member(a6="186.7", a7="60.9", a8="-51.1")
    assert any(orbit_ends_at(g, x) is None for x in np.linspace(-0.167, 0.519, 400))
    assert immediate_basin(g) is None


def test_most_members_have_a_proved_basin():
    rng = np.random.default_rng(0)
    family = derive(1, 5)
    found = [
        immediate_basin(family.member(a4=str(round(a, 3)), a5=str(round(b, 3))))
        for a, b in rng.uniform(-4, 4, (40, 2))
    ]
    assert sum(basin is not None for basin in found) >= 36


@pytest.mark.parametrize("n", range(1, 9))
def test_disc_radii_of_smoothsteps(n):
    low, high = disc_radius(smoothstep(n))
    assert low < RADII[n - 1] + 1e-6
    assert high > RADII[n - 1] - 1e-6
    assert high / low < 1.002
    if n % 2 == 0:
        assert low < -immediate_basin(smoothstep(n))[0] < high


def test_the_disc_of_the_cubic_in_closed_form():
    low, high = disc_radius(MCWEENY)
    assert low < (3 - 7**0.5) ** 0.5 / 2 < high


@settings(max_examples=25)
@given(members(max_order=2, max_free=2))
def test_discs_hold_what_they_promise(g):
    low, high = disc_radius(g)
    rng = np.random.default_rng(0)
    z = float(low) * 0.999 * np.sqrt(rng.random(200)) * np.exp(2j * np.pi * rng.random(200))
    for _ in range(200):
        z = g(z)
    assert np.abs(z).max() < 1e-6
    basin = immediate_basin(g)
    if basin is not None:
        assert low <= min(-basin[0], basin[1]) + Fraction(1, 2**20)
    mirrored = Corrector((1 - g(1 - Corrector((1,)))).coefficients[1:])
    assert disc_radius(mirrored, 1) == (low, high)


@pytest.mark.parametrize("n", [1, 2, 5])
def test_neither_proof_is_had_on_the_wrong_side(n):
    with ctx.workprec(200):
        traps = _traps(as_flint(smoothstep(n).coefficients))
        radius = Fraction(round(RADII[n - 1] * 10**6), 10**6)
        assert _settles(traps, radius * Fraction(9, 10))
        assert not _leaves(traps, radius * Fraction(9, 10))
        assert _leaves(traps, radius * Fraction(11, 10))
        assert not _settles(traps, radius * Fraction(11, 10))


@given(members(max_order=2, max_free=2))
def test_both_traps_are_contracted(g):
    circle = np.exp(1j * np.linspace(0, 2 * np.pi, 64))
    _, near_zero, near_one = _traps(as_flint(g.coefficients))
    assert (np.abs(g(near_zero * circle)) < near_zero).all()
    assert (np.abs(g(1 + near_one * circle) - 1) < near_one).all()


def test_far_is_not_yet_gone():
    """All of |z| ≤ 6 goes to 0 under z²(8 − z)/100, by way of moduli above 4."""
    f = acb_poly([0, 0, fmpq(8, 100), fmpq(-1, 100)])
    assert not _leaves((f, 0.5, 0.0), Fraction(6))
    assert _leaves((f, 0.5, 0.0), Fraction(60))


def test_estimates_lie_between_the_proofs():
    for n in (1, 3):
        low, high = disc_radius(smoothstep(n))
        guess = estimated_radius(np.array([float(c) for c in smoothstep(n).coefficients]), 512)
        assert low <= guess <= high


def test_the_largest_disc_of_five_degrees_beats_the_cubic():
    found = largest_disc(1, 1)
    high = disc_radius(MCWEENY)[1]
    assert found.value > Fraction(5, 4) * high
    assert disc_radius(found.member, 1)[0] >= found.value * Fraction(999, 1000)


@given(polynomials, st.integers(-3, 0), st.integers(1, 4))
def test_extremes_enclose_and_are_reached(p, low, high):
    below, above = extremes(as_flint(p.coefficients), Fraction(low), Fraction(high))
    values = [float(p(low + (high - low) * Fraction(i, 400))) for i in range(401)]
    slack = 1e-9 * (1 + max(map(abs, values)))
    assert below - slack <= min(values)
    assert max(values) <= above + slack
    steep = float(sum(abs(c) for c in p.derivative().coefficients)) * 4.0 ** (p.degree + 1)
    assert float(above) - max(values) <= steep * (high - low) / 400 + slack


def test_real_roots_are_inside_and_in_order():
    f = fmpq_poly([0, 1]) * fmpq_poly([-1, 2]) * fmpq_poly([-1, 1]) * fmpq_poly([1, 0, 1])
    roots = real_roots(f, Fraction(0), Fraction(1))
    assert [float(a) for a, _ in roots] == pytest.approx([0.5])
    assert len(real_roots(f, Fraction(-1), Fraction(2))) == 3


@given(members())
def test_a_contracted_disc_is_contracted(g):
    f = as_flint(g.coefficients)
    rho = float(contracted(f))
    z = rho * np.exp(1j * np.linspace(0, 2 * np.pi, 50))
    assert (np.abs(g(z)) < rho).all()
