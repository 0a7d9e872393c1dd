"""The gradients of a rule for all members of an ensemble: by torch, or compiled where that pays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import functional_call, grad_and_value, vmap
from torch.fx.experimental.proxy_tensor import make_fx

from corrector.files import NO_ROOM
from training.rules.loss import gradient_scale, idempotency_loss

from . import kernel

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from jaxtyping import Float

    from corrector import Corrector
    from training.rules.loss import Reduction, Rule

    Weights = Mapping[str, Float[Tensor, "member ..."]]
    Gradients = Callable[[Weights, Float[Tensor, "batch *sample"]], tuple[Weights, Float[Tensor, " member"]]]

WIDEST = 64
"""Units of a layer, at most, for the compiled gradient; beyond, matrix products are worth their calls."""

_MOST_FUNCTIONS = 32
"""That the compiled kernel may consist of."""

_RULES = {
    "modified": kernel.PULLED,
    "target": kernel.PULLED,
    "ordinary": kernel.ORDINARY,
    "inner": kernel.INNER,
    "outer": kernel.OUTER,
}


class Layers(NamedTuple):
    """A perceptron as `kernel.gradients` takes it."""

    layers: np.ndarray
    slopes: np.ndarray
    size: int


def vmapped(
    net: nn.Module, corrector: Corrector, rule: Rule, reduction: Reduction, *, compiled: bool = False
) -> Gradients:
    """Return (weights, batch) ↦ (gradient, error) of every member, by `torch.func`.

    The batch is not repeated for the members: the first layer of all of them is one product with it.

    Args:
        net: the architecture; its own weights play no part.
        corrector: as for `idempotency_loss`, of which this is the gradient.
        rule: likewise.
        reduction: likewise.
        compiled: whether `torch.compile` fuses the step.
    """
    descent = _Descent(net, corrector, rule, reduction)
    names = {f"net.{name}": name for name, _ in net.named_parameters()}

    def loss(weights: Weights, x: Tensor) -> Tensor:
        found: Tensor = functional_call(descent, {long: weights[name] for long, name in names.items()}, (x,))
        return found

    step: Gradients = vmap(grad_and_value(loss), in_dims=(0, None), randomness="error")
    return _compiled(step) if compiled else step


def fused(layers: Layers, corrector: Corrector, rule: Rule, reduction: Reduction) -> Gradients:
    """Return the same for small perceptrons on the CPU, by the compiled kernel."""
    polynomial = (0, 1) if rule == "target" else corrector.alphas
    alphas = np.array([float(alpha) for alpha in polynomial] + [0.0] * (len(polynomial) == 1))

    def step(weights: Weights, x: Tensor) -> tuple[Weights, Tensor]:
        flat = torch.cat([part.flatten(1) for part in weights.values()], 1)
        into = torch.empty_like(flat)
        scale = float(gradient_scale(rule, reduction, len(x), x.numel()))
        columns = np.ascontiguousarray(x.numpy().T)
        errors = _called(
            *(kernel.gradients, flat.numpy(), columns, layers.layers, layers.slopes, alphas, _RULES[rule]),
            *(scale, into.numpy()),
        )
        parts = torch.split(into, [part[0].numel() for part in weights.values()], 1)
        found = {
            name: part.view(whole.shape) for (name, whole), part in zip(weights.items(), parts, strict=True)
        }
        return found, torch.from_numpy(errors)

    return step


def gradients(
    net: nn.Module,
    corrector: Corrector,
    rule: Rule,
    reduction: Reduction,
    device: torch.device | str = "cpu",
    *,
    compiled: bool = False,
) -> Gradients:
    """Return `fused` where it can be, `vmapped` elsewhere."""
    layers = perceptron_layers(net) if torch.device(device).type == "cpu" and rule in _RULES else None
    if layers is None:
        return vmapped(net, corrector, rule, reduction, compiled=compiled)
    return fused(layers, corrector, rule, reduction)


def perceptron_layers(net: nn.Module) -> Layers | None:
    """Return the layers of a small perceptron; None of anything else.

    >>> from training import network
    >>> perceptron_layers(network("N2")).layers
    array([[ 5, 10,  0, -1,  0],
           [10,  5, 50, -1,  0]])
    >>> perceptron_layers(network("B2")) is None
    True
    """
    rows: list[list[int]] = []
    slopes: list[float] = []
    at = 0
    for part in net if type(net) is nn.Sequential else [net]:
        if type(part) is nn.Linear:
            weight = part.weight.numel()
            bias = -1 if part.bias is None else at + weight
            rows.append([part.in_features, part.out_features, at, bias, kernel.NOTHING])
            slopes.append(0.0)
            at += weight + (0 if part.bias is None else part.out_features)
            continue
        after, slope = _activation(part)
        if not rows or rows[-1][4] != kernel.NOTHING or after is None:
            return None
        rows[-1][4], slopes[-1] = after, slope
    fits = rows and rows[0][0] == rows[-1][1] and at == sum(p.numel() for p in net.parameters())
    if not fits or max(max(row[:2]) for row in rows) > WIDEST:
        return None
    return Layers(np.array(rows, np.int64), np.array(slopes), rows[0][0])


def _activation(part: nn.Module) -> tuple[int | None, float]:
    if type(part) is nn.Tanh:
        return kernel.TANH, 0.0
    if type(part) is nn.ReLU:
        return kernel.LEAKY, 0.0
    if type(part) is nn.LeakyReLU and part.negative_slope >= 0:  # else its sign is not that of its input
        return kernel.LEAKY, part.negative_slope
    return None, 0.0


def _called(function: Callable[..., np.ndarray], *arguments: Any) -> np.ndarray:
    """Call a compiled function, also where there is no room for the files that spare others its compilation.

    numba says that of each function on the way once, when it has compiled it.
    """
    for _ in range(_MOST_FUNCTIONS):
        try:
            return function(*arguments)
        except OSError as error:
            if error.errno not in NO_ROOM:
                raise
    return function(*arguments)


def _compiled(step: Gradients) -> Gradients:
    """Return the step fused by `torch.compile`, at its first call.

    What is compiled is a recording of it: Dynamo does not follow a gradient of one's own in `torch.func`.
    """
    made: list[Gradients] = []

    def fused_step(weights: Weights, x: Tensor) -> tuple[Weights, Tensor]:
        if not made:
            made.append(torch.compile(make_fx(step)(dict(weights), x)))
        return made[0](weights, x)

    return fused_step


class _Descent(nn.Module):
    """A batch ↦ the rule's loss, so that one call puts a member's weights in place for all its passes."""

    def __init__(self, net: nn.Module, corrector: Corrector, rule: Rule, reduction: Reduction) -> None:
        super().__init__()
        self.net, self.corrector, self.rule, self.reduction = net, corrector, rule, reduction

    def forward(self, x: Tensor) -> Tensor:
        """Return the loss."""
        at = x if self.rule == "m1" else None
        return idempotency_loss(self.net, self.net(x), self.corrector, self.rule, self.reduction, x=at)
