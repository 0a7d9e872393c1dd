"""What the options of `corrector train` name: network, data, task, Lightning's trainer, loggers."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import lightning.pytorch as pl
import torch
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning_utilities.core.apply_func import apply_to_collection
from torch import Tensor, nn

from analysis.frameworks import in_mode
from corrector.files import whole_file
from training.auditing import require_fit
from training.folder import NOISE
from training.framework import Torch
from training.generation.generator import load_noise
from training.generators import chance
from training.objective.recipes import objective
from training.rules.applications import application
from training.subjects import architecture, imported, named_network
from training.weights import save_network

from .batches import Parts, named_parts, noisy
from .checkpoints import SafetensorsIO
from .configuration import parsed_arguments
from .generative import GenerativeTraining
from .module import TASKS, IdempotentTraining, inputs

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from corrector import Corrector

    from .module import Task, Training

_OF_THE_RULE = ("corrector", "rule", "reduction", "relaxation", "buffers", "chunk")
_TOLD = ("network", "data", "rule", "corrector", "weight", "noise")
"""Of the options, in the header of a network's file."""
_OF_PICTURES = ("size", "channels", "skip_damaged")
_STRATEGIES = ("auto", "ddp", "ddp_find_unused_parameters_true")
_OPTIMIZERS = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW, "sgd": torch.optim.SGD}


@dataclass(frozen=True)
class Run:
    """What is trained, on what.

    Attributes:
        module: the network with its task and rule, or its objective.
        parts: the data.
        validation, test: what is held out of it, with noise that stays the same.
        write: writes the network to a path, whole or not at all.
        corrector: of the rule.
    """

    module: Training
    parts: Parts
    validation: Any
    test: Any
    write: Callable[[Path], None]
    corrector: Corrector

    def measure(self, batch: Any, f: Callable[[Tensor], Tensor] | None = None) -> dict[str, float | bool]:
        """Return the measures of f, or of the network, on a batch, where the network is."""
        home = next(self.module.net.parameters())

        def moved(x: Tensor) -> Tensor:
            return x.to(home.device, home.dtype if x.is_floating_point() else x.dtype)

        return self.module.measured(f or self.module.net, apply_to_collection(batch, Tensor, moved))


def assembled(options: Mapping[str, Any]) -> Run:
    """Return the network, its data and its task.

    Raises:
        OSError: a file is missing.
        ValueError: an option names nothing that is known, or the network does not take the data.
    """
    seed = options["seed"]
    arguments = parsed_arguments(options["network_argument"])
    with chance(seed):  # also what data of one's own draw
        net = named_network(options["network"], options["weights"], arguments)
        double = options["precision"].startswith("64")
        dtype = torch.float64 if double else next((p.dtype for p in net.parameters()), torch.float32)
        where = (options["data"], net, options["data_dir"], options["shape"], seed, dtype)
        pictures = {name: options[name] for name in _OF_PICTURES}
        if options["shape"] is None:  # before thousands of pictures are decoded
            pictures["require"] = lambda shape: require_fit(net, torch.zeros(2, *shape))
        earlier = options["output"] / NOISE
        noise = load_noise(earlier) if options["resume"] and earlier.is_file() else None
        parts = named_parts(*where, pictures, source=options["source"], noise=noise)
    x = inputs(parts.validation)
    require_fit(net, x)
    if not options["noise"] and bool((x == x[0]).all()):
        raise ValueError(f"expected inputs that differ in {options['data']}; got the same {len(x)} times")
    if not any(p.requires_grad for p in net.parameters()):
        raise ValueError(f"expected a network with weights to train; got {type(net).__name__} without")
    for name, weight in net.named_parameters():
        if not weight.isfinite().all():
            raise ValueError(f"expected finite weights in {options['network']}; got others in {name}")
    module = _trained(options, net, parts)
    if double:
        module.double()  # Lightning would after it has loaded a checkpoint, whose digits were lost
    header = architecture(options["network"], arguments)
    about = {name: str(options[name]) for name in _TOLD}
    if parts.noise is not None:
        about |= {"pixels": "-1,1", "source": options["source"]}

    def write(path: Path) -> None:
        with whole_file(path) as draft:
            save_network(net, header, about, draft)

    # Its own noise, that of every validation.
    validation, test = (noisy(part, options["noise"], seed) for part in (parts.validation, parts.test))
    return Run(module, parts, validation, test, write, options["corrector"])


def _trained(options: Mapping[str, Any], net: nn.Module, parts: Parts) -> Training:
    """The network with its task and rule, or its objective; what the rule refuses is refused here."""
    chosen = {"lr": options["learning_rate"], "weight_decay": options["weight_decay"]}
    if options["momentum"] is not None:
        chosen["momentum"] = options["momentum"]
    if options["betas"] is not None:
        chosen["betas"] = betas(options["betas"])
    how = {
        "optimizer": partial(_OPTIMIZERS[options["optimizer"]], **chosen),
        "gradients_every": options["log_every"] * options["accumulate"],
        "masks": options["masks"],
    }
    if parts.noise is not None:
        ramps = parsed_arguments(options["ramp"], "ramp")
        found = objective({**options, "ramp": ramps}, options["corrector"])
        if not found:
            raise ValueError("expected a part to train by; got weight 0 for all of them")
        return GenerativeTraining(net, found, parts.noise, seed=options["seed"], **how)
    module = IdempotentTraining(
        net,
        _task(options["task"]),
        weight=options["weight"],
        task_weight=options["task_weight"],
        task_reduction=options["task_reduction"] or "half_sum",
        **how,
        **{name: options[name] for name in _OF_THE_RULE},
    )
    if options["weight"]:
        with in_mode(net, "eval"), chance(options["seed"]):  # before anything is written
            x = Torch().tensor(inputs(parts.validation)[:2], net, None, None)
            module.idempotency(x, application(net, x))
    return module


def trainer(options: Mapping[str, Any]) -> pl.Trainer:
    """Return Lightning's trainer, without its own loggers, bars and checkpoints.

    Raises:
        ValueError: it does not take these options, or the strategy divides the weights.
    """
    if options["strategy"] not in _STRATEGIES:
        divides = any(word in options["strategy"] for word in ("fsdp", "deepspeed", "model_parallel"))
        why = ": it divides the weights, and each process would write a part of the network" * divides
        raise ValueError(f"expected --strategy {', '.join(_STRATEGIES)}; got {options['strategy']}{why}")
    try:
        return pl.Trainer(
            accelerator=options["accelerator"],
            devices=options["devices"],
            strategy=options["strategy"],
            precision=options["precision"],
            accumulate_grad_batches=options["accumulate"],
            gradient_clip_val=options["clip"],
            max_epochs=1,  # of Lightning's: the run's are one after another in one long one
            limit_val_batches=0,
            use_distributed_sampler=False,
            plugins=[SafetensorsIO()],
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            default_root_dir=options["output"],
        )
    except (MisconfigurationException, ValueError, TypeError) as error:
        raise ValueError(f"expected what Lightning's Trainer takes; got: {error}") from None


def schedule(options: Mapping[str, Any], steps: int) -> Callable[[int], float]:
    """Return the factor of the learning rate at a step: linear from 0, then constant or a half cosine."""
    warmup: int = options["warmup"]
    cosine = options["schedule"] == "cosine"

    def factor(step: int) -> float:
        if step < warmup:
            return (step + 1) / (warmup + 1)
        share = (step - warmup) / max(1, steps - warmup)
        return 0.5 * (1 + math.cos(math.pi * share)) if cosine else 1.0

    return factor


def loggers(name: str, folder: Path) -> list[Any]:
    """Return the loggers besides metrics.csv."""
    if name == "csv":
        return []
    if name == "tensorboard":
        try:
            return [pl.loggers.TensorBoardLogger(folder, name="tensorboard", version="")]
        except ModuleNotFoundError:
            raise ValueError(
                "expected the package tensorboard for --logger tensorboard; got none: pip install tensorboard"
            ) from None
    if ":" not in name:
        raise ValueError(f"expected --logger csv, tensorboard or an import path; got {name}")
    return [imported(name, "a Lightning logger", lambda found: isinstance(found, pl.loggers.Logger))]


def betas(text: str) -> tuple[float, float]:
    """Return the two decay rates of Adam's averages, given as "0.9,0.999".

    >>> betas("0.5,0.99")
    (0.5, 0.99)
    """
    try:
        first, second = (float(part) for part in text.split(","))
    except ValueError:
        first = second = math.nan
    if not (0 <= first < 1 and 0 <= second < 1):
        raise ValueError(f"expected --betas as in 0.9,0.999, both from 0 to less than 1; got {text}")
    return first, second


def _task(name: str) -> str | Task | None:
    if name == "none":
        return None
    if ":" in name:
        task: Task = imported(name, "a function of (output, batch)", callable)
        return task
    if name not in TASKS:
        raise ValueError(f"expected --task {', '.join(TASKS)}, none or an import path; got {name}")
    return name
