r"""`idempotent`: a weight that is an idempotent matrix after every step of any optimiser.

*The map.*  The free parameter is a matrix A, the weight P(A) = lim gᵏ(A) for a corrector g: the projector
on the invariant subspace of A for its eigenvalues in the basin of 1, along that for those in the basin of
0.  Near a projector A is its own chart: P(P) = P, every projector near by is P of itself, and P is analytic,
for the limit stays that projector of A until an eigenvalue leaves its basin.  So the rank never changes, and
an optimiser moves over one component of the idempotent matrices, of dimension 2r(m − r).

*The gradient.*  The Fréchet derivative L of a polynomial has the adjoint L(A, ·)* = L(A*, ·), and so has that
of the limit.  Backward takes the same steps once more with pairs (X, Ẋ), from (A*, G), G = ∂loss/∂P, to
(P*, ∂loss/∂A), where pairs are multiplied as a value and its derivative are:

    (X, Ẋ) ← (g(X), L_g(X, Ẋ)),    (X, Ẋ)·(Y, Ẏ) = (XY, XẎ + ẊY).

That is exact, keeps A alone whatever the number of steps, and at A = P is the one step P*GQ* + Q*GP*,
Q = I − P.  Since L is a block of the same map,

    P([[A, E], [0, A]]) = [[P(A), L(A, E)], [0, P(A)]],

derivatives of any order exist.  (N. J. Higham, *Functions of Matrices*, SIAM 2008, sections 3.1 and 3.2.)

*Drift.*  P does not feel how A moves within its own invariant subspaces, so nothing takes back what momentum,
weight decay, Adam's scaling or the curvature of the manifold put there: eigenvalues would wander from 0
and 1, and at ½ there is no projector.  In training mode A is therefore replaced by P(A), in place, where the
weight is computed: a retraction.  The weight stays what it was, the gradient is from then on tangential, and
the next optimiser step starts from a projector.  That projector is kept, as `base`: a step from it that is
so long that A has no projector of this rank, or one of more than twice the norm, is halved until it has.
An optimiser's moments are left alone; what they hold across the manifold is taken back by the next
replacement.  Every process of a data-parallel run does the same to the same A.

In evaluation mode the same step is shortened alike, but nothing is replaced: there the weight is a pure
function of A and base.  So it is of tensors given by `torch.func.functional_call`, which are no parameters.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.linalg import LinAlgError  # type: ignore[attr-defined]
from torch.nn.utils import parametrize

from analysis import Status, spectral_projector
from analysis.arguments import whole_number
from analysis.iteration import residual_law
from corrector import MCWEENY, Corrector
from corrector.arithmetic import Elements

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jaxtyping import Float, Inexact, Int

Module = TypeVar("Module", bound=nn.Module)

_CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
_TRANSPOSED = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)

_NEAR = 0.25
"""Where ‖K − K²‖ is less, iteration converges, to the spectral projector."""


def idempotent(
    module: Module,
    name: str = "weight",
    corrector: Corrector = MCWEENY,
    *,
    rank: int | None = None,
    steps: int = 50,
) -> Module:
    """Return the module, its tensor of that name now an idempotent matrix at every step of training.

    The tensor becomes P(A) = lim gᵏ(A), so that P² = P to rounding; A is the parameter trained in its place,
    `module.parametrizations.weight.original`.  The rank stays; 2r(m − r) dimensions are left to train.  The
    docstring of `training.parametrization` derives the gradient and says what training mode does to A.

    A layer is made idempotent as a whole, f(f(x)) = f(x):

    - `nn.Linear` and 1×1 convolutions, with groups or transposed: each group's matrix is a projector P;
    - convolutions with padding_mode="circular" and a kernel as large as the images: the symbol, a matrix of
      m×m channels at each frequency of the discrete Fourier transform, is one.  A smaller kernel cannot stay
      idempotent, for the limit's is as large as the images.  Images of another size are refused;
    - a bias b acts as b − Pb, since x ↦ Px + b is idempotent exactly if Pb = 0.

    Of any other module the tensor is taken for a matrix or a batch of them, as by `orthogonal`.

    It starts at the projector that its present value is near (‖K − K²‖ < ¼) if that has the rank asked for,
    and otherwise at the nearest orthogonal projector of that rank, onto the leading eigenvectors of
    ½(K + K*): what torch's generator drew for the weight.  `module.weight = K` sets it to the projector for
    the eigenvalues of K with Re λ > ½, of whatever rank.

    Args:
        module: it is changed in place.
        name: of a parameter or buffer, also complex, square in its last two axes (*batch, m, m), or the
            weight of a convolution; float16 and bfloat16 are iterated in float32.
        corrector: g, of order at least 1.
        rank: of each matrix, 0 to m; by default that of the projector it is near, if neither 0 nor m, and
            otherwise m/2, rounded up, which leaves the most dimensions.
        steps: the most steps of g to take; more than some ten are needed only near the border of the basins.

    Raises:
        ValueError: there is no such tensor, it is not square, or parametrized already; g has order 0 or
            none; rank or steps is out of range; the convolution cannot be idempotent.
        TypeError: the module is none, the tensor is not floating-point, g is no Corrector.
        torch.linalg.LinAlgError: later, where the weight is used: A is not finite; or where it is assigned:
            K has an eigenvalue next to ½.

    Cost: with p products of m×m matrices a step and k steps, 3 or 4 after an optimiser step of usual size,
    kp + 2 products forward and 3p backward in training mode; 1 forward where A has not moved.  A bias, which
    needs P too, takes that once more unless under `parametrize.cached()`.  One more matrix is kept beside A.
    The number of steps depends on A, so an accelerator is waited for at each.

    References: `torch.nn.utils.parametrizations.orthogonal`, for the manner; P.-A. Absil, R. Mahony and
    R. Sepulchre, *Optimization Algorithms on Matrix Manifolds*, 2008, section 4.1 (retractions).

    >>> layer = idempotent(nn.Linear(6, 6), rank=2)
    >>> x = torch.randn(5, 6)
    >>> torch.allclose(layer(layer(x)), layer(x), atol=1e-5), round(layer.weight.trace().item())
    (True, 2)
    >>> layer.parametrizations.weight
    ParametrizationList(
      (0): Idempotent(rank=2, corrector=3x² − 2x³)
    )
    """
    weight = _weight(module, name)
    _check(corrector, steps)
    layout = _layout(module, name, weight)
    with torch.no_grad():
        weight.copy_(layout.kernel(_start(layout.matrices(weight), rank), weight))
    label = f"{type(module).__name__}.{name}"
    parametrize.register_parametrization(
        module, name, Idempotent(layout, corrector, steps, label), unsafe=False
    )
    if layout.of_layer and isinstance(getattr(module, "bias", None), Tensor):
        parametrize.register_parametrization(module, "bias", _InKernel(module, name, layout))
    if layout.circulant:
        module.register_forward_pre_hook(layout.require_size)
    return module


class Idempotent(nn.Module):
    """P(A), as a parametrization of torch; made by `idempotent`.

    `base` is the projector that A was replaced by last, part of the state.
    """

    base: Tensor

    def __init__(self, layout: _Layout, corrector: Corrector, steps: int, label: str) -> None:
        super().__init__()
        self.layout, self.corrector, self.steps, self.label = layout, corrector, steps, label
        self._written = corrector.to_json()  # operators of torch take no objects
        self.register_buffer("base", None)

    def forward(self, A: Inexact[Tensor, "..."]) -> Inexact[Tensor, "..."]:
        """Return P(A); in training mode put it in A's place first, if A is a parameter that is trained."""
        base = self.base
        if self.training and isinstance(A, nn.Parameter) and A.requires_grad:
            with torch.no_grad():
                P = self._projector(A, base)
                A.copy_(P)
                self.base.copy_(P)
            A, base = A.clone(), P  # what backward keeps must survive the next replacement
        return self._projector(A, base)

    def _projector(self, A: Tensor, base: Tensor) -> Tensor:
        K, start = self.layout.matrices(A), self.layout.matrices(base)
        P, *_ = _apply(_Projector, K, start, self._written, self.steps, self.label)
        return self.layout.kernel(P, A)

    @torch.no_grad()
    def right_inverse(self, K: Inexact[Tensor, "..."]) -> Inexact[Tensor, "..."]:
        """Return the projector for the eigenvalues of K with Re λ > ½, of whatever rank."""
        matrices = _wide(self.layout.matrices(K))
        P = _near(matrices)
        self.base = self.layout.kernel(self._spectral(matrices) if P is None else P, K).clone()
        return self.base.clone()

    def _spectral(self, matrices: Inexact[Tensor, "*batch m m"]) -> Inexact[Tensor, "*batch m m"]:
        """The matrices' spectral projectors, however far they are."""
        flat = matrices.reshape(-1, *matrices.shape[-2:])
        found = [spectral_projector(matrix, g=self.corrector) for matrix in flat]
        for solution in found:
            if isinstance(solution.status, Status) and not solution.converged:
                raise LinAlgError(
                    f"{self.label} must be set to a matrix with a spectral projector; got one where "
                    f"{solution.status.meaning}"
                )
        return torch.stack([solution.value for solution in found]).reshape(matrices.shape)

    def extra_repr(self) -> str:
        """Name the rank, or the ranks, and the corrector."""
        ranks = sorted(set(_ranks(self.layout.matrices(self.base)).flatten().tolist()))
        shown = str(ranks[0]) if len(ranks) == 1 else f"{ranks[0]} to {ranks[-1]}"
        return f"rank={shown}, corrector={self.corrector}"


class _InKernel(nn.Module):
    """b − Pb: the part of a bias in the kernel of the layer's own P."""

    def __init__(self, layer: nn.Module, name: str, layout: _Layout) -> None:
        super().__init__()
        self._layer = (layer,)  # in a tuple, which `nn.Module` does not search: it is the parent
        self.name, self.layout = name, layout

    def forward(self, b: Inexact[Tensor, " m"]) -> Inexact[Tensor, " m"]:
        """Return b − Pb."""
        P = self.layout.at_constants(getattr(self._layer[0], self.name))
        return b - (P @ b.reshape(*P.shape[:-1], 1)).reshape(b.shape)

    def right_inverse(self, b: Inexact[Tensor, " m"]) -> Inexact[Tensor, " m"]:
        """Return b: what of it lies in the range of P has no effect."""
        return b.clone()


@dataclass(frozen=True)
class _Layout:
    """Where a tensor holds its matrices: in a convolution by group, and if circulant by frequency."""

    of_layer: bool = False
    groups: int = 1
    image: tuple[int, ...] = ()
    transposed: bool = False

    @property
    def circulant(self) -> bool:
        return any(n > 1 for n in self.image)

    def matrices(self, weight: Inexact[Tensor, "..."]) -> Inexact[Tensor, "*batch m m"]:
        """The matrices, which are idempotent exactly if the tensor's map is."""
        if not self.image:
            return weight
        m = weight.shape[1]
        if not self.circulant:
            return weight.reshape(self.groups, m, m)
        blocks = _wide(weight).reshape(self.groups, m, m, *self.image)
        symbols: Tensor = torch.fft.rfftn(blocks.roll(self._shifts(-1), self._axes()), dim=self._axes())
        return symbols.movedim((0, 1, 2), (-3, -2, -1))

    def kernel(self, matrices: Inexact[Tensor, "*batch m m"], like: Tensor) -> Inexact[Tensor, "..."]:
        """The tensor that holds these matrices."""
        if not self.circulant:
            return matrices.reshape(like.shape).to(like.dtype)
        symbols = matrices.movedim((-3, -2, -1), (0, 1, 2))
        blocks: Tensor = torch.fft.irfftn(symbols, s=self.image, dim=self._axes())
        return blocks.roll(self._shifts(1), self._axes()).reshape(like.shape).to(like.dtype)

    def _axes(self) -> tuple[int, ...]:
        return tuple(range(-len(self.image), 0))

    def _shifts(self, sign: int) -> tuple[int, ...]:
        """From the kernel's middle, as torch pads, to the first entry."""
        return tuple(sign * ((n - 1) // 2) for n in self.image)

    def at_constants(self, weight: Inexact[Tensor, "..."]) -> Inexact[Tensor, "groups m m"]:
        """What the layer does to constant images: the symbol at frequency 0."""
        if not self.image:
            return weight[None]
        m = weight.shape[1]
        blocks = weight.flatten(2).sum(-1).reshape(self.groups, m, m)
        return blocks.mT if self.transposed else blocks

    def require_size(self, module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        """Refuse images on which a circulant layer is not idempotent."""
        size = tuple(inputs[0].shape[-len(self.image) :])
        if size != self.image and parametrize.is_parametrized(module, "weight"):
            raise ValueError(
                f"{type(module).__name__} is idempotent on images as large as its kernel, {self.image}; "
                f"got {size}"
            )


def _layout(module: nn.Module, name: str, weight: Tensor) -> _Layout:
    """Where the matrices are, or ValueError where a layer's map cannot be idempotent."""
    if name != "weight" or not isinstance(module, (*_CONVOLUTIONS, *_TRANSPOSED)):
        if weight.ndim < 2 or weight.shape[-1] != weight.shape[-2] or not weight.numel():
            raise ValueError(f"`{name}` must be square in its last two axes; got {tuple(weight.shape)}")
        return _Layout(of_layer=isinstance(module, nn.Linear) and name == "weight")
    if module.in_channels != module.out_channels:
        raise ValueError(
            "a convolution must have as many output as input channels to be idempotent; "
            f"got {module.in_channels} and {module.out_channels}"
        )
    image = tuple(module.kernel_size)
    if any(s != 1 for s in module.stride):
        raise ValueError(f"a convolution must have stride 1 to be idempotent; got {tuple(module.stride)}")
    if all(n == 1 for n in image):
        if module.padding not in ("same", "valid") and any(module.padding):
            raise ValueError(f"a 1×1 convolution must have no padding; got {module.padding}")
    elif not _wraps_around(module):
        raise ValueError(
            'a convolution must have kernel size 1, or padding_mode="circular", padding="same", no dilation '
            "and a kernel as large as the images (a smaller one cannot stay idempotent: the limit's is as "
            f"large as they are); got {module}"
        )
    return _Layout(True, module.groups, image, isinstance(module, _TRANSPOSED))  # noqa: FBT003


def _wraps_around(module: Any) -> bool:
    whole = [n // 2 if n % 2 else None for n in module.kernel_size]
    return (
        module.padding_mode == "circular"
        and (module.padding == "same" or list(module.padding) == whole)
        and all(d == 1 for d in module.dilation)
    )


def _weight(module: nn.Module, name: str) -> Tensor:
    if not isinstance(module, nn.Module):
        raise TypeError(f"`module` must be a torch module; got {type(module).__name__}")
    weight = getattr(module, name, None)
    if not isinstance(weight, Tensor):
        raise ValueError(f"`name` must be that of a parameter or buffer of {module}; got {name!r}")
    if parametrize.is_parametrized(module, name):
        raise ValueError(f"`{name}` must not be parametrized already; got {module}")
    if not (weight.is_floating_point() or weight.is_complex()):
        raise TypeError(f"`{name}` must hold floating-point numbers; got {weight.dtype}")
    return weight


def _check(corrector: Corrector, steps: int) -> None:
    if not isinstance(corrector, Corrector):
        raise TypeError(f"`corrector` must be a Corrector; got {type(corrector).__name__}")
    if not corrector.order:
        raise ValueError(
            "`corrector` must have order 1 or more, so that projectors attract; "
            f"got {corrector}, of order {corrector.order}"
        )
    whole_number(steps, "steps", 1)


def _start(K: Inexact[Tensor, "*batch m m"], rank: int | None) -> Inexact[Tensor, "*batch m m"]:
    """The matrices' own projectors where they are near, or else the nearest orthogonal ones."""
    m = K.shape[-1]
    r = (m + 1) // 2 if rank is None else whole_number(rank, "rank", 0, m)
    K = _wide(K)
    if (P := _near(K)) is not None:
        ranks = _ranks(P)
        if bool(((ranks > 0) & (ranks < m) if rank is None else ranks == rank).all()):
            return P
    V: Tensor = torch.linalg.eigh((K + K.mH) / 2).eigenvectors[..., m - r :]
    return V @ V.mH


def _near(K: Inexact[Tensor, "*batch m m"]) -> Inexact[Tensor, "*batch m m"] | None:
    """The projectors that the matrices are near, where all of them are: ‖K − K²‖ < ¼."""
    with _full_precision(K):
        near = bool((torch.linalg.matrix_norm(K - K @ K) < _NEAR).all())
        return _limit(K, MCWEENY, 100)[0] if near else None


def _limit(
    A: Inexact[Tensor, "*batch m m"], g: Corrector, max_steps: int
) -> tuple[Inexact[Tensor, "*batch m m"], Int[np.ndarray, "*batch"], Float[np.ndarray, "*batch"]]:
    """The limit P of gᵏ(A), the steps that each matrix took and ‖P − P²‖/‖P‖, infinite where there is none.

    A matrix rests once ‖K − K²‖ is what rounding K, and the product K·K, make of zero, and stops at the
    floor once a residual that must fall by half does not.  What rests is left alone, to the bit.
    """
    K = _wide(A)
    unit, stored = (torch.finfo(dtype).eps / 2 for dtype in (K.dtype, A.dtype))
    steps = np.zeros(A.shape[:-2], dtype=np.int64)
    before, falling = np.full(steps.shape, np.inf), np.zeros(steps.shape, dtype=bool)
    for step in range(max_steps + 1):
        R = K - K @ K
        residual, size = _gathered(torch.linalg.matrix_norm(R), torch.linalg.matrix_norm(K))
        rests = residual <= (unit if step else stored) * size + 2 * unit * size**2
        floored = falling & (residual > before / 2)
        finite = np.isfinite(residual) & np.isfinite(size)
        going = finite & ~rests & ~floored
        if step == max_steps or not going.any():
            break
        steps += going
        with np.errstate(over="ignore", invalid="ignore"):  # on the way to infinity
            falling, before = residual_law(g.coefficients, residual, size) <= residual / 2, residual
        K = torch.where(_like(going, K), g.plan.over(K, _MATRICES, R), K)
    ended = finite & ~going
    return K, steps, np.where(ended, residual, np.inf) / np.where(ended & (size > 0), size, 1)


_MATRICES = Elements(torch.matmul, float)

_PAIRS = Elements(lambda X, Y: torch.stack([X[0] @ Y[0], X[0] @ Y[1] + X[1] @ Y[0]]), float)
"""(X, Ẋ), stacked: X and how it changes, with (XY)˙ = XẎ + ẊY."""


@torch.library.custom_op("corrector::project", mutates_args=())
def _project(
    A: Tensor, base: Tensor, corrector: str, steps: int, label: str
) -> tuple[Tensor, Tensor, Tensor]:
    """P at A, the steps taken and t = 1; or at base + t(A − base), t = ½, ¼, …, where that is no good before.

    It is good if it exists, has the rank of base, at most twice its norm and more than half the digits: next
    to the border of the basins projectors of any norm are found.  With t = 0 it is base.
    """
    if not bool(torch.isfinite(A).all()):
        raise LinAlgError(f"{label} must be finite; got nan or infinite entries: see the gradients")
    start = _wide(base)
    difference, rank, longest = _wide(A) - start, _ranks(start), 2 * torch.linalg.matrix_norm(start)
    still = (difference == 0).flatten(-2).all(-1)
    share = torch.ones_like(longest)
    trial = A
    for _ in range(_HALVINGS):
        with _full_precision(A):
            P, taken, residual = _limit(trial, _read(corrector), steps)
        digits = torch.as_tensor(residual, device=A.device) <= torch.finfo(P.dtype).eps ** 0.5 / 8
        good = still | (digits & (_ranks(P) == rank) & (torch.linalg.matrix_norm(P) <= longest))
        if bool(good.all()):
            break
        share = torch.where(good, share, share / 2)
        trial = _between(start, difference, share).to(A.dtype)
    P = torch.where(good[..., None, None], P, start)
    return P.to(A.dtype, copy=True), torch.as_tensor(taken, device=A.device), share * good


@_project.register_fake
def _(A: Tensor, *_: Any) -> tuple[Tensor, Tensor, Tensor]:
    share = _wide(A).real.new_empty(A.shape[:-2])
    return torch.empty_like(A, memory_format=torch.contiguous_format), share.long(), share


_HALVINGS = 20


def _between(base: Tensor, difference: Tensor, share: Tensor) -> Tensor:
    return base + share[..., None, None] * difference


@torch.library.custom_op("corrector::pull_back", mutates_args=())
def _pull_back(A: Tensor, G: Tensor, steps: Tensor, corrector: str) -> Tensor:
    """L(A*, G), L the Fréchet derivative of P: as many steps with pairs as A takes, and one more.

    The last, at the projector, takes away what is left of G within the invariant subspaces.
    """
    g = _read(corrector)
    with _full_precision(A):
        pair = torch.stack([_wide(A).mH, _wide(G)])
        for _ in range(int(steps.max()) + 1):
            pair = g.plan.over(pair, _PAIRS)
    return pair[1].to(G.dtype, copy=True)


@_pull_back.register_fake
def _(A: Tensor, G: Tensor, steps: Tensor, corrector: str) -> Tensor:  # noqa: ARG001
    return torch.empty_like(G, memory_format=torch.contiguous_format)


class _Projector(torch.autograd.Function):
    """`_project` as a function of A that can be differentiated and vectorised; t is held."""

    @staticmethod
    def forward(
        A: Tensor, base: Tensor, corrector: str, steps: int, label: str
    ) -> tuple[Tensor, Tensor, Tensor]:
        found: tuple[Tensor, Tensor, Tensor] = _project(A, base, corrector, steps, label)
        return found

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
        ctx.mark_non_differentiable(*output[1:])
        ctx.save_for_backward(*inputs[:2], *output[1:])
        ctx.corrector = inputs[2]

    @staticmethod
    def backward(ctx: Any, G: Tensor, *_: Tensor) -> tuple[Tensor | None, ...]:
        A, base, steps, share = ctx.saved_tensors
        K = _between(base, A - base, share).to(A.dtype)
        E = _apply(_Adjoint, K, G, steps, ctx.corrector)
        return (share[..., None, None] * E).to(A.dtype), None, None, None, None

    @staticmethod
    def vmap(info: Any, in_dims: Any, A: Tensor, base: Tensor, *rest: Any) -> Any:
        first = [_first(x, dim, info.batch_size) for x, dim in zip((A, base), in_dims, strict=False)]
        return _apply(_Projector, *first, *rest), (0, 0, 0)


class _Adjoint(torch.autograd.Function):
    """L(A*, G), likewise."""

    @staticmethod
    def forward(A: Tensor, G: Tensor, steps: Tensor, corrector: str) -> Tensor:
        found: Tensor = _pull_back(A, G, steps, corrector)
        return found

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:  # noqa: ARG004
        ctx.save_for_backward(*inputs[:3])
        ctx.corrector = inputs[3]

    @staticmethod
    def backward(ctx: Any, H: Tensor) -> tuple[Tensor | None, ...]:
        """The adjoint of (A, G) ↦ L(A*, G), the upper right block of P at C = [[A*, G], [0, A*]]."""
        A, G, steps = ctx.saved_tensors
        m, zero = A.shape[-1], torch.zeros_like(A)
        C = _blocks(A.mH, G, zero, A.mH)
        M = _apply(_Adjoint, C, _blocks(zero, H, zero, zero), steps + 1, ctx.corrector)
        return (M[..., :m, :m] + M[..., m:, m:]).mH, M[..., :m, m:], None, None

    @staticmethod
    def vmap(info: Any, in_dims: Any, A: Tensor, G: Tensor, steps: Tensor, corrector: str) -> Any:
        first = [_first(x, dim, info.batch_size) for x, dim in zip((A, G, steps), in_dims, strict=False)]
        return _apply(_Adjoint, *first, corrector), 0


def _apply(function: type[torch.autograd.Function], *arguments: Any) -> Any:
    return function.apply(*arguments)  # type: ignore[no-untyped-call]


def _first(x: Tensor, dim: int | None, size: int) -> Tensor:
    """The tensor with the axis of vmap in front."""
    return x.expand(size, *x.shape) if dim is None else x.movedim(dim, 0)


def _blocks(a: Tensor, b: Tensor, c: Tensor, d: Tensor) -> Tensor:
    """[[a, b], [c, d]]."""
    return torch.cat([torch.cat([a, b], -1), torch.cat([c, d], -1)], -2)


@contextmanager
def _full_precision(like: Tensor) -> Iterator[None]:
    """Products to the last digit: no autocast, and from torch 2.9 on, which has the switch, no TF32.

    Residuals would stay at their rounding.
    """
    either: list[Any] = [torch.backends.cuda.matmul, getattr(torch.backends.mkldnn, "matmul", None)]
    backends = [backend for backend in either if hasattr(backend, "fp32_precision")]
    before = [backend.fp32_precision for backend in backends]
    try:
        for backend in backends:
            backend.fp32_precision = "ieee"
        with torch.autocast(like.device.type, enabled=False):
            yield
    finally:
        for backend, precision in zip(backends, before, strict=True):
            backend.fp32_precision = precision


def _ranks(P: Inexact[Tensor, "*batch m m"]) -> Int[Tensor, "*batch"]:
    """The traces, which are the ranks of projectors."""
    return _wide(P).diagonal(dim1=-2, dim2=-1).sum(-1).real.round().long()


def _wide(x: Tensor) -> Tensor:
    """X in float32 at least."""
    return x.float() if x.dtype in (torch.float16, torch.bfloat16) else x


def _gathered(*values: Tensor) -> np.ndarray[Any, Any]:
    """Numbers on the host, in one transfer."""
    gathered: np.ndarray[Any, Any] = torch.stack(values).double().cpu().numpy()
    return gathered


def _like(flags: np.ndarray[Any, Any], K: Tensor) -> Tensor:
    return torch.as_tensor(flags, device=K.device)[..., None, None]


@lru_cache(maxsize=64)
def _read(corrector: str) -> Corrector:
    """The corrector that was written so: operators of torch take no objects."""
    return Corrector.from_json(corrector)
