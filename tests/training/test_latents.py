"""Codes at a bottleneck: cut where f is narrowest, decoded to what f makes, and arithmetic on them."""

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA
from torch import nn

from tests.training.runs import SHAPE, lively
from training import FourierNoise, GaussianNoise, Generator, digits
from training.generation import latents
from training.generation.latents import (
    bottleneck,
    class_difference,
    noise_path,
    principal_components,
    straight,
    umap_embedding,
)
from training.networks import perceptron, u_dcgan

X = digits().part("test")


class Skipping(nn.Module):
    def __init__(self):
        super().__init__()
        self.narrow, self.wide = nn.Linear(8, 2), nn.Linear(2, 8)

    def forward(self, x):
        return x + self.wide(self.narrow(x))


class Twice(nn.Module):
    def __init__(self):
        super().__init__()
        self.part = nn.Conv2d(1, 1, 1)

    def forward(self, x):
        return self.part(self.part(x))


def drawn(net, shape=SHAPE, **options):
    return Generator(net, GaussianNoise(shape), **options)


def normalised():
    """With running averages that are not those of any batch."""
    torch.manual_seed(0)
    net = u_dcgan(8, 1, [4, 8, 16])
    net(torch.randn(64, *SHAPE))
    return net


def in_place():
    """What follows the code writes over it."""
    net = lively()
    net[5].inplace = True
    return net


@pytest.mark.parametrize(
    ("make", "name", "shape"),
    [
        (lively, "4", (64, 1, 1)),
        (in_place, "4", (64, 1, 1)),
        (normalised, "5", (16, 1, 1)),
        (lambda: perceptron([64, 32, 7, 32, 64], nn.Tanh), "2", (7,)),
    ],
)
def test_the_narrowest_module_cuts_f_in_two(make, name, shape):
    found = bottleneck(drawn(make(), low=-1))
    assert (found.module, found.shape) == (name, shape)
    x = found.generator.inputs(X[:10])
    codes = found.encode(x, batch=3)
    assert codes.shape == (10, *shape)
    y = next(found.generator.powers(x, (1,))).y
    assert torch.allclose(found.decode(codes, batch=4), y, atol=1e-5)
    assert torch.allclose(found.decode(codes.flatten(1)), y, atol=1e-5)
    assert not torch.allclose(found.decode(codes + 1), y, atol=1e-2)
    assert not any(part._forward_hooks for part in found.generator.net.modules())


def test_a_module_that_is_named_is_cut_at():
    net = lively()
    found = bottleneck(drawn(net, low=-1), "1")
    x = found.generator.inputs(X[:3])
    with torch.no_grad():
        assert torch.equal(found.encode(x), net[:2](x))
    whole = bottleneck(drawn(nn.Sequential(net, nn.Identity()), low=-1), "0")
    assert whole.shape == SHAPE


@pytest.mark.parametrize(
    ("net", "module", "error", "words"),
    [
        (Skipping(), None, ValueError, "all of the network goes through; got narrow, which is passed by"),
        (Twice(), None, ValueError, "modules that are used once a pass; got none"),
        (Twice(), "part", ValueError, "at 'part'; got one used otherwise"),
        (lively(), "99", ValueError, "at '99'; got none of that name"),
        (lambda x: x, None, TypeError, "expected a torch.nn.Module, to look into; got function"),
        (nn.Tanh(), None, ValueError, "got none"),
    ],
)
def test_networks_that_cannot_be_cut(net, module, error, words):
    with pytest.raises(error, match=words):
        bottleneck(drawn(net), module)


def test_principal_components_beside_scikit_learn():
    codes = X[:].flatten(1)
    found, peer = principal_components(codes, 3), PCA(3).fit(codes.double().numpy())
    signs = np.sign((found.directions.numpy() * peer.components_).sum(1))
    assert np.allclose(found.directions, signs[:, None] * peer.components_, atol=1e-8)
    assert np.allclose(found.shares, peer.explained_variance_ratio_)
    assert np.allclose(found(codes), signs * peer.transform(codes.double().numpy()), atol=1e-6)
    largest = found.directions.gather(1, found.directions.abs().argmax(1, keepdim=True))
    assert (largest > 0).all()


@pytest.mark.parametrize(
    ("codes", "count", "words"),
    [
        (torch.ones(5, 2), 2, "expected codes that differ; got the same 5 times"),
        (torch.eye(2), 2, "expected over 2 codes, of 2 numbers or more; got 2 of 2"),
        (torch.rand(5, 1), 2, "got 5 of 1"),
        (torch.eye(3) / 0, 1, "`codes` must be finite; got 3 of 3"),
        (torch.eye(1), 1, "expected at least 2 samples in `codes`; got 1"),
    ],
)
def test_codes_without_principal_components(codes, count, words):
    with pytest.raises(ValueError, match=words):
        principal_components(codes, count)


def test_steps_through_noise_are_noise():
    noise = FourierNoise.of(digits().part("train"))
    found = Generator(nn.Identity(), noise, low=-1)
    mean, count, steps = found.mean_noise(), 20_000, 4
    a, b = found.draw(count, 1), found.draw(count, 2)
    path = noise_path(a, b, steps, mean)
    assert torch.allclose(path[0], a, atol=1e-6)
    assert torch.allclose(path[-1], b, atol=1e-6)
    variance = a.var(0)
    for step in path:
        away = (step.mean(0) - mean).abs()
        assert (away < 6 * (variance / count).sqrt() + 1e-5).all()
        assert torch.allclose(step.var(0), variance, rtol=0.08, atol=1e-5)
    middle = straight(a, b, 3)[1]
    assert float((middle.var(0) / variance)[0, 3:5, 3:5].mean()) == pytest.approx(0.5, abs=0.03)


def test_differences_of_classes():
    codes = torch.rand(50, 4, 1, 1)
    labels = torch.arange(50) % 3
    expected = sum(c for c, k in zip(codes, labels, strict=True) if k == 2) / 16
    expected = expected - sum(c for c, k in zip(codes, labels, strict=True) if k == 0) / 17
    assert torch.allclose(class_difference(codes, labels, plus=2, minus=0), expected, atol=1e-6)
    with pytest.raises(ValueError, match="expected pictures of class 7; got those of 0, 1, 2"):
        class_difference(codes, labels, plus=0, minus=7)


def test_umap_is_asked_for_where_it_is_not_installed(monkeypatch):
    monkeypatch.setattr(latents, "find_spec", lambda _: None)
    words = r"expected umap-learn, for UMAP; got none: pip install 'corrector\[umap\]'"
    with pytest.raises(ModuleNotFoundError, match=words):
        umap_embedding(torch.eye(3))


@pytest.mark.filterwarnings("ignore")  # of UMAP itself: that TensorFlow is not there, and what numba is told
def test_umap_keeps_apart_what_is_apart():
    two = (
        torch.randn(40, 6, generator=torch.Generator().manual_seed(0)) + 20 * (torch.arange(40) % 2)[:, None]
    )
    place = umap_embedding(two.reshape(40, 6, 1, 1), seed=5)(two)
    a, b = place[::2], place[1::2]
    assert torch.cdist(a, a).max() < torch.cdist(a, b).min()
    assert torch.equal(place, umap_embedding(two, seed=5)(two))
