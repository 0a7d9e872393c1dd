"""What is made of a sweep's data: tables by protocol, figures, ways through weight space."""

import os
import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import product

import click.testing
import numpy as np
import pytest
import torch
import xarray as xr

from analysis.collapse import VARIANCE_FLOOR
from corrector import MCWEENY, smoothstep
from corrector.cli import door
from training import metrics, network, sweep
from training.figures import FIGURES
from training.sweeping import plotting
from training.sweeping.engine import Training
from training.sweeping.figures import figures_of
from training.sweeping.plan import Plan
from training.sweeping.plotting import costs as draw_costs
from training.sweeping.plotting import epochs, pareto, planes, rates
from training.sweeping.protocols import failed
from training.sweeping.store import Store, read_dataset, read_plan
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


@pytest.fixture(scope="module")
def rescaled(tmp_path_factory):
    """A sweep in which rules of one nominal rate take steps of other lengths."""
    return sweep(
        ["N1", "B1"],
        ["ordinary", "modified"],
        [0.1, 0.2, 0.4],
        4,
        40,
        reductions=["seed"],
        path=tmp_path_factory.mktemp("rescaled") / "sweep",
        progress=False,
    )


def labelled(ax):
    return {line.get_label(): line for line in ax.lines if not line.get_label().startswith("_")}


def test_rates_are_drawn_as_given_and_as_effective(swept, rescaled):
    given, effective, *others = rates(rescaled).axes[:4]
    assert [ax.get_title() for ax in (given, effective, *others)] == ["N1", "N1", "B1", "B1"]
    bottom = rates(rescaled).axes[-4:]
    words = ["learning rate", "effective rate (at half_sum)"]
    assert [ax.get_xlabel() for ax in bottom] == words * 2
    for rule, scale in (("ordinary", 0.4), ("modified", 1)):  # 2/D beside 1
        np.testing.assert_allclose(labelled(given)[rule].get_xdata(), [0.1, 0.2, 0.4])
        np.testing.assert_allclose(labelled(effective)[rule].get_xdata(), scale * np.array([0.1, 0.2, 0.4]))
    assert len(rates(swept[1].sel(batch=64)).axes) == 6  # at half_sum the two are one


def test_runs_that_collapsed_are_hollow_and_where_most_did_the_line_is_faint(swept):
    part = swept[1].sel(batch=64)
    last = part.sel(network="N1").isel(epoch=-1).squeeze()
    ax = rates(part).axes[0]
    hollow = [line for line in ax.lines if line.get_markerfacecolor() == "none"]
    drawn = sum(np.isfinite(line.get_ydata()).sum() for line in hollow)
    assert drawn == (last.collapsed & np.isfinite(last.error)).sum() > 0
    target = last.sel(rule="target")
    assert target.collapsed.mean("run")[-1] > 0.5
    whole = [line for line in ax.lines if line.get_linestyle() == "-"]
    faint, solid = (line for line in whole if line.get_color() == labelled(ax)["target"].get_color())
    assert np.isfinite(faint.get_ydata()).all()
    assert np.isnan(solid.get_ydata()[-1])
    assert faint.get_alpha() < 0.5


def test_rules_beyond_the_palette_are_told_apart():
    named = [f"rule {i}" for i in range(20)]
    looks = plotting._looks(xr.Dataset(coords={"rule": named}))
    assert [rule for rule, _ in looks] == named
    assert len({tuple(look.values()) for _, look in looks}) == 20


def test_staircases_are_the_least_error_of_what_keeps_as_much_or_more(swept):
    steps = 0
    for batch, (column, name) in product((64, 128), enumerate(("N1", "B1"))):
        part = swept[1].sel(batch=batch)
        for rule, line in labelled(pareto(part).axes[column]).items():
            assert line.get_drawstyle() == "steps-post"
            one = part.sel(network=name, rule=rule).isel(epoch=-1).squeeze()
            there = (one.kept >= VARIANCE_FLOOR) & (one.diverged < 0) & np.isfinite(one.error)
            kept, error = one.kept.values[there.values], one.error.values[there.values]
            x, y = line.get_data()
            assert (np.diff(x) < 0).all()
            between = (x[1:] + x[:-1]) / 2
            np.testing.assert_allclose(y[:-1], [error[kept >= at].min() for at in between])
            assert len(y) == 0 or y[-1] == pytest.approx(error.min())
            steps += len(between)
    assert steps > 5


def test_legends_tell_rates_failures_and_costs(rescaled):
    part = rescaled.sel(reduction="seed")
    found = part.assign(diverged=part.diverged.where((part.run > 0) | (part.rule != "modified"), 3))
    at = {(name, rule): 0.2 for name in ("N1", "B1") for rule in ("ordinary", "modified")}
    first, second = (text.get_text() for text in epochs(found, at).axes[-2].get_legend().texts)
    assert first.startswith("ordinary: rate 0.2 (0.08 at half_sum)")
    assert second.startswith("modified: rate 0.2 (0.2 at half_sum)\n")
    ends = found.sel(network="N1", rule="modified", learning_rate=0.2).isel(epoch=-1)
    assert f"{int((ends.diverged >= 0).sum())} of 4 diverged" in second
    assert int((ends.diverged >= 0).sum()) > 0
    ax = draw_costs(found, at, {"ordinary": 6.0, "modified": 5.0}).axes[0]
    (line,) = (line for label, line in labelled(ax).items() if label.startswith("ordinary"))
    assert "6 passes an epoch" in line.get_label()
    np.testing.assert_allclose(line.get_xdata(), 6 * found.epoch)
    assert ax.lines[-1].get_xdata()[0] == 40 * 5  # where the cheapest ends


def test_what_flies_off_leaves_the_axes(rescaled):
    part = rescaled.sel(reduction="seed")
    wild = part.assign(error=part.error.where((part.run > 1) | (part.epoch < 10), 1e12))
    at = {(name, rule): 0.2 for name in ("N1", "B1") for rule in ("ordinary", "modified")}
    first = float(part.error.sel(network="N1").isel(epoch=0).max())
    for figure in (rates(wild), epochs(wild, at), plotting.panels(wild, at), pareto(wild)):
        assert first < figure.axes[0].get_ylim()[1] < 1000 * first


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


def test_figures_are_of_whole_and_finished_sweeps(swept, tmp_path):
    folder = shutil.copytree(swept[0], tmp_path / "copy")
    store = Store(folder, read_plan(folder))
    (folder / "pieces" / "000003.safetensors").unlink()
    store.write_dataset()
    with pytest.raises(ValueError, match=r"expected a finished sweep .*; got 79 of 80 pieces: .* goes on"):
        figures_of(folder)
    (folder / "sweep.nc").write_bytes((swept[0] / "sweep.nc").read_bytes()[:5000])
    with pytest.raises(ValueError, match=r"expected a whole data set in .*sweep\.nc; got: "):
        figures_of(folder)
    (folder / "sweep.nc").unlink()
    with pytest.raises(FileNotFoundError, match=r"sweep\.nc"):
        figures_of(folder)


def test_two_processes_write_one_data_set(swept, tmp_path, monkeypatch):
    # Each tidies drafts away that a killed one may have left, but not those that another is writing.
    folder = shutil.copytree(swept[0], tmp_path / "copy")
    sync = os.fsync
    monkeypatch.setattr(os, "fsync", lambda file: (time.sleep(0.05), sync(file))[1])
    stores = [Store(folder, read_plan(folder)) for _ in range(2)]
    for store in stores:
        monkeypatch.setattr(store, "dataset", lambda: swept[1])
    with ThreadPoolExecutor(2) as pool:
        written = [pool.submit(store.write_dataset) for store in stores * 5]
    assert all(one.result() is swept[1] for one in written)
    assert read_dataset(folder).identical(swept[1])


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
    assert np.ptp(found.first) == pytest.approx(np.ptp(found.second))


def test_planes_tell_how_each_rule_ends_and_how_much_they_hold():
    shares = []
    found = trajectories("N1", 0.1, rules=("modified", "target"), grid=9, progress=shares.append)
    assert shares == sorted(shares)
    assert (shares[0], shares[-1]) == (pytest.approx(1 / 2000), 1)
    assert found.last["target"]["kept"] < VARIANCE_FLOOR < found.last["modified"]["kept"]
    figure = planes([found])
    figure.canvas.draw()
    top, below = figure.axes[:2]
    for ax in (top, below):
        ends = {line.get_marker(): line for line in ax.lines if line.get_marker() in "Xs"}
        np.testing.assert_array_equal(ends["X"].get_xydata()[0], found.ways["target"][-1])
        np.testing.assert_array_equal(ends["s"].get_xydata()[0], found.ways["modified"][-1])
    assert float(top.get_title().split()[-5]) <= 100 * found.explained
    assert top.title.get_window_extent().y1 < figure.bbox.y1
    first, second = (text.get_text() for text in below.get_legend().texts)
    assert first.endswith(f", {found.last['modified']['kept']:.2g} kept")
    assert second == "target: ends with error <1e-16, <1e-16 kept"


def test_the_named_figures_are_drawn():
    ways = FIGURES["trajectories"]()
    assert [ax.get_title().split(",")[0] for ax in ways.axes[:3]] == ["N1", "N2", "B1"]
    legends = [text.get_text().split(":")[0] for text in ways.axes[3].get_legend().texts]
    assert legends == ["ordinary", "modified", "target"]
    plane, _, table = FIGURES["spectrum"]().axes
    assert sum(int(text.get_text()) for text in table.texts) == 1000
    assert plane.get_title().startswith("5000 eigenvalues")


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
