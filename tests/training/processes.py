"""What two processes compute together, for `test_settings`; started by torchrun."""

import json
import sys
from pathlib import Path

import torch
import torch.distributed as dist
from torch import nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.nn.parallel import DistributedDataParallel

from corrector import smoothstep
from training import idempotency_loss, samples_per_process
from training.networks import perceptron

DOUBLE = torch.float64
STEPS = 4
BATCH = 12


def plain(normed=False):
    torch.manual_seed(0)
    net = perceptron([6, 8, 6], nn.Tanh)
    return (nn.Sequential(net, nn.BatchNorm1d(6)) if normed else net).double()


def batches():
    generator = torch.Generator().manual_seed(1)
    return torch.randn(STEPS, BATCH, 6, dtype=DOUBLE, generator=generator)


def trained(net, shards, *, of=None, **options):
    """Parameters and losses after a step of SGD on each shard; `of` is what the loss is told is f."""
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    values = []
    for x in shards:
        optimizer.zero_grad()
        y = net(x)
        loss = idempotency_loss(of or net, y, samples=samples_per_process(y), **options)
        loss.backward()
        optimizer.step()
        values.append(loss.detach())
    return values


def shard(cut):
    """This process's rows of each batch, the first `cut` of them or the others."""
    return [x[:cut] if dist.get_rank() == 0 else x[cut:] for x in batches()]


def whole(net):
    return [
        (p.full_tensor() if hasattr(p, "full_tensor") else p).detach().flatten().tolist()
        for p in net.parameters()
    ]


def results():
    mesh = init_device_mesh("cpu", (2,))
    for order in (1, 2):
        for rule in ("modified", "ordinary", "target", "inner", "outer"):
            if order == 2 and rule != "modified":
                continue
            for cut in (6, 9):
                net = DistributedDataParallel(plain())
                values = trained(net, shard(cut), corrector=smoothstep(order), rule=rule)
                yield f"DDP {order} {rule} {cut}", net, values
                net = plain()
                for layer in net:
                    if isinstance(layer, nn.Linear):
                        fully_shard(layer, mesh=mesh)
                fully_shard(net, mesh=mesh)
                values = trained(net, shard(cut), corrector=smoothstep(order), rule=rule)
                yield f"FSDP2 {order} {rule} {cut}", net, values


def main(path):
    dist.init_process_group("gloo")
    found = {}
    for name, net, values in results():
        total = torch.stack(values)
        dist.all_reduce(total)
        found[name] = {"parameters": whole(net), "values": (total / 2).tolist()}
    if dist.get_rank() == 0:
        Path(path).write_text(json.dumps(found))
    dist.barrier()
    dist.destroy_process_group()


if __name__ == "__main__":
    main(sys.argv[1])
