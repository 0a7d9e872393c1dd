"""What a sweep will take, found by taking a few steps of each kind."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import psutil

from .engine import MEASURES, Training, arithmetic
from .inputs import shape_of
from .subjects import subject

if TYPE_CHECKING:
    from .plan import Piece, Plan

_TRIAL = 0.1
"""Seconds that the timed steps of a kind take at least, where one step takes less."""

_LAYERS_KEPT = {"ordinary": 2, "outer": 2}
"""Applications whose activations a backward pass needs; of other rules one."""


@dataclass(frozen=True)
class Estimate:
    """What a sweep will take.

    Attributes:
        runs: networks to train.
        steps: of all pieces together.
        seconds: about how long, in so many processes.
        memory: bytes of all processes together, about.
        available: bytes there are.
        data: bytes of the data set.
    """

    runs: int
    steps: int
    seconds: float
    memory: int
    available: int
    data: int

    def __str__(self) -> str:
        return (
            f"{self.runs} runs, {self.steps} steps of ensembles, about {_duration(self.seconds)} and "
            f"{_size(self.memory)} of memory ({_size(self.available)} available), {_size(self.data)} of data"
        )


def footprint(plan: Plan, piece: Piece) -> int:
    """Return about how many bytes training a piece takes, beside what torch itself does.

    Weights, gradients and the optimiser's state of each member; activations of a pass, as often as the rule
    keeps them, and some that come and go; where a member is compiled a block at a time, none.
    """
    from .gradients import perceptron_layers

    found = subject(piece.network)
    compiled = plan.device == "cpu" and perceptron_layers(found.build()) is not None
    total, widest = found.numbers(shape_of(piece.data, found.shape))
    copies = {"sgd": 3, "adam": 6}[plan.optimizer]
    kept = _LAYERS_KEPT.get(piece.treatment.rule, 1) * total + 4 * widest
    activations = 0 if compiled else kept * piece.batch
    measuring = 2 * total * plan.held_out
    member = copies * found.parameters + max(activations, measuring)
    return (8 if plan.dtype == "float64" else 4) * len(piece.rates) * member


def estimated(plan: Plan, processes: int = 1, threads: int = 1) -> Estimate:
    """Time a few steps of each kind of piece on this machine, and return what the whole will take.

    Cost: some seconds; more where one step takes seconds.
    """
    kinds: dict[tuple[object, ...], tuple[float, float]] = {}
    longest = total = 0.0
    memory = 0
    for piece in plan.pieces:
        kind = (piece.network, piece.data, piece.batch, piece.treatment, len(piece.rates))
        if kind not in kinds:
            memory = max(memory, footprint(plan, piece))
            if _memory(memory, processes) > psutil.virtual_memory().available and plan.device == "cpu":
                kinds[kind] = (float("nan"),) * 2  # there is no trying
            else:
                kinds[kind] = _timed(plan, piece, threads)
        step, measure = kinds[kind]
        seconds = plan.steps(piece) * step + len(plan.measured) * measure
        total, longest = total + seconds, max(longest, seconds)
    runs = sum(len(piece.rates) for piece in plan.pieces)
    return Estimate(
        runs,
        sum(map(plan.steps, plan.pieces)),
        max(total / min(processes, len(plan.pieces)), longest),
        _memory(memory, processes),
        _available(plan.device),
        8 * runs * len(plan.measured) * len(MEASURES),
    )


def _memory(piece: int, processes: int) -> int:
    return processes * (piece + 300 * 2**20)


def _available(device: str) -> int:
    if device == "cpu":
        return int(psutil.virtual_memory().available)
    import torch

    return int(torch.cuda.mem_get_info(device)[0])


def _timed(plan: Plan, piece: Piece, threads: int) -> tuple[float, float]:
    """Seconds a step and a measurement, after one of each that compiles and fills caches."""
    training = Training(plan, piece, plan.device)
    training.stops, training.steps = {0: 0}, 1
    with arithmetic(threads, tf32=plan.tf32):
        state = training.run(training.fresh())
        training.stops, taken, spent = {}, 0, 0.0
        while spent < _TRIAL:
            training.steps += max(1, 2 * taken)
            start = time.perf_counter()
            before = state.step
            training.run(state)
            _synchronize(plan.device)
            spent, taken = time.perf_counter() - start, state.step - before
        step = spent / taken
        training.stops = {state.step: 0}
        start = time.perf_counter()
        training.run(state)
        _synchronize(plan.device)
    return step, time.perf_counter() - start


def _synchronize(device: str) -> None:
    if device != "cpu":
        import torch

        torch.cuda.synchronize(device)


def _duration(seconds: float) -> str:
    if not seconds < float("inf"):
        return "an unknown time"
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def _size(count: float) -> str:
    for unit in ("B", "kB", "MB"):
        if count < 1000:
            return f"{count:.0f} {unit}"
        count /= 1000
    return f"{count:.1f} GB" if count < 1000 else f"{count / 1000:.1f} TB"
