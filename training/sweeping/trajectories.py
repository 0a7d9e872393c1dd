"""The ways of rules through weight space from one beginning, on the plane that holds most of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from analysis.progress import silent, within

from .engine import Training, vmap_measures
from .plan import Plan

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from jaxtyping import Float

    from analysis.progress import Progress
    from training.rules.loss import Rule

    from .engine import State

_MARGIN = 0.25
"""Room around the ways, as a share of their extent."""
_CHUNK = 500
"""Networks measured at once."""


@dataclass(frozen=True)
class Trajectories:
    """Runs of several rules from equal weights on equal batches.

    Attributes:
        network: its name.
        rate: of SGD, with reduction "half_sum".
        ways: the points that each rule's weights pass on the plane, shape (point, 2), by rule.
        last: the idempotent error and the variance kept of each rule's network in the end, by rule.
        explained: the share of the squared distances from the mean that lies in the plane.
        first, second: coordinates of the grid, a square, shape (n,) each.
        error, kept: the idempotent error and the variance kept of the network at each point of the grid,
            shape (n, n), the second coordinate first.
    """

    network: str
    rate: float
    ways: Mapping[str, Float[np.ndarray, "point 2"]]
    last: Mapping[str, Mapping[str, float]]
    explained: float
    first: Float[np.ndarray, " n"]
    second: Float[np.ndarray, " n"]
    error: Float[np.ndarray, "n n"]
    kept: Float[np.ndarray, "n n"]


def trajectories(
    network: str,
    rate: float,
    *,
    rules: Sequence[Rule] = ("ordinary", "modified"),
    run: int = 0,
    epochs: int = 500,
    batch: int = 1000,
    grid: int = 61,
    seed: int = 0,
    progress: Progress = silent,
) -> Trajectories:
    """Train a network by each rule from equal weights on equal batches, and look at the plane of their ways.

    The plane is that of the two first principal components of all weights passed, each rule's at every epoch.

    Args:
        network: a name of `training.network`, or an import path; small, for the grid holds grid² of it.
        rate: of SGD, with reduction "half_sum": the scale at which all rules agree.
        rules: which.
        run: which first weights and batches.
        epochs: of one batch each.
        batch: inputs a step, drawn anew.
        grid: points along each side.
        seed: of all that is drawn.
        progress: is called now and then with the share that is done.

    Cost: the runs, and 3 passes for each point of the grid.

    >>> found = trajectories("N1", 0.05, epochs=50, grid=5)
    >>> found.ways["modified"].shape, found.error.shape, found.explained > 0.9
    ((51, 2), (5, 5), True)
    """
    plan = Plan(
        networks=(network,),
        rules=tuple(rules),
        learning_rates=(rate,),
        runs=run + 1,
        epochs=epochs,
        batch_sizes=(batch,),
        seed=seed,
        dtype="float64",
    )
    trainings = {p.treatment.name: Training(plan, p) for p in plan.pieces if p.run == run}
    passed, last = {}, {}
    for done, (rule, training) in enumerate(trainings.items()):
        passed[rule], last[rule] = _passed(training, within(progress, done, 2 * len(trainings)))
    everything = np.concatenate(list(passed.values()))
    mean = everything.mean(0)
    _, sizes, axes = np.linalg.svd(everything - mean, full_matrices=False)
    ways = {rule: (points - mean) @ axes[:2].T for rule, points in passed.items()}
    first, second = _square(np.concatenate(list(ways.values())), grid)
    x, y = np.meshgrid(first, second)
    places = mean + np.stack([x.ravel(), y.ravel()], 1) @ axes[:2]
    found = _measured(next(iter(trainings.values())), places, within(progress, 1, 2))
    explained = float((sizes[:2] ** 2).sum() / (sizes**2).sum())
    surfaces = (m.reshape(grid, grid) for m in found)
    return Trajectories(network, rate, ways, last, explained, first, second, *surfaces)


def _passed(
    training: Training, progress: Progress
) -> tuple[Float[np.ndarray, "point weight"], dict[str, float]]:
    """All weights of a run in a row, at the beginning and after each step; and its measures in the end."""
    state = training.fresh()
    rows = [_flat(state)]

    def beat(now: State) -> None:
        rows.append(_flat(now))
        progress(now.step / training.steps)

    training.run(state, beat)
    points = np.stack(rows)
    sound: Float[np.ndarray, "point weight"] = points[np.isfinite(points).all(1)]
    return sound, {name: float(state.curves[name][-1, 0]) for name in ("error", "kept")}


def _flat(state: State) -> Float[np.ndarray, " weight"]:
    row: Float[np.ndarray, " weight"] = torch.cat([p[0].flatten() for p in state.weights.values()]).numpy()
    return row.copy()


def _square(points: Float[np.ndarray, "point 2"], grid: int) -> Float[np.ndarray, "2 n"]:
    """The coordinates of a square with room around all points: lengths are alike in both directions."""
    low, high = points.min(0), points.max(0)
    reach = (0.5 + _MARGIN) * (high - low).max()
    middle: Float[np.ndarray, "2 1"] = ((low + high) / 2)[:, None]
    return middle + np.linspace(-reach, reach, grid)


def _measured(
    training: Training,
    places: Float[np.ndarray, "place weight"],
    progress: Progress = silent,
) -> tuple[Float[np.ndarray, " place"], Float[np.ndarray, " place"]]:
    """The error and the variance kept of networks with these weights."""
    shapes = {name: p.shape for name, p in training.net.named_parameters()}
    lengths = [shape.numel() for shape in shapes.values()]
    measures = vmap_measures(training.net, training.inputs.held_out)
    error, kept = [], []
    for start in range(0, len(places), _CHUNK):
        rows = torch.from_numpy(places[start : start + _CHUNK])
        parts = zip(shapes.items(), torch.split_with_sizes(rows, lengths, 1), strict=True)
        with torch.no_grad():
            found = measures({name: part.reshape(-1, *shape) for (name, shape), part in parts})
        error.append(found["error"].numpy())
        kept.append(found["kept"].numpy())
        progress(min(1.0, (start + _CHUNK) / len(places)))
    return np.concatenate(error), np.concatenate(kept)
