from contextlib import nullcontext
from fractions import Fraction
from itertools import pairwise

import mpmath as mp
import numpy as np
import pytest
import scipy.linalg
import torch
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from analysis import (
    NotSpectralWarning,
    Solution,
    Status,
    assert_idempotent,
    idempotents,
    iterate,
    near_idempotents,
    schedule,
)
from analysis.iteration import _Run, residual_law
from analysis.scheduling import History
from corrector import MCWEENY, Corrector, smoothstep
from tests.problems import GOLDEN, jordan, members, oblique, smoothsteps, with_spectrum
from tests.problems import spectral_projector as spectral_projector_by_vectors
from tests.truth import exact_residual, spectral_distance

U = 2.0**-53


@given(near_idempotents(size=0.05), members())
@example(
    np.array([[1.00478075, -0.00502314], [0.02435135, 0.00398871]]),
    Corrector((0, 0, 11, "-37/2", 11, -4, 2, "-1/2")),  # its plan loses a digit more
)
@example(  # one whose plan would leave a residual of 48u
    np.array([[1.00328614]]), Corrector((0, 0, "29/3", "-29/2", 7, "-8/3", 2, "-1/2"))
)
def test_near_idempotents_converge_to_their_spectral_projector(K, g):
    residual = np.linalg.norm(K - K @ K)
    assume(residual_law(g.coefficients, residual, np.linalg.norm(K, 2)) <= residual / 2)
    solution = iterate(K, g)
    assert solution.spectral is True
    assert solution.status == Status.CONVERGED, solution
    assert_idempotent(solution.value)
    kappa = max(np.linalg.norm(K, 2), 1)
    np.testing.assert_allclose(solution.value, spectral_projector_by_vectors(K), atol=1e-11 * kappa**3)


@given(near_idempotents(size=0.05, field="complex"), st.sampled_from([np.complex64, np.complex128]))
def test_complex_matrices_converge(K, dtype):
    solution = iterate(K.astype(dtype))
    assert solution.converged, solution
    assert solution.value.dtype == dtype
    assert_idempotent(solution.value)


@given(
    st.integers(1, 4).flatmap(
        lambda n: st.tuples(st.just(n), near_idempotents(order=n, size=0.5, jordan=True))
    )
)
def test_one_step_is_enough_where_long_words_vanish(case):
    n, K = case
    assert_idempotent(smoothstep(n).at_matrix(K))


@given(idempotents(obliquity=1e3))
def test_idempotents_stay_where_they_are(P):
    solution = iterate(P)
    assert solution.status == Status.CONVERGED, solution
    kappa = max(np.linalg.norm(P, 2), 1)
    np.testing.assert_allclose(solution.value, P, atol=100 * kappa**3 * U)


@given(near_idempotents(n=5, size=0.05), st.floats(0.05, 1.9))
def test_relaxation_changes_the_path_and_not_the_limit(K, gamma):
    full, relaxed = iterate(K), iterate(K, relaxation=gamma, max_steps=2000)
    assert relaxed.converged, relaxed
    np.testing.assert_allclose(relaxed.value, full.value, atol=1e-9 * max(np.linalg.norm(K, 2), 1) ** 3)


@given(st.floats(0.05, 1.95), smoothsteps)
def test_a_relaxed_step_goes_part_of_the_way(gamma, g):
    K = with_spectrum([0.65, 0.3, 0.4])  # too far out to contract for sure
    solution = iterate(K, g, gamma, max_steps=1)
    np.testing.assert_allclose(solution.value, K + gamma * (g.at_matrix(K) - K), atol=1e-14)


@given(near_idempotents(size=0.05, obliquity=1, n=st.integers(2, 6)))
def test_symmetric_input_stays_symmetric_to_the_bit(K):
    K = (K + K.T) / 2
    P = iterate(K).value
    assert np.array_equal(P, P.T)


@pytest.mark.parametrize("xp", [np.asarray, torch.from_numpy])
def test_a_batch_is_its_members(xp):
    rng = np.random.default_rng(3)
    K = np.stack([oblique(5, 2, 1 + s, s) for s in range(6)]) + 0.01 * rng.standard_normal((6, 5, 5))
    K[4] = 0.5 * np.eye(5)
    K = K.reshape(2, 3, 5, 5)
    together = iterate(xp(K))
    assert together.status.shape == together.steps.shape == (2, 3)
    assert tuple(together.value.shape) == (2, 3, 5, 5)
    for index in np.ndindex(2, 3):
        alone = iterate(K[index])
        assert together.status[index] == alone.status
        assert together.steps[index] == alone.steps
        np.testing.assert_allclose(np.asarray(together.value[index]), alone.value, atol=1e-13)
        path = together.residuals[:, *index]
        np.testing.assert_allclose(path[: alone.steps + 1], alone.residuals, atol=1e-13)
        assert np.isnan(path[alone.steps + 1 :]).all()
    assert not together.converged


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.complex64])
def test_tensors_go_in_and_come_out(dtype):
    K = torch.tensor([[0.9, 0.2], [0.1, 0.1]], dtype=dtype, requires_grad=True)
    before = K.detach().clone()
    solution = iterate(K)
    assert solution.value.dtype == dtype
    assert not solution.value.requires_grad
    assert torch.equal(K, before)
    assert solution.converged


@given(near_idempotents(size=0.05))
def test_the_input_is_not_changed_and_not_shared(K):
    before = K.copy()
    solution = iterate(K)
    solution.value[...] = 7
    assert np.array_equal(K, before)


@given(near_idempotents(size=0.1, obliquity=2), smoothsteps)
def test_residuals_fall_as_the_law_says(K, g):
    solution = iterate(K, g)
    r = solution.residuals
    noise = 100 * len(K) * U * max(np.linalg.norm(K, 2), 1) ** 4
    for before, after in pairwise(r):
        assert after <= residual_law(g.coefficients, before, np.float64(1)) + noise


@pytest.mark.parametrize(("n", "expected"), [(1, [3, 4]), (2, [10, 15, 36])])
def test_the_law_of_the_residual(n, expected):
    e = np.float64(0.1)
    law = e ** (n + 1) * sum(c * e**k for k, c in enumerate(expected))
    assert residual_law(smoothstep(n).coefficients, e, np.float64(50)) == pytest.approx(law, rel=1e-14)


@pytest.mark.parametrize("n", range(1, 9))
def test_at_a_quarter_the_residual_stays_a_quarter(n):
    assert residual_law(smoothstep(n).coefficients, np.float64(0.25), np.float64(1)) == 0.25


@given(members(), st.fractions(min_value=-1, max_value=2, max_denominator=50))
def test_the_law_holds_for_numbers(g, x):
    r, after = x - x * x, g(x) - g(x) ** 2
    bound = residual_law(g.coefficients, np.float64(abs(r)), np.float64(abs(x)))
    assert abs(float(after)) <= float(bound) * (1 + 1e-12)


@pytest.mark.parametrize("n", [1, 2, 4])
@pytest.mark.parametrize("kappa", [1, 10, 100, 1e3, 1e4])
def test_the_limit_is_the_projector_to_ten_times_kappa_cubed_roundings(n, kappa):
    for seed in range(4):
        rng = np.random.default_rng(seed)
        m = int(rng.integers(2, 34))
        D = rng.standard_normal((m, m)) + 1j * (seed % 2) * rng.standard_normal((m, m))
        K = oblique(m, int(rng.integers(1, m)), kappa, seed)
        K = K + (D if seed % 2 else D.real) * 10 ** rng.uniform(-6, -1.5) / np.linalg.norm(D, 2) / kappa
        solution = iterate(K, smoothstep(n))
        assert solution.converged
        rank, difference = spectral_distance(K, solution.value)
        assert rank == round(float(solution.traces[-1]))
        norm = np.linalg.norm(solution.value, 2)
        assert np.linalg.norm(difference, 2) <= 10 * norm**3 * U


STUCK = {
    "half the identity": (0.5 * np.eye(3), Status.STALLED),
    "a half among others": (with_spectrum([0.5, 1, 0.2, 0, 0.9, 0.8]), Status.STALLED),
    "just off a half, by rounding": (with_spectrum([0.5 + 1e-16, 1.1, 0.0]), Status.STALLED),
    "a half behind a near half": (with_spectrum([0.5, 0.5 + 1e-9, 1, 0, 0.1]), Status.WRONG_SIDE_RISK),
    "a two-cycle": (GOLDEN, Status.WRONG_SIDE_RISK),
    "far out": (np.diag([3.0, 0.0]), Status.DIVERGED),
    "far left": (np.diag([-0.7, 1.0]), Status.DIVERGED),
    "a block at a half": (jordan(0.5, 2), Status.WRONG_SIDE_RISK),
    "overflow at once": (np.array([[1e200]]), Status.DIVERGED),
}


@pytest.mark.parametrize("name", STUCK)
@pytest.mark.parametrize("g", [MCWEENY, smoothstep(2), smoothstep(3)])
def test_what_does_not_converge_is_never_called_converged(name, g):
    K, status = STUCK[name]
    solution = iterate(K, g)
    assert solution.status != Status.CONVERGED
    if g == MCWEENY:
        assert solution.status == status, solution
    assert np.isfinite(solution.value).all()


def test_what_escapes_ends_at_the_iterate_before():
    K = np.array([[1e7]], dtype=np.float32)
    solution = iterate(K)
    assert (solution.status, solution.steps) == (Status.DIVERGED, 0)
    assert solution.value == K


@pytest.mark.parametrize("offset", [1e-3, 1e-6, 1e-9, -1e-9, 1e-11])
def test_eigenvalues_near_a_half_are_told_apart(offset):
    K = with_spectrum([0.5 + offset, 1, 0])
    solution = iterate(K)
    assert solution.converged, solution
    assert round(np.trace(solution.value)) == 1 + (offset > 0)


@pytest.mark.filterwarnings("ignore::analysis.NotSpectralWarning")
def test_near_a_defective_half_convergence_is_not_claimed_in_vain():
    """Against the same iteration in 200 digits, on matrices whose norm grows before it settles."""
    rng = np.random.default_rng(0)
    converged = 0
    with mp.workdps(200):
        for _ in range(250):
            m = int(rng.integers(2, 4))
            K = jordan(0.5, m)
            K[np.triu_indices(m, 1)] *= 10 ** rng.uniform(-3, 0)
            T = rng.standard_normal((m, m))
            K = T @ K @ np.linalg.inv(T) + 10 ** rng.uniform(-16, -1) * rng.standard_normal((m, m))
            solution = iterate(K)
            if not solution.converged:
                continue
            converged += 1
            X = mp.matrix(K.tolist())
            for _ in range(solution.steps + 8):
                R = X - X * X
                X = X + 2 * X * R - R
            limit = np.array(X.tolist(), dtype=float)
            error = np.linalg.norm(limit - solution.value)
            assert error <= 0.05 * max(1, np.linalg.norm(limit)), (K, solution)
    assert converged > 20


def test_running_out_of_steps_is_said():
    solution = iterate(np.diag([0.6, 0.1]), max_steps=2)
    assert (solution.status, solution.steps, len(solution.residuals)) == (Status.MAX_STEPS, 2, 3)
    assert iterate(np.diag([0.6]), max_steps=0).status == Status.MAX_STEPS


def test_arithmetic_too_coarse_for_the_norm_is_not_called_converged():
    assert iterate(oblique(50, 20, 1e4).astype(np.float32)).status != Status.CONVERGED


@settings(max_examples=30)
@given(smoothsteps)
def test_products_are_counted(g):
    near, far = with_spectrum([0.97, 0.98, 0.01]), with_spectrum([0.6, 0.8, 0.1])
    solution = iterate(near, g)
    assert solution.products == solution.steps * g.products + 1
    solution = iterate(far, g)  # one more: to see which side each eigenvalue went to
    assert solution.products == solution.steps * g.products + 2


SIDES = {
    "near a projector": (with_spectrum([0.95, 1.02, 0.03]), True),
    "in the real basins": (with_spectrum([1.3, 0.6, -0.3]), True),
    "in a part of the basin of 1 beyond 0": (with_spectrum([-0.5, 0.9, 0.1]), False),
    "complex, to the right": (np.array([[0.7, -0.2], [0.2, 0.7]]), True),
    "complex, to the left, and goes to 1": (np.array([[-0.5, -0.01], [0.01, -0.5]]), False),
    "far from normal": (np.array([[0.9, 40.0], [0.0, 0.6]]), True),
    "far from normal, and goes astray": (np.array([[0.9, 40.0], [0.0, -0.45]]), False),
}


@pytest.mark.parametrize("name", SIDES)
@pytest.mark.parametrize("size", [0, 70])
@pytest.mark.parametrize("xp", [np.asarray, torch.from_numpy])
def test_limits_that_are_another_projector_are_found_out(name, size, xp):
    K, expected = SIDES[name]
    K = scipy.linalg.block_diag(K, np.eye(size))
    with pytest.warns(NotSpectralWarning) if expected is False else nullcontext():
        solution = iterate(xp(K))
    assert solution.converged
    assert solution.spectral is expected
    P = spectral_projector_by_vectors(K)
    assert (np.linalg.norm(np.asarray(solution.value) - P) < 1e-6) == (expected is not False)


STEEP = {
    "no eigenvalue to the right of ½": np.array(
        [[53052597.41579108, 159112114.12784722], [-17689275.60881933, -53052596.41579108]]
    ),
    "the same in single precision": np.array([[3218.66, 8076.0586], [-1282.3772, -3217.66]], np.float32),
    "eigenvalues 0.1 and 0.9": np.array([[0.1, 10**7.5], [0, 0.9]]),
    "likewise": np.array([[0.1, 1e7], [0, 0.9]]),
}


@pytest.mark.parametrize("name", STEEP)
@pytest.mark.parametrize("mixed", [False, True])
def test_where_rounding_hides_the_residual_nothing_is_claimed(name, mixed):
    K = STEEP[name]
    solution = iterate(K, mixed=mixed and K.dtype == np.float64)
    assert solution.status == Status.WRONG_SIDE_RISK
    assert solution.spectral is None


@pytest.mark.parametrize("complex_numbers", [False, True])
@pytest.mark.parametrize("m", [2, 10, 30])
def test_what_rounding_hides_of_a_residual_is_bounded(m, complex_numbers):
    K = oblique(m, m // 2, 1e3, m) * (1 + 1j * complex_numbers)
    hidden = _Run(K[None], MCWEENY, 1.0, 1, History())._hidden(K[None])[0]
    error = np.linalg.norm(K - K @ K - exact_residual(K))
    assert 0 < error <= hidden <= 1e4 * m * error


@pytest.mark.parametrize("norm", [1e4, 1e5, 1e6])
def test_steep_matrices_are_iterated_to_the_end(norm):
    P = iterate(np.array([[0.1, norm], [0, 0.9]])).value
    np.testing.assert_allclose(P, [[0, norm / 0.8], [0, 1]], rtol=1e-4 * (norm / 1e6) ** 2 + 1e-9, atol=1e-9)


@pytest.mark.parametrize(("dtype", "powers"), [(np.float32, (1, 4.5)), (np.float64, (3, 8.5))])
def test_what_is_called_spectral_at_any_norm_is(dtype, powers):
    """K = (I + S)/2 with S² about s, which steep S keep to few digits or to none."""
    rng = np.random.default_rng(1)
    proved = 0
    for _ in range(2000):
        a = 10 ** rng.uniform(*powers)
        b = a * rng.uniform(0.3, 3)
        S = np.array([[a, b], [(rng.uniform(-0.3, 1.3) - a * a) / b, -a]])
        K = ((np.eye(2) + S) / 2).astype(dtype)
        solution = iterate(K)
        if solution.spectral:
            proved += 1
            found = spectral_distance(K.astype(float), solution.value.astype(float))
            assert found is not None, K
            assert found[0] == round(float(np.trace(solution.value))), K
    assert proved > 50


def test_of_large_matrices_far_from_normal_nothing_is_said():
    K = scipy.linalg.block_diag(np.array([[0.9, 40.0], [0.0, 0.6]]), np.eye(300))
    assert iterate(K).spectral is None


def test_a_batch_says_of_each_which_side_it_is_on():
    K = np.stack([np.diag([0.9, 0.1]), np.diag([-0.5, 0.9]), 0.5 * np.eye(2), np.diag([1.3, 0.6])])
    with pytest.warns(NotSpectralWarning, match="1 of 4 limits are idempotent, but not"):
        assert iterate(K.reshape(2, 2, 2, 2)).spectral.tolist() == [[True, False], [None, True]]


@given(st.lists(st.floats(-50, 50), min_size=1, max_size=6), st.integers(0, 9))
def test_scaled_first_real_eigenvalues_go_where_they_belong(values, seed):
    values = np.array(values)
    assume((np.abs(values - 0.5) > 1e-6).all())
    K = with_spectrum(values, seed)
    solution = iterate(K, scale=True)
    assert solution.converged
    assert solution.spectral is True
    assert np.trace(solution.value) == pytest.approx((values > 0.5).sum())


def test_what_needs_no_scaling_is_not_scaled():
    K = with_spectrum([0.9, 0.2, 1.0])
    assert np.array_equal(iterate(K, scale=True).residuals, iterate(K).residuals)
    with pytest.raises(ValueError, match="a schedule or `scale`; got both"):
        iterate(K, schedule=schedule(0.3, 0.8), scale=True)


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ((np.ones((2, 3)),), ValueError, "square in its last two axes"),
        ((np.array([[np.nan]]),), ValueError, "must be finite; got 1 entries"),
        ((torch.tensor([[float("inf")]]),), ValueError, "must be finite"),
        ((np.eye(2, dtype=int),), TypeError, "floating-point numbers; got int64"),
        (([[1, 0], [0, 1]],), TypeError, "floating-point numbers; got exact ones"),
        ((np.array([[Fraction(1)]], dtype=object),), TypeError, "floating-point numbers; got object"),
        ((np.ones((0, 0)),), ValueError, "at least one matrix"),
        ((np.ones((0, 2, 2)),), ValueError, "at least one matrix"),
        ((np.eye(2), Corrector((0, 1))), ValueError, "order 1 or more"),
        ((np.eye(2), Corrector((2,))), ValueError, "order 1 or more"),
        ((np.eye(2), MCWEENY, 0), ValueError, "`relaxation` must lie between 0 and 2"),
        ((np.eye(2), MCWEENY, 2), ValueError, "`relaxation` must lie between 0 and 2"),
        ((np.eye(2), MCWEENY, float("nan")), ValueError, "`relaxation` must lie between 0 and 2"),
        ((np.eye(2), MCWEENY, 1, -1), ValueError, "`max_steps` must be a whole number from 0 on; got -1"),
    ],
)
def test_mistakes_are_named(arguments, error, words):
    with pytest.raises(error, match=words):
        iterate(*arguments)


def test_solutions_read_shortly():
    assert repr(iterate(np.diag([0.9, 0.1]))).startswith("Solution(converged, steps=")
    assert "1 stalled" in repr(iterate(np.stack([0.5 * np.eye(2), np.eye(2)])))
    assert isinstance(iterate(np.eye(1)), Solution)
