"""Where the inputs of an audit come from: an array, batches, a loader with labels, a data set."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import islice
from typing import TYPE_CHECKING, Any

import array_api_compat
import numpy as np

from .frameworks import framework, is_module
from .values import copied, is_array, is_floating

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jaxtyping import Float, Inexact

    from corrector.evaluation import Array


def batches_of(
    inputs: Any, f: Any, batch: int, samples: int | None, seed: int = 0
) -> Iterator[Inexact[Array, "batch *sample"]]:
    """Yield batches of at most `batch` inputs, `samples` in all, as f takes them.

    Args:
        inputs: an array with an input a row; a data set with a length and single items; or an iterable
            of batches.  Of items that are tuples, lists or mappings, as of labelled data, the first
            entry counts.
        f: a network gets tensors of its parameters' dtype on their device, of whatever floating-point
            arrays the inputs are.
        batch: the greatest size of a batch.
        samples: how many inputs to take, at random where there is a length, else the first; all when None.
        seed: of which.

    Raises:
        TypeError: the inputs are no arrays of floating-point numbers, or no iterable.
        ValueError: an input is not finite, or has another shape than those before.
    """
    left, shape = samples, None
    for block in _blocks(inputs, batch, samples, seed):
        for start in range(0, len(block), batch):
            part = _prepared(block[start : start + batch], f)
            if left is not None:
                part = part[:left]
                left -= len(part)
            if shape not in (None, tuple(part.shape[1:])):
                raise ValueError(f"`inputs` must be of one shape, {shape}; got {tuple(part.shape[1:])}")
            shape = tuple(part.shape[1:])
            if len(part):
                yield part
            if left == 0:
                return


def count_of(inputs: Any, samples: int | None) -> int | None:
    """Return how many inputs will come, where that can be told beforehand."""
    if is_array(inputs) and not inputs.ndim:
        raise ValueError("`inputs` must be of shape (samples, …); got a single number")
    known = len(inputs) if is_array(inputs) or _is_data_set(inputs) else None
    return samples if known is None else min(known, samples or known)


def _blocks(inputs: Any, batch: int, samples: int | None, seed: int) -> Iterator[Any]:
    if is_array(inputs):
        yield inputs if samples is None or samples >= len(inputs) else inputs[_chosen(inputs, samples, seed)]
    elif _is_data_set(inputs):
        chosen = _chosen(inputs, len(inputs) if samples is None else samples, seed)
        for start in range(0, len(chosen), batch):
            yield stacked([_first(inputs[int(i)]) for i in chosen[start : start + batch]])
    elif hasattr(inputs, "columns"):
        raise TypeError(f"`inputs` must be an array; got {type(inputs).__name__}: its `to_numpy()` is one")
    elif _yields_single(inputs):
        items = iter(inputs)
        while kept := [_first(item) for item in islice(items, batch)]:
            yield stacked(kept)
    elif isinstance(inputs, Iterable) and not isinstance(inputs, str | bytes | Mapping):
        for item in inputs:
            block = _first(item)
            if not is_array(block):
                raise TypeError(f"`inputs` must yield batches, arrays of inputs; got {type(block).__name__}")
            yield block
    else:
        raise TypeError(
            f"`inputs` must be an array, batches or a data set; got {type(inputs).__name__}: "
            "for values that are no numbers there is `assert_idempotent`"
        )


def _chosen(inputs: Any, samples: int, seed: int) -> Any:
    """Places of a uniform sample, in order."""
    count = len(inputs)
    return np.sort(np.random.default_rng(seed).permutation(count)[: min(samples, count)])


def _is_data_set(inputs: Any) -> bool:
    """Whether single items are had by index, as of torch's data sets; lists hold batches."""
    sized = hasattr(inputs, "__len__") and hasattr(inputs, "__getitem__") and not hasattr(inputs, "columns")
    return sized and not is_array(inputs) and not isinstance(inputs, list | tuple | str | bytes | Mapping)


def _yields_single(inputs: Any) -> bool:
    """Whether what is iterated over are single inputs: torch's streams, and loaders without batches."""
    names = {cls.__name__ for cls in type(inputs).__mro__}
    return "IterableDataset" in names or ("DataLoader" in names and inputs.batch_size is None)


def _first(item: Any) -> Any:
    if isinstance(item, Mapping):
        return next(iter(item.values()))
    return item[0] if isinstance(item, list | tuple) and len(item) else item


def _prepared(block: Any, f: Any) -> Any:
    library = framework(f) if is_module(f) else None
    if not is_array(block):
        raise TypeError(f"`inputs` must hold arrays; got {type(block).__name__}")
    if library is not None:
        block = library.tensor(block, f, None, None)
    if not is_floating(block):
        raise TypeError(f"`inputs` must hold floating-point numbers; got {block.dtype}: convert them first")
    if block.ndim < 2:
        raise ValueError(
            f"`inputs` must be of shape (samples, …), batches of them too; got {tuple(block.shape)}"
        )
    xp = array_api_compat.array_namespace(block)
    if not bool(xp.all(xp.isfinite(block))):
        raise ValueError("`inputs` must be finite; got nan or infinite entries")
    return block


class Reservoir:
    """A uniform sample of at most `size` of the inputs that pass by."""

    def __init__(self, size: int, seed: int) -> None:
        self.size, self.rng = size, np.random.default_rng(seed)
        self.kept: list[Any] = []
        self.passed = 0

    def offer(self, batch: Any) -> None:
        """Let a batch pass."""
        for i in range(len(batch)):
            if self.passed < self.size:
                self.kept.append(copied(batch[i]))
            elif (place := int(self.rng.integers(self.passed + 1))) < self.size:
                self.kept[place] = copied(batch[i])
            self.passed += 1


class Worst:
    """The `size` inputs of the largest errors that pass by."""

    def __init__(self, size: int) -> None:
        self.size = size
        self._ranked: list[tuple[float, Any]] = []

    def offer(self, batch: Any, errors: Float[np.ndarray, " batch"]) -> None:
        """Let a batch pass."""
        for i in np.argsort(errors)[::-1][: self.size]:
            if len(self._ranked) < self.size or errors[i] > self._ranked[-1][0]:
                self._ranked.append((float(errors[i]), copied(batch[int(i)])))
                self._ranked = sorted(self._ranked, key=lambda entry: -entry[0])[: self.size]

    @property
    def kept(self) -> list[Any]:
        """These inputs, the worst first."""
        return [x for _, x in self._ranked]


def stacked(items: list[Any]) -> Any:
    """Return single inputs as one batch."""
    if not items or not is_array(items[0]):
        got = type(items[0]).__name__ if items else "none"
        raise TypeError(f"`inputs` must hold arrays; got {got}")
    return array_api_compat.array_namespace(items[0]).stack(items)
