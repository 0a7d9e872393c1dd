"""A run of `corrector train`: prepared, carried out by Lightning, and concluded."""

from __future__ import annotations

import importlib.metadata
import json
import logging
import math
import signal
import threading
import warnings
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

import click
import torch
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch.utilities import rank_zero_only
from torch.nn.modules.batchnorm import _BatchNorm

from corrector.cli import Interrupted, Refused
from training.folder import (
    BEST,
    CHECKPOINT,
    CONFIG,
    METRICS,
    NETWORK,
    NOISE,
    PAGE,
    SUMMARY,
    alone,
    remove_drafts,
    require_new,
)
from training.foreign import foreign
from training.generation.generator import save_noise
from training.objective.recipes import RECIPES

from . import choices
from .batches import Batches
from .checkpoints import load_run
from .cli import FREE
from .configuration import write_options
from .cost import read_cost, said_cost
from .history import Bar, History
from .keeping import CollapseError, Keeper, Pace, Progressed, score
from .module import NotFiniteError, inputs
from .page import write_page
from .showing import draw_sheet, judged
from .summary import conclude, doubts, show, write_summary

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    import lightning.pytorch as pl
    from torch import nn

    from training.generation.results import Evaluation

    from .summary import Rows

_SHEETS, _VALIDATIONS = 10, 50
"""In a generative run, at most, where nothing else is said: it may have thousands of short epochs."""
_AVERAGES = (
    "corrector: the running averages of batch normalisation are of data, of noise and of what is made of it "
    "together: in evaluation mode f is another than is trained; a u-dcgan has none with "
    "--network-argument normalisation=group"
)
_EXPECTED = (
    "does not have many workers",
    "GPU available but not used",
    "You defined a `validation_step` but have no `val_dataloader`",
    "`isinstance\\(treespec, LeafSpec\\)` is deprecated",
)
"""What Lightning warns of and is meant."""


def run_training(options: Mapping[str, Any], resolved: Mapping[str, Any]) -> None:
    """Train as the options of `corrector train` say, and write the run's folder.

    Args:
        options: by the parameters' names, with the corrector.
        resolved: the same as YAML holds them.

    Raises:
        OSError, ValueError: a mistake in what was asked; nothing was written.
        ForeignError: the user's own code raised something.
        Refused: the outputs collapsed, or something is not finite.
    """
    folder, resume = options["output"], options["resume"]
    first = _first()
    if resume and (folder / SUMMARY).is_file():
        _finished(folder)
        return
    with _quiet(), foreign(), ExitStack() as held:
        if first and resume:
            held.enter_context(alone(folder))
        run = choices.assembled(options)
        before = run.measure(run.test)
        trainer, keeper, batches = _prepared(options, resolved, run, held, first=first)
        try:
            stopped = _fit(trainer, keeper, run, batches, options)
            rows, found = _concluded(run, keeper, before, options) if first else ({}, None)
        except (KeyboardInterrupt, SystemExit):  # the second is Lightning's for the first
            raise Interrupted(
                f"interrupted at step {keeper.progressed.step}; --resume goes on from step {keeper.saved}"
            ) from None
        if first:
            write_summary(run, keeper, rows, resolved, stopped)
            (folder / CHECKPOINT).unlink()  # there is nothing to go on with
    if not first:
        raise click.exceptions.Exit(stopped is not None)
    generates = run.parts.noise is not None
    show(rows, keeper.progressed.best_step, generates=generates)
    if found is not None:
        click.echo(f"\n{found}")
    click.echo(f"\n{said_cost(read_cost(folder))}")
    advice = "a lower --weight or --learning-rate or a larger --task-weight may help"
    if stopped is None and rows["after"]["collapsed"]:
        stopped = "the outputs are collapsed in the end"
        if not keeper.progressed.spread:
            stopped = "the outputs were collapsed at the beginning, and are in the end"
            advice = (
                "more --epochs, another --learning-rate, a lower --weight or other first weights may help"
            )
    if stopped:
        page = f", what it makes in {folder / PAGE}" if generates else ""
        raise Refused(f"{stopped}; {advice}. The network is in {folder / NETWORK}{page}")
    for doubt in doubts(rows):
        click.echo(f"corrector: {doubt}", err=True)
    best = keeper.progressed.best_step
    of_best = f"; the best on held-out data, of step {best}: {folder / BEST}" if "best" in rows else ""
    click.echo(f"\nNetwork: {folder / NETWORK}{of_best}")
    if generates:
        click.echo(f"Pictures: {folder / PAGE}; more by corrector generate {folder}")


def _concluded(
    run: choices.Run, keeper: Keeper, before: Mapping[str, float | bool], options: Mapping[str, Any]
) -> tuple[Rows, Evaluation | None]:
    """What the run leaves but its summary; a kill meanwhile leaves the checkpoint, to go on from."""
    folder = options["output"]
    rows, found = conclude(run, keeper, before), None
    if run.parts.noise is not None:
        name = RECIPES[options["recipe"]].changed(options) if options["recipe"] else "f"
        found = judged(run, folder, name) if options["evaluate"] else None
        write_page(run, folder, rows, found, options)
    return rows, found


def _prepared(
    options: Mapping[str, Any],
    resolved: Mapping[str, Any],
    run: choices.Run,
    held: ExitStack,
    *,
    first: bool,
) -> tuple[pl.Trainer, Keeper, Batches]:
    """The trainer and its keeper, the folder ready for them; the last thing that can be refused is first."""
    folder, module, accumulate = options["output"], run.module, options["accumulate"]
    trainer = choices.trainer(options)
    world, rank = trainer.world_size, trainer.global_rank
    batches = Batches(
        run.parts, options["batch_size"], options["epochs"], options["noise"], options["seed"], rank, world
    )
    steps = batches.total // accumulate
    if not steps:
        raise ValueError(f"expected --accumulate of at most {batches.total}, the batches; got {accumulate}")
    module.schedule = choices.schedule(options, steps)
    module.steps = batches.total
    generates = run.parts.noise is not None
    loggers = choices.loggers(options["logger"], folder) if first else ()
    facts = {name: value for name, value in resolved.items() if name not in FREE} | {
        "processes": world,
        "training samples": len(run.parts.order),
        "shape of an input": list(inputs(run.validation).shape[1:]),
        "the data's checksum": run.parts.checksum(),
    }
    progressed = _progressed(folder, facts, module) if options["resume"] else None
    if first and options["resume"] and progressed is None:
        click.echo(f"corrector: no {folder / CHECKPOINT}: from the beginning", err=True)
    if first and not options["resume"]:
        _begin(folder, resolved, held)
        if generates and any(isinstance(part, _BatchNorm) for part in module.net.modules()):
            click.echo(_AVERAGES, err=True)
    if first and run.parts.noise is not None and not (folder / NOISE).is_file():
        save_noise(run.parts.noise, folder / NOISE)
    length = progressed.length if progressed else None
    history = History(folder / METRICS, length, module.names, loggers) if first else None
    if first:
        remove_drafts(folder)
    an_epoch = max(1, batches.an_epoch // accumulate)
    validate = max(an_epoch, steps // _VALIDATIONS) if generates else an_epoch
    pace = Pace(
        steps=steps,
        accumulate=accumulate,
        an_epoch=batches.an_epoch,
        validate=options["validate_every"] or validate,
        checkpoint=options["checkpoint_every"],
        log=options["log_every"],
        draw=options["sheets_every"] or max(1, steps // _SHEETS),
        patience=options["patience"],
        # Of generative networks the one that collapsed would reconstruct best, and be most idempotent.
        score=lambda found: math.nan if generates else score(found, options["weight"]),
    )
    bar = Bar(steps, shown=first)
    keeper = Keeper(
        folder,
        pace,
        lambda: run.measure(run.validation),
        run.write,
        (lambda step: draw_sheet(run, folder, step)) if generates else None,
        history,
        bar,
        options["seed"],
        facts,
        progressed,
    )
    trainer.callbacks.append(keeper)  # type: ignore[attr-defined]  # set where Lightning's types do not look
    return trainer, keeper, batches


def _fit(
    trainer: pl.Trainer, keeper: Keeper, run: choices.Run, batches: Batches, options: Mapping[str, Any]
) -> str | None:
    """Train; return why it stopped early if the outputs collapsed."""
    folder, module = options["output"], run.module
    stop = batches.total // options["accumulate"] * options["accumulate"]
    resumed = folder / CHECKPOINT if options["resume"] and keeper.progressed.last else None
    done = keeper.progressed.step * options["accumulate"]
    if options["compiled"]:
        module.net.compile()
    status = "failed"
    try:
        with keeper.bar.progress, _stopping(keeper, trainer.world_size):
            trainer.fit(module, batches.loader(done, stop, options["workers"]), ckpt_path=resumed)
        status = "success"
    except CollapseError as collapse:
        return str(collapse)
    except NotFiniteError as error:
        if trainer.global_rank:
            raise click.exceptions.Exit(1) from None
        epoch, step = (module.batches - 1) // batches.an_epoch, -(-module.batches // options["accumulate"])
        best = f", {folder / BEST} of step {keeper.progressed.best_step}" if keeper.progressed.best else ""
        data = "inputs are not finite" in str(error)
        advice = "look at the data" if data else "a lower --learning-rate, --weight or --clip may help"
        raise Refused(
            f"{error} (epoch {epoch}, step {step}); the last good checkpoint, {folder / CHECKPOINT}, is of "
            f"step {keeper.saved}{best}; {advice}"
        ) from None
    except MisconfigurationException as error:
        raise ValueError(f"expected what Lightning's Trainer takes; got: {error}") from None
    except RuntimeError:  # of a loader's workers, which are interrupted too
        if keeper.interrupted:
            raise KeyboardInterrupt from None
        raise
    finally:
        if keeper.history is not None:
            keeper.history.finish(status)
    return None


@contextmanager
def _stopping(keeper: Keeper, processes: int) -> Iterator[None]:
    """Let a step end at Ctrl-C, unless it is the second; several processes would stop at several steps."""
    background = threading.current_thread() is not threading.main_thread()
    if processes > 1 or background or signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        yield
        return

    def stop(*_: Any) -> None:
        if keeper.interrupted:
            raise KeyboardInterrupt
        keeper.interrupted = True

    before = signal.signal(signal.SIGINT, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _begin(folder: Path, resolved: Mapping[str, Any], held: ExitStack) -> None:
    require_new(folder)
    folder.mkdir(parents=True, exist_ok=True)
    held.enter_context(alone(folder))
    version = importlib.metadata.version("corrector")
    head = f"corrector {version}, torch {torch.__version__}: corrector train --config config.yaml --output …"
    write_options(folder / CONFIG, head, resolved)


def _progressed(folder: Path, facts: Mapping[str, Any], module: nn.Module) -> Progressed | None:
    """How far a run has come; None if it was killed before its first checkpoint."""
    if not (folder / CHECKPOINT).exists():
        return None
    return Progressed(**load_run(folder / CHECKPOINT, facts, module.state_dict())["run"])


def _finished(folder: Path) -> None:
    stopped = json.loads((folder / SUMMARY).read_text(encoding="utf-8"))["stopped"]
    if stopped:
        raise Refused(f"expected a run to go on with; got one that has ended in {folder}: {stopped}")
    if not (folder / NETWORK).is_file():
        raise FileNotFoundError(f"expected {folder / NETWORK} of a run that has ended; got none")
    click.echo(f"The run in {folder} is finished: {folder / NETWORK}; another may begin with it by --weights")


def _first() -> bool:
    """Whether this is the process that writes; the others were started by it, or beside it."""
    return not getattr(rank_zero_only, "rank", 0)


@contextmanager
def _quiet() -> Iterator[None]:
    """Without Lightning's banners and tips, and what it warns of that is meant."""
    heard = [logging.getLogger(name) for name in ("lightning.pytorch", "lightning.fabric")]
    levels = [logger.level for logger in heard]
    for logger in heard:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            for words in _EXPECTED:
                warnings.filterwarnings("ignore", f".*{words}")
            yield
    finally:
        for logger, level in zip(heard, levels, strict=True):
            logger.setLevel(level)
