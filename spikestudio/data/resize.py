"""Images brought to another size, in the one way that is used everywhere."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from spikestudio.data.readers import Dataset


def resize(images: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    """Bring uint8 ``[N, H, W, C]``, C 1 or 3, to ``size`` x ``size``, bilinear as Pillow does it."""
    if images.shape[1:3] == (size, size):
        return images
    plain = images[..., 0] if images.shape[3] == 1 else images  # as Pillow wants grey
    bilinear = Image.Resampling.BILINEAR
    made = [np.asarray(Image.fromarray(each).resize((size, size), bilinear)) for each in plain]
    return np.stack(made).reshape(len(images), size, size, images.shape[3])


def resized(dataset: Dataset, size: int) -> Dataset:
    """Return a data set with its images at ``size`` x ``size``."""
    return replace(dataset, images=resize(dataset.images, size))
