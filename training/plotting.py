"""Pictures of training runs; the only module here that imports matplotlib."""

from __future__ import annotations

from itertools import pairwise
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from matplotlib.colors import to_rgb
from matplotlib.font_manager import FontProperties
from matplotlib.lines import Line2D
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch, Patch
from matplotlib.path import Path
from matplotlib.textpath import text_to_path
from matplotlib.ticker import LogLocator, StrMethodFormatter

from analysis.plotting import PALETTE, draw_basins, new_figure, styled

from .graph_layout import layered

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import networkx as nx
    import xarray as xr
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

    from analysis import Basins

    from .comparison import Comparison
    from .graph_layout import Layout

_MARKS = ("o", "s", "^", "D", "v", "P", "X")
_SHOWN = {"reconstruction": (1e-3, 1.0), "centred": (1e-4, 10.0), "kept": (1e-3, 2.0)}
"""What the axes may show at most: runs beyond are in the data, and would hide the others here."""
_TITLES = {
    "reconstruction": "reconstruction error",
    "centred": "centred idempotent error",
    "kept": "share of variance kept",
}
_KINDS = {  # torchviz's colours, in the project's palette
    "parameter": (PALETTE[4], 0.55, "parameter"),
    "input": (PALETTE[6], 0.55, "input, held fixed"),
    "operation": ("#bbbbbb", 0.35, "operation"),
    "result": (PALETTE[2], 0.45, "result"),
}
_STEP, _BOX, _APART, _LINE = 0.46, 0.25, 0.26, 0.02
"""Inches from layer to layer, of a box's height, between the ends of two arrows, and for a box's edge."""
_MARGIN, _BETWEEN, _HEAD, _LEAST = 0.25, 0.4, 0.5, 6.4
"""Inches about a drawing and between two, for the titles, and of the least width."""
_LETTERS = 8.5
"""Points of the letters in boxes."""
_CUT, _FRAME = "#CC0000", PALETTE[5]


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


def graph_panels(
    panels: Sequence[tuple[str, nx.DiGraph]],
    caption: str = "",
    *,
    cuts: Mapping[str, int] = MappingProxyType({}),
    kept: bool = False,
) -> Figure:
    """Draw computational graphs side by side, each operation below what it works on.

    Arrows go the way of computing, a backward pass against them; − marks what a difference takes away.
    An inch in these figures is an inch on paper, and they are as wide as their graphs.

    Args:
        panels: titles, and graphs by `training.graphs.computational_graph`.
        caption: a text below.
        cuts: by title a node, below which a red line goes across.
        kept: frame the outputs that are kept for a backward pass.

    References: the notes, figures 5 and 6, drawn there by torchviz.
    """
    layouts = [layered(graph, {n: _width(at) for n, at in graph.nodes(data=True)}) for _, graph in panels]
    spans = [_span(graph, layout) for (_, graph), layout in zip(panels, layouts, strict=True)]
    tall = max(y for layout in layouts for _, y in layout.places.values())
    foot = 0.75 + 0.16 * caption.count("\n")
    drawn = sum(right - left for left, right in spans) + _BETWEEN * (len(panels) - 1)
    wide, high = max(drawn + 2 * _MARGIN, _LEAST), foot + tall * _STEP + _BOX + _HEAD
    with styled():
        figure = new_figure(wide, high)
        figure.set_layout_engine("none")  # axes have the size of their boxes
        left = (wide - drawn) / 2
        for (title, graph), layout, span in zip(panels, layouts, spans, strict=True):
            across, up = span[1] - span[0], tall * _STEP + _BOX + 2 * _LINE
            ax = figure.add_axes((left / wide, (foot - _LINE) / high, across / wide, up / high))
            ax.set(xlim=span, ylim=(-_BOX / 2 - _LINE, up - _BOX / 2 - _LINE))
            ax.set_axis_off()
            ax.set_title(title, fontsize=11, pad=8)
            lift = tall - max(y for _, y in layout.places.values())
            _draw_arrows(ax, graph, layout, lift)
            _draw_boxes(ax, graph, layout, lift, kept=kept)
            if title in cuts:
                y = (layout.places[cuts[title]][1] + lift - 0.5) * _STEP
                ax.plot(span, (y, y), color=_CUT, lw=1.6, label="∂E/∂y above, ∂y/∂W below")
            left += across + _BETWEEN
        figure.legend(
            handles=_key(cut=bool(cuts), kept=kept),
            loc="lower center",
            ncols=5,
            columnspacing=1.2,
            handlelength=1.6,
            bbox_to_anchor=(0.5, (foot - 0.5) / high),
        )
        figure.text(0.5, 0.12 / high, caption, ha="center", va="bottom", fontsize=_LETTERS, linespacing=1.4)
    return figure


def _draw_arrows(ax: Axes, graph: nx.DiGraph, layout: Layout, lift: float) -> None:
    """Draw the edges `lift` layers higher; those into one box end side by side, in the order they come in."""
    for node in graph:
        routes = [(edge, layout.routes[edge]) for edge in graph.in_edges(node)]
        routes.sort(key=lambda found: found[1][-2][0])
        for i, (edge, route) in enumerate(routes):
            side = i - (len(routes) - 1) / 2
            heights = [((y + lift) * _STEP + _BOX / 2, (y + lift) * _STEP - _BOX / 2) for _, y in route]
            # Past each layer straight down, beside its boxes.
            points = np.array([(x, at) for (x, _), ends in zip(route, heights, strict=True) for at in ends])
            points = points[1:-1]
            points[-1, 0] += side * _APART
            ax.add_patch(
                FancyArrowPatch(
                    path=_smooth(points), arrowstyle="-|>", mutation_scale=7, color="#666666", lw=0.9
                )
            )
            if graph.nodes[node]["operation"].startswith("Sub") and 1 in graph.edges[edge]["operands"]:
                x, y = points[-1] + (-0.09 if points[-2, 0] > points[-1, 0] else 0.09, 0.06)
                ax.text(x, y, "−", ha="center", va="center", fontsize=11, weight="bold")


def _draw_boxes(ax: Axes, graph: nx.DiGraph, layout: Layout, lift: float, *, kept: bool) -> None:
    """Draw the nodes `lift` layers higher."""
    framed = {n for _, keeps in graph.nodes("keeps") for n in keeps} if kept else set()
    for node, at in graph.nodes(data=True):
        x, y = layout.places[node][0], (layout.places[node][1] + lift) * _STEP
        colour, share, _ = _KINDS[at["kind"]]
        ax.add_patch(
            FancyBboxPatch(
                (x - _width(at) / 2, y - _BOX / 2),
                _width(at),
                _BOX,
                boxstyle="round,pad=0,rounding_size=0.05",
                facecolor=_tint(colour, share),
                edgecolor=_FRAME if node in framed else colour,
                lw=2 if node in framed else 1,
            )
        )
        ax.text(x, y, _written(at), ha="center", va="center_baseline", fontsize=_LETTERS)


def _key(*, cut: bool, kept: bool) -> list[Artist]:
    """What the colours mean."""
    kinds: list[Artist] = [
        Patch(facecolor=_tint(colour, share), edgecolor=colour, label=label)
        for colour, share, label in _KINDS.values()
    ]
    frame = [Patch(facecolor="white", edgecolor=_FRAME, lw=2, label="kept for the backward pass")] * kept
    return [*kinds, *frame, *[Line2D([], [], color=_CUT, lw=1.6, label="split by the chain rule")] * cut]


def _smooth(points: np.ndarray[Any, Any]) -> Path:
    """A curve through points that leaves and enters each of them vertically."""
    vertices, half = [points[0]], np.array([0, 0.5])
    for a, b in pairwise(points):
        bend = (b - a) * half
        vertices += [a + bend, b - bend, b]
    return Path(vertices, [Path.MOVETO] + [Path.CURVE4] * (len(vertices) - 1))


def _written(at: dict[str, Any]) -> str:
    shape = "×".join(map(str, at["shape"]))
    return f"{at['label']}   {shape}" if shape else str(at["label"])


def _width(at: dict[str, Any]) -> float:
    """Inches that a node's box takes."""
    font = FontProperties(size=_LETTERS)
    return text_to_path.get_text_width_height_descent(_written(at), font, ismath=False)[0] / 72 + 0.2


def _span(graph: nx.DiGraph, layout: Layout) -> tuple[float, float]:
    """From the leftmost to the rightmost point of a drawing."""
    ends = [
        (x - _width(graph.nodes[n]) / 2, x + _width(graph.nodes[n]) / 2)
        for n, (x, _) in layout.places.items()
    ]
    bends = [(x - 0.05, x + 0.05) for route in layout.routes.values() for x, _ in route]
    lows, highs = zip(*ends, *bends, strict=True)
    return min(lows) - 0.02, max(highs) + 0.02


def _tint(colour: str, share: float) -> tuple[float, float, float]:
    """A colour with so much white in it that black letters read well on it."""
    red, green, blue = (1 - share * (1 - c) for c in to_rgb(colour))
    return red, green, blue


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
