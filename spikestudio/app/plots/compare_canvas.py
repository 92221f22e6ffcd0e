"""Pictures of two runs: beside each other, over each other with a divider, or their difference."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PySide6.QtCore import QPoint, QRect, QSize, Qt, Signal
from PySide6.QtGui import QKeyEvent, QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QWidget

from spikestudio.app import theme
from spikestudio.app.plots.axes import hatch_brush
from spikestudio.app.plots.compare_pictures import IsLate, Picture, Pictures
from spikestudio.app.plots.panels_area import PanelsArea
from spikestudio.app.plots.tiles import to_qimage

HANDLE = 5  # half the width of the divider's handle
NUDGE = 0.05  # of the tile that a key moves the divider
Pixel = tuple[int, int, int]  # image, row, column


@dataclass(frozen=True, slots=True, eq=False)
class ComparePanel:
    """One grid: a heading, its pictures, and those that lie over them right of the divider.

    Without pictures the tiles are hatched. ``over_title`` is the heading at the right.
    """

    title: str
    pictures: Pictures | None
    over: Pictures | None = None
    over_title: str = ""


class CompareCanvas(PanelsArea):
    """One or two panels of the same images; they scroll together and paint only what is in sight."""

    clicked = Signal(int)  # an image
    dividerMoved = Signal(float)  # noqa: N815

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setMinimumSize(theme.px(120), theme.px(96))
        self.panels: tuple[ComparePanel, ...] = ()
        self.images = range(0)
        self.size_of_image = (1, 1)  # height, width
        self.divider = 0.5
        self._selected = 0

    def shape(self) -> tuple[int, int, int, int]:
        return len(self.panels), len(self.images), *self.size_of_image

    def set_panels(
        self, panels: tuple[ComparePanel, ...], images: range, size: tuple[int, int], selected: int
    ) -> None:
        """Show these images of the batch, each ``size`` pixels high and wide, one of them framed."""
        before = (len(self.panels), self.images, self.size_of_image)
        self.panels, self._selected = panels, selected
        self.images, self.size_of_image = images, size
        if before != (len(panels), images, size):
            self._arrange()
        self.viewport().update()

    def set_divider(self, part: float) -> None:
        """Put the divider at a part of every tile's width, from 0 to 1."""
        part = min(max(part, 0.0), 1.0)
        if part != self.divider:
            self.divider = part
            self.viewport().update()
            self.dividerMoved.emit(part)

    def prepare(self, is_late: IsLate) -> bool:
        """Have the pictures in sight made; False if it became late before all were."""
        first, last = self.shown_images()
        sources = [each for panel in self.panels for each in (panel.pictures, panel.over) if each]
        return all(each.prepare(first, min(last, each.num), is_late) for each in sources)

    @property
    def has_divider(self) -> bool:
        """Whether pictures lie over each other."""
        return any(panel.over is not None for panel in self.panels)

    def shown_images(self) -> tuple[int, int]:
        """Return first and last + 1 image of the batch of which some pixels are in sight."""
        first, last = self.shown_tiles()
        return self.images.start + first, self.images.start + last

    def tile_rect(self, panel: int, image: int) -> QRect:
        """Return where a tile is in the viewport, in device pixels."""
        assert self._grid is not None
        origin = self._corners[panel] - QPoint(0, self._scroll())
        return self._grid.tile(image - self.images.start).translated(origin)

    # painting -------------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802  Qt override
        if self._grid is None:
            return
        painter = QPainter(self.viewport())
        ratio = self.devicePixelRatioF()
        painter.scale(1 / ratio, 1 / ratio)  # whole device pixels also on fractional displays
        font = theme.font("caption")
        font.setPixelSize(round(font.pixelSize() * ratio))
        painter.setFont(font)
        first, last = self.shown_images()
        for number, panel in enumerate(self.panels):
            self._paint_heading(painter, number, panel)
            for image in range(first, last):
                self._paint_tile(painter, self.tile_rect(number, image), panel, image)
            if self._grid.count > 1 and first <= self._selected < last:
                self._paint_frame(painter, self.tile_rect(number, self._selected))

    def _paint_heading(self, painter: QPainter, number: int, panel: ComparePanel) -> None:
        assert self._grid is not None
        corner = self._corners[number] - QPoint(0, self._scroll() + self._heading())
        number_of_panels = len(self.panels)
        is_beside = number_of_panels > 1 and self._corners[0].y() == self._corners[-1].y()
        room = self._device(self.viewport().width()) - corner.x()
        if is_beside and number == 0:
            room = self._corners[1].x() - corner.x() - self._device(theme.px(8))
        box = QRect(corner, QSize(room, self._heading()))
        metrics, top = painter.fontMetrics(), Qt.AlignmentFlag.AlignTop
        painter.setPen(theme.color("text"))
        if panel.over_title:
            half = self._grid.total_width // 2 - self._device(theme.px(4))
            right = QRect(corner, QSize(self._grid.total_width, self._heading()))
            text = metrics.elidedText(panel.over_title, Qt.TextElideMode.ElideRight, half)
            painter.drawText(right, Qt.AlignmentFlag.AlignRight | top, text)
            box.setWidth(half)
        text = metrics.elidedText(panel.title, Qt.TextElideMode.ElideRight, box.width())
        painter.drawText(box, Qt.AlignmentFlag.AlignLeft | top, text)

    def _paint_tile(self, painter: QPainter, tile: QRect, panel: ComparePanel, image: int) -> None:
        _paint_picture(painter, tile, _at(panel.pictures, image))
        if panel.over is None:
            return
        x = tile.left() + round(self.divider * tile.width())
        right = QRect(tile)
        right.setLeft(x)
        painter.save()
        painter.setClipRect(right)
        _paint_picture(painter, tile, _at(panel.over, image))
        painter.restore()
        line = max(1, self._device(1))
        for token, width in (("bg", 3 * line), ("accent", line)):
            painter.fillRect(
                QRect(x - width // 2, tile.top(), width, tile.height()), theme.color(token)
            )
        size = self._device(theme.px(HANDLE))
        if image == self._selected and tile.width() > 8 * size:
            handle = QRect(x - size, tile.center().y() - 2 * size, 2 * size + 1, 4 * size)
            painter.fillRect(handle.adjusted(-line, -line, line, line), theme.color("bg"))
            painter.fillRect(handle, theme.color("accent"))

    def _paint_frame(self, painter: QPainter, tile: QRect) -> None:
        width, color = 2, theme.color("accent")
        outer = tile.adjusted(-width, -width, width, width)
        across, down = QSize(outer.width(), width), QSize(width, outer.height())
        painter.fillRect(QRect(outer.topLeft(), across), color)
        painter.fillRect(QRect(outer.topLeft(), down), color)
        painter.fillRect(QRect(outer.bottomLeft() - QPoint(0, width - 1), across), color)
        painter.fillRect(QRect(outer.topRight() - QPoint(width - 1, 0), down), color)

    # mouse and keys -------------------------------------------------------------------------

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802  Qt override
        if event.button() != Qt.MouseButton.LeftButton:
            return
        found = self._pixel_at(event.position().toPoint())
        if found is not None and found[0] != self._selected:
            self.clicked.emit(found[0])
        self._drag(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802  Qt override
        if event.buttons() & Qt.MouseButton.LeftButton:
            self._drag(event)
        super().mouseMoveEvent(event)

    def _drag(self, event: QMouseEvent) -> None:
        """Move the divider to where the pointer is in its tile."""
        if not self.has_divider or self._grid is None:
            return
        x = event.position().x() * self.devicePixelRatioF() - self._corners[0].x()
        pitch = self._grid.width + self._grid.gutter
        column = min(max(int(x // pitch), 0), self._grid.columns - 1)
        self.set_divider((x - column * pitch) / self._grid.width)

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802  Qt override
        key = Qt.Key(event.key())
        columns = self._grid.columns if self._grid else 0
        if event.modifiers() & Qt.KeyboardModifier.ShiftModifier:
            nudge = {Qt.Key.Key_Left: -NUDGE, Qt.Key.Key_Right: NUDGE}.get(key)
            if nudge is not None and self.has_divider:
                self.set_divider(round(self.divider + nudge, 4))
                return
            super().keyPressEvent(event)
            return
        moves = {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1}
        moves |= {Qt.Key.Key_Up: -columns, Qt.Key.Key_Down: columns}
        if key in moves:
            self.clicked.emit(self._selected + moves[key])
        else:
            super().keyPressEvent(event)

    def _pixel_at(self, where: QPoint) -> Pixel | None:
        found = self._place_at(where)
        return None if found is None else (self.images.start + found[1], *found[2:])


def _at(pictures: Pictures | None, image: int) -> Picture | None:
    return None if pictures is None or image >= pictures.num else pictures.at(image)


def _paint_picture(painter: QPainter, tile: QRect, picture: Picture | None) -> None:
    """Draw a picture as large as whole pixels allow, in the middle; hatched where there is none."""
    if picture is None:
        painter.fillRect(tile, theme.color("surface"))
        painter.fillRect(tile, hatch_brush())
        return
    picture = np.ascontiguousarray(picture)
    height, width, _ = picture.shape
    scale = max(1, min(tile.width() // width, tile.height() // height))
    target = QRect(0, 0, min(width * scale, tile.width()), min(height * scale, tile.height()))
    target.moveCenter(tile.center())
    if target.size() == tile.size():
        target = tile
    painter.drawImage(target, to_qimage(picture))
