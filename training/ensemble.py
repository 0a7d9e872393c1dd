"""Many copies of one architecture, trained side by side by vectorising over their parameters."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, TypeVar

import torch
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from jaxtyping import Float


Result = TypeVar("Result", Tensor, dict[str, Tensor])


class Ensemble:
    """Networks of one architecture with stacked parameters, one slice a member.

    Each member is what `build` gives under its own seed, so members with one seed start equal.

    Args:
        build: makes a network; without buffers.
        seeds: one seed a member.
        device: where to keep the parameters.

    Raises:
        ValueError: no seeds, or the network has buffers, whose statistics members cannot share.
    """

    def __init__(
        self,
        build: Callable[[], nn.Module],
        seeds: Sequence[int],
        device: torch.device | str = "cpu",
    ) -> None:
        if not seeds:
            raise ValueError("`seeds` must name at least one member; got none")
        made: dict[int, nn.Module] = {}
        with torch.random.fork_rng(devices=[]):
            for seed in dict.fromkeys(seeds):
                torch.manual_seed(seed)
                made[seed] = build()
        parameters, buffers = stack_module_state([made[seed] for seed in seeds])
        if buffers:
            raise ValueError(f"`build` must make networks without buffers; got {', '.join(buffers)}")
        self.size = len(seeds)
        self._skeleton = copy.deepcopy(made[seeds[0]]).to("meta")
        self.parameters: dict[str, Tensor] = {
            name: value.detach().to(device).requires_grad_() for name, value in parameters.items()
        }

    def map(self, of: Callable[..., Result], *inputs: Float[Tensor, "member ..."]) -> Result:
        """Return of(f_m, *inputs[m]) for each member m, computed as one.

        Args:
            of: takes a member as a function of a tensor, and one slice of each input; returns a
                tensor, or a dict of tensors.
            inputs: tensors whose first axis counts the members.
        """

        def one(parameters: dict[str, Tensor], *slices: Tensor) -> Result:
            def member(x: Tensor) -> Tensor:
                image: Tensor = functional_call(self._skeleton, parameters, (x,))
                return image

            return of(member, *slices)

        result: Result = torch.vmap(one, randomness="different")(self.parameters, *inputs)
        return result

    def member(self, index: int) -> nn.Module:
        """Return member `index` as a module of its own, on the CPU."""
        net = copy.deepcopy(self._skeleton).to_empty(device="cpu")
        net.load_state_dict({k: v[index].detach().cpu() for k, v in self.parameters.items()})
        return net


class MemberwiseAdam:
    """Adam with a learning rate of its own for each member.

    Adam's step is proportional to its learning rate, so `torch.optim.Adam` takes it at rate 1 and
    the displacement of each member is then scaled by its own rate.

    Args:
        ensemble: whose parameters to train.
        rates: one learning rate a member, shape (size,).
    """

    def __init__(self, ensemble: Ensemble, rates: Float[Tensor, " member"]) -> None:
        if rates.shape != (ensemble.size,):
            raise ValueError(f"`rates` must have shape ({ensemble.size},); got {tuple(rates.shape)}")
        self._parameters = list(ensemble.parameters.values())
        self._rates = [rates.to(p).reshape(-1, *[1] * (p.ndim - 1)) for p in self._parameters]
        self._adam = torch.optim.Adam(self._parameters, lr=1.0)

    def step(self, losses: Float[Tensor, " member"]) -> None:
        """Take one step down each member's own loss."""
        self._adam.zero_grad(set_to_none=True)
        torch.autograd.backward(losses.sum())
        before = [p.detach().clone() for p in self._parameters]
        self._adam.step()
        with torch.no_grad():
            for p, start, rate in zip(self._parameters, before, self._rates, strict=True):
                p.copy_(torch.lerp(start, p, rate))
