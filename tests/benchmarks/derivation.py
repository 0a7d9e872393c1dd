"""Deriving a family, beside a general solver for the same equations and beside the answer's own size.

    .venv/bin/python -m tests.benchmarks.derivation

Floor: an answer of m rational numbers costs at least making m rational numbers.
"""

from __future__ import annotations

import timeit
from fractions import Fraction

import sympy

from corrector import derive, hermite, smoothstep, words
from corrector.polynomial import Polynomial
from tests.benchmarks.pairs import compare


def floor(order: int, degree: int) -> None:
    family = derive(order, degree)
    numbers = [(c.numerator, c.denominator) for p in (family.minimal, *family.basis) for c in p.coefficients]
    compare(
        f"Order {order}, degree {degree}: {len(numbers)} rational numbers",
        {
            "making the numbers": lambda: [Fraction(a, b) for a, b in numbers],
            "derive": lambda: derive(order, degree),
        },
    )


def solver(order: int, degree: int) -> None:
    """All quadratic equations at once by sympy, the branch Σ α = 1 given to it."""
    forms = words.coefficients(order, degree)
    symbols = [sympy.Symbol(str(a)) for a in next(iter(forms.values())).ring.symbols]
    equations = [words.equation(word, forms).as_expr() for word in forms]
    compare(
        f"Order {order}, degree {degree}, beside a general solver",
        {
            "derive": lambda: derive(order, degree),
            "words, order by order": lambda: words.family(order, degree),
            "sympy.solve": lambda: sympy.solve([*equations, sum(symbols) - 1], symbols, dict=True),
        },
        rounds=3,
    )


def routes(order: int, degree: int) -> None:
    compare(
        f"Order {order}, degree {degree}: the two routes",
        {
            "interpolation": lambda: (hermite.minimal(order), hermite.basis(order, degree)),
            "words": lambda: words.family(order, degree),
        },
        rounds=5,
    )


def named(order: int) -> None:
    compare(
        f"smoothstep({order})",
        {
            "its numbers as a Polynomial": lambda: Polynomial(smoothstep(order).coefficients),
            "smoothstep": lambda: smoothstep(order),
        },
    )


def seconds() -> None:
    """The longest of five runs each, on this machine: ratios travel, these do not."""
    for title, run in {
        "derive(16, 40)": lambda: derive(16, 40),
        "derive(64, 160)": lambda: derive(64, 160),
        "words, order 4, degree 12": lambda: words.family(4, 12),
        "smoothstep(64)": lambda: smoothstep(64),
    }.items():
        print(f"{title}: {max(timeit.repeat(run, number=1, repeat=5)):.4f} s")


if __name__ == "__main__":
    for size in ((16, 40), (64, 160)):
        floor(*size)
    for size in ((1, 4), (2, 6), (2, 7)):  # at (3, 8) the general solver did not end in ten minutes
        solver(*size)
    for size in ((4, 12), (8, 20)):
        routes(*size)
    named(64)
    seconds()
