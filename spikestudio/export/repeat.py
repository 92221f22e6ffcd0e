"""A run as the Python program, or as the command, that does it again: "Copy as …"."""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from pprint import pformat
from typing import Any

from spikestudio.errors import ConfigError
from spikestudio.export.origin import Origin, request_values
from spikestudio.export.provenance import versions

_WIDTH = 88
_OPTIONS = {
    "num": "--num",
    "seed": "--seed",
    "sampler": "--sampler",
    "steps": "--steps",
    "snn_steps": "--snn-steps",
    "threshold": "--threshold",
    "eta": "--eta",
    "class_label": "--class",
    "temperature": "--temperature",  # of token models only
    "guidance": "--guidance",  # of models with classes only
}
_OVERRIDES = "overrides.json"


def as_python(values: Mapping[str, Any], checkpoint: str | Path | None = None) -> str:
    """Program that repeats a run with the Python API, whatever was done to it.

    Changes during the run are made at their steps, a branch starts from its parent's seed, and a
    cancelled run stops where it did. Every text of ``values`` is quoted.

    Parameters
    ----------
    values
        Provenance of the run.
    checkpoint
        Name or path to load; None takes the name that the provenance has.

    Raises
    ------
    ConfigError
        The provenance is none that can be used.
    """
    origin = Origin.of(values)
    name = origin.checkpoint if checkpoint is None else str(checkpoint)
    is_driven = bool(origin.changes) or not origin.is_complete
    imports = ["import spikestudio as ss"]
    if origin.is_strict:
        imports.append("from spikestudio.checkpoints.loader import load")
        imports.append("from spikestudio.checkpoints.official import Choices")
    if origin.branch is not None:
        imports.append("from spikestudio.sampling.branch import Branch")
    if is_driven:
        imports.append("from spikestudio.sampling.events import StepFinished")
    lines = [
        f"# made with SpikeStudio {_plain(values['versions'].get('spikestudio', ''))}, "
        f"tensors SHA-256 {origin.tensors_sha256}; this is for {versions()['spikestudio']}",
        *imports,
        "",
        f"model = {_load(origin, name)}",
    ]
    arguments = [
        f"    {field}={_literal(value, 4 + len(field) + 1)},"
        for field, value in request_values(origin.request).items()
    ]
    if origin.branch is not None:
        branch = _literal(origin.branch.to_json(), 0)
        lines += [f"branch = Branch.from_json(\n{branch}\n)"]
        arguments.append("    branch=branch,")
    lines += ["run = ss.sample(", "    model,", *arguments, ")"]
    lines += _driven(origin) if is_driven else ["for event in run:", "    pass"]
    return "\n".join([*lines, "images = run.result.images  # uint8 [N, H, W, C]", ""])


def why_no_command(values: Mapping[str, Any]) -> str:
    """Why a run cannot be written as one command, as a sentence; empty if it can.

    Raises ``ConfigError`` if the provenance is none that can be used.
    """
    return _obstacle(Origin.of(values))


def as_command(
    values: Mapping[str, Any], checkpoint: str | Path | None = None, out: str = "grid.png"
) -> str:
    """Command that repeats a run, for the shell of this system.

    Experiments on neurons are in a file: a line before it writes that.

    Raises
    ------
    ConfigError
        The provenance is none that can be used, or the run cannot be written as a command; the
        sentence says why and what to use instead.
    """
    origin = Origin.of(values)
    reason = _obstacle(origin)
    if reason:
        raise ConfigError(reason, field="command")
    name = origin.checkpoint if checkpoint is None else str(checkpoint)
    request = origin.request
    arguments = ["spikestudio", "sample", f"./{name}" if name.startswith("-") else name]
    for field, value in _given(origin).items():
        arguments += [_OPTIONS[field], str(value)]
    if not _is_token_model(origin):
        arguments.append("--clip-x0" if request.clip_x0 else "--no-clip-x0")
    if request.rescale_readout:
        arguments.append("--rescale-readout")
    if request.overrides:
        arguments += ["--overrides", _OVERRIDES]
    arguments += ["--device", str(values["device"]), "--out", out]
    if not request.overrides:
        return _quoted(arguments)
    import json

    text = json.dumps([each.to_json() for each in request.overrides])
    return f"printf '%s' {shlex.quote(text)} > {_OVERRIDES}\n{_quoted(arguments)}"


def _obstacle(origin: Origin) -> str:
    step = origin.steps_done
    for is_so, reason in (
        (origin.branch is not None, "it starts in the middle of another run or from given tokens"),
        (bool(origin.changes), "its parameters were changed while it ran"),
        (not origin.is_complete, f"it was stopped after {step:,} of {origin.num_steps:,} steps"),
        (origin.request.first_image > 0, "it does not begin with the first image of its seed"),
        (origin.is_strict, "its model was loaded with the numbers of the papers' code"),
        (
            bool(origin.request.overrides) and os.name == "nt",
            "its experiments on neurons have to be in a file",
        ),
    ):
        if is_so:
            return (
                f"This run cannot be written as one command because {reason}: copy it as Python, or "
                "export it and use spikestudio replay with the file."
            )
    return ""


def _given(origin: Origin) -> dict[str, Any]:
    """Parameters that have an option and a value; those that the model has no use for are refused."""
    unused = {
        *(() if _is_token_model(origin) else ("temperature",)),
        *(() if origin.values["labels"] is not None else ("guidance", "class_label")),
        *(() if origin.request.eta else ("eta",)),
    }
    request = origin.request
    return {
        name: getattr(request, name)
        for name in _OPTIONS
        if name not in unused and getattr(request, name) is not None
    }


def _is_token_model(origin: Origin) -> bool:
    return origin.request.sampler == "absorbing"


def _quoted(arguments: list[str]) -> str:
    return subprocess.list2cmdline(arguments) if os.name == "nt" else shlex.join(arguments)


def _load(origin: Origin, name: str) -> str:
    device = origin.values["device"]
    if origin.is_strict:
        return f"load({name!r}, {device!r}, choices=Choices(strict=True))"
    return f"ss.load({name!r}, {device!r})"


def _driven(origin: Origin) -> list[str]:
    """Loop over the events that makes the changes at their steps, and stops where the run did."""
    lines = []
    if origin.changes:
        changes = {each.step: asdict(each) for each in origin.changes}
        for each in changes.values():
            del each["step"]
        lines += [f"changes = {_literal(changes, 10)}  # by denoising step"]
        lines += [f"run.control.set_parameters(**changes.get({origin.first_step}, {{}}))"]
    if origin.steps_done <= origin.first_step:
        return [*lines, "run.cancel()", "for event in run:", "    pass"]
    lines += ["for event in run:", "    if isinstance(event, StepFinished):"]
    if origin.changes:
        lines.append("        run.control.set_parameters(**changes.get(event.step + 1, {}))")
    if not origin.is_complete:
        lines.append(f"        if event.step == {origin.steps_done - 1}:")
        lines.append("            run.cancel()  # as the run was")
    return lines


def _literal(value: object, indent: int) -> str:
    """A plain value as Python writes it, further lines below its beginning."""
    text = pformat(value, width=_WIDTH - indent, sort_dicts=False, compact=True)
    return text.replace("\n", "\n" + " " * indent)


def _plain(text: object) -> str:
    """A text of a file as part of a comment: it must not end the line."""
    return "".join(each for each in str(text) if each.isalnum() or each in ".+-_")[:40]
