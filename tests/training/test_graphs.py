"""Computational graphs: their nodes, that they are the published ones, and what the figures show."""

import subprocess
import sys
from collections import Counter
from itertools import combinations, pairwise

import matplotlib.colors
import matplotlib.image
import networkx as nx
import numpy as np
import pytest
import torch
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch
from torch import nn

from analysis.plotting import save
from corrector.cli import figures_by_name
from tests.training.notes import ELoss
from training import computational_graph, idempotency_loss, network
from training.figures import FIGURES, modified_gradient, ordinary_gradient
from training.graphs.drawing import graph_panels
from training.graphs.layout import layered


def linear(width=5, batch=3):
    torch.manual_seed(0)
    net = nn.Linear(width, width, bias=False)
    return net, torch.randn(batch, width)


def loss_graph(net, x, rule):
    y = net(x)
    loss = idempotency_loss(net, y, rule=rule)
    return computational_graph(loss, dict(net.named_parameters()) | {"x": x, "y": y, "loss": loss})


def kinds(graph):
    return Counter(kind for _, kind in graph.nodes("kind"))


def operations(graph):
    return Counter(name.removesuffix("Backward0") for _, name in graph.nodes("operation") if name)


def only(graph, label):
    (found,) = (n for n, text in graph.nodes("label") if text == label)
    return found


@pytest.mark.parametrize(("rule", "passes"), [("modified", 1), ("ordinary", 2)])
def test_a_rule_goes_through_the_network_as_often_as_it_says(rule, passes):
    graph = loss_graph(*linear(), rule)
    assert nx.is_directed_acyclic_graph(graph)
    assert kinds(graph)["parameter"] == kinds(graph)["result"] == 1
    W = only(graph, "weight")
    assert graph.nodes[W]["shape"] == (5, 5)
    assert graph.out_degree(W) == operations(graph)["T"] == operations(graph)["Mm"] == passes
    # Through y alone and, by the ordinary rule, y and the second application, and its weights.
    assert len(list(nx.all_simple_paths(graph, W, 0))) == (1 if passes == 1 else 3)
    assert graph.nodes[0] == {"kind": "result", "label": "loss", "shape": (), "operation": "", "keeps": []}
    assert graph.nodes[only(graph, "y = matrix product")]["shape"] == (3, 5)


@pytest.mark.parametrize(("rule", "sets"), [("modified", 1), ("ordinary", 2)])
def test_one_set_of_activations_is_kept_or_two(rule, sets):
    graph = loss_graph(network("N3"), torch.randn(7, 5), rule)
    kept = {n for _, keeps in graph.nodes("keeps") for n in keeps}
    shapes = Counter(graph.nodes[n]["shape"] for n in kept if graph.nodes[n]["operation"] == "TanhBackward0")
    assert shapes == {(7, 10): sets, (7, 5): sets}
    # The ordinary rule keeps f(y) − y besides, the modified one y − t(y), which comes in.
    assert len(kept) == 2 * sets + (sets == 2)
    assert kinds(graph)["input"] == (2 if rule == "modified" else 1)


def test_the_notes_gradients_have_these_operations():
    modified, ordinary = (of(*linear()).graph for of in (modified_gradient, ordinary_gradient))
    assert operations(modified) == {"T": 6, "Mm": 4, "Mul": 2, "Sub": 2, "Neg": 1, "Div": 1}
    assert operations(ordinary) == {
        "T": 9, "Mm": 5, "Sub": 1, "Pow": 1, "MulBackward1": 1, "Mul": 1, "Neg": 1, "Add": 2,
    }  # fmt: skip
    for graph in (modified, ordinary):
        assert nx.is_directed_acyclic_graph(graph)
        assert kinds(graph)["parameter"] == kinds(graph)["result"] == 1
        labels = [label for _, label in graph.nodes("label")]
        assert labels.count("x") == 2
        assert graph.nodes[0]["shape"] == (5, 5)


@pytest.mark.parametrize(("drawn", "use_mod"), [(modified_gradient, True), (ordinary_gradient, False)])
def test_they_are_the_graphs_of_the_published_code(drawn, use_mod):
    """Up to the product with ∂E/∂E = 1, by which a function of one's own is called."""
    net, x = linear()
    found = drawn(net, x)
    (theirs,) = torch.autograd.grad(ELoss(net, use_mod)(net(x)), net.weight, create_graph=True)
    torch.testing.assert_close(found.gradient, theirs)
    published = computational_graph(theirs)
    if use_mod:
        ((seed, after),) = (e for e in published.edges if published.nodes[e[1]]["label"] == "times 1")
        following = list(published.successors(after))
        published.remove_node(after)
        published.add_edges_from((seed, n) for n in following)
    bare = found.graph
    assert nx.is_isomorphic(
        bare, published, node_match=lambda a, b: (a["operation"], a["shape"]) == (b["operation"], b["shape"])
    )


def test_the_yellow_box_that_the_notes_print_as_x_is_one_over_the_number_of_entries():
    net, x = linear()
    graph = ordinary_gradient(net, x).graph
    factor = only(graph, "1/15 in every entry")
    assert list(graph.successors(factor)) == [only(graph, "G = times")]
    assert graph.nodes[factor]["shape"] == graph.nodes[only(graph, "y = matrix product")]["shape"]


def test_the_two_halves_of_the_ordinary_gradient_are_told_apart():
    graph = ordinary_gradient(*linear()).graph
    y, dy = only(graph, "y = matrix product"), only(graph, "∂E/∂y = plus")
    inner, outer = only(graph, "inner = transpose"), only(graph, "outer = transpose")
    assert dy in nx.ancestors(graph, inner) - nx.ancestors(graph, outer)
    assert y in nx.ancestors(graph, outer)


def test_constants_operands_and_repeated_arguments():
    a = torch.full((2, 3), 2.0, requires_grad=True)
    graph = computational_graph(((3 * a - a.exp() ** 2) * a / 4 + 1).sum() - 5)
    assert [label for _, label in graph.nodes("label")] == [
        "result", "minus a constant", "sum", "plus a constant", "divided by 4", "times", "minus", "times 3",
        "parameter", "to the power 2", "exp",
    ]  # fmt: skip
    minus = only(graph, "minus")
    assert graph.edges[only(graph, "times 3"), minus]["operands"] == (0,)
    assert graph.edges[only(graph, "to the power 2"), minus]["operands"] == (1,)
    squared = a.exp()
    squared = computational_graph(squared * squared)
    assert [places for *_, places in squared.edges(data="operands")] == [(0,), (0, 1), (0,)]


def test_numbers_are_told_from_scalars_that_are_learnt():
    scale, x = torch.tensor(0.5, requires_grad=True), torch.ones(3)
    assert only(computational_graph(scale * x, {"x": x}), "times")
    assert only(computational_graph(torch.tensor(3.0) * (x * scale)), "times 3")


class Residual(nn.Module):
    def __init__(self):
        super().__init__()
        self.before = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.LeakyReLU(0.2))
        self.attention = nn.MultiheadAttention(16, 2, batch_first=True)
        self.memory = nn.LSTM(16, 8, batch_first=True, bidirectional=True)
        self.drop = nn.Dropout(0.5)

    def forward(self, x):
        y = torch.cat([self.before(x), x], dim=1).flatten(2).transpose(1, 2)[..., :16]
        y = y.repeat(1, 1, 16)[..., :16]
        return self.drop(self.memory(self.attention(y, y, y)[0])[0]).std(dim=1)


def test_layers_of_many_kinds():
    net = Residual()
    graph = computational_graph(net(torch.randn(2, 1, 4, 4)).sum(), dict(net.named_parameters()))
    assert nx.is_directed_acyclic_graph(graph)
    found = {label for _, label in graph.nodes("label")}
    assert {name for name, _ in net.named_parameters()} <= found
    assert set(nx.ancestors(graph, 0)) == set(graph) - {0}
    graph_panels([("many kinds", graph.subgraph(sorted(graph)[:60]))])


def test_deep_networks_and_shared_parts_are_walked_once():
    a = torch.ones(2, requires_grad=True)
    b = a
    for _ in range(3000):
        b = b + b
    graph = computational_graph(b)
    assert len(graph) == 3002
    assert nx.is_directed_acyclic_graph(graph)


def test_inputs_are_named_by_value_and_shape():
    a, x = torch.ones(3, 3, requires_grad=True), torch.randn(3, 3)
    labels = [label for _, label in computational_graph(a * (x + 0), {"y": x + 1, "x": x}).nodes("label")]
    assert "x" in labels
    labels = [label for _, label in computational_graph(a * x, {"x": x.double()}).nodes("label")]
    assert "constant" in labels


def test_what_has_no_graph_is_refused():
    with pytest.raises(ValueError, match="must be computed from one that requires a gradient; got one with"):
        computational_graph(torch.ones(3))
    a = torch.ones(3, requires_grad=True)
    b = a.exp()
    b.sum().backward()
    with pytest.raises(RuntimeError, match="already been freed"):
        computational_graph(b)


@pytest.mark.parametrize("seed", range(8))
def test_layouts_keep_order_distance_and_direction(seed):
    graph = nx.gnp_random_graph(16, 0.18, seed=seed, directed=True)
    graph = nx.DiGraph([(a, b) for a, b in graph.edges if a < b] + [(0, 15)])
    widths = {n: 0.5 + n % 3 for n in graph}
    layout = layered(graph, widths, gap=0.2)
    for a, b in combinations(graph, 2):
        (xa, ya), (xb, yb) = layout.places[a], layout.places[b]
        assert ya != yb or abs(xa - xb) >= (widths[a] + widths[b]) / 2 + 0.2 - 1e-7
    for (a, b), route in layout.routes.items():
        assert (route[0], route[-1]) == (layout.places[a], layout.places[b])
        assert all(high[1] - low[1] == 1 for high, low in pairwise(route))
        for x, y in route[1:-1]:  # what passes a layer passes beside its boxes
            assert all(
                abs(x - place[0]) > widths[n] / 2 for n, place in layout.places.items() if place[1] == y
            )


@pytest.mark.parametrize("seed", range(4))
def test_arrows_do_not_cross_where_they_need_not(seed):
    """Pascal's triangle in a shuffled order, and a chain beside it that is drawn straight."""
    draw = np.random.default_rng(seed)
    places = [(i, j) for i in range(5) for j in range(i + 1)]
    names = dict(zip(places, draw.permutation(len(places)).tolist(), strict=True))
    edges = [(names[i, j], names[i + 1, j + k]) for i, j in places if i < 4 for k in (0, 1)]
    graph = nx.DiGraph([edges[e] for e in draw.permutation(len(edges))])
    chain = range(100, 105)
    nx.add_path(graph, chain)
    found = layered(graph, dict.fromkeys(graph, 1.0)).places
    for (a, b), (c, d) in combinations(graph.edges, 2):
        if found[a][1] == found[c][1]:
            assert (found[a][0] - found[c][0]) * (found[b][0] - found[d][0]) >= -1e-9
    across = [found[n][0] for n in chain]
    assert max(across) - min(across) < 1e-7


@pytest.fixture(scope="module", params=["notes-5", "notes-6", "rules"])
def drawn(request):
    return request.param, FIGURES[request.param]()


def written(ax):
    return [text.get_text() for text in ax.texts]


def test_no_text_leaves_its_box_and_no_box_lies_on_another(drawn):
    _, figure = drawn
    figure.canvas.draw()
    frame = figure.bbox
    for ax in figure.axes:
        boxes = [p.get_window_extent() for p in ax.patches if isinstance(p, FancyBboxPatch)]
        assert not any(a.overlaps(b) for a, b in combinations(boxes, 2))
        texts = [t.get_window_extent() for t in ax.texts if t.get_text() != "−"]
        assert len(texts) == len(boxes)
        for box, text in zip(boxes, texts, strict=True):
            assert box.x0 < text.x0 < text.x1 < box.x1
            assert box.y0 < text.y0 < text.y1 < box.y1
            assert frame.x0 < box.x0 < box.x1 < frame.x1
    (legend,), (caption,) = figure.legends, figure.texts
    apart = [legend.get_window_extent(), caption.get_window_extent(), *(ax.bbox for ax in figure.axes)]
    assert not any(a.overlaps(b) for a, b in combinations(apart, 2))
    assert all(frame.x0 < a.x0 < a.x1 < frame.x1 for a in apart)
    assert caption.get_window_extent().y0 > frame.y0


def test_arrows_point_down_and_are_as_many_as_edges():
    graph = modified_gradient(*linear()).graph
    (ax,) = graph_panels([("title", graph)]).axes
    arrows = [p.get_path().vertices for p in ax.patches if isinstance(p, FancyArrowPatch)]
    paths = [p._path_original.vertices for p in ax.patches if isinstance(p, FancyArrowPatch)]
    assert len(arrows) == graph.number_of_edges()
    assert all((np.diff(path[:, 1]) <= 1e-9).all() for path in paths)
    assert ax.get_title() == "title"
    assert written(ax).count("−") == 2  # what 3f(y) − 2f(f(y)) and − y take away


def test_figure_5_is_parted_between_the_gradient_in_y_and_the_rest():
    (ax,) = FIGURES["notes-5"]().axes
    (line,) = (line for line in ax.lines if line.get_label() == "∂E/∂y above, ∂y/∂W below")
    assert matplotlib.colors.to_hex(line.get_color()) == "#cc0000"
    at = line.get_ydata()[0]
    heights = {text.get_text(): text.get_position()[1] for text in ax.texts if text.get_text() != "−"}
    above = ("W   5×5", "y = matrix product   3×5", "times 2   3×5", "∂E/∂y = divided by 3   3×5")
    assert all(heights[name] > at for name in above)
    assert all(heights[name] < at for name in ("transpose   5×3", "∂E/∂W   5×5"))
    crossing = [
        p for p in ax.patches if isinstance(p, FancyArrowPatch)
        and p._path_original.vertices[0, 1] > at > p._path_original.vertices[-1, 1]
    ]  # fmt: skip
    assert len(crossing) == 1


def test_the_rules_are_drawn_side_by_side_with_what_they_keep():
    left, right = FIGURES["rules"]().axes
    assert (left.get_title(), right.get_title()) == ("modified: through f once", "ordinary: through f twice")
    assert "y − t(y)   3×5" in written(left)
    for ax, kept in ((left, 2), (right, 5)):
        thick = [p for p in ax.patches if isinstance(p, FancyBboxPatch) and p.get_linewidth() == 2]
        assert len(thick) == kept


def test_pictures_show_each_kind_in_its_colour(drawn, tmp_path):
    name, figure = drawn
    save(figure, tmp_path / "f.png")
    pixels = matplotlib.image.imread(tmp_path / "f.png")[..., :3]
    assert pixels.shape[1] >= 900
    flat = pixels[::2, ::2].reshape(-1, 3)
    (first, *_) = figure.axes
    faces = {p.get_facecolor()[:3] for p in first.patches if isinstance(p, FancyBboxPatch)}
    assert len(faces) == 4
    for face in faces:
        assert (np.abs(flat - face).max(axis=1) < 0.01).sum() > 500
    red = (np.abs(flat - matplotlib.colors.to_rgb("#CC0000")).max(axis=1) < 0.01).sum()
    assert (red > 300) == (name == "notes-5")


def test_figures_of_both_parts_are_found_and_torch_is_loaded_only_for_its_own():
    assert {"notes-1", "paper-2", "notes-5", "notes-6", "rules"} <= set(figures_by_name(()))
    code = "import sys; from corrector.cli import figures_by_name; figures_by_name(('notes-1',)); "
    subprocess.check_call([sys.executable, "-c", code + "assert 'torch' not in sys.modules"])


def test_without_torch_the_other_figures_are_there_still():
    code = (
        "import sys; sys.modules['torch'] = None\n"
        "from corrector.cli import figures_by_name\n"
        "assert 'notes-5' not in figures_by_name(()) and 'notes-4' in figures_by_name(())\n"
        "figures_by_name(('notes-5',))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "left out what training.figures draws, which needs torch" in result.stderr
    assert result.stderr.rstrip().splitlines()[-1].startswith("ModuleNotFoundError: import of torch")
