"""A token map in whole-pixel cells, and beside it the image that it stands for."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QEvent, QLineF, QPoint, QRect, QRectF, QSize, QSizeF, Qt, Signal, Slot
from PySide6.QtGui import QColor, QFocusEvent, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QWidget

from spikestudio.app import theme
from spikestudio.app.plots.axes import hatch_brush
from spikestudio.app.plots.outlines import CASINGS
from spikestudio.app.plots.pixel_keys import MOVES
from spikestudio.app.plots.tiles import to_qimage
from spikestudio.app.plots.token_marks import Cell, cells_between, cells_on_line, paint_edits
from spikestudio.language import tr

SMALLEST_PRINTED = 24  # side of a cell from which on its id is printed


@dataclass(frozen=True, slots=True)
class TokenPicture:
    """What one frame shows; maps are ``[h, w]``.

    Where the image is not known but its ``size`` is, its place is hatched; ``heading`` says why.
    """

    ids: NDArray[np.int32]
    is_masked: NDArray[np.bool_]
    is_new: NDArray[np.bool_]  # revealed in the newest step
    colors: NDArray[np.uint8]  # [h, w, 3], ignored where masked or not known
    decoded: NDArray[np.uint8] | None  # [H, W, C]
    is_unknown: NDArray[np.bool_] | None = None  # revealed, but what the colours mean was not kept
    size: tuple[int, int] | None = None  # height and width of the decoded image
    heading: str = tr("decoded")
    is_pinned: NDArray[np.bool_] | None = None  # keeps its token to the end
    is_painted: NDArray[np.bool_] | None = None  # by an edit that is not yet done
    is_cleared: NDArray[np.bool_] | None = None  # likewise
    map_heading: str = tr("tokens")

    @property
    def image_size(self) -> tuple[int, int] | None:
        """Height and width of the image or of its place."""
        if self.decoded is None:
            return self.size
        height, width, _ = self.decoded.shape
        return height, width


class TokenMap(QWidget):
    """Draws the map and the decoded image at the same size, on whole device pixels.

    ``marked`` cells are outlined, and the ``pointed`` one has a mark in its corners. The arrow keys
    point at cells, Enter is a click. While ``is_editing`` a click or a drag is a stroke instead: over
    the cells on its way, or over a rectangle with Shift.
    """

    hovered = Signal(object)  # a Cell, None when over none
    clicked = Signal(object)  # a Cell
    brushed = Signal(object, bool)  # all Cells of a stroke so far, and whether it begins

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMinimumSize(theme.px(120), theme.px(80))
        self.picture: TokenPicture | None = None
        self.marked: NDArray[np.bool_] | None = None  # [h, w]
        self.pointed: Cell | None = None
        self.is_editing = False
        self._stroke: list[Cell] = []  # empty: none is being made
        theme.manager.changed.connect(self._restyle)

    def set_picture(self, picture: TokenPicture | None) -> None:
        """Show a frame."""
        self.picture = picture
        self.update()

    def set_marked(self, marked: NDArray[np.bool_] | None) -> None:
        """Outline these cells ``[h, w]``, as a light layer over the picture."""
        self.marked = marked
        self.update()

    def set_pointed(self, cell: Cell | None) -> None:
        """Mark the cell that is told about elsewhere."""
        if cell != self.pointed:
            self.pointed = cell
            self.update()

    def set_editing(self, *, is_editing: bool) -> None:
        """Take clicks and drags as strokes, or no longer."""
        self.is_editing, self._stroke = is_editing, []
        if is_editing:
            self.setCursor(Qt.CursorShape.CrossCursor)
        else:
            self.unsetCursor()

    def cell_rect(self, row: int, column: int) -> QRectF:
        """Return where a cell is, in the widget's coordinates."""
        ratio, at = self.devicePixelRatioF(), self._placement()
        side = at.cell / ratio
        corner = at.map_corner.toPointF() / ratio
        return QRectF(corner.x() + column * side, corner.y() + row * side, side, side)

    def image_rect(self) -> QRectF:
        """Return where the decoded image is, or would be, in the widget's coordinates."""
        assert self.picture is not None
        assert self.picture.image_size is not None
        ratio, at = self.devicePixelRatioF(), self._placement()
        height, width = self.picture.image_size
        size = QSizeF(width, height) * at.image_scale / ratio
        return QRectF(at.image_corner.toPointF() / ratio, size)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802  Qt override
        if self.picture is None:
            return
        painter = QPainter(self)
        ratio, at = self.devicePixelRatioF(), self._placement()
        painter.scale(1 / ratio, 1 / ratio)  # whole device pixels also on fractional displays
        self._paint_heading(painter, at.map_corner, self.picture.map_heading, ratio)
        self._paint_cells(painter, at, ratio)
        self._paint_marks(painter, at, ratio)
        paint_edits(painter, self.picture, at.map_corner, at.cell, ratio)
        if self.picture.image_size is None:
            return
        height, width = self.picture.image_size
        target = QRect(at.image_corner, QSize(width, height) * at.image_scale)
        self._paint_heading(painter, at.image_corner, self.picture.heading, ratio)
        if self.picture.decoded is None:
            painter.fillRect(target, hatch_brush())
        else:
            painter.drawImage(target, to_qimage(self.picture.decoded))

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802  Qt override
        cell = self._cell_at(event.position().toPoint())
        self.hovered.emit(cell)
        if self._stroke and cell is not None and cell != self._stroke[-1]:
            if event.modifiers() & Qt.KeyboardModifier.ShiftModifier:
                self._stroke = [self._stroke[0], *cells_between(self._stroke[0], cell), cell]
            else:
                self._stroke += cells_on_line(self._stroke[-1], cell)
            self.brushed.emit(tuple(dict.fromkeys(self._stroke)), False)

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802  Qt override
        cell = self._cell_at(event.position().toPoint())
        if cell is None or event.button() != Qt.MouseButton.LeftButton:
            return
        if self.is_editing:
            self._stroke = [cell]
            self.brushed.emit((cell,), True)
        else:
            self.clicked.emit(cell)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:  # noqa: N802  Qt override
        if event.button() == Qt.MouseButton.LeftButton:
            self._stroke = []

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802  Qt override
        key = Qt.Key(event.key())
        is_plain = event.modifiers() in (
            Qt.KeyboardModifier.NoModifier,
            Qt.KeyboardModifier.KeypadModifier,
        )
        if self.picture is None or not is_plain:
            super().keyPressEvent(event)
        elif key in MOVES:
            self.hovered.emit(self._moved(*MOVES[key]))
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self.pointed is not None:
            if self.is_editing:
                self.brushed.emit((self.pointed,), True)
            else:
                self.clicked.emit(self.pointed)
        else:
            super().keyPressEvent(event)

    def focusOutEvent(self, event: QFocusEvent) -> None:  # noqa: N802  Qt override
        super().focusOutEvent(event)
        self.hovered.emit(None)

    def _moved(self, down: int, right: int) -> Cell:
        assert self.picture is not None
        rows, columns = self.picture.ids.shape
        if self.pointed is None:
            return rows // 2, columns // 2
        row, column = self.pointed
        return min(max(row + down, 0), rows - 1), min(max(column + right, 0), columns - 1)

    def leaveEvent(self, event: QEvent) -> None:  # noqa: N802  Qt override
        super().leaveEvent(event)
        self.hovered.emit(None)

    def _paint_heading(self, painter: QPainter, corner: QPoint, text: str, ratio: float) -> None:
        font = theme.font("caption")
        font.setPixelSize(round(font.pixelSize() * ratio))
        painter.setFont(font)
        painter.setPen(theme.color("muted"))
        room = int(self.width() * ratio) - corner.x()
        text = painter.fontMetrics().elidedText(text, Qt.TextElideMode.ElideRight, room)
        above = QRect(corner - QPoint(0, self._heading()), QSize(room, self._heading()))
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
            is_unknown = picture.is_unknown is not None and picture.is_unknown[row, column]
            color = QColor(*picture.colors[row, column].tolist())
            painter.fillRect(cell, theme.color("raised") if is_unknown else color)
            if at.cell >= theme.px(SMALLEST_PRINTED) * ratio:
                painter.setPen(theme.color("muted") if is_unknown else _ink(color))
                painter.drawText(cell, middle, str(token))
            if picture.is_new[row, column]:
                painter.setPen(new_pen)
                painter.drawRect(cell.adjusted(1, 1, -1, -1))

    def _paint_marks(self, painter: QPainter, at: _Placement, ratio: float) -> None:
        thin = max(1, round(ratio))
        cells = [] if self.marked is None else np.argwhere(self.marked).tolist()
        for row, column in cells:
            corner = at.map_corner + QPoint(column * at.cell, row * at.cell)
            box = QRect(corner, QSize(at.cell - 1, at.cell - 1)).adjusted(
                2 * thin, 2 * thin, -2 * thin, -2 * thin
            )
            for color, width in (
                (QColor(CASINGS[theme.manager.mode]), 5 * thin),
                (theme.color("accent"), 2 * thin),
            ):
                pen = QPen(color, width)
                pen.setJoinStyle(Qt.PenJoinStyle.MiterJoin)
                painter.setPen(pen)
                painter.drawRect(box)
        if self.pointed is not None:
            self._paint_corners(painter, at, self.pointed, thin)

    def _paint_corners(self, painter: QPainter, at: _Placement, cell: Cell, thin: int) -> None:
        """Draw the four corners of a frame just outside a cell."""
        corner = at.map_corner + QPoint(cell[1] * at.cell, cell[0] * at.cell)
        box = QRect(corner, QSize(at.cell - 1, at.cell - 1)).adjusted(-thin, -thin, thin, thin)
        length = max(3, at.cell // 4)
        lines = [
            QLineF(x, y, x + across, y + along)
            for x, right in ((box.left(), length), (box.right(), -length))
            for y, down in ((box.top(), length), (box.bottom(), -length))
            for across, along in ((right, 0), (0, down))
        ]
        for color, width in (
            (QColor(CASINGS[theme.manager.mode]), 4 * thin),
            (theme.color("text"), 2 * thin),
        ):
            painter.setPen(QPen(color, width))
            painter.drawLines(lines)

    def _cell_at(self, where: QPoint) -> Cell | None:
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
        image_size = self.picture.image_size
        if image_size is None:
            cell = max(1, min(width // columns, (height - heading) // rows))
            left = (width - columns * cell) // 2
            top = heading + max(0, (height - heading - rows * cell) // 2)
            return _Placement(QPoint(left, top), QPoint(), cell, 1)
        gap = int(theme.px(24) * ratio)
        beside = min((width - gap) // 2, height - heading)
        below = min(width, (height - gap) // 2 - heading)
        side = max(1, beside, below)
        image_height, image_width = image_size
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


def _ink(color: QColor) -> Qt.GlobalColor:
    """Return black or white, whichever is read better on a colour."""
    luma = 0.299 * color.red() + 0.587 * color.green() + 0.114 * color.blue()
    return Qt.GlobalColor.black if luma > 128 else Qt.GlobalColor.white


@dataclass(frozen=True, slots=True)
class _Placement:
    """Where things are, in device pixels."""

    map_corner: QPoint
    image_corner: QPoint
    cell: int
    image_scale: int
