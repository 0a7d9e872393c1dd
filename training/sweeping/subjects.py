"""The networks that are swept: by name or import path, with what is known of each before it is trained."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from functools import cache, partial
from typing import TYPE_CHECKING

import torch
from torch import nn

from training.networks import network
from training.subjects import imported

if TYPE_CHECKING:
    from collections.abc import Callable

_SIDES = {"u-dcgan-digits": (1, 8, 8), "u-dcgan-mnist": (1, 28, 28), "u-dcgan-celeba": (3, 64, 64)}


@dataclass(frozen=True)
class Subject:
    """A network that can be swept.

    Attributes:
        name: as it was asked for.
        build: makes one; where an import path leads to a network rather than to what makes one, a copy of it.
        shape: of an input; None where only the data can tell, for networks that begin with a convolution.
        parameters: how many numbers it learns.
    """

    name: str
    build: Callable[[], nn.Module]
    shape: tuple[int, ...] | None
    parameters: int

    def numbers(self, shape: tuple[int, ...]) -> tuple[int, int]:
        """Return how many numbers a pass of one sample makes: in all, and in its largest layer.

        Raises:
            ValueError: the network does not map this shape to itself, or chance has a part in it.
        """
        sizes: list[int] = []
        net = self.build()
        for part in net.modules():
            part.register_forward_hook(lambda _, __, out: sizes.append(getattr(out, "numel", lambda: 0)()))
        x = torch.zeros(1, *shape)
        state = torch.get_rng_state()
        try:
            with torch.no_grad():
                y = net(x)
        except (RuntimeError, ValueError, TypeError) as error:
            raise ValueError(f"expected {self.name} to take inputs of shape {shape}; got: {error}") from None
        if not torch.equal(torch.get_rng_state(), state):
            torch.set_rng_state(state)
            raise ValueError(
                f"expected a network without chance, for a run is a function of its seed; got {self.name}, "
                "which draws random numbers, as dropout does"
            )
        if not isinstance(y, torch.Tensor) or y.shape != x.shape:
            got = tuple(y.shape[1:]) if isinstance(y, torch.Tensor) else type(y).__name__
            raise ValueError(f"expected {self.name} to map its space into itself: shape {shape}; got {got}")
        return sum(sizes), max(sizes)


@cache
def subject(name: str) -> Subject:
    """Return the network of the sources, or of an import path "module:name", ready to be swept.

    Raises:
        ValueError: there is none, it learns nothing, or it has buffers.
    """
    if ":" in name:
        found = imported(name, "a torch.nn.Module", lambda thing: isinstance(thing, nn.Module))
        again = partial(imported, name, "a torch.nn.Module", lambda thing: isinstance(thing, nn.Module))
        build = partial(copy.deepcopy, found) if again() is found else again
    else:
        network(name)  # which says what there is
        build = partial(network, name)
    net = build()
    buffers = [buffer for buffer, _ in net.named_buffers()]
    if buffers:
        raise ValueError(
            f"expected networks without buffers, which members of an ensemble cannot share; got {name} with "
            f"{buffers[0]}: batch normalisation would need statistics of its own for each member"
        )
    parameters = sum(p.numel() for p in net.parameters())
    if not parameters:
        raise ValueError(f"expected a network with parameters; got none in {name}")
    return Subject(name, build, _SIDES.get(name.lower()) or _shape(net), parameters)


def _shape(net: nn.Module) -> tuple[int, ...] | None:
    for part in net.modules():
        if isinstance(part, nn.Linear):
            return (part.in_features,)
        if isinstance(part, nn.Conv1d | nn.Conv2d | nn.Conv3d):
            return None
    return None
