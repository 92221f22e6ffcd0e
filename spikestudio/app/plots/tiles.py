"""Pictures of a batch as grids of sharp tiles: whole-number scaling, equal gutters, no smoothing."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPoint, QRect, QRectF, Qt, Signal
from PySide6.QtGui import (
    QFontMetrics,
    QImage,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
)
from PySide6.QtWidgets import QWidget

from spikestudio.app import theme
from spikestudio.app.plots.grid import Grid
from spikestudio.app.plots.outlines import Outline, has_room_for_tag, paint_outlines, tag_font
from spikestudio.app.plots.panels_area import GUTTER, HEADING, PanelsArea
from spikestudio.app.plots.pixel_keys import MOVES, Pixel, PixelKeys

LEAST_HEADING = 24  # pixels of a heading above a panel that is narrower

Images = NDArray[np.uint8]  # [B, H, W, C], C is 1 or 3


def to_qimage(image: Images) -> QImage:
    """Wrap one image ``[H, W, C]`` without copying; the array must outlive the result."""
    height, width, channels = image.shape
    kind = QImage.Format.Format_Grayscale8 if channels == 1 else QImage.Format.Format_RGB888
    return QImage(image.data, width, height, width * channels, kind)


@dataclass(frozen=True, slots=True)
class Panel:
    """One grid with its heading."""

    title: str
    images: Images


class TileGrid(PanelsArea):
    """Panels of the same batch beside or below each other; they scroll together.

    With Shift a click is for the pixel, and the arrow keys move over the selected image's pixels, where
    Enter is a click.
    """

    clicked = Signal(int)
    pixelClicked = Signal(object, bool)  # noqa: N815  a Pixel, and whether Ctrl was down

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setMinimumSize(theme.px(120), theme.px(80))
        self._panels: tuple[Panel, ...] = ()
        self._selected = 0
        self._outlines: tuple[Outline, ...] = ()
        self._keys = PixelKeys()

    def shape(self) -> tuple[int, int, int, int]:
        if not self._panels:
            return 0, 0, 1, 1
        count, height, width, _ = self._panels[0].images.shape
        return len(self._panels), count, height, width

    def set_panels(self, panels: tuple[Panel, ...], selected: int) -> None:
        """Show these pictures, the selected image framed."""
        same_shape = [p.images.shape[:3] for p in panels] == [
            p.images.shape[:3] for p in self._panels
        ]
        self._panels, self._selected = panels, selected
        if not same_shape:
            self._keys.forget()
            self._arrange()
        self.viewport().update()

    def set_outlines(self, outlines: tuple[Outline, ...]) -> None:
        """Draw these boxes over the pictures; only the tiles concerned are painted again."""
        if outlines != self._outlines:
            before, self._outlines = self._outlines, outlines
            for outline in (*before, *outlines):
                self._repaint_tile(outline)

    @property
    def outlines(self) -> tuple[Outline, ...]:
        """The boxes drawn over the pictures."""
        return self._outlines

    @property
    def panels(self) -> tuple[Panel, ...]:
        """What is shown."""
        return self._panels

    @property
    def grid(self) -> Grid | None:
        """How the tiles lie, None while there are none."""
        return self._grid

    def tile_rect(self, panel: int, image: int) -> QRectF:
        """Return where a tile is in the viewport, in its coordinates."""
        assert self._grid is not None
        tile = self._grid.tile(image).translated(self._corners[panel] - QPoint(0, self._scroll()))
        ratio = self.devicePixelRatioF()
        return QRectF(
            tile.x() / ratio, tile.y() / ratio, tile.width() / ratio, tile.height() / ratio
        )

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802  Qt override
        painter = QPainter(self.viewport())
        ratio = self.devicePixelRatioF()
        painter.scale(1 / ratio, 1 / ratio)  # whole device pixels also on fractional displays
        if self._grid is None:
            return
        font = theme.font("caption")
        font.setPixelSize(round(font.pixelSize() * ratio))
        painter.setFont(font)
        metrics = painter.fontMetrics()
        first, last = self.shown_tiles()
        for number, (panel, corner) in enumerate(zip(self._panels, self._corners, strict=True)):
            origin = corner - QPoint(0, self._scroll())
            painter.setPen(theme.color("muted"))
            heading = QPoint(origin.x(), origin.y() - self._heading() + metrics.ascent())
            room = max(self._grid.total_width, self._device(theme.px(LEAST_HEADING)))
            title = self._title(number)
            painter.drawText(heading, metrics.elidedText(title, Qt.TextElideMode.ElideRight, room))
            for index in range(first, last):
                target = self._grid.tile(index).translated(origin)
                painter.drawImage(target, to_qimage(panel.images[index]))
        painter.setFont(tag_font(ratio))
        line = max(1, round(theme.px(1) * ratio))
        paint_outlines(painter, self._outlines, self._device_tile, line)
        painter.setFont(font)
        for corner in self._corners if self._grid.count > 1 else ():
            origin = corner - QPoint(0, self._scroll())
            self._paint_frame(painter, self._grid.tile(self._selected).translated(origin))

    def _title(self, panel: int) -> str:
        """Return a panel's heading, with the tags that its tiles have no room for."""
        font = tag_font(self.devicePixelRatioF())
        outlines = [each for each in self._outlines if each.panel == panel]
        tiles = [self._device_tile(outline) for outline in outlines]
        tags = [
            outline.tag
            for outline, tile in zip(outlines, tiles, strict=True)
            if tile is not None and not has_room_for_tag(outline, tile, font)
        ]
        return ", ".join((self._panels[panel].title, *tags))

    def _device_tile(self, outline: Outline) -> QRectF | None:
        grid = self._grid
        if grid is None or outline.image >= grid.count or outline.panel >= len(self._panels):
            return None
        origin = self._corners[outline.panel] - QPoint(0, self._scroll())
        return QRectF(grid.tile(outline.image).translated(origin))

    def _repaint_tile(self, outline: Outline) -> None:
        if self._device_tile(outline) is None:
            return
        tile = self.tile_rect(outline.panel, outline.image).toAlignedRect()
        self.viewport().update(tile.adjusted(-GUTTER, -GUTTER, GUTTER, GUTTER))
        top = self.tile_rect(outline.panel, 0).toAlignedRect().top()
        heading = QRect(0, top - theme.px(HEADING), self.viewport().width(), theme.px(HEADING))
        self.viewport().update(heading)

    def _paint_frame(self, painter: QPainter, tile: QRect) -> None:
        width = max(2, self._grid.gutter // 2) if self._grid else 2
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.color("accent"))
        outer = tile.adjusted(-width, -width, width, width)
        for edge in (
            QRect(outer.left(), outer.top(), outer.width(), width),
            QRect(outer.left(), outer.bottom() - width + 1, outer.width(), width),
            QRect(outer.left(), outer.top(), width, outer.height()),
            QRect(outer.right() - width + 1, outer.top(), width, outer.height()),
        ):
            painter.drawRect(edge)
        text = f"{self._selected + 1:,}"
        metrics = QFontMetrics(painter.font())
        tab = QRect(outer.topLeft(), outer.topLeft())
        tab.setSize(metrics.size(0, text))
        tab.setWidth(tab.width() + 2 * self._grid.gutter if self._grid else tab.width())
        if tab.width() * 3 < tile.width():
            painter.drawRect(tab)
            painter.setPen(theme.color("on_accent"))
            painter.drawText(tab, Qt.AlignmentFlag.AlignCenter, text)

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802  Qt override
        self._keys.forget()
        found = self._pixel_at(event.position().toPoint())
        if event.button() != Qt.MouseButton.LeftButton or not found:
            return
        if event.modifiers() & Qt.KeyboardModifier.ShiftModifier:
            is_extending = bool(event.modifiers() & Qt.KeyboardModifier.ControlModifier)
            self.pixelClicked.emit(found, is_extending)
        else:
            self.clicked.emit(found[1])

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802  Qt override
        columns = self._grid.columns if self._grid else 0
        moves = {
            Qt.Key.Key_Left: -1,
            Qt.Key.Key_Right: 1,
            Qt.Key.Key_Up: -columns,
            Qt.Key.Key_Down: columns,
        }
        move = moves.get(Qt.Key(event.key()))
        if event.modifiers() & Qt.KeyboardModifier.ShiftModifier and self._take_pixel_key(event):
            return
        if move is None or self._grid is None:
            super().keyPressEvent(event)
        elif 0 <= self._selected + move < self._grid.count:
            self.clicked.emit(self._selected + move)

    def _take_pixel_key(self, event: QKeyEvent) -> bool:
        """Move over the pixels of the selected image, or click one; whether the key does that."""
        key, pixel = Qt.Key(event.key()), self._keys.pixel
        if key in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and pixel is not None:
            is_extending = bool(event.modifiers() & Qt.KeyboardModifier.ControlModifier)
            self.pixelClicked.emit(pixel, is_extending)
            return True
        if key not in MOVES or not self._panels:
            return False
        _, height, width, _ = self._panels[0].images.shape
        self.hovered.emit(self._keys.move(key, self._selected, (height, width)))
        return True

    def _pixel_at(self, where: QPoint) -> Pixel | None:
        return self._place_at(where)
