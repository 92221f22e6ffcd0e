"""Reading answers that were handed in: whatever the file holds, it is checked, bounded, never run."""

from __future__ import annotations

import base64
import binascii
import csv
import io
import re
import stat
from collections.abc import Callable, Mapping
from math import isfinite
from pathlib import Path
from typing import Any, TypeVar

from spikestudio.errors import SpikeStudioError
from spikestudio.language import tr
from spikestudio.lessons.answers import COLUMNS, KINDS, NO, YES, Answers, Row, clean_name, unsafe
from spikestudio.lessons.answers import VERSION as KNOWN_VERSION
from spikestudio.lessons.progress import MOST_EARLIER, Answer

TABLES, PAGES = (".csv",), (".html", ".htm")
MOST_TABLE, MOST_PAGE = 512 * 1024, 8 * 2**20  # bytes of a file
MOST_ROWS = 600
MOST_TEXT = 600  # characters of what a cell says
MOST_POINTS = 64  # of a curve
_MOST_COUNT = 10_000
_LARGEST = 1e9
_DELIMITERS = (",", ";", "\t")  # spreadsheets write their country's own
_INSIDE = re.compile(rb'href="data:text/csv;base64,([A-Za-z0-9+/=]{1,1000000})"')
_ID = re.compile(r"[a-z0-9]{1,60}(?:-[a-z0-9]{1,60}){0,20}")
_TIME = re.compile(r"[0-9T:+.Z -]{0,40}")
_Value = TypeVar("_Value")


class AnswersError(SpikeStudioError):
    """A file cannot be used as a student's answers; ``reason`` is what is wrong with it."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(
            tr(
                "{path} cannot be used because {reason}: ask for the file as it was exported.",
                path=path.name,
                reason=reason,
            )
        )
        self.path, self.reason = path, reason


def read(path: Path) -> Answers:
    """Read answers from a table, or from the table that a page carries; raises ``AnswersError``."""
    suffix = path.suffix.lower()
    if suffix in PAGES:
        match = _INSIDE.search(_bytes(path, MOST_PAGE))
        if match is None:
            raise AnswersError(path, tr("it is a page without answers in it"))
        try:
            data = base64.b64decode(match[1], validate=True)
        except binascii.Error:
            raise AnswersError(path, tr("the answers in it are damaged")) from None
        if len(data) > MOST_TABLE:
            raise AnswersError(
                path,
                tr("its answers are larger than {most_table:,} KiB", most_table=MOST_TABLE // 1024),
            )
    elif suffix in TABLES:
        data = _bytes(path, MOST_TABLE)
    else:
        raise AnswersError(path, tr("its name ends neither in .csv nor in .html"))
    return parse(data, path)


def parse(data: bytes, path: Path) -> Answers:
    """Read the bytes of a table; ``path`` is named in the ``AnswersError``."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise AnswersError(path, tr("it is not UTF-8 text")) from None
    if "\0" in text:
        raise AnswersError(path, tr("it is no text"))
    header = text.partition("\n")[0].strip()
    for delimiter in _DELIMITERS:
        if header.replace('"', "").split(delimiter)[: len(COLUMNS)] == list(COLUMNS):
            break
    else:
        raise AnswersError(path, tr("its first line does not have the columns of exported answers"))
    try:
        lines = list(csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter))
    except csv.Error as error:
        raise AnswersError(path, tr("it is no table ({error})", error=error)) from None
    if not lines:
        raise AnswersError(path, tr("it has no answers"))
    if len(lines) > MOST_ROWS:
        raise AnswersError(path, tr("it has more than {most_rows:,} rows", most_rows=MOST_ROWS))
    return _answers(lines, path)


def _answers(lines: list[dict[str, Any]], path: Path) -> Answers:
    rows: dict[tuple[str, str], Row] = {}
    whose: set[tuple[str, str]] = set()
    for line, values in enumerate(lines, 2):
        try:
            if None in values or None in values.values():
                raise ValueError(tr("it has other cells than the first line names"))
            if values["version"] != str(KNOWN_VERSION):
                raise ValueError(tr("it is of version {short}", short=_short(values["version"])))
            row = _row(values)
            name = clean_name(unsafe(values["student"]))
            whose.add((name, _matching(values["exported_at"], _TIME, "time")))
        except ValueError as error:
            raise AnswersError(
                path, tr("row {line:,} is not as exported ({error})", line=line, error=error)
            ) from None
        if row.key in rows:
            raise AnswersError(path, tr("row {line:,} answers the same question again", line=line))
        rows[row.key] = row
    if len(whose) > 1:
        raise AnswersError(path, tr("it holds the answers of more than one export"))
    student, exported_at = whose.pop()
    return Answers(student, exported_at, tuple(rows.values()))


def _row(values: Mapping[str, str]) -> Row:
    """Read one row; raises ``ValueError`` with the reason."""
    kind = next((each for each in KINDS if each == values["kind"]), None)
    if kind is None:
        raise ValueError(tr("there is no kind {short}", short=_short(values["kind"])))
    read_answer = _ANSWERS.get(kind)

    def answer(name: str) -> Answer | None:
        return _maybe(read_answer, values[name]) if read_answer else None

    earlier = [each for each in values["earlier"].split("; ") if each] if read_answer else []
    if len(earlier) > MOST_EARLIER:
        raise ValueError(tr("it has too many earlier answers"))
    return Row(
        lesson=_matching(values["lesson"], _ID, "lesson"),
        page=_matching(values["page"], _ID, "page"),
        kind=kind,
        title=_text(values["title"]),
        question=_text(values["question"]),
        is_done=bool(_maybe(_flag, values["completed"])),
        predicted=answer("predicted"),
        predicted_words=_text(values["predicted_words"]),
        measured=answer("measured"),
        measured_words=_text(values["measured_words"]),
        difference=_maybe(_number, values["difference"]),
        was_right=_maybe(_flag, values["right"]),
        tries=_count(values["tries"]),
        earlier=tuple(read_answer(each) for each in earlier) if read_answer else (),
        seconds_to_answer=_maybe(_seconds, values["seconds_to_answer"]),
        seconds=_maybe(_seconds, values["seconds_on_page"]),
        visits=_maybe(_count, values["visits"]),
        answered_at=_matching(values["answered_at"], _TIME, "time"),
        done_at=_matching(values["completed_at"], _TIME, "time"),
    )


def _maybe(read_one: Callable[[str], _Value], text: str) -> _Value | None:
    return read_one(text) if text else None


def _text(text: str) -> str:
    shown = "".join(each if each.isprintable() else " " for each in unsafe(text)[:MOST_TEXT])
    return " ".join(shown.split())


def _short(text: object) -> str:
    return repr(str(text)[:40])


def _matching(text: str, pattern: re.Pattern[str], what: str) -> str:
    if pattern.fullmatch(text) is None:
        raise ValueError(tr("{short} is no {what}", short=_short(text), what=what))
    return text


def _flag(text: str) -> bool:
    if text not in (YES, NO):
        raise ValueError(
            tr("{short} is neither {yes} nor {no}", short=_short(text), yes=YES, no=NO)
        )
    return text == YES


def _number(text: str) -> float:
    try:
        found = float(text[:40])
    except ValueError:
        raise ValueError(tr("{short} is no number", short=_short(text))) from None
    if not isfinite(found) or abs(found) > _LARGEST:
        raise ValueError(tr("{short} is beyond all numbers that are asked for", short=_short(text)))
    return found


def _seconds(text: str) -> float:
    found = _number(text)
    if found < 0:
        raise ValueError(tr("{short} is no time", short=_short(text)))
    return found


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 7) or int(text) > _MOST_COUNT:
        raise ValueError(tr("{short} is no count", short=_short(text)))
    return int(text)


def _choice(text: str) -> Answer:
    return _matching(text, _ID, "choice")


def _curve(text: str) -> Answer:
    points = text.split(" ", MOST_POINTS)
    if len(points) > MOST_POINTS:
        raise ValueError(tr("its curve has too many points"))
    return [_number(each) for each in points]


_ANSWERS: dict[str, Callable[[str], Answer]] = {
    "choice": _choice,
    "number": _number,
    "curve": _curve,
}


def _bytes(path: Path, most: int) -> bytes:
    """Read a small regular file."""
    try:
        if not stat.S_ISREG(path.lstat().st_mode):  # neither a link nor a pipe, which could block
            raise AnswersError(path, tr("it is no regular file"))
        with path.open("rb") as file:
            data = file.read(most + 1)
    except OSError as error:
        raise AnswersError(
            path, tr("it cannot be read ({strerror})", strerror=error.strerror or error)
        ) from None
    if len(data) > most:
        raise AnswersError(path, tr("it is larger than {most:,} KiB", most=most // 1024))
    if not data:
        raise AnswersError(path, tr("it is empty"))
    return data
