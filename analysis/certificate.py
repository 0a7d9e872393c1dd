r"""`certify`: a proof, from K alone, that a projector is near, of which rank and how near.

Let E = K − K² and S = 2K − I, so that S² = I − 4E.  If ‖E‖ < ¼ then McWeeny's iteration converges
from K, and its limit, the spectral projector of K for Re λ > ½, is

    P = K + S·φ(E),   φ(E) = ((I − 4E)^{−1/2} − I)/2 = Σ_{j≥1} c_j E^j,   c_j = ½C(2j, j) > 0,

so ‖P − K‖ ≤ ‖SE‖·φ(e)/e for any e ≥ ‖E‖: no limit needs to be computed.

*The rank* is the one integer near tr P = tr K + tr SE + 3 tr SE² + … if the rest of the sum is small.
If it is not: H = S + S* satisfies HS + S*H = 2S*S + S² + S*² ≥ 2S*S + (2 − 8e)I > 0, so by the inertia
theorem of Ostrowski and Schneider S has as many eigenvalues to the right of the imaginary axis as H has
above 0.  And H stays away from 0: for a unit vector x with Hx = μx the same expression is
μ² = 2|Sx|² + 2 Re x*S²x ≥ ½μ² + 2 − 8e, so |μ| ≥ 2√(1 − 4e).  A factorisation H ≈ LDL* that is nearer
than that has its inertia.

*Norms* are bounded by ‖A‖_F and √(‖A‖₁‖A‖_∞); where that is too much, bI − A and bI + A, or b²I − A*A,
are shown to be positive definite by a Cholesky factorisation, whose backward error is known.

Every bound below adds what rounding can have hidden: a computed product of m by m matrices differs from
the exact one by at most γ_m |A||B|, γ_m = mu/(1 − mu), whatever the order of summation (Higham,
*Accuracy and Stability of Numerical Algorithms*, 2nd ed., eq. 3.13; for complex numbers lemma 3.5).
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import inf, isnan, sqrt
from typing import TYPE_CHECKING

import array_api_compat
import numpy as np
import scipy.linalg

from corrector.arithmetic import gathered, is_hermitian

from .arrays import (
    adjoint,
    checked_matrix,
    frobenius,
    hermitian_part,
    in_double,
    norm_estimate,
    on_host,
    plus_identity,
    positive_definite,
    trace,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jaxtyping import Inexact

    from corrector.evaluation import Array

_U = 2.0**-53

_LARGE = 0.15
"""Bounds on ‖K − K²‖ from here on are sharpened: φ(e) grows without limit towards ¼."""


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

    Cost: 2 products, or 3 where ‖K − K²‖ is near ¼ or so small that rounding would hide it; near ¼ mostly
    two to twelve Cholesky factorisations and one LDL*, each of a sixth of a product's operations.

    References: the law of the residual, ‖4E'‖ ≤ ‖4E‖², is that of `iteration.residual_law`; the
    closed form of the limit is that of the matrix sign function: Higham, *Functions of Matrices*,
    eq. 5.3; A. Ostrowski and H. Schneider, *Some theorems on the inertia of general matrices*, J. Math.
    Anal. Appl. 4 (1962) 72–84, theorem 1; S. M. Rump, *Verification of positive definiteness*, BIT 46
    (2006) 433–452.

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
    """E takes one product or three; of what is left one goes into the rank, or into SE, or into ‖E‖."""
    careful = _drowns(K)
    E, E_error = _careful_residual(K) if careful else _less(K, 0, *_times(K, K))
    S, S_error = _reflection(K)
    e = _up(_norm(E) + E_error)
    if e >= _LARGE:
        e = min(e, _norm_by_parts(E, E_error))
    squared = not careful and e >= _LARGE and e > 1.2 * float(norm_estimate(E)) and not is_hermitian(K)
    if squared:
        e = min(e, _norm_by_square(E, E_error))
    if not e < 0.25:
        e = inf if isnan(e) else e  # overflow
        return _refused(e, f"‖K − K²‖ must be below 1/4; its bound is {e:.4g}")
    root = sqrt(1 - 4 * e)
    growth = 2 / (root * (1 + root))  # φ(e)/e
    if careful or squared:
        first = _up(_norm_by_parts(S, S_error) * e)
        rank = _rank_by_trace(K, S, E, S_error, E_error, growth)
    else:
        M, M_error = _times(S, E, S_error, E_error)
        first = _norm_by_parts(M, M_error, loose=4)
        rank = _rank_by_series(K, E, M, M_error, E_error, e)
    if rank is None and not careful:  # which has taken three products
        rank = _rank_by_inertia(K, e)
    if rank is None:
        return _refused(e, f"‖K − K²‖ ≤ {e:.4g} proves a projector; its rank stays open")
    radius = _up(first * growth)
    return Certificate(holds=True, rank=rank, radius=radius, residual=e, reason=f"‖K − K²‖ ≤ {e:.4g} < 1/4")


def _refused(e: float, reason: str) -> Certificate:
    return Certificate(holds=False, rank=None, radius=None, residual=e, reason=reason)


def _drowns(K: Array) -> bool:
    """Whether one product's bound on rounding, γ‖K‖_F², would be far above the K − K² of some vectors."""
    xp = array_api_compat.array_namespace(K)
    host = np.cos(np.outer(np.arange(1, K.shape[-1] + 1), np.arange(1, 5)) ** 1.5)
    V = xp.asarray(host, dtype=K.dtype, device=array_api_compat.device(K))
    image = K @ V
    noise = _gamma(K) * _size(K) * _size(K)
    return bool(frobenius(image - K @ image) < 10 * noise * frobenius(V))


def _careful_residual(K: Array) -> tuple[Array, float]:
    """The computed K − K² with some 24 bits more, and a bound on its error, in three products.

    K = A₁ + A₂ by rows and K = B₁ + B₂ by columns, the leading parts of so few bits that A₁B₁ is
    computed without error: K² = A₁B₁ + A₁B₂ + A₂K.  (Ozaki, Ogita, Oishi and Rump, *Error-free
    transformations of matrix multiplication*, Numer. Algorithms 59 (2012) 95–118.)
    """
    A, B = _leading_bits(K, -1), _leading_bits(K, -2)
    head = _less(K, 0, A @ B, 0)
    first = _less(*head, *_times(A, K - B))
    return _less(*first, *_times(K - A, K))


def _leading_bits(K: Array, axis: int) -> Array:
    """K rounded to so many bits, in each row or column, that products of two such are exact."""
    xp = array_api_compat.array_namespace(K)
    real = xp.isdtype(K.dtype, "real floating")
    bits = (53 - (K.shape[-1] * (1 if real else 8)).bit_length()) // 2
    parts = [K] if real else [xp.real(K), xp.imag(K)]
    top = xp.max(xp.abs(K), axis=axis, keepdims=True)
    unit = 2.0 ** (xp.floor(xp.log2(xp.where(top > 2.0**-900, top, xp.ones_like(top)))) + 2 - bits)
    rounded = [xp.round(part / unit) * unit for part in parts]
    return rounded[0] if real else rounded[0] + 1j * rounded[1]


def _rank_by_trace(K: Array, S: Array, E: Array, S_error: float, E_error: float, growth: float) -> int | None:
    """The one integer that tr P = tr K + tr SE + … leaves possible; the rest is (φ(e)/e − 1)‖S‖‖E‖ at most.

    The trace of a product is m² operations.
    """
    xp, m = array_api_compat.array_namespace(K), K.shape[-1]
    trace = complex(xp.linalg.trace(K)) + complex(xp.sum(S * xp.matrix_transpose(E)))
    size_S, size_E = _up(_size(S) + S_error), _up(_size(E) + E_error)
    error = size_S * E_error + S_error * size_E + (growth - 1 + 1e-12) * size_S * size_E
    error += 4 * m * _U * (sqrt(m) * _size(K) + m * size_S * size_E)
    return _only_integer(trace.real, error)


def _rank_by_series(K: Array, E: Array, M: Array, M_error: float, E_error: float, e: float) -> int | None:
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
    return _only_integer(trace.real, error)


def _only_integer(value: float, error: float) -> int | None:
    """The integer within `error` of the value, if there is no other candidate."""
    nearest, error = round(value), _up(error)
    return nearest if abs(value - nearest) + error < 0.5 and error < 0.5 else None


def _rank_by_inertia(K: Array, e: float) -> int | None:
    """The number of eigenvalues above 0 of ½H = K + K* − I, by LDL*: all are at least √(1 − 4e) away."""
    K = gathered(K)
    H = K + adjoint(K) - np.eye(len(K))
    L, D, _ = scipy.linalg.ldl(H)
    right = np.diagonal(D)[:, None] * adjoint(L)  # DL*, where D has a diagonal on either side at most
    right[:-1] += np.diagonal(D, 1)[:, None] * adjoint(L)[1:]
    right[1:] += np.diagonal(D, -1)[:, None] * adjoint(L)[:-1]
    again, error = _times(L, right, 0, _gamma(K) * _size(D) * _size(L))
    away = _up(_size(H - again) + error + _U * (2 * _size(H) + sqrt(len(K)) + _size(again)))
    return _positive(D) if away < sqrt(1 - 4 * e) * (1 - 8 * _U) else None


def _positive(D: Inexact[np.ndarray, "m m"]) -> int:
    """The number of positive eigenvalues of a matrix of 1 by 1 and Hermitian 2 by 2 blocks, exactly."""
    count, i = 0, 0
    while i < len(D):
        a, b = Fraction(float(D[i, i].real)), D[i + 1, i] if i + 1 < len(D) else 0
        if b == 0:
            count, i = count + (a > 0), i + 1
            continue
        d = Fraction(float(D[i + 1, i + 1].real))
        determinant = a * d - Fraction(float(b.real)) ** 2 - Fraction(float(b.imag)) ** 2
        count, i = count + (2 * (a > 0) if determinant > 0 else determinant < 0 or a + d > 0), i + 2
    return count


def _norm_by_parts(A: Array, error: float, loose: float = 1.3) -> float:
    """An upper bound on ‖A + error‖: the norms of the Hermitian and of the skew part, where that is less.

    Tried if the simple bound is `loose` times an estimate; at most 2.2 times the norm then.
    """
    simple = _up(_norm(A) + error)
    if simple <= loose * float(norm_estimate(A)):
        return simple
    error = _up(error + _U * _size(A))
    skew = 0.5j * (A - adjoint(A))
    return min(simple, _up(_hermitian_norm(hermitian_part(A), error) + _hermitian_norm(skew, error)))


def _hermitian_norm(A: Array, error: float) -> float:
    """An upper bound on ‖A + error‖ for Hermitian A, mostly within a tenth."""
    for b in _guesses(A):
        if _definite(plus_identity(-A, b), error) and _definite(plus_identity(A + 0, b), error):
            return b
    return _up(_norm(A) + error)


def _norm_by_square(A: Array, error: float) -> float:
    """An upper bound on ‖A + error‖, mostly within a tenth; infinite if none was found."""
    G, G_error = _times(adjoint(A), A)
    G_error = _up(G_error + _U * _size(G))
    for b in _guesses(A):
        if _definite(plus_identity(hermitian_part(-G), b * b), G_error):
            return _up(b + error)
    return inf


def _guesses(A: Array) -> Iterator[float]:
    """Numbers that may be just above ‖A‖; below ¼, if it can be."""
    estimate = float(norm_estimate(A))
    for factor in (1.02, 1.1, 1.3, 1.7):
        guess = factor * estimate
        yield guess if not estimate < 0.25 <= guess else (estimate + 0.25) / 2


def _definite(A: Array, error: float) -> bool:
    """Whether the Hermitian A plus any matrix of norm `error` is sure to be positive definite.

    If Cholesky's algorithm runs to its end on B, then λ_min(B) ≥ −γ_{m+1}/(1 − γ_{m+1})·tr B, less what
    underflow makes.  (Rump, corollary 2.4.)
    """
    trace_A, m = float(trace(A)), int(A.shape[-1])
    if not trace_A > 0:
        return False
    underflow = m * (m + trace_A) * 2.0**-1060
    return positive_definite(plus_identity(A, -_up(4 * _gamma(A) * trace_A + underflow + error)))


def _times(A: Array, B: Array, A_error: float = 0, B_error: float = 0) -> tuple[Array, float]:
    """The computed AB, and a bound on its distance (Frobenius) from the product of the true A and B."""
    size_A, size_B = _up(_size(A)), _up(_size(B))
    gamma = _gamma(A)
    error = gamma * size_A * size_B + size_A * B_error + A_error * (size_B + B_error)
    return A @ B, _up(error + A.shape[-1] ** 2 * 2.0**-1022)


def _less(A: Array, A_error: float, B: Array, B_error: float) -> tuple[Array, float]:
    """The computed A − B, and a bound on its distance from the true A less the true B."""
    difference = A - B
    return difference, _up(_U * _size(difference) + A_error + B_error)


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
    """An upper bound on ‖A‖_F; scaled, so that a square too small to store counts."""
    xp = array_api_compat.array_namespace(A)
    scale = max(float(on_host(xp.max(xp.abs(A)))), 2.0**-500)
    m = int(A.shape[-1])
    return (1 + 2 * (m + 2) ** 2 * _U) * scale * float(frobenius(A / scale)) + m * 2.0**-1000


def _norm(A: Array) -> float:
    """An upper bound on ‖A‖: min(‖A‖_F, √(‖A‖₁‖A‖_∞))."""
    xp = array_api_compat.array_namespace(A)
    size = xp.abs(A)
    rows = float(on_host(xp.max(xp.sum(size, axis=-1))))
    columns = float(on_host(xp.max(xp.sum(size, axis=-2))))
    inflate = 1 + 2 * int(A.shape[-1]) ** 2 * _U
    return inflate * min(_size(A), sqrt(rows) * sqrt(columns))


def _up(x: float) -> float:
    """X, raised by more than the rounding of the few operations that made it."""
    return x * (1 + 64 * _U)
