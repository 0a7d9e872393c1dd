"""Pictures written to files."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from pathlib import Path

    from jaxtyping import Float
    from torch import Tensor


def write_picture(x: Float[Tensor, "channels height width"], path: Path) -> None:
    """Write a picture with pixels from 0 to 1 in the format that the suffix names, 8 bits a channel.

    What lies beyond 0 and 1 is clipped, what is not a number black.

    Args:
        x: 1 channel or 3.
        path: of the file.

    Raises:
        ValueError: it is no such picture.
        OSError: it cannot be written there.

    >>> import tempfile, torch
    >>> from pathlib import Path
    >>> from training.data.decoding import upright
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "grey.png"
    ...     write_picture(torch.tensor([[[0.0, 0.5, 2.0]]]), path)
    ...     np.asarray(upright(path)).tolist()
    [[0, 128, 255]]
    """
    if x.ndim != 3 or x.shape[0] not in (1, 3) or 0 in x.shape:
        raise ValueError(f"expected a picture of shape (1 or 3, height, width); got {tuple(x.shape)}")
    plain = np.nan_to_num(x.detach().cpu().double().numpy(), nan=0, posinf=1, neginf=0)
    pixels = np.round(255 * np.clip(plain, 0, 1)).astype(np.uint8)
    Image.fromarray(pixels[0] if len(pixels) == 1 else pixels.transpose(1, 2, 0)).save(path)
