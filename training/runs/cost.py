"""What a run took: seconds and memory, by each of the processes that carried it out in turn."""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from corrector.files import whole_file
from training.folder import COST
from training.memory import peak_memory

if TYPE_CHECKING:
    from pathlib import Path

    import torch


@dataclass(frozen=True)
class Spell:
    """What a process did without a break.

    Attributes:
        begin, end: steps, the first not included.
        seconds: of them, by the clock, with validations and checkpoints.
        memory: the most that the process held until then, in MiB: on a GPU of its memory, else of the
            machine's.
        device: "cpu" or "cuda".
    """

    begin: int
    end: int
    seconds: float
    memory: float
    device: str


class Cost:
    """The spells of a run, on disk; what was lost to a kill is in none.

    A process has one up to its last checkpoint, and another from there to the end.

    Args:
        folder: of the run.
        begin: the step to go on from.
        device: where it is trained.
    """

    def __init__(self, folder: Path, begin: int, device: torch.device) -> None:
        self.path, self.begin, self.device = folder / COST, begin, device
        self._before = [spell for spell in read_cost(folder) if spell.end <= begin]
        self._started = time.perf_counter()
        self._now = self._spell(begin, begin, 0.0)

    def write(self, step: int) -> None:
        """Write that the run has come to this step, from which it can go on."""
        self._now = self._spell(self.begin, step, 0.0)
        self._write([*self._before, self._now])

    def end(self, step: int) -> None:
        """Write that the run has ended at this step; should that be lost, it goes on from the one before."""
        last = self._spell(self._now.end, step, self._now.seconds)
        self._write([*self._before, self._now, last])

    def _spell(self, begin: int, end: int, before: float) -> Spell:
        seconds = round(time.perf_counter() - self._started - before, 3)
        return Spell(begin, end, seconds, round(peak_memory(self.device), 1), self.device.type)

    def _write(self, spells: list[Spell]) -> None:
        with whole_file(self.path) as draft:
            known = [asdict(spell) for spell in spells if spell.begin < spell.end]
            draft.write_text(json.dumps(known, indent=2) + "\n", encoding="utf-8")


def read_cost(folder: Path) -> list[Spell]:
    """Return the spells of the run in a folder, in their order; none where nothing was written.

    Raises:
        ValueError: the file is not as a run writes it.
    """
    path = folder / COST
    if not path.is_file():
        return []
    try:
        return [Spell(**spell) for spell in json.loads(path.read_text(encoding="utf-8"))]
    except (TypeError, ValueError) as error:
        raise ValueError(f"expected {path} as a run writes it, or none; got another: {error}") from None


def said_cost(spells: list[Spell]) -> str:
    """Return in words how long the steps took, and how much memory.

    >>> said_cost([Spell(0, 100, 2.0, 512.0, "cpu"), Spell(100, 400, 8.0, 600.0, "cpu")])
    '400 steps in 10.0 s, 25.0 ms a step with validations; memory at most 600 MiB'
    """
    steps = sum(spell.end - spell.begin for spell in spells)
    if not steps:
        return f"no steps, says {COST}"
    seconds = sum(spell.seconds for spell in spells)
    memory = max(spell.memory for spell in spells)
    each = f"{1000 * seconds / steps:.1f} ms a step with validations"
    return f"{steps} steps in {seconds:.1f} s, {each}; memory at most {memory:.0f} MiB"
