"""What is measured of a cell: how much fires, and how its images compare."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spikestudio.recording.values import Activity

_DRAWS = 2000

Images = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Mean:
    """Mean over images; ``low`` and ``high`` bound its 95 % bootstrap interval, None of one image."""

    mean: float
    low: float | None
    high: float | None


def firing(
    activity: Activity, is_denoiser: Sequence[bool], num: int
) -> tuple[float | None, float | None]:
    """Mean firing rate of the denoiser, and synaptic operations per image.

    Layers that are not the denoiser's draw a token model's pictures; those of the last step alone are
    needed for the images, so only they count among the operations, and none for the rate.
    """
    part = np.array(is_denoiser, bool)
    chances = int(activity.neurons[part].sum()) * activity.counts.shape[2]
    rate = float(activity.counts[part].sum() / chances) if chances else None
    needed = (activity.additions[part].sum(), activity.additions[~part, -1:].sum())
    is_known = bool((activity.additions >= 0).all())
    return rate, float(sum(int(each) for each in needed) / num) if is_known else None


def difference(images: Images, reference: Images) -> NDArray[np.float64] | None:
    """Mean absolute difference of the pixels of each image, of 0 to 1, ``[N]``; None: other shapes."""
    if images.shape != reference.shape:
        return None
    gaps = np.abs(images.astype(np.float64) - reference) / 255
    return np.asarray(gaps.mean((1, 2, 3)))


def mean(values: NDArray[np.floating]) -> Mean:
    """Mean of one value per image, with its interval."""
    values = np.asarray(values, np.float64)
    centre = float(values.mean())
    if len(values) < 2:
        return Mean(centre, None, None)
    from scipy.stats import bootstrap  # type: ignore[import-untyped]

    found = bootstrap(
        (values,),
        np.mean,
        n_resamples=_DRAWS,
        method="percentile",
        random_state=np.random.default_rng(0),
    )
    return Mean(centre, float(found.confidence_interval.low), float(found.confidence_interval.high))
