"""MNIST, from its IDX files."""

from __future__ import annotations

import gzip
import hashlib
import zlib
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from .images import Images

if TYPE_CHECKING:
    import os

    from jaxtyping import UInt8

_MIRROR = "https://ossci-datasets.s3.amazonaws.com/mnist/"
# sha256 of the files' content, uncompressed: an archive may be compressed in many ways.
_PICTURES = {
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
}
_LABELS = {
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}


_LONGEST = 16 + 60_000 * 28 * 28
"""Bytes of the longest file: no archive is unpacked further."""


def mnist(directory: str | os.PathLike[str] | None = None) -> Images:
    """Return MNIST, 28×28: 55 000 to train, 5 000 to validate, the official 10 000 to test.

    Args:
        directory: holds `train-images-idx3-ubyte` and `t10k-images-idx3-ubyte`, each as it is or
            with `.gz`, and for labels `train-labels-idx1-ubyte` and `t10k-labels-idx1-ubyte`, which may
            both be absent.  When None the files are fetched once into the user's cache.

    Raises:
        FileNotFoundError: a file is missing from the directory.
        ValueError: a file is truncated or altered: its content has another hash.
        OSError: the files could not be fetched.

    References: Y. LeCun, C. Cortes and C. Burges, The MNIST database of handwritten digits (1998).
    """
    folder = None if directory is None else Path(directory)
    pixels = torch.from_numpy(np.concatenate(_read(folder, _PICTURES)))[:, None]
    order = torch.randperm(60_000, generator=torch.Generator().manual_seed(0))
    train, validation = order.tensor_split([55_000])
    test = torch.arange(60_000, len(pixels))
    labels = None
    if folder is None or any((folder / f"{name}{gz}").is_file() for name in _LABELS for gz in ("", ".gz")):
        labels = torch.from_numpy(np.concatenate(_read(folder, _LABELS))).long()
    return Images("mnist", pixels, (train, validation, test), labels)


def _read(folder: Path | None, files: dict[str, str]) -> list[UInt8[np.ndarray, "n *shape"]]:
    return [
        _array(_fetched(name, digest) if folder is None else _content(_found(folder, name), digest))
        for name, digest in files.items()
    ]


def _fetched(name: str, digest: str) -> bytes:
    """The content of a file in the cache, fetched where it is not there or is another."""
    try:
        return _content_or_gone(_cached(name), digest)
    except ValueError:
        return _content_or_gone(_cached(name), digest)


def _content_or_gone(path: Path, digest: str) -> bytes:
    """The content of a file in the cache, in which no other stays."""
    try:
        return _content(path, digest)
    except ValueError:
        path.unlink()
        raise


def _cached(name: str) -> Path:
    import pooch

    folder = pooch.os_cache("corrector") / "mnist"
    try:
        return Path(pooch.retrieve(f"{_MIRROR}{name}.gz", None, f"{name}.gz", folder, progressbar=True))
    except Exception as error:  # requests, urllib3 and pooch each have their own
        raise OSError(
            f"expected to fetch {name}.gz from {_MIRROR}; got {type(error).__name__}. "
            "Offline, name a folder that holds MNIST's files"
        ) from error


def _found(directory: Path, name: str) -> Path:
    if not directory.is_dir():
        raise FileNotFoundError(f"expected a folder with MNIST's files; {directory} is none")
    for path in (directory / name, directory / f"{name}.gz"):
        if path.is_file():
            return path
    raise FileNotFoundError(f"expected {name} or {name}.gz in {directory}; got neither")


def _content(path: Path, digest: str) -> bytes:
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            data = file.read(_LONGEST + 1)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise ValueError(f"expected a whole gzip archive in {path}; got a damaged one ({error})") from None
    found = hashlib.sha256(data).hexdigest()
    if found != digest:
        raise ValueError(
            f"expected MNIST's own content in {path}, sha256 {digest[:12]}…; got {found[:12]}…, "
            f"{'more than ' * (len(data) > _LONGEST)}{min(len(data), _LONGEST)} bytes"
        )
    return data


def _array(data: bytes) -> UInt8[np.ndarray, "n *shape"]:
    """The bytes of an IDX file: 2048 + its axes, the length of each, all big-endian, then the content."""
    axes = data[3] if data[:3] == b"\0\0\x08" and len(data) > 3 else 0
    start = 4 + 4 * axes
    shape = np.frombuffer(data[4:start].ljust(4 * axes, b"\0"), ">u4").tolist()
    if not axes or len(data) != start + prod(shape):
        raise ValueError(
            f"expected an IDX file of bytes, which begins with 0, 0, 8; got {list(data[:4])} and "
            f"{len(data)} bytes in all"
        )
    return np.frombuffer(data, np.uint8, offset=start).reshape(shape)
