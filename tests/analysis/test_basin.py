import matplotlib.image
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis import basins
from analysis.basin import ESCAPED, UNDECIDED
from analysis.plotting import PALETTE, basin_image, save_basins
from corrector import MCWEENY, Corrector, derive, smoothstep
from tests.problems import members


def naive(g, gamma, z, steps=400):
    """The straightforward twin: iterate, then look where each point is."""
    with np.errstate(over="ignore", invalid="ignore"):
        for _ in range(steps):
            z = z + gamma * (g(z) - z)
        bounded = np.isfinite(z) & (np.abs(z) < 1e3)
        near_zero, near_one = np.abs(z) < 1e-3, np.abs(z - 1) < 1e-3
        return np.select([near_zero, near_one, bounded], [0, 1, -2], default=-1)


@settings(max_examples=25)
@given(members(), st.sampled_from([1, 0.5, 1.5]))
def test_labels_are_those_of_plain_iteration(g, gamma):
    found = basins(g, gamma, resolution=24)
    if found.attractors != (0, 1):
        return
    left, right, bottom, top = found.extent
    x = left + (np.arange(24) + 0.5) * (right - left) / 24
    y = bottom + (np.arange(24) + 0.5) * (top - bottom) / 24
    labels = naive(g, gamma, x[None, :] + 1j * y[:, None])
    decided = (labels != -2) & (found.labels != UNDECIDED)
    assert decided.mean() > 0.98
    # Off a chaotic boundary the two agree; on it a rounding error decides.
    assert (found.labels == labels)[decided].mean() > 0.98


@pytest.mark.parametrize(("n", "both"), [(1, 0.827), (2, 0.734), (3, 0.690), (4, 0.662)])
def test_areas(n, both):
    area = basins(smoothstep(n), resolution=1500).area
    assert sum(area) == pytest.approx(both, abs=1e-3)
    assert area[0] == pytest.approx(area[1], rel=1e-3)


def test_the_share_in_the_wrong_half_plane():
    found = basins(MCWEENY, resolution=1200)
    left = np.arange(1200) < 600
    inside = found.labels == 0
    assert inside[:, ~left].sum() / inside.sum() == pytest.approx(0.08, abs=0.01)


@pytest.mark.parametrize("g", [MCWEENY, smoothstep(4), smoothstep(24)])
def test_symmetries(g):
    labels = basins(g, resolution=300).labels
    assert np.array_equal(labels, labels[::-1])
    mirrored = labels[:, ::-1]
    assert np.array_equal(labels == 0, mirrored == 1)


def test_few_steps_suffice():
    # The published estimate is 0.72 a pixel of the square [−1, 2] × [−1.5, 1.5].
    assert basins(MCWEENY, resolution=512).steps.mean() < 1.5


def test_points_with_known_ends():
    def label(z, g=MCWEENY):
        e = 1e-9
        extent = (z.real - e, z.real + e, z.imag - e, z.imag + e)
        return basins(g, extent=extent, resolution=1).labels[0, 0]

    assert label(-0.5 + 0j) == 1  # outside the immediate basin: to the wrong projector
    assert label(0.2 + 0.1j) == 0
    assert label(0.9 - 0.2j) == 1
    assert label(2 + 0j) == ESCAPED
    assert label(0.5 + 0.2j) == ESCAPED  # along the line Re z = ½


def test_resolution_and_extent_make_square_pixels():
    found = basins(MCWEENY, extent=(0, 2, 0, 1), resolution=100)
    assert found.labels.shape == (50, 100)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"relaxation": 0}, "`relaxation` must be finite and not 0"),
        ({"extent": (1, 0, 0, 1)}, "increasing"),
        ({"extent": (0, 1, 0, float("nan"))}, "increasing"),
        ({"resolution": 0}, "at least 1; got 0"),
        ({"max_steps": 70_000}, "between 1 and 65535"),
        ({"resolution": 10**6}, "GiB"),
        ({"g": Corrector((1,))}, "at least degree 2"),
        ({"g": Corrector(("1/2",))}, "at least degree 2"),
    ],
)
def test_mistakes_are_named(arguments, words):
    with pytest.raises(ValueError, match=words):
        basins(**({"g": MCWEENY} | arguments))


def test_what_is_drawn(tmp_path):
    found = basins(derive(1, 4).member(a4=1), resolution=200)
    ax = found.plot()
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("Re z", "Im z")
    assert ax.get_xlim() == (-1, 2)
    assert ax.get_ylim() == (-1.5, 1.5)
    image = basin_image(found)
    row, column = 100, int((1 - -1) / 3 * 200)  # the pixel of z = 1
    np.testing.assert_allclose(image[row, column], matplotlib.colors.to_rgb(PALETTE[1]), atol=0.1)
    np.testing.assert_allclose(image[0, 0], 0.957)
    save_basins(found, tmp_path / "b.png")
    drawn = matplotlib.image.imread(tmp_path / "b.png")
    colours = {tuple((pixel[:3] * 255).round().astype(int)) for pixel in drawn.reshape(-1, 4)[::7]}
    assert tuple(round(c * 255) for c in matplotlib.colors.to_rgb(PALETTE[1])) in colours


def test_attractors_that_barely_attract_have_traps():
    found = basins(MCWEENY, 0.0005, resolution=64, max_steps=20_000)
    assert min(found.area) > 0.5
