"""The nearest of many pictures that a network makes: what implicit maximum likelihood matches data with."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from analysis.frameworks import in_mode
from training.generators import generator
from training.memory import require_room

if TYPE_CHECKING:
    from collections.abc import Callable

    from jaxtyping import Float

    Noise = Callable[[int, torch.Generator], Tensor]

_AT_A_TIME = 512


class Pool(nn.Module):
    """Inputs z₁ … z_P of f, and what f made of them when they were last drawn.

        nearest(x) = z_k,   k = argmin_k ‖f(z_k) − x‖²

    The inputs are a function of the seed and of how often they were drawn, so that a checkpoint holds that
    number and f's pictures, not them.

    Args:
        count: P.
        every: batches after which they are drawn anew.
        noise: draws inputs in single precision or double, given how many and a generator.
        seed: of the inputs.

    Raises:
        ValueError: they do not fit into memory.

    Cost: P passes of f each time, and for a batch of B pictures with D numbers 2·B·P·D operations; memory of
    2·P·D numbers, of which a checkpoint holds half: 201 MB for 4096 pictures of 64×64×3; while inputs are
    drawn, that of the noise's draw beside it.
    """

    pictures: Tensor
    norms: Tensor
    draws: Tensor
    inputs: Tensor

    def __init__(self, count: int, every: int, noise: Noise, seed: int) -> None:
        super().__init__()
        self.count, self.every, self.noise, self.seed = count, every, noise, seed
        first = noise(1, generator(seed))[0]
        # Inputs, pictures, and what a draw or a pass takes beside them.
        require_room(3 * count * first.numel() * first.element_size(), "a pool of inputs", str(count))
        self.register_buffer("pictures", torch.zeros(count, first.numel(), dtype=first.dtype))
        self.register_buffer("draws", torch.zeros((), dtype=torch.int64))
        self.register_buffer("inputs", torch.zeros(count, *first.shape, dtype=first.dtype), persistent=False)
        self.register_buffer("norms", torch.zeros(count, dtype=first.dtype), persistent=False)
        self.register_load_state_dict_post_hook(_measure)  # type: ignore[no-untyped-call]  # torch has none
        self._drawn = 0

    def renew(self, f: nn.Module, like: Tensor) -> None:
        """Draw the inputs anew and look what f makes of them, in evaluation mode.

        Args:
            f: where it is.
            like: a batch, of the dtype and on the device of f's inputs.
        """
        self.to(like.device)
        self.draws += 1
        self._draw()
        z = self.inputs.to(like.dtype)
        with torch.no_grad(), in_mode(f, "eval"):
            for first in range(0, self.count, _AT_A_TIME):
                made = f(z[first : first + _AT_A_TIME])
                self.pictures[first : first + _AT_A_TIME] = made.flatten(1).to(self.pictures.dtype)
        _measure(self)

    def nearest(self, x: Float[Tensor, "batch *shape"]) -> Float[Tensor, "batch *shape"]:
        """Return the inputs of which f made the pictures nearest to these."""
        self._draw()
        self.to(x.device)  # also when a checkpoint was read elsewhere
        # Not in half precision, whose products differ by more than neighbours do.
        with torch.no_grad(), torch.autocast(x.device.type, enabled=False):
            rows = x.flatten(1).to(self.pictures.dtype)
            # ‖f(z) − x‖² without ‖x‖², which is the same for all.
            apart = torch.addmm(self.norms, rows, self.pictures.T, alpha=-2)
            return self.inputs[apart.argmin(1)].to(x.dtype)

    def _draw(self) -> None:
        """Draw the inputs of this time, again where a checkpoint knows only how often they were drawn."""
        now = int(self.draws)
        if self._drawn != now:
            self.inputs.copy_(self.noise(self.count, generator(self.seed, now)))
            self._drawn = now


def _measure(pool: Pool, _: object = None) -> None:
    """Keep ‖f(z)‖² of each picture; also what a checkpoint is loaded into does so."""
    pool.norms.copy_(torch.cat([part.square().sum(1) for part in torch.split(pool.pictures, _AT_A_TIME)]))
