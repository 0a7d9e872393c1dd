"""The worked derivation of a family: its words, their equations, and the solution order by order."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import accumulate
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from . import words
from .typesetting import as_latex, as_text, subscript, superscript

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from sympy.polys.rings import PolyElement

    from .ansatz import Family
    from .polynomial import Polynomial
    from .typesetting import Part


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
    settled: Mapping[str, PolyElement]

    @property
    def left(self) -> tuple[PolyElement, ...]:
        """What the equations read with all that was settled before: each once, whatever its sign."""
        either = (line.reduced if line.reduced.LC > 0 else -line.reduced for line in self.lines)
        return tuple(dict.fromkeys(either))


@dataclass(frozen=True, repr=False)
class Derivation:
    """The derivation of the correctors of one order and degree from the ansatz.

    `str(derivation)` is the text, `latex()` a piece of LaTeX or a whole document, and `as_dict()`
    plain data for JSON.  Order and degree determine all the rest, so two derivations are equal
    where these are, and a pickle holds only these.

    Attributes:
        order: n, the greatest number of letters D that a word may hold.
        degree: j, the highest power of K in the ansatz.
        words: A_w, the coefficient of each word w in K'; a form in α₁ … α_j, the ring's symbols
            alpha1 … alphaj.
        steps: the equations on the branch Σ α_i = 1, order by order, and what each step settles.
        trivial: what the branch Σ α_i = 0 settles.
        minimal: the corrector g where every free α is 0.
        basis: for each free α_k, k = 2n + 2 … j, the polynomial that it is the weight of in g.
        quotient: the coefficients of (g² − g)/(x² − x)^{n+1}, from the lowest, for all of the
            family; they hold the free α.  That nothing remains of this division is the last check.
    """

    order: int
    degree: int
    words: Mapping[str, PolyElement] = field(compare=False)
    steps: tuple[Step, ...] = field(compare=False)
    trivial: Mapping[str, PolyElement] = field(compare=False)
    minimal: Polynomial = field(compare=False)
    basis: tuple[Polynomial, ...] = field(compare=False)
    quotient: tuple[PolyElement, ...] = field(compare=False)

    def __reduce__(self) -> tuple[Callable[[int, int], Derivation], tuple[int, int]]:
        # The ring's elements do not pickle; what determines them does.
        return work, (self.order, self.degree)

    def __str__(self) -> str:
        return as_text(self.parts())

    def __repr__(self) -> str:
        return f"Derivation(order={self.order}, degree={self.degree})"

    def latex(self, *, standalone: bool = False) -> str:
        r"""Return the derivation as LaTeX, which needs amsmath alone and fits a page of article.cls.

        Args:
            standalone: give a whole document instead, with a wider page; it compiles as it is.

        >>> print(work(1, 3).latex().splitlines()[-3])
        &(g^{2} - g)/(x^{2} - x)^{2} = -3 - 4x + 4x^{2}
        """
        return as_latex(self.parts(), standalone=standalone)

    def as_dict(self) -> dict[str, Any]:
        """Return the derivation as plain data, ready for JSON; α₄ is called a4, as in `member(a4=…)`.

        Polynomials in α are written as Python writes them, the quotient as the list of its
        coefficients from the lowest.

        >>> work(1, 4).as_dict()["steps"][-1]["settled"]
        {'a1': '0', 'a2': 'a4 + 3', 'a3': '-2*a4 - 2'}
        """
        return {
            "order": self.order,
            "degree": self.degree,
            "parameters": [f"a{p.degree}" for p in self.basis],
            "words": {word: _plain(form) for word, form in self.words.items()},
            "steps": [
                {
                    "order": step.order,
                    "equations": [
                        {
                            "words": list(line.words),
                            "quadratic": _plain(line.quadratic),
                            "reduced": _plain(line.reduced),
                        }
                        for line in step.lines
                    ],
                    "left": [_plain(form) for form in step.left],
                    "settled": _plain_forms(step.settled),
                }
                for step in self.steps
            ],
            "trivial": {
                "settled": _plain_forms(self.trivial),
                "polynomial": _plain_multiple(self.order, len(self.basis)),
            },
            "quotient": [_plain(c) for c in self.quotient],
        }

    def parts(self) -> Iterator[Part]:
        """Yield what `as_text` and `as_latex` set."""
        n, j, free = self.order, self.degree, len(self.basis)
        yield "title", f"Correctors of order {n} and degree {j}"
        yield "prose", "Let $K = P + D$ with $P² = P$, and"
        yield "display", "K' = " + " + ".join(alpha(i) + _power("K", i) for i in range(1, j + 1))
        yield "prose", f"Words reduce by $PP → P$, and a word with more than {_letters(n)} counts as $0$."
        yield "prose", "The words $w$ of $K'$ have the coefficients $A_w$:"
        yield "display", *(_about(names, written(form)) for form, names in _shared(self.words).items())
        yield (
            "prose",
            "$(K')² − K' = 0$ asks $Σ A_u A_v − A_w = 0$ of every word $w$, summed over all $uv = w$.",
        )
        yield "prose", "Any $P$ may be cut in two for this, since $P = PP$."
        for step in self.steps:
            yield "heading", f"Words with {_letters(step.order)}"
            yield "display", *(_about(line.words, f"{written(line.quadratic)} = 0") for line in step.lines)
            if step.order == 0:
                yield "prose", "This is $s² = s$ for $s = Σ α_i$; $s = 0$ is the trivial branch, apart below."
                yield "prose", "The branch $s = 1$ keeps $P$ and is followed here. Hence"
            else:
                yield "prose", "With what is settled so far they read"
                yield "display", ",  ".join(f"{written(form)} = 0" for form in step.left)
                yield "prose", "Hence"
            yield "display", _equations(step.settled)
        yield "heading", "The trivial branch, $s = 0$"
        yield "prose", "There every $A_w = 0$, by induction on the letters $D$, and $K'$ counts as $0$. Hence"
        yield "display", _equations(self.trivial)
        yield "prose", "It holds, with every $c_i$ free," if free else "It holds one polynomial,"
        yield "display", f"g(x) = {multiple(n, free)}"
        yield "heading", "The family, $s = 1$"
        yield from _family(self.minimal, self.basis)
        divisor = _power("(x² − x)", n + 1)
        yield "prose", f"As a check, ${divisor}$ divides $g² − g$:"
        yield "display", f"(g² − g)/{divisor} = {polynomial(self.quotient)}"


def work(order: int, degree: int) -> Derivation:
    """Return the worked derivation of the correctors of one order and degree.

    Raises:
        ValueError: order is above `words.MAX_ORDER` or degree above `words.MAX_DEGREE`, or degree
            is below 2·order + 1.

    Cost: milliseconds at order 1, 0.1 s at order 4, 1 s at order 8; 10 s at order 8, degree 40.

    References: Jensen and Vicary, section 2.1; their appendix A was to give it, and was not written.

    >>> print(str(work(1, 3)).splitlines()[-1])
        (g² − g)/(x² − x)² = −3 − 4x + 4x²
    """
    if order > words.MAX_ORDER:
        raise ValueError(
            f"a derivation by words is written out up to order {words.MAX_ORDER}; "
            f"got order {order}, which has {2 ** (order + 2) - 3} words"
        )
    if degree > words.MAX_DEGREE:
        raise ValueError(f"a derivation is written out up to degree {words.MAX_DEGREE}; got degree {degree}")
    forms = words.coefficients(order, degree)
    quadratics = words.equations(forms, forms)
    steps = []
    for stage in words.stages(order, degree):
        if isinstance(stage, words.Inconsistent):
            raise ValueError(f"expected a degree of at least 2·order + 1; got order {order}, degree {degree}")
        steps.append(Step(stage.order, _lines(stage, quadratics), MappingProxyType(stage.settled)))
    settled = steps[-1].settled
    return Derivation(
        order,
        degree,
        MappingProxyType(forms),
        tuple(steps),
        MappingProxyType(words.trivial(order, degree)),
        *words.members(settled, degree),
        _quotient(order, [settled.get(str(symbol), symbol) for symbol in forms["P"].ring.gens]),
    )


def _lines(stage: words.Stage, quadratics: Mapping[str, PolyElement]) -> tuple[Line, ...]:
    shared: dict[tuple[PolyElement, PolyElement], list[str]] = {}
    for entry in stage.equations:
        shared.setdefault((quadratics[entry.word], entry.reduced), []).append(entry.word)
    return tuple(Line(tuple(names), *key) for key, names in shared.items())


def _quotient(order: int, alphas: Sequence[PolyElement]) -> tuple[PolyElement, ...]:
    """(g² − g)/(x² − x)^{n+1} for g = Σ α_i xⁱ, divided by x and by x − 1 in turn."""
    zero = alphas[0].ring.zero
    g = [zero, *alphas]
    p = [-c for c in g] + [zero] * len(alphas)
    for i, a in enumerate(g):
        for k, b in enumerate(g):
            p[i + k] += a * b
    for _ in range(order + 1):
        at_zero, *p = p
        *p, at_one = (-total for total in accumulate(p))
        if at_zero or at_one:
            raise AssertionError(f"(x² − x)^{order + 1} does not divide g² − g")
    return tuple(p)


def interpolated(family: Family) -> tuple[Part, ...]:
    """Return what is to set of a family of an order or a degree too high to write out its words.

    >>> from corrector import derive
    >>> print(as_text(interpolated(derive(9))[1:2]))
    Found by Hermite interpolation: the words number 2045, and are written out up to order 8, degree 40.
    """
    found = (
        f"Found by Hermite interpolation: the words number {2 ** (family.order + 2) - 3}, "
        f"and are written out up to order {words.MAX_ORDER}, degree {words.MAX_DEGREE}."
    )
    title = f"Correctors of order {family.order} and degree {family.degree}"
    return ("title", title), ("prose", found), *_family(family.minimal, family.basis)


def _family(minimal: Polynomial, basis: Sequence[Polynomial]) -> Iterator[Part]:
    """The general member, and how its free parameters are set."""
    yield "display", f"g(x) = {minimal}" + "".join(f" + {alpha(p.degree)}({p})" for p in basis)
    if basis:
        free = ", ".join(f"${alpha(p.degree)}$" for p in basis)
        given = ", ".join(f"a{p.degree}=…" for p in basis)
        yield "prose", f"{free} {'are' if len(basis) > 1 else 'is'} free, set as `member({given})`."
    else:
        yield "prose", "Nothing is left free."


def alpha(i: int) -> str:
    """Return the name of α_i, as α₁₂."""
    return f"α{subscript(i)}"


def _power(base: str, i: int) -> str:
    return base if i == 1 else f"{base}{superscript(i)}"


def _letters(m: int) -> str:
    return "no letter $D$" if m == 0 else f"{m} letter{'s' * (m > 1)} $D$"


def _about(names: Iterable[str], said: str) -> str:
    return f"{', '.join(names)}:  {said}"


def _shared(forms: Mapping[str, PolyElement]) -> dict[PolyElement, list[str]]:
    shared: dict[PolyElement, list[str]] = {}
    for word, form in forms.items():
        shared.setdefault(form, []).append(word)
    return shared


def _equations(settled: Mapping[str, PolyElement]) -> str:
    return ",  ".join(f"{alpha(int(name[5:]))} = {written(form)}" for name, form in settled.items())


def multiple(order: int, free: int) -> str:
    """Return x^{n+1}(1 − x)^{n+1} times a polynomial with so many coefficients c, or 0 with none.

    >>> multiple(1, 3)
    'x²(1 − x)² · (c₀ + c₁x + c₂x²)'
    """
    if not free:
        return "0"
    c = [f"c{subscript(k)}{_power('x', k) if k else ''}" for k in range(free)]
    times = f"({' + '.join(c)})" if free > 1 else c[0]
    return f"{_power('x', order + 1)}{_power('(1 − x)', order + 1)} · {times}"


def _plain(form: PolyElement) -> str:
    return str(form).replace("alpha", "a")


def _plain_forms(forms: Mapping[str, PolyElement]) -> dict[str, str]:
    return {name.replace("alpha", "a"): _plain(form) for name, form in forms.items()}


def _plain_multiple(order: int, free: int) -> str:
    times = " + ".join(f"c{k}*x**{k}" if k else "c0" for k in range(free))
    return f"x**{order + 1}*(1 - x)**{order + 1}*({times})" if free else "0"


def written(form: PolyElement) -> str:
    """Return a polynomial in α, lowest degree first.

    >>> written(words.coefficients(1, 4)["PDP"])
    'α₃ + 2α₄'
    """
    return _signed(_terms(form))


def polynomial(coefficients: Iterable[PolyElement]) -> str:
    """Return a polynomial in x whose coefficients may hold α, lowest power of x first.

    >>> polynomial(work(1, 3).quotient)
    '−3 − 4x + 4x²'
    """
    terms: list[tuple[int, str]] = []
    for k, c in enumerate(coefficients):
        if k == 0:
            terms += _terms(c)
        elif len(c) > 1:
            terms.append((1, f"({written(c)}){_power('x', k)}"))
        else:
            terms += [(n, monomial + _power("x", k)) for n, monomial in _terms(c)]
    return _signed(terms)


def _terms(form: PolyElement) -> list[tuple[int, str]]:
    """The terms as whole number and monomial; whole, for words are counted and M is monic."""
    ordered = sorted(form.terms(), key=lambda term: (sum(term[0]), [-e for e in term[0]]))
    return [
        (int(c), "".join(_power(alpha(i), e) for i, e in enumerate(exponents, start=1) if e))
        for exponents, c in ordered
    ]


def _signed(terms: Iterable[tuple[int, str]]) -> str:
    text = ""
    for c, monomial in terms:
        sign = ("−" if not text else " − ") if c < 0 else (" + " if text else "")
        text += sign + ("" if abs(c) == 1 and monomial else str(abs(c))) + monomial
    return text or "0"
