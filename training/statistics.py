"""Intervals for positive measures of repeated runs, and for their ratio over paired runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import stats

if TYPE_CHECKING:
    from jaxtyping import Float


@dataclass(frozen=True)
class Estimate:
    """A geometric mean with its interval, over `count` runs.

    `low` and `high` are nan where fewer than two runs leave no interval.
    """

    mean: float
    low: float
    high: float
    count: int

    def __str__(self) -> str:
        if not np.isfinite(self.mean):
            return "—"
        if not np.isfinite(self.low):
            return f"{self.mean:.3g}"
        return f"{self.mean:.3g} ({self.low:.3g}–{self.high:.3g})"


def geometric(values: Float[np.ndarray, " run"], confidence: float = 0.95) -> Estimate:
    """Return the geometric mean and its t-interval on the logarithms.

    Values that are not positive and finite are left out; `count` says how many were used.  Assumes
    the logarithms of a measure to be roughly normal over seeds, as those of errors over many random
    starts are.

    >>> str(geometric(np.array([1.0, 10.0, 100.0])))
    '10 (0.0328–3.05e+03)'
    """
    values = np.asarray(values, dtype=float)
    logs = np.log(values[np.isfinite(values) & (values > 0)])
    if logs.size == 0:
        return Estimate(np.nan, np.nan, np.nan, 0)
    mean = float(logs.mean())
    if logs.size == 1:
        return Estimate(float(np.exp(mean)), np.nan, np.nan, 1)
    half = float(stats.t.ppf((1 + confidence) / 2, logs.size - 1) * logs.std(ddof=1) / np.sqrt(logs.size))
    with np.errstate(over="ignore"):
        low, high = float(np.exp(mean - half)), float(np.exp(mean + half))
    return Estimate(float(np.exp(mean)), low, high, int(logs.size))


def paired_ratio(
    values: Float[np.ndarray, " run"], reference: Float[np.ndarray, " run"], confidence: float = 0.95
) -> Estimate:
    """Return the geometric mean of values/reference, run by run, and its interval.

    Runs with the same seed start from the same weights and see the same batches, so their ratio
    varies less than either.

    >>> paired_ratio(np.array([2.0, 4.2, 8.0]), np.array([1.0, 2.0, 4.1])).count
    3
    """
    return geometric(np.exp(_log_ratios(values, reference)), confidence)


def bootstrap_ratio(
    values: Float[np.ndarray, " run"], reference: Float[np.ndarray, " run"], confidence: float = 0.95
) -> Estimate:
    """Return the geometric mean of values/reference, run by run, and its paired bootstrap interval.

    Runs are drawn anew with replacement, 9999 times, each with both its values; the interval's ends are the
    percentiles of the means that result.  Assumes nothing of how the ratios are distributed, but needs some
    ten runs.  Pairs with a value that is not positive and finite are left out; `count` says how many were
    used.

    References: B. Efron and R. J. Tibshirani, An Introduction to the Bootstrap (1993), sections 8.3 and 13.3.

    >>> str(bootstrap_ratio(np.array([2.0, 4.2, 8.0]), np.array([1.0, 2.0, 4.1])))
    '2.02 (1.95–2.1)'
    """
    logs = _log_ratios(values, reference)
    if logs.size < 2:
        return geometric(np.exp(logs), confidence)
    found = stats.bootstrap(
        (logs,), np.mean, confidence_level=confidence, method="percentile", rng=np.random.default_rng(0)
    ).confidence_interval
    return Estimate(
        float(np.exp(logs.mean())), float(np.exp(found.low)), float(np.exp(found.high)), logs.size
    )


def _log_ratios(
    values: Float[np.ndarray, " run"], reference: Float[np.ndarray, " run"]
) -> Float[np.ndarray, " pair"]:
    if np.shape(values) != np.shape(reference):
        raise ValueError(f"expected as many runs in both; got {np.shape(values)} and {np.shape(reference)}")
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = np.asarray(values, dtype=float) / np.asarray(reference, dtype=float)
    return np.asarray(np.log(ratios[np.isfinite(ratios) & (ratios > 0)]))


def verdict(ratio: Estimate) -> str:
    """Say what the interval supports: "lower", "higher" or "no difference shown".

    >>> verdict(Estimate(0.5, 0.4, 0.7, 6)), verdict(Estimate(0.9, 0.7, 1.1, 6))
    ('lower', 'no difference shown')
    """
    if ratio.high < 1:
        return "lower"
    return "higher" if ratio.low > 1 else "no difference shown"
