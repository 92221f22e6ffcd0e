"""How the three strips of the neuron lab are painted."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QLineF, QPointF, QRectF, QSizeF, Qt
from PySide6.QtGui import QColor, QPainter, QPen, QPolygonF

from spikestudio.app import theme
from spikestudio.app.plots.lab_chart import CENTRED, short
from spikestudio.app.plots.watch_pens import mixed, watch_color
from spikestudio.language import tr

if TYPE_CHECKING:
    from spikestudio.app.plots.lab_traces import TracePicture
    from spikestudio.neurons.lab import Driven

LEFT = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
Scale = tuple[float, float]
FEW = 16  # steps up to which every potential has a dot


@dataclass(frozen=True, slots=True)
class Strips:
    """Boxes of input, potential and spikes, and what the first two span."""

    input: QRectF
    potential: QRectF
    spikes: QRectF
    steps: int
    input_scale: Scale
    potential_scale: Scale

    @property
    def column(self) -> float:
        """Width of an SNN step."""
        return self.input.width() / self.steps

    def left(self, step: int) -> float:
        """Left edge of a step."""
        return self.input.left() + step * self.column

    def middle(self, step: int) -> float:
        """Middle of a step."""
        return self.left(step) + self.column / 2

    def step_at(self, x: float) -> int:
        """Return the step at a place."""
        step = int((x - self.input.left()) / self.column)
        return min(max(step, 0), self.steps - 1)

    def value(self, y: float) -> float:
        """Input current at a height."""
        low, high = self.input_scale
        return low + (self.input.bottom() - y) / self.input.height() * (high - low)

    @staticmethod
    def y(box: QRectF, scale: Scale, value: float) -> float:
        """Height of a value in a strip."""
        low, high = scale
        return box.bottom() - (value - low) / (high - low) * box.height()

    def potential_y(self, value: float) -> float:
        """Height of a potential."""
        return self.y(self.potential, self.potential_scale, value)


def paint_traces(
    painter: QPainter,
    strips: Strips,
    picture: TracePicture,
    hovered: int | None,
    *,
    has_focus: bool,
) -> None:
    """Paint columns that are looked at, then the strips."""
    for step, name in ((picture.cursor, "selected"), (hovered, "hover")):
        if step is not None and (step != picture.cursor or name == "selected"):
            top, bottom = strips.input.top(), strips.spikes.bottom()
            box = QRectF(strips.left(step), top, strips.column, bottom - top)
            painter.fillRect(box, theme.color(name))
    _name_strips(painter, strips)
    _paint_input(painter, strips, picture, has_focus=has_focus)
    _paint_levels(painter, strips, picture)
    if picture.driven is None:
        painter.setFont(theme.font("body"))
        painter.setPen(theme.color("muted"))
        painter.drawText(strips.potential, CENTRED | Qt.TextFlag.TextWordWrap, picture.note)
        return
    _paint_potential(painter, strips, picture.driven)
    if strips.column >= theme.px(30):
        _paint_moves(painter, strips, picture, picture.cursor)
    _paint_spikes(painter, strips, picture.driven)
    _name_levels(painter, strips, picture)


def _name_strips(painter: QPainter, strips: Strips) -> None:
    painter.setFont(theme.font("caption"))
    painter.setPen(theme.color("muted"))
    height = painter.fontMetrics().height() + theme.px(2)
    for box, text in (
        (strips.input, tr("input X")),
        (strips.potential, tr("potential: H charged, then V after reset")),
    ):
        above = QRectF(box.left(), box.top() - height, box.width(), height)
        shown = painter.fontMetrics().elidedText(
            text, Qt.TextElideMode.ElideRight, int(box.width())
        )
        painter.drawText(above, LEFT, shown)


def _paint_input(
    painter: QPainter, strips: Strips, picture: TracePicture, *, has_focus: bool
) -> None:
    box, scale = strips.input, strips.input_scale
    zero = strips.y(box, scale, 0.0)
    inset = min(theme.px(3), strips.column * 0.12)
    painter.save()
    painter.setClipRect(box.adjusted(-1, -2, 1, 2))
    colors = theme.tokens()
    fill = mixed(colors.muted, colors.surface, 0.3)  # opaque: see-through fills are slow
    tops = []
    for step, value in enumerate(picture.current.tolist()):
        y = strips.y(box, scale, value)
        left, width = strips.left(step) + inset, strips.column - 2 * inset
        painter.fillRect(QRectF(left, min(y, zero), width, abs(zero - y)), fill)
        tops.append(QLineF(left, y, left + width, y))
    painter.setPen(QPen(theme.color("muted"), theme.px(3)))
    painter.drawLines(tops)
    painter.setPen(QPen(theme.color("accent"), theme.px(3)))
    painter.drawLine(tops[picture.cursor])
    painter.restore()
    painter.setPen(QPen(theme.color("border"), 1))
    painter.drawLine(QLineF(box.left(), zero, box.right(), zero))
    if has_focus and picture.is_editable:
        x = strips.middle(picture.cursor)
        y = strips.y(box, scale, float(picture.current[picture.cursor]))
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, True)
        painter.setPen(QPen(theme.color("surface"), 2))
        painter.setBrush(theme.color("accent"))
        y = min(max(y, box.top()), box.bottom())
        painter.drawEllipse(QPointF(x, y), theme.px(5), theme.px(5))
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)


def _paint_levels(painter: QPainter, strips: Strips, picture: TracePicture) -> None:
    """Threshold dashed, potential of the hard reset dotted."""
    levels = [(picture.threshold, "threshold", Qt.PenStyle.DashLine)]
    if picture.v_reset is not None:
        levels.append((picture.v_reset, "muted", Qt.PenStyle.DotLine))
    for value, token, style in levels:
        y = strips.potential_y(value)
        painter.setPen(QPen(theme.color(token), theme.px(2), style))
        painter.drawLine(QLineF(strips.potential.left(), y, strips.potential.right(), y))


def _name_levels(painter: QPainter, strips: Strips, picture: TracePicture) -> None:
    """Write the value of each level above or below it, where the potential leaves room."""
    names = [
        (picture.threshold, tr("threshold {short}", short=short(picture.threshold, 5)), "threshold")
    ]
    if picture.v_reset is not None:
        names.append((picture.v_reset, tr("reset {short}", short=short(picture.v_reset)), "muted"))
    painter.setFont(theme.font("caption"))
    metrics = painter.fontMetrics()
    for value, text, token in names:
        y = strips.potential_y(value)
        size = QSizeF(metrics.horizontalAdvance(text) + 4, metrics.height())
        corner = QPointF(strips.potential.right() - size.width(), y - size.height() - 1)
        above = QRectF(corner, size)
        below = above.translated(0, size.height() + theme.px(4))
        first, second = above, below
        if above.top() < strips.potential.top():  # the name of the strip is there
            first, second = below, above
        free: QRectF | None = first
        if picture.driven is not None:
            free = free_place(strips, picture.driven, first)
            free = free or free_place(strips, picture.driven, second)
        if free is None:
            painter.fillRect(first, theme.color("surface"))
        painter.setPen(theme.color(token))
        painter.drawText(free or first, CENTRED, text)


def free_place(strips: Strips, driven: Driven, box: QRectF) -> QRectF | None:
    """Return the box, or where left of it the potential does not cross it; None if nowhere."""
    half = strips.column / 2
    values = np.stack((driven.h, driven.v), axis=1).ravel().tolist()
    heights = [strips.potential_y(value) for value in values]
    top, bottom = box.top() - theme.px(4), box.bottom() + theme.px(1)
    for last in range(len(heights) - 1, -1, -1):
        moved = QRectF(box)
        moved.moveRight(strips.left(0) + (last + 1) * half - 2)
        first = int((moved.left() - 2 - strips.left(0)) // half)
        if first < 0:
            return None
        ys = heights[first : last + 1]
        is_hit = any(top <= y <= bottom for y in ys)
        is_crossed = any(min(a, b) < top and max(a, b) > bottom for a, b in pairwise(ys))
        if not (is_hit or is_crossed):
            return moved
    return None


def _paint_potential(painter: QPainter, strips: Strips, driven: Driven) -> None:
    """Each step has two halves: the potential before reset, then that after it."""
    color = QColor(watch_color(0))
    heights = np.stack((driven.h, driven.v), axis=1).astype(np.float64)
    edges = [strips.left(0) + half * strips.column / 2 for half in range(2 * strips.steps + 1)]
    points = []
    for half, value in enumerate(heights.ravel().tolist()):
        y = strips.potential_y(value)
        points += [QPointF(edges[half], y), QPointF(edges[half + 1], y)]
    start = QPointF(edges[0], strips.potential_y(float(driven.before[0])))
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
    fill = QColor(color)
    fill.setAlphaF(0.14)
    zero = strips.potential_y(0.0)
    outline = [QPointF(edges[0], zero), *points, QPointF(edges[-1], zero)]
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(fill)
    painter.drawPolygon(QPolygonF(outline))
    painter.setBrush(Qt.BrushStyle.NoBrush)
    thick = theme.px(3 if strips.column >= theme.px(12) else 2)
    painter.setPen(QPen(color, thick, c=Qt.PenCapStyle.FlatCap, j=Qt.PenJoinStyle.MiterJoin))
    painter.drawPolyline(QPolygonF([start, *points]))
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, True)
    size = theme.px(5 if strips.column >= theme.px(16) else 3)
    for step, spike in enumerate(driven.spikes.tolist()):
        at = QPointF(strips.left(step) + strips.column / 4, strips.potential_y(driven.h[step]))
        if spike:
            _paint_star(painter, at, size + theme.px(2))
        elif strips.steps <= FEW:
            painter.setPen(QPen(theme.color("surface"), 1))
            painter.setBrush(color)
            painter.drawEllipse(at, size - 1, size - 1)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)


def _paint_star(painter: QPainter, at: QPointF, radius: float) -> None:
    painter.setPen(QPen(theme.color("surface"), 1))
    painter.setBrush(theme.color("spike"))
    corners = [
        at + QPointF(0, -radius),
        at + QPointF(radius, 0),
        at + QPointF(0, radius),
        at + QPointF(-radius, 0),
    ]
    painter.drawPolygon(QPolygonF(corners))


def _paint_moves(painter: QPainter, strips: Strips, picture: TracePicture, step: int) -> None:
    """Arrows in the column looked at: charge up (or down), and reset."""
    driven = picture.driven
    assert driven is not None
    before, h, v = (float(each[step]) for each in (driven.before, driven.h, driven.v))
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, True)
    charge = strips.left(step) + strips.column * 0.08
    _paint_arrow(painter, charge, strips.potential_y(before), strips.potential_y(h), "accent")
    if driven.spikes[step]:
        reset = strips.left(step) + strips.column * 0.75
        _paint_arrow(painter, reset, strips.potential_y(h), strips.potential_y(v), "threshold")
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)


def _paint_arrow(painter: QPainter, x: float, start: float, end: float, token: str) -> None:
    head = theme.px(6)
    if abs(end - start) < head + 2:
        return
    way = 1 if end > start else -1
    painter.setPen(QPen(theme.color(token), theme.px(2)))
    painter.drawLine(QLineF(x, start, x, end - way * head))
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(theme.color(token))
    tip = QPointF(x, end)
    wing = QPointF(head * 0.6, 0)
    back = QPointF(0, -way * head)
    painter.drawPolygon(QPolygonF([tip, tip + back + wing, tip + back - wing]))


def _paint_spikes(painter: QPainter, strips: Strips, driven: Driven) -> None:
    box = strips.spikes
    width = min(float(theme.px(5)), max(2.0, strips.column * 0.5))
    for step in np.flatnonzero(driven.spikes).tolist():
        x = strips.left(step) + strips.column / 4
        bar = QRectF(x - width / 2, box.top() + 2, width, box.height() - 4)
        painter.fillRect(bar, theme.color("spike"))
    painter.setPen(theme.color("muted"))
    painter.setFont(theme.font("caption"))
    left = QRectF(0, box.top(), box.left() - theme.px(7), box.height())
    right = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
    painter.drawText(left, right | Qt.TextFlag.TextDontClip, tr("spikes"))
