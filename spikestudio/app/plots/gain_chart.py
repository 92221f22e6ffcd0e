"""Bars of how strong a read-out is with every number of SNN time steps."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal, Slot
from PySide6.QtGui import (
    QFocusEvent,
    QFontMetricsF,
    QHelpEvent,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
)
from PySide6.QtWidgets import QToolTip, QWidget

from spikestudio.app import theme
from spikestudio.language import tr

MOST = 16  # time steps that have a bar
Key = Qt.Key
CENTRED = Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextDontClip
MOVES = {Key.Key_Left: -1, Key.Key_Right: 1}


class GainChart(QWidget):
    """One bar per number of time steps, relative to the trained one. A bar can be chosen.

    Keys: left and right go from bar to bar, Enter chooses one.
    """

    chosen = Signal(int)
    pointedChanged = Signal()  # noqa: N815

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.gains: tuple[float, ...] = ()
        self.trained = self.current = 1
        self.is_locked = False
        self.pointed: int | None = None  # T under the pointer or the keys
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName(tr("Strength of the read-out by SNN time steps"))
        theme.manager.changed.connect(self._restyle)

    def set_gains(
        self, gains: tuple[float, ...], *, trained: int, current: int, is_locked: bool
    ) -> None:
        """Show the gains of T = 1, 2, ...; a locked chart can be read only."""
        if (gains, trained, current, is_locked) != (
            *(self.gains, self.trained),
            *(self.current, self.is_locked),
        ):
            self.gains, self.trained = gains, trained
            self.current, self.is_locked = current, is_locked
            self.setAccessibleDescription(self.text(current))
            self.update()

    def text(self, steps: int) -> str:
        """Return what a bar says."""
        if not 1 <= steps <= len(self.gains):
            return ""
        text = tr(
            "T = {steps}: {gain:.2f} times the trained strength",
            steps=steps,
            gain=self.gains[steps - 1],
        )
        return tr("T = {steps}: as trained", steps=steps) if steps == self.trained else text

    @Slot()
    def _restyle(self) -> None:
        self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:  # noqa: N802  Qt override
        return QSize(theme.px(320), theme.px(180))

    def minimumSizeHint(self) -> QSize:  # noqa: N802  Qt override
        return QSize(theme.px(160), theme.px(110))

    # geometry -------------------------------------------------------------------------------

    def _area(self) -> QRectF:
        line = QFontMetricsF(theme.font("axis")).height()
        return QRectF(self.rect()).adjusted(theme.px(6), line + 6, -theme.px(6), -2 * line - 8)

    def _column(self, steps: int) -> QRectF:
        area = self._area()
        width = area.width() / max(1, len(self.gains))
        return QRectF(area.left() + (steps - 1) * width, area.top(), width, area.height())

    def _bar(self, steps: int) -> QRectF:
        column = self._column(steps)
        height = column.height() * self.gains[steps - 1] / max(self.gains)
        inset = min(theme.px(4), column.width() * 0.15)
        return QRectF(
            round(column.left() + inset),
            round(column.bottom() - height),
            round(column.width() - 2 * inset),
            round(height),
        )

    def _steps_at(self, at: QPointF) -> int | None:
        area = self._area()
        if not self.gains or not area.left() <= at.x() < area.right():
            return None
        return int((at.x() - area.left()) / area.width() * len(self.gains)) + 1

    # painting -------------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802  Qt override
        if not self.gains:
            return
        painter = QPainter(self)
        painter.setFont(theme.font("axis"))
        metrics = QFontMetricsF(painter.font())
        numbers = range(1, len(self.gains) + 1)
        for steps in numbers:
            self._paint_bar(painter, metrics, steps)
        if self.trained in numbers:
            self._paint_trained(painter, metrics)
        for steps in numbers:
            self._paint_figure(painter, metrics, steps)
        painter.setPen(theme.color("muted"))
        below = QRectF(0, self.height() - metrics.height() - 1, self.width(), metrics.height())
        title = metrics.elidedText(
            tr("SNN time steps T"), Qt.TextElideMode.ElideRight, below.width()
        )
        painter.drawText(below, Qt.AlignmentFlag.AlignCenter, title)
        if self.hasFocus():
            painter.setPen(QPen(theme.color("accent"), 2))
            painter.drawRoundedRect(QRectF(self.rect()).adjusted(1, 1, -1, -1), 4, 4)

    def _paint_bar(self, painter: QPainter, metrics: QFontMetricsF, steps: int) -> None:
        bar, column = self._bar(steps), self._column(steps)
        is_current = steps == self.current
        painter.fillRect(bar, theme.color("accent" if is_current else "border"))
        if steps == self.pointed:
            painter.setPen(QPen(theme.color("text"), 1))
            painter.drawRect(bar.adjusted(-2, -2, 1, 1))
        number = f"{steps}"
        every = 1 if metrics.horizontalAdvance("16") + 2 <= column.width() else 4
        if is_current or steps % every == 0 or steps == 1:
            painter.setPen(theme.color("text" if is_current else "muted"))
            box = QRectF(column.left(), column.bottom() + 2, column.width(), metrics.height())
            painter.drawText(box, CENTRED, number)

    def _paint_figure(self, painter: QPainter, metrics: QFontMetricsF, steps: int) -> None:
        bar, column = self._bar(steps), self._column(steps)
        figure = f"{self.gains[steps - 1]:.2f}"
        width = metrics.horizontalAdvance(figure) + 2
        is_marked = steps == (self.pointed or self.current)
        if width > column.width() and not is_marked:
            return
        top = bar.top() - metrics.height() - 1
        box = QRectF(column.center().x() - width / 2, top, width, metrics.height())
        painter.fillRect(box, theme.color("surface"))
        painter.setPen(theme.color("text" if steps == self.current else "muted"))
        painter.drawText(box, CENTRED, figure)

    def _paint_trained(self, painter: QPainter, metrics: QFontMetricsF) -> None:
        """A line at the strength that was trained, named where the bars before it leave room."""
        area, y = self._area(), round(self._bar(self.trained).top())
        painter.setPen(QPen(theme.color("text"), 1, Qt.PenStyle.DashLine))
        painter.drawLine(QPointF(area.left(), y), QPointF(area.right(), y))
        text = tr("as trained, T = {trained}", trained=self.trained)
        room = self._column(self.trained).left() - area.left()
        if metrics.horizontalAdvance(text) < room:
            box = QRectF(area.left(), y - metrics.height() - 2, room, metrics.height())
            painter.drawText(box, Qt.AlignmentFlag.AlignLeft, text)

    # input ----------------------------------------------------------------------------------

    def _point_at(self, steps: int | None) -> None:
        if steps != self.pointed:
            self.pointed = steps
            self.update()
            self.pointedChanged.emit()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802  Qt override
        self._point_at(self._steps_at(event.position()))

    def leaveEvent(self, event: QEvent) -> None:  # noqa: N802  Qt override
        super().leaveEvent(event)
        self._point_at(None)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:  # noqa: N802  Qt override
        steps = self._steps_at(event.position())
        if event.button() == Qt.MouseButton.LeftButton and steps is not None:
            self._choose(steps)

    def _choose(self, steps: int) -> None:
        if not self.is_locked:
            self.chosen.emit(steps)

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            steps = self._steps_at(QPointF(event.pos()))
            QToolTip.showText(event.globalPos(), self.text(steps) if steps else "", self)
            return True
        is_override = event.type() == QEvent.Type.ShortcutOverride
        if is_override and isinstance(event, QKeyEvent) and self._is_mine(event):
            event.accept()
            return True
        return bool(super().event(event))

    def _is_mine(self, event: QKeyEvent) -> bool:
        is_plain = event.modifiers() in (
            Qt.KeyboardModifier.NoModifier,
            Qt.KeyboardModifier.KeypadModifier,
        )
        return is_plain and Key(event.key()) in (*MOVES, Key.Key_Return, Key.Key_Enter)

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802  Qt override
        if not self._is_mine(event) or not self.gains:
            super().keyPressEvent(event)
            return
        pointed = self.pointed or self.current
        if (move := MOVES.get(Key(event.key()))) is not None:
            self._point_at(min(max(pointed + move, 1), len(self.gains)))
        else:
            self._choose(pointed)

    def focusInEvent(self, event: QFocusEvent) -> None:  # noqa: N802  Qt override
        super().focusInEvent(event)
        self.update()

    def focusOutEvent(self, event: QFocusEvent) -> None:  # noqa: N802  Qt override
        super().focusOutEvent(event)
        self._point_at(None)
        self.update()
