"""`stability_diagram`: what a corrector attracts to at each relaxation."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from .arguments import checked_relaxation
from .basin import named
from .cycles import attracting_cycles
from .fixedpoint import fixed_points

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from matplotlib.axes import Axes

    from corrector import Corrector

    from .cycles import Cycles


@dataclass(frozen=True, repr=False)
class StabilityDiagram:
    """The attracting cycles of x ↦ x + γ(g(x) − x), for each of many γ.

    Attributes:
        title: the corrector in words.
        relaxations: the γ, ascending.
        cycles: for each γ the attracting cycles, proved, with what stayed undecided.
        fixed: the fixed points of g, which are those of the relaxed map at every γ.
        slopes: g'(λ) at each, which gives its multiplier 1 − γ + γg'(λ).
    """

    title: str
    relaxations: tuple[Fraction, ...]
    cycles: tuple[Cycles, ...]
    fixed: tuple[complex, ...]
    slopes: tuple[complex, ...]

    @property
    def spurious(self) -> tuple[tuple[Fraction, complex], ...]:
        """Each γ with an attracting point that is neither 0 nor 1: where iteration ends at no projector."""
        pairs = zip(self.relaxations, self.cycles, strict=True)
        return tuple(
            (gamma, z)
            for gamma, found in pairs
            for c in found
            for z in c.points
            if c.points not in ((0,), (1,))
        )

    def plot(self, axes: tuple[Axes, Axes] | None = None) -> tuple[Axes, Axes]:
        """Draw the multipliers of the fixed points above the attracting points, and return both axes.

        Args:
            axes: two axes to draw on; a new figure's when None.
        """
        from .plotting import draw_stability

        return draw_stability(self, axes)

    def __repr__(self) -> str:
        low, high = float(self.relaxations[0]), float(self.relaxations[-1])
        first = min((gamma for gamma, _ in self.spurious), default=None)
        others = "no spurious attractor" if first is None else f"spurious ones from γ = {float(first):.6g} on"
        count = sum(not found.complete for found in self.cycles)
        undecided = f", {count} undecided" if count else ""
        span = f"{len(self.relaxations)} γ from {low:g} to {high:g}"
        return f"StabilityDiagram({self.title}; {span}: {others}{undecided})"


def stability_diagram(
    g: Corrector,
    relaxations: Iterable[float | Fraction] | None = None,
    max_steps: int = 2000,
    *,
    progress: Callable[[float], None] | None = None,
) -> StabilityDiagram:
    """Return what x ↦ x + γ(g(x) − x) attracts to, γ by γ.

    Args:
        g: the corrector, of degree 2 to 161.
        relaxations: the γ, none of them 0; 200 between 0 and 2 when None.
        max_steps: the steps after which a critical orbit is left undecided at a γ.
        progress: is called now and then with the share that is done.

    Raises:
        ValueError: g is linear, a γ is 0 or not finite, or there is none.

    Cost: that of `attracting_cycles` at each γ: milliseconds, 0.1 s where orbits are chaotic.

    >>> from corrector import smoothstep
    >>> stability_diagram(smoothstep(3), [1, "1.99", "1.995"])
    StabilityDiagram(35x⁴ − 84x⁵ + 70x⁶ − 20x⁷; 3 γ from 1 to 1.995: spurious ones from γ = 1.995 on)
    """
    chosen: Any = np.arange(1, 201) / 100 - 0.005 if relaxations is None else relaxations
    if isinstance(chosen, str) or not hasattr(chosen, "__iter__"):
        raise TypeError(f"`relaxations` must be several numbers; got {str(chosen)[:40]!r}")
    gammas = tuple(sorted({checked_relaxation(gamma) for gamma in chosen}))
    if not gammas:
        raise ValueError("`relaxations` must hold at least one γ; got none")
    fixed = fixed_points(g)
    found = []
    for i, gamma in enumerate(gammas):
        found.append(attracting_cycles(g, gamma, max_steps))
        if progress:
            progress((i + 1) / len(gammas))
    return StabilityDiagram(
        named(g, Fraction(1)),
        gammas,
        tuple(found),
        tuple(p.value for p in fixed),
        tuple(p.multiplier for p in fixed),
    )
