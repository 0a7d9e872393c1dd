"""Hypothesis strategies for idempotent and almost idempotent matrices.

Every idempotent is unitarily similar to a direct sum of blocks [[1, cot θ], [0, 0]], ones and zeros
(the CS form).  The strategies draw that form and then a rotation, so every projector of the given
norm can be drawn, and examples shrink towards small, axis-aligned, orthogonal ones: first the size,
then the rank, then the angles, and the rotation to none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from hypothesis import HealthCheck, Phase, Verbosity, find, settings
from hypothesis import strategies as st
from hypothesis.errors import NoSuchExample

if TYPE_CHECKING:
    from collections.abc import Callable

    from jaxtyping import Inexact
    from numpy.typing import DTypeLike

    Field = Literal["real", "complex"]


@st.composite
def idempotents(
    draw: st.DrawFn,
    *,
    n: int | st.SearchStrategy[int] | None = None,
    rank: int | None = None,
    obliquity: float = 10.0,
    dtype: DTypeLike | None = None,
    field: Field = "real",
) -> Inexact[np.ndarray, "n n"]:
    """Return a strategy for matrices P with P² = P, rounded to their dtype.

    Args:
        n: the size, or a strategy for it; 1 to 8 when None.
        rank: the rank, 0 to n; any when None.
        obliquity: the greatest spectral norm, at least 1; 1 draws orthogonal projectors only.
        dtype: the floating-point type; float64, or complex128 for the complex field, when None.
        field: "real" or "complex".

    Raises:
        ValueError: a bound is out of range (`hypothesis.errors.InvalidArgument` is not raised).

    >>> from hypothesis import find
    >>> find(idempotents(rank=1), lambda P: True)
    array([[1.]])
    """
    P, _ = _draw_projector(draw, n, rank, obliquity, field)
    return P.astype(_dtype(dtype, field))


@st.composite
def near_idempotents(
    draw: st.DrawFn,
    *,
    n: int | st.SearchStrategy[int] | None = None,
    rank: int | None = None,
    obliquity: float = 3.0,
    order: int = 1,
    size: float = 1e-3,
    jordan: bool = False,
    dtype: DTypeLike | None = None,
    field: Field = "real",
) -> Inexact[np.ndarray, "n n"]:
    """Return a strategy for matrices K = P + D that meet the premise of a corrector of order n.

    With `jordan` every word in P and D that holds more than `order` letters D is zero (but for
    rounding): P keeps and D raises the grade in a flag of order + 1 subspaces, so that one step of
    a corrector of that order ends at an idempotent, although D itself is as large as `size`.
    Without it D is any matrix so small that a word with k letters D has norm at most size^k.

    Args:
        n, rank, obliquity, dtype, field: as for `idempotents`.
        order: the near-idempotency order, at least 1.
        size: the norm of D with `jordan`, and else the bound on words as above; positive.
        jordan: draw perturbations whose long words vanish exactly; K is then defective in general.

    References: Jensen and Vicary, definition 1, with words XDYDZ in place of powers of D: powers
    alone do not suffice, as K = [[1, 1], [1, 0]] shows.
    """
    if order < 1 or not size > 0:
        raise ValueError(f"expected order >= 1 and size > 0; got order={order}, size={size}")
    if jordan:
        return _graded(draw, n, rank, obliquity, order, size, dtype, field)
    P, rng = _draw_projector(draw, n, rank, obliquity, field)
    D = _gaussian(rng, P.shape[0], field)
    kappa = max(float(np.linalg.norm(P, 2)), 1.0)
    D *= draw(st.floats(0, 1)) * size / kappa**2 / max(float(np.linalg.norm(D, 2)), 1e-300)
    K: Inexact[np.ndarray, "n n"] = P + D
    return K.astype(_dtype(dtype, field))


def falsify(
    law: Callable[[Any], str | None], inputs: st.SearchStrategy[Any], max_examples: int = 200
) -> tuple[Any, str] | None:
    """Return the simplest input hypothesis finds for which `law` reports a violation, or None."""
    reports: dict[str, str] = {}

    def violated(x: Any) -> bool:
        report = law(x)
        if report is not None:
            reports["last"] = report
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
    except NoSuchExample:
        return None
    return smallest, law(smallest) or reports["last"]


def _draw_projector(
    draw: st.DrawFn,
    n: int | st.SearchStrategy[int] | None,
    rank: int | None,
    obliquity: float,
    field: Field,
) -> tuple[Inexact[np.ndarray, "n n"], np.random.Generator]:
    size = _draw_size(draw, n, rank)
    _check(size, rank, obliquity, field)
    r = draw(st.integers(0, size)) if rank is None else rank
    oblique = draw(st.integers(0, min(r, size - r))) if obliquity > 1 else 0
    norms = [draw(st.floats(1, obliquity)) for _ in range(oblique)]
    core = np.zeros((size, size))
    core[np.arange(r), np.arange(r)] = 1
    core[np.arange(oblique), r + np.arange(oblique)] = np.sqrt(np.square(norms) - 1)
    rng = np.random.default_rng(seed := draw(st.integers(0, 2**32 - 1)))
    Q = np.eye(size) if seed == 0 else np.linalg.qr(_gaussian(rng, size, field))[0]
    return Q @ core @ Q.conj().T, rng


def _graded(
    draw: st.DrawFn,
    n: int | st.SearchStrategy[int] | None,
    rank: int | None,
    obliquity: float,
    order: int,
    size: float,
    dtype: DTypeLike | None,
    field: Field,
) -> Inexact[np.ndarray, "n n"]:
    """K = Q(P + D)Q* with P block diagonal and D strictly block upper triangular, order + 1 blocks."""
    m = _draw_size(draw, n, rank)
    _check(m, rank, obliquity, field)
    r = draw(st.integers(0, m)) if rank is None else rank
    cuts = sorted(draw(st.lists(st.integers(0, m), min_size=order, max_size=order)))
    grade = np.searchsorted(cuts, np.arange(m), side="right")
    rng = np.random.default_rng(seed := draw(st.integers(0, 2**32 - 1)))
    # Ones in any r places of the diagonal: blocks of P are orthogonal projectors, each turned alone.
    P = np.diag((rng.permutation(m) < r if seed else np.arange(m) < r).astype(float))
    D = np.where(grade[:, None] < grade[None, :], _gaussian(rng, m, field), 0)
    norm = float(np.linalg.norm(D, 2)) if m else 0.0
    D *= size / norm if norm else 0.0
    turn = np.eye(m, dtype=D.dtype)
    for level in range(order + 1) if seed else ():
        rows = np.flatnonzero(grade == level)
        if rows.size:
            turn[np.ix_(rows, rows)] = np.linalg.qr(_gaussian(rng, rows.size, field))[0]
    Q = np.eye(m) if seed == 0 else np.linalg.qr(_gaussian(rng, m, field))[0]
    K: Inexact[np.ndarray, "n n"] = Q @ (turn @ P @ turn.conj().T + D) @ Q.conj().T
    return K.astype(_dtype(dtype, field))


def _draw_size(draw: st.DrawFn, n: int | st.SearchStrategy[int] | None, rank: int | None) -> int:
    if n is None:
        least = max(rank or 0, 1)
        return draw(st.integers(least, max(8, least)))
    return n if isinstance(n, int) else draw(n)


def _check(n: int, rank: int | None, obliquity: float, field: str) -> None:
    if n < 1:
        raise ValueError(f"`n` must be at least 1; got {n}")
    if rank is not None and not 0 <= rank <= n:
        raise ValueError(f"`rank` must lie between 0 and n = {n}; got {rank}")
    if not 1 <= obliquity < np.inf:
        raise ValueError(f"`obliquity` must be a norm of at least 1; got {obliquity}")
    if field not in ("real", "complex"):
        raise ValueError(f"`field` must be 'real' or 'complex'; got {field!r}")


def _gaussian(rng: np.random.Generator, n: int, field: Field) -> Inexact[np.ndarray, "n n"]:
    real = rng.standard_normal((n, n))
    return real if field == "real" else real + 1j * rng.standard_normal((n, n))


def _dtype(dtype: DTypeLike | None, field: Field) -> np.dtype[Any]:
    return np.dtype(dtype or ("float64" if field == "real" else "complex128"))
