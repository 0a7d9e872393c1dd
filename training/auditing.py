"""An audit as the command line asks for it."""

from __future__ import annotations

from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from analysis import audit
from analysis.frameworks import in_mode

from .foreign import place
from .framework import Torch
from .subjects import named_inputs, named_network
from .weights import pixel_range

if TYPE_CHECKING:
    from torch import Tensor, nn

    from analysis import Audit

_PASSED_ON = ("epsilon", "samples", "applications", "directions", "search", "reach", "mode", "seed")


def run_audit(
    network: str, data: str, device: str, options: dict[str, Any]
) -> tuple[Audit, tuple[int, int] | None]:
    """Return the audit, and the height and width of inputs that are pictures but flat."""
    from rich.console import Console
    from rich.progress import Progress

    ending = options["output"].suffix if options["output"] is not None else ".html"
    if ending not in (".html", ".json", ".txt"):
        raise ValueError(f"expected --output to end in .html, .json or .txt; got {options['output'].name}")
    with torch.random.fork_rng():
        torch.manual_seed(options["seed"])
        net = named_network(network, options["weights"]).to(device)
    x, picture = named_inputs(data, net, options["data_dir"], options["samples"], options["seed"])
    if data in ("digits", "mnist"):
        x = _in_its_range(x, network, options["weights"])
    x = _prepared(x, options)
    require_fit(net, x)
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("Looking at inputs", total=None)

        def advance(done: int, total: int | None) -> None:
            last = total is not None and done >= total
            words = "Drift, Jacobian, worst input" if last else "Looking at inputs"
            bar.update(task, completed=done, total=None if last else total, description=words)

        found = audit(
            net,
            x,
            options["confidence"],
            progress=advance,
            name=network,
            **{key: options[key] for key in _PASSED_ON},
        )
    return found, picture


def require_fit(net: nn.Module, x: Tensor) -> None:
    """Refuse inputs that the network does not take, and pictures of which it makes others in size."""
    remedy = "--shape reshapes them"
    if x.ndim == 4:
        remedy = (
            "--size scales pictures, --channels turns them grey or into colour, --network-argument makes a "
            "u-dcgan of their size and channels"
        )
    with in_mode(net, "eval"), torch.no_grad():
        try:
            y = net(Torch().tensor(x[:2], net, None, None))
        except (RuntimeError, ValueError, IndexError) as error:
            telling = ("shape", "size", "dimension", "expected", "Expected")
            advice = f" ({remedy})" if any(word in str(error) for word in telling) else ""
            where = f", at {place(error)}" if place(error) else ""
            raise ValueError(
                f"expected inputs that the network takes; got shape {tuple(x.shape[1:])}: "
                f"{str(error).splitlines()[0]}{where}{advice}"
            ) from None
    if x.ndim == 4 and isinstance(y, torch.Tensor) and y[0].numel() != x[0].numel():
        raise ValueError(
            f"expected a network that leaves the size of pictures as it is; got {tuple(y.shape[1:])} of "
            f"{tuple(x.shape[1:])} ({remedy})"
        )


def _in_its_range(x: Tensor, network: str, weights: Path | None) -> Tensor:
    """Pictures from 0 to 1 as the network that was trained has them."""
    file = weights or (Path(network) if network.endswith(".safetensors") else None)
    low, high = (0.0, 1.0) if file is None else pixel_range(file)
    return x if (low, high) == (0, 1) else low + (high - low) * x


def _prepared(x: Tensor, options: dict[str, Any]) -> Tensor:
    """Inputs with noise, in the shape asked for."""
    noise = options["noise"]
    if noise < 0:
        raise ValueError(f"expected --noise to be at least 0; got {noise}")
    if noise:
        generator = torch.Generator().manual_seed(options["seed"])
        x = x + noise * torch.randn(x.shape, generator=generator, dtype=x.dtype)
    if options["shape"] is None:
        return x
    try:
        shape = [int(length) for length in options["shape"].split(",")]
    except ValueError:
        raise ValueError(f"expected --shape as in 1,28,28; got {options['shape']}") from None
    if prod(shape) != x[0].numel() or min(shape) < 1:
        raise ValueError(f"expected --shape for inputs of {x[0].numel()} numbers; got {options['shape']}")
    return x.reshape(len(x), *shape)
