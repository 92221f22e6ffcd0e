"""A threshold over the denoising steps of a run: step line, the curve behind it, its points."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from PySide6.QtCore import QLineF, QPointF, QRectF, Qt
from PySide6.QtGui import QPainter, QPen, QTransform
from PySide6.QtWidgets import QStyleOptionGraphicsItem, QWidget

from spikestudio.app import theme
from spikestudio.app.plots.rate_lines import paint_key, staircase
from spikestudio.language import tr

RADIUS = 5  # of a point
MANY = 200  # steps; the line of more is thin, a thick one takes long to draw


@dataclass(frozen=True, slots=True, eq=False)
class CurvePicture:
    """What is drawn, in columns and thresholds. ``before`` are those of the last run.

    A curve that is not ``is_used`` is drawn faintly.
    """

    values: NDArray[np.float64]  # one per step
    path: NDArray[np.float64]  # [places, 2], the curve itself
    points: tuple[tuple[float, float], ...]
    selected: int | None = None
    before: NDArray[np.float64] | None = None
    lines: tuple[float, ...] = ()  # levels that are marked
    is_used: bool = True
    columns: float = 1.0  # that the run takes


class CurveItem(pg.GraphicsObject):
    """Draws a ``CurvePicture``; everything is as thick at every zoom."""

    def __init__(self) -> None:
        super().__init__()
        self.picture: CurvePicture | None = None
        self.has_focus = False
        self.hovered: int | None = None  # point under the pointer

    def set_picture(self, picture: CurvePicture) -> None:
        """Draw another picture."""
        self.picture = picture
        self.update()

    def set_hovered(self, index: int | None) -> None:
        """Light up a point lightly."""
        if index != self.hovered:
            self.hovered = index
            self.update()

    def set_focus(self, *, has_focus: bool) -> None:
        """Say whether the keys move the selected point."""
        if has_focus != self.has_focus:
            self.has_focus = has_focus
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
        view, picture = self.viewRect(), self.picture
        if view is None or picture is None:
            return
        to_device = painter.worldTransform()
        painter.resetTransform()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
        area = to_device.mapRect(view)
        painter.setPen(QPen(theme.color("border"), 1))
        for level in picture.lines:
            y = round(to_device.map(QPointF(0, level)).y())
            painter.drawLine(QLineF(area.left(), y, area.right(), y))
        key = [(tr("next run"), self._pen(picture))]
        if picture.before is not None:
            pen = QPen(theme.color("muted"), 1, Qt.PenStyle.DashLine)
            painter.setPen(pen)
            painter.drawPolyline(staircase(picture.before, picture.columns, to_device))
            key.append((tr("last run"), pen))
        painter.setPen(self._pen(picture))
        painter.drawPolyline(staircase(picture.values, picture.columns, to_device))
        paint_key(painter, area, key if picture.is_used else key[1:])
        self._paint_curve(painter, picture, to_device)
        painter.setWorldTransform(to_device)

    @staticmethod
    def _pen(picture: CurvePicture) -> QPen:
        thickness = theme.px(2) if len(picture.values) <= MANY and picture.is_used else 1
        return QPen(theme.color("threshold" if picture.is_used else "muted"), thickness)

    def _paint_curve(self, painter: QPainter, picture: CurvePicture, to_device: QTransform) -> None:
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, True)
        painter.setPen(QPen(theme.color("accent"), 1))
        path = pg.functions.arrayToQPolygonF(*picture.path.T)
        painter.drawPolyline(to_device.map(path))
        radius = theme.px(RADIUS)
        for index, (x, y) in enumerate(picture.points):
            at = to_device.map(QPointF(x, y))
            is_selected = index == picture.selected
            if is_selected or index == self.hovered:
                ring = radius + theme.px(4)
                alpha = 1.0 if is_selected and self.has_focus else 0.5
                painter.setPen(QPen(theme.color("accent", alpha), theme.px(2)))
                painter.setBrush(Qt.BrushStyle.NoBrush)
                painter.drawEllipse(at, ring, ring)
            painter.setPen(QPen(theme.color("accent"), theme.px(2)))
            painter.setBrush(theme.color("accent" if is_selected else "surface"))
            painter.drawEllipse(at, radius, radius)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
