"""A bar for what takes longer than two seconds, where someone is looking."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_AFTER = 2.0
"""Seconds."""


@contextmanager
def progress(words: str, total: int) -> Iterator[Callable[[int], None]]:
    """Yield what is to be told how much more is done; a bar of these words begins after two seconds."""
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    bar = Progress(console=console, transient=True, disable=not console.is_terminal)
    task = bar.add_task(words, total=total)
    begun = time.monotonic()

    def advance(more: int) -> None:
        bar.advance(task, more)
        if time.monotonic() - begun > _AFTER:
            bar.start()

    try:
        yield advance
    finally:
        bar.stop()
