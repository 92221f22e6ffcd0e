"""Precision, recall, density and coverage: whether samples lie among real images, and everywhere.

A set's manifold is the union of balls around its features, each as large as the distance to the k-th
nearest other one. Precision and recall: arXiv 1904.06991; density and coverage: arXiv 2002.09797.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spikestudio.errors import DataError
from spikestudio.language import tr

NEIGHBOURS = 5
_CHUNK = 1000  # rows of the matrix of distances at a time

Matrix = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Manifold:
    """What each image contributes, float64; a figure is the mean.

    Parameters
    ----------
    precision
        ``[N]`` 1 where a generated image lies in a real one's ball.
    recall
        ``[M]`` 1 where a real image lies in a generated one's ball.
    density
        ``[N]`` number of real balls that a generated image lies in, over k; may exceed 1.
    coverage
        ``[M]`` 1 where a real image's ball holds a generated image.
    """

    precision: Matrix
    recall: Matrix
    density: Matrix
    coverage: Matrix


def manifold(generated: Matrix, real: Matrix, neighbours: int = NEIGHBOURS) -> Manifold:
    """Compare features ``[N, D]`` with real ones ``[M, D]``; take as many of both.

    Raises
    ------
    DataError
        There are no more images in a set than neighbours.
    """
    if min(len(generated), len(real)) <= neighbours:
        raise DataError(
            tr(
                "Precision and recall with {neighbours} neighbours need more than {neighbours} images.",
                neighbours=neighbours,
            )
        )
    real_radii, own_radii = _radii(real, neighbours), _radii(generated, neighbours)
    precision, density = np.zeros(len(generated)), np.zeros(len(generated))
    recall, coverage = np.zeros(len(real)), np.zeros(len(real))
    for first in range(0, len(generated), _CHUNK):
        rows = slice(first, first + _CHUNK)
        distances = _squared(generated[rows], real)
        is_inside = distances < real_radii
        precision[rows] = is_inside.any(1)
        density[rows] = is_inside.sum(1) / neighbours
        np.maximum(coverage, is_inside.any(0), out=coverage)
        np.maximum(recall, (distances < own_radii[rows, None]).any(0), out=recall)
    return Manifold(precision, recall, density, coverage)


def _radii(features: Matrix, neighbours: int) -> Matrix:
    """Squared distance to the k-th nearest other row."""
    radii = np.empty(len(features))
    for first in range(0, len(features), _CHUNK):
        rows = slice(first, first + _CHUNK)
        distances = _squared(features[rows], features)
        at = np.arange(len(distances))
        distances[at, first + at] = np.inf
        radii[rows] = np.partition(distances, neighbours - 1, axis=1)[:, neighbours - 1]
    return radii


def _squared(x: Matrix, y: Matrix) -> Matrix:
    """Squared distances ``[N, M]`` by one product of matrices."""
    x, y = np.asarray(x, np.float64), np.asarray(y, np.float64)
    gram = x @ y.T
    squared: Matrix = np.einsum("nd,nd->n", x, x)[:, None] + np.einsum("md,md->m", y, y) - 2 * gram
    return squared.clip(0, out=squared)
