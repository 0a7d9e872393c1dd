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
            floating-point values of a function 64·u·√size of the larger of x and f(x), and what f
            makes of a shift of f(x) by a few units of round-off, u that of their dtype.
        max_examples: how many inputs to draw from a strategy or take from an iterable.

    Raises:
        AssertionError: a law is broken; the message names the law, the error against the
            tolerance, and the input to reproduce it with.
        TypeError: the subject is no matrix and no function.
        ValueError: a function without inputs, or without a single one.

    Cost: one product and a singular value decomposition for a matrix; five calls an input for a
    function.

    >>> assert_idempotent([[1, 1], [0, 0]])
    >>> assert_idempotent(str.strip, [" a ", "b"])
    >>> assert_idempotent(lambda x: x + 1, [1, 2])
    Traceback (most recent call last):
        ...
    AssertionError: f(f(x)) = f(x) is broken: f(x) = 2, f(f(x)) = 3
    reproduce with x = 1
    """
    if tolerance is not None and not tolerance >= 0:
        raise ValueError(f"`tolerance` must be at least 0; got {tolerance}")
    if max_examples < 1:
        raise ValueError(f"`max_examples` must be at least 1; got {max_examples}")
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
    K = checked_matrix(K, half=True)
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
        return self._differ(first, z, self._sensitivity(kept, first, z))

    def _sensitivity(self, x: Any, y: Any, z: Any) -> float:
        """How far rounding errors of a few units in x and y alone may carry f(f(x)) from f(x).

        Measured: f(x) + δ goes through f once more, δ of the size of the rounding of x and y, twice
        with random signs.  At most √u·‖y‖, lest a jump of f count as rounding.
        """
        if self.tolerance is not None or not _floating(y):
            return 0.0
        u = _roundoff(y)
        scale = np.abs(_numbers(y)).max(initial=0)
        if _floating(x):
            scale = max(scale, np.abs(_numbers(x)).max(initial=0))
        rng = np.random.default_rng(0)
        farthest = 0.0
        for _ in range(2):
            shaken = _shifted(y, 8 * u * scale * rng.choice([-1.0, 1.0], size=_numbers(y).size))
            image = _detached(self.f(shaken))
            if _kind(image) == _kind(z):
                farthest = max(farthest, float(np.linalg.norm(_numbers(image) - _numbers(z))))
        own = 64 * u * float(scale) * float(np.sqrt(_numbers(y).size))
        return own + min(32 * farthest, float(np.sqrt(u) * np.linalg.norm(_numbers(y))))

    def _differ(self, y: Any, z: Any, allowed: float) -> str | None:
        if isinstance(y, dict | list | tuple) and _alike(y, z):
            pairs = zip(_leaves(y), _leaves(z), strict=True)
            return next(filter(None, (self._differ(a, b, _ulps(a)) for a, b in pairs)), None)
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
        if self.tolerance is not None:
            allowed = self.tolerance * float(np.linalg.norm(a))
        if error <= allowed:
            return None
        cause = "mathematics" if error > 1e3 * allowed else "perhaps arithmetic"
        return f"f(f(x)) = f(x) is broken: ‖f(f(x)) − f(x)‖ is {error:.3g}, allowed {allowed:.3g} ({cause})"


def _leaves(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [leaf for key in value for leaf in _leaves(value[key])]
    if isinstance(value, list | tuple):
        return [leaf for entry in value for leaf in _leaves(entry)]
    return [value]


def _alike(y: Any, z: Any) -> bool:
    """Whether two containers hold values of the same kinds in the same places."""
    if type(y) is not type(z):
        return False
    if isinstance(y, dict):
        return y.keys() == z.keys() and all(_alike(y[k], z[k]) for k in y)
    if isinstance(y, list | tuple):
        return len(y) == len(z) and all(map(_alike, y, z))
    return _kind(y) == _kind(z)


def _ulps(y: Any) -> float:
    """64 units of round-off of a floating-point value; 0 for any other."""
    return (
        64 * _roundoff(y) * float(np.linalg.norm(_numbers(y))) * np.sqrt(_numbers(y).size)
        if _floating(y)
        else 0.0
    )


def _shifted(y: Any, by: np.ndarray[Any, Any]) -> Any:
    if not _is_array(y):
        return type(y)(y + by.item())
    xp = array_api_compat.array_namespace(y)
    shift = xp.asarray(by.reshape(tuple(y.shape)), dtype=xp.float64, device=array_api_compat.device(y))
    return y + xp.astype(shift, y.dtype)


def _is_array(x: Any) -> bool:
    return bool(array_api_compat.is_array_api_obj(x))


def _copied(x: Any) -> Any:
    return copy.deepcopy(_detached(x))


def _detached(x: Any) -> Any:
    """X, with every tensor in it cut off from its graph."""
    if isinstance(x, dict):
        return type(x)((key, _detached(value)) for key, value in x.items())
    if type(x) in (list, tuple):
        return type(x)(map(_detached, x))
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
    if isinstance(a, dict | list | tuple):
        return _alike(a, b) and all(map(_same, _leaves(a), _leaves(b)))
    return bool(a == b) or bool(a != a and b != b)


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
