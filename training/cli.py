"""`corrector demo`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from .comparison import Setting
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

    from .report import findings, table, write

    console = Console() if sys.stdout.isatty() else Console(width=160)
    with whole_folder(output) as draft:
        setting, where = _setting(data, data_dir, passes, seeds), _device(device)
        _show_correctors(console)
        comparison = _train(setting, where, console)
        with console.status("Drawing and writing the report"):
            write(comparison, draft, _command(data, data_dir, passes, seeds))
        _show_table(console, table(comparison))
        for sentence in findings(comparison):
            console.print(f"• {sentence}", highlight=False)
    console.print(f"\nReport: {output / 'index.html'}", soft_wrap=True, highlight=False)


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
    from .comparison import Setting

    return Setting(
        images=images,
        widths=widths,
        rates=rates,
        passes=passes,
        tuning_seeds=tuple(range(tuning)),
        seeds=tuple(range(tuning, tuning + reported)),
    )


def _device(name: str) -> str:
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

    from .comparison import compare

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

    from .report import COLUMNS

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
