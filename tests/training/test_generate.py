"""`corrector generate`: what it writes, what it says, and when it ends with status 1 or 2."""

import json
from types import SimpleNamespace

import matplotlib.image
import numpy as np
import pytest
import torch
from click.testing import CliRunner
from torch import nn

from corrector.cli import Refused
from tests.training.pictures import pixels, written
from tests.training.runs import Halved, lively, saved_run
from training import FourierNoise, GaussianNoise, Generator, digits, load_generator, memory
from training.data.decoding import upright
from training.generation import cli, generating
from training.generation.tables import complaint, power_errors
from training.measures import metrics

pytestmark = pytest.mark.usefixtures("cache")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    saved_run(tmp_path / "run")
    return tmp_path


def run(*arguments):
    return CliRunner().invoke(cli.generate, [*map(str, arguments), "--device", "cpu"])


def refused(result):
    assert result.exit_code != 0
    return result.output if result.exit_code == 2 else str(result.exception)


def test_a_sheet_and_a_table(folder):
    result = run("run", "--output", "sheet.png", "--count", 20, "--powers", "1,3")
    assert result.exit_code == 0, result.output
    lines = [line.split() for line in result.output.splitlines()]
    assert lines[0] == ["error", "relative", "centred", "kept", "rank"]
    assert [line[0] for line in lines[1:3]] == ["f", "f³"]
    found = load_generator("run")
    z = found.draw(20, 0)
    expected = metrics(found.net, z)
    assert lines[1][1:] == [f"{expected[key]:.3g}" for key in lines[0]]
    assert sorted(path.name for path in folder.iterdir()) == ["run", "sheet.png"]
    assert matplotlib.image.imread(folder / "sheet.png").shape[1] > 16 * 96


def test_a_folder_with_everything(folder):
    run_all = ["--separate", "--npy", "--latents", "--data", "digits", "--format", "json", "--seed", 5]
    result = run("run", "--output", "all", "--count", 70, "--powers", "2,1", *run_all)
    assert result.exit_code == 0, result.output
    said = json.loads(result.stdout)
    assert [row["k"] for row in said["rows"]] == [1, 2]
    names = {path.name for path in (folder / "all").iterdir() if path.name[0] != "."}
    assert names == {
        "sheet.png",
        "pictures.npy",
        "z",
        "f1",
        "f2",
        "codes.png",
        "interpolation.png",
        "arithmetic.png",
    }
    found = load_generator("run")
    y = found.sample(70, 5, (1, 2))
    stack = np.load(folder / "all" / "pictures.npy")
    assert stack.shape == (2, 70, 1, 8, 8)
    assert np.allclose(stack[1], (y[2] + 1) / 2, atol=1e-6)
    assert len(list((folder / "all" / "f2").iterdir())) == 70
    for k, name in enumerate(("z", "f1", "f2")):
        expected = (255 * ((y[k][69, 0] + 1) / 2).clamp(0, 1)).round()
        assert np.array_equal(np.asarray(upright(folder / "all" / name / "0069.png")), expected)


def test_more_pictures_than_memory_holds_are_refused_before_anything_is_made(folder, monkeypatch):
    """Kept are all where each is written, else those on the sheet."""
    free = SimpleNamespace(available=4 * 64 * (4 * 1000 + 64 * 2) + 1)
    monkeypatch.setattr(memory.psutil, "virtual_memory", lambda: free)
    options = ("--count", 1000, "--powers", "1,2", "--output", "all")
    words = refused(run("run", *options, "--npy"))
    assert "expected --count of pictures that fit into 0.0 GB of memory; got 1000, which take 0.0" in words
    assert not (folder / "all").exists()
    assert run("run", *options).exit_code == 0


def test_the_same_seed_is_the_same_file_and_another_is_not(folder):
    for name, seed in (("a.png", 1), ("b.png", 1), ("c.png", 2)):
        assert run("run", "--output", name, "--count", 4, "--seed", seed).exit_code == 0
    a, b, c = ((folder / name).read_bytes() for name in ("a.png", "b.png", "c.png"))
    assert a == b
    assert a != c


def test_collapsed_pictures_are_a_result_that_does_not_hold(folder):
    net = lively()
    with torch.no_grad():
        net[-2].weight.mul_(1e-4)
    saved_run(folder / "flat")
    saved_run(folder / "flat", nn.Sequential(*net))
    (folder / "flatnets.py").write_text(
        "from training import network\nmake = lambda: network('u-dcgan-digits')\n"
    )
    result = run("flat", "--output", "sheet.png", "--network", "flatnets:make", "--powers", "1,2")
    assert result.exit_code == 1
    assert (
        "expected pictures that differ; got collapsed ones, which keep of the noise's variance"
        in result.output
    )
    table = [line.split() for line in result.output.splitlines()[:3]]
    assert [line[3] for line in table[1:]] == ["collapsed", "collapsed"]
    assert (folder / "sheet.png").exists()


def test_pictures_that_are_not_finite_are_one_too(folder):
    net = Halved(1e30)
    saved_run(folder / "wild", net)
    (folder / "wild.py").write_text("from tests.training.runs import Halved\n")
    result = run("wild", "--output", "sheet.png", "--network", "wild:Halved", "--powers", "1,2")
    assert result.exit_code == 1
    assert "expected finite pictures; got others, 64 of 64 at f²" in result.output


def test_other_noise_than_the_runs_own(folder):
    (folder / "run" / "noise.safetensors").unlink()
    assert "expected the noise of a generative run" in refused(run("run", "--output", "a.png"))
    for name, made in (("gaussian", GaussianNoise), ("fourier", FourierNoise)):
        result = run("run", "--output", name, "--noise", name, "--data", "digits", "--npy", "--count", 3)
        assert result.exit_code in (0, 1), result.output
        expected = Generator(lively(), made.of(digits().part("train")), low=-1).sample(3, powers=(1,))[1]
        stack = np.load(folder / name / "pictures.npy")
        assert np.allclose(stack[0], (expected + 1) / 2, atol=1e-6)


def test_data_without_classes_have_codes_but_no_arithmetic(folder):
    written(folder / "pets", pixels(height=8, width=8, channels=1))
    result = run("run", "--output", "out", "--latents", "--data", "pets", "--module", "2", "--count", 8)
    assert result.exit_code == 0, result.output
    assert {path.suffix for path in (folder / "out").iterdir()} == {"", ".png"}
    assert not (folder / "out" / "arithmetic.png").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (
            ["none", "--output", "a.png"],
            "expected a run's folder or a .safetensors file; got none, which is not",
        ),
        (["empty", "--output", "a.png"], "expected a finished run, with empty/network.safetensors"),
        (["run"], "Missing option '--output'"),
        (
            ["run", "--output", "a.png", "--separate"],
            "expected a folder as --output with --separate; got a.png",
        ),
        (["run", "--output", "a.png", "--npy"], "expected a folder as --output with --npy; got a.png"),
        (["run", "--output", "run"], "expected a new folder, an empty one, or an older report alone"),
        (["run", "--output", "no/such/a.png"], "expected an existing folder for a.png; got no/such"),
        (["run", "--output", "a.png", "--powers", "0,1"], "expected numbers from 1 to 1000; got 0,1"),
        (["run", "--output", "a.png", "--powers", "1,1"], "expected numbers that differ; got 1,1"),
        (
            ["run", "--output", "a.png", "--powers", "one"],
            "expected whole numbers with commas between; got one",
        ),
        (["run", "--output", "a.png", "--count", "1"], "--count"),
        (
            ["run", "--output", "a.png", "--noise", "fourier"],
            "expected --data with --noise and --latents; got none",
        ),
        (
            ["run", "--output", "a.png", "--data", "digits"],
            "expected --data together with --noise or --latents",
        ),
        (["run", "--output", "a", "--module", "4"], "expected --module together with --latents"),
        (
            ["run", "--output", "a", "--latents", "--data", "none"],
            "celeba, or a folder of pictures; got none",
        ),
        (
            ["run", "--output", "a", "--latents", "--data", "pets"],
            "expected pictures of 1×8×8 with --data, as the n",
        ),
        (["run", "--output", "a", "--latents", "--data", "digits", "--module", "x"], "none of that name"),
        (
            ["run", "--output", "a", "--latents", "--data", "digits", "--arithmetic", "1,77"],
            "expected pictures of class 77; got those of 0, 1, 2",
        ),
        (
            ["run", "--output", "a", "--latents", "--data", "digits", "--arithmetic", "1"],
            "expected two classes",
        ),
        (
            ["run", "--output", "a", "--latents", "--data", "pets", "--size", "8", "--arithmetic", "1,7"],
            "expected pictures with classes for --arithmetic; got Images(pets",
        ),
        (
            ["run", "--output", "a.png", "--noise", "gaussian", "--data", "pets"],
            "expected noise of 1×8×8, as the run's; got 1×6×8",
        ),
        (
            ["run", "--output", "a.jpg"],
            "expected a .png, .pdf or .svg file or a folder as --output; got a.jpg",
        ),
        (["run", "--output", "a.png", "--network", "nowhere:Net"], "expected a module that can be imported"),
        (
            ["run", "--output", "a.png", "--network", "torch.nn:Tanh"],
            "expected in run/network.safetensors the weigh",
        ),
    ],
)
def test_mistakes_are_named_and_nothing_is_written(folder, arguments, words):
    (folder / "empty").mkdir()
    written(folder / "pets", pixels(channels=1))
    before = sorted(folder.rglob("*"))
    found = refused(run(*arguments))
    assert words in found, found
    assert sorted(folder.rglob("*")) == before


def test_what_is_interrupted_leaves_nothing(folder, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(generating, "write_picture", interrupt)
    before = sorted(folder.rglob("*"))
    assert run("run", "--output", "out", "--separate").exit_code == 1
    assert sorted(folder.rglob("*")) == before


def test_an_error_never_stands_alone():
    x = torch.randn(8, 1, 4, 4, generator=torch.Generator().manual_seed(0))
    [power] = Generator(Halved(), GaussianNoise((1, 4, 4)), low=-1).powers(x, (2,))
    row = power_errors(x, power)
    expected = metrics(Halved(), Halved()(x).detach())
    assert row.error == pytest.approx(expected["error"], rel=1e-5)
    assert row.kept == pytest.approx(float(power.y.var(0, correction=0).sum() / x.var(0, correction=0).sum()))
    assert complaint([("f²", row)], "the noise's") is None
    alone = power_errors(x[:1], power._replace(y=power.y[:1], following=power.following[:1]))
    assert (alone.kept, alone.collapsed) == (None, None)
    assert alone.cells()[2:] == ["", "unknown", ""]
    assert json.dumps(alone.as_dict(), allow_nan=False)
    assert Refused("").exit_code == 1
