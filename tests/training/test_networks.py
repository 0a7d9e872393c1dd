import pytest
import torch
from torch import nn

from training import network

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


def test_unknown_names():
    with pytest.raises(ValueError, match="one of N1, N2, N3, N4, B1, B2, B3, B4; got 'B5'"):
        network("B5")
