"""What a sweep consists of: a value that says all of it, and divides itself into pieces."""

from __future__ import annotations

import json
import math
import os
from dataclasses import asdict, dataclass, field
from functools import cached_property
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, get_args

import numpy as np

from analysis.arguments import whole_number
from corrector import MCWEENY, Corrector, smoothstep
from training.networks import known_name
from training.optimizers import OPTIMIZERS
from training.rules.cost import passes
from training.rules.loss import Reduction, Rule, gradient_scale

from .gradients import perceptron_layers
from .initialisation import initialised, required_rank
from .inputs import FIXED_SAMPLES, Inputs, shape_of
from .subjects import subject

if TYPE_CHECKING:
    from collections.abc import Sequence

AXES = ("network", "initialisation", "data", "batch", "reduction", "rule", "learning_rate", "run")
"""Of the data set, in this order; `epoch` comes last."""

CORRECTED = ("modified", "m1")
"""The rules that a corrector has a part in."""

_SEQUENCES = (
    *("networks", "rules", "learning_rates", "correctors", "reductions"),
    *("initialisations", "data", "batch_sizes"),
)

_NUMBERS = {"cpu": 2**22, "cuda": 2**28}
"""Of a layer's values over all members of a piece, at most, where one member does not exceed it."""

_WEIGHTS = {"cpu": 2**26, "cuda": 2**30}
"""Likewise of parameters."""

_MOST_PIECES = 100_000
_DTYPES = ("float32", "float64")
_SPACINGS = ("log", "linear")


class Treatment(NamedTuple):
    """A rule with its corrector, and what the data set calls the two."""

    name: str
    rule: Rule
    corrector: Corrector


class Piece(NamedTuple):
    """What is trained as one: a network, a run and a rule at several learning rates."""

    number: int
    network: str
    initialisation: str
    data: str
    batch: int
    reduction: Reduction
    treatment: Treatment
    run: int
    rates: tuple[float, ...]


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Every argument of a sweep; with equal plans the data are equal.

    Attributes are as for `sweep`.  `data_dir` is kept as an absolute path, and has no part in whether plans
    are equal: it says where this machine has the files, whose content is known.

    Raises:
        TypeError, ValueError: from the beginning, for what cannot be trained; the data are looked at later,
            by `require_inputs` or by what needs them.

    >>> rules = ["ordinary", "modified"]
    >>> plan = Plan(networks=["B1"], rules=rules, learning_rates=[0.1, 0.2], runs=3, epochs=9)
    >>> len(plan.pieces), plan.pieces[0].rates, Plan.from_json(plan.to_json()) == plan
    (6, (0.1, 0.2), True)
    """

    networks: Sequence[str]
    rules: Sequence[Rule]
    learning_rates: Sequence[float]
    runs: int
    epochs: int
    correctors: Sequence[Corrector] = (MCWEENY,)
    reductions: Sequence[Reduction] = ("half_sum",)
    initialisations: Sequence[str] = ("default",)
    data: Sequence[str] = ("normal",)
    batch_sizes: Sequence[int] = (1000,)
    samples: int | None = None
    optimizer: str = "sgd"
    points: int = 50
    spacing: str = "log"
    held_out: int = 1000
    dtype: str = "float32"
    device: str = "cpu"
    tf32: bool = False
    compiled: bool = False
    keep_weights: bool = False
    seed: int = 0
    data_dir: str | os.PathLike[str] | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        for name in _SEQUENCES:
            object.__setattr__(self, name, _axis(name, getattr(self, name)))
        _require_kinds(self)
        _require_names(self)
        _require_trainable(self)

    @cached_property
    def treatments(self) -> tuple[Treatment, ...]:
        """Every rule, those that a corrector has a part in with each."""
        found = []
        for rule in self.rules:
            correctors = self.correctors if rule in CORRECTED else self.correctors[:1]
            several = len(correctors) > 1
            found += [Treatment(f"{rule} {_said(g)}" if several else rule, rule, g) for g in correctors]
        return tuple(found)

    @cached_property
    def pieces(self) -> tuple[Piece, ...]:
        """What is trained as one, each with as many learning rates as memory has room for."""
        found: list[Piece] = []
        for name, how, data, batch, reduction, treatment in product(*list(self.axes.values())[:6]):
            members = self.members(name, data, batch)
            chunks = np.array_split(np.array(self.learning_rates), -(-len(self.learning_rates) // members))
            for run, chunk in product(range(self.runs), chunks):
                rates = tuple(chunk.tolist())
                found.append(Piece(len(found), name, how, data, batch, reduction, treatment, run, rates))
        return tuple(found)

    @property
    def axes(self) -> dict[str, tuple[Any, ...]]:
        """The values along each axis of the data set but the last."""
        values = (
            *(self.networks, self.initialisations, self.data, self.batch_sizes, self.reductions),
            *(self.treatments, self.learning_rates, range(self.runs)),
        )
        return dict(zip(AXES, map(tuple, values), strict=True))

    @cached_property
    def measured(self) -> tuple[int, ...]:
        """The epochs after which members are measured: 0, the last, and others between, about `points`.

        Among them, for each rule, the last by which it has spent no more network passes than the cheapest one
        in the end: where rules are compared at equal cost.
        """
        each = [passes(t.rule, t.corrector) for t in self.treatments]
        equal = [self.epochs * min(each) // one for one in each]
        if self.spacing == "linear":
            stops = np.linspace(0, self.epochs, min(self.points, self.epochs + 1))
        else:
            stops = np.concatenate([[0], np.geomspace(self.epochs, 1, self.points - 1)])
        return tuple(sorted({round(stop) for stop in stops.tolist()} | set(equal)))

    def members(self, name: str, data: str, batch: int) -> int:
        """Return how many learning rates of a network may be trained at once."""
        found, kind = subject(name), self.device.partition(":")[0]
        compiled = kind == "cpu" and perceptron_layers(found.build()) is not None  # a block at a time
        rows = self.held_out if compiled else max(batch, self.held_out)
        widest = found.numbers(shape_of(data, found.shape))[1] * rows
        room = min(_NUMBERS[kind] // widest, _WEIGHTS[kind] // found.parameters)
        return max(1, min(room, len(self.learning_rates)))

    def cost(self, piece: Piece) -> float:
        """Return about how long a step of a piece takes, in some unit.

        A step has a price of its own, and each member's passes theirs: a backward pass counts twice.
        """
        each = passes(piece.treatment.rule, piece.treatment.corrector)
        return 1e6 + each * len(piece.rates) * piece.batch * subject(piece.network).parameters

    def steps(self, piece: Piece) -> int:
        """Return how many steps a piece takes."""
        return self.epochs * self._epoch(piece.network, piece.data, piece.batch)

    def _epoch(self, name: str, data: str, batch: int) -> int:
        if data in ("normal", "fixed"):
            samples = (
                {"normal": batch, "fixed": FIXED_SAMPLES}[data] if self.samples is None else self.samples
            )
            return samples // batch
        return self._epochs[name, data, batch]

    @cached_property
    def _epochs(self) -> dict[tuple[str, str, int], int]:
        """Steps an epoch of data that must be looked at for that."""
        found = {}
        for name, data, batch in product(self.networks, self.data, self.batch_sizes):
            shape, seed = shape_of(data, subject(name).shape), (self.seed, 0)
            found[name, data, batch] = Inputs(
                data, shape, batch, self.samples, seed, 2, data_dir=self.data_dir
            ).an_epoch
        return found

    def require_inputs(self) -> None:
        """Look at the data.

        Raises:
            OSError: they are not there.
            ValueError: they do not fit the networks, the batches or the samples.
        """
        _ = self._epochs

    def inputs(self, piece: Piece, device: str = "cpu") -> Inputs:
        """Return what a piece is trained and measured on.

        Raises:
            OSError, ValueError: as `require_inputs`.
        """
        import torch

        shape = shape_of(piece.data, subject(piece.network).shape)
        dtype, seed = getattr(torch, self.dtype), (self.seed, piece.run)
        sizes = (piece.batch, self.samples, seed, self.held_out)
        return Inputs(piece.data, shape, *sizes, dtype, device, self.data_dir)

    def effective_rate(self, piece: Piece, rate: float) -> float:
        """Return the rate at which "half_sum" would take the same steps of SGD."""
        entries = math.prod(shape_of(piece.data, subject(piece.network).shape))
        return float(rate * gradient_scale(piece.treatment.rule, piece.reduction, 1, entries))

    def to_json(self) -> str:
        """Return the plan as JSON, which `from_json` reads."""
        here = {} if self.data_dir is None else {"data_dir": str(self.data_dir)}
        return json.dumps(self.as_dict() | here, indent=1, ensure_ascii=False)

    def as_dict(self) -> dict[str, Any]:
        """Return what makes plans equal, as JSON holds it."""
        correctors = [[str(alpha) for alpha in g.alphas] for g in self.correctors]
        plain = {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(self).items()}
        del plain["data_dir"]
        return plain | {"correctors": correctors}

    @classmethod
    def from_json(cls, text: str) -> Plan:
        """Return the plan that `to_json` wrote.

        Raises:
            ValueError: it is another text.
        """
        try:
            stored = json.loads(text)
            stored["correctors"] = tuple(Corrector(alphas) for alphas in stored["correctors"])
            return cls(**stored)
        except (KeyError, TypeError, AttributeError, json.JSONDecodeError) as error:
            raise ValueError(f"expected a plan as `sweep` writes it; got: {error}") from None

    def require_same(self, other: Plan, where: str) -> None:
        """Raise ValueError, naming the first difference, if the other plan is not this one."""
        ours, theirs = self.as_dict(), other.as_dict()
        for name in ours:
            if ours[name] != theirs[name]:
                raise ValueError(
                    f"expected in {where} a sweep of the same plan; got one with {name} {theirs[name]}, "
                    f"not {ours[name]}: another plan needs a folder of its own"
                )


def _said(g: Corrector) -> str:
    """A corrector in a few words: a smoothstep by its order, others by the polynomial."""
    return f"order {g.order}" if g.order and g == smoothstep(g.order) else str(g)


def first_weights(plan: Plan, piece: Piece) -> Any:
    """Return the network that each member of a piece begins as: of the run alone, equal for all rules."""
    return initialised(subject(piece.network).build, piece.initialisation, plan.seed, piece.run)


def _axis(name: str, value: Any) -> tuple[Any, ...]:
    if isinstance(value, str | Corrector) or not hasattr(value, "__iter__"):
        raise TypeError(f"`{name}` must be a sequence; got {value!r}")
    found = tuple(value)
    if name == "learning_rates":
        found = tuple(_rate(rate) for rate in found)
    for entry in found:
        if callable(entry) and not isinstance(entry, Corrector):
            raise TypeError(
                f"`{name}` must be names, or import paths as in package.module:Net, for a sweep is "
                f"stored; got {entry!r}"
            )
    if name == "networks":
        found = tuple(_network(entry) for entry in found)
    if not found:
        raise ValueError(f"`{name}` must have at least one entry; got none")
    twice = [entry for i, entry in enumerate(found) if entry in found[:i]]
    if twice:
        raise ValueError(f"`{name}` must have each entry once; got {twice[0]} twice")
    return found


def _network(name: Any) -> str:
    """The name, always spelt alike."""
    if not isinstance(name, str):
        raise TypeError(f"`networks` must be names or import paths; got {name!r}")
    return name if ":" in name else known_name(name)


def _rate(rate: Any) -> float:
    if isinstance(rate, bool) or not isinstance(rate, int | float | np.number):
        raise TypeError(f"`learning_rates` must be numbers; got {rate!r}")
    if not 0 < rate < math.inf:
        raise ValueError(f"`learning_rates` must be positive and finite; got {rate}")
    return float(rate)


def _require_kinds(plan: Plan) -> None:
    for name, least in (("runs", 1), ("epochs", 1), ("points", 2), ("held_out", 2), ("seed", 0)):
        object.__setattr__(plan, name, whole_number(getattr(plan, name), name, least))
    if plan.samples is not None:
        object.__setattr__(plan, "samples", whole_number(plan.samples, "samples", 1))
    sizes = tuple(whole_number(batch, "batch_sizes", 1) for batch in plan.batch_sizes)
    object.__setattr__(plan, "batch_sizes", sizes)
    for g in plan.correctors:
        if not isinstance(g, Corrector):
            raise TypeError(f"`correctors` must be Correctors; got {type(g).__name__}")
    for name in ("tf32", "compiled", "keep_weights"):
        if not isinstance(getattr(plan, name), bool):
            raise TypeError(f"`{name}` must be True or False; got {getattr(plan, name)!r}")
    if plan.data_dir is not None:
        if not isinstance(plan.data_dir, str | os.PathLike):
            raise TypeError(f"`data_dir` must be a path; got {plan.data_dir!r}")
        object.__setattr__(plan, "data_dir", str(Path(plan.data_dir).absolute()))


def _require_names(plan: Plan) -> None:
    allowed = {"rules": get_args(Rule), "reductions": get_args(Reduction)}
    single = {"optimizer": tuple(OPTIMIZERS), "spacing": _SPACINGS, "dtype": _DTYPES}
    for name, names in (allowed | single).items():
        given = getattr(plan, name)
        for entry in given if name in allowed else (given,):
            if entry not in names:
                raise ValueError(f"`{name}` must be of {', '.join(names)}; got {entry!r}")
    if plan.device.partition(":")[0] not in _NUMBERS:
        raise ValueError(f"`device` must be cpu, cuda or a CUDA device as cuda:1; got {plan.device!r}")
    if plan.tf32 and plan.device == "cpu":
        raise ValueError("`tf32` is for CUDA; got it with cpu")
    if plan.data_dir is not None and "mnist" not in plan.data:
        raise ValueError(f"`data_dir` is for mnist; got it with {', '.join(plan.data)}")
    for how in plan.initialisations:
        required_rank(how)


def _require_trainable(plan: Plan) -> None:
    """Refuse networks that cannot be trained so, before anything is."""
    axes = (
        plan.networks,
        plan.initialisations,
        plan.data,
        plan.batch_sizes,
        plan.reductions,
        plan.treatments,
    )
    count = math.prod(map(len, axes)) * plan.runs
    if count > _MOST_PIECES:
        raise ValueError(f"expected a grid of at most {_MOST_PIECES} runs of an ensemble; got {count}")
    for name, data in product(plan.networks, plan.data):
        found = subject(name)
        found.numbers(shape_of(data, found.shape))
    for name, how in product(plan.networks, plan.initialisations):
        if required_rank(how):
            initialised(subject(name).build, how, plan.seed)
    if "m1" in plan.rules:
        for name in plan.networks:
            weights = [p for p in subject(name).build().parameters() if p.ndim > 1]
            if len(weights) != 1:
                raise ValueError(
                    f"rule 'm1' is for networks with one weight matrix; got {name} with {len(weights)}"
                )
