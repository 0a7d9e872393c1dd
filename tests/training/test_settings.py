"""The rule is the same in every setting that torch has: the equivalence matrix.

Rows are settings, columns the correctors of order 1 and 2; a cell holds if training there gives the
parameters of the plain run, within the setting's own precision.  BatchNorm, dropout and channels-last, which
change the network rather than the setting, have more in `test_state`.
"""

import copy
import json
import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.func import functional_call, grad, stack_module_state, vmap
from torch.utils.checkpoint import checkpoint

from corrector import MCWEENY, smoothstep
from tests.training.notes import literal
from tests.training.processes import CASES, CUTS, RULES, batches, plain, trained
from training import idempotency_loss
from training.networks import perceptron

ORDERS = [1, 2]
TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]


def by_hand(net, order, x):
    """The gradients of the parameters by the formula, each pass written out."""
    y = net(x)
    pull, _ = literal(net, y.detach(), smoothstep(order))
    return torch.autograd.grad(y, list(net.parameters()), pull)


def gradients(net, loss):
    return torch.autograd.grad(loss, list(net.parameters()))


def assert_same(found, expected):
    """Equal but for the order of sums."""
    for a, b in zip(found, expected, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-12, atol=1e-14)


def double(values):
    return torch.tensor(values, dtype=torch.float64)


@pytest.fixture(scope="module")
def together(tmp_path_factory):
    """What two processes found."""
    path = tmp_path_factory.mktemp("processes") / "found.json"
    command = [*TORCHRUN, "-m", "tests.training.processes", str(path)]
    root = Path(__file__).parents[2]
    result = subprocess.run(command, capture_output=True, text=True, cwd=root, check=False, timeout=300)
    assert path.exists(), result.stderr
    return json.loads(path.read_text())


@pytest.mark.parametrize("wrapper", ["DDP", "FSDP2"])
@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize(("order", "rule"), CASES)
def test_two_processes(together, wrapper, order, rule, cut):
    found = together[wrapper]["trained"][f"{order} {rule} {cut}"]
    net = plain()
    values = trained(net, batches(), order, rule)
    torch.testing.assert_close(double(found["values"]), values)
    for a, p in zip(found["parameters"], net.parameters(), strict=True):
        torch.testing.assert_close(
            torch.tensor(a, dtype=torch.float64), p.detach().flatten(), rtol=0, atol=1e-14
        )


@pytest.mark.parametrize("wrapper", ["DDP", "FSDP2"])
@pytest.mark.parametrize("order", ORDERS)
def test_two_processes_that_accumulate(together, wrapper, order):
    expected = by_hand(plain(), order, batches()[0])
    found = map(double, together[wrapper]["accumulated"][str(order)])
    assert_same(found, (g.flatten() for g in expected))


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("wrapper", ["DDP", "FSDP2"])
def test_wrapped_networks_are_passed_once_keep_buffers_and_share_masks(together, wrapper, order):
    # Sharded networks must gather their weights for each pass; others need their wrapper but once.
    passes = 1 if wrapper == "DDP" else 2 * order + 1
    expected = {"buffers": True, "masks": True, "passes": passes}
    assert together[wrapper]["traces"][str(order)] == expected


def rounding(net, order, x, unit):
    """How far rounding y, f(y), … to `unit` may move the gradient, relative to it."""
    y = net(x).detach()
    g = smoothstep(order)
    pull, _ = literal(net, y, g)
    return 4 * unit * float(sum(map(abs, g.alphas)) + 1) * (y.norm() / (len(y) * pull.norm())).item()


def distance(found, expected):
    found, expected = (torch.cat([g.detach().flatten() for g in each]) for each in (found, expected))
    return ((found - expected).norm() / expected.norm()).item()


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ("outer", "waits with a static graph; expected static_graph=False"),
        ("DDP", "'m1' is for a network of one's own process"),
        ("FSDP2", "'m1' is for a network of one's own process"),
    ],
)
def test_what_wrappers_cannot_do_is_refused(together, what, words):
    assert words in together["refused"][what]


HALVES = [(torch.bfloat16, 2**-9), (torch.float16, 2**-12)]


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize(("dtype", "unit"), HALVES)
def test_autocast(dtype, unit, order):
    net = plain().float()
    x = batches()[0].float()
    with torch.autocast("cpu", dtype=dtype):
        loss = idempotency_loss(net, net(x), smoothstep(order))
    assert loss.dtype == torch.float32
    off = distance(gradients(net, loss), by_hand(net, order, x))
    assert unit / 10 < off < rounding(net, order, x, unit)


@pytest.mark.parametrize("order", ORDERS)
def test_scaled_gradients(order):
    net = plain().float()
    before = [p.detach().clone() for p in net.parameters()]
    x = batches()[0].float()
    expected = by_hand(net, order, x)
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**12)
    optimizer = torch.optim.SGD(net.parameters(), lr=1.0)
    allowed = rounding(net, order, x, 2**-12)
    with torch.autocast("cpu", dtype=torch.float16):
        loss = idempotency_loss(net, net(x), smoothstep(order))
    scaler.scale(loss).backward()
    scaler.step(optimizer)
    scaler.update()
    steps = [p - q for p, q in zip(before, net.parameters(), strict=True)]
    assert distance(steps, expected) < allowed


@pytest.mark.parametrize("order", ORDERS)
def test_gradients_too_small_for_half_precision_survive_by_scaling(order):
    y = torch.full((64, 3), 1e-4, dtype=torch.float16, requires_grad=True)

    def f(v):
        return v * (1 - 2**-9)

    def kept(scale):
        (gradient,) = torch.autograd.grad(idempotency_loss(f, y, smoothstep(order)) * scale, y)
        return gradient.count_nonzero().item()

    assert kept(1) == 0
    assert kept(2.0**12) == 192


# Dynamo looks at .grad of what it is given, and makes an instance of the function it traces: torch warns.
@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf")
@pytest.mark.filterwarnings("ignore:<class 'torch.autograd.function.Function'> should not be instantiated")
@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("whole", [True, False], ids=["step", "network"])
def test_compiled_without_a_break(order, rule, whole):
    net = nn.Sequential(plain(), nn.BatchNorm1d(6).double())
    twin = copy.deepcopy(net)
    x = batches()[0]
    torch.compiler.reset()
    compile_whole = partial(torch.compile, backend="aot_eager", fullgraph=True)
    f = net if whole else compile_whole(net)

    def loss(x):
        return idempotency_loss(f, f(x), smoothstep(order), rule)

    found = (compile_whole(loss) if whole else loss)(x)
    expected = idempotency_loss(twin, twin(x), smoothstep(order), rule)
    torch.testing.assert_close(found, expected)
    assert_same(gradients(net, found), gradients(twin, expected))
    assert_same(net.buffers(), twin.buffers())


@pytest.mark.skipif(shutil.which("g++") is None, reason="takes a C++ compiler")
@pytest.mark.filterwarnings("ignore")  # what torch's compiler says of itself, which changes with its version
def test_compiled_to_code():
    net, x = plain(), batches()[0]
    torch.compiler.reset()
    loss = torch.compile(lambda x: idempotency_loss(net, net(x)), fullgraph=True)
    assert_same(gradients(net, loss(x)), by_hand(net, 1, x))


@pytest.mark.filterwarnings("ignore:<class 'torch.autograd.function.Function'> should not be instantiated")
def test_schedules_of_relaxation_do_not_break_graphs():
    net, x = plain(), batches()[0]
    torch.compiler.reset()
    loss = torch.compile(
        lambda x, share: idempotency_loss(net, net(x), relaxation=share), backend="eager", fullgraph=True
    )
    full = gradients(net, idempotency_loss(net, net(x)))
    for i in range(1, 12):
        assert_same(gradients(net, loss(x, i / 12)), [g * (i / 12) for g in full])


@pytest.mark.parametrize("rule", RULES)
def test_transforms_over_the_data_of_a_module(rule):
    net = plain()
    y = torch.randn(3, 5, 6, dtype=torch.float64)
    found = vmap(grad(lambda v: idempotency_loss(net, v, rule=rule)))(y)
    for i in range(3):
        at = y[i].clone().requires_grad_()
        loss = idempotency_loss(net, at, rule=rule)
        (alone,) = torch.autograd.grad(loss, at, materialize_grads=True)
        assert_same([found[i]], [alone])


class Checkpointed(nn.Module):
    def __init__(self, net, reentrant=False):
        super().__init__()
        self.net, self.reentrant = net, reentrant

    def forward(self, x):
        x = self.net[0](x)  # the old kind gives no gradients where no input asks for any
        return checkpoint(self.net[1:], x, use_reentrant=self.reentrant)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("rule", RULES)
def test_checkpointed_activations(order, rule):
    net, x = plain(), batches()[0]
    f = Checkpointed(net)
    expected = gradients(net, idempotency_loss(net, net(x), smoothstep(order), rule))
    assert_same(gradients(net, idempotency_loss(f, f(x), smoothstep(order), rule)), expected)


@pytest.mark.filterwarnings("ignore:None of the inputs have requires_grad")  # in passes without a graph
@pytest.mark.parametrize("order", ORDERS)
def test_checkpointed_activations_of_the_old_kind(order):
    net, x = plain(), batches()[0]
    f = Checkpointed(net, reentrant=True)
    idempotency_loss(f, f(x), smoothstep(order)).backward()
    assert_same([p.grad for p in net.parameters()], by_hand(net, order, x))
    with pytest.raises(RuntimeError, match="use_reentrant=True"):  # takes a gradient in y alone
        idempotency_loss(f, f(x), rule="inner")


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("parts", [[4, 4, 4], [7, 3, 2]])
def test_accumulated_gradients(order, parts):
    net = plain()
    x = batches()[0]
    for part in x.split(parts):
        loss = idempotency_loss(net, net(part), smoothstep(order), samples=12 / len(parts))
        (loss / len(parts)).backward()
    assert_same([p.grad for p in net.parameters()], by_hand(net, order, x))


@pytest.mark.parametrize("order", ORDERS)
def test_batch_normalisation(order):
    """Each pass normalises by its own batch, as in the notes' code."""
    net = nn.Sequential(plain(), nn.BatchNorm1d(6).double())
    x = batches()[0]
    expected = by_hand(copy.deepcopy(net), order, x)
    assert_same(gradients(net, idempotency_loss(net, net(x), smoothstep(order))), expected)
    assert net[1].num_batches_tracked == 1


@pytest.mark.parametrize("order", ORDERS)
def test_dropout(order):
    net = nn.Sequential(plain(), nn.Dropout(0.3))
    x = batches()[0]
    torch.manual_seed(5)
    expected = by_hand(net, order, x)
    torch.manual_seed(5)
    assert_same(gradients(net, idempotency_loss(net, net(x), smoothstep(order))), expected)


@pytest.mark.parametrize("order", ORDERS)
def test_channels_last(order):
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(2, 5, 3, padding=1), nn.Tanh(), nn.Conv2d(5, 2, 3, padding=1)).double()
    x = torch.randn(3, 2, 7, 7, dtype=torch.float64)
    expected = by_hand(net, order, x)
    net.to(memory_format=torch.channels_last)
    x = x.to(memory_format=torch.channels_last)
    assert_same(gradients(net, idempotency_loss(net, net(x), smoothstep(order))), expected)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("order", ORDERS)
def test_stacked_networks(order, rule):
    nets = [perceptron([6, 8, 6], nn.Tanh).double() for _ in range(3)]
    parameters, _ = stack_module_state(nets)
    x = torch.randn(3, 5, 6, dtype=torch.float64)

    def loss(p, v):
        def f(u):
            return functional_call(nets[0], p, (u,))

        return idempotency_loss(f, f(v), smoothstep(order), rule)

    transformed = vmap(grad(loss))(parameters, x)
    summed = torch.autograd.grad(vmap(loss)(parameters, x).sum(), list(parameters.values()))
    for i, net in enumerate(nets):
        alone = gradients(net, idempotency_loss(net, net(x[i]), smoothstep(order), rule))
        assert_same([each[i] for each in transformed.values()], alone)
        assert_same([each[i] for each in summed], alone)


needs_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="takes a CUDA device")


@needs_cuda
@pytest.mark.parametrize("order", ORDERS)
def test_cuda_graphs(order):
    """A step captured once and replayed trains as one that is not."""
    net = plain().cuda()
    twin = copy.deepcopy(net)
    xs = batches().cuda()
    static = xs[0].clone()

    def step(net, x):
        for p in net.parameters():
            p.grad = None
        idempotency_loss(net, net(x), smoothstep(order)).backward()
        with torch.no_grad():
            for p in net.parameters():
                p -= 0.1 * p.grad

    start = copy.deepcopy(net.state_dict())
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        step(net, static)
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        step(net, static)
    net.load_state_dict(start)
    for x in xs:
        static.copy_(x)
        graph.replay()
        step(twin, x)
    assert_same(net.parameters(), twin.parameters())


@needs_cuda
@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("rule", RULES)
def test_on_a_device(order, rule):
    net, x = plain(), batches()[0]
    expected = gradients(net, idempotency_loss(net, net(x), smoothstep(order), rule))
    net.cuda()
    found = gradients(net, idempotency_loss(net, net(x.cuda()), smoothstep(order), rule))
    assert_same([g.cpu() for g in found], expected)


@needs_cuda
def test_compiled_on_a_device():
    net, x = plain().cuda(), batches()[0].cuda()
    expected = gradients(net, idempotency_loss(net, net(x), MCWEENY))
    compiled = torch.compile(lambda x: idempotency_loss(net, net(x), MCWEENY), fullgraph=True)
    assert_same(gradients(net, compiled(x)), expected)
