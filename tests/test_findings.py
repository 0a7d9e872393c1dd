"""docs/findings.md: its tables are what the stored figures say, and its commands what was trained."""

import json
import shlex
from pathlib import Path

import findings
import pytest
import studies
from blocks import page

from training.sweeping.cli import sweep

DOCS = Path(__file__).parent.parent / "docs"
KEPT = json.loads((DOCS / "findings.json").read_text(encoding="utf-8"))
TEXT = (DOCS / "findings.md").read_text(encoding="utf-8")
README = (DOCS.parent / "README.md").read_text(encoding="utf-8")


def test_the_tables_are_what_is_stored():
    assert page(TEXT, KEPT, findings.BLOCKS) == TEXT
    assert page(README, KEPT, {"sweeps": findings.sentence}) == README


def test_the_words_beside_the_tables_are_true():
    assert not findings.won(KEPT, *findings.MODIFIED)["wins"]
    published = {entry["network"]: entry for name in findings.PUBLISHED for entry in KEPT[name]["settings"]}
    for name in ("B2", "B4"):  # what they keep falls as their errors do
        ratios = published[name]["at_equal_rates"]["nominal"]["ratios"]
        assert 0.8 < ratios["error"]["mean"] / ratios["kept"]["mean"] < 1.25
        assert 5 < 1 / ratios["error"]["mean"] < 10
    for name, highest in (("B3", 0.22), ("B4", 0.52)):
        ordinary, modified = published[name]["published"]
        assert all(ordinary["improved"].values())
        assert not any(count for rate, count in modified["improved"].items() if float(rate) > highest)
    discarded = {
        name: [row["all_discarded"] for row in entry["published"]] for name, entry in published.items()
    }
    assert all(discarded[name][0] == 0 < discarded[name][1] for name in ("N1", "N2", "B1"))
    assert published["B2"]["kept_at_first"] < 1e-3
    (kaiming,) = KEPT["B2-kaiming"]["settings"]
    ratios = findings._rule(kaiming["passes"]["rows"], "modified")["ratios"]
    assert ratios["score"]["verdict"] == ratios["kept"]["verdict"] == "higher"
    for entry in KEPT["small"]["settings"]:
        assert entry["sooner"]["ordinary"]["reached"] > entry["sooner"]["modified order 1"]["reached"]


def test_every_study_is_stored_as_it_is_trained():
    assert set(KEPT) == {*studies.STUDIES, "spectra"}
    for name, options in studies.STUDIES.items():
        assert KEPT[name]["command"] == f"corrector sweep {options}"
        sweep.make_context("sweep", [*shlex.split(options), "--output", "there"])
        assert f"`{KEPT[name]['command']}`" in TEXT
    for name, kinds in studies.DRAWN.items():
        for kind in kinds:
            assert (DOCS / "pictures" / f"findings-{name}-{kind}.png").is_file()


def test_a_study_is_trained_and_told(tmp_path, monkeypatch):
    """From the sweep to the page, with studies of a few steps."""
    small = "--networks N1 --learning-rates 0.1,0.2 --epochs 20 --runs 4 --batch-sizes 16 --held-out 20"
    monkeypatch.setattr(studies, "KEPT", tmp_path / "findings.json")
    monkeypatch.setattr(
        studies, "STUDIES", {"small": small + " --orders 1,2", "published": small + " --protocol paper"}
    )
    monkeypatch.setattr(studies, "DRAWN", {})
    studies.main(tmp_path, ["small", "published"])
    kept = json.loads((tmp_path / "findings.json").read_text(encoding="utf-8"))
    (entry,) = kept["small"]["settings"]
    rows = {row["rule"]: row for row in entry["passes"]["rows"]}
    assert list(rows) == ["ordinary", "modified order 1", "modified order 2", "target"]
    assert rows["target"]["runs"] == entry["passes"]["reported"] == 3
    assert rows["ordinary"]["ratios"]["score"]["mean"] == pytest.approx(1)
    (published,) = kept["published"]["settings"]
    assert [row["rule"] for row in published["published"]] == ["ordinary", "modified"]
    assert published["at_equal_rates"]["nominal"]["of"] == 8
    monkeypatch.setattr(findings, "PUBLISHED", ("published",))
    assert len([*findings.published(kept)]) == 2 + 2
    assert len([*findings.orders(kept)]) == 2 + 2
