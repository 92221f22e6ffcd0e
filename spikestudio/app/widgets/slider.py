"""Slider over a range of numbers, linear or logarithmic, with marks."""

from __future__ import annotations

from math import exp, log

from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal, Slot
from PySide6.QtGui import (
    QFontMetrics,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QWheelEvent,
)
from PySide6.QtWidgets import QSlider, QWidget

from spikestudio.app import theme
from spikestudio.app.viewmodels.parameters import Parameter

POSITIONS = 10_000
HANDLE = 14
GROOVE = 4


class NumberSlider(QSlider):
    """Moves over ``parameter.low`` to ``parameter.high`` in steps of ``10 ** -decimals``.

    Values outside that span are shown at its end and kept: the slider is not the limit. The wheel
    works only while the slider has the focus, so that scrolling a dock changes nothing.
    """

    numberChanged = Signal(float)  # noqa: N815  by the user only

    def __init__(self, parameter: Parameter, parent: QWidget | None = None) -> None:
        super().__init__(Qt.Orientation.Horizontal, parent)
        self._parameter = parameter
        self._number = parameter.low
        self._has_labels = True
        self.setRange(0, POSITIONS)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName(parameter.title)
        self.setAccessibleDescription(parameter.help_text)
        self.sliderMoved.connect(self._on_moved)
        theme.manager.changed.connect(self.updateGeometry)

    @property
    def number(self) -> float:
        """The value shown."""
        return self._number

    def set_number(self, number: float) -> None:
        """Show a value; emits nothing."""
        position = round(self._fraction(number) * POSITIONS)
        if (number, position) != (self._number, self.sliderPosition()):
            self._number = number
            self._move_handle()

    def set_parameter(self, parameter: Parameter) -> None:
        """Span another range; the value stays."""
        self._parameter = parameter
        self._move_handle()

    def _move_handle(self) -> None:
        self.setSliderPosition(round(self._fraction(self._number) * POSITIONS))
        self.update()

    def set_labels_shown(self, *, is_shown: bool) -> None:
        """Write numbers at the marks, or leave them out to be lower."""
        if is_shown != self._has_labels:
            self._has_labels = is_shown
            self.updateGeometry()
            self.update()

    def _fraction(self, number: float) -> float:
        low, high = self._parameter.low, self._parameter.high
        number = min(max(number, low), high)
        if self._parameter.is_log:
            return log(number / low) / log(high / low)
        return (number - low) / (high - low)

    def _at(self, fraction: float) -> float:
        low, high = self._parameter.low, self._parameter.high
        if self._parameter.is_log:
            number = exp(log(low) + fraction * log(high / low))
        else:
            number = low + fraction * (high - low)
        return round(number, self._parameter.decimals)

    def _move_to(self, number: float) -> None:
        step = 10.0**-self._parameter.decimals
        number = min(max(round(number / step) * step, self._parameter.low), self._parameter.high)
        number = round(number, self._parameter.decimals)
        if number != self._number:
            self.set_number(number)
            self.numberChanged.emit(number)

    @Slot(int)
    def _on_moved(self, position: int) -> None:
        self._move_to(self._at(position / POSITIONS))

    # input ----------------------------------------------------------------------------------

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802  Qt override
        if event.button() == Qt.MouseButton.LeftButton:
            self.setSliderDown(True)
            self._move_to(self._at(self._fraction_at(event.position().x())))
            event.accept()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802  Qt override
        if self.isSliderDown():
            self._move_to(self._at(self._fraction_at(event.position().x())))
            event.accept()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:  # noqa: N802  Qt override
        self.setSliderDown(False)
        self.update()
        event.accept()

    def wheelEvent(self, event: QWheelEvent) -> None:  # noqa: N802  Qt override
        if not self.hasFocus():
            event.ignore()
            return
        self._nudge(1 if event.angleDelta().y() > 0 else -1)
        event.accept()

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802  Qt override
        key = Qt.Key
        match event.key():
            case key.Key_Right | key.Key_Up:
                self._nudge(1)
            case key.Key_Left | key.Key_Down:
                self._nudge(-1)
            case key.Key_PageUp:
                self._nudge(10)
            case key.Key_PageDown:
                self._nudge(-10)
            case key.Key_Home:
                self._move_to(self._parameter.low)
            case key.Key_End:
                self._move_to(self._parameter.high)
            case _:
                super().keyPressEvent(event)

    def _nudge(self, steps: int) -> None:
        self._move_to(self._number + steps * 10.0**-self._parameter.decimals)

    # geometry and painting ------------------------------------------------------------------

    def sizeHint(self) -> QSize:  # noqa: N802  Qt override
        height = theme.px(HANDLE) + 4
        if self._has_labels and self._parameter.labels:
            height += QFontMetrics(theme.font("axis")).height()
        return QSize(theme.px(160), height)

    def minimumSizeHint(self) -> QSize:  # noqa: N802  Qt override
        return QSize(theme.px(80), self.sizeHint().height())

    def _track(self) -> tuple[float, float]:
        """Left end and length of the groove's travel."""
        inset = theme.px(HANDLE) / 2 + 2
        return inset, max(self.width() - 2 * inset, 1)

    def _fraction_at(self, x: float) -> float:
        left, length = self._track()
        return min(max((x - left) / length, 0.0), 1.0)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802  Qt override
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        left, length = self._track()
        middle = theme.px(HANDLE) / 2 + 2
        x = left + length * self._fraction(self._number)
        accent = theme.color("accent" if self.isEnabled() else "disabled")
        painter.setPen(Qt.PenStyle.NoPen)
        for start, end, brush in (
            (left, left + length, theme.color("border")),
            (left, x, accent),
        ):
            painter.setBrush(brush)
            painter.drawRoundedRect(
                QRectF(start, middle - GROOVE / 2, end - start, GROOVE), GROOVE / 2, GROOVE / 2
            )
        self._paint_marks(painter, left, length, middle)
        radius = theme.px(HANDLE) / 2
        if self.hasFocus():
            painter.setPen(QPen(theme.color("text"), 2))
        else:
            painter.setPen(QPen(theme.color("surface"), 2))
        painter.setBrush(accent)
        painter.drawEllipse(QPointF(x, middle), radius, radius)

    def _paint_marks(self, painter: QPainter, left: float, length: float, middle: float) -> None:
        painter.setFont(theme.font("axis"))
        metrics = painter.fontMetrics()
        top = middle + theme.px(HANDLE) / 2 + 1
        for mark in self._parameter.marks:
            at = left + length * self._fraction(mark)
            painter.setPen(QPen(theme.color("muted" if self.isEnabled() else "disabled"), 1))
            if self._has_labels and mark in self._parameter.labels:
                text = f"{mark:.{self._parameter.decimals}f}"
                width = metrics.horizontalAdvance(text)
                start = min(max(at - width / 2, 0), self.width() - width)
                painter.drawText(QPointF(start, top + metrics.ascent()), text)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(theme.color("muted"))
            painter.drawRect(QRectF(round(at) - 0.5, middle + GROOVE / 2 + 1, 1, 3))
