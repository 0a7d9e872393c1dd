"""How many matrices the strategies draw in a second, beside hypothesis's own draws.

    .venv/bin/python -m tests.benchmarks.draws

The floor is what hypothesis takes for the same choices without a matrix: a rank, a number of oblique
blocks, a norm and a seed.  Inputs come in lists of a hundred, as a test of many small matrices has them.
"""

from __future__ import annotations

import statistics
import time

import numpy as np
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from rich.console import Console
from rich.table import Table

from analysis import IdempotencyError, assert_idempotent, idempotents, near_idempotents

_LIST = 100
CANDIDATES = {
    "the same choices alone": st.tuples(
        st.integers(0, 8), st.integers(0, 4), st.floats(1, 10), st.integers(0, 2**32 - 1)
    ),
    "idempotents(n=8)": idempotents(n=8),
    "idempotents(n=8, obliquity=1)": idempotents(n=8, obliquity=1),
    "idempotents(n=8), complex": idempotents(n=8, field="complex"),
    "near_idempotents(n=8)": near_idempotents(n=8),
    "near_idempotents(n=8), jordan": near_idempotents(n=8, jordan=True),
    "hypothesis's arrays of 8×8 floats": arrays(np.float64, (8, 8), elements=st.floats(-9, 9)),
}


def rate(strategy: st.SearchStrategy[object], lists: int = 40) -> float:
    """Draws in a second."""
    drawn = 0

    @settings(
        max_examples=lists,
        deadline=None,
        database=None,
        phases=(Phase.generate,),
        suppress_health_check=list(HealthCheck),
    )
    @given(st.lists(strategy, min_size=_LIST, max_size=_LIST))
    def count(matrices: list[object]) -> None:
        nonlocal drawn
        drawn += len(matrices)

    start = time.perf_counter()
    count()
    return drawn / (time.perf_counter() - start)


def shrinking() -> None:
    """Print how long a fault in a function of 8×8 matrices takes to its smallest example, and its size."""

    def symmetrised(K: np.ndarray) -> np.ndarray:
        S = (K + K.T) / 2
        S[0, -1] = K[0, -1]
        return S

    for name, inputs in {"idempotents()": idempotents(), "near_idempotents()": near_idempotents()}.items():
        taken = []
        for _ in range(5):
            start = time.perf_counter()
            try:
                assert_idempotent(symmetrised, inputs)
            except IdempotencyError as error:
                taken.append(time.perf_counter() - start)
                size = error.x.shape[0]
        Console().print(
            f"A fault shrinks to {size}×{size} with {name} in {statistics.median(taken):.2f} s (median of 5)"
        )


def main(rounds: int = 7) -> None:
    """Print draws a second, by turns: median, least and greatest, and their share of the floor's."""
    rates: dict[str, list[float]] = {name: [] for name in CANDIDATES}
    for _ in range(rounds):
        for name, strategy in CANDIDATES.items():
            rates[name].append(rate(strategy))
    table = Table(title=f"Draws a second ({rounds} rounds)")
    for column in ("", "median", "least", "greatest", "of the floor"):
        table.add_column(column, justify="right" if column else "left")
    floor = next(iter(rates.values()))
    for name, found in rates.items():
        share = statistics.median(r / f for r, f in zip(found, floor, strict=True))
        middle = statistics.median(found)
        table.add_row(name, f"{middle:.0f}", f"{min(found):.0f}", f"{max(found):.0f}", f"{share:.2f}")
    Console().print(table)
    shrinking()


if __name__ == "__main__":
    main()
