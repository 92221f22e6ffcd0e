"""A token map in whole-pixel cells, and beside it the image that it stands for."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QEvent, QPoint, QRect, QRectF, QSize, QSizeF, Qt, Signal, Slot
from PySide6.QtGui import QColor, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QWidget

from spikestudio.app import theme
from spikestudio.app.plots.axes import hatch_brush
from spikestudio.app.plots.tiles import to_qimage

SMALLEST_PRINTED = 24  # side of a cell from which on its id is printed


@dataclass(frozen=True, slots=True)
class TokenPicture:
    """What one frame shows; maps are ``[h, w]``."""

    ids: NDArray[np.int32]
    is_masked: NDArray[np.bool_]
    is_new: NDArray[np.bool_]  # revealed in the newest step
    colors: NDArray[np.uint8]  # [h, w, 3], ignored where masked
    decoded: NDArray[np.uint8] | None  # [H, W, C]


class TokenMap(QWidget):
    """Draws the map and the decoded image at the same size, on whole device pixels."""

    hovered = Signal(object)  # (row, column), None when over no cell

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setMouseTracking(True)
        self.setMinimumSize(theme.px(120), theme.px(80))
        self.picture: TokenPicture | None = None
        theme.manager.changed.connect(self._restyle)

    def set_picture(self, picture: TokenPicture | None) -> None:
        """Show a frame."""
        self.picture = picture
        self.update()

    def cell_rect(self, row: int, column: int) -> QRectF:
        """Return where a cell is, in the widget's coordinates."""
        ratio, at = self.devicePixelRatioF(), self._placement()
        side = at.cell / ratio
        corner = at.map_corner.toPointF() / ratio
        return QRectF(corner.x() + column * side, corner.y() + row * side, side, side)

    def image_rect(self) -> QRectF:
        """Return where the decoded image is, in the widget's coordinates."""
        assert self.picture is not None
        assert self.picture.decoded is not None
        ratio, at = self.devicePixelRatioF(), self._placement()
        height, width, _ = self.picture.decoded.shape
        size = QSizeF(width, height) * at.image_scale / ratio
        return QRectF(at.image_corner.toPointF() / ratio, size)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802  Qt override
        if self.picture is None:
            return
        painter = QPainter(self)
        ratio, at = self.devicePixelRatioF(), self._placement()
        painter.scale(1 / ratio, 1 / ratio)  # whole device pixels also on fractional displays
        self._paint_heading(painter, at.map_corner, "tokens", ratio)
        self._paint_cells(painter, at, ratio)
        if self.picture.decoded is not None:
            self._paint_heading(painter, at.image_corner, "decoded", ratio)
            height, width, _ = self.picture.decoded.shape
            size = QSize(width * at.image_scale, height * at.image_scale)
            painter.drawImage(QRect(at.image_corner, size), to_qimage(self.picture.decoded))

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802  Qt override
        self.hovered.emit(self._cell_at(event.position().toPoint()))

    def leaveEvent(self, event: QEvent) -> None:  # noqa: N802  Qt override
        super().leaveEvent(event)
        self.hovered.emit(None)

    def _paint_heading(self, painter: QPainter, corner: QPoint, text: str, ratio: float) -> None:
        font = theme.font("caption")
        font.setPixelSize(round(font.pixelSize() * ratio))
        painter.setFont(font)
        painter.setPen(theme.color("muted"))
        above = QRect(corner - QPoint(0, self._heading()), QSize(2**15, self._heading()))
        painter.drawText(above, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop, text)

    def _paint_cells(self, painter: QPainter, at: _Placement, ratio: float) -> None:
        assert self.picture is not None
        font = theme.font("axis")
        font.setPixelSize(round(font.pixelSize() * ratio))
        painter.setFont(font)
        hatch, new_pen = hatch_brush(), QPen(theme.color("text"), max(2, round(2 * ratio)))
        new_pen.setJoinStyle(Qt.PenJoinStyle.MiterJoin)
        picture, middle = self.picture, Qt.AlignmentFlag.AlignCenter
        for (row, column), token in np.ndenumerate(picture.ids):
            corner = at.map_corner + QPoint(column * at.cell, row * at.cell)
            cell = QRect(corner, QSize(at.cell - 1, at.cell - 1))  # 1 pixel between cells
            if picture.is_masked[row, column]:
                painter.fillRect(cell, hatch)
                continue
            red, green, blue = (int(part) for part in picture.colors[row, column])
            painter.fillRect(cell, QColor(red, green, blue))
            if at.cell >= theme.px(SMALLEST_PRINTED) * ratio:
                is_light = 0.299 * red + 0.587 * green + 0.114 * blue > 128
                painter.setPen(Qt.GlobalColor.black if is_light else Qt.GlobalColor.white)
                painter.drawText(cell, middle, str(token))
            if picture.is_new[row, column]:
                painter.setPen(new_pen)
                painter.drawRect(cell.adjusted(1, 1, -1, -1))

    def _cell_at(self, where: QPoint) -> tuple[int, int] | None:
        if self.picture is None:
            return None
        ratio, at = self.devicePixelRatioF(), self._placement()
        column = int((where.x() * ratio - at.map_corner.x()) // at.cell)
        row = int((where.y() * ratio - at.map_corner.y()) // at.cell)
        rows, columns = self.picture.ids.shape
        return (row, column) if 0 <= row < rows and 0 <= column < columns else None

    def _placement(self) -> _Placement:
        """Place map and image beside or below each other, whichever makes them larger."""
        assert self.picture is not None
        ratio, heading = self.devicePixelRatioF(), self._heading()
        width, height = int(self.width() * ratio), int(self.height() * ratio)
        rows, columns = self.picture.ids.shape
        decoded = self.picture.decoded
        if decoded is None:
            cell = max(1, min(width // columns, (height - heading) // rows))
            left = (width - columns * cell) // 2
            top = heading + max(0, (height - heading - rows * cell) // 2)
            return _Placement(QPoint(left, top), QPoint(), cell, 1)
        gap = int(theme.px(24) * ratio)
        beside = min((width - gap) // 2, height - heading)
        below = min(width, (height - gap) // 2 - heading)
        side = max(1, beside, below)
        image_height, image_width, _ = decoded.shape
        scale = max(1, side // max(image_height, image_width))
        per_cell, rest = divmod(image_height, rows)
        cell = scale * per_cell if rest == 0 else max(1, side // max(rows, columns))
        if side < image_height:  # no room for even one pixel per pixel: only the map shrinks
            cell = max(1, side // max(rows, columns))
        step = QPoint(columns * cell + gap, 0)
        if below > beside:
            step = QPoint(0, rows * cell + gap + heading)
        used = QPoint(step.x() + image_width * scale, heading + step.y() + image_height * scale)
        left = max(0, (width - (used.x() if step.x() else columns * cell)) // 2)
        corner = QPoint(left, heading + max(0, (height - used.y()) // 2))
        return _Placement(corner, corner + step, cell, scale)

    def _heading(self) -> int:
        return round(theme.px(20) * self.devicePixelRatioF())

    @Slot()
    def _restyle(self) -> None:
        self.update()


@dataclass(frozen=True, slots=True)
class _Placement:
    """Where things are, in device pixels."""

    map_corner: QPoint
    image_corner: QPoint
    cell: int
    image_scale: int
