"""Training idempotent networks: the rule as a loss, networks, measures, ensembles, the demo.

Everything here runs on CPU and CUDA and builds on `corrector` and `analysis`.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
