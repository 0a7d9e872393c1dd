"""A number with a gradient that is not its own: what the rules return, and what must not be done with it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

if TYPE_CHECKING:
    from types import FrameType

NO_POTENTIAL = "the gradient of this rule is not that of its value, nor of any function"
_COMPARING = {
    "torch.optim.lbfgs": "L-BFGS, which compares values along its steps",
    "torch.autograd.gradcheck": "gradcheck, which compares gradients with differences of values",
}
"""Modules whose functions take a gradient for the derivative of the value, by name."""


def surrogate(carrier: Tensor, direction: Tensor, scale: float | Tensor, value: Tensor) -> Tensor:
    """Return a scalar equal to `value` whose gradient in `carrier` is `scale` times `direction`.

    Unlike value + (s − s.detach()) with s = scale·⟨carrier, direction⟩, it computes no s, and a second
    derivative, in which the direction would silently count as constant, is refused.

    Raises:
        RuntimeError: from backward, if a derivative of the gradient is taken.
    """
    stands: Tensor = _Surrogate.apply(carrier, direction, scale, value)  # type: ignore[no-untyped-call]  # torch's
    return stands


def refuse_comparisons(rule: str, why: str = NO_POTENTIAL) -> None:
    """Refuse callers that take the loss for a function of which its gradient is the derivative.

    Torch tells what it calls nothing of who calls; the stack does.

    Raises:
        RuntimeError: a line search or `gradcheck` is among the callers.
    """
    if torch.compiler.is_compiling() or not torch.is_grad_enabled():
        return
    frame: FrameType | None = sys._getframe()  # noqa: SLF001 - inspect.stack() reads source files
    while frame is not None:
        caller = _COMPARING.get(frame.f_globals.get("__name__", ""))
        if caller is not None:
            raise RuntimeError(f"expected first derivatives only; got {caller}, with {rule}: {why}")
        frame = frame.f_back


class _Surrogate(torch.autograd.Function):
    generate_vmap_rule = True

    @staticmethod
    def forward(carrier: Tensor, direction: Tensor, scale: float | Tensor, value: Tensor) -> Tensor:
        del carrier, direction, scale
        return value.clone()

    @staticmethod
    def setup_context(context: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        del output
        carrier, direction, context.scale, _ = inputs
        context.save_for_backward(carrier, direction)

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        carrier, direction = context.saved_tensors
        step = ((gradient * context.scale) * direction).to(carrier.dtype)
        return _Once.apply(step, carrier), None, None, None  # type: ignore[no-untyped-call]  # torch's


class _Once(torch.autograd.Function):
    """A gradient of which no derivative is taken: it hangs on the carrier only to refuse."""

    generate_vmap_rule = True

    @staticmethod
    def forward(gradient: Tensor, carrier: Tensor) -> Tensor:
        del carrier
        return gradient.view_as(gradient)

    @staticmethod
    def setup_context(context: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        pass

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> tuple[None, None]:
        del context, gradient
        raise RuntimeError(f"expected first derivatives only; got a second one: {NO_POTENTIAL}")
