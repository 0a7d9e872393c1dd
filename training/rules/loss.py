r"""The rules: what stands for ∂L/∂y when a network is trained to be idempotent.

With y = f(x) and a corrector g = Σ α_i x^i, write t(y) = Σ α_i f^{i−1}(y); for 3x² − 2x³ it is
3f(y) − 2f(f(y)).  The *modified* rule puts −(t(y) − y) in the place of ∂L/∂y, the gradient of ½‖y − t‖²
with t held fixed.  So t is found first, without a graph, and what a rule returns has two sides that do
not belong together: the value is the idempotent error e = mean((f(y) − y)²), the gradient the rule's.

No such rule but the ordinary one is the gradient of its value, or of anything: on a linear network the
modified rule moves W by g(W) − W, whose derivative is not symmetric.  What needs a potential (second
derivatives, line searches, `gradcheck`) is refused.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from analysis.arguments import whole_number
from corrector import MCWEENY, Corrector

from .applications import Buffers, quiet
from .pulls import naive_image, pull_through_input, pull_to_target, require_separate_samples, wide
from .surrogate import NO_POTENTIAL, refuse_comparisons, surrogate

if TYPE_CHECKING:
    from collections.abc import Callable

    from jaxtyping import Float

Rule = Literal["modified", "ordinary", "target", "outer", "inner", "m1"]
Reduction = Literal["half_sum", "mean", "seed"]

_NEXT_APPLICATION = Corrector((0, 1))
_PULLED = ("modified", "target", "m1")
"""Rules that pull y to a target; "seed" divides them by B alone, as published."""


def idempotency_loss(
    net: Callable[[Tensor], Tensor],
    y: Float[Tensor, "batch *sample"],
    corrector: Corrector = MCWEENY,
    rule: Rule = "modified",
    reduction: Reduction = "half_sum",
    *,
    relaxation: float = 1.0,
    buffers: Buffers = "keep",
    samples: float | Tensor | None = None,
    chunk: int | None = None,
    x: Float[Tensor, "batch n"] | None = None,
) -> Float[Tensor, ""]:
    """Return a scalar whose value is the idempotent error and whose gradient is the rule's.

    The value is mean((f(y) − y)²) over all B·D entries, whatever the rule.  The gradient is

    - "modified": −γ(t(y) − y) in y, t(y) = Σ α_i f^{i−1}(y), held fixed, γ the relaxation;
    - "target": −γ(f(y) − y) in y, held fixed: the same without a polynomial, as a control;
    - "ordinary": that of ½‖f(y) − y‖², through both applications of f;
    - "inner": that of ½‖f(y) − y‖² through y alone, the second application frozen;
    - "outer": that of ½‖f(y) − y‖² through the second application alone, y frozen; inner and outer sum
      to ordinary;
    - "m1": −γ mean (t(y) − y)xᵀ in the only weight matrix, and none elsewhere;

    times 1/B with "half_sum" (½‖·‖² a sample: the scale on which the rules agree) and 2/(BD) with
    "mean".  "seed" is the published mixture: 1/B for modified, target and m1, 2/(BD) for the others.

    Args:
        net: f, a module or any function of a tensor; its output must have its input's shape.  Of a
            `DistributedDataParallel` the module inside is applied.
        y: f(x), with the graph that leads back to the parameters: shape (B, …), B ≥ 1, any
            floating dtype and device.
        corrector: the polynomial of the modified rule and of m1.
        rule: "modified", "ordinary", "target", "outer", "inner" or "m1".
        reduction: "half_sum", "mean" or "seed".
        relaxation: γ, the share of the step from y to its target; of modified, target and m1 only.
        buffers: what the passes beside the caller's do in training mode.  "keep": they normalise with the
            statistics of their own batch and move no running average.  "update": they move them, so
            that a step counts up to d batches, as in the notes' code.  "eval": they run in evaluation mode,
            with the running averages and without dropout; of modified, target and m1 only.
        samples: the B to divide by, value and gradient, where it is not this batch's: the mean number over
            the processes (`samples_per_process`), or over the parts that are accumulated, if they differ.
        chunk: rows that a pass without activations takes at a time; None: all.  It bounds the memory of
            these passes, and changes nothing where each output depends on its own input alone.  Processes
            that share a sharded network must have equally many chunks.
        x: what y is f of, shape (B, n); m1 needs it, and only m1.

    Returns:
        A scalar in float32 at least.

    Raises:
        ValueError: f(y) has another shape than y, f changes its input in place, y is empty, a name is
            unknown, or an argument does nothing under this rule.
        TypeError: y is not floating point, or net returns something other than a tensor (see `Adapted`),
            or m1 is asked of a network that is not one square weight matrix.
        RuntimeError: a line search or `gradcheck` asks for the loss, or a second derivative is taken, of
            what is no gradient.

    Cost: max(d − 1, 1) forward passes for a corrector of degree d (one for the rules without, and where no
    gradients are recorded), none of which keeps activations (but that of "ordinary" and "outer"), and one
    backward pass through the graph of y ("outer": of f(y), "m1": of one product, "inner": one more, to y).
    A copy of the buffers, unless they are updated.

    Buffers can be seen only in a module: behind a function that calls it, its passes move them.  Each pass
    draws its own dropout masks, unless within `shared_masks`.

    References: Jensen and Vicary, eq. 10, and their notes, section 2.1 (`E`, `ELoss`), whose
    gradient `rule="modified", reduction="seed"` equals; m1: section 1.2 of the notes.  Outer and inner:
    Shocher et al., Idempotent Generative Network (ICLR 2024), section 2.2.

    >>> net = nn.Linear(4, 4)
    >>> loss = idempotency_loss(net, net(torch.randn(8, 4)))
    >>> loss.backward()
    >>> net.weight.grad.shape
    torch.Size([4, 4])
    """
    options = _Options(corrector, rule, reduction, relaxation, buffers, chunk)
    _check_inputs(y, options, samples, x)
    f = quiet(net, buffers)
    batch = len(y) if samples is None else samples
    entries = batch * y[0].numel()
    if not torch.is_grad_enabled():
        return (wide(f(y)) - wide(y)).square().sum() / entries
    scale = gradient_scale(rule, reduction, batch, entries)
    _refuse_uses(net, options)
    if rule in _PULLED:
        carrier = y if x is None else naive_image(net, x, y.shape)
        polynomial = _NEXT_APPLICATION if rule == "target" else corrector
        square, pull = pull_to_target(f, y.detach(), polynomial, chunk)
        return surrogate(carrier, pull, scale * relaxation, square / entries)
    if rule == "inner":
        square, pull = pull_through_input(f, y.detach())
        return surrogate(y, pull, scale, square / entries)
    start = y if rule == "ordinary" else y.detach()
    square = (wide(f(start)) - wide(start)).square().sum()
    error, lead = square.detach() / entries, scale / 2 * square
    if rule == "ordinary":
        return error + (lead - lead.detach())
    return surrogate(lead, torch.ones_like(lead), 1.0, error)


class IdempotencyLoss(nn.Module):
    """`idempotency_loss` for one network, as a criterion: `loss = criterion(net(x))`.

    The network is not registered as a submodule: its parameters are not this module's parameters,
    and stay out of its `state_dict`.

    Args:
        net, corrector, rule, reduction, relaxation, buffers, chunk: as for `idempotency_loss`.

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
        *,
        relaxation: float = 1.0,
        buffers: Buffers = "keep",
        chunk: int | None = None,
    ) -> None:
        super().__init__()
        self._net = (net,)  # in a tuple, which `nn.Module` does not search for submodules
        self.options = _Options(corrector, rule, reduction, relaxation, buffers, chunk)

    def forward(
        self,
        y: Float[Tensor, "batch *sample"],
        *,
        samples: float | Tensor | None = None,
        x: Float[Tensor, "batch n"] | None = None,
    ) -> Float[Tensor, ""]:
        """Return `idempotency_loss` at y."""
        return idempotency_loss(self._net[0], y, **vars(self.options), samples=samples, x=x)

    def extra_repr(self) -> str:
        """Name the rule, its corrector, the reduction, and what else is not as by default."""
        chosen = self.options
        shown = {"rule": chosen.rule, "corrector": chosen.corrector, "reduction": chosen.reduction}
        default = _Options(chosen.corrector, chosen.rule, chosen.reduction)
        shown |= {name: value for name, value in vars(chosen).items() if value != getattr(default, name)}
        return ", ".join(f"{name}={value}" for name, value in shown.items())


@dataclass(frozen=True)
class _Options:
    """What a rule is asked for by name; refused here if there is no such thing."""

    corrector: Corrector
    rule: Rule
    reduction: Reduction
    relaxation: float = 1.0
    buffers: Buffers = "keep"
    chunk: int | None = None

    def __post_init__(self) -> None:
        for name, names in (("rule", Rule), ("reduction", Reduction), ("buffers", Buffers)):
            if getattr(self, name) not in get_args(names):
                allowed = ", ".join(get_args(names))
                raise ValueError(f"`{name}` must be one of {allowed}; got {getattr(self, name)!r}")
        if not isinstance(self.corrector, Corrector):
            raise TypeError(f"`corrector` must be a Corrector; got {type(self.corrector).__name__}")
        if isinstance(self.relaxation, bool) or not isinstance(self.relaxation, int | float):
            raise TypeError(f"`relaxation` must be a number; got {type(self.relaxation).__name__}")
        if not abs(self.relaxation) < math.inf:  # a form that torch.compile follows
            raise ValueError(f"`relaxation` must be finite; got {self.relaxation}")
        if self.chunk is not None:
            whole_number(self.chunk, "chunk", 1)
        given = {"relaxation": self.relaxation != 1, "chunk": self.chunk is not None}
        given["buffers='eval'"] = self.buffers == "eval"  # a graph may be computed again, in another mode
        for which in (name for name, there in given.items() if there and self.rule not in _PULLED):
            raise ValueError(f"`{which}` is for the rules {', '.join(_PULLED)}; got it with {self.rule!r}")


def gradient_scale(
    rule: Rule, reduction: Reduction, batch: float | Tensor, entries: float | Tensor
) -> float | Tensor:
    """Return what a rule's gradient in y of ½‖·‖² is multiplied by, for B samples of B·D entries.

    >>> gradient_scale("modified", "seed", 10, 50), gradient_scale("ordinary", "seed", 10, 50)
    (0.1, 0.04)
    """
    if reduction == "half_sum" or (reduction == "seed" and rule in _PULLED):
        return 1 / batch
    return 2 / entries


def _check_inputs(y: Tensor, options: _Options, samples: object, x: object) -> None:
    if not isinstance(y, Tensor) or not y.is_floating_point():
        kind = y.dtype if isinstance(y, Tensor) else type(y).__name__
        raise TypeError(f"`y` must be a floating-point tensor; got {kind}")
    if y.ndim < 2 or y.numel() == 0:
        raise ValueError(f"`y` must have shape (batch, …) with at least one entry; got {tuple(y.shape)}")
    if (x is None) == (options.rule == "m1"):
        got = "none" if x is None else f"it with {options.rule!r}"
        raise ValueError(f"`x` must be given with rule 'm1', and with no other; got {got}")
    if isinstance(samples, Tensor):
        if samples.ndim:
            raise ValueError(f"`samples` must be one number; got a tensor of shape {tuple(samples.shape)}")
    elif samples is not None and not (isinstance(samples, int | float) and samples > 0):
        raise ValueError(f"`samples` must be a positive number; got {samples!r}")


def _refuse_uses(net: Callable[[Tensor], Tensor], options: _Options) -> None:
    """Refuse what would go wrong without a word."""
    rule, reduction = options.rule, options.reduction
    if rule != "ordinary":
        refuse_comparisons(f"rule {rule!r}", NO_POTENTIAL)
    elif reduction == "half_sum":
        why = "its gradient is D/2 times that of its value; reduction='mean' has that of its value"
        refuse_comparisons(f"rule {rule!r}, reduction {reduction!r}", why)
    if options.chunk is not None:
        require_separate_samples(net, evaluates=options.buffers == "eval")
    if rule == "outer" and isinstance(net, DistributedDataParallel) and net.static_graph:
        raise ValueError(
            "rule 'outer' has no gradient in y, for which DistributedDataParallel waits with a static graph; "
            "expected static_graph=False"
        )
