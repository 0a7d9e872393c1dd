"""How much memory a process has held."""

from __future__ import annotations

import resource
import sys
from pathlib import Path

import psutil
import torch


def require_room(needed: int, expected: str, got: str) -> None:
    """Refuse what does not fit into the memory that is free.

    Args:
        needed: bytes.
        expected: what it is, in the plural, for the error.
        got: how many, for the error.

    Raises:
        ValueError: it does not.
    """
    if needed > (free := psutil.virtual_memory().available):
        raise ValueError(
            f"expected {expected} that fit into {free / 1e9:.1f} GB of memory; got {got}, which take "
            f"{needed / 1e9:.1f}"
        )


def peak_memory(device: torch.device) -> float:
    """Return the most that this process has held so far, in MiB: of a GPU's memory, or else the machine's.

    The latter with all else that the process has done, imports included.
    """
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**20
    if sys.platform == "linux":  # where ru_maxrss begins with what the parent held when it started this
        return _high_water() / 2**10
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most / (2**20 if sys.platform == "darwin" else 2**10)  # bytes there, KiB elsewhere


def _high_water() -> int:
    """The most that this program has held, in KiB, as Linux counts it."""
    lines = Path("/proc/self/status").read_text(encoding="ascii", errors="replace").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))
