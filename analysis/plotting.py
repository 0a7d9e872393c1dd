"""Pictures of what `analysis` computes; the only module here that imports matplotlib."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import numpy as np
from cycler import cycler
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from .basin import ESCAPED, UNDECIDED

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from pathlib import Path

    from matplotlib.axes import Axes

    from .basin import Basins

# Okabe and Ito's palette, which readers with any colour vision can tell apart.
PALETTE = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442")
STYLE: Any = {
    "axes.prop_cycle": cycler(color=PALETTE),
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlesize": 11,
    "figure.constrained_layout.use": True,
    "figure.dpi": 150,
    "font.size": 9,
    "legend.frameon": False,
    "savefig.dpi": 150,
    "svg.hashsalt": "corrector",
}


def styled() -> AbstractContextManager[None]:
    """Return a context in which matplotlib draws in the project's style."""
    return mpl.rc_context(STYLE)


def new_figure(width: float = 5.0, height: float = 4.0) -> Figure:
    """Return a figure outside pyplot's list: nothing to close, no display, no global state."""
    with styled():
        figure = Figure(figsize=(width, height))
    FigureCanvasAgg(figure)
    return figure


def draw_basins(basins: Basins, ax: Axes | None = None) -> Axes:
    """Draw which attractor each point goes to, paler the longer it takes, and return the axes."""
    with styled():
        ax = new_figure(5.4, 4.6).add_subplot() if ax is None else ax
        ax.imshow(basin_image(basins), extent=basins.extent, origin="lower", interpolation="nearest")
        ax.set(xlabel="Re z", ylabel="Im z", title=basins.title, aspect="equal")
        names = [
            (
                PALETTE[i % len(PALETTE)],
                f"goes to {a.real:.3g}" + (f"{a.imag:+.3g}i" if a.imag else ""),
            )
            for i, a in enumerate(basins.attractors)
        ]
        names.append(("#f4f4f4", "escapes"))
        if (basins.labels == UNDECIDED).any():
            names.append(("#000000", "undecided"))
        for i, a in enumerate(basins.attractors):
            ax.plot(a.real, a.imag, "o", ms=5, mec="white", color=PALETTE[i % len(PALETTE)])
        handles = [Patch(facecolor=c, edgecolor="#888888", label=name) for c, name in names]
        ax.legend(handles=handles, loc="upper center", bbox_to_anchor=(0.5, -0.13), ncols=len(names))
    return ax


def draw_boundary(basins: Basins, ax: Axes | None = None) -> Axes:
    """Draw the boundary of the basins, darker the nearer a point is to it, and return the axes."""
    with styled():
        ax = new_figure(5.4, 4.6).add_subplot() if ax is None else ax
        image = boundary_image(basins)
        ax.imshow(
            image,
            extent=basins.extent,
            origin="lower",
            interpolation="antialiased",
            cmap="gray",
            vmin=0,
            vmax=1,
        )
        ax.set(xlabel="Re z", ylabel="Im z", title=f"{basins.title}: boundary of the basins", aspect="equal")
    return ax


def boundary_image(basins: Basins) -> np.ndarray[Any, Any]:
    """Return the picture of the boundary as float grey (rows, columns): 0 within a pixel of it, 1 far off."""
    if basins.distances is None:
        raise ValueError(
            "expected basins with distances; got none: ask for them by basins(…, distances=True)"
        )
    left, right, *_ = basins.extent
    pixel = (right - left) / basins.labels.shape[1]
    grey: np.ndarray[Any, Any] = np.clip(np.log2(np.maximum(basins.distances / pixel, 1)) / 7, 0, 1) ** 0.7
    return grey


def save_basins(basins: Basins, path: Path) -> None:
    """Write the picture of `draw_basins` to a file, in the format its suffix names."""
    figure = new_figure(5.4, 4.6)
    with styled():
        draw_basins(basins, figure.add_subplot())
        figure.savefig(path)


def basin_image(basins: Basins) -> np.ndarray[Any, Any]:
    """Return the picture as float RGB (rows, columns, 3), row 0 at the bottom."""
    slow = np.minimum(basins.steps / 12.0, 1.0)[..., None]
    image = np.zeros((*basins.labels.shape, 3))
    image[basins.labels == ESCAPED] = 0.957
    for i in range(len(basins.attractors)):
        inside = basins.labels == i
        colour = np.array(to_rgb(PALETTE[i % len(PALETTE)]))
        image[inside] = (colour + (1 - colour) * 0.75 * slow)[inside]
    return image
