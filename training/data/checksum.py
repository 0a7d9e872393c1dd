"""A checksum of numbers, by which data are known again."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

from .progress import progress

if TYPE_CHECKING:
    import numpy as np
    from jaxtyping import UInt8

_BLOCK = 2**26
"""Bytes that are summed between two looks at the bar."""


def checked_sum(data: UInt8[np.ndarray, "..."], words: str, before: int = 0) -> int:
    """Return the CRC-32 of bytes, a bar with these words beside it.

    Args:
        data: of any shape, contiguous.
        words: what the bar says.
        before: the sum of what comes before.

    >>> import numpy as np
    >>> checked_sum(np.frombuffer(b"123456789", np.uint8), "Checking")
    3421780262
    """
    rest, found = data.reshape(-1), before
    with progress(words, rest.size) as advance:
        for first in range(0, rest.size, _BLOCK):
            block = rest[first : first + _BLOCK]
            found = zlib.crc32(block.data, found)
            advance(block.size)
    return found
