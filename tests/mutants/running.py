"""A deliberately broken copy of each formula, shown to fail the tests: a sign, an index, a missing detach.

Each mutant is the packages with one text replaced, in a folder of its own, under the tests named
beside it.  A mutant that the tests let live is a test that is missing.  Where a file takes longer
than a second, the test that fails is named.
"""

import compileall
import multiprocessing
import py_compile
import shutil
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

LIBRARIES = [
    *("PIL.Image", "_hypothesis_pytestplugin", "click.testing", "hypothesis.extra.numpy", "jaxtyping"),
    *("lightning.pytorch", "matplotlib.figure", "mpmath", "networkx", "numba", "pandas", "pytest"),
    *("rich.progress", "safetensors.torch", "scipy.io", "scipy.optimize", "scipy.signal", "scipy.stats"),
    *("sklearn.datasets", "sympy", "torch", "torch.testing", "xarray"),
]
"""What the tests import that is not ours: loaded once, and then there in each process forked off."""

RUN = """
import gc, os, sys, pytest
gc.freeze()  # what is loaded stays: no collection looks through it again
output = os.open(output, os.O_CREAT | os.O_WRONLY | os.O_TRUNC)
os.dup2(output, 1), os.dup2(output, 2)
os.chdir(folder)
sys.path.insert(0, folder)
sys.dont_write_bytecode = True
os.environ |= {"PYTHONPATH": folder, "PYTHONDONTWRITEBYTECODE": "1", "HYPOTHESIS_PROFILE": "mutants"}
sys.exit(pytest.main(["-x", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", "--assert=plain", tests]))
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
        # Known by its source's hash, bytecode is never taken for that of a file just broken.
        compileall.compile_dir(folder, quiet=2, invalidation_mode=py_compile.PycInvalidationMode.CHECKED_HASH)
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
