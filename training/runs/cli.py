"""`corrector train`."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from corrector.cli import given_corrector, require_use, which_corrector
from training.folder import CONFIG, require_new, require_run
from training.objective.recipes import RECIPES

from .objective_options import FROM_FILE, generative_options, require_generative, settle_ramps

if TYPE_CHECKING:
    from collections.abc import Callable

FREE = ("workers", "evaluate")
"""Options that change nothing of the network, and may differ when a run goes on."""
_GIVEN = (click.core.ParameterSource.COMMANDLINE, click.core.ParameterSource.DEFAULT_MAP)
_POLYNOMIAL = ("modified", "m1")
"""Rules that a corrector makes."""
_STATE = ("config", "output", "resume")
"""Options that say nothing of what is trained."""


class _Number(click.FloatRange):
    """A number from a range; no nan, which lies in every one."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        number: float = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"expected a finite number; got {number}", param, ctx)
        return number


_AT_LEAST_0, _ABOVE_0 = _Number(min=0), _Number(min=0, min_open=True)
_COUNT, _SIZE = click.IntRange(min=0), click.IntRange(min=1)
_SEED = click.IntRange(0, 2**63 - 1)
_GREATEST = 1e30
"""Of a corrector's coefficients, which are taken in single precision."""


def _read(context: click.Context, _: click.Parameter, path: Path | None) -> Path | None:
    """Take the options of a file for defaults, which those of the command line override."""
    if path is not None:
        context.meta[FROM_FILE] = _options_of(path, context.command)
        context.default_map = dict(context.default_map or {}) | context.meta[FROM_FILE]
    return path


def _one_of(option: str, names: list[str], words: str = "") -> Callable[..., Any]:
    """An option that takes one of these, by default the first."""
    return click.option(
        option, type=click.Choice(names), default=names[0], show_default=True, help=words or None
    )


@click.command()
@click.argument("network", required=False)
@click.argument("data", required=False)
@click.option(
    "--output", type=click.Path(path_type=Path), help="The run's folder: new or empty, or with --resume."
)
@click.option("--resume", is_flag=True, help="Go on with the run in --output, with its own options.")
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    is_eager=True,
    callback=_read,
    help="A YAML file with any of these options, as in learning-rate: 1e-3; others given here override it.",
)
@click.option("--weights", type=click.Path(path_type=Path), help="A .safetensors file to begin with.")
@click.option("--network-argument", multiple=True, metavar="NAME=VALUE", help="For NETWORK; may be repeated.")
@click.option("--data-dir", type=click.Path(path_type=Path), help="Folder with MNIST's or CelebA's files.")
@click.option("--size", type=_SIZE, help="Side of a folder's pictures, cropped and scaled, or CelebA's 64.")
@click.option("--channels", type=click.IntRange(1, 3), help="Turns a folder's pictures grey or RGB.")
@click.option("--skip-damaged", is_flag=True, help="Leave a folder's damaged pictures out, and say which.")
@click.option("--shape", help="What each input is reshaped to, as in 1,28,28.")
@click.option(
    "--noise",
    type=_AT_LEAST_0,
    default=0,
    show_default=True,
    help="Standard deviation of noise on the inputs.",
)
@_one_of("--rule", ["modified", "ordinary", "target", "inner", "outer", "m1"], "As for idempotency_loss.")
@which_corrector
@click.option("--relaxation", type=_ABOVE_0, default=1, show_default=True, help="Of the step to the target.")
@_one_of("--reduction", ["half_sum", "mean", "seed"], "The rule's.")
@_one_of(
    "--buffers",
    ["keep", "update", "eval"],
    "Of passes beside the task's: running averages stay or move, or the network evaluates.",
)
@_one_of("--masks", ["fresh", "shared"], "Of dropout: for each pass, or one for all passes of a step.")
@click.option("--chunk", type=_SIZE, help="Samples at a time in passes that keep no activations.")
@click.option(
    "--weight", type=_AT_LEAST_0, default=1, show_default=True, help="Of the rule; 0 leaves it out."
)
@click.option(
    "--task",
    default="reconstruction",
    show_default=True,
    help="reconstruction, l1, ssim, none, or an import path to a function of (output, batch).",
)
@click.option("--task-weight", type=_ABOVE_0, default=1, show_default=True, help="Of the task's loss.")
@click.option("--task-reduction", type=click.Choice(["half_sum", "mean"]), help="[default: half_sum]")
@generative_options
@click.option("--epochs", type=_SIZE, default=20, show_default=True, help="Times through the data.")
@click.option("--batch-size", type=_SIZE, default=128, show_default=True, help="Samples a batch and process.")
@click.option("--accumulate", type=_SIZE, default=1, show_default=True, help="Batches a step.")
@_one_of("--optimizer", ["adam", "adamw", "sgd"])
@click.option("--learning-rate", type=_ABOVE_0, default=1e-3, show_default=True)
@click.option("--weight-decay", type=_AT_LEAST_0, default=0, show_default=True)
@click.option("--momentum", type=_AT_LEAST_0, help="Of sgd.")
@click.option("--betas", help="Of adam and adamw.  [default: 0.9,0.999]")
@_one_of("--schedule", ["constant", "cosine"])
@click.option(
    "--warmup", type=_COUNT, default=0, show_default=True, help="Steps from 0 to the learning rate."
)
@click.option("--clip", type=_ABOVE_0, help="The greatest gradient norm.")
@click.option("--accelerator", default="auto", show_default=True, help="As Lightning's Trainer names them.")
@click.option("--devices", default="1", show_default=True, help="Likewise: 2, auto, or 0,1.")
@click.option(
    "--strategy", default="auto", show_default=True, help="auto, ddp, ddp_find_unused_parameters_true."
)
@click.option(
    "--precision", default="32-true", show_default=True, help="As Lightning's: bf16-mixed, 64-true, …"
)
@click.option("--compile", "compiled", is_flag=True, help="By torch.compile.")
@click.option("--workers", type=_COUNT, default=0, show_default=True, help="Processes that load data.")
@click.option("--seed", type=_SEED, default=0, show_default=True, help="Of weights, order, noise, dropout.")
@click.option("--validate-every", type=_SIZE, help="Steps.  [default: an epoch, or of pictures 1/50]")
@click.option("--checkpoint-every", type=_SIZE, default=100, show_default=True, help="Steps.")
@click.option("--log-every", type=_SIZE, default=10, show_default=True, help="Steps.")
@click.option(
    "--patience",
    type=_COUNT,
    default=5,
    show_default=True,
    help="Stop if the outputs are collapsed at so many validations in turn; 0: never.",
)
@click.option(
    "--logger",
    default="csv",
    show_default=True,
    help="metrics.csv alone; or tensorboard, or an import path to what makes a Lightning logger, besides.",
)
@click.pass_context
def train(context: click.Context, /, **options: Any) -> None:
    """Train a network, or fine-tune one, to be idempotent at its task.

    NETWORK is an import path, package.module:name, to a torch.nn.Module or to what makes one, with
    modules of the current folder found; a .safetensors file with the architecture in its header; or one of
    the sources': N1 to N4, B1 to B4, u-dcgan-mnist, u-dcgan-celeba, and u-dcgan-digits, u-dcgan-mnist-small,
    whose widths, normalisation and dropout --network-argument changes.  DATA is digits or mnist, celeba with
    --data-dir, a folder of pictures, normal (drawn from N(0, 1)), a .npy file with an input a row, or an
    import path to a tensor, to a torch Dataset or to what makes one; its items are inputs, tuples that begin
    with one, or mappings that call it image or x.  Pixels go from 0 to 1.

    Descends a·task + w·rule by Lightning.  With --recipe or --source the network learns to generate: pixels
    then go from −1 to 1, and the rule acts at pictures made of noise.  The folder holds config.yaml (every
    option: the run again by --config), metrics.csv, best.safetensors (the best network on held-out data; not
    of one that generates), and in the end network.safetensors, summary.json and curves.png; until then
    last.safetensors, the checkpoint; of one that generates also noise.safetensors, sheets of pictures,
    evaluation.json (of pixels alone where DATA has no labels), and report.html to look at.  A run that was
    killed or interrupted goes on by --resume to the same weights; one that has ended does not, but another
    may begin with its network by --weights.

    Exit status 1: the outputs collapsed, or a loss or a gradient was not finite.
    """
    if options["output"] is None:
        raise click.UsageError("expected --output, the run's folder; got none")
    if not options["resume"]:
        if "LOCAL_RANK" not in os.environ:  # the others come when the first has begun
            require_new(options["output"])
    else:
        require_run(options["output"])
        config = options["output"] / CONFIG
        stored = context.command.make_context("train", [], default_map=_options_of(config, context.command))
        _require_same(context, stored.params)
        given = [name for name in FREE if context.get_parameter_source(name) in _GIVEN]
        options = stored.params | {name: options[name] for name in (*_STATE, *given)}
    for name in ("network", "data"):
        if options[name] is None:
            raise click.UsageError(f"expected NETWORK and DATA, here or in --config; got no {name.upper()}")
    data = options["data"]
    folder = data not in ("digits", "mnist", "celeba", "normal") and ":" not in data and data[-4:] != ".npy"
    require_use(context, "data-dir", "mnist or celeba", used=data in ("mnist", "celeba"))
    require_use(context, "size", "a folder of pictures or celeba", used=folder or data == "celeba")
    for name in ("channels", "skip-damaged"):
        unset = not options[name.replace("-", "_")]
        require_use(context, name, "a folder of pictures", used=folder or unset)
    require_use(context, "momentum", "--optimizer sgd", used=options["optimizer"] == "sgd")
    _settle_betas(context, options)
    require_generative(context, options)
    settle_ramps(options)
    own = ":" in options["task"] or options["task"] == "none"
    require_use(context, "task-reduction", "--task reconstruction, l1 or ssim", used=not own)
    if options["compiled"] and options["masks"] == "shared":
        raise click.UsageError(
            "expected --masks fresh with --compile: a graph cannot set generators; got shared"
        )
    if options["task"] == "none" and not options["weight"] and options["source"] == "none":
        raise click.UsageError("expected a task or a rule to train by; got --task none and --weight 0")
    for name in ("order", "alphas"):
        used = options["rule"] in _POLYNOMIAL or options[name] is None
        require_use(context, name, f"--rule {' or '.join(_POLYNOMIAL)}", used=used)
    _settle_corrector(context, options)
    corrector = given_corrector(options["order"], options["alphas"])
    if not corrector.order:
        raise click.UsageError(
            f"expected a corrector, which keeps 0 and 1 and is flat there; got g(x) = {corrector}"
        )
    if (largest := max(map(abs, corrector.alphas))) > _GREATEST:
        raise click.UsageError(
            f"expected coefficients up to {_GREATEST:g}, for single precision; got {float(largest):.1e}"
        )
    from .running import run_training

    run_training(options | {"corrector": corrector}, _resolved(context.command, options))


def _settle_betas(context: click.Context, options: dict[str, Any]) -> None:
    """Leave out a recipe's where another optimizer was asked for, which has none; refuse one's own."""
    recipe = RECIPES[options["recipe"]].options if options["recipe"] else {}
    typed = context.get_parameter_source("betas") is click.core.ParameterSource.COMMANDLINE
    if options["optimizer"] == "sgd" and not typed and options["betas"] == recipe.get("betas"):
        options["betas"] = None
    else:
        require_use(context, "betas", "--optimizer adam or adamw", used=options["optimizer"] != "sgd")


def _settle_corrector(context: click.Context, options: dict[str, Any]) -> None:
    """Let the one of --order and --alphas on the command line stand over the other in a file."""
    given = {
        name
        for name in ("order", "alphas")
        if context.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE
    }
    if len(given) == 1:
        (other,) = {"order", "alphas"} - given
        options[other] = None
    if options["alphas"] is None and options["order"] is None and options["rule"] in _POLYNOMIAL:
        options["order"] = 1


def _options_of(path: Path, command: click.Command) -> dict[str, Any]:
    from .configuration import read_options

    return read_options(path, {option: name for name, option in _names(command).items()})


def _names(command: click.Command) -> dict[str, str]:
    """Each parameter that says what is trained, with its name on the command line."""
    return {
        param.name: param.name if isinstance(param, click.Argument) else param.opts[0].removeprefix("--")
        for param in command.params
        if param.name is not None and param.name not in _STATE
    }


def _resolved(command: click.Command, options: dict[str, Any]) -> dict[str, Any]:
    """Every option as YAML holds them, None where there is no default."""
    return {option: _held(options[name], option) for name, option in _names(command).items()}


def _held(value: Any, option: str) -> Any:
    """An option's value as YAML holds it, however it was typed."""
    from .configuration import parsed_arguments

    value = parsed_arguments(value, option) if isinstance(value, tuple) else value
    return str(value) if isinstance(value, Path) else value


def _require_same(context: click.Context, stored: dict[str, Any]) -> None:
    """Refuse options beside --resume that are not the run's."""
    ramps = {**stored, "ramp": context.params["ramp"]}
    settle_ramps(ramps)  # as they were when the run began
    for name, option in _names(context.command).items():
        if name in FREE:
            continue
        given = ramps["ramp"] if name == "ramp" else context.params[name]
        source = context.get_parameter_source(name)
        if source is click.core.ParameterSource.DEFAULT:
            continue
        if _held(given, option) != _held(stored[name], option):
            raise click.UsageError(
                f"expected --resume with the run's own options, {option} {stored[name]}; got {given}: "
                "another run may begin with --weights"
            )
