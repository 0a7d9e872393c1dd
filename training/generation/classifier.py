"""A small classifier, the same for everybody, whose features and judgement the measures rest on.

Published distances are of Inception's features, learned from colour photographs of 299×299 pixels.  Grey
pictures of 8×8 or 28×28, enlarged to that, are like nothing it has seen, and a covariance of its 2048
features asks for more pictures than scikit-learn has digits.  So a classifier of the data's own classes
stands in its place.  Its features are nobody else's: the figures compare networks measured by it, no others.
"""

from __future__ import annotations

import hashlib
import json
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, one_hot

from corrector.files import whole_file
from training.generators import chance
from training.weights import as_safetensors, load_weights, opened

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jaxtyping import Float, Int

_BATCH = 512
_MADE = 1
"""To be raised when what a recipe means is changed below: then the hashes change too."""


@dataclass(frozen=True)
class Recipe:
    """How the classifier is made and trained; all of it goes into the hash.

    Three 3×3 convolutions, each with batch normalisation and ReLU, then Linear–ReLU to the features and
    Linear to the classes.  AdamW, one cycle of the learning rate, cross-entropy on targets that are shares.

    A classifier that has seen digits only is sure of everything: of noise, of a blank picture, of two digits
    laid over each other.  A generator's failures look like these, so it is taught to be unsure of them:

    - digits come as mixtures λx + (1 − λ)x′ with the same mixture of their classes as target, λ from
      Beta(`mixing`, `mixing`);
    - with each batch come pictures of nothing, with all classes equally likely as target: `nothing` with the
      pixels shuffled, mixed in the same way with an even grey, and `nothing` with the phases of their Fourier
      transform drawn anew.

    Attributes:
        steps: of the optimiser.
        strides: of the convolutions.
        widths: channels after each.
        features: how many the penultimate layer has.
        batch: pictures a step.
        nothing: pictures of nothing a step, of either kind.
        mixing: the parameter of the Beta distribution.
        rate: the greatest learning rate.
        decay: AdamW's weight decay.
        seed: of everything drawn.

    References: H. Zhang et al., mixup: beyond empirical risk minimization (ICLR 2018), eq. 1; D. Hendrycks,
    M. Mazeika and T. Dietterich, Deep anomaly detection with outlier exposure (ICLR 2019), section 4.
    """

    steps: int
    strides: tuple[int, int, int]
    widths: tuple[int, int, int] = (32, 64, 64)
    features: int = 64
    batch: int = 128
    nothing: int = 16
    mixing: float = 0.4
    rate: float = 3e-3
    decay: float = 1e-2
    seed: int = 0


SMALL = Recipe(steps=1000, strides=(1, 2, 2))
"""For pictures of fewer than 16 pixels a side."""
LARGE = Recipe(steps=4500, strides=(2, 2, 2))


class Reading(NamedTuple):
    """What the classifier makes of pictures: float32, a row each."""

    features: Float[Tensor, "n features"]
    probabilities: Float[Tensor, "n classes"]


@dataclass(frozen=True, eq=False, repr=False)
class Format:
    """Of what shape and range pictures are.

    Attributes:
        shape: (channels, height, width) of a picture.
        low, high: black and white.
    """

    shape: tuple[int, int, int]
    low: float
    high: float

    def pictures(
        self, x: Float[Tensor, "n *sample"], name: str = "pictures"
    ) -> Float[Tensor, "n channels height width"]:
        """Return samples as pictures on the CPU in float32, clipped to the range as a file's would be.

        Args:
            x: as pictures, or as rows of as many numbers.
            name: what an error calls them.

        Raises:
            ValueError: samples are of another size, or not finite.
        """
        size = self.shape[0] * self.shape[1] * self.shape[2]
        if x.ndim < 2 or x[:1].numel() != size * len(x[:1]):
            raise ValueError(
                f"expected `{name}` of shape (n, {', '.join(map(str, self.shape))}) or (n, {size}); "
                f"got {tuple(x.shape)}"
            )
        x = x.detach().cpu().float()
        if spoilt := int((~torch.isfinite(x)).flatten(1).any(1).sum()):
            raise ValueError(f"`{name}` must be finite; got {spoilt} of {len(x)} that are not")
        return x.reshape(len(x), *self.shape).clamp(self.low, self.high)

    def require_range(self, x: Float[Tensor, "n *sample"], name: str) -> None:
        """Refuse real pictures that do not span the range of the training pictures, so scaled otherwise.

        Raises:
            ValueError: they do not.
        """
        low, high = float(x.min()), float(x.max())
        if max(abs(low - self.low), abs(high - self.high)) > 0.05 * (self.high - self.low):
            raise ValueError(
                f"expected `{name}` from {self.low:g} to {self.high:g}, as the pictures that were "
                f"trained on; got {low:g} to {high:g}"
            )


@dataclass(frozen=True, eq=False, repr=False)
class Classifier(Format):
    """A trained classifier of pictures; `classifier` makes one.

    Attributes:
        net: in evaluation mode, on the CPU, for pictures from 0 to 1.
        shape, low, high: of its training pictures.
        accuracy: the share of the test pictures that it names rightly.
        hash: of recipe and data, test pictures included.
        weights: a hash of what was learned.  The same recipe may lead to other weights on another kind of
            processor or with another version of torch, and then figures differ.
    """

    net: nn.Sequential
    accuracy: float
    hash: str
    weights: str

    def __repr__(self) -> str:
        size = "×".join(map(str, self.shape))
        return f"Classifier({self.hash}, {size}, {self.accuracy:.2%} right)"

    def read(self, x: Float[Tensor, "n *sample"]) -> Reading:
        """Return features and class probabilities of pictures.

        On the CPU wherever x is, so that figures do not depend on the device of what is measured.

        Raises:
            ValueError: as `pictures`.

        Cost: a pass, in batches of 512: 1.6 million multiplications a picture of 28×28, 0.5 of 8×8.
        """
        scaled = (self.pictures(x) - self.low) / (self.high - self.low)
        with torch.no_grad():
            features = torch.cat([self.net[:-1](part) for part in torch.split(scaled, _BATCH)])
            return Reading(features, self.net[-1](features).softmax(1))


def classifier(
    train: Float[Tensor, "n channels height width"],
    labels: Int[Tensor, " n"],
    test: Float[Tensor, "m channels height width"],
    test_labels: Int[Tensor, " m"],
    recipe: Recipe | None = None,
    folder: Path | None = None,
) -> Classifier:
    """Return the classifier of these pictures: trained, or read from the cache if it was trained before.

    Training takes one thread, so that the weights do not depend on how many there are.  The file in the cache
    is named by the hash of recipe and data, written whole or not at all, by one process at a time; one whose
    weights have changed is made anew.

    Args:
        train: pictures to learn from, of any range.
        labels: their classes, 0, 1, …
        test: pictures to take the accuracy on, which are not learned from.
        test_labels: their classes.
        recipe: `SMALL` or `LARGE` by the size of the pictures when None.
        folder: of the cache; the user's when None.

    Raises:
        TypeError: pictures are no floating-point tensors, or labels no integers.
        ValueError: pictures are not of one shape, all equal or not finite, or do not match their labels; or a
            class has no training picture.
        OSError: the cache cannot be written.

    Cost: to train, on one core, about 10 s for the digits and 2 min for MNIST.

    >>> import tempfile
    >>> from training import digits
    >>> x = digits().train.reshape(-1, 1, 8, 8)
    >>> bright = (x.mean((1, 2, 3)) > 0.3).long()
    >>> with tempfile.TemporaryDirectory() as cache:
    ...     recipe = Recipe(steps=40, strides=(2, 2, 2), features=8)
    ...     found = classifier(x[:900], bright[:900], x[900:], bright[900:], recipe, Path(cache))
    >>> found.accuracy > 0.8, found.read(x).features.shape
    (True, torch.Size([1197, 8]))
    """
    from filelock import FileLock

    _require_labelled(train, labels, "train")
    _require_labelled(test, test_labels, "test", train)
    classes = _classes(labels, test_labels)
    low, high = float(train.min()), float(train.max())
    if not low < high:
        raise ValueError(f"expected training pictures that are not even; got {low:g} everywhere")
    if recipe is None:
        recipe = SMALL if max(train.shape[2:]) < 16 else LARGE
    name = _hash(recipe, train, labels, test, test_labels)
    shape = (train.shape[1], train.shape[2], train.shape[3])
    with chance(recipe.seed):  # its weights are drawn, though only to be replaced
        net = _network(recipe, shape, classes)
    path = (_cache() if folder is None else folder) / f"{name}.safetensors"
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(path.with_suffix(".lock")):
        kept = _kept(net, path)
        if kept is None:
            net = _trained(recipe, (train - low) / (high - low), labels, classes)
            made = Classifier(shape, low, high, net, float("nan"), name, _digest(net))
            right = made.read(test).probabilities.argmax(1) == test_labels.cpu()
            kept = {"accuracy": repr(float(right.double().mean())), "weights": made.weights}
            header = kept | {"recipe": json.dumps(asdict(recipe)), "hash": name}
            with whole_file(path) as draft:
                draft.write_bytes(as_safetensors(net.state_dict(), header))
    net.eval().requires_grad_(requires_grad=False)
    return Classifier(shape, low, high, net, float(kept["accuracy"]), name, kept["weights"])


def fingerprint(*tensors: Tensor) -> str:
    """Return a hash of tensors' dtypes, shapes and numbers.

    >>> fingerprint(torch.zeros(2)) == fingerprint(torch.zeros(2)), len(fingerprint(torch.zeros(2)))
    (True, 16)
    """
    found = hashlib.sha256()
    for x in tensors:
        plain = x.detach().cpu().contiguous()
        found.update(f"{plain.dtype} {tuple(plain.shape)};".encode())
        found.update(plain.numpy().data)
    return found.hexdigest()[:16]


def _hash(recipe: Recipe, *data: Tensor) -> str:
    plain = [x.float() if x.is_floating_point() else x.long() for x in data]
    said = {"made": _MADE, "recipe": asdict(recipe), "data": fingerprint(*plain)}
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:16]


def _digest(net: nn.Module) -> str:
    return fingerprint(*net.state_dict().values())


def _cache() -> Path:
    import pooch

    return Path(pooch.os_cache("corrector")) / "classifiers"


def _kept(net: nn.Module, path: Path) -> dict[str, str] | None:
    """What the header of a file in the cache says, its weights now in the network; None if not whole."""
    if not path.is_file():
        return None
    try:
        load_weights(net, path)
        with opened(path) as file:
            header: dict[str, str] = file.metadata() or {}
    except ValueError:
        return None
    return header if header.get("weights") == _digest(net) and "accuracy" in header else None


def _require_labelled(x: Any, labels: Any, name: str, like: Tensor | None = None) -> None:
    if not isinstance(x, Tensor) or not x.is_floating_point():
        raise TypeError(f"`{name}` must be a floating-point tensor; got {_kind(x)}")
    if not isinstance(labels, Tensor) or labels.is_floating_point() or labels.is_complex():
        raise TypeError(f"labels of `{name}` must be a tensor of integers; got {_kind(labels)}")
    shape = "(n, channels, height, width)" if like is None else f"(n, {', '.join(map(str, like.shape[1:]))})"
    if x.ndim != 4 or not x.numel() or (like is not None and x.shape[1:] != like.shape[1:]):
        raise ValueError(f"expected `{name}` of shape {shape}; got {tuple(x.shape)}")
    if labels.shape != x.shape[:1]:
        raise ValueError(
            f"expected a label for each of {len(x)} pictures of `{name}`; got shape {tuple(labels.shape)}"
        )
    if not bool(torch.isfinite(x).all()):
        raise ValueError(f"`{name}` must be finite; got nan or infinite entries")


def _kind(x: Any) -> str:
    return str(x.dtype) if isinstance(x, Tensor) else type(x).__name__


def _classes(labels: Tensor, test_labels: Tensor) -> int:
    seen, tested = sorted(set(labels.tolist())), sorted(set(test_labels.tolist()))
    if seen != list(range(len(seen))) or len(seen) < 2:
        raise ValueError(f"expected training pictures of classes 0, 1, … with none left out; got {seen}")
    if not set(tested) <= set(seen):
        raise ValueError(f"expected test pictures of classes {seen}; got {tested}")
    return len(seen)


def _network(recipe: Recipe, shape: tuple[int, int, int], classes: int) -> nn.Sequential:
    channels, height, width = shape
    layers: list[nn.Module] = []
    for outputs, stride in zip(recipe.widths, recipe.strides, strict=True):
        layers += [
            nn.Conv2d(channels, outputs, 3, stride, 1, bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU(),
        ]
        channels, height, width = outputs, -(-height // stride), -(-width // stride)
    layers += [nn.Flatten(), nn.Linear(channels * height * width, recipe.features), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(recipe.features, classes))


def _trained(recipe: Recipe, x: Tensor, labels: Tensor, classes: int) -> nn.Sequential:
    x, targets = x.detach().cpu().float(), one_hot(labels.detach().cpu().long(), classes).float()
    with chance(recipe.seed), _one_thread(), torch.enable_grad():
        net = _network(recipe, (x.shape[1], x.shape[2], x.shape[3]), classes)
        optimiser = torch.optim.AdamW(net.parameters(), weight_decay=recipe.decay)
        rates = torch.optim.lr_scheduler.OneCycleLR(optimiser, recipe.rate, total_steps=recipe.steps)
        for _ in range(recipe.steps):
            pictures, shares = _batch(recipe, x, targets)
            loss = cross_entropy(net(pictures), shares)
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
            optimiser.step()
            rates.step()
    return net.eval()


def _batch(recipe: Recipe, x: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """Mixtures of digits, then pictures of nothing, with their targets."""
    chosen = torch.randint(len(x), (recipe.batch,))
    weight = _mixing(recipe, recipe.batch)
    pictures = weight * x[chosen] + (1 - weight) * x[chosen].flip(0)
    shares = weight.flatten(1) * targets[chosen] + (1 - weight.flatten(1)) * targets[chosen].flip(0)
    shuffled, spectral = x[torch.randint(len(x), (2, recipe.nothing))]
    weight = _mixing(recipe, recipe.nothing)
    grey = torch.rand(recipe.nothing, 1, 1, 1)
    nothing = [weight * _shuffled(shuffled) + (1 - weight) * grey, _new_phases(spectral)]
    even = torch.full((2 * recipe.nothing, targets.shape[1]), 1 / targets.shape[1])
    return torch.cat([pictures, *nothing]), torch.cat([shares, even])


def _mixing(recipe: Recipe, count: int) -> Tensor:
    drawn: Tensor = torch.distributions.Beta(recipe.mixing, recipe.mixing).sample((count, 1, 1, 1))
    return drawn


def _shuffled(x: Tensor) -> Tensor:
    """Pictures with their pixels in another order, the same for all channels."""
    rows = x.flatten(2)
    order = torch.rand(len(x), 1, rows.shape[2]).argsort(2).expand_as(rows)
    return rows.gather(2, order).reshape(x.shape)


def _new_phases(x: Tensor) -> Tensor:
    """Pictures with the amplitudes of their Fourier transform kept and the phases of white noise, clipped."""
    noise = torch.fft.rfft2(torch.randn_like(x))
    made: Tensor = torch.fft.irfft2(torch.fft.rfft2(x).abs() * torch.sgn(noise), s=x.shape[2:])
    return made.clamp(0, 1)


@contextmanager
def _one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
