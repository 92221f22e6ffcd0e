"""A baseline that any model should beat: pixels of each class drawn from one Gaussian."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spikestudio.data.readers import Dataset
from spikestudio.errors import DataError
from spikestudio.language import tr
from spikestudio.seeds import derive_seed


def gaussian_baseline(
    train: Dataset, num: int, *, seed: int = 0
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Draw images with the mean and the whole covariance of the training pixels of each class.

    A sum of the centred images of a class with normal weights has just that covariance, so none is
    computed or factorised. Image k depends on ``seed`` and k alone.

    Parameters
    ----------
    train : Dataset
        Labelled training images.
    num : int
        Images to draw; classes are drawn by how often they occur.

    Returns
    -------
    tuple
        uint8 ``[num, H, W, C]``, rounded and clipped, and classes int64 ``[num]``.

    Raises
    ------
    DataError
        The data set has no labels, or a class with one image only.
    """
    if train.labels is None:
        raise DataError(
            tr("The images of {train} have no labels, which the baseline needs.", train=train.name)
        )
    generators = [np.random.default_rng(derive_seed(seed, "baseline", k)) for k in range(num)]
    labels = np.array([train.labels[each.integers(len(train))] for each in generators], np.int64)
    images = np.empty((num, *train.images.shape[1:]), np.uint8)
    for label in np.unique(labels):
        own = train.images[train.labels == label]
        if len(own) < 2:
            raise DataError(
                tr("The baseline needs two images of every class of {train}.", train=train.name)
            )
        flat = own.reshape(len(own), -1).astype(np.float32)
        mean = flat.mean(0, dtype=np.float64).astype(np.float32)
        flat -= mean
        chosen = np.flatnonzero(labels == label)
        weights = np.stack([generators[k].standard_normal(len(own)) for k in chosen])
        drawn = mean + weights.astype(np.float32) @ flat / np.float32(np.sqrt(len(own) - 1))
        images[chosen] = np.floor(drawn.clip(0, 255) + 0.5).reshape(-1, *images.shape[1:])
    return images, labels
