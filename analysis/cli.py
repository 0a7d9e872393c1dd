"""`corrector fixed-points`, `basins`, `iterate` and `certify`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from corrector.cli import given_corrector, given_number, which_corrector

_relaxation = click.option(
    "--relaxation",
    default="1",
    show_default=True,
    help="Weight γ of the new iterate: 1, 0.5 or 1/3.",
)
_json = click.option(
    "--format", "style", type=click.Choice(["text", "json"]), default="text", show_default=True
)
_matrix = click.argument("matrix", type=click.Path(dir_okay=False, path_type=Path))


@click.command("fixed-points")
@which_corrector
@_relaxation
@click.option(
    "--format",
    "style",
    type=click.Choice(["text", "latex", "json"]),
    default="text",
    show_default=True,
    help="How to write it.",
)
def fixed_points(order: int | None, alphas: str | None, relaxation: str, style: str) -> None:
    """Print the fixed points of a corrector and how each attracts or repels."""
    from corrector.typesetting import as_latex, as_text

    from .fixedpoint import fixed_points as find
    from .typesetting import fixed_point_parts

    g, gamma = given_corrector(order, alphas), given_number("--relaxation", relaxation)
    points = find(g, gamma)
    if style == "json":
        rows = [
            {
                "value": [p.value.real, p.value.imag],
                "exact": None if p.exact is None else str(p.exact),
                "multiplicity": p.multiplicity,
                "multiplier": [p.multiplier.real, p.multiplier.imag],
                "kind": p.kind,
                "largest_block": p.largest_block,
            }
            for p in points
        ]
        data = {"corrector": [str(a) for a in g.alphas], "relaxation": str(gamma), "fixed_points": rows}
        click.echo(json.dumps(data, indent=2))
        return
    parts = fixed_point_parts(g, gamma, points)
    click.echo(as_latex(parts, standalone=True) if style == "latex" else as_text(parts))


@click.command()
@which_corrector
@_relaxation
@click.option(
    "--extent",
    nargs=4,
    type=float,
    default=(-1, 2, -1.5, 1.5),
    show_default=True,
    help="Left, right, bottom, top.",
)
@click.option("--resolution", default=1024, show_default=True, help="Pixels along the longer side.")
@click.option(
    "--output",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="The picture: .png, .pdf or .svg.",
)
def basins(
    order: int | None,
    alphas: str | None,
    relaxation: str,
    extent: tuple[float, float, float, float],
    resolution: int,
    output: Path,
) -> None:
    """Draw which fixed point each complex number goes to."""
    from corrector.files import whole_file

    from .basin import basins as sample
    from .plotting import save_basins as save

    if output.suffix not in (".png", ".pdf", ".svg"):
        raise click.BadParameter(
            f"expected a name ending in .png, .pdf or .svg; got {output.name}",
            param_hint="--output",
        )
    found = sample(
        given_corrector(order, alphas), given_number("--relaxation", relaxation), extent, resolution
    )
    with whole_file(output) as draft:
        save(found, draft)
    click.echo(f"{found}\nwritten to {output}")


@click.command()
@_matrix
@click.option(
    "--output",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="Where to write the projector (.npy).",
)
@which_corrector
@_relaxation
@click.option("--max-steps", default=100, show_default=True)
@click.pass_context
def iterate(
    context: click.Context,
    matrix: Path,
    output: Path,
    order: int | None,
    alphas: str | None,
    relaxation: str,
    max_steps: int,
) -> None:
    """Iterate a corrector on the matrix in a .npy file until it is idempotent.

    Writes the projector only if the iteration converged; else ends with exit status 1.
    """
    import numpy as np

    from corrector.files import whole_file

    from .iteration import iterate as run

    if output.suffix != ".npy":
        raise click.BadParameter(f"expected a name ending in .npy; got {output.name}", param_hint="--output")
    solution = run(
        _load(matrix),
        given_corrector(order, alphas),
        float(given_number("--relaxation", relaxation)),
        max_steps,
    )
    if not solution.converged:
        click.echo(f"corrector: not converged, nothing written: {solution}", err=True)
        context.exit(1)
    with whole_file(output) as draft:
        np.save(draft, solution.value, allow_pickle=False)
    click.echo(f"{solution}\nwritten to {output}")


@click.command()
@_matrix
@_json
@click.pass_context
def certify(context: click.Context, matrix: Path, style: str) -> None:
    """Prove that a projector lies near the matrix in a .npy file, of which rank and how near."""
    from dataclasses import asdict

    from .certificate import certify as prove

    certificate = prove(_load(matrix))
    if style == "json":
        click.echo(json.dumps(asdict(certificate), indent=2, ensure_ascii=False))
    elif certificate.holds:
        click.echo(
            f"certified: a projector of rank {certificate.rank} within {certificate.radius:.6g} of K, "
            f"for {certificate.reason}"
        )
    else:
        click.echo(f"corrector: not certified: {certificate.reason}", err=True)
    context.exit(0 if certificate.holds else 1)


def _load(path: Path) -> Any:
    import numpy as np

    if not path.is_file():
        raise click.BadParameter(f"expected a .npy file; {path} does not exist", param_hint="MATRIX")
    try:
        return np.load(path, allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise click.BadParameter(
            f"expected a .npy file of numbers; {path} holds something else ({error})",
            param_hint="MATRIX",
        ) from None
