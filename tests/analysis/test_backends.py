"""Whatever speaks the array API goes in and comes out: strictly, immutably, and with NumPy's numbers."""

import array_api_compat.torch
import array_api_strict
import jax
import jax.numpy
import numpy as np
import pytest
import torch

from analysis import Status, certify, iterate, schedule, spectral_projector
from corrector import smoothstep
from corrector.arithmetic import Elements, Matrices, arithmetic_of, is_hermitian
from tests.problems import oblique, with_spectrum
from tests.truth import spectral_distance

jax.config.update("jax_enable_x64", True)

LIBRARIES = {"strict": array_api_strict.asarray, "jax": jax.numpy.asarray, "torch": torch.from_numpy}
SYMMETRIC = with_spectrum([0.05, 0.2, 0.75, 0.9, 1.0])
NEAR = oblique(6, 2, 3.0) + 1e-3
BATCH = np.stack([NEAR, 0.5 * np.eye(6), np.diag([7.0, 0, 0, 0, 0, 0]), np.eye(6)])
CASES = {
    "oblique": lambda to: iterate(to(NEAR)),
    "symmetric": lambda to: iterate(to(SYMMETRIC), smoothstep(2)),
    "complex": lambda to: iterate(to(NEAR + 1e-4j * NEAR)),
    "single": lambda to: iterate(to(NEAR.astype(np.float32))),
    "batch": lambda to: iterate(to(BATCH.reshape(2, 2, 6, 6)), relaxation=0.7),
    "scaled": lambda to: iterate(to(5 * SYMMETRIC), scale=True),
    "schedule": lambda to: iterate(to(SYMMETRIC), schedule=schedule(0.3, 0.7)),
    "spectral": lambda to: spectral_projector(to(np.array([[-0.5, 3.0], [0.0, 0.9]]))),
    "symmetric spectral": lambda to: spectral_projector(to(SYMMETRIC)),
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("library", LIBRARIES)
def test_every_library_gives_the_same(library, case):
    to = LIBRARIES[library]
    found, expected = CASES[case](to), CASES[case](np.asarray)
    assert type(found.value) is type(to(np.eye(1)))
    value = np.asarray(found.value)
    assert value.dtype == expected.value.dtype
    np.testing.assert_allclose(value, expected.value, atol=1e-5 if case == "single" else 1e-12)
    assert np.array_equal(found.status, expected.status)
    assert np.array_equal(found.steps, expected.steps)
    assert found.products == expected.products
    assert np.array_equal(found.spectral, expected.spectral)


def test_the_batch_is_one_of_every_kind():
    assert set(CASES["batch"](np.asarray).status.flat) == {
        Status.CONVERGED,
        Status.STALLED,
        Status.DIVERGED,
    }


@pytest.mark.parametrize("library", LIBRARIES)
def test_certificates_are_the_same(library):
    certificate = certify(LIBRARIES[library](NEAR))
    assert certificate.holds
    assert certificate.rank == certify(NEAR).rank
    assert certificate.radius == pytest.approx(certify(NEAR).radius)
    assert is_hermitian(LIBRARIES[library](SYMMETRIC)).all()


def test_certificates_are_of_double_precision_where_a_library_has_only_single():
    K = np.array([[0.1, 0.3], [0.3, 0.9]], dtype=np.float32)
    jax.config.update("jax_enable_x64", False)
    try:
        certificate = certify(jax.numpy.asarray(K))
    finally:
        jax.config.update("jax_enable_x64", True)
    assert certificate == certify(K)
    assert certificate.radius >= np.linalg.norm(spectral_distance(K.astype(float))[1], 2)


@pytest.mark.parametrize("dtype", [np.float16, np.longdouble, np.clongdouble])
def test_half_and_extended_precision_are_refused(dtype):
    for call in (iterate, certify, spectral_projector):
        with pytest.raises(TypeError, match="float32, float64, complex64, complex128 numbers; got"):
            call(np.eye(2, dtype=dtype))


class OutOfMemoryError(RuntimeError):
    pass


@pytest.mark.parametrize("function", ["cholesky", "inv"])
def test_what_a_device_lacks_is_not_taken_for_mathematics(monkeypatch, function):
    def fail(*_, **__):
        raise OutOfMemoryError("out of memory")

    monkeypatch.setattr(array_api_compat.torch.linalg, function, fail)
    with pytest.raises(OutOfMemoryError):
        spectral_projector(torch.tensor([[-0.5, 3.0], [0.0, 0.9]], dtype=torch.float64))


def test_what_cannot_be_written_to_goes_by_operators():
    assert isinstance(arithmetic_of(jax.numpy.eye(3), hermitian=True), Elements)
    assert isinstance(arithmetic_of(torch.eye(3)), Matrices)


@pytest.mark.parametrize("library", LIBRARIES)
def test_what_is_not_finite_or_whole_is_refused(library):
    to = LIBRARIES[library]
    with pytest.raises(ValueError, match="must be finite; got 1 entries"):
        iterate(to(np.array([[np.nan]])))
    with pytest.raises(TypeError, match="floating-point numbers; got"):
        iterate(to(np.eye(2, dtype=np.int64)))
    with pytest.raises(ValueError, match="square in its last two axes"):
        iterate(to(np.ones((2, 3))))


@pytest.mark.parametrize(
    "layout",
    [
        np.asfortranarray,
        lambda K: np.repeat(np.repeat(K, 2, 0), 2, 1)[::2, ::2],
        lambda K: K[::-1, ::-1][::-1, ::-1],
        lambda K: np.lib.stride_tricks.as_strided(K, writeable=False),
        lambda K: K.astype(">f8"),
    ],
    ids=["Fortran", "strided", "reversed", "read-only", "big-endian"],
)
def test_any_layout_is_read_and_none_is_changed(layout):
    for K in (NEAR, SYMMETRIC):
        given = layout(K)
        for run in (iterate, certify, spectral_projector):
            run(given)
        np.testing.assert_allclose(iterate(given).value, iterate(K).value, atol=1e-14)
        assert np.array_equal(given, K)
