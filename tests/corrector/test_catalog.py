from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st

from corrector import (
    MCWEENY,
    SP2,
    Corrector,
    Polynomial,
    canonical_coefficient,
    canonical_purification,
    derive,
    from_sign,
    pade_sign,
    smoothstep,
    to_sign,
)
from tests.problems import (
    any_correctors,
    members,
    polynomials,
    powers,
    rational_matrices,
    rationals,
    with_spectrum,
)

LOWER, RAISE = SP2
MIRROR = Polynomial((1, -1))
REFLECTION = Polynomial((-1, 2))
shares = st.fractions(min_value=0, max_value=1, max_denominator=60)
ranks = st.integers(1, 7)
seeds = st.integers(0, 2**32 - 1)


def mirrored(g):
    """1 − g(1 − x)."""
    return 1 - g(MIRROR)


def with_trace(rank, seed):
    """A symmetric matrix 8 by 8 of spectrum in [0, 1] and trace `rank`, and its projector of that rank."""
    rng = np.random.default_rng(seed)
    low = 0.4 * rng.dirichlet(np.ones(8 - rank))
    high = 1 - 0.4 * rng.dirichlet(np.ones(rank))
    return (
        with_spectrum([*low, *high], seed),
        with_spectrum([0.0] * (8 - rank) + [1.0] * rank, seed),
    )


def settle(step, K, steps=100):
    """K after as many steps as make it idempotent to 1e-10, at most `steps`."""
    for _ in range(steps):
        if np.abs(K @ K - K).max() < 1e-10:
            break
        K = step(K)
    return K


def at_matrix(p, S):
    """Σ c_i Sⁱ, the constant term included."""
    constant = p.coefficients[0] if p.coefficients else 0
    return powers(p.coefficients[1:], S) + constant * np.eye(len(S), dtype=int)


# SP2


def test_each_of_the_pair_is_flat_at_one_end_only():
    assert [g.order for g in SP2] == [0, 0]
    assert [g.products for g in SP2] == [1, 1]
    assert [[g.derivative()(x) for x in (0, 1)] for g in SP2] == [[0, 2], [2, 0]]


def test_the_pair_mirror_each_other():
    assert mirrored(LOWER) == RAISE
    assert mirrored(RAISE) == LOWER


@given(shares)
def test_one_lowers_what_the_other_raises(x):
    assert LOWER(x) <= x <= RAISE(x)
    assert (LOWER(x) + RAISE(x)) / 2 == x


def test_one_after_the_other_they_are_of_order_one():
    family = derive(1, 4)
    assert LOWER(RAISE) == family.member(a4=1)
    assert RAISE(LOWER) == family.member(a4=-1)


@given(ranks, seeds)
def test_chosen_by_the_trace_the_pair_purifies(rank, seed):
    K, P = with_trace(rank, seed)

    def nearer(K):
        return min((g.at_matrix(K) for g in SP2), key=lambda image: abs(np.trace(image) - rank))

    np.testing.assert_allclose(settle(nearer, K), P, atol=1e-8)


@given(ranks, seeds)
def test_alone_each_of_the_pair_forgets_the_rank(rank, seed):
    K, _ = with_trace(rank, seed)
    K = 0.05 * np.eye(8) + 0.9 * K  # 0 and 1 are fixed
    np.testing.assert_allclose(settle(LOWER.at_matrix, K), 0 * K, atol=1e-8)
    np.testing.assert_allclose(settle(RAISE.at_matrix, K), np.eye(8), atol=1e-8)


# Canonical purification


@st.composite
def triangular_matrices(draw):
    """Rational, with a spectrum in [0, 1], and so a canonical coefficient there."""
    K = np.triu(draw(rational_matrices()), 1)
    return K + np.diag(draw(st.lists(shares, min_size=len(K), max_size=len(K))))


@given(triangular_matrices())
def test_the_trace_is_kept_exactly(K):
    assume(np.trace(K - K @ K))
    c = canonical_coefficient(K)
    assert c == Fraction(np.trace(K @ K - K @ K @ K)) / np.trace(K - K @ K)
    assert canonical_coefficient(K.tolist()) == c
    assert np.trace(canonical_purification(c).at_matrix(K)) == np.trace(K)


@given(rational_matrices(), shares)
def test_the_trace_changes_with_the_distance_from_the_coefficient(K, c):
    square, cube = np.trace(K @ K), np.trace(K @ K @ K)
    gain = ((square - cube) - c * (np.trace(K) - square)) / max(c, 1 - c)
    assert np.trace(canonical_purification(c).at_matrix(K)) == np.trace(K) + gain


@given(shares)
def test_c_is_fixed_and_repels(c):
    g = canonical_purification(c)
    assert [g(x) for x in (0, c, 1)] == [0, c, 1]
    assert g.derivative()(c) == 1 + min(c, 1 - c)


@given(shares)
def test_the_cubic_is_the_papers(c):
    x = Polynomial((0, 1))
    above = (1 + c) * x**2 - x**3
    assert canonical_purification(c) * c == above or c < Fraction(1, 2)
    assert canonical_purification(c) * (1 - c) == (1 - 2 * c) * x + above or c > Fraction(1, 2)


@given(shares)
def test_the_order_is_that_of_mcweeny_at_a_half_alone(c):
    assert canonical_purification(c).order == (c == Fraction(1, 2))
    assert canonical_purification(c).degree == 3


def test_at_a_half_the_cubic_is_mcweeny():
    assert canonical_purification("1/2") == MCWEENY


@given(shares)
def test_a_mirrored_c_gives_the_mirrored_cubic(c):
    assert mirrored(canonical_purification(c)) == canonical_purification(1 - c)


@given(shares, shares, shares)
def test_the_cubic_rises_on_the_unit_interval(c, x, y):
    g = canonical_purification(c)
    assert (g(x) <= g(y)) == (x <= y)


@given(ranks, seeds)
def test_a_new_c_in_every_step_leads_to_the_projector_of_the_traces_rank(rank, seed):
    K, P = with_trace(rank, seed)

    def step(K):
        return canonical_purification(canonical_coefficient(K)).at_matrix(K)

    np.testing.assert_allclose(settle(step, K), P, atol=1e-8)


@given(ranks, seeds, st.sampled_from(["float32", "float64", "complex64", "complex128"]))
def test_the_coefficient_is_the_same_for_every_kind_of_array(rank, seed, dtype):
    K, _ = with_trace(rank, seed)
    exact = canonical_coefficient([[Fraction(entry) for entry in row] for row in K.tolist()])
    turned = np.diag(np.exp(1j * np.arange(8)))
    array = (turned @ K @ turned.conj()).astype(dtype) if "complex" in dtype else K.astype(dtype)
    unit = float(np.finfo(dtype).eps)
    for c in (
        canonical_coefficient(array),
        canonical_coefficient(torch.from_numpy(array).requires_grad_()),
    ):
        assert isinstance(c, Fraction)
        assert abs(c - exact) <= 1000 * unit


@pytest.mark.parametrize(
    ("c", "error", "words"),
    [
        (0.5, TypeError, "must be exact"),
        ("x", ValueError, "rational number"),
        (-1, ValueError, "`c` must be from 0 to 1; got -1"),
        (Fraction(10) ** 400, ValueError, r"`c` must be from 0 to 1; got 1.00000e\+400"),
    ],
)
def test_a_c_that_keeps_no_trace_is_refused(c, error, words):
    with pytest.raises(error, match=words):
        canonical_purification(c)


@pytest.mark.parametrize(
    ("K", "error", "words"),
    [
        (np.eye(2), ValueError, "must be finite; got 0j/0j"),
        ([[1, 0], [0, 0]], ValueError, "must be finite; got 0/0"),
        (np.full((2, 2), np.nan), ValueError, "must be finite; got"),
        (np.ones((2, 2, 2)), ValueError, "one matrix; got an array of shape"),
        (np.ones((2, 3)), ValueError, "square in its last two axes; got"),
        (0.5, TypeError, "array or nested lists; got float"),
    ],
)
def test_matrices_without_a_canonical_coefficient_are_refused(K, error, words):
    with pytest.raises(error, match=words):
        canonical_coefficient(K)


# Iterations for the matrix sign


@given(polynomials)
def test_from_sign_takes_exactly_what_fixes_minus_one(q):
    p = q - (q(-1) + 1)
    assume(p != Polynomial((-1,)))
    g = from_sign(p)
    assert isinstance(g, Corrector)
    assert to_sign(g) == p
    with pytest.raises(ValueError, match="must take −1 to −1"):
        from_sign(p + 1)


@given(any_correctors)
def test_from_sign_undoes_to_sign(g):
    assert from_sign(to_sign(g)) == g


@given(any_correctors, rationals)
def test_the_translation_at_numbers(g, x):
    assert 2 * g(x) - 1 == to_sign(g)(2 * x - 1)


@given(any_correctors, rational_matrices(3))
def test_the_translation_at_matrices(g, K):
    eye = np.eye(len(K), dtype=int)
    assert np.array_equal(2 * g.at_matrix(K) - eye, at_matrix(to_sign(g), 2 * K - eye))


@given(any_correctors, any_correctors)
def test_the_translation_keeps_compositions(g, h):
    assert to_sign(g(h)) == to_sign(g)(to_sign(h))


@given(members())
def test_a_corrector_of_order_n_touches_the_sign_to_order_n(g):
    p = to_sign(g)
    assert (p(1), p(-1)) == (1, -1)
    assert all(p.derivative(k)(s) == 0 for k in range(1, g.order + 1) for s in (-1, 1))


@given(st.integers(1, 30))
def test_the_pade_iterations_are_the_smoothsteps(n):
    assert from_sign(pade_sign(n)) == smoothstep(n)
    assert to_sign(smoothstep(n)) == pade_sign(n)


@given(st.integers(1, 30))
def test_the_pade_iterations_are_truncated_inverse_roots(n):
    p, s = pade_sign(n), Polynomial((0, 1))
    series = Polynomial(p.coefficients[1:])  # even in s: a polynomial in 1 − s²
    rest = 1 - s**2 * series**2  # (1 − ξ) h(ξ)² = 1 up to ξⁿ, and ξ = 0 at s = ±1
    assert rest.taylor(1)[: n + 1] == rest.taylor(-1)[: n + 1] == (0,) * (n + 1)
    assert p.degree == 2 * n + 1
    assert p(MIRROR - 1) == -p


def test_the_newton_schulz_iteration_is_mcweenys():
    newton_schulz = Polynomial((0, "3/2", 0, "-1/2"))
    assert pade_sign(1) == newton_schulz
    assert from_sign(newton_schulz) == MCWEENY


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: from_sign(Polynomial((0, 2))), ValueError, "−1 to −1, so that g.0. = 0; got p.−1. = -2"),
        (lambda: from_sign(Polynomial((-1,))), ValueError, "a coefficient other than 0"),
        (lambda: from_sign((0, 1)), TypeError, r"`p` must be a Polynomial; got tuple \(0, 1\)"),
        (lambda: to_sign(abs), TypeError, "`g` must be a Polynomial; got builtin"),
        (lambda: pade_sign(0), ValueError, "`order` must be at least 1; got 0"),
        (lambda: pade_sign(1.0), TypeError, "`order` must be an integer; got float"),
        (lambda: pade_sign(10**9), ValueError, "expected an answer of at most"),
    ],
)
def test_what_cannot_be_translated_is_refused(call, error, words):
    with pytest.raises(error, match=words):
        call()
