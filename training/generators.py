"""The global random generators, Python's, NumPy's and torch's: others' networks and data draw from them."""

from __future__ import annotations

import random
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


def states(device: torch.device | None = None) -> dict[str, Any]:
    """Return their states, that of a CUDA device too, as numbers, words, tuples, lists and tensors."""
    numbers = np.random.get_state(legacy=False)
    return {
        "python": random.getstate(),
        "numpy": numbers | {"state": numbers["state"] | {"key": numbers["state"]["key"].tolist()}},
        "torch": torch.get_rng_state(),
        "cuda": None if device is None or device.type != "cuda" else torch.cuda.get_rng_state(device),
    }


def restore(stored: Mapping[str, Any], device: torch.device | None = None) -> None:
    """Put them back as `states` found them."""
    random.setstate(stored["python"])
    np.random.set_state(stored["numpy"])
    torch.set_rng_state(stored["torch"])
    if device is not None and device.type == "cuda" and stored["cuda"] is not None:
        torch.cuda.set_rng_state(stored["cuda"], device)


@contextmanager
def chance(*seed: int) -> Iterator[None]:
    """Run a block with the generators seeded, an accelerator's excepted, and put them back."""
    before = states()
    mixed = _mixed(*seed)
    random.seed(mixed)
    np.random.seed(mixed % 2**32)
    torch.default_generator.manual_seed(mixed)
    try:
        yield
    finally:
        restore(before)


def seed_all(seed: int) -> None:
    """Seed them, accelerators' too."""
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed)


def generator(*seed: int) -> torch.Generator:
    """Return a generator of torch's on the CPU; neighbouring seeds give unrelated ones."""
    return torch.Generator().manual_seed(_mixed(*seed))


def _mixed(*numbers: int) -> int:
    return int(np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0])
