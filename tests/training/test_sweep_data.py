"""MNIST for a sweep from a folder: found again, moved, missing; never a part of what is trained."""

import hashlib
import json
import subprocess
import sys
from dataclasses import replace

import pytest
import xarray as xr
from click.testing import CliRunner

from tests.test_cli import COMMAND
from tests.training.test_data import idx
from training import sweep as of_python
from training.data import idx as files
from training.sweeping import inputs
from training.sweeping.cli import sweep
from training.sweeping.figures import figures_of
from training.sweeping.plan import Plan
from training.sweeping.store import PLAN, Store, read_plan
from training.sweeping.subjects import subject

FILES = {"train-images-idx3-ubyte": idx(60_000, 2, 2), "t10k-images-idx3-ubyte": idx(100, 2, 2)}
HASHES = {name: hashlib.sha256(content).hexdigest() for name, content in FILES.items()}
OWN = f"""
from torch import nn
from training.data import idx

idx._PICTURES = {HASHES}  # also in processes of their own

class Square(nn.Linear):
    def __init__(self):
        super().__init__(4, 4)
"""

SETTING = {"networks": ["own:Square"], "data": ["mnist"], "rules": ["modified"], "learning_rates": [0.1, 0.2]}
SETTING |= {"runs": 2, "epochs": 5, "samples": 64, "batch_sizes": [32], "held_out": 40}
OPTIONS = (
    "--networks",
    "own:Square",
    "--data",
    "mnist",
    "--rules",
    "modified",
    "--learning-rates",
    "0.1,0.2",
)
OPTIONS += ("--runs", 2, "--epochs", 5, "--samples", 64, "--batch-sizes", 32, "--held-out", 40)
OPTIONS += ("--processes", 1)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """The current folder, with a small stand-in for MNIST in `pictures`."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(files, "_MIRROR", "http://127.0.0.1:9/")
    monkeypatch.setattr(files, "_PICTURES", HASHES)
    monkeypatch.delitem(sys.modules, "own", raising=False)
    subject.cache_clear()
    (tmp_path / "own.py").write_text(OWN)
    (tmp_path / "pictures").mkdir()
    for name, content in FILES.items():
        (tmp_path / "pictures" / name).write_bytes(content)
    return tmp_path


def run(*arguments):
    inputs._images.cache_clear()  # as in a process of its own
    return CliRunner().invoke(sweep, [*map(str, arguments)])


def forget(path, *numbers):
    """Make pieces of a sweep unfinished."""
    for number in numbers:
        (path / "pieces" / f"{number:06}.safetensors").unlink()


def test_the_folder_alone_goes_on_from_anywhere(folder, monkeypatch):
    done = run(*OPTIONS, "--data-dir", "pictures", "--output", "out")
    assert done.exit_code == 0, done.output
    assert json.loads((folder / "out" / PLAN).read_text())["data_dir"] == str(folder / "pictures")
    expected = xr.load_dataset(folder / "out" / "sweep.nc")
    assert expected.error.isel(epoch=-1).notnull().all()
    forget(folder / "out", 0, 1)
    monkeypatch.syspath_prepend(str(folder))
    (folder / "elsewhere").mkdir()
    monkeypatch.chdir(folder / "elsewhere")
    done = run("--output", "../out", "--processes", 1)
    assert done.exit_code == 0, done.output
    xr.testing.assert_identical(xr.load_dataset(folder / "out" / "sweep.nc"), expected)


def test_where_the_files_lie_is_no_part_of_the_data(folder):
    first = of_python(**SETTING, data_dir="pictures", path="a")
    (folder / "pictures").rename(folder / "moved")
    xr.testing.assert_identical(of_python(**SETTING, data_dir=folder / "moved", path="b"), first)
    here, there = Plan(**SETTING, data_dir="here"), Plan(**SETTING, data_dir="there")
    assert here == there == Plan.from_json(here.to_json())
    assert Plan.from_json(there.to_json()).data_dir == str(folder / "there")
    forget(folder / "a", 0)
    xr.testing.assert_identical(of_python(**SETTING, data_dir="moved", path="a"), first)
    assert read_plan("a").data_dir == str(folder / "pictures")


def test_a_folder_that_was_moved_is_named_anew(folder):
    run(*OPTIONS, "--data-dir", "pictures", "--output", "out")
    expected = xr.load_dataset(folder / "out" / "sweep.nc")
    (folder / "pictures").rename(folder / "moved")
    figures_of(folder / "out")
    assert run("--output", "out").exit_code == 0  # what is finished needs no data
    forget(folder / "out", 0, 1)
    for arguments in (("--output", "out"), (*OPTIONS, "--output", "out"), ("--output", "out", "--join")):
        error = str(run(*arguments).exception)
        assert error == f"expected a folder with MNIST's files; {folder / 'pictures'} is none"
    done = subprocess.run(
        [COMMAND, "sweep", "--output", "out", "--data-dir", "moved", "--processes", "2"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    xr.testing.assert_identical(xr.load_dataset(folder / "out" / "sweep.nc"), expected)
    forget(folder / "out", 0, 1)
    assert run("--output", "out", "--data-dir", "moved", "--join").exit_code == 0
    assert Store("out", replace(read_plan("out"), data_dir="moved")).dataset().identical(expected)


@pytest.mark.parametrize(
    ("changes", "kind", "words"),
    [
        ({"data_dir": "none"}, FileNotFoundError, "expected a folder with MNIST's files; .*/none is none"),
        (
            {"data_dir": "."},
            FileNotFoundError,
            r"expected train-images-idx3-ubyte or .*\.gz in .*; got neither",
        ),
        ({"data_dir": None}, OSError, r"expected to fetch train-images.* Offline, name a folder"),
        ({"data_dir": "pictures", "samples": 10**6}, ValueError, "at most 55000, as mnist has; got 1000000"),
        (
            {"data_dir": "pictures", "data": ["fixed"]},
            ValueError,
            "`data_dir` is for mnist; got it with fixed",
        ),
        ({"data_dir": 3}, TypeError, "`data_dir` must be a path; got 3"),
    ],
)
def test_mistakes_are_named_before_anything_is_written(folder, changes, kind, words):
    with pytest.raises(kind, match=words):
        of_python(**SETTING | changes, path="out")
    assert not (folder / "out").exists()


def test_the_command_says_what_it_expected(folder):
    (folder / "run.yaml").write_text("networks: [own:Square]\ndata: [mnist]\ndata-dir: own.py\n")
    done = subprocess.run(
        [COMMAND, "sweep", "--config", "run.yaml", "--output", "out"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr == f"corrector: expected a folder with MNIST's files; {folder / 'own.py'} is none\n"
    assert not (folder / "out").exists()
