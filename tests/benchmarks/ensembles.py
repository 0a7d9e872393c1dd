"""A step of many networks as one ensemble beside a loop over them.

    .venv/bin/python -m tests.benchmarks.ensembles

Floor: an ensemble of M members cannot beat M times the arithmetic of one; what it saves is M times the
overhead.
"""

from __future__ import annotations

import torch

from tests.benchmarks.pairs import compare
from training import Ensemble, idempotency_loss, network
from training.optimizers import Adam


def ensembles(name: str, members: int, batch: int) -> None:
    seeds = list(range(members))
    ensemble = Ensemble(lambda: network(name), seeds)
    together = Adam(torch.full((members,), 1e-3))
    nets = [ensemble.member(i) for i in seeds]
    alone = [torch.optim.Adam(net.parameters(), lr=1e-3) for net in nets]
    x = torch.randn(members, batch, next(nets[0].parameters()).shape[1])

    def loop():
        for net, optimizer, v in zip(nets, alone, x, strict=True):
            optimizer.zero_grad()
            idempotency_loss(net, net(v)).backward()
            optimizer.step()

    def step():
        losses = ensemble.map(lambda f, v: idempotency_loss(f, f(v)), x)
        together.step(ensemble.parameters, ensemble.gradients(losses))

    compare(
        f"One step of {members} × {name}, batch {batch}",
        {"ensemble": step, "one after another": loop},
    )


if __name__ == "__main__":
    ensembles("B1", 50, 1000)
    ensembles("B2", 20, 128)
