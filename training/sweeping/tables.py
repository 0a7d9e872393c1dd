"""A sweep in tables, by one of the protocols."""

from __future__ import annotations

import sys
from itertools import product
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np

from training.rules.cost import passes
from training.statistics import Estimate, verdict

from .engine import TIMED
from .plan import AXES
from .protocols import MEASURES, Fair, best_published, fair

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import xarray as xr
    from rich.table import Table

    from .plan import Plan

Protocol = Literal["fair", "paper"]
Budget = Literal["passes", "seconds"]
REFERENCE = "ordinary"
_UNITS: dict[Budget, str] = {"passes": "network passes", "seconds": "seconds"}
_RATIOS = ("score", "kept")
_SETTINGS = AXES[:5]
"""What a table is of one value of."""


class Setting(NamedTuple):
    """What is compared: a network in one setting.

    Attributes:
        name: for people.
        at: its value on each axis that is not compared.
        data: of it.
    """

    name: str
    at: tuple[Any, ...]
    data: xr.Dataset


def settings(found: xr.Dataset) -> Iterator[Setting]:
    """Yield every network in every other setting."""
    for values in product(*(found[name].values for name in _SETTINGS)):
        at = dict(zip(_SETTINGS, values, strict=True))
        said = {name: value for name, value in at.items() if name == "network" or found.sizes[name] > 1}
        named = [
            str(v) if name in ("network", "initialisation") else f"{name} {v}" for name, v in said.items()
        ]
        yield Setting(", ".join(named), values, found.sel(at, drop=True))


def costs(
    one: Setting, plan: Plan, seconds: Mapping[tuple[Any, ...], float] | None = None
) -> dict[str, float]:
    """Return what an epoch costs by the rules' names: network passes, or seconds where given.

    Args:
        one: of the sweep.
        plan: of the sweep.
        seconds: of a step, by setting and rule, as `Store.seconds` has them.
    """
    an_epoch = int(one.data.steps.max() // max(one.data.epoch[-1], 1))
    if seconds is None:
        return {t.name: float(an_epoch * passes(t.rule, t.corrector)) for t in plan.treatments}
    return {t.name: an_epoch * seconds[(*one.at, t.name)] for t in plan.treatments}


def fair_tables(
    found: xr.Dataset, plan: Plan, seconds: Mapping[tuple[Any, ...], float] | None = None
) -> dict[str, Fair]:
    """Return the fair table of every setting; ratios are to the ordinary rule, or to the first there is.

    The budget is in network passes, or in seconds where given (`costs`).

    Raises:
        ValueError: some seconds are nan, of runs too short to take their time.
    """
    if seconds is not None and not np.isfinite(list(seconds.values())).all():
        raise ValueError(f"expected runs of {TIMED} steps or more, whose time is known; got shorter ones")
    rules = [str(rule) for rule in found.rule.values]
    reference = REFERENCE if REFERENCE in rules else rules[0]
    return {
        one.name: fair(one.data, costs(one, plan, seconds), reference=reference) for one in settings(found)
    }


def show(
    found: xr.Dataset,
    plan: Plan,
    protocol: Protocol,
    seconds: Mapping[tuple[Any, ...], float] | None = None,
) -> None:
    """Print a table for every setting.

    The fair protocol needs two runs or more, of which some choose the rate; for one run the published
    protocol's table is printed.  Its budget is in seconds where they are given.
    """
    from rich.console import Console

    console = Console() if sys.stdout.isatty() else Console(width=170)
    if protocol == "fair" and plan.runs > 1:
        for name, table in fair_tables(found, plan, seconds).items():
            console.print(_fair(name, table, "passes" if seconds is None else "seconds"))
        console.print(_FAIR_WORDS, soft_wrap=True, highlight=False)
        return
    if protocol == "fair":
        console.print("The fair protocol needs two runs, one to choose the rate; of one, as published:\n")
    for one in settings(found):
        console.print(_published(one.name, one.data))
    console.print(_PUBLISHED_WORDS, soft_wrap=True, highlight=False)


def _fair(name: str, found: Fair, unit: Budget) -> Table:
    chose = f"rates chosen on {_runs(found.tuning)}, reported on {_runs(found.reported)}"
    table = _table(f"{name}: at most {_amount(found.budget, unit)} {_UNITS[unit]} a run, {chose}")
    nominal = any(abs(row.effective_rate / row.rate - 1) > 1e-9 for row in found.rows)
    heads = ("rule", "rate", *["at half_sum"] * nominal, unit, "diverged", "collapsed")
    ratios = [f"{name} / {found.reference}" for name in _RATIOS]
    for i, head in enumerate((*heads, *MEASURES, *ratios)):
        table.add_column(head, justify="right" if i else "left")
    for row in found.rows:
        rate = f"{row.rate:.3g}{' (edge)' * bool(row.edge)}"
        spent = (rate, *[f"{row.effective_rate:.3g}"] * nominal, _amount(row.spent, unit))
        counts = (f"{row.diverged}/{row.runs}", f"{row.collapsed}/{row.runs}")
        shown = [_mean(row.measures[measure]) for measure in MEASURES]
        compared = [_compared(row.ratios[name], row.runs) * (row.rule != found.reference) for name in _RATIOS]
        table.add_row(row.rule, *spent, *counts, *shown, *compared)
    table.add_section()
    empty = [""] * (len(heads) - 1)
    table.add_row("identity", *empty, "0", "0", "0", "1", "all")
    table.add_row("constant map", *empty, "1", "0", "collapsed", "0", "1")
    return table


_FAIR_WORDS = """\
Geometric means; in parentheses 95 % intervals over pairs of runs, ↑ or ↓ where 1 lies outside; (edge):
the least or the greatest rate tried.  score: the centred error (over the variance of f(x)) of every run, 1
where it diverged or collapsed, and at most.  kept: the variance of f(x), over that of x, of runs that did not
diverge; error, centred and effective rank: of those that did not collapse either."""
_PUBLISHED_WORDS = """\
Means of the runs that improved, at the rate where their error is least; discarded: those that did not;
collapsed: of those kept, whose outputs keep less than a thousandth of the variance; kept: the variance of
f(x), over that of x."""


def _published(name: str, part: xr.Dataset) -> Table:
    """The published average at each rule's best rate, with what it leaves out beside it."""
    table = _table(f"{name}, as published: runs that did not improve are discarded")
    figures = ("error", "centred", "kept", "discarded", "collapsed", "discarded, all rates")
    found = best_published(part)
    nominal = any(abs(row.effective_rate / row.rate - 1) > 1e-9 for row in found)
    heads = ("rule", "best rate", *["at half_sum"] * nominal, *figures)
    for i, head in enumerate(heads):
        table.add_column(head, justify="right" if i else "left")
    for row in found:
        rates = [f"{row.rate:g}", *[f"{row.effective_rate:.3g}"] * nominal]
        values = [f"{value:.3g}" for value in (row.error, row.centred, row.kept)]
        counts = [f"{count}/{row.runs}" for count in (row.discarded, row.collapsed)]
        cells = ["—"] * (len(heads) - 2) if np.isnan(row.error) else [*rates, *values, *counts]
        table.add_row(row.rule, *cells, f"{row.all_discarded}/{row.all_runs}")
    return table


def _table(title: str) -> Table:
    from rich.table import Table

    return Table(title=title, title_justify="left")


def _runs(runs: tuple[int, ...]) -> str:
    return f"run {runs[0]}" if len(runs) == 1 else f"runs {runs[0]}–{runs[-1]}"


def _amount(spent: float, unit: Budget) -> str:
    return f"{spent:.0f}" if unit == "passes" else f"{spent:.3g}"


def _mean(found: Estimate) -> str:
    return "—" if np.isnan(found.mean) else f"{found.mean:.3g}"


def _compared(ratio: Estimate, runs: int) -> str:
    word = {"lower": " ↓", "higher": " ↑"}.get(verdict(ratio), "")
    if np.isnan(ratio.low):
        return f"{_mean(ratio)} (no interval: {ratio.count} of {runs} pairs)"
    pairs = f", {ratio.count} pairs" * (ratio.count < runs)
    return f"{ratio.mean:.2g} ({ratio.low:.2g}–{ratio.high:.2g}{pairs}){word}"


def chosen(tables: Mapping[str, Fair]) -> dict[tuple[str, str], float]:
    """Return the rate of each setting and rule."""
    return {(name, row.rule): row.rate for name, table in tables.items() for row in table.rows}
