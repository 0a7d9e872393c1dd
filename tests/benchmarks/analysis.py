"""Basins beside a plain NumPy loop, the matrix iteration beside its own products and its peers.

    .venv/bin/python -m tests.benchmarks.analysis

Floors. A label costs at least one look at its pixel: 0.72 iterations are needed on average for the
first corrector.  An iteration costs at least its matrix products.
"""

from __future__ import annotations

import numpy as np
import scipy.linalg

from analysis import basins, certify, iterate
from corrector import MCWEENY
from tests.benchmarks.pairs import compare
from tests.problems import with_spectrum


def labels(resolution: int) -> None:
    def plain():
        x, y = np.linspace(-1, 2, resolution), np.linspace(-1.5, 1.5, resolution)
        z = x[None, :] + 1j * y[:, None]
        with np.errstate(over="ignore", invalid="ignore"):
            for _ in range(50):
                z = 3 * z**2 - 2 * z**3
        return np.abs(z) < 1e-6, np.abs(z - 1) < 1e-6

    compare(
        f"Basins of {MCWEENY}, {resolution}²",
        {"basins": lambda: basins(MCWEENY, resolution=resolution), "50 steps of every pixel": plain},
        rounds=3,
    )


def iteration(m: int, gap: float) -> None:
    rng = np.random.default_rng(0)
    low, high = rng.uniform(0, 0.5 - gap, m // 2), rng.uniform(0.5 + gap, 1, m - m // 2)
    K = with_spectrum([*low, *high])
    products = iterate(K).products
    A = K.copy()

    def gemms():
        for _ in range(products):
            A @ K

    compare(
        f"Projecting a symmetric matrix, m = {m}, gap {gap}: {products} products",
        {
            "its products alone": gemms,
            "iterate": lambda: iterate(K),
            "certify": lambda: certify(K),
            "scipy.linalg.eigh": lambda: scipy.linalg.eigh(K),
        },
        rounds=5,
    )


if __name__ == "__main__":
    labels(1024)
    iteration(512, 0.1)
    iteration(1024, 0.1)
