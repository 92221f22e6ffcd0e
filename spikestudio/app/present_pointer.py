"""Ring around the pointer, for those who watch a presentation from afar."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, QPoint, QRect, Qt
from PySide6.QtGui import QMouseEvent, QPainter, QPaintEvent, QPen, QRegion
from PySide6.QtWidgets import QWidget
from shiboken6 import isValid

from spikestudio.app import theme

SIZE, WIDTH, HALO = (
    56,
    4,
    8,
)  # pixels at normal text size: across, of the ring, of the dark below it
LEAVING = frozenset((QEvent.Type.Leave, QEvent.Type.WindowDeactivate, QEvent.Type.Hide))


class PointerRing(QWidget):
    """Follows the pointer within one window, over everything, and lets every event through.

    It moves with the hand and never by itself; it neither blinks nor fades.
    """

    def __init__(self, window: QWidget) -> None:
        super().__init__(window)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._watched: QObject | None = None
        self.hide()

    def follow(self) -> None:
        """Begin to follow the pointer: the window's handle hears of every move, tracked or not."""
        handle = self.window().windowHandle()
        if handle is not None:
            handle.installEventFilter(self)
            self._watched = handle

    def leave(self) -> None:
        """Follow it no longer."""
        if self._watched is not None and isValid(self._watched):
            self._watched.removeEventFilter(self)
        self._watched = None
        self.hide()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802  Qt override
        if isinstance(event, QMouseEvent) and event.type() == QEvent.Type.MouseMove:
            self.move_to(event.position().toPoint())
        elif event.type() in LEAVING:
            self.hide()
        return False

    def move_to(self, where: QPoint) -> None:
        """Surround a place in the window."""
        size = theme.px(SIZE)
        box = QRect(0, 0, size, size)
        if self.size() != box.size():
            self.resize(box.size())
            inner = box.adjusted(HALO, HALO, -HALO, -HALO)
            ellipse = QRegion.RegionType.Ellipse
            self.setMask(QRegion(box, ellipse) - QRegion(inner, ellipse))
        self.move(where - box.center())
        if self.isHidden():
            self.show()
        self.raise_()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802  Qt override
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.fillRect(self.rect(), theme.color("bg"))
        painter.setPen(QPen(theme.color("accent"), WIDTH))
        reach = HALO // 2
        painter.drawEllipse(self.rect().adjusted(reach, reach, -reach, -reach))
