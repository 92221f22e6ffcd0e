"""Marks of the moments at which the threshold or the temperature was changed during a run."""

from __future__ import annotations

import pyqtgraph as pg
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QPainter, QPen
from PySide6.QtWidgets import QStyleOptionGraphicsItem, QWidget

from spikestudio.app import theme


class ChangeMarks(pg.GraphicsObject):
    """Dashed upright lines over the whole height of a plot."""

    def __init__(self) -> None:
        super().__init__()
        self.columns: tuple[float, ...] = ()

    def set_columns(self, columns: tuple[float, ...]) -> None:
        """Mark these x positions."""
        if columns != self.columns:
            self.columns = columns
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
        for color, style in (
            ("surface", Qt.PenStyle.SolidLine),
            ("threshold", Qt.PenStyle.DashLine),
        ):
            pen = QPen(theme.color(color), 0, style)  # width 0 stays one pixel at every zoom
            painter.setPen(pen)
            for x in self.columns:
                painter.drawLine(QPointF(x, view.top()), QPointF(x, view.bottom()))
