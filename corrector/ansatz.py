"""`derive`: every corrector of an order and a degree, as a family with named free parameters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from . import hermite
from .catalog import require_at_least
from .limits import require_affordable
from .polynomial import Corrector, Polynomial, exact

if TYPE_CHECKING:
    from fractions import Fraction

    from .choice import Choice
    from .derivation import Derivation


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
            weight = exact(value, f"`{name}`")
            for i, c in enumerate(self.basis[self.parameters.index(name)].coefficients):
                coefficients[i] += weight * c
        return Corrector(coefficients[1:])

    def best(self, criterion: str, **options: Any) -> Choice:
        """Return the member that serves a purpose best, with what it gains over the minimal one and costs.

        Args:
            criterion: what to look for.

                - "widest_real_basin": the greatest δ such that (−δ, ½) goes to 0 and (½, 1 + δ) to 1.
                - "largest_disc": the greatest r such that all complex numbers within r of 0 go to 0,
                  and those within r of 1 to 1.
                - "smallest_residual": the least worst |g² − g| after one step from `interval` and its
                  mirror image [1 − high, 1 − low], by members that take the first below ½ and the
                  second above.
                - "fewest_products": matrix products for a doubling of the correct digits, that is, a
                  step's products divided by log₂(order + 1); members of higher order take part.
                - "multiplier_at_half": g(½) = ½ with g'(½) = `multiplier`, by which a step takes
                  eigenvalues near ½ apart.
            options: `interval=(low, high)`, low < high < ½, [−1/10, 1/10] if not given, and
                `multiplier`, a third more than the minimal member's if not given; exact.

        Returns:
            A `Choice`: a `Corrector` with `.value` and `.minimal_value`, proved in favour and against
            it, `.bound`, which no member betters where that is proved, `.claim` in words, and
            `.report()`, which compares the two members in everything else.

        Raises:
            ValueError: the criterion or an option is unknown, the interval is not one below ½, within
                [−10, ½) and of length 10⁻⁶ at least, or the multiplier is beyond 10⁶.
            NoCorrectorError: the family holds no member with that multiplier.
            TypeError: an option is inexact.

        Cost: linear programs for the basin and the residual, a search for the disc: up to a few
        seconds for small families.

        >>> g = derive(1, 5).best("multiplier_at_half", multiplier=2)
        >>> print(g, "takes", g.products, "products; the minimal member", g.minimal.products)
        −x² + 14x³ − 20x⁴ + 8x⁵ takes 3 products; the minimal member 2
        """
        from .choice import best

        return best(self, criterion, **options)

    @property
    def trivial(self) -> tuple[Polynomial, ...]:
        """A basis of the trivial branch Σ α_i = 0, which sends every near-idempotent K to 0.

        It holds x^{n+1}(1 − x)^{n+1}·(any polynomial of degree up to degree − 2n − 2), K' = 0 among
        them: no correctors, and never among the members.

        >>> print(*derive(1, 4).trivial)
        x² − 2x³ + x⁴
        """
        return self.basis

    def __contains__(self, g: Any) -> bool:
        """Tell whether g is a member: of this order or a higher one, and of degree at most `degree`."""
        if not isinstance(g, Corrector):
            return False
        return g.order is not None and g.order >= self.order and g.degree <= self.degree

    def derivation(self) -> Derivation:
        """Return the worked derivation: words, equations, and their solution order by order.

        The words are solved without a look at `minimal` and `basis`, and must lead to them.

        Raises:
            ValueError: order is above 8 or degree above 40: there are 2^{order+2} − 3 words.

        Cost: 0.1 s at order 4, 1 s at order 8; 10 s at order 8, degree 40.

        >>> print(str(derive(1, 4).derivation()).splitlines()[-3])
        α₄ is free, set as member(a4=…).
        """
        from .derivation import work

        found = work(self.order, self.degree)
        if (found.minimal, found.basis) != (self.minimal, self.basis):
            raise AssertionError(f"words and interpolation disagree: {found!r}, {self!r}")
        return found

    def latex(self) -> str:
        r"""Return the general member as LaTeX, in the free parameters α_{2n+2} … α_j.

        >>> derive(1, 4).latex()
        '3 x^{2} - 2 x^{3} + \\alpha_{4} \\left(x^{2} - 2 x^{3} + x^{4}\\right)'
        """
        free = (
            rf" + \alpha_{{{name[1:]}}} \left({p.latex()}\right)"
            for name, p in zip(self.parameters, self.basis, strict=True)
        )
        return f"{self.minimal.latex()}{''.join(free)}"

    def _repr_latex_(self) -> str:
        return f"${self.latex()}$"

    def __str__(self) -> str:
        free = (f" + {name}·({p})" for name, p in zip(self.parameters, self.basis, strict=True))
        return f"{self.minimal}{''.join(free)}"

    def __repr__(self) -> str:
        return f"Family(order={self.order}, degree={self.degree}): {self}"


def derive(order: int = 1, degree: int | None = None) -> Family:
    """Return the family of all correctors of an order up to a degree.

    They solve the ansatz K' = α₁K + … + α_jK^j, (K')² = K', for K = P + D, P² = P, where a word
    with more than n letters D counts as zero, on the branch Σ α_i = 1 that keeps P.  That is the
    same as Hermite's conditions g(0) = 0, g(1) = 1, g^{(k)}(0) = g^{(k)}(1) = 0 for k = 1 … n, and
    is solved in this form; `Family.derivation` solves the words' own equations, to the same end.

    Args:
        order: n ≥ 1, the near-idempotency order.
        degree: j ≥ 1; the least possible, 2n + 1, when None.

    Raises:
        NoCorrectorError: degree < 2n + 1, for which no solution exists; names the least degree.
        ValueError: order or degree is less than 1, or the family would take over 256 MiB.

    Cost: milliseconds at order 16, degree 40; 0.03 s at order 64, degree 160.

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
    require_affordable(order, degree, polynomials=degree - 2 * order)
    minimal, basis = hermite.minimal(order), hermite.basis(order, degree)
    return Family(order, degree, Corrector(minimal.coefficients[1:]), basis)
