"""Two ways to read a sweep: as the sources published theirs, and fairly.

Both take the data set of `sweep`.  *Published*: the runs of a rate that did not end with less error than
they began with are discarded, the others averaged, the rates are nominal.  *Fair*: nothing is discarded; each
rule stands at the rate that serves it best on some runs, is reported on others, and may spend as many network
passes, or as much time, as every other; what collapsed or diverged is counted, and no error stands without
its guard.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np
import xarray as xr

from analysis.collapse import VARIANCE_FLOOR
from training.statistics import Estimate, bootstrap_ratio, geometric, verdict

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jaxtyping import Float

MEASURES = ("score", "error", "centred", "kept", "rank")
"""What the fair table has of each rule; the score is `score`, the others are the data set's."""
LEAST = 1e-12
"""No error counts as less: it is rounding in single precision, where numbers have relative errors of 10⁻⁷."""
LEAST_KEPT = VARIANCE_FLOOR**2
"""Nor does what is kept, of which outputs that vanish have 0: geometric means would leave that out."""
COMPARED = ("score", "error", "centred", "kept")
"""Of which it gives ratios to the reference."""


def published(data: xr.Dataset) -> xr.Dataset:
    """Return, for each rate, the mean error of the runs that improved, as the paper's figure 3 shows it.

    A run improved if its last error is below its first; one that diverged did not.  Beside `error`: the same
    runs' mean `centred` error and `kept` variance; `discarded`, how many runs were left out; `collapsed`, how
    many of those kept are one point.

    Args:
        data: of a sweep; every axis but run and epoch stays.

    References: Jensen and Vicary, section 3 and figure 3.
    """
    last = data.isel(epoch=-1)
    improved = last.error < data.error.isel(epoch=0)
    found = {name: last[name].where(improved).mean("run") for name in ("error", "centred", "kept")}
    counts = {"discarded": (~improved).sum("run"), "collapsed": (improved & last.collapsed).sum("run")}
    return xr.Dataset(found | counts)


class Best(NamedTuple):
    """One rule as published, at the rate with the least mean error of the runs that improved.

    Attributes:
        rule: its name in the data set.
        rate, effective_rate: that rate, and the one at which "half_sum" would take the same steps of SGD.
        error, centred, kept: means of the runs that improved; nan if none did at any rate.
        runs, discarded, collapsed: how many there are, did not improve, or did and are one point.
        all_runs, all_discarded, all_collapsed: the same of all rates together.
    """

    rule: str
    rate: float
    effective_rate: float
    error: float
    centred: float
    kept: float
    runs: int
    discarded: int
    collapsed: int
    all_runs: int
    all_discarded: int
    all_collapsed: int


def best_published(data: xr.Dataset) -> tuple[Best, ...]:
    """Return every rule at its best rate by the published averages, with what they leave out.

    Args:
        data: of a sweep, as for `fair`.
    """
    data = _single(data)
    means, found, runs = published(data), [], data.sizes["run"]
    for rule in data.rule.values:
        one = means.sel(rule=rule)
        at = one.isel(learning_rate=int(one.error.fillna(np.inf).argmin("learning_rate")))
        rate = float(at.learning_rate)
        best = Best(
            rule=str(rule),
            rate=rate,
            effective_rate=float(data.effective_rate.sel(rule=rule, learning_rate=rate).mean()),
            error=float(at.error),
            centred=float(at.centred),
            kept=float(at.kept),
            runs=runs,
            discarded=int(at.discarded),
            collapsed=int(at.collapsed),
            all_runs=runs * one.learning_rate.size,
            all_discarded=int(one.discarded.sum()),
            all_collapsed=int(one.collapsed.sum()),
        )
        found.append(best)
    return tuple(found)


class Row(NamedTuple):
    """One rule at its best rate, over the runs that had no part in choosing it.

    Attributes:
        rule: its name in the data set.
        rate, effective_rate: the rate chosen, and that at which "half_sum" would take the same steps of SGD.
        spent: by each run, of the budget.
        runs, diverged, collapsed: how many runs there are, and of them ended so.
        measures: `score` of all runs, `kept` of those that did not diverge, the others of those that neither
            diverged nor collapsed.
        ratios: to the reference's runs, of pairs in which both are among those.
        edge: "least" or "greatest" if the rate is that of those swept: a better one may lie beyond; else "".
    """

    rule: str
    rate: float
    effective_rate: float
    spent: float
    runs: int
    diverged: int
    collapsed: int
    measures: Mapping[str, Estimate]
    ratios: Mapping[str, Estimate]
    edge: str

    def verdicts(self) -> dict[str, str]:
        """Return what the interval of each ratio supports."""
        return {name: verdict(ratio) for name, ratio in self.ratios.items()}


@dataclass(frozen=True)
class Fair:
    """The fair table of one network.

    Attributes:
        budget: what each run may spend, in the unit of the costs.
        tuning, reported: the runs that chose the rates, and the others.
        rows: one for each rule.
        reference: the rule that ratios are to.
    """

    budget: float
    tuning: tuple[int, ...]
    reported: tuple[int, ...]
    rows: tuple[Row, ...]
    reference: str


def fair(
    data: xr.Dataset, costs: Mapping[str, float], *, tuning: int | None = None, reference: str = "ordinary"
) -> Fair:
    """Return each rule at its own best rate, at equal cost, with intervals; all runs kept.

    The best rate has the least geometric mean of the `score` over the tuning runs; where none is below 1, the
    fewest failures, then the least relative error.  The ratio of scores says who wins: no run is left out.

    Every rule is looked at after the last measured epoch within the budget, the least that any rule has spent
    in the end.

    Args:
        data: of a sweep, with one value on each axis but rule, learning_rate, run and epoch: `data.sel(…)`.
        costs: of an epoch by each rule: network passes, or seconds.
        tuning: how many runs choose rates; a third of them when None.
        reference: the rule that ratios are to.

    Raises:
        ValueError: another axis has several values, the runs are too few, or there is no such rule.
    """
    data = _single(data)
    rules = [str(rule) for rule in data.rule.values]
    if reference not in rules:
        raise ValueError(f"`reference` must be one of {', '.join(rules)}; got {reference!r}")
    runs = [int(run) for run in data.run.values]
    count = max(1, len(runs) // 3) if tuning is None else tuning
    if not 1 <= count < len(runs):
        raise ValueError(f"`tuning` must leave runs to report, from 1 to {len(runs) - 1}; got {count}")
    budget = min(float(data.epoch[-1]) * costs[rule] for rule in rules)
    chosen = {}
    for rule in rules:
        within = data.sel(rule=rule, epoch=data.epoch[data.epoch * costs[rule] <= budget * (1 + 1e-9)]).isel(
            epoch=-1
        )
        chosen[rule] = within.sel(learning_rate=_best_rate(within.isel(run=slice(count))))
    reported = {rule: found.isel(run=slice(count, None)) for rule, found in chosen.items()}
    ends = {float(data.learning_rate.max()): "greatest", float(data.learning_rate.min()): "least"}
    rows = tuple(_row(rule, reported[rule], reported[reference], costs[rule], ends) for rule in rules)
    return Fair(budget, tuple(runs[:count]), tuple(runs[count:]), rows, reference)


class Equal(NamedTuple):
    """Two rules at equal learning rates.

    Attributes:
        rates: the nominal ones of the first rule.
        pairs, sound, of: runs in which neither diverged, in which neither collapsed either, and all.
        ratios: the first rule's to the second's, geometric means with intervals over the runs: of the last
            `error` and the variance `kept` over all pairs, and of the error over the `sound` ones.
    """

    rates: tuple[float, ...]
    pairs: int
    sound: int
    of: int
    ratios: Mapping[str, Estimate]


def at_equal(
    data: xr.Dataset, rule: str, reference: str, *, rates: Literal["nominal", "effective"] = "effective"
) -> Equal:
    """Return how two rules end at equal rates: "nominal", or "effective", where their steps have one scale.

    Args:
        data: of a sweep, as for `fair`.
        rule: its name in the data set.
        reference: likewise.
        rates: which are to be equal.

    Raises:
        ValueError: no rates are, or there is no such rule.
    """
    data = _single(data)
    for name in (rule, reference):
        if name not in data.rule:
            raise ValueError(f"expected a rule of {', '.join(map(str, data.rule.values))}; got {name!r}")
    both = [
        data.sel(rule=name).isel(epoch=-1).transpose("learning_rate", "run") for name in (rule, reference)
    ]
    nominal = data.learning_rate.values
    scales = [nominal if rates == "nominal" else one.effective_rate.isel(run=0).values for one in both]
    places = np.argwhere(np.isclose(scales[0][:, None], scales[1][None, :], rtol=1e-9, atol=0))
    if not len(places):
        raise ValueError(f"expected {rates} rates that two rules share; got none")
    ours, theirs = (one.isel(learning_rate=list(i)) for one, i in zip(both, places.T, strict=True))
    alive = ~(_diverged(ours) | _diverged(theirs))
    sound = ~(failed(ours).values | failed(theirs).values)
    least = {"error": LEAST, "kept": LEAST_KEPT}
    with np.errstate(invalid="ignore"):  # ∞ − ∞, where both diverged
        logs = {
            name: np.log(np.maximum(ours[name].values, floor))
            - np.log(np.maximum(theirs[name].values, floor))
            for name, floor in least.items()
        }
    ratios = {name: _over_runs(np.where(alive, found, np.nan)) for name, found in logs.items()}
    ratios["sound"] = _over_runs(np.where(sound, logs["error"], np.nan))
    at = tuple(float(rate) for rate in ours.learning_rate.values)
    return Equal(at, int(alive.sum()), int(sound.sum()), alive.size, ratios)


def _over_runs(logs: np.ndarray) -> Estimate:
    """The ratio of each run, over its rates, and its mean over the runs."""
    runs = logs[:, np.isfinite(logs).any(0)]
    if not runs.size:
        return geometric(runs)
    return bootstrap_ratio(np.exp(np.nanmean(runs, 0)), np.ones(runs.shape[1]))


def epochs_until(data: xr.Dataset, table: Fair, near: float = 0.1) -> dict[str, Float[np.ndarray, " run"]]:
    """Return the measured epoch from which each reported run stays at a score of `near`, at its fair rate.

    Infinite where a run does not in the end.

    Args:
        data: of a sweep, as for `fair`.
        table: what `fair` found of it.
        near: the `score`.
    """
    data, found = _single(data), {}
    for row in table.rows:
        runs = data.sel(rule=row.rule, learning_rate=row.rate).sel(run=list(table.reported))
        near_by = (score(runs) <= near).transpose("run", "epoch").values
        stays = np.logical_and.accumulate(near_by[:, ::-1], 1)[:, ::-1]
        found[row.rule] = np.where(stays.any(1), data.epoch.values[stays.argmax(1)], np.inf)
    return found


def failed(found: xr.Dataset) -> xr.DataArray:
    """Return whether runs diverged or collapsed."""
    bad: xr.DataArray = (found.diverged >= 0) | found.collapsed | ~np.isfinite(found.error)
    return bad


def score(found: xr.Dataset, least: float = LEAST) -> xr.DataArray:
    """Return the centred error of every run, 1 where it collapsed or diverged, from `least` to 1.

    At 1 the outputs vary by nothing but their error.
    """
    counted: xr.DataArray = found.centred.where(~failed(found), 1).clip(least, 1)
    return counted


def _best_rate(found: xr.Dataset) -> float:
    relative = found.relative.where(np.isfinite(found.relative), np.inf).median("run")
    failures = failed(found).sum("run")
    scores = np.log(score(found).transpose("learning_rate", "run").values).mean(1)
    order = np.lexsort((relative.values, failures.values, scores))
    return float(found.learning_rate[order[0]])


def _row(rule: str, found: xr.Dataset, reference: xr.Dataset, cost: float, ends: Mapping[float, str]) -> Row:
    ours, theirs = _counted(found), _counted(reference)
    diverged = _diverged(found)
    return Row(
        rule=rule,
        rate=float(found.learning_rate),
        effective_rate=float(found.effective_rate.mean()),
        spent=float(found.epoch) * cost,
        runs=diverged.size,
        diverged=int(diverged.sum()),
        collapsed=int((found.collapsed.values & ~diverged).sum()),
        measures={name: geometric(values) for name, values in ours.items()},
        ratios={name: bootstrap_ratio(ours[name], theirs[name]) for name in COMPARED},
        edge=ends.get(float(found.learning_rate), ""),
    )


def _counted(found: xr.Dataset) -> dict[str, np.ndarray]:
    """Every measure of every run, nan where it says nothing."""
    alive, there = ~_diverged(found), ~failed(found).values
    return {
        "score": score(found).values,
        "kept": np.where(alive, np.maximum(found.kept.values, LEAST_KEPT), np.nan),
        "rank": np.where(there, found["rank"].values, np.nan),
        **{k: np.where(there, np.maximum(found[k].values, LEAST), np.nan) for k in ("error", "centred")},
    }


def _diverged(found: xr.Dataset) -> np.ndarray:
    there: np.ndarray = (found.diverged.values >= 0) | ~np.isfinite(found.error.values)
    return there


def _single(data: xr.Dataset) -> xr.Dataset:
    """The data without the axes that are not compared."""
    kept = ("rule", "learning_rate", "run", "epoch")
    several = [str(axis) for axis, length in data.sizes.items() if axis not in kept and length > 1]
    if several:
        raise ValueError(f"`data` must have one {several[0]}, by data.sel({several[0]}=…); got several")
    return data.squeeze([axis for axis in data.dims if axis not in kept], drop=True)
