"""What is drawn over a token map for edits and locked cells, and the cells of a stroke."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPoint, QPointF, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QPainter, QPen, QPolygonF

from spikestudio.app import theme
from spikestudio.app.widgets.icons import icon

Cell = tuple[int, int]  # row, column
SMALLEST_PINNED = 11  # side of a cell from which on a pin is drawn in it; a dot in smaller ones


class Edited(Protocol):
    """Maps ``[h, w]`` of what is marked, None where nothing is."""

    @property
    def is_pinned(self) -> NDArray[np.bool_] | None: ...
    @property
    def is_painted(self) -> NDArray[np.bool_] | None: ...
    @property
    def is_cleared(self) -> NDArray[np.bool_] | None: ...


def paint_edits(
    painter: QPainter, picture: Edited, corner: QPoint, side: int, ratio: float
) -> None:
    """Mark painted, cleared and locked cells; ``corner`` and ``side`` are in device pixels."""
    painter.save()
    thin = max(1, round(ratio))
    accent, surface = theme.color("accent"), theme.color("surface")
    for box in _boxes(picture.is_painted, corner, side):
        size = max(4, side // 3)
        at = QPointF(box.left(), box.top())
        for extra, color in ((2 * thin, surface), (0, accent)):
            reach = size + extra
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(color)
            painter.drawPolygon(QPolygonF([at, at + QPointF(reach, 0), at + QPointF(0, reach)]))
    painter.setBrush(Qt.BrushStyle.NoBrush)
    for box in _boxes(picture.is_cleared, corner, side):
        inner = box.adjusted(thin, thin, -thin, -thin)
        for color, style in ((surface, Qt.PenStyle.SolidLine), (accent, Qt.PenStyle.DashLine)):
            pen = QPen(color, 2 * thin, style)
            pen.setJoinStyle(Qt.PenJoinStyle.MiterJoin)
            painter.setPen(pen)
            painter.drawRect(inner)
    pin = icon("mdi6.pin", "text")
    for box in _boxes(picture.is_pinned, corner, side):
        size = max(5, min(round(0.4 * side), round(16 * ratio)))
        disc = QRectF(box.right() + 1 - size, box.top(), size, size)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(surface if side >= SMALLEST_PINNED * ratio else theme.color("text"))
        painter.drawRect(disc)
        if side >= SMALLEST_PINNED * ratio:
            pin.paint(painter, disc.toRect())
    painter.restore()


def _boxes(cells: NDArray[np.bool_] | None, corner: QPoint, side: int) -> list[QRect]:
    if cells is None:
        return []
    return [
        QRect(corner + QPoint(column * side, row * side), QSize(side - 1, side - 1))
        for row, column in np.argwhere(cells).tolist()
    ]


def cells_on_line(first: Cell, last: Cell) -> list[Cell]:
    """Return the cells on the way to ``last``: a fast pointer skips some."""
    steps = max(abs(last[0] - first[0]), abs(last[1] - first[1]))
    rows, columns = (
        np.rint(np.linspace(*ends, steps + 1)) for ends in zip(first, last, strict=True)
    )
    return [(int(row), int(column)) for row, column in zip(rows[1:], columns[1:], strict=True)]


def cells_between(first: Cell, last: Cell) -> list[Cell]:
    """Return the cells of the rectangle with these corners."""
    (top, bottom), (left, right) = (sorted(ends) for ends in zip(first, last, strict=True))
    return [(row, column) for row in range(top, bottom + 1) for column in range(left, right + 1)]
