"""Building blocks that both stages share. Everything between them is ``[T, B, C, H, W]``."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from spikestudio.neurons.layers import merged, repeat_steps
from spikestudio.neurons.nodes import LIFNode


class SpikingSequential(nn.Sequential):
    """Ordinary layers applied at every SNN step, and neurons that see all steps.

    A current that `repeat_steps` made constant is carried through the layers before the first
    neuron once and not T times.
    """

    def forward(self, x_seq: Tensor) -> Tensor:
        for layer in self:
            if isinstance(layer, LIFNode):
                x_seq = layer(x_seq)
            elif x_seq.stride(0) == 0 and not (isinstance(layer, _BatchNorm) and layer.training):
                x_seq = repeat_steps(layer(x_seq[0]), x_seq.shape[0])
            else:  # BatchNorm counts every step in its unbiased variance while it trains
                x_seq = merged(layer, x_seq)
        return x_seq


def spiking_block(conv: nn.Module, channels: int) -> tuple[nn.Module, nn.Module, nn.Module]:
    """``conv`` with ``channels`` outputs, BatchNorm over merged T*B, LIF neurons."""
    return conv, nn.BatchNorm2d(channels), LIFNode()
