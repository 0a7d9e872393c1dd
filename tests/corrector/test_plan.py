import re
import tracemalloc
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from corrector import Corrector, derive, smoothstep
from corrector.arithmetic import Matrices
from corrector.choice import three_products
from corrector.plan import _ACCEPTED, Plan, Step, _candidates, _loss, plan
from tests.problems import any_correctors, counting_products, horner, members, oblique, rationals

U = 2.0**-53


def exactly(found, coefficients):
    """Two polynomials of a degree are equal if they agree at more points than that."""
    for i in range(2 * len(coefficients)):
        x = Fraction(i - 3, 4)
        assert found.at_matrix([[x]])[0, 0] == horner(coefficients, x)


@settings(max_examples=20)
@given(
    st.integers(2, 17).flatmap(lambda d: st.lists(rationals, min_size=d, max_size=d).filter(lambda a: a[-1])),
    st.sampled_from([Fraction(1, 8), Fraction(1), Fraction(3)]),
)
def test_every_candidate_is_the_polynomial_in_the_products_it_claims(alphas, rho):
    g = Corrector(alphas)
    plain, heads = _candidates(g.coefficients)
    for ways, free in ((plain, None), (heads, rho)):
        for products, make in ways:
            found = make(free)
            assert found.products == products
            exactly(found, g.coefficients)


@given(any_correctors | members(max_order=6))
def test_the_plan_is_the_polynomial_and_no_degree_comes_for_free(g):
    exactly(g.plan, g.coefficients)
    assert 2**g.products >= g.degree


@pytest.mark.parametrize(
    ("n", "most"), [(1, 2), (2, 3), (3, 4), (4, 4), (5, 5), (6, 5), (7, 5), (8, 5), (12, 6)]
)
def test_products_of_smoothsteps(n, most):
    exactly(smoothstep(n).plan, smoothstep(n).coefficients)
    assert smoothstep(n).products == most


def combination(**shares):
    return tuple((name, Fraction(c)) for name, c in shares.items())


def test_any_program_is_carried_out():
    """Factors with multiples of I, signs and shares, in the middle and at the end; 0 goes to 0."""
    steps = (
        Step("R", combination(K=1), combination(K=1), combination(K=1), sign=-1),
        Step("A", combination(K=2, I=3), combination(R=-1, I=5), combination(K=7), sign=-1),
        Step("B", combination(A=1, I=-4), combination(R=3, I=2), combination(A=1, K=-1), sign=-1),
    )
    program = Plan(steps, combination(B=15, A=23, K=1))
    for x in (Fraction(-1, 3), Fraction(2, 5), Fraction(3)):
        R = x - x * x
        A = 7 * x - (2 * x + 3) * (5 - R)
        B = A - x - (A - 4) * (3 * R + 2)
        wanted = 15 * B + 23 * A + x
        assert program.at_matrix([[x]])[0, 0] == wanted
        assert program.at_matrix(np.array([[float(x)]]))[0, 0] == pytest.approx(float(wanted), rel=1e-13)


def test_order_three_in_three_products():
    g = three_products()
    assert (g.order, g.products, smoothstep(3).products) == (3, 3, 4)
    assert g in derive(3, 8)
    mirrored = 1 - g(1 - Corrector((1,)))
    assert Corrector(mirrored.coefficients[1:]).products == 3


@given(any_correctors)
def test_a_given_residual_saves_its_product(g):
    Counting, counted = counting_products()
    K = np.diag([0.25, 1.5]).view(Counting)
    whole = g.plan.at_matrix(K)
    assert len(counted) == g.products
    counted.clear()
    again = g.plan.over(K, Matrices(K), K - np.matmul(K, K).view(Counting))
    assert len(counted) == max(g.products - 1, 0)
    np.testing.assert_allclose(whole, again, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("g", [*map(smoothstep, (1, 2, 3, 4, 8, 16)), three_products()], ids=str)
@pytest.mark.parametrize("kappa", [1e2, 1e3])
def test_round_off_at_oblique_projectors_stays_below_its_bound(g, kappa):
    assert g.plan.round_off(kappa) <= 10 * kappa**3
    for seed in range(3):
        P = oblique(24, 10, kappa, seed)
        error = np.linalg.norm((g.at_matrix(P) - g.at_matrix(P.astype(np.longdouble))).astype(float), 2)
        assert error <= np.sqrt(24) * g.plan.round_off(np.linalg.norm(P, 2)) * U


def test_a_head_that_would_lose_digits_is_not_taken():
    g = derive(3, 8).member(a8=1)
    _, heads = _candidates(g.coefficients)
    (make,) = (make for products, make in heads if products == 3)
    assert min(_loss(make(Fraction(2) ** i)) for i in range(-9, 10)) > 1e6
    assert g.products == 4


@settings(max_examples=25)
@given(members(max_order=8))
def test_what_is_printed_is_what_is_run(g):
    lines = str(g.plan).splitlines()
    x = 0.7
    names = {"K": x, "S": 2 * x - 1, "I": 1.0}
    for line in lines[:-1]:
        name, formula = line.replace("g(K)", "G").replace("'", "_").split(" = ")
        code = formula.replace("−", "-").replace("·", "*")
        names[name] = eval(re.sub(r"((?<![A-Z])(?<![A-Z]\d)[\d)]) ?([A-Z])", r"\1*\2", code), {}, names)
    assert names["G"] == pytest.approx(float(g(Fraction(7, 10))), rel=1e-3, abs=1e-3)
    assert lines[-1].startswith(f"{g.products} product")


@given(any_correctors | members(max_order=8))
def test_the_plan_is_the_shortest_that_keeps_its_digits(g):
    plain, _ = _candidates(g.coefficients)
    losses = [(products, _loss(make(None))) for products, make in plain]
    accepted = max(_ACCEPTED, 2 * min(loss for _, loss in losses))
    assert _loss(g.plan) <= accepted
    assert g.products <= min(products for products, loss in losses if loss <= accepted)
    equals = [loss for products, loss in losses if products == g.products]
    assert not equals or _loss(g.plan) <= max(min(equals), _ACCEPTED)


@settings(max_examples=30)
@given(members(max_order=4, max_free=4))
def test_members_too_keep_their_digits_at_oblique_projectors(g):
    kappa = 1e3
    plain, _ = _candidates(g.coefficients)
    least = min(_loss(make(None)) for _, make in plain)
    assert g.plan.round_off(kappa) <= max(10, 2 * least) * kappa**3
    P = oblique(12, 5, kappa)
    error = np.linalg.norm((g.at_matrix(P) - g.at_matrix(P.astype(np.longdouble))).astype(float), 2)
    assert error <= np.sqrt(12) * g.plan.round_off(np.linalg.norm(P, 2)) * U


def test_a_member_of_degree_nine_takes_a_product_more_for_its_digits():
    g = derive(2, 9).member(a9=1)
    plain, _ = _candidates(g.coefficients)
    assert min(products for products, _ in plain) == 4
    assert g.products == 5
    assert g.plan.round_off(1e3) < 10 * 1e9


def test_matrices_are_let_go_of_after_their_last_use(monkeypatch):
    g, K = smoothstep(40), np.eye(300) / 3

    def peak():
        tracemalloc.start()
        g.at_matrix(K)
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return most / K.nbytes

    assert g.products  # the search for the plan, which takes longest, is over before memory is traced
    let_go = peak()
    monkeypatch.setattr(Plan, "_last_uses", lambda _: {})
    assert let_go <= peak() - 3


def test_plans_are_remembered():
    assert plan(smoothstep(8).coefficients) is smoothstep(8).plan


def test_exact_arithmetic_goes_through_heads():
    K = [[Fraction(1, 3), 2], [0, Fraction(3, 2)]]
    direct = np.array(K, dtype=object)
    total, power = direct * 0, direct
    for alpha in smoothstep(8).alphas:
        total, power = total + alpha * power, power @ direct
    assert np.array_equal(smoothstep(8).at_matrix(K), total)
