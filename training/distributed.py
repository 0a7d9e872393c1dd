"""One matrix over several processes: `iterate` on torch's `DTensor`, its rows spread over a device mesh.

    torchrun --standalone --nproc-per-node 4 -m training.distributed K.npy --output P.npy

Each process holds its rows of every matrix and, during a product, the whole right factor, which the
others send: per product m² numbers received and 2m³/p operations with p processes, by gloo on CPUs and
NCCL on CUDA devices.  With several nodes torchrun's own options apply.
"""

from __future__ import annotations

import logging
import os
import sys
import time
import warnings
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click
import numpy as np
import torch
import torch.distributed as dist
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.tensor import Shard, distribute_tensor
from torch.distributed.tensor.experimental import implicit_replication

from analysis import NotSpectralWarning, Solution, iterate, schedule
from analysis.matrixfiles import SUFFIXES, is_matrix_name, read_matrix, require_memory, write_matrix
from analysis.outcome import failure, success, warning
from corrector import MCWEENY
from corrector.cli import given_corrector, given_interval, require_use, run, which_corrector
from corrector.files import whole_file

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from torch import Tensor
    from torch.distributed.device_mesh import DeviceMesh

    from corrector import Corrector

_ELSEWHERE = "`corrector iterate` has other ways, in one process: --scale, --spectral, --gap auto"

_HELD = 15
"""Matrices of which a process holds its rows, at most; two more it holds whole."""


def spread(K: Tensor | np.ndarray[Any, Any], mesh: DeviceMesh) -> Tensor:
    """Return K as a `DTensor`, its rows spread evenly over the processes of a mesh of one axis.

    Args:
        K: the whole matrix (m, m), real (a `DTensor` has no conjugate), the same in every process; of a
            memory-mapped array each reads its own rows alone.
        mesh: from `torch.distributed.device_mesh.init_device_mesh`.
    """
    whole = torch.from_numpy(K) if isinstance(K, np.ndarray) else K
    return distribute_tensor(whole, mesh, [Shard(0)], src_data_rank=None)


def iterate_spread(K: Tensor, g: Corrector = MCWEENY, **options: Any) -> Solution:
    """Return what `analysis.iterate` does for a `DTensor`; called alike in every process.

    The value is a `DTensor` spread as K is; statuses, residuals and counts are the same everywhere.

    Args:
        K: from `spread`.
        g: a corrector of order at least 1.
        options: further arguments of `analysis.iterate`.

    Cost: as `iterate`.  To put a limit to the test every process factorises the whole of one matrix.
    """
    with implicit_replication(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Found a non-scalar tensor with numel=1")  # replicated: as meant
        return iterate(K, g, **options)


@contextmanager
def processes() -> Iterator[DeviceMesh]:
    """Yield the mesh of all processes that torchrun started, each on its own CUDA device if there are any.

    Raises:
        RuntimeError: torchrun did not start this process.
    """
    # Sharding a matrix anew gathers it where gloo has nothing better: known, and said at each run.
    logging.getLogger("torch.distributed.tensor._collective_utils").setLevel(logging.ERROR)
    if "LOCAL_RANK" not in os.environ:
        raise RuntimeError(
            "expected to be started by torchrun, as in torchrun --standalone --nproc-per-node 4 "
            "-m training.distributed K.npy --output P.npy; got a process of its own"
        )
    kind = "cuda" if torch.cuda.is_available() else "cpu"
    if kind == "cuda":
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    mesh = init_device_mesh(kind, (int(os.environ["WORLD_SIZE"]),))
    try:
        yield mesh
        dist.barrier()  # a process that leaves while another still receives takes that one down
    finally:
        dist.destroy_process_group()


@click.command()
@click.argument("matrix", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--output", required=True, type=click.Path(dir_okay=False, path_type=Path), help=".npy or .mtx."
)
@which_corrector
@click.option("--gap", help="For a real spectrum: an interval without eigenvalues, as in 0.45,0.55.")
@click.option("--inside", default="0,1", show_default=True, help="The ends of the spectrum.")
@click.option("--max-steps", default=100, show_default=True, help="The most steps, after those of --gap.")
@click.option("--mixed", is_flag=True, help="Find it in single precision, refine it to double.")
@click.pass_context
def main(
    context: click.Context,
    *,
    matrix: Path,
    output: Path,
    order: int | None,
    alphas: str | None,
    gap: str | None,
    inside: str,
    max_steps: int,
    mixed: bool,
) -> None:
    """Iterate a corrector on a matrix over the processes that torchrun started.

    Reads a .npy file, of which each process loads its own rows, or a Matrix Market file, which each
    reads whole; real numbers only.  Writes the projector only if the iteration converged; else the first
    process says why not, and all end with exit status 1.  For a mistake in what was asked it is 2; torchrun
    itself turns every status but 0 into 1, and adds a report of its own.
    """
    if not is_matrix_name(output, (".npy", ".mtx")):
        raise click.BadParameter(
            f"expected a name ending in .npy or .mtx; got {output.name}", param_hint="--output"
        )
    require_use(context, "inside", "--gap", used=gap is not None)
    g = given_corrector(order, alphas)
    stored = _opened(matrix)
    if stored.ndim != 2 or stored.dtype.kind != "f":
        raise click.BadParameter(
            f"expected one matrix of real floating-point numbers; got {stored.dtype}, {stored.shape}",
            param_hint="MATRIX",
        )
    ends = given_interval("--inside", inside)
    plan = schedule(*given_interval("--gap", gap), inside=ends) if gap is not None else None
    # The first process alone writes, and takes the output's place before the work is done.
    place = whole_file(output) if os.environ.get("RANK", "0") == "0" else nullcontext()
    with place as draft, processes() as mesh:
        local = int(os.environ["LOCAL_WORLD_SIZE"])
        require_memory(stored.nbytes, 2 * local + _HELD * local // mesh.size() + 1, stored.shape)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NotSpectralWarning)  # said below, once
            solution = iterate_spread(
                spread(stored, mesh), g, max_steps=max_steps, schedule=plan, mixed=mixed
            )
        dist.barrier()
        if not solution.converged:
            if draft:
                click.echo(
                    f"corrector: not converged, nothing written: {failure(solution, _ELSEWHERE)}", err=True
                )
            sys.exit(1)
        value: Any = solution.value
        whole = value.full_tensor().cpu().numpy()
        if draft:
            write_matrix(draft, whole)
    if draft:
        line = f"above the gap {gap}" if gap else "with real part above 0.5"
        click.echo(f"{success(solution, line)}\nwritten to {output}")
        if doubt := warning(solution, line, _ELSEWHERE):
            click.echo(f"corrector: {doubt}", err=True)


def _opened(path: Path) -> np.ndarray[Any, Any]:
    """The matrix in a file, without loading it where the format allows that."""
    if not is_matrix_name(path):
        raise click.BadParameter(
            f"expected a name ending in {', '.join(SUFFIXES)}; got {path.name}", param_hint="MATRIX"
        )
    try:
        if is_matrix_name(path, (".npy",)):
            return np.lib.format.open_memmap(path, mode="c")
        return read_matrix(path, 2 * int(os.environ.get("LOCAL_WORLD_SIZE", "1")))
    except (ValueError, EOFError) as error:
        given = (
            str(error)
            if str(path) in str(error)
            else f"expected a whole .npy file of numbers; {path}: {error}"
        )
        raise click.BadParameter(given, param_hint="MATRIX") from None


def end_after(work: Callable[[], Any], *, patience: float = 0.0) -> NoReturn:
    """Do the work of a process among others, and end it at once.

    Args:
        work: what to do.
        patience: seconds to wait if it failed, for another process to say why: once one has ended, torchrun
            ends all.

    Python's own way out would abort some of these processes: threads of gloo that outlive their group hold
    the tensors of its last messages, and cannot let go of them in an interpreter that is being taken down.
    """
    status: Any = 0
    try:
        work()
    except SystemExit as leaving:
        status = leaving.code
    if status:
        with suppress(KeyboardInterrupt):
            time.sleep(patience)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status or 0)


if __name__ == "__main__":
    another = os.environ.get("RANK", "0") != "0"
    end_after(lambda: run(main, "training.distributed", silent=another), patience=5.0 * another)
