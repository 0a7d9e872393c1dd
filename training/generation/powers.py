"""The pictures fᵏ(x) of a network, power after power."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple

import torch

from analysis.frameworks import in_mode
from training.data.progress import progress
from training.rules.applications import application

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from jaxtyping import Float
    from torch import Tensor

_SUPERSCRIPTS = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


class Power(NamedTuple):
    """Pictures after so many applications.

    Attributes:
        k: how many.
        y: fᵏ(x), on the CPU.
        following: fᵏ⁺¹(x), on the CPU.
        seconds: that fᵏ(x) took.
    """

    k: int
    y: Float[Tensor, "n *sample"]
    following: Float[Tensor, "n *sample"]
    seconds: float


def powers_of(
    net: Callable[[Tensor], Tensor], x: Float[Tensor, "n *sample"], powers: Sequence[int], batch: int = 256
) -> Iterator[Power]:
    """Yield fᵏ(x) and fᵏ⁺¹(x) for each of these powers, the least first; f in evaluation mode.

    Args:
        net: f; left in the mode it was in.
        x: of f's dtype, on its device.
        powers: at least 1.
        batch: samples a pass.

    Raises:
        ValueError: powers are below 1 or twice there, the batch is empty, or f changes the shape.

    Cost: n·(max(powers) + 1) passes of f; memory for three sets of pictures.

    >>> [(k, y.tolist()) for k, y, *_ in powers_of(lambda y: y / 2, torch.tensor([[8.0]]), (3, 1))]
    [(1, [[4.0]]), (3, [[1.0]])]
    """
    require_powers(powers, batch)
    seconds = 0.0
    y, before = x, x.cpu()
    total = len(x) * (max(powers) + 1)
    with progress(f"Applying f {max(powers) + 1} times", total) as advance:
        for k in range(1, max(powers) + 2):
            began = time.perf_counter()
            parts = []
            with torch.no_grad(), in_mode(net, "eval"):
                for part in torch.split(y, batch):
                    parts.append(application(net, part))
                    advance(len(part))
            y = torch.cat(parts)
            now = y.cpu()  # waits for the device
            spent, seconds = seconds, seconds + time.perf_counter() - began
            if k - 1 in powers:
                yield Power(k - 1, before, now, spent)
            before = now


def require_powers(powers: Sequence[int], batch: int = 1) -> None:
    """Refuse powers that are below 1, or twice there, and empty batches.

    Raises:
        ValueError: so they are.
    """
    if not powers or min(powers) < 1 or len(set(powers)) < len(powers):
        raise ValueError(f"`powers` must be different numbers from 1; got {tuple(powers)}")
    if batch < 1:
        raise ValueError(f"`batch` must be at least 1; got {batch}")


def power_name(k: int) -> str:
    """Return what pictures after k applications are called.

    >>> power_name(1), power_name(12)
    ('f', 'f¹²')
    """
    return "f" if k == 1 else f"f{str(k).translate(_SUPERSCRIPTS)}"
