"""The ansatz solved as the paper states it: every word in P and D must vanish.

K = P + D with P² = P, and a word with more than n letters D counts as zero.  K' = Σ α_i Kⁱ, and the
coefficient of every surviving word in (K')² − K' is one quadratic equation in the α.  They need no
general solver: the word P gives s² = s for s = Σ α_i, and once s = 1 is chosen, the equations of
the words with m letters D are linear in what the words with fewer letters have left open.

The words number 2^{n+2} − 3, so this route is for small orders; `hermite` reaches all.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sympy import QQ, ring
from sympy.polys.solvers import solve_lin_sys

from .polynomial import Polynomial

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sympy.polys.rings import PolyElement

MAX_ORDER = 8
"""The greatest order for which the words are written out: 1021 of them."""


@dataclass(frozen=True)
class Equation:
    """What is left of one word's equation once the words with fewer letters D are solved.

    `reduced` is a polynomial in α, linear but for the word P, that must vanish.
    """

    word: str
    reduced: PolyElement


@dataclass(frozen=True)
class Stage:
    """The words with `order` letters D, their equations, and the coefficients that they settle."""

    order: int
    equations: tuple[Equation, ...]
    settled: Mapping[str, PolyElement]


@dataclass(frozen=True)
class Inconsistent:
    """The words with `order` letters D contradict each other: no corrector exists."""

    order: int
    equations: tuple[Equation, ...]


def all_words(order: int) -> list[str]:
    """Return every reduced word with up to `order` letters D, fewest D and shortest first.

    Around and between m letters D there are m + 1 places for a P: 2^{m+1} words.

    >>> all_words(1)
    ['P', 'D', 'DP', 'PD', 'PDP']
    """
    words = ["P"]
    for m in range(1, order + 1):
        places = itertools.product(("", "P"), repeat=m + 1)
        words += sorted(("D".join(place) for place in places), key=lambda word: (len(word), word))
    return words


def product(u: str, v: str) -> str:
    """Return the word uv, reduced by PP → P.

    >>> product("DP", "PD")
    'DPD'
    """
    return u + v[1:] if u[-1] == v[0] == "P" else u + v


def power_words(order: int, degree: int) -> list[dict[str, int]]:
    """Return, for i = 1 … degree, how often each word occurs in (P + D)ⁱ, words of > order D dropped.

    >>> power_words(1, 2)[1]
    {'P': 1, 'PD': 1, 'DP': 1}
    """
    powers = [{"P": 1, "D": 1}]
    while len(powers) < degree:
        grown: dict[str, int] = defaultdict(int)
        for word, count in powers[-1].items():
            for letter in "PD":
                longer = product(word, letter)
                if longer.count("D") <= order:
                    grown[longer] += count
        powers.append(dict(grown))
    return powers


def factorisations(word: str) -> Iterator[tuple[str, str]]:
    """Yield every pair of words (u, v) whose reduced product is `word`.

    A cut falls between two letters, or inside a P, since P = PP.

    >>> list(factorisations("PD"))
    [('P', 'PD'), ('P', 'D')]
    """
    for i, letter in enumerate(word):
        if letter == "P":
            yield word[: i + 1], word[i:]
        if i + 1 < len(word):
            yield word[: i + 1], word[i + 1 :]


def coefficients(order: int, degree: int) -> dict[str, PolyElement]:
    """Return A_w = Σ_i α_i·(how often w occurs in Kⁱ) for every word, also those K' does not hold.

    >>> coefficients(1, 3)["PDP"]
    alpha3
    """
    alphas = ring([f"alpha{i}" for i in range(1, degree + 1)], QQ)[0]
    forms = dict.fromkeys(all_words(order), alphas.zero)
    for alpha, words in zip(alphas.gens, power_words(order, degree), strict=True):
        for word, count in words.items():
            forms[word] += count * alpha
    return forms


def equation(word: str, forms: Mapping[str, PolyElement]) -> PolyElement:
    """Return the coefficient of a word in (K')² − K': Σ A_u A_v over its factorisations, less A_w.

    >>> equation("P", coefficients(1, 2))
    alpha1**2 + 2*alpha1*alpha2 - alpha1 + alpha2**2 - alpha2
    """
    total = -forms[word]
    for u, v in factorisations(word):
        total += forms[u] * forms[v]
    return total


def stages(order: int, degree: int) -> Iterator[Stage | Inconsistent]:
    """Yield the equations order by order, each with what it settles, on the branch Σ α_i = 1.

    Stops after the first `Inconsistent` stage.

    Args:
        order: n, the greatest number of letters D that a word may hold.
        degree: j, the highest power of K in the ansatz.

    Cost: for each of 2^{n+2} words a sum over its at most 4n + 2 factorisations.

    References: Jensen and Vicary, section 2.1, eq. 4 and the reductions below it.
    """
    forms = coefficients(order, degree)
    alphas = forms["P"].ring
    solved: dict[str, PolyElement] = {}
    for m in range(order + 1):
        current = {word: _substitute(form, solved) for word, form in forms.items()}
        words = [word for word in forms if word.count("D") == m]
        equations = tuple(Equation(word, equation(word, current)) for word in words)
        # The word P alone is quadratic, s² = s; the branch s = 1 is its linear factor s − 1.
        linear = [current["P"] - 1] if m == 0 else [entry.reduced for entry in equations]
        settled = solve_lin_sys(linear, alphas)
        if settled is None:
            yield Inconsistent(m, equations)
            return
        named = {str(symbol): alphas(form) for symbol, form in settled.items()}
        solved = {name: _substitute(form, named) for name, form in solved.items()} | named
        yield Stage(m, equations, dict(solved))


def family(order: int, degree: int) -> tuple[Polynomial, tuple[Polynomial, ...]] | None:
    """Return the minimal member and one basis polynomial for each free parameter; None if none exists.

    The free parameters are the highest coefficients: a(2n+2) … a(j).
    """
    last = list(stages(order, degree))[-1]
    if isinstance(last, Inconsistent):
        return None
    names = [f"alpha{i}" for i in range(1, degree + 1)]
    free = [name for name in names if name not in last.settled]
    return _part(names, last.settled, None), tuple(_part(names, last.settled, at) for at in free)


def _part(names: list[str], settled: Mapping[str, PolyElement], at: str | None) -> Polynomial:
    """The α's constant terms (at = None), or their dependence on one free parameter."""
    index = tuple(int(name == at) for name in names)
    values = [
        str(QQ.to_sympy(settled[name].get(index, QQ(0)))) if name in settled else int(name == at)
        for name in names
    ]
    return Polynomial([0, *values])


def _substitute(form: PolyElement, solved: Mapping[str, PolyElement]) -> PolyElement:
    """The linear form with every solved α replaced by its expression in the open ones."""
    alphas = form.ring
    total = alphas.zero
    for exponents, c in form.terms():
        if any(exponents):
            i = exponents.index(1)
            total += c * solved.get(str(alphas.symbols[i]), alphas.gens[i])
        else:
            total += c
    return total
