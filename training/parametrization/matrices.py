"""Which matrices must be idempotent for a layer to be: its weight's, by group, or by frequency."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from .projection import wide

if TYPE_CHECKING:
    from jaxtyping import Inexact

_CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
_TRANSPOSED = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)


@dataclass(frozen=True)
class Layout:
    """Where a tensor holds its matrices: in a convolution by group, and if circulant by frequency."""

    of_layer: bool = False
    groups: int = 1
    image: tuple[int, ...] = ()
    transposed: bool = False

    @property
    def circulant(self) -> bool:
        """Whether there is a matrix at each frequency."""
        return any(n > 1 for n in self.image)

    def matrices(self, weight: Inexact[Tensor, "..."]) -> Inexact[Tensor, "*batch m m"]:
        """The matrices, which are idempotent exactly if the tensor's map is."""
        if not self.image:
            return weight
        m = weight.shape[1]
        if not self.circulant:
            return weight.reshape(self.groups, m, m)
        blocks = wide(weight).reshape(self.groups, m, m, *self.image)
        symbols: Tensor = torch.fft.rfftn(blocks.roll(self._shifts(-1), self._axes()), dim=self._axes())
        return symbols.movedim((0, 1, 2), (-3, -2, -1))

    def kernel(self, matrices: Inexact[Tensor, "*batch m m"], like: Tensor) -> Inexact[Tensor, "..."]:
        """The tensor that holds these matrices."""
        if not self.circulant:
            return matrices.reshape(like.shape).to(like.dtype)
        symbols = matrices.movedim((-3, -2, -1), (0, 1, 2))
        blocks: Tensor = torch.fft.irfftn(symbols, s=self.image, dim=self._axes())
        return blocks.roll(self._shifts(1), self._axes()).reshape(like.shape).to(like.dtype)

    def _axes(self) -> tuple[int, ...]:
        return tuple(range(-len(self.image), 0))

    def _shifts(self, sign: int) -> tuple[int, ...]:
        """From the kernel's middle, as torch pads, to the first entry."""
        return tuple(sign * ((n - 1) // 2) for n in self.image)

    def at_constants(self, weight: Inexact[Tensor, "..."]) -> Inexact[Tensor, "groups m m"]:
        """What the layer does to constant images: the symbol at frequency 0."""
        if not self.image:
            return weight[None]
        m = weight.shape[1]
        blocks = weight.flatten(2).sum(-1).reshape(self.groups, m, m)
        return blocks.mT if self.transposed else blocks

    def require_size(self, module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        """Refuse images on which a circulant layer is not idempotent."""
        size = tuple(inputs[0].shape[-len(self.image) :])
        if size != self.image and parametrize.is_parametrized(module, "weight"):
            raise ValueError(
                f"{type(module).__name__} is idempotent on images as large as its kernel, {self.image}; "
                f"got {size}"
            )


def layout_of(module: nn.Module, name: str, weight: Tensor) -> Layout:
    """Where the matrices are, or ValueError where a layer's map cannot be idempotent."""
    if name != "weight" or not isinstance(module, (*_CONVOLUTIONS, *_TRANSPOSED)):
        if weight.ndim < 2 or weight.shape[-1] != weight.shape[-2] or not weight.numel():
            raise ValueError(f"`{name}` must be square in its last two axes; got {tuple(weight.shape)}")
        return Layout(of_layer=isinstance(module, nn.Linear) and name == "weight")
    if module.in_channels != module.out_channels:
        raise ValueError(
            "a convolution must have as many output as input channels to be idempotent; "
            f"got {module.in_channels} and {module.out_channels}"
        )
    image = tuple(module.kernel_size)
    if any(s != 1 for s in module.stride):
        raise ValueError(f"a convolution must have stride 1 to be idempotent; got {tuple(module.stride)}")
    if all(n == 1 for n in image):
        if module.padding not in ("same", "valid") and any(module.padding):
            raise ValueError(f"a 1×1 convolution must have no padding; got {module.padding}")
    elif not _wraps_around(module):
        raise ValueError(
            'a convolution must have kernel size 1, or padding_mode="circular", padding="same", no dilation '
            "and a kernel as large as the images (a smaller one cannot stay idempotent: the limit's is as "
            f"large as they are); got {module}"
        )
    transposed = isinstance(module, _TRANSPOSED)
    return Layout(of_layer=True, groups=module.groups, image=image, transposed=transposed)


def _wraps_around(module: Any) -> bool:
    whole = [n // 2 if n % 2 else None for n in module.kernel_size]
    return (
        module.padding_mode == "circular"
        and (module.padding == "same" or list(module.padding) == whole)
        and all(d == 1 for d in module.dilation)
    )
