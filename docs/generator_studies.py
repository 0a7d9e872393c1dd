"""Train the generative networks of docs/generators.md and keep what it says of them, in docs/generators.json.

    python docs/generator_studies.py FOLDER [STUDY ...]

FOLDER gets a run for each objective and seed; those that have ended are not trained again, and one that was
interrupted goes on.  Every objective of a study gets the time that its first one takes for its epochs, by the
clock: what an epoch takes is the difference of two short runs, and the number of epochs follows.  Two runs go
side by side, each on one core, these too; on two cores all studies take about six hours.

The studies "search" and "mnist search" choose the rate and one weight of each objective by the Fréchet
distance of f(z) to the validation pictures; "digits" and "mnist" train what was chosen with other seeds, and
measure it on test pictures.
"""

import hashlib
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from pathlib import Path

from analysis.plotting import save
from training import classifier, digits, load_generator, mnist
from training.generation.distances import frechet_distance
from training.generation.powers import power_name
from training.generation.sheets import progression
from training.runs.cost import read_cost

HERE = Path(__file__).parent
KEPT = HERE / "generators.json"
DIGITS = "u-dcgan-digits digits --network-argument widths=[32,64,128]"
MNIST = "u-dcgan-mnist-small mnist"
DATA = {DIGITS: digits, MNIST: mnist}
MATCHED = "--recipe matched"
OURS = "--schedule cosine --betas 0.5,0.99 --batch-size 128"
"""Our own recipes' optimiser but for its rate."""
SEEDS = (0, 1, 2)
LOWER, HIGHER = ("3e-5", "1e-4", "3e-4", "1e-3"), ("1e-3", "3e-3", "1e-2", "3e-2")


def cross(rate, weight, rates, weights):
    """A rate and a weight, other rates with that weight, and other weights with that rate."""
    return ((rate, weight), *((other, weight) for other in rates), *((rate, other) for other in weights))


TARGET, ORDINARY = f"{MATCHED} --rule target", f"{MATCHED} --rule ordinary"
SEARCHES = {
    "search": {
        "paper": (
            "--recipe paper",
            "weight",
            (
                *product(LOWER, (0.01, 0.1, 1)),
                *(("1e-3", 10), ("3e-4", 10), ("3e-3", 0.1), ("3e-3", 1), ("3e-3", 10)),
            ),
        ),
        "ign": ("--recipe ign", "tightness", (*product((*LOWER, "3e-3"), (0.5, 2.5, 10)),)),
        "naign": (
            "--recipe naign",
            "likelihood",
            (*product(("3e-4", *HIGHER), (0.3, 1, 3)), *product(HIGHER[:3], (10,))),
        ),
        "matched": (MATCHED, "weight", (*product(("3e-4", *HIGHER), (0.5, 1, 2)),)),
        "matched by target": (TARGET, "weight", (*product(("3e-4", *HIGHER), (0.5, 1, 2)),)),
        "matched by ordinary": (ORDINARY, "weight", (("3e-4", 0.5), *product(HIGHER, (0.5, 1, 2)))),
    },
    "mnist search": {
        "paper": ("--recipe paper", "weight", cross("3e-4", 0.1, ("1e-4", "1e-3"), (0.01, 1))),
        "ign": ("--recipe ign", "tightness", cross("3e-4", 2.5, ("1e-4", "1e-3"), (0.5, 10))),
        "naign": (
            "--recipe naign",
            "likelihood",
            (*cross("3e-3", 1, ("3e-4", "1e-3", "1e-2"), (0.3, 3)), ("3e-2", 1)),
        ),
        "matched": (
            MATCHED,
            "weight",
            (*cross("3e-3", 1, ("3e-4", "1e-3", "1e-2"), (0.5, 2)), ("3e-3", 4), ("1e-2", 2)),
        ),
    },
}
"""Of each objective the rates, and the weights of which part, that are tried."""


def pieces(search):
    """The objectives of a search, by name, and their options."""
    return {
        f"{kind}, rate {rate}, {option} {weight}": (
            f"{words} {OURS} --learning-rate {rate} --{option} {weight}"
        )
        for kind, (words, option, points) in SEARCHES[search].items()
        for rate, weight in points
    }


STUDIES = {
    "search": {
        "of": DIGITS,
        "epochs": 250,
        "timed": (10, 60),
        "seeds": (3,),
        "runs": pieces("search"),
    },
    "digits": {
        "of": DIGITS,
        "epochs": 1000,
        "timed": (10, 110),
        "searched": ("search", ("paper", "ign", "naign", "matched")),
        "runs": {name: f"--recipe {name}" for name in ("projector", "paper", "ign", "naign", "matched")},
    },
    "mnist search": {
        "of": MNIST,
        "epochs": 7,
        "timed": (1, 3),
        "seeds": (3,),
        "runs": pieces("mnist search"),
    },
    "mnist": {
        "of": MNIST,
        "epochs": 15,
        "timed": (1, 3),
        "runs": {
            "matched": MATCHED,
            "matched, ordinary rule": ORDINARY,
            "matched, target rule": TARGET,
            "matched, no rule": f"{MATCHED} --weight 0",
            "paper": "--recipe paper",
            "ign": "--recipe ign",
            "naign": "--recipe naign",
            "naign, our optimiser": f"--recipe naign {OURS} --learning-rate 1e-3",
            "projector": "--recipe projector",
        },
        "searched": ("mnist search", ("paper", "ign", "naign", "matched")),
    },
    "rules": {
        "of": DIGITS,
        "epochs": 400,
        "timed": (10, 110),
        "runs": {
            "modified, order 1": MATCHED,
            "modified, order 2": f"{MATCHED} --order 2",
            "modified, widest basin": f"{MATCHED} --alphas 0,312/125,2/125,-63/25,126/125",
            "target": TARGET,
            "ordinary": ORDINARY,
            "inner": f"{MATCHED} --rule inner",
            "outer": f"{MATCHED} --rule outer",
        },
    },
    "parts": {
        "of": DIGITS,
        "epochs": 400,
        "timed": (10, 110),
        "runs": {
            "matched": MATCHED,
            "no likelihood, rule at fresh noise": f"{MATCHED} --likelihood 0 --at noise",
            "tightness for the likelihood": f"{MATCHED} --likelihood 0 --at noise --tightness 0.1",
            "tightness that grows for the likelihood": (
                f"{MATCHED} --likelihood 0 --at noise --tightness 0.1 --ramp tightness=0.2-0.5"
            ),
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
MEASURES = (
    "frechet",
    "limit",
    "precision",
    "recall",
    "density",
    "coverage",
    "classes",
    "entropy",
    "confident",
    "variance",
)
POWERS = ("f", "f³", "f⁵")
_DIVERGED = "expected finite"
"""What a run says in the end that has no network."""


def objectives(name, kept):
    """The options of a study's runs, and those that the search chose."""
    study = STUDIES[name]
    search, kinds = study.get("searched", (None, ()))
    return study["runs"] | {f"{kind}, searched": chosen(search, kept)[kind] for kind in kinds}


def chosen(search, kept):
    """The options of each objective that did best in a search."""
    return {
        kind: min(tried(kept[search]["runs"], kind), key=lambda run: run["seeds"][0]["validation"])["options"]
        for kind in SEARCHES[search]
    }


def tried(runs, kind):
    """The runs of a search with this objective that did not diverge."""
    return [
        run for name, run in runs.items() if name.startswith(f"{kind},") and "validation" in run["seeds"][0]
    ]


def an_epoch(folder, study, words):
    """Seconds by the clock, and steps, that one more epoch takes."""
    spent = []
    for count in study["timed"]:
        run = place(folder / "timed", words, count, SEEDS[0])
        trained(run, [*study["of"].split(), *words.split(), "--no-evaluate"], SEEDS[0], count)
        spells = read_cost(run)
        spent.append((sum(spell.seconds for spell in spells), spells[-1].end))
    more = study["timed"][1] - study["timed"][0]
    return [(long - short) / more for short, long in zip(*spent, strict=True)]


def epochs(study, folder, kinds):
    """How many epochs of how many steps each of these has in the time of the first, and what a step costs."""
    alike = {}
    for kind in kinds:
        alike.setdefault(_but_for_numbers(kind), study["runs"][kind])
    with ThreadPoolExecutor(2) as pool:
        found = pool.map(lambda words: an_epoch(folder, study, words), alike.values())
        timed = dict(zip(alike, found, strict=True))
    seconds, steps = next(iter(timed.values()))
    return {
        kind: {
            "epochs": max(1, round(study["epochs"] * seconds / mine)),
            "cost of a step": round(mine / its * steps / seconds, 3),
            "steps": round(its),
        }
        for kind in kinds
        for mine, its in (timed[_but_for_numbers(kind)],)
    }


def _but_for_numbers(kind):
    """What takes as long: an objective of the search, whatever its rate and weight."""
    return kind.partition(", rate ")[0]


def place(folder, words, count, seed):
    """The folder of a run, another one where anything of it is another."""
    sort = hashlib.sha256(f"{words} --epochs {count}".encode()).hexdigest()[:8]
    return folder / f"{sort}-{seed}"


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
        whole = (folder / "summary.json").is_file()
        if ended.returncode not in (0, 1) or not (whole or _DIVERGED in ended.stderr):
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


def validated(folder, images):
    """The Fréchet distance of f(z) to pictures to validate on, of which no table is made."""
    learnt, held_out, test = (images.part(name) for name in ("train", "validation", "test"))
    eye = classifier(learnt[:], learnt.labels, test[:], test.labels)
    made = load_generator(folder)
    shown = made.pictures(made.sample(len(held_out), seed=0, powers=(1,))[1])
    real, found = (eye.read(eye.pictures(x)).features for x in (held_out[:], shown))
    return {"validation": frechet_distance(real, found)}


def figures_of(folder, words, seed, count, *, validating=None):
    """Train, and return what is kept of it: of a search the distance to pictures to validate on."""
    if not trained(folder, [*words, "--no-evaluate"] if validating else words, seed, count):
        return {"diverged": True}
    return _short(validated(folder, validating()) if validating else tested(folder))


def carried_out(name, folder, kept):
    """A study: every objective with every seed, two at a time."""
    study = STUDIES[name] | {"runs": objectives(name, kept)}
    seeds = study.get("seeds", SEEDS)
    times = folder / name / "epochs.json"
    times.parent.mkdir(parents=True, exist_ok=True)
    counts = json.loads(times.read_text()) if times.is_file() else {}
    first, *others = study["runs"]
    if missing := [kind for kind in others if kind not in counts]:
        counts = epochs(study, folder / name, [first, *missing]) | counts
        times.write_text(json.dumps(counts))
    with ThreadPoolExecutor(2) as pool:
        runs = {
            (kind, seed): pool.submit(
                figures_of,
                place(folder / name, words, counts[kind]["epochs"], seed),
                [*study["of"].split(), *words.split()],
                seed,
                counts[kind]["epochs"],
                validating=DATA[study["of"]] if name in SEARCHES else None,
            )
            for seed in seeds
            for kind, words in study["runs"].items()
        }
    return {
        "command": f"corrector train {study['of']}",
        "runs": {
            kind: {
                "options": words,
                **counts[kind],
                "steps": counts[kind]["epochs"] * counts[kind]["steps"],
                "seeds": [runs[kind, seed].result() for seed in seeds],
            }
            for kind, words in study["runs"].items()
        },
    }


def drawn(name, folder, kept):
    """A sheet of what each objective's network makes of the same noise, with the first seed."""
    rows = {}
    for kind, run in kept[name]["runs"].items():
        if "f" in run["seeds"][0]:
            made = load_generator(place(folder / name, run["options"], run["epochs"], SEEDS[0]))
            rows[kind] = made.pictures(made.sample(16, seed=0, powers=(1,))[1])
    return progression(rows, columns=16, title="f(z), with seed 0")


def figure_5(name, folder, kept):
    """Figure 5 of the paper: what networks trained by both rules make of the same noise."""
    rows = {}
    for letter, kind in (("a", "matched"), ("b", "matched, ordinary rule")):
        run = kept[name]["runs"][kind]
        made = load_generator(place(folder / name, run["options"], run["epochs"], SEEDS[0]))
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


def _short(value):
    """The same with five digits, throughout."""
    if isinstance(value, dict):
        return {name: _short(part) for name, part in value.items()}
    return float(f"{value:.5g}") if isinstance(value, float) else value


def main(folder, names):
    """Carry out these studies, each kept as soon as it has ended."""
    kept = json.loads(KEPT.read_text(encoding="utf-8")) if KEPT.is_file() else {}
    for name in names or STUDIES:
        kept[name] = carried_out(name, folder, kept)
        lines = (f"{json.dumps(key)}: {json.dumps(found, ensure_ascii=False)}" for key, found in kept.items())
        KEPT.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")
        for figure, draw in DRAWN.get(name, {}).items():
            save(draw(name, folder, kept), HERE / "pictures" / f"{figure}.png")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
