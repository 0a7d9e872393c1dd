"""Hypothesis strategies for idempotent and almost idempotent matrices, batches and images.

Every idempotent is unitarily similar to a direct sum of blocks [[1, cot θ], [0, 0]], ones and zeros
(the CS form).  The strategies draw that form and then a rotation, so every projector of the given
norm can be drawn, and examples shrink towards small, axis-aligned, orthogonal ones: first the size,
then the rank, then the angles, and the rotation to none.
"""

from __future__ import annotations

import re
from functools import cache, partial
from inspect import signature
from typing import TYPE_CHECKING, Any, TypeVar, get_type_hints

import numpy as np
from hypothesis import HealthCheck, Phase, Verbosity, find, given, settings
from hypothesis import strategies as st
from hypothesis.errors import Flaky, NoSuchExample

from .arguments import real_number, whole_number
from .csform import Arithmetic, beside, chain, graded, perturbed, projector, rounded

if TYPE_CHECKING:
    from collections.abc import Callable

    from jaxtyping import Float, Shaped
    from numpy.typing import DTypeLike

    from .csform import Field

    _Size = int | st.SearchStrategy[int]

_Report = TypeVar("_Report")
_SEEDS = st.integers(0, 2**32 - 1)
_SHARES = st.floats(0, 1)
_integers = cache(st.integers)
_floats = cache(st.floats)
_KINDS = ("zeros", "one", "normal", "uniform", "sparse", "large", "tiny", "alike")
_SCENES = ("blank", "edges", "blobs", "natural", "noise", "checks", "saturated")


def idempotents(
    *,
    n: _Size | None = None,
    rank: int | None = None,
    obliquity: float = 10.0,
    dtype: DTypeLike | None = None,
    field: Field = "real",
) -> st.SearchStrategy[Shaped[np.ndarray, "n n"]]:
    """Return a strategy for matrices P with P² = P, rounded to their dtype.

    Args:
        n: the size, or a strategy for it; 1 to 8 when None.
        rank: the rank, 0 to n; any when None.
        obliquity: the greatest spectral norm, at least 1; 1 draws orthogonal projectors only.
        dtype: the floating-point type; float64 or complex128, as the field asks, when None.
        field: "real"; "complex"; or "rational" for exactly idempotent arrays of Fractions, for exact
            tests of the same laws.

    Raises:
        ValueError: a bound is out of range (`hypothesis.errors.InvalidArgument` is not raised).

    Cost: at most four draws of hypothesis and an n×n QR factorisation; a rational one takes up to n
    reflections of n² Fractions.

    >>> from hypothesis import find
    >>> find(idempotents(rank=1), lambda P: True)
    array([[1.]])
    >>> find(idempotents(n=2, rank=1, field="rational"), lambda P: True).tolist()
    [[Fraction(1, 1), Fraction(0, 1)], [Fraction(0, 1), Fraction(0, 1)]]
    """
    sizes = _checked(n, rank, obliquity, field, dtype)
    return _idempotents(sizes, rank, obliquity, dtype, field)


@st.composite
def _idempotents(
    draw: st.DrawFn,
    n: _Size,
    rank: int | None,
    obliquity: float,
    dtype: DTypeLike | None,
    field: Field,
) -> Any:
    return rounded(_projector(draw, n, rank, obliquity, field)[0], dtype)


def near_idempotents(
    *,
    n: _Size | None = None,
    rank: int | None = None,
    obliquity: float = 3.0,
    order: int = 1,
    size: float = 1e-3,
    jordan: bool = False,
    violating: bool = False,
    dtype: DTypeLike | None = None,
    field: Field = "real",
) -> st.SearchStrategy[Shaped[np.ndarray, "n n"]]:
    """Return a strategy for matrices K = P + D that meet the premise of a corrector of order n.

    With `jordan` every word in P and D that holds more than `order` letters D is zero (but for
    rounding): P keeps and D raises the grade in a flag of order + 1 subspaces, so that one step of
    a corrector of that order ends at an idempotent, although D itself is as large as `size`.
    Without it D is any matrix so small that a word with k letters D has norm at most size^k.

    With `violating` no P and D with K = P + D meet that premise.  With words of more than n letters
    D zero, (K² − K)^{n+1} = (PD + DP + D² − D)^{n+1} is zero: drawn is a K with a Jordan block of
    size n + 2 at 0 or 1.  With words of k letters at most size^k it has norm at most
    (3s + s²)^{n+1}, s the size: drawn is a K with an eigenvalue λ of |λ² − λ| > 3s + s².

    Args:
        n, rank, obliquity, dtype, field: as for `idempotents`; n and rank leave room for what
            violates, 1 or order + 2 rows of it.  With `jordan` projectors within a grade are
            orthogonal, and `obliquity` means nothing.
        order: the near-idempotency order, at least 1.
        size: the Frobenius norm of D with `jordan`, and else the bound on words as above; positive.
        jordan: draw perturbations whose long words vanish exactly; K is then defective in general.
        violating: draw matrices that break the premise instead, for whatever P and D.

    Raises:
        ValueError: a bound is out of range, or n and rank leave no room for the violation.

    References: Jensen and Vicary, definition 1, with words XDYDZ in place of powers of D: powers
    alone do not suffice, as K = [[1, 1], [1, 0]] shows.

    >>> from hypothesis import find
    >>> find(near_idempotents(jordan=True, size=2, violating=True), lambda K: True)
    array([[0., 2., 0.],
           [0., 0., 2.],
           [0., 0., 0.]])
    """
    if order < 1 or not 0 < size < np.inf:
        raise ValueError(f"expected order >= 1 and size > 0; got order={order}, size={size}")
    sizes = _checked(n, rank, obliquity, field, dtype)
    if violating:
        smallest = 64 * float(np.finfo(dtype or "float64").eps) if field != "rational" else 0.0
        if size < smallest:
            raise ValueError(f"`size` must be at least {smallest:.2g} for a violation to be seen; got {size}")
        length = order + 2 if jordan else 1
        if isinstance(n, int) and n < length:
            raise ValueError(f"`n` must leave room for {length} rows that violate; got {n}")
        if isinstance(n, st.SearchStrategy):
            sizes = n.filter(partial(_roomy, rank=rank, length=length))
        elif n is None:
            sizes = st.integers(max(rank or 0, length), max(rank or 0, length) + 7)
        return _violating(sizes, rank, obliquity, order, size, length, dtype, field)
    return _near_idempotents(sizes, rank, obliquity, order, size, dtype, field, jordan=jordan)


@st.composite
def _near_idempotents(
    draw: st.DrawFn,
    n: _Size,
    rank: int | None,
    obliquity: float,
    order: int,
    size: float,
    dtype: DTypeLike | None,
    field: Field,
    *,
    jordan: bool,
) -> Any:
    return rounded(_premised(draw, n, rank, obliquity, order, size, field, jordan=jordan)[0], dtype)


@st.composite
def _violating(
    draw: st.DrawFn,
    n: _Size,
    rank: int | None,
    obliquity: float,
    order: int,
    size: float,
    length: int,
    dtype: DTypeLike | None,
    field: Field,
) -> Any:
    n = _drawn(draw, n)
    values = [v for v in (0, 1) if rank is None or 0 <= rank - v * length <= n - length]
    if n < length or not values:
        raise ValueError(
            f"expected a size and a rank with room for {length} rows that violate; got {n}, {rank}"
        )
    value = values[draw(_integers(0, len(values) - 1))]
    left = None if rank is None else rank - value * length
    jordan = length > 1
    rest, numbers = _premised(draw, n - length, left, obliquity, order, size, field, jordan=jordan)
    if jordan:
        block = chain(numbers, value, length, size)
    else:
        outside = draw(_floats(4, 30)) * size  # δ(1 + δ) ≥ 4s + 16s² > 3s + s²
        block = numbers.identity(1) * numbers.number(1 + outside if value else -outside)
    return rounded(beside(numbers, block, rest), dtype)


def batches(
    shape: int | tuple[int, ...],
    *,
    size: _Size | None = None,
    dtype: DTypeLike = "float32",
    scale: float = 1.0,
) -> st.SearchStrategy[Float[np.ndarray, "batch *sample"]]:
    """Return a strategy for inputs of a network: `size` samples of this shape.

    Zeros, a single one, normal, uniform, sparse, large (100 times), tiny, and samples that are
    nearly alike; shrinks towards one sample of zeros.  For torch: `.map(torch.from_numpy)`;
    `assert_idempotent` does that by itself for a module.

    Args:
        shape: of one sample.
        size: how many, or a strategy for it; 1 to 8 when None.
        dtype: the floating-point type.
        scale: the standard deviation of ordinary samples; positive.

    Raises:
        ValueError: the scale or a length is out of range.

    >>> from hypothesis import find
    >>> find(batches(3), lambda x: x.any())
    array([[1., 0., 0.]], dtype=float32)
    """
    shape, dtype = _shape(shape), _floating(dtype)
    if not 0 < scale < np.inf:
        raise ValueError(f"`scale` must be positive; got {scale}")
    return _batches(shape, _counts(size), np.dtype(dtype), scale)


@st.composite
def _batches(draw: st.DrawFn, shape: tuple[int, ...], size: _Size, dtype: Any, scale: float) -> Any:
    full = (_drawn(draw, size), *shape)
    kind = draw(st.sampled_from(_KINDS))
    x = np.zeros(full)
    if kind == "one":
        x.flat[0] = scale
    elif kind != "zeros":
        rng = np.random.default_rng(draw(_SEEDS))
        x = scale * rng.standard_normal(full)
        if kind == "uniform":
            x = scale * rng.uniform(-1, 1, full)
        elif kind == "sparse":
            x *= rng.random(full) < 0.1
        elif kind == "alike":
            x = x[:1] + 1e-3 * x
        x *= {"large": 100, "tiny": 1e-4}.get(kind, 1)
    return x.astype(dtype)


def images(
    shape: tuple[int, int, int] = (1, 28, 28),
    *,
    size: _Size | None = None,
    dtype: DTypeLike = "float32",
    low: float = 0.0,
    high: float = 1.0,
) -> st.SearchStrategy[Float[np.ndarray, "batch channels height width"]]:
    """Return a strategy for batches of pictures with values from `low` to `high`.

    Blank, an edge, blobs, random pictures with the 1/f spectrum of natural ones, white noise, a
    chequerboard, and saturated ones of which every pixel is `low` or `high`; shrinks towards one
    picture that is `low` everywhere.

    Args:
        shape: (channels, height, width).
        size, dtype: as for `batches`.
        low, high: the range of a pixel, low < high; uint8 with 0 and 255 gives those of files.

    Raises:
        ValueError: a range or a length is impossible.

    References: D. J. Field, Relations between the statistics of natural images and the response
    properties of cortical cells, J. Opt. Soc. Am. A 4 (1987): amplitudes fall as 1/f.

    >>> from hypothesis import find
    >>> find(images((1, 2, 2)), lambda x: x.any()).shape
    (1, 1, 2, 2)
    """
    full, dtype = _shape(shape), np.dtype(dtype)
    if dtype.kind not in "fiu" or (dtype.kind != "f" and not _fits(low, high, dtype)):
        raise ValueError(f"expected a dtype that holds pixels from {low} to {high}; got {dtype}")
    if len(full) != 3 or not -np.inf < low < high < np.inf:
        raise ValueError(
            f"expected a shape (channels, height, width) and low < high; got {full}, {low}, {high}"
        )
    return _images(full, _counts(size), np.dtype(dtype), low, high)


@st.composite
def _images(draw: st.DrawFn, shape: tuple[int, ...], size: _Size, dtype: Any, low: float, high: float) -> Any:
    full = (_drawn(draw, size), *shape)
    scene = draw(st.sampled_from(_SCENES))
    x = np.zeros(full)
    if scene == "edges":
        x[..., draw(_integers(0, shape[2] - 1)) :] = 1
        x[..., 0] = 0
    elif scene == "checks":
        x += np.indices(shape[1:]).sum(0) % 2
    elif scene != "blank":
        rng = np.random.default_rng(draw(_SEEDS))
        x = rng.random(full)
        if scene in ("blobs", "natural"):
            rows, columns = np.fft.fftfreq(shape[1])[:, None], np.fft.rfftfreq(shape[2])
            frequency = np.maximum(np.hypot(rows, columns), 1 / max(shape[1:]))
            x = np.fft.irfft2(np.fft.rfft2(x - 0.5) / frequency, s=shape[1:])
            x -= x.min(axis=(-2, -1), keepdims=True)
            x /= np.maximum(x.max(axis=(-2, -1), keepdims=True), 1e-12)
        if scene in ("blobs", "saturated"):
            x = np.round(x)
    return (low + (high - low) * x).astype(dtype)


def falsify(
    law: Callable[[Any], _Report | None], inputs: st.SearchStrategy[Any], max_examples: int = 200
) -> _Report | None:
    """Return what `law` reports at the simplest input hypothesis finds that breaks it, or None.

    The same on every run.  A breach that does not show again at that input is reported as it was seen.
    """
    seen: list[_Report] = []

    def violated(x: Any) -> bool:
        report = law(x)
        if report is not None:
            seen.append(report)
        return report is not None

    quiet = settings(
        max_examples=max_examples,
        deadline=None,
        database=None,
        verbosity=Verbosity.quiet,
        suppress_health_check=list(HealthCheck),
        phases=(Phase.generate, Phase.shrink),
        derandomize=True,
    )
    try:
        smallest = find(inputs, violated, settings=quiet)
    except (NoSuchExample, Flaky):
        return seen[-1] if seen else None
    return law(smallest) or seen[-1]


def property_test(
    holds: Callable[[Any], None],
    inputs: st.SearchStrategy[Any],
    chosen: settings | None,
    name: str,
) -> Callable[[], None]:
    """Return a hypothesis test of what holds for each input, under the current profile."""

    def test(x: Any) -> None:
        __tracebackhide__ = True
        holds(x)

    test.__name__ = test.__qualname__ = re.sub(r"\W", "_", name)
    drawn: Callable[[], None] = given(x=inputs)(test)
    return (chosen or settings(deadline=None))(drawn)


def by_annotation(f: Callable[[Any], Any]) -> st.SearchStrategy[Any]:
    """Return a strategy for what a function's first parameter is annotated with.

    Raises:
        TypeError: it has no parameter, or one without an annotation.
    """
    where = f if hasattr(f, "__name__") else type(f).__call__
    try:
        hints = get_type_hints(where)
        first = next(name for name in signature(where).parameters if name != "self")
        return st.from_type(hints[first])
    except (KeyError, StopIteration, NameError, ValueError):
        raise TypeError(
            f"`inputs` must be given, or the parameter of {getattr(f, '__name__', f)} annotated; got neither"
        ) from None


def _projector(
    draw: st.DrawFn,
    n: _Size,
    rank: int | None,
    obliquity: float,
    field: Field,
) -> tuple[Any, float, Arithmetic]:
    """A projector, its norm, and what it was made with."""
    n = _drawn(draw, n)
    if rank is not None and rank > n:
        raise ValueError(f"`rank` must lie between 0 and n = {n}; got {rank}")
    forms = _forms(n, rank, obliquity)
    r, oblique = forms[draw(_integers(0, len(forms) - 1))]
    norms = [draw(_floats(1, obliquity))] if oblique else []
    numbers = Arithmetic(field, draw(_SEEDS))
    if oblique > 1:  # the others lie below the greatest, and are 1 where nothing is turned
        norms += numbers.rng.uniform(1, norms[0], oblique - 1).tolist() if numbers.seed else []
    return projector(numbers, n, r, norms), max(norms, default=1.0), numbers


@cache
def _forms(n: int, rank: int | None, obliquity: float) -> list[tuple[int, int]]:
    """Every rank with every number of oblique blocks, simplest first: one draw for both."""
    ranks = range(n + 1) if rank is None else (rank,)
    return [(r, k) for r in ranks for k in range((min(r, n - r) if obliquity > 1 else 0) + 1)]


def _premised(
    draw: st.DrawFn,
    n: _Size,
    rank: int | None,
    obliquity: float,
    order: int,
    size: float,
    field: Field,
    *,
    jordan: bool,
) -> tuple[Any, Arithmetic]:
    """K = P + D that meets the premise."""
    if not jordan:
        P, kappa, numbers = _projector(draw, n, rank, obliquity, field)
        return perturbed(numbers, P, kappa, size * draw(_SHARES)), numbers
    n = _drawn(draw, n)
    r = draw(_integers(0, n)) if rank is None else rank
    numbers = Arithmetic(field, draw(_SEEDS))
    return graded(numbers, n, r, order, size), numbers


def _checked(
    n: _Size | None,
    rank: int | None,
    obliquity: float,
    field: str,
    dtype: DTypeLike | None,
) -> _Size:
    """The size, or the strategy for it."""
    if n is not None and not isinstance(n, st.SearchStrategy):
        whole_number(n, "n", -(2**62))
    if rank is not None:
        whole_number(rank, "rank", -(2**62))
    real_number(obliquity, "obliquity")
    if isinstance(n, int) and n < 1:
        raise ValueError(f"`n` must be at least 1; got {n}")
    if rank is not None and (rank < 0 or (isinstance(n, int) and rank > n)):
        raise ValueError(f"`rank` must lie between 0 and n = {n}; got {rank}")
    if not 1 <= obliquity < np.inf:
        raise ValueError(f"`obliquity` must be a norm of at least 1; got {obliquity}")
    if field not in ("real", "complex", "rational"):
        raise ValueError(f"`field` must be 'real', 'complex' or 'rational'; got {field!r}")
    if dtype is not None and np.dtype(dtype).kind not in {"real": "f", "complex": "c"}.get(field, ""):
        raise ValueError(f"`dtype` must be one for {field} numbers; got {np.dtype(dtype)}")
    if n is None:
        least = max(rank or 0, 1)
        return _integers(least, max(8, least))
    return n if isinstance(n, int) or not rank else n.filter(lambda size: size >= rank)


def _drawn(draw: st.DrawFn, size: _Size) -> int:
    return size if isinstance(size, int) else draw(size)


def _roomy(n: int, rank: int | None, length: int) -> bool:
    """Whether a block of this length at 0 or at 1 leaves room for this rank."""
    return n >= length and (rank is None or any(0 <= rank - v * length <= n - length for v in (0, 1)))


def _counts(size: _Size | None) -> _Size:
    if isinstance(size, int) and size < 1:
        raise ValueError(f"`size` must be at least 1; got {size}")
    return _integers(1, 8) if size is None else size


def _floating(dtype: DTypeLike) -> np.dtype[Any]:
    try:
        found = np.dtype(dtype)
    except TypeError:
        raise ValueError(f"`dtype` must be a floating-point type of NumPy; got {dtype!r}") from None
    if found.kind != "f":
        raise ValueError(f"`dtype` must be a floating-point type of NumPy; got {found}")
    return found


def _fits(low: float, high: float, dtype: np.dtype[Any]) -> bool:
    return bool(np.iinfo(dtype).min <= low and high <= np.iinfo(dtype).max)


def _shape(shape: int | tuple[int, ...]) -> tuple[int, ...]:
    shape = (shape,) if isinstance(shape, int) else tuple(shape)
    if any(length < 1 for length in shape):
        raise ValueError(f"`shape` must hold lengths of at least 1; got {shape}")
    return shape
