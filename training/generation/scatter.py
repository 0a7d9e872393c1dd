"""Codes of pictures as points on the plane."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib import colormaps

from analysis.plotting import new_figure, styled

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jaxtyping import Float, Int
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from torch import Tensor

_FEW, _MANY = 10, 20
"""Classes, at most, that the colours of one map tell apart, and of another."""


def scattered(
    data: Float[Tensor, "n 2"],
    labels: Int[Tensor, " n"] | None,
    generated: Float[Tensor, "m 2"],
    axes: Sequence[str],
    title: str,
) -> Figure:
    """Return the points of data, coloured by class, beside the same under those of generated pictures.

    Args:
        data: of the data.
        labels: their classes; None where there are none.
        generated: of generated pictures.
        axes: what the two are called.
        title: of the data.
    """
    figure = new_figure(10, 4.2)
    with styled():
        left, right = figure.subplots(1, 2, sharex=True, sharey=True)
        plain, made = data.cpu().numpy(), generated.cpu().numpy()
        if labels is None:
            left.scatter(plain[:, 0], plain[:, 1], s=8, color="#888888", label="data")
        else:
            _draw_classes(left, plain, labels.cpu().numpy())
        right.scatter(plain[:, 0], plain[:, 1], s=8, color="#cccccc", label="data")
        right.scatter(made[:, 0], made[:, 1], s=10, color="#000000", marker="x", lw=0.7, label="f(z)")
        for ax, name in ((left, title), (right, "beside generated pictures")):
            ax.set(title=name, xlabel=axes[0], ylabel=axes[1], aspect="equal", adjustable="box")
            ax.legend(markerscale=1.6, fontsize=8, loc="center left", bbox_to_anchor=(1, 0.5))
    return figure


def _draw_classes(ax: Axes, points: Float[np.ndarray, "n 2"], labels: Int[np.ndarray, " n"]) -> None:
    found = np.unique(labels)
    colours = colormaps["tab10" if len(found) <= _FEW else "tab20"]
    for i, label in enumerate(found):
        own = points[labels == label]
        ax.scatter(own[:, 0], own[:, 1], s=8, color=colours(i % _MANY), label=str(label))
