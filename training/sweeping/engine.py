"""One piece trained: members that share first weights and batches, measured as they go."""

from __future__ import annotations

import copy
import time
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.func import functional_call

from training.measures import at_unit_vectors, measure
from training.optimizers import OPTIMIZERS

from .gradients import gradients
from .plan import first_weights
from .subjects import subject

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from jaxtyping import Float, Int

    from training.rules.loss import Reduction

    from .gradients import Gradients
    from .plan import Piece, Plan, Treatment

MEASURES = ("error", "relative", "centred", "kept", "rank", "trace", "norm")

TIMED = 16
"""Of so many steps the middle one is timed: the first may compile, and on CUDA a clock waits."""


@dataclass
class State:
    """How far a piece has come, and all that the rest of it depends on.

    Attributes:
        step: steps taken.
        weights: stacked parameters, a member a row.
        memory: the optimiser's.
        curves: measures so far, nan where a point is yet to come.
        diverged: the step whose batch first had an error that is not finite, the last if only the weights
            are not in the end, −1 otherwise.
        timed, seconds: of how many steps the time was taken, and how long they took together; the only part
            that another machine, or another day, changes.
    """

    step: int
    weights: dict[str, Float[Tensor, "member ..."]]
    memory: dict[str, Tensor]
    curves: dict[str, Float[Tensor, "point member"]]
    diverged: Int[Tensor, " member"]
    timed: int = 0
    seconds: float = 0.0


class Training:
    """A piece of a plan, to be trained from its beginning or from a state.

    Batch k of a run is the same for every rule, rate and reduction, and a function of seed, run and k alone:
    a state needs no generator, and what follows it is what would have followed.

    Args:
        plan: of which it is a piece.
        piece: what to train.
        device: where.
    """

    def __init__(self, plan: Plan, piece: Piece, device: str = "cpu") -> None:
        self.plan, self.piece, self.device = plan, piece, device
        self.net = first_weights(plan, piece).to(device, getattr(torch, plan.dtype))
        self.inputs = plan.inputs(piece, device)
        self.steps = plan.epochs * self.inputs.an_epoch
        self.stops = {epoch * self.inputs.an_epoch: i for i, epoch in enumerate(plan.measured)}
        # A step that is compiled serves all pieces of its kind; others are as soon made anew.
        kind = (
            piece.network,
            piece.treatment,
            piece.reduction,
            device,
            piece.batch,
            len(piece.rates),
            plan.dtype,
        )
        self.gradients = _compiled(*kind) if plan.compiled else _gradients(self.net, *kind[1:4])
        self.rates = torch.tensor(piece.rates, dtype=getattr(torch, plan.dtype), device=device)
        self._evaluated = vmap_measures(self.net, self.inputs.held_out)

    def fresh(self) -> State:
        """Return the state before the first step."""
        members, points = len(self.rates), len(self.stops)
        weights = {
            name: p.detach().expand(members, *p.shape).clone() for name, p in self.net.named_parameters()
        }
        nothing = torch.full((points, members), torch.nan, dtype=torch.float64)
        curves = {name: nothing.clone() for name in MEASURES}
        return State(0, weights, {}, curves, torch.full((members,), -1, dtype=torch.int64))

    def run(self, state: State, beat: Callable[[State], None] = lambda _: None) -> State:
        """Train to the end, and return the state there.

        Args:
            state: to go on from; it is changed.
            beat: called with it after each step, when it is one to go on from.
        """
        names = [name for name, _ in self.net.named_parameters()]  # whose order a file does not keep
        weights = state.weights = {name: state.weights[name].to(self.device) for name in names}
        memory = {
            name: part if part.ndim == 0 else part.to(self.device) for name, part in state.memory.items()
        }
        optimizer = OPTIMIZERS[self.plan.optimizer](self.rates, memory)
        state.memory = optimizer.memory
        diverged = state.diverged.to(self.device)
        with torch.no_grad():
            while state.step < self.steps:
                self._measure(state)
                with self._clock(state):
                    slopes, errors = self.gradients(weights, self.inputs.batch_at(state.step))
                    diverged.masked_fill_((diverged < 0) & ~errors.isfinite(), state.step)
                    optimizer.step(weights, slopes)
                state.step += 1
                state.diverged = diverged
                beat(state)
            self._measure(state)
            sound = torch.stack([p.isfinite().flatten(1).all(1) for p in weights.values()]).all(0)
            diverged.masked_fill_((diverged < 0) & ~sound, state.step)
            state.diverged = diverged
        return state

    @contextmanager
    def _clock(self, state: State) -> Iterator[None]:
        """Take the time of a step, if it is one of those of which to: a processor's, on CUDA the device's."""
        if state.step % TIMED != TIMED // 2:
            yield
            return
        start = self._now()
        yield
        state.seconds += self._now() - start
        state.timed += 1

    def _now(self) -> float:
        if self.device == "cpu":  # which others may keep busy too
            return time.process_time()
        torch.cuda.synchronize(self.device)
        return time.perf_counter()

    def _measure(self, state: State) -> None:
        """Note the measures if this step is one of those after which to."""
        point = self.stops.get(state.step)
        if point is None:
            return
        for name, values in self._evaluated(state.weights).items():
            state.curves[name][point] = values.double().cpu()


def vmap_measures(
    net: nn.Module, x: Float[Tensor, "held *sample"]
) -> Callable[[dict[str, Tensor]], dict[str, Float[Tensor, " member"]]]:
    """Return weights ↦ `MEASURES` of every member on x; the rank is nan where outputs are not finite."""
    net = copy.deepcopy(net).eval()

    def one(weights: dict[str, Tensor]) -> dict[str, Tensor]:
        def f(v: Tensor) -> Tensor:
            image: Tensor = functional_call(net, weights, (v,))
            return image

        found = measure(f, x) | at_unit_vectors(f, x)
        found["rank"] = torch.where(found["kept"].isfinite(), found["rank"], torch.nan)
        return found

    return torch.vmap(one)


def _gradients(
    net: nn.Module, treatment: Treatment, reduction: Reduction, device: str, *, compiled: bool = False
) -> Gradients:
    return gradients(net, treatment.corrector, treatment.rule, reduction, device, compiled=compiled)


@cache
def _compiled(name: str, treatment: Treatment, reduction: Reduction, device: str, *_: int | str) -> Gradients:
    """The compiled step of an architecture, for one size of batch and ensemble and one dtype."""
    return _gradients(subject(name).build(), treatment, reduction, device, compiled=True)


@contextmanager
def arithmetic(threads: int, *, tf32: bool) -> Iterator[None]:
    """Run a block with so many threads, and matrix products in TF32 or not; put both back."""
    before = torch.get_num_threads(), torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32
    _set(threads, tf32, tf32)
    try:
        yield
    finally:
        _set(*before)


def _set(threads: int, products: bool, convolutions: bool) -> None:  # noqa: FBT001 - one after the other
    torch.set_num_threads(threads)
    torch.backends.cuda.matmul.allow_tf32 = products
    torch.backends.cudnn.allow_tf32 = convolutions
