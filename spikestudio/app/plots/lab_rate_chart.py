"""Firing rate of one neuron against a constant current, as the staircase that it is."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QEvent, QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QHelpEvent, QPainter, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import QToolTip, QWidget

from spikestudio.app import theme
from spikestudio.app.plots.lab_chart import CENTRED, LabChart, nice_ticks, short
from spikestudio.app.plots.watch_pens import watch_color
from spikestudio.language import tr

if TYPE_CHECKING:
    from spikestudio.app.viewmodels.neuron_lab_curve import RateCurve

Place = Callable[[float], float]  # pixels of a value
FEW_STEPS = 8  # T up to which every rate has a tick
FEW_STAIRS = 5  # that are named


class RateChart(LabChart):
    """Line: closed form. Dots: measured with the node. Ring: the present input."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(tr("Firing rate against constant current"), tr("constant input X"), parent)
        self.curve: RateCurve | None = None
        self.present: tuple[float, float] | None = None  # mean input and rate
        self.is_constant = True
        self.is_stale = False

    def set_curve(
        self,
        curve: RateCurve | None,
        present: tuple[float, float] | None,
        *,
        is_constant: bool,
        is_stale: bool,
    ) -> None:
        """Show a curve; a stale one, of a neuron that has changed since, is pale."""
        self.curve, self.present = curve, present
        self.is_constant, self.is_stale = is_constant, is_stale
        self.setAccessibleDescription(self.text())
        self.update()

    def text(self) -> str:
        """Return what is shown, in words."""
        curve = self.curve
        if curve is None or self.is_stale:
            return tr("The rates are being measured.")
        if not curve.has_closed_form:
            text = tr("No closed form: the neuron rests at or above its threshold. Dots: measured.")
        else:
            stairs = [
                tr("{short} from {short_2}", short=short(level), short_2=short(edge, 4))
                for edge, level in zip(curve.edges[:FEW_STEPS], curve.levels, strict=False)
            ]
            more = tr(" and so on") if len(curve.edges) > FEW_STEPS else ""
            text = tr(
                "Rates with T = {steps}: 0, {stairs}{more}.",
                steps=curve.steps,
                stairs=", ".join(stairs),
                more=more,
            )
        if self.present is not None:
            name = tr("Input") if self.is_constant else tr("Mean input")
            text += tr(
                " {name} {short}: rate {short_2}.",
                name=name,
                short=short(self.present[0]),
                short_2=short(self.present[1]),
            )
        return text

    # painting -------------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802  Qt override
        painter, area, curve = QPainter(self), self.area(), self.curve
        top = curve.top if curve else 2.0
        low = min(0.0, self.present[0] * 1.1) if self.present else 0.0

        def x_of(current: float) -> float:
            return area.left() + (current - low) / (top - low) * area.width()

        def y_of(rate: float) -> float:
            return area.bottom() - rate * area.height() / 1.08

        ticks = nice_ticks(low, top, area.width())
        self.paint_bottom(painter, area, [(x_of(x), short(x)) for x in ticks], has_marks=True)
        self.paint_left(painter, area, [(y_of(r), t) for r, t in self._rate_ticks()], has_grid=True)
        if curve is None:
            return
        painter.setOpacity(0.4 if self.is_stale else 1.0)
        painter.save()
        painter.setClipRect(area.adjusted(-1, -theme.px(4), theme.px(6), 2))
        self._paint_stairs(painter, curve, [x_of(x) for x in (low, *curve.edges, top)], y_of)
        self._paint_measured(painter, curve, x_of, y_of)
        painter.restore()
        self._paint_names(painter, area, curve, x_of, y_of)
        self._paint_key(painter, area)
        painter.setOpacity(1.0)
        if self.present is not None and not self.is_stale:
            self._paint_present(painter, area, x_of(self.present[0]), y_of(self.present[1]))

    def _rate_ticks(self) -> list[tuple[float, str]]:
        steps = self.curve.steps if self.curve else 4
        number = steps if steps <= FEW_STEPS else 4
        rates = [Fraction(k, number) for k in range(number + 1)]
        ends_first = sorted(rates, key=lambda rate: rate not in (0, 1))
        is_few = steps <= FEW_STEPS
        return [(float(rate), str(rate) if is_few else short(float(rate))) for rate in ends_first]

    def _paint_stairs(
        self, painter: QPainter, curve: RateCurve, edges: list[float], y_of: Place
    ) -> None:
        if not curve.has_closed_form:
            return
        points = []
        for index, level in enumerate((0.0, *curve.levels)):
            points += [QPointF(edges[index], y_of(level)), QPointF(edges[index + 1], y_of(level))]
        painter.setPen(QPen(theme.color("text"), theme.px(2)))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawPolyline(QPolygonF(points))

    def _paint_measured(
        self, painter: QPainter, curve: RateCurve, x_of: Place, y_of: Place
    ) -> None:
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, True)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(watch_color(0)))
        radius = theme.px(2.5)
        for current, rate in zip(curve.currents.tolist(), curve.measured.tolist(), strict=True):
            painter.drawEllipse(QPointF(x_of(current), y_of(rate)), radius, radius)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)

    def _paint_names(
        self, painter: QPainter, area: QRectF, curve: RateCurve, x_of: Place, y_of: Place
    ) -> None:
        """Write at which currents the stairs are, where these are few."""
        if len(curve.edges) > FEW_STAIRS:
            return
        before, taken = np.append(0.0, curve.levels[:-1]), list[QRectF]()
        for edge, low, high in zip(curve.edges, before, curve.levels, strict=True):
            x, y = x_of(edge), y_of((low + high) / 2)
            text, line = short(edge, 4), self.metrics.height()
            width = self.metrics.horizontalAdvance(text) + 2
            box = QRectF(x - width - theme.px(5), y - line / 2, width, line)
            is_free = not any(box.intersects(other) for other in taken)
            if is_free and box.left() > area.left() and abs(y_of(low) - y_of(high)) > line:
                taken.append(box)
                painter.setPen(theme.color("muted"))
                painter.drawText(box, CENTRED, text)

    def _paint_key(self, painter: QPainter, area: QRectF) -> None:
        """Name line and dots where no stair is: at the upper left."""
        metrics = self.metrics
        painter.setFont(theme.font("caption"))
        names = (tr("closed form"), tr("measured"))
        width = theme.px(24) + max(metrics.horizontalAdvance(name) for name in names)
        if (
            self.curve is None
            or width > 0.55 * area.width()
            or area.height() < 6 * metrics.height()
        ):
            return
        for row, name in enumerate(names):
            box = QRectF(area.left() + theme.px(8), 0, width, metrics.height())
            box.moveTop(area.top() + theme.px(2) + row * metrics.height())
            painter.fillRect(box, theme.color("surface", 0.85))
            at = QPointF(box.left() + theme.px(8), box.center().y())
            if row == 0:
                painter.setPen(QPen(theme.color("text"), theme.px(2)))
                half = QPointF(theme.px(7), 0)
                painter.drawLine(at - half, at + half)
            else:
                painter.setPen(Qt.PenStyle.NoPen)
                painter.setBrush(QColor(watch_color(0)))
                painter.setRenderHint(QPainter.RenderHint.Antialiasing, True)
                painter.drawEllipse(at, theme.px(3), theme.px(3))
                painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
            painter.setPen(theme.color("muted"))
            painter.drawText(box.adjusted(theme.px(20), 0, 0, 0), Qt.AlignmentFlag.AlignLeft, name)

    def _paint_present(self, painter: QPainter, area: QRectF, x: float, y: float) -> None:
        style = Qt.PenStyle.SolidLine if self.is_constant else Qt.PenStyle.DashLine
        painter.setPen(QPen(theme.color("accent"), theme.px(2), style))
        painter.drawLine(QPointF(x, area.bottom()), QPointF(x, y))
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, True)
        painter.setPen(QPen(theme.color("accent"), theme.px(2)))
        painter.setBrush(theme.color("accent" if self.is_constant else "surface"))
        painter.drawEllipse(QPointF(x, y), theme.px(5), theme.px(5))
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            key = tr("Line: closed form. Dots: measured with the node. Ring: the present input.")
            text = f"{self.text()}\n{key}"
            QToolTip.showText(event.globalPos(), text, self)
            return True
        return bool(super().event(event))
