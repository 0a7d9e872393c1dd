"""The console command's door, and its first subcommand, `corrector derive`.

Each of the three parts keeps its subcommands in a `cli` module that imports nothing heavy before a
command runs, so that `corrector --help` answers at once.
"""

from __future__ import annotations

import importlib
import json
import signal
import sys
from typing import Any

import click

_PARTS = {
    "derive": "corrector.cli",
    "fixed-points": "analysis.cli",
    "basins": "analysis.cli",
    "iterate": "analysis.cli",
    "certify": "analysis.cli",
    "demo": "training.cli",
}


class Refused(click.ClickException):
    """A result that does not hold: one line on stderr, exit status 1."""

    exit_code = 1


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


@click.command()
@click.option("--order", default=1, show_default=True, help="Near-idempotency order n, at least 1.")
@click.option("--degree", type=int, help="Degree j of the ansatz.  [default: 2n + 1, the least]")
@click.option(
    "--format",
    "style",
    type=click.Choice(["text", "latex", "json"]),
    default="text",
    show_default=True,
    help="How to write it.",
)
def derive(order: int, degree: int | None, style: str) -> None:
    """Derive every corrector of an order and a degree.

    Prints the family, its free parameters and the worked derivation: the words in P and D, the
    equation of each, and their solution order by order.
    """
    from .ansatz import derive as derive_family
    from .words import MAX_ORDER

    family = derive_family(order, degree)
    derivation = family.derivation() if family.order <= MAX_ORDER else None
    if style == "json":
        click.echo(json.dumps(_family_as_dict(family, derivation), indent=2))
        return
    if style == "latex":
        click.echo(f"\\[ g(x) = {_family_as_latex(family)} \\]")
        click.echo(derivation.latex() if derivation else "% by Hermite interpolation: see --format text")
        return
    click.echo(f"g(x) = {family}")
    free = ", ".join(family.parameters) or "none"
    click.echo(f"order {family.order}, degree {family.degree}, free parameters: {free}")
    products = family.minimal.products
    click.echo(f"The minimal member takes {products} matrix products a step.")
    click.echo()
    click.echo(
        derivation
        or f"Found by Hermite interpolation: the words number {2 ** (order + 2) - 3}, "
        f"and are written out up to order {MAX_ORDER}."
    )


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


def _family_as_latex(family: Any) -> str:
    free = (
        rf" + a_{{{name[1:]}}} \left({p.latex()}\right)"
        for name, p in zip(family.parameters, family.basis, strict=True)
    )
    return f"{family.minimal.latex()}{''.join(free)}"


def main() -> None:
    """Run the console command; a user's mistake ends in one line on stderr and exit status 2."""
    from .ansatz import NoCorrectorError

    # A polite kill cleans up like Ctrl-C.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        sys.exit(door.main(standalone_mode=False, prog_name="corrector"))
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        sys.exit(2)
    except click.ClickException as error:
        _fail(error.format_message(), error.exit_code)
    except click.Abort:
        _fail("interrupted; nothing was written", 130)
    except NoCorrectorError as error:
        _fail(str(error), 1)
    except OSError as error:
        given = f"expected to use {error.filename}; got: {error.strerror}" if error.filename else str(error)
        _fail(given, 2)
    except (ValueError, TypeError, ArithmeticError, RuntimeError, MemoryError, ImportError) as error:
        _fail(str(error) or type(error).__name__, 2)


def _fail(message: str, status: int) -> None:
    click.echo(f"corrector: {' '.join(message.split())}", err=True)
    sys.exit(status)
