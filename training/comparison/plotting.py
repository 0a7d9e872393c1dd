"""Pictures of a comparison, and of the basins beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from matplotlib.ticker import LogLocator, StrMethodFormatter

from analysis.plotting import PALETTE, draw_basins, new_figure, styled

if TYPE_CHECKING:
    from collections.abc import Sequence

    import xarray as xr
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

    from analysis import Basins

    from .comparing import Comparison

_MARKS = ("o", "s", "^", "D", "v", "P", "X")
_SHOWN = {"reconstruction": (1e-3, 1.0), "centred": (1e-4, 10.0), "kept": (1e-3, 2.0)}
"""What the axes may show at most: runs beyond are in the data, and would hide the others here."""
_TITLES = {
    "reconstruction": "reconstruction error",
    "centred": "centred idempotent error",
    "kept": "share of variance kept",
}


def basin_panels(panels: Sequence[Basins]) -> Figure:
    """Draw basins side by side."""
    figure = new_figure(4.6 * len(panels), 4.4)
    for i, basins in enumerate(panels):
        draw_basins(basins, figure.add_subplot(1, len(panels), i + 1))
    return figure


def curves(comparison: Comparison) -> Figure:
    """Draw validation measures against network passes, each contender at its own best rate.

    Lines are medians over the reported seeds, bands their full range.
    """
    with styled():
        figure = new_figure(10.5, 3.6)
        for i, (name, title) in enumerate(_TITLES.items()):
            ax = figure.add_subplot(1, len(_TITLES), i + 1)
            for k, contender in enumerate(comparison.setting.contenders):
                values = _reported_curve(comparison, contender.name, name)
                passes = comparison.runs.passes_spent.sel(contender=contender.name)
                low, middle, high = (values.quantile(q, "seed") for q in (0, 0.5, 1))
                ax.plot(passes, middle, color=PALETTE[k], label=contender.name, lw=1.6)
                ax.fill_between(passes, low, high, color=PALETTE[k], alpha=0.18, lw=0)
            ax.set(xlabel="network passes", title=title, yscale="log")
            ax.margins(x=0)
            _limit(ax.yaxis, name)
        handles, labels = ax.get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=len(labels))
    return figure


def rates(comparison: Comparison) -> Figure:
    """Draw the test measures of every run against its learning rate; the chosen rate is filled."""
    with styled():
        figure = new_figure(10.5, 3.6)
        for i, (name, title) in enumerate(_TITLES.items()):
            ax = figure.add_subplot(1, len(_TITLES), i + 1)
            for k, contender in enumerate(comparison.setting.contenders):
                test = comparison.runs.test.sel(contender=contender.name, measure=name)
                test = test.where(np.isfinite(test) & (test > 0))
                median = test.median("seed")
                ax.plot(test.rate, median, color=PALETTE[k], lw=1, label=contender.name)
                ax.plot(test.rate, test, _MARKS[k], color=PALETTE[k], ms=3, mfc="none", alpha=0.5)
                best = comparison.best_rate(contender.name)
                ax.plot(best, median.sel(rate=best), _MARKS[k], color=PALETTE[k], ms=7)
            ax.set(xlabel="learning rate", title=title, xscale="log", yscale="log")
            _limit(ax.yaxis, name)
        handles, labels = ax.get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=len(labels))
    return figure


def trade_off(comparison: Comparison) -> Figure:
    """Draw centred error against reconstruction for every reported run; best rates are filled."""
    with styled():
        figure = new_figure(7.5, 4.6)
        ax = figure.add_subplot()
        for k, contender in enumerate(comparison.setting.contenders):
            best = comparison.best_rate(contender.name)
            for rate in comparison.setting.rates:
                found = comparison.reported(contender.name, rate)
                x, y = found.sel(measure="reconstruction"), found.sel(measure="centred")
                chosen = rate == best
                ax.plot(
                    x,
                    y,
                    _MARKS[k],
                    color=PALETTE[k],
                    ms=6 if chosen else 4,
                    mfc=PALETTE[k] if chosen else "none",
                    alpha=1 if chosen else 0.35,
                    label=contender.name if chosen else None,
                )
        ax.set(
            xlabel="reconstruction error",
            ylabel="centred idempotent error",
            xscale="log",
            yscale="log",
        )
        _limit(ax.xaxis, "reconstruction")
        _limit(ax.yaxis, "centred")
        ax.legend(title="filled: at its own best rate", loc="center left", bbox_to_anchor=(1, 0.5))
    return figure


def pictures(comparison: Comparison, count: int = 10, applications: int = 5) -> Figure:
    """Draw test pictures: clean, noisy, and after one and several applications of each network."""
    images, setting = comparison.setting.images, comparison.setting
    clean = images.test[:count]
    noisy = clean + setting.noise * torch.randn(clean.shape, generator=torch.Generator().manual_seed(1))
    rows = [("clean", clean), (f"noisy x, σ = {setting.noise:g}", noisy)]
    for contender in setting.contenders:
        f = comparison.member(contender.name, comparison.best_rate(contender.name), setting.seeds[0])
        with torch.no_grad():
            once = again = f(noisy)
            for _ in range(applications - 1):
                again = f(again)
        rows += [(f"{contender.name}: f(x)", once), (f"f{'⁰¹²³⁴⁵⁶⁷⁸⁹'[applications]}(x)", again)]
    height, width = images.shape
    with styled():
        figure = new_figure(2.6 + 0.62 * count, 0.62 * len(rows))
        for i, (label, row) in enumerate(rows):
            ax = figure.add_subplot(len(rows), 1, i + 1)
            strip = row.reshape(count, height, width).numpy()
            strip = np.pad(strip, ((0, 0), (0, 0), (0, 1)), constant_values=np.nan)
            ax.imshow(np.concatenate(list(strip), axis=1), cmap="gray", vmin=0, vmax=1)
            ax.set_axis_off()
            ax.text(-0.01, 0.5, label, transform=ax.transAxes, ha="right", va="center")
    return figure


def _limit(axis: Axis, measure: str) -> None:
    """Keep what is drawn, within what the measure may show, on plain ticks."""
    low, high = axis.get_view_interval()
    least, most = _SHOWN[measure]
    axis.set_view_interval(max(low, least), min(high, most), ignore=True)
    axis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axis.set_minor_locator(LogLocator(subs=(2, 5)))
    axis.set_minor_formatter(StrMethodFormatter("{x:g}"))


def _reported_curve(comparison: Comparison, contender: str, measure: str) -> xr.DataArray:
    rate = comparison.best_rate(contender)
    curve = comparison.runs.validation.sel(contender=contender, measure=measure, rate=rate)
    reported: xr.DataArray = curve.sel(seed=list(comparison.setting.seeds))
    return reported
