r"""Polynomials that part two intervals best: 0 on the lower, 1 on the upper, as near as their degree allows.

Given [0, a] and [1 − h, 1] with a gap between them, a polynomial of degree d has d − 1 stationary
points.  With L of them inside the lower interval and the others inside the upper, ask that it runs up
and down between the same two values on all of the lower interval, and likewise on the upper one:

    ∫ p' over the L + 1 pieces of the lower interval is ±δ₀, and over the d − L pieces of the upper ±δ₁,
    p' = c·Π (x − s_k).

These are d − 1 equations for the s_k.  Scaled, p sends the intervals onto [0, a'] and [1 − h', 1],
where a' = δ₀/T, h' = δ₁/T, T = δ₀ + gap + δ₁, and no polynomial of this degree with as many stationary
points below the gap makes the image of one interval shorter without making that of the other longer:
their difference would have one sign change more than its degree allows (Chebyshev's argument).

d = 2 gives the two steps of SP2-ACC, d = 3 with L = 1 the scaled cubic of the sign function, d = 8
the steps of SP8.

References: E. H. Rubensson, *Nonmonotonic recursive polynomial expansions for linear scaling
calculation of the density matrix*, J. Chem. Theory Comput. 7 (2011) 1233–1236 (d = 2);
N. I. Achieser, *Theory of Approximation*, chapter II (equioscillation on several intervals).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from jaxtyping import Float

    Equations: TypeAlias = tuple[
        Float[np.ndarray, " n"], Float[np.ndarray, "n n"], Float[np.ndarray, " pieces"]
    ]
    """The misfit, its derivative, and the sizes of the oscillations."""


_ROUNDS = 60
_HALVINGS = 20
_GOOD_ENOUGH = 1e-6
"""Relative differences between oscillations that will do where rounding lets them be no smaller."""

_THIN = 1e-25
"""The length that a shorter interval is treated as: its image is shorter than anything asked for."""


@dataclass(frozen=True)
class Gap:
    """The two intervals [0, below] and [1 − above, 1], and the gap between them, all lengths in one unit.

    The three numbers sum to 1; each is held by itself, so that none is lost beside the others.
    """

    below: float
    above: float
    width: float

    def mirrored(self) -> Gap:
        """Return the same, seen from the other end."""
        return Gap(self.above, self.below, self.width)


@dataclass(frozen=True)
class Parting:
    """A polynomial that parts two intervals, by its stationary points.

    Attributes:
        below: those in the lower interval, as distances from the gap, growing.
        above: those in the upper interval, likewise.
        image: where the polynomial, scaled to [0, 1], sends the intervals.
    """

    below: Float[np.ndarray, " lower"]
    above: Float[np.ndarray, " upper"]
    image: Gap


def parting(gap: Gap, degree: int, lower: int) -> Parting | None:
    """Return the polynomial of this degree with so many stationary points in the lower interval.

    Solved by Newton's method on the logarithms of the oscillations; None where that does not settle.

    Cost: a few systems of degree − 1 equations.

    >>> found = parting(Gap(0.45, 0.45, 0.1), 3, 1)  # S ↦ (3/2)αβS − ½α³βS³
    >>> round(found.image.width, 4)
    0.2444
    """
    pieces = _Pieces(Gap(max(gap.below, _THIN), max(gap.above, _THIN), gap.width), degree, lower)
    points = pieces.start()
    sought = min(max(1e-4 * gap.width, 4e-15), 1e-10)  # differences eat up the gap
    misfit, jacobian, sizes = pieces.equations(points)
    for _ in range(_ROUNDS):
        if not np.isfinite(misfit).all():
            return None
        if _largest(misfit) < sought:
            return pieces.solution(points, sizes)
        points, found = pieces.downhill(points, np.linalg.solve(jacobian, -misfit), misfit)
        if found is None:
            break
        misfit, jacobian, sizes = found
    return pieces.solution(points, sizes) if _largest(misfit) < _GOOD_ENOUGH else None


class _Pieces:
    """The pieces of both intervals between stationary points; a point is its distance from the gap."""

    def __init__(self, gap: Gap, degree: int, lower: int) -> None:
        self.gap, self.lower, self.upper = gap, lower, degree - 1 - lower
        self.nodes, self.weights = _gauss(degree // 2 + 1)

    def start(self) -> Float[np.ndarray, " points"]:
        """Where Chebyshev polynomials of each interval are stationary."""
        return np.concatenate(
            [
                length * (1 - np.cos(np.pi * np.arange(1, n + 1) / (n + 1))) / 2
                for length, n in ((self.gap.below, self.lower), (self.gap.above, self.upper))
            ]
        )

    def ordered(self, points: Float[np.ndarray, " points"]) -> bool:
        sides = ((points[: self.lower], self.gap.below), (points[self.lower :], self.gap.above))
        return all(bool(np.all(np.diff([0, *side, length]) > 0)) for side, length in sides)

    def downhill(
        self,
        points: Float[np.ndarray, " points"],
        direction: Float[np.ndarray, " points"],
        misfit: Float[np.ndarray, " n"],
    ) -> tuple[Float[np.ndarray, " points"], Equations | None]:
        """The first of points + direction, + ½ direction, … that is in order and fits better."""
        for halvings in range(_HALVINGS):
            trial = points + direction / 2**halvings
            if self.ordered(trial):
                found = self.equations(trial)
                if np.linalg.norm(found[0]) < np.linalg.norm(misfit):
                    return trial, found
        return points, None

    def equations(self, points: Float[np.ndarray, " points"]) -> Equations:
        """How unequal the oscillations are, its derivative, and their sizes: lower, upper, across the gap."""
        below, above = points[: self.lower], points[self.lower :]
        s = np.concatenate([-below, above])  # seen from the edge of its own interval
        side = np.repeat([-1, 1], [self.lower, self.upper])
        ends = [
            np.concatenate([[0.0], below, [self.gap.below]]),
            np.concatenate([[0.0], above, [self.gap.above]]),
            np.array([0.0, self.gap.width]),
        ]
        left = np.concatenate([e[:-1] for e in ends])
        right = np.concatenate([e[1:] for e in ends])
        half = (right - left) / 2
        x = left[:, None] + half[:, None] * (1 + self.nodes)
        where = np.repeat([-1, 1, 0], [len(e) - 1 for e in ends])
        factors = _distances(x, where, s, side, self.gap.width)
        products = np.prod(factors, axis=-1) * (half[:, None] * self.weights)
        sizes = products.sum(axis=1)
        slopes = (products[:, :, None] / factors).sum(axis=1) / sizes[:, None]
        slopes = -slopes * side  # ∂ log|∫| / ∂ distance
        logs = np.log(np.abs(sizes))
        n = self.lower + 1
        misfit = np.concatenate([np.diff(logs[:n]), np.diff(logs[n:-1])])
        jacobian = np.concatenate([np.diff(slopes[:n], axis=0), np.diff(slopes[n:-1], axis=0)])
        return misfit, jacobian, np.abs(sizes)

    def solution(self, points: Float[np.ndarray, " points"], sizes: Float[np.ndarray, " pieces"]) -> Parting:
        below, above, width = sizes[0], sizes[self.lower + 1], sizes[-1]
        total = below + above + width
        image = Gap(float(below / total), float(above / total), float(width / total))
        return Parting(points[: self.lower], points[self.lower :], image)


def _distances(
    x: Float[np.ndarray, "pieces nodes"],
    where: Float[np.ndarray, " pieces"],
    s: Float[np.ndarray, " points"],
    side: Float[np.ndarray, " points"],
    width: float,
) -> Float[np.ndarray, "pieces nodes points"]:
    """X − s, from distances to the edges of the gap: none is the difference of two large numbers.

    x is the distance from the gap for a piece of the lower (−1) or upper (1) interval, and from the
    lower interval for the gap itself (0); s is −distance below the gap, distance above it.
    """
    here = np.where(where == -1, -1, 1)[:, None, None] * x[:, :, None]
    # What lies between the edge that x is measured from and the one that s is.
    between = np.where(where == 1, width, 0)[:, None] - np.where(side == 1, width, 0)[None, :]
    distances: Float[np.ndarray, "pieces nodes points"] = here - s + between[:, None, :]
    return distances


@lru_cache(maxsize=64)
def _gauss(n: int) -> tuple[Float[np.ndarray, " n"], Float[np.ndarray, " n"]]:
    nodes, weights = np.polynomial.legendre.leggauss(n)
    return np.array(nodes), np.array(weights)


def _largest(x: Float[np.ndarray, " n"]) -> float:
    return float(np.max(np.abs(x), initial=0))
