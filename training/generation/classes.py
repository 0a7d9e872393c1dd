"""Which classes are seen among pictures, and how surely."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from .rows import as_rows

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor


@dataclass(frozen=True)
class ClassCoverage:
    """What the classifier makes of pictures.

    Attributes:
        classes: how many have at least the share asked for.
        confident: the share of pictures that the classifier is sure of.
        entropy: of the classes among those, in nats: at most the log of how many there are, with those too
            rare to be covered; 0 where there is one, or none.
        shares: of all pictures, those surely of each class; their sum is `confident`.
    """

    classes: int
    confident: float
    entropy: float
    shares: tuple[float, ...]


def class_coverage(
    probabilities: Float[Tensor, "n classes"], confidence: float = 0.8, share: float = 0.01
) -> ClassCoverage:
    """Return how many classes pictures cover, counting only those the classifier is sure of.

    A picture counts for its likeliest class if that has at least this probability, and for none otherwise:
    what nobody can read covers nothing.  A class is covered if at least a share of *all* pictures counts for
    it.  That the classifier is unsure of what is no picture is part of its recipe (`Recipe`), not of this.

    Args:
        probabilities: of each class for each picture, a row.
        confidence: what it takes to be sure, above ½ or so, or several classes could be meant.
        share: of all pictures, that covers a class.

    Raises:
        ValueError: rows are no probabilities, or `confidence` or `share` is none.

    Cost: O(n·classes).

    >>> sure, unsure = [0.9, 0.1, 0.0], [0.4, 0.3, 0.3]
    >>> class_coverage(torch.tensor([sure, sure, sure, unsure]))
    ClassCoverage(classes=1, confident=0.75, entropy=0.0, shares=(0.75, 0.0, 0.0))
    """
    for name, value in (("confidence", confidence), ("share", share)):
        if not 0 < value <= 1:
            raise ValueError(f"`{name}` must be above 0 and at most 1; got {value}")
    p = torch.from_numpy(as_rows(probabilities, "probabilities"))
    if bool((p < 0).any()) or not torch.allclose(p.sum(1), torch.ones(len(p), dtype=p.dtype), atol=1e-4):
        raise ValueError("`probabilities` must be at least 0, with sum 1 in each row; got others")
    most, likeliest = p.max(1)
    counts = torch.bincount(likeliest[most >= confidence], minlength=p.shape[1])
    shares = counts.double() / len(p)
    among = counts[counts > 0].double() / counts.sum()
    return ClassCoverage(
        classes=int((shares >= share).sum()),
        confident=float(shares.sum()),
        entropy=abs(float((among * among.log()).sum())),  # the sum is −0 of one class
        shares=tuple(shares.tolist()),
    )
