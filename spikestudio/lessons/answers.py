"""Answers of one student, as they are handed in: a table, and the same as one page.

The student's name is in what is handed in, where it was given, and kept nowhere else.
"""

from __future__ import annotations

import csv
import io
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from spikestudio.atomic import atomic_write
from spikestudio.errors import ExportError
from spikestudio.language import tr
from spikestudio.lessons.equations import number
from spikestudio.lessons.lesson import ENGLISH, Lesson, Page
from spikestudio.lessons.progress import (
    Answer,
    PageTime,
    Prediction,
    Progress,
    difference,
    now,
    was_right,
)
from spikestudio.lessons.states import STATES
from spikestudio.lessons.words import Words

VERSION = 1  # of the table
MOST_NAME = 80  # characters of a student's name
Kind = Literal["page", "choice", "number", "curve"]  # "page": one that asks nothing
KINDS: tuple[Kind, ...] = get_args(Kind)
COLUMNS = (
    *("version", "student", "exported_at", "lesson", "title", "page", "kind", "question"),
    *("completed", "predicted", "predicted_words", "measured", "measured_words", "difference"),
    *("right", "tries", "earlier", "seconds_to_answer", "seconds_on_page", "visits"),
    *("answered_at", "completed_at"),
)
ENCODING = "utf-8-sig"  # spreadsheets take a file without the mark for one of the country's own
YES, NO = "yes", "no"
_FORMULA = ("=", "+", "-", "@", "\t", "\r")  # what makes a spreadsheet compute a text
_QUOTE = "'"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One page: what was asked, answered and measured there; empty or None is "not recorded".

    ``predicted`` and ``measured`` are the id of a choice, a number, or the points of a curve; the
    ``…_words`` are what the student read. ``tries`` are the answers given, of which the first since
    the lesson was begun counts; ``earlier`` those before. Times in seconds.
    """

    lesson: str
    page: str
    kind: Kind
    title: str = ""
    question: str = ""
    is_done: bool = False
    predicted: Answer | None = None
    predicted_words: str = ""
    measured: Answer | None = None
    measured_words: str = ""
    difference: float | None = None
    was_right: bool | None = None
    tries: int = 0
    earlier: tuple[Answer, ...] = ()
    seconds_to_answer: float | None = None
    seconds: float | None = None
    visits: int | None = None
    answered_at: str = ""
    done_at: str = ""

    @property
    def key(self) -> tuple[str, str]:
        """Lesson and page, which are the same in every language."""
        return self.lesson, self.page


@dataclass(frozen=True, slots=True)
class Answers:
    """What one student hands in; the name may be empty."""

    student: str
    exported_at: str
    rows: tuple[Row, ...]


def clean_name(text: str) -> str:
    """Return a name as it is kept: one line, nothing invisible, at most ``MOST_NAME`` characters."""
    spaced = " ".join(unicodedata.normalize("NFC", text).split())
    return "".join(each for each in spaced if each.isprintable())[:MOST_NAME].strip()


def collect(
    lessons: Iterable[Lesson],
    progress_of: Callable[[Lesson], Progress],
    student: str = "",
    language: str = ENGLISH,
) -> Answers:
    """Gather the answers of lessons that were begun, page by page.

    Raises ``ExportError`` if none was begun.
    """
    rows: list[Row] = []
    for lesson in lessons:
        progress = progress_of(lesson)
        if progress.is_begun:
            rows += (_row(lesson, page, progress, language) for page in lesson.pages)
    if not rows:
        raise ExportError(
            tr("There are no answers yet: open a lesson and answer a question, then export."),
            path=Path("answers"),
        )
    return Answers(clean_name(student), now(), tuple(rows))


def words_of(page: Page, words: Words, answer: Answer | None) -> str:
    """Return an answer as the student reads it; empty where there is none."""
    if answer is None:
        return ""
    if isinstance(answer, str):
        return words.front.get(f"choice.{answer}", answer)
    if isinstance(answer, list):
        return ", ".join(number(each, 2) for each in answer)
    unit = words.front.get("unit", "")
    return f"{number(answer, decimals_of(page))} {unit}".strip()


def decimals_of(page: Page) -> int:
    """Return the decimals that a page's prediction is written with."""
    predict = page.predict
    if predict is None:
        return 0
    return min(predict.decimals, STATES[predict.state].decimals) if predict.state else 0


def _row(lesson: Lesson, page: Page, progress: Progress, language: str) -> Row:
    words = lesson.text(page.id, language)
    time = progress.pages.get(page.id)
    row = {
        "lesson": lesson.id,
        "page": page.id,
        "title": f"{lesson.title(language)}: {words.title}",
        "is_done": page.id in progress.done,
        "seconds": time.seconds if time else None,
        "visits": time.visits if time else None,
        "done_at": (time or PageTime()).done_at,
    }
    if page.predict is None:
        return Row(kind="page", **row)  # type: ignore[arg-type]
    found = progress.predictions.get(page.id)
    asked = {
        "kind": page.predict.kind,
        "question": words.front.get("question", ""),
        "tries": progress.tries(page.id),
        "earlier": tuple(progress.earlier.get(page.id, ())),
    }
    answer = _answered(page, words, found) if found else {}
    return Row(**row, **asked, **answer)  # type: ignore[arg-type]


def _answered(page: Page, words: Words, found: Prediction) -> dict[str, object]:
    assert page.predict is not None
    return {
        "predicted": found.predicted,
        "predicted_words": words_of(page, words, found.predicted),
        "measured": found.measured,
        "measured_words": words_of(page, words, found.measured),
        "difference": difference(found),
        "was_right": was_right(page.predict, found),
        "seconds_to_answer": found.seconds,
        "answered_at": found.answered_at,
    }


# the table --------------------------------------------------------------------------------------


def save_csv(path: Path, answers: Answers) -> None:
    """Write the table, one row for each page; raises ``ExportError``."""
    with atomic_write(path) as temporary:
        temporary.write_text(csv_text(answers), encoding=ENCODING, newline="")


def csv_text(answers: Answers) -> str:
    """Return the table as text."""
    lines = ([VERSION, *cells(answers, row)] for row in answers.rows)
    return table_text(COLUMNS, lines)


def cells(answers: Answers, row: Row) -> list[str]:
    """Return a row's cells in the order of ``COLUMNS``, after the version."""
    return [
        safe(answers.student),
        answers.exported_at,
        *(row.lesson, safe(row.title), row.page, row.kind, safe(row.question)),
        _flag(row.is_done),
        *(_cell(row.predicted), safe(row.predicted_words)),
        *(_cell(row.measured), safe(row.measured_words)),
        *(_cell(row.difference), _flag(row.was_right)),
        *(str(row.tries), "; ".join(map(_cell, row.earlier))),
        *(_cell(row.seconds_to_answer), _cell(row.seconds)),
        "" if row.visits is None else str(row.visits),
        *(row.answered_at, row.done_at),
    ]


def table_text(columns: Sequence[str], lines: Iterable[Sequence[object]]) -> str:
    """Return a table as CSV."""
    file = io.StringIO(newline="")
    writer = csv.writer(file)
    writer.writerow(columns)
    writer.writerows(lines)
    return file.getvalue()


def safe(text: str) -> str:
    """Return a text that no spreadsheet computes: what could be a formula gets a quote before it."""
    return _QUOTE + text if text.startswith(_FORMULA) else text


def unsafe(text: str) -> str:
    """Return the text that ``safe`` was given."""
    return text[1:] if text.startswith(_QUOTE) and text[1:].startswith(_FORMULA) else text


def _cell(value: Answer | None) -> str:
    if isinstance(value, list):
        return " ".join(f"{each:.6g}" for each in value)
    return "" if value is None else value if isinstance(value, str) else f"{value:.6g}"


def _flag(value: bool | None) -> str:
    return "" if value is None else YES if value else NO
