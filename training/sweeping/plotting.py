"""Pictures of sweeps, each with its guard: no error is drawn without the variance that was kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from analysis.collapse import VARIANCE_FLOOR
from analysis.plotting import PALETTE, new_figure, styled

from .protocols import failed, published

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from .spectra import Spectra
    from .trajectories import Trajectories

_REACH = 1.2
"""How far the plane of eigenvalues is shown from 0."""
_LEAST = 1e-16
"""Errors below are drawn here: 0 has no place on a logarithmic axis."""
_AXES = ("network", "rule", "learning_rate", "run", "epoch")
"""What a picture is of; along other axes it takes data with one value."""


def rates(data: xr.Dataset) -> Figure:
    """Draw last errors against learning rates, as the paper's figure 3 does, and the guard below them.

    A column a network.  Lines: the mean of the runs that improved (`published`); dots: every run that is
    finite.  Below, the median of the variance kept, and the share of runs that collapsed or diverged.

    References: Jensen and Vicary, figure 3.
    """
    data = _plain(data)
    last, means = data.isel(epoch=-1), published(data)
    networks = [str(name) for name in data.network.values]
    with styled():
        figure = new_figure(1 + 3.2 * len(networks), 6.4)
        rows = figure.subplots(3, len(networks), squeeze=False, sharex=True, height_ratios=(2.2, 1, 0.7))
        for column, name in zip(rows.T, networks, strict=True):
            for color, rule in zip(PALETTE, data.rule.values, strict=False):
                one, mean = (found.sel(network=name, rule=rule) for found in (last, means))
                x = one.learning_rate.values
                error = np.maximum(one.error.transpose("learning_rate", "run").values, _LEAST)
                column[0].plot(x, error, ".", ms=2.5, alpha=0.35, color=color)
                column[0].plot(x, np.maximum(mean.error, _LEAST), color=color, lw=1.5, label=str(rule))
                column[1].plot(x, one.kept.median("run"), color=color, lw=1.5)
                column[2].plot(x, failed(one).mean("run"), color=color, lw=1.5)
            column[0].set(title=name, yscale="log")
            _guarded(column[1])
            column[2].set(
                ylim=(-0.05, 1.05), xlabel="learning rate", xscale=_scale(data.learning_rate.values)
            )
        _labelled(rows, ("idempotent error", "variance kept", "failed"))
    return figure


def epochs(data: xr.Dataset, chosen: Mapping[tuple[str, str], float]) -> Figure:
    """Draw error, variance kept and effective rank against epochs, a column a network.

    Lines are medians over the runs, bands the middle half of them; runs that diverged end where they did.

    Args:
        data: of a sweep.
        chosen: the learning rate of each network and rule.
    """
    data = _plain(data)
    networks = [str(name) for name in data.network.values]
    measures = ("error", "kept", "rank")
    with styled():
        figure = new_figure(1 + 3.2 * len(networks), 6.4)
        rows = figure.subplots(3, len(networks), squeeze=False, sharex=True, height_ratios=(2, 1, 1))
        for column, name in zip(rows.T, networks, strict=True):
            for color, rule in zip(PALETTE, map(str, data.rule.values), strict=False):
                rate = chosen[name, rule]
                one = data.sel(network=name, rule=rule).sel(learning_rate=rate, method="nearest")
                for ax, measure in zip(column, measures, strict=True):
                    found = one[measure].where(np.isfinite(one[measure]))
                    low, middle, high = found.quantile([0.25, 0.5, 0.75], "run", skipna=True)
                    floor = _LEAST if measure == "error" else 0
                    x = np.maximum(one.epoch, 0.5)
                    ax.fill_between(
                        x, np.maximum(low, floor), np.maximum(high, floor), color=color, alpha=0.2, lw=0
                    )
                    ax.plot(x, np.maximum(middle, floor), color=color, lw=1.5, label=f"{rule}, rate {rate:g}")
            column[0].set(title=name, yscale="log")
            _guarded(column[1])
            column[2].set(xlabel="epoch", xscale="log")
        _labelled(rows, ("idempotent error", "variance kept", "effective rank"), every=True)
    return figure


def panels(data: xr.Dataset, chosen: Mapping[tuple[str, str], float]) -> Figure:
    """Draw error, norm and trace of f(I) against epochs, a line a run, a column a network, as the notes do.

    What diverges leaves the axes, which show where 98 % of all values lie.

    Args:
        data: of a sweep.
        chosen: the learning rate of each network and rule.

    References: the notes, section 3.
    """
    data = _plain(data)
    networks = [str(name) for name in data.network.values]
    with styled():
        figure = new_figure(1 + 3.0 * len(networks), 6.4)
        rows = figure.subplots(4, len(networks), squeeze=False, sharex=True, height_ratios=(1.4, 1, 1, 1))
        for column, name in zip(rows.T, networks, strict=True):
            for color, rule in zip(PALETTE, map(str, data.rule.values), strict=False):
                one = data.sel(network=name, rule=rule).sel(
                    learning_rate=chosen[name, rule], method="nearest"
                )
                one = one.transpose("epoch", "run")
                for ax, measure in zip(column, ("error", "norm", "trace", "kept"), strict=True):
                    values = np.maximum(one[measure], _LEAST) if measure == "error" else one[measure]
                    drawn = ax.plot(one.epoch, values, color=color, lw=1, alpha=0.8)
                    drawn[0].set_label(rule)
            column[0].set(title=name, yscale="log")
            for ax in column[:3]:
                _bounded(ax)
            _guarded(column[3])
            column[3].set(xlabel="epoch")
        _labelled(rows, ("idempotent error", "norm of f(I)", "trace of f(I)", "variance kept"))
    return figure


def pareto(data: xr.Dataset) -> Figure:
    """Draw last errors against the variance and the rank kept: every run of every rate that did not diverge.

    The staircase joins the runs than which none of its rule has less error and keeps more.  Below, against
    the effective rank, runs that collapsed are left out: what is left of a point has any rank.
    """
    last = _plain(data).isel(epoch=-1)
    networks = [str(name) for name in last.network.values]
    with styled():
        figure = new_figure(1 + 3.2 * len(networks), 6)
        rows = figure.subplots(2, len(networks), squeeze=False, sharey="col")
        for column, name in zip(rows.T, networks, strict=True):
            for color, rule in zip(PALETTE, map(str, last.rule.values), strict=False):
                one = last.sel(network=name, rule=rule)
                sound = np.isfinite(one.error) & (one.diverged < 0)
                for ax, measure, there in (
                    (column[0], "kept", sound.values),
                    (column[1], "rank", (sound & ~one.collapsed).values),
                ):
                    error = np.maximum(one.error.values[there], _LEAST)
                    kept = one[measure].values[there]
                    kept = np.maximum(kept, VARIANCE_FLOOR**2) if measure == "kept" else kept
                    ax.plot(kept, error, ".", ms=3, alpha=0.4, color=color)
                    ax.step(*_front(kept, error), where="pre", color=color, lw=1.2, label=rule)
            column[0].axvline(VARIANCE_FLOOR, color="grey", ls="--", lw=1)
            column[0].set(title=name, xscale="log", yscale="log", xlabel="variance kept")
            column[1].set(xlabel="effective rank", yscale="log")
        _labelled(rows, ("idempotent error", "idempotent error"))
    return figure


def costs(data: xr.Dataset, chosen: Mapping[tuple[str, str], float], passes: Mapping[str, float]) -> Figure:
    """Draw error and variance kept against what was spent, so that correctors of several orders compare.

    Args:
        data: of a sweep.
        chosen: the learning rate of each network and rule.
        passes: of an epoch by each rule, in network passes.
    """
    data = _plain(data)
    networks = [str(name) for name in data.network.values]
    with styled():
        figure = new_figure(1 + 3.2 * len(networks), 5.2)
        rows = figure.subplots(2, len(networks), squeeze=False, sharex=True, height_ratios=(2, 1))
        for column, name in zip(rows.T, networks, strict=True):
            for color, rule in zip(PALETTE, map(str, data.rule.values), strict=False):
                one = data.sel(network=name, rule=rule).sel(
                    learning_rate=chosen[name, rule], method="nearest"
                )
                spent = np.maximum(one.epoch, 0.5) * passes[rule]
                label = f"{rule}: {passes[rule]:g} an epoch"
                column[0].plot(spent, np.maximum(one.error.median("run"), _LEAST), color=color, label=label)
                column[1].plot(spent, one.kept.median("run"), color=color)
            column[0].set(title=name, yscale="log")
            _guarded(column[1])
            column[1].set(xlabel="network passes", xscale="log")
        _labelled(rows, ("idempotent error", "variance kept"))
    return figure


def spectrum(found: Spectra) -> Figure:
    """Draw where the eigenvalues of linear networks began and ended, over the flow that predicts it.

    Left, first eigenvalues in the plane, coloured by where they went, over the flow λ' = −λ(1 − λ)(1 − 2λ) of
    the modified rule; right, the rank reached against the number of first eigenvalues with real part above ½.
    """
    first, last = found.eigenvalues.ravel(), found.last_eigenvalues().ravel()
    arrived = np.repeat(found.arrived, found.first.shape[1])
    one = last.real > 0.5
    with styled():
        figure = new_figure(10, 4.4)
        ax, table = figure.subplots(1, 2, width_ratios=(1.35, 1))
        x, y = np.meshgrid(np.linspace(-_REACH, _REACH, 60), np.linspace(-_REACH, _REACH, 60))
        z = x + 1j * y
        flow = -z * (1 - z) * (1 - 2 * z)
        ax.streamplot(x, y, flow.real, flow.imag, color="0.75", linewidth=0.6, density=1.1, arrowsize=0.7)
        groups = {
            "went to 0": arrived & ~one,
            "went to 1": arrived & one,
            "of a run that did not end idempotent": ~arrived,
        }
        for (label, there), color in zip(groups.items(), (*PALETTE[:2], "black"), strict=True):
            points = first[there]
            ax.plot(points.real, points.imag, ".", ms=2, alpha=0.6, color=color, label=label, rasterized=True)
        ax.axvline(0.5, color="0.3", ls="--", lw=1)
        ax.set(xlim=(-_REACH, _REACH), ylim=(-_REACH, _REACH), aspect="equal")
        ax.set(xlabel="Re λ at the beginning", ylabel="Im λ", title="Eigenvalues of N1, and the flow")
        ax.legend(loc="lower left", markerscale=5, frameon=True, framealpha=0.9)
        _confusion(table, found)
    return figure


def planes(found: Sequence[Trajectories]) -> Figure:
    """Draw ways through weight space over the error, and over the variance kept, a column each.

    Each plane holds the two first principal components of what was passed; the circle is where all begin.
    """
    with styled():
        figure = new_figure(1 + 3.4 * len(found), 6.6)
        axes = figure.subplots(2, len(found), squeeze=False, sharex="col", sharey="col")
        for (top, below), one in zip(axes.T, found, strict=True):
            levels = {top: np.log10(np.maximum(one.error, 1e-8)), below: np.clip(one.kept, 0, 2)}
            for ax, values in levels.items():
                finite = np.where(np.isfinite(values), values, np.nan)
                shades = ax.contourf(one.first, one.second, finite, 20, cmap="cividis")
                label = "log₁₀ of the idempotent error" if ax is top else "variance kept (2 and more alike)"
                figure.colorbar(shades, ax=ax, label=label)
                for color, (rule, way) in zip(
                    ("#E69F00", "#CC79A7", "#56B4E9", "white"), one.ways.items(), strict=False
                ):
                    ax.plot(*way.T, color=color, lw=1.6, label=rule)
                    ax.plot(*way[-1], "X", color=color, ms=7, mec="black", mew=0.6)
                start = next(iter(one.ways.values()))[0]
                ax.plot(*start, "o", color="white", ms=6, mec="black")
                ax.set(xlim=one.first[[0, -1]], ylim=one.second[[0, -1]])
            top.set(title=f"{one.network}, rate {one.rate:g}: {one.explained:.0%} of the ways in this plane")
            below.set(xlabel="first component")
            top.legend(frameon=True, fontsize=8)
        for row in axes:
            row[0].set_ylabel("second component")
    return figure


def _plain(data: xr.Dataset) -> xr.Dataset:
    """The data along the axes that are drawn."""
    several = [str(axis) for axis, length in data.sizes.items() if axis not in _AXES and length > 1]
    if several:
        raise ValueError(f"`data` must have one {several[0]}, by data.sel({several[0]}=…); got several")
    plain = data.squeeze([axis for axis in data.dims if axis not in _AXES], drop=True)
    return plain if "network" in plain.dims else plain.expand_dims("network")


def _guarded(ax: Axes) -> None:
    """An axis of variance kept, with the floor below which outputs are called collapsed."""
    ax.axhline(VARIANCE_FLOOR, color="grey", ls="--", lw=1)
    ax.set_yscale("log")
    low, high = ax.get_ylim()
    ax.set_ylim(max(low, VARIANCE_FLOOR / 100), min(max(high, 2.0), 100.0))


def _bounded(ax: Axes) -> None:
    """Show what nearly all lines go through, and not how far the others fly off."""
    values = np.concatenate([np.asarray(line.get_ydata(), float) for line in ax.lines])
    values = values[np.isfinite(values)]
    if not len(values):
        return
    low, high = np.quantile(values, [0.01, 0.99])
    if ax.get_yscale() == "log":
        ax.set_ylim(low / 3, high * 3)
    else:
        room = 0.08 * max(high - low, 1e-3)
        ax.set_ylim(low - room, high + room)


def _labelled(rows: np.ndarray, words: tuple[str, ...], *, every: bool = False) -> None:
    for row, word in zip(rows, words, strict=True):
        row[0].set_ylabel(word)
    for ax in rows[0] if every else rows[0][:1]:
        ax.legend(fontsize=8)


def _scale(values: np.ndarray) -> str:
    """Logarithmic where the values are spaced so."""
    steps = np.diff(np.sort(values))
    return "log" if len(steps) > 1 and steps.max() > 3 * steps.min() else "linear"


def _front(kept: np.ndarray, error: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The runs than which none keeps more with less error, from the most kept."""
    order = np.argsort(-kept)
    least = np.minimum.accumulate(error[order])
    best = error[order] == least
    return kept[order][best], error[order][best]


def _confusion(ax: Axes, found: Spectra) -> None:
    """How many runs reached each rank, of those predicted to reach each."""
    ranks = range(max(found.predicted.max(), found.reached.max()) + 1)
    counts = [
        [int(((found.predicted == p) & (found.reached == r)).sum()) for p in ranks] for r in (*ranks, -1)
    ]
    rows, columns = len(counts), len(ranks)
    shades = np.log10(np.maximum(counts, 0.5))
    ax.imshow(shades, cmap="Blues", origin="lower", aspect="auto", vmax=2 * shades.max())
    for i in range(rows):
        for k in range(columns):
            ax.text(
                k, i, str(counts[i][k]), ha="center", va="center", color="black" if counts[i][k] else "0.6"
            )
    ax.set_xticks(range(columns), [str(p) for p in ranks])
    ax.set_yticks(range(rows), [*map(str, ranks), "none"])
    ax.spines[:].set_visible(False)
    ax.tick_params(length=0)
    share = f"{found.share:.2%} of {len(found.first)} runs on the diagonal"
    ax.set(xlabel="first eigenvalues with Re λ > ½", ylabel="rank reached", title=share)
