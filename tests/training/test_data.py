import gzip
import hashlib
import struct

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from training import data, digits, mnist


def test_digits_are_all_there_once():
    images = digits()
    together = torch.cat([images.train, images.validation, images.test])
    assert together.shape == (1797, 64)
    assert (float(together.min()), float(together.max())) == (0, 1)
    ours = sorted(map(tuple, (together * 16).int().tolist()))
    assert ours == sorted(map(tuple, load_digits().data.astype(int).tolist()))
    assert torch.equal(images.train, digits().train)


def idx(count=12, height=28, width=28, magic=2051):
    rng = np.random.default_rng(count)
    pixels = rng.integers(0, 256, count * height * width, dtype=np.uint8).tobytes()
    return struct.pack(">IIII", magic, count, height, width) + pixels


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A small stand-in in MNIST's format, known by its own hashes."""
    contents = {"train-images-idx3-ubyte": idx(60_000, 2, 2), "t10k-images-idx3-ubyte": idx(100, 2, 2)}
    (tmp_path / "train-images-idx3-ubyte.gz").write_bytes(gzip.compress(contents["train-images-idx3-ubyte"]))
    (tmp_path / "t10k-images-idx3-ubyte").write_bytes(contents["t10k-images-idx3-ubyte"])
    monkeypatch.setattr(data, "_MNIST", {k: hashlib.sha256(v).hexdigest() for k, v in contents.items()})
    return tmp_path


def test_idx_files_are_read_with_and_without_compression(folder):
    images = mnist(folder)
    assert repr(images) == "Images(mnist, 28×28, 55000 + 5000 + 100)"
    expected = np.frombuffer(idx(100, 2, 2), np.uint8, offset=16).reshape(100, 4) / 255
    np.testing.assert_allclose(images.test.numpy(), expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("spoil", "error", "words"),
    [
        (
            lambda f: (f / "t10k-images-idx3-ubyte").unlink(),
            FileNotFoundError,
            "expected t10k-images-idx3-ubyte or",
        ),
        (
            lambda f: (f / "t10k-images-idx3-ubyte").write_bytes(b"x"),
            ValueError,
            "MNIST's own content in .*, 1 bytes",
        ),
        (lambda f: (f / "train-images-idx3-ubyte.gz").write_bytes(b"x"), ValueError, "whole gzip archive"),
        (
            lambda f: (f / "train-images-idx3-ubyte.gz").write_bytes(
                (f / "train-images-idx3-ubyte.gz").read_bytes()[:-99]
            ),
            ValueError,
            "whole gzip archive",
        ),
    ],
)
def test_files_that_are_missing_truncated_or_altered(folder, spoil, error, words):
    spoil(folder)
    with pytest.raises(error, match=words):
        mnist(folder)


def test_a_folder_that_is_none(tmp_path):
    with pytest.raises(FileNotFoundError, match="expected a folder with MNIST's files"):
        mnist(tmp_path / "none")


def test_what_is_no_idx_file():
    for content in (idx(magic=2049), idx()[:-1], idx()[:10]):
        with pytest.raises(ValueError, match="IDX file of pictures"):
            data._idx_images(content)


def test_what_cannot_be_fetched_is_said_in_one_error(monkeypatch, tmp_path):
    monkeypatch.setattr(data, "_MIRROR", "http://127.0.0.1:9/")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(
        OSError, match=r"expected to fetch train-images-idx3-ubyte.gz .* Offline, name a folder"
    ):
        mnist()
