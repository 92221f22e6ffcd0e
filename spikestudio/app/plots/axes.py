"""Axes of the plots over time: denoising steps below, horizontal names at the left.

Every plot that has time as its x axis uses the same left and right margin, so that the same moment
is at the same x in docks that stand above each other.
"""

from __future__ import annotations

from dataclasses import dataclass

import pyqtgraph as pg
from PySide6.QtCore import QLineF, QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFontMetricsF, QPainter, QPen, QPolygonF
from PySide6.QtWidgets import QGraphicsItem, QStyleOptionGraphicsItem, QWidget

from spikestudio.app import theme

TICK = 4


def left_margin(width: int) -> int:
    """Return the pixels left of the plot area in a plot of this width, the same for every plot."""
    return theme.px(min(max(0.28 * width / theme.manager.scale, 64), 144))


def right_margin() -> int:
    """Return the width in pixels of the blank right of a plot."""
    return theme.px(12)


def nice_stride(smallest: float) -> int:
    """Return the least of 1, 2, 5, 10, 20, 50, ... that is not below ``smallest``."""
    decade = 1
    while True:
        for factor in (1, 2, 5):
            if factor * decade >= smallest:
                return factor * decade
        decade *= 10


class StepAxis(pg.AxisItem):
    """Numbers denoising steps from 1, each in the middle of the columns that it takes."""

    def __init__(self) -> None:
        super().__init__("bottom")
        self.setCacheMode(QGraphicsItem.CacheMode.DeviceCoordinateCache)
        self.columns_per_step = 1.0
        self.num_steps = 0
        self.text = ""

    def restyle(self) -> None:
        """Take over the theme's colours and type."""
        self.setHeight(theme.px(38))
        self.update()

    def set_time(self, num_steps: int, columns_per_step: float, text: str) -> None:
        """State how columns map to denoising steps, and what the axis says."""
        self.num_steps, self.columns_per_step, self.text = num_steps, columns_per_step, text
        self.update()

    def boundingRect(self) -> QRectF:  # noqa: N802  Qt override
        overhang = theme.px(24)  # of numbers at the ends
        return QRectF(-overhang, 0, self.width() + 2 * overhang, self.height())

    def numbers(self, digit_width: float) -> list[int]:
        """Return the steps that get a number, spaced so that numbers stay apart."""
        low, high = (column / self.columns_per_step for column in self.range)
        text_width = digit_width * (len(f"{self.num_steps:,}") + 2)
        stride = nice_stride(text_width * (high - low) / max(1.0, self.width()))
        shown = range(max(1, int(low) + 1), min(int(high) + 1, self.num_steps) + 1)
        return [step for step in shown if step % stride == 0 or (step == 1 and stride != 2)]

    def paint(
        self,
        painter: QPainter,
        option: QStyleOptionGraphicsItem,
        widget: QWidget | None = None,
    ) -> None:
        low, high = self.range
        painter.setFont(theme.font("axis"))
        metrics = QFontMetricsF(painter.font())
        scale = self.width() / (high - low)
        middles = {
            step: round(((step - 0.5) * self.columns_per_step - low) * scale)
            for step in self.numbers(metrics.horizontalAdvance("0"))
        }
        painter.setPen(theme.color("border"))
        painter.drawLine(QLineF(0, 0, self.width(), 0))
        painter.drawLines([QLineF(x, 0, x, TICK) for x in middles.values()])
        painter.setPen(theme.color("muted"))
        line = metrics.height()
        for step, x in middles.items():
            if 0 <= x <= self.width():
                text = f"{step:,}"
                width = metrics.horizontalAdvance(text) + 2
                left = min(x - width / 2, self.width() + right_margin() - width)
                box = QRectF(left, TICK + 2, width, line)
                painter.drawText(box, Qt.AlignmentFlag.AlignCenter, text)
        below = QRectF(0, self.height() - line, self.width(), line)
        text = metrics.elidedText(self.text, Qt.TextElideMode.ElideRight, below.width())
        painter.drawText(below, Qt.AlignmentFlag.AlignCenter, text)


@dataclass(frozen=True, slots=True)
class RowLabel:
    """A name at a height of the plot; earlier labels win where two would overlap."""

    y: float
    text: str
    color: str
    marker: str = ""  # colour of a triangle that points at the row
    has_tick: bool = False
    short: str = ""  # instead of the text where that does not fit


class RowAxis(pg.AxisItem):
    """Names at the left of a plot, horizontal, elided in the middle where they do not fit."""

    def __init__(self) -> None:
        super().__init__("left")
        self.setCacheMode(QGraphicsItem.CacheMode.DeviceCoordinateCache)
        self._title = self._short_title = ""
        self._labels: tuple[RowLabel, ...] = ()

    def set_labels(self, title: str, labels: tuple[RowLabel, ...], short_title: str = "") -> None:
        """Show an upright title at the far left and the labels beside the plot.

        The short title takes its place where the plot is too low for it.
        """
        if (title, short_title, labels) != (self._title, self._short_title, self._labels):
            self._title, self._short_title, self._labels = title, short_title, labels
            self.update()

    def paint(
        self,
        painter: QPainter,
        option: QStyleOptionGraphicsItem,
        widget: QWidget | None = None,
    ) -> None:
        width, height = self.width(), self.height()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
        painter.setFont(theme.font("axis"))
        metrics = QFontMetricsF(painter.font())
        line = metrics.height()
        painter.setPen(theme.tokens().border)
        painter.drawLine(QPointF(width - 1, 0), QPointF(width - 1, height))
        if self._title:
            self._paint_title(painter, metrics)
        low, high = self.range
        left = line + theme.px(6) if self._title else theme.px(4)
        right = width - theme.px(10)
        taken: list[float] = []
        for label in self._labels:
            y = height * (high - label.y) / (high - low)
            if not -1 <= y <= height + 1:
                continue
            if label.marker:
                _paint_marker(painter, QPointF(width - 2, y), label.marker)
            top = min(max(y - line / 2, 0.0), height - line)
            if any(abs(top - other) < line * 0.85 for other in taken):
                continue
            taken.append(top)
            box = QRectF(left, top, right - left, line)
            text = label.text
            if label.short and metrics.horizontalAdvance(text) > box.width():
                text = label.short
            text = metrics.elidedText(text, Qt.TextElideMode.ElideMiddle, box.width())
            painter.setPen(QColor(label.color))
            painter.drawText(box, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, text)
            if label.has_tick:
                painter.drawLine(QPointF(width - 1 - TICK, y), QPointF(width - 1, y))

    def _paint_title(self, painter: QPainter, metrics: QFontMetricsF) -> None:
        painter.save()
        painter.setPen(theme.color("muted"))
        painter.translate(theme.px(8), self.height())
        painter.rotate(-90)
        box = QRectF(0, 0, self.height(), metrics.height())
        is_long = metrics.horizontalAdvance(self._title) > box.width()
        title = self._short_title if self._short_title and is_long else self._title
        text = metrics.elidedText(title, Qt.TextElideMode.ElideRight, box.width())
        painter.drawText(box, Qt.AlignmentFlag.AlignCenter, text)
        painter.restore()


def _paint_marker(painter: QPainter, tip: QPointF, color: str) -> None:
    half = theme.px(4)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, True)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QColor(color))
    painter.drawPolygon(
        QPolygonF([tip, tip + QPointF(-half * 1.5, -half), tip + QPointF(-half * 1.5, half)])
    )
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)


class StepLines(pg.GraphicsObject):
    """Faint upright lines between denoising steps, left out where they would hide the data."""

    def __init__(self) -> None:
        super().__init__()
        self.columns_per_step = 1.0
        self.num_steps = 0

    def boundingRect(self) -> QRectF:  # noqa: N802  Qt override
        return self.viewRect() or QRectF()

    def viewTransformChanged(self) -> None:  # noqa: N802  override
        super().viewTransformChanged()
        self.prepareGeometryChange()

    def paint(
        self,
        painter: QPainter,
        option: QStyleOptionGraphicsItem,
        widget: QWidget | None = None,
    ) -> None:
        view = self.viewRect()
        pixel = self.pixelWidth()
        if view is None or not pixel or self.columns_per_step / pixel < 6:
            return
        first = int(view.left() // self.columns_per_step) + 1
        last = min(int(view.right() // self.columns_per_step), self.num_steps)
        painter.setPen(QPen(theme.color("border", 0.7), 0))
        columns = [step * self.columns_per_step for step in range(first, last + 1)]
        painter.drawLines([QLineF(x, view.top(), x, view.bottom()) for x in columns])


class HatchedSpans(pg.GraphicsObject):
    """Hatches spans of x in which there is something to know but nothing was recorded."""

    def __init__(self) -> None:
        super().__init__()
        self.spans: tuple[tuple[float, float], ...] = ()

    def set_spans(self, spans: tuple[tuple[float, float], ...]) -> None:
        """Hatch ``(left, right)`` intervals over the whole height."""
        if spans != self.spans:
            self.spans = spans
            self.update()

    def boundingRect(self) -> QRectF:  # noqa: N802  Qt override
        return self.viewRect() or QRectF()

    def viewTransformChanged(self) -> None:  # noqa: N802  override
        super().viewTransformChanged()
        self.prepareGeometryChange()

    def paint(
        self,
        painter: QPainter,
        option: QStyleOptionGraphicsItem,
        widget: QWidget | None = None,
    ) -> None:
        view = self.viewRect()
        if view is None or not self.spans:
            return
        to_device = painter.worldTransform()
        painter.resetTransform()  # a hatch keeps its pitch at every zoom
        for left, right in self.spans:
            box = to_device.mapRect(QRectF(left, view.top(), right - left, view.height()))
            painter.fillRect(box, hatch_brush())
        painter.setWorldTransform(to_device)


def hatch_brush() -> pg.QtGui.QBrush:
    """Return the diagonal hatch that stands for "not known" everywhere."""
    return pg.QtGui.QBrush(theme.color("muted", 0.55), Qt.BrushStyle.BDiagPattern)


def spans_of(steps: list[int], columns_per_step: int) -> tuple[tuple[float, float], ...]:
    """Join consecutive steps to spans of columns."""
    spans: list[tuple[float, float]] = []
    for step in steps:
        left, right = float(step * columns_per_step), float((step + 1) * columns_per_step)
        if spans and spans[-1][1] == left:
            spans[-1] = (spans[-1][0], right)
        else:
            spans.append((left, right))
    return tuple(spans)
