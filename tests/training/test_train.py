"""`corrector train` as a person uses it: what a run leaves and refuses; a killed one goes on alike."""

import csv
import json
import math
import os
import pickle
import random
import signal
import subprocess
import sys
from pathlib import Path
from typing import get_args

import click
import matplotlib.image
import numpy as np
import pytest
import torch
import yaml
from click.testing import CliRunner
from safetensors.torch import load_file, save_file
from torch import nn

from tests.benchmarks import kills
from tests.training.pictures import faces, pixels, written
from training.folder import alone
from training.foreign import place
from training.networks import network, perceptron
from training.rules.applications import Buffers
from training.rules.loss import Reduction, Rule
from training.runs.choices import schedule
from training.runs.cli import train
from training.runs.keeping import Keeper
from training.runs.module import Masks
from training.runs.summary import doubts, show
from training.weights import load_network, save_perceptron

OWN = """
import torch
from torch import nn

class Net(nn.Sequential):
    def __init__(self, width=16, fine=True):
        super().__init__(nn.Linear(64, width), nn.Tanh(), nn.Dropout(0.1), nn.Linear(width, 64))
        assert fine

class Sharp(nn.Sequential):
    def __init__(self):
        super().__init__(nn.Linear(64, 64), nn.Identity())
        with torch.no_grad():
            self[0].bias[3] = float("inf")

class Root(nn.Module):
    def forward(self, x):
        return x.sqrt()

class Rooted(nn.Sequential):
    def __init__(self):
        super().__init__(nn.Linear(64, 64), Root(), nn.Linear(64, 64))

class Steep(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(64, 64)
    def forward(self, x):
        return (self.layer(x) * 0).sqrt() + self.layer(x)

class Flat(nn.Module):
    def __init__(self):
        super().__init__()
        self.share = nn.Parameter(torch.ones(()))
    def forward(self, x):
        return self.share * x

class Narrow(nn.Linear):
    def __init__(self):
        super().__init__(64, 63)

class Fixed(nn.Module):
    def forward(self, x):
        return x

def rows():
    return torch.rand(200, 64, generator=torch.Generator().manual_seed(0))

class Items(torch.utils.data.Dataset):
    def __len__(self):
        return 150
    def __getitem__(self, i):
        return {"label": i, "x": rows()[i] * torch.rand(())}

class Pairs(Items):
    def __getitem__(self, i):
        return rows()[i], i

class Bytes(Items):
    def __getitem__(self, i):
        return torch.zeros(64, dtype=torch.uint8)

class Endless(torch.utils.data.IterableDataset):
    def __iter__(self):
        return iter(())

from lightning.pytorch.loggers.logger import DummyLogger

class Told(DummyLogger):
    rows = []
    def log_metrics(self, metrics, step=None):
        self.rows.append((step, metrics))

few = torch.zeros(19, 64)

def holed():
    return torch.where(torch.arange(200)[:, None] == 7, torch.nan, rows())

def bytes_of_pixels():
    return torch.zeros(99, 64, dtype=torch.uint8)

class Lost(nn.Linear):
    def __init__(self):
        super().__init__(64, 64)
    def forward(self, x):
        return {"y": super().forward(x)}["z"]

class Keyed(Items):
    def __getitem__(self, i):
        return {"x": rows()[i]} if i < 149 else {"x": rows()[i]}["image"]

class Misbuilt(nn.Linear):
    def __init__(self):
        super().__init__(64, "64")

same = torch.ones(99, 64)

class Coloured(nn.Conv2d):
    def __init__(self):
        super().__init__(3, 3, 3, padding=1)

class Odd(Items):
    def __getitem__(self, i):
        return {"x": rows()[i] if i != 37 else rows()[i, :5]}

class Missing(Items):
    def __getitem__(self, i):
        return rows()[i] if i != 37 else None

class Doubles(Items):
    def __getitem__(self, i):
        return {"x": rows()[i].double().numpy(), "label": i}

class Pixels(Items):
    def __getitem__(self, i):
        return {"pixels": rows()[i], "label": i}

class Raises(nn.Linear):
    def __init__(self):
        super().__init__(64, 64)
    def forward(self, x):
        raise RuntimeError("boom")

def a_row_each(output, batch):
    return output.mean(1)

def to_zero(output, batch):
    return output.square().sum()

def of_labels(output, batch):
    return output.square().mean() + 0 * batch["label"].sum()
"""
QUICK = ("--batch-size", "50", "--epochs", "1", "--accelerator", "cpu")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    (tmp_path / "own.py").write_text(OWN)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(sys.modules, "own", raising=False)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    return tmp_path


def run(*arguments):
    return CliRunner().invoke(train, [*map(str, arguments)])


def quick(*arguments):
    return run(*arguments, *QUICK)


def done(result):
    assert result.exit_code == 0, f"{result.output} {result.exception!r}"
    return result.output


def said(result):
    return f"{result.output} {result.exception}"


def same(a, b):
    left, right = load_file(a), load_file(b)
    return left.keys() == right.keys() and all(torch.equal(left[name], right[name]) for name in left)


def test_a_run_leaves_its_network_its_figures_and_what_reproduces_it(folder):
    shown = done(
        quick("own:Net", "digits", "--noise", "0.3", "--network-argument", "width=8", "--output", "run")
    )
    for row in ("before", "after", "best, step 23", "identity", "constant map", "collapsed"):
        assert row in shown
    line = "Network: run/network.safetensors; the best on held-out data, of step 23: run/best.safetensors"
    assert shown.rstrip().endswith(line)
    assert {path.name for path in (folder / "run").iterdir()} == {
        "best.safetensors",
        "config.yaml",
        "cost.json",
        "curves.png",
        "metrics.csv",
        "network.safetensors",
        "summary.json",
    }
    assert load_file("run/network.safetensors")["0.weight"].shape == (8, 64)
    assert min(matplotlib.image.imread("run/curves.png").shape[:2]) > 300
    summary = json.loads((folder / "run" / "summary.json").read_text())
    assert summary["stopped"] is None
    assert summary["corrector"] == "3x² − 2x³"
    assert set(summary["test"]) == {"before", "after", "best", "identity", "constant map"}
    assert summary["steps"] == 23
    assert summary["test"]["after"]["task"] < summary["test"]["before"]["task"]
    assert summary["test"]["constant map"]["centred"] is None
    done(run("--config", "run/config.yaml", "--output", "again"))
    assert same("run/network.safetensors", "again/network.safetensors")
    for path in (folder / "run").iterdir():
        if path.name != "cost.json":
            assert path.read_bytes() == (folder / "again" / path.name).read_bytes(), path.name
    options = yaml.safe_load((folder / "run" / "config.yaml").read_text())
    assert options["order"] == 1
    assert options["clip"] is None
    done(run("--config", "run/config.yaml", "--alphas", "0,0,10,-15,6", "--output", "other"))
    again = json.loads((folder / "other" / "summary.json").read_text())
    assert again["corrector"] == "10x³ − 15x⁴ + 6x⁵"
    assert again["options"]["order"] is None


def test_flags_override_the_file_whose_keys_may_have_either_dash(folder):
    options = {
        "network": "own:Net",
        "data": "own:rows",
        "network_argument": {"width": 4, "fine": True},
        "alphas": [0, 3, -2],
        "epochs": 3,
        "learning-rate": "1e-2",
        "batch_size": 50,
        "accelerator": "cpu",
    }
    (folder / "run.yaml").write_text(yaml.safe_dump(options))
    done(run("--config", "run.yaml", "--epochs", "1", "--output", "run"))
    found = yaml.safe_load((folder / "run" / "config.yaml").read_text())
    assert found["epochs"] == 1
    assert found["learning-rate"] == 0.01
    assert found["network-argument"] == {"width": 4, "fine": True}
    assert found["alphas"] == "0,3,-2"
    assert load_file("run/network.safetensors")["0.weight"].shape == (4, 64)


@pytest.mark.parametrize("data", ["rows", "Items", "Pairs", "Doubles"])
@pytest.mark.usefixtures("folder")
def test_data_of_ones_own_are_found_by_their_import_path(data):
    task = "own:of_labels" if data in ("Items", "Doubles") else "l1"
    done(quick("own:Net", f"own:{data}", "--task", task, "--output", "run", "--noise", "0.1"))


def test_networks_of_the_sources_can_be_loaded_again(folder):
    done(quick("N2", "normal", "--batch-size", "4000", "--output", "run"))
    net = load_network(folder / "run" / "network.safetensors")
    assert len(net) == 2
    weights = folder / "run" / "network.safetensors"
    done(quick(weights, "normal", "--batch-size", "4000", "--weight", "0", "--output", "finer"))
    assert load_network(folder / "finer" / "network.safetensors")[0].weight.shape == (10, 5)


def test_the_networks_of_the_demo_can_be_finer_and_loaded_again(folder):
    net = perceptron([64, 8, 64], nn.LeakyReLU, last=nn.Sigmoid)
    save_perceptron(net, (64, 8, 64), {"data": "digits"}, folder / "demo.safetensors")
    done(quick("demo.safetensors", "digits", "--output", "run"))
    found = load_network(folder / "run" / "network.safetensors")
    assert not torch.equal(found[0].weight, net[0].weight)
    assert repr(found) == repr(net)


@pytest.mark.usefixtures("folder")
def test_loggers_of_ones_own_see_each_row():
    done(quick("own:Net", "digits", "--logger", "own:Told", "--output", "run"))
    rows = sys.modules["own"].Told.rows
    assert [step for step, _ in rows] == [10, 20, 23]
    assert rows[0][1]["task_gradient"] > 0
    assert rows[-1][1]["validation_kept"] > 0


def test_rates_rise_to_their_whole_and_fall_by_half_a_cosine():
    constant = schedule({"warmup": 4, "schedule": "constant"}, 12)
    assert [constant(step) for step in range(6)] == pytest.approx([0.2, 0.4, 0.6, 0.8, 1, 1])
    cosine = schedule({"warmup": 4, "schedule": "cosine"}, 12)
    assert [cosine(step) for step in (4, 6, 8, 12)] == pytest.approx([1, (1 + 0.5**0.5) / 2, 0.5, 0])


class Killed(BaseException):
    """As sudden as a signal: nothing of the run catches it."""


@pytest.fixture
def killed(monkeypatch):
    """Runs that end at their n-th checkpoint, after half of a row was written."""

    def begin(n, *arguments):
        count, save = 0, Keeper._save

        def counted(self, trainer, module):
            nonlocal count
            save(self, trainer, module)
            count += 1
            if count == n:
                with self.history.path.open("a") as file:
                    file.write("99,1,0.0")
                raise Killed

        with monkeypatch.context() as patched:
            patched.setattr(Keeper, "_save", counted)
            with pytest.raises(Killed):
                CliRunner().invoke(train, [*map(str, arguments)], catch_exceptions=False)

    return begin


FULL = (
    *("own:Net", "own:Items", "--noise", "0.2", "--epochs", "3", "--batch-size", "10", "--accumulate", "2"),
    *("--optimizer", "adamw", "--schedule", "cosine", "--warmup", "3", "--clip", "5", "--accelerator", "cpu"),
    *("--checkpoint-every", "4", "--log-every", "3", "--validate-every", "5"),
)


@pytest.mark.parametrize("n", [0, 1, 3])
def test_a_run_that_was_killed_goes_on_as_if_it_had_not_been(folder, killed, n):
    done(run(*FULL, "--output", "whole"))
    killed(n or 2, *FULL, "--output", "run")
    if n == 0:  # its checkpoint is lost: from the beginning
        (folder / "run" / "last.safetensors").unlink()
    (folder / "run" / ".last-abc.safetensors").write_bytes(b"half")
    torch.manual_seed(99)  # another process's generators are anywhere
    done(run("--resume", "--output", "run"))
    for name in ("network.safetensors", "best.safetensors"):
        assert same(f"run/{name}", f"whole/{name}")
    for name in ("metrics.csv", "summary.json"):
        assert (folder / "run" / name).read_bytes() == (folder / "whole" / name).read_bytes()
    assert {path.name for path in (folder / "run").iterdir()} == {
        path.name for path in (folder / "whole").iterdir()
    }
    shown = done(run("--resume", "--output", "run"))
    assert shown.startswith("The run in run is finished: run/network.safetensors;")
    rows = csv.DictReader((folder / "run" / "metrics.csv").read_text().splitlines())
    steps = [int(row["step"]) for row in rows]
    assert steps == sorted(set(steps))
    spells = json.loads((folder / "run" / "cost.json").read_text())
    begun = [0, 16] if n <= 1 else [0, 8, 16]
    assert [spell["begin"] for spell in spells] == begun, "what was lost is not counted"
    assert [spell["end"] for spell in spells] == [*begun[1:], steps[-1]]
    assert min(spell["seconds"] for spell in spells) > 0


def test_signals_that_kill_change_nothing_either(folder):
    (folder / "own.py").write_text(kills.CODE)
    options = ("own:Net", "own:Shifted", "--epochs", "15", *kills.OPTIONS)
    # All in processes of their own: in this one other tests may have set torch otherwise.
    kills.finish(kills.start(folder, *options, "--output", "whole"))
    kills.killed(folder, options, 2, random.Random(0))
    kills.finish(kills.start(folder, "--resume", "--output", "killed"))
    assert kills.contents(folder / "killed") == kills.contents(folder / "whole")


@pytest.fixture
def heard():
    """Ctrl-C is heard, which processes in the background begin without."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("folder", "heard")
def test_who_ignores_interruptions_goes_on_ignoring_them(monkeypatch):
    judge = Keeper._judge

    def interrupted(self, trainer):
        signal.raise_signal(signal.SIGINT)
        judge(self, trainer)

    monkeypatch.setattr(Keeper, "_judge", interrupted)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    done(run(*FULL, "--output", "run"))


@pytest.mark.usefixtures("folder", "heard")
@pytest.mark.parametrize(("signals", "saved"), [(1, 5), (2, 4)])
def test_an_interruption_ends_the_step_and_a_second_one_does_not(monkeypatch, signals, saved):
    judge = Keeper._judge

    def interrupted(self, trainer):
        for _ in range(signals):
            signal.raise_signal(signal.SIGINT)
        judge(self, trainer)

    with monkeypatch.context() as patched:
        patched.setattr(Keeper, "_judge", interrupted)
        result = run(*FULL, "--output", "run")
    assert result.exit_code == 130
    assert f"interrupted at step 5; --resume goes on from step {saved}" in result.output
    done(run("--resume", "--output", "run"))
    done(run(*FULL, "--output", "whole"))
    assert same("run/network.safetensors", "whole/network.safetensors")


@pytest.mark.usefixtures("folder")
def test_two_processes_are_not_at_one_run(killed):
    killed(1, *FULL, "--output", "run")
    with alone(Path("run")):
        result = run("--resume", "--output", "run")
    assert "no other process is at; got one being trained: run" in said(result)
    done(run("--resume", "--output", "run"))
    Path("run/network.safetensors").unlink()
    assert "of a run that has ended; got none" in said(run("--resume", "--output", "run"))


@pytest.mark.usefixtures("folder")
def test_a_network_that_was_collapsed_from_the_start_is_told_so():
    result = quick("own:Flat", "digits", "--task", "own:to_zero", "--output", "run", "--weights", zero())
    assert result.exit_code == 1
    assert "were collapsed at the beginning, and are in the end; more --epochs" in result.output
    assert not Path("run/best.safetensors").exists()


def zero():
    save_file({"share": torch.zeros(())}, "zero.safetensors")
    return "zero.safetensors"


@pytest.mark.usefixtures("folder")
def test_tables_are_whole_in_narrow_terminals(monkeypatch, capsys):
    row = dict.fromkeys(("task", "error", "relative", "centred", "kept", "rank"), 0.0123456)
    monkeypatch.setenv("COLUMNS", "60")
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    show({"before": row | {"collapsed": False}, "best": row | {"collapsed": True, "kept": 3e-14}}, 7)
    shown = capsys.readouterr().out
    assert shown.count("0.0123") == 10
    assert "best, step 7" in shown
    assert "…" not in shown
    assert "<1e-9" in shown


def test_what_a_run_did_not_achieve_is_said():
    sound = {"task": 0.1, "centred": 0.5}
    rows = {"after": sound, "constant map": {"task": 0.2}}
    assert doubts(rows) == []
    assert doubts({"after": {"centred": 0.5}, "constant map": {}}) == []
    assert "no better than a constant map" in doubts(rows | {"after": sound | {"task": 0.2}})[0]
    assert "not idempotent" in doubts(rows | {"after": sound | {"centred": 1.5}})[0]
    assert len(doubts(rows | {"after": {"task": math.nan, "centred": math.nan}})) == 2


@pytest.mark.usefixtures("folder")
def test_lines_of_progress_where_there_is_no_terminal(monkeypatch):
    monkeypatch.setattr("training.runs.history._EVERY", 0)
    result = quick("own:Net", "digits", "--output", "run")
    assert "step 23/23: centred " in done(result)


@pytest.mark.usefixtures("folder")
def test_data_take_the_networks_precision():
    np.save("double.npy", np.random.default_rng(0).random((60, 64)))
    options = ("own:Net", "double.npy", *QUICK, "--batch-size", "20")
    done(run(*options, "--output", "single"))
    done(run(*options, "--output", "double", "--precision", "64-true"))
    assert load_file("single/network.safetensors")["0.weight"].dtype == torch.float32
    assert load_file("double/network.safetensors")["0.weight"].dtype == torch.float64


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["own:Lost", "digits"], "KeyError: 'z' (own.py, line"),
        (["own:Net", "own:Keyed", "--epochs", "9"], "KeyError: 'image' (own.py, line"),
        (["own:Misbuilt", "digits"], "in __init__)"),
        (["own:Raises", "digits"], "got shape (64,): boom, at own.py, line"),
        (["own:Net", "own:Odd"], "got sample 37, {x: Tensor [5]}"),
        (["own:Net", "own:Missing"], "Tensor [64]; got sample 37, NoneType"),
        (
            ["raising:Net", "digits"],
            "got ZeroDivisionError: division by zero (raising.py, line 2, in <module>)",
        ),
    ],
)
def test_errors_of_ones_own_code_are_told_with_their_place(folder, arguments, words):
    (folder / "raising.py").write_text("one = 1\none / 0\n")
    result = run(*arguments, *QUICK[:2], "--accelerator", "cpu", "--output", "run")
    assert words in said(result)
    assert result.exit_code


@pytest.mark.parametrize(
    ("network", "words"),
    [
        (
            "own:Rooted",
            "and the idempotency loss is nan: in f(x) the output of 1 (Root) is the first that is not finite",
        ),
        ("own:Steep", "expected finite gradients; got one that is not, of layer.weight (epoch 0, step 1)"),
    ],
)
@pytest.mark.usefixtures("folder")
def test_what_is_not_finite_stops_before_it_is_in_the_weights(network, words):
    result = quick(network, "digits", "--output", "run")
    assert result.exit_code == 1
    assert words in result.output
    assert result.output.count("\n") == 1


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("often", "step", "words"),
    [
        (1, 1, "expected finite weights; got others in 0.weight"),
        (9, 2, "loss is nan: the weights 0.weight are not"),
    ],
)
def test_the_last_good_checkpoint_outlives_weights_that_overflow(often, step, words):
    options = ("--optimizer", "sgd", "--learning-rate", "1e38", "--task-weight", "1e4")
    result = quick("own:Net", "digits", "--output", "run", *options, "--checkpoint-every", often)
    assert result.exit_code == 1
    assert words in result.output
    assert (
        f"(epoch 0, step {step}); the last good checkpoint, run/last.safetensors, is of step 0"
        in result.output
    )
    saved = load_file("run/last.safetensors")
    assert all(bool(tensor.isfinite().all()) for tensor in saved.values() if tensor.is_floating_point())


@pytest.mark.usefixtures("folder")
def test_a_collapse_stops_the_run_and_its_network_is_written():
    options = (
        "--task",
        "own:to_zero",
        "--learning-rate",
        "0.1",
        "--validate-every",
        "5",
        "--patience",
        "2",
        *QUICK,
    )
    result = run("own:Flat", "digits", "--output", "run", *options, "--weight", "0", "--epochs", "40")
    assert result.exit_code == 1
    assert "were one point at 2 validations in turn; a lower --weight" in result.output
    spells = json.loads(Path("run/cost.json").read_text())
    assert spells[-1]["end"] == json.loads(Path("run/summary.json").read_text())["steps"] > 0
    assert load_file("run/network.safetensors")["share"].abs() < 0.03
    assert load_file("run/best.safetensors")["share"].abs() > 0.03  # though its task's loss is greater
    again = run("--resume", "--output", "run")
    assert again.exit_code == 1
    assert "got one that has ended in run: the outputs keep" in again.output


@pytest.mark.usefixtures("cache")
def test_data_may_be_a_folder_of_pictures(folder):
    written(folder / "pets", pixels(100, 9, 12))
    shown = done(quick("own:Coloured", "pets", "--size", "8", "--output", "run"))
    assert "best, step 1" in shown
    about = yaml.safe_load((folder / "run" / "config.yaml").read_text())
    assert [about[name] for name in ("data", "size", "channels", "skip-damaged")] == ["pets", 8, None, False]
    done(run("--config", "run/config.yaml", "--output", "again"))
    assert same(folder / "run" / "network.safetensors", folder / "again" / "network.safetensors")
    done(quick("own:Net", "pets", "--size", "8", "--channels", "1", "--shape", "64", "--output", "grey"))
    double = ("--precision", "64-true", "--workers", "1")
    done(quick("own:Coloured", "pets", *double, "--output", "double"))
    assert load_file(folder / "double" / "network.safetensors")["weight"].dtype == torch.float64


@pytest.mark.usefixtures("cache")
def test_data_that_are_damaged_are_left_out_only_aloud(folder):
    written(folder / "pets", pixels(100))
    (folder / "pets" / "13.png").write_bytes(b"")
    options = ("own:Coloured", "pets", "--output", "run")
    assert "expected a picture (BMP, GIF, JPEG, PNG, PPM, TIFF, WEBP) in pets/13.png; got" in said(
        quick(*options)
    )
    assert not (folder / "run").exists()
    shown = done(quick(*options, "--skip-damaged"))
    assert "corrector: left 1 damaged files of 100 in pets out: 13.png\n" in shown


@pytest.mark.usefixtures("cache")
def test_data_may_be_faces(folder):
    faces(folder / "celeba", (60, 5, 5))
    done(quick("own:Coloured", "celeba", "--data-dir", "celeba", "--size", "8", "--output", "run"))
    options = json.loads((folder / "run" / "summary.json").read_text())["options"]
    assert (options["data"], options["data-dir"]) == ("celeba", "celeba")


@pytest.fixture
def broken(folder):
    (folder / "notes").mkdir()
    (folder / "notes" / "a.txt").touch()
    (folder / "empty").mkdir()
    np.save("five.npy", np.ones((90, 5), np.float32))
    (folder / "typo.yaml").write_text("network: N1\nlerning-rate: 1\n")
    (folder / "list.yaml").write_text("- 1\n")
    (folder / "evil.yaml").write_text("!!python/object/apply:builtins.print [executed]\n")
    (folder / "nested.yaml").write_text("epochs: {a: 1}\n")
    (folder / "laughs.yaml").write_text("shape: [[1, 28], 28]\n")
    (folder / "words.yaml").write_text("epochs: many\n")
    (folder / "half.yaml").write_text("epochs: 1.5\n")
    (folder / "twice.yaml").write_text("epochs: 1\nepochs: 2\n")
    (folder / "nothing.yaml").write_text("# nothing\n")
    (folder / "away.yaml").write_text("output: away\n")
    return folder


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["own:Net", "digits"], "expected --output, the run's folder"),
        (["own:Net", "--output", "run"], "got no DATA"),
        (
            ["own:Net", "digits", "--output", "notes"],
            "expected a new or empty folder, or --resume; got notes",
        ),
        (["--resume", "--output", "empty"], "with empty/config.yaml; got one without"),
        (["--resume", "--output", "run"], "with run/config.yaml; got none"),
        (
            ["own:Net", "digits", "--rule", "ordinary", "--order", "2", "--output", "run"],
            "expected --order together with --rule modified or m1",
        ),
        (
            ["own:Net", "digits", "--alphas", "0,1,1", "--output", "run"],
            "expected a corrector, which keeps 0",
        ),
        (["own:Net", "digits", "--alphas", "1", "--output", "run"], "got g(x) = x"),
        (["own.Net", "digits", "--output", "run"], "expected a colon in an import path, as in own:Net"),
        (["own:Net", "own:holed", "--output", "run"], "finite numbers in own:holed; got others in sample 7"),
        (["own:Net", "own:bytes_of_pixels", "--output", "run"], "got torch.uint8"),
        (["own:Net", "own:same", "--output", "run"], "inputs that differ in own:same; got the same 9 times"),
        (["own:Net", "own:Pixels", "--output", "run"], "got a mapping with pixels, label"),
        (
            ["own:", "digits", "--output", "run"],
            "expected an import path as in package.module:Name; got own:",
        ),
        (["own:Net", "digits", "--seed", str(2**64), "--output", "run"], "is not in the range 0<=x<=9223372"),
        (["own:Net", "digits", "--order", "60", "--output", "run"], "expected coefficients up to 1e+30"),
        (
            ["--config", "away.yaml", "--output", "run"],
            "expected --output on the command line; got it in away",
        ),
        (["own:Net", "digits", "--strategy", "odd", "--output", "run"], "ters_true; got odd"),
        (
            ["own:Net", "digits", "--task", "own:a_row_each", "--output", "run"],
            "expected a task that returns a tensor without axes, as .mean() makes it; got shape (300,)",
        ),
        (["own:Narrow", "digits", "--output", "run"], "of shape (2, 64); got (2, 63)"),
        (["own:Fixed", "digits", "--output", "run"], "expected a network with weights to train; got Fixed"),
        (["own:Sharp", "digits", "--output", "run"], "finite weights in own:Sharp; got others in 0.bias"),
        (["N1", "digits", "--output", "run"], "expected inputs that the network takes; got shape (64,)"),
        (["own:Net", "digits", "--rule", "m1", "--output", "run"], "'m1' is for a network with one weight"),
        (
            ["own:Net", "digits", "--rule", "inner", "--chunk", "5", "--output", "run"],
            "`chunk` is for the rules modified, target, m1; got it with 'inner'",
        ),
        (
            ["own:Net", "digits", "--masks", "shared", "--compile", "--output", "run"],
            "expected --masks fresh with --compile",
        ),
        (["own:Net", "digits", "--rule", "x", "--output", "run"], "'x' is not one of 'modified', 'ordinary'"),
        (
            ["own:Net", "digits", "--reduction", "x", "--output", "run"],
            "'x' is not one of 'half_sum', 'mean'",
        ),
        (["own:Net", "digits", "--alphas", "0,x", "--output", "run"], "x"),
        (
            ["own:Net", "digits", "--order", "1", "--alphas", "1", "--output", "run"],
            "--order or --alphas; got both",
        ),
        (
            ["own:Net", "digits", "--task", "x", "--output", "run"],
            "expected --task reconstruction, l1, ssim, none or",
        ),
        (["own:Net", "digits", "--task", "none", "--weight", "0", "--output", "run"], "a task or a rule"),
        (
            ["own:Net", "digits", "--task", "none", "--task-reduction", "mean", "--output", "run"],
            "expected --task-reduction together with",
        ),
        (["own:Net", "digits", "--momentum", "0.9", "--output", "run"], "together with --optimizer sgd"),
        (["own:Net", "digits", "--data-dir", ".", "--output", "run"], "together with mnist"),
        (["own:Net", "digits", "--weight", "nan", "--output", "run"], "expected a finite number; got nan"),
        (["own:Net", "digits", "--batch-size", "9999", "--output", "run"], "--batch-size of at most 1197"),
        (
            ["own:Net", "digits", "--accumulate", "999", "--epochs", "1", "--output", "run"],
            "at most 9, the batches",
        ),
        (
            ["own:Net", "digits", "--shape", "8,9", "--output", "run"],
            "expected --shape for inputs of 64 numbers",
        ),
        (["own:Net", "own:Items", "--shape", "8,8", "--output", "run"], "expected --shape for a tensor"),
        (["own:Net", "own:few", "--output", "run"], "expected at least 20 samples in own:few; got 19"),
        (["own:Net", "own:Bytes", "--output", "run"], "expected a floating-point tensor as the batch"),
        (["own:Net", "own:Endless", "--output", "run"], "expected a tensor or a Dataset at own:Endless; got"),
        (["own:Net", "data.csv", "--output", "run"], "a .npy file or an import path; got data.csv"),
        (["own:Net", "empty", "--output", "run"], "expected pictures (.bmp, .gif, "),
        (["own:Net", "notes", "--output", "run"], "in notes; got none"),
        (["own:Net", "celeba", "--output", "run"], "expected --data-dir with celeba"),
        (["own:Net", "celeba", "--data-dir", ".", "--output", "run"], "got no list_eval_partition.txt"),
        (
            ["own:Net", "digits", "--size", "8", "--output", "run"],
            "--size together with a folder of pictures",
        ),
        (["own:Net", "celeba", "--channels", "1", "--output", "run"], "--channels together with a folder of"),
        (["own:Net", "normal", "--skip-damaged", "--output", "run"], "--skip-damaged together with a folder"),
        (["own:None", "digits", "--output", "run"], "expected None in the module own"),
        (
            ["own:Net", "digits", "--network-argument", "depth=2", "--output", "run"],
            "these arguments (depth)",
        ),
        (
            ["N1", "normal", "--network-argument", "a=2", "--output", "run"],
            "`arguments` must be none for N1; got a",
        ),
        (
            ["own:Net", "digits", "--network-argument", "width", "--output", "run"],
            "as in width=128; got width",
        ),
        (
            ["own:Net", "digits", "--strategy", "fsdp", "--output", "run"],
            "got fsdp: it divides the weights",
        ),
        (
            ["own:Net", "digits", "--precision", "8", "--output", "run"],
            "expected what Lightning's Trainer takes",
        ),
        (
            ["own:Net", "digits", "--accelerator", "abacus", "--output", "run"],
            "what Lightning's Trainer takes",
        ),
        (["own:Net", "digits", "--logger", "tensorboard", "--output", "run"], "pip install tensorboard"),
        (["own:Net", "digits", "--logger", "x", "--output", "run"], "expected --logger csv, tensorboard or"),
        (["--config", "typo.yaml", "--output", "run"], "got lerning-rate: the nearest is learning-rate"),
        (["--config", "list.yaml", "--output", "run"], "expected a mapping from options to values"),
        (["--config", "evil.yaml", "--output", "run"], "expected plain YAML in evil.yaml"),
        (["--config", "laughs.yaml", "--output", "run"], "expected one value or a list for shape"),
        (["--config", "nested.yaml", "--output", "run"], "expected one value or a list for epochs"),
        (["--config", "words.yaml", "--output", "run"], "'many' is not a valid integer"),
        (["--config", "none.yaml", "--output", "run"], "none.yaml"),
        (["--config", "half.yaml", "--output", "run"], "'1.5' is not a valid integer"),
        (["--config", "twice.yaml", "--output", "run"], "line 2, column 1"),
        (
            ["--config", "nothing.yaml", "--output", "run"],
            "from options to values in nothing.yaml; got nothing",
        ),
    ],
)
def test_mistakes_are_named_and_nothing_is_written_or_run(broken, arguments, words):
    before = sorted(str(path) for path in broken.rglob("*"))
    result = run(*arguments)
    assert words in said(result)
    assert result.exit_code
    assert isinstance(result.exception, SystemExit | ValueError | OSError | TypeError)
    assert "executed" not in result.output
    assert sorted(str(path) for path in broken.rglob("*")) == before


def test_errors_of_ours_have_no_place_in_theirs():
    with pytest.raises(ValueError, match="must be one of") as caught:
        network("x")
    assert place(caught.value) is None


class Evil:
    def __reduce__(self):
        return print, ("executed",)


def other(path):
    text = path.read_bytes()
    return text.replace(b'\\"optimizer\\": \\"adamw\\"', b'\\"optimizer\\": \\"adamx\\"')


@pytest.mark.parametrize("text", ["[", "{}, 3", '[{"steps": 3}]', "[3]", "\xff"])
def test_a_cost_that_no_run_wrote_is_refused(folder, killed, text):
    killed(2, *FULL, "--output", "run")
    (folder / "run" / "cost.json").write_text(text, encoding="latin-1")
    result = run("--resume", "--output", "run")
    assert "expected run/cost.json as a run writes it, or none; got another" in said(result)
    assert (folder / "run" / "last.safetensors").is_file()


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda path: pickle.dumps(Evil()), "expected a whole safetensors file in run/last.safetensors"),
        (lambda path: path.read_bytes()[:-9], "expected a whole safetensors file in run/last.safetensors"),
        (lambda path: b"", "expected a whole safetensors file in run/last.safetensors"),
        (
            lambda path: (path.parent / "best.safetensors").read_bytes(),
            "expected a checkpoint of `corrector train`",
        ),
        (other, "to be of this run, optimizer adamw; got adamx"),
        (
            lambda path: path.read_bytes().replace(b'\\"net.0.bias\\"', b'\\"net.9.bias\\"'),
            "expected in run/last.safetensors the weights net.0.bias, shape [16]; got none",
        ),
    ],
)
def test_checkpoints_of_others_are_refused(folder, killed, spoil, words):
    killed(3, *FULL, "--output", "run")
    path = folder / "run" / "last.safetensors"
    path.write_bytes(spoil(path))
    kept = {p.name: p.read_bytes() for p in (folder / "run").iterdir()}
    result = run("--resume", "--output", "run")
    assert words in said(result)
    assert "executed" not in result.output
    assert isinstance(result.exception, ValueError)
    assert {p.name: p.read_bytes() for p in (folder / "run").iterdir()} == kept


@pytest.mark.usefixtures("folder")
def test_a_run_goes_on_with_its_own_options_alone(killed):
    killed(2, *FULL, "--output", "run")
    result = run("--resume", "--output", "run", "--epochs", "4")
    assert "expected --resume with the run's own options, epochs 3; got 4" in said(result)
    done(run("--resume", "--output", "run", "--epochs", "3", "--workers", "1"))
    assert yaml.safe_load(Path("run/config.yaml").read_text())["workers"] == 0


def test_two_processes_descend_as_one_with_batches_twice_as_large(folder):
    options = [
        "own:Net",
        "own:rows",
        "--epochs",
        "2",
        "--noise",
        "0.1",
        "--precision",
        "64-true",
        "--log-every",
        "2",
    ]
    (folder / "own.py").write_text(OWN.replace("nn.Dropout(0.1)", "nn.Identity()"))
    done(run(*options, "--batch-size", "20", "--accelerator", "cpu", "--output", "one"))
    parallel = ["--batch-size", "10", "--accelerator", "cpu", "--devices", "2", "--strategy", "ddp"]
    result = subprocess.run(
        [sys.executable, "-m", "corrector", "train", *options, *parallel, "--output", "two"],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert result.returncode == 0, result.stderr
    one, two = (load_file(folder / name / "network.safetensors") for name in ("one", "two"))
    for name, weight in one.items():
        torch.testing.assert_close(two[name], weight, rtol=0, atol=1e-14)
    assert result.stdout.count("identity") == 1


def test_help_is_there_at_once():
    code = (
        "import sys; from corrector.cli import door; door.main(['train', '--help'], standalone_mode=False)\n"
    )
    loaded = subprocess.check_output(
        [
            sys.executable,
            "-c",
            code + "print([m for m in ('torch', 'lightning', 'yaml') if m in sys.modules])",
        ],
        text=True,
    )
    assert loaded.rstrip().endswith("[]")


@pytest.mark.usefixtures("folder")
def test_a_stray_file_with_weights_is_no_run():
    save_file({"w": torch.zeros(2)}, "w.safetensors")
    result = quick("own:Net", "digits", "--weights", "w.safetensors", "--output", "run")
    assert "the weights of Net" in said(result)


def test_the_choices_are_those_of_the_rules():
    """The command names them itself, so that its help needs no torch."""
    named = {p.name: p.type.choices for p in train.params if isinstance(p.type, click.Choice)}
    for name, known in (("rule", Rule), ("reduction", Reduction), ("buffers", Buffers), ("masks", Masks)):
        assert set(named[name]) == set(get_args(known)), name
