"""What watches over a run: validates, keeps the last checkpoint and the best network, stops a collapse.

A checkpoint lies between two steps of the optimizer, and holds all that the next step depends on: weights,
the optimizer's state and the schedule's, the random generators of every process, and how many batches were
used.  The batches are functions of their number (`training.runs.batches`), Lightning's own counters of epochs
and batches start at 0 again in every process.  So a run that was killed goes on as if it had not been.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, cast

import lightning.pytorch as pl
import numpy as np
import torch.distributed as dist

from training.folder import BEST, CHECKPOINT
from training.generators import restore, seed_all, states

from .cost import Cost
from .module import NotFiniteError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from .history import Bar, History
    from .module import IdempotentTraining

    Measured = Mapping[str, float | bool]


class CollapseError(Exception):
    """The outputs were one point at several validations in turn."""


@dataclass(frozen=True)
class Pace:
    """How often things are done, in steps of the optimizer; each of which takes `accumulate` batches.

    Attributes:
        steps: how many there are.
        accumulate: batches a step.
        an_epoch: batches an epoch.
        validate, checkpoint, log, draw: steps between two validations, checkpoints, rows of metrics.csv,
            sheets of pictures.
        patience: validations in turn at which outputs may be collapsed; 0: any number.
        score: what the best network has least of, given the measures; nan where it cannot be best.
    """

    steps: int
    accumulate: int
    an_epoch: int
    validate: int
    checkpoint: int
    log: int
    draw: int
    patience: int
    score: Callable[[Measured], float]


@dataclass
class Progressed:
    """How far a run has come, as its checkpoints hold it.

    Attributes:
        step: of the optimizer, how many were taken.
        length: of metrics.csv, in bytes.
        last, best: measures on the validation part, at the last validation and of the best network so far.
        best_step: when that was.
        spread: whether the outputs were ever more than one point.
        collapses: validations in turn at which they were one.
    """

    step: int = 0
    length: int = 0
    last: dict[str, Any] = field(default_factory=dict)
    best: dict[str, Any] | None = None
    best_step: int = 0
    spread: bool = False
    collapses: int = 0


class Keeper(pl.Callback):
    """Watches over a run in a folder.

    Args:
        folder: of the run.
        pace: how often to do what.
        measure: returns the measures of the network on the validation part.
        write: writes the network to a path.
        draw: writes a sheet of pictures, given the step, if the network makes some.
        history, bar: where rows and progress go.
        seed: of the network's own chance, dropout for one.
        facts: what a checkpoint says of its run, that none goes on from another's.
        progressed: how far the run has come already.
    """

    def __init__(
        self,
        folder: Path,
        pace: Pace,
        measure: Callable[[], dict[str, Any]],
        write: Callable[[Path], None],
        draw: Callable[[int], None] | None,
        history: History | None,
        bar: Bar,
        seed: int,
        facts: Mapping[str, Any],
        progressed: Progressed | None,
    ) -> None:
        self.folder, self.pace, self.measure, self.write, self.draw = folder, pace, measure, write, draw
        self.history, self.bar, self.seed, self.facts = history, bar, seed, dict(facts)
        self.progressed = progressed or Progressed()
        self.random: list[dict[str, Any]] | None = None
        self.saved = self.progressed.step
        self.cost: Cost | None = None
        self.interrupted = False
        """Whether to stop after this step."""

    def on_load_checkpoint(self, _: pl.Trainer, __: pl.LightningModule, checkpoint: dict[str, Any]) -> None:
        """Take the generators' states out of a checkpoint."""
        self.random = checkpoint["random"]

    def on_train_start(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        """Put the generators where they belong; a new run begins with a checkpoint."""
        now = self.progressed
        if trainer.is_global_zero:
            self.cost = Cost(self.folder, now.step, module.device)
        if self.random is None:
            seed_all(self.seed + trainer.global_rank)
            now.last = self._measured(trainer)
            now.spread = not now.last["collapsed"]
            self._show(trainer)
            self._save(trainer, module)
        else:
            restore(self.random[trainer.global_rank], module.device)
        self.bar.update(now.step, now.last)

    def on_train_batch_end(
        self, trainer: pl.Trainer, module: pl.LightningModule, outputs: Any, _: Any, __: int
    ) -> None:
        """After a step: write a row, validate, write a checkpoint, each where it is due."""
        training = cast("IdempotentTraining", module)
        if training.batches % self.pace.accumulate:
            return
        now, pace = self.progressed, self.pace
        now.step = training.batches // pace.accumulate
        validates = now.step % pace.validate == 0
        row = {"step": now.step, "epoch": (training.batches - 1) // pace.an_epoch}
        if validates:
            now.last = self._measured(trainer)
            row |= {f"validation_{name}": value for name, value in now.last.items()}
        if validates or now.step % pace.log == 0:
            row |= {name: value for name, value in outputs.items() if name != "loss"}
            self._log(row | {"learning_rate": trainer.optimizers[0].param_groups[0]["lr"]})
        self._show(trainer)
        if validates:
            self._judge(trainer)
        if now.step == pace.steps:
            self._end(trainer)
        # Not after the last step, from which there is nothing to go on with.
        if (now.step % pace.checkpoint == 0 or self.interrupted) and now.step < pace.steps:
            self._save(trainer, module)
        self.bar.update(now.step, now.last)
        if self.interrupted:
            raise KeyboardInterrupt

    def on_save_checkpoint(
        self, _: pl.Trainer, module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Add how far the run has come and the generators' states; leave Lightning's counters out."""
        del checkpoint["loops"]
        checkpoint["run"] = asdict(self.progressed)
        checkpoint["facts"] = self.facts
        checkpoint["random"] = _gathered(states(module.device))

    def _measured(self, trainer: pl.Trainer) -> dict[str, Any]:
        """The first process's: that all decide alike."""
        found: dict[str, Any] = trainer.strategy.broadcast(self.measure())
        return found

    def _log(self, row: dict[str, Any]) -> None:
        if self.history is not None:
            self.history.write({name: float(value) for name, value in row.items()})

    def _show(self, trainer: pl.Trainer, *, last: bool = False) -> None:
        step = self.progressed.step
        due = last or (step % self.pace.draw == 0 and step < self.pace.steps)
        if self.draw is not None and due and trainer.is_global_zero:
            self.draw(step)

    def _end(self, trainer: pl.Trainer) -> None:
        """Show what the network makes in the end, and write what it took."""
        self._show(trainer, last=True)
        if self.cost is not None:
            self.cost.end(self.progressed.step)

    def _judge(self, trainer: pl.Trainer) -> None:
        """Keep the network if it is the best; stop if the outputs collapsed once too often."""
        now, found = self.progressed, self.progressed.last
        score = self.pace.score(found)
        if score < (np.inf if now.best is None else self.pace.score(now.best)):
            now.best, now.best_step = found, now.step
            if trainer.is_global_zero:
                self.write(self.folder / BEST)
        now.spread |= not found["collapsed"]
        now.collapses = now.collapses + 1 if found["collapsed"] and now.spread else 0
        if self.pace.patience and now.collapses >= self.pace.patience:
            self._end(trainer)
            raise CollapseError(
                f"the outputs keep {found['kept']:.2g} of the inputs' variance at step {now.step}, and were "
                f"one point at {now.collapses} validations in turn"
            )

    def _save(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        for name, weight in module.named_parameters():
            if not weight.isfinite().all():
                raise NotFiniteError(f"expected finite weights; got others in {name.removeprefix('net.')}")
        if self.history is not None:
            self.progressed.length = self.history.settled()
        trainer.save_checkpoint(self.folder / CHECKPOINT)
        self.saved = self.progressed.step
        if self.cost is not None:
            self.cost.write(self.saved)


def _gathered(state: dict[str, Any]) -> list[dict[str, Any]]:
    """The states of all processes, in their order."""
    if not dist.is_initialized():
        return [state]
    states: list[Any] = [None] * dist.get_world_size()
    dist.all_gather_object(states, state)
    return states


def score(found: Mapping[str, float | bool], weight: float) -> float:
    """What the best network has least of: what is minimised, by means, or without a task the centred error.

    The error alone would be least where the outputs shrink; collapsed networks cannot be best.
    """
    if found["collapsed"]:
        return math.inf
    return float(found["task"] + weight * found["error"] if "task" in found else found["centred"])
