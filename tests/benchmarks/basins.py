"""Basins and their proofs at 4096², beside the ways that people write them in NumPy.

    .venv/bin/python -m tests.benchmarks.basins

Floors.  A label and its steps are 3 bytes that must be written.  With traps and the escape radius 0.62
iterations a pixel suffice for the first corrector on the square [−1, 2] × [−1.5, 1.5], and symmetry leaves
a quarter of the pixels to be followed.
"""

from __future__ import annotations

import argparse
from fractions import Fraction

import numpy as np
from numba import cuda

from analysis import attracting_cycles, basins, disc_radius, enclose_basins, matrix_radius
from analysis.cuda import label_rows
from analysis.traps import find_traps
from corrector import MCWEENY, derive, smoothstep
from tests.benchmarks.pairs import compare


def grid(resolution: int) -> np.ndarray:
    x, y = np.linspace(-1, 2, resolution), np.linspace(-1.5, 1.5, resolution)
    return x[None, :] + 1j * y[:, None]


def plain(resolution: int) -> np.ndarray:
    """Thirty steps of every pixel, then a look at where each is."""
    z = grid(resolution)
    with np.errstate(over="ignore", invalid="ignore"):
        for _ in range(30):
            z = 3 * z**2 - 2 * z**3
        return np.select([np.abs(z) < 1e-6, np.abs(z - 1) < 1e-6], [0, 1], default=-1)


def masked(resolution: int) -> np.ndarray:
    """Only the pixels that are neither within 1e-6 of 0 or 1 nor beyond 10 go on."""
    z = grid(resolution).ravel()
    labels, index = np.full(z.size, -2, np.int8), np.arange(z.size)
    for _ in range(60):
        size = np.abs(z)
        found = np.select([size < 1e-6, np.abs(z - 1) < 1e-6, size > 10], [0, 1, -1], default=-2)
        labels[index] = found
        index, z = index[found == -2], z[found == -2]
        z = z * z * (3 - 2 * z)
    return labels


def pictures(resolution: int) -> None:
    def write() -> None:
        np.full(resolution**2, 1, np.int8)
        np.full(resolution**2, 1, np.uint16)

    compare(
        f"Labels of {MCWEENY}, {resolution}²",
        {
            "basins": lambda: basins(MCWEENY, resolution=resolution),
            "without symmetry": lambda: basins(MCWEENY, extent=(-1, 2, -1.5, 1.4999), resolution=resolution),
            "basins of order 8": lambda: basins(smoothstep(8), resolution=resolution),
            "enclose_basins, depth 3": lambda: enclose_basins(MCWEENY, resolution=resolution),
            "writing 3 bytes a pixel": write,
            "NumPy, pixels left out once decided": lambda: masked(resolution),
            "NumPy, 30 steps of every pixel": lambda: plain(resolution),
        },
        rounds=3,
    )
    proved = enclose_basins(MCWEENY, resolution=resolution)
    mean = basins(MCWEENY, resolution=resolution).steps.mean()
    print(f"undecided {proved.undecided:.2%} of the pixels; {mean:.2f} iterations a pixel")


def on_a_device(resolution: int) -> None:
    """The same on a CUDA device, against writing 3 bytes a pixel there; nothing where there is none."""
    if not cuda.is_available():
        print("no CUDA device: its frame is left out")
        return
    traps = find_traps(MCWEENY, Fraction(1), ((0,), (1,)))
    lefts, heights = np.linspace(-1.5, 1.5, resolution), np.linspace(-1.5, 1.5, resolution)
    labels = np.empty((resolution, resolution), np.int8)
    steps = np.empty((resolution, resolution), np.uint16)
    there = cuda.device_array(3 * resolution**2, np.uint8)

    @cuda.jit
    def write(array):
        i = cuda.grid(1)
        if i < array.size:
            array[i] = 1

    def written() -> None:
        write[-(-there.size // 256), 256](there)
        cuda.synchronize()

    compare(
        f"Labels of {MCWEENY} on a CUDA device, {resolution}², no symmetry used",
        {
            "writing 3 bytes a pixel there": written,
            "labels, copied to the host": lambda: label_rows(
                traps, labels, steps, lefts, heights, 0, resolution, 500
            ),
            "basins, all of it": lambda: basins(MCWEENY, resolution=resolution, device="cuda"),
        },
        rounds=5,
    )


def numbers() -> None:
    ten = derive(1, 4).member(a4="0.8791885")
    compare(
        "Proofs, against one picture of 1024²",
        {
            "basins, 1024²": lambda: basins(MCWEENY),
            "disc_radius, order 1": lambda: disc_radius(MCWEENY),
            "disc_radius, order 8": lambda: disc_radius(smoothstep(8)),
            "matrix_radius, s = 10": lambda: matrix_radius(MCWEENY, 10),
            "attracting_cycles, a 10-cycle": lambda: attracting_cycles(ten),
        },
        rounds=5,
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--resolution", type=int, default=4096)
    resolution = parser.parse_args().resolution
    pictures(resolution)
    on_a_device(resolution)
    numbers()
