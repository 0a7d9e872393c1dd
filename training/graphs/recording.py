"""The computational graph of a tensor: what torch recorded, as a graph that can be counted and drawn."""

from __future__ import annotations

import re
from itertools import count
from typing import TYPE_CHECKING, Any

import networkx as nx
import torch
from torch import Tensor

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from torch.autograd.graph import Node

_WORDS = {
    "Add": "plus",
    "Addmm": "affine map",
    "Div": "divided by",
    "Mm": "matrix product",
    "Mul": "times",
    "Neg": "negative",
    "Pow": "to the power",
    "Sub": "minus",
    "_Surrogate": "gradient put in",
    "T": "transpose",
}
_SUMS = ("Add", "Sub")


def computational_graph(tensor: Tensor, names: Mapping[str, Tensor] | None = None) -> nx.DiGraph:
    """Return the graph that torch kept of how a tensor was computed.

    Its arrows go the way of computing; a backward pass goes through the same operations against them.
    A node is a number and has

    - kind: "parameter", a leaf that a backward pass gives a gradient; "input", a tensor that an operation
      keeps and that gets none, once for each use; "operation"; or "result", the tensor itself;
    - label: a word for the operation with its constants, or the name of the tensor; an operation
      whose output has a name has that before it;
    - shape: of the operation's output or of the tensor, a tuple;
    - operation: what torch calls it, as in "MmBackward0"; "" for what is none;
    - keeps: the nodes whose outputs an operation holds for its backward pass, itself perhaps among
      them: activations, beside the parameters and inputs that lead to it.

    An edge has `operands`, the places it takes among the operation's; none for an input, whose place
    torch does not tell.

    Args:
        tensor: what to look at, with a graph that no backward pass has freed.
        names: tensors by name: parameters and outputs by identity, inputs by equal shape and values
            equal up to rounding.

    Returns:
        A directed acyclic graph; node 0 is the result.

    Raises:
        ValueError: the tensor has no graph.
        RuntimeError: torch's own, where a backward pass has freed what the graph held, or an operation in
            place has overwritten it.

    Cost: one visit to each operation; each kept tensor is compared with those named of its shape.  No
    pass, but that checkpointed parts are computed again.

    References: the notes, section 2.2, whose figures 5 and 6 torchviz drew with the same kinds;
    `training.graphs.drawing.graph_panels` draws them.

    >>> W, x = torch.ones(2, 2, requires_grad=True), torch.ones(3, 2)
    >>> graph = computational_graph((x @ W).sum(), {"W": W, "x": x})
    >>> for _, at in graph.nodes(data=True):
    ...     print(at["kind"], at["label"], at["shape"], sep=", ")
    result, result, ()
    operation, sum, ()
    operation, matrix product, (3, 2)
    parameter, W, (2, 2)
    input, x, (3, 2)
    """
    if tensor.grad_fn is None:
        raise ValueError("`tensor` must be computed from one that requires a gradient; got one with no graph")
    names = names or {}
    inside = {name: named for name, named in names.items() if named is not tensor}
    numbers = {node: i for i, node in enumerate(_reached(tensor.grad_fn), start=1)}
    leaves = {node: leaf for node in numbers if (leaf := getattr(node, "variable", None)) is not None}
    storages = {leaf.untyped_storage().data_ptr() for leaf in leaves.values()}
    unused = count(len(numbers) + 1)
    graph = nx.DiGraph()
    graph.add_nodes_from(range(len(numbers) + 1))
    graph.add_node(0, **_tensor("result", tensor, _same(tensor, names.items()) or "result"))
    graph.add_edge(numbers[tensor.grad_fn], 0, operands=(0,))
    for node, number in numbers.items():
        if node in leaves:
            leaf = leaves[node]
            graph.add_node(number, **_tensor("parameter", leaf, _same(leaf, names.items()) or "parameter"))
            continue
        kept = list(_kept(node, storages))
        graph.add_node(
            number, **_operation(node, inside), keeps=[numbers[k.grad_fn] for k in kept if k.grad_fn]
        )
        for before, _ in node.next_functions:
            if before is not None:
                places = tuple(i for i, (other, _) in enumerate(node.next_functions) if other is before)
                graph.add_edge(numbers[before], number, operands=places)
        for constant in (k for k in kept if k.grad_fn is None and k.ndim):
            label = _equal(constant, names) or "constant"
            graph.add_node(free := next(unused), **_tensor("input", constant, label))
            graph.add_edge(free, number, operands=())
    return graph


def _reached(start: Node) -> dict[Node, None]:
    """The operations and leaves behind one, without recursion: networks may be deeper than Python's stack."""
    found: dict[Node, None] = {}
    ahead = [start]
    while ahead:
        node = ahead.pop()
        if node not in found:
            found[node] = None
            ahead += [before for before, _ in reversed(node.next_functions) if before is not None]
    return found


def _kept(node: Node, storages: set[int]) -> Iterator[Tensor]:
    """What an operation holds for its backward pass, but for parameters and views of them."""
    held = [getattr(node, name) for name in dir(node) if name.startswith("_saved_")]
    held += getattr(node, "saved_tensors", ())  # of an operation written in Python
    for kept in held:
        if isinstance(kept, Tensor) and kept.untyped_storage().data_ptr() not in storages:
            yield kept


def _tensor(kind: str, tensor: Tensor, label: str) -> dict[str, Any]:
    return {"kind": kind, "label": label, "shape": tuple(tensor.shape), "operation": "", "keeps": []}


def _operation(node: Node, names: Mapping[str, Tensor]) -> dict[str, Any]:
    """The attributes of a node for an operation, but for what it keeps."""
    kind = re.sub(r"^.*::|Backward\d*$", "", node.name())
    kept: list[Any] = [getattr(node, f"_saved_{name}", None) for name in ("self", "other", "exponent")]
    words = [_WORDS.get(kind, kind.lower())]
    words += [f"{float(c):.4g}" for c in kept if _is_number(c)]
    words += ["a constant"] * (kind in _SUMS and any(before is None for before, _ in node.next_functions))
    name = next((name for name, tensor in names.items() if tensor.grad_fn is node), None)
    return {
        "kind": "operation",
        "label": (f"{name} = " if name else "") + " ".join(words),
        "shape": tuple(node._input_metadata[0].shape),  # noqa: SLF001 - torch tells it nowhere else
        "operation": node.name(),
    }


def _is_number(kept: object) -> bool:
    """Whether an operand is a real number, or a tensor of one that gets no gradient."""
    if isinstance(kept, Tensor):
        return kept.ndim == 0 and not kept.requires_grad and not kept.is_complex()
    return isinstance(kept, (int, float))


def _same(tensor: Tensor, names: Iterable[tuple[str, Tensor]]) -> str | None:
    return next((name for name, other in names if other is tensor), None)


def _equal(tensor: Tensor, names: Mapping[str, Tensor]) -> str | None:
    """The name of a tensor of the same shape, type and values, of which some are detached copies."""
    alike = ((name, t) for name, t in names.items() if t.shape == tensor.shape and t.dtype == tensor.dtype)
    return next((name for name, t in alike if torch.allclose(t, tensor)), None)
