"""What a step of a rule costs, in network passes."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from corrector import Corrector

    from .loss import Rule


def passes(rule: Rule | None, corrector: Corrector) -> int:
    """Return the passes of one step through y = f(x): a forward pass counts 1, a backward pass 2.

    3 for y and its backward pass alone (rule None); d − 1 forward passes more for `modified` with a corrector
    of degree d (one at least, for the value), one for `target` and `outer`; `ordinary` applies f twice,
    forward and backward, and `inner` likewise, but the second backward pass is to y only and counts 1.  `m1`
    takes a product of matrices, which counts 1, for its backward pass.

    >>> from corrector import MCWEENY
    >>> [passes(rule, MCWEENY) for rule in (None, "modified", "ordinary", "target", "inner", "outer", "m1")]
    [3, 5, 6, 4, 5, 4, 4]
    """
    if rule in ("modified", "m1"):
        return max(corrector.degree, 2) + (2 if rule == "modified" else 1)
    known: dict[Rule | None, int] = {None: 3, "ordinary": 6, "target": 4, "inner": 5, "outer": 4}
    return known[rule]
