"""Networks and inputs as the command line names them."""

from __future__ import annotations

import importlib
import json
import sys
import warnings
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import click
import numpy as np
import torch
from torch import Tensor, nn

from .data import celeba, digits, image_folder, mnist
from .foreign import place, told
from .networks import known_name, network
from .weights import load_network, load_weights, opened

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from jaxtyping import Float

    from .data import Images

_PICKLED = (".pt", ".pth", ".ckpt", ".bin", ".pkl")
DATA = ("digits", "mnist", "normal")


def named_network(
    name: str, weights: Path | None, arguments: Mapping[str, Any] = MappingProxyType({})
) -> nn.Module:
    """Return the network of a .safetensors file, of an import path "module:name", or of the sources.

    What the import path leads to is a network, or a class or function that makes one of these arguments;
    modules of the current folder are found.

    Raises:
        ValueError: there is no such network or module, or it is none, or takes no arguments.
    """
    if name.endswith(".safetensors"):
        if arguments:
            raise ValueError(f"expected no arguments for a network from a file; got them for {name}")
        if weights is not None:
            raise ValueError(f"expected one file with weights; got {name} and {weights}")
        return load_network(Path(name))
    if Path(name).suffix in _PICKLED:
        opened(Path(name))
    module, _, last = name.rpartition(".")
    if module and ":" not in name:
        raise ValueError(f"expected a colon in an import path, as in {module}:{last}; got {name}")
    net = (
        imported(name, "a torch.nn.Module", lambda found: isinstance(found, nn.Module), arguments)
        if ":" in name
        else network(name, **arguments)
    )
    return net if weights is None else load_weights(net, weights)


def architecture(name: str, arguments: Mapping[str, Any] = MappingProxyType({})) -> str | None:
    """Return what the header of a file with this network's weights says of it; None of one's own networks."""
    if name.endswith(".safetensors"):
        with opened(Path(name)) as file:
            return (file.metadata() or {}).get("architecture")
    if ":" in name:
        return None
    described = {"network": known_name(name)} | ({"arguments": dict(arguments)} if arguments else {})
    return json.dumps(described)


def named_inputs(
    name: str, net: nn.Module, directory: Path | None, samples: int | None, seed: int
) -> tuple[Float[Tensor, "samples *input"], tuple[int, int] | None]:
    """Return inputs and, where they are pictures but flat, their height and width.

    Args:
        name: "digits" or "mnist" for pictures that nothing is trained on, "normal" for N(0, 1) as the sources
            draw, or a .npy file with an input a row.
        net: whose first Linear layer says how long normal inputs are.
        directory: of MNIST's files.
        samples: how many normal inputs; 10 000 when None.
        seed: of the normal inputs.

    Raises:
        OSError: a file is missing.
        ValueError: a name is unknown, or a file is no array of numbers.
    """
    if name in ("digits", "mnist"):
        images = digits() if name == "digits" else mnist(directory)
        return images.test, images.shape
    if name == "normal":
        first = next((part for part in net.modules() if isinstance(part, nn.Linear)), None)
        if first is None:
            raise ValueError("expected a network with a Linear layer, to draw normal inputs for; got none")
        generator = torch.Generator().manual_seed(seed)
        return torch.randn(samples or 10_000, first.in_features, generator=generator), None
    path = Path(name)
    if path.suffix != ".npy":
        raise ValueError(f"expected {', '.join(DATA)} or a .npy file; got {name}")
    try:
        loaded = np.load(path, allow_pickle=False)
    except (ValueError, EOFError):
        raise ValueError(
            f"expected an array of numbers in {name}; got no whole .npy file, or one that holds objects"
        ) from None
    if not isinstance(loaded, np.ndarray):
        raise ValueError(f"expected one array in {name}; got an archive of several")
    if loaded.dtype.kind != "f" or not loaded.ndim:
        raise ValueError(
            f"expected floating-point numbers in {name}, an input a row; got {loaded.dtype}: "
            "scale what the network is to see, and save it as float32"
        )
    return torch.from_numpy(loaded.astype("float64" if loaded.dtype == "float64" else "float32")), None


def named_images(
    name: str,
    directory: Path | None,
    pictures: Mapping[str, Any],
    others: str = "normal, a folder of pictures, a .npy file or an import path",
) -> Images:
    """Return pictures by name, from their files or from a folder; damaged ones left out are told of.

    Args:
        name: "digits", "mnist", "celeba" or a folder.
        directory: of MNIST's or CelebA's files.
        pictures: what `image_folder` is to make of a folder's, or `celeba` of its own.
        others: what else may be named, in words.

    Raises:
        OSError: a file is missing.
        ValueError: there are no such pictures, too few, or damaged ones.
    """
    if name in ("digits", "mnist"):
        return digits() if name == "digits" else mnist(directory)
    if name == "celeba":
        if directory is None:
            raise ValueError("expected --data-dir with celeba, the folder of its files; got none")
        return celeba(directory, **{key: value for key, value in pictures.items() if value})
    if not Path(name).is_dir():
        raise ValueError(f"expected digits, mnist, celeba, {others}; got {name}")
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        images = image_folder(name, **pictures)
    for warning in said:
        click.echo(f"corrector: {warning.message}", err=True)
    return images


def imported(
    path: str,
    wanted: str,
    fits: Callable[[Any], bool],
    arguments: Mapping[str, Any] = MappingProxyType({}),
) -> Any:
    """Return what an import path "package.module:name" leads to, or what that makes when it is called.

    Args:
        path: modules of the current folder are found.
        wanted: what is looked for, in words.
        fits: whether a thing is that.
        arguments: to call it with; where there are any, it is called in any case.

    Raises:
        ValueError: there is no such thing.
    """
    module, _, name = path.partition(":")
    if not module or not name:
        raise ValueError(f"expected an import path as in package.module:Name; got {path}")
    here = str(Path.cwd())
    sys.path.insert(0, here)
    try:
        found = importlib.import_module(module)
    except Exception as error:
        raise ValueError(
            f"expected a module that can be imported at {path}; got {told(error)}{_at(error)}"
        ) from error
    finally:
        with suppress(ValueError):
            sys.path.remove(here)
    subject = getattr(found, name, None)
    if subject is None:
        raise ValueError(f"expected {name} in the module {module}; got none of that name")
    if (arguments or not fits(subject)) and callable(subject):
        try:
            subject = subject(**arguments)
        except TypeError as error:
            if place(error):  # not the call, but something in what was called
                raise
            given = f"these arguments ({', '.join(arguments)})" if arguments else "no arguments"
            raise ValueError(
                f"expected {wanted} at {path}, or what makes one of {given}; got: {error}"
            ) from None
    if not fits(subject):
        raise ValueError(f"expected {wanted} at {path}; got {type(subject).__name__}")
    return subject


def _at(error: Exception) -> str:
    where = place(error)
    return f" ({where})" if where else ""
