"""How much of a long computation is done, told by its parts."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[float], None]
"""What is called now and then with the share that is done."""


def silent(_: float) -> None:
    """Tell nobody."""


def within(progress: Progress, done: int, parts: int) -> Progress:
    """Return what tells the whole of one of equal parts, when so many of them are done.

    >>> within(print, 1, 4)(0.5)
    0.375
    """
    return lambda share: progress((done + share) / parts)
