"""Mark of one row of a heat map, over its whole width."""

from __future__ import annotations

import pyqtgraph as pg
from PySide6.QtCore import QRectF
from PySide6.QtGui import QPainter, QPen
from PySide6.QtWidgets import QStyleOptionGraphicsItem, QWidget

from spikestudio.app import theme


class RowMark(pg.GraphicsObject):
    """A line above and one below a row, each on a darker or lighter one; the cells stay as they are."""

    def __init__(self) -> None:
        super().__init__()
        self.row: int | None = None

    def set_row(self, row: int | None) -> None:
        """Mark another row; None: no row."""
        if row != self.row:
            self.row = row
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
        if view is None or self.row is None:
            return
        to_device = painter.worldTransform()
        painter.resetTransform()  # as thick at every zoom
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
        row = to_device.mapRect(QRectF(view.left(), self.row, view.width(), 1))
        area = to_device.mapRect(view)
        top, bottom = round(row.top()), round(row.bottom())
        for token, width in (("surface", 4), ("accent", 2)):
            painter.setPen(QPen(theme.color(token), width))
            for y in (max(top, round(area.top()) + 1), min(bottom, round(area.bottom()) - 1)):
                painter.drawLine(round(row.left()), y, round(row.right()), y)
        painter.setWorldTransform(to_device)
