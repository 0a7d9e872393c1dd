"""Folders of pictures: what is read and how, and what is refused."""

import os
import warnings

import numpy as np
import pytest
import torch
from PIL import Image

from tests.training.pictures import faces, pixels, png, written
from training import celeba, image_folder
from training.data.decoding import Recipe, decoded

pytestmark = pytest.mark.usefixtures("cache")


def together(images):
    """All pictures in the order of their names, as they were before they were split."""
    return images.pixels.permute(0, 2, 3, 1).numpy()


@pytest.mark.parametrize("channels", [1, 3])
def test_a_folder_has_its_pictures_in_three_parts_that_share_none(tmp_path, channels):
    stack = pixels(channels=channels)
    images = image_folder(written(tmp_path / "pets", stack))
    assert repr(images) == f"Images(pets, 6×8{'×3' * (channels == 3)}, 20 + 2 + 2)"
    assert np.array_equal(together(images), stack.reshape(24, 6, 8, channels))
    assert sorted(torch.cat(images.parts).tolist()) == list(range(24))
    expected = torch.tensor(stack).reshape(24, 6, 8, channels).permute(0, 3, 1, 2) / 255
    assert torch.equal(images.part("validation")[:], expected[images.parts[1]])
    assert torch.equal(images.train, expected[images.parts[0]].flatten(1))
    again = image_folder(tmp_path / "pets")
    assert all(torch.equal(a, b) for a, b in zip(images.parts, again.parts, strict=True))


def test_folders_in_it_are_read_too_in_the_order_of_names(tmp_path):
    stack = pixels()
    written(tmp_path / "b", stack[:12])
    written(tmp_path / "a" / "deep", stack[12:])
    (tmp_path / "a" / "notes.txt").write_text("no picture")
    (tmp_path / ".thumbnails").mkdir()
    (tmp_path / ".thumbnails" / "x.png").write_bytes(b"")
    (tmp_path / "._00.png").write_bytes(b"as a Mac leaves them")
    assert np.array_equal(together(image_folder(tmp_path)), np.concatenate([stack[12:], stack[:12]]))


@pytest.mark.parametrize(
    ("suffix", "options"),
    [
        (".PNG", {}),
        (".bmp", {}),
        (".tif", {"compression": "tiff_lzw"}),
        (".ppm", {}),
        (".webp", {"lossless": True}),
        (".tiff", {}),
    ],
)
def test_formats_without_loss_are_read_to_the_bit(tmp_path, suffix, options):
    stack = pixels()
    assert np.array_equal(together(image_folder(written(tmp_path, stack, suffix, **options))), stack)


def test_grey_and_colour_are_turned_into_each_other_when_asked(tmp_path):
    stack = pixels()
    written(tmp_path, stack)
    grey = together(image_folder(tmp_path, channels=1))[..., 0]
    assert np.abs(grey - stack @ [0.299, 0.587, 0.114]).max() <= 0.51
    written(tmp_path, grey)
    colour = together(image_folder(tmp_path, channels=3))
    assert np.array_equal(colour, np.repeat(grey[..., None], 3, -1))


@pytest.mark.parametrize(
    ("height", "width", "size"), [(21, 40, 8), (9, 9, 9), (33, 16, 5), (6, 8, 17), (3, 5, 1)]
)
def test_squares_are_scaled_by_the_formula(tmp_path, height, width, size):
    stack = pixels(20, height, width)
    found = together(image_folder(written(tmp_path, stack), size)).astype(float)
    s = min(height, width)
    top, left = (height - s) // 2, (width - s) // 2
    square = stack[:, top : top + s, left : left + s].astype(float)
    middle, reach = (np.arange(size) + 0.5) * s / size, max(1, s / size)
    w = np.maximum(0, 1 - np.abs(np.arange(s) + 0.5 - middle[:, None]) / reach)
    w /= w.sum(1, keepdims=True)
    expected = np.einsum("ih,nhwc,jw->nijc", w, square, w)
    assert np.abs(found - expected).max() <= 1.01  # rounded after each axis


def test_opaque_alpha_palettes_and_black_and_white_are_read(tmp_path):
    stack = pixels(20)
    written(tmp_path / "alpha", np.concatenate([stack, np.full_like(stack[..., :1], 255)], -1))
    assert np.array_equal(together(image_folder(tmp_path / "alpha")), stack)
    few = stack // 128 * 255
    (tmp_path / "palette").mkdir()
    for i, picture in enumerate(few):
        Image.fromarray(picture).quantize(8).save(tmp_path / "palette" / f"{i:02}.gif")
    assert np.array_equal(together(image_folder(tmp_path / "palette")), few)
    (tmp_path / "bits").mkdir()
    for i, picture in enumerate(few[..., 0]):
        Image.fromarray(picture).convert("1", dither=Image.Dither.NONE).save(
            tmp_path / "bits" / f"{i:02}.png"
        )
    assert np.array_equal(together(image_folder(tmp_path / "bits"))[..., 0], few[..., 0])


@pytest.mark.parametrize("suffix", [".png", ".webp", ".tif"])
def test_pictures_are_turned_upright(tmp_path, suffix):
    stack = pixels(20)
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was held on its side
    options = {"lossless": True} if suffix == ".webp" else {}
    written(tmp_path, stack, suffix, exif=exif, **options)
    assert np.array_equal(together(image_folder(tmp_path)), np.rot90(stack, -1, (1, 2)))


def test_a_cameras_previews_are_no_animation(tmp_path):
    flat = np.broadcast_to(pixels(20, 1, 1), (20, 16, 16, 3))
    for i, picture in enumerate(flat):
        preview = Image.fromarray(picture).resize((8, 8))
        Image.fromarray(picture).save(tmp_path / f"{i:02}.jpg", "MPO", save_all=True, append_images=[preview])
    assert np.abs(together(image_folder(tmp_path)).astype(int) - flat).max() < 8


def spoilt(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2 : len(content) // 2 + 8] = b"\xff" * 8
    path.write_bytes(bytes(content))


def frames(path):
    first, second = (Image.fromarray(picture) for picture in pixels(2))
    first.save(path, save_all=True, append_images=[second])


def saved(picture, **options):
    return lambda path: Image.fromarray(picture).save(path, **options)


def holds(content):
    return lambda path: path.write_bytes(content)


GREY = pixels(1, channels=1)[0]
DEEP = "8 bits a channel; got more in .*"
SEVERAL = "one picture a file; got several, .*"
HOSTILE = {
    "wide.png": (saved(pixels(1, 6, 9)[0]), "of 8×6, as .*00.png; got 9×6, .*wide.png"),
    "grey.png": (saved(GREY), "colour pictures, as .*00.png; got one in grey, .*grey.png"),
    "glass.png": (saved(pixels(1, channels=4)[0]), "opaque pictures; got a transparent one, .*glass.png"),
    "hole.gif": (saved(GREY, transparency=int(GREY[2, 3])), "opaque pictures; got .*hole.gif"),
    "deep.png": (saved(GREY.astype(np.uint16)), DEEP + "deep.png"),
    "rgb48.png": (holds(png(8, 6, 16, rows=6 * (b"\0" + 48 * b"\1"))), DEEP + "rgb48.png"),
    "deep.tif": (saved(GREY.astype(np.float32)), DEEP + "deep.tif"),
    "deep.ppm": (holds(b"P6 8 6 65535 " + 6 * 8 * 6 * b"\1"), DEEP + "deep.ppm"),
    "cmyk.jpg": (lambda path: Image.new("CMYK", (8, 6)).save(path), "grey or RGB; got CMYK in .*cmyk"),
    "dance.gif": (frames, SEVERAL + "dance.gif"),
    "dance.png": (frames, SEVERAL + "dance.png"),
    "dance.webp": (frames, SEVERAL + "dance.webp"),
    "pages.tif": (frames, SEVERAL + "pages.tif"),
    "bomb.png": (holds(png(60_000, 60_000)), "at most 67108864 pixels in .*bomb.png; got far more"),
    "large.png": (holds(png(9_000, 9_000)), "at most 67108864 pixels in .*large.png; got 9000×9000"),
    "phone.heic": (holds(b"x"), "pictures that are read .*; got .*phone.heic"),
    "saved.jxl": (holds(b"x"), "pictures that are read .*; got .*saved.jxl"),
    "pipe.png": (os.mkfifo, "files and folders; got something else, .*pipe.png"),
    "link.png": (lambda path: path.symlink_to("/etc/passwd"), "got a link, .*link.png -> /etc/passwd"),
    "inside.png": (lambda path: path.symlink_to("00.png"), "got a link, .*inside.png -> 00.png"),
    "away": (lambda path: path.symlink_to("/"), "got a link, .*away -> /"),
}

DAMAGED = {
    "empty.png": lambda p: p.write_bytes(b""),
    "page.png": lambda p: p.write_text("<html>404</html>"),
    "script.jpg": lambda p: p.write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 6\n"),
    "other.png": lambda p: Image.fromarray(pixels(1)[0]).save(p, "PCX"),  # Pillow's, but not one of ours
    "cut.png": lambda p: p.write_bytes(p.with_name("00.png").read_bytes()[:-60]),
    "cut.jpg": lambda p: (Image.fromarray(pixels(1)[0]).save(p), p.write_bytes(p.read_bytes()[:-60])),
    "cut.bmp": lambda p: (Image.fromarray(pixels(1)[0]).save(p), p.write_bytes(p.read_bytes()[:-60])),
    "cut.webp": lambda p: (Image.fromarray(pixels(1)[0]).save(p), p.write_bytes(p.read_bytes()[:-60])),
    "cut.tif": lambda p: (Image.fromarray(pixels(1)[0]).save(p), p.write_bytes(p.read_bytes()[:100])),
    "spoilt.png": lambda p: (p.write_bytes(p.with_name("00.png").read_bytes()), spoilt(p)),
}


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("skip_damaged", [False, True])
def test_what_cannot_be_read_as_it_is_is_an_error_that_names_it(tmp_path, name, skip_damaged):
    make, words = HOSTILE[name]
    make(written(tmp_path, pixels()) / name)
    with pytest.raises((ValueError, OSError), match=f"^expected .*{words}"):
        image_folder(tmp_path, skip_damaged=skip_damaged)


@pytest.mark.parametrize("name", DAMAGED)
@pytest.mark.parametrize("size", [None, 4])
def test_damaged_files_are_an_error_unless_they_are_skipped_which_is_said(tmp_path, name, size):
    stack = pixels()
    DAMAGED[name](written(tmp_path, stack) / name)
    remedy = r"\(skip_damaged, or --skip-damaged, leaves such files out\)"
    with pytest.raises(ValueError, match=rf"^expected a .*{name}; got.*{remedy}"):
        image_folder(tmp_path, size)
    for _ in range(2):  # the second from the cache
        with pytest.warns(UserWarning, match=f"left 1 damaged files of 25 in .* out: {name}$"):
            images = image_folder(tmp_path, size, skip_damaged=True)
        assert images.left_out == (name,)
        assert repr(images).endswith("20 + 2 + 2, 1 left out)")
        assert size or np.array_equal(together(images), stack)


def test_files_of_no_known_kind_are_passed_over_which_is_said(tmp_path):
    stack = pixels()
    written(tmp_path, stack)
    (tmp_path / "in").mkdir()
    unknown = ("IMG_0001", "a.kind", "c.unknown", "d.thing", "e.other", "in/b.odd")
    for name in (*unknown, "notes.txt", "list.csv", ".hidden", "all.gz"):
        (tmp_path / name).write_bytes(b"x")
    words = rf"passed over what is no picture by its name in .*, 6 in all: {', '.join(unknown[:5])}, …$"
    with pytest.warns(UserWarning, match=words):
        images = image_folder(tmp_path)
    assert np.array_equal(together(images), stack)


def test_the_first_file_may_be_damaged(tmp_path):
    written(tmp_path, pixels(30))
    for i in (0, 1, 17):
        (tmp_path / f"{i:02}.png").write_bytes(b"")
    with pytest.warns(UserWarning, match=r"left 3 damaged files of 30 in .* out: 00.png, 01.png, 17.png"):
        images = image_folder(tmp_path, skip_damaged=True)
    assert np.array_equal(together(images), np.delete(pixels(30), [0, 1, 17], 0))


@pytest.mark.parametrize("channels", [None, 3])
def test_damaged_files_alone_are_no_data(tmp_path, channels):
    for i in range(30):
        (tmp_path / f"{i:02}.png").write_bytes(b"")
    with pytest.raises(ValueError, match=r"whole; got 30 damaged files|got 0 and 30 damaged files"):
        image_folder(tmp_path, 4, channels, skip_damaged=True)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (
            lambda f: image_folder(f / "none"),
            FileNotFoundError,
            "expected a folder of pictures; .*none is none",
        ),
        (
            lambda f: image_folder(f / "00.png"),
            FileNotFoundError,
            "expected a folder of pictures; .*00.png is",
        ),
        (lambda f: image_folder(f / "empty"), ValueError, r"expected pictures \(.bmp, .* got none"),
        (lambda f: image_folder(f), ValueError, "expected at least 20 pictures in .*, two in each .* got 19"),
        (lambda f: image_folder(f, 0), ValueError, "`size` must be from 1 to 4096; got 0"),
        (lambda f: image_folder(f, 10**9), ValueError, "`size` must be from 1 to 4096; got 1000000000"),
        (lambda f: image_folder(f, channels=2), ValueError, "`channels` must be 1 .* got 2"),
        (lambda f: decoded(f / "00.png", Recipe(3)).shape, None, (3, 6, 8)),
        (lambda f: Recipe(3).shape, ValueError, "a recipe must have a size"),
        (
            lambda f: decoded(f / "gone.png", Recipe(3)),
            ValueError,
            "expected to read .*gone.png; got: No such",
        ),
    ],
)
def test_calls_that_are_refused(tmp_path, call, error, words):
    written(tmp_path, pixels(19))
    (tmp_path / "empty").mkdir()
    if error is None:
        assert call(tmp_path) == words
        return
    with pytest.raises(error, match=words):
        call(tmp_path)


def test_folders_that_cannot_be_read_are_not_passed_over(tmp_path, monkeypatch):
    written(tmp_path / "open", pixels())
    written(tmp_path / "locked", pixels())
    scandir = os.scandir

    def refusing(path):
        if str(path).endswith("locked"):
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refusing)  # as it is for all but root
    with pytest.raises(PermissionError, match="locked"):
        image_folder(tmp_path)


def test_twenty_are_enough_and_nothing_is_warned_of(tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert repr(image_folder(written(tmp_path / "x", pixels(20)))) == "Images(x, 6×8×3, 16 + 2 + 2)"


def ramp(_):
    """Red says where a pixel is from the left, green from above."""
    y, x = np.mgrid[:218, :178]
    return np.stack([x, y, 0 * x], -1).astype(np.uint8)


@pytest.mark.parametrize(("crop", "left", "top"), [(140, 19, 39), (178, 0, 20)])
def test_faces_are_cut_from_the_middle(tmp_path, crop, left, top):
    images = celeba(faces(tmp_path, make=ramp), crop=crop)
    assert repr(images) == "Images(celeba, 64×64×3, 6 + 3 + 2)"
    along = (np.arange(64) + 0.5) * crop / 64 - 0.5
    red, green, _ = images.pixels.double().mean(0)
    assert (red.mean(0).numpy() - along)[2:-2].mean() == pytest.approx(left, abs=0.2)
    assert (green.mean(1).numpy() - along)[2:-2].mean() == pytest.approx(top, abs=0.2)


def test_faces_are_in_their_official_parts(tmp_path):
    images = celeba(faces(tmp_path), size=8)
    means = [images.part(name)[:].mean((1, 2, 3)) * 25.5 for name in ("train", "validation", "test")]
    assert [part.round().int().tolist() for part in means] == [[*range(6)], [6, 7, 8], [9, 10]]


def rewritten(text):
    return lambda f: (f / "list_eval_partition.txt").write_text(text)


LINES = "".join(f"{i + 1:06}.jpg {i // 4}\n" for i in range(11))


@pytest.mark.parametrize(
    ("spoil", "error", "words"),
    [
        (
            lambda f: (f / "list_eval_partition.txt").unlink(),
            FileNotFoundError,
            "got no list_eval_partition.txt",
        ),
        (lambda f: (f / "img_align_celeba").rename(f / "img"), FileNotFoundError, "got no img_align_celeba"),
        (rewritten(LINES + "x\n"), ValueError, "name and 0, 1 or 2 in .*; got line 12: 'x'"),
        (rewritten(LINES + "x.jpg 3\n"), ValueError, "got line 12: 'x.jpg 3'"),
        (rewritten(LINES + "../x.jpg 1\n"), ValueError, "got line 12: '../x.jpg 1'"),
        (
            rewritten(LINES + "000003.jpg 2\n"),
            ValueError,
            "each picture once in .*; got 000003.jpg again in line 12",
        ),
        (
            rewritten("000001.jpg 0\n000002.jpg 0\n000003.jpg 1\n"),
            ValueError,
            r"2 pictures of part 1 \(validation\)",
        ),
        (
            rewritten(LINES + "000012.jpg 2\n"),
            FileNotFoundError,
            "the 12 pictures .* got 1 fewer, without 000012.jpg",
        ),
        (rewritten(LINES[: -len("000011.jpg 2\n")]), ValueError, "alone in .*; got 000011.jpg beside them"),
        (
            lambda f: Image.new("RGB", (178, 217)).save(f / "img_align_celeba" / "000004.jpg"),
            ValueError,
            "of 178×218, as CelebA's aligned ones; got 178×217, .*000004.jpg",
        ),
        (
            lambda f: (f / "img_align_celeba" / "000004.jpg").write_bytes(b""),
            ValueError,
            "picture .*000004.jpg; got",
        ),
    ],
)
def test_faces_that_are_not_as_published(tmp_path, spoil, error, words):
    spoil(faces(tmp_path))
    with pytest.raises(error, match=words):
        celeba(tmp_path, size=8)


@pytest.mark.parametrize("options", [{"crop": 0}, {"crop": 179}, {"size": 0}, {"size": 1000}])
def test_faces_are_no_larger_than_they_are(options):
    with pytest.raises(ValueError, match=f"`{next(iter(options))}` must be from 1 to 178; got"):
        celeba(".", **options)
