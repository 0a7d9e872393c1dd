"""Optimisers of stacked parameters, each member with a learning rate of its own."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

import torch
from torch.optim.adam import adam

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jaxtyping import Float
    from torch import Tensor

    Weights = Mapping[str, Float[Tensor, "member ..."]]


class Optimizer(ABC):
    """What moves the weights in place.

    Args:
        rates: one learning rate a member.
        memory: of an optimiser that was interrupted; empty before the first step.
    """

    def __init__(self, rates: Float[Tensor, " member"], memory: Mapping[str, Tensor] | None = None) -> None:
        self.rates, self.memory = rates, dict(memory or {})

    @abstractmethod
    def step(self, weights: Weights, gradients: Weights) -> None:
        """Move the weights.

        Raises:
            ValueError: there are not as many rates as members.
        """


class SGD(Optimizer):
    """p ← p − rate · gradient, as `torch.optim.SGD` without momentum."""

    @torch.no_grad()
    def step(self, weights: Weights, gradients: Weights) -> None:
        """Move the weights."""
        for name, p in weights.items():
            p.addcmul_(gradients[name], _beside(self.rates, p), value=-1)


_STATE = ("step", "exp_avg", "exp_avg_sq")
"""What torch's Adam keeps of each parameter."""


class Adam(Optimizer):
    """p ← p − rate · Adam's step, each member as by `torch.optim.Adam` with its own rate.

    The step is proportional to the learning rate, so torch takes it at rate 1, and each member goes its
    rate's share of that way.  Its memory is torch's state of each parameter.

    References: Kingma and Ba, Adam: a method for stochastic optimization (ICLR 2015), algorithm 1.
    """

    @torch.no_grad()
    def step(self, weights: Weights, gradients: Weights) -> None:
        """Move the weights."""
        shares = [_beside(self.rates, p) for p in weights.values()]
        if not self.memory:
            for name, p in weights.items():
                fresh = (torch.zeros((), dtype=torch.float32), torch.zeros_like(p), torch.zeros_like(p))
                self.memory |= {f"{kind}/{name}": part for kind, part in zip(_STATE, fresh, strict=True)}
        steps, first, second = ([self.memory[f"{kind}/{name}"] for name in weights] for kind in _STATE)
        ends = [p.detach().clone() for p in weights.values()]
        adam(
            ends,
            [gradients[name] for name in weights],
            first,
            second,
            [],
            steps,
            amsgrad=False,
            beta1=0.9,
            beta2=0.999,
            lr=1.0,
            weight_decay=0,
            eps=1e-8,
            maximize=False,
        )
        for p, end, share in zip(weights.values(), ends, shares, strict=True):
            p.lerp_(end, share)


OPTIMIZERS: dict[str, type[Optimizer]] = {"sgd": SGD, "adam": Adam}


def _beside(rates: Float[Tensor, " member"], p: Float[Tensor, "member ..."]) -> Tensor:
    """The rates in a shape that multiplies parameters of the members."""
    if rates.shape != p.shape[:1]:
        raise ValueError(f"`rates` must have shape ({len(p)},), one a member; got {tuple(rates.shape)}")
    return rates.to(p).reshape(-1, *[1] * (p.ndim - 1))
