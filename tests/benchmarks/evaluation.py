"""A polynomial of a matrix by its plan, beside Paterson and Stockmeyer on powers, Horner, and its products.

    .venv/bin/python -m tests.benchmarks.evaluation

Floor: the plan's own matrix products.  The last table measures round-off instead of time: eight steps
towards an oblique projector of norm κ, against long double.
"""

from __future__ import annotations

from math import isqrt
from typing import TYPE_CHECKING

import numpy as np
from rich.console import Console
from rich.table import Table

from corrector import Corrector, smoothstep
from corrector.choice import three_products
from tests.benchmarks.pairs import compare
from tests.corrector.test_polynomial import error_after_eight_steps
from tests.problems import oblique, powers

if TYPE_CHECKING:
    from collections.abc import Callable

U = 2.0**-53


def paterson_stockmeyer(alphas: tuple[float, ...], K: np.ndarray) -> np.ndarray:
    """The textbook's blocks of s = ⌈√degree⌉ in the powers of K."""
    s = isqrt(len(alphas) - 1) + 1
    stored = [np.eye(len(K)), K]
    while len(stored) <= s:
        stored.append(stored[-1] @ K)
    coefficients = (0.0, *alphas)
    value = np.zeros_like(K)
    for start in range(s * ((len(coefficients) - 1) // s), -1, -s):
        block = sum(c * power for c, power in zip(coefficients[start : start + s], stored, strict=False))
        value = value @ stored[s] + block if value.any() else block
    return value


def speed(g: Corrector, name: str, m: int) -> None:
    K = oblique(m, m // 2, 2.0)
    alphas = tuple(map(float, g.alphas))

    def products() -> None:
        for _ in range(g.products):
            K @ K

    compare(
        f"{name}, degree {g.degree}, m = {m}: {g.products} products",
        {
            "its products alone": products,
            "at_matrix": lambda: g.at_matrix(K),
            "Paterson–Stockmeyer on powers": lambda: paterson_stockmeyer(alphas, K),
            "one power after another": lambda: powers(alphas, K),
        },
    )


def lost(step: Callable[[np.ndarray], np.ndarray], kappa: float) -> str:
    """The worst error of four matrices in κ³u; "all" where nothing is left."""
    try:
        with np.errstate(over="ignore", invalid="ignore"):
            errors = [error_after_eight_steps(step, kappa, seed) for seed in range(4)]
    except np.linalg.LinAlgError:
        return "all"
    return f"{max(errors) / kappa**3 / U:.3g}"


def round_off() -> None:
    table = Table(title="Error after eight steps in κ³u, worst of 4 matrices")
    for column in ("", "products", "κ = 10²", "κ = 10³", "powers of K, κ = 10³"):
        table.add_column(column, justify="right" if column else "left")
    for name, g in CASES.items():
        alphas = tuple(map(float, g.alphas))
        ours = [lost(g.at_matrix, kappa) for kappa in (1e2, 1e3)]
        expanded = lost(lambda K, a=alphas: powers(a, K), 1e3)
        table.add_row(name, str(g.products), *ours, expanded)
    Console().print(table)


CASES = {f"smoothstep({n})": smoothstep(n) for n in (1, 2, 3, 4, 8, 16)} | {
    "S₃ + 12.91 x⁴(1 − x)⁴": three_products()
}

if __name__ == "__main__":
    for name, g in CASES.items():
        speed(g, name, 768)
    round_off()
