"""How far two pictures are apart, as a reconstruction is judged: by values, by squares, by structure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import torch
from torch import Tensor

from training.rules.pulls import wide

if TYPE_CHECKING:
    from collections.abc import Callable

    from jaxtyping import Float

Distance = Literal["l2", "l1", "ssim"]
_WINDOW = 11
"""Of the structural similarity as its authors take it; less for pictures that are smaller."""
_DEVIATION = 1.5


def l2(y: Tensor, x: Tensor) -> Float[Tensor, ""]:
    """Return mean((y − x)²)."""
    return (y - x).square().mean()


def l1(y: Tensor, x: Tensor) -> Float[Tensor, ""]:
    """Return mean(|y − x|)."""
    return (y - x).abs().mean()


def ssim(
    y: Float[Tensor, "batch channels height width"],
    x: Float[Tensor, "batch channels height width"],
    low: float = -1.0,
    high: float = 1.0,
) -> Float[Tensor, ""]:
    """Return 1 − the structural similarity of pictures, averaged over them.

    0 for equal pictures, up to 2.  By Gaussian windows of 11×11 and deviation 1.5, borders reflected; in
    pictures that are smaller than that by the largest that fit, their deviation in proportion (0.97 for 8×8).
    Means are compared relatively to black, so values are moved to begin there.

    Args:
        y: pictures.
        x: others.
        low: black.
        high: white.

    Raises:
        ValueError: these are no pictures, or their side is below 3.

    References: Wang et al., Image quality assessment: from error visibility to structural similarity (2004).
    """
    from torchmetrics.functional.image import structural_similarity_index_measure

    if y.ndim != 4 or min(y.shape[2:]) < 3:
        raise ValueError(
            "`ssim` needs pictures of 3×3 or more, shape (batch, channels, height, width); "
            f"got {tuple(y.shape)}"
        )
    y, x = wide(y) - low, wide(x) - low
    side = min(_WINDOW, (min(y.shape[2:]) - 1) // 2 * 2 + 1)
    # The library takes its window from the deviation: 3.5 deviations to each side, rounded.
    deviation = min(_DEVIATION, ((side - 1) / 2 + 0.4) / 3.5)
    with torch.autocast(y.device.type, enabled=False):
        similar = structural_similarity_index_measure(y, x, sigma=deviation, data_range=high - low)
    if not isinstance(similar, Tensor):
        raise TypeError(f"expected one number of the structural similarity; got {type(similar).__name__}")
    return 1 - similar


DISTANCES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {"l2": l2, "l1": l1, "ssim": ssim}


def scale(reduction: Literal["half_sum", "mean"], x: Tensor) -> float:
    """Return what a mean over the entries of x is multiplied by: D/2 for "half_sum", 1 for "mean".

    >>> import torch
    >>> scale("half_sum", torch.zeros(7, 3, 2)), scale("mean", torch.zeros(7, 3, 2))
    (3.0, 1.0)
    """
    return x[0].numel() / 2 if reduction == "half_sum" else 1.0
