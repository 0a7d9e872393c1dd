import gzip
import hashlib
import struct
import tracemalloc
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from training import Images, Pictures, digits, mnist
from training.data import idx as files


def test_digits_are_all_there_once():
    images = digits()
    together = torch.cat([images.train, images.validation, images.test])
    assert together.shape == (1797, 64)
    assert (float(together.min()), float(together.max())) == (0, 1)
    ours = sorted(map(tuple, (together * 16).int().tolist()))
    assert ours == sorted(map(tuple, load_digits().data.astype(int).tolist()))
    assert torch.equal(images.train, digits().train)


def test_a_part_is_its_rows_with_their_labels():
    images, found = digits(), load_digits()
    for name in ("train", "validation", "test"):
        part = images.part(name)
        assert part.shape == (1, 8, 8)
        assert torch.equal(part[:].flatten(1), getattr(images, name))
        assert torch.equal(part.viewed(64)[:], getattr(images, name))
        assert torch.equal(torch.cat(list(part.batches(100))), part[:])
        numbers = {tuple(row.astype(int)): label for row, label in zip(found.data, found.target, strict=True)}
        rows = (part[:].flatten(1) * 16).int().tolist()
        assert [numbers[tuple(row)] for row in rows] == part.labels.tolist()


def test_pictures_are_taken_by_number_list_slice_and_tensor():
    pictures = digits().part("test")
    together = pictures[:]
    assert torch.equal(pictures[7], together[7])
    assert torch.equal(pictures[[3, -1]], together[[3, -1]])
    assert torch.equal(pictures[5:9], together[5:9])
    assert torch.equal(pictures[torch.tensor([[3, 1], [2, 2]])], together[torch.tensor([[3, 1], [2, 2]])])
    assert pictures[:0].shape == (0, 1, 8, 8)
    loader = torch.utils.data.DataLoader(pictures, batch_size=100)
    assert torch.equal(torch.cat(list(loader)), together)


def test_parts_that_are_none_are_refused():
    pixels = torch.zeros(5, 3, 2, 4, dtype=torch.uint8)
    a, b, c = torch.tensor([0, 1]), torch.tensor([2]), torch.tensor([4])
    assert repr(Images("x", pixels, (a, b, c), left_out=("y",))) == "Images(x, 2×4×3, 2 + 1 + 1, 1 left out)"
    for parts in ((a, b, a), (a, b), (a, b, torch.tensor([5])), (a, b, torch.tensor([-1])), (a, b, c, c[:0])):
        with pytest.raises(ValueError, match="`parts` must be three that share no number, all from 0 to 4"):
            Images("x", pixels, parts)
    with pytest.raises(ValueError, match=r"`pixels` must be uint8 with the axes .* got torch.float32"):
        Images("x", pixels.float(), (a, b, c))
    with pytest.raises(ValueError, match=r"`labels` must be one for each of 5; got \(4,\)"):
        Images("x", pixels, (a, b, c), torch.zeros(4))
    with pytest.raises(ValueError, match="`name` must be one of train, validation, test; got 'valid'"):
        digits().part("valid")
    for shape in ((63,), (), (-1, -64)):
        with pytest.raises(ValueError, match="`shape` must hold 64 numbers"):
            digits().part("test").viewed(*shape)


def test_pictures_of_large_data_take_a_byte_a_pixel():
    """As floating-point numbers a part exists only a batch at a time."""
    pixels = torch.zeros(1, 3, 64, 64, dtype=torch.uint8).expand(10**6, 3, 64, 64)  # 12 GB, were they there
    pictures = Pictures(pixels, torch.arange(10**6))
    assert pictures[torch.tensor([5, 10**6 - 1])].shape == (2, 3, 64, 64)
    assert next(pictures.batches(4)).shape == (4, 3, 64, 64)


def idx(count=12, height=28, width=28, head=2051):
    rng = np.random.default_rng(count)
    pixels = rng.integers(0, 256, count * height * width, dtype=np.uint8).tobytes()
    return struct.pack(">IIII", head, count, height, width) + pixels


def labels(count):
    return struct.pack(">II", 2049, count) + bytes(i % 10 for i in range(count))


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A small stand-in in MNIST's format, known by its own hashes."""
    contents = {"train-images-idx3-ubyte": idx(60_000, 2, 2), "t10k-images-idx3-ubyte": idx(100, 2, 2)}
    (tmp_path / "train-images-idx3-ubyte.gz").write_bytes(gzip.compress(contents["train-images-idx3-ubyte"]))
    (tmp_path / "t10k-images-idx3-ubyte").write_bytes(contents["t10k-images-idx3-ubyte"])
    classes = {"train-labels-idx1-ubyte": labels(60_000), "t10k-labels-idx1-ubyte": labels(100)}
    for name, known in (("_PICTURES", contents), ("_LABELS", classes)):
        monkeypatch.setattr(files, name, {k: hashlib.sha256(v).hexdigest() for k, v in known.items()})
    return tmp_path


def test_idx_files_are_read_with_and_without_compression(folder):
    images = mnist(folder)
    assert repr(images) == "Images(mnist, 2×2, 55000 + 5000 + 100)"
    expected = np.frombuffer(idx(100, 2, 2), np.uint8, offset=16).reshape(100, 4) / 255
    np.testing.assert_allclose(images.test.numpy(), expected, rtol=1e-6)
    assert images.labels is None
    assert images.part("test").labels is None


def test_labels_lie_beside_their_pictures(folder):
    for name, count in (("train", 60_000), ("t10k", 100)):
        (folder / f"{name}-labels-idx1-ubyte").write_bytes(labels(count))
    images = mnist(folder)
    assert images.part("test").labels.tolist() == [i % 10 for i in range(100)]
    train = np.frombuffer(idx(60_000, 2, 2), np.uint8, offset=16).reshape(-1, 4)
    part = images.part("train")
    numbers = part.indices
    assert torch.equal(part.labels, numbers % 10)
    np.testing.assert_allclose(images.train.numpy(), train[numbers.numpy()] / 255, rtol=1e-6)


def test_labels_are_all_there_and_whole_or_none(folder):
    (folder / "t10k-labels-idx1-ubyte").write_bytes(labels(100))
    with pytest.raises(FileNotFoundError, match="expected train-labels-idx1-ubyte or"):
        mnist(folder)
    (folder / "train-labels-idx1-ubyte").write_bytes(labels(59_999))
    with pytest.raises(ValueError, match=r"MNIST's own content in .*train-labels-idx1-ubyte"):
        mnist(folder)


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


def test_an_archive_is_unpacked_no_further_than_mnist_goes(folder):
    """A small file that would fill memory."""
    with gzip.open(folder / "train-images-idx3-ubyte.gz", "wb", compresslevel=1) as file:
        for _ in range(100):
            file.write(bytes(2**20))
    tracemalloc.start()
    with pytest.raises(ValueError, match=r"got .*, more than 47040016 bytes"):
        mnist(folder)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2.5 * 47_040_016


def test_what_is_fetched_and_is_another_does_not_stay(folder, monkeypatch, tmp_path_factory):
    """As the page of a portal that stood in for the mirror: it is fetched again, once."""
    cache = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))
    for name in ("t10k-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-labels-idx1-ubyte"):
        content = labels(60_000 if "train" in name else 100) if "labels" in name else idx(100, 2, 2)
        (folder / f"{name}.gz").write_bytes(gzip.compress(content))
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(SimpleHTTPRequestHandler, directory=folder))
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        monkeypatch.setattr(files, "_MIRROR", f"http://127.0.0.1:{server.server_port}/")
        held = cache / "corrector" / "mnist" / "train-images-idx3-ubyte.gz"
        held.parent.mkdir(parents=True)
        held.write_bytes(b"<html>Please log in</html>")
        assert len(mnist().pixels) == 60_100
        held.write_bytes(b"<html>Please log in</html>")
        (folder / "train-images-idx3-ubyte.gz").write_bytes(b"<html>Please log in</html>")
        with pytest.raises(ValueError, match=r"expected a whole gzip archive in .*train-images"):
            mnist()
        assert not held.exists()
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_folder_that_is_none(tmp_path):
    with pytest.raises(FileNotFoundError, match="expected a folder with MNIST's files"):
        mnist(tmp_path / "none")


def test_what_is_no_idx_file():
    for content in (idx(head=2049), idx(head=2048), idx(head=3331), idx()[:-1], idx()[:10], idx()[:3], b""):
        with pytest.raises(ValueError, match="expected an IDX file of bytes"):
            files._array(content)


def test_what_cannot_be_fetched_is_said_in_one_error(monkeypatch, tmp_path):
    monkeypatch.setattr(files, "_MIRROR", "http://127.0.0.1:9/")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(
        OSError, match=r"expected to fetch train-images-idx3-ubyte.gz .* Offline, name a folder"
    ):
        mnist()
