"""What may have been done to pictures: noise, masks, blur, sketches, by name and strength.

Pictures are numbers from 0 to 1, (n, channels, height, width); each corruption is a function of them, of a
strength, and where it draws by chance of a generator.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch.nn.functional import avg_pool2d, conv2d, interpolate, pad

from training.generators import generator

if TYPE_CHECKING:
    from collections.abc import Callable

    from jaxtyping import Float
    from torch import Tensor

    Pictures = Float[Tensor, "n channels height width"]

_LUMINANCE = (0.299, 0.587, 0.114)
_GREY = 0.5
"""What a mask shows: 0 where pixels go from −1 to 1."""


def noisy(x: Pictures, deviation: float, chance: torch.Generator) -> Pictures:
    """Return x + σε, ε standard normal, not clipped.

    >>> noisy(torch.zeros(1, 1, 1, 2), 0.0, torch.Generator()).tolist()
    [[[[0.0, 0.0]]]]
    """
    return x + deviation * torch.randn(x.shape, generator=chance, dtype=x.dtype)


def masked(x: Pictures, share: float, chance: torch.Generator) -> Pictures:
    """Return pictures of which a rectangle is grey, ½: this share of the area, but for rounding.

    Its sides are round(√share·height) and round(√share·width), its place is drawn for each picture anew.

    >>> covered = masked(torch.ones(1, 1, 4, 4), 0.25, torch.Generator().manual_seed(0))
    >>> int((covered == 0.5).sum())
    4
    """
    height, width = x.shape[2:]
    tall, wide = round(math.sqrt(share) * height), round(math.sqrt(share) * width)
    top = torch.randint(height - tall + 1, (len(x), 1), generator=chance)
    left = torch.randint(width - wide + 1, (len(x), 1), generator=chance)
    down, across = torch.arange(height), torch.arange(width)
    inside_down = (down >= top) & (down < top + tall)
    inside_across = (across >= left) & (across < left + wide)
    covered = inside_down[:, None, :, None] & inside_across[:, None, None, :]
    return torch.where(covered, _GREY, x)


def blurred(x: Pictures, deviation: float) -> Pictures:
    """Return pictures averaged over neighbours with weights exp(−d²/2σ²), σ in pixels, to 3σ.

    The pixels at the border go on beyond it.

    >>> blurred(torch.full((1, 1, 3, 3), 0.25), 2.0).allclose(torch.tensor(0.25))
    True
    """
    if not deviation:
        return x
    reach = math.ceil(3 * deviation)
    weights = torch.exp(-torch.arange(-reach, reach + 1, dtype=x.dtype).square() / (2 * deviation**2))
    weights /= weights.sum()
    lines = pad(x, (reach, reach, reach, reach), mode="replicate").flatten(0, 1)[:, None]
    lines = conv2d(lines, weights.reshape(1, 1, -1, 1))
    averaged: Tensor = conv2d(lines, weights.reshape(1, 1, 1, -1)).reshape(x.shape)
    return averaged


def sketched(x: Pictures, strength: float) -> Pictures:
    """Return drawings in black on white: 1 − min(1, s‖∇x‖), the gradient of the brightness by Sobel's masks.

    A step from black to white, straight down or across, has ‖∇x‖ = 1.

    References: I. Sobel, An isotropic 3×3 image gradient operator (1990).

    >>> step = torch.tensor([[0.0, 0, 1, 1]] * 3)[None, None]
    >>> sketched(step, 1.0)[0, 0, 1].tolist()
    [1.0, 0.0, 0.0, 1.0]
    """
    across = torch.tensor([[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]], dtype=x.dtype) / 4
    masks = torch.stack([across, across.T])[:, None]
    slopes: Tensor = conv2d(pad(brightness(x), (1, 1, 1, 1), mode="replicate"), masks)
    black: Tensor = (strength * slopes.norm(dim=1, keepdim=True)).clamp(max=1)
    return (1 - black).expand_as(x).contiguous()


def greyed(x: Pictures) -> Pictures:
    """Return pictures in colour without it: 0.299 R + 0.587 G + 0.114 B in every channel.

    Raises:
        ValueError: they have none.

    References: ITU-R Recommendation BT.601-7 (2011), section 2.5.1.

    >>> [round(v, 3) for v in greyed(torch.eye(3).reshape(3, 3, 1, 1))[:, 0, 0, 0].tolist()]
    [0.299, 0.587, 0.114]
    """
    if x.shape[1] != 3:
        raise ValueError(f"expected pictures in colour, to turn grey; got {x.shape[1]} channel")
    return brightness(x).expand_as(x).contiguous()


def pixelated(x: Pictures, side: float) -> Pictures:
    """Return pictures in which squares of this side have their mean everywhere, those at the border cut off.

    >>> pixelated(torch.tensor([[[[0.0, 1.0, 1.0]]]]), 2.0).tolist()
    [[[[0.5, 0.5, 1.0]]]]
    """
    length = min(int(side), max(x.shape[2:]))
    coarse: Tensor = avg_pool2d(x, length, ceil_mode=True)
    large: Tensor = interpolate(coarse, scale_factor=length, mode="nearest")
    return large[..., : x.shape[2], : x.shape[3]].contiguous()


def inverted(x: Pictures) -> Pictures:
    """Return negatives, 1 − x."""
    return 1 - x


def brightness(x: Pictures) -> Float[Tensor, "n 1 height width"]:
    """Return 0.299 R + 0.587 G + 0.114 B of pictures in colour, and grey ones as they are."""
    if x.shape[1] == 1:
        return x
    weights = torch.tensor(_LUMINANCE, dtype=x.dtype)
    grey: Tensor = (x * weights[:, None, None]).sum(1, keepdim=True)
    return grey


class _Kind(NamedTuple):
    """A corruption by name: the strengths it may have, the one it has unless it is said, what it does."""

    least: float
    greatest: float
    usual: float
    apply: Callable[[Pictures, float, torch.Generator], Pictures]


_KINDS = {
    "noise": _Kind(0, 100, 0.3, noisy),
    "mask": _Kind(0, 1, 0.25, masked),
    "blur": _Kind(0, 20, 1, lambda x, s, _: blurred(x, s)),
    "sketch": _Kind(0, 100, 3, lambda x, s, _: sketched(x, s)),
    "pixelate": _Kind(1, 4096, 2, lambda x, s, _: pixelated(x, s)),
    "grey": _Kind(1, 1, 1, lambda x, _, __: greyed(x)),
    "invert": _Kind(1, 1, 1, lambda x, _, __: inverted(x)),
}
CORRUPTIONS = tuple(_KINDS)
"""Their names."""


@dataclass(frozen=True)
class Corruption:
    """A corruption of some strength; `parsed` reads it.

    | name | strength | from, to | unless it is said |
    |---|---|---|---|
    | noise | standard deviation | 0, 100 | 0.3 |
    | mask | share of the area | 0, 1 | 0.25 |
    | blur | standard deviation in pixels | 0, 20 | 1 |
    | sketch | how black lines are | 0, 100 | 3 |
    | pixelate | side of the squares, whole | 1, 4096 | 2 |
    | grey, invert | none | | |

    Attributes:
        name: of these.
        strength: as the table has it.

    Raises:
        ValueError: there is no such corruption, or none of such strength.

    >>> Corruption("invert")(torch.zeros(1, 1, 1, 2), seed=0).tolist(), str(Corruption("noise", 0.5))
    ([[[[1.0, 1.0]]]], 'noise=0.5')
    """

    name: str
    strength: float | None = None

    def __post_init__(self) -> None:
        if self.name not in _KINDS:
            raise ValueError(f"expected a corruption ({', '.join(CORRUPTIONS)}); got {self.name!r}")
        kind = _KINDS[self.name]
        if self.strength is None:
            object.__setattr__(self, "strength", kind.usual)
            return
        if kind.least == kind.greatest:
            raise ValueError(f"expected {self.name} without a strength; got {self.strength:g}")
        if not kind.least <= self.strength <= kind.greatest:
            raise ValueError(
                f"expected {self.name} from {kind.least:g} to {kind.greatest:g}; got {self.strength:g}"
            )
        if self.name == "pixelate" and self.strength != int(self.strength):
            raise ValueError(f"expected pixelate by a whole number; got {self.strength:g}")

    def __call__(self, x: Pictures, seed: int = 0) -> Pictures:
        """Return corrupted pictures, a function of the seed alone; x stays as it is.

        Raises:
            ValueError: it cannot be done to such pictures.
        """
        if self.strength is None:
            raise RuntimeError("expected a corruption with a strength; got one without")
        return _KINDS[self.name].apply(x, self.strength, generator(seed))

    def __str__(self) -> str:
        kind = _KINDS[self.name]
        return self.name if kind.least == kind.greatest else f"{self.name}={self.strength:g}"


def parsed(text: str) -> tuple[Corruption, ...]:
    """Return the corruptions of a text as the command line has it.

    Raises:
        ValueError: there are none, one is unknown or twice there, or a strength is none.

    >>> [str(corruption) for corruption in parsed("noise=0.5,mask,grey")]
    ['noise=0.5', 'mask=0.25', 'grey']
    """
    found = []
    for part in text.split(","):
        name, equals, strength = part.strip().partition("=")
        try:
            number = float(strength) if equals else None
        except ValueError:
            raise ValueError(f"expected a number for {name}, as in {name}=0.5; got {part.strip()}") from None
        found.append(Corruption(name, number))
    if len(set(found)) < len(found):
        raise ValueError(f"expected corruptions that differ; got {text}")
    return tuple(found)
