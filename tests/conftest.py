"""Settings for the whole suite."""

import os

# Two test processes share the cores: numerical libraries that take them all would slow each other.
os.environ.setdefault("OMP_NUM_THREADS", "1")

from hypothesis import Phase, settings

settings.register_profile("project", deadline=None, print_blob=True)
# For broken copies: it matters only that they fail, not on how small an example, but on every run alike.
settings.register_profile(
    "mutants", deadline=None, phases=(Phase.explicit, Phase.generate), database=None, derandomize=True
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "project"))
