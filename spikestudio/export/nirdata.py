"""Recorded spikes as NIRData, the data format of the Neuromorphic Intermediate Representation.

Through the package ``nir`` (1.0.8 or newer), whose ``nir.read_data`` gives them back: a node for every
layer, named as it, with the observable ``spikes``, bool ``[samples, time, neurons]``. A sample is
a denoising step, since every step starts from fresh neurons; ``dt`` is 1, an SNN step. Only layers and
steps of which all spikes were recorded can be expressed: the format has no mark for what is missing.

Potentials are left out: those of single watched neurons have no place in a format whose nodes have the
size of their layer. Which samples are which steps, and the provenance, is in the data set
``spikestudio`` (JSON), which other readers pass over.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib import import_module
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spikestudio.atomic import atomic_write
from spikestudio.errors import ConfigError, ExportError
from spikestudio.export.images import CHUNK
from spikestudio.language import tr
from spikestudio.recording.values import Readable

MAX_BYTES = 2 * 1024**3  # of spikes, one byte each, which are in memory at once


def why_not_nir() -> str:
    """Why NIR cannot be written here, as a sentence; empty if it can."""
    if find_spec("nir") is not None:
        return ""
    return "NIR needs the package nir: pip install 'spikestudio[nir]'."


def save_nirdata(
    path: Path | str,
    recording: Readable,
    steps: range,
    provenance: Mapping[str, Any],
    layers: tuple[str, ...] | None = None,
) -> None:
    """Write the spikes of layers, of those that are recorded if None, in denoising steps from 0.

    Raises
    ------
    ConfigError
        Spikes of a layer in a step are not recorded, or there are too many.
    ExportError
        The package nir is not installed, or the file cannot be written.
    """
    path = Path(path)
    reason = why_not_nir()
    if reason:
        raise ExportError(reason, path=path)
    nir: Any = import_module("nir")  # not installed by default
    names = recording.recorded if layers is None else layers
    _check(recording, names, steps)
    nodes = {
        name: nir.NIRNodeData({"spikes": nir.TimeGriddedData(_spikes(recording, name, steps), 1.0)})
        for name in names
    }
    text = json.dumps(
        {
            CHUNK: dict(provenance),
            "steps": list(steps),
            "image": recording.image,
            "layers": {each.id: list(each.shape) for each in recording.layers if each.id in names},
        },
        allow_nan=False,
    )
    import h5py

    data = BytesIO()  # HDF5 on a disk that is full may end the process
    nir.write_data(data, nir.NIRGraphData(nodes))
    with h5py.File(data, "r+") as file:
        file[CHUNK] = text
    with atomic_write(path) as temporary:
        temporary.write_bytes(data.getbuffer())


def _check(recording: Readable, names: tuple[str, ...], steps: range) -> None:
    if not names:
        raise ConfigError(
            tr("No spikes are recorded: record the spikes of a layer."), field="layer"
        )
    missing = [
        f"{name} in step {step + 1} ({why})"
        for name in names
        for step in steps
        if recording.spikes(name, step) is None
        for why in (recording.missing(name, step) or "not recorded",)
    ]
    if missing:
        more = f" and {len(missing) - 3:,} more" if len(missing) > 3 else ""
        raise ConfigError(
            tr(
                "NIRData has no mark for spikes that are missing: {missing}{more}; choose "
                "other steps or layers.",
                missing=", ".join(missing[:3]),
                more=more,
            ),
            field="steps",
        )
    sizes = {each.id: each.num_neurons for each in recording.layers}
    num_bytes = len(steps) * recording.snn_steps * sum(sizes[name] for name in names)
    if num_bytes > MAX_BYTES:
        raise ConfigError(
            tr(
                "These are {num_bytes:,} spikes and silences, more than NIRData can be made of here: "
                "choose fewer layers or steps.",
                num_bytes=num_bytes,
            ),
            field="layer",
        )


def _spikes(recording: Readable, name: str, steps: range) -> NDArray[np.bool_]:
    """Spikes of a layer, ``[steps, T, N]``; ``_check`` has seen that they are there."""
    parts = [recording.spikes(name, step) for step in steps]
    return np.stack([part for part in parts if part is not None]).astype(np.bool_)
