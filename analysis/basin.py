"""`basins`: which attractor each point of the complex plane goes to under a corrector."""

from __future__ import annotations

from dataclasses import dataclass
from math import isqrt
from typing import TYPE_CHECKING, Any

import numpy as np

from .arguments import checked_relaxation, real_number, require_corrector, whole_number
from .cycles import attracting_cycles
from .traps import ESCAPED, UNDECIDED, find_traps

if TYPE_CHECKING:
    from collections.abc import Callable
    from fractions import Fraction

    from jaxtyping import Float, Int, Num
    from matplotlib.axes import Axes

    from corrector import Corrector

Extent = tuple[float, float, float, float]

_MOST_BYTES = 2**32
MOST_STEPS = 2**16 - 1
_FARTHEST = 1e150
_LONGEST_TITLE = 60
_FINEST = 2.0**-50
"""The side of a pixel, against the numbers in the picture, below which centres of pixels coincide."""

_BAND = 2**21
"""Pixels between two looks at the keyboard."""


@dataclass(frozen=True, repr=False, eq=False)
class Labelled:
    """A picture of the complex plane, labelled by where points go under x ↦ x + γ(g(x) − x).

    Attributes:
        labels: int8 (rows, columns), row 0 at the bottom: the index of the attractor, or −1 where
            the point escapes to infinity, or −2 where that was not decided.
        cycles: the points of each attracting cycle that was proved (see `attracting_cycles`), 0 and 1
            first where they attract; what goes to another, if there is one, is undecided.
        extent: (left, right, bottom, top).
        title: the map in words.
    """

    labels: Int[np.ndarray, "rows columns"]
    cycles: tuple[tuple[complex, ...], ...]
    extent: Extent
    title: str

    @property
    def attractors(self) -> tuple[complex, ...]:
        """A point of each attracting cycle."""
        return tuple(cycle[0] for cycle in self.cycles)

    @property
    def undecided(self) -> float:
        """The share of the pixels that are labelled −2."""
        return float(np.count_nonzero(self.labels == UNDECIDED) / self.labels.size)


@dataclass(frozen=True, repr=False, eq=False)
class Basins(Labelled):
    """The basins of attraction of x ↦ x + γ(g(x) − x), sampled at the centres of pixels.

    Attributes (besides those of `Labelled`):
        steps: uint16 (rows, columns): the steps until the label was sure.
        area: for each attractor the area of its basin within the extent.
        wrong_half: for 0 and for 1, where they attract, the share of that area that lies on the other
            side of Re z = ½; from there iteration leads to the wrong projector.
        distances: float32 (rows, columns), where asked for: an estimate of the distance to the boundary,
            at γ = 1 mostly within a factor 2.5.  Where attractors are not superattracting it is coarse:
            at γ = 1.9 half are as near, and some a hundred times too small.
    """

    steps: Int[np.ndarray, "rows columns"]
    distances: Float[np.ndarray, "rows columns"] | None = None

    @property
    def area(self) -> tuple[float, ...]:
        """The areas, one per attractor."""
        left, right, bottom, top = self.extent
        pixel = (right - left) * (top - bottom) / self.labels.size
        return tuple(float(np.count_nonzero(self.labels == i) * pixel) for i in range(len(self.cycles)))

    @property
    def wrong_half(self) -> tuple[float, ...]:
        """For 0 and for 1 the share of the area beyond Re z = ½, in the order of `attractors`."""
        left, right, *_ = self.extent
        columns = self.labels.shape[1]
        beyond = left + (np.arange(columns) + 0.5) * (right - left) / columns > 0.5
        shares = []
        for i, attractor in enumerate(self.attractors):
            if attractor in (0, 1):
                inside = np.count_nonzero(self.labels == i, axis=0)
                shares.append(float(inside[beyond != (attractor == 1)].sum() / max(inside.sum(), 1)))
        return tuple(shares)

    def plot(self, ax: Axes | None = None, *, boundary: bool = False) -> Axes:
        """Draw the basins, shaded by the steps taken, and return the axes.

        Args:
            ax: axes to draw on; a new figure's when None.
            boundary: draw the boundary alone, by the distances, which must be there.
        """
        from .plotting import draw_basins, draw_boundary

        return draw_boundary(self, ax) if boundary else draw_basins(self, ax)

    def __repr__(self) -> str:
        shares = ", ".join(
            f"{shortly(a)}: area {s:.4g}" for a, s in zip(self.attractors, self.area, strict=True)
        )
        rows, columns = self.labels.shape
        size = f"{columns}×{rows}" + (f", {self.undecided:.2%} undecided" if self.undecided else "")
        return f"Basins({self.title}; {size}; {shares or 'nothing attracts'})"


def basins(
    g: Corrector,
    relaxation: float | Fraction = 1,
    extent: Extent = (-1, 2, -1.5, 1.5),
    resolution: int = 1024,
    max_steps: int = 500,
    *,
    distances: bool = False,
    device: str = "cpu",
    progress: Callable[[float], None] | None = None,
) -> Basins:
    """Return the basins of attraction of x ↦ x + γ(g(x) − x) on the complex plane.

    A point is labelled once it enters a set that the map is proved to send into itself, about a point
    of an attracting cycle, or leaves the disc outside which every point escapes.  These sets are
    derived from the polynomial (see `analysis.traps`), so no label rests on a tolerance; what remains
    is the rounding of the orbit itself, of some units in the last place a step, which `enclose_basins`
    takes into account.

    Args:
        g: the corrector, of degree 2 or more.
        relaxation: γ; not 0.
        extent: (left, right, bottom, top).
        resolution: pixels along the longer side; the pixels are square.
        max_steps: a point still undecided then is labelled −2.
        distances: estimate the distance of each pixel to the boundary as well, for `plot(boundary=True)`.
        device: "cpu", all of its cores, or "cuda".
        progress: is called now and then with the share that is done.

    Raises:
        TypeError: an argument is of another type than said here.
        ValueError: g is linear, γ is 0, the extent is empty or reversed, finer than double precision
            or beyond 10¹⁵⁰, or the resolution is below 1 or asks for more than 4 GiB; `device` is
            neither, or there is no such device.

    Cost: for a smoothstep at γ = 1 on average less than one evaluation of g a pixel, and a quarter of
    that where the extent is symmetric; 3 bytes a pixel, 7 with distances.  The first call on a machine
    compiles for some seconds.

    References: Jensen and Vicary, figure 2.

    >>> from corrector import MCWEENY
    >>> basins(MCWEENY, resolution=256)
    Basins(3x² − 2x³; 256×256; 0: area 0.4136, 1: area 0.4136)
    """
    gamma = checked_map(g, relaxation)
    max_steps = whole_number(max_steps, "max_steps", 1, MOST_STEPS)
    left, right, bottom, top = extent = checked_extent(extent)
    columns, rows = checked_grid(extent, resolution, 7 if distances else 3)
    from .kernel import measure_rows

    label_rows = _labeller(device)
    cycles = attractors(g, gamma)
    traps = find_traps(g, gamma, cycles)
    lefts, heights = _centres(extent, columns, rows)
    labels, steps = np.empty((rows, columns), np.int8), np.empty((rows, columns), np.uint16)
    measured = np.empty((rows, columns), np.float32) if distances else None
    conjugate = bottom == -top
    mirror = conjugate and traps.symmetric and left + right == 1
    down, across = (rows + 1) // 2 if conjugate else rows, (columns + 1) // 2 if mirror else columns
    band = max(_BAND // across, 1)
    for start in range(0, down, band):
        stop = min(start + band, down)
        label_rows(traps, labels, steps, lefts[:across], heights, start, stop, max_steps)
        if measured is not None:
            measure_rows(traps, measured, labels, lefts[:across], heights, start, stop)
        if progress:
            progress(stop / down)
    plain: list[np.ndarray] = [steps] if measured is None else [steps, measured]
    if mirror:
        _reflect(labels[:down].T, across, _moved(cycles, lambda z: 1 - z.conjugate()))
        for array in plain:
            _reflect(array[:down].T, across)
    _reflect(labels, down, _moved(cycles, lambda z: z.conjugate()))
    for array in plain:
        _reflect(array, down)
    return Basins(labels, cycles, (left, right, bottom, top), named(g, gamma), steps, measured)


def named(g: Corrector, gamma: Fraction) -> str:
    """Return the map in words, in some 70 letters."""
    formula = str(g)
    if len(formula) > _LONGEST_TITLE:
        formula = f"order {g.order}, degree {g.degree}"
    return formula if gamma == 1 else f"{formula}, γ = {float(gamma):g}"


def checked_map(g: Corrector, relaxation: float | Fraction) -> Fraction:
    """Return γ as an exact number, or raise where x ↦ x + γ(g(x) − x) lets no point escape."""
    require_corrector(g)
    if g.degree < 2:
        raise ValueError(f"`g` must have at least degree 2, to let points escape; got {g}")
    return checked_relaxation(relaxation)


def checked_extent(extent: Any) -> Extent:
    """Return (left, right, bottom, top) as four floats, or raise."""
    if not isinstance(extent, tuple | list | np.ndarray) or len(extent) != 4:
        raise TypeError(f"`extent` must be (left, right, bottom, top); got {str(extent)[:60]}")
    left, right, bottom, top = (real_number(end, "extent") for end in extent)
    if not (max(map(abs, (left, right, bottom, top))) <= _FARTHEST and left < right and bottom < top):
        raise ValueError(
            f"`extent` must be (left, right, bottom, top), increasing, up to {_FARTHEST:g} in size; "
            f"got ({left:g}, {right:g}, {bottom:g}, {top:g})"
        )
    return left, right, bottom, top


def checked_grid(extent: Extent, resolution: int, bytes_a_pixel: int) -> tuple[int, int]:
    """Return the columns and rows of square pixels, the longer side in `resolution`, or raise ValueError."""
    left, right, bottom, top = extent
    resolution = whole_number(resolution, "resolution", 1)
    wide, high = right - left, top - bottom
    longer = max(wide, high)
    most = isqrt(int(_MOST_BYTES // bytes_a_pixel * longer / min(wide, high, longer)))
    if resolution > max(most, 1):
        raise ValueError(
            f"`resolution` must be at most {most} here, for {_MOST_BYTES >> 30} GiB; "
            f"got {str(resolution)[:40]}"
        )
    pixel = longer / resolution
    if pixel < _FINEST * max(abs(left - 0.5), abs(right - 0.5), abs(bottom), abs(top)):
        raise ValueError(
            "`extent` must be wide enough for double precision to tell its pixels apart; "
            f"got pixels of {pixel:.2g}"
        )
    return max(round(wide / pixel), 1), max(round(high / pixel), 1)


def attractors(g: Corrector, gamma: Fraction) -> tuple[tuple[complex, ...], ...]:
    """Return the points of the attracting cycles, 0 and 1 first where they attract."""
    found = [cycle.points for cycle in attracting_cycles(g, gamma)]
    return tuple(sorted(found, key=lambda points: (points not in ((0,), (1,)), len(points))))


def _labeller(device: str) -> Callable[..., None]:
    if device == "cpu":
        from .kernel import label_rows

        compiled: Callable[..., None] = label_rows
        return compiled
    if device == "cuda":
        from .cuda import label_rows as on_device
        from .cuda import require_device

        require_device()
        return on_device
    raise ValueError(f'`device` must be "cpu" or "cuda"; got {device!r}')


def _centres(
    extent: Extent, columns: int, rows: int
) -> tuple[Float[np.ndarray, " c"], Float[np.ndarray, " r"]]:
    """Re w of the columns and Im w of the rows, w = z − ½."""
    left, right, bottom, top = extent
    across = (np.arange(columns) + 0.5) * ((right - left) / columns)
    return left - 0.5 + across, bottom + (np.arange(rows) + 0.5) * ((top - bottom) / rows)


def _moved(
    cycles: tuple[tuple[complex, ...], ...], move: Callable[[complex], complex]
) -> Int[np.ndarray, " labels"]:
    """By label + 2, the label of the points moved: each cycle moves to a cycle."""
    table = [UNDECIDED, ESCAPED]
    for cycle in cycles:
        target = move(cycle[0])
        table.append(min((abs(w - target), i) for i, other in enumerate(cycles) for w in other)[1])
    return np.array(table, np.int8)


def _reflect(
    array: Num[np.ndarray, "rows columns"], done: int, table: Int[np.ndarray, " labels"] | None = None
) -> None:
    """Fill the rows from `done` on with those before, in reverse, their labels exchanged by the table."""
    mirrored = array[: len(array) - done][::-1]
    moved = table is not None and not np.array_equal(table, np.arange(-2, len(table) - 2))
    array[done:] = table[mirrored + 2] if table is not None and moved else mirrored


def shortly(z: complex) -> str:
    """Return a complex number in four digits, a real one without its imaginary part."""
    return f"{z.real:.4g}" if not z.imag else f"{z:.4g}"
