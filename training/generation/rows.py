"""What the measures are taken of: two sets of rows of numbers, in double on the CPU."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from torch import Tensor

if TYPE_CHECKING:
    from jaxtyping import Float

    Rows = Float[np.ndarray, "n d"]


def as_rows(x: Float[Tensor, "n *sample"], name: str, least: int = 1) -> Rows:
    """Return samples as rows of doubles.

    Args:
        x: of any floating-point dtype, on any device.
        name: what an error calls it.
        least: how many are needed.

    Raises:
        TypeError: x is no tensor.
        ValueError: it has no axis of samples and one of numbers, holds too few samples, or is not finite.

    >>> import torch
    >>> as_rows(torch.ones(2, 1, 2, 2), "samples").shape
    (2, 4)
    """
    if not isinstance(x, Tensor):
        raise TypeError(f"`{name}` must be a tensor; got {type(x).__name__}")
    if x.ndim < 2:
        raise ValueError(f"`{name}` must be of shape (samples, …); got {tuple(x.shape)}")
    if len(x) < least:
        raise ValueError(f"expected at least {least} samples in `{name}`; got {len(x)}")
    rows = x.detach().flatten(1).cpu().double().numpy()
    if spoilt := int((~np.isfinite(rows)).any(1).sum()):
        raise ValueError(f"`{name}` must be finite; got {spoilt} of {len(rows)} samples that are not")
    return rows


def two_sets(
    x: Float[Tensor, "n *sample"],
    y: Float[Tensor, "m *sample"],
    names: tuple[str, str],
    least: int,
    *,
    equal: bool = False,
) -> tuple[Rows, Rows]:
    """Return both sets as rows.

    Args:
        x: one set.
        y: the other.
        names: what errors call them.
        least: how many samples each must have.
        equal: whether they must have as many.

    Raises:
        ValueError: as `as_rows`, or the sets do not match.
    """
    first, second = as_rows(x, names[0], least), as_rows(y, names[1], least)
    if first.shape[1] != second.shape[1]:
        raise ValueError(
            f"expected samples of one size in `{names[0]}` and `{names[1]}`; "
            f"got {tuple(x.shape)} and {tuple(y.shape)}"
        )
    if equal and len(first) != len(second):
        raise ValueError(
            f"expected as many samples in `{names[0]}` as in `{names[1]}`, for the measure depends on how "
            f"many; got {len(first)} and {len(second)}"
        )
    return first, second
