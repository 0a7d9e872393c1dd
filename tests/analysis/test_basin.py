import os
import subprocess
import sys
from fractions import Fraction

import matplotlib.image
import mpmath as mp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import cuda
from scipy.ndimage import distance_transform_edt

from analysis import basins, enclose_basins
from analysis.plotting import PALETTE, basin_image, boundary_image, save
from analysis.traps import ESCAPED, UNDECIDED
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
    found = basins(MCWEENY, resolution=2000)
    assert found.wrong_half == pytest.approx((0.08, 0.08), abs=1e-3)
    left = np.arange(2000) < 1000
    inside = found.labels == 1
    assert inside[:, left].sum() / inside.sum() == pytest.approx(found.wrong_half[1])


@pytest.mark.parametrize(
    ("g", "gamma"),
    [
        (MCWEENY, 1),
        (smoothstep(3), 1.995),  # two spurious 2-cycles, mirror images of each other
        (derive(1, 4).member(a4=1), 1),
        (Corrector(("3/2", "-1/2", "1/4")), 1),  # attractors 1 ± i, which change places
    ],
)
def test_what_symmetry_saves_is_what_is_there(g, gamma):
    """A picture whose extent is no mirror image of itself is followed pixel by pixel."""
    whole = basins(g, gamma, extent=(-1, 2, -1.5, 1.5), resolution=300)
    for extent, part in (
        ((-1, 2, -1.5, 1.0), np.s_[:250, :]),
        ((0.5, 2, -1.5, 1.5), np.s_[:, 150:]),
        ((-1, 2, 0, 1.5), np.s_[150:, :]),
    ):
        found = basins(g, gamma, extent, resolution=max(np.shape(whole.labels[part])))
        assert (found.labels == whole.labels[part]).mean() > 0.999
        assert (found.steps == whole.steps[part]).mean() > 0.995


def test_attracting_cycles_have_basins():
    found = basins(smoothstep(3), 1.995, resolution=400)
    assert [len(cycle) for cycle in found.cycles] == [1, 1, 2, 2]
    assert found.attractors[:2] == (0, 1)
    assert min(found.area) > 0.03
    row, column = 200, int((found.cycles[2][1].real + 1) / 3 * 400)
    assert found.labels[row, column] == 2
    assert found.undecided < 0.01


def test_conjugate_attractors_change_places_with_the_sign_of_im_z():
    found = basins(Corrector(("3/2", "-1/2", "1/4")), extent=(-2, 3, -2, 2), resolution=200)
    assert found.attractors == (1 - 1j, 1 + 1j)
    assert np.array_equal(found.labels[::-1] == 0, found.labels == 1)
    assert min(found.area) > 0.5


@pytest.mark.parametrize(
    ("g", "gamma"), [(MCWEENY, 1), (smoothstep(4), 1), (MCWEENY, 0.5), (derive(1, 4).member(a4=1), 1)]
)
def test_distances_are_about_right(g, gamma):
    found = basins(g, gamma, resolution=1024, distances=True)
    labels, edge = found.labels, np.zeros(found.labels.shape, bool)
    edge[:, 1:] |= labels[:, 1:] != labels[:, :-1]
    edge[1:] |= labels[1:] != labels[:-1]
    pixel = 3 / 1024
    true = distance_transform_edt(~edge) * pixel
    ratio = (found.distances / np.maximum(true, pixel))[true > 4 * pixel]
    assert np.quantile(ratio, 0.001) > 0.4
    assert np.quantile(ratio, 0.999) < 3.2
    assert ((ratio > 0.5) & (ratio < 2.5)).mean() > 0.99


def test_the_boundary_is_drawn_where_it_is():
    found = basins(MCWEENY, resolution=601, distances=True)
    grey = boundary_image(found)
    row, half, far = 300, 300, 20
    assert grey[row, half] < 0.1  # ½ is on the boundary
    assert grey[far, far] == 1
    ax = found.plot(boundary=True)
    assert ax.get_title().endswith("boundary of the basins")
    with pytest.raises(ValueError, match="ask for them by basins"):
        basins(MCWEENY, resolution=20).plot(boundary=True)


def test_the_cuda_kernel_labels_alike():
    """In numba's simulator, where each thread is plain Python."""
    code = """
import numpy as np
from analysis import basins
from corrector import MCWEENY, derive
for g, gamma in ((MCWEENY, 1), (derive(1, 4).member(a4=1), 0.5)):
    host, device = (basins(g, gamma, resolution=21, device=d) for d in ("cpu", "cuda"))
    assert np.array_equal(host.labels, device.labels)
    assert np.array_equal(host.steps, device.steps)
"""
    simulated = {"NUMBA_ENABLE_CUDASIM": "1", "NUMBA_DISABLE_JIT": "1"}
    subprocess.run([sys.executable, "-c", code], check=True, env=os.environ | simulated, timeout=120)


@pytest.mark.skipif(not cuda.is_available(), reason="takes a CUDA device")
def test_a_cuda_device_labels_alike():
    host, device = (basins(smoothstep(3), 1.9, resolution=700, device=d) for d in ("cpu", "cuda"))
    assert (host.labels == device.labels).mean() > 0.9999


def test_progress_is_told():
    shares = []
    basins(MCWEENY, extent=(-1, 2, -1, 1.5), resolution=2048, progress=shares.append)
    assert len(shares) > 1
    assert shares == sorted(shares)
    assert shares[-1] == 1


@pytest.mark.parametrize("g", [MCWEENY, smoothstep(4), smoothstep(24)])
def test_symmetries(g):
    labels = basins(g, resolution=300).labels
    assert np.array_equal(labels, labels[::-1])
    mirrored = labels[:, ::-1]
    assert np.array_equal(labels == 0, mirrored == 1)


def test_few_steps_suffice():
    """0.62 a pixel of [−1, 2] × [−1.5, 1.5], where waiting for 10⁻⁶ and 10 takes 2.66."""
    assert basins(MCWEENY, resolution=512).steps.mean() == pytest.approx(0.62, abs=0.01)
    x, y = np.linspace(-1, 2, 512), np.linspace(-1.5, 1.5, 512)
    z = (x[None, :] + 1j * y[:, None]).ravel()
    pixels, steps = z.size, 0
    for _ in range(100):
        z = z[(np.abs(z) > 1e-6) & (np.abs(z - 1) > 1e-6) & (np.abs(z) < 10)]
        steps += z.size
        z = MCWEENY(z)
    assert steps / pixels == pytest.approx(2.66, abs=0.02)


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
        ({"extent": (0, 1e-16, 0, 1e-16)}, "to tell its pixels apart; got pixels of 9.8e-20"),
        ({"extent": (-1e300, 1e300, -1, 1)}, r"up to 1e\+150 in size"),
        ({"resolution": 0}, "`resolution` must be a whole number from 1 on; got 0"),
        ({"max_steps": 70_000}, "`max_steps` must be a whole number from 1 to 65535; got 70000"),
        ({"resolution": 10**6}, "at most 37837 here, for 4 GiB; got 1000000"),
        ({"resolution": 10**400}, "at most 37837 here, for 4 GiB; got 1000000"),
        ({"resolution": 10**6, "extent": (0, 1, 0, 1e-3), "distances": True}, "at most 7833"),
        ({"relaxation": "0"}, "`relaxation` must be finite and not 0"),
        ({"relaxation": "1e400"}, "`relaxation` must lie between 1e-30 and 1e30 in size; got 1e400"),
        ({"device": "tpu"}, '"cpu" or "cuda"; got \'tpu\''),
        ({"g": Corrector((1,))}, "at least degree 2"),
        ({"g": Corrector(("1/2",))}, "at least degree 2"),
    ],
)
def test_mistakes_are_named(arguments, words):
    with pytest.raises(ValueError, match=words):
        basins(**({"g": MCWEENY} | arguments))


@pytest.mark.parametrize("f", [basins, enclose_basins])
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"resolution": 1.5}, "`resolution` must be a whole number from 1 on; got 1.5"),
        ({"resolution": "512"}, "got '512'"),
        ({"resolution": True}, "got True"),
        ({"max_steps": 1.5}, "`max_steps` must be a whole number"),
        ({"extent": (0, 1, 0)}, r"`extent` must be \(left, right, bottom, top\); got \(0, 1, 0\)"),
        ({"extent": None}, "got None"),
        ({"extent": "abcd"}, r"`extent` must be \(left, right, bottom, top\); got abcd"),
        ({"extent": {0, 1, 2, 3}}, "`extent` must be"),
        ({"relaxation": 1j}, "`relaxation` must be a real number; got '1j'"),
        ({"relaxation": None}, "`relaxation` must be a real number; got 'None'"),
        ({"relaxation": [1]}, "`relaxation` must be a real number"),
        ({"g": 1}, "`g` must be a Corrector; got int"),
    ],
)
def test_wrong_types_are_named(f, arguments, words):
    with pytest.raises(TypeError, match=words):
        f(**({"g": MCWEENY} | arguments))


@pytest.mark.parametrize("one", [1.0, "1", "1.0", Fraction(1), np.float32(1), np.int64(1), np.array(1.0)])
def test_relaxations_of_any_kind_of_number(one):
    assert basins(MCWEENY, one, resolution=8).title == "3x² − 2x³"


@pytest.mark.parametrize("n", [20, 40, 79])
def test_high_orders_keep_their_digits(n):
    """Near the boundary, where every digit counts, against 120 digits."""
    g = smoothstep(n)
    extent = (-0.3, -0.1, 0.2, 0.4)
    found = basins(g, extent=extent, resolution=200)
    labels = found.labels
    edge = (
        np.argwhere((labels[1:-1, 1:-1] != labels[2:, 1:-1]) | (labels[1:-1, 1:-1] != labels[1:-1, 2:])) + 1
    )
    rng = np.random.default_rng(0)
    with mp.workdps(120):
        coefficients = [mp.mpf(c.numerator) / c.denominator for c in reversed(g.coefficients)]
        for i, j in rng.permutation(edge)[:25]:
            z = mp.mpc(extent[0] + (j + 0.5) * 0.001, extent[2] + (i + 0.5) * 0.001)
            while abs(z) < 4 and min(abs(z), abs(z - 1)) > 1e-3:
                z = mp.polyval(coefficients, z)
            assert labels[i, j] == (ESCAPED if abs(z) >= 4 else int(abs(z) > 0.5))


def test_what_is_drawn(tmp_path):
    found = basins(derive(1, 4).member(a4=1), resolution=200)
    ax = found.plot()
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("Re z", "Im z")
    assert ax.get_xlim() == (-1, 2)
    assert ax.get_ylim() == (-1.5, 1.5)
    image = basin_image(found)
    row, column = 100, int((1 - -1) / 3 * 200)  # the pixel of z = 1
    np.testing.assert_allclose(image[row, column], matplotlib.colors.to_rgb(PALETTE[1]), atol=0.1)
    np.testing.assert_allclose(image[0, 0], 0.957, atol=1e-3)
    save(ax.figure, tmp_path / "b.png")
    drawn = matplotlib.image.imread(tmp_path / "b.png")
    colours = {tuple((pixel[:3] * 255).round().astype(int)) for pixel in drawn.reshape(-1, 4)[::7]}
    assert tuple(round(c * 255) for c in matplotlib.colors.to_rgb(PALETTE[1])) in colours


def test_no_corrector_is_a_type_error():
    with pytest.raises(TypeError, match="must be a Corrector; got list"):
        basins([0, 3, -2])


def test_attractors_that_barely_attract_have_traps():
    found = basins(MCWEENY, 0.0005, resolution=64, max_steps=20_000)
    assert min(found.area) > 0.5
