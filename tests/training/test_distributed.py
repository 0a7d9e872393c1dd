"""Several processes, as a person starts them: the answer of one, to the last digits."""

import subprocess
import sys

import numpy as np
import pytest
import scipy.io

from analysis import iterate, schedule
from corrector import smoothstep
from tests.problems import oblique, with_spectrum

MODULE = ["-m", "training.distributed"]
TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node"]


def start(count, *arguments, cwd):
    command = [*TORCHRUN, str(count), *MODULE, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, check=False, timeout=300)


@pytest.fixture
def folder(tmp_path):
    rng = np.random.default_rng(0)
    oblique_one = oblique(61, 25, 20.0) + 1e-4 * rng.standard_normal((61, 61))
    np.save(tmp_path / "oblique.npy", oblique_one)
    np.save(tmp_path / "symmetric.npy", with_spectrum([*rng.uniform(0, 0.3, 40), *rng.uniform(0.6, 1, 24)]))
    np.save(tmp_path / "whole.npy", np.eye(3, dtype=int))
    return tmp_path


@pytest.mark.parametrize("count", [2, 4])
@pytest.mark.parametrize(
    ("name", "options"),
    [("oblique", {}), ("symmetric", {"gap": (0.3, 0.6)}), ("oblique", {"order": 2})],
    ids=["oblique", "symmetric-schedule", "order-2"],
)
def test_several_processes_give_the_answer_of_one(folder, count, name, options):
    K = np.load(folder / f"{name}.npy")
    arguments = [x for key, value in options.items() for x in (f"--{key}", str(value).strip("()"))]
    result = start(count, f"{name}.npy", *arguments, "--output", "P.npy", cwd=folder)
    assert result.returncode == 0, result.stderr
    plan = schedule(*options["gap"]) if "gap" in options else None
    alone = iterate(K, smoothstep(options.get("order", 1)), schedule=plan)
    P = np.load(folder / "P.npy")
    assert np.linalg.norm(P - alone.value) <= 1e-13 * np.linalg.norm(alone.value)
    assert f"a projector of rank {round(np.trace(alone.value))}" in result.stdout
    assert f"({alone.products} products)" in result.stdout


def test_mixed_precision_and_matrix_market(folder):
    K = np.load(folder / "symmetric.npy")
    scipy.io.mmwrite(folder / "symmetric.mtx", K, precision=17, symmetry="general")
    result = start(2, "symmetric.mtx", "--gap", "0.3,0.6", "--mixed", "--output", "P.mtx", cwd=folder)
    assert result.returncode == 0, result.stderr
    assert "of them in single precision" in result.stdout
    P = scipy.io.mmread(folder / "P.mtx")
    alone = iterate(K, schedule=schedule(0.3, 0.6))
    assert np.linalg.norm(P - alone.value) <= 1e-13 * np.linalg.norm(alone.value)


def test_what_does_not_converge_is_not_written(folder):
    result = start(2, "oblique.npy", "--max-steps", 1, "--output", "P.npy", cwd=folder)
    assert result.returncode == 1
    assert (
        result.stderr.count("corrector: not converged, nothing written: max_steps: the steps were used up")
        == 1
    )
    assert not (folder / "P.npy").exists()


def test_mistakes_are_named_once(folder):
    result = start(2, "whole.npy", "--output", "P.npy", cwd=folder)
    assert result.returncode != 0
    assert result.stderr.count("real floating-point numbers; got int64, (3, 3)") == 1
    alone = [sys.executable, *MODULE, "oblique.npy", "--output", "P.npy"]
    result = subprocess.run(alone, capture_output=True, text=True, cwd=folder, check=False)
    assert result.returncode == 2
    assert result.stderr.startswith("corrector: expected to be started by torchrun")
