"""What a call of f may leave behind or depend on besides its input: state, chance, earlier calls."""

from __future__ import annotations

import copy
import random
from types import BuiltinFunctionType, FunctionType, MethodType
from typing import Any

import numpy as np

from .frameworks import framework, is_module, random_in_training
from .values import copied, same


def twin(f: Any) -> Any:
    """Return a copy of a callable object or a network; None of a function, and of what cannot be copied."""
    if isinstance(f, FunctionType | BuiltinFunctionType | MethodType | type) or f is None:
        return None
    try:
        return copy.deepcopy(f)
    except Exception:  # noqa: BLE001 - locks, handles, tensors within a graph: whatever cannot be copied
        return None


def spared(f: Any, mode: str | None) -> Any:
    """Return a copy of a network that would change while it is looked at: one that is in training mode."""
    if is_module(f) and (mode == "train" or (mode is None and any(part.training for part in f.modules()))):
        return twin(f) or f
    return f


def state(f: Any) -> dict[str, Any]:
    """Return a network's parameters and buffers, copied, and its flags, by name; nothing of a function."""
    if not is_module(f):
        return {}
    held = {name: copied(part) for name, part in (*f.named_parameters(), *f.named_buffers())}
    flags = {f"{name}.requires_grad": part.requires_grad for name, part in f.named_parameters()}
    modes = {f"{name}.training".lstrip("."): part.training for name, part in f.named_modules()}
    return held | flags | modes


def changed(before: dict[str, Any], after: dict[str, Any]) -> str | None:
    """Return the names of a network's parameters and buffers that are not as they were, or None."""
    names = [n for n in after if n not in before or not same(before[n], after[n])]
    names += [n for n in before if n not in after]
    if not names:
        return None
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def chance(f: Any, x: Any) -> list[Any]:
    """Return the state of every global random generator that f may draw from."""
    library = framework(f) or framework(x)
    name, keys, *rest = np.random.get_state()  # noqa: NPY002 - f may draw from it
    own = library.random_state() if library is not None else b""
    return [random.getstate(), name, np.asarray(keys).tobytes(), rest, own]


def hint(f: Any) -> str:
    """Return that a network is in training mode and what changes that, where this may be the cause."""
    parts = random_in_training(f)
    words = f"; it is in training mode ({', '.join(parts)}): mode='eval', or net.eval(), changes that"
    return words if parts else ""
