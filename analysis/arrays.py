"""What `analysis` asks of an array, whichever library it comes from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import array_api_compat
import numpy as np
from scipy.linalg import get_lapack_funcs

from corrector.arithmetic import gathered, is_spread
from corrector.evaluation import square

if TYPE_CHECKING:
    from jaxtyping import Float, Inexact

    from corrector.evaluation import Array


_DTYPES = ("float32", "float64", "complex64", "complex128")
_HALF = ("float16", "bfloat16")


def checked_matrix(K: Any, name: str = "K", *, half: bool = False) -> Array:
    """Return K as a finite floating-point array (*batch, m, m), m ≥ 1, cut off from any autograd graph.

    Raises:
        TypeError: K holds integers, booleans or objects, numbers of extended precision, or, unless
            those are asked for, of half.
        ValueError: K is not square, is empty, or holds a value that is not finite.
    """
    if array_api_compat.is_array_api_obj(K) and _kind(K) not in (
        "real floating",
        "complex floating",
    ):
        raise TypeError(f"`{name}` must hold floating-point numbers; got {K.dtype}: convert it first")
    K = square(K, name)
    if str(K.dtype) == "object":
        raise TypeError(f"`{name}` must hold floating-point numbers; got exact ones: convert it first")
    if 0 in K.shape:
        raise ValueError(f"`{name}` must hold at least one matrix of at least 1 by 1; got {tuple(K.shape)}")
    dtypes = (*_HALF, *_DTYPES) if half else _DTYPES
    if getattr(K.dtype, "name", str(K.dtype)).rpartition(".")[2] not in dtypes:
        raise TypeError(f"`{name}` must hold {', '.join(dtypes)} numbers; got {K.dtype}")
    if hasattr(K, "detach"):
        K = K.detach()
    xp = array_api_compat.array_namespace(K)
    if not bool(xp.all(xp.isfinite(K))):
        count = int(xp.sum(xp.astype(~xp.isfinite(K), xp.int64)))
        raise ValueError(f"`{name}` must be finite; got {count} entries that are not")
    return K


def adjoint(K: Inexact[Array, "*batch m n"]) -> Inexact[Array, "*batch n m"]:
    """Return the conjugate transpose of the last two axes."""
    xp = array_api_compat.array_namespace(K)
    K = xp.matrix_transpose(K)
    return xp.conj(K) if xp.isdtype(K.dtype, "complex floating") else K


def hermitian_part(K: Inexact[Array, "*batch m m"]) -> Inexact[Array, "*batch m m"]:
    """Return (K + K*)/2."""
    return (K + adjoint(K)) / 2


def plus_identity(K: Inexact[Array, "*batch m m"], c: float) -> Inexact[Array, "*batch m m"]:
    """Return K + cI; K, where it can be written to, is used up."""
    if not array_api_compat.is_writeable_array(K) or is_spread(K):
        xp = array_api_compat.array_namespace(K)
        return K + float(c) * xp.eye(K.shape[-1], dtype=K.dtype, device=array_api_compat.device(K))
    xp, m = array_api_compat.array_namespace(K), K.shape[-1]
    flat = xp.reshape(K, (*K.shape[:-2], m * m))
    flat[..., :: m + 1] += float(c)
    return xp.reshape(flat, K.shape)


def trace(K: Inexact[Array, "*batch m m"]) -> Float[np.ndarray, "*batch"]:
    """Return the real parts of the traces, on the host."""
    xp = array_api_compat.array_namespace(K)
    value = xp.linalg.trace(K)
    return on_host(xp.real(value) if xp.isdtype(K.dtype, "complex floating") else value)


def positive_definite(K: Inexact[Array, "m m"]) -> bool:
    """Return whether a Hermitian matrix has a Cholesky factorisation in its arithmetic.

    Cost: a sixth of the operations of a matrix product.
    """
    K = gathered(K) if is_spread(K) else K
    if array_api_compat.is_numpy_array(K):
        # numpy.linalg.cholesky takes twice as long: it copies the matrix twice and cleans up.
        (factorise,) = get_lapack_funcs(("potrf",), (K,))
        return not factorise(K.T, lower=1, clean=0)[1]
    xp = array_api_compat.array_namespace(K)
    try:
        factor = xp.linalg.cholesky(K)
    except (ValueError, RuntimeError) as error:
        require_singular(error)
        return False
    return bool(xp.all(xp.isfinite(factor)))


def require_singular(error: Exception) -> None:
    """Raise the error again unless it says that a matrix has no such factor or inverse.

    NumPy's and torch's own kinds of it have no other name in common; torch's is a RuntimeError, as is
    running out of a device's memory.
    """
    if "LinAlgError" not in type(error).__name__:
        raise error


def on_host(x: Any) -> Float[np.ndarray, "..."]:
    """Return real numbers as a float64 NumPy array in this process's memory."""
    xp = array_api_compat.array_namespace(x)
    return gathered(xp.astype(x, xp.float64))


def in_double(K: Inexact[Array, "*batch m m"]) -> Inexact[Array, "*batch m m"]:
    """Return the same numbers in float64 or complex128; of JAX as a NumPy array."""
    xp = array_api_compat.array_namespace(K)
    real = xp.isdtype(K.dtype, "real floating")
    if unit_roundoff(K) == 2.0**-53:
        return K
    if array_api_compat.is_jax_array(K):  # which stays in single precision unless told otherwise
        return gathered(K).astype(np.float64 if real else np.complex128)
    return xp.astype(K, xp.float64 if real else xp.complex128)


def frobenius(K: Inexact[Array, "*batch m n"]) -> Float[np.ndarray, "*batch"]:
    """Return the Frobenius norms, on the host."""
    xp = array_api_compat.array_namespace(K)
    if is_spread(K):  # whose rows cannot be strung together
        return on_host(xp.linalg.matrix_norm(K))
    flat = xp.reshape(K, (*K.shape[:-2], -1))
    squared = xp.vecdot(flat, flat)
    if xp.isdtype(K.dtype, "complex floating"):
        squared = xp.real(squared)
    return np.asarray(np.sqrt(on_host(squared)))


def norm_estimate(K: Inexact[Array, "*batch m n"], rounds: int = 6) -> Float[np.ndarray, "*batch"]:
    """Return estimates from below of the spectral norms, on the host: power steps on K*K.

    Mostly within 10 %; at times a third too low, where the one vector that it starts from misses the
    direction of the largest singular value.

    Cost: 2·rounds products with a vector.
    """
    xp = array_api_compat.array_namespace(K)
    start = np.cos(np.arange(1, K.shape[-1] + 1.0)) + 1.5
    v = xp.asarray(start[:, None], dtype=xp.float64, device=array_api_compat.device(K))
    v = xp.astype(v, K.dtype) + xp.zeros_like(K[..., :1, :1])
    size = xp.linalg.matrix_norm(v)
    for _ in range(rounds):
        v = v / _positive(xp.max(xp.abs(v), axis=-2, keepdims=True))
        image = K @ v
        top = _positive(xp.max(xp.abs(image), axis=-2, keepdims=True))  # squares of large numbers overflow
        image = image / top
        size = xp.linalg.matrix_norm(image) / _positive(xp.linalg.matrix_norm(v)) * top[..., 0, 0]
        v = adjoint(K) @ image
    return on_host(size)


def unit_roundoff(K: Inexact[Array, "..."]) -> float:
    """Return u = eps/2 of K's dtype: 2⁻⁵³ for float64 and complex128."""
    return float(array_api_compat.array_namespace(K).finfo(K.dtype).eps) / 2


def _positive(x: Array) -> Array:
    xp = array_api_compat.array_namespace(x)
    return xp.where(x > 0, x, xp.ones_like(x))


def _kind(K: Array) -> str:
    if str(K.dtype) == "object":
        return "object"
    xp = array_api_compat.array_namespace(K)
    kinds = ("real floating", "complex floating", "integral", "bool")
    return next((kind for kind in kinds if xp.isdtype(K.dtype, kind)), "other")
