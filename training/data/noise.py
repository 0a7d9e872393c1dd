"""Noise to generate from: Gaussian, or with the Fourier statistics of a data set.

Pictures here go from −1 to 1, as a network that ends with tanh makes them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, Self

import torch
from torch import Tensor, nn

from .progress import progress

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jaxtyping import Float

_AT_A_TIME = 1024


class Sliceable(Protocol):
    """Pictures from 0 to 1 by slices: `Pictures`, or a tensor of them."""

    def __len__(self) -> int: ...

    def __getitem__(self, which: slice, /) -> Tensor: ...


class GaussianNoise(nn.Module):
    """Independent standard normal numbers in the shape of a picture.

    Args:
        shape: (channels, height, width).

    >>> GaussianNoise((1, 8, 8))(5, torch.Generator().manual_seed(0)).shape
    torch.Size([5, 1, 8, 8])
    """

    place: Tensor

    def __init__(self, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.shape = shape
        self.register_buffer("place", torch.zeros(()), persistent=False)

    @classmethod
    def of(cls, pictures: Sliceable) -> Self:
        """Return noise in the shape of these pictures."""
        return cls(tuple(pictures[:1].shape[1:]))

    def forward(
        self, count: int, generator: torch.Generator | None = None
    ) -> Float[Tensor, "count channels height width"]:
        """Return so many draws, on this module's device whatever the generator's."""
        return _normal((count, *self.shape), generator, self.place)


class FourierNoise(nn.Module):
    """Noise with the mean and the covariance, frequency by frequency, of a data set's Fourier coefficients.

    With F the unitary discrete Fourier transform of each channel and x from −1 to 1,

        z = F⁻¹ ẑ,   (Re ẑ_ck, Im ẑ_ck) = μ_ck + L_ck ξ,   ξ ~ N(0, I₂),   L_ck L_ckᵀ = Σ_ck,

    μ_ck and Σ_ck the mean and 2×2 covariance of (Re, Im) of (Fx)_ck over the data, ξ independent for each
    channel c and frequency k but for ẑ_c,−k = conj ẑ_ck, which makes z real.  So z has the mean picture and
    the power spectrum of the data, and none of its phases.  (The real part of coefficients drawn for all k
    independently would have half the variance.)

    An `nn.Module`: `state_dict` holds μ as `mean` and L as `root`, both over the half of the frequencies that
    a real transform has, and a new `FourierNoise(shape)`, white until then, loads it.

    Args:
        shape: (channels, height, width).

    Cost: a draw is one real Fourier transform, O(D log D) for D numbers.

    References: A. Shocher, A. Dravid, Y. Gandelsman, I. Mosseri, M. Rubinstein and A. Efros, Idempotent
    Generative Network (ICLR 2024): the noise of its experiments.

    >>> from training import digits
    >>> noise = FourierNoise.of(digits().part("train"))
    >>> z = noise(1000, torch.Generator().manual_seed(0))
    >>> z.shape, round(float(z.mean()), 2), round(float(2 * digits().train.mean() - 1), 2)
    (torch.Size([1000, 1, 8, 8]), -0.39, -0.39)
    """

    mean: Tensor
    root: Tensor

    def __init__(self, shape: tuple[int, int, int]) -> None:
        super().__init__()
        channels, height, width = self.shape = shape
        half = (channels, height, width // 2 + 1, 2)
        white = torch.eye(2).expand(*half, 2) * 0.5**0.5
        self.register_buffer("mean", torch.zeros(half))
        self.register_buffer("root", white.clone())
        real = _conjugate_of_itself(height, width)
        self.root[:, real] = torch.tensor([[1.0, 0.0], [0.0, 0.0]])

    @classmethod
    def of(cls, pictures: Sliceable) -> Self:
        """Return noise with the statistics of these pictures, in one pass over them, in double precision.

        Args:
            pictures: from 0 to 1, (n, channels, height, width) by slices.

        Raises:
            ValueError: there are fewer than two, or they have other axes.
        """
        shape = tuple(pictures[:1].shape[1:])
        if len(pictures) < 2 or len(shape) != 3:
            raise ValueError(
                "`pictures` must be two or more with the axes channels, height, width; "
                f"got {len(pictures)} of shape {shape}"
            )
        found = cls((shape[0], shape[1], shape[2]))
        count = len(pictures)
        origin = _coefficients(pictures[:_AT_A_TIME]).mean(0)  # near the mean: squares lose no digits
        total, square = torch.zeros_like(origin), torch.zeros(*origin.shape, 2, dtype=origin.dtype)
        with progress(f"Fourier statistics of {count} pictures", count) as advance:
            for first in range(0, count, _AT_A_TIME):
                away = _coefficients(pictures[first : first + _AT_A_TIME]) - origin
                total += away.sum(0)
                square += torch.einsum("nchki,nchkj->chkij", away, away)
                advance(len(away))
        mean = total / count
        covariance = (square - count * mean[..., None] * mean[..., None, :]) / (count - 1)
        found.mean.copy_(origin + mean)
        found.root.copy_(_root(covariance))
        return found

    def forward(
        self, count: int, generator: torch.Generator | None = None
    ) -> Float[Tensor, "count channels height width"]:
        """Return so many draws, on this module's device whatever the generator's."""
        height, width = self.shape[1:]
        drawn = _normal((count, *self.mean.shape), generator, self.mean)
        parts = self.mean + (self.root * drawn[..., None, :]).sum(-1)
        z = torch.view_as_complex(parts)
        for column in {0, width // 2} if width % 2 == 0 else {0}:
            z[:, :, height // 2 + 1 :, column] = z[:, :, 1 : (height + 1) // 2, column].flip(-1).conj()
        noise: Tensor = torch.fft.irfft2(z, s=(height, width), norm="ortho")
        return noise


NOISES: Mapping[str, type[GaussianNoise | FourierNoise]] = {
    "gaussian": GaussianNoise,
    "fourier": FourierNoise,
}
"""Each made of pictures by `of`, and drawn from by calling it."""


def _coefficients(x: Tensor) -> Float[Tensor, "n channels height half 2"]:
    """The Fourier coefficients of pictures from 0 to 1, moved to −1 to 1, real and imaginary part last."""
    return torch.view_as_real(torch.fft.rfft2(2 * x.double() - 1, norm="ortho"))


def _root(covariance: Float[Tensor, "*shape 2 2"]) -> Float[Tensor, "*shape 2 2"]:
    """L of L Lᵀ = Σ, lower triangular; of singular Σ too, as where a coefficient is real or constant."""
    a, b, d = covariance[..., 0, 0], covariance[..., 0, 1], covariance[..., 1, 1]
    first = a.clamp(min=0).sqrt()
    slope = torch.where(first > 0, b / first, 0.0)
    rest = (d - slope.square()).clamp(min=0).sqrt()
    return torch.stack([torch.stack([first, torch.zeros_like(a)], -1), torch.stack([slope, rest], -1)], -2)


def _conjugate_of_itself(height: int, width: int) -> Tensor:
    """Which frequencies of the half that a real transform has are their own negatives: bool."""
    down, across = torch.arange(height)[:, None], torch.arange(width // 2 + 1)
    return (2 * down % height == 0) & (2 * across % width == 0)


def _normal(shape: tuple[int, ...], generator: torch.Generator | None, like: Tensor) -> Tensor:
    """Standard normal numbers from wherever the generator is, of the kind and in the place of another."""
    at = like.device if generator is None else generator.device
    return torch.randn(shape, generator=generator, device=at, dtype=like.dtype).to(like.device)
