"""The folder of a run: what lies in it, whether it is new, and that one process at a time is at it."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

CONFIG = "config.yaml"
"""Every option; written first."""
METRICS = "metrics.csv"
CHECKPOINT = "last.safetensors"
"""There until the run ends."""
BEST = "best.safetensors"
NETWORK = "network.safetensors"
CURVES = "curves.png"
NOISE = "noise.safetensors"
"""What a generative network makes pictures of."""
SHEETS = "sheets"
"""Folder of pictures made on the way."""
EVALUATION = "evaluation.json"
"""What the pictures are worth."""
COST = "cost.json"
"""Seconds and memory."""
PAGE = "report.html"
"""All of that, to look at."""
SUMMARY = "summary.json"
"""Written last: by it a run is known to have ended."""
_LOCK = ".lock"
_FILES = (CONFIG, METRICS, CHECKPOINT, BEST, NETWORK, CURVES, NOISE, EVALUATION, COST, PAGE, SUMMARY)


def require_new(folder: Path) -> None:
    """Refuse a folder that holds anything.

    Raises:
        FileExistsError: it does, or is no folder.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise FileExistsError(f"expected a new or empty folder, or --resume; got {folder}")


def require_run(folder: Path) -> None:
    """Refuse a folder without a run in it.

    Raises:
        FileNotFoundError: it has no config.yaml.
    """
    if not (folder / CONFIG).is_file():
        got = "one without" if folder.is_dir() else "none"
        raise FileNotFoundError(f"expected --output of a run, with {folder / CONFIG}; got {got}")


def remove_drafts(folder: Path) -> None:
    """Remove what was being written when a run was killed, and nothing of anybody else's."""
    names = [*map(Path, _FILES), Path(SHEETS, "step.png")]
    for name in names:
        for draft in (folder / name.parent).glob(f".{name.stem}-*{name.suffix}"):
            if draft.is_file():
                draft.unlink()


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Hold the folder against other processes; one that is killed lets go of it.

    Raises:
        FileExistsError: another process is at it.
    """
    from filelock import FileLock, Timeout

    lock = FileLock(folder / _LOCK)
    try:
        lock.acquire(blocking=False)
    except Timeout:
        raise FileExistsError(
            f"expected a run that no other process is at; got one being trained: {folder}"
        ) from None
    try:
        yield
    finally:
        lock.release()
        (folder / _LOCK).unlink(missing_ok=True)
