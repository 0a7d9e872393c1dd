"""What a generative run shows of its pictures: sheets on the way, and what they are worth in the end."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from analysis.frameworks import in_mode
from corrector.files import whole_file
from training.folder import EVALUATION, SHEETS
from training.generation.classifier import classifier
from training.generation.evaluation import evaluate
from training.generation.sheets import progression
from training.generators import generator

if TYPE_CHECKING:
    from pathlib import Path

    from training.generation.results import Evaluation

    from .choices import Run

_SHOWN = 12
"""Pictures beside each other on a sheet."""
_JUDGED = 2000
"""Pictures that are measured, at most."""
_KNOWN = 10_000
"""Training pictures without labels, at most, among which copies are looked for: so many of 64×64×3 take a
minute, and a gigabyte."""
_SEED = 7


def draw_sheet(run: Run, folder: Path, step: int) -> None:
    """Write a sheet of noise and what f, f², f³ and f⁵ make of it, the same noise at each step.

    Cost: five passes of twelve pictures.
    """
    made = [run.test.z[:_SHOWN]]
    home = next(run.module.net.parameters())
    x = made[0].to(home)
    with torch.no_grad(), in_mode(run.module.net, "eval"):
        for _ in range(5):
            x = run.module.net(x)
            made.append(x.float().cpu())
    rows = {"z": made[0], "f": made[1], "f²": made[2], "f³": made[3], "f⁵": made[5]}
    figure = progression(rows, low=-1, high=1, columns=_SHOWN, title=f"step {step}")
    (folder / SHEETS).mkdir(exist_ok=True)
    with whole_file(folder / SHEETS / f"step-{step:06d}.png") as draft:
        figure.savefig(draft)


def judged(run: Run, folder: Path, name: str) -> Evaluation | None:
    """Return what the pictures are worth, and write it; where data have no labels, by pixels alone.

    Cost: that of `evaluate` for 2000 pictures, and of `classifier` where none of these data is in the cache.
    """
    images = run.parts.images
    if images is None or run.parts.noise is None:
        return None
    train, held_out, real = images.part("train"), images.part("validation"), images.part("test")
    noise = run.parts.noise.cpu()(min(_JUDGED, len(real)), generator(_SEED))
    if train.labels is None or real.labels is None:
        some = torch.randperm(len(train), generator=generator(_SEED))[:_KNOWN]
        eye, known, others, truth = None, train[some], held_out[:_JUDGED], real[:_JUDGED]
    else:
        eye = classifier(train[:], train.labels, real[:], real.labels)
        known, others, truth = train[:], held_out[:], real[:]
    span = (-1.0, 1.0)
    found = evaluate(run.module.net, noise, truth, eye, train=known, held_out=others, name=name, span=span)
    with whole_file(folder / EVALUATION) as draft:
        draft.write_text(found.to_json() + "\n", encoding="utf-8")
    return found
