"""Provenance read back: checked, as the values with which its run can be done again.

What a file says of its origin may be a stranger's: nothing of it is used before it fits the schema.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path
from typing import Any

from spikestudio.errors import ConfigError
from spikestudio.export.images import CHUNK
from spikestudio.export.provenance import flags, versions
from spikestudio.language import tr
from spikestudio.paths import resource
from spikestudio.sampling.branch import Branch, Change, branch_of
from spikestudio.sampling.request import SamplingRequest

_LONGEST = 80  # characters of a value or a path that are shown
_GLANCE = 16 * 1024  # bytes
_MAX_NAME = 255  # characters of a checkpoint's name


@dataclass(frozen=True, slots=True)
class Difference:
    """A field that is not the same there, in a file or on another machine, and here.

    Of what is too large to be told, such as images, ``note`` says how much of it differs.
    """

    field: str
    there: object = None
    here: object = None
    note: str = ""

    @property
    def text(self) -> str:
        """As ``threads: 2 there, 4 here``."""
        return self.note or tr(
            "{cut}: {cut_2} there, {cut_3} here",
            cut=_cut(self.field),
            cut_2=_cut(self.there),
            cut_3=_cut(self.here),
        )

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {"field": self.field, "there": self.there, "here": self.here, "text": self.text}


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """A run as its provenance describes it.

    ``changes`` are those during the run's own steps, which of a branch begin at its step; ``image`` is
    the one image of the batch that a file holds, None for all.
    """

    values: Mapping[str, Any]
    request: SamplingRequest
    branch: Branch | None
    changes: tuple[Change, ...]
    steps_done: int
    num_steps: int
    checkpoint: str
    tensors_sha256: str
    image: int | None

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Origin:
        """Take provenance in; raises ``ConfigError`` saying in one sentence what is wrong with it."""
        try:
            reason = _misfit(values)
            if reason:
                raise _unusable(reason)
            request = SamplingRequest.from_json(values["request"])
            branch = branch_of(values)
            changes = tuple(Change(**each) for each in values["changes"])
        except RecursionError as error:
            raise _unusable(tr("it is nested too deeply")) from error
        name, done, times = (
            values["checkpoint"]["name"],
            values["steps_done"],
            values["timesteps"],
        )
        first = 0 if branch is None else branch.step
        if done > len(times) or any(each.step >= len(times) for each in changes):
            raise _unusable(tr("it tells of more steps than the run has"))
        if not name.isprintable() or not 0 < len(name) <= _MAX_NAME:
            raise _unusable(tr("its checkpoint has no name that a file can have"))
        if values.get("image", 0) >= request.num:
            raise _unusable(tr("it is of an image that the run does not have"))
        return cls(
            values=values,
            request=request,
            branch=branch,
            changes=tuple(each for each in changes if first <= each.step < done),
            steps_done=done,
            num_steps=len(times),
            checkpoint=name,
            tensors_sha256=values["checkpoint"]["tensors_sha256"],
            image=values.get("image"),
        )

    @property
    def first_step(self) -> int:
        """First denoising step that is the run's own, counted from 0."""
        return 0 if self.branch is None else self.branch.step

    @property
    def is_complete(self) -> bool:
        """Whether the run was done to its end."""
        return self.steps_done == self.num_steps

    @property
    def is_strict(self) -> bool:
        """Whether its model was loaded with the numbers of the papers' code."""
        return bool(self.values["checkpoint"].get("strict"))

    @property
    def images_sha256(self) -> str | None:
        """Hash of the images of the batch; None where they are not those of all its steps."""
        images = self.values.get("images")
        if images is None or images["steps_done"] != self.steps_done:
            return None
        return str(images["sha256"])

    def machine(self, *, device: str = "", threads: int | None = None) -> tuple[Difference, ...]:
        """In what this machine differs, which may change pixels: spikes amplify rounding.

        ``device`` and ``threads`` are those that are used here; left out they are not compared. Needs
        no torch, and compares how it chooses kernels only where it is loaded.
        """
        there = self.values
        found = [
            Difference(name, there[name], here)
            for name, here in (("device", device), ("threads", threads))
            if here and there[name] != here
        ]
        flags_here = flags().get("flags")
        for part, here in (
            ("flags", flags_here or {}),
            ("versions", versions(self.request.sampler)),
        ):
            said = there.get(part, {})
            names = {*said} & {*here}
            found += [
                Difference(name.replace("_", " "), said[name], here[name])
                for name in here
                if name in names and said[name] != here[name]
            ]
        return tuple(found)


def may_carry(path: Path) -> bool:
    """Whether a picture looks like a PNG with provenance, by its beginning alone.

    Reads a few kilobytes; a PNG has its text before its pixels. Never raises.
    """
    try:
        with path.open("rb") as file:
            head = file.read(_GLANCE)
    except (OSError, ValueError):
        return False
    kinds = (b"tEXt", b"zTXt", b"iTXt")
    return head.startswith(b"\x89PNG") and any(
        kind + CHUNK.encode() + b"\0" in head for kind in kinds
    )


def request_values(request: SamplingRequest) -> dict[str, Any]:
    """Every parameter of a request as plain values, also those that ``to_json`` leaves out."""
    values = {each.name: getattr(request, each.name) for each in fields(SamplingRequest)}
    return values | request.to_json()


def flattened(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Values of nested objects by their path, ``checkpoint.name``; lists stay what they are."""
    flat: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, Mapping):
            flat |= flattened(value, f"{prefix}{name}.")
        else:
            flat[f"{prefix}{name}"] = value
    return flat


def _misfit(values: object) -> str:
    """Why values do not fit the schema, as half a sentence; empty if they do."""
    from jsonschema.exceptions import best_match

    error = best_match(_validator().iter_errors(values))
    if error is None:
        return ""
    where = ".".join(str(part) for part in error.absolute_path)[:_LONGEST] or "it"
    return tr("{where} does not fit the schema", where=where)


@cache
def _validator() -> Any:  # noqa: ANN401  jsonschema's validator class is made at run time
    from jsonschema import Draft202012Validator

    schema = json.loads(resource("schemas", "provenance.json").read_text(encoding="utf-8"))
    return Draft202012Validator(schema)


def _unusable(reason: str) -> ConfigError:
    return ConfigError(
        tr("This provenance cannot be used because {reason}: choose another file.", reason=reason),
        field="provenance",
    )


def _cut(value: object) -> str:
    """A value as it fits into a line, whatever it is; a hash by its beginning."""
    text = value if isinstance(value, str) else json.dumps(value)
    text = "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in text)
    if len(text) == 64 and all(each in "0123456789abcdef" for each in text):
        return f"{text[:12]}…"
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
