"""What is read from a recording, live or from a file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from spikestudio.recording.record import Neuron
from spikestudio.types import LayerInfo

State = Mapping[str, NDArray[Any]]
"""The whole batch at one denoising step. Pixel models: ``x_t`` float32 ``[B, C, H, W]``, which entered
the step, and ``x0_hat``, predicted in it, and ``history`` float32 ``[B, slots * C, H, W]`` where a
solver keeps something of earlier steps. Token models: ``tokens`` int32, ``revealed`` int32 (the step,
-1 where masked) and ``confidence`` float32 that entered it, and ``guess`` int32, the tokens that its
picture was decoded from; ``[B, h, w]`` each. ``decoded`` uint8 ``[B, H, W, C]`` is that picture; a
recording of version 1 lacks it."""


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
    additions
        Synaptic operations: what the spikes caused in the weight layers that read them as spikes,
        ``[layers, steps]``; -1 where a recording of version 1 does not say.
    """

    counts: NDArray[np.int64]
    neurons: NDArray[np.int64]
    silent: NDArray[np.int64]
    saturated: NDArray[np.int64]
    additions: NDArray[np.int64]

    @classmethod
    def empty(cls, num_layers: int, num_steps: int, snn_steps: int) -> Activity:
        """All zero."""
        counts = np.zeros((num_layers, num_steps, snn_steps), np.int64)
        return cls(counts, *(np.zeros(counts.shape[:2], np.int64) for _ in range(4)))

    def copy(self) -> Activity:
        """Arrays of its own."""
        return Activity(*(getattr(self, each.name).copy() for each in fields(self)))

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

    def additions_of_one(self, num_neurons: Sequence[int]) -> NDArray[np.float64]:
        """Additions of one network evaluation for one image, ``[layers, steps]``; NaN: not known.

        ``num_neurons`` are those of each layer for one image.
        """
        result = np.full(self.additions.shape, np.nan)
        sizes = np.array(num_neurons, np.float64)[:, None]
        is_known = (self.neurons > 0) & (self.additions >= 0)
        np.divide(self.additions * sizes, self.neurons, out=result, where=is_known)
        return result

    @staticmethod
    def _share(part: NDArray[np.int64], whole: NDArray[np.int64]) -> NDArray[np.float32]:
        share = np.full(part.shape, np.nan)
        np.divide(part, whole, out=share, where=whole > 0)
        return share.astype(np.float32)


@dataclass(frozen=True, slots=True)
class StepRecord:
    """Everything seen in one denoising step, as it is handed to the store and to a file.

    ``totals`` int64 ``[layers, T + 4]`` holds the counts of each SNN step, neurons, silent, saturated,
    additions;
    ``spikes`` uint8 ``[T, bytes]`` per layer id, packed along neurons, the first in the highest bit.
    ``logits`` float32 ``[B, K, h, w]`` are a token model's; the store keeps some of them apart.
    """

    step: int
    parameters: Parameters
    totals: NDArray[np.int64]
    spikes: Mapping[str, NDArray[np.uint8]]
    potentials: Mapping[str, Potentials]
    watched: Watched | None
    state: State | None
    logits: NDArray[np.float32] | None = None

    @property
    def nbytes(self) -> int:
        """Bytes of what the store keeps of it, which is all but the totals and the logits."""
        arrays = (*self.spikes.values(), *(self.state or {}).values())
        watched = self.watched.nbytes if self.watched is not None else 0
        return (
            watched
            + sum(each.nbytes for each in arrays)
            + sum(each.nbytes for each in self.potentials.values())
        )


def first_step(origin: Mapping[str, Any]) -> int:
    """First denoising step that is a run's own, by its provenance: that of its branch, else 0."""
    branch = origin.get("branch") or {}
    return int(branch.get("step", 0))


class Readable(Protocol):
    """What a live recorder and a recording file have in common.

    ``origin`` holds at least ``request`` and ``checkpoint`` as in the provenance of an export, and
    ``branch`` if the run has one; then the steps before ``first_step`` are of the run that it branched
    from, and only their parameters are here.
    ``recorded`` names the layers whose spikes are kept, ``selected`` the one to look at first, whose
    potentials a live recorder keeps. ``dropped``, ``too_small`` and ``file_error`` are sentences for
    the user, empty while there is nothing to tell. ``file_path`` is where the steps are streamed to or
    read from, and ``file_bytes`` how much of them is there.
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
    def first_step(self) -> int: ...
    @property
    def steps_done(self) -> int: ...
    @property
    def recorded(self) -> tuple[str, ...]: ...
    @property
    def selected(self) -> str: ...
    @property
    def bytes_used(self) -> int: ...
    @property
    def budget_bytes(self) -> int: ...
    @property
    def dropped(self) -> str: ...
    @property
    def too_small(self) -> str: ...
    @property
    def file_path(self) -> Path | None: ...
    @property
    def file_bytes(self) -> int: ...
    @property
    def file_error(self) -> str: ...
    def select(self, layer_id: str) -> None: ...
    def set_watch(self, neurons: Sequence[Neuron]) -> None: ...
    def rates(self) -> NDArray[np.float32]: ...
    def activity(self) -> Activity: ...
    def spikes(self, layer_id: str, step: int) -> NDArray[np.uint8] | None: ...
    def potentials(self, layer_id: str, step: int) -> Potentials | None: ...
    def watched(self, step: int) -> Watched | None: ...
    def parameters(self, step: int) -> Parameters | None: ...
    def state(self, step: int) -> State | None: ...
    def logits_of(self, step: int, image: int) -> NDArray[np.float32] | None: ...
    def missing(self, layer_id: str, step: int) -> str: ...
