"""`derive`: every corrector of an order and a degree, as a family with named free parameters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from . import hermite
from .catalog import require_at_least
from .polynomial import Corrector, Polynomial, exact

if TYPE_CHECKING:
    from fractions import Fraction

    from .derivation import Derivation

WORDS_UP_TO = 4
"""The greatest order for which `derive` solves the words' own equations each time it is called."""


class NoCorrectorError(ValueError):
    """No corrector of the order asked for has the degree asked for."""


@dataclass(frozen=True, repr=False)
class Family:
    """All correctors of one order and degree: `minimal` plus any combination of `basis`.

    The free parameters are the highest coefficients a(2n+2) … a(degree), under which the basis
    polynomial of a(k) is x^k plus terms below x^{2n+2}.  Together they are S_n plus
    x^{n+1}(1−x)^{n+1} times any polynomial of degree up to degree − 2n − 2.

    >>> family = derive(order=1, degree=4)
    >>> family
    Family(order=1, degree=4): 3x² − 2x³ + a4·(x² − 2x³ + x⁴)
    >>> print(family.member(a4=-3))
    4x³ − 3x⁴
    """

    order: int
    degree: int
    minimal: Corrector
    basis: tuple[Polynomial, ...]

    @property
    def dimension(self) -> int:
        """The number of free parameters, degree − (2·order + 1)."""
        return len(self.basis)

    @property
    def parameters(self) -> tuple[str, ...]:
        """The names of the free parameters, a(2·order+2) … a(degree)."""
        return tuple(f"a{k}" for k in range(2 * self.order + 2, self.degree + 1))

    def member(self, **values: int | Fraction | str) -> Corrector:
        """Return the corrector with these free parameters; those not named are 0.

        Args:
            values: exact values by parameter name, as in `member(a4="1/2")`.

        Raises:
            TypeError: a value is inexact.
            ValueError: a name is not a free parameter of this family.
        """
        unknown = sorted(set(values) - set(self.parameters))
        if unknown:
            have = ", ".join(self.parameters) or "none, for the family has one member"
            raise ValueError(f"expected free parameters among {have}; got {', '.join(unknown)}")
        coefficients = [*self.minimal.coefficients]
        coefficients += [exact(0)] * (self.degree + 1 - len(coefficients))
        for name, value in values.items():
            weight = exact(value)
            for i, c in enumerate(self.basis[self.parameters.index(name)].coefficients):
                coefficients[i] += weight * c
        return Corrector(coefficients[1:])

    def __contains__(self, g: Any) -> bool:
        """Tell whether g is a member: of this order or a higher one, and of degree at most `degree`."""
        if not isinstance(g, Corrector):
            return False
        return g.order is not None and g.order >= self.order and g.degree <= self.degree

    def derivation(self) -> Derivation:
        """Return the worked derivation: words, equations, and their solution order by order.

        Raises:
            ValueError: the order is above `words.MAX_ORDER`; there are 2^{order+2} words.

        Cost: that of the words route, about 0.1 s at order 3, four times that for each order more.
        """
        from .derivation import work

        return work(self.order, self.degree)

    def __str__(self) -> str:
        free = (f" + {name}·({p})" for name, p in zip(self.parameters, self.basis, strict=True))
        return f"{self.minimal}{''.join(free)}"

    def __repr__(self) -> str:
        return f"Family(order={self.order}, degree={self.degree}): {self}"


def derive(order: int = 1, degree: int | None = None) -> Family:
    """Return the family of all correctors of an order up to a degree.

    Solves the ansatz K' = α₁K + … + α_jK^j, (K')² = K', for K = P + D, P² = P, where a word with
    more than n letters D counts as zero, on the branch Σ α_i = 1 that keeps P.  Up to order
    `WORDS_UP_TO` the words' own equations are solved and must give what Hermite interpolation
    gives; above it interpolation alone is used, to which they are equivalent.

    Args:
        order: n ≥ 1, the near-idempotency order.
        degree: j ≥ 1; the least possible, 2n + 1, when None.

    Raises:
        NoCorrectorError: degree < 2n + 1, for which no solution exists; names the least degree.
        ValueError: order or degree is less than 1.

    References: Jensen and Vicary, *Enforcing Idempotency in Neural Networks*, section 2.1, eq. 4.

    >>> derive(order=1)
    Family(order=1, degree=3): 3x² − 2x³
    >>> derive(order=1, degree=2)
    Traceback (most recent call last):
        ...
    corrector.ansatz.NoCorrectorError: no corrector of order 1 has degree 2; the least degree is 3
    """
    require_at_least("order", order, 1)
    degree = 2 * order + 1 if degree is None else degree
    require_at_least("degree", degree, 1)
    order, degree = int(order), int(degree)
    if degree < 2 * order + 1:
        raise NoCorrectorError(
            f"no corrector of order {order} has degree {degree}; the least degree is {2 * order + 1}"
        )
    minimal, basis = hermite.minimal(order), hermite.basis(order, degree)
    if order <= WORDS_UP_TO:
        from . import words

        if words.family(order, degree) != (minimal, basis):
            raise AssertionError(f"words and interpolation disagree at order {order}, degree {degree}")
    return Family(order, degree, Corrector(minimal.coefficients[1:]), basis)
