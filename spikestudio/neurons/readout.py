"""How strong a membrane read-out is, by the number of SNN time steps. Needs no torch."""

from __future__ import annotations

READOUT_DECAY = 0.8


def readout_gain(num_snn_steps: int) -> float:
    """Sum of the factors ``0.8^(T-1-t)``: what a read-out makes of a constant input of 1."""
    return sum(READOUT_DECAY**power for power in range(num_snn_steps))


def relative_gain(num_snn_steps: int, trained_steps: int) -> float:
    """Strength of a read-out in parts of the one that was trained; exactly 1 at the trained T."""
    return readout_gain(num_snn_steps) / readout_gain(trained_steps)
