"""Pictures decoded once: their bytes in a .npy file in the user's cache, mapped into memory from there.

A stack has the name of the data set, a hash of where it lies and of the recipe, and one of its files' names,
sizes and times and of what decoded them.  Beside it a .json file has its checksum and what was left out.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import zlib
from contextlib import closing, suppress
from dataclasses import asdict, replace
from math import prod
from typing import IO, TYPE_CHECKING, NamedTuple

import numpy as np
import PIL

from corrector.files import whole_file

from .checksum import checked_sum
from .decoding import DamagedError, PictureError
from .progress import progress
from .working import decoded_together

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from jaxtyping import UInt8

    from .decoding import Recipe
    from .listing import Listed

_VERSION = 1
"""Of how pictures are decoded; another when that changes."""


class Stack(NamedTuple):
    """Decoded pictures.

    Attributes:
        pixels: uint8 (n, channels, height, width), mapped from a file; what is written to them is not kept.
        left_out: names of the files that were damaged.
    """

    pixels: UInt8[np.ndarray, "n channels height width"]
    left_out: tuple[str, ...]


def stacked(name: str, files: Sequence[Listed], recipe: Recipe, *, skip_damaged: bool | None) -> Stack:
    """Return the pictures of these files, decoded now or before.

    Args:
        name: of the data set.
        files: in order.
        recipe: what to make of each.
        skip_damaged: whether files that are no whole pictures are left out, or refused; None where that may
            not be asked for.

    Raises:
        ValueError: a file is refused.
        OSError: the user's cache cannot be written, or has too little room.
    """
    from filelock import FileLock
    from pooch import os_cache

    cache = os_cache("corrector") / "pictures"
    cache.mkdir(parents=True, exist_ok=True)
    kind, content = _keys(files, recipe, skip_damaged=skip_damaged)
    family = f"{''.join(c if c.isalnum() else '-' for c in name)[:40]}-{kind}"
    target = cache / f"{family}-{content}.npy"
    found = _found(target, len(files), recipe)
    if found is None:
        with FileLock(cache / f"{family}.lock"):  # another process may have made it meanwhile
            found = _found(target, len(files), recipe)
            if found is None:
                for old in [*cache.glob(f"{family}-*.*"), *cache.glob(f".{family}-*")]:
                    with suppress(OSError):  # where files that are in use cannot be removed
                        old.unlink()
                _make(target, files, recipe, skip_damaged=skip_damaged)
                found = _found(target, len(files), recipe)
    if found is None:
        raise OSError(f"expected to read {target}, just written; got something else")
    return found


def _keys(files: Sequence[Listed], recipe: Recipe, *, skip_damaged: bool | None) -> tuple[str, str]:
    """Hashes of where pictures lie and what is made of them; and of what lies there, and what decodes it."""
    root = files[0].path.resolve().as_posix().removesuffix(files[0].name)
    kind = [root, asdict(replace(recipe, like="")), skip_damaged]
    content = [_VERSION, PIL.__version__, *([file.name, file.size, file.changed] for file in files)]
    a, b = (hashlib.sha256(json.dumps(part).encode()).hexdigest()[:16] for part in (kind, content))
    return a, b


def _found(target: Path, count: int, recipe: Recipe) -> Stack | None:
    """The stack, if it is there and whole."""
    try:
        about = json.loads(target.with_suffix(".json").read_text(encoding="utf-8"))
        pixels = np.load(target, mmap_mode="c", allow_pickle=False)
        left_out = tuple(about["left_out"])
        whole = (
            pixels.shape == (count - len(left_out), *recipe.shape)
            and pixels.dtype == np.uint8
            and checked_sum(pixels, f"Checking {target.name}") == about["checksum"]
        )
    except (OSError, ValueError, TypeError, KeyError, EOFError):
        return None
    return Stack(pixels, left_out) if whole else None


def _make(target: Path, files: Sequence[Listed], recipe: Recipe, *, skip_damaged: bool | None) -> None:
    _require_room(target.parent, len(files) * prod(recipe.shape))
    checksum, done = 0, 0
    left_out: list[str] = []
    with (
        whole_file(target) as draft,
        draft.open("r+b") as out,
        closing(decoded_together([file.path for file in files], recipe)) as answers,
        progress(f"Decoding {len(files)} pictures", len(files)) as advance,
    ):
        begin = _write_header(out, len(files), recipe)
        for answer in answers:
            for number, damaged, words in answer.problems:
                if not damaged:
                    raise PictureError(words)
                if not skip_damaged:
                    remedy = "skip_damaged, or --skip-damaged, leaves such files out"
                    raise DamagedError(words if skip_damaged is None else f"{words} ({remedy})")
                left_out.append(files[done + number].name)
            out.write(answer.pixels.data)
            checksum = zlib.crc32(answer.pixels.data, checksum)
            done += answer.asked
            advance(answer.asked)
        out.seek(0)
        if _write_header(out, len(files) - len(left_out), recipe) != begin:
            raise RuntimeError("expected NumPy's headers to leave room for any count; got another length")
    with whole_file(target.with_suffix(".json")) as draft:
        draft.write_text(json.dumps({"checksum": checksum, "left_out": left_out}), encoding="utf-8")


def _write_header(out: IO[bytes], count: int, recipe: Recipe) -> int:
    """Write what a .npy file begins with; return where the pixels begin."""
    about = {"descr": "|u1", "fortran_order": False, "shape": (count, *recipe.shape)}
    np.lib.format.write_array_header_1_0(out, about)
    return out.tell()


def _require_room(cache: Path, needed: int) -> None:
    free = shutil.disk_usage(cache).free
    if needed > free:
        raise OSError(
            f"expected {needed / 1e9:.1f} GB of room in {cache} for the decoded pictures; got "
            f"{free / 1e9:.1f}: a smaller size takes less, XDG_CACHE_HOME names another place"
        )
