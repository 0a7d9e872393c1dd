"""Measures of generated pictures, on sets of numbers: laws, and naive twins written as the papers are."""

import math
from itertools import product

import numpy as np
import pytest
import scipy.linalg
import torch
from torchmetrics.image.fid import _compute_fid
from torchmetrics.image.kid import poly_mmd

from training.generation import manifolds
from training.generation.classes import class_coverage
from training.generation.distances import frechet_distance, frechet_limit, kernel_distance
from training.generation.manifolds import density_coverage, precision_recall
from training.generation.nearness import duplicates, memorisation


def normal(count, size, seed, scale=1.0):
    return scale * torch.randn(
        count, size, dtype=torch.float64, generator=torch.Generator().manual_seed(seed)
    )


def modes(count, seed, kept=10, spread=0.1):
    """Samples around the first of ten unit vectors."""
    centres = torch.eye(10, dtype=torch.float64)[torch.arange(count) % kept]
    return centres + normal(count, 10, seed, spread)


def naive_frechet(x, y):
    x, y = x.numpy(), y.numpy()
    S, T = np.cov(x, rowvar=False), np.cov(y, rowvar=False)
    root = scipy.linalg.sqrtm(S @ T).real
    return ((x.mean(0) - y.mean(0)) ** 2).sum() + np.trace(S + T - 2 * root)


def naive_discrepancy(x, y):
    def k(a, b):
        return (float(a @ b) / len(a) + 1) ** 3

    n = len(x)
    own = sum(k(z[i], z[j]) for z in (x, y) for i, j in product(range(n), repeat=2) if i != j)
    return own / (n * (n - 1)) - 2 * sum(k(a, b) for a in x for b in y) / n**2


def naive_radius(points, i, k):
    return sorted(math.dist(points[i], points[j]) for j in range(len(points)) if j != i)[k - 1]


def naive_manifolds(real, samples, k):
    """Precision, recall, density and coverage, each by its sum."""
    real, samples = real.tolist(), samples.tolist()
    of_real = [naive_radius(real, i, k) for i in range(len(real))]
    of_samples = [naive_radius(samples, i, k) for i in range(len(samples))]

    def within(point, centres, radii):
        return [math.dist(point, c) <= r for c, r in zip(centres, radii, strict=True)]

    precision = sum(any(within(y, real, of_real)) for y in samples) / len(samples)
    recall = sum(any(within(x, samples, of_samples)) for x in real) / len(real)
    density = sum(sum(within(y, real, of_real)) for y in samples) / (k * len(samples))
    covered = [any(math.dist(y, x) <= r for y in samples) for x, r in zip(real, of_real, strict=True)]
    return precision, recall, density, sum(covered) / len(real)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(("count", "size"), [(40, 3), (200, 16)])
def test_frechet_distance_beside_its_formula_and_a_peer(count, size, seed):
    x = normal(count, size, seed) @ normal(size, size, seed + 10)
    y = normal(count, size, seed + 20) @ normal(size, size, seed + 30) + 1
    found = frechet_distance(x, y)
    assert found == pytest.approx(naive_frechet(x, y), rel=1e-8)
    peer = _compute_fid(x.mean(0), x.T.cov(), y.mean(0), y.T.cov())
    assert found == pytest.approx(float(peer), rel=1e-8)
    assert frechet_distance(y, x) == pytest.approx(found, rel=1e-10)


@pytest.mark.parametrize("factor", [0.0, 0.5, 1.0, 3.0])
def test_frechet_distance_in_closed_form(factor):
    x = normal(50, 4, 0)
    shift = torch.tensor([3.0, 0, 4, 0], dtype=torch.float64)
    y = x.mean(0) + factor * (x - x.mean(0)) + shift
    assert frechet_distance(x, y) == pytest.approx(25 + (factor - 1) ** 2 * float(x.var(0).sum()), abs=1e-10)


def test_frechet_distance_of_singular_covariances():
    x, y = normal(50, 4, 0), normal(50, 4, 1) + 1
    wide = torch.cat([x, torch.zeros(50, 30)], 1), torch.cat([y, torch.zeros(50, 30)], 1)
    turned, _ = torch.linalg.qr(normal(34, 34, 2))
    assert frechet_distance(*wide) == pytest.approx(frechet_distance(x, y), rel=1e-10)
    assert frechet_distance(*(z @ turned for z in wide)) == pytest.approx(frechet_distance(x, y), rel=1e-10)
    assert frechet_distance(wide[0], wide[0]) == pytest.approx(0, abs=1e-12)


def test_frechet_distance_is_biased_and_its_limit_is_not():
    def pairs(count):
        return [(normal(count, 16, 2 * i), normal(count, 16, 2 * i + 1)) for i in range(30)]

    few, many = (np.array([frechet_distance(*pair) for pair in pairs(count)]) for count in (100, 200))
    assert few.min() > 0
    assert few.mean() / many.mean() == pytest.approx(2, rel=0.15)  # as c/n
    limits = np.array([frechet_limit(*pair) for pair in pairs(200)])
    assert abs(limits.mean()) < 0.1 * many.mean()
    assert limits.min() < 0 < limits.max()
    x, y = normal(400, 16, 1), normal(400, 16, 2) + 1
    assert frechet_limit(x, y) == pytest.approx(16, rel=0.1)
    assert frechet_limit(x, y, seed=1) != frechet_limit(x, y) == frechet_limit(x, y)


@pytest.mark.parametrize("seed", range(3))
def test_kernel_distance_beside_its_formula_and_a_peer(seed):
    x, y = normal(40, 5, seed), normal(40, 5, seed + 10) + 0.5
    rng = np.random.default_rng(seed)
    parts = [np.array_split(rng.permutation(z.numpy()), 4) for z in (x, y)]
    naive = [naive_discrepancy(a, b) for a, b in zip(*parts, strict=True)]
    peer = [float(poly_mmd(torch.tensor(a), torch.tensor(b))) for a, b in zip(*parts, strict=True)]
    assert naive == pytest.approx(peer)
    found = kernel_distance(x, y, blocks=4, seed=seed)
    assert found.value == pytest.approx(np.mean(naive), rel=1e-10)
    assert found.error == pytest.approx(np.std(naive, ddof=1) / 2, rel=1e-10)


def test_kernel_distance_has_no_bias_and_an_honest_error():
    found = [kernel_distance(normal(100, 4, 2 * i), normal(100, 4, 2 * i + 1)) for i in range(100)]
    values = np.array([f.value for f in found])
    assert abs(values.mean()) < 3 * values.std() / 10
    assert np.mean([f.error for f in found]) == pytest.approx(values.std(), rel=0.3)
    near, far = (kernel_distance(normal(100, 4, 0), normal(100, 4, 1) + shift).value for shift in (0.5, 1))
    assert 0 < near < far


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("k", [1, 3, 5])
def test_manifolds_beside_double_loops(seed, k, monkeypatch):
    monkeypatch.setattr(manifolds, "_MEBIBYTES", 60 * 8 * 7 / 2**20)  # blocks of seven samples
    real, samples = normal(60, 2, seed), normal(45, 2, seed + 10, 0.8) + 0.4
    found = *precision_recall(real, samples, k), *density_coverage(real, samples, k)
    assert found == pytest.approx(naive_manifolds(real, samples, k))
    assert precision_recall(samples, real, k) == pytest.approx(found[1::-1])


def test_a_set_covers_itself():
    x = normal(100, 5, 0)
    assert precision_recall(x, x) == (1, 1)
    assert density_coverage(x, x).coverage == 1


def test_expected_density_and_coverage_of_one_distribution():
    found = [density_coverage(normal(300, 4, 2 * i), normal(300, 4, 2 * i + 1), k=3) for i in range(20)]
    density, coverage = np.array(found).mean(0)
    assert density == pytest.approx(1, abs=0.05)
    assert coverage == pytest.approx(1 - 2**-3, abs=0.02)


def test_dropped_modes_cost_recall_and_coverage_but_no_precision():
    real, all_modes, some = modes(500, 0), modes(500, 1), modes(500, 2, kept=4)
    whole, dropped = precision_recall(real, all_modes), precision_recall(real, some)
    assert min(whole) > 0.8
    assert dropped.precision > 0.8
    assert dropped.recall == pytest.approx(0.4, abs=0.1)
    assert density_coverage(real, some).coverage == pytest.approx(0.4, abs=0.1)
    assert density_coverage(real, some).density > 0.8
    assert frechet_limit(real, some) > 10 * abs(frechet_limit(real, all_modes))
    assert kernel_distance(real, some).value > 10 * abs(kernel_distance(real, all_modes).value)


def test_averaged_samples_cost_precision():
    real = modes(500, 0)
    blurred = (modes(500, 1) + modes(500, 2).roll(3, 0)) / 2
    assert precision_recall(real, blurred).precision < 0.1
    assert density_coverage(real, blurred).density < 0.1


def test_one_point_repeated_has_precision_and_nothing_else():
    real = modes(500, 0)
    point = modes(500, 1)[:1].expand(500, 10)
    assert precision_recall(real, point) == (1, 0)
    assert density_coverage(real, point).coverage < 0.05


@pytest.mark.parametrize("noise", [0.0, 0.01])
def test_training_pictures_with_noise_are_memorised(noise):
    train, held_out = normal(300, 20, 0), normal(200, 20, 1)
    found = memorisation(train[:200] + normal(200, 20, 2, noise), train, held_out)
    assert found.low <= found.ratio <= found.high < 0.05
    assert found.z < -10
    assert found.share == 1


def test_new_pictures_are_not():
    train = normal(500, 8, 0)
    found = [memorisation(normal(200, 8, 2 + i), train, normal(200, 8, 100 + i)) for i in range(40)]
    assert np.mean([f.low <= 1 <= f.high for f in found]) > 0.85  # of 95 % intervals
    assert abs(np.mean([f.z for f in found])) < 3 / math.sqrt(40)
    assert np.std([f.z for f in found]) == pytest.approx(1, abs=0.3)
    assert np.mean([f.share for f in found]) < 0.03


def test_a_few_copies_among_many_are_seen_by_their_share():
    train, held_out, new = normal(500, 20, 0), normal(400, 20, 1), normal(400, 20, 2)
    found = memorisation(torch.cat([train[:40], new[40:]]), train, held_out)
    assert found.ratio == pytest.approx(1, abs=0.1)
    assert found.share == pytest.approx(0.11, abs=0.02)


def test_nearest_neighbours_beside_a_double_loop():
    x, train, held_out = normal(9, 3, 0), normal(30, 3, 1), normal(11, 3, 2)
    near, away = (np.array([min(math.dist(a, b) for b in train) for a in z]) for z in (x, held_out))
    found = memorisation(x, train, held_out)
    assert found.ratio == pytest.approx(np.median(near) / np.median(away), rel=1e-6)
    above = sum(a > b for a in near for b in away)
    assert found.z == pytest.approx((above - 9 * 11 / 2) / math.sqrt(9 * 11 * 21 / 12))


@pytest.mark.parametrize("planted", [0.1, 0.5])
def test_planted_duplicates_are_found(planted):
    real, new = normal(400, 20, 0), normal(400, 20, 1)
    pairs = int(planted * 200)
    found = duplicates(torch.cat([new[: 400 - pairs], new[:pairs] + 1e-3]), real)
    assert found.share == pytest.approx(planted, abs=0.03)
    assert duplicates(new, real).share < 0.03
    assert duplicates(new, real).ratio == pytest.approx(1, abs=0.05)


def test_figures_are_their_seeds():
    x, y = normal(100, 5, 0), normal(100, 5, 1)
    for measure in (frechet_limit, lambda *a, **k: kernel_distance(*a, **k).value):
        assert measure(x, y, seed=3) == measure(x, y, seed=3) != measure(x, y, seed=4)
    assert duplicates(x, y, seed=3) == duplicates(x, y, seed=3) != duplicates(x, y, seed=4)


def certain(classes, confidence, of=10):
    p = torch.full((len(classes), of), (1 - confidence) / (of - 1))
    p[torch.arange(len(classes)), classes] = confidence
    return p


def test_classes_by_hand():
    found = class_coverage(certain(torch.arange(100) % 10, 0.9))
    assert (found.classes, found.confident) == (10, pytest.approx(1))
    assert found.entropy == pytest.approx(math.log(10))
    p = torch.cat([certain(torch.zeros(150, dtype=int), 0.9), certain(torch.arange(50) % 10, 0.7)])
    found = class_coverage(p)
    assert (found.classes, found.confident, found.entropy) == (1, 0.75, 0)
    assert class_coverage(p, confidence=0.6).classes == 10
    assert class_coverage(p, confidence=0.6, share=0.1).classes == 1
    nobody = class_coverage(certain(torch.arange(10), 0.5))
    assert (nobody.classes, nobody.confident, nobody.entropy, sum(nobody.shares)) == (0, 0, 0, 0)


def test_a_class_needs_its_share():
    p = certain(torch.tensor([0] * 199 + [1]), 0.9)
    assert class_coverage(p).classes == 1
    assert class_coverage(p, share=0.005).classes == 2


x = normal(100, 5, 0)
BAD = torch.full((100, 5), math.nan)


@pytest.mark.parametrize(
    ("measure", "words"),
    [
        (lambda: frechet_distance(x[:5], x[:5]), "more than 5 samples for 5 features.*; got 5"),
        (lambda: frechet_limit(x[:10], x[:10]), "more than 11 samples for 5 features.*; got 10"),
        (lambda: frechet_distance(x, x[:50]), "as many samples in `real` as in `samples`.*; got 100 and 50"),
        (lambda: frechet_distance(x, x[:, :4]), r"one size .*; got \(100, 5\) and \(100, 4\)"),
        (lambda: frechet_distance(x, BAD), "`samples` must be finite; got 100 of 100 samples that are not"),
        (lambda: kernel_distance(x, x, blocks=11), "at least 110 samples in `real`; got 100"),
        (lambda: kernel_distance(x, x, blocks=1), "`blocks` must be at least 2"),
        (lambda: kernel_distance(x, x[:99]), "at least 100 samples in `samples`; got 99"),
        (lambda: precision_recall(x, x[:3]), "at least 4 samples in `samples`; got 3"),
        (lambda: precision_recall(x, x, k=0), "`k` must be at least 1; got 0"),
        (lambda: density_coverage(x[:5], x), "at least 6 samples in `real`; got 5"),
        (lambda: density_coverage(x, BAD), "`samples` must be finite"),
        (lambda: memorisation(x, x, x[:1]), "at least 2 samples in `held_out`; got 1"),
        (lambda: memorisation(x, x[:, :4], x), "one size in `samples` and `train`"),
        (lambda: memorisation(BAD, x, x), "`samples` must be finite"),
        (lambda: duplicates(x, x[:9]), "as many samples in `samples` as in `real`"),
        (lambda: duplicates(x[0], x), r"shape \(samples, …\); got \(5,\)"),
        (lambda: class_coverage(x), "with sum 1 in each row"),
        (lambda: class_coverage(torch.tensor([[2.0, -1.0]])), "at least 0"),
        (lambda: class_coverage(BAD), "`probabilities` must be finite"),
        (lambda: class_coverage(x, confidence=0), "`confidence` must be above 0 and at most 1; got 0"),
        (lambda: class_coverage(x, share=1.5), "`share` must be"),
    ],
)
def test_mistakes_are_named(measure, words):
    with pytest.raises(ValueError, match=words):
        measure()


def test_what_is_no_tensor():
    with pytest.raises(TypeError, match="`real` must be a tensor; got ndarray"):
        frechet_distance(x.numpy(), x)
