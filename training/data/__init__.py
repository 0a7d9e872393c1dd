"""Pictures to train on: digits, MNIST, CelebA, any folder of pictures; noise with their statistics.

Nothing is imported before it is asked for: the processes that decode pictures need no torch.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
