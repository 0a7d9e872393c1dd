r"""The compiled loops: points and discs followed by w ↦ h(w), w = z − ½, the map given as `Traps`.

*Points.*  `follow` runs unchanged on all cores of the host and, compiled for it, on a CUDA device.

*Discs.*  The disc |w − c| ≤ r is sent by h into one whose radius follows from

    |h(w) − h(c)| ≤ |h′(c)|r + M r²,        M = sup of |h″/2| on the disc.

Every polynomial here is p(w) = Σ a_k s^k + w Σ b_k s^k with s = ¼ − w², so that with t ≥ |s| and m ≥ |w|

    |p(w)| ≤ N(t, m) = Σ |a_k|t^k + m Σ |b_k|t^k.

Its computed value is off by at most 16(d + 1)(1 + m²)u·N(t + θ, m), θ = 1/(4(d + 1)).  For Horner's rule
makes at most d products and sums of complex numbers, each off by less than 6u, and each coefficient is
rounded once: 8(d + 1)u·N(t, m).  And s is off by η ≤ 4u(¼ + m²), which makes a difference of at most
(η/θ)·N(t + θ, m), as (t + η)^k − t^k ≤ (η/θ)(t + θ)^k.  Radii are enlarged by more than the rounding of
the few operations on them.  Rectangles are covered by discs, and quartered where that proves nothing: a
whole region costs one disc.

*Pairs.*  Where double precision runs out, centres are kept as high + low, of some 100 bits: T. J. Dekker,
*A floating-point technique for extending the available precision*, Numer. Math. 18 (1971) 224–242.

All of it is one file because numba's cache notices changes only in the file of the function it holds.
"""

from __future__ import annotations

from math import exp, log, sqrt

import numpy as np
from numba import njit, prange

from .traps import ESCAPED, UNDECIDED

_UNIT = 2.0**-53
_FINE_UNIT = 2.0**-93
_MORE = 1 + 2.0**-44
_TINY = 2.0**-1000
_SPLITTER = 2.0**27 + 1
_FAR, _NEAR, _LONGEST = 1e4, 0.02, 2000
"""Where orbits that measure distances may end, and the steps after which they do."""

_WIDEST = 0.5
"""The radius from which a disc is quartered rather than followed."""

_FINE = 1e-6
"""The side of squares below which double precision may not do."""

_CROWD = 2**12
"""The open squares at which a search is given up."""


# Polynomials and traps


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
    return image_from(traps, x, y, 0.25 - (x * x - y * y), -2 * x * y)


@njit(cache=True, inline="always")
def image_from(traps, x, y, s, t):
    """h(w), given ¼ − w² = s + it."""
    a, b = horner(traps.odds, s, t)
    a, b = a * x - b * y, a * y + b * x
    if traps.symmetric:
        return a, b
    c, d = horner(traps.evens, s, t)
    return a + c, b + d


@njit(cache=True, inline="always")
def slope(traps, x, y):
    """h′(w)."""
    s, t = 0.25 - (x * x - y * y), -2 * x * y
    a, b = horner(traps.even_slopes, s, t)
    if traps.symmetric:
        return a, b
    c, d = horner(traps.odd_slopes, s, t)
    return a + c * x - d * y, b + c * y + d * x


@njit(cache=True, inline="always")
def size_bound(evens, odds, t, m):
    """N(t, m)."""
    a = b = 0.0
    for k in range(len(evens) - 1, -1, -1):
        a, b = a * t + abs(evens[k]), b * t + abs(odds[k])
    return a + m * b


@njit(cache=True, inline="always")
def spread(traps, x, y, r, rest, unit):
    """The radius of a disc about h(w) as computed that holds the image of the disc |z − w| ≤ r.

    w = x + iy, up to `rest`; `unit` bounds the rounding of one operation on it.
    """
    m = sqrt(x * x + y * y) * _MORE + rest + 2.0**-500  # squares may be too small to store
    s, t = 0.25 - (x * x - y * y), 2 * x * y
    near = (sqrt(s * s + t * t) + 2.0**-50 * (1 + m * m)) * _MORE + rest * (2 * m + rest)
    wide, rounding = near + 0.25 / (traps.degree + 1), 16 * (traps.degree + 1) * (1 + m * m)
    a, b = slope(traps, x, y)
    steep = sqrt(a * a + b * b)
    steep += rounding * _UNIT * size_bound(traps.even_slopes, traps.odd_slopes, wide, m)
    bend = size_bound(traps.even_bends, traps.odd_bends, near + r * (2 * m + r), m + r)
    off = rounding * unit * size_bound(traps.evens, traps.odds, wide, m)
    return (r * (steep + bend * (r + 2 * rest)) + off + _TINY) * _MORE


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


# Points


@njit(cache=True)
def follow(traps, x, y, most):
    """The label of a point, and the steps until it was sure: `fate` at r = 0, by squares."""
    far, near = traps.escape * traps.escape, max(traps.level, 0.0) * traps.level
    for step in range(most + 1):
        xx, yy = x * x, y * y
        if xx + yy > far:
            return ESCAPED, step
        s, t = 0.25 - (xx - yy), -2 * x * y
        if s * s + t * t < near:
            return (1 if x > 0 else 0), step
        for k in range(len(traps.radii)):
            u, v = x - traps.centres[k].real, y - traps.centres[k].imag
            if traps.radii[k] > 0 and u * u + v * v < traps.radii[k] * traps.radii[k]:
                return traps.owners[k], step
        x, y = image_from(traps, x, y, s, t)
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
def measure_rows(traps, distances, labels, lefts, heights, start, stop):
    """Fill the estimated distances to the boundary of rows whose labels are known."""
    for i in prange(start, stop):
        for j in range(len(lefts)):
            distances[i, j] = distance(traps, lefts[j], heights[i], labels[i, j])


# Pairs of doubles: sums and products are off by less than 2⁻⁹⁸ of the sizes of their operands


@njit(cache=True, inline="always")
def added(a, a_low, b, b_low):
    """The sum of two pairs."""
    high = a + b
    back = high - a
    low = (a - (high - back)) + (b - back) + (a_low + b_low)
    total = high + low
    return total, low - (total - high)


@njit(cache=True, inline="always")
def multiplied(a, a_low, b, b_low):
    """The product of two pairs."""
    high = a * b
    t, u = _SPLITTER * a, _SPLITTER * b
    a_head, b_head = t - (t - a), u - (u - b)
    a_tail, b_tail = a - a_head, b - b_head
    low = ((a_head * b_head - high) + a_head * b_tail + a_tail * b_head) + a_tail * b_tail
    low += a * b_low + a_low * b
    total = high + low
    return total, low - (total - high)


@njit(cache=True)
def complex_product(p, q):
    """The product of complex numbers (real, its low part, imaginary, its low part)."""
    a, a_low, b, b_low = p
    c, c_low, d, d_low = q
    ac, bd = multiplied(a, a_low, c, c_low), multiplied(b, b_low, d, d_low)
    ad, bc = multiplied(a, a_low, d, d_low), multiplied(b, b_low, c, c_low)
    re, im = added(ac[0], ac[1], -bd[0], -bd[1]), added(ad[0], ad[1], bc[0], bc[1])
    return re[0], re[1], im[0], im[1]


@njit(cache=True)
def precise_horner(series, lows, s):
    """Σ (c_k + its low part) s^k."""
    value = (series[-1], lows[-1], 0.0, 0.0)
    for k in range(len(series) - 2, -1, -1):
        a, a_low, b, b_low = complex_product(value, s)
        a, a_low = added(a, a_low, series[k], lows[k])
        value = (a, a_low, b, b_low)
    return value


@njit(cache=True)
def precise_image(traps, w):
    """h(w)."""
    a, a_low, b, b_low = complex_product(w, w)
    a, a_low = added(0.25, 0.0, -a, -a_low)
    s = (a, a_low, -b, -b_low)
    a, a_low, b, b_low = complex_product(w, precise_horner(traps.odds, traps.odd_lows, s))
    if not traps.symmetric:
        c, c_low, d, d_low = precise_horner(traps.evens, traps.even_lows, s)
        a, a_low = added(a, a_low, c, c_low)
        b, b_low = added(b, b_low, d, d_low)
    return a, a_low, b, b_low


# Discs


@njit(cache=True)
def enclosed(traps, x, y, r, steps):
    """The label of all points of a disc, or UNDECIDED."""
    for _ in range(steps + 1):
        label = fate(traps, x, y, r)
        if label != UNDECIDED or not r < _WIDEST:
            return label
        r = spread(traps, x, y, r, 0.0, _UNIT)
        x, y = image(traps, x, y)
    return UNDECIDED


@njit(cache=True)
def enclosed_finely(traps, x, y, r, steps):
    """The same with the centre in pairs of doubles: for discs smaller than the rounding of doubles allows."""
    w = (x, 0.0, y, 0.0)
    for _ in range(steps + 1):
        x, x_low, y, y_low = w
        rest = abs(x_low) + abs(y_low)
        label = fate(traps, x, y, r + rest)
        if label != UNDECIDED or not r < _WIDEST:
            return label
        r = spread(traps, x, y, r, rest, _FINE_UNIT)
        w = precise_image(traps, w)
    return UNDECIDED


@njit(cache=True, inline="always")
def radius(x, y, wide, high):
    """The radius of a disc that holds the rectangle with this corner, for all the rounding of its place."""
    return sqrt(wide * wide + high * high) / 2 * _MORE + (abs(x) + abs(y) + wide + high) * 64 * _UNIT


@njit(cache=True)
def quarter(traps, x, y, wide, high, depth, most, counts):
    """The label of all of a rectangle with this lower left corner, or UNDECIDED.

    Parts of it that are decided are counted in `counts` by label, the smallest parts as one.
    """
    wide, high = wide / 2, high / 2
    label = enclosed(traps, x + wide, y + high, radius(x, y, 2 * wide, 2 * high), most)
    if label != UNDECIDED or depth == 0:
        counts[label + 2] += 4**depth
        return label
    label = quarter(traps, x, y, wide, high, depth - 1, most, counts)
    for k in range(1, 4):
        u, v = x + (k % 2) * wide, y + (k // 2) * high
        if quarter(traps, u, v, wide, high, depth - 1, most, counts) != label:
            label = UNDECIDED
    return label


@njit(cache=True)
def fill(traps, labels, i, j, n, x, y, wide, high, depth, most, counts):
    """Label the n × n pixels, so wide and high, from (i, j) on, of which x + iy is the lower left corner."""
    rows, columns = labels.shape
    if i >= rows or j >= columns:
        return
    if n == 1:
        labels[i, j] = quarter(traps, x, y, wide, high, depth, most, counts)
        return
    label, half = UNDECIDED, n // 2
    if i + n <= rows and j + n <= columns:
        r = radius(x, y, n * wide, n * high)
        label = enclosed(traps, x + half * wide, y + half * high, r, most)
    if label == UNDECIDED:
        for k in range(4):
            a, b = k // 2 * half, k % 2 * half
            u, v = x + b * wide, y + a * high
            fill(traps, labels, i + a, j + b, half, u, v, wide, high, depth, most, counts)
    else:
        labels[i : i + n, j : j + n] = label
        counts[label + 2] += n * n * 4**depth


@njit(cache=True, parallel=True)
def fill_blocks(traps, labels, left, bottom, wide, high, block, start, stop, depth, most, counts):
    """Label the blocks from `start` to `stop`, each of 2ᵏ × 2ᵏ pixels, shared out over the cores."""
    columns = -(-labels.shape[1] // block)
    for k in prange(start, stop):
        i, j = k // columns * block, k % columns * block
        x, y = left + j * wide, bottom + i * high
        fill(traps, labels, i, j, block, x, y, wide, high, depth, most, counts[k])


@njit(cache=True)
def farness(oblique, about, x, y):
    """|z − about|; or, where `oblique` ≥ 0, the least singular value of zI − [[1, oblique], [0, 0]]."""
    to_zero, to_one = sqrt((x + 0.5) ** 2 + y * y), sqrt((x - 0.5) ** 2 + y * y)
    if oblique < 0:
        return to_one if about else to_zero
    total, product = to_zero**2 + to_one**2 + oblique**2, to_zero * to_one
    return product / sqrt((total + sqrt(max(total**2 - 4 * product**2, 0.0))) / 2)


@njit(cache=True)
def all_far(oblique, about, rho, x, y, r):
    """Whether it is sure that `farness` exceeds rho < ½ on the disc of radius r about w = x + iy.

    With A = w² − ¼ and M the matrix of `farness`, det(MM* − ρ²I) = |A|² − ρ²(2|w|² + ½ + oblique²) + ρ⁴ =: F,
    positive where the least singular value exceeds ρ, and for |Δ| ≤ r

        F(w + Δ) ≥ F(w) − 4|Āw − ρ²w̄|r − 2(|A| + ρ²)r²,

    which loses little near the saddle w = 0, where the slope vanishes.
    """
    if oblique < 0:
        return farness(oblique, about, x, y) * (2 - _MORE) - r > rho
    m, s, t, q = x * x + y * y, x * x - y * y - 0.25, 2 * x * y, rho * rho
    size = sqrt(s * s + t * t)
    value = s * s + t * t - q * (2 * m + 0.5 + oblique**2) + q * q
    steep = 4 * sqrt((s * x + t * y - q * x) ** 2 + (s * y - t * x + q * y) ** 2) * r
    rounded = 2.0**-46 * (s * s + t * t + q * (2 * m + 1 + oblique**2))
    return value - steep * _MORE - 2 * (size + q) * r * r * _MORE > rounded


@njit(cache=True, inline="always")
def wanted(labels, oblique, about, x):
    """The label of the attractor to go to: `about`; for a projector 0 left of ½ and 1 right of it."""
    side = about if oblique < 0 else (1 if x > 0 else 0)
    return labels[side]


@njit(cache=True)
def held(traps, side, depth, most, oblique, about, labels, rho, lost):
    """Tell whether all z as near as rho are proved to go where they are wanted.

    Returns 1 where they are; −1 where some point, put into `lost`, is proved not to; 0 where neither
    was found.  The square of this side about ½ is quartered, level by level, wherever neither it is
    too far (`farness` changes at most by the distance) nor its fate is known.
    """
    xs, ys = np.empty(_CROWD), np.empty(_CROWD)
    xs[0] = ys[0] = -side / 2
    count = 1
    for _ in range(depth):
        open_x, open_y, found = np.empty(_CROWD), np.empty(_CROWD), 0
        for i in range(count):
            x, y = xs[i], ys[i]
            r = radius(x, y, side, side)
            x, y = x + side / 2, y + side / 2
            if all_far(oblique, about, rho, x, y, r):
                continue
            label = enclosed(traps, x, y, r, most)
            if label == UNDECIDED and side < _FINE:
                label = enclosed_finely(traps, x, y, r, most)
            want = wanted(labels, oblique, about, x)
            if label == want and (oblique < 0 or side < abs(x) + abs(y)):
                continue
            if farness(oblique, about, x, y) * _MORE <= rho:
                if label == UNDECIDED:
                    label = enclosed_finely(traps, x, y, 0.0, most)
                if label not in (UNDECIDED, want):
                    lost[0], lost[1] = x, y
                    return -1
            if found + 4 > _CROWD:
                return 0
            for k in range(4):
                open_x[found], open_y[found] = xs[i] + (k % 2) * side / 2, ys[i] + (k // 2) * side / 2
                found += 1
        if found == 0:
            return 1
        xs, ys, count, side = open_x, open_y, found, side / 2
    return 0
