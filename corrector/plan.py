r"""Plans: straight-line programs that evaluate a polynomial at a matrix in few matrix products.

Only products of two matrices count.  All plans work in R = K − K² and S = 2K − I (so S² = I − 4R),
never in powers of K: at an almost idempotent K every power of R is small, so nothing large cancels,
and round-off stays within a few κ³u for a projector of norm κ, where the expanded 3K² − 2K³ loses
κ⁴u over an iteration.

A basis φ_0 … φ_s of one polynomial a degree is built first: I, S, R, SR, R², … for a polynomial in
K, or I, R, R², … for one in R.  On it there are two ways to go on:

*Horner's rule in φ_s* (Paterson and Stockmeyer): (…(q_k φ_s + q_{k−1})φ_s + …) + q_0, each q_i a
combination of the basis.

*A squared head*: a polynomial of degree exactly 4s takes two more products,

    Y = φ_s·(φ_s + Σ_{i<s} c_i φ_i),    f = a(Y + U)(Y + V) + bY + linear,

whose coefficients follow one by one from the leading ones of f: a and c from the degrees above 3s,
U + V from those above 2s, and U − V and b from those above s, up to one free number (the leading
coefficient ρ of U − V), which is chosen for the least round-off.  Multiplying by φ_s reaches the
degrees 5s, 6s, ….

References: M. S. Paterson and L. J. Stockmeyer, *On the number of nonscalar multiplications
necessary to evaluate polynomials*, SIAM J. Comput. 2 (1973) 60–66; J. Sastre, *Efficient evaluation
of matrix polynomials*, Linear Algebra Appl. 539 (2018) 229–250, for the squared head on powers of K.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from functools import lru_cache, partial
from math import inf, isqrt
from typing import TYPE_CHECKING, Any, TypeAlias

import array_api_compat
from flint import fmpq_poly

from .arithmetic import Elements, arithmetic_of, is_hermitian
from .evaluation import scalar_type, square, two_point
from .rational import as_flint, as_fmpq, fraction

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from jaxtyping import Num

    from .arithmetic import Arithmetic
    from .evaluation import Array

Combination: TypeAlias = tuple[tuple[str, Fraction], ...]
"""Σ c·name over (name, c); the names are I, K, S and those of earlier steps."""

_KAPPA = 1e3
_ACCEPTED = 10
"""The round-off that a plan may cost: κ³u at a projector of norm κ = 10³, or 32u on [0, 1]."""

MOST_PLANNED = 400
"""The degree up to which a plan is looked for."""


@dataclass(frozen=True)
class Step:
    """One matrix product: name = plus + sign·left·right."""

    name: str
    left: Combination
    right: Combination
    plus: Combination = ()
    sign: int = 1

    def __str__(self) -> str:
        head = f"{_text(self.plus)} {'−' if self.sign < 0 else '+'} " if self.plus else ""
        return f"{self.name} = {head}{_factor(self.left)}·{_factor(self.right)}"


@dataclass(frozen=True, repr=False)
class Plan:
    """A program that evaluates a polynomial at a matrix, one matrix product a step.

    Attributes:
        steps: the products, in order; the first is R = K − K·K.
        result: the combination of what they gave that is the polynomial.

    `print(plan)` writes it out, coefficients to six digits; `as_dict()` holds them exactly.

    >>> from corrector import smoothstep
    >>> smoothstep(4).plan.products, smoothstep(8).plan.products
    (4, 5)
    """

    steps: tuple[Step, ...]
    result: Combination

    @property
    def products(self) -> int:
        """The number of matrix products."""
        return len(self.steps)

    def at_matrix(self, K: Num[Array, "*batch m m"]) -> Num[Array, "*batch m m"]:
        """Return the polynomial's value at K; see `Corrector.at_matrix`.

        Cost: `products` matrix products; as many matrices of memory as are still to be used.
        """
        K = square(K)
        value = self.over(K, _arithmetic(K))
        return 0 * K if value is None else value

    def round_off(self, norm: float) -> float:
        """Return a bound on the error of one evaluation at a projector of this norm, in units of u.

        To first order in u, with every combination rounded term by term and ‖fl(AB) − AB‖ counted
        as u‖A‖‖B‖: the growth with the norm is meant, not the constant of the product.

        >>> from corrector import MCWEENY
        >>> MCWEENY.plan.round_off(1e3) / 1e3**3 < 3
        True
        """
        at_projector = _Rounded(0.0, 1.0, 0.0, norm)
        return self._propagate(at_projector)

    def at_number(self, x: float) -> float:
        """Return a bound on the error of the same program at the number x, in units of u."""
        return self._propagate(_Rounded(x, 0.0, 0.0, 0.0))

    def _propagate(self, K: _Rounded) -> float:
        value = self.over(K, Elements(lambda a, b: a * b, float))
        error: float = 0.0 if value is None else value.error
        return error

    def over(self, K: Any, arithmetic: Arithmetic, residual: Any = None) -> Any:
        """Return the polynomial's value at an element of any algebra over the rationals.

        Args:
            K: the element.
            arithmetic: how elements are added and multiplied; one product is asked for a step.
            residual: K − K·K, where the caller has it already; saves one product.

        Returns:
            The value, which is none of the arguments; None for the polynomial 0.
        """
        values = {"I": _Sum((), Fraction(1)), "K": _Sum(((Fraction(1), K),))}
        if residual is not None:
            values["R"] = _Sum(((Fraction(1), residual),))
        last, shares = self._last_uses(), dict(self.result)
        for i, step in enumerate(self.steps):
            if i == len(self.steps) - 1 and step.name in shares and step.name not in values:
                share = shares.pop(step.name)  # added up together with the last product
                plus = _summed([*shares.items(), *((name, share * c) for name, c in step.plus)])
                return _carried_out(step, plus, share * step.sign, values, arithmetic).terms[0][1]
            if step.name not in values:
                values[step.name] = _carried_out(step, step.plus, Fraction(step.sign), values, arithmetic)
            for name in last.get(i, ()):
                del values[name]
        terms = _combined(self.result, values).terms
        return arithmetic.sum(terms) if terms else None

    def _last_uses(self) -> dict[int, list[str]]:
        """By step, the names that no later step needs: matrices to let go of."""
        used = {name: len(self.steps) for name, _ in self.result}
        for i, step in reversed(list(enumerate(self.steps))):
            for name, _ in (*step.left, *step.right, *step.plus):
                used.setdefault(name, i)
        gone: dict[int, list[str]] = {}
        for name, i in used.items():
            if name not in ("I", "K", "S"):
                gone.setdefault(i, []).append(name)
        return gone

    def as_dict(self) -> dict[str, Any]:
        """Return the program as plain data, ready for JSON, its coefficients exact.

        A step is name = plus + sign·left·right, a combination a dictionary from names to
        coefficients; I, K and S = 2K − I are there from the start.
        """
        steps = [
            {
                "name": step.name,
                "plus": _exactly(step.plus),
                "sign": step.sign,
                "left": _exactly(step.left),
                "right": _exactly(step.right),
            }
            for step in self.steps
        ]
        return {"steps": steps, "result": _exactly(self.result)}

    def __repr__(self) -> str:
        return f"Plan({self.products} products)"

    def __str__(self) -> str:
        counted = f"{self.products} product{'s' * (self.products != 1)}"
        sides = [side for step in self.steps for side in (step.left, step.right)]
        where = "; S = 2K − I" if any(name == "S" for side in sides for name, _ in side) else ""
        return "\n".join([*map(str, self.steps), f"g(K) = {_text(self.result)}", counted + where])


@lru_cache(maxsize=256)
def plan(coefficients: tuple[Fraction, ...]) -> Plan:
    """Return the plan of the fewest products found for Σ c_i xⁱ, c_0 = 0, that keeps its digits.

    Candidates are Horner's rule and squared heads on the bases I, S, R, SR, … of the polynomial
    itself and I, R, R², … of the two polynomials A and B in A(R) + S·B(R).  Of as many products the
    least round-off wins, Horner's rule before a head.  A plan is taken only if it loses no more than
    10κ³u at a projector of norm κ = 10³, or twice as much as the best that Horner's rule can do.

    Raises:
        ValueError: the degree is above 400, where the search would take minutes.

    Cost: milliseconds up to degree 20, seconds at most to 160; remembered for each polynomial.

    >>> from corrector import derive, smoothstep
    >>> derive(3, 8).member(a8="12.91").plan.products, smoothstep(3).plan.products
    (3, 4)
    """
    degree = len(coefficients) - 1
    if degree > MOST_PLANNED:
        raise ValueError(f"expected degree {MOST_PLANNED} at most, to search for a plan; got degree {degree}")
    plain, heads = _candidates(coefficients)
    by_horner: dict[int, list[Plan]] = {}
    for products, make in plain:
        by_horner.setdefault(products, []).append(make(None))
    best = {
        products: min((_loss(p), i) for i, p in enumerate(plans)) for products, plans in by_horner.items()
    }
    accepted = max(_ACCEPTED, 2 * min(loss for loss, _ in best.values()))
    for products in sorted({n for n, _ in plain + heads}):
        if products in best and best[products][0] <= accepted:
            return by_horner[products][best[products][1]]
        for count, make in heads:
            if count == products:
                tuned = _tuned(make)
                if _loss(tuned) <= accepted:
                    return tuned
    raise AssertionError("expected the plan of least round-off to be accepted; it was not")


@lru_cache(maxsize=256)
def shortest_plan(coefficients: tuple[Fraction, ...]) -> Plan:
    """Return a plan of the fewest products found for Σ c_i xⁱ, c_0 = 0, for Hermitian matrices.

    Of as many products the one of the least round-off on [0, 1]: for matrices that have their
    eigenvalues there and orthogonal eigenvectors.

    >>> p = [Fraction(c) for c in (0, 0, 1, 0, 0, 0, -3, 0, 2)]
    >>> shortest_plan(tuple(p)).products
    3
    """
    plain, heads = _candidates(coefficients)
    fewest = min(products for products, _ in plain + heads)
    found = [make(None) for products, make in plain if products == fewest]
    found += [_least_inside(make) for products, make in heads if products == fewest]
    return min(found, key=_inside)


def fewest_hoped(coefficients: tuple[Fraction, ...]) -> int:
    """Return the products of the shortest candidate, before any is looked at for round-off."""
    plain, heads = _candidates(coefficients)
    return min(products for products, _ in plain + heads)


def _loss(candidate: Plan) -> float:
    """The round-off bound at an oblique projector, in κ³u, or over [0, 1], in 32u: the larger counts."""
    try:
        return max(candidate.round_off(_KAPPA) / _KAPPA**3, _inside(candidate) / 32)
    except OverflowError:
        return inf


def _inside(candidate: Plan) -> float:
    """The round-off bound over [0, 1], in units of u."""
    return max(candidate.at_number(i / 16) for i in range(17))


def _least_inside(make: Maker) -> Plan:
    """The head with the power of 2 for ρ that has the least round-off on [0, 1], downhill from ½."""
    best = make(Fraction(1, 2))
    for factor in (Fraction(2), Fraction(1, 2)):
        rho = Fraction(1, 2) * factor
        while _inside(trial := make(rho)) < _inside(best):
            best, rho = trial, rho * factor
    return best


def _tuned(make: Maker) -> Plan:
    """The head with the ρ of least loss: over powers of 2, then by golden section between its neighbours."""

    def loss(exponent: float) -> float:
        return _loss(make(Fraction(2**exponent)))

    start = min(range(-6, 7), key=loss)
    if loss(start) <= _ACCEPTED:
        return make(Fraction(2) ** start)
    ratio = (5**0.5 - 1) / 2
    low, high = start - 1.0, start + 1.0
    left, right = high - ratio * (high - low), low + ratio * (high - low)
    at_left, at_right = loss(left), loss(right)
    while high - low > 1e-9:
        if at_left < at_right:
            high, right, at_right = right, left, at_left
            left = high - ratio * (high - low)
            at_left = loss(left)
        else:
            low, left, at_left = left, right, at_right
            right = low + ratio * (high - low)
            at_right = loss(right)
    return make(Fraction(2**low).limit_denominator(10**12))


Maker: TypeAlias = "Callable[[Fraction | None], Plan]"
"""Builds a plan, with a squared head of this ρ unless it is None."""


def _candidates(
    coefficients: tuple[Fraction, ...],
) -> tuple[list[tuple[int, Maker]], list[tuple[int, Maker]]]:
    """The ways by Horner's rule alone, and those with a squared head, each with its number of products."""
    degree = len(coefficients) - 1
    if degree < 2:
        line = Plan((), tuple(("K", c) for c in coefficients[1:]))
        return [(0, lambda _: line)], []
    f = as_flint(coefficients)
    pairs = two_point(coefficients)
    odd = fmpq_poly([0, *(as_fmpq(b / 2) for _, b in pairs[1:])])
    even = fmpq_poly([0, *(as_fmpq(a + b / 2) for a, b in pairs[1:])])
    by_parts = partial(_by_parts, pairs[0][1], odd, even)
    lengths = [part.degree() for part in (odd, even) if part]
    plain: list[tuple[int, Maker]] = []
    heads: list[tuple[int, Maker]] = []
    for s in range(1, isqrt(degree) + 2):
        products = s + bool(odd) + sum(_after(length, s, squared=False) for length in lengths)
        plain.append((products, partial(by_parts, s)))
        if any(_squarable(length, s) for length in lengths):
            products = s + bool(odd) + sum(_after(length, s, squared=True) for length in lengths)
            heads.append((products, partial(by_parts, s)))
        if s > 1:
            plain.append((s - 1 + _after(degree, s, squared=False), partial(_whole, f, s)))
        if s > 1 and _squarable(degree, s):
            heads.append((s - 1 + _after(degree, s, squared=True), partial(_whole, f, s)))
    return plain, heads


def _after(degree: int, s: int, *, squared: bool) -> int:
    """The products that a polynomial of this degree takes once φ_1 … φ_s are there."""
    if squared and _squarable(degree, s):
        return 2 + degree // s - 4
    return -(-degree // s) - 1


def _squarable(degree: int, s: int) -> bool:
    return degree >= 4 * s and degree % s == 0


def _whole(f: fmpq_poly, s: int, rho: Fraction | None) -> Plan:
    """f(K) on the basis I, S, R, SR, R², …, which takes s − 1 products."""
    work = _Workshop()
    x, r = fmpq_poly([0, 1]), fmpq_poly([0, 1, -1])
    names, basis = ["I", "S", "R"], [fmpq_poly([1]), 2 * x - 1, r]
    for i in range(3, s + 1):
        names.append(work.power(i // 2, times_s=i % 2 == 1))
        basis.append(r ** (i // 2) if i % 2 == 0 else basis[1] * r ** (i // 2))
    value = work.polynomial(f, names, basis, rho)
    return Plan(tuple(work.steps), _with_k(value))


def _by_parts(b0: Fraction, odd: fmpq_poly, even: fmpq_poly, s: int, rho: Fraction | None) -> Plan:
    """b₀K + A(R) + S·B(R), A = even and B = odd on the basis I, R, R², …; both vanish at R = 0."""
    work = _Workshop()
    names = ["I", *(work.power(i) for i in range(1, s + 1))]
    basis = [fmpq_poly([0] * i + [1]) for i in range(s + 1)]
    value = [("K", b0)]
    if odd:
        bracket = work.polynomial(odd, names, basis, rho if _squarable(odd.degree(), s) else None)
        value.append((work.product("T", _one("S"), bracket), Fraction(1)))
    if even:
        value += work.polynomial(even, names, basis, rho if _squarable(even.degree(), s) else None)
    return Plan(tuple(work.steps), _summed(value))


@dataclass
class _Workshop:
    """The steps of a plan in the making; it opens with R = K − K·K."""

    steps: list[Step] = field(
        default_factory=lambda: [Step("R", _one("K"), _one("K"), plus=_one("K"), sign=-1)]
    )

    def product(self, name: str, left: Combination, right: Combination) -> str:
        alike = sum(step.name.rstrip("'") == name for step in self.steps)
        self.steps.append(Step(name + "'" * alike, left, right))
        return self.steps[-1].name

    def power(self, i: int, *, times_s: bool = False) -> str:
        """R^i or S·R^i, made from what is there."""
        have = {step.name for step in self.steps}
        name = "R" if i == 1 else f"R{i}"
        if name not in have:
            self.product(name, _one(self.power(i // 2)), _one(self.power(i - i // 2)))
        if times_s and "S" + name not in have:
            self.product("S" + name, _one("S"), _one(name))
        return "S" + name if times_s else name

    def polynomial(
        self, f: fmpq_poly, names: Sequence[str], basis: Sequence[fmpq_poly], rho: Fraction | None
    ) -> Combination:
        """Return f on the basis, by Horner's rule in its last member; the head squared unless ρ is None."""
        s = len(basis) - 1
        rests = []
        while f.degree() > (s if rho is None else 4 * s):
            f, rest = divmod(f, basis[s])
            rests.append(rest)
        value = _on(f, names, basis) if rho is None else self.squared(f, names, basis, rho)
        for rest in reversed(rests):
            name = self.product("H", _one(names[s]), value)
            value = _summed([(name, Fraction(1)), *_on(rest, names, basis)])
        return value

    def squared(
        self, f: fmpq_poly, names: Sequence[str], basis: Sequence[fmpq_poly], rho: Fraction
    ) -> Combination:
        """Return f, of degree exactly 4s, in two products, as the head of this module says."""
        s = len(basis) - 1
        lead = [p[p.degree()] for p in basis]
        a = f[4 * s] / lead[s] ** 4
        inner = basis[s]
        for i in range(s - 1, 0, -1):
            missing = f - a * (basis[s] * inner) ** 2
            inner += missing[3 * s + i] / (2 * a * lead[s] ** 3 * lead[i]) * basis[i]
        Y = basis[s] * inner
        total = fmpq_poly([0])  # U + V
        for i in range(s, 0, -1):
            missing = f - a * Y * (Y + total)
            total += missing[2 * s + i] / (a * lead[s] ** 2 * lead[i]) * basis[i]
        rest = f - a * Y * (Y + total) - a / 4 * total**2
        difference = as_fmpq(rho) * basis[s]  # U − V
        b = (rest + a / 4 * difference**2)[2 * s] / lead[s] ** 2
        for i in range(s - 1, 0, -1):
            missing = rest + a / 4 * difference**2 - b * Y
            difference -= missing[s + i] / (a / 2 * as_fmpq(rho) * lead[s] * lead[i]) * basis[i]
        linear = rest + a / 4 * difference**2 - b * Y
        y = self.product("Y", _one(names[s]), _on(inner, names, basis))
        U, V = ((total + sign * difference) / 2 for sign in (1, -1))
        factors = [_summed([(y, Fraction(1)), *_on(part, names, basis)]) for part in (U, V)]
        z = self.product("Z", *factors)
        return _summed([(z, fraction(a)), (y, fraction(b)), *_on(linear, names, basis)])


def _arithmetic(K: Array) -> Arithmetic:
    """In place for NumPy's floating-point matrices; by operators for what may carry gradients or be exact."""
    if not array_api_compat.is_numpy_array(K) or K.dtype == object:
        return Elements(lambda a, b: a @ b, scalar_type(K))
    return arithmetic_of(K, hermitian=bool(is_hermitian(K).all()))


@dataclass(frozen=True)
class _Sum:
    """Σ c·x + shift·I, not added up yet; the identity is never stored."""

    terms: tuple[tuple[Fraction, Any], ...]
    shift: Fraction = Fraction(0)

    def __add__(self, other: _Sum) -> _Sum:
        by_matrix = {id(x): (c, x) for c, x in self.terms}
        for c, x in other.terms:
            by_matrix[id(x)] = (by_matrix.get(id(x), (Fraction(0), x))[0] + c, x)
        return _Sum(tuple((c, x) for c, x in by_matrix.values() if c), self.shift + other.shift)

    def __rmul__(self, factor: Fraction) -> _Sum:
        return _Sum(tuple((factor * c, x) for c, x in self.terms if factor), factor * self.shift)

    def as_factor(self, arithmetic: Arithmetic) -> tuple[Fraction, Any]:
        """The sum less its multiple of I, as a number and one matrix."""
        return self.terms[0] if len(self.terms) == 1 else (Fraction(1), arithmetic.sum(self.terms))


def _combined(combination: Combination, values: dict[str, _Sum]) -> _Sum:
    total = _Sum(())
    for name, c in _with_k(combination):
        total += c * values[name]
    return total


def _carried_out(
    step: Step, plus: Combination, scale: Fraction, values: dict[str, _Sum], arithmetic: Arithmetic
) -> _Sum:
    """`plus` + scale·left·right, by (cX + sI)(dY + tI) = cd·XY + ct·X + sd·Y + st·I with X and Y stored."""
    left, right = _combined(step.left, values), _combined(step.right, values)
    c, X = left.as_factor(arithmetic)
    d, Y = (c, X) if step.left == step.right else right.as_factor(arithmetic)
    rest = _Sum(((c * right.shift, X),)) + _Sum(((d * left.shift, Y),), left.shift * right.shift)
    rest = scale * rest + _combined(plus, values)  # what is small near a projector first: it keeps its digits
    return _Sum(((Fraction(1), arithmetic.product(X, Y, scale * c * d, rest.terms)),), rest.shift)


@dataclass(frozen=True)
class _Rounded:
    """αI + βP for a projector P of this norm (or the number α, P = 0), and its error in units of u."""

    alpha: float
    beta: float
    error: float
    norm: float

    @property
    def size(self) -> float:
        return abs(self.alpha) + abs(self.beta) * self.norm

    def __add__(self, other: _Rounded) -> _Rounded:
        total = _Rounded(self.alpha + other.alpha, self.beta + other.beta, 0.0, self.norm)
        return _Rounded(total.alpha, total.beta, self.error + other.error + total.size, self.norm)

    def __rmul__(self, c: float) -> _Rounded:
        return _Rounded(c * self.alpha, c * self.beta, abs(c) * (self.error + self.size), self.norm)

    def __mul__(self, other: _Rounded) -> _Rounded:
        alpha = self.alpha * other.alpha
        beta = self.alpha * other.beta + self.beta * other.alpha + self.beta * other.beta
        error = self.size * other.error + self.error * other.size + self.size * other.size
        return _Rounded(alpha, beta, error, self.norm)


def _exactly(combination: Combination) -> dict[str, str]:
    return {name: str(c) for name, c in combination}


def _one(name: str) -> Combination:
    return ((name, Fraction(1)),)


def _summed(terms: Sequence[tuple[str, Fraction]]) -> Combination:
    """The combination with each name once, zeros left out."""
    total: dict[str, Fraction] = {}
    for name, c in terms:
        total[name] = total.get(name, Fraction(0)) + c
    return tuple((name, c) for name, c in total.items() if c)


def _with_k(combination: Combination) -> Combination:
    """The combination with S = 2K − I written out."""
    terms: list[tuple[str, Fraction]] = []
    for name, c in combination:
        terms += [("K", 2 * c), ("I", -c)] if name == "S" else [(name, c)]
    return _summed(terms)


def _on(f: fmpq_poly, names: Sequence[str], basis: Sequence[fmpq_poly]) -> Combination:
    """f, of degree at most s, as a combination of the basis."""
    terms = []
    for name, p in reversed(list(zip(names, basis, strict=True))):
        c = f[p.degree()] / p[p.degree()]
        f -= c * p
        terms.append((name, fraction(c)))
    return _summed(terms[::-1])


def _text(combination: Combination) -> str:
    text = ""
    for name, c in combination:
        sign = ("−" if not text else " − ") if c < 0 else (" + " if text else "")
        text += sign + ("" if abs(c) == 1 else _number(abs(c))) + name
    return text or "0"


def _factor(combination: Combination) -> str:
    single = len(combination) == 1 and combination[0][1] == 1
    return _text(combination) if single else f"({_text(combination)})"


def _number(c: Fraction) -> str:
    if c.denominator == 1 and c < 10**6:
        return str(c)
    exact = f"({c})"
    return exact if len(exact) <= 10 else f"{float(c):.6g} "
