"""BatchNorm whose statistics are those of a batch that several processes share.

The same numbers as ``nn.BatchNorm2d`` has over the whole batch, SNN steps included, for any device;
torch's own synchronised layer refuses CPU tensors.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from spikestudio.training.parallel import World


class SharedBatchNorm2d(nn.BatchNorm2d):
    """In evaluation mode, and alone, it is ``nn.BatchNorm2d``."""

    def __init__(self, norm: nn.BatchNorm2d, world: World) -> None:
        super().__init__(norm.num_features, norm.eps, norm.momentum)
        self.weight, self.bias = norm.weight, norm.bias
        self.running_mean, self.running_var = norm.running_mean, norm.running_var
        self.num_batches_tracked = norm.num_batches_tracked
        self.train(norm.training)
        self._world = world

    @torch.compiler.disable  # type: ignore[misc, untyped-decorator, unused-ignore]
    def forward(self, input: Tensor) -> Tensor:
        if not self.training:
            return super().forward(input)
        output, mean, variance, count = _Normalise.apply(  # type: ignore[no-untyped-call]
            input, self.weight, self.bias, self.eps, self._world
        )
        self._track(mean, variance * (count / (count - 1)))
        return output  # type: ignore[no-any-return]

    @torch.no_grad()
    def _track(self, mean: Tensor, variance: Tensor) -> None:
        assert self.running_mean is not None
        assert self.running_var is not None
        assert self.num_batches_tracked is not None
        self.num_batches_tracked.add_(1)
        # No momentum is a cumulative mean.
        factor = (
            1 / float(self.num_batches_tracked) if self.momentum is None else float(self.momentum)
        )
        self.running_mean.mul_(1 - factor).add_(mean, alpha=factor)
        self.running_var.mul_(1 - factor).add_(variance, alpha=factor)


class _Normalise(torch.autograd.Function):
    """Output, then mean, biased variance and number of values of each channel, over all processes."""

    @staticmethod
    def forward(
        ctx: Any,  # noqa: ANN401  torch's own context type
        x: Tensor,
        weight: Tensor,
        bias: Tensor,
        eps: float,
        world: World,
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        values = x.to(weight.dtype)
        local = values.mean((0, 2, 3))
        squares = (values - _wide(local)).square().sum((0, 2, 3))
        number = local.new_tensor([x.numel() // x.shape[1]])
        # Means and squares about them are joined as they are: their raw sums would cancel.
        every = world.gather(torch.cat([local, squares, number]))  # [size, 2 C + 1]
        counts = every[:, -1:]
        means, around = every[:, :-1].chunk(2, dim=1)
        count = counts.sum()
        mean = (means * counts).sum(0) / count
        variance = (around + counts * (means - mean).square()).sum(0) / count
        scale = (variance + eps).rsqrt()
        normal = (values - _wide(mean)) * _wide(scale)
        ctx.save_for_backward(x, weight, mean, scale, count)
        ctx.world = world
        ctx.mark_non_differentiable(mean, variance, count)
        return (normal * _wide(weight) + _wide(bias)).to(x.dtype), mean, variance, count

    @staticmethod
    def backward(
        ctx: Any,  # noqa: ANN401
        grad: Tensor,
        *_: Tensor,
    ) -> tuple[Tensor, Tensor, Tensor, None, None]:
        x, weight, mean, scale, count = ctx.saved_tensors
        grad = grad.to(weight.dtype)
        normal = (x.to(weight.dtype) - _wide(mean)) * _wide(scale)
        grad_bias = grad.sum((0, 2, 3))
        grad_weight = (grad * normal).sum((0, 2, 3))
        # What the statistics pass on is everyone's; the layer's own gradients are added up later.
        through_mean, through_scale = ctx.world.sum_(torch.cat([grad_bias, grad_weight])).chunk(2)
        inner = grad - _wide(through_mean / count) - normal * _wide(through_scale / count)
        return (inner * _wide(weight * scale)).to(x.dtype), grad_weight, grad_bias, None, None


def share_statistics(network: nn.Module, world: World) -> None:
    """Replace every BatchNorm of the network, unless the process is alone."""
    if world.is_alone:
        return
    for module in list(network.modules()):
        for name, child in module.named_children():
            if type(child) is nn.BatchNorm2d:
                setattr(module, name, SharedBatchNorm2d(child, world))


def _wide(values: Tensor) -> Tensor:
    """``[C]`` against ``[N, C, H, W]``."""
    return values.view(1, -1, 1, 1)
