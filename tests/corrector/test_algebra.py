"""Sums, products, powers and compositions of polynomials; their ways into files and notebooks."""

import json
import pickle
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from corrector import MCWEENY, Corrector, Polynomial, derive, smoothstep
from tests.problems import any_correctors, members, polynomials, rationals

X = Corrector((1,))


@given(polynomials, polynomials, rationals)
def test_values_of_sums_products_and_compositions(p, q, x):
    assert (p + q)(x) == p(x) + q(x)
    assert (p - q)(x) == p(x) - q(x)
    assert (p * q)(x) == p(x) * q(x)
    assert p(q)(x) == p(q(x))
    assert (-p)(x) == -p(x)


@given(polynomials, rationals, rationals, st.integers(0, 4))
def test_numbers_take_part(p, c, x, k):
    assert (c * p)(x) == (p * c)(x) == c * p(x)
    assert (p + c)(x) == (c + p)(x) == p(x) + c
    assert (c - p)(x) == c - p(x)
    assert (p**k)(x) == p(x) ** k


@given(any_correctors, any_correctors, rationals.filter(bool))
def test_correctors_stay_correctors(g, h, c):
    assert isinstance(c * g, Corrector)
    assert isinstance(g(h), Corrector)
    assert isinstance(g * h, Corrector)
    assert isinstance(g**2, Corrector)
    assert isinstance(sum([g, g]), Corrector)
    assert type(g * Polynomial((0, 1))) is type(g(Polynomial((0, 1)))) is Corrector
    assert type(Polynomial((0, 1)) + Polynomial((0, 1))) is Polynomial
    assert type(g + 1) is type(g - g) is type(0 * g) is type(g**0) is type(g + Polynomial((1,))) is Polynomial


@given(members(), members())
def test_composition_multiplies_the_orders_of_convergence(g, h):
    assert g(h).order + 1 >= (g.order + 1) * (h.order + 1)


@given(members(max_free=2), rationals)
def test_means_of_members_are_members(g, t):
    family = derive(g.order, g.degree)
    assert (1 - t) * g + t * family.minimal in family


@given(st.integers(1, 12))
def test_the_mirror_image_of_a_smoothstep_is_itself(n):
    g = smoothstep(n)
    assert 1 - g(1 - X) == g


@given(any_correctors)
def test_equality_and_hash_do_not_ask_for_the_class(g):
    p = Polynomial(g.coefficients)
    assert p == g
    assert hash(p) == hash(g)
    assert g != g + X
    assert g != "g"


@given(any_correctors, polynomials)
def test_json_and_pickle_give_back_what_went_in(g, p):
    for value in (g, p):
        for copy in (pickle.loads(pickle.dumps(value)), type(value).from_json(value.to_json())):
            assert copy == value
            assert type(copy) is type(value)
    assert all(isinstance(a, str) for a in json.loads(g.to_json())["alphas"])


def test_notebooks_show_formulas():
    assert MCWEENY._repr_latex_() == "$3 x^{2} - 2 x^{3}$"
    assert derive(1, 4)._repr_latex_().startswith("$3 x^{2} - 2 x^{3} + \\alpha_{4}")


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: 0.5 * MCWEENY, TypeError, "must be exact"),
        (lambda: MCWEENY + 1j, TypeError, "must be exact"),
        (lambda: MCWEENY * "2", TypeError, "unsupported operand|can't multiply"),
        (lambda: np.eye(2) * MCWEENY, TypeError, "unsupported operand"),
        (lambda: MCWEENY**-1, ValueError, "whole number from 0 on; got -1"),
        (lambda: MCWEENY**0.5, ValueError, "whole number from 0 on; got 0.5"),
        (lambda: smoothstep(100) ** 10**6, ValueError, "degree at most 20000; got degree 201000000"),
        (lambda: smoothstep(200)(smoothstep(200)), ValueError, "degree at most 20000"),
        (lambda: Corrector.from_json(None), TypeError, "expected JSON text; got NoneType"),
        (lambda: Corrector.from_json("[" * 10**5), ValueError, "expected JSON"),
        (lambda: Corrector(3), TypeError, "sequence of coefficients; got int 3"),
        (lambda: Polynomial(None), TypeError, "sequence of coefficients; got NoneType None"),
        (lambda: derive(1, 4).member(a4=0.5), TypeError, "`a4` must be exact"),
        (lambda: Corrector.from_json("{"), ValueError, 'expected JSON such as {"alphas"'),
        (lambda: Corrector.from_json("[1]"), ValueError, r"got \[1\]"),
        (lambda: Corrector.from_json('{"coefficients": ["1"]}'), ValueError, "expected JSON"),
        (lambda: Corrector.from_json('{"alphas": [0.5]}'), TypeError, "must be exact"),
        (lambda: Corrector.from_json('{"alphas": ["0"]}'), ValueError, "other than 0"),
        (lambda: Polynomial(("1e999999999",)), ValueError, "at most 4000 digits"),
        (lambda: Polynomial(("9" * 10**5,)), ValueError, "at most 4000 digits"),
        (lambda: Polynomial((10**5000,)), ValueError, "at most 4000 digits; got one of 5000"),
        (lambda: Polynomial(("1/" + "9" * 4500,)), ValueError, "at most 4000 digits"),
        (lambda: Polynomial(("x" * 900,)), ValueError, "such as '1/3'; got 'x{60}…'"),
        (lambda: smoothstep(8000), ValueError, "at most 4000 digits"),
        (lambda: Corrector.from_json('{"alphas": [' + "1" * 5000 + "]}"), ValueError, "at most 4000 digits"),
        (lambda: Corrector.from_json('{"alphas": ["1"], "alphas": ["2"]}'), ValueError, "a key twice"),
        (lambda: MCWEENY.derivative(1.5), ValueError, "`k` must be a whole number, at least 0; got 1.5"),
        (
            lambda: smoothstep(250).plan,
            ValueError,
            "degree 400 at most, to search for a plan; got degree 501",
        ),
        (lambda: Corrector(("1e400", 1))(0.5), OverflowError, "within floating-point range"),
    ],
)
def test_mistakes_are_named(call, error, words):
    with pytest.raises(error, match=words) as caught:
        call()
    assert len(str(caught.value)) < 300


def test_correctors_are_frozen():
    for name in ("coefficients", "order", "anything"):
        with pytest.raises(AttributeError):
            setattr(MCWEENY, name, 1)
    assert MCWEENY.order == 1


def test_great_coefficients_stay_exact_at_exact_numbers():
    g = Corrector(("1e400", 1))
    assert g(Fraction(1, 10**400)) == 1 + Fraction(1, 10**800)
