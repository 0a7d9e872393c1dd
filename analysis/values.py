"""Values of any kind, taken apart so that they can be compared: arrays, frames, pictures, text, containers.

A value is a tree, and its leaves are what is compared: arrays of numbers within a tolerance, all
else by equality.  Where two trees differ in more than their leaves' contents (a type, a shape, a
dtype, a device, an index) they are of different kinds.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Coroutine, Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from typing import TYPE_CHECKING, Any

import array_api_compat
import numpy as np

from corrector.arithmetic import gathered

from .arrays import unit_roundoff

if TYPE_CHECKING:
    from jaxtyping import Float, Inexact

_LONG = 32
"""Entries beyond which a list is looked at as one."""
_DENSE = 10**6
"""Entries up to which a sparse matrix is compared as a dense one."""
_IDENTITY: Any = object.__eq__
Equality = Callable[[Any, Any], bool]


@dataclass(frozen=True, eq=False)
class Leaf:
    """A part of a value that has no parts.

    Attributes:
        path: how to reach it from the value: "['x'][0]", "" for the value itself.
        kind: its type, shape, dtype and device.
        content: its numbers as doubles, on the host, where they are floating; else the part itself.
        roundoff: the unit round-off of its dtype; 0 where equality is exact.
    """

    path: str
    kind: str
    content: Any
    roundoff: float = 0.0

    @property
    def scale(self) -> float:
        """The largest absolute value of its finite numbers; 0 where it has none."""
        if not self.roundoff:
            return 0.0
        finite = self.content[np.isfinite(self.content)]
        return float(np.abs(finite).max(initial=0))


def leaves(value: Any, path: str = "") -> list[Leaf]:
    """Return the leaves of a value, those of containers and frames in order.

    >>> [(leaf.path, leaf.kind) for leaf in leaves({"x": np.zeros(2), "n": 3})]
    [('', "dict of ['n', 'x']"), ("['n']", 'int'), ("['x']", 'ndarray of shape (2,), float64')]
    """
    parts = _parts(value)
    if parts is None:
        return [_leaf(value, path)]
    kind, children = parts
    found = [Leaf(path, kind, None)] if kind else []
    return found + [leaf for step, child in children for leaf in leaves(child, path + step)]


def _parts(value: Any) -> tuple[str, list[tuple[str, Any]]] | None:
    """What the container itself is, beyond its type where an empty one says nothing, and its children."""
    name = type(value).__name__
    if isinstance(value, Mapping):
        keys = sorted(value, key=repr)
        return f"{name} of {keys}", [(f"[{key!r}]", value[key]) for key in keys]
    if _is_plain(value):
        numbers = type(value[0]) is float
        return (f"{name} of {len(value)} floats", [("", np.array(value))]) if numbers else None
    if isinstance(value, list | tuple):
        return f"{name} of {len(value)}", [(f"[{i}]", entry) for i, entry in enumerate(value)]
    if is_dataclass(value) and not isinstance(value, _Column | type):
        return name, [(f".{field.name}", getattr(value, field.name)) for field in fields(value)]
    if _is_from("PIL", value):
        palette = [(".palette", value.getpalette())] if value.mode == "P" else []
        return f"{name} of mode {value.mode}, size {value.size}", [("", np.asarray(value)), *palette]
    if _is_from("pandas", value) and hasattr(value, "columns"):
        columns = [(f"[{label!r}]", value.iloc[:, i]) for i, label in enumerate(value.columns)]
        frame = f"{name} of shape {value.shape}"
        values = [(step, _Column(column)) for step, column in columns]
        return frame, [(".index", value.index), (".columns", value.columns), *values]
    if _is_from("pandas", value) and hasattr(value, "index") and hasattr(value, "to_numpy"):
        return f"{name} named {value.name!r}", [(".index", value.index), (".values", _Column(value))]
    if isinstance(value, np.ma.MaskedArray):
        mask = np.ma.getmaskarray(value)
        return f"{name} of shape {value.shape}", [(".mask", mask), (".data", np.where(mask, 0, value.data))]
    if _is_from("torch", value) and "strided" not in str(getattr(value, "layout", "strided")):
        return f"{name} of {value.layout}", [("", value.to_dense())]
    if isinstance(value, np.ndarray | np.void) and value.dtype.names:
        fields_of = [(f"[{field!r}]", value[field]) for field in value.dtype.names]
        return array_kind(value), fields_of
    if _is_from("scipy", value) and hasattr(value, "toarray"):
        if value.shape[0] * value.shape[-1] <= _DENSE:
            return f"{name} of {value.format} format", [("", value.toarray())]
        rows = value.tocsr(copy=True)
        rows.sum_duplicates()
        parts = [(".indptr", rows.indptr), (".indices", rows.indices), (".data", rows.data)]
        return f"{name} of {value.format} format, shape {value.shape}", parts
    return None


@dataclass(frozen=True, eq=False)
class _Column:
    """A pandas column without its index."""

    series: Any


def _leaf(value: Any, path: str) -> Leaf:
    if isinstance(value, _Column):
        dtype = value.series.dtype
        if isinstance(dtype, np.dtype) and dtype.kind in "fc":
            inner = _leaf(value.series.to_numpy(), path)
            return Leaf(path, f"column of {dtype}", inner.content, inner.roundoff)
        return Leaf(path, f"column of {dtype}", value.series.reset_index(drop=True))
    if _is_from("pandas", value) and hasattr(value, "names"):
        return Leaf(path, f"index of {value.dtype} named {list(value.names)}", value)
    if isinstance(value, float | complex) and not is_array(value):
        return Leaf(path, type(value).__name__, np.asarray(value), 2.0**-53)
    if is_array(value):
        kind = array_kind(value)
        return (
            Leaf(path, kind, doubles(value), unit_roundoff(value))
            if is_floating(value)
            else Leaf(path, kind, value)
        )
    return Leaf(path, type(value).__name__, value)


def is_array(x: Any) -> bool:
    """Whether x speaks the array API; NumPy's scalars do."""
    return bool(array_api_compat.is_array_api_obj(x))


def is_floating(x: Any) -> bool:
    """Whether x is an array of floating-point numbers, real or complex."""
    if not is_array(x):
        return False
    if str(x.dtype) == "bfloat16":  # JAX's, which NumPy takes for an unknown one
        return True
    if getattr(x.dtype, "kind", "") in {*"OUSMmV"}:
        return False
    xp = array_api_compat.array_namespace(x)
    return bool(xp.isdtype(x.dtype, ("real floating", "complex floating")))


def doubles(x: Any) -> Inexact[np.ndarray, "*shape"]:
    """Return the numbers of a floating array on the host, in double or what is wider; a copy."""
    if isinstance(x, np.ndarray | np.generic) and x.dtype in ("longdouble", "clongdouble"):
        return np.array(x)
    wide = "complex128" if "complex" in str(x.dtype) else "float64"
    if hasattr(x, "detach"):  # NumPy has no bfloat16 to gather torch's in
        xp = array_api_compat.array_namespace(x)
        x = xp.astype(x.detach(), getattr(xp, wide))
    return np.array(gathered(x).astype(wide))


def is_whole(x: Any) -> bool:
    """Whether x is an array of integers or booleans."""
    if not is_array(x) or getattr(x.dtype, "kind", "") in {*"OUSMmV"}:
        return False
    return bool(array_api_compat.array_namespace(x).isdtype(x.dtype, ("integral", "bool")))


def counts(x: Any) -> Float[np.ndarray, " n"]:
    """Return an array of integers or booleans as doubles on the host, flattened."""
    return gathered(x).astype("float64").ravel()


def array_kind(x: Any) -> str:
    """The type, shape and dtype of an array, and its device unless it is on the host.

    >>> array_kind(np.zeros((2, 3), "float32"))
    'ndarray of shape (2, 3), float32'
    """
    device = str(getattr(x, "device", "cpu"))
    return f"{type(x).__name__} of shape {tuple(x.shape)}, {x.dtype}" + f", on {device}" * (device != "cpu")


def copied(value: Any) -> Any:
    """Return a value that shares no memory with this one, its tensors cut off from their graph.

    Raises:
        TypeError: the value cannot be copied, or is used up by looking at it, as an iterator is.
    """
    require_value(value)
    if isinstance(value, dict):
        made = copy.copy(value)
        made.update({key: copied(entry) for key, entry in value.items()})
        return made
    if isinstance(value, list | tuple) and not _is_plain(value):
        parts = list(map(copied, value))
        return type(value)(*parts) if hasattr(value, "_fields") else type(value)(parts)
    if is_dataclass(value) and not isinstance(value, type):
        twin: Any = copy.copy(value)
        for field in fields(value):
            object.__setattr__(twin, field.name, copied(getattr(value, field.name)))
        return twin
    if is_array(value) and hasattr(value, "detach"):
        return value.detach().clone()  # a deep copy of a view would copy all that it is a view of
    try:
        return copy.deepcopy(value)
    except (TypeError, RuntimeError) as error:
        raise TypeError(
            f"expected a value that can be copied; got {type(value).__name__} ({error})"
        ) from None


def require_value(value: Any) -> None:
    """Raise TypeError if a value can be looked at only once."""
    if isinstance(value, Coroutine):
        raise TypeError("expected values that can be compared; got a coroutine: await it in the function")
    if isinstance(value, Iterator):
        raise TypeError(
            "expected values that can be compared; "
            f"got {type(value).__name__}, which is used up by looking at it: make a list of it"
        )


def same(a: Any, b: Any, equal: Equality | None = None) -> bool:
    """Whether two values are of one kind and equal to the last bit; nan equals nan."""
    if equal is not None:
        found = equal(a, b)
        if not isinstance(found, bool | np.bool_):
            raise TypeError(f"`equal` must return True or False; got {type(found).__name__}")
        return bool(found)
    ours, others = leaves(a), leaves(b)
    return mismatch(ours, others) is None and all(map(equal_leaves, ours, others))


def mismatch(ours: list[Leaf], others: list[Leaf]) -> str | None:
    """Return where two values are not of one kind, or None.

    >>> mismatch(leaves([1, 2.0]), leaves([1, 2]))
    '[1] is float, then int'
    """
    for a, b in zip(ours, others, strict=False):
        if a.path == b.path and a.kind != b.kind:
            return f"{a.path or 'it'} is {a.kind}, then {b.kind}"
        if a.path != b.path:
            return f"it has {a.path}, then {b.path} in its place"
    return None if len(ours) == len(others) else f"it has {len(ours)} parts, then {len(others)}"


def equal_leaves(a: Leaf, b: Leaf) -> bool:
    """Whether two leaves of one kind hold the same.

    Raises:
        TypeError: the values have no equality of their own, or one that is neither true nor false.
    """
    x, y = a.content, b.content
    if a.roundoff:
        return bool(np.array_equal(x, y, equal_nan=True))
    if x is None:
        return y is None
    if is_array(x):
        kind = getattr(x.dtype, "kind", "")
        if kind == "O":
            pairs = zip(x.ravel().tolist(), y.ravel().tolist(), strict=True)
            return x.shape == y.shape and all(type(p) is type(q) and _equal(p, q) for p, q in pairs)
        if kind in {*"USMmV"}:
            return bool(np.array_equal(x, y, equal_nan=kind in {*"Mm"}))
        xp = array_api_compat.array_namespace(x)
        return bool(xp.all(x == y))
    if hasattr(x, "equals"):  # pandas, polars, xarray
        return bool(x.equals(y))
    return _equal(x, y)


def _equal(x: Any, y: Any) -> bool:
    if x is y:
        return True
    if type(x).__eq__ is type(y).__eq__ is _IDENTITY:
        raise TypeError(
            f"expected values with an equality; got {type(x).__name__}, which defines none: give `equal`"
        )
    try:
        return bool(x == y) or (_is_nan(x) and _is_nan(y))
    except ValueError:
        raise TypeError(
            f"expected values whose equality is true or false; got {type(x).__name__}: give `equal`"
        ) from None


def shaken(value: Any, by: float, rng: np.random.Generator, *, each: bool) -> Any:
    """Return the value with its floating numbers moved by ± `by`·u·m, u the round-off.

    m is the number itself, or where it is not to be `each` by its own size the largest of its leaf.
    """
    if type(value) is dict:
        return {key: shaken(entry, by, rng, each=each) for key, entry in value.items()}
    if type(value) in (list, tuple):
        return type(value)(shaken(entry, by, rng, each=each) for entry in value)
    if isinstance(value, float | complex) and not is_array(value):
        return type(value)(value + by * 2.0**-53 * abs(value) * rng.choice([-1.0, 1.0]))
    if is_floating(value):
        xp = array_api_compat.array_namespace(value)
        leaf = _leaf(value, "")
        sizes = np.abs(leaf.content) if each else leaf.scale
        shift = by * leaf.roundoff * sizes * rng.choice([-1.0, 1.0], size=tuple(value.shape))
        return value + xp.asarray(shift, dtype=value.dtype, device=array_api_compat.device(value))
    if _is_from("pandas", value) and hasattr(value, "columns"):
        frame = value.copy()
        for i, dtype in enumerate(frame.dtypes):
            if isinstance(dtype, np.dtype) and dtype.kind == "f":
                frame.isetitem(i, shaken(frame.iloc[:, i].to_numpy(), by, rng, each=each))
        return frame
    return value


def samples(value: Any) -> int | None:
    """Return how many samples an array holds, or a container of arrays that hold as many; else None."""
    if is_array(value):
        return len(value) if value.ndim else None
    if type(value) in (dict, list, tuple):
        counts = {samples(entry) for entry in (value.values() if type(value) is dict else value)}
        return counts.pop() if len(counts) == 1 else None
    return None


def sliced(value: Any, place: slice) -> Any:
    """Return the samples at this place of an array, or of a container of arrays."""
    if type(value) is dict:
        return {key: sliced(entry, place) for key, entry in value.items()}
    if type(value) in (list, tuple):
        return type(value)(sliced(entry, place) for entry in value)
    return value[place]


def shown(value: Any, limit: int = 1500) -> str:
    """Return an expression that gives the value, to the last bit where it is an array; cut off if long.

    >>> shown(np.array([0.1, 0.2], dtype="float32"))
    "np.array([0.1, 0.2], dtype='float32')"
    >>> shown("x" * 2000, limit=20)
    "'xxxxxxxxxxxxxxxxxxx… (2002 characters; the whole is in the error's attributes)"
    """
    text = _expression(value)
    if len(text) <= limit:
        return text
    return f"{text[:limit]}… ({len(text)} characters; the whole is in the error's attributes)"


def _expression(value: Any) -> str:
    if isinstance(value, np.ndarray) and value.dtype.kind in "fciub":
        dtype = str(value.dtype)
        plain = dtype in ("float64", "int64", "bool", "complex128")
        return f"np.array({_digits(value)}{'' if plain else f', dtype={dtype!r}'})"
    if _is_from("torch", value) and is_array(value):
        device = "" if str(value.device) == "cpu" else f", device={str(value.device)!r}"
        narrow = value if str(value.dtype) != "torch.bfloat16" else value.float()
        return f"torch.tensor({_digits(np.asarray(narrow.detach().cpu()))}, dtype={value.dtype}{device})"
    if type(value) in (list, tuple):
        inner = ", ".join(map(_expression, value))
        return f"[{inner}]" if type(value) is list else f"({inner}{',' * (len(value) == 1)})"
    if type(value) is dict:
        return "{" + ", ".join(f"{k!r}: {_expression(v)}" for k, v in value.items()) + "}"
    if _is_from("pandas", value) and hasattr(value, "columns"):
        columns, index = _expression(value.to_dict("list")), _expression(value.index.tolist())
        return f"pd.DataFrame({columns}, index={index})"
    if isinstance(value, float) and not np.isfinite(value):
        return f"float('{float(value)}')"
    return repr(value)


def _digits(x: Inexact[np.ndarray, "*shape"]) -> str:
    if x.size > 10_000:
        return np.array2string(x, threshold=100, separator=", ")
    with np.printoptions(nanstr="float('nan')", infstr="float('inf')", floatmode="unique"):
        return " ".join(np.array2string(x, threshold=x.size + 1, separator=", ").split())


def _is_plain(value: Any) -> bool:
    """Whether this is a long list of floats, or of numbers, texts and the like, compared as one."""
    if not isinstance(value, list | tuple) or len(value) <= _LONG or hasattr(value, "_fields"):
        return False
    kinds = set(map(type, value))
    return kinds == {float} or kinds <= {int, str, bytes, bool, type(None)}


def _is_nan(x: Any) -> bool:
    return bool(x != x)


def _is_from(library: str, value: Any) -> bool:
    return any(cls.__module__.partition(".")[0] == library for cls in type(value).__mro__)
