"""The worked derivation: what it says holds, all three ways of writing it, and the table of families."""

import copy
import importlib.util
import json
import pickle
import re
from fractions import Fraction
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import sympy
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from pylatexenc.latexwalker import LatexEnvironmentNode, LatexMacroNode, LatexWalker
from sympy import QQ

from corrector import derive, hermite, words
from corrector.derivation import _quotient, interpolated, work
from corrector.typesetting import COLUMNS, as_latex, as_text, rows_of, tex
from tests.problems import compiled, needs_pdflatex, rationals

ROOT = Path(__file__).parents[2]
CASES = [(n, 2 * n + 1 + free) for n in range(1, 5) for free in (0, 1, 3)]
LONG = [(1, 12), (4, 12), (8, 17)]

derivation = cache(work)
every_case = pytest.mark.parametrize(("order", "degree"), CASES)
cases = st.sampled_from(CASES)


@st.composite
def members(draw):
    """A derivation, a member of its family, and that member's α in the ring of the derivation."""
    worked = derivation(*draw(cases))
    family = derive(worked.order, worked.degree)
    g = family.member(**{name: draw(rationals) for name in family.parameters})
    return worked, g, padded(g, worked.degree)


def padded(p, degree):
    """The coefficients of x … x^degree."""
    values = [QQ(c.numerator, c.denominator) for c in p.coefficients[1:]]
    return values + [QQ(0)] * (degree - len(values))


def at(form, alphas):
    return form(*alphas) if form else 0


# What the derivation says


@given(members())
def test_what_is_settled_holds_for_every_member(case):
    worked, _, alphas = case
    for step in worked.steps:
        for name, form in step.settled.items():
            assert at(form, alphas) == alphas[int(name.removeprefix("alpha")) - 1]


@given(members())
def test_every_equation_holds_for_every_member(case):
    worked, _, alphas = case
    for step in worked.steps:
        for line in step.lines:
            assert at(line.quadratic, alphas) == 0
            assert at(line.reduced, alphas) == 0
        assert all(at(form, alphas) == 0 for form in step.left)


@given(members())
def test_the_quotient_times_the_divisor_is_the_square_less_itself(case):
    worked, g, alphas = case
    product = [Fraction(str(at(c, alphas))) for c in worked.quotient]
    for _ in range(worked.order + 1):
        product = np.convolve(np.array(product, dtype=object), [0, -1, 1])
    g = np.array(g.coefficients, dtype=object)
    square = np.convolve(g, g)
    square[: len(g)] -= g
    assert not any(product[len(square) :])
    assert list(product[: len(square)]) == list(square)


@every_case
def test_every_word_is_there_once(order, degree):
    worked = derivation(order, degree)
    found = [word for step in worked.steps for line in step.lines for word in line.words]
    assert sorted(found) == sorted(worked.words) == sorted(words.all_words(order))
    for step in worked.steps:
        assert all(word.count("D") == step.order for line in step.lines for word in line.words)


@every_case
def test_the_equations_are_those_of_the_paper(order, degree):
    """The naive twin: K'K' multiplied out word by word."""
    worked = derivation(order, degree)
    square = dict.fromkeys(worked.words, 0)
    for u, a in worked.words.items():
        for v, b in worked.words.items():
            uv = words.product(u, v)
            if uv in square:
                square[uv] += a * b
    for step in worked.steps:
        for line in step.lines:
            assert all(square[word] - worked.words[word] == line.quadratic for word in line.words)


@every_case
def test_it_ends_at_the_family(order, degree):
    worked, family = derivation(order, degree), derive(order, degree)
    assert worked.minimal.coefficients == family.minimal.coefficients
    assert worked.basis == family.basis
    assert family.derivation() == worked


@every_case
def test_the_trivial_branch_is_all_that_makes_every_word_vanish(order, degree):
    worked = derivation(order, degree)
    zero, basis = words.members(worked.trivial, degree)
    assert not any(zero.coefficients)
    assert basis == hermite.basis(order, degree)
    for p in basis:
        alphas = padded(p, degree)
        assert all(at(form, alphas) == 0 for form in worked.words.values())
        assert all(at(line.quadratic, alphas) == 0 for step in worked.steps for line in step.lines)


@given(cases, st.data())
def test_the_trivial_branch_is_the_polynomial_shown(case, data):
    order, degree = case
    shown = sympy.sympify(derivation(order, degree).as_dict()["trivial"]["polynomial"])
    x = sympy.Symbol("x")
    (in_text,) = re.findall(r"It holds.*\n +g\(x\) = (.*)", str(derivation(order, degree)))
    assert sympy.expand(read(tex(in_text)) - shown) == 0
    free = sorted(shown.free_symbols - {x}, key=str)
    assert len(free) == degree - 2 * order - 1
    shown = shown.subs({c: sympy.Rational(str(data.draw(rationals))) for c in free})
    alphas = [QQ.from_sympy(sympy.Poly(shown, x).coeff_monomial(x**i)) for i in range(1, degree + 1)]
    assert all(at(form, alphas) == 0 for form in derivation(order, degree).words.values())


@pytest.mark.parametrize("order", range(5, 9))
def test_words_and_interpolation_agree_at_every_order_there_are_words(order):
    degree = 2 * order + 3
    assert words.family(order, degree) == (hermite.minimal(order), hermite.basis(order, degree))


@pytest.mark.parametrize(
    ("order", "degree", "said"),
    [(9, 19, "up to order 8; got order 9"), (1, 41, "up to degree 40; got degree 41"), (2, 4, "at least")],
)
def test_what_is_not_written_out_is_named(order, degree, said):
    with pytest.raises(ValueError, match=said):
        work(order, degree)


# As a value


@every_case
def test_it_is_frozen_and_survives_pickling(order, degree):
    worked = derivation(order, degree)
    for again in (pickle.loads(pickle.dumps(worked)), copy.deepcopy(worked)):
        assert again == worked
        assert hash(again) == hash(worked)
        assert (str(again), again.latex(), again.as_dict()) == (str(worked), worked.latex(), worked.as_dict())
        assert (again.words, again.steps, again.quotient) == (worked.words, worked.steps, worked.quotient)
    assert worked != derivation(5, 11)
    with pytest.raises(AttributeError):
        worked.order = 2
    for mapping in (worked.words, worked.trivial, worked.steps[0].settled):
        with pytest.raises(TypeError, match="item assignment"):
            mapping["P"] = None


# As data


@every_case
def test_data_read_again_are_the_same_family(order, degree):
    family = derive(order, degree)
    data = json.loads(json.dumps(derivation(order, degree).as_dict()))
    names = [f"a{i}" for i in range(1, degree + 1)]
    symbols = dict(zip(names, sympy.symbols(names), strict=True))
    settled = {name: sympy.sympify(form, symbols) for name, form in data["steps"][-1]["settled"].items()}
    assert data["parameters"] == list(family.parameters) == [name for name in names if name not in settled]
    for parameter in (None, *family.parameters):
        point = {symbols[name]: int(name == parameter) for name in family.parameters}
        g = family.member(**({} if parameter is None else {parameter: 1}))
        read = [sympy.expand(settled.get(name, symbols[name])).subs(point) for name in names]
        assert [Fraction(str(c)) for c in read] == [Fraction(str(c)) for c in padded(g, degree)]
    assert set(data["words"]) == set(words.all_words(order))
    assert not re.search("alpha", json.dumps(data))


@every_case
def test_data_say_what_the_derivation_says(order, degree):
    worked = derivation(order, degree)
    data = worked.as_dict()
    ring = next(iter(worked.words.values())).ring
    symbols = {f"a{i}": sympy.Symbol(f"alpha{i}") for i in range(1, degree + 1)}

    def read(text):
        return ring.from_expr(sympy.expand(sympy.sympify(text, symbols)))

    assert {word: read(form) for word, form in data["words"].items()} == worked.words
    assert [read(c) for c in data["quotient"]] == list(worked.quotient)
    for step, entry in zip(worked.steps, data["steps"], strict=True):
        assert [read(form) for form in entry["left"]] == list(step.left)
        for line, equation in zip(step.lines, entry["equations"], strict=True):
            assert tuple(equation["words"]) == line.words
            assert read(equation["quadratic"]) == line.quadratic
            assert read(equation["reduced"]) == line.reduced
    settled = {f"a{name.removeprefix('alpha')}": form for name, form in worked.trivial.items()}
    assert {name: read(form) for name, form in data["trivial"]["settled"].items()} == settled


# As text and as LaTeX


@pytest.mark.parametrize(("order", "degree"), CASES + LONG)
def test_text_fits_its_columns_and_names_every_free_parameter(order, degree):
    text, latex = str(derivation(order, degree)), derivation(order, degree).latex()
    assert max(map(len, text.splitlines())) <= COLUMNS
    for k in range(2 * order + 2, degree + 1):
        assert f"α{str(k).translate(str.maketrans('0123456789', '₀₁₂₃₄₅₆₇₈₉'))}" in text
        assert f"a{k}=…" in text
        assert rf"\alpha_{{{k}}}" in latex
        assert f"a{k}=..." in latex
    for said in ("With what is settled so far they read", "trivial branch", "As a check"):
        assert said in text
        assert said in latex
    assert text.count("With what") == latex.count("With what") == order
    assert not re.search(r"1 letters|K\^\{1\}|\{\+|[+−-] [+−-]", text + latex)


def squeezed(latex):
    """LaTeX without its line breaks and gaps."""
    return re.sub(r"\\\\(\[2pt\]|\*)?\n&|\\quad|\\ |\s", "", latex).replace("{-}", "-")


@every_case
def test_text_and_latex_hold_the_same_mathematics(order, degree):
    worked = derivation(order, degree)
    text, latex = "".join(str(worked).split()), squeezed(worked.latex())
    for kind, *entries in worked.parts():
        if kind == "display":
            assert all("".join(entry.split()) in text for entry in entries)
            assert all(squeezed(tex(entry)) in latex for entry in entries)


@given(st.lists(st.integers(1, 200), min_size=1, max_size=30), st.integers(6, 40))
def test_rows_hold_the_line_and_fit_where_they_can(numbers, width):
    line = " + ".join(f"{n}α₁" for n in numbers)
    rows = rows_of(line, width, len)
    assert " ".join(rows) == line
    assert all(len(row) <= width or " " not in row.removeprefix("+ ") for row in rows)


def macros(nodes):
    """Every macro and environment of a strict parse, wherever it stands."""
    for node in nodes:
        if isinstance(node, LatexMacroNode):
            yield node.macroname
            yield from macros(n for n in (node.nodeargd.argnlist if node.nodeargd else ()) if n is not None)
        elif isinstance(node, LatexEnvironmentNode):
            yield node.environmentname
        yield from macros(getattr(node, "nodelist", None) or ())


@pytest.mark.parametrize("standalone", [False, True])
@pytest.mark.parametrize(("order", "degree"), CASES + LONG)
def test_latex_is_well_formed_and_needs_amsmath_alone(order, degree, standalone):
    latex = derivation(order, degree).latex(standalone=standalone)
    assert latex.isascii()
    nodes, _, _ = LatexWalker(latex, tolerant_parsing=False).get_latex_nodes()
    whole = {"documentclass", "usepackage", "document"} if standalone else set()
    known = {"begingroup", "allowdisplaybreaks", "sloppy", "subsection", "paragraph", "texttt", "par"}
    signs = {"alpha", "sum", "to", "cdot", "quad", "\\", " "}
    assert set(macros(nodes)) <= whole | known | signs | {"align*", "endgroup"}
    for display in re.findall(r"\\begin{align\*}\n(.*?)\n\\end{align\*}", latex, re.DOTALL):
        rows = re.split(r" \\\\(?:\[2pt\]|\*)?\n", display)
        assert all(row.startswith("&") and row.count("&") == 1 for row in rows)


PLAIN = r"\documentclass{article}\usepackage{amsmath}\begin{document}%s\end{document}"


@needs_pdflatex
@pytest.mark.parametrize(("order", "degree"), [*CASES[::2], *LONG])
def test_latex_compiles_and_nothing_runs_off_the_page(order, degree, tmp_path):
    worked = derivation(order, degree)
    for latex in (worked.latex(standalone=True), PLAIN % worked.latex()):
        log = compiled(latex, tmp_path)
        assert not re.findall(r"Overfull \\hbox .*", log)


@needs_pdflatex
def test_latex_compiles_where_words_are_not_written_out(tmp_path):
    latex = as_latex(interpolated(derive(9, 25)), standalone=True)
    assert not re.findall(r"Overfull \\hbox .*", compiled(latex, tmp_path))


def test_the_family_is_shown_where_words_are_not_written_out():
    family = derive(9, 21)
    text, latex = as_text(interpolated(family)), as_latex(interpolated(family), standalone=True)
    assert "Hermite interpolation" in text
    assert "Hermite interpolation" in latex
    assert str(family.minimal) in " ".join(text.split())
    LatexWalker(latex, tolerant_parsing=False).get_latex_nodes()
    assert r"\alpha_{21}" in latex
    assert "a21=…" in text


# The table of families


@pytest.fixture(scope="module")
def table():
    spec = importlib.util.spec_from_file_location("families", ROOT / "docs" / "families.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_table_is_what_its_program_writes(table):
    assert table.DOCUMENT.read_text(encoding="utf-8") == table.document()


def test_the_table_is_markdown_that_leaves_its_mathematics_alone(table):
    tokens = MarkdownIt("commonmark").enable("table").parse(table.document())
    inline = [child for token in tokens for child in token.children or ()]
    assert sum(token.type == "table_open" for token in tokens) == 4
    assert not [token for token in inline if token.type in ("em_open", "strong_open", "link_open")]
    texts = [token.content for token in inline if token.type == "text"]
    assert all(text.count("$") % 2 == 0 for text in texts)
    assert not any(re.search(r"\$(?![\s.,:;|)]|$)(?=[^$]*$)", text) for text in texts)


def test_every_entry_of_the_table_is_what_interpolation_gives(table):
    seen = {}
    for n, section in re.findall(r"## Order (\d+)\n(.*?)(?=\n## |\Z)", table.document(), re.DOTALL):
        order = int(n)
        rows = re.findall(r"^\| (\d+) \| (.*?) \| (.*?) ?\| (.*?) \|$", section, re.MULTILINE)
        seen[order] = [int(degree) for degree, *_ in rows]
        for degree, solution, free, trivial in rows:
            check_row(order, int(degree), solution, free, trivial)
        assert section.count("```math") == 1
        left, right = re.search(r"```math\n(.*) = (.*)\n```", section).groups()
        assert left == rf"(g^{{2}} - g)/(x^{{2}} - x)^{{{order + 1}}}"
        x = sympy.Symbol("x")
        g = sum(read(str(c)) * x**i for i, c in enumerate(hermite.minimal(order).coefficients))
        assert sympy.expand(read(right) * (x**2 - x) ** (order + 1) - g**2 + g) == 0
    assert seen == {1: list(range(1, 11))} | {order: list(range(1, 13)) for order in (2, 3, 4)}


def check_row(order, degree, solution, free, trivial):
    x = sympy.Symbol("x")
    parameters = range(2 * order + 2, degree + 1)
    multiple = read(trivial.strip("$")) if parameters else None
    if degree < 2 * order + 1:
        assert (solution, free) == (f"none; least degree {2 * order + 1}", "")
    else:
        settled = {}
        for equation in re.findall(r"\$(.*?)\$", solution):
            *names, value = equation.split(" = ")
            settled |= {read(name): read(value) for name in names}
        wanted = list(hermite.minimal(order).coefficients) + [0] * degree
        form = {i: sympy.Rational(str(c)) for i, c in enumerate(wanted[: degree + 1])}
        for p in hermite.basis(order, degree):
            for i, c in enumerate(p.coefficients):
                form[i] += sympy.Rational(str(c)) * sympy.Symbol(f"a{p.degree}")
        assert settled == {sympy.Symbol(f"a{i}"): form[i] for i in range(1, 2 * order + 2)}
        assert [str(read(name)) for name in re.findall(r"\$(.*?)\$", free)] == [f"a{k}" for k in parameters]
    if not parameters:
        assert trivial == "only $K' = 0$"
    else:
        c = sympy.symbols(f"c0:{len(parameters)}")
        wanted = (x * (1 - x)) ** (order + 1) * sum(c_k * x**k for k, c_k in enumerate(c))
        assert sympy.expand(multiple - wanted) == 0


def read(latex):
    """A polynomial in α, c and x from its LaTeX."""
    plain = re.sub(r"\\alpha_\{(\d+)\}", r" a\1 ", latex.replace(r"\cdot", " "))
    plain = re.sub(r"c_\{(\d+)\}", r" c\1 ", plain)
    plain = re.sub(r"\^\{(\d+)\}", r"**\1 ", plain.replace("x", " x "))
    plain = re.sub(r"x\s+\*\*", "x**", plain)
    plain = re.sub(r"(?<=[\w)])\s*(?=\()|(?<=\))\s*(?=\w)|(?<=\w) +(?=\w)|(?<=\d)(?=[ac]\d)", "*", plain)
    return sympy.expand(sympy.sympify(plain))


def test_a_remainder_is_never_passed_over():
    alphas = words.coefficients(1, 3)["P"].ring
    for wrong in ((2, -1, 0), (0, 1, 0), (1, 0, 0)):  # flat at 1 alone, at 0 alone, at neither
        with pytest.raises(AssertionError, match="does not divide"):
            _quotient(1, [alphas(a) for a in wrong])
