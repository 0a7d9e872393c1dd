"""What a run leaves: its network, a table of before and after, curves."""

from __future__ import annotations

import copy
import json
import math
import sys
from typing import TYPE_CHECKING, Any

from corrector.files import whole_file
from training.folder import BEST, CURVES, METRICS, NETWORK, SUMMARY
from training.weights import load_weights

from .curves import run_curves
from .history import read_history
from .module import MEASURES, clean, inputs

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .choices import Run
    from .keeping import Keeper

    Rows = Mapping[str, Mapping[str, float | bool]]


def conclude(run: Run, keeper: Keeper, before: Mapping[str, float | bool]) -> Rows:
    """Write the network and the curves.

    Args:
        run: what was trained.
        keeper: what watched over it.
        before: the network's measures on the test part as it came.

    Returns:
        The measures on the test part: before, after, of the best network, the identity and a constant map.
    """
    folder = keeper.folder
    run.write(folder / NETWORK)
    rows = _rows(run, keeper, before)
    figure = run_curves(read_history(folder / METRICS))
    with whole_file(folder / CURVES) as draft:
        figure.savefig(draft)
    return rows


def write_summary(
    run: Run, keeper: Keeper, rows: Rows, options: Mapping[str, Any], stopped: str | None
) -> None:
    """Write the summary, last of all: by it a run is known to have ended.

    Args:
        run: what was trained.
        keeper: what watched over it.
        rows: the measures.
        options: of the run, as YAML holds them.
        stopped: why it stopped early, or None.
    """
    summary = {
        "stopped": stopped,
        "steps": keeper.progressed.step,
        "corrector": str(run.corrector),
        "best_step": keeper.progressed.best_step if keeper.progressed.best else None,
        "test": {name: _plain(row) for name, row in rows.items()},
        "options": dict(options),
    }
    with whole_file(keeper.folder / SUMMARY) as draft:
        draft.write_text(json.dumps(summary, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def show(rows: Rows, best_step: int, *, generates: bool = False) -> None:
    """Print the table, whole however narrow the terminal is.

    Args:
        rows: of it.
        best_step: when the best network was written.
        generates: whether all but the task was measured at noise.
    """
    from rich.console import Console
    from rich.measure import Measurement
    from rich.table import Table

    console = Console() if sys.stdout.isatty() else Console(width=120)
    what = "Held-out data that had no part in training"
    table = Table(title=f"{what}; all but the task at noise" if generates else what)
    table.add_column("network")
    columns = [name for name in MEASURES if name in rows["before"]]
    for column in columns:
        table.add_column(column, justify="right")
    for name, row in rows.items():
        label = f"best, step {best_step}" if name == "best" else name
        table.add_row(label, *(shown(row, column) for column in columns))
    wide = Console(width=120)
    console.width = max(console.width, Measurement.get(wide, wide.options, table).maximum)
    console.print(table)


def doubts(rows: Rows) -> list[str]:
    """Return what a run that neither stopped nor collapsed did not achieve, in words."""
    after, found = rows["after"], []
    if "task" in after and not after["task"] < rows["constant map"]["task"]:
        found.append("at its task the network is no better than a constant map")
    if not after["centred"] < 1:
        found.append(
            "the idempotent error is as large as what outputs vary by: the network is not idempotent"
        )
    return found


def _rows(run: Run, keeper: Keeper, before: Mapping[str, float | bool]) -> Rows:
    rows = {"before": before, "after": run.measure(run.test)}
    if keeper.progressed.best is not None:
        best = load_weights(copy.deepcopy(run.module.net), keeper.folder / BEST)
        rows["best"] = run.measure(run.test, best)
    mean = inputs(clean(run.validation)).mean(0)
    rows["identity"] = run.measure(run.test, lambda x: x)
    rows["constant map"] = run.measure(run.test, lambda x: mean.to(x).expand_as(x))
    return rows


def shown(row: Mapping[str, float | bool], column: str) -> str:
    """Return an entry of the table, a word where there is no number."""
    value = row[column]
    if column == "centred" and row["collapsed"]:
        return "collapsed"
    return "<1e-9" if column == "kept" and value < 1e-9 else f"{value:.3g}"  # rounding of a constant


def _plain(row: Mapping[str, float | bool]) -> dict[str, float | bool | None]:
    """A row as JSON holds it, null for what is not finite."""
    return {name: value if math.isfinite(value) else None for name, value in row.items()}
