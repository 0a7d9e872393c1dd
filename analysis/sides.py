r"""Whether a projector P is K's own: that of the eigenvalues to the right of Re λ = μ.

If P commutes with K it is so exactly if all eigenvalues of A = (K − μI)(2P − I) have positive real
parts: those of K − μI with their signs turned where P has 0.

- If the Hermitian part of A has a Cholesky factorisation, it is so: x*Ax/x*x has a positive real part
  for every x, and every eigenvalue is such a quotient.
- So it is if that of MA has one, M = P*P + (I − P)*(I − P): the same in the inner product x*My, in which
  P is orthogonal.
- If a Hermitian X with A*X + XA > 0 is found, A has as many eigenvalues to the left as X has below 0
  (the inertia theorem of Ostrowski and Schneider): that decides either way.  It takes Schur's form of A,
  so it is tried up to a size of some hundreds.
- Else, if an eigenvalue of A is sure to lie to the left, it is not: one found there whose left and right
  eigenvectors y and x say that rounding, ‖δA‖/|y*x|, cannot have brought it from the other side.  Of large
  matrices Arnoldi's method finds the leftmost one in some tens of products with vectors.

For a Hermitian K the first decides.  For a large oblique K that is far from idempotent none may.

Reference: A. Ostrowski and H. Schneider, *Some theorems on the inertia of general matrices*, J. Math. Anal.
Appl. 4 (1962) 72–84, theorem 1.
"""

from __future__ import annotations

import warnings
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.linalg import eig, solve_continuous_lyapunov
from scipy.sparse.linalg import ArpackError, eigs

from corrector.arithmetic import arithmetic_of, gathered, is_hermitian

from .arrays import adjoint, hermitian_part, norm_estimate, plus_identity, positive_definite, unit_roundoff

if TYPE_CHECKING:
    from jaxtyping import Float, Inexact

    from corrector.evaluation import Array

_SMALL = 64
"""Up to this size all eigenvalues of a batch are found at once."""

_LYAPUNOV = 256
"""Up to this size Schur's form takes tenths of a second."""

_ROUNDINGS = 1e3
"""Roundings, u√m‖K‖κ² each, that P of small norm may have been through: iterations make some hundreds."""


def turned(K: Inexact[Array, "batch m m"], P: Inexact[Array, "batch m m"], at: float) -> Array:
    """Return (K − μI)(2P − I), μ = `at`; Hermitian to the bit where K and P are.

    Cost: a matrix product.
    """
    hermitian = bool(is_hermitian(K).all() and is_hermitian(P).all())
    arithmetic = arithmetic_of(K, hermitian=hermitian, mean=False)
    less = ((Fraction(-1), K), (Fraction(-2 * at), P)) if at else ((Fraction(-1), K),)
    return plus_identity(arithmetic.product(K, P, Fraction(2), less), at)


def slack(
    K: Inexact[Array, "batch m m"], P: Inexact[Array, "batch m m"], at: float
) -> Float[np.ndarray, " batch"]:
    """Return more than rounding makes of an eigenvalue of (K − μI)(2P − I).

    Steps leave up to some 10κ³u in P, κ its norm.
    """
    kappa = np.maximum(norm_estimate(P), 1)
    sizes = (norm_estimate(K) + abs(at)) * kappa**2 * (1 + kappa / 50)
    return np.asarray(_ROUNDINGS * unit_roundoff(K) * np.sqrt(K.shape[-1]) * sizes)


def belongs(
    K: Inexact[Array, "batch m m"], P: Inexact[Array, "batch m m"], at: float = 0.5
) -> tuple[list[bool | None], int]:
    """Return for each matrix whether P is K's projector for Re λ > μ, and the products that took.

    True is proved, False disproved, None neither.

    Args:
        K: the matrices.
        P: projectors that commute with them.
        at: μ.

    Cost: one matrix product and a Cholesky factorisation; where that does not decide two products and
    another, and then Schur's form up to m = 256, from there on some tens of products with vectors.

    >>> K = np.array([[[-0.5, 0], [0, 0.9]]])  # −½ goes to 1
    >>> belongs(K, np.eye(2)[None]), belongs(K, np.diag([0.0, 1])[None])
    (([False], 3), ([True], 1))
    """
    A, margin = turned(K, P, at), slack(K, P, at)
    found: list[bool | None] = []
    products, m = 1, A.shape[-1]
    for i in range(A.shape[0]):
        if above(A[i, ...], margin[i]):
            found.append(True)
            continue
        products = 3
        S = plus_identity(2 * P[i, ...], -1)
        metric = plus_identity(adjoint(S) @ S, 1)
        if above(metric @ A[i, ...], margin[i] * float(norm_estimate(metric))):
            found.append(True)
            continue
        verdict = all_to_the_right(gathered(A[i, ...]), margin[i]) if m <= _LYAPUNOV else None
        if verdict is None and leftmost(A[i, ...]) < -margin[i]:
            verdict = False
        found.append(verdict)
    return found, products


def all_to_the_right(A: np.ndarray[Any, Any], margin: float) -> bool | None:
    """Return whether A, known up to this margin, has all eigenvalues to the right; None if it stays open."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", RuntimeWarning)  # "… whose sum is very close to zero"
            X = hermitian_part(solve_continuous_lyapunov(adjoint(A), np.eye(len(A))))
    except (RuntimeWarning, ValueError, np.linalg.LinAlgError):
        return None
    values = np.linalg.eigvalsh(X) if np.isfinite(X).all() else np.zeros(1)
    size = float(np.abs(values).max())
    if not above(X @ A, margin * size) or not np.abs(values).min() > len(A) * unit_roundoff(A) * size:
        return None
    return bool(values[0] > 0)


def above(A: Inexact[Array, "m m"], margin: float) -> bool:
    """Return whether the Hermitian part of A is above this margin."""
    return positive_definite(plus_identity(hermitian_part(A), -float(margin)))


def leftmost(A: Inexact[Array, "m m"]) -> float:
    """Return a number that some eigenvalue has a smaller real part than; infinite if none was found.

    An eigenvalue found lies within about (‖Ax − λx‖ + roundings)/|y*x| of a true one, x and y its right
    and left eigenvectors of unit length; of a defective one y*x is 0, and nothing is said.
    """
    host = gathered(A)
    m = len(host)
    if m <= _SMALL:
        values, left, right = eig(host, left=True, right=True)
    else:
        start = np.cos(np.arange(1, m + 1.0)).astype(host.dtype)
        options = {"k": 1, "which": "SR", "v0": start, "tol": 1e-6, "maxiter": 300}
        try:
            (values, right), (_, left) = eigs(host, **options), eigs(adjoint(host), **options)
        except ArpackError:
            return np.inf
    off = np.linalg.norm(host @ right - right * values, axis=0)
    slant = np.abs((left.conj() * right).sum(axis=0))
    error = 10 * (off + m * unit_roundoff(host) * np.linalg.norm(host)) / np.maximum(slant, 1e-300)
    return float((values.real + error).min())
