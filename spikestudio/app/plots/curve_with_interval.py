"""A measure along an axis: its means as points, joined, with the bootstrap intervals as bars."""

from __future__ import annotations

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QEvent, QPointF, QSize, Qt, Signal, Slot
from PySide6.QtGui import QKeyEvent, QMouseEvent
from PySide6.QtWidgets import QFrame, QGraphicsGridLayout, QWidget

from spikestudio.app import theme
from spikestudio.language import tr
from spikestudio.sweeps.effects import Curve

LEFT = 68  # of every plot, so that the axes of stacked ones agree
TICK_ROOM = 52  # pixels that the name of one value takes
KEYS = {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1}


HEIGHT, NAME_HEIGHT = 88, 20  # pixels: the title beside the axis fits; of the name below it


class CurveWithInterval(pg.GraphicsView):
    """Draws one ``Curve``; click near a point, or the arrow keys, choose a value."""

    chosen = Signal(int)

    def __init__(self, title: str, *, scale: float = 1.0, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._scale = scale  # what a value is multiplied by to be drawn
        self.curve: Curve | None = None
        self.selected, self.reference = 0, 0
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMinimumHeight(theme.px(HEIGHT))
        self.setAccessibleName(title)
        self.setToolTip(
            tr(
                "{title}: bars are 95 % bootstrap intervals. Click a value to compare it",
                title=title,
            )
        )
        self.enableMouse(False)
        self.view_box = pg.ViewBox(enableMenu=False)
        self.view_box.setMouseEnabled(x=False, y=False)
        self.view_box.disableAutoRange()
        self.left, self.bottom = pg.AxisItem("left"), pg.AxisItem("bottom")
        self._arrange()
        self._line, self._bars = pg.PlotCurveItem(), pg.ErrorBarItem()
        self._points = pg.ScatterPlotItem()
        self._mark = pg.InfiniteLine(angle=90)
        self._usual = pg.InfiniteLine(angle=0)
        for each in (self._usual, self._mark, self._line, self._bars, self._points):
            self.view_box.addItem(each)
        theme.manager.changed.connect(self._restyle)
        self.left.setLabel(title)
        self.left.enableAutoSIPrefix(False)
        self.bottom.enableAutoSIPrefix(False)
        self._restyle()

    def sizeHint(self) -> QSize:  # noqa: N802  Qt override
        return QSize(theme.px(240), self.minimumHeight())  # not the 480 that a view asks for

    def _arrange(self) -> None:
        grid = QGraphicsGridLayout()
        grid.setContentsMargins(0, 4, 8, 0)
        grid.setSpacing(0)
        grid.addItem(self.left, 0, 0)
        grid.addItem(self.view_box, 0, 1)
        grid.addItem(self.bottom, 1, 1)
        grid.setColumnStretchFactor(1, 1)
        grid.setRowStretchFactor(0, 1)
        for axis in (self.left, self.bottom):
            axis.linkToView(self.view_box)
        self._panel = pg.GraphicsWidget()
        self._panel.setLayout(grid)
        self.setCentralItem(self._panel)

    def set_curve(self, curve: Curve, selected: int, reference: int, axis: str) -> None:
        """Show a measure; the value compared is marked, and the level of the reference."""
        self.curve, self.selected, self.reference = curve, selected, reference
        self._show_bottom(axis)
        known = [(k, p) for k, p in enumerate(curve.points) if p.estimate is not None]
        if not known:
            self._line.setData([], [])
            self._points.setData([], [])
            self._bars.setData(x=np.empty(0), y=np.empty(0), top=np.empty(0), bottom=np.empty(0))
            self._usual.hide()
            return
        x = np.array([point.value for _, point in known])
        y = np.array([p.estimate.mean for _, p in known if p.estimate]) * self._scale
        low = np.array([_bound(p.estimate.low, p.estimate.mean) for _, p in known if p.estimate])
        high = np.array([_bound(p.estimate.high, p.estimate.mean) for _, p in known if p.estimate])
        low, high = low * self._scale, high * self._scale
        order = np.argsort(x)
        self._line.setData(x[order], y[order])
        widths = np.diff(np.unique([p.value for p in curve.points]))
        beam = 0.25 * float(widths.min()) if len(widths) else 0.0
        self._bars.setData(x=x, y=y, top=high - y, bottom=y - low, beam=beam)
        sizes = [11 if k == selected else 12 if k == reference else 7 for k, _ in known]
        symbols = ["d" if k == reference else "o" for k, _ in known]
        self._points.setData(x, y, size=[theme.px(each) for each in sizes], symbol=symbols)
        usual = curve.points[reference].estimate
        self._usual.setVisible(usual is not None)
        if usual is not None:
            self._usual.setValue(usual.mean * self._scale)
        self._mark.setValue(curve.points[selected].value)
        self._set_ranges(curve, float(low.min()), float(high.max()))
        self._describe()

    def _set_ranges(self, curve: Curve, low: float, high: float) -> None:
        spare = 0.12 * (high - low) or max(abs(high) * 0.05, 1e-6)
        self.view_box.setYRange(low - spare, high + spare, padding=0)
        values = [point.value for point in curve.points]
        span = max(values) - min(values)
        self.view_box.setXRange(min(values) - 0.06 * span, max(values) + 0.06 * span, padding=0)

    def _show_bottom(self, axis: str) -> None:
        assert self.curve is not None
        room = max(1, int((self.width() - theme.px(LEFT)) / theme.px(TICK_ROOM)))
        step = -(-len(self.curve.points) // room)
        ticks = [(p.value, p.text) for k, p in enumerate(self.curve.points) if k % step == 0]
        self.bottom.setTicks([ticks])
        if axis:
            self.bottom.setLabel(axis)
        self.setMinimumHeight(theme.px(HEIGHT + NAME_HEIGHT * bool(axis)))

    def _describe(self) -> None:
        if self.curve is None:
            return
        point = self.curve.points[self.selected]
        text = tr("{point}: not known", point=point.text)
        if point.estimate is not None:
            text = tr(
                "{point}: {mean:.4g} over {point_num:,} {unit}",
                point=point.text,
                mean=point.estimate.mean,
                point_num=point.num,
                unit=self.curve.unit,
            )
        self.setAccessibleDescription(text)

    def _nearest(self, where: QPointF) -> int | None:
        if self.curve is None:
            return None
        x = self.view_box.mapSceneToView(where).x()
        points = self.curve.points
        return min(range(len(points)), key=lambda k: abs(points[k].value - x))

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802  Qt override
        self.setFocus()
        found = self._nearest(self.mapToScene(event.position().toPoint()))
        if event.button() == Qt.MouseButton.LeftButton and found is not None:
            self.chosen.emit(found)
        event.accept()

    def event(self, event: QEvent) -> bool:
        # The arrow keys are its own, whatever commands of the window they are.
        if (
            event.type() == QEvent.Type.ShortcutOverride
            and isinstance(event, QKeyEvent)
            and event.key() in KEYS
            and event.modifiers() == Qt.KeyboardModifier.NoModifier
        ):
            event.accept()
            return True
        return bool(super().event(event))

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802  Qt override
        move = KEYS.get(Qt.Key(event.key()))
        if move is None or self.curve is None:
            super().keyPressEvent(event)
            return
        self.chosen.emit(min(max(self.selected + move, 0), len(self.curve.points) - 1))

    @Slot()
    def _restyle(self) -> None:
        self.setBackground(theme.color("surface"))
        font = theme.font("axis")
        for axis in (self.left, self.bottom):
            axis.setPen(theme.color("border"))
            axis.setTextPen(theme.color("muted"))
            axis.setStyle(tickFont=font, tickLength=4)
            axis.label.setFont(font)
        self.left.setWidth(theme.px(LEFT))
        self._line.setPen(pg.mkPen(theme.color("accent"), width=1))
        self._bars.setData(pen=pg.mkPen(theme.color("text"), width=1))
        self._points.setPen(pg.mkPen(theme.color("surface"), width=1))
        self._points.setBrush(theme.color("accent"))
        self._mark.setPen(pg.mkPen(theme.color("accent", 0.4), width=1))
        dashed = pg.mkPen(theme.color("muted"), width=1, style=Qt.PenStyle.DashLine)
        self._usual.setPen(dashed)


def _bound(bound: float | None, mean: float) -> float:
    """Return an end of an interval; a single value has none, and gets no bar."""
    return mean if bound is None else bound
