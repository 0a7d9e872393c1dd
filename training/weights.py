"""Networks and their weights in files that hold no code: safetensors, the architecture in the header."""

from __future__ import annotations

import json
import math
from functools import partial
from typing import TYPE_CHECKING, Any

import safetensors
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save
from torch import Tensor, nn

from .networks import network, perceptron

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

_BETWEEN: dict[str, Callable[[], nn.Module]] = {"LeakyReLU(0.01)": nn.LeakyReLU}
_LAST: dict[str, Callable[[], nn.Module]] = {"Sigmoid": nn.Sigmoid}
_WIDEST = 10**6


def save_perceptron(
    net: nn.Module, widths: tuple[int, ...], description: Mapping[str, str], path: Path
) -> dict[str, str]:
    """Write the weights of a perceptron with LeakyReLU between and Sigmoid after; return the header."""
    architecture = {"perceptron": list(widths), "activation": "LeakyReLU(0.01)", "last": "Sigmoid"}
    return save_network(net, json.dumps(architecture), description, path)


def save_network(
    net: nn.Module, architecture: str | None, description: Mapping[str, str], path: Path
) -> dict[str, str]:
    """Write a network's weights and, where `load_network` knows it, its architecture; return the header."""
    header = dict(description) if architecture is None else {"architecture": architecture} | dict(description)
    # Weights that are tied are written twice: the format has no way to say so.
    tensors = {name: part.detach().cpu().contiguous().clone() for name, part in net.state_dict().items()}
    path.write_bytes(as_safetensors(tensors, header))
    return header


def as_safetensors(tensors: Mapping[str, Tensor], header: Mapping[str, str]) -> bytes:
    """Return a safetensors file, the same bytes for the same contents: `save` mixes the header's entries."""
    written = save(dict(tensors), metadata=dict(header))
    length = int.from_bytes(written[:8], "little")
    ordered = json.dumps(json.loads(written[8 : 8 + length]), sort_keys=True, separators=(",", ":")).encode()
    padded = ordered.ljust(-(-len(ordered) // 8) * 8)
    return len(padded).to_bytes(8, "little") + padded + written[8 + length :]


def load_network(path: Path) -> nn.Module:
    """Return the network whose architecture the header names, with the weights of the file.

    Raises:
        OSError: there is no such file, or it cannot be read.
        ValueError: it is no safetensors file, names no architecture that is known, or its weights do
            not fit.
    """
    with opened(path) as file:
        header = file.metadata() or {}
    try:
        build = _builder(json.loads(header["architecture"]), path)
    except (KeyError, TypeError, AttributeError, json.JSONDecodeError):
        own = header.get("network", "")
        got = f"one of {own}" if ":" in own else "none"
        name = own if ":" in own else "the network"
        raise ValueError(
            f"expected a header with an architecture that is known in {path}; got {got}: name {name} as "
            "the network, and this file with --weights"
        ) from None
    try:
        with torch.device("meta"):  # takes no memory, whatever the header says
            shapes = {name: list(part.shape) for name, part in build().state_dict().items()}
    except (TypeError, ValueError) as error:
        raise ValueError(f"expected in {path} an architecture that can be built; got: {error}") from None
    with opened(path) as file:
        found = {name: file.get_slice(name).get_shape() for name in file.keys()}  # noqa: SIM118 - no mapping
    if found != shapes:
        raise ValueError(f"expected in {path} the tensors of its header's architecture; got others")
    return load_weights(build(), path)


def _builder(described: Mapping[str, Any], path: Path) -> Callable[[], nn.Module]:
    """What makes the network that a header describes."""
    if "network" in described:
        arguments = dict(described.get("arguments", {}))
        sizes = [arguments[name] for name in ("size", "channels") if name in arguments]
        _require_widths([*sizes, *arguments.get("widths", [])], path)
        return partial(network, described["network"], **arguments)
    widths = list(described["perceptron"])
    between, last = _BETWEEN[described["activation"]], _LAST[described["last"]]
    _require_widths(widths, path)
    if len(widths) < 2:
        raise ValueError(f"expected two widths or more in the header of {path}; got {widths}")
    return partial(perceptron, widths, between, last=last)


def _require_widths(widths: list[Any], path: Path) -> None:
    """Refuse what is no width: a header may say anything."""
    if not all(isinstance(width, int) and 0 < width <= _WIDEST for width in widths):
        raise ValueError(f"expected widths from 1 to {_WIDEST} in the header of {path}; got {widths}")


def load_weights(net: nn.Module, path: Path) -> nn.Module:
    """Put the weights of a safetensors file in a network, all of them; return it.

    Raises:
        OSError: there is no such file, or it cannot be read.
        ValueError: it is no safetensors file, or holds other tensors than the network has.
    """
    with opened(path):
        pass
    try:
        net.load_state_dict(load_file(path))
    except RuntimeError as error:
        first = " ".join(str(error).split("\n\t", 2)[1].split()) if "\n\t" in str(error) else str(error)
        raise ValueError(
            f"expected in {path} the weights of {type(net).__name__}; got others: {first}"
        ) from None
    return net


def pixel_range(path: Path) -> tuple[float, float]:
    """Return black and white as the network of a file has them: 0 and 1 where its header does not say.

    Raises:
        OSError: there is no such file, or it cannot be read.
        ValueError: it is no safetensors file, or its header's "pixels" are no such range.
    """
    with opened(path) as file:
        text = (file.metadata() or {}).get("pixels", "0,1")
    try:
        low, high = (float(end) for end in text.split(","))
    except ValueError:
        low = high = math.nan
    if not -math.inf < low < high < math.inf:
        raise ValueError(f'expected "pixels" in the header of {path} as in -1,1; got {text}')
    return low, high


def opened(path: Path, *, named: bool = True) -> safe_open:
    """Open a safetensors file, and nothing else: a pickle would run code.

    Args:
        path: of the file.
        named: whether its name must say what it is.
    """
    if named and path.suffix != ".safetensors":
        raise ValueError(
            f"expected a .safetensors file, which holds no code; got {path.name}: "
            "convert others with safetensors.torch.save_file(net.state_dict(), …)"
        )
    path.open("rb").close()  # for Python's own words if it cannot be read
    try:
        return safe_open(path, framework="pt")
    except safetensors.SafetensorError as error:
        raise ValueError(f"expected a whole safetensors file in {path}; got: {error}") from None
