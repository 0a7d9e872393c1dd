import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from training.statistics import Estimate, bootstrap_ratio, geometric, paired_ratio, verdict

positive = st.lists(st.floats(1e-6, 1e6), min_size=2, max_size=12).map(np.array)


@given(positive)
def test_the_interval_is_scipys_t_test_on_logarithms(values):
    found = geometric(values)
    if np.ptp(values) < 1e-9 * values.max():
        return
    low, high = stats.ttest_1samp(np.log(values), 0).confidence_interval(0.95)
    assert found.mean == pytest.approx(stats.gmean(values))
    assert (found.low, found.high) == pytest.approx((math.exp(low), math.exp(high)), rel=1e-6)


def test_coverage_is_what_is_promised():
    rng = np.random.default_rng(0)
    hits = sum(
        (e := geometric(np.exp(rng.normal(0.7, 0.4, 6)))).low < math.exp(0.7) < e.high for _ in range(2000)
    )
    assert abs(hits / 2000 - 0.95) < 0.02


@given(positive, st.floats(0.1, 10))
def test_ratios_are_paired(values, factor):
    ratio = paired_ratio(values * factor, values)
    assert ratio.mean == pytest.approx(factor)
    assert ratio.low == pytest.approx(factor, rel=1e-4)


def test_values_that_are_no_measure_are_left_out_and_counted():
    found = geometric(np.array([1.0, np.nan, np.inf, 0.0, 4.0]))
    assert (found.mean, found.count) == (pytest.approx(2), 2)
    assert geometric(np.array([np.nan])).count == 0
    assert str(geometric(np.array([]))) == "—"
    assert str(geometric(np.array([3.0]))) == "3"


@pytest.mark.parametrize(
    ("low", "high", "word"),
    [
        (0.5, 0.9, "lower"),
        (1.1, 2, "higher"),
        (0.9, 1.1, "no difference shown"),
        (math.nan, math.nan, "no difference shown"),
    ],
)
def test_verdicts(low, high, word):
    assert verdict(Estimate(1.0, low, high, 5)) == word


def test_runs_must_pair():
    with pytest.raises(ValueError, match="as many runs"):
        paired_ratio(np.ones(3), np.ones(2))


def test_bootstrap_intervals_hold_as_often_as_stated():
    """Of normal logarithms, in 400 experiments of 15 runs: percentiles hold a little less often."""
    rng = np.random.default_rng(0)
    held = 0
    for _ in range(400):
        base = np.exp(rng.normal(0, 3, 15))
        found = bootstrap_ratio(base * np.exp(rng.normal(0.5, 0.4, 15)), base)
        held += found.low <= np.exp(0.5) <= found.high
    assert 0.88 <= held / 400 <= 0.97


def test_bootstrap_pairs_and_leaves_out_what_is_not_positive():
    values = np.array([2.0, 4.0, 8.0, np.nan, 0.0, np.inf])
    found = bootstrap_ratio(values, np.array([1.0, 2.0, 4.0, 1.0, 1.0, 1.0]))
    assert (found.mean, found.low, found.high, found.count) == (2.0, 2.0, 2.0, 3)
    assert bootstrap_ratio(values[:1], np.ones(1)).count == 1
    assert np.isnan(bootstrap_ratio(np.array([np.nan]), np.ones(1)).mean)
    with pytest.raises(ValueError, match="as many runs in both"):
        bootstrap_ratio(values, np.ones(2))
