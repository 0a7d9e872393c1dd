"""Mathematics written once, in Unicode, and set as text or as LaTeX.

LaTeX is the text transcribed sign by sign.  A display too wide for its page is continued on the next
row, before a sign or after a comma.
"""

from __future__ import annotations

import re
import textwrap
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

Part: TypeAlias = tuple[str, ...]
"""A kind, and what to set: a "title", "heading" or "prose" and a string, a "display" or "table" and several.

A display is mathematics; everywhere else `$…$` marks mathematics and `` `…` `` code.  A table is its
rows, the names of its columns first, with tabs between cells.
"""

COLUMNS = 110
"""The width of text, in characters."""

EMS, PAGE_EMS = 31, 44
"""The width of a display in LaTeX, in ems: in any document of article.cls, and in a whole one of ours."""


def as_text(parts: Iterable[Part]) -> str:
    """Return parts as text, at most `COLUMNS` wide.

    >>> print(as_text([("heading", "A sum of $α_i$"), ("display", "P:  α₁ + α₂")]))
    <BLANKLINE>
    A sum of α_i
        P:  α₁ + α₂
    """
    lines: list[str] = []
    for kind, *entries in parts:
        if kind == "display":
            for entry in entries:
                rows = rows_of(entry, COLUMNS - 8, len)
                lines += [f"{'        ' if i else '    '}{row}" for i, row in enumerate(rows)]
        elif kind == "table":
            lines += _columns(entries)
        else:
            blank_before, blank_after = [""] * (kind == "heading"), [""] * (kind == "title")
            said = _plain(entries[0])
            lines += [*blank_before, *textwrap.wrap(said, COLUMNS), *blank_after]
    return "\n".join(lines)


def as_latex(parts: Iterable[Part], *, standalone: bool = False) -> str:
    r"""Return parts as LaTeX: a piece that needs amsmath alone, or a whole document.

    Args:
        parts: what to set.
        standalone: give the document.

    >>> print(as_latex([("prose", "Let $P² = P$.")]))
    \begingroup\allowdisplaybreaks\sloppy
    Let $P^{2} = P$.
    \par\endgroup
    """
    width = PAGE_EMS if standalone else EMS
    body = [r"\begingroup\allowdisplaybreaks\sloppy"]
    for kind, *entries in parts:
        if kind == "display":
            body.append(_display(entries, width))
        elif kind == "table":
            body += _tabulars(entries)
        else:
            body.append(_SET[kind] % _prose(entries[0]))
    body.append(r"\par\endgroup")
    return "\n".join([*_HEAD, *body, r"\end{document}"] if standalone else body)


_SET = {"title": r"\subsection*{%s}", "heading": r"\paragraph{%s.}", "prose": "%s"}
_HEAD = (
    r"\documentclass[fleqn]{article}",
    r"\usepackage[a4paper, margin=2cm]{geometry}",
    r"\usepackage{amsmath}",
    r"\begin{document}",
)


def _display(entries: Iterable[str], width: float) -> str:
    rows = (rows_of(entry, width, _ems) for entry in entries)
    return "\\begin{align*}\n" + " \\\\[2pt]\n".join(map(_continued, rows)) + "\n\\end{align*}"


def _continued(rows: Sequence[str]) -> str:
    """Rows of an alignment, the first not parted from the second by the end of a page."""
    first, *others = (re.sub("^-(?! )", "{-}", tex(row)) for row in rows)
    indented = " \\\\\n".join(rf"&\quad {row}" for row in others)
    return f"&{first}" + (f" \\\\*\n{indented}" if others else "")


_ROWS = 40
"""Of a table on one page."""


def _tabulars(rows: Sequence[str]) -> list[str]:
    """A table, its head again on every page."""
    head, *others = (" & ".join(map(_prose, row.split("\t"))) + r" \\" for row in rows)
    begin = rf"\begin{{tabular}}{{{'r' * (head.count('&') + 1)}}}"
    pages = [others[i : i + _ROWS] for i in range(0, len(others), _ROWS)]
    set_as = [[r"\par\noindent", begin, head, r"\hline", *page, r"\end{tabular}"] for page in pages]
    return [line for page in set_as for line in page]


def _columns(rows: Iterable[str]) -> list[str]:
    """A table as text, its columns aligned to the right."""
    cells = [[_plain(cell) for cell in row.split("\t")] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return ["  ".join(cell.rjust(w) for cell, w in zip(row, widths, strict=True)) for row in cells]


def _plain(said: str) -> str:
    return said.replace("$", "").replace("`", "")


def _prose(said: str) -> str:
    said = re.sub(r"\$(.*?)\$", lambda found: f"${tex(found[1])}$", said)
    return re.sub("`(.*?)`", lambda found: rf"\texttt{{{found[1].replace('…', '...')}}}", said)


_SIGNS = {
    "α": r"\alpha",
    "λ": r"\lambda",
    "≈": r"\approx",
    "−": "-",
    "→": r"\to",
    "Σ": r"\sum",
    "·": r"\cdot",
    "…": r"\dots",
    ":  ": r":\quad ",
    ",  ": r",\quad ",
    ", ": r",\ ",
}
_LOW, _HIGH, _LEVEL = "₀₁₂₃₄₅₆₇₈₉₍₎", "⁰¹²³⁴⁵⁶⁷⁸⁹⁽⁾", "0123456789()"
_LOWERED, _RAISED = str.maketrans(_LEVEL, _LOW), str.maketrans(_LEVEL, _HIGH)
_LEVELLED = str.maketrans(_LOW + _HIGH, _LEVEL * 2)


def subscript(i: int) -> str:
    """Return i in the digits of a subscript."""
    return str(i).translate(_LOWERED)


def superscript(i: int) -> str:
    """Return i in the digits of a superscript."""
    return str(i).translate(_RAISED)


def tex(mathematics: str) -> str:
    r"""Return mathematics in Unicode as LaTeX for math mode.

    >>> print(tex("DDP:  −α₃ + 2α₁₀² → 0"))
    D^{2}P:\quad -\alpha_{3} + 2\alpha_{10}^{2} \to 0
    >>> print(tex("1.5e-09"))
    1.5\cdot 10^{-9}
    """
    mathematics = re.sub(r"(?<=\d)e([+-]\d+)", lambda e: rf"\cdot 10^{{{int(e[1])}}}", mathematics)
    mathematics = re.sub("D{2,}", lambda run: f"D^{{{len(run[0])}}}", mathematics)
    mathematics = re.sub(f"[{_LOW}]+", lambda low: f"_{{{low[0].translate(_LEVELLED)}}}", mathematics)
    mathematics = re.sub(f"[{_HIGH}]+", lambda high: f"^{{{high[0].translate(_LEVELLED)}}}", mathematics)
    return re.sub("|".join(_SIGNS), lambda sign: _SIGNS[sign[0]], mathematics)


def _ems(mathematics: str) -> float:
    """About the width of a row as LaTeX sets it, and no less."""
    widths = {"α": 0.65, " ": 0.3} | dict.fromkeys("PDKA+−=→·", 0.9) | dict.fromkeys(_LOW + _HIGH, 0.4)
    return sum(widths.get(sign, 0.55) for sign in mathematics)


_OUTSIDE_PARENTHESES = r"(?![^(]*\))"
_BEFORE_SIGN = " (?=[+−] )"
_BREAKS = ("(?<=[,:]) +", _BEFORE_SIGN + _OUTSIDE_PARENTHESES, _BEFORE_SIGN)


def rows_of(
    line: str, width: float, measure: Callable[[str], float], breaks: Sequence[str] = _BREAKS
) -> list[str]:
    """Return a line broken into rows: after commas, then before outer signs, then before inner ones.

    A piece is broken at the next kind of place only where it is wider than a row by itself.

    >>> rows_of("PD:  α₁ + 2α₂ + 3α₃", 12, len)
    ['PD:', 'α₁ + 2α₂', '+ 3α₃']
    """
    first, *deeper = breaks
    rows, gap = [""], ""
    for piece in re.split(f"({first})", line):
        if piece.isspace():
            gap = piece
        elif measure(rows[-1] + gap + piece) <= width:
            rows[-1] += gap + piece
        elif deeper and measure(piece) > width:
            rows += rows_of(piece, width, measure, deeper)
        else:
            rows.append(piece)
    return [row for row in rows if row]
