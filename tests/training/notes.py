"""The notes' own rule, the oracle of ours: section 2.1, figures of code, as published.

`literal` is the same for any corrector, written as the formula reads.
"""

import torch
from torch import nn


class E(torch.autograd.Function):
    """The published custom gradient: forward is the mean square, backward −(3f(y) − 2f(f(y)) − y)/B."""

    @staticmethod
    def forward(ctx, y, net):
        ctx.save_for_backward(y)
        ctx.net = net
        return torch.mean((net(y) - y) ** 2)

    @staticmethod
    def backward(ctx, grad_output):
        (y,) = ctx.saved_tensors
        y2 = ctx.net(y)
        y3 = ctx.net(y2)
        return -(3 * y2 - 2 * y3 - y) / y.shape[0] * grad_output, None


class ELoss(nn.Module):
    def __init__(self, net, use_mod=False):
        super().__init__()
        self.net, self.use_mod = net, use_mod

    def forward(self, y):
        if self.use_mod:
            return E.apply(y, self.net)
        return torch.mean((self.net(y) - y) ** 2)


def literal(net, y, corrector):
    """The gradient in y of the modified rule, and the value: −(Σ α_i f^{i−1}(y) − y)/B and the error."""
    with torch.no_grad():
        power, total = y, 0
        for alpha in corrector.alphas:
            total = total + float(alpha) * power
            power = net(power)
        return -(total - y) / y.shape[0], torch.mean((net(y) - y) ** 2)
