"""`sweep`: a plan carried out in its folder, begun or gone on with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from analysis.arguments import whole_number
from corrector import MCWEENY

from .plan import Plan
from .store import Store
from .watching import Watch
from .working import KEEP_EVERY, work, work_together

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

    import xarray as xr

    from corrector import Corrector
    from training.rules.loss import Reduction, Rule


def sweep(
    networks: Sequence[str],
    rules: Sequence[Rule],
    learning_rates: Sequence[float],
    runs: int,
    epochs: int,
    *,
    path: str | os.PathLike[str],
    correctors: Sequence[Corrector] = (MCWEENY,),
    reductions: Sequence[Reduction] = ("half_sum",),
    initialisations: Sequence[str] = ("default",),
    data: Sequence[str] = ("normal",),
    batch_sizes: Sequence[int] = (1000,),
    samples: int | None = None,
    optimizer: str = "sgd",
    points: int = 50,
    spacing: str = "log",
    held_out: int = 1000,
    dtype: str = "float32",
    device: str = "cpu",
    tf32: bool = False,
    compiled: bool | None = None,
    keep_weights: bool = False,
    seed: int = 0,
    data_dir: str | os.PathLike[str] | None = None,
    processes: int = 1,
    threads: int = 1,
    progress: bool = True,
) -> xr.Dataset:
    """Return the curves of every network, rule, learning rate and run, trained side by side.

    Everything is combined with everything.  Runs of one number begin with equal weights and see equal
    batches, whatever the rule, the rate and the reduction: comparisons are paired.  Runs that diverge stay,
    flagged.

    Kept in the folder `path`: with the same arguments a finished sweep is returned at once, and one that
    was interrupted, or killed, goes on from states at most half a minute old, to the same data bit for bit
    on the CPU.  The data set is there too, as `sweep.nc`, written once a minute and at the end.

    Args:
        networks: names of `network`, or import paths as in "package.module:Net"; without buffers.  Where a
            path leads to a network rather than to what makes one, every run begins as it is.
        rules: as for `idempotency_loss`.
        learning_rates: of every network; each a member of an ensemble.
        runs: how many times each is trained, from other weights on other batches.
        epochs: of `samples` inputs each.
        path: the folder, made if it is not there.
        correctors: of the rules modified and m1.
        reductions: as for `idempotency_loss`; the variable `effective_rate` makes rates comparable.
        initialisations: "default", "orthogonal", "kaiming", or "rank-R" as in "rank-2", where the last weight
            matrix begins with that rank.
        data: "normal" (each batch drawn anew from N(0, 1)), "fixed" (drawn once a run), "digits" or "mnist"
            (pictures from −1 to 1), or a .npy file with an input along its first axis; but for "normal" in an
            order of its own each epoch.
        batch_sizes: inputs a step.
        samples: inputs an epoch, of which those that fill no batch are left out.  None: one batch if they are
            drawn anew, 10 000 if fixed, else all there are.
        optimizer: "sgd", or "adam" with β = 0.9, 0.999.
        points: how often to measure, about; the beginning and the end are always among them.
        spacing: "log" or "linear", of the epochs at which to.
        held_out: inputs to measure on, at most; equal for all runs, and of data sets none that is trained on.
        dtype: "float32" or "float64".
        device: "cpu", "cuda" or as in "cuda:1".
        tf32: whether CUDA may multiply matrices in TF32.
        compiled: whether `torch.compile` compiles the steps that are not compiled in any case; None: on CUDA.
        keep_weights: whether the folder keeps the weights that the runs end with.
        seed: of everything that is drawn.
        data_dir: with MNIST's files, as for `mnist`.  None: the folder that the sweep in `path` began with,
            else the user's cache.  It has no part in what is trained: the files are known by their content.
        processes: to train in; nothing depends on how many.
        threads: for each tensor operation of each process; sums may be rounded otherwise with another number.
        progress: whether to show a bar with the time left, if someone is looking.

    Returns:
        A data set with the axes network, initialisation, data, batch, reduction, rule, learning_rate, run and
        epoch.  By epoch: error, relative, centred, kept, rank, trace, norm, as of `metrics` on the held-out
        inputs, but centred always a number; collapsed, whether kept is below the floor, so that an error
        means nothing.  Of each run: diverged, the step whose batch first had an error that is not finite, or
        the last if the weights are not in the end, −1 otherwise; steps, how many were taken; effective_rate,
        at which "half_sum" takes the same steps.

    Raises:
        ValueError, TypeError: what is asked for cannot be trained, or `path` holds another plan; before
            anything is written.
        OSError: MNIST's files are not there, or the folder cannot be written; a full disk leaves what is
            there whole.
        RuntimeError: one of several processes failed.

    Cost: on the CPU small perceptrons (up to 64 units a layer) by a compiled kernel, others by batched matrix
    products; `tests/benchmarks/sweeps.py` measures both.

    References: Jensen and Vicary, *Enforcing Idempotency in Neural Networks* (ICML 2025), section 5: 50
    rates, 10 runs, 2500 epochs, batches of 1000.

    >>> import tempfile
    >>> folder = tempfile.mkdtemp() + "/sweep"
    >>> found = sweep(["B1"], ["ordinary", "modified"], [0.1, 0.2], runs=2, epochs=50, path=folder)
    >>> dict(found.error.isel(epoch=-1).squeeze().sizes), int((found.diverged >= 0).sum())
    ({'rule': 2, 'learning_rate': 2, 'run': 2}, 0)
    >>> bool((found.error.isel(epoch=-1) < found.error.isel(epoch=0)).all())
    True
    """
    plan = Plan(
        networks=networks,
        rules=rules,
        learning_rates=learning_rates,
        runs=runs,
        epochs=epochs,
        correctors=correctors,
        reductions=reductions,
        initialisations=initialisations,
        data=data,
        batch_sizes=batch_sizes,
        samples=samples,
        optimizer=optimizer,
        points=points,
        spacing=spacing,
        held_out=held_out,
        dtype=dtype,
        device=device,
        tf32=tf32,
        compiled=device != "cpu" if compiled is None else compiled,
        keep_weights=keep_weights,
        seed=seed,
        data_dir=data_dir,
    )
    processes = whole_number(processes, "processes", 1)
    return carried_out(Store(path, plan), processes, whole_number(threads, "threads", 1), shown=progress)


def carried_out(
    store: Store,
    processes: int = 1,
    threads: int = 1,
    keep_every: float = KEEP_EVERY,
    *,
    shown: bool = False,
) -> xr.Dataset:
    """Train what is not finished, write the data set and return it.

    Raises:
        KeyboardInterrupt: someone asked to stop; the states are kept.
        OSError, RuntimeError: as for `sweep`.
    """
    left = sum(not store.finished(piece) for piece in store.plan.pieces)
    if left:
        with Watch(store, shown=shown) as watch:
            if min(processes, left) > 1:
                work_together(store, min(processes, left), threads, watch, keep_every)
            else:
                work(store, threads, watch, keep_every)
    return store.write_dataset()
