"""What a run leaves: images, and everything needed to make them again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spikestudio.sampling.branch import Branch
from spikestudio.sampling.request import SamplingRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class RunResult:
    """Result of a complete or cancelled run.

    ``images`` uint8 ``[B, H, W, C]`` at the data set's own size are the samples, or of a cancelled run
    the last prediction of the clean images; None if no step was done. ``tokens`` int32 ``[B, h, w]``
    is None for pixel models. ``labels`` int64 ``[B]`` are the classes asked for, None where there are
    none. ``thresholds`` and ``temperatures`` hold one value per step done. The steps before that of a
    ``branch`` are its parent's, and count as done. ``dtype`` is that of the network's numbers,
    ``file_sha256`` the hash of the checkpoint's file, empty where it could not be read, and
    ``is_strict`` whether the model has the numbers of the papers' code.
    """

    request: SamplingRequest
    checkpoint: str
    tensors_sha256: str
    architecture: str
    device: str
    num_threads: int
    timesteps: tuple[int, ...]
    steps_done: int
    seconds: float
    thresholds: tuple[float, ...]
    temperatures: tuple[float, ...]
    images: NDArray[np.uint8] | None
    tokens: NDArray[np.int32] | None = None
    labels: NDArray[np.int64] | None = None
    branch: Branch | None = None
    dtype: str = "float32"
    file_sha256: str = ""
    is_strict: bool = False

    @property
    def is_complete(self) -> bool:
        """Whether every step was done."""
        return self.steps_done == len(self.timesteps)

    def parameter_changes(self) -> list[dict[str, Any]]:
        """Steps at which threshold or temperature differ from the step before, with the new values."""
        pairs = list(zip(self.thresholds, self.temperatures, strict=True))
        before = (self.request.threshold, self.request.temperature)
        changes = []
        for step, pair in enumerate(pairs):
            if pair != before:
                changes.append({"step": step, "threshold": pair[0], "temperature": pair[1]})
            before = pair
        return changes
