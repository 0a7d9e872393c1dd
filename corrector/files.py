"""Files that are written whole or not at all."""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def whole_file(target: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a path to write to, which becomes `target` only if the block ends without an error.

    The suffix is kept, for writers that choose the format by it.  A file that was there before
    stays until the new one is complete.

    Raises:
        FileNotFoundError: the folder does not exist.
    """
    path = Path(target)
    if not path.parent.is_dir():
        raise FileNotFoundError(f"expected an existing folder for {path.name}; got {path.parent}")
    handle, name = tempfile.mkstemp(prefix=f".{path.stem}-", suffix=path.suffix, dir=path.parent)
    os.close(handle)
    draft = Path(name)
    draft.chmod(0o666 & ~_umask())
    try:
        yield draft
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


@contextmanager
def whole_folder(target: str | os.PathLike[str], marker: str) -> Iterator[Path]:
    """Yield a folder to fill, which becomes `target` only if the block ends without an error.

    A folder that is there already is replaced only if it holds a file `marker`, the sign that it
    was made in this way, or is empty.  The block need not write the marker itself.

    Raises:
        FileExistsError: `target` is something else that must not be lost.
        OSError: `target` cannot be written there.
    """
    path = Path(target)
    if path.exists() and not _replaceable(path, marker):
        raise FileExistsError(f"expected a new folder, an empty one, or one with {marker} in it; got {path}")
    above = next(folder for folder in path.absolute().parents if folder.exists())
    if not above.is_dir():
        raise NotADirectoryError(f"expected folders above {path}; got the file {above}")
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=f".{path.name}-", dir=path.parent))
    draft.chmod(0o777 & ~_umask())
    try:
        yield draft
        (draft / marker).touch()
        if path.exists():
            old = draft.with_name(draft.name + "-old")
            path.rename(old)
            draft.rename(path)
            shutil.rmtree(old)
        else:
            draft.rename(path)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _replaceable(path: Path, marker: str) -> bool:
    return path.is_dir() and ((path / marker).is_file() or not any(path.iterdir()))


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
