import pickle
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from corrector import MCWEENY, Corrector, Polynomial, derive, smoothstep
from tests.problems import (
    GOLDEN,
    any_correctors,
    counting_products,
    horner,
    members,
    oblique,
    polynomials,
    powers,
    rational_matrices,
    rationals,
    smoothsteps,
)

U = 2.0**-53


@pytest.mark.parametrize("alphas", [(0, 3.0, -2), (0.5,), (1j,), (None,), (True,), (np.float64(1),), ([1],)])
def test_inexact_coefficients_are_refused(alphas):
    with pytest.raises(TypeError, match="must be exact"):
        Corrector(alphas)


@pytest.mark.parametrize(
    ("alphas", "error", "words"),
    [
        (("x",), ValueError, "rational number"),
        (("1/0",), ValueError, "rational number"),
        ((), ValueError, "other than 0; got none"),
        ((0, 0), ValueError, "other than 0; got none"),
        ("12", TypeError, "sequence of coefficients; got the string"),
    ],
)
def test_coefficients_that_make_no_corrector_are_refused(alphas, error, words):
    with pytest.raises(error, match=words):
        Corrector(alphas)


def test_coefficients_may_be_written_as_strings():
    assert Corrector(("1/2", "0.5", 3)).alphas == (Fraction(1, 2), Fraction(1, 2), Fraction(3))


@given(polynomials, rationals)
def test_values_at_rationals_are_exact(p, x):
    value = p(x)
    assert isinstance(value, Fraction)
    assert value == horner(p.coefficients, x)


@given(polynomials, st.integers(-9, 9))
def test_values_at_integers_are_exact(p, x):
    assert p(x) == horner(p.coefficients, Fraction(x))
    assert p(np.int64(x)) == p(x)


@given(smoothsteps, st.fractions(min_value=-1, max_value=2, max_denominator=1000))
def test_floating_values_have_a_small_absolute_error_at_any_degree(g, x):
    r = abs(float(x - x * x))
    size = 1 + sum(abs(float(b)) * r**k for k, b in enumerate(g.taylor(0)))
    assert abs(g(float(x)) - float(g(x))) <= 1e3 * U * size


@pytest.mark.parametrize("n", [8, 16, 32])
def test_near_one_nothing_cancels(n):
    # The expanded polynomial has coefficients up to 10⁶, 10¹², 10²⁴ here.
    g = smoothstep(n)
    for x in (0.999, 1.001, 0.001, -0.001):
        assert abs(g(x) - float(g(Fraction(x)))) <= 4 * U


@given(any_correctors, st.sampled_from(["float32", "float64", "complex128"]))
def test_arrays_of_numpy_and_torch_agree_entry_by_entry(g, dtype):
    x = np.linspace(-0.5, 1.5, 6).reshape(2, 3).astype(dtype)
    ours, theirs = g(x), g(torch.from_numpy(x))
    assert ours.dtype == x.dtype
    assert theirs.dtype == torch.from_numpy(x).dtype
    unit = float(np.finfo(dtype).eps)
    scale = 1 + sum(abs(float(a)) * 1.5**i for i, a in enumerate(g.coefficients))
    np.testing.assert_allclose(ours, theirs.numpy(), atol=50 * unit * scale)
    exact = [float(g(Fraction(float(v.real)))) for v in x.ravel()]
    np.testing.assert_allclose(ours.ravel(), exact, atol=50 * unit * scale)


def test_other_kinds_of_arrays():
    assert MCWEENY(np.array([0, 1, 2])).tolist() == [0.0, 1.0, -4.0]
    assert MCWEENY(torch.tensor([0, 2])).tolist() == [0.0, -4.0]
    exact = MCWEENY(np.array([Fraction(1, 2), Fraction(1, 3)], dtype=object))
    assert exact.tolist() == [Fraction(1, 2), Fraction(7, 27)]
    assert MCWEENY(torch.ones(2, dtype=torch.bfloat16)).dtype == torch.bfloat16


@pytest.mark.parametrize("x", ["1", [1], (1,), None, {}])
def test_values_at_what_is_no_number_are_refused(x):
    with pytest.raises(TypeError, match="expected a number or an array"):
        MCWEENY(x)


@given(any_correctors, rational_matrices())
def test_at_matrix_is_exact_on_exact_matrices(g, K):
    before = K.copy()
    value = g.at_matrix(K)
    assert np.array_equal(value, powers(g.alphas, K))
    assert np.array_equal(K, before)
    assert np.array_equal(g.at_matrix(K.tolist()), value)


@settings(max_examples=30)  # each a search for a plan
@given(members(), st.sampled_from(["float32", "float64", "complex64", "complex128"]))
def test_at_matrix_takes_batches_of_any_library(g, dtype):
    rng = np.random.default_rng(0)
    K = (rng.standard_normal((2, 3, 4, 4)) / 4).astype(dtype)
    ours = g.at_matrix(K)
    assert ours.shape == K.shape
    assert ours.dtype == K.dtype
    theirs = g.at_matrix(torch.from_numpy(K))
    unit = float(np.finfo(dtype).eps)
    size = 1 + sum(abs(float(a)) for a in g.alphas)
    np.testing.assert_allclose(ours, theirs.numpy(), atol=100 * unit * size)
    for batch in np.ndindex(2, 3):
        np.testing.assert_allclose(
            ours[batch], powers(tuple(map(float, g.alphas)), K[batch]), atol=100 * unit * size
        )


@pytest.mark.parametrize(("n", "most"), [(1, 2), (2, 3), (3, 4), (4, 4)])
def test_products_a_step(n, most):
    Counting, counted = counting_products()
    smoothstep(n).at_matrix(np.eye(3).view(Counting) * 0.9)
    assert len(counted) == smoothstep(n).products == most


@settings(max_examples=30)
@given(any_correctors)
def test_products_are_what_is_counted(g):
    Counting, counted = counting_products()
    g.at_matrix(np.eye(2).view(Counting))
    assert len(counted) == g.products


def error_after_eight_steps(step, kappa, seed):
    """The distance from the same iteration in long double, started near an oblique projector."""
    P = oblique(24, 10, kappa, seed)
    K = P + 1e-3 / kappa**2 * np.random.default_rng(seed).standard_normal(P.shape)
    truth = K.astype(np.longdouble)
    for _ in range(8):
        K, truth = step(K), step(truth)
    return np.linalg.norm((K - truth).astype(float), 2)


@pytest.mark.parametrize("kappa", [1e2, 1e3])
@pytest.mark.parametrize("n", [1, 2, 4])
def test_the_error_at_oblique_projectors_grows_with_the_cube_of_their_norm(kappa, n):
    errors = [error_after_eight_steps(smoothstep(n).at_matrix, kappa, seed) for seed in range(4)]
    assert max(errors) <= 10 * kappa**3 * U


@pytest.mark.parametrize("kappa", [1e2, 1e3])
def test_the_expanded_form_does_worse(kappa):
    def ratio(seed):
        expanded = error_after_eight_steps(lambda K: powers((0, 3, -2), K), kappa, seed)
        return expanded / error_after_eight_steps(MCWEENY.at_matrix, kappa, seed)

    assert np.median([ratio(seed) for seed in range(5)]) > 10


@pytest.mark.parametrize("K", [np.ones((2, 3)), np.ones(4), np.ones((2, 3, 4)), [[1, 2]]])
def test_at_matrix_needs_square_matrices(K):
    with pytest.raises(ValueError, match="square in its last two axes; got"):
        MCWEENY.at_matrix(K)


def test_at_matrix_needs_a_matrix():
    with pytest.raises(TypeError, match="array or nested lists; got float"):
        MCWEENY.at_matrix(0.5)


@given(any_correctors, rational_matrices(3))
def test_at_map_of_a_linear_map_is_the_map_of_at_matrix(g, K):
    x = np.array([Fraction(i + 1) for i in range(len(K))], dtype=object)
    assert np.array_equal(g.at_map(lambda v: K @ v)(x), g.at_matrix(K) @ x)


@given(any_correctors)
def test_at_map_applies_the_function_degree_times(g):
    seen = []

    def f(x):
        seen.append(x)
        return x / 2

    g.at_map(f)(Fraction(1))
    assert seen == [Fraction(1, 2**i) for i in range(g.degree)]


def test_at_map_keeps_tensors_tensors():
    y = MCWEENY.at_map(torch.tanh)(torch.ones(3))
    t = torch.tanh(torch.tanh(torch.ones(3)))
    torch.testing.assert_close(y, 3 * t - 2 * torch.tanh(t))


@given(polynomials, st.integers(0, 4), rationals)
def test_derivatives_are_taylor_coefficients(p, k, x):
    taylor = p.taylor(x)
    factorial = int(np.prod(range(1, k + 1), dtype=int))
    assert p.derivative(k)(x) == (taylor[k] * factorial if k < len(taylor) else 0)


@given(polynomials, rationals, rationals)
def test_taylor_expansion_adds_up(p, point, w):
    assert p(point + w) == sum((t * w**k for k, t in enumerate(p.taylor(point))), Fraction(0))


@given(any_correctors)
def test_order_is_the_contact_at_zero_and_one(g):
    def vanishing(n):
        return all(g.derivative(k)(x) == 0 for k in range(1, n + 1) for x in (0, 1))

    if g(1) != 1:
        assert g.order is None
    else:
        assert vanishing(g.order)
        assert not vanishing(g.order + 1)


@pytest.mark.parametrize("n", [1, 2, 3, 7])
def test_order_of_a_smoothstep(n):
    assert smoothstep(n).order == n


def test_orders_below_one():
    assert Corrector((0, 1)).order == 0
    assert Corrector((0, 2)).order is None
    assert Corrector((0, 2, -1)).order == 0  # multiplicity 2 at 0 only


def test_equal_polynomials_are_equal_values():
    assert Corrector((0, 3, -2)) == Corrector((0, 3, -2, 0)) == MCWEENY
    assert len({MCWEENY, smoothstep(1), derive(1).minimal}) == 1
    assert smoothstep(2) != MCWEENY


@given(any_correctors)
def test_values_survive_repr_and_pickle(g):
    assert eval(repr(g), {"Corrector": Corrector}) == g
    assert pickle.loads(pickle.dumps(g)) == g


def test_values_are_frozen():
    with pytest.raises(AttributeError):
        MCWEENY.coefficients = ()


def test_polynomials_read_as_written():
    p = Polynomial((-1, "1/2", 0, -3))
    assert str(p) == "−1 + 1/2 x − 3x³"
    assert p.latex() == r"-1 + \frac{1}{2} x - 3 x^{3}"
    assert str(Polynomial(())) == "0"
    assert p.derivative(9) == Polynomial(())


@given(smoothsteps, st.lists(st.floats(0, 1), min_size=2, max_size=9))
def test_a_smoothstep_rises_on_the_unit_interval(g, xs):
    values = g(np.sort(xs))
    assert all(b >= a - 8 * U for a, b in pairwise(values))


def test_the_golden_ratio_matrix_is_a_two_cycle():
    eye = np.eye(2)
    assert np.array_equal(MCWEENY.at_matrix(GOLDEN), eye - GOLDEN)
    assert np.array_equal(MCWEENY.at_matrix(eye - GOLDEN), GOLDEN)
