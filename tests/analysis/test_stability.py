from fractions import Fraction
from functools import partial

import numpy as np
import pytest
import torch
from flint import fmpq, fmpq_mat, fmpq_poly
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis import fixed_points, frechet, stable_relaxations, tangent_space
from corrector import MCWEENY, Corrector, Polynomial, smoothstep
from tests.problems import (
    any_correctors,
    counting_products,
    members,
    oblique,
    powers,
    rational_matrices,
    rational_projectors,
    rationals,
    smoothsteps,
)

rng = np.random.default_rng
weights = st.fractions(min_value=-9, max_value=9, max_denominator=30)


def entries(m):
    return st.lists(rationals, min_size=m * m, max_size=m * m).map(
        lambda values: np.array(values, dtype=object).reshape(m, m)
    )


@given(any_correctors, weights)
def test_zero_attracts_exactly_in_the_range(g, gamma):
    found = stable_relaxations(g)
    multiplier = 1 - gamma + gamma * g.alphas[0]
    assert (abs(multiplier) < 1) == (found is not None and found[0] < gamma < found[1])
    if found is not None:
        assert {abs(1 - end + end * g.alphas[0]) for end in found} == {1}


@given(st.lists(rationals, min_size=1, max_size=4), weights)
def test_the_range_of_both_is_what_the_two_share(alphas, gamma):
    g = Corrector([*alphas, 1 - sum(alphas)])  # g(1) = 1
    slopes = g.derivative()(Fraction(0)), g.derivative()(Fraction(1))
    found = stable_relaxations(g, about="both")
    attract = [abs(1 - gamma + gamma * slope) < 1 for slope in slopes]
    assert all(attract) == (found is not None and found[0] < gamma < found[1])
    single = stable_relaxations(g, about=1)
    assert attract[1] == (single is not None and single[0] < gamma < single[1])


@given(smoothsteps | members(), st.sampled_from([0, 1, "both"]))
def test_correctors_are_stable_between_none_and_twice_the_step(g, about):
    assert stable_relaxations(g, about) == (0, 2)


def test_ranges_that_are_empty():
    assert stable_relaxations(Corrector((1, 1))) is None  # multiplier 1 for every γ
    g = Corrector((3, -5, 3))  # slopes 3 at 0 and 2 at 1
    assert stable_relaxations(g) == (-1, 0)
    assert stable_relaxations(Corrector((2, -1)), "both") is None  # slope 2 at 0, and 0 at 1
    assert stable_relaxations(Corrector((1, 1, -1)), "both") is None


@pytest.mark.parametrize("g", [MCWEENY, smoothstep(2), smoothstep(5)], ids=str)
def test_the_sources_range_of_relaxations_is_wrong(g):
    """They have 0 ≤ γ < 1.  It is 0 < γ < 2: γ = 0 attracts nothing, and 1 ≤ γ < 2 attracts."""

    def errors(gamma, steps=60):
        x, gamma = 1 / 64, float(gamma)
        history = [x]
        for _ in range(steps):
            x = x + gamma * (g(x) - x)
            history.append(abs(x))
        return history

    def kind(gamma):
        return next(p.kind for p in fixed_points(g, gamma) if p.exact == 0)

    low, high = stable_relaxations(g)
    assert len(set(errors(low))) == 1  # the identity
    with pytest.raises(ValueError, match="not 0"):
        fixed_points(g, low)
    for gamma in (Fraction(1, 4), Fraction(3, 4), Fraction(5, 4), Fraction(7, 4)):
        assert low < gamma < high
        assert kind(gamma) == "attracting"
        *_, before, last = errors(gamma)
        assert last < 1e-6
        assert last / before == pytest.approx(abs(1 - gamma), rel=1e-4)
    assert kind(1) == "superattracting"
    assert errors(1, 8)[-1] < 1e-100
    assert kind(high) == "neutral"
    assert kind(Fraction(21, 10)) == "repelling"
    assert errors(Fraction(21, 10))[-1] > 1 / 64


@settings(max_examples=40)
@given(any_correctors, rational_matrices(3), st.data())
def test_frechet_is_the_block_of_the_block(g, K, data):
    m = len(K)
    E = data.draw(entries(m))
    block = np.block([[K, E], [K * 0, K]])
    L = frechet(g, K, E)
    assert np.array_equal(L, g.at_matrix(block)[:m, m:])


@settings(max_examples=40)
@given(any_correctors, rational_matrices(3), st.data())
def test_frechet_is_the_first_order_in_t(g, K, data):
    """G(K + tE) over Q[t], by naive powers: its coefficient of t."""
    E = data.draw(entries(len(K)))
    moving = np.vectorize(lambda k, e: Polynomial((k, e)), otypes=[object])(K, E)
    expanded = powers(g.alphas, moving)
    first = np.vectorize(lambda p: (*p.coefficients, 0, 0)[1], otypes=[object])(expanded)
    assert np.array_equal(frechet(g, K, E), first)


@settings(max_examples=40)
@given(any_correctors, rational_matrices(3), rationals, rationals, st.data())
def test_frechet_is_linear_in_the_direction(g, K, a, b, data):
    E, F = data.draw(entries(len(K))), data.draw(entries(len(K)))
    assert np.array_equal(frechet(g, K, a * E + b * F), a * frechet(g, K, E) + b * frechet(g, K, F))


@settings(max_examples=40)
@given(smoothsteps | members(), rational_projectors(), st.data())
def test_at_a_projector_every_corrector_keeps_the_tangential_part_alone(g, P, data):
    E = data.draw(entries(len(P)))
    complement = np.array([[Fraction(i == j) for j in range(len(P))] for i in range(len(P))]) - P
    tangential = P @ E @ complement + complement @ E @ P
    assert np.array_equal(frechet(g, P, E), tangential)
    space = tangent_space(P)
    assert np.array_equal(space.project(E), tangential)
    assert np.array_equal(space.project(tangential), tangential)
    assert np.array_equal(P @ tangential + tangential @ P, tangential)


@settings(max_examples=40)
@given(any_correctors)
def test_frechet_takes_three_products_for_each_of_the_plan(g):
    Counting, counted = counting_products()
    K, E = np.diag([0.25, 1.5]).view(Counting), np.eye(2)[::-1].view(Counting)
    frechet(g, K, E)
    assert len(counted) == 3 * g.products


def arrays(kind):
    make = rng(0).standard_normal
    K, E = make((5, 1, 4, 4)) / 3, make((2, 4, 4))
    if kind == "complex":
        return K + 1j * make(K.shape) / 3, E + 1j * make(E.shape)
    return (torch.tensor(K), torch.tensor(E)) if kind == "torch" else (K, E)


@pytest.mark.parametrize("kind", ["real", "complex", "torch"])
@pytest.mark.parametrize("g", [Corrector((2,)), MCWEENY, smoothstep(4), Corrector((1, 0, -1, 2, 3))], ids=str)
def test_frechet_broadcasts_over_batches_of_any_library_and_changes_nothing(kind, g):
    K, E = arrays(kind)
    before = [np.asarray(x).copy() for x in (K, E)]
    L = frechet(g, K, E)
    assert type(L) is type(K)
    assert tuple(L.shape) == (5, 2, 4, 4)
    blocks = np.zeros((5, 2, 8, 8), dtype=before[0].dtype)
    blocks[..., :4, :4] = blocks[..., 4:, 4:] = before[0]
    blocks[..., :4, 4:] = before[1]
    np.testing.assert_allclose(np.asarray(L), g.at_matrix(blocks)[..., :4, 4:], atol=1e-12)
    if kind == "torch":
        wide = [x.expand(5, 2, 4, 4).clone() for x in (K, E)]
        jvp = torch.autograd.functional.jvp(g.at_matrix, *wide)[1]
        np.testing.assert_allclose(L, jvp, atol=1e-12)
    L[:] = 7
    assert np.array_equal(np.asarray(K), before[0])
    assert np.array_equal(np.asarray(E), before[1])


def test_frechet_of_the_identity_is_a_new_array_of_the_whole_batch():
    K, E = np.zeros((3, 2, 2)), np.ones((2, 2))
    L = frechet(Corrector((1,)), K, E)
    assert L.shape == (3, 2, 2)
    L[:] = 5
    assert (E == 1).all()


@settings(max_examples=40)
@given(
    st.lists(rationals, min_size=1, max_size=4).map(lambda a: Corrector([*a, 1 - sum(a)])) | members(),
    rational_projectors(3),
    st.fractions(min_value=-2, max_value=3, max_denominator=6).filter(bool),
)
def test_the_spectrum_is_that_of_the_matrix_of_the_derivative(g, P, gamma):
    m = len(P)
    basis = np.array([Fraction(i == j) for i in range(m * m) for j in range(m * m)]).reshape(-1, m, m)
    L = frechet(g, P, basis).reshape(m * m, m * m)
    relaxed = [
        [fmpq(x.numerator, x.denominator) for x in map(Fraction, (1 - gamma) * e.ravel() + gamma * row)]
        for e, row in zip(basis, L, strict=True)
    ]
    expected = fmpq_poly([1])
    space = tangent_space(P)
    spectrum = space.spectrum(g, gamma)
    for eigenvalue, count in spectrum.items():
        expected *= fmpq_poly([-fmpq(eigenvalue.numerator, eigenvalue.denominator), 1]) ** count
    matrix = fmpq_mat(m * m, m * m, [x for row in relaxed for x in row])
    assert matrix.charpoly() == expected
    assert sum(spectrum.values()) == m * m
    identity = matrix * 0 + fmpq_mat(m * m, m * m, [fmpq(i == j) for i in range(m * m) for j in range(m * m)])
    annihilated = identity
    for eigenvalue in spectrum:
        annihilated *= matrix - identity * fmpq(eigenvalue.numerator, eigenvalue.denominator)
    assert annihilated == matrix * 0  # diagonalisable
    assert space.dimension == 2 * space.rank * (m - space.rank)
    assert space.rank == sum(P[i, i] for i in range(m))


def test_the_spectrum_by_hand():
    space = tangent_space(np.diag([1.0, 1.0, 0.0, 0.0, 0.0]))
    assert (space.rank, space.dimension) == (2, 12)
    assert space.spectrum(MCWEENY) == {1: 12, 0: 13}
    assert space.spectrum(MCWEENY, Fraction(1, 4)) == {1: 12, Fraction(3, 4): 13}
    assert space.spectrum(Corrector((3, -5, 3)), Fraction(1, 2)) == {1: 12, 2: 9, Fraction(3, 2): 4}
    assert tangent_space(np.eye(3)).spectrum(MCWEENY) == {0: 9}
    assert repr(space) == "TangentSpace(dimension 12; at a projector of rank 2, 5 by 5)"


@pytest.mark.parametrize("kappa", [1.0, 1.5, 10.0, 300.0])
@pytest.mark.parametrize(("m", "rank"), [(2, 1), (5, 2), (4, 3)])
def test_the_derivative_grows_like_the_square_of_the_obliquity(m, rank, kappa):
    P = oblique(m, rank, kappa)
    basis = np.eye(m * m).reshape(-1, m, m)
    for apply in (tangent_space(P).project, partial(frechet, smoothstep(2), P)):
        norm = np.linalg.norm(apply(basis).reshape(m * m, -1), 2)
        assert norm == pytest.approx(2 * kappa**2 - 1, rel=1e-6)


def test_tensors_keep_their_library():
    P = torch.tensor([[1.0, 2.0], [0.0, 0.0]], requires_grad=True)
    space = tangent_space(P)
    E = torch.ones(3, 2, 2)
    assert isinstance(space.project(E), torch.Tensor)
    np.testing.assert_allclose(space.project(E), frechet(MCWEENY, P.detach(), E), atol=1e-5)


HALF = 0.5 * np.eye(2)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: stable_relaxations("x"), TypeError, "`g` must be a Corrector; got str"),
        (lambda: stable_relaxations(MCWEENY, 2), ValueError, "must be 0, 1 or 'both'; got 2"),
        (lambda: stable_relaxations(Corrector((2,)), 1), ValueError, r"must fix 1; got g\(1\) = 2"),
        (lambda: frechet(3, HALF, HALF), TypeError, "`g` must be a Corrector; got int"),
        (lambda: frechet(MCWEENY, HALF, "x"), TypeError, "`E` must be an array or nested lists; got str"),
        (lambda: frechet(MCWEENY, HALF, np.ones((2, 3))), ValueError, r"`E` must be square .*; got \(2, 3\)"),
        (lambda: frechet(MCWEENY, np.ones((2, 3)), HALF), ValueError, r"`K` must be square .*; got \(2, 3\)"),
        (
            lambda: frechet(MCWEENY, HALF, np.eye(3)),
            ValueError,
            r"of the matrix, \(2, 2\); got \(3, 3\)",
        ),
        (
            lambda: frechet(MCWEENY, HALF, np.eye(1)),
            ValueError,
            r"of the matrix, \(2, 2\); got \(1, 1\)",
        ),
        (
            lambda: frechet(MCWEENY, np.ones((3, 2, 2)), np.ones((4, 2, 2))),
            ValueError,
            r"of the matrix, \(3, 2, 2\); got \(4, 2, 2\)",
        ),
        (
            lambda: frechet(MCWEENY, HALF, HALF.astype("complex128")),
            TypeError,
            "dtype of the matrix, float64; got complex128",
        ),
        (lambda: frechet(MCWEENY, [[1]], np.eye(1)), TypeError, "matrix, object; got float64"),
        (lambda: tangent_space(HALF), ValueError, "`P` must be idempotent; expected K² = K; "),
        (
            lambda: tangent_space([[1, 1], [1, 0]]),
            ValueError,
            r"`P` must be idempotent; .* is 1, at \(0, 0\), exactly",
        ),
        (lambda: tangent_space(np.zeros((2, 3))), ValueError, r"square in its last two axes; got \(2, 3\)"),
        (lambda: tangent_space(np.zeros((2, 2, 2))), ValueError, r"one matrix .* shape \(2, 2, 2\)"),
        (lambda: tangent_space(np.zeros((0, 0))), ValueError, r"one matrix .* shape \(0, 0\)"),
        (lambda: tangent_space(np.full((1, 1), np.nan)), ValueError, "`P` must be finite"),
        (lambda: tangent_space(np.array([["x"]])), TypeError, "`P` must hold floating-point numbers"),
        (
            lambda: tangent_space([[1]]).project(np.eye(1)),
            TypeError,
            "matrix, object; got float64",
        ),
        (lambda: tangent_space([[1]]).spectrum(Corrector((2,))), ValueError, "must fix 0 and 1; got 2x"),
        (lambda: tangent_space([[1]]).spectrum(MCWEENY, 0), ValueError, "must be finite and not 0; got 0"),
        (lambda: tangent_space([[1]]).spectrum(1), TypeError, "`g` must be a Corrector; got int"),
    ],
)
def test_mistakes_are_named(call, error, words):
    with pytest.raises(error, match=words):
        call()
