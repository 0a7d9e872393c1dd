"""The figures of the sources, drawn anew, and those that mend them.

Each function returns a matplotlib figure; `FIGURES` names them by source and number.  Those that take longer
than two seconds say how far they are to the argument `progress`.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from corrector import MCWEENY, Polynomial, smoothstep

from .basin import basins
from .diagram import stability_diagram
from .plotting import (
    FLAME,
    PALETTE,
    draw_basins,
    draw_boundary,
    draw_stability,
    new_figure,
    signed_image,
    styled,
)
from .progress import silent
from .radius import disc_radius, matrix_radius, real_basin

if TYPE_CHECKING:
    from collections.abc import Callable

    from matplotlib.figure import Figure

    from .progress import Progress

_HALF = 0.5


def corrected_scalar(name: str = "K") -> Figure:
    """Notes, figure 1, and paper, figure 1: K' = 3K² − 2K³ for a number K, and where iterating it leads."""
    low, high = real_basin(MCWEENY)
    x = np.linspace(-0.6, 1.6, 1101)
    with styled():
        figure = new_figure(5.2, 5.4)
        ax = figure.add_subplot()
        for about, (left, right) in enumerate(((low, high), (1 - high, 1 - low))):
            ax.axvspan(left, right, color=PALETTE[about], alpha=0.13, lw=0, label=f"all goes to {about}")
        ax.plot(x, x, color="#777777", lw=0.8, ls="--", label=f"{name}′ = {name}")
        ax.plot(x, MCWEENY(x), color="black", lw=1.8, label=f"{name}′ = {_in(MCWEENY, name)}")
        for about, start in enumerate((0.44, 0.58)):
            ax.plot(*_cobweb(start, 12), color=PALETTE[about], lw=1)
        ax.plot([0, _HALF, 1], [0, _HALF, 1], "o", color="black", ms=5)
        ax.plot([-_HALF, 1 + _HALF], [1, 0], "s", color=PALETTE[5], ms=5, label="goes to the far one")
        ax.annotate("repels", (_HALF, _HALF), (0.62, 0.42), fontsize=8)
        ax.set(xlabel=name, ylabel=f"{name}′", xlim=(-0.6, 1.6), ylim=(-0.6, 1.6), aspect="equal")
        figure.legend(loc="outside lower center", ncols=2)
    return figure


def residual_scalar() -> Figure:
    """Notes, figure 2: ‖A² − A‖ for a number A, before and after one step."""
    x = np.linspace(-0.6, 1.6, 1101)
    y = MCWEENY(x)
    with styled():
        figure = new_figure(5.2, 3.6)
        ax = figure.add_subplot()
        ax.plot(x, np.abs(x * x - x), color="black", lw=1.8, label="|A² − A|")
        ax.plot(x, np.abs(y * y - y), color=PALETTE[0], lw=1.4, label=f"after A ← {_in(MCWEENY, 'A')}")
        ax.plot([0, 1], [0, 0], "o", color="black", ms=5, clip_on=False)
        ax.set(xlabel="A", ylabel="residual", xlim=(-0.6, 1.6), ylim=(0, 1))
        ax.legend(loc="upper center")
    return figure


def corrected_output() -> Figure:
    """Notes, figure 3: 3n(n(x)) − 2n(n(n(x))) for the linear network n(x) = wx."""
    return _over_weights(MCWEENY, "3n(n(x)) − 2n(n(n(x))),  n(x) = wx", "corrected output")


def correction() -> Figure:
    """Notes, figure 4: Δn = 3n(n(x)) − 2n(n(n(x))) − n(x) for the linear network n(x) = wx."""
    title = "Δn = 3n(n(x)) − 2n(n(n(x))) − n(x),  n(x) = wx"
    return _over_weights(MCWEENY - Polynomial((0, 1)), title, "Δn")


def _over_weights(gain: Polynomial, title: str, name: str) -> Figure:
    """A quantity gain(w)·x over the weight w and the input x, and its sections at a few x."""
    w, x = np.linspace(-0.6, 1.6, 441), np.linspace(-2, 2, 401)
    values = gain(w)[None, :] * x[:, None]
    with styled():
        figure = new_figure(9.2, 3.9)
        figure.suptitle(title, fontsize=11)
        left, right = figure.add_subplot(1, 2, 1), figure.add_subplot(1, 2, 2)
        signed_image(left, values, (-0.6, 1.6, -2, 2), label=name)
        for root in np.unique(np.roots([float(c) for c in reversed(gain.coefficients)]).real.round(9)):
            left.axvline(root, color="black", lw=0.8)
        left.axhline(0, color="black", lw=0.8)
        left.set(xlabel="w", ylabel="x", xticks=np.arange(-0.5, 1.6, 0.5))
        for k, at in enumerate((-1, 0.5, 1, 2)):
            right.plot(w, gain(w) * at, color=PALETTE[k], label=f"x = {at:g}".replace("-", "−"))
        right.axhline(0, color="#777777", lw=0.8, ls="--")
        right.plot([0, _HALF, 1], gain(np.array([0, _HALF, 1])), "o", color="black", ms=4)
        right.set(
            xlabel="w", ylabel=name, xlim=(-0.6, 1.6), ylim=(-1.5, 1.5), xticks=np.arange(-0.5, 1.6, 0.5)
        )
        figure.legend(*right.get_legend_handles_labels(), loc="outside right upper")
    return figure


def tenfold() -> Figure:
    """Paper, figure 2: |h¹⁰(z)| on the complex plane, h(λ) = 3λ² − 2λ³: black goes to 0, orange to 1."""
    left, right, bottom, top = extent = (-1.0, 2.0, -1.0, 1.0)
    x, y = np.linspace(left, right, 1801), np.linspace(bottom, top, 1201)
    z = x[None, :] + 1j * y[:, None]
    with np.errstate(over="ignore", invalid="ignore"):
        for _ in range(10):
            z = MCWEENY(z)
    size = np.nan_to_num(np.abs(z), nan=np.inf)
    with styled():
        figure = new_figure(6.6, 4.2)
        ax = figure.add_subplot()
        shown = ax.imshow(
            np.minimum(size, 2),
            extent=extent,
            origin="lower",
            cmap=FLAME,
            vmin=0,
            vmax=2,
            interpolation="antialiased",
        )
        bar = figure.colorbar(shown, ax=ax, shrink=0.8, extend="max")
        bar.set_label("|h¹⁰(λ)|")
        circle = np.exp(1j * np.linspace(0, 2 * np.pi, 400))
        for radius, style, name in (
            (float(disc_radius(MCWEENY)), "-", "largest disc that goes to 0"),
            (-real_basin(MCWEENY)[0], ":", "the real basin's reach: no disc"),
        ):
            ring = radius * circle
            ax.plot(ring.real, ring.imag, color=PALETTE[4], lw=1.2, ls=style, label=f"{name}, {radius:.4f}")
        ax.set(xlabel="Re λ", ylabel="Im λ", aspect="equal")
        ax.legend(loc="lower left", fontsize=7)
    return figure


def orders() -> Figure:
    """Basins of the orders 1 to 4: faster, not wider."""
    with styled():
        figure = new_figure(8.6, 7.6)
        for n in range(1, 5):
            found = basins(smoothstep(n), extent=(-0.8, 1.8, -0.9, 0.9), resolution=1200)
            ax = draw_basins(found, figure.add_subplot(2, 2, n), legend=n == 1)
            both, r = sum(found.area), disc_radius(smoothstep(n))
            ax.set_title(f"order {n}: area of both {both:.3f}, disc {r:.4f}")
    return figure


def boundary() -> Figure:
    """The boundary of the basins of 3x² − 2x³, by the distance to it, and a corner of it."""
    with styled():
        figure = new_figure(9.6, 4.4)
        for i, extent in enumerate(((-0.8, 1.8, -0.7, 0.7), (-0.1, 0.1, 0.28, 0.44))):
            found = basins(MCWEENY, extent=extent, resolution=1400, distances=True)
            draw_boundary(found, figure.add_subplot(1, 2, i + 1))
    return figure


def relaxations() -> Figure:
    """Multipliers and attractors against the relaxation, for orders 1 and 3."""
    with styled():
        figure = new_figure(9.2, 5.6)
        axes = figure.subplots(2, 2, sharex="col")
        for i, (n, gammas) in enumerate(((1, np.arange(1, 200) / 100), (3, np.linspace(1.9, 1.9999, 160)))):
            draw_stability(stability_diagram(smoothstep(n), gammas), (axes[0, i], axes[1, i]))
            axes[0, i].set_title(f"order {n}")
    return figure


def obliquity(progress: Progress = silent) -> Figure:
    """How far from a projector matrices still converge, against its norm, for orders 1 to 4."""
    norms = np.concatenate([np.linspace(1, 1.6, 25), np.geomspace(1.65, 10, 20)])
    with styled():
        figure = new_figure(5.4, 3.8)
        ax = figure.add_subplot()
        orders = (1, 2, 3, 4)
        radii = np.empty((len(orders), len(norms)))
        for done, (k, i) in enumerate(np.ndindex(radii.shape)):
            radii[k, i] = matrix_radius(smoothstep(orders[k]), float(norms[i])).low
            progress((done + 1) / radii.size)
        for n, color, found in zip(orders, PALETTE, radii, strict=False):
            ax.plot(norms, 4 * norms * found, color=color, label=f"order {n}")
        ax.axhline(1, color="#777777", lw=0.8, ls="--", label="ρ = 1/(4s)")
        ax.set(xlabel="norm s of the projector", ylabel="4s·ρ(s)", xscale="log")
        ax.xaxis.set_major_formatter("{x:g}")
        ax.set_xticks([1, 2, 5, 10])
        ax.legend()
    return figure


def _cobweb(x: float, steps: int) -> tuple[list[float], list[float]]:
    xs, ys = [x], [x]
    for _ in range(steps):
        y = float(MCWEENY(x))
        xs += [x, y]
        ys += [y, y]
        x = y
    return xs, ys


def _in(g: object, name: str) -> str:
    return str(g).replace("x", name)


FIGURES: dict[str, Callable[..., Figure]] = {
    "notes-1": partial(corrected_scalar, "A"),
    "notes-2": residual_scalar,
    "notes-3": corrected_output,
    "notes-4": correction,
    "paper-1": corrected_scalar,
    "paper-2": tenfold,
    "basins-of-orders": orders,
    "boundary": boundary,
    "relaxation": relaxations,
    "obliquity": obliquity,
}
"""By name, as `corrector figures` writes them."""
