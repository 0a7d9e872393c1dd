"""docs/findings.md: its tables are what the stored figures say, and its commands what was trained."""

import importlib.util
import json
import shlex
from pathlib import Path

import pytest

from training.sweeping.cli import sweep

DOCS = Path(__file__).parent.parent / "docs"
KEPT = json.loads((DOCS / "findings.json").read_text(encoding="utf-8"))
TEXT = (DOCS / "findings.md").read_text(encoding="utf-8")
README = (DOCS.parent / "README.md").read_text(encoding="utf-8")


def script(name):
    spec = importlib.util.spec_from_file_location(name, DOCS / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_tables_are_what_is_stored():
    findings = script("findings")
    assert findings.page(TEXT, KEPT, findings.BLOCKS) == TEXT
    assert findings.page(README, KEPT, {"sweeps": findings.sentence}) == README


def test_every_study_is_stored_as_it_is_trained():
    studies = script("studies")
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
    studies, findings = script("studies"), script("findings")
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
