"""The pictures that lie in a folder, all of them or an error."""

from __future__ import annotations

import mimetypes
import os
import stat
import warnings
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, NamedTuple

from .decoding import SUFFIXES

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_KNOWN = mimetypes.MimeTypes(filenames=())  # Python's own, on every machine alike
for _suffix in (".jxl", ".jp2", ".j2k", ".jpx", ".tga", ".psd", ".dng", ".cr2", ".nef", ".arw"):
    _KNOWN.add_type("image/x-unread", _suffix)  # pictures that Python does not know for such
_NAMED = 5
"""Files that a warning names, at most."""


class Listed(NamedTuple):
    """A file as it was found.

    Attributes:
        path: with the folder's.
        name: from the folder on, with slashes.
        size: in bytes.
        changed: when, in nanoseconds.
    """

    path: Path
    name: str
    size: int
    changed: int


def listed(folder: Path) -> list[Listed]:
    """Return the pictures in a folder and the folders in it, sorted by name.

    What begins with a dot, and files that are no pictures by their names, are passed over; of those whose
    names do not say what they are, without a suffix or with an unknown one, a warning tells.

    Raises:
        FileNotFoundError: there is no such folder.
        OSError: a folder in it cannot be read.
        ValueError: there are none, or one that could not be read: in another format, or behind a link.
    """
    if not folder.is_dir():
        raise FileNotFoundError(f"expected a folder of pictures; {folder} is none")
    found: list[Listed] = []
    unknown: list[str] = []
    for root, folders, files in os.walk(folder, onerror=_refuse):
        folders[:] = [name for name in folders if not name.startswith(".")]
        inside = PurePath(root).relative_to(folder)
        for name in folders:
            _require_itself(folder / inside / name, stat.S_ISDIR)
        for name in files:
            path = (inside / name).as_posix()
            if name[0] != "." and _shows_a_picture(folder / path):
                found.append(found_at(folder, path))
            elif name[0] != "." and _kind(path) is None:
                unknown.append(path)
    if unknown:
        warnings.warn(
            f"passed over what is no picture by its name in {folder}, {len(unknown)} in all: "
            f"{first_of(sorted(unknown))}",
            stacklevel=3,
        )
    if not found:
        raise ValueError(f"expected pictures ({', '.join(SUFFIXES)}) in {folder}; got none")
    return sorted(found, key=lambda file: file.name)


def first_of(names: Sequence[str]) -> str:
    """Return the first five names, for a warning.

    >>> first_of("abcdef")
    'a, b, c, d, e, …'
    """
    return ", ".join(names[:_NAMED]) + ", …" * (len(names) > _NAMED)


def found_at(folder: Path, name: str) -> Listed:
    """Return a file as it is.

    Raises:
        ValueError: it is a link, or no file.
        OSError: it is not there.
    """
    path = folder / name
    about = _require_itself(path, stat.S_ISREG)
    return Listed(path, name, about.st_size, about.st_mtime_ns)


def _shows_a_picture(path: Path) -> bool:
    if path.suffix.lower() in SUFFIXES:
        return True
    if (_kind(path.name) or "").startswith("image/"):
        raise ValueError(f"expected pictures that are read ({', '.join(SUFFIXES)}); got {path}")
    return False


def _kind(name: str) -> str | None:
    """What a file is by its name: a media type, an encoding as of archives, or None."""
    kind, encoding = _KNOWN.guess_type(name.lower())
    return kind or encoding


def _require_itself(path: Path, of_the_kind: Callable[[int], bool]) -> os.stat_result:
    """Refuse links: out of the folder, or to a picture that then is there twice, in two parts maybe."""
    about = path.lstat()
    if stat.S_ISLNK(about.st_mode):
        raise ValueError(f"expected files and folders themselves; got a link, {path} -> {path.readlink()}")
    if not of_the_kind(about.st_mode):
        raise ValueError(f"expected files and folders; got something else, {path}")
    return about


def _refuse(error: OSError) -> None:
    raise error
