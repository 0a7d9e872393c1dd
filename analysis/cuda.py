"""`basins` on a CUDA device: the same `follow`, a pixel a thread."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numba import cuda

from .kernel import follow

if TYPE_CHECKING:
    from jaxtyping import Float, Int

    from .traps import Traps

_THREADS = (32, 8)


def require_device() -> None:
    """Raise ValueError where numba finds no CUDA device."""
    if not cuda.is_available():
        raise ValueError('`device` "cuda" takes a CUDA device that numba can use; found none')


@cuda.jit
def _label(traps, labels, steps, lefts, heights, most):
    """Label one pixel."""
    j, i = cuda.grid(2)
    if i < labels.shape[0] and j < labels.shape[1]:
        labels[i, j], steps[i, j] = follow(traps, lefts[j], heights[i], most)


def label_rows(
    traps: Traps,
    labels: Int[np.ndarray, "rows columns"],
    steps: Int[np.ndarray, "rows columns"],
    lefts: Float[np.ndarray, " across"],
    heights: Float[np.ndarray, " rows"],
    start: int,
    stop: int,
    most: int,
) -> None:
    """Fill the rows from `start` to `stop`, like `kernel.label_rows`."""
    shape = stop - start, len(lefts)
    found_labels, found_steps = cuda.device_array(shape, np.int8), cuda.device_array(shape, np.uint16)
    arrays: dict[str, Any] = {
        name: cuda.to_device(value)
        for name, value in traps._asdict().items()
        if isinstance(value, np.ndarray)
    }
    there = traps._replace(**arrays)
    blocks = -(-shape[1] // _THREADS[0]), -(-shape[0] // _THREADS[1])
    _label[blocks, _THREADS](
        there, found_labels, found_steps, cuda.to_device(lefts), cuda.to_device(heights[start:stop]), most
    )
    labels[start:stop, : shape[1]] = found_labels.copy_to_host()
    steps[start:stop, : shape[1]] = found_steps.copy_to_host()
