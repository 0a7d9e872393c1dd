"""Pictures as a value: bytes, in memory or mapped from a file, that become numbers a batch at a time."""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import TYPE_CHECKING, Literal, get_args

import torch
from torch import Tensor
from torch.utils.data import Dataset

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from jaxtyping import Float, Int64, UInt8

Part = Literal["train", "validation", "test"]


class Pictures(Dataset[Tensor]):
    """Pictures by their number, as floating-point numbers from 0 to 1 once they are asked for.

        x = low + (high − low) · pixel / white,    low = 0 and high = 1 but of `between`

    A `torch.utils.data.Dataset` of float32 tensors; `pictures[indices]` for a tensor, a list or a slice of
    numbers is a batch at once.

    Args:
        pixels: uint8 (n, channels, height, width).
        indices: int64 (count,), which of them, in their order.
        white: the pixel that becomes 1.
        labels: int64 (count,), the classes of those, where there are any.

    Attributes:
        shape: of an item.
        labels: int64 (count,), or None.

    Cost: a byte a pixel, and no more where they are mapped from a file; a batch takes four bytes a pixel.

    >>> pixels = torch.arange(0, 256, 17, dtype=torch.uint8).reshape(4, 1, 2, 2)
    >>> pictures = Pictures(pixels, torch.tensor([3, 0]))
    >>> pictures[1].tolist()
    [[[0.0, 0.0666...], [0.1333..., 0.2...]]]
    >>> pictures[[0, 1]].shape, pictures.viewed(4)[:1].shape
    (torch.Size([2, 1, 2, 2]), torch.Size([1, 4]))
    """

    def __init__(
        self,
        pixels: UInt8[Tensor, "n channels height width"],
        indices: Int64[Tensor, " count"],
        white: int = 255,
        labels: Int64[Tensor, " count"] | None = None,
    ) -> None:
        self.pixels, self.indices, self.white, self.labels = pixels, indices, white, labels
        self.shape: tuple[int, ...] = tuple(pixels.shape[1:])
        self.low, self.high = 0.0, 1.0

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, which: int | slice | Sequence[int] | Tensor) -> Float[Tensor, "*batch *shape"]:
        chosen = self.indices[which]
        taken = self.pixels.index_select(0, chosen.reshape(-1))  # whole pictures, ten times as fast as []
        x = taken.float().div_(self.white).reshape(*chosen.shape, *self.shape)
        return x if (self.low, self.high) == (0, 1) else x.mul_(self.high - self.low).add_(self.low)

    def viewed(self, *shape: int) -> Pictures:
        """Return the same pictures as items of another shape, as rows for a perceptron.

        Raises:
            ValueError: it has not as many numbers.
        """
        if prod(shape) != prod(self.shape) or min(shape, default=0) < 1:
            raise ValueError(f"`shape` must hold {prod(self.shape)} numbers, a picture's; got {shape}")
        other = copy(self)
        other.shape = shape
        return other

    def between(self, low: float, high: float) -> Pictures:
        """Return the same pictures as numbers of another range, as −1 to 1 for a network that ends in tanh.

        >>> pixels = torch.tensor([[[[0, 255]]]], dtype=torch.uint8)
        >>> Pictures(pixels, torch.arange(1)).between(-1, 1)[0].tolist()
        [[[-1.0, 1.0]]]
        """
        if not low < high:
            raise ValueError(f"`low` must be below `high`; got {low} and {high}")
        other = copy(self)
        other.low, other.high = low, high
        return other

    def batches(self, size: int) -> Iterator[Float[Tensor, "batch *shape"]]:
        """Yield all of them in their order, so many at a time; the last batch may be smaller."""
        for first in range(0, len(self), size):
            yield self[first : first + size]


@dataclass(frozen=True, repr=False, eq=False)
class Images:
    """Pictures, grey or in colour, in three parts that share none.

    Args:
        name: the data set's.
        pixels: uint8 (n, channels, height, width), in memory or mapped from a file.
        parts: the numbers of the pictures to train on, to validate and to test, int64.
        labels: int64 (n,), what each shows, where that is known.
        white: the pixel that becomes 1.
        left_out: names of files that were damaged and left out, as was asked for.

    Attributes:
        shape: (height, width).
        channels: 1 for grey, 3 for red, green and blue.
        train, validation, test: a whole part as rows from 0 to 1, float32 (count, channels·height·width):
            four bytes a number.  `part` gives the pictures of a data set that is too large for that.

    Raises:
        ValueError: the pixels are not bytes in four axes, the parts not three that share none, or the labels
            not one a picture.

    >>> from training import digits
    >>> images = digits()
    >>> images, images.train.shape, images.part("test")[:2].shape
    (Images(digits, 8×8, 1197 + 300 + 300), torch.Size([1197, 64]), torch.Size([2, 1, 8, 8]))
    """

    name: str
    pixels: UInt8[Tensor, "n channels height width"]
    parts: tuple[Int64[Tensor, " train"], Int64[Tensor, " validation"], Int64[Tensor, " test"]]
    labels: Int64[Tensor, " n"] | None = None
    white: int = 255
    left_out: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.pixels.dtype != torch.uint8 or self.pixels.ndim != 4:
            raise ValueError(
                "`pixels` must be uint8 with the axes n, channels, height, width; "
                f"got {self.pixels.dtype} {tuple(self.pixels.shape)}"
            )
        count, together = len(self.pixels), torch.cat(self.parts)
        inside = bool(((together >= 0) & (together < count)).all())
        if len(self.parts) != 3 or not inside or bool((together.bincount(minlength=1) > 1).any()):
            raise ValueError(
                f"`parts` must be three that share no number, all from 0 to {count - 1}; got "
                f"{' + '.join(str(len(part)) for part in self.parts)} numbers"
            )
        if self.labels is not None and self.labels.shape != (count,):
            raise ValueError(f"`labels` must be one for each of {count}; got {tuple(self.labels.shape)}")

    @property
    def channels(self) -> int:
        """1 for grey, 3 for red, green and blue."""
        return self.pixels.shape[1]

    @property
    def shape(self) -> tuple[int, int]:
        """(height, width)."""
        return self.pixels.shape[2], self.pixels.shape[3]

    def part(self, name: Part) -> Pictures:
        """Return the pictures of a part, which become numbers a batch at a time.

        Raises:
            ValueError: there is no such part.
        """
        if name not in (names := get_args(Part)):
            raise ValueError(f"`name` must be one of {', '.join(names)}; got {name!r}")
        chosen = self.parts[names.index(name)]
        labels = None if self.labels is None else self.labels[chosen]
        return Pictures(self.pixels, chosen, self.white, labels)

    @cached_property
    def train(self) -> Float[Tensor, "n numbers"]:
        """Those to train on."""
        return self.part("train")[:].flatten(1)

    @cached_property
    def validation(self) -> Float[Tensor, "v numbers"]:
        """Those to choose by."""
        return self.part("validation")[:].flatten(1)

    @cached_property
    def test(self) -> Float[Tensor, "t numbers"]:
        """Those to report on."""
        return self.part("test")[:].flatten(1)

    def __repr__(self) -> str:
        sides = "×".join(str(n) for n in (*self.shape, *[self.channels] * (self.channels > 1)))
        counts = " + ".join(str(len(part)) for part in self.parts)
        left_out = f", {len(self.left_out)} left out" if self.left_out else ""
        return f"Images({self.name}, {sides}, {counts}{left_out})"
