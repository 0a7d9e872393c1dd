"""What `corrector generate` does: pictures, their sheet, their errors, and what lies in the bottleneck."""

from __future__ import annotations

from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from analysis.plotting import save
from corrector.files import whole_file, whole_folder
from training.data import NOISES
from training.data.encoding import write_picture
from training.data.progress import progress
from training.foreign import foreign
from training.memory import require_room
from training.subjects import named_images, named_network

from .generator import load_generator
from .latents import (
    SameCodesError,
    bottleneck,
    class_difference,
    noise_path,
    principal_components,
    require_umap,
    straight,
    umap_embedding,
)
from .powers import power_name
from .scatter import scattered
from .sheets import progression
from .tables import HEADINGS, aligned, complaint, power_errors

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from matplotlib.figure import Figure
    from torch import Tensor

    from training.data import Images

    from .generator import Generator
    from .latents import Bottleneck
    from .tables import PowerErrors

_SHOWN = 64
"""Pictures on a sheet, at most."""
_POINTS = 2000
"""Pictures of the data, at most, that are points of a figure or make a class's mean."""
_STEPS = 9
"""From one picture to another."""
_PAIRS = 4
_SUMS = 10
_STEP_SIZES = (0.5, 1.0, 1.5)
_SHEETS = (".png", ".pdf", ".svg")
_DRAWN = 2
"""A number beside the seed, for noise that is not on the sheet."""


def loaded(run: str, options: Mapping[str, Any], noise: Any = None) -> Generator:
    """Return the generator of a run, on the device asked for."""
    with foreign():
        net = None if options["network"] is None else named_network(options["network"], None)
        found = load_generator(run, noise, net=net)
        found.net.to(options["device"])  # type: ignore[attr-defined]  # a file's network is a module
    return found


def run_generate(run: str, options: Mapping[str, Any]) -> tuple[str, dict[str, Any], str | None]:
    """Write pictures; return what is told of them, the same for JSON, and what is wrong with them or None.

    Raises:
        OSError: a file is missing, or cannot be written.
        ValueError: an option does not fit the run, or the run is none.
    """
    output: Path = options["output"]
    alone = output.suffix.lower() in _SHEETS
    if not alone and output.suffix[1:].isalpha() and not output.is_dir():
        raise ValueError(f"expected a .png, .pdf or .svg file or a folder as --output; got {output}")
    if alone and (given := [name for name in ("separate", "npy", "latents") if options[name]]):
        raise ValueError(f"expected a folder as --output with --{given[0]}; got {output}")
    if options["latents"] and options["embedding"] == "umap":
        require_umap()
    images = None if options["data"] is None else _images(options)
    if options["sums"] and _require(images).labels is None:
        raise ValueError(f"expected pictures with classes for --arithmetic; got {images} without")
    noise = None if options["noise"] is None else NOISES[options["noise"]].of(_require(images).part("train"))
    generator = loaded(run, options, noise)
    codes = _bottleneck(generator, images, options) if options["latents"] else None
    kept = options["count"] if options["npy"] or options["separate"] else _SHOWN
    # Noise, three sets while f is applied, and all that is kept.
    needed = 4 * prod(generator.shape) * (4 * options["count"] + kept * len(options["powers"]))
    require_room(needed, "--count of pictures", str(options["count"]))
    with foreign():
        z = generator.draw(options["count"], options["seed"])
        rows, pictures = [], {0: generator.pictures(z[:kept])}
        for power in generator.powers(z, options["powers"]):
            rows.append((power_name(power.k), power_errors(z, power)))
            pictures[power.k] = generator.pictures(power.y[:kept])
    named = {power_name(k) if k else "z": y[:_SHOWN] for k, y in pictures.items()}
    sheet = progression(named, title=_title(run, options))
    wrong = [] if (bad := complaint(rows, "the noise's")) is None else [bad]
    if alone:
        with whole_file(output) as draft:
            save(sheet, draft)
    else:
        with whole_folder(output) as draft:
            save(sheet, draft / "sheet.png")
            if options["npy"]:
                np.save(draft / "pictures.npy", torch.stack(list(pictures.values())[1:]).float().numpy())
            if options["separate"]:
                _write_separately(pictures, draft)
            wrong += _drawn(_latents(codes, images, options), draft)
    said = {"pictures": len(z), "rows": [row.as_dict() for _, row in rows], "written": str(output)}
    return "\n".join([*_table(rows), f"\nwritten to {output}"]), said, "; ".join(wrong) or None


def _drawn(figures: Mapping[str, Callable[[], Figure]], folder: Path) -> list[str]:
    """Write figures to files by their names; return what was wrong with those that cannot be drawn."""
    wrong = []
    for name, draw in figures.items():
        try:
            save(draw(), folder / f"{name}.png")
        except SameCodesError as error:
            wrong.append(f"{name}.png is not drawn: {error}")
    return wrong


def _table(rows: Sequence[tuple[str, PowerErrors]]) -> list[str]:
    return aligned([["", *HEADINGS], *([name, *row.cells()] for name, row in rows)])


def _title(run: str, options: Mapping[str, Any]) -> str:
    return f"{Path(run).name}: noise z and what f makes of it, seed {options['seed']}"


def _images(options: Mapping[str, Any]) -> Images:
    pictures = {name: options[name] for name in ("size", "channels")}
    return named_images(options["data"], options["data_dir"], pictures, "or a folder of pictures")


def _require(images: Images | None) -> Images:
    if images is None:
        raise ValueError("expected --data, for the noise's shape and statistics; got none")
    return images


def _write_separately(pictures: Mapping[int, Tensor], folder: Path) -> None:
    """Each picture to a file of its own, z/0000.png, f1/0000.png and so on."""
    total = sum(map(len, pictures.values()))
    with progress(f"Writing {total} pictures", total) as advance:
        for k, stack in pictures.items():
            name = f"f{k}" if k else "z"
            (folder / name).mkdir()
            for i, picture in enumerate(stack):
                write_picture(picture, folder / name / f"{i:04}.png")
                advance(1)


def _bottleneck(generator: Generator, images: Images | None, options: Mapping[str, Any]) -> Bottleneck:
    """The cut asked for, once all is there that its figures need."""
    found = _require(images)
    shape = (found.channels, *found.shape)
    if shape != generator.shape:
        raise ValueError(
            f"expected pictures of {'×'.join(map(str, generator.shape))} with --data, as the network's; "
            f"got {'×'.join(map(str, shape))}"
        )
    with foreign():
        return bottleneck(generator, options["module"])


def _latents(
    codes: Bottleneck | None, images: Images | None, options: Mapping[str, Any]
) -> dict[str, Callable[[], Figure]]:
    """Figures by the names of their files."""
    if codes is None or images is None:
        return {}
    found: dict[str, Callable[[], Figure]] = {
        "codes": lambda: codes_figure(codes, images, options["seed"], options["embedding"]),
        "interpolation": lambda: interpolation(codes, images, options["seed"]),
    }
    if images.labels is not None:
        plus, minus = options["arithmetic"]
        found["arithmetic"] = lambda: arithmetic(codes, images, plus, minus)
    return found


def codes_figure(cut: Bottleneck, images: Images, seed: int, embedding: str = "pca") -> Figure:
    """Return the codes of held-out pictures, and of as many generated ones, on the plane.

    Args:
        cut: the bottleneck.
        images: pictures of f's shape, with or without classes.
        seed: of the generated pictures' noise, and of UMAP's chance.
        embedding: "pca" or "umap", fitted to the data's codes.
    """
    generator = cut.generator
    parts = images.part("test"), images.part("validation")
    data = cut.encode(generator.inputs(torch.cat([part[:_POINTS] for part in parts])[:_POINTS]))
    made = cut.encode(generator.sample(len(data), seed, (1,))[1])
    if embedding == "umap":
        place, axes = umap_embedding(data, seed), ["UMAP 1", "UMAP 2"]
    else:
        components = principal_components(data)
        place = components
        axes = [f"principal component {i + 1}, {share:.0%}" for i, share in enumerate(components.shares)]
    known = [part.labels[:_POINTS] for part in parts if part.labels is not None]
    labels = torch.cat(known)[:_POINTS] if known else None
    return scattered(place(data), labels, place(made), axes, f"codes of {images.name} at module {cut.module}")


def interpolation(cut: Bottleneck, images: Images, seed: int) -> Figure:
    """Return ways between test pictures, through codes and through pixels, and between noises."""
    generator = cut.generator
    x = generator.inputs(images.part("test")[: 2 * _PAIRS])
    z = generator.draw(2 * _PAIRS, seed + _DRAWN)
    codes, mean = cut.encode(x), generator.mean_noise()
    pairs = range(0, len(x) - 1, 2)

    def f(ways: Sequence[Tensor]) -> Tensor:
        return next(generator.powers(torch.cat(list(ways)), (1,))).y

    rows = {
        "codes, decoded": cut.decode(torch.cat([straight(codes[i], codes[i + 1], _STEPS) for i in pairs])),
        "f of mixtures": f([straight(x[i], x[i + 1], _STEPS) for i in pairs]),
        "f of noises": f([noise_path(z[i], z[i + 1], _STEPS, mean) for i in pairs]),
    }
    title = "From one picture to another: through codes, through pixels; and through noise"
    return progression({k: generator.pictures(y) for k, y in rows.items()}, columns=_STEPS, title=title)


def arithmetic(cut: Bottleneck, images: Images, plus: int, minus: int) -> Figure:
    """Return test pictures of one class, to whose codes the difference of two classes' means is added."""
    generator, train, test = cut.generator, images.part("train"), images.part("test")
    if train.labels is None or test.labels is None:
        raise ValueError(f"expected pictures with classes, to add and subtract; got {images} without")
    known = cut.encode(generator.inputs(train[:_POINTS]))
    step = class_difference(known, train.labels[:_POINTS], plus, minus)
    chosen = (test.labels == minus).nonzero().flatten()[:_SUMS]
    if not len(chosen):
        raise ValueError(f"expected test pictures of class {minus}; got none")
    x = generator.inputs(test[chosen])
    codes = cut.encode(x)
    rows = {"x": x, "f(x)": cut.decode(codes)}
    rows |= {f"+ {t:g} ({plus} − {minus})": cut.decode(codes + t * step) for t in _STEP_SIZES}
    title = f"Codes plus the mean code of {plus} less that of {minus}"
    return progression({k: generator.pictures(y) for k, y in rows.items()}, columns=_SUMS, title=title)
