"""`corrector audit`, and the files it reads."""

import json
import pickle

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from safetensors.torch import save_file
from torch import nn

from tests.problems import oblique
from training import digits, metrics, network
from training.cli import audit
from training.networks import perceptron
from training.weights import load_network, save_network, save_perceptron

QUICK = ["--directions", "0", "--search", "2", "--applications", "3", "--device", "cpu"]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments):
    return CliRunner().invoke(audit, [*map(str, arguments), *QUICK])


def digit_network(path):
    torch.manual_seed(0)
    net = perceptron([64, 16, 64], nn.LeakyReLU, last=nn.Sigmoid)
    save_perceptron(net, (64, 16, 64), {"data": "digits"}, path)
    return net


def test_a_stored_network_is_audited_on_digits_with_a_report(folder):
    digit_network(folder / "net.safetensors")
    result = run("net.safetensors", "digits", "--noise", "0.3", "--output", "report.html")
    assert result.exit_code == 0, result.output
    assert "on 300 inputs of shape (64,)" in result.output
    assert "collapse guard" in result.output
    assert "Report: report.html" in result.output
    assert (folder / "report.html").read_text(encoding="utf-8").count("data:image/png") == 2


def test_json_is_all_that_json_prints(folder):
    digit_network(folder / "net.safetensors")
    found = json.loads(run("net.safetensors", "digits", "--format", "json", "--samples", "20").stdout)
    assert found["inputs"] == 20
    assert found["name"] == "net.safetensors"


def test_a_network_of_ones_own_is_found_by_its_import_path(folder):
    (folder / "mynets.py").write_text(
        "from torch import nn\n"
        "class Relu(nn.Module):\n"
        "    def forward(self, x): return x.relu()\n"
        "ready = Relu()\n"
        "def make(): return Relu()\n"
    )
    np.save(folder / "x.npy", np.random.default_rng(0).standard_normal((500, 2, 3)))
    for name in ("Relu", "ready", "make"):
        result = run(f"mynets:{name}", "x.npy", "--at-most", "0.01", "--shape", "6")
        assert result.exit_code == 0, result.output
        assert "0 of 500 inputs" in result.output
        assert "inputs of shape (6,)" in result.output


def test_weights_are_put_in_a_named_network(folder):
    weight = torch.from_numpy(oblique(5, 2, 2.0)).float()
    save_file({"0.weight": weight}, folder / "w.safetensors")
    result = run("N1", "normal", "--weights", "w.safetensors", "--samples", "600", "--at-most", "0.01")
    assert result.exit_code == 0, result.output
    assert "0 of 600 inputs" in result.output


def test_a_share_that_is_not_proved_is_a_result_that_does_not_hold(folder):
    result = run("N1", "normal", "--samples", "50", "--at-most", "0.5")
    assert result.exit_code == 1
    assert "expected a share of at most 0.5; got a bound of 1" in result.output
    save_file({"0.weight": torch.zeros(5, 5)}, folder / "zero.safetensors")
    result = run("N1", "normal", "--weights", "zero.safetensors", "--at-most", "0.5")
    assert result.exit_code == 1
    assert "the outputs collapsed" in result.output


def test_a_broken_law_is_no_proof(folder):
    (folder / "inplace.py").write_text(
        "from torch import nn\nclass Net(nn.Module):\n    def forward(self, x): return x.clamp_(0)\n"
    )
    np.save(folder / "x.npy", np.random.default_rng(0).standard_normal((500, 3)))
    result = run("inplace:Net", "x.npy", "--at-most", "0.05")
    assert result.exit_code == 1
    assert "0 of 500 inputs" in result.output
    assert "got a bound of 0.00917; expected that f leaves its input alone" in result.output


def test_what_was_saved_is_loaded(folder):
    net = digit_network(folder / "net.safetensors")
    again = load_network(folder / "net.safetensors")
    x = torch.rand(3, 64)
    torch.testing.assert_close(again(x), net(x), rtol=0, atol=0)


def test_pictures_are_put_in_the_range_that_a_network_was_trained_in(folder):
    torch.manual_seed(0)
    net = network("u-dcgan-digits")
    header = json.dumps({"network": "u-dcgan-digits"})
    save_network(net, header, {"pixels": "-1,1"}, folder / "net.safetensors")
    found = json.loads(run("net.safetensors", "digits", "--shape", "1,8,8", "--format", "json").stdout)
    x = digits().part("test")[:]
    assert found["kept"] == pytest.approx(metrics(net, 2 * x - 1)["kept"], rel=1e-3)
    assert found["kept"] != pytest.approx(metrics(net, x)["kept"], rel=1e-2)


class Evil:
    def __reduce__(self):
        return print, ("executed",)


@pytest.fixture
def broken(folder):
    digit_network(folder / "net.safetensors")
    whole = (folder / "net.safetensors").read_bytes()
    (folder / "cut.safetensors").write_bytes(whole[:-100])
    (folder / "empty.safetensors").write_bytes(b"")
    (folder / "evil.pt").write_bytes(pickle.dumps(Evil()))
    (folder / "evil.safetensors").write_bytes(pickle.dumps(Evil()))
    np.save(folder / "evil.npy", np.array([Evil()], dtype=object), allow_pickle=True)
    (folder / "cut.npy").write_bytes((folder / "evil.npy").read_bytes()[:40])
    np.save(folder / "text.npy", np.array(["a"]))
    np.save(folder / "five.npy", np.ones((9, 5)))
    np.save(folder / "nan.npy", np.full((9, 5), np.nan))
    save_file({"w": torch.zeros(2)}, folder / "other.safetensors")
    header = {
        "architecture": json.dumps(
            {"perceptron": [2 * 10**6, 2], "activation": "LeakyReLU(0.01)", "last": "Sigmoid"}
        )
    }
    save_file({"w": torch.zeros(2)}, folder / "wide.safetensors", metadata=header)
    np.save(folder / "bytes.npy", np.ones((9, 5), np.uint8))
    huge = {"perceptron": [10**6, 10**6], "activation": "LeakyReLU(0.01)", "last": "Sigmoid"}
    header = {"architecture": json.dumps(huge)}
    save_file({"w": torch.zeros(2)}, folder / "huge.safetensors", metadata=header)
    (folder / "nothing.py").write_text("x = 3\ndef needy(a): pass\n")
    (folder / "wrong.py").write_text("def\n")
    return folder


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["N9", "normal"], "must be one of N1, N2"),
        (["evil.pt", "normal"], "expected a .safetensors file, which holds no code; got evil.pt"),
        (["evil.safetensors", "normal"], "expected a whole safetensors file in evil.safetensors"),
        (["cut.safetensors", "digits"], "expected a whole safetensors file in cut.safetensors"),
        (["empty.safetensors", "digits"], "expected a whole safetensors file in empty.safetensors"),
        (["none.safetensors", "digits"], "none.safetensors"),
        (["other.safetensors", "digits"], "expected a header with an architecture that is known"),
        (["wide.safetensors", "digits"], "expected widths from 1 to 1000000"),
        (["net.safetensors", "digits", "--weights", "net.safetensors"], "expected one file with weights"),
        (["N1", "normal", "--weights", "other.safetensors"], "the weights of Sequential"),
        (["N1", "normal", "--weights", "evil.pt"], "which holds no code"),
        (["N1", "evil.npy"], "expected an array of numbers in evil.npy"),
        (["N1", "cut.npy"], "expected an array of numbers in cut.npy"),
        (["N1", "text.npy"], "expected floating-point numbers in text.npy, an input a row; got <U1"),
        (["N1", "none.npy"], "none.npy"),
        (["N1", "data.csv"], "expected digits, mnist, normal or a .npy file; got data.csv"),
        (["N1", "digits"], r"expected inputs that the network takes; got shape (64,)"),
        (["N1", "nan.npy"], "must be finite"),
        (["N1", "five.npy", "--shape", "2,3"], "expected --shape for inputs of 5 numbers; got 2,3"),
        (["N1", "five.npy", "--shape", "a"], "expected --shape as in 1,28,28; got a"),
        (["N1", "five.npy", "--noise", "-1"], "expected --noise to be at least 0"),
        (["N1", "five.npy", "--confidence", "1"], "`confidence` must lie between 0 and 1"),
        (
            ["N1", "five.npy", "--output", "x.pdf"],
            "expected --output to end in .html, .json or .txt",
        ),
        (["N1", "five.npy", "--data-dir", "."], "expected --data-dir together with mnist"),
        (["N1", "bytes.npy"], "expected floating-point numbers in bytes.npy, an input a row; got uint8"),
        (["N1", "five.npy", "--at-most", "2"], "expected a share from 0 to 1; got 2"),
        (["huge.safetensors", "digits"], "the tensors of its header's architecture; got others"),
        (["wrong:x", "five.npy"], "expected a module that can be imported at wrong:x; got SyntaxError"),
        (
            ["nothing:needy", "five.npy"],
            "expected a torch.nn.Module at nothing:needy, or what makes one of no arguments",
        ),
        (["nothing:x", "five.npy"], "expected a torch.nn.Module at nothing:x; got int"),
        (["nothing:y", "five.npy"], "expected y in the module nothing"),
        (["nowhere:y", "five.npy"], "expected a module that can be imported at nowhere:y"),
    ],
)
def test_mistakes_are_named_and_nothing_is_written_or_run(broken, arguments, words):
    before = sorted(path.name for path in broken.iterdir())
    result = run(*arguments)
    assert words in f"{result.output} {result.exception}"
    assert result.exit_code
    assert isinstance(result.exception, SystemExit | ValueError | OSError)
    assert "executed" not in result.output
    after = sorted(path.name for path in broken.iterdir() if path.name != "__pycache__")
    assert after == before
