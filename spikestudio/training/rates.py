"""Firing rates of a network while it is trained: counted in the forward pass of the batch itself."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from spikestudio.neurons.nodes import spiking_layers
from spikestudio.training.parallel import World


class RateMeter:
    """Spikes and places for spikes of every layer that was evaluated."""

    def __init__(self) -> None:
        self._spikes: dict[str, Tensor] = {}
        self._places: dict[str, int] = {}

    def add(self, name: str, spikes: Tensor) -> None:
        """Take in what a layer put out, 0 or 1 each."""
        count = torch.count_nonzero(spikes.detach())
        self._spikes[name] = self._spikes[name] + count if name in self._spikes else count
        self._places[name] = self._places.get(name, 0) + spikes.numel()

    def means(self, world: World) -> dict[str, float]:
        """Share of neurons and SNN steps with a spike, in [0, 1], over all processes.

        ``rate`` is that of all neurons together, ``rate_lowest`` and ``rate_highest`` are those of
        the quietest and the busiest layer. Empty if no layer was measured.
        """
        if not self._spikes:
            return {}
        names = sorted(self._spikes)
        spikes = torch.stack([self._spikes[name] for name in names])
        places = torch.tensor([self._places[name] for name in names], device=spikes.device)
        spikes, places = world.sum_(torch.stack([spikes, places])).cpu().double()
        rates = spikes / places
        return {
            "rate": float(spikes.sum() / places.sum()),
            "rate_lowest": float(rates.min()),
            "rate_highest": float(rates.max()),
        }


@contextmanager
def metered(network: nn.Module, *, is_wanted: bool) -> Iterator[RateMeter]:
    """Count the spikes of every evaluation inside; nothing stays attached to the network."""
    meter = RateMeter()
    handles = []
    if is_wanted:
        for name, layer in spiking_layers(network).items():

            def count(_layer: nn.Module, _inputs: Any, spikes: Tensor, name: str = name) -> None:  # noqa: ANN401
                meter.add(name, spikes)

            handles.append(layer.register_forward_hook(count))
    try:
        yield meter
    finally:
        for handle in handles:
            handle.remove()
