"""The figures of a stored sweep, by name."""

from __future__ import annotations

from functools import partial
from itertools import product
from typing import TYPE_CHECKING

from . import plotting
from .plan import AXES
from .store import read_dataset, read_plan
from .tables import chosen, costs, fair_tables, settings

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from matplotlib.figure import Figure

_OTHERS = AXES[1:5]
"""Settings of which each has figures of its own."""


def figures_of(folder: Path) -> dict[str, Callable[[], Figure]]:
    """Return what draws the figures of a sweep's folder: rates, epochs, panels, pareto and costs.

    Where the sweep has several initialisations, data, batch sizes or reductions, each has figures of its
    own.  Epochs, panels and costs are at the rates that the fair protocol chooses, of two runs or more.

    Raises:
        OSError: there is no sweep, or its data set was not yet written.
        ValueError: the folder is damaged, or the sweep is not finished.
    """
    plan, found = read_plan(folder), read_dataset(folder)
    drawn: dict[str, Callable[[], Figure]] = {}
    for values in product(*(found[name].values for name in _OTHERS)):
        at = dict(zip(_OTHERS, values, strict=True))
        said = [str(value) for name, value in at.items() if found.sizes[name] > 1]
        part = found.sel({name: [value] for name, value in at.items()})
        one: dict[str, Callable[[], Figure]] = {
            "rates": partial(plotting.rates, part),
            "pareto": partial(plotting.pareto, part),
        }
        if plan.runs > 1:
            rates = chosen(fair_tables(part, plan))
            one["epochs"] = partial(plotting.epochs, part, rates)
            one["panels"] = partial(plotting.panels, part, rates)
            one["costs"] = partial(plotting.costs, part, rates, costs(next(settings(part)), plan))
        drawn |= {"-".join([name, *said]): draw for name, draw in one.items()}
    return drawn
