"""Products of a schedule beside those of other ways, and its time beside a symmetric eigendecomposition.

    .venv/bin/python -m tests.benchmarks.schedules

Floors: no program of fewer products reaches the error (`Schedule.floor`).  In time, its own products; of
symmetric matrices that commute half a product is enough, so half of that.
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
import scipy.linalg
from rich.console import Console
from rich.table import Table

from analysis import iterate, schedule
from analysis.equioscillation import Gap
from analysis.scheduling import _paths
from tests.benchmarks.pairs import compare
from tests.problems import with_spectrum
from tests.truth import spectral_distance

if TYPE_CHECKING:
    from collections.abc import Callable

_U = 2.0**-53
_SIGNM = 1024
"""The size up to which `signm` is timed on oblique matrices: beyond, it takes minutes."""

_CLASSES = {
    "degree 2 (SP2-ACC, searched)": ((2, 0), (2, 1)),
    "degree 3 (minimax cubics)": ((3, 1),),
    "degree 8 alone (SP8)": ((8, 2), (8, 3), (8, 4), (8, 5)),
}
_COST = {2: 1, 3: 2, 4: 2, 8: 3}


def mcweeny(width: float) -> int:
    """Products until 3x² − 2x³ has taken the inner ends of the intervals to within u of 0 and 1."""
    x, products = Fraction(1 - Fraction(width)) / 2, 0
    while x > _U:
        x = 3 * x**2 - 2 * x**3
        x, products = Fraction(round(x * 2**300), 2**300), products + 2
    return products


def products() -> None:
    """Print products by the width of the gap."""
    widths = (0.8, 0.1, 1e-2, 1e-4, 1e-6, 1e-8)
    table = Table(title="Products until every eigenvalue is within 2⁻⁵³ of 0 or 1, by the width of the gap")
    table.add_column("")
    for width in widths:
        table.add_column(f"{width:g}", justify="right")
    plans = [schedule((1 - w) / 2, (1 + w) / 2) for w in widths]
    table.add_row("no program can do with fewer than", *(str(plan.floor) for plan in plans))
    table.add_row("schedule", *(str(plan.products) for plan in plans))
    for name, moves in _CLASSES.items():
        paths = (next(_paths(Gap((1 - w) / 2, (1 - w) / 2, w), _U, moves)) for w in widths)
        table.add_row(name, *(str(sum(_COST[degree] for degree, _ in path)) for path in paths))
    table.add_row("3x² − 2x³", *(str(mcweeny(w)) for w in widths))
    Console().print(table)


def times(m: int, width: float) -> None:
    """Print the time of all of it, checks included, against its products alone."""
    rng = np.random.default_rng(0)
    below, above = (1 - width) / 2, (1 + width) / 2
    K = with_spectrum([*rng.uniform(0, below, m // 2), *rng.uniform(above, 1, m - m // 2)])
    L = np.eye(m) + rng.standard_normal((m, m)) / (3 * np.sqrt(m))
    oblique = np.linalg.solve(L, K @ L)
    plan = schedule(below, above)

    def gemms(X: np.ndarray, count: int) -> Callable[[], None]:
        copy = X.copy()  # of X @ X numpy would compute half

        def run() -> None:
            for _ in range(count):
                X @ copy

        return run

    count = iterate(K, schedule=plan).products
    compare(
        f"Projecting a symmetric matrix, m = {m}, gap {width}: {count} products",
        {
            "its products alone": gemms(K, count),
            "iterate(K, schedule=…)": lambda: iterate(K, schedule=plan),
            "iterate(K, schedule=…, mixed=True)": lambda: iterate(K, schedule=plan, mixed=True),
            "iterate(K)": lambda: iterate(K),
            "scipy.linalg.eigh": lambda: scipy.linalg.eigh(K),
            "scipy.linalg.signm": lambda: scipy.linalg.signm(2 * K - np.eye(m)),
            "searching for the plan": lambda: next(_paths(Gap(below, 1 - above, width), _U)),
        },
        rounds=3,
    )
    count = iterate(oblique).products
    candidates = {
        "its products alone": gemms(oblique, count),
        "iterate(K)": lambda: iterate(oblique),
    }
    if m <= _SIGNM:
        candidates["scipy.linalg.signm"] = lambda: scipy.linalg.signm(2 * oblique - np.eye(m))
    compare(
        f"Projecting an oblique matrix of the same spectrum, m = {m}: {count} products",
        candidates,
        rounds=3,
    )


def mixed(m: int = 40) -> None:
    """Print products in each precision, and the distance from the true projector in ball arithmetic."""
    table = Table(title="Mixed precision: products in double (and in single), and the error in 2⁻⁵³")
    for head in ("width of the gap", "double alone", "its error", "mixed", "its error", "single alone"):
        table.add_column(head, justify="right")
    rng = np.random.default_rng(0)
    for width in (0.8, 0.1, 1e-2, 1e-3, 1e-4, 1e-5):
        below, above = (1 - width) / 2, (1 + width) / 2
        inner = (*rng.uniform(0, below, m // 2 - 1), *rng.uniform(above, 1, m // 2 - 1))
        K = with_spectrum([*inner, below, above])
        plan = schedule(below, above, (-1e-9, 1 + 1e-9))
        alone, both = iterate(K, schedule=plan), iterate(K, schedule=plan, mixed=True)
        single = iterate(K.astype(np.float32), schedule=plan)
        errors = (spectral_distance(K, x.value.astype(float)) for x in (alone, both, single))
        far = [f"{np.linalg.norm(found[1], 2) / _U:.2g}" for found in errors if found]
        counts = f"{alone.products}", f"{both.products - both.single} ({both.single})"
        table.add_row(f"{width:g}", counts[0], far[0], counts[1], far[1], far[2])
    Console().print(table)


if __name__ == "__main__":
    products()
    mixed()
    times(1024, 0.1)
    times(2048, 0.1)
