"""The options of `corrector train` that make a network generate, and recipes of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from corrector.cli import require_use
from training.objective.recipes import DEFAULTS, PARTS, RECIPES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

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
FROM_FILE = "corrector.training.file"
"""Where a command's context has the options of --config."""
_TYPED = click.core.ParameterSource.COMMANDLINE
_TASKS = ("reconstruction", "l1", "ssim", "none")
_BY_VALUES = ("ordinary", "inner", "outer")
_WEIGHTS = ("task_weight", "weight", "tightness", "likelihood")
"""Of the parts, in their order."""
_OF_PARTS = {
    "pool": ("likelihood",),
    "refresh": ("likelihood",),
    "tightness_clamp": ("tightness",),
    "distance": ("weight", "tightness"),
    "reduction": ("weight", "tightness"),
    **dict.fromkeys(("at", "rule", "order", "alphas", "relaxation", "buffers"), ("weight",)),
}
"""Options by the weights of which one must be above 0."""


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
            type=click.Choice(["noise", "data", "both", "nearest"]),
            default="noise",
            show_default=True,
            help="Where the rule acts: at what f makes of noise, of data, of both, or of the noise that "
            "--likelihood finds nearest.",
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
            help="Measure the pictures in the end, by their pixels alone where DATA has no labels.",
        ),
    ]
    for option in reversed(options):
        command = option(command)
    return command


def settle_ramps(options: dict[str, Any]) -> None:
    """Add the ramps of a recipe, of parts that none is given for."""
    ours = RECIPES[options["recipe"]].options.get("ramp", {}) if options["recipe"] else {}
    given, there = {pair.partition("=")[0] for pair in options["ramp"]}, _there(options)
    kept = (f"{part}={shares}" for part, shares in ours.items() if part not in given and part in there)
    options["ramp"] = (*options["ramp"], *kept)


def _require_nothing_else(name: str, file: Mapping[str, Any]) -> None:
    """Refuse a file whose options would silently be in the place of a recipe's, as those of a run's are."""
    if (theirs := file.get("recipe", name)) != name:
        raise click.UsageError(f"expected the --recipe of --config, {theirs}, or none; got {name}")
    wanted = {**DEFAULTS, **RECIPES[name].options}
    for key in sorted((wanted.keys() & file.keys()) - {"ramp"}) if "recipe" not in file else ():
        if not _equal(file[key], wanted[key]):
            raise click.UsageError(
                f"expected recipe: {name} in --config, beside options that override its own; got {key} "
                f"{file[key]} without"
            )


def _equal(given: str, wanted: object) -> bool:
    try:
        return float(given) == float(str(wanted))
    except ValueError:
        return given == str(wanted)


def _there(options: Mapping[str, Any]) -> set[str]:
    """The parts that have a weight."""
    found = {part for part, weight in zip(PARTS, _WEIGHTS, strict=True) if options[weight]}
    return found - {"reconstruction"} if options["task"] == "none" else found


def require_generative(context: click.Context, options: dict[str, Any]) -> None:
    """Refuse options that would be passed over in silence."""
    generates = options["source"] != "none"
    if options["recipe"] and not generates:
        raise click.UsageError("expected --source gaussian or fourier with --recipe; got none")
    defaults = {param.name: param.default for param in context.command.params}
    for name in (*_ONLY, *_ONLY_ELSEWHERE):
        key = name.replace("-", "_")
        as_by_default = options[key] in (defaults[key], ())  # as the file of another run says
        if name in _ONLY:
            require_use(context, name, "--source or --recipe", used=generates or as_by_default)
        elif generates and options[key] is not None and not as_by_default:
            raise click.UsageError(
                f"expected --{name} without --recipe and --source; got it with one of them"
            )
    if context.get_parameter_source("recipe") is _TYPED:
        _require_nothing_else(options["recipe"], context.meta.get(FROM_FILE, {}))
    # A recipe's own, and those of another run's file, may stay where their part is left out.
    typed = {name for name in options if context.get_parameter_source(name) is _TYPED}
    for name, part in _OF_PARTS.items() if generates else ():
        if name in typed and not any(options[one] for one in part):
            option, needed = name.replace("_", "-"), " or ".join(f"--{one}" for one in part)
            raise click.UsageError(f"expected --{option} together with {needed} above 0; got it without")
    if "task_weight" in typed and options["task"] == "none":
        raise click.UsageError("expected --task-weight together with a task; got it with --task none")
    there = _there(options)
    for pair in options["ramp"] if "ramp" in typed else ():
        part = pair.partition("=")[0]
        if part in PARTS and part not in there:
            raise click.UsageError(f"expected --ramp of a part with a weight; got {pair}, and no {part}")
    require_use(context, "evaluate", "--source or --recipe", used=generates or "evaluate" not in typed)
    if generates and options["weight"] and options["at"] == "nearest" and not options["likelihood"]:
        raise click.UsageError("expected --likelihood above 0 with --at nearest, or another --at; got 0")
    if generates:
        _require_of_pictures(options)


def _require_of_pictures(options: Mapping[str, Any]) -> None:
    """Refuse what only networks that do not generate take."""
    if options["task"] not in _TASKS:
        raise click.UsageError(f"expected --task {', '.join(_TASKS)} with --source; got {options['task']}")
    if options["weight"] and options["rule"] == "m1":
        raise click.UsageError(
            "expected --rule modified, ordinary, target, inner or outer with --source; got m1"
        )
    if options["weight"] and options["distance"] == "l1" and options["rule"] not in _BY_VALUES:
        named = ", ".join(_BY_VALUES)
        raise click.UsageError(
            f"expected --rule {named} with --distance l1, any with l2; got {options['rule']}"
        )
