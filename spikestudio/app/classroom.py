"""What a class needs of a window: answers to hand in, a summary of them, and handouts for paper.

Everything is written by background jobs into files that the user names; nothing is sent anywhere.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from threading import Event
from time import monotonic
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QEvent, QObject, Qt, Signal, Slot
from PySide6.QtWidgets import (
    QDialog,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from spikestudio.app import theme
from spikestudio.app.context import Context
from spikestudio.app.notifications import Notifications
from spikestudio.app.views.parts import Caption
from spikestudio.app.widgets.choice_box import ChoiceBox
from spikestudio.atomic import unused
from spikestudio.errors import SpikeStudioError
from spikestudio.language import tr, tr_n
from spikestudio.lessons.answers import MOST_NAME, Answers, clean_name, collect, save_csv

if TYPE_CHECKING:
    from spikestudio.lessons.lesson import Lesson
    from spikestudio.lessons.summary import ClassSummary

WIDTH = 420
PAGE, TABLE, PDF = tr("Web page (*.html)"), tr("Table (*.csv)"), tr("PDF (*.pdf)")
PRIVATE = tr("The name is written into this file and kept nowhere else.")
ALL = ""  # lessons


class Classroom(QObject):
    """Asks for names and files, and writes in the background; one per window."""

    def __init__(self, window: QWidget, context: Context, messages: Notifications) -> None:
        super().__init__(window)
        self._window, self._context, self._messages = window, context, messages
        self._stop = Event()
        self.dialog: AnswersDialog | None = None
        window.installEventFilter(self)

    # answers --------------------------------------------------------------------------------

    @Slot()
    def export_answers(self) -> None:
        """Ask for the student's name and a file, and write the answers to it."""
        model = self._context.lesson
        begun = [each for each in model.taken if model.progress_of(each).is_begun]
        if not begun:
            self._messages.info(
                tr("There are no answers yet: open a lesson and answer a question.")
            )
            return
        if self.dialog is not None:
            self.dialog.raise_()
            return
        current = model.lesson.id if model.lesson is not None else ALL
        titles = [(each.title(model.language), each.id) for each in begun]
        dialog = AnswersDialog(titles, current, self._window)
        dialog.chosen.connect(self._ask_answers_file)
        dialog.finished.connect(self._forget_dialog)
        self.dialog = dialog
        dialog.open()

    @Slot()
    def _forget_dialog(self) -> None:
        self.dialog = None

    @Slot(str, str)
    def _ask_answers_file(self, name: str, lesson_id: str) -> None:
        stem = "_".join(["answers", *re.findall(r"\w+", clean_name(name))])
        self._ask(
            tr("Export answers"),
            f"{stem}.html",
            (PAGE, TABLE),
            lambda path: self.save_answers(path, name, lesson_id),
        )

    @Slot()
    def save_table(self) -> None:
        """Ask for a file, and write what was answered in the open lesson to it as CSV."""
        lesson = self._context.lesson.lesson
        if lesson is not None:
            lesson_id = lesson.id
            self._ask(
                tr("Save results"),
                f"{lesson_id}.csv",
                (TABLE,),
                lambda path: self.save_answers(path, "", lesson_id),
            )

    def save_answers(self, path: Path, name: str, lesson_id: str = ALL) -> None:
        """Write the answers of a lesson, or of all that were begun; a page or a table, by its name."""
        try:
            answers = self._answers(name, lesson_id)
        except SpikeStudioError as error:
            self._messages.warn(str(error))
            return

        def job() -> str:
            if path.suffix.lower() == ".csv":
                save_csv(path, answers)
            else:
                from spikestudio.lessons.pages import save_answers

                save_answers(path, answers)
            return tr("Saved {path} in {parent}.", path=path.name, parent=path.parent)

        self._submit(job)

    def _answers(self, name: str, lesson_id: str) -> Answers:
        model, at = self._context.lesson, monotonic()
        lessons = [each for each in model.taken if lesson_id in (ALL, each.id)]
        for each in lessons:
            model.progress_of(each).note(at)
        return collect(lessons, model.progress_of, name, model.language)

    # a class --------------------------------------------------------------------------------

    @Slot()
    def ask_summary(self) -> None:
        """Ask for the folder of answers and for a file, and write the summary of the class to it."""
        dialog = QFileDialog(
            self._window, tr("Folder with the answers of the class"), str(self._folder())
        )
        dialog.setFileMode(QFileDialog.FileMode.Directory)
        dialog.setOption(QFileDialog.Option.ShowDirsOnly, True)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.fileSelected.connect(self._ask_summary_file)
        dialog.open()

    @Slot(str)
    def _ask_summary_file(self, folder: str) -> None:
        at = Path(folder)
        self._ask(
            tr("Save class summary"),
            "class_summary.html",
            (PAGE,),
            lambda path: self.save_summary(at, path),
            at,
        )

    def save_summary(self, folder: Path, path: Path) -> None:
        """Sum up the answers in a folder as a page, and as a table of the same name beside it."""
        lessons, language = self._context.lesson.taken, self._context.lesson.language
        is_cancelled = self._stop.is_set

        def job() -> str:
            from spikestudio.lessons import pages, summary

            found = summary.summarise(folder, lessons, language=language, is_cancelled=is_cancelled)
            table = unused(path.with_suffix(".csv"))
            pages.save_summary(path, found, is_cancelled=is_cancelled)
            summary.save_csv(table, found)
            return tr(
                "Saved {path} and {table} in {parent}: {told}",
                path=path.name,
                table=table.name,
                parent=path.parent,
                told=_told(found),
            )

        self._messages.info(tr("Reading the answers in {folder}…", folder=folder.name))
        self._submit(job)

    # handouts -------------------------------------------------------------------------------

    @Slot(str)
    def ask_handout(self, lesson_id: str) -> None:
        """Ask for a file, and write the handout of a lesson to it."""
        self._ask(
            tr("Save handout"),
            f"{lesson_id}.pdf",
            (PDF, PAGE),
            lambda path: self.save_handout(lesson_id, path),
        )

    @Slot()
    def ask_open_handout(self) -> None:
        """Ask for the handout of the lesson that is open."""
        lesson = self._context.lesson.lesson
        if lesson is None:
            self._messages.info(tr("Open a lesson first: the handout is that of the open lesson."))
        else:
            self.ask_handout(lesson.id)

    def save_handout(self, lesson_id: str, path: Path) -> None:
        """Write a lesson for paper; PDF or a page, by the file's name."""
        model = self._context.lesson
        lesson = next((each for each in model.taken if each.id == lesson_id), None)
        if lesson is None:
            return
        language, is_cancelled = model.language, self._stop.is_set

        def job() -> str:
            _write_handout(path, lesson, language, is_cancelled)
            return tr("Saved {path} in {parent}.", path=path.name, parent=path.parent)

        self._messages.info(tr("Drawing the handout “{title}”…", title=lesson.title(language)))
        self._submit(job)

    # files ----------------------------------------------------------------------------------

    def _folder(self) -> Path:
        return Path(self._context.settings.export_folder or Path.home())

    def _ask(
        self,
        title: str,
        name: str,
        filters: tuple[str, ...],
        save: Callable[[Path], None],
        folder: Path | None = None,
    ) -> None:
        """Ask for a file of one of some kinds; the kind that is chosen gives its ending."""
        at = folder or self._folder()
        dialog = QFileDialog(self._window, title, str(at))
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setNameFilters(list(filters))
        dialog.setDefaultSuffix(_suffix(filters[0])[1:])
        dialog.filterSelected.connect(lambda kind: dialog.setDefaultSuffix(_suffix(kind)[1:]))
        dialog.selectFile(unused(at / name).name)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)

        def chosen(file: str) -> None:
            path = Path(file)
            if path.suffix.lower() not in map(_suffix, filters):
                path = path.with_name(path.name + _suffix(dialog.selectedNameFilter()))
            self._context.settings.export_folder = str(path.parent)
            save(path)

        dialog.fileSelected.connect(chosen)
        dialog.open()

    def _submit(self, job: Callable[[], str]) -> None:
        self._context.jobs.submit(job, self._messages.done, self._messages.error)
        self._context.bridge.wake()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802  Qt override
        if watched is self._window and event.type() == QEvent.Type.Close:
            self._stop.set()  # or the window would wait for the figures
            self._stop = Event()  # of what is asked for if it stays open after all
        return super().eventFilter(watched, event)


class AnswersDialog(QDialog):
    """Asks for a name, which may stay empty, and for the lessons; ``chosen`` has name and lesson."""

    chosen = Signal(str, str)

    def __init__(self, lessons: list[tuple[str, str]], current: str, parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle(tr("Export answers"))
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setMinimumWidth(theme.px(WIDTH))
        self.name = QLineEdit()
        self.name.setMaxLength(MOST_NAME)
        self.name.setAccessibleName(tr("Your name"))
        self.name.setPlaceholderText(tr("may stay empty"))
        self.name.setToolTip(PRIVATE)
        self.lessons = ChoiceBox(tr("Lessons"))
        self.lessons.setToolTip(tr("Lessons whose predictions, answers and times are exported"))
        known = [key for _, key in lessons]
        self.lessons.set_choices([(tr("all that were begun"), ALL), *lessons])
        self.lessons.set_choice(current if current in known else ALL)
        form = QFormLayout()
        form.setRowWrapPolicy(QFormLayout.RowWrapPolicy.WrapLongRows)
        form.setHorizontalSpacing(4 * theme.SPACE)
        form.setVerticalSpacing(2 * theme.SPACE)
        form.addRow(tr("Your name"), self.name)
        form.addRow(tr("Lessons"), self.lessons)
        note = QLabel(
            tr("{private} Nothing is sent: hand the file in as your teacher asks.", private=PRIVATE)
        )
        note.setWordWrap(True)
        theme.set_role(note, "muted")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(24, 16, 24, 16)
        layout.setSpacing(3 * theme.SPACE)
        layout.addWidget(Caption(tr("Export answers"), role="title", token="text"))
        layout.addLayout(form)
        layout.addWidget(note)
        layout.addLayout(self._buttons())

    def _buttons(self) -> QHBoxLayout:
        self.save = QPushButton(tr("Save…"))
        self.save.setToolTip(tr("Choose a file: a page to read, or a table"))
        self.save.setDefault(True)
        theme.set_role(self.save, "primary")
        self.save.clicked.connect(self._choose)
        cancel = QPushButton(tr("Cancel"))
        cancel.setAutoDefault(False)
        cancel.setToolTip(tr("Export nothing (Esc)"))
        theme.set_role(cancel, "outline")
        cancel.clicked.connect(self.reject)
        row = QHBoxLayout()
        row.addStretch(1)
        row.addWidget(cancel)
        row.addWidget(self.save)
        return row

    @Slot()
    def _choose(self) -> None:
        lesson: Any = self.lessons.choice
        name = self.name.text()
        self.accept()
        self.chosen.emit(name, lesson or ALL)


def _write_handout(
    path: Path, lesson: Lesson, language: str, is_cancelled: Callable[[], bool]
) -> None:
    from spikestudio.lessons import handout

    if path.suffix.lower() != ".pdf":
        handout.save_html(path, lesson, language, is_cancelled=is_cancelled)
        return
    from spikestudio.app.handouts import save_pdf

    html = handout.page(lesson, language, is_cancelled=is_cancelled)
    save_pdf(path, html, lesson.title(language))


def _suffix(name_filter: str) -> str:
    """Return the ending that a filter of a file dialog has."""
    return name_filter.rpartition("*")[2].rstrip(")")


def _told(found: ClassSummary) -> str:
    students = tr_n(
        "{num_handed:,} student",
        "{num_handed:,} students",
        len(found.handed),
        num_handed=len(found.handed),
    )
    parts = [
        students
        + tr_n(
            ", {num_questions:,} question.",
            ", {num_questions:,} questions.",
            len(found.questions),
            num_questions=len(found.questions),
        )
    ]
    if found.missing:
        parts.append(tr("Missing: {num_missing:,}.", num_missing=len(found.missing)))
    if found.repeated:
        parts.append(
            tr("Handed in more than once: {num_repeated:,}.", num_repeated=len(found.repeated))
        )
    if found.refused:
        parts.append(
            tr_n(
                "{num_refused:,} file could not be used; the page says why.",
                "{num_refused:,} files could not be used; the page says why.",
                len(found.refused),
                num_refused=len(found.refused),
            )
        )
    return " ".join(parts)
