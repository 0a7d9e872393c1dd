"""How the outcome of an iteration is told on the command line."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

from .iteration import Status

if TYPE_CHECKING:
    from .iteration import Solution

_REMEDIES = {
    Status.FLOOR: "double precision may do, or a matrix of smaller norm",
    Status.STALLED: "--spectral with another --at parts the spectrum elsewhere",
    Status.WRONG_SIDE_RISK: "--spectral or a --gap that is known may do, or another --at",
    Status.DIVERGED: "try --scale or --spectral; with --gap, an --inside that holds the whole spectrum",
    Status.CONTRADICTED: "--gap auto estimates the gap and the ends, of a symmetric matrix",
    Status.MAX_STEPS: "try a larger --max-steps, or a --gap that is known",
}


def failure(solution: Solution, remedy: str | None = None) -> str:
    """Return why an iteration did not converge, and what may help: this, or what the status suggests."""
    counts = Counter(np.atleast_1d(np.asarray(solution.status, dtype=object)).flat)
    total = sum(counts.values())
    reasons = [
        (f"{count} of {total} " if total > 1 else "")
        + f"{status}: {status.meaning}; {remedy or _REMEDIES[status]}"
        for status, count in counts.items()
        if status != Status.CONVERGED
    ]
    return f"{'; '.join(reasons)} ({_spent(solution)})"


def success(solution: Solution, line: str) -> str:
    """Return what an iteration found, and if that was proved to belong to the eigenvalues of this line."""
    last = np.asarray(solution.steps)[None]
    residual = np.take_along_axis(solution.residuals, last, axis=0).max()
    ranks = np.take_along_axis(solution.traces, last, axis=0).round().astype(int)
    rank = f"rank {ranks.min()}" if ranks.min() == ranks.max() else f"ranks {ranks.min()} to {ranks.max()}"
    what = "a projector" if ranks.size == 1 else f"{ranks.size} projectors"
    found = [f"{what} of {rank}, ‖P − P²‖ = {residual:.2g} ({_spent(solution)})"]
    verdicts = {
        True: f"proved to belong to the eigenvalues {line}",
        None: f"neither proved nor disproved to belong to the eigenvalues {line}",
    }
    for verdict, words in verdicts.items():
        if count := _verdicts(solution)[verdict]:
            found.append(words if count == ranks.size else f"{count} of {ranks.size} {words}")
    return "\n".join(found)


def warning(solution: Solution, line: str, remedy: str = "try --scale or --spectral") -> str | None:
    """Return that limits are idempotent, but other projectors than those of this line, if some are."""
    if not (wrong := _verdicts(solution)[False]):
        return None
    some = "" if np.ndim(solution.status) == 0 else f"{wrong} of {np.size(solution.status)} "
    return f"warning: idempotent, but {some}not that of the eigenvalues {line}: {remedy}"


def _verdicts(solution: Solution) -> Counter[bool | None]:
    return Counter(np.atleast_1d(np.asarray(solution.spectral, dtype=object)).flat)


def _spent(solution: Solution) -> str:
    single = f", {solution.single} of them in single precision" if solution.single else ""
    inverses = f" and {_many(solution.inversions, 'inverse')}" if solution.inversions else ""
    return f"{_many(solution.products, 'product')}{single}{inverses}"


def _many(count: int, what: str) -> str:
    return f"{count} {what}" + "s" * (count != 1)
