"""`@idempotent` and the pytest plugin, each in a run of pytest of its own."""

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from torch import nn

from analysis import batches, idempotent
from analysis.claims import claim_of

SUITE = """
import numpy as np
import torch
from hypothesis import settings, strategies as st
from hypothesis.extra.numpy import arrays
from torch import nn
from analysis import batches, idempotent

floats = arrays(np.float64, 3, elements=st.floats(-9, 9))
seen = []

@idempotent
def squeezed(text: str) -> str:
    return " ".join(text.split())

@idempotent(floats, dtypes=["float32", "float64"])
def clipped(x):
    seen.append(str(x.dtype))
    return np.clip(x, -1, 1)

@idempotent(batches(4), dtypes=["float32", "bfloat16"], devices=["cpu", "cuda"], modes=["eval", "train"])
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = nn.Sequential(nn.ReLU(), nn.Dropout(0.5))
        self.weight = nn.Parameter(torch.ones(()))
    def forward(self, x):
        seen.append(f"{x.dtype}-{self.weight.dtype}-{self.training}")
        return self.inner(x)

relu = idempotent(batches(3))(nn.ReLU())

@idempotent([1, 2, -3])
def absolute(x):
    return abs(x)

@idempotent(st.integers())
def halved(x):
    return x // 2

@idempotent(floats, settings=settings(max_examples=7))
def few(x):
    seen.append("few")
    return x

def test_inputs_were_of_every_dtype():
    networks = {"torch.bfloat16-torch.bfloat16-False", "torch.float32-torch.float32-True"}
    assert {"float32", "float64", *networks} <= set(seen)
    assert seen.count("few") <= 7 * 9 + 20
"""


@pytest.fixture
def suite(pytester, monkeypatch):
    monkeypatch.delenv("HYPOTHESIS_PROFILE", raising=False)
    pytester.makepyfile(test_suite=SUITE)
    outer = settings.get_current_profile_name()
    settings.load_profile("project")  # that of broken copies does not shrink what is found
    yield pytester
    settings.load_profile(outer)


def names(result, outcome):
    word = {"passed": "PASSED", "failed": "FAILED", "skipped": "SKIPPED"}[outcome]
    return {
        line.split(" ")[0].partition("::")[2]
        for line in result.stdout.lines
        if f" {word}" in line and "::" in line
    }


def test_there_is_a_test_for_each_dtype_device_and_mode(suite):
    result = suite.runpytest("-v", "-p", "no:cacheprovider", "-p", "no:xdist")
    assert names(result, "passed") == {
        "squeezed[idempotent]",
        "clipped[float32]",
        "clipped[float64]",
        "Net[float32-cpu-eval]",
        "Net[bfloat16-cpu-eval]",
        "relu[cpu-eval]",
        "absolute[idempotent]",
        "few[idempotent]",
        "test_inputs_were_of_every_dtype",
    }
    assert names(result, "failed") == {
        "Net[float32-cpu-train]",
        "Net[bfloat16-cpu-train]",
        "halved[idempotent]",
    }
    text = result.stdout.str()
    assert "two calls differ" in text
    assert "net.eval()" in text
    assert "reproduce with x = 2" in text
    result.assert_outcomes(passed=9, failed=3, skipped=4)


@pytest.mark.parametrize(
    ("chosen", "count"),
    [("test_suite.py::Net", 8), ("test_suite.py::clipped[float32]", 1), ("-k=squeezed", 1)],
)
def test_tests_are_chosen_as_any_other(suite, chosen, count):
    result = suite.runpytest("--collect-only", "-q", chosen, "-p", "no:cacheprovider", "-p", "no:xdist")
    assert sum("[" in line and "::" in line for line in result.stdout.lines) == count


def test_tests_are_spread_over_processes(pytester):
    pytester.makepyfile(
        """
        import numpy as np
        from hypothesis import strategies as st
        from analysis import idempotent

        whole = idempotent(st.text(), settings=None)(lambda text: text.strip())

        @idempotent([np.ones(2)], dtypes=["float32", "float64"])
        def added(x):
            return x + 1
        """
    )
    result = pytester.runpytest_subprocess("-n", "2", "-p", "no:cacheprovider")
    result.assert_outcomes(passed=1, failed=2)


@pytest.fixture
def profile():
    """Hypothesis's own defaults, which draw at random where machines of CI do not; put back afterwards."""
    before = settings.get_current_profile_name()
    settings.load_profile("default")
    yield
    settings.load_profile(before)


def drawn(pytester, *arguments):
    """The inputs that a run of pytest draws."""
    pytester.makepyfile(
        test_drawn="""
        from hypothesis import strategies as st
        from analysis import idempotent

        @idempotent(st.integers())
        def noted(x):
            with open("drawn.txt", "a") as file:
                print(x, file=file)
            return x
        """
    )
    (pytester.path / "drawn.txt").unlink(missing_ok=True)
    found = pytester.runpytest("-q", "-p", "no:cacheprovider", "-p", "no:xdist", *arguments, "test_drawn.py")
    assert found.ret == 0
    return (pytester.path / "drawn.txt").read_text().split(), found.stdout.str()


@pytest.mark.usefixtures("profile")
def test_seeds_and_statistics_of_hypothesis_are_honoured(pytester):
    first, _ = drawn(pytester, "--hypothesis-seed=1")
    again, _ = drawn(pytester, "--hypothesis-seed=1")
    other, text = drawn(pytester, "--hypothesis-seed=2", "--hypothesis-show-statistics")
    assert first == again != other
    assert "test_drawn.py::noted[idempotent]" in text
    assert "Stopped because settings.max_examples=" in text


@pytest.mark.usefixtures("profile")
def test_profiles_of_hypothesis_are_honoured(pytester):
    pytester.makeconftest(
        "from hypothesis import settings\nsettings.register_profile('three', max_examples=3)"
    )
    few, _ = drawn(pytester, "--hypothesis-profile=three")
    assert len(set(few)) <= 3


@pytest.mark.parametrize("inputs", ["st.integers()", "list(range(40))"])
def test_a_trace_of_earlier_calls_is_found_when_they_are_over(pytester, inputs):
    pytester.makepyfile(
        f"""
        from hypothesis import strategies as st
        from analysis import idempotent

        calls = []

        @idempotent({inputs})
        def forgetful(x):
            again = x in calls and calls[-1] != x
            calls.append(x)
            return -1 if again else x
        """
    )
    result = pytester.runpytest("-q", "-p", "no:cacheprovider", "-p", "no:xdist")
    result.assert_outcomes(failed=1)
    assert "with other inputs in between" in result.stdout.str()


def test_what_is_marked_stays_as_it_is():
    def f(x: int) -> int:
        return abs(x)

    net = nn.ReLU()
    assert idempotent(f) is f
    assert idempotent(batches(3))(net) is net
    assert f(-2) == 2
    assert claim_of(f) is not None
    assert claim_of(abs) is None
    assert claim_of(3) is None


def test_a_subclass_makes_no_claim():
    @idempotent(batches(3))
    class Net(nn.ReLU):
        pass

    class Heir(Net):
        pass

    assert claim_of(Net) is not None
    assert claim_of(Heir) is None
    assert claim_of(Net()) is None


def test_networks_are_tested_on_every_device_here():
    claim = claim_of(idempotent(batches(3))(nn.ReLU()))
    assert "cpu-eval" in [variant.name for variant in claim.variants(nn.ReLU())]


def test_a_device_for_what_is_no_tensor_is_refused():
    @idempotent([np.ones(2)], devices=["cuda"])
    def f(x):
        return x

    (variant,) = claim_of(f).variants(f)
    with pytest.raises(ValueError, match="expected tensors, to put them on cuda; got ndarray"):
        variant.test("f")()


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"dtypes": "float32"}, ValueError, "`dtypes` must be a list of names; got 'float32'"),
        ({"devices": [0]}, ValueError, r"`devices` must be a list of names; got \[0\]"),
        ({"modes": ["test"]}, ValueError, "`modes` must be of eval, train; got 'test'"),
        ({"dtypes": ["flaot32"]}, ValueError, "`dtypes` must be of float16, .*; got 'flaot32'"),
        ({"devices": ["gpu"]}, ValueError, "`devices` must be of cpu, cuda, .*; got 'gpu'"),
        ({"settings": 3}, TypeError, "`settings` must be a hypothesis.settings; got int"),
        ({"modes": []}, ValueError, r"`modes` must be a list of names; got \[\]"),
        ({"tolerance": -1}, ValueError, "`tolerance` must be a number of at least 0; got -1"),
    ],
)
def test_mistakes_are_named(arguments, error, words):
    with pytest.raises(error, match=words):
        idempotent(st.integers(), **arguments)(lambda x: x)


@pytest.mark.parametrize(
    ("subject", "words"),
    [
        (3, "expected a function, a network or a class; got int"),
        (str.strip, "expected something that can be marked; got method_descriptor: wrap it in a function"),
    ],
)
def test_what_cannot_be_marked_is_refused(subject, words):
    with pytest.raises(TypeError, match=words):
        idempotent(st.text())(subject)


def test_without_inputs_or_annotation_there_is_no_claim():
    with pytest.raises(
        TypeError, match="`inputs` must be given, or the parameter of f annotated; got neither"
    ):

        @idempotent
        def f(x):
            return x


def test_static_methods_are_tested_and_methods_refused(pytester):
    pytester.makepyfile(
        test_static="""
        from analysis import idempotent

        class TestText:
            @staticmethod
            @idempotent(["a"])
            def marked(text):
                return text + "!"
        """,
        test_method="""
        from analysis import idempotent

        class TestText:
            @idempotent(["a"])
            def marked(self, text="x"):
                return text
        """,
    )
    result = pytester.runpytest("-q", "-p", "no:cacheprovider", "-p", "no:xdist", "test_static.py")
    result.assert_outcomes(failed=1)
    result = pytester.runpytest("-q", "-p", "no:cacheprovider", "-p", "no:xdist", "test_method.py")
    result.assert_outcomes(errors=1)
    assert "got the method marked" in result.stdout.str()


def test_marks_of_pytest_are_honoured_and_failures_told_in_their_own_words(pytester, monkeypatch):
    monkeypatch.setenv("COLUMNS", "240")
    pytester.makepyfile(
        """
        import pytest
        from analysis import batches, idempotent
        from torch import nn

        @pytest.mark.skip(reason="to see that it is")
        @idempotent([1])
        def skipped(x):
            return x + 1

        @idempotent([1])
        @pytest.mark.xfail(strict=True, reason="adds one")
        def expected(x):
            return x + 1

        @idempotent([1])
        def found(x):
            return x + 1

        @idempotent(batches(3))
        class Needy(nn.ReLU):
            def __init__(self, size):
                super().__init__()
        """
    )
    result = pytester.runpytest("-q", "-p", "no:cacheprovider", "-p", "no:xdist")
    result.assert_outcomes(skipped=1, xfailed=1, failed=2)
    text = result.stdout.str()
    assert "claims.py" not in text.split("Needy")[0]
    assert "FAILED" in text
    assert "- expected f(f(x)) = f(x); f(x) = 2, and then 3" in text
    assert "expected a class that is made without arguments" in text


@pytest.mark.parametrize(
    ("inputs", "error", "words"),
    [
        (5, TypeError, "a strategy or a list of inputs; got int"),
        ("abc", TypeError, "a strategy or a list of inputs; got str"),
        ([], ValueError, "at least one input; got none"),
    ],
)
def test_useless_inputs_are_refused_at_once(inputs, error, words):
    with pytest.raises(error, match=words):
        idempotent(inputs)


def test_functions_of_two_arguments_and_descriptors_are_refused_at_once():
    with pytest.raises(TypeError, match=r"a function of one argument; got f\(a: int, b: int\)"):

        @idempotent
        def f(a: int, b: int):
            return a + b

    with pytest.raises(TypeError, match="expected @staticmethod above @idempotent; got it below"):
        idempotent([1])(staticmethod(abs))


def test_a_generator_serves_every_variant():
    claim = claim_of(idempotent((x for x in [np.ones(2)]), dtypes=["float32", "float64"])(lambda x: x * 1))
    for variant in claim.variants(lambda x: x):
        variant.test("f")()
    assert len(claim.inputs) == 1
