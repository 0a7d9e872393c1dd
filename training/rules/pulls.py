"""What the rules pull y by: the gradients in y that stand for ∂L/∂y, found before any backward pass."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.distributed.fsdp import FSDPModule
from torch.nn.functional import linear
from torch.nn.parallel import DistributedDataParallel

from .applications import unwrapped

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from corrector import Corrector


def pull_to_target(
    f: Callable[[Tensor], Tensor], y: Tensor, corrector: Corrector, chunk: int | None
) -> tuple[Tensor, Tensor]:
    """(‖f(y) − y‖², y − t(y)), without a graph and each power of f computed once."""
    with torch.no_grad():
        if chunk is None or chunk >= len(y):
            return _pull(f, y, corrector)
        parts = [_pull(f, part, corrector) for part in y.tensor_split(tuple(range(chunk, len(y), chunk)))]
        return torch.stack([square for square, _ in parts]).sum(), torch.cat([pull for _, pull in parts])


def _pull(f: Callable[[Tensor], Tensor], y: Tensor, corrector: Corrector) -> tuple[Tensor, Tensor]:
    first, *others = (float(alpha) for alpha in corrector.alphas)
    fixed = wide(y)
    others = others or [0.0]  # f(y) is for the value too
    for i, power in enumerate(_powers(f, y, len(others))):
        if i == 0:
            square = _square(wide(power) - fixed)
            pull = fixed * (1 - first)
        if others[i]:
            pull.sub_(wide(power), alpha=others[i])
        del power  # which the next pass would hold
    return square, pull


def _powers(f: Callable[[Tensor], Tensor], y: Tensor, count: int) -> Iterator[Tensor]:
    """F(y), f²(y), …, each once the next is there: what is made of them takes no memory during a pass."""
    power = f(y)
    for _ in range(count - 1):
        following = f(power)
        yield power
        power = following
        del following
    yield power


def _square(difference: Tensor) -> Tensor:
    return difference.mul_(difference).sum()


def pull_through_input(f: Callable[[Tensor], Tensor], y: Tensor) -> tuple[Tensor, Tensor]:
    """(‖f(y) − y‖², the gradient of half of it in y), the parameters of f being held."""

    def residual(at: Tensor) -> Tensor:
        return wide(f(at)) - wide(at)

    at = None if torch.compiler.is_compiling() else _leaf(y)
    if at is None:
        with torch.no_grad():  # no graph to the parameters; `vjp` makes the one to y all the same
            value, product = torch.func.vjp(residual, y)[:2]
            (pull,) = product(value)
            return value.square().sum(), pull
    value = residual(at)  # compiled and checkpointed networks cannot be in a function transform
    (pull,) = torch.autograd.grad(value, at, value.detach())
    return value.detach().square().sum(), pull


def _leaf(y: Tensor) -> Tensor | None:
    """A copy of y to take a gradient in; None within a function transform, which refuses that."""
    try:
        return y.clone().requires_grad_()
    except RuntimeError:
        return None


def naive_image(net: Callable[[Tensor], Tensor], x: Tensor, shape: torch.Size) -> Tensor:
    """xWᵀ with the only weight matrix of the network, its bias and activation left out."""
    inner = unwrapped(net)
    if isinstance(net, DistributedDataParallel | FSDPModule):
        raise TypeError(
            "rule 'm1' is for a network of one's own process: its wrapper would wait for gradients that the "
            f"rule has none of; got {type(net).__name__}"
        )
    parts = list(inner.modules()) if isinstance(inner, nn.Module) else []
    layers = [part for part in parts if isinstance(part, nn.Linear)]
    weights = sum(p.ndim > 1 for part in parts for p in part.parameters(recurse=False))
    if len(layers) != 1 or weights != 1 or layers[0].in_features != layers[0].out_features:
        raise TypeError(
            "rule 'm1' is for a network with one weight matrix, that of a square nn.Linear; "
            f"got {type(inner).__name__} with {len(layers)} such layers, {weights} weights in all"
        )
    if x.shape != shape:
        raise ValueError(f"`x` must have shape {tuple(shape)}, as `y` has; got {tuple(x.shape)}")
    return linear(x, layers[0].weight)


def require_separate_samples(net: Callable[[Tensor], Tensor], *, evaluates: bool) -> None:
    """Refuse to divide a batch that batch normalisation normalises as a whole."""
    inner = unwrapped(net)
    for part in inner.modules() if isinstance(inner, nn.Module) else ():
        normalises = isinstance(part, nn.modules.batchnorm._BatchNorm)  # noqa: SLF001 - their base class
        if normalises and (part.running_mean is None or (part.training and not evaluates)):
            raise ValueError(
                "`chunk` needs a network whose outputs depend on their own inputs alone; got batch "
                'normalisation by the batch\'s own statistics: leave `chunk` out, or take buffers="eval"'
            )


def wide(x: Tensor) -> Tensor:
    """X in float32 at least, in which differences of nearly equal values are taken."""
    return x if x.dtype == torch.float64 else x.float()
