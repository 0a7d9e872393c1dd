r"""`spectral_projector`: the projector for the eigenvalues right of a line, by the way that suits the matrix.

*Hermitian K.*  The eigenvalues next to the line bound a gap, those at the ends the spectrum; Lanczos'
method finds both, the former on the inverse of K − μI.  A `schedule` for these bounds parts the spectrum,
and `iterate` puts it to the test: a bound that was missed is found out.

*K near a projector*, ‖K − K²‖ well below ¼: a corrector, which needs products alone.

*K in a sector.*  Near ½ a smoothstep takes eigenvalues to the right side only if they lie within 52° to
48° of the real axis (orders 1 to 8).  They lie within 45° if (2K − I)² = I − 4R, R = K − K², has a Hermitian
part that is positive definite: one Cholesky factorisation.  Scaled about ½ to ‖K − ½I‖ ≤ ¼, which does
not change that, K goes to the projector by products alone; the limit is put to the test.

*Any other K.*  Newton's iteration on S = 2(K − μI), scaled to unit norms at each step,

    S ← ½(cS + (cS)⁻¹),   c = (‖S⁻¹‖_F / ‖S‖_F)^{1/2},

goes to the sign of K − μI from everywhere off the line Re λ = μ, complex eigenvalues included, quadratically
once it is near; the corrector then takes away what rounding left.

References: N. J. Higham, *Functions of Matrices*, SIAM 2008, eqs. 5.16 and 5.35 to 5.37.
"""

from __future__ import annotations

import warnings
from dataclasses import replace
from math import floor, isfinite, log2, sqrt
from typing import TYPE_CHECKING

import array_api_compat
import numpy as np
from scipy.linalg import get_lapack_funcs
from scipy.sparse.linalg import ArpackError, LinearOperator, eigsh

from corrector import MCWEENY
from corrector.arithmetic import gathered, is_hermitian

from .arguments import real_number, require_callable
from .arrays import (
    adjoint,
    checked_matrix,
    frobenius,
    hermitian_part,
    norm_estimate,
    plus_identity,
    positive_definite,
    require_singular,
    unit_roundoff,
)
from .iteration import NotSpectralWarning, Solution, Status, iterate, residual_law
from .scheduling import schedule
from .sides import belongs

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from jaxtyping import Inexact

    from corrector import Corrector
    from corrector.evaluation import Array

_SMALL = 64
"""Up to this size all eigenvalues are computed."""

_STEPS = 100
_UNSCALED = 0.01
"""Newton's iteration is no longer scaled once a step moves S by less: it is quadratic by then."""

_SETTLED = 1e-5
"""When a step moved S by less, the next is the last: it squares that."""

_FAR = 10
"""Matrices of a larger norm would be scaled so near to ½ that Newton's iteration is the shorter way."""

_DOUBT = 1e-3


def spectral_gap(K: Inexact[Array, "m m"], at: float = 0.5) -> tuple[float, float, tuple[float, float]]:
    """Return estimates of a Hermitian matrix's gap about a number and of the ends of its spectrum.

    They are drawn in and out by a hundredth; `schedule(*spectral_gap(K))` plans for them, and
    `iterate(K, schedule=…)` finds out if one was wrong.

    Args:
        K: one Hermitian matrix.
        at: a number in the gap.

    Returns:
        (below, above, (low, high)), the arguments of `schedule`.

    Raises:
        ValueError: K is not one Hermitian matrix, or has an eigenvalue next to `at`.
        TypeError: K does not hold floating-point numbers.

    Cost: one LU factorisation, and some tens of products with a vector and of solutions.

    >>> below, above, inside = spectral_gap(np.diag([0.1, 0.4, 0.7, 1.2]))
    >>> round(below, 3), round(above, 3)
    (0.401, 0.698)
    """
    K = _one_matrix(K)
    off = float(frobenius(K - adjoint(K)))
    if not off <= 10 * K.shape[-1] * unit_roundoff(K) * float(frobenius(K)):
        raise ValueError(
            f"`K` must be Hermitian, up to rounding, for bounds to be estimated; got ‖K − K*‖ = {off:.3g}"
        )
    K = hermitian_part(K)
    at = _finite(at)
    low, high, down, up = _distances(gathered(K), at)
    spread = max(high, at) - min(low, at)
    if not min(down, up) > 1e-12 * max(abs(high), abs(low)):
        raise ValueError(
            f"expected no eigenvalue at {at:g}, to 12 digits of the largest; got one {min(down, up):.3g} away"
        )
    down, up = (min(x, 2 * spread) * 0.99 for x in (down, up))
    margin = 0.01 * spread
    return at - down, at + up, (min(low - margin, at - down), max(high + margin, at + up))


def _distances(K: np.ndarray[Any, Any], at: float) -> tuple[float, float, float, float]:
    """The ends of the spectrum, and how far below and above a number the next eigenvalues lie."""
    if len(K) > _SMALL and K.any():
        try:
            low, high = _ends(K, lambda v: K @ v)
            factorise, solve = get_lapack_funcs(("getrf", "getrs"), (K,))
            lu, pivots, singular = factorise(plus_identity(K.copy(), -at))
            if singular:
                return low, high, 0.0, 0.0
            least, most = _ends(K, lambda v: solve(lu, pivots, v)[0])
            return low, high, -1 / least if least < 0 else np.inf, 1 / most if most > 0 else np.inf
        except ArpackError:  # where the ends are crowded: all of them, then
            pass
    values = np.linalg.eigvalsh(K)
    under, over = values[values < at], values[values >= at]
    down = at - float(under[-1]) if len(under) else np.inf
    return float(values[0]), float(values[-1]), down, float(over[0]) - at if len(over) else np.inf


def _ends(K: np.ndarray[Any, Any], times: Callable[[Any], Any]) -> tuple[float, float]:
    """The least and the greatest eigenvalue of a Hermitian operator, by Lanczos' method."""
    operator = LinearOperator(K.shape, matvec=times, dtype=K.dtype)
    start = np.cos(np.arange(1, len(K) + 1.0)).astype(K.dtype)
    found = [
        eigsh(operator, k=1, which=which, v0=start, tol=1e-4, maxiter=300, return_eigenvectors=False)[0]
        for which in ("SA", "LA")
    ]
    return float(found[0]), float(found[1])


def spectral_projector(
    K: Inexact[Array, "m m"],
    at: float = 0.5,
    g: Corrector = MCWEENY,
    max_steps: int = 100,
    *,
    progress: Callable[[int, float], None] | None = None,
) -> Solution:
    """Return the spectral projector of K for the eigenvalues with Re λ > `at`.

    Args:
        K: one floating-point matrix, real or complex, of any library that speaks the array API, on any
            device.  K is not changed.
        at: where the plane is parted.
        g: the corrector that finishes, of order at least 1.
        max_steps: the most steps of it to take.
        progress: called as by `iterate`, and at each inverse with their number and how far S moved.

    Returns:
        A `Solution`: with `spectral` True where the value is proved to be that projector, and
        `inversions` counting the steps of Newton's iteration.  Eigenvalues next to the line end in
        `Status.WRONG_SIDE_RISK` or `Status.STALLED`.

    Raises:
        ValueError: K is not one square matrix, is empty or not finite; g has order 0.
        TypeError: K does not hold floating-point numbers, or `at` is no real number.

    Cost: for Hermitian K the products of a schedule, an LU factorisation and a test; near a projector, or
    with the spectrum in a sector, those of `iterate`; else some 6 to 12 inverses and the last steps.

    >>> K = np.array([[-0.5, 3.0], [0.0, 0.9]])  # −½ lies in the basin of 1
    >>> solution = spectral_projector(K)
    >>> solution.spectral, round(float(np.trace(solution.value)))
    (True, 1)
    """
    at = _finite(at)
    require_callable(progress)
    K, at = _of_moderate_size(_one_matrix(K), at)
    if is_hermitian(K).all():
        solution = _by_schedule(K, at, g, max_steps, progress)
        if solution is not None:
            return solution
    moved = plus_identity(K + 0, 0.5 - at)
    with np.errstate(over="ignore", invalid="ignore"):
        R = moved - moved @ moved
    residual, size = frobenius(R), norm_estimate(moved)
    if residual < 0.25 and residual_law(g.coefficients, residual, size) <= residual / 2:
        return iterate(moved, g, max_steps=max_steps, progress=progress)
    if size <= _FAR and _in_sector(R):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NotSpectralWarning)
            solution = iterate(_shrunk(moved), g, max_steps=max_steps, progress=progress)
        if solution.spectral is True:
            return solution
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        S, inversions, noise = _sign(2 * plus_identity(K + 0, -at), progress)
    solution = iterate(plus_identity(S / 2, 0.5), g, max_steps=max_steps, progress=progress)
    solution = replace(solution, inversions=inversions)
    if noise >= _DOUBT:
        singular = np.isinf(noise)
        return replace(solution, status=Status.STALLED if singular else Status.WRONG_SIDE_RISK, spectral=None)
    if solution.status != Status.CONVERGED:
        return replace(solution, spectral=None)
    (spectral,), products = belongs(K[None, ...], solution.value[None, ...], at)
    return replace(solution, spectral=spectral, products=solution.products + products)


def _of_moderate_size(K: Array, at: float) -> tuple[Array, float]:
    """K and μ, or where numbers are large or small K − μI times a power of 2 and 0."""
    xp = array_api_compat.array_namespace(K)
    largest = max(float(gathered(xp.max(xp.abs(K)))), abs(at))
    if not largest or 1e-6 < largest < 1e6:
        return K, at
    power = -floor(log2(largest))  # in two factors, of which none overflows
    first, second = 2.0 ** (power // 2), 2.0 ** (power - power // 2)
    return plus_identity(K * first * second, -at * first * second), 0.0


def _in_sector(R: Array) -> bool:
    """Whether (2K − I)² = I − 4R has its numerical range in the right half plane."""
    return positive_definite(plus_identity(hermitian_part(-R), 0.25))


def _shrunk(K: Array) -> Array:
    """½I + c(K − ½I), c ≤ 1, of norm at most ¼ about ½I, even if the estimate is a tenth too low."""
    S = plus_identity(2 * K, -1)
    return plus_identity(0.5 * min(1.0, 0.45 / float(norm_estimate(S))) * S, 0.5)


def _by_schedule(
    K: Array, at: float, g: Corrector, max_steps: int, progress: Callable[[int, float], None] | None
) -> Solution | None:
    """The projector of a Hermitian K, or None if the estimated bounds were contradicted."""
    try:
        plan = schedule(*spectral_gap(K, at))
    except ValueError:  # an eigenvalue next to the line
        return None
    solution = iterate(K, g, max_steps=max_steps, schedule=plan, progress=progress)
    return solution if solution.converged else None


def _sign(S: Array, progress: Callable[[int, float], None] | None) -> tuple[Array, int, float]:
    """The sign of S by Newton's iteration, its inverses, and what rounding may have moved eigenvalues by.

    The last is relative to their distance from the imaginary axis; infinite where S was singular.
    """
    xp = array_api_compat.array_namespace(S)
    unit = unit_roundoff(S) * np.sqrt(S.shape[-1])
    noise, scaled, last = 0.0, True, False
    for step in range(_STEPS):
        try:
            inverse = xp.linalg.inv(S)
        except (ValueError, RuntimeError) as error:
            require_singular(error)
            return S, step, np.inf
        size, back = float(frobenius(S)), float(frobenius(inverse))
        if not np.isfinite(size * back):
            return S, step, np.inf
        noise = max(noise, unit * size * back / S.shape[-1])
        c = sqrt(back / size) if scaled else 1.0
        new = 0.5 * c * S + (0.5 / c) * inverse
        if not (length := float(frobenius(new))):
            return S, step + 1, np.inf
        moved, S = float(frobenius(new - S)) / length, new
        if progress:
            progress(step + 1, moved)
        if last or noise >= _DOUBT:
            return S, step + 1, noise
        scaled, last = scaled and moved > _UNSCALED, moved <= _SETTLED
    return S, _STEPS, max(noise, _DOUBT)


def _finite(at: float) -> float:
    if not isfinite(at := real_number(at, "at")):
        raise ValueError(f"`at` must be finite; got {at:g}")
    return at


def _one_matrix(K: Inexact[Array, "m m"]) -> Array:
    K = checked_matrix(K)
    if K.ndim != 2:
        raise ValueError(f"`K` must be one matrix; got an array of shape {tuple(K.shape)}")
    return K
