"""Sweeps: members are solo runs, runs are paired, kills and processes change nothing, mistakes are named."""

import errno
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import torch
import xarray as xr
from filelock import FileLock
from torch import nn

from corrector import MCWEENY, Corrector, smoothstep
from training import idempotency_loss, metrics, network, sweep
from training.sweeping import kernel, working
from training.sweeping.engine import MEASURES, Training, arithmetic
from training.sweeping.estimate import estimated
from training.sweeping.gradients import fused, perceptron_layers, vmapped
from training.sweeping.initialisation import initialised
from training.sweeping.kernel import BLOCK
from training.sweeping.plan import Plan
from training.sweeping.running import carried_out
from training.sweeping.store import Store, read_plan
from training.sweeping.subjects import subject

SMALL = {"networks": ["N3", "B1"], "rules": ["ordinary", "modified"], "learning_rates": [0.05, 0.1, 0.4]}
SMALL |= {"runs": 2, "epochs": 30, "batch_sizes": [32], "held_out": 40, "points": 8}

OWN = """
import torch
from torch import nn

class Square(nn.Sequential):
    def __init__(self):
        super().__init__(nn.Linear(4, 70), nn.Softplus(), nn.Linear(70, 4))

class Dropping(nn.Sequential):
    def __init__(self):
        super().__init__(nn.Linear(4, 4), nn.Dropout())

class Narrow(nn.Linear):
    def __init__(self):
        super().__init__(4, 3)

class Steps(nn.Sequential):
    def __init__(self):
        super().__init__(nn.Conv1d(1, 1, 1))

fixed = nn.Linear(4, 4)
nothing = nn.Identity()
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    (tmp_path / "own.py").write_text(OWN)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(sys.modules, "own", raising=False)
    subject.cache_clear()
    return tmp_path


def plan(**changes):
    return Plan(**SMALL | changes)


def alone(the_plan, piece, rate):
    """One member as anyone would train it: a module, torch's optimiser, the loss, a loop."""
    net = initialised(subject(piece.network).build, piece.initialisation, the_plan.seed, piece.run)
    net = net.to(getattr(torch, the_plan.dtype))
    kind = torch.optim.SGD if the_plan.optimizer == "sgd" else torch.optim.Adam
    optimizer = kind(net.parameters(), lr=rate)
    inputs = the_plan.inputs(piece)
    rule, g = piece.treatment.rule, piece.treatment.corrector
    for step in range(the_plan.steps(piece)):
        x = inputs.batch_at(step)
        optimizer.zero_grad()
        at = x if rule == "m1" else None
        idempotency_loss(net, net(x), g, rule, piece.reduction, x=at).backward()
        optimizer.step()
    return net


CASES = [
    *((name, rule, MCWEENY, "sgd") for name in ("N2", "N3", "B1") for rule in ("modified", "ordinary")),
    *(("N3", rule, MCWEENY, "sgd") for rule in ("target", "inner", "outer")),
    ("N1", "m1", smoothstep(2), "sgd"),
    ("B1", "modified", Corrector((1, 0, 3, -3)), "sgd"),
    ("N3", "modified", Corrector((1,)), "sgd"),
    *(("N3", rule, smoothstep(2), "adam") for rule in ("modified", "ordinary")),
    *(("own:Square", rule, smoothstep(2), "sgd") for rule in ("modified", "ordinary", "inner")),
    ("own:Square", "modified", MCWEENY, "adam"),
]


@pytest.mark.parametrize(("dtype", "close"), [("float64", 1e-12), ("float32", 1e-6)])
@pytest.mark.parametrize(("name", "rule", "g", "optimizer"), CASES)
@pytest.mark.usefixtures("folder")
def test_a_member_is_the_network_trained_alone(name, rule, g, optimizer, dtype, close):
    rates = [0.01, 0.05] if optimizer == "sgd" else [1e-3, 3e-3]
    which = plan(networks=[name], rules=[rule], learning_rates=rates, correctors=[g], epochs=12, runs=1)
    which = replace(which, optimizer=optimizer, dtype=dtype, batch_sizes=[BLOCK + 9], reductions=["seed"])
    (piece,) = which.pieces
    training = Training(which, piece)
    with arithmetic(1, tf32=False):
        state = training.run(training.fresh())
        for member, rate in enumerate(rates):
            net = alone(which, piece, rate)
            for key, p in net.named_parameters():
                torch.testing.assert_close(state.weights[key][member], p.detach(), rtol=0, atol=close)
            for key, value in metrics(net, which.inputs(piece).held_out, variance_floor=0).items():
                if key != "collapsed":
                    found = float(state.curves[key][-1, member])
                    assert found == pytest.approx(value, rel=1e4 * close, abs=10 * close), key


@pytest.mark.parametrize("rule", ["modified", "ordinary"])
def test_a_convolutional_member_is_the_network_trained_alone(rule):
    changes = {"networks": ["u-dcgan-digits"], "rules": [rule], "learning_rates": [0.001, 0.01]}
    which = plan(**changes, data=["digits"], epochs=2, batch_sizes=[300], runs=1, dtype="float64")
    (piece,) = which.pieces
    assert which.steps(piece) == 2 * 3
    training = Training(which, piece)
    state = training.run(training.fresh())
    for member, rate in enumerate(piece.rates):
        for key, p in alone(which, piece, rate).named_parameters():
            torch.testing.assert_close(state.weights[key][member], p.detach(), rtol=0, atol=1e-12)
    assert state.curves["error"][-1].isfinite().all()


@pytest.mark.parametrize("rule", ["modified", "target", "ordinary", "inner", "outer"])
@pytest.mark.parametrize("reduction", ["half_sum", "mean", "seed"])
def test_the_compiled_gradient_is_the_rules(rule, reduction):
    """Beside the vectorised one, which is the rules' own implementation, whatever the values."""
    for name in ("N1", "N2", "N3", "B1"):
        nets = [initialised(lambda name=name: network(name), "default", i).double() for i in range(3)]
        weights = {
            key: torch.stack([dict(net.named_parameters())[key].detach() for net in nets])
            for key, _ in nets[0].named_parameters()
        }
        weights = {
            key: p * torch.tensor([1, 5, 40]).reshape(-1, *[1] * (p.ndim - 1)) for key, p in weights.items()
        }
        x = torch.randn(2 * BLOCK + 5, 5, dtype=torch.float64)
        expected, errors = vmapped(nets[0], smoothstep(2), rule, reduction)(weights, x)
        found, values = fused(perceptron_layers(nets[0]), smoothstep(2), rule, reduction)(weights, x)
        torch.testing.assert_close(values, errors, rtol=1e-12, atol=0)
        for key, gradient in expected.items():
            torch.testing.assert_close(
                found[key], gradient, rtol=1e-10, atol=1e-12 * float(gradient.abs().max())
            )


def test_what_is_not_finite_stays_so_in_the_compiled_gradient():
    net = network("N3").double()
    weights = {key: torch.stack([p.detach()] * 2) for key, p in net.named_parameters()}
    weights["0.weight"][1, 0, 0] = torch.nan
    found, errors = fused(perceptron_layers(net), MCWEENY, "modified", "mean")(
        weights, torch.randn(9, 5).double()
    )
    assert errors.isfinite().tolist() == [True, False]
    assert found["0.weight"][0].isfinite().all()
    assert found["2.weight"][1].isnan().any()


def test_only_small_perceptrons_are_compiled():
    class Own(nn.Linear):
        pass

    linear = nn.Linear(4, 4)
    odd = [
        *(nn.Sequential(linear, nn.Tanh(), nn.Tanh()), nn.Sequential(nn.Tanh(), linear)),
        *(nn.Sequential(linear, nn.LeakyReLU(-0.1)), nn.Sequential(Own(4, 4)), nn.Sequential(linear, linear)),
        *(nn.Sequential(nn.Linear(4, 65), nn.Linear(65, 4)), network("B2"), nn.Linear(4, 3)),
    ]
    assert [perceptron_layers(net) for net in odd] == [None] * len(odd)
    assert perceptron_layers(linear) is not None


def test_equal_arguments_give_equal_data(tmp_path):
    found = [sweep(**SMALL, path=tmp_path / name) for name in "ab"]
    xr.testing.assert_identical(*found)
    with xr.open_dataset(tmp_path / "a" / "sweep.nc") as stored:
        xr.testing.assert_identical(stored.load(), found[0])
    begun = time.perf_counter()
    xr.testing.assert_identical(sweep(**SMALL, path=tmp_path / "a"), found[0])
    assert time.perf_counter() - begun < 2
    other = sweep(**SMALL, seed=1, path=tmp_path / "c")
    assert (other.error != found[0].error).all()


def test_runs_are_paired_over_rules_rates_and_reductions(tmp_path):
    found = sweep(**SMALL, reductions=["seed", "mean"], path=tmp_path / "a")
    first = found.error.isel(epoch=0)
    assert (first == first.isel(rule=0, learning_rate=0, reduction=0)).all()
    assert (first.isel(run=0) != first.isel(run=1)).all()
    pieces = [p for p in read_plan(tmp_path / "a").pieces if (p.network, p.run) == ("B1", 1)]
    batches = [read_plan(tmp_path / "a").inputs(piece).batch_at(7) for piece in pieces]
    assert len(batches) == 4
    assert all(torch.equal(batch, batches[0]) for batch in batches)


@pytest.mark.parametrize("data", ["normal", "fixed", "digits"])
def test_batches_are_functions_of_run_and_step(data, tmp_path):
    name = "own.npy"
    np.save(tmp_path / name, np.random.default_rng(0).normal(size=(200, 64)).astype("float32"))
    networks = ["u-dcgan-digits"]
    which = plan(networks=networks, data=[data], samples=96, batch_sizes=[32])
    pieces = [p for p in which.pieces if p.treatment.rule == "modified"]
    first, second = (which.inputs(p) for p in pieces)
    forwards = [first.batch_at(k) for k in range(9)]
    again = which.inputs(pieces[0])
    assert all(torch.equal(forwards[k], again.batch_at(k)) for k in reversed(range(9)))
    assert not torch.equal(forwards[4], second.batch_at(4))
    assert torch.equal(first.held_out, second.held_out)
    assert forwards[0].shape == (32, 1, 8, 8)
    epochs = [torch.cat(forwards[i : i + 3]).flatten(1) for i in (0, 3)]
    assert not torch.equal(*epochs)
    assert torch.equal(*(rows.sum(1).sort().values for rows in epochs)) == (data != "normal")


def test_data_of_ones_own_hold_out_a_tenth(tmp_path):
    rows = np.random.default_rng(0).normal(size=(200, 5)).astype("float32")
    np.save(tmp_path / "own.npy", rows)
    which = plan(data=[str(tmp_path / "own.npy")])
    inputs = which.inputs(which.pieces[0])
    assert inputs.an_epoch == 180 // 32
    assert torch.equal(inputs.held_out, torch.from_numpy(rows[180:]))


def test_how_runs_are_divided_changes_rounding_at_most(tmp_path, monkeypatch):
    changes = {"networks": ["B2"], "batch_sizes": [16], "epochs": 3, "points": 3, "dtype": "float64"}
    whole = sweep(**SMALL | changes, path=tmp_path / "a")
    monkeypatch.setattr("training.sweeping.plan._NUMBERS", {"cpu": 1})
    parts = sweep(**SMALL | changes, path=tmp_path / "b")
    assert len(list((tmp_path / "b" / "pieces").iterdir())) == 3 * len(
        list((tmp_path / "a" / "pieces").iterdir())
    )
    xr.testing.assert_allclose(parts, whole, rtol=1e-10)


class Killed(BaseException):
    pass


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_what_was_killed_goes_on_to_the_same_bits(tmp_path, monkeypatch, optimizer):
    changes = {"optimizer": optimizer, "data": ["normal", "fixed"], "samples": 100}
    expected = sweep(**SMALL | changes, path=tmp_path / "a")
    chance, steps, limit = np.random.default_rng(0), 0, 0
    tell = working._Beat.__call__

    def beat(self, state):
        nonlocal steps
        steps += 1
        if steps == limit:
            raise Killed
        self.keep_every = -1 if steps % 7 == 0 else 1e9
        tell(self, state)

    monkeypatch.setattr(working._Beat, "__call__", beat)
    kills = 0
    store = Store(tmp_path / "b", plan(**changes))
    for _ in range(12):
        limit = steps + int(chance.integers(1, 300))
        try:
            found = carried_out(store)
            break
        except Killed:
            kills += 1
    else:
        limit = 0
        found = carried_out(store)
    assert kills > 4
    xr.testing.assert_identical(found, expected)


def test_an_interruption_keeps_the_state_and_says_how_to_go_on(tmp_path):
    big = ["--networks", "B1", "--runs", "2", "--epochs", "200000", "--batch-sizes", "100"]
    command = [sys.executable, "-m", "corrector", "sweep", *big, "--output", "out", "--yes"]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    process = subprocess.Popen(
        [*command, "--processes", "2"], cwd=tmp_path, env=environment, stderr=subprocess.PIPE, text=True
    )
    steps = tmp_path / "out" / "locks" / "steps"
    while not (steps.exists() and any(steps.read_bytes())):
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "goes on" in said.splitlines()[-1]
    store = Store(tmp_path / "out", read_plan(tmp_path / "out"))
    kept = [store.read(piece) for piece in store.plan.pieces]
    assert any(state is not None and state.step > 0 for state in kept)


def test_processes_change_nothing(tmp_path):
    one = sweep(**SMALL, path=tmp_path / "a")
    two = sweep(**SMALL, processes=2, path=tmp_path / "b")
    xr.testing.assert_identical(one, two)


def test_a_process_that_fails_says_why(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "none"))  # nor has any other disk room
    Store(tmp_path / "a", plan())
    (tmp_path / "a" / "pieces" / "000001.safetensors").write_bytes(b"none")
    with pytest.raises(ValueError, match="expected a whole safetensors file"):
        sweep(**SMALL, path=tmp_path / "a")
    (tmp_path / "a" / "pieces" / "000001.safetensors").unlink()
    (tmp_path / "a" / "locks" / "000003").mkdir()
    with pytest.raises(RuntimeError, match="000003"):
        sweep(**SMALL, processes=2, path=tmp_path / "a")


def test_what_diverges_stays_flagged_and_counted(tmp_path):
    found = sweep(["N1"], ["modified"], [0.1, 50.0], 3, 40, batch_sizes=[64], path=tmp_path / "a")
    flags = found.diverged.squeeze()
    assert (flags.sel(learning_rate=0.1) == -1).all()
    assert ((flags.sel(learning_rate=50) > 0) & (flags.sel(learning_rate=50) < 20)).all()
    last = found.isel(epoch=-1).squeeze()
    assert np.isfinite(last.error.sel(learning_rate=0.1)).all()
    for name in ("error", "rank", "kept"):
        assert np.isnan(last[name].sel(learning_rate=50)).all()
    assert not last.collapsed.sel(learning_rate=50).any()
    assert (found.steps == 40).all()
    seldom = sweep(["N1"], ["modified"], [0.1, 50.0], 3, 40, batch_sizes=[64], points=2, path=tmp_path / "b")
    assert (seldom.diverged == found.diverged).all()
    step = int(flags.sel(learning_rate=50)[0])
    curve = found.error.sel(learning_rate=50).isel(run=0).squeeze()
    assert np.isfinite(curve.sel(epoch=slice(0, step - 2))).all()
    assert not np.isfinite(curve.sel(epoch=slice(step + 1, None))).any()


def test_a_collapse_stands_beside_the_error(tmp_path):
    found = sweep(["N1"], ["modified"], [0.2], 12, 200, batch_sizes=[64], path=tmp_path / "a")
    last = found.isel(epoch=-1).squeeze()
    assert (last.collapsed == (last.kept < 1e-3)).all()
    assert last.collapsed.any()
    assert not last.collapsed.all()
    assert (last.error.where(last.collapsed) < 1e-3).sum() == last.collapsed.sum()


def test_effective_rates_are_those_of_half_sum(tmp_path):
    """With SGD a run at a rate under any reduction is one at the effective rate under half_sum."""
    changes = {"networks": ["B1"], "epochs": 5, "dtype": "float64", "rules": ["ordinary"]}
    other = sweep(**SMALL | changes, reductions=["mean"], path=tmp_path / "a")
    rates = other.effective_rate.isel(run=0).squeeze().values.tolist()
    assert rates == pytest.approx([0.4 * rate for rate in SMALL["learning_rates"]])
    same = sweep(**SMALL | changes | {"learning_rates": rates}, path=tmp_path / "b")
    np.testing.assert_allclose(other.error.values, same.error.values, rtol=1e-10)


def test_initialisations():
    orthogonal = initialised(lambda: network("N1"), "orthogonal", 3)[0].weight.detach()
    torch.testing.assert_close(orthogonal @ orthogonal.T, torch.eye(5))
    layers = initialised(lambda: network("N2"), "rank-2", 3)
    product = layers[1].weight @ layers[0].weight
    assert torch.linalg.matrix_rank(product.detach(), rtol=1e-5) == 2
    start = initialised(lambda: network("N2"), "default", 3)[1].weight.detach().double()
    values = torch.linalg.svdvals(start)
    torch.testing.assert_close(torch.linalg.svdvals(layers[1].weight.detach().double())[:2], values[:2])
    wide = initialised(lambda: network("B2"), "kaiming", 3)
    weight = wide[2].weight.detach()
    assert float(weight.std()) == pytest.approx((2 / (1 + 0.2**2) / 250) ** 0.5, rel=0.02)
    assert not wide[2].bias.any()
    torch.manual_seed(0)
    drawn = torch.rand(3)
    torch.manual_seed(0)
    initialised(lambda: network("N1"), "kaiming", 3)
    assert torch.equal(torch.rand(3), drawn)


def test_plans_are_json():
    which = plan(
        correctors=[MCWEENY, Corrector((0, "7/2", -3, "1/2"))], initialisations=["rank-3", "default"]
    )
    assert Plan.from_json(which.to_json()) == which
    assert json.loads(which.to_json())["correctors"][1] == ["0", "7/2", "-3", "1/2"]
    assert [t.name for t in which.treatments] == [
        "ordinary",
        "modified order 1",
        "modified 7/2 x² − 3x³ + 1/2 x⁴",
    ]
    for text in ("[]", "{}", "no", '{"networks": 3}'):
        with pytest.raises(ValueError, match="expected a plan"):
            Plan.from_json(text)


def test_networks_are_the_same_however_they_are_spelt():
    assert Plan(**SMALL | {"networks": ["n3", "b1"]}) == Plan(**SMALL)


def test_a_plan_that_is_no_plan_is_named(folder):
    store = Store(folder / "a", Plan(**SMALL))
    text = (store.path / "plan.json").read_text()
    for content in (text.replace('"cpu"', "3"), text[:40], "[]"):
        (store.path / "plan.json").write_text(content)
        with pytest.raises(ValueError, match=r"a/plan\.json: expected a plan as `sweep` writes it; got: "):
            read_plan(store.path)


@pytest.mark.parametrize("spacing", ["log", "linear"])
def test_the_beginning_and_the_end_are_measured(spacing):
    for epochs, points in product((1, 2, 7, 2500), (2, 20)):
        measured = plan(epochs=epochs, spacing=spacing, points=points).measured
        assert measured[0] == 0
        assert measured[-1] == epochs
        assert list(measured) == sorted(set(measured))
        assert len(measured) <= points + len(plan().treatments)


@pytest.mark.parametrize(
    ("changes", "kind", "words"),
    [
        ({"networks": "N1"}, TypeError, "must be a sequence; got 'N1'"),
        ({"networks": []}, ValueError, "at least one entry; got none"),
        ({"networks": ["N9"]}, ValueError, "must be one of N1"),
        ({"networks": [3]}, TypeError, "`networks` must be names or import paths; got 3"),
        ({"networks": ["N1", "n1"]}, ValueError, "each entry once; got N1 twice"),
        ({"networks": [nn.Linear(4, 4)]}, TypeError, "import paths as in package.module:Net"),
        ({"networks": ["u-dcgan-mnist"]}, ValueError, "without buffers.*batch normalisation"),
        ({"networks": ["own:Dropping"]}, ValueError, "without chance"),
        ({"networks": ["own:Narrow"]}, ValueError, r"shape \(4,\); got \(3,\)"),
        ({"networks": ["own:nothing"]}, ValueError, "expected a network with parameters"),
        ({"networks": ["own:Steps"]}, ValueError, "does not say how large its inputs are; got normal"),
        ({"networks": ["own:missing"]}, ValueError, "expected missing in the module own"),
        ({"rules": ["modest"]}, ValueError, "`rules` must be of modified"),
        ({"rules": ["m1"]}, ValueError, "one weight matrix; got N3 with 2"),
        ({"rules": ["modified", "modified"]}, ValueError, "each entry once; got modified twice"),
        ({"learning_rates": [0.1, -1]}, ValueError, "positive and finite; got -1"),
        ({"learning_rates": [float("nan")]}, ValueError, "positive and finite; got nan"),
        ({"learning_rates": ["0.1"]}, TypeError, "must be numbers; got '0.1'"),
        ({"runs": 0}, ValueError, "`runs`"),
        ({"runs": 10**7}, ValueError, "at most 100000 runs of an ensemble; got 40000000"),
        ({"epochs": 1.5}, TypeError, "`epochs`"),
        ({"correctors": [3]}, TypeError, "`correctors` must be Correctors; got int"),
        ({"reductions": ["sum"]}, ValueError, "`reductions` must be of half_sum"),
        ({"initialisations": ["rank-0"]}, ValueError, "as in rank-2; got 'rank-0'"),
        ({"initialisations": ["rank-6"]}, ValueError, "of 6 units; got Linear"),
        ({"data": ["cifar"]}, ValueError, r"or a .npy file; got 'cifar'"),
        ({"data": ["digits"]}, ValueError, r"takes, \(5,\); got \(64,\) of digits"),
        ({"batch_sizes": [64], "samples": 32}, ValueError, "at most 32, the samples of an epoch; got 64"),
        ({"optimizer": "lbfgs"}, ValueError, "`optimizer` must be of sgd, adam"),
        ({"points": 1}, ValueError, "`points`"),
        ({"dtype": "float16"}, ValueError, "`dtype` must be of float32"),
        ({"device": "tpu"}, ValueError, "`device` must be cpu"),
        ({"tf32": True}, ValueError, "`tf32` is for CUDA"),
        ({"processes": 0}, ValueError, "`processes`"),
    ],
)
def test_mistakes_are_named_before_anything_is_written(folder, changes, kind, words):
    with pytest.raises(kind, match=words):
        sweep(**SMALL | changes, path=folder / "a")
    assert not (folder / "a").exists()


def test_folders_of_other_things_are_refused(tmp_path):
    sweep(**SMALL | {"epochs": 2}, path=tmp_path / "a")
    with pytest.raises(ValueError, match=r"one with epochs 2, not 3"):
        sweep(**SMALL | {"epochs": 3}, path=tmp_path / "a")
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "thesis.tex").touch()
    with pytest.raises(FileExistsError, match="expected a new or empty folder"):
        sweep(**SMALL, path=tmp_path / "b")
    pieces = sorted((tmp_path / "a" / "pieces").iterdir())
    pieces[0].write_bytes(pieces[1].read_bytes())
    with pytest.raises(ValueError, match="remove it, and that piece is trained again"):
        sweep(**SMALL | {"epochs": 2}, path=tmp_path / "a")


def test_a_full_disk_leaves_what_is_there_whole(tmp_path, monkeypatch):
    expected = sweep(**SMALL, path=tmp_path / "a")
    written, write = 0, os.fsync

    def full(descriptor):
        nonlocal written
        written += 1
        if written == 4:
            raise OSError(errno.ENOSPC, "No space left on device")
        write(descriptor)

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(
        OSError, match="No space left on device; what is there is whole: make room, and the same"
    ):
        sweep(**SMALL, path=tmp_path / "b")
    assert len(list((tmp_path / "b" / "pieces").iterdir())) == 3
    monkeypatch.setattr(os, "fsync", write)
    xr.testing.assert_identical(sweep(**SMALL, path=tmp_path / "b"), expected)


def test_compiled_code_that_cannot_be_kept_is_used(monkeypatch):
    """As numba says it of each function of its own, once; `test_full_disk` has it do so."""
    compiled, left, number = kernel.gradients, 0, errno.ENOSPC

    def full(*arguments):
        nonlocal left
        left -= 1
        if left >= 0:
            raise OSError(number, "No space left on device")
        return compiled(*arguments)

    net = network("N3")
    weights = {key: torch.stack([p.detach()] * 2) for key, p in net.named_parameters()}
    step = fused(perceptron_layers(net), MCWEENY, "modified", "mean")
    x = torch.randn(9, 5)
    expected, _ = step(weights, x)
    monkeypatch.setattr(kernel, "gradients", full)
    left = 8
    found, _ = step(weights, x)
    assert all(torch.equal(found[key], expected[key]) for key in expected)
    left, number = 1, errno.EIO
    with pytest.raises(OSError, match="No space left"):
        step(weights, x)
    left, number = 10**9, errno.ENOSPC
    with pytest.raises(OSError, match="No space left"):
        step(weights, x)


def test_a_disk_without_room_for_a_lock_is_said_to_be_full(tmp_path, monkeypatch):
    store = Store(tmp_path / "a", plan())

    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device", "000000")

    monkeypatch.setattr(FileLock, "acquire", full)
    with pytest.raises(OSError, match="what is there is whole: make room") as caught:
        carried_out(store)
    assert caught.value.filename == str(tmp_path / "a")


def test_networks_of_ones_own_and_what_their_runs_end_with(folder):
    changes = {"networks": ["own:Square", "own:fixed"], "epochs": 3, "keep_weights": True}
    found = sweep(**SMALL | changes, path=folder / "a")
    first = found.error.isel(epoch=0, rule=0, learning_rate=0).squeeze()
    assert first.sel(network="own:fixed")[0] == first.sel(network="own:fixed")[1]
    assert first.sel(network="own:Square")[0] != first.sel(network="own:Square")[1]
    store = Store(folder / "a", read_plan(folder / "a"))
    state = store.read(store.plan.pieces[0])
    assert state.weights["0.weight"].shape == (3, 70, 4)
    assert set(state.curves) == set(MEASURES)


def test_a_step_is_timed_for_one_network_of_its_ensemble(folder, monkeypatch):
    ticks = iter(range(1000))
    monkeypatch.setattr(Training, "_now", lambda _: 0.5 * next(ticks))
    options = {"rules": ["ordinary"], "epochs": 40, "runs": 1, "learning_rates": [0.1, 0.2, 0.3, 0.4]}
    plan = Plan(networks=["N1"], batch_sizes=[8], **options)
    store = Store(folder / "long", plan)
    assert store.seconds() == {}
    carried_out(store)
    state = store.read(plan.pieces[0])
    assert (state.timed, state.seconds) == (2, 1.0)  # steps 8 and 24, half a second each
    assert store.seconds() == {("N1", "default", "normal", 8, "half_sum", "ordinary"): 0.125}
    short = Store(folder / "short", replace(plan, epochs=8))
    carried_out(short)
    assert np.isnan([*short.seconds().values()]).tolist() == [True]


def test_an_estimate_is_of_the_order_of_what_it_takes(tmp_path):
    which = plan(epochs=300)
    guess = estimated(which)
    begun = time.perf_counter()
    carried_out(Store(tmp_path / "a", which))
    taken = time.perf_counter() - begun
    assert guess.runs == 24
    assert taken / 10 < guess.seconds < 10 * taken


def test_what_torch_compiles_is_the_step(folder, monkeypatch):
    """Compiling itself takes a minute; what it is given is a recording of the step."""
    recorded = []
    monkeypatch.setattr(torch, "compile", lambda graph: recorded.append(graph) or graph)
    expected = sweep(**SMALL | {"networks": ["own:Square"]}, path=folder / "a")
    found = sweep(**SMALL | {"networks": ["own:Square"]}, compiled=True, path=folder / "b")
    assert [isinstance(graph, torch.fx.GraphModule) for graph in recorded] == [True] * 2
    xr.testing.assert_allclose(found, expected, rtol=1e-5)


def test_a_sweep_leaves_the_folder_it_says(tmp_path):
    sweep(**SMALL, path=tmp_path / "a")
    names = {path.name for path in Path(tmp_path / "a").iterdir()}
    assert names == {"plan.json", "pieces", "sweep.nc", "locks"}
    assert not [p for p in (tmp_path / "a").rglob("*") if p.suffix in (".pt", ".pkl")]
