"""`audit`: how idempotent a network is on data, with confidence, and with the guard against collapse."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.stats import binomtest

from .collapse import VARIANCE_FLOOR, effective_rank, singular_values
from .frameworks import in_mode, is_module, require_instance, require_mode, without_gradients
from .laws import Laws
from .measuring import Spread, applied, relative_errors, rows
from .search import Search, worst_input
from .sources import Reservoir, Worst, batches_of, count_of, stacked
from .surroundings import spared
from .tangents import jacobian_defects

if TYPE_CHECKING:
    import os
    from collections.abc import Callable

    from jaxtyping import Float

    from corrector.evaluation import Array

    Vector = Float[np.ndarray, " n"]

QUANTILES = (0.5, 0.9, 0.99, 1.0)
"""What of a distribution is shown."""

_BATCH = 256
_SPREAD = 512
"""Inputs whose outputs' rank is measured; as many as `training.metrics` looks at."""
_FOLLOWED = 128
_DIRECTED = 64
_STARTS = 32


@dataclass(frozen=True, eq=False)
class Audit:
    """How idempotent f was found to be; what `audit` returns.

    With y = f(x) the relative error of an input is ‖f(y) − y‖/‖y‖, 0 where both are zero and ∞ where
    f(y) is not finite or y alone is zero: the root of `metrics`' "relative", input by input.

    Attributes:
        name: what f is called.
        shape: of one input.
        epsilon, confidence: as asked for.
        errors: the relative error of each input, in the order they came.
        drift: ‖fᵏ(x) − y‖/‖y‖ for k = 1, …, a row each, one column for each input that was followed.
        centred: Σ‖f(y) − y‖²/Σ‖y − ȳ‖², ȳ the mean of the outputs; nan where collapsed.
        kept: Σ‖y − ȳ‖²/Σ‖x − x̄‖², the share of the inputs' variance that the outputs keep.
        rank, input_rank: the effective rank of the outputs and of the inputs, of at most 512 of them.
        spectrum, input_spectrum: the singular values of those, as shares of the greatest of the inputs'.
        jacobian: ‖J(y)w − w‖/‖w‖ for w = J(x)v in random directions v, which is 0 if f is idempotent
            near x; empty where it was not looked at or every w vanishes.
        derivative: how J was applied: "forward mode", "central differences", or why it was not.
        search: the input found by following the gradient of the relative error; or why there is none.
        distinct: how many inputs differ from one another.
        notices: laws other than f(f(x)) = f(x) that are broken: chance, state, dependence on the batch.
    """

    name: str
    shape: tuple[int, ...]
    epsilon: float
    confidence: float
    errors: Vector
    drift: Float[np.ndarray, "applications followed"]
    centred: float
    kept: float
    rank: float
    input_rank: float
    spectrum: Vector
    input_spectrum: Vector
    jacobian: Vector
    derivative: str
    search: Search | str
    notices: tuple[str, ...] = ()
    distinct: int | None = None

    @property
    def violations(self) -> int:
        """How many inputs have a relative error above ε."""
        return int(np.count_nonzero(~(self.errors <= self.epsilon)))

    @property
    def bound(self) -> float:
        """The share of all such inputs that at most violates, with this confidence.

        The one-sided Clopper–Pearson bound: the p at which so few violations among so many
        independent inputs have probability 1 − confidence.
        """
        test = binomtest(self.violations, len(self.errors), alternative="less")
        return float(test.proportion_ci(self.confidence, method="exact").high)

    @property
    def collapsed(self) -> bool:
        """Whether the outputs keep less than a thousandth of the inputs' variance, or none that is finite."""
        return not self.kept >= VARIANCE_FLOOR

    def within(self, share: float) -> bool:
        """Whether at most this share violates, with this confidence, and nothing else speaks against it.

        That is: the outputs have not collapsed, and no other law was seen broken, so that another look
        at the same inputs would have found the same.
        """
        return self.bound <= share and not self.collapsed and not self.notices

    def quantiles(self, values: Vector | None = None) -> dict[str, float]:
        """Return median, 90 %, 99 % and maximum of the errors, or of other values.

        Quantiles are values that occur, so that ∞ does no harm.
        """
        values = self.errors if values is None else values
        found = np.quantile(values, QUANTILES, method="inverted_cdf") if values.size else np.full(4, np.nan)
        return dict(zip(("median", "90 %", "99 %", "max"), map(float, found), strict=True))

    def report(self) -> str:
        """Return the findings as text, a line each."""
        from .findings import as_text

        return as_text(self)

    def as_dict(self) -> dict[str, Any]:
        """Return the findings as numbers and words that JSON has; null for what is not finite."""
        from .findings import as_dict

        return as_dict(self)

    def write(self, path: str | os.PathLike[str], picture: tuple[int, int] | None = None) -> None:
        """Write the report whole or not at all: .html with figures, .json, or .txt.

        Args:
            path: whose ending says which.
            picture: (height, width) of inputs that are pictures but flat, to be shown as such.

        Raises:
            ValueError: another ending.
            OSError: it cannot be written there.
        """
        from .findings import write

        write(self, path, picture)

    def __str__(self) -> str:
        return self.report()

    def __repr__(self) -> str:
        return (
            f"Audit({self.name}: {self.violations} of {len(self.errors)} inputs above {self.epsilon:g}, "
            f"share at most {self.bound:.3g} with confidence {self.confidence:g}, "
            f"{'collapsed' if self.collapsed else f'{self.kept:.3g} of the variance kept'})"
        )


def audit(
    f: Callable[[Array], Array],
    inputs: Any,
    confidence: float = 0.99,
    *,
    epsilon: float = 0.01,
    samples: int | None = None,
    applications: int = 50,
    directions: int = 4,
    search: int = 50,
    reach: float = 0.1,
    batch: int = _BATCH,
    mode: str | None = "eval",
    seed: int = 0,
    name: str | None = None,
    progress: Callable[[int, int | None], None] | None = None,
) -> Audit:
    """Return how idempotent f is on inputs: a bound on how many violate, and what stands behind it.

    A share p of a population violates if ‖f(f(x)) − f(x)‖/‖f(x)‖ > ε there.  From inputs that were drawn
    from it independently, p is bounded from above (Clopper–Pearson, one-sided): of a thousand audits
    with confidence 0.99 at most ten are expected to give a bound below p.  Nothing is said of inputs
    of another kind; and inputs that the network was trained on speak for no others.

    Args:
        f: a network, or a function of batches of arrays, that keeps their shape.
        inputs: an array with an input a row; an iterable of batches, as a `DataLoader`, labels passed
            over; or a data set of single items.  A network gets them in its own dtype, on its device.
        confidence: of the bound, between 0 and 1.
        epsilon: the greatest relative error that is no violation.
        samples: how many inputs to look at, drawn at random where their number is known, else the first;
            all when None.
        applications: how far f, f², f³, … are followed.
        directions: how many random directions an input to test J(f(x))·J(x)v = J(x)v in; 0 for none.
        search: gradient steps towards the worst input near the data; 0 for none.
        reach: how far from an input that search may go, as a share of its norm; within the range
            that the data have in each number in any case.
        batch: how many inputs f is given at once, at most.
        mode: "eval" or "train" for a network meanwhile; as it is when None.
        seed: of the directions, and of which inputs are looked at and followed.
        name: what the report calls f; its own name when None.
        progress: called with the inputs looked at so far and how many come, None if unknown.

    Raises:
        TypeError: the inputs are no floating-point arrays, or f gives none.
        ValueError: fewer than two inputs, values that are not finite, or an f that changes the shape.

    Cost: 2 passes over the inputs; then, on at most 128 of them, a pass for each application, two of
    about double cost for each direction (on 64), and about six for each step of the search (on 32).

    References: C. J. Clopper and E. S. Pearson, The use of confidence or fiducial limits (Biometrika
    26, 1934); the guard: `docs/method.md`.

    >>> rng = np.random.default_rng(0)
    >>> found = audit(lambda x: np.clip(x, -1, 1), rng.standard_normal((500, 3)))
    >>> found.violations, round(found.bound, 4), found.collapsed
    (0, 0.0092, False)
    """
    _require(confidence, epsilon, samples, applications, directions, search, reach, batch, mode)
    require_instance(f)
    f = spared(f, mode)
    with in_mode(f, mode):
        seen = _Seen(f, seed)
        total = count_of(inputs, samples)
        for x in batches_of(inputs, f, batch, samples, seed):
            seen.take(x)
            if progress is not None:
                progress(seen.count, total)
        if seen.count < 2:
            raise ValueError(f"`inputs` must hold at least two; got {seen.count}")
        sample = stacked(seen.reservoir.kept)
        errors = np.concatenate(seen.errors)
        jacobian, derivative = jacobian_defects(f, sample[:_DIRECTED], directions, seed)
        rank, spectrum, input_rank, input_spectrum = _ranks(f, sample)
        return Audit(
            name=name or str(getattr(f, "__name__", type(f).__name__)),
            shape=tuple(sample.shape[1:]),
            epsilon=epsilon,
            confidence=confidence,
            errors=errors,
            drift=_drift(f, sample[:_FOLLOWED], applications),
            centred=seen.centred,
            kept=seen.kept,
            rank=rank,
            input_rank=input_rank,
            spectrum=spectrum,
            input_spectrum=input_spectrum,
            jacobian=jacobian,
            derivative=derivative,
            search=worst_input(f, seen.starts(), search, reach, (seen.least, seen.greatest)),
            notices=_notices(f, sample[:8]),
            distinct=len(seen.distinct),
        )


class _Seen:
    """What passes over the inputs once: errors, sums for the variances, range, and a sample."""

    def __init__(self, f: Callable[[Array], Array], seed: int) -> None:
        self.f, self.reservoir, self.worst = f, Reservoir(_SPREAD, seed), Worst(_STARTS // 2)
        self.errors: list[Vector] = []
        self.count = 0
        self.least, self.greatest = np.float64(np.inf), np.float64(-np.inf)
        self.distinct: set[bytes] = set()
        self.moments = {"x": Spread(), "y": Spread()}
        self.off, self.scale = 0.0, 0.0

    def take(self, x: Array) -> None:
        with without_gradients(self.f):
            y = applied(self.f, x)
            z = applied(self.f, y)
        self.errors.append(relative_errors(y, z))
        self.worst.offer(x, self.errors[-1])
        here, there = rows(x), rows(y)
        self.scale = self.scale or float(np.abs(here).max()) or 1.0  # whose square may overflow
        self.moments["x"].add(here / self.scale)
        self.moments["y"].add(there / self.scale)
        with np.errstate(all="ignore"):
            self.off += float(np.square(np.abs((rows(z) - there) / self.scale)).sum())
        self.least = np.minimum(self.least, here.min(0))
        self.greatest = np.maximum(self.greatest, here.max(0))
        self.distinct.update(sha256(row.tobytes()).digest() for row in here)
        self.reservoir.offer(x)
        self.count += len(here)

    def starts(self) -> Array:
        """Where a search sets out: the worst inputs, and some of the others."""
        return stacked([*self.worst.kept, *self.reservoir.kept[: _STARTS // 2]])

    @property
    def kept(self) -> float:
        before, after = self.moments["x"].total, self.moments["y"].total
        return after / before if before else float("nan")

    @property
    def centred(self) -> float:
        return self.off / self.moments["y"].total if self.kept >= VARIANCE_FLOOR else float("nan")


def _drift(
    f: Callable[[Array], Array], x: Array, applications: int
) -> Float[np.ndarray, "applications followed"]:
    with without_gradients(f):
        now = start = applied(f, x)
        followed = [relative_errors(start, now)]
        for _ in range(applications - 1):
            now = applied(f, now)
            followed.append(relative_errors(start, now))
    return np.stack(followed)


def _ranks(f: Callable[[Array], Array], x: Array) -> tuple[float, Vector, float, Vector]:
    """Effective rank and spectrum of the outputs, then of the inputs."""
    with without_gradients(f):
        outputs = np.concatenate([rows(applied(f, x[i : i + _BATCH])) for i in range(0, len(x), _BATCH)])
    with np.errstate(invalid="ignore"):
        clouds = [cloud - cloud.mean(0) for cloud in (outputs, rows(x))]
    after, before = (np.asarray(singular_values(cloud))[::-1] for cloud in clouds)
    scale = before[0] or 1.0
    ranks = [float(effective_rank(cloud)) for cloud in clouds]
    return ranks[0], after / scale, ranks[1], before / scale


def _notices(f: Callable[[Array], Array], x: Array) -> tuple[str, ...]:
    laws = Laws(f, batched=is_module(f))
    breach = laws.presumption(x[: len(x) // 2 or 1]) or laws.presumption(x[len(x) // 2 :]) or laws.revisited()
    return () if breach is None else (f"expected {breach.law}; {breach.detail}",)


def _require(
    confidence: float,
    epsilon: float,
    samples: int | None,
    applications: int,
    directions: int,
    search: int,
    reach: float,
    batch: int,
    mode: str | None,
) -> None:
    require_mode(mode)
    if not 0 < confidence < 1:
        raise ValueError(f"`confidence` must lie between 0 and 1; got {confidence}")
    if not 0 <= epsilon < np.inf:
        raise ValueError(f"`epsilon` must be a number of at least 0; got {epsilon}")
    if not 0 < reach < np.inf:
        raise ValueError(f"`reach` must be positive; got {reach}")
    least = {"samples": (samples, 2), "applications": (applications, 1), "batch": (batch, 1)}
    for name, (value, low) in (least | {"directions": (directions, 0), "search": (search, 0)}).items():
        if value is not None and value < low:
            raise ValueError(f"`{name}` must be at least {low}; got {value}")
