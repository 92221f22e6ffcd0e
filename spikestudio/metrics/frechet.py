"""Fréchet distance between Gaussians fitted to features, in float64.

``d² = |m1 - m2|² + tr(S1 + S2 - 2 (S1 S2)^(1/2))`` (arXiv 1706.08500). Of Inception features it is
the FID; of others it is not, and must not be called so. It is biased upwards with few images (arXiv
1911.07023): compare only figures of the same number, or with that of as many real images.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spikestudio.errors import DataError
from spikestudio.language import tr
from spikestudio.metrics.protocol import Interval, scatter_interval

Matrix = NDArray[np.float64]
MAX_BOOTSTRAP_FEATURES = 256  # beyond that one distance takes seconds


@dataclass(frozen=True, slots=True)
class Moments:
    """Mean ``[D]`` and covariance ``[D, D]`` of features, float64; ``num`` None where not told."""

    mean: Matrix
    covariance: Matrix
    num: int | None = None


def moments(features: NDArray[np.floating], counts: NDArray[np.int64] | None = None) -> Moments:
    """Mean and unbiased covariance of features ``[N, D]``, of which row k occurs ``counts[k]`` times.

    Raises
    ------
    DataError
        There are fewer than two rows, or a value is not finite.
    """
    x = np.asarray(features, np.float64)
    if x.ndim != 2 or len(x) < 2:
        raise DataError(tr("A Fréchet distance needs the features of two images at least."))
    if not np.isfinite(x).all():
        raise DataError(tr("The features hold NaN or infinity: compute them again."))
    weights = np.ones(len(x)) if counts is None else counts.astype(np.float64)
    num = weights.sum()
    mean = weights @ x / num
    centred = (x - mean) * np.sqrt(weights)[:, None]
    return Moments(mean, centred.T @ centred / (num - 1), int(num))


def frechet_distance(one: Moments, other: Moments) -> float:
    """Squared Fréchet distance, as published figures are; 0 for equal moments.

    The trace of the root of ``S1 S2`` is the sum of the roots of the eigenvalues of the symmetric
    ``S1^(1/2) S2 S1^(1/2)``, which has the same ones: no complex numbers, also for singular S.
    """
    _check(one, other)
    root = _root(one.covariance)
    middle = root @ other.covariance @ root
    eigenvalues = np.linalg.eigvalsh((middle + middle.T) / 2)
    return _distance(one, other, float(np.sqrt(eigenvalues.clip(0)).sum()))


def svd_root_distance(one: Moments, other: Moments) -> float:
    """The distance as the code of Spiking-Diffusion has it (arXiv 2308.10187), which is too large.

    There the root of ``S1 S2 = U s V`` is taken to be ``U s^(1/2) V``. That holds only for symmetric
    matrices, which a product of two covariances is not. For comparing with figures of that code alone.
    """
    _check(one, other)
    u, s, v = np.linalg.svd(one.covariance @ other.covariance)
    return _distance(one, other, float(np.trace(u @ np.diag(np.sqrt(s)) @ v)))


def frechet_interval(
    features: Matrix, reference: Moments, value: float, seed: int
) -> Interval | None:
    """95 % bootstrap interval over the images; None with more features than can be done in time."""
    if features.shape[1] > MAX_BOOTSTRAP_FEATURES:
        return None
    root = _root(reference.covariance)

    def measure(counts: NDArray[np.int64]) -> float:
        drawn = moments(features, counts)
        middle = root @ drawn.covariance @ root
        eigenvalues = np.linalg.eigvalsh((middle + middle.T) / 2)
        return _distance(reference, drawn, float(np.sqrt(eigenvalues.clip(0)).sum()))

    interval = scatter_interval(value, len(features), measure, seed)
    return None if interval is None else (max(interval[0], 0.0), interval[1])


def _root(covariance: Matrix) -> Matrix:
    values, vectors = np.linalg.eigh(covariance)
    root: Matrix = vectors * np.sqrt(values.clip(0)) @ vectors.T
    return root


def _distance(one: Moments, other: Moments, trace_of_root: float) -> float:
    gap = one.mean - other.mean
    traces = np.trace(one.covariance) + np.trace(other.covariance)
    return float(max(gap @ gap + traces - 2 * trace_of_root, 0.0))


def _check(one: Moments, other: Moments) -> None:
    if one.mean.shape != other.mean.shape:
        raise DataError(
            tr(
                "Features of {num_mean} and of {num_mean_2} values cannot be compared: "
                "take both from the same network.",
                num_mean=len(one.mean),
                num_mean_2=len(other.mean),
            )
        )
