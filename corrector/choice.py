"""`family.best`: the member of a family that serves a purpose best, with what it gains and costs."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from fractions import Fraction
from math import ceil, floor, log2
from textwrap import fill
from typing import TYPE_CHECKING, Any

from .catalog import smoothstep
from .plan import fewest_hoped
from .polynomial import Corrector, exact

if TYPE_CHECKING:
    from collections.abc import Callable

    from .ansatz import Family
    from .minimax import Best

HALF, QUARTER = Fraction(1, 2), Fraction(1, 4)
_ORDERS = 12
_PARTED = "that takes the first below ½ and the second above"


@dataclass(frozen=True, repr=False, eq=False)
class Choice(Corrector):
    """A member chosen by a criterion: a `Corrector` that knows what speaks for it.

    Attributes:
        criterion: its name.
        value: what the member reaches in it; proved, so that the truth is this or better.
        minimal_value: what the family's minimal member reaches, to 2⁻⁶⁰; of the disc, a radius that
            is proved to be too large.
        bound: what no member of the family betters; None where that was not proved.
        claim: the criterion, the gain and the proof in words.
        minimal: the minimal member, with which it is compared.

    `print(choice.report())` compares the two in everything else.
    """

    criterion: str
    value: Fraction
    minimal_value: Fraction
    bound: Fraction | None
    claim: str
    minimal: Corrector

    def __init__(
        self,
        member: Corrector,
        criterion: str,
        value: Fraction,
        minimal_value: Fraction,
        bound: Fraction | None,
        claim: str,
        minimal: Corrector,
    ) -> None:
        super().__init__(member.alphas)
        object.__setattr__(self, "criterion", criterion)
        object.__setattr__(self, "value", value)
        object.__setattr__(self, "minimal_value", minimal_value)
        object.__setattr__(self, "bound", bound)
        object.__setattr__(self, "claim", claim)
        object.__setattr__(self, "minimal", minimal)

    def __repr__(self) -> str:
        value, least = float(self.value), float(self.minimal_value)
        return f"Choice({self.criterion} {value:.6g}, minimal member {least:.6g}): {self}"

    def report(self) -> str:
        """Return the claim, and a table of what the member gains and costs.

        Beside it stand the minimal member, and the smoothstep of greatest order that takes as many
        products, which is what those products could have bought instead.

        Cost: a few tenths of a second, most of it for the discs.
        """
        columns = {name: _shown(measures(g)) for name, g in self._rivals().items()}
        rows = [["", *columns]]
        rows += [[name, *(column[name] for column in columns.values())] for name in columns["this member"]]
        widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
        table = [
            "  ".join(f"{cell:<{w}}" for cell, w in zip(row, widths, strict=True)).rstrip() for row in rows
        ]
        return "\n".join([f"g(x) = {self}", "", fill(self.claim, 100), "", *table])

    def _rivals(self) -> dict[str, Corrector]:
        rivals: dict[str, Corrector] = {"this member": self}
        if self != self.minimal:
            rivals["minimal member"] = self.minimal
        affordable = [n for n in range(1, _ORDERS + 1) if smoothstep(n).products <= self.products]
        equal = smoothstep(affordable[-1])
        if equal not in rivals.values():
            rivals[f"smoothstep({affordable[-1]})"] = equal
        return rivals

    def as_dict(self) -> dict[str, Any]:
        """Return the choice as plain data, ready for JSON."""
        return {
            "criterion": self.criterion,
            "alphas": [str(a) for a in self.alphas],
            "value": float(self.value),
            "minimal_value": float(self.minimal_value),
            "bound": None if self.bound is None else float(self.bound),
            "claim": self.claim,
            "measures": {name: measures(g) for name, g in self._rivals().items()},
        }


def best(family: Family, criterion: str, **options: Any) -> Choice:
    """Return the best member of a family by a criterion: see `Family.best`."""
    if not isinstance(criterion, str) or criterion not in CRITERIA:
        raise ValueError(f"`criterion` must be one of {', '.join(CRITERIA)}; got {criterion!r}")
    choose, allowed = CRITERIA[criterion]
    unknown = sorted(set(options) - set(allowed))
    if unknown:
        known = ", ".join(allowed) or "none"
        raise ValueError(f"options of {criterion} are: {known}; got {', '.join(unknown)}")
    return choose(family, **options)


def measures(g: Corrector) -> dict[str, Any]:
    """Return what there is to compare about a corrector, by name.

    Basins on the line and discs are proved: of a basin, an interval inside it (None: nothing was
    proved), of a disc a radius below and one above (None: none was found).
    """
    from .discs import disc_radius
    from .realline import immediate_basin

    order = g.order or 0
    found: dict[str, Any] = {
        "degree": g.degree,
        "convergence_order": order + 1,
        "products": g.products,
        "products_a_doubling": g.products / log2(order + 1),
    }
    for about in (0, 1):
        basin = immediate_basin(g, about)
        found[f"real_basin_of_{about}"] = basin and [_inside(basin[0], ceil), _inside(basin[1], floor)]
    for about in (0, 1):
        low, high = disc_radius(g, about)
        found[f"disc_about_{about}"] = [float(low), None if high is None else float(high)]
    found["multiplier_at_half"] = float(g.derivative()(HALF)) if g(HALF) == HALF else None
    for about in (0, 1):
        found[f"leading_coefficient_at_{about}"] = float(g.taylor(about)[order + 1])
    return found


def _inside(end: Fraction, towards: Callable[[Fraction], int]) -> float:
    """An end to nine places: ends are known within 2⁻⁶⁰, and ½ is met exactly."""
    return 0.5 if abs(end - HALF) < Fraction(1, 2**29) else towards(end * 10**9) / 10**9


def _shown(found: dict[str, Any]) -> dict[str, str]:
    """The measures in words, for people."""
    rows = {
        "degree": str(found["degree"]),
        "convergence order": str(found["convergence_order"]),
        "matrix products a step": str(found["products"]),
        "  for a doubling of the digits": f"{found['products_a_doubling']:.3f}",
    }
    for about in (0, 1):
        basin = found[f"real_basin_of_{about}"]
        rows[f"real basin of {about}"] = f"({basin[0]:.4g}, {basin[1]:.4g})" if basin else "not proved"
    for about in (0, 1):
        low, high = found[f"disc_about_{about}"]
        rows[f"radius of the disc about {about}"] = (
            f"{low:.4g} to {high:.4g}" if high else f"{low:.4g} or more"
        )
    half = found["multiplier_at_half"]
    rows["multiplier at ½"] = "½ is no fixed point" if half is None else f"{half:.4g}"
    for about in (0, 1):
        lead = found[f"leading_coefficient_at_{about}"]
        rows[f"an error e near {about} becomes"] = f"{lead:.4g}·e^{found['convergence_order']}"
    return rows


def _odd_parameters(family: Family) -> int:
    """How many free parameters are left once g(1 − x) = 1 − g(x)."""
    return family.dimension // 2


def _widest_real_basin(family: Family) -> Choice:
    from .minimax import Best, reach, widest_real_basin

    minimal = reach(family.minimal)
    found = Best(family.minimal, minimal, minimal)
    if _odd_parameters(family):
        found = widest_real_basin(family.order, _odd_parameters(family))
    delta = rounded(found.value, up=False)
    claim = (
        f"Widest real basin: eigenvalues in (−{delta}, ½) go to 0 and those in (½, 1 + {delta}) to 1, "
        f"against {rounded(minimal, up=True)} beyond 0 and 1 for the minimal member. Proved by the signs of "
        "g(x) − x, g and 1 − g between exact roots. " + _bound(found, "reaches as far as", up=True)
    )
    return _chosen(family, "widest_real_basin", found.member, found.value, minimal, found.bound, claim)


def _largest_disc(family: Family) -> Choice:
    from .discs import MOST_TERMS, disc_radius, largest_disc

    searched = 2 * (family.order + min(_odd_parameters(family), MOST_TERMS)) + 1
    low, minimal = disc_radius(family.minimal)
    member = family.minimal
    if _odd_parameters(family):
        found = largest_disc(family.order, _odd_parameters(family))
        member, low = found.member, found.value
    if minimal is None:
        raise AssertionError(f"expected a point near the disc that does not go to 0; found none: {family!r}")
    radius = rounded(low, up=False)
    claim = (
        f"Largest disc: eigenvalues within {radius} of 0 go to 0, and within {radius} of 1 to 1, "
        f"against less than {rounded(minimal, up=True)} for the minimal member. Proved by ball arithmetic on "
        "the circle, and for the minimal member by a point that goes elsewhere. The best that a search "
        f"found among members with g(1 − x) = 1 − g(x) of degree up to {searched}; not proved to be the best."
    )
    return _chosen(family, "largest_disc", member, low, minimal, None, claim)


def _smallest_residual(family: Family, interval: tuple[Any, Any] = ("-1/10", "1/10")) -> Choice:
    from .minimax import Best, smallest_residual, worst_residual

    low, high = _checked_interval(interval)
    minimal = worst_residual(family.minimal, low, high)
    found = Best(family.minimal, minimal, minimal if minimal < QUARTER else None)
    if _odd_parameters(family):
        found = smallest_residual(family.order, _odd_parameters(family), low, high)
    claim = (
        f"Smallest residual: |g² − g| ≤ {rounded(found.value, up=True)} after one step from eigenvalues in "
        f"[{low}, {high}] and [{1 - high}, {1 - low}], against {rounded(minimal, up=False)} with the minimal "
        "member. Proved from the isolated extremes. "
    )
    if found.value < QUARTER:
        claim += _bound(found, _PARTED + " has a worst residual below", up=False)
    else:
        claim += "A residual of ¼ or more promises nothing, and no bound is given."
    return _chosen(family, "smallest_residual", found.member, found.value, minimal, found.bound, claim)


def _checked_interval(interval: Any) -> tuple[Fraction, Fraction]:
    wanted = "`interval` must be (low, high) with −10 ≤ low < high < ½, 10⁻⁶ apart, exact numbers"
    try:
        low, high = interval
    except (TypeError, ValueError):
        raise ValueError(f"{wanted}; got {interval!r}") from None
    low, high = exact(low, "an end of `interval`"), exact(high, "an end of `interval`")
    if not (low >= -10 and low + Fraction(1, 10**6) <= high < HALF):
        raise ValueError(f"{wanted}; got ({float(low):g}, {float(high):g})")
    return low, high


def _fewest_products(family: Family) -> Choice:
    from .realline import immediate_basin

    orders = range(family.order, (family.degree - 1) // 2 + 1)
    member = family.minimal
    rivals = (smoothstep(n) for n in orders if _hoped(n) < _effort(member))
    quick = [three_products()] if family.order <= 3 and family.degree >= 8 else []
    for rival in itertools.chain(quick, rivals):
        member = min(member, rival, key=_effort)
    value, minimal = _effort(member), _effort(family.minimal)
    bound = min(
        Fraction(_least_products(degree) / log2(n + 1))
        for n in orders
        for degree in range(2 * n + 1, family.degree + 1)
    )
    proved = (
        "it is proved that none takes fewer."
        if value <= bound
        else (f"it is proved only that none takes fewer than {rounded(bound, up=False)}.")
    )
    claim = (
        f"Fewest products: {member.products} matrix products a step for convergence order "
        f"{(member.order or 0) + 1}, {float(value):.4g} for a doubling of the digits, against "
        f"{family.minimal.products} for order {family.order + 1}, {float(minimal):.4g} for a doubling, with "
        "the minimal member. A product at most doubles the degree, and order n takes degree 2n + 1 or more: "
        f"of the members, those of higher order among them, {proved}"
    )
    if member(HALF) != HALF:
        basin = immediate_basin(member)
        parts = f"at {float(basin[1]):.4g}" if basin else "elsewhere"
        claim += f" It costs the symmetry: eigenvalues part {parts}, not at ½."
    return _chosen(family, "fewest_products", member, value, minimal, bound, claim)


def _least_products(degree: int) -> int:
    """A lower bound on the products that a polynomial of exactly this degree takes.

    ⌈log₂ degree⌉; for 7 one more: after two products the degrees at hand are 0, 1, 2 and one of 3
    and 4, of which no two add up to 7.
    """
    return 4 if degree == 7 else (degree - 1).bit_length()


def _hoped(order: int) -> float:
    """The effort of a smoothstep if none of its plans had to be given up for round-off."""
    return fewest_hoped(smoothstep(order).coefficients) / log2(order + 1)


def _effort(g: Corrector) -> Fraction:
    """Matrix products for a doubling of the digits."""
    return Fraction(g.products / log2((g.order or 0) + 1))


def three_products() -> Corrector:
    """Return S₃ + a·x⁴(1 − x)⁴, of order 3, which takes three products where S₃ takes four.

    No polynomial of degree 7 takes three.  One of degree 8 does: with R = K − K² and S = 2K − I,

        Y = R(R + cS),    S₃ + aR⁴ = a(Y + u)(Y + v) + bY + linear,    c = 5/a,

    u and v combinations of S and R.  Their parts in S add up to 3/a − 4c³, and at a projector of
    norm κ they would let in round-off of κ⁴u; they vanish for a² = 500/3, near enough for a = 12.91.

    >>> g = three_products()
    >>> g.order, g.degree, g.products
    (3, 8, 3)
    """
    from .ansatz import derive

    return derive(3, 8).member(a8=Fraction(round((500 / 3) ** 0.5, 2)).limit_denominator(100))


def _multiplier_at_half(family: Family, multiplier: int | Fraction | str | None = None) -> Choice:
    from .ansatz import NoCorrectorError
    from .minimax import OddMembers

    minimal, count = family.minimal.derivative()(HALF), _odd_parameters(family)
    usual = Fraction(4, 3) * minimal if count else minimal
    wanted = usual if multiplier is None else exact(multiplier, "`multiplier`")
    if abs(wanted) > 10**6:
        raise ValueError("`multiplier` must be at most 10⁶ in size; got one beyond")
    if wanted != minimal and not count:
        raise NoCorrectorError(
            f"a multiplier at ½ other than {minimal} takes degree {2 * family.order + 3} or more; "
            f"got degree {family.degree}"
        )
    member = OddMembers(family.order, min(count, 1)).member([wanted - minimal][:count])
    claim = (
        f"Multiplier at ½: exactly {wanted} instead of {minimal}, by the member of least degree: a step "
        f"takes an eigenvalue near ½ {wanted} times as far from it, against {minimal} times."
    )
    if abs(wanted) < 1:
        claim += " Below 1 in size ½ no longer repels: eigenvalues near it stay, at no projector."
    elif abs(wanted) == 1:
        claim += " At 1 in size ½ hardly repels, if at all: eigenvalues near it take many steps to leave."
    if wanted < 0:
        claim += " A negative multiplier throws them across ½, to the other projector's side."
    return _chosen(family, "multiplier_at_half", member, wanted, minimal, wanted, claim)


def _chosen(
    family: Family,
    criterion: str,
    member: Corrector,
    value: Fraction,
    minimal_value: Fraction,
    bound: Fraction | None,
    claim: str,
) -> Choice:
    if member == family.minimal:
        claim += " This is the minimal member: nothing better was found."
    return Choice(
        member,
        criterion=criterion,
        value=value,
        minimal_value=minimal_value,
        bound=bound,
        claim=claim,
        minimal=family.minimal,
    )


def _bound(found: Best, verb: str, *, up: bool) -> str:
    """What is proved of the other members."""
    if found.bound is None:
        return "Of the other members nothing is proved: the dual program gave no bound in floating point."
    if found.bound == found.value:
        which = f" {_PARTED}" if verb.startswith(_PARTED) else ""
        return f"None{which} is better: the mean of such a member and its mirror image is the minimal one."
    return f"Proved, too, by a dual program: no member of the family {verb} {rounded(found.bound, up=up)}."


def rounded(value: Fraction, *, up: bool, digits: int = 6) -> str:
    """Return a number in so many digits, rounded to the side on which a statement about it stays true.

    >>> rounded(Fraction(2, 3), up=False, digits=3), rounded(Fraction(2, 3), up=True, digits=3)
    ('0.666', '0.667')
    """
    exponent = int(f"{float(abs(value)):e}".split("e")[1])
    scale = Fraction(10) ** (digits - 1 - exponent)
    return f"{float((ceil if up else floor)(value * scale) / scale):.{digits}g}"


CRITERIA: dict[str, tuple[Callable[..., Choice], tuple[str, ...]]] = {
    "widest_real_basin": (_widest_real_basin, ()),
    "largest_disc": (_largest_disc, ()),
    "smallest_residual": (_smallest_residual, ("interval",)),
    "fewest_products": (_fewest_products, ()),
    "multiplier_at_half": (_multiplier_at_half, ("multiplier",)),
}
"""By name: the function, and the options it takes."""
