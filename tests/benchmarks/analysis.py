"""The matrix iteration beside its own products and its peers.

    .venv/bin/python -m tests.benchmarks.analysis

Floor: an iteration costs at least its matrix products.
"""

from __future__ import annotations

import numpy as np
import scipy.linalg

from analysis import certify, iterate
from tests.benchmarks.pairs import compare
from tests.problems import with_spectrum


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
    iteration(512, 0.1)
    iteration(1024, 0.1)
