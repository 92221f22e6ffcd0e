"""Contact sheet of a sweep: one tile of sharp pictures for each cell, with the axes' values."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, isqrt

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPoint, QRect, QSize, Qt, Signal, Slot
from PySide6.QtGui import QFontMetrics, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QAbstractScrollArea, QFrame, QWidget

from spikestudio.app import theme
from spikestudio.app.plots.axes import hatch_brush
from spikestudio.app.plots.tiles import to_qimage
from spikestudio.language import tr

GAP, MARGIN = 6, 4
LEAST_TILE = 40  # pixels: smaller ones say nothing, the sheet scrolls instead
WIDEST_LABEL = 120
COUNTS = (9, 6, 4, 2, 1)  # images of one cell, as many as there is room for

Images = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class SheetCell:
    """One tile: the pictures ``[N, H, W, C]``, or what is said in their place."""

    index: int
    label: str  # whole, for the tooltip and for who cannot see it
    images: Images | None
    text: str = ""
    token: str = "muted"


@dataclass(frozen=True, slots=True)
class Sheet:
    """Tiles by row and column; a sheet without ``rows`` is of one axis, and is folded."""

    across: str
    down: str
    columns: tuple[str, ...]
    rows: tuple[str, ...]
    cells: tuple[SheetCell, ...]
    shape: tuple[int, int]  # height and width of an image
    shown: int  # images of a cell that are given
    num: int  # that there are


class SweepSheet(QAbstractScrollArea):
    """Shows a ``Sheet``; click or Enter on a tile, arrow keys move from tile to tile."""

    chosen = Signal(int)  # position among the sheet's cells

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMinimumSize(theme.px(160), theme.px(120))
        self.setAccessibleName(tr("Contact sheet of the sweep"))
        self.viewport().setAutoFillBackground(False)
        self.viewport().setMouseTracking(True)
        self.sheet: Sheet | None = None
        self.current: int | None = None
        self.tile = QSize()
        self.shown = 1  # images in every tile
        self._num_columns = 1
        self._left = 0
        self._scale = 1
        self._pictures: dict[int, tuple[Images, NDArray[np.uint8]]] = {}
        theme.manager.changed.connect(self._arrange)

    def set_sheet(self, sheet: Sheet, current: int | None) -> None:
        """Show a sheet, with one of its tiles framed."""
        before = self.sheet
        self.sheet, self.current = sheet, current
        key = (sheet.columns, sheet.rows, sheet.shape, sheet.num)
        if before is None or key != (before.columns, before.rows, before.shape, before.num):
            self._pictures.clear()
            self._arrange()
        self._describe()
        self.viewport().update()

    def tile_rect(self, position: int) -> QRect:
        """Return where the tile of a cell is in the viewport."""
        row, column = divmod(position, self._num_columns)
        pitch = self.tile + QSize(theme.px(GAP), self._row_height() - self.tile.height())
        x = theme.px(MARGIN) + self._left + column * pitch.width()
        y = self._top() + row * pitch.height()
        shift = QPoint(self.horizontalScrollBar().value(), self.verticalScrollBar().value())
        return QRect(QPoint(x, y) - shift, self.tile)

    # arrangement ----------------------------------------------------------------------------

    def _line(self) -> int:
        return QFontMetrics(theme.font("axis")).height() + theme.px(2)

    @property
    def _is_folded(self) -> bool:
        return self.sheet is not None and not self.sheet.rows

    def _top(self) -> int:
        return theme.px(MARGIN) + self._line() * 2

    def _row_height(self) -> int:
        """Height of a tile with what is around it; a folded sheet has labels above each."""
        return self.tile.height() + theme.px(GAP) + (self._line() if self._is_folded else 0)

    @Slot()
    def _arrange(self) -> None:
        """Choose as many images for each tile, then as large ones, as all columns have room for."""
        sheet = self.sheet
        if sheet is None:
            return
        metrics = QFontMetrics(theme.font("axis"))
        names = (_downwards(sheet), *sheet.rows) if sheet.rows else ()
        widest = max((metrics.horizontalAdvance(each) for each in names), default=0)
        self._left = min(widest, theme.px(WIDEST_LABEL)) + (theme.px(8) if names else 0)
        width = self.viewport().width() - self._left - 2 * theme.px(MARGIN)
        height = self.viewport().height() - self._top()
        number = len(sheet.columns)
        self.shown, self._scale = 1, 0
        for shown in sorted({sheet.shown, *COUNTS}, reverse=True):
            if shown <= sheet.shown:
                scale = self._largest(sheet, shown, width, height)
                if scale:
                    self.shown, self._scale = shown, scale
                    break
        least = ceil(theme.px(LEAST_TILE) / max(sheet.shape))
        self._scale = max(self._scale, least if self.shown == 1 else 1)
        self.tile = self._tile(sheet, self.shown, self._scale)
        room = max(1, (width + theme.px(GAP)) // (self.tile.width() + theme.px(GAP)))
        self._num_columns = min(number, room) if self._is_folded else number
        self._set_bars()
        self.viewport().update()

    def _largest(self, sheet: Sheet, shown: int, width: int, height: int) -> int:
        """Return the largest scale at which all tiles are in sight; 0 if there is none."""
        for scale in range(12, 0, -1):
            tile = self._tile(sheet, shown, scale)
            if min(tile.width(), tile.height()) < theme.px(LEAST_TILE):
                return 0
            pitch = tile.width() + theme.px(GAP)
            columns = max(1, (width + theme.px(GAP)) // pitch)
            if sheet.rows:
                rows, fits = len(sheet.rows), columns >= len(sheet.columns)
            else:
                rows, fits = ceil(len(sheet.columns) / columns), columns * pitch <= width + pitch
            line = 0 if sheet.rows else self._line()
            if fits and rows * (tile.height() + theme.px(GAP) + line) <= height:
                return scale
        return 0

    @staticmethod
    def _tile(sheet: Sheet, shown: int, scale: int) -> QSize:
        columns = isqrt(shown - 1) + 1
        rows = ceil(shown / columns)
        height, width = sheet.shape
        return QSize(columns * (width + 1) - 1, rows * (height + 1) - 1) * scale

    def _set_bars(self) -> None:
        if self.sheet is None:
            return
        rows = len(self.sheet.rows) or ceil(len(self.sheet.columns) / self._num_columns)
        width = self._left + 2 * theme.px(MARGIN)
        width += self._num_columns * (self.tile.width() + theme.px(GAP)) - theme.px(GAP)
        height = self._top() + rows * self._row_height()
        view = self.viewport().size()
        for bar, length, room in (
            (self.horizontalScrollBar(), width, view.width()),
            (self.verticalScrollBar(), height, view.height()),
        ):
            bar.setRange(0, max(0, length - room))
            bar.setPageStep(room)
            bar.setSingleStep(theme.px(40))

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802  Qt override
        super().resizeEvent(event)
        self._arrange()

    # drawing --------------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802  Qt override
        painter = QPainter(self.viewport())
        sheet = self.sheet
        if sheet is None:
            return
        painter.setFont(theme.font("axis"))
        for position, cell in enumerate(sheet.cells):
            tile = self.tile_rect(position)
            around = tile.adjusted(-4, -self._line() - 4, 4, 4)
            if around.intersects(event.rect()):
                self._paint_tile(painter, cell, tile)
                if self._is_folded:
                    above = QRect(
                        tile.left(), tile.top() - self._line(), tile.width(), self._line()
                    )
                    self._text(painter, above, sheet.columns[position], "text")
                if position == self.current:
                    self._paint_frame(painter, tile)
        self._paint_heads(painter, sheet)

    def _paint_heads(self, painter: QPainter, sheet: Sheet) -> None:
        """Draw the names and values of the axes; they stay when the tiles are scrolled."""
        line, margin = self._line(), theme.px(MARGIN)
        width = self.viewport().width()
        surface = theme.color("surface")
        if self._is_folded:
            painter.fillRect(0, 0, width, line + margin, surface)
            self._text(
                painter, QRect(margin, 0, width - margin, line), self._across(sheet), "muted"
            )
            return
        painter.fillRect(0, 0, width, self._top() - 2, surface)
        left = margin + self._left
        painter.fillRect(0, 0, left - 2, self.viewport().height(), surface)
        name = QRect(left, 0, width - left, line)
        self._text(painter, name, self._across(sheet), "muted")
        down = QRect(margin, line, self._left - theme.px(4), line)
        self._text(painter, down, _downwards(sheet), "muted")
        for column, text in enumerate(sheet.columns):
            tile = self.tile_rect(column)
            if tile.right() > left:
                place = QRect(tile.left(), line, tile.width(), line)
                painter.setClipRect(left, 0, width, self._top())
                self._text(painter, place, text, "text")
        painter.setClipRect(0, self._top() - 2, width, self.viewport().height())
        for row, text in enumerate(sheet.rows):
            tile = self.tile_rect(row * self._num_columns)
            place = QRect(margin, tile.top(), self._left - theme.px(8), tile.height())
            self._text(painter, place, text, "text", Qt.AlignmentFlag.AlignRight)

    def _across(self, sheet: Sheet) -> str:
        """Return the name of the first axis, with how many images of each cell are in sight."""
        count = (
            tr(
                "   ({shown} of {sheet_num:,} images of each)",
                shown=self.shown,
                sheet_num=sheet.num,
            )
            if self.shown < sheet.num
            else ""
        )
        return f"{sheet.across} \N{RIGHTWARDS ARROW}{count}"

    def _paint_tile(self, painter: QPainter, cell: SheetCell, tile: QRect) -> None:
        picture = self._picture(cell)
        if picture is not None:
            painter.drawImage(tile, to_qimage(picture))
            return
        painter.fillRect(tile, hatch_brush())
        painter.setPen(theme.color(cell.token))
        painter.drawRect(tile.adjusted(0, 0, -1, -1))
        if cell.text:
            metrics = painter.fontMetrics()
            text = metrics.elidedText(cell.text, Qt.TextElideMode.ElideRight, tile.width() - 6)
            box = metrics.boundingRect(text).adjusted(-3, -1, 3, 1)
            box.moveCenter(tile.center())
            painter.fillRect(box, theme.color("surface"))
            painter.drawText(box, Qt.AlignmentFlag.AlignCenter, text)

    def _paint_frame(self, painter: QPainter, tile: QRect) -> None:
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.color("accent"))
        outer = tile.adjusted(-3, -3, 3, 3)
        for edge in (
            QRect(outer.left(), outer.top(), outer.width(), 3),
            QRect(outer.left(), tile.bottom() + 1, outer.width(), 3),
            QRect(outer.left(), outer.top(), 3, outer.height()),
            QRect(tile.right() + 1, outer.top(), 3, outer.height()),
        ):
            painter.drawRect(edge)
        painter.setBrush(Qt.BrushStyle.NoBrush)

    def _picture(self, cell: SheetCell) -> NDArray[np.uint8] | None:
        """Return the images of a tile as one picture; composed once."""
        if cell.images is None:
            return None
        kept = self._pictures.get(cell.index)
        if kept is None or kept[0] is not cell.images or kept[1].shape[:2] != self._unscaled():
            kept = cell.images, montage(cell.images[: self.shown], self._unscaled())
            self._pictures[cell.index] = kept
        return kept[1]

    def _unscaled(self) -> tuple[int, int]:
        return self.tile.height() // self._scale, self.tile.width() // self._scale

    def _text(
        self,
        painter: QPainter,
        place: QRect,
        text: str,
        token: str,
        flags: Qt.AlignmentFlag = Qt.AlignmentFlag.AlignLeft,
    ) -> None:
        elided = painter.fontMetrics().elidedText(
            text, Qt.TextElideMode.ElideRight, max(0, place.width())
        )
        painter.setPen(theme.color(token))
        painter.drawText(place, flags | Qt.AlignmentFlag.AlignVCenter, elided)

    # mouse and keyboard ---------------------------------------------------------------------

    def cell_at(self, where: QPoint) -> int | None:
        """Return the position of the cell at a place of the viewport."""
        number = len(self.sheet.cells) if self.sheet else 0
        return next((k for k in range(number) if self.tile_rect(k).contains(where)), None)

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802  Qt override
        position = self.cell_at(event.position().toPoint())
        if event.button() == Qt.MouseButton.LeftButton and position is not None:
            self._go(position)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802  Qt override
        position = self.cell_at(event.position().toPoint())
        tip = "" if position is None or self.sheet is None else self.sheet.cells[position].label
        self.viewport().setToolTip(tip)

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802  Qt override
        moves = {
            Qt.Key.Key_Left: -1,
            Qt.Key.Key_Right: 1,
            Qt.Key.Key_Up: -self._num_columns,
            Qt.Key.Key_Down: self._num_columns,
        }
        move = moves.get(Qt.Key(event.key()))
        if move is None or self.sheet is None:
            super().keyPressEvent(event)
            return
        position = 0 if self.current is None else self.current + move
        if 0 <= position < len(self.sheet.cells):
            self._go(position)

    def _go(self, position: int) -> None:
        self.current = position
        tile, view = self.tile_rect(position), self.viewport().rect()
        left, top = theme.px(MARGIN) + self._left, self._top()
        for bar, low, high, start, end in (
            (self.horizontalScrollBar(), tile.left(), tile.right(), left, view.right()),
            (self.verticalScrollBar(), tile.top(), tile.bottom(), top, view.bottom()),
        ):
            if low < start:
                bar.setValue(bar.value() - (start - low))
            elif high > end:
                bar.setValue(bar.value() + high - end)
        self._describe()
        self.viewport().update()
        self.chosen.emit(position)

    def _describe(self) -> None:
        if self.sheet is not None and self.current is not None:
            self.setAccessibleDescription(self.sheet.cells[self.current].label)


def _downwards(sheet: Sheet) -> str:
    return f"{sheet.down} \N{DOWNWARDS ARROW}"


def montage(images: Images, size: tuple[int, int]) -> NDArray[np.uint8]:
    """Return images ``[N, H, W, C]`` side by side in a picture of this height and width."""
    number, height, width, channels = images.shape
    picture = np.zeros((*size, channels), np.uint8)
    picture[:] = 128
    columns = max(1, (size[1] + 1) // (width + 1))
    for k in range(number):
        row, column = divmod(k, columns)
        y, x = row * (height + 1), column * (width + 1)
        if y + height <= size[0]:
            picture[y : y + height, x : x + width] = images[k]
    return picture
