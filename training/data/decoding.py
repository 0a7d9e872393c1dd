"""A picture's file turned into bytes, or refused in one line that names it.

Files are taken for hostile.  Pillow is asked for the formats below alone, for among its others are some that
start programs; what a file says of its size is judged before a pixel is decoded.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

if TYPE_CHECKING:
    from pathlib import Path

    from jaxtyping import UInt8

FORMATS = ("BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")
SUFFIXES = (".bmp", ".gif", ".jfif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp")
MOST_PIXELS = 2**26
"""Of a picture: 67 million, more than cameras take, and a quarter of a gigabyte once it is decoded."""

_GREY = ("1", "L", "LA")
_COLOUR = ("P", "PA", "RGB", "RGBA", "RGBX")
_MODES = {1: "L", 3: "RGB"}
_KINDS = {"L": "grey", "RGB": "colour"}


class PictureError(ValueError):
    """A file is no picture that is read."""


class DamagedError(PictureError):
    """A file is no whole picture, and may be left out of a data set."""


@dataclass(frozen=True)
class Recipe:
    """What pictures are turned into.

    Attributes:
        channels: 1 for grey, 3 for red, green and blue.
        turned: whether pictures of the other kind are turned into this one, or refused.
        width, height: of every file; None where they may differ.
        crop: side of the square in the middle that is kept; None for the largest.
        size: side that this is scaled to; None for pictures as they are.
        like: whose kind and size are asked for, in words.
    """

    channels: int
    turned: bool = False
    width: int | None = None
    height: int | None = None
    crop: int | None = None
    size: int | None = None
    like: str = ""

    @property
    def shape(self) -> tuple[int, int, int]:
        """(channels, height, width) of what is made."""
        height, width = (self.height, self.width) if self.size is None else (self.size, self.size)
        if height is None or width is None:
            raise ValueError("a recipe must have a size, or the width and height of every file; got neither")
        return self.channels, height, width


def decoded(path: Path, recipe: Recipe) -> UInt8[np.ndarray, "channels height width"]:
    """Return a picture's bytes.

    Grey from colour is 0.299 R + 0.587 G + 0.114 B.  A square of side s is cut from the middle, the odd pixel
    left to the right and below, and scaled to S×S along each axis in turn, without aliasing: with
    c_i = (i + ½)s/S the middle of new pixel i and r = max(1, s/S),

        y_i = Σ_j w_ij x_j / Σ_j w_ij,   w_ij = max(0, 1 − |j + ½ − c_i| / r),

    an average over the area around where the picture shrinks, bilinear interpolation where it grows.

    Args:
        path: of the file.
        recipe: what to make of it.

    Raises:
        DamagedError: it is no whole picture.
        PictureError: it is none of those that are read, or not of the recipe's kind or size.

    References: ITU-R Recommendation BT.601-7 (2011), section 2.5.1.
    """
    picture = upright(path)
    mode = _MODES[recipe.channels]
    if picture.mode != mode:
        if not recipe.turned:
            raise PictureError(
                f"expected {_KINDS[mode]} pictures, as {recipe.like}; got one in {_KINDS[picture.mode]}, "
                f"{path} (1 or 3 channels turn all into one kind)"
            )
        picture = picture.convert(mode)
    if recipe.width is not None and picture.size != (recipe.width, recipe.height):
        raise PictureError(
            f"expected pictures of {recipe.width}×{recipe.height}, as {recipe.like}; got "
            f"{picture.width}×{picture.height}, {path} (a size crops and scales all alike)"
        )
    if recipe.size is not None:
        picture = _square(picture, recipe.crop or min(picture.size), recipe.size)
    pixels = np.asarray(picture)
    return pixels[None] if recipe.channels == 1 else np.ascontiguousarray(pixels.transpose(2, 0, 1))


def upright(path: Path) -> Image.Image:
    """Return a file's picture as a viewer shows it: grey ("L") or in colour ("RGB"), turned as EXIF says.

    A palette counts as colour, an opaque alpha channel is left out, black and white are grey.  Colour
    profiles are ignored.

    Raises:
        DamagedError: it is no whole picture.
        PictureError: it is none of those that are read: enormous, animated, transparent, of more than 8 bits
            a channel, neither grey nor RGB, or it cannot be opened.
    """
    try:
        with path.open("rb") as file, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of sizes, which are judged here, and of odd metadata
            with Image.open(file, formats=FORMATS) as picture:
                _require_plain(picture, path)
                return _without_alpha(ImageOps.exif_transpose(picture), path)
    except PictureError:
        raise
    except Image.DecompressionBombError:
        raise PictureError(f"expected at most {MOST_PIXELS} pixels in {path}; got far more") from None
    except UnidentifiedImageError:
        raise DamagedError(
            f"expected a picture ({', '.join(FORMATS)}) in {path}; got something else"
        ) from None
    except Exception as error:  # noqa: BLE001 - at hostile files Pillow's readers raise errors of every kind
        if isinstance(error, OSError) and error.errno is not None:
            raise PictureError(f"expected to read {path}; got: {error.strerror}") from None
        raise DamagedError(f"expected a whole picture in {path}; got: {error}") from None


def _require_plain(picture: Image.Image, path: Path) -> None:
    """Refuse, before it is decoded, what the file's head says is none of those that are read."""
    if picture.width * picture.height > MOST_PIXELS:
        raise PictureError(
            f"expected at most {MOST_PIXELS} pixels in {path}; got {picture.width}×{picture.height}"
        )
    # A camera's MPO is a JPEG with previews and second views behind it.
    if getattr(picture, "is_animated", False) and picture.format != "MPO":
        raise PictureError(f"expected one picture a file; got several, an animation or pages, in {path}")
    if picture.mode in ("I", "F") or picture.mode.startswith("I;") or _deep(picture):
        raise PictureError(f"expected 8 bits a channel; got more in {path}")
    if picture.mode not in _GREY + _COLOUR:
        raise PictureError(f"expected grey or RGB; got {picture.mode} in {path}")


def _deep(picture: Image.Image) -> bool:
    """Whether there are 16 bits a channel, of which Pillow would keep 8 where there are several channels."""
    for codec, _, _, arguments in getattr(picture, "tile", ()):
        if codec.startswith("ppm"):
            return int(arguments[1]) > 255
        if ";16" in str(arguments):
            return True
    return False


def _without_alpha(picture: Image.Image, path: Path) -> Image.Image:
    grey = picture.mode in _GREY
    if picture.has_transparency_data:
        opacity = picture.convert("RGBA").getchannel("A").getextrema()[0]
        if isinstance(opacity, tuple) or opacity < 255:
            raise PictureError(f"expected opaque pictures; got a transparent one, {path}")
    return picture.convert("L" if grey else "RGB")


def _square(picture: Image.Image, side: int, size: int) -> Image.Image:
    left, top = (picture.width - side) // 2, (picture.height - side) // 2
    cut = picture.crop((left, top, left + side, top + side))
    return cut if side == size else cut.resize((size, size), Image.Resampling.BILINEAR)
