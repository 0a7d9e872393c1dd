"""Small networks that should be idempotent, in the mode in which they are passed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - as everybody calls it
from torch.nn.utils.parametrizations import spectral_norm

from tests.problems import oblique

from .fault import Fault

if TYPE_CHECKING:
    from collections.abc import Callable

WIDTH = 6


def draws(*shape: int, scale: float = 1.0, dtype: torch.dtype = torch.float32) -> list[Tensor]:
    generator = torch.Generator().manual_seed(0)
    return [scale * torch.randn(shape, generator=generator, dtype=dtype) for _ in range(8)]


def rows() -> list[Tensor]:
    return draws(16, WIDTH)


def many() -> list[Tensor]:
    """So many batches that what happens at one call in ten happens."""
    return rows() * 8


def doubles() -> list[Tensor]:
    return draws(16, WIDTH, dtype=torch.float64)


def faint() -> list[Tensor]:
    return draws(16, WIDTH, scale=0.1)


def images() -> list[Tensor]:
    return draws(4, 3, 8, 8)


def sequences() -> list[Tensor]:
    return draws(5, 7, 4)


def matrices() -> list[Tensor]:
    return draws(5, 4, 4)


def gapped() -> list[Tensor]:
    return [x.where(x < 1.5, torch.nan) for x in rows()]


def weight(kappa: float = 2.0, m: int = WIDTH) -> Tensor:
    return torch.from_numpy(oblique(m, m // 2, kappa)).float()


def basis(m: int = WIDTH, r: int = 2, seed: int = 0) -> Tensor:
    return torch.from_numpy(np.linalg.qr(np.random.default_rng(seed).standard_normal((m, r)))[0]).float()


def skew(m: int = WIDTH, r: int = 2) -> Tensor:
    return torch.from_numpy(np.random.default_rng(1).standard_normal((m, r))).float()


def linear(W: Tensor, bias: Tensor | None = None) -> nn.Linear:
    layer = nn.Linear(W.shape[1], W.shape[0], bias=bias is not None, dtype=W.dtype)
    layer.weight = nn.Parameter(W.clone())
    if bias is not None:
        layer.bias = nn.Parameter(bias.clone())
    return layer


def projector(kappa: float = 2.0) -> nn.Linear:
    return linear(weight(kappa))


def autoencoder(encoder: Tensor, decoder: Tensor, *between: nn.Module) -> nn.Sequential:
    return nn.Sequential(linear(encoder), *between, linear(decoder))


def before(*layers: nn.Module) -> nn.Sequential:
    """These layers, then a projector."""
    return nn.Sequential(*layers, projector())


class Layer(nn.Module):
    """A function as a layer."""

    def __init__(self, f: Callable[..., Tensor], *arguments: Any, **options: Any):
        super().__init__()
        self.f, self.arguments, self.options = f, arguments, options

    def forward(self, x: Tensor) -> Tensor:
        return self.f(x, *self.arguments, **self.options)


class Affine(nn.Module):
    """x ↦ P(x − c) + c, the projector onto an affine subspace, or half of it."""

    def __init__(self, *, there: bool = True, back: bool = True):
        super().__init__()
        self.P, self.there, self.back = projector(), there, back
        self.centre = nn.Parameter(torch.arange(float(WIDTH)))

    def forward(self, x: Tensor) -> Tensor:
        return self.P(x - self.centre if self.there else x) + (self.centre if self.back else 0)


class Residual(nn.Module):
    """x ↦ ax + bPx."""

    def __init__(self, a: float, b: float):
        super().__init__()
        self.P, self.a, self.b = projector(), a, b

    def forward(self, x: Tensor) -> Tensor:
        return self.a * x + self.b * self.P(x)


class Noisy(nn.Module):
    """A projector with noise after it: in training, or always; at each call, or at some."""

    def __init__(self, size: float, *, always: bool = False, share: float = 1.0):
        super().__init__()
        self.P, self.size, self.always, self.share = projector(), size, always, share

    def forward(self, x: Tensor) -> Tensor:
        y = self.P(x)
        if (self.training or self.always) and torch.rand(()) < self.share:
            y = y + self.size * torch.randn_like(y)
        return y


class Seeded(Noisy):
    """The same noise at each call, from a seed set in the forward pass."""

    def forward(self, x: Tensor) -> Tensor:
        with torch.random.fork_rng():
            torch.manual_seed(0)
            return super().forward(x)


class DroppedPath(nn.Module):
    """Stochastic depth: the whole layer left out at times in training."""

    def __init__(self, share: float):
        super().__init__()
        self.P, self.share = projector(), share

    def forward(self, x: Tensor) -> Tensor:
        return x if self.training and torch.rand(()) < self.share else self.P(x)


class Centred(nn.Module):
    """Takes a running mean away, which a forward pass updates in training."""

    def __init__(self, momentum: float, start: float = 0.0):
        super().__init__()
        self.momentum = momentum
        self.register_buffer("mean", torch.full((WIDTH,), start))

    def forward(self, x: Tensor) -> Tensor:
        if self.training:
            self.mean.lerp_(x.mean(0), self.momentum)
        return x - self.mean


class Recorded(nn.Module):
    """A projector that also keeps the statistics of what it saw, which it never uses."""

    def __init__(self) -> None:
        super().__init__()
        self.P = projector()
        self.register_buffer("seen", torch.zeros(WIDTH))

    def forward(self, x: Tensor) -> Tensor:
        if self.training:
            self.seen += x.detach().sum(0)
        return self.P(x)


class Drifting(nn.Module):
    """A projector whose weights a forward pass multiplies."""

    def __init__(self, decay: float):
        super().__init__()
        self.P, self.decay = projector(), decay

    def forward(self, x: Tensor) -> Tensor:
        y = self.P(x)
        self.P.weight.data.mul_(self.decay)
        return y


class Quantiser(nn.Module):
    """The nearest of a code book's entries, the book perhaps moved towards what it saw."""

    def __init__(self, rate: float, *, mixed: bool = False):
        super().__init__()
        self.rate, self.mixed = rate, mixed
        self.register_buffer("book", torch.randn(40, WIDTH, generator=torch.Generator().manual_seed(3)))

    def forward(self, x: Tensor) -> Tensor:
        order = torch.cdist(x, self.book).argsort(dim=1)
        nearest = order[:, 0]
        y = self.book[order[:, :4]].mean(1) if self.mixed else self.book[nearest]
        for k in nearest.unique() if self.rate else ():
            self.book[k] += self.rate * (x[nearest == k].mean(0) - self.book[k])
        return y


class Buffered(nn.Module):
    """A projector that writes to a buffer, of its own or a new one."""

    def __init__(self, *, emptied: bool, shared: bool):
        super().__init__()
        self.P, self.emptied, self.shared = projector().requires_grad_(False), emptied, shared
        self.register_buffer("out", torch.zeros(16, WIDTH), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        out = (self.out if self.shared else torch.zeros_like(self.out))[: len(x)]
        if self.emptied:
            out.zero_()
            return out.add_(self.P(x))
        return out.copy_(self.P(x))


class Calibrated(nn.Module):
    """Divides by a scale: of each sample, or of the first batch, or of the first of each shape."""

    def __init__(self, key: Callable[[Tensor], Any] | None = None):
        super().__init__()
        self.key, self.scales = key, dict[Any, Tensor]()

    def forward(self, x: Tensor) -> Tensor:
        if self.key is None:
            return x / x.abs().amax(1, keepdim=True)
        return x / self.scales.setdefault(self.key(x), x.abs().max())


class Annealed(nn.Module):
    """A projector after a number of warm-up calls, or before it."""

    def __init__(self, calls: int):
        super().__init__()
        self.P, self.left = projector(), calls

    def forward(self, x: Tensor) -> Tensor:
        self.left -= 1
        return self.P(x) * (1 if self.left < 0 else 1 + 0.01 * self.left)


class Recurrent(nn.Module):
    """The greatest value so far along time, with or without what the last call ended on."""

    def __init__(self, *, carried: bool):
        super().__init__()
        self.carried, self.state = carried, None

    def forward(self, x: Tensor) -> Tensor:
        start = torch.full_like(x[:, 0], -9.0) if self.state is None else self.state
        y = torch.cat([start[:, None], x], dim=1).cummax(1).values[:, 1:]
        self.state = y[:, -1].detach() if self.carried else None
        return y


class Ball(nn.Module):
    """Divides matrices by a spectral norm that one step of power iteration a call estimates."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("u", F.normalize(torch.ones(4), dim=0))

    def forward(self, W: Tensor) -> Tensor:
        v = F.normalize(W.mT @ self.u, dim=-1)
        u = F.normalize((W @ v[..., None])[..., 0], dim=-1)
        self.u.copy_(F.normalize(u.mean(0), dim=0))
        return W / (u * (W @ v[..., None])[..., 0]).sum(-1)[:, None, None]


class TwoModes(nn.Module):
    """A projector, with a residual connection in training."""

    def __init__(self) -> None:
        super().__init__()
        self.P = projector()

    def forward(self, x: Tensor) -> Tensor:
        return x + self.P(x) if self.training else self.P(x)


def hooked(size: float) -> nn.Module:
    layer = projector()
    if size:
        layer.register_forward_hook(lambda module, given, result: result * (1 + size))
    return layer


def statistics(*, track: bool = True) -> nn.BatchNorm1d:
    return nn.BatchNorm1d(WIDTH, eps=1e-12, track_running_stats=track)


def gained(layer: nn.Module, slope: float) -> nn.Module:
    """The layer with a gain that varies from unit to unit."""
    layer.weight = nn.Parameter(torch.linspace(1, 1 + slope, WIDTH))
    return layer


def normalised(x: Tensor, dim: int | tuple[int, ...], eps: float = 0.0) -> Tensor:
    return (x - x.mean(dim, keepdim=True)) / (x.std(dim, keepdim=True) + eps)


def hot(x: Tensor) -> Tensor:
    return F.one_hot(x.argmax(-1), x.shape[-1]).to(x.dtype)


def kept(x: Tensor, by: Tensor, k: int) -> Tensor:
    return x * torch.zeros_like(x).scatter(1, by.topk(k, dim=1).indices, 1.0)


def to_grid(x: Tensor, scale: int, back: float, shift: float = 0.0) -> Tensor:
    return torch.round(x * scale + shift) / back


def to_bytes(x: Tensor, levels: int) -> Tensor:
    scale = x.abs().amax(1, keepdim=True) / levels
    return (x / scale).round().clamp(-128, 127) * scale


def dithered(x: Tensor) -> Tensor:
    return torch.floor(x * 8 + torch.rand_like(x)) / 8


def in_precision(x: Tensor, dtype: torch.dtype) -> Tensor:
    return (x.to(dtype) @ weight().to(dtype).mT).to(x.dtype)


def cast(x: Tensor, first: torch.dtype, then: torch.dtype) -> Tensor:
    return x.to(first if x.dtype == torch.float32 else then)


def pooled(x: Tensor, divisor: int, mode: str) -> Tensor:
    return F.interpolate(F.avg_pool2d(x, 2, divisor_override=divisor), scale_factor=2, mode=mode)


def opened(x: Tensor) -> Tensor:
    eroded = -F.max_pool2d(-x, 3, 1, 1)
    return F.max_pool2d(eroded, 3, 1, 1)


def blurred(channels: int) -> nn.Module:
    layer = nn.Conv2d(channels, channels, 3, padding=1, groups=channels, bias=False)
    nn.init.constant_(layer.weight, 1 / 9)
    return layer


def mixing(W: Tensor, *, size: int = 1) -> nn.Conv2d:
    """Channels mixed by a matrix, at the one place of the kernel that sees the pixel itself, or the next."""
    layer = nn.Conv2d(3, 3, size, padding=size // 2, bias=False)
    with torch.no_grad():
        layer.weight.zero_()
        layer.weight[:, :, size // 2, size - 1 if size > 1 else 0] = W
    return layer


def thirds() -> Tensor:
    return torch.full((3, 3), 1 / 3)


def lowpassed(x: Tensor, n: int | None, taper: float = 1.0) -> Tensor:
    spectrum = torch.fft.rfft(x, dim=1)
    gains = torch.zeros(spectrum.shape[1]).index_fill(0, torch.tensor([0]), 1.0)
    gains[1] = taper
    return torch.fft.irfft(spectrum * gains[:, None], n or 2 * len(gains), dim=1)


def attended(x: Tensor, temperature: float) -> Tensor:
    return torch.softmax(x @ x.mT / temperature, -1) @ x


def halfspaces(x: Tensor, sweeps: int) -> Tensor:
    """Alternating projections onto Σx = 1 and x ≥ 0; without sweeps, onto Σx = 1 alone."""
    y = x + (1 - x.sum(1, keepdim=True)) / x.shape[1]
    for _ in range(sweeps):
        y = y.relu()
        y = y + (1 - y.sum(1, keepdim=True)) / y.shape[1]
    return y


def clipped(x: Tensor, floor: float) -> Tensor:
    return x * (1 / (x.norm(dim=1, keepdim=True) + floor)).clamp(max=1)


def first_zeroed_(x: Tensor) -> Tensor:
    x[:, 0] = 0
    return x


def scaled_aside_(x: Tensor) -> Tensor:
    y = x.clamp(-1, 1)
    x.mul_(2)
    return y


def byte_weights(W: Tensor) -> Tensor:
    scale = W.abs().max() / 127
    return (W / scale).round() * scale


def pruned(W: Tensor, below: float) -> Tensor:
    return W.where(W.abs() > below, 0)


def updated(W: Tensor, size: float) -> Tensor:
    """A low-rank update, as fine-tuning adds it."""
    return W + size * torch.outer(skew()[:, 0], skew()[:, 1])


def relu_mask(x: Tensor) -> Tensor:
    return x * (x > 0)


NETS: list[tuple[str, Callable[[], Any], Callable[[], Any], Callable[[], list[Tensor]]]] = [
    (
        "decoder-is-another",
        lambda: autoencoder(basis().mT, basis(seed=1)),
        lambda: autoencoder(basis().mT, basis()),
        rows,
    ),
    (
        "decoder-drifted-by-1e-3",
        lambda: autoencoder(basis().mT, basis() + 1e-3 * skew()),
        lambda: autoencoder(basis().mT, basis()),
        rows,
    ),
    (
        "tied-without-orthonormality",
        lambda: autoencoder(skew().mT, skew()),
        lambda: autoencoder(torch.linalg.pinv(skew()), skew()),
        rows,
    ),
    (
        "tied-and-scaled",
        lambda: autoencoder(1.01 * basis().mT, basis()),
        lambda: autoencoder(1.25 * basis().mT, basis() / 1.25),
        rows,
    ),
    (
        "nonlinear-bottleneck",
        lambda: autoencoder(basis().mT, basis(), nn.Tanh()),
        lambda: autoencoder(basis().mT, basis(), nn.ReLU()),
        rows,
    ),
    (
        "bottleneck-normalised",
        lambda: autoencoder(skew(r=3).mT, skew(r=3), nn.LayerNorm(3, eps=0)),
        lambda: autoencoder(torch.linalg.pinv(skew(r=3)), skew(r=3), nn.LayerNorm(3, eps=0)),
        rows,
    ),
    ("centre-not-added-back", lambda: Affine(back=False), Affine, rows),
    ("centre-not-taken-away", lambda: Affine(there=False), Affine, rows),
    (
        "bias-left-in",
        lambda: linear(weight(), torch.ones(WIDTH)),
        lambda: linear(weight(), torch.ones(WIDTH) - weight().sum(1)),
        rows,
    ),
    (
        "activation-after-the-projector",
        lambda: nn.Sequential(projector(), nn.ReLU()),
        lambda: nn.Sequential(linear(torch.diag(torch.tensor([1.0, 0, 1, 1, 0, 0]))), nn.ReLU()),
        rows,
    ),
    ("leaky-activation", lambda: nn.LeakyReLU(0.01), nn.ReLU, rows),
    ("leak-of-1e-5", lambda: nn.LeakyReLU(1e-5), nn.ReLU, rows),
    ("gelu", nn.GELU, nn.ReLU, rows),
    ("silu-for-a-gate", nn.SiLU, lambda: Layer(relu_mask), rows),
    ("softplus-nearly-sharp", lambda: nn.Softplus(beta=50), nn.ReLU, rows),
    ("tanh-for-a-clamp", nn.Tanh, nn.Hardtanh, rows),
    ("hardshrink-made-soft", lambda: nn.Softshrink(0.5), lambda: nn.Hardshrink(0.5), rows),
    (
        "threshold-replaces-by-too-much",
        lambda: Layer(lambda x: torch.where(x > 1.5, x - 1, x)),
        lambda: Layer(lambda x: x.clamp(max=1.5)),
        rows,
    ),
    (
        "wrapped-once",
        lambda: Layer(lambda x: torch.where(x > 1, x - 1, x)),
        lambda: Layer(torch.remainder, 1.0),
        rows,
    ),
    ("softmax-for-its-logarithm", lambda: nn.Softmax(dim=1), lambda: nn.LogSoftmax(dim=1), rows),
    (
        "softmax-at-a-temperature",
        lambda: Layer(lambda x: torch.softmax(x / 0.01, 1)),
        lambda: Layer(hot),
        rows,
    ),
    ("gumbel-noise", lambda: Layer(F.gumbel_softmax, hard=True), lambda: Layer(hot), rows),
    ("random-leak-in-training", lambda: nn.RReLU(), nn.ReLU, rows),
    ("layernorm-eps-1e-3", lambda: nn.LayerNorm(WIDTH, eps=1e-3), lambda: nn.LayerNorm(WIDTH, eps=0), rows),
    (
        "layernorm-default-eps-faint-input",
        lambda: nn.LayerNorm(WIDTH),
        lambda: nn.LayerNorm(WIDTH, eps=0),
        faint,
    ),
    (
        "layernorm-default-eps-in-float64",
        lambda: nn.LayerNorm(WIDTH, dtype=torch.float64),
        lambda: nn.LayerNorm(WIDTH, eps=0, dtype=torch.float64),
        doubles,
    ),
    (
        "layernorm-default-eps-in-float32",
        lambda: nn.LayerNorm(WIDTH),
        lambda: nn.LayerNorm(WIDTH, eps=0),
        rows,
    ),
    (
        "layernorm-gain-by-unit",
        lambda: gained(nn.LayerNorm(WIDTH, eps=0), 0.5),
        lambda: nn.LayerNorm(WIDTH, eps=0),
        rows,
    ),
    ("rmsnorm-eps", lambda: nn.RMSNorm(WIDTH, eps=1e-2), lambda: nn.RMSNorm(WIDTH, eps=0.0), rows),
    ("groupnorm-eps", lambda: nn.GroupNorm(3, 3, eps=1e-2), lambda: nn.GroupNorm(3, 3, eps=0), images),
    (
        "instance-norm-gain",
        lambda: Layer(F.instance_norm, weight=torch.tensor([1.0, 2, 3]), eps=1e-3),
        lambda: Layer(F.instance_norm, eps=0.0),
        images,
    ),
    ("batchnorm-in-training", lambda: before(statistics()), lambda: before(statistics()).eval(), rows),
    (
        "batchnorm-without-running-statistics",
        lambda: before(statistics(track=False)).eval(),
        lambda: before(statistics()).eval(),
        rows,
    ),
    ("batchnorm-alone-in-training", lambda: statistics(), lambda: statistics().eval(), rows),
    ("batchnorm-with-stale-mean", lambda: Centred(0.1, start=0.3).eval(), lambda: Centred(0.1).eval(), rows),
    ("batchnorm-gain", lambda: gained(statistics(), 0.1).eval(), lambda: statistics().eval(), rows),
    ("running-mean-updated", lambda: Centred(0.1), lambda: Centred(0.1).eval(), rows),
    ("statistics-kept-but-unused", lambda: Recorded(), lambda: Recorded().eval(), rows),
    ("normalised-over-the-batch", lambda: Layer(normalised, 0), lambda: Layer(normalised, 1), rows),
    ("normalised-over-everything", lambda: Layer(normalised, (0, 1)), lambda: Layer(normalised, (1,)), rows),
    (
        "centred-over-the-batch",
        lambda: Layer(lambda x: x - x.mean(0)),
        lambda: Layer(lambda x: x - x.mean(1, keepdim=True)),
        rows,
    ),
    (
        "unit-vectors-down-the-batch",
        lambda: Layer(F.normalize, dim=0),
        lambda: Layer(F.normalize, dim=1),
        rows,
    ),
    (
        "greatest-of-the-batch",
        lambda: Layer(lambda x: x / x.abs().max()),
        lambda: Layer(lambda x: x / x.abs().amax(1, keepdim=True)),
        rows,
    ),
    (
        "sorted-down-the-batch",
        lambda: Layer(lambda x: x.sort(0).values),
        lambda: Layer(lambda x: x.sort(1).values),
        rows,
    ),
    (
        "greatest-so-far-down-the-batch",
        lambda: Layer(lambda x: x.cummax(0).values),
        lambda: Layer(lambda x: x.cummax(1).values),
        rows,
    ),
    (
        "batch-first-forgotten",
        lambda: Layer(lambda x: x.mean(0, keepdim=True).expand_as(x)),
        lambda: Layer(lambda x: x.mean(1, keepdim=True).expand_as(x)),
        sequences,
    ),
    (
        "first-of-the-batch-for-all",
        lambda: Layer(lambda x: x - x[:1, :1]),
        lambda: Layer(lambda x: x - x[:, :1]),
        rows,
    ),
    ("dropout-in-training", lambda: before(nn.Dropout(0.5)), lambda: before(nn.Dropout(0.5)).eval(), rows),
    (
        "dropout-at-one-percent",
        lambda: before(nn.Dropout(0.01)),
        lambda: before(nn.Dropout(0.01)).eval(),
        rows,
    ),
    (
        "dropout-as-a-function",
        lambda: nn.Sequential(Layer(F.dropout, 0.1), projector()).eval(),
        lambda: nn.Sequential(Layer(F.dropout, 0.1, training=False), projector()).eval(),
        rows,
    ),
    (
        "channels-dropped",
        lambda: nn.Sequential(nn.Dropout2d(0.2), mixing(thirds())),
        lambda: nn.Sequential(nn.Dropout2d(0.2), mixing(thirds())).eval(),
        images,
    ),
    (
        "alpha-dropout",
        lambda: before(nn.AlphaDropout(0.05)),
        lambda: before(nn.AlphaDropout(0.05)).eval(),
        rows,
    ),
    ("path-dropped", lambda: DroppedPath(0.2), lambda: DroppedPath(0.2).eval(), many),
    ("noise-in-training", lambda: Noisy(1e-2), lambda: Noisy(1e-2).eval(), rows),
    ("noise-in-evaluation", lambda: Noisy(1e-4, always=True).eval(), lambda: Noisy(1e-4).eval(), rows),
    ("noise-at-one-call-in-ten", lambda: Noisy(1e-2, share=0.1), lambda: Noisy(1e-2, share=0.1).eval(), rows),
    ("noise-of-a-fixed-seed", lambda: Seeded(1e-2), lambda: Seeded(1e-2).eval(), rows),
    ("residual-in-training", TwoModes, lambda: TwoModes().eval(), rows),
    ("residual-not-removed", lambda: Residual(1, 1), lambda: Residual(1, -1), rows),
    ("residual-removed-twice", lambda: Residual(1, -2), lambda: Residual(0, 1), rows),
    ("weights-averaged-with-identity", lambda: Residual(0.001, 0.999), lambda: Residual(0, 1), rows),
    ("weights-decayed", lambda: linear(weight() * (1 - 1e-4)), projector, rows),
    ("weights-decayed-by-1e-5", lambda: linear(weight() * (1 - 1e-5)), projector, rows),
    ("weights-through-float16", lambda: linear(weight().half().float()), projector, rows),
    ("weights-through-bfloat16", lambda: linear(weight().bfloat16().float()), projector, rows),
    ("weights-through-bytes", lambda: linear(byte_weights(weight())), projector, rows),
    ("weights-pruned", lambda: linear(pruned(weight(), 0.1)), projector, rows),
    ("weights-fine-tuned", lambda: linear(updated(weight(), 1e-3)), projector, rows),
    ("weights-in-another-order", lambda: linear(weight().roll(1, 0)), projector, rows),
    ("weights-decayed-in-the-forward-pass", lambda: Drifting(0.999), lambda: Drifting(1.0), rows),
    (
        "spectral-norm-on-an-oblique-projector",
        lambda: spectral_norm(projector(3.0)).eval(),
        lambda: spectral_norm(projector(1.0)).eval(),
        many,
    ),
    (
        "power-iteration-goes-on",
        Ball,
        lambda: Layer(lambda W: W / torch.linalg.matrix_norm(W, 2)[:, None, None]),
        matrices,
    ),
    (
        "precision-lost-in-bfloat16",
        lambda: Layer(in_precision, torch.bfloat16),
        lambda: Layer(in_precision, torch.float32),
        rows,
    ),
    (
        "precision-lost-in-float32",
        lambda: Layer(in_precision, torch.float32),
        lambda: linear(torch.from_numpy(oblique(WIDTH, 3, 2.0))),
        doubles,
    ),
    (
        "dtype-drifts",
        lambda: Layer(cast, torch.float16, torch.bfloat16),
        lambda: Layer(cast, torch.float16, torch.float16),
        rows,
    ),
    ("grid-scaled-back-by-another", lambda: Layer(to_grid, 8, 7.0), lambda: Layer(to_grid, 8, 8.0), rows),
    ("grid-shifted-one-way", lambda: Layer(to_grid, 8, 8.0, 1.0), lambda: Layer(to_grid, 8, 8.0), rows),
    ("bytes-with-128-levels", lambda: Layer(to_bytes, 128), lambda: Layer(to_bytes, 127), rows),
    ("rounding-at-random", lambda: Layer(dithered), lambda: Layer(to_grid, 8, 8.0), rows),
    (
        "bound-before-rounding",
        lambda: nn.Sequential(nn.Tanh(), Layer(to_grid, 4, 4.0)),
        lambda: nn.Sequential(nn.Hardtanh(), Layer(to_grid, 4, 4.0)),
        rows,
    ),
    ("code-book-updated", lambda: Quantiser(0.05), lambda: Quantiser(0), rows),
    ("codes-mixed", lambda: Quantiser(0, mixed=True), lambda: Quantiser(0), rows),
    (
        "buffer-emptied-before-it-is-read",
        lambda: Buffered(emptied=True, shared=True),
        lambda: Buffered(emptied=True, shared=False),
        rows,
    ),
    (
        "result-overwritten-by-the-next-call",
        lambda: Buffered(emptied=False, shared=True),
        lambda: Buffered(emptied=False, shared=False),
        rows,
    ),
    ("scale-of-the-first-batch", lambda: Calibrated(lambda x: 0), Calibrated, rows),
    ("scale-kept-by-shape", lambda: Calibrated(lambda x: x.shape), Calibrated, rows),
    ("annealed", lambda: Annealed(20), lambda: Annealed(0), rows),
    ("state-carried-over", lambda: Recurrent(carried=True), lambda: Recurrent(carried=False), sequences),
    ("hook-left-on", lambda: hooked(1e-3), lambda: hooked(0), rows),
    ("activation-in-place", lambda: nn.ReLU(inplace=True), nn.ReLU, rows),
    (
        "first-unit-zeroed-in-place",
        lambda: Layer(first_zeroed_),
        lambda: linear(torch.diag(torch.tensor([0.0, 1, 1, 1, 1, 1]))),
        rows,
    ),
    ("input-scaled-aside", lambda: Layer(scaled_aside_), lambda: nn.Hardtanh(), rows),
    (
        "mask-below-one",
        lambda: Layer(torch.mul, torch.tensor([1, 1, 0, 0.9, 0, 1])),
        lambda: Layer(torch.mul, torch.tensor([1.0, 1, 0, 1, 0, 1])),
        rows,
    ),
    (
        "mask-moved-along",
        lambda: Layer(lambda x: x.roll(1, 1) * torch.tensor([1.0, 1, 1, 0, 0, 0])),
        lambda: Layer(lambda x: x * torch.tensor([1.0, 1, 1, 0, 0, 0])),
        rows,
    ),
    (
        "largest-by-value",
        lambda: Layer(lambda x: kept(x, x, 2)),
        lambda: Layer(lambda x: kept(x, x.abs(), 2)),
        rows,
    ),
    ("channels-turned", lambda: Layer(lambda x: x.flip(1)), lambda: Layer(lambda x: x.sort(1).values), rows),
    (
        "gaps-become-minus-one",
        lambda: Layer(lambda x: torch.where(x.isnan(), -1, x.abs())),
        lambda: Layer(lambda x: torch.nan_to_num(x)),
        gapped,
    ),
    (
        "divided-by-norm-and-eps",
        lambda: Layer(lambda x: x / (x.norm(dim=1, keepdim=True) + 1e-2)),
        lambda: Layer(F.normalize, dim=1),
        rows,
    ),
    (
        "divided-by-the-square-of-the-norm",
        lambda: Layer(lambda x: x / x.square().sum(1, keepdim=True)),
        lambda: Layer(F.normalize, dim=1),
        rows,
    ),
    ("norm-clipped-with-eps", lambda: Layer(clipped, 1e-6), lambda: Layer(clipped, 0.0), doubles),
    ("blur", lambda: blurred(3), lambda: Layer(opened), images),
    ("dilation-for-an-opening", lambda: nn.MaxPool2d(3, 1, 1), lambda: Layer(opened), images),
    ("channels-summed", lambda: mixing(torch.ones(3, 3)), lambda: mixing(thirds()), images),
    ("kernel-off-by-one-pixel", lambda: mixing(thirds(), size=3), lambda: mixing(thirds()), images),
    ("pooling-by-sums", lambda: Layer(pooled, 1, "nearest"), lambda: Layer(pooled, 4, "nearest"), images),
    ("unpooled-smoothly", lambda: Layer(pooled, 4, "bilinear"), lambda: Layer(pooled, 4, "nearest"), images),
    (
        "padding-at-each-call",
        lambda: Layer(F.pad, (1, 1)),
        lambda: Layer(lambda x: F.adaptive_max_pool2d(x, 8)),
        images,
    ),
    ("edge-lost-at-each-call", lambda: nn.AvgPool2d(2, 1), lambda: nn.AdaptiveAvgPool2d(1), images),
    (
        "length-gained-in-the-transform",
        lambda: Layer(lowpassed, None),
        lambda: Layer(lowpassed, 7),
        sequences,
    ),
    ("filter-tapered", lambda: Layer(lowpassed, 7, 0.99), lambda: Layer(lowpassed, 7), sequences),
    ("attention-by-content", lambda: Layer(attended, 2.0), lambda: Layer(attended, torch.inf), sequences),
    ("one-alternating-sweep", lambda: Layer(halfspaces, 1), lambda: Layer(halfspaces, 0), rows),
]


class Middle(nn.Module):
    """Each sample by itself, or the inner ones of a batch as their mean."""

    def __init__(self, *, averaged: bool):
        super().__init__()
        self.averaged = averaged

    def forward(self, x: Tensor) -> Tensor:
        x = x.relu()
        return torch.cat([x[:1], x[1:-1].mean(0).expand_as(x[1:-1]), x[-1:]]) if self.averaged else x


class Switching(nn.Module):
    """Puts itself in evaluation mode, or lets its mode be."""

    def __init__(self, *, switching: bool):
        super().__init__()
        self.switching = switching

    def forward(self, x: Tensor) -> Tensor:
        if self.switching:
            self.eval()
        return x.relu()


def pixels() -> list[Tensor]:
    return [(255 * x.abs()).clamp(max=255).bfloat16() for x in images()]


NETS += [
    ("middle-of-the-batch-averaged", lambda: Middle(averaged=True), lambda: Middle(averaged=False), rows),
    ("switched-to-evaluation", lambda: Switching(switching=True), lambda: Switching(switching=False), rows),
    ("pixels-divided-by-255-in-bfloat16", lambda: Layer(torch.div, 255), nn.ReLU, pixels),
]

NETWORKS = [Fault("network", *entry) for entry in NETS]
