"""`corrector sweep`."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from corrector.cli import Interrupted, given_float, given_number
from training.machine import cores

if TYPE_CHECKING:
    from .plan import Plan
    from .store import Store

_STATE = ("config", "output", "yes", "processes", "threads", "keep_every", "join")
"""Options that say nothing of what is trained."""

_TOLD = ("protocol", "budget")
"""Options of the table."""

_PROTOCOLS = {
    "fair": {"rules": "ordinary,modified,target", "reductions": "half_sum"},
    "paper": {"rules": "ordinary,modified", "reductions": "seed"},
}
"""What each trains by default."""

_LONGEST = 3600.0
"""Seconds that a sweep may take without --yes."""

_MOST_RATES = 10_000

_RUN = "TORCHELASTIC_RUN_ID"
"""What torchrun tells the processes that it starts."""


def _read(context: click.Context, _: click.Parameter, path: Path | None) -> Path | None:
    """Take the options of a file for defaults, which those of the command line override."""
    if path is not None:
        from training.runs.configuration import read_options

        names = {p.opts[0].removeprefix("--"): p.name for p in context.command.params if p.name}
        plain = {option: name for option, name in names.items() if name not in _STATE}
        context.default_map = read_options(path, plain)
    return path


_count = click.IntRange(min=1)


@click.command()
@click.option("--output", type=click.Path(path_type=Path), help="The sweep's folder.")
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    is_eager=True,
    callback=_read,
    help="A YAML file with any of these options, as in networks: [N1, N2]; others given here override it.",
)
@click.option("--networks", help="N1,N2,B1,u-dcgan-digits, or import paths as in my.module:Net.")
@click.option("--rules", help="As for idempotency_loss.  [default: ordinary,modified,target]")
@click.option("--orders", help="Smoothsteps of these orders for the rules modified and m1.  [default: 1]")
@click.option("--alphas", help="And any polynomials, by α₁,α₂,…, with semicolons between: 0,3,-2;0,4,-4,1.")
@click.option(
    "--learning-rates",
    default="0.02:1:0.02",
    show_default=True,
    help="first:last:step, log:first:last:count, or a list.",
)
@click.option("--runs", type=_count, default=10, show_default=True, help="Of each, from weights of its own.")
@click.option("--epochs", type=_count, default=2500, show_default=True)
@click.option("--batch-sizes", default="1000", show_default=True, help="Inputs a step.")
@click.option("--samples", type=_count, help="Inputs an epoch.  [default: a batch; fixed: 10000; else all]")
@click.option(
    "--data",
    default="normal",
    show_default=True,
    help="normal (drawn anew), fixed (drawn once a run), digits, mnist, or .npy files.",
)
@click.option(
    "--data-dir",
    type=click.Path(path_type=Path),
    help="Folder with MNIST's IDX files.  [default: that of the sweep in --output, else the user's cache]",
)
@click.option(
    "--initialisations", default="default", show_default=True, help="default,orthogonal,kaiming,rank-2."
)
@click.option("--reductions", help="half_sum,mean,seed.  [default: half_sum]")
@click.option("--optimizer", type=click.Choice(["sgd", "adam"]), default="sgd", show_default=True)
@click.option("--points", type=click.IntRange(min=2), default=50, show_default=True, help="Of each curve.")
@click.option("--spacing", type=click.Choice(["log", "linear"]), default="log", show_default=True)
@click.option(
    "--held-out", type=click.IntRange(min=2), default=1000, show_default=True, help="To measure on."
)
@click.option("--dtype", type=click.Choice(["float32", "float64"]), default="float32", show_default=True)
@click.option("--device", default="cpu", show_default=True, help="cpu, cuda, cuda:1, …")
@click.option("--tf32", is_flag=True, help="Let CUDA multiply in TF32.")
@click.option(
    "--compile/--no-compile",
    "compiled",
    default=None,
    help="By torch.compile, what is not compiled anyway.  [default: on CUDA]",
)
@click.option("--keep-weights", is_flag=True, help="Keep what the runs end with, in --output/pieces.")
@click.option(
    "--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Of all that is drawn."
)
@click.option(
    "--protocol",
    type=click.Choice(["fair", "paper"]),
    default="fair",
    show_default=True,
    help="Of the table: all runs, matched cost, intervals; or as published, which also swaps the defaults of "
    "--rules and --reductions for the paper's: ordinary,modified and seed.",
)
@click.option(
    "--budget",
    type=click.Choice(["passes", "seconds"]),
    default="passes",
    show_default=True,
    help="Of the fair table: equal network passes for all rules, or equal time as the sweep took it.",
)
@click.option("--processes", type=_count, help="To train in.  [default: as many as cores; CUDA: 1]")
@click.option("--threads", type=_count, default=1, show_default=True, help="Of each tensor operation.")
@click.option(
    "--keep-every",
    type=click.FloatRange(min=0),
    default=30,
    show_default=True,
    help="Seconds between the states that are kept, of which a kill loses the last.",
)
@click.option("--yes", is_flag=True, help="However long it takes, and however much memory.")
@click.option("--join", is_flag=True, help="Help with the sweep in --output, beside those who do already.")
@click.pass_context
def sweep(context: click.Context, /, **options: Any) -> None:
    """Train networks × rules × learning rates × runs, as ensembles, resumable.

    Everything is combined with everything; lists have commas.  Runs of one number share first weights and
    batches.  The folder holds plan.json, the data set sweep.nc (of xarray: error, relative, centred, kept,
    rank, trace and norm by epoch; collapsed and diverged), and what it goes on from: the same command, or
    --output alone, goes on after a kill, to the same data.

    Prints a table of each network by --protocol: fair, every rule at the rate that is best for it on a third
    of the runs, reported on the others at equal cost in network passes; or as published.  `corrector figures
    --sweep` draws the data.  By torchrun: -m training.sweeping with these options.
    """
    if options["output"] is None:
        raise click.UsageError("expected --output, the sweep's folder; got none")
    from .store import PLAN, Store, require_usable

    output, there = options["output"], (options["output"] / PLAN).is_file()
    require_usable(output)
    if options["join"]:
        _join(options)
        return
    if options["networks"] is None and not there:
        raise click.UsageError("expected --networks; got none")
    if _rank():
        _wait_for(output / PLAN)
        _join(options)
        return
    if options["networks"] is None and (given := _given(context)):
        raise click.UsageError(f"expected --networks with --{given[0]}, or --output alone to go on; got none")
    for name, value in _PROTOCOLS[options["protocol"]].items():
        options[name] = options[name] or value
    plan = _stored(options) if options["networks"] is None else _plan(options)
    world = int(os.environ["WORLD_SIZE"]) if _RUN in os.environ else None
    processes = world or options["processes"] or _processes(plan.device, len(plan.pieces))
    if not there:
        _announce(plan, processes, options)
    store = Store(output, plan)
    _carry_out(store, 1 if world else processes, options)


def _given(context: click.Context) -> list[str]:
    """Options of the plan that were given."""
    default = (click.core.ParameterSource.DEFAULT, click.core.ParameterSource.DEFAULT_MAP)
    passed = (*_STATE, *_TOLD, "data_dir")
    names = [p.name for p in context.command.params if p.name and p.name not in passed]
    return [name.replace("_", "-") for name in names if context.get_parameter_source(name) not in default]


def _carry_out(store: Store, processes: int, options: dict[str, Any]) -> None:
    from .running import carried_out
    from .store import DATA
    from .tables import show

    try:
        found = carried_out(store, processes, options["threads"], options["keep_every"], shown=True)
    except KeyboardInterrupt:
        raise _interrupted(store) from None
    seconds = store.seconds() if options["budget"] == "seconds" else None
    try:
        show(found, store.plan, options["protocol"], seconds)
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    click.echo(f"\nData: {store.path / DATA}")


def _stored(options: dict[str, Any]) -> Plan:
    """The plan in --output, with the data where --data-dir says."""
    from .store import read_plan

    plan = read_plan(options["output"])
    return plan if options["data_dir"] is None else replace(plan, data_dir=options["data_dir"])


def _join(options: dict[str, Any]) -> None:
    from .store import Store
    from .working import work

    store = Store(options["output"], _stored(options))
    try:
        work(store, options["threads"], keep_every=options["keep_every"])
    except KeyboardInterrupt:
        raise _interrupted(store) from None


def _interrupted(store: Store) -> Interrupted:
    done = sum(map(store.finished, store.plan.pieces))
    return Interrupted(
        f"interrupted with {done} of {len(store.plan.pieces)} pieces finished and the others kept; "
        f"corrector sweep --output {store.path} goes on"
    )


def _announce(plan: Plan, processes: int, options: dict[str, Any]) -> None:
    """Say what the sweep will take, and refuse it if that is too much."""
    from rich.console import Console

    from .estimate import estimated

    with Console(stderr=True).status("Taking a few steps of each kind"):
        found = estimated(plan, processes, options["threads"])
    why = None
    if found.memory > found.available:
        why = "fits into memory"
    elif not found.seconds <= _LONGEST:
        why = "takes at most an hour"
    if why and not options["yes"]:
        raise click.UsageError(f"expected a sweep that {why}, or --yes; got {found}")
    click.echo(f"{found}", err=True)


def _plan(options: dict[str, Any]) -> Plan:
    """The plan that the options name."""
    from corrector import Corrector, smoothstep

    from .plan import Plan

    orders = options["orders"] or ("" if options["alphas"] else "1")
    smooth = [smoothstep(_whole("--orders", order)) for order in _listed(orders)]
    others = [Corrector(_listed(text)) for text in (options["alphas"] or "").split(";") if text.strip()]
    names = ("networks", "rules", "data", "initialisations", "reductions")
    single = (
        *("runs", "epochs", "samples", "optimizer", "points", "spacing", "held_out", "dtype", "tf32"),
        *("keep_weights", "seed", "data_dir"),
    )
    device = _device(options["device"])
    lists: dict[str, Any] = {name: tuple(_listed(options[name])) for name in names}
    return Plan(
        **lists,
        **{name: options[name] for name in single},
        learning_rates=learning_rates(options["learning_rates"]),
        correctors=(*smooth, *others),
        batch_sizes=tuple(_whole("--batch-sizes", size) for size in _listed(options["batch_sizes"])),
        device=device,
        compiled=device != "cpu" if options["compiled"] is None else options["compiled"],
    )


def learning_rates(text: str) -> tuple[float, ...]:
    """Return the rates of first:last:step, log:first:last:count, or a list with commas.

    >>> learning_rates("0.1:0.3:0.1"), learning_rates("log:1e-3:10:5")
    ((0.1, 0.2, 0.3), (0.001, 0.01, 0.1, 1.0, 10.0))
    """
    parts = text.split(":")
    if len(parts) == 1:
        return tuple(given_float("--learning-rates", rate) for rate in _listed(text))
    if len(parts) == 4 and parts[0] == "log":
        from numpy import geomspace

        first, last = (given_float("--learning-rates", end) for end in parts[1:3])
        count = _whole("--learning-rates", parts[3])
        if 0 < first < last and 2 <= count <= _MOST_RATES:
            return tuple(float(f"{rate:.12g}") for rate in geomspace(first, last, count))
    elif len(parts) == 3:
        start, end, step = (given_number("--learning-rates", part) for part in parts)
        if step > 0 and start <= end and (end - start) / step < _MOST_RATES:
            return tuple(float(start + k * step) for k in range(int((end - start) / step) + 1))
    raise click.BadParameter(
        f"expected first:last:step, log:first:last:count with at most {_MOST_RATES} rates, or a list; "
        f"got {text}",
        param_hint="--learning-rates",
    )


def _listed(text: str) -> list[str]:
    entries = [entry.strip() for entry in str(text).split(",")] if str(text).strip() else []
    if "" in entries:
        raise click.UsageError(f"expected something between commas; got {text}")
    return entries


def _whole(option: str, text: str) -> int:
    number = given_number(option, text)
    if number.denominator != 1 or number < 1:
        raise click.BadParameter(f"expected a whole number of 1 or more; got {text}", param_hint=option)
    return int(number)


def _device(name: str) -> str:
    from training.cli import given_device

    return given_device(name)


def _processes(device: str, pieces: int) -> int:
    if device != "cpu":
        return 1
    return min(cores(), pieces)


def _rank() -> int:
    """This process's number, if torchrun started it."""
    return int(os.environ["RANK"]) if _RUN in os.environ else 0


def _wait_for(path: Path) -> None:
    while not path.is_file():  # the first process may still refuse, which ends all
        time.sleep(0.2)
