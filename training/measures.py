"""How idempotent a network is, never without the guard against collapse beside it.

A constant map is perfectly idempotent.  So the error alone says nothing: `metrics` sets beside it
how much variance the outputs keep and in how many directions, and where nearly none is kept the
word is *collapsed*, not a number.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from analysis.collapse import VARIANCE_FLOOR, effective_rank
from analysis.frameworks import in_mode

from .rules.applications import application
from .rules.pulls import wide

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from jaxtyping import Float

_ROWS = 512


def metrics(
    net: Callable[[Tensor], Tensor],
    x: Float[Tensor, "batch *sample"],
    variance_floor: float = VARIANCE_FLOOR,
) -> dict[str, float | bool]:
    """Return how idempotent f is on x, with the guard against collapse.

    With y = f(x), z = f(y), ȳ the mean of y over the batch, I the unit vectors of the input space:

    - error: mean((z − y)²), the idempotent error;
    - relative: Σ‖z − y‖² / Σ‖y‖²;
    - centred: Σ‖z − y‖² / Σ‖y − ȳ‖², nan where collapsed;
    - kept: Σ‖y − ȳ‖² / Σ‖x − x̄‖², the share of the inputs' variance;
    - rank: the effective rank of y − ȳ, exp of the entropy of its normalised singular values (of
      the first 512 rows, where both the batch and the samples are larger);
    - trace, norm: of f(I), norm by Frobenius, as the sources plot them;
    - collapsed: whether kept is below `variance_floor`.

    Args:
        net: f; a module is measured in evaluation mode and left in the mode it was in.
        x: at least two inputs.
        variance_floor: the share of variance below which outputs count as collapsed.

    Raises:
        ValueError: x holds fewer than two inputs or is not finite, or f changes the shape.

    Cost: 2 passes over x, one over the D unit vectors, one eigendecomposition of min(B, D)².

    References: Roy and Vetterli, The effective rank (EUSIPCO 2007), eq. 3; the trap of the
    metric: `docs/method.md`.

    >>> metrics(lambda x: x[:1].expand_as(x), torch.eye(3))["collapsed"]
    True
    """
    if x.ndim < 2 or x.shape[0] < 2:
        raise ValueError(f"`x` must hold at least two inputs, shape (batch, …); got {tuple(x.shape)}")
    if not bool(torch.isfinite(x).all()):
        raise ValueError("`x` must be finite; got nan or infinite entries")
    with torch.no_grad(), in_mode(net, "eval"):
        found = measure(net, x) | at_unit_vectors(net, x)
    return guarded(found, variance_floor)


def guarded(
    found: Mapping[str, Float[Tensor, ""]], variance_floor: float = VARIANCE_FLOOR
) -> dict[str, float | bool]:
    """Return numbers, with whether the outputs collapsed; then there is no centred error but nan."""
    values = {name: float(value) for name, value in found.items()}
    collapsed = not values["kept"] >= variance_floor
    return values | {
        "centred": float("nan") if collapsed else values["centred"],
        "collapsed": collapsed,
    }


def measure(
    net: Callable[[Tensor], Tensor], x: Float[Tensor, "batch *sample"]
) -> dict[str, Float[Tensor, ""]]:
    """Return error, relative, centred, kept and rank as scalars; fit for `torch.vmap`."""
    y = application(net, x)
    return compare(x, y, application(net, y))


def compare(
    x: Float[Tensor, "batch *sample"], y: Float[Tensor, "batch *sample"], z: Float[Tensor, "batch *sample"]
) -> dict[str, Float[Tensor, ""]]:
    """Return what `measure` does of inputs x, outputs y and z = f(y)."""
    x, y, z = wide(x), wide(y), wide(z)
    squares = (z - y).square().sum()
    centred = (y - y.mean(0)).flatten(1)
    spread = centred.square().sum()
    return {
        "error": (z - y).square().mean(),
        "relative": squares / y.square().sum(),
        "centred": squares / spread,
        "kept": spread / (x - x.mean(0)).square().sum(),
        "rank": effective_rank(centred[:_ROWS] if centred.shape[1] > _ROWS else centred),
    }


def at_unit_vectors(
    net: Callable[[Tensor], Tensor], x: Float[Tensor, "batch *sample"], chunk: int = 1024
) -> dict[str, Float[Tensor, ""]]:
    """Return trace and norm of f(I), a row for each unit vector of the space of x; fit for `torch.vmap`."""
    size = x[0].numel()
    trace = squares = torch.zeros((), dtype=x.dtype, device=x.device)
    for start in range(0, size, chunk):
        count = min(chunk, size - start)
        units = torch.zeros(count, size, dtype=x.dtype, device=x.device)
        units[torch.arange(count), start + torch.arange(count)] = 1
        rows = wide(net(units.reshape(count, *x.shape[1:]))).reshape(count, size)
        trace = trace + rows.diagonal(start).sum()
        squares = squares + rows.square().sum()
    return {"trace": trace, "norm": squares.sqrt()}
