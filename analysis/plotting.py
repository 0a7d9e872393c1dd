"""Pictures of what `analysis` computes; the only module here that imports matplotlib."""

from __future__ import annotations

import base64
import io
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import numpy as np
from cycler import cycler
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import LinearSegmentedColormap, to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from .basin import Basins
from .traps import ESCAPED, UNDECIDED

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from pathlib import Path

    from matplotlib.axes import Axes

    from .auditing import Audit
    from .basin import Labelled
    from .diagram import StabilityDiagram

# Okabe and Ito's palette, which readers with any colour vision can tell apart.
PALETTE = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442")
FLAME = LinearSegmentedColormap.from_list("flame", ["#000000", "#E69F00", "#FFF7E0"])
"""Black at 0, orange at half, and paler beyond."""

_ESCAPES = "#f4f4f4"
STYLE: Any = {
    "axes.prop_cycle": cycler(color=PALETTE),
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlesize": 11,
    "figure.constrained_layout.use": True,
    "figure.dpi": 150,
    "font.size": 9,
    "legend.frameon": False,
    "pdf.fonttype": 42,
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


def draw_basins(basins: Labelled, ax: Axes | None = None, *, legend: bool = True) -> Axes:
    """Draw which attractor each point goes to, paler the longer it takes, and return the axes."""
    with styled():
        ax = new_figure(5.4, 4.6).add_subplot() if ax is None else ax
        ax.imshow(basin_image(basins), extent=basins.extent, origin="lower", interpolation="antialiased")
        ax.set(xlabel="Re z", ylabel="Im z", title=basins.title, aspect="equal")
        names = [(_ESCAPES, "escapes")]
        for i, cycle in enumerate(basins.cycles):
            colour = PALETTE[i % len(PALETTE)]
            a = cycle[0]
            place = f"{a.real:.3g}" + (f"{a.imag:+.3g}i" if a.imag else "")
            around = "" if len(cycle) == 1 else f" (period {len(cycle)})"
            names.insert(i, (colour, f"goes to {place}{around}"))
            for z in cycle:
                ax.plot(z.real, z.imag, "o", ms=5, mec="white", color=colour)
        if (basins.labels == UNDECIDED).any():
            names.append(("#000000", "undecided"))
        _frame(ax, basins)
        if legend:
            handles = [Patch(facecolor=c, edgecolor="#888888", label=name) for c, name in names]
            paler = "paler: after more steps" if isinstance(basins, Basins) else None
            ax.figure.legend(handles=handles, loc="outside lower center", ncols=3, title=paler)
    return ax


def _frame(ax: Axes, basins: Labelled) -> None:
    """Set the limits, and as many ticks as a picture of this shape has room for."""
    left, right, bottom, top = basins.extent
    ax.set(xlim=(left, right), ylim=(bottom, top))
    wide, high = right - left, top - bottom
    for axis, length in ((ax.xaxis, wide), (ax.yaxis, high)):
        axis.set_major_locator(MaxNLocator(nbins=max(round(6 * length / max(wide, high)), 1)))


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
        _frame(ax, basins)
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


def save(figure: Figure, path: Path, pixels: int = 0, across: Axes | None = None) -> None:
    """Write a figure in the format that the suffix names, undated: the same figure, the same file.

    Args:
        figure: what to write.
        path: where to.
        pixels: so many, at least, along the longer side of these axes, where it is a raster.
        across: the axes.
    """
    undated = {".svg": {"Date": None}, ".pdf": {"CreationDate": None}}
    with styled():
        dpi = mpl.rcParams["savefig.dpi"]
        if across is not None:
            figure.draw_without_rendering()
            shown = across.get_window_extent()
            dpi = max(dpi, figure.dpi * pixels / max(shown.width, shown.height))
        figure.savefig(path, dpi=dpi, metadata=undated.get(path.suffix.lower()))


def embedded(figure: Figure) -> str:
    """Return a figure as the source of a picture in a page that needs no other file."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", bbox_inches="tight")
    return in_page(buffer.getvalue())


def in_page(png: bytes) -> str:
    """Return a PNG file as such a source."""
    return "data:image/png;base64," + base64.b64encode(png).decode()


def basin_image(basins: Labelled) -> np.ndarray[Any, Any]:
    """Return the picture as float RGB (rows, columns, 3), row 0 at the bottom."""
    steps = basins.steps if isinstance(basins, Basins) else np.zeros(basins.labels.shape)
    inside = basins.labels >= 0
    usual = max(float(np.mean(steps[inside])) if inside.any() else 0.0, 2.0)
    slow = (1 - np.exp(steps / (-2 * usual)))[..., None]
    image = np.zeros((*basins.labels.shape, 3))
    image[basins.labels == ESCAPED] = to_rgb(_ESCAPES)
    for i in range(len(basins.cycles)):
        own = basins.labels == i
        colour = np.array(to_rgb(PALETTE[i % len(PALETTE)]))
        image[own] = (colour + (1 - colour) * 0.75 * slow)[own]
    return image


def draw_stability(diagram: StabilityDiagram, axes: tuple[Axes, Axes] | None = None) -> tuple[Axes, Axes]:
    """Draw the multipliers of the fixed points above the attracting points, against γ."""
    with styled():
        above, below = new_figure(5.4, 5.4).subplots(2, 1, sharex=True) if axes is None else axes
        gammas = np.array([float(gamma) for gamma in diagram.relaxations])
        colours: dict[complex, str] = {0: PALETTE[0], 1: PALETTE[1], 0.5: PALETTE[2]}
        curves = {
            z: np.abs(1 - gammas + gammas * slope)
            for z, slope in zip(diagram.fixed, diagram.slopes, strict=True)
        }
        top = 1.5 * max(float(curves[z].max()) for z in (0, 0.5, 1) if z in curves)
        for z, sizes in curves.items():
            if z in colours or sizes.min() < top:
                style = "--" if z == 1 else "-"
                label = f"{z.real:g}" if z in colours else None
                above.plot(gammas, sizes, color=colours.get(z, "#bbbbbb"), label=label, ls=style)
        above.axhline(1, color="#777777", lw=0.8, ls=":")
        above.set(ylabel="|multiplier|", ylim=(0, top))
        above.legend(title="fixed point", loc="upper left", ncols=2)
        for gamma, found in zip(gammas, diagram.cycles, strict=True):
            for cycle in found:
                right = cycle.points in ((0,), (1,))
                below.plot(
                    [gamma] * cycle.period,
                    [z.real for z in cycle.points],
                    ".",
                    ms=3,
                    color=PALETTE[int(cycle.points[0].real)] if right else PALETTE[5],
                )
        names = [(PALETTE[0], "0"), (PALETTE[1], "1")] + [(PALETTE[5], "spurious")] * bool(diagram.spurious)
        handles = [Patch(facecolor=c, label=name) for c, name in names]
        below.legend(handles=handles, title="attractor", loc="center left")
        below.set(xlabel="relaxation γ", ylabel="Re z of attracting points")
    return above, below


def signed_image(
    ax: Axes, values: np.ndarray[Any, Any], extent: tuple[float, float, float, float], label: str
) -> None:
    """Draw a quantity that may be negative, white at 0."""
    most = float(np.quantile(np.abs(values), 0.98))
    shown = ax.imshow(
        values,
        extent=extent,
        origin="lower",
        aspect="auto",
        cmap="PuOr",
        vmin=-most,
        vmax=most,
        interpolation="bilinear",
    )
    bar = ax.figure.colorbar(shown, ax=ax, extend="both")
    bar.set_label(label)


def draw_audit(audit: Audit) -> Figure:
    """Draw the distribution of the errors, the drift under more applications, and what the outputs keep."""
    with styled():
        figure = new_figure(11, 3.5)
        errors, drift, kept = figure.subplots(1, 3)
        _draw_errors(errors, audit)
        _draw_drift(drift, audit)
        _draw_spectra(kept, audit)
    return figure


def draw_worst(audit: Audit, picture: tuple[int, int] | None = None) -> Figure | None:
    """Draw the worst input found and what f makes of it; None where inputs are no pictures."""
    if isinstance(audit.search, str) or (shape := _picture_shape(audit.shape, picture)) is None:
        return None
    found = audit.search
    names = ("input", "worst input near it", "f(x)", "f(f(x))", "f(f(x)) − f(x)")
    panels = (found.origin, found.x, found.y, found.z, found.z - found.y)
    low, high = (float(bound(np.stack(panels[:4]))) for bound in (np.min, np.max))
    with styled():
        figure = new_figure(2.1 * len(panels), 2.4)
        for ax, name, panel in zip(figure.subplots(1, len(panels)), names, panels, strict=True):
            image = np.moveaxis(np.reshape(panel, shape), 0, -1)
            if panel is panels[-1]:
                most = float(np.abs(image).max()) or 1.0
                ax.imshow(image.mean(-1), cmap="PuOr", vmin=-most, vmax=most)
                name = f"{name}, ±{most:.2g}"
            elif shape[0] == 1:
                ax.imshow(image[..., 0], cmap="gray", vmin=low, vmax=high)
            else:
                ax.imshow(np.clip((image - low) / ((high - low) or 1), 0, 1))
            ax.set(title=name, xticks=[], yticks=[])
    return figure


def _picture_shape(shape: tuple[int, ...], picture: tuple[int, int] | None) -> tuple[int, int, int] | None:
    """(channels, height, width) of an input, where it is a picture of one or three channels."""
    full = (shape[0] // max(1, picture[0] * picture[1]), *picture) if picture and len(shape) == 1 else shape
    if len(full) == 2:
        full = (1, *full)
    if len(full) != 3 or full[0] not in (1, 3) or min(full[1:]) < 4 or np.prod(full) != np.prod(shape):
        return None
    return (int(full[0]), int(full[1]), int(full[2]))


def _draw_errors(ax: Axes, audit: Audit) -> None:
    """The share of inputs whose error is at least so large."""
    finite = np.sort(audit.errors[np.isfinite(audit.errors)])[::-1]
    positive = [*finite[finite > 0], *[audit.epsilon] * (audit.epsilon > 0)] or [1e-16]
    least = min(positive) / 3  # where errors of 0 are shown
    share = (np.arange(len(finite)) + 1 + len(audit.errors) - len(finite)) / len(audit.errors)
    ax.step(np.maximum(finite, least), share, where="post", color=PALETTE[0])
    ax.axvline(audit.epsilon or least, color=PALETTE[5], lw=1, ls="--", label=f"ε = {audit.epsilon:g}")
    ax.axhline(
        audit.bound, color=PALETTE[2], lw=1, ls=":", label=f"bound on the share, {audit.confidence:.4g}"
    )
    ax.set(
        xscale="log",
        yscale="log",
        xlabel="relative error",
        ylabel="share of inputs at or above",
        title="Errors",
    )
    ax.set_ylim(0.5 / len(audit.errors), 1.3)
    ax.legend(loc="lower left", fontsize=8)


def _draw_drift(ax: Axes, audit: Audit) -> None:
    """How far fᵏ(x) goes from f(x): median, and the band up to the greatest."""
    steps = np.arange(1, len(audit.drift) + 1)
    found = {q: np.array([audit.quantiles(row)[q] for row in audit.drift]) for q in ("median", "90 %", "max")}
    shares = audit.drift[np.isfinite(audit.drift) & (audit.drift > 0)]
    floor, top = float(shares.min(initial=1.0)), float(shares.max(initial=1e-3))
    for colour, (name, values) in zip(PALETTE, found.items(), strict=False):
        shown = np.where(np.isfinite(values), np.maximum(values, floor), np.nan)
        ax.plot(steps[1:], shown[1:], color=colour, label=name)
    ax.set_ylim(floor / 3, 3 * top)
    ax.set(yscale="log", xlabel="applications k", ylabel="‖fᵏ(x) − f(x)‖/‖f(x)‖", title="Drift")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.legend(loc="upper right", fontsize=8)


def _draw_spectra(ax: Axes, audit: Audit) -> None:
    """The singular values of inputs and outputs, their means taken off."""
    for values, name, colour in (
        (audit.input_spectrum, f"inputs, effective rank {audit.input_rank:.3g}", "#888888"),
        (audit.spectrum, f"outputs, effective rank {audit.rank:.3g}", PALETTE[0]),
    ):
        ax.plot(np.arange(1, len(values) + 1), np.maximum(values, 1e-9), color=colour, label=name)
    ax.set(yscale="log", xlabel="direction", ylabel="singular value, share", title="What the outputs keep")
    ax.set_ylim(1e-6, max(2.0, 2 * float(audit.spectrum.max(initial=0))))
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.18), fontsize=8)
