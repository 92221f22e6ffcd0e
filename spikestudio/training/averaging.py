"""Exponential moving average of weights, and BatchNorm statistics that fit it."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn

RECALIBRATION_BATCHES = 64


@torch.no_grad()
def average_into(average: nn.Module, network: nn.Module, decay: float) -> None:
    """``average <- decay * average + (1 - decay) * network``, floating buffers included."""
    kept = average.state_dict()
    for name, value in network.state_dict().items():
        if value.is_floating_point():
            kept[name].lerp_(value, 1 - decay)
        else:
            kept[name].copy_(value)


@torch.no_grad()
def recalibrate(
    module: nn.Module, forward: Callable[[int], None], batches: int = RECALIBRATION_BATCHES
) -> None:
    """Replace every BatchNorm's running statistics by their mean over fresh batches.

    ``forward(number)`` runs the module once in training mode. Averaged weights never saw the
    activations that the running statistics come from, and a spike turns a small shift into a large one.
    """
    norms = [each for each in module.modules() if isinstance(each, nn.modules.batchnorm._BatchNorm)]
    if not norms:
        return
    momenta = [norm.momentum for norm in norms]
    was_training = module.training
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # a cumulative mean
    module.train()
    for number in range(batches):
        forward(number)
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
    module.train(was_training)
