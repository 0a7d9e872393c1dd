"""Finished runs of generative networks, small and quick, as the commands find them."""

import torch
from torch import nn

from training import FourierNoise, digits, network
from training.generation.generator import save_noise
from training.weights import save_network

SHAPE = (1, 8, 8)


class Halved(nn.Module):
    """Keeps what is constant along rows of a picture, so f² = f, and halves it: no more than near it."""

    def __init__(self, factor=0.9):
        super().__init__()
        self.factor = nn.Parameter(torch.tensor(factor))

    def forward(self, x):
        return self.factor * x.mean(-1, keepdim=True).expand_as(x)


def lively(seed=0):
    """A network of digits that is far from constant though nobody has trained it."""
    torch.manual_seed(seed)
    net = network("u-dcgan-digits")
    with torch.no_grad():
        for weight in net.parameters():
            weight.mul_(2.5)
    return net


def saved_run(folder, net=None, noise=None, **header):
    """A run's folder with this network and noise."""
    folder.mkdir(parents=True, exist_ok=True)
    known = '{"network": "u-dcgan-digits"}' if net is None else None
    about = {"network": "u-dcgan-digits" if net is None else "mynets:Net", "pixels": "-1,1"} | header
    save_network(lively() if net is None else net, known, about, folder / "network.safetensors")
    save_noise(noise or FourierNoise.of(digits().part("train")), folder / "noise.safetensors")
    return folder
