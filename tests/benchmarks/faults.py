"""What `assert_idempotent` finds of the faults in tests/faults, beside hypothesis's ghostwritten test.

    .venv/bin/python -m tests.benchmarks.faults [--projectors 100000]

Each fault is judged by three tests in their default manner: `assert_idempotent`; the test that
`hypothesis.extra.ghostwriter.idempotent` writes (it needs black), its strategy filled in and its
`assert result == repeat` as it stands; and the same with arrays compared by `assert_allclose` of numpy
or `assert_close` of torch.  Where == between arrays has no truth value, a test can judge nothing.
A matrix K is ghostwritten as x ↦ Kx.  Then projectors of every dtype, size and norm are drawn in the CS
form of analysis/strategies.py, and the false alarms among them counted.
"""

from __future__ import annotations

import random
import sys
import types
import warnings
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import click
import numpy as np
import torch
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.extra import ghostwriter
from hypothesis.extra.numpy import arrays
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from analysis import assert_idempotent
from tests.faults import FAULTS

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.faults import Fault

Verdict = str
"""found, passed, cannot judge, or the name of an exception that is none of them."""

KINDS = ("matrix", "callable", "network")
SETTINGS = settings(
    max_examples=200,
    phases=(Phase.generate,),
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
    derandomize=True,
)
"""As many examples as assert_idempotent draws, and none made smaller: only the verdict counts."""

DTYPES = {"float16": 1e4, "float32": 1e4, "float64": 1e4, "complex64": 1e4, "complex128": 1e4}
"""The greatest norm drawn, by dtype; finite in float16."""


def ours(subject: Any, fault: Fault) -> Verdict:
    try:
        assert_idempotent(subject, None if fault.inputs is None else fault.inputs())
    except AssertionError:
        return "found"
    except Exception as error:  # noqa: BLE001 (a crash is counted)
        return type(error).__name__
    return "passed"


def close(result: Any, repeat: Any) -> bool:
    """Equality of anything but arrays, which need only be close."""
    if isinstance(result, torch.Tensor):
        torch.testing.assert_close(repeat, result, equal_nan=True)
    elif hasattr(result, "equals"):
        return bool(result.equals(repeat))
    elif isinstance(result, np.ndarray):
        if result.dtype == object or isinstance(repeat, str):
            return bool(np.array_equal(result, repeat))
        np.testing.assert_allclose(repeat, result)
    else:
        return bool(result == repeat)
    return True


def ghostwritten(subject: Any, fault: Fault, *, lenient: bool) -> Verdict:
    """The verdict of the test hypothesis writes for this subject."""
    f, inputs = as_function(subject, fault)

    def f_of(x):
        return f(x)

    f_of.__module__ = f_of.__qualname__ = f_of.__name__ = "ghost"
    module = types.ModuleType("ghost")
    module.ghost = f_of  # type: ignore[attr-defined]  # a module made here
    sys.modules["ghost"] = module
    source = ghostwriter.idempotent(f_of).replace("st.nothing()", "inputs")
    if lenient:
        source = source.replace("assert result == repeat,", "assert close(result, repeat),")
    space: dict[str, Any] = {"inputs": inputs, "close": close}
    exec(source, space)
    try:
        SETTINGS(space["test_idempotent_ghost"])()
    except Exception as error:  # noqa: BLE001 (whatever fails the test is its finding)
        return "cannot judge" if "ambiguous" in str(error) else "found"
    return "passed"


def as_function(subject: Any, fault: Fault) -> tuple[Callable[[Any], Any], st.SearchStrategy[Any]]:
    if fault.kind == "matrix":
        K = subject if isinstance(subject, torch.Tensor) else np.asarray(subject)
        return lambda x: K @ x, vectors(K)
    inputs = fault.inputs()
    if isinstance(inputs, st.SearchStrategy):
        return subject, inputs
    return subject, st.sampled_from(list(range(len(inputs)))).map(lambda i: inputs[i])


def vectors(K: Any) -> st.SearchStrategy[Any]:
    """Columns to multiply by K, of its own dtype."""
    m = K.shape[-1]
    if isinstance(K, torch.Tensor):
        return st.integers(0, 2**32).map(
            lambda seed: torch.randn(m, generator=torch.Generator().manual_seed(seed)).to(K.dtype)
        )
    if K.dtype == object:
        return st.lists(st.integers(-9, 9), min_size=m, max_size=m).map(
            lambda xs: np.array([Fraction(x) for x in xs], dtype=object)
        )
    if np.issubdtype(K.dtype, np.integer):
        return arrays(K.dtype, (m, 1), elements=st.integers(-9, 9))
    real = st.floats(-10, 10, width=16, allow_subnormal=False)
    entries = st.builds(complex, real, real) if np.iscomplexobj(K) else real
    return arrays(K.dtype, (m, 1), elements=entries)


TOOLS: dict[str, Callable[[Any, Fault], Verdict]] = {
    "assert_idempotent": ours,
    "ghostwriter, ==": lambda subject, fault: ghostwritten(subject, fault, lenient=False),
    "ghostwriter, close": lambda subject, fault: ghostwritten(subject, fault, lenient=True),
}

Verdicts = dict[tuple[str, str, str], dict[str, Verdict]]
"""By tool, kind and side, by name."""


def judged(progress: Progress) -> Verdicts:
    verdicts: Verdicts = {}
    for fault in progress.track(FAULTS, description="Faults"):
        for tool, judge in TOOLS.items():
            for side in ("broken", "sound"):
                random.seed(0)
                torch.manual_seed(0)
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    verdict = judge(getattr(fault, side)(), fault)
                verdicts.setdefault((tool, fault.kind, side), {})[fault.name] = verdict
    return verdicts


def projectors(rng: np.random.Generator, count: int, m: int, dtype: str) -> np.ndarray:
    """Q [[I, cot θ], [0, 0]] Q* with norms log-uniform in [1, bound], and Q at random."""
    rank = rng.integers(0, m + 1, count)
    K = np.where(np.arange(m) < rank[:, None], 1.0, 0.0)[:, :, None] * np.eye(m)
    for i in range(m // 2):
        norm = np.exp(rng.uniform(0, np.log(DTYPES[dtype]), count))
        rows = np.flatnonzero(i < np.minimum(rank, m - rank))
        K[rows, i, rank[rows] + i] = np.sqrt(norm[rows] ** 2 - 1)
    G = rng.standard_normal((count, m, m))
    if dtype.startswith("complex"):
        G = G + 1j * rng.standard_normal((count, m, m))
    Q = np.linalg.qr(G)[0]
    return (Q @ K @ Q.conj().mT).astype(dtype)


def false_alarms(count: int, progress: Progress) -> dict[tuple[str, int], tuple[int, int]]:
    """How many projectors were drawn and how many accused, by dtype and size."""
    rng, found = np.random.default_rng(0), {}
    cases = [(dtype, m) for dtype in DTYPES for m in range(1, 13)]
    for case, (dtype, m) in enumerate(progress.track(cases, description="Projectors")):
        share = count // len(cases) + (case < count % len(cases))
        accused = 0
        for P in projectors(rng, share, m, dtype):
            try:
                assert_idempotent(P)
            except AssertionError:
                accused += 1
        found[dtype, m] = share, accused
    return found


def table_of(verdicts: Verdicts) -> Table:
    table = Table(title=f"{len(FAULTS)} faults and their sound twins")
    for column in ("test", "kind", "faults", "found", "missed", "no verdict", "crashed", "false alarms"):
        left = column in ("test", "kind")
        table.add_column(column, justify="left" if left else "right", no_wrap=left)
    for tool in TOOLS:
        for kind in KINDS:
            broken = list(verdicts[tool, kind, "broken"].values())
            sound = list(verdicts[tool, kind, "sound"].values())
            known = [broken.count(v) for v in ("found", "passed", "cannot judge")]
            alarms = sum(v not in ("passed", "cannot judge") for v in sound)
            table.add_row(tool, kind, *map(str, [len(broken), *known, len(broken) - sum(known), alarms]))
        table.add_section()
    return table


def names_of(verdicts: Verdicts, side: str, right: tuple[str, ...]) -> Table:
    table = Table(title="Missed" if side == "broken" else "False alarms", show_lines=True)
    for column in ("test", "kind", "names"):
        table.add_column(column, no_wrap=column != "names")
    for (tool, kind, at), by_name in verdicts.items():
        wrong = [
            name + ("" if verdict in ("found", "passed") else f" ({verdict})")
            for name, verdict in by_name.items()
            if verdict not in right
        ]
        if at == side and wrong:
            table.add_row(tool, kind, ", ".join(wrong))
    return table


def table_of_projectors(found: dict[tuple[str, int], tuple[int, int]]) -> Table:
    table = Table(title="True projectors of size 1 to 12 and norm 1 to 10⁴")
    for column in ("dtype", "drawn", "false alarms", "at sizes"):
        table.add_column(column, justify="right")
    for dtype in DTYPES:
        sizes = {m: outcome for (name, m), outcome in found.items() if name == dtype}
        drawn, accused = (sum(column) for column in zip(*sizes.values(), strict=True))
        table.add_row(dtype, str(drawn), str(accused), ", ".join(str(m) for m in sizes if sizes[m][1]))
    return table


@click.command()
@click.option("--projectors", "count", default=100_000, show_default=True)
def main(count: int) -> None:
    """Print what is found and what is accused; fail below 99 % found, or at a false alarm."""
    with Progress(console=Console(stderr=True), transient=True) as progress:
        verdicts = judged(progress)
        alarms = false_alarms(count, progress)
    console = Console()
    console.print(table_of(verdicts))
    console.print(names_of(verdicts, "broken", ("found", "cannot judge")))
    console.print(names_of(verdicts, "sound", ("passed", "cannot judge")))
    console.print(table_of_projectors(alarms))
    ours = {
        side: [v for kind in KINDS for v in verdicts["assert_idempotent", kind, side].values()]
        for side in ("broken", "sound")
    }
    found = ours["broken"].count("found") / len(FAULTS)
    accused = len(FAULTS) - ours["sound"].count("passed") + sum(n for _, n in alarms.values())
    console.print(f"assert_idempotent: {100 * found:.1f} % found, {accused} false alarms")
    sys.exit(found < 0.99 or accused > 0)


if __name__ == "__main__":
    main()
