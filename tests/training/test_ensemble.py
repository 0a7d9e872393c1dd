from itertools import product

import pytest
import torch
from torch import nn

from corrector import MCWEENY, smoothstep
from training import Ensemble, idempotency_loss
from training.networks import perceptron
from training.optimizers import SGD, Adam

RATES = [1e-3, 1e-2, 3e-2]
BOTH = pytest.mark.parametrize(("kind", "alone"), [(Adam, torch.optim.Adam), (SGD, torch.optim.SGD)])


def build():
    return perceptron([6, 8, 6], nn.Tanh).double()


def descend(ensemble, optimizer, x, g=MCWEENY, rule="modified"):
    losses = ensemble.map(lambda f, v: idempotency_loss(f, f(v), g, rule), x)
    optimizer.step(ensemble.parameters, ensemble.gradients(losses))


@BOTH
@pytest.mark.parametrize(
    ("rule", "g"), [("modified", smoothstep(2)), ("ordinary", smoothstep(1)), ("target", smoothstep(1))]
)
def test_members_train_as_they_would_alone(rule, g, kind, alone):
    seeds = [4, 4, 7]
    ensemble = Ensemble(build, seeds)
    optimizer = kind(torch.tensor(RATES, dtype=torch.float64))
    batches = torch.randn(20, 3, 16, 6, dtype=torch.float64)
    for x in batches:
        descend(ensemble, optimizer, x, g, rule)
    for i, (seed, rate) in enumerate(zip(seeds, RATES, strict=True)):
        torch.manual_seed(seed)
        net = build()
        descent = alone(net.parameters(), lr=rate)
        for x in batches:
            descent.zero_grad()
            idempotency_loss(net, net(x[i]), g, rule).backward()
            descent.step()
        member = ensemble.member(i)
        for a, b in zip(member.parameters(), net.parameters(), strict=True):
            torch.testing.assert_close(a, b, rtol=0, atol=1e-12)


@BOTH
@pytest.mark.parametrize(("dtype", "close"), [(torch.float64, 1e-12), (torch.float32, 1e-6)])
def test_equal_gradients_move_a_member_and_a_parameter_of_its_own_alike(kind, alone, dtype, close):
    generator = torch.Generator().manual_seed(0)
    start = torch.randn(3, 5, 4, generator=generator).to(dtype)
    slopes = torch.randn(50, 3, 5, 4, generator=generator).to(dtype)
    together = {"weight": start.clone(), "bias": start[:, 0].clone()}
    optimizer = kind(torch.tensor(RATES, dtype=dtype))
    for slope in slopes:
        optimizer.step(together, {"bias": slope[:, 0], "weight": slope})
    for i, rate in enumerate(RATES):
        p = start[i].clone()
        descent = alone([p], lr=rate)
        for slope in slopes:
            p.grad = slope[i].clone()
            descent.step()
        torch.testing.assert_close(together["weight"][i], p, rtol=0, atol=close)
        torch.testing.assert_close(together["bias"][i], p[0], rtol=0, atol=close)


def test_an_optimiser_goes_on_from_its_memory():
    x = torch.randn(9, 2, 16, 6, dtype=torch.float64)
    rates, found = torch.tensor(RATES[:2]), []
    for stop in (0, 4):
        ensemble = Ensemble(build, [0, 1])
        optimizer = Adam(rates)
        for step, batch in enumerate(x):
            if step == stop:
                optimizer = Adam(rates, {name: part.clone() for name, part in optimizer.memory.items()})
            descend(ensemble, optimizer, batch)
        found.append(ensemble.parameters)
    assert all(torch.equal(found[0][name], found[1][name]) for name in found[0])


def test_what_has_no_part_in_the_loss_stays():
    class Spare(nn.Linear):
        def forward(self, x):
            return nn.functional.linear(x, self.weight)

    ensemble = Ensemble(lambda: Spare(6, 6), [0, 1])
    before = {name: p.detach().clone() for name, p in ensemble.parameters.items()}
    descend(ensemble, Adam(torch.tensor([0.1, 0.2])), torch.randn(2, 16, 6))
    assert torch.equal(ensemble.parameters["bias"], before["bias"])
    assert (ensemble.parameters["weight"] != before["weight"]).any(2).any(1).all()


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
        optimizer = Adam(torch.tensor(rates, dtype=torch.float64))
        for _ in range(5):
            descend(ensemble, optimizer, x)
        pairs.append(ensemble.parameters["0.weight"][1].detach())
    assert torch.equal(*pairs)


def stacked(members):
    return {"weight": torch.ones(members, 4)}


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: Ensemble(build, []), "at least one member; got none"),
        (lambda: Ensemble(lambda: nn.BatchNorm1d(3), [0]), "without buffers; got running_mean"),
        *(
            (lambda kind=kind, n=n: kind(torch.ones(n)).step(stacked(2), stacked(2)), rf"\(2,\), .*\({n},\)")
            for kind, n in product((Adam, SGD), (1, 3))
        ),
    ],
)
def test_mistakes_are_named(call, words):
    with pytest.raises(ValueError, match=words):
        call()
