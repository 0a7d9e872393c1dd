"""CelebA, in its official layout."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from .cache import stacked
from .decoding import Recipe
from .images import Images
from .listing import found_at

if TYPE_CHECKING:
    import os
    from collections.abc import Callable

_FOLDER, _LIST = "img_align_celeba", "list_eval_partition.txt"
_WIDTH, _HEIGHT = 178, 218
_PARTS = ("train", "validation", "test")
_FEWEST = 2


def celeba(
    directory: str | os.PathLike[str],
    size: int = 64,
    crop: int = 140,
    *,
    require: Callable[[tuple[int, int, int]], object] | None = None,
) -> Images:
    """Return CelebA's aligned faces in colour, in its official parts: 162 770, 19 867 and 19 962.

    A square in the middle of the 178×218 pixels is scaled to size×size without aliasing.  Decoded once, as
    `image_folder` does: 2.5 GB in the user's cache at 64×64, which are mapped from there.

    Args:
        directory: holds the folder `img_align_celeba` of .jpg files and `list_eval_partition.txt`, which
            gives each a line: its name and 0 to train on, 1 to validate, 2 to test.  CelebA's licence does
            not let others hand it on: it comes from its authors.
        size: of a side.
        crop: side of the square; 140 as Song and Ermon cut, 178 for all of the width.
        require: as of `image_folder`.

    Raises:
        FileNotFoundError: the list, the folder, or a picture that the list names is missing.
        ValueError: a line is none, a name comes twice, a picture is not in the list, a part has fewer than
            two pictures; or one is damaged or not of 178×218 pixels.
        OSError: a file cannot be read, or the cache not be written.

    References: Z. Liu, P. Luo, X. Wang and X. Tang, Deep learning face attributes in the wild (ICCV 2015),
    section 4; the crop: Y. Song and S. Ermon, Generative modeling by estimating gradients of the data
    distribution (NeurIPS 2019), section 5.

    >>> celeba("none")
    Traceback (most recent call last):
        ...
    FileNotFoundError: expected list_eval_partition.txt and img_align_celeba in none; got no ...
    """
    if not 1 <= crop <= _WIDTH:
        raise ValueError(f"`crop` must be from 1 to {_WIDTH}; got {crop}")
    if not 1 <= size <= _WIDTH:
        raise ValueError(f"`size` must be from 1 to {_WIDTH}; got {size}")
    folder = Path(directory)
    for name, there in ((_LIST, (folder / _LIST).is_file()), (_FOLDER, (folder / _FOLDER).is_dir())):
        if not there:
            raise FileNotFoundError(f"expected {_LIST} and {_FOLDER} in {folder}; got no {name}")
    if require is not None:
        require((3, size, size))
    partition = _partition(folder / _LIST)
    _require_all_listed(folder / _FOLDER, partition)
    files = [found_at(folder, f"{_FOLDER}/{name}") for name in partition]
    recipe = Recipe(
        channels=3,
        turned=True,
        width=_WIDTH,
        height=_HEIGHT,
        crop=crop,
        size=size,
        like="CelebA's aligned ones",
    )
    pixels, _ = stacked("celeba", files, recipe, skip_damaged=None)
    numbers = torch.tensor(list(partition.values()))
    train, validation, test = ((numbers == i).nonzero().flatten() for i in range(3))
    return Images("celeba", torch.from_numpy(pixels), (train, validation, test))


def _partition(path: Path) -> dict[str, int]:
    """The number of each picture's part."""
    found: dict[str, int] = {}
    for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
        name, _, part = line.strip().partition(" ")
        if part.strip() not in ("0", "1", "2") or "/" in name or "\\" in name:
            raise ValueError(
                f"expected a picture's name and 0, 1 or 2 in {path}; got line {number}: {line[:80]!r}"
            )
        if name in found:
            raise ValueError(f"expected each picture once in {path}; got {name} again in line {number}")
        found[name] = int(part)
    counts = Counter(found.values())
    for i, part in enumerate(_PARTS):
        if counts[i] < _FEWEST:
            raise ValueError(
                f"expected at least {_FEWEST} pictures of part {i} ({part}) in {path}; got {counts[i]}"
            )
    return found


def _require_all_listed(folder: Path, partition: dict[str, int]) -> None:
    """Refuse a folder that lacks a picture of the list, or has another."""
    there = {path.name for path in folder.iterdir() if not path.name.startswith(".")}
    if missing := sorted(partition.keys() - there):
        raise FileNotFoundError(
            f"expected the {len(partition)} pictures of {_LIST} in {folder}; got {len(missing)} fewer, "
            f"without {missing[0]}"
        )
    if others := sorted(there - partition.keys()):
        raise ValueError(f"expected the pictures of {_LIST} alone in {folder}; got {others[0]} beside them")
