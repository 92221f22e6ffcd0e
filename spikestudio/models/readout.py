"""The membrane read-out as a part of a network, at its own scale or at the one that was trained."""

from __future__ import annotations

from torch import Tensor, nn

from spikestudio.neurons.layers import membrane_readout
from spikestudio.neurons.readout import relative_gain


class MembraneReadout(nn.Module):
    """``membrane_readout``, ``[T, ...]`` to ``[...]``; adds nothing to the state dict.

    Its weights are not normalised, so with another T than the trained one the output has another
    scale. While ``is_rescaled`` that is divided out; at the trained T there is nothing to do, and the
    bits are those of the plain read-out.
    """

    is_rescaled = False

    def __init__(self, trained_steps: int) -> None:
        super().__init__()
        self.trained_steps = trained_steps

    def forward(self, x_seq: Tensor) -> Tensor:
        out = membrane_readout(x_seq)
        if not self.is_rescaled or len(x_seq) == self.trained_steps:
            return out
        return out / relative_gain(len(x_seq), self.trained_steps)


def readouts(network: nn.Module) -> list[MembraneReadout]:
    """The membrane read-outs of a network; none where it averages over the SNN time steps."""
    return [module for module in network.modules() if isinstance(module, MembraneReadout)]


def set_rescaled(network: nn.Module, *, is_rescaled: bool) -> None:
    """Give every membrane read-out the scale of the trained T, or its own back."""
    for module in readouts(network):
        module.is_rescaled = is_rescaled
