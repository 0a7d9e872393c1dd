"""The worked derivation of a family, written out as text, LaTeX or plain data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sympy

from . import words

if TYPE_CHECKING:
    from sympy.polys.rings import PolyElement

_SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
_SUPERSCRIPTS = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


@dataclass(frozen=True)
class Line:
    """The words that share one equation: their coefficient in (K')² − K', and what is left of it."""

    words: tuple[str, ...]
    quadratic: PolyElement
    reduced: PolyElement


@dataclass(frozen=True)
class Step:
    """The equations of all words with `order` letters D, and every α settled after them."""

    order: int
    lines: tuple[Line, ...]
    settled: dict[str, PolyElement]


@dataclass(frozen=True, repr=False)
class Derivation:
    """The derivation of the correctors of one order and degree from the ansatz.

    `str(derivation)` is the text, `latex()` a piece of LaTeX that compiles with amsmath, and
    `as_dict()` plain data for JSON.

    `words` holds the coefficient of each word in K', `steps` the equations order by order,
    `quotient` the polynomial (g² − g)/(x² − x)^{n+1}, whose existence is the final check; it may
    hold the free parameters.
    """

    order: int
    degree: int
    words: dict[str, PolyElement]
    steps: tuple[Step, ...]
    quotient: sympy.Expr

    def __str__(self) -> str:
        n, j = self.order, self.degree
        out = [
            f"Correctors of order {n} and degree {j}",
            "",
            "Ansatz      K = P + D,  P² = P,  "
            "K' = " + " + ".join(_power(f"α{_sub(i)}K", i) for i in range(1, j + 1)),
            f"Reductions  PP → P;  a word with more than {n} letter{'s' * (n > 1)} D counts as 0",
            "",
            "The words of K'",
            *(f"  {word:<{2 * n + 1}}  {_text(form)}" for word, form in self.words.items()),
            "",
            "(K')² − K' = 0, word by word",
        ]
        for step in self.steps:
            out += ["", f"Words with {step.order} letter{'s' * (step.order != 1)} D"]
            out += [f"  {', '.join(line.words)}:  {_text(line.quadratic)} = 0" for line in step.lines]
            if step.order == 0:
                total = _text(self.words["P"])
                out += [
                    f"  This is s² = s for s = {total}.",
                    (
                        "  s = 1 keeps P and is followed here; "
                        f"s = 0 is the trivial branch K' → 0: {self.trivial}."
                    ),
                ]
            else:
                reduced = list(dict.fromkeys(_text(line.reduced) for line in step.lines))
                left = [entry for entry in reduced if entry != "0"]
                out += ["  With what is settled so far they read  " + ",  ".join(f"{e} = 0" for e in left)]
            settled = ",  ".join(f"{_name(a)} = {_text(form)}" for a, form in step.settled.items())
            out += [f"  Hence  {settled}"]
        out += [
            "",
            f"Check  g² − g = (x² − x){str(n + 1).translate(_SUPERSCRIPTS)} · ({_expression(self.quotient)})",
        ]
        return "\n".join(out)

    @property
    def trivial(self) -> str:
        """The branch Σ α_i = 0, which sends K to 0: what it holds at this degree."""
        free = self.degree - 2 * self.order - 1
        if free < 1:
            return "it holds only K' = 0"
        power = str(self.order + 1).translate(_SUPERSCRIPTS)
        factor = "c" if free == 1 else f"any polynomial of degree up to {free - 1}"
        return f"it holds x{power}(1 − x){power} · ({factor})"

    def latex(self) -> str:
        """Return the derivation as LaTeX; needs amsmath."""
        ansatz = " + ".join(rf"\alpha_{{{i}}} K^{{{i}}}" for i in range(1, self.degree + 1))
        out = [
            rf"\paragraph{{Correctors of order {self.order} and degree {self.degree}.}}",
            rf"Let $K = P + D$ with $P^2 = P$ and $K' = {ansatz}$.",
            rf"Words reduce by $PP \to P$; a word with more than {self.order} letters $D$ counts as $0$.",
            "The words of $K'$ have the coefficients",
            _align([f"{word} &: {sympy.latex(form.as_expr())}" for word, form in self.words.items()]),
            "and $(K')^2 - K' = 0$ demands, word by word:",
        ]
        for step in self.steps:
            out.append(rf"\subparagraph{{Words with {step.order} letters $D$.}}")
            out.append(
                _align(
                    [
                        f"{', '.join(line.words)} &: {sympy.latex(line.quadratic.as_expr())} = 0"
                        for line in step.lines
                    ]
                )
            )
            if step.order == 0:
                out.append(r"This is $s^2 = s$ for $s = \sum_i \alpha_i$; the branch $s = 1$ keeps $P$.")
            settled = [
                f"{sympy.latex(sympy.Symbol(name))} &= {sympy.latex(form.as_expr())}"
                for name, form in step.settled.items()
            ]
            out += ["Hence", _align(settled)]
        out += [
            "As a check,",
            _align([rf"g^2 - g &= (x^2 - x)^{{{self.order + 1}}} \left({sympy.latex(self.quotient)}\right)"]),
        ]
        return "\n".join(out)

    def as_dict(self) -> dict[str, Any]:
        """Return the derivation as plain data: strings and lists, ready for JSON."""
        return {
            "words": {word: str(form.as_expr()) for word, form in self.words.items()},
            "steps": [
                {
                    "order": step.order,
                    "equations": [
                        {
                            "words": list(line.words),
                            "quadratic": str(line.quadratic.as_expr()),
                            "reduced": str(line.reduced.as_expr()),
                        }
                        for line in step.lines
                    ],
                    "settled": {name: str(form.as_expr()) for name, form in step.settled.items()},
                }
                for step in self.steps
            ],
            "quotient": str(self.quotient),
        }

    def __repr__(self) -> str:
        return f"Derivation(order={self.order}, degree={self.degree})"


def work(order: int, degree: int) -> Derivation:
    """Return the worked derivation of the correctors of one order and degree.

    Raises:
        ValueError: order is above `words.MAX_ORDER`.

    References: Jensen and Vicary, section 2.1; their appendix A was to give it, and was not written.

    >>> print(str(work(1, 3)).splitlines()[-1])
    Check  g² − g = (x² − x)² · (−3 − 4x + 4x²)
    """
    if order > words.MAX_ORDER:
        count = 2 ** (order + 2) - 3
        raise ValueError(
            f"a derivation by words is written out up to order {words.MAX_ORDER}; "
            f"got order {order}, which has {count} words"
        )
    forms = words.coefficients(order, degree)
    steps = []
    for stage in words.stages(order, degree):
        if isinstance(stage, words.Inconsistent):
            raise TypeError(f"expected a family that exists; got order {order}, degree {degree}")
        steps.append(Step(stage.order, _lines(stage, forms), dict(stage.settled)))
    return Derivation(order, degree, forms, tuple(steps), _quotient(order, degree, steps[-1].settled))


def _lines(stage: words.Stage, forms: dict[str, PolyElement]) -> tuple[Line, ...]:
    shared: dict[tuple[PolyElement, PolyElement], list[str]] = {}
    for entry in stage.equations:
        key = (words.equation(entry.word, forms), entry.reduced)
        shared.setdefault(key, []).append(entry.word)
    return tuple(Line(tuple(names), *key) for key, names in shared.items())


def _quotient(order: int, degree: int, settled: dict[str, PolyElement]) -> sympy.Expr:
    """(g² − g)/(x² − x)^{n+1} for the general member; that nothing remains is the check."""
    x = sympy.Symbol("x")
    names = [f"alpha{i}" for i in range(1, degree + 1)]
    values = [settled[a].as_expr() if a in settled else sympy.Symbol(a) for a in names]
    g = sum(value * x**i for i, value in enumerate(values, start=1))
    quotient, remainder = sympy.div(sympy.expand(g**2 - g), (x**2 - x) ** (order + 1), x)
    if sympy.expand(remainder) != 0:
        raise AssertionError(f"(x² − x)^{order + 1} leaves {remainder}")
    return sympy.collect(sympy.expand(quotient), x)


def _align(rows: list[str]) -> str:
    return "\\begin{align*}\n" + " \\\\\n".join(rows) + "\n\\end{align*}"


def _sub(i: int) -> str:
    return str(i).translate(_SUBSCRIPTS)


def _power(base: str, i: int) -> str:
    return base if i == 1 else base + str(i).translate(_SUPERSCRIPTS)


def _name(symbol: str) -> str:
    return "α" + symbol.removeprefix("alpha").translate(_SUBSCRIPTS)


def _text(form: PolyElement) -> str:
    """A polynomial in α, lowest degree first."""
    names = [_name(str(symbol)) for symbol in form.ring.symbols]

    def monomial(exponents: tuple[int, ...]) -> str:
        return "".join(_power(a, e) for a, e in zip(names, exponents, strict=True) if e)

    terms = sorted(form.terms(), key=lambda term: (sum(term[0]), [-e for e in term[0]]))
    return _signed([(sympy.QQ.to_sympy(c), monomial(exponents)) for exponents, c in terms])


def _expression(expression: sympy.Expr) -> str:
    """A polynomial in x whose coefficients may hold α, lowest power of x first."""
    poly = sympy.Poly(expression, sympy.Symbol("x"))
    terms = []
    for (i,), c in sorted(poly.terms()):
        power = "" if i == 0 else _power("x", i)
        if c.is_Rational:
            terms.append((c, power))
        else:
            symbols = sorted(c.free_symbols, key=lambda s: int(s.name.removeprefix("alpha")))
            terms.append(
                (
                    sympy.Integer(1),
                    f"({_text(sympy.ring(symbols, sympy.QQ)[0].from_expr(c))}){power}",
                )
            )
    return _signed(terms)


def _signed(terms: list[tuple[sympy.Rational, str]]) -> str:
    text = ""
    for c, monomial in terms:
        sign = ("−" if not text else " − ") if c < 0 else (" + " if text else "")
        size = abs(c)
        number = (
            "" if size == 1 and monomial else str(size) + ("" if size.is_Integer or not monomial else " ")
        )
        text += sign + number + monomial
    return text or "0"
