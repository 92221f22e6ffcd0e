"""Recordings as HDF5 files: streamed while a run goes on, read back with the recorder's interface.

The whole structure of a file is written, and the file closed, before the first step: every array is
contiguous and has its final place, which takes no room on the disk until it is filled. From then on
only numbers are written, to their places and past the HDF5 library, and after those of a step the
number of complete steps. So a file is readable at any moment, also after the process was killed.
"""

from __future__ import annotations

import json
import os
import threading
import weakref
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spikestudio.atomic import atomic_write
from spikestudio.checkpoints import strict_json
from spikestudio.errors import ExportError, RecordingError
from spikestudio.recording import layout
from spikestudio.recording.layout import COMPLETE_STEPS, HEADER, PROVENANCE, Array
from spikestudio.recording.record import MAX_WATCHED, Neuron
from spikestudio.recording.recorder import Recorder
from spikestudio.recording.values import (
    Activity,
    Parameters,
    Potentials,
    State,
    StepRecord,
    Watched,
    first_step,
)

_LIBRARY = ("v108", "v108")  # no marks of an open file, and attributes of any size
_ROOM_PER_STEP = 128  # bytes of provenance that a change of parameters may take
_MAX_ATTRIBUTE = 16 * 1024 * 1024
_BROKEN = (OSError, RuntimeError, ValueError, KeyError, TypeError, OverflowError)  # of h5py


class RecordingWriter:
    """Streams a run to ``path``, which it replaces.

    Parameters
    ----------
    path
        The file.
    recorder
        Whose run it is.
    states
        Shape of every array of a step's state, and of the logits if there are any.
    provenance
        That of the run before its first step.

    Raises
    ------
    ExportError
        The file cannot be written.
    """

    def __init__(
        self,
        path: Path | str,
        recorder: Recorder,
        *,
        states: Mapping[str, tuple[int, ...]],
        provenance: Mapping[str, Any],
    ) -> None:
        self.path = Path(path)
        header = layout.header_of(
            recorder.layers,
            recorder.recorded,
            states,
            num_steps=recorder.num_steps,
            snn_steps=recorder.snn_steps,
            image=recorder.image,
        )
        self._recorder = recorder
        self._layers = {layer.id: i for i, layer in enumerate(recorder.layers)}
        self._snn_steps = recorder.snn_steps
        self._arrays = layout.arrays(header)
        text = _json(provenance)
        self._room = len(text) + _ROOM_PER_STEP * recorder.num_steps + 1024
        with atomic_write(self.path) as temporary:
            self._places = _create(temporary, header, text.ljust(self._room), self._arrays)
        try:
            self._file = self.path.open("rb+", buffering=0)
        except OSError as error:
            raise self._stopped(error, 0) from error
        recorder.file_path = self.path

    def add(self, record: StepRecord) -> None:
        """Write one step; raises ``ExportError``, after which nothing more may be added."""
        step = record.step
        try:
            for name, values in self._rows(record):
                self._write(name, step, values)
            for name, values in (record.state or {}).items():
                self._write(f"steps/{step:04d}/{name}", 0, values)
            if record.logits is not None:
                self._write(f"steps/{step:04d}/logits", 0, record.logits)
            self._write(COMPLETE_STEPS, 0, np.array(step + 1))
        except OSError as error:
            raise self._stopped(error, step) from error

    def close(self, provenance: Mapping[str, Any]) -> None:
        """Store what became of the run, and close the file; raises ``ExportError``."""
        import h5py

        try:
            with self._file:
                os.fsync(self._file.fileno())
            text = _json(provenance)
            if len(text) <= self._room:  # in its old place
                with h5py.File(self.path, "r+", libver=_LIBRARY) as file:
                    file.attrs.modify(PROVENANCE, np.bytes_(text.ljust(self._room)))
        except _BROKEN as error:
            raise ExportError(
                f"The end of the recording {self.path} could not be written ({error}); "
                "the steps before are there.",
                path=self.path,
            ) from error

    def _rows(self, record: StepRecord) -> Iterable[tuple[str, Any]]:
        """One step of every array whose first axis is the step."""
        yield "request/threshold", record.parameters.threshold
        yield "request/temperature", record.parameters.temperature
        for layer_id, totals in zip(self._layers, record.totals, strict=True):
            path = f"layers/{layer_id}"
            yield f"{path}/counts", totals[: self._snn_steps]
            for name, value in zip(layout.TOTALS, totals[self._snn_steps :], strict=True):
                yield f"{path}/{name}", value
        for layer_id, packed in record.spikes.items():
            yield f"layers/{layer_id}/spikes", packed
        neurons = np.full((MAX_WATCHED, 2), -1, np.int32)
        watched = record.watched
        if watched is not None:
            neurons[: len(watched.neurons)] = [(self._layers[k], i) for k, i in watched.neurons]
            for name, values in (
                ("h", watched.h),
                ("v", watched.v),
                ("input", watched.current),
                ("threshold", watched.threshold),
            ):
                missing = MAX_WATCHED - len(watched.neurons)
                edges = [(0, 0)] * (values.ndim - 1) + [(0, missing)]
                yield f"watch/{name}", np.pad(values, edges)
        yield "watch/neurons", neurons

    def _write(self, name: str, row: int, values: Any) -> None:  # noqa: ANN401
        array = self._arrays[name]
        data = memoryview(np.ascontiguousarray(values, array.dtype).tobytes())
        self._file.seek(self._places[name] + row * len(data))
        self._recorder.file_bytes += len(data)
        while data:  # a disk that fills takes a part, and says so at the next
            data = data[self._file.write(data) or 0 :]

    def _stopped(self, error: OSError, steps: int) -> ExportError:
        return ExportError(
            f"Recording to {self.path} stopped after {steps} steps because of an error of the disk "
            f"({error.strerror or error}): what was written stays readable, and the run goes on.",
            path=self.path,
        )


class Recording:
    """A recording file, also one that is being written; reading is as with a ``Recorder``.

    ``origin`` is the provenance of the run, up to the last complete step. Potentials of whole layers
    are not in a file: compute the step again for them.
    """

    def __init__(
        self,
        path: Path,
        header: Mapping[str, Any],
        origin: Mapping[str, Any],
        places: Mapping[str, int],
    ) -> None:
        self.path = path
        self.layers = layout.layers_of(header)
        self.num_steps: int = header["num_steps"]
        self.snn_steps: int = header["snn_steps"]
        self.image: int = header["image"]
        self.recorded = tuple(each["id"] for each in header["layers"] if each["has_spikes"])
        self._states = tuple(header["states"])
        self._origin = origin
        self.first_step = first_step(origin)
        self._arrays = layout.arrays(header)
        self._places = places
        self._known: tuple[int, Activity] | None = None  # with as many steps
        self._lock = threading.Lock()
        self._file = path.open("rb")
        self._closing = weakref.finalize(self, self._file.close)
        self.selected = self._to_look_at()

    def close(self) -> None:
        """Close the file, as happens when nothing refers to the recording any more."""
        self._closing()

    @property
    def bytes_used(self) -> int:
        """Size of the file."""
        return self.path.stat().st_size

    @property
    def budget_bytes(self) -> int:
        """Size of the file: all of it may be read."""
        return self.bytes_used

    @property
    def dropped(self) -> str:
        """Empty: a file holds every step it says."""
        return ""

    @property
    def too_small(self) -> str:
        """Empty: there is no budget."""
        return ""

    @property
    def file_path(self) -> Path:
        """The file."""
        return self.path

    @property
    def file_bytes(self) -> int:
        """Size of the file."""
        return self.bytes_used

    @property
    def file_error(self) -> str:
        """Empty: nothing is written."""
        return ""

    @property
    def steps_done(self) -> int:
        """Complete steps."""
        return min(max(int(self._read(COMPLETE_STEPS)), 0), self.num_steps)

    @property
    def origin(self) -> dict[str, Any]:
        """Provenance of the run, with what the file knows of its end."""
        done = self.steps_done
        before = self._origin["request"]["threshold"], self._origin["request"]["temperature"]
        changes = []
        thresholds = self._read("request/threshold")[:done].tolist()
        temperatures = self._read("request/temperature")[:done].tolist()
        for step, pair in enumerate(zip(thresholds, temperatures, strict=True)):
            if pair != before:
                changes.append({"step": step, "threshold": pair[0], "temperature": pair[1]})
            before = pair
        return {**self._origin, "steps_done": done, "changes": changes}

    def select(self, layer_id: str) -> None:
        """Do nothing: what a finished recording holds cannot be chosen any more."""

    def set_watch(self, neurons: Sequence[Neuron]) -> None:
        """Do nothing, for the same reason."""

    def rates(self) -> NDArray[np.float32]:
        """Spikes per neuron and SNN step, over the whole batch, ``[layers, steps]``; NaN: not there."""
        return self.activity().rates

    def activity(self) -> Activity:
        """Counts of every layer and step, a copy."""
        done = self.steps_done
        if self._known is None or self._known[0] != done:
            self._known = done, self._read_activity(done)
        return self._known[1].copy()

    def _read_activity(self, done: int) -> Activity:
        activity = Activity.empty(len(self.layers), self.num_steps, self.snn_steps)
        for i, layer in enumerate(self.layers):
            for name in ("counts", *layout.TOTALS):
                if f"layers/{layer.id}/{name}" not in self._arrays:  # version 1
                    activity.additions[i, :done] = -1
                    continue
                values = self._read(f"layers/{layer.id}/{name}")
                getattr(activity, name)[i, :done] = values[:done]
        return activity

    def spikes(self, layer_id: str, step: int) -> NDArray[np.uint8] | None:
        """0 or 1, ``[T, N]``; None where not recorded (see ``missing``)."""
        if self.missing(layer_id, step):
            return None
        layer = next(each for each in self.layers if each.id == layer_id)
        packed = self._read(f"layers/{layer_id}/spikes", step)
        return np.unpackbits(packed, axis=1, count=layer.num_neurons)

    def potentials(self, layer_id: str, step: int) -> Potentials | None:
        """None: they are not in a file."""

    def watched(self, step: int) -> Watched | None:
        """The watched neurons of one step; None where none were."""
        if not self.first_step <= step < self.steps_done:
            return None
        pairs = self._read("watch/neurons", step)
        pairs = pairs[(pairs[:, 0] >= 0) & (pairs[:, 0] < len(self.layers))]
        if not len(pairs):
            return None
        neurons: tuple[Neuron, ...] = tuple((self.layers[k].id, i) for k, i in pairs.tolist())
        names = ("watch/h", "watch/v", "watch/input", "watch/threshold")
        values = (self._read(name, step)[..., : len(neurons)] for name in names)
        return Watched(neurons, *values)

    def parameters(self, step: int) -> Parameters | None:
        """What was in force in a step; None if it is not there."""
        if not 0 <= step < self.steps_done:
            return None
        names = ("request/threshold", "request/temperature")
        return Parameters(*(float(self._read(name, step)) for name in names))

    def state(self, step: int) -> State | None:
        """What entered a step and what it predicted; None if it is not there."""
        if not self.first_step <= step < self.steps_done:
            return None
        names = (name for name in self._states if name != "logits")
        return {name: self._read(f"steps/{step:04d}/{name}") for name in names}

    def logits(self, step: int) -> NDArray[np.float32] | None:
        """Logits ``[B, K, h, w]`` of a token model; None if they are not there."""
        if not self.first_step <= step < self.steps_done or "logits" not in self._states:
            return None
        return self._read(f"steps/{step:04d}/logits")

    def logits_of(self, step: int, image: int) -> NDArray[np.float32] | None:
        """Logits ``[K, h, w]`` of one image of a token model; None if they are not there."""
        if not self.first_step <= step < self.steps_done or "logits" not in self._states:
            return None
        return self._read(f"steps/{step:04d}/logits", image)

    def missing(self, layer_id: str, step: int) -> str:
        """Why there are no spikes of a layer in a step, in a few words; empty if there are."""
        if 0 <= step < self.first_step:
            return "before this run branched off"
        if not 0 <= step < self.steps_done:
            return "the recording does not reach this step"
        return "" if layer_id in self.recorded else "this layer was not chosen to be recorded"

    def _to_look_at(self) -> str:
        """The layer of the first watched neuron, else the layer with spikes nearest to the middle."""
        watched = self.watched(self.first_step)
        if watched is not None:
            return watched.neurons[0][0]
        middle = len(self.layers) // 2
        ids = [layer.id for layer in self.layers]
        there = [i for i, layer_id in enumerate(ids) if layer_id in self.recorded]
        return ids[min(there, key=lambda i: abs(i - middle), default=middle)]

    def _read(self, name: str, row: int | None = None) -> NDArray[Any]:
        """A whole array, or one row of it."""
        array, place = self._arrays[name], self._places[name]
        if row is not None:
            array = Array(array.dtype, array.shape[1:])
            place += row * array.nbytes
        with self._lock:
            self._file.seek(place)
            data = self._file.read(array.nbytes)
        if len(data) < array.nbytes:
            raise _unusable(self.path, "it became shorter while it was open", "open it again")
        return np.frombuffer(data, array.dtype).reshape(array.shape)


def open_recording(path: Path | str) -> Recording:
    """Open a file that a ``RecordingWriter`` wrote, also while it is being written.

    Nothing in it is run, no link is followed, and only arrays that the schema names are looked at.

    Raises
    ------
    RecordingError
        The file is missing, truncated, not a recording, of a newer version, or does not hold what its
        header says.
    """
    import h5py

    path = Path(path)
    if not path.is_file():
        raise _unusable(path, "there is no such file", "check the path")
    try:
        if not h5py.is_hdf5(path):
            raise _unusable(path, "it is not a recording of SpikeStudio", "choose another file")
        with h5py.File(path, "r", locking=False) as file:
            header = _header(path, file)
            origin = _attribute(path, file, PROVENANCE)
            _check_origin(path, origin)
            places = {
                name: _place(path, file, name, array)
                for name, array in layout.arrays(header).items()
            }
    except _BROKEN as error:
        reason = "it is damaged or incomplete"
        raise _unusable(path, f"{reason} ({_first_line(error)})", "get it again") from error
    return Recording(path, header, origin, places)


def _create(
    path: Path, header: Mapping[str, Any], provenance: bytes, arrays: Mapping[str, Array]
) -> dict[str, int]:
    """Write a file without numbers; gives where those of each array belong."""
    import h5py
    from h5py import h5d, h5p, h5s, h5t

    properties = h5p.create(h5p.DATASET_CREATE)
    properties.set_layout(h5d.CONTIGUOUS)
    properties.set_alloc_time(h5d.ALLOC_TIME_EARLY)
    properties.set_fill_time(h5d.FILL_TIME_NEVER)
    links = h5p.create(h5p.LINK_CREATE)
    links.set_create_intermediate_group(True)
    places = {}
    with h5py.File(path, "w", libver=_LIBRARY) as file:
        file.attrs.create(HEADER, np.bytes_(_json(header)))
        file.attrs.create(PROVENANCE, np.bytes_(provenance))
        for name, array in arrays.items():
            dtype = h5t.py_create(np.dtype(array.dtype))
            space = h5s.create_simple(array.shape) if array.shape else h5s.create(h5s.SCALAR)
            made = h5d.create(file.id, name.encode(), dtype, space, properties, lcpl=links)
            places[name] = made.get_offset()
    with path.open("rb+") as raw:
        raw.seek(places[COMPLETE_STEPS])
        raw.write(bytes(arrays[COMPLETE_STEPS].nbytes))
    return places


def _json(values: Mapping[str, Any]) -> bytes:
    return json.dumps(values, allow_nan=False).encode()


def _header(path: Path, file: Any) -> dict[str, Any]:  # noqa: ANN401  h5py has no types
    header = _attribute(path, file, HEADER)
    version = header.get("schema_version")
    if isinstance(version, int) and version > layout.SCHEMA_VERSION:
        raise _unusable(
            path, f"it is of version {version}, which is newer", "update SpikeStudio to read it"
        )
    problem = layout.problem(header)
    if problem:
        raise _unusable(path, f"its header is damaged because {problem}", "get it again")
    return header


def _check_origin(path: Path, origin: Mapping[str, Any]) -> None:
    request, checkpoint = origin.get("request"), origin.get("checkpoint")
    is_whole = (
        isinstance(request, dict)
        and isinstance(checkpoint, dict)
        and all(isinstance(request.get(k), int | float) for k in ("threshold", "temperature"))
        and all(isinstance(checkpoint.get(k), str) for k in ("name", "tensors_sha256"))
        and _is_branch(origin.get("branch"))
    )
    if not is_whole:
        raise _unusable(path, "it does not say which run it is of", "choose another file")


def _is_branch(branch: object) -> bool:
    """Whether it is none, or says at which step the run began."""
    return branch is None or (
        isinstance(branch, dict) and isinstance(branch.get("step"), int) and branch["step"] >= 0
    )


def _attribute(path: Path, file: Any, name: str) -> dict[str, Any]:  # noqa: ANN401
    """JSON object in a text of fixed length; raises ``RecordingError``."""
    if name not in file.attrs:
        raise _unusable(path, "it is not a recording of SpikeStudio", "choose another file")
    attribute = file.attrs.get_id(name)
    dtype = attribute.dtype
    if attribute.shape != () or dtype.kind != "S" or dtype.itemsize > _MAX_ATTRIBUTE:
        raise _unusable(path, f"its attribute {name!r} is no JSON text", "choose another file")
    values = strict_json.parse(bytes(file.attrs[name]), strict_json.MAX_LINEAGE)
    if not isinstance(values, dict):
        raise _unusable(path, f"its attribute {name!r} is no JSON object", "choose another file")
    return values


def _place(path: Path, file: Any, name: str, array: Array) -> int:  # noqa: ANN401
    """Where an array's numbers lie in the file; raises ``RecordingError`` if it is not as written."""
    import h5py

    group, (*groups, last) = file, name.split("/")
    for part in groups:
        _check_link(path, group, part, name)
        group = group[part]
    _check_link(path, group, last, name)
    data = group[last]
    is_array = isinstance(data, h5py.Dataset)
    if not is_array or data.shape != array.shape or data.dtype != np.dtype(array.dtype):
        raise _unusable(path, f"its {name} is not as the header says", "get it again")
    properties = data.id.get_create_plist()
    place = data.id.get_offset()
    is_inside = properties.get_layout() == h5py.h5d.CONTIGUOUS and not (
        properties.get_external_count()
    )
    if not is_inside or place is None:
        raise _unusable(path, f"its {name} does not lie in the file", "choose another file")
    if place + array.nbytes > path.stat().st_size:
        raise _unusable(path, f"it ends before {name} does", "get it again")
    return int(place)


def _check_link(path: Path, group: Any, part: str, name: str) -> None:  # noqa: ANN401
    import h5py

    if not isinstance(group, h5py.Group) or part not in group:
        raise _unusable(path, f"it lacks {name}", "get it again")
    if not isinstance(group.get(part, getlink=True), h5py.HardLink):
        raise _unusable(path, f"its {name} points elsewhere", "choose another file")


def _unusable(path: Path, reason: str, advice: str) -> RecordingError:
    return RecordingError(f"The recording {path} cannot be read because {reason}: {advice}.", path)


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]
