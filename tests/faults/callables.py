"""Functions of text, numbers, lists, arrays and tables that should be idempotent."""

from __future__ import annotations

import datetime as dt
import html
import io
import json
import math
import posixpath
import random
import re
import unicodedata
from fractions import Fraction
from itertools import groupby, pairwise
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote

import numpy as np
import pandas as pd
import scipy.ndimage
import scipy.stats
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tests.problems import oblique

from .fault import Fault

if TYPE_CHECKING:
    from collections.abc import Callable

    Text = Callable[[str], str]

words = st.text("ab .")
quoted = st.text(' "a')
nested = st.tuples(st.integers(0, 3), st.text("a")).map(lambda t: "(" * t[0] + t[1] + ")" * t[0])
numbers = st.integers(-100, 100)
counts = st.integers(1, 1000)
lists = st.lists(st.integers(-5, 5), max_size=6)
strings = st.lists(st.text("ab", max_size=3))
tenths = st.floats(0, 10)
entries = st.floats(-5, 5, width=32, allow_subnormal=False)
vectors = arrays(np.float64, st.integers(1, 6), elements=entries)
nonzero = vectors.filter(np.any)
wholes = arrays(np.float64, st.integers(3, 6), elements=st.integers(-9, 9).map(float), unique=True)
signals = arrays(np.float64, st.integers(4, 9), elements=entries)
squares = arrays(np.float64, (3, 3), elements=entries)
regular = squares.map(lambda A: A / 10 + np.diag([2.0, 3, 4]))
holes = arrays(np.float64, st.integers(1, 6), elements=entries | st.just(math.nan))
pixels = arrays(np.uint8, (4, 4))
pictures = arrays(np.float64, (6, 6), elements=st.integers(0, 9).map(float))
relations = arrays(bool, (5, 5))
parents = st.lists(st.integers(0, 10**6), min_size=2, max_size=8).map(
    lambda xs: np.array([x % (i + 1) for i, x in enumerate(xs)])
)
intervals = st.lists(
    st.tuples(st.integers(0, 20), st.integers(1, 6)).map(lambda t: (t[0], sum(t))), max_size=6
)
dates = st.dates(dt.date(2020, 1, 1), dt.date(2030, 1, 1))
moments = st.datetimes(dt.datetime(2020, 1, 1), dt.datetime(2030, 1, 1))  # noqa: DTZ001 - without a zone, as many are
complexes = arrays(np.complex128, 3, elements=st.complex_numbers(min_magnitude=0.1, max_magnitude=9))


@st.composite
def tables(draw: st.DrawFn) -> pd.DataFrame:
    keys = draw(st.lists(st.sampled_from(["a", " a", "b", "b "]), min_size=1, max_size=5))
    values = draw(st.lists(st.integers(0, 9).map(float), min_size=len(keys), max_size=len(keys)))
    return pd.DataFrame({"k": keys, "v": values})


@st.composite
def gappy(draw: st.DrawFn) -> pd.DataFrame:
    column = st.lists(st.sampled_from([math.nan, 1.0, 2.0]), min_size=4, max_size=4)
    return pd.DataFrame({"a": draw(column), "b": draw(column), "c": draw(column)})


def until_fixed(f: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """F applied until nothing changes: idempotent whatever f is, if it ends."""

    def limit(x: Any) -> Any:
        while (y := f(x)) != x:
            x = y
        return x

    return limit


def merged(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    result: list[tuple[int, int]] = []
    for a, b in sorted(spans):
        if result and a <= result[-1][1]:
            result[-1] = (result[-1][0], max(b, result[-1][1]))
        else:
            result.append((a, b))
    return result


def merged_with_the_next_only(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    spans, result = sorted(spans), []
    while spans:
        (a, b), *spans = spans
        if spans and spans[0][0] <= b:
            b = max(b, spans.pop(0)[1])
        result.append((a, b))
    return result


def bubbled(xs: list[int]) -> list[int]:
    xs = list(xs)
    for i in range(len(xs) - 1):
        xs[i : i + 2] = sorted(xs[i : i + 2])
    return xs


def appended(xs: list[int]) -> list[int]:
    if 0 not in xs:
        xs.append(0)
    return xs


def without_repeats_in_place(xs: list[int]) -> list[int]:
    for x in list(xs):
        while xs.count(x) > 1:
            xs.remove(x)
    return xs


def sorted_inside(d: dict[str, list[int]]) -> dict[str, list[int]]:
    copy = dict(d)
    copy["x"].sort()
    return copy


def clipped_in_place(x: np.ndarray) -> np.ndarray:
    x[x > 1] = 1
    return x


def negated_aside(x: np.ndarray) -> np.ndarray:
    y = np.clip(x, -1, 1)
    x *= -1
    return y


def closure(A: np.ndarray) -> np.ndarray:
    for k in range(len(A)):
        A = A | np.outer(A[:, k], A[k])
    return A


def roots(parent: np.ndarray) -> np.ndarray:
    while (parent[parent] != parent).any():
        parent = parent[parent]
    return parent


def onto_simplex(x: np.ndarray) -> np.ndarray:
    ordered = np.sort(x)[::-1]
    excess = (np.cumsum(ordered) - 1) / np.arange(1, len(x) + 1)
    return np.maximum(x - excess[np.flatnonzero(ordered > excess)[-1]], 0)


def lowpassed(x: np.ndarray, n: int | None, norm: str = "backward", taper: float = 1.0) -> np.ndarray:
    spectrum = np.fft.rfft(x, norm=norm)
    spectrum[2:] = 0
    spectrum[1] *= taper
    return np.fft.irfft(spectrum, n or 2 * len(spectrum))


def semidefinite(A: np.ndarray) -> np.ndarray:
    values, V = np.linalg.eigh((A + A.T) / 2)
    return V * np.maximum(values, 0) @ V.T


def correlation(A: np.ndarray) -> np.ndarray:
    K = semidefinite(A)
    np.fill_diagonal(K, 1)
    return K


def polar(A: np.ndarray) -> np.ndarray:
    U, _, V = np.linalg.svd(A)
    return U @ V


def rank_one(A: np.ndarray, shrink: float) -> np.ndarray:
    U, s, V = np.linalg.svd(A)
    return np.outer(U[:, 0] * max(s[0] - shrink, 0), V[0])


def hot(x: np.ndarray) -> np.ndarray:
    return (np.arange(len(x)) == x.argmax()).astype(float)


def softmax(x: np.ndarray, temperature: float = 1.0) -> np.ndarray:
    e = np.exp((x - x.max()) / temperature)
    return e / e.sum()


def through_csv(table: pd.DataFrame, *, index: bool) -> pd.DataFrame:
    return pd.read_csv(io.StringIO(table.to_csv(index=index)), dtype={"k": str}, keep_default_na=False)


def stripped(table: pd.DataFrame) -> pd.DataFrame:
    return table.assign(k=table["k"].str.strip())


def filled_enough(table: pd.DataFrame) -> pd.DataFrame:
    table = table[table.isna().mean(axis=1) < 0.5]
    return table.loc[:, table.isna().mean() < 0.5]


def complete(table: pd.DataFrame) -> pd.DataFrame:
    return table.dropna()


def pooled(x: np.ndarray) -> np.ndarray:
    """The running average of neighbours that are out of order, in one sweep."""
    y = x.copy()
    for i in range(len(y) - 1):
        if y[i] > y[i + 1]:
            y[i : i + 2] = y[i : i + 2].mean()
    return y


class Scaled:
    """Divides by the greatest magnitude: of this x, or of the first x of a shape, an id, or ever."""

    def __init__(self, key: Callable[[np.ndarray], Any] | None = None):
        self.key, self.memo = key, dict[Any, float]()

    def __call__(self, x: np.ndarray) -> np.ndarray:
        scale = float(np.abs(x).max()) or 1.0
        return x / (scale if self.key is None else self.memo.setdefault(self.key(x), scale))


class Largest:
    """Divides by the greatest magnitude met so far."""

    def __init__(self) -> None:
        self.scale = 1.0

    def __call__(self, x: np.ndarray) -> np.ndarray:
        self.scale = max(self.scale, float(np.abs(x).max()))
        return x / self.scale


class Cached:
    """Sorts, with a memo under a key, of the latest keys only if a size is given."""

    def __init__(self, key: Callable[[list[int]], Any], size: int | None = None):
        self.key, self.size, self.memo = key, size, dict[Any, list[int]]()

    def __call__(self, xs: list[int]) -> list[int]:
        result = self.memo.setdefault(self.key(xs), sorted(xs))
        while self.size is not None and len(self.memo) > self.size:
            self.memo.pop(next(iter(self.memo)))
        return list(result)


class Buffered:
    """Clips into a buffer: emptied before x is read, which may be the buffer, or written once."""

    def __init__(self, *, emptied: bool, shared: bool):
        self.buffer, self.emptied, self.shared = np.zeros(3), emptied, shared

    def __call__(self, x: np.ndarray) -> np.ndarray:
        out = self.buffer if self.shared else np.zeros(3)
        if self.emptied:
            out[...] = 0
            out += np.clip(x, -1, 1)
        else:
            np.clip(x, -1, 1, out=out)
        return out


class Counting:
    """Clips, and errs at each n-th call."""

    def __init__(self, n: int | None):
        self.n, self.calls = n, 0

    def __call__(self, x: float) -> float:
        self.calls += 1
        return min(x, 1.0) + (self.n is not None and self.calls % self.n == 0)


class Numbered:
    """Gives each new value the next free number."""

    def __init__(self) -> None:
        self.numbers: dict[int, int] = {}

    def __call__(self, x: int) -> int:
        return self.numbers.setdefault(x, len(self.numbers) + 1000)


class Smoothed:
    """Centres by a running mean that each call updates."""

    def __init__(self, rate: float):
        self.rate, self.mean = rate, 0.0

    def __call__(self, x: np.ndarray) -> np.ndarray:
        self.mean += self.rate * (x.mean() - self.mean)
        return x - (self.mean if self.rate < 1 else x.mean())


LAST: list[str] = []


def echoed(s: str) -> str:
    """The lower case of what came before, if it is longer."""
    LAST[:] = [max([s.lower(), *LAST], key=len)]
    return LAST[0]


def jittered(size: float, share: float = 1.0) -> Callable[[np.ndarray], np.ndarray]:
    generator = np.random.default_rng()

    def clipped(x: np.ndarray) -> np.ndarray:
        y = np.clip(x, -1, 1)
        return y + size * generator.standard_normal(y.shape) if generator.random() < share else y

    return clipped


def spans(lo: int, hi: int) -> Callable[[int], int]:
    return lambda x: min(max(x, lo), hi)


PURE: list[tuple[str, Callable[[Any], Any], Callable[[Any], Any], Any]] = [
    ("one-space-stripped", lambda s: s.removeprefix(" "), str.lstrip, words),
    ("spaces-halved-once", lambda s: s.replace("  ", " "), lambda s: " ".join(s.split()), words),
    ("quotes-stripped-after-spaces", lambda s: s.strip().strip('"'), lambda s: s.strip(' "'), quoted),
    ("escaped-twice", html.escape, lambda s: html.escape(html.unescape(s)), st.text("a&<;pmt")),
    ("quoted-twice", quote, lambda s: quote(unquote(s)), st.text()),
    ("newline-appended", lambda s: s + "\n", lambda s: s.rstrip("\n") + "\n", st.text()),
    ("slashes-halved-once", lambda s: s.replace("//", "/"), posixpath.normpath, st.text("a/.")),
    ("prefix-added-always", lambda s: "Re: " + s, lambda s: "Re: " + s.removeprefix("Re: "), words),
    ("words-reversed", lambda s: " ".join(s.split()[::-1]), lambda s: " ".join(sorted(s.split())), words),
    ("encoded-twice", json.dumps, lambda s: json.dumps(json.loads(s)), st.text().map(json.dumps)),
    (
        "pairs-removed-once",
        lambda s: s.replace("ab", ""),
        until_fixed(lambda s: s.replace("ab", "")),
        st.text("ab"),
    ),
    (
        "one-suffix-removed",
        lambda s: s.removesuffix(".gz"),
        lambda s: re.sub(r"(\.gz)+\Z", "", s),
        st.lists(st.sampled_from(["a", ".gz"])).map("".join),
    ),
    ("padded-by-one", lambda s: "0" + s if len(s) < 3 else s, lambda s: s.rjust(3, "0"), st.text("12")),
    (
        "decoded-as-latin-1",
        lambda s: s.encode().decode("latin-1"),
        lambda s: s.encode().decode("utf-8"),
        st.text(),
    ),
    (
        "backslashes-escaped-again",
        lambda s: s.encode("unicode_escape").decode(),
        lambda s: s.encode("ascii", "xmlcharrefreplace").decode(),
        st.text(),
    ),
    (
        "casefolded-before-compatibility",
        lambda s: unicodedata.normalize("NFKC", s.casefold()),
        until_fixed(lambda s: unicodedata.normalize("NFKC", s.casefold())),
        st.text("aᴬℌ㎒ϒ"),
    ),
    (
        "accents-stripped-one-a-letter",
        lambda s: re.sub(r"(\w)[\u0300-\u036f]", r"\1", unicodedata.normalize("NFD", s)),
        lambda s: re.sub(r"[\u0300-\u036f]", "", unicodedata.normalize("NFD", s)),
        st.text("aé\u0301ǖ"),
    ),
    (
        "bracket-pair-stripped-once",
        lambda s: re.sub(r"\A\((.*)\)\Z", r"\1", s),
        lambda s: s.strip("()"),
        nested,
    ),
    ("truncated-to-hundredths", lambda x: int(x * 100) / 100, lambda x: round(x, 2), tenths),
    ("tenths-by-floor", lambda x: math.floor(x / 0.1) * 0.1, lambda x: round(x / 0.1) * 0.1, tenths),
    ("rounded-before-scaling", lambda x: round(x) * 1.1, lambda x: round(x / 1.1) * 1.1, tenths),
    ("nudged-by-1e-9", lambda x: min(x, 5.0) * (1 + 1e-9), lambda x: min(x, 5.0), st.floats(1, 10)),
    (
        "angle-without-its-offset",
        lambda a: (a + 180) % 360,
        lambda a: (a + 180) % 360 - 180,
        st.integers(-999, 999),
    ),
    ("remainder-from-one", lambda x: x % 12 + 1, lambda x: (x - 1) % 12 + 1, numbers),
    ("aligned-past-the-boundary", lambda x: (x // 8 + 1) * 8, lambda x: -(-x // 8) * 8, numbers),
    ("power-past-itself", lambda x: 1 << x.bit_length(), lambda x: 1 << (x - 1).bit_length(), counts),
    ("floor-without-scaling-back", lambda x: x // 5, lambda x: x // 5 * 5, numbers),
    ("wrapped-once", lambda x: x - 10 if x >= 10 else x, lambda x: x % 10, counts),
    ("last-digit-of-negatives", lambda x: x % 10 if x >= 0 else -x, lambda x: abs(x) % 10, numbers),
    ("clip-drops-its-bound", lambda x: x if x <= 10 else x - 10, spans(-100, 10), numbers),
    (
        "halved-beyond-the-root-of-the-range",
        lambda x: np.where(np.abs(x) > 1e160, x / 2, x),
        lambda x: np.clip(x, -1e160, 1e160),
        [np.full(3, 1e200), np.full(3, -1e180)],
    ),
    ("negation-for-magnitude", lambda x: -x, abs, numbers),
    ("one-remainder-in-fifty", lambda x: x + 50 if x % 50 == 7 else x, lambda x: x, st.integers(0, 10**6)),
    ("zero-is-sent-to-two", lambda x: (x > 0) - (x < 0) or 2, lambda x: (x > 0) - (x < 0), numbers),
    (
        "denominator-rounded-up",
        lambda x: Fraction(math.floor(x * 10) + 1, 10),
        lambda x: Fraction(math.ceil(x * 10), 10),
        st.fractions(-9, 9),
    ),
    (
        "weekend-moved-by-a-day",
        lambda d: d + dt.timedelta(days=1) if d.weekday() > 4 else d,
        lambda d: d + dt.timedelta(days=max(0, 7 - d.weekday()) if d.weekday() > 4 else 0),
        dates,
    ),
    (
        "first-of-the-next-month",
        lambda d: (d.replace(day=28) + dt.timedelta(days=4)).replace(day=1),
        lambda d: d.replace(day=1),
        dates,
    ),
    (
        "hour-added-for-the-zone",
        lambda t: t + dt.timedelta(hours=1),
        lambda t: t if t.tzinfo else t.replace(tzinfo=dt.UTC),
        moments,
    ),
    (
        "ties-turned-round",
        lambda xs: sorted(xs, key=len)[::-1],
        lambda xs: sorted(xs, key=len, reverse=True),
        strings,
    ),
    ("one-bubble-sweep", bubbled, sorted, lists),
    (
        "empty-list-filled",
        lambda xs: [x for x in xs if x] if xs else [0],
        lambda xs: [x for x in xs if x],
        lists,
    ),
    (
        "repeats-removed-in-pairs",
        lambda xs: [x for x, ys in groupby(xs) if len(list(ys)) == 1],
        lambda xs: [x for x, _ in groupby(xs)],
        lists,
    ),
    ("differences-for-a-sort", lambda xs: [b - a for a, b in pairwise(xs)], lambda xs: sorted(xs), lists),
    ("sorted-in-place", lambda xs: xs.sort() or xs, sorted, lists),
    ("appended-in-place", appended, lambda xs: xs if 0 in xs else [*xs, 0], lists),
    ("repeats-removed-in-place", without_repeats_in_place, lambda xs: sorted(set(xs)), lists),
    (
        "list-in-a-copied-dict-sorted",
        sorted_inside,
        lambda d: {**d, "x": sorted(d["x"])},
        st.fixed_dictionaries({"x": lists}),
    ),
    (
        "key-deleted-in-place",
        lambda d: (d.pop(0, None), d)[1],
        lambda d: {k: d[k] for k in d if k},
        st.dictionaries(st.integers(0, 3), numbers),
    ),
    ("intervals-merged-with-the-next-only", merged_with_the_next_only, merged, intervals),
    ("shuffled", lambda xs: random.sample(xs, len(xs)), sorted, lists),
    ("closure-of-one-step", lambda A: A | (A @ A), closure, relations),
    ("difference-for-a-symmetric-closure", lambda A: A ^ A.T, lambda A: A | A.T, relations),
    ("paths-halved-once", lambda p: p[p], roots, parents),
    ("order-for-ranks", np.argsort, lambda x: scipy.stats.rankdata(x, "ordinal"), vectors),
    ("one-sweep-towards-monotone", pooled, np.maximum.accumulate, vectors),
    ("sum-for-a-maximum", np.cumsum, np.maximum.accumulate, vectors),
    ("clipped-in-place", clipped_in_place, lambda x: np.minimum(x, 1), vectors),
    ("input-negated-aside", negated_aside, lambda x: np.clip(x, -1, 1), vectors),
    (
        "mean-along-the-wrong-axis",
        lambda A: A - A.mean(axis=1),
        lambda A: A - A.mean(axis=1, keepdims=True),
        squares,
    ),
    ("mean-by-n-minus-1", lambda x: x - x.sum() / max(len(x) - 1, 1), lambda x: x - x.mean(), vectors),
    (
        "floor-under-the-spread",
        lambda x: (x - x.mean()) / (x.std() + 1e-6),
        lambda x: (x - x.mean()) / x.std(),
        wholes,
    ),
    ("divided-by-the-square-of-the-norm", lambda x: x / (x @ x), lambda x: x / np.linalg.norm(x), nonzero),
    (
        "divided-by-another-norm",
        lambda x: x / (1 + np.linalg.norm(x)),
        lambda x: x / max(1, np.linalg.norm(x)),
        vectors,
    ),
    ("maximum-without-magnitude", lambda x: x / (x.max() or 1), lambda x: x / np.abs(x).max(), nonzero),
    ("softmax-for-a-maximum", softmax, hot, vectors),
    ("softmax-nearly-cold", lambda x: softmax(x, 0.05), hot, vectors),
    (
        "soft-threshold",
        lambda x: np.sign(x) * np.maximum(np.abs(x) - 1, 0),
        lambda x: np.where(np.abs(x) > 1, x, 0),
        vectors,
    ),
    (
        "bounds-from-the-data",
        lambda x: np.clip(x, *np.quantile(x, [0.1, 0.9])),
        lambda x: np.clip(x, -2, 2),
        vectors,
    ),
    (
        "outliers-from-the-data",
        lambda x: x[np.abs(x - x.mean()) <= 1.2 * x.std()],
        lambda x: x[np.abs(x) <= 2],
        vectors,
    ),
    (
        "nan-becomes-minus-one",
        lambda x: np.where(np.isnan(x), -1, np.abs(x)),
        lambda x: np.where(np.isnan(x), 1, np.abs(x)),
        holes,
    ),
    (
        "bytes-overflow-when-stretched",
        lambda x: x * np.uint8(255) // max(x.max(), 1),
        lambda x: (x.astype(int) * 255 // max(int(x.max()), 1)).astype(np.uint8),
        pixels,
    ),
    (
        "bytes-averaged-with-overflow",
        lambda x: np.where(x > 100, x + x, x),
        lambda x: np.where(x > 100, 255, x).astype(np.uint8),
        pixels,
    ),
    (
        "dtype-drifts-down",
        lambda x: x.astype({8: "f4", 4: "f2", 2: "f2"}[x.itemsize]),
        lambda x: x.astype("f4"),
        vectors,
    ),
    ("axis-added", lambda x: x[None] if x.ndim < 3 else x, np.atleast_2d, vectors),
    ("last-entry-lost", lambda x: x[:-1] if len(x) > 2 else x, lambda x: x[:2], vectors),
    (
        "length-gained-in-the-transform",
        lambda x: lowpassed(x, None),
        lambda x: lowpassed(x, len(x)),
        signals,
    ),
    (
        "transform-scaled-one-way",
        lambda x: lowpassed(x, len(x), "forward"),
        lambda x: lowpassed(x, len(x)),
        signals,
    ),
    ("filter-tapered", lambda x: lowpassed(x, len(x), taper=0.9), lambda x: lowpassed(x, len(x)), signals),
    (
        "simplex-scaled-before-clipping",
        lambda x: np.clip(x / (np.abs(x).sum() or 1) + 0.1, 0, 1),
        onto_simplex,
        vectors,
    ),
    ("unit-diagonal-after-clipping", correlation, semidefinite, squares),
    ("one-step-towards-orthogonal", lambda A: A @ (3 * np.eye(3) - A.T @ A) / 2, polar, regular),
    ("singular-value-shrunk", lambda A: rank_one(A, 1e-3), lambda A: rank_one(A, 0), regular),
    (
        "rows-then-columns-scaled",
        lambda A: (B := A / A.sum(1, keepdims=True)) / B.sum(0),
        lambda A: A / A.sum(1, keepdims=True),
        regular,
    ),
    (
        "dilation-for-a-closing",
        lambda A: scipy.ndimage.grey_dilation(A, 3),
        lambda A: scipy.ndimage.grey_closing(A, 3),
        pictures,
    ),
    (
        "blur-for-an-opening",
        lambda A: scipy.ndimage.uniform_filter(A, 3),
        lambda A: scipy.ndimage.grey_opening(A, 3),
        pictures,
    ),
    ("conjugate-for-the-real-part", np.conj, lambda z: z.real + 0j, complexes),
    ("phase-without-the-root", lambda z: z / np.abs(z) ** 2, lambda z: z / np.abs(z), complexes),
    (
        "projector-in-float32",
        lambda x: oblique(3, 1, 2.0).astype("f4").astype("f8") @ x,
        lambda x: oblique(3, 1, 2.0) @ x,
        arrays(np.float64, 3, elements=entries),
    ),
    (
        "index-kept-as-a-column",
        lambda t: t.sort_values("v").reset_index(),
        lambda t: t.sort_values("v", kind="stable").reset_index(drop=True),
        tables(),
    ),
    (
        "index-shifted",
        lambda t: t.set_axis(t.index + 1),
        lambda t: t.set_axis(range(1, len(t) + 1)),
        tables(),
    ),
    (
        "index-written-to-the-file",
        lambda t: through_csv(t, index=True),
        lambda t: through_csv(t, index=False),
        tables(),
    ),
    (
        "repeats-dropped-before-stripping",
        lambda t: stripped(t.drop_duplicates()),
        lambda t: stripped(t).drop_duplicates(),
        tables(),
    ),
    ("columns-renamed-again", lambda t: t.add_prefix("x_"), lambda t: t.rename(columns=str.lower), tables()),
    (
        "groups-counted",
        lambda t: t.groupby("k", as_index=False).count(),
        lambda t: t.groupby("k", as_index=False).sum(),
        tables(),
    ),
    ("table-turned-round", lambda t: t.iloc[::-1], lambda t: t.sort_index(), tables()),
    ("gap-filled-by-one", lambda t: t.ffill(limit=1), lambda t: t.ffill(), gappy()),
    ("rows-dropped-before-columns", filled_enough, complete, gappy()),
    (
        "column-scaled-in-place",
        lambda t: t.__setitem__("v", t["v"] / 2) or t,
        lambda t: t.assign(v=t["v"].clip(0, 1)),
        tables(),
    ),
]

STATEFUL: list[tuple[str, Callable[[], Any], Callable[[], Any], Any]] = [
    (
        "scale-of-the-first-call",
        lambda: Scaled(lambda x: 0),
        Scaled,
        [np.array([3.0, 1]), np.array([2.0, 5])],
    ),
    ("scale-kept-by-shape", lambda: Scaled(np.shape), Scaled, vectors),
    ("scale-of-the-largest-so-far", Largest, Scaled, vectors),
    ("memo-by-length", lambda: Cached(len), lambda: Cached(tuple), lists),
    ("memo-of-the-last-length", lambda: Cached(len, size=1), lambda: Cached(tuple), lists),
    ("memo-by-id", lambda: Cached(id), lambda: Cached(tuple), lists),
    (
        "buffer-emptied-before-it-is-read",
        lambda: Buffered(emptied=True, shared=True),
        lambda: Buffered(emptied=True, shared=False),
        arrays(np.float64, 3, elements=entries),
    ),
    (
        "result-overwritten-by-the-next-call",
        lambda: Buffered(emptied=False, shared=True),
        lambda: Buffered(emptied=False, shared=False),
        arrays(np.float64, 3, elements=entries),
    ),
    ("every-second-call", lambda: Counting(2), lambda: Counting(None), tenths),
    ("every-hundredth-call", lambda: Counting(100), lambda: Counting(None), tenths),
    ("numbers-handed-out", Numbered, lambda: spans(0, 9), numbers),
    ("mean-that-runs", lambda: Smoothed(0.1), lambda: Smoothed(1.0), vectors),
    ("global-list", lambda: (LAST.clear(), echoed)[1], lambda: str.lower, st.text("aB", min_size=1)),
    ("noise", lambda: jittered(1e-3), lambda: jittered(0), vectors),
    ("noise-of-1e-9", lambda: jittered(1e-9), lambda: jittered(0), vectors),
    ("noise-at-one-call-in-fifty", lambda: jittered(1e-3, 0.02), lambda: jittered(0), vectors),
]

PURE += [  # what is small beside something large, or in few digits
    (
        "bytes-divided-by-255-in-float16",
        lambda x: x / np.float16(255),
        lambda x: np.clip(x, 0, 1),
        [np.arange(0, 256, 5).astype(np.float16)],
    ),
    (
        "tanh-of-large-float16",
        np.tanh,
        np.sign,
        [np.linspace(-200, 200, 40).astype(np.float16)],
    ),
    ("tanh-of-large-float32", np.tanh, np.sign, [np.linspace(-1e6, 1e6, 40).astype(np.float32)]),
    (
        "rate-halved-beside-large-ids",
        lambda d: d.assign(rate=d.rate / 2),
        lambda d: d.assign(rate=d.rate.clip(0, 1)),
        [pd.DataFrame({"id": [1e15, 2e15], "rate": [0.5, 0.25]})],
    ),
    (
        "share-shrunk-beside-a-timestamp",
        lambda d: d | {"share": d["share"] * 0.9},
        lambda d: d | {"share": min(d["share"], 1.0)},
        [{"time": 1.7e18, "share": 0.5}],
    ),
    (
        "mask-turned-over",
        lambda a: np.ma.array(a.data, mask=~np.ma.getmaskarray(a)),
        lambda a: np.ma.array(a.data, mask=np.ma.getmaskarray(a)),
        [np.ma.array([1.0, 2.0], mask=[False, True])],
    ),
]

CALLABLES = [
    *(
        Fault("callable", name, lambda f=broken: f, lambda f=sound: f, lambda s=inputs: s)
        for name, broken, sound, inputs in PURE
    ),
    *(Fault("callable", name, broken, sound, lambda s=inputs: s) for name, broken, sound, inputs in STATEFUL),
]
