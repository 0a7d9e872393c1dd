"""`corrector generate` and `corrector project`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from corrector.cli import Refused, require_use

if TYPE_CHECKING:
    from collections.abc import Callable

_COUNT = click.IntRange(2, 100_000)
_SEED = click.IntRange(0, 2**63 - 1)
_MOST = 1000
"""Applications of f."""


def _common(command: Callable[..., None]) -> Callable[..., None]:
    """Options of both commands."""
    for option in (
        click.option(
            "--format", "style", type=click.Choice(["text", "json"]), default="text", show_default=True
        ),
        click.option("--device", default="auto", show_default=True, help="cpu, cuda, cuda:1, …"),
        click.option("--seed", type=_SEED, default=0, show_default=True, help="Of all that is drawn."),
        click.option(
            "--data-dir", type=click.Path(path_type=Path), help="Folder with MNIST's or CelebA's files."
        ),
        click.option("--network", metavar="MODULE:NAME", help="Your own network, whose weights RUN has."),
    ):
        command = option(command)
    return command


@click.command()
@click.argument("run")
@click.option(
    "--output",
    required=True,
    type=click.Path(path_type=Path),
    help="A .png, .pdf or .svg file for the sheet alone, or a folder: new, empty or an older one.",
)
@click.option(
    "--count", type=_COUNT, default=64, show_default=True, help="Of pictures; the sheet has 64 at most."
)
@click.option("--powers", default="1,2,3,5", show_default=True, help="How often f is applied.")
@click.option(
    "--noise",
    type=click.Choice(["gaussian", "fourier"]),
    help="Other noise than the run's own, as --data has.",
)
@click.option("--data", help="digits, mnist, celeba or a folder of pictures: for --noise or --latents.")
@click.option(
    "--size", type=click.IntRange(min=1), help="Side to which pictures of a folder are cropped and scaled."
)
@click.option("--channels", type=click.IntRange(1, 3), help="Turns a folder's pictures grey or RGB.")
@click.option("--separate", is_flag=True, help="Also write each picture to a .png file of its own.")
@click.option(
    "--npy", is_flag=True, help="Also write all to pictures.npy: (powers, count, channels, height, width)."
)
@click.option("--latents", is_flag=True, help="Also draw codes, interpolations, sums and differences.")
@click.option("--module", help="Whose output the codes are, as in named_modules.  [default: the narrowest]")
@click.option(
    "--embedding",
    type=click.Choice(["pca", "umap"]),
    default="pca",
    show_default=True,
    help="Of codes on the plane.",
)
@click.option(
    "--arithmetic",
    default="7,1",
    show_default=True,
    help="Two classes: to codes of the second, first less second is added.",
)
@_common
@click.pass_context
def generate(context: click.Context, /, run: str, **options: Any) -> None:
    """Make pictures from noise by a trained network.

    RUN is the folder of a finished run of a generative network, or a .safetensors file with its network and
    noise.safetensors beside it.  Draws noise z and applies f, again and again; the sheet has a column for
    each z, a row for each power.  Prints the idempotent error of f at each power, beside what guards against
    collapse: the share of the noise's variance that is kept, in how many directions, and the error over it.

    --latents draws codes.png (where the codes of the data lie, and those of generated pictures),
    interpolation.png and, where there are classes, arithmetic.png.

    Exit status 1: the pictures collapsed, or are not finite.
    """
    latent, used = options["latents"], options["noise"] is not None or options["latents"]
    require_use(context, "data", "--noise or --latents", used=used)
    for name in ("module", "embedding", "arithmetic"):
        require_use(context, name, "--latents", used=latent)
    if used and options["data"] is None:
        raise click.UsageError("expected --data with --noise and --latents; got none")
    folder = options["data"] not in (None, "digits", "mnist", "celeba")
    require_use(context, "data-dir", "--data mnist or celeba", used=options["data"] in ("mnist", "celeba"))
    require_use(context, "size", "--data, celeba or a folder", used=folder or options["data"] == "celeba")
    require_use(context, "channels", "--data, a folder", used=folder)
    options["powers"] = _numbers("--powers", options["powers"], 1, _MOST)
    options["sums"] = context.get_parameter_source("arithmetic") is click.core.ParameterSource.COMMANDLINE
    options["arithmetic"] = _numbers("--arithmetic", options["arithmetic"], 0, 10**6)
    if len(options["arithmetic"]) != 2:
        raise click.BadParameter("expected two classes, as in 7,1", param_hint="--arithmetic")
    from training.cli import given_device

    from .generating import run_generate

    options["device"] = given_device(options["device"])
    _tell(*run_generate(run, options), options["style"])


def _tell(text: str, data: dict[str, Any], wrong: str | None, style: str) -> None:
    """Print findings; a result that does not hold is exit status 1."""
    click.echo(json.dumps(data, indent=2) if style == "json" else text)
    if wrong is not None:
        raise Refused(wrong)


def _numbers(option: str, text: str, least: int, most: int) -> tuple[int, ...]:
    """Whole numbers, none twice, with commas between."""
    try:
        found = tuple(int(part) for part in text.split(","))
    except ValueError:
        raise click.BadParameter(
            f"expected whole numbers with commas between; got {text}", param_hint=option
        ) from None
    if not all(least <= number <= most for number in found):
        raise click.BadParameter(f"expected numbers from {least} to {most}; got {text}", param_hint=option)
    if len(set(found)) < len(found):
        raise click.BadParameter(f"expected numbers that differ; got {text}", param_hint=option)
    return found


@click.command()
@click.argument("run")
@click.argument("pictures", nargs=-1, required=True)
@click.option(
    "--output", required=True, type=click.Path(path_type=Path), help="A folder: new, empty or an older one."
)
@click.option(
    "--power", type=click.IntRange(1, _MOST), default=1, show_default=True, help="How often f is applied."
)
@click.option(
    "--corrupt", metavar="NAME=STRENGTH,…", help="What to do to the pictures first, each by itself."
)
@click.option("--fit", is_flag=True, help="Crop, scale and turn pictures into what the network takes.")
@click.option(
    "--count", type=click.IntRange(min=1), help="Of pictures, at most.  [default: all; of a data set: 256]"
)
@_common
@click.pass_context
def project(context: click.Context, /, run: str, pictures: tuple[str, ...], **options: Any) -> None:
    """Put pictures through a trained network: back to the data, where it has learned that.

    RUN is the folder of a finished run, or a .safetensors file with its network; PICTURES are files, folders
    of them, or digits, mnist or celeba, whose test pictures are taken, the last cut as for training.  Writes
    what f makes of each, and a sheet.

    --corrupt does something to the pictures first, and then it is known what should come back: noise=0.3
    (standard deviation), mask=0.25 (share of the area), blur=1 (pixels), sketch=3, pixelate=2, grey, invert.
    Prints the mean square error before and after, and of which share of the pictures it became less, with
    an interval; without it the distance of f(x) from x.  Beside these stand f's idempotent error there and
    what guards against collapse: the share of the pictures' variance that is kept, in how many directions.

    Exit status 1: what comes out collapsed, or is not finite.
    """
    named = any(name in ("mnist", "celeba") for name in pictures)
    require_use(context, "data-dir", "mnist or celeba", used=named)
    from training.cli import given_device

    from .projecting import run_project

    options["device"] = given_device(options["device"])
    _tell(*run_project(run, pictures, options), options["style"])
