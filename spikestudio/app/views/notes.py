"""Notes dock: Markdown of the session and of each run, and what is kept in the session's file."""

from __future__ import annotations

from typing import Any, ClassVar

from PySide6.QtCore import QSize, Qt, QTimer, QUrl, Slot
from PySide6.QtGui import (
    QDesktopServices,
    QTextCharFormat,
    QTextCursor,
    QTextDocument,
    QTextFormat,
)
from PySide6.QtWidgets import QPlainTextEdit, QPushButton, QStackedWidget, QTextBrowser, QWidget

from spikestudio.app import theme
from spikestudio.app.actions import Actions
from spikestudio.app.viewmodels.notes import NotesModel
from spikestudio.app.viewmodels.run import RunModel
from spikestudio.app.views.base import View
from spikestudio.app.views.parts import Caption, Combo, Segmented, fill, line, stacked, tool_row
from spikestudio.app.widgets.markdown import set_markdown
from spikestudio.language import tr
from spikestudio.sessions.limits import LIMITS_MB

WRITE, READ = range(2)
PREVIEW_MS = 150  # after the last letter
HINT = tr("What did you try, what do you see?\n\n# Heading\n- list\n**bold**, *italic*, `code`")
EMPTY = tr("*Nothing is written yet.*")
_FEATURES = (
    QTextDocument.MarkdownFeature.MarkdownDialectGitHub
    | QTextDocument.MarkdownFeature.MarkdownNoHTML
)


class Preview(QTextBrowser):
    """Markdown as it reads; fetches nothing, whatever the text names."""

    def __init__(self) -> None:
        super().__init__()
        self.setOpenLinks(False)
        self.setAccessibleName(tr("Note as it reads"))
        self.anchorClicked.connect(self._on_link)

    def show_markdown(self, text: str) -> None:
        """Show a note."""
        bar = self.verticalScrollBar()
        place = bar.value()
        self.document().setDefaultFont(theme.font())
        set_markdown(self.document(), text or EMPTY, _FEATURES)
        self._space()
        bar.setValue(place)

    def _space(self) -> None:
        """Set paragraphs apart, and keep headings to the sizes of the window."""
        block = self.document().begin()
        while block.isValid():
            cursor = QTextCursor(block)
            shape = block.blockFormat()
            is_item = block.textList() is not None
            shape.setBottomMargin(theme.px(theme.SPACE if is_item else 2 * theme.SPACE))
            cursor.setBlockFormat(shape)
            if shape.headingLevel():
                size = QTextCharFormat()
                size.setProperty(QTextFormat.Property.FontSizeAdjustment, 0)
                size.setProperty(
                    QTextFormat.Property.FontPixelSize,
                    theme.font("figure" if shape.headingLevel() == 1 else "title").pixelSize(),
                )
                cursor.movePosition(
                    QTextCursor.MoveOperation.EndOfBlock, QTextCursor.MoveMode.KeepAnchor
                )
                cursor.mergeCharFormat(size)
            block = block.next()

    def loadResource(self, _kind: int, _name: QUrl | str) -> Any:  # noqa: N802, ANN401  Qt override
        return None  # no picture, from no disk and no network

    @Slot(QUrl)
    def _on_link(self, url: QUrl) -> None:
        if url.scheme() in ("http", "https"):  # nothing that runs or opens a file
            QDesktopServices.openUrl(url)


class NotesView(View):
    """Choice of a note above its text; below, the file of the session."""

    view_id: ClassVar[str] = "notes"
    title: ClassVar[str] = tr("Notes")
    help_text: ClassVar[str] = tr(
        "Notes of the session and of each run, in Markdown; they are kept in the session's file.\n"
        "Write: # heading, - list, **bold**, *italic*, `code`. Read: as it will look.\n"
        "Pictures and HTML are not shown; a link opens in the browser.\n"
        "Ctrl+Z takes back what was typed, Ctrl+S saves the session.\n"
        "Recordings up to: how much of them the file may hold. Kept runs are always in it, then the "
        "newest that fit.\n"
        "Report: one page with all runs and notes, to print or to send."
    )

    def __init__(
        self, run: RunModel, notes: NotesModel, actions: Actions, parent: QWidget | None = None
    ) -> None:
        super().__init__(run, parent)
        self._notes = notes
        self._open: object = self  # the note in the editor; none yet
        self.choice = Combo(tr("Note"), tr("Note of the session, or of a run"))
        self.mode = Segmented(
            tr("Note"),
            (
                (tr("Write"), tr("Type the note in Markdown")),
                (tr("Read"), tr("See it as it will look")),
            ),
        )
        self.editor = QPlainTextEdit()
        self.editor.setAccessibleName(tr("Text of the note, Markdown"))
        self.editor.setToolTip(tr("Markdown; Ctrl+Z takes back what was typed"))
        self.editor.setPlaceholderText(HINT)
        self.editor.setTabChangesFocus(True)
        self.preview = Preview()
        self.pages = QStackedWidget()
        self.pages.addWidget(self.editor)
        self.pages.addWidget(self.preview)
        self.limit = Combo(
            tr("Recordings in the session's file"),
            tr(
                "How much recordings that are not kept may take in the file; kept ones are always in it"
            ),
        )
        for limit in LIMITS_MB:
            text = (
                tr("Recordings up to {limit:,} MiB", limit=limit)
                if limit
                else tr("Kept recordings only")
            )
            self.limit.addItem(text, limit)
        self.save = QPushButton(tr("Save session"))
        self.save.setToolTip(tr("Keep runs, notes and settings in a file (Ctrl+S)"))
        self.report = QPushButton(tr("Report…"))
        self.report.setToolTip(tr("Write one page with all runs and notes"))
        self.cancel = QPushButton(tr("Cancel"))
        self.cancel.setToolTip(tr("Give up what is being written"))
        for button in (self.save, self.report, self.cancel):
            theme.set_role(button, "outline")
        self.cancel.hide()
        self.state = Caption()
        fill(
            self,
            stacked(
                tool_row(self.choice, self.mode),
                self.pages,
                tool_row(self.limit, self.save, self.report),
                line(self.state, self.cancel),
                stretch=self.pages,
            ),
        )
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(PREVIEW_MS)
        self._soon.timeout.connect(self._show_preview)
        self.choice.activated.connect(self._on_chosen)
        self.mode.chosen.connect(self._on_mode)
        self.editor.textChanged.connect(self._on_typed)
        self.limit.activated.connect(self._on_limit)
        self.save.clicked.connect(actions["save-session"].trigger)
        self.report.clicked.connect(actions["report"].trigger)
        self.cancel.clicked.connect(notes.session.cancel)
        for signal in (notes.changed, notes.session.changed, theme.manager.changed):
            signal.connect(self.mark_dirty)

    def refresh(self) -> None:
        """Show the note that is open, and what becomes of the session's file."""
        self._list()
        if self._open != self._notes.key or self._notes.text != self.editor.toPlainText():
            self._open = self._notes.key
            self.editor.blockSignals(True)
            self.editor.setPlainText(self._notes.text)
            self.editor.blockSignals(False)
        self._show_preview()
        self._show_state()

    def _list(self) -> None:
        choices = self._notes.choices
        shown = [
            (self.choice.itemData(i), self.choice.itemText(i)) for i in range(self.choice.count())
        ]
        if shown != choices:
            self.choice.clear()
            for key, name in choices:
                self.choice.addItem(name, key)
        keys = [key for key, _ in choices]
        self.choice.setCurrentIndex(keys.index(self._notes.key))

    @Slot()
    def _show_preview(self) -> None:
        if self.mode.current == READ:
            self.preview.show_markdown(self._notes.text)

    def _show_state(self) -> None:
        session = self._notes.session
        done, total = session.progress
        if session.busy:
            text = (
                tr("{busy}, {done:,} of {total:,} runs", busy=session.busy, done=done, total=total)
                if total
                else f"{session.busy}…"
            )
        elif session.path is None:
            text = tr("Not saved: this session has no file yet.") if session.has_content else ""
        else:
            state = tr("not saved yet") if session.is_unsaved else tr("saved")
            text = f"{session.path.name}, {state}"
        self.state.set_text(text)
        self.cancel.setVisible(bool(session.busy))
        for button in (self.save, self.report):
            button.setEnabled(session.has_content and not session.busy)
        index = self.limit.findData(session.limit_mb)
        self.limit.setCurrentIndex(index)

    @Slot(int)
    def _on_chosen(self, index: int) -> None:
        self._notes.open(self.choice.itemData(index))
        self.refresh()
        if self.mode.current == WRITE:
            self.editor.setFocus(Qt.FocusReason.OtherFocusReason)

    @Slot(int)
    def _on_mode(self, mode: int) -> None:
        self.pages.setCurrentIndex(mode)
        self._show_preview()

    @Slot()
    def _on_typed(self) -> None:
        self._notes.write(self.editor.toPlainText())
        self._soon.start()

    @Slot(int)
    def _on_limit(self, index: int) -> None:
        self._notes.session.set_limit(self.limit.itemData(index))

    def sizeHint(self) -> QSize:  # noqa: N802  Qt override
        return QSize(theme.px(320), theme.px(320))
