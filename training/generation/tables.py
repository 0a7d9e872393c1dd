"""Idempotent errors of pictures as a table, never without the guard against collapse beside them."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import torch

from training.measures import compare, guarded

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jaxtyping import Float
    from torch import Tensor

    from .powers import Power


@dataclass(frozen=True)
class PowerErrors:
    """How idempotent f is at the pictures fᵏ(x), in the words of `training.metrics`.

    Attributes:
        k: how often f was applied.
        count: how many pictures there are.
        finite: how many of them are finite.
        error, relative, centred, kept, rank, collapsed: as `metrics` has them, of y = fᵏ(x) and
            z = fᵏ⁺¹(x); kept is of the variance of x, and None, as `collapsed` is, where x has none.
    """

    k: int
    count: int
    finite: int
    error: float
    relative: float
    centred: float
    kept: float | None
    rank: float
    collapsed: bool | None

    def as_dict(self) -> dict[str, float | bool | None]:
        """Return all of it as JSON has it: null for what is unknown or not finite."""
        found: dict[str, float | bool | None] = asdict(self)
        return {
            key: None if isinstance(value, float) and not math.isfinite(value) else value
            for key, value in found.items()
        }

    def cells(self) -> list[str]:
        """Return what a table says of it, below `HEADINGS`."""
        if self.kept is None:
            guard = ["", "unknown", ""]
        else:
            shown = "collapsed" if self.collapsed else f"{self.centred:.3g}"
            guard = [shown, f"{self.kept:.3g}", f"{self.rank:.3g}"]
        return [f"{self.error:.3g}", f"{self.relative:.3g}", *guard]


HEADINGS = ("error", "relative", "centred", "kept", "rank")


def power_errors(x: Float[Tensor, "n *sample"], power: Power) -> PowerErrors:
    """Return how idempotent f is at fᵏ(x), and how much of the variance of x is kept there.

    >>> from .powers import powers_of
    >>> x = torch.eye(4)
    >>> [power] = powers_of(lambda y: y / 2, x, [2])
    >>> found = power_errors(x, power)
    >>> found.kept, round(found.centred, 4), found.collapsed
    (0.0625, 0.3333, False)
    """
    spread = len(x) > 1 and bool((x != x[0]).any())
    found = guarded(compare(x.cpu(), power.y, power.following))
    return PowerErrors(
        k=power.k,
        count=len(x),
        finite=int(torch.isfinite(power.y).flatten(1).all(1).sum()),
        error=float(found["error"]),
        relative=float(found["relative"]),
        centred=float(found["centred"]) if spread else math.nan,
        kept=float(found["kept"]) if spread else None,
        rank=float(found["rank"]),
        collapsed=bool(found["collapsed"]) if spread else None,
    )


def complaint(rows: Sequence[tuple[str, PowerErrors]], whose: str) -> str | None:
    """Return in a sentence what is wrong with pictures, collapsed or not finite; None where nothing is.

    Args:
        rows: what they are called, and what was found of them.
        whose: variance it is that they keep, as in "the noise's".
    """
    broken = [
        f"{row.count - row.finite} of {row.count} at {name}" for name, row in rows if row.finite < row.count
    ]
    if broken:
        return f"expected finite pictures; got others, {', '.join(broken)}"
    flat = [(name, row.kept or 0.0) for name, row in rows if row.collapsed]
    if flat:
        kept = ", ".join(f"{share:.2g} at {name}" for name, share in flat)
        return f"expected pictures that differ; got collapsed ones, which keep of {whose} variance {kept}"
    return None


def aligned(lines: Sequence[Sequence[str]]) -> list[str]:
    """Return a table's lines, the first column to the left, the others to the right.

    >>> aligned([["", "error"], ["f", "1"]])
    ['   error', 'f      1']
    """
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return [
        "  ".join([line[0].ljust(widths[0]), *map(str.rjust, line[1:], widths[1:])]).rstrip()
        for line in lines
    ]
