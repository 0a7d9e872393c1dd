"""Pictures of sweeps."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from analysis.plotting import PALETTE, new_figure, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from .spectra import Spectra

_REACH = 1.2
"""How far the plane of eigenvalues is shown from 0."""


def spectrum(found: Spectra) -> Figure:
    """Draw where the eigenvalues of linear networks began and ended, over the flow that predicts it.

    Left, first eigenvalues in the plane, coloured by where they went, over the flow λ' = −λ(1 − λ)(1 − 2λ) of
    the modified rule; right, the rank reached against the number of first eigenvalues with real part above ½.
    """
    first, last = found.eigenvalues.ravel(), found.last_eigenvalues().ravel()
    arrived = np.repeat(found.arrived, found.first.shape[1])
    one = last.real > 0.5
    with styled():
        figure = new_figure(10, 4.4)
        ax, table = figure.subplots(1, 2, width_ratios=(1.35, 1))
        x, y = np.meshgrid(np.linspace(-_REACH, _REACH, 60), np.linspace(-_REACH, _REACH, 60))
        z = x + 1j * y
        flow = -z * (1 - z) * (1 - 2 * z)
        ax.streamplot(x, y, flow.real, flow.imag, color="0.75", linewidth=0.6, density=1.1, arrowsize=0.7)
        groups = {
            "went to 0": arrived & ~one,
            "went to 1": arrived & one,
            "of a run that did not end idempotent": ~arrived,
        }
        for (label, there), color in zip(groups.items(), (*PALETTE[:2], "black"), strict=True):
            points = first[there]
            ax.plot(points.real, points.imag, ".", ms=2, alpha=0.6, color=color, label=label, rasterized=True)
        ax.axvline(0.5, color="0.3", ls="--", lw=1)
        ax.set(xlim=(-_REACH, _REACH), ylim=(-_REACH, _REACH), aspect="equal")
        ax.set(xlabel="Re λ at the beginning", ylabel="Im λ", title="Eigenvalues of N1, and the flow")
        ax.legend(loc="lower left", markerscale=5, frameon=True, framealpha=0.9)
        _confusion(table, found)
    return figure


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
    ax.set_yticks(range(rows), [*map(str, ranks), "none"])
    ax.spines[:].set_visible(False)
    ax.tick_params(length=0)
    share = f"{found.share:.2%} of {len(found.first)} runs on the diagonal"
    ax.set(xlabel="first eigenvalues with Re λ > ½", ylabel="rank reached", title=share)
