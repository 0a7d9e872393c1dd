"""docs/members.md, read back: each number in it is proved again."""

import re
from fractions import Fraction
from pathlib import Path

import members
import pytest

from corrector import Corrector, derive
from corrector.discs import disc_radius
from corrector.minimax import reach, worst_residual

DOCS = Path(__file__).parent.parent / "docs"
TENTH = (Fraction(-1, 10), Fraction(1, 10))


def rows():
    text = (DOCS / "members.md").read_text(encoding="utf-8")
    for section in text.split("\n## ")[1:]:
        title, *lines = section.splitlines()
        for line in lines:
            cells = [cell.strip() for cell in line.strip("|").split("|")]
            if re.fullmatch(r"\d, \d+", cells[0]):
                yield title, *cells


@pytest.mark.parametrize("row", list(rows()), ids=lambda row: f"{row[0]}: {row[1]}")
def test_members_reach_what_the_document_says(row):
    title, family, reached, minimal, bound, products, alphas = row
    order, degree = map(int, family.split(", "))
    g = Corrector(alphas.strip("`").split(","))
    least = derive(order, degree).minimal
    assert g in derive(order, degree)
    assert products == f"{g.products} ({least.products})"
    criterion = {name: key for key, name in members.CRITERIA.items()}[title]
    if criterion == "widest_real_basin":
        assert reach(g) >= Fraction(reached)
        assert reach(least) <= Fraction(minimal) < Fraction(reached) < Fraction(bound)
    elif criterion == "largest_disc":
        assert min(disc_radius(g)[0], disc_radius(g, 1)[0]) >= Fraction(reached) * Fraction(999, 1000)
        assert disc_radius(least)[1] <= Fraction(minimal) < Fraction(reached)
    elif criterion == "smallest_residual":
        assert worst_residual(g, *TENTH) <= Fraction(reached)
        assert worst_residual(least, *TENTH) >= Fraction(minimal) > Fraction(reached) > Fraction(bound)
    found = derive(order, degree).best(criterion)
    assert float(found.value) == pytest.approx(float(reached), rel=0.01)
    if bound:
        assert float(found.bound) == pytest.approx(float(bound), rel=0.002)


def test_every_family_and_criterion_is_there():
    found = [row[:2] for row in rows()]
    assert {title for title, _ in found} == set(members.CRITERIA.values())
    assert len(set(found)) == len(found) >= 25
