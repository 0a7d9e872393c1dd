"""Contact sheets: every pixel a square of whole dots, in its place."""

import matplotlib.image
import numpy as np
import pytest
import torch

from analysis.plotting import save
from training.generation.sheets import progression

GENERATOR = torch.Generator().manual_seed(0)


def written(figure, path):
    save(figure, path)
    return np.round(255 * matplotlib.image.imread(path)[..., :3]).astype(int)


def corner(figure):
    """Row and column of the first picture's first dot, in the file."""
    place = figure.axes[0].get_window_extent()
    return round(figure.bbox.height - place.y1), round(place.x0)


@pytest.mark.parametrize(
    ("channels", "height", "width", "scale"), [(1, 8, 8, 12), (3, 28, 20, 3), (1, 100, 3, 1)]
)
def test_pixels_are_squares_of_dots_in_rows_and_columns(tmp_path, channels, height, width, scale):
    x = torch.randint(0, 256, (5, channels, height, width), generator=GENERATOR)
    figure = progression({"x": x / 255, "y": 1 - x / 255}, columns=3, title="t", captions="abcde")
    sheet = written(figure, tmp_path / "sheet.png")
    top, left = corner(figure)
    for i, picture in enumerate(x):
        dots = np.moveaxis(np.broadcast_to(picture, (3, height, width)), 0, -1)
        dots = dots.repeat(scale, 0).repeat(scale, 1)
        tall, wide = height * scale, width * scale
        down = top + i // 3 * (2 * tall + 4 + 22 + 22)
        across = left + i % 3 * (wide + 4)
        assert (sheet[down : down + tall, across : across + wide] == dots).all()
        below = sheet[down + tall : down + 2 * tall + 4, across : across + wide]
        assert (below[:4] == 255).all()
        assert (below[4:] == 255 - dots).all()


def test_ranges_are_clipped_and_what_is_not_finite_is_seen(tmp_path):
    x = torch.tensor([-9.0, -1, 0, 1, 9, float("nan")]).reshape(1, 1, 1, 6)
    figure = progression({"x": x}, low=-1)
    top, left = corner(figure)
    row = written(figure, tmp_path / "sheet.png")[top, left : left + 96 : 16]
    assert row.tolist() == [[0] * 3, [0] * 3, [128] * 3, [255] * 3, [255] * 3, [213, 94, 0]]


def test_equal_sheets_are_equal_files(tmp_path):
    for name in ("a.png", "b.png"):
        save(progression({"x": torch.eye(8)[None, None]}, captions=["one"]), tmp_path / name)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


X = torch.zeros(2, 1, 8, 8)


@pytest.mark.parametrize(
    ("rows", "options", "words"),
    [
        ({}, {}, "`rows` must be one or more, all of one shape; got none"),
        ({"a": X, "b": X[:1]}, {}, r"`rows` must be .*got \{'a': \(2, 1, 8, 8\), 'b': \(1, 1, 8, 8\)\}"),
        ({"a": X[0]}, {}, r"expected pictures of shape \(n, 1 or 3, height, width\); got \(1, 8, 8\)"),
        ({"a": X.expand(2, 2, 8, 8)}, {}, r"got \(2, 2, 8, 8\)"),
        ({"a": X[:0]}, {}, r"got \(0, 1, 8, 8\)"),
        ({"a": X}, {"columns": 0}, "expected columns ≥ 1 and low < high; got 0, 0 and 1"),
        ({"a": X}, {"low": 1}, "got 16, 1 and 1"),
        ({"a": X}, {"captions": ["1"]}, "`captions` must be one for each of 2 pictures; got 1"),
        ({"a": X.expand(2, 3, 8, 8).repeat(1500, 1, 1, 1)}, {}, r"at most 16384 dots a side; got 1596×"),
    ],
)
def test_mistakes_are_named(rows, options, words):
    with pytest.raises(ValueError, match=words):
        progression(rows, **options)
