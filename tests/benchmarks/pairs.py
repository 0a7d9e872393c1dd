"""Timing by turns: candidates run one after another, round after round, and only ratios are quoted.

A machine's speed drifts; the ratio of two runs next to each other does not.
"""

from __future__ import annotations

import statistics
import time
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Callable


def compare(title: str, candidates: dict[str, Callable[[], object]], rounds: int = 9) -> dict[str, float]:
    """Print and return each candidate's time as a multiple of the first one's: median, least, greatest."""
    for run in candidates.values():
        run()
    times: dict[str, list[float]] = {name: [] for name in candidates}
    for _ in range(rounds):
        for name, run in candidates.items():
            start = time.perf_counter()
            run()
            times[name].append(time.perf_counter() - start)
    base = next(iter(times.values()))
    table = Table(title=f"{title} ({rounds} rounds)")
    for column in ("", "ratio", "least", "greatest"):
        table.add_column(column, justify="right" if column else "left")
    medians = {}
    for name, taken in times.items():
        ratios = sorted(t / b for t, b in zip(taken, base, strict=True))
        medians[name] = statistics.median(ratios)
        table.add_row(name, f"{medians[name]:.2f}", f"{ratios[0]:.2f}", f"{ratios[-1]:.2f}")
    Console().print(table)
    return medians
