"""What lies over a raster: the row that is pointed at, the marked band, borders between layers."""

from __future__ import annotations

import pyqtgraph as pg
from PySide6.QtCore import QLineF, QRectF
from PySide6.QtGui import QPainter, QPen, QTransform
from PySide6.QtWidgets import QStyleOptionGraphicsItem, QWidget

from spikestudio.app import theme
from spikestudio.app.plots.axes import hatch_brush

LOWEST = 5  # pixels of the mark of a row, which itself may be one pixel high

Box = tuple[float, float, float, float]  # left, top, right, bottom in columns and rows


class _Overlay(pg.GraphicsObject):
    """Draws in pixels over the whole plot, so that lines are as thin at every zoom."""

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
        self.draw(painter, to_device, view)
        painter.setWorldTransform(to_device)

    def draw(self, painter: QPainter, to_device: QTransform, view: QRectF) -> None:
        """Draw in pixels; ``view`` is what is in sight, in columns and rows."""
        raise NotImplementedError


class RowHighlight(_Overlay):
    """A light bar over the row that is pointed at in any dock."""

    def __init__(self) -> None:
        super().__init__()
        self.row: int | None = None
        self.setZValue(20)

    def set_row(self, row: int | None) -> None:
        """Light up a row, or none."""
        if row != self.row:
            self.prepareGeometryChange()
            self.row = row

    def boundingRect(self) -> QRectF:  # noqa: N802  Qt override
        view, box = self.viewRect(), self.getViewBox()
        if view is None or box is None or self.row is None:
            return QRectF()
        spare = LOWEST * view.height() / max(1.0, box.height())  # only this part is painted anew
        return QRectF(view.left(), self.row - spare, view.width(), 1 + 2 * spare)

    def draw(self, painter: QPainter, to_device: QTransform, view: QRectF) -> None:
        """Draw the bar."""
        if self.row is None:
            return
        bar = to_device.mapRect(QRectF(view.left(), self.row, view.width(), 1))
        spare = max(0.0, LOWEST - bar.height()) / 2
        bar.adjust(0, -spare, 0, spare)
        painter.fillRect(bar, theme.color("text", 0.25))
        painter.setPen(QPen(theme.color("text", 0.6), 1))
        painter.drawLines(
            [QLineF(bar.left(), y, bar.right(), y) for y in (bar.top(), bar.bottom())]
        )


class BandMark(_Overlay):
    """The rows of the marked band, ``(first, row after the last)``."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: tuple[int, int] | None = None
        self.setZValue(15)

    def set_rows(self, rows: tuple[int, int] | None) -> None:
        """Mark rows, or none."""
        if rows != self.rows:
            self.rows = rows
            self.update()

    def draw(self, painter: QPainter, to_device: QTransform, view: QRectF) -> None:
        """Draw the band with a line above and below."""
        if self.rows is None:
            return
        first, end = self.rows
        band = to_device.mapRect(QRectF(view.left(), first, view.width(), end - first))
        painter.fillRect(band, theme.color("accent", 0.16))
        painter.setPen(QPen(theme.color("accent"), 1))
        painter.drawLines(
            [QLineF(band.left(), y, band.right(), y) for y in (band.top(), band.bottom())]
        )


class GroupMarks(_Overlay):
    """Thin lines between layers, and a hatch over steps of a layer that were not recorded."""

    def __init__(self) -> None:
        super().__init__()
        self.borders: tuple[int, ...] = ()  # first rows of the layers after the first
        self.hatched: tuple[Box, ...] = ()
        self.setZValue(5)

    def set_groups(self, borders: tuple[int, ...], hatched: tuple[Box, ...]) -> None:
        """Say where layers begin, and what is not known."""
        if (borders, hatched) != (self.borders, self.hatched):
            self.borders, self.hatched = borders, hatched
            self.update()

    def draw(self, painter: QPainter, to_device: QTransform, view: QRectF) -> None:
        """Draw the lines and the hatch."""
        for left, top, right, bottom in self.hatched:
            box = QRectF(left, top, right - left, bottom - top) & view
            painter.fillRect(to_device.mapRect(box), hatch_brush())
        painter.setPen(QPen(theme.color("muted", 0.45), 1))
        lines = [QLineF(view.left(), row, view.right(), row) for row in self.borders]
        painter.drawLines([to_device.map(line) for line in lines])
