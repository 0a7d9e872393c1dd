"""The ansatz solved as the paper states it: every word in P and D must vanish.

K = P + D with P² = P, and a word with more than n letters D counts as zero.  K' = Σ α_i Kⁱ, and the
coefficient of every surviving word in (K')² − K' is one quadratic equation in the α.  They need no
general solver: the word P gives s² = s for s = Σ α_i, and once s = 1 is chosen, the equations of
the words with m letters D are linear in what the words with fewer letters have left open.

The words number 2^{n+2} − 3, so this route is for small orders; `hermite` reaches all.
"""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Any

from sympy import QQ, ring
from sympy.polys.solvers import solve_lin_sys

from .polynomial import Polynomial

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from sympy.polys.rings import PolyElement

MAX_ORDER, MAX_DEGREE = 8, 40
"""The greatest order and degree for which a derivation is written out: 1021 words in 40 powers."""


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
    counts: dict[str, dict[tuple[int, ...], Any]] = {word: {} for word in all_words(order)}
    for alpha, words in zip(alphas.gens, power_words(order, degree), strict=True):
        for word, count in words.items():
            counts[word][alpha.LM] = QQ(count)
    return {word: alphas.from_dict(terms) for word, terms in counts.items()}


def equation(word: str, forms: Mapping[str, PolyElement]) -> PolyElement:
    """Return the coefficient of a word in (K')² − K': Σ A_u A_v over its factorisations, less A_w.

    >>> equation("P", coefficients(1, 2))
    alpha1**2 + 2*alpha1*alpha2 - alpha1 + alpha2**2 - alpha2
    """
    return equations([word], forms)[word]


def equations(words: Iterable[str], forms: Mapping[str, PolyElement]) -> dict[str, PolyElement]:
    """Return `equation` of every word, each product A_u A_v taken once.

    >>> found = equations(["DP", "PD"], coefficients(1, 3))
    >>> found["DP"] is found["PD"]
    True
    """
    product_of: dict[frozenset[PolyElement], PolyElement] = {}
    known: dict[object, PolyElement] = {}
    found = {}
    for word in words:
        factors = Counter(frozenset((forms[u], forms[v])) for u, v in factorisations(word))
        alike = (forms[word], frozenset(factors.items()))
        if alike not in known:
            known[alike] = -forms[word]
            for pair, count in factors.items():
                if pair not in product_of:
                    product_of[pair] = prod((*pair, *pair)[:2])  # one form alone is to be squared
                known[alike] += count * product_of[pair]
        found[word] = known[alike]
    return found


def stages(order: int, degree: int) -> Iterator[Stage | Inconsistent]:
    """Yield the equations order by order, each with what it settles, on the branch Σ α_i = 1.

    Stops after the first `Inconsistent` stage.

    Args:
        order: n, the greatest number of letters D that a word may hold.
        degree: j, the highest power of K in the ansatz.

    Cost: a look at the at most 4n + 2 factorisations of each of 2^{n+2} words; 0.03 s at order 4,
    half a second at order 8.

    References: Jensen and Vicary, section 2.1, eq. 4 and the reductions below it.
    """
    forms = coefficients(order, degree)
    solved: dict[str, PolyElement] = {}
    for m in range(order + 1):
        known = {form: _substitute(form, solved) for form in set(forms.values())}
        current = {word: known[form] for word, form in forms.items()}
        reduced = equations((word for word in forms if word.count("D") == m), current)
        entries = tuple(Equation(word, form) for word, form in reduced.items())
        # The word P alone is quadratic, s² = s; the branch s = 1 is its linear factor s − 1.
        linear = [current["P"] - 1] if m == 0 else reduced.values()
        settled = _solve(linear)
        if settled is None:
            yield Inconsistent(m, entries)
            return
        solved = {name: _substitute(form, settled) for name, form in solved.items()} | settled
        yield Stage(m, entries, dict(solved))


def trivial(order: int, degree: int) -> dict[str, PolyElement]:
    """Return what the branch Σ α_i = 0 settles, each α in terms of those left free.

    There every word's coefficient A_w vanishes, so K' counts as 0.  Write w = uv: either a factor
    is P, whose coefficient is s = 0, or both hold fewer letters D than w, and vanish by induction.
    So (K')² has no w, and the equation of w reads −A_w = 0.

    >>> trivial(1, 4)
    {'alpha1': 0, 'alpha2': alpha4, 'alpha3': -2*alpha4}
    """
    return _solve(coefficients(order, degree).values()) or {}  # homogeneous, so never contradictory


def family(order: int, degree: int) -> tuple[Polynomial, tuple[Polynomial, ...]] | None:
    """Return the minimal member and one basis polynomial for each free parameter; None if none exists.

    The free parameters are the highest coefficients: a(2n+2) … a(j).
    """
    last = list(stages(order, degree))[-1]
    return None if isinstance(last, Inconsistent) else members(last.settled, degree)


def members(settled: Mapping[str, PolyElement], degree: int) -> tuple[Polynomial, tuple[Polynomial, ...]]:
    """Return what settled α's leave: the polynomial Σ α_i xⁱ where every free α is 0, and one for each.

    >>> members(trivial(1, 4), 4)
    (Polynomial(()), (Polynomial((0, 0, 1, -2, 1)),))
    """
    names = [f"alpha{i}" for i in range(1, degree + 1)]
    free = [name for name in names if name not in settled]
    return _part(names, settled, None), tuple(_part(names, settled, at) for at in free)


def _part(names: list[str], settled: Mapping[str, PolyElement], at: str | None) -> Polynomial:
    """The α's constant terms (at = None), or their dependence on one free parameter."""
    index = tuple(int(name == at) for name in names)
    values = [
        str(QQ.to_sympy(settled[name].get(index, QQ(0)))) if name in settled else int(name == at)
        for name in names
    ]
    return Polynomial([0, *values])


def _solve(linear: Iterable[PolyElement]) -> dict[str, PolyElement] | None:
    """What linear equations settle, by name: each α in terms of later ones; None if they contradict."""
    different = list(dict.fromkeys(linear))
    alphas = different[0].ring
    settled = solve_lin_sys(different, alphas)
    if settled is None:
        return None
    return {str(alpha): alphas(form) for alpha, form in settled.items()}


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
