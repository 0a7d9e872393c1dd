"""Real images to train on: scikit-learn's digits, which come with it, and MNIST's IDX files."""

from __future__ import annotations

import gzip
import hashlib
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

if TYPE_CHECKING:
    import os

    from jaxtyping import Float, UInt8
    from torch import Tensor

_MIRROR = "https://ossci-datasets.s3.amazonaws.com/mnist/"
# sha256 of the files' content, uncompressed: an archive may be compressed in many ways.
_MNIST = {
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
}


@dataclass(frozen=True, repr=False)
class Images:
    """Grey pictures in three parts that share none, as rows of numbers from 0 to 1.

    Attributes:
        name: the data set's.
        shape: (height, width) of a picture.
        train, validation, test: float32 tensors (count, height·width).
    """

    name: str
    shape: tuple[int, int]
    train: Float[Tensor, "n pixels"]
    validation: Float[Tensor, "v pixels"]
    test: Float[Tensor, "t pixels"]

    def __repr__(self) -> str:
        height, width = self.shape
        counts = " + ".join(str(len(part)) for part in (self.train, self.validation, self.test))
        return f"Images({self.name}, {height}×{width}, {counts})"


def digits() -> Images:
    """Return scikit-learn's 1797 handwritten digits of 8×8 pixels, split 1197/300/300.

    Needs no network and no file besides scikit-learn's own.

    References: E. Alpaydin and C. Kaynak, Optical Recognition of Handwritten Digits, UCI Machine
    Learning Repository (1998), test part.

    >>> digits()
    Images(digits, 8×8, 1197 + 300 + 300)
    """
    from sklearn.datasets import load_digits

    pixels = torch.tensor(load_digits().data / 16, dtype=torch.float32)
    order = torch.randperm(len(pixels), generator=torch.Generator().manual_seed(0))
    train, validation, test = pixels[order].tensor_split([1197, 1497])
    return Images("digits", (8, 8), train, validation, test)


def mnist(directory: str | os.PathLike[str] | None = None) -> Images:
    """Return MNIST, 28×28: 55 000 to train, 5 000 to validate, the official 10 000 to test.

    Args:
        directory: holds `train-images-idx3-ubyte` and `t10k-images-idx3-ubyte`, each as it is or
            with `.gz`.  When None the files are fetched once into the user's cache.

    Raises:
        FileNotFoundError: a file is missing from the directory.
        ValueError: a file is truncated or altered: its content has another hash.
        OSError: the files could not be fetched.

    References: Y. LeCun, C. Cortes and C. Burges, The MNIST database of handwritten digits (1998).
    """
    parts = []
    for name, digest in _MNIST.items():
        path = _fetched(name) if directory is None else _found(Path(directory), name)
        parts.append(torch.from_numpy(_idx_images(_content(path, digest))).flatten(1) / 255)
    official, test = parts
    order = torch.randperm(len(official), generator=torch.Generator().manual_seed(0))
    train, validation = official[order].tensor_split([55_000])
    return Images("mnist", (28, 28), train, validation, test)


def _fetched(name: str) -> Path:
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
        data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise ValueError(f"expected a whole gzip archive in {path}; got a damaged one ({error})") from None
    found = hashlib.sha256(data).hexdigest()
    if found != digest:
        raise ValueError(
            f"expected MNIST's own content in {path}, sha256 {digest[:12]}…; got {found[:12]}…, "
            f"{len(data)} bytes"
        )
    return data


def _idx_images(data: bytes) -> UInt8[np.ndarray, "n height width"]:
    """The pictures of an IDX file: four big-endian numbers (2051, count, height, width), then pixels."""
    head = np.frombuffer(data[:16].ljust(16, b"\0"), ">u4").tolist()
    magic, count, height, width = head
    if magic != 2051 or len(data) != 16 + count * height * width:
        raise ValueError(
            f"expected an IDX file of pictures, magic number 2051; got {magic}, {len(data)} bytes"
        )
    return np.frombuffer(data, np.uint8, offset=16).reshape(count, height, width).copy()
