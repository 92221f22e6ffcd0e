"""Figures of a training run over its steps: every logged value lightly, their mean on top of it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from PySide6.QtCore import QLineF, QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QFontMetricsF, QPainter, QPen, QPolygonF, QTransform
from PySide6.QtWidgets import QStyleOptionGraphicsItem, QWidget

from spikestudio.app import theme
from spikestudio.app.plots.axes import RowLabel
from spikestudio.app.plots.curve_plot import LevelPlot
from spikestudio.app.plots.rate_lines import key_height, known_parts, paint_key
from spikestudio.app.plots.text import figure
from spikestudio.language import tr

MANY_DECADES = 1.0  # between the least and the largest value, from which on the axis is logarithmic
Numbers = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class TrainingLine:
    """Values by number of steps done, NaN between stages; ``color`` is a token of the theme."""

    steps: Numbers
    values: Numbers
    name: str
    color: str
    alpha: float = 1.0
    width: int = 1
    style: Qt.PenStyle = Qt.PenStyle.SolidLine

    @property
    def pen(self) -> QPen:
        """Return a pen that is as thick at every zoom."""
        return QPen(theme.color(self.color, self.alpha), self.width, self.style)


@dataclass(frozen=True, slots=True, eq=False)
class TrainingPicture:
    """All that one plot shows. ``stages`` are names and the number of steps done before each."""

    title: str
    lines: tuple[TrainingLine, ...]
    stages: tuple[tuple[str, int], ...]
    total_steps: int
    is_log: bool = False
    least: float | None = None  # that the axis reaches down to
    most: float | None = None
    marked: int | None = None  # step that is looked at elsewhere
    has_names: bool = True  # of the stages


def spans_decades(values: Numbers) -> bool:
    """Whether values are all positive and differ so much that only a logarithm shows them all."""
    known = values[np.isfinite(values)]
    if not len(known) or known.min() <= 0:
        return False
    return bool(math.log10(known.max() / known.min()) > MANY_DECADES)


class TrainingLines(pg.GraphicsObject):
    """Draws the lines of a ``TrainingPicture`` in pixels, and where its stages begin."""

    def __init__(self, plot: TrainingPlot) -> None:
        super().__init__()
        self._plot = plot

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
        view, picture = self.viewRect(), self._plot.picture
        if view is None or picture is None:
            return
        to_device = painter.worldTransform()
        painter.resetTransform()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
        area = to_device.mapRect(view)
        painter.setPen(QPen(theme.color("border"), 1))
        for level in self._plot.levels:
            y = round(to_device.map(QPointF(0, level)).y())
            painter.drawLine(QLineF(area.left(), y, area.right(), y))
        for line in picture.lines:
            painter.setPen(line.pen)
            for part in known_parts(line.values):
                painter.drawPolyline(self._polygon(line, part, to_device))
        self._paint_stages(painter, area, to_device, picture)
        key = [(line.name, line.pen) for line in reversed(picture.lines)]
        paint_key(painter, area, key)
        painter.setWorldTransform(to_device)

    def _polygon(self, line: TrainingLine, part: slice, to_device: QTransform) -> QPolygonF:
        x = self._plot.column(line.steps[part])
        y = self._plot.height_of(line.values[part])
        if len(x) == 1:  # one value alone is a short dash
            x, y = np.array([x[0] - 0.4, x[0] + 0.4]), np.repeat(y, 2)
        return QPolygonF(to_device.map(pg.functions.arrayToQPolygonF(x, y)))

    def _paint_stages(
        self, painter: QPainter, area: QRectF, to_device: QTransform, picture: TrainingPicture
    ) -> None:
        painter.setFont(theme.font("axis"))
        metrics = QFontMetricsF(painter.font())
        ends = [*(first for _, first in picture.stages[1:]), picture.total_steps]
        for (name, first), end in zip(picture.stages, ends, strict=True):
            left, right = (
                to_device.map(QPointF(step / self._plot.merged, 0)).x() for step in (first, end)
            )
            if first:
                painter.setPen(QPen(theme.color("muted"), 1, Qt.PenStyle.DashLine))
                painter.drawLine(QLineF(round(left), area.top(), round(left), area.bottom()))
            room = right - left - theme.px(8)
            if picture.has_names and len(picture.stages) > 1 and room > theme.px(24):
                text = metrics.elidedText(name, Qt.TextElideMode.ElideRight, room)
                box = metrics.boundingRect(text).translated(
                    left + theme.px(4), area.bottom() - metrics.descent() - 2
                )
                painter.fillRect(box, theme.color("surface", 0.85))
                at = QPointF(left + theme.px(4), area.bottom() - metrics.descent() - 2)
                painter.setPen(theme.color("muted"))
                painter.drawText(at, text)


class TrainingPlot(LevelPlot):
    """One figure of a training run; all of the run is always in sight, with what is still to come."""

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(name, name, parent)
        self.setAccessibleName(name)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)  # its figures are in the text above it
        self.picture: TrainingPicture | None = None
        self.item = TrainingLines(self)
        self.add(self.item)
        self.tip_at = self._tip
        self.setMinimumHeight(theme.px(96))

    def sizeHint(self) -> QSize:  # noqa: N802  Qt override
        return QSize(theme.px(240), self.minimumHeight())  # not the 480 that a view asks for

    def column(self, steps: Numbers) -> Numbers:
        """Return where the middles of steps are; steps count from 1."""
        return np.asarray((steps - 0.5) / self.merged, np.float64)

    def height_of(self, values: Numbers) -> Numbers:
        """Return where values are on the axis."""
        is_log = self.picture is not None and self.picture.is_log
        return np.log10(np.maximum(values, 1e-12)) if is_log else values

    def set_picture(self, picture: TrainingPicture, x_text: str) -> None:
        """Draw other lines."""
        self.picture = picture
        self.set_run(max(1, picture.total_steps), x_text)
        known = [line.values[np.isfinite(line.values)] for line in picture.lines]
        heights = self.height_of(np.concatenate(known)) if known else np.empty(0)
        low, high = (float(heights.min()), float(heights.max())) if len(heights) else (0.0, 1.0)
        if not picture.is_log:
            low = low if picture.least is None else min(low, picture.least)
            high = high if picture.most is None else max(high, picture.most)
        spare = 0.04 * (high - low) or max(abs(high) * 0.1, 1e-3)
        floor = 0.0 if low >= 0 and not picture.is_log else -math.inf
        self._set_levels(picture, max(floor, low - spare), high + spare)
        if picture.marked is None:
            self.mark(None)
        else:
            self.mark(float(self.column(np.array([float(picture.marked)]))[0]))
        self.item.update()

    def _set_levels(self, picture: TrainingPicture, low: float, high: float) -> None:
        """Span the axis, and name the levels that fit, leaving room for the key above them."""
        high += (high - low) * key_height() / max(2 * key_height(), self.row_pixels())
        self.view_box.setYRange(low, high, padding=0.02)
        low, high = self.view_box.viewRange()[1]
        if picture.is_log:
            levels = _log_levels(low, high)
        else:
            spacings = self.row_axis.tickValues(low, high, max(60, self.row_pixels()))
            levels = tuple(spacings[0][1]) if spacings else ()
        self.levels = levels
        title = tr("{picture} (log)", picture=picture.title) if picture.is_log else picture.title
        texts = [figure(10**y) if picture.is_log else f"{y:.6g}" for y in levels]
        muted = theme.tokens().muted
        labels = (RowLabel(y, t, muted, has_tick=True) for y, t in zip(levels, texts, strict=True))
        self.row_axis.set_labels(title, tuple(labels), picture.title)

    def _tip(self, where: QPointF) -> str:
        picture = self.picture
        if picture is None:
            return ""
        step = where.x() * self.merged + 0.5
        texts = []
        for line in reversed(picture.lines):
            known = np.flatnonzero(np.isfinite(line.values))
            if len(known):
                at = known[np.abs(line.steps[known] - step).argmin()]
                texts.append(
                    tr(
                        "{line}: {value} at step {step:,.0f}",
                        line=line.name,
                        value=figure(float(line.values[at])),
                        step=line.steps[at],
                    )
                )
        return "\n".join(texts)


def _log_levels(low: float, high: float) -> tuple[float, ...]:
    """Powers of ten, and their doubles and halves where there are few of them."""
    decades = range(math.floor(low), math.ceil(high) + 1)
    factors = (1, 2, 5) if high - low < 2.5 else (1,)
    levels = (decade + math.log10(factor) for decade in decades for factor in factors)
    return tuple(level for level in levels if low <= level <= high)
