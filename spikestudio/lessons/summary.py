"""What a class answered: the files that were handed in, brought together question by question."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from spikestudio.atomic import atomic_write, is_temporary
from spikestudio.errors import ConfigError
from spikestudio.export.progress import ExportCancelledError, Progress
from spikestudio.language import tr
from spikestudio.lessons.answers import (
    COLUMNS,
    ENCODING,
    Answers,
    cells,
    clean_name,
    csv_text,
    safe,
    table_text,
)
from spikestudio.lessons.answers_reading import AnswersError, read
from spikestudio.lessons.lesson import ENGLISH, Lesson
from spikestudio.lessons.questions import Question, gather

ROSTER = "students.txt"  # in the folder: the names of the class, one a line
MOST_FILES, MOST_STUDENTS, MOST_QUESTIONS = 2_000, 1_000, 200
MARK = "class_summary"  # first column of the table, by which it is told from what is handed in
PAGE_MARK = b'name="generator" content="SpikeStudio class summary"'
_DEPTH = 3  # folders in folders; course systems make one for each student
_HEAD = 4096


@dataclass(frozen=True, slots=True)
class Handed:
    """One student's answers; ``files`` are the names under which they were handed in."""

    answers: Answers
    files: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ClassSummary:
    """A class. ``refused`` are pairs of file and reason, ``repeated`` of name and files.

    ``missing`` are on the class's list and handed nothing in, ``unlisted`` the other way round; both
    are None where there is no list. ``left_out`` counts questions beyond ``MOST_QUESTIONS``.
    """

    handed: tuple[Handed, ...]
    questions: tuple[Question, ...]
    refused: tuple[tuple[str, str], ...]
    repeated: tuple[tuple[str, tuple[str, ...]], ...]
    missing: tuple[str, ...] | None
    unlisted: tuple[str, ...] | None
    left_out: int = 0

    @property
    def num_nameless(self) -> int:
        """Answers without a name, each of which counts as a student."""
        return sum(not each.answers.student for each in self.handed)


def summarise(
    folder: Path,
    lessons: Iterable[Lesson] = (),
    roster: Path | None = None,
    language: str = ENGLISH,
    *,
    progress: Progress | None = None,
    is_cancelled: Callable[[], bool] | None = None,
) -> ClassSummary:
    """Read the answers in a folder and in folders in it.

    Parameters
    ----------
    folder
        Tables and pages that were exported, in any order, and whatever else lies there.
    lessons
        Those that are known: their words are used, not those of the files.
    roster
        Names of the class, one a line; None takes ``ROSTER`` in the folder, if it is there.

    Raises
    ------
    ConfigError
        The folder or the list cannot be read. A file that cannot be used is in ``refused``.
    """
    names = _names(folder, roster)
    paths = _files(folder, roster)
    refused = [(str(each.relative_to(folder)), "there are too many files") for each in paths[1]]
    found: list[tuple[str, Answers]] = []
    for done, path in enumerate(paths[0], 1):
        if is_cancelled is not None and is_cancelled():
            raise ExportCancelledError(tr("The class summary was cancelled."), path=folder)
        name = str(path.relative_to(folder))
        try:
            if not _is_summary(path):
                found.append((name, read(path)))
        except AnswersError as error:
            refused.append((name, error.reason))
        if progress is not None:
            progress(done, len(paths[0]))
    handed, repeated = _students(found)
    if len(handed) > MOST_STUDENTS:
        extra = [file for each in handed[MOST_STUDENTS:] for file in each.files]
        refused += [(name, f"there are more than {MOST_STUDENTS:,} students") for name in extra]
        handed = handed[:MOST_STUDENTS]
    answered = ((each.answers.student, each.answers.rows) for each in handed)
    questions = list(gather(answered, list(lessons), language))
    known = {_key(each.answers.student): each.answers.student for each in handed}
    known.pop("", None)
    listed = None if names is None else {_key(each): each for each in names}
    return ClassSummary(
        tuple(handed),
        tuple(questions[:MOST_QUESTIONS]),
        tuple(refused),
        tuple(repeated),
        None if listed is None else tuple(v for k, v in listed.items() if k not in known),
        None if listed is None else tuple(v for k, v in known.items() if k not in listed),
        max(len(questions) - MOST_QUESTIONS, 0),
    )


def save_csv(path: Path, summary: ClassSummary) -> None:
    """Write every answer that counts, one row for each student and page; raises ``ExportError``."""
    lines = (
        [1, safe("; ".join(each.files)), *cells(each.answers, row)]
        for each in summary.handed
        for row in each.answers.rows
    )
    text = table_text((MARK, "file", *COLUMNS[1:]), lines)
    with atomic_write(path) as temporary:
        temporary.write_text(text, encoding=ENCODING, newline="")


# files ------------------------------------------------------------------------------------------


def _files(folder: Path, roster: Path | None) -> tuple[list[Path], list[Path]]:
    """Return the files that are looked at, in the order of their names, and some that are too many."""
    found: list[Path] = []
    for place, inner, names in os.walk(folder):
        at = Path(place)
        inner[:] = sorted(each for each in inner if not each.startswith("."))
        if len(at.relative_to(folder).parts) >= _DEPTH:
            inner.clear()
        for name in sorted(names):
            path = at / name
            is_other = name.startswith(".") or is_temporary(path) or _is_same(path, roster)
            if not is_other and name != ROSTER:
                found.append(path)
        if len(found) > 2 * MOST_FILES:
            break
    return found[:MOST_FILES], found[MOST_FILES : MOST_FILES + 5]


def _is_same(path: Path, other: Path | None) -> bool:
    return other is not None and path.absolute() == other.absolute()


def _is_summary(path: Path) -> bool:
    """Whether a file is what was made of such a folder before."""
    try:
        if not path.is_file() or path.is_symlink():
            return False
        with path.open("rb") as file:
            head = file.read(_HEAD)
    except OSError:
        return False
    return head.removeprefix(b"\xef\xbb\xbf").startswith(MARK.encode()) or PAGE_MARK in head


def _names(folder: Path, roster: Path | None) -> list[str] | None:
    """Return the names on the class's list; None without one."""
    if not folder.is_dir():
        raise ConfigError(
            tr("There is no folder {folder}: choose the one with the answers.", folder=folder)
        )
    path = roster or folder / ROSTER
    if roster is None and not path.is_file():
        return None
    try:
        with path.open("rb") as file:
            text = file.read(256 * 1024).decode("utf-8-sig")
    except OSError as error:
        reason = error.strerror or str(error)
        raise ConfigError(
            tr("The list {path} cannot be read: {reason}.", path=path.name, reason=reason)
        ) from None
    except UnicodeDecodeError:
        raise ConfigError(
            tr(
                "The list {path} is not UTF-8 text: save it as text with a name on each line.",
                path=path.name,
            )
        ) from None
    names = [clean_name(line) for line in text.splitlines()]
    return [name for name in names if name]


# students ---------------------------------------------------------------------------------------


def _key(name: str) -> str:
    return name.casefold()


def _students(
    found: Sequence[tuple[str, Answers]],
) -> tuple[list[Handed], list[tuple[str, tuple[str, ...]]]]:
    """Return what counts of each student, the newest, and who handed in more than one thing.

    The same export twice, as a table and as a page, is one thing.
    """
    exports: dict[str, tuple[Answers, list[str]]] = {}
    for name, answers in found:
        exports.setdefault(csv_text(answers), (answers, []))[1].append(name)
    by_student: dict[str, list[tuple[Answers, list[str]]]] = {}
    for number, each in enumerate(exports.values()):
        by_student.setdefault(_key(each[0].student) or f"\0{number}", []).append(each)
    handed, repeated = [], []
    for several in by_student.values():
        newest, files = max(several, key=lambda each: each[0].exported_at)
        handed.append(Handed(newest, tuple(files)))
        if len(several) > 1:
            names = [name for _, each in several for name in each]
            repeated.append((newest.student, tuple(names)))
    handed.sort(key=lambda each: (not each.answers.student, _key(each.answers.student)))
    return handed, repeated
