"""Schedules: proved images, counts of products, and matrices that are, and are not, what was promised."""

from fractions import Fraction
from itertools import pairwise

import mpmath as mp
import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from analysis import Status, assert_idempotent, iterate, schedule
from analysis.equioscillation import Gap, parting
from analysis.scheduling import fewest_products
from tests.problems import counting_products, with_spectrum

U = 2.0**-53


def symmetric(width):
    return schedule((1 - width) / 2, (1 + width) / 2)


@st.composite
def gaps(draw):
    """Ends of a gap anywhere in [0, 1], of a width from 10⁻⁴ on, and of the spectrum."""
    width = 10 ** draw(st.floats(-4, -0.1))
    below = draw(st.floats(0, 1)) * (1 - width)
    scale, shift = draw(st.sampled_from([(1, 0), (2, -1), (410, -10), (1e-3, 5)]))
    low, high = shift, scale + shift
    below, above = low + below * scale, min(low + (below + width) * scale, high)
    assume(low <= below < above <= high)
    return below, above, (low, high)


# Polynomials


@given(st.floats(-8, -0.05))
def test_degree_3_is_the_minimax_cubic_of_the_sign(exponent):
    """S ← (3/2)αβS − ½α³βS³ sends [l, 1] to [l', 2 − l'], l' = p(l)."""
    low = 10**exponent
    alpha = (3 / (low * low + low + 1)) ** 0.5
    beta = 4 / (2 + low * (low + 1) * alpha**3)
    image = 1.5 * alpha * beta * low - 0.5 * alpha**3 * beta * low**3
    found = parting(Gap((1 - low) / 2, (1 - low) / 2, low), 3, 1).image
    assert found.width == pytest.approx(image / (2 - image), rel=1e-9)
    assert found.below == pytest.approx(found.above)


@given(st.floats(0.01, 0.98), st.floats(0.01, 0.98))
def test_degree_2_is_a_step_of_sp2_acc(below, above):
    """X ← (αX + (1 − α)I)² up to scale: the parabola with its vertex in the middle of the lower interval."""
    assume(below + above < 0.99)
    found = parting(Gap(below, above, 1 - below - above), 2, 1)
    assert found.below[0] == pytest.approx(below / 2)
    vertex = below / 2
    top = (1 - vertex) ** 2
    expected = [vertex**2 / top, ((1 - vertex) ** 2 - (1 - above - vertex) ** 2) / top]
    assert [found.image.below, found.image.above] == pytest.approx(expected)


@given(st.floats(-6, 0), st.floats(-6, 0), st.floats(-6, 0), st.integers(2, 10), st.data())
def test_every_piece_swings_as_far_as_the_others(a, b, c, degree, data):
    lengths = 10 ** np.array([a, b, c])
    gap = Gap(*(lengths / lengths.sum()))
    lower = data.draw(st.integers(0, degree - 1))
    found = parting(gap, degree, lower)
    assert found is not None
    edge = Fraction(gap.below), Fraction(gap.below) + Fraction(gap.width)
    points = [edge[0] - Fraction(s) for s in found.below] + [edge[1] + Fraction(s) for s in found.above]
    slope = [Fraction(1)]
    for s in points:
        slope = [x - s * y for x, y in zip([0, *slope], [*slope, 0], strict=True)]
    p = [Fraction(0), *(c / k for k, c in enumerate(slope, 1))]

    def swings(ends):
        values = [sum(c * x**k for k, c in enumerate(p)) for x in ends]
        return [float(abs(y - x)) for x, y in pairwise(values)]

    down = swings([edge[0], *points[:lower], edge[0] - Fraction(gap.below)])
    up = swings([edge[1], *points[lower:], edge[1] + Fraction(gap.above)])
    np.testing.assert_allclose(down, down[0], rtol=1e-7)
    np.testing.assert_allclose(up, up[0], rtol=1e-7)
    across = swings(edge)[0]
    assert found.image.width == pytest.approx(across / (across + down[0] + up[0]), rel=1e-7)


# Plans


@pytest.mark.parametrize(
    ("width", "products", "published", "floor"),
    [
        (0.8, 6, 6, 5),
        (0.1, 10, 12, 8),
        (1e-2, 14, 15, 11),
        (1e-4, 21, 21, 18),
        (1e-6, 29, 30, 25),
        (1e-8, 36, 36, 31),
    ],
)
def test_products_by_the_width_of_the_gap(width, products, published, floor):
    found = symmetric(width)
    assert (found.products, found.floor) == (products, floor)
    assert found.products <= published
    assert 0 < found.error <= U


@given(gaps())
@settings(max_examples=15)
def test_the_error_is_proved(case):
    below, above, (low, high) = case
    found = schedule(below, above, (low, high))
    assert found.floor <= found.products
    with mp.workdps(150):
        for start, end, target in ((low, below, 0), (above, high, 1)):
            for k in range(21):
                x = mp.mpf(start) + (mp.mpf(end) - start) * k / 20
                x = (x - low) / (mp.mpf(high) - low)
                for p, image in zip(found.steps, found.images, strict=True):
                    x = mp.polyval([mp.mpf(c.numerator) / c.denominator for c in p.coefficients[::-1]], x)
                    least, greatest = (mp.mpf(e.numerator) / e.denominator for e in image[2 * target :][:2])
                    assert least - 1e-140 <= x <= greatest + 1e-140
                assert abs(x - target) <= found.error


@given(gaps())
@settings(max_examples=10)
def test_a_plan_is_as_long_as_it_says_and_its_steps_are_what_it_evaluates(case):
    below, above, inside = case
    found = schedule(below, above, inside)
    x = np.linspace(0, 1, 9)
    for p, plan in zip(found.steps, found.plans, strict=True):
        exact = [float(sum(c * Fraction(v) ** i for i, c in enumerate(p.coefficients))) for v in x]
        Counting, counted = counting_products()
        value = np.diag(np.asarray(plan.at_matrix(np.diag(x).view(Counting))))
        assert len(counted) == plan.products
        np.testing.assert_allclose(value + float(p.coefficients[0]), exact, atol=2e3 * U)


def test_a_lower_demand_takes_fewer_products():
    counts = [schedule(0.49, 0.51, error=e).products for e in (1e-3, 2.0**-24, U, 1e-30, 1e-60)]
    assert counts == sorted(counts)
    assert counts[0] < counts[1] < counts[2]
    assert schedule(0, 1).products == 0
    assert fewest_products(Gap(0, 0, 1), U) == 0


def test_the_mirror_image_is_as_long():
    for below, above in ((0.1, 0.3), (0.0, 0.2), (0.6, 0.61)):
        assert schedule(below, above).products == schedule(1 - above, 1 - below).products
        assert schedule(below, above).floor == schedule(1 - above, 1 - below).floor


def test_it_prints_a_table():
    text = str(symmetric(0.1)).splitlines()
    assert text[0].startswith("Schedule([0, 0.45] ∪ [0.55, 1]: 10 products, error ")
    assert text[0].endswith("; no fewer than 8 can do)")
    assert len(text) == 2 + len(symmetric(0.1).steps)


# Matrices


@given(gaps(), st.integers(0, 99), st.integers(1, 12), st.integers(0, 12))
@settings(max_examples=20)
def test_matrices_that_keep_the_promise_get_their_spectral_projector(case, seed, kept, dropped):
    below, above, (low, high) = case
    rng = np.random.default_rng(seed)
    values = [*rng.uniform(low, below, dropped), *rng.uniform(above, high, kept)]
    K = with_spectrum(values, seed)
    solution = iterate(K, schedule=schedule(below, above, (low, high)))
    width = (above - below) / (high - low)
    assert solution.converged, solution
    _, V = np.linalg.eigh(K)
    P = V[:, dropped:] @ V[:, dropped:].T
    np.testing.assert_allclose(solution.value, P, atol=3e3 * U * len(K) / width)
    np.testing.assert_array_equal(solution.value, solution.value.T)
    assert_idempotent(solution.value)
    assert solution.traces[-1] == pytest.approx(kept, abs=1e-9)
    assert len(solution.spent) == len(solution.residuals) == len(solution.traces)
    assert solution.products <= schedule(below, above, (low, high)).products + 6


@given(gaps(), st.integers(0, 99), st.lists(st.floats(-0.2, 1.2), min_size=1, max_size=9))
@settings(max_examples=30)
def test_a_broken_promise_never_passes_for_the_projector(case, seed, places):
    below, above, (low, high) = case
    values = low + np.array(places) * (high - low)
    K = with_spectrum(list(values), seed)
    solution = iterate(K, schedule=schedule(below, above, (low, high)))
    rounding = 1e-10 * (high - low)
    if solution.status == Status.CONVERGED:
        assert not ((values > below + rounding) & (values < above - rounding)).any()
        w, V = np.linalg.eigh(K)
        upper = V[:, w > (below + above) / 2]
        np.testing.assert_allclose(solution.value, upper @ upper.T, atol=1e-8)


def test_an_eigenvalue_in_the_gap_is_reported():
    for value in (0.46, 0.5001, 0.54):
        K = with_spectrum([0.1, 0.2, 0.3, value, 0.9, 0.95])
        assert iterate(K, schedule=symmetric(0.1)).status == Status.CONTRADICTED
    too_narrow = iterate(np.diag([0.1, 0.9] * 100), schedule=schedule(0.5 - 6e-13, 0.5 + 6e-13))
    assert too_narrow.status == Status.WRONG_SIDE_RISK


def test_eigenvalues_outside_are_reported():
    for value in (-0.3, 1.3, 5.0):
        K = with_spectrum([0.1, 0.2, 0.3, value, 0.9, 0.95])
        assert iterate(K, schedule=symmetric(0.1)).status in (Status.DIVERGED, Status.CONTRADICTED)


def test_batches_tensors_and_complex_matrices():
    K = np.stack([with_spectrum([0.1, 0.3, 0.8], 1), with_spectrum([0.1, 0.5, 0.8], 2)])
    found = iterate(K, schedule=symmetric(0.1))
    assert list(found.status) == [Status.CONVERGED, Status.CONTRADICTED]
    tensor = iterate(torch.tensor(K), schedule=symmetric(0.1))
    assert list(tensor.status) == list(found.status)
    np.testing.assert_allclose(tensor.value.numpy()[0], found.value[0], atol=1e-14)
    Q = np.linalg.qr(np.random.default_rng(0).standard_normal((4, 4, 2)) @ [1, 1j])[0]
    H = Q @ np.diag([0.1, 0.2, 0.7, 1]) @ Q.conj().T
    H = (H + H.conj().T) / 2
    found = iterate(H, schedule=symmetric(0.1))
    assert found.converged
    np.testing.assert_allclose(found.value, Q[:, 2:] @ Q[:, 2:].conj().T, atol=1e-13)
    single = iterate(with_spectrum([0.1, 0.3, 0.8]).astype(np.float32), schedule=symmetric(0.1))
    assert single.converged
    assert single.value.dtype == np.float32


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ((0.5, 0.5), ValueError, "below < above"),
        ((0.6, 0.5), ValueError, "got 0, 0.6, 0.5, 1"),
        ((-0.1, 0.5), ValueError, "got 0, -0.1, 0.5, 1"),
        ((0.1, 1.5), ValueError, "got 0, 0.1, 1.5, 1"),
        ((float("nan"), 0.5), ValueError, "all finite"),
        ((0.1, 0.2, (0, float("inf"))), ValueError, "all finite"),
        ((0.5, 0.5 + 1e-15), ValueError, "at least 1e-12 of the spectrum's width; got 9.99201e-16"),
        ((0.1, 0.2, (0, 1), 0), ValueError, "`error` must lie between 1e-60 and 0.1; got 0"),
        (("a", 0.2), TypeError, "`below` must be a real number; got 'a'"),
        ((0.1, None), TypeError, "`above` must be a real number"),
        ((0.1, 0.2, 1), TypeError, "`inside` must be two real numbers; got 1"),
        ((0.1, 0.2, (0, 1, 2)), TypeError, "`inside` must be two"),
    ],
)
def test_mistakes_are_named(arguments, error, words):
    with pytest.raises(error, match=words):
        schedule(*arguments)
