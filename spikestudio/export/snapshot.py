"""A run as it was at one moment, for exports: it stays the same while sampling goes on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spikestudio.export.provenance import provenance
from spikestudio.recording.hdf5 import Recording
from spikestudio.recording.record import MAX_WATCHED, Neuron
from spikestudio.recording.values import (
    Activity,
    Parameters,
    Potentials,
    Readable,
    State,
    Watched,
)
from spikestudio.sampling.branch import branch_of
from spikestudio.sampling.request import SamplingRequest
from spikestudio.sampling.result import RunResult
from spikestudio.seeds import ImageStreams


class Snapshot:
    """The first ``steps_done`` steps of a run, with the interface of a recording.

    What was read once is kept, also when the recorder lets it go to stay within its memory: so a file
    holds what its preview showed. Counts, rates, parameters and states are taken at once (states are
    not copied: nobody writes to them); spikes, which are large, when they are first asked for.

    Parameters
    ----------
    recording
        A live recorder or a recording file.
    origin
        Gives the provenance of this snapshot; called once, when it is first needed. None takes what the
        recording says.
    selected
        The layer to look at first; None takes the recording's own.
    neurons
        Neurons of that layer that count as watched where its potentials were recorded as a whole.
    """

    def __init__(
        self,
        recording: Readable,
        origin: Callable[[Snapshot], Mapping[str, Any]] | None = None,
        *,
        selected: str | None = None,
        neurons: Sequence[int] = (),
    ) -> None:
        self._recording = recording
        self._make_origin = origin or (lambda _: recording.origin)
        self._origin: Mapping[str, Any] | None = None
        self.steps_done = recording.steps_done
        self.layers, self.recorded = recording.layers, recording.recorded
        self.num_steps, self.snn_steps = recording.num_steps, recording.snn_steps
        self.image, self.first_step = recording.image, recording.first_step
        self.dropped, self.too_small = recording.dropped, recording.too_small
        self.file_path: Path | None = recording.file_path
        self.file_bytes, self.file_error = recording.file_bytes, recording.file_error
        self.bytes_used, self.budget_bytes = recording.bytes_used, recording.budget_bytes
        self.selected = recording.selected if selected is None else selected
        self._neurons = tuple(neurons)
        self._activity = _cut(recording.activity(), self.steps_done)
        self._spikes: dict[tuple[str, int], NDArray[np.uint8] | None] = {}
        self._watched: dict[int, Watched | None] = {}
        self._states: dict[int, State | None] = {}
        self._sizes = {layer.id: layer.num_neurons for layer in self.layers}
        self._is_file = isinstance(recording, Recording)
        if not self._is_file:  # a file lets nothing go
            for step in range(self.first_step, self.steps_done):
                self.state(step)
                self.watched(step)

    @property
    def file(self) -> Path | None:
        """The file that the run was read from; None of one that is in memory."""
        return self.file_path if self._is_file else None

    @property
    def origin(self) -> Mapping[str, Any]:
        """Provenance of the run, up to ``steps_done``."""
        if self._origin is None:
            self._origin = self._make_origin(self)
        return self._origin

    @property
    def recording_origin(self) -> Mapping[str, Any]:
        """What the recorder itself says: at least request and checkpoint."""
        return self._recording.origin

    def select(self, layer_id: str) -> None:
        """Do nothing: it is a look back."""

    def set_watch(self, neurons: Sequence[Neuron]) -> None:
        """Do nothing, for the same reason."""

    def rates(self) -> NDArray[np.float32]:
        """Spikes per neuron and SNN step, ``[layers, steps]``; NaN: not there."""
        return self._activity.rates

    def activity(self) -> Activity:
        """Counts of every layer and step, a copy."""
        return self._activity.copy()

    def spikes(self, layer_id: str, step: int) -> NDArray[np.uint8] | None:
        """0 or 1, ``[T, N]``; None where not recorded."""
        if not 0 <= step < self.steps_done:
            return None
        key = (layer_id, step)
        if key not in self._spikes:
            spikes = self._recording.spikes(layer_id, step)
            self._spikes[key] = None if spikes is None else np.packbits(spikes, axis=1)
        packed = self._spikes[key]
        return (
            None if packed is None else np.unpackbits(packed, axis=1, count=self._sizes[layer_id])
        )

    def packed(self, layer_id: str, step: int) -> NDArray[np.uint8] | None:
        """Spikes as bits along the neurons, the first in the highest, uint8 ``[T, bytes]``."""
        self.spikes(layer_id, step)
        return self._spikes.get((layer_id, step))

    def potentials(self, layer_id: str, step: int) -> Potentials | None:
        """Potentials of a whole layer, as long as the recorder has them."""
        return self._recording.potentials(layer_id, step) if step < self.steps_done else None

    def watched(self, step: int) -> Watched | None:
        """The watched neurons of one step; None where none were."""
        if not 0 <= step < self.steps_done:
            return None
        if step not in self._watched:
            self._watched[step] = self._with_selected(self._recording.watched(step), step)
        return self._watched[step]

    def _with_selected(self, watched: Watched | None, step: int) -> Watched | None:
        """Add the neurons that were chosen after the step, if their layer's potentials are there."""
        known = {i for name, i in watched.neurons if name == self.selected} if watched else set()
        room = MAX_WATCHED - (len(watched.neurons) if watched else 0)
        more = [i for i in self._neurons if i not in known][:room]
        whole = self._recording.potentials(self.selected, step) if more else None
        if whole is None:
            return watched
        h, v, current = (
            np.asarray(values[:, more], np.float32) for values in (whole.h, whole.v, whole.current)
        )
        threshold = np.full(len(more), whole.threshold, np.float32)
        names = tuple((self.selected, i) for i in more)
        if watched is None:
            return Watched(names, h, v, current, threshold)
        return Watched(
            watched.neurons + names,
            np.concatenate((watched.h, h), axis=1),
            np.concatenate((watched.v, v), axis=1),
            np.concatenate((watched.current, current), axis=1),
            np.concatenate((watched.threshold, threshold)),
        )

    def parameters(self, step: int) -> Parameters | None:
        """What was in force in a step; None if it is not done."""
        return self._recording.parameters(step) if 0 <= step < self.steps_done else None

    def state(self, step: int) -> State | None:
        """What entered a step and what it predicted; None where not kept."""
        if not 0 <= step < self.steps_done:
            return None
        if self._is_file:
            return self._recording.state(step)
        if step not in self._states:
            self._states[step] = self._recording.state(step)
        return self._states[step]

    def states_kept(self) -> Iterator[State]:
        """The states that are there, from the first step on."""
        states = (self.state(step) for step in range(self.first_step, self.steps_done))
        return (each for each in states if each is not None)

    def logits_of(self, step: int, image: int) -> NDArray[np.float32] | None:
        """Logits ``[K, h, w]`` of one image of a token model; None where not kept."""
        if not 0 <= step < self.steps_done:
            return None
        return self._recording.logits_of(step, image)

    def missing(self, layer_id: str, step: int) -> str:
        """Why there are no spikes of a layer in a step, in a few words; empty if there are."""
        return self._recording.missing(layer_id, step)


def _cut(activity: Activity, steps: int) -> Activity:
    """Without what came while it was taken."""
    for name in ("counts", "neurons", "silent", "saturated", "additions"):
        getattr(activity, name)[:, steps:] = 0
    return activity


def provenance_so_far(
    run: Snapshot,
    *,
    timesteps: tuple[int, ...],
    device: str,
    architecture: str,
    num_classes: int | None = None,
) -> dict[str, Any]:
    """Provenance of a run that goes on, or that failed, up to the steps that are done.

    A live recorder knows request and checkpoint only. The classes that were drawn are drawn again;
    ``num_classes`` are those of the model, None of one without. Imports torch.
    """
    import torch

    origin = run.recording_origin
    request = SamplingRequest.from_json(origin["request"])
    steps = [run.parameters(step) for step in range(run.steps_done)]
    return provenance(
        RunResult(
            request=request,
            checkpoint=str(origin["checkpoint"]["name"]),
            tensors_sha256=str(origin["checkpoint"]["tensors_sha256"]),
            architecture=architecture,
            device=device,
            num_threads=torch.get_num_threads(),
            timesteps=timesteps,
            steps_done=run.steps_done,
            seconds=float("nan"),
            thresholds=tuple(each.threshold for each in steps if each),
            temperatures=tuple(each.temperature for each in steps if each),
            images=None,
            labels=_labels(run, request, num_classes),
            branch=branch_of(origin),
        )
    )


def _labels(
    run: Snapshot, request: SamplingRequest, num_classes: int | None
) -> NDArray[np.int64] | None:
    """The classes of a run's images: the one asked for, else as its streams drew them."""
    if num_classes is None or request.sampler == "absorbing":
        return None
    if request.class_label is not None:
        return np.full(request.num, request.class_label, np.int64)
    entered = next((s["x_t"].shape[1:] for s in run.states_kept() if "x_t" in s), None)
    if entered is None:
        return None
    streams = ImageStreams(request.seed, request.num, request.first_image)
    streams.normal(*entered)  # the noise is drawn before the classes
    labels: NDArray[np.int64] = streams.labels(num_classes).numpy()
    return labels
