"""`@idempotent`: the claim, written beside a function, that it is idempotent; pytest tests it.

The decorator changes nothing in the function.  The pytest plugin (`pytest_plugin`) finds the claim in a
test module, whether the function is defined or imported there, and makes a test of it for each dtype,
device and mode.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import product
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from .frameworks import framework, in_mode, is_module
from .laws import Laws
from .values import is_floating
from .verification import (
    IdempotencyError,
    assert_idempotent,
    is_strategy,
    require_one_argument,
    require_tolerance,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from .laws import Breach
    from .values import Equality

MARK = "__idempotent__"

_DTYPES = ("float16", "bfloat16", "float32", "float64", "complex64", "complex128")
_DEVICES = ("cpu", "cuda", "mps", "xpu", "hpu", "mtia", "npu")
_Subject = TypeVar("_Subject")


@dataclass(frozen=True, eq=False)
class Claim:
    """That something is idempotent, and how to test it; kept beside it as `__idempotent__`."""

    inputs: Any
    dtypes: tuple[str | None, ...]
    devices: tuple[str | None, ...] | None
    modes: tuple[str | None, ...] | None
    settings: Any
    laws: Laws

    def variants(self, subject: Any) -> list[Variant]:
        """One for each dtype, device and mode; of a network, all its devices here and "eval" by default."""
        network = is_module(subject)
        library = framework(subject) if network else None
        devices = self.devices or (library.devices() if library is not None else (None,))
        modes = self.modes or (("eval",) if network else (None,))
        return [Variant(self, subject, *choice) for choice in product(self.dtypes, devices, modes)]


@dataclass(frozen=True, eq=False)
class Variant:
    """One test of a claim: the subject in a dtype, on a device, in a mode; each as it is when None."""

    claim: Claim
    subject: Any
    dtype: str | None
    device: str | None
    mode: str | None

    @property
    def name(self) -> str:
        """What stands in the brackets of the test's id."""
        return "-".join(filter(None, (self.dtype, self.device, self.mode))) or "idempotent"

    def missing(self) -> str | None:
        """Why this cannot be tested here, or None."""
        library = framework(self.subject)
        if self.device is None or library is None:
            return None
        if self.device.partition(":")[0] in library.devices():
            return None
        return f"{self.device} is not available; there is {', '.join(library.devices())}"

    @cached_property
    def laws(self) -> Laws:
        """The laws of a subject made, moved and set for this test alone."""
        made = self._made()
        library = framework(made) if is_module(made) else None
        f = made if library is None else library.moved(made, self.dtype, self.device)
        return replace(self.claim.laws, f=f, batched=self.claim.laws.batched or library is not None, _seen=[])

    def holds(self, x: Any) -> None:
        """Raise IdempotencyError if a law is broken at x, once x is of this dtype and on this device."""
        __tracebackhide__ = True
        with in_mode(self.laws.f, self.mode):
            self._raise(self.laws.breach(self._moved(x)))

    def revisit(self) -> None:
        """Raise IdempotencyError if the calls of a whole run left a trace."""
        with in_mode(self.laws.f, self.mode):
            self._raise(self.laws.revisited())

    def test(self, name: str) -> Callable[[], None]:
        """Return a test, by hypothesis where the inputs are a strategy."""
        if is_strategy(self.claim.inputs):
            from .strategies import property_test

            return property_test(self.holds, self.claim.inputs, self.claim.settings, name)
        return lambda: self._check()

    def _check(self) -> None:
        __tracebackhide__ = True
        laws = self.laws
        assert_idempotent(
            laws.f,
            [self._moved(x) for x in self.claim.inputs],
            tolerance=laws.tolerance,
            equal=laws.equal,
            mode=self.mode,
            batched=laws.batched,
        )

    @staticmethod
    def _raise(breach: Breach | None) -> None:
        __tracebackhide__ = True
        if breach is not None:
            raise IdempotencyError(breach)

    def _made(self) -> Any:
        if not isinstance(self.subject, type):
            return self.subject
        try:
            return self.subject()
        except TypeError as error:
            raise TypeError(f"expected a class that is made without arguments; {error}") from None

    def _moved(self, x: Any) -> Any:
        f = self.laws.f
        library = framework(f) if is_module(f) else framework(x)
        if library is not None:
            return library.tensor(x, f if is_module(f) else x, self.dtype, self.device)
        if self.device not in (None, "cpu"):
            raise ValueError(f"expected tensors, to put them on {self.device}; got {type(x).__name__}")
        if self.dtype is None or not is_floating(x):
            return x
        if self.dtype == "bfloat16":
            raise ValueError(f"expected tensors, to make them bfloat16; got {type(x).__name__}")
        return np.asarray(x).astype(self.dtype)


def idempotent(
    inputs: Any = None,
    *,
    dtypes: Sequence[str] | None = None,
    devices: Sequence[str] | None = None,
    modes: Sequence[str] | None = None,
    tolerance: float | None = None,
    equal: Equality | None = None,
    batched: bool = False,
    settings: Any = None,
) -> Any:
    """Claim that a function, a network or a class of networks is idempotent, for pytest to test.

    What is decorated stays as it is.  In any test module where it is defined or imported under a name,
    pytest finds a test `name[dtype-device-mode]` for each combination, or `name[idempotent]`.  It
    holds f to the laws of `assert_idempotent`, with inputs from hypothesis: the profile, its
    database, `--hypothesis-seed`, `--hypothesis-show-statistics` and pytest-xdist work as for any of
    its tests; only the deadline is off unless `settings` sets one.

    Args:
        inputs: a hypothesis strategy, or a list of inputs.  Without it (`@idempotent` alone will do) they
            are drawn by the type that the function's parameter is annotated with.
        dtypes: names of floating-point types; inputs, and a network's parameters, are converted to each.
        devices: names of devices; of a network every one of this machine when None.  One that is not
            there is skipped.
        modes: "eval", "train"; of a network "eval" when None.
        tolerance: as for `assert_idempotent`.
        equal: as there.
        batched: as there; of a network always.
        settings: a `hypothesis.settings`.

    Raises:
        TypeError: what is decorated cannot be called or marked, as built-in functions cannot, or has
            no inputs and no annotation.
        ValueError: an option that is no list of names, or of unknown ones.

    >>> @idempotent
    ... def squeezed(text: str) -> str:
    ...     return " ".join(text.split())
    >>> squeezed(" a  b ")
    'a b'
    >>> [variant.name for variant in squeezed.__idempotent__.variants(squeezed)]
    ['idempotent']
    """
    if callable(inputs) and not is_strategy(inputs):
        return idempotent()(inputs)
    options = {
        "dtypes": _names("dtypes", dtypes, _DTYPES),
        "devices": _names("devices", devices, _DEVICES),
        "modes": _names("modes", modes, ("eval", "train")),
    }
    require_tolerance(tolerance)
    if settings is not None and not hasattr(settings, "max_examples"):
        raise TypeError(f"`settings` must be a hypothesis.settings; got {type(settings).__name__}")
    given = _several(inputs)

    def mark(subject: _Subject) -> _Subject:
        if not callable(subject):
            raise TypeError(f"expected a function, a network or a class; got {type(subject).__name__}")
        if isinstance(subject, staticmethod | classmethod):
            raise TypeError(f"expected @{type(subject).__name__} above @idempotent; got it below")
        if not isinstance(subject, type):
            require_one_argument(subject)
        claim = Claim(
            inputs=_inferred(subject) if given is None else given,
            dtypes=options["dtypes"] or (None,),
            devices=options["devices"],
            modes=options["modes"],
            settings=settings,
            laws=Laws(subject, tolerance, equal, batched=batched),
        )
        try:
            setattr(subject, MARK, claim)
        except (AttributeError, TypeError):
            raise TypeError(
                f"expected something that can be marked; got {type(subject).__name__}: wrap it in a function"
            ) from None
        return subject

    return mark


def claim_of(subject: Any) -> Claim | None:
    """Return the claim made of this very thing, not of a class or a function behind it."""
    found = getattr(subject, "__dict__", {}).get(MARK)
    return found if isinstance(found, Claim) else None


def _inferred(subject: Any) -> Any:
    from .strategies import by_annotation

    return by_annotation(subject)


def _several(inputs: Any) -> Any:
    """A strategy as it is, anything else as a list that each test can go through."""
    if inputs is None or is_strategy(inputs):
        return inputs
    if isinstance(inputs, str | bytes | Mapping) or not isinstance(inputs, Iterable):
        raise TypeError(f"`inputs` must be a strategy or a list of inputs; got {type(inputs).__name__}")
    found = list(inputs)
    if not found:
        raise ValueError("`inputs` must hold at least one input; got none")
    return found


def _names(option: str, given: Sequence[str] | None, known: Sequence[str]) -> tuple[str, ...] | None:
    if given is None:
        return None
    if isinstance(given, str) or not given or not all(isinstance(name, str) for name in given):
        raise ValueError(f"`{option}` must be a list of names; got {given!r}")
    if unknown := [name for name in given if name.partition(":")[0] not in known]:
        raise ValueError(f"`{option}` must be of {', '.join(known)}; got {unknown[0]!r}")
    return tuple(given)
