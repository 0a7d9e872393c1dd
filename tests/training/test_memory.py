"""What is told of memory: this program's own."""

import subprocess
import sys

import pytest
import torch

from training.memory import peak_memory

HELD = 2**29
TELLS = "import torch; from training.memory import peak_memory; print(peak_memory(torch.device('cpu')))"


def test_what_is_held_for_a_moment_counts():
    before = peak_memory(torch.device("cpu"))
    bytearray(b"x" * HELD)
    assert peak_memory(torch.device("cpu")) > max(before, HELD / 2**20)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a program's count begins with its own start")
def test_what_a_parent_held_does_not_count():
    """A program started by one that holds much."""
    starts = "subprocess.run([sys.executable, '-c', sys.argv[1]])"
    grown = f"import subprocess, sys; held = b'x' * {4 * HELD}; {starts}"
    alone, of_a_large_one = (
        float(subprocess.run([sys.executable, *words], check=True, capture_output=True, text=True).stdout)
        for words in (["-c", TELLS], ["-c", grown, TELLS])
    )
    assert of_a_large_one < 1.2 * alone
    assert of_a_large_one < 4 * HELD / 2**20
