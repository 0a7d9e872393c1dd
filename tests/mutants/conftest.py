"""The copy that the broken formulas are put into."""

import pytest

from tests.mutants.running import Copy


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    return Copy(tmp_path_factory.mktemp("mutant"))
