"""A session as values: what the sampler was set to, what was looked at, and every run."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spikestudio.export.origin import Origin
from spikestudio.language import tr
from spikestudio.sampling.branch import Branch
from spikestudio.sampling.request import SamplingRequest
from spikestudio.sampling.result import RunResult
from spikestudio.types import LayerInfo

SCHEMA_VERSION = 1
STATES = ("finished", "cancelled", "failed")


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """The checkpoint that was in use: never its weights, only what finds them again."""

    name: str
    path: str
    tensors_sha256: str
    is_bundled: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """What was looked at: arrangement of the docks, run, neurons and moment.

    ``dock_state`` is text of the window's own; ``shown`` the key of a run, None of one that is not in
    the session. Steps count from 0; ``step`` is None while the newest one is followed.
    """

    layout: str = ""
    dock_state: str = ""
    dock_version: int = 0
    shown: int | None = None
    image: int = 0
    layer: str = ""
    neurons: tuple[int, ...] = ()
    step: int | None = None
    snn_step: int = 0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Run:
    """A run that has ended.

    Parameters
    ----------
    key, number, parent
        As in the list of runs: ``parent`` is the key of the run that this one was made from.
    state
        One of ``STATES``.
    origin
        Its provenance, also of a run that failed; ``resources/schemas/provenance.json``.
    seconds
        That it took; None if that is not known.
    images
        uint8 ``[B, H, W, C]``, None if no step was done.
    rates
        float32 ``[layers, steps]``, NaN where a step was not done.
    thumbnail
        uint8 ``[k, H, W, C]``, the first images.
    tokens
        int32 ``[B, h, w]`` of a token model.
    recording
        Its recording file; None if there is none, and then ``left_out`` may say why.
    """

    key: int
    number: int
    parent: int | None = None
    state: str = "finished"
    failure: str = ""
    ended_at: str = ""
    seconds: float | None = None
    is_pinned: bool = False
    note: str = ""
    file_name: str = ""
    left_out: str = ""
    origin: Mapping[str, Any]
    layers: tuple[LayerInfo, ...]
    rates: NDArray[np.float32]
    images: NDArray[np.uint8] | None = None
    thumbnail: NDArray[np.uint8] | None = None
    tokens: NDArray[np.int32] | None = None
    recording: Path | None = None

    @property
    def name(self) -> str:
        """What it is called: ``run 3``."""
        return self.file_name or tr("run {number}", number=self.number)

    @property
    def request(self) -> SamplingRequest:
        """What was asked for."""
        return SamplingRequest.from_json(self.origin["request"])

    @property
    def branch(self) -> Branch | None:
        """Where it comes from."""
        values = self.origin.get("branch")
        return None if values is None else Branch.from_json(values)

    @property
    def timesteps(self) -> tuple[int, ...]:
        """Diffusion time of every network evaluation."""
        return tuple(self.origin["timesteps"])

    @property
    def steps_done(self) -> int:
        """Steps that were done, those of a branch's parent included."""
        return int(self.origin["steps_done"])

    @property
    def result(self) -> RunResult | None:
        """What it left; None of a run that failed."""
        return None if self.state == "failed" else _result(self)

    def to_json(self) -> dict[str, Any]:
        """All but the arrays and the recording, as plain JSON values."""
        named = {name: getattr(self, name) for name in _PLAIN}
        layers = [asdict(each) | {"shape": list(each.shape)} for each in self.layers]
        return {**named, "origin": dict(self.origin), "layers": layers}


_PLAIN = (
    *("key", "number", "parent", "state", "failure", "ended_at", "seconds", "is_pinned"),
    *("note", "file_name", "left_out"),
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Session:
    """Everything that a session file holds; ``runs`` are in the order in which they ended."""

    name: str = ""
    note: str = ""
    saved_at: str = ""
    program: str = ""  # version that wrote it
    sampler: SamplingRequest = field(default_factory=SamplingRequest)
    model: Model | None = None
    place: Place = field(default_factory=Place)
    runs: tuple[Run, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The manifest, plain JSON values, as ``resources/schemas/session.json`` describes it."""
        return {
            "schema_version": SCHEMA_VERSION,
            "name": self.name,
            "note": self.note,
            "saved_at": self.saved_at,
            "program": self.program,
            "sampler": self.sampler.to_json(),
            "model": None if self.model is None else asdict(self.model),
            "place": asdict(self.place) | {"neurons": list(self.place.neurons)},
            "runs": [each.key for each in self.runs],
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any], runs: tuple[Run, ...]) -> Session:
        """Make one from a manifest that fits the schema; raises ``ConfigError``."""
        model = values.get("model")
        place = {k: v for k, v in values.get("place", {}).items() if k in Place.__slots__}
        place["neurons"] = tuple(place.get("neurons", ()))
        return cls(
            **{name: values.get(name, "") for name in ("name", "note", "saved_at", "program")},
            sampler=SamplingRequest.from_json(values["sampler"]),
            model=None
            if model is None
            else Model(**{k: v for k, v in model.items() if k in Model.__slots__}),
            place=Place(**place),
            runs=runs,
        )


def run_from_json(values: Mapping[str, Any], arrays: Mapping[str, Any]) -> Run:
    """Make a run from values that fit the schema; raises ``ConfigError`` or ``ValueError``.

    ``arrays`` are those of ``files.ARRAYS`` that there are.
    """
    origin = Origin.of(values["origin"])
    layers = tuple(
        LayerInfo(
            *(each["id"], each["neuron"], tuple(each["shape"])),
            *(each["v_threshold"], each["v_reset"], each["tau"]),
        )
        for each in values["layers"]
    )
    if values["ended_at"]:
        datetime.fromisoformat(values["ended_at"])
    run = Run(
        **{name: values[name] for name in _PLAIN if name in values},
        origin=origin.values,
        layers=layers,
        **arrays,
    )
    _check(run, origin)
    return run


def _check(run: Run, origin: Origin) -> None:
    """Raise ``ValueError`` if the parts of a run contradict each other."""
    num, images, thumbnail, tokens = origin.request.num, run.images, run.thumbnail, run.tokens
    pictures = [each for each in (images, thumbnail) if each is not None]
    is_whole = (
        run.rates.shape == (len(run.layers), origin.num_steps)
        and all(each.shape[3] in (1, 3) and min(each.shape) > 0 for each in pictures)
        and (images is None or len(images) == num)
        and (thumbnail is None or len(thumbnail) <= num)
        and (tokens is None or (len(tokens) == num and min(tokens.shape) > 0))
        and (run.parent is None or run.parent != run.key)
        and (run.seconds is None or math.isfinite(run.seconds))
    )
    if not is_whole:
        raise ValueError(tr("its parts do not fit together"))


def _result(run: Run) -> RunResult:
    origin, request = run.origin, run.request
    changes = {each["step"]: each for each in origin["changes"]}
    thresholds, temperatures = [], []
    now = {"threshold": request.threshold, "temperature": request.temperature}
    for step in range(run.steps_done):
        now = changes.get(step, now)
        thresholds.append(float(now["threshold"]))
        temperatures.append(float(now["temperature"]))
    checkpoint, labels = origin["checkpoint"], origin["labels"]
    return RunResult(
        request=request,
        checkpoint=checkpoint["name"],
        tensors_sha256=checkpoint["tensors_sha256"],
        architecture=checkpoint["architecture"],
        device=origin["device"],
        num_threads=origin["threads"],
        timesteps=run.timesteps,
        steps_done=run.steps_done,
        seconds=math.nan if run.seconds is None else run.seconds,
        thresholds=tuple(thresholds),
        temperatures=tuple(temperatures),
        images=run.images,
        tokens=run.tokens,
        labels=None if labels is None else np.array(labels, np.int64),
        branch=run.branch,
        dtype=origin["dtype"],
        file_sha256=checkpoint.get("file_sha256", ""),
        is_strict=bool(checkpoint.get("strict")),
    )


def with_recording(run: Run, recording: Path | None, left_out: str = "") -> Run:
    """The same run with another recording file, or with none and why."""
    return replace(run, recording=recording, left_out=left_out)
