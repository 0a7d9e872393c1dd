"""What importing each package brings with it, and the files of the project."""

import subprocess
import sys

import pytest

HEAVY = ("numpy", "scipy", "sympy", "torch", "matplotlib", "hypothesis", "flint")


def loaded(code: str) -> set[str]:
    program = f"{code}\nimport sys\nprint(*[m for m in {HEAVY!r} if m in sys.modules])"
    return set(subprocess.check_output([sys.executable, "-c", program], text=True).split())


@pytest.mark.parametrize(
    ("code", "absent"),
    [
        ("import corrector", set(HEAVY)),
        ("import corrector, analysis, training", set(HEAVY)),
        ("from corrector import MCWEENY, smoothstep", {"sympy", "torch", "matplotlib"}),
        ("from corrector import derive; derive(1, 4)", {"torch", "matplotlib"}),
        (
            "from analysis import iterate, certify, fixed_points, basins, attracting_cycles, frechet",
            {"sympy", "torch", "matplotlib", "hypothesis"},
        ),
        ("from corrector.cli import door; door.main(['--help'], standalone_mode=False)", set(HEAVY)),
        (
            "from corrector.cli import door; door.main(['derive'], standalone_mode=False)",
            {"torch", "matplotlib"},
        ),
    ],
)
def test_imports_stay_light(code, absent):
    assert (
        not loaded(f"import io, contextlib\nwith contextlib.redirect_stdout(io.StringIO()):\n    {code}")
        & absent
    )


@pytest.mark.parametrize("package", ["corrector", "analysis", "training"])
def test_every_public_name_can_be_imported(package):
    module = __import__(package)
    assert module.__all__
    for name in module.__all__:
        assert getattr(module, name) is not None
        assert name in dir(module)


@pytest.mark.parametrize(
    ("package", "name"),
    [("analysis", "basins"), ("analysis", "fixed_points"), ("training", "metrics"), ("corrector", "derive")],
)
def test_a_name_means_the_function_whatever_was_imported_before(package, name):
    before = "import analysis.plotting, analysis.cli, training.comparison.report"
    code = f"{before}\nfrom {package} import {name}\nassert callable({name})"
    subprocess.check_call([sys.executable, "-c", code])
