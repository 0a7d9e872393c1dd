"""A fair comparison of rules: one network, one task, one budget, each rule at its own best rate.

The task is a denoising autoencoder: f is to return a clean picture for a noisy one, and to leave
its own output alone.  For a batch of clean x and noisy x̃, with y = f(x̃), every contender descends

    ½‖y − x‖² + w·(its rule's gradient in y, reduction "half_sum"),   per picture,

so all rules act at the same scale.  They share initial weights, batches and noise seed by seed, and
each may spend the same number of network passes: a forward pass counts 1, a backward pass 2.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import xarray as xr
from torch import Tensor, nn

from analysis.collapse import VARIANCE_FLOOR
from corrector import MCWEENY, Corrector, smoothstep
from training.ensemble import Ensemble
from training.measures import measure, metrics
from training.networks import perceptron
from training.optimizers import Adam
from training.rules.cost import passes
from training.rules.loss import idempotency_loss

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from jaxtyping import Float

    from training.data import Images
    from training.rules.loss import Rule

APPLICATIONS = 5
MEASURES = (
    "reconstruction",
    "reconstruction_again",
    "error",
    "relative",
    "centred",
    "kept",
    "rank",
)


@dataclass(frozen=True)
class Contender:
    """One way to train: a rule with its corrector, or reconstruction alone (rule None)."""

    name: str
    rule: Rule | None
    corrector: Corrector = MCWEENY

    @property
    def passes(self) -> int:
        """Network passes a step (`training.rules.cost`)."""
        return passes(self.rule, self.corrector)


CONTENDERS = (
    Contender("reconstruction only", None),
    Contender("ordinary", "ordinary"),
    Contender("target", "target"),
    Contender("modified order 1", "modified", MCWEENY),
    Contender("modified order 2", "modified", smoothstep(2)),
)
REFERENCE = "ordinary"


@dataclass(frozen=True)
class Setting:
    """Everything that defines one comparison; with equal settings the runs are equal.

    Attributes:
        images: the data, in three parts: to train on, to choose rates by, to report on.
        widths: of the network's layers; the first and the last are the pixels of a picture.
        noise: standard deviation of the Gaussian noise on the inputs.
        weight: w, of the idempotency term.
        rates: Adam's learning rates to choose from.
        tuning_seeds, seeds: initialisations that choose the rate, and others that are reported.
        passes: network passes each run may spend.
        batch: pictures a step.
        points: how often a run is measured on the way, at most.
        measured: pictures of the validation and of the test part to measure on, at most.
    """

    images: Images
    widths: tuple[int, ...]
    rates: tuple[float, ...]
    passes: int
    tuning_seeds: tuple[int, ...]
    seeds: tuple[int, ...]
    noise: float = 0.3
    weight: float = 3.0
    batch: int = 128
    points: int = 20
    measured: int = 1000
    contenders: tuple[Contender, ...] = field(default=CONTENDERS)

    def stops(self) -> int:
        """Return how often runs are measured: `points`, or each step where a run has fewer steps."""
        return min(self.points, *(self.passes // contender.passes for contender in self.contenders))

    def build(self) -> nn.Sequential:
        """Return a new network: LeakyReLU between the layers, values from 0 to 1 after the last."""
        return perceptron(self.widths, nn.LeakyReLU, last=nn.Sigmoid)


@dataclass(frozen=True)
class Comparison:
    """What `compare` found: every run's measures, and every trained network.

    Attributes:
        setting: what was compared.
        runs: per contender, rate and seed: `validation` along the way and `test` at the end, each
            with an axis `measure`, with the passes spent and the seconds a step took.
        references: the same measures of the identity and of the constant map, on the test part.
        ensembles: the trained members by contender, in order of rate, then seed.
    """

    setting: Setting
    runs: xr.Dataset
    references: dict[str, dict[str, float]]
    ensembles: dict[str, Ensemble]

    def best_rate(self, contender: str) -> float:
        """Return the rate with the least validation objective, averaged over the tuning seeds.

        The objective is reconstruction + weight·error, the same for all; a run that ended in
        anything that is not finite counts as infinitely bad.
        """
        final = self.runs.validation.sel(contender=contender).isel(point=-1)
        final = final.sel(seed=list(self.setting.tuning_seeds))
        objective = final.sel(measure="reconstruction") + self.setting.weight * final.sel(measure="error")
        mean = objective.where(np.isfinite(objective), np.inf).mean("seed")
        return float(mean.rate[int(mean.argmin("rate"))])

    def reported(self, contender: str, rate: float) -> xr.DataArray:
        """Return the test measures (measure, seed) of the seeds that had no part in the choice."""
        test = self.runs.test.sel(contender=contender, rate=rate)
        chosen: xr.DataArray = test.sel(seed=list(self.setting.seeds)).transpose("measure", "seed")
        return chosen

    def member(self, contender: str, rate: float, seed: int) -> nn.Module:
        """Return one trained network."""
        seeds = _all_seeds(self.setting)
        index = self.setting.rates.index(rate) * len(seeds) + seeds.index(seed)
        return self.ensembles[contender].member(index)


def compare(
    setting: Setting,
    device: torch.device | str = "cpu",
    advance: Callable[[str, int], None] = lambda *_: None,
) -> Comparison:
    """Train every contender at every rate from every seed, side by side, and measure them all.

    Args:
        setting: what to compare.
        device: where to train.
        advance: called after each step with the contender's name and the passes it took.

    Cost: contenders · rates · seeds runs of `passes` network passes, vectorised over rates and seeds.
    """
    fixed = {
        part: _noisy(getattr(setting.images, part)[: setting.measured], setting.noise, device)
        for part in ("validation", "test")
    }
    parts, ensembles = [], {}
    for contender in setting.contenders:
        ensemble, run = _train(contender, setting, fixed, device, advance)
        ensembles[contender.name] = ensemble
        parts.append(run)
    runs = xr.concat(
        parts,
        xr.DataArray([c.name for c in setting.contenders], dims="contender", name="contender"),
    )
    runs.attrs = _attributes(setting, str(device))
    return Comparison(setting, runs, _references(setting, fixed["test"]), ensembles)


def collapsed(kept: Any) -> Any:
    """Whether outputs that keep this share of the inputs' variance count as one point."""
    return ~(np.asarray(kept) >= VARIANCE_FLOOR)


def _train(
    contender: Contender,
    setting: Setting,
    fixed: dict[str, tuple[Tensor, Tensor]],
    device: torch.device | str,
    advance: Callable[[str, int], None],
) -> tuple[Ensemble, xr.Dataset]:
    seeds = _all_seeds(setting)
    rates = torch.tensor([rate for rate in setting.rates for _ in seeds], device=device)
    ensemble = Ensemble(setting.build, [seed for _ in setting.rates for seed in seeds], device)
    optimizer = Adam(rates)

    def loss(f: Callable[[Tensor], Tensor], noisy: Tensor, clean: Tensor) -> Tensor:
        y = f(noisy)
        total = 0.5 * (y - clean).square().sum() / len(clean)
        if contender.rule is None:
            return total
        return total + setting.weight * idempotency_loss(f, y, contender.corrector, contender.rule)

    steps = setting.passes // contender.passes
    stops = np.linspace(0, steps, setting.stops() + 1).round().astype(int)
    trace, spent = [_measured(ensemble, *fixed["validation"])], 0.0
    batches = _batches(setting, seeds, device)
    for step in range(1, steps + 1):
        noisy, clean = next(batches)
        started = time.perf_counter()
        repeat = (len(setting.rates), 1, 1)
        losses = ensemble.map(loss, noisy.repeat(repeat), clean.repeat(repeat))
        optimizer.step(ensemble.parameters, ensemble.gradients(losses))
        spent += time.perf_counter() - started
        if step in stops:
            trace.append(_measured(ensemble, *fixed["validation"]))
        advance(contender.name, contender.passes)
    shape = (len(MEASURES), len(setting.rates), len(seeds))
    test = _measured(ensemble, *fixed["test"])
    return ensemble, xr.Dataset(
        {
            "validation": (
                ("point", "measure", "rate", "seed"),
                np.stack(trace).reshape(-1, *shape),
            ),
            "test": (("measure", "rate", "seed"), test.reshape(shape)),
            "passes_spent": ("point", stops * contender.passes),
            "seconds_a_step": ((), spent / steps / rates.numel()),
            "steps": ((), steps),
        },
        {"measure": list(MEASURES), "rate": list(setting.rates), "seed": list(seeds)},
    )


def _measured(ensemble: Ensemble, noisy: Tensor, clean: Tensor) -> Float[np.ndarray, "measure member"]:
    share = (ensemble.size, -1, -1)
    with torch.no_grad():
        found = ensemble.map(_measure, noisy.expand(share), clean.expand(share))
    return np.stack([found[name].double().cpu().numpy() for name in MEASURES])


def _measure(f: Callable[[Tensor], Tensor], noisy: Tensor, clean: Tensor) -> dict[str, Tensor]:
    y = f(noisy)
    again = y
    for _ in range(APPLICATIONS - 1):
        again = f(again)
    return measure(f, noisy) | {
        "reconstruction": (y - clean).square().mean(),
        "reconstruction_again": (again - clean).square().mean(),
    }


def _references(setting: Setting, test: tuple[Tensor, Tensor]) -> dict[str, dict[str, float]]:
    """The maps that are idempotent without having learnt anything."""
    noisy, clean = (part.cpu() for part in test)
    mean = setting.images.train.mean(0)
    maps: dict[str, Callable[[Tensor], Tensor]] = {
        "identity": lambda x: x,
        "constant map": lambda x: mean.expand_as(x),
    }
    rows = {}
    for name, f in maps.items():
        values = {key: float(value) for key, value in _measure(f, noisy, clean).items()}
        rows[name] = values | {key: float(value) for key, value in metrics(f, noisy).items() if key in values}
    return rows


def _batches(
    setting: Setting, seeds: tuple[int, ...], device: torch.device | str
) -> Iterator[tuple[Tensor, Tensor]]:
    """Noisy and clean pictures (seed, batch, pixels), the same for every contender and rate."""
    train = setting.images.train
    generators = [torch.Generator().manual_seed(seed) for seed in seeds]
    shape = (setting.batch, train.shape[1])
    while True:
        clean = torch.stack([train[torch.randint(len(train), shape[:1], generator=g)] for g in generators])
        noise = torch.stack([torch.randn(shape, generator=g) for g in generators])
        yield (clean + setting.noise * noise).to(device), clean.to(device)


def _noisy(clean: Tensor, noise: float, device: torch.device | str) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    noisy = clean + noise * torch.randn(clean.shape, generator=generator)
    return noisy.to(device), clean.to(device)


def _all_seeds(setting: Setting) -> tuple[int, ...]:
    return setting.tuning_seeds + setting.seeds


def _attributes(setting: Setting, device: str) -> dict[str, Any]:
    return {
        "title": "Idempotency rules at matched scale, equal budget",
        "data": setting.images.name,
        "widths": list(setting.widths),
        "noise": setting.noise,
        "weight": setting.weight,
        "passes": setting.passes,
        "batch": setting.batch,
        "tuning_seeds": list(setting.tuning_seeds),
        "reported_seeds": list(setting.seeds),
        "torch": str(torch.__version__),
        "device": device,
    }
