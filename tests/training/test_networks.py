import pytest
import torch
from torch import nn

from training import network, u_dcgan

PARAMETERS = {
    "N1": 25,
    "N2": 100,
    "N3": 115,
    "N4": 4509456,
    "B1": 30,
    "B2": 238600,
    "B3": 8393728,
    "B4": 4509456,
}


@pytest.mark.parametrize("name", PARAMETERS)
def test_sizes_are_the_published_ones(name):
    net = network(name)
    assert sum(p.numel() for p in net.parameters()) == PARAMETERS[name]
    width = next(net.parameters()).shape[1]
    assert net(torch.randn(2, width)).shape == (2, width)


@pytest.mark.parametrize(
    ("name", "layers"),
    [
        ("N2", [nn.Linear, nn.Linear]),
        ("N3", [nn.Linear, nn.Tanh, nn.Linear, nn.Tanh]),
        ("B1", [nn.Linear, nn.LeakyReLU]),
        ("B2", [nn.Linear, nn.LeakyReLU] * 5),
    ],
)
def test_layers(name, layers):
    net = network(name.lower())
    assert [type(layer) for layer in net] == layers
    assert all(layer.negative_slope == 0.2 for layer in net if isinstance(layer, nn.LeakyReLU))


@pytest.mark.parametrize(
    ("name", "shape", "parameters"),
    [("u-dcgan-mnist", (1, 28, 28), 7_150_273), ("U-DCGAN-CelebA", (3, 64, 64), 13_904_579)],
)
def test_convolutional_ones(name, shape, parameters):
    net = network(name)
    assert sum(p.numel() for p in net.parameters()) == parameters
    assert net(torch.randn(2, *shape)).shape == (2, *shape)
    convolutions = [layer for layer in net if isinstance(layer, nn.Conv2d)]
    assert [layer.out_channels for layer in convolutions] == [64, 128, 256, 512, 512]
    assert isinstance(net[-1], nn.Tanh)


@pytest.mark.parametrize("size", [4, 5, 7, 8, 28, 33])
@pytest.mark.parametrize("normalisation", ["batch", "group", "none"])
def test_autoencoders_of_pictures_of_any_size(size, normalisation):
    net = u_dcgan(size, 2, [4, 8], normalisation)
    x = torch.randn(3, 2, size, size)
    assert net(x).shape == x.shape
    middle = len(net) // 2
    assert net[:middle](x).shape == (3, 8, 1, 1)
    kinds = {"batch": nn.BatchNorm2d, "group": nn.GroupNorm, "none": ()}[normalisation]
    assert sum(isinstance(layer, kinds) for layer in net) == (0 if normalisation == "none" else 2)


@pytest.mark.parametrize("widths", [[4, 6], [4, 8], [12, 12]])
def test_groups_leave_outputs_that_differ(widths):
    torch.manual_seed(0)
    net = u_dcgan(8, 1, widths, "group")
    assert net(torch.randn(50, 1, 8, 8)).var(0).mean() > 1e-4


def test_dropout_leaves_out_channels_within_either_half():
    net = network("u-dcgan-digits", widths=[4, 6, 8], normalisation="batch", dropout=0.25)
    kinds = [type(layer).__name__ for layer in net if isinstance(layer, nn.Conv2d | nn.Dropout2d | nn.Tanh)]
    assert kinds == ["Conv2d", "Dropout2d"] * 2 + ["Conv2d"] + ["Dropout2d"] * 2 + ["Tanh"]
    assert {layer.p for layer in net if isinstance(layer, nn.Dropout2d)} == {0.25}
    x = torch.randn(2, 1, 8, 8)
    assert not torch.equal(net(x), net(x))
    assert torch.equal(net.eval()(x), net(x))


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (
            lambda: network("B5"),
            "B4, u-dcgan-digits, u-dcgan-mnist, u-dcgan-mnist-small, u-dcgan-celeba; got 'B5'",
        ),
        (lambda: u_dcgan(8, 1, [4]), "`widths` must have from 2 entries .*; got 1"),
        (lambda: u_dcgan(8, 1, [4] * 5), "as many as a side of 8 can be halved; got 5"),
        (
            lambda: u_dcgan(8, 1, [4, 4], "layer"),
            "must be one of batch, group, none; got 'layer'",
        ),
        (lambda: u_dcgan(8, 1, [4, 4], dropout=1), "`dropout` must be a share from 0 to less than 1; got 1"),
        (lambda: network("N1", widths=[5]), "`arguments` must be none for N1; got widths"),
        (
            lambda: network("u-dcgan-digits", depth=2),
            "widths, normalisation, dropout for u-dcgan",
        ),
    ],
)
def test_mistakes(call, words):
    with pytest.raises(ValueError, match=words):
        call()
