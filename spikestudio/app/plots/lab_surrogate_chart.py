"""The step that a spike is, and the surrogate whose slope training uses in its place."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import QWidget

from spikestudio.app import theme
from spikestudio.app.plots.lab_chart import LabChart, nice_ticks, paint_tag, short
from spikestudio.app.plots.watch_pens import watch_color
from spikestudio.language import tr


class SurrogateChart(LabChart):
    """Gradient of the surrogate around the threshold, the true step, and the step looked at."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(tr("Surrogate gradient around the threshold"), tr("H − v_th"), parent)
        self.distances: NDArray[np.float32] = np.empty(0, np.float32)
        self.slopes: NDArray[np.float32] = np.empty(0, np.float32)
        self.present: tuple[float, float] | None = None  # H − v_th of a step, and its gradient

    def set_profile(
        self,
        distances: NDArray[np.float32],
        slopes: NDArray[np.float32],
        present: tuple[float, float] | None,
    ) -> None:
        """Show gradients at distances from the threshold, and those of one step."""
        self.distances, self.slopes, self.present = distances, slopes, present
        self.setAccessibleDescription(self.text())
        self.update()

    def text(self) -> str:
        """Return what is shown, in words."""
        if self.present is None:
            return ""
        distance, slope = self.present
        spike = 1 if distance >= 0 else 0
        return tr(
            "H − v_th = {short}: the true step is {spike} and has no slope; "
            "the surrogate's gradient is {short_2}.",
            short=short(distance),
            spike=spike,
            short_2=short(slope),
        )

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802  Qt override
        if not len(self.distances):
            return
        painter, area = QPainter(self), self.area()
        low, high = float(self.distances[0]), float(self.distances[-1])
        top = 1.12 * max(1.0, float(self.slopes.max()))

        def x_of(distance: float) -> float:
            return area.left() + (distance - low) / (high - low) * area.width()

        def y_of(value: float) -> float:
            return area.bottom() - value / top * area.height()

        ticks = nice_ticks(low, high, area.width())
        self.paint_bottom(painter, area, [(x_of(x), short(x)) for x in ticks], has_marks=True)
        values = nice_ticks(0.0, top, area.height())
        self.paint_left(painter, area, [(y_of(v), short(v)) for v in values], has_grid=True)
        points = [
            QPointF(x_of(x), y_of(v))
            for x, v in zip(self.distances.tolist(), self.slopes.tolist(), strict=True)
        ]
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, True)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.color("muted", 0.15))
        ends = [QPointF(points[0].x(), area.bottom()), QPointF(points[-1].x(), area.bottom())]
        painter.drawPolygon(QPolygonF([ends[0], *points, ends[1]]))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(QPen(QColor(watch_color(0)), theme.px(3)))
        painter.drawPolyline(QPolygonF(points))
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
        painter.setPen(QPen(theme.color("text"), theme.px(2), Qt.PenStyle.DashLine))
        corners = [(low, 0.0), (0.0, 0.0), (0.0, 1.0), (high, 1.0)]
        painter.drawPolyline(QPolygonF([QPointF(x_of(x), y_of(v)) for x, v in corners]))
        right = QPointF(area.right(), y_of(1.0))
        paint_tag(painter, right, tr("step"), area)
        quarter = points[len(points) // 3]
        paint_tag(painter, quarter + QPointF(-theme.px(60), -theme.px(14)), tr("gradient"), area)
        self._paint_present(painter, x_of, y_of)

    def _paint_present(
        self,
        painter: QPainter,
        x_of: Callable[[float], float],
        y_of: Callable[[float], float],
    ) -> None:
        if self.present is None:
            return
        area = self.area()
        distance, slope = self.present
        low, high = float(self.distances[0]), float(self.distances[-1])
        is_inside = low <= distance <= high
        at = QPointF(x_of(min(max(distance, low), high)), y_of(slope))
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, True)
        painter.setPen(QPen(theme.color("accent"), theme.px(2)))
        painter.drawLine(QPointF(at.x(), area.bottom()), at)
        painter.setBrush(theme.color("accent") if is_inside else Qt.BrushStyle.NoBrush)
        painter.drawEllipse(at, theme.px(5), theme.px(5))
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
        paint_tag(painter, at, short(slope), area, token="accent")
