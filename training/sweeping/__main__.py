"""`python -m training.sweeping`, which is `corrector sweep`; to be started by torchrun."""

from __future__ import annotations

import os

from corrector.cli import run

from .cli import sweep

if __name__ == "__main__":
    run(sweep, "training.sweeping", silent=os.environ.get("RANK", "0") != "0")
