"""A sweep beside training its networks one after another, and what the published protocols take by it.

    .venv/bin/python -m tests.benchmarks.sweeps [--quick]

One after another: each network a plain module, `torch.optim.SGD`, the rule's loss, with torch's own number of
threads; the sweep with a process a core.  The same seeds, weights and batches; by turns, medians.  Drawing
batches is part of both; starting processes, some seconds a sweep, is not.

Floor: see `training.sweeping.kernel`; for networks of wide layers both are matrix products, and a sweep saves
only what separate calls cost.
"""

from __future__ import annotations

import multiprocessing
import os
import statistics
import sys
import time

import torch
from rich.console import Console
from rich.table import Table

from training import idempotency_loss
from training.sweeping.engine import Training, arithmetic
from training.sweeping.plan import Plan, first_weights

RATES = tuple(k / 50 for k in range(1, 51))
PROTOCOLS = (
    # network, batch, samples an epoch
    *((name, 1000, 1000) for name in ("N1", "N2", "N3", "B1", "B2")),
    *((name, batch, 10_000) for name in ("N1", "N2", "N3") for batch in (2000, 10_000)),
)
RULES = ("ordinary", "modified")
RUNS, EPOCHS = 10, 2500


def plan(name: str, batch: int, samples: int, rule: str) -> Plan:
    """One run of a protocol, with all its rates."""
    return Plan(
        networks=[name],
        rules=[rule],
        learning_rates=RATES,
        runs=1,
        epochs=EPOCHS,
        batch_sizes=[batch],
        samples=samples,
        reductions=["seed"],
    )


def together(which: Plan, steps: int) -> float:
    """Seconds a step of all rates takes as the sweep takes it, in one process on one thread."""
    taken = 0.0
    with arithmetic(1, tf32=False):
        for piece in which.pieces:
            training = Training(which, piece)
            training.stops, training.steps = {}, 1
            state = training.run(training.fresh())
            training.steps += steps
            start = time.perf_counter()
            training.run(state)
            taken += (time.perf_counter() - start) / steps
    return taken


def alone(which: Plan, members: int, steps: int) -> float:
    """Seconds a step takes one network after another, from some of them."""
    piece = which.pieces[0]
    inputs = which.inputs(piece)
    rule, g = piece.treatment.rule, piece.treatment.corrector
    taken = 0.0
    for rate in piece.rates[:members]:
        net = first_weights(which, piece)
        optimizer = torch.optim.SGD(net.parameters(), lr=rate)
        for step in range(steps + 3):
            if step == 3:
                start = time.perf_counter()
            x = inputs.batch_at(step)
            optimizer.zero_grad()
            idempotency_loss(net, net(x), g, rule, "seed").backward()
            optimizer.step()
        taken += time.perf_counter() - start
    return taken / steps / members * len(RATES)


def at_once(arguments: tuple[Plan, int]) -> float:
    """What each of as many processes as there are cores measures while the others do the same."""
    return together(*arguments)


def main(rounds: int) -> None:
    """Print the table."""
    cores = len(os.sched_getaffinity(0))
    table = Table(title=f"50 rates a step, {cores} cores; {RUNS} runs of {EPOCHS} epochs by two rules")
    for column in (
        "network",
        "batch",
        "rule",
        "sweep, ms",
        "one by one, ms",
        "ratio",
        "least",
        "protocol, min",
    ):
        table.add_column(column, justify="left" if column in ("network", "rule") else "right")
    context = multiprocessing.get_context("spawn")
    with context.Pool(cores) as pool:
        for name, batch, samples in PROTOCOLS:
            minutes = 0.0
            for rule in RULES:
                which = plan(name, batch, samples, rule)
                wide = name == "B2"
                steps = 1 if wide else 200_000 // batch
                pairs = []
                for _ in range(1 if wide else rounds):
                    a = statistics.mean(pool.map(at_once, [(which, steps)] * cores, chunksize=1)) / cores
                    pairs.append((a, alone(which, 2 if wide else 5, 3 if wide else max(steps, 40))))
                ratios = [b / a for a, b in pairs]
                ours, theirs = (statistics.median(times) for times in zip(*pairs, strict=True))
                minutes += ours * RUNS * EPOCHS * (samples // batch) / 60
                last = f"{minutes:.1f}" if rule == RULES[-1] else ""
                shown = f"{1e3 * ours:.2f}", f"{1e3 * theirs:.1f}"
                ratio = f"{statistics.median(ratios):.1f}", f"{min(ratios):.1f}"
                table.add_row(name, str(batch), rule, *shown, *ratio, last)
    Console(width=110).print(table)


if __name__ == "__main__":
    main(1 if "--quick" in sys.argv else 5)
