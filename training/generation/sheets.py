"""Contact sheets: pictures in rows with a name each, pixel by pixel."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.colors import to_rgb

from analysis.plotting import PALETTE, new_figure, styled

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from jaxtyping import Float, UInt8
    from matplotlib.figure import Figure
    from torch import Tensor

_DPI = 150
_SIDE = 96
"""Dots that a picture is wide, about: a whole number for each of its pixels."""
_GAP, _BETWEEN = 4, 22
"""Dots between pictures, and between rows of columns."""
_LETTER, _LINE = 11, 22
"""Dots, at most, that a letter of a label is wide, and that a line takes."""
_WIDEST = 2**14
"""Dots along a side of a sheet, at most."""


def progression(
    rows: Mapping[str, Float[Tensor, "n channels height width"]],
    *,
    low: float = 0.0,
    high: float = 1.0,
    columns: int = 16,
    captions: Sequence[str] = (),
    title: str = "",
) -> Figure:
    """Return a contact sheet: a row for each name, a column for each picture, in pixels that are squares.

    Each pixel is drawn as s×s dots, s whole, so that nothing is smoothed; grey from `low` (black) to `high`
    (white), in colour channel by channel.  What lies beyond is clipped, what is not finite vermilion.  Where
    there are more pictures than columns, all rows begin anew below.

    Args:
        rows: name and pictures, (n, channels, height, width) with 1 channel or 3; all of one shape.
        low: the least of their pixels' range.
        high: the greatest.
        columns: pictures beside each other, at most.
        captions: for each column, a few letters below it.
        title: of the whole.

    Raises:
        ValueError: there is nothing to draw, shapes differ or are not of pictures, or the sheet would be more
            than 16 384 dots wide or high.

    Cost: the dots of the sheet.

    >>> import torch
    >>> noise = torch.rand(20, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    >>> figure = progression({"z": noise, "f": noise.round()}, columns=10)
    >>> [text.get_text() for text in figure.axes[0].texts]
    ['z', 'f', 'z', 'f']
    """
    shape = _require_alike(rows, captions, columns, low, high)
    pixels = {name: _dots(x, low, high) for name, x in rows.items()}
    many, wide, tall = shape[0], *_dots_of(shape)
    across = min(columns, many)
    blocks = -(-many // across)
    below = _LINE * bool(captions)
    block = len(rows) * (tall + _GAP) - _GAP + below
    width, height = across * (wide + _GAP) - _GAP, blocks * (block + _BETWEEN) - _BETWEEN
    if max(width, height) > _WIDEST:
        raise ValueError(f"expected a sheet of at most {_WIDEST} dots a side; got {width}×{height}")

    sheet = np.full((height, width, 3), 255, np.uint8)
    labels: list[tuple[float, float, str, dict[str, Any]]] = []
    for first in range(0, many, across):
        top = first // across * (block + _BETWEEN)
        for i, (name, pictures) in enumerate(pixels.items()):
            y = top + i * (tall + _GAP)
            labels.append((-8, y + tall / 2, name, {"ha": "right", "va": "center"}))
            for j, picture in enumerate(pictures[first : first + across]):
                left = j * (wide + _GAP)
                sheet[y : y + tall, left : left + wide] = picture
        for j, caption in enumerate(captions[first : first + across]):
            middle = j * (wide + _GAP) + wide / 2
            at = {"ha": "center", "va": "center", "fontsize": 6.5}
            labels.append((middle, top + block - below / 2 + 1, caption, at))
    return _sheet(sheet, labels, max(map(len, rows)), title)


def _sheet(
    sheet: UInt8[np.ndarray, "height width 3"],
    labels: list[tuple[float, float, str, dict[str, Any]]],
    letters: int,
    title: str,
) -> Figure:
    """The figure, a dot of the file for each of the sheet."""
    height, width = sheet.shape[:2]
    left, top, edge = letters * _LETTER + 14, 2 * _LINE * bool(title), 12
    full = max(width + left, len(title) * 13) + 2 * edge, height + top + 2 * edge
    figure = new_figure(full[0] / _DPI, full[1] / _DPI)
    figure.set_layout_engine("none")
    with styled():
        place = (edge + left, edge, width, height)
        ax = figure.add_axes((place[0] / full[0], place[1] / full[1], width / full[0], height / full[1]))
        ax.set_axis_off()
        ax.imshow(sheet, interpolation="nearest", extent=(0, width, height, 0), aspect="auto")
        for x, y, words, options in labels:
            ax.text(x, y, words, **options)
        if title:
            at = 1 - (edge + _LINE / 2) / full[1]
            figure.text(place[0] / full[0], at, title, fontsize=10, va="center", ha="left")
    return figure


def _dots(x: Float[Tensor, "n channels height width"], low: float, high: float) -> UInt8[np.ndarray, "..."]:
    """Pictures as the sheet has them: (n, dots down, dots across, 3)."""
    plain = x.detach().cpu().double().numpy() if hasattr(x, "detach") else np.asarray(x, np.float64)
    scaled = np.moveaxis((plain - low) / (high - low), 1, -1)
    coloured = np.broadcast_to(scaled, (*scaled.shape[:-1], 3))
    broken = ~np.isfinite(coloured).all(-1, keepdims=True)
    shown = np.where(broken, to_rgb(PALETTE[5]), np.clip(coloured, 0, 1))
    scale = _scale(x.shape)
    return np.round(255 * shown).astype(np.uint8).repeat(scale, 1).repeat(scale, 2)


def _scale(shape: Sequence[int]) -> int:
    """Dots a pixel."""
    return max(1, round(_SIDE / max(shape[2:])))


def _dots_of(shape: Sequence[int]) -> tuple[int, int]:
    """(width, height) of a picture in dots."""
    return shape[3] * _scale(shape), shape[2] * _scale(shape)


def _require_alike(
    rows: Mapping[str, Any], captions: Sequence[str], columns: int, low: float, high: float
) -> tuple[int, ...]:
    shapes = {name: tuple(x.shape) for name, x in rows.items()}
    if not shapes or len(set(shapes.values())) > 1:
        raise ValueError(f"`rows` must be one or more, all of one shape; got {shapes or 'none'}")
    shape = next(iter(shapes.values()))
    if len(shape) != 4 or shape[1] not in (1, 3) or min(shape) < 1:
        raise ValueError(f"expected pictures of shape (n, 1 or 3, height, width); got {shape}")
    if captions and len(captions) != shape[0]:
        raise ValueError(f"`captions` must be one for each of {shape[0]} pictures; got {len(captions)}")
    if columns < 1 or not low < high:
        raise ValueError(f"expected columns ≥ 1 and low < high; got {columns}, {low:g} and {high:g}")
    return shape
