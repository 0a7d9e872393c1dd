"""Noise with the Fourier statistics of data, by the sampling error of each statistic."""

import numpy as np
import pytest
import torch

from training import FourierNoise, GaussianNoise, Pictures, digits
from training.data import NOISES


def coefficients(x):
    """All of them, by the full transform: (n, channels, height, width, 2)."""
    found = np.fft.fft2(np.asarray(x, dtype=np.float64), norm="ortho")
    return np.stack([found.real, found.imag], -1)


def colour(height, width, count=400):
    """Pictures whose coefficients have correlated real and imaginary parts: each of two patterns."""
    rng = np.random.default_rng(0)
    pattern = rng.normal(size=(3, height, width))
    strength, other = rng.normal(size=(2, count, 1, 1, 1))
    x = (
        120
        + 30 * strength * pattern
        + 20 * other * np.roll(pattern, 1, -1)
        + 8 * rng.normal(size=(count, 3, height, width))
    )
    pixels = torch.tensor(x.clip(0, 255).astype(np.uint8))
    return Pictures(pixels, torch.randperm(count, generator=torch.Generator().manual_seed(1)))


def deviations(noise, pictures, count=20_000):
    """By how many standard errors means and covariances of noise are off the data's, at every frequency.

    A mean of N draws has the variance σ_ii/N, an entry of a covariance (σ_ii σ_jj + σ_ij²)/N.
    """
    ours = coefficients(noise(count, torch.Generator().manual_seed(0)))
    data = coefficients(2 * pictures[:] - 1)
    means, covariances = [], []
    for x in (ours, data):
        mean = x.mean(0)
        away = x - mean
        means.append(mean)
        covariances.append(np.einsum("n...i,n...j->...ij", away, away) / (len(x) - 1))
    expected = covariances[1]
    diagonal = np.einsum("...ii->...i", expected)
    tiny = 1e-9  # where a coefficient has no imaginary part there is no error but rounding
    mean_errors = np.abs(means[0] - means[1]) / np.sqrt(diagonal / count + tiny)
    variance = (diagonal[..., :, None] * diagonal[..., None, :] + expected**2) / count
    return mean_errors, np.abs(covariances[0] - expected) / np.sqrt(variance + tiny)


DATA = {
    "digits": lambda: digits().part("train"),
    "even": lambda: colour(6, 8),
    "odd": lambda: colour(5, 7),
    "row": lambda: colour(1, 6),
    "column": lambda: colour(6, 1),
    "pixel": lambda: colour(1, 1),
}


@pytest.mark.parametrize("name", DATA)
def test_mean_and_power_spectrum_are_the_datas_within_sampling_error(name):
    pictures = DATA[name]()
    for errors in deviations(FourierNoise.of(pictures), pictures):
        assert errors.max() < 5.5  # of some hundreds of normal numbers
        assert np.sqrt((errors**2).mean()) < 1.5


@pytest.mark.parametrize("name", ["digits", "even"])
def test_gaussian_noise_has_not_the_datas_statistics(name):
    pictures = DATA[name]()
    for errors in deviations(GaussianNoise.of(pictures), pictures):
        assert errors.max() > 50


@pytest.mark.parametrize("make", [GaussianNoise, FourierNoise])
@pytest.mark.parametrize("shape", [(3, 6, 8), (1, 5, 7)])
def test_white_noise_has_unit_variance_and_no_correlation(make, shape):
    z = make(shape)(20_000, torch.Generator().manual_seed(0)).flatten(1).double()
    assert z.shape == (20_000, np.prod(shape))
    error = (z.T @ z / len(z) - torch.eye(z.shape[1])).abs().max()
    assert float(error) < 6 * (2 / len(z)) ** 0.5
    assert float(z.mean(0).abs().max()) < 6 / len(z) ** 0.5


def test_frequencies_are_independent_of_each_other():
    z = torch.fft.rfft2(
        FourierNoise((1, 6, 8))(20_000, torch.Generator().manual_seed(0)).double(), norm="ortho"
    )
    rows = torch.view_as_real(z).flatten(1)
    rows = rows[:, rows.std(0) > 0.1]
    correlation = torch.corrcoef(rows.T).abs()
    # Of the two real columns each frequency has its mirror in the half too, and is tied to that alone.
    tied = (correlation > 0.9).sum(1)
    assert set(tied.tolist()) == {1, 2}
    assert float(correlation[correlation < 0.9].max()) < 6 / 20_000**0.5


@pytest.mark.parametrize("name", ["gaussian", "fourier"])
def test_draws_are_functions_of_the_seed(name):
    noise = NOISES[name].of(digits().part("test"))
    seeded = [noise(3, torch.Generator().manual_seed(seed)) for seed in (1, 1, 2)]
    assert torch.equal(seeded[0], seeded[1])
    assert not torch.equal(seeded[0], seeded[2])
    torch.manual_seed(5)
    state = torch.get_rng_state()
    noise(3, torch.Generator().manual_seed(1))
    assert torch.equal(torch.get_rng_state(), state)
    assert not torch.equal(noise(3), noise(3))


def test_statistics_are_kept_in_a_checkpoint(tmp_path):
    noise = FourierNoise.of(colour(6, 8))
    torch.save(torch.nn.ModuleDict({"noise": noise}).state_dict(), tmp_path / "x.pt")
    again = torch.nn.ModuleDict({"noise": FourierNoise((3, 6, 8))})
    again.load_state_dict(torch.load(tmp_path / "x.pt", weights_only=True))
    draws = [f(5, torch.Generator().manual_seed(0)) for f in (noise, again["noise"])]
    assert torch.equal(*draws)
    assert not GaussianNoise((1, 2, 2)).state_dict()


@pytest.mark.parametrize("name", ["gaussian", "fourier"])
def test_draws_are_where_the_module_is(name):
    """On a device without numbers, which takes every operation that a real one does."""
    noise = NOISES[name].of(digits().part("test"))
    assert noise.to("meta")(3, torch.Generator().manual_seed(0)).device.type == "meta"


def test_a_pass_over_batches_is_that_over_all(monkeypatch):
    pictures = colour(6, 8)
    whole = FourierNoise.of(pictures)
    monkeypatch.setattr("training.data.noise._AT_A_TIME", 7)
    parts = FourierNoise.of(pictures[:])
    torch.testing.assert_close(parts.mean, whole.mean)
    torch.testing.assert_close(parts.root, whole.root)


@pytest.mark.parametrize(
    "pictures", [torch.rand(1, 1, 8, 8), torch.rand(5, 64), digits().part("test").viewed(64)]
)
def test_pictures_without_statistics_are_refused(pictures):
    with pytest.raises(
        ValueError, match=r"`pictures` must be two or more with the axes .*; got \d+ of shape"
    ):
        FourierNoise.of(pictures)


def test_equal_pictures_make_noise_without_chance():
    same = torch.full((4, 1, 6, 6), 0.25)
    z = FourierNoise.of(same)(3, torch.Generator().manual_seed(0))
    torch.testing.assert_close(z, torch.full((3, 1, 6, 6), -0.5))
