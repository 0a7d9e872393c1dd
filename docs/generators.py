"""Bring docs/generators.md and tables of the README after docs/generators.json.

    python docs/generators.py

docs/generator_studies.py makes what is there; a test holds the page to it.
"""

import json
import statistics
from pathlib import Path

from blocks import number, write
from generator_studies import KEPT, POWERS, SEARCHES, STUDIES, chosen, tried

from training.objective.recipes import RECIPES

HERE = Path(__file__).parent
PAGE, README = HERE / "generators.md", HERE.parent / "README.md"
SHOWN = {
    "frechet": "Fréchet",
    "precision": "precision",
    "recall": "recall",
    "confident": "confident",
    "classes": "classes",
    "entropy": "entropy",
    "variance": "variance",
    "centred": "centred error",
    "copies": "copies",
}
"""Columns of a table."""
TABLES = [name for name in STUDIES if name not in SEARCHES]
"""What has one."""


def table(name):
    """Write a study's table: medians over seeds, and their range."""

    def lines(kept):
        runs = kept[name]["runs"]
        yield f"| | cost of a step | | {' | '.join(SHOWN.values())} | collapsed |"
        yield f"|{'---|' * (4 + len(SHOWN))}"
        for kind, run in runs.items():
            for power in POWERS:
                yield _line(kind, run, power)
        held_out = _held_out(runs)
        cells = (number(held_out[key]) if key in held_out else "" for key in SHOWN)
        yield f"| *held-out pictures* | | | {' | '.join(cells)} | |"

    return lines


def _line(kind, run, power):
    cells = " | ".join(_of(run, power, key) for key in SHOWN)
    before = f"{kind} | {run['cost of a step']:.2f}" if power == "f" else " | "
    return f"| {before} | {power} | {cells} | {_collapsed(run, power)} |"


def _of(run, power, key):
    """The median over seeds, their range, and of how many where some have none."""
    found = [seed[power][key] for seed in run["seeds"] if power in seed]
    known = [value for value in found if value is not None]
    return _range(known) + (f", {len(known)} of {len(found)}" if 0 < len(known) < len(found) else "")


def _spent(run):
    """What a run took: the median of the seconds, by the clock."""
    seconds = [seed["seconds"] for seed in run["seeds"] if "f" in seed]
    return f"{statistics.median(seconds):.0f} s" if seconds else "diverged"


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
    low, middle, high = (number(of(values)) for of in (min, statistics.median, max))
    return middle if low == high else f"{middle} ({low}–{high})"


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
        sure, distance = number(held_out["confident"]), number(held_out["frechet"])
        yield f"| *held-out pictures* | {held_out['classes']} | {sure} | {distance} | | | |"

    return lines


def searched(name):
    """Write what a search tried, and what of it is taken."""

    def lines(kept):
        yield "| | tried | taken | Fréchet to validation pictures | of all that were tried |"
        yield "|---|---|---|---|---|"
        for kind, words in chosen(name, kept).items():
            _, option, points = SEARCHES[name][kind]
            found = [run["seeds"][0]["validation"] for run in tried(kept[name]["runs"], kind)]
            lost = len(points) - len(found)
            spread = f"{_range(found)}, {len(points)} runs" + f", {lost} diverged" * (lost > 0)
            taken = words[words.index("--learning-rate") :]
            yield f"| {kind} | {_points(option, points)} | {taken} | {number(min(found))} | {spread} |"

    return lines


def _points(option, points):
    """Rates and weights that were tried, rates together that were tried with the same weights."""
    together = {}
    for rate in sorted({rate for rate, _ in points}, key=float):
        weights = sorted(weight for other, weight in points if other == rate)
        together.setdefault(tuple(weights), []).append(rate)
    crossed = "; ".join(
        f"{', '.join(rates)} with {', '.join(map(str, weights))}" for weights, rates in together.items()
    )
    return f"--learning-rate, --{option}: {crossed}"


def commands(kept):
    """Write what was trained, and what it took."""
    for study in (kept[name] for name in TABLES):
        yield f"- `{study['command']} --patience 0 --seed 0` (and 1, 2), and:"
        for kind, run in study["runs"].items():
            options = f"{run['options']} --epochs {run['epochs']}"
            yield f"  - {kind}: `{options}`, {run['steps']} steps, {_spent(run)}"


BLOCKS = {
    **{name: searched(name) for name in SEARCHES},
    **{name: table(name) for name in TABLES},
    "commands": commands,
}
"""By the words that mark them on the page."""
OF_README = {"generators, mnist": in_short("mnist")}


def main():
    """Write the page and the README's tables."""
    kept = json.loads(KEPT.read_text(encoding="utf-8"))
    write(PAGE, kept, BLOCKS)
    write(README, kept, OF_README)


if __name__ == "__main__":
    main()
