"""Certificates of random and adversarial matrices against the truth, in ball arithmetic of 1000 bits.

    .venv/bin/python -m tests.benchmarks.certificates [--cases 100000]

The truth is Newton's iteration S ← (S + S⁻¹)/2 on S = 2K − I, with the numbers of K taken as they are
stored.  A certificate is false if the rank is another one or the projector is farther than the radius.
"""

from __future__ import annotations

import os
from concurrent.futures import ProcessPoolExecutor
from functools import partial

import click
import numpy as np
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from analysis import certify
from tests.problems import GOLDEN, jordan, oblique
from tests.truth import spectral_distance

_BATCH = 250
_UP = 1 + 1e-9
"""Room for the rounding of the norm that the truth is measured in, and for K's own residual."""

Outcome = tuple[str, bool, bool, bool, float]
"""Family, residual below 0.2, certified, false, radius over the true distance."""


def near(rng: np.random.Generator) -> np.ndarray:
    """An oblique projector of norm 1 to 10⁴ and a perturbation that keeps the residual moderate."""
    m, norm = int(rng.integers(2, 13)), 10 ** rng.uniform(0, 4)
    D = noise(rng, m)
    P = oblique(m, int(rng.integers(1, m)), norm, int(rng.integers(2**31)))
    return P + D * 10 ** rng.uniform(-12, 0) / np.linalg.norm(D, 2) / norm


def near_half(rng: np.random.Generator) -> np.ndarray:
    """Eigenvalues within 10⁻¹² to 0.3 of ½, in a basis of condition 1 to 10³."""
    m = int(rng.integers(1, 9))
    values = 0.5 + rng.choice([-1, 1], m) * np.minimum(10 ** rng.uniform(-12, 0, m), 0.6)
    return in_basis(rng, np.diag(values))


def blocks(rng: np.random.Generator) -> np.ndarray:
    """Jordan blocks at 0, 1 and around ½, their couplings scaled, in a basis of condition 1 to 10³."""
    sizes = rng.integers(1, 4, int(rng.integers(1, 4)))
    values = rng.choice([0, 1, 0.5, 0.49, 0.51, 0.2, 0.8], len(sizes))
    K = np.zeros((sizes.sum(), sizes.sum()))
    for at, size, value in zip(np.cumsum(sizes) - sizes, sizes, values, strict=True):
        block = jordan(value, size)
        off = block - value * np.eye(size)
        K[at : at + size, at : at + size] = value * np.eye(size) + off * 10 ** rng.uniform(-6, 0)
    return in_basis(rng, K)


def golden(rng: np.random.Generator) -> np.ndarray:
    """The matrix whose eigenvalues are the golden ratio and its conjugate, scaled about ½ and moved."""
    scale = 10 ** rng.uniform(-3, 0)
    return 0.5 * np.eye(2) + scale * (GOLDEN - 0.5 * np.eye(2)) + 1e-3 * rng.standard_normal((2, 2))


def flat(rng: np.random.Generator) -> np.ndarray:
    """All singular values of K − K² about as large, up to ¼."""
    m = int(rng.integers(2, 13))
    U, V = (np.linalg.qr(noise(rng, m))[0] for _ in range(2))
    signs, e = np.where(np.arange(m) < rng.integers(0, m + 1), 1.0, -1.0), rng.uniform(0.02, 0.26)
    if rng.random() < 0.5:
        return 0.5 * np.eye(m) + (U * signs * np.sqrt(max(0.25 - e, 0))) @ U.conj().T
    return (U * (signs > 0)) @ U.conj().T + e * V


def coupled(rng: np.random.Generator) -> np.ndarray:
    """Blocks [[1 − a, c], [d, b]] with a large c and a small d: far from normal, eigenvalues anywhere."""
    c = 10 ** rng.uniform(0, 4)
    a, b = rng.uniform(-0.2, 0.2, 2)
    K = np.array([[1 - a, c], [rng.uniform(-0.3, 0.3) / c, b]])
    Q = np.linalg.qr(noise(rng, 2))[0]
    return Q @ K @ Q.conj().T


def noise(rng: np.random.Generator, m: int) -> np.ndarray:
    """Normal numbers, complex every other time."""
    D = rng.standard_normal((m, m))
    return D if rng.random() < 0.5 else D + 1j * rng.standard_normal((m, m))


def in_basis(rng: np.random.Generator, K: np.ndarray) -> np.ndarray:
    m = len(K)
    U, V = (np.linalg.qr(rng.standard_normal((m, m)))[0] for _ in range(2))
    T = (U * np.geomspace(1, 10 ** rng.uniform(0, 3), m)) @ V
    return np.linalg.solve(T, K @ T)


FAMILIES = (near, near_half, blocks, golden, flat, coupled)


def outcomes(start: int, count: int) -> list[Outcome]:
    """What became of these cases, by number; each is seeded by its own."""
    found = []
    for case in range(start, start + count):
        family = FAMILIES[case % len(FAMILIES)]
        K = family(np.random.default_rng(case))
        certificate = certify(K)
        small = bool(np.linalg.norm(K - K @ K, 2) < 0.2)
        false, ratio = False, np.nan
        if certificate.holds:
            true = spectral_distance(K)
            distance = np.inf if true is None else float(np.linalg.norm(true[1], 2))
            false = true is None or true[0] != certificate.rank or distance > certificate.radius * _UP
            ratio = certificate.radius / distance if distance else 1.0
        found.append((family.__name__, small, certificate.holds, false, ratio))
    return found


@click.command()
@click.option("--cases", default=100_000, show_default=True)
def main(cases: int) -> None:
    """Print how many certificates are false, how many are missing, and how wide they are."""
    starts = range(0, cases, _BATCH)
    found: list[Outcome] = []
    console = Console(stderr=True)
    with ProcessPoolExecutor(os.cpu_count()) as pool, Progress(console=console, transient=True) as progress:
        for part in progress.track(
            pool.map(partial(outcomes, count=_BATCH), starts), total=len(starts), description="Certifying"
        ):
            found += part
    table = Table(title=f"{len(found)} certificates; of those with ‖K − K²‖ < 0.2")
    for column in ("", "cases", "‖K − K²‖ < 0.2", "certified", "radius ≤ 10×", "its median", "false"):
        table.add_column(column, justify="right" if column else "left")
    for name in (*(family.__name__ for family in FAMILIES), "all"):
        rows = [row for row in found if name in (row[0], "all")]
        small = [row for row in rows if row[1]]
        ratios = np.array([row[4] for row in small if row[2]])
        table.add_row(
            name.replace("_", " "),
            str(len(rows)),
            str(len(small)),
            f"{100 * np.mean([row[2] for row in small]):.2f}%",
            f"{100 * np.mean(ratios <= 10):.2f}%",
            f"{np.median(ratios):.2f}",
            str(sum(row[3] for row in rows)),
        )
    Console().print(table)


if __name__ == "__main__":
    main()
