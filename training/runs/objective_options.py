"""The options of `corrector train` that make a network generate, and recipes of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from corrector.cli import require_use
from training.objective.recipes import PARTS, RECIPES

if TYPE_CHECKING:
    from collections.abc import Callable

_ONLY = (
    "distance",
    "at",
    "tightness",
    "tightness-clamp",
    "likelihood",
    "pool",
    "refresh",
    "ramp",
    "sheets-every",
)
"""Options without a meaning where nothing is generated."""
_ONLY_ELSEWHERE = ("shape", "noise", "chunk")
"""And those without one where something is."""


def _take(context: click.Context, _: click.Parameter, name: str | None) -> str | None:
    """Take a recipe's options for defaults, which those of a file and of the command line override."""
    if name is not None:
        recipe = {key: value for key, value in RECIPES[name].options.items() if key != "ramp"}
        context.default_map = recipe | dict(context.default_map or {})
    return name


def generative_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add them."""
    positive, some = click.FloatRange(min=0), click.IntRange(min=1)
    options = [
        click.option(
            "--recipe",
            type=click.Choice(list(RECIPES)),
            is_eager=True,
            callback=_take,
            help="Generate by an objective with a name; any option beside it overrides the recipe's.",
        ),
        click.option(
            "--source",
            type=click.Choice(["none", "gaussian", "fourier"]),
            default="none",
            show_default=True,
            help="Noise that f makes pictures of: N(0, 1), or with the Fourier statistics of DATA.",
        ),
        click.option(
            "--at",
            type=click.Choice(["noise", "data", "both"]),
            default="noise",
            show_default=True,
            help="Where the rule acts: at what f makes of noise, of data, or of both.",
        ),
        click.option(
            "--distance",
            type=click.Choice(["l2", "l1"]),
            default="l2",
            show_default=True,
            help="Of the rule and the tightness; l1 with the rules ordinary, inner and outer.",
        ),
        click.option(
            "--likelihood",
            type=positive,
            default=0.0,
            show_default=True,
            help="Weight of implicit maximum likelihood: each datum pulls what is nearest to it.",
        ),
        click.option(
            "--pool", type=some, default=4096, show_default=True, help="How much there is to be nearest."
        ),
        click.option(
            "--refresh",
            type=some,
            default=50,
            show_default=True,
            help="Batches after which that is drawn anew.",
        ),
        click.option(
            "--tightness",
            type=positive,
            default=0.0,
            show_default=True,
            help="Weight of what makes f change its own pictures.",
        ),
        click.option(
            "--tightness-clamp",
            type=click.FloatRange(min=0, min_open=True),
            default=1.5,
            show_default=True,
            help="Its bound, in units of what the reconstruction misses; inf: none.",
        ),
        click.option(
            "--ramp",
            multiple=True,
            metavar="PART=BEGIN-WHOLE",
            help="Shares of the run between which a part's weight grows from 0: of "
            f"{', '.join(PARTS)}; may be repeated.",
        ),
        click.option(
            "--sheets-every",
            type=some,
            help="Steps between sheets of pictures.  [default: a tenth of the run]",
        ),
        click.option(
            "--evaluate/--no-evaluate",
            default=True,
            show_default=True,
            help="Measure the pictures in the end, where DATA has labels.",
        ),
    ]
    for option in reversed(options):
        command = option(command)
    return command


def settle_ramps(options: dict[str, Any]) -> None:
    """Add the ramps of a recipe, of parts that none is given for."""
    ours = RECIPES[options["recipe"]].options.get("ramp", {}) if options["recipe"] else {}
    given = {pair.partition("=")[0] for pair in options["ramp"]}
    kept = tuple(f"{part}={shares}" for part, shares in ours.items() if part not in given)
    options["ramp"] = (*options["ramp"], *kept)


def require_generative(context: click.Context, options: dict[str, Any]) -> None:
    """Refuse options that would be passed over in silence."""
    generates = options["source"] != "none"
    defaults = {param.name: param.default for param in context.command.params}
    for name in (*_ONLY, *_ONLY_ELSEWHERE):
        key = name.replace("-", "_")
        as_by_default = options[key] in (defaults[key], ())  # as the file of another run says
        used = as_by_default or generates == (name in _ONLY)
        require_use(context, name, "--source or --recipe" if name in _ONLY else "--source none", used=used)
    for name, part in (("pool", "likelihood"), ("refresh", "likelihood"), ("tightness_clamp", "tightness")):
        source = context.get_parameter_source(name)  # a recipe's own may stay where its part is left out
        if source is click.core.ParameterSource.COMMANDLINE and not options[part]:
            option = name.replace("_", "-")
            raise click.UsageError(f"expected --{option} together with --{part} above 0; got it alone")
    if generates and (options["rule"] == "m1" or ":" in options["task"]):
        got = "--rule m1" if options["rule"] == "m1" else f"--task {options['task']}"
        raise click.UsageError(f"expected a rule and a task for pictures with --source; got {got}")
