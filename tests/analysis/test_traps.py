"""The sets in which the fate of a point is sure: what each promises, at random points of it."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from analysis.basin import attractors
from analysis.traps import about_half, escape_radius, find_traps, lemniscate_level
from corrector import MCWEENY, SP2, derive, smoothstep
from tests.problems import members, smoothsteps

relaxations = st.sampled_from([Fraction(1), Fraction(1, 3), Fraction(3, 2), Fraction(19, 10)])
circle = np.exp(2j * np.pi * np.arange(101) / 101)


def traps_of(g, gamma):
    return find_traps(g, gamma, attractors(g, gamma))


def at(traps, w):
    """h(w) = A(s) + wB(s), s = ¼ − w², by NumPy."""
    A, B = (np.polynomial.polynomial.polyval(0.25 - w * w, row) for row in (traps.evens, traps.odds))
    return A + w * B


def two_point_value(evens, odds, w):
    """The same, exactly, of a complex number (re, im) of Fractions."""
    x, y = w
    s = Fraction(1, 4) - x * x + y * y, -2 * x * y
    A, B = (0, 0), (0, 0)
    for a, b in zip(reversed(evens), reversed(odds), strict=True):
        A, B = plus(times(A, s), (a, 0)), plus(times(B, s), (b, 0))
    return plus(A, times(w, B))


def plus(p, q):
    return p[0] + q[0], p[1] + q[1]


def times(p, q):
    return p[0] * q[0] - p[1] * q[1], p[0] * q[1] + p[1] * q[0]


@given(members(), relaxations)
def test_the_map_is_the_relaxed_one_about_half(g, gamma):
    traps = traps_of(g, gamma)
    w = 0.7 * circle
    z = 0.5 + w
    expected = z + float(gamma) * (g(z) - z) - 0.5
    scale = np.polynomial.polynomial.polyval(1.0, np.abs(traps.evens) + np.abs(traps.odds))
    np.testing.assert_allclose(at(traps, w), expected, atol=1e-13 * scale)


@given(members(), relaxations)
def test_beyond_the_escape_radius_everything_grows(g, gamma):
    traps = traps_of(g, gamma)
    for factor in (1, 1.01, 2, 100):
        w = factor * traps.escape * circle
        assert (np.abs(at(traps, w)) > np.abs(w)).all()


def test_the_escape_radius_of_the_cubic_is_the_least():
    traps = traps_of(MCWEENY, Fraction(1))
    assert traps.escape == pytest.approx(5**0.5 / 2, rel=2e-6)
    w = 0.9999 * traps.escape  # on the line, where the bound is met
    assert abs(at(traps, w)) < abs(w)


@given(smoothsteps, relaxations)
def test_escape_radii_are_near_the_least_that_the_coefficients_give(g, gamma):
    h = about_half(g, gamma)
    rho = float(escape_radius(h)) * (1 - 1e-5)
    sizes = np.array([abs(float(c.p) / float(c.q)) for c in h.coeffs()])
    rest = np.polynomial.polynomial.polyval(rho, sizes[:-1])
    assert sizes[-1] * rho ** (len(sizes) - 1) - rest < rho


@given(members(), relaxations)
def test_discs_come_round_smaller(g, gamma):
    traps = traps_of(g, gamma)
    for centre, radius, owner in zip(traps.centres, traps.radii, traps.owners, strict=True):
        assert radius > 0
        w = centre + radius * circle
        for _ in range(np.count_nonzero(traps.owners == owner)):
            w = at(traps, w)
        assert (np.abs(w - centre) < radius).all()


def test_a_ten_cycle_has_ten_discs():
    traps = traps_of(derive(1, 4).member(a4="0.8791885"), Fraction(1))
    assert list(traps.owners) == [0, 1] + 10 * [2]
    assert (traps.radii > 1e-9).all()


def test_about_what_is_no_cycle_nothing_is_proved():
    cycle = (0.1 + 0.2j, 0.3 - 0.1j)
    assert (find_traps(MCWEENY, Fraction(1), (cycle,)).radii <= 0).all()


@given(members())
def test_the_residual_falls_inside_the_lemniscate(g):
    level = float(lemniscate_level(g))
    E = level * 0.999 * circle
    for sign in (1, -1):
        z = 0.5 + sign * np.sqrt(0.25 - E)
        image = g(z)
        assert (np.abs(image - image**2) < np.abs(E)).all()
        assert (np.sign((image - 0.5).real) == sign).all()


@given(smoothsteps)
def test_a_smoothstep_has_the_whole_lemniscate(g):
    assert lemniscate_level(g) == Fraction(1, 4)


def test_without_contact_there_is_no_lemniscate():
    assert lemniscate_level(SP2[0]) == 0
    assert traps_of(MCWEENY, Fraction(1, 2)).level < 0


@settings(max_examples=20)
@given(members(max_order=2), relaxations, st.fractions(-1, 1), st.fractions(-1, 1))
@example(smoothstep(2), Fraction(1, 3), Fraction(1, 7), Fraction(2, 7))
def test_what_rounding_took_is_kept(g, gamma, x, y):
    traps = traps_of(g, gamma)
    rows = (traps.evens, traps.even_lows), (traps.odds, traps.odd_lows)
    kept = [[Fraction(a) + Fraction(b) for a, b in zip(*row, strict=True)] for row in rows]
    value = two_point_value(*kept, (x, y))
    h = [Fraction(int(c.p), int(c.q)) for c in about_half(g, gamma).coeffs()]
    wanted, power = (Fraction(0), Fraction(0)), (Fraction(1), Fraction(0))
    for c in h:
        wanted, power = plus(wanted, times((c, 0), power)), times(power, (x, y))
    scale = 1 + sum(abs(c) for row in kept for c in row)
    off = plus(value, (-wanted[0], -wanted[1]))
    assert max(map(abs, off)) <= scale * 8 ** len(h) * Fraction(1, 2**100)


def test_local_degrees():
    traps = traps_of(smoothstep(3), Fraction(1))
    assert list(traps.powers) == [4, 4]
    np.testing.assert_allclose(traps.leads, 35)
    assert list(traps_of(MCWEENY, Fraction(1, 2)).powers) == [1, 1]
