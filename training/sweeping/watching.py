"""What a sweep shows while it runs, and its data set on disk as it grows."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

    from .store import Store

WRITTEN_EVERY = 60.0
"""Seconds between the data sets that are written on the way."""


class Watch:
    """A bar with the time left where someone is looking, and the data set once a minute.

    Args:
        store: the sweep.
        shown: whether there is someone.
    """

    def __init__(self, store: Store, *, shown: bool) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

        console = Console(stderr=True)
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.percentage:.0f} %"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
        )
        hidden = not (shown and console.is_terminal)
        self.store = store
        self.progress = Progress(*columns, console=console, transient=True, disable=hidden)
        plan = store.plan
        self._costs = [plan.cost(piece) for piece in plan.pieces]
        self._steps = [plan.steps(piece) for piece in plan.pieces]
        work = sum(cost * steps for cost, steps in zip(self._costs, self._steps, strict=True))
        self._task = self.progress.add_task("", total=work)
        self._written = time.monotonic()

    def __enter__(self) -> Self:
        self()
        self.progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self.progress.stop()

    def __call__(self) -> None:
        """Show how far it has come, and write the data set if that is due."""
        if not self.progress.disable:
            taken = [min(a, b) for a, b in zip(self.store.steps(), self._steps, strict=True)]
            pieces = sum(a == b for a, b in zip(taken, self._steps, strict=True))
            done = sum(cost * steps for cost, steps in zip(self._costs, taken, strict=True))
            words = f"{pieces}/{len(taken)} pieces"
            self.progress.update(self._task, completed=done, description=words)
        if time.monotonic() - self._written > WRITTEN_EVERY:
            self.store.write_dataset()
            self._written = time.monotonic()
