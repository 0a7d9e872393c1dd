"""Mixed precision: as near to the true projector as double precision alone gets."""

import array_api_strict
import jax
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from analysis import Status, iterate, near_idempotents, schedule
from analysis.refinement import in_single
from corrector import smoothstep
from tests.problems import oblique, with_spectrum
from tests.truth import spectral_distance

U = 2.0**-53


def parted(width, m=24, seed=0):
    """A symmetric matrix with eigenvalues at both ends of the gap, and its schedule."""
    rng = np.random.default_rng(seed)
    below, above = (1 - width) / 2, (1 + width) / 2
    values = [*rng.uniform(0, below, m // 2 - 1), below, above, *rng.uniform(above, 1, m // 2 - 1)]
    return with_spectrum(values, seed), schedule(below + 1e-12, above - 1e-12, (-1e-12, 1 + 1e-12))


def error(K, solution):
    rank, difference = spectral_distance(K, solution.value)
    assert rank == round(np.trace(solution.value).real)
    return np.linalg.norm(difference, 2)


def in_double(solution):
    return solution.products - solution.single


@pytest.mark.parametrize("planned", [True, False])
@pytest.mark.parametrize("width", [0.8, 0.1, 0.01])
def test_refined_projectors_are_as_exact_as_those_of_double_precision(width, planned):
    K, plan = parted(width)
    plan = plan if planned else None
    alone, mixed = iterate(K, schedule=plan), iterate(K, schedule=plan, mixed=True)
    assert mixed.converged
    assert mixed.spectral is True
    assert error(K, mixed) <= 4 * error(K, alone) + 10 * U
    assert mixed.single > alone.products
    assert in_double(mixed) == (8 if planned and width == 0.01 else 6)
    assert np.array_equal(mixed.value, mixed.value.T)


def test_products_in_double_precision_hardly_grow_with_the_gap():
    alone, mixed = (
        [in_double(iterate(K, schedule=plan, mixed=m)) for K, plan in map(parted, (0.1, 1e-2, 1e-4))]
        for m in (False, True)
    )
    assert alone == [12, 16, 23]
    assert mixed == [6, 8, 10]


def test_single_precision_alone_would_not_do():
    K, plan = parted(0.1)
    rounded = iterate(in_single(K), schedule=plan)
    assert error(K, rounded) > 1e-8


@given(
    near_idempotents(n=8, size=0.05, obliquity=5) | near_idempotents(n=6, size=0.05, field="complex"),
    st.builds(smoothstep, st.integers(1, 4)),
)
def test_oblique_and_complex_matrices(K, g):
    mixed = iterate(K, g, mixed=True)
    assert mixed.converged
    kappa = max(np.linalg.norm(mixed.value, 2), 1)
    assert error(K, mixed) <= 10 * np.sqrt(len(K)) * kappa**3 * U


@pytest.mark.parametrize("complex_numbers", [False, True])
def test_of_oblique_matrices_too_little_is_left_to_double_precision(complex_numbers):
    rng = np.random.default_rng(3)
    P = oblique(20, 8, 3.0)
    K = 0.8 * P + 0.25 * (np.eye(20) - P) + 1e-3 * rng.standard_normal(P.shape)
    K = K + 1e-3j * rng.standard_normal(P.shape) if complex_numbers else K
    alone, mixed = iterate(K), iterate(K, mixed=True)
    assert in_double(mixed) <= 12 < in_double(alone)
    assert error(K, mixed) <= 2 * error(K, alone)


@pytest.mark.parametrize("width", [1e-6, 1e-9])
def test_gaps_too_narrow_for_single_precision_are_done_in_double(width):
    K, plan = parted(width)
    alone, mixed = iterate(K, schedule=plan), iterate(K, schedule=plan, mixed=True)
    np.testing.assert_array_equal(mixed.value, alone.value)
    assert mixed.spectral is True
    assert alone.products < mixed.single <= 6 * alone.products  # it gives up early
    assert in_double(mixed) >= alone.products


def test_large_norms_are_done_in_double():
    K = oblique(20, 8, 1e3, 1)
    K = K + 1e-6 * np.random.default_rng(1).standard_normal(K.shape)
    mixed = iterate(K, mixed=True)
    assert mixed.converged
    np.testing.assert_array_equal(mixed.value, iterate(K).value)


def test_wrong_gaps_are_found_out():
    K, _ = parted(0.1)
    mixed = iterate(K, schedule=schedule(0.3, 0.35), mixed=True)
    assert mixed.status == Status.CONTRADICTED


def test_a_batch_with_one_that_does_not_converge():
    K = np.stack([with_spectrum([0.1, 0.9, 1.0]), 0.5 * np.eye(3), with_spectrum([0.2, 0.3, 0.7])])
    mixed = iterate(K, mixed=True)
    assert [s.value for s in mixed.status] == ["converged", "stalled", "converged"]
    np.testing.assert_array_equal(mixed.value, iterate(K).value)
    rest = iterate(K[[0, 2]], mixed=True)
    assert in_double(rest) < rest.products
    np.testing.assert_allclose(rest.value, mixed.value[[0, 2]], atol=1e-15)


def test_the_rows_are_those_of_the_run_that_was_taken():
    K = np.stack([with_spectrum([0.1, 0.2, 0.9]), with_spectrum([0.1, 0.5 - 1e-6, 0.9])])
    alone, mixed = iterate(K), iterate(K, mixed=True)
    np.testing.assert_array_equal(mixed.residuals, alone.residuals)
    np.testing.assert_array_equal(mixed.steps, alone.steps)
    assert mixed.products == alone.products + mixed.single
    few = iterate(np.diag([0.5 + 1e-4, 0.1]), mixed=True, max_steps=10)
    assert (few.status, few.steps) == (Status.MAX_STEPS, 10)


def test_scaled_matrices():
    K = with_spectrum([-3.0, 0.2, 0.8, 4.0])
    mixed = iterate(K, scale=True, mixed=True)
    assert mixed.spectral is True
    assert error(K, mixed) <= error(K, iterate(K, scale=True)) + 10 * U
    assert mixed.single


@pytest.mark.parametrize("planned", [True, False])
@pytest.mark.parametrize("library", ["torch", "strict", "jax"])
def test_libraries_agree(library, planned):
    K, plan = parted(0.1)
    plan = plan if planned else None
    alone = iterate(K, schedule=plan, mixed=True)
    jax.config.update("jax_enable_x64", True)
    wrap = {"torch": torch.from_numpy, "strict": array_api_strict.asarray, "jax": jax.numpy.asarray}[library]
    other = iterate(wrap(K), schedule=plan, mixed=True)
    np.testing.assert_allclose(np.asarray(other.value), alone.value, atol=1e-14)
    assert in_double(other) == in_double(alone) == 6


@pytest.mark.parametrize(
    ("arguments", "kind", "words"),
    [
        ({"mixed": "no"}, TypeError, "`mixed` must be True or False; got 'no'"),
        ({"relaxation": 0.5}, ValueError, "expected no relaxation of a mixed iteration; got 0.5"),
        (
            {"K": np.eye(2, dtype=np.float32)},
            TypeError,
            "float64 or complex128 numbers to be mixed; got float32",
        ),
    ],
)
def test_mistakes_are_named(arguments, kind, words):
    with pytest.raises(kind, match=words):
        iterate(**({"K": np.eye(2), "mixed": True} | arguments))
