"""How often the final rank of N1 is the number of first eigenvalues with real part above ½.

.venv/bin/python -m tests.benchmarks.spectra [--figure spectrum.png]
"""

from __future__ import annotations

from pathlib import Path

import click
from rich.console import Console
from rich.progress import track
from rich.table import Table

from analysis.plotting import save
from training.sweeping.plotting import spectrum
from training.sweeping.spectra import RATES, trained


@click.command()
@click.option("--seeds", default=10_000, show_default=True)
@click.option("--figure", type=click.Path(path_type=Path), help="Draw the runs at the least rate.")
def main(*, seeds: int, figure: Path | None) -> None:
    """Count them at several learning rates."""
    table = Table(title=f"{seeds} seeds of N1, batch 1000, modified rule, reduction half_sum")
    for column in ("learning rate", "idempotent in the end", "of these, rank as predicted", "of all"):
        table.add_column(column, justify="right")
    for rate, steps in track(RATES.items(), "Training", console=Console(stderr=True)):
        found = trained(range(seeds), rate=rate, steps=steps)
        right = (found.reached == found.predicted)[found.arrived].mean()
        table.add_row(f"{rate:g}", f"{found.arrived.mean():.2%}", f"{right:.2%}", f"{found.share:.2%}")
        if figure is not None and rate == min(RATES):
            save(spectrum(found), figure)
    Console().print(table)


if __name__ == "__main__":
    main()
