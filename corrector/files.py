"""Files that are written whole or not at all."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


NO_ROOM = (errno.ENOSPC, errno.EDQUOT)
"""Numbers of the errors that say so of a disk."""

_CONTENTS = ".made-by-corrector"


@contextmanager
def whole_file(target: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a path to write to, which becomes `target` only if the block ends without an error.

    The suffix is kept, for writers that choose the format by it.  A file that was there before
    stays until the new one is complete.

    Raises:
        FileNotFoundError: the folder does not exist.
        OSError: the file cannot be written there; it names `target`.
    """
    path = Path(target).resolve()
    if not path.parent.is_dir():
        raise FileNotFoundError(f"expected an existing folder for {path.name}; got {Path(target).parent}")
    draft = None
    try:
        handle, name = tempfile.mkstemp(prefix=f".{path.stem}-", suffix=path.suffix, dir=path.parent)
        os.close(handle)
        draft = Path(name)
        draft.chmod(0o666 & ~_umask())
        yield draft
        draft.replace(path)
    except OSError as error:
        if error.errno is None:  # as NumPy's, of a disk that is full
            raise OSError(f"expected to write the whole of {target}; got: {error}") from None
        if draft is None or error.filename in (None, draft, str(draft)):
            error.filename = str(target)
        raise
    finally:
        if draft:
            draft.unlink(missing_ok=True)


@contextmanager
def whole_folder(target: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a folder to fill, which becomes `target` only if the block ends without an error.

    A folder that is there already is replaced only if it is empty, or was made in this way and
    holds nothing else since: the names of its files are kept in a hidden file beside them.

    Raises:
        FileExistsError: `target` holds something that must not be lost, or is the current folder.
        OSError: `target` cannot be written there.
    """
    path = Path(target).resolve()
    if path == Path.cwd() or path.is_mount():
        raise FileExistsError(
            f"expected a folder that can be replaced; got the current one or a mount, {path}"
        )
    if path.exists() and not _replaceable(path):
        raise FileExistsError(f"expected a new folder, an empty one, or an older report alone; got {path}")
    above = next(folder for folder in path.parents if folder.exists())
    if not above.is_dir():
        raise NotADirectoryError(f"expected folders above {target}; got the file {above.name}")
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=f".{path.name}-", dir=path.parent))
    draft.chmod(0o777 & ~_umask())
    try:
        yield draft
        (draft / _CONTENTS).write_text("\n".join(sorted(p.name for p in draft.iterdir())), encoding="utf-8")
        if path.exists():
            old = draft.with_name(draft.name + "-old")
            path.rename(old)
            draft.rename(path)
            shutil.rmtree(old)
        else:
            draft.rename(path)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _replaceable(path: Path) -> bool:
    if not path.is_dir():
        return False
    names = {p.name for p in path.iterdir()}
    if _CONTENTS not in names:
        return not names
    ours = (path / _CONTENTS).read_text(encoding="utf-8").splitlines()
    return names <= {_CONTENTS, *ours}


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
