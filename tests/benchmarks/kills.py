"""`corrector train` killed at random moments and resumed, beside one run that nothing disturbed.

    .venv/bin/python -m tests.benchmarks.kills [KILLS]

The network has dropout and batch statistics, the data noise and chance of their own, the optimizer a state
and a schedule, and a checkpoint is written every other step: all that could differ after a resumption.
Compared bit for bit are the network, the best network and metrics.csv.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from safetensors.torch import load_file

CODE = """
import random, torch
from torch import nn

class Net(nn.Sequential):
    def __init__(self):
        middle = nn.BatchNorm1d(48), nn.LeakyReLU(), nn.Dropout(0.1)
        super().__init__(nn.Linear(64, 48), *middle, nn.Linear(48, 64))

class Shifted(torch.utils.data.Dataset):
    def __init__(self):
        from training import digits
        self.rows = digits().train
    def __len__(self):
        return len(self.rows)
    def __getitem__(self, i):
        return {"x": self.rows[i] * random.uniform(0.9, 1.1), "label": i}
"""
OPTIONS = (
    *("--noise", "0.2", "--optimizer", "adamw", "--schedule", "cosine", "--warmup", "5", "--clip", "10"),
    *("--accumulate", "2", "--batch-size", "32", "--checkpoint-every", "2", "--log-every", "3"),
    *("--accelerator", "cpu"),
)


def start(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    """Start `corrector train` in a folder that holds CODE as own.py."""
    return subprocess.Popen(
        [sys.executable, "-m", "corrector", "train", *arguments],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def contents(run: Path) -> dict[str, dict[str, bytes]]:
    """Return the bytes of every tensor and of metrics.csv; of a file's header the order is not fixed."""
    found = {"metrics.csv": {"metrics.csv": (run / "metrics.csv").read_bytes()}}
    for name in ("network.safetensors", "best.safetensors"):
        found[name] = {key: tensor.numpy().tobytes() for key, tensor in load_file(run / name).items()}
    return found


def killed(folder: Path, arguments: tuple[str, ...], kills: int, chance: random.Random) -> list[str]:
    """Start a run, kill it so often, each time but the first after --resume; return where the kills came."""
    run, moments = folder / "killed", []
    for _ in range(kills):
        begun = (run / "config.yaml").exists()
        process = start(folder, *(("--resume",) if begun else arguments), "--output", "killed")
        _until_it_trains(process, run / "last.safetensors")
        time.sleep(chance.uniform(0, 1))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        drafts = len(list(run.glob(".*-*")))
        rows = (run / "metrics.csv").read_text().splitlines()
        moments.append(f"after row {rows[-1].split(',')[0]}" + ", while writing" * bool(drafts))
    return moments


def _until_it_trains(process: subprocess.Popen[str], checkpoint: Path) -> None:
    """Wait for the next checkpoint; before that a kill has nothing to disturb."""
    before = checkpoint.stat().st_mtime_ns if checkpoint.exists() else 0
    while process.poll() is None:
        if checkpoint.exists() and checkpoint.stat().st_mtime_ns != before:
            return
        time.sleep(0.005)
    raise RuntimeError(f"expected to kill a run; it had ended: {process.communicate()[1]}")


def finish(process: subprocess.Popen[str]) -> None:
    """Wait for a run; raise if it failed."""
    _, errors = process.communicate()
    if process.returncode:
        raise RuntimeError(errors)


def main(kills: int) -> None:
    """Print where the kills came, and what is equal."""
    options = ("own:Net", "own:Shifted", "--epochs", str(20 * kills), *OPTIONS)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "own.py").write_text(CODE)
        finish(start(folder, *options, "--output", "whole"))
        moments = killed(folder, options, kills, random.Random(0))
        finish(start(folder, "--resume", "--output", "killed"))
        whole, found = contents(folder / "whole"), contents(folder / "killed")
    for i, moment in enumerate(moments, 1):
        print(f"kill {i}: {moment}")
    for name, parts in whole.items():
        same = "identical" if found[name] == parts else "DIFFERENT"
        print(f"{name}: {same}, {sum(map(len, parts.values()))} bytes")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10)
