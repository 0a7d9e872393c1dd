"""The spectral projector of a stored matrix in ball arithmetic: what every floating one is measured by."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from flint import acb, acb_mat, arb, arb_mat, ctx

if TYPE_CHECKING:
    from collections.abc import Callable

_BITS = (1000, 4000)


def spectral_distance(K: np.ndarray, X: np.ndarray | None = None) -> tuple[int, np.ndarray] | None:
    """The rank of K's projector P for Re λ > ½, and P − X (or P − K), rounded only now.

    By Newton's iteration S ← (S + S⁻¹)/2 on S = 2K − I, with the numbers of K as they are stored.
    None if it did not settle.
    """
    for bits in _BITS:
        with ctx.workprec(bits):
            found = _settled(K, K if X is None else X)
        if found:
            return found
    return None


def exact_residual(K: np.ndarray) -> np.ndarray:
    """K − K² with the numbers of K as they are stored, rounded only now."""
    with ctx.workprec(_BITS[-1]):
        exact = _matrix(K, np.iscomplexobj(K))
        return _rounded(exact - exact * exact)


def _matrix(K: np.ndarray, complex_numbers: bool) -> Any:
    kind, number = (acb_mat, acb) if complex_numbers else (arb_mat, arb)
    return kind(*K.shape, [number(x) for x in K.ravel().tolist()])


def _rounded(A: Any) -> np.ndarray:
    number = complex if isinstance(A, acb_mat) else float
    return np.array([number(x) for x in A.entries()]).reshape(A.nrows(), A.ncols())


def _settled(K: np.ndarray, X: np.ndarray) -> tuple[int, np.ndarray] | None:
    field = np.iscomplexobj(K) or np.iscomplexobj(X)
    number: Callable[[Any], Any] = acb if field else arb
    m = len(K)
    exact, nearby, one = (_matrix(A, field) for A in (K, X, np.eye(m)))
    S = 2 * exact - one
    for _ in range(100):
        try:
            new = (S + S.inv()) / number(2)
        except ZeroDivisionError:
            return None
        moved = max(float(abs(x).upper()) for x in (new - S).entries())
        S = new
        if moved < 1e-40:
            break
    else:
        return None
    P = (S + one) / number(2)
    total = sum((P[i, i] for i in range(m)), number(0))
    return round(float(total.real if field else total)), _rounded(P - nearby)
