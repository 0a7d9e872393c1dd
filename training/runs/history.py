"""What a run writes as it goes: metrics.csv, a user's loggers, a bar where someone is looking."""

from __future__ import annotations

import csv
import math
import os
import time
from io import StringIO
from typing import TYPE_CHECKING, Any

import click

from .module import MEASURES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path


def columns(parts: Iterable[str]) -> tuple[str, ...]:
    """Return the columns of a run with these parts in its loss."""
    names = tuple(parts)
    gradients = (f"{name}_gradient" for name in names)
    measures = (f"validation_{name}" for name in (*MEASURES, "collapsed"))
    return ("step", "epoch", "learning_rate", *names, *gradients, "cosine", *measures)


_EVERY = 30
"""Seconds between two lines of progress, at least."""


class History:
    """A table that grows by rows, and shrinks to where a checkpoint was written.

    A run that was killed may have written more rows than its last checkpoint knows, the last of them by
    half.  The checkpoint holds the table's length in bytes, and the run goes on from there.

    Args:
        path: the .csv file.
        length: how much of it to keep; None for a new one.
        parts: of the loss, by name.
        loggers: of Lightning's kind; they see each row too.

    Raises:
        ValueError: the file is shorter than that.
    """

    def __init__(
        self, path: Path, length: int | None, parts: Iterable[str], loggers: Iterable[Any] = ()
    ) -> None:
        self.path, self.loggers, self.columns = path, tuple(loggers), columns(parts)
        if length is None:
            path.write_text(",".join(self.columns) + "\n", encoding="utf-8")
        elif not path.is_file() or path.stat().st_size < length:
            raise ValueError(f"expected {path} as the checkpoint knows it, {length} bytes or more; got less")
        else:
            with path.open("r+b") as file:
                file.truncate(length)

    def settled(self) -> int:
        """Return the table's length in bytes, once they all are on the disk."""
        with self.path.open("r+b") as file:
            os.fsync(file.fileno())
            return os.fstat(file.fileno()).st_size

    def write(self, row: Mapping[str, float]) -> None:
        """Append a row; columns that it does not name stay empty."""
        line = StringIO()
        csv.writer(line, lineterminator="\n").writerow(_shown(row.get(name)) for name in self.columns)
        with self.path.open("a", encoding="utf-8") as file:
            file.write(line.getvalue())
        values = {name: float(value) for name, value in row.items() if name != "step"}
        for logger in self.loggers:
            logger.log_metrics(values, int(row["step"]))

    def finish(self, status: str) -> None:
        """Tell the loggers that no more rows come."""
        for logger in self.loggers:
            logger.finalize(status)


def read_history(path: Path) -> dict[str, list[float]]:
    """Return the columns of a table; nan where a row has no entry."""
    with path.open(encoding="utf-8", newline="") as file:
        table = csv.DictReader(file)
        rows, names = list(table), table.fieldnames or ()
    return {name: [float(row[name] or "nan") for row in rows] for name in names}


class Bar:
    """A bar of steps, with how the run fares beside it; without a terminal, a line of it twice a minute."""

    def __init__(self, steps: int, *, shown: bool) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        console = Console(stderr=True)
        self.spoken = time.monotonic() if shown and not console.is_terminal else math.inf
        """When a line was last written, where there is no terminal for a bar."""
        columns = (
            TextColumn("step {task.completed}/{task.total}"),
            BarColumn(12),
            TimeRemainingColumn(),
            TextColumn("left"),
            TextColumn("{task.description}"),
        )
        self.progress = Progress(
            *columns, console=console, transient=True, disable=not (shown and console.is_terminal)
        )
        self.steps = steps
        self.task = self.progress.add_task("", total=steps)

    def update(self, step: int, found: Mapping[str, float | bool]) -> None:
        """Show the step, and of what was last measured the error and its guard."""
        centred = "collapsed" if found["collapsed"] else f"centred {found['centred']:.3g}"
        words = f"{centred}, kept {found['kept']:.3g}"
        self.progress.update(self.task, completed=step, description=words)
        if time.monotonic() - self.spoken > _EVERY:
            self.spoken = time.monotonic()
            click.echo(f"step {step}/{self.steps}: {words}", err=True)


def _shown(value: float | None) -> str:
    return "" if value is None else f"{value:.9g}"
