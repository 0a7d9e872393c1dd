"""Torch for `analysis`: tensors, derivatives and the random state of networks."""

from __future__ import annotations

import copy
import warnings
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    import numpy as np
    from jaxtyping import Float, Inexact


class Torch:
    """`analysis.frameworks.Framework` for torch; found by the entry point "torch"."""

    def tensor(
        self, x: Inexact[np.ndarray, "*shape"] | Tensor, subject: Any, dtype: str | None, device: str | None
    ) -> Tensor:
        """X as a tensor, of the dtype and on the device named, or else of the subject's parameters."""
        given = x if isinstance(x, Tensor) else torch.tensor(x)
        home = _home(subject, given)
        target = _dtype(dtype) if dtype else home.dtype
        return given.to(device=device or home.device, dtype=target if given.is_floating_point() else None)

    def moved(self, subject: Any, dtype: str | None, device: str | None) -> Any:
        """A copy of the subject, a network or a tensor, in that dtype and on that device."""
        wanted = {"dtype": _dtype(dtype)} if dtype else {}
        return copy.deepcopy(subject).to(device=device, **wanted) if hasattr(subject, "to") else subject

    def devices(self) -> tuple[str, ...]:
        """The devices that can be used on this machine, "cpu" first."""
        found = torch.accelerator.current_accelerator() if torch.accelerator.is_available() else None
        return ("cpu", str(found)) if found is not None else ("cpu",)

    def random_state(self) -> bytes:
        """The state of the global generators, that of the accelerator too where it is in use."""
        state = torch.get_rng_state().numpy().tobytes()
        if torch.cuda.is_available():
            state += torch.cuda.get_rng_state().numpy().tobytes()
        return state

    def without_gradients(self) -> AbstractContextManager[None]:
        """A context in which no graph is kept."""
        return torch.no_grad()

    def directional(self, f: Callable[[Tensor], Tensor], x: Tensor, v: Tensor) -> Tensor:
        """J(x)v by forward mode: one pass at about twice the cost."""
        with warnings.catch_warnings():
            # The first call loads decompositions that torch itself still compiles by what it deprecates.
            warnings.filterwarnings("ignore", "`torch.jit", DeprecationWarning)
            product: Tensor = torch.func.jvp(f, (x,), (v,))[1]
        return product.detach()

    def slope(
        self, objective: Callable[[Tensor], Float[Tensor, " batch"]], x: Tensor
    ) -> tuple[Float[Tensor, " batch"], Tensor]:
        """The objective at each sample and its gradient there."""
        with torch.enable_grad():
            x = x.detach().requires_grad_()
            values = objective(x)
            (gradient,) = torch.autograd.grad(values.sum(), x)
        return values.detach(), gradient

    def normal(self, like: Tensor, seed: int) -> Tensor:
        """Entries from N(0, 1), of the shape, dtype and device of another tensor."""
        generator = torch.Generator().manual_seed(seed)
        drawn = torch.randn(like.shape, generator=generator, dtype=torch.float64)
        return drawn.to(like)


def _home(subject: Any, otherwise: Tensor) -> Tensor:
    """A floating-point parameter or buffer of the network, which says where and in what it computes."""
    if isinstance(subject, Tensor):
        return subject
    tensors = (*subject.parameters(), *subject.buffers()) if isinstance(subject, nn.Module) else ()
    return next((t for t in tensors if t.is_floating_point()), otherwise)


def _dtype(name: str) -> torch.dtype:
    found = getattr(torch, name, None)
    if not isinstance(found, torch.dtype):
        raise ValueError(f"expected a dtype that torch has; got {name!r}")
    return found
