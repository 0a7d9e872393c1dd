"""Decoded pictures are kept: found again, made anew when something changed or is damaged, by one process."""

import json
import os
import subprocess
import sys
import threading
import time
from collections import namedtuple
from pathlib import Path

import numpy as np
import psutil
import pytest
from PIL import Image

from tests.training.pictures import faces, pixels, written
from training import celeba, image_folder
from training.data import cache as caching
from training.data import progress as bars
from training.data import working
from training.data.decoding import DamagedError

pytestmark = pytest.mark.usefixtures("cache")


@pytest.fixture
def decodings(monkeypatch):
    """How many pictures were decoded, each time."""
    counts, decode = [], caching.decoded_together

    def counted(paths, recipe):
        counts.append(len(paths))
        return decode(paths, recipe)

    monkeypatch.setattr(caching, "decoded_together", counted)
    return counts


@pytest.fixture
def two(monkeypatch):
    """Two processes decode however few pictures there are."""
    monkeypatch.setattr(working, "_ALONE", 0.0)
    monkeypatch.setattr(working, "_TOGETHER", 3)
    monkeypatch.setattr(working, "cores", lambda: 2)


def test_what_was_decoded_is_mapped_from_the_cache(tmp_path, cache, decodings):
    folder = written(tmp_path / "a b", pixels())
    first, again = image_folder(folder), image_folder(folder)
    assert decodings == [24]
    assert np.array_equal(first.pixels, again.pixels)
    (stack,) = cache.glob("*.npy")
    assert stack.name.startswith("a-b-")
    assert stack.stat().st_size == 128 + first.pixels.numel()
    assert str(stack) in Path("/proc/self/maps").read_text()
    again.pixels[:] = 0  # of this process alone
    assert np.array_equal(first.pixels, image_folder(folder).pixels)
    assert decodings == [24]


def touch(path):
    os.utime(path, ns=(0, path.stat().st_mtime_ns + 1))


@pytest.mark.parametrize(
    "change",
    [
        lambda f: Image.fromarray(pixels(1, seed=9)[0]).save(f / "03.png"),
        lambda f: touch(f / "03.png"),
        lambda f: (f / "03.png").rename(f / "99.png"),
        lambda f: Image.fromarray(pixels(1)[0]).save(f / "24.png"),
        lambda f: (f / "03.png").unlink(),
    ],
)
def test_other_files_are_decoded_anew_and_the_old_are_forgotten(tmp_path, cache, decodings, change):
    image_folder(written(tmp_path, pixels()))
    image_folder(tmp_path, 4)
    change(tmp_path)
    images = image_folder(tmp_path)
    names = sorted(tmp_path.glob("*.png"))
    assert decodings == [24, 24, len(names)]
    expected = [np.asarray(Image.open(name)) for name in names]
    assert np.array_equal(images.pixels.permute(0, 2, 3, 1), expected)
    assert len(list(cache.glob("*.npy"))) == 2  # the one of size 4 is still there


def test_other_options_and_other_folders_are_other_pictures(tmp_path, cache, decodings):
    for name, seed in (("a", 0), ("b", 1)):
        folder = written(tmp_path / name / "x", pixels(seed=seed), ".bmp")
        for path in folder.iterdir():
            os.utime(path, ns=(0, 0))  # as an archive may leave them: names, sizes and times are the same
    stacks = [image_folder(tmp_path / name / "x", size) for name in "ab" for size in (None, 3, 4)]
    assert len(decodings) == len(list(cache.glob("*.npy"))) == 6
    assert not np.array_equal(stacks[0].pixels, stacks[3].pixels)
    image_folder(tmp_path / "a" / "x", channels=1)
    image_folder(tmp_path / "a" / "x", skip_damaged=True)
    assert len(decodings) == 8


def test_a_folder_is_the_same_however_it_is_called_and_another_where_it_lies_elsewhere(
    tmp_path, decodings, monkeypatch
):
    found = []
    for name, seed in (("a", 0), ("b", 1)):
        for path in written(tmp_path / name / "x", pixels(seed=seed), ".bmp").iterdir():
            os.utime(path, ns=(0, 0))
        monkeypatch.chdir(tmp_path / name)
        found.append(image_folder("x").pixels)
        assert np.array_equal(image_folder(tmp_path / name / "x").pixels, found[-1])
    assert decodings == [24, 24]
    assert not np.array_equal(*found)


def flipped(path):
    content = bytearray(path.read_bytes())
    content[-5] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("kind", ["npy", "json"])
@pytest.mark.parametrize(
    "spoil",
    [
        flipped,
        lambda path: path.write_bytes(path.read_bytes()[:-1]),
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(b"[]"),
        lambda path: path.unlink(),
    ],
)
def test_a_damaged_stack_is_made_anew(tmp_path, cache, decodings, kind, spoil):
    first = image_folder(written(tmp_path, pixels())).pixels.clone()
    (stack,) = cache.glob(f"*.{kind}")
    spoil(stack)
    assert np.array_equal(image_folder(tmp_path).pixels, first)
    image_folder(tmp_path)
    assert decodings == [24, 24]


def test_what_was_left_half_is_swept_away(tmp_path, cache):
    written(tmp_path, pixels())
    (tmp_path / "23.png").write_bytes(b"")
    with pytest.raises(DamagedError):
        image_folder(tmp_path)
    assert not list(cache.glob("*.npy")) + list(cache.glob(".*.npy"))
    (lock,) = cache.glob("*.lock")
    (cache / f".{lock.stem}-0123-x.npy").write_bytes(b"of a process that was killed")
    written(tmp_path, pixels())
    image_folder(tmp_path)
    assert not list(cache.glob(".*.npy"))


def test_of_two_at_once_one_decodes(tmp_path, monkeypatch):
    counts, decode = [], caching.decoded_together

    def slow(paths, recipe):
        counts.append(len(paths))
        time.sleep(0.3)
        yield from decode(paths, recipe)

    monkeypatch.setattr(caching, "decoded_together", slow)
    written(tmp_path, pixels())
    found = []
    threads = [threading.Thread(target=lambda: found.append(image_folder(tmp_path))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counts == [24]
    assert all(np.array_equal(images.pixels, found[0].pixels) for images in found)


def test_two_processes_at_once_find_the_same(tmp_path, cache):
    written(tmp_path, pixels())
    code = "import sys; from training import image_folder; print(int(image_folder(sys.argv[1]).pixels.sum()))"
    command = [sys.executable, "-c", code, str(tmp_path)]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    assert {worker.communicate()[0] for worker in both} == {f"{pixels().sum()}\n"}
    assert len(list(cache.glob("*.npy"))) == 1


@pytest.mark.usefixtures("two")
@pytest.mark.parametrize("size", [None, 4])
def test_several_processes_decode_as_one_does(tmp_path, cache, monkeypatch, size):
    folder = written(tmp_path, pixels())
    for name in ("02.png", "20.png"):
        (folder / name).write_bytes(b"")
    with pytest.warns(UserWarning, match=r"out: 02.png, 20.png"):
        together = image_folder(folder, size, skip_damaged=True)
    (stack,) = cache.glob("*.npy")
    stack.unlink()
    monkeypatch.setattr(working, "cores", lambda: 1)
    with pytest.warns(UserWarning, match=r"out: 02.png, 20.png"):
        alone = image_folder(folder, size, skip_damaged=True)
    assert np.array_equal(together.pixels, alone.pixels)
    assert together.left_out == alone.left_out == ("02.png", "20.png")


def test_processes_are_started_for_what_takes_longer_than_two_seconds(tmp_path, monkeypatch):
    now, answered = [0.0], []
    monkeypatch.setattr(working, "_TOGETHER", 3)
    monkeypatch.setattr(working, "cores", lambda: 2)
    monkeypatch.setattr(working.time, "monotonic", lambda: now[0])
    answer, decode = working._answered, working._decoded

    def slow(paths, recipe):
        now[0] += 0.9
        return decode(paths, recipe)

    monkeypatch.setattr(working, "_decoded", slow)
    monkeypatch.setattr(working, "_answered", lambda *asked: answered.append(asked[2]) or answer(*asked))
    images = image_folder(written(tmp_path, pixels()))
    assert [path.name for paths in answered for path in paths] == [f"{i:02}.png" for i in range(9, 24)]
    assert np.array_equal(images.pixels.permute(0, 2, 3, 1), pixels())


@pytest.mark.usefixtures("two")
def test_several_processes_name_the_first_picture_that_is_refused(tmp_path):
    folder = written(tmp_path, pixels())
    for name in ("20.png", "11.png"):
        Image.new("RGB", (5, 5)).save(folder / name)
    with pytest.raises(ValueError, match=r"of 8×6, as .*00.png; got 5×5, .*11.png"):
        image_folder(folder)


@pytest.mark.usefixtures("two")
def test_several_processes_decode_faces(tmp_path):
    images = celeba(faces(tmp_path), size=8)
    assert (images.pixels.float().mean((1, 2, 3)) / 10).round().tolist() == [*range(11)]


@pytest.mark.usefixtures("two")
def test_a_decoder_that_ends_is_told_of_with_its_pictures(tmp_path, cache, monkeypatch):
    monkeypatch.setattr(working.sys, "executable", "/bin/false")
    with pytest.raises(
        OSError, match=r"to decode .*00.png to .*02.png; got a decoder that ended, with status 1"
    ):
        image_folder(written(tmp_path, pixels()))
    assert not list(cache.glob("*.npy"))


@pytest.mark.usefixtures("two")
def test_a_decoder_that_ends_before_it_has_said_all_is_told_of_too(tmp_path, monkeypatch):
    decoder = tmp_path / "decoder"
    decoder.write_text('#!/bin/sh\nread line\necho \'{"count": 3, "problems": []}\'\nprintf short\n')
    decoder.chmod(0o700)
    monkeypatch.setattr(working.sys, "executable", str(decoder))
    with pytest.raises(OSError, match=r"to decode .*00.png to .*02.png; got a decoder that ended"):
        image_folder(written(tmp_path / "pictures", pixels()))


def test_few_large_pictures_are_decoded_at_a_time(tmp_path, monkeypatch):
    monkeypatch.setattr(working, "_BYTES", 6 * 8 * 3 * 5)
    together, seen = working._decoded, []
    monkeypatch.setattr(
        working, "_decoded", lambda paths, *rest: (seen.append(len(paths)), together(paths, *rest))[1]
    )
    assert np.array_equal(image_folder(written(tmp_path, pixels())).pixels.permute(0, 2, 3, 1), pixels())
    assert seen == [5, 5, 5, 5, 4]


@pytest.mark.parametrize("of", [image_folder, celeba])
def test_nothing_is_decoded_that_is_refused_for_its_size(tmp_path, cache, of):
    folder = written(tmp_path, pixels(24, 64, 64)) if of is image_folder else faces(tmp_path)

    def refuse(shape):
        raise ValueError(f"not {shape}")

    with pytest.raises(ValueError, match=r"not \(3, 64, 64\)"):
        of(folder, require=refuse)
    assert not list(cache.glob("*"))


@pytest.mark.usefixtures("two")
def test_decoders_end_with_who_asked(tmp_path):
    image_folder(written(tmp_path, pixels()))
    assert not [child for child in psutil.Process().children() if "training.data" in child.cmdline()]


def test_there_must_be_room(tmp_path, cache, monkeypatch):
    usage = namedtuple("usage", "free")
    monkeypatch.setattr(caching.shutil, "disk_usage", lambda _: usage(24 * 6 * 8 * 3 - 1))
    with pytest.raises(OSError, match=r"expected 0.0 GB of room in .*pictures for the decoded pictures; got"):
        image_folder(written(tmp_path, pixels()))
    assert not list(cache.glob("*.npy"))


def test_what_is_beside_a_stack_says_what_was_left_out(tmp_path, cache):
    image_folder(written(tmp_path, pixels()))
    (about,) = cache.glob("*.json")
    assert json.loads(about.read_text()).keys() == {"checksum", "left_out"}


def test_a_bar_is_drawn_after_two_seconds_and_not_before(monkeypatch):
    now = [0.0]
    drawn = []
    monkeypatch.setattr(bars.time, "monotonic", lambda: now[0])
    monkeypatch.setattr("rich.progress.Progress.start", lambda self: drawn.append(now[0]))
    with bars.progress("Counting", 5) as advance:
        for second in range(5):
            now[0] = float(second)
            advance(1)
    assert drawn == [3.0, 4.0]
