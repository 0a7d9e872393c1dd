"""The pytest plugin that makes tests of what is marked with `@idempotent`; pytest loads it by itself."""

from __future__ import annotations

from dataclasses import dataclass
from inspect import isfunction
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from .claims import Variant


@dataclass(frozen=True)
class Told:
    """What pytest shows of a broken law: its words, not the tool's own lines."""

    message: str

    @property
    def reprcrash(self) -> Told:
        """What pytest's summary takes its line from."""
        return self

    def toterminal(self, writer: Any) -> None:
        """Write the message."""
        writer.line(str(self), red=True)

    def __str__(self) -> str:
        return self.message


class IdempotencyTest(pytest.Function):
    """A test of one claim in one dtype, on one device, in one mode."""

    def __init__(self, *, variant: Variant, **given: Any) -> None:
        self._variant = variant
        super().__init__(**given)

    def runtest(self) -> None:
        """Test single inputs, then that what was called in between made no difference."""
        if (reason := self._variant.missing()) is not None:
            pytest.skip(reason)
        super().runtest()
        self._variant.revisit()

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """Show a broken law in its own words, and how hypothesis finds it again."""
        from .verification import IdempotencyError

        error = excinfo.value
        if not isinstance(error, IdempotencyError):
            return pytest.Item.repr_failure(self, excinfo, style)
        notes = [note for note in getattr(error, "__notes__", []) if "@reproduce_failure" in note]
        return Told("\n".join([str(error), *notes]))


def pytest_pycollect_makeitem(
    collector: pytest.Module | pytest.Class, name: str, obj: object
) -> list[pytest.Item] | None:
    """Make tests of what is marked in a test module, or is a static method there."""
    obj = obj.__func__ if isinstance(obj, staticmethod) else obj
    if "__idempotent__" not in getattr(obj, "__dict__", {}):
        return None
    from .claims import claim_of

    if (claim := claim_of(obj)) is None:
        return None
    if isinstance(collector, pytest.Class) and isfunction(vars(collector.obj).get(name)):
        raise collector.CollectError(
            f"expected a function or a static method marked with @idempotent; got the method {name}"
        )
    return [_test(collector, name, obj, variant) for variant in claim.variants(obj)]


def _test(collector: pytest.Collector, name: str, obj: object, variant: Variant) -> pytest.Item:
    full = f"{name}[{variant.name}]"
    test = variant.test(full)
    vars(test)["pytestmark"] = list(vars(obj).get("pytestmark", []))
    return IdempotencyTest.from_parent(collector, name=full, callobj=test, variant=variant)
