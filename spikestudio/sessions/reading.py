"""Reading a session: nothing of it is used before all of it is checked."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from spikestudio.errors import ConfigError
from spikestudio.language import tr
from spikestudio.paths import resource
from spikestudio.sessions import files
from spikestudio.sessions.document import SCHEMA_VERSION, Run, Session, run_from_json
from spikestudio.sessions.files import Source, ZipSource, member, unusable
from spikestudio.sessions.migration import migrated, migrated_run, version_of

_LONGEST = 80
_MISFITS = (ConfigError, KeyError, TypeError, ValueError, AttributeError, RecursionError)


def open_session(path: Path | str) -> tuple[Session, ZipSource]:
    """Read a session file.

    Parameters
    ----------
    path
        The file, which may be a stranger's.

    Returns
    -------
    tuple
        The session, whose runs have no recordings yet, and the open file, from which these can be
        unpacked (``has_recording``); close it then.

    Raises
    ------
    SessionError
        It cannot be used, in one sentence; nothing was written.
    """
    source = ZipSource(Path(path))
    try:
        return read_session(source), source
    except BaseException:
        source.close()
        raise


def has_recording(source: Source, key: int) -> bool:
    """Whether the recording of a run can be unpacked."""
    return source.has(member(key, files.RECORDING))


def read_session(source: Source) -> Session:
    """Read and check everything but the recordings; raises ``SessionError``."""
    manifest = files.read_json(source, files.MANIFEST)
    version = version_of(manifest)
    if version < 0:
        raise unusable(source.path, tr("it does not say which version it is of"))
    if version > SCHEMA_VERSION:
        raise unusable(
            source.path,
            tr(
                "it is of version {version}, and this program reads up to {schema_version}",
                version=version,
                schema_version=SCHEMA_VERSION,
            ),
            tr("update SpikeStudio to open it"),
        )
    try:
        manifest = migrated(manifest)
    except _MISFITS as error:
        raise unusable(source.path, tr("what it holds does not fit its version")) from error
    _check(source.path, manifest, "manifest")
    keys = manifest["runs"]
    runs = tuple(_run(source, key, version) for key in keys)
    known = set(keys)
    if any(run.parent is not None and run.parent not in known for run in runs):
        runs = tuple(_without_lost_parent(run, known) for run in runs)
    try:
        return Session.from_json(manifest, runs)
    except _MISFITS as error:
        raise unusable(source.path, _reason(error)) from error


def read_run(source: Source, key: int, version: int = SCHEMA_VERSION) -> Run:
    """Read and check one run; raises ``SessionError``."""
    return _run(source, key, version)


def _run(source: Source, key: int, version: int) -> Run:
    place = member(key, files.RUN)
    values = files.read_json(source, place)
    try:
        values = migrated_run(values, version)
    except _MISFITS as error:
        raise unusable(
            source.path, tr("its {place} does not fit its version", place=place)
        ) from error
    _check(source.path, values, "run")
    if values["key"] != key:
        raise unusable(source.path, tr("its {place} is of another run", place=place))
    arrays = {
        name: array
        for name in files.ARRAYS
        if (array := files.read_array(source, key, name)) is not None
    }
    if "rates" not in arrays:
        raise unusable(source.path, tr("it lacks the rates of run {key}", key=key))
    try:
        return run_from_json(values, arrays)
    except _MISFITS as error:
        raise unusable(
            source.path,
            tr("run {key} in it is not whole: {reason}", key=key, reason=_reason(error)),
        ) from error


def _without_lost_parent(run: Run, known: set[int]) -> Run:
    from dataclasses import replace

    return run if run.parent is None or run.parent in known else replace(run, parent=None)


def _reason(error: Exception) -> str:
    text = (str(error).splitlines() or [""])[0].rstrip(".")[:200] or type(error).__name__
    return text[:1].lower() + text[1:]


def _check(path: Path, values: Mapping[str, Any], part: str) -> None:
    """Raise ``SessionError`` unless values fit their part of the schema."""
    from jsonschema.exceptions import best_match

    error = best_match(_validator(part).iter_errors(values))
    if error is not None:
        where = ".".join(str(each) for each in error.absolute_path)[:_LONGEST] or "it"
        raise unusable(
            path,
            tr(
                "in the description of a {part} {where} does not fit the schema",
                part=part,
                where=where,
            ),
        )


@cache
def _validator(part: str) -> Any:  # noqa: ANN401  jsonschema's validator class is made at run time
    from jsonschema import Draft202012Validator

    schema = json.loads(resource("schemas", "session.json").read_text(encoding="utf-8"))
    return Draft202012Validator({**schema, "$ref": f"#/$defs/{part}"})
