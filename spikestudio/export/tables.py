"""Recorded numbers as NPZ or CSV, with a manifest that says what they are.

An NPZ holds the arrays, ``manifest`` (JSON text) and ``spikestudio``, the provenance; nothing in it
needs pickle. A CSV has one header line and one row per value; manifest and provenance are in the
sidecar ``NAME.csv.json``. Floats are written so that reading them back gives the same bits. Denoising
steps, SNN steps, images and neurons count from 0 in both.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spikestudio.atomic import atomic_files, atomic_write
from spikestudio.errors import ConfigError, ExportError
from spikestudio.export import choice
from spikestudio.export.choice import NOT_RECORDED, Neurons
from spikestudio.export.images import CHUNK
from spikestudio.export.metadata import fill_sidecar, json_text, sidecar
from spikestudio.language import tr
from spikestudio.recording.values import Readable
from spikestudio.types import LayerInfo

SCHEMA_VERSION = 1
FORMATS = (".npz", ".csv")
_RESERVED = {"manifest", CHUNK}


@dataclass(frozen=True, slots=True)
class Table:
    """Arrays and what they mean; ``rows`` makes those of a CSV, whose ``columns`` it names."""

    kind: str
    arrays: Mapping[str, NDArray[Any]]
    about: Mapping[str, str]
    columns: Sequence[str]
    more: Mapping[str, Any] = field(default_factory=dict)

    def manifest(self) -> dict[str, Any]:
        """What an NPZ or the sidecar of a CSV says of the numbers."""
        return {
            "schema_version": SCHEMA_VERSION,
            "kind": self.kind,
            "columns": list(self.columns),
            "arrays": {
                name: {
                    "dtype": str(values.dtype),
                    "shape": list(values.shape),
                    "meaning": self.about[name],
                }
                for name, values in self.arrays.items()
            },
            **self.more,
        }

    def rows(self) -> Iterator[Sequence[Any]]:
        """Lines of the CSV after its header."""
        names = self.more.get("layer_ids", [])
        at = self.columns.index("layer") if "layer" in self.columns else None
        for row in _ROWS[self.kind](self.arrays):
            yield row if at is None else [*row[:at], names[row[at]], *row[at + 1 :]]


def spikes_table(recording: Readable, chosen: Neurons, steps: range) -> Table:
    """Spikes of some neurons of a layer: an array, or in a CSV one line per spike."""
    spikes = choice.spikes_of(recording, chosen, steps)
    shape = (chosen.ids.size, len(steps), recording.snn_steps)
    return Table(
        "spikes",
        {
            "spikes": np.ascontiguousarray(spikes.reshape(shape).transpose(1, 2, 0)),
            "steps": np.array(steps, np.int64),
            "neurons": chosen.ids.astype(np.int64),
            "thresholds": choice.thresholds_of(recording, steps),
        },
        {
            "spikes": f"[step, SNN step, neuron], 0 or 1; {NOT_RECORDED} where none were recorded",
            "steps": "denoising steps of the first axis",
            "neurons": "row-major index of each neuron in its layer",
            "thresholds": "firing threshold of the run in each step",
        },
        ("step", "snn_step", "neuron"),
        {
            "layer": chosen.layer.id,
            "layer_shape": list(chosen.layer.shape),
            "image": recording.image,
            "choice": chosen.text(),
        },
    )


def potentials_table(
    recording: Readable,
    steps: range,
    layer: LayerInfo | None = None,
    neurons: Sequence[int] | None = None,
) -> Table:
    """Potentials and input of watched neurons."""
    values = choice.watched_of(recording, steps, layer.id if layer else None, neurons)
    pairs = values.pop("neurons")
    layers = list(dict.fromkeys(name for name, _ in pairs))
    shape = (len(pairs), len(steps), recording.snn_steps)
    arrays = {
        name: np.ascontiguousarray(values[name].reshape(shape).transpose(1, 2, 0))
        for name in ("h", "v", "current")
    }
    text = "[step, SNN step, neuron], NaN where the neuron was not watched"
    return Table(
        "potentials",
        {
            **arrays,
            "threshold": np.ascontiguousarray(values["threshold"].T),
            "steps": np.array(steps, np.int64),
            "neurons": np.array([index for _, index in pairs], np.int64),
            "layers": np.array([layers.index(name) for name, _ in pairs], np.int64),
        },
        {
            "h": f"potential before reset, {text}",
            "v": f"potential after reset, {text}",
            "current": f"input, {text}",
            "threshold": "[step, neuron], firing threshold in force",
            "steps": "denoising steps of the first axis",
            "neurons": "row-major index of each neuron in its layer",
            "layers": "which of layer_ids each neuron is in",
        },
        ("step", "snn_step", "layer", "neuron", "h", "v", "current", "threshold"),
        {"layer_ids": layers, "image": recording.image},
    )


def rates_table(recording: Readable, steps: range) -> Table:
    """What every layer did in every step, over all images."""
    activity = recording.activity()
    part = slice(steps.start, steps.stop)
    return Table(
        "rates",
        {
            "rates": activity.rates[:, part].copy(),
            "spikes": activity.counts[:, part].copy(),
            "neurons": activity.neurons[:, part].copy(),
            "silent": activity.silent[:, part].copy(),
            "saturated": activity.saturated[:, part].copy(),
            "steps": np.array(steps, np.int64),
            "thresholds": choice.thresholds_of(recording, steps),
        },
        {
            "rates": "[layer, step], spikes per neuron and SNN step; NaN where not recorded",
            "spikes": "[layer, step, SNN step], number of spikes",
            "neurons": "[layer, step], neurons times images",
            "silent": "[layer, step], how many of them never fired",
            "saturated": "[layer, step], how many of them fired at every SNN step",
            "steps": "denoising steps of the second axis",
            "thresholds": "firing threshold of the run in each step",
        },
        ("layer", "step", "rate", "spikes", "neurons", "silent", "saturated", "threshold"),
        {"layer_ids": [layer.id for layer in recording.layers]},
    )


def tokens_table(recording: Readable, steps: range) -> Table:
    """Token maps that entered every step, of all images."""
    states = [recording.state(step) for step in steps]
    if any(state is None or "tokens" not in state for state in states):
        raise ConfigError(tr("The model of this recording has no tokens."), field="tokens")
    arrays = {
        name: np.stack([state[name] for state in states if state is not None])
        for name in ("tokens", "revealed", "confidence", "guess")
    }
    shape = "[step, image, row, column]"
    return Table(
        "tokens",
        {**arrays, "steps": np.array(steps, np.int64)},
        {
            "tokens": f"{shape}, code ids that entered the step; the mask's id where masked",
            "revealed": f"{shape}, step in which each was revealed, -1 where masked",
            "confidence": f"{shape}, probability that each had when it was drawn",
            "guess": f"{shape}, complete map that the step's picture is decoded from",
            "steps": "denoising steps of the first axis",
        },
        ("step", "image", "row", "column", "token", "revealed", "confidence", "guess"),
    )


def save_table(path: Path | str, table: Table, provenance: Mapping[str, Any]) -> None:
    """Write NPZ or CSV, by the name; raises ``ExportError``."""
    path = Path(path)
    if path.suffix.lower() not in FORMATS:
        raise ExportError(
            tr("Cannot write {path}: data must end in .npz or .csv.", path=path), path=path
        )
    if path.suffix.lower() == ".npz":
        texts = {
            "manifest": np.array(json.dumps(table.manifest())),
            CHUNK: np.array(json_text(provenance)),
        }
        assert not _RESERVED & table.arrays.keys()
        with atomic_write(path) as temporary, temporary.open("wb") as file:
            np.savez_compressed(file, **table.arrays, **texts)  # type: ignore[arg-type]
        return
    manifest = table.manifest()
    with atomic_files(path, sidecar(path)) as (temporary, beside):
        with temporary.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(table.columns)
            writer.writerows(table.rows())
        fill_sidecar(beside, provenance, manifest=manifest)


def _spike_rows(arrays: Mapping[str, NDArray[Any]]) -> Iterator[Sequence[Any]]:
    steps, neurons = arrays["steps"].tolist(), arrays["neurons"].tolist()
    for k, t, n in np.argwhere(arrays["spikes"] == 1):
        yield steps[k], int(t), neurons[n]


def _potential_rows(arrays: Mapping[str, NDArray[Any]]) -> Iterator[Sequence[Any]]:
    steps, neurons = arrays["steps"].tolist(), arrays["neurons"].tolist()
    layers = arrays["layers"].tolist()
    for k, t, n in np.ndindex(*arrays["h"].shape):
        if np.isnan(arrays["h"][k, t, n]):
            continue
        values = (arrays[name][k, t, n] for name in ("h", "v", "current"))
        texts = [_exact(value) for value in (*values, arrays["threshold"][k, n])]
        yield steps[k], t, layers[n], neurons[n], *texts


def _rate_rows(arrays: Mapping[str, NDArray[Any]]) -> Iterator[Sequence[Any]]:
    steps = arrays["steps"].tolist()
    for layer, k in np.ndindex(*arrays["rates"].shape):
        if np.isnan(arrays["rates"][layer, k]):
            continue
        counts = (int(arrays[name][layer, k]) for name in ("neurons", "silent", "saturated"))
        spikes, threshold = int(arrays["spikes"][layer, k].sum()), float(arrays["thresholds"][k])
        yield layer, steps[k], _exact(arrays["rates"][layer, k]), spikes, *counts, repr(threshold)


def _token_rows(arrays: Mapping[str, NDArray[Any]]) -> Iterator[Sequence[Any]]:
    steps = arrays["steps"].tolist()
    for k, image, row, column in np.ndindex(*arrays["tokens"].shape):
        at = (k, image, row, column)
        whole = {name: int(arrays[name][at]) for name in ("tokens", "revealed", "guess")}
        confidence = _exact(arrays["confidence"][at])
        yield (
            steps[k],
            image,
            row,
            column,
            whole["tokens"],
            whole["revealed"],
            confidence,
            whole["guess"],
        )


def _exact(value: Any) -> str:  # noqa: ANN401  a float32
    """The shortest text that gives the same float32."""
    return np.format_float_scientific(value, unique=True, trim="-")


_ROWS = {
    "spikes": _spike_rows,
    "potentials": _potential_rows,
    "rates": _rate_rows,
    "tokens": _token_rows,
}
