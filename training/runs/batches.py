"""The batches of a whole run, each a function of its number: what makes a run that was killed go on alike.

The k-th batch of a run depends on the seed, k and the process alone: the order of an epoch, the noise,
and whatever a data set of one's own draws by chance.  So nothing about them needs to be stored but k.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from math import prod
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, get_args

import torch
from lightning_utilities.core.apply_func import apply_to_collection
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, IterableDataset, default_collate

from training.data import NOISES, Pictures
from training.data.checksum import checked_sum
from training.data.images import Part
from training.foreign import told
from training.generators import chance, generator
from training.subjects import imported, named_images, named_inputs

from .generative import Drawn
from .module import Noisy, inputs

if TYPE_CHECKING:
    from torch import nn

    from training.data import FourierNoise, GaussianNoise, Images

_MEASURED = 1000
"""Samples to validate on and to report on, at most."""
_DRAWN = 5
"""A third word of the seed, which what is trained on has not: the same noise for all networks."""
_SHARE = 10
"""One sample in so many of a data set that comes undivided is held out to validate, one to report."""


@dataclass(frozen=True)
class Parts:
    """Data in three parts that share no sample.

    Attributes:
        train: samples by index.
        order: the indices of those to train on.
        validation, test: a batch each, of those held out.
        dtype: of the floating-point numbers in a batch.
        noise: what a generative network makes pictures of, else None.
        images: the pictures, where the data are some.
    """

    train: Any
    order: Tensor
    validation: Any
    test: Any
    dtype: torch.dtype = torch.float32
    noise: GaussianNoise | FourierNoise | None = None
    images: Images | None = None

    def checksum(self) -> int:
        """Return that of all numbers or pictures; of a data set of one's own, of those held out."""
        known = [self.order, inputs(self.validation), inputs(self.test)]
        if isinstance(self.train, Tensor | Pictures):
            known.append(self.train.pixels if isinstance(self.train, Pictures) else self.train)
        found = 0
        for x in known:
            found = checked_sum(
                x.detach().cpu().contiguous().view(torch.uint8).numpy(), "Checking the data", found
            )
        return found


def named_parts(
    name: str,
    net: nn.Module,
    directory: Path | None,
    shape: str | None,
    seed: int,
    dtype: torch.dtype,
    pictures: Mapping[str, Any] = MappingProxyType({}),
    *,
    source: str = "none",
    noise: GaussianNoise | FourierNoise | None = None,
) -> Parts:
    """Return the data that a command line names.

    Args:
        name: "digits", "mnist", "celeba", "normal", a .npy file, a folder of pictures, or an import path
            "module:name" to a tensor, to a `torch.utils.data.Dataset` with a length, or to what makes one.
        net: whose first Linear layer says how long normal inputs are.
        directory: of MNIST's or CelebA's files.
        shape: what each input is reshaped to, as "1,28,28".
        seed: of what is held out, and of the normal inputs.
        dtype: of the inputs.
        pictures: what `image_folder` is to make of a folder's, or `celeba` of its own.
        source: the noise of a generative network, for whose data pixels go from −1 to 1; or "none".
        noise: where the data's statistics are known already; found when None, or of another shape.

    Raises:
        OSError: a file is missing.
        ValueError: there is no such data, too little of it, or it is not finite; or no pictures, for noise.
        TypeError: a batch of it holds no floating-point tensor where inputs are looked for.
    """
    if source != "none":
        if ":" in name or name == "normal" or Path(name).suffix == ".npy":
            raise ValueError(
                f"expected pictures to generate: digits, mnist, celeba or a folder of them; got {name}"
            )
        return _generated(named_images(name, directory, pictures), source, dtype, noise)
    if ":" in name:
        data = imported(name, "a tensor or a Dataset", _is_data)
    elif name == "normal" or Path(name).suffix == ".npy":
        data = named_inputs(name, net, directory, None, seed)[0]
    else:
        images = named_images(name, directory, pictures)
        rows = str(prod(images.shape)) if name in ("digits", "mnist") else None
        train, validation, test = (_reshaped(images.part(part), shape or rows) for part in get_args(Part))
        validation, test = (part[:_MEASURED].to(dtype) for part in (validation, test))
        return Parts(train, torch.arange(len(train)), validation, test, dtype)
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
    held = [_taken(data, part[:_MEASURED], dtype) for part in (validation, test)]
    parts = Parts(data, order, held[0], held[1], dtype)
    inputs(parts.validation)
    return parts


def _generated(
    images: Images, source: str, dtype: torch.dtype, noise: GaussianNoise | FourierNoise | None
) -> Parts:
    """Pictures from −1 to 1, the noise to generate from, and draws of it to measure the network on."""
    if noise is None or tuple(noise.shape) != (images.channels, *images.shape):
        noise = NOISES[source].of(images.part("train"))
    if dtype == torch.float64:
        noise.double()
    train, validation, test = (images.part(part).between(-1, 1) for part in get_args(Part))
    held = []
    for i, part in enumerate((validation, test)):
        x = part[:_MEASURED].to(dtype)
        held.append(Drawn(x, noise(_MEASURED, generator(i, 0, _DRAWN)).to(dtype)))
    return Parts(train, torch.arange(len(train)), held[0], held[1], dtype, noise, images)


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
            batch = _taken(self.parts.train, self.parts.order[chosen], self.parts.dtype)
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


def _taken(data: Any, indices: Tensor, dtype: torch.dtype) -> Any:
    """A batch of these samples, its floating-point numbers of this dtype."""
    if isinstance(data, Tensor):
        return data[indices]
    if isinstance(data, Pictures):
        return data[indices].to(dtype)
    samples = [data[i] for i in indices.tolist()]
    try:
        batch = default_collate(samples)
    except (TypeError, RuntimeError, KeyError) as error:
        kinds = [_kind(sample) for sample in samples]
        odd = next((i for i, kind in enumerate(kinds) if kind != kinds[0]), 0)
        raise TypeError(
            f"expected samples alike, of numbers and tensors, mappings and tuples of them: "
            f"sample {indices[0]} is {kinds[0]}; got sample {indices[odd]}, {kinds[odd]} ({told(error)})"
        ) from None
    return apply_to_collection(batch, Tensor, lambda x: x.to(dtype) if x.is_floating_point() else x)


def _kind(sample: Any) -> str:
    """What a sample is made of, in words."""
    if isinstance(sample, Mapping):
        return "{" + ", ".join(f"{name}: {_kind(part)}" for name, part in sample.items()) + "}"
    if isinstance(sample, tuple | list):
        return "(" + ", ".join(map(_kind, sample)) + ")"
    shape = getattr(sample, "shape", None)
    return type(sample).__name__ if shape is None else f"{type(sample).__name__} {list(shape)}"


def _is_data(found: Any) -> bool:
    if isinstance(found, Tensor):
        return found.ndim > 0
    return isinstance(found, Dataset) and not isinstance(found, IterableDataset) and hasattr(found, "__len__")


def _reshaped(x: Any, shape: str | None) -> Any:
    """A tensor's rows, or pictures, in another shape."""
    if shape is None:
        return x
    try:
        lengths = [int(length) for length in shape.split(",")]
    except ValueError:
        raise ValueError(f"expected --shape as in 1,28,28; got {shape}") from None
    if prod(lengths) != x[0].numel() or min(lengths) < 1:
        raise ValueError(f"expected --shape for inputs of {x[0].numel()} numbers; got {shape}")
    return x.viewed(*lengths) if isinstance(x, Pictures) else x.reshape(len(x), *lengths)
