"""Compiled loops that follow points: the orbits of w ↦ h(w), the map given as `Traps`.

`follow` runs unchanged on all cores of the host and, compiled for it, on a CUDA device.
"""

from __future__ import annotations

from math import exp, log, sqrt

from numba import njit, prange

ESCAPED = -1
UNDECIDED = -2

_TINY = 2.0**-1000
_FAR, _NEAR, _LONGEST = 1e4, 0.02, 2000


@njit(cache=True, inline="always")
def horner(series, x, y):
    """Σ c_k w^k at w = x + iy."""
    a, b = series[-1], 0.0
    for k in range(len(series) - 2, -1, -1):
        a, b = a * x - b * y + series[k], a * y + b * x
    return a, b


@njit(cache=True, inline="always")
def image(traps, x, y):
    """h(w)."""
    if not traps.symmetric:
        return horner(traps.terms, x, y)
    a, b = horner(traps.terms, x * x - y * y, 2 * x * y)
    return a * x - b * y, a * y + b * x


@njit(cache=True, inline="always")
def slope(traps, x, y):
    """h′(w)."""
    if not traps.symmetric:
        return horner(traps.slopes, x, y)
    return horner(traps.slopes, x * x - y * y, 2 * x * y)


@njit(cache=True, inline="always")
def fate(traps, x, y, r):
    """The label of the disc of radius r about w = x + iy if one trap holds it, else UNDECIDED."""
    m = sqrt(x * x + y * y)
    if m - r > traps.escape:
        return ESCAPED
    s, t = x * x - y * y - 0.25, 2 * x * y
    if sqrt(s * s + t * t) + r * (2 * m + r) < traps.level:
        return 1 if x > 0 else 0
    for k in range(len(traps.radii)):
        s, t = x - traps.centres[k].real, y - traps.centres[k].imag
        if sqrt(s * s + t * t) + r < traps.radii[k]:
            return traps.owners[k]
    return UNDECIDED


@njit(cache=True)
def follow(traps, x, y, most):
    """The label of a point, and the steps until it was sure."""
    for step in range(most + 1):
        label = fate(traps, x, y, 0.0)
        if label != UNDECIDED:
            return label, step
        x, y = image(traps, x, y)
    return UNDECIDED, most


@njit(cache=True)
def distance(traps, x, y, label):
    """An estimate of the distance from a point with this label to the boundary of its basin.

    With φ the conformal map of the component onto the disc that straightens h there (Böttcher), it is
    (1 − |φ|²)/(2|φ′|), between half and twice the distance by Koebe's theorem.  At an attractor that
    is not superattracting, the radius of its trap over |(hᵏ)′| where the orbit enters it.
    """
    u, v = 1.0, 0.0  # the derivative of the iterate
    weight, entered = 1.0, label == ESCAPED  # mᵗ, t steps after entering a trap
    power, lead = traps.degree, traps.lead
    for _ in range(_LONGEST):
        e = sqrt(x * x + y * y)
        size = max(sqrt(u * u + v * v), _TINY)
        done = label == ESCAPED and e > _FAR
        if label != ESCAPED:
            for k in range(len(traps.radii)):
                s, t = x - traps.centres[k].real, y - traps.centres[k].imag
                near = sqrt(s * s + t * t)
                if traps.owners[k] == label and (entered or near < traps.radii[k]):
                    if traps.powers[k] == 1:
                        return traps.radii[k] / size
                    entered, done, e = True, near < _NEAR, max(near, _TINY)
                    power, lead = traps.powers[k], traps.leads[k]
        if done:
            g = abs(log(lead) / (power - 1) + log(e)) / weight
            return (1 - exp(-2 * g)) / 2 * exp(g) * weight * e / size
        if entered:
            weight *= power
        a, b = slope(traps, x, y)
        u, v = u * a - v * b, u * b + v * a
        x, y = image(traps, x, y)
    return 0.0


@njit(cache=True, parallel=True)
def label_rows(traps, labels, steps, lefts, heights, start, stop, most):
    """Fill the rows from `start` to `stop` at these Im w, the columns at these Re w."""
    for i in prange(start, stop):
        for j in range(len(lefts)):
            labels[i, j], steps[i, j] = follow(traps, lefts[j], heights[i], most)


@njit(cache=True, parallel=True)
def measure_rows(traps, distances, labels, lefts, heights):
    """Fill the estimated distances to the boundary of rows whose labels are known."""
    for i in prange(len(heights)):
        for j in range(len(lefts)):
            distances[i, j] = distance(traps, lefts[j], heights[i], labels[i, j])
