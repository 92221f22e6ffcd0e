"""Pages of the lesson in the pack editor: order, words with a preview, what completes them."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import (
    QFileDialog,
    QFormLayout,
    QFrame,
    QHBoxLayout,
    QListWidget,
    QPlainTextEdit,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from spikestudio.app import theme
from spikestudio.app.viewmodels.pack_draft import PackDraft
from spikestudio.app.views.lesson_text import LessonText
from spikestudio.app.views.pack_parts import ConditionRow, button, field, show_text
from spikestudio.app.views.pack_question import QuestionForm
from spikestudio.app.views.parts import Caption, line, stacked, tool_row
from spikestudio.app.widgets.choice_box import ChoiceBox
from spikestudio.app.widgets.icons import IconButton
from spikestudio.language import tr, tr_n
from spikestudio.lessons.words import count, filled

MOST_WORDS = 60  # that a page is meant to have
HINT = tr("A few sentences, in Markdown.\n\nPress **Sample**. Rate: {{measured.rate}}.")
SETTINGS = ("sampler", "num", "steps", "snn_steps", "threshold", "seed")


class PagesForm(QWidget):
    """List of pages, and the form of the one that is chosen."""

    pickRequested = Signal()  # noqa: N815  a control is to be clicked
    told = Signal(str)

    def __init__(
        self,
        draft: PackDraft,
        titles: Mapping[str, str],
        written: Callable[[str], str],
        *,
        request: Callable[[], dict[str, Any]],
        docks: Callable[[], list[list[str]]],
    ) -> None:
        super().__init__()
        self._draft, self._written = draft, written
        self._request, self._docks = request, docks  # of the window, as they are when asked
        self._folder = tempfile.TemporaryDirectory(
            prefix="spikestudio-draft-", ignore_cleanup_errors=True
        )
        self._shown_pictures: dict[str, bytes] = {}
        self.list = QListWidget()
        self.list.setAccessibleName(tr("Pages"))
        self.list.setToolTip(tr("Choose a page"))
        self.add = IconButton("mdi6.plus", tr("Add a page behind this one"))
        self.remove = IconButton("mdi6.minus", tr("Remove this page"))
        self.up = IconButton("mdi6.arrow-up", tr("Move this page up"))
        self.down = IconButton("mdi6.arrow-down", tr("Move this page down"))
        self.title = field(tr("Title of the page"), tr("Shown above its text"))
        self.point = ChoiceBox(tr("Points at"))
        self.point.setToolTip(tr("Control that is outlined on this page"))
        self.point.set_choices([(tr("nothing"), ""), *((t, c) for c, t in titles.items())])
        self.pick = button(tr("Pick…"), tr("Click the control in the window; Escape gives up"))
        self.body = QPlainTextEdit()
        self.body.setAccessibleName(tr("Text of the page"))
        self.body.setToolTip(
            tr("Markdown; {{state}} shows a live number, [word](glossary:id) a term")
        )
        self.body.setPlaceholderText(HINT)
        self.preview = LessonText()
        self.preview.setAccessibleName(tr("Preview of the page"))
        self.preview.setPlaceholderText(tr("Preview of the page"))
        self.number = Caption(token="muted")
        self.picture = button(tr("Picture…"), tr("Put a PNG or SVG picture into the text"))
        self.settings = button(
            tr("Settings of now"), tr("Let this page begin with the sampler as it is")
        )
        self.no_settings = button(tr("No settings"), tr("Let this page leave the sampler as it is"))
        self.show_docks = button(
            tr("Docks of now"), tr("Let this page show the docks that are seen in the window")
        )
        self.no_docks = button(tr("No docks"), tr("Let this page leave the docks as they are"))
        self.done = ConditionRow(tr("Complete when"), nothing=tr("it was read"))
        self.question = QuestionForm(draft)
        self._build()
        self._connect()

    def _build(self) -> None:
        left = QWidget()
        column = QVBoxLayout(left)
        column.setContentsMargins(0, 8, 8, 8)
        column.addWidget(self.list, 1)
        column.addWidget(tool_row(self.add, self.remove, self.up, self.down))
        left.setFixedWidth(theme.px(170))
        texts = QWidget()
        beside = QHBoxLayout(texts)
        beside.setContentsMargins(0, 0, 0, 0)
        beside.setSpacing(4 * theme.SPACE)
        for each in (self.body, self.preview):
            each.setMinimumHeight(theme.px(150))
        beside.addWidget(self.body, 1)
        beside.addWidget(self.preview, 1, Qt.AlignmentFlag.AlignTop)
        form = QFormLayout()
        form.setContentsMargins(0, 0, 0, 0)
        form.setRowWrapPolicy(QFormLayout.RowWrapPolicy.WrapLongRows)
        form.setHorizontalSpacing(4 * theme.SPACE)
        form.setVerticalSpacing(2 * theme.SPACE)
        form.addRow(tr("Title"), self.title)
        form.addRow(tr("Points at"), line(self.point, self.pick))
        form.addRow(tr("Starts with"), tool_row(self.settings, self.no_settings))
        form.addRow(tr("Shows"), tool_row(self.show_docks, self.no_docks))
        form.addRow(tr("Complete when"), self.done)
        form.addRow(tr("Question"), self.question)
        below = QWidget()
        below.setLayout(form)
        content = stacked(texts, line(self.number, self.picture), below, stretch=texts)
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setWidget(content)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(left)
        row.addWidget(scroll, 1)

    def _connect(self) -> None:
        draft = self._draft
        self.list.currentRowChanged.connect(self.refresh)
        self.add.clicked.connect(lambda: self.go(draft.add_page(self.index)))
        self.remove.clicked.connect(lambda: draft.remove_page(self.index))
        self.up.clicked.connect(lambda: self.go(draft.move_page(self.index, -1)))
        self.down.clicked.connect(lambda: self.go(draft.move_page(self.index, 1)))
        self.title.textEdited.connect(lambda text: draft.set_front(self.page_id, title=text))
        self.body.textChanged.connect(self._on_body)
        self.point.chosen.connect(self.point_at)
        self.pick.clicked.connect(self.pickRequested)
        self.picture.clicked.connect(self._ask_picture)
        self.settings.clicked.connect(self._take_settings)
        self.no_settings.clicked.connect(self._leave_settings)
        self.show_docks.clicked.connect(self._take_docks)
        self.no_docks.clicked.connect(self._leave_docks)
        self.done.edited.connect(self._on_done)

    @property
    def index(self) -> int:
        """Place of the page that is chosen."""
        return min(max(self.list.currentRow(), 0), len(self._draft.pages) - 1)

    @property
    def folder(self) -> Path:
        """Folder of the preview's pictures; it is removed with the editor."""
        return Path(self._folder.name)

    @property
    def page_id(self) -> str:
        """The page that is chosen."""
        return str(self._draft.pages[self.index]["id"])

    def go(self, index: int) -> None:
        """Choose a page."""
        self._list_pages()
        self.list.setCurrentRow(index)
        self.refresh()

    # showing --------------------------------------------------------------------------------

    @Slot()
    def refresh(self) -> None:
        """Show the draft."""
        self._list_pages()
        page, words = self._draft.pages[self.index], self._draft.words(self.page_id)
        show_text(self.title, words.title)
        if self.body.toPlainText().strip() != words.body:
            self.body.blockSignals(True)
            self.body.setPlainText(words.body)
            self.body.blockSignals(False)
        self.point.set_choice(page.get("point", ""))
        self.done.show_condition(page.get("done"))
        request = page.get("start", {}).get("request", {})
        self.no_settings.setEnabled(bool(request))
        self.no_settings.setText(
            tr("No settings ({num_request} now)", num_request=len(request))
            if request
            else tr("No settings")
        )
        num_docks = sum(map(len, page.get("start", {}).get("show", ())))
        self.no_docks.setEnabled(bool(num_docks))
        self.no_docks.setText(
            tr("No docks ({num_docks} now)", num_docks=num_docks) if num_docks else tr("No docks")
        )
        self.question.show_page(self.index)
        self.remove.setEnabled(len(self._draft.pages) > 1)
        self.up.setEnabled(self.index > 0)
        self.down.setEnabled(self.index < len(self._draft.pages) - 1)
        self._show_preview()

    def _list_pages(self) -> None:
        titles = [
            f"{number}. {self._draft.words(page['id']).title or page['id']}"
            for number, page in enumerate(self._draft.pages, 1)
        ]
        if titles == [self.list.item(row).text() for row in range(self.list.count())]:
            return
        at = self.index
        self.list.blockSignals(True)
        self.list.clear()
        self.list.addItems(titles)
        self.list.setCurrentRow(min(at, len(titles) - 1))
        self.list.blockSignals(False)

    def _show_preview(self) -> None:
        if self._shown_pictures != self._draft.pictures:
            self._shown_pictures = dict(self._draft.pictures)
            for name, data in self._shown_pictures.items():
                (self.folder / name).write_bytes(data)
        body = self._draft.words(self.page_id).body
        self.preview.show_page(self.folder, self.page_id, filled(body, self._written))
        number = count(body)
        many = (
            tr(": more than {most_words} are seldom read", most_words=MOST_WORDS)
            if number > MOST_WORDS
            else ""
        )
        self.number.set_text(
            tr_n("{number} word{many}", "{number} words{many}", number, number=number, many=many)
        )

    # changing -------------------------------------------------------------------------------

    @Slot()
    def _on_body(self) -> None:
        self._draft.set_body(self.page_id, self.body.toPlainText())

    @Slot(object)
    def point_at(self, control: object) -> None:
        """Let the page point at a control."""
        self._draft.put_page(self.index, "point", control)

    @Slot()
    def _on_done(self) -> None:
        condition = self.done.condition
        is_asked = "predict" in self._draft.pages[self.index]
        if condition is None and is_asked:
            self.told.emit(tr("A page with a question needs to know when it is complete."))
            self.refresh()
            return
        self._draft.put_page(self.index, "done", condition)

    @Slot()
    def _take_settings(self) -> None:
        request = self._request()
        self._put_start("request", {name: request[name] for name in SETTINGS if name in request})

    @Slot()
    def _leave_settings(self) -> None:
        self._put_start("request", None)

    @Slot()
    def _take_docks(self) -> None:
        self._put_start("show", self._docks())

    @Slot()
    def _leave_docks(self) -> None:
        self._put_start("show", None)

    def _put_start(self, name: str, value: Any) -> None:  # noqa: ANN401  any JSON value
        start = dict(self._draft.pages[self.index].get("start", {}))
        start.pop(name, None)
        if value:
            start[name] = value
        self._draft.put_page(self.index, "start", start or None)

    @Slot()
    def _ask_picture(self) -> None:
        dialog = QFileDialog(self, tr("Picture for the page"), "", tr("Pictures (*.png *.svg)"))
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        dialog.fileSelected.connect(self.insert_picture)
        dialog.open()

    @Slot(str)
    def insert_picture(self, path: str) -> None:
        """Put a picture into the pack, and into the text where the cursor is."""
        try:
            name = self._draft.add_picture(Path(path).name, Path(path).read_bytes())
        except (OSError, ValueError) as error:
            self.told.emit(str(error))
            return
        self.body.insertPlainText(f"\n\n![{Path(name).stem}]({name})\n")

    def close_form(self) -> None:
        """Remove what the preview needed."""
        self._folder.cleanup()
