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

    def gradients(self, losses: Float[Tensor, " member"]) -> dict[str, Tensor]:
        """Return the gradient of each member's own loss, like `parameters`; 0 of what has no part in it."""
        found = torch.autograd.grad(losses.sum(), list(self.parameters.values()), materialize_grads=True)
        return dict(zip(self.parameters, found, strict=True))

    def member(self, index: int) -> nn.Module:
        """Return member `index` as a module of its own, on the CPU."""
        net = copy.deepcopy(self._skeleton).to_empty(device="cpu")
        net.load_state_dict({k: v[index].detach().cpu() for k, v in self.parameters.items()})
        return net
