from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from analysis import certify, near_idempotents
from analysis.certificate import _greatest, _rank_by_path, _times
from tests.problems import GOLDEN, jordan, oblique, spectral_projector, with_spectrum


def check(K):
    """A certificate that holds must be true: the naive twin finds the projector by eigenvectors."""
    certificate = certify(K)
    if certificate.holds:
        P = spectral_projector(K)
        assert certificate.rank == round(np.trace(P).real)
        slack = 1e-11 * max(np.linalg.norm(P, 2), 1) ** 3
        assert np.linalg.norm(P - K, 2) <= certificate.radius + slack
        assert certificate.residual < 0.25
    assert certificate.residual >= np.linalg.norm(K - K @ K, 2) * (1 - 1e-12)
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
        m = int(rng.integers(2, 40))
        norm = 10 ** rng.uniform(0, 2)
        D = rng.standard_normal((m, m))
        K = oblique(m, int(rng.integers(1, m)), norm, int(rng.integers(999)))
        K = K + D * 10 ** rng.uniform(-8, 0) / np.linalg.norm(D, 2) / norm
        if np.linalg.norm(K - K @ K, 2) >= 0.2:
            continue
        certificate = check(K)
        held.append(certificate.holds)
        if certificate.holds:
            ratios.append(certificate.radius / np.linalg.norm(spectral_projector(K) - K, 2))
    assert np.mean(held) >= 0.9
    assert np.median(ratios) <= 3


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


@given(st.floats(0, 1), st.floats(0, 4), st.floats(0, 1))
def test_the_greatest_value_along_the_path(start, middle, end):
    t = np.linspace(0, 1, 2001)
    values = (1 - t) ** 2 * start + t * (1 - t) * middle + t**2 * end
    assert values.max() <= _greatest(start, middle, end) + 1e-15
    assert _greatest(start, middle, end) <= values.max() + 1e-5


def test_the_path_to_the_limit_proves_the_rank_where_the_trace_does_not():
    K = with_spectrum([0.26] * 20 + [0.74] * 21)
    e = float(np.linalg.norm(K - K @ K, 2)) * (1 + 1e-12)
    assert _rank_by_path(K, 2 * K - np.eye(41), e) == 21
    assert certify(K).rank == 21
    # A computed limit that lies far off, as after a wrong turn, proves nothing.
    far = with_spectrum([0.26] * 20 + [0.74] * 21, seed=1)
    assert _rank_by_path(far, 2 * K - np.eye(41), e) is None
