"""Plain descriptions shared by every layer; imports neither torch nor Qt."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod


@dataclass(frozen=True, slots=True)
class LayerInfo:
    """One spiking layer of a network.

    ``id`` is the module path (``downblocks.0.neuron1``). ``shape`` is that of one image without the
    SNN axis: ``(C, H, W)`` or ``(token, feature)``. A neuron's id is its row-major index in it.
    """

    id: str
    neuron: str  # "IF" or "LIF"
    shape: tuple[int, ...]
    v_threshold: float
    v_reset: float
    tau: float | None  # None for IF: it does not leak

    @property
    def num_neurons(self) -> int:
        """Neurons of this layer for one image."""
        return prod(self.shape)
