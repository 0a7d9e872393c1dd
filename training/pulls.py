"""What the rules pull y by: the gradients in y that stand for ∂L/∂y, found before any backward pass."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

from .applications import Buffers, apply, unwrapped

if TYPE_CHECKING:
    from collections.abc import Callable

    from corrector import Corrector


def pull_to_target(
    net: Callable[[Tensor], Tensor], y: Tensor, corrector: Corrector, buffers: Buffers, chunk: int | None
) -> tuple[Tensor, Tensor]:
    """(‖f(y) − y‖², y − t(y)), without a graph and each power of f computed once."""
    if chunk is not None and buffers != "eval" and _couples_samples(unwrapped(net)):
        raise ValueError(
            "`chunk` needs a network whose outputs depend on their own inputs alone; got batch normalisation "
            'in training mode: leave `chunk` out, or take buffers="eval"'
        )
    with torch.no_grad():
        if chunk is None or chunk >= len(y):
            return _pull(net, y, corrector, buffers)
        parts = [
            _pull(net, part, corrector, buffers)
            for part in torch.tensor_split(y, tuple(range(chunk, len(y), chunk)))
        ]
        return torch.stack([square for square, _ in parts]).sum(), torch.cat([pull for _, pull in parts])


def _pull(
    net: Callable[[Tensor], Tensor], y: Tensor, corrector: Corrector, buffers: Buffers
) -> tuple[Tensor, Tensor]:
    first, *others = (float(alpha) for alpha in corrector.alphas)
    fixed, power = wide(y), apply(net, y, buffers)
    difference = wide(power) - fixed
    square = difference.mul_(difference).sum()
    pull = fixed * (1 - first)
    for i, alpha in enumerate(others):
        if i:
            power = apply(net, power, buffers)
        if alpha:
            pull.sub_(wide(power), alpha=alpha)
    return square, pull


def pull_through_input(net: Callable[[Tensor], Tensor], y: Tensor, buffers: Buffers) -> tuple[Tensor, Tensor]:
    """(‖f(y) − y‖², the gradient of half of it in y), the parameters of f being held."""

    def residual(at: Tensor) -> Tensor:
        return wide(apply(net, at, buffers)) - wide(at)

    if isinstance(net, nn.Module) and not torch.compiler.is_compiling():
        # Compiled and checkpointed networks cannot be in a function transform …
        with torch.enable_grad():
            at = y.detach().requires_grad_()
            value = residual(at)
            (pull,) = torch.autograd.grad(value, at, value.detach())
        return value.detach().square().sum(), pull
    with torch.no_grad():  # … and functions may be called in one, where `grad` cannot be.
        value, product = torch.func.vjp(residual, y)[:2]
        (pull,) = product(value)
        return value.square().sum(), pull


def naive_image(net: Callable[[Tensor], Tensor], x: Tensor, shape: torch.Size) -> Tensor:
    """xWᵀ with the only weight matrix of the network, its bias and activation left out."""
    inner = unwrapped(net)
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


def _couples_samples(net: object) -> bool:
    return isinstance(net, nn.Module) and any(
        isinstance(part, nn.modules.batchnorm._BatchNorm) and part.training  # noqa: SLF001 - their base class
        for part in net.modules()
    )


def wide(x: Tensor) -> Tensor:
    """X in float32 at least, in which differences of nearly equal values are taken."""
    return x if x.dtype == torch.float64 else x.float()
