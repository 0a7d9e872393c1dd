"""`audit`: its bound, its guard, and what it makes of networks that are known."""

import json
import re

import numpy as np
import pandas as pd
import pytest
import scipy.stats
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from analysis import audit
from analysis.collapse import effective_rank
from analysis.measuring import Spread, relative_errors
from analysis.sources import Reservoir, Worst
from tests.problems import oblique
from training import metrics

QUICK = {"applications": 1, "directions": 0, "search": 0}


def normal(*shape, seed=0, dtype=np.float64):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def linear(P):
    net = nn.Linear(*P.shape[::-1], bias=False, dtype=torch.float64)
    with torch.no_grad():
        net.weight.copy_(torch.from_numpy(P))
    return net


def violating(threshold):
    """f(f(x)) ≠ f(x) just where the first number of x lies below the threshold."""

    def f(x):
        return np.where(x[:, :1] < threshold, x - 1, x)

    return f


@pytest.mark.parametrize(
    ("share", "count", "confidence"), [(0.05, 100, 0.99), (0.2, 60, 0.9), (0.02, 150, 0.95)]
)
def test_the_bound_holds_as_often_as_stated(share, count, confidence):
    """2000 audits of populations whose share of violations is known; and the exact coverage beside it."""
    rng = np.random.default_rng(7)
    f, held = violating(share), 0
    for _ in range(2000):
        x = np.stack([rng.random(count), rng.random(count)], 1) + 1e-9
        held += audit(f, x, confidence, **QUICK).bound >= share
    k = np.arange(count + 1)
    exact = scipy.stats.binom.pmf(k, count, share)[bound_of(k, count, confidence) >= share].sum()
    assert exact >= confidence
    assert held / 2000 >= confidence
    assert abs(held / 2000 - exact) < 4 * np.sqrt(exact * (1 - exact) / 2000) + 1e-3


def bound_of(k, count, confidence):
    """Clopper and Pearson's, by the beta distribution."""
    return np.where(k == count, 1.0, scipy.stats.beta.ppf(confidence, k + 1, np.maximum(count - k, 1e-9)))


@given(st.integers(0, 50), st.integers(50, 200), st.floats(0.5, 0.9999))
def test_the_bound_is_the_share_at_which_so_few_have_the_rest_of_the_probability(k, count, confidence):
    x = np.ones((count, 1))
    x[:k] = -1
    found = audit(violating(0), x, confidence, **QUICK)
    assert found.violations == k
    if k < count:
        assert scipy.stats.binom.cdf(k, count, found.bound) == pytest.approx(1 - confidence)
    else:
        assert found.bound == 1


def test_459_inputs_without_a_violation_are_enough_for_one_percent():
    assert audit(lambda x: x, np.ones((459, 1)), **QUICK).within(0.01) is False  # collapsed: one point
    assert audit(lambda x: x, normal(459, 1), **QUICK).within(0.01)
    assert not audit(lambda x: x, normal(458, 1), **QUICK).within(0.01)


def test_a_projector_passes_every_part():
    P, x = oblique(6, 3, 4.0), normal(700, 6)
    found = audit(linear(P), x)
    assert found.violations == 0
    assert found.errors.max() < 1e-14
    assert found.drift.shape == (50, 128)
    assert found.drift.max() < 1e-12
    assert found.derivative == "forward mode"
    assert found.jacobian.max() < 1e-12
    assert found.search.error < 1e-12
    assert not found.collapsed
    assert found.rank == pytest.approx(float(effective_rank(x @ P.T)), abs=0.1)
    assert found.input_rank == pytest.approx(6, abs=0.1)
    assert found.within(0.01)
    assert found.notices == ()


def test_a_constant_map_is_called_collapsed_not_idempotent():
    found = audit(lambda x: 0 * x + 3, normal(700, 6))
    assert found.violations == 0
    assert found.collapsed
    assert np.isnan(found.centred)
    assert not found.within(0.5)
    assert "COLLAPSED" in found.report()
    assert "collapsed" in repr(found)
    assert found.as_dict()["centred"] is None


def test_it_measures_what_metrics_measures():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(5, 8), nn.Tanh(), nn.Dropout(), nn.Linear(8, 5)).double()
    x = torch.from_numpy(normal(300, 5))
    expected, found = metrics(net, x), audit(net, x, batch=70, **QUICK)
    assert found.centred == pytest.approx(expected["centred"])
    assert found.kept == pytest.approx(expected["kept"])
    assert found.rank == pytest.approx(expected["rank"])
    y = net.eval()(x)
    y = y.detach()
    squares = float((net(y) - y).detach().square().sum() / y.square().sum())
    assert squares == pytest.approx(expected["relative"])
    size = y.norm(dim=1).numpy()
    assert np.sum((found.errors * size) ** 2) / np.sum(size**2) == pytest.approx(squares)
    net.train()
    audit(net, x, **QUICK)
    assert net.training


def test_a_map_idempotent_at_its_data_alone_fails_the_jacobian_test():
    """f(x) = x² keeps 0 and 1, and multiplies what is near 1 by two."""
    x = np.random.default_rng(0).integers(0, 2, (200, 4)).astype(float)
    net = nn.Module()
    net.forward = lambda x: x**2
    for f, how, accuracy in (
        (lambda x: x**2, "central differences", 1e-8),
        (net, "forward mode", 1e-12),
    ):
        found = audit(f, x if how != "forward mode" else torch.from_numpy(x))
        assert found.violations == 0
        assert found.derivative == how
        np.testing.assert_allclose(found.jacobian, 1, atol=accuracy)  # J(y)w − w = 2w − w


def test_jacobians_are_taken_at_the_value():
    """f(x) = x/‖x‖: J(x) = (I − yyᵀ)/‖x‖, and J(y) leaves it as it is; J(x) does not."""
    x = 3 * normal(200, 5)
    net = nn.Module()
    net.forward = lambda x: x / x.norm(dim=1, keepdim=True)
    assert audit(net, torch.from_numpy(x)).jacobian.max() < 1e-12
    found = audit(lambda x: x / np.linalg.norm(x, axis=1, keepdims=True), x)
    assert found.jacobian.max() < 1e-8


def test_the_search_keeps_to_its_ball():
    net = nn.Module()
    net.forward = lambda x: torch.where(x > 20, x, x + x**2 / 10)
    x = torch.linspace(0, 9, 50, dtype=torch.float64).reshape(25, 2)
    found = audit(net, torch.cat([x, torch.full((1, 2), 30.0, dtype=torch.float64)]), reach=0.05)
    assert 0.049 < found.search.distance <= 0.05 + 1e-9
    assert found.search.error > found.search.start


def test_the_search_finds_what_the_data_do_not_show():
    """f is the identity but on a narrow strip beside the data, where it adds a bump."""

    class Bumped(nn.Module):
        def forward(self, x):
            return x + 0.5 * torch.exp(-600 * (x - 1.3) ** 2)

    x = torch.linspace(0.5, 1.18, 300, dtype=torch.float64)[:, None]
    x = torch.cat([x, torch.full((1, 1), 1.6, dtype=torch.float64)])
    found = audit(Bumped(), x, reach=0.2, batch=64)
    assert found.errors.max() < 0.02
    assert found.search.error > 0.2
    assert found.search.distance <= 0.2 + 1e-9
    assert 0.5 <= found.search.x[0] <= 1.6
    y = Bumped()(torch.from_numpy(found.search.x)[None])
    error = float((Bumped()(y) - y).norm() / y.norm())
    assert error == pytest.approx(found.search.error)
    assert found.search.error >= found.errors.max()


def test_the_search_starts_at_the_worst_input():
    x = np.ones((5000, 2))
    x[4321] = [1, 5]
    net = nn.Module()
    net.forward = lambda x: torch.where(x > 2.5, x - 1, x)
    found = audit(net, torch.from_numpy(x), search=1, directions=0, applications=1)
    assert found.search.error >= found.errors.max() > 0


def test_drift_follows_f_itself():
    found = audit(lambda x: x / 2, normal(20, 3), applications=4)
    np.testing.assert_allclose(found.drift, (1 - 0.5 ** np.arange(4))[:, None] + np.zeros(20))


@pytest.mark.parametrize("kind", ["array", "tensor", "loader", "data set", "batches", "mappings"])
def test_inputs_come_in_many_forms(kind):
    x = torch.from_numpy(normal(100, 4, dtype=np.float32))
    labelled = torch.utils.data.TensorDataset(x, torch.arange(100))
    inputs = {
        "array": x.numpy(),
        "tensor": x,
        "loader": torch.utils.data.DataLoader(labelled, batch_size=33),
        "data set": labelled,
        "batches": iter(x.numpy().reshape(4, 25, 4)),
        "mappings": [{"pixels": x[:50], "label": 1}, {"pixels": x[50:], "label": 2}],
    }[kind]
    seen = []
    found = audit(nn.ReLU(), inputs, samples=90, batch=32, progress=lambda *step: seen.append(step), **QUICK)
    assert len(found.errors) == 90
    assert seen[-1] == (90, 90)
    assert found.violations == 0


def test_half_precision_networks_are_audited_in_it():
    net = nn.Linear(8, 8).to(torch.bfloat16)
    found = audit(net, normal(64, 8))
    assert np.isfinite(found.errors).all()
    assert found.violations == 64


def test_values_that_are_not_finite_violate():
    found = audit(lambda x: np.where(x > 1, np.inf, x), np.array([[0.5], [2.0], [0.1]]), **QUICK)
    assert found.violations == 1
    assert json.loads(json.dumps(found.as_dict(), allow_nan=False))["relative_error"]["max"] is None


class Halving(nn.Module):
    def forward(self, x):
        return x.mul_(0.5)


def test_work_in_place_is_measured_and_leaves_the_data_alone():
    x = normal(300, 3)
    for f, inputs in (
        (Halving(), torch.from_numpy(x.copy())),
        (lambda x: np.multiply(x, 0.5, out=x), x.copy()),
    ):
        found = audit(f, inputs, search=3, directions=1, applications=3)
        np.testing.assert_array_equal(inputs, x)
        np.testing.assert_allclose(found.errors, 0.5)
        assert found.kept == pytest.approx(0.25)
        assert not found.within(1)
        assert "changed x in place" in found.notices[0]
    same = audit(nn.LeakyReLU(0.2, inplace=True), torch.from_numpy(x.copy()), **QUICK)
    np.testing.assert_array_equal(same.errors, audit(nn.LeakyReLU(0.2), torch.from_numpy(x), **QUICK).errors)


def test_a_buffer_handed_out_again_is_measured_and_noticed():
    buffer = np.empty((300, 3))

    def f(x):
        return np.multiply(x, 0.5, out=buffer[: len(x)])

    found = audit(f, normal(200, 3), **QUICK)
    assert found.violations == 200
    assert "that f leaves its earlier values alone" in found.notices[0]


def test_what_is_kept_of_a_tensor_holds_no_more_than_itself():
    reservoir, worst = Reservoir(4, 0), Worst(4)
    x = torch.randn(100, 50)
    reservoir.offer(x)
    worst.offer(x, np.arange(100.0))
    for kept in (*reservoir.kept, *worst.kept):
        assert kept.untyped_storage().nbytes() == 50 * 4
    np.testing.assert_array_equal(np.stack(worst.kept), x.numpy()[:-5:-1])


def test_a_part_of_the_inputs_is_drawn_at_random():
    """Sorted inputs of which the second half violates: the first ones would show none."""
    x = np.linspace(-1, 1, 2000)[:, None]
    for inputs in (x, torch.utils.data.TensorDataset(torch.from_numpy(x))):
        f = (lambda x: np.where(x > 0, x / 2, x)) if inputs is x else (lambda x: torch.where(x > 0, x / 2, x))
        found = audit(f, inputs, samples=400, **QUICK)
        assert 150 < found.violations < 250
        assert audit(f, inputs, samples=400, **QUICK).violations == found.violations


def test_inputs_that_repeat_are_counted_once_too():
    found = audit(lambda x: x.clip(0), np.repeat(normal(5, 3), 100, axis=0), **QUICK)
    assert found.distinct == 5
    assert "Only 5 of them differ" in " ".join(found.report().split())


def test_streams_of_single_items_are_batched():
    class Stream(torch.utils.data.IterableDataset):
        def __iter__(self):
            return iter(torch.from_numpy(normal(30, 3)))

    for inputs in (Stream(), torch.utils.data.DataLoader(Stream(), batch_size=None)):
        found = audit(nn.ReLU(), inputs, **QUICK)
        assert len(found.errors) == 30
        assert found.shape == (3,)


def test_a_network_in_training_mode_is_left_as_it_was():
    net = nn.BatchNorm1d(3)
    audit(net, normal(60, 3, dtype=np.float32), mode="train", **QUICK)
    assert net.num_batches_tracked == 0
    assert net.running_mean.eq(0).all()


@pytest.mark.parametrize("scale", [1e200, 1e-200])
def test_numbers_whose_squares_leave_the_range(scale):
    x = normal(100, 3)
    found, plain = (audit(lambda x: x.clip(0), s * x, **QUICK) for s in (scale, 1.0))
    assert found.kept == pytest.approx(plain.kept)
    assert found.rank == pytest.approx(plain.rank)
    assert not found.collapsed


def test_jax_arrays():
    jnp = pytest.importorskip("jax.numpy")
    found = audit(lambda x: jnp.clip(x, 0, 1), jnp.asarray(normal(50, 3)))
    assert found.violations == 0
    assert found.derivative == "central differences"


def test_an_f_that_raises_beside_the_data_has_no_jacobian_test():
    def f(x):
        if (x < 0).any():
            raise ValueError("expected no negative numbers")
        return x

    found = audit(f, np.eye(5))
    assert found.derivative == "not found: expected no negative numbers"
    assert "Not found: expected no negative numbers." in found.report()


def test_the_search_keeps_to_the_span_of_each_number():
    net = nn.Module()
    net.forward = lambda x: x + x**2 / 1e3
    x = torch.rand(200, 2, dtype=torch.float64) * torch.tensor([1.0, 1000.0])
    found = audit(net, x, reach=5)
    assert found.search.x[0] <= 1
    assert found.search.x[1] <= 1000


@pytest.mark.parametrize(
    ("net", "words"),
    [
        (nn.Dropout(), "the same value twice"),
        (nn.BatchNorm1d(4), "changes nothing in the network"),
        (nn.BatchNorm1d(4, track_running_stats=False), "does not depend on its batch"),
    ],
)
def test_chance_state_and_batches_are_noticed(net, words):
    found = audit(net, normal(40, 4), mode="train", **QUICK)
    assert words in found.notices[0]
    assert words in " ".join(found.report().split())


@given(st.lists(st.integers(1, 5), min_size=1, max_size=5), st.integers(0, 1000))
def test_spreads_of_batches_add_up(sizes, seed):
    x = normal(sum(sizes), 3, seed=seed) + 1e6
    spread = Spread()
    for part in np.split(x, np.cumsum(sizes)[:-1]):
        spread.add(part)
    assert spread.total == pytest.approx(np.square(x - x.mean(0)).sum(), rel=1e-6, abs=1e-6)


def test_relative_errors_of_zeros():
    y = np.array([[0.0, 0], [0, 0], [3, 4], [np.inf, 0]])
    z = np.array([[0.0, 0], [0, 1], [3, 5], [1, 0]])
    np.testing.assert_array_equal(relative_errors(y, z), [0, np.inf, 0.2, np.inf])


def test_the_rank_is_that_of_a_uniform_sample():
    """Inputs sorted by kind: the first 512 would show one direction, the data have two."""
    x = np.zeros((4000, 2))
    x[:2000, 0], x[2000:, 1] = normal(2000), normal(2000, seed=1)
    assert audit(lambda x: x, x, **QUICK).rank == pytest.approx(float(effective_rank(x)), abs=0.01)


def test_reports_are_written_whole(tmp_path):
    found = audit(nn.ReLU(), normal(60, 1, 8, 8))
    for ending in ("html", "json", "txt"):
        found.write(tmp_path / f"report.{ending}")
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert page.count("data:image/png;base64,") == 2
    assert "constant map" in page
    assert json.loads((tmp_path / "report.json").read_text(encoding="utf-8")) == found.as_dict()
    assert (tmp_path / "report.txt").read_text(encoding="utf-8") == str(found) + "\n"
    with pytest.raises(ValueError, match=r"must end in \.html, \.json or \.txt; got report\.pdf"):
        found.write(tmp_path / "report.pdf")
    assert len(list(tmp_path.iterdir())) == 3


def test_names_in_a_page_are_text(tmp_path):
    audit(nn.ReLU(), normal(20, 3), name="<script>alert(1)</script>", **QUICK).write(tmp_path / "r.html")
    page = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert "<script>" not in page
    assert re.search("&lt;script&gt;", page)


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"confidence": 1}, ValueError, "`confidence` must lie between 0 and 1; got 1"),
        ({"confidence": float("nan")}, ValueError, "`confidence` must lie"),
        ({"epsilon": -1}, ValueError, "`epsilon` must be a number of at least 0; got -1"),
        ({"samples": 1}, ValueError, "`samples` must be at least 2; got 1"),
        ({"applications": 0}, ValueError, "`applications` must be at least 1; got 0"),
        ({"directions": -1}, ValueError, "`directions` must be at least 0"),
        ({"search": -1}, ValueError, "`search` must be at least 0"),
        ({"batch": 0}, ValueError, "`batch` must be at least 1"),
        ({"reach": 0}, ValueError, "`reach` must be positive; got 0"),
        ({"mode": "test"}, ValueError, "`mode` must be 'eval', 'train' or None; got 'test'"),
        ({"inputs": np.ones((1, 3))}, ValueError, "at least two; got 1"),
        ({"inputs": []}, ValueError, "at least two; got 0"),
        ({"inputs": np.array([[np.nan], [1]])}, ValueError, "must be finite"),
        ({"inputs": np.ones((3, 2), int)}, TypeError, "floating-point numbers; got int64"),
        ({"inputs": [np.ones((3, 2)), np.ones((3, 4))]}, ValueError, r"of one shape, \(2,\); got \(4,\)"),
        ({"inputs": ["a", "b"]}, TypeError, "arrays of inputs; got str"),
        ({"inputs": 3}, TypeError, "array, batches or a data set; got int"),
        ({"inputs": np.float64(3)}, ValueError, "shape"),
        (
            {"inputs": [np.ones(3), np.ones(3)]},
            ValueError,
            r"of shape \(samples, …\), batches of them too; got",
        ),
        ({"inputs": pd.DataFrame({"a": [1.0]})}, TypeError, r"got DataFrame: its `to_numpy\(\)` is one"),
        ({"f": nn.ReLU}, TypeError, "got the class ReLU: make an instance of it"),
        ({"f": 3}, TypeError, "expected a function or a network; got int"),
        ({"inputs": [{"a": {"b": 1}}]}, TypeError, "arrays of inputs; got dict"),
        ({"f": lambda x: x[:, :1]}, ValueError, r"keep the shape of its input: expected \(9, 2\); got"),
        ({"f": lambda x: "y"}, TypeError, "`f` must return an array; got str"),
    ],
)
def test_mistakes_are_named(arguments, error, words):
    given_ = {"f": lambda x: x, "inputs": np.ones((9, 2))} | arguments
    with pytest.raises(error, match=words):
        audit(given_.pop("f"), given_.pop("inputs"), **given_)
