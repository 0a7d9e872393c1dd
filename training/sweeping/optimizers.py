"""Optimisers of stacked parameters, each member with a learning rate of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import torch
from torch import Tensor

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from jaxtyping import Float

    Weights = Mapping[str, Float[Tensor, "member ..."]]


class Optimizer(Protocol):
    """What moves the weights in place.

    Attributes:
        memory: its state, empty before the first step.
    """

    memory: dict[str, Tensor]

    def step(self, weights: Weights, gradients: Weights) -> None:
        """Move the weights."""
        ...


class SGD:
    """p ← p − rate · gradient, as `torch.optim.SGD` without momentum.

    Args:
        rates: one learning rate a member.
        memory: of an optimiser that was interrupted.
    """

    def __init__(self, rates: Float[Tensor, " member"], memory: Mapping[str, Tensor] | None = None) -> None:
        self.rates, self.memory = rates, dict(memory or {})

    def step(self, weights: Weights, gradients: Weights) -> None:
        """Move the weights."""
        for name, p in weights.items():
            p.addcmul_(gradients[name], _like(self.rates, p), value=-1)


class Adam:
    """Adam with β = 0.9, 0.999 and ε = 1e-8, as `torch.optim.Adam` by default.

    m ← β₁m + (1 − β₁)g,  v ← β₂v + (1 − β₂)g²,  p ← p − rate · m/(1 − β₁ᵗ) / (√(v/(1 − β₂ᵗ)) + ε).

    Args:
        rates: one learning rate a member.
        memory: of an optimiser that was interrupted.

    References: Kingma and Ba, Adam: a method for stochastic optimization (ICLR 2015), algorithm 1.
    """

    first, second, epsilon = 0.9, 0.999, 1e-8

    def __init__(self, rates: Float[Tensor, " member"], memory: Mapping[str, Tensor] | None = None) -> None:
        self.rates = rates
        self.memory: dict[str, Tensor] = dict(memory or {"steps": torch.zeros((), dtype=torch.int64)})

    def step(self, weights: Weights, gradients: Weights) -> None:
        """Move the weights."""
        self.memory["steps"] += 1
        t = int(self.memory["steps"])
        for name, p in weights.items():
            g = gradients[name]
            m = self.memory.setdefault(f"first/{name}", torch.zeros_like(p))
            v = self.memory.setdefault(f"second/{name}", torch.zeros_like(p))
            m.lerp_(g, 1 - self.first)
            v.mul_(self.second).addcmul_(g, g, value=1 - self.second)
            scale = (v.sqrt() / (1 - self.second**t) ** 0.5).add_(self.epsilon)
            p.addcdiv_(m * _like(self.rates, p), scale, value=-1 / (1 - self.first**t))


OPTIMIZERS: dict[str, Callable[[Tensor, Mapping[str, Tensor]], Optimizer]] = {"sgd": SGD, "adam": Adam}


def _like(rates: Float[Tensor, " member"], p: Tensor) -> Tensor:
    return rates.reshape(-1, *[1] * (p.ndim - 1))
