"""Reading a lesson pack, which may be a stranger's: all of it is checked before any of it is used."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

from spikestudio.checkpoints import strict_json
from spikestudio.language import tr
from spikestudio.lessons.lines import Place, line_at, line_of_error, lines_of, page_at
from spikestudio.lessons.pack import (
    CONTROL_VALUES,
    MANIFEST,
    SCHEMA_VERSION,
    SESSION,
    Locked,
    Pack,
    locked_from,
)
from spikestudio.lessons.problem import LessonError, PackError
from spikestudio.lessons.reading import (
    FILE,
    MOST_JSON,
    MOST_PICTURE,
    MOST_WORDS,
    Known,
    read,
    request_problem,
    validator,
)

MEND = tr("mend that place and save the pack again")
MOST_BYTES = 32 * 2**20  # of all that is unpacked
_DEPTH = 8
_LONGEST = 120
_MARKUP = re.compile(
    r"<\s*/?\s*(script|iframe|object|embed|applet|img|link|style|meta|base|form|svg|video|audio)\b",
    re.IGNORECASE,
)


class Source(Protocol):
    """The parts of a pack by name; reading never gives more bytes than asked for."""

    path: Path

    def has(self, name: str) -> bool: ...
    def size(self, name: str) -> int: ...
    def read(self, name: str, most: int) -> bytes: ...


def read_pack(source: Source, folder: Path, known: Known | None = None) -> Pack:
    """Read and check a pack, all but its starting session.

    Parameters
    ----------
    source
        Its parts.
    folder
        An empty folder of ours, which its pages and pictures are put into: the lesson's folder.
    known
        Names that it may use, as those of a lesson.

    Raises
    ------
    PackError
        It cannot be used; the message names part, page and line. The folder may hold some files.
    """
    known = known or Known()
    data = _part(source, MANIFEST, MOST_JSON)
    check_manifest(source.path, data, known)
    values = strict_json.parse(data, _DEPTH)
    _unpack(source, folder, values["files"])
    lesson_data = _part(source, FILE, MOST_JSON)
    (folder / FILE).write_bytes(lesson_data)
    try:
        lesson = read(folder, known)
    except LessonError as error:
        name = error.path.relative_to(folder).as_posix()
        raise PackError(
            source.path, error.reason, MEND, file=name, line=error.line, page=error.page
        ) from None
    locked = locked_from(values)
    _check_starts(source.path, lesson_data, locked)
    return Pack(
        id=values["id"],
        lesson=lesson,
        author=values.get("author", ""),
        level=values.get("level", ""),
        visible=tuple(values["visible"]) if "visible" in values else None,
        locked=locked,
        has_session=source.has(SESSION),
    )


def check_manifest(path: Path, data: bytes, known: Known) -> None:
    """Raise ``PackError`` unless ``pack.json`` is one that this program can read."""
    try:
        values = strict_json.parse(data, _DEPTH)
    except ValueError as error:
        line = line_of_error(error, data)
        raise PackError(path, str(error), MEND, file=MANIFEST, line=line) from None
    lines = lines_of(data.decode("utf-8"))
    version = values.get("schema_version") if isinstance(values, dict) else None
    if type(version) is int and version > SCHEMA_VERSION:
        raise PackError(
            path,
            tr(
                "it is of version {version} and this program reads version {schema_version}",
                version=version,
                schema_version=SCHEMA_VERSION,
            ),
            tr("update SpikeStudio to open it"),
            file=MANIFEST,
            line=line_at(lines, ("schema_version",)),
        )
    for place, reason in _problems(values, known):
        line = line_at(lines, place)
        raise PackError(path, reason[:400], MEND, file=MANIFEST, line=line)


def _problems(values: Any, known: Known) -> Iterator[tuple[Place, str]]:  # noqa: ANN401
    from jsonschema.exceptions import best_match

    error = best_match(validator("pack.json").iter_errors(values))
    if error is not None:
        where = ".".join(str(each) for each in error.absolute_path) or "it"
        yield (
            tuple(error.absolute_path),
            tr("{where} does not fit: {message}", where=where, message=error.message[:_LONGEST]),
        )
        return
    seen: set[str] = set()
    for index, each in enumerate(values.get("locked", ())):
        at, name = ("locked", index), each["control"]
        if known.controls and name not in known.controls:
            yield (*at, "control"), tr("there is no control {name!r}", name=name[:_LONGEST])
        if name in seen:
            yield (*at, "control"), tr("the control {name!r} is locked twice", name=name)
        seen.add(name)
        if "value" in each and (reason := value_problem(name, each["value"])):
            yield (*at, "value"), reason
    for index, name in enumerate(values.get("visible", ())):
        if known.controls and name not in known.controls:
            yield ("visible", index), tr("there is no control {name!r}", name=name[:_LONGEST])


def value_problem(control: str, value: float | str) -> str:
    """Return why a control cannot be held at a value; empty if it can."""
    if control not in CONTROL_VALUES:
        return tr("{control!r} has no value of its own to hold", control=control)
    owner, _, name = CONTROL_VALUES[control].partition(".")
    if owner == "request":
        return request_problem(name, value)
    is_fit = validator("lesson.json", "start").is_valid({"lab": {name: value}})
    return (
        ""
        if is_fit
        else tr("the neuron lab has no {name} {value!r}", name=name, value=str(value)[:_LONGEST])
    )


def _check_starts(path: Path, data: bytes, locked: tuple[Locked, ...]) -> None:
    """Raise ``PackError`` if a page starts with another value than the pack holds."""
    values = strict_json.parse(data, 32)
    for index, page in enumerate(values["pages"]):
        for each in locked:
            owner, name = each.field if each.control in CONTROL_VALUES else ("", "")
            wanted = page.get("start", {}).get(owner, {}).get(name)
            if each.value is None or wanted is None or wanted == each.value:
                continue
            place = ("pages", index, "start", owner, name)
            raise PackError(
                path,
                tr(
                    "it starts with {name} {wanted}, which the pack holds at {value}",
                    name=name,
                    wanted=wanted,
                    value=each.value,
                ),
                MEND,
                file=FILE,
                line=line_at(lines_of(data.decode("utf-8")), place),
                page=page_at(place),
            )


def _part(source: Source, name: str, most: int) -> bytes:
    if not source.has(name):
        raise PackError(source.path, tr("it lacks {name}", name=name))
    if source.size(name) > most:
        raise PackError(
            source.path, tr("its {name} is larger than {most} KiB", name=name, most=most // 1024)
        )
    return source.read(name, most)


def _unpack(source: Source, folder: Path, names: list[str]) -> None:
    """Put pages and pictures into a folder; the names fit the schema, which lets none lead out."""
    total = 0
    for name in names:
        is_words = name.endswith(".md")
        data = _part(source, name, MOST_WORDS if is_words else MOST_PICTURE)
        total += len(data)
        if total > MOST_BYTES:
            most = MOST_BYTES // 2**20
            raise PackError(
                source.path, tr("its pages and pictures are more than {most} MiB", most=most)
            )
        if is_words:
            check_markup(source.path, name, data)
        target = folder / name
        target.parent.mkdir(exist_ok=True)
        target.write_bytes(data)


def check_markup(path: Path, name: str, data: bytes) -> None:
    """Raise ``PackError`` if a page holds HTML that could run or fetch something."""
    for number, each in enumerate(data.decode("utf-8", "replace").splitlines(), 1):
        found = _MARKUP.search(each)
        if found is not None:
            reason = tr("it holds HTML (<{found}>), which no page may", found=found[1].lower())
            raise PackError(path, reason, MEND, file=name, line=number)
