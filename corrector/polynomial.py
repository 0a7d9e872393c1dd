"""Polynomials with rational coefficients, and the corrector: one without a constant term."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from numbers import Integral, Rational
from typing import TYPE_CHECKING, Any, TypeVar, overload

from . import evaluation
from .plan import Plan, plan
from .rational import as_flint, from_flint

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from jaxtyping import Num

    from .evaluation import Array

X = TypeVar("X")

_SUPERSCRIPTS = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


def exact(value: Any, name: str = "a coefficient") -> Fraction:
    """Return value as a `Fraction`; a float is refused, since 0.1 is not one tenth.

    Raises:
        TypeError: value is no `int`, `Fraction` or string.
        ValueError: a string that does not read as a rational number, or has too many digits.

    >>> exact("1/3") + exact(2)
    Fraction(7, 3)
    """
    if isinstance(value, bool) or not isinstance(value, Rational | str):
        raise TypeError(
            f"{name} must be exact: an int, a Fraction or a string such as '1/3'; "
            f"got {type(value).__name__} {value!r}"
        )
    if isinstance(value, str) and _digits(value) > _MAX_DIGITS:
        raise ValueError(f"{name} must have at most {_MAX_DIGITS} digits; got {value[:60]}…")
    try:
        number = Fraction(value)
    except (ValueError, ZeroDivisionError):
        shown = repr(value if len(str(value)) <= 60 else f"{str(value)[:60]}…")
        raise ValueError(f"{name} must read as a rational number such as '1/3'; got {shown}") from None
    longest = max(int(number.numerator).bit_length(), int(number.denominator).bit_length())
    if longest > _MAX_BITS:
        raise ValueError(f"{name} must have at most {_MAX_DIGITS} digits; got one of {longest * 0.30103:.0f}")
    return Fraction(int(number.numerator), int(number.denominator))  # NumPy's integers would stay in it


_MAX_DIGITS = 4000
"""Below Python's own limit on digits in text, 4300, so that whatever there is can be written and read."""

_MAX_BITS = 13288


def _digits(text: str) -> int:
    """How long a number that is written so is at most."""
    exponent = re.search(r"[eE]([+-]?\d+)\s*$", text[-_MAX_DIGITS:])
    return max(map(len, text.split("/"))) + (abs(int(exponent[1])) if exponent else 0)


@dataclass(frozen=True, repr=False, eq=False)
class Polynomial:
    """The polynomial Σ c_i xⁱ with exact rational coefficients c_0 … c_d.

    Args:
        coefficients: c_0, c_1, …; each an int, a `Fraction` or a string such as "1/3".  Trailing
            zeros are dropped, so equal polynomials compare and hash equal.

    Sums, differences, products and whole powers with polynomials and exact numbers are polynomials
    again, p(q) is the composition, and a result is a `Corrector` where one of its parts is and it has
    no constant term.  Values print as mathematics, also in notebooks, and pickle.

    Raises:
        TypeError: a coefficient is inexact, as a float is.

    >>> p = Polynomial((0, "1/2", 0, -1))
    >>> print(p, "at 2 is", p(2))
    1/2 x − x³ at 2 is -7
    >>> print(2 * p + 1, "and", p(Polynomial((1, -1))))
    1 + x − 2x³ and −1/2 + 5/2 x − 3x² + x³
    """

    coefficients: tuple[Fraction, ...]

    def __init__(self, coefficients: Iterable[int | Fraction | str]) -> None:
        values = [exact(c) for c in _sequence(coefficients)]
        while values and not values[-1]:
            values.pop()
        object.__setattr__(self, "coefficients", tuple(values))

    @property
    def degree(self) -> int:
        """The highest exponent; −1 for the zero polynomial."""
        return len(self.coefficients) - 1

    @overload
    def __call__(self, x: Polynomial) -> Polynomial: ...
    @overload
    def __call__(self, x: Any) -> Any: ...
    def __call__(self, x: Any) -> Any:
        """Return p(x), entry by entry; or the composition p∘q where x is a polynomial q.

        Evaluated as Σ (a_k + b_k x)(x − x²)^k, which does not cancel near 0 and 1, where a
        corrector works: the absolute error there is a few units of round-off at any degree.

        Args:
            x: an int or `Fraction` (the result is exact), a float or complex number, an array of
                any library that speaks the array API (its dtype and device are kept; integer
                arrays are promoted to floating point; object arrays of Fractions stay exact), or
                a `Polynomial`.

        Raises:
            TypeError: x is no number, no array and no polynomial.
            OverflowError: x is floating and a coefficient is beyond floating-point range.

        Cost: degree multiplications an entry.

        >>> MCWEENY = Corrector((0, 3, -2))
        >>> MCWEENY(MCWEENY).order, MCWEENY(MCWEENY).degree
        (3, 9)
        """
        if isinstance(x, Polynomial):
            _require_affordable_degree("a composition", self.degree * x.degree)
            return self._like(from_flint(as_flint(self.coefficients)(as_flint(x.coefficients))), x)
        return evaluation.elementwise(self.coefficients, x)

    def __add__(self, other: Any) -> Polynomial:
        value: Polynomial = self._combine("__add__", other)
        return value

    def __sub__(self, other: Any) -> Polynomial:
        value: Polynomial = self._combine("__sub__", other)
        return value

    def __mul__(self, other: Any) -> Polynomial:
        value: Polynomial = self._combine("__mul__", other)
        return value

    def __rsub__(self, other: Any) -> Polynomial:
        return (-self).__add__(other)

    def __neg__(self) -> Polynomial:
        return self * -1

    __radd__ = __add__
    __rmul__ = __mul__
    __array_ufunc__ = None  # NumPy must not take a polynomial apart

    def __pow__(self, exponent: int) -> Polynomial:
        if not isinstance(exponent, int) or exponent < 0:
            raise ValueError(f"a polynomial's exponent must be a whole number from 0 on; got {exponent!r}")
        _require_affordable_degree("a power", self.degree * exponent)
        return self._like(from_flint(as_flint(self.coefficients) ** exponent), self)

    def __eq__(self, other: object) -> bool:
        return self.coefficients == other.coefficients if isinstance(other, Polynomial) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.coefficients)

    def _combine(self, operation: str, other: Any) -> Any:
        """Return self + other, self − other or self · other."""
        if isinstance(other, str) or not isinstance(other, Polynomial | Rational | float | complex):
            return NotImplemented
        terms = other.coefficients if isinstance(other, Polynomial) else (exact(other),)
        value = getattr(as_flint(self.coefficients), operation)(as_flint(terms))
        return self._like(from_flint(value), other if isinstance(other, Polynomial) else self)

    def _like(self, coefficients: list[Fraction], other: Polynomial) -> Polynomial:
        """A `Corrector` where one of the parts is and the result can be."""
        either = isinstance(self, Corrector) or isinstance(other, Corrector)
        if either and any(coefficients) and not coefficients[0]:
            return Corrector(coefficients[1:])
        return Polynomial(coefficients)

    def derivative(self, k: int = 1) -> Polynomial:
        """Return the k-th derivative.

        >>> print(Polynomial((0, 0, 3, -2)).derivative())
        6x − 6x²
        """
        if not isinstance(k, Integral) or k < 0:
            raise ValueError(f"`k` must be a whole number, at least 0; got {k!r}")
        falling = (c * _falling(i, k) for i, c in enumerate(self.coefficients) if i >= k)
        return Polynomial(tuple(falling))

    def taylor(self, point: int | Fraction | str) -> tuple[Fraction, ...]:
        """Return t_0 … t_d with p(point + w) = Σ t_k w^k.

        >>> Polynomial((0, 0, 3, -2)).taylor(1)
        (Fraction(1, 1), Fraction(0, 1), Fraction(-3, 1), Fraction(-2, 1))
        """
        return self(Polynomial((point, 1))).coefficients

    def to_json(self) -> str:
        """Return the polynomial as JSON, its coefficients as strings; `from_json` reads it back.

        >>> Corrector((0, 3, -2)).to_json()
        '{"alphas": ["0", "3", "-2"]}'
        """
        return json.dumps({"coefficients": [str(c) for c in self.coefficients]})

    @classmethod
    def from_json(cls, text: str) -> Polynomial:
        """Return the polynomial that `to_json` wrote.

        Raises:
            ValueError: text is no such JSON.
            TypeError: a coefficient is a float.

        >>> Polynomial.from_json('{"coefficients": ["1/2", 3]}')
        Polynomial(('1/2', 3))
        """
        return Polynomial(_from_json(text, "coefficients"))

    def latex(self, variable: str = "x") -> str:
        r"""Return the polynomial as LaTeX.

        >>> Polynomial((0, "1/2", -2)).latex()
        '\\frac{1}{2} x - 2 x^{2}'
        """
        return _written(
            self.coefficients,
            number=lambda c: str(c) if c.denominator == 1 else rf"\frac{{{c.numerator}}}{{{c.denominator}}}",
            power=lambda i: variable if i == 1 else f"{variable}^{{{i}}}",
            minus="-",
            space=" ",
        )

    def __str__(self) -> str:
        return _written(
            self.coefficients,
            number=str,
            power=lambda i: "x" if i == 1 else "x" + str(i).translate(_SUPERSCRIPTS),
            minus="−",
            space="",
        )

    def __repr__(self) -> str:
        return f"{type(self).__name__}({_tuple(self.coefficients)})"

    def _repr_latex_(self) -> str:
        return f"${self.latex()}$"


@dataclass(frozen=True, repr=False, eq=False)
class Corrector(Polynomial):
    """The polynomial g(x) = α₁x + α₂x² + … + α_j x^j, put to use as K ← g(K).

    Args:
        alphas: α₁ … α_j, exact: ints, Fractions or strings such as "1/3".

    Raises:
        TypeError: a coefficient is inexact, as a float is.
        ValueError: every coefficient is zero.

    References: Jensen and Vicary, *Enforcing Idempotency in Neural Networks*, eq. 4 (the ansatz)
    and eq. 5 (the cubic).

    >>> g = Corrector((0, 3, -2))
    >>> print(g, "has order", g.order, "and degree", g.degree)
    3x² − 2x³ has order 1 and degree 3
    >>> g(0.9)
    0.972
    """

    def __init__(self, alphas: Iterable[int | Fraction | str]) -> None:
        super().__init__((0, *_sequence(alphas)))
        if not self.coefficients:
            raise ValueError("a corrector must have a coefficient other than 0; got none")

    @property
    def alphas(self) -> tuple[Fraction, ...]:
        """α₁ … α_j, the coefficients of x … x^j."""
        return self.coefficients[1:]

    @cached_property
    def order(self) -> int | None:
        """The near-idempotency order n that g corrects, found from the polynomial itself.

        The greatest n such that g(0) = 0, g(1) = 1 and the derivatives 1 … n vanish at both
        points; 0 when only the two values are right, None when not even they are.

        >>> Corrector((0, 1)).order, Corrector((1,)).order, Corrector((2, 0)).order is None
        (0, 0, True)
        """
        at_zero, at_one = contact(self.coefficients, 0), contact(self.taylor(1), 1)
        least = min(at_zero, at_one)
        return least if least >= 0 else None

    def at_matrix(self, K: Num[Array, "*batch m m"]) -> Num[Array, "*batch m m"]:
        """Return g(K), powers taken by the matrix product, over any leading batch axes.

        Uses K + (2K − I)·Σ ½C(2k,k) R^k, R = K − K², where g is a smoothstep, and otherwise the
        program in S = 2K − I and R, of the fewest products found: see `plan`.

        Args:
            K: an array (*batch, m, m) of any library that speaks the array API, on any device; or
                nested lists, or an object array, of ints and Fractions, for which the result is an
                exact object array.  Integer arrays are promoted to floating point.

        Returns:
            A new array like K; K is not changed.

        Raises:
            ValueError: K is not square in its last two axes.
            TypeError: K is no array.

        Cost: `self.products` matrix products.

        >>> Corrector((0, 3, -2)).at_matrix([[1, 1], [1, 0]]).tolist()  # the golden ratio: I − K
        [[Fraction(0, 1), Fraction(-1, 1)], [Fraction(-1, 1), Fraction(1, 1)]]
        """
        return self.plan.at_matrix(K)

    @property
    def plan(self) -> Plan:
        """How `at_matrix` evaluates g: a straight-line program of the fewest matrix products found.

        >>> print(Corrector((0, 3, -2)).plan)
        R = K − K·K
        T = S·R
        g(K) = K + T
        2 products; S = 2K − I
        """
        return plan(self.coefficients)

    @property
    def products(self) -> int:
        """The matrix products that one `at_matrix` takes."""
        return self.plan.products

    def to_json(self) -> str:
        """Return the corrector as JSON, its α₁ … α_j as strings; `from_json` reads it back."""
        return json.dumps({"alphas": [str(a) for a in self.alphas]})

    @classmethod
    def from_json(cls, text: str) -> Corrector:
        """Return the corrector that `to_json` wrote.

        Raises:
            ValueError: text is no such JSON, or every coefficient is zero.
            TypeError: a coefficient is a float.

        >>> Corrector.from_json('{"alphas": ["0", "3", "-2"]}')
        Corrector((0, 3, -2))
        """
        return Corrector(_from_json(text, "alphas"))

    def at_map(self, f: Callable[[X], X]) -> Callable[[X], X]:
        """Return the function x ↦ α₁f(x) + α₂f(f(x)) + … + α_j f^j(x).

        Each f^i(x) is computed once.  For f(x) = Wx it is x ↦ g(W)x.

        Args:
            f: a function whose values can be added and multiplied by a number, and fed back to it.

        Cost: j applications of f a call.

        >>> Corrector((0, 3, -2)).at_map(lambda x: x / 2)(Fraction(8))
        Fraction(4, 1)
        """

        def corrected(x: X) -> X:
            value: Any = None
            power: Any = x
            for alpha in self.alphas:
                power = f(power)
                if alpha:
                    term = evaluation.scalar_type(power)(alpha) * power
                    value = term if value is None else value + term
            corrected_x: X = value  # some α is not 0
            return corrected_x

        return corrected

    def __repr__(self) -> str:
        return f"Corrector({_tuple(self.alphas)})"


def _sequence(values: Any) -> list[Any]:
    if isinstance(values, str):
        raise TypeError(f"expected a sequence of coefficients; got the string {values!r}")
    try:
        return list(values)
    except TypeError:
        raise TypeError(
            f"expected a sequence of coefficients; got {type(values).__name__} {values!r}"
        ) from None


def contact(taylor: Sequence[Fraction], value: int) -> int:
    """Return the greatest n such that t_0 = value and t_1 = … = t_n = 0; −1 if t_0 ≠ value.

    The t_k are the Taylor coefficients of a polynomial that is not constant.
    """
    if taylor[0] != value:
        return -1
    return next(k for k, t in enumerate(taylor) if k and t) - 1


def _from_json(text: str, key: str) -> list[int | str]:
    if not isinstance(text, str):
        raise TypeError(f"expected JSON text; got {type(text).__name__}")
    try:
        found = json.loads(text, parse_int=str, object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:
        raise ValueError(f'expected JSON such as {{"{key}": ["0", "3", "-2"]}}; got {error}') from None
    if not isinstance(found, dict) or set(found) != {key} or not isinstance(found[key], list):
        raise ValueError(f'expected JSON such as {{"{key}": ["0", "3", "-2"]}}; got {text[:60]}')
    values: list[int | str] = found[key]
    return values


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(dict(pairs)) < len(pairs):
        raise ValueError("a key twice")
    return dict(pairs)


_MAX_DEGREE = 20_000


def _require_affordable_degree(what: str, degree: int) -> None:
    if degree > _MAX_DEGREE:
        raise ValueError(f"{what} must have degree at most {_MAX_DEGREE}; got degree {degree}")


def _falling(i: int, k: int) -> int:
    product = 1
    for factor in range(i - k + 1, i + 1):
        product *= factor
    return product


def _tuple(values: Sequence[Fraction]) -> str:
    entries = [str(v) if v.denominator == 1 else repr(str(v)) for v in values]
    return f"({', '.join(entries)}{',' if len(entries) == 1 else ''})"


def _written(
    coefficients: Sequence[Fraction],
    number: Callable[[Fraction], str],
    power: Callable[[int], str],
    minus: str,
    space: str,
) -> str:
    """The terms in ascending order, `space` between a whole number and its power."""
    text = ""
    for i, c in enumerate(coefficients):
        if not c:
            continue
        sign = (minus if not text else f" {minus} ") if c < 0 else (" + " if text else "")
        size = abs(c)
        if i == 0:
            text += sign + number(size)
        elif size == 1:
            text += sign + power(i)
        else:
            text += sign + number(size) + (space if size.denominator == 1 else " ") + power(i)
    return text or "0"
