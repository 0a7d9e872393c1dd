"""The README's code runs, and its numbers are the stored demo's."""

import json
import re
from pathlib import Path

import cost
import pandas as pd
import pytest
import refresh
from blocks import page

from training.comparison.comparing import CONTENDERS

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_costs_are_those_the_benchmark_wrote():
    found = json.loads((ROOT / "docs" / "cost.json").read_text(encoding="utf-8"))
    rules = (ROOT / "docs" / "rules.md").read_text(encoding="utf-8")
    assert page(rules, found, cost.BLOCKS) == rules


def test_the_training_loop_runs():
    (loop,) = (code for code in re.findall(r"```python\n(.*?)```", README, re.DOTALL) if ">>>" not in code)
    exec(loop, {})


def test_the_documents_code_prints_what_they_say(capsys):
    """Numbers to one in a hundred, or half of one so small that it is rounding."""
    for document in (ROOT / "docs").glob("*.md"):
        for code in re.findall(r"```python\n(.*?)```", document.read_text(encoding="utf-8"), re.DOTALL):
            said = re.findall(r"^print\(.*#  *(.*)$", code, re.MULTILINE)
            if not said:
                continue
            exec(code, {})
            printed = capsys.readouterr().out.splitlines()
            for line, expected in zip(printed, said, strict=True):
                for a, b in zip(line.split(), expected.split(), strict=True):
                    assert float(a) == pytest.approx(float(b), rel=0.01, abs=5e-7), (document.name, line)


def test_the_numbers_are_those_the_demo_wrote():
    assert page(README, ROOT / "docs" / "demo", refresh.BLOCKS) == README


def test_files_and_pictures_it_names_exist():
    for document in (ROOT / "README.md", *(ROOT / "docs").glob("*.md")):
        for target in re.findall(r"\]\(([^)#:]+)\)", document.read_text(encoding="utf-8")):
            assert (document.parent / target).exists(), target


def test_its_summary_is_the_findings_own():
    summary = json.loads((ROOT / "docs" / "demo" / "report.json").read_text(encoding="utf-8"))["findings"][0]
    assert "the modified rule did not beat the ordinary one" in README
    assert not re.search(r"[Bb]etter: [^;.]*modified", summary)


def test_the_stored_demo_is_of_todays_contenders():
    stored = pd.read_csv(ROOT / "docs" / "demo" / "table.csv").contender.unique()
    assert list(stored) == [*(c.name for c in CONTENDERS), "identity", "constant map"]
