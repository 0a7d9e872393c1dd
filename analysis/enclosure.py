"""`enclose_basins`: pixels and areas of which it is proved where they go."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from .arguments import whole_number
from .basin import MOST_STEPS, Labelled, attractors, checked_extent, checked_grid, checked_map, named, shortly
from .traps import UNDECIDED, find_traps

if TYPE_CHECKING:
    from collections.abc import Callable
    from fractions import Fraction

    from matplotlib.axes import Axes

    from corrector import Corrector

    from .basin import Extent

_BLOCK = 64
"""Pixels along the side of the squares that are quartered."""

_BLOCKS = 64
"""Blocks between two looks at the keyboard."""

_DEEPEST = 12


@dataclass(frozen=True, repr=False, eq=False)
class Enclosure(Labelled):
    """The basins of attraction of x ↦ x + γ(g(x) − x), enclosed.

    A label here says that *every* point of the pixel goes there, and is proved; −2 that nothing was.

    Attributes (besides those of `Labelled`):
        inner: for each attractor, a number below the area of its basin within the extent.
        outer: for each attractor, a number above it.
    """

    inner: tuple[float, ...]
    outer: tuple[float, ...]

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw what is proved, and return the axes.

        Args:
            ax: axes to draw on; a new figure's when None.
        """
        from .plotting import draw_basins

        return draw_basins(self, ax)

    def __repr__(self) -> str:
        areas = ", ".join(
            f"{shortly(a)}: area {low:.5g} to {high:.5g}"
            for a, low, high in zip(self.attractors, self.inner, self.outer, strict=True)
        )
        rows, columns = self.labels.shape
        return f"Enclosure({self.title}; {columns}×{rows}, {self.undecided:.2%} undecided; {areas})"


def enclose_basins(
    g: Corrector,
    relaxation: float | Fraction = 1,
    extent: Extent = (-1, 2, -1.5, 1.5),
    resolution: int = 1024,
    max_steps: int = 500,
    *,
    depth: int = 3,
    progress: Callable[[float], None] | None = None,
) -> Enclosure:
    """Return the pixels that are proved to lie in one basin of x ↦ x + γ(g(x) − x), and bounds on the areas.

    Each pixel, and each square of many of them, is covered by a disc, which is followed with all
    rounding accounted for (see `analysis.kernel`) until it lies in a set that the map is proved to send
    into itself (see `analysis.traps`).  A pixel that is not decided is quartered `depth` times.

    Args:
        g: the corrector, of degree 2 or more.
        relaxation: γ; not 0.
        extent: (left, right, bottom, top).
        resolution: pixels along the longer side; the pixels are square.
        max_steps: a disc is followed that far.
        depth: 0 to 12; each level halves the width of what is undecided for the areas, and takes about
            2.5 times as long.
        progress: is called now and then with the share that is done.

    Raises:
        TypeError: an argument is of another type than said here.
        ValueError: g is linear, γ is 0, the extent is empty or reversed, or the resolution is below 1 or
            asks for more than 4 GiB.

    Cost: that of the boundary; of the square of the resolution only one byte.

    >>> from corrector import MCWEENY
    >>> enclose_basins(MCWEENY, resolution=256, depth=4)
    Enclosure(3x² − 2x³; 256×256, 1.75% undecided; 0: area 0.40932 to 0.44203, 1: area 0.40932 to 0.44203)
    """
    gamma = checked_map(g, relaxation)
    depth = whole_number(depth, "depth", 0, _DEEPEST)
    max_steps = whole_number(max_steps, "max_steps", 1, MOST_STEPS)
    left, right, bottom, top = extent = checked_extent(extent)
    columns, rows = checked_grid(extent, resolution, 1)
    from .kernel import fill_blocks

    cycles = attractors(g, gamma)
    traps = find_traps(g, gamma, cycles)
    wide, high = (right - left) / columns, (top - bottom) / rows
    labels = np.full((rows, columns), UNDECIDED, np.int8)
    counts = np.zeros((-(-rows // _BLOCK) * -(-columns // _BLOCK), len(cycles) + 2), np.int64)
    for start in range(0, len(counts), _BLOCKS):
        stop = min(start + _BLOCKS, len(counts))
        fill_blocks(
            traps, labels, left - 0.5, bottom, wide, high, _BLOCK, start, stop, depth, max_steps, counts
        )
        if progress:
            progress(stop / len(counts))
    unit = wide * high / 4**depth
    undecided, _, *inside = (int(n) for n in counts.sum(axis=0))
    inner = tuple(float(n * unit * (1 - 1e-12)) for n in inside)
    outer = tuple(float((n + undecided) * unit * (1 + 1e-12)) for n in inside)
    return Enclosure(labels, cycles, (left, right, bottom, top), named(g, gamma), inner, outer)
