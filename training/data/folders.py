"""Any folder of pictures, as a data set."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from .cache import stacked
from .decoding import DamagedError, Recipe, upright
from .images import Images
from .listing import first_of, listed

if TYPE_CHECKING:
    import os
    from collections.abc import Callable

    from .listing import Listed

FEWEST = 20
"""Pictures: a tenth is held out to validate and a tenth to report, of each two to have a variance."""
_SHARE = 10
_GREATEST = 4096


def image_folder(
    directory: str | os.PathLike[str],
    size: int | None = None,
    channels: int | None = None,
    *,
    skip_damaged: bool = False,
    require: Callable[[tuple[int, int, int]], object] | None = None,
) -> Images:
    """Return the pictures in a folder and the folders in it, a tenth to validate, a tenth to test.

    They are decoded once, by all cores, to a file in the user's cache from which they are mapped; again
    when a name, a size or a time of change is another.  The same pictures are split alike everywhere: in the
    order of their names, then by a permutation of its own.  Files are BMP, GIF, JPEG, PNG, PPM, TIFF and
    WebP, one opaque picture of 8 bits a channel each, turned as their EXIF data say.  Nothing is left out
    but what begins with a dot or is no picture by its name: what cannot be read is an error.

    Args:
        directory: the folder.
        size: side to which the largest square in the middle is scaled, averaged where it shrinks, linearly
            interpolated where it grows (`training.data.decoding.decoded` has the formula); None where all
            have one size, which is kept.
        channels: 1 for grey, 3 for colour, into which all are turned; None where all are of one kind.
        skip_damaged: whether files that are truncated or no pictures are left out, with a warning that
            says how many and which; `Images.left_out` has their names.
        require: called with (channels, height, width) before they are decoded, to raise an error where that
            is of no use.

    Raises:
        FileNotFoundError: there is no such folder.
        ValueError: there are fewer than 20 pictures; they are of several sizes or kinds; one is damaged, has
            more than 2²⁶ pixels or 16 bits a channel, is animated, transparent, in another format or behind
            a link.  It names the file, and what it differs from.
        OSError: a folder cannot be read, or the cache not be written.

    Cost: a byte a number in the cache; half a second of a core to decode 4000 PNG files of 32×32.

    >>> image_folder("none")
    Traceback (most recent call last):
        ...
    FileNotFoundError: expected a folder of pictures; none is none
    """
    if size is not None and not 1 <= size <= _GREATEST:
        raise ValueError(f"`size` must be from 1 to {_GREATEST}; got {size}")
    if channels not in (None, 1, 3):
        raise ValueError(f"`channels` must be 1 for grey, 3 for colour or None; got {channels}")
    folder = Path(directory)
    files = listed(folder)
    _require_enough(folder, len(files), 0)
    recipe = _recipe(files, size, channels, skip_damaged=skip_damaged)
    if require is not None:
        require(recipe.shape)
    name = folder.resolve().name
    pixels, left_out = stacked(name, files, recipe, skip_damaged=skip_damaged)
    _require_enough(folder, len(pixels), len(left_out))
    if left_out:
        warnings.warn(
            f"left {len(left_out)} damaged files of {len(files)} in {folder} out: {first_of(left_out)}",
            stacklevel=2,
        )
    held_out = len(pixels) // _SHARE
    order = torch.randperm(len(pixels), generator=torch.Generator().manual_seed(0))
    validation, test, train = order.tensor_split([held_out, 2 * held_out])
    return Images(name, torch.from_numpy(pixels), (train, validation, test), left_out=left_out)


def _recipe(files: list[Listed], size: int | None, channels: int | None, *, skip_damaged: bool) -> Recipe:
    """What all are turned into: of the kind and size of the first, where nothing else is said."""
    for file in files if size is None or channels is None else ():
        try:
            first = upright(file.path)
        except DamagedError as error:
            if skip_damaged:
                continue
            raise DamagedError(f"{error} (skip_damaged, or --skip-damaged, leaves such files out)") from None
        width, height = (None, None) if size is not None else first.size
        return Recipe(
            channels=channels or len(first.getbands()),
            turned=channels is not None,
            width=width,
            height=height,
            size=size,
            like=str(file.path),
        )
    if size is None or channels is None:
        raise ValueError(f"expected pictures that are whole; got {len(files)} damaged files")
    return Recipe(channels=channels, turned=True, size=size)


def _require_enough(folder: Path, count: int, damaged: int) -> None:
    if count < FEWEST:
        beside = f" and {damaged} damaged files" if damaged else ""
        raise ValueError(
            f"expected at least {FEWEST} pictures in {folder}, two in each tenth that is held out; got "
            f"{count}{beside}"
        )
