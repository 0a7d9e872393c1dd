"""The best members: never worse than the minimal one, never better than what is proved out of reach."""

import json
import pickle
import re
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from corrector import Corrector, derive, hermite, smoothstep
from corrector.choice import CRITERIA, _least_products
from corrector.minimax import OddMembers, reach, smallest_residual, widest_real_basin, worst_residual
from tests.problems import members, rationals

TENTH = (Fraction(-1, 10), Fraction(1, 10))
HALF = Fraction(1, 2)
DECIMAL = ("widest_real_basin", "largest_disc", "smallest_residual")


@pytest.mark.parametrize("criterion", CRITERIA)
@pytest.mark.parametrize(("order", "degree"), [(1, 5), (1, 6), (2, 7), (3, 9)])
def test_the_best_is_a_member_and_not_worse_than_the_minimal_one(criterion, order, degree):
    family = derive(order, degree)
    g = family.best(criterion)
    assert g in family
    assert isinstance(g, Corrector)
    assert g == Corrector(g.alphas)
    smaller = criterion in ("smallest_residual", "fewest_products")
    assert g.value <= g.minimal_value if smaller else g.value >= g.minimal_value
    if g.bound is not None:
        assert g.value >= g.bound if smaller else g.value <= g.bound
    assert g.claim in " ".join(g.report().split())
    if criterion in DECIMAL:  # said in six digits, and rounded to the side on which it stays true
        promised, compared = map(Fraction, re.findall(r"\d+\.\d+", g.claim)[:: 1 if smaller else 2][:2])
        sign = -1 if smaller else 1
        assert sign * promised <= sign * g.value
        assert sign * compared >= sign * g.minimal_value
    copy = pickle.loads(pickle.dumps(g))
    assert (copy, copy.claim, copy.bound) == (g, g.claim, g.bound)
    assert json.loads(json.dumps(g.as_dict()))["alphas"] == [str(a) for a in g.alphas]


@pytest.mark.parametrize("criterion", CRITERIA)
def test_a_family_of_one_has_that_one(criterion):
    options = {"multiplier": "3/2"} if criterion == "multiplier_at_half" else {}
    g = derive(1).best(criterion, **options)
    assert g == smoothstep(1)
    assert g.value == g.minimal_value or criterion == "largest_disc"


# Widest real basin


def test_the_widest_basin_at_degree_five_is_known():
    """p(s) = s(5 − s²)²/16 has a fixed point at 3 and touches 0 at √5: δ = 1 is the supremum, not reached."""
    found = widest_real_basin(1, 1)
    assert Fraction(98, 100) < found.value < 1 <= found.bound < Fraction(1002, 1000)


@pytest.mark.parametrize(("order", "count"), [(1, 1), (1, 2), (2, 1), (4, 1)])
def test_the_widest_basins_come_near_what_is_out_of_reach(order, count):
    found = widest_real_basin(order, count)
    assert found.value == reach(found.member)
    assert found.value < found.bound <= found.value * Fraction(103, 100)
    assert found.value > Fraction(3, 2) * reach(smoothstep(order))


@pytest.mark.parametrize(
    "g",
    [
        derive(1, 4).member(a4="1/1000000000000"),  # ½ goes a little beyond ½
        derive(1, 4).member(a4=1),
        derive(1, 5).member(a4=-16, a5=8),  # a fixed point at 0.277
        derive(2, 8).member(a6="186.7", a7="60.9", a8="-51.1"),  # a cycle
    ],
)
def test_nothing_is_said_to_reach_where_the_basins_do_not_meet_at_half(g):
    assert reach(g) == -1


def test_without_a_proof_there_is_no_bound(monkeypatch):
    monkeypatch.setattr(OddMembers, "excluded", lambda *_: False)
    assert widest_real_basin(1, 1).bound is None
    assert smallest_residual(1, 1, *TENTH).bound is None


@pytest.fixture(scope="module")
def widest():
    return widest_real_basin(1, 1)


@settings(max_examples=60)
@given(st.fractions(-1, 1), st.fractions(-1, 1), st.integers(0, 4))
def test_no_member_reaches_the_bound(widest, odd, even, nearness):
    """Members about the best: q larger or smaller by up to 10 %, and not quite their own mirror image."""
    q = widest.member.alphas[4] / 16  # of s⁵ in p
    assert OddMembers(1, 1).member([q]) == widest.member
    g = OddMembers(1, 1).member([q * (1 + odd / 10 / 10**nearness)])
    found = reach(g + even / 10**nearness / 100 * Corrector((1, -1)) ** 2)
    assert found < widest.bound
    event("reaches beyond the minimal member" if found > Fraction(1, 2) else "reaches little")


def test_iteration_goes_where_the_reach_says(widest):
    delta = float(widest.value)
    x = np.concatenate([np.linspace(-delta, 0.4999, 1001)[1:], np.linspace(0.5001, 1 + delta, 1001)[:-1]])
    ends = (x > 0.5).astype(float)
    for _ in range(200):
        x = widest.member(x)
    np.testing.assert_allclose(x, ends, atol=1e-9)


# Smallest residual


def test_the_smallest_residual_is_that_of_a_plain_search():
    found = smallest_residual(1, 1, *TENTH)
    members_of_one = OddMembers(1, 1)
    x = np.linspace(-0.1, 0.1, 401)
    values = []
    for c in np.linspace(-1, 1, 2001):
        g = members_of_one.member([Fraction(round(c * 10**6), 10**6)])(x)
        values.append(np.abs(g * g - g).max())
    assert found.bound <= min(values) * 1.002
    assert min(values) <= found.value * 1.01
    assert found.value < worst_residual(smoothstep(1), *TENTH) / 3


@pytest.fixture(scope="module")
def least():
    return smallest_residual(1, 1, *TENTH)


@settings(max_examples=60)
@given(g=members(max_order=1, max_free=2))
def test_no_member_is_below_the_bound(least, g):
    assert worst_residual(g, *TENTH) >= least.bound


@given(st.integers(1, 4), st.fractions(-1, Fraction(2, 5), max_denominator=50))
def test_worst_residuals_enclose_sampled_ones(n, low):
    g = smoothstep(n)
    high = Fraction(9, 20)
    sampled = max(abs(g(x) ** 2 - g(x)) for x in (low + (high - low) * Fraction(i, 50) for i in range(51)))
    assert sampled <= worst_residual(g, low, high)


@pytest.mark.parametrize(("low", "high"), [("0", "2/5"), ("1/10", "2/5"), ("0", "49/100"), ("-1/5", "1/4")])
def test_intervals_may_be_one_sided(low, high):
    found = smallest_residual(2, 2, Fraction(low), Fraction(high))
    assert found.bound <= found.value < worst_residual(smoothstep(2), Fraction(low), Fraction(high))


@pytest.mark.parametrize(
    ("order", "degree", "low", "high"),
    [
        (1, 5, "9/20", "23/50"),
        (1, 7, "2/5", "9/20"),
        (1, 8, "3/10", "9/20"),
        (2, 8, "-1/5", "-1/10"),
        (1, 6, 0, "1/4"),
    ],
)
def test_no_member_that_parts_the_intervals_is_below_the_bound(order, degree, low, high):
    """A linear program over the whole family, odd or not: g near 0 on the one and near 1 on the other."""
    low, high = Fraction(low), Fraction(high)
    family = derive(order, degree)
    bound = float(family.best("smallest_residual", interval=(low, high)).bound)
    x = np.linspace(float(low), float(high), 200)
    below, above = (1 - (1 + 4 * bound) ** 0.5) / 2, (1 - (1 - 4 * bound) ** 0.5) / 2
    rows, limits = [], []
    for points, shift in ((x, 0.0), (1 - x, 1.0)):
        basis = [p(points) for p in hermite.basis(order, degree)]
        base = family.minimal(points)
        least, most = (below, above) if shift == 0 else (1 - above, 1 - below)
        ones = np.ones_like(points)
        rows += [np.stack([*basis, ones], 1), np.stack([*(-b for b in basis), ones], 1)]
        limits += [most - base, base - least]
    objective = np.zeros(family.dimension + 1)
    objective[-1] = -1
    result = linprog(
        objective, np.vstack(rows), np.concatenate(limits), bounds=[(None, None)] * len(objective)
    )
    assert result.success
    assert -result.fun < 2e-3 * above  # the room that a member would leave in the band


@pytest.mark.parametrize(("low", "high"), [("-10", "1/10"), ("-2", "-1"), ("-1", "1/10"), ("-4/5", "1/10")])
@pytest.mark.parametrize(("order", "count"), [(1, 1), (2, 2), (3, 2)])
def test_a_residual_that_promises_nothing_has_no_bound(order, count, low, high):
    """From ¼ on, members beyond ½ may have less: the inequalities no longer speak for all of them."""
    found = smallest_residual(order, count, Fraction(low), Fraction(high))
    assert found.value <= worst_residual(smoothstep(order), Fraction(low), Fraction(high))
    if found.value >= Fraction(1, 4):
        assert found.bound is None
    else:
        assert found.bound <= found.value


def test_smoothsteps_of_higher_order_are_looked_at_too():
    low, high = Fraction(0), Fraction(499, 1000)
    assert smallest_residual(1, 1, low, high).value <= worst_residual(smoothstep(2), low, high)


@given(
    st.lists(rationals, min_size=2, max_size=2),
    st.lists(
        st.tuples(st.fractions(0, 3, max_denominator=40), st.sampled_from([1, -1])), min_size=3, max_size=9
    ),
    st.randoms(use_true_random=False),
)
def test_what_a_member_meets_is_never_proved_impossible(q, places, random):
    """A sound proof of impossibility does not exist where a member meets every inequality."""
    odd = OddMembers(1, 2)
    g = odd.member(q)
    rows = []
    for s, sign in places:
        p = 2 * g((1 + s) / 2) - 1
        rows.append((s, sign, -sign * p + Fraction(random.randint(0, 3))))
    assert not odd.excluded(rows, np.array([random.random() for _ in rows]))


def test_a_contradiction_is_proved():
    odd = OddMembers(1, 1)
    s = Fraction(1, 2)
    p = odd.first(as_fmpq(s))
    # The member is free at one point, but not to be above and below itself there.
    rows = [(s, 1, Fraction(-1)), (s, -1, Fraction(0))]
    assert p < 1
    assert odd.excluded(rows, np.ones(2))
    assert not odd.excluded([(s, 1, Fraction(0)), (s, -1, Fraction(1))], np.ones(2))


def as_fmpq(x):
    from flint import fmpq

    return fmpq(x.numerator, x.denominator)


@given(st.integers(1, 5), st.integers(1, 3), st.data())
def test_odd_members_are_members_that_mirror_themselves(order, count, data):
    q = data.draw(st.lists(rationals, min_size=count, max_size=count))
    odd = OddMembers(order, count)
    g = odd.member(q)
    assert g in derive(order, 2 * (order + count) + 1)
    assert 1 - g(1 - Corrector((1,))) == g
    p = odd.first + sum((as_fmpq(c) * b for c, b in zip(q, odd.basis, strict=True)), 0 * odd.first)
    assert odd.near(p) == q


# Fewest products


def test_order_three_by_three_products_is_proved_best():
    g = derive(3, 9).best("fewest_products")
    assert (g.order, g.products) == (3, 3)
    assert g.bound == g.value == Fraction(3, 2)


def test_order_three_is_dominated_by_order_four_among_smoothsteps():
    assert smoothstep(3).products == smoothstep(4).products
    assert derive(4, 9).best("fewest_products") == smoothstep(4)
    g = derive(3, 7).best("fewest_products")
    assert g == smoothstep(3)
    assert g.bound == g.value == 2


@pytest.mark.parametrize("degree", range(2, 18))
def test_no_plan_beats_the_least_products(degree):
    rng = np.random.default_rng(degree)
    for _ in range(3):
        g = Corrector([int(a) or 1 for a in rng.integers(-9, 9, degree)])
        assert g.products >= _least_products(degree)


# Multiplier at ½


@given(st.integers(1, 4), rationals)
def test_multipliers_are_as_prescribed(order, multiplier):
    g = derive(order, 2 * order + 3).best("multiplier_at_half", multiplier=multiplier)
    assert g(HALF) == HALF
    assert g.derivative()(HALF) == multiplier


def test_numpy_integers_are_exact():
    g = derive(1, 5).best("multiplier_at_half", multiplier=np.int64(2))
    assert g.value == 2
    assert type(g.value.numerator) is int


@pytest.mark.parametrize(
    ("multiplier", "words"), [("1/2", "no longer repels"), (1, "hardly repels, if at all"), (-3, "across ½")]
)
def test_multipliers_that_do_harm_are_said_to(multiplier, words):
    assert words in derive(1, 5).best("multiplier_at_half", multiplier=multiplier).claim


def test_choices_are_frozen_and_read_back_as_correctors():
    g = derive(1, 5).best("multiplier_at_half")
    assert type(g).from_json(g.to_json()) == g
    assert repr(g).startswith("Choice(multiplier_at_half 2, minimal member 1.5): −x²")
    for name in ("claim", "order", "anything"):
        with pytest.raises(AttributeError):
            setattr(g, name, 1)


def test_a_lost_symmetry_is_told():
    assert "eigenvalues part at 0.4582, not at ½" in derive(3, 8).best("fewest_products").claim


def test_reports_show_gain_and_cost():
    report = derive(1, 5).best("widest_real_basin").report()
    for words in (
        "this member",
        "minimal member",
        "smoothstep(2)",
        "matrix products a step",
        "multiplier at ½",
    ):
        assert words in report


@pytest.mark.parametrize(
    ("order", "degree", "criterion", "options", "error", "words"),
    [
        (1, 5, "nicest", {}, ValueError, "`criterion` must be one of widest_real_basin, .*; got 'nicest'"),
        (1, 5, None, {}, ValueError, "`criterion` must be one of"),
        (1, 5, ["widest_real_basin"], {}, ValueError, "`criterion` must be one of"),
        (
            1,
            5,
            "largest_disc",
            {"interval": (0, 1)},
            ValueError,
            "options of largest_disc are: none; got interval",
        ),
        (1, 5, "smallest_residual", {"multiplier": 2}, ValueError, "are: interval; got multiplier"),
        (1, 5, "smallest_residual", {"interval": 3}, ValueError, r"must be \(low, high\).*; got 3"),
        (1, 5, "smallest_residual", {"interval": (0, HALF)}, ValueError, r"low < high < ½.*; got \(0, 0.5\)"),
        (1, 5, "smallest_residual", {"interval": (0.0, 0.1)}, TypeError, "must be exact"),
        (1, 5, "multiplier_at_half", {"multiplier": 2.0}, TypeError, "must be exact"),
        (1, 5, "multiplier_at_half", {"multiplier": 10**400}, ValueError, "at most 10⁶ in size"),
        (1, 5, "smallest_residual", {"interval": ("-1e100", 0)}, ValueError, "−10 ≤ low"),
        (1, 5, "smallest_residual", {"interval": ("-1e-100", "1e-100")}, ValueError, "10⁻⁶ apart"),
        (1, 4, "multiplier_at_half", {"multiplier": 2}, ValueError, "takes degree 5 or more; got degree 4"),
    ],
)
def test_mistakes_are_named(order, degree, criterion, options, error, words):
    with pytest.raises(error, match=words):
        derive(order, degree).best(criterion, **options)
