"""Bring the README and docs after a report: the table, the findings and the pictures of `corrector demo`.

Run by `make docs`; a test holds the README against `docs/demo/`.
"""

import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
from blocks import write

from training.comparison import report

ROOT = Path(__file__).parent.parent
COLUMNS = {name: title for name, title in report.COLUMNS.items() if name != "reconstruction_again"}


def block(folder: Path) -> Iterator[str]:
    """Write the README's part that the demo made, from `table.csv` and `report.json` in a folder."""
    rows = pd.read_csv(folder / "table.csv")
    rows = rows[rows.table == "own best rate"]
    yield "| way to train | rate | " + " | ".join(COLUMNS.values()) + " |"
    yield "|---|" + "---|" * (len(COLUMNS) + 1)
    for name, group in rows.groupby("contender", sort=False):
        entries = group.set_index("measure")
        failed = entries.collapsed_or_diverged.iloc[0] == entries.runs.iloc[0]
        cells = ["collapsed" if m == "centred" and failed else _cell(entries.loc[m]) for m in COLUMNS]
        rate = "" if pd.isna(entries.rate.iloc[0]) else f"{entries.rate.iloc[0]:g}"
        yield f"| {name} | {rate} | " + " | ".join(cells) + " |"
    found = json.loads((folder / "report.json").read_text(encoding="utf-8"))["findings"]
    yield from ("", *(f"- {sentence}" for sentence in found))


BLOCKS = {"demo": block}


def _cell(entry: pd.Series) -> str:
    if entry["mean"] < 1e-9:
        return "0"
    if pd.isna(entry.low):
        return f"{entry['mean']:.3g}"
    return f"{entry['mean']:.3g} ({entry.low:.3g}–{entry.high:.3g})"


def main(made: Path) -> None:
    for name in ("table.csv", "report.json"):
        shutil.copy(made / name, ROOT / "docs" / "demo" / name)
    for name in ("digits.png", "basins.png", "tradeoff.png"):
        shutil.copy(made / name, ROOT / "docs" / "pictures" / name)
    write(ROOT / "README.md", ROOT / "docs" / "demo", BLOCKS)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
