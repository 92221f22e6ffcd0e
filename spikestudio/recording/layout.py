"""Where the numbers of a recording lie in its HDF5 file: one table for writing and for checking."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from functools import cache
from math import prod
from typing import Any, NamedTuple

from spikestudio.language import tr
from spikestudio.paths import resource
from spikestudio.recording.record import MAX_WATCHED
from spikestudio.types import LayerInfo

SCHEMA_VERSION = 2  # 1 had no decoded pictures and no additions
HEADER, PROVENANCE = "recording", "provenance"  # attributes of the file, JSON
COMPLETE_STEPS = "complete_steps"
TOTALS = ("neurons", "silent", "saturated", "additions")  # of a layer in a step
STATE_TYPES = {
    "x_t": "<f4",
    "x0_hat": "<f4",
    "history": "<f4",
    "tokens": "<i4",
    "revealed": "<i4",
    "confidence": "<f4",
    "guess": "<i4",
    "decoded": "|u1",
    "logits": "<f4",
}
MAX_ELEMENTS = 2**28  # of one step's part of any array


class Array(NamedTuple):
    """Little-endian type and shape of one data set."""

    dtype: str
    shape: tuple[int, ...]

    @property
    def nbytes(self) -> int:
        """Bytes of all of it."""
        return prod(self.shape) * int(self.dtype[-1])


def header_of(
    layers: tuple[LayerInfo, ...],
    recorded: tuple[str, ...],
    states: Mapping[str, tuple[int, ...]],
    *,
    num_steps: int,
    snn_steps: int,
    image: int,
) -> dict[str, Any]:
    """What ``resources/schemas/recording.json`` describes; plain JSON values."""
    return {
        "schema_version": SCHEMA_VERSION,
        "num_steps": num_steps,
        "snn_steps": snn_steps,
        "image": image,
        "layers": [
            asdict(layer) | {"shape": list(layer.shape), "has_spikes": layer.id in recorded}
            for layer in layers
        ],
        "states": {name: list(shape) for name, shape in states.items()},
    }


def layers_of(header: Mapping[str, Any]) -> tuple[LayerInfo, ...]:
    """The layer table of a header."""
    return tuple(
        LayerInfo(
            **{k: v for k, v in each.items() if k != "has_spikes"} | {"shape": tuple(each["shape"])}
        )
        for each in header["layers"]
    )


def arrays(header: Mapping[str, Any]) -> dict[str, Array]:
    """Every data set of a recording by its path; the first axis is the step but under ``steps``."""
    steps, snn_steps = header["num_steps"], header["snn_steps"]
    table = {
        COMPLETE_STEPS: Array("<i8", ()),
        "request/threshold": Array("<f8", (steps,)),
        "request/temperature": Array("<f8", (steps,)),
        "watch/neurons": Array("<i4", (steps, MAX_WATCHED, 2)),  # layer, index; -1 where none
        "watch/threshold": Array("<f4", (steps, MAX_WATCHED)),
    }
    for name in ("h", "v", "input"):
        table[f"watch/{name}"] = Array("<f4", (steps, snn_steps, MAX_WATCHED))
    for layer in header["layers"]:
        path = f"layers/{layer['id']}"
        table[f"{path}/counts"] = Array("<i8", (steps, snn_steps))
        for name in TOTALS if header["schema_version"] > 1 else TOTALS[:3]:
            table[f"{path}/{name}"] = Array("<i8", (steps,))
        if layer["has_spikes"]:
            width = -(-prod(layer["shape"]) // 8)
            table[f"{path}/spikes"] = Array("|u1", (steps, snn_steps, width))
    for step in range(steps):
        for name, shape in header["states"].items():
            table[f"steps/{step:04d}/{name}"] = Array(STATE_TYPES[name], tuple(shape))
    return table


def problem(header: object) -> str:
    """Why a header cannot be used; empty if it can."""
    from jsonschema.exceptions import best_match

    error = best_match(_validator().iter_errors(header))
    if error is not None:
        where = ".".join(str(part) for part in error.absolute_path)[:80] or "it"
        return tr("{where} does not fit the schema", where=where)
    assert isinstance(header, dict)  # by the schema
    ids = [layer["id"] for layer in header["layers"]]
    if len(set(ids)) < len(ids):
        return tr("a layer occurs twice")
    shapes = [layer["shape"] for layer in header["layers"]] + list(header["states"].values())
    if header["snn_steps"] * max(map(prod, shapes)) > MAX_ELEMENTS:
        return tr("its arrays are larger than any that SpikeStudio writes")
    if len(ids) * header["num_steps"] * header["snn_steps"] > MAX_ELEMENTS // 8:
        return tr("it has more layers and steps than any that SpikeStudio writes")
    return ""


@cache
def _validator() -> Any:  # noqa: ANN401  jsonschema's validator class is made at run time
    from jsonschema import Draft202012Validator

    schema = json.loads(resource("schemas", "recording.json").read_text(encoding="utf-8"))
    return Draft202012Validator(schema)
