"""What others wrote, held to f(f(x)) = f(x): text, arrays, images, tables, and scalers fitted to data."""

import ast
import html
import io
import json
import os.path
import shlex
import sys
import textwrap
import unicodedata
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import scipy.ndimage
import scipy.signal
import scipy.stats
import torch
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image, ImageOps
from sklearn.datasets import load_digits, load_sample_images, load_wine
from sklearn.decomposition import PCA
from sklearn.impute import SimpleImputer
from sklearn.preprocessing import MinMaxScaler, Normalizer, RobustScaler, StandardScaler
from torch.nn.functional import normalize

from analysis import assert_idempotent

FORMS = ["NFC", "NFD", "NFKC", "NFKD"]
BROKEN = r"expected "
CHARACTERS = [chr(i) for i in range(sys.maxunicode + 1) if not 0xD800 <= i < 0xE000]

numbers = st.floats(-1e6, 1e6)
holed = numbers | st.sampled_from([np.nan, np.inf, -np.inf])
vectors = arrays(np.float64, st.integers(1, 8), elements=numbers)
words = st.text("ab -\n", max_size=60)
grey = arrays(np.uint8, (5, 5))
wine = load_wine().data
digits = load_digits().data
photograph = load_sample_images().images[0]


def normal(form):
    return lambda s: unicodedata.normalize(form, s)


def folded_then(form):
    return lambda s: unicodedata.normalize(form, s.casefold())


def folded_after(form):
    return lambda s: unicodedata.normalize(form, s).casefold()


def caseless(s):
    """NFKC_Casefold but for ignorable characters: Unicode's definition D146, its steps repeated."""
    for form in ("NFD", "NFKC", "NFKC"):
        s = unicodedata.normalize(form, s).casefold()
    return unicodedata.normalize("NFKC", s)


@pytest.mark.parametrize(
    ("f", "inputs"),
    [
        (str.strip, st.text()),
        (str.lower, st.text()),
        (str.upper, st.text()),
        (str.casefold, st.text()),
        (str.expandtabs, st.text("a\t\n")),
        (sorted, st.lists(st.integers())),
        (sorted, st.lists(st.text())),
        (os.path.normpath, st.text("a/.~")),
        (lambda s: shlex.join(shlex.split(s)), st.lists(st.text()).map(shlex.join)),
        (textwrap.dedent, words),
        (lambda s: textwrap.shorten(s, 20), words),
        (
            lambda s: json.dumps(json.loads(s), sort_keys=True),
            st.recursive(
                st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(),
                lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
                max_leaves=8,
            ).map(json.dumps),
        ),
        (lambda s: html.escape(html.unescape(s)), st.text("&<>;amplt#x2")),
    ],
)
def test_idempotent_functions_of_text(f, inputs):
    assert_idempotent(f, inputs)


def test_unparsed_source_is_unparsed_alike():
    files = sorted(Path(__file__).parents[2].glob("analysis/*.py"))
    assert_idempotent(lambda s: ast.unparse(ast.parse(s)), [file.read_text() for file in files])


@pytest.mark.parametrize(
    "f",
    [
        str.lower,
        str.upper,
        str.casefold,
        *map(normal, FORMS),
        folded_then("NFC"),
        folded_then("NFD"),
        caseless,
    ],
)
def test_case_and_normal_forms_settle_on_every_character_alone_or_accented(f):
    """Each holds on all of Unicode; drawn strings would hardly meet the few characters that differ."""
    accented = [f"a{c}\u0301" for c in CHARACTERS]
    assert [c for c in CHARACTERS + accented if f(f(c)) != f(c)] == []
    assert_idempotent(f, st.text())


@pytest.mark.parametrize(
    ("f", "x"),
    [
        (str.title, "\u1fb7"),  # ᾷ is titled ᾼ͂, whose last letter is now ͅ
        (str.capitalize, "\u0149"),  # ŉ is capitalised ʼN, whose N is no longer the first letter
        (folded_then("NFKC"), "\u3392"),  # ㎒ has no lower case, but its compatible form MHz has
        (folded_then("NFKD"), "\u03d2"),  # ϒ is Υ for compatibility
        (folded_after("NFC"), "\u00df\u0301"),  # ß́ folds to sś in two pieces, which NFC composes
        (folded_after("NFKC"), "\u00df\u0301"),
        (html.unescape, "&amp;lt;"),
        (str.swapcase, "a"),
    ],
)
def test_functions_of_text_that_a_single_character_breaks(f, x):
    with pytest.raises(AssertionError, match=BROKEN):
        assert_idempotent(f, ["ordinary", x])


def test_compatibility_after_casefold_fails_on_hundreds_of_characters():
    f = folded_then("NFKC")
    assert sum(f(f(c)) != f(c) for c in CHARACTERS) > 500


def test_filling_a_paragraph_again_may_move_a_word():
    """Two spaces at the end of a line are dropped with it, and the next word may fit after one."""
    with pytest.raises(AssertionError, match=BROKEN):
        assert_idempotent(lambda s: textwrap.fill(s, 6), ["a b c d", "abc  de fg"])


@pytest.mark.parametrize(
    ("f", "inputs"),
    [
        (lambda x: np.clip(x, -1, 1), vectors),
        (lambda x: np.round(x, 2), vectors),
        (np.unique, vectors),
        (np.sort, vectors),
        (lambda x: np.nan_to_num(x, posinf=1e9, neginf=-1e9), arrays(np.float64, 4, elements=holed)),
        (np.maximum.accumulate, vectors),
        (scipy.stats.rankdata, vectors),
        (lambda x: scipy.stats.mstats.winsorize(x, 0.2).data, vectors),
        (lambda x: scipy.signal.detrend(x), arrays(np.float64, 7, elements=st.floats(-5, 5))),
        (lambda A: scipy.ndimage.grey_opening(A, 3), grey),
        (lambda A: scipy.ndimage.grey_closing(A, 3), grey),
        (scipy.ndimage.binary_fill_holes, arrays(bool, (6, 6))),
        (
            lambda x: normalize(x, dim=1),
            [torch.randn(5, 3, generator=torch.Generator().manual_seed(0))],
        ),
        (lambda x: torch.log_softmax(x, 0), [torch.arange(5.0)]),
    ],
)
def test_idempotent_functions_of_arrays(f, inputs):
    assert_idempotent(f, inputs)


@pytest.mark.parametrize(
    ("f", "inputs"),
    [
        (np.cumsum, vectors),
        (np.argsort, vectors),
        (lambda A: scipy.ndimage.median_filter(A, 3), grey),
        (lambda A: scipy.ndimage.grey_dilation(A, 3), grey),
        (lambda x: scipy.signal.medfilt(x, 3), arrays(np.float64, 7, elements=numbers)),
        (lambda x: torch.softmax(x, 0), [torch.arange(5.0)]),
    ],
)
def test_functions_of_arrays_that_are_not(f, inputs):
    with pytest.raises(AssertionError, match=BROKEN):
        assert_idempotent(f, inputs)


def drawn(*shape):
    return np.random.default_rng(0).standard_normal(shape)


def test_the_polar_factor_is_its_own():
    def polar(A):
        U, _, V = torch.linalg.svd(A)
        return U @ V

    assert_idempotent(polar, [torch.from_numpy(A) for A in drawn(20, 5, 5)])


def test_the_first_factor_of_qr_is_its_own():
    """Householder's signs repeat themselves: the diagonal of R is negative, and then 1."""
    assert_idempotent(lambda A: torch.linalg.qr(A).Q, [torch.from_numpy(A) for A in drawn(20, 6, 4)])


@pytest.mark.parametrize(
    "scaler",
    [StandardScaler(), StandardScaler(with_std=False), MinMaxScaler(), RobustScaler(), Normalizer()],
    ids=repr,
)
@pytest.mark.parametrize("data", [wine, digits], ids=["wine", "digits"])
def test_scaling_anew_what_is_scaled_changes_nothing(scaler, data):
    assert_idempotent(scaler.fit_transform, [data, data[::2]])


@pytest.mark.parametrize("scaler", [StandardScaler(), MinMaxScaler(), RobustScaler()], ids=repr)
def test_a_fitted_scaler_scales_twice(scaler):
    with pytest.raises(AssertionError, match=BROKEN + ".*mathematics"):
        assert_idempotent(scaler.fit(wine).transform, [wine[:10]])


def test_a_fitted_normaliser_and_imputer_do_not():
    holes = np.where(wine > 1000, np.nan, wine)
    assert_idempotent(Normalizer().fit(wine).transform, [wine])
    assert_idempotent(SimpleImputer().fit(holes).transform, [holes])


def test_scaling_without_a_copy_is_found():
    with pytest.raises(AssertionError, match="leaves its input alone"):
        assert_idempotent(StandardScaler(copy=False).fit_transform, [wine])


@pytest.mark.parametrize("components", [1, 10, 40])
def test_there_and_back_through_principal_components_is_a_projector(components):
    pca = PCA(components, svd_solver="full").fit(digits)
    assert_idempotent(lambda x: pca.inverse_transform(pca.transform(x)), [digits[:50], digits[50:60]])
    assert_idempotent(pca.components_.T @ pca.components_)


def test_principal_components_whitened_one_way_are_found():
    pca = PCA(10, svd_solver="full").fit(digits)
    scales = np.sqrt(pca.explained_variance_)
    with pytest.raises(AssertionError, match=BROKEN):
        assert_idempotent(lambda x: pca.inverse_transform(pca.transform(x) / scales), [digits[:50]])


def by_pillow(f):
    return lambda pixels: np.asarray(f(Image.fromarray(pixels)))


def saved(pixels, quality=75):
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file))


@pytest.mark.parametrize(
    "f", [ImageOps.autocontrast, lambda image: ImageOps.posterize(image, 3), ImageOps.grayscale]
)
def test_idempotent_functions_of_a_photograph(f):
    assert_idempotent(by_pillow(f), [photograph])


@pytest.mark.parametrize(
    "f",
    [
        ImageOps.invert,
        ImageOps.equalize,
        ImageOps.mirror,
        lambda image: ImageOps.autocontrast(image, cutoff=2),
    ],
)
def test_functions_of_a_photograph_that_are_not(f):
    with pytest.raises(AssertionError, match=BROKEN):
        assert_idempotent(by_pillow(f), [photograph])


def test_stretching_the_contrast_may_stop_at_254():
    """Pillow cuts 255·(x − low)/(high − low) down to an integer, after a rounding error below 255."""
    with pytest.raises(AssertionError, match=BROKEN):
        assert_idempotent(by_pillow(ImageOps.autocontrast), grey)


@pytest.mark.parametrize("quality", [50, 75, 95])
def test_saving_a_jpeg_again_changes_it(quality):
    differ = rf"of {photograph.size} whole numbers differ, by at most \d"
    with pytest.raises(AssertionError, match=differ):
        assert_idempotent(lambda pixels: saved(pixels, quality), [photograph])


def test_how_much_the_second_jpeg_changes():
    """At quality 75, a seventh of the pixels, by a fifth of a level on average and 26 at most."""
    first = saved(photograph)
    change = np.abs(saved(first).astype(int) - first)
    assert 0.05 < np.mean(change.max(-1) > 0) < 0.3
    assert change.mean() < 0.5
    assert 1 < change.max() < 64
    assert_idempotent(
        lambda x: saved(x.round().astype(np.uint8)).astype(float), [photograph.astype(float)], tolerance=0.02
    )
    with pytest.raises(AssertionError, match=r"‖f\(f\(x\)\) − f\(x\)‖ is .*, allowed"):
        assert_idempotent(
            lambda x: saved(x.round().astype(np.uint8)).astype(float), [photograph.astype(float)]
        )


people = pd.DataFrame(
    {
        "name": [" Ada", "Ada ", "Grace", "grace", None, "Emmy"],
        "born": ["1815", "1815", "1906", "1906", "1900", "1882"],
    }
)


def cleaned(table):
    table = table.dropna().assign(name=table["name"].str.strip().str.title(), born=table["born"].astype(int))
    return table.drop_duplicates().sort_values("born").reset_index(drop=True)


def cleaned_keeping_the_index(table):
    return cleaned(table).reset_index()


def cleaned_too_late(table):
    table = table.dropna().drop_duplicates().sort_values("born").reset_index(drop=True)
    return table.assign(name=table["name"].str.strip().str.title(), born=table["born"].astype(int))


def test_a_table_is_cleaned_once():
    assert_idempotent(cleaned, [people])


@pytest.mark.parametrize("f", [cleaned_keeping_the_index, cleaned_too_late])
def test_a_table_cleaned_in_the_wrong_order_is_found(f):
    with pytest.raises(AssertionError, match=BROKEN):
        assert_idempotent(f, [people])
