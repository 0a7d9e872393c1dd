"""What data parallel training needs besides torch's own wrappers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torch.distributed as dist

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor


def samples_per_process(y: Float[Tensor, "batch *sample"]) -> Float[Tensor, ""]:
    """Return the mean number of samples over all processes, for `idempotency_loss(…, samples=…)`.

    Data parallel wrappers average the processes' gradients, so that a sample of a small shard counts for
    more than one of a large shard.  Divided by the mean B̄ = ΣB/p of the shards' numbers rather than by
    its own B, each process's gradient has its samples count as they would in one process.

    Args:
        y: this process's outputs, shape (B, …).

    Returns:
        A scalar on the device of y; len(y) where there is but one process.

    Cost: one reduction of one number over all processes, which each of them must call.

    >>> samples_per_process(torch.zeros(5, 2))
    tensor(5.)
    """
    number = torch.tensor(float(len(y)), dtype=torch.promote_types(y.dtype, torch.float32), device=y.device)
    if dist.is_available() and dist.is_initialized():
        dist.all_reduce(number)
        number /= dist.get_world_size()
    return number
