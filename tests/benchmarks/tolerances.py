"""How near sound functions come, by rounding alone, to the error that `assert_idempotent` allows them.

    .venv/bin/python -m tests.benchmarks.tolerances [--cases 120]

Projections by one matrix of norm up to 1000 (10 in half precision) and by a factor and its pseudo-inverse,
of any condition that random factors have; centring, unit vectors, layer norms, shares of a sum; in every
dtype.  The error over what `analysis.rounding.explained` allows: above 1 is a false alarm.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
import numpy as np
import torch
from rich.console import Console
from rich.progress import track
from rich.table import Table
from torch.nn.functional import layer_norm

from analysis.differences import distance
from analysis.rounding import explained
from analysis.values import leaves
from tests.problems import oblique

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

DTYPES = (torch.float64, torch.float32, torch.bfloat16, torch.float16)


def sound(rng: np.random.Generator, n: int, dtype: torch.dtype) -> dict[str, Callable[[Tensor], Tensor]]:
    """Functions that are idempotent but for rounding."""
    r = int(rng.integers(1, n))
    norm = 10 ** rng.uniform(0, 3 if dtype in (torch.float64, torch.float32) else 1)
    P = torch.from_numpy(oblique(n, r, norm, int(rng.integers(2**31)))).to(dtype)
    factor = rng.standard_normal((n, r))
    A, B = (torch.from_numpy(M).to(dtype) for M in (factor, np.linalg.pinv(factor)))
    return {
        "projector": lambda x: x @ P.T,
        "factor and pseudo-inverse": lambda x: (x @ B.T) @ A.T,
        "centring": lambda x: x - x.mean(-1, keepdim=True),
        "unit vectors": lambda x: x / x.norm(dim=-1, keepdim=True),
        "layer norm": lambda x: layer_norm(x, x.shape[1:], eps=0),
        "shares": lambda x: x.abs() / x.abs().sum(-1, keepdim=True),
    }


def share(f: Callable[[Tensor], Tensor], x: Tensor) -> float:
    """The error over what is allowed."""
    y = f(x)
    z = f(y)
    (a,), (b,) = leaves(y), leaves(z)
    (limit,) = explained(f, x, y, z, y)
    return distance(a, b) / limit


@click.command()
@click.option("--cases", default=120, show_default=True, help="Of each function in each dtype.")
def main(cases: int) -> None:
    """Print the greatest share of the allowed error that sound functions reach."""
    table = Table(title=f"Greatest error over what is allowed, of {cases} cases each")
    table.add_column("")
    found: dict[str, list[float]] = {}
    for dtype in DTYPES:
        table.add_column(str(dtype).removeprefix("torch."), justify="right")
        worst: dict[str, float] = {}
        for seed in track(range(cases), description=str(dtype)):
            rng = np.random.default_rng(seed)
            n = int(rng.integers(3, 100))
            x = torch.from_numpy(rng.standard_normal((8, n)) * 10 ** rng.uniform(-2, 2)).to(dtype)
            for name, f in sound(rng, n, dtype).items():
                worst[name] = max(worst.get(name, 0), share(f, x))
        for name, value in worst.items():
            found.setdefault(name, []).append(value)
    for name, values in found.items():
        table.add_row(name, *(f"{value:.3f}" for value in values))
    Console().print(table)


if __name__ == "__main__":
    main()
