"""Named matrices with answers in closed form, and polynomials to draw; helpers of every test."""

import shutil
import subprocess
from fractions import Fraction

import numpy as np
import pytest
import scipy.linalg
from hypothesis import strategies as st

from corrector import Corrector, Polynomial, derive, smoothstep

GOLDEN = np.array([[1.0, 1.0], [1.0, 0.0]])
"""P + D with D² = 0, yet g(K) = I − K and g(I − K) = K for ever: powers of D alone do not suffice."""


def oblique(m: int, rank: int, norm: float, seed: int = 0) -> np.ndarray:
    """A projector of this spectral norm in general position, correct to a few units of round-off."""
    rng = np.random.default_rng(seed)
    Q = np.linalg.qr(rng.standard_normal((m, m)))[0]
    core = np.zeros((m, m))
    core[:rank, :rank] = np.eye(rank)
    core[0, rank] = np.sqrt(norm**2 - 1)
    return Q @ core @ Q.T


def jordan(value: float, size: int) -> np.ndarray:
    return value * np.eye(size) + np.eye(size, k=1)


def with_spectrum(values: list[float], seed: int = 0) -> np.ndarray:
    """A symmetric matrix with these eigenvalues."""
    Q = np.linalg.qr(np.random.default_rng(seed).standard_normal((len(values),) * 2))[0]
    K = Q @ np.diag(values) @ Q.T
    return (K + K.T) / 2


def spectral_projector(K: np.ndarray) -> np.ndarray:
    """The projector for Re λ > ½ by an ordered Schur form: an independent way to it."""
    T, Z, rank = scipy.linalg.schur(K, output="complex", sort=lambda z: z.real > 0.5)
    core = np.zeros_like(T)
    core[:rank, :rank] = np.eye(rank)
    if 0 < rank < len(K):
        core[:rank, rank:] = scipy.linalg.solve_sylvester(T[:rank, :rank], -T[rank:, rank:], T[:rank, rank:])
    return Z @ core @ Z.conj().T


def of_structure(structure):
    """The Jordan matrix with these sizes of blocks by eigenvalue, its entries exact."""
    blocks = [(value, size) for value, sizes in structure.items() for size in sizes]
    J = np.full((sum(size for _, size in blocks),) * 2, Fraction(0), dtype=object)
    start = 0
    for value, size in blocks:
        here = np.arange(start, start + size)
        J[here, here] = Fraction(value)
        J[here[:-1], here[1:]] = Fraction(1)
        start += size
    return J


def hidden_by(kappa, J, seed):
    """J behind a random change of basis of this condition, in floating point."""
    m = len(J)
    rng = np.random.default_rng(seed)
    U, V = (np.linalg.qr(rng.standard_normal((m, m)))[0] for _ in range(2))
    B = U @ np.diag(np.geomspace(1, 1 / kappa, m)) @ V
    return B @ J.astype(float) @ np.linalg.inv(B)


def horner(coefficients: tuple[Fraction, ...], x: Fraction) -> Fraction:
    """The naive twin of `Polynomial.__call__`."""
    value = Fraction(0)
    for c in reversed(coefficients):
        value = value * x + c
    return value


def powers(alphas: tuple[Fraction, ...], K: np.ndarray) -> np.ndarray:
    """The naive twin of `Corrector.at_matrix`, as the paper writes it: Σ α_i Kⁱ."""
    total, power = K * 0, K
    for alpha in alphas:
        total = total + alpha * power
        power = power @ K
    return total


needs_pdflatex = pytest.mark.skipif(
    shutil.which("pdflatex") is None, reason="needs pdflatex on the PATH: TeX Live or MiKTeX"
)


def compiled(latex, folder):
    """The log of compiling a document, its lines unbroken."""
    (folder / "worked.tex").write_text(latex)
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "worked.tex"]
    result = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout[-2000:]
    assert (folder / "worked.pdf").stat().st_size > 0
    return (folder / "worked.log").read_text(errors="replace")


def counting_products() -> tuple[type[np.ndarray], list[int]]:
    """An array type, and the list to which each matrix product with it adds."""
    counted: list[int] = []

    class Counting(np.ndarray):
        def __matmul__(self, other):
            counted.append(1)
            return np.matmul(self, other).view(Counting)

    return Counting, counted


rationals = st.fractions(min_value=-4, max_value=4, max_denominator=12)
polynomials = st.lists(rationals, min_size=1, max_size=9).map(Polynomial)
any_correctors = st.lists(rationals, min_size=1, max_size=9).filter(any).map(Corrector)


@st.composite
def members(draw: st.DrawFn, max_order: int = 4, max_free: int = 3) -> Corrector:
    """A corrector of drawn order, degree and free parameters."""
    order = draw(st.integers(1, max_order))
    family = derive(order, 2 * order + 1 + draw(st.integers(0, max_free)))
    return family.member(**{name: draw(rationals) for name in family.parameters})


smoothsteps = st.integers(1, 8).map(smoothstep)


@st.composite
def rational_matrices(draw: st.DrawFn, max_size: int = 4) -> np.ndarray:
    m = draw(st.integers(1, max_size))
    entries = draw(st.lists(rationals, min_size=m * m, max_size=m * m))
    return np.array(entries, dtype=object).reshape(m, m)


@st.composite
def rational_projectors(draw: st.DrawFn, max_size: int = 4) -> np.ndarray:
    """An exact idempotent, oblique in general: [[I, X], [0, 0]] seen from a sheared basis."""
    m = draw(st.integers(1, max_size))
    r = draw(st.integers(0, m))
    count = r * (m - r)
    X, Y = (
        np.array(draw(st.lists(rationals, min_size=count, max_size=count)), dtype=object) for _ in range(2)
    )
    P, shear, back = (np.array([[Fraction(i == j) for j in range(m)] for i in range(m)]) for _ in range(3))
    P[:r, r:], P[r:, r:] = X.reshape(r, m - r), Fraction(0)
    shear[r:, :r], back[r:, :r] = Y.reshape(m - r, r), -Y.reshape(m - r, r)
    return shear @ P @ back
