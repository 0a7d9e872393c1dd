"""`corrector demo` and `corrector audit`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from corrector.cli import Refused, given_float, require_use

if TYPE_CHECKING:
    from .comparison.comparing import Setting
    from .data import Images


@click.command()
@click.option(
    "--data",
    type=click.Choice(["digits", "mnist"]),
    default="digits",
    show_default=True,
    help="What to train on.",
)
@click.option(
    "--data-dir",
    type=click.Path(path_type=Path),
    help="Folder with MNIST's IDX files.  [default: fetched once]",
)
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    default=Path("report"),
    show_default=True,
    help="Folder for the report; an older report alone there is replaced.",
)
@click.option(
    "--passes",
    type=click.IntRange(min=70),
    help="Network passes a run may spend.  [default: 5000 digits, 2500 mnist]",
)
@click.option("--seeds", type=click.IntRange(min=2), help="Seeds to report on.  [default: 6 digits, 5 mnist]")
@click.option("--device", default="auto", show_default=True, help="cpu, cuda, cuda:1, …")
def demo(
    data: str,
    data_dir: Path | None,
    output: Path,
    passes: int | None,
    seeds: int | None,
    device: str,
) -> None:
    """Derive, draw, train on real digits, and report.

    Compares four ways to make a denoising autoencoder idempotent (the ordinary rule, a plain
    target, the modified rule with the correctors of order 1 and 2) with reconstruction alone, the
    identity and a constant map: at matched scale, under an equal budget, each at its own best
    learning rate. Minutes on two cores for the digits, longer for MNIST; a
    report in HTML, with figures, data and the best network.
    """
    from rich.console import Console

    from corrector.files import whole_folder

    from .comparison.report import findings, table, write

    console = Console() if sys.stdout.isatty() else Console(width=160)
    with whole_folder(output) as draft:
        setting, where = _setting(data, data_dir, passes, seeds), given_device(device)
        _show_correctors(console)
        comparison = _train(setting, where, console)
        with console.status("Drawing and writing the report"):
            write(comparison, draft, _command(data, data_dir, passes, seeds))
        _show_table(console, table(comparison))
        for sentence in findings(comparison):
            console.print(f"• {sentence}", highlight=False)
    console.print(f"\nReport: {output / 'index.html'}", soft_wrap=True, highlight=False)


@click.command()
@click.argument("network")
@click.argument("data")
@click.option("--weights", type=click.Path(path_type=Path), help="A .safetensors file for the network.")
@click.option("--data-dir", type=click.Path(path_type=Path), help="Folder with MNIST's IDX files.")
@click.option("--shape", help="What each input is reshaped to, as in 1,28,28.")
@click.option("--noise", default="0", show_default=True, help="Standard deviation of noise added to inputs.")
@click.option("--confidence", default="0.99", show_default=True, help="Of the bound, between 0 and 1.")
@click.option(
    "--epsilon", default="0.01", show_default=True, help="Greatest relative error that is no violation."
)
@click.option(
    "--samples", type=click.IntRange(min=2), help="Inputs to look at.  [default: all; normal: 10000]"
)
@click.option(
    "--applications",
    type=click.IntRange(1, 10_000),
    default=50,
    show_default=True,
    help="How far f, f², f³, … are followed.",
)
@click.option(
    "--directions",
    type=click.IntRange(0, 1000),
    default=4,
    show_default=True,
    help="Random directions an input that the Jacobian is tested in.",
)
@click.option(
    "--search",
    type=click.IntRange(0, 10_000),
    default=50,
    show_default=True,
    help="Gradient steps towards the worst input near the data.",
)
@click.option("--reach", default="0.1", show_default=True, help="How far a search may go, a share of ‖x‖.")
@click.option(
    "--mode",
    type=click.Choice(["eval", "train"]),
    default="eval",
    show_default=True,
    help="The network's.",
)
@click.option(
    "--seed",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help="Of new weights, noise, directions.",
)
@click.option("--device", default="auto", show_default=True, help="cpu, cuda, cuda:1, …")
@click.option("--at-most", help="Exit with status 1 unless the share is proved to be at most this.")
@click.option("--output", type=click.Path(path_type=Path), help="Report to write: .html, .json or .txt.")
@click.option("--format", "style", type=click.Choice(["text", "json"]), default="text", show_default=True)
@click.pass_context
def audit(context: click.Context, /, network: str, data: str, **options: Any) -> None:
    """Find how idempotent a network is on data, with confidence.

    NETWORK is a .safetensors file with the architecture in its header, as `corrector demo` writes; an
    import path, package.module:name, to a network or to what makes one; or one of the sources': N1 to
    N4, B1 to B4.  DATA is digits or mnist (test pictures), normal (drawn from N(0, 1)), or a
    .npy file with an input a row.

    Prints the bound on the share of inputs whose relative idempotent error exceeds epsilon, the
    distribution of the errors, the guard against collapse, the drift under more applications, the
    Jacobian test, and the worst input that a search along the gradient found.  --directions 0 and
    --search 0 leave the last two out.
    """
    require_use(context, "data-dir", "mnist", used=data == "mnist")
    for name in ("noise", "confidence", "epsilon", "reach"):
        options[name] = given_float(f"--{name}", options[name])
    limit = None if options["at_most"] is None else given_float("--at-most", options["at_most"])
    if limit is not None and not 0 < limit <= 1:
        raise click.BadParameter(f"expected a share from 0 to 1; got {limit:g}", param_hint="--at-most")
    from .auditing import run_audit

    found, picture = run_audit(network, data, given_device(options.pop("device")), options)
    output, style = options["output"], options["style"]
    if output is not None:
        found.write(output, picture)
    click.echo(json.dumps(found.as_dict(), indent=2) if style == "json" else found.report())
    if output is not None and style == "text":
        click.echo(f"\nReport: {output}")
    if limit is not None and not found.within(limit):
        guard = ["the outputs collapsed"] * found.collapsed + list(found.notices)
        against = "; ".join([f"got a bound of {found.bound:.3g}", *guard])
        raise Refused(f"expected a share of at most {limit:g}; {against}")


def _setting(data: str, data_dir: Path | None, passes: int | None, seeds: int | None) -> Setting:
    from .data import digits, mnist

    if data == "mnist":
        return _sized(
            mnist(data_dir), (784, 256, 64, 256, 784), (3e-4, 1e-3, 3e-3), 2, seeds or 5, passes or 2500
        )
    if data_dir is not None:
        raise click.UsageError("expected --data-dir only with --data mnist; got it with digits")
    rates = (3e-4, 1e-3, 3e-3, 1e-2, 3e-2)
    return _sized(digits(), (64, 128, 32, 128, 64), rates, 4, seeds or 6, passes or 5000)


def _sized(
    images: Images, widths: tuple[int, ...], rates: tuple[float, ...], tuning: int, reported: int, passes: int
) -> Setting:
    from .comparison.comparing import Setting

    return Setting(
        images=images,
        widths=widths,
        rates=rates,
        passes=passes,
        tuning_seeds=tuple(range(tuning)),
        seeds=tuple(range(tuning, tuning + reported)),
    )


def given_device(name: str) -> str:
    """Return the device that --device names, the best there is for auto; one that torch can use."""
    import torch

    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.zeros(1, device=name).item()
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        # torch's kinds, in turn: no such device or name, a build without CUDA, "meta" without data.
        reason = str(error).splitlines()[0]
        raise click.BadParameter(
            f"expected a device that torch can use; got {name} ({reason})", param_hint="--device"
        ) from None
    return name


def _train(setting: Setting, device: str, console: Any) -> Any:
    from rich.progress import (
        BarColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    from .comparison.comparing import compare

    columns = (
        TextColumn("{task.description:<20}"),
        BarColumn(),
        TextColumn("{task.completed}/{task.total} passes"),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    runs = len(setting.rates) * (len(setting.tuning_seeds) + len(setting.seeds))
    console.print(
        f"Training on {setting.images}: {runs} runs a rule, side by side, on {device}",
        highlight=False,
    )
    with Progress(*columns, console=console) as progress:
        tasks = {
            c.name: progress.add_task(c.name, total=setting.passes // c.passes * c.passes, start=False)
            for c in setting.contenders
        }

        def advance(name: str, passes: int) -> None:
            progress.start_task(tasks[name])
            progress.advance(tasks[name], passes)
            if not console.is_terminal and progress.tasks[tasks[name]].finished:
                console.print(f"{name}: trained", highlight=False)

        return compare(setting, device, advance)


def _show_correctors(console: Any) -> None:
    from corrector import derive

    for order, degree in ((1, 3), (1, 4), (2, 5), (2, 6)):
        console.print(f"order {order}, degree {degree}:  g(x) = {derive(order, degree)}", highlight=False)
    console.print()


def _show_table(console: Any, rows: Any) -> None:
    from rich.table import Table

    from .comparison.report import COLUMNS

    shown = Table(title="Test pictures, each at its own best rate: geometric mean (95 % interval)")
    shown.add_column("way to train")
    shown.add_column("rate", justify="right")
    for title in COLUMNS.values():
        shown.add_column(title, justify="right")
    shown.add_column("collapsed or diverged", justify="right")
    for row in rows:
        rate = "" if row.rate is None else f"{row.rate:g}"
        shown.add_row(row.name, rate, *(row.cell(m) for m in COLUMNS), row.state)
    console.print(shown)


def _command(data: str, data_dir: Path | None, passes: int | None, seeds: int | None) -> str:
    words = ["corrector", "demo", "--data", data]
    if data_dir is not None:
        words += ["--data-dir", data_dir.name]
    for option, value in (("--passes", passes), ("--seeds", seeds)):
        if value is not None:
            words += [option, str(value)]
    return " ".join(words)
