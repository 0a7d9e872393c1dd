"""Folders of pictures as the tests make them."""

import struct
import zlib

import numpy as np
from PIL import Image


def pixels(count=24, height=6, width=8, channels=3, seed=0):
    shape = (count, height, width, channels)[: 3 + (channels > 1)]
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def written(folder, stack, suffix=".png", **options):
    """Write pictures 00.png, 01.png, … and return the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for i, picture in enumerate(stack):
        Image.fromarray(picture).save(folder / f"{i:02}{suffix}", **options)
    return folder


def png(width, height, bits=8, colour=2, rows=b""):
    """A PNG file by hand: of any size in its head, of any depth."""

    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def faces(folder, counts=(6, 3, 2), make=None):
    """CelebA's official layout, of made pictures."""
    pictures = folder / "img_align_celeba"
    pictures.mkdir(parents=True)
    lines = []
    for i in range(sum(counts)):
        part = 0 if i < counts[0] else 1 if i < counts[0] + counts[1] else 2
        x = np.full((218, 178, 3), 10 * i % 256, np.uint8) if make is None else make(i)
        Image.fromarray(x).save(pictures / f"{i + 1:06}.jpg", quality=100, subsampling=0)
        lines.append(f"{i + 1:06}.jpg {part}\n")
    (folder / "list_eval_partition.txt").write_text("".join(lines))
    return folder
