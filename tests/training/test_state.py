"""What the passes beside the caller's own leave behind or share with it: buffers, masks, weights."""

import copy
from typing import NamedTuple

import pytest
import torch
from torch import nn

from corrector import smoothstep
from training import Adapted, IdempotencyLoss, idempotency_loss, metrics, shared_masks
from training.networks import perceptron

DOUBLE = {"dtype": torch.float64}
RULES = ["modified", "ordinary", "target", "inner", "outer"]


def gradients(net, loss):
    return torch.autograd.grad(loss, [p for p in net.parameters() if p.requires_grad])


def assert_same(found, expected):
    """Equal but for the order of sums."""
    for a, b in zip(found, expected, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-12, atol=1e-14)


class Normed(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear, self.norm = nn.Linear(4, 4), nn.BatchNorm1d(4)

    def forward(self, x):
        return self.norm(self.linear(x))


def buffers(net):
    return {name: buffer.clone() for name, buffer in net.named_buffers()}


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("order", [1, 2])
def test_only_the_callers_pass_moves_running_statistics(rule, order):
    net = Normed()
    alone = copy.deepcopy(net)
    x = torch.randn(32, 4)
    alone(x)
    loss = idempotency_loss(net, net(x), smoothstep(order), rule)
    loss.backward()
    for (name, a), b in zip(net.named_buffers(), alone.buffers(), strict=True):
        assert torch.equal(a, b), name
    assert all(p.grad is not None for p in net.parameters())


def test_statistics_of_an_inner_part_in_training_mode_stay_too():
    net = nn.Sequential(Normed(), nn.Identity()).eval()
    net[0].train()
    before = buffers(net)
    idempotency_loss(net, torch.randn(8, 4))
    assert all(torch.equal(buffer, before[name]) for name, buffer in net.named_buffers())


class Counting(nn.Module):
    """Moves a buffer in evaluation mode too."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(4, 4)
        self.register_buffer("passes", torch.zeros(()))

    def forward(self, x):
        self.passes += 1
        return self.linear(x)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("policy", ["keep", "eval"])
def test_no_buffer_moves_in_any_mode(training, policy):
    net = Counting().train(training)
    idempotency_loss(net, net(torch.randn(3, 4)), smoothstep(2), buffers=policy)
    assert net.passes == 1


def test_passes_may_move_them_as_the_notes_code_does():
    net = Normed()
    idempotency_loss(net, net(torch.randn(32, 4)), buffers="update").backward()
    assert net.norm.num_batches_tracked == 3


@pytest.mark.parametrize("rule", ["modified", "target"])
def test_passes_in_evaluation_mode_use_the_running_statistics(rule):
    net = Normed().double()
    for _ in range(5):
        net(3 + torch.randn(32, 4, **DOUBLE))
    x = torch.randn(16, 4, **DOUBLE)
    y = net(x)
    frozen = copy.deepcopy(net).eval()
    found = gradients(net, loss := idempotency_loss(net, y, rule=rule, buffers="eval"))
    assert all(part.training for part in net.modules())
    z = frozen(y)
    t = z if rule == "target" else 3 * z - 2 * frozen(z)
    again = net(x)
    assert_same(found, torch.autograd.grad(again, list(net.parameters()), (y - t).detach() / 16))
    torch.testing.assert_close(loss.detach(), (z - y).square().mean().detach())


def test_weight_and_spectral_norm_keep_their_state():
    layers = [nn.utils.parametrizations.spectral_norm(nn.Linear(4, 4)), nn.Tanh(), nn.Linear(4, 4)]
    nn.utils.parametrizations.weight_norm(layers[2])
    net = nn.Sequential(*layers).double()
    alone = copy.deepcopy(net)
    x = torch.randn(9, 4, **DOUBLE)
    alone(x)
    idempotency_loss(net, net(x)).backward()
    for (name, a), b in zip(net.named_buffers(), alone.buffers(), strict=True):
        assert torch.equal(a, b), name
    assert all(p.grad is not None for p in net.parameters())


def test_weight_norm_is_a_weight_like_any_other():
    torch.manual_seed(0)
    plain = nn.Linear(4, 4).double()
    normed = nn.utils.parametrizations.weight_norm(copy.deepcopy(plain))
    x = torch.randn(9, 4, **DOUBLE)
    (expected, bias) = gradients(plain, idempotency_loss(plain, plain(x)))
    idempotency_loss(normed, normed(x)).backward()
    torch.testing.assert_close(normed.bias.grad, bias)
    # The direction parameter sees the gradient across the weight: it is orthogonal to the weight's rows.
    v, g = normed.parametrizations.weight.original1, normed.parametrizations.weight.original0
    torch.testing.assert_close(g.grad.flatten(), (expected * plain.weight / g).sum(1).detach())
    assert (v.grad * v).detach().sum(1).abs().max().item() < 1e-12


def test_frozen_parts_stay_and_the_others_learn():
    net = perceptron([4, 6, 4], nn.Tanh).double()
    full = copy.deepcopy(net)
    net[0].requires_grad_(False)
    x = torch.randn(9, 4, **DOUBLE)
    idempotency_loss(net, net(x)).backward()
    assert all(p.grad is None for p in net[0].parameters())
    expected = gradients(full, idempotency_loss(full, full(x)))
    assert_same([net[2].weight.grad, net[2].bias.grad], expected[2:])


class Tied(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.norm, self.second = nn.Linear(4, 4), nn.BatchNorm1d(4), nn.Linear(4, 4)
        self.second.weight = self.first.weight

    def forward(self, x):
        return self.second(self.norm(self.first(x)))


@pytest.mark.parametrize("rule", RULES)
def test_tied_weights_get_the_sum(rule):
    torch.manual_seed(0)
    tied = Tied().double()
    apart = copy.deepcopy(tied)
    apart.second.weight = nn.Parameter(tied.first.weight.detach().clone())
    x = torch.randn(9, 4, **DOUBLE)
    idempotency_loss(tied, tied(x), rule=rule).backward()
    idempotency_loss(apart, apart(x), rule=rule).backward()
    torch.testing.assert_close(tied.first.weight.grad, apart.first.weight.grad + apart.second.weight.grad)
    assert tied.second.weight is tied.first.weight


def masked(p=0.5):
    return nn.Sequential(nn.Linear(6, 30), nn.Dropout(p), nn.Tanh(), nn.Linear(30, 6)).double()


def test_fresh_masks_are_drawn_in_turn():
    torch.manual_seed(1)
    net, x = masked(), torch.randn(5, 6, **DOUBLE)
    torch.manual_seed(2)
    found = gradients(net, idempotency_loss(net, net(x)))
    torch.manual_seed(2)
    y = net(x)
    with torch.no_grad():
        z = net(y)
        t = 3 * z - 2 * net(z)
    assert_same(found, torch.autograd.grad(y, list(net.parameters()), (y - t).detach() / 5))


@pytest.mark.parametrize("rule", RULES)
def test_shared_masks_are_those_of_one_thinned_network(rule):
    torch.manual_seed(1)
    net, x = masked(), torch.randn(1, 6, **DOUBLE)
    torch.manual_seed(2)
    with shared_masks(net):
        loss = idempotency_loss(net, net(x), rule=rule)
    after = torch.get_rng_state()
    torch.manual_seed(2)
    mask = net[1](torch.ones(1, 30, **DOUBLE))
    assert torch.equal(after, torch.get_rng_state())  # as if one pass had drawn

    class Thinned(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = net

        def forward(self, v):
            return net[3](net[2](net[0](v) * mask))

    thinned = Thinned()
    expected = idempotency_loss(thinned, thinned(x), rule=rule)
    torch.testing.assert_close(loss, expected)
    assert_same(gradients(net, loss), gradients(net, expected))


def test_shared_masks_end_with_the_context():
    net, x = masked(), torch.ones(1, 6, **DOUBLE)
    with shared_masks(net):
        first, second = net(x), net(x)
    assert torch.equal(first, second)
    assert not torch.equal(first, net(x))
    assert not net._forward_hooks
    assert not net._forward_pre_hooks


def test_sharing_among_no_passes_is_a_mistake():
    net = masked()
    words = "expected a pass of `net` within shared_masks; got none"
    with pytest.raises(RuntimeError, match=words), shared_masks(net):
        net[0](torch.ones(1, 6, **DOUBLE))


def test_compiled_networks_share_masks():
    net, x = masked(), torch.ones(1, 6, **DOUBLE)
    compiled = torch.compile(net, backend="eager")
    with shared_masks(compiled):
        assert torch.equal(compiled(x), compiled(x))


def test_passes_that_share_draw_nothing_anew():
    net, x = masked(), torch.ones(1, 6, **DOUBLE)
    with shared_masks(net):
        net(x)
        torch.rand(3)
        before = torch.get_rng_state()
        net(x)
        assert torch.equal(torch.get_rng_state(), before)


def test_shared_masks_survive_a_pass_that_fails():
    class Failing(nn.Module):
        fails = False

        def forward(self, x):
            if self.fails:
                raise RuntimeError("as asked")
            return x

    net, x = nn.Sequential(masked(), Failing()), torch.ones(1, 6, **DOUBLE)
    with shared_masks(net):
        net(x)
        expected = torch.get_rng_state()
        net[1].fails = True
        with pytest.raises(RuntimeError, match="as asked"):
            net(x)
        assert torch.equal(torch.get_rng_state(), expected)


def test_masks_of_other_batches_cannot_be_shared():
    net, x = masked(), torch.ones(4, 6, **DOUBLE)
    with shared_masks(net), pytest.raises(ValueError, match=r"expected \(4, 6\); got \(2, 6\)"):
        idempotency_loss(net, net(x), chunk=2)


class Outputs(NamedTuple):
    latent: torch.Tensor
    image: torch.Tensor


class Several(nn.Module):
    """Returns its image in one of the ways in which networks return several things."""

    def __init__(self, way):
        super().__init__()
        self.inner, self.way = nn.Linear(4, 4).double(), way

    def forward(self, x=None, *, pixels=None):
        image = self.inner(x if pixels is None else pixels)
        return self.way(image.mean(), image)


ADAPTED = {
    "tuple": (lambda a, b: (a, b), {"output": 1}),
    "last": (lambda a, b: [a, b], {"output": -1}),
    "dict": (lambda a, b: {"latent": a, "image": b}, {"output": "image"}),
    "dict's own name": (lambda a, b: {"latent": a, "values": b}, {"output": "values"}),
    "named": (Outputs, {"output": "image"}),
    "function": (lambda a, b: {"parts": (a, b)}, {"output": lambda r: r["parts"][1]}),
    "keyword": (lambda a, b: (a, b), {"output": 1, "input": "pixels"}),
    "arguments": (lambda a, b: (a, b), {"output": 1, "input": lambda x: {"pixels": x}}),
}


@pytest.mark.parametrize("name", ADAPTED)
@pytest.mark.parametrize("rule", RULES)
def test_outputs_of_other_kinds_by_an_adapter(name, rule):
    torch.manual_seed(0)
    way, options = ADAPTED[name]
    several = Several(way)
    f = Adapted(several, **options)
    x = torch.randn(7, 4, **DOUBLE)
    loss = idempotency_loss(f, f(x), rule=rule)
    expected = idempotency_loss(several.inner, several.inner(x), rule=rule)
    torch.testing.assert_close(loss, expected)
    assert_same(gradients(several, loss), gradients(several, expected))
    assert metrics(f, x) == metrics(several.inner, x)


def test_several_parts_can_be_one_vector():
    class Pair(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b = nn.Linear(2, 2), nn.Linear(3, 3)

        def forward(self, u, v):
            return self.a(u), self.b(v)

    f = Adapted(
        Pair(),
        output=lambda parts: torch.cat(parts, 1),
        input=lambda x: {"u": x[:, :2], "v": x[:, 2:]},
    )
    idempotency_loss(f, f(torch.randn(4, 5))).backward()
    assert all(p.grad is not None for p in f.parameters())


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (
            lambda: Adapted(nn.Linear(4, 4), output="image")(torch.ones(2, 4)),
            "expected `net` to return something with a part 'image'; got Tensor",
        ),
        (
            lambda: Adapted(Several(lambda a, b: (a, b)), output=2)(torch.ones(2, 4, **DOUBLE)),
            "with a part 2; got tuple of 2",
        ),
        (
            lambda: Adapted(Several(lambda a, b: {"a": a, "image": b}), "imag")(torch.ones(2, 4, **DOUBLE)),
            "with a part 'imag'; got dict with 'a', 'image'",
        ),
        (
            lambda: Adapted(Several(lambda a, b: [a, [b]]), output=1)(torch.ones(2, 4, **DOUBLE)),
            "expected a tensor at 1 of what `net` returns; got list of 1",
        ),
        (
            lambda: idempotency_loss(Several(lambda a, b: (a, b)), torch.ones(2, 4, **DOUBLE)),
            "`net` must return a tensor; got tuple of 2: `Adapted` picks one",
        ),
    ],
)
def test_mistakes_are_named(call, words):
    with pytest.raises(TypeError, match=words):
        call()


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("order", [1, 2])
def test_channels_last_is_the_same_network(rule, order):
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.Tanh(), nn.Conv2d(8, 3, 3, padding=1)).double()
    other = copy.deepcopy(net).to(memory_format=torch.channels_last)
    x = torch.randn(4, 3, 6, 6, **DOUBLE)
    y = other(x.to(memory_format=torch.channels_last))
    assert y.is_contiguous(memory_format=torch.channels_last)
    kept = []
    y.register_hook(lambda g: kept.append(g.is_contiguous(memory_format=torch.channels_last)))
    loss = idempotency_loss(other, y, smoothstep(order), rule)
    found = gradients(other, loss)
    expected = idempotency_loss(net, net(x), smoothstep(order), rule)
    torch.testing.assert_close(loss, expected)
    assert_same(found, gradients(net, expected))
    assert kept == ([True] if rule != "outer" else [])


def test_the_criterion_passes_its_options_on():
    net = Normed()
    criterion = IdempotencyLoss(net, buffers="update", relaxation=0.5)
    criterion(net(torch.randn(8, 4))).backward()
    assert net.norm.num_batches_tracked == 3
    assert repr(criterion).endswith("reduction=half_sum, relaxation=0.5, buffers=update)")
