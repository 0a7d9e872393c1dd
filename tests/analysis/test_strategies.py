from fractions import Fraction
from functools import reduce

import numpy as np
import pytest
from hypothesis import Phase, find, given, settings
from hypothesis import strategies as st

from analysis import batches, idempotents, images, near_idempotents
from analysis.csform import Arithmetic, perturbed, projector
from corrector import smoothstep

U = 2.0**-53

SHRINKING = (Phase.generate, Phase.shrink)
"""What finds the least example, also where broken copies are tested, which otherwise takes the first."""


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
    shrinking = settings(max_examples=2000, phases=SHRINKING, database=None)
    smallest = find(idempotents(), lambda P: round(np.trace(P)) >= 2, settings=shrinking)
    np.testing.assert_array_equal(smallest, np.eye(2))
    oblique = find(idempotents(), lambda P: not np.allclose(P, P.T), settings=shrinking)
    assert oblique.shape == (2, 2)
    assert oblique[1].tolist() == [0, 0]  # [[1, cot θ], [0, 0]], not rotated


@given(st.integers(1, 3), st.floats(1e-6, 0.1), st.data())
def test_near_idempotents_meet_the_premise(order, size, data):
    """The residual after one step is that of words with more than `order` letters D."""
    K = data.draw(near_idempotents(order=order, size=size))
    g = smoothstep(order).at_matrix(K)
    kappa = max(np.linalg.norm(K, 2), 1)
    assert np.linalg.norm(g @ g - g, 2) <= 2e3 * size ** (order + 1) * kappa + 1e-12 * kappa**4


@given(st.integers(0, 2**32 - 1), st.floats(1, 100), st.floats(1e-6, 1))
def test_a_word_with_k_perturbations_is_at_most_their_size_to_the_kth(seed, kappa, size):
    numbers = Arithmetic("real", seed)
    P = projector(numbers, 6, 3, [kappa])
    D = perturbed(numbers, P, kappa, size) - P
    for between in (P, np.eye(6) - P):
        for k in (1, 2, 3):
            word = reduce(lambda left, right: left @ between @ right, [D] * k)
            assert np.linalg.norm(word, 2) <= size**k * (1 + 1e-9)


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
    ({"field": "quaternion"}, "`field` must be 'real', 'complex' or 'rational'; got 'quaternion'"),
    ({"dtype": int}, "`dtype` must be one for real numbers; got int64"),
    ({"dtype": "float32", "field": "complex"}, "`dtype` must be one for complex numbers; got float32"),
    ({"dtype": "float64", "field": "rational"}, "`dtype` must be one for rational numbers; got float64"),
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


@given(idempotents(field="rational"))
def test_rational_twins_are_exactly_idempotent(P):
    assert all(type(entry) is Fraction for entry in P.flat)
    assert ((P @ P) == P).all()
    assert 0 <= P.trace() <= len(P)
    assert np.linalg.norm(P.astype(float), 2) <= 10 * (1 + 1e-9)


def test_rational_twins_are_oblique_and_turned_too():
    quiet = settings(max_examples=2000, database=None)
    P = find(
        idempotents(n=4, field="rational"), lambda P: (P != 0).all() and (P != P.T).any(), settings=quiet
    )
    assert (P @ P == P).all()


@given(st.integers(1, 3), st.floats(0.01, 5), st.sampled_from(["real", "complex", "rational"]), st.data())
def test_matrices_that_violate_have_a_residual_no_premise_allows(order, size, field, data):
    """(K² − K)^{n+1} = 0 where words vanish: its corner on the block is that of a chain of n + 2."""
    K = data.draw(near_idempotents(order=order, size=size, jordan=True, violating=True, field=field))
    power = reduce(np.matmul, [K @ K - K] * (order + 1))
    assert np.linalg.norm(power.astype(complex), 2) >= 0.9 * size ** (order + 1)


@given(st.integers(1, 3), st.floats(1e-6, 0.5), st.data())
def test_matrices_too_far_off_have_an_eigenvalue_no_premise_allows(order, size, data):
    K = data.draw(near_idempotents(order=order, size=size, violating=True))
    values = np.linalg.eigvals(K)
    assert np.abs(values**2 - values).max() > (3 * size + size**2) * (1 - 1e-6)
    power = np.linalg.matrix_power(K @ K - K, order + 1)
    assert np.linalg.norm(power, 2) > (3 * size + size**2) ** (order + 1) * (1 - 1e-6)


@given(st.integers(1, 3), st.data())
def test_exact_perturbations_meet_the_premise_exactly(order, data):
    K = data.draw(near_idempotents(order=order, size=2.0, jordan=True, field="rational"))
    assert not reduce(np.matmul, [K @ K - K] * (order + 1)).any()
    g = smoothstep(order).at_matrix(K)
    assert (g @ g == g).all()


def test_the_rank_asked_for_leaves_room_for_the_violation():
    K = find(near_idempotents(n=5, rank=1, jordan=True, violating=True), lambda _: True)
    assert round(np.trace(K)) == 1
    with pytest.raises(ValueError, match="room for 3 rows that violate; got 3, 1"):
        find(near_idempotents(n=3, rank=1, jordan=True, violating=True), lambda _: True)


@given(st.sampled_from(["float16", "float32", "float64"]), st.data())
def test_batches_are_of_their_shape_and_dtype(dtype, data):
    x = data.draw(batches((2, 3), dtype=dtype))
    assert x.dtype == dtype
    assert x.shape[1:] == (2, 3)
    assert 1 <= len(x) <= 8
    assert np.isfinite(x).all()


@given(images((3, 6, 5), size=2, low=-1, high=1))
def test_images_keep_to_their_range(x):
    assert x.shape == (2, 3, 6, 5)
    assert x.min() >= -1
    assert x.max() <= 1


def test_every_kind_of_input_is_drawn():
    quiet = settings(max_examples=500, database=None)
    find(batches(4), lambda x: np.abs(x).max() > 50, settings=quiet)
    find(batches(4, size=3), lambda x: 0 < np.ptp(x, axis=0).max() < 0.02 < np.abs(x).max(), settings=quiet)
    find(images((1, 8, 8)), lambda x: set(np.unique(x)) == {0, 1} and x[0, 0, 0, 0] == 1, settings=quiet)
    natural = find(images((1, 16, 16), size=1), lambda x: len(np.unique(x)) == 256, settings=quiet)
    assert natural.shape == (1, 1, 16, 16)
    np.testing.assert_array_equal(find(batches(2), lambda _: True), [[0, 0]])
    np.testing.assert_array_equal(find(images((1, 2, 2)), lambda _: True), np.zeros((1, 1, 2, 2)))


@pytest.mark.parametrize(
    ("strategy", "words"),
    [
        (lambda: batches(0), "lengths of at least 1"),
        (lambda: batches(2, size=0), "`size` must be at least 1"),
        (lambda: batches(2, scale=-1), "`scale` must be positive"),
        (lambda: images((28, 28)), r"a shape \(channels, height, width\)"),
        (lambda: images(low=1, high=0), "low < high"),
        (lambda: batches(2, dtype="int32"), "`dtype` must be a floating-point type of NumPy; got int32"),
        (lambda: batches(2, dtype="bfloat16"), "`dtype` must be a floating-point type of NumPy"),
        (lambda: images(dtype="uint8", high=300), "a dtype that holds pixels from 0.0 to 300; got uint8"),
        (lambda: near_idempotents(size=1e-17, violating=True), "for a violation to be seen; got 1e-17"),
        (lambda: near_idempotents(dtype="float16", violating=True), "`size` must be at least 0.062"),
        (lambda: near_idempotents(n=1, jordan=True, violating=True), "room for 3 rows that violate; got 1"),
    ],
)
def test_mistakes_about_inputs_are_named(strategy, words):
    with pytest.raises(ValueError, match=words):
        strategy()


def test_sizes_without_room_are_passed_over():
    sizes = st.integers(1, 5)
    quiet = settings(max_examples=50, phases=SHRINKING, database=None)
    assert len(find(idempotents(n=sizes, rank=4), lambda _: True, settings=quiet)) == 4
    assert (
        len(find(near_idempotents(n=sizes, jordan=True, violating=True), lambda _: True, settings=quiet)) == 3
    )
