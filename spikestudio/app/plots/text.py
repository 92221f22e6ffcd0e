"""Words and figures that several plots share."""

from __future__ import annotations

import numpy as np

from spikestudio.language import tr
from spikestudio.types import LayerInfo


def place(layer: LayerInfo, neuron: int) -> str:
    """Return where a neuron sits in its layer: ``channel 12, y 7, x 4`` or ``token 3, feature 17``."""
    names = (tr("channel"), "y", "x") if len(layer.shape) == 3 else (tr("token"), tr("feature"))
    position = np.unravel_index(neuron, layer.shape)
    return ", ".join(f"{name} {index}" for name, index in zip(names, position, strict=True))


def figure(value: float) -> str:
    """Return a number with three significant digits, without exponent for everyday sizes."""
    if value == 0:
        return "0"
    text = f"{value:#.3g}"
    return f"{value:.3g}" if "e" in text else text.rstrip(".")
