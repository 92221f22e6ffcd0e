"""Lines with one value per denoising step: those of the last run, and of the run before it."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from PySide6.QtCore import QLineF, QPointF, QRectF, Qt
from PySide6.QtGui import QFontMetricsF, QPainter, QPen, QPolygonF, QTransform
from PySide6.QtWidgets import QStyleOptionGraphicsItem, QWidget

from spikestudio.app import theme


@dataclass(frozen=True, slots=True, eq=False)
class RateLine:
    """Values of a run, NaN where there is none; ``color`` is a token of the theme."""

    values: NDArray[np.float64]
    name: str
    color: str
    is_dashed: bool = False

    @property
    def pen(self) -> QPen:
        """Return a pen that is as thick at every zoom."""
        style = Qt.PenStyle.DashLine if self.is_dashed else Qt.PenStyle.SolidLine
        return QPen(theme.color(self.color), 1 if self.is_dashed else 2, style)


class RateLines(pg.GraphicsObject):
    """Step lines over the same width, whatever the number of steps, and levels behind them."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: tuple[RateLine, ...] = ()
        self.levels: tuple[float, ...] = ()
        self.columns = 1.0

    def set_lines(
        self, lines: tuple[RateLine, ...], levels: tuple[float, ...], columns: float
    ) -> None:
        """Draw other lines; each takes all of the columns."""
        self.lines, self.levels, self.columns = lines, levels, columns
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
        if view is None:
            return
        to_device = painter.worldTransform()
        painter.resetTransform()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
        area = to_device.mapRect(view)
        painter.setPen(QPen(theme.color("border"), 1))
        for level in self.levels:
            y = round(to_device.map(QPointF(0, level)).y())
            painter.drawLine(QLineF(area.left(), y, area.right(), y))
        for line in self.lines:
            painter.setPen(line.pen)
            width = self.columns / len(line.values)
            for part in known_parts(line.values):
                columns = width * (part.stop - part.start)
                steps = staircase(line.values[part], columns, to_device, start=width * part.start)
                painter.drawPolyline(steps)
        paint_key(painter, area, [(line.name, line.pen) for line in self.lines])
        painter.setWorldTransform(to_device)


def key_height() -> float:
    """Return the pixels that the names of lines take at the top of a plot."""
    return QFontMetricsF(theme.font("axis")).height() + 2


def paint_key(painter: QPainter, area: QRectF, entries: list[tuple[str, QPen]]) -> None:
    """Name lines in the upper right corner, as far as there is room."""
    painter.setFont(theme.font("axis"))
    metrics = QFontMetricsF(painter.font())
    sample, gap = theme.px(18), theme.px(6)
    right = area.right() - gap
    for name, pen in entries:
        width = metrics.horizontalAdvance(name)
        left = right - width - sample - gap
        if left < area.left():
            return
        box = QRectF(left, area.top() + 2, right - left, metrics.height())
        painter.fillRect(box.adjusted(-gap, 0, gap, 0), theme.color("surface", 0.85))
        painter.setPen(pen)
        y = round(box.center().y())
        painter.drawLine(QLineF(left, y, left + sample, y))
        painter.setPen(theme.color("muted"))
        painter.drawText(QPointF(right - width, box.top() + metrics.ascent()), name)
        right = left - 2 * gap


def known_parts(values: NDArray[np.float64]) -> list[slice]:
    """Return the stretches without NaN."""
    parts, start = [], 0
    for is_known, group in groupby(np.isfinite(values).tolist()):
        length = len(list(group))
        if is_known:
            parts.append(slice(start, start + length))
        start += length
    return parts


def staircase(
    values: NDArray[np.float64], columns: float, to_device: QTransform, *, start: float = 0.0
) -> QPolygonF:
    """Return a step line of values that share so many columns, in pixels."""
    edges = start + np.arange(len(values) + 1) * columns / max(1, len(values))
    x, y = np.repeat(edges, 2)[1:-1], np.repeat(values, 2)
    return QPolygonF(to_device.map(pg.functions.arrayToQPolygonF(x, y)))
