from .ansatz import Family as Family
from .ansatz import NoCorrectorError as NoCorrectorError
from .ansatz import derive as derive
from .catalog import MCWEENY as MCWEENY
from .catalog import SP2 as SP2
from .catalog import canonical_coefficient as canonical_coefficient
from .catalog import canonical_purification as canonical_purification
from .catalog import from_sign as from_sign
from .catalog import pade_sign as pade_sign
from .catalog import smoothstep as smoothstep
from .catalog import to_sign as to_sign
from .choice import Choice as Choice
from .derivation import Derivation as Derivation
from .plan import Plan as Plan
from .polynomial import Corrector as Corrector
from .polynomial import Polynomial as Polynomial
from .premise import Premise as Premise
from .premise import negligible_words as negligible_words

__version__: str
