"""The command that does a sweep, and a sweep that was begun read back from its folder."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from spikestudio.checkpoints.catalog import resolve
from spikestudio.errors import CheckpointError, ConfigError, ExportError
from spikestudio.language import tr
from spikestudio.neurons.overrides import Override
from spikestudio.sampling.request import SamplingRequest
from spikestudio.sweeps.axes import Axis, parse_axes
from spikestudio.sweeps.cells import SweepPlan
from spikestudio.sweeps.folder import read_manifest
from spikestudio.sweeps.plan import Models, plan_sweep

_MAX_REASON = 200  # characters of why a manifest cannot be read
_OPTIONS = {
    "num": "--num",
    "seed": "--seed",
    "steps": "--steps",
    "sampler": "--sampler",
    "snn_steps": "--snn-steps",
    "threshold": "--threshold",
    "temperature": "--temperature",
    "class_label": "--class",
    "guidance": "--guidance",
    "eta": "--eta",
}


def given(
    request: SamplingRequest, defaults: Mapping[str, Any], axes: Sequence[Axis]
) -> dict[str, Any]:
    """Fields of a request that a sweep of these axes has to be told: not axes, and not the defaults.

    Raises ``ConfigError`` for a request that no sweep can begin with.
    """
    if request.first_image:
        raise ConfigError(
            tr(
                "A sweep begins with image 1 of its seed, and the request with image "
                "{first_image:,}: reset the settings.",
                first_image=request.first_image + 1,
            ),
            field="first_image",
        )
    usual = SamplingRequest(**defaults)
    fields = {axis.field for axis in axes}
    return {
        name: getattr(request, name)
        for name in (*_OPTIONS, "clip_x0", "rescale_readout", "overrides")
        if name not in fields and getattr(request, name) != getattr(usual, name)
    }


def command(
    file: str | Path,
    axes: Sequence[Axis],
    given: Mapping[str, Any],
    out: Path,
    *,
    device: str = "auto",
    overrides: Path | None = None,
) -> list[str]:
    """Arguments with which a process of its own does the sweep; ``overrides`` is where they are kept.

    Values are written as they are printed, so that the plan is the same.
    """
    program = [sys.executable]
    if not getattr(sys, "frozen", False):  # a frozen executable is the command itself
        program += ["-m", "spikestudio"]
    arguments = [*program, "sweep", str(file), "--out", str(out), "--device", device, "--json"]
    for axis in axes:
        texts = axis.values
        written = [str(v.value) if axis.name == "checkpoint" else v.text for v in texts]
        arguments += ["--axis", f"{axis.name}={','.join(written)}"]
    for name, option in _OPTIONS.items():
        if name in given:
            arguments += [option, str(given[name])]
    if "clip_x0" in given:
        arguments.append("--clip-x0" if given["clip_x0"] else "--no-clip-x0")
    if given.get("rescale_readout"):
        arguments.append("--rescale-readout")
    if "overrides" in given:
        if overrides is None:
            raise ValueError("Overrides are passed in a file: say where.")
        overrides.write_text(
            json.dumps([each.to_json() for each in given["overrides"]]), encoding="utf-8"
        )
        arguments += ["--overrides", str(overrides)]
    return arguments


def read_sweep(
    folder: Path, models: Models, nearby: Sequence[Path] = ()
) -> tuple[Path, SweepPlan, dict[str, Any]]:
    """Read checkpoint, plan and what was given of a sweep that was begun.

    Its checkpoint is looked for in the catalogue, and among the files ``nearby``.

    Raises
    ------
    ExportError
        The folder holds no sweep, or one that cannot be told from its manifest.
    CheckpointError
        The checkpoint is not to be found.
    """
    manifest = read_manifest(folder)
    try:
        axes = parse_axes(f"{each['name']}={','.join(each['values'])}" for each in manifest["axes"])
        cells = [SamplingRequest.from_json(each["request"]) for each in manifest["cells"]]
        name = str(manifest["cells"][0]["checkpoint"]["name"])
    except (KeyError, TypeError, IndexError, AttributeError, ValueError, ConfigError) as error:
        why = str(error).rstrip(".")[:_MAX_REASON]
        raise ExportError(
            tr(
                "The sweep in {folder} cannot be read ({why}): open another one.",
                folder=folder,
                why=why,
            ),
            path=folder,
        ) from error
    file = _find(name, nearby)
    fixed = given(_common(cells, axes), models.at(file).defaults(), axes)
    plan = plan_sweep(file, axes, fixed, models)
    mine = json.loads(json.dumps(plan.to_json()))
    if {key: manifest.get(key) for key in mine} != mine:
        raise ExportError(
            tr(
                "The sweep in {folder} was made of another checkpoint {name}, or with options that its "
                "folder does not tell: repeat its command to resume it.",
                folder=folder,
                name=name,
            ),
            path=folder,
        )
    return file, plan, fixed


def _find(name: str, nearby: Sequence[Path]) -> Path:
    for file in nearby:
        if file.stem == name:
            return file
    try:
        return resolve(name)
    except CheckpointError as error:
        raise CheckpointError(
            tr(
                "The checkpoint {name} of the sweep is not in the catalogue: open its file first.",
                name=name,
            )
        ) from error


def _common(requests: Sequence[SamplingRequest], axes: Sequence[Axis]) -> SamplingRequest:
    """One of the requests without what an axis of tau added to it."""
    request = requests[0]
    if not any(axis.name == "tau" for axis in axes):
        return request
    plain: list[Override] = [each for each in request.overrides if each.kind != "tau"]
    return SamplingRequest.from_json(
        request.to_json() | {"overrides": [each.to_json() for each in plain]}
    )
