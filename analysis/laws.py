"""The laws of an idempotent function, looked at for one input after another.

Beside f(f(x)) = f(x) itself they are what the equation silently assumes: that f leaves its input and
what it gave before alone, gives the same value twice and whatever it was called with in between, takes
what it gives, and keeps its kind; and of a network, that a call changes nothing in it and that a sample's
value does not depend on the rest of its batch.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from .differences import apart, distance, norm, pair, severity, steps
from .frameworks import set_alike, without_gradients
from .rounding import by_size, cause, explained
from .surroundings import chance, changed, hint, state, twin
from .values import copied, equal_leaves, is_whole, leaves, mismatch, same, samples, sliced

if TYPE_CHECKING:
    from collections.abc import Callable

    from .values import Equality, Leaf

_AGAIN = 8
"""Further calls, where f was seen to use a global random generator; and inputs that a new f is tried on."""
_REMEMBERED = 16


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
        self._unused = twin(self.f)

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
                    detail = f"called with other inputs in between, f gives another: {apart(y, again)}"
                    return Breach("the same value twice", detail, x, y, again)
            for x, y, _ in reversed(self._seen[-_AGAIN:]):
                if (unused := twin(self._unused)) is None:
                    return None
                set_alike(unused, self.f)
                if not self._repeats(y, value := copied(unused(copied(x)))):
                    detail = f"an f that was never called before gives another: {apart(y, value)}"
                    return Breach("the same value twice", detail, x, y, value)
        return None

    def _single(self, x: Any) -> tuple[Breach | None, Any, Any, Any]:
        """What is wrong with f(x) alone; a copy of x, one of f(x), and f(x) as it was handed out."""
        kept, given = copied(x), copied(x)
        before, dice = state(self.f), chance(self.f, x)
        y = self.f(given)
        first = copied(y)  # f may hand out its own buffer, or its input

        def broken(law: str, detail: str, z: Any = None) -> tuple[Breach, Any, Any, Any]:
            return Breach(law, detail, kept, first, z), kept, first, y

        if not same(given, kept, self.equal):
            return broken("that f leaves its input alone", "f changed x in place")
        for _ in range(1 if dice == chance(self.f, x) else _AGAIN):
            again = copied(self.f(copied(kept)))
            if not self._repeats(first, again):
                detail = f"two calls differ by {apart(first, again)}{hint(self.f)}"
                return broken("the same value twice", detail, again)
        if not same(y, first, self.equal):
            return broken("that f leaves its earlier values alone", "a second call changed the first one's")
        if (names := changed(before, state(self.f))) is not None:
            detail = f"one changed {names}{hint(self.f)}"
            return broken("that a call changes nothing in the network", detail)
        if len(self._seen) < _REMEMBERED:
            self._seen.append((kept, first, y))
        return None, kept, first, y

    def _twice(self, x: Any, first: Any, y: Any) -> Breach | None:
        passed = copied(first)
        try:
            z = copied(self.f(passed))
        except Exception as error:  # noqa: BLE001 - f took x: whatever it raises at f(x) breaks the law
            detail = f"f(f(x)) raised {type(error).__name__}: {error}"
            return Breach("that f takes what it gives", detail, x, first)
        if not same(passed, first, self.equal):
            return Breach("that f leaves its input alone", "f changed f(x) in place", x, first, z)
        found = self._compared("f(f(x)) = f(x)", x, first, z, first)
        if found is None and not self._repeats(z, again := copied(self.f(y))):
            detail = f"f(f(x)) is another for f(x) itself than for a copy of it: {apart(z, again)}"
            return Breach("the same value twice", detail, x, first, z)
        return found

    def _alone(self, x: Any, first: Any) -> Breach | None:
        """Whether fewer samples have the values they have among all."""
        if not self.batched:
            return None
        law = "that a sample's value does not depend on its batch"
        if (count := samples(x)) is None or count < 2 or samples(first) != count:
            return None
        # The last alone tells what depends on those before it, the first what on those behind.
        for place in (slice(-1, None), slice(0, 1), slice(count // 2, count // 2 + 1)):
            found = self._part(law, x, first, place)
            if found is not None:
                return found
        return None

    def _part(self, law: str, x: Any, first: Any, place: slice) -> Breach | None:
        """Whether the samples at this place, or if f takes no single one half of them, have their values."""
        failure: Exception | None = None
        for here in (place, slice(0, (samples(x) or 0) // 2)):
            part = sliced(x, here)
            try:
                alone = copied(self.f(copied(part)))
            except Exception as error:  # noqa: BLE001 - f may raise anything for one sample; then half of them are tried
                failure = error
                continue
            return self._compared(law, x, copied(sliced(first, here)), alone, part)
        detail = f"f of fewer samples raised {type(failure).__name__}: {failure}{hint(self.f)}"
        return Breach(law, detail, x, first)

    def _repeats(self, first: Any, again: Any) -> bool:
        """Whether two values of f at one input agree: to the last bit, or to a tolerance that was given."""
        if self.tolerance is None or self.equal is not None:
            return same(first, again, self.equal)
        a, b = leaves(first), leaves(again)
        return mismatch(a, b) is None and all(
            distance(p, q) <= self.tolerance * norm(p) if p.roundoff else equal_leaves(p, q)
            for p, q in zip(a, b, strict=True)
        )

    def _compared(self, law: str, x: Any, y: Any, z: Any, at: Any) -> Breach | None:
        """Hold z, the value of f at `at`, against y leaf by leaf; the worst one is reported."""
        if self.equal is not None:
            return None if same(y, z, self.equal) else Breach(law, pair(y, z), x, y, z)
        ours, others = leaves(y), leaves(z)
        if (where := mismatch(ours, others)) is not None:
            kind = "that f(f(x)) has the kind of f(x)" if law.startswith("f(f(x))") else law
            return Breach(kind, where, x, y, z)
        errors = [distance(a, b) for a, b in zip(ours, others, strict=True)]
        if not any(errors):
            return None
        if self.tolerance is None:
            limits = explained(self.f, x, y, z, at)
        else:
            limits = [self.tolerance * norm(leaf) if leaf.roundoff else 0.0 for leaf in ours]
        worst = int(np.argmax(list(map(severity, errors, limits))))
        if errors[worst] <= limits[worst]:
            return None
        return self._told(law, x, y, z, ours[worst], others[worst], errors[worst], limits[worst])

    def _told(
        self, law: str, x: Any, y: Any, z: Any, a: Leaf, b: Leaf, error: float, allowed: float
    ) -> Breach:
        where = f" at {a.path}" if a.path else ""
        if not a.roundoff and is_whole(a.content):
            return Breach(law, f"{steps(a, b)}{where}", x, y, z, error)
        if not a.roundoff or not np.isfinite(error):
            return Breach(law, f"{pair(y, z)}{where and f', different{where}'}", x, y, z)
        numbers = f"‖f(f(x)) − f(x)‖{where} is {error:.3g}, allowed {allowed:.3g}"
        if not law.startswith("f(f(x))"):
            numbers = (
                f"without the others the first are {error:.3g} away, allowed {allowed:.3g}{hint(self.f)}"
            )
        if self.tolerance is not None:
            return Breach(law, numbers, x, y, z, error, allowed)
        told = cause(self.f, x, error, a) if law.startswith("f(f(x))") else ""
        words = f"{numbers} ({told or by_size(error, allowed)})"
        return Breach(law, words, x, y, z, error, allowed, told.partition(":")[0])
