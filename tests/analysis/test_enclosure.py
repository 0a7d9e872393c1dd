"""Proved labels and areas: against ball arithmetic, against sampled ones, and against what is known."""

from fractions import Fraction

import numpy as np
import pytest
from flint import acb, acb_poly, ctx
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis import basins, enclose_basins
from analysis.traps import ESCAPED, UNDECIDED
from corrector import MCWEENY, Corrector, derive, smoothstep
from corrector.rational import as_flint
from tests.problems import members


def end(f, gamma, z, cycles):
    """Where a point goes, by ball arithmetic of 200 bits and nothing else: a label, or None."""
    z = acb(z.real, z.imag)
    for _ in range(2000):
        place = complex(z)
        if abs(place) > 1e3:
            return ESCAPED
        for i, cycle in enumerate(cycles):
            if min(abs(place - a) for a in cycle) < 1e-9:
                return i
        z = f(z) if gamma == 1 else z + gamma * (f(z) - z)
        if not z.rad() < 1e-3:
            return None
    return None


@pytest.mark.parametrize(
    ("g", "gamma"),
    [
        (MCWEENY, 1),
        (smoothstep(4), 1),
        (derive(1, 4).member(a4=1), 1),
        (derive(1, 5).member(a4=-3, a5=1), 1),
        (MCWEENY, Fraction(1, 2)),
    ],
    ids=str,
)
def test_no_label_contradicts_ball_arithmetic(g, gamma):
    """20 000 points of pixels of a 4096² picture for each map, half of them next to what is undecided."""
    n, count = 4096, 20_000
    found = enclose_basins(g, gamma, resolution=n)
    assert found.undecided < 0.005
    rng = np.random.default_rng(0)
    undecided = np.argwhere(found.labels == UNDECIDED)
    beside = undecided[rng.integers(0, len(undecided), count // 2)] + rng.integers(-2, 3, (count // 2, 2))
    pixels = np.vstack([beside, rng.integers(0, n, (count // 2, 2))]).clip(0, n - 1)
    f, decided = acb_poly(as_flint(g.coefficients)), 0
    with ctx.workprec(200):
        weight = acb(float(gamma)) if gamma != 1 else 1
        for i, j in pixels:
            label = found.labels[i, j]
            if label != UNDECIDED:
                z = complex(-1 + (j + rng.random()) * 3 / n, -1.5 + (i + rng.random()) * 3 / n)
                truth = end(f, weight, z, found.cycles)
                assert truth in (label, None)
                decided += truth is not None
    assert decided > 0.7 * count


@settings(max_examples=25)
@given(members(), st.sampled_from([1, 0.5, 1.5]), st.integers(0, 3))
def test_what_is_proved_is_what_is_sampled(g, gamma, depth):
    proved = enclose_basins(g, gamma, resolution=100, depth=depth)
    sampled = basins(g, gamma, resolution=100)
    decided = proved.labels != UNDECIDED
    assert np.array_equal(proved.labels[decided], sampled.labels[decided])
    assert proved.attractors == sampled.attractors


@pytest.mark.parametrize(("n", "both"), [(1, 0.827), (2, 0.734), (3, 0.690), (4, 0.662)])
def test_areas_are_proved_to_a_thousandth(n, both):
    found = enclose_basins(smoothstep(n), extent=(-0.7, 1.7, -0.6, 0.6), resolution=2048, depth=6)
    low = sum(found.inner)
    high = low + found.outer[0] - found.inner[0]  # what is undecided may be any one's
    assert high - low < 1.8e-3
    assert (low + high) / 2 == pytest.approx(both, abs=1e-3)
    assert low - 5e-4 < both < high + 5e-4  # as published, to three digits


def test_the_area_tends_to_that_of_the_lemniscate():
    inner = [sum(enclose_basins(smoothstep(n), resolution=512).inner) for n in (1, 2, 4, 8, 16)]
    assert inner == sorted(inner, reverse=True)
    assert inner[-1] > 0.5


def test_depth_narrows_what_is_undecided():
    found = [enclose_basins(MCWEENY, resolution=256, depth=d) for d in (0, 2, 4)]
    gaps = [sum(e.outer) - sum(e.inner) for e in found]
    assert gaps[0] > 2 * gaps[1] > 4 * gaps[2]
    assert found[0].undecided > found[1].undecided >= found[2].undecided


@pytest.mark.parametrize("resolution", [1, 63, 64, 65, 200])
def test_every_pixel_of_any_picture_is_counted(resolution):
    found = enclose_basins(MCWEENY, extent=(-1, 2, -1, 1), resolution=resolution, depth=1)
    columns = found.labels.shape[1]
    assert columns == resolution
    left, right, bottom, top = found.extent
    area = (right - left) * (top - bottom)
    both = sum(found.inner), sum(found.outer)
    assert 0 <= both[0] <= 0.83
    assert 0.82 <= both[1] <= 2 * area * (1 + 1e-9)
    whole = np.count_nonzero(found.labels >= 0) * area / found.labels.size
    assert both[0] >= whole * (1 - 1e-9)


def test_a_zoom_shows_the_boundary():
    found = enclose_basins(MCWEENY, extent=(0.4999, 0.5001, -1e-4, 1e-4), resolution=500)
    assert set(np.unique(found.labels)) >= {ESCAPED, 0, 1}
    middle = found.labels[249:251, 249:251]
    assert (middle == UNDECIDED).all()  # ½ is on the boundary
    assert "undecided" in repr(found)


def test_progress_is_told():
    shares = []
    enclose_basins(MCWEENY, resolution=1024, depth=0, progress=shares.append)
    assert shares == sorted(shares)
    assert shares[-1] == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"depth": -1}, "`depth` must be a whole number from 0 to 12; got -1"),
        ({"depth": 13}, "got 13"),
        ({"max_steps": -1}, "`max_steps` must be a whole number from 1 to 65535; got -1"),
        ({"resolution": 10**6}, "at most 65536 here, for 4 GiB"),
        ({"relaxation": float("inf")}, "finite"),
        ({"g": Corrector((1,))}, "at least degree 2"),
        ({"extent": (0, 0, 0, 1)}, "increasing"),
    ],
)
def test_mistakes_are_named(arguments, words):
    with pytest.raises(ValueError, match=words):
        enclose_basins(**({"g": MCWEENY} | arguments))


@pytest.mark.parametrize("depth", [1.5, True, "3", None])
def test_a_depth_that_is_no_whole_number_is_refused(depth):
    with pytest.raises(TypeError, match="`depth` must be a whole number from 0 to 12"):
        enclose_basins(MCWEENY, resolution=8, depth=depth)
