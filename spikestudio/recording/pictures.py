"""Recorded states as pictures, without torch: a recording is shown before that is imported."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def pictures(
    x: NDArray[np.float32], image_size: int | None = None, channels: int | None = None
) -> NDArray[np.uint8]:
    """States ``[B, C, H, W]`` with data in [-1, 1] as uint8 ``[B, H, W, C]``, rounded half up.

    The same pixels as ``sampling.pixels.as_data`` gives: of the data set's size and channels, where
    these are known, else of the state's own.
    """
    if channels == 1 and x.shape[1] > 1:
        x = x.mean(axis=1, keepdims=True, dtype=np.float32)
    levels = np.floor(((x + np.float32(1)) * np.float32(127.5)).clip(0, 255) + np.float32(0.5))
    pixels = np.ascontiguousarray(levels.astype(np.uint8).transpose(0, 2, 3, 1))
    if image_size is None or pixels.shape[1] == image_size:
        return pixels
    from PIL import Image  # few models need it, and the window starts without it

    size = (image_size, image_size)
    resized = [
        np.asarray(Image.fromarray(each.squeeze()).resize(size, Image.Resampling.BILINEAR))
        for each in pixels
    ]
    return np.stack(resized).reshape(len(pixels), *size, -1)
