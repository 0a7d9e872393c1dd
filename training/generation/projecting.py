"""What `corrector project` does: pictures of a user's own put through f, and what that came to."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from scipy.stats import binomtest
from torch.nn.functional import interpolate

from analysis.plotting import save
from corrector.files import whole_folder
from training.data import GaussianNoise
from training.data.decoding import PictureError, Recipe, decoded, upright
from training.data.encoding import write_picture
from training.data.listing import listed
from training.data.progress import progress
from training.folder import NOISE
from training.foreign import foreign
from training.subjects import named_images

from .corruptions import brightness, parsed
from .generating import loaded
from .generator import network_file, sides
from .powers import power_name
from .sheets import progression
from .tables import HEADINGS, aligned, complaint, power_errors

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from jaxtyping import Float
    from matplotlib.figure import Figure
    from torch import Tensor

    from .generator import Generator
    from .powers import Power
    from .tables import PowerErrors

    Pictures = Float[Tensor, "n channels height width"]
    Distances = Float[Tensor, " n"]

_NAMED = ("digits", "mnist", "celeba")
_SHOWN = 32
"""Pictures on a sheet, at most."""
_TAKEN = 256
"""Of a named data set's test pictures, unless it is said."""
_CONFIDENCE = 0.95


@dataclass(frozen=True)
class Restored:
    """What fᵏ made of corrupted pictures x̃ whose originals x are known.

    Attributes:
        before: mean over pictures of mean((x̃ − x)²) over pixels, x̃ clipped to 0 … 1.
        after: the same of fᵏ(x̃), clipped likewise.
        others: the same of fᵏ(x̃), beside the next picture's original, as if it did not matter which it was;
            nan of one picture.
        improved: of how many pictures the error became less.
        count: how many there are.
        low, high: where the share of pictures that are improved lies, with 95 % confidence.
    """

    before: float
    after: float
    others: float
    improved: int
    count: int
    low: float
    high: float


def restored(clean: Pictures, corrupted: Pictures, projected: Pictures) -> Restored:
    """Return errors before and after a projection, and the share of pictures that it improved.

    The interval of the share is Clopper and Pearson's, exact for pictures drawn independently.  Corrupted
    pictures are clipped first: that alone lessens noise, and is no merit of f.  Nor is an error that became
    less, where it is as small beside another original: then f has made a picture like those of the data, of
    which one is as good as the next.

    Args:
        clean: the originals, pixels from 0 to 1.
        corrupted: what was done to them.
        projected: what f made of that.

    References: C. J. Clopper and E. S. Pearson, The use of confidence or fiducial limits (Biometrika 1934).

    >>> x = torch.zeros(4, 1, 1, 1)
    >>> found = restored(x, x + 0.5, x + 0.1)
    >>> round(found.before, 3), round(found.after, 3), found.improved, round(found.low, 3), found.high
    (0.25, 0.01, 4, 0.398, 1.0)
    """
    before, after = (squares(y.clamp(0, 1), clean) for y in (corrupted, projected))
    improved = int((after < before).sum())
    share = binomtest(improved, len(clean)).proportion_ci(_CONFIDENCE, method="exact")
    return Restored(
        before=float(before.mean()),
        after=float(after.mean()),
        others=float(squares(projected.clamp(0, 1), clean.roll(-1, 0)).mean())
        if len(clean) > 1
        else math.nan,
        improved=improved,
        count=len(clean),
        low=float(share.low),
        high=float(share.high),
    )


def squares(y: Pictures, x: Pictures) -> Distances:
    """Return mean((y − x)²) over the pixels of each picture."""
    return (y - x).double().square().flatten(1).mean(1)


def run_project(
    run: str, given: Sequence[str], options: Mapping[str, Any]
) -> tuple[str, dict[str, Any], str | None]:
    """Project pictures; return what is told, the same for JSON, and what is wrong with them or None.

    Raises:
        OSError: a file is missing, or cannot be written.
        ValueError: a picture cannot be read or does not fit the network, or an option is none.
    """
    corruptions = () if options["corrupt"] is None else parsed(options["corrupt"])
    images = _named(given, options)
    generator = _generator(run, options, images, given)
    names, x = _taken(given, images, generator.shape, options)
    wanted = sorted({1, 2, options["power"]})
    rows: list[tuple[str, Restored | float, PowerErrors]] = []
    with whole_folder(options["output"]) as draft:
        for corruption in corruptions or (None,):
            seen = x if corruption is None else corruption(x, options["seed"])
            with foreign():
                powers = {p.k: p for p in generator.powers(generator.inputs(seen), wanted)}
            chosen = powers[options["power"]]
            found = generator.pictures(chosen.y)
            after = squares(found.clamp(0, 1), x).sqrt()
            outcome = float(after.mean()) if corruption is None else restored(x, seen, found)
            label = "as they are" if corruption is None else str(corruption)
            rows.append((label, outcome, power_errors(generator.inputs(x), chosen)))
            stem = "" if corruption is None else str(corruption).replace("=", "-")
            sheet = f"sheet-{stem}.png" if stem else "sheet.png"
            save(
                _sheet(generator, x, seen, powers, options["power"], label if corruption else None),
                draft / sheet,
            )
            _write(found, names, draft / (stem or "projected"))
        said = _said(rows, options)
        (draft / "results.json").write_text(json.dumps(said, indent=2), encoding="utf-8")
    text = "\n".join([*_table(rows, options["power"]), f"\nwritten to {options['output']}"])
    return text, said, complaint([(label, row) for label, _, row in rows], "the pictures'")


def _named(given: Sequence[str], options: Mapping[str, Any]) -> Pictures | None:
    """Test pictures of a data set by name, if one is named."""
    name = next((name for name in given if name in _NAMED), None)
    if name is None:
        return None
    if len(given) > 1:
        raise ValueError(f"expected {name} alone, or files and folders; got {', '.join(given)}")
    images = named_images(name, options["data_dir"], {})
    return images.part("test")[: options["count"] or _TAKEN]


def _generator(
    run: str, options: Mapping[str, Any], images: Pictures | None, given: Sequence[str]
) -> Generator:
    """The run's; where it has no noise, which nothing here needs, for pictures as these are."""
    if network_file(Path(run)).with_name(NOISE).exists():
        return loaded(run, options)
    shape = tuple(_first(given).shape) if images is None else tuple(images.shape[1:])
    return loaded(run, options, GaussianNoise(shape))


def _first(given: Sequence[str]) -> Float[np.ndarray, "channels height width"]:
    return _pixels(upright(_files(given[:1])[0]))


def _taken(
    given: Sequence[str], images: Pictures | None, shape: tuple[int, int, int], options: Mapping[str, Any]
) -> tuple[list[str], Pictures]:
    """Pictures and what to call them, of the network's shape."""
    if images is not None:
        fits = tuple(images.shape[1:]) == shape
        if not fits and not options["fit"]:
            raise ValueError(_misfit(given[0], images.shape[1:], shape))
        x = images if fits else fitted(images, shape)
        return [f"{i:04}" for i in range(len(x))], x
    files = _files(given)[: options["count"]]
    stack = []
    with progress(f"Reading {len(files)} pictures", len(files)) as advance:
        for path in files:
            stack.append(_read(path, shape, fit=options["fit"]))
            advance(1)
    names = [f"{i:04}-{path.stem}" for i, path in enumerate(files)]
    return names, torch.from_numpy(np.stack(stack)).float() / 255


def _files(given: Sequence[str]) -> list[Path]:
    """The pictures in folders, and those named themselves."""
    found: list[Path] = []
    for name in given:
        path = Path(name)
        if path.is_dir():
            found += [file.path for file in listed(path)]
        elif path.exists():
            found.append(path)
        else:
            raise FileNotFoundError(
                f"expected {', '.join(_NAMED)}, or pictures or a folder of them; got {name}"
            )
    return found


def _read(path: Path, shape: tuple[int, int, int], *, fit: bool) -> np.ndarray[Any, Any]:
    """A file's picture as bytes, of the network's shape."""
    if fit:
        if shape[1] != shape[2]:
            raise ValueError(f"expected a network of square pictures for --fit; got {sides(shape)}")
        return decoded(path, Recipe(channels=shape[0], turned=True, size=shape[1]))
    pixels = _pixels(upright(path))
    if pixels.shape != shape:
        raise PictureError(_misfit(str(path), pixels.shape, shape))
    return pixels


def _pixels(picture: Any) -> np.ndarray[Any, Any]:
    pixels = np.asarray(picture)
    return pixels[None] if pixels.ndim == 2 else np.ascontiguousarray(pixels.transpose(2, 0, 1))


def _misfit(name: str, got: Sequence[int], shape: Sequence[int]) -> str:
    return (
        f"expected pictures of {sides(shape)} (channels, height, width), as the network's; "
        f"got {sides(got)}, {name} (--fit crops, scales and turns them)"
    )


def fitted(x: Pictures, shape: tuple[int, int, int]) -> Pictures:
    """Return pictures turned grey or into three equal channels, and scaled as `training.data` scales files.

    >>> fitted(torch.ones(2, 3, 4, 4), (1, 2, 2)).shape
    torch.Size([2, 1, 2, 2])
    """
    grey = brightness(x) if shape[0] == 1 else x.expand(-1, shape[0], -1, -1)
    scaled: Tensor = interpolate(grey, shape[1:], mode="bilinear", antialias=True)
    return scaled


def _sheet(
    generator: Generator, x: Pictures, seen: Pictures, powers: Mapping[int, Power], k: int, name: str | None
) -> Figure:
    """Originals, what was done to them if it has a name, what f made of that, and its distance."""
    x, seen = x[:_SHOWN], seen[:_SHOWN]
    found = {j: generator.pictures(power.y[:_SHOWN]) for j, power in powers.items()}
    before, after = (squares(y.clamp(0, 1), x).sqrt().tolist() for y in (seen, found[k]))
    rows = {"x": x} if name is None else {"original": x, name: seen}
    captions = [
        f"{b:.2f}" if name is None else f"{a:.2f} → {b:.2f}" for a, b in zip(before, after, strict=True)
    ]
    return progression(
        rows | {power_name(j): y for j, y in found.items()},
        captions=captions,
        title=f"Root mean square distance of {power_name(k)} from {next(iter(rows))}",
    )


def _write(pictures: Pictures, names: Sequence[str], folder: Path) -> None:
    folder.mkdir()
    with progress(f"Writing {len(names)} pictures", len(names)) as advance:
        for name, picture in zip(names, pictures, strict=True):
            write_picture(picture, folder / f"{name}.png")
            advance(1)


def _table(rows: Sequence[tuple[str, Restored | float, PowerErrors]], power: int) -> list[str]:
    f, count = power_name(power), rows[0][2].count
    lines, headings = (
        [],
        ["distance"] if isinstance(rows[0][1], float) else ["before", "after", "others", "improved (95 %)"],
    )
    for label, outcome, errors in rows:
        if isinstance(outcome, float):
            own = [f"{outcome:.3g}"]
        else:
            share = f"{outcome.improved / count:.3f} ({outcome.low:.3f}–{outcome.high:.3f})"
            own = [f"{outcome.before:.3g}", f"{outcome.after:.3g}", f"{outcome.others:.3g}", share]
        lines.append([label, *own, *errors.cells()])
    table = aligned([["", *headings, *HEADINGS], *lines])
    unknown = ["\nNo guard against collapse: that takes pictures that differ."] * (rows[0][2].kept is None)
    return [f"{f} of {count} picture{'s' * (count != 1)}", "", *table, *unknown]


def _said(
    rows: Sequence[tuple[str, Restored | float, PowerErrors]], options: Mapping[str, Any]
) -> dict[str, Any]:
    found = []
    for label, outcome, errors in rows:
        own = {"distance": outcome} if isinstance(outcome, float) else asdict(outcome)
        plain = {k: v if math.isfinite(v) else None for k, v in own.items()}
        found.append({"corruption": label, **plain, "idempotence": errors.as_dict()})
    return {"power": options["power"], "rows": found, "written": str(options["output"])}
