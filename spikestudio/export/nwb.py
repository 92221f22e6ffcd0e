"""A recorded run as Neurodata Without Borders (NWB 2), through pynwb.

    units                    spikes of the chosen neurons; what was recorded as ``obs_intervals``
    acquisition              potential before and after reset and input current of the watched neurons,
                             and the number of spikes of every layer, over time
    trials                   the denoising steps, with threshold and temperature
    processing/network       tables of the layers and of the watched neurons, as the columns
    notes                    the provenance, JSON

A model has no clock. One SNN step is written as one second, so that SNN step t of denoising step k is
at ``k * T + t``, both from 0; a spike has the time of its SNN step. When the run was made is not
recorded, so the session begins in 1970. Potentials have no unit (``1``), and are NaN in steps in which
a neuron was not watched.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib import import_module
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import numpy as np
from numpy.typing import NDArray

from spikestudio.atomic import atomic_write
from spikestudio.errors import ConfigError, ExportError
from spikestudio.export import choice
from spikestudio.export.choice import NOT_RECORDED, Neurons
from spikestudio.export.metadata import json_text
from spikestudio.recording.values import Readable

SUFFIX = ".nwb"
_QUANTITIES = {
    "h": ("potential_before_reset", "membrane potential before reset"),
    "v": ("potential_after_reset", "membrane potential after reset"),
    "current": ("input_current", "input current"),
}


def why_not_nwb() -> str:
    """Why NWB cannot be written here, as a sentence; empty if it can."""
    if find_spec("pynwb") is not None:
        return ""
    return "NWB needs the package pynwb: pip install 'spikestudio[nwb]', or write .npz."


def save_nwb(
    path: Path | str,
    recording: Readable,
    chosen: Sequence[Neurons],
    steps: range,
    provenance: Mapping[str, Any],
) -> None:
    """Write a run as NWB.

    Parameters
    ----------
    path
        The file, which should end in ``.nwb``.
    recording
        The run.
    chosen
        Neurons whose spikes are written, layer by layer.
    steps
        Denoising steps, from 0.
    provenance
        Stored as the notes of the file.

    Raises
    ------
    ExportError
        pynwb is not installed, or the file cannot be written.
    """
    path = Path(path)
    reason = why_not_nwb()
    if reason:
        raise ExportError(reason, path=path)
    pynwb: Any = import_module("pynwb")  # not installed by default
    file = _file(pynwb, recording, provenance)
    _add_steps(file, recording, steps)
    _add_units(file, recording, chosen, steps)
    network = file.create_processing_module("network", "layers and watched neurons")
    _add_layers(pynwb, file, network, recording, steps)
    _add_potentials(pynwb, file, network, recording, steps)
    import h5py

    data = BytesIO()  # HDF5 on a disk that is full may end the process
    with h5py.File(data, "w") as opened, pynwb.NWBHDF5IO(file=opened, mode="w") as io:
        io.write(file)
    with atomic_write(path) as temporary:
        temporary.write_bytes(data.getbuffer())


def _file(pynwb: Any, recording: Readable, provenance: Mapping[str, Any]) -> Any:  # noqa: ANN401
    text = json_text(provenance)
    return pynwb.NWBFile(
        session_description=(
            "A run of a spiking generative model. Times are SNN steps, written as seconds; when it was "
            f"made is not recorded. Image {recording.image} of the batch, from 0; counts of layers are "
            "of the whole batch."
        ),
        identifier=str(uuid5(NAMESPACE_URL, text)),
        session_start_time=datetime(1970, 1, 1, tzinfo=UTC),
        notes=text,
    )


def _add_steps(file: Any, recording: Readable, steps: range) -> None:  # noqa: ANN401
    file.add_trial_column("denoising_step", "number of the denoising step, from 0")
    file.add_trial_column("threshold", "firing threshold of the run; NaN where not recorded")
    file.add_trial_column("temperature", "temperature of the run; NaN where not recorded")
    for step in steps:
        start = float(step * recording.snn_steps)
        known = recording.parameters(step)
        file.add_trial(
            start_time=start,
            stop_time=start + recording.snn_steps,
            denoising_step=step,
            threshold=float("nan") if known is None else known.threshold,
            temperature=float("nan") if known is None else known.temperature,
        )


def _add_units(
    file: Any,  # noqa: ANN401
    recording: Readable,
    chosen: Sequence[Neurons],
    steps: range,
) -> None:
    if not any(each.ids.size for each in chosen):
        return
    file.add_unit_column("layer", "layer of the neuron")
    file.add_unit_column("neuron", "row-major index of the neuron in its layer")
    for neurons in chosen:
        spikes = choice.spikes_of(recording, neurons, steps)
        seen = _intervals(spikes, recording.snn_steps, steps.start)
        for index, row in zip(neurons.ids.tolist(), spikes, strict=True):
            times = np.flatnonzero(row == 1) + steps.start * recording.snn_steps
            file.add_unit(
                spike_times=times.astype(np.float64),
                obs_intervals=seen,
                layer=neurons.layer.id,
                neuron=index,
            )


def _intervals(spikes: NDArray[np.uint8], snn_steps: int, first: int) -> NDArray[np.float64]:
    """Begin and end of what was recorded of spikes ``[N, steps * T]``, ``[intervals, 2]``."""
    is_known = np.append((spikes[0] != NOT_RECORDED)[::snn_steps], False)
    edges = np.flatnonzero(np.diff(np.concatenate(([False], is_known)).astype(np.int8)))
    return ((edges.reshape(-1, 2) + first) * snn_steps).astype(np.float64)


def _add_layers(
    pynwb: Any,  # noqa: ANN401
    file: Any,  # noqa: ANN401
    network: Any,  # noqa: ANN401
    recording: Readable,
    steps: range,
) -> None:
    layers = recording.layers
    columns: dict[str, tuple[str, list[Any]]] = {
        "layer": ("layer of each column of spike_counts", [each.id for each in layers]),
        "model": ("model of its neurons", [each.neuron for each in layers]),
        "shape": ("shape for one image", ["x".join(map(str, each.shape)) for each in layers]),
        "tau": (
            "membrane time constant in SNN steps; NaN: it does not leak",
            [float("nan") if each.tau is None else each.tau for each in layers],
        ),
    }
    network.add(_table("layers", "spiking layers", columns))
    counts = recording.activity().counts[:, steps.start : steps.stop]
    file.add_acquisition(
        pynwb.TimeSeries(
            name="spike_counts",
            description="spikes of every layer at every SNN step, [time, layer], whole batch",
            data=counts.reshape(len(layers), -1).T,
            unit="spikes",
            starting_time=float(steps.start * recording.snn_steps),
            rate=1.0,
        )
    )


def _add_potentials(
    pynwb: Any,  # noqa: ANN401
    file: Any,  # noqa: ANN401
    network: Any,  # noqa: ANN401
    recording: Readable,
    steps: range,
) -> None:
    try:
        values = choice.watched_of(recording, steps)
    except ConfigError:  # none were watched
        return
    pairs = values["neurons"]
    columns = {
        "layer": ("layer of each column of the potentials", [name for name, _ in pairs]),
        "neuron": ("row-major index in its layer", [index for _, index in pairs]),
    }
    network.add(_table("watched_neurons", "neurons whose potentials are here", columns))
    for key, (name, text) in _QUANTITIES.items():
        file.add_acquisition(
            pynwb.TimeSeries(
                name=name,
                description=f"{text} of the watched neurons, [time, neuron]; NaN: not watched",
                data=np.ascontiguousarray(values[key].T),
                unit="1",
                starting_time=float(steps.start * recording.snn_steps),
                rate=1.0,
            )
        )


def _table(name: str, description: str, columns: Mapping[str, tuple[str, list[Any]]]) -> Any:  # noqa: ANN401
    common = import_module("hdmf.common")
    return common.DynamicTable(
        name=name,
        description=description,
        columns=[
            common.VectorData(name=key, description=text, data=data)
            for key, (text, data) in columns.items()
        ],
    )
