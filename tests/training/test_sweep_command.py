"""`corrector sweep` as a person uses it."""

import os
import subprocess
import sys

import pytest
import xarray as xr
from click.testing import CliRunner

from corrector.cli import door
from training import sweep as of_python
from training.sweeping import cli
from training.sweeping.cli import learning_rates, sweep
from training.sweeping.estimate import Estimate

QUICK = (
    "--networks",
    "N1",
    "--learning-rates",
    "0.1,0.2",
    "--runs",
    "2",
    "--epochs",
    "20",
    "--processes",
    "1",
)
QUICK += ("--batch-sizes", "50", "--held-out", "50")


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments):
    return CliRunner().invoke(sweep, [*map(str, arguments)])


def test_it_is_the_function(folder):
    done = run(*QUICK, "--orders", "1,2", "--alphas", "0,4,-4,1", "--output", "out")
    assert done.exit_code == 0, done.output
    for words in (
        "network passes a run",
        "centred",
        "kept",
        "collapsed",
        "modified order 2",
        "out/sweep.nc",
    ):
        assert words in done.output
    with xr.open_dataset(folder / "out" / "sweep.nc") as found:
        assert found.sizes["rule"] == 5
    run(*QUICK, "--output", "plain")
    arguments = {"batch_sizes": [50], "held_out": 50, "path": folder / "again"}
    expected = of_python(["N1"], ["ordinary", "modified", "target"], [0.1, 0.2], 2, 20, **arguments)
    with xr.open_dataset(folder / "plain" / "sweep.nc") as found:
        xr.testing.assert_identical(found.load(), expected)


def test_the_folder_alone_goes_on_and_shows_the_table():
    run(*QUICK, "--output", "out")
    again = run("--output", "out", "--processes", "1")
    assert again.exit_code == 0
    assert "network passes a run" in again.output
    assert "networks ['N1'], not ['B1']" in str(run(*QUICK, "--networks", "B1", "--output", "out").exception)


def test_options_from_yaml(folder):
    text = "networks: [N1, B1]\nlearning-rates: [0.1, 0.2]\nruns: 1\nepochs: 5\nalphas: 0,3,-2;0,4,-4,1\n"
    (folder / "run.yaml").write_text(text)
    done = run("--config", "run.yaml", "--epochs", "3", "--processes", "1", "--output", "out")
    assert done.exit_code == 0, done.output
    with xr.open_dataset(folder / "out" / "sweep.nc") as found:
        assert (found.sizes["network"], found.sizes["rule"], int(found.epoch[-1])) == (2, 4, 3)


@pytest.mark.parametrize(
    ("seconds", "memory", "words"),
    [(4000, 1, "takes at most an hour, or --yes"), (10, 10**15, "fits into memory, or --yes")],
)
def test_the_impossible_is_refused_unless_one_insists(folder, monkeypatch, seconds, memory, words):
    found = Estimate(4, 40, seconds, memory, 10**9, 1)
    monkeypatch.setattr("training.sweeping.estimate.estimated", lambda *_: found)
    refused = run(*QUICK, "--output", "out")
    assert refused.exit_code == 2
    assert words in refused.output
    assert str(found) in " ".join(refused.output.split())
    assert not (folder / "out").exists()
    assert run(*QUICK, "--output", "out", "--yes").exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "expected --output"),
        (("--output", "out"), "expected --networks"),
        ((*QUICK, "--output", "out", "--learning-rates", "1:0:0.1"), "expected first:last:step"),
        ((*QUICK, "--output", "out", "--learning-rates", "log:0:1:3"), "expected first:last:step"),
        ((*QUICK, "--output", "out", "--learning-rates", "0:1:1e-9"), "at most 10000 rates"),
        ((*QUICK, "--output", "out", "--rules", "ordinary,,target"), "something between commas"),
        ((*QUICK, "--output", "out", "--batch-sizes", "1.5"), "expected a whole number"),
        ((*QUICK, "--output", "out", "--device", "cuda:77"), "expected a device that torch can use"),
    ],
)
def test_mistakes_are_named(folder, arguments, words):
    done = run(*arguments)
    assert done.exit_code == 2
    assert words in done.output
    assert not (folder / "out").exists()


def test_a_folder_of_something_else_is_refused_before_anything_is_tried(folder, monkeypatch):
    (folder / "out").mkdir()
    (folder / "out" / "thesis.tex").touch()
    monkeypatch.setattr("training.sweeping.estimate.estimated", lambda *_: pytest.fail("it was tried"))
    done = CliRunner().invoke(door, ["sweep", *QUICK, "--output", "out"])
    assert done.exit_code != 0
    assert "expected a new or empty folder" in str(done.output) + str(done.exception)


def test_what_is_given_without_a_network_is_not_passed_over():
    run(*QUICK, "--output", "out")
    done = run("--output", "out", "--epochs", "3")
    assert done.exit_code == 2
    assert "expected --networks with --epochs" in done.output


def test_ranges_of_rates_are_exact():
    assert learning_rates("0.02:1:0.02") == tuple(float(f"{k / 50:.2f}") for k in range(1, 51))
    assert len(learning_rates("log:1e-3:10:25")) == 25


def test_processes_of_torchrun_share_a_sweep(folder):
    run(*QUICK, "--output", "alone")
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"}
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    command = [*torchrun, "-m", "training.sweeping", *QUICK, "--output", "out"]
    subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True, timeout=120)
    found, expected = (xr.load_dataset(folder / name / "sweep.nc") for name in ("out", "alone"))
    xr.testing.assert_identical(found, expected)


def test_who_joins_helps_and_shows_nothing(folder):
    run(*QUICK, "--output", "out")
    for piece in (folder / "out" / "pieces").iterdir():
        piece.unlink()
    done = run("--output", "out", "--join")
    assert (done.exit_code, done.output) == (0, "")
    assert len(list((folder / "out" / "pieces").iterdir())) == 6
    assert cli._processes("cuda", 9) == 1
