"""Train the generative networks that docs/generators.md compares, and write what it says of them.

    python docs/generators.py FOLDER [STUDY ...]    trains, keeps docs/generators.json, writes the page
    python docs/generators.py                       writes the page from docs/generators.json alone

FOLDER gets a run for each objective and seed; those that have ended are not trained again.  Every objective
of a study gets the time that its first one takes for its epochs, on one core: the time of a step is measured
beforehand, round after round, all in one process, and the number of epochs follows.
"""

import json
import os
import statistics
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import torch
from findings import page

from analysis.plotting import save
from corrector.cli import given_corrector
from training import load_generator
from training.generation.sheets import progression
from training.objective.recipes import RECIPES
from training.runs.choices import assembled
from training.runs.cli import train
from training.runs.cost import read_cost

HERE = Path(__file__).parent
PAGE, KEPT, README = HERE / "generators.md", HERE / "generators.json", HERE.parent / "README.md"
ALIKE = "--schedule cosine --betas 0.5,0.99 --batch-size 128 --learning-rate 1e-3"
"""The projector's optimiser, for all objectives."""
SEEDS = (0, 1, 2)
DIGITS = "u-dcgan-digits digits --network-argument widths=[32,64,128]"
OURS = "--recipe projector"
MATCHED = "--recipe matched"
STUDIES = {
    "digits": {
        "of": DIGITS,
        "epochs": 1000,
        "runs": {
            "projector": OURS,
            "paper": "--recipe paper",
            "ign": "--recipe ign",
            "naign": "--recipe naign",
            "matched": MATCHED,
            "paper, our optimiser": f"--recipe paper {ALIKE}",
            "ign, our optimiser": f"--recipe ign {ALIKE}",
            "naign, our optimiser": f"--recipe naign {ALIKE}",
        },
    },
}
"""Objectives by what they are called; the first of each says how long all of them take."""
STEPS = 100
"""That time a step is measured by."""
ROUNDS = 3
MEASURES = (
    "frechet",
    "limit",
    "precision",
    "recall",
    "density",
    "coverage",
    "classes",
    "confident",
    "variance",
)
POWERS = ("f", "f³", "f⁵")
SHOWN = {
    "frechet": "Fréchet",
    "confident": "confident",
    "coverage": "coverage",
    "recall": "recall",
    "classes": "classes",
    "variance": "variance",
    "centred": "centred error",
    "copies": "copies",
}
"""Columns of a table."""


def options(arguments):
    """What `corrector train` makes of these arguments."""
    context = train.make_context("train", [*arguments, "--output", "none"])
    chosen = context.params
    return chosen | {"corrector": given_corrector(chosen["order"], chosen["alphas"])}


def seconds_a_step(chosen):
    """Time that a step takes on average, by the schedule of a whole run, and how many are an epoch."""
    run = assembled(chosen)
    module = run.module
    module.steps = STEPS
    optimizer = module.configure_optimizers()
    optimizer = optimizer["optimizer"] if isinstance(optimizer, dict) else optimizer
    size, train_part = chosen["batch_size"], run.parts.train
    started = time.perf_counter()
    for _ in range(STEPS):
        module.batches += 1
        batch = train_part[torch.randint(len(train_part), (size,))]
        module.prepare(batch)
        losses = module.losses(batch)
        optimizer.zero_grad()
        torch.stack([loss for _, loss in losses.values()]).sum().backward()
        optimizer.step()
    return (time.perf_counter() - started) / STEPS, len(train_part) // size


def epochs(study, names):
    """How many epochs each of these has in the time of the first, and what its steps cost."""
    runs = {name: study["runs"][name] for name in names}
    chosen = {name: options([*study["of"].split(), *words.split()]) for name, words in runs.items()}
    rounds = [{name: seconds_a_step(one) for name, one in chosen.items()} for _ in range(ROUNDS)]
    steps = {name: statistics.median(found[name][0] for found in rounds) for name in chosen}
    an_epoch = {name: rounds[0][name][1] for name in chosen}
    first = next(iter(chosen))
    budget = study["epochs"] * an_epoch[first] * steps[first]
    return {
        name: (
            max(1, round(budget / (steps[name] * an_epoch[name]))),
            steps[name] / steps[first],
            an_epoch[name],
        )
        for name in chosen
    }


def trained(folder, words, seed, count):
    """Carry out a run, or go on with it; return its figures."""
    command = ["train", *words, "--seed", str(seed), "--epochs", str(count), "--patience", "0"]
    if (folder / "config.yaml").is_file():
        command = ["train", "--resume"]
    if not (folder / "summary.json").is_file():
        ended = subprocess.run(  # noqa: S603 - this very program
            [sys.executable, "-m", "corrector", *command, "--output", str(folder)],
            check=False,
            env=os.environ | {"OMP_NUM_THREADS": "1"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        # Exit status 1 is for pictures that collapsed, or a loss that is not finite: results both.
        if ended.returncode not in (0, 1):
            raise RuntimeError(f"expected a run in {folder} to end; got {ended.stderr}")
    if not (folder / "summary.json").is_file():
        return {"diverged": True}
    found = json.loads((folder / "evaluation.json").read_text(encoding="utf-8"))
    summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    spells = read_cost(folder)
    rows = {row["name"]: row for row in found["rows"]}
    held_out = next(row for row in found["controls"] if row["name"] == "held-out pictures")
    figures = {
        "reconstruction": summary["test"]["after"]["task"],
        "held out": {name: held_out[name] for name in MEASURES},
        "classifier": found["classifier"],
        "seconds": sum(spell.seconds for spell in spells) or None,
        "memory": max((spell.memory for spell in spells), default=None),
        **{
            power: {name: rows[power][name] for name in MEASURES}
            | {name: rows[power]["idempotence"][name] for name in ("error", "centred", "kept", "collapsed")}
            | {
                "memorisation": rows[power]["memorisation"]["ratio"],
                "copies": rows[power]["memorisation"]["share"],
            }
            | {"duplicates": rows[power]["duplicates"]["ratio"]}
            for power in POWERS
        },
    }
    return _short(figures)


def carried_out(name, folder):
    """A study: every objective with every seed, two at a time."""
    study = STUDIES[name]
    times = folder / name / "epochs.json"
    times.parent.mkdir(parents=True, exist_ok=True)
    counts = json.loads(times.read_text()) if times.is_file() else {}
    first, *others = study["runs"]
    if missing := [kind for kind in others if kind not in counts]:
        torch.set_num_threads(1)
        counts = epochs(study, [first, *missing]) | counts
        times.write_text(json.dumps(counts))
    with ThreadPoolExecutor(2) as pool:
        runs = {
            (kind, seed): pool.submit(
                trained,
                folder / name / f"{_file(kind)}-{seed}",
                [*study["of"].split(), *words.split()],
                seed,
                counts[kind][0],
            )
            for seed in SEEDS
            for kind, words in study["runs"].items()
        }
    return {
        "command": f"corrector train {study['of']}",
        "runs": {
            kind: {
                "options": words,
                "epochs": counts[kind][0],
                "steps": counts[kind][0] * counts[kind][2],
                "cost of a step": round(counts[kind][1], 3),
                "seeds": [runs[kind, seed].result() for seed in SEEDS],
            }
            for kind, words in study["runs"].items()
        },
    }


def drawn(name, folder):
    """A sheet of what each objective's network makes of the same noise, with the first seed."""
    rows = {}
    for kind in STUDIES[name]["runs"]:
        made = load_generator(folder / name / f"{_file(kind)}-{SEEDS[0]}")
        rows[kind] = made.pictures(made.sample(16, seed=0, powers=(1,))[1])
    return progression(rows, columns=16, title="f(z), with seed 0")


def table(name):
    """Write a study's table: medians over seeds, and their range."""

    def lines(kept):
        runs = kept[name]["runs"]
        yield f"| | cost of a step | steps | | {' | '.join(SHOWN.values())} | collapsed |"
        yield f"|{'---|' * (5 + len(SHOWN))}"
        for kind, run in runs.items():
            for power in POWERS[:2]:
                yield _line(kind, run, power)
        held_out = _held_out(runs)
        cells = (_number(held_out[key]) if key in held_out else "" for key in SHOWN)
        yield f"| *held-out pictures* | | | | {' | '.join(cells)} | |"

    return lines


def _file(kind):
    return kind.replace(", ", "-").replace(" ", "-")


def _line(kind, run, power):
    cells = " | ".join(_of(run, power, key) for key in SHOWN)
    before = f"{kind} | {run['cost of a step']:.2f} | {run['steps']}" if power == "f" else " | | "
    return f"| {before} | {power} | {cells} | {_collapsed(run, power)} |"


def _of(run, power, key):
    """The median over seeds, and their range."""
    return _range([seed[power][key] for seed in run["seeds"] if power in seed])


def _took(run):
    """Time and memory in words, where the runs wrote them."""
    known = [seed for seed in run["seeds"] if seed.get("seconds")]
    if not known:
        return ""
    minutes = statistics.median(seed["seconds"] / 60 for seed in known)
    return f" ({minutes:.1f} min, {max(seed['memory'] for seed in known):.0f} MiB)"


def _held_out(runs):
    return next(seed["held out"] for run in runs.values() for seed in run["seeds"] if "f" in seed)


def _collapsed(run, power="f"):
    """In how many seeds the pictures are one point, or there are none."""
    sound = [seed[power] for seed in run["seeds"] if power in seed]
    lost = sum(row["collapsed"] for row in sound)
    diverged = len(run["seeds"]) - len(sound)
    return f"{lost} of {len(run['seeds'])}{f', {diverged} diverged' if diverged else ''}"


def _range(values):
    known = sorted(value for value in values if value is not None)
    if not known:
        return "—"
    middle = statistics.median(known)
    if len(known) < 2 or known[0] == known[-1]:
        return _number(middle)
    return f"{_number(middle)} ({_number(known[0])}–{_number(known[-1])})"


def _number(value):
    return f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"


def _short(value):
    """The same with five digits, throughout."""
    if isinstance(value, dict):
        return {name: _short(part) for name, part in value.items()}
    return float(f"{value:.5g}") if isinstance(value, float) else value


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
            yield f"  - {kind}: `{run['options']} --epochs {run['epochs']}`{_took(run)}"


BLOCKS = {**{name: table(name) for name in STUDIES}, "commands": commands}
"""By the words that mark them on the page."""
OF_README = {f"generators, {name}": in_short(name) for name in STUDIES}
FIGURES = {"digits": {"generators-digits": drawn}}


def main(folder, names):
    """Train what is asked for, and write the page."""
    kept = json.loads(KEPT.read_text(encoding="utf-8")) if KEPT.is_file() else {}
    for name in (names or STUDIES) if folder else ():
        kept[name] = carried_out(name, Path(folder))
        for figure, draw in FIGURES[name].items():
            save(draw(name, Path(folder)), HERE / "pictures" / f"{figure}.png")
        lines = (f"{json.dumps(key)}: {json.dumps(found, ensure_ascii=False)}" for key, found in kept.items())
        KEPT.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")
    for path, blocks in ((PAGE, BLOCKS), (README, OF_README)):
        path.write_text(page(path.read_text(encoding="utf-8"), kept, blocks), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else None, sys.argv[2:])
