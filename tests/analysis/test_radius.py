"""Radii about 0, 1 and projectors: closed forms, published digits, and matrices that attain them."""

import pickle
from fractions import Fraction

import mpmath as mp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis import assert_idempotent, disc_radius, iterate, matrix_radius, real_basin
from corrector import MCWEENY, Corrector, derive, discs, smoothstep
from tests.problems import members

RADII = [0.297594, 0.263763, 0.258959, 0.247191, 0.244832, 0.238789, 0.237314, 0.233597]


def goes_to(g, z, steps=3000):
    with np.errstate(over="ignore", invalid="ignore"):
        for _ in range(steps):
            z = g(z)
    return z


# On the real line


@pytest.mark.parametrize("n", range(1, 9))
def test_real_basins_of_smoothsteps(n):
    """a_n: for odd n it goes to ½, for even n it is a fixed point; the other end is ½."""
    g = smoothstep(n)
    a, half = real_basin(g)
    assert half == 0.5
    assert float(g(Fraction(a))) == pytest.approx(0.5 if n % 2 else a, abs=1e-13)
    assert real_basin(g, 1) == (0.5, pytest.approx(1 - a, abs=1e-15))


def test_real_basins_in_closed_form():
    assert real_basin(MCWEENY)[0] == pytest.approx((1 - 3**0.5) / 2, abs=1e-15)
    assert real_basin(smoothstep(2))[0] == pytest.approx(0.5 - (7 / 12) ** 0.5, abs=1e-15)


def test_just_outside_iterates_reach_the_wrong_projector():
    """The sources call (1 − √3)/2 the limit and speak of divergence beyond; −½ goes to 1."""
    assert goes_to(MCWEENY, -0.5) == 1
    assert real_basin(MCWEENY)[0] > -0.5


def test_the_golden_two_cycle_repels_by_36():
    phi = (1 + 5**0.5) / 2
    assert MCWEENY(phi) == pytest.approx(1 - phi)
    assert MCWEENY(1 - phi) == pytest.approx(phi)
    slope = MCWEENY.derivative()
    assert slope(phi) * slope(1 - phi) == pytest.approx(36)


# Discs


@pytest.mark.parametrize("n", range(1, 9))
def test_discs_to_twelve_digits(n):
    r = disc_radius(smoothstep(n))
    assert r == pytest.approx(RADII[n - 1], abs=6e-7)
    assert 0 < r.high - r < 1e-12
    if n % 2 == 0:
        assert r < -real_basin(smoothstep(n))[0] < r.high
    assert disc_radius(smoothstep(n), 1) == pytest.approx(r, abs=1e-12)
    circle = float(r) * (1 - 1e-9) * np.exp(1j * np.linspace(0, np.pi, 2000))
    assert np.abs(goes_to(smoothstep(n), circle)).max() < 1e-9
    with mp.workdps(60):  # what is said to go elsewhere does
        z = mp.mpc(r.reached)
        while 1e-3 < abs(z) < 4 and abs(z - 1) > 1e-3:
            z = mp.polyval([int(c) for c in reversed(smoothstep(n).coefficients)], z)
        assert abs(z) > 0.5


@pytest.mark.parametrize(
    ("alphas", "radius"), [((0, 0, 0, 5, -4), 0.5266), ((0, 0, 0, 0, 0, 0, 8, -7), 0.65564)]
)
def test_discs_beyond_a_half(alphas, radius):
    """Not where ½ lies on the boundary of the basin of 0."""
    g = Corrector(alphas)
    r = disc_radius(g)
    assert r == pytest.approx(radius, abs=1e-5)
    assert r < r.high < r + 1e-10
    assert np.abs(goes_to(g, float(r) * (1 - 1e-9) * np.exp(1j * np.linspace(0, np.pi, 2000)))).max() < 1e-9
    assert discs.disc_radius(g)[0] <= r.high
    assert r <= discs.disc_radius(g)[1]


@pytest.mark.parametrize("gamma", ["1.99", "0.1"])
def test_next_to_the_ends_of_the_relaxations(gamma):
    r = disc_radius(MCWEENY, 0, gamma)
    assert 0 < r < r.high < r + 1e-9
    low, high = real_basin(MCWEENY, 0, gamma)
    z = np.linspace(low + 1e-6, high - 1e-6, 400)
    for _ in range(4000):
        z = z + float(gamma) * (MCWEENY(z) - z)
    assert np.abs(z).max() < 1e-6
    assert r <= -low


def test_the_disc_of_the_cubic_is_attained_at_a_complex_two_cycle():
    r = disc_radius(MCWEENY)
    assert r < (3 - 7**0.5) ** 0.5 / 2 < r.high
    corner = 0.5 - 7**0.5 / 4 + 0.25j
    assert min(abs(r.reached - corner), abs(r.reached - corner.conjugate())) < 1e-11
    assert MCWEENY(MCWEENY(corner)) == pytest.approx(corner)


def test_a_disc_as_wide_as_the_real_basin_is_not_safe():
    """Error in the sources: 0.366 is safe on the line alone; the disc has 0.2976."""
    z = 0.366 * np.exp(1j * np.linspace(0, np.pi, 400))
    with np.errstate(over="ignore", invalid="ignore"):
        assert np.isnan(goes_to(MCWEENY, z)).any()
    assert np.abs(goes_to(MCWEENY, float(disc_radius(MCWEENY)) * z / 0.366)).max() < 1e-9


def test_discs_shrink_towards_the_lemniscates():
    assert disc_radius(smoothstep(12)) > (2**0.5 - 1) / 2
    assert disc_radius(smoothstep(12)) < disc_radius(smoothstep(8))


@settings(max_examples=15)
@given(members(max_order=2, max_free=2), st.sampled_from([1, 0.5, 1.5]))
def test_all_of_the_disc_goes_there_and_something_barely_beyond_does_not(g, gamma):
    r = disc_radius(g, 0, gamma)
    rng = np.random.default_rng(0)
    z = float(r) * np.sqrt(rng.random(300)) * np.exp(2j * np.pi * rng.random(300))
    for _ in range(4000):
        z = z + gamma * (g(z) - z)
    assert np.abs(z).max() < 1e-6
    assert r <= r.high <= r + 1e-6
    assert abs(r.reached) == pytest.approx(r.high, rel=1e-6)


def test_a_radius_is_a_number_and_pickles():
    r = disc_radius(MCWEENY)
    copy = pickle.loads(pickle.dumps(r))
    assert (copy, copy.high, copy.reached) == (r, r.high, r.reached)
    assert r + 0 == float(r)


# About projectors


def test_about_an_orthogonal_projector_it_is_the_disc():
    found, r = matrix_radius(MCWEENY), disc_radius(MCWEENY)
    assert found.low == pytest.approx(r, abs=1e-12)
    assert found.high - found.low < 1e-12


@pytest.mark.parametrize("s", [1.5, 2, 5, 10, 100])
def test_about_oblique_projectors_half_decides(s):
    found = matrix_radius(MCWEENY, s)
    P = np.array([[1, (s * s - 1) ** 0.5], [0, 0]])
    at_half = np.linalg.svd(P - np.eye(2) / 2)[1][-1]
    assert found.low <= at_half * (1 + 1e-12)
    assert found.high == pytest.approx(at_half, rel=1e-12)
    assert found.high == pytest.approx(1 / (4 * s), rel=0.25 / s)


@pytest.mark.parametrize("s", [1, 1.1, 1.25, 2, 10])
@pytest.mark.parametrize("n", [1, 2])
def test_matrices_nearer_converge_and_the_one_given_does_not(n, s):
    g, found = smoothstep(n), matrix_radius(smoothstep(n), s)
    P, K = found.projector, found.matrix
    assert np.linalg.norm(P, 2) == pytest.approx(s)
    assert_idempotent(P)
    assert np.linalg.norm(K - P, 2) == pytest.approx(found.high, rel=1e-9)
    assert np.abs(np.linalg.eigvals(K) - found.eigenvalue).min() < 1e-7 * s
    rng = np.random.default_rng(0)
    for _ in range(20):
        E = rng.standard_normal((2, 2)) + 1j * rng.standard_normal((2, 2))
        near = P + 0.99 * found.low * E / np.linalg.norm(E, 2)
        solution = iterate(near, g, max_steps=400)
        assert solution.converged
        assert np.trace(solution.value).real == pytest.approx(1, abs=1e-6)
    z = found.eigenvalue
    assert not abs(goes_to(g, np.complex128(z)) - (z.real > 0.5)) < 1e-9


def test_worse_than_orthogonal_is_worse():
    radii = [matrix_radius(MCWEENY, s).low for s in (1, 1.05, 1.2, 1.4, 2, 4)]
    assert radii == sorted(radii, reverse=True)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: disc_radius(MCWEENY, 2), "`about` must be a whole number from 0 to 1; got 2"),
        (lambda: disc_radius(MCWEENY, 0, 2), "expected 0 to attract under γ = 2; it does not"),
        (lambda: disc_radius(Corrector((1,))), "at least degree 2"),
        (lambda: real_basin(Corrector((2, -1))), "expected 0 to attract"),
        (lambda: real_basin(MCWEENY, 0, 0), "finite and not 0"),
        (lambda: matrix_radius(MCWEENY, 0.5), "a projector's norm, 1 to 1e\\+06; got 0.5"),
        (lambda: matrix_radius(MCWEENY, float("nan")), "a projector's norm"),
        (
            lambda: real_basin(derive(2, 8).member(a6="186.7", a7="60.9", a8="-51.1")),
            "that can be proved; it could not",
        ),
    ],
)
def test_mistakes_are_named(call, words):
    with pytest.raises(ValueError, match=words):
        call()
