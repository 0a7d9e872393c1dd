"""A sweep in a table: each network and rule at its best learning rate, the guard against collapse beside."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from .plan import AXES

if TYPE_CHECKING:
    import xarray as xr

_GROUPED = AXES[:6]


class Row(NamedTuple):
    """A network under a rule, at its best rate.

    Attributes:
        labels: along each axis that has more than one value, and of the network and the rule.
        rate, effective: the learning rate, nominal and as "half_sum" would have it; nan if all runs diverged.
        error, centred, kept, rank: at the end, means over the runs.
        collapsed: runs at that rate whose outputs count as one point.
        runs: at that rate.
        diverged: runs at any rate whose error was not always finite.
        trained: runs at any rate.
    """

    labels: dict[str, str]
    rate: float
    effective: float
    error: float
    centred: float
    kept: float
    rank: float
    collapsed: int
    runs: int
    diverged: int
    trained: int


def rows(found: xr.Dataset) -> list[Row]:
    """Return a row for each network, rule and other setting.

    Best is the rate with the least mean error at the end among those at which no run diverged, and if there
    are others of which no run collapsed, among these.
    """
    final = found.isel(epoch=-1)
    several = [name for name in _GROUPED if found.sizes[name] > 1 or name in ("network", "rule")]
    made = []
    for index in np.ndindex(*(found.sizes[name] for name in _GROUPED)):
        part = final.isel(dict(zip(_GROUPED, index, strict=True)))
        labels = {name: str(part[name].item()) for name in several}
        diverged, collapsed = part.diverged >= 0, part.collapsed
        error = part.error.mean("run").where(~diverged.any("run"), np.inf)
        alive = error.where(~collapsed.any("run"), np.inf)
        score = np.asarray(alive if np.isfinite(alive).any() else error)
        at = part.isel(learning_rate=int(np.nanargmin(score)))
        sound = bool(np.isfinite(np.nanmin(score)))
        values = [float(at[name].mean()) for name in ("error", "centred", "kept", "rank")]
        values = [float(at.learning_rate), float(at.effective_rate.mean()), *values]
        counts = int(at.collapsed.sum()) * sound, found.sizes["run"], int(diverged.sum()), diverged.size
        made.append(Row(labels, *(values if sound else [np.nan] * len(values)), *counts))  # type: ignore[call-arg, arg-type]  # as many as there are
    return made


def show(found: xr.Dataset) -> None:
    """Print the table."""
    from rich.console import Console
    from rich.table import Table

    made = rows(found)
    epochs = int(found.epoch[-1])
    table = Table(title=f"After {epochs} epochs, each at its best learning rate: means over the runs")
    for name in made[0].labels:
        table.add_column(name)
    for name in (
        "rate",
        "at half_sum",
        "error",
        "centred",
        "kept",
        "rank",
        "collapsed",
        "diverged, all rates",
    ):
        table.add_column(name, justify="right")
    for row in made:
        values = (row.rate, row.effective, row.error, row.centred, row.kept, row.rank)
        shown = ["—" if np.isnan(value) else f"{value:.3g}" for value in values]
        counts = f"{row.collapsed} of {row.runs}", f"{row.diverged} of {row.trained}"
        table.add_row(*row.labels.values(), *shown, *counts)
    console = Console() if sys.stdout.isatty() else Console(width=140)
    console.print(table)
