import dataclasses
import pickle
from fractions import Fraction
from functools import reduce
from itertools import permutations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from corrector import MCWEENY, Premise, negligible_words, smoothstep, words
from corrector.premise import MAX_ORDER
from tests.problems import members, oblique, rational_matrices
from tests.test_packages import loaded

GOLDEN_P, GOLDEN_D = [[1, 0], [1, 0]], [[0, 1], [0, 0]]
small = st.integers(-3, 3)


def names(order):
    """The words of `words.all_words` with the most letters D."""
    return [word for word in words.all_words(order + 1) if word.count("D") == order + 1]


def largest(word, P, D):
    """The naive twin of the sizes: letter by letter."""
    return abs(reduce(np.matmul, [{"P": P, "D": D}[letter] for letter in word])).max()


def sheared(draw, matrices, pairs):
    """T K T⁻¹ for each K, T a product of drawn shears I + t e_i e_jᵀ with (i, j) from pairs."""
    eye = np.eye(len(matrices[0]), dtype=object)
    for i, j in draw(st.lists(st.sampled_from(pairs), max_size=5)) if pairs else ():
        shear = np.zeros_like(eye)
        shear[i, j] = draw(small)
        matrices = [(eye + shear) @ K @ (eye - shear) for K in matrices]
    return matrices


@st.composite
def projectors(draw, m, pairs):
    bits = draw(st.lists(st.integers(0, 1), min_size=m, max_size=m))
    return sheared(draw, [np.diag(np.array(bits, dtype=object))], pairs)[0]


@st.composite
def splittings(draw):
    """A projector P and any D, exact."""
    D = draw(rational_matrices(3))
    return draw(projectors(len(D), list(permutations(range(len(D)), 2)))), D


@st.composite
def graded(draw, order):
    """P that keeps a flag of n + 1 steps and D that descends it: no word with n + 1 letters D survives."""
    level = draw(st.lists(st.integers(0, order), min_size=1, max_size=5))
    m = len(level)
    every = list(permutations(range(m), 2))
    D = np.zeros((m, m), dtype=object)
    for i, j in every:
        if level[i] < level[j]:
            D[i, j] = draw(small)
    P = draw(projectors(m, [(i, j) for i, j in every if level[i] <= level[j]]))
    return sheared(draw, [P, D], every)


@given(members(), st.data())
def test_where_the_premise_holds_exactly_one_step_is_exact(g, data):
    order = data.draw(st.integers(1, g.order))
    P, D = data.draw(graded(order))
    premise = negligible_words(P, D, order)
    assert premise.holds
    assert premise.definition
    assert premise.failing == ()
    assert premise.residual == 0
    corrected = g.at_matrix(P + D)
    assert np.array_equal(corrected @ corrected, corrected)


@given(st.integers(1, 3), st.data())
def test_what_holds_at_one_order_holds_at_the_next(order, data):
    P, D = data.draw(graded(order))
    assert negligible_words(P, D, order + 1).holds


@given(splittings(), st.integers(1, 3))
def test_words_and_sizes_are_those_of_naive_products(splitting, order):
    premise = negligible_words(*splitting, order)
    assert list(premise.sizes) == names(order)
    assert premise.sizes == {word: largest(word, *splitting) for word in names(order)}
    assert all(type(size) is Fraction for size in premise.sizes.values())


@given(splittings(), st.integers(1, 2), st.fractions(min_value=0, max_value=3))
def test_the_verdict_is_that_of_the_sizes(splitting, order, epsilon):
    premise = negligible_words(*splitting, order, epsilon)
    failing = tuple(word for word in names(order) if largest(word, *splitting) > epsilon)
    assert premise.failing == failing
    assert premise.holds == (not failing and premise.longer <= epsilon)
    assert premise.definition == ("D" * (order + 1) not in failing)


@given(splittings(), st.integers(1, 2), st.integers(1, 3))
def test_longer_words_stay_below_their_bound(splitting, order, more):
    premise = negligible_words(*splitting, order)
    assert all(
        largest(word, *splitting) <= premise.longer for word in names(min(order + more, 3 * order + 1))
    )


def test_a_longer_word_may_be_larger():
    """Words with two letters D are below ε here; DDD is 10⁵ times as large."""
    D = np.array([[0, 1e6], [1e-15, 0]])
    premise = negligible_words(np.zeros((2, 2)), D)
    assert premise.failing == ()
    assert not premise.holds
    assert np.abs(D @ D @ D).max() <= premise.longer
    assert "is not shown: longer words may reach 0.001" in str(premise)


@given(splittings(), st.integers(1, 2))
def test_the_residual_is_that_of_one_step(splitting, order):
    corrected = smoothstep(order).at_matrix(sum(splitting))
    assert negligible_words(*splitting, order).residual == abs(corrected @ corrected - corrected).max()


@given(splittings(), st.integers(1, 3))
def test_a_word_counts_as_often_as_d_is_scaled(splitting, order):
    P, D = splitting
    once, twice = negligible_words(P, D, order), negligible_words(P, 2 * D, order)
    assert twice.sizes == {word: 2 ** (order + 1) * size for word, size in once.sizes.items()}


@given(st.integers(1, 4), st.integers(0, 99))
def test_a_perturbation_along_the_projectors_meets_the_premise_at_once(order, seed):
    # The tangent space at P: D = PX(I − P) leaves no word with two letters D.
    rng = np.random.default_rng(seed)
    P = np.round(rng.standard_normal((5, 2)))
    P = np.hstack([np.eye(5)[:, :2] + np.vstack([np.zeros((2, 2)), P[2:]]), np.zeros((5, 3))])
    X = np.round(3 * rng.standard_normal((5, 5)))
    assert negligible_words(P, P @ X @ (np.eye(5) - P), order).holds


def test_the_golden_ratio_meets_the_definition_but_not_the_premise():
    premise = negligible_words(GOLDEN_P, GOLDEN_D)
    assert premise.definition
    assert not premise.holds
    assert premise.failing == ("DPD", "DPDP", "PDPD", "PDPDP")
    assert premise.residual == 1
    K = np.array(GOLDEN_P, dtype=object) + np.array(GOLDEN_D, dtype=object)
    mirrored = np.eye(2, dtype=int) - K
    assert np.array_equal(MCWEENY.at_matrix(K), mirrored)
    assert np.array_equal(MCWEENY.at_matrix(mirrored), K)


@given(st.integers(1, 4))
def test_the_definition_can_hold_at_any_order_while_the_premise_fails(order):
    # D nilpotent of n + 1 steps, and a P that brings e₀ back to the far end.
    D = np.eye(order + 1, k=1, dtype=int).tolist()
    P = np.zeros((order + 1, order + 1), dtype=int)
    P[:, 0] = 1
    premise = negligible_words(P.tolist(), D, order)
    assert premise.definition
    assert not premise.holds


integer_splittings = st.builds(
    lambda P, D: (P, np.array(D).reshape(3, 3)),
    projectors(3, list(permutations(range(3), 2))),
    st.lists(small, min_size=9, max_size=9),
)


@given(integer_splittings, st.integers(1, 3), st.sampled_from(["float64", "complex128"]))
def test_all_kinds_of_arrays_agree(splitting, order, dtype):
    P, D = splitting
    exact = negligible_words(P, D.astype(object), order)
    turn = 1j if dtype == "complex128" else 1  # D and iD have words of the same sizes
    P, D = P.astype(dtype), turn * D.astype(dtype)
    for premise in (
        negligible_words(P, D, order),
        negligible_words(torch.from_numpy(P), torch.from_numpy(D).requires_grad_(), order),
        negligible_words(P.real.astype(int).tolist(), D, order),
        negligible_words(P.real, D, order),
    ):
        assert premise.sizes == exact.sizes  # small whole numbers: no rounding
        assert premise.failing == exact.failing
        assert all(type(size) is float for size in premise.sizes.values())


@pytest.mark.parametrize(
    ("dtype", "epsilon"),
    [(torch.float32, 2.0**-12), (torch.float64, 2.0**-26.5), (torch.complex64, 2.0**-12)],
)
def test_negligible_is_what_the_next_step_squares_to_round_off(dtype, epsilon):
    P = torch.tensor([[1, 0], [0, 0]], dtype=dtype)
    premise = negligible_words(P, 0 * P)
    assert premise.epsilon == pytest.approx(epsilon)
    assert negligible_words([[1]], [[0]]).epsilon == 0


def test_matrices_of_two_precisions_are_worked_with_in_the_higher():
    P, D = np.eye(2, dtype=np.float32), np.full((2, 2), 1e-3)
    assert negligible_words(P, D).epsilon == 2.0**-26.5
    assert negligible_words(P, [[Fraction(1, 1000)] * 2] * 2).epsilon == 2.0**-12


@pytest.mark.parametrize("norm", [1.0 + 1e-9, 10.0, 1e3])
@pytest.mark.parametrize("m", [2, 24, 100])
def test_projectors_correct_to_round_off_are_taken_for_projectors(m, norm):
    P = oblique(m, m // 2, norm)
    assert negligible_words(P, 0 * P).holds
    with pytest.raises(ValueError, match="`P` must be idempotent"):
        negligible_words(P + 1e-3, 0 * P)


def test_the_inputs_stay_as_they_are():
    P, D = oblique(4, 2, 2.0), np.full((4, 4), 1e-3)
    before = P.copy(), D.copy()
    negligible_words(P, D)
    assert np.array_equal(P, before[0])
    assert np.array_equal(D, before[1])


def test_numpys_integers_do_not_overflow_among_exact_numbers():
    D = np.full((1, 1), None, dtype=object)
    D[0, 0] = np.int64(2**62)
    assert negligible_words([[1]], D).sizes["DD"] == 2**124


def test_what_is_too_large_for_its_dtype_is_not_negligible():
    premise = negligible_words(np.diag([1.0, 0.0]), np.full((2, 2), 1e200), 2)
    assert premise.failing == tuple(names(2))
    assert "inf" in str(premise)


def test_the_greatest_order_is_that_of_the_words():
    assert words.MAX_ORDER == MAX_ORDER
    premise = negligible_words(GOLDEN_P, GOLDEN_D, MAX_ORDER)
    assert list(premise.sizes) == names(MAX_ORDER)


def test_a_premise_reads_as_a_table_and_a_verdict():
    nilpotent = [[0, 1, 0], [0, 0, 1], [0, 0, 0]]
    zero = np.zeros((3, 3), dtype=int).tolist()
    *rows, verdict = str(negligible_words(zero, nilpotent)).splitlines()[1:]
    assert rows[0].split() == ["DD", "1", "not", "negligible"]
    assert rows[1].split() == ["DDP", "0"]
    assert "fails with 1 of 8 words, D^2 among them" in verdict
    holding = str(negligible_words(zero, nilpotent, 2)).splitlines()
    assert holding[-1] == "The premise of order 2 holds; one step leaves the residual 0."
    large = [[Fraction(10) ** 400]]
    assert str(negligible_words([[1]], large, 3)).splitlines()[1].split()[:2] == ["DDDD", "1.00e+1600"]
    assert "and 16 words no larger" in str(negligible_words(GOLDEN_P, GOLDEN_D, 3))


def test_a_premise_is_a_value():
    premise = negligible_words(GOLDEN_P, GOLDEN_D)
    assert pickle.loads(pickle.dumps(premise)) == premise
    assert len({premise, negligible_words(GOLDEN_P, GOLDEN_D)}) == 1
    assert isinstance(premise, Premise)
    with pytest.raises(dataclasses.FrozenInstanceError):
        premise.epsilon = 1


EYE = np.eye(2)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (([[1, 1], [1, 0]], GOLDEN_D), ValueError, "idempotent: .* must be at most 0; got 1"),
        ((0.9 * EYE, EYE), ValueError, "idempotent: .* must be at most 3.6e-15; got 0.09"),
        ((EYE, np.eye(3)), ValueError, r"`P` and `D` must have one shape; got \(2, 2\) and \(3, 3\)"),
        ((np.ones((2, 3)), EYE), ValueError, r"`P` must be square in its last two axes; got \(2, 3\)"),
        ((EYE, np.ones(2)), ValueError, r"`D` must be square in its last two axes; got \(2,\)"),
        ((EYE[None], EYE[None]), ValueError, r"`P` must be one matrix of at least 1 by 1; got \(1, 2, 2\)"),
        ((np.zeros((0, 0)), EYE), ValueError, r"`P` must be one matrix of at least 1 by 1; got \(0, 0\)"),
        ((EYE, EYE * np.nan), ValueError, "`D` must be finite; got an entry that is nan or infinite"),
        ((EYE, EYE, 0), ValueError, "`order` must be at least 1; got 0"),
        ((EYE, EYE, 9), ValueError, r"`order` must be at most 8, .*; got 9"),
        ((EYE, EYE, 1.0), TypeError, "`order` must be an integer; got float"),
        ((EYE, EYE, 1, -1), ValueError, "`epsilon` must be at least 0; got -1"),
        ((EYE, EYE, 1, np.nan), ValueError, "`epsilon` must be at least 0; got nan"),
        ((EYE, EYE, 1, "0"), TypeError, "`epsilon` must be a real number; got str '0'"),
        ((EYE, 1), TypeError, "`D` must be an array or nested lists; got int"),
        ((EYE, EYE.astype(object)), TypeError, "`D` must hold ints and Fractions alone"),
        ((EYE, torch.eye(2)), TypeError, "Multiple namespaces"),
    ],
)
def test_what_is_no_splitting_is_refused(arguments, error, message):
    with pytest.raises(error, match=message):
        negligible_words(*arguments)


def test_it_loads_neither_sympy_nor_torch():
    code = "from corrector import negligible_words; negligible_words([[1]], [[0]])"
    assert not loaded(code) & {"sympy", "torch", "matplotlib", "hypothesis"}
