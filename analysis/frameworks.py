"""What only the library that a network is made of can do: tensors, derivatives, its random state.

`analysis` imports no such library.  A `Framework` is looked up among the installed entry points of the
group "corrector.frameworks", by the name of the library that the subject's class comes from, and loaded
when a subject of it is seen; `training.framework` is torch's.
"""

from __future__ import annotations

from contextlib import contextmanager, nullcontext
from functools import cache
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from jaxtyping import Float, Inexact
    from numpy import ndarray

    from corrector.evaluation import Array


class Framework(Protocol):
    """A library of differentiable networks."""

    def tensor(
        self, x: Inexact[ndarray, "*shape"] | Array, subject: Any, dtype: str | None, device: str | None
    ) -> Array:
        """X as a tensor, of the dtype and on the device named, or else of the subject's parameters."""
        ...

    def moved(self, subject: Any, dtype: str | None, device: str | None) -> Any:
        """A copy of the subject in that dtype and on that device."""
        ...

    def devices(self) -> tuple[str, ...]:
        """The devices that can be used on this machine, "cpu" first."""
        ...

    def random_state(self) -> bytes:
        """The state of the global generators."""
        ...

    def without_gradients(self) -> AbstractContextManager[None]:
        """A context in which no graph is kept."""
        ...

    def directional(self, f: Callable[[Array], Array], x: Array, v: Array) -> Inexact[Array, "batch *sample"]:
        """J(x)v by forward mode: one pass at about twice the cost."""
        ...

    def slope(
        self, objective: Callable[[Array], Float[Array, " batch"]], x: Array
    ) -> tuple[Float[Array, " batch"], Array]:
        """The objective at each sample and its gradient there."""
        ...

    def normal(self, like: Array, seed: int) -> Array:
        """Entries from N(0, 1), of the shape, dtype and device of another tensor."""
        ...


def framework(subject: Any) -> Framework | None:
    """Return the framework of a network or a tensor; None where none is installed for it.

    >>> framework(len) is None
    True
    """
    classes = (subject if isinstance(subject, type) else type(subject)).__mro__
    for root in dict.fromkeys(cls.__module__.partition(".")[0] for cls in classes):
        if (found := _loaded(root)) is not None:
            return found
    return None


@cache
def _loaded(name: str) -> Framework | None:
    for entry in entry_points(group="corrector.frameworks", name=name):
        found: Framework = entry.load()()
        return found
    return None


def require_instance(subject: Any) -> None:
    """Raise TypeError if the subject is a class of networks, or nothing that can be called."""
    if isinstance(subject, type) and is_module(subject):
        raise TypeError(f"expected a network; got the class {subject.__name__}: make an instance of it")
    if not callable(subject):
        raise TypeError(f"expected a function or a network; got {type(subject).__name__}")


def is_module(subject: Any) -> bool:
    """Whether the subject is a network: it has parameters, buffers and a training mode."""
    return all(hasattr(subject, name) for name in ("named_parameters", "named_buffers", "modules", "train"))


def require_mode(mode: str | None) -> None:
    """Raise ValueError unless this is a mode a network can be put in, or None."""
    if mode not in (None, "eval", "train"):
        raise ValueError(f"`mode` must be 'eval', 'train' or None; got {mode!r}")


@contextmanager
def in_mode(subject: Any, mode: str | None) -> Iterator[None]:
    """Put a network in "eval" or "train" mode for the block, then each of its parts back as it was."""
    parts = list(subject.modules()) if is_module(subject) and mode else []
    before = [part.training for part in parts]
    try:
        for part in parts:
            part.training = mode == "train"
        yield
    finally:
        for part, training in zip(parts, before, strict=True):
            part.training = training


def set_alike(copy: Any, subject: Any) -> None:
    """Put each part of a copy of a network in the mode that this part is in."""
    if is_module(subject):
        for ours, theirs in zip(copy.modules(), subject.modules(), strict=True):
            ours.training = theirs.training


def without_gradients(subject: Any) -> AbstractContextManager[None]:
    """Return a context in which no graph is kept, where the subject is a network."""
    found = framework(subject) if is_module(subject) else None
    return nullcontext() if found is None else found.without_gradients()


def random_in_training(subject: Any) -> list[str]:
    """Return the kinds of a network's parts that are in training mode and behave otherwise there."""
    if not is_module(subject):
        return []
    telling = ("Dropout", "BatchNorm", "RReLU", "InstanceNorm")
    names = {type(part).__name__ for part in subject.modules() if part.training}
    return sorted(name for name in names if any(word in name for word in telling))
