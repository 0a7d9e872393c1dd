"""The guard against collapse: how many directions a cloud of outputs keeps.

A constant map is perfectly idempotent, so no idempotent error stands without this beside it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import array_api_compat

if TYPE_CHECKING:
    from jaxtyping import Float

    from corrector.evaluation import Array

VARIANCE_FLOOR = 1e-3
"""Below this share of the inputs' variance the outputs count as one point."""


def effective_rank(rows: Float[Array, "batch n"]) -> Float[Array, ""]:
    """Return exp(−Σ p_i log p_i), p_i = σ_i/Σσ; 0 where every singular value is 0 or one is not finite.

    Fit for `torch.vmap`.

    Args:
        rows: the outputs less their mean, one a row.

    Cost: an eigendecomposition of min(batch, n)².

    References: Roy and Vetterli, The effective rank (EUSIPCO 2007), eq. 3.

    >>> import numpy as np
    >>> round(float(effective_rank(np.eye(4))), 6)
    4.0
    """
    sigma = singular_values(rows)
    xp = array_api_compat.array_namespace(sigma)
    total = xp.sum(sigma)
    p = sigma / xp.where(total > 0, total, xp.ones_like(total))
    entropy = -xp.sum(p * xp.log(xp.where(p > 0, p, xp.ones_like(p))))
    return xp.where(total > 0, xp.exp(entropy), xp.zeros_like(total))


def singular_values(rows: Float[Array, "batch n"]) -> Float[Array, " k"]:
    """Return the singular values in double, ascending, by way of the smaller Gram matrix; 0 if not finite."""
    xp = array_api_compat.array_namespace(rows)
    finite = xp.all(xp.isfinite(rows))
    rows = xp.astype(xp.where(finite, rows, xp.zeros_like(rows)), xp.float64)
    most = xp.max(xp.abs(rows))  # whose square may overflow
    rows = rows / xp.where(most > 0, most, xp.ones_like(most))
    across = xp.matrix_transpose(rows)
    gram = rows @ across if rows.shape[0] < rows.shape[1] else across @ rows
    values = xp.linalg.eigvalsh(gram)
    return most * xp.sqrt(xp.where(values > 0, values, xp.zeros_like(values)))
