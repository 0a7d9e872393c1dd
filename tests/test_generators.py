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
        for run in runs.values():
            assert len(run["seeds"]) == len(generators.SEEDS)
            words = shlex.split(f"{study['of']} {run['options']} --epochs {run['epochs']} --output there")
            train.make_context("train", words)
        seconds = [run["cost of a step"] * run["steps"] for run in runs.values()]
        assert max(seconds) / min(seconds) < 1.02, "as many steps as their costs allow"


def test_every_recipe_is_in_the_table_and_has_a_row():
    for name in RECIPES:
        assert f"\n| `{name}` |" in TEXT
        assert name in KEPT["digits"]["runs"]
        assert README.count(f"\n| `{name}` |") == 1


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
