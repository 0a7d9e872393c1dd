"""A sweep in tables, by one of the protocols."""

from __future__ import annotations

import sys
from itertools import product
from typing import TYPE_CHECKING, Literal

import numpy as np

from training.rules.cost import passes
from training.statistics import Estimate, verdict

from .plan import AXES
from .protocols import MEASURES, Fair, fair, published

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import xarray as xr
    from rich.table import Table

    from .plan import Plan

Protocol = Literal["fair", "paper"]
REFERENCE = "ordinary"
_RATIOS = ("error", "kept")
_SETTINGS = AXES[:5]
"""What a table is of one value of."""


def settings(found: xr.Dataset) -> Iterator[tuple[str, xr.Dataset]]:
    """Yield the data of each network and other setting, with its name."""
    for values in product(*(found[name].values for name in _SETTINGS)):
        at = dict(zip(_SETTINGS, values, strict=True))
        said = {name: value for name, value in at.items() if name == "network" or found.sizes[name] > 1}
        named = [
            str(v) if name in ("network", "initialisation") else f"{name} {v}" for name, v in said.items()
        ]
        yield ", ".join(named), found.sel(at, drop=True)


def costs(plan: Plan, an_epoch: int) -> dict[str, float]:
    """Return the network passes of an epoch of so many steps, by the rules' names in the data set."""
    return {t.name: float(an_epoch * passes(t.rule, t.corrector)) for t in plan.treatments}


def fair_tables(found: xr.Dataset, plan: Plan) -> dict[str, Fair]:
    """Return the fair table of every setting; ratios are to the ordinary rule, or to the first there is."""
    rules = [str(rule) for rule in found.rule.values]
    reference = REFERENCE if REFERENCE in rules else rules[0]
    return {
        name: fair(part, costs(plan, int(part.steps.max() // max(part.epoch[-1], 1))), reference=reference)
        for name, part in settings(found)
    }


def show(found: xr.Dataset, plan: Plan, protocol: Protocol) -> None:
    """Print a table for every setting.

    The fair protocol needs two runs or more, of which some choose the rate; for one run the published
    protocol's table is printed.
    """
    from rich.console import Console

    console = Console() if sys.stdout.isatty() else Console(width=170)
    if protocol == "fair" and plan.runs > 1:
        for name, table in fair_tables(found, plan).items():
            console.print(_fair(name, table))
    else:
        for name, part in settings(found):
            console.print(_published(name, part))


def _fair(name: str, found: Fair) -> Table:
    chose = f"rates chosen on {_runs(found.tuning)}, reported on {_runs(found.reported)}"
    table = _table(f"{name}: at most {found.budget:.0f} network passes a run, {chose}")
    nominal = any(abs(row.effective_rate / row.rate - 1) > 1e-9 for row in found.rows)
    heads = ("rule", "rate", *["at half_sum"] * nominal, "passes", "diverged", "collapsed")
    ratios = [f"{name} / {found.reference}" for name in _RATIOS]
    for i, head in enumerate((*heads, *MEASURES, *ratios)):
        table.add_column(head, justify="right" if i else "left")
    for row in found.rows:
        rate = f"{row.rate:.3g}{' (edge)' * row.edge}"
        spent = (rate, *[f"{row.effective_rate:.3g}"] * nominal, f"{row.passes:.0f}")
        counts = (f"{row.diverged}/{row.runs}", f"{row.collapsed}/{row.runs}")
        shown = [_mean(row.measures[measure]) for measure in MEASURES]
        compared = [_compared(row.ratios[name]) * (row.rule != found.reference) for name in _RATIOS]
        table.add_row(row.rule, *spent, *counts, *shown, *compared)
    table.add_section()
    empty = [""] * (len(heads) - 1)
    table.add_row("identity", *empty, "0", "0", "1", "all")
    table.add_row("constant map", *empty, "0", "collapsed", "0", "1")
    table.caption = (
        "geometric means over runs that neither diverged nor collapsed (kept: that did not diverge)"
    )
    return table


def _published(name: str, part: xr.Dataset) -> Table:
    """The published average at each rule's best rate, with what it leaves out beside it."""
    table = _table(f"{name}, as published: runs that did not improve are discarded")
    figures = ("error", "centred", "kept", "discarded", "collapsed", "discarded, all rates")
    heads = ("rule", "best rate", *figures)
    for i, head in enumerate(heads):
        table.add_column(head, justify="right" if i else "left")
    means, runs = published(part), part.sizes["run"]
    for rule in part.rule.values:
        one = means.sel(rule=rule)
        error = np.where(np.isfinite(one.error), one.error, np.inf)
        at = one.isel(learning_rate=int(error.argmin()))
        everything = f"{int(one.discarded.sum())}/{runs * one.sizes['learning_rate']}"
        if not np.isfinite(error.min()):
            table.add_row(str(rule), *["—"] * 6, everything)
            continue
        values = [f"{float(at[measure]):.3g}" for measure in ("error", "centred", "kept")]
        counts = [f"{int(at[count])}/{runs}" for count in ("discarded", "collapsed")]
        table.add_row(str(rule), f"{float(at.learning_rate):g}", *values, *counts, everything)
    return table


def _table(title: str) -> Table:
    from rich.table import Table

    return Table(title=title, title_justify="left")


def _runs(runs: tuple[int, ...]) -> str:
    return f"run {runs[0]}" if len(runs) == 1 else f"runs {runs[0]}–{runs[-1]}"


def _mean(found: Estimate) -> str:
    return "—" if np.isnan(found.mean) else f"{found.mean:.3g}"


def _compared(ratio: Estimate) -> str:
    word = {"lower": " ↓", "higher": " ↑"}.get(verdict(ratio), "")
    if np.isnan(ratio.low):
        return f"{_mean(ratio)} ({ratio.count} pairs)"
    return f"{ratio.mean:.2g} ({ratio.low:.2g}–{ratio.high:.2g}){word}"


def chosen(tables: Mapping[str, Fair]) -> dict[tuple[str, str], float]:
    """Return the rate of each setting and rule."""
    return {(name, row.rule): row.rate for name, table in tables.items() for row in table.rows}
