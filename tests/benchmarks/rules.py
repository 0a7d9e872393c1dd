"""Time and memory of a step by each rule, beside ordinary backpropagation and the notes' code.

    .venv/bin/python -m tests.benchmarks.rules [--device cuda] [--write docs/cost.json]

Floors, in matrix products of a layer: a forward pass takes one a layer, a backward pass two, but one in
the first layer, whose input wants no gradient.  With k layers of one size a step takes

    ordinary            2k + (2k − 1) + 2k = 6k − 1
    modified, degree d  dk + (2k − 1)      = (d + 2)k − 1
    target              2k + (2k − 1)      = 4k − 1
    outer               2k + (2k − 1)      = 4k − 1   (the backward pass of f(y), whose input is held)
    inner               2k + k + (2k − 1)  = 5k − 1   (one more backward pass, to y, without weights)
    the notes' Function 4k + (2k − 1)      = 6k − 1

so that the cubic costs 9/11 = 0.82 of the ordinary rule on B3 (k = 2), and 5/6 in the limit.  Activations:
the ordinary rule holds those of two passes, the others those of one, beside what a pass in flight holds.
Memory is counted by torch's own allocator (CPU: its profiler), gradients of the weights included, from the
start of a step to its highest point.  Weights, inputs and the optimiser's state are there before.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from rich.console import Console
from rich.table import Table
from torch.profiler import ProfilerActivity, profile

from corrector import smoothstep
from corrector.files import whole_file
from tests.training.notes import ELoss
from training import idempotency_loss, network
from training.networks import perceptron

if TYPE_CHECKING:
    from collections.abc import Callable

DEPTHS = (2, 4, 8, 16, 32, 64)


def losses(net: torch.nn.Module) -> dict[str, Callable[[torch.Tensor], torch.Tensor]]:
    """What to compare, the first the base; beside each its floor in matrix products is k times … − 1."""
    rule = partial(idempotency_loss, net)
    return {
        "ordinary": partial(rule, rule="ordinary"),
        "modified": rule,
        "modified, chunk=250": partial(rule, chunk=250),
        "modified, order 2": partial(rule, corrector=smoothstep(2)),
        "target": partial(rule, rule="target"),
        "inner": partial(rule, rule="inner"),
        "outer": partial(rule, rule="outer"),
        "the notes' Function": ELoss(net, use_mod=True),
        "the notes' plain loss": ELoss(net),
    }


FLOORS = {"ordinary": 6, "modified": 5, "modified, chunk=250": 5, "modified, order 2": 7}
FLOORS |= {"target": 4, "inner": 5, "outer": 4, "the notes' Function": 6, "the notes' plain loss": 6}


def steps(net: torch.nn.Module, x: torch.Tensor, *, compiled: bool = False) -> dict[str, Callable[[], None]]:
    """A step of gradient descent by each rule."""
    optimizer = torch.optim.SGD(net.parameters(), lr=1e-4)

    def step(loss: Callable[[torch.Tensor], torch.Tensor]) -> None:
        optimizer.zero_grad()
        loss(x).backward()
        optimizer.step()
        if x.is_cuda:
            torch.cuda.synchronize()

    def whole(loss: Callable[[torch.Tensor], torch.Tensor]) -> Callable[[torch.Tensor], torch.Tensor]:
        def through(x: torch.Tensor) -> torch.Tensor:
            return loss(net(x))

        return torch.compile(through) if compiled else through

    return {name: partial(step, whole(loss)) for name, loss in losses(net).items()}


def times(candidates: dict[str, Callable[[], None]], rounds: int) -> dict[str, list[float]]:
    """Ratios to the first candidate of the same round, run by turns."""
    taken: dict[str, list[float]] = {name: [] for name in candidates}
    for i in range(rounds + 2):
        for name, run in candidates.items():
            start = time.perf_counter()
            run()
            if i > 1:
                taken[name].append(time.perf_counter() - start)
    base = next(iter(taken.values()))
    return {name: [t / b for t, b in zip(each, base, strict=True)] for name, each in taken.items()}


def peak(run: Callable[[], None], net: torch.nn.Module, device: str) -> int:
    """The most bytes that a step held beyond what was there before it, gradients not among that."""
    run()
    net.zero_grad(set_to_none=True)
    if device == "cuda":
        torch.cuda.synchronize()
        before = torch.cuda.memory_allocated()
        torch.cuda.reset_peak_memory_stats()
        run()
        return torch.cuda.max_memory_allocated() - before
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as seen:
        run()
    assert seen.profiler is not None
    events = seen.profiler.kineto_results.events()
    held = top = 0
    for event in sorted((e for e in events if e.name() == "[memory]"), key=lambda e: e.start_ns()):
        held += event.nbytes()
        top = max(top, held)
    return top


def memory(net: torch.nn.Module, x: torch.Tensor, device: str) -> dict[str, int]:
    return {name: peak(run, net, device) for name, run in steps(net, x).items()}


def table(title: str, layers: int, ratios: dict[str, list[float]], held: dict[str, int]) -> None:
    shown = Table(title=title)
    for column in ("", "time", "least", "greatest", "floor", "memory", "MB"):
        shown.add_column(column, justify="right" if column else "left")
    first = next(iter(held.values()))
    for name, each in ratios.items():
        floor = (FLOORS[name] * layers - 1) / (6 * layers - 1)
        bytes_held = held.get(name)
        shown.add_row(
            name,
            *(f"{v:.2f}" for v in (statistics.median(each), min(each), max(each), floor)),
            *(() if bytes_held is None else (f"{bytes_held / first:.2f}", f"{bytes_held / 1e6:.0f}")),
        )
    Console().print(shown)


def measured(name: str, batch: int, device: str, rounds: int) -> dict[str, object]:
    torch.manual_seed(0)
    net = network(name).to(device)
    x = torch.randn(batch, next(net.parameters()).shape[1], device=device)
    layers = sum(isinstance(part, torch.nn.Linear) for part in net.modules())
    held = memory(net, x, device)
    ratios = times(steps(net, x), rounds)
    table(f"One step on {name}, batch {batch}, {device}: as multiples of ordinary", layers, ratios, held)
    found = {"time": ratios, "memory": held}
    if device == "cuda":
        found["compiled"] = times(steps(net, x, compiled=True), rounds)
        table(f"The same, compiled: {name}", layers, found["compiled"], {})
    return found


def depth(layers: int, device: str, rounds: int, width: int = 256, batch: int = 1000) -> dict[str, object]:
    """Ratios to a forward pass of the same network, and bytes."""
    torch.manual_seed(0)
    net = perceptron([width] * (layers + 1), torch.nn.Tanh).to(device)
    x = torch.randn(batch, width, device=device)

    def forward() -> None:
        with torch.no_grad():
            net(x)
        if x.is_cuda:
            torch.cuda.synchronize()

    ratios = times({"one forward pass": forward} | steps(net, x), rounds)
    return {"time": ratios, "memory": memory(net, x, device)}


def main() -> None:
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    options.add_argument("--rounds", type=int, default=15)
    options.add_argument("--write", type=Path, help="a JSON file for the figures")
    given = options.parse_args()
    found: dict[str, object] = {"device": given.device, "torch": torch.__version__}
    for name in ("B3", "B4"):
        found[name] = measured(name, 1000, given.device, given.rounds)
    by_depth = {}
    for layers in DEPTHS:
        by_depth[layers] = each = depth(layers, given.device, max(3, given.rounds // 3))
        words = ", ".join(f"{n} {statistics.median(t):.1f}" for n, t in each["time"].items())
        Console().print(f"{layers} layers, in forward passes: {words}", highlight=False)
    found["depth"] = by_depth
    if given.write is not None:
        with whole_file(given.write) as draft:
            draft.write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
