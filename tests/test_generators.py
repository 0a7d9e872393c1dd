"""docs/generators.md: its tables are what the stored figures say, and its commands what was trained."""

import json
import shlex
from pathlib import Path
from statistics import median

import generator_studies
import generators
import pytest
from blocks import page

from training.objective.recipes import RECIPES
from training.runs.cli import train

DOCS = Path(__file__).parent.parent / "docs"
KEPT = json.loads((DOCS / "generators.json").read_text(encoding="utf-8"))
README = (DOCS.parent / "README.md").read_text(encoding="utf-8")
TEXT = (DOCS / "generators.md").read_text(encoding="utf-8")


def test_the_tables_are_what_is_stored():
    assert page(TEXT, KEPT, generators.BLOCKS) == TEXT
    assert page(README, KEPT, generators.OF_README) == README


def test_every_objective_is_stored_as_it_is_trained():
    assert set(KEPT) == set(generator_studies.STUDIES)
    for name, study in generator_studies.STUDIES.items():
        assert KEPT[name]["command"] == f"corrector train {study['of']}"
        runs = KEPT[name]["runs"]
        assert {kind: run["options"] for kind, run in runs.items()} == generator_studies.objectives(
            name, KEPT
        )
        first = next(iter(runs.values()))
        for run in runs.values():
            assert len(run["seeds"]) == len(study.get("seeds", (0, 1, 2)))
            words = shlex.split(f"{study['of']} {run['options']} --epochs {run['epochs']} --output there")
            train.make_context("train", words)
            costs = run["cost of a step"] * run["steps"]
            half_an_epoch, digits_kept = costs / run["epochs"] / 2, 0.0005 * run["steps"]
            assert abs(costs - first["steps"]) <= half_an_epoch + digits_kept, "equal time, in whole epochs"


def test_every_recipe_is_in_the_table_and_has_a_row():
    for name in RECIPES:
        assert f"\n| `{name}` |" in TEXT
        assert name in KEPT["digits"]["runs"]
        assert README.count(f"\n| `{name}` |") == (name in KEPT["mnist"]["runs"])


def seeds(name, kind, power, key):
    return [seed[power][key] for seed in KEPT[name]["runs"][kind]["seeds"]]


def of(name, kind, power, key):
    return median(seeds(name, kind, power, key))


def every_seed(name, kind, other, power, key="frechet"):
    """Whether each seed has less with the one than with the other."""
    pairs = zip(seeds(name, kind, power, key), seeds(name, other, power, key), strict=True)
    return all(less < more for less, more in pairs)


def said(words):
    return words in " ".join(TEXT.split())


EDGES = {
    ("search", "matched by ordinary"): {"weight"},
    ("mnist search", "paper"): {"rate", "weight"},
    ("mnist search", "naign"): {"weight"},
    ("mnist search", "matched"): {"rate", "weight"},
}
"""Where the best of a search has nothing worse on one side."""


def validated(search, kind):
    """By rate and weight the distance to validation pictures, of what was tried of an objective."""
    _, option, points = generator_studies.SEARCHES[search][kind]
    runs = KEPT[search]["runs"]
    return {
        (float(rate), weight): runs[f"{kind}, rate {rate}, {option} {weight}"]["seeds"][0]["validation"]
        for rate, weight in points
    }


@pytest.mark.parametrize(
    ("search", "kind"), [(name, kind) for name, kinds in generator_studies.SEARCHES.items() for kind in kinds]
)
def test_what_a_search_takes_is_best_and_has_worse_on_either_side(search, kind):
    found = validated(search, kind)
    (rate, weight), least = min(found.items(), key=lambda item: item[1])
    words, option, _ = generator_studies.SEARCHES[search][kind]
    taken = shlex.split(generator_studies.chosen(search, KEPT)[kind])
    assert taken[: len(shlex.split(words))] == shlex.split(words)
    assert float(taken[taken.index("--learning-rate") + 1]) == rate
    assert float(taken[taken.index(f"--{option}") + 1]) == weight
    rates = sorted(other for other, beside in found if beside == weight)
    weights = sorted(other for beside, other in found if beside == rate)
    at_edge = {"rate": rate in (rates[0], rates[-1]), "weight": weight in (weights[0], weights[-1])}
    assert {name for name, there in at_edge.items() if there} == EDGES.get((search, kind), set())
    assert list(found.values()).count(least) == 1


def test_what_is_said_of_the_search_is_true():
    for kind in ("matched", "matched by target", "matched by ordinary"):
        found = validated("search", kind)
        assert min(found[3e-2, weight] for weight in (0.5, 1, 2)) > 20 * min(found.values())
    lost = [validated("search", "naign")[3e-2, weight] for weight in (0.3, 1, 3)]
    assert sorted(value > 100 for value in lost) == [False, True, True]
    paper = KEPT["search"]["runs"]["paper, rate 1e-4, weight 0.1"]
    now = seeds("digits", "paper, searched", "f", "frechet")
    reached = f"{paper['seeds'][0]['validation']:.0f} after {paper['epochs']} epochs"
    assert said(f"{reached}, and is at {min(now):.0f} to {max(now):.0f} after 1250")
    assert KEPT["digits"]["runs"]["paper, searched"]["epochs"] == pytest.approx(1250, abs=10)


def test_what_is_said_of_digits_is_true():
    runs = KEPT["digits"]["runs"]
    for seed in runs["projector"]["seeds"]:
        assert seed["f"]["classes"] == 10
        assert seed["f"]["centred"] <= 0.01
        assert not seed["f"]["collapsed"]
        assert seed["seconds"] < 300
    assert all(seeds("digits", "paper", "f", "collapsed"))
    assert not any(seeds("digits", "paper, searched", "f", "collapsed"))
    assert max(seeds("digits", "paper, searched", "f", "variance")) < 0.26
    assert max(seeds("digits", "paper, searched", "f", "classes")) == 2
    for kind in ("ign", "ign, searched"):
        assert all(classes < 10 for classes in seeds("digits", kind, "f", "classes"))
        assert seeds("digits", kind, "f", "collapsed").count(True) == 1
    once, thrice = (seeds("digits", "projector", power, "frechet") for power in ("f", "f³"))
    assert all(one < three for one, three in zip(once, thrice, strict=True))
    assert median(thrice) / median(once) == pytest.approx(9 / 8, abs=0.01)
    for kind in ("naign", "naign, searched", "matched", "matched, searched"):
        assert set(seeds("digits", kind, "f", "classes")) == {10}
        assert of("digits", kind, "f", "centred") > 5 * of("digits", "projector", "f", "centred")
        assert of("digits", kind, "f³", "frechet") < of("digits", kind, "f", "frechet")
        assert of("digits", kind, "f⁵", "frechet") > 0.95 * of("digits", kind, "f³", "frechet")
    for power in ("f", "f³"):
        assert every_seed("digits", "matched", "naign", power)
    for ours, theirs in (("matched", "naign"), ("matched, searched", "naign, searched")):
        assert of("digits", ours, "f³", "recall") > of("digits", theirs, "f³", "recall")
        assert of("digits", ours, "f³", "confident") < of("digits", theirs, "f³", "confident")
        assert of("digits", ours, "f³", "precision") < of("digits", theirs, "f³", "precision")
        assert every_seed("digits", theirs, ours, "f³", "centred")
        assert 0.5 < of("digits", ours, "f", "frechet") / of("digits", theirs, "f", "frechet") < 0.56
        for kind in (ours, theirs):
            if "searched" in kind:
                plain = kind.partition(",")[0]
                assert every_seed("digits", kind, plain, "f")
                assert of("digits", kind, "f", "centred") > 1.9 * of("digits", plain, "f", "centred")
    assert of("digits", "matched", "f", "centred") == pytest.approx(
        of("digits", "naign", "f", "centred"), rel=0.05
    )
    assert every_seed("digits", "naign, searched", "matched, searched", "f", "centred")
    near = seeds("digits", "matched, searched", "f³", "frechet")
    assert min(near) < min(seeds("digits", "naign, searched", "f³", "frechet")) < max(near)
    sure = [of("digits", kind, "f", "confident") for kind in runs if not kind.startswith(("paper", "ign"))]
    assert 0.6 < min(sure) < max(sure) < 6 / 7 + 0.005


def test_what_is_said_of_mnist_is_true():
    runs = KEPT["mnist"]["runs"]
    recipes = ("paper", "ign", "naign", "naign, our optimiser")
    for seed in runs["matched"]["seeds"]:
        assert seed["f"]["classes"] == 10
        assert not seed["f"]["collapsed"]
        assert 0.31 < seed["f³"]["frechet"] / seed["f"]["frechet"] < 0.36
        assert seed["f"]["frechet"] < 0.41 * min(
            min(seeds("mnist", kind, "f", "frechet")) for kind in recipes
        )
        assert seed["seconds"] < 45 * 60
    for kind in ("paper", "ign"):
        assert all(seeds("mnist", kind, "f", "collapsed"))
    black = max(run["reconstruction"] for run in runs["paper"]["seeds"])
    assert {run["reconstruction"] for run in runs["ign"]["seeds"]} == {black}
    assert 0.22 < of("mnist", "matched", "f", "centred") / of("mnist", "naign", "f", "centred") < 0.27
    assert all(seeds("mnist", "ign, searched", "f", "collapsed"))
    assert min(validated("mnist search", "ign").values()) > 0.97 * of("mnist", "ign", "f", "frechet")
    assert said(f"below the {of('mnist', 'ign', 'f', 'frechet'):.0f} that one black picture has")
    assert all(seeds("mnist", "naign, searched", "f", "collapsed"))
    assert runs["naign, searched"]["epochs"] == 18
    assert KEPT["mnist search"]["runs"]["naign, rate 1e-2, likelihood 1"]["epochs"] == 6
    assert runs["ign, searched"]["seeds"][0]["reconstruction"] > 0.99 * black
    assert max(seeds("mnist", "paper, searched", "f", "classes")) == 1
    assert max(seeds("mnist", "paper, searched", "f", "variance")) < 0.05
    for seed in runs["projector"]["seeds"]:
        assert (seed["f"]["classes"], seed["f"]["collapsed"]) == (10, False)
        assert seed["f"]["centred"] < 0.01
        assert 0.89 < seed["f³"]["frechet"] / seed["f"]["frechet"] < 0.93
    for kind in set(runs) - {"projector"}:
        known = [centred for centred in seeds("mnist", kind, "f", "centred") if centred is not None]
        assert min(known, default=1) > max(seeds("mnist", "projector", "f", "centred"))
    for kind in recipes:
        assert every_seed("mnist", "projector", kind, "f")
    far = of("mnist", "projector", "f³", "frechet") / of("mnist", "naign", "f³", "frechet")
    assert far == pytest.approx(3.4, abs=0.2)
    assert of("mnist", "matched", "f", "centred") / of("mnist", "projector", "f", "centred") == pytest.approx(
        5, abs=0.3
    )
    once, thrice = (
        [of("mnist", kind, power, "frechet") for kind in ("matched, searched", "matched")]
        for power in ("f", "f³")
    )
    assert said("f(z) comes to {:.0f} in place of {:.0f}".format(*once))
    assert "search brought `matched` from {1:.0f} to {0:.0f} at once".format(*once) in " ".join(
        README.split()
    )
    assert "at the cost of {:.0f} in place of {:.0f} after three".format(*thrice) in " ".join(README.split())
    assert said("f³(z) is worse with every seed, {:.0f} to {:.0f}".format(*thrice))
    assert every_seed("mnist", "matched", "matched, searched", "f³")
    assert thrice[0] > of("mnist", "naign, our optimiser", "f³", "frechet")
    assert of("mnist", "matched, searched", "f", "centred") < 0.5 * of("mnist", "matched", "f", "centred")
    near = seeds("mnist", "naign, our optimiser", "f³", "frechet")
    assert min(near) < max(seeds("mnist", "matched", "f³", "frechet"))
    assert of("mnist", "matched", "f³", "frechet") < median(near)
    none, target, ordinary = (f"matched, {words}" for words in ("no rule", "target rule", "ordinary rule"))
    for kind in ("naign", "naign, our optimiser"):
        for ours in ("matched", none):
            assert max(seeds("mnist", kind, "f³", "recall")) < 0.4 * min(seeds("mnist", ours, "f³", "recall"))
    one, with_rule = (of("mnist", kind, "f", "frechet") for kind in (none, "matched"))
    assert said(f"Fréchet distance of f(z) is {one:.0f} in place of {with_rule:.0f}")
    assert f"Fréchet distance of f(z) from {one:.0f} to {with_rule:.0f}" in README
    one, with_rule = (of("mnist", kind, "f³", "frechet") for kind in (none, "matched"))
    assert said(f"f³(z) is better without it than with it, {one:.1f} to {with_rule:.0f}")
    assert every_seed("mnist", none, "matched", "f³")
    assert of("mnist", none, "f", "centred") > 2 * of("mnist", "matched", "f", "centred")
    assert of("mnist", none, "f³", "centred") == pytest.approx(
        of("mnist", "matched", "f³", "centred"), rel=0.05
    )
    assert of("mnist", target, "f", "frechet") == pytest.approx(
        of("mnist", "matched", "f", "frechet"), rel=0.05
    )
    assert min(seeds("mnist", target, "f³", "frechet")) < max(seeds("mnist", "matched", "f³", "frechet"))
    for kind in ("matched", target):
        assert every_seed("mnist", kind, ordinary, "f")
        assert every_seed("mnist", kind, ordinary, "f³")
        assert of("mnist", ordinary, "f", "centred") < 0.5 * of("mnist", kind, "f", "centred")
    assert of("mnist", ordinary, "f³", "frechet") == pytest.approx(
        2 / 3 * of("mnist", ordinary, "f", "frechet"), rel=0.05
    )
    assert of("mnist", ordinary, "f³", "centred") == pytest.approx(
        0.75 * of("mnist", "matched", "f³", "centred"), rel=0.05
    )
    assert of("mnist", "matched", "f", "confident") == pytest.approx(2 / 3, abs=0.04)
    assert of("mnist", "matched", "f³", "confident") == pytest.approx(5 / 6, abs=0.04)


def test_what_is_said_of_rules_is_true():
    runs = KEPT["rules"]["runs"]
    first = "modified, order 1"
    for kind in ("modified, order 2", "modified, widest basin"):
        assert runs[kind]["cost of a step"] == pytest.approx(1.2, abs=0.03)
        assert of("rules", kind, "f", "centred") == pytest.approx(
            of("rules", first, "f", "centred"), rel=0.05
        )
        assert every_seed("rules", first, kind, "f")
    assert said(f"takes {runs['target']['cost of a step']:.2f} of a step")
    for power in ("f", "f³"):
        assert every_seed("rules", "target", first, power)
        assert every_seed("rules", "inner", first, power)
        assert of("rules", first, power, "frechet") - of("rules", "inner", power, "frechet") < of(
            "rules", first, power, "frechet"
        ) - of("rules", "target", power, "frechet")
    for power in ("f³", "f⁵"):
        assert of("rules", first, power, "centred") < of("rules", "target", power, "centred")
    outer = ("ordinary", "outer")
    others = [kind for kind in runs if kind not in outer]
    assert max(of("rules", kind, "f", "centred") for kind in outer) < min(
        of("rules", kind, "f", "centred") for kind in others
    )
    left = {kind: of("rules", kind, "f³", "frechet") / of("rules", kind, "f", "frechet") for kind in runs}
    assert max(left[kind] for kind in others) < min(left[kind] for kind in outer) < 1


def test_what_is_said_of_parts_is_true():
    runs = KEPT["parts"]["runs"]
    assert runs["matched"]["options"] == KEPT["rules"]["runs"]["modified, order 1"]["options"]
    without = "no likelihood, rule at fresh noise"
    for kind in (without, "tightness for the likelihood"):
        assert max(seeds("parts", kind, "f", "variance")) <= 0.05
    assert set(seeds("parts", without, "f", "classes")) == {0}
    assert seeds("parts", without, "f", "collapsed").count(True) == 1
    assert min(seeds("parts", "tightness for the likelihood", "f", "centred")) > 5
    growing = "tightness that grows for the likelihood"
    assert seeds("parts", growing, "f", "collapsed").count(True) == 1
    assert max(seeds("parts", growing, "f", "variance")) < 1 / 9
    assert min(centred for centred in seeds("parts", growing, "f", "centred") if centred is not None) > 1
    for kind in (growing, "tightness for the likelihood"):
        assert max(seeds("parts", kind, "f", "classes")) == 1
    assert all(seeds("parts", "no reconstruction", "f³", "collapsed"))
    alone = "likelihood alone"
    assert of("parts", alone, "f", "frechet") == min(of("parts", kind, "f", "frechet") for kind in runs)
    assert runs[alone]["steps"] > 2 * runs["matched"]["steps"]
    assert min(seeds("parts", alone, "f", "centred")) > 1
    assert sorted(seeds("parts", alone, "f³", "classes")) == [3, 6, 7]
    assert every_seed("parts", "matched", "no rule", "f", "centred")
    ruled, free = (of("parts", kind, "f", "centred") for kind in ("matched", "no rule"))
    assert said(f"lower idempotent error, {ruled:.3f} in place of {free:.3f}")
    assert every_seed("parts", "no rule", "matched", "f³")
    assert runs["no rule"]["steps"] / runs["matched"]["steps"] == pytest.approx(1.4, abs=0.02)
    fresh = "rule at fresh noise"
    assert every_seed("parts", "matched", fresh, "f")
    assert runs[fresh]["cost of a step"] > 1.2
    start = "rule from the start"
    for power in ("f", "f³"):
        assert of("parts", start, power, "frechet") == pytest.approx(
            of("parts", "matched", power, "frechet"), rel=0.05
        )
    small = "256 noises, new for each batch"
    large, few = (of("parts", kind, "f", "recall") for kind in ("matched", small))
    assert said(f"recall {large:.1f} to {few:.2f}")
    assert every_seed("parts", "matched", small, "f")
    assert every_seed("parts", small, "matched", "f³")
    assert every_seed("parts", "matched", small, "f³", "confident")
    assert every_seed("parts", small, "matched", "f³", "centred")
    assert every_seed("parts", small, "matched", "f³", "variance")
    for power in ("f", "f³"):
        assert every_seed("parts", "matched", "Fourier noise", power, "confident")
        assert every_seed("parts", "matched", "Fourier noise", power, "variance")
        assert of("parts", "Fourier noise", power, "frechet") > of("parts", "matched", power, "frechet")
    assert of("parts", "Fourier noise", "f", "centred") > 2 * of("parts", "matched", "f", "centred")
