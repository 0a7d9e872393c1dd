"""How fast a folder of pictures is read: `python -m tests.benchmarks.pictures FOLDER [SIZE]`.

Decoded at first and found again, and a batch of 256 in an order of chance by what stands beside it: the same
pictures as floating-point numbers in memory, torch's DataLoader sample by sample, and decoding every batch.
"""

import os
import sys
import tempfile
import time

import torch
from torch.utils.data import DataLoader

from training import image_folder
from training.data import working
from training.data.decoding import Recipe, decoded
from training.data.listing import listed

BATCH = 256


def seconds(work, times=7):
    """The least of several times, in seconds of a core: whatever else a machine does only adds to it."""
    taken = []
    for _ in range(times):
        begun = time.process_time()
        work()
        taken.append(time.process_time() - begun)
    return min(taken)


def decoding(folder, size):
    with tempfile.TemporaryDirectory() as cache:
        os.environ["XDG_CACHE_HOME"] = cache
        return seconds(lambda: image_folder(folder, size), 1)


def main(folder, size=None):
    working._ALONE = float("inf")  # this process alone, whose time is taken
    print(f"decoded: {min(decoding(folder, size) for _ in range(7)):.2f} s")
    with tempfile.TemporaryDirectory() as cache:
        os.environ["XDG_CACHE_HOME"] = cache
        images = image_folder(folder, size)
        print(f"{images}\nfound again: {seconds(lambda: image_folder(folder, size)):.3f} s")
        pictures, rows = images.part("train"), images.train
        files = [file.path for file in listed(folder)]
        height, width = images.shape
        recipe = Recipe(images.channels, turned=True, width=width, height=height)
        if size is not None:
            recipe = Recipe(images.channels, turned=True, size=size)
        order = torch.randperm(len(pictures)).split(BATCH)[:-1]
        ways = {
            "mapped bytes": lambda: [pictures[batch] for batch in order],
            "numbers in memory": lambda: [rows[batch] for batch in order],
            "DataLoader": lambda: list(DataLoader(pictures, BATCH, shuffle=True, drop_last=True)),
            "decoded anew": lambda: [
                torch.stack([torch.from_numpy(decoded(files[i], recipe)) for i in batch.tolist()]) / 255
                for batch in order
            ],
        }
        for name, work in ways.items():
            print(f"batch of {BATCH}, {name}: {seconds(work) / len(order) * 1e3:.2f} ms")


if __name__ == "__main__":
    from pathlib import Path

    main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else None)
