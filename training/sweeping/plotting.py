"""Pictures of sweeps, each with its guard: no error is drawn without the variance that was kept."""

from __future__ import annotations

import math
import textwrap
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.patheffects import withStroke
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from analysis.collapse import VARIANCE_FLOOR
from analysis.plotting import PALETTE, new_figure, styled

from .protocols import failed, published

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from .spectra import Spectra
    from .trajectories import Trajectories

_COLORS = PALETTE[:6]
"""All but yellow, of which a line is lost on white."""
_DASHES = ("-", "--", ":", "-.")
_REACH = 1.2
"""How far the plane of eigenvalues is shown from 0."""
_LEAST = 1e-16
"""Errors below are drawn here: 0 has no place on a logarithmic axis."""
_GROWN = 30
"""How many times the first error of a network is still shown."""
_STOPS = (10, 100)
"""Epochs marked on ways through weight space."""
_SHADES = LinearSegmentedColormap.from_list("shades", ["0.3", "0.98"])
_ENTRY = 0.28
"""Inches that an entry of a legend below a column takes."""
_LETTERS = 17
"""How many of a caption or legend go on an inch."""
_KEPT = (VARIANCE_FLOOR / 100, 100.0)
"""What variance kept is drawn between."""
_AXES = ("network", "rule", "learning_rate", "run", "epoch")
"""What a picture is of; along other axes it takes data with one value."""
_FAIR = "Each rule at the rate that is best for it by the fair protocol, which some of these runs chose."
_GUARD = "Grey: collapsed, less than a thousandth of the variance is kept."


def rates(data: xr.Dataset) -> Figure:
    """Draw last errors against learning rates, as the paper's figure 3 does, and the guard below them.

    A column a network, and where some reduction makes rules take steps of other lengths than "half_sum"
    would, one more: against the effective rate, at which "half_sum" would take the same steps.

    Lines: the mean of the runs that improved (`published`), faint where most of these collapsed; dots: every
    run that is finite, hollow if it collapsed.  Below, the median of the variance kept, and the share of runs
    that collapsed or diverged.

    References: Jensen and Vicary, figure 3.
    """
    data = _plain(data)
    last, means = data.isel(epoch=-1), published(data)
    nominal = "learning rate"
    scales = {nominal: data.learning_rate.broadcast_like(data.effective_rate)}
    if _rescaled(data):
        scales["effective rate (at half_sum)"] = data.effective_rate
    columns = [(str(name), scale) for name in data.network.values for scale in scales]
    with styled():
        figure, rows = _grid(len(columns), (2.2, 1, 0.7), 6.6)
        for column, (name, scale) in zip(rows.T, columns, strict=True):
            for rule, look in _looks(data):
                one, mean = (found.sel(network=name, rule=rule) for found in (last, means))
                x = scales[scale].sel(network=name, rule=rule).mean("run").values
                most = _highest(data, name)
                error = np.clip(mean.error, _LEAST, most)
                sound = mean.collapsed <= (one.sizes["run"] - mean.discarded) / 2
                column[0].plot(x, error, **look, lw=1.5, alpha=0.35)
                column[0].plot(x, error.where(sound), **look, lw=1.5, label=rule)
                for there, face in ((~one.collapsed, look["color"]), (one.collapsed, "none")):
                    dots = np.clip(one.error.where(there), _LEAST, most).transpose("learning_rate", "run")
                    _dots(column[0], x, dots, look["color"], face)
                _dots(column[1], x, _kept(one).transpose("learning_rate", "run"), look["color"])
                column[1].plot(x, _kept(one).median("run"), **look, lw=1.5)
                column[2].plot(x, failed(one).mean("run"), **look, lw=1.5)
            column[0].set(title=name, yscale="log")
            _guarded(column[1])
            column[2].set(ylim=(-0.05, 1.05), xlabel=scale, xscale=_scale(data.learning_rate.values))
            _ticked(column[2])
        _named(rows, ("idempotent error", "variance kept", "collapsed or\ndiverged"))
        _legend(figure, rows[0, 0])
        _told(
            figure,
            "Lines: as published, the mean of the runs that improved, faint where most of them collapsed; "
            "below, the median variance kept and the share of runs that failed. Dots: single runs, hollow if "
            f"collapsed. {_GUARD} What lies beyond an axis is drawn at its edge.",
        )
    return figure


def epochs(data: xr.Dataset, chosen: Mapping[tuple[str, str], float]) -> Figure:
    """Draw error, variance kept and effective rank against epochs, a column a network.

    Lines are medians over the runs, bands the middle half of them; runs that diverged end where they did.

    Args:
        data: of a sweep.
        chosen: the learning rate of each network and rule.
    """
    data = _plain(data)
    measures = ("error", "kept", "rank")
    with styled():
        figure, rows = _grid(data.sizes["network"], (2, 1, 1), 6.4 + _ENTRY * data.sizes["rule"])
        for column, name in zip(rows.T, map(str, data.network.values), strict=True):
            for rule, look in _looks(data):
                one, said = _at_rate(data, name, rule, chosen)
                for ax, measure in zip(column, measures, strict=True):
                    values = _kept(one) if measure == "kept" else one[measure]
                    found = values.where(np.isfinite(one[measure]))
                    low, middle, high = found.quantile([0.25, 0.5, 0.75], "run", skipna=True)
                    floor = _LEAST if measure == "error" else 0
                    band = (np.maximum(low, floor), np.maximum(high, floor))
                    ax.fill_between(one.epoch, *band, color=look["color"], alpha=0.2, lw=0)
                    ax.plot(one.epoch, np.maximum(middle, floor), **look, lw=1.5, label=said)
            column[0].set(title=name, yscale="log")
            _lowered(column[0], _highest(data, name))
            _guarded(column[1])
            column[2].set_xscale("symlog", linthresh=1)
            column[2].set(xlabel="epoch", xlim=(0, None))
            _legend_below(column)
        _named(rows, ("idempotent error", "variance kept", "effective rank"))
        _told(
            figure,
            "Lines: medians of the runs that have not diverged yet; bands: the middle half of them. "
            f"{_FAIR} {_GUARD}",
        )
    return figure


def panels(data: xr.Dataset, chosen: Mapping[tuple[str, str], float]) -> Figure:
    """Draw error, norm and trace of f(I) against epochs, a line a run, a column a network, as the notes do.

    Axes reach as far as the runs that improved begin and end; what goes farther leaves them.

    Args:
        data: of a sweep.
        chosen: the learning rate of each network and rule.

    References: the notes, section 3.
    """
    data = _plain(data)
    with styled():
        figure, rows = _grid(data.sizes["network"], (1.4, 1, 1, 1), 6.8 + _ENTRY * data.sizes["rule"])
        for column, name in zip(rows.T, map(str, data.network.values), strict=True):
            ends: dict[str, list[np.ndarray]] = {"norm": [], "trace": []}
            for rule, look in _looks(data):
                one, said = _at_rate(data, name, rule, chosen)
                one = one.transpose("epoch", "run")
                lines = {"error": np.maximum(one.error, _LEAST), "norm": one.norm, "trace": one.trace}
                for ax, values in zip(column, (*lines.values(), _kept(one)), strict=True):
                    drawn = ax.plot(one.epoch, values, **look, lw=1, alpha=0.8)
                    drawn[0].set_label(said)
                improved = (one.error[-1] < one.error[0]).values
                for measure, found in ends.items():
                    found.append(one[measure].values[[0, -1]][:, improved].ravel())
            column[0].set(title=name, yscale="log")
            _lowered(column[0], _highest(data, name))
            for ax, found in zip(column[1:3], ends.values(), strict=True):
                _bounded(ax, np.concatenate(found))
            _guarded(column[3])
            column[3].set(xlabel="epoch", xlim=(0, None))
            _legend_below(column)
        _named(rows, ("idempotent error", "norm of f(I)", "trace of f(I)", "variance kept"))
        _told(
            figure,
            "A line a run. Axes reach as far as the runs that improved begin and end; what goes farther "
            f"leaves them. {_FAIR} {_GUARD}",
        )
    return figure


def pareto(data: xr.Dataset) -> Figure:
    """Draw last errors against the variance and the rank kept: every run of every rate that did not diverge.

    The staircase is the least error of the rule's runs that keep as much or more, and did not collapse.
    Below, against the effective rank, runs that collapsed are left out: what is left of a point has any rank.
    """
    data = _plain(data)
    last = data.isel(epoch=-1)
    with styled():
        figure, rows = _grid(last.sizes["network"], (1, 1), 6.4, sharex=False)
        for column, name in zip(rows.T, map(str, last.network.values), strict=True):
            for rule, look in _looks(last):
                one = last.sel(network=name, rule=rule)
                finite = (np.isfinite(one.error) & (one.diverged < 0)).values
                error = np.clip(one.error.values, _LEAST, _highest(data, name))
                sound = finite & ~one.collapsed.values
                for ax, kept, there in (
                    (column[0], _kept(one).values, finite),
                    (column[1], one["rank"].values, sound),
                ):
                    _dots(ax, kept[there], error[there], look["color"])
                    best = _front(kept[sound], error[sound])
                    ax.step(*best, where="post", **look, lw=1.2, marker="o", ms=3, label=rule)
            column[0].axvspan(_KEPT[0] / 1.5, VARIANCE_FLOOR, color="0.5", alpha=0.15, lw=0)
            column[0].set(title=name, xscale="log", yscale="log", xlabel="variance kept")
            column[0].set_xlim(left=_KEPT[0] / 1.5)
            column[1].set(xlabel="effective rank", yscale="log")
        _named(rows, ("idempotent error", "idempotent error"))
        _legend(figure, rows[0, 0])
        _told(
            figure,
            "Dots: every run of every rate that did not diverge. Staircases: the least error among the runs "
            f"that keep as much or more. {_GUARD} Collapsed runs have no part in staircases and ranks.",
        )
    return figure


def costs(data: xr.Dataset, chosen: Mapping[tuple[str, str], float], passes: Mapping[str, float]) -> Figure:
    """Draw error and variance kept against what was spent, so that correctors of several orders compare.

    Args:
        data: of a sweep.
        chosen: the learning rate of each network and rule.
        passes: of an epoch by each rule, in network passes.
    """
    data = _plain(data)
    equal = float(data.epoch[-1]) * min(passes[str(rule)] for rule in data.rule.values)
    with styled():
        figure, rows = _grid(data.sizes["network"], (2, 1), 5 + _ENTRY * data.sizes["rule"])
        for column, name in zip(rows.T, map(str, data.network.values), strict=True):
            for rule, look in _looks(data):
                one, said = _at_rate(data, name, rule, chosen, f"{passes[rule]:g} passes an epoch")
                spent = one.epoch * passes[rule]
                column[0].plot(spent, np.maximum(one.error.median("run"), _LEAST), **look, lw=1.5, label=said)
                column[1].plot(spent, _kept(one).median("run"), **look, lw=1.5)
            for ax in column:
                ax.axvline(equal, color="0.5", lw=0.8, ls=":")
            column[0].set(title=name, yscale="log")
            _lowered(column[0], _highest(data, name))
            _guarded(column[1])
            column[1].set_xscale("symlog", linthresh=10.0 ** math.ceil(math.log10(min(passes.values()))))
            column[1].set(xlabel="network passes", xlim=(0, None))
            _legend_below(column)
        _named(rows, ("idempotent error", "variance kept"))
        _told(
            figure,
            "Medians of the runs that have not diverged yet. A forward pass is 1, a backward pass 2; dotted: "
            f"where the cheapest rule ends. {_FAIR} {_GUARD}",
        )
    return figure


def spectrum(found: Spectra) -> Figure:
    """Draw where the eigenvalues of linear networks began and ended, with the flow that predicts it.

    Left, first eigenvalues in the plane, coloured by where they went, over the flow λ' = −λ(1 − λ)(1 − 2λ) of
    the modified rule; in the middle, their last real parts against the first, and the end of the flow; right,
    the rank reached against the number of first eigenvalues with real part above ½.
    """
    first, last = found.eigenvalues.ravel(), found.last_eigenvalues().ravel()
    arrived = np.repeat(found.arrived, found.first.shape[1])
    one = last.real > 0.5
    groups = {
        "went to 0": (arrived & ~one, _COLORS[0]),
        "went to 1": (arrived & one, _COLORS[1]),
        "of a run that did not end idempotent": (~arrived, "black"),
    }
    with styled():
        figure = new_figure(13, 4.9)
        plane, ends, table = figure.subplots(1, 3)
        x, y = np.meshgrid(np.linspace(-_REACH, _REACH, 60), np.linspace(-_REACH, _REACH, 60))
        z = x + 1j * y
        flow = -z * (1 - z) * (1 - 2 * z)
        plane.streamplot(x, y, flow.real, flow.imag, color="0.75", linewidth=0.6, density=1.1, arrowsize=0.7)
        for label, (there, color) in groups.items():
            look = {"color": color, "label": label, "ms": 2, "alpha": 0.6, "rasterized": True}
            plane.plot(first[there].real, first[there].imag, ".", **look)
            ends.plot(first[there].real, last[there].real, ".", **look)
        plane.axvline(0.5, color="0.3", ls="--", lw=1)
        plane.plot([0, 1], [0, 0], "o", color="white", mec="black", ms=5)
        plane.set(xlim=(-_REACH, _REACH), ylim=(-_REACH, _REACH), aspect="equal")
        plane.set(xlabel="Re λ before", ylabel="Im λ before", title=f"{first.size} eigenvalues, and the flow")
        steps = ([-_REACH, 0.5, 0.5, _REACH], [0, 0, 1, 1])
        ends.plot(*steps, color="0.3", lw=1, ls="--", zorder=0, label="the flow's end")
        ends.set(xlim=(-_REACH, _REACH), ylim=(-0.3, 1.3), title="Where they ended")
        ends.set(xlabel="Re λ before", ylabel="Re λ after")
        _confusion(table, found)
        handles, labels = ends.get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper center", ncols=4, markerscale=5)
        _told(
            figure,
            "Eigenvalues of a linear network's matrix before and after training by the modified rule. "
            "Circles: 0 and 1, which attract; dashed: Re λ = ½, which no trajectory of the flow "
            "λ′ = −λ(1 − λ)(1 − 2λ) crosses, and where the flow ends on either side. Where a run diverged, "
            "eigenvalues have no end. Rank 0 is the zero map: idempotent, and collapsed.",
        )
    return figure


def planes(found: Sequence[Trajectories]) -> Figure:
    """Draw ways through weight space over the error, and over the variance kept, a column each.

    Each plane holds the two first principal components of what was passed.  Where a run ends there is a
    square, or a cross if its network collapsed.
    """
    with styled():
        figure = new_figure(1.6 + 3.3 * len(found), 7.9)
        axes = figure.subplots(2, len(found), squeeze=False, sharex="col", sharey="col")
        errors = [np.log10(np.maximum(one.error, _LEAST)) for one in found]
        kept = [np.log10(np.maximum(one.kept, VARIANCE_FLOOR / 10)) for one in found]
        for row, surfaces, word in (
            (axes[0], errors, "log₁₀ of the idempotent error"),
            (axes[1], kept, "log₁₀ of the variance kept"),
        ):
            levels = _levels(surfaces)
            for ax, one, surface in zip(row, found, surfaces, strict=True):
                shades = ax.contourf(one.first, one.second, surface, levels, cmap=_SHADES, extend="both")
                _ways(ax, one)
            figure.colorbar(shades, ax=row.tolist(), label=word, shrink=0.9)
        for (top, below), one, surface in zip(axes.T, found, kept, strict=True):
            if (surface < math.log10(VARIANCE_FLOOR)).any():
                hatched = (-np.inf, math.log10(VARIANCE_FLOOR))
                below.contourf(one.first, one.second, surface, hatched, colors="none", hatches=["////"])
            within = math.floor(1000 * one.explained) / 10
            top.set(title=f"{one.network}, rate {one.rate:g}: {within:g} % in the plane")
            below.set(xlabel="first component")
            _legend_below((top, below))
        for row in axes:
            row[0].set_ylabel("second component")
        _told(
            figure,
            "Weights as each rule trains them, from one beginning (circle) on the same batches, projected on "
            "the plane of their two first principal components, which holds so much of their squared "
            "distances from their mean. Shades: networks whose weights lie in the plane. Dots: after 10 and "
            "100 epochs; squares: the end; crosses: the end, collapsed, with less than a thousandth of the "
            "variance kept. Hatched: collapsed.",
        )
        figure.draw_without_rendering()  # the layout finds room for square axes in its second pass
    return figure


def _plain(data: xr.Dataset) -> xr.Dataset:
    """The data along the axes that are drawn."""
    several = [str(axis) for axis, length in data.sizes.items() if axis not in _AXES and length > 1]
    if several:
        raise ValueError(f"`data` must have one {several[0]}, by data.sel({several[0]}=…); got several")
    plain = data.squeeze([axis for axis in data.dims if axis not in _AXES], drop=True)
    return plain if "network" in plain.dims else plain.expand_dims("network")


def _grid(
    columns: int, heights: tuple[float, ...], height: float, *, sharex: bool = True
) -> tuple[Figure, np.ndarray]:
    """A figure, and its axes by row and column."""
    figure = new_figure(1 + 3.2 * columns, height)
    rows = figure.subplots(len(heights), columns, squeeze=False, sharex=sharex, height_ratios=heights)
    return figure, rows


def _looks(data: xr.Dataset) -> list[tuple[str, dict[str, Any]]]:
    """Every rule, with a colour, and beyond six of them a dash, of its own."""
    return [
        (str(rule), {"color": _COLORS[i % len(_COLORS)], "ls": _DASHES[i // len(_COLORS) % len(_DASHES)]})
        for i, rule in enumerate(data.rule.values)
    ]


def _at_rate(
    data: xr.Dataset, name: str, rule: str, chosen: Mapping[tuple[str, str], float], *facts: str
) -> tuple[xr.Dataset, str]:
    """The runs of a network and rule at its rate, and what a legend says of them, with these facts."""
    rate = chosen[name, rule]
    one = data.sel(network=name, rule=rule).sel(learning_rate=rate, method="nearest")
    effective = f" ({float(one.effective_rate.mean()):.3g} at half_sum)" * _rescaled(data)
    lost = (one.diverged >= 0) | ~np.isfinite(one.error.isel(epoch=-1))
    counts = {"diverged": lost, "collapsed": ~lost & one.collapsed.isel(epoch=-1)}
    said = [f"{int(bad.sum())} of {bad.size} {word}" for word, bad in counts.items() if bad.any()]
    lines = (textwrap.fill(f"{rule}: rate {rate:.3g}{effective}", 58), ", ".join([*said, *facts]))
    return one, "\n".join(filter(None, lines))


def _rescaled(data: xr.Dataset) -> bool:
    """Whether some rule takes other steps than "half_sum" would."""
    return bool((abs(data.effective_rate / data.learning_rate - 1) > 1e-9).any())


def _highest(data: xr.Dataset, name: str) -> float:
    """The greatest error that is shown of a network."""
    return _GROWN * float(data.error.sel(network=name).isel(epoch=0).max())


def _kept(found: xr.Dataset) -> xr.DataArray:
    """The variance kept, as far as it is shown."""
    shown: xr.DataArray = found.kept.clip(*_KEPT)
    return shown


def _dots(ax: Axes, x: np.ndarray, y: Any, color: str, face: str | None = None) -> None:
    ax.plot(x, y, "o", ms=2.6, mew=0.6, alpha=0.4, color=color, mfc=face or color)


def _guarded(ax: Axes) -> None:
    """An axis of variance kept, grey where outputs are called collapsed."""
    ax.set_yscale("log")
    low, high = ax.get_ylim()
    low, high = max(min(low, VARIANCE_FLOOR / 3), _KEPT[0] / 1.5), min(max(high, 2.0), _KEPT[1] * 1.5)
    ax.axhspan(low, VARIANCE_FLOOR, color="0.5", alpha=0.15, lw=0)
    ax.set_ylim(low, high)


def _lowered(ax: Axes, most: float) -> None:
    """Leave out what flies off, and the room that it would have below as well."""
    low, high = max(ax.dataLim.minposy, _LEAST), min(ax.dataLim.y1, most)
    ax.set_ylim(low / 2, high * 2 if high < most else high)


def _bounded(ax: Axes, values: np.ndarray) -> None:
    """Show what lies between these values, and some room."""
    values = values[np.isfinite(values)]
    if len(values):
        low, high = values.min(), values.max()
        room = 0.15 * max(high - low, 1e-3)
        ax.set_ylim(low - room, high + room)


def _named(rows: np.ndarray, words: tuple[str, ...]) -> None:
    for row, word in zip(rows, words, strict=True):
        row[0].set_ylabel(word)


def _legend(figure: Figure, ax: Axes) -> None:
    """One legend for all columns, above them, where it hides nothing."""
    handles, labels = ax.get_legend_handles_labels()
    columns = max(1, int(_LETTERS * figure.get_figwidth() / (max(map(len, labels)) + 8)))
    figure.legend(handles, labels, loc="outside upper center", ncols=columns, fontsize=8)


def _legend_below(column: Sequence[Axes]) -> None:
    """A legend for a column, below it."""
    below: dict[str, Any] = {"loc": "upper center", "bbox_to_anchor": (0.5, 0), "borderaxespad": 5.5}
    column[-1].legend(*column[0].get_legend_handles_labels(), **below, fontsize=7)


def _told(figure: Figure, words: str) -> None:
    """A caption."""
    figure.supxlabel(textwrap.fill(words, int(_LETTERS * figure.get_figwidth())), fontsize=8)


def _ticked(ax: Axes) -> None:
    """Label a logarithmic axis of learning rates where there is room."""
    if ax.get_xscale() == "log":
        low, high = ax.get_xlim()
        ax.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if high < 200 * low else (1,)))
        ax.xaxis.set_major_formatter(FuncFormatter(lambda rate, _: f"{rate:g}"))
        ax.xaxis.set_minor_formatter(NullFormatter())


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


def _levels(surfaces: Sequence[np.ndarray]) -> np.ndarray:
    """Levels that all surfaces share."""
    values = np.concatenate([surface[np.isfinite(surface)] for surface in surfaces])
    low, high = np.quantile(values, [0.002, 0.99])
    levels: np.ndarray = np.arange(math.floor(4 * low) / 4, math.ceil(4 * high) / 4 + 0.1, 0.25)
    return levels


def _ways(ax: Axes, one: Trajectories) -> None:
    """The way of each rule, from a circle to a square, or a cross where it collapsed."""
    halo = [withStroke(linewidth=3.2, foreground="white")]
    for color, (rule, way) in zip(_COLORS, one.ways.items(), strict=False):
        last = one.last[rule]
        error, kept = (f"{last[name]:.2g}" if last[name] > _LEAST else "<1e-16" for name in ("error", "kept"))
        said = f"{rule}: ends with error {error}, {kept} kept"
        ax.plot(*way.T, color=color, lw=1.8, label=said, path_effects=halo)
        ax.plot(*way[[stop for stop in _STOPS if stop < len(way)]].T, "o", color=color, ms=3.5, mec="white")
        ax.plot(*way[-1], "X" if last["kept"] < VARIANCE_FLOOR else "s", color=color, ms=7, mec="white")
    ax.plot(*next(iter(one.ways.values()))[0], "o", color="white", ms=7, mec="black")
    ax.set(xlim=one.first[[0, -1]], ylim=one.second[[0, -1]], aspect="equal")


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
    ax.set_yticks(range(rows), ["0\ncollapsed", *map(str, ranks[1:]), "not\nidempotent"])
    ax.spines[:].set_visible(False)
    ax.tick_params(length=0)
    share = f"{found.share:.2%} of {len(found.first)} runs on the diagonal"
    ax.set(xlabel="first eigenvalues with Re λ > ½", ylabel="rank reached", title=share)
