"""The classifier and what is measured with it, on scikit-learn's digits."""

import dataclasses
import json
import math
from dataclasses import replace
from itertools import pairwise

import pytest
import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.nn.functional import avg_pool2d

from training import digits, metrics
from training.generation import classifier as made
from training.generation.classifier import Recipe, classifier, fingerprint
from training.generation.evaluation import _Reference, evaluate
from training.generation.results import Evaluation, side_by_side

TINY = Recipe(steps=30, strides=(2, 2, 2), widths=(8, 8, 8), features=8)


def pictures():
    """Digits from −1 to 1 with their labels: to train, to hold out, to compare with."""
    data = load_digits()
    labels = {
        tuple(row): label for row, label in zip(data.data.astype(int).tolist(), data.target, strict=True)
    }
    parts = (digits().train, digits().validation, digits().test)
    named = [torch.tensor([labels[tuple(row)] for row in (16 * x).int().tolist()]) for x in parts]
    return [2 * x.reshape(-1, 1, 8, 8) - 1 for x in parts], named


(train, held_out, real), (train_labels, held_out_labels, real_labels) = pictures()
NOISE = torch.randn(300, 1, 8, 8, generator=torch.Generator().manual_seed(0))


@pytest.fixture(scope="module")
def seen(tmp_path_factory):
    """The classifier that everybody measures digits by."""
    return classifier(train, train_labels, real, real_labels, folder=tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    return trained(tmp_path_factory.mktemp("cache"))


def trained(folder, recipe=TINY, x=train, labels=train_labels):
    return classifier(x, labels, real, real_labels, recipe, folder)


def measured(net, noise=NOISE, by=None, **options):
    given = {"powers": (1,), "train": train, "held_out": held_out} | options
    return evaluate(net, noise, real, by, **given)


@pytest.fixture(scope="module")
def row(seen):
    """What is found of pictures, as `evaluate` finds it, without its controls."""
    reference = _Reference(seen, real, train, 0)
    return lambda x: reference.row("pictures", x)


def blurred(x):
    return avg_pool2d(nn.functional.pad(x, (1, 1, 1, 1), value=-1.0), 3, 1)


def noisy(x, scale, seed=0):
    return x + scale * torch.randn(x.shape, generator=torch.Generator().manual_seed(seed))


def test_the_digits_are_learned(seen):
    assert seen.accuracy >= 0.97
    held = seen.read(held_out).probabilities.argmax(1) == held_out_labels
    assert float(held.float().mean()) >= 0.97
    right = seen.read(real).probabilities.argmax(1) == real_labels
    assert seen.accuracy == float(right.double().mean())
    assert (seen.low, seen.high, seen.shape) == (-1, 1, (1, 8, 8))


def test_what_is_no_digit_is_not_taken_for_one(seen):
    even = torch.linspace(-1, 1, 50).reshape(-1, 1, 1, 1).expand(50, 1, 8, 8)
    nothing = {
        "noise": NOISE,
        "uniform": 2 * torch.rand(300, 1, 8, 8, generator=torch.Generator().manual_seed(1)) - 1,
        "even": even,
        "mean": train.mean(0, keepdim=True),
        "blends": (real + real.flip(0)) / 2,
    }
    sure = {
        key: float((seen.read(x).probabilities.amax(1) >= 0.8).double().mean()) for key, x in nothing.items()
    }
    assert sure["blends"] < 0.25  # some are of one digit and its like
    assert max(share for key, share in sure.items() if key != "blends") < 0.02
    assert float((seen.read(real).probabilities.amax(1) >= 0.8).double().mean()) > 0.9


def test_features_are_the_last_but_one(seen):
    features, probabilities = seen.read(real)
    assert features.shape == (300, 64)
    torch.testing.assert_close(probabilities, seen.net[-1](features).softmax(1))
    torch.testing.assert_close(seen.read(real[:5]).features, features[:5], rtol=1e-4, atol=1e-4)
    assert not features.requires_grad


def test_pictures_are_clipped_as_in_a_file(tiny):
    loud = 3 * real
    assert torch.equal(tiny.read(loud).features, tiny.read(loud.clamp(-1, 1)).features)
    assert torch.equal(tiny.read(real.flatten(1).double()).features, tiny.read(real).features)


def test_training_is_its_recipe(tiny, tmp_path):
    threads, state = torch.get_num_threads(), torch.get_rng_state()
    torch.set_num_threads(2)
    try:
        with torch.no_grad():
            again = trained(tmp_path)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(threads)
    assert torch.equal(torch.get_rng_state(), state)
    assert (again.hash, again.weights, again.accuracy) == (tiny.hash, tiny.weights, tiny.accuracy)
    assert torch.equal(again.read(real).features, tiny.read(real).features)


def test_a_file_in_the_cache_is_taken_again(tmp_path, monkeypatch):
    first = trained(tmp_path)
    assert [p.name for p in tmp_path.glob("*.safetensors")] == [f"{first.hash}.safetensors"]
    with monkeypatch.context() as patch:
        patch.setattr(made, "_trained", lambda *_: pytest.fail("trained though it was in the cache"))
        second = trained(tmp_path)
    assert (second.weights, second.accuracy) == (first.weights, first.accuracy)
    assert torch.equal(second.read(real).features, first.read(real).features)
    assert not any(p.requires_grad for p in second.net.parameters())


@pytest.mark.parametrize("place", ["end", "header", "weights"])
def test_a_damaged_file_in_the_cache_is_made_anew(tmp_path, place):
    first = trained(tmp_path)
    (path,) = tmp_path.glob("*.safetensors")
    whole = path.read_bytes()
    spoilt = bytearray(whole)
    if place == "end":
        spoilt = spoilt[:-9]
    else:
        spoilt[-9 if place == "weights" else 4] ^= 1
    path.write_bytes(spoilt)
    assert trained(tmp_path).weights == first.weights
    assert path.read_bytes() == whole


def test_the_users_cache_is_the_default(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    found = classifier(train, train_labels, real, real_labels, TINY)
    assert [p.stem for p in tmp_path.rglob("*.safetensors")] == [found.hash]


def test_the_hash_is_of_recipe_and_data(tiny):
    def named(recipe=TINY, x=train, labels=train_labels, test=real):
        return made._hash(recipe, x, labels, test, real_labels)

    assert named() == tiny.hash == named(x=train.double(), labels=train_labels.int())
    changed = [named(replace(TINY, **{f.name: 1})) for f in dataclasses.fields(Recipe)]
    moved = train.clone()
    moved[0, 0, 0, 0] += 1e-6
    changed += [named(x=moved), named(labels=train_labels.flip(0)), named(x=train[:-1]), named(test=real[1:])]
    assert len({tiny.hash, *changed}) == len(changed) + 1


def test_fingerprints_tell_shapes_and_types_apart():
    x = torch.arange(6.0)
    others = [x.reshape(2, 3), x.reshape(3, 2), x.double(), x.flip(0)]
    assert len({fingerprint(x), *map(fingerprint, others)}) == 5
    assert fingerprint(x, x) != fingerprint(x)
    assert fingerprint(x.reshape(2, 3).T.contiguous().T) == fingerprint(others[0])


labels = train_labels


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ((train.numpy(), labels, real, real_labels), TypeError, "`train` must be a floating-point .*ndarray"),
        ((train.int(), labels, real, real_labels), TypeError, "`train` must be .*; got torch.int32"),
        (
            (train, labels.float(), real, real_labels),
            TypeError,
            "labels of `train` must be .*; got torch.float32",
        ),
        ((train.flatten(1), labels, real, real_labels), ValueError, r"height, width\); got \(1197, 64\)"),
        ((train, labels, real[..., :4], real_labels), ValueError, r"`test` of shape \(n, 1, 8, 8\); got"),
        (
            (train, labels[:9], real, real_labels),
            ValueError,
            r"each of 1197 pictures of `train`; got shape \(9,\)",
        ),
        ((train * math.nan, labels, real, real_labels), ValueError, "`train` must be finite"),
        ((torch.zeros_like(train), labels, real, real_labels), ValueError, "not even; got 0 everywhere"),
        (
            (train, labels + 1, real, real_labels),
            ValueError,
            r"classes 0, 1, … with none left out; got \[1, ",
        ),
        ((train, 0 * labels, real, real_labels), ValueError, r"none left out; got \[0\]"),
        (
            (train, labels % 2, real, real_labels),
            ValueError,
            r"test pictures of classes \[0, 1\]; got \[0, 1, 2",
        ),
    ],
)
def test_mistakes_in_training_are_named(tmp_path, arguments, error, words):
    with pytest.raises(error, match=words):
        classifier(*arguments, TINY, tmp_path)


def test_held_out_pictures_are_as_good_as_can_be(seen):
    found = {r.name: r for r in measured(nn.Identity(), by=seen).controls}
    assert list(found) == ["noise", "held-out pictures", "training pictures", "one picture", "mean picture"]
    best = found["held-out pictures"]
    assert abs(best.limit) < 1
    assert abs(best.kernel) < 3 * best.kernel_error
    assert min(best.precision, best.recall, best.density, best.coverage, best.confident) > 0.8
    assert best.classes == 10
    assert best.entropy == pytest.approx(math.log(10), abs=0.05)
    assert best.variance == pytest.approx(1, abs=0.05)
    assert best.memorisation.low <= 1 <= best.memorisation.high
    assert best.duplicates.low <= 1 <= best.duplicates.high
    others = [r for r in found.values() if r.name not in ("held-out pictures", "training pictures")]
    assert min(r.frechet for r in others) > 30 * best.frechet
    assert min(r.kernel for r in others) > 10
    assert found["training pictures"].memorisation.ratio < 1e-6
    assert found["training pictures"].memorisation.share == 1
    one, mean = found["one picture"], found["mean picture"]
    assert (one.precision, one.recall, one.classes) == (1, 0, 1)
    assert (mean.precision, mean.recall, mean.classes) == (0, 0, 0)
    assert one.variance == pytest.approx(0, abs=1e-12)
    assert one.duplicates.share == mean.duplicates.share == 1
    assert found["noise"].classes == 0


def test_what_is_worse_is_further(row):
    rows = [row(noisy(held_out, scale)) for scale in (0.0, 0.1, 0.3, 1.0)]
    assert all(a.frechet < b.frechet and a.limit < b.limit for a, b in pairwise(rows))
    assert all(a.kernel < b.kernel and a.recall > b.recall for a, b in pairwise(rows))
    assert all(a.confident > b.confident for a, b in pairwise(rows))
    once, twice = row(blurred(held_out)), row(blurred(blurred(held_out)))
    assert rows[0].frechet < once.frechet < twice.frechet
    assert rows[0].precision > once.precision + 0.1 > twice.precision + 0.4
    assert once.recall == twice.recall == 0


def test_missing_classes_are_missed(row):
    def only(kept):
        return row(train[train_labels < kept][:300])

    rows = [only(kept) for kept in (10, 9, 5, 3)]
    assert [r.classes for r in rows] == [10, 9, 5, 3]
    assert [r.entropy for r in rows] == pytest.approx([math.log(k) for k in (10, 9, 5, 3)], abs=0.05)
    assert all(a.frechet < b.frechet for a, b in pairwise(rows))
    assert all(a.coverage > b.coverage and a.recall > b.recall for a, b in pairwise(rows))
    assert min(r.precision for r in rows) > 0.9


def test_blends_are_no_digits(row):
    found = row((held_out + held_out.flip(0)) / 2)
    assert found.confident < 0.25
    assert found.precision < 0.7


def test_planted_duplicates_and_copies(row):
    twice = row(torch.cat([held_out[:150], noisy(held_out[:150], 0.01)]))
    assert twice.duplicates.share == 1
    assert twice.duplicates.high < 0.1
    assert twice.memorisation.ratio == pytest.approx(1, abs=0.15)
    copied = row(noisy(train[:300], 0.02))
    assert copied.memorisation.high < 0.2
    assert copied.memorisation.share == 1
    assert copied.duplicates.ratio == pytest.approx(1, abs=0.1)
    assert copied.precision > 0.85  # by which alone it is a fine network


class Half(nn.Module):
    """A network with everything that evaluation must leave as it is."""

    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.BatchNorm2d(1), nn.Dropout(0.5), nn.Conv2d(1, 1, 3, padding=1), nn.Tanh())
        self.seen = []

    def forward(self, x):
        self.seen.append((len(x), self.net.training, torch.is_grad_enabled(), x.dtype))
        return self.net(x)


def plain(found):
    """Figures without what differs from run to run."""
    said = json.loads(replace(found, seconds=0.0, memory=0.0, name="").to_json())
    return said | {"rows": [r | {"seconds": 0, "name": ""} for r in said["rows"]]}


def test_networks_are_left_as_they_were(tiny):
    torch.manual_seed(0)
    net = Half()
    net.net[2].eval()
    before = {k: v.clone() for k, v in net.state_dict().items()}
    state = torch.get_rng_state()
    found = measured(net, by=tiny, powers=(1, 3), batch=77)
    assert [part.training for part in net.modules()] == [True, True, True, True, False, True]
    assert all(torch.equal(v, before[k]) for k, v in net.state_dict().items())
    assert torch.equal(torch.get_rng_state(), state)
    assert {(mode, grad) for _, mode, grad, _ in net.seen} == {(False, False)}
    assert [size for size, *_ in net.seen] == 4 * [77, 77, 77, 69]  # f, f², f³ and f⁴
    assert all(r.idempotence is not None and r.seconds > 0 for r in found.rows)
    whole = measured(net, by=tiny, powers=(1, 3), batch=300)
    assert whole.rows[1].frechet == pytest.approx(found.rows[1].frechet, rel=1e-4)
    assert plain(measured(net, by=tiny, powers=(1, 3), batch=77)) == plain(found)


def test_doubles_are_applied_in_double(tiny):
    net = Half().double()
    measured(net, by=tiny)
    assert {dtype for *_, dtype in net.seen} == {torch.float64}


def test_powers_are_powers(tiny):
    def f(x):
        return 0.9 * blurred(x)

    once = measured(f, by=tiny, powers=(3, 2))
    twice = measured(lambda x: f(f(x)), by=tiny)
    assert [r.name for r in once.rows] == ["f²", "f³"]
    same = plain(once)["rows"][0], plain(twice)["rows"][0]
    assert {k: v for k, v in same[0].items() if k != "idempotence"} == {
        k: v for k, v in same[1].items() if k != "idempotence"
    }
    y, z = f(f(NOISE)), f(f(f(NOISE)))
    assert once.rows[0].idempotence["error"] == pytest.approx(float((z - y).square().mean()))
    centred = NOISE - NOISE.mean(0)
    kept = float((y - y.mean(0)).square().sum() / centred.square().sum())
    assert once.rows[0].idempotence["kept"] == pytest.approx(kept)


def test_errors_are_those_of_metrics(tiny):
    torch.manual_seed(0)
    net = Half()
    expected = metrics(net, NOISE)
    found = measured(net, by=tiny).rows[0].idempotence
    assert found == {k: pytest.approx(expected[k], rel=1e-5) for k in found}
    assert set(expected) - set(found) == {"trace", "norm"}


def test_a_collapse_is_said_though_each_step_keeps_all(tiny):
    net = nn.Conv2d(1, 1, 1)
    with torch.no_grad():
        net.weight.fill_(1e-3), net.bias.fill_(0.5)
    found = measured(net, by=tiny, powers=(1, 2))
    assert [r.idempotence["collapsed"] for r in found.rows] == [True, True]
    identity = nn.Identity()
    collapsed = NOISE[:1] + 1e-4 * NOISE
    assert (
        measured(lambda x: collapsed if x is not collapsed else x, by=tiny, batch=300)
        .rows[0]
        .idempotence["collapsed"]
    )
    assert not measured(identity, by=tiny).rows[0].idempotence["collapsed"]
    lines = str(found).splitlines()
    assert sum("collapsed" in line for line in lines) == 2
    assert found.rows[1].variance < 1e-3


def test_what_diverges_is_counted_and_has_no_figures(tiny):
    def f(x):
        return torch.where(x.flatten(1).norm(dim=1)[:, None, None, None] > 8, x * math.inf, x)

    found = measured(f, by=tiny, powers=(1, 2))
    spoilt = int((~torch.isfinite(f(NOISE))).flatten(1).any(1).sum())
    assert 0 < spoilt < 300
    (first, _) = found.rows
    assert first.finite == 300 - spoilt
    assert math.isnan(first.frechet)
    assert math.isnan(first.memorisation.ratio)
    assert (first.classes, first.idempotence["collapsed"]) == (0, True)
    assert json.loads(found.to_json())["rows"][0]["frechet"] is None
    assert Evaluation.from_json(found.to_json()).to_json() == found.to_json()
    assert "nan" in str(found)


def test_evaluations_are_values(tiny):
    found = measured(nn.Identity(), by=tiny, name="identity")
    again = Evaluation.from_json(found.to_json())
    assert again == found
    assert again.rows[0].memorisation == found.rows[0].memorisation
    assert str(again) == str(found)
    with pytest.raises(dataclasses.FrozenInstanceError):
        found.samples = 3
    assert str(found).startswith(f"identity: 300 pictures a row, by the classifier {tiny.hash}")


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"rows": [], "controls": []}', '{"rows": [3], "controls": []}']
)
def test_other_json_is_refused(text):
    with pytest.raises(ValueError, match="expected the JSON of an evaluation"):
        Evaluation.from_json(text)


def test_evaluations_side_by_side(tiny):
    one = measured(nn.Identity(), by=tiny, name="one")
    two = measured(blurred, by=tiny, name="two", powers=(1, 2))
    said = side_by_side(one, two)
    for name in ("one f", "two f", "two f²", "held-out pictures"):
        assert sum(line.startswith(f"{name} ") for line in said.splitlines()) == 2  # in both tables
    with pytest.raises(ValueError, match="at least one evaluation"):
        side_by_side()


def test_figures_that_cannot_be_compared_are_not(tiny, tmp_path):
    one = measured(nn.Identity(), by=tiny, name="one")
    other = trained(tmp_path, replace(TINY, seed=1))
    cases = {
        "the classifier": measured(nn.Identity(), by=other, name="two"),
        "the classifier's weights": replace(one, name="two", weights="other"),
        "the real pictures": measured(nn.Identity(), by=tiny, name="two", train=train[:-1]),
        "as many samples": replace(one, name="two", samples=299),
    }
    for words, two in cases.items():
        with pytest.raises(ValueError, match=f"one and two are not comparable: expected {words}"):
            side_by_side(one, two)
        with pytest.raises(ValueError, match="not comparable"):
            one.require_comparable(two)
    assert measured(nn.Identity(), NOISE[:200], tiny).samples == 200
    with pytest.raises(ValueError, match="not comparable"):
        one.require_comparable(measured(nn.Identity(), NOISE[:200], tiny))


@pytest.mark.parametrize(
    ("net", "options", "words"),
    [
        (nn.Identity(), {"noise": NOISE[..., :4]}, r"`noise` of shape \(n, 1, 8, 8\) or \(n, 64\); got"),
        (nn.Identity(), {"noise": NOISE * math.nan}, "`noise` must be finite; got 300 of 300 that are not"),
        (nn.Identity(), {"noise": NOISE[:8]}, "more than 8 samples|at least"),
        (nn.Identity(), {"train": (train + 1) / 2}, "`train` from -1 to 1, .*; got 0 to 1"),
        (nn.Identity(), {"held_out": held_out[:, :, :4]}, "`held_out` of shape"),
        (nn.Identity(), {"held_out": held_out * math.inf}, "`held_out` must be finite; got 300 of 300"),
        (lambda v: v[:, :, :4], {}, r"expected f\(y\) of shape"),
        (nn.Identity(), {"powers": ()}, r"`powers` must be different numbers from 1; got \(\)"),
        (nn.Identity(), {"powers": (0, 1)}, "`powers` must be"),
        (nn.Identity(), {"powers": (2, 2)}, "`powers` must be"),
        (nn.Identity(), {"batch": 0}, "`batch` must be at least 1; got 0"),
    ],
)
def test_mistakes_are_named(tiny, net, options, words):
    with pytest.raises(ValueError, match=words):
        measured(net, by=tiny, **options)


@pytest.mark.parametrize("net", [nn.Identity, 3])
def test_what_is_no_network(tiny, net):
    with pytest.raises(TypeError, match="expected a"):
        measured(net, by=tiny)


def test_without_a_classifier_pixels_are_measured_all_the_same(seen):
    net = nn.AvgPool2d(3, 1, 1)
    blind, sighted = (measured(net, by=by) for by in (None, seen))
    for ours, theirs in zip(blind.rows + blind.controls, sighted.rows + sighted.controls, strict=True):
        for key in ("variance", "finite", "duplicates", "memorisation", "idempotence"):
            assert getattr(ours, key) == getattr(theirs, key), key
        assert math.isnan(ours.frechet)
        assert math.isnan(ours.precision)
        assert ours.classes == 0
    assert (blind.classifier, blind.searched) == ("", len(train))
    head, *lines = str(blind).splitlines()
    assert head.startswith(
        "network: 300 pictures a row, without a classifier; copies of 1197 training pictures"
    )
    assert lines[1].split()[:3] == ["variance", "finite", "memorisation"]
    again = Evaluation.from_json(blind.to_json())
    assert str(again) == str(blind)
    with pytest.raises(ValueError, match="not comparable"):
        side_by_side(blind, sighted)
    with pytest.raises(ValueError, match=r"expected `real` of shape \(n, channels, height, width\)"):
        evaluate(net, NOISE, real.flatten(1), None, train=train, held_out=held_out)
