"""`assert_idempotent`: does applying it twice differ from applying it once?"""

from __future__ import annotations

from collections.abc import Mapping
from inspect import signature
from itertools import islice
from typing import TYPE_CHECKING, Any

import array_api_compat
import numpy as np

from corrector.evaluation import square

from .arguments import real_number, whole_number
from .arrays import checked_matrix, frobenius, in_double, on_host, unit_roundoff
from .frameworks import framework, in_mode, is_module, require_instance, require_mode
from .laws import Breach, Laws
from .surroundings import spared
from .values import doubles, is_array, shown

if TYPE_CHECKING:
    from collections.abc import Callable

    from jaxtyping import Float

    from .values import Equality


_EXAMPLES = 200


class IdempotencyError(AssertionError):
    """A law of idempotency is broken; the message says which, by how much and where.

    Attributes:
        law: the law.
        x, y, z: the input, f(x) and f(f(x)); for a matrix K, None, K and K².
        error, allowed: the size of the error, and what rounding or the tolerance allows.
        cause: "mathematics" or "arithmetic" where that could be told, else "".
    """

    def __init__(self, breach: Breach, where: str = "") -> None:
        reproduction = "" if breach.x is None else f"\nreproduce with x = {shown(breach.x)}"
        super().__init__(f"expected {breach.law}; {breach.detail}{where}{reproduction}")
        self.law, self.x, self.y, self.z = breach.law, breach.x, breach.y, breach.z
        self.error, self.allowed, self.cause = breach.error, breach.allowed, breach.cause


def assert_idempotent(
    subject: Any,
    inputs: Any = None,
    *,
    tolerance: float | None = None,
    max_examples: int | None = None,
    equal: Equality | None = None,
    mode: str | None = None,
    batched: bool | None = None,
) -> None:
    """Raise AssertionError unless the subject is idempotent.

    A matrix is idempotent if K² = K; a function, if f(f(x)) = f(x) for every input.  A function is
    further held to what the equation silently assumes: that it leaves its input and its earlier
    values alone (an f that works in place compares a thing with itself), gives the same value twice,
    also with other calls in between, takes what it gives, and that f(f(x)) has the type, shape, dtype,
    device and index of f(x).  A network is held to two more: a call changes none of its parameters and
    buffers, and a sample's value does not depend on the rest of its batch.

    Args:
        subject: a matrix (array, tensor, or nested lists of exact numbers) or a batch of them; or
            a function of one argument; or a `torch.nn.Module`.  Values may be numbers, text, arrays,
            tensors, data frames, pictures, containers of them, or anything with an equality.
        inputs: for a function: an iterable of inputs, or a hypothesis strategy.  For a network each is
            a batch; NumPy arrays become tensors of its parameters' dtype, on their device.
        tolerance: the greatest relative error allowed.  When None it comes from the arithmetic:
            exact for exact values; for a floating-point matrix 16√m·(2‖K‖ + 1)·u·‖K‖_F, at most
            √u·‖K‖/4 where storing a projector does not explain more by itself; for
            floating-point values of a function min(64·u, √u/2)·‖f(x)‖ and what f makes of a shift of f(x)
            and of x by a few units of round-off, u that of their dtype (`analysis.rounding.explained`).
        max_examples: how many inputs to draw from a strategy, 200 when None, or to take from an iterable,
            all when None if it has a length, else 200.
        equal: a function of two values, for those without an equality of their own.
        mode: "eval" or "train" to put a network in that mode meanwhile; as it is when None.
        batched: whether the first axis of an input counts samples that have nothing to do with one
            another; when None, for networks only.

    Raises:
        IdempotencyError: an AssertionError: a law is broken.  The message names the law, the error
            against the tolerance, whether mathematics or arithmetic is at fault (found by computing
            the same in a wider dtype where there is one), and the input to reproduce it with: the
            worst of an iterable, the simplest that hypothesis finds of a strategy, which is the same on
            every run.  The values themselves are its attributes.
        TypeError: the subject is no matrix and no function, or its values cannot be compared.
        ValueError: a function without inputs, or without a single one.

    Cost: one product and a singular value decomposition for a matrix; five to eight calls an input for
    a function, two more for a network.

    >>> assert_idempotent([[1, 1], [0, 0]])
    >>> assert_idempotent(str.strip, [" a ", "b"])
    >>> assert_idempotent(lambda x: x + 1, [1, 2])
    Traceback (most recent call last):
        ...
    analysis.verification.IdempotencyError: expected f(f(x)) = f(x); f(x) = 2, and then 3, at 2 of 2 inputs
    reproduce with x = 1
    """
    require_tolerance(tolerance)
    if max_examples is not None:
        whole_number(max_examples, "max_examples", 1)
    require_mode(mode)
    if callable(subject):
        require_instance(subject)
        require_one_argument(subject)
        if equal is not None and not callable(equal):
            raise TypeError(f"`equal` must be a function of two values; got {type(equal).__name__}")
        subject = spared(subject, mode)
        laws = Laws(subject, tolerance, equal, is_module(subject) if batched is None else batched)
        with in_mode(subject, mode):
            _assert_function(laws, inputs, max_examples)
    elif inputs is not None:
        raise TypeError(f"`subject` must be a function to take inputs; got {type(subject).__name__}")
    else:
        _assert_matrix(subject, tolerance)


def require_tolerance(tolerance: Any) -> None:
    """Raise unless this is a number of at least 0, or None."""
    if tolerance is not None and not 0 <= real_number(tolerance, "tolerance") < np.inf:
        raise ValueError(f"`tolerance` must be a number of at least 0; got {tolerance}")


def require_one_argument(subject: Any) -> None:
    """Raise TypeError if a function cannot be called with one argument, as far as its signature tells."""
    try:
        of = signature(subject)
    except (TypeError, ValueError):  # as of some built-in functions
        return
    try:
        of.bind(None)
    except TypeError:
        name = getattr(subject, "__name__", type(subject).__name__)
        raise TypeError(f"expected a function of one argument; got {name}{of}") from None


def is_strategy(inputs: Any) -> bool:
    """Whether these are drawn by hypothesis, which is not loaded to find out."""
    return hasattr(inputs, "example") and hasattr(inputs, "filter")


def _assert_matrix(subject: Any, tolerance: float | None) -> None:
    K = square(subject)
    if str(K.dtype) == "object":
        residual = np.abs(K @ K - K)
        if residual.any():
            where = _worst(residual)
            detail = f"the greatest entry of K² − K is {residual[where]}, at {_place(where)}, exactly"
            raise IdempotencyError(Breach("K² = K", detail, None, K, K @ K))
        return
    K = checked_matrix(K, half=True)
    dtype, u = K.dtype, unit_roundoff(K)
    K = in_double(K)
    xp = array_api_compat.array_namespace(K)
    square_of_K = K @ K
    residual = np.atleast_1d(frobenius(square_of_K - K))
    kappa = np.atleast_1d(on_host(xp.max(xp.linalg.svdvals(K), axis=-1)))
    if tolerance is None:
        allowed = _rounding(kappa, np.atleast_1d(frobenius(K)), u, K.shape[-1])
    else:  # projectors have a scale of their own: 0, or a norm of at least 1
        allowed = tolerance * np.maximum(1, kappa**2)
    worst = _worst(residual - allowed)
    limit = np.broadcast_to(allowed, residual.shape)[worst]
    if residual[worst] > limit:
        one = worst if K.ndim > 2 else ()
        here = doubles(K[one]) if one else doubles(K)
        entry = _place(_worst(np.abs(here @ here - here)))
        name = f" of matrix {_place(one)}" if one else ""
        detail = (
            f"‖K² − K‖{name} is {residual[worst]:.3g}, where "
            f"{'rounding explains' if tolerance is None else 'the tolerance allows'} at most {limit:.3g} at "
            f"‖K‖ = {kappa[worst]:.3g} in {dtype}; the greatest entry of K² − K is at {entry}; "
            f"{_spectrum(here)}"
        )
        breach = Breach("K² = K", detail, None, K, square_of_K, float(residual[worst]), float(limit))
        raise IdempotencyError(breach)


def _rounding(
    kappa: Float[np.ndarray, " batch"], size: Float[np.ndarray, " batch"], u: float, m: int
) -> Float[np.ndarray, " batch"]:
    """What rounding explains of ‖K² − K‖_F at ‖K‖₂ = κ and ‖K‖_F = `size`.

    A projector P stored as K = P + E, ‖E‖_F ≤ u‖K‖_F, has ‖K² − K‖_F = ‖KE + EK − E − E²‖_F ≤
    (2κ + 1)u‖K‖_F + (u‖K‖_F)².  One that was computed too may be 16√m times as far off, as long as
    that is little beside K.  Projectors have a scale of their own: 0, or a norm of at least 1.
    """
    kappa, size = np.maximum(kappa, 1), np.maximum(size, 1)
    stored = (2 * kappa + 1) * u * size + (u * size) ** 2
    explained: Float[np.ndarray, " batch"] = np.maximum(
        stored, np.minimum(16 * np.sqrt(m) * stored, np.sqrt(u) / 4 * kappa)
    )
    return explained


def _worst(sizes: np.ndarray[Any, Any]) -> tuple[int, ...]:
    return tuple(int(i) for i in np.unravel_index(int(np.argmax(sizes)), sizes.shape))


def _place(index: tuple[int, ...]) -> str:
    return f"({', '.join(map(str, index))}{',' * (len(index) == 1)})"


def _spectrum(K: np.ndarray[Any, Any]) -> str:
    """The eigenvalue farthest from 0 and 1, or that only the blocks are at fault."""
    values = np.linalg.eigvals(K)
    far = values[np.argmax(np.minimum(np.abs(values), np.abs(values - 1)))]
    distance = min(abs(far), abs(far - 1))
    if distance < 1e-2:
        return f"all eigenvalues lie within {distance:.2g} of 0 or 1"
    number = f"{far.real:.3g}" + (f"{far.imag:+.3g}i" if far.imag else "")
    return f"{number} is an eigenvalue"


def _assert_function(laws: Laws, inputs: Any, max_examples: int | None) -> None:
    if inputs is None:
        raise ValueError(
            "`inputs` must be given for a function: an iterable or a hypothesis strategy; got None"
        )
    law = _on_tensors(laws)
    if is_array(inputs) or isinstance(inputs, str | bytes | Mapping) or hasattr(inputs, "columns"):
        raise TypeError(
            f"`inputs` must be several, or a strategy; got one {type(inputs).__name__}: put it in a list"
        )
    if is_strategy(inputs):
        breach, where = _simplest(law, inputs, max_examples)
    else:
        breach, where = _worst_of(law, inputs, max_examples)
    if breach is None:
        breach, where = laws.revisited(), ""
    if breach is not None:
        raise IdempotencyError(breach, where)


def _on_tensors(laws: Laws) -> Callable[[Any], Breach | None]:
    """The laws, for a network and arrays that are not of its library."""
    library = framework(laws.f) if is_module(laws.f) else None
    if library is None:
        return laws.breach
    return lambda x: laws.breach(library.tensor(x, laws.f, None, None) if isinstance(x, np.ndarray) else x)


def _simplest(
    law: Callable[[Any], Breach | None], inputs: Any, max_examples: int | None
) -> tuple[Breach | None, str]:
    from .strategies import falsify

    worst: list[Breach] = []

    def noted(x: Any) -> Breach | None:
        breach = law(x)
        if breach is not None and np.isfinite(breach.error):
            worst[:] = [max([breach, *worst], key=lambda one: one.error)]
        return breach

    breach = falsify(noted, inputs, max_examples or _EXAMPLES)
    if breach is not None and worst and worst[0].error > breach.error:
        return breach, f"; the worst seen was off by {worst[0].error:.3g}, at x = {shown(worst[0].x, 300)}"
    return breach, ""


def _worst_of(
    law: Callable[[Any], Breach | None], inputs: Any, max_examples: int | None
) -> tuple[Breach | None, str]:
    count, found = 0, list[Breach]()
    if max_examples is None and not hasattr(inputs, "__len__"):
        max_examples = _EXAMPLES
    for x in islice(inputs, max_examples):
        count += 1
        try:
            breach = law(x)
        except Exception as error:
            error.add_note(f"at input {count - 1} of `inputs`: x = {shown(x, 500)}")
            raise
        if breach is not None:
            found.append(breach)
    if not count:
        raise ValueError("`inputs` must hold at least one input; got none")
    if not found:
        return None, ""
    worst = max(found, key=lambda breach: (breach.severity, breach.error))
    return worst, f", at {len(found)} of {count} inputs"
