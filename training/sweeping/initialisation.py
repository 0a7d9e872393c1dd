"""What the weights of a run begin as."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import torch
from torch import nn

from training.generators import chance

if TYPE_CHECKING:
    from collections.abc import Callable

NAMES = ("default", "orthogonal", "kaiming", "rank-R")


def initialised(build: Callable[[], nn.Module], how: str, *seed: int) -> nn.Module:
    """Return a network with the initial weights of a seed.

    - "default": torch's own, as `build` leaves them.
    - "orthogonal": each weight matrix has orthonormal rows or columns, whichever are fewer; biases are 0.
      A network of one square layer begins with eigenvalues on the unit circle.
    - "kaiming": each weight is normal with the variance that keeps that of the values through the activation
      that follows (gain 1 where none does); biases are 0.
    - "rank-R", as in rank-2: torch's own, but the last weight matrix is replaced by the nearest one of
      rank R.  So before its bias and last activation the network is of rank R at most, however many layers
      it has; a linear network is a matrix of rank R.

    Convolutions count as matrices with a row for each entry of the first axis.

    Args:
        build: makes the network.
        how: one of these.
        seed: whole numbers; equal ones give equal weights, whatever the global generators are at.

    Raises:
        ValueError: there is no such name, or the last layer is no `nn.Linear` with sides of R or more.

    References: Saxe, McClelland and Ganguli, Exact solutions to the nonlinear dynamics of learning (ICLR
    2014), section 3; He et al., Delving deep into rectifiers (ICCV 2015), eq. 14.
    """
    rank = required_rank(how)
    with chance(*seed):
        net = build()
        if how in ("orthogonal", "kaiming"):
            _each_layer(net, how)
    if rank is not None:
        _truncate(net, rank)
    return net


def required_rank(how: str) -> int | None:
    """Return the R of rank-R, None of the other names; ValueError if there is no such name."""
    match = re.fullmatch(r"rank-([1-9]\d*)", how)
    if match is None and how not in NAMES[:-1]:
        raise ValueError(f"`initialisations` must be of {', '.join(NAMES)}, as in rank-2; got {how!r}")
    return None if match is None else int(match[1])


def _each_layer(net: nn.Module, how: str) -> None:
    parts = list(net.modules())
    for part, following in zip(parts, [*parts[1:], None], strict=True):
        weight = getattr(part, "weight", None)
        if not isinstance(weight, nn.Parameter) or weight.ndim < 2:
            continue
        if how == "orthogonal":
            nn.init.orthogonal_(weight)
        else:
            _kaiming(weight, following)
        if isinstance(getattr(part, "bias", None), nn.Parameter):
            nn.init.zeros_(part.bias)  # type: ignore[arg-type]  # just looked at


def _kaiming(weight: nn.Parameter, following: nn.Module | None) -> None:
    slope = following.negative_slope if isinstance(following, nn.LeakyReLU) else 0.0
    kinds = {nn.LeakyReLU: "leaky_relu", nn.ReLU: "relu", nn.Tanh: "tanh"}
    kind = next((name for activation, name in kinds.items() if isinstance(following, activation)), "linear")
    nn.init.kaiming_normal_(weight, a=slope, nonlinearity=kind)  # type: ignore[arg-type]  # one of its names


def _truncate(net: nn.Module, rank: int) -> None:
    layers = [part for part in net.modules() if list(part.parameters(recurse=False))]
    last = layers[-1] if layers else None
    if not isinstance(last, nn.Linear) or min(last.weight.shape) < rank:
        got = (
            f"{type(last).__name__} {list(last.weight.shape)}" if isinstance(last, nn.Linear) else type(last)
        )
        raise ValueError(
            f"rank-{rank} is for networks whose last layer is Linear, of {rank} units; got {got}"
        )
    with torch.no_grad():
        u, sigma, vh = torch.linalg.svd(last.weight.double(), full_matrices=False)
        last.weight.copy_((u[:, :rank] * sigma[:rank]) @ vh[:rank])
