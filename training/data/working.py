"""Pictures decoded by several processes, each asked for some at a time through its standard input.

They are started as programs of their own: a script that asks for data needs no guard, and a decoder that a
hostile file brings down takes nothing along.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial
from math import prod
from pathlib import Path
from queue import SimpleQueue
from typing import IO, TYPE_CHECKING, NamedTuple

import numpy as np

from training.machine import cores

from .decoding import DamagedError, PictureError, Recipe, decoded

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Sequence

    from jaxtyping import UInt8

    Idle = SimpleQueue[subprocess.Popen[bytes]]

_TOGETHER, _BYTES = 64, 2**26
"""Pictures that a process is asked for at a time, and bytes of them, but for a single one."""
_ALONE = 2.0
"""Seconds after which processes are started for what is left: each takes part of one to start."""


class Problem(NamedTuple):
    """Why a picture was not decoded.

    Attributes:
        number: its place among those asked for together.
        damaged: whether it may be left out.
        words: what is the matter.
    """

    number: int
    damaged: bool
    words: str


class Answer(NamedTuple):
    """Some pictures that were asked for together.

    Attributes:
        asked: how many.
        pixels: of those that were decoded, in their order.
        problems: with the others.
    """

    asked: int
    pixels: UInt8[np.ndarray, "n channels height width"]
    problems: list[Problem]


def decoded_together(paths: Sequence[Path], recipe: Recipe) -> Generator[Answer, None, None]:
    """Yield all pictures in their order, some at a time; after two seconds all cores decode what is left.

    Raises:
        ChildProcessError: a process ended; it says at which pictures.
    """
    together = max(1, min(_TOGETHER, _BYTES // prod(recipe.shape)))
    asked = [paths[i : i + together] for i in range(0, len(paths), together)]
    begun, done = time.monotonic(), 0
    while done < len(asked) and (cores() < 2 or time.monotonic() - begun < _ALONE):
        yield _decoded(asked[done], recipe)
        done += 1
    if count := min(cores(), len(asked) - done):
        with _processes(count) as idle, ThreadPoolExecutor(count) as threads:
            yield from threads.map(partial(_answered, idle, recipe), asked[done:])


def serve(requests: IO[bytes], answers: IO[bytes]) -> None:
    """Answer requests line by line until there are no more: what such a process does."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal's Ctrl-C is for who asked
    for line in requests:
        request = json.loads(line)
        _, pixels, problems = _decoded([Path(path) for path in request["paths"]], Recipe(**request["recipe"]))
        answers.write(json.dumps({"count": len(pixels), "problems": problems}).encode() + b"\n")
        answers.write(pixels.tobytes())
        answers.flush()


def _decoded(paths: Sequence[Path], recipe: Recipe) -> Answer:
    pixels = np.empty((len(paths), *recipe.shape), np.uint8)
    problems: list[Problem] = []
    for number, path in enumerate(paths):
        try:
            pixels[number - len(problems)] = decoded(path, recipe)
        except PictureError as error:
            problems.append(Problem(number, isinstance(error, DamagedError), str(error)))
    return Answer(len(paths), pixels[: len(paths) - len(problems)], problems)


def _answered(idle: Idle, recipe: Recipe, paths: Sequence[Path]) -> Answer:
    """What a process that is idle makes of these."""
    worker = idle.get()
    try:
        requests, answers = worker.stdin, worker.stdout
        if requests is None or answers is None:
            raise RuntimeError("expected a process with pipes; got one without")
        request = {"recipe": asdict(recipe), "paths": [str(path) for path in paths]}
        requests.write(json.dumps(request).encode() + b"\n")
        requests.flush()
        head = json.loads(answers.readline())
        asked = head["count"] * prod(recipe.shape)
        data = answers.read(asked)
    except (BrokenPipeError, json.JSONDecodeError):
        data, asked = b"", 1
    finally:
        idle.put(worker)
    if len(data) < asked:
        raise ChildProcessError(
            f"expected to decode {paths[0]} to {paths[-1]}; got a decoder that ended, with status "
            f"{worker.wait()}: one of these may be what ended it"
        )
    pixels = np.frombuffer(data, np.uint8).reshape(head["count"], *recipe.shape)
    return Answer(len(paths), pixels, [Problem(*problem) for problem in head["problems"]])


@contextmanager
def _processes(count: int) -> Iterator[Idle]:
    """Processes that wait to be asked, and are ended with the block."""
    idle: Idle = SimpleQueue()
    workers = []
    try:
        for _ in range(count):
            worker = subprocess.Popen(
                [sys.executable, "-m", "training.data"],
                env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )
            workers.append(worker)
            idle.put(worker)
        yield idle
    finally:
        for worker in workers:
            worker.kill()
        for worker in workers:
            worker.communicate()
