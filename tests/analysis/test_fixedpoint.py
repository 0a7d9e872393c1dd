import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis import fixed_points
from corrector import MCWEENY, Corrector, derive, smoothstep
from tests.problems import any_correctors


def test_the_cubic():
    zero, half, one = fixed_points(MCWEENY)
    assert [p.exact for p in (zero, half, one)] == [0, Fraction(1, 2), 1]
    assert [p.multiplier for p in (zero, half, one)] == [0, 1.5, 0]
    assert [p.kind for p in (zero, half, one)] == ["superattracting", "repelling", "superattracting"]


@given(any_correctors.filter(lambda g: g != Corrector((1,))))
def test_fixed_points_are_all_the_roots(g):
    points = fixed_points(g)
    assert sum(p.multiplicity for p in points) == max(g.degree, 1)
    for p in points:
        scale = sum(abs(float(c)) * max(abs(p.value), 1) ** i for i, c in enumerate(g.coefficients))
        assert abs(g(p.value) - p.value) <= 1e-9 * scale
        assert p.exact is None or g(p.exact) == p.exact
    assert len({p.value for p in points}) == len(points)


@given(st.integers(1, 12), st.fractions(min_value=-3, max_value=3, max_denominator=20).filter(bool))
def test_multipliers_under_relaxation(n, gamma):
    by_value = {p.exact: p for p in fixed_points(smoothstep(n), gamma) if p.exact is not None}
    for exact in (0, 1):
        assert by_value[exact].multiplier == pytest.approx(float(1 - gamma))
        expected = "superattracting" if gamma == 1 else "attracting" if 0 < gamma < 2 else None
        assert by_value[exact].kind == (expected or ("neutral" if gamma == 2 else "repelling"))
    if n == 1:
        assert by_value[Fraction(1, 2)].multiplier == pytest.approx(float(1 + gamma / 2))


@pytest.mark.parametrize("gamma", [0.0, "x", float("inf"), float("nan")])
def test_relaxations_that_make_no_sense(gamma):
    with pytest.raises((ValueError, TypeError)):
        fixed_points(MCWEENY, gamma)


@pytest.mark.parametrize("n", range(1, 11))
def test_smoothsteps_have_simple_fixed_points(n):
    assert all(p.multiplicity == 1 for p in fixed_points(smoothstep(n)))


def test_a_member_with_a_double_fixed_point():
    # 3x² − 2x³ + a(x² − 2x³ + x⁴) − x = x(x−1)(ax² − (2+a)x + 1): discriminant a² + 4 > 0; at a = −1
    # the quadratic is −x² − x + 1, at a = 0 a root is lost to infinity.
    g = derive(1, 4).member(a4=-1)
    golden = (1 + 5**0.5) / 2
    assert [p.value.real for p in fixed_points(g)] == pytest.approx([-golden, 0, golden - 1, 1])
    double = Corrector((1, 1))  # x + x²: a double fixed point at 0
    assert [(p.exact, p.multiplicity, p.kind) for p in fixed_points(double)] == [(0, 2, "neutral")]


def test_the_second_smoothstep_by_hand():
    a = 0.5 - np.sqrt(7 / 12)
    values = [p.value.real for p in fixed_points(smoothstep(2))]
    np.testing.assert_allclose(values, [a, 0, 0.5, 1, 1 - a], atol=1e-15)


def test_the_identity_fixes_everything():
    with pytest.raises(ValueError, match="other than the identity"):
        fixed_points(Corrector((1,)))


def test_kinds_at_rational_points_are_not_a_matter_of_rounding():
    kinds = {p.exact: p.kind for p in fixed_points(MCWEENY, 2 - Fraction(1, 10**20))}
    assert kinds[0] == kinds[1] == "attracting"
    kinds = {p.exact: p.kind for p in fixed_points(Corrector((Fraction(10**20 + 1, 10**20), 1)))}
    assert kinds[0] == "repelling"


def test_what_is_no_corrector():
    with pytest.raises(TypeError, match="must be a Corrector; got str"):
        fixed_points("x")


@pytest.mark.parametrize("n", [40, 80])
def test_high_orders_have_no_neutral_points(n):
    """S_n' = c·xⁿ(1 − x)ⁿ is 0 at 0 and 1 alone, and every other fixed point repels."""
    points = fixed_points(smoothstep(n))
    assert [p.kind for p in points if p.exact in (0, 1)] == ["superattracting"] * 2
    others = [p for p in points if p.exact not in (0, 1)]
    assert {p.kind for p in others} == {"repelling"}
    for p in others:
        x = p.value
        slope = math.comb(2 * n, n) * (2 * n + 1) * (x * (1 - x)) ** n
        assert p.multiplier == pytest.approx(slope, rel=1e-9)
