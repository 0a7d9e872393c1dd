r"""What a generative network is trained by: parts that add up, each with a weight that may grow.

f makes pictures of noise, y = f(z), and leaves data as they are, f(x) = x.  The parts:

- `Reconstruction`: D(f(x), x);
- `Idempotency`: a rule at y = f(z), of which the modified one is the paper's;
- `Tightness`: −D(f(ȳ), ȳ), ȳ = f(z) held fixed: f is to change what it makes itself.  The adversary of
  Idempotent Generative Networks, bounded by what the reconstruction misses;
- `Likelihood`: D(f(z*), x), z* the input of many whose picture lies nearest to x: each datum pulls what is
  nearest to it, so that none is left out.  Implicit maximum likelihood estimation, without an adversary.

Reconstruction and a rule alone are also at their least where f sends all noise to one picture:
`docs/generators.md`.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar, Literal, get_args

import torch
from torch import Tensor
from torch.func import functional_call

from analysis.arguments import real_number, whole_number
from corrector import MCWEENY, Corrector
from training.rules.applications import Buffers, quiet, unwrapped
from training.rules.loss import IdempotencyLoss, Reduction, Rule
from training.rules.pulls import wide

from .distances import DISTANCES, Distance, scale

if TYPE_CHECKING:
    from collections.abc import Callable

    from jaxtyping import Float
    from torch import nn

    from .pool import Pool

Where = Literal["noise", "data", "both", "nearest"]
_Measured = tuple[Tensor, Tensor]


class Step:
    """One step's data and noise, and what f makes of them, each computed when a part first asks.

    Args:
        net: f.
        x: data, shape (batch, channels, height, width).
        noise: draws inputs of f of that shape, given how many.
        pool: of `Likelihood`, if there is one.
    """

    def __init__(
        self, net: nn.Module, x: Tensor, noise: Callable[[int], Tensor], pool: Pool | None = None
    ) -> None:
        self.net, self.x, self.noise, self.pool = net, x, noise, pool

    @cached_property
    def of_data(self) -> Tensor:
        """f(x)."""
        made: Tensor = self.net(self.x)
        return made

    @cached_property
    def of_noise(self) -> Tensor:
        """f(z), z as many as there are data."""
        made: Tensor = self.net(self.noise(len(self.x)))
        return made

    @cached_property
    def of_nearest(self) -> Tensor:
        """f(z*), z* the nearest inputs of the pool."""
        if self.pool is None:
            raise RuntimeError("expected a pool for the nearest inputs; got none")
        made: Tensor = self.net(self.pool.nearest(self.x))
        return made


@dataclass(frozen=True, kw_only=True)
class Part(ABC):
    """One part of an objective.

    Attributes:
        weight: what it is multiplied by once it is whole.
        begin, whole: shares of the run: up to the first its weight is 0, from the second on it is whole,
            linear between.
        reduction: "half_sum", D/2 times the mean over a sample's D entries, on which scale rules agree; or
            "mean".

    Raises:
        TypeError: the weight or a share is no number.
        ValueError: the weight is negative or not finite, the shares are not 0 ≤ begin ≤ whole ≤ 1, or a name
            is unknown.
    """

    weight: float = 1.0
    begin: float = 0.0
    whole: float = 0.0
    reduction: Reduction = "half_sum"

    name: ClassVar[str]
    """Where it is logged, and as the command line has it."""
    _reductions = ("half_sum", "mean")

    def __post_init__(self) -> None:
        for name in ("weight", "begin", "whole"):
            real_number(getattr(self, name), name)
        if not 0 <= self.weight < math.inf:
            raise ValueError(f"`weight` must be a finite number from 0; got {self.weight}")
        if not (0 <= self.begin <= self.whole <= 1 and self.begin < 1):
            raise ValueError(
                "`begin` and `whole` must be shares of the run, 0 ≤ begin ≤ whole ≤ 1 and begin < 1; "
                f"got {self.begin} and {self.whole}"
            )
        self._require("reduction", self._reductions)

    def weight_at(self, share: float) -> float:
        """Return the weight when this share of the run is done.

        >>> [Reconstruction(weight=2, begin=0.25, whole=0.75).weight_at(s) for s in (0, 0.25, 0.5, 0.75, 1)]
        [0.0, 0.0, 1.0, 2.0, 2.0]
        """
        if share >= self.whole:
            return float(self.weight)
        if share <= self.begin:
            return 0.0
        return self.weight * (share - self.begin) / (self.whole - self.begin)

    @abstractmethod
    def measured(self, step: Step) -> _Measured:
        """Return what to log, a mean over all entries, and what to descend, in the part's reduction."""

    def _require(self, name: str, allowed: tuple[str, ...]) -> None:
        if getattr(self, name) not in allowed:
            raise ValueError(f"`{name}` must be one of {', '.join(allowed)}; got {getattr(self, name)!r}")

    def _reduced(self, value: Tensor, x: Tensor) -> _Measured:
        return value, scale("mean" if self.reduction == "mean" else "half_sum", x) * value


@dataclass(frozen=True, kw_only=True)
class Reconstruction(Part):
    """D(f(x), x): data stay as they are.

    Attributes:
        distance: "l2" (mean square), "l1" (mean absolute value) or "ssim" (1 − structural similarity).

    Cost: one pass with its graph.

    >>> step = Step(torch.nn.Identity(), torch.ones(2, 3), torch.zeros)
    >>> Reconstruction().measured(step)[0].item()
    0.0
    """

    name = "reconstruction"
    distance: Distance = "l2"

    def __post_init__(self) -> None:
        super().__post_init__()
        self._require("distance", get_args(Distance))

    def measured(self, step: Step) -> _Measured:
        """Return the distance and its multiple."""
        return self._reduced(DISTANCES[self.distance](step.of_data, step.x), step.x)


@dataclass(frozen=True, kw_only=True)
class Idempotency(Part):
    """A rule at what f makes of noise, of data, of both, or of the noise nearest to data.

    Attributes:
        rule, corrector, relaxation, buffers: as for `idempotency_loss`; "m1" has no place here.
        reduction: also "seed", as published.
        at: "noise", "data", "both", or "nearest": the noise that `Likelihood` finds nearest to data, which
            hold its pictures where they are while the rule pulls them.
        distance: "l2"; "l1" for mean(|f(y) − y|) in the place of the mean square, with "ordinary", "inner" or
            "outer": the others pull y to a target, and have no distance.

    Cost: a pass with its graph at noise, unless another part has it already, and what the rule takes; at data
    and at what is nearest, what the rule takes alone.

    References: Jensen and Vicary, eq. 10 and section 3.1; Shocher et al., Idempotent Generative Network
    (ICLR 2024), section 2.2, whose idempotence term is "inner".
    """

    name = "idempotency"
    rule: Rule = "modified"
    corrector: Corrector = MCWEENY
    relaxation: float = 1.0
    buffers: Buffers = "keep"
    at: Where = "noise"
    distance: Distance = "l2"

    _reductions = get_args(Reduction)

    def __post_init__(self) -> None:
        super().__post_init__()
        self._require("at", get_args(Where))
        self._require("distance", ("l2", "l1"))
        if self.rule == "m1":
            raise ValueError("`rule` must be one that needs no x; got 'm1'")
        if self.distance == "l1":
            self._require("rule", ("ordinary", "inner", "outer"))
            self._require("reduction", ("half_sum", "mean"))
            self._require("buffers", ("keep",))
        self._criterion(_itself)  # which refuses names

    def _criterion(self, net: Callable[[Tensor], Tensor]) -> IdempotencyLoss:
        return IdempotencyLoss(
            net,
            self.corrector,
            self.rule,
            self.reduction,
            relaxation=self.relaxation,
            buffers=self.buffers,
        )

    def measured(self, step: Step) -> _Measured:
        """Return the idempotent error, and what has the rule's gradient."""
        y = {
            "noise": lambda: step.of_noise,
            "data": lambda: step.of_data,
            "nearest": lambda: step.of_nearest,
            "both": lambda: torch.cat([step.of_noise, step.of_data]),
        }[self.at]()
        if self.distance == "l1":
            return self._reduced(_absolute(step.net, y, self.rule), y)
        loss = self._criterion(step.net)(y)
        return loss.detach(), loss


@dataclass(frozen=True, kw_only=True)
class Tightness(Part):
    """−D(f(ȳ), ȳ), ȳ = f(z) held fixed, and never further than what the reconstruction misses.

        L = −mean_i b_i·tanh(D_i/b_i),   D_i = D(f(ȳ_i), ȳ_i),   b_i = clamp·D(f(x_i), x_i)

    over the samples i of a batch: z_i is bounded by what is missed of the datum x_i beside it, and the bound
    has its gradient, as in published ports; others of them bound by f(z_i) − z_i, or hold the bound fixed.

    Attributes:
        distance: "l2" or "l1".
        clamp: how many times the reconstruction bounds it; inf: nothing does.

    Cost: a pass with its graph, beside f(z) and f(x).

    References: Shocher et al., Idempotent Generative Network (ICLR 2024), section 2.2 and appendix.
    """

    name = "tightness"
    distance: Distance = "l2"
    clamp: float = 1.5

    def __post_init__(self) -> None:
        super().__post_init__()
        self._require("distance", ("l2", "l1"))
        if not self.clamp > 0:
            raise ValueError(f"`clamp` must be above 0; got {self.clamp}")

    def measured(self, step: Step) -> _Measured:
        """Return how far f moves what it made, and what moves it further."""
        y = step.of_noise.detach()
        moved = held = self._each(wide(quiet(step.net, "keep")(y)), wide(y))
        if math.isfinite(self.clamp):
            bound = self.clamp * self._each(wide(step.of_data), wide(step.x))
            held = bound * torch.tanh(moved / bound.clamp(min=torch.finfo(moved.dtype).eps))
        return moved.mean().detach(), -self._reduced(held.mean(), y)[1]

    def _each(self, y: Tensor, x: Tensor) -> Float[Tensor, " batch"]:
        """The distance of each sample."""
        apart = (y - x).flatten(1)
        return (apart.square() if self.distance == "l2" else apart.abs()).mean(1)


@dataclass(frozen=True, kw_only=True)
class Likelihood(Part):
    """D(f(z*), x), z* that of many inputs whose picture lies nearest to x: each datum has one near it.

    Attributes:
        distance: "l2", "l1" or "ssim"; the nearest is by squares.
        pool: how many inputs there are to choose from.
        refresh: batches after which they are drawn anew; with 1 they are of each batch.

    Cost: a pass with its graph, pool/refresh passes without, and the search of `Pool`.

    References: Li and Malik, Implicit maximum likelihood estimation (2018), algorithm 1; with idempotence:
    Al-Jaff et al., A non-adversarial approach to idempotent generative modelling (2025).
    """

    name = "likelihood"
    distance: Distance = "l2"
    pool: int = 4096
    refresh: int = 50

    def __post_init__(self) -> None:
        super().__post_init__()
        self._require("distance", get_args(Distance))
        whole_number(self.pool, "pool", 1)
        whole_number(self.refresh, "refresh", 1)

    def measured(self, step: Step) -> _Measured:
        """Return the distance and its multiple."""
        return self._reduced(DISTANCES[self.distance](step.of_nearest, step.x), step.x)


def _itself(y: Tensor) -> Tensor:
    return y


def _absolute(net: nn.Module, y: Tensor, rule: Rule) -> Float[Tensor, ""]:
    """mean(|f(y) − y|), with the gradient of one application or of both."""
    f = _frozen(net) if rule == "inner" else quiet(net, "keep")
    start = y.detach() if rule == "outer" else y
    return DISTANCES["l1"](wide(f(start)), wide(start))


def _frozen(net: nn.Module) -> Callable[[Tensor], Tensor]:
    """F as it is now: gradients go through it to its input, and no further."""
    inner = unwrapped(net)
    held = {name: weight.detach() for name, weight in inner.named_parameters()}
    held |= {name: buffer.clone() for name, buffer in inner.named_buffers()}

    def f(y: Tensor) -> Tensor:
        image: Tensor = functional_call(inner, held, (y,))
        return image

    return f
