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
from training.rules.cost import passes

DOUBLE = {"dtype": torch.float64}
RULES = ["modified", "ordinary", "target", "inner", "outer"]
"""All but m1, which is for one weight matrix alone."""


def gradients(net, loss):
    return torch.autograd.grad(loss, list(net.parameters()))


def small(seed=0, width=6):
    torch.manual_seed(seed)
    return perceptron([width, 9, width], nn.Tanh).double()


SHAPES = {
    **dict.fromkeys(("N1", "N2", "N3", "B1"), (5,)),
    "B2": (100,),
    "B3": (4096,),
    "B4": (784,),
    "N4": (784,),
    "u-dcgan-mnist": (1, 28, 28),
    "u-dcgan-celeba": (3, 64, 64),
}


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("use_mod", [True, False])
def test_gradients_and_values_are_the_notes_own(name, use_mod):
    torch.manual_seed(1)
    net = network(name).double()
    x = torch.randn(5, *SHAPES[name], **DOUBLE)
    theirs = ELoss(net, use_mod)(net(x))
    ours = idempotency_loss(net, net(x), rule="modified" if use_mod else "ordinary", reduction="seed")
    torch.testing.assert_close(ours, theirs, rtol=1e-14, atol=0)
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


@given(members(max_order=2), st.sampled_from(RULES))
@settings(max_examples=20)
def test_the_value_is_the_idempotent_error_whatever_the_rule(g, rule):
    net = small()
    y = net(torch.randn(7, 6, **DOUBLE))
    loss = idempotency_loss(net, y, g, rule)
    assert loss.item() == pytest.approx((net(y) - y).square().mean().item(), rel=1e-14)


def test_the_value_survives_a_large_gradient():
    # e + s − s with s = ⟨y, y − t⟩ would lose e where s is 10¹² times as large.
    y = torch.full((4, 3), 1e6, requires_grad=True)
    loss = idempotency_loss(lambda v: v + 1e-3 * torch.sign(v), y * 1e-6, MCWEENY)
    assert loss.item() == pytest.approx(1e-6, rel=1e-4)


@given(members(max_order=2), st.sampled_from(["half_sum", "mean", "seed"]), st.floats(0.1, 2))
@settings(max_examples=20)
def test_on_a_linear_network_it_is_the_naive_rule_of_one_weight_matrix(g, reduction, relaxation):
    # M1: ΔW = mean (t(y) − y)xᵀ, and that is −gradient.
    torch.manual_seed(2)
    net = network("N1").double()
    x = torch.randn(12, 5, **DOUBLE)
    options = {"corrector": g, "reduction": reduction, "relaxation": relaxation}
    (modified,) = gradients(net, idempotency_loss(net, net(x), **options))
    naive = idempotency_loss(net, net(x), rule="m1", x=x, **options)
    W = net[0].weight.detach()
    scale = relaxation * {"half_sum": 1 / 12, "seed": 1 / 12, "mean": 2 / 60}[reduction]
    expected = (g.at_matrix(W) - W) @ x.T @ x * scale
    torch.testing.assert_close(-modified, expected)
    torch.testing.assert_close(gradients(net, naive)[0], modified)
    torch.testing.assert_close(naive, idempotency_loss(net, net(x), rule="ordinary"))


def test_the_naive_rule_leaves_bias_and_activation_out():
    net = network("B1").double()
    x = torch.randn(12, 5, **DOUBLE)
    y = net(x)
    idempotency_loss(net, y, rule="m1", x=x).backward()
    with torch.no_grad():
        t = 3 * net(y) - 2 * net(net(y))
    torch.testing.assert_close(-net[0].weight.grad, (t - y).detach().T @ x / 12)
    assert net[0].bias.grad is None


@pytest.mark.parametrize("reduction", ["half_sum", "mean", "seed"])
def test_inner_and_outer_make_the_ordinary_rule(reduction):
    net, frozen = small(), small()
    x = torch.randn(7, 6, **DOUBLE)

    def at(rule):
        return gradients(net, idempotency_loss(net, net(x), rule=rule, reduction=reduction))

    for p in frozen.parameters():
        p.requires_grad_(False)
    scale = {"half_sum": 1 / 14, "seed": 1 / 42, "mean": 1 / 42}[reduction]
    y = net(x)
    by_hand = {
        "inner": gradients(net, scale * (frozen(y) - y).square().sum()),
        "outer": gradients(net, scale * (net(y.detach()) - y.detach()).square().sum()),
    }
    found = {rule: at(rule) for rule in ("inner", "outer", "ordinary")}
    for rule, expected in by_hand.items():
        for a, b in zip(found[rule], expected, strict=True):
            torch.testing.assert_close(a, b, msg=rule)
    for a, b, whole in zip(found["inner"], found["outer"], found["ordinary"], strict=True):
        torch.testing.assert_close(a + b, whole)


@given(members(max_order=2), st.floats(-2, 2))
@settings(max_examples=20)
def test_relaxing_the_rule_is_relaxing_its_corrector(g, relaxation):
    net = small()
    y = torch.randn(5, 6, **DOUBLE, requires_grad=True)
    (full,) = torch.autograd.grad(idempotency_loss(net, y, g), y)
    (part,) = torch.autograd.grad(idempotency_loss(net, y, g, relaxation=relaxation), y)
    torch.testing.assert_close(part, relaxation * full)
    exact = Fraction(relaxation)
    relaxed = Corrector([exact * a + (1 - exact) * (i == 0) for i, a in enumerate(g.alphas)])
    (other,) = torch.autograd.grad(idempotency_loss(net, y, relaxed), y)
    torch.testing.assert_close(part, other)


@pytest.mark.parametrize("rule", ["modified", "target"])
@pytest.mark.parametrize("chunk", [1, 3, 7, 100])
def test_chunks_change_memory_alone(rule, chunk):
    net, x = small(), torch.randn(7, 6, **DOUBLE)
    seen = []
    hook = net.register_forward_hook(lambda _, inputs, __: seen.append(len(inputs[0])))
    whole = idempotency_loss(net, net(x), rule=rule)
    expected = gradients(net, whole)
    seen.clear()
    parts = idempotency_loss(net, net(x), rule=rule, chunk=chunk)
    assert max(seen[1:]) == min(chunk, 7)
    hook.remove()
    torch.testing.assert_close(parts, whole)
    for a, b in zip(gradients(net, parts), expected, strict=True):
        torch.testing.assert_close(a, b)


@pytest.mark.parametrize("rule", RULES)
def test_the_number_of_samples_may_be_anothers(rule):
    net, x = small(), torch.randn(9, 6, **DOUBLE)
    whole = idempotency_loss(net, net(x), rule=rule)
    parts = [idempotency_loss(net, net(part), rule=rule, samples=4.5) / 2 for part in (x[:5], x[5:])]
    torch.testing.assert_close(parts[0] + parts[1], whole)
    for a, b in zip(gradients(net, parts[0] + parts[1]), gradients(net, whole), strict=True):
        torch.testing.assert_close(a, b)


@pytest.mark.parametrize("rule", RULES)
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
        ("outer", MCWEENY, 2),
        ("inner", MCWEENY, 2),
        *(("modified", smoothstep(n), 2 * n + 1) for n in (3, 4)),
        ("modified", Corrector((0, 1)), 2),
        ("modified", Corrector((1,)), 2),
    ],
)
def test_passes(rule, corrector, forwards):
    """Degree d costs d forward passes, the caller's own among them, and one backward pass."""
    net = small()
    counts = {"forward": 0, "backward": 0}
    net.register_forward_hook(lambda *_: counts.__setitem__("forward", counts["forward"] + 1))
    net[-1].register_full_backward_hook(lambda *_: counts.__setitem__("backward", counts["backward"] + 1))
    loss = idempotency_loss(net, net(torch.randn(3, 6, **DOUBLE)), corrector, rule)
    loss.item()
    loss.backward()
    assert counts == {"forward": forwards, "backward": 2 if rule in ("ordinary", "inner") else 1}
    assert passes(rule, corrector) == counts["forward"] + 2 * counts["backward"] - (rule == "inner")


@pytest.mark.parametrize("rule", ["modified", "target", "inner"])
def test_fixed_targets_keep_no_graph(rule):
    net = small()
    y = torch.randn(3, 6, **DOUBLE, requires_grad=True)
    for p in net.parameters():
        p.grad = None
    idempotency_loss(net, y, rule=rule).backward()
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


@pytest.mark.parametrize("rule", RULES)
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
            "`rule` must be one of modified, ordinary, target, outer, inner, m1; got 'modifed'",
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
        (
            lambda: idempotency_loss(nn.Identity(), torch.ones(2, 4), buffers="kept"),
            ValueError,
            "`buffers` must be one of keep, update, eval; got 'kept'",
        ),
        (
            lambda: idempotency_loss(nn.Identity(), torch.ones(2, 4), rule="ordinary", relaxation=0.5),
            ValueError,
            "`relaxation` is for the rules modified, target, m1; got it with 'ordinary'",
        ),
        (
            lambda: idempotency_loss(nn.Identity(), torch.ones(2, 4), rule="inner", chunk=2),
            ValueError,
            "`chunk` is for the rules modified, target, m1; got it with 'inner'",
        ),
        (
            lambda: idempotency_loss(nn.Identity(), torch.ones(2, 4), relaxation=float("nan")),
            ValueError,
            "`relaxation` must be finite; got nan",
        ),
        (
            lambda: idempotency_loss(nn.Identity(), torch.ones(2, 4), chunk=0),
            ValueError,
            "`chunk` must be a whole number from 1 on; got 0",
        ),
        (
            lambda: idempotency_loss(nn.BatchNorm1d(4), torch.ones(2, 4), chunk=1),
            ValueError,
            "got batch normalisation by the batch's own statistics",
        ),
        (
            lambda: idempotency_loss(
                nn.BatchNorm1d(4, track_running_stats=False).eval(), torch.ones(2, 4), chunk=1, buffers="eval"
            ),
            ValueError,
            "got batch normalisation by the batch's own statistics",
        ),
        (
            lambda: idempotency_loss(nn.Identity(), torch.ones(2, 4), rule="inner", buffers="eval"),
            ValueError,
            "`buffers='eval'` is for the rules modified, target, m1; got it with 'inner'",
        ),
        (
            lambda: idempotency_loss(nn.Identity(), torch.ones(2, 4), relaxation=torch.ones(())),
            TypeError,
            "`relaxation` must be a number; got Tensor",
        ),
        (
            lambda: idempotency_loss(nn.Identity(), torch.ones(2, 4), chunk=2.5),
            TypeError,
            "`chunk` must be a whole number from 1 on; got",
        ),
        (
            lambda: idempotency_loss(nn.Identity(), torch.ones(2, 4), samples=torch.ones(2)),
            ValueError,
            r"`samples` must be one number; got a tensor of shape \(2,\)",
        ),
        (
            lambda: idempotency_loss(nn.ReLU(inplace=True), torch.ones(2, 4)),
            ValueError,
            "must leave its input as it is; got one that changes it in place",
        ),
        (
            lambda: idempotency_loss(nn.Identity(), torch.ones(2, 4), samples=0),
            ValueError,
            "`samples` must be a positive number; got 0",
        ),
        (
            lambda: idempotency_loss(nn.Linear(4, 4), torch.ones(2, 4), rule="m1"),
            ValueError,
            "`x` must be given with rule 'm1', and with no other; got none",
        ),
        (
            lambda: idempotency_loss(nn.Linear(4, 4), torch.ones(2, 4), x=torch.ones(2, 4)),
            ValueError,
            "and with no other; got it with 'modified'",
        ),
        (
            lambda: idempotency_loss(nn.Linear(4, 4), torch.ones(2, 4), rule="m1", x=torch.ones(2, 3)),
            ValueError,
            r"`x` must have shape \(2, 4\), as `y` has; got \(2, 3\)",
        ),
        *(
            (
                lambda net=net: idempotency_loss(net, torch.ones(2, 4), rule="m1", x=torch.ones(2, 4)),
                TypeError,
                f"one weight matrix, that of a square nn.Linear; got {words}",
            )
            for net, words in [
                (nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4)), "Sequential with 2 such layers, 2 weights"),
                (nn.Sequential(nn.Linear(4, 4), nn.Bilinear(4, 4, 4)), "Sequential with 1 such layers, 2"),
                (lambda y: y, "function with 0 such layers"),
            ]
        ),
    ],
)
def test_mistakes_are_named(call, error, words):
    with pytest.raises(error, match=words):
        call()


@pytest.mark.parametrize("rule", [*RULES, "m1"])
def test_second_derivatives_are_refused_where_there_is_no_potential(rule):
    net, x = nn.Linear(4, 4).double(), torch.randn(5, 4, **DOUBLE)
    loss = idempotency_loss(net, net(x), rule=rule, x=x if rule == "m1" else None)
    (first, *_) = torch.autograd.grad(loss, net.weight, create_graph=True)
    if rule == "ordinary":
        torch.autograd.grad(first.sum(), net.weight)
        return
    with pytest.raises(RuntimeError, match=r"got a second one: the gradient of this rule is not that of its"):
        torch.autograd.grad(first.sum(), net.weight)


def test_second_derivatives_are_refused_in_function_transforms():
    net = small()

    def loss(p):
        def f(v):
            return functional_call(net, p, (v,))

        return idempotency_loss(f, f(torch.ones(2, 6, **DOUBLE)))

    def slope(p):
        return grad(loss)(p)["0.weight"].sum()

    with pytest.raises(RuntimeError, match="expected first derivatives only"):
        grad(slope)(dict(net.named_parameters()))


@pytest.mark.parametrize(
    ("rule", "reduction"), [("modified", "mean"), ("target", "mean"), ("ordinary", "half_sum")]
)
def test_gradcheck_is_refused(rule, reduction):
    net = small()
    y = torch.randn(2, 6, **DOUBLE, requires_grad=True)
    with pytest.raises(RuntimeError, match=f"got gradcheck, which .* with rule '{rule}'"):
        torch.autograd.gradcheck(lambda v: idempotency_loss(net, v, rule=rule, reduction=reduction), (y,))


def test_the_ordinary_rule_at_the_scale_of_its_value_passes_gradcheck():
    net = small()
    y = torch.randn(2, 6, **DOUBLE, requires_grad=True)
    torch.autograd.gradcheck(lambda v: idempotency_loss(net, v, rule="ordinary", reduction="mean"), (y,))


@pytest.mark.parametrize("rule", RULES)
def test_line_searches_are_refused(rule):
    net, x = small(), torch.randn(20, 6, **DOUBLE)
    optimizer = torch.optim.LBFGS(net.parameters(), line_search_fn="strong_wolfe")

    def closure():
        optimizer.zero_grad()
        loss = idempotency_loss(net, net(x), rule=rule, reduction="mean")
        loss.backward()
        return loss

    if rule == "ordinary":
        before = closure().item()
        optimizer.step(closure)
        assert closure().item() < before
    else:
        with pytest.raises(RuntimeError, match=f"got L-BFGS, which compares values .* with rule '{rule}'"):
            optimizer.step(closure)
    torch.optim.Adam(net.parameters()).step(closure)  # calls it but once


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("without", [torch.no_grad, torch.inference_mode])
def test_values_alone_take_one_pass(rule, without):
    net, x = small(), torch.randn(20, 6, **DOUBLE)
    passes = []
    with without():
        y = net(x)
        expected = (net(y) - y).square().mean()
        net.register_forward_hook(lambda *_: passes.append(1))
        torch.testing.assert_close(idempotency_loss(net, y, smoothstep(3), rule), expected)
    assert len(passes) == 1


def test_a_line_search_for_something_else_may_look_at_the_value():
    net, x = small(), torch.randn(20, 6, **DOUBLE)
    optimizer = torch.optim.LBFGS(net.parameters())
    seen = []

    def closure():
        optimizer.zero_grad()
        y = net(x)
        with torch.no_grad():
            seen.append(idempotency_loss(net, y))
        loss = (y - x).square().mean()
        loss.backward()
        return loss

    optimizer.step(closure)
    assert len(seen) > 1


def test_values_that_overflow_are_infinite():
    for rule in ("modified", "target", "inner", "outer"):  # the ordinary one's is nan: inf − inf
        loss = idempotency_loss(lambda v: v * 2, torch.full((2, 3), 1e20, requires_grad=True), rule=rule)
        assert loss.isinf(), rule


def test_family_members_may_have_fractions():
    g = derive(1, 4).member(a4=Fraction(1, 3))
    net = small()
    assert idempotency_loss(net, net(torch.randn(2, 6, **DOUBLE)), g).isfinite()
