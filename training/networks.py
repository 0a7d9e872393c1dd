"""The networks of the sources, by the names the sources give them."""

from __future__ import annotations

import math
from inspect import signature
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Literal, get_args

from torch import nn

from analysis.arguments import real_number, whole_number

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Normalisation = Literal["batch", "group", "none"]


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


def u_dcgan(
    size: int,
    channels: int,
    widths: Sequence[int],
    normalisation: Normalisation = "batch",
    dropout: float = 0.0,
) -> nn.Sequential:
    """Return a convolutional autoencoder of pictures, from which it keeps widths[-1] numbers.

    The encoder's stages halve the side of the picture, the last takes all that is left; the decoder's
    undo them in turn.  After each stage but the first and the last a normalisation, then LeakyReLU(0.2)
    in the encoder, ReLU in the decoder, Tanh at the end: pictures are numbers from −1 to 1.  Dropout leaves
    out whole channels, after each stage but the last of either half.

    Args:
        size: the side of the square pictures, shape (batch, channels, size, size).
        channels: of a picture.
        widths: channels after each stage of the encoder; at least two.
        normalisation: "batch", "group" (in eight groups or as many as divide the channels, in one where a
            channel is one number) or "none".
        dropout: the share of channels that is left out in training.

    Raises:
        ValueError: fewer than two widths, more stages than the side can be halved, or no such share.

    References: Radford, Metz and Chintala, Unsupervised representation learning with deep convolutional
    generative adversarial networks (ICLR 2016), section 3; as an autoencoder: Shocher et al., Idempotent
    Generative Network (ICLR 2024), section 3.

    >>> import torch
    >>> u_dcgan(8, 1, [16, 32, 64], "none")(torch.zeros(2, 1, 8, 8)).shape
    torch.Size([2, 1, 8, 8])
    """
    if isinstance(widths, str) or not hasattr(widths, "__len__"):
        raise TypeError(f"`widths` must be a list of whole numbers, as in [16,32,64]; got {widths!r}")
    for value, name in ((size, "size"), (channels, "channels"), *((width, "widths") for width in widths)):
        whole_number(value, name, 1)
    real_number(dropout, "dropout")
    windows = _halvings(size, len(widths))
    if not 0 <= dropout < 1:
        raise ValueError(f"`dropout` must be a share from 0 to less than 1; got {dropout}")
    before = [channels, *widths]
    layers: list[nn.Module] = []
    for i, (inputs, outputs) in enumerate(pairwise(before)):
        norm = [] if i == 0 else _normalisation(normalisation, outputs, alone=i == len(widths) - 1)
        lost = [nn.Dropout2d(dropout)] if dropout and i < len(widths) - 1 else []
        layers += [nn.Conv2d(inputs, outputs, *windows[i], bias=not norm), *norm, _leaky(), *lost]
    for i, (outputs, inputs) in reversed(list(enumerate(pairwise(before)))):
        norm = [] if i == 0 else _normalisation(normalisation, outputs)
        lost = [nn.Dropout2d(dropout)] if dropout and i else []
        end = nn.Tanh() if i == 0 else nn.ReLU()
        layers += [nn.ConvTranspose2d(inputs, outputs, *windows[i], bias=not norm), *norm, end, *lost]
    return nn.Sequential(*layers)


def _halvings(size: int, stages: int) -> list[tuple[int, int, int]]:
    """(kernel, stride, padding) of each stage: size to ⌈size/2⌉ and so on, the last to 1."""
    windows, side = [], size
    for _ in range(stages - 1):
        windows.append((3 if side % 2 else 4, 2, 1))
        side = (side + 1) // 2
    if stages < 2 or side < 2:
        raise ValueError(
            f"`widths` must have from 2 entries to as many as a side of {size} can be halved; got {stages}"
        )
    return [*windows, (side, 1, 0)]


def _normalisation(kind: Normalisation, channels: int, *, alone: bool = False) -> list[nn.Module]:
    """A layer, if there is one; where each channel is one number, `alone`, a group has them all."""
    if kind not in get_args(Normalisation):
        raise ValueError(f"`normalisation` must be one of {', '.join(get_args(Normalisation))}; got {kind!r}")
    if kind == "none":
        return []
    groups = 1 if alone else math.gcd(8, channels)
    return [nn.BatchNorm2d(channels) if kind == "batch" else nn.GroupNorm(groups, channels)]


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
_U_DCGANS: dict[str, dict[str, Any]] = {
    "u-dcgan-digits": {"size": 8, "channels": 1, "widths": [16, 32, 64], "normalisation": "none"},
    "u-dcgan-mnist": {"size": 28, "channels": 1, "widths": [64, 128, 256, 512, 512]},
    "u-dcgan-mnist-small": {"size": 28, "channels": 1, "widths": [16, 32, 64, 128], "normalisation": "none"},
    "u-dcgan-celeba": {"size": 64, "channels": 3, "widths": [64, 128, 256, 512, 512]},
}


def network(name: str, **arguments: Any) -> nn.Module:
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

    u-dcgan-mnist and u-dcgan-celeba are `u_dcgan` for pictures of 28×28×1 and 64×64×3, with 64, 128, 256,
    512 and 512 channels and batch normalisation; u-dcgan-digits is for 8×8×1, with 16, 32 and 64 and none,
    and u-dcgan-mnist-small for 28×28×1, with 16, 32, 64 and 128 and none.

    Args:
        name: one of these, in either case.
        **arguments: of `u_dcgan`, in the place of those of a network of its kind: widths, normalisation,
            dropout, size or channels.

    Raises:
        ValueError: the name is unknown, or its network takes no such arguments.

    References: Jensen and Vicary, table 1 (B1–B4) and section 3.1; their notes, section 3 (N1–N4).

    >>> sum(p.numel() for p in network("B2").parameters())
    238600
    """
    known = known_name(name)
    if known in _U_DCGANS:
        unknown = ", ".join(arguments.keys() - signature(u_dcgan).parameters.keys())
        if unknown:
            raise ValueError(
                f"`arguments` must be {', '.join(signature(u_dcgan).parameters)} for {known}; got {unknown}"
            )
        return u_dcgan(**_U_DCGANS[known] | arguments)
    if arguments:
        raise ValueError(f"`arguments` must be none for {known}; got {', '.join(arguments)}")
    return _NETWORKS[known]()


def known_name(name: str) -> str:
    """Return the name as the table of `network` spells it.

    Raises:
        ValueError: the name is unknown.

    >>> known_name("b2")
    'B2'
    """
    found = {known.lower(): known for known in _NETWORKS | _U_DCGANS}.get(name.lower())
    if found is None:
        raise ValueError(f"`name` must be one of {', '.join(_NETWORKS | _U_DCGANS)}; got {name!r}")
    return found
