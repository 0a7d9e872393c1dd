"""Matrices in files: .npy, and Matrix Market's .mtx, also packed as .mtx.gz or .mtx.bz2.

A file's head says how large its matrix is; what would not fit into memory is refused before it is read.
"""

from __future__ import annotations

import bz2
import gzip
import zlib
from typing import TYPE_CHECKING, Any

import numpy as np
import psutil
import scipy.io
import scipy.sparse

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

_WIDTH = {"complex": 16}
"""Bytes of a number by Matrix Market's name of its field; 8 of any other."""

SUFFIXES = (".npy", ".mtx", ".mtx.gz", ".mtx.bz2")


def is_matrix_name(path: Path, suffixes: Iterable[str] = SUFFIXES) -> bool:
    """Return whether the name ends as one of these formats does."""
    return path.name.lower().endswith(tuple(suffixes))


def read_matrix(path: Path, matrices: int = 1) -> np.ndarray[Any, Any]:
    """Return the array in a file; a sparse one is filled up with zeros.

    Args:
        path: the file.
        matrices: so many of the array's size, it among them, are going to be held in memory.

    Raises:
        ValueError: the file holds something else, or is cut off.
        MemoryError: there is not so much memory.
        OSError: it cannot be read.
    """
    try:
        if path.name.lower().endswith(".npy"):
            stored = np.lib.format.open_memmap(path, mode="r")
            require_memory(stored.nbytes, matrices, stored.shape)
            return np.array(stored)
        rows, columns, entries, _, field, _ = scipy.io.mminfo(path)
        require_memory(rows * columns * _WIDTH.get(field, 8), matrices, (rows, columns))
        _require_all(path, rows, columns, entries)
        found = scipy.io.mmread(path)
    except (ValueError, EOFError, OverflowError, zlib.error, gzip.BadGzipFile) as error:
        wrong = f"{path} holds something else or is cut off ({error})"
        raise ValueError(f"expected {_expected(path)}; {wrong}") from None
    return found.toarray() if scipy.sparse.issparse(found) else np.asarray(found)


def _require_all(path: Path, rows: int, columns: int, entries: int) -> None:
    """Raise ValueError where entries are missing: scipy takes some for zeros, and breaks down at others."""
    openers: dict[str, Any] = {".gz": gzip.open, ".bz2": bz2.open}
    with openers.get(path.suffix.lower(), open)(path, "rt", encoding="utf-8") as file:
        kind, _, symmetry = file.readline().lower().split()[2:5]
        count = sum(1 for line in file if line.strip() and not line.startswith("%")) - 1
    if kind == "array":
        triangle = rows * (rows + 1) // 2
        entries = {"general": rows * columns, "skew-symmetric": triangle - rows}.get(symmetry, triangle)
    if count != entries:
        raise ValueError(f"expected {entries} entries; got {count}")


def write_matrix(path: Path, matrix: np.ndarray[Any, Any]) -> None:
    """Write one matrix in the format that the name asks for, every digit of it."""
    with path.open("wb") as file:  # to a name numpy and scipy would add a suffix of their own
        if path.name.lower().endswith(".npy"):
            np.save(file, matrix, allow_pickle=False)
        else:
            scipy.io.mmwrite(file, matrix, precision=17, symmetry="general")


def require_memory(size: int, matrices: int, shape: tuple[int, ...]) -> None:
    """Raise MemoryError where so many arrays of this many bytes are more than is free."""
    needed, free = size * matrices, psutil.virtual_memory().available
    if needed > free:
        raise MemoryError(
            f"expected arrays that fit into the {free / 2**30:.3g} GiB of memory that are free; got shape "
            f"{shape}, of which {matrices} take {needed / 2**30:.3g} GiB"
        )


def _expected(path: Path) -> str:
    return "a .npy file of numbers" if path.name.lower().endswith(".npy") else "a Matrix Market file"
