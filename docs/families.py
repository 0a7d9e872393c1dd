"""Write docs/families.md: every corrector of small order and degree, as the words in P and D give it.

    python docs/families.py

A test holds the document against this program and against Hermite interpolation.
"""

from pathlib import Path

from corrector import words
from corrector.derivation import alpha, multiple, polynomial, work, written
from corrector.typesetting import superscript, tex

DOCUMENT = Path(__file__).with_name("families.md")
DEGREES = {1: range(1, 11), 2: range(1, 13), 3: range(1, 13), 4: range(1, 13)}

HEAD = """# All correctors of orders 1 to 4

Written by `python docs/families.py`; do not edit. It is what the paper's appendix A was to give.

Let $K = P + D$ with $P^{{2}} = P$, and let a word in $P$ and $D$ with more than $n$ letters $D$ count as
zero. The ansatz of order $n$ and degree $j$ is

```math
K' = \\alpha_{{1}} K + \\alpha_{{2}} K^{{2}} + \\dots + \\alpha_{{j}} K^{{j}},
```

and $(K')^{{2}} - K' = 0$ is one quadratic equation in the $\\alpha$ for each word that is left.
`corrector.words` writes these equations down and solves them in rational arithmetic; the tables are its
solutions. That of the word $P$ is $s^{{2}} = s$ for $s = \\alpha_{{1}} + \\dots + \\alpha_{{j}}$, which parts
them in two:

- $s = 1$ keeps $P$: the correctors. The $\\alpha$ of index above $2n + 1$ are free and settle the others.
- $s = 0$ is the trivial branch, where $K'$ counts as zero. Its $\\alpha$ are those of $s = 1$ without their
  constants, that is the polynomials shown, with every $c$ free.

A test compares each entry with Hermite interpolation, which finds correctors without words.

## How an entry is found

For order 1 and degree 3; `corrector derive` prints the same for any entry, `--format latex` for print.

```text
{example}
```
"""

ORDER = """
## Order {n}

| degree $j$ | $s = 1$ | free | $s = 0$ |
|---|---|---|---|
{rows}

The least has degree {least}, and $(x^{{2}} - x)^{{{power}}}$ divides its $g^{{2}} - g$:

```math
{check}
```
"""


def document() -> str:
    """The text of docs/families.md."""
    tables = (_table(n, degrees) for n, degrees in DEGREES.items())
    return HEAD.format(example=work(1, 3)) + "".join(tables)


def _table(n: int, degrees: range) -> str:
    quotient = polynomial(work(n, 2 * n + 1).quotient)
    check = tex(f"(g² − g)/(x² − x){superscript(n + 1)} = {quotient}")
    rows = "\n".join(_row(n, j) for j in degrees)
    return ORDER.format(n=n, rows=rows, least=2 * n + 1, power=n + 1, check=check)


def _row(n: int, j: int) -> str:
    *_, last = words.stages(n, j)
    _, trivial = words.members(words.trivial(n, j), j)
    cells = [str(j), f"none; least degree {2 * n + 1}", ""]
    if isinstance(last, words.Stage):
        free = ", ".join(f"${tex(alpha(p.degree))}$" for p in trivial)
        cells = [str(j), _equations(last), free or "none"]
    cells.append(f"${tex(multiple(n, len(trivial)))}$" if trivial else "only $K' = 0$")
    return f"| {' | '.join(cells)} |"


def _equations(stage: words.Stage) -> str:
    """What a stage settles, a line of the cell for each α but those that are 0."""
    names = {name: alpha(int(name.removeprefix("alpha"))) for name in stage.settled}
    zero = " = ".join(names[name] for name, form in stage.settled.items() if not form)
    others = [f"{names[name]} = {written(form)}" for name, form in stage.settled.items() if form]
    return " <br> ".join(f"${tex(equation)}$" for equation in (f"{zero} = 0", *others))


if __name__ == "__main__":
    DOCUMENT.write_text(document(), encoding="utf-8")
