"""The picture of one run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from analysis.collapse import VARIANCE_FLOOR
from analysis.plotting import PALETTE, new_figure, styled

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.figure import Figure


_FEW = 20
"""Validations that are marked one by one: a single one draws no line."""


def run_curves(history: Mapping[str, Sequence[float]]) -> Figure:
    """Draw the parts of a run's loss and the idempotent error by steps, and the guard against collapse.

    Args:
        history: the columns of a metrics.csv.
    """
    parts = [name.removesuffix("_gradient") for name in history if name.endswith("_gradient")]
    parts = [name for name in parts if name != "idempotency"]  # which is drawn on held-out data
    panels = {
        "loss": {name: f"{name}, training" for name in parts}
        | {"validation_task": "task, validation", "validation_error": "idempotent error"},
        "guard: share of variance kept": {"validation_kept": "variance kept"},
        "guard: effective rank": {"validation_rank": "effective rank"},
    }
    steps = np.asarray(history["step"])
    few = sum(np.isfinite(history["validation_kept"])) <= _FEW
    with styled():
        figure = new_figure(10.5, 3.6)
        for i, (title, lines) in enumerate(panels.items()):
            ax = figure.add_subplot(1, len(panels), i + 1)
            for k, (name, label) in enumerate(lines.items()):
                values = np.asarray(history[name])
                there = np.isfinite(values) & (values > 0 if i < 2 else True)
                if there.any():
                    mark = "o" if few and name.startswith("validation") else ""
                    ax.plot(steps[there], values[there], c=PALETTE[k], label=label, lw=1.4, marker=mark, ms=4)
            ax.set(xlabel="step", xlim=(0, None), title=title, yscale="log" if i < 2 else "linear")
            if i == 1:
                ax.axhline(VARIANCE_FLOOR, color="grey", ls="--", lw=1, label="collapsed below")
            if i < 2 and ax.get_legend_handles_labels()[0]:
                ax.legend()
    return figure
