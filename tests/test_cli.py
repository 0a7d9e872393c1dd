"""The console command as a person meets it: output, exit status, one line for a mistake."""

import gzip
import json
import subprocess
import sys
import tracemalloc
from contextlib import nullcontext
from pathlib import Path

import click.testing
import matplotlib.image
import numpy as np
import pytest
import scipy.io

import analysis.cli
from analysis import assert_idempotent
from analysis.outcome import failure, success, warning
from analysis.plotting import new_figure
from corrector import smoothstep
from corrector.cli import door, figures_by_name

COMMAND = str(Path(sys.executable).with_name("corrector"))


def corrector(*arguments, cwd=None):
    return subprocess.run(
        [COMMAND, *map(str, arguments)], capture_output=True, text=True, cwd=cwd, check=False
    )


@pytest.fixture
def folder(tmp_path):
    np.save(tmp_path / "K.npy", np.array([[0.9, 0.2], [0.1, 0.1]]))
    np.save(tmp_path / "half.npy", 0.5 * np.eye(2))
    np.save(tmp_path / "nan.npy", np.array([[np.nan]]))
    np.save(tmp_path / "wide.npy", np.ones((2, 3)))
    np.save(tmp_path / "objects.npy", np.array([{}]), allow_pickle=True)
    (tmp_path / "text.npy").write_text("no array")
    (tmp_path / "empty.npy").touch()
    head = "%%MatrixMarket matrix coordinate"
    (tmp_path / "text.mtx").write_text("no matrix")
    np.savez(tmp_path / "archive", K=np.eye(2))
    (tmp_path / "archive.npz").rename(tmp_path / "archive.npy")
    packed = gzip.compress(b"%%MatrixMarket matrix array real general\n2 2\n" + b"1.5\n" * 4)
    (tmp_path / "corrupt.mtx.gz").write_bytes(packed[:30] + b"xxxx" + packed[34:])
    np.save(tmp_path / "batch.npy", np.stack([np.eye(2)] * 2))
    (tmp_path / "text.csv").write_text("1,2")
    (tmp_path / "short.mtx").write_text(f"{head} real general\n2 2 2\n1 1 0.9\n")
    lower = "".join(f"{x}\n" for x in range(45))
    (tmp_path / "cut.mtx").write_text(f"%%MatrixMarket matrix array real symmetric\n9 9\n{lower[:-3]}")
    (tmp_path / "cut-general.mtx").write_text("%%MatrixMarket matrix array real general\n9 9\n" + "1\n" * 80)
    with gzip.open(tmp_path / "cut.mtx.gz", "wt") as packed_file:
        packed_file.write((tmp_path / "cut.mtx").read_text())
    (tmp_path / "whole.mtx").write_text(f"{head} integer general\n2 2 1\n1 1 1\n")
    (tmp_path / "huge.mtx").write_text(f"{head} real general\n2000000 2000000 1\n1 1 0.9\n")
    (tmp_path / "S.mtx").write_text(f"{head} real symmetric\n3 3 4\n1 1 0.9\n2 1 0.1\n2 2 0.2\n3 3 2.5\n")
    return tmp_path


def test_derive_in_words():
    result = corrector("derive", "--order", 1, "--degree", 4)
    assert result.returncode == 0
    assert result.stdout.startswith("g(x) = 3x² − 2x³ + a4·(x² − 2x³ + x⁴)\n")
    assert "α₂ = 3 + α₄,  α₃ = −2 − 2α₄" in result.stdout


def test_derive_in_json_alone():
    data = json.loads(corrector("derive", "--order", 2, "--degree", 6, "--format", "json").stdout)
    assert data["minimal"] == ["0", "0", "10", "-15", "6"]
    assert data["basis"]["a6"] == ["0", "0", "-1", "3", "-3", "1"]
    assert data["derivation"]["steps"][0]["order"] == 0


def test_derive_above_the_words():
    result = corrector("derive", "--order", 9)
    assert result.returncode == 0
    assert "Hermite interpolation: the words number 2045" in result.stdout


def test_derive_in_latex_is_a_document():
    for order in (1, 9):
        lines = corrector("derive", "--order", order, "--format", "latex").stdout.splitlines()
        assert lines[0].startswith("\\documentclass")
        assert lines[-1] == "\\end{document}"


def test_best():
    result = corrector("best", "fewest_products", "--order", 3, "--degree", 8)
    assert result.returncode == 0
    assert result.stderr == ""
    assert "3 matrix products a step for convergence order 4" in result.stdout
    data = json.loads(
        corrector("best", "smallest_residual", "--interval", "0", "1/4", "--format", "json").stdout
    )
    assert data["bound"] <= data["value"] < data["minimal_value"]
    assert data["measures"]["minimal member"]["degree"] == 3
    assert corrector("best", "widest_real_basin", "--degree", 2).returncode == 1
    result = corrector("best", "multiplier_at_half", "--multiplier", 2, "--degree", 4)
    assert result.returncode == 1
    assert "takes degree 5 or more; got degree 4" in result.stderr


def test_plan():
    assert "5 products; S = 2K − I" in corrector("plan", "--order", 8).stdout
    data = json.loads(corrector("plan", "--alphas", "0,3,-2", "--format", "json").stdout)
    assert data["steps"][0] == {
        "name": "R",
        "plus": {"K": "1"},
        "sign": -1,
        "left": {"K": "1"},
        "right": {"K": "1"},
    }
    assert data["result"] == {"K": "1", "T": "1"}


def test_fixed_points():
    data = json.loads(corrector("fixed-points", "--alphas", "0,3,-2", "--format", "json").stdout)
    assert [p["exact"] for p in data["fixed_points"]] == ["0", "1/2", "1"]
    assert [p["largest_block"] for p in data["fixed_points"]] == [1, 1, 1]
    assert "superattracting" in corrector("fixed-points", "--order", 3).stdout
    lines = corrector("fixed-points", "--alphas", "1,1", "--format", "latex").stdout.splitlines()
    assert lines[0].startswith("\\documentclass")
    assert "$0$ & 2 & $1$ & 2 & neutral \\\\" in lines
    assert lines[-1] == "\\end{document}"


def test_cycles():
    result = corrector("cycles", "--order", 3, "--relaxation", "1.994")
    assert result.returncode == 0
    assert "-0.114800628764, 0.129903547081" in result.stdout
    assert result.stdout.endswith("There is no other attracting cycle.\n")
    result = corrector("cycles", "--alphas", "3.9,-3.9", "--format", "json")
    assert result.returncode == 1
    data = json.loads(result.stdout)
    assert (data["cycles"], data["complete"]) == ([], False)
    assert data["undecided"][0]["point"] == [0.5, 0]
    data = json.loads(corrector("cycles", "--format", "json").stdout)
    assert data["cycles"][1] == {
        "period": 1,
        "points": [[1, 0]],
        "multiplier": [0, 0],
        "kind": "superattracting",
    }
    result = corrector("cycles", "--alphas", "3.9,-3.9")
    assert result.returncode == 1
    assert "undecided: critical point 0.5: its orbit is chaotic" in result.stderr


def test_iterate_and_certify(folder):
    result = corrector("iterate", folder / "K.npy", "--output", folder / "P.npy")
    assert result.returncode == 0
    P = np.load(folder / "P.npy")
    assert_idempotent(P)
    assert corrector("certify", folder / "P.npy").stdout.startswith("certified: a projector of rank 1 within")
    data = json.loads(corrector("certify", folder / "K.npy", "--format", "json").stdout)
    assert data["holds"] is True
    assert data["rank"] == 1


def test_schedules(folder):
    text = corrector("schedule", "--gap", "0.45,0.55").stdout
    assert "10 products" in text
    assert "no fewer than 8 can do" in text
    data = json.loads(corrector("schedule", "--gap", "3,4", "--inside", "-10,400", "--format", "json").stdout)
    assert (data["products"], data["floor"]) == (14, 12)
    np.save(folder / "S.npy", np.diag([0.1, 0.3, 0.8]))
    result = corrector("iterate", folder / "S.npy", "--gap", "0.4,0.6", "--output", folder / "P.npy")
    assert result.returncode == 0
    np.testing.assert_allclose(np.load(folder / "P.npy"), np.diag([0, 0, 1]), atol=1e-15)
    result = corrector("iterate", folder / "S.npy", "--gap", "0.2,0.6", "--output", folder / "Q.npy")
    assert result.returncode == 1
    assert "nothing written: contradicted: the bounds are wrong" in result.stderr
    assert not (folder / "Q.npy").exists()


def test_what_is_held_in_memory_is_asked_for_first():
    """The number that a file's size is multiplied by is above what any way of projecting holds."""
    from analysis import certify, iterate, schedule, spectral_projector
    from analysis.cli import _HELD
    from tests.problems import oblique, with_spectrum

    m = 400
    rng = np.random.default_rng(0)
    S = with_spectrum([*rng.uniform(0, 0.4, m // 2), *rng.uniform(0.6, 1, m // 2)])
    K = oblique(m, m // 2, 5.0) + 1e-4 * rng.standard_normal((m, m))
    far = rng.standard_normal((m, m))
    plan = schedule(0.4, 0.6)
    for name, work in {
        "schedule": lambda: iterate(S, schedule=plan),
        "mixed, schedule": lambda: iterate(S, schedule=plan, mixed=True),
        "mixed": lambda: iterate(K, mixed=True),
        "oblique": lambda: iterate(K, scale=True),
        "sixth order": lambda: iterate(K, smoothstep(6)),
        "spectral": lambda: spectral_projector(far, 0.0),
        "certify": lambda: certify(K),
    }.items():
        work()
        tracemalloc.start()
        work()
        peak = tracemalloc.get_traced_memory()[1] / S.nbytes
        tracemalloc.stop()
        assert peak + 1 <= _HELD, name


def test_outcomes_are_told_apart():
    from analysis import Status, iterate

    assert len({status.meaning for status in Status}) == len(Status)
    batch = iterate(np.stack([np.diag([0.1, 0.9]), 0.5 * np.eye(2), np.diag([0.9, 1.1])]))
    text = failure(batch)
    assert text.startswith("1 of 3 stalled: an eigenvalue sits at a fixed point other than 0 and 1")
    assert text.endswith(f"({batch.products} products)")
    with pytest.warns(UserWarning, match="1 of 2 limits"):
        batch = iterate(np.stack([np.diag([0.1, 0.9]), np.diag([-0.5, 0.9])]))
    left = batch.residuals[-1].max()
    assert success(batch, "above 0.5").splitlines() == [
        f"2 projectors of ranks 1 to 2, ‖P − P²‖ = {left:.2g} ({batch.products} products)",
        "1 of 2 proved to belong to the eigenvalues above 0.5",
    ]
    assert warning(batch, "above 0.5") == (
        "warning: idempotent, but 1 of 2 not that of the eigenvalues above 0.5: try --scale or --spectral"
    )


def test_matrices_of_any_spectrum_and_format(folder):
    for options in (["--gap", "auto"], ["--spectral"], ["--scale"]):
        result = corrector("iterate", folder / "S.mtx", *options, "--output", folder / "P.mtx")
        assert result.returncode == 0, result.stderr
        assert result.stderr == ""
        P = scipy.io.mmread(folder / "P.mtx")
        assert_idempotent(P)
        assert round(np.trace(P)) == 2
    np.save(folder / "L.npy", np.array([[-0.5, 3.0], [0.0, 0.9]]))
    result = corrector("iterate", folder / "L.npy", "--output", folder / "Q.npy")
    assert result.returncode == 0
    assert result.stderr.startswith("corrector: warning: idempotent, but not that of the eigenvalues")
    assert round(np.trace(np.load(folder / "Q.npy"))) == 2
    result = corrector("iterate", folder / "L.npy", "--spectral", "--at", "0", "--output", folder / "Q.npy")
    assert " inverses)" in result.stdout
    assert "proved to belong to the eigenvalues with real part above 0\n" in result.stdout
    assert round(np.trace(np.load(folder / "Q.npy"))) == 1
    with gzip.open(folder / "S.mtx.gz", "wt") as packed:
        packed.write((folder / "S.mtx").read_text())
    assert corrector("certify", folder / "S.mtx.gz").returncode == 1
    assert corrector("certify", folder / "P.mtx").stdout.startswith("certified: a projector of rank 2")


@pytest.mark.parametrize("name", ["P.NPY", "P.Mtx"])
def test_names_in_capitals_are_written_too(folder, name):
    before = {p.name for p in folder.iterdir()}
    result = corrector("iterate", folder / "K.npy", "--output", folder / name)
    assert result.returncode == 0
    assert {p.name for p in folder.iterdir()} == before | {name}
    assert corrector("certify", folder / name).returncode == 0


def test_numbers_that_overflow_leave_json_readable(folder):
    np.save(folder / "large.npy", np.array([[1e200]]))
    result = corrector("certify", folder / "large.npy", "--format", "json")
    assert json.loads(result.stdout)["residual"] is None


def test_radii():
    text = corrector("radius", "--obliquity", 2).stdout
    assert "real basin of 0: (-0.366025403784, 0.5)" in text
    assert "largest disc about 1: radius 0.29759397210" in text
    assert "about a projector of norm 2: radius 0.13397459621" in text
    assert "where a matrix can have the eigenvalue 0.5\n" in text
    open_ended = corrector("radius", "--order", 3, "--relaxation", "1.99")
    assert open_ended.returncode == 1
    assert "real basin of 0: not proved\n" in open_ended.stdout
    assert "largest disc about 0: radius 0." in open_ended.stdout
    data = json.loads(corrector("radius", "--order", 2, "--format", "json").stdout)
    assert data["discs"]["0"][0] == pytest.approx(0.263762615826)
    assert [m["obliquity"] for m in data["matrices"]] == [1, 2, 10]


def test_figures_are_drawn(folder):
    result = corrector("figures", "--only", "notes-1", "--only", "notes-2", "--output", folder / "figures")
    assert result.returncode == 0
    assert {f.name for f in (folder / "figures").glob("*.svg")} == {"notes-1.svg", "notes-2.svg"}


def test_the_help_names_every_figure():
    words = corrector("figures", "--help").stdout.replace(",", " ").split()
    assert set(figures_by_name(())) <= set(words)


def test_long_figures_tell_how_far_they_are(folder, monkeypatch):
    def long(progress):
        progress(0.5)
        return new_figure()

    drawn, shares = {"quick": new_figure, "long": long}, []
    monkeypatch.setattr(analysis.cli, "figures_by_name", lambda _: drawn)
    monkeypatch.setattr(analysis.cli, "_progress", lambda _: nullcontext(shares.append))
    result = click.testing.CliRunner().invoke(door, ["figures", "--output", str(folder / "both")])
    assert result.output == f"2 figures written to {folder / 'both'}\n"
    assert shares == [0.5, 0.75, 1]


def test_figures_beside_others_stay(folder):
    for name in ("notes-1", "notes-2", "notes-2"):
        result = corrector("figures", "--only", name, "--format", "png", "--output", folder / "one")
        assert result.stdout == f"1 figure written to {folder / 'one'}\n"
    assert sorted(f.name for f in (folder / "one").iterdir()) == ["notes-1.png", "notes-2.png"]


def test_the_resolution_reaches_the_picture(folder):
    for resolution in (64, 2000):
        corrector("basins", "--resolution", resolution, "--output", folder / f"{resolution}.png")
    small, large = (matplotlib.image.imread(folder / f"{r}.png").shape for r in (64, 2000))
    assert small[1] < 1000 < 2000 < large[1]


def test_proved_basins_and_boundaries_are_drawn(folder):
    result = corrector("basins", "--certified", "--resolution", 128, "--output", folder / "c.png")
    assert "undecided; 0: area 0.4" in result.stdout
    result = corrector("basins", "--boundary", "--resolution", 128, "--output", folder / "c.png")
    assert result.returncode == 0


def test_basins_are_drawn(folder):
    result = corrector("basins", "--resolution", 64, "--output", folder / "b.svg")
    assert result.returncode == 0
    assert (folder / "b.svg").read_text().startswith("<?xml")


def test_results_that_do_not_hold_end_with_status_one(folder):
    result = corrector("iterate", folder / "half.npy", "--output", folder / "Q.npy")
    assert result.returncode == 1
    assert "not converged, nothing written: stalled: an eigenvalue sits at a fixed point" in result.stderr
    assert not (folder / "Q.npy").exists()
    result = corrector("certify", folder / "half.npy", "--format", "json")
    assert result.returncode == 1
    assert json.loads(result.stdout)["holds"] is False
    assert corrector("certify", folder / "half.npy").returncode == 1
    result = corrector("derive", "--degree", 2)
    assert result.returncode == 1
    assert result.stderr == "corrector: no corrector of order 1 has degree 2; the least degree is 3\n"


MISTAKES = {
    "derive --order 0": "`order` must be at least 1; got 0",
    "derive --degree 0": "`degree` must be at least 1; got 0",
    "derive --order x": "'x' is not a valid integer",
    "derive --format yaml": "'yaml'",
    "fixed-points --alphas 0,x": "rational number such as '1/3'; got 'x'",
    "fixed-points --alphas ,": "rational number",
    "fixed-points --alphas 0,3 --order 1": "expected --order or --alphas; got both",
    "fixed-points --relaxation 0": "not 0; got 0",
    "fixed-points --relaxation abc": "--relaxation must read as a rational number such as '1/3'; got 'abc'",
    "fixed-points --relaxation 1e999999999": "--relaxation must have at most 4000 digits; got 1e999999999",
    "plan --alphas 0,3 --order 1": "expected --order or --alphas; got both",
    "plan --order 99999999": "expected an answer of at most",
    "derive --order 3 --degree 99999999": "answer of at most 256 MiB; got order 3, degree",
    "best": "Missing argument 'CRITERION'",
    "best nicest": "`criterion` must be one of widest_real_basin",
    "best largest_disc --multiplier 2": "options of largest_disc are: none; got multiplier",
    "best smallest_residual --interval 0 1": "low < high < ½",
    "best smallest_residual --interval a b": "an end of `interval` must read as a rational number",
    "best multiplier_at_half --multiplier 1e400": "`multiplier` must be at most 10⁶ in size",
    "best smallest_residual --interval -1e100 0": "−10 ≤ low",
    "basins --extent -1e308,1e308,-1,1 --output b.png": "up to 1e+150 in size",
    "basins --extent 0,1e400,-1,1 --output b.png": "up to 1e+150 in size",
    "basins --extent 0,1,0 --output b.png": "(left, right, bottom, top)",
    "basins --resolution 9000 --output b.png": "at most 8000 pixels, to draw them; got 9000",
    "fixed-points --relaxation 1e400": "between 1e-30 and 1e30 in size",
    "fixed-points --order 1000": "degree at most",
    "best widest_real_basin --degree 2 --order x": "'x' is not a valid integer",
    "derive --order 300 --degree 900": "270300 numbers of up to 900 digits",
    "plan --order 300": "degree 400 at most, to search for a plan; got degree 601",
    "basins --certified --boundary --output b.png": "expected --certified without --boundary",
    "figures --only nonsense --output f": "notes-6, rules, trajectories, spectrum; got nonsense",
    "figures --only notes-1 --output text.npy": "Directory 'text.npy' is a file",
    "radius --relaxation 2": "expected 0 to attract under γ = 2; it does not",
    "schedule": "Missing option '--gap'",
    "schedule --gap 0.5": "expected two numbers, as in 0.45,0.55; got 0.5",
    "schedule --gap 0.6,0.5": "below < above",
    "schedule --gap a,b": "--gap must read as a rational number",
    "iterate K.npy --gap auto --output P.npy": "must be Hermitian",
    "iterate K.npy --spectral --gap auto --output P.npy": "--spectral, or --gap, --scale, --mixed",
    "iterate K.npy --gap 0.4,0.6 --scale --output P.npy": "--gap or --scale; got both",
    "iterate K.npy --spectral --at x --output P.npy": "--at",
    "iterate K.npy --spectral --at 1e400 --output P.npy": "within floating-point range; got 1e400",
    "iterate K.npy --mixed --relaxation 0.5 --output P.npy": "no relaxation of a mixed iteration; got 0.5",
    "schedule --gap 0.4,0.6 --inside 0,1e400": "within floating-point range; got 1e400",
    "iterate K.npy --at 0 --output P.npy": "--at together with --spectral or --gap auto; got it without",
    "iterate K.npy --inside 0,2 --output P.npy": "--inside together with --gap; got it without",
    "iterate K.npy --gap= --output P.npy": "expected two numbers",
    "iterate K.npy --output nowhere/P.npy": "existing folder for P.npy",
    "iterate text.mtx --output P.npy": "holds something else or is cut off (Line 1: Not a Matrix Market file",
    "iterate short.mtx --output P.npy": "short.mtx holds something else or is cut off (expected",
    "iterate whole.mtx --output P.npy": "floating-point numbers; got int64",
    "iterate huge.mtx --output P.npy": "GiB of memory that are free; got shape (2000000, 2000000)",
    "iterate text.csv --output P.npy": "ending in .npy, .mtx, .mtx.gz, .mtx.bz2; got text.csv",
    "certify short.mtx": "short.mtx holds something else",
    "certify cut.mtx": "cut off (expected 45 entries; got 44)",
    "certify cut-general.mtx": "cut off (expected 81 entries; got 80)",
    "certify cut.mtx.gz": "cut off (expected 45 entries; got 44)",
    "certify archive.npy": "archive.npy holds something else",
    "certify corrupt.mtx.gz": "corrupt.mtx.gz",
    "iterate batch.npy --output P.mtx": "ending in .npy for arrays of shape (2, 2, 2); got P.mtx",
    "radius --obliquity 0.5": "a projector's norm, 1 to 1e+06; got 0.5",
    "basins --output b.jpg": "expected a name ending in .png, .pdf or .svg; got b.jpg",
    "basins --output nowhere/b.png": "expected an existing folder for b.png",
    "basins --resolution 0 --output b.png": "a whole number from 1 on; got 0",
    "basins --extent 1,0,0,1 --output b.png": "increasing",
    "iterate missing.npy --output P.npy": "missing.npy does not exist",
    "iterate text.npy --output P.npy": "text.npy holds something else",
    "iterate empty.npy --output P.npy": "empty.npy holds something else",
    "iterate objects.npy --output P.npy": "objects.npy holds something else",
    "iterate nan.npy --output P.npy": "must be finite",
    "iterate wide.npy --output P.npy": "square in its last two axes; got (2, 3)",
    "iterate K.npy --output P.txt": "ending in .npy or .mtx; got P.txt",
    "iterate K.npy --output P.npy --relaxation 2": "between 0 and 2",
    "iterate K.npy": "--output",
    "certify": "MATRIX",
    "cycles --alphas 2": "`g` must have at least degree 2, to have critical points; got 2x",
    "cycles --relaxation 0": "`relaxation` must be finite and not 0; got 0",
    "nonsense": "No such command",
    "demo --data letters": "'letters'",
    "demo --data-dir .": "expected --data-dir only with --data mnist",
    "demo --data mnist --data-dir missing": "expected a folder with MNIST's files",
    "demo --data mnist --data-dir .": "expected train-images-idx3-ubyte or train-images-idx3-ubyte.gz in .",
    "demo --device toaster": "expected a device that torch can use; got toaster",
    "demo --output .": "got the current one or a mount",
    "demo --output K.npy": "expected a new folder",
    "demo --output K.npy/report": "expected folders above K.npy/report; got the file",
    "demo --device meta": "expected a device that torch can use; got meta",
    "iterate K.npy --output P.npy --relaxation 1e400": "between 0 and 2, where 0 and 1 attract; got",
    "basins --output b.png --alphas 0,1e400": "within floating-point range; got one of 1327 bits",
    "demo --passes 0": "0",
    "demo --seeds 1": "1",
}


@pytest.mark.parametrize("line", MISTAKES)
def test_a_mistake_ends_in_one_line_and_status_two(line, folder):
    before = sorted(p.name for p in folder.iterdir())
    result = corrector(*line.split(), cwd=folder)
    assert result.returncode == 2
    assert MISTAKES[line] in result.stderr
    assert result.stderr.count("\n") == 1
    assert result.stderr.startswith("corrector: ")
    assert "Traceback" not in result.stderr
    assert sorted(p.name for p in folder.iterdir()) == before


def test_without_a_command_the_help_is_shown():
    result = corrector()
    assert result.returncode == 2
    for name in (
        "derive",
        "best",
        "plan",
        "fixed-points",
        "cycles",
        "basins",
        "radius",
        "figures",
        "iterate",
        "certify",
        "demo",
    ):
        assert name in result.stderr
        assert corrector(name, "--help").returncode == 0
