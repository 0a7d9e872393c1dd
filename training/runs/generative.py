"""A generative network trained by parts, as a LightningModule.

loss = Σ w_i(t)·part_i,    t the share of the run that is done
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor, nn

from analysis.frameworks import in_mode
from training.measures import guarded, measure
from training.objective.distances import l2
from training.objective.parts import Idempotency, Likelihood, Reconstruction, Step, Tightness
from training.objective.pool import Pool

from .module import Training, inputs

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from training.objective.parts import Part

NAMES: dict[type[Part], str] = {
    Reconstruction: "reconstruction",
    Idempotency: "idempotency",
    Tightness: "tightness",
    Likelihood: "likelihood",
}
"""Of the parts, where they are logged."""


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
        noise: draws inputs of f, given how many and a generator; its buffers move with this module's.
        steps: batches of the whole run, of which the parts' schedules are shares; 0: all parts are whole.
        seed: of the pool of `Likelihood`.
        **how: optimizer, schedule, gradients_every and masks, as for `IdempotentTraining`.

    Logs each part's value by its name, its gradient's norm, and the cosine between the gradient of the rule
    and that of all else.

    Raises:
        ValueError: there are no parts, or two of one kind.
        NotFiniteError: in training, a loss or a gradient is not finite; the weights were not touched.

    >>> from training.data import GaussianNoise
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
        self.parts = tuple(part for part in parts if part.weight)
        if not self.parts or len(set(self.names)) < len(self.names):
            raise ValueError(
                "`parts` must have at least one with a weight, and one of each kind; "
                f"got {', '.join(self.names) or 'none'}"
            )
        self.noise, self.steps = noise, steps
        wanted = [part for part in self.parts if isinstance(part, Likelihood)]
        self.pool = Pool(wanted[0].pool, wanted[0].refresh, self._drawn, seed) if wanted else None

    @property
    def names(self) -> tuple[str, ...]:
        """Of the parts, in their order."""
        return tuple(NAMES[type(part)] for part in self.parts)

    def losses(self, batch: Any) -> dict[str, tuple[Tensor, Tensor]]:
        """Return each part's value, and what it adds to the loss."""
        done = self.batches - 1
        if self.pool is not None and done % self.pool.every == 0:
            self.pool.renew(self.net)
        step = Step(self.net, inputs(batch), self.noise, self.pool)
        share = done / self.steps if self.steps else 1.0
        found = {}
        for name, part in zip(self.names, self.parts, strict=True):
            if weight := part.weight_at(share):
                value, loss = part.measured(step)
                found[name] = value, weight * loss
        return found

    def measured(self, f: Callable[[Tensor], Tensor], batch: Drawn) -> dict[str, float | bool]:
        """Return what f misses of the data as task, and `metrics`' guarded measures of f at the noise."""
        with torch.no_grad(), in_mode(f, "eval"):
            missed = {"task": l2(f(batch.x), batch.x)}
            return guarded(missed | measure(f, batch.z))

    def _drawn(self, count: int, generator: torch.Generator) -> Tensor:
        noise: Tensor = self.noise(count, generator)
        return noise
