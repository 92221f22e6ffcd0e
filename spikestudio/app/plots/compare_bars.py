"""Signed bars, one for each layer in order of evaluation."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal, Slot
from PySide6.QtGui import QColor, QFontMetricsF, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from spikestudio.app import theme
from spikestudio.app.plots.axes import hatch_brush
from spikestudio.app.plots.compare_pictures import signed_lut

LIMITS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)  # that the scale may have
WIDEST = 40  # of a bar
MINUS = "\N{MINUS SIGN}"


def limit_for(largest: float) -> float:
    """Return the end of a scale that holds values up to ``largest``."""
    return next((limit for limit in LIMITS if largest <= limit), LIMITS[-1])


class LayerBars(QWidget):
    """Draws a change of every layer up or down from zero; the arrow keys point at bars."""

    clicked = Signal(str)  # layer id
    pointed = Signal(object)  # index of the layer that is pointed at, or None

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.layers: tuple[str, ...] = ()
        self.values: NDArray[np.float64] = np.empty(0)
        self.limit = LIMITS[0]
        self.selected = ""
        self.pointed_at: int | None = None
        theme.manager.changed.connect(self._restyle)

    def set_values(
        self, layers: tuple[str, ...], values: NDArray[np.float64], limit: float, selected: str
    ) -> None:
        """Show one value per layer on a scale from -``limit`` to ``limit``; NaN is not known."""
        self.layers, self.values, self.limit, self.selected = layers, values, limit, selected
        if self.pointed_at is not None and self.pointed_at >= len(layers):
            self.pointed_at = None
        self.update()

    def sizeHint(self) -> QSize:  # noqa: N802  Qt override
        return QSize(theme.px(240), theme.px(88))

    def minimumSizeHint(self) -> QSize:  # noqa: N802  Qt override
        return QSize(theme.px(120), theme.px(88))

    def bar_rect(self, index: int) -> QRectF:
        """Return the bar of a layer, in the widget's coordinates; of no height where not known."""
        area, value = self._area(), float(self.values[index])
        pitch = self._pitch()
        width = max(1.0, min(round(pitch * 0.75), theme.px(WIDEST)))
        x = round(area.left() + (index + 0.5) * pitch - width / 2)
        zero = round(area.center().y())
        length = 0 if np.isnan(value) else self._length(value)
        return QRectF(x, min(zero, zero - length), width, abs(length))

    def _length(self, value: float) -> int:
        """Pixels of a bar, at least one where it is not zero; upwards is positive."""
        half = self._area().height() / 2
        length = round(min(max(value / self.limit, -1.0), 1.0) * half)
        return length or int(np.sign(value))

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802  Qt override
        painter = QPainter(self)
        painter.setFont(theme.font("axis"))
        area = self._area()
        zero = round(area.center().y())
        self._paint_scale(painter, area, zero)
        colors = signed_lut()
        painter.setPen(Qt.PenStyle.NoPen)
        for index, layer in enumerate(self.layers):
            bar, value = self.bar_rect(index), self.values[index]
            if index == self.pointed_at or layer == self.selected:
                column = QRectF(bar.left() - 2, area.top(), bar.width() + 4, area.height())
                painter.fillRect(
                    column, theme.color("hover" if layer != self.selected else "selected")
                )
            if np.isnan(value):
                painter.fillRect(
                    QRectF(bar.left(), zero - theme.px(6), bar.width(), theme.px(12)), hatch_brush()
                )
            else:
                red, green, blue, _ = colors[-1 if value > 0 else 1].tolist()
                painter.fillRect(bar, QColor(red, green, blue))
        painter.setPen(QPen(theme.color("muted"), 1))
        painter.drawLine(QPointF(area.left(), zero), QPointF(area.right(), zero))
        if self.hasFocus() and self.pointed_at is not None:
            painter.setPen(QPen(theme.color("accent"), 2))
            bar = self.bar_rect(self.pointed_at)
            painter.drawRect(QRectF(bar.left() - 3, area.top(), bar.width() + 6, area.height()))

    def _paint_scale(self, painter: QPainter, area: QRectF, zero: int) -> None:
        painter.setPen(theme.color("muted"))
        line = QFontMetricsF(painter.font()).height()
        right = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        for y, text in (
            (area.top(), f"+{self.limit:g}"),
            (zero, "0"),
            (area.bottom(), f"{MINUS}{self.limit:g}"),
        ):
            box = QRectF(0, y - line / 2, area.left() - theme.px(6), line)
            painter.drawText(box, right, text)
            painter.drawLine(QPointF(area.left() - 3, round(y)), QPointF(area.left(), round(y)))

    def _area(self) -> QRectF:
        """Where the bars are."""
        metrics = QFontMetricsF(theme.font("axis"))
        left = metrics.horizontalAdvance("+0.000") + theme.px(8)
        top = metrics.height() / 2 + 1
        return QRectF(left, top, max(1.0, self.width() - left - 4), self.height() - 2 * top)

    def _pitch(self) -> float:
        return min(self._area().width() / max(1, len(self.layers)), theme.px(2 * WIDEST))

    def _index_at(self, position: QPointF) -> int | None:
        index = int((position.x() - self._area().left()) // self._pitch())
        return index if 0 <= index < len(self.layers) else None

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802  Qt override
        self._point(self._index_at(event.position()))

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802  Qt override
        index = self._index_at(event.position())
        if index is not None and event.button() == Qt.MouseButton.LeftButton:
            self._point(index)
            self.clicked.emit(self.layers[index])

    def leaveEvent(self, event: QEvent) -> None:  # noqa: N802  Qt override
        super().leaveEvent(event)
        self._point(None)

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802  Qt override
        key, here = Qt.Key(event.key()), self.pointed_at
        last = len(self.layers) - 1
        moves = {
            Qt.Key.Key_Left: -1 if here is None else here - 1,
            Qt.Key.Key_Right: 0 if here is None else here + 1,
            Qt.Key.Key_Home: 0,
            Qt.Key.Key_End: last,
        }
        if key in moves and last >= 0:
            self._point(min(max(moves[key], 0), last))
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and here is not None:
            self.clicked.emit(self.layers[here])
        else:
            super().keyPressEvent(event)

    def _point(self, index: int | None) -> None:
        if index != self.pointed_at:
            self.pointed_at = index
            self.update()
            self.pointed.emit(index)

    @Slot()
    def _restyle(self) -> None:
        self.updateGeometry()
        self.update()
