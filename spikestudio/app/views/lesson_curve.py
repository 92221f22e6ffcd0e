"""A curve that is drawn with the mouse, or with the arrow keys, before it is measured."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import QSizePolicy, QWidget

from spikestudio.app import theme
from spikestudio.language import tr

KEY_STEPS = 20  # that an arrow key takes from the lowest to the highest value


class CurvePad(QWidget):
    """One value for each of some points; a measured curve is drawn over it once it is known."""

    edited = Signal()

    def __init__(self, points: int, low: float, high: float, name: str) -> None:
        super().__init__()
        self.low, self.high = low, high
        self.values = [low] * points
        self.touched = [False] * points
        self.measured: list[float] | None = None
        self.is_open = True
        self._at = 0
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName(name)
        self.setToolTip(
            tr("Draw with the mouse. Keys: left and right choose a point, up and down move it")
        )
        theme.manager.changed.connect(self.updateGeometry)
        self._describe()

    @property
    def is_complete(self) -> bool:
        """Whether every point was drawn."""
        return all(self.touched)

    def put(self, index: int, value: float) -> None:
        """Give a point a value within the limits."""
        if self.is_open and 0 <= index < len(self.values):
            self._at = index
            self.values[index] = min(max(value, self.low), self.high)
            self.touched[index] = True
            self._describe()
            self.edited.emit()
            self.update()

    def show_answer(self, values: list[float], measured: list[float] | None) -> None:
        """Show a prediction that was made, and what was measured."""
        self.is_open = False
        self.values, self.touched = list(values), [True] * len(values)
        self.measured = measured
        self._describe()
        self.update()

    def _describe(self) -> None:
        drawn = ", ".join(
            f"{value:.2f}" if is_touched else tr("not drawn")
            for value, is_touched in zip(self.values, self.touched, strict=True)
        )
        measured = (
            ""
            if self.measured is None
            else tr("; measured {measured}", measured=", ".join(f"{v:.2f}" for v in self.measured))
        )
        self.setAccessibleDescription(
            tr(
                "Point {at}. Drawn: {drawn}{measured}",
                at=self._at + 1,
                drawn=drawn,
                measured=measured,
            )
        )

    # input ----------------------------------------------------------------------------------

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802  Qt override
        self._draw(event.position())

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802  Qt override
        self._draw(event.position())

    def _draw(self, at: QPointF) -> None:
        room = self._room()
        index = int((at.x() - room.left()) / room.width() * len(self.values))
        value = self.low + (room.bottom() - at.y()) / room.height() * (self.high - self.low)
        self.put(min(max(index, 0), len(self.values) - 1), value)

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802  Qt override
        step = (self.high - self.low) / KEY_STEPS
        match event.key():
            case Qt.Key.Key_Left | Qt.Key.Key_Right:
                way = -1 if event.key() == Qt.Key.Key_Left else 1
                self._at = min(max(self._at + way, 0), len(self.values) - 1)
                self._describe()
                self.update()
            case Qt.Key.Key_Up:
                self.put(self._at, self.values[self._at] + step)
            case Qt.Key.Key_Down:
                self.put(self._at, self.values[self._at] - step)
            case _:
                super().keyPressEvent(event)

    # drawing --------------------------------------------------------------------------------

    def sizeHint(self) -> QSize:  # noqa: N802  Qt override
        return QSize(theme.px(240), theme.px(130))

    def _room(self) -> QRectF:
        left, bottom = theme.px(34), theme.px(18)
        return QRectF(self.rect()).adjusted(left, theme.px(8), -theme.px(6), -bottom)

    def place(self, index: int, value: float) -> QPointF:
        """Return where a value of a point is drawn."""
        room = self._room()
        x = room.left() + (index + 0.5) / len(self.values) * room.width()
        share = (value - self.low) / (self.high - self.low)
        return QPointF(x, room.bottom() - min(max(share, 0.0), 1.0) * room.height())

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802  Qt override
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        room = self._room()
        painter.fillRect(room, theme.color("raised"))
        painter.setPen(QPen(theme.color("accent" if self.hasFocus() else "border"), 1))
        painter.drawRect(room)
        self._scale(painter, room)
        drawn = [
            self.place(index, value)
            for index, value in enumerate(self.values)
            if self.touched[index]
        ]
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(QPen(theme.color("accent"), 2, Qt.PenStyle.DashLine))
        painter.drawPolyline(QPolygonF(drawn))
        painter.setBrush(theme.color("accent"))
        painter.setPen(Qt.PenStyle.NoPen)
        for point in drawn:
            painter.drawEllipse(point, 3, 3)
        if self.measured is not None:
            line = [self.place(index, value) for index, value in enumerate(self.measured)]
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(theme.color("text"), 2))
            painter.drawPolyline(QPolygonF(line))
        if self.hasFocus() and self.is_open:
            x = self.place(self._at, self.low).x()
            painter.setPen(QPen(theme.color("accent"), 1, Qt.PenStyle.DotLine))
            painter.drawLine(QPointF(x, room.top()), QPointF(x, room.bottom()))

    def _scale(self, painter: QPainter, room: QRectF) -> None:
        painter.setFont(theme.font("caption"))
        painter.setPen(theme.color("muted"))
        height = painter.fontMetrics().height()
        right = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        for value in (self.low, self.high):
            y = self.place(0, value).y() - height / 2
            box = QRectF(0, min(max(y, 0), self.height() - height), room.left() - 4, height)
            painter.drawText(box, right, f"{value:g}")
        number = len(self.values)
        every = max(1, number // 8)
        for index in range(0, number, every):
            x = self.place(index, self.low).x()
            box = QRectF(
                x - theme.px(16), room.bottom(), theme.px(32), self.height() - room.bottom()
            )
            painter.drawText(box, Qt.AlignmentFlag.AlignCenter, str(index + 1))
