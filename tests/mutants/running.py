"""A deliberately broken copy of each formula, shown to fail the tests: a sign, an index, a missing detach.

Each mutant is the packages with one text replaced, in a folder of its own, under the tests named
beside it.  A mutant that the tests let live is a test that is missing.
"""

import multiprocessing
import shutil
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

LIBRARIES = ["numba", "scipy.optimize", "scipy.signal", "sympy", "torch", "pytest", "hypothesis", "mpmath"]
"""What the tests import that is not ours: loaded once, and then there in each process forked off."""

RUN = """
import os, sys, pytest
output = os.open(output, os.O_CREAT | os.O_WRONLY | os.O_TRUNC)
os.dup2(output, 1), os.dup2(output, 2)
os.chdir(folder)
sys.path.insert(0, folder)
sys.dont_write_bytecode = True
os.environ |= {"PYTHONPATH": folder, "PYTHONDONTWRITEBYTECODE": "1", "HYPOTHESIS_PROFILE": "mutants"}
loaded = ["-W", "ignore::pytest.PytestAssertRewriteWarning"]  # before its plugins, that is
sys.exit(pytest.main(["-x", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", *loaded, tests]))
"""


def mutants(listed):
    """Parametrise a test by (file, text, what replaces it, the tests that then fail)."""
    return pytest.mark.parametrize(
        ("file", "text", "broken", "tests"), listed, ids=[f"{m[0]}: {m[2]}" for m in listed]
    )


class Copy:
    """The project in another folder, where it may be broken."""

    def __init__(self, folder):
        self.folder = folder
        for part in ("corrector", "analysis", "training", "tests", "docs"):
            shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(ROOT / "pyproject.toml", folder)
        self.context = multiprocessing.get_context("forkserver")
        self.context.set_forkserver_preload(LIBRARIES)

    def must_fail(self, file, text, broken, tests):
        source = (ROOT / file).read_text()
        assert source.count(text) == 1, "the formula has moved: bring the mutant after it"
        (self.folder / file).write_text(source.replace(text, broken))
        output = self.folder / "output.txt"
        names = {"folder": str(self.folder), "tests": tests, "output": str(output)}
        process = self.context.Process(target=exec, args=(RUN, names))
        try:
            process.start()
            process.join()
        finally:
            (self.folder / file).write_text(source)
        said = output.read_text()
        assert process.exitcode == 1, said[-2000:]
        assert " failed" in said
