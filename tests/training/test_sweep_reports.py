"""What is made of a sweep's data: tables by protocol, figures, ways through weight space."""

import click.testing
import numpy as np
import pytest
import torch

from corrector import MCWEENY, smoothstep
from corrector.cli import door
from training import metrics, network, sweep
from training.sweeping.engine import Training
from training.sweeping.figures import figures_of
from training.sweeping.plan import Plan
from training.sweeping.plotting import planes
from training.sweeping.protocols import failed
from training.sweeping.store import Store, read_plan
from training.sweeping.tables import costs, fair_tables, settings, show
from training.sweeping.trajectories import _measured, trajectories


@pytest.fixture(scope="module")
def swept(tmp_path_factory):
    """A folder, its data and its plan: two networks, three rules, two batch sizes."""
    folder = tmp_path_factory.mktemp("swept") / "sweep"
    found = sweep(
        ["N1", "B1"],
        ["ordinary", "modified", "target"],
        [0.1, 0.4],
        5,
        60,
        correctors=[MCWEENY, smoothstep(2)],
        batch_sizes=[64, 128],
        samples=128,
        path=folder,
        progress=False,
    )
    return folder, found, read_plan(folder)


def run(*arguments):
    return click.testing.CliRunner().invoke(door, [*map(str, arguments)], catch_exceptions=False)


def test_every_setting_has_a_name_and_its_data(swept):
    found = swept[1]
    parts = {one.name: one.data for one in settings(found)}
    assert list(parts) == ["N1, batch 64", "N1, batch 128", "B1, batch 64", "B1, batch 128"]
    assert set(parts["N1, batch 64"].error.dims) == {"rule", "learning_rate", "run", "epoch"}
    one = found.error.sel(network="B1", batch=64).squeeze()
    np.testing.assert_array_equal(parts["B1, batch 64"].error.transpose(*one.dims), one)


def test_rules_are_named_and_cost_what_their_corrector_does(swept):
    _, found, plan = swept
    assert list(found.rule.values) == ["ordinary", "modified order 1", "modified order 2", "target"]
    one = next(settings(found))
    assert costs(one, plan) == {"ordinary": 12, "modified order 1": 10, "modified order 2": 14, "target": 8}


def test_equal_seconds_are_those_that_the_sweep_took(swept, capsys):
    folder, found, plan = swept
    seconds = Store(folder, plan).seconds()
    assert len(seconds) == 2 * 2 * 4
    assert all(1e-9 < value < 1e-2 for value in seconds.values())
    one = next(settings(found))
    assert one.at == ("N1", "default", "normal", 64, "half_sum")
    seconds[(*one.at, "ordinary")], seconds[(*one.at, "target")] = 2e-3, 1e-3
    seconds[(*one.at, "modified order 1")], seconds[(*one.at, "modified order 2")] = 3e-3, 5e-3
    table = fair_tables(found, plan, seconds)["N1, batch 64"]
    assert table.budget == pytest.approx(60 * 2 * 1e-3)
    spent = {row.rule: row.spent / 2e-3 for row in table.rows}
    assert 0.85 * 60 < spent["ordinary"] <= 60
    assert 0.85 * 60 < spent["modified order 2"] <= 60
    assert spent["target"] == pytest.approx(60)
    show(found, plan, "fair", seconds)
    assert "N1, batch 64: at most 0.12 seconds a run" in capsys.readouterr().out


def test_seconds_of_short_runs_are_not_made_up(tmp_path):
    options = ("--networks", "N1", "--epochs", 3, "--runs", 2, "--learning-rates", "0.1", "--processes", 1)
    result = run("sweep", *options, "--budget", "seconds", "--output", tmp_path / "a")
    assert result.exit_code == 2
    assert "expected runs of 16 steps or more, whose time is known; got shorter ones" in result.output
    assert "Data: " not in result.output
    assert run("sweep", "--output", tmp_path / "a").exit_code == 0


def test_rules_are_measured_where_they_have_spent_alike(swept):
    _, found, plan = swept
    table = fair_tables(found, plan)["N1, batch 64"]
    assert table.budget == 60 * 8
    spent = {row.rule: row.spent for row in table.rows}
    assert spent == {"ordinary": 480, "modified order 1": 480, "modified order 2": 14 * 34, "target": 480}


def test_the_tables_of_both_protocols(swept, capsys):
    _, found, plan = swept
    show(found, plan, "fair")
    shown = capsys.readouterr().out
    assert shown.count("identity") == shown.count("constant map") == 4
    assert (
        "N1, batch 64: at most 480 network passes a run, rates chosen on run 0, reported on runs 1–4" in shown
    )
    assert "at half_sum" not in shown
    show(found, plan, "paper")
    shown = capsys.readouterr().out
    assert shown.count("as published: runs that did not improve are discarded") == 4
    assert shown.count("/10") == 16  # of two rates and five runs: four rules in four settings


def test_figures_of_a_folder(swept, tmp_path):
    folder, found, _ = swept
    drawn = figures_of(folder)
    kinds = ("rates", "pareto", "epochs", "panels", "costs")
    assert set(drawn) == {f"{kind}-{batch}" for kind in kinds for batch in (64, 128)}
    rates = drawn["rates-64"]().axes
    assert [ax.get_title() for ax in rates[:2]] == ["N1", "B1"]
    part = found.sel(batch=64, network="B1", rule="target").isel(epoch=-1)
    np.testing.assert_allclose(rates[5].lines[-1].get_ydata(), failed(part).mean("run").squeeze())
    for kind in kinds[1:]:
        assert drawn[f"{kind}-128"]().axes
    result = run("figures", "--sweep", folder, "--only", "rates-64", "--output", tmp_path, "--format", "png")
    assert (tmp_path / "rates-64.png").stat().st_size > 10_000, result.output


def test_the_command_prints_the_protocol_that_is_asked_for(swept):
    folder = swept[0]
    assert "rates chosen on run 0" in run("sweep", "--output", folder).output
    assert "as published" in run("sweep", "--output", folder, "--protocol", "paper").output


def test_the_papers_protocol_has_the_papers_defaults(tmp_path):
    options = (
        "--networks",
        "N1",
        "--epochs",
        3,
        "--runs",
        2,
        "--learning-rates",
        "0.1,0.2",
        "--processes",
        1,
    )
    run("sweep", *options, "--protocol", "paper", "--output", tmp_path / "a")
    plan = read_plan(tmp_path / "a")
    assert (plan.rules, plan.reductions) == (("ordinary", "modified"), ("seed",))
    run("sweep", *options, "--output", tmp_path / "b")
    plan = read_plan(tmp_path / "b")
    assert (plan.rules, plan.reductions) == (("ordinary", "modified", "target"), ("half_sum",))


def test_mistakes_about_figures_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"plan\.json"):
        figures_of(tmp_path)


def test_ways_begin_together_on_a_plane_that_holds_them():
    found = trajectories("N1", 0.05, epochs=80, grid=9)
    ordinary, modified = found.ways["ordinary"], found.ways["modified"]
    np.testing.assert_array_equal(ordinary[0], modified[0])
    assert ordinary.shape == modified.shape == (81, 2)
    assert 0.8 < found.explained <= 1
    assert np.linalg.norm(ordinary[-1] - modified[-1]) > 0.1
    for way in found.ways.values():
        assert (found.first[0] < way[:, 0]).all()
        assert (way[:, 1] < found.second[-1]).all()
    assert found.error.shape == found.kept.shape == (9, 9)
    assert np.isfinite(found.error).all()
    assert len(planes([found]).axes) == 4


def test_the_surface_is_the_networks_own_error():
    plan = Plan(
        networks=("B1",), rules=("modified",), learning_rates=(0.1,), runs=1, epochs=1, dtype="float64"
    )
    training = Training(plan, plan.pieces[0])
    rows = np.random.default_rng(0).normal(0, 0.3, (3, 30))
    errors, kept = _measured(training, rows)
    for row, error, share in zip(rows, errors, kept, strict=True):
        net = network("B1").double()
        torch.nn.utils.vector_to_parameters(torch.from_numpy(row), net.parameters())
        own = metrics(net, training.inputs.held_out)
        assert (error, share) == pytest.approx((own["error"], own["kept"]), rel=1e-10)


def test_along_a_way_the_surface_is_the_runs_own_error():
    found = trajectories("B1", 0.05, rules=("ordinary",), epochs=20, grid=81)
    plan = Plan(
        networks=("B1",),
        rules=("ordinary",),
        learning_rates=(0.05,),
        runs=1,
        epochs=20,
        dtype="float64",
        points=21,
        spacing="linear",
    )
    training = Training(plan, plan.pieces[0])
    own = training.run(training.fresh()).curves["error"][:, 0].numpy()
    near = [
        found.error[np.abs(found.second - y).argmin(), np.abs(found.first - x).argmin()]
        for x, y in found.ways["ordinary"]
    ]
    assert found.explained > 0.999
    np.testing.assert_allclose(near, own, rtol=0.05)
    assert own[-1] < own[0] / 3
