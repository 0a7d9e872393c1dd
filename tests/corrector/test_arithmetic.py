from fractions import Fraction

import jax
import numpy as np
import pytest
import torch

from analysis import iterate
from corrector import MCWEENY, Corrector, smoothstep
from corrector.arithmetic import (
    Elements,
    HermitianMatrices,
    Matrices,
    Tangents,
    arithmetic_of,
    is_hermitian,
)
from tests.problems import counting_products, with_spectrum

jax.config.update("jax_enable_x64", True)

U = 2.0**-53
BY_OPERATORS = Elements(lambda a, b: a @ b, float)
CASES = [
    (xp, dtype, batch, m)
    for xp in (np.asarray, torch.from_numpy)
    for dtype in (np.float64, np.float32, np.complex128)
    for batch, m in (((), 7), ((2, 3), 5), ((), 300), ((2,), 520))
]


def hermitian(rng, dtype, batch, m):
    K = rng.standard_normal((*batch, m, m))
    if np.issubdtype(dtype, np.complexfloating):
        K = K + 1j * rng.standard_normal((*batch, m, m))
    return ((K + np.swapaxes(K, -1, -2).conj()) / (8 * np.sqrt(m))).astype(dtype)


@pytest.fixture(params=CASES, ids=lambda case: f"{case[0].__name__}-{case[1].__name__}-{case[2]}-{case[3]}")
def commuting(request):
    """K, K² and a polynomial of both, Hermitian, with the tolerance of their arithmetic."""
    xp, dtype, batch, m = request.param
    K = hermitian(np.random.default_rng(m), dtype, batch, m)
    square = hermitian_part(K @ K)
    return [xp(x) for x in (K, square, hermitian_part(K @ square))], 20 * np.finfo(dtype).eps


def hermitian_part(K):
    return (K + np.swapaxes(K, -1, -2).conj()) / 2


def close(found, expected, tolerance):
    np.testing.assert_allclose(np.asarray(found), np.asarray(expected), atol=tolerance)


def test_products_and_sums_are_those_by_operators(commuting):
    (A, B, C), tolerance = commuting
    before = [np.asarray(x).copy() for x in (A, B, C)]
    plus = [(Fraction(1), C), (Fraction(-1), A), (Fraction(1, 3), B)]
    expected = BY_OPERATORS.product(A, B, Fraction(-5, 2), plus)
    total = BY_OPERATORS.sum([(Fraction(7, 3), A), *plus])
    for arithmetic in (Matrices(A), HermitianMatrices(A, mean=True), HermitianMatrices(A, mean=False)):
        close(arithmetic.product(A, B, Fraction(-5, 2), plus), expected, tolerance)
        close(arithmetic.product(A, A, Fraction(1), []), A @ A, tolerance)
        close(arithmetic.sum([(Fraction(7, 3), A), *plus]), total, tolerance)
        assert arithmetic.sum([(Fraction(1), A)]) is not A
    for x, was in zip((A, B, C), before, strict=True):
        assert np.array_equal(np.asarray(x), was)


@pytest.mark.parametrize("library", [np.asarray, torch.from_numpy, jax.numpy.asarray])
@pytest.mark.parametrize("hermitian", [False, True])
@pytest.mark.parametrize(
    "g", [MCWEENY, smoothstep(3), Corrector((0, 0, Fraction(7, 2), 0, 0, Fraction(-5, 2)))]
)
def test_tangents_are_the_corner_of_a_block_triangle(g, hermitian, library):
    """g of [[K, E], [0, K]] has g(K) on its diagonal and the derivative in the corner."""
    rng = np.random.default_rng(1)
    K, E = (hermitian_part(x) if hermitian else x for x in rng.standard_normal((2, 6, 6)) / 4)
    block = g.at_matrix(np.block([[K, E], [0 * K, K]]))
    arithmetic = Tangents(library(K), hermitian=hermitian)
    value, slope = g.plan.over((library(K), library(E)), arithmetic)
    close(value, block[:6, :6], 1e-14)
    close(slope, block[:6, 6:], 1e-14)
    assert arithmetic.spent <= 3 * g.products
    if hermitian and g is MCWEENY and library is not jax.numpy.asarray:
        assert arithmetic.spent == 2 + 3  # a square and another product


@pytest.mark.parametrize("mean", [False, True])
def test_products_are_hermitian_to_the_bit(commuting, mean):
    (A, B, C), _ = commuting
    found = HermitianMatrices(A, mean=mean).product(A, B, Fraction(1, 3), [(Fraction(2), C)])
    assert is_hermitian(found).all()


@pytest.mark.parametrize("m", [1, 127, 128, 129, 300])
@pytest.mark.parametrize("dtype", [np.float64, np.complex128])
def test_one_entry_is_enough_not_to_be_hermitian(m, dtype):
    rng = np.random.default_rng(m)
    K = np.stack([hermitian(rng, dtype, (), m) for _ in range(3)])
    assert is_hermitian(K).tolist() == [True] * 3
    i, j = (m - 1, 0) if m > 1 else (0, 0)
    K[1, i, j] += 1e-16j if dtype == np.complex128 else 0
    K[2, i, j] += 1.0
    assert is_hermitian(K).tolist() == [True, dtype != np.complex128, m == 1]
    assert is_hermitian(torch.from_numpy(K)).tolist() == is_hermitian(K).tolist()


def test_half_of_a_product_of_hermitian_matrices_is_enough():
    Counting, _ = counting_products()
    flops = []

    class Weighed(Counting):
        def __matmul__(self, other):
            flops.append(self.shape[-2] * self.shape[-1] * other.shape[-1])
            return super().__matmul__(other)

    m = 2048
    K = np.zeros((m, m)).view(Weighed)
    HermitianMatrices(K, mean=False).product(K, K.copy(), Fraction(1), [])
    assert sum(flops) == m**3 * 9 // 16
    flops.clear()
    HermitianMatrices(K, mean=True).product(K, K.copy(), Fraction(1), [])
    assert sum(flops) == m**3


def test_what_cannot_be_written_to_goes_by_operators():
    K = np.eye(3)
    assert isinstance(arithmetic_of(K), Matrices)
    assert isinstance(arithmetic_of(K, hermitian=True), HermitianMatrices)


def drift(m, steps, g=MCWEENY):
    """The distance in u that steps at a projector move it."""
    Q = np.linalg.qr(np.random.default_rng(m).standard_normal((m, m)))[0][:, : m // 2]
    start = g.at_matrix(hermitian_part(Q @ Q.T))
    K = start
    for _ in range(steps):
        K = g.at_matrix(K)
    assert is_hermitian(K)
    return np.linalg.norm(K - start, 2) / U


@pytest.mark.parametrize("n", [1, 2, 4])
@pytest.mark.parametrize("m", [8, 64])
def test_symmetric_projectors_hardly_drift(m, n):
    assert drift(m, 1000, smoothstep(n)) <= 20


@pytest.mark.parametrize(("m", "most"), [(8, 10), (64, 50)])
def test_drift_grows_like_the_root_of_the_number_of_steps(m, most):
    assert drift(m, 10_000) <= most


def test_without_the_anticommutator_they_would(monkeypatch):
    monkeypatch.setattr("corrector.plan.is_hermitian", lambda _: np.array(False))
    with pytest.raises(AssertionError):
        drift(64, 1000)


def test_what_has_converged_stays_where_it_is():
    P = iterate(with_spectrum([0.1, 0.9, 0.2, 0.7, 1.1])).value
    K = P
    for _ in range(100):
        K = iterate(K).value
    assert np.array_equal(K, P)
