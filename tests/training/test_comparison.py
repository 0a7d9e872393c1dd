import dataclasses
import math

import numpy as np
import pytest
import torch

from corrector import smoothstep
from training import digits, metrics
from training.comparison.comparing import CONTENDERS, MEASURES, Setting, _batches, compare
from training.comparison.report import COLUMNS, edges, findings, table
from training.statistics import paired_ratio

SETTING = Setting(
    images=digits(),
    widths=(64, 12, 64),
    rates=(1e-3, 1e-2),
    passes=84,
    tuning_seeds=(0, 1),
    seeds=(2, 3, 4),
    points=3,
)


@pytest.fixture(scope="module")
def comparison():
    return compare(SETTING)


@pytest.fixture(scope="module")
def noisy():
    generator = torch.Generator().manual_seed(0)
    test = SETTING.images.test
    return test + SETTING.noise * torch.randn(test.shape, generator=generator)


def test_budgets_are_equal_in_passes(comparison):
    spent = comparison.runs.passes_spent.isel(point=-1)
    for contender in CONTENDERS:
        steps = int(comparison.runs.steps.sel(contender=contender.name))
        assert steps == SETTING.passes // contender.passes
        assert 0 <= SETTING.passes - int(spent.sel(contender=contender.name)) < contender.passes


@pytest.mark.parametrize("contender", CONTENDERS, ids=lambda c: c.name)
def test_passes_a_step_are_what_the_network_sees(contender):
    """Forward and backward passes counted by hooks on the loss as it is trained."""
    from training import idempotency_loss

    net = SETTING.build()
    counted = []
    net.register_forward_hook(lambda *_: counted.append(1))
    net[-1].register_full_backward_hook(lambda *_: counted.append(2))
    y = net(torch.rand(4, 64))
    loss = y.square().sum()
    if contender.rule:
        loss = loss + idempotency_loss(net, y, contender.corrector, contender.rule)
    loss.backward()
    assert sum(counted) == contender.passes


def test_contenders_are_the_ones_promised():
    assert [(c.rule, c.corrector.order) for c in CONTENDERS[1:]] == [
        ("ordinary", 1),
        ("target", 1),
        ("modified", 1),
        ("modified", 2),
    ]
    assert CONTENDERS[-1].corrector == smoothstep(2)
    assert CONTENDERS[0].rule is None


def test_all_start_from_the_same_weights(comparison):
    start = comparison.runs.validation.isel(point=0)
    for contender in CONTENDERS[1:]:
        for rate in SETTING.rates:
            np.testing.assert_array_equal(
                start.sel(contender=contender.name, rate=rate),
                start.sel(contender=CONTENDERS[0].name, rate=1e-3),
            )


def test_measures_are_those_of_the_trained_networks(comparison, noisy):
    for contender, rate, seed in (("ordinary", 1e-2, 3), ("modified order 2", 1e-3, 0)):
        net = comparison.member(contender, rate, seed)
        alone = metrics(net, noisy)
        found = comparison.runs.test.sel(contender=contender, rate=rate, seed=seed)
        for name in ("error", "relative", "kept", "rank"):
            assert float(found.sel(measure=name)) == pytest.approx(alone[name], rel=1e-4)
        with torch.no_grad():
            y = net(noisy)
            error = (y - SETTING.images.test).square().mean().item()
            again = (net(net(net(net(y)))) - SETTING.images.test).square().mean().item()
        assert float(found.sel(measure="reconstruction")) == pytest.approx(error, rel=1e-4)
        assert float(found.sel(measure="reconstruction_again")) == pytest.approx(again, rel=1e-4)


def test_equal_settings_give_equal_runs(comparison):
    again = compare(SETTING)
    for name in ("validation", "test"):
        np.testing.assert_array_equal(comparison.runs[name], again.runs[name])


def test_the_rate_is_chosen_by_validation_on_seeds_that_are_not_reported(comparison):
    runs = comparison.runs.copy(deep=True)
    spoiled = dataclasses.replace(comparison, runs=runs)
    runs.validation.loc[{"seed": list(SETTING.seeds)}] = np.nan
    runs.test.loc[{"seed": list(SETTING.tuning_seeds)}] = np.nan
    for contender in CONTENDERS:
        rate = comparison.best_rate(contender.name)
        assert spoiled.best_rate(contender.name) == rate
        np.testing.assert_array_equal(
            comparison.reported(contender.name, rate), spoiled.reported(contender.name, rate)
        )
    runs.validation.loc[{"rate": 1e-3, "seed": 0, "point": 3}] = np.inf
    assert spoiled.best_rate("ordinary") == 1e-2


def test_the_identity_and_the_constant_map_stand_beside(comparison):
    rows = {row.name: row for row in table(comparison)}
    assert list(rows)[-2:] == ["identity", "constant map"]
    assert rows["identity"].cell("centred") == "0"
    assert rows["constant map"].cell("centred") == "collapsed"
    assert rows["constant map"].cell("kept") == "0"
    noise = rows["identity"].estimates["reconstruction"].mean
    assert noise == pytest.approx(SETTING.noise**2, rel=0.05)
    for row in rows.values():
        assert set(row.estimates) == set(COLUMNS)


def with_test_values(comparison, values):
    """The comparison with test measures put in: {contender: {measure: values over the seeds}}."""
    runs = comparison.runs.copy(deep=True)
    for contender in CONTENDERS:
        for measure in MEASURES:
            runs.test.loc[{"contender": contender.name, "measure": measure}] = 0.5
    for contender, measures in values.items():
        for measure, numbers in measures.items():
            for seed, number in zip(SETTING.seeds, numbers, strict=True):
                runs.test.loc[{"contender": contender, "measure": measure, "seed": seed}] = number
    return dataclasses.replace(comparison, runs=runs)


def test_text_claims_what_intervals_support_and_no_more(comparison):
    base = {"centred": [0.5, 0.51, 0.49], "reconstruction": [0.3, 0.31, 0.29]}
    half = {"centred": [0.25, 0.255, 0.245], "reconstruction": [0.3, 0.31, 0.29]}
    spread = {"centred": [0.05, 2.0, 0.3], "reconstruction": [0.1, 0.9, 0.3]}
    bought = {"centred": [0.25, 0.255, 0.245], "reconstruction": [0.6, 0.62, 0.58]}
    worse = {"centred": [1.0, 1.02, 0.98], "reconstruction": [0.3, 0.31, 0.29]}
    told = with_test_values(
        comparison,
        {
            "ordinary": base,
            "modified order 1": half,
            "modified order 2": spread,
            "target": bought,
            "reconstruction only": worse,
        },
    )
    summary, *sentences, caveat = findings(told)
    assert "etter: modified order 1" in summary
    assert "no difference shown: modified order 2" in summary
    assert "one bought with the other: target" in summary
    assert "orse: reconstruction only" in summary
    assert len(sentences) == 4
    assert (
        "centred error 0.5 times as large (0.5–0.5: lower); reconstruction 1 times as large" in sentences[2]
    )
    assert "no difference shown); reconstruction" in sentences[3]
    assert "says nothing of others" in caveat


def test_collapsed_and_diverged_runs_are_counted_and_kept_out(comparison):
    told = with_test_values(
        comparison,
        {
            "ordinary": {"kept": [0.5, 1e-5, 0.5], "centred": [0.1, 99.0, 0.1]},
            "target": {"kept": [1e-9, 1e-9, np.nan], "error": [0.0, 0.0, np.inf]},
        },
    )
    rows = {row.name: row for row in table(told)}
    assert rows["ordinary"].failed == 1
    assert rows["ordinary"].state == "1 of 3"
    assert rows["ordinary"].estimates["centred"].mean == pytest.approx(0.1)
    assert rows["target"].state == "3 of 3"
    assert rows["target"].cell("centred") == "collapsed"
    assert rows["target"].cell("reconstruction") == "—"
    assert "ot comparable, for runs collapsed or diverged: target" in findings(told)[0]
    assert "2 pairs of runs" in findings(told)[2]


def test_rates_at_the_end_of_the_grid_are_confessed(comparison):
    assert set(edges(comparison)) == {c.name for c in CONTENDERS}


def test_rank_and_share_are_not_those_of_the_data(comparison):
    for contender in CONTENDERS:
        rank = comparison.runs.test.sel(contender=contender.name, measure="rank")
        assert ((rank > 0.99) & (rank <= 12.01)).all()  # the bottleneck is 12 wide
    assert not any(math.isnan(v) for v in comparison.references["identity"].values())


def test_survivors_of_a_collapse_are_not_called_better(comparison):
    told = with_test_values(
        comparison,
        {
            "ordinary": {"centred": [0.5, 0.51, 0.49]},
            "modified order 1": {"centred": [0.1, 0.11, 0.09], "kept": [0.5, 0.5, 1e-6]},
            "modified order 2": {"centred": [0.1, 0.11, 0.09], "kept": [0.01, 0.011, 0.009]},
        },
    )
    summary, *sentences, _ = findings(told)
    assert "ot reliable, for some runs collapsed or diverged: modified order 1" in summary
    assert "ne bought with the other: modified order 2" in summary
    assert "etter" not in summary
    assert "2 pairs of runs, 1 more collapsed or diverged" in sentences[2]


def test_intervals_hold_jointly(comparison):
    rng = np.random.default_rng(1)
    values = {"ordinary": {"centred": [0.5, 0.5, 0.5]}, "target": {"centred": np.exp(rng.normal(0, 0.1, 3))}}
    told = with_test_values(comparison, values)
    ratio = paired_ratio(np.array(values["target"]["centred"]), np.full(3, 0.5), 1 - 0.05 / 16)
    assert f"({ratio.low:.3g}–{ratio.high:.3g}: " in findings(told)[2]


def test_training_sees_training_pictures_only():
    quiet = dataclasses.replace(SETTING, noise=0.0)
    noisy, clean = next(_batches(quiet, (0, 1), "cpu"))
    assert noisy.shape == clean.shape == (2, 128, 64)
    train = {tuple(row) for row in SETTING.images.train.tolist()}
    assert all(tuple(row) in train for row in clean.reshape(-1, 64).tolist())
    assert torch.equal(noisy, clean)
    assert not torch.equal(clean[0], clean[1])


@pytest.mark.parametrize("passes", [7, 70])
def test_the_least_budgets_are_measured_at_each_step(passes):
    runs = compare(dataclasses.replace(SETTING, passes=passes, rates=(1e-3,), points=20)).runs
    assert runs.sizes["point"] == passes // 7 + 1
    assert (runs.passes_spent.isel(point=0) == 0).all()
