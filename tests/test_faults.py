"""Every planted fault is found, and no sound twin accused."""

import pytest

from analysis import IdempotencyError, assert_idempotent
from tests.faults import FAULTS

FAINT = (
    "network-leak-of-1e-5",
    "network-layernorm-default-eps-in-float32",
    "network-weights-decayed-by-1e-5",
)
"""Relative errors of 10⁻⁵ in single precision: within the default tolerance, found once one is given."""


def given(fault):
    return None if fault.inputs is None else fault.inputs()


@pytest.mark.parametrize("fault", [fault for fault in FAULTS if str(fault) not in FAINT], ids=str)
def test_faults_are_found(fault):
    with pytest.raises(IdempotencyError):
        assert_idempotent(fault.broken(), given(fault))


@pytest.mark.parametrize("fault", [fault for fault in FAULTS if str(fault) in FAINT], ids=str)
def test_faint_faults_are_found_at_a_tolerance(fault):
    assert_idempotent(fault.broken(), given(fault))
    with pytest.raises(IdempotencyError):
        assert_idempotent(fault.broken(), given(fault), tolerance=1e-6)


@pytest.mark.parametrize("fault", FAULTS, ids=str)
def test_their_sound_twins_pass(fault):
    assert_idempotent(fault.sound(), given(fault))


def test_at_least_99_percent_are_found_in_default_settings():
    assert len(FAINT) <= 0.01 * len(FAULTS)
    assert (
        min(sum(fault.kind == kind for fault in FAULTS) for kind in ("matrix", "callable", "network")) >= 50
    )


def test_no_two_faults_have_one_name():
    assert len({str(fault) for fault in FAULTS}) == len(FAULTS)
