from fractions import Fraction

import mpmath as mp
import numpy as np
import pytest
import scipy.linalg
import torch
from hypothesis import example, given
from hypothesis import strategies as st

from analysis import certificate, certify, idempotents, near_idempotents
from analysis.arrays import norm_estimate
from analysis.certificate import (
    _careful_residual,
    _definite,
    _drowns,
    _leading_bits,
    _less,
    _norm_by_parts,
    _norm_by_square,
    _positive,
    _rank_by_inertia,
    _rank_by_series,
    _rank_by_trace,
    _reflection,
    _size,
    _times,
    _up,
)
from tests.problems import GOLDEN, counting_products, jordan, oblique, spectral_projector, with_spectrum
from tests.truth import exact_residual, spectral_distance


def check(K):
    """A certificate that holds must be true, by ball arithmetic on the numbers as they are stored."""
    certificate = certify(K)
    if certificate.holds:
        rank, difference = spectral_distance(K)
        assert certificate.rank == rank
        unseen = 1e-290  # by the ball arithmetic
        assert certificate.radius >= np.linalg.norm(difference, 2) * (1 - 1e-12) - unseen
        assert certificate.residual < 0.25
    assert certificate.residual >= np.linalg.norm(exact_residual(K), 2) * (1 - 1e-12)
    return certificate


@given(near_idempotents(size=0.3, obliquity=5))
def test_what_is_certified_is_true(K):
    check(K)


@given(near_idempotents(size=0.05, obliquity=100, field="complex"))
def test_complex_matrices_near_projectors_are_certified(K):
    assert check(K).holds


@given(st.lists(st.floats(-1, 2), min_size=1, max_size=30), st.integers(0, 99))
def test_symmetric_matrices_of_any_spectrum(values, seed):
    K = with_spectrum(values, seed)
    certificate = check(K)
    residual = np.linalg.norm(K - K @ K, 2)
    if residual < 0.2:
        assert certificate.holds, certificate
    if residual > 0.25:
        assert not certificate.holds


def test_most_matrices_with_a_residual_below_a_fifth_are_certified_closely():
    rng = np.random.default_rng(5)
    held, ratios = [], []
    while len(held) < 300:
        m = int(rng.integers(2, 30))
        norm = 10 ** rng.uniform(0, 4)
        D = rng.standard_normal((m, m))
        K = oblique(m, int(rng.integers(1, m)), norm, int(rng.integers(999)))
        K = K + D * 10 ** rng.uniform(-8, 0) / np.linalg.norm(D, 2) / norm
        if np.linalg.norm(K - K @ K, 2) >= 0.2:
            continue
        certificate = check(K)
        held.append(certificate.holds)
        if certificate.holds:
            ratios.append(certificate.radius / np.linalg.norm(spectral_projector(K) - K, 2))
    assert np.mean(held) >= 0.95
    assert np.median(ratios) <= 3
    assert np.mean(np.array(ratios) <= 10) >= 0.95


@pytest.mark.parametrize(
    "K",
    [
        0.5 * np.eye(4),
        GOLDEN,
        jordan(0.5, 2),
        jordan(0.0, 3),
        jordan(1.0, 2),
        np.diag([3.0, 0]),
        np.diag([0.4, 0.6, 0.5]),
        np.array([[1e200]]),
    ],
)
def test_what_cannot_be_proved_is_not_certified(K):
    certificate = certify(K)
    assert not certificate.holds
    assert certificate.rank is certificate.radius is None
    assert "must be below 1/4" in certificate.reason


def test_a_residual_of_a_quarter_is_one_too_much():
    # 4‖E‖ = 1 exactly: the eigenvalue ½ never leaves.
    assert not certify(np.diag([0.5, 1.0])).holds
    assert not certify(np.diag([0.5 - 1e-16, 1.0])).holds


@pytest.mark.parametrize("gap", [0.1, 0.01, 1e-4, 1e-6])
def test_up_to_a_quarter_symmetric_matrices_are_certified(gap):
    certificate = check(np.diag([0.5 - gap, 0.5 + gap]))
    assert certificate.holds
    assert certificate.rank == 1


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_tensors(dtype):
    certificate = certify(torch.tensor([[0.9, 0.2], [0.1, 0.1]], dtype=dtype))
    assert certificate.holds
    assert certificate.rank == 1


@pytest.mark.parametrize(
    ("K", "error", "words"),
    [
        (np.ones((2, 3)), ValueError, "square"),
        (np.ones((2, 2, 2)), ValueError, "one matrix; got an array of shape"),
        (np.array([[np.inf]]), ValueError, "finite"),
        (np.eye(2, dtype=int), TypeError, "floating-point"),
        (np.ones((0, 0)), ValueError, "at least one matrix"),
    ],
)
def test_mistakes_are_named(K, error, words):
    with pytest.raises(error, match=words):
        certify(K)


@given(st.integers(1, 5), st.integers(0, 999))
def test_errors_of_products_are_bounded(m, seed):
    """Against exact rational arithmetic: the bound holds, and is not idle."""
    rng = np.random.default_rng(seed)
    A, B = rng.standard_normal((2, m, m))
    computed, bound = _times(A, B)
    exact = np.vectorize(Fraction, otypes=[object])(A) @ np.vectorize(Fraction, otypes=[object])(B)
    difference = exact - np.vectorize(Fraction, otypes=[object])(computed)
    error = float(sum(d * d for d in difference.flat)) ** 0.5
    assert error <= bound
    assert bound <= 1e-13 * np.linalg.norm(A) * np.linalg.norm(B)


def exactly(A):
    return np.vectorize(Fraction, otypes=[object])(A)


def frobenius(A):
    """Of exact numbers, rounded once."""
    return float(sum(Fraction(x) ** 2 for x in A.flat)) ** 0.5


@given(st.integers(0, 999), st.sampled_from([1.0, 1e-3, 1e12]))
def test_errors_of_differences_are_bounded(seed, size):
    A, B = np.random.default_rng(seed).standard_normal((2, 4, 4)) * [[[size]], [[1 / 3]]]
    for (computed, bound), exact in (
        (_less(A, 0, B, 0), exactly(A) - exactly(B)),
        (_reflection(A), 2 * exactly(A) - exactly(np.eye(4))),
    ):
        error = frobenius(exact - exactly(computed))
        assert error <= bound <= 1e-15 * (frobenius(exact) + size)
    assert _less(A, 2.0, B, 3.0)[1] >= 5


def test_products_too_small_to_store_are_counted():
    A = np.full((3, 3), 1e-170)
    computed, bound = _times(A, A)
    assert not computed.any()
    assert bound > 0


@given(st.lists(st.floats(1e-3, 1e3), min_size=1, max_size=16))
def test_bounds_are_raised_above_the_rounding_of_what_made_them(numbers):
    total, product = 0.0, 1.0
    exact_total, exact_product = Fraction(0), Fraction(1)
    for x in numbers:
        total, product = total + x, product * x
        exact_total, exact_product = exact_total + Fraction(x), exact_product * Fraction(x)
    assert Fraction(_up(total)) > exact_total
    assert Fraction(_up(product)) > exact_product
    assert _up(total) <= total * (1 + 1e-14)


def test_a_rank_is_left_open_where_errors_could_change_it():
    K = oblique(6, 2, 3.0, 0)
    nothing = np.zeros((6, 6))
    assert _rank_by_series(K, nothing, nothing, 0, 0, 0) == 2
    assert _rank_by_series(K, nothing, nothing, 0.2, 0, 0) == 2
    assert _rank_by_series(K, nothing, nothing, 0.3, 0, 0) is None  # √6 times as much in the trace
    assert _rank_by_series(K, nothing, np.eye(6) / 12, 0, 0.5, 0) is None
    assert _rank_by_series(K, np.eye(6) / 6, nothing, 0.5, 0, 0) is None
    assert _rank_by_series(K, np.eye(6) / 5, np.eye(6) / 5, 0, 0, 0.24) is None
    S, E = 2 * K - np.eye(6), 0.01 * np.eye(6)
    assert _rank_by_trace(K, S, E, 0, 0, 1.0) == 2
    assert _rank_by_trace(K, S, E, 0, 0.3, 1.0) is None
    assert _rank_by_trace(K, S, E, 30.0, 0, 1.0) is None
    assert _rank_by_trace(K, S, E, 0, 0, 10.0) is None


def test_a_factorisation_of_unknown_error_proves_no_rank(monkeypatch):
    K = flat(20, 0.15)
    monkeypatch.setattr(certificate, "_times", lambda A, B, *errors: (A @ B, 2.0))
    assert _rank_by_inertia(K, 0.2) is None


def flat(m, residual, seed=0, *, normal=False):
    """A matrix for which all singular values of K − K² are about as large, its rank about m/2."""
    rng = np.random.default_rng(seed)
    U, V = (np.linalg.qr(rng.standard_normal((m, m)))[0] for _ in range(2))
    half = np.sqrt(0.25 - residual)
    signs = np.where(np.arange(m) < m // 2, 1.0, -1.0)
    if normal:
        return 0.5 * np.eye(m) + (U * signs * half) @ U.T
    P = (U * (signs > 0)) @ U.T
    return P + residual * V


@pytest.mark.parametrize("normal", [True, False])
@pytest.mark.parametrize("m", [40, 100])
def test_flat_residuals_are_certified_too(m, normal):
    K = flat(m, 0.13, normal=normal)
    assert 0.1 < np.linalg.norm(K - K @ K, 2) < 0.2
    assert np.linalg.norm(K - K @ K) > 0.5
    certificate = check(K)
    assert certificate.holds
    assert certificate.radius <= 10 * np.linalg.norm(spectral_projector(K) - K, 2)


@given(
    near_idempotents(size=0.2, obliquity=10, n=st.integers(5, 12))
    | near_idempotents(size=0.1, obliquity=100, n=st.integers(5, 8), field="complex")
    | st.builds(flat, st.integers(5, 40), st.floats(0.05, 0.2), st.integers(0, 9), normal=st.booleans())
)
def test_three_products_are_enough(K):
    assert products_of(K) <= 3


@pytest.mark.parametrize("norm", [1e4, 1e5, 3e5, 1e6])
@pytest.mark.parametrize("m", [5, 12, 40])
def test_three_are_enough_for_steep_projectors(m, norm):
    K = oblique(m, m // 2, norm, 1)
    assert check(K).holds
    assert products_of(K) == 3


def products_of(K):
    """How many products of two m by m matrices `certify` takes, m ≥ 5: others are by four vectors."""
    Counting, _ = counting_products()
    square = []

    class Squares(Counting):
        def __matmul__(self, other):
            if other.shape == self.shape:
                square.append(1)
            return np.matmul(self, other).view(Squares)

    certify(K.view(Squares))
    return len(square)


matrices = st.builds(
    lambda m, seed, hermitian, size: size * hermitian_or_not(m, seed, hermitian),
    st.integers(1, 30),
    st.integers(0, 999),
    st.sampled_from(["real", "complex", "real hermitian", "complex hermitian"]),
    st.sampled_from([1e-20, 0.01, 1.0, 1e6]),
)


def hermitian_or_not(m, seed, kind):
    rng = np.random.default_rng(seed)
    A = rng.standard_normal((m, m)) + (1j * rng.standard_normal((m, m)) if "complex" in kind else 0)
    return A + A.conj().T if "hermitian" in kind else A


@pytest.mark.parametrize("kind", ["real", "complex", "real hermitian", "complex hermitian"])
def test_norms_are_estimated_from_below_and_not_far(kind):
    for m in range(1, 31):
        for seed in (*range(20), 312):
            A = hermitian_or_not(m, seed, kind)
            assert 0.6 <= norm_estimate(A) / np.linalg.norm(A, 2) <= 1 + 1e-12
    assert norm_estimate(1e200 * A) == pytest.approx(1e200 * norm_estimate(A), rel=1e-12)
    assert norm_estimate(1e-200 * A) == pytest.approx(1e-200 * norm_estimate(A), rel=1e-12)


@given(matrices)
@example(hermitian_or_not(23, 312, "real hermitian"))
def test_norms_are_bounded_and_hardly_more(A):
    norm = np.linalg.norm(A, 2)
    for bound in (_norm_by_parts(A, 0), _norm_by_parts(A, 0, loose=0), _norm_by_square(A, 0)):
        assert bound >= norm * (1 - 1e-14)
    assert _norm_by_parts(A, 0, loose=0) <= 2.8 * norm
    assert _norm_by_square(A, 0) <= 1.4 * norm  # 1.7/1.3 at most, and what rounding adds
    assert _norm_by_parts(A, norm) >= 2 * norm * (1 - 1e-14)
    assert _norm_by_square(A, norm) >= 2 * norm * (1 - 1e-14)


@given(st.integers(1, 12), st.integers(0, 999), st.integers(0, 12))
def test_what_is_not_definite_is_never_called_so(m, seed, rank):
    """BBᵀ with small integers is exact, and singular for fewer columns than rows."""
    B = np.random.default_rng(seed).integers(-3, 4, (m, min(rank, m - 1))).astype(float)
    assert not _definite(B @ B.T, 0)
    assert _definite(B @ B.T + np.eye(m), 0.9)
    assert not _definite(B @ B.T + np.eye(m), 1.0)


@given(st.lists(st.sampled_from([-2.0, 1e-300, 3.0]) | st.tuples(*[st.floats(-2, 2)] * 3), max_size=6))
def test_blocks_are_counted_by_sign(blocks):
    D = scipy.linalg.block_diag(
        *([[b]] if isinstance(b, float) else [[b[0], b[1]], [b[1], b[2]]] for b in blocks)
    )
    if not blocks or (np.abs(np.linalg.eigvalsh(D)) < 1e-9).any():
        D = np.diag([1.0, 0, -1, 1e-300])
    assert _positive(D) == (mp_eigenvalues(D) > 0).sum()


def mp_eigenvalues(D):
    return np.array([float(x) for x in mp.eigsy(mp.matrix(D.tolist()), eigvals_only=True)])


@pytest.mark.parametrize("field", ["real", "complex"])
def test_the_inertia_of_the_hermitian_part_is_the_rank(field):
    rng = np.random.default_rng(1)
    for seed in range(40):
        m, norm = int(rng.integers(2, 30)), 10 ** rng.uniform(0, 4)
        P = oblique(m, int(rng.integers(1, m)), norm, seed)
        D = rng.standard_normal((m, m)) + (1j * rng.standard_normal((m, m)) if field == "complex" else 0)
        K = P + 0.05 * D / np.linalg.norm(D, 2) / np.linalg.norm(P, 2) ** 2
        assert _rank_by_inertia(K, 0.2) == round(np.trace(P))


def test_a_factorisation_that_is_far_off_proves_no_rank(monkeypatch):
    K = flat(20, 0.15)
    assert _rank_by_inertia(K, 0.2) == 10
    monkeypatch.setattr(scipy.linalg, "ldl", lambda H: (np.eye(20), np.diag(np.diagonal(H)), None))
    assert _rank_by_inertia(K, 0.2) is None
    assert not certify(flat(60, 0.15, normal=True)[:20, :20]).holds


@given(
    idempotents(n=st.integers(2, 12), obliquity=1e4) | idempotents(n=st.integers(2, 6), field="complex"),
    st.floats(0, 5e-16),
)
def test_residuals_that_drown_in_rounding_are_found_with_more_digits(P, size):
    K = P * (1 + size)
    assert _drowns(K) or not K.any()
    E, error = _careful_residual(K)
    with mp.workdps(60):
        exact = mp.matrix(K.tolist()) - mp.matrix(K.tolist()) ** 2
        difference = np.array((exact - mp.matrix(E.tolist())).apply(mp.mpc).tolist(), dtype=complex)
    assert np.linalg.norm(difference) <= error
    terms = 4 * (len(K) + 2) if np.iscomplexobj(K) else len(K)
    assert error <= 1e-6 * terms * 2.0**-53 * np.linalg.norm(K) ** 2 + 2.0**-50 * np.linalg.norm(E) + 1e-300


@pytest.mark.parametrize("adverse", [False, True])
@pytest.mark.parametrize("m", [1, 3, 127, 1000])
@pytest.mark.parametrize("field", ["real", "complex"])
def test_leading_bits_multiply_without_error(m, field, adverse):
    rng = np.random.default_rng(m)
    K = rng.standard_normal((m, m)) * 10.0 ** rng.integers(-8, 9, (m, 1))
    if adverse:  # as large as the leading bits can be, and nothing cancels
        K = 2 - rng.random((m, m)) / 1000
    K = K + 1j * (rng.standard_normal((m, m)) if not adverse else K[::-1]) if field == "complex" else K
    A, B = _leading_bits(K, -1), _leading_bits(K, -2)
    assert np.abs(K - A).max() <= 2.0**-15 * np.abs(K).max()
    i = rng.integers(0, m, 3)
    for row, column in zip(A[i], B[:, i].T, strict=True):
        parts = [(row.real, column.real, 1), (row.imag, column.imag, -1)]
        exact = sum(s * Fraction(x) * Fraction(y) for a, b, s in parts for x, y in zip(a, b, strict=True))
        assert Fraction(float((row @ column).real)) == exact


def test_sizes_are_bounded_from_above_in_any_order_of_summation():
    A = np.full((600, 600), 0.123456)
    A[0, 0] = 1
    exact = Fraction(1) + (600**2 - 1) * Fraction(0.123456) ** 2
    for array in (A, torch.from_numpy(A)):
        assert Fraction(_size(array)) ** 2 >= exact
        assert Fraction(_size(array)) ** 2 <= exact * (1 + Fraction(1, 10**8))
