"""`corrector sweep` killed at random moments and started again, beside one that nothing disturbed.

    .venv/bin/python -m tests.benchmarks.sweep_kills [KILLS]

Two processes, SGD, batches drawn anew and a fixed set, compiled and vectorised networks.  A kill ends every
process of the sweep at once, as a machine's failure does.  States are kept once a second here, so that most
kills come while there is something to lose; compared bit for bit is every variable of the data set.
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

import xarray as xr

from training.sweeping.store import Store, read_plan

OPTIONS = (
    *("--networks", "N1,N3,B1,B2", "--learning-rates", "0.05,0.1,0.2", "--runs", "2", "--epochs", "400"),
    *("--batch-sizes", "64", "--data", "normal,fixed", "--samples", "128", "--yes", "--processes", "2"),
    *("--keep-every", "1"),
)


def start(folder: Path, name: str) -> subprocess.Popen[bytes]:
    """Start the sweep in a group of processes of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "corrector", "sweep", *OPTIONS, "--output", name],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )


def until_it_trains(process: subprocess.Popen[bytes], steps: Path) -> None:
    """Wait until a step is told of; before that a kill has nothing to disturb."""
    before = steps.stat().st_mtime_ns if steps.exists() else 0
    while process.poll() is None and (not steps.exists() or steps.stat().st_mtime_ns == before):
        time.sleep(0.005)


def finish(process: subprocess.Popen[bytes]) -> None:
    """Wait for a sweep; raise if it failed."""
    _, errors = process.communicate()
    if process.returncode:
        raise RuntimeError(errors.decode())


def main(kills: int) -> None:
    """Print where the kills came, and what is equal."""
    chance = random.Random(0)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        begun = time.perf_counter()
        finish(start(folder, "whole"))
        taken = time.perf_counter() - begun
        for kill in range(kills):
            process = start(folder, "killed")
            until_it_trains(process, folder / "killed" / "locks" / "steps")
            time.sleep(chance.uniform(0, taken / kills))
            if process.poll() is not None:
                print(f"kill {kill + 1}: came too late, it had ended")
                continue
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            print(f"kill {kill + 1}: {progress(folder / 'killed')}", flush=True)
        finish(start(folder, "killed"))
        whole, found = (xr.load_dataset(folder / run / "sweep.nc") for run in ("whole", "killed"))
    for variable in whole:
        same = "identical" if whole[variable].identical(found[variable]) else "DIFFERENT"
        print(f"{variable}: {same}, {whole[variable].nbytes} bytes")


def progress(path: Path) -> str:
    """How far the sweep had come when it was killed."""
    if not (path / "plan.json").is_file():
        return "before it began"
    store = Store(path, read_plan(path))
    states = [store.read(piece) for piece in store.plan.pieces]
    finished = sum(map(store.finished, store.plan.pieces))
    drafts = len(list(path.glob("pieces/.*")))
    kept = sum(state is not None for state in states) - finished
    return f"{finished} of {len(states)} pieces finished, {kept} kept" + ", while writing" * bool(drafts)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 20)
