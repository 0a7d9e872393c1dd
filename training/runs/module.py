"""Networks in training, as LightningModules: what all have, and a task's loss and a rule's side by side.

    y = f(x),    loss = a·task(y, batch) + w·(what `idempotency_loss` returns at y)

f is called once through whatever a strategy wraps around the module, the rule's passes go through f
itself.  So under data parallelism the gradients that are averaged are those of both parts.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Mapping
from contextlib import nullcontext
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, get_args

import lightning.pytorch as pl
import torch
import torch.distributed as dist
from torch import Tensor, nn

from analysis.collapse import VARIANCE_FLOOR
from analysis.frameworks import in_mode
from training.measures import measure
from training.objective.distances import l1, l2, scale, ssim
from training.rules.applications import shared_masks
from training.rules.loss import IdempotencyLoss

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from jaxtyping import Float
    from torch.optim import Optimizer

    Task = Callable[[Tensor, Any], Tensor]

TaskReduction = Literal["half_sum", "mean"]
Masks = Literal["fresh", "shared"]
MEASURES = ("task", "error", "relative", "centred", "kept", "rank")
_INPUTS = ("image", "x")


class NotFiniteError(ArithmeticError):
    """A loss, a gradient or a weight is nan or infinite; the message says where it began."""


class Noisy(NamedTuple):
    """A batch as a denoising network sees it: inputs with noise, and the batch without."""

    x: Tensor
    clean: Any


def inputs(batch: Any) -> Float[Tensor, "batch *sample"]:
    """Return what f is applied to: the batch itself, its first entry, or the one called image or x.

    Raises:
        TypeError: that is no floating-point tensor.
    """
    found = batch
    if isinstance(batch, Mapping):
        found = next((batch[name] for name in _INPUTS if name in batch), None)
    elif isinstance(batch, tuple | list) and batch:
        found = batch[0]
    if not isinstance(found, Tensor) or not found.is_floating_point():
        kind = found.dtype if isinstance(found, Tensor) else type(found).__name__
        if found is None and isinstance(batch, Mapping):
            kind = f"a mapping with {', '.join(map(str, batch))}"
        raise TypeError(
            "expected a floating-point tensor as the batch, its first entry, or the one called "
            f"{' or '.join(_INPUTS)}; got {kind}"
        )
    return found


def clean(batch: Any) -> Any:
    """Return the batch without noise."""
    return batch.clean if isinstance(batch, Noisy) else batch


def reconstruction(distance: Callable[[Tensor, Tensor], Tensor]) -> Task:
    """Return the task of leaving inputs as they are, by a distance."""
    return lambda y, batch: distance(y, inputs(batch))


TASKS: dict[str, Task] = {
    "reconstruction": reconstruction(l2),
    "l1": reconstruction(l1),
    "ssim": reconstruction(partial(ssim, low=0.0)),
}


class Training(pl.LightningModule):
    """What every training has: an optimizer, its schedule, losses that must be finite, gradients to report.

    Args:
        net: f; its output must have its input's shape.
        optimizer: makes the optimizer of the parameters; Adam with rate 10⁻³ when None.
        schedule: the factor of the learning rate at an optimizer step, 1 when None.
        gradients_every: how many batches lie between reports of the parts' gradient norms and of the cosine
            between the rule's gradient and all others'; each costs a backward pass a part.  0: never.
        masks: of dropout, "fresh" in each pass or "shared" by those of a step (`shared_masks`).

    Raises:
        ValueError: a name is unknown.
    """

    def __init__(
        self,
        net: nn.Module,
        *,
        optimizer: Callable[[Iterator[nn.Parameter]], Optimizer] | None = None,
        schedule: Callable[[int], float] | None = None,
        gradients_every: int = 50,
        masks: Masks = "fresh",
    ) -> None:
        super().__init__()
        if masks not in get_args(Masks):
            raise ValueError(f"`masks` must be one of {', '.join(get_args(Masks))}; got {masks!r}")
        self.net, self.masks = net, masks
        self.optimizer, self.schedule = optimizer, schedule
        self.gradients_every = gradients_every
        self.batches = 0
        """Batches begun so far, over all resumptions."""
        self.steps = 0
        """Batches of the whole run; 0 where that is not known."""

    @property
    @abstractmethod
    def names(self) -> tuple[str, ...]:
        """Of the parts that the loss has."""

    def prepare(self, batch: Any) -> None:
        """Do what is no part of the step; its passes share no masks with the step's."""

    @abstractmethod
    def losses(self, batch: Any) -> dict[str, tuple[Tensor, Tensor]]:
        """Return each part by its name: its value, and what it adds to the loss."""

    @abstractmethod
    def measured(self, f: Callable[[Tensor], Tensor], batch: Any) -> dict[str, float | bool]:
        """Return how f fares on a batch, with the guard against collapse."""

    def forward(self, x: Tensor) -> Tensor:
        """Return f(x)."""
        y: Tensor = self.net(x)
        return y

    def training_step(self, batch: Any, _: int) -> dict[str, Tensor]:
        """Return the loss, the parts' values and, where they are due, the gradients' norms and cosine."""
        self.batches += 1
        self.prepare(batch)
        with shared_masks(self.net) if self.masks == "shared" else nullcontext():
            parts = self.losses(batch)
        self._require_finite({name: value for name, (value, _) in parts.items()}, inputs(batch))
        found = {name: value.detach() for name, (value, _) in parts.items()}
        losses = {name: loss for name, (_, loss) in parts.items()}
        if self.gradients_every and self.batches % self.gradients_every == 0:
            found |= self._gradients(losses)
        self.log_dict(found)
        return {"loss": torch.stack(list(losses.values())).sum(), **found}

    def on_before_optimizer_step(self, _: Optimizer) -> None:
        """Refuse gradients that are not finite, except where a scaler looks after them."""
        if getattr(self.trainer.precision_plugin, "scaler", None) is not None:
            return
        gradients = [p.grad for p in self.net.parameters() if p.grad is not None]
        if not all(torch.stack([g.isfinite().all() for g in gradients]).tolist()):
            names = [n for n, p in self.net.named_parameters() if p.grad is not None]
            name = next(n for n, g in zip(names, gradients, strict=True) if not g.isfinite().all())
            raise NotFiniteError(f"expected finite gradients; got one that is not, of {name}")

    def validation_step(self, batch: Any, _: int) -> None:
        """Log how f fares on the batch."""
        found = self.measured(self.net, batch)
        self.log_dict({f"validation_{name}": float(value) for name, value in found.items()})

    def configure_optimizers(self) -> Any:
        """Return the optimizer and the schedule of its rate, step by step."""
        make = self.optimizer or torch.optim.Adam
        made = make(self.net.parameters())
        if self.schedule is None:
            return made
        rate = torch.optim.lr_scheduler.LambdaLR(made, self.schedule)
        return {"optimizer": made, "lr_scheduler": {"scheduler": rate, "interval": "step"}}

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Add how many batches were trained on."""
        checkpoint["batches"] = self.batches

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Go on counting from there."""
        self.batches = checkpoint["batches"]

    def _gradients(self, losses: dict[str, Tensor]) -> dict[str, Tensor]:
        """Each part's norm, weights included, and the cosine between the rule's and the sum of the others."""
        weights = [p for p in self.net.parameters() if p.requires_grad]
        rows = {}
        for name, loss in losses.items():
            found = torch.autograd.grad(loss, weights, retain_graph=True, materialize_grads=True)
            rows[name] = torch.cat([g.flatten().float() for g in found])
        norms = {f"{name}_gradient": row.norm() for name, row in rows.items()}
        rule = rows.pop("idempotency", None)
        if rule is None or not rows:
            return norms
        others = torch.stack(list(rows.values())).sum(0)
        return norms | {"cosine": torch.cosine_similarity(rule, others, dim=0)}

    def _require_finite(self, values: dict[str, Tensor], x: Tensor) -> None:
        bad = [f"the {name} loss is {v.item():g}" for name, v in values.items() if not v.isfinite()]
        others = self.trainer.world_size > 1  # of which one that went on alone would wait for ever
        if not (self.trainer.strategy.reduce_boolean_decision(not bad) if others else not bad):
            said = [" and ".join(bad) + _origin(self.net, x) if bad else ""]
            if others:
                said = said * self.trainer.world_size
                dist.all_gather_object(said, said[self.trainer.global_rank])
            raise NotFiniteError(f"expected finite losses; {next(filter(None, said))}")


class IdempotentTraining(Training):
    """A network with its task and its rule, ready for `lightning.Trainer.fit`.

    A batch is a tensor of inputs, a tuple or list that begins with it, or a mapping in which it is
    called image or x; or `Noisy`, where f sees noise that the task does not.

    Args:
        net: f; its output must have its input's shape.
        task: "reconstruction" (mean square), "l1", "ssim" (for pictures from 0 to 1), a function of f(x) and
            the batch without noise that returns a scalar, or None.
        weight: w, of the rule; 0 leaves it out.
        task_weight: a.
        task_reduction: "mean", or "half_sum": D/2 times that for samples of D numbers, the scale of the
            rule's "half_sum".  A function of one's own has its own scale.
        optimizer: makes the optimizer of the parameters; Adam with rate 10⁻³ when None.
        schedule: the factor of the learning rate at an optimizer step, 1 when None.
        gradients_every: how many batches lie between reports of both parts' gradient norms and their
            cosine; each costs two more backward passes.  0: never.
        masks: of dropout, "fresh" in each pass or "shared" by those of a step (`shared_masks`).
        **rule: corrector, rule, reduction, relaxation, buffers, chunk: as for `idempotency_loss`.

    Logs `task` and `idempotency` (the task by its mean, the rule by the idempotent error), the gradients'
    norms and cosine; in validation what `metrics` names, batch by batch.

    Raises:
        ValueError: a name is unknown.
        NotFiniteError: in training, a loss or a gradient is not finite; the weights were not touched.

    >>> module = IdempotentTraining(nn.Linear(4, 4), weight=0.5, rule="target")
    >>> module.criterion
    IdempotencyLoss(rule=target, corrector=3x² − 2x³, reduction=half_sum)
    """

    def __init__(
        self,
        net: nn.Module,
        task: str | Task | None = "reconstruction",
        *,
        weight: float = 1.0,
        task_weight: float = 1.0,
        task_reduction: TaskReduction = "half_sum",
        optimizer: Callable[[Iterator[nn.Parameter]], Optimizer] | None = None,
        schedule: Callable[[int], float] | None = None,
        gradients_every: int = 50,
        masks: Masks = "fresh",
        **rule: Any,
    ) -> None:
        super().__init__(
            net, optimizer=optimizer, schedule=schedule, gradients_every=gradients_every, masks=masks
        )
        if isinstance(task, str) and task not in TASKS:
            raise ValueError(f"`task` must be one of {', '.join(TASKS)}, or a function; got {task!r}")
        if task_reduction not in get_args(TaskReduction):
            names = ", ".join(get_args(TaskReduction))
            raise ValueError(f"`task_reduction` must be one of {names}; got {task_reduction!r}")
        self.criterion = IdempotencyLoss(net, **rule)
        self.task = TASKS[task] if isinstance(task, str) else task
        self.summed = isinstance(task, str) and task_reduction == "half_sum"
        self.weight, self.task_weight = weight, task_weight

    @property
    def names(self) -> tuple[str, ...]:
        """The task and the rule, whether there are both or one."""
        return ("task", "idempotency")

    def idempotency(self, x: Tensor, y: Tensor) -> Float[Tensor, ""]:
        """Return the rule's loss at y = f(x)."""
        loss: Tensor = self.criterion(y, x=x if self.criterion.options.rule == "m1" else None)
        return loss

    def losses(self, batch: Any) -> dict[str, tuple[Tensor, Tensor]]:
        """Return the task's and the rule's value, and what they add to the loss."""
        x = inputs(batch)
        y, found = self.net(x), {}
        if self.task is not None:
            value = missed(self.task, y, batch)
            found["task"] = value, self.task_weight * scale("half_sum" if self.summed else "mean", y) * value
        if self.weight:
            value = self.idempotency(x, y)
            found["idempotency"] = value, self.weight * value
        return found

    def measured(self, f: Callable[[Tensor], Tensor], batch: Any) -> dict[str, float | bool]:
        """Return the task's loss, how idempotent f is on the batch, and the guard against collapse."""
        return measured(f, batch, self.task)


def measured(f: Callable[[Tensor], Tensor], batch: Any, task: Task | None) -> dict[str, float | bool]:
    """Return the task's loss and `training.metrics`' guarded measures of f, without those of f(I).

    The keys are `MEASURES`, task only where there is one, and collapsed; f(I) would cost as many passes as
    a sample has numbers.
    """
    x = inputs(batch)
    with torch.no_grad(), in_mode(f, "eval"):
        found: dict[str, float | bool] = {name: float(value) for name, value in measure(f, x).items()}
        if task is not None:
            found = {"task": float(missed(task, f(x), batch))} | found
    collapsed = not found["kept"] >= VARIANCE_FLOOR
    return found | {"centred": math.nan if collapsed else found["centred"], "collapsed": collapsed}


def missed(task: Task, y: Tensor, batch: Any) -> Float[Tensor, ""]:
    """Return the task's loss of y = f(x).

    Raises:
        TypeError: the task returns no scalar.
    """
    found = task(y, clean(batch))
    if not isinstance(found, Tensor) or found.ndim:
        got = f"shape {tuple(found.shape)}" if isinstance(found, Tensor) else type(found).__name__
        raise TypeError(f"expected a task that returns a tensor without axes, as .mean() makes it; got {got}")
    return found


def _origin(net: nn.Module, x: Tensor) -> str:
    """Where f(x), or else f(f(x)), first holds something that is not finite, in words."""
    for name, weight in net.named_parameters():
        if not weight.isfinite().all():
            return f": the weights {name} are not finite"
    if not x.isfinite().all():
        return ": the inputs are not finite"
    found: list[str] = []

    def look(name: str) -> Callable[[nn.Module, Any, Any], None]:
        def hook(part: nn.Module, _: Any, output: Any) -> None:
            if isinstance(output, Tensor) and not output.isfinite().all():
                found.append(f"{name} ({type(part).__name__})")

        return hook

    handles = [part.register_forward_hook(look(name)) for name, part in net.named_modules() if name]
    try:
        with torch.no_grad():
            y = net.forward(x)  # not what torch.compile made of it, which calls no hooks
            applied = "f(x)" if found or not y.isfinite().all() else "f(f(x))"
            if applied != "f(x)":
                y = net.forward(y)
    finally:
        for handle in handles:
            handle.remove()
    if not found and y.isfinite().all():
        return ", though f(x) and f(f(x)) are finite"
    return (
        f": in {applied} the output of {found[0] if found else 'the network'} is the first that is not finite"
    )
