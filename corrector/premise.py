"""Does a matrix meet the premise from which the correctors of order n are derived?

Definition 1 of the paper calls K = P + D with P² = P near-idempotent to order n when the entries of
D^{n+1} are below ε.  The derivation neglects more than that: every word with more than n letters D,
also those with P between, for n = 1 as XDYDZ ≈ 0 for all X, Y, Z.  A D whose powers vanish may leave
such words as large as itself, and then no corrector of order n need correct.

Any word with more than n letters D begins with a reduced word that has n + 1 of them.  There are
2^{n+2} of those, and each is looked at here.  What follows in a longer word is made of words with at most
n + 1 letters, so that their norms bound how far the rest can make it grow.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from heapq import nlargest
from math import sqrt
from numbers import Rational, Real
from typing import TYPE_CHECKING, Any

import array_api_compat
import numpy as np

from .catalog import require_at_least, smoothstep
from .evaluation import square

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jaxtyping import Num

    from .evaluation import Array

MAX_ORDER = 8
"""The greatest order looked at, as in `words`: 1024 words, 2043 matrix products."""

_MAX_ROWS = 16


@dataclass(frozen=True)
class Premise:
    """Which words with n + 1 letters D are negligible; what `negligible_words` returns.

    Attributes:
        order: n.
        epsilon: the size up to which a word is negligible.
        sizes: each reduced word with n + 1 letters D, shortest first, with the largest absolute
            value of its entries: a `Fraction` for exact matrices, else a float.
        longer: a bound on the largest absolute value of the entries of any longer word that one step
            of the corrector of least degree forms.
        residual: the largest absolute entry of g(K)² − g(K) for g = `smoothstep(n)`: what one step
            of the corrector leaves.
    """

    order: int
    epsilon: Fraction | float
    sizes: Mapping[str, Fraction | float] = field(hash=False)
    longer: Fraction | float
    residual: Fraction | float

    @property
    def definition(self) -> bool:
        """Whether D^{n+1} is negligible, which is what Definition 1 asks."""
        return self._negligible("D" * (self.order + 1))

    @property
    def holds(self) -> bool:
        """Whether every word is negligible, the longer ones too, which is what the derivation uses."""
        return not self.failing and bool(self.longer <= self.epsilon)

    @property
    def failing(self) -> tuple[str, ...]:
        """The words that are not negligible, shortest first."""
        return tuple(word for word in self.sizes if not self._negligible(word))

    def _negligible(self, word: str) -> bool:
        return bool(self.sizes[word] <= self.epsilon)

    def __str__(self) -> str:
        largest = set(nlargest(_MAX_ROWS, self.sizes, key=lambda word: self.sizes[word]))
        width = max(map(len, largest))
        rows = [
            f"  {word:{width}}  {_short(size)}" + ("" if self._negligible(word) else "  not negligible")
            for word, size in self.sizes.items()
            if word in largest
        ]
        if len(self.sizes) > len(rows):
            rows.append(f"  and {len(self.sizes) - len(rows)} words no larger")
        head = f"Words with {self.order + 1} letters D; negligible up to {_short(self.epsilon)}:"
        return "\n".join([head, *rows, self._verdict()])

    def _verdict(self) -> str:
        verdict = f"The premise of order {self.order} "
        if self.holds:
            verdict += "holds"
        elif not self.failing:
            verdict += f"is not shown: longer words may reach {_short(self.longer)}"
        else:
            power = f"D^{self.order + 1}"
            also = f"although {power} is negligible" if self.definition else f"{power} among them"
            verdict += f"fails with {len(self.failing)} of {len(self.sizes)} words, {also}"
        return f"{verdict}; one step leaves the residual {_short(self.residual)}."


def negligible_words(
    P: Num[Array, "m m"], D: Num[Array, "m m"], order: int = 1, epsilon: float | Fraction | None = None
) -> Premise:
    """Return which words with n + 1 letters D are negligible in K = P + D, and what longer ones may reach.

    A word is negligible if no entry of its matrix exceeds ε in absolute value.  If all words vanish
    exactly, so do the longer ones, and g(K) is exactly idempotent for every corrector g of order n or
    more.  Else a longer word may be larger, where D or PD is large: at most by the norms of the words
    that it goes on with.

    Args:
        P: an idempotent matrix (m, m): a floating-point array, real or complex, of any library that
            speaks the array API, on any device; or nested lists, or an object array, of ints and
            Fractions, which is worked with exactly.  Integer arrays are promoted to floating point.
        D: the rest of K, (m, m), of the same library as P, or exact.  If one of the two is exact
            and the other is not, both are taken as floating point.
        order: n, from 1 to 8.
        epsilon: ε ≥ 0.  If None: 0 for exact matrices, where a word vanishes or does not; for
            others √u, u the unit round-off, 1.1e-8 in float64.  Where the premise holds a step of a
            corrector leaves a residual of the size of the words, up to the corrector's coefficients,
            and the next step squares it at least.

    Returns:
        A `Premise`.  Print it for a table and a verdict.

    Raises:
        ValueError: P² is not P, exactly or to 10mu‖P‖², ‖P‖ the Frobenius norm; P and D are not
            two matrices of one shape, or not finite; order or epsilon is out of range.
        TypeError: P or D is no array of numbers, or they come from two libraries.

    Cost: 8·2ⁿ − 5 matrix products and those of `smoothstep(n)`, in the memory of n + 3 matrices.

    References: Jensen and Vicary, *Enforcing Idempotency in Neural Networks*, definition 1 and the
    reductions below eq. 4.

    The golden ratio's matrix has D² = 0, yet DPD = D:

    >>> print(negligible_words([[1, 0], [1, 0]], [[0, 1], [0, 0]]))
    Words with 2 letters D; negligible up to 0:
      DD     0
      DDP    0
      DPD    1  not negligible
      PDD    0
      DPDP   1  not negligible
      PDDP   0
      PDPD   1  not negligible
      PDPDP  1  not negligible
    The premise of order 1 fails with 4 of 8 words, although D^2 is negligible; one step leaves the
    residual 1.
    """
    require_at_least("order", order, 1)
    if order > MAX_ORDER:
        raise ValueError(
            f"`order` must be at most {MAX_ORDER}, since 2^(order + 2) words are formed; got {order}"
        )
    P, D = _alike(_matrix("P", P), _matrix("D", D))
    epsilon = _default_epsilon(P) if epsilon is None else _checked(epsilon)
    with np.errstate(over="ignore", invalid="ignore"):  # a word too large for its dtype is not negligible
        _require_idempotent(P)
        sizes, longer = _sizes(P, D, order)
        corrected = smoothstep(order).at_matrix(P + D)
        residual = _largest(corrected @ corrected - corrected)
    shortest_first = sorted(sizes, key=lambda word: (len(word), word))
    return Premise(order, epsilon, {word: sizes[word] for word in shortest_first}, longer, residual)


def _sizes(P: Array, D: Array, order: int) -> tuple[dict[str, Fraction | float], Fraction | float]:
    """The sizes of the words, each a walk of n + 1 steps D or PD, and at most one P to end with; the bound.

    With ‖·‖ the greatest column sum, |XY| ≤ |X|‖Y‖ for the largest entries; a longer word of at most
    4n + 2 letters goes on with one word of at most n letters and at most three of n + 1.
    """
    steps = {"D": D, "PD": P @ D}
    sizes = {}
    rest = whole = Fraction(1) if _is_exact(P) else 1.0

    def walk(word: str, value: Array) -> None:
        nonlocal rest, whole
        closed = value @ P
        norm = max(_column_sum(value), _column_sum(closed))
        if word.count("D") > order:
            sizes[word], sizes[word + "P"] = _largest(value), _largest(closed)
            whole = max(whole, norm)
            return
        rest = max(rest, norm)
        for step, factor in steps.items():
            walk(word + step, value @ factor)

    for step, factor in steps.items():
        walk(step, factor)
    return sizes, max(sizes.values()) * rest * whole**3


def _column_sum(K: Array) -> Fraction | float:
    if _is_exact(K):
        return Fraction(max(abs(K).sum(axis=0)))
    xp = array_api_compat.array_namespace(K)
    return float(xp.max(xp.sum(xp.abs(K), axis=0)))


def _matrix(name: str, value: Any) -> Array:
    """The value as one finite matrix, of Fractions where it is exact, cut off from any autograd graph."""
    try:
        matrix = square(value)
    except (TypeError, ValueError) as error:
        raise type(error)(str(error).replace("`K`", f"`{name}`")) from None
    if matrix.ndim != 2 or 0 in matrix.shape:
        raise ValueError(f"`{name}` must be one matrix of at least 1 by 1; got {tuple(matrix.shape)}")
    if _is_exact(matrix):
        return np.array([[_fraction(name, entry) for entry in row] for row in matrix], dtype=object)
    if hasattr(matrix, "detach"):
        matrix = matrix.detach()
    xp = array_api_compat.array_namespace(matrix)
    if not bool(xp.all(xp.isfinite(matrix))):
        raise ValueError(f"`{name}` must be finite; got an entry that is nan or infinite")
    return matrix


def _fraction(name: str, entry: Any) -> Fraction:
    if not isinstance(entry, Rational):
        raise TypeError(
            f"`{name}` must hold ints and Fractions alone, or numbers of one dtype; got {entry!r}"
        )
    return Fraction(int(entry.numerator), int(entry.denominator))  # not NumPy's integers, which overflow


def _alike(P: Array, D: Array) -> tuple[Array, Array]:
    """Both matrices in the dtype that holds both."""
    if P.shape != D.shape:
        raise ValueError(f"`P` and `D` must have one shape; got {tuple(P.shape)} and {tuple(D.shape)}")
    if _is_exact(P) and _is_exact(D):
        return P, D
    P, D = _floating_like(P, D), _floating_like(D, P)
    xp = array_api_compat.array_namespace(P, D)
    dtype = xp.result_type(P, D)
    return xp.astype(P, dtype), xp.astype(D, dtype)


def _floating_like(K: Array, other: Array) -> Array:
    if not _is_exact(K):
        return K
    xp = array_api_compat.array_namespace(other)
    return xp.asarray(K.astype(float).tolist(), dtype=other.dtype, device=array_api_compat.device(other))


def _is_exact(K: Array) -> bool:
    return str(K.dtype) == "object"


def _largest(K: Array) -> Fraction | float:
    """The largest absolute value of the entries, the measure of Definition 1."""
    if _is_exact(K):
        return Fraction(max(abs(entry) for entry in K.flat))
    xp = array_api_compat.array_namespace(K)
    return float(xp.max(xp.abs(K)))


def _require_idempotent(P: Array) -> None:
    residual, most = _largest(P @ P - P), _round_off(P)
    if not residual <= most:
        raise ValueError(
            f"`P` must be idempotent: the largest entry of P² − P must be at most {_short(most)}; "
            f"got {_short(residual)}"
        )


def _round_off(P: Array) -> float:
    """How far rounding takes P² − P from zero: m products an entry, of at most ‖P‖² in all, and P's own."""
    if _is_exact(P):
        return 0
    xp = array_api_compat.array_namespace(P)
    return 10 * len(P) * _unit(P) * float(xp.linalg.matrix_norm(P)) ** 2


def _default_epsilon(P: Array) -> float:
    return 0 if _is_exact(P) else sqrt(_unit(P))


def _unit(P: Array) -> float:
    eps: float = float(array_api_compat.array_namespace(P).finfo(P.dtype).eps)
    return eps / 2


def _checked(epsilon: Any) -> Fraction | float:
    if not isinstance(epsilon, Real):
        raise TypeError(f"`epsilon` must be a real number; got {type(epsilon).__name__} {epsilon!r}")
    if not float(epsilon) >= 0:
        raise ValueError(f"`epsilon` must be at least 0; got {epsilon}")
    return _fraction("epsilon", epsilon) if isinstance(epsilon, Rational) else float(epsilon)


def _short(size: Fraction | float) -> str:
    """A short fraction as it is, others to three digits."""
    if not isinstance(size, Rational):
        return f"{size:.3g}"
    if max(size.numerator, size.denominator) < 10**6:
        return str(size)
    return f"{Decimal(size.numerator) / size.denominator:.2e}"  # floats would overflow
