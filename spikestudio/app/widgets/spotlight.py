"""Outline and arrow around one control of the window, over everything, letting every event through."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, QPoint, QPointF, QRect, QRectF, Qt, QTimer, Slot
from PySide6.QtGui import QPainter, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractSlider,
    QAbstractSpinBox,
    QComboBox,
    QLineEdit,
    QScrollArea,
    QWidget,
)
from shiboken6 import isValid

from spikestudio.app import theme
from spikestudio.language import tr

GAP, WIDTH, HALO = 3, 3, 7  # pixels between control and outline, of the outline, and below it
ARROW = 18  # pixels, length of the arrow
# What the arrow does not lie on; the field inside a spin box is a line edit.
CONTROLS = (QAbstractButton, QAbstractSlider, QAbstractSpinBox, QComboBox, QLineEdit)
_MOVING = frozenset(
    (
        QEvent.Type.Move,
        QEvent.Type.Resize,
        QEvent.Type.Show,
        QEvent.Type.Hide,
        QEvent.Type.ParentChange,
        QEvent.Type.LayoutRequest,
    )
)


class Spotlight(QObject):
    """Outlines one widget at a time and follows it; nothing in it moves by itself."""

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self.target: QWidget | None = None
        self.mark: _Mark | None = None
        self._watched: list[QWidget] = []
        self._settle = QTimer(self)
        self._settle.setSingleShot(True)
        self._settle.timeout.connect(self._place)

    def show(self, target: QWidget) -> None:
        """Outline a widget and scroll it into view."""
        if target is self.target:
            self._settle.start(0)
            return
        self.clear()
        self.target = target
        self._follow(target)
        inner: QWidget = target
        for each in self._watched:
            if isinstance(each, QScrollArea) and each.widget() is not None:
                each.ensureWidgetVisible(inner)
        self._settle.start(0)

    @Slot()
    def clear(self) -> None:
        """Outline nothing."""
        self._settle.stop()
        for each in self._watched:
            if isValid(each):
                each.removeEventFilter(self)
        self._watched = []
        self.target = None
        if self.mark is not None:
            if isValid(self.mark):
                self.mark.hide()
                self.mark.deleteLater()
            self.mark = None

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802  Qt override
        if event.type() in _MOVING and watched is not self.mark:
            self._settle.start(0)
        return False

    def _follow(self, target: QWidget) -> None:
        each: QWidget | None = target
        while each is not None:
            each.installEventFilter(self)
            self._watched.append(each)
            each = None if each.isWindow() else each.parentWidget()

    @Slot()
    def _place(self) -> None:
        target = self.target
        if target is None or not isValid(target):
            return
        window = target.window()
        if not self._watched or self._watched[-1] is not window:  # docked or floated meanwhile
            for each in self._watched:
                each.removeEventFilter(self)
            self._watched = []
            self._follow(target)
        if self.mark is None or not isValid(self.mark) or self.mark.parentWidget() is not window:
            if self.mark is not None and isValid(self.mark):
                self.mark.deleteLater()
            self.mark = _Mark(window)
        box = _visible(target)
        if not target.isVisible() or box.isEmpty():
            self.mark.hide()
            return
        self.mark.point_at(box, target.accessibleName() or target.toolTip())


def _visible(target: QWidget) -> QRect:
    """Return the part of a widget that what it lies in does not cut off, in its window."""
    box, each = target.rect(), target
    while not each.isWindow() and (parent := each.parentWidget()) is not None:
        box = box.translated(each.pos()).intersected(parent.rect())
        each = parent
    return box


class _Mark(QWidget):
    """The outline itself, a child of the window."""

    def __init__(self, window: QWidget) -> None:
        super().__init__(window)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._window = window
        self._box = QRect()
        self._side = QPoint(-1, 0)  # on which the arrow stands
        theme.manager.changed.connect(self.update)

    def point_at(self, box: QRect, name: str) -> None:
        """Outline a box of the window."""
        room = self._window.rect()
        length = theme.px(ARROW) + HALO
        sides = (
            (QPoint(-1, 0), box.left()),
            (QPoint(1, 0), room.right() - box.right()),
            (QPoint(0, -1), box.top()),
            (QPoint(0, 1), room.bottom() - box.bottom()),
        )
        needed = length + GAP + WIDTH
        free = [side for side, space in sides if space > needed]
        free.sort(key=lambda side: self._hides(box, side))
        self._side = free[0] if free else QPoint()
        margin = length + GAP + WIDTH
        whole = box.adjusted(-margin, -margin, margin, margin).intersected(room)
        self._box = box.translated(-whole.topLeft())
        self.setAccessibleName(tr("The lesson points at {name}", name=name) if name else "")
        self.setGeometry(whole)
        self.show()
        self.raise_()
        self.update()

    def _hides(self, box: QRect, side: QPoint) -> bool:
        """Return whether the arrow on a side would lie on another control."""
        for length in (theme.px(ARROW) // 2, theme.px(ARROW)):  # its middle and its base
            away = length + GAP + WIDTH
            place = box.center() + QPoint(
                side.x() * (box.width() // 2 + away), side.y() * (box.height() // 2 + away)
            )
            if isinstance(self._window.childAt(place), CONTROLS):
                return True
        return False

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802  Qt override
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        reach = GAP + WIDTH / 2
        inside = QRectF(self.rect()).adjusted(WIDTH, WIDTH, -WIDTH, -WIDTH)
        box = QRectF(self._box).adjusted(-reach, -reach, reach, reach).intersected(inside)
        arrow = self._arrow(box)
        for color, width in (("bg", HALO), ("accent", WIDTH)):
            pen = QPen(theme.color(color), width)
            pen.setJoinStyle(Qt.PenJoinStyle.RoundJoin)
            painter.setPen(pen)
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(box, theme.RADIUS, theme.RADIUS)
            if not arrow.isEmpty():
                painter.setBrush(theme.color(color))
                painter.drawPolygon(arrow)

    def _arrow(self, box: QRectF) -> QPolygonF:
        """Return a triangle that points at the outline, empty where the window leaves no room."""
        if self._side.isNull():
            return QPolygonF()
        side = QPointF(self._side)
        across = QPointF(side.y(), side.x())
        half = QPointF(side.x() * box.width() / 2, side.y() * box.height() / 2)
        tip = box.center() + half + side * 4
        length = theme.px(ARROW) - 4
        base = tip + side * length
        return QPolygonF([tip, base + across * (length * 0.55), base - across * (length * 0.55)])
