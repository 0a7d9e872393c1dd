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
replacement.  Every process of `DistributedDataParallel` does the same to the same A.  Not so where the
weights are divided (FSDP): there A is a copy for the time of a pass, and the replacement is lost.

In evaluation mode the same step is shortened alike, but nothing is replaced: there the weight is a pure
function of A and base.  So it is of tensors given by `torch.func.functional_call`, which are no parameters.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import torch
from torch import Tensor, nn
from torch.linalg import LinAlgError  # type: ignore[attr-defined]  # torch's stubs leave it out
from torch.nn.utils import parametrize

from analysis import Status, spectral_projector
from analysis.arguments import whole_number
from corrector import MCWEENY, Corrector

from .matrices import Layout, layout_of
from .projection import near, project, ranks, wide

if TYPE_CHECKING:
    from jaxtyping import Inexact

Module = TypeVar("Module", bound=nn.Module)


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
    docstring of `training.parametrization.registration` derives the gradient, and says what training mode
    does to A.

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
    layout = layout_of(module, name, weight)
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

    def __init__(self, layout: Layout, corrector: Corrector, steps: int, label: str) -> None:
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
        P = project(K, start, self._written, self.steps, self.label)
        return self.layout.kernel(P, A)

    @torch.no_grad()
    def right_inverse(self, K: Inexact[Tensor, "..."]) -> Inexact[Tensor, "..."]:
        """Return the projector for the eigenvalues of K with Re λ > ½, of whatever rank."""
        matrices = wide(self.layout.matrices(K))
        P = near(matrices)
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
        found = sorted(set(ranks(self.layout.matrices(self.base)).flatten().tolist()))
        shown = str(found[0]) if len(found) == 1 else f"{found[0]} to {found[-1]}"
        return f"rank={shown}, corrector={self.corrector}"


class _InKernel(nn.Module):
    """b − Pb: the part of a bias in the kernel of the layer's own P."""

    def __init__(self, layer: nn.Module, name: str, layout: Layout) -> None:
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
    K = wide(K)
    if (P := near(K)) is not None:
        found = ranks(P)
        if bool(((found > 0) & (found < m) if rank is None else found == rank).all()):
            return P
    V: Tensor = torch.linalg.eigh((K + K.mH) / 2).eigenvectors[..., m - r :]
    return V @ V.mH
