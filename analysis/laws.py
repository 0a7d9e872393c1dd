"""The laws of an idempotent function, looked at for one input after another.

Beside f(f(x)) = f(x) itself they are what the equation silently assumes: that f leaves its input and
what it gave before alone, gives the same value twice and whatever it was called with in between, takes
what it gives, and keeps its kind; and of a network, that a call changes nothing in it and that a sample's
value does not depend on the rest of its batch.
"""

from __future__ import annotations

import copy
import random
from dataclasses import dataclass, field
from types import BuiltinFunctionType, FunctionType, MethodType
from typing import TYPE_CHECKING, Any

import numpy as np

from .frameworks import framework, is_module, random_in_training, set_alike, without_gradients
from .values import (
    Leaf,
    copied,
    counts,
    equal_leaves,
    is_array,
    is_whole,
    leaves,
    mismatch,
    same,
    shaken,
    shown,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from .values import Equality

_ULPS = 64
"""Units of round-off, times √size and the largest number, that an error may always have; at most √u/2."""
_SHAKE, _GROWTH = 8, 32
"""How many units of round-off f(x) is moved by to see how f answers, and what its answer counts times."""
_AGAIN = 8
"""Further calls, where f was seen to use a global random generator."""
_REMEMBERED = 16
_FAITHFUL = 0.1
"""Share of an error that, left in higher precision, is f's own and not that of its arithmetic."""


@dataclass(frozen=True, eq=False)
class Breach:
    """A law that does not hold, and where.

    Attributes:
        law: what should hold.
        detail: what was seen instead.
        x, y, z: the input, f(x) and f(f(x)), as far as they were computed.
        error, allowed: ‖f(f(x)) − f(x)‖, or whatever else was compared, and what rounding explains;
            ∞ and 0 where the values are no numbers.
        cause: "mathematics" or "arithmetic" where that could be told, else "".
    """

    law: str
    detail: str
    x: Any
    y: Any = None
    z: Any = None
    error: float = float("inf")
    allowed: float = 0.0
    cause: str = ""

    @property
    def severity(self) -> float:
        """How many times the error exceeds what is allowed."""
        return self.error / self.allowed if self.allowed else float("inf")


@dataclass(eq=False)
class Laws:
    """The laws of f; `breach(x)` says which is broken at x, `revisited` whether the past mattered.

    Attributes:
        f: the function, or a network in the mode it is in.
        tolerance: the greatest relative error; None to have it from the arithmetic.
        equal: when values have no equality of their own.
        batched: whether the first axis of an input counts samples that have nothing to do with one
            another.
    """

    f: Callable[[Any], Any]
    tolerance: float | None = None
    equal: Equality | None = None
    batched: bool = False
    _seen: list[tuple[Any, Any, Any]] = field(default_factory=list)
    _unused: Any = None

    def __post_init__(self) -> None:
        """Keep a copy of an f that may change, as it was before any call."""
        self._unused = _twin(self.f)

    def breach(self, x: Any) -> Breach | None:
        """Return the first law that is broken at x, or None."""
        with without_gradients(self.f):
            found, kept, first, y = self._single(x)
            return found or self._twice(kept, first, y) or self._alone(kept, first)

    def presumption(self, x: Any) -> Breach | None:
        """Return the first broken law other than f(f(x)) = f(x) itself, or None."""
        with without_gradients(self.f):
            found, kept, first, _ = self._single(x)
            return found or self._alone(kept, first)

    def revisited(self) -> Breach | None:
        """Return a breach if f gives another value than before for an input it was called with."""
        with without_gradients(self.f):
            for x, y, handed_out in reversed(self._seen):
                if not same(handed_out, y, self.equal):
                    detail = "a later call with another input changed the value that f gave"
                    return Breach("that f leaves its earlier values alone", detail, x, y)
                again = copied(self.f(copied(x)))
                if not self._repeats(y, again):
                    detail = f"called with other inputs in between, f gives another: {_apart(y, again)}"
                    return Breach("the same value twice", detail, x, y, again)
            for x, y, _ in reversed(self._seen[-_AGAIN:]):
                if (unused := _twin(self._unused)) is None:
                    return None
                set_alike(unused, self.f)
                if not self._repeats(y, value := copied(unused(copied(x)))):
                    detail = f"an f that was never called before gives another: {_apart(y, value)}"
                    return Breach("the same value twice", detail, x, y, value)
        return None

    def _single(self, x: Any) -> tuple[Breach | None, Any, Any, Any]:
        """What is wrong with f(x) alone; a copy of x, one of f(x), and f(x) as it was handed out."""
        kept, given = copied(x), copied(x)
        state, chance = _state(self.f), _chance(self.f, x)
        y = self.f(given)
        first = copied(y)  # f may hand out its own buffer, or its input

        def broken(law: str, detail: str, z: Any = None) -> tuple[Breach, Any, Any, Any]:
            return Breach(law, detail, kept, first, z), kept, first, y

        if not same(given, kept, self.equal):
            return broken("that f leaves its input alone", "f changed x in place")
        for _ in range(1 if chance == _chance(self.f, x) else _AGAIN):
            again = copied(self.f(copied(kept)))
            if not self._repeats(first, again):
                detail = f"two calls differ by {_apart(first, again)}{_hint(self.f)}"
                return broken("the same value twice", detail, again)
        if not same(y, first, self.equal):
            return broken("that f leaves its earlier values alone", "a second call changed the first one's")
        if (changed := _changed(state, _state(self.f))) is not None:
            detail = f"one changed {changed}{_hint(self.f)}"
            return broken("that a call changes nothing in the network", detail)
        if len(self._seen) < _REMEMBERED:
            self._seen.append((kept, first, y))
        return None, kept, first, y

    def _twice(self, x: Any, first: Any, y: Any) -> Breach | None:
        passed = copied(first)
        try:
            z = copied(self.f(passed))
        except Exception as error:  # noqa: BLE001 - whatever f raises, it took x
            detail = f"f(f(x)) raised {type(error).__name__}: {error}"
            return Breach("that f takes what it gives", detail, x, first)
        if not same(passed, first, self.equal):
            return Breach("that f leaves its input alone", "f changed f(x) in place", x, first, z)
        found = self._compared("f(f(x)) = f(x)", x, first, z, lambda: self._sensitivity(x, first, z, first))
        if found is None and not self._repeats(z, again := copied(self.f(y))):
            detail = f"f(f(x)) is another for f(x) itself than for a copy of it: {_apart(z, again)}"
            return Breach("the same value twice", detail, x, first, z)
        return found

    def _alone(self, x: Any, first: Any) -> Breach | None:
        """Whether fewer samples have the values they have among all."""
        if not self.batched:
            return None
        law = "that a sample's value does not depend on its batch"
        if not (is_array(x) and is_array(first) and x.ndim and first.ndim and len(x) == len(first) > 1):
            return None
        # The last alone tells what depends on those before it, the first what on those behind.
        for place in (slice(-1, None), slice(0, 1)):
            found = self._part(law, x, first, place)
            if found is not None:
                return found
        return None

    def _part(self, law: str, x: Any, first: Any, place: slice) -> Breach | None:
        """Whether the samples at this place have the value they have among all."""
        try:
            alone = self.f(copied(x[place]))
        except Exception:  # noqa: BLE001 - as batch statistics do of one sample
            place = slice(0, len(x) // 2)
            try:
                alone = self.f(copied(x[place]))
            except Exception as error:  # noqa: BLE001
                detail = f"f of fewer samples raised {type(error).__name__}: {error}{_hint(self.f)}"
                return Breach(law, detail, x, first)
        part, alone, expected = x[place], copied(alone), copied(first[place])
        return self._compared(law, x, expected, alone, lambda: self._sensitivity(part, expected, alone, part))

    def _repeats(self, first: Any, again: Any) -> bool:
        """Whether two values of f at one input agree: to the last bit, or to a tolerance that was given."""
        if self.tolerance is None or self.equal is not None:
            return same(first, again, self.equal)
        a, b = leaves(first), leaves(again)
        return mismatch(a, b) is None and all(
            _distance(p, q) <= self.tolerance * _norm(p) if p.roundoff else equal_leaves(p, q)
            for p, q in zip(a, b, strict=True)
        )

    def _compared(
        self, law: str, x: Any, y: Any, z: Any, sensitivity: Callable[[], list[float]]
    ) -> Breach | None:
        """Hold z against y leaf by leaf; the worst one is reported."""
        if self.equal is not None:
            return None if self.equal(y, z) else Breach(law, _pair(y, z), x, y, z)
        ours, others = leaves(y), leaves(z)
        if (where := mismatch(ours, others)) is not None:
            kind = "that f(f(x)) has the kind of f(x)" if law.startswith("f(f(x))") else law
            return Breach(kind, where, x, y, z)
        errors = [_distance(a, b) for a, b in zip(ours, others, strict=True)]
        if not any(errors):
            return None
        limits = self._limits(ours, x, sensitivity if any(map(_inexact, ours, errors)) else None)
        pairs = zip(errors, limits, strict=True)
        worst = max(range(len(errors)), key=[_severity(e, a) for e, a in pairs].__getitem__)
        if errors[worst] <= limits[worst]:
            return None
        return self._told(law, x, y, z, ours[worst], others[worst], errors[worst], limits[worst])

    def _limits(self, ours: list[Leaf], x: Any, sensitivity: Callable[[], list[float]] | None) -> list[float]:
        """What each leaf's error may be."""
        if self.tolerance is not None:
            return [self.tolerance * _norm(leaf) if leaf.roundoff else 0.0 for leaf in ours]
        scale = max((leaf.scale for leaf in (*ours, *leaves(x))), default=0.0)
        grown = sensitivity() if sensitivity else [0.0] * len(ours)
        return [
            min(_ULPS * a.roundoff, np.sqrt(a.roundoff) / 2) * scale * float(np.sqrt(a.content.size))
            + min(_GROWTH * by, float(np.sqrt(a.roundoff)) * _norm(a))
            if a.roundoff
            else 0.0
            for a, by in zip(ours, grown, strict=True)
        ]

    def _sensitivity(self, x: Any, y: Any, z: Any, at: Any) -> list[float]:
        """How far rounding errors of a few units in x and y alone carry each leaf of f(`at`) from z.

        Measured: `at` goes through f once more, each number moved by some units of round-off, twice
        with random signs.
        """
        ours = leaves(z)
        scale = max((leaf.scale for leaf in (*leaves(y), *leaves(x))), default=0.0)
        rng = np.random.default_rng(0)
        farthest = [0.0] * len(ours)
        for _ in range(2):
            try:
                image = leaves(copied(self.f(shaken(copied(at), _SHAKE, scale, rng))))
            except Exception:  # noqa: BLE001 - an f that takes no other values than its own
                return farthest
            if mismatch(ours, image) is None:
                grown = [_distance(a, b) if a.roundoff else 0.0 for a, b in zip(ours, image, strict=True)]
                farthest = [max(pair) for pair in zip(farthest, grown, strict=True)]
        return farthest

    def _told(
        self, law: str, x: Any, y: Any, z: Any, a: Leaf, b: Leaf, error: float, allowed: float
    ) -> Breach:
        where = f" at {a.path}" if a.path else ""
        if not a.roundoff and is_whole(a.content):
            return Breach(law, f"{_steps(a, b)}{where}", x, y, z, error)
        if not a.roundoff or not np.isfinite(error):
            return Breach(law, f"{_pair(y, z)}{where and f', different{where}'}", x, y, z)
        numbers = f"‖f(f(x)) − f(x)‖{where} is {error:.3g}, allowed {allowed:.3g}"
        if not law.startswith("f(f(x))"):
            numbers = (
                f"without the others the first are {error:.3g} away, allowed {allowed:.3g}{_hint(self.f)}"
            )
        if self.tolerance is not None:
            return Breach(law, numbers, x, y, z, error, allowed)
        cause = ""
        if law.startswith("f(f(x))"):
            cause = _cause(self.f, x, error, a)
        words = f"{numbers} ({cause or _by_size(error, allowed)})"
        return Breach(law, words, x, y, z, error, allowed, cause.partition(":")[0])


def _cause(f: Any, x: Any, error: float, leaf: Leaf) -> str:
    """Whether the error stays when everything is computed to more digits; "" where that cannot be done."""
    try:
        finer, wide, name = _finer(f, x)
        y = copied(finer(wide))
        z = copied(finer(copied(y)))
    except Exception:  # noqa: BLE001 - then it cannot be told
        return ""
    pairs = zip(leaves(y), leaves(z), strict=False)
    found = next(((a, b) for a, b in pairs if a.path == leaf.path), None)
    if found is None or not 0 < found[0].roundoff < leaf.roundoff or found[0].kind != found[1].kind:
        return ""
    left = _distance(*found)
    if left <= _FAITHFUL * error:
        return f"arithmetic: in {name} it is {left:.3g}"
    return f"mathematics: in {name} it is still {left:.3g}"


def _finer(f: Any, x: Any) -> tuple[Any, Any, str]:
    """F and x in a wider dtype, and its name."""
    library = framework(f) or framework(x)
    if library is not None:
        return library.moved(f, "float64", None), library.moved(x, "float64", None), "float64"
    if not (isinstance(x, np.ndarray | np.generic) and x.dtype.kind == "f"):
        raise TypeError("no wider dtype")
    wide = "float64" if x.dtype.itemsize < 8 else "longdouble"
    return f, x.astype(wide), wide


def _by_size(error: float, allowed: float) -> str:
    return "mathematics" if error > 1e3 * allowed else "perhaps arithmetic"


def _distance(a: Leaf, b: Leaf) -> float:
    """‖b − a‖ of two leaves of one kind; 0 or ∞ where they are no numbers or not finite alike."""
    if not a.roundoff:
        if equal_leaves(a, b):
            return 0.0
        return _length(counts(b.content) - counts(a.content)) if is_whole(a.content) else float("inf")
    p, q = np.asarray(a.content).ravel(), np.asarray(b.content).ravel()
    rest = ~np.isfinite(p)
    if not np.array_equal(p[rest], q[rest], equal_nan=True) or not np.isfinite(q[~rest]).all():
        return float("inf")
    with np.errstate(over="ignore"):
        return _length(q[~rest] - p[~rest])


def _norm(leaf: Leaf) -> float:
    numbers = np.asarray(leaf.content).ravel()
    return _length(numbers[np.isfinite(numbers)])


def _length(v: np.ndarray[Any, Any]) -> float:
    """‖v‖, which does not overflow before it has to."""
    most = float(np.abs(v).max(initial=0))
    if not 0 < most < np.inf:
        return most
    return most * float(np.linalg.norm((v / most).astype(complex if v.dtype.kind == "c" else float)))


def _inexact(leaf: Leaf, error: float) -> bool:
    return bool(leaf.roundoff) and 0 < error < float("inf")


def _severity(error: float, allowed: float) -> float:
    return (error / allowed if allowed else float("inf")) if error else 0.0


def _twin(f: Any) -> Any:
    """A copy of a callable object or a network; None of a function, and of what cannot be copied."""
    if isinstance(f, FunctionType | BuiltinFunctionType | MethodType | type) or f is None:
        return None
    try:
        return copy.deepcopy(f)
    except Exception:  # noqa: BLE001 - locks, handles, tensors within a graph: whatever cannot be copied
        return None


def _state(f: Any) -> dict[str, Any]:
    if not is_module(f):
        return {}
    return {
        name: copied(part) for part_of in (f.named_parameters, f.named_buffers) for name, part in part_of()
    }


def _changed(before: dict[str, Any], after: dict[str, Any]) -> str | None:
    """The names of a network's parameters and buffers that are not as they were, or None."""
    names = [n for n in after if n not in before or not same(before[n], after[n])]
    names += [n for n in before if n not in after]
    if not names:
        return None
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def _chance(f: Any, x: Any) -> list[Any]:
    """The state of every global random generator that f may draw from."""
    library = framework(f) or framework(x)
    name, keys, *rest = np.random.get_state()  # noqa: NPY002 - the generator that is watched
    own = library.random_state() if library is not None else b""
    return [random.getstate(), name, np.asarray(keys).tobytes(), rest, own]


def _hint(f: Any) -> str:
    parts = random_in_training(f)
    return f"; it is in training mode ({', '.join(parts)}): mode='eval', or net.eval(), changes that" * bool(
        parts
    )


def _apart(a: Any, b: Any) -> str:
    ours, others = leaves(a), leaves(b)
    if (where := mismatch(ours, others)) is not None:
        return where
    errors = [_distance(p, q) for p, q in zip(ours, others, strict=True) if p.roundoff]
    largest = max(errors, default=float("inf"))
    return f"{largest:.3g}" if 0 < largest < float("inf") else _pair(a, b)


def _steps(a: Leaf, b: Leaf) -> str:
    """How many whole numbers differ, and by how much at most; themselves where they are few."""
    off = np.abs(counts(b.content) - counts(a.content))
    words = f"{np.count_nonzero(off)} of {off.size} whole numbers differ, by at most {off.max():g}"
    return words if off.size > 20 else f"{words}: {_pair(a.content, b.content)}"


def _pair(y: Any, z: Any) -> str:
    return f"f(x) = {shown(y, 500)}, and then {shown(z, 500)}"
