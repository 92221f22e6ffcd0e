"""Bars of the likeliest codes of one cell, with the patches that they draw."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal, Slot
from PySide6.QtGui import QColor, QFontMetricsF, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from spikestudio.app import theme
from spikestudio.app.plots.palettes import code_colors
from spikestudio.app.plots.text import figure
from spikestudio.app.plots.tiles import to_qimage
from spikestudio.language import tr

ROW, PATCH, GAP = 26, 20, 6
LEAST = 0.001  # a smaller probability is not told apart from others
ROWS = 6  # the five likeliest codes, and the one drawn if it is not among them


@dataclass(frozen=True, slots=True)
class CodeRow:
    """One code; ``reference`` is its probability at the run's own temperature."""

    code: int
    probability: float
    reference: float
    patch: NDArray[np.uint8] | None = None  # [p, p, C]
    is_drawn: bool = False


def share_text(value: float) -> str:
    """Return a probability, or a number of bits, without digits that do not matter."""
    return f"< {LEAST:g}" if 0 < value < LEAST else figure(value)


class TokenBars(QWidget):
    """One row per code: patch, id, bar and probability. The code drawn is framed and named so.

    A tick on a bar is the probability at the run's temperature, where another one is tried.
    """

    hovered = Signal(object)  # code, None when over none
    clicked = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.rows: tuple[CodeRow, ...] = ()
        self.setMouseTracking(True)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.setAccessibleName(tr("Likeliest codes of the cell"))
        self.setToolTip(tr("Probability of each code; click one to mark its cells"))
        theme.manager.changed.connect(self._restyle)

    def set_rows(self, rows: tuple[CodeRow, ...]) -> None:
        """Show these codes."""
        self.rows = rows
        self.setAccessibleDescription(
            ", ".join(
                tr(
                    "code {code} {share}{is_drawn}",
                    code=row.code,
                    share=share_text(row.probability),
                    is_drawn=tr(" drawn") * row.is_drawn,
                )
                for row in rows
            )
        )
        self.update()

    def bar(self, index: int) -> QRectF:
        """Return the bar of a row, in the widget's coordinates."""
        left, right = self._span()
        top = index * theme.px(ROW) + theme.px(6)
        length = (right - left) * self.rows[index].probability
        return QRectF(left, top, max(1.0, length), theme.px(ROW) - theme.px(12))

    def sizeHint(self) -> QSize:  # noqa: N802  Qt override
        return QSize(theme.px(220), ROWS * theme.px(ROW))

    def minimumSizeHint(self) -> QSize:  # noqa: N802  Qt override
        return QSize(theme.px(160), ROWS * theme.px(ROW))

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802  Qt override
        painter = QPainter(self)
        painter.setFont(theme.font("caption"))
        left, right = self._span()
        middle = Qt.AlignmentFlag.AlignVCenter
        for index, row in enumerate(self.rows):
            top, height = index * theme.px(ROW), theme.px(ROW)
            self._paint_patch(painter, row, QRectF(0, top + (height - theme.px(PATCH)) // 2, 0, 0))
            painter.setPen(theme.color("text"))
            box = QRectF(theme.px(PATCH + GAP), top, left - theme.px(PATCH + 2 * GAP), height)
            painter.drawText(box, middle | Qt.AlignmentFlag.AlignRight, f"{row.code:,}")
            bar = self.bar(index)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(theme.color("raised"))
            painter.drawRect(QRectF(left, bar.top(), right - left, bar.height()))
            painter.setBrush(theme.color("accent"))
            painter.drawRect(bar)
            self._paint_marks(painter, row, bar, QRectF(left, top, right - left, height))
            painter.setPen(theme.color("text"))
            box = QRectF(right + theme.px(GAP), top, self.width() - right - theme.px(GAP), height)
            painter.drawText(box, middle | Qt.AlignmentFlag.AlignRight, share_text(row.probability))

    def _paint_patch(self, painter: QPainter, row: CodeRow, corner: QRectF) -> None:
        side = theme.px(PATCH)
        place = QRectF(corner.x(), corner.y(), side, side)
        if row.patch is None:
            table = code_colors(1 << row.code.bit_length())  # few different tables
            painter.fillRect(place, QColor(*table[row.code].tolist()))
        else:
            painter.drawImage(place, to_qimage(row.patch))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(theme.color("border"))
        painter.drawRect(place.adjusted(0.5, 0.5, -0.5, -0.5))

    def _paint_marks(self, painter: QPainter, row: CodeRow, bar: QRectF, whole: QRectF) -> None:
        if abs(row.reference - row.probability) * whole.width() >= 1:
            x = round(whole.left() + row.reference * whole.width())
            for token, width in (("surface", 4), ("text", 2)):
                painter.setPen(QPen(theme.color(token), width))
                painter.drawLine(QPointF(x, bar.top() - 3), QPointF(x, bar.bottom() + 3))
        if row.is_drawn:
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(theme.color("text"), 1))
            painter.drawRect(QRectF(whole.left(), bar.top(), whole.width(), bar.height()))
            metrics = QFontMetricsF(painter.font())
            word = tr("drawn")
            room = whole.right() - bar.right() - theme.px(4)
            is_outside = room > metrics.horizontalAdvance(word)
            painter.setPen(theme.color("text" if is_outside else "on_accent"))
            box = QRectF(whole).adjusted(theme.px(4), 0, -theme.px(4), 0)
            side = Qt.AlignmentFlag.AlignRight if is_outside else Qt.AlignmentFlag.AlignLeft
            painter.drawText(box, side | Qt.AlignmentFlag.AlignVCenter, word)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802  Qt override
        row = self._row_at(event.position())
        self.hovered.emit(None if row is None else row.code)

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802  Qt override
        row = self._row_at(event.position())
        if row is not None and event.button() == Qt.MouseButton.LeftButton:
            self.clicked.emit(row.code)

    def leaveEvent(self, event: QEvent) -> None:  # noqa: N802  Qt override
        super().leaveEvent(event)
        self.hovered.emit(None)

    def _row_at(self, where: QPointF) -> CodeRow | None:
        index = int(where.y() // theme.px(ROW))
        return self.rows[index] if 0 <= index < len(self.rows) else None

    def _span(self) -> tuple[float, float]:
        """Left and right end of a bar of probability 1."""
        metrics = QFontMetricsF(theme.font("caption"))
        digits = max((len(f"{row.code:,}") for row in self.rows), default=3)
        left = theme.px(PATCH + 2 * GAP) + metrics.horizontalAdvance("0" * max(3, digits))
        right = self.width() - metrics.horizontalAdvance("0.00000") - 2 * theme.px(GAP)
        return left, max(left + 1, right)

    @Slot()
    def _restyle(self) -> None:
        self.updateGeometry()
        self.update()
