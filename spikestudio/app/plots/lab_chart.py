"""Axes of the neuron lab's charts: few, large, with names that are read from the last row."""

from __future__ import annotations

from functools import cache

import pyqtgraph as pg
from PySide6.QtCore import QLineF, QPointF, QRectF, QSize, Qt, Slot
from PySide6.QtGui import QFont, QFontMetricsF, QPainter, QPen
from PySide6.QtWidgets import QWidget

from spikestudio.app import theme
from spikestudio.app.plots.watch_pens import mixed

TICK = 4
MINUS = "\N{MINUS SIGN}"
CENTRED = Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextDontClip
RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter | Qt.TextFlag.TextDontClip


def short(value: float, digits: int = 3) -> str:
    """Return a number with at most so many significant digits, and a true minus sign."""
    text = f"{value:.{digits}g}"
    return "0" if float(text) == 0 else text.replace("-", MINUS)


@cache
def _axis() -> pg.AxisItem:
    return pg.AxisItem("left")  # never shown: it knows which values are round


def nice_ticks(low: float, high: float, pixels: float) -> list[float]:
    """Return round values from low to high, as many as have room in so many pixels."""
    if not high > low:
        return [low]
    apart = 3.2 * QFontMetricsF(theme.font("caption")).height()
    axis = _axis()
    axis.setTickDensity(max(0.2, min(1.0, 50 / apart)))
    levels = axis.tickValues(low, high, max(pixels, apart))
    values = [float(value) for _, tier in levels[:2] for value in tier]
    fewest = [float(value) for value in levels[0][1]] if levels else []
    return sorted(values if len(fewest) < 2 and len(values) * apart <= 2 * pixels else fewest)


class LabChart(QWidget):
    """A plot area with a left and a bottom axis; subclasses say what they span and paint in it."""

    def __init__(self, name: str, title: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._title = title  # of the bottom axis
        self.setAccessibleName(name)
        self.setMouseTracking(True)
        theme.manager.changed.connect(self._restyle)

    @Slot()
    def _restyle(self) -> None:
        self.updateGeometry()
        self.update()

    def minimumSizeHint(self) -> QSize:  # noqa: N802  Qt override
        return QSize(theme.px(180), theme.px(110))

    def sizeHint(self) -> QSize:  # noqa: N802  Qt override
        return self.minimumSizeHint()  # a page that scrolls would be as high as charts like to be

    @property
    def metrics(self) -> QFontMetricsF:
        """Of the type at the axes."""
        return QFontMetricsF(theme.font("caption"))

    def area(self) -> QRectF:
        """The plot area, in pixels of the widget."""
        line = self.metrics.height()
        left = self.metrics.horizontalAdvance(f"{MINUS}0.00") + TICK + theme.px(6)
        bottom = 2 * line + TICK + 2
        box = QRectF(self.rect()).adjusted(left, line * 0.6, -theme.px(12), -bottom)
        return QRectF(box.left(), box.top(), max(box.width(), 1.0), max(box.height(), 1.0))

    # painting -------------------------------------------------------------------------------

    def paint_left(
        self, painter: QPainter, area: QRectF, ticks: list[tuple[float, str]], *, has_grid: bool
    ) -> None:
        """Paint figures at heights (in pixels), earlier ones first where two would touch."""
        painter.setFont(theme.font("caption"))
        line, taken = self.metrics.height(), list[float]()
        colors = theme.tokens()
        painter.setPen(QPen(theme.color("border"), 1))
        painter.drawLine(QLineF(area.left(), area.top(), area.left(), area.bottom()))
        for y, text in ticks:
            if any(abs(y - other) < line * 0.9 for other in taken):
                continue
            taken.append(y)
            if has_grid:
                painter.setPen(QPen(mixed(colors.border, colors.surface, 0.6), 1))
                painter.drawLine(QLineF(area.left(), y, area.right(), y))
            painter.setPen(theme.color("muted"))
            painter.drawLine(QLineF(area.left() - TICK, y, area.left(), y))
            box = QRectF(0, y - line / 2, area.left() - TICK - 3, line)
            painter.drawText(box, RIGHT, text)

    def paint_bottom(
        self, painter: QPainter, area: QRectF, ticks: list[tuple[float, str]], *, has_marks: bool
    ) -> None:
        """Paint figures at places (in pixels) below the plot, and the title below them."""
        painter.setFont(theme.font("caption"))
        metrics, end = self.metrics, -1.0
        painter.setPen(QPen(theme.color("border"), 1))
        painter.drawLine(QLineF(area.left(), area.bottom(), area.right(), area.bottom()))
        painter.setPen(theme.color("muted"))
        for x, text in ticks:
            width = metrics.horizontalAdvance(text)
            left = min(x - width / 2, self.width() - width - 1)
            if has_marks:
                painter.drawLine(QLineF(x, area.bottom(), x, area.bottom() + TICK))
            if left < end:
                continue
            end = left + width + theme.px(6)
            top = area.bottom() + TICK + 1
            painter.drawText(QRectF(left, top, width, metrics.height()), CENTRED, text)
        box = QRectF(area.left(), 0, area.width(), metrics.height())
        box.moveBottom(self.height() - 1)
        title = metrics.elidedText(self._title, Qt.TextElideMode.ElideRight, self.width() - 4)
        box.setLeft(max(2.0, box.center().x() - metrics.horizontalAdvance(title) / 2 - 1))
        painter.drawText(box, Qt.AlignmentFlag.AlignLeft | Qt.TextFlag.TextDontClip, title)

    def paint_focus(self, painter: QPainter) -> None:
        """Paint the ring of a chart that has the keyboard."""
        if self.hasFocus():
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(theme.color("accent"), 2))
            painter.drawRoundedRect(QRectF(self.rect()).adjusted(1, 1, -1, -1), 4, 4)


def paint_tag(
    painter: QPainter,
    at: QPointF,
    text: str,
    within: QRectF,
    *,
    token: str = "text",
    font: QFont | None = None,
) -> QRectF:
    """Paint a text on a patch of the surface beside a place, kept within a box."""
    painter.setFont(font or theme.font("caption"))
    metrics = QFontMetricsF(painter.font())
    gap = theme.px(6)
    text = metrics.elidedText(text, Qt.TextElideMode.ElideRight, within.width())
    box = QRectF(0, 0, metrics.horizontalAdvance(text) + 6, metrics.height())
    right = at.x() + gap + box.width() <= within.right()
    box.moveLeft(at.x() + gap if right else at.x() - gap - box.width())
    box.moveTop(at.y() - box.height() - 2)
    box.moveLeft(max(within.left(), min(box.left(), within.right() - box.width())))
    box.moveTop(max(within.top(), min(box.top(), within.bottom() - box.height())))
    painter.fillRect(box, theme.color("surface", 0.85))
    painter.setPen(theme.color(token))
    painter.drawText(box, CENTRED, text)
    return box
