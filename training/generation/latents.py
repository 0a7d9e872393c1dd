"""Codes at a network's bottleneck: where they lie, what lies between two, sums and differences of them."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from analysis.frameworks import in_mode
from training.framework import Torch
from training.rules.applications import application

from .rows import as_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from jaxtyping import Float, Int

    from .generator import Generator

_SMALL = 1e-4
"""How far, relatively, f and what goes through its bottleneck may differ."""


class SameCodesError(ValueError):
    """Codes that are all the same, as those of a network that has died, have no components."""


@dataclass(frozen=True, eq=False, repr=False)
class Bottleneck:
    """A network cut in two at one of its modules; `bottleneck` makes one.

    With h the module's output, f = d ∘ h: `encode` is h, `decode` is d.

    Attributes:
        generator: whose network it is.
        module: its name, as in `named_modules`.
        shape: of a code.
    """

    generator: Generator
    module: str
    shape: tuple[int, ...]

    def encode(
        self, x: Float[Tensor, "n channels height width"], batch: int = 256
    ) -> Float[Tensor, "n *code"]:
        """Return the codes of pictures in f's range, on the CPU.

        Cost: a pass of f for each.
        """
        return torch.cat([self._coded(part)[0].cpu() for part in torch.split(x, batch)])

    def decode(
        self, codes: Float[Tensor, "n *code"], batch: int = 256
    ) -> Float[Tensor, "n channels height width"]:
        """Return the pictures of codes in f's range, on the CPU.

        Cost: a pass of f for each; what comes before the module works on blank pictures.
        """
        made = []
        for part in torch.split(codes, batch):
            placed = Torch().tensor(part.reshape(len(part), *self.shape), self.generator.net, None, None)
            with _hooked(self._module(), partial(_instead, placed)):
                made.append(self._passed(torch.zeros(len(part), *self.generator.shape)).cpu())
        return torch.cat(made)

    def _coded(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The module's output at x and f's."""
        seen: list[Tensor] = []
        with _hooked(self._module(), lambda output: seen.append(output.clone())):
            y = self._passed(x)
        return seen[0], y

    def _passed(self, x: Tensor) -> Tensor:
        return passed(self.generator, x).reshape(len(x), *self.generator.shape)

    def _module(self) -> nn.Module:
        return network_of(self.generator).get_submodule(self.module)

    def __repr__(self) -> str:
        return f"Bottleneck({self.module}, {'×'.join(map(str, self.shape))})"


def bottleneck(generator: Generator, module: str | None = None) -> Bottleneck:
    """Return a network cut at its narrowest module, or at one that is named.

    The narrowest is that without parts of its own whose output has the fewest numbers a picture, the first of
    several: found in one pass of two noises.

    Args:
        generator: whose network it is.
        module: a name as in `named_modules`; the narrowest when None.

    Raises:
        TypeError: the network is no `torch.nn.Module`.
        ValueError: there is no such module, it is used not once in a pass, its output is no tensor with a
            code for each picture, or something of f goes around it (as a skip connection does).

    >>> from training import GaussianNoise, Generator, u_dcgan
    >>> bottleneck(Generator(u_dcgan(8, 1, [4, 8, 16]), GaussianNoise((1, 8, 8)), low=-1))
    Bottleneck(5, 16×1×1)
    """
    net = network_of(generator)
    z = generator.draw(2)
    outputs = _outputs(generator, net, z)
    if module is None:
        leaves = {
            name: shape for name, shape in outputs.items() if not any(net.get_submodule(name).children())
        }
        if not leaves:
            raise ValueError("expected a network with modules that are used once a pass; got none")
        module = min(leaves, key=lambda name: leaves[name].numel())
    if module not in outputs:
        known = dict(net.named_modules())
        got = "one used otherwise" if module in known else "none of that name"
        raise ValueError(
            f"expected a module used once a pass, with a tensor for each picture, at {module!r}; got {got}"
        )
    found = Bottleneck(generator, module, tuple(outputs[module]))
    codes, y = found._coded(z)  # noqa: SLF001 - its own class's
    away = (found.decode(codes) - y.cpu()).norm() / y.cpu().norm().clamp(min=1e-30)
    if not away <= _SMALL:
        raise ValueError(
            f"expected a module that all of the network goes through; got {module}, which is passed by"
        )
    return found


@dataclass(frozen=True, eq=False)
class PrincipalComponents:
    """The directions in which codes vary most; `principal_components` finds them.

    Attributes:
        mean: (d,), of the codes.
        directions: (count, d), orthonormal.
        shares: (count,), of the codes' variance.
    """

    mean: Float[Tensor, " d"]
    directions: Float[Tensor, "count d"]
    shares: Float[Tensor, " count"]

    def __call__(self, codes: Float[Tensor, "n *code"]) -> Float[Tensor, "n count"]:
        """Return coordinates of codes, V(c − c̄), in double."""
        return (torch.from_numpy(as_rows(codes, "codes")) - self.mean) @ self.directions.T


def principal_components(codes: Float[Tensor, "n *code"], count: int = 2) -> PrincipalComponents:
    """Return the first principal components of codes.

    The right singular vectors v_i of the codes less their mean, and σ_i²/Σσ²; signs such that the entry of
    v_i that is largest in size is positive.

    Args:
        codes: as rows, or of any shape.
        count: how many.

    Raises:
        ValueError: there are fewer codes or numbers in one than `count` needs, they are all the same, or not
            finite.

    Cost: a singular value decomposition, O(n·d·min(n, d)).

    References: K. Pearson, On lines and planes of closest fit to systems of points in space (1901).

    >>> line = torch.tensor([[0.0, 0.0], [3.0, 4.0], [6.0, 8.0]])
    >>> found = principal_components(line, 1)
    >>> found.directions.tolist(), found(line).flatten().tolist()
    ([[0.6..., 0.8...]], [-5.0, 0.0, 5.0])
    """
    rows = torch.from_numpy(as_rows(codes, "codes", 2))
    if not 1 <= count <= min(len(rows) - 1, rows.shape[1]):
        raise ValueError(
            f"expected over {count} codes, of {count} numbers or more; got {len(rows)} of {rows.shape[1]}"
        )
    mean = rows.mean(0)
    _, sigma, v = torch.linalg.svd(rows - mean, full_matrices=False)
    total = sigma.square().sum()
    if not total > 0:
        raise SameCodesError(f"expected codes that differ; got the same {len(rows)} times")
    first = v[:count]
    sign = first.gather(1, first.abs().argmax(1, keepdim=True)).sign()
    return PrincipalComponents(mean, first * sign, (sigma.square() / total)[:count])


def require_umap() -> None:
    """Refuse to go on where umap-learn is not installed, which nothing else here needs.

    Raises:
        ModuleNotFoundError: it is not.
    """
    if find_spec("umap") is None:
        raise ModuleNotFoundError(
            "expected umap-learn, for UMAP; got none: pip install 'corrector[umap]', or take PCA"
        )


def umap_embedding(codes: Float[Tensor, "n *code"], seed: int = 0) -> Callable[[Tensor], Tensor]:
    """Return what gives codes their place on the plane by UMAP, fitted to these.

    Args:
        codes: to fit to.
        seed: of its chance.

    Raises:
        ModuleNotFoundError: umap-learn is not installed.

    References: L. McInnes, J. Healy and J. Melville, UMAP: uniform manifold approximation and projection for
    dimension reduction (2018).
    """
    require_umap()
    from umap import UMAP

    fitted: Any = UMAP(n_components=2, random_state=seed, n_jobs=1).fit(as_rows(codes, "codes", 2))
    return lambda more: torch.from_numpy(fitted.transform(as_rows(more, "codes"))).double()


def straight(
    a: Float[Tensor, "*shape"], b: Float[Tensor, "*shape"], steps: int
) -> Float[Tensor, "steps *shape"]:
    """Return (1 − t)a + tb for so many t from 0 to 1.

    >>> straight(torch.zeros(1), torch.ones(1), 3).flatten().tolist()
    [0.0, 0.5, 1.0]
    """
    t = torch.linspace(0, 1, steps, dtype=a.dtype).reshape(-1, *[1] * a.ndim)
    return (1 - t) * a + t * b


def noise_path(
    a: Float[Tensor, "*shape"],
    b: Float[Tensor, "*shape"],
    steps: int,
    mean: Float[Tensor, "*shape"] | float = 0.0,
) -> Float[Tensor, "steps *shape"]:
    """Return μ + cos(πt/2)(a − μ) + sin(πt/2)(b − μ) for so many t from 0 to 1.

    Of independent normal a and b with mean μ and any one covariance each step has their distribution, for
    cos² + sin² = 1: on the straight line the middle would have half the variance, and be no noise that the
    network was trained on.

    Args:
        a: a draw.
        b: another.
        steps: at least 2.
        mean: μ.

    >>> [round(float(z), 3) for z in noise_path(torch.zeros(()), torch.ones(()), 3)]
    [0.0, 0.707, 1.0]
    """
    angle = torch.linspace(0, torch.pi / 2, steps, dtype=a.dtype).reshape(-1, *[1] * a.ndim)
    return mean + angle.cos() * (a - mean) + angle.sin() * (b - mean)


def class_difference(
    codes: Float[Tensor, "n *code"], labels: Int[Tensor, " n"], plus: int, minus: int
) -> Float[Tensor, "*code"]:
    """Return the mean code of one class less that of another: c̄_plus − c̄_minus.

    Args:
        codes: of pictures.
        labels: their classes.
        plus: a class.
        minus: another.

    Raises:
        ValueError: one has no picture.

    References: A. Radford, L. Metz and S. Chintala, Unsupervised representation learning with deep
    convolutional generative adversarial networks (ICLR 2016), section 6.3.2.

    >>> codes = torch.tensor([[1.0], [3.0], [10.0]])
    >>> class_difference(codes, torch.tensor([0, 0, 1]), plus=1, minus=0)
    tensor([8.])
    """
    for label in (plus, minus):
        if not bool((labels == label).any()):
            known = ", ".join(map(str, sorted(set(labels.tolist()))))
            raise ValueError(f"expected pictures of class {label}; got those of {known}")
    difference: Tensor = codes[labels == plus].mean(0) - codes[labels == minus].mean(0)
    return difference


def network_of(generator: Generator) -> nn.Module:
    """Return a generator's network, which must be a module to be looked into.

    Raises:
        TypeError: it is none.
    """
    if not isinstance(generator.net, nn.Module):
        raise TypeError(f"expected a torch.nn.Module, to look into; got {type(generator.net).__name__}")
    return generator.net


def passed(generator: Generator, x: Float[Tensor, "n channels height width"]) -> Tensor:
    """Return f(x) as f returns it, pictures or rows, where f is."""
    placed = Torch().tensor(x, generator.net, None, None)
    with torch.no_grad(), in_mode(generator.net, "eval"):
        return application(generator.net, placed.flatten(1) if generator.rows else placed)


def _outputs(generator: Generator, net: nn.Module, z: Tensor) -> dict[str, torch.Size]:
    """The shapes of codes, by modules in the order of their use; of those used once, a code a picture."""
    seen: dict[str, list[Any]] = {}
    _ = generator.rows  # passes of its own, before anything is counted

    def noted(name: str) -> Callable[..., None]:
        return lambda _, __, output: seen.setdefault(name, []).append(output)

    hooks = [part.register_forward_hook(noted(name)) for name, part in net.named_modules() if name]
    try:
        passed(generator, z)
    finally:
        for hook in hooks:
            hook.remove()
    return {
        name: outputs[0].shape[1:]
        for name, outputs in seen.items()
        if len(outputs) == 1
        and isinstance(outputs[0], Tensor)
        and outputs[0].is_floating_point()
        and outputs[0].ndim > 1
        and len(outputs[0]) == len(z)
    }


def _instead(codes: Tensor, _: Tensor) -> Tensor:
    return codes.clone()  # what follows may work in place


@contextmanager
def _hooked(module: nn.Module, seeing: Callable[[Tensor], Tensor | None]) -> Iterator[None]:
    """Show the module's output to this within the block; what that returns, if anything, is the output."""
    hook = module.register_forward_hook(lambda _, __, output: seeing(output))
    try:
        yield
    finally:
        hook.remove()
