"""scikit-learn's digits, which come with it."""

from __future__ import annotations

import torch

from .images import Images


def digits() -> Images:
    """Return scikit-learn's 1797 handwritten digits of 8×8 pixels, split 1197/300/300, with their labels.

    Pixels are from 0 to 16.  Needs no network and no file besides scikit-learn's own.

    References: E. Alpaydin and C. Kaynak, Optical Recognition of Handwritten Digits, UCI Machine
    Learning Repository (1998), test part.

    >>> images = digits()
    >>> images
    Images(digits, 8×8, 1197 + 300 + 300)
    >>> images.part("test").labels[:5].tolist()
    [3, 7, 8, 5, 7]
    """
    from sklearn.datasets import load_digits

    found = load_digits()
    pixels = torch.tensor(found.images, dtype=torch.uint8)[:, None]
    order = torch.randperm(len(pixels), generator=torch.Generator().manual_seed(0))
    train, validation, test = order.tensor_split([1197, 1497])
    return Images("digits", pixels, (train, validation, test), torch.tensor(found.target), white=16)
