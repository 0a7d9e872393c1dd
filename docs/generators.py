"""Bring docs/generators.md and tables of the README after docs/generators.json.

    python docs/generators.py

docs/generator_studies.py makes what is there; a test holds the page to it.
"""

import json
import statistics
from pathlib import Path

from findings import page
from generator_studies import KEPT, POWERS, STUDIES

from training.objective.recipes import RECIPES

HERE = Path(__file__).parent
PAGE, README = HERE / "generators.md", HERE.parent / "README.md"
SHOWN = {
    "frechet": "Fréchet",
    "precision": "precision",
    "recall": "recall",
    "confident": "confident",
    "classes": "classes",
    "variance": "variance",
    "centred": "centred error",
    "copies": "copies",
}
"""Columns of a table."""


def table(name):
    """Write a study's table: medians over seeds, and their range."""

    def lines(kept):
        runs = kept[name]["runs"]
        yield f"| | cost of a step | steps | seconds | | {' | '.join(SHOWN.values())} | collapsed |"
        yield f"|{'---|' * (6 + len(SHOWN))}"
        for kind, run in runs.items():
            for power in POWERS:
                yield _line(kind, run, power)
        held_out = _held_out(runs)
        cells = (_number(held_out[key]) if key in held_out else "" for key in SHOWN)
        yield f"| *held-out pictures* | | | | | {' | '.join(cells)} | |"

    return lines


def _line(kind, run, power):
    cells = " | ".join(_of(run, power, key) for key in SHOWN)
    before = (
        f"{kind} | {run['cost of a step']:.2f} | {run['steps']} | {_seconds(run)}"
        if power == "f"
        else " | | | "
    )
    return f"| {before} | {power} | {cells} | {_collapsed(run, power)} |"


def _of(run, power, key):
    """The median over seeds, their range, and of how many where some have none."""
    found = [seed[power][key] for seed in run["seeds"] if power in seed]
    known = [value for value in found if value is not None]
    return _range(known) + (f", {len(known)} of {len(found)}" if 0 < len(known) < len(found) else "")


def _seconds(run):
    """By the clock, where the runs wrote it."""
    known = [seed["seconds"] for seed in run["seeds"] if seed.get("seconds")]
    return f"{statistics.median(known):.0f}" if known else ""


def _memory(run):
    """Memory in words, where the runs wrote it."""
    known = [seed["memory"] for seed in run["seeds"] if seed.get("memory")]
    return f" ({max(known):.0f} MiB)" if known else ""


def _held_out(runs):
    return next(seed["held out"] for run in runs.values() for seed in run["seeds"] if "f" in seed)


def _collapsed(run, power="f"):
    """In how many seeds the pictures are one point, or there are none."""
    sound = [seed[power] for seed in run["seeds"] if power in seed]
    lost = sum(row["collapsed"] for row in sound)
    diverged = len(run["seeds"]) - len(sound)
    return f"{lost} of {len(run['seeds'])}{f', {diverged} diverged' if diverged else ''}"


def _range(values):
    if not values:
        return "—"
    low, middle, high = (_number(of(values)) for of in (min, statistics.median, max))
    return middle if low == high else f"{middle} ({low}–{high})"


def _number(value):
    if abs(value) < 1e-3:
        return f"{value:.0e}" if value else "0"
    return f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"


def in_short(name):
    """Write a table of the README: each recipe as it is."""

    def lines(kept):
        runs = kept[name]["runs"]
        yield "| recipe | classes of ten | confident | Fréchet distance, f | f³ | centred error | collapsed |"
        yield "|---|---|---|---|---|---|---|"
        for recipe in (recipe for recipe in RECIPES if recipe in runs):
            run = runs[recipe]
            distances = " | ".join(_of(run, power, "frechet") for power in ("f", "f³"))
            classes, sure, centred = (_of(run, "f", key) for key in ("classes", "confident", "centred"))
            cells = f"{classes} | {sure} | {distances} | {centred}"
            yield f"| `{recipe}` | {cells} | {_collapsed(run)} |"
        held_out = _held_out(runs)
        sure, distance = _number(held_out["confident"]), _number(held_out["frechet"])
        yield f"| *held-out pictures* | {held_out['classes']} | {sure} | {distance} | | | |"

    return lines


def commands(kept):
    """Write what was trained."""
    for study in kept.values():
        yield f"- `{study['command']} --patience 0 --seed 0` (and 1, 2), and:"
        for kind, run in study["runs"].items():
            yield f"  - {kind}: `{run['options']} --epochs {run['epochs']}`{_memory(run)}"


BLOCKS = {**{name: table(name) for name in STUDIES}, "commands": commands}
"""By the words that mark them on the page."""
OF_README = {"generators, mnist": in_short("mnist")}


def main():
    """Write the page and the README's tables."""
    kept = json.loads(KEPT.read_text(encoding="utf-8"))
    for path, blocks in ((PAGE, BLOCKS), (README, OF_README)):
        path.write_text(page(path.read_text(encoding="utf-8"), kept, blocks), encoding="utf-8")


if __name__ == "__main__":
    main()
