"""What two processes compute together, for `test_settings`; started by torchrun with a file to write."""

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
from training import idempotency_loss, samples_per_process, shared_masks
from training.distributed import end_after
from training.networks import perceptron

RULES = ["modified", "ordinary", "target", "inner", "outer"]
CASES = [(1, rule) for rule in RULES] + [(2, "modified")]
CUTS = [6, 9]
"""How many of the 12 rows of a batch the first process has: half, or more."""


def plain():
    torch.manual_seed(0)
    return perceptron([6, 8, 6], nn.Tanh).double()


def batches():
    generator = torch.Generator().manual_seed(1)
    return torch.randn(4, 12, 6, dtype=torch.float64, generator=generator)


def trained(net, xs, order, rule):
    """The losses of a step of SGD on each batch."""
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    values = []
    for x in xs:
        optimizer.zero_grad()
        y = net(x)
        loss = idempotency_loss(net, y, smoothstep(order), rule, samples=samples_per_process(y))
        loss.backward()
        optimizer.step()
        values.append(loss.detach())
    return torch.stack(values)


def sharded(net):
    mesh = init_device_mesh("cpu", (dist.get_world_size(),))
    for part in net.modules():
        if isinstance(part, nn.Linear):
            fully_shard(part, mesh=mesh)
    return fully_shard(net, mesh=mesh)


WRAPPERS = {"DDP": DistributedDataParallel, "FSDP2": sharded}


def whole(parameter):
    return parameter.full_tensor() if hasattr(parameter, "full_tensor") else parameter


def run(wrapper, order, rule, cut):
    net = WRAPPERS[wrapper](plain())
    rows = slice(None, cut) if dist.get_rank() == 0 else slice(cut, None)
    values = trained(net, batches()[:, rows], order, rule)
    dist.all_reduce(values)
    parameters = [whole(p).detach().flatten().tolist() for p in net.parameters()]
    return {"parameters": parameters, "values": (values / dist.get_world_size()).tolist()}


def accumulated(wrapper, order):
    """One step on two halves of a batch, gradients averaged over the processes only at the second."""
    net = WRAPPERS[wrapper](plain())
    x = batches()[0, dist.get_rank() :: dist.get_world_size()]
    for i, half in enumerate((x[:2], x[2:])):
        last = i == 1
        if wrapper == "DDP":
            net.require_backward_grad_sync = last
        else:
            net.set_requires_gradient_sync(last)
        y = net(half)
        (idempotency_loss(net, y, smoothstep(order), samples=3) / 2).backward()
    return [whole(p.grad).flatten().tolist() for p in net.parameters()]


def traces(wrapper, order):
    """Whether a step leaves the buffers that a pass would have, masks are shared; passes of the wrapper."""
    torch.manual_seed(0)
    x = batches()[0, dist.get_rank() :: dist.get_world_size()]
    nets = [nn.Sequential(plain(), nn.BatchNorm1d(6).double()) for _ in range(2)]
    nets[1].load_state_dict(nets[0].state_dict())
    net, alone = (WRAPPERS[wrapper](each) for each in nets)
    alone(x)
    passes = []
    net.register_forward_hook(lambda *_: passes.append(1))
    idempotency_loss(net, net(x), smoothstep(order)).backward()
    kept = all(torch.equal(a, b) for a, b in zip(net.buffers(), alone.buffers(), strict=True))
    dropping = WRAPPERS[wrapper](nn.Sequential(plain(), nn.Dropout()))
    with shared_masks(dropping):
        first, second = dropping(x), dropping(x)
    return {"buffers": kept, "masks": torch.equal(first, second), "passes": len(passes)}


def refused():
    """What the rules say that a wrapper cannot do."""
    x = batches()[0]
    static = DistributedDataParallel(plain(), static_graph=True)
    asked = {"outer": lambda: idempotency_loss(static, static(x), rule="outer")}
    for name, wrap in WRAPPERS.items():
        net = wrap(nn.Sequential(nn.Linear(6, 6, bias=False).double()))
        asked[name] = lambda net=net: idempotency_loss(net, x, rule="m1", x=x)
    said = {}
    for name, ask in asked.items():
        try:
            ask()
        except (TypeError, ValueError) as error:
            said[name] = str(error)
    return said


def main(path):
    dist.init_process_group("gloo")
    found = {
        wrapper: {
            "trained": {f"{o} {rule} {cut}": run(wrapper, o, rule, cut) for o, rule in CASES for cut in CUTS},
            "accumulated": {str(order): accumulated(wrapper, order) for order in (1, 2)},
            "traces": {str(order): traces(wrapper, order) for order in (1, 2)},
        }
        for wrapper in WRAPPERS
    }
    found["refused"] = refused()
    if dist.get_rank() == 0:
        Path(path).write_text(json.dumps(found))
    dist.barrier()
    dist.destroy_process_group()


if __name__ == "__main__":
    end_after(lambda: main(sys.argv[1]))
