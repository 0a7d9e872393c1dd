"""One planted fault: a subject that breaks idempotency, and its twin without the mistake."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True)
class Fault:
    """Factories, so that states, seeds and models are new at each use."""

    kind: Literal["matrix", "callable", "network"]
    name: str
    broken: Callable[[], Any]
    sound: Callable[[], Any]
    inputs: Callable[[], Any] | None = None

    def __str__(self) -> str:
        return f"{self.kind}-{self.name}"
