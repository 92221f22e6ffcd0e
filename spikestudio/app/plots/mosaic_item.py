"""All maps of a layer's page as one picture, with marks for silent and saturated channels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QEvent, QPoint, QPointF, QRect, QRectF, Qt, Signal
from PySide6.QtGui import QColor, QImage, QMouseEvent, QPainter, QPaintEvent, QPen, QResizeEvent
from PySide6.QtWidgets import QWidget

from spikestudio.app import theme
from spikestudio.app.plots.axes import hatch_brush
from spikestudio.app.plots.mosaic_data import Arrangement
from spikestudio.app.plots.palettes import Lut

GUTTER = 3
SMALLEST_MARK = 7  # pixels; a frame round one neuron


class WatchFrame(NamedTuple):
    """Mark of a watched neuron; dashed where its colour is used for the second time."""

    rect: QRect
    color: str
    is_dashed: bool


@dataclass(frozen=True, slots=True, eq=False)
class MosaicPicture:
    """What one frame shows; rectangles are in device pixels from the picture's corner."""

    arrangement: Arrangement
    page: int
    pixels: NDArray[np.uint8]  # colour indices of the page
    lut: Lut
    hatched: tuple[QRect, ...] = ()
    outlined: tuple[QRect, ...] = ()
    watched: tuple[WatchFrame, ...] = ()
    is_missing: bool = False  # nothing was recorded: everything is hatched


class MosaicMap(QWidget):
    """Paints a page in whole device pixels, centred, and says which neurons are pointed at."""

    hovered = Signal(object)  # ids of the neurons behind a pixel, None when over none
    clicked = Signal(object, bool)  # the same, and whether Ctrl was down
    resized = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setMouseTracking(True)
        self.setMinimumSize(theme.px(120), theme.px(80))
        self.picture: MosaicPicture | None = None
        self._image: QImage | None = None
        self._pointed: int | None = None

    @property
    def space(self) -> tuple[int, int]:
        """Width and height that a page may take, in device pixels."""
        ratio = self.devicePixelRatioF()
        edge = 2 * theme.px(2)  # room for the frames of the outermost maps
        return max(1, int(self.width() * ratio) - edge), max(1, int(self.height() * ratio) - edge)

    def set_picture(self, picture: MosaicPicture | None) -> None:
        """Show a frame."""
        self.picture, self._image = picture, None
        if picture is not None:
            height, width = picture.pixels.shape
            colors = picture.lut[picture.pixels]  # [height, width, 4], contiguous
            image = QImage(colors.data, width, height, 4 * width, QImage.Format.Format_RGBA8888)
            self._image = image.convertToFormat(QImage.Format.Format_ARGB32_Premultiplied)
        self.update()

    def point_at(self, neuron: int | None) -> None:
        """Frame the neuron that is pointed at somewhere; None: there is none."""
        if neuron != self._pointed:
            before = self.pointed_rect
            self._pointed = neuron
            for rect in (before, self.pointed_rect):
                self._repaint(rect)

    @property
    def pointed_rect(self) -> QRect | None:
        """Where the neuron pointed at is in the picture; None if it is not on the page shown."""
        picture, neuron = self.picture, self._pointed
        if picture is None or neuron is None:
            return None
        at = picture.arrangement
        maps, height, width = at.shape
        is_there = neuron < maps * height * width
        is_there &= neuron // (height * width) in at.maps(picture.page)
        return at.neuron_rect(neuron) if is_there else None

    def _repaint(self, rect: QRect | None) -> None:
        if rect is not None:
            ratio, room = self.devicePixelRatioF(), 2 * SMALLEST_MARK
            at = QRectF(rect.adjusted(-room, -room, room, room).translated(self._corner()))
            corner, size = at.topLeft() / ratio, at.size() / ratio
            self.update(QRectF(corner, size).toAlignedRect())

    def point_of(self, neuron: int) -> QPoint:
        """Return where a neuron of the page shown is, in the widget's coordinates."""
        assert self.picture is not None
        at = self.picture.arrangement.neuron_rect(neuron).center() + self._corner()
        ratio = self.devicePixelRatioF()
        return QPoint(int(at.x() / ratio), int(at.y() / ratio))

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802  Qt override
        picture = self.picture
        if picture is None or self._image is None:
            return
        painter = QPainter(self)
        ratio, corner = self.devicePixelRatioF(), self._corner()
        painter.scale(1 / ratio, 1 / ratio)  # whole device pixels also on fractional displays
        painter.translate(corner)
        painter.drawImage(0, 0, self._image)
        for rect in picture.hatched:
            painter.fillRect(rect, theme.color("surface", 0.5))
            painter.fillRect(rect, hatch_brush())
        if picture.is_missing:
            painter.fillRect(self._image.rect(), hatch_brush())
        painter.setBrush(Qt.BrushStyle.NoBrush)
        width = max(1, round(ratio))
        painter.setPen(QPen(theme.color("warn"), 2 * width))
        for rect in picture.outlined:
            painter.drawRect(QRectF(rect).adjusted(-width, -width, width, width))
        for mark in picture.watched:
            _paint_mark(painter, mark.rect, QColor(mark.color), width, is_dashed=mark.is_dashed)
        pointed = self.pointed_rect
        if pointed is not None:
            _paint_mark(painter, pointed, theme.color("text"), width)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802  Qt override
        self.hovered.emit(self._neurons_at(event.position().toPoint()))

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802  Qt override
        neurons = self._neurons_at(event.position().toPoint())
        if event.button() == Qt.MouseButton.LeftButton and neurons is not None:
            is_extending = bool(event.modifiers() & Qt.KeyboardModifier.ControlModifier)
            self.clicked.emit(neurons, is_extending)

    def leaveEvent(self, event: QEvent) -> None:  # noqa: N802  Qt override
        super().leaveEvent(event)
        self.hovered.emit(None)

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802  Qt override
        super().resizeEvent(event)
        self.resized.emit()

    def _corner(self) -> QPoint:
        if self._image is None:
            return QPoint()
        ratio = self.devicePixelRatioF()
        return QPoint(
            max(0, (int(self.width() * ratio) - self._image.width()) // 2),
            max(0, (int(self.height() * ratio) - self._image.height()) // 2),
        )

    def _neurons_at(self, where: QPoint) -> NDArray[np.intp] | None:
        if self.picture is None:
            return None
        ratio, corner = self.devicePixelRatioF(), self._corner()
        x, y = int(where.x() * ratio) - corner.x(), int(where.y() * ratio) - corner.y()
        neurons = self.picture.arrangement.neurons_at(x, y, self.picture.page)
        return neurons if neurons.size else None


def _paint_mark(
    painter: QPainter, rect: QRect, color: QColor, width: int, *, is_dashed: bool = False
) -> None:
    """Frame one neuron so that it is seen on any colour, however small it is."""
    grown = max(0, SMALLEST_MARK - rect.width()) // 2 + width
    frame = QRectF(rect).adjusted(-grown, -grown, grown, grown)
    painter.setPen(QPen(theme.color("surface"), 4 * width))
    painter.drawRect(frame)
    painter.setPen(QPen(color, 2 * width))
    painter.drawRect(frame)
    if is_dashed:  # one gap in each side: a mark of a few pixels has no room for more
        gap = QPen(theme.color("surface"), 2 * width)
        gap.setCapStyle(Qt.PenCapStyle.FlatCap)
        painter.setPen(gap)
        middle, third = frame.center(), frame.width() / 6
        for x in (frame.left(), frame.right()):
            painter.drawLine(QPointF(x, middle.y() - third), QPointF(x, middle.y() + third))
        for y in (frame.top(), frame.bottom()):
            painter.drawLine(QPointF(middle.x() - third, y), QPointF(middle.x() + third, y))
