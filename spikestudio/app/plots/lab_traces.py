"""Input, potential and spikes of one neuron over its SNN steps; the input can be drawn."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QFocusEvent, QKeyEvent, QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QWidget

from spikestudio.app import theme
from spikestudio.app.plots.lab_chart import LabChart, nice_ticks, short
from spikestudio.app.plots.lab_traces_paint import Strips, paint_traces
from spikestudio.language import tr
from spikestudio.neurons.lab import Driven

Key = Qt.Key
MOVES = {Key.Key_Left: -1, Key.Key_Right: 1}
ENDS = {Key.Key_Home: 0, Key.Key_End: -1}
NUDGES = {Key.Key_Up: 1, Key.Key_Down: -1}
FAR = 10  # times as far with Shift
NUDGE = 0.05
USUAL = 2.0  # upper end of the input's scale, unless it goes higher
DECIMALS = 2  # of what is drawn with the mouse


@dataclass(frozen=True, slots=True, eq=False)
class TracePicture:
    """What is drawn; without ``driven`` there is the input alone.

    ``v_reset`` is None for a soft reset. ``is_editable`` says whether the input can be drawn.
    """

    current: NDArray[np.float32]
    driven: Driven | None
    threshold: float
    v_reset: float | None
    cursor: int
    is_editable: bool = True
    note: str = ""  # in place of the potential


class LabTraces(LabChart):
    """Three strips over the same steps.

    Mouse: draw in the upper strip; a click below moves the cursor. Keys: left and right, Home and End
    move the cursor, up and down change the input there, with Shift ten times as far.
    """

    cursorMoved = Signal(int)  # noqa: N815
    drawn = Signal(object)  # {step: value}
    nudged = Signal(int, float)  # step, and by how much
    hovered = Signal(object)  # step under the pointer, or None

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(
            tr("Input, potential and spikes by SNN step"), tr("SNN time step t"), parent
        )
        self.picture: TracePicture | None = None
        self.hovered_step: int | None = None
        self._drawing: tuple[int, float] | None = None  # the last step drawn, and its value
        self._scale: tuple[float, float] | None = None  # of the input, while it is drawn
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)

    def set_picture(self, picture: TracePicture) -> None:
        """Draw something else."""
        self.picture = picture
        if self.hovered_step is not None and self.hovered_step >= len(picture.current):
            self._hover(None)
        self.update()

    def minimumSizeHint(self) -> QSize:  # noqa: N802  Qt override
        return QSize(theme.px(200), theme.px(200))

    # geometry -------------------------------------------------------------------------------

    def strips(self) -> Strips | None:
        """Return where everything is, in pixels of the widget."""
        picture = self.picture
        if picture is None:
            return None
        area = self.area().adjusted(0, -0.6 * self.metrics.height(), 0, 0)
        gap, spikes = theme.px(8), theme.px(28)
        line = self.metrics.height() + theme.px(2)  # of the name above a strip
        high = max(1.0, area.height() - spikes - 2 * line - 2 * gap)
        top = QRectF(area.left(), area.top() + line, area.width(), 0.3 * high)
        middle = QRectF(area.left(), top.bottom() + gap + line, area.width(), 0.7 * high)
        last = QRectF(area.left(), middle.bottom() + gap, area.width(), spikes)
        return Strips(
            top,
            middle,
            last,
            len(picture.current),
            self._scale or _input_scale(picture.current),
            _potential_scale(picture),
        )

    def step_at(self, at: QPointF) -> int | None:
        """Return the SNN step at a place; None beside the plot."""
        strips = self.strips()
        if strips is None or not strips.input.left() <= at.x() < strips.input.right():
            return None
        return strips.step_at(at.x())

    def is_over_input(self, at: QPointF) -> bool:
        """Whether a place is in the strip that can be drawn in."""
        strips = self.strips()
        is_editable = self.picture is not None and self.picture.is_editable
        if strips is None or not is_editable or self.step_at(at) is None:
            return False
        return strips.input.top() - theme.px(8) <= at.y() <= strips.input.bottom() + theme.px(4)

    # painting -------------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802  Qt override
        strips, picture = self.strips(), self.picture
        if strips is None or picture is None:
            return
        painter = QPainter(self)
        paint_traces(painter, strips, picture, self.hovered_step, has_focus=self.hasFocus())
        for box, scale in (
            (strips.input, strips.input_scale),
            (strips.potential, strips.potential_scale),
        ):
            ticks = nice_ticks(*scale, box.height())
            places = [(strips.y(box, scale, value), short(value)) for value in ticks]
            self.paint_left(painter, box, places, has_grid=False)
        numbers = range(1, strips.steps + 1)
        wide = self.metrics.horizontalAdvance("64") + theme.px(6)
        every = next((n for n in (1, 2, 4, 8, 16) if n * strips.column >= wide), 32)
        shown = [n for n in numbers if n % every == 0 or (n == 1 and every != 2)]
        bottom = QRectF(strips.spikes)
        self.paint_bottom(
            painter, bottom, [(strips.middle(n - 1), f"{n}") for n in shown], has_marks=False
        )
        self.paint_focus(painter)

    # mouse ----------------------------------------------------------------------------------

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802  Qt override
        step = self.step_at(event.position())
        if event.button() != Qt.MouseButton.LeftButton or step is None:
            return
        self.cursorMoved.emit(step)
        strips = self.strips()
        if self.is_over_input(event.position()) and strips is not None:
            self._scale = strips.input_scale
            self._drawing = (step, 0.0)
            self._draw_to(event.position())

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802  Qt override
        if self._drawing is not None:
            self._draw_to(event.position())
            return
        is_input = self.is_over_input(event.position())
        shape = Qt.CursorShape.CrossCursor if is_input else Qt.CursorShape.ArrowCursor
        self.setCursor(shape)
        self._hover(self.step_at(event.position()))

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:  # noqa: N802  Qt override
        if self._drawing is not None:
            self._drawing = self._scale = None
            self.update()

    def leaveEvent(self, event: QEvent) -> None:  # noqa: N802  Qt override
        super().leaveEvent(event)
        self._hover(None)

    def _draw_to(self, at: QPointF) -> None:
        """Draw the step under the pointer, and those passed since the last one."""
        strips = self.strips()
        if strips is None or self._drawing is None:
            return
        x = min(max(at.x(), strips.input.left()), strips.input.right() - 0.5)
        step, value = strips.step_at(x), round(strips.value(at.y()), DECIMALS)
        last, before = self._drawing
        passed = {step: value}
        for between in range(min(step, last) + 1, max(step, last)):
            part = (between - last) / (step - last)
            passed[between] = round(before + part * (value - before), DECIMALS)
        self._drawing = (step, value)
        self.drawn.emit(passed)
        self.cursorMoved.emit(step)
        self._hover(step)  # or what is told of the step pointed at would be of the first one drawn

    def _hover(self, step: int | None) -> None:
        if step != self.hovered_step:
            self.hovered_step = step
            self.update()
            self.hovered.emit(step)

    # keyboard -------------------------------------------------------------------------------

    def event(self, event: QEvent) -> bool:
        # Its keys are its own, whatever commands of the window they are.
        is_override = event.type() == QEvent.Type.ShortcutOverride
        if is_override and isinstance(event, QKeyEvent) and self._is_mine(event):
            event.accept()
            return True
        return bool(super().event(event))

    def _is_mine(self, event: QKeyEvent) -> bool:
        plain = event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier
        key = Key(event.key())
        if plain == Qt.KeyboardModifier.ShiftModifier:
            return key in NUDGES
        is_known = key in (*MOVES, *ENDS, *NUDGES)
        return plain == Qt.KeyboardModifier.NoModifier and is_known

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802  Qt override
        picture = self.picture
        if picture is None or not self._is_mine(event):
            super().keyPressEvent(event)
            return
        key, number = Key(event.key()), len(picture.current)
        if key in NUDGES:
            is_far = bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)
            self.nudged.emit(picture.cursor, NUDGES[key] * NUDGE * (FAR if is_far else 1))
        elif key in ENDS:
            self.cursorMoved.emit(ENDS[key] % number)
        else:
            self.cursorMoved.emit(min(max(picture.cursor + MOVES[key], 0), number - 1))

    def focusInEvent(self, event: QFocusEvent) -> None:  # noqa: N802  Qt override
        super().focusInEvent(event)
        self.update()

    def focusOutEvent(self, event: QFocusEvent) -> None:  # noqa: N802  Qt override
        super().focusOutEvent(event)
        self.update()


def _input_scale(current: NDArray[np.float32]) -> tuple[float, float]:
    low, high = float(current.min()), float(current.max())
    top = USUAL if high <= USUAL else 1.1 * high
    return (1.1 * low if low < 0 else 0.0), top


def _potential_scale(picture: TracePicture) -> tuple[float, float]:
    values = [0.0, picture.threshold, picture.v_reset or 0.0]
    if picture.driven is not None:
        for trace in (picture.driven.h, picture.driven.v):
            values += [float(trace.min()), float(trace.max())]
    low, high = min(values), max(values)
    room = 0.12 * (high - low)
    return (low - room if low < 0 else low), high + room
