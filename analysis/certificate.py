r"""`certify`: a proof, from K alone, that a projector is near, of which rank and how near.

Let E = K − K² and S = 2K − I, so that S² = I − 4E.  If ‖E‖ < ¼ then McWeeny's iteration converges
from K, and its limit, the spectral projector of K for Re λ > ½, is

    P = K + S·φ(E),   φ(E) = ((I − 4E)^{−1/2} − I)/2 = Σ_{j≥1} c_j E^j,   c_j = ½C(2j, j) > 0,

so ‖P − K‖ ≤ ‖SE‖·φ(e)/e for any e ≥ ‖E‖: no limit needs to be computed.  Every bound below adds
what rounding can have hidden: a computed product of m by m matrices differs from the exact one by
at most γ_m |A||B|, γ_m = mu/(1 − mu), whatever the order of summation (Higham, *Accuracy and
Stability of Numerical Algorithms*, 2nd ed., eq. 3.13; for complex numbers lemma 3.5).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from typing import TYPE_CHECKING

import array_api_compat
import numpy as np

from .arrays import adjoint, checked_matrix, frobenius, in_double, on_host
from .iteration import iterate

if TYPE_CHECKING:
    from jaxtyping import Inexact

    from corrector.evaluation import Array

_U = 2.0**-53


@dataclass(frozen=True)
class Certificate:
    """What `certify` could prove of K; all norms are spectral.

    Attributes:
        holds: a projector of rank `rank` lies within `radius` of K: the limit of McWeeny's
            iteration from K, and K's spectral projector for Re λ > ½.
        rank: its rank; None where nothing could be proved.
        radius: an upper bound on its distance from K; None likewise.
        residual: an upper bound on ‖K − K²‖, rounding included.
        reason: what was proved, or what stood in the way.
    """

    holds: bool
    rank: int | None
    radius: float | None
    residual: float
    reason: str


def certify(K: Inexact[Array, "m m"]) -> Certificate:
    """Return a proof that a projector is near K, or the reason why none can be given.

    A certificate that holds is a theorem about the matrix as stored, not an estimate.  One that does
    not hold says nothing against K.

    Args:
        K: one floating-point matrix, real or complex, of any library that speaks the array API, on
            any device; worked on in float64 or complex128.

    Raises:
        ValueError: K is not one square matrix, is empty, or is not finite.
        TypeError: K does not hold floating-point numbers.

    Cost: 2 products where ‖K − K²‖ is small, 4 where it is nearer to ¼; where the trace leaves the
    rank open, a McWeeny iteration from K and 3 products more.

    References: the law of the residual, ‖4E'‖ ≤ ‖4E‖², is that of `iteration.residual_law`; the
    closed form of the limit is that of the matrix sign function: Higham, *Functions of Matrices*,
    eq. 5.3.

    >>> import numpy as np
    >>> certify(np.array([[0.9, 0.2], [0.1, 0.1]])).rank
    1
    >>> certify(0.5 * np.eye(2)).reason
    '‖K − K²‖ must be below 1/4; its bound is 0.25'
    """
    K = checked_matrix(K)
    if K.ndim != 2:
        raise ValueError(f"`K` must be one matrix; got an array of shape {tuple(K.shape)}")
    with np.errstate(over="ignore", invalid="ignore"):  # what overflows is refused below
        return _certify(in_double(K))


def _certify(K: Array) -> Certificate:
    E, E_error = _less(K, *_times(K, K))
    e = _up(_norm(E) + E_error)
    if e >= 0.25:
        e = min(e, _sharp_norm(E, E_error))
    if not e < 0.25:
        return _refused(e, f"‖K − K²‖ must be below 1/4; its bound is {e:.4g}")
    S, S_error = _reflection(K)
    M, M_error = _times(S, E, S_error, E_error)
    first = _up(_norm(M) + M_error)
    root = sqrt(1 - 4 * e)
    radius = _up(first * 2 / (root * (1 + root)))  # φ(e)/e
    rank = _rank_by_trace(K, E, M, M_error, E_error, e)
    if rank is None:
        rank = _rank_by_path(K, S, e)
    if rank is None:
        return _refused(e, f"‖K − K²‖ ≤ {e:.4g} proves a projector; its rank stays open")
    return Certificate(holds=True, rank=rank, radius=radius, residual=e, reason=f"‖K − K²‖ ≤ {e:.4g} < 1/4")


def _refused(e: float, reason: str) -> Certificate:
    return Certificate(holds=False, rank=None, radius=None, residual=e, reason=reason)


def _rank_by_trace(K: Array, E: Array, M: Array, M_error: float, E_error: float, e: float) -> int | None:
    """The one integer that tr P = tr K + tr SE + 3 tr SE² + … leaves possible, M being SE."""
    m = K.shape[-1]
    xp = array_api_compat.array_namespace(K)
    trace = complex(xp.linalg.trace(K)) + complex(xp.linalg.trace(M))
    trace += 3 * complex(xp.sum(M * xp.matrix_transpose(E)))
    size_M, size_E = _up(_size(M) + M_error), _up(_size(E) + E_error)
    size_K = _size(K)
    error = sqrt(m) * M_error + 3 * (size_M * E_error + M_error * size_E)
    error += size_M * size_E * e * 10 / (1 - 4 * e)  # c_j ≤ 10·4^{j−3} for j ≥ 3
    error += 4 * m * _U * (sqrt(m) * (size_K + size_M) + 3 * m * size_M * size_E)
    error = _up(error)
    nearest = round(trace.real)
    # The true trace is an integer within `error` of `trace`: is there another candidate?
    return nearest if abs(trace.real - nearest) + error < 0.5 and error < 0.5 else None


def _rank_by_path(K: Array, S: Array, e: float) -> int | None:
    """The rank of the computed limit, where a path of invertible matrices joins it to K.

    Along S_t = (1 − t)S + tŜ, I − S_t² = (1−t)²·4E + t²(I − Ŝ²) + t(1−t)(2I − SŜ − ŜS).  While its
    norm is below 1 no eigenvalue of S_t touches the imaginary axis, so that S and Ŝ have equally
    many to the right of it.
    """
    limit = iterate(K).value
    E_hat, E_hat_error = _less(limit, *_times(limit, limit))
    e_hat = _up(_norm(E_hat) + E_hat_error)
    if e_hat >= 0.25:
        return None
    T, T_error = _reflection(limit)
    left, left_error = _times(S, T, 0, T_error)
    right, right_error = _times(T, S, T_error, 0)
    xp = array_api_compat.array_namespace(K)
    eye = xp.eye(K.shape[-1], dtype=K.dtype, device=array_api_compat.device(K))
    mixed = _up(_norm(2 * eye - left - right) + left_error + right_error + 8 * _U * _size(left))
    if _up(_greatest(4 * e, mixed, 4 * e_hat)) >= 1:
        return None
    M, M_error = _times(T, E_hat, T_error, E_hat_error)
    return _rank_by_trace(limit, E_hat, M, M_error, E_hat_error, e_hat)


def _greatest(start: float, middle: float, end: float) -> float:
    """The greatest value of (1−t)²·start + t(1−t)·middle + t²·end for 0 ≤ t ≤ 1."""
    bend, slope = start - middle + end, middle - 2 * start
    if bend >= 0 or not 0 < slope < -2 * bend:
        return max(start, end)
    return start - slope**2 / (4 * bend)


def _times(A: Array, B: Array, A_error: float = 0, B_error: float = 0) -> tuple[Array, float]:
    """The computed AB, and a bound on its distance (Frobenius) from the product of the true A and B."""
    size_A, size_B = _up(_size(A)), _up(_size(B))
    gamma = _gamma(A)
    error = gamma * size_A * size_B + size_A * B_error + A_error * (size_B + B_error)
    return A @ B, _up(error + A.shape[-1] ** 2 * 2.0**-1022)


def _less(A: Array, B: Array, B_error: float) -> tuple[Array, float]:
    """The computed A − B, and a bound on its distance from A less the true B."""
    difference = A - B
    return difference, _up(_U * _size(difference) + B_error)


def _reflection(K: Array) -> tuple[Array, float]:
    """The computed 2K − I, and a bound on its error, made on the diagonal alone."""
    xp = array_api_compat.array_namespace(K)
    S = 2 * K - xp.eye(K.shape[-1], dtype=K.dtype, device=array_api_compat.device(K))
    return S, _up(_U * _size(S))


def _gamma(A: Array) -> float:
    xp = array_api_compat.array_namespace(A)
    m = int(A.shape[-1])
    terms = m if xp.isdtype(A.dtype, "real floating") else 4 * (m + 2)
    return terms * _U / (1 - terms * _U)


def _size(A: Array) -> float:
    """‖A‖_F, up to the rounding of its sum; scaled, so that a square too small to store counts."""
    xp = array_api_compat.array_namespace(A)
    scale = max(float(on_host(xp.max(xp.abs(A)))), 2.0**-500)
    return scale * float(frobenius(A / scale)) + int(A.shape[-1]) * 2.0**-1000


def _norm(A: Array) -> float:
    """An upper bound on ‖A‖, less the rounding of the sums: min(‖A‖_F, √(‖A‖₁‖A‖_∞))."""
    xp = array_api_compat.array_namespace(A)
    size = xp.abs(A)
    rows = float(on_host(xp.max(xp.sum(size, axis=-1))))
    columns = float(on_host(xp.max(xp.sum(size, axis=-2))))
    inflate = 1 + 2 * int(A.shape[-1]) ** 2 * _U
    return inflate * min(_size(A), sqrt(rows) * sqrt(columns))


def _sharp_norm(A: Array, error: float) -> float:
    """An upper bound on ‖A + error‖ within m^{1/8} of ‖A‖, from ‖(A*A)²‖_F^{1/4}."""
    G, G_error = _times(adjoint(A), A)
    H, H_error = _times(G, G, G_error, G_error)
    return _up(_up(_norm(H) + H_error) ** 0.25 + error)


def _up(x: float) -> float:
    """X, raised by more than the rounding of the few operations that made it."""
    return x * (1 + 64 * _U)
