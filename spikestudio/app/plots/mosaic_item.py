"""All maps of a layer's page as one picture, with marks for silent and saturated channels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QEvent, QPoint, QRect, QRectF, Qt, Signal
from PySide6.QtGui import QColor, QImage, QMouseEvent, QPainter, QPaintEvent, QPen, QResizeEvent
from PySide6.QtWidgets import QWidget

from spikestudio.app import theme
from spikestudio.app.plots.axes import hatch_brush
from spikestudio.app.plots.mosaic_data import Arrangement
from spikestudio.app.plots.palettes import Lut

GUTTER = 3
SMALLEST_MARK = 7  # pixels; a frame round one neuron


@dataclass(frozen=True, slots=True, eq=False)
class MosaicPicture:
    """What one frame shows; rectangles are in device pixels from the picture's corner."""

    arrangement: Arrangement
    page: int
    pixels: NDArray[np.uint8]  # colour indices of the page
    lut: Lut
    hatched: tuple[QRect, ...] = ()
    outlined: tuple[QRect, ...] = ()
    watched: tuple[tuple[QRect, str], ...] = ()  # with colours
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
        for rect, color in picture.watched:
            grown = max(0, SMALLEST_MARK - rect.width()) // 2 + width
            frame = QRectF(rect).adjusted(-grown, -grown, grown, grown)
            painter.setPen(QPen(theme.color("surface"), 4 * width))
            painter.drawRect(frame)
            painter.setPen(QPen(QColor(color), 2 * width))
            painter.drawRect(frame)

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
