"""`corrector train` of networks that generate: what a run leaves, goes on after a kill, and refuses."""

import csv
import json
import os
import re
import subprocess
import sys

import matplotlib.image
import numpy as np
import pytest
import torch
import yaml
from click.testing import CliRunner
from safetensors import safe_open
from safetensors.torch import load_file

from tests.training.pictures import faces, pixels, written
from training import (
    FourierNoise,
    GaussianNoise,
    GenerativeTraining,
    Idempotency,
    Reconstruction,
    digits,
    load_generator,
    metrics,
)
from training.generation.cli import generate
from training.generation.results import Evaluation
from training.networks import network
from training.objective.recipes import RECIPES
from training.runs.batches import named_parts
from training.runs.cli import train
from training.runs.keeping import Keeper
from training.runs.objective_options import settle_ramps
from training.runs.page import write_page
from training.weights import load_network

SMALL = (
    *("--network-argument", "widths=[4,6]", "--epochs", "2", "--batch-size", "100"),
    *("--accelerator", "cpu", "--no-evaluate", "--patience", "0"),
)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty one, for runs that leave no page, which takes longer than they do."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("training.runs.running.write_page", lambda *_: None)
    return tmp_path


def run(*arguments):
    return CliRunner().invoke(train, [*map(str, arguments)])


def small(*arguments):
    return run("u-dcgan-digits", "digits", *SMALL, *arguments)


def finished(result):
    """Whatever became of the pictures, the run has ended: well, or refused as what collapsed in the end."""
    words = f"{result.output} {result.exception!r}"
    collapsed = re.search(r"Error: .*collapsed.*The network is in", result.output)
    assert result.exit_code == 0 or (result.exit_code == 1 and collapsed), words
    return result.output


def contents(folder):
    """What is a function of the options: all but what it took."""
    files = (path for path in folder.rglob("*") if path.is_file() and path.name != "cost.json")
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


@pytest.mark.parametrize("name", RECIPES)
def test_each_recipe_runs_and_leaves_what_reproduces_it(folder, name):
    finished(small("--recipe", name, "--output", "run"))
    left = {path.name for path in (folder / "run").iterdir()}
    assert left == {
        *("config.yaml", "metrics.csv", "network.safetensors", "noise.safetensors", "sheets"),
        *("summary.json", "curves.png", "cost.json"),
    }
    chosen = yaml.safe_load((folder / "run" / "config.yaml").read_text())
    for option, value in RECIPES[name].options.items():
        if option != "batch_size":
            given = chosen[option.replace("_", "-")]
            assert given == (dict(value) if option == "ramp" else value), option
    finished(run("--config", "run/config.yaml", "--output", "again"))
    assert contents(folder / "again") == contents(folder / "run")


def test_a_run_leaves_a_network_its_noise_its_sheets_and_its_course(folder):
    finished(small("--recipe", "projector", "--output", "run", "--log-every", "1", "--learning-rate", "0.01"))
    with safe_open("run/network.safetensors", "pt") as file:
        header = file.metadata()
    assert (header["pixels"], header["source"]) == ("-1,1", "gaussian")
    net = load_network(folder / "run" / "network.safetensors")
    assert [part.out_channels for part in net if isinstance(part, torch.nn.Conv2d)] == [4, 6]
    sheets = sorted(path.name for path in (folder / "run" / "sheets").iterdir())
    assert (len(sheets), sheets[0], sheets[-1]) == (12 - 1 + 1, "step-000000.png", "step-000022.png")
    assert matplotlib.image.imread(folder / "run" / "sheets" / sheets[-1]).shape[0] > 100
    rows = list(csv.DictReader((folder / "run" / "metrics.csv").read_text().splitlines()))
    assert {"reconstruction", "likelihood", "idempotency", "cosine"} < rows[0].keys()
    assert [row["idempotency"] != "" for row in rows] == [step > 7 for step in range(1, 23)]
    assert float(rows[-1]["likelihood"]) < float(rows[0]["likelihood"])
    summary = json.loads((folder / "run" / "summary.json").read_text())
    assert not summary["test"]["after"]["collapsed"]
    assert summary["best_step"] is None
    assert summary["test"]["identity"]["error"] == 0


def test_a_page_shows_it_all_and_needs_no_other_file(folder, monkeypatch):
    monkeypatch.setattr("training.runs.running.write_page", write_page)
    finished(small("--recipe", "projector", "--learning-rate", "0.01", "--output", "run"))
    page = (folder / "run" / "report.html").read_text(encoding="utf-8")
    assert page.count('src="data:image/png;base64,') == page.count("<img ") == 1 + 4 + 1 + 3
    for words in (
        "u-dcgan-digits",
        "projector",
        "22 steps",
        "Pictures brought back",
        "blur, sketch, invert",
        "Codes",
        "Sums of codes",
        "After 0 steps",
    ):
        assert words in page
    centred = json.loads((folder / "run" / "summary.json").read_text())["test"]["after"]["centred"]
    assert f"<td>{centred:.3g}</td>" in page


def test_a_network_that_died_has_a_page_that_says_so(folder, monkeypatch):
    """Its codes are one, of which there is nothing to draw; the run ends all the same."""
    monkeypatch.setattr("training.runs.running.write_page", write_page)
    (folder / "dying.py").write_text(
        "from torch import nn\n"
        "def net():\n"
        "    f = nn.Sequential(nn.Conv2d(1, 2, 8), nn.ReLU(), nn.ConvTranspose2d(2, 1, 8), nn.Tanh())\n"
        "    nn.init.zeros_(f[0].weight)\n"
        "    nn.init.constant_(f[0].bias, -1)\n"
        "    return f\n"
    )
    monkeypatch.syspath_prepend(folder)
    finished(run("dying:net", "digits", *SMALL[2:], "--recipe", "naign", "--output", "run"))
    page = (folder / "run" / "report.html").read_text(encoding="utf-8")
    assert "Not drawn: expected codes that differ; got the same" in page
    assert (folder / "run" / "summary.json").is_file()
    words = ("--network", "dying:net", "--latents", "--data", "digits", "--output", "out")
    result = CliRunner().invoke(generate, ["run", *words])
    assert result.exit_code == 1
    assert "codes.png is not drawn: expected codes that differ; got the same" in result.stderr
    names = {path.name for path in (folder / "out").iterdir() if path.name[0] != "."}
    assert names == {"sheet.png", "interpolation.png", "arithmetic.png"}


class Killed(BaseException):
    """As sudden as a signal."""


def killed(monkeypatch, *options, of=("u-dcgan-digits", "digits", *SMALL)):
    """A run that ends at its fourth checkpoint."""
    save, count = Keeper._save, 0

    def counted(self, trainer, module):
        nonlocal count
        save(self, trainer, module)
        count += 1
        if count == 4:
            raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(Keeper, "_save", counted)
        with pytest.raises(Killed):
            words = [*map(str, of), *options, "--output", "run"]
            CliRunner().invoke(train, words, catch_exceptions=False)


@pytest.mark.parametrize("recipe", ["projector", "ign"])
def test_a_run_that_was_killed_goes_on_as_if_it_had_not_been(folder, monkeypatch, recipe):
    options = ("--recipe", recipe, "--checkpoint-every", "5", "--precision", "64-true")
    options += ("--refresh", "4", "--pool", "50") if recipe == "projector" else ()
    finished(small(*options, "--output", "whole"))
    killed(monkeypatch, *options)  # at step 15, within a pool's time
    torch.manual_seed(99)  # another process's generators are anywhere
    finished(run("--resume", "--output", "run"))
    assert contents(folder / "run") == contents(folder / "whole")


def test_a_run_goes_on_by_the_words_that_began_it(folder, monkeypatch):
    options = ("--recipe", "matched", "--order", "2", "--ramp", "likelihood=0-0.1", "--checkpoint-every", "5")
    killed(monkeypatch, *options)
    other = run("u-dcgan-digits", "digits", *SMALL, *options, "--order", "1", "--output", "run", "--resume")
    assert "the run's own options, order 2; got 1" in other.output
    finished(small(*options, "--output", "run", "--resume"))
    assert (folder / "run" / "summary.json").is_file()


def test_the_rule_and_its_corrector_are_chosen_beside_a_recipe(folder):
    finished(small("--recipe", "paper", "--order", "2", "--weight", "0.5", "--output", "run"))
    chosen = yaml.safe_load((folder / "run" / "config.yaml").read_text())
    assert (chosen["order"], chosen["weight"], chosen["source"]) == (2, 0.5, "gaussian")
    assert json.loads((folder / "run" / "summary.json").read_text())["corrector"] == "10x³ − 15x⁴ + 6x⁵"


def test_a_ramp_beside_a_recipe_leaves_its_others(folder):
    finished(small("--recipe", "projector", "--ramp", "likelihood=0-0.1", "--output", "run"))
    chosen = yaml.safe_load((folder / "run" / "config.yaml").read_text())
    assert chosen["ramp"] == {"likelihood": "0-0.1", "idempotency": "0.3-0.5"}
    finished(small("--recipe", "projector", "--ramp", "idempotency=0-0", "--output", "whole"))
    assert yaml.safe_load((folder / "whole" / "config.yaml").read_text())["ramp"] == {"idempotency": "0-0"}


def test_a_kill_while_pictures_are_measured_loses_nothing(folder, monkeypatch):
    def killed(*_):
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr("training.runs.running.write_page", killed)
        with pytest.raises(Killed):
            words = ["u-dcgan-digits", "digits", *SMALL, "--recipe", "projector", "--output", "run"]
            CliRunner().invoke(train, words, catch_exceptions=False)
    assert not (folder / "run" / "summary.json").exists()
    shown = finished(run("--resume", "--output", "run"))
    assert "22 steps in " in shown
    finished(small("--recipe", "projector", "--output", "whole"))
    assert contents(folder / "run") == contents(folder / "whole")


def test_what_a_recipe_says_a_file_may_override_and_the_command_line_both(folder):
    (folder / "own.yaml").write_text("recipe: ign\npool: 70\nrefresh: 9\nweight: 3\nlikelihood: 1\n")
    finished(small("--config", "own.yaml", "--weight", "4", "--pool", "50", "--output", "run"))
    chosen = yaml.safe_load((folder / "run" / "config.yaml").read_text())
    assert [chosen[name] for name in ("pool", "refresh", "weight", "tightness")] == [50, 9, 4.0, 2.5]


def test_what_a_recipe_was_changed_in_is_said_beside_its_name(folder, monkeypatch):
    monkeypatch.setattr("training.runs.running.write_page", write_page)
    options = [option for option in SMALL if option != "--no-evaluate"]
    words = ("--recipe", "naign", "--likelihood", "2", "--learning-rate", "0.01", "--output", "run")
    shown = finished(run("u-dcgan-digits", "digits", *options, *words))
    name = "naign with likelihood 2.0, batch-size 100, learning-rate 0.01"
    assert f"{name}: 300 pictures a row" in shown
    page = (folder / "run" / "report.html").read_text(encoding="utf-8")
    assert f"<em>{name}</em>" in page
    assert "corrector train --config run/config.yaml --output again" in page
    assert "<em>recall, coverage</em>: how much of the real pictures" in page


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_as_it_is_has_its_name_alone(name):
    context = train.make_context("train", ["u-dcgan-digits", "digits", "--recipe", name, "--output", "run"])
    settle_ramps(context.params)
    assert RECIPES[name].changed(context.params) == name


def test_a_recipe_goes_with_an_optimizer_that_has_no_betas(folder):
    finished(small("--recipe", "matched", "--optimizer", "sgd", "--output", "run"))
    assert yaml.safe_load((folder / "run" / "config.yaml").read_text())["betas"] is None
    own = ("--recipe", "matched", "--optimizer", "sgd", "--betas", "0.5,0.99", "--output", "other")
    assert "expected --betas together with --optimizer adam or adamw" in small(*own).output


def test_a_network_that_makes_pictures_of_another_size_is_refused(folder):
    result = run(
        "u-dcgan-digits",
        "digits",
        *SMALL,
        "--network-argument",
        "size=7",
        "--recipe",
        "naign",
        "--output",
        "run",
    )
    assert "expected a network that leaves the size of pictures as it is; got (1, " in str(result.exception)
    assert not (folder / "run").exists()


def test_another_recipe_is_not_laid_over_a_runs_file(folder):
    finished(small("--recipe", "ign", "--output", "run"))
    (folder / "own.yaml").write_text("weight: 3\nlearning-rate: 1e-2\n")
    for file, words in (
        ("run/config.yaml", "expected the --recipe of --config, ign, or none; got projector"),
        ("own.yaml", "expected recipe: projector in --config, beside options that override its own; got"),
    ):
        for options in (
            ("--config", file, "--recipe", "projector"),
            ("--recipe", "projector", "--config", file),
        ):
            assert words in small(*options, "--output", "other").output
            assert not (folder / "other").exists()
    (folder / "fine.yaml").write_text("weight: 4\nsource: gaussian\nseed: 3\n")
    finished(small("--config", "fine.yaml", "--recipe", "projector", "--output", "fine"))
    finished(small("--config", "run/config.yaml", "--recipe", "ign", "--weight", "3", "--output", "other"))
    assert yaml.safe_load((folder / "other" / "config.yaml").read_text())["tightness"] == 2.5


@pytest.mark.usefixtures("cache")
def test_pictures_of_data_with_labels_are_measured_in_the_end(folder, monkeypatch):
    monkeypatch.setattr("training.runs.showing.classifier", quick_classifier)
    shown = finished(small("--recipe", "paper", "--evaluate", "--output", "run"))
    found = Evaluation.from_json((folder / "run" / "evaluation.json").read_text())
    assert [row.name for row in found.rows] == ["f", "f²", "f³", "f⁵"]
    assert (found.name, found.samples) == ("paper with batch-size 100", 300)
    assert found.rows[0].finite == 300
    assert "held-out pictures" in shown
    made = load_generator("run")
    seen = made.pictures(made.sample(300, seed=7, powers=(1,))[1]).clamp(0, 1)
    real = digits().part("test")[:]
    assert found.rows[0].variance == pytest.approx(float(seen.var(0).sum() / real.var(0).sum()), rel=1e-4)
    z = made.draw(300, seed=7)
    assert found.rows[0].idempotence["kept"] == pytest.approx(metrics(made.net, z)["kept"], rel=1e-4)


def quick_classifier(*arguments):
    from training.generation.classifier import Recipe, classifier

    return classifier(*arguments, Recipe(steps=30, strides=(2, 2, 2), features=8))


def shaded(i):
    """A picture in one colour, lighter to the right."""
    colour = np.random.default_rng(i).integers(0, 256, 3)
    return (colour * np.linspace(0, 1, 178)[:, None] * np.ones((218, 1, 1))).astype(np.uint8)


@pytest.mark.usefixtures("cache")
@pytest.mark.parametrize("layout", ["official", "folder"])
def test_colour_pictures_are_learned(folder, layout):
    data = ("celeba", "--data-dir", "there") if layout == "official" else ("there", "--size", "64")
    if layout == "official":
        faces(folder / "there", (40, 5, 5), make=shaded)
    else:
        written(folder / "there", [shaded(i) for i in range(50)])
    widths = "widths=[8,8,8,8,16]"
    arguments = ("--network-argument", widths, "--network-argument", "normalisation=group", "--pool", "40")
    arguments += ("--recipe", "projector", "--source", "fourier", "--epochs", "8", "--batch-size", "8")
    finished(run("u-dcgan-celeba", *data, *arguments, "--validate-every", "40", "--output", "run"))
    found = json.loads((folder / "run" / "summary.json").read_text())["test"]
    assert found["after"]["task"] < 0.6 * found["before"]["task"]
    made = load_generator(folder / "run")
    assert made.pictures(made.sample(3, seed=0, powers=(1,))[1]).shape == (3, 3, 64, 64)
    sheets = sorted((folder / "run" / "sheets").iterdir())
    assert np.ptp(matplotlib.image.imread(sheets[-1])[..., :3].reshape(-1, 3), axis=1).max() > 0.1, "colours"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("--pool 9", "expected --pool together with --source or --recipe"),
        ("--ramp idempotency=0-1", "expected --ramp together with --source or --recipe"),
        ("--recipe paper --pool 9", "expected --pool together with --likelihood above 0; got it without"),
        ("--recipe paper --tightness-clamp 2", "expected --tightness-clamp together with --tightness"),
        ("--recipe paper --network-argument dropout=abc", "`dropout` must be a real number; got 'abc'"),
        ("--recipe paper --network-argument widths=[4,0]", "`widths` must be a whole number from 1"),
        ("--recipe gan", "'gan' is not one of 'paper', 'ign', 'naign'"),
        ("--recipe ign --noise 1", "expected --noise without --recipe and --source"),
        ("--recipe ign --shape 64", "expected --shape without --recipe and --source"),
        ("--recipe matched --likelihood 0", "expected --likelihood above 0 with --at nearest, or another"),
        ("--recipe ign --order 2", "expected --order together with --rule"),
        (
            "--recipe ign --rule modified",
            "expected --rule ordinary, inner, outer with --distance l1, any with l2",
        ),
        (
            "--recipe paper --rule m1",
            "expected --rule modified, ordinary, target, inner or outer with --source",
        ),
        (
            "--recipe paper --task foo",
            "expected --task reconstruction, l1, ssim, none with --source; got foo",
        ),
        ("--recipe paper --source none", "expected --source gaussian or fourier with --recipe; got none"),
        ("--recipe paper --network-argument widths=8", "`widths` must be a list of whole numbers, as in"),
        ("--recipe paper --ramp likelihood=0-1", "expected --ramp of a part with a weight; got likelihood"),
        ("--recipe naign --at both", "expected --at together with --weight above 0; got it without"),
        ("--recipe naign --rule inner", "expected --rule together with --weight above 0; got it without"),
        ("--recipe naign --order 2", "expected --order together with --weight above 0; got it without"),
        ("--recipe naign --distance l1", "expected --distance together with --weight or --tightness above 0"),
        ("--recipe projector --task none --task-weight 3", "expected --task-weight together with a task"),
        ("--recipe paper --ramp idempotency=1-1", "the first below 1, the second not less; got 1-1"),
        ("--recipe ign --rule ordinary --reduction seed --distance l2", "one of half_sum, mean; got 'seed'"),
        ("--evaluate", "expected --evaluate together with --source or --recipe; got it without"),
        ("--recipe paper --ramp rule=0-1", "expected --ramp of reconstruction"),
        ("--recipe paper --ramp 0-1", "expected --ramp as in idempotency="),
        ("--recipe paper --betas 2", "expected --betas as in 0.9,0.999"),
        (
            "--recipe ign --optimizer sgd --betas 0.5,0.9",
            "expected --betas together with --optimizer adam or adamw",
        ),
        ("--source gaussian --task none --weight 0", "expected a part to train by; got weight 0 for all"),
        ("--recipe paper --network-argument depth=2", "widths, normalisation, dropout for u-dcgan-digits"),
    ],
)
def test_mistakes_are_named_and_nothing_is_written(folder, arguments, words):
    result = run("u-dcgan-digits", "digits", *arguments.split(), "--output", "run")
    assert result.exit_code in (1, 2)
    assert words in f"{result.output} {result.exception}"
    assert not (folder / "run").exists()


@pytest.mark.parametrize(
    ("network", "data", "words"),
    [
        ("u-dcgan-digits", "normal", "expected pictures to generate: digits, mnist, celeba or a folder"),
        ("u-dcgan-digits", "own:rows", "expected pictures to generate: digits, mnist, celeba or a folder"),
        ("u-dcgan-mnist", "digits", "expected inputs that the network takes"),
        ("N4", "digits", "expected inputs that the network takes"),
    ],
)
def test_networks_and_data_that_make_no_pictures_are_refused(folder, network, data, words):
    result = run(network, data, "--recipe", "paper", "--output", "run")
    assert words in f"{result.output} {result.exception}"
    assert not (folder / "run").exists()


@pytest.mark.parametrize("recipe", ["naign", "matched"])
def test_two_processes_descend_as_one(folder, recipe):
    """Their pools are alike, each has half of a batch, and these recipes draw no other noise."""
    options = ["--recipe", recipe, "--refresh", "4", "--precision", "64-true"]
    finished(small(*options, "--output", "one"))
    words = [*SMALL, *options, "--devices", "2", "--strategy", "ddp", "--batch-size", "50", "--output", "two"]
    result = subprocess.run(
        [sys.executable, "-m", "corrector", "train", "u-dcgan-digits", "digits", *words],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert result.returncode == 0 or "collapsed" in result.stderr, result.stderr
    assert result.stdout.count("identity") == 1
    assert len(list((folder / "two" / "sheets").iterdir())) > 1
    one, two = (load_file(folder / name / "network.safetensors") for name in ("one", "two"))
    for name in one:
        torch.testing.assert_close(two[name], one[name], rtol=1e-6, atol=1e-9)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="takes a CUDA device")
@pytest.mark.parametrize("recipe", RECIPES)
@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed", "16-mixed"])
@pytest.mark.usefixtures("folder")
def test_recipes_on_a_cuda_device(monkeypatch, recipe, precision):
    """Also from a checkpoint within a pool's time."""
    killed(
        monkeypatch,
        *("--recipe", recipe, "--accelerator", "cuda", "--precision", precision, "--checkpoint-every", "5"),
        *(("--refresh", "4") if recipe in ("projector", "matched") else ()),
    )
    finished(run("--resume", "--output", "run"))


@pytest.mark.filterwarnings("ignore:.*script_method. is deprecated")  # by torch.compile itself
@pytest.mark.parametrize(
    "options",
    [
        ("--precision", "bf16-mixed"),
        ("--precision", "bf16-true", "--source", "fourier"),
        ("--accumulate", "2"),
        ("--masks", "shared", "--network-argument", "dropout=0.2"),
        ("--compile",),
    ],
)
def test_settings_of_the_trainer(folder, options):
    finished(small("--recipe", "projector", "--output", "plain", *options[2:]))
    finished(small("--recipe", "projector", *options, "--output", "run"))
    plain, other = (load_file(folder / name / "network.safetensors") for name in ("plain", "run"))
    apart = max(float((plain[name] - other[name].float()).abs().max()) for name in plain)
    assert (apart < 1e-3) == (options == ("--compile",)), apart
    one, two = (json.loads((folder / name / "summary.json").read_text()) for name in ("plain", "run"))
    if "--accumulate" not in options:  # as many steps, by which the task fell as far
        fell = one["test"]["before"]["task"] - one["test"]["after"]["task"]
        assert two["test"]["after"]["task"] == pytest.approx(one["test"]["after"]["task"], abs=0.1 * fell)
    steps = one["steps"], two["steps"]
    assert steps[0] == steps[1] * (2 if "--accumulate" in options else 1)


def test_two_batches_a_step_descend_as_one_of_both(folder):
    options = ("--recipe", "naign", "--precision", "64-true", "--epochs", "1")
    finished(small(*options, "--refresh", "4", "--output", "one"))
    halves = ("--accumulate", "2", "--batch-size", "50", "--refresh", "8")
    finished(small(*options, *halves, "--output", "two"))
    one, two = (load_file(folder / name / "network.safetensors") for name in ("one", "two"))
    for name in one:
        torch.testing.assert_close(two[name], one[name], rtol=1e-9, atol=1e-12)


def test_pictures_to_generate_go_from_minus_1_to_1():
    net = network("u-dcgan-digits")
    parts = named_parts("digits", net, None, None, 0, torch.float64, source="fourier")
    images = digits()
    torch.testing.assert_close(parts.train[:9], 2 * images.part("train")[:9] - 1)
    for part, held in ((parts.validation, "validation"), (parts.test, "test")):
        torch.testing.assert_close(part.x, 2 * images.part(held)[:].double() - 1)
        assert part.z.dtype == torch.float64
    assert not torch.equal(parts.validation.z, parts.test.z)
    assert parts.noise(2).dtype == torch.float64


def test_pictures_are_given_in_the_range_of_the_network():
    pictures = digits().part("train")
    torch.testing.assert_close(pictures.between(-1, 1)[:5], 2 * pictures[:5] - 1)
    assert pictures.between(-1, 1).viewed(64)[0].min() == -1
    with pytest.raises(ValueError, match="`low` must be below `high`; got 1 and 1"):
        pictures.between(1, 1)


def test_a_trainer_of_ones_own_validates_on_plain_batches():
    part = digits().part("validation").between(-1, 1)
    module = GenerativeTraining(
        network("u-dcgan-digits"), [Reconstruction(), Idempotency()], GaussianNoise((1, 8, 8))
    )
    x = part[:50]
    found = module.measured(module.net, x)
    again = module.measured(module.net, x)
    assert found == pytest.approx(again, nan_ok=True), "the same noise each time"
    assert found["task"] == pytest.approx(float((module.net(x) - x).detach().square().mean()), rel=1e-5)


def test_what_measures_nothing_of_the_network_may_differ_when_a_run_goes_on(folder, monkeypatch):
    killed(monkeypatch, "--recipe", "paper", "--evaluate", "--checkpoint-every", "5")
    finished(run("--resume", "--output", "run", "--no-evaluate"))
    assert not (folder / "run" / "evaluation.json").exists()


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("kind", ["batch", "group"])
def test_running_averages_of_several_kinds_are_told(kind):
    result = small("--recipe", "paper", "--network-argument", f"normalisation={kind}", "--output", "run")
    assert ("the running averages of batch normalisation" in finished(result)) == (kind == "batch")


def test_a_run_without_a_checkpoint_says_that_it_begins_again(folder, monkeypatch):
    killed(monkeypatch, "--recipe", "paper", "--checkpoint-every", "5")
    for name in ("last", "noise"):
        (folder / "run" / f"{name}.safetensors").unlink()
    assert "no run/last.safetensors: from the beginning" in finished(run("--resume", "--output", "run"))
    assert load_generator(folder / "run").shape == (1, 8, 8)


def test_pictures_of_another_size_are_refused_before_they_are_decoded(folder, monkeypatch):
    monkeypatch.setattr("training.data.folders.stacked", None)
    grey = written(folder / "pictures", pixels(24, 7, 5, 1))
    result = run("u-dcgan-digits", grey, "--recipe", "paper", "--output", "run")
    assert "the network takes; got shape (1, 7, 5)" in str(result.exception)
    assert "--size scales pictures" in str(result.exception)


@pytest.mark.parametrize("count", [20, 60])
def test_pictures_without_labels_are_measured_by_their_pixels(folder, count):
    own = written(folder / "pictures", pixels(count, 8, 8, 3))
    options = [option for option in SMALL if option != "--no-evaluate"]
    words = ("--recipe", "naign", "--network-argument", "channels=3", "--batch-size", "16", "--output", "run")
    shown = finished(run("u-dcgan-digits", own, *options, *words))
    found = Evaluation.from_json((folder / "run" / "evaluation.json").read_text(encoding="utf-8"))
    assert (found.classifier, found.samples, found.searched) == ("", count // 10, count - 2 * (count // 10))
    assert found.controls[2].name == "training pictures"
    assert found.controls[2].memorisation.ratio < 1e-6
    assert f"{count // 10} pictures a row, without a classifier" in shown


def test_a_run_goes_on_with_its_own_noise_and_no_other_data(folder, monkeypatch):
    """A picture that is another, where all else is the same, is refused; drafts go, others' files stay."""
    grey = written(folder / "pictures", pixels(40, 8, 8, 1))
    of = ("u-dcgan-digits", grey, "--network-argument", "widths=[4,6]", "--epochs", "5", "--patience", "0")
    killed(monkeypatch, "--recipe", "ign", "--batch-size", "16", "--checkpoint-every", "2", of=of)
    own = folder / "run" / ".my-notes"
    own.mkdir()
    drafts = [folder / "run" / name for name in (".last-abc.safetensors", "sheets/.step-000001-x.png")]
    for draft in drafts:
        draft.write_bytes(b"")
    first = grey / "00.png"
    kept, times = first.read_bytes(), first.stat()
    first.write_bytes((grey / "01.png").read_bytes())
    refused = run("--resume", "--output", "run")
    assert "last.safetensors to be of this run, the data's checksum" in str(refused.exception)
    first.write_bytes(kept)
    os.utime(first, ns=(times.st_atime_ns, times.st_mtime_ns))
    with monkeypatch.context() as patched:
        patched.setattr(FourierNoise, "of", None)
        finished(run("--resume", "--output", "run"))
    assert own.is_dir()
    assert not any(draft.exists() for draft in drafts)
