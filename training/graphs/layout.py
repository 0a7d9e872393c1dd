"""Where the boxes of a layered drawing go: few crossings, short and nearly straight arrows.

The four steps are Sugiyama's: layers, a point on each layer that an arrow passes, an order in each
layer by the means of neighbours, so that few arrows cross, and places that keep this order.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import networkx as nx
import numpy as np
from scipy.optimize import linprog

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping

_SWEEPS = 24
_BEND = 0.3
"""Room that an arrow takes where it passes a layer."""


_STRAIGHT = (1.0, 2.0, 8.0)
"""How much more an edge counts that joins a box to where it bends, and two such points (Gansner)."""


class _Bend(NamedTuple):
    """Where an edge passes a layer."""

    start: Hashable
    stop: Hashable
    height: float


class Layout(NamedTuple):
    """Places of nodes, and the points that each edge goes through, ends included."""

    places: dict[Hashable, tuple[float, float]]
    routes: dict[tuple[Hashable, Hashable], list[tuple[float, float]]]


def layered(graph: nx.DiGraph, widths: Mapping[Any, float], gap: float = 0.2) -> Layout:
    """Return a layered layout: each node one layer or more below whatever leads to it.

    A node stands as low as it can, next to where it is needed first.  Layers are one apart, the last
    at 0; across, from 0 on, boxes keep their distance and arrows are as upright as that allows.

    Args:
        graph: directed and acyclic.
        widths: of each node's box.
        gap: between neighbouring boxes.

    Returns:
        The places of nodes, (across, up), and the points through which edges go.

    Cost: for pictures of some hundred nodes: counting crossings is quadratic in the edges between
    two layers, and the places are one dense linear programme.

    References: Sugiyama, Tagawa and Toda, Methods for visual understanding of hierarchical system
    structures, IEEE Trans. SMC 11 (1981) 109, for the order; Gansner, Koutsofios, North and Vo, A
    technique for drawing directed graphs, IEEE Trans. Software Eng. 19 (1993) 214, section 4, for the
    places.

    >>> layered(nx.DiGraph(["ab", "bc"]), {"a": 1.0, "b": 2.0, "c": 1.0}).places
    {'a': (0.0, 2.0), 'b': (0.0, 1.0), 'c': (0.0, 0.0)}
    """
    heights = {
        node: float(i)
        for i, generation in enumerate(nx.topological_generations(graph.reverse(copy=False)))
        for node in generation
    }
    points = nx.DiGraph()
    points.add_nodes_from(graph)
    wide, up = dict(widths), dict(heights)
    passes: dict[tuple[Hashable, Hashable], list[Any]] = {}
    for a, b in graph.edges:
        bends = [_Bend(a, b, h) for h in np.arange(heights[a] - 1, heights[b], -1)]
        up |= {bend: bend.height for bend in bends}
        wide |= dict.fromkeys(bends, _BEND)
        passes[a, b] = [a, *bends, b]
        nx.add_path(points, passes[a, b])
    layers = _ordered(points, up)
    across = _spread(points, layers, wide, gap)
    return Layout(
        {node: (across[node], up[node]) for node in graph},
        {edge: [(across[p], up[p]) for p in passed] for edge, passed in passes.items()},
    )


def _ordered(points: nx.DiGraph, up: Mapping[Any, float]) -> list[list[Any]]:
    """The layers from the top, in the order that crosses fewest arrows of all that were tried."""
    walk = list(nx.dfs_preorder_nodes(points.to_undirected(as_view=True)))
    layers = [[p for p in walk if up[p] == h] for h in sorted(set(up.values()), reverse=True)]
    best, fewest = layers, _crossings(points, layers)
    for sweep in range(_SWEEPS):
        neighbours, direction = (points.predecessors, 1) if sweep % 2 == 0 else (points.successors, -1)
        ranks: dict[Any, float] = {}
        tried = []
        for layer in layers[::direction]:
            means = {p: _mean([ranks[q] for q in neighbours(p)], i) for i, p in enumerate(layer)}
            ranked = sorted(layer, key=means.__getitem__)
            ranks |= {p: float(i) for i, p in enumerate(ranked)}
            tried.append(ranked)
        layers = tried[::direction]
        if (crossed := _crossings(points, layers)) < fewest:
            best, fewest = layers, crossed
    return best


def _crossings(points: nx.DiGraph, layers: list[list[Any]]) -> int:
    """How many pairs of arrows cross between neighbouring layers in this order."""
    total = 0
    for above, below in pairwise(layers):
        rank = {p: i for i, p in enumerate(below)}
        ends = np.array([(i, rank[q]) for i, p in enumerate(above) for q in points.successors(p)])
        apart = ends[:, None] - ends[None]
        total += int((apart.prod(axis=-1) < 0).sum()) // 2
    return total


def _spread(
    points: nx.DiGraph, layers: list[list[Any]], wide: Mapping[Any, float], gap: float
) -> dict[Any, float]:
    """Places across that keep the order and the gaps, and make arrows as upright as can be.

    Minimise Σ w·|x_a − x_b| over the edges, w larger where an edge only passes: a linear programme
    in the places x and bounds t ≥ |x_a − x_b|.
    """
    number = {p: i for i, p in enumerate(points)}
    edges = [(number[p], number[q]) for p, q in points.edges]
    weights = [_STRAIGHT[sum(isinstance(p, _Bend) for p in edge)] for edge in points.edges]
    size, rows, limits = len(number), [], []
    for i, (a, b) in enumerate(edges):
        rows += [{a: 1.0, b: -1.0, size + i: -1.0}, {a: -1.0, b: 1.0, size + i: -1.0}]
        limits += [0.0, 0.0]
    for layer in layers:
        for p, q in pairwise(layer):
            rows.append({number[p]: 1.0, number[q]: -1.0})
            limits.append(-(wide[p] + wide[q]) / 2 - gap)
    matrix = np.zeros((len(rows), size + len(edges)))
    for i, row in enumerate(rows):
        matrix[i, list(row)] = list(row.values())
    found = linprog([0.0] * size + weights, matrix, limits, bounds=(0, None)).x
    return {p: float(found[i] - found.min()) for p, i in number.items()}


def _mean(values: list[float], otherwise: float) -> float:
    return sum(values) / len(values) if values else otherwise
