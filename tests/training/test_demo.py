"""The demo as a person runs it, in small: its files open, an interruption leaves nothing."""

import json
import re
import signal
import subprocess
import time

import matplotlib.image
import pandas as pd
import pytest
import safetensors
import torch
import xarray as xr

from tests.test_cli import COMMAND
from training.networks import perceptron

SMALL = ("demo", "--passes", "140", "--seeds", "3")


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo")
    result = subprocess.run([COMMAND, *SMALL], capture_output=True, text=True, cwd=folder, check=False)
    assert result.returncode == 0, result.stderr
    return result.stdout, folder / "report"


def test_the_terminal_shows_correctors_table_and_findings(report):
    shown, _ = report
    assert "g(x) = 3x² − 2x³\n" in shown
    assert "g(x) = 10x³ − 15x⁴ + 6x⁵\n" in shown
    for name in (
        "reconstruction only",
        "ordinary",
        "target",
        "modified order 2",
        "identity",
        "constant map",
    ):
        assert name in shown
    assert "• Against the ordinary rule, by errors, rank and variance kept" in shown
    assert shown.rstrip().endswith("Report: report/index.html")


def test_every_file_opens(report):
    _, folder = report
    pictures = {"basins.png", "curves.png", "digits.png", "tradeoff.png", "rates.png"}
    others = {
        ".made-by-corrector",
        "index.html",
        "metrics.nc",
        "table.csv",
        "best.safetensors",
        "report.json",
    }
    assert {p.name for p in folder.iterdir()} == pictures | others | {".made-by-corrector"}
    for name in pictures:
        image = matplotlib.image.imread(folder / name)
        assert min(image.shape[:2]) > 300
        assert image[..., :3].std() > 0.02
    with xr.open_dataset(folder / "metrics.nc", engine="h5netcdf") as runs:
        assert runs.test.dims == ("contender", "measure", "rate", "seed")
        assert runs.sizes["seed"] == 7
        assert runs.attrs["passes"] == 140
    rows = pd.read_csv(folder / "table.csv")
    assert set(rows.table) == {"own best rate", "one rate"}
    assert json.loads((folder / "report.json").read_text())["findings"]


def test_the_page_holds_together(report):
    _, folder = report
    page = (folder / "index.html").read_text()
    for picture in re.findall(r'src="([^"]+)"', page):
        assert (folder / picture).is_file()
    assert "corrector demo --data digits --passes 140 --seeds 3" in page
    assert "collapsed" in page
    assert not re.search(r"\bnan\b|\binf\b|None|\{\{|Traceback", page)
    for sentence in json.loads((folder / "report.json").read_text())["findings"]:
        assert sentence.replace("'", "&#39;") in page


def test_the_table_in_the_page_is_the_table_in_the_file(report):
    _, folder = report
    page = (folder / "index.html").read_text()
    rows = pd.read_csv(folder / "table.csv")
    own = rows[
        (rows.table == "own best rate") & (rows.measure == "relative") & (rows.contender == "ordinary")
    ]
    assert f"<td>{own['mean'].item():.3g}<span>({own.low.item():.3g}–{own.high.item():.3g})" in page


def test_the_best_network_can_be_rebuilt_from_its_file(report):
    _, folder = report
    with safetensors.safe_open(folder / "best.safetensors", "pt") as file:
        head = file.metadata()
        weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - no mapping
    architecture = json.loads(head["architecture"])
    net = perceptron(architecture["perceptron"], torch.nn.LeakyReLU, last=torch.nn.Sigmoid)
    net.load_state_dict(weights)
    assert net(torch.rand(2, 64)).shape == (2, 64)
    assert head["rule"] in ("ordinary", "target", "modified")


@pytest.fixture
def interruptible():
    """A shell starts what it puts in the background with SIGINT ignored; the tests may run there."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_leaves_nothing_behind(how, tmp_path):
    process = subprocess.Popen(
        [COMMAND, "demo", "--passes", "100000"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 60
    while not any(tmp_path.iterdir()) and time.monotonic() < deadline:
        time.sleep(0.1)
    time.sleep(3)
    process.send_signal(how)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert errors.strip() == "corrector: interrupted; nothing was written"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("interruptible")
def test_an_older_report_survives_until_the_new_one_is_whole(report, tmp_path):
    import shutil

    _, folder = report
    shutil.copytree(folder, tmp_path / "report")
    process = subprocess.Popen(
        [COMMAND, "demo", "--passes", "100000"],
        cwd=tmp_path,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    time.sleep(6)
    process.send_signal(signal.SIGINT)
    process.wait(timeout=60)
    assert {p.name for p in (tmp_path / "report").iterdir()} == {p.name for p in folder.iterdir()}
    assert [p.name for p in tmp_path.iterdir()] == ["report"]
