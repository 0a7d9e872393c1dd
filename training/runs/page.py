"""The page of a generative run: its pictures, what they are worth, and what f does to others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from analysis.plotting import embedded, in_page
from corrector.files import whole_file
from training.folder import CURVES, PAGE, SHEETS
from training.generation.corruptions import parsed
from training.generation.generating import arithmetic, codes_figure, interpolation
from training.generation.generator import Generator
from training.generation.latents import bottleneck
from training.generation.results import tables
from training.generation.sheets import progression
from training.objective.recipes import RECIPES
from training.pages import template

from .cost import read_cost, said_cost
from .module import MEASURES
from .summary import shown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from matplotlib.figure import Figure

    from training.data.images import Images
    from training.generation.results import Evaluation

    from .choices import Run
    from .summary import Rows

_CORRUPTIONS = "noise=0.3,mask=0.25,blur,sketch,invert"
_SUM = (1, 0)
"""Of which classes the difference of codes is added, as pictures of class 0 become ones."""
_WORTH = {
    "frechet, kernel": "distances of features from those of real pictures; limit: of endlessly many pictures",
    "precision, density": "how much of what f makes lies among real pictures",
    "recall, coverage": "how much of the real pictures lies among what f makes",
    "classes, confident": "classes that are seen, and the share of pictures that can be read",
    "memorisation, duplicates": "distance to training pictures, to each other, over that of real pictures",
}
"""What the measures are, for who has the page alone."""
_PICTURES = 12
_ON_THE_WAY = 3


def write_page(
    run: Run, folder: Path, rows: Rows, evaluation: Evaluation | None, options: Mapping[str, Any]
) -> None:
    """Write the page, whole or not at all; it needs no other file.

    Args:
        run: that has ended.
        folder: of the run, with its sheets and curves.
        rows: of the summary's table.
        evaluation: of the pictures, where there is one.
        options: of the run.

    Cost: passes of f for some thousand pictures, and four figures to draw.
    """
    sheets = sorted((folder / SHEETS).glob("step-*.png"))
    names = [name for name in MEASURES if name in rows["after"]]
    held_out = [
        (n, n in ("identity", "constant map"), [shown(row, c) for c in names]) for n, row in rows.items()
    ]
    content = template("generator.html").render(
        network=options["network"],
        data=options["data"],
        recipe=RECIPES[options["recipe"]].changed(options) if options["recipe"] else "",
        folder=folder,
        measures=[*_WORTH.items()] if evaluation is not None and evaluation.classifier else [],
        cost=said_cost(read_cost(folder)),
        last=in_page(sheets[-1].read_bytes()),
        collapsed=rows["after"]["collapsed"],
        held_out=(names, held_out),
        worth=[] if evaluation is None else tables(evaluation),
        classifier="" if evaluation is None else evaluation.classifier,
        figures=[*_figures(run), *_course(folder, sheets)],
    )
    with whole_file(folder / PAGE) as draft:
        draft.write_text(content, encoding="utf-8")


def _figures(run: Run) -> Iterator[tuple[str, str, str]]:
    """What f does to held-out pictures: title, picture, words."""
    images, noise = run.parts.images, run.parts.noise
    if images is None or noise is None:
        return
    generator = Generator(run.module.net, noise.cpu().float(), low=-1.0, high=1.0)
    clean = images.part("test")[:_PICTURES]
    restored = {"x": clean}
    for corruption in parsed(_CORRUPTIONS):
        worse = corruption(clean, seed=0)
        (power,) = generator.powers(generator.inputs(worse), (1,))
        restored |= {f"x̃: {corruption}": worse, f"f(x̃), {corruption}": generator.pictures(power.y)}
    words = f"Held-out pictures, corrupted ({_CORRUPTIONS.replace(',', ', ')}), and f of that."
    yield "Pictures brought back", embedded(progression(restored)), words
    yield from _latents(generator, images)


def _latents(generator: Generator, images: Images) -> Iterator[tuple[str, str, str]]:
    """What lies in the bottleneck, or why there is nothing to see: title, picture, words."""
    try:
        cut = bottleneck(generator)
    except ValueError as error:  # a network of one's own need have none
        yield "Codes", "", f"Not drawn: {error}."
        return
    drawn: dict[str, tuple[Callable[[], Figure], str]] = {
        "Codes": (
            lambda: codes_figure(cut, images, seed=0),
            "Of held-out and of generated pictures, on the plane of two principal components.",
        ),
        "From one picture to another": (
            lambda: interpolation(cut, images, seed=0),
            "Held-out pictures on lines through codes and through pixels, and f of what lies between noises.",
        ),
    }
    if images.labels is not None:
        drawn["Sums of codes"] = (
            lambda: arithmetic(cut, images, *_SUM),
            "Held-out pictures of a class, and with the difference of two classes' mean codes added.",
        )
    for title, (draw, words) in drawn.items():
        try:
            yield title, embedded(draw()), words
        except ValueError as error:  # of codes that are all the same, or of a class that was not drawn
            yield title, "", f"Not drawn: {error}."


def _course(folder: Path, sheets: list[Path]) -> Iterator[tuple[str, str, str]]:
    words = "Losses, and the guard against collapse."
    yield "The course of the run", in_page((folder / CURVES).read_bytes()), words
    for i in range(_ON_THE_WAY):
        sheet = sheets[i * (len(sheets) - 1) // _ON_THE_WAY]
        step = int(sheet.stem.removeprefix("step-"))
        yield f"After {step} step{'s' * (step != 1)}", in_page(sheet.read_bytes()), "The same noise."
