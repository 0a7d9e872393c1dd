"""A generative network trained by parts, as a LightningModule: Σ w_i(t)·part_i, t the share done."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor, nn

from analysis.frameworks import in_mode
from training.generators import generator
from training.measures import guarded, measure
from training.objective.distances import l2
from training.objective.parts import Idempotency, Likelihood, Part, Step
from training.objective.pool import Pool

from .module import Training, inputs

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


class Drawn(NamedTuple):
    """A batch to measure a generative network on: data, and noise that stays the same."""

    x: Tensor
    z: Tensor


class GenerativeTraining(Training):
    """A generative network with its objective, ready for `lightning.Trainer.fit`.

    A batch is as for `IdempotentTraining`, of pictures in the range of f's own.  Noise is drawn in every
    step by torch's global generator.

    Args:
        net: f; its output must have its input's shape.
        parts: of the objective, at most one of each kind; those of weight 0 are left out.
        noise: draws inputs of f, given how many and a generator; it is moved to where the batches are.
        steps: batches of the whole run, of which the parts' schedules are shares; 0: all parts are whole.
        seed: of the pool of `Likelihood`.
        **how: optimizer, schedule, gradients_every and masks, as for `IdempotentTraining`.

    Logs each part's value by its name, its gradient's norm, and the cosine between the gradient of the rule
    and that of all else.

    Raises:
        TypeError: an entry of parts is none.
        ValueError: there are no parts, or two of one kind; a ramp for each; nothing finds what is nearest; or
            masks cannot be shared.
        NotFiniteError: in training, a loss or a gradient is not finite; the weights were not touched.

    Cost: f(x), f(z) and f(z*) once each where a part asks for them, and what each part takes besides.

    References: those of the parts; which sums of them have been published: `training.recipe`.

    >>> from training import GaussianNoise, Reconstruction
    >>> parts = [Reconstruction(), Likelihood(pool=64), Idempotency(weight=0.1)]
    >>> GenerativeTraining(nn.Conv2d(1, 1, 3, padding=1), parts, GaussianNoise((1, 8, 8))).parts[1].pool
    64
    """

    def __init__(
        self,
        net: nn.Module,
        parts: Sequence[Part],
        noise: nn.Module,
        *,
        steps: int = 0,
        seed: int = 0,
        **how: Any,
    ) -> None:
        super().__init__(net, **how)
        if not all(isinstance(part, Part) for part in parts):
            got = ", ".join(type(part).__name__ for part in parts)
            raise TypeError(f"`parts` must be parts, as Reconstruction() is one; got {got}")
        self.parts = tuple(part for part in parts if part.weight)
        if not self.parts or len(set(self.names)) < len(self.names):
            raise ValueError(
                "`parts` must have at least one with a weight, and one of each kind; "
                f"got {', '.join(self.names) or 'none'}"
            )
        if not any(part.weight_at(0.0) for part in self.parts):
            raise ValueError("`parts` must have one that is there from the beginning; got a ramp for each")
        if self.masks == "shared" and any(isinstance(p, Idempotency) and p.at == "both" for p in self.parts):
            raise ValueError("`masks` must be fresh where the rule acts at noise and data both; got 'shared'")
        wanted = [part for part in self.parts if isinstance(part, Likelihood)]
        if not wanted and any(isinstance(part, Idempotency) and part.at == "nearest" for part in self.parts):
            raise ValueError(
                "`parts` must have a Likelihood where the rule acts at what is nearest; got none"
            )
        self.steps = steps
        # In a tuple, which `nn.Module` does not search: neither is sent to other processes in every step, or
        # turned into half precision.
        self._held = noise, Pool(wanted[0].pool, wanted[0].refresh, noise, seed) if wanted else None

    @property
    def names(self) -> tuple[str, ...]:
        """Of the parts, in their order."""
        return tuple(part.name for part in self.parts)

    @property
    def noise(self) -> nn.Module:
        """What inputs of f are drawn by."""
        return self._held[0]

    @property
    def pool(self) -> Pool | None:
        """Of the likelihood, where there is one."""
        return self._held[1]

    def prepare(self, batch: Any) -> None:
        """Draw the pool anew where that is due."""
        if self.pool is not None and (self.batches - 1) % self.pool.every == 0:
            self.pool.renew(self.net, inputs(batch))

    def losses(self, batch: Any) -> dict[str, tuple[Tensor, Tensor]]:
        """Return each part's value, and what it adds to the loss."""
        x = inputs(batch)
        noise = self.noise.to(x.device)
        step = Step(self.net, x, lambda count: noise(count).to(x.dtype), self.pool)
        share = (self.batches - 1) / self.steps if self.steps else 1.0
        found = {}
        for part in self.parts:
            if weight := part.weight_at(share):
                value, loss = part.measured(step)
                found[part.name] = value, weight * loss
        return found

    def measured(self, f: Callable[[Tensor], Tensor], batch: Any) -> dict[str, float | bool]:
        """Return what f misses of the data as task, and `metrics`' guarded measures of f at noise.

        The noise is that of a `Drawn` batch, or as much as there are data, the same each time.
        """
        x = inputs(batch)
        z = batch.z if isinstance(batch, Drawn) else self.noise(len(x), generator(0)).to(x)
        with torch.no_grad(), in_mode(f, "eval"):
            return guarded({"task": l2(f(x), x)} | measure(f, z))

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Add the pool."""
        super().on_save_checkpoint(checkpoint)
        if self.pool is not None:
            checkpoint["pool"] = self.pool.state_dict()

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Go on with it."""
        super().on_load_checkpoint(checkpoint)
        if self.pool is not None:
            self.pool.load_state_dict(checkpoint["pool"])
