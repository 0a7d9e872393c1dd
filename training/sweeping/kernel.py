"""The gradients of the rules for many small perceptrons at once, compiled: activations never leave the cache.

A step of a network of 30 parameters is all overhead in a tensor library, and a batched step moves every
intermediate through memory.  Here samples go through a network a block at a time, features by samples, so
that loops over the samples of a block are vectorised and its activations stay in the first cache.

Written from the rules' formulas, not from their implementation: `training.rules` is what it is tested by.

Floor: a pass of a perceptron with w weights takes w fused multiplications and additions a sample, a backward
pass twice that (less the first layer's, which has no gradient in x), at a vector of samples an instruction.

All of it is one file because numba's cache notices changes only in the file of the function it holds.
"""

from __future__ import annotations

import numpy as np
from numba import njit

BLOCK = 512
"""Samples at a time."""

NOTHING, TANH, LEAKY = 0, 1, 2
"""What comes after a layer."""

PULLED, ORDINARY, INNER, OUTER = 0, 1, 2, 3
"""The rules; those that pull to a target differ by the corrector alone."""

_SUMS = {"reassoc", "contract"}
"""Sums may be taken in any order, which vectorising needs; nan and infinity stay what they are."""


@njit(cache=True, fastmath=_SUMS, error_model="numpy")
def gradients(weights, x, layers, slopes, alphas, rule, scale, into):
    """Fill `into` with each member's gradient, and return each one's idempotent error.

    Args:
        weights: parameters, a member a row, shape (member, parameter), in the order of `layers`.
        x: the batch, shape (n, sample): a column is an input, the same for every member.
        layers: rows (inputs, outputs, where the weight begins, the bias or −1, what comes after).
        slopes: of LEAKY, for each layer.
        alphas: α_1, …, α_d of the corrector of PULLED, at least two.
        rule: PULLED, ORDINARY, INNER or OUTER.
        scale: what the gradient in y of ½‖·‖² is multiplied by.
        into: like weights.
    """
    kind = weights.dtype.type
    members, samples = weights.shape[0], x.shape[1]
    depth, size = layers.shape[0], x.shape[0]
    widest = size
    widest = max(widest, layers[:, 1].max())
    first = np.empty((depth + 1, widest, BLOCK), weights.dtype)
    second = np.empty((depth + 1, widest, BLOCK), weights.dtype)
    slope = np.empty((2, widest, BLOCK), weights.dtype)
    pull = np.empty((widest, BLOCK), weights.dtype)
    errors = np.empty(members, np.float64)
    factor = kind(scale)
    for m in range(members):
        w, gradient = weights[m], into[m]
        gradient[:] = kind(0)
        total = 0.0
        for start in range(0, samples, BLOCK):
            n = min(BLOCK, samples - start)
            for i in range(size):
                for s in range(n):
                    first[0, i, s] = x[i, start + s]
            _forward(w, layers, slopes, first, n)
            second[0, :size, :n] = first[depth, :size, :n]
            _forward(w, layers, slopes, second, n)
            total += _residual(first[depth], second[depth], pull, size, n)
            if rule == PULLED:
                _pull(w, layers, slopes, alphas, first[depth], second, pull, size, n)
                slope[depth % 2, :size, :n] = factor * pull[:size, :n]
                _backward(w, layers, slopes, first, slope, gradient, n, to_weights=True, to_input=False)
                continue
            slope[depth % 2, :size, :n] = factor * pull[:size, :n]
            _backward(w, layers, slopes, second, slope, gradient, n, rule != INNER, rule != OUTER)
            if rule != OUTER:
                slope[depth % 2, :size, :n] = slope[0, :size, :n] - factor * pull[:size, :n]
                _backward(w, layers, slopes, first, slope, gradient, n, to_weights=True, to_input=False)
        errors[m] = total / (samples * size)
    return errors


@njit(cache=True, fastmath=_SUMS, error_model="numpy")
def _forward(w, layers, slopes, values, n):
    """Fill values[k + 1] = activation(W values[k] + b), for each layer k."""
    kind = w.dtype.type
    for k in range(layers.shape[0]):
        inputs, outputs, at, bias, after = layers[k]
        for j in range(outputs):
            row = values[k + 1, j]
            row[:n] = w[bias + j] if bias >= 0 else kind(0)
            _add_products(row, w, at + j * inputs, 1, values[k], inputs, n)
            if after == TANH:
                for s in range(n):
                    row[s] = _tanh(row[s], kind)
            elif after == LEAKY:
                lean = kind(slopes[k])
                for s in range(n):
                    row[s] = row[s] if row[s] > 0 else lean * row[s]


@njit(cache=True, fastmath=_SUMS, error_model="numpy")
def _backward(w, layers, slopes, values, slope, gradient, n, to_weights, to_input):
    """Add to `gradient` what slope[depth % 2], the gradient in the last values, makes of it.

    The gradients in the values of layer k pass through slope[k % 2]; that in the input ends in slope[0].
    """
    kind = w.dtype.type
    one = kind(1)
    for k in range(layers.shape[0] - 1, -1, -1):
        inputs, outputs, at, bias, after = layers[k]
        above, below = slope[(k + 1) % 2], slope[k % 2]
        for j in range(outputs):
            g, y = above[j], values[k + 1, j]
            if after == TANH:
                for s in range(n):
                    g[s] *= one - y[s] * y[s]
            elif after == LEAKY:
                lean = kind(slopes[k])
                for s in range(n):
                    g[s] = g[s] if y[s] > 0 else lean * g[s]
            if to_weights:
                if bias >= 0:
                    total = kind(0)
                    for s in range(n):
                        total += g[s]
                    gradient[bias + j] += total
                _add_sums(gradient, at + j * inputs, values[k], inputs, g, n)
        if k > 0 or to_input:
            for i in range(inputs):
                into = below[i]
                into[:n] = kind(0)
                _add_products(into, w, at + i, inputs, above, outputs, n)


@njit(cache=True, fastmath=_SUMS, error_model="numpy")
def _add_products(row, w, at, stride, values, count, n):
    """Add Σ_i w[at + i·stride] values[i] to row, five terms at a time: many of the sources' layers have 5."""
    i = 0
    while i + 5 <= count:
        a, b, c = w[at + i * stride], w[at + (i + 1) * stride], w[at + (i + 2) * stride]
        d, e = w[at + (i + 3) * stride], w[at + (i + 4) * stride]
        v, x, y, z, u = values[i], values[i + 1], values[i + 2], values[i + 3], values[i + 4]
        for s in range(n):
            row[s] += a * v[s] + b * x[s] + c * y[s] + d * z[s] + e * u[s]
        i += 5
    while i < count:
        a, v = w[at + i * stride], values[i]
        for s in range(n):
            row[s] += a * v[s]
        i += 1


@njit(cache=True, fastmath=_SUMS, error_model="numpy")
def _add_sums(sums, at, values, count, g, n):
    """Add Σ_s g[s] values[i, s] to sums[at + i], five at a time."""
    kind = g.dtype.type
    i = 0
    while i + 5 <= count:
        a, b, c, d, e = kind(0), kind(0), kind(0), kind(0), kind(0)
        v, x, y, z, u = values[i], values[i + 1], values[i + 2], values[i + 3], values[i + 4]
        for s in range(n):
            a += g[s] * v[s]
            b += g[s] * x[s]
            c += g[s] * y[s]
            d += g[s] * z[s]
            e += g[s] * u[s]
        sums[at + i] += a
        sums[at + i + 1] += b
        sums[at + i + 2] += c
        sums[at + i + 3] += d
        sums[at + i + 4] += e
        i += 5
    while i < count:
        a, v = kind(0), values[i]
        for s in range(n):
            a += g[s] * v[s]
        sums[at + i] += a
        i += 1


@njit(cache=True, fastmath=_SUMS, error_model="numpy")
def _residual(y, z, pull, size, n):
    """Fill pull = z − y; return its square sum."""
    total = 0.0
    for i in range(size):
        part = y.dtype.type(0)
        for s in range(n):
            pull[i, s] = z[i, s] - y[i, s]
            part += pull[i, s] * pull[i, s]
        total += part
    return total


@njit(cache=True, fastmath=_SUMS, error_model="numpy")
def _pull(w, layers, slopes, alphas, y, values, pull, size, n):
    """Fill pull = y − Σ α_k f^{k−1}(y), f(y) being the last of `values`."""
    kind, depth = w.dtype.type, layers.shape[0]
    rest, alpha = kind(1 - alphas[0]), kind(alphas[1])
    for i in range(size):
        for s in range(n):
            pull[i, s] = rest * y[i, s] - alpha * values[depth, i, s]
    for k in range(2, len(alphas)):
        values[0, :size, :n] = values[depth, :size, :n]
        _forward(w, layers, slopes, values, n)
        alpha = kind(alphas[k])
        if alphas[k]:
            for i in range(size):
                for s in range(n):
                    pull[i, s] -= alpha * values[depth, i, s]


@njit(cache=True, fastmath=_SUMS, error_model="numpy", inline="always")
def _tanh(x, kind):
    """Tanh, from its continued fraction at x/32 by t ↦ 2t/(1 + t²), which doubles the argument and no error.

    The fraction is off by 5e-15 at most; beyond 20 tanh is 1 in double precision.
    """
    one, two, end = kind(1), kind(2), kind(20)
    u = end if x > end else (-end if x < -end else x)
    u = u * kind(1 / 32)
    v = u * u
    above = ((v + kind(378)) * v + kind(17325)) * v + kind(135135)
    below = ((kind(28) * v + kind(3150)) * v + kind(62370)) * v + kind(135135)
    t = u * above / below
    t = two * t / (one + t * t)
    t = two * t / (one + t * t)
    t = two * t / (one + t * t)
    t = two * t / (one + t * t)
    return two * t / (one + t * t)
