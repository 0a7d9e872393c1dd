"""Protocols on sweeps whose answers are known: who is discarded, which rate is chosen, who is paired."""

from inspect import signature

import numpy as np
import pytest
import xarray as xr

from training.sweeping.protocols import at_equal, best_published, epochs_until, fair, published

RULES, RATES, RUNS, EPOCHS = ["modified", "ordinary"], [0.1, 0.2, 0.4], 9, [0, 1, 5, 6, 10]
COSTS = {"modified": 5.0, "ordinary": 6.0}


def sweep(**curves):
    """A data set in which every measure is 1 but those given, as functions of places on axes."""
    axes = {"rule": RULES, "learning_rate": RATES, "run": list(range(RUNS)), "epoch": EPOCHS}
    shape = tuple(map(len, axes.values()))
    grid = dict(zip(("rule", "rate", "run", "epoch"), np.indices(shape), strict=True))
    found = {name: np.ones(shape) for name in ("error", "relative", "centred", "kept", "rank")}
    found["collapsed"] = np.zeros(shape, bool)
    for name, curve in curves.items():
        found[name] = np.broadcast_to(curve(*(grid[axis] for axis in signature(curve).parameters)), shape)
    variables = {name: (tuple(axes), values) for name, values in found.items() if name != "diverged"}
    diverged = found["diverged"][..., 0] if "diverged" in found else np.full(shape[:-1], -1)
    variables["diverged"] = (tuple(axes)[:-1], diverged)
    rates = np.broadcast_to(np.array(RATES)[None, :, None], shape[:-1])
    variables["effective_rate"] = (tuple(axes)[:-1], 2 * rates)
    data = xr.Dataset(variables, axes)
    return data.expand_dims({"network": ["N1"], "data": ["normal"]})


def test_published_averages_the_runs_that_improved():
    # Run 0 ends worse than it began and collapsed, run 1 in nan, run 2 collapsed.
    def error(run, epoch):
        last = np.where(run == 0, 2.0, np.where(run == 1, np.nan, 0.1 * (run + 1)))
        return np.where(epoch == len(EPOCHS) - 1, last, 1.0)

    found = published(sweep(error=error, collapsed=lambda run: (run == 0) | (run == 2)))
    assert found.discarded.dims == ("network", "data", "rule", "learning_rate")
    assert (found.discarded == 2).all()
    assert (found.collapsed == 1).all()
    np.testing.assert_allclose(found.error, np.mean([0.1 * (run + 1) for run in range(2, RUNS)]))


def test_the_best_published_rate_is_that_of_the_runs_that_improved():
    # The modified rule improves at 0.1, nowhere at 0.2, and once, but most, at 0.4; the ordinary rule never.
    def error(rule, rate, run, epoch):
        last = np.where(rule == 1, 2.0, np.choose(rate, [0.1, 2.0, np.where(run == 0, 1e-3, 3.0)]))
        return np.where(epoch == len(EPOCHS) - 1, last, 1.0)

    data = sweep(error=error, collapsed=lambda run: run == 0)
    modified, ordinary = best_published(data)
    assert (modified.rule, modified.rate, modified.effective_rate) == ("modified", 0.4, 0.8)
    assert modified.error == pytest.approx(1e-3)
    assert (modified.runs, modified.discarded, modified.collapsed) == (RUNS, RUNS - 1, 1)
    assert (modified.all_runs, modified.all_discarded, modified.all_collapsed) == (3 * RUNS, 2 * RUNS - 1, 2)
    assert np.isnan(ordinary.error)
    assert ordinary.all_discarded == 3 * RUNS


def rows(data, **options):
    found = fair(data, COSTS, **options)
    return found, {row.rule: row for row in found.rows}


def test_fair_chooses_by_some_runs_and_reports_on_others():
    # 0.2 is best on the first three runs, 0.4 on the others.
    def centred(rate, run):
        return np.choose(rate, [0.02, np.where(run < 3, 0.01, 0.04), np.where(run < 3, 0.03, 0.01)])

    found, by_rule = rows(sweep(centred=centred))
    assert (found.tuning, found.reported) == ((0, 1, 2), (3, 4, 5, 6, 7, 8))
    row = by_rule["modified"]
    assert (row.rate, row.edge) == (0.2, "")
    assert row.effective_rate == pytest.approx(0.4)
    assert row.measures["centred"].mean == pytest.approx(0.04)
    assert rows(sweep(centred=centred), tuning=8)[1]["modified"].edge == "greatest"


def test_what_collapsed_or_diverged_is_no_best_rate_and_is_counted():
    data = sweep(
        centred=lambda rate: np.choose(rate, [0.5, 1e-9, 1e-9]),
        collapsed=lambda rate: rate == 1,
        diverged=lambda rate, run: np.where((rate == 2) | ((rate == 0) & (run == 5)), 7, -1),
    )
    row = rows(data)[1]["modified"]
    assert (row.rate, row.diverged, row.collapsed, row.runs, row.edge) == (0.1, 1, 0, 6, "least")
    assert row.measures["centred"].count == 5


def test_a_rate_that_often_succeeds_is_better_than_one_that_hardly_moves():
    data = sweep(
        centred=lambda rate: np.choose(rate, [0.5, 1e-9, 0.4]),
        collapsed=lambda rate, run: (rate == 1) & (run % 2 == 0),
    )
    assert rows(data)[1]["modified"].rate == 0.2
    # One run in three far off is no worse than one that collapsed: 10⁻², and not 10.
    wild = sweep(centred=lambda rate, run: np.choose(rate, [0.1, np.where(run == 0, 1e9, 1e-3), 0.1]))
    assert rows(wild)[1]["modified"].rate == 0.2


def test_where_all_collapse_the_table_says_so():
    data = sweep(collapsed=lambda run: run >= 0, relative=lambda rate: np.choose(rate, [3, 2, 1]))
    row = rows(data)[1]["ordinary"]
    assert (row.rate, row.collapsed) == (0.4, 6)
    assert row.measures["error"].count == 0
    assert row.measures["kept"].count == 6


def test_the_score_leaves_no_run_out():
    # Of six reported runs the modified rule loses two: centred errors 0.01, 0.01, 0.01, 0.01, 1 and 1.
    data = sweep(
        centred=lambda rule, run: np.where(rule == 1, 0.1, np.where(run == 8, 30.0, 0.01)),
        collapsed=lambda rule, run: (rule == 0) & (run == 7),
    )
    row = rows(data)[1]["modified"]
    assert (row.measures["score"].count, row.ratios["score"].count) == (6, 6)
    assert row.measures["score"].mean == pytest.approx(0.01 ** (4 / 6))
    assert row.ratios["score"].mean == pytest.approx(0.01 ** (4 / 6) / 0.1)
    assert (row.measures["error"].count, row.ratios["error"].count) == (5, 5)


def test_what_was_kept_is_compared_though_runs_collapsed_but_not_where_they_diverged():
    data = sweep(
        kept=lambda rule: np.choose(rule, [4e-4, 1e-4]),
        collapsed=lambda run: run >= 0,
        diverged=lambda rule, run: np.where((run == 3 + rule), 7, -1),
    )
    ratios = rows(data)[1]["modified"].ratios
    assert (ratios["error"].count, ratios["kept"].count) == (0, 4)
    assert ratios["kept"].mean == pytest.approx(4)


def test_all_spend_alike():
    # Ten epochs of the modified rule cost 50 passes; within 50 the ordinary one was last measured after 6.
    found, by_rule = rows(sweep(error=lambda epoch: np.array(EPOCHS)[epoch] + 1.0))
    assert found.budget == 50
    assert by_rule["modified"].spent == 50
    assert by_rule["modified"].measures["error"].mean == pytest.approx(11)
    assert by_rule["ordinary"].spent == 36
    assert by_rule["ordinary"].measures["error"].mean == pytest.approx(7)


def test_ratios_pair_runs_of_one_seed():
    # Errors differ a thousandfold over runs and by 2 between rules: only pairs show the 2.
    def error(rule, run):
        return (
            10.0 ** (run % 4) * np.where(rule == 0, 0.5, 1.0) * np.where((run % 2) & (rule == 0), 1.01, 1.0)
        )

    _, by_rule = rows(sweep(error=error, collapsed=lambda rule, run: (rule == 1) & (run == 8)))
    ratio = by_rule["modified"].ratios["error"]
    assert ratio.count == 5  # of six: the reference's run 8 collapsed
    assert 0.499 <= ratio.low <= ratio.mean <= ratio.high <= 0.506
    assert by_rule["modified"].verdicts()["error"] == "lower"
    assert by_rule["ordinary"].verdicts()["error"] == "no difference shown"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"reference": "target"}, "must be one of modified, ordinary; got 'target'"),
        ({"tuning": 0}, "from 1 to 8; got 0"),
        ({"tuning": 9}, "from 1 to 8; got 9"),
    ],
)
def test_mistakes_are_named(options, words):
    with pytest.raises(ValueError, match=words):
        fair(sweep(), COSTS, **options)


def test_one_network_at_a_time():
    several = xr.concat([sweep(), sweep().assign_coords(network=["N2"])], "network")
    with pytest.raises(ValueError, match=r"one network, by data.sel\(network=…\)"):
        fair(several, COSTS)
    fair(several.sel(network="N2"), COSTS)


def test_rules_at_rates_of_one_name_and_of_one_scale():
    # The modified rule's steps are twice as long: its 0.1 and 0.2 are the ordinary one's 0.2 and 0.4.
    data = sweep(
        error=lambda rule, rate: np.where(rule == 0, 3.0, 1.0) * 10.0**rate,
        kept=lambda rule: np.where(rule == 0, 0.5, 1.0),
        collapsed=lambda rule, run: run == 2,
        diverged=lambda rule, rate, run: np.where((rule == 1) & (rate == 1) & (run == 0), 3, -1),
    )
    data["effective_rate"] = data.effective_rate * xr.where(data.rule == "modified", 2, 1)
    nominal = at_equal(data, "modified", "ordinary", rates="nominal")
    assert (nominal.rates, nominal.pairs, nominal.of) == ((0.1, 0.2, 0.4), 26, 27)
    assert nominal.ratios["error"].mean == pytest.approx(3)
    effective = at_equal(data, "modified", "ordinary")
    assert (effective.rates, effective.pairs, effective.of) == ((0.1, 0.2), 17, 18)
    assert effective.ratios["error"].mean == pytest.approx(0.3)
    assert effective.ratios["kept"].mean == pytest.approx(0.5)
    assert effective.ratios["error"].count == RUNS
    with pytest.raises(ValueError, match="expected effective rates that two rules share; got none"):
        at_equal(data.sel(learning_rate=[0.1]), "modified", "ordinary")
    with pytest.raises(ValueError, match="expected a rule of modified, ordinary; got 'none'"):
        at_equal(data, "none", "ordinary")


def test_a_run_counts_once_however_many_of_its_rates_are_sound():
    # Run 0 has ratio 100 at its one sound rate, the others 1 at all three: 100^(1/9), and not 100^(1/25).
    data = sweep(
        error=lambda rule, run: np.where((rule == 0) & (run == 0), 100.0, 1.0),
        diverged=lambda rate, run: np.where((run == 0) & (rate > 0), 3, -1),
    )
    found = at_equal(data, "modified", "ordinary", rates="nominal")
    assert found.ratios["error"].mean == pytest.approx(100 ** (1 / 9))
    assert found.ratios["sound"].mean == pytest.approx(100 ** (1 / 9))


def test_epochs_until_a_score():
    # Run 3 is there by epoch 1, collapses, and is back by 6; run 4 never is; the others in the end, but for
    # run 5, which is there in between and leaves.
    def centred(run, epoch):
        found = np.where(epoch == 4, 0.1, 0.5)
        found = np.where(run == 3, np.where(epoch > 0, 0.01, 0.5), np.where(run == 4, 0.2, found))
        return np.where(run == 5, np.where(epoch == 2, 0.01, 0.3), found)

    data = sweep(centred=centred, collapsed=lambda run, epoch: (run == 3) & (epoch < 3))
    table = fair(data, {"modified": 1.0, "ordinary": 1.0})
    found = epochs_until(data, table)
    np.testing.assert_array_equal(found["modified"], [6, np.inf, np.inf, 10, 10, 10])
    np.testing.assert_array_equal(epochs_until(data, table, 0.2)["ordinary"], [6, 0, np.inf, 10, 10, 10])


def test_what_vanishes_is_left_out_of_nothing():
    # Outputs of the modified rule become exactly 0: no logarithm, but not nothing to tell.
    data = sweep(
        error=lambda rule: np.where(rule == 0, 0.0, 1e-4),
        kept=lambda rule: np.where(rule == 0, 0.0, 1e-2),
        collapsed=lambda rule: rule == 0,
    )
    row = rows(data)[1]["modified"]
    assert (row.measures["kept"].count, row.ratios["kept"].count) == (6, 6)
    assert row.ratios["kept"].mean == pytest.approx(1e-6 / 1e-2)
    assert row.measures["error"].count == 0
    found = at_equal(data, "modified", "ordinary", rates="nominal")
    assert (found.pairs, found.sound, found.of) == (27, 0, 27)
    assert found.ratios["kept"].mean == pytest.approx(1e-4)
    assert found.ratios["error"].mean == pytest.approx(1e-12 / 1e-4)
    assert (found.ratios["error"].count, found.ratios["sound"].count) == (RUNS, 0)


def test_no_run_gains_by_rounding():
    data = sweep(centred=lambda rule: np.where(rule == 0, 1e-16, 1e-13))
    row = rows(data)[1]["modified"]
    assert row.measures["score"].mean == pytest.approx(1e-12)
    assert row.verdicts()["score"] == "no difference shown"
