from fractions import Fraction

import numpy as np
import pytest
import sympy
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import betainc

from corrector import Corrector, NoCorrectorError, Polynomial, ansatz, derive, hermite, smoothstep, words
from corrector.evaluation import two_point
from tests.problems import horner, members, rationals


@pytest.mark.parametrize("degree", range(1, 13))
@pytest.mark.parametrize("order", range(1, 5))
def test_words_and_interpolation_agree(order, degree):
    found = words.family(order, degree)
    if degree < 2 * order + 1:
        assert found is None
    else:
        assert found == (hermite.minimal(order), hermite.basis(order, degree))


@given(st.integers(1, 20), st.integers(0, 6))
def test_interpolation_meets_its_conditions(order, free):
    for p in (hermite.minimal(order), *hermite.basis(order, 2 * order + 1 + free)):
        at_one = p.taylor(1)
        assert not any(p.coefficients[: order + 1])
        assert not any(at_one[1 : order + 1])
        assert at_one[0] == (p == hermite.minimal(order))


@pytest.mark.parametrize(("order", "degree"), [(1, 1), (1, 2), (2, 4), (3, 6), (9, 18)])
def test_below_the_least_degree_there_is_none(order, degree):
    with pytest.raises(NoCorrectorError, match=rf"order {order} has degree {degree}; .* {2 * order + 1}$"):
        derive(order, degree)


def test_the_cubic():
    family = derive()
    assert family.minimal == Corrector((0, 3, -2))
    assert (family.order, family.degree, family.dimension) == (1, 3, 0)


@given(rationals)
def test_order_one_degree_four(a4):
    assert derive(1, 4).member(a4=a4).coefficients == Polynomial((0, 0, 3 + a4, -2 - 2 * a4, a4)).coefficients


@given(rationals)
def test_order_two_degree_six(a6):
    expected = Polynomial((0, 0, 0, 10 - a6, -15 + 3 * a6, 6 - 3 * a6, a6))
    assert derive(2, 6).member(a6=a6).coefficients == expected.coefficients


@pytest.mark.parametrize(("order", "degree"), [(1, 2), (1, 3), (1, 4), (2, 5)])
def test_a_general_solver_finds_the_same_family(order, degree):
    """The paper-literal twin: all quadratic equations at once, by sympy's solver."""
    forms = words.coefficients(order, degree)
    symbols = [sympy.Symbol(f"alpha{i}") for i in range(1, degree + 1)]
    equations = [words.equation(word, forms).as_expr() for word in forms]
    solutions = sympy.solve([*equations, sum(symbols) - 1], symbols, dict=True)
    if degree < 2 * order + 1:
        assert solutions == []
        return
    family = derive(order, degree)
    for solution in solutions:
        values = {sympy.Symbol(f"alpha{name[1:]}"): 7 for name in family.parameters}
        alphas = [Fraction(str(solution.get(s, s).subs(values))) for s in symbols]
        assert Corrector(alphas) == family.member(**dict.fromkeys(family.parameters, 7))


@given(members())
def test_every_member_meets_every_words_equation(g):
    order = g.order
    forms = words.coefficients(order, g.degree)
    for word in forms:
        equation = words.equation(word, forms)
        value = sum(
            (
                Fraction(int(c.numerator), int(c.denominator))
                * np.prod([a**e for a, e in zip(g.alphas, exponents, strict=True)] or [1])
                for exponents, c in equation.terms()
            ),
            Fraction(0),
        )
        assert value == 0


@given(members())
def test_the_square_less_itself_is_divisible(g):
    # In the two-point form, divisible by (x² − x)^{n+1} means: the first n + 1 pairs vanish.
    square = np.convolve(np.array(g.coefficients, dtype=object), np.array(g.coefficients, dtype=object))
    square[: len(g.coefficients)] -= g.coefficients
    assert not any(c for pair in two_point(tuple(square))[: g.order + 1] for c in pair)


@pytest.mark.parametrize("n", range(1, 13))
def test_smoothsteps_are_the_minimal_members(n):
    assert smoothstep(n) == derive(n).minimal
    assert smoothstep(n).degree == 2 * n + 1


@settings(max_examples=40)
@given(st.integers(1, 64), st.data())
def test_families_of_any_size_are_correctors_with_the_highest_coefficients_free(order, data):
    degree = data.draw(st.integers(2 * order + 1, 160))
    family = derive(order, degree)
    assert family.dimension == degree - (2 * order + 1)
    free = (
        data.draw(st.dictionaries(st.sampled_from(family.parameters), rationals, max_size=3))
        if family.parameters
        else {}
    )
    g = family.member(**free)
    assert g.order >= order
    assert g in family
    assert g.coefficients[2 * order + 2 :] == tuple(
        free.get(f"a{k}", 0) for k in range(2 * order + 2, g.degree + 1)
    )
    for p in family.trivial:
        assert (family.minimal + p).order >= order
        assert not any(p.coefficients[: order + 1])
        assert p(1) == 0


@given(st.integers(1, 64))
def test_smoothsteps_are_incomplete_beta_functions(n):
    x = np.linspace(0, 1, 101)
    np.testing.assert_allclose(smoothstep(n)(x), betainc(n + 1, n + 1, x), atol=1e-13)


@given(st.integers(1, 30), rationals)
def test_symmetry_and_slope_of_smoothsteps(n, x):
    g = smoothstep(n)
    assert g(1 - x) == 1 - g(x)
    middle = g.derivative()(Fraction(1, 2)) * 4**n
    assert g.derivative()(x) == middle * (x * (1 - x)) ** n


def test_named_smoothsteps():
    assert smoothstep(2).alphas == (0, 0, 10, -15, 6)
    assert smoothstep(3).alphas == (0, 0, 0, 35, -84, 70, -20)


@given(members())
def test_members_belong_to_their_family_and_to_wider_ones(g):
    assert g in derive(g.order, g.degree)
    assert g in derive(1, g.degree + 1)
    assert smoothstep(1) not in derive(2)
    assert "3x²" not in derive(1)


def test_free_parameters_are_the_highest_coefficients():
    family = derive(2, 8)
    assert family.parameters == ("a6", "a7", "a8")
    g = family.member(a7="1/3")
    assert g.coefficients[6:] == (0, Fraction(1, 3))


@given(members(), rationals)
def test_values_do_not_depend_on_the_route(g, x):
    assert g(x) == horner(g.coefficients, x)


@pytest.mark.parametrize(
    ("call", "error", "words_of_it"),
    [
        (lambda: derive(0), ValueError, "`order` must be at least 1; got 0"),
        (lambda: derive(1, 0), ValueError, "`degree` must be at least 1; got 0"),
        (lambda: derive(1.0), TypeError, "`order` must be an integer; got float"),
        (lambda: derive(True), TypeError, "`order` must be an integer; got bool"),
        (lambda: derive(1, "4"), TypeError, "`degree` must be an integer; got str"),
        (lambda: smoothstep(0), ValueError, "`order` must be at least 1; got 0"),
        (lambda: derive(1, 4).member(a5=1), ValueError, "free parameters among a4; got a5"),
        (lambda: derive(1).member(a4=1), ValueError, "none, for the family has one member; got a4"),
        (lambda: derive(1, 4).member(a4=0.5), TypeError, "must be exact"),
        (lambda: derive(9).derivation(), ValueError, "up to order 8; got order 9"),
        (lambda: Polynomial((1,)).derivative(-1), ValueError, "`k` must be a whole number, at least 0"),
    ],
)
def test_mistakes_are_named(call, error, words_of_it):
    with pytest.raises(error, match=words_of_it):
        call()


def test_words_are_reduced_and_all_there():
    assert words.all_words(2)[:5] == ["P", "D", "DP", "PD", "PDP"]
    assert len(words.all_words(4)) == 2**6 - 3
    assert all("PP" not in word for word in words.all_words(4))


@given(st.sampled_from(words.all_words(3)))
def test_factorisations_multiply_back(word):
    pairs = list(words.factorisations(word))
    assert all(words.product(u, v) == word for u, v in pairs)
    assert len(set(pairs)) == len(pairs) == len(word) - 1 + word.count("P")


def test_power_words_count_the_words_of_powers():
    """The naive twin: expand (P + D)⁴ letter by letter."""
    counts: dict[str, int] = {}
    for letters in np.ndindex(2, 2, 2, 2):
        word = ""
        for i in letters:
            word = words.product(word, "PD"[i]) if word else "PD"[i]
        if word.count("D") <= 2:
            counts[word] = counts.get(word, 0) + 1
    assert words.power_words(2, 4)[3] == counts


def test_a_disagreement_of_the_routes_is_never_returned(monkeypatch):
    monkeypatch.setattr(ansatz.hermite, "minimal", lambda _: Polynomial((0, 0, 3, 2)))
    with pytest.raises(AssertionError, match="disagree"):
        derive(1).derivation()


def test_the_published_sign_error_is_one():
    # The first draft's abstract writes 3w² + 2w³.
    assert Corrector((0, 3, 2)).order is None
