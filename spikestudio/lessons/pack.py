"""A lesson pack as values: a lesson with its starting session and what the teacher holds fixed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from spikestudio.lessons.lesson import Lesson

SUFFIX = ".spikelesson"
MANIFEST = "pack.json"
SESSION = "session.json"  # of the starting session, whose parts lie beside it
SCHEMA_VERSION = 1
LEVELS = ("intro", "explore", "lab")

CONTROL_VALUES = {
    "sampler.seed": "request.seed",
    "sampler.num": "request.num",
    "sampler.steps": "request.steps",
    "sampler.snn-steps": "request.snn_steps",
    "sampler.threshold": "request.threshold",
    "sampler.temperature": "request.temperature",
    "sampler.guidance": "request.guidance",
    "sampler.sampler": "request.sampler",
    "lab.kind": "lab.kind",
    "lab.tau": "lab.tau",
    "lab.threshold": "lab.threshold",
    "lab.amplitude": "lab.amplitude",
    "lab.steps": "lab.steps",
    "lab.reset": "lab.reset",
    "lab.shape": "lab.shape",
}
"""Controls that set one value, and which: a field of the next request, or one of the neuron lab."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Locked:
    """A control that cannot be used while the pack is open.

    ``value`` is what its value is held at; None where the control alone is locked. ``note`` is what
    the teacher says about it.
    """

    control: str
    note: str = ""
    value: float | str | None = None

    @property
    def field(self) -> tuple[str, str]:
        """Where the value belongs to, ``request`` or ``lab``, and its name there."""
        owner, _, name = CONTROL_VALUES[self.control].partition(".")
        return owner, name


@dataclass(frozen=True, slots=True, kw_only=True)
class Pack:
    """A lesson, what it starts from and what is held fixed; ``visible`` of None: every row."""

    id: str
    lesson: Lesson
    author: str = ""
    level: str = ""
    visible: tuple[str, ...] | None = None
    locked: tuple[Locked, ...] = ()
    has_session: bool = False

    def held(self, owner: str) -> dict[str, Any]:
        """Return the values that are held fixed, of the ``request`` or of the ``lab``."""
        return {
            each.field[1]: each.value
            for each in self.locked
            if each.value is not None and each.field[0] == owner
        }


def locked_from(values: Mapping[str, Any]) -> tuple[Locked, ...]:
    """Make what is locked from a manifest that fits the schema."""
    return tuple(Locked(**each) for each in values.get("locked", ()))
