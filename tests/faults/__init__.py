"""A catalogue of mistakes people make with what should be idempotent, each beside its sound twin.

A broken subject breaks f(f(x)) = f(x), or what the equation assumes: that f gives the same value twice,
leaves its input alone, and depends neither on earlier calls nor on the other samples of a batch.
"""

from .callables import CALLABLES
from .fault import Fault
from .matrices import MATRICES
from .networks import NETWORKS

FAULTS = [*MATRICES, *CALLABLES, *NETWORKS]

__all__ = ["CALLABLES", "FAULTS", "MATRICES", "NETWORKS", "Fault"]
