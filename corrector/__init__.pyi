from .ansatz import Family as Family
from .ansatz import NoCorrectorError as NoCorrectorError
from .ansatz import derive as derive
from .catalog import MCWEENY as MCWEENY
from .catalog import smoothstep as smoothstep
from .derivation import Derivation as Derivation
from .polynomial import Corrector as Corrector
from .polynomial import Polynomial as Polynomial

__version__: str
