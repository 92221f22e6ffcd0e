"""From a network's output to the pixels that are shown and saved."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from spikestudio.checkpoints.card import Card
from spikestudio.data.resize import resize


def to_pixels(x: Tensor, low: float, high: float) -> NDArray[np.uint8]:
    """``[B, C, H, W]`` with data in [low, high] to uint8 ``[B, H, W, C]``, rounded half up."""
    scaled = (x.float() - low) * (255 / (high - low))
    levels = torch.floor(scaled.clamp(0, 255) + 0.5)
    return np.ascontiguousarray(levels.to(torch.uint8).permute(0, 2, 3, 1).cpu().numpy())


def as_data(x: Tensor, card: Card) -> NDArray[np.uint8]:
    """Images ``[B, C, H, W]`` in [-1, 1] as the data set has them: its channels and its size."""
    return _fitted(x, card.image_size, card.image_channels)


def _fitted(x: Tensor, image_size: int, channels: int) -> NDArray[np.uint8]:
    if channels == 1 and x.shape[1] > 1:
        x = x.mean(1, keepdim=True)
    return resize(to_pixels(x, -1.0, 1.0), image_size)
