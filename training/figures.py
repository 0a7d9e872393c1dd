"""The figures that take torch: graphs of gradients, as in the notes, and what training does to networks.

Each function returns a matplotlib figure; `FIGURES` names them by source and number.  Those that take longer
than two seconds say how far they are to the argument `progress`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import networkx as nx
import torch
from torch import Tensor, nn

from analysis.progress import silent, within
from corrector import MCWEENY

from .graphs.drawing import graph_panels
from .graphs.recording import computational_graph
from .networks import network
from .rules.loss import Rule, idempotency_loss
from .sweeping.engine import arithmetic
from .sweeping.plotting import planes, spectrum
from .sweeping.spectra import trained
from .sweeping.trajectories import trajectories

if TYPE_CHECKING:
    from collections.abc import Callable

    from matplotlib.figure import Figure

    from analysis.progress import Progress

_BATCH, _FEATURES = 3, 5
"""Of the graphs, as in the notes."""


class GradientGraph(NamedTuple):
    """A gradient, the graph of its computation, and there the node of ∂E/∂y."""

    gradient: Tensor
    graph: nx.DiGraph
    at_output: int


def modified_gradient(net: nn.Module, x: Tensor) -> GradientGraph:
    """Return how the notes' `E` computes ∂E/∂W for a network of one weight matrix.

    What stands for ∂E/∂y is −(3f(y) − 2f(f(y)) − y)/B, computed as `E.backward` does with
    `create_graph=True`, which makes its own passes a part of the graph; `idempotency_loss` makes them
    under `no_grad`, and they are in no graph.

    References: the notes, sections 2.1 and 2.2, figure 5.
    """
    (W,) = net.parameters()
    y = net(x)
    y2 = net(y)
    y3 = net(y2)
    at_output = -(3 * y2 - 2 * y3 - y) / y.shape[0]
    (gradient,) = torch.autograd.grad(y, W, at_output, create_graph=True)
    names = {"W": W, "x": x, "y": y, "f(y)": y2, "f(f(y))": y3, "∂E/∂y": at_output, "∂E/∂W": gradient}
    return _found(gradient, names)


def ordinary_gradient(net: nn.Module, x: Tensor) -> GradientGraph:
    """Return how autograd computes ∂E/∂W of E = mean((f(y) − y)²) for a network of one weight matrix.

    G is the gradient in f(y) − y; the parts of ∂E/∂W through the second application's weights and
    through y are called outer and inner.

    References: the notes, section 2.2, figure 6.
    """
    (W,) = net.parameters()
    y = net(x)
    y2 = net(y)
    difference = y2 - y
    error = difference.square().mean()
    G, at_output, gradient = torch.autograd.grad(error, (difference, y, W), create_graph=True)
    share = torch.full_like(y, 1 / y.numel(), requires_grad=False)
    names = {"W": W, "x": x, "y": y, "f(y)": y2, "G": G, "∂E/∂y": at_output, "∂E/∂W": gradient}
    found = _found(gradient, names | {f"1/{y.numel()} in every entry": share})
    ((both, _),) = found.graph.in_edges(0)
    for part in found.graph.predecessors(both):
        inner = found.at_output in nx.ancestors(found.graph, part)
        found.graph.nodes[part]["label"] = f"{'inner' if inner else 'outer'} = transpose"
    return found


def _found(gradient: Tensor, names: dict[str, Tensor]) -> GradientGraph:
    graph = computational_graph(gradient, names)
    (at_output,) = (n for n, label in graph.nodes("label") if label.startswith("∂E/∂y = "))
    return GradientGraph(gradient, graph, at_output)


def modified_figure() -> Figure:
    """Notes, figure 5: how modified backpropagation computes its gradient, parted by the chain rule."""
    found, title = modified_gradient(*_linear()), "The gradient by modified backpropagation"
    caption = (
        "Above the line ∂E/∂y = −(3f(y) − 2f(f(y)) − y)/3, put in by hand; below it ∂y/∂W as ever.\n"
        "Together ∂E/∂W = (∂E/∂y)ᵀ x."
    )
    return graph_panels([(title, found.graph)], caption, cuts={title: found.at_output})


def ordinary_figure() -> Figure:
    """Notes, figure 6: how autograd computes the ordinary gradient, through two applications."""
    found, title = ordinary_gradient(*_linear()), "The gradient by ordinary backpropagation"
    caption = (
        "∂E/∂W = Gᵀy + (GW − G)ᵀx with G = 2(f(y) − y)/15: outer, through the second application's\n"
        "weights, and inner, through y. The yellow box above G is 1/15, and not x as the notes print."
    )
    return graph_panels([(title, found.graph)], caption)


def rules() -> Figure:
    """The graphs of `idempotency_loss` by two rules: what a backward pass goes through, and what is kept."""
    net = network("N3")
    x = torch.randn(_BATCH, _FEATURES, generator=torch.Generator().manual_seed(0))
    y = net(x)
    with torch.no_grad():
        pull = y - MCWEENY.at_map(net)(x)  # t(y), as y = f(x)
    named: dict[str, Tensor] = dict(zip(("W₁", "b₁", "W₂", "b₂"), net.parameters(), strict=True))
    named |= {"x": x, "y": y, "y − t(y)": pull}
    pair: tuple[Rule, Rule] = ("modified", "ordinary")
    panels = []
    for rule, times in zip(pair, ("once", "twice"), strict=True):
        loss = idempotency_loss(net, y, rule=rule)
        graph = computational_graph(loss, named | {"loss": loss})
        panels.append((f"{rule}: through f {times}", graph))
    caption = (
        "The target t(y) = 3f(y) − 2f(f(y)) was computed before, without a graph; a backward pass goes\n"
        "against the arrows. The value of both is the mean of (f(y) − y)², by the constants on the right."
    )
    return graph_panels(panels, caption, kept=True)


def ways(progress: Progress = silent) -> Figure:
    """Three rules' ways through weight space from equal beginnings, for N1, N2 and B1."""
    networks = ("N1", "N2", "B1")
    rules: tuple[Rule, ...] = ("ordinary", "modified", "target")
    with arithmetic(1, tf32=False):
        found = [
            trajectories(name, 0.1, rules=rules, grid=81, progress=within(progress, i, len(networks)))
            for i, name in enumerate(networks)
        ]
    return planes(found)


def eigenvalues(progress: Progress = silent) -> Figure:
    """Spectra of 1000 linear networks N1 before and after training, over the flow that predicts them."""
    with arithmetic(1, tf32=False):
        found = trained(range(1000), progress=progress)
    return spectrum(found)


def _linear() -> tuple[nn.Module, Tensor]:
    generator = torch.Generator().manual_seed(0)
    net = nn.Linear(_FEATURES, _FEATURES, bias=False)
    with torch.no_grad():
        net.weight.normal_(generator=generator)
    return net, torch.randn(_BATCH, _FEATURES, generator=generator)


FIGURES: dict[str, Callable[..., Figure]] = {
    "notes-5": modified_figure,
    "notes-6": ordinary_figure,
    "rules": rules,
    "trajectories": ways,
    "spectrum": eigenvalues,
}
"""By name, as `corrector figures` writes them."""
