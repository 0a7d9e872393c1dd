"""Objectives by name, as the options of `corrector train` that they stand for.

No torch here: the command line reads them before it knows whether there is anything to train.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from corrector import Corrector

    from .parts import Part

PARTS = ("reconstruction", "idempotency", "tightness", "likelihood")
DEFAULTS: Mapping[str, Any] = MappingProxyType(
    {
        "source": "none",
        "task": "reconstruction",
        "task_weight": 1.0,
        "task_reduction": None,
        "weight": 1.0,
        "rule": "modified",
        "reduction": "half_sum",
        "relaxation": 1.0,
        "buffers": "keep",
        "distance": "l2",
        "at": "noise",
        "tightness": 0.0,
        "tightness_clamp": 1.5,
        "likelihood": 0.0,
        "pool": 4096,
        "refresh": 50,
        "ramp": MappingProxyType({}),
    }
)
"""What each option is where a recipe says nothing of it."""
_UNSAID: Mapping[str, Any] = MappingProxyType({"task_reduction": "half_sum", "order": 1})
"""What they are that have no value."""
_OPTIMISER = {"schedule": "cosine", "betas": "0.5,0.99", "batch_size": 128, "learning_rate": 1e-3}
"""Of both recipes that are this project's own."""


@dataclass(frozen=True)
class Recipe:
    """An objective by name; print shows what it stands for.

    Attributes:
        name: "paper", "ign", "naign", "projector" or "matched".
        about: a sentence on it.
        source: where it was published, or "".
        options: of `corrector train`, by their parameters' names, that are not as by default.

    >>> recipe("naign").parts()[1].refresh
    1
    """

    name: str
    about: str
    source: str
    options: Mapping[str, Any] = field(repr=False)

    def parts(self, corrector: Corrector | None = None) -> tuple[Part, ...]:
        """Return the parts that `GenerativeTraining` descends, the rule with this corrector or 3x² − 2x³."""
        from corrector import MCWEENY

        return objective({**DEFAULTS, **self.options}, corrector or MCWEENY)

    def changed(self, options: Mapping[str, Any]) -> str:
        """Return its name, and what of these options is another than it says, or than its objective has.

        >>> recipe("naign").changed({"likelihood": 3.0, "weight": 0.0, "order": 2, "learning_rate": 0.01})
        'naign with likelihood 3.0, order 2, learning-rate 0.01'
        """
        own = {**DEFAULTS, "order": None, "alphas": None, **self.options}

        def meant(name: str, value: Any) -> Any:
            return _UNSAID.get(name) if value is None else value

        others = [
            f"{name.replace('_', '-')} {options[name]}"
            for name in own
            if name in options and name != "ramp" and meant(name, options[name]) != meant(name, own[name])
        ]
        ramps = {f"{part}={shares}" for part, shares in own["ramp"].items()}
        others += [f"ramp {ramp}" for ramp in options.get("ramp", ()) if ramp not in ramps]
        return f"{self.name} with {', '.join(others)}" if others else self.name

    def __str__(self) -> str:
        said = ", ".join(f"{name.replace('_', '-')} {value}" for name, value in self.options.items())
        return f"{self.name}: {self.about} ({said})"


RECIPES: Mapping[str, Recipe] = MappingProxyType(
    {
        found.name: found
        for found in (
            Recipe(
                "paper",
                "Reconstruction and the modified rule, nothing else.",
                "Jensen and Vicary, section 3.1, which says no more of it.",
                {"source": "gaussian", "batch_size": 128, "learning_rate": 1e-3},
            ),
            Recipe(
                "ign",
                "Reconstruction, idempotence and tightness by absolute values, as ports of it have them.",
                "Shocher et al., Idempotent Generative Network (ICLR 2024).",
                {
                    "source": "fourier",
                    "task": "l1",
                    "task_weight": 20.0,
                    "task_reduction": "mean",
                    "weight": 20.0,
                    "rule": "inner",
                    "reduction": "mean",
                    "distance": "l1",
                    "tightness": 2.5,
                    "batch_size": 256,
                    "learning_rate": 1e-4,
                    "betas": "0.5,0.999",
                },
            ),
            Recipe(
                "naign",
                "Reconstruction and implicit maximum likelihood, its pool drawn anew for each batch.",
                "Al-Jaff et al., A non-adversarial approach to idempotent generative modelling (2025); the "
                "weights and the pool are not theirs.",
                {
                    "source": "gaussian",
                    "weight": 0.0,
                    "likelihood": 1.0,
                    "pool": 256,
                    "refresh": 1,
                    "batch_size": 128,
                    "learning_rate": 1e-3,
                },
            ),
            Recipe(
                "projector",
                "Reconstruction, implicit maximum likelihood with a large pool kept for many steps, and the "
                "ordinary rule, once there is something to be idempotent on.",
                "",
                {
                    "source": "gaussian",
                    "weight": 4.0,
                    "rule": "ordinary",
                    "likelihood": 1.0,
                    "ramp": MappingProxyType({"idempotency": "0.3-0.5"}),
                    **_OPTIMISER,
                },
            ),
            Recipe(
                "matched",
                "The projector with the modified rule, at what the likelihood matches with data.",
                "",
                {
                    "source": "gaussian",
                    "weight": 1.0,
                    "rule": "modified",
                    "at": "nearest",
                    "likelihood": 1.0,
                    "ramp": MappingProxyType({"idempotency": "0.3-0.5"}),
                    **_OPTIMISER,
                },
            ),
        )
    }
)


def recipe(name: str) -> Recipe:
    """Return the recipe of this name.

    Raises:
        ValueError: there is none.
    """
    if name not in RECIPES:
        raise ValueError(f"`name` must be one of {', '.join(RECIPES)}; got {name!r}")
    return RECIPES[name]


def objective(options: Mapping[str, Any], corrector: Corrector) -> tuple[Part, ...]:
    """Return the parts that options of `corrector train` ask for; those of weight 0 are left out.

    Args:
        options: all of `DEFAULTS`, by the parameters' names.
        corrector: of the rule.

    Raises:
        ValueError: an option is of a value that its part does not take.
    """
    from .parts import Idempotency, Likelihood, Reconstruction, Tightness

    ramps = {name: ramp(name, text) for name, text in options["ramp"].items()}

    def of(part: str, **named: Any) -> dict[str, Any]:
        begin, whole = ramps.get(part, (0.0, 0.0))
        return {name: options[option] for name, option in named.items()} | {"begin": begin, "whole": whole}

    parts: list[Part] = []
    distance = {"reconstruction": "l2", "none": "l2"}.get(options["task"], options["task"])
    alike = {"distance": distance, "reduction": options["task_reduction"] or "half_sum"}
    if options["task"] != "none" and options["task_weight"]:
        parts.append(Reconstruction(**of("reconstruction", weight="task_weight"), **alike))
    if options["weight"]:
        same = {name: name for name in ("rule", "reduction", "relaxation", "buffers", "at", "distance")}
        parts.append(Idempotency(corrector=corrector, **of("idempotency", weight="weight", **same)))
    if options["tightness"]:
        found = of("tightness", weight="tightness", distance="distance", clamp="tightness_clamp")
        parts.append(Tightness(**found, reduction=options["reduction"]))
    if options["likelihood"]:
        found = of("likelihood", weight="likelihood", pool="pool", refresh="refresh")
        parts.append(Likelihood(**found, **alike))
    return tuple(parts)


def ramp(part: str, text: str) -> tuple[float, float]:
    """Return the shares of the run between which a part's weight grows, given as "0.2-0.5".

    Raises:
        ValueError: there is no such part, or the text is something else.

    >>> ramp("tightness", "0.2-0.5")
    (0.2, 0.5)
    """
    if part not in PARTS:
        raise ValueError(f"expected --ramp of {', '.join(PARTS)}; got {part}")
    low, _, high = str(text).partition("-")
    try:
        found = float(low), float(high)
    except ValueError:
        found = (1.0, 0.0)
    if not (0 <= found[0] <= found[1] <= 1 and found[0] < 1):
        raise ValueError(
            f"expected --ramp as in {part}=0.2-0.5, shares of the run, the first below 1, the second not "
            f"less; got {text}"
        )
    return found
