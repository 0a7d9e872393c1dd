"""`IdempotentTraining` in anyone's Trainer: what it descends, what it logs; and checkpoints without code."""

import lightning.pytorch as pl
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.utils.data import DataLoader

from corrector import MCWEENY, smoothstep
from training import IdempotentTraining, SafetensorsIO, idempotency_loss
from training.runs.module import Noisy

QUIET = {
    "logger": False,
    "enable_progress_bar": False,
    "enable_model_summary": False,
    "accelerator": "cpu",
    "num_sanity_val_steps": 0,
}
# What Lightning says of data loaded in its own process, of a small epoch, and of torch's own changes.
pytestmark = [
    pytest.mark.filterwarnings("ignore:.*does not have many workers"),
    pytest.mark.filterwarnings("ignore:.*smaller than the logging interval"),
    pytest.mark.filterwarnings("ignore:.*isinstance.treespec, LeafSpec.. is deprecated"),
    pytest.mark.filterwarnings("ignore:.*GPU available but not used"),
]


@pytest.fixture
def net():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(6, 9), nn.Tanh(), nn.Linear(9, 6)).double()


@pytest.fixture
def x():
    return torch.randn(12, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def fit(module, x, path, **options):
    loaders = DataLoader(x, batch_size=None), DataLoader(x, batch_size=None)
    trainer = pl.Trainer(**QUIET, default_root_dir=path, enable_checkpointing=False, **options)
    trainer.fit(module, *loaders)
    return trainer


class Recorded(IdempotentTraining):
    """Its gradients, as the optimizer sees them, and what each step returned."""

    def training_step(self, batch, index):
        self.found = super().training_step(batch, index)
        return self.found

    def on_before_optimizer_step(self, optimizer):
        super().on_before_optimizer_step(optimizer)
        self.gradients = [p.grad.clone() for p in self.net.parameters()]


def gradients(net, loss):
    return torch.autograd.grad(loss, list(net.parameters()))


@pytest.mark.parametrize("noisy", [False, True])
@pytest.mark.parametrize("rule", ["modified", "ordinary", "target"])
def test_it_descends_both_parts_with_their_weights(net, x, tmp_path, rule, noisy):
    seen = x + 0.1 if noisy else x
    y = net(seen)
    task, own = 0.5 * (y - x).square().sum() / len(x), idempotency_loss(net, y, MCWEENY, rule)
    wanted = gradients(net, 0.25 * task + 3 * own)
    module = Recorded(net, weight=3, task_weight=0.25, rule=rule, gradients_every=0)
    fit(module, [Noisy(seen, x)] if noisy else [x], tmp_path, max_epochs=1)
    for found, expected in zip(module.gradients, wanted, strict=True):
        torch.testing.assert_close(found, expected)
    torch.testing.assert_close(module.found["task"], (y - x).square().mean().detach())
    torch.testing.assert_close(module.found["idempotency"], own.detach())


@pytest.mark.parametrize(
    ("task", "scale"), [("reconstruction", 1.0), ("l1", 1.0), (lambda y, x: (y - x).square().mean(), 1.0)]
)
def test_means_and_functions_of_ones_own_keep_their_scale(net, x, tmp_path, task, scale):
    y = net(x)
    loss = (y - x).abs().mean() if task == "l1" else (y - x).square().mean()
    wanted = gradients(net, scale * loss)
    module = Recorded(net, task, weight=0, task_reduction="mean")
    fit(module, [x], tmp_path, max_epochs=1)
    for found, expected in zip(module.gradients, wanted, strict=True):
        torch.testing.assert_close(found, expected)


def test_gradient_norms_and_their_cosine_are_those_of_the_weighted_parts(net, x, tmp_path):
    y = net(x)
    parts = (0.5 * (y - x).square().sum() / len(x), 2 * idempotency_loss(net, y))
    a, b = (
        torch.cat([g.flatten() for g in torch.autograd.grad(p, list(net.parameters()), retain_graph=True)])
        for p in parts
    )
    module = Recorded(net, weight=2, gradients_every=1)
    fit(module, [x], tmp_path, max_epochs=1)
    found = {name: float(value.detach()) for name, value in module.found.items()}
    assert found["task_gradient"] == pytest.approx(float(a.norm()), rel=1e-5)
    assert found["idempotency_gradient"] == pytest.approx(float(b.norm()), rel=1e-5)
    assert found["cosine"] == pytest.approx(float(a @ b / a.norm() / b.norm()), rel=1e-4)


def test_validation_logs_the_error_with_its_guard(net, x, tmp_path):
    trainer = fit(IdempotentTraining(net), [x], tmp_path, max_epochs=1)
    logged = trainer.callback_metrics
    assert {f"validation_{n}" for n in ("task", "error", "relative", "centred", "kept", "rank")} <= set(
        logged
    )
    assert logged["validation_collapsed"] == 0


def test_its_checkpoints_hold_no_code_and_lightning_goes_on_from_them(net, x, tmp_path):
    module = IdempotentTraining(net)
    trainer = fit(module, [x, x], tmp_path, max_epochs=1, plugins=[SafetensorsIO()])
    trainer.save_checkpoint(tmp_path / "a.safetensors")
    again = pl.Trainer(**QUIET, max_epochs=2, enable_checkpointing=False, plugins=[SafetensorsIO()])
    other = IdempotentTraining(nn.Sequential(nn.Linear(6, 9), nn.Tanh(), nn.Linear(9, 6)).double())
    loaders = DataLoader([x, x], batch_size=None), DataLoader([x], batch_size=None)
    again.fit(other, *loaders, ckpt_path=tmp_path / "a.safetensors")
    assert other.batches == 4


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: (
        st.lists(inner)
        | st.lists(inner).map(tuple)
        | st.dictionaries(st.text(), inner)
        | st.dictionaries(st.integers() | st.sampled_from(["$tensor", "$tuple", "$pairs"]), inner)
    ),
    max_leaves=12,
)


@given(values)
def test_what_is_stored_comes_back_with_its_kinds(tmp_path_factory, value):
    path = tmp_path_factory.mktemp("checkpoint") / "a.safetensors"
    w = torch.randn(3, 2, dtype=torch.float64).T
    SafetensorsIO().save_checkpoint({"value": value, "w": w, "tied": [w, torch.tensor(3)]}, path)
    found = SafetensorsIO().load_checkpoint(path)
    assert repr(found["value"]) == repr(value)
    assert torch.equal(found["w"], w)
    assert torch.equal(found["tied"][0], w)
    assert found["tied"][1].shape == ()


def test_what_a_checkpoint_cannot_hold_is_refused_when_it_is_written(tmp_path):
    with pytest.raises(TypeError, match=r"expected tensors, numbers, .* in a checkpoint; got function"):
        SafetensorsIO().save_checkpoint({"f": lambda: None}, tmp_path / "a.safetensors")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"task": "x"}, "`task` must be one of reconstruction, l1, ssim, or a function; got 'x'"),
        ({"task_reduction": "sum"}, "`task_reduction` must be one of half_sum, mean; got 'sum'"),
        ({"rule": "x"}, "`rule` must be one of"),
    ],
)
def test_unknown_names_are_refused(net, arguments, words):
    with pytest.raises(ValueError, match=words):
        IdempotentTraining(net, **arguments)


def test_every_option_of_the_rule_reaches_it(net, x, tmp_path):
    options = {"corrector": smoothstep(2), "relaxation": 0.5, "reduction": "mean", "chunk": 5}
    wanted = gradients(net, idempotency_loss(net, net(x), **options))
    module = Recorded(net, None, gradients_every=0, **options)
    fit(module, [x], tmp_path, max_epochs=1)
    for found, expected in zip(module.gradients, wanted, strict=True):
        torch.testing.assert_close(found, expected)


def test_the_naive_rule_is_given_the_inputs(x, tmp_path):
    net = nn.Linear(6, 6, bias=False).double()
    wanted = gradients(net, idempotency_loss(net, net(x)))
    module = Recorded(net, None, rule="m1", gradients_every=0)
    fit(module, [x], tmp_path, max_epochs=1)
    torch.testing.assert_close(module.gradients[0], wanted[0])


@pytest.mark.parametrize("masks", ["fresh", "shared"])
def test_masks_are_shared_by_the_passes_of_a_step_if_asked_to(x, tmp_path, masks):
    drawn = []
    net = nn.Sequential(nn.Linear(6, 6), nn.Dropout()).double()
    net[1].register_forward_hook(lambda _, inputs, output: drawn.append(output == 0))
    module = Recorded(net, None, masks=masks, gradients_every=0)
    fit(module, [x, x], tmp_path, max_epochs=1, limit_val_batches=0)
    passes = drawn[:3], drawn[3:6]
    assert all(torch.equal(a[0], b) == (masks == "shared") for a in passes for b in a[1:])
    assert not torch.equal(drawn[0], drawn[3])


def test_masks_are_fresh_or_shared(net):
    with pytest.raises(ValueError, match="`masks` must be one of fresh, shared; got 'same'"):
        IdempotentTraining(net, masks="same")


def test_a_trainer_of_ones_own_keeps_its_checkpoints(net, x, tmp_path):
    loader = DataLoader([x], batch_size=None)
    callback = pl.callbacks.ModelCheckpoint(tmp_path / "new" / "folder", save_last=True)
    trainer = pl.Trainer(**QUIET, max_epochs=1, plugins=[SafetensorsIO()], callbacks=[callback])
    trainer.fit(IdempotentTraining(net), loader, loader)
    stored = SafetensorsIO().load_checkpoint(callback.best_model_path)
    for name, weight in trainer.lightning_module.state_dict().items():
        assert torch.equal(stored["state_dict"][name], weight)
