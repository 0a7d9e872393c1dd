"""Write docs/members.md: the best members of small families, by each criterion.

    python docs/members.py

A test reads the members back and proves every number again.
"""

from pathlib import Path

from corrector import derive
from corrector.choice import rounded

DOCUMENT = Path(__file__).with_suffix(".md")
FAMILIES = ((1, 5), (1, 7), (1, 9), (2, 7), (2, 9), (3, 8), (3, 9), (4, 11))
CRITERIA = {
    "widest_real_basin": "Widest real basin",
    "largest_disc": "Largest disc",
    "smallest_residual": "Smallest residual on [−1/10, 1/10]",
    "fewest_products": "Fewest products for a doubling of the digits",
}
HEAD = """# The best members

Written by `python docs/members.py`; do not edit. What each criterion means stands in the help of
`Family.best`; `corrector best` prints the same for any family, with what a member costs beside what it gains.

- *reached* is proved for the member: it reaches this or better. *Minimal member* is proved the other way:
  the smoothstep of the order reaches this or worse.
- *Out of reach* is proved for the whole family: no member betters it. The discs have no such number: those
  members are the best that a search found.
- *Products* are matrix products a step, in parentheses those of the minimal member. More of them could also
  buy a higher order: see the column for a doubling of the digits in `corrector best`.
"""


def document() -> str:
    parts = [HEAD]
    for criterion, title in CRITERIA.items():
        parts += [
            f"## {title}\n",
            "| order, degree | reached | minimal member | out of reach | products | α₁, α₂, … |",
            "|---|---|---|---|---|---|",
            *(row for order, degree in FAMILIES if (row := _row(order, degree, criterion))),
            "",
        ]
    return "\n".join(parts)


def _row(order: int, degree: int, criterion: str) -> str | None:
    g = derive(order, degree).best(criterion)
    if g == g.minimal:
        return None
    less = criterion in ("smallest_residual", "fewest_products")
    cells = [
        f"{order}, {degree}",
        rounded(g.value, up=less, digits=4),
        rounded(g.minimal_value, up=not less, digits=4),
        "" if g.bound is None else rounded(g.bound, up=not less, digits=4),
        f"{g.products} ({g.minimal.products})",
        f"`{','.join(map(str, g.alphas))}`",
    ]
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    DOCUMENT.write_text(document(), encoding="utf-8")
