import random
import unicodedata
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from torch import nn

from analysis import assert_idempotent, idempotents
from tests.problems import oblique

vectors = arrays(np.float64, st.integers(1, 5), elements=st.floats(-5, 5))


@given(
    idempotents(obliquity=1e4)
    | idempotents(obliquity=1e4, field="complex")
    | idempotents(obliquity=50, dtype="float32")
    | idempotents(obliquity=5, dtype="float16")
)
def test_true_projectors_pass(P):
    assert_idempotent(P)
    assert_idempotent(torch.from_numpy(P))


@given(idempotents(n=st.integers(2, 6), obliquity=100), st.floats(1e-8, 1), st.booleans())
def test_faults_of_any_size_above_rounding_are_found(P, size, scaled):
    if not P.any():
        return
    with pytest.raises(AssertionError, match="expected K² = K"):
        assert_idempotent(P * (1 + size) if scaled else P + size * np.linalg.norm(P, 2) ** 2 * np.eye(len(P)))


@given(idempotents(n=st.integers(2, 6), obliquity=1), st.floats(1e-13, 1e-12))
def test_orthogonal_projectors_may_be_off_by_no_more_than_rounding(P, size):
    with pytest.raises(AssertionError, match="expected K² = K"):
        assert_idempotent(P + size * np.eye(len(P)))


def test_exact_matrices_are_judged_exactly():
    assert_idempotent([[Fraction(1, 2), Fraction(1, 2)], [Fraction(1, 2), Fraction(1, 2)]])
    with pytest.raises(AssertionError, match="exactly"):
        assert_idempotent([[1, 0], [0, Fraction(10**30 + 1, 10**30)]])


def test_in_a_batch_the_bad_matrix_is_named():
    K = np.stack([np.eye(2), np.diag([1, 0.5])])
    with pytest.raises(AssertionError, match=r"of matrix \(1,\)"):
        assert_idempotent(K)


def test_the_tolerance_can_be_given():
    assert_idempotent(np.diag([1.0, 1e-3]), tolerance=1e-2)
    with pytest.raises(AssertionError):
        assert_idempotent(oblique(5, 2, 3.0), tolerance=1e-30)


@pytest.mark.parametrize(
    ("f", "inputs"),
    [
        (str.strip, st.text()),
        (sorted, st.lists(st.integers())),
        (lambda s: unicodedata.normalize("NFC", s), st.text()),
        (abs, st.integers()),
        (lambda x: np.clip(x, -1, 1), vectors),
        (lambda x: x - x.mean(), vectors),
        (lambda x: x - x.mean(), [np.full(3, 0.1), 1e6 + np.arange(5.0)]),
        (lambda d: {"x": d["x"] / np.linalg.norm(d["x"])}, [{"x": np.array([1.0, 2, 4])}]),
        (lambda v: [a / sum(v) for a in v], [[0.1, 0.7, 3.3]]),
        (lambda t: (t[0].relu(),), [(torch.randn(3, requires_grad=True),)]),
        (torch.relu, [torch.randn(3, 4) for _ in range(5)]),
        (nn.ReLU(), [torch.randn(3)]),
        (lambda x: np.round(x), [np.array([0.4, 1.6]), np.array([np.nan])]),
        (lambda d: {"x": d["x"].clip(0)}, [{"x": np.arange(-2, 3)}]),
        (
            lambda df: df.drop_duplicates().sort_values("a").reset_index(drop=True),
            [pd.DataFrame({"a": [2, 1, 2]})],
        ),
    ],
)
def test_idempotent_functions_pass(f, inputs):
    assert_idempotent(f, inputs)


@pytest.mark.parametrize("kappa", [1, 1e2, 1e3, 1e4])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_multiplying_by_a_projector_is_idempotent(kappa, dtype):
    if kappa**2 * np.finfo(dtype).eps > 1e-3:
        return
    P = oblique(6, 3, kappa).astype(dtype)
    rng = np.random.default_rng(0)
    assert_idempotent(lambda x: P @ x, [rng.standard_normal(6).astype(dtype) for _ in range(200)])
    with pytest.raises(AssertionError, match="mathematics"):
        assert_idempotent(lambda x: (P @ x) * dtype(1.01), [np.ones(6, dtype)])


def in_place(x):
    x += 1
    return x


def halving_in_place(x):
    # Passes every naive check: f(f(x)) and f(x) are the same object.
    x *= 0.5
    return x


class Remembering:
    def __init__(self):
        self.calls = 0

    def __call__(self, x):
        self.calls += 1
        return x * 0 + self.calls


class Buffered:
    """Hands out one buffer: comparing f(x) with f(f(x)) compares it with itself."""

    def __init__(self):
        self.buffer = np.zeros(2)

    def __call__(self, x):
        self.buffer[...] = x / 2
        return self.buffer


@pytest.mark.parametrize(
    ("f", "inputs", "law"),
    [
        (lambda x: x + 1, [1], r"expected f\(f\(x\)\) = f\(x\)"),
        (lambda s: s[1:], st.text(), r"expected f\(f\(x\)\) = f\(x\)"),
        (lambda x: x * 0.999, vectors, "mathematics"),
        (in_place, [np.zeros(2)], "leaves its input alone"),
        (halving_in_place, [np.ones(2)], "leaves its input alone"),
        (halving_in_place, [torch.ones(2)], "leaves its input alone"),
        (lambda x: random.random(), [0.0], "two calls differ"),
        (Remembering(), [np.ones(2)], "two calls differ"),
        (Buffered(), [np.ones(2)], r"expected f\(f\(x\)\) = f\(x\)"),
        (nn.Dropout(), [torch.ones(50)], "two calls differ"),
        (lambda x: x[:-1], [np.ones(3)], "has the kind"),
        (
            lambda x: x.astype("float32") if x.dtype == "float64" else x.astype("float16"),
            [np.ones(3)],
            "has the kind",
        ),
        (lambda x: x + 1e-6 if abs(x) < 1 else x, [0.5], r"f\(f\(x\)\) = f\(x\)"),
    ],
)
def test_broken_laws_are_found_and_named(f, inputs, law):
    with pytest.raises(AssertionError, match=law) as caught:
        assert_idempotent(f, inputs)
    assert "reproduce with x = " in str(caught.value)


def test_counterexamples_are_shrunk():
    def clipped_too_late(x):
        return np.where(x > 2, x - 1, x)

    with pytest.raises(AssertionError, match=r"reproduce with x = np.array\(\[(3|4)\.?\d*\]\)"):
        assert_idempotent(clipped_too_late, arrays(np.float64, st.integers(1, 5), elements=st.floats(-9, 9)))


@pytest.mark.parametrize(
    ("subject", "inputs", "error", "words"),
    [
        (abs, None, ValueError, "`inputs` must be given"),
        (abs, [], ValueError, "at least one input; got none"),
        (np.eye(2), [1], TypeError, "must be a function to take inputs; got ndarray"),
        (np.eye(2), None, ValueError, "`tolerance` must be a number of at least 0; got -1"),
        (3.0, None, TypeError, "array or nested lists; got float"),
        (np.ones((2, 3)), None, ValueError, "square"),
        (np.array([[np.nan]]), None, ValueError, "finite"),
    ],
)
def test_mistakes_are_named(subject, inputs, error, words):
    tolerance = -1 if "tolerance" in words else None
    with pytest.raises(error, match=words):
        assert_idempotent(subject, inputs, tolerance=tolerance)
