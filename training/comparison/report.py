"""The report of a comparison: tables, findings in words, figures, data and the best network."""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from analysis import basins
from corrector import derive
from training.pages import template
from training.statistics import Estimate, geometric, paired_ratio, verdict
from training.weights import save_perceptron

from . import plotting
from .comparing import APPLICATIONS, REFERENCE, Comparison, collapsed

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

COLUMNS = {
    "relative": "relative error",
    "centred": "centred error",
    "rank": "effective rank",
    "kept": "variance kept",
    "reconstruction": "reconstruction",
    "reconstruction_again": f"reconstruction after {APPLICATIONS} applications",
}
_COMPARED = ("centred", "reconstruction", "rank", "kept")


@dataclass(frozen=True)
class Row:
    """One line of a table: a contender at a rate, over the reported seeds."""

    name: str
    rate: float | None
    steps: int | None
    seconds: float | None
    estimates: dict[str, Estimate]
    runs: int
    failed: int
    """Runs that collapsed or ended in values that are not finite."""

    def cell(self, measure: str) -> str:
        """The entry of a column; a word where every run failed."""
        if measure == "centred" and self.failed == self.runs:
            return "collapsed"
        if measure == "kept" and self.estimates[measure].mean < 1e-9:
            return "0"
        return str(self.estimates[measure])

    @property
    def state(self) -> str:
        """How many of the runs collapsed or diverged."""
        return f"{self.failed} of {self.runs}" if self.rate is not None else ""


def table(comparison: Comparison, rate: float | None = None) -> list[Row]:
    """Return a row for each contender, at its own best rate or at one rate for all, then references.

    Each entry is a geometric mean over the reported seeds with its 95 % interval; runs that
    collapsed or diverged are counted apart, and left out of the means.
    """
    rows = []
    for contender in comparison.setting.contenders:
        chosen = comparison.best_rate(contender.name) if rate is None else rate
        found = comparison.reported(contender.name, chosen)
        sound = _sound(found)
        run = comparison.runs.sel(contender=contender.name)
        estimates = {name: geometric(found.sel(measure=name).values[sound]) for name in COLUMNS}
        steps = int(run.steps)
        rows.append(
            Row(
                contender.name,
                chosen,
                steps,
                float(run.seconds_a_step) * steps,
                estimates,
                found.sizes["seed"],
                int(np.count_nonzero(~sound)),
            )
        )
    for name, values in comparison.references.items():
        estimates = {key: Estimate(values[key], np.nan, np.nan, 1) for key in COLUMNS}
        rows.append(Row(name, None, None, None, estimates, 1, int(collapsed(values["kept"]))))
    return rows


def findings(comparison: Comparison) -> list[str]:
    """Return what the paired intervals support, a summary and then one sentence a contender.

    Every ratio is over runs with the same seed, each contender at its own best rate; the intervals
    hold jointly at 95 % over all the ratios named (Bonferroni).
    """
    names = [c.name for c in comparison.setting.contenders if c.name != REFERENCE]
    confidence = 1 - 0.05 / (len(names) * len(_COMPARED))
    reference = _at_best(comparison, REFERENCE)
    sentences, sides = [], dict[str, list[str]]()
    for name in names:
        found = _at_best(comparison, name)
        both = _sound(found) & _sound(reference)
        pairs, failed = int(np.count_nonzero(both)), int(np.count_nonzero(~_sound(found)))
        lost = f", {failed} more collapsed or diverged" if failed else ""
        if pairs < 2:
            sides.setdefault("not comparable, for runs collapsed or diverged", []).append(name)
            continue
        ratios = {
            measure: paired_ratio(
                found.sel(measure=measure).values[both],
                reference.sel(measure=measure).values[both],
                confidence,
            )
            for measure in _COMPARED
        }
        side = "not reliable, for some runs collapsed or diverged" if failed else _side(ratios)
        sides.setdefault(side, []).append(name)
        parts = [
            f"{COLUMNS[measure]} {ratio.mean:.3g} times as large "
            f"({ratio.low:.3g}–{ratio.high:.3g}: {verdict(ratio)})"
            for measure, ratio in ratios.items()
        ]
        sentences.append(
            f"{_capital(name)} against {REFERENCE}, {pairs} pairs of runs{lost}: {'; '.join(parts)}."
        )
    summary = "; ".join(f"{side}: {', '.join(who)}" for side, who in sides.items())
    return [
        f"Against the {REFERENCE} rule, by errors, rank and variance kept together. {_capital(summary)}.",
        *sentences,
        (
            "This holds for this network, task, one untuned weight of the idempotency term and this "
            "budget, and says nothing of others."
        ),
    ]


def _side(ratios: dict[str, Estimate]) -> str:
    """On which side of the reference a contender stands, by what the intervals exclude.

    Smaller errors beside a lower rank or less variance kept count as bought, not as better; larger
    ones beside more of either, as the price of it, not as worse.
    """
    shown = {verdict(ratios[measure]) for measure in ("centred", "reconstruction")}
    kept = {verdict(ratios[measure]) for measure in ("rank", "kept")}
    if ("lower" in shown and "lower" in kept) or ("higher" in shown and "higher" in kept):
        return "one bought with the other"
    if {"lower", "higher"} <= shown:
        return "one bought with the other"
    if "lower" in shown:
        return "better"
    return "worse" if "higher" in shown else "no difference shown"


def edges(comparison: Comparison) -> list[str]:
    """Name the contenders whose best rate ends the grid, so that a better one may lie beyond it."""
    ends = (min(comparison.setting.rates), max(comparison.setting.rates))
    return [c.name for c in comparison.setting.contenders if comparison.best_rate(c.name) in ends]


def write(comparison: Comparison, folder: Path, command: str) -> None:
    """Fill a folder with the report.

    `index.html` to read; `*.png` the figures; `metrics.nc` every run's measures, for xarray;
    `table.csv` the tables, for pandas; `best.safetensors` the best network, its architecture and
    training in the header; `report.json` the findings.
    """
    panels = [basins(derive(order).minimal) for order in (1, 2)]
    figures = {
        "basins": plotting.basin_panels(panels),
        "curves": plotting.curves(comparison),
        "digits": plotting.pictures(comparison, applications=APPLICATIONS),
        "tradeoff": plotting.trade_off(comparison),
        "rates": plotting.rates(comparison),
    }
    for name, figure in figures.items():
        figure.savefig(folder / f"{name}.png", bbox_inches="tight")
    own, shared_rate = table(comparison), comparison.best_rate(REFERENCE)
    shared = table(comparison, shared_rate)
    # Made in memory: where the disk is full HDF5 leaves files open, and ends the process.
    (folder / "metrics.nc").write_bytes(comparison.runs.to_netcdf(engine="h5netcdf"))
    _write_csv(folder / "table.csv", {"own best rate": own, "one rate": shared})
    best = save_best(comparison, folder / "best.safetensors")
    found = findings(comparison)
    summary = {
        "command": command,
        "findings": found,
        "best": best,
        "setting": comparison.runs.attrs,
    }
    (folder / "report.json").write_text(json.dumps(summary, indent=2, default=str), encoding="utf-8")
    page = template("report.html").render(
        comparison=comparison,
        setting=comparison.setting,
        attrs=comparison.runs.attrs,
        columns=COLUMNS,
        own=own,
        shared=shared,
        shared_rate=shared_rate,
        reference=REFERENCE,
        findings=found,
        edges=edges(comparison),
        families=[derive(1), derive(1, 4), derive(2), derive(2, 6)],
        panels=panels,
        best=best,
        command=command,
        applications=APPLICATIONS,
    )
    (folder / "index.html").write_text(page, encoding="utf-8")


def save_best(comparison: Comparison, path: Path) -> dict[str, str]:
    """Save the run with the least validation objective among those trained with a rule; say which."""
    final = comparison.runs.validation.isel(point=-1)
    objective = final.sel(measure="reconstruction") + comparison.setting.weight * final.sel(measure="error")
    sound = np.isfinite(objective) & ~collapsed(final.sel(measure="kept"))
    trained = objective.contender != "reconstruction only"
    flat = objective.where(sound & trained, np.inf).stack(run=("contender", "rate", "seed"))
    contender, rate, seed = flat.run.values[int(flat.argmin("run"))]
    how = next(c for c in comparison.setting.contenders if c.name == contender)
    description = {
        "data": comparison.setting.images.name,
        "rule": str(how.rule),
        "corrector": json.dumps([str(a) for a in how.corrector.alphas]) if how.rule == "modified" else "",
        "contender": str(contender),
        "rate": repr(float(rate)),
        "seed": str(int(seed)),
        "noise": repr(comparison.setting.noise),
        "weight": repr(comparison.setting.weight),
    }
    member = comparison.member(str(contender), float(rate), int(seed))
    return save_perceptron(member, comparison.setting.widths, description, path)


def _at_best(comparison: Comparison, name: str) -> Any:
    return comparison.reported(name, comparison.best_rate(name))


def _sound(found: Any) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Which runs neither collapsed nor diverged; a run whose repeated application overflows counts."""
    finite = np.isfinite(found.sel(measure=["reconstruction", "error", "centred"]).values).all(axis=0)
    sound: np.ndarray[Any, np.dtype[np.bool_]] = finite & ~collapsed(found.sel(measure="kept").values)
    return sound


def _write_csv(path: Path, tables: dict[str, Sequence[Row]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(
            [
                "table",
                "contender",
                "rate",
                "steps",
                "runs",
                "collapsed_or_diverged",
                "measure",
                "mean",
                "low",
                "high",
            ]
        )
        for name, rows in tables.items():
            for row in rows:
                for measure, estimate in row.estimates.items():
                    head = [name, row.name, row.rate, row.steps, row.runs, row.failed, measure]
                    writer.writerow([*head, estimate.mean, estimate.low, estimate.high])


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]
