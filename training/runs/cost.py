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

    Args:
        folder: of the run.
        begin: the step to go on from.
        device: where it is trained.
    """

    def __init__(self, folder: Path, begin: int, device: torch.device) -> None:
        self.path, self.begin, self.device = folder / COST, begin, device
        self.before = [spell for spell in read_cost(folder) if spell.begin < spell.end <= begin]
        self._started = time.perf_counter()

    def write(self, step: int) -> None:
        """Write that the run has come to this step."""
        seconds = round(time.perf_counter() - self._started, 3)
        memory = round(peak_memory(self.device), 1)
        now = Spell(self.begin, step, seconds, memory, self.device.type)
        with whole_file(self.path) as draft:
            spells = [asdict(spell) for spell in [*self.before, now]]
            draft.write_text(json.dumps(spells, indent=2) + "\n", encoding="utf-8")


def read_cost(folder: Path) -> list[Spell]:
    """Return the spells of the run in a folder, in their order; none where nothing was written."""
    path = folder / COST
    return [Spell(**spell) for spell in json.loads(path.read_text())] if path.is_file() else []


def said_cost(spells: list[Spell]) -> str:
    """Return in words how long the steps took, and how much memory.

    >>> said_cost([Spell(0, 100, 2.0, 512.0, "cpu"), Spell(100, 400, 8.0, 600.0, "cpu")])
    '400 steps in 10.0 s, 25.0 ms a step with validations; memory at most 600 MiB'
    """
    steps = sum(spell.end - spell.begin for spell in spells)
    seconds = sum(spell.seconds for spell in spells)
    memory = max(spell.memory for spell in spells)
    each = f"{1000 * seconds / max(1, steps):.1f} ms a step with validations"
    return f"{steps} steps in {seconds:.1f} s, {each}; memory at most {memory:.0f} MiB"
