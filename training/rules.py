r"""The rules: what stands for ∂L/∂y when a network is trained to be idempotent.

With y = f(x) and a corrector g = Σ α_i x^i, write t(y) = Σ α_i f^{i−1}(y); for 3x² − 2x³ it is
3f(y) − 2f(f(y)).  The *modified* rule puts −(t(y) − y) in the place of ∂L/∂y.  That is exactly the
gradient of ½‖y − t‖² with t held fixed, so no autograd function of its own is needed: the loss is

    e + (s − s.detach()),   s = c·⟨y, sg(y − t)⟩,

whose value is the idempotent error e = mean((f(y) − y)²) and whose gradient is that of s.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, get_args

import torch
from torch import Tensor, nn
from torch.func import functional_call

from corrector import MCWEENY, Corrector

if TYPE_CHECKING:
    from collections.abc import Callable

    from jaxtyping import Float

Rule = Literal["modified", "ordinary", "target"]
Reduction = Literal["half_sum", "mean", "seed"]

_NEXT_APPLICATION = Corrector((0, 1))


def idempotency_loss(
    net: Callable[[Tensor], Tensor],
    y: Float[Tensor, "batch *sample"],
    corrector: Corrector = MCWEENY,
    rule: Rule = "modified",
    reduction: Reduction = "half_sum",
) -> Float[Tensor, ""]:
    """Return a scalar whose value is the idempotent error and whose gradient is the rule's.

    The value is mean((f(y) − y)²) over all B·D entries, whatever the rule.  The gradient in y is

    - "modified": −(t(y) − y), t(y) = Σ α_i f^{i−1}(y), held fixed;
    - "target": −(f(y) − y), held fixed: the same without a polynomial, as a control;
    - "ordinary": that of ‖f(y) − y‖², through both applications of f;

    times 1/B with "half_sum" (½‖·‖² a sample: the scale on which the rules agree) and 2/(BD) with
    "mean".  "seed" is the published mixture: 1/B for modified and target, 2/(BD) for ordinary.

    Args:
        net: f, a module or any function of a tensor; its output must have its input's shape.
        y: f(x), with the graph that leads back to the parameters: shape (B, …), B ≥ 1, any
            floating dtype and device.
        corrector: the polynomial of the modified rule.
        rule: "modified", "ordinary" or "target".
        reduction: "half_sum", "mean" or "seed".

    Returns:
        A scalar in y's dtype, float32 at least.

    Raises:
        ValueError: f(y) has another shape than y, y is empty, or rule or reduction is unknown.
        TypeError: y is not floating point, or net returns something other than a tensor.

    Cost: max(d − 1, 1) forward passes for a corrector of degree d, none of which keeps activations
    (one that does, for "ordinary"), and one backward pass through the graph of y.

    Buffers stay as they are: a batch normalisation in training mode normalises with the statistics
    of the batch here, but only the caller's own pass net(x) moves its running averages.  That needs
    the module itself as `net`: behind a function that calls it, its buffers cannot be seen.

    References: Jensen and Vicary, eq. 10, and their notes, section 2.1 (`E`, `ELoss`), whose
    gradient `rule="modified", reduction="seed"` equals.

    >>> net = nn.Linear(4, 4)
    >>> loss = idempotency_loss(net, net(torch.randn(8, 4)))
    >>> loss.backward()
    >>> net.weight.grad.shape
    torch.Size([4, 4])
    """
    _check(y, corrector, rule, reduction)
    if rule == "ordinary":
        difference = _apply(net, y) - y
        difference = difference if difference.dtype == torch.float64 else difference.float()
        error = difference.square().mean()
        return error.detach() + _without_value(_scale(y, reduction, 2) / 2 * difference.square().sum())
    wanted = corrector if rule == "modified" else _NEXT_APPLICATION
    with torch.no_grad():
        image, target = _targets(net, y.detach(), wanted)
        fixed = _wide(y.detach())
        error = (image - fixed).square().mean()
        pull = fixed - target
    return error + _without_value(_scale(y, reduction, y[0].numel()) * (_wide(y) * pull).sum())


class IdempotencyLoss(nn.Module):
    """`idempotency_loss` for one network, as a criterion: `loss = criterion(net(x))`.

    The network is not registered as a submodule: its parameters are not this module's parameters,
    and stay out of its `state_dict`.

    Args:
        net, corrector, rule, reduction: as for `idempotency_loss`.

    >>> net = nn.Linear(4, 4)
    >>> criterion = IdempotencyLoss(net, rule="target")
    >>> list(criterion.parameters()), criterion
    ([], IdempotencyLoss(rule=target, corrector=3x² − 2x³, reduction=half_sum))
    """

    def __init__(
        self,
        net: Callable[[Tensor], Tensor],
        corrector: Corrector = MCWEENY,
        rule: Rule = "modified",
        reduction: Reduction = "half_sum",
    ) -> None:
        super().__init__()
        _check_names(corrector, rule, reduction)
        self._net = (net,)  # in a tuple, which `nn.Module` does not search for submodules
        self.corrector, self.rule, self.reduction = corrector, rule, reduction

    def forward(self, y: Float[Tensor, "batch *sample"]) -> Float[Tensor, ""]:
        """Return `idempotency_loss` at y."""
        return idempotency_loss(self._net[0], y, self.corrector, self.rule, self.reduction)

    def extra_repr(self) -> str:
        """Name the rule, its corrector and the reduction."""
        return f"rule={self.rule}, corrector={self.corrector}, reduction={self.reduction}"


def _targets(net: Callable[[Tensor], Tensor], y: Tensor, corrector: Corrector) -> tuple[Tensor, Tensor]:
    """(f(y), Σ α_i f^{i−1}(y)), each power of f computed once."""
    image = power = _apply(net, y)
    total = _wide(y) * float(corrector.alphas[0])
    for i, alpha in enumerate(corrector.alphas[1:]):
        if i:
            power = _apply(net, power)
        if alpha:
            total = total + float(alpha) * _wide(power)
    return _wide(image), total


def _apply(net: Callable[[Tensor], Tensor], y: Tensor) -> Tensor:
    """f(y), without moving the running statistics of a module in training mode."""
    if isinstance(net, nn.Module) and any(part.training for part in net.modules()) and _has_buffers(net):
        spare = {name: buffer.clone() for name, buffer in net.named_buffers()}
        image = functional_call(net, spare, (y,))
    else:
        image = net(y)
    if not isinstance(image, Tensor):
        raise TypeError(f"`net` must return a tensor; got {type(image).__name__}")
    if image.shape != y.shape:
        raise ValueError(
            "`net` must map its output space into itself: expected f(y) of shape "
            f"{tuple(y.shape)}; got {tuple(image.shape)}"
        )
    return image


def _has_buffers(net: nn.Module) -> bool:
    return next(net.buffers(), None) is not None


def _without_value(s: Tensor) -> Tensor:
    """Zero, with the gradient of s."""
    return s - s.detach()


def _wide(x: Tensor) -> Tensor:
    """X in float32 at least, in which differences of nearly equal values are taken."""
    return x if x.dtype == torch.float64 else x.float()


def _scale(y: Tensor, reduction: Reduction, seed: int) -> float:
    """The factor c of c·⟨y, sg(y − t)⟩; `seed` is D for rules that were divided by B alone."""
    batch, entries = y.shape[0], y.numel()
    if reduction == "half_sum":
        return 1 / batch
    if reduction == "mean":
        return 2 / entries
    return seed / entries


def _check(y: Tensor, corrector: Corrector, rule: str, reduction: str) -> None:
    _check_names(corrector, rule, reduction)
    if not isinstance(y, Tensor) or not y.is_floating_point():
        kind = y.dtype if isinstance(y, Tensor) else type(y).__name__
        raise TypeError(f"`y` must be a floating-point tensor; got {kind}")
    if y.ndim < 2 or y.numel() == 0:
        raise ValueError(f"`y` must have shape (batch, …) with at least one entry; got {tuple(y.shape)}")


def _check_names(corrector: Corrector, rule: str, reduction: str) -> None:
    if rule not in get_args(Rule):
        raise ValueError(f"`rule` must be one of {', '.join(get_args(Rule))}; got {rule!r}")
    if reduction not in get_args(Reduction):
        names = ", ".join(get_args(Reduction))
        raise ValueError(f"`reduction` must be one of {names}; got {reduction!r}")
    if not isinstance(corrector, Corrector):
        raise TypeError(f"`corrector` must be a Corrector; got {type(corrector).__name__}")
