"""Which constants a layer's neurons follow at one denoising step, from the layer and the overrides.

Plain values, without the network: ``overrides.overridden`` gives a network the same ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import inf

import numpy as np
from numpy.typing import NDArray

from spikestudio.neurons.overrides import Override
from spikestudio.types import LayerInfo


@dataclass(frozen=True, slots=True)
class Constants:
    """What all neurons of a layer share.

    ``v_reset`` is None where a spike subtracts the threshold (soft reset), ``tau`` is None for IF.
    """

    v_threshold: float
    v_reset: float | None
    tau: float | None

    @property
    def rest(self) -> float:
        """Potential at which every network evaluation starts."""
        return self.v_reset or 0.0


def constants_at(
    layer: LayerInfo, overrides: Iterable[Override], step: int, threshold: float
) -> Constants:
    """Return what is in force; ``threshold`` is the common one of all layers at that step."""
    v_threshold, v_reset, tau = threshold, layer.v_reset, layer.tau
    soft = False
    for each in overrides:
        if not (each.holds_at(step) and each.concerns(layer.id)):  # the first is quicker to tell
            continue
        match each.kind:
            case "threshold" if each.value is not None:
                v_threshold = each.value
            case "tau":
                tau = each.value
            case "hard-reset" if each.value is not None:
                v_reset, soft = each.value, False
            case "soft-reset":
                soft = True
    return Constants(v_threshold, None if soft else v_reset, tau)


def forced_at(
    layer: LayerInfo, overrides: Iterable[Override], step: int, neurons: Sequence[int]
) -> NDArray[np.float32]:
    """Return what is added to the threshold of some neurons of a layer.

    Infinite for one that is silenced, minus infinite for one that is clamped, else 0.
    """
    forced = np.zeros(len(neurons), np.float32)
    for each in overrides:
        if each.kind in ("silence", "clamp") and each.concerns(layer.id) and each.holds_at(step):
            forced[np.isin(neurons, each.part(layer))] = inf if each.kind == "silence" else -inf
    return forced
