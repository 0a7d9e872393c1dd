"""What the figures show: axes, ranges, lines and sampled pixels."""

from fractions import Fraction

import matplotlib.colors
import numpy as np
import pytest

from analysis.figures import FIGURES
from analysis.plotting import FLAME, PALETTE, save
from corrector import MCWEENY, Polynomial


@pytest.fixture(scope="module")
def drawn():
    cache = {}

    def draw(name):
        if name not in cache:
            cache[name] = FIGURES[name]()
        return cache[name]

    return draw


def line(ax, label):
    (found,) = (x for x in ax.lines if x.get_label() == label)
    return np.asarray(found.get_xdata()), np.asarray(found.get_ydata())


@pytest.mark.parametrize(("name", "variable"), [("notes-1", "A"), ("paper-1", "K")])
def test_the_cubic_is_drawn_over_its_basins(drawn, name, variable):
    ax = drawn(name).axes[0]
    assert (ax.get_xlabel(), ax.get_ylabel()) == (variable, f"{variable}′")
    assert ax.get_xlim() == ax.get_ylim() == (-0.6, 1.6)
    x, y = line(ax, f"{variable}′ = 3{variable}² − 2{variable}³")
    far, lands = line(ax, "goes to the far one")
    np.testing.assert_allclose(lands, MCWEENY(far))
    np.testing.assert_allclose(y, 3 * x**2 - 2 * x**3, atol=1e-12)
    spans = [(p.get_x(), p.get_x() + p.get_width()) for p in ax.patches]
    np.testing.assert_allclose(spans, [((1 - 3**0.5) / 2, 0.5), (0.5, (1 + 3**0.5) / 2)], atol=1e-9)
    ends = [x.get_ydata()[-1] for x in ax.lines if x.get_color() in PALETTE[:2]]
    assert np.abs(np.array(ends) - [0, 1]).max() < 1e-9  # the staircases end at 0 and 1


def test_the_residual_is_drawn(drawn):
    ax = drawn("notes-2").axes[0]
    x, y = line(ax, "|A² − A|")
    np.testing.assert_allclose(y, np.abs(x**2 - x))
    _, after = line(ax, "after A ← 3A² − 2A³")
    inside = (x > -0.2) & (x < 1.2)
    assert (after[inside] <= y[inside] + 1e-12).all()


@pytest.mark.parametrize(("name", "gain"), [("notes-3", MCWEENY), ("notes-4", MCWEENY - Polynomial((0, 1)))])
def test_the_linear_network_is_drawn_over_weight_and_input(drawn, name, gain):
    left, right, *_ = drawn(name).axes
    assert (left.get_xlabel(), left.get_ylabel()) == ("w", "x")
    values = left.images[0].get_array()
    w, x = np.linspace(-0.6, 1.6, values.shape[1]), np.linspace(-2, 2, values.shape[0])
    np.testing.assert_allclose(values, gain(w)[None, :] * x[:, None])
    low, high = left.images[0].get_clim()
    assert low == -high  # white is 0
    zeros = [x.get_xdata()[0] for x in left.lines if len(set(x.get_xdata())) == 1]
    assert [gain(Fraction(zero)) for zero in zeros] == [0] * (2 if name == "notes-3" else 3)
    at, y = line(right, "x = 2")
    np.testing.assert_allclose(y, 2 * gain(at))


def test_the_tenfold_heatmap(drawn, tmp_path):
    figure = drawn("paper-2")
    ax = figure.axes[0]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("Re λ", "Im λ")
    image = ax.images[0]
    left, right, bottom, top = image.get_extent()
    values = image.get_array()
    rows, columns = values.shape

    def value(z):
        row, column = (
            (z.imag - bottom) / (top - bottom) * (rows - 1),
            (z.real - left) / (right - left) * (columns - 1),
        )
        return values[round(row), round(column)]

    for z, expected in (
        (0.1 + 0.1j, 0),
        (0.9 - 0.1j, 1),
        (-0.5 + 0j, 1),
        (1.5 + 0j, 0),
        (0.5 + 0.5j, 2),
        (-0.9j, 2),
    ):
        assert value(complex(z)) == pytest.approx(expected, abs=1e-6)
    black, orange = FLAME(0.0)[:3], FLAME(0.5)[:3]
    assert max(black) == 0
    np.testing.assert_allclose(orange, matplotlib.colors.to_rgb("#E69F00"), atol=5e-3)
    rings = [x for x in ax.lines if "0.2976" in x.get_label() or "0.3660" in x.get_label()]
    assert len(rings) == 2
    save(figure, tmp_path / "f.png")
    pixels = matplotlib.image.imread(tmp_path / "f.png")[..., :3].reshape(-1, 3)
    assert (np.abs(pixels - orange).max(axis=1) < 0.02).mean() > 0.02
    assert (pixels.max(axis=1) < 0.02).mean() > 0.02


def test_the_orders_are_drawn_with_their_areas(drawn):
    titles = [ax.get_title() for ax in drawn("basins-of-orders").axes]
    assert titles[0] == "order 1: area of both 0.827, disc 0.2976"
    assert [t.split("both ")[1][:5] for t in titles] == ["0.827", "0.734", "0.690", "0.662"]


def test_the_boundary_is_black_at_half(drawn):
    ax = drawn("boundary").axes[0]
    grey = ax.images[0].get_array()
    row, column = grey.shape[0] // 2, int((0.5 + 0.8) / 2.6 * grey.shape[1])
    assert grey[row, column] < 0.15
    assert grey[5, 5] > 0.9


def test_spurious_attractors_appear_beyond_their_relaxation(drawn):
    axes = drawn("relaxation").axes
    for ax in axes[:2]:  # nothing that is listed lies outside
        top = ax.get_ylim()[1]
        assert all(min(x.get_ydata()) < top for x in ax.lines)
    spurious = [x for x in axes[3].lines if x.get_color() == PALETTE[5]]
    assert min(x.get_xdata()[0] for x in spurious) == pytest.approx(1.9925, abs=1e-3)
    assert not [x for x in axes[2].lines if x.get_color() == PALETTE[5]]


def test_the_radius_about_oblique_projectors_tends_to_its_law(drawn):
    ax = drawn("obliquity").axes[0]
    s, y = line(ax, "order 1")
    assert y[0] == pytest.approx(4 * (3 - 7**0.5) ** 0.5 / 2, abs=1e-9)
    assert y[-1] == pytest.approx(1, abs=0.005)
    assert (s[0], s[-1]) == (1, 10)


@pytest.mark.parametrize("suffix", ["svg", "pdf"])
def test_the_same_figure_is_the_same_file(tmp_path, suffix):
    for name in ("a", "b"):
        save(FIGURES["notes-2"](), tmp_path / f"{name}.{suffix}")
    assert (tmp_path / f"a.{suffix}").read_bytes() == (tmp_path / f"b.{suffix}").read_bytes()
