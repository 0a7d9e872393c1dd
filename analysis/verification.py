"""`assert_idempotent`: does applying it twice differ from applying it once?"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

import array_api_compat
import numpy as np

from corrector.evaluation import square

from .arrays import checked_matrix, frobenius, in_double, on_host, unit_roundoff

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


def assert_idempotent(
    subject: Any,
    inputs: Any = None,
    *,
    tolerance: float | None = None,
    max_examples: int = 200,
) -> None:
    """Raise AssertionError unless the subject is idempotent.

    A matrix is idempotent if K² = K; a function, if f(f(x)) = f(x) for every input.  A function is
    further held to what the equation silently assumes: that it leaves its input alone (an f that
    works in place compares a thing with itself), that it gives the same value twice, and that f(x)
    has the type, shape, dtype and device that f keeps.

    Args:
        subject: a matrix (array, tensor, or nested lists of exact numbers) or a batch of them; or
            a function, a `torch.nn.Module` among them, in the mode it is in.
        inputs: for a function: an iterable of inputs, or a hypothesis strategy, whose smallest
            failing example is then reported.
        tolerance: the greatest relative error allowed.  When None it comes from the arithmetic:
            exact for exact values; for a floating-point matrix √m·u·(32 + ‖K‖²), at most √u; for
            floating-point values of a function 64·u·√size, u the unit round-off of their dtype.
        max_examples: how many inputs to draw from a strategy or take from an iterable.

    Raises:
        AssertionError: a law is broken; the message names the law, the error against the
            tolerance, and the input to reproduce it with.
        TypeError: the subject is no matrix and no function.
        ValueError: a function without inputs, or without a single one.

    Cost: one product and a singular value decomposition for a matrix; three calls an input for a
    function.

    >>> assert_idempotent([[1, 1], [0, 0]])
    >>> assert_idempotent(str.strip, [" a ", "b"])
    >>> assert_idempotent(lambda x: x + 1, [1, 2])
    Traceback (most recent call last):
        ...
    AssertionError: f(f(x)) = f(x) is broken: f(x) = 2, f(f(x)) = 3
    reproduce with x = 1
    """
    if callable(subject):
        _assert_function(subject, inputs, tolerance, max_examples)
    elif inputs is not None:
        raise TypeError(f"`subject` must be a function to take inputs; got {type(subject).__name__}")
    else:
        _assert_matrix(subject, tolerance)


def _assert_matrix(subject: Any, tolerance: float | None) -> None:
    K = square(subject)
    if str(K.dtype) == "object":
        worst = np.max(np.abs(K @ K - K), initial=0)
        if worst:
            raise AssertionError(f"K² = K is broken: the greatest entry of K² − K is {worst}, exactly")
        return
    K = checked_matrix(K)
    dtype, u = K.dtype, unit_roundoff(K)
    K = in_double(K)
    xp = array_api_compat.array_namespace(K)
    residual = np.atleast_1d(frobenius(K @ K - K))
    kappa = np.atleast_1d(on_host(xp.max(xp.linalg.svdvals(K), axis=-1)))
    allowed = np.minimum(np.sqrt(K.shape[-1]) * u * (32 + kappa**2), np.sqrt(u))
    # Projectors have a scale of their own: 0, or a norm of at least 1.
    allowed = (allowed if tolerance is None else tolerance) * np.maximum(1, kappa**2)
    worst = int(np.argmax(residual - allowed))
    if residual.flat[worst] > np.broadcast_to(allowed, residual.shape).flat[worst]:
        index = tuple(int(i) for i in np.unravel_index(worst, residual.shape))
        where = f" of matrix {index}" if K.ndim > 2 else ""
        limit = np.broadcast_to(allowed, residual.shape).flat[worst]
        raise AssertionError(
            f"K² = K is broken: ‖K² − K‖{where} is {residual.flat[worst]:.3g}, "
            f"where rounding explains at most {limit:.3g} at ‖K‖ = {kappa.flat[worst]:.3g} in {dtype}"
        )


def _assert_function(
    f: Callable[[Any], Any], inputs: Any, tolerance: float | None, max_examples: int
) -> None:
    if inputs is None:
        raise ValueError(
            "`inputs` must be given for a function: an iterable or a hypothesis strategy; got None"
        )
    laws = _Laws(f, tolerance)
    if hasattr(inputs, "example") and hasattr(inputs, "filter"):
        from .strategies import falsify

        found = falsify(laws.broken, inputs, max_examples)
    else:
        found = _first_broken(laws, inputs, max_examples)
    if found is not None:
        x, report = found
        raise AssertionError(f"{report}\nreproduce with x = {_shown(x)}")


def _first_broken(laws: _Laws, inputs: Iterable[Any], max_examples: int) -> tuple[Any, str] | None:
    count = 0
    for x in islice(inputs, max_examples):
        count += 1
        report = laws.broken(x)
        if report is not None:
            return x, report
    if not count:
        raise ValueError("`inputs` must hold at least one input; got none")
    return None


@dataclass(frozen=True)
class _Laws:
    """The laws of an idempotent function, each with the words for its breach."""

    f: Callable[[Any], Any]
    tolerance: float | None

    def broken(self, x: Any) -> str | None:
        """What is wrong at x, or None."""
        kept, given = _copied(x), _copied(x)
        y = _detached(self.f(given))
        if not _same(given, kept):
            return "f leaves its input alone is broken: f changed x in place"
        first = _copied(y)  # f may hand out its own buffer, or its input
        again = _detached(self.f(_copied(kept)))
        if not _same(first, again):
            return f"f(x) = f(x) is broken: two calls differ by {_distance(first, again)}"
        passed = _copied(first)
        z = _detached(self.f(passed))
        if not _same(passed, first):
            return "f leaves its input alone is broken: f changed f(x) in place"
        kinds = _kind(first), _kind(z)
        if kinds[0] != kinds[1]:
            return f"f(f(x)) has the kind of f(x) is broken: f(x) is {kinds[0]}, f(f(x)) is {kinds[1]}"
        return self._differ(first, z)

    def _differ(self, y: Any, z: Any) -> str | None:
        if not _floating(y):
            if _same(y, z):
                return None
            return f"f(f(x)) = f(x) is broken: f(x) = {_shown(y)}, f(f(x)) = {_shown(z)}"
        a, b = _numbers(y), _numbers(z)
        if not (np.isfinite(a).all() and np.isfinite(b).all()):
            if np.array_equal(a, b, equal_nan=True):
                return None
            return f"f(f(x)) = f(x) is broken: f(x) = {_shown(y)}, f(f(x)) = {_shown(z)}"
        error = float(np.linalg.norm(b - a))
        limit = self.tolerance
        if limit is None:
            limit = 64 * _roundoff(y) * np.sqrt(a.size)
        allowed = limit * float(np.linalg.norm(a))
        if error <= allowed:
            return None
        cause = "mathematics" if error > 1e3 * allowed else "perhaps arithmetic"
        return f"f(f(x)) = f(x) is broken: ‖f(f(x)) − f(x)‖ is {error:.3g}, allowed {allowed:.3g} ({cause})"


def _is_array(x: Any) -> bool:
    return bool(array_api_compat.is_array_api_obj(x))


def _copied(x: Any) -> Any:
    if hasattr(x, "detach"):
        return x.detach().clone()
    return copy.deepcopy(x)


def _detached(x: Any) -> Any:
    return x.detach() if hasattr(x, "detach") else x


def _floating(x: Any) -> bool:
    if isinstance(x, float | complex):
        return True
    if not _is_array(x) or str(x.dtype) == "object":
        return False
    xp = array_api_compat.array_namespace(x)
    return bool(xp.isdtype(x.dtype, ("real floating", "complex floating")))


def _numbers(x: Any) -> np.ndarray[Any, Any]:
    if not _is_array(x):
        return np.asarray(x).ravel()
    xp = array_api_compat.array_namespace(x)
    wide = xp.complex128 if xp.isdtype(x.dtype, "complex floating") else xp.float64
    return np.asarray(array_api_compat.to_device(xp.astype(x, wide), "cpu")).ravel()


def _roundoff(x: Any) -> float:
    return unit_roundoff(x) if _is_array(x) else 2.0**-53


def _same(a: Any, b: Any) -> bool:
    """Equality of values of any kind; nan equals nan."""
    if _is_array(a) and _is_array(b):
        if _kind(a) != _kind(b):
            return False
        if str(a.dtype) == "object":
            return bool(np.array_equal(a, b))
        xp = array_api_compat.array_namespace(a)
        return bool(xp.all((a == b) | ((a != a) & (b != b))))
    if hasattr(a, "equals"):  # pandas, polars
        return bool(a.equals(b))
    try:
        return bool(a == b) or bool(a != a and b != b)
    except (TypeError, ValueError):  # a container of arrays, say
        if isinstance(a, dict) and isinstance(b, dict):
            return a.keys() == b.keys() and all(_same(a[k], b[k]) for k in a)
        return len(a) == len(b) and all(map(_same, a, b))


def _kind(x: Any) -> str:
    if not _is_array(x):
        return type(x).__name__
    device = getattr(x, "device", "cpu")
    return f"{type(x).__name__} of shape {tuple(x.shape)}, {x.dtype}, on {device}"


def _distance(a: Any, b: Any) -> str:
    if _floating(a) and _kind(a) == _kind(b):
        return f"{float(np.linalg.norm(_numbers(a) - _numbers(b))):.3g}"
    return f"f(x) = {_shown(a)} and then {_shown(b)}"


def _shown(x: Any) -> str:
    text = repr(x)
    return text if len(text) <= 500 else f"{text[:500]}…"
