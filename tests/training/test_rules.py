import copy
from fractions import Fraction

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.func import functional_call, grad, stack_module_state, vmap

from corrector import MCWEENY, Corrector, derive, smoothstep
from tests.problems import members
from tests.training.notes import ELoss
from training import IdempotencyLoss, idempotency_loss, network
from training.networks import perceptron

DOUBLE = {"dtype": torch.float64}


def gradients(net, loss):
    return torch.autograd.grad(loss, list(net.parameters()))


def small(seed=0, width=6):
    torch.manual_seed(seed)
    return perceptron([width, 9, width], nn.Tanh).double()


@pytest.mark.parametrize("name", ["N1", "N2", "N3", "N4", "B1", "B2"])
@pytest.mark.parametrize("use_mod", [True, False])
def test_gradients_and_values_are_the_notes_own(name, use_mod):
    torch.manual_seed(1)
    net = network(name).double()
    x = torch.randn(16, next(net.parameters()).shape[1], **DOUBLE)
    theirs = ELoss(net, use_mod)(net(x))
    ours = idempotency_loss(net, net(x), rule="modified" if use_mod else "ordinary", reduction="seed")
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-15)
    for a, b in zip(gradients(net, ours), gradients(net, theirs), strict=True):
        assert float((a - b).abs().max()) <= 1e-12 * max(1, float(b.abs().max()))


@settings(max_examples=40)
@given(members(), st.sampled_from(["half_sum", "mean", "seed"]))
def test_the_gradient_in_y_is_the_target_less_y(g, reduction):
    net = small()
    y = torch.randn(5, 6, **DOUBLE, requires_grad=True)
    (found,) = torch.autograd.grad(idempotency_loss(net, y, g, reduction=reduction), y)
    with torch.no_grad():
        powers, value = [y], y
        for _ in range(g.degree - 1):
            value = net(value)
            powers.append(value)
        t = sum(float(a) * p for a, p in zip(g.alphas, powers, strict=True))
    scale = {"half_sum": 1 / 5, "seed": 1 / 5, "mean": 2 / 30}[reduction]
    torch.testing.assert_close(found, -(t - y.detach()) * scale)


@pytest.mark.parametrize("reduction", ["half_sum", "mean", "seed"])
def test_the_other_rules_by_hand(reduction):
    net = small()
    y = torch.randn(5, 6, **DOUBLE, requires_grad=True)
    (target,) = torch.autograd.grad(idempotency_loss(net, y, rule="target", reduction=reduction), y)
    scale = {"half_sum": 1 / 5, "seed": 1 / 5, "mean": 2 / 30}[reduction]
    torch.testing.assert_close(target, -(net(y) - y).detach() * scale)
    (ordinary,) = torch.autograd.grad(idempotency_loss(net, y, rule="ordinary", reduction=reduction), y)
    scale = {"half_sum": 1 / 10, "seed": 1 / 30, "mean": 1 / 30}[reduction]
    (expected,) = torch.autograd.grad(scale * (net(y) - y).square().sum(), y)
    torch.testing.assert_close(ordinary, expected)


@given(members(max_order=2), st.sampled_from(["modified", "ordinary", "target"]))
@settings(max_examples=20)
def test_the_value_is_the_idempotent_error_whatever_the_rule(g, rule):
    net = small()
    y = net(torch.randn(7, 6, **DOUBLE))
    loss = idempotency_loss(net, y, g, rule)
    assert loss.item() == pytest.approx((net(y) - y).square().mean().item(), rel=1e-14)


def test_the_value_survives_a_large_surrogate():
    # e + s − s would lose e where s is 10¹² times as large; e + (s − s) does not.
    y = torch.full((4, 3), 1e6, requires_grad=True)
    loss = idempotency_loss(lambda v: v + 1e-3 * torch.sign(v), y * 1e-6, MCWEENY)
    assert loss.item() == pytest.approx(1e-6, rel=1e-4)


def test_on_a_linear_network_it_is_the_naive_rule_of_one_weight_matrix():
    # M1: ΔW = mean (t(y) − y)xᵀ, and that is −gradient.
    net = network("N1").double()
    x = torch.randn(12, 5, **DOUBLE)
    (found,) = gradients(net, idempotency_loss(net, net(x), reduction="seed"))
    W = net[0].weight.detach()
    g = MCWEENY.at_matrix(W)
    torch.testing.assert_close(-found, (g - W) @ x.T @ x / 12)


@pytest.mark.parametrize("rule", ["modified", "ordinary", "target"])
def test_idempotent_networks_do_not_move(rule):
    net = nn.Linear(4, 4, bias=False).double()
    with torch.no_grad():
        net.weight.copy_(torch.diag(torch.tensor([1.0, 1, 0, 0])))
    loss = idempotency_loss(net, net(torch.randn(9, 4, **DOUBLE)), rule=rule)
    assert loss.item() < 1e-30
    assert float(gradients(net, loss)[0].abs().max()) < 1e-14


def test_the_identity_corrector_has_no_gradient():
    net = small()
    loss = idempotency_loss(net, net(torch.randn(3, 6, **DOUBLE)), Corrector((1,)))
    assert loss.item() > 0
    assert not any(g.any() for g in gradients(net, loss))


@pytest.mark.parametrize(
    ("rule", "corrector", "forwards"),
    [
        ("modified", MCWEENY, 3),
        ("modified", smoothstep(2), 5),
        ("target", MCWEENY, 2),
        ("ordinary", MCWEENY, 2),
    ],
)
def test_passes(rule, corrector, forwards):
    """Degree d costs d forward passes, the caller's own among them, and one backward pass."""
    net = small()
    counts = {"forward": 0, "backward": 0}
    net.register_forward_hook(lambda *_: counts.__setitem__("forward", counts["forward"] + 1))
    net[-1].register_full_backward_hook(lambda *_: counts.__setitem__("backward", counts["backward"] + 1))
    idempotency_loss(net, net(torch.randn(3, 6, **DOUBLE)), corrector, rule).backward()
    assert counts == {"forward": forwards, "backward": 2 if rule == "ordinary" else 1}


def test_fixed_targets_keep_no_graph():
    net = small()
    y = torch.randn(3, 6, **DOUBLE, requires_grad=True)
    for p in net.parameters():
        p.grad = None
    idempotency_loss(net, y).backward()
    assert all(p.grad is None for p in net.parameters())  # only the path through y leads to them
    assert y.grad is not None


def test_scaling_of_the_reductions():
    net = small(width=8)
    y = torch.randn(4, 8, **DOUBLE, requires_grad=True)

    def at(rule, reduction):
        return torch.autograd.grad(idempotency_loss(net, y, rule=rule, reduction=reduction), y)[0]

    for rule in ("modified", "target", "ordinary"):
        torch.testing.assert_close(at(rule, "half_sum"), at(rule, "mean") * 8 / 2)
    # The published mixture pulls the modified rule D/2 times as hard as the ordinary one.
    torch.testing.assert_close(at("modified", "seed"), at("modified", "mean") * 8 / 2)
    torch.testing.assert_close(at("ordinary", "seed"), at("ordinary", "mean"))


class Normed(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear, self.norm = nn.Linear(4, 4), nn.BatchNorm1d(4)

    def forward(self, x):
        return self.norm(self.linear(x))


@pytest.mark.parametrize("rule", ["modified", "ordinary", "target"])
def test_only_the_callers_pass_moves_running_statistics(rule):
    net = Normed()
    alone = copy.deepcopy(net)
    x = torch.randn(32, 4)
    alone(x)
    loss = idempotency_loss(net, net(x), rule=rule)
    loss.backward()
    for (name, a), b in zip(net.named_buffers(), alone.buffers(), strict=True):
        assert torch.equal(a, b), name
    assert all(p.grad is not None for p in net.parameters())


def test_statistics_of_an_inner_part_in_training_mode_stay_too():
    net = nn.Sequential(Normed(), nn.Identity()).eval()
    net[0].train()
    before = {name: buffer.clone() for name, buffer in net.named_buffers()}
    idempotency_loss(net, torch.randn(8, 4))
    assert all(torch.equal(buffer, before[name]) for name, buffer in net.named_buffers())


def test_images_and_other_shapes():
    net = nn.Conv2d(2, 2, 3, padding=1)
    idempotency_loss(net, net(torch.randn(3, 2, 5, 5))).backward()
    assert net.weight.grad.shape == (2, 2, 3, 3)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_low_precision_is_subtracted_in_float32(dtype):
    net = perceptron([6, 6]).to(dtype)
    loss = idempotency_loss(net, net(torch.randn(8, 6).to(dtype)))
    assert loss.dtype == torch.float32
    loss.backward()
    assert net[0].weight.grad.dtype == dtype


def test_under_autocast():
    net = perceptron([6, 6])
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = idempotency_loss(net, net(torch.randn(8, 6)))
    loss.backward()
    assert net[0].weight.grad.isfinite().all()


@pytest.mark.parametrize("rule", ["modified", "ordinary", "target"])
def test_under_vmap_and_grad(rule):
    nets = [small(seed) for seed in range(3)]
    parameters, _ = stack_module_state(nets)
    x = torch.randn(3, 5, 6, **DOUBLE)

    def loss(p, v):
        def f(u):
            return functional_call(nets[0], p, (u,))

        return idempotency_loss(f, f(v), rule=rule)

    together = vmap(grad(loss))(parameters, x)
    for i, net in enumerate(nets):
        alone = gradients(net, idempotency_loss(net, net(x[i]), rule=rule))
        for (name, _), expected in zip(net.named_parameters(), alone, strict=True):
            torch.testing.assert_close(together[name][i], expected)


def test_the_criterion_is_the_function_and_owns_nothing():
    net = small()
    y = net(torch.randn(4, 6, **DOUBLE))
    criterion = IdempotencyLoss(net, smoothstep(2), "modified", "mean")
    assert torch.equal(criterion(y), idempotency_loss(net, y, smoothstep(2), "modified", "mean"))
    assert list(criterion.parameters()) == []
    assert criterion.state_dict() == {}
    assert "rule=modified, corrector=10x³ − 15x⁴ + 6x⁵, reduction=mean" in repr(criterion)


def test_in_an_existing_loop_it_makes_a_linear_map_idempotent():
    torch.manual_seed(3)
    net = nn.Linear(5, 5, bias=False).double()
    with torch.no_grad():
        net.weight.copy_(torch.diag(torch.tensor([0.9, 0.8, 0.7, 0.2, 0.1])) + 0.03 * torch.randn(5, 5))
    optimizer = torch.optim.SGD(net.parameters(), lr=0.5)
    for _ in range(300):
        optimizer.zero_grad()
        loss = idempotency_loss(net, net(torch.randn(256, 5, **DOUBLE)))
        loss.backward()
        optimizer.step()
    assert loss.item() < 1e-12
    assert round(net.weight.trace().item()) == 3


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (
            lambda: idempotency_loss(nn.Linear(4, 3), torch.ones(2, 4)),
            ValueError,
            r"expected f\(y\) of shape \(2, 4\); got \(2, 3\)",
        ),
        (
            lambda: idempotency_loss(lambda y: (y, y), torch.ones(2, 4)),
            TypeError,
            "must return a tensor; got tuple",
        ),
        (
            lambda: idempotency_loss(nn.Identity(), torch.ones(0, 4)),
            ValueError,
            r"at least one entry; got \(0, 4\)",
        ),
        (lambda: idempotency_loss(nn.Identity(), torch.ones(4)), ValueError, r"shape \(batch, …\)"),
        (
            lambda: idempotency_loss(nn.Identity(), torch.ones(2, 4, dtype=int)),
            TypeError,
            "floating-point tensor; got torch.int64",
        ),
        (lambda: idempotency_loss(nn.Identity(), [[1.0]]), TypeError, "floating-point tensor; got list"),
        (
            lambda: idempotency_loss(nn.Identity(), torch.ones(2, 4), rule="modifed"),
            ValueError,
            "`rule` must be one of modified, ordinary, target; got 'modifed'",
        ),
        (
            lambda: idempotency_loss(nn.Identity(), torch.ones(2, 4), reduction="sum"),
            ValueError,
            "`reduction` must be one of",
        ),
        (
            lambda: idempotency_loss(nn.Identity(), torch.ones(2, 4), "modified"),
            TypeError,
            "`corrector` must be a Corrector; got str",
        ),
        (lambda: IdempotencyLoss(nn.Identity(), rule="x"), ValueError, "`rule` must be one of"),
    ],
)
def test_mistakes_are_named(call, error, words):
    with pytest.raises(error, match=words):
        call()


def test_family_members_may_have_fractions():
    g = derive(1, 4).member(a4=Fraction(1, 3))
    net = small()
    assert idempotency_loss(net, net(torch.randn(2, 6, **DOUBLE)), g).isfinite()
