"""Which matrices a corrector fixes, and the Jordan blocks of a matrix: laws, twins and the paper's error."""

import re
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
import scipy.linalg
from flint import fmpq, fmpq_mat
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from pylatexenc.latexwalker import LatexWalker

from analysis import (
    admits_block,
    at_jordan_block,
    block_structure,
    fixed_points,
    idempotents,
    is_fixed,
    iterate,
    jordan_conditions,
    minimal_polynomial,
)
from analysis.matrices import _PRIME
from analysis.typesetting import fixed_point_parts
from corrector import MCWEENY, Corrector, Polynomial, smoothstep
from corrector.typesetting import as_latex, as_text
from tests.problems import (
    any_correctors,
    compiled,
    hidden_by,
    jordan,
    members,
    needs_pdflatex,
    oblique,
    of_structure,
    rational_matrices,
    rationals,
    smoothsteps,
)

IDENTITY = Corrector((1,))
X = Polynomial((0, 1))
# S₁ + (4 − 5x/4)·x²(1 − x)² has order 1; g(2) = −4 + 3/2·4 = 2 and g'(2) = −12 + 3/2·12 − 5/4·4 = 1.
DOUBLE = MCWEENY + X**2 * (1 - X) ** 2 * Polynomial((4, "-5/4"))
# x + x(x² − 2)³ fixes blocks of size 3 at ±√2.
ROOTS_OF_TWO = Corrector((X * (X**2 - 2) ** 3 + X).coefficients[1:])

SQUARE_ROOT = np.array([[0, 2], [1, 0]])
"""Of two: no exact matrix has one of its eigenvalues ±√2 without the other."""

correctors = any_correctors.filter(lambda g: g != IDENTITY)
sizes = st.integers(1, 4)


@st.composite
def with_a_block(draw):
    """A corrector with g(x) − x divisible by (x − λ)^k, that λ and k."""
    value, k = draw(rationals), draw(sizes)
    factor = draw(st.lists(rationals, min_size=1, max_size=3).filter(any).map(Polynomial))
    return Corrector((X + X * (X - value) ** k * factor).coefficients[1:]), value, k


@st.composite
def structures(draw, values=(0, Fraction(1, 2), 1, -2)):
    """Block sizes by eigenvalue, the largest first."""
    partition = st.lists(st.integers(1, 3), min_size=1, max_size=3).map(lambda s: tuple(sorted(s)[::-1]))
    return draw(st.dictionaries(st.sampled_from(values), partition, min_size=1, max_size=3))


def hidden(J, seed, denominator=1):
    """J behind a random rational change of basis."""
    rng = np.random.default_rng(seed)
    m = len(J)
    B = fmpq_mat(m, m)
    while not B.det():
        entries = zip(rng.integers(-3, 4, m * m), rng.integers(1, denominator + 1, m * m), strict=True)
        B = fmpq_mat(m, m, [fmpq(int(a), int(b)) for a, b in entries])
    inner = fmpq_mat(m, m, [fmpq(x.numerator, x.denominator) for x in J.flat])
    return np.array([[Fraction(int(x.p), int(x.q)) for x in row] for row in (B * inner * B.inv()).tolist()])


def exact_jordan(value, size):
    return of_structure({value: (size,)})


# The paper's error


def test_the_size_of_the_largest_block_counts_and_not_the_multiplicity():
    """The paper asks for the algebraic multiplicity, and geometric multiplicity 1: neither is so."""
    identity, projector, defective = np.eye(3, dtype=int), np.diag([1, 1, 0]), [[1, 1], [0, 1]]
    assert [b.sizes for b in block_structure(identity).blocks] == [(1, 1, 1)]  # multiplicity 3
    assert not admits_block(MCWEENY, 1, 3)  # what the paper would ask
    assert is_fixed(MCWEENY, identity)
    assert is_fixed(MCWEENY, projector)
    assert [b.sizes for b in block_structure(defective).blocks] == [(2,)]
    assert not is_fixed(MCWEENY, defective)


@pytest.mark.parametrize("n", range(1, 13))
def test_every_fixed_matrix_of_a_smoothstep_is_diagonalisable(n):
    conditions = jordan_conditions(smoothstep(n), 2)
    assert conditions.divisor == Polynomial((1,))
    assert conditions.solutions == ()


def test_not_so_for_every_member_of_the_family():
    assert DOUBLE.order == 1
    assert DOUBLE.degree == 5
    (point,) = jordan_conditions(DOUBLE, 2).solutions
    assert (point.exact, point.largest_block, point.kind) == (2, 2, "neutral")
    K = hidden(of_structure({2: (2, 1), 0: (1,), 1: (1, 1)}), seed=3)
    assert not block_structure(K).diagonalisable
    assert is_fixed(DOUBLE, K)
    assert (DOUBLE.at_matrix(K) == K).all()
    assert not is_fixed(DOUBLE, hidden(of_structure({2: (3,)}), seed=3))
    assert not is_fixed(DOUBLE, hidden(of_structure({1: (2,)}), seed=3))


# What g fixes


@given(with_a_block(), sizes, st.booleans())
def test_three_ways_to_say_that_a_block_is_fixed(planted, size, elsewhere):
    g, value, k = planted
    value += Fraction(1, 7) if elsewhere else 0
    J = exact_jordan(value, size)
    assert admits_block(g, value, size) == is_fixed(g, J) == (at_jordan_block(g, value, size) == J).all()
    if not elsewhere:
        assert admits_block(g, value, k)


@given(correctors, sizes)
def test_conditions_are_the_equations_and_their_common_solutions(g, block):
    conditions = jordan_conditions(g, block)
    naive = [g - X, g.derivative() - 1, *(g.derivative(i) for i in range(2, block))][:block]
    assert list(conditions.polynomials) == naive[: max(g.degree, 1) + 1]
    points = fixed_points(g)
    assert set(conditions.solutions) == {p for p in points if p.largest_block >= block}
    degree = sum(max(p.multiplicity - block + 1, 0) for p in points)
    assert conditions.divisor.degree == degree
    assert conditions.divisor.coefficients[-1] == 1
    for p in conditions.solutions:
        if p.exact is not None:
            assert not any(q(p.exact) for q in conditions.polynomials)
            assert admits_block(g, p.exact, block)


@given(with_a_block(), sizes)
def test_floating_values_stand_for_the_nearest_fixed_point(planted, block):
    g, value, _ = planted
    assume(min((abs(p.value - value) for p in fixed_points(g) if p.exact != value), default=1) > 1e-6)
    exact = admits_block(g, value, block)
    assert admits_block(g, float(value), block) == exact
    assert admits_block(g, complex(value) + 1e-10j, block) == exact
    assert not admits_block(g, complex(value) + 1e-8j * max(1, abs(value)), block)


def test_irrational_values():
    for p in fixed_points(ROOTS_OF_TWO):
        assert admits_block(ROOTS_OF_TWO, p, p.multiplicity)
        assert not admits_block(ROOTS_OF_TWO, p, p.multiplicity + 1)
    assert admits_block(ROOTS_OF_TWO, -(2**0.5), 3)
    assert not admits_block(ROOTS_OF_TWO, 1.4142, 1)
    two_blocks = np.kron(np.eye(2, dtype=int), SQUARE_ROOT) + np.eye(4, k=2, dtype=int)
    assert is_fixed(ROOTS_OF_TWO, two_blocks)
    assert not is_fixed(DOUBLE, two_blocks)


def test_everything_is_fixed_by_the_identity():
    assert is_fixed(IDENTITY, [[1, 2], [3, 4]])
    assert is_fixed(IDENTITY, np.array([[1.0, 2.0], [3.0, 4.0]]))
    assert admits_block(IDENTITY, 3, 5)
    assert admits_block(IDENTITY, 3.1j, 5)
    with pytest.raises(ValueError, match="other than the identity"):
        jordan_conditions(IDENTITY, 1)


@given(correctors, rational_matrices())
@example(MCWEENY, np.array([[0, 1], [0, 1]], dtype=object))
@settings(max_examples=50)
def test_is_fixed_is_what_evaluation_says(g, K):
    assert is_fixed(g, K) == (g.at_matrix(K) == K).all()


@given(structures(), st.integers(0, 99))
def test_fixed_matrices_behind_a_change_of_basis(structure, seed):
    """Of g(x) = x + xΠ(x − λ)^k for the largest blocks k: fixed, and not with any k one less."""
    K = hidden(of_structure(structure), seed)
    largest = {value: max(blocks) for value, blocks in structure.items()}
    for spoiled in (None, *largest):
        product = Polynomial((1,))
        for value, k in largest.items():
            product = product * (X - value) ** (k - (value == spoiled))
        others = [value for value in (3, 5) if value not in structure]
        g = Corrector((X + product * (X - others[0]) * X).coefficients[1:])
        expected = spoiled is None or (spoiled == 0 and largest[0] > 0)
        assert is_fixed(g, K) == expected


@given(rational_matrices(max_size=5))
def test_the_minimal_polynomial_is_monic_annihilates_and_is_least(K):
    mu = minimal_polynomial(K)
    assert mu.coefficients[-1] == 1
    powers = [np.linalg.matrix_power(K, i) for i in range(mu.degree + 1)]
    assert not sum((c * p for c, p in zip(mu.coefficients, powers, strict=True)), 0 * K).any()
    entries = [fmpq(x.numerator, x.denominator) for p in powers[:-1] for x in map(Fraction, p.flat)]
    assert fmpq_mat(mu.degree, K.size, entries).rank() == mu.degree


@pytest.mark.parametrize(
    ("K", "fixed"),
    [
        ([[_PRIME]], False),  # 0 modulo the prime, and 0 is fixed
        ([[Fraction(1, _PRIME)]], False),
        ([[_PRIME + 1, 0], [0, 0]], False),
        ([[Fraction(1, 2), _PRIME], [0, 1]], True),
    ],
)
def test_no_prime_is_trusted(K, fixed):
    assert is_fixed(MCWEENY, K) is fixed
    corrector = Corrector((X * (X - Fraction(1, _PRIME)) + X).coefficients[1:])
    assert is_fixed(corrector, [[Fraction(1, _PRIME), 0], [0, 0]])


@pytest.mark.parametrize("denominator", [1, 9])
def test_dense_rational_matrices_of_64_rows(denominator):
    """Their times are in tests/benchmarks/analysis.py."""
    diagonal = {0: (1,) * 21, Fraction(1, 2): (1,) * 21, 1: (1,) * 22}
    assert is_fixed(smoothstep(8), hidden(of_structure(diagonal), 0, denominator))
    defective = {0: (1,) * 21, Fraction(1, 2): (1,) * 21, 1: (2,) + (1,) * 20}
    assert not is_fixed(smoothstep(8), hidden(of_structure(defective), 0, denominator))


@given(st.one_of(members(), smoothsteps), idempotents(obliquity=1e4))
def test_rounded_projectors_are_fixed_up_to_roundoff(g, P):
    assert is_fixed(g, P)
    assert is_fixed(g, P.astype(np.float32))


@given(st.integers(1, 8), st.floats(1, 30), st.integers(0, 99), st.sampled_from([1e-6, 1e-3, 0.1]))
@settings(max_examples=50)
def test_what_is_not_fixed_is_told_from_rounding(n, norm, seed, size):
    """One eigenvalue 1 becomes 1 + size/norm."""
    P = oblique(6, 3, norm, seed)
    assert not is_fixed(smoothstep(n), P + size * P / norm)


def test_limits_of_iteration_are_fixed():
    K = oblique(8, 4, 30.0) + 1e-4 * np.random.default_rng(0).standard_normal((8, 8))
    assert not is_fixed(MCWEENY, K)
    assert is_fixed(MCWEENY, iterate(K).value)
    assert not is_fixed(MCWEENY, np.full((2, 2), 1e200))
    assert is_fixed(MCWEENY, 0.5 * np.eye(3, dtype=complex))


def test_matrices_of_torch():
    torch = pytest.importorskip("torch")
    assert is_fixed(MCWEENY, torch.eye(3, dtype=torch.float32, requires_grad=True))
    assert is_fixed(MCWEENY, torch.tensor([[1, 1], [0, 0]]))
    assert not is_fixed(MCWEENY, torch.tensor([[1, 1], [0, 1]]))
    assert [b.sizes for b in block_structure(torch.tensor(jordan(1.0, 2))).blocks] == [(2,)]


# g of a Jordan block


@given(any_correctors, rationals, sizes)
@settings(max_examples=30)
def test_at_jordan_block_is_g_of_it(g, value, size):
    image = at_jordan_block(g, value, size)
    assert (image == g.at_matrix(exact_jordan(value, size))).all()
    assert {type(entry) for entry in image.flat} == {Fraction}
    assert (at_jordan_block(g, str(value), size) == image).all()


@given(members(), st.complex_numbers(max_magnitude=2), st.integers(1, 12))
@settings(max_examples=20)
def test_at_jordan_block_in_floating_point(g, value, size):
    J = value * np.eye(size) + np.eye(size, k=1)
    image = at_jordan_block(g, value, size)
    assert image.dtype == complex
    scale = sum(abs(float(c)) * 4.0**i for i, c in enumerate(g.coefficients))
    np.testing.assert_allclose(image, g.at_matrix(J), atol=1e-12 * scale)
    real = at_jordan_block(g, value.real, size)
    assert real.dtype == float
    np.testing.assert_allclose(real, g.at_matrix(jordan(value.real, size)), atol=1e-12 * scale)


# The structure of a matrix


@given(structures(), st.integers(0, 99))
def test_exact_structure_survives_a_change_of_basis(structure, seed):
    found = block_structure(hidden(of_structure(structure), seed))
    assert found.exact
    assert found.clear
    assert {-b.factor(0): b.sizes for b in found.blocks} == structure
    assert [b.eigenvalues for b in found.blocks] == [(complex(v),) for v in sorted(structure)]
    assert found.diagonalisable == all(max(s) == 1 for s in structure.values())


@pytest.mark.parametrize("value", [0, 1])
@pytest.mark.parametrize("n", [1, 2, 4])
@pytest.mark.parametrize("d", [1, 2, 3, 4, 5, 8])
def test_blocks_at_0_and_1_are_gone_after_the_logarithm_of_their_size(value, n, d):
    """⌈log_{n+1} d⌉ steps of S_n, and not one fewer."""
    g, K = smoothstep(n), exact_jordan(Fraction(value), d)
    steps = 0
    while not np.array_equal(K @ K, K):
        K, steps = g.at_matrix(K), steps + 1
    assert (n + 1) ** (steps - 1) < d <= (n + 1) ** steps


@pytest.mark.parametrize("n", [1, 2, 3])
def test_a_block_at_half_diverges_by_its_multiplier(n):
    g, J = smoothstep(n), exact_jordan(Fraction(1, 2), 2)
    slope = g.derivative()(Fraction(1, 2))
    assert slope == Fraction(3, 2) or n > 1
    for k in range(1, 6):
        J = g.at_matrix(J)
        assert J[0, 1] == slope**k
        assert J[0, 0] == Fraction(1, 2)
    half = np.diag([Fraction(1, 2)] * 3)
    assert np.array_equal(g.at_matrix(half), half)


def test_conjugate_eigenvalues_share_their_blocks():
    chain = np.kron(np.eye(2, dtype=int), SQUARE_ROOT) + np.eye(4, k=2, dtype=int)
    K = scipy.linalg.block_diag(chain, SQUARE_ROOT, [[1]])
    two, one = sorted(block_structure(K).blocks, key=lambda b: -len(b.eigenvalues))
    assert two.sizes == (2, 1)
    assert two.factor == X**2 - 2
    np.testing.assert_allclose(np.sort_complex(two.eigenvalues), [-(2**0.5), 2**0.5])
    assert (one.sizes, one.factor) == ((1,), X - 1)
    assert "2 + 1 at each of the 2 roots of −2 + x²" in str(block_structure(K))


KNOWN = [0, 0.5, 1]


@given(
    structures((0, Fraction(1, 2), 1)),
    st.sampled_from([1.0, 100.0, 1e3, 1e4]),
    st.integers(0, 99),
    st.booleans(),
)
def test_floating_structure_behind_a_change_of_basis_of_condition_up_to_10000(structure, kappa, seed, told):
    """Up to condition 10⁴ and blocks of 3 it is found, and at 1 called clear-cut."""
    J = of_structure(structure)
    K = hidden_by(kappa, J, seed)
    found = block_structure(K, KNOWN if told else None, radius=0.1)
    assert not found.exact
    assert found.clear or kappa > 1
    assert [b.sizes for b in found.blocks] == [structure[v] for v in sorted(structure)]
    np.testing.assert_allclose(
        [b.eigenvalues[0] for b in found.blocks], sorted(map(float, structure)), atol=1e-3
    )
    assert all(b.distance < 1e-4 for b in found.blocks)


@given(structures((0, Fraction(1, 2), 1)), st.sampled_from([1e6, 1e7, 1e9]), st.integers(0, 99))
@example({1: (2, 2)}, 1e6, 55)
@example({1: (2, 2, 2)}, 1e7, 21)
def test_where_too_little_is_left_to_decide_it_says_so(structure, kappa, seed):
    found = block_structure(hidden_by(kappa, of_structure(structure), seed), KNOWN, radius=0.1)
    right = [b.sizes for b in found.blocks] == [structure[v] for v in sorted(structure)]
    assert right or not found.clear


def test_a_decision_shows_the_singular_values_on_either_side():
    K = np.array([[0, 1e-3, 0, 0], [0, 0, 0, 0], [0, 0, 1, 0], [0, 1e-9, 0, 1]])
    zero, one = block_structure(K, (0, 1)).blocks
    assert zero.sizes == (2,)
    first, second = zero.decisions
    assert (first.nullity, first.size, second.nullity, second.size) == (1, 2, 1, 1)
    assert first.kept == pytest.approx(1e-3)
    assert first.discarded <= first.noise < 1e-14
    assert second.kept == 1e-2  # the radius
    assert first.gap == pytest.approx(1e-3 / first.noise)
    assert one.sizes == (1, 1)
    assert (zero.isolation, one.isolation) == (pytest.approx(1), pytest.approx(1))
    assert (zero.spread, one.spread) == (0, 0)


@given(st.floats(1e-5, 1e-3), st.integers(0, 99))
def test_the_distance_is_that_of_a_matrix_with_the_blocks(coupling, seed):
    """A diagonalisable matrix with eigenvalues ±c is near a block of size 2 and near 0."""
    Q = np.linalg.qr(np.random.default_rng(seed).standard_normal((3, 3)))[0]
    K = Q @ np.array([[coupling, 1, 0], [0, -coupling, 0], [0, 0, 1]]) @ Q.T
    block, _ = block_structure(K).blocks
    assert block.sizes == (2,)
    assert block.spread == pytest.approx(coupling, abs=1e-9)
    assert block.distance == pytest.approx(coupling**2 * 2**0.5, rel=1, abs=1e-14)
    assert block.distance >= block.decisions[0].discarded


def test_the_distance_counts_all_that_is_taken_for_0():
    (block,) = block_structure(np.diag([1e-4, -1e-4, 2e-4, -2e-4])).blocks
    assert block.sizes == (1, 1, 1, 1)
    assert block.distance == pytest.approx(10**0.5 * 1e-4)


@given(st.integers(1, 8), st.integers(0, 10**6), st.floats(0.1, 30))
def test_whatever_the_ranks_there_are_blocks_of_that_many(m, seed, decay):
    """Singular values that fall evenly, in groups as wide as can be: no decision is well founded."""
    rng = np.random.default_rng(seed)
    K = rng.standard_normal((m, m)) * np.exp(-decay * rng.random((m, m)))
    (block,) = block_structure(K, radius=1e3).blocks
    assert sum(block.sizes) == m
    nullities = [d.nullity for d in block.decisions]
    assert nullities == sorted(nullities, reverse=True)
    assert sum(nullities) == m


def test_a_gap_that_is_none_is_called_not_clear_cut():
    found = block_structure(np.array([[0, 1e-3, 0], [0, 0, 1e-5], [1e-6, 0, 0]]))
    assert not found.clear
    assert "not clear-cut" in str(found)
    chain = block_structure(np.diag(np.arange(6) * 0.009))  # steps within the radius, ends without
    assert len(chain.blocks) == 1
    assert not chain.clear
    close = block_structure(scipy.linalg.block_diag([[0.003, 1], [0, -0.003]], 0.02))
    assert all(d.gap > 1e3 for b in close.blocks for d in b.decisions)
    assert [b.clear for b in close.blocks] == [False, True]  # 0.02 is not ten times 0.003 away
    near = block_structure(np.diag([0.0, 0.009, 0.03]), (0.0,))
    assert [sum(b.sizes) for b in near.blocks] == [2, 1]
    assert not near.clear


@given(st.floats(-15, -1), st.integers(0, 99))
def test_a_faint_coupling_is_found_or_the_answer_not_called_clear_cut(exponent, seed):
    K = np.diag([1.0, 1, 0, 0])
    K[0, 1] = 10**exponent
    Q = np.linalg.qr(np.random.default_rng(seed).standard_normal((4, 4)))[0]
    found = block_structure(Q @ K @ Q.T, (0, 1))
    assert [b.sizes for b in found.blocks] == [(1, 1), (2,)] or not found.clear or K[0, 1] < 1e-14


def test_groups_follow_the_known_eigenvalues_and_the_radius():
    K = np.diag([0.0, 1e-4, 0.5, 0.6, 7.0])
    assert [b.eigenvalues[0] for b in block_structure(K).blocks] == pytest.approx([5e-5, 0.5, 0.6, 7])
    told = block_structure(K, (0, 0.5, 1))
    assert [b.eigenvalues[0] for b in told.blocks] == pytest.approx([0, 0.5, 0.6, 7])
    assert len(block_structure(K, radius=0.2).blocks) == 3
    assert block_structure(np.zeros((2, 2))).blocks[0].sizes == (1, 1)
    assert block_structure(np.zeros((2, 2))).clear
    rotation = block_structure(np.array([[0.0, -1.0], [1.0, 0.0]]))
    assert [b.eigenvalues[0] for b in rotation.blocks] == pytest.approx([-1j, 1j])


def test_rounding_is_that_of_the_dtype():
    J = of_structure({0: (2,), 1: (2, 1)})
    for K in (hidden_by(30, J, 5), hidden_by(30, J, 5) + 0j):
        double = block_structure(K, (0, 1)).blocks
        single = block_structure(K.astype(np.complex64 if K.dtype == complex else np.float32), (0, 1)).blocks
        assert [b.sizes for b in single] == [b.sizes for b in double] == [(2,), (2, 1)]
        for one, two in zip(single, double, strict=True):
            assert one.decisions[0].noise / two.decisions[0].noise == pytest.approx(2.0**29, rel=1e-2)


# As text and as LaTeX


def test_powers_of_ten_are_set():
    small = fixed_points(Corrector((2, 0, -(10**18))))
    latex = as_latex(fixed_point_parts(MCWEENY, Fraction(1), [replace(p, exact=None) for p in small]))
    assert r"$-1\cdot 10^{-9}$ & 1 & $-1$ & 1 & neutral" in latex


def test_conditions_print_readably():
    text = str(jordan_conditions(ROOTS_OF_TWO, 3))
    assert "g''(λ) = " in text
    assert text.endswith("that is, at the roots of −2 + λ²: ≈ -1.41421356237, ≈ 1.41421356237")
    assert "x" not in text.splitlines()[1]
    assert "g⁽⁴⁾(λ) = 840 − 10080λ" in str(jordan_conditions(smoothstep(3), 5))
    latex = jordan_conditions(DOUBLE, 2)._repr_latex_()
    assert latex.startswith("$\\begin{aligned}\ng(\\lambda) - \\lambda &= ")


TABLES = [(smoothstep(1), 1), (smoothstep(7), Fraction(1, 3)), (smoothstep(40), 1), (DOUBLE, Fraction(3, 2))]


@pytest.mark.parametrize(("g", "relaxation"), TABLES)
def test_tables_of_fixed_points_hold_the_same_in_text_and_latex(g, relaxation):
    points = fixed_points(g, relaxation)
    parts = fixed_point_parts(g, Fraction(relaxation), points)
    latex = as_latex(parts)
    LatexWalker(latex, tolerant_parsing=False).get_latex_nodes()
    assert latex.isascii()
    table = latex[latex.index(r"\begin{tabular}") :]
    rows = [re.split(r"\s*&\s*", row) for row in re.findall(r"^(.*&.*) \\\\$", table, re.MULTILINE)]
    rows = [row for i, row in enumerate(rows) if not i or row[0] != "fixed point"]
    text = as_text(parts).splitlines()[-len(points) - 1 :]
    plain = [[re.sub(r"\$|\s?\\cdot 10\^\{.*?\}", "", cell) for cell in row] for row in rows]
    assert plain == [re.split(r"\s{2,}", re.sub(r"e[+-]\d+", "", row.strip())) for row in text]
    assert [(int(row[1]), int(row[3]), row[4]) for row in plain[1:]] == [
        (p.multiplicity, p.largest_block, p.kind) for p in points
    ]


@needs_pdflatex
def test_tables_and_conditions_compile(tmp_path):
    for g, relaxation in TABLES:
        parts = fixed_point_parts(g, Fraction(relaxation), fixed_points(g, relaxation))
        log = compiled(as_latex(parts, standalone=True), tmp_path)
        assert not re.findall(r"Overfull \\[hv]box .*", log)
    shown = [
        jordan_conditions(g, k).latex() for g, k in ((MCWEENY, 1), (ROOTS_OF_TWO, 3), (smoothstep(3), 6))
    ]
    document = r"\documentclass{article}\usepackage{amsmath}\begin{document}%s\end{document}"
    compiled(document % "\n\n".join(f"${latex}$" for latex in shown), tmp_path)


# What is refused


ONE, EYE = MCWEENY, np.eye(2)
BAD = [
    (lambda: jordan_conditions("x", 1), TypeError, "`g` must be a Corrector; got str"),
    (lambda: jordan_conditions(ONE, 0), ValueError, "`block` must be a whole number from 1 on; got 0"),
    (lambda: jordan_conditions(ONE, 1.0), TypeError, "`block` must be a whole number from 1 on; got 1.0"),
    (lambda: jordan_conditions(smoothstep(81), 1), ValueError, "degree at most 161"),
    (lambda: admits_block(1, 0, 1), TypeError, "`g` must be a Corrector; got int"),
    (lambda: admits_block(ONE, 0, -1), ValueError, "`block` must be a whole number from 1 on; got -1"),
    (lambda: admits_block(ONE, float("nan"), 1), ValueError, "`value` must be finite; got nan"),
    (lambda: admits_block(ONE, None, 1), TypeError, "`value` must be exact: an int, .*got NoneType None"),
    (lambda: admits_block(ONE, "half", 1), ValueError, "`value` must read as a rational .*got 'half'"),
    (lambda: at_jordan_block("x", 0, 1), TypeError, "`g` must be a Polynomial; got str"),
    (lambda: at_jordan_block(ONE, 0, 0), ValueError, "`size` must be a whole number from 1 on; got 0"),
    (lambda: at_jordan_block(ONE, complex("inf"), 2), ValueError, "`value` must be finite; got"),
    (lambda: is_fixed("x", EYE), TypeError, "`g` must be a Corrector; got str"),
    (lambda: is_fixed(ONE, [[1, 2]]), ValueError, r"square in its last two axes; got \(1, 2\)"),
    (
        lambda: is_fixed(ONE, np.ones((2, 2, 2), int)),
        ValueError,
        r"must be one matrix .*got .*shape \(2, 2, 2\)",
    ),
    (lambda: is_fixed(ONE, np.ones((2, 2, 2))), ValueError, r"must be one matrix .*got .*shape \(2, 2, 2\)"),
    (lambda: is_fixed(ONE, np.ones((0, 0))), ValueError, r"at least 1 by 1; got an array of shape \(0, 0\)"),
    (lambda: is_fixed(ONE, 3), TypeError, "`K` must be an array or nested lists; got int"),
    (
        lambda: is_fixed(ONE, [[Fraction(1, 2), 0.5], [0, 0]]),
        TypeError,
        "an entry of `K` must be exact: .*0.5",
    ),
    (lambda: is_fixed(ONE, [[True]]), TypeError, "an entry of `K` must be exact: .*bool True"),
    (lambda: is_fixed(ONE, np.array([[True]])), TypeError, "must hold floating-point numbers; got bool"),
    (lambda: is_fixed(ONE, [["1/2"]]), TypeError, "must hold floating-point numbers; got <U3"),
    (lambda: is_fixed(ONE, [[float("nan")]]), ValueError, "`K` must be finite; got 1 entries"),
    (lambda: minimal_polynomial(EYE), TypeError, "`K` must hold exact numbers, .*got float64"),
    (lambda: block_structure(EYE, radius=0), ValueError, "`radius` must be positive and finite; got 0"),
    (lambda: block_structure(EYE, (0, 0)), ValueError, "`eigenvalues` must be finite and differ; got"),
    (
        lambda: block_structure(EYE, (float("nan"),)),
        ValueError,
        "`eigenvalues` must be finite and differ; got",
    ),
    (lambda: block_structure([[1]], (1,)), ValueError, "no `eigenvalues` for an exact matrix, .*; got some"),
    (lambda: block_structure(np.ones((1, 2))), ValueError, r"square in its last two axes; got \(1, 2\)"),
]


@pytest.mark.parametrize(("call", "error", "message"), BAD)
def test_what_is_refused(call, error, message):
    with pytest.raises(error, match=message):
        call()
