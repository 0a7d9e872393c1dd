"""Pieces claimed and trained, by one process or by several that share nothing but the folder."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING

from .engine import Training, arithmetic

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .engine import State
    from .plan import Piece
    from .store import Store

KEEP_EVERY = 30.0
"""Seconds between the states that are kept of a piece; a kill loses no more."""

_TOLD_EVERY = 0.5
_PATIENCE = 5.0
"""Seconds for the last words of a process that has ended: what it started may hold its line open."""
_PARENT = "CORRECTOR_SWEEP_PARENT"


class Stop:
    """Whether someone asked to stop; true at the end of a step, so that a state is never torn."""

    def __init__(self) -> None:
        self.asked = False
        parent = os.environ.get(_PARENT)
        self._parent = None if parent is None else int(parent)

    def __bool__(self) -> bool:
        """Whether to stop: a signal came, or the process that started this one is gone."""
        return self.asked or (self._parent is not None and os.getppid() != self._parent)


@contextmanager
def stopping() -> Iterator[Stop]:
    """Turn the first Ctrl-C and the first polite kill within a block into a request; a second acts at once.

    A terminal's Ctrl-C reaches every process of a sweep, and the first of them then asks the others politely.
    """
    stop = Stop()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def ask(number: int, _: object) -> None:
        stop.asked = True
        signal.signal(number, before[signal.Signals(number)])

    for number in before:
        signal.signal(number, ask)
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def work(
    store: Store,
    threads: int = 1,
    watch: Callable[[], None] = lambda: None,
    keep_every: float = KEEP_EVERY,
) -> None:
    """Train every piece that nobody else does, the longest first; return once all are finished.

    Args:
        store: the sweep.
        threads: for each tensor operation.
        watch: called now and then.
        keep_every: seconds between the states that are kept of a piece.

    Raises:
        KeyboardInterrupt: someone asked to stop; the state is kept.
    """
    plan, device = store.plan, _device(store.plan.device)
    open_pieces = sorted(plan.pieces, key=lambda piece: -plan.cost(piece) * plan.steps(piece))
    with stopping() as stop, arithmetic(threads, tf32=plan.tf32):
        while open_pieces:
            trained = False
            for piece in open_pieces:
                with store.claim(piece) as ours:
                    if ours:
                        _train(store, piece, device, _Beat(store, piece, stop, watch, keep_every))
                        trained = True
            open_pieces = [piece for piece in open_pieces if not store.finished(piece)]
            if stop:
                raise KeyboardInterrupt
            if open_pieces and not trained:  # others train them, and may be killed
                watch()
                time.sleep(_TOLD_EVERY)


def work_together(
    store: Store, processes: int, threads: int, watch: Callable[[], None], keep_every: float = KEEP_EVERY
) -> None:
    """Train every piece in processes of their own, which are ended with this one.

    Raises:
        KeyboardInterrupt: someone asked to stop; the states are kept.
        RuntimeError: one of the processes failed; in its words.
    """
    with stopping() as stop:
        workers = [_worker(store, i, threads, keep_every) for i in range(processes)]
        ears = [_Ear(worker) for worker in workers]
        try:
            while any(worker.poll() is None for worker in workers):
                if stop or any(worker.returncode for worker in workers):
                    break
                watch()
                time.sleep(_TOLD_EVERY / 2)
        finally:
            for worker in workers:
                worker.terminate()
            for worker in workers:
                worker.wait()
            said = [ear.last() for ear in ears]
        if stop:
            raise KeyboardInterrupt
        for worker, words in zip(workers, said, strict=True):
            if worker.returncode > 0:
                raise RuntimeError(words or f"a process ended with status {worker.returncode}")
        for worker in workers:
            if worker.returncode < 0 and not all(map(store.finished, store.plan.pieces)):
                raise RuntimeError(
                    "expected processes that end by themselves; one was killed by signal "
                    f"{-worker.returncode}, as when memory runs out; the same command goes on"
                )


def _train(store: Store, piece: Piece, device: str, beat: Callable[[State], None]) -> None:
    training = Training(store.plan, piece, device)
    state = training.run(store.read(piece) or training.fresh(), beat)
    store.write(piece, state, finished=True)
    store.note(piece, state.step)


class _Beat:
    """What is done between steps: tell, keep, and stop if that was asked."""

    def __init__(
        self, store: Store, piece: Piece, stop: Stop, watch: Callable[[], None], keep_every: float
    ) -> None:
        self.store, self.piece, self.stop, self.watch, self.keep_every = store, piece, stop, watch, keep_every
        self.told = self.kept = time.monotonic()

    def __call__(self, state: State) -> None:
        now = time.monotonic()
        if self.stop.asked or now - self.told > _TOLD_EVERY:
            self.told = now
            self.store.note(self.piece, state.step)
            self.watch()
            if self.stop:
                self.store.write(self.piece, state)
                raise KeyboardInterrupt
        if now - self.kept > self.keep_every:
            self.store.write(self.piece, state)
            self.kept = time.monotonic()


def _worker(store: Store, index: int, threads: int, keep_every: float) -> subprocess.Popen[bytes]:
    """Start a process that works on the sweep until all is finished."""
    here = {
        "PYTHONPATH": os.pathsep.join(sys.path),
        "OMP_NUM_THREADS": str(threads),
        "LOCAL_RANK": str(index),
        _PARENT: str(os.getpid()),
    }
    command = [sys.executable, "-m", "training.sweeping", "--output", str(store.path), "--join"]
    command += ["--threads", str(threads), "--keep-every", str(keep_every)]
    if store.plan.data_dir is not None:
        command += ["--data-dir", str(store.plan.data_dir)]
    return subprocess.Popen(  # noqa: S603 - this very program
        command,
        env=os.environ | here,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )


class _Ear:
    """Listens to a process, which would wait for ever if nobody did; on no disk, for that may be full."""

    def __init__(self, worker: subprocess.Popen[bytes]) -> None:
        self._lines: deque[bytes] = deque(maxlen=1)
        self._thread = threading.Thread(target=self._listen, args=(worker.stderr,), daemon=True)
        self._thread.start()

    def _listen(self, said: IO[bytes]) -> None:
        with said:
            self._lines.extend(filter(bytes.strip, said))

    def last(self) -> str:
        """Return the last line of a process that has ended."""
        self._thread.join(_PATIENCE)
        return b"".join(self._lines).decode(errors="replace").strip().removeprefix("corrector: ")


def _device(name: str) -> str:
    """The device, one for each process of a machine."""
    if name != "cuda":
        return name
    import torch

    return f"cuda:{int(os.environ.get('LOCAL_RANK', '0')) % max(1, torch.cuda.device_count())}"
