import math

import pytest
import torch
from hypothesis import given
from torch import nn

from analysis import idempotents
from analysis.collapse import effective_rank
from analysis.frameworks import in_mode
from training import metrics, network

x = torch.randn(400, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


@given(idempotents(n=6, obliquity=5))
def test_linear_projectors(P):
    K = torch.from_numpy(P)
    found = metrics(lambda v: v @ K.T, x)
    trace = float(K.trace())
    assert found["error"] == pytest.approx(0, abs=1e-25)
    assert found["trace"] == pytest.approx(trace, abs=1e-10)
    assert found["norm"] == pytest.approx(float(torch.linalg.matrix_norm(K)), abs=1e-10)
    assert found["collapsed"] == (round(trace) == 0)
    assert found["rank"] <= round(trace) + 1e-6


def test_by_hand():
    def f(v):
        return 0.5 * v + 1

    y = f(x)
    found = metrics(f, x)
    assert found["error"] == pytest.approx(float((f(y) - y).square().mean()))
    assert found["relative"] == pytest.approx(float((f(y) - y).square().sum() / y.square().sum()))
    centred = y - y.mean(0)
    assert found["centred"] == pytest.approx(float((f(y) - y).square().sum() / centred.square().sum()))
    assert found["kept"] == pytest.approx(0.25)
    assert found["trace"] == pytest.approx(6 * 1.5)
    assert found["norm"] == pytest.approx(math.sqrt(6 * 1.5**2 + 30 * 1.0))
    assert found["rank"] == pytest.approx(6, abs=0.05)
    assert found["collapsed"] is False


def test_identity_and_constant():
    identity = metrics(nn.Identity(), x)
    assert (identity["error"], identity["kept"], identity["collapsed"]) == (0, 1, False)
    constant = metrics(lambda v: torch.ones_like(v), x)
    assert constant["error"] == constant["relative"] == 0
    assert constant["collapsed"] is True
    assert math.isnan(constant["centred"])
    assert constant["rank"] == 0


def test_what_diverges_counts_as_collapsed_not_as_a_number():
    found = metrics(lambda v: v * math.inf, x)
    assert found["collapsed"] is True
    assert math.isnan(found["centred"])


def test_default_b2_keeps_next_to_nothing():
    torch.manual_seed(0)
    assert metrics(network("B2"), torch.randn(200, 100))["collapsed"] is True


@pytest.mark.parametrize(("k", "n"), [(1, 5), (3, 5), (5, 5)])
def test_effective_rank_of_equal_directions(k, n):
    assert float(effective_rank(torch.eye(n)[:k])) == pytest.approx(k)
    assert float(effective_rank(1e-9 * torch.eye(n)[:, :k])) == pytest.approx(k)


def test_effective_rank_of_unequal_directions():
    p = torch.tensor([0.7, 0.2, 0.1], dtype=torch.float64)
    expected = math.exp(float(-(p * p.log()).sum()))
    assert float(effective_rank(torch.diag(p) * 3)) == pytest.approx(expected)
    assert float(effective_rank(torch.zeros(3, 3))) == 0


def test_measured_in_evaluation_mode_and_left_as_it_was():
    net = nn.Sequential(nn.Linear(6, 6), nn.BatchNorm1d(6), nn.Dropout(0.5)).double()
    net[1].eval()
    before = {k: v.clone() for k, v in net.state_dict().items()}
    assert metrics(net, x) == metrics(net, x)
    assert [part.training for part in net.modules()] == [True, True, False, True]
    assert all(torch.equal(v, before[k]) for k, v in net.state_dict().items())
    with pytest.raises(RuntimeError), in_mode(net, "eval"):
        raise RuntimeError
    assert net.training


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_low_precision_is_summed_in_float32(dtype):
    found = metrics(nn.Identity(), (100 * x).to(dtype))
    assert (found["kept"], found["collapsed"]) == (1, False)


def test_pictures():
    found = metrics(nn.Conv2d(1, 1, 1), torch.randn(8, 1, 4, 4))
    assert set(found) == {"error", "relative", "centred", "kept", "rank", "trace", "norm", "collapsed"}


@pytest.mark.parametrize(
    ("net", "inputs", "words"),
    [
        (nn.Identity(), x[:1], r"at least two inputs, shape \(batch, …\); got \(1, 6\)"),
        (nn.Identity(), x[0], "at least two inputs"),
        (nn.Identity(), x[:0], "at least two inputs"),
        (nn.Identity(), torch.tensor([[math.nan], [1.0]]), "finite"),
        (lambda v: v[:, :3], x, r"expected f\(y\) of shape \(400, 6\); got \(400, 3\)"),
    ],
)
def test_mistakes_are_named(net, inputs, words):
    with pytest.raises(ValueError, match=words):
        metrics(net, inputs)
