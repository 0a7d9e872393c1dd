r"""`iterate`: K ← g(K) until K is idempotent to what the arithmetic allows, or a reason why not.

There is no tolerance to choose.  Write R = K − K².  For a corrector of order n the exact residual
after a step is R' = R^{n+1}·(Σ a_k R^k + K Σ b_k R^k), with coefficients read off the polynomial
(g² − g)/(x² − x)^{n+1}, so

    ‖R'‖ ≤ ‖R‖^{n+1} Σ_k (|a_k| + ‖K‖ |b_k|) ‖R‖^k.

While this bound holds the iteration converges.  Once the computed residual exceeds it, rounding has
taken over: what is seen is noise, near 0.2κ⁴u with κ = ‖K‖ and u the unit round-off, in any form of the
step.  The true residual goes on falling as the law says, so steps are taken until that is below κ²u.
"""

from __future__ import annotations

import warnings
from collections import Counter
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import array_api_compat
import numpy as np

from corrector import MCWEENY, Polynomial
from corrector.arithmetic import HermitianMatrices, arithmetic_of, is_hermitian
from corrector.evaluation import two_point

from .arguments import real_number, require_callable, require_corrector, whole_number
from .arrays import (
    checked_matrix,
    frobenius,
    hermitian_part,
    norm_estimate,
    plus_identity,
    trace,
    unit_roundoff,
)
from .refinement import in_single, refined
from .scheduling import History, Schedule, follow, part, scaled
from .scheduling import schedule as plan_schedule
from .sides import above, belongs, leftmost, slack, turned

if TYPE_CHECKING:
    from collections.abc import Callable

    from jaxtyping import Bool, Float, Inexact, Int

    from corrector import Corrector
    from corrector.evaluation import Array
    from corrector.plan import Plan


_DOUBT = 1e-3
"""Rounding errors of this size in an eigenvalue leave fewer than three digits of the projector sure."""


_EXACT = 1e-6
"""A residual up to here, and no larger than rounding makes it, is left as it is."""


_SINGLE = 2.0**-20
"""How near to 0 and 1 a schedule in single precision need bring eigenvalues."""


_FEW = 10.0
"""Roundings that a step may make, and its residual hold."""


class Status(StrEnum):
    """How an iteration ended."""

    CONVERGED = "converged"
    """Idempotent to what the arithmetic allows at this norm."""
    FLOOR = "floor"
    """Rounding stopped the residual above that: ‖K‖⁴u leaves fewer than half the digits."""
    STALLED = "stalled"
    """The matrix no longer moves and is not idempotent: an eigenvalue sits at another fixed point."""
    WRONG_SIDE_RISK = "wrong_side_risk"
    """It stayed between the basins so long that rounding, not K, would decide the projector."""
    DIVERGED = "diverged"
    """Some eigenvalue escapes to infinity; `value` is the iterate before that was seen."""
    CONTRADICTED = "contradicted"
    """An eigenvalue was found where the schedule was told that there is none."""
    MAX_STEPS = "max_steps"
    """`max_steps` were used up first."""

    @property
    def meaning(self) -> str:
        """What it says of the matrix, in one sentence."""
        return _MEANINGS[self]


_MEANINGS = {
    Status.CONVERGED: "idempotent to what the arithmetic allows at this norm",
    Status.FLOOR: "rounding stopped it: at this norm the arithmetic leaves fewer than half the digits",
    Status.STALLED: "an eigenvalue sits at a fixed point other than 0 and 1, such as 1/2",
    Status.WRONG_SIDE_RISK: "rounding would decide which way eigenvalues go: they lie too near the border "
    "between the basins, or the norm or the gap asks for more precision",
    Status.DIVERGED: "an eigenvalue escapes to infinity: it lies outside the basins, or outside the bounds",
    Status.CONTRADICTED: "the bounds are wrong: an eigenvalue lies in the gap, or beyond the spectrum's ends",
    Status.MAX_STEPS: "the steps were used up first: eigenvalues near the border take many",
}


class NotSpectralWarning(UserWarning):
    """A limit is idempotent but not K's spectral projector for Re λ > ½: other eigenvalues went to 1."""


@dataclass(frozen=True, repr=False, eq=False)
class Solution:
    """The outcome of `iterate`; for a batch, one entry a matrix.

    Attributes:
        value: the last iterate, like K in library, shape, dtype and device.
        status: a `Status`, or for a batch an object array of them; a status's `meaning` explains it.
        steps: the steps taken, an int or an integer array.
        products: matrix products spent, a batched product counting once.
        residuals: ‖K − K²‖ (Frobenius) before each step and after the last, float64, shape
            (max(steps) + 1, *batch); nan once a matrix has stopped.
        traces: the real parts of the traces, likewise: the rank, once idempotent.
        spent: products spent by then, int64, shape (max(steps) + 1,).
        spectral: whether the value is K's projector for Re λ > ½, or above the gap of the schedule:
            True where proved, False where disproved, None where neither, as for many a K far from normal;
            for a batch an object array.
        inversions: inverses spent; only `spectral_projector` takes any.
        single: how many of the products were in single precision; only with `mixed` there are any.
    """

    value: Array
    status: Status | np.ndarray[Any, Any]
    steps: int | Int[np.ndarray, "*batch"]
    products: int
    residuals: Float[np.ndarray, "steps *batch"]
    traces: Float[np.ndarray, "steps *batch"]
    spent: Int[np.ndarray, " steps"]
    spectral: bool | np.ndarray[Any, Any] | None = None
    inversions: int = 0
    single: int = 0

    def __repr__(self) -> str:
        finite = np.isfinite(self.residuals)
        last = np.where(finite, np.arange(len(finite)).reshape(-1, *[1] * (finite.ndim - 1)), 0).max(axis=0)
        worst = np.max(np.take_along_axis(self.residuals, last[None], axis=0))
        found = ""
        if isinstance(self.status, Status) and self.status == Status.CONVERGED:
            found = f"rank={round(float(self.traces[-1]))}, spectral={self.spectral}, "
        ended = self.status.value if isinstance(self.status, Status) else _tally(self.status)
        return (
            f"Solution({ended}, steps={np.max(self.steps)}, products={self.products}, "
            + (f"of them single={self.single}, " if self.single else "")
            + (f"inversions={self.inversions}, " if self.inversions else "")
            + f"residual={worst:.2g}, {found}value={tuple(self.value.shape)} {self.value.dtype})"
        )

    @property
    def converged(self) -> bool:
        """Whether every matrix converged."""
        return bool(np.all(np.asarray(self.status, dtype=object) == Status.CONVERGED))


def iterate(
    K: Inexact[Array, "*batch m m"],
    g: Corrector = MCWEENY,
    relaxation: float | Fraction = 1,
    max_steps: int = 100,
    *,
    schedule: Schedule | None = None,
    scale: bool = False,
    mixed: bool = False,
    progress: Callable[[int, float], None] | None = None,
) -> Solution:
    """Return the limit of K ← K + γ(g(K) − K), a projector, with the status of the iteration.

    Runs at the relaxation asked for until a full step is sure to contract, then at γ = 1: a relaxed
    step converges only linearly, and inside that region full steps have the same limit.

    With a schedule its steps come first, which part a real spectrum at its gap in fewer products; then g
    takes away what rounding left.  At the end the bounds are put to the test: with μ in the middle of
    the gap and w half its width, P is the projector for the eigenvalues above μ and none lies in the
    gap exactly if (K − μI)(2P − I) = |K − μI| has no eigenvalue below w.  Without one the limit is put
    to the same test, with μ = ½ and w = 0, unless K is so near a projector that it must hold.

    Args:
        K: floating-point matrices (*batch, m, m), real or complex, of any library that speaks the
            array API, on any device.  K is not changed.  Hermitian input stays Hermitian.
        g: a corrector of order at least 1.
        relaxation: γ, 0 < γ < 2, where 0 and 1 attract.
        max_steps: the most steps of g to take, in each precision.
        schedule: what `schedule` planned for a real spectrum with a known gap.
        scale: start from ½I + (K − ½I)/‖2K − I‖ if that norm is above 1.  That brings real eigenvalues
            into the immediate basins of 0 and 1, and has the same spectral projector.
        mixed: find the projector of a matrix in double precision in single precision, and correct it
            until it commutes with K to what double precision allows (see `refinement`).  That pays where
            single precision is tens of times as fast.  Where it does not get there, for one matrix of a
            batch, all steps are done again in double.
        progress: called before each step with the products so far and the greatest ‖K − K²‖.

    Returns:
        A `Solution`; not converging is its `status`, never an exception.  The value is the limit of
        the iteration: for a K with eigenvalues outside the immediate basins it need not be K's
        spectral projector for Re λ > ½; see `spectral`, and `spectral_projector` for another way.

    Warns:
        NotSpectralWarning: a limit is idempotent, but not that projector.

    Raises:
        ValueError: K is not square, not finite or empty; g has order 0 or none; γ or max_steps is
            out of range; a schedule is to be scaled; a mixed iteration relaxed.
        TypeError: K does not hold floating-point numbers, or not those of double precision with `mixed`.

    Cost: `g.products` matrix products a step and one more; 12 products with a vector a step.  With a
    schedule its products and 1 to 3 to finish.  To put it to the test a product, a Cholesky
    factorisation and at times tens of products with vectors.
    Products of Hermitian matrices are computed to one half, but for those that the anticommutator form
    K + KR + RK − R takes whole.

    References: Jensen and Vicary, section 1 (the relaxed recurrence) and eq. 5.

    >>> import numpy as np
    >>> solution = iterate(np.array([[0.9, 0.2], [0.1, 0.1]]))
    >>> solution.status.value, solution.steps, solution.products
    ('converged', 5, 11)
    >>> iterate(0.5 * np.eye(2)).status.value
    'stalled'
    """
    _check(g, relaxation, max_steps)
    if schedule is not None and not isinstance(schedule, Schedule):
        raise TypeError(f"`schedule` must be what `schedule` returned; got {type(schedule).__name__}")
    if mixed and relaxation != 1:
        raise ValueError(f"expected no relaxation of a mixed iteration; got {float(relaxation):g}")
    if scale and schedule is not None:
        raise ValueError("expected a schedule or `scale`; got both: a schedule scales by its own bounds")
    require_callable(progress)
    for name, flag in (("scale", scale), ("mixed", mixed)):
        if not isinstance(flag, bool):
            raise TypeError(f"`{name}` must be True or False; got {flag!r}")
    K = checked_matrix(K)
    if mixed and unit_roundoff(K) != 2.0**-53:
        raise TypeError(f"`K` must hold float64 or complex128 numbers to be mixed; got {K.dtype}")
    xp = array_api_compat.array_namespace(K)
    batch, m = tuple(K.shape[:-2]), K.shape[-1]
    flat = xp.reshape(K, (-1, m, m))
    # Overflow on the way to infinity is an outcome here, not an accident.
    with np.errstate(over="ignore", invalid="ignore"):
        history = History(progress=progress)
        start = _scaled(flat) if scale else flat
        run = _mixed_run(start, g, max_steps, schedule, history) if mixed else None
        if run is None:
            history.start_again()
            start = start if schedule is None else part(start, schedule, history)
            run = _Run(start, g, float(relaxation), max_steps, history)
            run.to_the_end()
        spectral = _sides(flat, run) if schedule is None else _put_to_the_test(flat, run, schedule)
    if wrong := int((spectral == np.False_).sum()):
        warnings.warn(_warning(wrong, len(spectral)), NotSpectralWarning, stacklevel=2)
    return Solution(
        value=xp.reshape(run.value, K.shape),
        status=run.status.reshape(batch) if batch else run.status[0],
        steps=run.steps.reshape(batch) if batch else int(run.steps[0]),
        products=run.history.products,
        residuals=np.stack(history.residuals).reshape(-1, *batch),
        traces=np.stack(history.traces).reshape(-1, *batch),
        spent=np.array(history.spent),
        spectral=spectral.reshape(batch) if batch else spectral[0],
        single=run.history.single,
    )


def _mixed_run(
    K: Array, g: Corrector, max_steps: int, schedule: Schedule | None, history: History
) -> _Run | None:
    """The run that ends with projectors found in single precision and refined, or None."""
    if schedule is None:
        X, hermitian = K, bool(is_hermitian(K).all())
        first = _Run(in_single(X), g, 1.0, max_steps, history)
        first.to_the_end()
        history.single = history.products
        if (first.status != Status.CONVERGED).any():
            return None
        P, near = first.value, first.near
        steps = [(g.plan, 0.0)] * int(first.steps.max())
    else:
        X, hermitian = scaled(K, schedule)
        brief = plan_schedule(schedule.below, schedule.above, schedule.inside, _SINGLE)
        P, near = follow(in_single(X), brief, history, hermitian=hermitian), np.zeros(K.shape[0], dtype=bool)
        steps = [(plan, float(p.coefficients[0])) for p, plan in zip(brief.steps, brief.plans, strict=True)]
        history.single = history.products
    refined_P = refined(X, P, steps, history, hermitian=hermitian)
    if refined_P is None:
        return None
    run = _Run(refined_P, g, 1.0, max_steps, history)
    run.to_the_end()
    run.near = near
    return run


def _scaled(K: Array) -> Array:
    """The matrices ½I + (K − ½I)/‖2K − I‖, where that norm is above 1."""
    xp = array_api_compat.array_namespace(K)
    reflection = plus_identity(2 * K, -1)
    sizes = np.maximum(norm_estimate(reflection), 1)[:, None, None]
    weights = xp.asarray(0.5 / sizes, device=array_api_compat.device(K))
    return plus_identity(xp.astype(weights, K.dtype) * reflection, 0.5)


def _sides(K: Array, run: _Run) -> np.ndarray[Any, Any]:
    """Whether what converged is the spectral projector: it is, where full steps contracted from the start.

    There |z − z²| stays within a bound below ¼, a set of two parts that g maps to themselves.
    """
    spectral = np.array([None] * len(run.status), dtype=object)
    converged = run.status == Status.CONVERGED
    spectral[converged & run.near] = True
    open_ = np.flatnonzero(converged & ~run.near)
    if len(open_):
        spectral[open_], products = belongs(run.rows(K, open_), run.rows(run.value, open_))
        run.history.spend(products)
    return spectral


def _put_to_the_test(K: Array, run: _Run, schedule: Schedule) -> np.ndarray[Any, Any]:
    """Call contradicted what converged to another projector than the schedule was for.

    |K − μI| − (w − τ)I is factorised by Cholesky; τ is more than rounding makes of it.  If K is not
    Hermitian, the Hermitian part of |K − μI|, and where that does not decide, its leftmost eigenvalue.
    """
    middle, half = (schedule.below + schedule.above) / 2, (schedule.above - schedule.below) / 2
    spectral = np.array([None] * len(run.status), dtype=object)
    converged = np.flatnonzero(run.status == Status.CONVERGED)
    if not len(converged):
        return spectral
    K, P = run.rows(K, converged), run.rows(run.value, converged)
    run.history.spend(1)
    absolute, hermitian = turned(K, P, middle), is_hermitian(K)
    for i, margin in enumerate(slack(K, P, middle)):
        row, A = converged[i], absolute[i, ...]
        if margin > half / 2:
            run.status[row] = Status.WRONG_SIDE_RISK
        elif above(A, half - margin):
            spectral[row] = True
        elif hermitian[i] or leftmost(A) < 0.99 * half - margin:
            run.status[row] = Status.CONTRADICTED
        else:
            (spectral[row],), products = belongs(K[i : i + 1, ...], P[i : i + 1, ...], middle)
            run.history.spend(products)
    return spectral


def _warning(wrong: int, count: int) -> str:
    which = "the limit is" if count == 1 else f"{wrong} of {count} limits are"
    return (
        f"{which} idempotent, but not the spectral projector for Re λ > 1/2: eigenvalues came from other "
        "parts of the basins; `scale=True` or `spectral_projector` may help"
    )


class _Run:
    """The state of one iteration over a flat batch; matrices that have stopped leave `active`."""

    def __init__(self, K: Array, g: Corrector, relaxation: float, max_steps: int, history: History) -> None:
        self.xp = array_api_compat.array_namespace(K)
        self.g, self.relaxation, self.max_steps = g, relaxation, max_steps
        self.at_half = abs(1 - relaxation + relaxation * float(g.derivative()(0.5)))
        self.value = self.xp.asarray(K, copy=True)
        self.parts: list[tuple[Int[np.ndarray, " some"], Array]] = []
        count, self.size = K.shape[0], K.shape[-1]
        self.status = np.array([Status.MAX_STEPS] * count, dtype=object)
        self.steps = np.zeros(count, dtype=np.int64)
        self.near = np.zeros(count, dtype=bool)
        self.rough = _round_off(g.plan) > 2 * _FEW
        self.history, self.before = history, len(history.residuals)
        self.active = np.arange(count)
        self.unit = unit_roundoff(K) * np.sqrt(self.size)
        kappa = np.maximum(norm_estimate(K), 1)
        self.unreachable = kappa / np.sqrt(unit_roundoff(K))  # a norm at which no digit is left
        self.noise = np.zeros(count)
        self.allowed = np.full(count, np.inf)  # what the law allows the next residual to be
        self.moved = np.full(count, np.inf)
        self.hermitian = is_hermitian(K)
        self.arithmetic = arithmetic_of(K, hermitian=bool(self.hermitian.all()))

    def to_the_end(self) -> None:
        current = previous = self.value
        for step in range(self.max_steps + 1):
            R = self.arithmetic.product(current, current, Fraction(-1), ((Fraction(1), current),))
            residual, kappa = frobenius(R), norm_estimate(current)
            self._record(current, residual)
            contracts = self._contracts(residual + _FEW * self.unit * kappa**2, kappa)
            if step == 0:
                sure = residual + self._hidden(current)
                self.near = self._contracts(sure, kappa) & (sure < 0.25)
            verdict = self._verdict(residual, kappa, contracts)
            if self.rough:
                verdict = self._smoothed(verdict)
            self.steps[self.active] = self.before + step
            stop = verdict != ""
            diverged = verdict == Status.DIVERGED
            self.status[self.active[stop]] = verdict[stop]
            self._store(current, stop & ~diverged)
            self._store(previous, diverged)
            self.steps[self.active[diverged]] = max(self.before + step - 1, 0)
            if stop.all() or step == self.max_steps:
                self._store(current, ~stop)
                self.value = self._assembled()
                return
            current, R, contracts = self._keep(~stop, current, R, contracts)
            sure = np.minimum(residual[~stop], self.allowed[self.active])
            bound = residual_law(self.g.coefficients, sure, kappa[~stop])
            self.allowed[self.active] = np.where(contracts, bound, np.inf)
            self._amplify(kappa[~stop], contracts)
            previous, current = current, self._step(current, R, contracts)
            if not contracts.all():
                self.moved[self.active] = frobenius(current - previous)

    def _contracts(
        self, residual: Float[np.ndarray, " batch"], kappa: Float[np.ndarray, " batch"]
    ) -> Bool[np.ndarray, " batch"]:
        return np.asarray(residual_law(self.g.coefficients, residual, kappa) <= residual / 2)

    def _hidden(self, K: Array) -> Float[np.ndarray, " batch"]:
        """More than rounding can have hidden of ‖K − K²‖: γ_m‖K‖_F², and K's own rounding."""
        terms = self.size + 8 if self.xp.isdtype(K.dtype, "real floating") else 4 * self.size + 16
        return np.asarray(terms * unit_roundoff(K) * frobenius(K) ** 2)

    def _step(self, K: Array, R: Array, contracts: Bool[np.ndarray, " batch"]) -> Array:
        xp = self.xp
        image = self.g.plan.over(K, self.arithmetic, R)
        self.history.spend(max(self.g.products - 1, 0))
        if self.relaxation != 1 and not contracts.all():
            gamma = np.where(contracts, 1.0, self.relaxation)[:, None, None]
            image = K + self._like(gamma, K) * (image - K)
        hermitian = self.hermitian[self.active]
        if isinstance(self.arithmetic, HermitianMatrices) or not hermitian.any():
            return image
        mask = self._like(hermitian[:, None, None], K, dtype=xp.bool)
        return xp.where(mask, hermitian_part(image), image)

    def _verdict(
        self,
        residual: Float[np.ndarray, " batch"],
        kappa: Float[np.ndarray, " batch"],
        contracts: Bool[np.ndarray, " batch"],
    ) -> np.ndarray[Any, Any]:
        """The status of each active matrix that stops here, "" for one that goes on."""
        here = self.active
        scale = np.maximum(kappa, 1)
        half_the_digits = np.sqrt(self.unit) * scale
        still = self.moved[here] <= np.minimum(10 * self.unit * scale**3, half_the_digits)
        settled = self.allowed[here] <= self.unit * scale**2
        floored = contracts & settled & (residual > 2 * self.allowed[here])
        low = (residual <= _FEW * self.unit * scale**4) & (residual <= half_the_digits * scale)
        exact = contracts & (residual <= np.minimum(8 * self.unit * scale**2, _EXACT)) | (residual == 0)
        verdict = np.full(residual.shape, "", dtype=object)
        verdict[~contracts & still] = Status.STALLED
        verdict[floored] = Status.FLOOR
        verdict[(floored & low) | exact] = Status.CONVERGED
        doubtful = self.noise[here] >= _DOUBT
        verdict[doubtful & (verdict != Status.STALLED)] = Status.WRONG_SIDE_RISK
        verdict[~np.isfinite(residual) | (kappa >= self.unreachable[here])] = Status.DIVERGED
        return verdict

    def _smoothed(self, verdict: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """Let 3K² − 2K³ finish what a plan that loses digits has brought to its own floor.

        Matrices at the floor wait until all are there.
        """
        waiting = (verdict == Status.FLOOR) | (verdict == Status.CONVERGED)
        if (waiting | (verdict != "")).all():
            self.g, self.rough = MCWEENY, False
            self.allowed[:] = np.inf
        return np.where(waiting, "", verdict)

    def _amplify(self, kappa: Float[np.ndarray, " batch"], contracts: Bool[np.ndarray, " batch"]) -> None:
        """Carry rounding errors one step further along the most repelling real point, ½.

        A step makes an error of about κ³u, κ the norm it meets, not the one it started from: near a
        defective ½ norms grow, and with them the errors, until they decide the projector.
        """
        here = self.active
        rounding = 4 * self.unit * np.maximum(kappa, 1) ** 3
        grown = self.at_half * self.noise[here] + rounding
        self.noise[here] = np.where(contracts, self.noise[here], grown)

    def _record(self, K: Array, residual: Float[np.ndarray, " batch"]) -> None:
        residuals, traces = (np.full(self.status.shape, np.nan) for _ in range(2))
        residuals[self.active] = np.where(np.isfinite(residual), residual, np.nan)
        traces[self.active] = trace(K)
        self.history.record(residuals, traces)

    def _store(self, current: Array, which: Bool[np.ndarray, " batch"]) -> None:
        if which.any():
            self.parts.append((self.active[which], current if which.all() else self.rows(current, which)))

    def _assembled(self) -> Array:
        """The last iterates, in the order of the batch, from the parts that stopped together."""
        if len(self.parts) == 1:
            return self.parts[0][1]
        order = np.argsort(np.concatenate([numbers for numbers, _ in self.parts]))
        return self.rows(self.xp.concat([array for _, array in self.parts]), order)

    def rows(self, array: Any, which: np.ndarray[Any, Any]) -> Any:
        """The rows of this array that are asked for, by number or by a mask."""
        if isinstance(array, np.ndarray):
            return array[which]
        numbers = np.flatnonzero(which) if which.dtype == bool else which
        return self.xp.take(array, self._like(numbers, array, self.xp.int64), axis=0)

    def _keep(self, which: Bool[np.ndarray, " batch"], *arrays: Any) -> list[Any]:
        if which.all():
            return list(arrays)
        self.active = self.active[which]
        return [self.rows(array, which) for array in arrays]

    def _like(self, values: np.ndarray[Any, Any], K: Array, dtype: Any = None) -> Array:
        device = array_api_compat.device(K)
        return self.xp.asarray(values, dtype=dtype or self._real(K), device=device)

    def _real(self, K: Array) -> Any:
        xp = self.xp
        return {xp.complex64: xp.float32, xp.complex128: xp.float64}.get(K.dtype, K.dtype)


def residual_law(
    coefficients: tuple[Fraction, ...],
    residual: Float[np.ndarray, "*batch"],
    kappa: Float[np.ndarray, "*batch"],
) -> Float[np.ndarray, "*batch"]:
    """Return the bound on ‖K' − K'²‖ after one full step, from ‖K − K²‖ and ‖K‖.

    For a smoothstep it is ‖R‖^{n+1} Q_n(‖R‖), with Q₁ = 3 + 4e and Q₂ = 10 + 15e + 36e², at most
    (4‖R‖)^{n+1}/4 for ‖R‖ ≤ ¼, whatever ‖K‖.

    >>> from corrector import MCWEENY
    >>> float(residual_law(MCWEENY.coefficients, np.float64(0.25), np.float64(1)))
    0.25
    """
    order, quotient = _residual_quotient(coefficients)
    total = np.zeros_like(residual)
    for a, b in reversed(quotient):
        total = total * residual + (a + b * kappa)
    return np.asarray(residual ** (order + 1) * total)


@lru_cache(maxsize=256)
def _residual_quotient(coefficients: tuple[Fraction, ...]) -> tuple[int, list[tuple[float, float]]]:
    """(n, [(|a_k|, |b_k|)]) with g − g² = r^{n+1} Σ (a_k + b_k x) r^k, r = x − x²."""
    g = np.array(coefficients, dtype=object)
    difference = -np.convolve(g, g)
    difference[: len(g)] += g
    pairs = two_point(Polynomial(difference).coefficients)
    order = next(k for k, pair in enumerate(pairs) if any(pair)) - 1
    return order, [(abs(float(a)), abs(float(b))) for a, b in pairs[order + 1 :]]


@lru_cache(maxsize=256)
def _round_off(plan: Plan) -> float:
    """A bound on the round-off of the plan at 0 and 1, in units of u."""
    return max(plan.at_number(0), plan.at_number(1))


def _tally(status: np.ndarray[Any, Any]) -> str:
    counts = Counter(status.flat)
    return ", ".join(f"{count} {entry.value}" for entry, count in counts.most_common())


def _check(g: Corrector, relaxation: float | Fraction, max_steps: int) -> None:
    require_corrector(g)
    if not g.order:
        raise ValueError(
            "`g` must be a corrector of order 1 or more, with g(0) = 0, g(1) = 1 and zero slope at "
            f"both; got {g}, of order {g.order}"
        )
    gamma = real_number(relaxation, "relaxation")
    if not 0 < gamma < 2:
        raise ValueError(f"`relaxation` must lie between 0 and 2, where 0 and 1 attract; got {gamma:g}")
    whole_number(max_steps, "max_steps", 0)
