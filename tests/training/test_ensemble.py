import pytest
import torch
from torch import nn

from corrector import smoothstep
from training import Ensemble, idempotency_loss
from training.ensemble import MemberwiseAdam
from training.networks import perceptron

RATES = [1e-3, 1e-2, 3e-2]


def build():
    return perceptron([6, 8, 6], nn.Tanh).double()


@pytest.mark.parametrize(
    ("rule", "g"), [("modified", smoothstep(2)), ("ordinary", smoothstep(1)), ("target", smoothstep(1))]
)
def test_members_train_as_they_would_alone(rule, g):
    seeds = [4, 4, 7]
    ensemble = Ensemble(build, seeds)
    optimizer = MemberwiseAdam(ensemble, torch.tensor(RATES, dtype=torch.float64))
    batches = torch.randn(20, 3, 16, 6, dtype=torch.float64)
    for x in batches:
        optimizer.step(ensemble.map(lambda f, v: idempotency_loss(f, f(v), g, rule), x))
    for i, (seed, rate) in enumerate(zip(seeds, RATES, strict=True)):
        torch.manual_seed(seed)
        net = build()
        adam = torch.optim.Adam(net.parameters(), lr=rate)
        for x in batches:
            adam.zero_grad()
            idempotency_loss(net, net(x[i]), g, rule).backward()
            adam.step()
        member = ensemble.member(i)
        for a, b in zip(member.parameters(), net.parameters(), strict=True):
            torch.testing.assert_close(a, b, rtol=0, atol=1e-12)


def test_equal_seeds_start_equal_and_the_global_seed_is_left_alone():
    torch.manual_seed(0)
    expected = torch.randn(3)
    torch.manual_seed(0)
    ensemble = Ensemble(build, [1, 2, 1])
    assert torch.equal(torch.randn(3), expected)
    weight = ensemble.parameters["0.weight"]
    assert torch.equal(weight[0], weight[2])
    assert not torch.equal(weight[0], weight[1])


def test_a_diverging_member_leaves_the_others_alone():
    x = torch.randn(2, 8, 6, dtype=torch.float64)
    pairs = []
    for rates in ([1e300, 1e-2], [1e-3, 1e-2]):
        ensemble = Ensemble(build, [0, 1])
        optimizer = MemberwiseAdam(ensemble, torch.tensor(rates, dtype=torch.float64))
        for _ in range(5):
            optimizer.step(ensemble.map(lambda f, v: idempotency_loss(f, f(v)), x))
        pairs.append(ensemble.parameters["0.weight"][1].detach())
    assert torch.equal(*pairs)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: Ensemble(build, []), "at least one member; got none"),
        (lambda: Ensemble(lambda: nn.BatchNorm1d(3), [0]), "without buffers; got running_mean"),
        (lambda: MemberwiseAdam(Ensemble(build, [0]), torch.ones(2)), r"shape \(1,\); got \(2,\)"),
    ],
)
def test_mistakes_are_named(call, words):
    with pytest.raises(ValueError, match=words):
        call()
