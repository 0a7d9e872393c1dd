"""The batches of a whole run, each a function of its number: what makes a run that was killed go on alike.

The k-th batch of a run depends on the seed, k and the process alone: the order of an epoch, the noise,
and whatever a data set of one's own draws by chance.  So nothing about them needs to be stored but k.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, IterableDataset, default_collate

from training.data import digits, mnist
from training.generators import chance, generator
from training.subjects import DATA, imported, named_inputs

from .module import Noisy, inputs

if TYPE_CHECKING:
    from torch import nn

_MEASURED = 1000
"""Samples to validate on and to report on, at most."""
_SHARE = 10
"""One sample in so many of a data set that comes undivided is held out to validate, one to report."""


@dataclass(frozen=True)
class Parts:
    """Data in three parts that share no sample.

    Attributes:
        train: samples by index.
        order: the indices of those to train on.
        validation, test: a batch each, of those held out.
    """

    train: Any
    order: Tensor
    validation: Any
    test: Any


def named_parts(
    name: str, net: nn.Module, directory: Path | None, shape: str | None, seed: int, dtype: torch.dtype
) -> Parts:
    """Return the data that a command line names.

    Args:
        name: "digits", "mnist", "normal", a .npy file, or an import path "module:name" to a tensor, to a
            `torch.utils.data.Dataset` with a length, or to what makes one.
        net: whose first Linear layer says how long normal inputs are.
        directory: of MNIST's files.
        shape: what each input is reshaped to, as "1,28,28".
        seed: of what is held out, and of the normal inputs.
        dtype: of the inputs, where they are one tensor.

    Raises:
        OSError: a file is missing.
        ValueError: there is no such data, too little of it, or it is not finite.
        TypeError: a batch of it holds no floating-point tensor where inputs are looked for.
    """
    if name in ("digits", "mnist"):
        images = digits() if name == "digits" else mnist(directory)
        whole = (images.train, images.validation, images.test)
        train, *held = (_reshaped(x.to(dtype), shape) for x in whole)
        return Parts(train, torch.arange(len(train)), *(x[:_MEASURED] for x in held))
    if ":" in name:
        data = imported(name, "a tensor or a Dataset", _is_data)
    elif name in DATA or Path(name).suffix == ".npy":
        data = named_inputs(name, net, directory, None, seed)[0]
    else:
        raise ValueError(f"expected {', '.join(DATA)}, a .npy file or an import path; got {name}")
    if isinstance(data, Tensor):
        data = _reshaped(data.to(dtype) if data.is_floating_point() else data, shape)
        if not data.isfinite().all():
            bad = int((~data.isfinite()).flatten(1).any(1).nonzero()[0])
            raise ValueError(f"expected finite numbers in {name}; got others in sample {bad}, counted from 0")
    elif shape is not None:
        raise ValueError(
            f"expected --shape for a tensor, or a .npy file; got {type(data).__name__} from {name}"
        )
    held_out = len(data) // _SHARE
    if held_out < 2:
        raise ValueError(f"expected at least {2 * _SHARE} samples in {name}; got {len(data)}")
    mixed = torch.randperm(len(data), generator=generator(seed))
    validation, test, order = mixed.tensor_split([held_out, 2 * held_out])
    parts = Parts(data, order, *(_taken(data, part[:_MEASURED]) for part in (validation, test)))
    inputs(parts.validation)
    return parts


def noisy(batch: Any, noise: float, *seed: int, rows: slice = slice(None), total: int | None = None) -> Any:
    """Return the batch with Gaussian noise of this standard deviation on its inputs; as it is for 0.

    Args:
        batch: some of `total` samples.
        noise: the standard deviation.
        *seed: what the noise of all samples is a function of.
        rows: where the batch's samples lie among them.
        total: how many there are; as many as in the batch when None.
    """
    if not noise:
        return batch
    x = inputs(batch)
    drawn = torch.randn((total or len(x), *x.shape[1:]), generator=generator(*seed), dtype=x.dtype)
    return Noisy(x + noise * drawn[rows], batch)


class Batches(Dataset[Any]):
    """Every batch of a run, by its number.

    Each epoch goes through the training part once in an order of its own, and leaves out what fills no
    whole batch.  Batch k of p processes with b samples each is batch k of one process with pb samples.

    Args:
        parts: the data.
        size: b, samples a batch and process.
        epochs: how often to go through the data.
        noise: standard deviation of noise on the inputs.
        seed: of the order and the noise.
        rank, world: this process, of how many.

    Raises:
        ValueError: there are fewer samples than fill one batch.
    """

    def __init__(
        self, parts: Parts, size: int, epochs: int, noise: float, seed: int, rank: int = 0, world: int = 1
    ) -> None:
        self.parts, self.size, self.noise, self.seed = parts, size, noise, seed
        self.rank, self.world = rank, world
        self.an_epoch = len(parts.order) // (size * world)
        if not self.an_epoch:
            raise ValueError(
                f"expected --batch-size of at most {len(parts.order) // world}, the samples to train on"
                f"{' in each process' * (world > 1)}; got {size}"
            )
        self.total = epochs * self.an_epoch
        self._order = lru_cache(2)(self._ordered)

    def __len__(self) -> int:
        return self.total

    def __getitem__(self, k: int) -> Any:
        epoch, i = divmod(k, self.an_epoch)
        rows = slice(self.rank * self.size, (self.rank + 1) * self.size)
        whole = self.size * self.world
        chosen = self._order(epoch)[i * whole : (i + 1) * whole][rows]
        with chance(self.seed, k, self.rank):
            batch = _taken(self.parts.train, self.parts.order[chosen])
        return noisy(batch, self.noise, self.seed, k, rows=rows, total=whole)

    def loader(self, done: int, stop: int, workers: int) -> DataLoader[Any]:
        """Return the batches from number `done` up to `stop`."""
        # Of a generator of its own: a loader would draw from the network's, whenever it is made.
        return DataLoader(
            self,
            batch_size=None,
            sampler=range(done, stop),
            num_workers=workers,
            generator=torch.Generator(),
            persistent_workers=workers > 0,
        )

    def _ordered(self, epoch: int) -> Tensor:
        return torch.randperm(len(self.parts.order), generator=generator(self.seed, epoch))


def _taken(data: Any, indices: Tensor) -> Any:
    """A batch of these samples."""
    if isinstance(data, Tensor):
        return data[indices]
    return default_collate([data[i] for i in indices.tolist()])


def _is_data(found: Any) -> bool:
    if isinstance(found, Tensor):
        return found.ndim > 0
    return isinstance(found, Dataset) and not isinstance(found, IterableDataset) and hasattr(found, "__len__")


def _reshaped(x: Tensor, shape: str | None) -> Tensor:
    if shape is None:
        return x
    try:
        lengths = [int(length) for length in shape.split(",")]
    except ValueError:
        raise ValueError(f"expected --shape as in 1,28,28; got {shape}") from None
    if prod(lengths) != x[0].numel() or min(lengths) < 1:
        raise ValueError(f"expected --shape for inputs of {x[0].numel()} numbers; got {shape}")
    return x.reshape(len(x), *lengths)
