"""The batches of a run: functions of seed, run and step alone, so that rules and rates are paired."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from training.data import digits, mnist
from training.generators import generator

if TYPE_CHECKING:
    import os

    from jaxtyping import Float

DATA = ("normal", "fixed", "digits", "mnist")
FIXED_SAMPLES = 10_000
"""As many as the notes draw."""

_BATCH, _SET, _ORDER, _HELD_OUT = range(4)


class Inputs:
    """What one run is trained and measured on.

    - "normal": each batch drawn anew from N(0, 1).
    - "fixed": `samples` inputs from N(0, 1), drawn once a run, in an order of their own each epoch.
    - "digits", "mnist": pictures from −1 to 1, as rows or, for networks that take
      pictures, as they are; a .npy file: an input along its first axis.  In an order of its own each epoch;
      measured on others than are trained on.

    Args:
        name: one of these.
        shape: of an input.
        batch: inputs a step.
        samples: inputs an epoch; None for all there are, of "normal" for one batch, of "fixed" for 10 000.
        seed: the plan's and the run's.
        held_out: inputs to measure on, at most.
        dtype, device: of the batches.
        data_dir: with MNIST's files; None for the user's cache.

    Raises:
        OSError: the files are not there.
        ValueError: there are fewer inputs than a batch or than `samples`, or they have another shape.
    """

    def __init__(
        self,
        name: str,
        shape: tuple[int, ...],
        batch: int,
        samples: int | None,
        seed: tuple[int, int],
        held_out: int,
        dtype: torch.dtype = torch.float32,
        device: torch.device | str = "cpu",
        data_dir: str | os.PathLike[str] | None = None,
    ) -> None:
        self.shape, self.batch, self.seed = shape, batch, seed
        self.dtype, self.device = dtype, device
        self.rows: Tensor | None = None
        drawn = generator(seed[0], _HELD_OUT)  # equal for all runs
        if name == "normal":
            samples = batch if samples is None else samples
        elif name == "fixed":
            samples = FIXED_SAMPLES if samples is None else samples
            self.rows = torch.randn(samples, *shape, generator=generator(*seed, _SET))
        else:
            rows, others = _pictures(name, shape, data_dir)
            samples = len(rows) if samples is None else samples
            if samples > len(rows):
                raise ValueError(f"expected `samples` of at most {len(rows)}, as {name} has; got {samples}")
            self.rows = rows[:samples]
        if batch > samples:
            raise ValueError(f"expected batches of at most {samples}, the samples of an epoch; got {batch}")
        given = name in ("normal", "fixed")
        held = torch.randn(held_out, *shape, generator=drawn) if given else others[:held_out]
        self.held_out: Float[Tensor, "held *shape"] = held.to(device, dtype)
        self.an_epoch = samples // batch
        self._order = (-1, torch.empty(0))

    def batch_at(self, step: int) -> Float[Tensor, "batch *shape"]:
        """Return the batch of a step, whatever was asked before."""
        if self.rows is None:
            drawn = torch.randn(self.batch, *self.shape, generator=generator(*self.seed, _BATCH, step))
            return drawn.to(self.device, self.dtype)
        epoch, i = divmod(step, self.an_epoch)
        if self._order[0] != epoch:
            order = torch.randperm(len(self.rows), generator=generator(*self.seed, _ORDER, epoch))
            self._order = epoch, order
        rows = self.rows[self._order[1][i * self.batch : (i + 1) * self.batch]]
        return rows.to(self.device, self.dtype)


def shape_of(name: str, wanted: tuple[int, ...] | None) -> tuple[int, ...]:
    """Return the shape of an input: the network's, or where only the data can tell, theirs.

    Raises:
        ValueError: neither can tell, or there is no such data.
    """
    if wanted is not None:
        return wanted
    if name in ("normal", "fixed"):
        raise ValueError(
            "expected digits, mnist or a .npy file for a network that begins with a convolution, which does "
            f"not say how large its inputs are; got {name}"
        )
    if name in DATA:
        return (1, 8, 8) if name == "digits" else (1, 28, 28)
    return tuple(_array(name).shape[1:])


def _pictures(
    name: str, shape: tuple[int, ...], data_dir: str | os.PathLike[str] | None
) -> tuple[Tensor, Tensor]:
    """What to train on, and what to measure on."""
    if name in DATA:
        parts = _images(name, None if data_dir is None else Path(data_dir))
    else:
        rows = _array(name)
        parts = rows[: len(rows) - len(rows) // 10], rows[len(rows) - len(rows) // 10 :]
    found = tuple(parts[0].shape[1:])
    if np.prod(found) != np.prod(shape):
        raise ValueError(f"expected data of the shape that the network takes, {shape}; got {found} of {name}")
    if len(parts[1]) < 2:
        raise ValueError(f"expected at least 20 inputs in {name}, a tenth to measure on; got {len(rows)}")
    return parts[0].reshape(-1, *shape), parts[1].reshape(-1, *shape)


@cache
def _images(name: str, data_dir: Path | None) -> tuple[Tensor, Tensor]:
    images = digits() if name == "digits" else mnist(data_dir)
    return 2 * images.train - 1, 2 * images.validation - 1


@cache
def _array(name: str) -> Tensor:
    if Path(name).suffix != ".npy":
        raise ValueError(f"`data` must be of {', '.join(DATA)} or a .npy file; got {name!r}")
    try:
        found = np.load(name, allow_pickle=False)
    except (ValueError, EOFError):
        found = None
    if not isinstance(found, np.ndarray) or found.dtype.kind != "f" or found.ndim < 2:
        kind = f"{found.dtype}, shape {found.shape}" if isinstance(found, np.ndarray) else "none"
        raise ValueError(
            f"expected an array of floating-point numbers, an input a row, in {name}; got {kind}"
        )
    if not np.isfinite(found).all():
        raise ValueError(f"expected finite numbers in {name}; got nan or infinite ones")
    return torch.from_numpy(found.astype(np.float32))
