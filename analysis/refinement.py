r"""Mixed precision: a projector found in single precision, corrected until it is that of the double matrix.

Idempotency alone can be had from any start; it is the subspaces that single precision loses, and no later
step of K ← g(K) brings them back.  So what was found, P, is measured against K in double precision:

    R = P − P²,     C = KP − PK.

*R* goes away by McWeeny's step, P + R(2P − I).  *C* is undone by what it says of K: in the blocks that an
idempotent P makes, K is block-diagonal but for E = CP − PC, so that P is a projector of K − E, and that of
K is P + L(E) to first order, L the Fréchet derivative of the map from K to its projector.  The very steps
that found P, carried out on pairs (K, E) by the rule of the product, give L(E).

R and C are small, and so are the corrections: only R and C themselves need double precision.  A round
multiplies the error by 10⁻⁷ over the width of the gap, or so.

Reference: N. J. Higham, *Functions of Matrices*, SIAM 2008, section 3.2 and theorem 4.15.
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import array_api_compat
import numpy as np

from corrector.arithmetic import Tangents, arithmetic_of

from .arrays import adjoint, frobenius, hermitian_part, plus_identity, unit_roundoff

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import TypeAlias

    from jaxtyping import Inexact

    from corrector.evaluation import Array
    from corrector.plan import Plan

    from .scheduling import History

    Steps: TypeAlias = Sequence[tuple[Plan, float]]
    """Polynomials to be applied in turn: how each is evaluated, less its constant term, and that."""

_ROUNDS = 8
_GAIN = 0.25
"""A round that leaves more of C leads nowhere: the gap is too narrow for single precision, or ‖P‖ large."""


def in_single(K: Inexact[Array, "batch m m"]) -> Inexact[Array, "batch m m"]:
    """Return the matrices rounded to single precision."""
    xp = array_api_compat.array_namespace(K)
    return xp.astype(K, xp.complex64 if xp.isdtype(K.dtype, "complex floating") else xp.float32)


def refined(
    K: Inexact[Array, "batch m m"],
    P: Inexact[Array, "batch m m"],
    steps: Steps,
    history: History,
    *,
    hermitian: bool,
) -> Inexact[Array, "batch m m"] | None:
    """Return projectors that commute with K to what double precision allows; None if that is not reached.

    Args:
        K: the matrices, in double precision.
        P: their projectors, in single precision.
        steps: what leads from K to P.
        history: gets the products that are spent.
        hermitian: whether all of K and P are.

    Cost: a round takes 3 products in double precision (Hermitian: a half and a whole) and at most three
    times the steps in single; two rounds where the gap is wide.
    """
    arithmetic = arithmetic_of(K, hermitian=hermitian, mean=False)
    low, before = in_single(K), np.full(K.shape[0], np.inf)
    P = array_api_compat.array_namespace(K).astype(hermitian_part(P) if hermitian else P, K.dtype)

    def idempotent(R: Array) -> Array:
        history.spend(1, single=True)
        step = R @ plus_identity(2 * in_single(P), -1)
        return hermitian_part(step) if hermitian else step

    def commuting(C: Array) -> Array:
        E = C @ in_single(P)
        E = E + adjoint(E) if hermitian else E - in_single(P) @ C
        history.spend(1 if hermitian else 2, single=True)
        return _derivative(low, E, steps, history, hermitian=hermitian)

    for _ in range(_ROUNDS):
        R = arithmetic.product(P, P, Fraction(-1), ((Fraction(1), P),))
        P = P + _of_small(idempotent, R)
        right = K @ P
        C = right - (adjoint(right) if hermitian else P @ K)
        history.spend(2 if hermitian else 3)
        size, rounding = frobenius(C), unit_roundoff(K) * frobenius(K) * frobenius(P)
        settled = size <= rounding
        gain, before = np.where(settled, 0, size / before), size
        if not (settled | (gain <= _GAIN)).all():
            return None
        if not (size <= rounding / 10).all():
            P = P + _of_small(commuting, C)
        if (settled | ((gain > 0) & (size * gain <= rounding / 100))).all():
            return P  # C is gone, or will be by the correction if that does as much as the one before
    return None


def _of_small(linear: Callable[[Array], Array], X: Array) -> Array:
    """A linear function of X, computed in single precision and brought to unit norm for it."""
    xp = array_api_compat.array_namespace(X)
    size = frobenius(X)
    size = xp.asarray(np.where(size, size, 1)[:, None, None], device=array_api_compat.device(X))
    size = xp.astype(size, X.dtype)
    return size * xp.astype(linear(in_single(X / size)), X.dtype)


def _derivative(K: Array, E: Array, steps: Steps, history: History, *, hermitian: bool) -> Array:
    """The derivative in the direction E of all steps from K."""
    arithmetic = Tangents(K, hermitian=hermitian)
    pair = K, E
    for plan, constant in steps:
        value, slope = plan.over(pair, arithmetic)
        pair = plus_identity(value, constant), slope
    history.spend(arithmetic.spent, single=True)
    return hermitian_part(pair[1]) if hermitian else pair[1]
