"""The two lanes of the timeline: denoising steps, and the SNN steps inside the chosen one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QEvent, QLineF, QPointF, QRectF, QSize, Qt, Signal, Slot
from PySide6.QtGui import (
    QFocusEvent,
    QFontMetricsF,
    QHelpEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QPolygonF,
    QWheelEvent,
)
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from spikestudio.app import theme
from spikestudio.app.plots.axes import hatch_brush, left_margin, nice_stride, right_margin
from spikestudio.app.viewmodels.timeline import Cursor, Gap, Mark
from spikestudio.language import tr

Lane = Literal["steps", "snn"]

HANDLE = 8  # height of the row of marks and of the cursor's handle above the steps
BAND = 18  # height of the lane of steps
SMALLEST_CELL = 6  # pixels from which on cells are separated


@dataclass(frozen=True, slots=True, eq=False)
class TimelinePicture:
    """What one frame shows; ``counts`` are the spikes per SNN step ``[T]``, None if not recorded."""

    num_steps: int
    snn_steps: int
    done: int
    cursor: Cursor
    gaps: tuple[Gap, ...] = ()
    marks: tuple[Mark, ...] = ()
    counts: NDArray[np.int64] | None = None
    top: int = 1  # spikes that a bar of full height stands for


class TimelineLanes(QWidget):
    """Draws the lanes and says where they are pressed, dragged or turned over."""

    sought = Signal(str, int, bool)  # lane, number of the cell, whether Alt asks to snap to marks
    turned = Signal(str, int)  # lane, cells to move on by the wheel

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.picture: TimelinePicture | None = None
        self.tip_at: Callable[[Lane, int], str] | None = None
        self._dragged: Lane | None = None
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        theme.manager.changed.connect(self._restyle)

    def set_picture(self, picture: TimelinePicture) -> None:
        """Show a frame."""
        self.picture = picture
        self.update()

    def minimumSizeHint(self) -> QSize:  # noqa: N802  Qt override
        return QSize(theme.px(200), theme.px(100))

    def sizeHint(self) -> QSize:  # noqa: N802  Qt override
        return QSize(theme.px(420), theme.px(116))

    # where things are -----------------------------------------------------------------------

    def lane_rect(self, lane: Lane) -> QRectF:
        """Return where the cells of a lane lie."""
        left, line = left_margin(self.width()), self._line()
        width = max(1, self.width() - left - right_margin())
        steps = QRectF(left, theme.px(HANDLE) + 1, width, theme.px(BAND))
        if lane == "steps":
            return steps
        top = steps.bottom() + line + theme.px(10)
        return QRectF(left, top, width, max(theme.px(12), self.height() - line - 3 - top))

    def cell_rect(self, lane: Lane, cell: int) -> QRectF:
        """Return where one cell lies."""
        box = self.lane_rect(lane)
        width = box.width() / self._cells(lane)
        return QRectF(box.left() + cell * width, box.top(), width, box.height())

    def cell_at(self, lane: Lane, x: float) -> int:
        """Return the cell of a lane at or nearest to an x."""
        box, cells = self.lane_rect(lane), self._cells(lane)
        return min(max(int((x - box.left()) / box.width() * cells // 1), 0), cells - 1)

    def lane_at(self, y: float) -> Lane:
        """Return the lane at a height: the space below the first one's numbers is the second's."""
        return "steps" if y < self.lane_rect("steps").bottom() + self._line() else "snn"

    def _cells(self, lane: Lane) -> int:
        if self.picture is None:
            return 1
        return self.picture.num_steps if lane == "steps" else self.picture.snn_steps

    def _line(self) -> int:
        return theme.px(14)

    # painting -------------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802  Qt override
        if self.picture is None:
            return
        painter = QPainter(self)
        painter.setFont(theme.font("axis"))
        self._paint_steps(painter, self.picture)
        self._paint_snn_steps(painter, self.picture)
        self._paint_marks(painter, self.picture)
        for lane in ("steps", "snn"):
            self._paint_cursor(painter, lane, self.picture)
        if self.hasFocus():
            painter.setPen(QPen(theme.color("accent"), 2))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRect(self.rect().adjusted(1, 1, -1, -1))

    def _paint_steps(self, painter: QPainter, picture: TimelinePicture) -> None:
        box = self.lane_rect("steps")
        painter.fillRect(box, theme.color("raised"))
        done = QRectF(box)
        done.setWidth(box.width() * picture.done / picture.num_steps)
        painter.fillRect(done, theme.color("accent", 0.45))
        for gap in picture.gaps:
            span = self._span(gap.first, gap.last)
            painter.fillRect(span, theme.color("surface"))
            painter.fillRect(span, hatch_brush())
        painter.setPen(theme.color("muted"))
        painter.drawRect(box.adjusted(0, 0, -1, -1))
        self._paint_separators(painter, "steps")
        self._paint_numbers(painter, "steps", tr("denoising step"), tr("denoising"))

    def _paint_snn_steps(self, painter: QPainter, picture: TimelinePicture) -> None:
        box = self.lane_rect("snn")
        painter.fillRect(box, theme.color("raised"))
        if picture.done and picture.counts is None:
            painter.fillRect(box, hatch_brush())
        if picture.counts is not None:
            gap = 1 if box.width() / picture.snn_steps > 3 else 0
            painter.setPen(Qt.PenStyle.NoPen)
            for cell, count in enumerate(picture.counts.tolist()):
                bar = self.cell_rect("snn", cell).adjusted(gap, 0, -gap, 0)
                bar.setTop(bar.bottom() - box.height() * min(count / picture.top, 1.0))
                is_chosen = cell == picture.cursor.snn_step
                painter.fillRect(bar, theme.color("spike", 1.0 if is_chosen else 0.55))
            painter.setPen(theme.color("muted"))
            left = QRectF(0, box.top() - 2, box.left() - theme.px(12), self._line())
            right = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
            painter.drawText(
                left, right, self._fitting(tr("{top:,} spikes", top=picture.top), left.width())
            )
        self._paint_separators(painter, "snn")
        self._paint_numbers(painter, "snn", tr("SNN step"), "SNN")

    def _paint_separators(self, painter: QPainter, lane: Lane) -> None:
        box, cells = self.lane_rect(lane), self._cells(lane)
        if box.width() / cells >= SMALLEST_CELL:
            painter.setPen(theme.color("surface"))
            edges = (round(self.cell_rect(lane, cell).left()) for cell in range(1, cells))
            painter.drawLines([QLineF(x, box.top() + 1, x, box.bottom() - 2) for x in edges])

    def _paint_numbers(self, painter: QPainter, lane: Lane, name: str, short: str) -> None:
        box, cells = self.lane_rect(lane), self._cells(lane)
        top = box.bottom() + 1
        metrics = QFontMetricsF(painter.font())
        painter.setPen(theme.color("muted"))
        room = QRectF(0, top, box.left() - theme.px(12), self._line())
        right = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        painter.drawText(
            room, right, name if metrics.horizontalAdvance(name) <= room.width() else short
        )
        width = metrics.horizontalAdvance(f"{cells:,}") + theme.px(8)
        stride = nice_stride(width * cells / box.width())
        for number in range(1, cells + 1):
            if number % stride == 0 or (number == 1 and stride != 2):
                x = self.cell_rect(lane, number - 1).center().x()
                text = QRectF(x - width, top, 2 * width, self._line())
                text.moveRight(min(text.right(), self.width() + width / 2))
                painter.drawText(text, Qt.AlignmentFlag.AlignCenter, f"{number:,}")

    def _paint_marks(self, painter: QPainter, picture: TimelinePicture) -> None:
        box, size = self.lane_rect("steps"), theme.px(HANDLE)
        for mark in picture.marks:
            x = self.cell_rect("steps", mark.at.step).left()
            if mark.is_bookmark:
                x = round(self.cell_rect("steps", mark.at.step).center().x())
                _paint_flag(painter, QPointF(x, 0), size, box)
                continue
            for token, style in (
                ("surface", Qt.PenStyle.SolidLine),
                ("threshold", Qt.PenStyle.DashLine),
            ):
                painter.setPen(QPen(theme.color(token), 1, style))
                painter.drawLine(QLineF(round(x), size - 2, round(x), box.bottom()))
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(theme.color("threshold"))
            half = size / 2
            tip = QPointF(round(x) + 0.5, 0)
            corners = ((0, 0), (half, half), (0, size), (-half, half))
            painter.drawPolygon(QPolygonF([tip + QPointF(*corner) for corner in corners]))

    def _paint_cursor(self, painter: QPainter, lane: Lane, picture: TimelinePicture) -> None:
        if not picture.done:
            return
        number = picture.cursor.step if lane == "steps" else picture.cursor.snn_step
        cell = self.cell_rect(lane, number)
        color = theme.color("text" if lane == "steps" else "accent")
        if cell.width() >= SMALLEST_CELL / 2:
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(color, 2 if cell.width() >= SMALLEST_CELL else 1))
            painter.drawRect(cell.adjusted(0, 0, 0, -1))
        else:
            x = round(cell.center().x())
            painter.fillRect(QRectF(x - 1, cell.top() - 2, 2, cell.height() + 4), color)

    def _span(self, first: int, last: int) -> QRectF:
        left, right = self.cell_rect("steps", first), self.cell_rect("steps", last)
        span = QRectF(left)
        span.setRight(max(right.left(), left.left() + 1))
        return span

    def _fitting(self, text: str, width: float) -> str:
        metrics = QFontMetricsF(theme.font("axis"))
        if metrics.horizontalAdvance(text) > width:
            text = text.split()[0]
        return metrics.elidedText(text, Qt.TextElideMode.ElideRight, width)

    # input ----------------------------------------------------------------------------------

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802  Qt override
        if event.button() == Qt.MouseButton.LeftButton:
            self._dragged = self.lane_at(event.position().y())
            self._seek(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802  Qt override
        self._seek(event)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:  # noqa: N802  Qt override
        self._dragged = None

    def wheelEvent(self, event: QWheelEvent) -> None:  # noqa: N802  Qt override
        if turn := event.angleDelta().y() or event.angleDelta().x():
            self.turned.emit(self.lane_at(event.position().y()), -1 if turn > 0 else 1)
        event.accept()

    def focusInEvent(self, event: QFocusEvent) -> None:  # noqa: N802  Qt override
        self.update()

    def focusOutEvent(self, event: QFocusEvent) -> None:  # noqa: N802  Qt override
        self.update()

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ToolTip and self.tip_at and isinstance(event, QHelpEvent):
            lane = self.lane_at(event.pos().y())
            text = self.tip_at(lane, self.cell_at(lane, event.pos().x()))
            QToolTip.showText(event.globalPos(), text, self)
            return True
        return bool(super().event(event))

    def _seek(self, event: QMouseEvent) -> None:
        if self._dragged is not None and self.picture is not None:
            is_snapping = bool(event.modifiers() & Qt.KeyboardModifier.AltModifier)
            cell = self.cell_at(self._dragged, event.position().x())
            self.sought.emit(self._dragged, cell, is_snapping)

    @Slot()
    def _restyle(self) -> None:
        self.updateGeometry()
        self.update()


def _paint_flag(painter: QPainter, at: QPointF, size: int, box: QRectF) -> None:
    """A pennant above the lane with its pole through it."""
    painter.setPen(theme.color("text"))
    painter.drawLine(QLineF(at.x(), 0, at.x(), box.bottom() - 2))
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(theme.color("text"))
    painter.drawPolygon(
        QPolygonF([at, at + QPointF(size * 0.9, size * 0.4), at + QPointF(0, size * 0.8)])
    )
