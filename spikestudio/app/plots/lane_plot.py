"""A plot over time with one lane per neuron: names that never overlap, a scale at the right edge."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFontMetricsF, QPainter
from PySide6.QtWidgets import QStyleOptionGraphicsItem, QWidget

from spikestudio.app import theme
from spikestudio.app.plots.axes import RowAxis, RowLabel, right_margin
from spikestudio.app.plots.time_plot import TimePlot
from spikestudio.app.plots.watch_pens import watch_color, watch_pen

_LINE = 0.85  # of the height of a line is what figures and capitals take
_SAMPLE = 9  # pixels of the trace's line, beside its name


@dataclass(frozen=True, slots=True)
class LaneLabel:
    """Name of the neuron whose trace is at a height; ``neuron`` alone is the shortest form."""

    y: float
    neuron: int
    text: str
    short: str


@dataclass(frozen=True, slots=True)
class Placed:
    """A text and where it is painted; ``index`` is the neuron's place in the watch list."""

    index: int
    text: str
    box: QRectF


class LaneAxis(RowAxis):
    """Names of the neurons, each with its line, in columns where the lanes are too low for one."""

    def __init__(self) -> None:
        super().__init__()
        self.lanes: tuple[LaneLabel, ...] = ()
        self.ticks: tuple[RowLabel, ...] = ()
        self.hovered: int | None = None  # place in the watch list
        self._texts = ("", "")

    def set_lanes(
        self,
        title: str,
        lanes: tuple[LaneLabel, ...],
        ticks: tuple[RowLabel, ...],
        short_title: str = "",
    ) -> None:
        """Show names, and figures with ticks where these leave them room."""
        if (lanes, ticks, title, short_title) != (self.lanes, self.ticks, *self._texts):
            self.lanes, self.ticks, self._texts = lanes, ticks, (title, short_title)
            self.set_labels(title, (), short_title)
            self.update()

    def set_hovered(self, index: int | None) -> None:
        """Light up a name lightly."""
        if index != self.hovered:
            self.hovered = index
            self.update()

    def placed(self) -> tuple[list[Placed], list[tuple[RowLabel, QRectF]]]:
        """Return the names, and the figures that have room beside them, with their boxes."""
        metrics = QFontMetricsF(theme.font("axis"))
        line = metrics.height() * _LINE
        left, right = self._sides(metrics)
        names: list[Placed] = []
        columns = self._columns(metrics, right - left, line)
        width = (right - left) / columns
        for index, lane in enumerate(self.lanes):
            text = _fitting((lane.text, lane.short, f"{lane.neuron:,}"), metrics, width)
            top = self._top(lane.y, line)
            for column in range(columns):
                box = QRectF(right - (column + 1) * width, top, width, line)
                if not any(box.intersects(other.box) for other in names):
                    names.append(Placed(index, text, box))
                    break
        ticks: list[tuple[RowLabel, QRectF]] = []
        taken = [each.box for each in names] if columns == 1 else None
        for label in self.ticks if taken is not None else ():
            box = QRectF(left, self._top(label.y, line), right - left, line)
            if not any(box.intersects(other) for other in taken or ()):
                ticks.append((label, box))
                (taken or []).append(box)
        return names, ticks

    def _sides(self, metrics: QFontMetricsF) -> tuple[float, float]:
        """Return where names may be; the title gives way to them."""
        right = self.width() - theme.px(_SAMPLE + 3)
        left = metrics.height() + theme.px(10)
        longest = max(
            (metrics.horizontalAdvance(f"{each.neuron:,}") for each in self.lanes), default=0
        )
        return (left if longest <= right - left else 0.0), right

    def _columns(self, metrics: QFontMetricsF, room: float, line: float) -> int:
        heights = sorted(self._at(lane.y) for lane in self.lanes)
        pitch = min((b - a for a, b in pairwise(heights)), default=line)
        if pitch >= line:
            return 1
        texts = [metrics.horizontalAdvance(f"{lane.neuron:,}") + 3 for lane in self.lanes]
        needed = int(-(-line // max(pitch, 0.1))) + 1  # names at the ends are pushed inwards
        return max(1, min(needed, int(room // max(texts))))

    def _at(self, y: float) -> float:
        low, high = self.range
        return float(self.height() * (high - y) / (high - low))

    def _top(self, y: float, line: float) -> float:
        return min(max(self._at(y) - line / 2, 0.0), self.height() - line)

    def paint(
        self,
        painter: QPainter,
        option: QStyleOptionGraphicsItem,
        widget: QWidget | None = None,
    ) -> None:
        metrics = QFontMetricsF(theme.font("axis"))
        has_room = self._sides(metrics)[0] > 0
        self._title, self._short_title = self._texts if has_room else ("", "")
        super().paint(painter, option, widget)
        painter.setFont(theme.font("axis"))
        align = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        edge = self.width() - 2
        names, ticks = self.placed()
        for name in names:
            if name.index == self.hovered:
                painter.setPen(Qt.PenStyle.NoPen)
                painter.setBrush(theme.color("hover"))
                shown = metrics.horizontalAdvance(name.text)
                lit = name.box.adjusted(max(3.0, name.box.width() - shown) - 3, -1, 3, 1)
                painter.drawRoundedRect(lit, 3, 3)
            painter.setPen(QColor(watch_color(name.index)))
            painter.drawText(name.box, align | Qt.TextFlag.TextDontClip, name.text)
            painter.setPen(watch_pen(name.index))
            y = name.box.center().y()
            if name.box.right() > edge - theme.px(_SAMPLE + 3):
                painter.drawLine(QPointF(edge - theme.px(_SAMPLE), y), QPointF(edge, y))
        for label, box in ticks:
            painter.setPen(QColor(label.color))
            text = metrics.elidedText(label.text, Qt.TextElideMode.ElideMiddle, box.width())
            painter.drawText(box, align | Qt.TextFlag.TextDontClip, text)
            y = self._at(label.y)
            painter.drawLine(QPointF(edge + 1 - theme.px(4), y), QPointF(edge + 1, y))


@dataclass(frozen=True, slots=True)
class EdgeScale:
    """A scale at the right edge: heights in lanes with a figure each, and what it is of."""

    marks: tuple[tuple[float, str], ...]
    text: str
    number: int  # of lanes


class LanePlot(TimePlot):
    """Time plot whose right margin holds one more scale; the plot keeps its place and width."""

    row_axis: LaneAxis

    def __init__(self, parent: QWidget | None = None) -> None:
        self.edge_scale: EdgeScale | None = None
        super().__init__(parent)

    def _arrange(self) -> None:
        self.row_axis = LaneAxis()
        super()._arrange()

    def set_edge_scale(self, scale: EdgeScale | None) -> None:
        """Show a scale at the right edge, or none."""
        if scale != self.edge_scale:
            self.edge_scale = scale
            self.viewport().update()

    def edge_texts(self) -> list[tuple[str, QRectF]]:
        """Return what is written upright in the right margin, in pixels of the scene.

        Figures where a lane has room for them, else one line for all lanes.
        """
        scale = self.edge_scale
        if scale is None or not scale.number:
            return []
        area = self.view_box.sceneBoundingRect()
        metrics = QFontMetricsF(theme.font("axis"))
        lane = area.height() / scale.number
        needed = sum(metrics.horizontalAdvance(text) + 4 for _, text in scale.marks)
        left, width = area.right() + 1, float(right_margin() - 1)
        if needed > lane * 0.8:
            return [(scale.text, QRectF(left, area.top(), width, area.height()))]
        texts = []
        for row in range(scale.number):
            top, bottom = area.top() + row * lane, area.top() + (row + 1) * lane
            for height, text in scale.marks:
                length = metrics.horizontalAdvance(text) + 2
                middle = top + height * lane
                start = min(max(middle - length / 2, top), bottom - length)
                texts.append((text, QRectF(left, start, width, length)))
        return texts

    def drawForeground(  # noqa: N802  Qt override
        self, painter: QPainter, rect: QRectF
    ) -> None:
        super().drawForeground(painter, rect)
        texts = self.edge_texts()
        if not texts:
            return
        painter.setFont(theme.font("axis"))
        painter.setPen(theme.color("muted"))
        metrics = QFontMetricsF(painter.font())
        for text, box in texts:
            painter.save()
            painter.translate(box.left(), box.bottom())
            painter.rotate(-90)
            shown = metrics.elidedText(text, Qt.TextElideMode.ElideRight, box.height() + 2)
            upright = QRectF(0, 0, box.height(), box.width())
            flags = Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextDontClip
            painter.drawText(upright, flags, shown)
            painter.restore()


def _fitting(texts: tuple[str, ...], metrics: QFontMetricsF, width: float) -> str:
    """Return the first text that fits, else the last one."""
    return next((each for each in texts if metrics.horizontalAdvance(each) <= width), texts[-1])
