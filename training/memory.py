"""How much memory a process has held."""

from __future__ import annotations

import resource
import sys

import torch


def peak_memory(device: torch.device) -> float:
    """Return the most that this process has held so far, in MiB: of a GPU's memory, or else the machine's.

    The latter with all else that the process has done, imports included.
    """
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**20
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most / (2**20 if sys.platform == "darwin" else 2**10)  # bytes there, KiB elsewhere
