"""`corrector fixed-points`, `cycles`, `basins`, `radius`, `figures`, `iterate`, `schedule`, `certify`."""

from __future__ import annotations

import json
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from corrector.cli import (
    figures_by_name,
    figures_of_sweep,
    given_corrector,
    given_float,
    given_interval,
    given_number,
    how_to_write,
    require_use,
    which_corrector,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

_MOST_DRAWN = 8000
"""Pixels along a side of a picture: drawing takes some 90 bytes a pixel."""

_SETTLED = 1e-9

_HELD = 15
"""Matrices in memory at once, at most, K among them: as many as refining in mixed precision holds."""

_relaxation = click.option(
    "--relaxation",
    default="1",
    show_default=True,
    help="Weight γ of the new iterate: 1, 0.5 or 1/3.",
)
_json = click.option(
    "--format", "style", type=click.Choice(["text", "json"]), default="text", show_default=True
)
_gap = click.option("--gap", required=True, help="An interval without eigenvalues, as in 0.45,0.55.")
_inside = click.option(
    "--inside", default="0,1", show_default=True, help="The ends of the spectrum, of which --gap is a part."
)
_matrix = click.argument("matrix", type=click.Path(dir_okay=False, path_type=Path))


@click.command("fixed-points")
@which_corrector
@_relaxation
@how_to_write
def fixed_points(order: int | None, alphas: str | None, relaxation: str, style: str) -> None:
    """Print a corrector's fixed points and how each attracts."""
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
@_json
@click.pass_context
def cycles(
    context: click.Context, order: int | None, alphas: str | None, relaxation: str, style: str
) -> None:
    """Print every attracting cycle of a corrector, proved.

    Ends with exit status 1 where a critical orbit stayed undecided, which might go to another one.
    """
    from .cycles import attracting_cycles as find
    from .typesetting import decimal

    g, gamma = given_corrector(order, alphas), given_number("--relaxation", relaxation)
    with _waiting("Following the critical orbits"):
        found = find(g, gamma)
    if style == "json":
        data = {
            "corrector": [str(a) for a in g.alphas],
            "relaxation": str(gamma),
            "cycles": [
                {
                    "period": cycle.period,
                    "points": [[z.real, z.imag] for z in cycle.points],
                    "multiplier": [cycle.multiplier.real, cycle.multiplier.imag],
                    "kind": cycle.kind,
                }
                for cycle in found
            ],
            "complete": found.complete,
            "undecided": [
                {"point": [u.point.real, u.point.imag], "reason": u.reason} for u in found.undecided
            ],
        }
        click.echo(json.dumps(data, indent=2))
    else:
        click.echo(f"g(x) = {g}, relaxation {gamma}")
        click.echo(f"{'period':>6}  {'multiplier':>24}  {'kind':>15}  points")
        for cycle in found:
            points = ", ".join(map(decimal, cycle.points))
            click.echo(f"{cycle.period:>6}  {decimal(cycle.multiplier):>24}  {cycle.kind:>15}  {points}")
        if found.complete:
            click.echo("There is no other attracting cycle." if found else "There is no attracting cycle.")
        for u in found.undecided:
            click.echo(f"corrector: undecided: critical point {decimal(u.point)}: {u.reason}", err=True)
    context.exit(0 if found.complete else 1)


@click.command()
@which_corrector
@_relaxation
@click.option(
    "--extent",
    default="-1,2,-1.5,1.5",
    show_default=True,
    help="Left, right, bottom, top of the picture.",
)
@click.option("--resolution", default=1024, show_default=True, help="Pixels along the longer side.")
@click.option("--max-steps", default=500, show_default=True, help="Steps after which a point is undecided.")
@click.option("--boundary", is_flag=True, help="Draw the boundary, by the estimated distance to it.")
@click.option("--certified", is_flag=True, help="Draw only what is proved, and bound the areas.")
@click.option("--device", type=click.Choice(["cpu", "cuda"]), default="cpu", show_default=True)
@click.option(
    "--output",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="The picture: .png, .pdf or .svg.",
)
def basins(
    *,
    order: int | None,
    alphas: str | None,
    relaxation: str,
    extent: str,
    resolution: int,
    max_steps: int,
    boundary: bool,
    certified: bool,
    device: str,
    output: Path,
) -> None:
    """Draw which attractor each complex number goes to.

    Attractors are 0, 1 and whatever else attracts (see `corrector cycles`).
    """
    from corrector.files import whole_file

    from .basin import basins as sample
    from .enclosure import enclose_basins as enclose
    from .plotting import new_figure, save

    if certified and (boundary or device != "cpu"):
        raise click.UsageError("expected --certified without --boundary and --device; got both")
    if output.suffix.lower() not in (".png", ".pdf", ".svg"):
        raise click.BadParameter(
            f"expected a name ending in .png, .pdf or .svg; got {output.name}",
            param_hint="--output",
        )
    if resolution > _MOST_DRAWN:
        raise click.BadParameter(
            f"expected at most {_MOST_DRAWN} pixels, to draw them; got {resolution}",
            param_hint="--resolution",
        )
    g, gamma = given_corrector(order, alphas), given_number("--relaxation", relaxation)
    ends: Any = [given_number("--extent", end) for end in extent.split(",")]
    figure = new_figure(5.4, 4.6)
    with _progress("Following points") as progress:
        if certified:
            proved = enclose(g, gamma, ends, resolution, max_steps, progress=progress)
            axes, told = proved.plot(figure.add_subplot()), repr(proved)
        else:
            found = sample(
                g, gamma, ends, resolution, max_steps, distances=boundary, device=device, progress=progress
            )
            axes, told = found.plot(figure.add_subplot(), boundary=boundary), repr(found)
    with whole_file(output) as draft, _waiting("Drawing"):
        save(figure, draft, pixels=resolution, across=axes)
    click.echo(f"{told}\nwritten to {output}")


@click.command()
@which_corrector
@_relaxation
@click.option("--obliquity", "obliquities", multiple=True, type=float, help="A norm of P; may be repeated.")
@_json
@click.pass_context
def radius(
    context: click.Context,
    order: int | None,
    alphas: str | None,
    relaxation: str,
    obliquities: tuple[float, ...],
    style: str,
) -> None:
    """Print how far from 0, 1 and projectors all goes there.

    Proved: on the real line, on the complex plane, and among matrices, by the norm of the projector.
    Ends with exit status 1 where a radius was not found to nine digits, or a real basin not proved.
    """
    from .radius import disc_radius, matrix_radius, real_basin
    from .typesetting import decimal

    g, gamma = given_corrector(order, alphas), given_number("--relaxation", relaxation)
    lines: dict[int, tuple[float, float] | None] = {}
    with _waiting("Proving where everything goes"):
        discs = {about: disc_radius(g, about, gamma) for about in (0, 1)}
        matrices = {s: matrix_radius(g, s, gamma) for s in obliquities or (1, 2, 10)}
        for about in (0, 1):
            try:
                lines[about] = real_basin(g, about, gamma)
            except ValueError:  # the only one left: not proved
                lines[about] = None
    settled = [r.high - r < _SETTLED for r in discs.values()]
    settled += [m.high - m.low < _SETTLED for m in matrices.values()]
    if style == "json":
        data = {
            "corrector": [str(a) for a in g.alphas],
            "relaxation": str(gamma),
            "real_basins": {str(about): ends and list(ends) for about, ends in lines.items()},
            "discs": {str(about): [r, r.high] for about, r in discs.items()},
            "matrices": [
                {
                    "obliquity": s,
                    "radius": [m.low, m.high],
                    "eigenvalue": [m.eigenvalue.real, m.eigenvalue.imag],
                }
                for s, m in matrices.items()
            ],
        }
        click.echo(json.dumps(data, indent=2))
    else:
        click.echo(f"g(x) = {g}, relaxation {gamma}")
        for about, ends in lines.items():
            said = f"({ends[0]:.12g}, {ends[1]:.12g})" if ends else "not proved"
            click.echo(f"real basin of {about}: {said}")
        for about, r in discs.items():
            click.echo(f"largest disc about {about}: radius {_between(r, r.high)}")
        for s, m in matrices.items():
            click.echo(
                f"about a projector of norm {s:g}: radius {_between(m.low, m.high)}, "
                f"where a matrix can have the eigenvalue {decimal(m.eigenvalue)}"
            )
    context.exit(0 if all(settled) and all(lines.values()) else 1)


@click.command()
@click.option(
    "--output",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="A folder; what it holds under other names stays.",
)
@click.option("--only", "chosen", multiple=True, help="A figure by name; may be repeated.")
@click.option(
    "--sweep", type=click.Path(path_type=Path), help="Draw the data in a folder of `corrector sweep`."
)
@click.option(
    "--format", "suffix", type=click.Choice(["svg", "pdf", "png"]), default="svg", show_default=True
)
def figures(output: Path, chosen: tuple[str, ...], sweep: Path | None, suffix: str) -> None:
    """Draw every figure of the sources anew, or those of a sweep.

    Without --sweep, by the names that --only takes:

    \b
    notes-1, paper-1           K' = 3K^2 - 2K^3 of a number, iterated
    notes-2                    the residual before and after a step
    notes-3, notes-4           the corrected output and the correction of n(x) = wx
    notes-5, notes-6           graphs of the modified and the ordinary gradient
    paper-2                    |h^10| on the complex plane
    basins-of-orders, boundary, relaxation, obliquity
                               what correctors attract; obliquity takes a minute
    rules                      graphs of two rules, side by side
    trajectories               the rules' ways through weight space
    spectrum                   eigenvalues of N1 before and after training

    With it: rates (the paper's figure 3), epochs, panels (the notes' of error, norm and trace), pareto and
    costs, each with the variance kept beside the error; where a sweep has several settings, the names go on
    with them, as in rates-seed.
    """  # noqa: D301 - below \b alone click leaves lines as they are
    from functools import partial
    from inspect import signature

    from corrector.files import whole_file

    from .plotting import save
    from .progress import within

    drawn = figures_by_name(chosen) if sweep is None else figures_of_sweep(sweep)
    unknown = [name for name in chosen if name not in drawn]
    if unknown:
        raise click.BadParameter(
            f"expected {', '.join(drawn)}; got {', '.join(unknown)}", param_hint="--only"
        )
    names = tuple(dict.fromkeys(chosen)) or tuple(drawn)
    output.mkdir(parents=True, exist_ok=True)
    with _progress("Drawing") as progress:
        for i, name in enumerate(names):
            draw = drawn[name]
            if "progress" in signature(draw).parameters:
                draw = partial(draw, progress=within(progress, i, len(names)))
            with whole_file(output / f"{name}.{suffix}") as draft:
                save(draw(), draft)
            progress((i + 1) / len(names))
    click.echo(f"{len(names)} figure{'s' * (len(names) != 1)} written to {output}")


@contextmanager
def _progress(title: str) -> Iterator[Callable[[float], None]]:
    """Yield a function that takes the share done, and shows it where someone is looking."""
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task(title, total=1.0)
        yield lambda share: progress.update(task, completed=share)


def _waiting(title: str) -> AbstractContextManager[Any]:
    """Return a context that shows a spinner, where someone is looking."""
    from rich.console import Console

    return Console(stderr=True).status(title)


def _between(low: float, high: float) -> str:
    return f"{low:.12g}" if high - low < _SETTLED else f"between {low:.6g} and {high:.6g}"


@click.command()
@_matrix
@click.option(
    "--output",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="Where to write the projector: .npy or .mtx.",
)
@which_corrector
@_relaxation
@click.option(
    "--max-steps",
    default=100,
    show_default=True,
    help="The most steps, after those of --gap.",
)
@click.option(
    "--gap",
    help="An interval without eigenvalues, as in 0.45,0.55; auto: that about --at, of a symmetric matrix.",
)
@_inside
@click.option("--scale", is_flag=True, help="Scale eigenvalues into the basins first.")
@click.option(
    "--mixed",
    is_flag=True,
    help="Find the projector in single precision, then refine it to double; where that fails, all in double.",
)
@click.option(
    "--spectral",
    is_flag=True,
    help="The projector for the eigenvalues with real part above --at, by any means.",
)
@click.option("--at", default="0.5", show_default=True, help="Where --spectral and --gap auto part them.")
@click.pass_context
def iterate(
    context: click.Context,
    *,
    matrix: Path,
    output: Path,
    order: int | None,
    alphas: str | None,
    relaxation: str,
    max_steps: int,
    gap: str | None,
    inside: str,
    scale: bool,
    mixed: bool,
    spectral: bool,
    at: str,
) -> None:
    """Iterate a corrector on a matrix until it is idempotent.

    Reads a .npy or Matrix Market file.  Writes the projector only if the iteration converged; else says
    why not and ends with exit status 1.  With --gap it first follows the plan of `corrector schedule`, and
    does not converge if an eigenvalue turns out to lie there.  With --spectral the plan, the corrector or
    Newton's iteration, as suits the matrix.

    Says of the projector whether it was proved to belong to the eigenvalues with real part above 1/2,
    above --at, or above the gap.
    """
    import warnings

    from corrector.files import whole_file

    from .iteration import NotSpectralWarning
    from .iteration import iterate as run
    from .matrixfiles import is_matrix_name, write_matrix
    from .outcome import failure, success, warning
    from .projector import spectral_gap, spectral_projector
    from .scheduling import schedule as plan

    if not is_matrix_name(output, (".npy", ".mtx")):
        raise click.BadParameter(
            f"expected a name ending in .npy or .mtx; got {output.name}", param_hint="--output"
        )
    g, gamma = given_corrector(order, alphas), given_number("--relaxation", relaxation)
    if spectral and (gap is not None or scale or mixed or gamma != 1):
        raise click.UsageError("expected --spectral, or --gap, --scale, --mixed or --relaxation; got both")
    if gap is not None and scale:
        raise click.UsageError("expected --gap or --scale; got both: a plan scales by its own bounds")
    require_use(context, "at", "--spectral or --gap auto", used=spectral or gap == "auto")
    require_use(context, "inside", "--gap", used=gap not in (None, "auto"))
    border, K = given_float("--at", at), _load(matrix, _HELD)
    if K.ndim != 2 and not is_matrix_name(output, (".npy",)):
        raise click.BadParameter(
            f"expected a name ending in .npy for arrays of shape {K.shape}; got {output.name}",
            param_hint="--output",
        )
    # The output's place is taken first: a folder that is not there is found before the work is done.
    with whole_file(output) as draft:
        with warnings.catch_warnings(), _products() as progress:
            warnings.simplefilter("ignore", NotSpectralWarning)
            if spectral:
                solution = spectral_projector(K, border, g, max_steps, progress=progress)
            else:
                bounds = None
                if gap == "auto":
                    bounds = plan(*spectral_gap(K, border))
                elif gap is not None:
                    bounds = plan(*given_interval("--gap", gap), inside=given_interval("--inside", inside))
                solution = run(
                    K, g, gamma, max_steps, schedule=bounds, scale=scale, mixed=mixed, progress=progress
                )
        if not solution.converged:
            remedy = "another --at may do" if spectral else None
            click.echo(f"corrector: not converged, nothing written: {failure(solution, remedy)}", err=True)
            context.exit(1)
        write_matrix(draft, solution.value)
    line = f"with real part above {at}" if gap in (None, "auto") else f"above the gap {gap}"
    click.echo(f"{success(solution, line)}\nwritten to {output}")
    if doubt := warning(solution, line):
        click.echo(f"corrector: {doubt}", err=True)


@contextmanager
def _products() -> Iterator[Callable[[int, float], None]]:
    """Yield a function that shows the products so far and what is left, where someone is looking."""
    from rich.console import Console

    with Console(stderr=True).status("Iterating") as status:
        yield lambda products, left: status.update(f"Iterating: {products} products, {left:.1e} left")


@click.command()
@_gap
@_inside
@_json
def schedule(gap: str, inside: str, style: str) -> None:
    """Plan the fewest matrix products for a symmetric matrix.

    Its eigenvalues lie in the interval of --inside, and none in that of --gap; `corrector iterate` with
    the same options carries the plan out, and finds out if that is so.  The error is how far from 0 and 1
    eigenvalues may end, in exact arithmetic, proved.

    Prints the polynomials to be applied in turn: their degrees, the products each takes, and the width of
    the gap after it, as a share of the spectrum's.  With --format json their coefficients, exact, and
    programs of products that evaluate them, less the constant term; they are to be applied to
    (K - low I)/(high - low), low and high the ends of --inside.
    """
    from .scheduling import schedule as plan

    found = plan(*given_interval("--gap", gap), inside=given_interval("--inside", inside))
    if style == "json":
        data = {
            "below": found.below,
            "above": found.above,
            "inside": found.inside,
            "products": found.products,
            "floor": found.floor,
            "error": found.error,
            "steps": [
                {"coefficients": [str(c) for c in p.coefficients], "plan": made.as_dict()}
                for p, made in zip(found.steps, found.plans, strict=True)
            ],
        }
        click.echo(json.dumps(data, indent=2))
    else:
        click.echo(str(found))


@click.command()
@_matrix
@_json
@click.pass_context
def certify(context: click.Context, matrix: Path, style: str) -> None:
    """Prove that a projector lies near a matrix.

    Reads a .npy or Matrix Market file; says of which rank, and how near.
    """
    from dataclasses import asdict
    from math import isfinite

    from .certificate import certify as prove

    K = _load(matrix, _HELD)
    with _waiting("Proving"):
        certificate = prove(K)
    if style == "json":
        data = asdict(certificate)
        data["residual"] = certificate.residual if isfinite(certificate.residual) else None
        click.echo(json.dumps(data, indent=2, ensure_ascii=False))
    elif certificate.holds:
        click.echo(
            f"certified: a projector of rank {certificate.rank} within {certificate.radius:.6g} of K, "
            f"for {certificate.reason}"
        )
    else:
        click.echo(f"corrector: not certified: {certificate.reason}", err=True)
    context.exit(0 if certificate.holds else 1)


def _load(path: Path, matrices: int) -> Any:
    from .matrixfiles import SUFFIXES, is_matrix_name, read_matrix

    if not path.is_file():
        raise click.BadParameter(f"expected a matrix in a file; {path} does not exist", param_hint="MATRIX")
    if not is_matrix_name(path):
        raise click.BadParameter(
            f"expected a name ending in {', '.join(SUFFIXES)}; got {path.name}", param_hint="MATRIX"
        )
    try:
        return read_matrix(path, matrices)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="MATRIX") from None
