"""Source page of the pack editor: every text of the pack, with the line of an error marked."""

from __future__ import annotations

from PySide6.QtCore import QTimer, Slot
from PySide6.QtGui import QColor, QFont, QFontDatabase, QTextCursor, QTextFormat
from PySide6.QtWidgets import QPlainTextEdit, QTextEdit, QVBoxLayout, QWidget

from spikestudio.app import theme
from spikestudio.app.viewmodels.pack_draft import PackDraft
from spikestudio.app.views.parts import Caption, line
from spikestudio.app.widgets.choice_box import ChoiceBox
from spikestudio.language import tr
from spikestudio.lessons.problem import PackError, place_text

PAUSE_MS = 400  # after the last key before the forms follow


class SourcePage(QWidget):
    """One text at a time; typing changes the draft a moment later."""

    def __init__(self, draft: PackDraft) -> None:
        super().__init__()
        self._draft = draft
        self._problem: PackError | None = None
        self._names: list[str] = []
        self.file = ChoiceBox(tr("File"))
        self.file.setToolTip(tr("Which text of the pack is shown"))
        self.place = Caption(token="muted")
        self.text = QPlainTextEdit()
        self.text.setAccessibleName(tr("Source text"))
        self.text.setToolTip(
            tr("The text as it is in the pack; the forms follow while it is valid")
        )
        self.text.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self._pause = QTimer(self)
        self._pause.setSingleShot(True)
        self._pause.setInterval(PAUSE_MS)
        self._pause.timeout.connect(self.take)
        self._is_showing = False
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 8, 0, 8)
        column.setSpacing(theme.SPACE)
        column.addWidget(line(self.file, self.place))
        self.file.setMaximumWidth(theme.px(320))
        self.place.setMinimumWidth(theme.px(260))
        column.addWidget(self.text, 1)
        self.file.chosen.connect(self._on_file)
        self.text.textChanged.connect(self._on_typed)
        self.text.cursorPositionChanged.connect(self._show_place)
        theme.manager.changed.connect(self._restyle)
        self._restyle()

    @property
    def name(self) -> str:
        """The text that is shown."""
        return str(self.file.choice) if self._names else ""

    def refresh(self) -> None:
        """Show the draft; what is being typed stays."""
        names = self._draft.names
        if names != self._names:
            self._names = names
            self.file.set_choices([(name, name) for name in names])
        if not self._pause.isActive():
            self._show()

    def show_file(self, name: str, line_number: int = 0) -> None:
        """Show a text, and go to a line."""
        self.take()
        self.refresh()
        if name in self._names:
            self.file.set_choice(name)
        self._show()
        if line_number:
            block = self.text.document().findBlockByNumber(line_number - 1)
            self.text.setTextCursor(QTextCursor(block))
            self.text.centerCursor()

    def mark(self, problem: PackError | None) -> None:
        """Mark the line of an error, or none."""
        self._problem = problem
        self._mark()

    @Slot()
    def take(self) -> None:
        """Hand what was typed over to the draft."""
        self._pause.stop()
        if self.name and self.text.toPlainText() != self._draft.source(self.name):
            self._draft.set_source(self.name, self.text.toPlainText())

    def _show(self) -> None:
        text = self._draft.source(self.name)
        if text == self.text.toPlainText():
            return
        self._is_showing = True
        self.text.setPlainText(text)
        self._is_showing = False
        self._mark()
        self._show_place()

    def _mark(self) -> None:
        marks = []
        problem = self._problem
        if problem is not None and problem.file == self.name and problem.line:
            mark = QTextEdit.ExtraSelection()
            color = QColor(theme.color("error"))
            color.setAlpha(60)
            mark.format.setBackground(color)
            mark.format.setProperty(QTextFormat.Property.FullWidthSelection, True)
            block = self.text.document().findBlockByNumber(problem.line - 1)
            mark.cursor = QTextCursor(block)
            marks.append(mark)
        self.text.setExtraSelections(marks)

    @property
    def marked_lines(self) -> list[int]:
        """Lines (from 1) that are marked."""
        found = self.text.extraSelections()
        return [each.cursor.blockNumber() + 1 for each in found]

    @Slot()
    def _on_file(self) -> None:
        self._show()
        self._mark()

    @Slot()
    def _on_typed(self) -> None:
        if not self._is_showing:
            self._pause.start()

    @Slot()
    def _show_place(self) -> None:
        self.place.set_text(place_text(self.name, self.text.textCursor().blockNumber() + 1))

    @Slot()
    def _restyle(self) -> None:
        font = QFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
        font.setPixelSize(theme.px(theme.TYPE_SIZES["body"]))
        self.text.setFont(font)
        self._mark()
