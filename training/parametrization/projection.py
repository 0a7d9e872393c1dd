"""The projector P(A) = lim gᵏ(A) as an operation of torch: with derivatives, vectorised, compiled.

The docstring of `training.parametrization.registration` derives them.
"""

from __future__ import annotations

from contextlib import contextmanager
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, library
from torch.linalg import LinAlgError  # type: ignore[attr-defined]  # torch's stubs leave it out

from analysis.iteration import residual_law
from corrector import MCWEENY, Corrector
from corrector.arithmetic import Elements

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jaxtyping import Float, Inexact, Int

_NEAR = 0.25
"""Where ‖K − K²‖ is less, iteration converges, to the spectral projector."""


def near(K: Inexact[Tensor, "*batch m m"]) -> Inexact[Tensor, "*batch m m"] | None:
    """The projectors that the matrices are near, where all of them are: ‖K − K²‖ < ¼."""
    with full_precision(K):
        near = bool((torch.linalg.matrix_norm(K - K @ K) < _NEAR).all())
        return _limit(K, MCWEENY, 100)[0] if near else None


def _limit(
    A: Inexact[Tensor, "*batch m m"], g: Corrector, max_steps: int
) -> tuple[Inexact[Tensor, "*batch m m"], Int[np.ndarray, "*batch"], Float[np.ndarray, "*batch"]]:
    """The limit P of gᵏ(A), the steps that each matrix took and ‖P − P²‖/‖P‖, infinite where there is none.

    A matrix rests once ‖K − K²‖ is what rounding K, and the product K·K, make of zero, and stops at the
    floor once a residual that must fall by half does not.  What rests is left alone, to the bit.
    """
    K = wide(A)
    unit, stored = (torch.finfo(dtype).eps / 2 for dtype in (K.dtype, A.dtype))
    steps = np.zeros(A.shape[:-2], dtype=np.int64)
    before, falling = np.full(steps.shape, np.inf), np.zeros(steps.shape, dtype=bool)
    for step in range(max_steps + 1):
        R = K - K @ K
        residual, size = _gathered(torch.linalg.matrix_norm(R), torch.linalg.matrix_norm(K))
        rests = residual <= (unit if step else stored) * size + 2 * unit * size**2
        floored = falling & (residual > before / 2)
        finite = np.isfinite(residual) & np.isfinite(size)
        going = finite & ~rests & ~floored
        if step == max_steps or not going.any():
            break
        steps += going
        with np.errstate(over="ignore", invalid="ignore"):  # on the way to infinity
            falling, before = residual_law(g.coefficients, residual, size) <= residual / 2, residual
        K = torch.where(_like(going, K), g.plan.over(K, _MATRICES, R), K)
    ended = finite & ~going
    return K, steps, np.where(ended, residual, np.inf) / np.where(ended & (size > 0), size, 1)


_MATRICES = Elements(torch.matmul, float)

_PAIRS = Elements(lambda X, Y: torch.stack([X[0] @ Y[0], X[0] @ Y[1] + X[1] @ Y[0]]), float)
"""(X, Ẋ), stacked: X and how it changes, with (XY)˙ = XẎ + ẊY."""


@library.custom_op("corrector::project", mutates_args=())
def _project(
    A: Tensor, base: Tensor, corrector: str, steps: int, label: str
) -> tuple[Tensor, Tensor, Tensor]:
    """P at A, the steps taken and t = 1; or at base + t(A − base), t = ½, ¼, …, where that is no good before.

    It is good if it exists, has the rank of base, at most twice its norm and more than half the digits: next
    to the border of the basins projectors of any norm are found.  With t = 0 it is base.
    """
    if not bool(torch.isfinite(A).all()):
        raise LinAlgError(f"{label} must be finite; got nan or infinite entries: see the gradients")
    start = wide(base)
    difference, rank, longest = wide(A) - start, ranks(start), 2 * torch.linalg.matrix_norm(start)
    still = (difference == 0).flatten(-2).all(-1)
    share = torch.ones_like(longest)
    trial = A
    for _ in range(_HALVINGS):
        with full_precision(A):
            P, taken, residual = _limit(trial, _read(corrector), steps)
        digits = torch.as_tensor(residual, device=A.device) <= torch.finfo(P.dtype).eps ** 0.5 / 8
        good = still | (digits & (ranks(P) == rank) & (torch.linalg.matrix_norm(P) <= longest))
        if bool(good.all()):
            break
        share = torch.where(good, share, share / 2)
        trial = _between(start, difference, share).to(A.dtype)
    P = torch.where(good[..., None, None], P, start)
    return P.to(A.dtype, copy=True), torch.as_tensor(taken, device=A.device), share * good


@_project.register_fake
def _(A: Tensor, *_: Any) -> tuple[Tensor, Tensor, Tensor]:
    share = wide(A).real.new_empty(A.shape[:-2])
    return torch.empty_like(A, memory_format=torch.contiguous_format), share.long(), share


_HALVINGS = 20


def _between(base: Tensor, difference: Tensor, share: Tensor) -> Tensor:
    return base + share[..., None, None] * difference


@library.custom_op("corrector::pull_back", mutates_args=())
def _pull_back(A: Tensor, G: Tensor, steps: Tensor, corrector: str) -> Tensor:
    """L(A*, G), L the Fréchet derivative of P: as many steps with pairs as A takes, and one more.

    The last, at the projector, takes away what is left of G within the invariant subspaces.
    """
    g = _read(corrector)
    with full_precision(A):
        pair = torch.stack([wide(A).mH, wide(G)])
        for _ in range(int(steps.max()) + 1):
            pair = g.plan.over(pair, _PAIRS)
    return pair[1].to(G.dtype, copy=True)


@_pull_back.register_fake
def _(A: Tensor, G: Tensor, steps: Tensor, corrector: str) -> Tensor:  # noqa: ARG001 - torch passes by name
    return torch.empty_like(G, memory_format=torch.contiguous_format)


class _Projector(torch.autograd.Function):
    """`_project` as a function of A that can be differentiated and vectorised; t is held."""

    @staticmethod
    def forward(
        A: Tensor, base: Tensor, corrector: str, steps: int, label: str
    ) -> tuple[Tensor, Tensor, Tensor]:
        found: tuple[Tensor, Tensor, Tensor] = _project(A, base, corrector, steps, label)
        return found

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
        ctx.mark_non_differentiable(*output[1:])
        ctx.save_for_backward(*inputs[:2], *output[1:])
        ctx.corrector = inputs[2]

    @staticmethod
    def backward(ctx: Any, G: Tensor, *_: Tensor) -> tuple[Tensor | None, ...]:
        A, base, steps, share = ctx.saved_tensors
        K = _between(base, A - base, share).to(A.dtype)
        E = _apply(_Adjoint, K, G, steps, ctx.corrector)
        return (share[..., None, None] * E).to(A.dtype), None, None, None, None

    @staticmethod
    def vmap(info: Any, in_dims: Any, A: Tensor, base: Tensor, *rest: Any) -> Any:
        first = [_first(x, dim, info.batch_size) for x, dim in zip((A, base), in_dims, strict=False)]
        return _apply(_Projector, *first, *rest), (0, 0, 0)


class _Adjoint(torch.autograd.Function):
    """L(A*, G), likewise."""

    @staticmethod
    def forward(A: Tensor, G: Tensor, steps: Tensor, corrector: str) -> Tensor:
        found: Tensor = _pull_back(A, G, steps, corrector)
        return found

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:  # noqa: ARG004 - torch's own signature
        ctx.save_for_backward(*inputs[:3])
        ctx.corrector = inputs[3]

    @staticmethod
    def backward(ctx: Any, H: Tensor) -> tuple[Tensor | None, ...]:
        """The adjoint of (A, G) ↦ L(A*, G), the upper right block of P at C = [[A*, G], [0, A*]]."""
        A, G, steps = ctx.saved_tensors
        m, zero = A.shape[-1], torch.zeros_like(A)
        C = _blocks(A.mH, G, zero, A.mH)
        M = _apply(_Adjoint, C, _blocks(zero, H, zero, zero), steps + 1, ctx.corrector)
        return (M[..., :m, :m] + M[..., m:, m:]).mH, M[..., :m, m:], None, None

    @staticmethod
    def vmap(info: Any, in_dims: Any, A: Tensor, G: Tensor, steps: Tensor, corrector: str) -> Any:
        first = [_first(x, dim, info.batch_size) for x, dim in zip((A, G, steps), in_dims, strict=False)]
        return _apply(_Adjoint, *first, corrector), 0


def project(A: Tensor, base: Tensor, corrector: str, steps: int, label: str) -> Tensor:
    """P(A), of the rank of base, or that of the next good point on the way to A from there."""
    P: Tensor = _apply(_Projector, A, base, corrector, steps, label)[0]
    return P


def _apply(function: type[torch.autograd.Function], *arguments: Any) -> Any:
    return function.apply(*arguments)  # type: ignore[no-untyped-call]  # of torch


def _first(x: Tensor, dim: int | None, size: int) -> Tensor:
    """The tensor with the axis of vmap in front."""
    return x.expand(size, *x.shape) if dim is None else x.movedim(dim, 0)


def _blocks(a: Tensor, b: Tensor, c: Tensor, d: Tensor) -> Tensor:
    """[[a, b], [c, d]]."""
    return torch.cat([torch.cat([a, b], -1), torch.cat([c, d], -1)], -2)


@contextmanager
def full_precision(like: Tensor) -> Iterator[None]:
    """Products to the last digit: no autocast, and from torch 2.9 on, which has the switch, no TF32.

    Residuals would stay at their rounding.
    """
    either: list[Any] = [torch.backends.cuda.matmul, getattr(torch.backends.mkldnn, "matmul", None)]
    backends = [backend for backend in either if hasattr(backend, "fp32_precision")]
    before = [backend.fp32_precision for backend in backends]
    try:
        for backend in backends:
            backend.fp32_precision = "ieee"
        with torch.autocast(like.device.type, enabled=False):
            yield
    finally:
        for backend, precision in zip(backends, before, strict=True):
            backend.fp32_precision = precision


def ranks(P: Inexact[Tensor, "*batch m m"]) -> Int[Tensor, "*batch"]:
    """The traces, which are the ranks of projectors."""
    return wide(P).diagonal(dim1=-2, dim2=-1).sum(-1).real.round().long()


def wide(x: Tensor) -> Tensor:
    """X in float32 at least."""
    return x.float() if x.dtype in (torch.float16, torch.bfloat16) else x


def _gathered(*values: Tensor) -> np.ndarray[Any, Any]:
    """Numbers on the host, in one transfer."""
    gathered: np.ndarray[Any, Any] = torch.stack(values).double().cpu().numpy()
    return gathered


def _like(flags: np.ndarray[Any, Any], K: Tensor) -> Tensor:
    return torch.as_tensor(flags, device=K.device)[..., None, None]


@lru_cache(maxsize=64)
def _read(corrector: str) -> Corrector:
    """The corrector that was written so: operators of torch take no objects."""
    return Corrector.from_json(corrector)
