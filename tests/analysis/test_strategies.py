import numpy as np
import pytest
from hypothesis import find, given, settings
from hypothesis import strategies as st

from analysis import idempotents, near_idempotents
from corrector import smoothstep

U = 2.0**-53


@given(st.data())
def test_idempotents_are_what_was_asked_for(data):
    n = data.draw(st.integers(1, 7))
    rank = data.draw(st.integers(0, n))
    obliquity = data.draw(st.floats(1, 1e4))
    field = data.draw(st.sampled_from(["real", "complex"]))
    P = data.draw(idempotents(n=n, rank=rank, obliquity=obliquity, field=field))
    norm = np.linalg.norm(P, 2)
    assert P.shape == (n, n)
    assert np.isrealobj(P) == (field == "real")
    assert norm <= obliquity * (1 + 1e-12)
    assert np.linalg.norm(P @ P - P, 2) <= 50 * n * U * max(norm, 1) ** 2
    assert abs(np.trace(P) - rank) <= 50 * n * U * max(norm, 1)


@pytest.mark.parametrize("dtype", ["float16", "float32", "complex64"])
def test_dtypes(dtype):
    field = "complex" if dtype.startswith("c") else "real"
    for strategy in (idempotents(dtype=dtype, field=field), near_idempotents(dtype=dtype, field=field)):
        assert find(strategy, lambda K: K.dtype == dtype).dtype == dtype


def test_without_obliquity_projectors_are_orthogonal():
    @given(idempotents(obliquity=1))
    def symmetric(P):
        np.testing.assert_allclose(P, P.T, atol=1e-14)

    symmetric()


def test_every_kind_of_projector_is_drawn():
    quiet = settings(max_examples=2000, database=None)
    find(idempotents(), lambda P: len(P) == 8, settings=quiet)
    find(idempotents(obliquity=100), lambda P: np.linalg.norm(P, 2) > 50, settings=quiet)
    find(idempotents(n=4, rank=2), lambda P: (np.abs(P) > 0.01).all(), settings=quiet)


def test_examples_shrink_to_small_orthogonal_axis_aligned_ones():
    smallest = find(idempotents(), lambda P: round(np.trace(P)) >= 2)
    np.testing.assert_array_equal(smallest, np.eye(2))
    oblique = find(idempotents(), lambda P: not np.allclose(P, P.T))
    assert oblique.shape == (2, 2)
    assert oblique[1].tolist() == [0, 0]  # [[1, cot θ], [0, 0]], not rotated


@given(st.integers(1, 3), st.floats(1e-6, 0.1), st.data())
def test_near_idempotents_meet_the_premise(order, size, data):
    """The residual after one step is that of words with more than `order` letters D."""
    K = data.draw(near_idempotents(order=order, size=size))
    g = smoothstep(order).at_matrix(K)
    kappa = max(np.linalg.norm(K, 2), 1)
    assert np.linalg.norm(g @ g - g, 2) <= 2e3 * size ** (order + 1) * kappa + 1e-12 * kappa**4


@given(st.integers(1, 3), st.floats(0.1, 5), st.data())
def test_graded_perturbations_vanish_in_long_words(order, size, data):
    """A D as large as `size`, undone in one step; and in general not by a lower order."""
    K = data.draw(near_idempotents(order=order, size=size, jordan=True))
    g = smoothstep(order).at_matrix(K)
    scale = max(np.linalg.norm(K, 2), 1) ** (2 * order + 2)
    assert np.linalg.norm(g @ g - g, 2) <= 1e-12 * scale * smoothstep(order).products ** 4


def test_the_order_of_a_graded_perturbation_is_needed():
    def needs_two(K):
        g = smoothstep(1).at_matrix(K)
        return np.linalg.norm(g @ g - g) > 0.1

    K = find(
        near_idempotents(n=3, order=2, size=1.0, jordan=True), needs_two, settings=settings(max_examples=2000)
    )
    assert K.shape == (3, 3)


BAD = [
    ({"n": 0}, "`n` must be at least 1; got 0"),
    ({"n": 2, "rank": 3}, "between 0 and n = 2; got 3"),
    ({"n": 2, "rank": -1}, "between 0 and n = 2; got -1"),
    ({"obliquity": 0.5}, "`obliquity` must be a norm of at least 1"),
    ({"obliquity": float("nan")}, "`obliquity` must be a norm of at least 1"),
    ({"field": "rational"}, "`field` must be 'real' or 'complex'"),
]


@pytest.mark.parametrize(("arguments", "words"), BAD)
@pytest.mark.parametrize("strategy", [idempotents, near_idempotents])
def test_mistakes_are_named(strategy, arguments, words):
    with pytest.raises(ValueError, match=words):
        find(strategy(**arguments), lambda _: True)


@pytest.mark.parametrize("arguments", [{"order": 0}, {"size": 0}, {"size": -1.0}])
def test_mistakes_about_perturbations_are_named(arguments):
    with pytest.raises(ValueError, match="expected order >= 1 and size > 0"):
        find(near_idempotents(**arguments), lambda _: True)
