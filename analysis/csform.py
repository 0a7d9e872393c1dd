"""Projectors and their perturbations from the CS form, in floating point or in exact numbers.

Every idempotent is unitarily similar to a direct sum of blocks [[1, cot θ], [0, 0]], ones and zeros.
`projector` builds that form and turns it; `graded`, `perturbed` and their violations build K = P + D of
which it is known whether the premise of a corrector of order n holds.  An `Arithmetic` says in which
numbers: its random matrices and turns are all that differs.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import isqrt, sqrt
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jaxtyping import Shaped
    from numpy.typing import DTypeLike

    Matrix = Shaped[np.ndarray, "n n"]

Field = Literal["real", "complex", "rational"]


@dataclass(frozen=True)
class Arithmetic:
    """The numbers a matrix is built in, and the generator that fills it; seed 0 turns nothing."""

    field: Field
    seed: int

    @property
    def rng(self) -> np.random.Generator:
        """A generator that begins anew at each access."""
        return np.random.default_rng(self.seed)

    def identity(self, n: int) -> Matrix:
        """I, in these numbers."""
        if self.field == "rational":
            return self.exact(np.eye(n, dtype=int))
        return np.eye(n, dtype="complex128" if self.field == "complex" else "float64")

    def noise(self, rng: np.random.Generator, n: int) -> Matrix:
        """Entries from N(0, 1), real or complex; or integers from −2 to 2."""
        if self.field == "rational":
            return self.exact(rng.integers(-2, 3, (n, n)))
        real: Matrix = rng.standard_normal((n, n))
        return real if self.field == "real" else real + 1j * rng.standard_normal((n, n))

    def turned(self, rng: np.random.Generator, core: Matrix) -> Matrix:
        """QCQ* with Q orthogonal or unitary: from a QR factorisation, or of rational reflections."""
        n = len(core)
        if self.seed == 0 or n == 0:
            return core
        if self.field != "rational":
            Q: Matrix = np.linalg.qr(self.noise(rng, n))[0]
            turned: Matrix = Q @ core @ Q.conj().T
            return turned
        for v in self.exact(rng.integers(-2, 3, (int(rng.integers(1, n + 1)), n))):
            if squares := (v * v).sum():  # I − 2vvᵀ/vᵀv; n of them make any rational orthogonal matrix
                core = core - np.outer(v, 2 * (v @ core) / squares)
                core = core - np.outer(core @ v, 2 * v / squares)
        return core

    def number(self, x: float) -> Any:
        """X in these numbers."""
        return Fraction(x) if self.field == "rational" else x

    def at_most(self, D: Matrix, bound: float) -> Matrix:
        """D scaled to the Frobenius norm `bound`; or to at most that, by a rational factor."""
        factor: Any
        if self.field == "rational":
            squares = (D * D).sum() if D.size else 0
            factor = Fraction(bound) / (isqrt(int(squares)) + 1)
        else:
            norm = float(np.linalg.norm(D))
            factor = bound / norm if norm else 0.0
        scaled: Matrix = D * factor
        return scaled

    @staticmethod
    def exact(entries: Shaped[np.ndarray, "..."]) -> Shaped[np.ndarray, "..."]:
        """The same integers as Fractions."""
        return np.vectorize(Fraction, otypes=[object])(entries) if entries.size else entries.astype(object)


def projector(numbers: Arithmetic, n: int, rank: int, norms: Sequence[float]) -> Matrix:
    """Return Q(⊕[[1, cot θ], [0, 0]] ⊕ I ⊕ 0)Q*, with a block of each of these norms 1/sin θ."""
    core = numbers.identity(n) * (np.arange(n) < rank)
    for i, norm in enumerate(norms):
        core[i, rank + i] = _cotangent(numbers, norm)
    return numbers.turned(numbers.rng, core)


def perturbed(numbers: Arithmetic, P: Matrix, kappa: float, size: float) -> Matrix:
    """Return P + D, ‖P‖ ≤ κ, D so small that a word with k letters D has norm at most size^k."""
    rng = np.random.default_rng(numbers.seed + 2**32)
    K: Matrix = P + numbers.at_most(numbers.noise(rng, len(P)), size / kappa**2)
    return K


def graded(numbers: Arithmetic, n: int, rank: int, order: int, size: float) -> Matrix:
    """Return P + D where P keeps and D, of norm `size`, raises the grade of a row, from 0 to `order`.

    A word with more than `order` letters D is zero.  P is an orthogonal projector within each grade.
    Grades are as even as can be where nothing is turned, and cut anywhere else.
    """
    rng = numbers.rng
    even = np.arange(1, order + 1) * n // (order + 1)
    cuts = np.sort(rng.integers(0, n + 1, order)) if numbers.seed else even
    grade = np.searchsorted(cuts, np.arange(n), side="right")
    ones = rng.permutation(n) < rank if numbers.seed else np.arange(n) < rank
    P = numbers.identity(n) * ones
    for level in np.unique(grade) if numbers.seed else ():
        if len(set(ones[grade == level])) < 2:
            continue  # 0 or I, which no turn changes
        rows = np.ix_(grade == level, grade == level)
        turned = numbers.turned(rng, P[rows])
        P = P.astype(turned.dtype)
        P[rows] = turned
    D = numbers.noise(rng, n) * (grade[:, None] < grade[None, :])
    return numbers.turned(rng, P + numbers.at_most(D, size))


def beside(numbers: Arithmetic, block: Matrix, rest: Matrix) -> Matrix:
    """Return the direct sum of two matrices, turned."""
    b, n = len(block), len(block) + len(rest)
    core = np.zeros((n, n), dtype=np.result_type(block, rest))
    core += 0 * block[0, 0]
    core[:b, :b], core[b:, b:] = block, rest
    return numbers.turned(np.random.default_rng(numbers.seed + 2**33), core)


def chain(numbers: Arithmetic, value: int, length: int, size: float) -> Matrix:
    """Return the Jordan block of this value and length with `size` for its ones."""
    block = numbers.identity(length) * value
    block[range(length - 1), range(1, length)] = numbers.number(size)
    return block


def rounded(K: Matrix, dtype: DTypeLike | None) -> Matrix:
    """Return K in this dtype; as it is when None."""
    return K if dtype is None else K.astype(dtype)


def _cotangent(numbers: Arithmetic, norm: float) -> Any:
    exact = sqrt(norm * norm - 1)
    if numbers.field != "rational":
        return exact
    near = Fraction(exact).limit_denominator(64)
    return near if near <= exact else near - Fraction(1, 64)
