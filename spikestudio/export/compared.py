"""How a run that was done again differs from the one that a file is of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spikestudio.export.origin import Difference, Origin, flattened
from spikestudio.export.provenance import of_image
from spikestudio.recording.values import State

# What follows from the request and the checkpoint, so that a difference tells which of them is another.
_FOLLOWS = (
    "checkpoint.tensors_sha256",
    "checkpoint.architecture",
    "timesteps",
    "image_seeds",
    "labels",
    "steps_done",
)


def pixel_difference(there: NDArray[np.uint8], here: NDArray[np.uint8]) -> Difference | None:
    """How images ``[N, H, W, C]`` differ; None if they do not. Grey may be repeated in one of them."""
    if there.shape[:3] != here.shape[:3]:
        return Difference("images", _size(there), _size(here))
    channels = max(there.shape[-1], here.shape[-1])
    a, b = (
        each if each.shape[-1] == channels else each.repeat(channels, axis=-1)
        for each in (there, here)
    )
    levels = np.abs(a.astype(np.int16) - b).max(axis=-1)  # [N, H, W]
    number, total = int((levels > 0).sum()), levels.size
    if not number:
        return None
    images = int((levels > 0).any(axis=(1, 2)).sum())
    return Difference(
        "images",
        note=f"images: {number:,} of {total:,} pixels differ, in {images:,} of "
        f"{count(len(levels))}, by up to {levels.max()} of 255",
    )


def field_differences(origin: Origin, here: Mapping[str, Any]) -> list[Difference]:
    """Fields that follow from request and checkpoint, and are others here."""
    if origin.image is not None:
        here = of_image(here, origin.image)
    there_flat, here_flat = flattened(origin.values), flattened(here)
    found = []
    for name in _FOLLOWS:
        there, now = there_flat[name], here_flat[name]
        if there != now:
            found.append(Difference(name, *_parts(there, now)))
    return found


def _parts(there: object, here: object) -> tuple[object, object]:
    """Two values, or of lists of one length only the first items that differ."""
    if isinstance(there, list) and isinstance(here, list) and len(there) == len(here):
        return next(pair for pair in zip(there, here, strict=True) if pair[0] != pair[1])
    return there, here


def state_difference(step: int, there: State | None, here: State) -> Difference | None:
    """From which step on the states differ, and in what."""
    if there is None:
        return None
    for name in here:
        if name in there and not np.array_equal(there[name], here[name]):
            apart = np.abs(there[name].astype(np.float64) - here[name])
            return Difference(
                "states",
                note=f"states: the first to differ is {name} of step {step + 1:,}, in "
                f"{int((apart > 0).sum()):,} of {apart.size:,} numbers by up to {apart.max():.3g}",
            )
    return None


def _size(images: NDArray[np.uint8]) -> str:
    number, height, width, _ = images.shape
    return f"{count(number)} of {width} x {height}"


def count(number: int) -> str:
    """Number of images in words: ``16 images``."""
    return "1 image" if number == 1 else f"{number:,} images"
