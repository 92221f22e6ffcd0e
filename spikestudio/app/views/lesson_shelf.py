"""The list of lessons: what each is about, how long it takes, how far it was done."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from spikestudio.app import theme
from spikestudio.app.viewmodels.lesson import LessonModel
from spikestudio.app.views.parts import Caption, line
from spikestudio.app.views.sweep_form import Words
from spikestudio.app.widgets.icons import IconButton
from spikestudio.language import tr
from spikestudio.lessons.lesson import Lesson

LEVELS = {"intro": tr("Intro"), "explore": tr("Explore"), "lab": tr("Lab")}


class LessonShelf(QScrollArea):
    """One row for each lesson; those that cannot be used say why."""

    chosen = Signal(str)
    answersRequested = Signal()  # noqa: N815
    summaryRequested = Signal()  # noqa: N815
    handoutRequested = Signal(str)  # noqa: N815  of a lesson

    def __init__(self, lesson: LessonModel) -> None:
        super().__init__()
        self._lesson = lesson
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.rows: dict[str, LessonRow] = {}
        self._is_filled = False

    def _fill(self) -> None:
        lesson = self._lesson
        content = QWidget()
        column = QVBoxLayout(content)
        column.setContentsMargins(12, 8, 12, 8)
        column.setSpacing(16)
        self.answers = IconButton(
            "mdi6.account-arrow-up-outline",
            tr("Export answers…: save what you predicted, to hand it in"),
        )
        self.summary = IconButton(
            "mdi6.account-group-outline", tr("Class summary…: sum up a folder of exported answers")
        )
        self.answers.clicked.connect(self.answersRequested)
        self.summary.clicked.connect(self.summaryRequested)
        heading = Caption()
        heading.set_text(tr("In class"))
        column.addWidget(line(heading, self.answers, self.summary))
        for number, entry in enumerate(lesson.entries, 1):
            if entry.lesson is None:
                problem = Words()
                problem.say(f"{entry.folder.name}: {entry.problem}", "error")
                column.addWidget(problem)
                continue
            row = LessonRow(number, entry.lesson, lesson.language)
            row.start.clicked.connect(self._opener(entry.lesson.id))
            row.handout.clicked.connect(partial(self.handoutRequested.emit, entry.lesson.id))
            self.rows[entry.lesson.id] = row
            column.addWidget(row)
        if not lesson.entries:
            nothing = Words()
            nothing.say(tr("There are no lessons here: the folder of lessons is missing."), "muted")
            column.addWidget(nothing)
        column.addStretch(1)
        self.setWidget(content)

    def refresh(self) -> None:
        """Show the lessons, and how far each was done."""
        if not self._is_filled:
            self._is_filled = True
            self._fill()
        for each in self._lesson.lessons:
            self.rows[each.id].show_progress(len(self._lesson.progress_of(each).done))

    def focus_after(self, lesson_id: str) -> None:
        """Let the keys go to a lesson that was left, or to the one that follows if it is complete.

        After a lesson that is not in the list, such as that of a pack, to the first.
        """
        ids = list(self.rows)
        index = ids.index(lesson_id) if lesson_id in ids else 0
        if lesson_id in ids and self.rows[lesson_id].is_complete:
            index = min(index + 1, len(ids) - 1)
        if ids:
            row = self.rows[ids[index]]
            QTimer.singleShot(0, row, lambda: self._focus(row))  # once the docks are arranged

    def _focus(self, row: LessonRow) -> None:
        row.start.setFocus()
        self.ensureWidgetVisible(row)

    def _opener(self, lesson_id: str) -> Callable[[], None]:
        def choose() -> None:
            self.chosen.emit(lesson_id)

        return choose


class LessonRow(QWidget):
    """Title, summary, length and progress of a lesson."""

    def __init__(self, number: int, lesson: Lesson, language: str) -> None:
        super().__init__()
        self._lesson = lesson
        title = QLabel(f"{number}. {lesson.title(language)}")
        title.setWordWrap(True)
        theme.set_role(title, "strong")
        summary = QLabel(lesson.summary(language))
        summary.setWordWrap(True)
        theme.set_role(summary, "muted")
        self.facts = Caption()
        self.is_complete = False
        self.start = QPushButton(tr("Start"))
        theme.set_role(self.start, "outline")
        self.start.setToolTip(tr("Open the lesson “{title}”", title=lesson.title(language)))
        self.start.setAccessibleName(tr("Start {title}", title=lesson.title(language)))
        self.handout = IconButton(
            "mdi6.file-document-edit-outline",
            tr("Handout… for paper: {title}", title=lesson.title(language)),
        )
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(theme.SPACE)
        head = QHBoxLayout()
        head.setSpacing(0)
        head.addWidget(title, 1)
        head.addWidget(self.handout, 0, Qt.AlignmentFlag.AlignTop)
        column.addLayout(head)
        column.addWidget(summary)
        column.addWidget(line(self.facts, self.start))

    def show_progress(self, done: int) -> None:
        """Show how many pages are complete."""
        lesson, number = self._lesson, len(self._lesson.pages)
        self.is_complete = done == number
        self.facts.set_text(
            tr("{level} · {minutes} min", level=LEVELS[lesson.level], minutes=lesson.minutes)
            if not done
            else tr("✓ Complete")
            if self.is_complete
            else tr("{done} of {number} pages", done=done, number=number)
        )
        self.start.setText(
            tr("Start") if not done else tr("Again") if self.is_complete else tr("Go on")
        )
