import copy
import io
from fractions import Fraction

import numpy as np
import pytest
import torch
from safetensors.torch import load, save
from torch import library, nn
from torch.func import functional_call, grad, stack_module_state, vmap
from torch.nn.utils import parametrize

from analysis import assert_idempotent
from corrector import MCWEENY, Corrector, derive, smoothstep
from tests.problems import oblique, spectral_projector
from training import idempotency_loss, idempotent
from training.data import digits
from training.parametrization.projection import _project, _Projector, _pull_back

F64 = torch.float64
CORRECTORS = [MCWEENY, smoothstep(2), smoothstep(8), derive(1, 4).member(a4=Fraction(-3))]


def linear(m=6, *, rank=None, seed=0, dtype=F64, bias=False, **options):
    torch.manual_seed(seed)
    return idempotent(nn.Linear(m, m, bias=bias, dtype=dtype), rank=rank, **options)


def defect(P):
    """‖P² − P‖ over what rounding may leave of it."""
    unit, P = torch.finfo(P.dtype).eps / 2, P.detach().double()
    size = torch.linalg.matrix_norm(P, 2).clamp(min=1)
    return float((torch.linalg.matrix_norm(P @ P - P) / (4 * P.shape[-1] * unit * size**3)).max())


def moved(layer, size=0.05, seed=1):
    """A near the layer's projector, as an optimiser's step leaves it."""
    A = layer.parametrizations.weight.original.detach()
    generator = torch.Generator().manual_seed(seed)
    return A + size * torch.randn(A.shape, generator=generator, dtype=F64).to(A)


def by_eigenvectors(A, E):
    """The derivative of the spectral projector along E from A's eigenvalues and eigenvectors."""
    values, S = torch.linalg.eig(A)
    right = values.real > 0.5
    parts = right[:, None] != right[None, :]
    signs = torch.where(right, 1.0, -1.0)[:, None]
    gaps = torch.where(parts, values[:, None] - values[None, :], torch.ones_like(values[None, :]))
    middle = torch.linalg.solve(S, E.to(S) @ S) * parts * signs / gaps
    return (S @ middle @ torch.linalg.inv(S)).real


OPTIMIZERS = {
    "sgd": lambda p: torch.optim.SGD(p, lr=0.1),
    "heavy ball, decay": lambda p: torch.optim.SGD(p, lr=0.03, momentum=0.9, weight_decay=0.1),
    "adam": lambda p: torch.optim.Adam(p, lr=0.01),
    "far too fast": lambda p: torch.optim.Adam(p, lr=1.0),
    "sgd, far too fast": lambda p: torch.optim.SGD(p, lr=3.0),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("dtype", [torch.float32, F64])
def test_every_step_of_any_optimizer_leaves_a_projector_of_the_same_rank(name, dtype):
    layer = linear(8, rank=3, dtype=dtype, bias=True)
    optimizer = OPTIMIZERS[name](layer.parameters())
    wanted = torch.randn(8, 8, dtype=dtype)
    for _ in range(20):
        x = torch.randn(16, 8, dtype=dtype)
        loss = (layer(x) - x @ wanted.T).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        P = layer.weight.detach()
        assert defect(P) <= 1
        assert round(P.trace().item()) == 3
        with torch.no_grad():
            y = layer(x)
        assert (layer(y) - y).norm() <= 1e-5 * y.norm() * P.norm() ** 2


@pytest.mark.parametrize("g", CORRECTORS, ids=str)
def test_whatever_the_corrector_the_limit_is_the_spectral_projector(g):
    layer = linear(7, rank=3, corrector=g).eval()
    A = moved(layer)
    P = layer.parametrizations.weight[0](A)
    np.testing.assert_allclose(P, spectral_projector(A.numpy()), atol=1e-13)


@pytest.mark.parametrize("g", CORRECTORS, ids=str)
def test_the_gradient_is_the_adjoint_of_the_spectral_projectors_derivative(g):
    layer = linear(7, rank=3, corrector=g).eval()
    A = moved(layer).requires_grad_()
    E, G = torch.randn(2, 7, 7, dtype=F64)
    (found,) = torch.autograd.grad(layer.parametrizations.weight[0](A), A, G)
    assert (found * E).sum().item() == pytest.approx((G * by_eigenvectors(A.detach(), E)).sum().item(), 1e-10)


@pytest.mark.parametrize("dtype", [F64, torch.complex128])
def test_first_and_second_derivatives_against_differences(dtype):
    layer = linear(3, rank=1, dtype=dtype)
    A = (layer.weight.detach() + 0.05 * torch.randn(3, 3, dtype=dtype)).requires_grad_()
    base = layer.weight.detach()

    def P(A):
        return _Projector.apply(A, base, MCWEENY.to_json(), 50, "A")[0]

    assert torch.autograd.gradcheck(P, A)
    assert torch.autograd.gradgradcheck(P, A)


def test_at_a_projector_the_gradient_is_tangential():
    layer = linear(6, rank=2)
    G = torch.randn(6, 6, dtype=F64)
    layer.weight.backward(G)
    P = layer.parametrizations.weight.original.detach()
    Q = torch.eye(6, dtype=F64) - P
    torch.testing.assert_close(
        layer.parametrizations.weight.original.grad, P.T @ G @ Q.T + Q.T @ G @ P.T, rtol=0, atol=1e-13
    )


def test_backward_keeps_two_matrices_whatever_the_steps():
    layer = linear(6, rank=2).eval()
    for size in (0.0, 0.1):
        kept = []
        with torch.autograd.graph.saved_tensors_hooks(lambda x: kept.append(x.numel()) or x, lambda x: x):
            layer.parametrizations.weight[0](moved(layer, size).requires_grad_())
        assert sum(kept) == 2 * 36 + 2


def test_in_training_mode_the_projector_takes_the_parameters_place():
    layer = linear()
    A = layer.parametrizations.weight.original
    optimizer = torch.optim.SGD([A], lr=1.0)
    with torch.no_grad():
        A.copy_(moved(layer))
    weight = layer.eval().weight.detach().clone()
    assert not torch.equal(A, weight)
    assert torch.equal(layer.train().weight, weight)  # its value does not change by that
    assert torch.equal(A, weight)
    again = layer.weight.detach().clone()
    assert torch.equal(again, weight)  # and at rest nothing moves, to the bit
    assert optimizer.param_groups[0]["params"][0] is layer.parametrizations.weight.original


def test_evaluation_and_frozen_parameters_and_given_tensors_change_nothing():
    layer = linear()
    A = moved(layer)
    with torch.no_grad():
        layer.parametrizations.weight.original.copy_(A)
    _ = layer.eval().weight
    layer.train().requires_grad_(False)
    _ = layer.weight
    layer.requires_grad_(True)
    given = {"parametrizations.weight.original": A.clone()}
    functional_call(layer, given, (torch.ones(6, dtype=F64),))
    assert torch.equal(given["parametrizations.weight.original"], A)
    assert torch.equal(layer.parametrizations.weight.original, A)


def test_a_weight_used_several_times_in_one_graph():
    layer = linear(bias=True)
    with torch.no_grad():
        layer.parametrizations.weight.original.copy_(moved(layer))
    x = torch.randn(5, 6, dtype=F64)
    y = layer(x)
    (layer(y).square().sum() + idempotency_loss(layer, y)).backward()
    assert layer.parametrizations.weight.original.grad.isfinite().all()
    assert idempotency_loss(layer, y).item() < 1e-28


def test_steps_that_are_too_long_are_shortened():
    layer = linear(6, rank=2)
    A, before = layer.parametrizations.weight.original, layer.weight.detach().clone()
    step = torch.randn(6, 6, dtype=F64)
    with torch.no_grad():
        A.add_(100 * step)
    P = layer.weight.detach()
    assert 0 < (P - before).norm() < 5
    assert P.norm() <= 2 * before.norm()
    assert defect(P) <= 1
    halved = next(P for i in range(30) if (P := tried(before + 100 * step / 2**i, before)) is not None)
    np.testing.assert_allclose(layer.weight.detach(), halved, atol=1e-12)


def tried(A, before):
    P = spectral_projector(A.numpy())
    far = np.abs(np.linalg.eigvals(A.numpy()) - 0.5).max() > 0.86 or np.linalg.norm(P) > 2 * before.norm()
    return None if far or round(np.trace(P).real) != 2 else P.real


@pytest.mark.parametrize("far", [3.0, 0.5, 1.0, -1.0])
def test_evaluation_shortens_alike_and_changes_nothing(far):
    layer = linear(4, rank=2)
    A = layer.parametrizations.weight.original
    with torch.no_grad():
        A.copy_(far * torch.eye(4, dtype=F64) + 0.1 * torch.randn(4, 4, dtype=F64))
    before = A.detach().clone()
    P = layer.eval().weight.detach()
    assert torch.equal(A, before)
    assert torch.equal(layer.train().weight, P)
    assert defect(P) <= 1
    assert round(P.trace().item()) == 2


def test_the_gradient_of_a_shortened_step():
    layer = linear(4, rank=2).eval()
    A = (layer.weight.detach() + torch.randn(4, 4, dtype=F64)).requires_grad_()
    assert _project(A.detach(), layer.weight.detach(), MCWEENY.to_json(), 50, "A")[2] < 1
    assert torch.autograd.gradcheck(layer.parametrizations.weight[0], A)


def test_what_is_not_finite_is_named():
    layer = linear(4, rank=2)
    with torch.no_grad():
        layer.parametrizations.weight.original.fill_(torch.nan)
    for _ in (layer.train(), layer.eval()):
        with pytest.raises(torch.linalg.LinAlgError, match=r"Linear\.weight must be finite"):
            _ = layer.weight


def test_it_starts_at_the_projector_it_is_near_and_else_at_the_nearest_orthogonal_one():
    P = oblique(6, 2, 3.0)
    layer = nn.Linear(6, 6, dtype=F64)
    with torch.no_grad():
        layer.weight.copy_(torch.from_numpy(P + 1e-3 * np.ones((6, 6))))
    K = layer.weight.detach().numpy().copy()
    found = idempotent(copy.deepcopy(layer)).weight.detach()
    np.testing.assert_allclose(found, spectral_projector(K), atol=1e-12)
    P = idempotent(copy.deepcopy(layer), rank=4).weight.detach()
    torch.testing.assert_close(P, P.T)
    assert round(P.trace().item()) == 4
    values = np.linalg.eigvalsh((K + K.T) / 2)
    nearest = np.sum(values[:2] ** 2) + np.sum((values[2:] - 1) ** 2) + np.linalg.norm(K - K.T) ** 2 / 4
    assert np.linalg.norm(P.numpy() - K) ** 2 == pytest.approx(nearest)


@pytest.mark.parametrize("fill", [0.0, "identity", "random"])
def test_by_default_half_the_rank_for_the_most_room(fill):
    layer = nn.Linear(7, 7)
    if fill != "random":
        nn.init.eye_(layer.weight) if fill == "identity" else nn.init.zeros_(layer.weight)
    assert round(idempotent(layer).weight.trace().item()) == 4


def test_assigning_sets_it_to_the_spectral_projector_of_whatever_rank():
    layer = linear(5, rank=2)
    A = layer.parametrizations.weight.original
    K = torch.randn(5, 5, dtype=F64)
    expected = spectral_projector(K.numpy())
    layer.weight = K
    np.testing.assert_allclose(layer.weight.detach(), expected, atol=1e-10)
    assert layer.parametrizations.weight.original is A
    assert f"rank={round(np.trace(expected).real)}," in repr(layer)
    with pytest.raises(torch.linalg.LinAlgError, match=r"Linear\.weight must be set to a matrix with"):
        layer.weight = torch.eye(5, dtype=F64) / 2


def test_copies_states_and_removal():
    layer = linear(bias=True)
    x = torch.randn(3, 6, dtype=F64)
    twin = copy.deepcopy(layer)
    assert torch.equal(twin(x), layer(x))
    twin.weight = torch.diag(torch.tensor([1.0, 0, 0, 0, 0, 0], dtype=F64))
    assert torch.equal(twin.bias[0], torch.zeros((), dtype=F64))  # its own P, not that of the original
    assert not torch.equal(twin(x), layer(x))
    twin.load_state_dict(load(save({k: v.contiguous() for k, v in layer.state_dict().items()})))
    assert torch.equal(twin(x), layer(x))
    buffer = io.BytesIO()
    torch.save(layer.state_dict(), buffer)
    assert torch.load(io.BytesIO(buffer.getvalue()), weights_only=True).keys() == layer.state_dict().keys()
    for leave in (True, False):
        plain = linear(seed=1, bias=True)  # a deep copy shares the class, and removal changes the class
        plain.load_state_dict(layer.state_dict())
        for name in ("weight", "bias") if leave else ("weight",):
            parametrize.remove_parametrizations(plain, name, leave_parametrized=leave)
        assert type(plain.weight) is nn.Parameter
        assert torch.equal(plain(x), layer(x))
    assert type(plain) is not nn.Linear
    parametrize.remove_parametrizations(plain, "bias")
    assert type(plain) is nn.Linear


def test_a_state_saved_after_a_step_that_is_too_long_resumes_where_training_would():
    layer = linear(rank=2)
    with torch.no_grad():
        layer.parametrizations.weight.original.add_(50 * torch.randn(6, 6, dtype=F64))
    twin = linear(rank=4, seed=5)
    twin.load_state_dict(layer.state_dict())
    assert torch.equal(twin.weight, layer.weight)


def test_cached_shares_one_evaluation(monkeypatch):
    layer = linear(bias=True).eval()
    spent = []
    monkeypatch.setattr(
        "training.parametrization.projection._project", lambda *a: spent.append(1) or _project(*a)
    )
    with parametrize.cached():
        layer(layer(torch.randn(2, 6, dtype=F64)))
    assert len(spent) == 1


def test_stacked_copies_under_vmap_and_grad():
    first = linear(5, rank=2, bias=True)  # torch stacks modules of one class, and so copies
    layers = [first, copy.deepcopy(first), copy.deepcopy(first)]
    for seed, layer in enumerate(layers):
        layer.weight = linear(5, rank=2, seed=seed).weight.detach()
    parameters, buffers = stack_module_state(layers)
    name = "parametrizations.weight.original"
    parameters = {k: v.detach() for k, v in parameters.items()}
    parameters[name] = torch.stack([moved(layer, seed=i) for i, layer in enumerate(layers)])
    x = torch.randn(4, 5, dtype=F64)

    def loss(p, b):
        return functional_call(layers[0], (p, b), (x,)).square().sum()

    together = vmap(grad(loss))(parameters, buffers)
    for i in range(3):
        own = {k: v[i].clone().requires_grad_() for k, v in parameters.items()}
        alone = torch.autograd.grad(loss(own, {k: v[i] for k, v in buffers.items()}), list(own.values()))
        for key, value in zip(own, alone, strict=True):
            torch.testing.assert_close(together[key][i], value, rtol=1e-12, atol=1e-12)
    one = vmap(lambda b: grad(loss)({k: v[0] for k, v in parameters.items()}, b))(buffers)
    torch.testing.assert_close(one[name][2], together[name][0])
    hessian = torch.func.jacrev(grad(lambda A: functional_call(layers[0], {name: A}, (x,)).sum()))(
        parameters[name][0]
    )
    torch.testing.assert_close(hessian, hessian.permute(2, 3, 0, 1))


@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")  # torch's own, of itself
def test_jacobians_of_a_layer_in_forward_mode():
    layer = linear(5, bias=True).eval()
    x, v = torch.randn(2, 5, dtype=F64)
    with torch.no_grad():
        torch.testing.assert_close(torch.func.jvp(layer, (x,), (v,))[1], layer.weight @ v)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # torch's compiler, of torch
def test_compiled_as_one_graph():
    layer = linear(5, bias=True)
    compiled = torch.compile(lambda x: layer(layer(x)), backend="aot_eager", fullgraph=True)
    with torch.no_grad():
        layer.parametrizations.weight.original.copy_(moved(layer))
    plain = copy.deepcopy(layer)
    x = torch.randn(4, 5, dtype=F64)
    for twice in (compiled, lambda x: plain(plain(x))):
        twice(x).square().sum().backward()
    for a, b in zip(layer.parameters(), plain.parameters(), strict=True):
        assert torch.equal(a, b)
        torch.testing.assert_close(a.grad, b.grad)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # torch's compiler, of torch
def test_the_operators_keep_torchs_rules():
    A = (torch.eye(3, dtype=F64) + 0.01).requires_grad_()
    g = MCWEENY.to_json()
    library.opcheck(_project, (A.detach(), torch.eye(3, dtype=F64), g, 9, "A"))
    library.opcheck(_pull_back, (A.detach(), A.detach().clone(), torch.tensor(3), g))


def test_under_autocast_it_is_iterated_in_full():
    layer = linear(16, dtype=torch.float32)
    with torch.no_grad():
        layer.parametrizations.weight.original.copy_(moved(layer, 0.02))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        P = layer.weight
        y = layer(torch.randn(2, 16))
    y.float().sum().backward()
    assert P.dtype == torch.float32
    assert y.dtype == torch.bfloat16
    assert defect(P) <= 1
    assert layer.parametrizations.weight.original.grad.isfinite().all()


def test_low_precision_of_products_is_not_used_and_restored():
    layer = linear(16, dtype=torch.float32)
    expected = layer.weight.detach().clone()
    try:
        torch.set_float32_matmul_precision("medium")
        found = layer.weight.detach().clone()
        assert torch.get_float32_matmul_precision() == "medium"
    finally:
        torch.set_float32_matmul_precision("highest")
    assert torch.equal(found, expected)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_is_as_idempotent_as_its_entries(dtype):
    layer = linear(16, dtype=torch.float32).to(dtype)
    optimizer = torch.optim.SGD(layer.parameters(), lr=0.05)
    for _ in range(20):
        layer(torch.randn(8, 16, dtype=dtype)).square().sum().backward()
        optimizer.step()
        optimizer.zero_grad()
        P = layer.weight
        assert P.dtype == dtype
        assert defect(P) <= 1
        assert torch.equal(layer.weight, P)
    assert round(P.float().trace().item()) == 8


def test_modules_that_share_the_parameter():
    one, other = linear(), linear(seed=3)
    other.parametrizations.weight = one.parametrizations.weight
    with torch.no_grad():
        one.parametrizations.weight.original.copy_(moved(one))
    x = torch.randn(3, 6, dtype=F64)
    y = other(one(x))
    y.sum().backward()
    torch.testing.assert_close(y, one(x))
    assert len({id(p) for net in (one, other) for p in net.parameters()}) == 1


POINTWISE = {
    "1d": lambda: nn.Conv1d(4, 4, 1),
    "2d": lambda: nn.Conv2d(4, 4, 1, padding="same"),
    "3d": lambda: nn.Conv3d(4, 4, 1),
    "groups": lambda: nn.Conv2d(6, 6, 1, groups=2),
    "depthwise": lambda: nn.Conv2d(3, 3, 1, groups=3),
    "transposed": lambda: nn.ConvTranspose2d(6, 6, 1, groups=2),
}
CIRCULANT = {
    "1d": lambda: nn.Conv1d(3, 3, 7, padding=3, padding_mode="circular"),
    "even": lambda: nn.Conv1d(3, 3, 6, padding="same", padding_mode="circular"),
    "2d": lambda: nn.Conv2d(2, 2, (5, 4), padding="same", padding_mode="circular"),
    "groups": lambda: nn.Conv2d(4, 4, 3, padding=1, padding_mode="circular", groups=2, bias=False),
    "3d": lambda: nn.Conv3d(2, 2, 3, padding="same", padding_mode="circular"),
}


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel:UserWarning")  # that it is slow
@pytest.mark.parametrize(
    "make",
    [*POINTWISE.values(), *CIRCULANT.values()],
    ids=[*POINTWISE, *(f"circulant {k}" for k in CIRCULANT)],
)
def test_convolutions_are_idempotent_maps_of_images(make):
    torch.manual_seed(0)
    net = idempotent(make().double())
    image = net.kernel_size if max(net.kernel_size) > 1 else (3,) * len(net.kernel_size)
    x = torch.randn(2, net.in_channels, *image, dtype=F64)
    wanted = torch.randn_like(x)
    rank = linear_rank(net, x)
    assert 0 < rank <= x[0].numel()
    optimizer = torch.optim.Adam(net.parameters(), lr=0.02)
    first = None
    for _ in range(6):
        y = net(x)
        torch.testing.assert_close(net(y), y, rtol=0, atol=1e-11)
        loss = (y - wanted).square().mean()
        first = first or loss.item()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss.item() < first or net.groups == net.in_channels  # each of 1×1 blocks is 1 for ever
    assert linear_rank(net, x) == rank


def linear_rank(net, x):
    """The trace of the layer's linear part, by unit images."""
    size = x[0].numel()
    with torch.no_grad():
        units = torch.eye(size, dtype=F64).reshape(size, *x.shape[1:])
        matrix = (net(units) - net(torch.zeros_like(x[:1]))).reshape(size, size)
    assert (matrix @ matrix - matrix).norm() < 1e-11
    return round(matrix.trace().item())


def test_a_circulant_layer_refuses_images_of_another_size():
    net = idempotent(CIRCULANT["groups"]())
    with pytest.raises(ValueError, match=r"images as large as its kernel, \(3, 3\); got \(5, 5\)"):
        net(torch.zeros(1, 4, 5, 5))
    parametrize.remove_parametrizations(net, "weight")
    assert net(torch.zeros(1, 4, 5, 5)).shape == (1, 4, 5, 5)


def test_the_suites_own_laws_hold_of_a_layer():
    layer = linear(6, rank=2, bias=True).eval()
    assert_idempotent(layer, [torch.randn(20, 6, dtype=F64)])


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # torch's compiler, of torch
def test_fitted_to_digits_it_reaches_principal_components_and_no_more():
    x = digits().train.flatten(1).double()
    x = x - x.mean(0)
    layer = linear(64, rank=8)
    optimizer = torch.optim.Adam(layer.parameters(), lr=0.02)
    best = torch.linalg.svdvals(x)[8:].square().sum() / len(x)
    for _ in range(60):
        loss = (layer(x) - x).square().sum() / len(x)
        assert loss >= best * (1 - 1e-12)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss <= best * 1.02


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: idempotent(torch.eye(2)), TypeError, "`module` must be a torch module; got Tensor"),
        (lambda: idempotent(nn.ReLU()), ValueError, r"`name` must be that of .* ReLU\(\); got 'weight'"),
        (lambda: idempotent(nn.Linear(3, 2)), ValueError, r"square in its last two axes; got \(2, 3\)"),
        (lambda: idempotent(nn.LayerNorm(3)), ValueError, r"square in its last two axes; got \(3,\)"),
        (lambda: idempotent(nn.Linear(3, 3), "bias"), ValueError, r"`bias` must be square .* got \(3,\)"),
        (
            lambda: idempotent(nn.Linear(3, 3), rank=4),
            ValueError,
            "`rank` must be a whole number from 0 to 3",
        ),
        (lambda: idempotent(nn.Linear(3, 3), steps=0), ValueError, "`steps` must be a whole number from 1"),
        (
            lambda: idempotent(idempotent(nn.Linear(3, 3))),
            ValueError,
            "must not be parametrized already; got ParametrizedLinear",
        ),
        (
            lambda: idempotent(nn.Linear(3, 3), corrector="3x²"),
            TypeError,
            "`corrector` must be a Corrector; got str",
        ),
        (
            lambda: idempotent(nn.Linear(3, 3), corrector=Corrector((1,))),
            ValueError,
            "`corrector` must have order 1 or more.*got x, of order 0",
        ),
        (
            lambda: idempotent(nn.Linear(3, 3), corrector=Corrector((2,))),
            ValueError,
            "of order None",
        ),
        (lambda: idempotent(nn.Conv2d(3, 4, 1)), ValueError, "output as input channels.*got 3 and 4"),
        (lambda: idempotent(nn.Conv2d(4, 4, 1, stride=2)), ValueError, r"stride 1.*got \(2, 2\)"),
        (lambda: idempotent(nn.Conv2d(4, 4, 1, padding=1)), ValueError, "no padding"),
        (
            lambda: idempotent(nn.Conv2d(4, 4, 3, padding=1)),
            ValueError,
            "a smaller one cannot stay idempotent",
        ),
        (lambda: idempotent(nn.ConvTranspose2d(4, 4, 3, padding=1)), ValueError, 'padding_mode="circular"'),
        (
            lambda: idempotent(nn.Conv1d(4, 4, 3, padding=2, dilation=2, padding_mode="circular")),
            ValueError,
            "no dilation",
        ),
        (
            lambda: idempotent(buffered(torch.ones(3, 3, dtype=int)), "table"),
            TypeError,
            "`table` must hold floating-point numbers; got torch.int64",
        ),
    ],
)
def test_mistakes_are_named(call, error, words):
    with pytest.raises(error, match=words):
        call()


def buffered(table):
    net = nn.Identity()
    net.register_buffer("table", table)
    return net
