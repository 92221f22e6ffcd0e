"""Kernel distance: the unbiased squared MMD with a polynomial kernel (arXiv 1801.01401).

``k(x, y) = (x·y / D + 1)³``. Of Inception features it is the KID. It has no bias from the number of
images, so it may be a little below 0.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spikestudio.errors import DataError
from spikestudio.language import tr
from spikestudio.metrics.protocol import Interval

SUBSETS = 100
SUBSET_SIZE = 1000
_FOR_VARIANCE = 2000  # images that the interval is estimated from

Matrix = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class KernelDistance:
    """Mean and standard deviation over ``subsets`` of ``subset_size`` images each.

    ``interval`` is that of the mean over samples of as many generated images, from the variance of a
    U-statistic; ``std`` is larger, as a subset holds fewer.
    """

    mean: float
    std: float
    subsets: int
    subset_size: int
    interval: Interval


def kernel_distance(
    features: Matrix,
    reference: Matrix,
    *,
    subsets: int = SUBSETS,
    subset_size: int | None = None,
    seed: int = 0,
) -> KernelDistance:
    """Distance of two sets of features, ``[N, D]`` and ``[M, D]``.

    ``subset_size`` is 1000 as usual, or half the images if they are fewer than 2000; the mean does
    not depend on it. Raises ``DataError`` for fewer than four images, or a larger subset than there
    are.
    """
    fewest = min(len(features), len(reference))
    size = subset_size or min(SUBSET_SIZE, fewest // 2)
    if not 2 <= size <= fewest:
        raise DataError(
            tr(
                "A kernel distance over subsets of {size} images needs more than {fewest}.",
                size=max(size, 2),
                fewest=fewest,
            )
        )
    x, y = np.asarray(features, np.float64), np.asarray(reference, np.float64)
    rng = np.random.default_rng(seed)
    values = np.array(
        [
            squared_mmd(
                x[rng.choice(len(x), size, replace=False)],
                y[rng.choice(len(y), size, replace=False)],
            )
            for _ in range(subsets)
        ]
    )
    mean, std = float(values.mean()), float(values.std())
    error = 1.96 * _standard_error(x, y, rng)
    return KernelDistance(mean, std, subsets, size, (mean - error, mean + error))


def squared_mmd(x: Matrix, y: Matrix) -> float:
    """Unbiased estimate from ``[N, D]`` and ``[M, D]``; pairs of an image with itself are left out."""
    n, m = len(x), len(y)
    xx, yy, xy = _kernel(x, x), _kernel(y, y), _kernel(x, y)
    within_x = (xx.sum() - np.trace(xx)) / (n * (n - 1))
    within_y = (yy.sum() - np.trace(yy)) / (m * (m - 1))
    return float(within_x + within_y - 2 * xy.mean())


def _standard_error(x: Matrix, y: Matrix, rng: np.random.Generator) -> float:
    """Of the distance of ``x`` from a fixed ``y``, by Hoeffding's decomposition.

    What one image contributes, and what a pair does beyond, are estimated from a part of both sets.
    """
    n = len(x)
    x, y = (each[rng.permutation(len(each))[:_FOR_VARIANCE]] for each in (x, y))
    xx, size = _kernel(x, x), len(x)
    np.fill_diagonal(xx, 0)
    of_one = xx.sum(1) / (size - 1)
    single = (of_one - _kernel(x, y).mean(1)).var(ddof=1)
    pairs = xx - of_one[:, None] - of_one + of_one.mean()
    np.fill_diagonal(pairs, 0)
    double = np.square(pairs).sum() / (size * (size - 1))
    return float(np.sqrt(4 * single / n + 2 * double / (n * (n - 1))))


def _kernel(x: Matrix, y: Matrix) -> Matrix:
    base = x @ y.T / x.shape[1] + 1
    kernel: Matrix = base * base * base
    return kernel
