"""Recordings as they are read from HDF5 files, with the recorder's interface.

A file is checked as a whole when it is opened; then numbers are read from their places in it, past the
HDF5 library, also while another process appends steps.
"""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spikestudio.checkpoints import strict_json
from spikestudio.errors import RecordingError
from spikestudio.language import tr
from spikestudio.recording import layout
from spikestudio.recording.layout import COMPLETE_STEPS, HEADER, PROVENANCE, Array
from spikestudio.recording.record import Neuron
from spikestudio.recording.values import (
    Activity,
    Parameters,
    Potentials,
    State,
    Watched,
    first_step,
)

BROKEN = (OSError, RuntimeError, ValueError, KeyError, TypeError, OverflowError)  # of h5py
_MAX_ATTRIBUTE = 16 * 1024 * 1024


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
        return os.fstat(self._file.fileno()).st_size  # the path may be gone by now

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
            return tr("before this run branched off")
        if not 0 <= step < self.steps_done:
            return tr("the recording does not reach this step")
        return "" if layer_id in self.recorded else tr("this layer was not chosen to be recorded")

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
            raise _unusable(
                self.path, tr("it became shorter while it was open"), tr("open it again")
            )
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
        raise _unusable(path, tr("there is no such file"), tr("check the path"))
    try:
        if not h5py.is_hdf5(path):
            raise _unusable(
                path, tr("it is not a recording of SpikeStudio"), tr("choose another file")
            )
        with h5py.File(path, "r", locking=False) as file:
            header = _header(path, file)
            origin = _attribute(path, file, PROVENANCE)
            _check_origin(path, origin)
            places = {
                name: _place(path, file, name, array)
                for name, array in layout.arrays(header).items()
            }
    except BROKEN as error:
        reason = tr("it is damaged or incomplete")
        raise _unusable(path, f"{reason} ({_first_line(error)})", tr("get it again")) from error
    return Recording(path, header, origin, places)


def _header(path: Path, file: Any) -> dict[str, Any]:  # noqa: ANN401  h5py has no types
    header = _attribute(path, file, HEADER)
    version = header.get("schema_version")
    if isinstance(version, int) and version > layout.SCHEMA_VERSION:
        raise _unusable(
            path,
            tr("it is of version {version}, which is newer", version=version),
            tr("update SpikeStudio to read it"),
        )
    problem = layout.problem(header)
    if problem:
        raise _unusable(
            path, tr("its header is damaged because {problem}", problem=problem), tr("get it again")
        )
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
        raise _unusable(path, tr("it does not say which run it is of"), tr("choose another file"))


def _is_branch(branch: object) -> bool:
    """Whether it is none, or says at which step the run began."""
    return branch is None or (
        isinstance(branch, dict) and isinstance(branch.get("step"), int) and branch["step"] >= 0
    )


def _attribute(path: Path, file: Any, name: str) -> dict[str, Any]:  # noqa: ANN401
    """JSON object in a text of fixed length; raises ``RecordingError``."""
    if name not in file.attrs:
        raise _unusable(path, tr("it is not a recording of SpikeStudio"), tr("choose another file"))
    attribute = file.attrs.get_id(name)
    dtype = attribute.dtype
    if attribute.shape != () or dtype.kind != "S" or dtype.itemsize > _MAX_ATTRIBUTE:
        raise _unusable(
            path, tr("its attribute {name!r} is no JSON text", name=name), tr("choose another file")
        )
    values = strict_json.parse(bytes(file.attrs[name]), strict_json.MAX_LINEAGE)
    if not isinstance(values, dict):
        raise _unusable(
            path,
            tr("its attribute {name!r} is no JSON object", name=name),
            tr("choose another file"),
        )
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
        raise _unusable(
            path, tr("its {name} is not as the header says", name=name), tr("get it again")
        )
    properties = data.id.get_create_plist()
    place = data.id.get_offset()
    is_inside = properties.get_layout() == h5py.h5d.CONTIGUOUS and not (
        properties.get_external_count()
    )
    if not is_inside or place is None:
        raise _unusable(
            path, tr("its {name} does not lie in the file", name=name), tr("choose another file")
        )
    if place + array.nbytes > path.stat().st_size:
        raise _unusable(path, tr("it ends before {name} does", name=name), tr("get it again"))
    return int(place)


def _check_link(path: Path, group: Any, part: str, name: str) -> None:  # noqa: ANN401
    import h5py

    if not isinstance(group, h5py.Group) or part not in group:
        raise _unusable(path, tr("it lacks {name}", name=name), tr("get it again"))
    if not isinstance(group.get(part, getlink=True), h5py.HardLink):
        raise _unusable(
            path, tr("its {name} points elsewhere", name=name), tr("choose another file")
        )


def _unusable(path: Path, reason: str, advice: str) -> RecordingError:
    return RecordingError(
        tr(
            "The recording {path} cannot be read because {reason}: {advice}.",
            path=path,
            reason=reason,
            advice=advice,
        ),
        path,
    )


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]
