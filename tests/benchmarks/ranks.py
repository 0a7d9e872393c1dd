"""How often the Jordan blocks of a floating matrix are found, and wrong ones called clear-cut.

.venv/bin/python -m tests.benchmarks.ranks
"""

from __future__ import annotations

import numpy as np
from rich.console import Console
from rich.table import Table

from analysis import block_structure, is_fixed
from corrector import MCWEENY
from tests.problems import hidden_by, oblique, of_structure

_COUNT = 400


def structure(rng):
    """Blocks of sizes up to 3 at some of 0, ½ and 1."""
    values = [v for v in (0, 0.5, 1) if rng.random() < 2 / 3] or [0]
    return {v: tuple(sorted(rng.integers(1, 4, rng.integers(1, 4)).tolist())[::-1]) for v in values}


def behind_a_basis(kappa):
    """Structures behind a change of basis of this condition: (right, clear) of each."""
    rng = np.random.default_rng(0)
    for seed in range(_COUNT):
        wanted = structure(rng)
        found = block_structure(hidden_by(kappa, of_structure(wanted), seed), (0, 0.5, 1), radius=0.1)
        yield [b.sizes for b in found.blocks] == [wanted[v] for v in sorted(wanted)], found.clear


def weakly_coupled(low, high):
    """[[1, c], [0, 1]] ⊕ 0 ⊕ 0 behind an orthogonal basis, c from 10^low to 10^high."""
    rng = np.random.default_rng(0)
    for seed, c in enumerate(10 ** rng.uniform(low, high, _COUNT)):
        K = np.diag([1.0, 1, 0, 0])
        K[0, 1] = c
        Q = np.linalg.qr(np.random.default_rng(seed).standard_normal((4, 4)))[0]
        found = block_structure(Q @ K @ Q.T, (0, 1))
        yield [b.sizes for b in found.blocks] == [(1, 1), (2,)], found.clear


def main() -> None:
    """Print both tables."""
    table = Table(title=f"Jordan blocks by ranks, of {_COUNT} each, in per cent")
    for column in ("", "right", "called clear-cut", "wrong and called clear-cut"):
        table.add_column(column, justify="right" if column else "left")
    rows = {f"condition 1e{k}": behind_a_basis(10.0**k) for k in (2, 4, 6, 7)}
    rows |= {f"coupling 1e{k} to 1e{k + 3}": weakly_coupled(k, k + 3) for k in (-13, -10, -7, -4)}
    for name, outcomes in rows.items():
        right, clear = np.array(list(outcomes)).T
        shares = right.mean(), clear.mean(), (clear & ~right).mean()
        table.add_row(name, *(f"{share:.1%}" for share in shares))
    Console().print(table)
    kappas = np.geomspace(1, 1e4, 10**4)
    fixed = sum(is_fixed(MCWEENY, oblique(6, 3, kappa, seed)) for seed, kappa in enumerate(kappas))
    print(f"rounded projectors of norm 1 to 1e4 that count as fixed: {fixed} of {len(kappas)}")


if __name__ == "__main__":
    main()
