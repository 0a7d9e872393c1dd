"""The console command's door, and its first subcommand, `corrector derive`.

Each of the three parts keeps its subcommands in a `cli` module that imports nothing heavy before a
command runs, so that `corrector --help` answers at once.
"""

from __future__ import annotations

import importlib
import io
import json
import signal
import sys
from typing import TYPE_CHECKING, Any, NoReturn

import click

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from fractions import Fraction
    from pathlib import Path

    from .polynomial import Corrector

_PARTS = {
    "derive": "corrector.cli",
    "best": "corrector.cli",
    "plan": "corrector.cli",
    "fixed-points": "analysis.cli",
    "cycles": "analysis.cli",
    "basins": "analysis.cli",
    "radius": "analysis.cli",
    "figures": "analysis.cli",
    "iterate": "analysis.cli",
    "schedule": "analysis.cli",
    "certify": "analysis.cli",
    "demo": "training.cli",
    "audit": "training.cli",
    "train": "training.runs.cli",
    "sweep": "training.sweeping.cli",
    "generate": "training.generation.cli",
    "project": "training.generation.cli",
}
_DRAWING = ("analysis.figures", "training.figures")
"""Where the parts keep the figures that `corrector figures` draws."""


_MOST_WRITTEN = 10**8
"""Digits that `corrector derive` may have to write, at most."""


class Refused(click.ClickException):
    """A result that does not hold: one line on stderr, exit status 1."""

    exit_code = 1


class Interrupted(click.ClickException):
    """Work that was interrupted and can go on: one line on stderr, exit status 130."""

    exit_code = 130


class _Door(click.Group):
    def list_commands(self, _: click.Context) -> list[str]:
        return list(_PARTS)

    def get_command(self, _: click.Context, name: str) -> click.Command | None:
        if name not in _PARTS:
            return None
        module = importlib.import_module(_PARTS[name])
        command: click.Command = getattr(module, name.replace("-", "_"))
        return command


@click.group(cls=_Door, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="corrector")
def door() -> None:
    """Idempotent correctors: derive them, analyse them, train networks with them.

    A corrector is a polynomial g such that iterating K <- g(K) makes an almost idempotent matrix
    exactly idempotent; the first is 3K^2 - 2K^3.

    Exit status: 0 done, 1 the result does not hold, 2 a mistake in what was asked,
    130 interrupted.
    """


how_to_write = click.option(
    "--format",
    "style",
    type=click.Choice(["text", "latex", "json"]),
    default="text",
    show_default=True,
    help="How to write it.",
)


def which_corrector(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options --order and --alphas, of which a command takes one."""
    any_other = click.option("--alphas", help="Or any polynomial, by α₁,α₂,…: 0,3,-2 or 0,7/2,-3,1/2.")
    smoothstep = click.option("--order", type=int, help="The smoothstep of this order.  [default: 1]")
    return smoothstep(any_other(command))


def given_corrector(order: int | None, alphas: str | None) -> Corrector:
    """Return the corrector that --order or --alphas asks for."""
    from .catalog import smoothstep
    from .polynomial import Corrector

    if alphas is None:
        return smoothstep(1 if order is None else order)
    if order is not None:
        raise click.UsageError("expected --order or --alphas; got both")
    return Corrector([a.strip() for a in alphas.split(",")])


def given_number(option: str, text: str) -> Fraction:
    """Return the exact number that an option was given as: 1, 0.5 or 1/3."""
    from .polynomial import exact

    return exact(text, option)


def given_interval(option: str, text: str) -> tuple[float, float]:
    """Return the two numbers, with a comma between them, that an option was given as."""
    ends = text.split(",")
    if len(ends) != 2:
        raise click.BadParameter(f"expected two numbers, as in 0.45,0.55; got {text}", param_hint=option)
    low, high = (given_float(option, end) for end in ends)
    return low, high


def figures_by_name(chosen: Collection[str]) -> dict[str, Callable[..., Any]]:
    """Return the figures of every part, by name; a part is not loaded where those before it hold all chosen.

    Those of a part whose libraries are not installed are left out, which is said, unless some are chosen.
    """
    figures: dict[str, Callable[..., Any]] = {}
    for part in _DRAWING:
        if chosen and set(chosen) <= set(figures):
            break
        try:
            figures |= importlib.import_module(part).FIGURES
        except ModuleNotFoundError as error:
            if chosen:
                raise
            click.echo(f"corrector: left out what {part} draws, which needs {error.name}", err=True)
    return figures


def figures_of_sweep(folder: Path) -> dict[str, Callable[..., Any]]:
    """Return the figures of a sweep's data, by name."""
    drawn: dict[str, Callable[..., Any]] = importlib.import_module("training.sweeping.figures").figures_of(
        folder
    )
    return drawn


def require_use(context: click.Context, name: str, where: str, *, used: bool) -> None:
    """Refuse an option that would be passed over in silence."""
    given = context.get_parameter_source(name.replace("-", "_")) is not click.core.ParameterSource.DEFAULT
    if given and not used:
        raise click.UsageError(f"expected --{name} together with {where}; got it without")


def given_float(option: str, text: str) -> float:
    """Return the double nearest to the number that an option was given as."""
    try:
        return float(given_number(option, text))
    except OverflowError:
        raise click.BadParameter(
            f"expected a number within floating-point range; got {text}", param_hint=option
        ) from None


@click.command()
@click.option("--order", default=1, show_default=True, help="Near-idempotency order n, at least 1.")
@click.option("--degree", type=int, help="Degree j of the ansatz.  [default: 2n + 1, the least]")
@how_to_write
def derive(order: int, degree: int | None, style: str) -> None:
    """Derive every corrector of an order and a degree.

    Prints the family, its free parameters and the worked derivation: the words in P and D, the
    equation of each, and their solution order by order.
    """
    from .ansatz import derive as derive_family
    from .derivation import interpolated
    from .plan import MOST_PLANNED
    from .typesetting import COLUMNS, as_latex, as_text, rows_of
    from .words import MAX_DEGREE, MAX_ORDER

    family = derive_family(order, degree)
    numbers = (family.dimension + 1) * (family.degree + 1)
    if numbers * family.degree > _MOST_WRITTEN:
        raise click.UsageError(
            f"expected a family that fills at most some megabytes of text; got order {family.order}, degree "
            f"{family.degree}: {numbers} numbers of up to {family.degree} digits"
        )
    written_out = family.order <= MAX_ORDER and family.degree <= MAX_DEGREE
    derivation = family.derivation() if written_out else None
    parts = derivation.parts() if derivation else interpolated(family)
    if style == "json":
        click.echo(json.dumps(_family_as_dict(family, derivation), indent=2))
    elif style == "latex":
        click.echo(as_latex(parts, standalone=True))
    else:
        click.echo("\n    ".join(rows_of(f"g(x) = {family}", COLUMNS - 4, len)))
        free = ", ".join(family.parameters) or "none"
        click.echo(f"order {family.order}, degree {family.degree}, free parameters: {free}")
        if family.minimal.degree <= MOST_PLANNED:
            click.echo(f"The minimal member takes {family.minimal.products} matrix products a step.\n")
        click.echo(as_text(parts))


@click.command()
@click.argument("criterion")
@click.option("--order", default=1, show_default=True, help="Near-idempotency order n, at least 1.")
@click.option("--degree", type=int, help="Degree j of the family.  [default: 2n + 3]")
@click.option(
    "--interval",
    nargs=2,
    metavar="LOW HIGH",
    help="For smallest_residual: eigenvalues that are to go to 0, below 1/2.  [default: -1/10 1/10]",
)
@click.option("--multiplier", help="For multiplier_at_half: g'(1/2).  [default: 4/3 of the least member's]")
@click.option("--format", "style", type=click.Choice(["text", "json"]), default="text", show_default=True)
def best(
    criterion: str,
    order: int,
    degree: int | None,
    interval: tuple[str, str] | None,
    multiplier: str | None,
    style: str,
) -> None:
    """Choose the best corrector of an order and a degree.

    CRITERION is widest_real_basin, largest_disc, smallest_residual, fewest_products or
    multiplier_at_half.  Prints what the member reaches and how that is proved, and what it gains and
    costs beside the minimal member.  `corrector derive` prints the family that it is chosen from.
    """
    from rich.console import Console

    from .ansatz import derive as derive_family

    family = derive_family(order, 2 * order + 3 if degree is None else degree)
    asked = {"interval": interval, "multiplier": multiplier}
    with Console(stderr=True).status(f"Looking for the best of {family.dimension} free parameters"):
        choice = family.best(criterion, **{name: value for name, value in asked.items() if value is not None})
        report = json.dumps(choice.as_dict(), indent=2) if style == "json" else choice.report()
    click.echo(report)


@click.command()
@which_corrector
@click.option("--format", "style", type=click.Choice(["text", "json"]), default="text", show_default=True)
def plan(order: int | None, alphas: str | None, style: str) -> None:
    """Show the matrix products that evaluate a corrector."""
    from rich.console import Console

    g = given_corrector(order, alphas)
    with Console(stderr=True).status("Looking for the shortest plan that keeps its digits"):
        products = g.products
    if style == "json":
        data = {"alphas": [str(a) for a in g.alphas], "products": products} | g.plan.as_dict()
        click.echo(json.dumps(data, indent=2))
    else:
        click.echo(f"g(x) = {g}\n\n{g.plan}")


def _family_as_dict(family: Any, derivation: Any) -> dict[str, Any]:
    return {
        "order": family.order,
        "degree": family.degree,
        "dimension": family.dimension,
        "parameters": list(family.parameters),
        "minimal": [str(a) for a in family.minimal.alphas],
        "basis": {
            name: [str(c) for c in p.coefficients[1:]]
            for name, p in zip(family.parameters, family.basis, strict=True)
        },
        "derivation": derivation.as_dict() if derivation else None,
    }


def main() -> None:
    """Run the console command."""
    run(door, "corrector")


def run(command: click.Command, name: str, *, silent: bool = False) -> NoReturn:
    """Run a command and leave; a user's mistake ends in one line on stderr and exit status 2.

    Args:
        command: what to run on the process's arguments.
        name: what help texts call it.
        silent: leave that line to another process.
    """
    from .ansatz import NoCorrectorError

    fail = _leave if silent else _fail
    for stream in (sys.stdout, sys.stderr):  # better a question mark for ‖ than none of it
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    # A polite kill cleans up like Ctrl-C.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        sys.exit(command.main(standalone_mode=False, prog_name=name))
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        sys.exit(2)
    except click.ClickException as error:
        fail(error.format_message(), error.exit_code)
    except click.Abort:
        fail("interrupted; nothing was written", 130)
    except NoCorrectorError as error:
        fail(str(error), 1)
    except OSError as error:
        given = f"expected to use {error.filename}; got: {error.strerror}" if error.filename else str(error)
        fail(given, 2)
    except RuntimeError as error:  # of which another process may know nothing
        known = silent and "closed by peer" in str(error)
        (fail if known else _fail)(str(error) or type(error).__name__, 2)
    except (ValueError, TypeError, ArithmeticError, MemoryError, ImportError) as error:
        fail(str(error) or type(error).__name__, 2)


def _fail(message: str, status: int) -> NoReturn:
    click.echo(f"corrector: {' '.join(message.split())}", err=True)
    sys.exit(status)


def _leave(_: str, status: int) -> NoReturn:
    sys.exit(status)
