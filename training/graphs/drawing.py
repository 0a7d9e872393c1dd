"""Pictures of computational graphs."""

from __future__ import annotations

from itertools import pairwise
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.colors import to_rgb
from matplotlib.font_manager import FontProperties
from matplotlib.lines import Line2D
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch, Patch
from matplotlib.path import Path
from matplotlib.textpath import text_to_path

from analysis.plotting import PALETTE, new_figure, styled

from .layout import layered

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import networkx as nx
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from .layout import Layout

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
        panels: titles, and graphs by `training.graphs.recording.computational_graph`.
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
