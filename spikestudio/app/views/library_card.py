"""All that the card of one checkpoint says, as text that can be selected and copied."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt, Slot
from PySide6.QtGui import (
    QColor,
    QFontMetrics,
    QPixmap,
    QTextBlockFormat,
    QTextCharFormat,
    QTextCursor,
    QTextOption,
)
from PySide6.QtWidgets import QFrame, QTextEdit

from spikestudio.app import theme
from spikestudio.app.viewmodels.facts import UNKNOWN, Fact
from spikestudio.app.viewmodels.library_facts import BROKEN, Section, sections
from spikestudio.app.widgets.model_card import summary
from spikestudio.checkpoints.library import Item
from spikestudio.language import tr

SIDE = 64  # of the picture
INDENT = 150  # of the values
LINE_SEPARATOR = "\u2028"
EMPTY = tr("Choose a file to see all that its card says.")


class LibraryCard(QTextEdit):
    """Shows one file as plain text with a picture: nothing that a file says is taken for markup."""

    def __init__(self) -> None:
        super().__init__()
        self._item: Item | None = None
        self._picture: QPixmap | None = None
        self.setReadOnly(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setAccessibleName(tr("Card of the chosen checkpoint"))
        self.setToolTip(tr("All that the file says about itself; what it does not say is unknown"))
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse
            | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        self.setTabChangesFocus(True)
        self.setUndoRedoEnabled(False)
        self.setWordWrapMode(QTextOption.WrapMode.WrapAtWordBoundaryOrAnywhere)
        theme.manager.changed.connect(self._restyle)
        self._restyle()

    def show_item(self, item: Item | None, picture: QPixmap | None) -> None:
        """Show another file; the same one again keeps its place."""
        if item is not self._item:
            before = self._item.entry.path if self._item else None
            is_same = item is not None and item.entry.path == before
            place = self.verticalScrollBar().value() if is_same else 0
            self._item, self._picture = item, picture
            self._draw()
            self.verticalScrollBar().setValue(place)

    @Slot()
    def _restyle(self) -> None:
        self.setStyleSheet(  # over the sheet's look of fields
            "QTextEdit, QTextEdit:focus { background: transparent; padding: 0; border: none; }"
            f"QTextEdit:focus {{ border: 2px solid {theme.tokens().accent}; border-radius: 0; }}"
        )
        place = self.verticalScrollBar().value()
        self._draw()
        self.verticalScrollBar().setValue(place)

    def _draw(self) -> None:
        self.setUpdatesEnabled(False)
        self.clear()
        writer = QTextCursor(self.document())
        writer.beginEditBlock()
        if self._item is None:
            writer.insertText(EMPTY, _look("body", "muted"))
        else:
            self._write(writer, self._item)
        writer.endEditBlock()
        self.moveCursor(QTextCursor.MoveOperation.Start)
        self.setUpdatesEnabled(True)

    def _write(self, writer: QTextCursor, item: Item) -> None:
        if self._picture is not None and not self._picture.isNull():
            side = theme.px(SIDE)
            mode = Qt.TransformationMode.SmoothTransformation
            picture = self._picture.scaled(side, side, Qt.AspectRatioMode.KeepAspectRatio, mode)
            writer.insertImage(picture.toImage())
            writer.insertBlock()
        writer.insertText(item.entry.name, _look("title", "text"))
        if item.card is not None:
            writer.insertBlock()
            writer.insertText(summary(item.card), _look("body", "muted"))
        for section in sections(item):
            _write_section(writer, section)

    def sizeHint(self) -> QSize:  # noqa: N802  Qt override
        return QSize(theme.px(280), theme.px(200))


def _write_section(writer: QTextCursor, section: Section) -> None:
    is_bad = section.title == BROKEN
    heading = QTextBlockFormat()
    heading.setTopMargin(theme.px(12))
    writer.insertBlock(heading)
    look = _look("caption", "error" if is_bad else "muted")
    look.setFontWeight(600)
    writer.insertText(section.title, look)
    if section.remark:
        writer.insertBlock(QTextBlockFormat())
        writer.insertText(section.remark, _look("caption", "text" if is_bad else "muted"))
    row, stop = QTextBlockFormat(), theme.px(INDENT)
    row.setLeftMargin(stop)
    row.setTextIndent(-stop)
    row.setTopMargin(theme.px(3))
    tab = QTextOption.Tab(stop, QTextOption.TabType.LeftTab)
    row.setTabPositions([tab])
    name, value, faint = _look("body", "muted"), _look("body", "text"), _look("caption", "muted")
    for fact in section.facts:
        writer.insertBlock(row)
        _write_fact(writer, fact, name, faint if fact.value == UNKNOWN else value, faint)


def _write_fact(
    writer: QTextCursor,
    fact: Fact,
    name: QTextCharFormat,
    value: QTextCharFormat,
    remark: QTextCharFormat,
) -> None:
    room = theme.px(INDENT - theme.SPACE)
    is_long = QFontMetrics(name.font()).horizontalAdvance(fact.name) > room
    # After a line separator a line begins where the values do.
    writer.insertText(fact.name + (LINE_SEPARATOR if is_long else "\t"), name)
    writer.insertText(fact.value, value)
    if fact.remark:
        writer.insertText(f"   {fact.remark}", remark)


def _look(role: theme.TypeRole, token: str) -> QTextCharFormat:
    look = QTextCharFormat()
    look.setFont(theme.font(role))
    look.setForeground(QColor(theme.color(token)))
    return look
