"""Recordings as HDF5 files, streamed while a run goes on; ``reading`` reads them back.

The whole structure of a file is written, and the file closed, before the first step: every array is
contiguous and has its final place, which takes no room on the disk until it is filled. From then on
only numbers are written, to their places and past the HDF5 library, and after those of a step the
number of complete steps. So a file is readable at any moment, also after the process was killed.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from spikestudio.atomic import atomic_write
from spikestudio.errors import ExportError
from spikestudio.language import tr
from spikestudio.recording import layout
from spikestudio.recording.layout import COMPLETE_STEPS, HEADER, PROVENANCE, Array
from spikestudio.recording.reading import BROKEN, Recording, open_recording
from spikestudio.recording.record import MAX_WATCHED
from spikestudio.recording.recorder import Recorder
from spikestudio.recording.values import StepRecord

__all__ = ["Recording", "RecordingWriter", "open_recording"]

_LIBRARY = ("v108", "v108")  # no marks of an open file, and attributes of any size
_ROOM_PER_STEP = 128  # bytes of provenance that a change of parameters may take


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
    is_new
        Replace nothing: a file that is there by now is an error, as two processes may have found the
        same free name.

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
        is_new: bool = False,
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
        with atomic_write(self.path, is_new=is_new) as temporary:
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
        except BROKEN as error:
            raise ExportError(
                tr(
                    "The end of the recording {path} could not be written ({error}); "
                    "the steps before are there.",
                    path=self.path,
                    error=error,
                ),
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
            tr(
                "Recording to {path} stopped after {steps} steps because of an error of the disk "
                "({strerror}): what was written stays readable, and the run goes on.",
                path=self.path,
                steps=steps,
                strerror=error.strerror or error,
            ),
            path=self.path,
        )


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
