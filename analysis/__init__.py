"""What a corrector does under iteration: fixed points, basins, projected matrices, certificates.

Builds on `corrector` and knows nothing of networks.  Arrays are NumPy arrays, torch tensors on any
device, or whatever else speaks the array API; they come out as they went in.

    fixedpoint, jordan, blocks    what a corrector leaves as it is (matrices, typesetting)
    stability, cycles, diagram    what attracts, at which relaxation
    basin, enclosure, radius      what goes where: sampled, and proved (traps, kernel, cuda)
    iteration, certificate        projecting a matrix, and proving the projector
    scheduling, equioscillation   in the fewest products, for a known gap
    verification, laws, claims    idempotency by properties (values, differences, rounding, surroundings)
    strategies, csform            inputs to try: hypothesis
    auditing, findings            how idempotent a network is, with confidence (sources, measuring, search,
                                  tangents, collapse); what only its library can do is in frameworks
    plotting, figures, cli        pictures, and the console commands
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
