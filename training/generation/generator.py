"""A trained generative network with the noise it was trained on: a value, and the files it is kept in."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from analysis.frameworks import in_mode
from corrector.files import whole_file
from training.data import NOISES, FourierNoise, GaussianNoise
from training.folder import CONFIG, NETWORK, NOISE
from training.foreign import place
from training.framework import Torch
from training.generators import generator
from training.rules.applications import application
from training.weights import as_safetensors, load_network, load_weights, opened, pixel_range

from .powers import powers_of

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterator, Sequence

    from jaxtyping import Float

    from .powers import Power

_LONGEST = 4096
"""Of a picture's sides: a file's head may say anything."""


@dataclass(frozen=True, eq=False, repr=False)
class Generator:
    """A network f and its noise: pictures are fᵏ(z).

    Pictures are those of `training.data`, numbers from 0 to 1.  f may have a range of its own, [low, high]:
    of a picture x it sees low + (high − low)x.  Noise is made for pictures from −1 to 1, so

        z = low + (high − low)(ζ + 1)/2

    of a draw ζ: ζ itself where f's range is −1 to 1.

    Args:
        net: f, a module or any function of tensors, of pictures or of pictures as rows.
        noise: of pictures' shape; on the CPU, where draws are the same for every device.
        low: black, as f has it.
        high: white.

    Attributes:
        shape: (channels, height, width) of a picture.

    Raises:
        ValueError: the noise has not the shape of pictures, or the range is empty.

    >>> from training import GaussianNoise
    >>> found = Generator(torch.nn.Tanh(), GaussianNoise((1, 8, 8)), low=-1)
    >>> found
    Generator(Tanh, GaussianNoise, 1×8×8 from -1 to 1)
    >>> pictures = found.sample(3, seed=0, powers=(1, 2))
    >>> {k: tuple(y.shape) for k, y in pictures.items()}
    {0: (3, 1, 8, 8), 1: (3, 1, 8, 8), 2: (3, 1, 8, 8)}
    >>> torch.equal(pictures[2], pictures[1].tanh())
    True
    """

    net: Callable[[Tensor], Tensor]
    noise: GaussianNoise | FourierNoise
    low: float = 0.0
    high: float = 1.0

    def __post_init__(self) -> None:
        shape = self.shape
        if len(shape) != 3 or shape[0] not in (1, 3):
            raise ValueError(f"expected noise in the shape of pictures, (1 or 3, height, width); got {shape}")
        if not (math.isfinite(self.low) and math.isfinite(self.high) and self.low < self.high):
            raise ValueError(f"expected a range of pixels, low < high; got {self.low} and {self.high}")

    @property
    def shape(self) -> tuple[int, int, int]:
        """(channels, height, width) of a picture."""
        return self.noise.shape  # type: ignore[return-value]  # its length is looked at above

    @cached_property
    def rows(self) -> bool:
        """Whether f takes pictures as rows.

        Raises:
            ValueError: it takes neither rows nor pictures of this shape.
        """
        z = self._placed(torch.zeros(2, *self.shape))
        failed: Exception | None = None
        for flat in (False, True):
            try:
                with torch.no_grad(), in_mode(self.net, "eval"):
                    application(self.net, z.flatten(1) if flat else z)
            except (RuntimeError, ValueError, IndexError, TypeError) as error:
                failed = failed or error
            else:
                return flat
        where = f", at {place(failed)}" if failed and place(failed) else ""
        raise ValueError(
            f"expected a network that maps pictures of {sides(self.shape)} to themselves; got: "
            f"{str(failed).splitlines()[0]}{where}"
        )

    def draw(self, count: int, seed: int = 0) -> Float[Tensor, "count channels height width"]:
        """Return noise in f's range, a function of the seed alone, on the CPU."""
        drawn: Tensor = self.noise(count, generator(seed))
        return self.low + (self.high - self.low) * (drawn + 1) / 2

    def mean_noise(self) -> Float[Tensor, "channels height width"]:
        """Return the mean of all noise, in f's range."""
        mean = torch.zeros(self.shape)
        if isinstance(self.noise, FourierNoise):
            coefficients = torch.view_as_complex(self.noise.mean.cpu())
            mean = torch.fft.irfft2(coefficients, s=self.shape[1:], norm="ortho")
        return self.low + (self.high - self.low) * (mean + 1) / 2

    def sample(
        self, count: int, seed: int = 0, powers: Sequence[int] = (1, 2, 3, 5), batch: int = 256
    ) -> dict[int, Float[Tensor, "count channels height width"]]:
        """Return fᵏ(z) for each of these powers k, and z itself for 0, in f's range, on the CPU.

        Args:
            count: of the noises z.
            seed: of them.
            powers: at least 1.
            batch: pictures a pass.

        Raises:
            ValueError: powers are below 1 or twice there, or f does not take the noise.

        Cost: count·(max(powers) + 1) passes of f.
        """
        z = self.draw(count, seed)
        return {0: z} | {power.k: power.y for power in self.powers(z, powers, batch)}

    def powers(
        self, x: Float[Tensor, "n channels height width"], powers: Sequence[int], batch: int = 256
    ) -> Iterator[Power]:
        """Yield fᵏ(x) and fᵏ⁺¹(x), both in f's range, for each of these powers, as `powers_of` does."""
        placed = self._placed(x)
        for found in powers_of(self.net, placed.flatten(1) if self.rows else placed, powers, batch):
            y, following = (part.reshape(len(x), *self.shape) for part in (found.y, found.following))
            yield found._replace(y=y, following=following)

    def pictures(self, y: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
        """Return numbers of f's range as pixels from 0 to 1, not clipped."""
        return (y.detach().cpu() - self.low) / (self.high - self.low)

    def inputs(self, pictures: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
        """Return pictures from 0 to 1 as f has them."""
        return self.low + (self.high - self.low) * pictures

    def _placed(self, x: Tensor) -> Tensor:
        """Numbers where f is, of its dtype."""
        return Torch().tensor(x, self.net, None, None)

    def __repr__(self) -> str:
        kind = f"{type(self.net).__name__}, {type(self.noise).__name__}"
        return f"Generator({kind}, {sides(self.shape)} from {self.low:g} to {self.high:g})"


def save_noise(noise: GaussianNoise | FourierNoise, path: str | os.PathLike[str]) -> None:
    """Write a noise to a file without code, whole or not at all; `load_noise` reads it.

    Raises:
        OSError: it cannot be written there.
    """
    kind = next(name for name, cls in NOISES.items() if isinstance(noise, cls))
    header = {"noise": kind, "shape": ",".join(map(str, noise.shape))}
    with whole_file(path) as draft:
        draft.write_bytes(
            as_safetensors({name: x.detach().cpu() for name, x in noise.state_dict().items()}, header)
        )


def load_noise(path: str | os.PathLike[str]) -> GaussianNoise | FourierNoise:
    """Return the noise of a file that `save_noise` wrote.

    Raises:
        OSError: there is no such file, or it cannot be read.
        ValueError: it is no whole safetensors file, names no noise, or its numbers do not fit or are not
            finite.

    >>> import tempfile
    >>> from training import GaussianNoise
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_noise(GaussianNoise((3, 64, 64)), f"{folder}/noise.safetensors")
    ...     load_noise(f"{folder}/noise.safetensors").shape
    (3, 64, 64)
    """
    file = Path(path)
    with opened(file) as stored:
        header = stored.metadata() or {}
        found = {name: stored.get_slice(name).get_shape() for name in stored.keys()}  # noqa: SIM118 - no mapping
    try:
        kind = NOISES[header["noise"]]
        channels, height, width = (int(n) for n in header["shape"].split(","))
    except (KeyError, ValueError):
        raise ValueError(
            f"expected a header with a noise ({', '.join(NOISES)}) and its shape in {file}; got {header}"
        ) from None
    if not all(1 <= n <= _LONGEST for n in (channels, height, width)):
        raise ValueError(f"expected noise of 1 to {_LONGEST} a side in {file}; got {header['shape']}")
    with torch.device("meta"):  # takes no memory, whatever the header says
        expected = _expected(kind, (channels, height, width))
    if found != expected:
        raise ValueError(f"expected in {file} the tensors of its header's noise; got others")
    noise = kind((channels, height, width))
    load_weights(noise, file)
    if not all(x.isfinite().all() for x in noise.state_dict().values()):
        raise ValueError(f"expected finite numbers in {file}; got others")
    return noise


def load_generator(
    path: str | os.PathLike[str],
    noise: GaussianNoise | FourierNoise | None = None,
    *,
    net: nn.Module | None = None,
) -> Generator:
    """Return the generator of a finished run: its network, and the noise it was trained on.

    The network's range is the header's entry "pixels", as in "-1,1"; 0 to 1 where there is none.

    Args:
        path: of the run's folder, or of a .safetensors file with a network.
        noise: that of noise.safetensors beside the network when None.
        net: what the weights are put in; None where the header says what network it is.

    Raises:
        FileNotFoundError: there is no such run, it has not ended, or it has no noise.
        OSError: a file cannot be read.
        ValueError: a file is not what it should be, or network and noise do not fit each other.

    >>> load_generator("none")
    Traceback (most recent call last):
        ...
    FileNotFoundError: expected a run's folder or a .safetensors file; got none, which is not there
    """
    file = network_file(Path(path))
    with opened(file) as stored:
        header = stored.metadata() or {}
    low, high = pixel_range(file)
    if net is None and "architecture" not in header:
        own = header.get("network", "")
        name = own if ":" in own else "module:Name"
        raise ValueError(
            f"expected a network that is known in {file}; got one of its own: name it by --network {name}"
        )
    beside = file.with_name(NOISE)
    if noise is None and not beside.exists():
        raise FileNotFoundError(
            f"expected the noise of a generative run, {beside}; got none: --noise and --data say what else "
            "to generate from"
        )
    if noise is not None and beside.exists() and (own := load_noise(beside).shape) != noise.shape:
        raise ValueError(f"expected noise of {sides(own)}, as the run's; got {sides(noise.shape)}")
    found = Generator(
        net=load_network(file) if net is None else load_weights(net, file),
        noise=load_noise(beside) if noise is None else noise,
        low=low,
        high=high,
    )
    _ = found.rows  # whether they fit
    return found


def network_file(path: Path) -> Path:
    """Return where the network of a run lies, or the file itself that is named.

    Raises:
        FileNotFoundError: there is no such run, or it has not ended.
    """
    if not path.exists():
        raise FileNotFoundError(
            f"expected a run's folder or a .safetensors file; got {path}, which is not there"
        )
    if not path.is_dir():
        return path
    if not (path / NETWORK).is_file():
        got = "a run that has not ended" if (path / CONFIG).is_file() else "a folder without"
        raise FileNotFoundError(f"expected a finished run, with {path / NETWORK}; got {got}")
    return path / NETWORK


def _expected(kind: type[GaussianNoise | FourierNoise], shape: tuple[int, int, int]) -> dict[str, list[int]]:
    return {name: list(x.shape) for name, x in kind(shape).state_dict().items()}


def sides(shape: Sequence[int]) -> str:
    """Return lengths as people write them.

    >>> sides((3, 64, 64))
    '3×64×64'
    """
    return "×".join(map(str, shape))
