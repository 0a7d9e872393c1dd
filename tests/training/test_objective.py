"""Parts of an objective: their values and gradients by other ways, schedules, the pool, recipes."""

import copy

import lightning.pytorch as pl
import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.functional import l1_loss, mse_loss

from corrector import smoothstep
from training import GaussianNoise, idempotency_loss, u_dcgan
from training.objective.distances import ssim
from training.objective.parts import Idempotency, Likelihood, Reconstruction, Step, Tightness
from training.objective.pool import Pool, _measure
from training.objective.recipes import DEFAULTS, PARTS, RECIPES, objective, ramp, recipe
from training.runs.cli import train
from training.runs.generative import Drawn, GenerativeTraining
from training.runs.module import TASKS


def network(seed=0, normalisation="none", dropout=0.0):
    torch.manual_seed(seed)
    return u_dcgan(8, 1, [4, 6], normalisation, dropout).double()


def pictures(seed, count=6):
    return 2 * torch.rand(count, 1, 8, 8, dtype=torch.float64, generator=generator(seed)) - 1


def generator(seed):
    return torch.Generator().manual_seed(seed)


def step_of(net, x, z, pool=None):
    return Step(net, x, lambda count: z[:count], pool)


def gradients(net, loss):
    return torch.autograd.grad(loss, list(net.parameters()), materialize_grads=True)


def agree(found, wanted):
    for a, b in zip(found, wanted, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-12, atol=1e-14)


def test_the_ign_recipe_descends_what_ports_of_it_write():
    """With copies of the network in the place of everything frozen, as in their algorithm."""
    net, x, z = network(), pictures(1), pictures(2)
    step = step_of(net, x, z)
    ours = sum(part.weight * part.measured(step)[1] for part in recipe("ign").parts())
    found = gradients(net, ours)

    frozen = copy.deepcopy(net).requires_grad_(requires_grad=False)
    of_data, of_noise = net(x), net(z)
    again, held = frozen(of_noise), of_noise.detach()
    reconstruction, idempotence = l1_loss(of_data, x), l1_loss(again, of_noise)
    tightness = -(net(held) - held).abs().mean((1, 2, 3))
    bound = 1.5 * (of_data - x).abs().mean((1, 2, 3))
    clamped = torch.tanh(tightness / bound) * bound
    theirs = 20 * reconstruction + 20 * idempotence + 2.5 * clamped.mean()
    torch.testing.assert_close(ours, theirs)
    agree(found, gradients(net, theirs))


@pytest.mark.parametrize("rule", ["modified", "ordinary", "target", "inner", "outer"])
@pytest.mark.parametrize("at", ["noise", "data", "both", "nearest"])
def test_the_rule_acts_where_it_is_asked_to(rule, at):
    net, x, z = network(), pictures(1), pictures(2)
    part = Idempotency(rule=rule, at=at, corrector=smoothstep(2), reduction="mean")
    pool = Pool(20, 1, GaussianNoise((1, 8, 8)), seed=3).double()
    pool.renew(net, x)
    value, loss = part.measured(step_of(net, x, z, pool))
    y = net({"noise": z, "data": x, "both": torch.cat([z, x]), "nearest": pool.nearest(x)}[at])
    wanted = idempotency_loss(net, y, smoothstep(2), rule, "mean")
    torch.testing.assert_close(value, wanted)
    agree(gradients(net, loss), gradients(net, wanted))


@pytest.mark.parametrize("rule", ["ordinary", "inner", "outer"])
def test_absolute_errors_go_through_one_application_or_both(rule):
    net, z = network(), pictures(2)
    value, loss = Idempotency(rule=rule, distance="l1").measured(step_of(net, pictures(1), z))
    frozen = copy.deepcopy(net).requires_grad_(requires_grad=False)
    y = net(z)
    y = y.detach() if rule == "outer" else y
    wanted = l1_loss((frozen if rule == "inner" else net)(y), y)
    torch.testing.assert_close(value, wanted)
    agree(gradients(net, loss), gradients(net, 32 * wanted))


def test_passes_beside_f_of_data_and_noise_move_no_running_average():
    net = network(normalisation="batch")
    x, z = pictures(1), pictures(2)
    alone = copy.deepcopy(net)
    alone(z), alone(x)
    step = step_of(net, x, z)
    for part in recipe("ign").parts()[::-1]:
        part.measured(step)
    for name, buffer in net.named_buffers():
        torch.testing.assert_close(buffer, dict(alone.named_buffers())[name])


def test_tightness_pushes_away_and_never_further_than_its_bound():
    net, x, z = network(), pictures(1), pictures(2)
    step = step_of(net, x, z)
    y = net(z).detach()
    moved, missed = mse_loss(net(y), y), mse_loss(net(x), x)
    value, free = Tightness(clamp=float("inf"), reduction="mean").measured(step)
    torch.testing.assert_close(value, moved)
    torch.testing.assert_close(free, -moved)
    _, held = Tightness(clamp=1e-6, reduction="mean").measured(step)
    torch.testing.assert_close(held, -1e-6 * missed)  # whatever f does with what it made
    agree(gradients(net, held), [-1e-6 * g for g in gradients(net, mse_loss(net(x), x))])
    perfect = step_of(nn.Identity(), x, x)
    assert Tightness().measured(perfect)[1] == 0  # where nothing is missed, and no bound is left


@pytest.mark.parametrize(
    ("name", "passes", "with_graph"),
    [("paper", 4, 2), ("ign", 4, 4), ("naign", 2, 2), ("projector", 4, 4), ("matched", 4, 2)],
)
def test_no_pass_is_made_twice(name, passes, with_graph):
    net, x, z = network(), pictures(1), pictures(2)
    pool = Pool(4, 1, lambda count, _: pictures(3, count), 0)
    pool.double().renew(net, x)
    seen = []
    net.register_forward_hook(lambda _, __, y: seen.append(y.requires_grad))
    step = step_of(net, x, z, pool)
    for part in recipe(name).parts():
        part.measured(step)
    assert (len(seen), sum(seen)) == (passes, with_graph)


def test_weights_grow_between_two_shares_of_the_run():
    part = Likelihood(weight=3, begin=0.2, whole=0.6)
    assert [part.weight_at(share) for share in (0, 0.2, 0.6, 1)] == [0, 0, 3, 3]
    assert part.weight_at(0.4) == pytest.approx(1.5)
    assert Reconstruction(weight=2).weight_at(0) == 2


def test_structural_similarity_of_even_pictures_is_that_of_their_means():
    a, b = (torch.full((2, 1, 8, 8), value, dtype=torch.float64) for value in (0.5, -0.25))
    c = (0.01 * 2) ** 2
    wanted = 1 - (2 * 1.5 * 0.75 + c) / (1.5**2 + 0.75**2 + c)  # black is −1
    assert ssim(a, b).item() == pytest.approx(wanted, rel=1e-9)
    x = pictures(0)
    assert ssim(x, x).item() == pytest.approx(0, abs=1e-12)
    near, far = (ssim(x + s * pictures(5), x) for s in (0.1, 0.5))
    assert 0 < near < far < 2
    y = (x + 0.1).requires_grad_()
    assert gradients_of(ssim(y, x), y).isfinite().all()
    smooth = 0.6 + 0.02 * x, 0.6 + 0.02 * pictures(5)  # of whose squares little is left
    with torch.autocast("cpu", torch.bfloat16):
        assert ssim(*(z.float() for z in smooth)).item() == pytest.approx(ssim(*smooth).item(), rel=1e-3)
    with pytest.raises(ValueError, match=r"`ssim` needs pictures of 3×3 or more.*; got \(2, 64\)"):
        ssim(torch.zeros(2, 64), torch.zeros(2, 64))


@pytest.mark.parametrize("side", [11, 28, 64])
def test_structural_similarity_is_that_of_its_authors(side):
    """By their windows, 11×11 of deviation 1.5, beyond the borders on what is reflected there."""
    rng = np.random.default_rng(side)
    x, y = rng.uniform(0, 2, (2, side, side))
    line = np.exp(-(np.arange(-5, 6) ** 2) / 2 / 1.5**2)
    window = np.outer(line, line) / line.sum() ** 2
    seen_x, seen_y = (
        np.lib.stride_tricks.sliding_window_view(np.pad(z, 5, "reflect"), (11, 11)) for z in (x, y)
    )

    def mean(z):
        return (z * window).sum((2, 3))

    a, b = mean(seen_x), mean(seen_y)
    spread = mean(seen_x**2) - a**2, mean(seen_y**2) - b**2, mean(seen_x * seen_y) - a * b
    c, d = (0.01 * 2) ** 2, (0.03 * 2) ** 2
    similar = (2 * a * b + c) * (2 * spread[2] + d) / ((a**2 + b**2 + c) * (spread[0] + spread[1] + d))
    found = ssim(*(torch.from_numpy(z - 1)[None, None] for z in (y, x)))
    assert float(found) == pytest.approx(1 - similar.mean(), rel=1e-9)


def test_the_task_of_plain_runs_is_for_pictures_from_0_to_1():
    x = 0.5 + 0.001 * pictures(1)  # around the middle, where values from −1 to 1 change their sign
    for y in (x + 0.01, 0.5 + 0.4 * pictures(2)):
        torch.testing.assert_close(TASKS["ssim"](y, x), ssim(2 * y - 1, 2 * x - 1), rtol=1e-9, atol=1e-12)


def gradients_of(loss, y):
    return torch.autograd.grad(loss, y)[0]


def test_the_pool_finds_the_nearest_of_what_f_made():
    net, x = network(), pictures(1, 20)
    pool = Pool(50, 3, lambda count, g: torch.randn(count, 1, 8, 8, dtype=torch.float64, generator=g), 7)
    pool.renew(net, x)
    z = pool.inputs
    apart = torch.cdist(x.flatten(1), net(z).flatten(1))
    assert torch.equal(pool.nearest(x), z[apart.argmin(1)])
    first = z.clone()
    pool.renew(net, x)
    assert not torch.equal(pool.inputs, first)


def test_half_precision_finds_the_same_neighbours():
    net, x = network().float(), pictures(1, 64).float()
    pool = Pool(512, 3, lambda count, g: torch.randn(count, 1, 8, 8, generator=g), 7)
    pool.renew(net, x)
    pool.pictures.copy_(x.flatten(1)[:1] + 0.1 * torch.randn(512, 64, generator=generator(8)))
    _measure(pool)
    apart = torch.cdist(x.flatten(1).double(), pool.pictures.double())
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(pool.nearest(x), pool.inputs[apart.argmin(1)])
    assert pool.nearest(x.bfloat16()).dtype == torch.bfloat16


def test_a_pool_that_memory_cannot_hold_is_refused():
    with pytest.raises(
        ValueError, match=r"a pool of inputs that fit into .* GB of memory; got 1000000000000, "
    ):
        Pool(10**12, 1, GaussianNoise((1, 8, 8)), seed=0)


def test_a_pool_that_was_loaded_has_the_same_inputs():
    def make():
        return Pool(9, 3, lambda count, g: torch.randn(count, 1, 8, 8, dtype=torch.float64, generator=g), 7)

    net, one, other = network(), make(), make()
    for _ in range(3):
        one.renew(net, pictures(1))
    other.load_state_dict(one.state_dict())
    assert "inputs" not in one.state_dict()
    assert torch.equal(other.nearest(pictures(1)), one.nearest(pictures(1)))


def test_a_pool_is_where_its_data_are(monkeypatch):
    """A checkpoint is read on the CPU, and the batches may be elsewhere."""
    pool = Pool(9, 3, lambda count, g: torch.randn(count, 1, 8, 8, generator=g), 7)
    pool.renew(network().float(), pictures(1).float())
    other = Pool(9, 3, pool.noise, 7)
    other.load_state_dict(pool.state_dict())
    moved = []
    monkeypatch.setattr(Pool, "to", lambda _, device: moved.append(device))
    other.nearest(pictures(1).float())
    assert moved == [torch.device("cpu")]


def test_likelihood_pulls_the_nearest_picture_to_each_datum():
    net, x = network(), pictures(1)
    pool = Pool(30, 1, lambda count, g: torch.randn(count, 1, 8, 8, dtype=torch.float64, generator=g), 0)
    pool.renew(net, x)
    value, loss = Likelihood().measured(step_of(net, x, None, pool))
    wanted = mse_loss(net(pool.nearest(x)), x)
    torch.testing.assert_close(value, wanted)
    agree(gradients(net, loss), gradients(net, 32 * wanted))


def test_defaults_and_parts_are_those_of_the_command_line():
    """Said twice, for the command line is read without torch."""
    defaults = {param.name: param.default for param in train.params}
    for name in DEFAULTS.keys() - {"ramp", "task_reduction"}:  # whose defaults are nothing
        assert defaults[name] == DEFAULTS[name], name
    assert tuple(kind.name for kind in (Reconstruction, Idempotency, Tightness, Likelihood)) == PARTS


@pytest.mark.parametrize("name", RECIPES)
def test_recipes_are_their_options(name):
    found = recipe(name)
    assert found.parts() == objective({**DEFAULTS, **found.options}, smoothstep(1))
    assert found.parts(smoothstep(2))[0] == found.parts()[0]
    assert found.name in str(found)
    kinds = {type(part).__name__.lower() for part in found.parts()}
    wanted = {
        "paper": {"reconstruction", "idempotency"},
        "ign": {"reconstruction", "idempotency", "tightness"},
        "naign": {"reconstruction", "likelihood"},
        "projector": {"reconstruction", "idempotency", "likelihood"},
        "matched": {"reconstruction", "idempotency", "likelihood"},
    }
    assert kinds == wanted[name]


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Reconstruction(weight=-1), "`weight` must be a finite number from 0; got -1"),
        (lambda: Reconstruction(weight=float("nan")), "`weight` must be a finite number from 0; got nan"),
        (
            lambda: Reconstruction(begin=0.5, whole=0.2),
            "0 ≤ begin ≤ whole ≤ 1 and begin < 1; got 0.5 and 0.2",
        ),
        (lambda: Reconstruction(reduction="seed"), "`reduction` must be one of half_sum, mean; got 'seed'"),
        (lambda: Reconstruction(distance="l3"), "`distance` must be one of l2, l1, ssim; got 'l3'"),
        (lambda: Idempotency(rule="m1"), "`rule` must be one that needs no x; got 'm1'"),
        (lambda: Idempotency(rule="newton"), "`rule` must be one of"),
        (lambda: Idempotency(distance="l1"), "`rule` must be one of ordinary, inner, outer; got 'modified'"),
        (lambda: Idempotency(distance="ssim"), "`distance` must be one of l2, l1; got 'ssim'"),
        (lambda: Idempotency(at="both ends"), "`at` must be one of noise, data, both, nearest; got"),
        (lambda: Idempotency(rule="inner", relaxation=0.5), "`relaxation` is for the rules"),
        (lambda: Tightness(clamp=0), "`clamp` must be above 0; got 0"),
        (lambda: Tightness(distance="ssim"), "`distance` must be one of l2, l1; got 'ssim'"),
        (lambda: Likelihood(pool=0), "`pool` must be a whole number from 1 on; got 0"),
        (lambda: Likelihood(refresh=0), "`refresh` must be a whole number from 1 on; got 0"),
        (lambda: recipe("gan"), "`name` must be one of paper, ign, naign, projector, matched; got 'gan'"),
        (lambda: ramp("rule", "0-1"), "expected --ramp of reconstruction, .*; got rule"),
        (lambda: Reconstruction(begin=1, whole=1), "and begin < 1; got 1 and 1"),
        (lambda: ramp("tightness", "1"), "shares of the run, the first below 1, the second not less; got 1"),
        (lambda: ramp("tightness", "1-1"), "the first below 1, the second not less; got 1-1"),
        (lambda: ramp("tightness", "0.5-0.2"), "the second not less; got 0.5-0.2"),
        (lambda: ramp("tightness", "nan-1"), "the second not less; got nan-1"),
        (lambda: training([]), "`parts` must have at least one with a weight.*; got none"),
        (lambda: training([Likelihood(weight=0)]), "; got none"),
        (lambda: training([Reconstruction(whole=0.5)]), "from the beginning; got a ramp for each"),
        (lambda: training([Idempotency(at="both")], masks="shared"), "`masks` must be fresh where"),
        (
            lambda: training([Reconstruction(), Idempotency(at="nearest")]),
            "`parts` must have a Likelihood where the rule acts at what is nearest; got none",
        ),
        (lambda: training([Likelihood(), Likelihood()]), "one of each kind; got likelihood, likelihood"),
    ],
)
def test_what_is_no_objective_is_refused(make, words):
    with pytest.raises(ValueError, match=words):
        make()


def training(parts, net=None, **options):
    return GenerativeTraining(net or network().float(), parts, GaussianNoise((1, 8, 8)), **options)


def fitted(module, steps):
    data = torch.utils.data.DataLoader(pictures(1, 8 * steps).float(), batch_size=8)
    rows = []

    class Watch(pl.Callback):
        def on_train_batch_end(self, _, __, outputs, ___, ____):
            rows.append({name: float(value) for name, value in outputs.items()})

    pl.Trainer(
        max_epochs=1,
        limit_val_batches=0,
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        callbacks=[Watch()],
    ).fit(module, data)
    return rows


@pytest.mark.filterwarnings("ignore:.*does not have many workers")
@pytest.mark.filterwarnings("ignore:.*isinstance.treespec, LeafSpec.. is deprecated")
@pytest.mark.filterwarnings("ignore:.*GPU available but not used")
@pytest.mark.filterwarnings("ignore:You defined a `validation_step`")
def test_a_trainer_of_ones_own_trains_the_parts_by_their_schedules():
    parts = [Reconstruction(), Likelihood(pool=16, refresh=2), Idempotency(weight=0.5, begin=0.5, whole=0.5)]
    torch.manual_seed(0)
    module = training(parts, steps=4, gradients_every=1)
    rows = fitted(module, 4)
    assert ["idempotency" in row for row in rows] == [False, False, True, True]
    assert all(np.isfinite(list(row.values())).all() for row in rows)
    assert -1 <= rows[-1]["cosine"] <= 1
    assert "cosine" not in rows[0]
    assert {"reconstruction_gradient", "likelihood_gradient"} <= rows[0].keys()
    first = rows[0]
    assert first["loss"] == pytest.approx(32 * (first["reconstruction"] + first["likelihood"]))
    last = rows[-1]
    missed = 32 * (last["reconstruction"] + last["likelihood"])
    assert last["loss"] == pytest.approx(missed + 0.5 * last["idempotency"], rel=1e-6)
    assert last["loss"] != pytest.approx(missed + last["idempotency"], rel=1e-6)
    assert module.pool.draws == 2  # before the first step and the third


def test_the_cosine_is_between_the_rule_and_all_else():
    module = training([Reconstruction(), Likelihood(pool=4), Idempotency()])
    a, b, c = (nn.Parameter(torch.ones(3)) for _ in range(3))
    module.net = nn.ParameterList([a, b, c])
    losses = {"reconstruction": 2 * a.sum(), "likelihood": (b + c).sum(), "idempotency": (a - c).sum()}
    found = module._gradients(losses)
    assert found["reconstruction_gradient"].item() == pytest.approx(np.sqrt(12))
    assert found["cosine"].item() == pytest.approx((2 - 1) / (np.sqrt(2) * np.sqrt(4 + 1 + 1)))


def test_collapsed_networks_are_told_though_they_reconstruct():
    class Fixes(nn.Module):
        """Leaves pictures as they are, and makes one of all noise."""

        def forward(self, x):
            return torch.where(x.abs().amax((1, 2, 3), keepdim=True) <= 1, x, torch.zeros_like(x))

    noise = 9 * torch.randn(50, 1, 8, 8, generator=generator(0)).double()
    found = training([Reconstruction()]).measured(Fixes(), Drawn(pictures(0), noise))
    assert (found["task"], found["error"], found["collapsed"]) == (0, 0, True)
    assert np.isnan(found["centred"])


def test_what_has_no_weight_refuses_nothing():
    """Tightness by absolute values, for one, beside a rule that is left out."""
    options = {**DEFAULTS, "weight": 0.0, "distance": "l1", "tightness": 1.0}
    assert [part.name for part in objective(options, smoothstep(1))] == ["reconstruction", "tightness"]
