"""Step times of the rules beside the notes' code, and of an ensemble beside a loop.

    .venv/bin/python -m tests.benchmarks.training

Floors. A step of the modified rule is d forward passes and one backward pass (2): d + 2 passes; the
notes' Function takes four forward passes for the cubic, the ordinary rule two of each.  An ensemble
of M members cannot beat M times the arithmetic of one; what it saves is M times the overhead.
"""

from __future__ import annotations

import torch

from corrector import smoothstep
from tests.benchmarks.pairs import compare
from tests.training.notes import ELoss
from training import Ensemble, idempotency_loss, network
from training.ensemble import MemberwiseAdam


def rules(name: str, batch: int) -> None:
    torch.manual_seed(0)
    net = network(name)
    x = torch.randn(batch, next(net.parameters()).shape[1])
    optimizer = torch.optim.SGD(net.parameters(), lr=1e-3)

    def step(loss):
        def run():
            optimizer.zero_grad()
            loss(net(x)).backward()
            optimizer.step()

        return run

    compare(
        f"One step on {name}, batch {batch}",
        {
            "ordinary (6 passes)": step(lambda y: idempotency_loss(net, y, rule="ordinary")),
            "target (4)": step(lambda y: idempotency_loss(net, y, rule="target")),
            "modified order 1 (5)": step(lambda y: idempotency_loss(net, y)),
            "modified order 2 (7)": step(lambda y: idempotency_loss(net, y, smoothstep(2))),
            "the notes' Function (6)": step(ELoss(net, use_mod=True)),
            "the notes' plain loss (6)": step(ELoss(net)),
        },
    )


def ensembles(name: str, members: int, batch: int) -> None:
    seeds = list(range(members))
    ensemble = Ensemble(lambda: network(name), seeds)
    together = MemberwiseAdam(ensemble, torch.full((members,), 1e-3))
    nets = [ensemble.member(i) for i in seeds]
    alone = [torch.optim.Adam(net.parameters(), lr=1e-3) for net in nets]
    x = torch.randn(members, batch, next(nets[0].parameters()).shape[1])

    def loop():
        for net, optimizer, v in zip(nets, alone, x, strict=True):
            optimizer.zero_grad()
            idempotency_loss(net, net(v)).backward()
            optimizer.step()

    compare(
        f"One step of {members} × {name}, batch {batch}",
        {
            "ensemble": lambda: together.step(ensemble.map(lambda f, v: idempotency_loss(f, f(v)), x)),
            "one after another": loop,
        },
    )


if __name__ == "__main__":
    rules("B2", 1000)
    rules("B4", 256)
    ensembles("B1", 50, 1000)
    ensembles("B2", 20, 128)
