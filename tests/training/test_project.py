"""`corrector project`: a user's own pictures put through f, and what is said of that."""

import json

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from PIL import Image
from scipy.stats import beta

from tests.training.pictures import faces, pixels, png, written
from tests.training.runs import lively, saved_run
from training import GaussianNoise, Generator, celeba, digits
from training.data.decoding import Recipe, decoded, upright
from training.generation import cli
from training.generation.corruptions import Corruption
from training.generation.projecting import fitted, restored
from training.networks import perceptron
from training.weights import save_perceptron

pytestmark = pytest.mark.usefixtures("cache")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    saved_run(tmp_path / "run")
    written(tmp_path / "own", pixels(count=5, height=8, width=8, channels=1))
    return tmp_path


def run(*arguments):
    return CliRunner().invoke(cli.project, [*map(str, arguments), "--device", "cpu"])


def refused(result):
    assert result.exit_code != 0
    return result.output if result.exit_code == 2 else str(result.exception)


def pictures(folder):
    return np.stack([np.asarray(upright(path)) for path in sorted(folder.glob("*.png"))])


def expected(x, power=1):
    found = Generator(lively(), GaussianNoise((1, 8, 8)), low=-1)
    y = next(found.powers(2 * x - 1, (power,))).y
    return (255 * ((y[:, 0] + 1) / 2).clamp(0, 1)).round().numpy()


@pytest.mark.parametrize("power", [1, 3])
def test_a_folder_is_projected_picture_by_picture(folder, power):
    result = run("run", "own", "--output", "out", "--power", power)
    assert result.exit_code == 0, result.output
    x = torch.from_numpy(pixels(count=5, height=8, width=8, channels=1))[:, None] / 255
    assert np.array_equal(pictures(folder / "out" / "projected"), expected(x, power))
    names = sorted(path.name for path in (folder / "out" / "projected").iterdir())
    assert names == [f"{i:04}-{i:02}.png" for i in range(5)]
    said = json.loads((folder / "out" / "results.json").read_text())
    distance = (torch.from_numpy(expected(x, power)) / 255 - x[:, 0]).square().mean((1, 2)).sqrt().mean()
    assert said["rows"][0]["distance"] == pytest.approx(float(distance), abs=2e-3)
    head = result.output.splitlines()[2].split()
    assert head == ["distance", "error", "relative", "centred", "kept", "rank"]
    assert (folder / "out" / "sheet.png").exists()


def test_celebas_test_pictures_are_cut_as_for_training(folder):
    where = faces(folder / "CelebA", (6, 3, 4), make=noise_picture)
    result = run("run", "celeba", "--data-dir", where, "--fit", "--output", "out")
    assert result.exit_code == 0, result.output
    cut = celeba(where).part("test")
    assert len(pictures(folder / "out" / "projected")) == len(cut) == 4
    assert np.array_equal(pictures(folder / "out" / "projected"), expected(fitted(cut[:], (1, 8, 8))))


def noise_picture(seed):
    return np.random.default_rng(seed).integers(0, 256, (218, 178, 3), dtype=np.uint8)


def test_what_was_corrupted_is_beside_its_original(folder):
    asked = ["--corrupt", "noise=0.3,mask,invert", "--format", "json", "--count", 40, "--seed", 4]
    result = run("run", "digits", "--output", "out", *asked)
    assert result.exit_code == 0, result.output
    rows = {row["corruption"]: row for row in json.loads(result.stdout)["rows"]}
    assert list(rows) == ["noise=0.3", "mask=0.25", "invert"]
    x = digits().part("test")[:40]
    found = Generator(lively(), GaussianNoise((1, 8, 8)), low=-1)
    for name, row in rows.items():
        kind, _, strength = name.partition("=")
        seen = Corruption(kind, float(strength) if strength else None)(x, seed=4)
        y = (next(found.powers(2 * seen - 1, (1,))).y + 1) / 2
        before, after = (((part.clamp(0, 1) - x) ** 2).mean((1, 2, 3)) for part in (seen, y))
        assert row["before"] == pytest.approx(float(before.mean()), rel=1e-4)
        assert row["after"] == pytest.approx(float(after.mean()), rel=1e-4)
        assert row["improved"] == int((after < before).sum())
        kept = (2 * y - 1).var(0).sum() / (2 * x - 1).var(0).sum()
        assert row["idempotence"]["kept"] == pytest.approx(float(kept), rel=1e-4)
        stem = name.replace("=", "-")
        assert len(list((folder / "out" / stem).iterdir())) == 40
        assert (folder / "out" / f"sheet-{stem}.png").exists()


def test_errors_before_and_after_by_hand():
    x = torch.zeros(4, 1, 2, 2)
    seen, made = x + 0.5, x.clone()
    made[:3] += torch.tensor([0.1, 0.6, -9.0]).reshape(3, 1, 1, 1)
    found = restored(x, seen, made)
    assert (found.before, found.after) == (0.25, pytest.approx((0.01 + 0.36) / 4))
    assert (found.improved, found.count) == (3, 4)
    assert (found.low, found.high) == pytest.approx((beta.ppf(0.025, 3, 2), beta.ppf(0.975, 4, 1)))
    x[0] = 1
    assert restored(x, x, x).others == pytest.approx(0.5)
    assert np.isnan(restored(x[:1], x[:1], x[:1]).others)


@pytest.mark.usefixtures("folder")
def test_one_picture_has_no_guard_which_is_said():
    result = run("run", "own/03.png", "--output", "out")
    assert result.exit_code == 0, result.output
    assert "No guard against collapse: that takes pictures that differ." in result.output
    assert "unknown" in result.output


def test_collapsed_projections_are_a_result_that_does_not_hold(folder):
    net = lively()
    with torch.no_grad():
        net[-2].weight.mul_(1e-4)
    saved_run(folder / "flat", net)
    (folder / "evennets.py").write_text(
        "from training import network\nmake = lambda: network('u-dcgan-digits')\n"
    )
    result = run("flat", "digits", "--output", "out", "--network", "evennets:make")
    assert result.exit_code == 1
    assert "collapsed ones, which keep of the pictures' variance" in result.output
    assert (folder / "out" / "sheet.png").exists()


def test_networks_without_noise_take_pictures_of_their_size(folder):
    torch.manual_seed(0)
    net = perceptron([64, 32, 64], torch.nn.LeakyReLU, last=torch.nn.Sigmoid)
    with torch.no_grad():
        net[0].weight.mul_(9), net[2].weight.mul_(9)
    save_perceptron(net, (64, 32, 64), {}, folder / "demo.safetensors")
    for given in ("digits", "own"):
        result = run("demo.safetensors", given, "--output", f"out-{given}")
        assert result.exit_code == 0, result.output
    written(folder / "others", pixels(count=3))
    assert "expected a network that maps pictures of 3×6×8 to themselves" in refused(
        run("demo.safetensors", "others", "--output", "out")
    )


def test_pictures_are_made_to_fit_if_that_is_asked_for(folder):
    written(folder / "wide", pixels(count=4, height=20, width=30))
    result = run("run", "wide", "--output", "out", "--fit")
    assert result.exit_code == 0, result.output
    files = sorted((folder / "wide").iterdir())
    recipe = Recipe(channels=1, turned=True, size=8)
    x = torch.from_numpy(np.stack([decoded(path, recipe) for path in files])) / 255
    assert np.array_equal(pictures(folder / "out" / "projected"), expected(x))


def test_tensors_are_fitted_as_files_are(tmp_path):
    stack = pixels(count=3, height=24, width=24)
    files = sorted(written(tmp_path / "x", stack).iterdir())
    x = torch.from_numpy(stack).permute(0, 3, 1, 2) / 255
    for channels in (1, 3):
        recipe = Recipe(channels=channels, turned=True, size=8)
        peer = np.stack([decoded(path, recipe) for path in files]) / 255
        assert np.allclose(fitted(x, (channels, 8, 8)), peer, atol=2 / 255)
    assert fitted(x[:, :1], (3, 8, 8)).shape == (3, 3, 8, 8)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["run", "none"], "expected digits, mnist, celeba, or pictures or a folder of them; got none"),
        (["none", "own"], "expected a run's folder or a .safetensors file; got none, which is not there"),
        (["empty", "own"], "expected a finished run, with empty/network.safetensors; got a folder without"),
        (["run", "empty"], "expected pictures (.bmp, "),
        (
            ["run", "wide"],
            "expected pictures of 1×8×8 (channels, height, width), as the network's; got 3×6×8",
        ),
        (["run", "own", "wide"], "wide/00.png (--fit crops, scales and turns them)"),
        (["run", "cut.png"], "expected a whole picture in cut.png"),
        (["run", "bomb.png", "--fit"], "expected at most 67108864 pixels in bomb.png; got 9000×9000"),
        (["run", "text.png"], "expected a picture (BMP, "),
        (["run", "digits", "own"], "expected digits alone, or files and folders; got digits, own"),
        (["run", "own", "--corrupt", "snow"], "expected a corruption (noise, mask, "),
        (["run", "own", "--corrupt", "grey"], "expected pictures in colour, to turn grey; got 1 channel"),
        (["run", "own", "--corrupt", "mask=2"], "expected mask from 0 to 1; got 2"),
        (["run", "own", "--power", "0"], "--power"),
        (["run", "own", "--count", "0"], "--count"),
        (["run", "own", "--data-dir", "x"], "expected --data-dir together with mnist"),
        (
            ["run", "own", "--network", "torch.nn:Tanh"],
            "expected in run/network.safetensors the weights of Tanh",
        ),
        (["run"], "Missing argument 'PICTURES...'"),
    ],
)
def test_mistakes_are_named_and_nothing_is_written(folder, arguments, words):
    (folder / "empty").mkdir()
    written(folder / "wide", pixels(count=3))
    Image.fromarray(pixels(count=1, height=8, width=8, channels=1)[0]).save(folder / "cut.png")
    (folder / "cut.png").write_bytes((folder / "cut.png").read_bytes()[:60])
    (folder / "bomb.png").write_bytes(png(9000, 9000))
    (folder / "text.png").write_text("no picture")
    before = sorted(folder.rglob("*"))
    found = refused(run(*arguments, "--output", "out"))
    assert words in found, found
    assert sorted(folder.rglob("*")) == before


def test_folders_with_something_else_are_not_replaced(folder):
    assert "expected a new folder" in refused(run("run", "own", "--output", "own"))
    assert run("run", "own", "--output", "out").exit_code == 0
    assert run("run", "own/00.png", "own/01.png", "--output", "out").exit_code == 0
    assert len(list((folder / "out" / "projected").iterdir())) == 2
    (folder / "out" / "mine.txt").touch()
    assert "expected a new folder" in refused(run("run", "own", "--output", "out"))
