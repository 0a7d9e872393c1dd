"""Errors in users' own networks, data and tasks, told in one line with the place they come from."""

from __future__ import annotations

import sysconfig
import traceback
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

import analysis
import corrector

if TYPE_CHECKING:
    from collections.abc import Iterator

_OURS = [Path(file or "").parent for file in (corrector.__file__, analysis.__file__, __file__)]
_LIBRARIES = [Path(sysconfig.get_path(kind)) for kind in ("stdlib", "platstdlib", "purelib", "platlib")]


class ForeignError(click.ClickException):
    """Code that is not ours raised something: a mistake in what was asked, exit status 2."""

    exit_code = 2


@contextmanager
def foreign() -> Iterator[None]:
    """Run a block in which users' code runs too, and say where it is if that raises.

    Raises:
        ForeignError: it did.
    """
    try:
        yield
    except click.ClickException:
        raise
    except Exception as error:
        if where := place(error):
            raise ForeignError(f"{told(error)} ({where})") from error
        raise


def told(error: Exception) -> str:
    """Return an error in a line: its kind and its first words."""
    lines = str(error).splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__


def place(error: Exception) -> str | None:
    """Return "f.py, line 3, in forward" where users' code, or what it called, raised this, or None."""
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        path = Path(frame.filename)
        if any(path.is_relative_to(folder) for folder in _OURS):
            return None
        inside = any(path.is_relative_to(folder) for folder in _LIBRARIES)
        if path.is_absolute() and path.is_file() and not inside:
            near = path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
            return f"{near}, line {frame.lineno}, in {frame.name}"
    return None
