"""Inception score: how sure a classifier is of each image, and how varied it finds all of them.

``exp E KL(p(y|x) ‖ p(y))`` (arXiv 1606.03498): 1 to the number of classes. Without Inception's own
probabilities it is not that score, and must not be called so.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spikestudio.errors import DataError
from spikestudio.language import tr
from spikestudio.metrics.protocol import Interval, scatter_interval

SPLITS = 10

Matrix = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Score:
    """Mean and standard deviation over ``splits`` equal parts, in the order of the images."""

    mean: float
    std: float
    splits: int


def inception_score(probabilities: NDArray[np.floating], splits: int = SPLITS) -> Score:
    """Score of class probabilities ``[N, K]``; raises ``DataError`` if there are fewer than splits."""
    if len(probabilities) < splits:
        raise DataError(
            tr("A score over {splits} splits needs {splits} images at least.", splits=splits)
        )
    p = np.asarray(probabilities, np.float64)
    values = np.array([_score(part) for part in np.array_split(p, splits)])
    return Score(float(values.mean()), float(values.std()), splits)


def score_interval(probabilities: NDArray[np.floating], value: float, seed: int) -> Interval | None:
    """95 % bootstrap interval of the score of all images together."""
    p = np.asarray(probabilities, np.float64)
    return scatter_interval(value, len(p), lambda counts: _score(p, counts), seed)


def softmax(logits: NDArray[np.floating]) -> Matrix:
    """Probabilities ``[N, K]``."""
    shifted = np.asarray(logits, np.float64)
    weights = np.exp(shifted - shifted.max(1, keepdims=True))
    probabilities: Matrix = weights / weights.sum(1, keepdims=True)
    return probabilities


def _score(p: Matrix, counts: NDArray[np.int64] | None = None) -> float:
    weights = np.ones(len(p)) if counts is None else counts.astype(np.float64)
    weights = weights / weights.sum()
    mean_entropy = weights @ _entropy(p)
    return float(np.exp(_entropy((weights @ p)[None])[0] - mean_entropy))


def _entropy(p: Matrix) -> Matrix:
    logarithms = np.log(p, where=p > 0, out=np.zeros_like(p))
    entropy: Matrix = -(p * logarithms).sum(1)
    return entropy
