"""Session files of earlier versions, brought up to date one version after the other."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from spikestudio.sessions.document import SCHEMA_VERSION

Values = dict[str, Any]
_RENAMED = {"images": "num", "denoising_steps": "steps", "time_steps": "snn_steps"}
_STATES = {"done": "finished", "stopped": "cancelled"}


def _manifest_0(values: Values) -> Values:
    """Version 0 had other names of the sampler's settings, no notes, and no place but the layout."""
    settings = values.pop("settings")
    return {
        **values,
        "schema_version": 1,
        "note": "",
        "sampler": {_RENAMED.get(name, name): value for name, value in settings.items()},
        "place": {"layout": values.pop("layout", "")},
    }


def _run_0(values: Values) -> Values:
    """Version 0 called some parts of a run otherwise, and had no notes."""
    state = values.pop("status")
    return {
        **values,
        "key": values.pop("id"),
        "state": _STATES.get(state, state),
        "is_pinned": values.pop("pinned", False),
        "origin": values.pop("provenance"),
        "note": "",
    }


MIGRATIONS: Mapping[int, tuple[Callable[[Values], Values], Callable[[Values], Values]]] = {
    0: (_manifest_0, _run_0),
}
"""By the version that they start from: of the manifest, and of the description of each run."""


def version_of(manifest: Mapping[str, Any]) -> int:
    """Version of a manifest; -1 if it has none that there ever was."""
    version = manifest.get("schema_version")
    return version if type(version) is int and version >= 0 else -1


def migrated(manifest: Values) -> Values:
    """A manifest in the newest version; raises ``KeyError`` or ``TypeError`` if it is damaged."""
    for version in range(version_of(manifest), SCHEMA_VERSION):
        manifest = MIGRATIONS[version][0](manifest)
    return manifest


def migrated_run(values: Values, version: int) -> Values:
    """The description of a run from a session of a version, in the newest one; raises likewise."""
    for each in range(version, SCHEMA_VERSION):
        values = MIGRATIONS[each][1](values)
    return values
