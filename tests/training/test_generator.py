"""Generators as values: draws, powers, ranges, and the files they are kept in."""

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from tests.training.runs import SHAPE, Halved, lively, saved_run
from training import FourierNoise, GaussianNoise, Generator, digits, load_generator
from training.generation.generator import load_noise, save_noise
from training.generators import generator
from training.networks import perceptron
from training.weights import save_network

FOURIER = FourierNoise.of(digits().part("train"))


@pytest.mark.parametrize("noise", [GaussianNoise(SHAPE), FOURIER])
def test_samples_are_powers_of_f_at_its_noise(noise):
    net = lively()
    found = Generator(net, noise, low=-1)
    y = found.sample(5, seed=3, powers=(3, 1), batch=2)
    assert list(y) == [0, 1, 3]
    z = found.draw(5, 3)
    with torch.no_grad():
        once = net(z)
        assert torch.equal(y[0], z)
        assert torch.allclose(y[1], once, atol=1e-5)
        assert torch.allclose(y[3], net(net(once)), atol=1e-4)
    assert not torch.equal(z, found.draw(5, 4))


def test_noise_is_moved_to_the_range_of_f_and_pictures_back():
    plain, tanh = Generator(nn.Identity(), FOURIER), Generator(nn.Identity(), FOURIER, low=-1)
    assert torch.allclose(plain.draw(4, 1), (tanh.draw(4, 1) + 1) / 2, atol=1e-6)
    assert torch.allclose(tanh.draw(4, 1), FOURIER(4, generator(1)), atol=1e-6)
    x = digits().part("test")[:9]
    for found in (plain, tanh, Generator(nn.Identity(), FOURIER, low=3, high=7)):
        assert torch.allclose(found.pictures(found.inputs(x)), x, atol=1e-6)
    assert float(tanh.inputs(x).min()) == -1


@pytest.mark.parametrize(("low", "high"), [(-1, 1), (0, 1)])
@pytest.mark.parametrize("noise", [GaussianNoise((3, 6, 5)), FOURIER])
def test_the_mean_of_noise(noise, low, high):
    found = Generator(nn.Identity(), noise, low, high)
    drawn = found.draw(20_000, 0)
    error = drawn.std(0) / 20_000**0.5
    assert ((drawn.mean(0) - found.mean_noise()).abs() < 5 * error + 1e-6).all()


def test_networks_of_rows_get_rows_and_give_pictures():
    net = perceptron([64, 16, 64], nn.Tanh)
    found = Generator(net, GaussianNoise(SHAPE))
    assert found.rows
    y = found.sample(3, powers=(2,))
    with torch.no_grad():
        assert torch.allclose(y[2].flatten(1), net(net(y[0].flatten(1))), atol=1e-6)


def test_networks_are_left_as_they_were_and_used_in_evaluation_mode():
    net = nn.Sequential(nn.Conv2d(1, 1, 1), nn.BatchNorm2d(1), nn.Dropout(0.5))
    before = {name: x.clone() for name, x in net.state_dict().items()}
    found = Generator(net, GaussianNoise(SHAPE))
    together, alone = (found.sample(4, powers=(2,), batch=batch)[2] for batch in (4, 1))
    torch.testing.assert_close(together, alone)
    assert net.training
    assert all(torch.equal(x, before[name]) for name, x in net.state_dict().items())


@pytest.mark.parametrize("noise", [GaussianNoise((3, 5, 7)), FOURIER])
def test_noise_is_read_back_as_it_was_written(tmp_path, noise):
    save_noise(noise, tmp_path / "noise.safetensors")
    again = load_noise(tmp_path / "noise.safetensors")
    chance = (torch.Generator().manual_seed(0) for _ in range(2))
    assert type(again) is type(noise)
    assert torch.equal(again(3, next(chance)), noise(3, next(chance)))
    save_noise(noise, tmp_path / "more.safetensors")
    assert (tmp_path / "more.safetensors").read_bytes() == (tmp_path / "noise.safetensors").read_bytes()


@pytest.mark.parametrize(
    ("header", "words"),
    [
        ({}, "expected a header with a noise \\(gaussian, fourier\\) and its shape in .*; got {}"),
        ({"noise": "uniform", "shape": "1,8,8"}, "expected a header with a noise"),
        ({"noise": "fourier", "shape": "1,8"}, "expected a header with a noise"),
        ({"noise": "fourier", "shape": "1,8,x"}, "expected a header with a noise"),
        ({"noise": "fourier", "shape": "1,9999999,9999999"}, "expected noise of 1 to 4096 a side"),
        ({"noise": "fourier", "shape": "1,0,8"}, "expected noise of 1 to 4096 a side"),
        ({"noise": "fourier", "shape": "1,4096,4096"}, "the tensors of its header's noise; got others"),
        ({"noise": "gaussian", "shape": "1,8,8"}, "the tensors of its header's noise; got others"),
        ({"noise": "fourier", "shape": "1,8,8"}, "expected finite numbers"),
    ],
)
def test_files_that_hold_no_noise(tmp_path, header, words):
    tensors = FOURIER.state_dict() | {"mean": FOURIER.mean / 0}
    save_file(tensors, tmp_path / "noise.safetensors", metadata=header)
    with pytest.raises(ValueError, match=words):
        load_noise(tmp_path / "noise.safetensors")


def test_a_run_is_read_back(tmp_path):
    run = saved_run(tmp_path / "run")
    found = load_generator(run)
    assert repr(found) == "Generator(Sequential, FourierNoise, 1×8×8 from -1 to 1)"
    expected = Generator(lively(), FOURIER, low=-1).sample(4, powers=(2,))[2]
    assert torch.equal(found.sample(4, powers=(2,))[2], expected)
    assert torch.equal(load_generator(run / "network.safetensors").sample(4, powers=(2,))[2], expected)
    other = load_generator(run, GaussianNoise(SHAPE))
    assert torch.equal(other.draw(2), Generator(nn.Identity(), GaussianNoise(SHAPE), low=-1).draw(2))
    own = load_generator(saved_run(tmp_path / "own", Halved(0.5)), net=Halved())
    assert own.net.factor.item() == 0.5


def test_pixels_go_from_0_to_1_unless_the_header_says_otherwise(tmp_path):
    saved_run(tmp_path)
    save_network(lively(), '{"network": "u-dcgan-digits"}', {}, tmp_path / "network.safetensors")
    found = load_generator(tmp_path)
    assert (found.low, found.high) == (0, 1)


def unfinished(run):
    (run / "network.safetensors").unlink()
    (run / "config.yaml").touch()


def pixels(text):
    return lambda run: saved_run(run, pixels=text)


@pytest.mark.parametrize(
    ("spoil", "error", "words"),
    [
        (unfinished, FileNotFoundError, "expected a finished run, with .*; got a run that has not ended"),
        (lambda run: (run / "network.safetensors").unlink(), FileNotFoundError, "got a folder without"),
        (
            lambda run: (run / "noise.safetensors").unlink(),
            FileNotFoundError,
            "expected the noise of a generative run, .*noise.safetensors; got none: --noise and --data",
        ),
        (lambda run: saved_run(run, Halved()), ValueError, "name it by --network mynets:Net"),
        (pixels("0"), ValueError, 'expected "pixels" in the header of .* as in -1,1; got 0'),
        (pixels("1,0"), ValueError, "got 1,0"),
        (pixels("nan,1"), ValueError, "got nan,1"),
        (
            lambda run: save_noise(GaussianNoise((3, 8, 8)), run / "noise.safetensors"),
            ValueError,
            "expected a network that maps pictures of 3×8×8 to themselves; got: .*channels",
        ),
        (
            lambda run: save_noise(GaussianNoise((1, 15, 15)), run / "noise.safetensors"),
            ValueError,
            "expected a network that maps pictures of 1×15×15 to themselves",
        ),
        (
            lambda run: (run / "network.safetensors").write_bytes(b"{}"),
            ValueError,
            "expected a whole safetensors file",
        ),
    ],
)
def test_runs_that_cannot_be_used(tmp_path, spoil, error, words):
    run = saved_run(tmp_path / "run")
    spoil(run)
    with pytest.raises(error, match=words):
        load_generator(run)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: GaussianNoise((64,)), r"in the shape of pictures, \(1 or 3, height, width\); got \(64,\)"),
        (lambda: GaussianNoise((2, 8, 8)), r"got \(2, 8, 8\)"),
    ],
)
def test_noise_that_is_not_of_pictures(make, words):
    with pytest.raises(ValueError, match=words):
        Generator(nn.Identity(), make())


def test_other_mistakes():
    with pytest.raises(ValueError, match="expected a range of pixels, low < high; got 1 and 1"):
        Generator(nn.Identity(), FOURIER, low=1, high=1)
    with pytest.raises(ValueError, match=r"`powers` must be different numbers from 1; got \(0,\)"):
        Generator(nn.Identity(), FOURIER).sample(2, powers=(0,))
