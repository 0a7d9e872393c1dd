"""Matrices that should be projectors."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import scipy.linalg
import torch
from numpy.linalg import inv, norm, pinv, qr

from tests.problems import oblique

from .fault import Fault


def tall(m: int, r: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((m, r))


def vector(m: int, seed: int = 0) -> np.ndarray:
    return tall(m, 1, seed)[:, 0]


def unit(m: int, seed: int = 0) -> np.ndarray:
    return vector(m, seed) / norm(vector(m, seed))


def complex_tall(m: int, r: int) -> np.ndarray:
    return tall(m, r, 1) + 1j * tall(m, r, 2)


def orthonormal(m: int, r: int, seed: int = 0) -> np.ndarray:
    return qr(tall(m, r, seed))[0]


def orthogonal(m: int, r: int, seed: int = 0) -> np.ndarray:
    """The orthogonal projector onto a random subspace."""
    Q = orthonormal(m, r, seed)
    return Q @ Q.T


def off(P: np.ndarray, i: int, j: int, by: float) -> np.ndarray:
    K = P.copy()
    K[i, j] += by
    return K


def onto(A: np.ndarray, ridge: float = 0.0) -> np.ndarray:
    return A @ inv(A.T @ A + ridge * np.eye(A.shape[1])) @ A.T


def along(A: np.ndarray, B: np.ndarray) -> np.ndarray:
    """The projector onto the columns of A along the complement of those of B."""
    return A @ inv(B.T @ A) @ B.T


def weighted(A: np.ndarray, left: float, right: float) -> np.ndarray:
    """W^left A (AᵀWA)⁻¹ Aᵀ W^right: a projector if left + right = 1."""
    w = np.arange(1.0, len(A) + 1)
    return w[:, None] ** left * A @ inv(A.T @ (w[:, None] * A)) @ A.T * w**right


def gram_schmidt(A: np.ndarray, *, subtract: bool = True, scale: bool = True) -> np.ndarray:
    """QQᵀ with the columns of Q made orthonormal one after the other, twice for the sake of rounding."""
    columns: list[np.ndarray] = []
    for a in A.T:
        for q in columns * 2 if subtract else ():
            a = a - q * (q @ a)
        columns.append(a / norm(a) if scale or not columns else a)
    Q = np.array(columns).T
    return Q @ Q.T


def nonsymmetric(m: int) -> np.ndarray:
    """A matrix with the eigenvalues 1, …, m in a skew basis."""
    T = np.eye(m) + 0.4 * tall(m, m) / np.sqrt(m)
    return T @ np.diag(np.arange(1.0, m + 1)) @ inv(T)


def hamiltonian(m: int) -> np.ndarray:
    """A symmetric matrix with half its eigenvalues at −1 and below, half at 1 and above."""
    Q = orthonormal(m, m)
    values = np.linspace(1, 2, m // 2)
    return Q @ np.diag([*-values, *values]) @ Q.T


def occupied(H: np.ndarray, beta: float) -> np.ndarray:
    values, V = np.linalg.eigh(H)
    return V * scipy.special.expit(-beta * values) @ V.T


def purified(K: np.ndarray, steps: int, sign: int = -1) -> np.ndarray:
    for _ in range(steps):
        K = 3 * K @ K + sign * 2 * K @ K @ K
    return K


def by_sign(H: np.ndarray, steps: int) -> np.ndarray:
    S = H / norm(H, 2)
    for _ in range(steps):
        S = (S + inv(S)) / 2
    return (np.eye(len(H)) + S) / 2


def riesz(A: np.ndarray, nodes: int) -> np.ndarray:
    """The contour integral of the resolvent over the circle of radius 1.5, for eigenvalues 1 and above."""
    z = 1.5 * np.exp(2j * np.pi * (np.arange(nodes) + 0.5) / nodes)
    return np.mean([w * inv(w * np.eye(len(A)) - A) for w in z], axis=0)


def lowpass(m: int, gains: list[float], scale: float = 1.0) -> np.ndarray:
    F = scipy.linalg.dft(m) / np.sqrt(m)
    mask = np.zeros(m)
    mask[: len(gains)] = gains
    return F.conj().T * mask @ F * scale


def cycle(m: int, powers: list[int], divisor: int) -> np.ndarray:
    """The average over powers of a cyclic shift, exactly."""
    total = sum(np.roll(np.eye(m, dtype=int), k, axis=0) for k in powers)
    return np.array([[Fraction(int(a), divisor) for a in row] for row in total])


def exact(rows: list[list[int | Fraction]]) -> np.ndarray:
    return np.array([[Fraction(a) for a in row] for row in rows])


def markov(m: int) -> np.ndarray:
    T = np.random.default_rng(3).uniform(0.1, 1, (m, m))
    return T / T.sum(1, keepdims=True)


def stationary(m: int) -> np.ndarray:
    T = markov(m)
    A = np.vstack([T.T - np.eye(m), np.ones(m)])
    return np.linalg.lstsq(A, np.eye(m + 1)[m], rcond=None)[0]


def leray(power: int, *, zero: bool = False) -> np.ndarray:
    """I − kkᵀ/|k|², at wave vectors k of a grid, for a field without divergence."""
    k = np.stack(np.meshgrid([1.0, 2, 3], [-1.0, 0, 1], indexing="ij"), axis=-1)
    K = np.eye(2) - k[..., :, None] * k[..., None, :] / norm(k, axis=-1)[..., None, None] ** power
    if zero:
        K[0, 0] += np.eye(2)
    return K


def legendre(degree: int, *, scaled: bool) -> np.ndarray:
    """VD Vᵀ W: fitted Legendre polynomials of these degrees, at 8 Gauss nodes."""
    x, w = np.polynomial.legendre.leggauss(8)
    V = np.polynomial.legendre.legvander(x, degree)
    scales = (2 * np.arange(degree + 1) + 1) / 2 if scaled else np.ones(degree + 1)
    return V * scales @ V.T * w


def overlap(m: int, r: int, *, metric: bool) -> np.ndarray:
    """CCᵀ(S) with orbitals C that are orthonormal in the metric S."""
    S = np.eye(m) + 0.3 * np.eye(m, k=1) + 0.3 * np.eye(m, k=-1)
    C = scipy.linalg.eigh(hamiltonian(m), S)[1][:, :r]
    return C @ C.T @ S if metric else C @ C.T


def grids(*, weighting: bool) -> np.ndarray:
    """Linear interpolation from 4 points to 7 after a restriction: injection, or full weighting."""
    up = np.maximum(0, 1 - np.abs(np.arange(7)[:, None] / 2 - np.arange(4)))
    down = up.T / up.sum(0)[:, None] if weighting else np.eye(7)[::2]
    return up @ down


def spline(*, penalty: float | None) -> np.ndarray:
    """A smoother by second differences; without a penalty the straight line it tends to."""
    if penalty is None:
        return onto(np.vander(np.linspace(-1, 1, 9), 2))
    D = np.diff(np.eye(9), 2, axis=0)
    return inv(np.eye(9) + penalty * D.T @ D)


def selection(indices: list[int]) -> np.ndarray:
    S = np.eye(5)[indices]
    return S.T @ S


def batch(bad: tuple[int, ...] | None, shape: tuple[int, ...], by: float) -> np.ndarray:
    K = np.empty((*shape, 4, 4))
    for seed, index in enumerate(np.ndindex(*shape)):
        K[index] = oblique(4, 2, 2.0, seed)
    if bad is not None:
        K[bad] *= 1 + by
    return K


def noise(m: int, size: float) -> np.ndarray:
    return size * tall(m, m, 9) / np.sqrt(m)


def complemented(B: np.ndarray, *, wrong: bool) -> np.ndarray:
    """[[I, B], [0, 0]], or with the identity in both corners."""
    r, s = B.shape
    return np.block([[np.eye(r), B], [np.zeros((s, r)), np.eye(s) if wrong else np.zeros((s, s))]])


def in_bfloat16(K: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(K).bfloat16().float()


PAIRS = [
    ("inverse-missing", lambda: tall(7, 3) @ tall(7, 3).T, lambda: onto(tall(7, 3))),
    (
        "gram-matrix-not-inverted",
        lambda: tall(6, 2) @ (tall(6, 2).T @ tall(6, 2)) @ tall(6, 2).T,
        lambda: onto(tall(6, 2)),
    ),
    ("ridge-left-in", lambda: onto(tall(8, 3), 1e-3), lambda: onto(tall(8, 3))),
    ("ridge-of-1e-8", lambda: onto(tall(8, 3), 1e-8), lambda: onto(tall(8, 3))),
    (
        "vector-not-normalised",
        lambda: np.outer(vector(5), vector(5)),
        lambda: np.outer(unit(5), unit(5)),
    ),
    (
        "vector-divided-by-its-norm-once",
        lambda: np.outer(vector(5), vector(5)) / norm(vector(5)),
        lambda: np.outer(unit(5), unit(5)),
    ),
    (
        "vector-normalised-in-another-norm",
        lambda: np.outer(vector(4), vector(4)) / norm(vector(4), 1) ** 2,
        lambda: np.outer(vector(4), vector(4)) / norm(vector(4), 2) ** 2,
    ),
    (
        "reflection",
        lambda: np.eye(6) - 2 * np.outer(unit(6), unit(6)),
        lambda: np.eye(6) - np.outer(unit(6), unit(6)),
    ),
    (
        "complement-sign",
        lambda: np.eye(6) + np.outer(unit(6), unit(6)),
        lambda: np.eye(6) - np.outer(unit(6), unit(6)),
    ),
    ("rows-swapped", lambda: orthogonal(6, 3)[[1, 0, 2, 3, 4, 5]], lambda: orthogonal(6, 3)),
    (
        "one-entry-s-sign",
        lambda: off(P := orthogonal(7, 3), 2, 5, -2 * P[2, 5]),
        lambda: orthogonal(7, 3),
    ),
    ("upper-triangle-only", lambda: np.triu(orthogonal(5, 2)), lambda: orthogonal(5, 2)),
    ("mean-over-n-minus-1", lambda: np.full((6, 6), 1 / 5), lambda: np.full((6, 6), 1 / 6)),
    ("centring-by-n-minus-1", lambda: np.eye(6) - 1 / 5, lambda: np.eye(6) - 1 / 6),
    ("centring-by-the-sum", lambda: np.eye(4) - 1.0, lambda: np.eye(4) - 0.25),
    (
        "gram-matrix-of-the-wrong-side",
        lambda: tall(6, 2) @ inv(tall(6, 2).T @ tall(6, 2)) @ tall(6, 2, 1).T,
        lambda: along(tall(6, 2), tall(6, 2, 1)),
    ),
    ("weights-forgotten-at-the-end", lambda: weighted(tall(7, 3), 0, 0), lambda: weighted(tall(7, 3), 0, 1)),
    ("weights-squared-at-the-end", lambda: weighted(tall(7, 3), 0, 2), lambda: weighted(tall(7, 3), 0, 1)),
    (
        "root-of-the-weights-on-one-side",
        lambda: weighted(tall(7, 3), 0.5, 1),
        lambda: weighted(tall(7, 3), 0.5, 0.5),
    ),
    (
        "pseudo-inverse-of-noisier-data",
        lambda: (A := tall(8, 2) @ tall(2, 4)) @ pinv(A + 1e-6 * tall(8, 4, 5), rcond=1e-12),
        lambda: (A := tall(8, 2) @ tall(2, 4)) @ pinv(A, rcond=1e-12),
    ),
    (
        "eigenvectors-taken-as-orthonormal",
        lambda: (V := np.linalg.eig(nonsymmetric(5))[1][:, :2]) @ V.T,
        lambda: (V := np.linalg.eig(nonsymmetric(5))[1])[:, :2] @ inv(V)[:2],
    ),
    (
        "transposed-without-conjugate",
        lambda: (Q := qr(complex_tall(6, 2))[0]) @ Q.T,
        lambda: (Q := qr(complex_tall(6, 2))[0]) @ Q.conj().T,
    ),
    (
        "complex-vector-without-conjugate",
        lambda: np.outer(v := complex_tall(4, 1)[:, 0], v) / norm(v) ** 2,
        lambda: np.outer(v := complex_tall(4, 1)[:, 0], v.conj()) / norm(v) ** 2,
    ),
    (
        "complex-phase",
        lambda: (Q := qr(complex_tall(5, 2))[0]) @ Q.conj().T * np.exp(1e-6j),
        lambda: (Q := qr(complex_tall(5, 2))[0]) @ Q.conj().T,
    ),
    (
        "left-and-right-eigenvector-unpaired",
        lambda: np.outer(unit(5), unit(5, 1)),
        lambda: np.outer(unit(5), unit(5, 1)) / (unit(5) @ unit(5, 1)),
    ),
    ("rounded-to-3-digits", lambda: np.round(orthogonal(8, 4), 3), lambda: orthogonal(8, 4)),
    ("rounded-to-9-digits", lambda: np.round(orthogonal(8, 4), 9), lambda: orthogonal(8, 4)),
    (
        "stored-in-float32",
        lambda: oblique(6, 3, 2.0).astype(np.float32).astype(np.float64),
        lambda: oblique(6, 3, 2.0).astype(np.float32),
    ),
    (
        "stored-in-float16",
        lambda: oblique(6, 3, 2.0).astype(np.float16).astype(np.float32),
        lambda: oblique(6, 3, 2.0).astype(np.float16),
    ),
    (
        "stored-in-bfloat16",
        lambda: in_bfloat16(orthogonal(6, 3)),
        lambda: torch.from_numpy(orthogonal(6, 3)).bfloat16(),
    ),
    (
        "sum-of-projectors-not-orthogonal",
        lambda: np.outer(unit(5), unit(5)) + np.outer(unit(5, 1), unit(5, 1)),
        lambda: onto(np.stack([unit(5), unit(5, 1)], axis=1)),
    ),
    (
        "product-of-projectors-that-do-not-commute",
        lambda: orthogonal(6, 3) @ orthogonal(6, 4, 1),
        lambda: np.diag([1.0, 1, 0, 1, 0, 1]) @ np.diag([0.0, 1, 1, 1, 0, 1]),
    ),
    (
        "average-of-two-projectors",
        lambda: (orthogonal(5, 2) + orthogonal(5, 2, 1)) / 2,
        lambda: orthogonal(5, 2),
    ),
    (
        "moving-average-with-identity",
        lambda: 0.999 * oblique(5, 2, 3.0) + 0.001 * np.eye(5),
        lambda: oblique(5, 2, 3.0),
    ),
    ("diagonal-off-by-one", lambda: np.eye(6, k=1), lambda: np.diag([1.0, 1, 1, 0, 0, 0])),
    (
        "gram-schmidt-without-scaling",
        lambda: gram_schmidt(tall(6, 3), scale=False),
        lambda: gram_schmidt(tall(6, 3)),
    ),
    (
        "gram-schmidt-without-subtracting",
        lambda: gram_schmidt(tall(6, 3), subtract=False),
        lambda: gram_schmidt(tall(6, 3)),
    ),
    (
        "kronecker-product-with-a-reflection",
        lambda: np.kron(orthogonal(3, 1), np.diag([1.0, -1, 1])),
        lambda: np.kron(orthogonal(3, 1), np.diag([1.0, 0, 1])),
    ),
    (
        "corner-of-a-block-diagonal",
        lambda: scipy.linalg.block_diag(oblique(5, 2, 2.0), orthogonal(6, 2), 1 + 1e-6),
        lambda: scipy.linalg.block_diag(oblique(5, 2, 2.0), orthogonal(6, 2), 1.0),
    ),
    ("last-of-a-batch", lambda: batch((6,), (7,), 1e-5), lambda: batch(None, (7,), 0)),
    ("one-of-a-grid", lambda: batch((2, 1), (3, 4), 1e-9), lambda: batch(None, (3, 4), 0)),
    (
        "exact-entry-off-by-10^-12",
        lambda: exact([[1, 2], [0, Fraction(1, 10**12)]]),
        lambda: exact([[1, 2], [0, 0]]),
    ),
    ("shear", lambda: [[1, 1], [0, 1]], lambda: [[1, 1], [0, 0]]),
    (
        "integers-off-by-one",
        lambda: np.array([[2, -2, -4], [-1, 3, 4], [1, -2, -4]]),
        lambda: np.array([[2, -2, -4], [-1, 3, 4], [1, -2, -3]]),
    ),
    ("group-without-an-element", lambda: cycle(3, [0, 1], 2), lambda: cycle(3, [0, 1, 2], 3)),
    (
        "group-with-the-identity-twice",
        lambda: cycle(4, [0, 0, 1, 2, 3], 5),
        lambda: cycle(4, [0, 1, 2, 3], 4),
    ),
    ("restriction-by-full-weighting", lambda: grids(weighting=True), lambda: grids(weighting=False)),
    ("fourier-transform-not-unitary", lambda: lowpass(8, [1, 1, 1], 8), lambda: lowpass(8, [1, 1, 1])),
    ("fourier-mask-tapered", lambda: lowpass(9, [1, 1, 0.5]), lambda: lowpass(9, [1, 1, 1])),
    ("smoother-for-a-regression", lambda: spline(penalty=10.0), lambda: spline(penalty=None)),
    (
        "fermi-function-hot",
        lambda: occupied(hamiltonian(8), 8.0),
        lambda: occupied(hamiltonian(8), 400.0),
    ),
    (
        "fermi-function-nearly-cold",
        lambda: occupied(hamiltonian(8), 20.0),
        lambda: occupied(hamiltonian(8), 400.0),
    ),
    (
        "both-spins-counted",
        lambda: 2 * occupied(hamiltonian(6), 400.0),
        lambda: occupied(hamiltonian(6), 400.0),
    ),
    ("overlap-forgotten", lambda: overlap(6, 3, metric=False), lambda: overlap(6, 3, metric=True)),
    (
        "purification-a-step-short",
        lambda: purified(orthogonal(6, 3) + noise(6, 0.02), 2),
        lambda: purified(orthogonal(6, 3) + noise(6, 0.02), 6),
    ),
    (
        "purification-with-a-sign",
        lambda: purified(orthogonal(6, 3) + noise(6, 1e-4), 1, sign=1),
        lambda: purified(orthogonal(6, 3) + noise(6, 1e-4), 6),
    ),
    ("sign-iteration-stopped", lambda: by_sign(hamiltonian(6), 4), lambda: by_sign(hamiltonian(6), 12)),
    ("contour-with-few-nodes", lambda: riesz(nonsymmetric(4), 16), lambda: riesz(nonsymmetric(4), 200)),
    (
        "identity-in-both-corners",
        lambda: complemented(tall(2, 3), wrong=True),
        lambda: complemented(tall(2, 3), wrong=False),
    ),
    (
        "oblique-made-symmetric",
        lambda: (oblique(6, 3, 3.0) + oblique(6, 3, 3.0).T) / 2,
        lambda: oblique(6, 3, 3.0),
    ),
    (
        "normal-vector-from-float16",
        lambda: np.eye(4) - np.outer(n := unit(4).astype(np.float16).astype(np.float64), n),
        lambda: np.eye(4) - np.outer(unit(4), unit(4)),
    ),
    (
        "float32-scaled-by-1e-4",
        lambda: orthogonal(9, 4).astype(np.float32) * np.float32(1.0001),
        lambda: orthogonal(9, 4).astype(np.float32),
    ),
    (
        "float16-scaled-by-5-percent",
        lambda: orthogonal(5, 2).astype(np.float16) * np.float16(1.05),
        lambda: orthogonal(5, 2).astype(np.float16),
    ),
    (
        "float16-scaled-by-1-percent",
        lambda: orthogonal(5, 2).astype(np.float16) * np.float16(1.01),
        lambda: orthogonal(5, 2).astype(np.float16),
    ),
    (
        "complex64-off-by-1e-4",
        lambda: (lowpass(6, [1, 1]) + 1e-4 * np.eye(6)).astype(np.complex64),
        lambda: lowpass(6, [1, 1]).astype(np.complex64),
    ),
    (
        "markov-chain-not-at-its-limit",
        lambda: np.linalg.matrix_power(markov(5), 10),
        lambda: np.outer(np.ones(5), stationary(5)),
    ),
    (
        "stationary-weights-not-summing-to-1",
        lambda: np.outer(np.ones(5), stationary(5) / stationary(5).max()),
        lambda: np.outer(np.ones(5), stationary(5)),
    ),
    (
        "constraint-without-its-gram-matrix",
        lambda: np.eye(6) - tall(6, 2) @ tall(6, 2).T,
        lambda: np.eye(6) - tall(6, 2) @ pinv(tall(6, 2)),
    ),
    ("wave-vector-divided-by-|k|", lambda: leray(1), lambda: leray(2)),
    ("one-wave-vector-added-twice", lambda: leray(2, zero=True), lambda: leray(2)),
    ("polynomials-not-scaled", lambda: legendre(3, scaled=False), lambda: legendre(3, scaled=True)),
    ("index-selected-twice", lambda: selection([0, 2, 2]), lambda: selection([0, 2])),
    (
        "pooling-by-sums",
        lambda: np.kron(np.eye(3), np.ones((2, 2))),
        lambda: np.kron(np.eye(3), np.full((2, 2), 0.5)),
    ),
    (
        "symmetric-noise-of-1e-9",
        lambda: orthogonal(10, 5) + (E := noise(10, 1e-9)) + E.T,
        lambda: orthogonal(10, 5),
    ),
    ("entry-off-by-1e-9", lambda: off(oblique(7, 3, 5.0), 3, 3, 1e-9), lambda: oblique(7, 3, 5.0)),
    ("oblique-scaled-by-1e-9", lambda: oblique(8, 4, 10.0) * (1 + 1e-9), lambda: oblique(8, 4, 10.0)),
    (
        "very-oblique-scaled-by-1e-6",
        lambda: oblique(8, 4, 1000.0) * (1 + 1e-6),
        lambda: oblique(8, 4, 1000.0),
    ),
    (
        "very-oblique-scaled-by-1e-9",
        lambda: oblique(8, 4, 1000.0) * (1 + 1e-9),
        lambda: oblique(8, 4, 1000.0),
    ),
    (
        "very-oblique-with-an-eigenvalue-of-1e-6",
        lambda: oblique(6, 3, 1000.0) + 1e-6 * orthogonal(6, 1, 4),
        lambda: oblique(6, 3, 1000.0),
    ),
    ("half-in-place-of-one", lambda: np.diag([1.0, 0.5, 0]), lambda: np.diag([1.0, 1, 0])),
    ("nilpotent-remnant", lambda: off(np.diag([1.0, 0, 0]), 1, 2, 1e-7), lambda: np.diag([1.0, 0, 0])),
    ("all-entries-1e-8", lambda: np.full((3, 3), 1e-8), lambda: np.zeros((3, 3))),
    ("number-beside-1", lambda: np.array([[1 - 1e-9]]), lambda: np.array([[1.0]])),
]

MATRICES = [Fault("matrix", *pair) for pair in PAIRS]
