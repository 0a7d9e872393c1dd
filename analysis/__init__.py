"""What a corrector does under iteration: fixed points, basins, projected matrices, certificates.

Builds on `corrector` and knows nothing of networks.  Arrays are NumPy arrays, torch tensors on any
device, or whatever else speaks the array API; they come out as they went in.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
