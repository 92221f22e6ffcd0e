"""A padlock on a control that the teacher locked, with the teacher's note."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, QPoint, QRect, QSize, QTimer, Slot
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QAbstractSpinBox, QLineEdit, QWidget
from shiboken6 import isValid

from spikestudio.app import theme
from spikestudio.app.widgets.icons import IconButton
from spikestudio.app.widgets.parameter_row import ResetDot

SIZE, ICON = 18, 14
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


class Padlock(IconButton):
    """Lies on a control, beside which it stays; a click, or Enter, tells the note again.

    Where the control has a reset dot it takes that place, for there is nothing to reset. In a field,
    whose numbers are at the right, it is at the left; on a small button all over it; else at the right.
    """

    def __init__(self, target: QWidget, note: str) -> None:
        super().__init__("mdi6.lock", note, size=ICON, token="warn", parent=target.parentWidget())
        self.target = target
        self._settle = QTimer(self)
        self._settle.setSingleShot(True)
        self._settle.timeout.connect(self._place)
        self._watched = [target, *([parent] if (parent := target.parentWidget()) else [])]
        for each in self._watched:
            each.installEventFilter(self)
        theme.manager.changed.connect(self._place)
        self._place()

    def close_padlock(self) -> None:
        """Take it away."""
        for each in self._watched:
            if isValid(each):
                each.removeEventFilter(self)
        self.hide()
        self.deleteLater()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802  Qt override
        if event.type() in _MOVING:
            self._settle.start(0)
        return False

    @Slot()
    def _place(self) -> None:
        target = self.target
        parent = target.parentWidget() if isValid(target) else None
        if parent is None:
            self.hide()
            return
        if parent is not self.parentWidget():  # it was put elsewhere
            self.setParent(parent)
        side = theme.px(SIZE)
        dot = target.findChild(ResetDot)
        if dot is not None:
            center = dot.mapTo(target, dot.rect().center())
            box = QRect(QPoint(0, 0), QSize(side, side))
            box.moveCenter(target.mapTo(parent, center))
        else:
            box = _place_on(target, side)
        self.setGeometry(box)
        self.setVisible(not target.isHidden())
        self.raise_()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802  Qt override
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(theme.color("accent" if self.hasFocus() else "border"))
        painter.setBrush(theme.color("surface"))
        painter.drawRoundedRect(self.rect().adjusted(0, 0, -1, -1), 4, 4)
        picture = self.icon().pixmap(self.iconSize())
        spare = self.size() - self.iconSize()
        painter.drawPixmap(spare.width() // 2, spare.height() // 2, picture)

    def sizeHint(self) -> QSize:  # noqa: N802  Qt override
        return QSize(theme.px(SIZE), theme.px(SIZE))


def _place_on(target: QWidget, side: int) -> QRect:
    """Return where a padlock lies on a control without a reset dot."""
    around = target.geometry()
    box = QRect(around.topRight() + QPoint(1 - side, 0), QSize(side, side))
    if around.height() >= 3 * side:
        return box
    box.moveCenter(QPoint(box.center().x(), around.center().y()))
    if around.width() <= 2 * side:
        box.moveCenter(around.center())
    elif isinstance(target, QAbstractSpinBox | QLineEdit):
        box.moveLeft(around.left() + theme.SPACE)
    else:
        box.translate(-theme.SPACE, 0)
    return box
