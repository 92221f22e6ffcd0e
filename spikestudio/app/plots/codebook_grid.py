"""All codes of a codebook as tiles: patch, id, and how often each is used."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QEvent, QPoint, QRect, QSize, Qt, Signal, Slot
from PySide6.QtGui import (
    QColor,
    QFocusEvent,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QResizeEvent,
)
from PySide6.QtWidgets import QAbstractScrollArea, QFrame, QWidget

from spikestudio.app import theme
from spikestudio.app.plots.axes import hatch_brush
from spikestudio.app.plots.palettes import code_colors
from spikestudio.app.plots.tiles import to_qimage
from spikestudio.language import tr

WIDTH, PATCH, LINE, EDGE, STRIP = 72, 44, 16, 6, 3
_SELECT_KEYS = (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space)


@dataclass(frozen=True, slots=True, eq=False)
class CodeSheet:
    """What the tiles show, in the order of ``codes``."""

    codes: NDArray[np.intp]  # ids
    patches: NDArray[np.uint8] | None = None  # [K, p, p, C]
    counts: NDArray[np.int64] | None = None  # [K], None where there is no run

    def words(self, code: int) -> tuple[str, str]:
        """Return the two lines below a tile: the id, and count and share."""
        if self.counts is None:
            return f"{code:,}", ""
        total, count = int(self.counts.sum()), int(self.counts[code])
        if not count:
            return f"{code:,}", tr("not used") if total else ""
        return f"{code:,}", f"{count:,}  {share_of(count, total)}"

    def is_dead(self, code: int) -> bool:
        """Whether no revealed token has this code, though some have another."""
        return self.counts is not None and bool(self.counts.any()) and not self.counts[code]


def share_of(count: int, total: int) -> str:
    """Return a share in percent with two digits."""
    percent = 100 * count / total
    if percent < 0.1:
        return "< 0.1 %"
    return f"{percent:.0f} %" if percent >= 9.95 else f"{percent:.1f} %"


class CodeGrid(QAbstractScrollArea):
    """Tiles in rows, scrolled vertically; only those in sight are painted.

    Hatched: not used. Below a patch is the colour that the code has on the token map.
    """

    hovered = Signal(object)  # code, None when over none
    clicked = Signal(int)  # code

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMinimumSize(theme.px(WIDTH) + 16, theme.px(80))
        self.viewport().setMouseTracking(True)
        self.viewport().setAutoFillBackground(False)
        self.sheet: CodeSheet | None = None
        self._selected: int | None = None
        self._pointed: int | None = None
        self._colors: NDArray[np.uint8] = code_colors(0)
        self._cursor: int | None = None  # position that the keys have reached
        theme.manager.changed.connect(self._restyle)

    def set_sheet(self, sheet: CodeSheet | None) -> None:
        """Show these codes."""
        self.sheet = sheet
        count = len(sheet.codes) if sheet is not None else 0
        self._colors = code_colors(count)
        if self._cursor is not None and self._cursor >= count:
            self._cursor = None
        self._fit()
        self.viewport().update()

    def set_highlight(self, selected: int | None, pointed: int | None) -> None:
        """Frame the selected code, and light up the one that is pointed at in any dock."""
        if (selected, pointed) != (self._selected, self._pointed):
            self._selected, self._pointed = selected, pointed
            self.viewport().update()

    def show_code(self, code: int) -> None:
        """Scroll to a code."""
        if self.sheet is not None:
            position = int(np.flatnonzero(self.sheet.codes == code)[0])
            top = position // self.columns * self._tile().height()
            bar, high = self.verticalScrollBar(), self.viewport().height()
            if not bar.value() <= top <= bar.value() + high - self._tile().height():
                bar.setValue(top - (high - self._tile().height()) // 2)

    @property
    def columns(self) -> int:
        """Tiles in a row."""
        return max(1, self.viewport().width() // theme.px(WIDTH))

    def tile_rect(self, code: int) -> QRect:
        """Return where a code's tile is in the viewport."""
        assert self.sheet is not None
        return self._rect(int(np.flatnonzero(self.sheet.codes == code)[0]))

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802  Qt override
        if self.sheet is None:
            return
        painter = QPainter(self.viewport())
        painter.setFont(theme.font("axis"))
        tile, offset = self._tile(), self.verticalScrollBar().value()
        first = offset // tile.height() * self.columns
        last = (-(-(offset + self.viewport().height()) // tile.height())) * self.columns
        for position in range(first, min(last, len(self.sheet.codes))):
            code = int(self.sheet.codes[position])
            self._paint_tile(painter, self.sheet, code, self._rect(position))
        if self._cursor is not None and self.hasFocus():
            painter.setPen(QPen(theme.color("accent"), 2, Qt.PenStyle.DotLine))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRect(self._rect(self._cursor).adjusted(1, 1, -2, -2))

    def _paint_tile(self, painter: QPainter, sheet: CodeSheet, code: int, tile: QRect) -> None:
        inner = tile.adjusted(2, 2, -2, -2)
        if code == self._pointed:
            painter.fillRect(inner, theme.color("hover"))
        if code == self._selected:
            painter.fillRect(inner, theme.color("selected"))
            painter.setPen(QPen(theme.color("accent"), 2))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRect(inner.adjusted(1, 1, -1, -1))
        side = theme.px(PATCH)
        if sheet.patches is not None:  # sharp: whole screen pixels per pixel
            side = max(1, side // sheet.patches.shape[1]) * sheet.patches.shape[1]
        left = tile.x() + (tile.width() - side) // 2
        patch = QRect(left, tile.y() + theme.px(EDGE), side, side)
        color = QColor(*self._colors[code].tolist())
        if sheet.patches is not None:
            painter.drawImage(patch, to_qimage(sheet.patches[code]))
        else:
            painter.fillRect(patch, color)
        strip = QRect(left, patch.bottom() + 1, side, theme.px(STRIP))
        painter.fillRect(strip, color)
        is_dead = sheet.is_dead(code)
        if is_dead:
            painter.fillRect(patch, hatch_brush())
        painter.setPen(theme.color("border"))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawRect(patch.adjusted(0, 0, -1, -1))
        words, top = sheet.words(code), strip.bottom() + 2
        for number, text in enumerate(words):
            painter.setPen(theme.color("text" if number == 0 and not is_dead else "muted"))
            line = QRect(tile.x(), top + number * theme.px(LINE), tile.width(), theme.px(LINE))
            painter.drawText(line, Qt.AlignmentFlag.AlignCenter, text)

    # input ----------------------------------------------------------------------------------

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802  Qt override
        self.hovered.emit(self._code_at(event.position().toPoint()))

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802  Qt override
        code = self._code_at(event.position().toPoint())
        self._cursor = None
        if code is not None and event.button() == Qt.MouseButton.LeftButton:
            self.clicked.emit(code)

    def viewportEvent(self, event: QEvent) -> bool:  # noqa: N802  Qt override
        if event.type() == QEvent.Type.Leave:
            self.hovered.emit(None)
        return bool(super().viewportEvent(event))

    def focusOutEvent(self, event: QFocusEvent) -> None:  # noqa: N802  Qt override
        super().focusOutEvent(event)
        if self._cursor is not None:
            self.hovered.emit(None)

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802  Qt override
        moves = {
            Qt.Key.Key_Left: -1,
            Qt.Key.Key_Right: 1,
            Qt.Key.Key_Up: -self.columns,
            Qt.Key.Key_Down: self.columns,
        }
        key = Qt.Key(event.key())
        if self.sheet is None or not len(self.sheet.codes):
            super().keyPressEvent(event)
        elif key in moves:
            self._move(moves[key])
        elif key in _SELECT_KEYS and self._cursor is not None:
            self.clicked.emit(int(self.sheet.codes[self._cursor]))
        else:
            super().keyPressEvent(event)

    def _move(self, by: int) -> None:
        assert self.sheet is not None
        if self._cursor is None:
            found = np.flatnonzero(self.sheet.codes == self._selected)
            self._cursor = int(found[0]) if len(found) else 0
        elif 0 <= self._cursor + by < len(self.sheet.codes):
            self._cursor += by
        code = int(self.sheet.codes[self._cursor])
        self.show_code(code)
        self.hovered.emit(code)
        self.viewport().update()

    # geometry -------------------------------------------------------------------------------

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802  Qt override
        super().resizeEvent(event)
        self._fit()

    def _tile(self) -> QSize:
        height = 2 * EDGE + PATCH + STRIP + 2 * LINE
        return QSize(self.viewport().width() // self.columns, theme.px(height))

    def _rect(self, position: int) -> QRect:
        row, column = divmod(position, self.columns)
        tile = self._tile()
        corner = QPoint(column * tile.width(), row * tile.height())
        return QRect(corner - QPoint(0, self.verticalScrollBar().value()), tile)

    def _code_at(self, where: QPoint) -> int | None:
        if self.sheet is None:
            return None
        tile = self._tile()
        column = where.x() // tile.width()
        row = (where.y() + self.verticalScrollBar().value()) // tile.height()
        position = row * self.columns + column
        is_there = 0 <= column < self.columns and 0 <= position < len(self.sheet.codes)
        return int(self.sheet.codes[position]) if is_there else None

    def _fit(self) -> None:
        count = len(self.sheet.codes) if self.sheet is not None else 0
        whole = -(-count // self.columns) * self._tile().height()
        bar, high = self.verticalScrollBar(), self.viewport().height()
        bar.setRange(0, max(0, whole - high))
        bar.setPageStep(high)
        bar.setSingleStep(self._tile().height() // 2)

    @Slot()
    def _restyle(self) -> None:
        self.setMinimumSize(theme.px(WIDTH) + 16, theme.px(80))
        self._fit()
        self.viewport().update()
