"""The matrix iteration beside its own products and its peers, exact matrices beside 3K² − 2K³.

    .venv/bin/python -m tests.benchmarks.analysis

Floor: an iteration costs at least its matrix products.
"""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import scipy.linalg
from flint import fmpq, fmpq_mat

from analysis import certify, is_fixed, iterate
from corrector import MCWEENY, smoothstep
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


def exact(m: int, denominator: int) -> None:
    rng = np.random.default_rng(0)

    def dense():
        above, below = rng.integers(-9, 10, m * m), rng.integers(1, denominator + 1, m * m)
        return fmpq_mat(m, m, [fmpq(int(a), int(b)) for a, b in zip(above, below, strict=True)])

    def fractions(matrix):
        return [[Fraction(int(x.p), int(x.q)) for x in row] for row in matrix.tolist()]

    B, J = dense(), fmpq_mat(m, m)
    for i in range(m):
        J[i, i] = (fmpq(0), fmpq(1, 2), fmpq(1))[i % 3]
    K = B * J * B.inv()
    J[0, 3] = fmpq(1)
    fixed, defective, generic = fractions(K), fractions(B * J * B.inv()), fractions(B)
    bits = max(x.denominator.bit_length() for row in fixed for x in row)
    compare(
        f"Is it fixed, m = {m}, denominators of {bits} bits",
        {
            "3K² − 2K³ by FLINT": lambda: K * K * 3 - K * K * K * 2 == K,
            "is_fixed, it is": lambda: is_fixed(MCWEENY, fixed),
            "of degree 17": lambda: is_fixed(smoothstep(8), fixed),
            "but for one block of size 2": lambda: is_fixed(MCWEENY, defective),
            "generic": lambda: is_fixed(MCWEENY, generic),
        },
        rounds=3,
    )


if __name__ == "__main__":
    exact(64, 1)
    exact(64, 20)
    iteration(512, 0.1)
    iteration(1024, 0.1)
