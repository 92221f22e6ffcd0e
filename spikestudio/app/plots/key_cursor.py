"""Mark of the cell that the arrow keys have reached in a plot."""

from __future__ import annotations

import pyqtgraph as pg
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QKeyEvent, QPainter, QPen
from PySide6.QtWidgets import QStyleOptionGraphicsItem, QWidget

from spikestudio.app import theme

Key = Qt.Key
MOVES: dict[int, tuple[float, float]] = {  # columns to the right, rows down
    Key.Key_Left: (-1, 0),
    Key.Key_Right: (1, 0),
    Key.Key_Up: (0, -1),
    Key.Key_Down: (0, 1),
    Key.Key_PageUp: (0, -10),
    Key.Key_PageDown: (0, 10),
    Key.Key_Home: (-float("inf"), 0),
    Key.Key_End: (float("inf"), 0),
}
SELECT = (Key.Key_Return, Key.Key_Enter)
TOGGLE = (Key.Key_Space,)
SMALLEST = 9  # pixels; a cell may be as small as one


def is_for_cursor(event: QKeyEvent) -> bool:
    """Whether a key moves the cursor or acts on its cell."""
    plain = (Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.KeypadModifier)
    return event.modifiers() in plain and event.key() in (*MOVES, *SELECT, *TOGGLE)


class KeyCursor(pg.GraphicsObject):
    """A frame around one cell and a line through its row; hidden until a key is used."""

    def __init__(self) -> None:
        super().__init__()
        self.column = self.row = 0
        self.setZValue(100)
        self.hide()

    def move(self, key: int, columns: tuple[int, int], rows: int) -> None:
        """Go where a key of ``MOVES`` leads, within columns first to last - 1 and the rows."""
        right, down = MOVES[key]
        self.go(self.column + right, self.row + down, columns, rows)

    def go(self, column: float, row: float, columns: tuple[int, int], rows: int) -> None:
        """Go to a cell, or the nearest that there is."""
        first, last = columns
        self.column = int(min(max(column, first), last - 1))
        self.row = int(min(max(row, 0), rows - 1))
        self.update()

    def middle(self) -> QPointF:
        """Return the middle of the cell."""
        return QPointF(self.column + 0.5, self.row + 0.5)

    def boundingRect(self) -> QRectF:  # noqa: N802  Qt override
        return self.viewRect() or QRectF()

    def viewTransformChanged(self) -> None:  # noqa: N802  override
        super().viewTransformChanged()
        self.prepareGeometryChange()

    def paint(
        self,
        painter: QPainter,
        option: QStyleOptionGraphicsItem,
        widget: QWidget | None = None,
    ) -> None:
        view = self.viewRect()
        if view is None:
            return
        to_device = painter.worldTransform()
        painter.resetTransform()  # as large in pixels at every zoom
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
        area = to_device.mapRect(view)
        cell = to_device.mapRect(QRectF(self.column, self.row, 1, 1))
        spare = SMALLEST - cell.width(), SMALLEST - cell.height()
        wide, high = (max(0.0, each) / 2 + 1 for each in spare)
        cell.adjust(-wide, -high, wide, high)
        middle = cell.center().y()
        painter.setPen(QPen(theme.color("accent"), 1))
        painter.drawLine(QPointF(area.left(), middle), QPointF(cell.left(), middle))
        painter.drawLine(QPointF(cell.right(), middle), QPointF(area.right(), middle))
        for token, width in (("surface", 4), ("accent", 2)):
            painter.setPen(QPen(theme.color(token), width))
            painter.drawRect(cell)
        painter.setWorldTransform(to_device)
