from .data import Images as Images
from .data import digits as digits
from .data import mnist as mnist
from .ensemble import Ensemble as Ensemble
from .measures import metrics as metrics
from .networks import network as network
from .rules import IdempotencyLoss as IdempotencyLoss
from .rules import idempotency_loss as idempotency_loss
