"""The SNN time axis around ordinary layers. Axis order is ``[T, B, ...]``, flat index ``t*B + b``."""

from __future__ import annotations

from functools import lru_cache, reduce

import torch
from torch import Tensor, nn

from spikestudio.neurons.readout import READOUT_DECAY


def repeat_steps(x: Tensor, num_snn_steps: int) -> Tensor:
    """Direct encoding: the same current at every SNN step, ``[T, *x.shape]``, without a copy."""
    return x.expand(num_snn_steps, *x.shape)


def merged(layer: nn.Module, x_seq: Tensor) -> Tensor:
    """Apply ``layer`` to ``[T*B, ...]`` and give ``[T, B, ...]`` back."""
    return layer(x_seq.flatten(0, 1)).unflatten(0, x_seq.shape[:2])  # type: ignore[no-any-return]


class PointwiseConv2d(nn.Conv2d):
    """A 1x1 convolution, ``[B, C_in, H, W]`` to ``[B, C_out, H, W]``, as one matrix product per image.

    Convolution kernels share 1x1 work out by batch and threads and round accordingly; the products
    do not, and are as fast.
    """

    def __init__(self, c_in: int, c_out: int) -> None:
        super().__init__(c_in, c_out, kernel_size=1)

    def forward(self, input: Tensor) -> Tensor:
        assert self.bias is not None
        weight = self.weight.flatten(1).expand(len(input), -1, -1)  # [B, C_out, C_in]
        product = torch.baddbmm(self.bias[:, None], weight, input.flatten(2))
        return product.unflatten(2, input.shape[2:])  # type: ignore[no-any-return]


@lru_cache(maxsize=64)
def readout_coefficients(num_snn_steps: int) -> tuple[float, ...]:
    """``0.8^(T-1-t)`` for t = 0..T-1, rounded to float32 as in the papers' code."""
    exponents = torch.arange(num_snn_steps - 1, -1, -1, dtype=torch.float32, device="cpu")
    return tuple(torch.pow(torch.tensor(READOUT_DECAY, device="cpu"), exponents).tolist())


def membrane_readout(x_seq: Tensor) -> Tensor:
    """Final potential of a leaky integrator without threshold: ``sum_t 0.8^(T-1-t) x[t]``.

    ``[T, ...]`` to ``[...]``; later steps weigh more and the weights are not normalised, so the scale
    depends on T (arXiv 2110.00375). Added up in order of time: a reduction would take another order for
    another batch, and round differently.
    """
    terms = (x * factor for x, factor in zip(x_seq, readout_coefficients(len(x_seq)), strict=True))
    return reduce(torch.add, terms)  # type: ignore[no-any-return]
