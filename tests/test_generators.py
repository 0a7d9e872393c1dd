"""docs/generators.md: its tables are what the stored figures say, and its commands what was trained."""

import importlib.util
import json
import shlex
from pathlib import Path
from statistics import median

import pytest

from training.objective.recipes import RECIPES
from training.runs.cli import train

DOCS = Path(__file__).parent.parent / "docs"
KEPT = json.loads((DOCS / "generators.json").read_text(encoding="utf-8"))
README = (DOCS.parent / "README.md").read_text(encoding="utf-8")
TEXT = (DOCS / "generators.md").read_text(encoding="utf-8")


@pytest.fixture
def generators(monkeypatch):
    monkeypatch.syspath_prepend(DOCS)
    spec = importlib.util.spec_from_file_location("generators", DOCS / "generators.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_tables_are_what_is_stored(generators):
    assert generators.page(TEXT, KEPT, generators.BLOCKS) == TEXT
    assert generators.page(README, KEPT, generators.OF_README) == README


def test_every_objective_is_stored_as_it_is_trained(generators):
    assert set(KEPT) == set(generators.STUDIES)
    for name, study in generators.STUDIES.items():
        assert KEPT[name]["command"] == f"corrector train {study['of']}"
        runs = KEPT[name]["runs"]
        assert {kind: run["options"] for kind, run in runs.items()} == study["runs"]
        first = next(iter(runs.values()))
        for run in runs.values():
            assert len(run["seeds"]) == 3
            words = shlex.split(f"{study['of']} {run['options']} --epochs {run['epochs']} --output there")
            train.make_context("train", words)
            costs = run["cost of a step"] * run["steps"]
            half_an_epoch, digits_kept = costs / run["epochs"] / 2, 0.0005 * run["steps"]
            assert abs(costs - first["steps"]) <= half_an_epoch + digits_kept, "equal time, in whole epochs"


def test_every_recipe_is_in_the_table_and_has_a_row():
    for name in RECIPES:
        assert f"\n| `{name}` |" in TEXT
        assert name in KEPT["digits"]["runs"]
        assert README.count(f"\n| `{name}` |") == 1 + (name in KEPT["mnist"]["runs"])


def of(name, kind, power, key):
    return median(seed[power][key] for seed in KEPT[name]["runs"][kind]["seeds"])


def test_the_words_beside_the_tables_are_true():
    runs = KEPT["digits"]["runs"]
    for seed in runs["projector"]["seeds"]:
        assert seed["f"]["classes"] == 10
        assert seed["f"]["centred"] <= 0.01
        assert not seed["f"]["collapsed"]
    others = [kind for kind in runs if kind not in ("projector", "matched")]
    for ours in ("projector", "matched"):
        assert of("digits", ours, "f", "frechet") < min(of("digits", kind, "f", "frechet") for kind in others)
    for kind in ("paper", "paper, our optimiser"):
        assert all(seed["f"]["collapsed"] for seed in runs[kind]["seeds"])
    for kind in ("ign", "ign, our optimiser"):
        assert all(seed["f"]["classes"] < 10 for seed in runs[kind]["seeds"])
    for kind in ("naign", "naign, our optimiser", "matched"):
        assert all(seed["f"]["classes"] == 10 for seed in runs[kind]["seeds"])
        assert of("digits", kind, "f", "centred") > 4 * of("digits", "projector", "f", "centred")
        assert of("digits", kind, "f³", "frechet") < of("digits", kind, "f", "frechet")
    assert of("digits", "projector", "f³", "frechet") > of("digits", "projector", "f", "frechet")
    for kind in ("naign", "naign, our optimiser"):
        assert of("digits", "matched", "f", "frechet") < 0.52 * of("digits", kind, "f", "frechet")
        assert of("digits", "matched", "f³", "frechet") == pytest.approx(
            of("digits", kind, "f³", "frechet"), rel=0.05
        )
        assert of("digits", "matched", "f³", "recall") > of("digits", kind, "f³", "recall")
        assert of("digits", "matched", "f³", "confident") < of("digits", kind, "f³", "confident")
        assert 0.7 < of("digits", "matched", "f", "centred") / of("digits", kind, "f", "centred") < 1
    sure = [of("digits", kind, "f", "confident") for kind in runs if not kind.startswith(("paper", "ign"))]
    assert 0.6 < min(sure) < max(sure) < 0.8


def seeds(name, kind, power, key):
    return [seed[power][key] for seed in KEPT[name]["runs"][kind]["seeds"]]


def test_what_is_said_of_rules_is_true():
    def median_of(kind, key, power="f"):
        return of("rules", kind, power, key)

    first = "modified, order 1"
    for kind in ("modified, order 2", "modified, widest basin"):
        assert 1.15 < KEPT["rules"]["runs"][kind]["cost of a step"] < 1.25
        assert median_of(kind, "centred") == pytest.approx(median_of(first, "centred"), rel=0.05)
        assert all(
            median_of(kind, "frechet", power) > median_of(first, "frechet", power) for power in ("f", "f³")
        )
    assert KEPT["rules"]["runs"]["target"]["cost of a step"] == pytest.approx(0.88, abs=0.005)
    for power in ("f", "f³"):
        assert max(seeds("rules", "target", power, "frechet")) < min(seeds("rules", first, power, "frechet"))
    outer = [median_of(kind, "centred") for kind in ("ordinary", "outer")]
    others = [kind for kind in KEPT["rules"]["runs"] if kind not in ("ordinary", "outer")]
    assert max(outer) < min(median_of(kind, "centred") for kind in others)
    for kind in KEPT["rules"]["runs"]:
        gained = median_of(kind, "frechet", "f³") / median_of(kind, "frechet")
        assert gained < 0.82 if kind in others else 0.85 < gained < 0.95


def test_what_is_said_of_parts_is_true():
    for kind in ("no likelihood, rule at fresh noise", "tightness for the likelihood"):
        assert max(seeds("parts", kind, "f", "variance")) <= 0.05
        assert max(seeds("parts", kind, "f", "classes")) <= 1
    alone = of("parts", "likelihood alone", "f", "frechet")
    assert alone == min(of("parts", kind, "f", "frechet") for kind in KEPT["parts"]["runs"])
    assert min(seeds("parts", "likelihood alone", "f", "centred")) > 1
    assert sorted(seeds("parts", "likelihood alone", "f³", "classes")) == [3, 6, 7]
    assert all(seeds("parts", "no reconstruction", "f³", "collapsed"))
    assert max(seeds("parts", "matched", "f", "centred")) < min(seeds("parts", "no rule", "f", "centred"))
    assert of("parts", "no rule", "f³", "frechet") < of("parts", "matched", "f³", "frechet")
    steps = {kind: run["steps"] for kind, run in KEPT["parts"]["runs"].items()}
    assert steps["no rule"] / steps["matched"] == pytest.approx(1.4, abs=0.02)
    assert min(seeds("parts", "rule at fresh noise", "f", "frechet")) > max(
        seeds("parts", "matched", "f", "frechet")
    )
    start = of("parts", "rule from the start", "f", "frechet")
    assert start == pytest.approx(of("parts", "matched", "f", "frechet"), rel=0.05)
    small = "256 noises, new for each batch"
    assert max(seeds("parts", small, "f", "recall")) < min(seeds("parts", "matched", "f", "recall"))
    fourier = of("parts", "Fourier noise", "f", "centred")
    assert fourier > 2 * of("parts", "matched", "f", "centred")
    assert of("parts", "Fourier noise", "f", "frechet") > of("parts", "matched", "f", "frechet")


def test_what_is_said_of_mnist_is_true():
    runs = KEPT["mnist"]["runs"]
    others = ("paper", "ign", "naign", "naign, our optimiser")
    for seed in runs["matched"]["seeds"]:
        assert seed["f"]["classes"] == 10
        assert not seed["f"]["collapsed"]
        assert seed["f³"]["frechet"] <= 0.36 * seed["f"]["frechet"]
        assert seed["f"]["frechet"] < 0.45 * min(min(seeds("mnist", kind, "f", "frechet")) for kind in others)
        assert seed["seconds"] < 45 * 60
    for kind in ("paper", "ign"):
        assert all(seeds("mnist", kind, "f", "collapsed"))
    assert 0.22 < of("mnist", "matched", "f", "centred") / of("mnist", "naign", "f", "centred") < 0.27
    near = seeds("mnist", "naign, our optimiser", "f³", "frechet")
    assert min(near) < max(seeds("mnist", "matched", "f³", "frechet"))
    assert of("mnist", "matched", "f³", "frechet") < median(near)
    for kind in ("naign", "naign, our optimiser"):
        assert max(seeds("mnist", kind, "f³", "recall")) < 0.4 * min(
            seeds("mnist", "matched", "f³", "recall")
        )
    none, target, ordinary = (f"matched, {words}" for words in ("no rule", "target rule", "ordinary rule"))
    assert of("mnist", none, "f³", "recall") > of("mnist", "matched", "f³", "recall")
    assert (round(of("mnist", none, "f", "frechet")), round(of("mnist", "matched", "f", "frechet"))) == (
        67,
        37,
    )
    assert of("mnist", none, "f", "centred") > 2 * of("mnist", "matched", "f", "centred")
    assert max(seeds("mnist", none, "f³", "frechet")) < min(seeds("mnist", "matched", "f³", "frechet"))
    assert of("mnist", target, "f", "frechet") == pytest.approx(
        of("mnist", "matched", "f", "frechet"), rel=0.05
    )
    assert min(seeds("mnist", target, "f³", "frechet")) < max(seeds("mnist", "matched", "f³", "frechet"))
    assert of("mnist", ordinary, "f", "frechet") > max(
        of("mnist", kind, "f", "frechet") for kind in ("matched", target)
    )
    assert of("mnist", ordinary, "f", "centred") < 0.5 * of("mnist", "matched", "f", "centred")
    assert max(seeds("mnist", "matched", "f", "frechet")) < min(seeds("mnist", ordinary, "f", "frechet"))
