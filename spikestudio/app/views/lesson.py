"""Lesson dock: the list of lessons, or the page that is worked on."""

from __future__ import annotations

from typing import ClassVar

from PySide6.QtCore import Qt, QTimer, QUrl, Signal, Slot
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import (
    QCheckBox,
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from spikestudio.app import theme
from spikestudio.app.viewmodels.lesson import LessonModel
from spikestudio.app.viewmodels.run import RunModel, RunState
from spikestudio.app.views.base import View
from spikestudio.app.views.lesson_noise import NoiseFigure
from spikestudio.app.views.lesson_predict import PredictBox
from spikestudio.app.views.lesson_shelf import LessonShelf
from spikestudio.app.views.lesson_text import LessonText
from spikestudio.app.views.parts import Caption, fill, line, stacked
from spikestudio.app.views.sweep_form import Words
from spikestudio.app.widgets.icons import IconButton
from spikestudio.app.widgets.page_bar import PageBar
from spikestudio.app.widgets.term_box import TermBox
from spikestudio.language import tr
from spikestudio.lessons import glossary

SHELF, CARD = range(2)
NARROWEST = 220  # pixels, whatever the text size: it wraps
PREPARING = tr("The page is being set up…")
RUNNING = tr("Wait until the run has finished.")


class LessonView(View):
    """Shelf and card."""

    view_id: ClassVar[str] = "lesson"
    title: ClassVar[str] = tr("Lesson")
    help_text: ClassVar[str] = tr(
        "Lessons that run on the real networks. A page is complete once the application is in the\n"
        "state that it asks for, however it came to be; the outline shows where to look.\n"
        "A question comes before its control can be used: answer, try, and compare.\n"
        "Bar of pages: click, drag, or left and right. A tick: complete. Back always works.\n"
        "Set up again: what the page began with. Use my model: the loaded one, where a page\n"
        "applies to it. Numbers in the text are those of the moment that is looked at.\n"
        "Underlined words lead to the glossary. Progress is kept; close the lesson at any time."
    )

    sampleRequested = Signal()  # noqa: N815  never emitted: it does not wait for a run
    tableRequested = Signal()  # noqa: N815  of the open lesson's results

    def __init__(self, run: RunModel, lesson: LessonModel, parent: QWidget | None = None) -> None:
        super().__init__(run, parent)
        self.lesson = lesson
        self.terms = glossary.load(lesson.language)
        self._page_id, self._is_by_hand = "", False
        self.shelf = LessonShelf(lesson)
        self.name = Caption()
        self.table_button = IconButton("mdi6.table-arrow-down", tr("Save results as CSV…"))
        self.close_button = IconButton(
            "mdi6.format-list-bulleted", tr("All lessons: leave this one")
        )
        self.heading = QLabel()
        self.heading.setWordWrap(True)
        theme.set_role(self.heading, "figure")
        self.heading.setContentsMargins(0, 0, 0, 4)
        self.text = LessonText()
        self.noise = NoiseFigure(lesson.state.desk.noise)
        self.question = PredictBox()
        self.term = TermBox()
        self.status = Words()
        self.pages = PageBar()
        self.own = QCheckBox(tr("Use my model"))
        self.own.setToolTip(tr("Work on the loaded model in the place of the bundled one"))
        self.back = _button(tr("Back"), tr("The page before"))
        self.again = _button(tr("Set up again"), tr("What this page began with"))
        self.next = _button(tr("Next"), tr("The page that follows"))
        self._build()
        self._connect()

    def _build(self) -> None:
        head = line(self.name, self.table_button, self.close_button)
        commands = QWidget()
        row = QHBoxLayout(commands)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(8)
        row.addWidget(self.back)
        row.addStretch(1)
        row.addWidget(self.again)
        row.addWidget(self.next)
        rest = QWidget()  # what a short page leaves
        parts = (self.heading, self.text, self.noise, self.term, self.question, self.status)
        self.area = QScrollArea()
        self.area.setFrameShape(QFrame.Shape.NoFrame)
        self.area.setWidgetResizable(True)
        self.area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.area.setWidget(stacked(head, *parts, self.own, rest, stretch=rest))
        footer = QWidget()
        column = QVBoxLayout(footer)
        column.setContentsMargins(12, 4, 12, 8)
        column.setSpacing(4)
        column.addWidget(self.pages)
        column.addWidget(commands)
        card = QWidget()
        whole = QVBoxLayout(card)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.setSpacing(0)
        whole.addWidget(self.area, 1)
        whole.addWidget(footer)
        self.setMinimumWidth(NARROWEST)
        self.stack = QStackedWidget()
        self.stack.addWidget(self.shelf)
        self.stack.addWidget(card)
        fill(self, self.stack)

    def _connect(self) -> None:
        lesson = self.lesson
        for signal in (lesson.changed, lesson.opened, lesson.closed, theme.manager.changed):
            signal.connect(self.mark_dirty)
        buttons = (self.back, self.next, self.close_button)
        by_hand = (*(each.clicked for each in buttons), self.pages.chosen, self.shelf.chosen)
        for chosen in by_hand:  # before what it does: the docks that move then take the focus
            chosen.connect(self._on_chosen)
        self.shelf.chosen.connect(lesson.open)
        self.close_button.clicked.connect(lesson.close)
        self.table_button.clicked.connect(self.tableRequested)
        self.question.answered.connect(self._on_answered)  # before the answer's field is disabled
        self.question.answered.connect(lesson.answer)
        self.noise.edited.connect(lesson.look_soon)
        self.text.anchorClicked.connect(self._on_link)
        self.term.opened.connect(self._on_open)
        self.pages.chosen.connect(lesson.go)
        self.own.toggled.connect(self._on_own)
        self.back.clicked.connect(lesson.back)
        self.again.clicked.connect(lesson.again)
        self.next.clicked.connect(lesson.next)

    # drawing --------------------------------------------------------------------------------

    def refresh(self) -> None:
        """Show the page, or the list of lessons."""
        lesson, page = self.lesson, self.lesson.page
        self.stack.setCurrentIndex(SHELF if page is None else CARD)
        if page is None or lesson.lesson is None:
            self.shelf.refresh()
            if self._is_by_hand:
                self.shelf.focus_after(self._page_id.partition("/")[0])
            self._page_id, self._is_by_hand = "", False
            return
        key = f"{lesson.lesson.id}/{page.id}"
        is_new = key != self._page_id
        if is_new:
            self._page_id = key
            self.term.hide()
            self.area.verticalScrollBar().setValue(0)
        number = len(lesson.lesson.pages)
        title = lesson.lesson.title(lesson.language)
        place = tr(
            "{title} · {index} of {number}", title=title, index=lesson.index + 1, number=number
        )
        self.name.set_text(
            tr("{place} · this page in English only", place=place) if lesson.is_foreign else place
        )
        self.heading.setText(lesson.words.title)
        self.text.show_page(lesson.lesson.folder, key, lesson.body)
        self.noise.setVisible(page.figure == "noise")
        self.question.show_page(lesson)
        parts = (self.back, self.next, self.pages)
        if is_new and (self._is_by_hand or any(part.hasFocus() for part in parts)):
            self._is_by_hand = False
            if not self.question.focus_answer():
                self.text.setFocus()  # a second Enter would skip a page that was never read
                QTimer.singleShot(0, self.text, self.text.setFocus)  # once the docks are arranged
        self.status.say(*self._status())
        done = tuple(lesson.is_page_done(index) for index in range(number))
        self.pages.set_pages(done, lesson.index)
        self.back.setEnabled(lesson.index > 0)
        self.next.setText(
            tr("Finish") if lesson.is_last else tr("Next") if lesson.is_done else tr("Skip")
        )
        role = "primary" if lesson.is_done else "outline"
        if self.next.property("role") != role:  # the way on stands out once the page is done
            theme.set_role(self.next, role)
        self.own.setChecked(lesson.uses_own)
        has_model = lesson.state.value("model.name") is not None
        self.own.setVisible(bool(page.start.model) and (has_model or lesson.uses_own))

    def _status(self) -> tuple[str, str]:
        """Return what is missing until the page is complete, and the role of that sentence."""
        lesson, page = self.lesson, self.lesson.page
        if lesson.obstacle:
            return lesson.obstacle, "error"
        if lesson.does_apply is False:
            name = lesson.state.value("model.name")
            return tr(
                "This page does not apply to {name}: go on to the next one.", name=name
            ), "warn"
        if lesson.is_done:
            return tr("✓ Complete"), "ok"
        if lesson.waits_for_run and self.run.state is not RunState.PAUSED:
            return RUNNING, "caption"
        if lesson.prediction is not None:
            return "", "caption"  # the question says what is next
        if lesson.is_locked:
            return tr("First answer the question."), "accent"
        if not lesson.is_ready:
            return PREPARING, "caption"
        return (
            ("", "caption") if page is None or page.done is None else (tr("Your turn."), "accent")
        )

    # links ----------------------------------------------------------------------------------

    @Slot(QUrl)
    def _on_link(self, url: QUrl) -> None:
        """Explain a term, or show where a link leads before it is followed."""
        if url.scheme() == glossary.SCHEME:
            self.term.show_term(self.terms.get(url.path()))
        elif url.scheme() in ("http", "https"):
            self.term.show_link(url.toString())
        else:
            return
        QTimer.singleShot(0, self, self._show_term)  # once the card has made room for it

    @Slot()
    def _show_term(self) -> None:
        self.area.ensureWidgetVisible(self.term)

    @Slot()
    def _on_chosen(self) -> None:
        self._is_by_hand = True

    @Slot()
    def _on_answered(self) -> None:
        self.text.setFocus()  # not whatever follows what can be used no longer

    @Slot(str)
    def _on_open(self, address: str) -> None:
        QDesktopServices.openUrl(QUrl(address))

    @Slot(bool)
    def _on_own(self, is_own: bool) -> None:
        self.lesson.set_own(is_own=is_own)


def _button(text: str, tip: str) -> QPushButton:
    button = QPushButton(text)
    button.setToolTip(tip)
    theme.set_role(button, "outline")
    return button
