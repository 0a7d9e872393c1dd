"""What may have been done to pictures, beside other ways to do it."""

import numpy as np
import pytest
import torch
from scipy import ndimage
from torch.nn.functional import interpolate

from training.generation.corruptions import CORRUPTIONS, Corruption, parsed

X = torch.rand(200, 3, 12, 9, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
GREY = X[:, :1]


@pytest.mark.parametrize("name", CORRUPTIONS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_corruptions_are_functions_of_pictures_and_seed(name, dtype):
    x = X.to(dtype)
    before, state = x.clone(), torch.get_rng_state()
    found = Corruption(name)(x, seed=1)
    assert (found.shape, found.dtype) == (x.shape, dtype)
    assert torch.equal(found, Corruption(name)(x, seed=1))
    assert torch.equal(found, Corruption(name)(x, seed=2)) == (name not in ("noise", "mask"))
    assert not torch.equal(found, x)
    assert torch.equal(x, before)
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("name", ["noise", "mask", "blur", "sketch"])
def test_none_of_it_is_nothing(name):
    found = Corruption(name, 0)(X)
    assert torch.equal(found, torch.ones_like(X) if name == "sketch" else X)


def test_noise_is_normal_of_this_deviation():
    away = (Corruption("noise", 0.5)(X) - X).flatten()
    assert float(away.std()) == pytest.approx(0.5, rel=0.02)
    assert abs(float(away.mean())) < 5 * 0.5 / len(away) ** 0.5


@pytest.mark.parametrize(("share", "tall", "wide"), [(0.25, 6, 4), (1, 12, 9), (0.001, 0, 0)])
def test_masks_are_rectangles_anywhere_in_every_channel(share, tall, wide):
    found = Corruption("mask", share)(X)
    covered = found != X
    assert (covered == covered[:, :1]).all()
    assert (found[covered] == 0.5).all()
    for one in covered[:, 0]:
        down, across = one.any(1).nonzero().flatten(), one.any(0).nonzero().flatten()
        assert (len(down), len(across)) == (tall, wide)
        assert int(one.sum()) == tall * wide
        assert (
            down.tolist() == list(range(*(down[[0, -1]] + torch.tensor([0, 1])).tolist())) if tall else True
        )
    if 0 < tall < 12:  # no place is left out
        assert covered[:, 0].any(0).all()


@pytest.mark.parametrize("deviation", [1, 2])
def test_blur_beside_scipy(deviation):
    options = {"mode": "nearest", "truncate": 3, "axes": (2, 3)}
    expected = ndimage.gaussian_filter(X.numpy(), deviation, **options)
    assert np.allclose(Corruption("blur", deviation)(X), expected, atol=1e-12)


@pytest.mark.parametrize("strength", [0.5, 3])
def test_sketches_beside_scipy(strength):
    brightness = np.einsum("nchw,c->nhw", X.numpy(), [0.299, 0.587, 0.114])
    slopes = [
        np.stack([ndimage.sobel(one, axis=axis, mode="nearest") / 4 for one in brightness]) for axis in (0, 1)
    ]
    expected = 1 - np.minimum(1, strength * np.hypot(*slopes))
    found = Corruption("sketch", strength)(X)
    assert np.allclose(found[:, 0], expected, atol=1e-12)
    assert (found == found[:, :1]).all()


@pytest.mark.parametrize("side", [1, 2, 5, 100])
def test_pixels_that_are_squares_beside_a_double_loop(side):
    expected = X.clone()
    for top in range(0, 12, side):
        for left in range(0, 9, side):
            square = X[..., top : top + side, left : left + side]
            expected[..., top : top + side, left : left + side] = square.mean((2, 3), keepdim=True)
    assert torch.allclose(Corruption("pixelate", side)(X), expected, atol=1e-12)


def test_squares_larger_than_a_picture_take_no_more_than_it(monkeypatch):
    sides = []

    def seen(x, scale_factor, mode):
        sides.append(scale_factor)
        return interpolate(x, scale_factor=scale_factor, mode=mode)

    monkeypatch.setattr("training.generation.corruptions.interpolate", seen)
    assert torch.allclose(Corruption("pixelate", 4096)(X), X.mean((2, 3), keepdim=True).expand_as(X))
    assert sides == [max(X.shape[2:])]


def test_grey_and_negatives():
    found = Corruption("grey")(X)
    assert torch.allclose(found[:, 2], 0.299 * X[:, 0] + 0.587 * X[:, 1] + 0.114 * X[:, 2])
    assert torch.allclose(Corruption("grey")(found), found)
    assert torch.allclose(Corruption("invert")(Corruption("invert")(X)), X)
    with pytest.raises(ValueError, match="expected pictures in colour, to turn grey; got 1 channel"):
        Corruption("grey")(GREY)


def test_what_is_printed_is_read():
    text = "noise=0.5,mask=0.1,blur=2,sketch=1,pixelate=4,grey,invert"
    assert ",".join(map(str, parsed(text))) == text
    assert parsed("noise, mask") == (Corruption("noise", 0.3), Corruption("mask", 0.25))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", r"expected a corruption \(noise, mask, .*\); got ''"),
        ("snow", "expected a corruption .* got 'snow'"),
        ("noise=", "expected a number for noise, as in noise=0.5; got noise="),
        ("noise=much", "expected a number for noise"),
        ("noise=-1", "expected noise from 0 to 100; got -1"),
        ("noise=nan", "expected noise from 0 to 100; got nan"),
        ("mask=1.5", "expected mask from 0 to 1; got 1.5"),
        ("blur=1e9", "expected blur from 0 to 20; got 1e\\+09"),
        ("pixelate=2.5", "expected pixelate by a whole number; got 2.5"),
        ("grey=1", "expected grey without a strength; got 1"),
        ("mask,noise,mask=0.25", "expected corruptions that differ; got mask,noise,mask=0.25"),
    ],
)
def test_mistakes_are_named(text, words):
    with pytest.raises(ValueError, match=words):
        parsed(text)
