"""What is read from a recording, live or from a file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from spikestudio.recording.record import Neuron
from spikestudio.types import LayerInfo

State = Mapping[str, NDArray[Any]]
"""The whole batch at one denoising step. Pixel models: ``x_t`` float32 ``[B, C, H, W]``, which entered
the step, and ``x0_hat``, predicted in it. Token models: ``tokens`` int32, ``revealed`` int32 (the step,
-1 where masked) and ``confidence`` float32 that entered it, and ``guess`` int32, the tokens that its
picture was decoded from; ``[B, h, w]`` each."""


@dataclass(frozen=True, slots=True)
class Potentials:
    """One layer of one image in one denoising step, float32 ``[T, N]`` each.

    ``h`` is the potential before reset (it reaches the threshold at a spike), ``v`` after it, and
    ``current`` the input. ``threshold`` is the one in force.
    """

    h: NDArray[np.float32]
    v: NDArray[np.float32]
    current: NDArray[np.float32]
    threshold: float

    @property
    def nbytes(self) -> int:
        """Bytes of the arrays."""
        return self.h.nbytes + self.v.nbytes + self.current.nbytes


@dataclass(frozen=True, slots=True)
class Watched:
    """The watched neurons of one image in one denoising step, float32 ``[T, neurons]`` each.

    ``neurons`` are the columns; ``threshold`` float32 ``[neurons]``. The rest is as in ``Potentials``.
    """

    neurons: tuple[Neuron, ...]
    h: NDArray[np.float32]
    v: NDArray[np.float32]
    current: NDArray[np.float32]
    threshold: NDArray[np.float32]

    @property
    def nbytes(self) -> int:
        """Bytes of the arrays."""
        return self.h.nbytes + self.v.nbytes + self.current.nbytes + self.threshold.nbytes


@dataclass(frozen=True, slots=True)
class Parameters:
    """What was in force in one denoising step."""

    threshold: float
    temperature: float


@dataclass(frozen=True, slots=True)
class Activity:
    """What every layer did in every denoising step, over all images of the batch; int64.

    Padded rows are left out; with guidance an image counts twice, with and without its class. Steps
    not yet done are 0.

    Parameters
    ----------
    counts
        Spikes at each SNN step, ``[layers, steps, T]``.
    neurons
        Neurons times images, ``[layers, steps]``.
    silent, saturated
        How many of these never fired in the step, and at every SNN step, ``[layers, steps]``.
    """

    counts: NDArray[np.int64]
    neurons: NDArray[np.int64]
    silent: NDArray[np.int64]
    saturated: NDArray[np.int64]

    @classmethod
    def empty(cls, num_layers: int, num_steps: int, snn_steps: int) -> Activity:
        """All zero."""
        counts = np.zeros((num_layers, num_steps, snn_steps), np.int64)
        return cls(counts, *(np.zeros(counts.shape[:2], np.int64) for _ in range(3)))

    def copy(self) -> Activity:
        """Arrays of its own."""
        return Activity(
            self.counts.copy(), self.neurons.copy(), self.silent.copy(), self.saturated.copy()
        )

    @property
    def spikes(self) -> NDArray[np.int64]:
        """Spikes of a denoising step, ``[layers, steps]``."""
        return np.sum(self.counts, axis=2, dtype=np.int64)  # type: ignore[no-any-return]

    @property
    def rates(self) -> NDArray[np.float32]:
        """Spikes per neuron and SNN step, ``[layers, steps]``; NaN: not yet."""
        return self._share(self.spikes, self.neurons * self.counts.shape[2])

    @property
    def silent_share(self) -> NDArray[np.float32]:
        """Share of neurons that never fired, ``[layers, steps]``; NaN: not yet."""
        return self._share(self.silent, self.neurons)

    @property
    def saturated_share(self) -> NDArray[np.float32]:
        """Share of neurons that fired at every SNN step, ``[layers, steps]``; NaN: not yet."""
        return self._share(self.saturated, self.neurons)

    @staticmethod
    def _share(part: NDArray[np.int64], whole: NDArray[np.int64]) -> NDArray[np.float32]:
        share = np.full(part.shape, np.nan)
        np.divide(part, whole, out=share, where=whole > 0)
        return share.astype(np.float32)


@dataclass(frozen=True, slots=True)
class StepRecord:
    """Everything seen in one denoising step, as it is handed to the store and to a file.

    ``totals`` int64 ``[layers, T + 3]`` holds the counts of each SNN step, neurons, silent, saturated;
    ``spikes`` uint8 ``[T, bytes]`` per layer id, packed along neurons, the first in the highest bit.
    ``logits`` float32 ``[B, K, h, w]`` of a token model are for a file only.
    """

    step: int
    parameters: Parameters
    totals: NDArray[np.int64]
    spikes: Mapping[str, NDArray[np.uint8]]
    potentials: Mapping[str, Potentials]
    watched: Watched | None
    state: State | None
    logits: NDArray[np.float32] | None = None


class Readable(Protocol):
    """What a live recorder and a recording file have in common.

    ``origin`` holds at least ``request`` and ``checkpoint`` as in the provenance of an export.
    """

    @property
    def origin(self) -> Mapping[str, Any]: ...
    @property
    def layers(self) -> tuple[LayerInfo, ...]: ...
    @property
    def num_steps(self) -> int: ...
    @property
    def snn_steps(self) -> int: ...
    @property
    def image(self) -> int: ...
    @property
    def steps_done(self) -> int: ...
    @property
    def dropped(self) -> str: ...
    def rates(self) -> NDArray[np.float32]: ...
    def activity(self) -> Activity: ...
    def spikes(self, layer_id: str, step: int) -> NDArray[np.uint8] | None: ...
    def potentials(self, layer_id: str, step: int) -> Potentials | None: ...
    def watched(self, step: int) -> Watched | None: ...
    def parameters(self, step: int) -> Parameters | None: ...
    def state(self, step: int) -> State | None: ...
    def missing(self, layer_id: str, step: int) -> str: ...
