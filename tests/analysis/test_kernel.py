"""What the compiled loops promise about rounding, against exact arithmetic."""

from fractions import Fraction
from math import cos, pi, sin

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.basin import attractors
from analysis.kernel import _FINE_UNIT, _UNIT, all_far, farness, fate, image, precise_image, radius, spread
from analysis.traps import UNDECIDED, about_half, find_traps
from corrector import MCWEENY, smoothstep
from tests.problems import members

maps = st.one_of(members(), st.integers(1, 30).map(smoothstep))
relaxations = st.sampled_from([Fraction(1), Fraction(1, 3), Fraction(3, 2)])
coordinates = st.floats(-0.9, 0.9)


def traps_of(g, gamma):
    return find_traps(g, gamma, attractors(g, gamma) if g.degree < 20 else ())


def exactly(h, x, y):
    """h(x + iy) of Fractions, by Horner's rule."""
    a, b = Fraction(0), Fraction(0)
    for c in reversed(h.coeffs()):
        a, b = a * x - b * y + Fraction(int(c.p), int(c.q)), a * y + b * x
    return a, b


def distance_squared(p, q):
    return (p[0] - q[0]) ** 2 + (p[1] - q[1]) ** 2


@given(maps, relaxations, coordinates, coordinates)
@settings(max_examples=200)
def test_the_rounding_of_an_image_is_bounded(g, gamma, x, y):
    traps, h = traps_of(g, gamma), about_half(g, gamma)
    computed = [Fraction(c) for c in image(traps, x, y)]
    bound = Fraction(spread(traps, x, y, 0.0, 0.0, _UNIT))
    assert distance_squared(exactly(h, Fraction(x), Fraction(y)), computed) <= bound**2


@given(maps, relaxations, coordinates, coordinates)
@settings(max_examples=100)
def test_the_rounding_of_an_image_in_pairs_is_bounded(g, gamma, x, y):
    traps, h = traps_of(g, gamma), about_half(g, gamma)
    a, a_low, b, b_low = precise_image(traps, (x, 0.0, y, 0.0))
    bound = Fraction(spread(traps, x, y, 0.0, 0.0, _FINE_UNIT))
    computed = Fraction(a) + Fraction(a_low), Fraction(b) + Fraction(b_low)
    assert distance_squared(exactly(h, Fraction(x), Fraction(y)), computed) <= bound**2


def test_a_bound_without_the_rounding_would_be_wrong():
    """The two tests above can fail: some images are off by more than the least that is added anyway."""
    traps, h = traps_of(MCWEENY, Fraction(1)), about_half(MCWEENY, Fraction(1))
    off = 0
    for x in np.linspace(0.1, 0.9, 50):
        exact = exactly(h, Fraction(x), Fraction(x))
        off = max(off, distance_squared(exact, [Fraction(c) for c in image(traps, x, x)]))
    assert off > Fraction(1, 2**120)
    assert _FINE_UNIT < 2.0**-60 < _UNIT < spread(traps, 0.5, 0.5, 0.0, 0.0, _UNIT) < 1e-13


@given(maps, relaxations, coordinates, coordinates, st.floats(-14, -1), st.sampled_from([_UNIT, _FINE_UNIT]))
@settings(max_examples=200)
def test_the_image_of_a_disc_is_covered(g, gamma, x, y, exponent, unit):
    traps, h, r = traps_of(g, gamma), about_half(g, gamma), 10**exponent
    bound = Fraction(spread(traps, x, y, r, 0.0, unit))
    if unit == _UNIT:
        centre = [Fraction(c) for c in image(traps, x, y)]
    else:
        a, a_low, b, b_low = precise_image(traps, (x, 0.0, y, 0.0))
        centre = Fraction(a) + Fraction(a_low), Fraction(b) + Fraction(b_low)
    for k in range(8):
        u = Fraction(x) + Fraction(r * cos(k * pi / 4)) * (1 - Fraction(1, 2**50))
        v = Fraction(y) + Fraction(r * sin(k * pi / 4)) * (1 - Fraction(1, 2**50))
        assert distance_squared(exactly(h, u, v), centre) <= bound**2


@pytest.mark.parametrize("n", [1, 2, 3, 8])
@pytest.mark.parametrize("gamma", [Fraction(1, 3), Fraction(3, 2)])
def test_at_critical_points_the_rounding_of_the_slope_counts(n, gamma):
    """There the slope is nothing but rounding."""
    g = smoothstep(n)
    traps, h = traps_of(g, gamma), about_half(g, gamma)
    for root, _ in h.derivative().complex_roots():
        x, y = float(root.real.mid()), float(root.imag.mid())
        centre = exactly(h, Fraction(x), Fraction(y))
        for r in (1e-13, 1e-14, 1e-15):
            bound = Fraction(spread(traps, x, y, r, 0.0, _FINE_UNIT))
            for k in range(8):
                u = Fraction(x) + Fraction(r * cos(k * pi / 4)) * (1 - Fraction(1, 2**50))
                v = Fraction(y) + Fraction(r * sin(k * pi / 4)) * (1 - Fraction(1, 2**50))
                assert distance_squared(exactly(h, u, v), centre) <= bound**2


def accepted(holds):
    """About the largest r for which it holds."""
    low, high = 0.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if holds(middle) else (low, middle)
    return low


@pytest.mark.parametrize("w", [0.4, 0.45 + 0.1j, 0.5 + 0.2j, 0.55 - 0.15j, 0.35 + 0.05j])
def test_a_disc_in_the_lemniscate_is_inside_it(w):
    traps = find_traps(MCWEENY, Fraction(1), ())
    r = accepted(lambda r: fate(traps, w.real, w.imag, r) == 1)
    assert r > 0.01
    v = w + r * np.exp(2j * np.pi * np.arange(400) / 400)
    assert (np.abs(0.25 - v * v) < 0.25).all()
    assert (v.real > 0).all()


@pytest.mark.parametrize("w", [1.2, 1.3 + 0.4j, -1.5j])
def test_a_disc_beyond_the_escape_radius_is_beyond_it(w):
    traps = find_traps(MCWEENY, Fraction(1), ())
    r = accepted(lambda r: fate(traps, w.real, w.imag, r) != UNDECIDED)
    assert abs(w) - r == pytest.approx(traps.escape)


@pytest.mark.parametrize("oblique", [-1.0, 0.0, 0.5, 3.0])
@pytest.mark.parametrize("rho", [0.05, 0.2, 0.29])
def test_a_disc_that_is_far_is_far_everywhere(oblique, rho):
    rng = np.random.default_rng(0)
    for x, y in rng.uniform(-1.5, 1.5, (200, 2)):
        r = accepted(lambda r, x=x, y=y: all_far(oblique, 0, rho, x, y, r))
        for angle in 2 * np.pi * np.arange(40) / 40:
            u, v = x + r * np.cos(angle), y + r * np.sin(angle)
            assert r == 0 or farness(oblique, 0, u, v) > rho * (1 - 1e-9)


@given(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6), st.floats(-12, 0), st.floats(-12, 0))
def test_rectangles_are_covered(x, y, wide, high):
    wide, high = 10**wide, 10**high
    r = Fraction(radius(x, y, wide, high))
    centre = Fraction(x + wide / 2), Fraction(y + high / 2)
    for k in range(4):
        corner = Fraction(x) + (k % 2) * Fraction(wide), Fraction(y) + (k // 2) * Fraction(high)
        assert distance_squared(corner, centre) <= r**2
