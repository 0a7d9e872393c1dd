"""A sweep's folder: its plan, its pieces as they stand, and the data set made of them.

    plan.json                every argument
    pieces/000012.safetensors  a piece: weights, optimiser, curves; once it is finished curves alone
    sweep.nc                 the data set, of as much as there is

Every file is written whole or not at all, and holds no code.  A piece is claimed by a lock that the system
takes back from a process that was killed.
"""

from __future__ import annotations

import os
import struct
from contextlib import contextmanager
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import xarray as xr
from filelock import FileLock, Timeout

from analysis.collapse import VARIANCE_FLOOR
from corrector.files import NO_ROOM, whole_file
from training.weights import as_safetensors, opened

from .engine import MEASURES, State
from .plan import AXES, CORRECTED, Plan

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .plan import Piece

PLAN, DATA = "plan.json", "sweep.nc"
_STEP = struct.Struct("<q")
_FACTS = {"piece", "step", "finished", "timed", "seconds"}
"""Of a piece's file, beside its tensors."""


class Store:
    """The folder of a plan, made if it is not there.

    Args:
        path: of the folder: new, empty, or with the same plan.
        plan: what is swept.

    Attributes:
        plan: where it says nothing of the data's folder, with the one that the sweep began with.

    Raises:
        FileExistsError: it holds something else.
        ValueError: it holds another plan; the first difference is named; or the data do not fit a new one.
        OSError: it cannot be written, or the data of a new plan are not there.
    """

    def __init__(self, path: str | os.PathLike[str], plan: Plan) -> None:
        self.path, self.plan = Path(path), plan
        require_usable(self.path)
        if not (self.path / PLAN).is_file():
            plan.require_inputs()
        with self.whole():
            (self.path / "locks").mkdir(parents=True, exist_ok=True)
            (self.path / "pieces").mkdir(exist_ok=True)
            with FileLock(self.path / "locks" / PLAN):
                if (self.path / PLAN).is_file():
                    stored = read_plan(self.path)
                    plan.require_same(stored, str(self.path))
                    if plan.data_dir is None and stored.data_dir is not None:
                        self.plan = replace(plan, data_dir=stored.data_dir)
                else:
                    with whole_file(self.path / PLAN) as draft:
                        draft.write_text(plan.to_json() + "\n", encoding="utf-8")

    @contextmanager
    def whole(self) -> Iterator[None]:
        """Say of a full disk what it leaves."""
        try:
            yield
        except OSError as error:
            if error.errno not in NO_ROOM:
                raise
            words = f"{error.strerror}; what is there is whole: make room, and the same command goes on"
            raise OSError(error.errno, words, str(self.path)) from None

    @contextmanager
    def claim(self, piece: Piece) -> Iterator[bool]:
        """Whether the piece is this process's for the block: no other has it, and it is not finished."""
        lock = FileLock(self.path / "locks" / f"{piece.number:06}", timeout=0)
        try:
            with self.whole():
                lock.acquire()
        except Timeout:
            yield False
            return
        try:
            ours = not self.finished(piece)
            if ours:
                self._tidy("pieces", f".{piece.number:06}-*")
            yield ours
        finally:
            lock.release()

    def finished(self, piece: Piece) -> bool:
        """Whether the piece has been trained to its end."""
        return self._file(piece).is_file() and self._facts(piece)["finished"] == "True"

    def read(self, piece: Piece) -> State | None:
        """Return how far a piece has come; None if it has not begun.

        Raises:
            ValueError: its file is damaged, or another's.
        """
        path = self._file(piece)
        if not path.is_file():
            return None
        facts = self._facts(piece)
        parts: dict[str, dict[str, torch.Tensor]] = {
            "weights": {},
            "memory": {},
            "curves": {},
            "diverged": {},
        }
        with opened(path) as file:
            for name in file.keys():  # noqa: SIM118 - no mapping
                kind, _, rest = name.partition("/")
                # A copy: the file's lie anywhere in memory, on which the last bit of a product depends.
                parts[kind][rest] = file.get_tensor(name).clone()
        weights, memory, curves, diverged = parts.values()
        timed, seconds = int(facts["timed"]), float(facts["seconds"])
        return State(int(facts["step"]), weights, memory, curves, diverged[""], timed, seconds)

    def write(self, piece: Piece, state: State, *, finished: bool = False) -> None:
        """Keep a state; the one before stays until this one is on the disk."""
        tensors = {f"curves/{name}": curve for name, curve in state.curves.items()}
        tensors["diverged"] = state.diverged
        if not finished or self.plan.keep_weights:
            tensors |= {f"weights/{name}": p for name, p in state.weights.items()}
        if not finished:
            tensors |= {f"memory/{name}": part for name, part in state.memory.items()}
        facts = {
            "piece": _described(piece),
            "step": str(state.step),
            "finished": str(finished),
            "timed": str(state.timed),
            "seconds": str(state.seconds),
        }
        content = as_safetensors({k: v.detach().cpu().contiguous() for k, v in tensors.items()}, facts)
        self._keep(self._file(piece), content)

    def note(self, piece: Piece, step: int) -> None:
        """Tell whoever watches how many steps of a piece are taken; nothing depends on it."""
        flags = os.O_RDWR | os.O_CREAT
        try:
            descriptor = os.open(self.path / "locks" / "steps", flags)
        except OSError:
            return
        try:
            os.pwrite(descriptor, _STEP.pack(step), _STEP.size * piece.number)
        except OSError:
            pass  # a full disk is for what matters to say
        finally:
            os.close(descriptor)

    def steps(self) -> list[int]:
        """Return how many steps of each piece are taken, as last told."""
        file = self.path / "locks" / "steps"
        content = file.read_bytes() if file.is_file() else b""
        size = _STEP.size * len(self.plan.pieces)
        return [step for (step,) in _STEP.iter_unpack(content.ljust(size, b"\0")[:size])]

    def seconds(self) -> dict[tuple[Any, ...], float]:
        """Return how long a step took of one network among its ensemble, as measured while it was trained.

        On the CPU seconds of a processor, whoever else kept it busy; on CUDA of the device.  The median over
        the runs, by network, initialisation, data, batch, reduction and the rule's name; nan where a run was
        too short for a clock.
        """
        found: dict[tuple[Any, ...], list[float]] = {}
        for piece in self.plan.pieces:
            if self._file(piece).is_file():
                facts = self._facts(piece)
                timed = int(facts["timed"]) * len(piece.rates)
                each = float(facts["seconds"]) / timed if timed else np.nan
                found.setdefault((*piece[1:6], piece.treatment.name), []).append(each)
        return {key: float(np.median(values)) for key, values in found.items()}

    def dataset(self) -> xr.Dataset:
        """Return the data set of what there is; nan where a point is yet to come.

        Its axes and variables are as `sweep` says.
        """
        plan = self.plan
        axes = {name: list(values) for name, values in plan.axes.items()}
        shape = tuple(map(len, axes.values()))
        curves = {name: np.full((*shape, len(plan.measured)), np.nan) for name in MEASURES}
        diverged, steps = np.full(shape, -1), np.zeros(shape, int)
        effective = np.zeros(shape)
        for piece in plan.pieces:
            at = _where(axes, piece)
            effective[at] = [plan.effective_rate(piece, rate) for rate in piece.rates]
            state = self.read(piece)
            if state is None:
                continue
            for name, curve in state.curves.items():
                curves[name][at] = curve.T.numpy()
            diverged[at], steps[at] = state.diverged.numpy(), state.step
        variables: dict[str, Any] = {name: ((*AXES, "epoch"), values) for name, values in curves.items()}
        variables |= {
            "collapsed": ((*AXES, "epoch"), curves["kept"] < VARIANCE_FLOOR),
            "diverged": (AXES, diverged),
            "steps": (AXES, steps),
            "effective_rate": (AXES, effective),
        }
        treatments = plan.treatments
        labels = axes | {"rule": [t.name for t in treatments], "epoch": list(plan.measured)}
        written = replace(plan, data_dir=None).to_json()  # equal wherever the files lie
        attributes = {"title": "corrector sweep", "plan": written, "torch": str(torch.__version__)}
        attributes["pieces"] = f"{sum(map(self.finished, plan.pieces))} of {len(plan.pieces)} finished"
        found = xr.Dataset(variables, labels, attributes)
        return found.assign_coords(
            corrector=("rule", [str(t.corrector) * (t.rule in CORRECTED) for t in treatments])
        )

    def write_dataset(self) -> xr.Dataset:
        """Write the data set of what there is, and return it."""
        lock = FileLock(self.path / "locks" / DATA)  # of two processes each would tidy the other's draft away
        with self.whole():
            lock.acquire()
        try:
            found = self.dataset()
            self._tidy(".", f".{Path(DATA).stem}-*")
            # Made in memory: where the disk is full HDF5 leaves files open, and ends the process.
            self._keep(self.path / DATA, found.to_netcdf(engine="h5netcdf"))
        finally:
            lock.release()
        return found

    def _keep(self, path: Path, content: bytes | memoryview) -> None:
        """Put a file on the disk, whole or not at all."""
        with self.whole(), whole_file(path) as draft, draft.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())

    def _tidy(self, folder: str, drafts: str) -> None:
        """Remove what was being written when its process was killed."""
        for draft in (self.path / folder).glob(drafts):
            draft.unlink(missing_ok=True)

    def _file(self, piece: Piece) -> Path:
        return self.path / "pieces" / f"{piece.number:06}.safetensors"

    def _facts(self, piece: Piece) -> dict[str, str]:
        try:
            with opened(self._file(piece)) as file:
                facts: dict[str, str] = file.metadata() or {}
        except ValueError as error:
            raise ValueError(f"{error}: remove it, and that piece is trained again") from None
        if facts.get("piece") != _described(piece) or not facts.keys() >= _FACTS:
            raise ValueError(
                f"expected {self._file(piece)} to hold {_described(piece)}; got {facts.get('piece')}: "
                "remove it, and that piece is trained again"
            )
        return facts


def require_usable(path: Path) -> None:
    """Raise FileExistsError if the path holds anything but a sweep."""
    if not path.exists() or (path / PLAN).is_file():
        return
    if not path.is_dir() or not {entry.name for entry in path.iterdir()} <= {"locks", "pieces"}:
        raise FileExistsError(f"expected a new or empty folder, or one of a sweep; got {path}")


def read_plan(path: str | os.PathLike[str]) -> Plan:
    """Return the plan of a sweep's folder.

    Raises:
        OSError: there is none.
        ValueError: it is damaged.
    """
    content = (Path(path) / PLAN).read_bytes()
    try:
        return Plan.from_json(content.decode())
    except ValueError as error:
        raise ValueError(f"{Path(path) / PLAN}: {error}") from None


def read_dataset(path: str | os.PathLike[str]) -> xr.Dataset:
    """Return the data set of a sweep's folder.

    Raises:
        OSError: there is none.
        ValueError: it is damaged, or some of it is not yet trained.
    """
    path = Path(path)
    content = (path / DATA).read_bytes()
    again = f"corrector sweep --output {path}"
    try:
        with xr.open_dataset(BytesIO(content), engine="h5netcdf") as stored:
            found: xr.Dataset = stored.load()
    except (OSError, ValueError, KeyError) as error:
        raise ValueError(
            f"expected a whole data set in {path / DATA}; got: {error}: {again} writes it"
        ) from None
    done, _, pieces, _ = found.attrs["pieces"].split()
    if done != pieces:
        raise ValueError(
            f"expected a finished sweep in {path}; got {done} of {pieces} pieces: {again} goes on"
        )
    return found


def _described(piece: Piece) -> str:
    words = (piece.network, piece.initialisation, piece.data, piece.batch, piece.reduction)
    rates = f"rates {piece.rates[0]:g} to {piece.rates[-1]:g}"
    return ", ".join(map(str, (*words, piece.treatment.name, f"run {piece.run}", rates)))


def _where(axes: dict[str, list[Any]], piece: Piece) -> tuple[Any, ...]:
    """The place of a piece in the data set."""
    values = (piece.network, piece.initialisation, piece.data, piece.batch, piece.reduction, piece.treatment)
    head = tuple(axes[name].index(value) for name, value in zip(AXES, values, strict=False))
    start = axes["learning_rate"].index(piece.rates[0])
    return (*head, slice(start, start + len(piece.rates)), piece.run)
