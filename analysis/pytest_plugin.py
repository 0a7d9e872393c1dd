"""The pytest plugin that makes tests of what is marked with `@idempotent`; pytest loads it by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from .claims import Variant


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


def pytest_pycollect_makeitem(
    collector: pytest.Module | pytest.Class, name: str, obj: object
) -> list[pytest.Item] | None:
    """Make tests of what is marked in a test module."""
    if not isinstance(collector, pytest.Module) or "__idempotent__" not in getattr(obj, "__dict__", {}):
        return None
    from .claims import claim_of

    if (claim := claim_of(obj)) is None:
        return None
    tests: list[pytest.Item] = []
    for variant in claim.variants(obj):
        full = f"{name}[{variant.name}]"
        tests.append(
            IdempotencyTest.from_parent(collector, name=full, callobj=variant.test(full), variant=variant)
        )
    return tests
