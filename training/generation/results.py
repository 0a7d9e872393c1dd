"""What `evaluate` found: rows of figures, as a table and as JSON, and which may be compared."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from .nearness import Nearness
from .tables import aligned

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

IDEMPOTENCE = ("error", "relative", "centred", "kept", "rank")
"""What is said of f at a power, in the words of `metrics`."""


@dataclass(frozen=True)
class Row:
    """What was found of one set of pictures; nan throughout where some picture is not finite.

    Attributes:
        name: of the set: a power of f, or a control.
        finite: how many of the pictures are finite.
        variance: Σ‖y − ȳ‖² over that of the real pictures.
        frechet, limit: the Fréchet distance of features from the real pictures', as it is and extrapolated to
            endlessly many samples.
        kernel, kernel_error: the kernel distance of features and its standard error.
        precision, recall: improved, third neighbours.
        density, coverage: fifth neighbours.
        classes, confident, entropy: of `ClassCoverage`.
        duplicates: nearness to one another, beside that of the real pictures.
        memorisation: nearness to the training pictures, beside that of the real ones.
        idempotence: of f at these pictures, "error", "relative", "centred", "kept", "rank" and "collapsed" as
            `metrics` has them, kept being of the variance of the noise; None of a control.
        seconds: to make the pictures, from noise; None of a control.
    """

    name: str
    finite: int
    variance: float
    frechet: float
    limit: float
    kernel: float
    kernel_error: float
    precision: float
    recall: float
    density: float
    coverage: float
    classes: int
    confident: float
    entropy: float
    duplicates: Nearness
    memorisation: Nearness
    idempotence: dict[str, float | bool] | None = None
    seconds: float | None = None


@dataclass(frozen=True)
class Evaluation:
    """A network's pictures measured; what `evaluate` returns.  `print` shows it as a table.

    Attributes:
        name: of the network.
        samples: how many pictures each row is of.
        rows: for each power of f.
        controls: for what no network made.
        classifier: the hash of its recipe and data; "" where there was none, and nothing known of features.
        weights: the hash of what it learned.
        accuracy: of the classifier.
        reference: a hash of the real pictures that all was compared with, training pictures included.
        searched: how many training pictures copies were looked for among.
        seconds: that all this took.
        memory: MiB at most; of a CUDA device what was allocated on it meanwhile, else of main memory what
            this process has held since it began.
    """

    name: str
    samples: int
    rows: tuple[Row, ...]
    controls: tuple[Row, ...]
    classifier: str
    weights: str
    accuracy: float
    reference: str
    searched: int
    seconds: float
    memory: float

    def __str__(self) -> str:
        return side_by_side(self)

    def require_comparable(self, other: Evaluation) -> None:
        """Refuse to compare with figures by another classifier, of another number or of other real pictures.

        Raises:
            ValueError: `other` has such.
        """
        for what, name in (
            ("the classifier (recipe and data)", "classifier"),
            ("the classifier's weights", "weights"),
            ("the real pictures", "reference"),
            ("as many samples", "samples"),
        ):
            mine, theirs = getattr(self, name), getattr(other, name)
            if mine != theirs:
                raise ValueError(
                    f"figures of {self.name} and {other.name} are not comparable: expected {what} to be the "
                    f"same; got {mine} and {theirs}"
                )

    def as_dict(self) -> dict[str, Any]:
        """Return all of it as numbers and words that JSON has; null for what is not finite."""
        plain: dict[str, Any] = _finite(asdict(self))
        return plain

    def to_json(self) -> str:
        """Return all of it as JSON; `from_json` reads it back, with nan for what was not finite."""
        return json.dumps(self.as_dict(), indent=2)

    @classmethod
    def from_json(cls, text: str) -> Evaluation:
        """Return the evaluation that `to_json` wrote.

        Raises:
            ValueError: the text is something else.
        """
        try:
            said = json.loads(text)
            parts: dict[str, Any] = {key: tuple(map(_row, said.pop(key))) for key in ("rows", "controls")}
            return cls(**_numbers(said), **parts)
        except (AttributeError, KeyError, TypeError, json.JSONDecodeError) as error:
            raise ValueError(
                f"expected the JSON of an evaluation; got something else ({type(error).__name__}: {error})"
            ) from None


def side_by_side(*evaluations: Evaluation) -> str:
    """Return evaluations as one table, above the controls, which they share.

    Raises:
        ValueError: there is none, or their figures are not comparable.
    """
    if not evaluations:
        raise ValueError("expected at least one evaluation; got none")
    first = evaluations[0]
    for other in evaluations[1:]:
        first.require_comparable(other)
    alone = len(evaluations) == 1
    rows = [(row.name if alone else f"{e.name} {row.name}", row) for e in evaluations for row in e.rows]
    rows += [(row.name, row) for row in first.controls]
    spent = [f"{'' if alone else e.name + ' '}{e.seconds:.3g} s, {e.memory:.0f} MiB" for e in evaluations]
    by = "without a classifier"
    if first.classifier:
        by = f"by the classifier {first.classifier} (weights {first.weights}), {first.accuracy:.2%} right"
    head = (
        f"{', '.join(e.name for e in evaluations)}: {first.samples} pictures a row, {by}; copies of "
        f"{first.searched} training pictures; {', '.join(spent)}"
    )
    return "\n".join([head, *(line for columns in _columns(first) for line in ("", *_table(columns, rows)))])


def tables(evaluation: Evaluation) -> list[tuple[list[str], list[tuple[str, bool, list[str]]]]]:
    """Return its two tables: headings, and rows: a name, whether it is a control, cells."""
    rows = [(row, False) for row in evaluation.rows] + [(row, True) for row in evaluation.controls]
    return [
        (
            [heading for heading, _ in columns],
            [(row.name, control, [cell(row) for _, cell in columns]) for row, control in rows],
        )
        for columns in _columns(evaluation)
    ]


def _columns(evaluation: Evaluation) -> tuple[tuple[_Column, ...], ...]:
    """Of each table; without a classifier what is of pixels is all in one."""
    return (_QUALITY, _NOVELTY) if evaluation.classifier else ((*_PIXELS, *_NOVELTY),)


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _numbers(said: dict[str, Any]) -> dict[str, Any]:
    return {key: math.nan if value is None else value for key, value in said.items()}


def _row(said: dict[str, Any]) -> Row:
    parts: dict[str, Any] = {
        key: Nearness(**_numbers(said.pop(key))) for key in ("duplicates", "memorisation")
    }
    idempotence, seconds = said.pop("idempotence"), said.pop("seconds")
    errors = None if idempotence is None else _numbers(idempotence)
    return Row(**_numbers(said), **parts, idempotence=errors, seconds=seconds)


_Column = tuple[str, "Callable[[Row], str]"]


def _column(name: str, style: str = ".3g") -> _Column:
    return name, lambda row: format(getattr(row, name), style)


def _idempotence(name: str) -> _Column:
    def cell(row: Row) -> str:
        if row.idempotence is None:
            return ""
        hidden = name == "centred" and row.idempotence["collapsed"]
        return "collapsed" if hidden else format(row.idempotence[name], ".3g")

    return name, cell


_PIXELS = (_column("variance"), _column("finite", "d"))
_QUALITY: tuple[_Column, ...] = (
    _column("frechet"),
    _column("limit"),
    ("kernel", lambda row: f"{row.kernel:.3g} ± {row.kernel_error:.2g}"),
    _column("precision"),
    _column("recall"),
    _column("density"),
    _column("coverage"),
    _column("classes", "d"),
    _column("confident"),
    _column("entropy"),
    *_PIXELS,
)
_NOVELTY: tuple[_Column, ...] = (
    ("memorisation", lambda row: str(row.memorisation)),
    ("z", lambda row: f"{row.memorisation.z:.1f}"),
    ("copies", lambda row: f"{row.memorisation.share:.3f}"),
    ("duplicates", lambda row: str(row.duplicates)),
    ("share", lambda row: f"{row.duplicates.share:.3f}"),
    *(_idempotence(name) for name in IDEMPOTENCE),
    ("seconds", lambda row: "" if row.seconds is None else f"{row.seconds:.3g}"),
)


def _table(columns: Sequence[_Column], rows: Sequence[tuple[str, Row]]) -> list[str]:
    lines = [["", *(heading for heading, _ in columns)]]
    lines += [[name, *(cell(row) for _, cell in columns)] for name, row in rows]
    return aligned(lines)
