"""The networks of the sources, by the names the sources give them."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from torch import nn

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


def perceptron(
    widths: Sequence[int],
    activation: Callable[[], nn.Module] | None = None,
    *,
    bias: bool = True,
    last: Callable[[], nn.Module] | None = None,
) -> nn.Sequential:
    """Return Linear blocks of these widths, `activation` between them and `last` after the last.

    >>> perceptron([5, 10, 5], nn.Tanh)
    Sequential(
      (0): Linear(in_features=5, out_features=10, bias=True)
      (1): Tanh()
      (2): Linear(in_features=10, out_features=5, bias=True)
    )
    """
    layers: list[nn.Module] = []
    for i, (inputs, outputs) in enumerate(pairwise(widths)):
        layers.append(nn.Linear(inputs, outputs, bias=bias))
        after = last if i == len(widths) - 2 else activation
        if after is not None:
            layers.append(after())
    return nn.Sequential(*layers)


def _leaky() -> nn.Module:
    return nn.LeakyReLU(0.2)


_NETWORKS: dict[str, Callable[[], nn.Module]] = {
    "N1": lambda: perceptron([5, 5], bias=False),
    "N2": lambda: perceptron([5, 10, 5], bias=False),
    "N3": lambda: perceptron([5, 10, 5], nn.Tanh, last=nn.Tanh),
    "N4": lambda: perceptron([784, 1024, 2048, 784], nn.Tanh, last=nn.Tanh),
    "B1": lambda: perceptron([5, 5], last=_leaky),
    "B2": lambda: perceptron([100, 250, 250, 250, 250, 100], _leaky, last=_leaky),
    "B3": lambda: perceptron([4096, 1024, 4096], _leaky, last=_leaky),
    "B4": lambda: perceptron([784, 1024, 2048, 784], _leaky, last=_leaky),
}


def network(name: str) -> nn.Module:
    """Return a new network of the sources, initialised by torch's defaults and its global seed.

    | name | blocks | after each block |
    |---|---|---|
    | N1 | Linear(5, 5), no bias | nothing |
    | N2 | 5–10–5, no bias | nothing |
    | N3 | 5–10–5 | Tanh |
    | N4 | 784–1024–2048–784 | Tanh |
    | B1 | 5–5 | LeakyReLU(0.2) |
    | B2 | 100–250–250–250–250–100 | LeakyReLU(0.2) |
    | B3 | 4096–1024–4096 | LeakyReLU(0.2) |
    | B4 | 784–1024–2048–784 | LeakyReLU(0.2) |

    Args:
        name: one of these, in either case.

    Raises:
        ValueError: the name is unknown.

    References: Jensen and Vicary, table 1 (B1–B4); their notes, section 3 (N1–N4).

    >>> sum(p.numel() for p in network("B2").parameters())
    238600
    """
    build = _NETWORKS.get(name.upper())
    if build is None:
        raise ValueError(f"`name` must be one of {', '.join(_NETWORKS)}; got {name!r}")
    return build()
