"""Train the generative networks of docs/generators.md and keep what it says of them, in docs/generators.json.

    python docs/generator_studies.py FOLDER [STUDY ...]

FOLDER gets a run for each objective and seed; those that have ended are not trained again, and one that was
interrupted goes on.  Every objective of a study gets the time that its first one takes for its epochs, on one
core: the time of a step is measured beforehand, round after round, all in one process, and the number of
epochs follows.  Two runs go side by side; on two cores all studies take about three hours.
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

from analysis.plotting import save
from corrector.cli import given_corrector
from training import load_generator
from training.generation.powers import power_name
from training.generation.sheets import progression
from training.runs.choices import assembled
from training.runs.cli import train
from training.runs.cost import read_cost

HERE = Path(__file__).parent
KEPT = HERE / "generators.json"
DIGITS = "u-dcgan-digits digits --network-argument widths=[32,64,128]"
MNIST = "u-dcgan-mnist-small mnist"
OURS = "--schedule cosine --betas 0.5,0.99 --batch-size 128"
"""Our own recipes' optimiser but for its rate."""
MATCHED = "--recipe matched"
SEEDS = (0, 1, 2)
STUDIES = {
    "digits": {
        "of": DIGITS,
        "epochs": 1000,
        "runs": {
            **{name: f"--recipe {name}" for name in ("projector", "paper", "ign", "naign", "matched")},
            **{
                f"{name}, our optimiser": f"--recipe {name} {OURS} --learning-rate 1e-3"
                for name in ("paper", "ign", "naign")
            },
        },
    },
    "mnist": {
        "of": MNIST,
        "epochs": 15,
        "runs": {
            "matched": MATCHED,
            "matched, ordinary rule": f"{MATCHED} --rule ordinary",
            "matched, target rule": f"{MATCHED} --rule target",
            "matched, no rule": f"{MATCHED} --weight 0",
            "paper": "--recipe paper",
            "ign": "--recipe ign",
            "naign": "--recipe naign",
            "naign, our optimiser": f"--recipe naign {OURS} --learning-rate 1e-3",
        },
    },
    "rules": {
        "of": DIGITS,
        "epochs": 400,
        "runs": {
            "modified, order 1": MATCHED,
            "modified, order 2": f"{MATCHED} --order 2",
            "modified, widest basin": f"{MATCHED} --alphas 0,312/125,2/125,-63/25,126/125",
            "target": f"{MATCHED} --rule target",
            "ordinary": f"{MATCHED} --rule ordinary",
            "inner": f"{MATCHED} --rule inner",
            "outer": f"{MATCHED} --rule outer",
        },
    },
    "parts": {
        "of": DIGITS,
        "epochs": 400,
        "runs": {
            "matched": MATCHED,
            "no likelihood, rule at fresh noise": f"{MATCHED} --likelihood 0 --at noise",
            "tightness for the likelihood": f"{MATCHED} --likelihood 0 --at noise --tightness 0.1",
            "no rule": f"{MATCHED} --weight 0",
            "no reconstruction": f"{MATCHED} --task none",
            "likelihood alone": f"{MATCHED} --task none --weight 0",
            "rule at fresh noise": f"{MATCHED} --at noise",
            "rule from the start": f"{MATCHED} --ramp idempotency=0-0",
            "256 noises, new for each batch": f"{MATCHED} --pool 256 --refresh 1",
            "Fourier noise": f"{MATCHED} --source fourier",
        },
    },
}
"""Objectives by what they are called; the first of each study says how long all of them take."""
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


def options(arguments):
    """What `corrector train` makes of these arguments."""
    context = train.make_context("train", [*arguments, "--output", "none"])
    found = context.params
    return found | {"corrector": given_corrector(found["order"], found["alphas"])}


def seconds_a_step(found):
    """Time that a step takes on average, by the schedule of a whole run, and how many are an epoch."""
    run = assembled(found)
    module = run.module
    module.steps = STEPS
    optimizer = module.configure_optimizers()
    optimizer = optimizer["optimizer"] if isinstance(optimizer, dict) else optimizer
    size, train_part = found["batch_size"], run.parts.train
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
    found = {name: options([*study["of"].split(), *words.split()]) for name, words in runs.items()}
    rounds = [{name: seconds_a_step(one) for name, one in found.items()} for _ in range(ROUNDS)]
    steps = {name: statistics.median(times[name][0] for times in rounds) for name in found}
    an_epoch = {name: rounds[0][name][1] for name in found}
    first = next(iter(found))
    budget = study["epochs"] * an_epoch[first] * steps[first]
    return {
        name: (
            max(1, round(budget / (steps[name] * an_epoch[name]))),
            steps[name] / steps[first],
            an_epoch[name],
        )
        for name in found
    }


def trained(folder, words, seed, count):
    """Carry out a run, or go on with it; say whether there is a network."""
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
    return (folder / "summary.json").is_file()


def tested(folder):
    """What a run's pictures are worth, beside test pictures."""
    found = json.loads((folder / "evaluation.json").read_text(encoding="utf-8"))
    summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    spells = read_cost(folder)
    rows = {row["name"]: row for row in found["rows"]}
    held_out = next(row for row in found["controls"] if row["name"] == "held-out pictures")
    return {
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


def figures_of(folder, words, seed, count):
    """Train, and return what is kept of it."""
    return _short(tested(folder)) if trained(folder, words, seed, count) else {"diverged": True}


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
                figures_of,
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
        run = folder / name / f"{_file(kind)}-{SEEDS[0]}"
        if not (run / "summary.json").is_file():
            continue
        made = load_generator(run)
        rows[kind] = made.pictures(made.sample(16, seed=0, powers=(1,))[1])
    return progression(rows, columns=16, title="f(z), with seed 0")


def figure_5(name, folder):
    """Figure 5 of the paper: what networks trained by both rules make of the same noise."""
    rows = {}
    for letter, kind in (("a", "matched"), ("b", "matched, ordinary rule")):
        made = load_generator(folder / name / f"{_file(kind)}-{SEEDS[0]}")
        z = made.draw(16, seed=0)
        rows |= {"z": made.pictures(z)}
        rows |= {
            f"({letter}) {power_name(power.k)}": made.pictures(power.y)
            for power in made.powers(z, (1, 2, 3, 5))
        }
    return progression(rows, columns=16, title="(a) modified, (b) ordinary backpropagation")


DRAWN = {
    "digits": {"generators-digits": drawn},
    "mnist": {"generators-mnist": drawn, "generators-figure-5": figure_5},
    "parts": {"generators-parts": drawn},
}


def _file(kind):
    return kind.replace(", ", "-").replace(" ", "-")


def _short(value):
    """The same with five digits, throughout."""
    if isinstance(value, dict):
        return {name: _short(part) for name, part in value.items()}
    return float(f"{value:.5g}") if isinstance(value, float) else value


def main(folder, names):
    """Carry out these studies, each kept as soon as it has ended."""
    kept = json.loads(KEPT.read_text(encoding="utf-8")) if KEPT.is_file() else {}
    for name in names or STUDIES:
        kept[name] = carried_out(name, folder)
        lines = (f"{json.dumps(key)}: {json.dumps(found, ensure_ascii=False)}" for key, found in kept.items())
        KEPT.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")
        for figure, draw in DRAWN.get(name, {}).items():
            save(draw(name, folder), HERE / "pictures" / f"{figure}.png")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
