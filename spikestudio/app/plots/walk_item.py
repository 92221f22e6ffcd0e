"""The stages of the spiking auto-encoder for one cell of its token map, side by side."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRect, QRectF, QSize, Qt, Signal, Slot
from PySide6.QtGui import (
    QColor,
    QFontMetricsF,
    QImage,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
)
from PySide6.QtWidgets import QWidget

from spikestudio.app import theme
from spikestudio.app.plots.outlines import CASINGS
from spikestudio.app.plots.palettes import rgb
from spikestudio.app.plots.pixel_keys import MOVES
from spikestudio.app.plots.text import figure
from spikestudio.app.plots.tiles import to_qimage
from spikestudio.language import tr

if TYPE_CHECKING:
    from spikestudio.models.spiking_diffusion.walk import CodecWalk

STAGES = (
    *(tr("image"), tr("encoder spikes"), tr("potential, rate")),
    *(tr("z, its code"), tr("generator spikes"), tr("reconstruction")),
)
ARROW = 20


class WalkStages(QWidget):
    """Six squares in one, two or three rows, in reading order. A click on a picture chooses a cell.

    The arrow keys move the cell.
    """

    cellChosen = Signal(int, int)  # noqa: N815  row, column

    def __init__(self) -> None:
        super().__init__()
        self.walk: CodecWalk | None = None
        self.cell = (0, 0)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMinimumSize(theme.px(160), theme.px(120))
        self.setAccessibleName(tr("Stages of the auto-encoder"))
        theme.manager.changed.connect(self._restyle)

    def set_walk(self, walk: CodecWalk | None, cell: tuple[int, int]) -> None:
        """Show a walk, and what it is at a cell."""
        self.walk, self.cell = walk, cell
        self.update()

    def squares(self) -> list[QRectF]:
        """Return where the content of every stage is."""
        line, gap = self._line(), theme.px(ARROW)
        best, side = 1, 0.0
        for columns in (6, 3, 2):
            rows = 6 // columns
            room = min(
                (self.width() - (columns - 1) * gap) / columns,
                (self.height() - (rows - 1) * gap) / rows - 2 * line,
            )
            if room > side:
                best, side = columns, room
        side = max(float(int(side)), 1.0)
        left = max(0.0, (self.width() - best * side - (best - 1) * gap) // 2)
        pitch = side + 2 * line + gap
        top = max(0.0, (self.height() - 6 // best * pitch + gap) // 2)
        return [
            QRectF(left + k % best * (side + gap), top + k // best * pitch + line, side, side)
            for k in range(6)
        ]

    def texts(self) -> tuple[str, ...]:
        """Return what stands below every stage."""
        walk, (row, column) = self.walk, self.cell
        if walk is None:
            return ("",) * 6
        spikes = [int(each[:, :, row, column].sum()) for each in self._spikes(walk)]
        places = walk.encoder_spikes.shape[0] * walk.encoder_spikes.shape[1]
        low, high = (figure(value) for value in self._span(walk))
        return (
            tr(
                "{tokens_shape} × {tokens_shape_2} cells",
                tokens_shape=walk.tokens.shape[0],
                tokens_shape_2=walk.tokens.shape[1],
            ),
            tr("{spike:,} of {places:,}", spike=spikes[0], places=places),
            tr("{low} to {high}", low=low, high=high),
            tr("{low} to {high}", low=low, high=high),
            tr("{spike:,} of {places:,}", spike=spikes[1], places=places),
            tr("code {token:,}", token=walk.tokens[row, column]),
        )

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802  Qt override
        walk = self.walk
        if walk is None:
            return
        painter, line = QPainter(self), self._line()
        painter.setFont(theme.font("caption"))
        metrics, squares = painter.fontMetrics(), self.squares()
        row, column = self.cell
        first, second = (each[:, :, row, column] for each in self._spikes(walk))
        paints: tuple[Callable[[QRectF], None], ...] = (
            lambda box: self._paint_picture(painter, walk.image, box),
            lambda box: self._paint_raster(painter, first, box),
            lambda box: self._paint_parts(painter, walk, box),
            lambda box: self._paint_code(painter, walk, box),
            lambda box: self._paint_raster(painter, second, box),
            lambda box: self._paint_picture(painter, walk.reconstruction, box),
        )
        details = zip(STAGES, self.texts(), squares, paints, strict=True)
        for number, (title, text, box, paint) in enumerate(details):
            for words, top, token in (
                (title, box.top() - line, "text"),
                (text, box.bottom(), "muted"),
            ):
                painter.setPen(theme.color(token))
                fitting = metrics.elidedText(words, Qt.TextElideMode.ElideRight, int(box.width()))
                where = QRectF(box.left(), top, box.width(), line)
                painter.drawText(where, Qt.AlignmentFlag.AlignVCenter, fitting)
            paint(box)
            if number + 1 < len(squares) and squares[number + 1].top() == box.top():
                painter.setPen(theme.color("muted"))
                gap = QRectF(box.right(), box.top(), theme.px(ARROW), box.height())
                painter.drawText(gap, Qt.AlignmentFlag.AlignCenter, "→")

    def _paint_picture(self, painter: QPainter, image: NDArray[np.uint8], box: QRectF) -> None:
        painter.drawImage(self._picture_rect(box), to_qimage(image))
        cell = self._cell_rect(box)
        for color, width in ((QColor(CASINGS[theme.manager.mode]), 4), (theme.color("accent"), 2)):
            painter.setPen(QPen(color, width))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRect(cell)

    def _paint_raster(self, painter: QPainter, spikes: NDArray[np.uint8], box: QRectF) -> None:
        """Features from the top, SNN steps from the left."""
        colors = np.array([rgb(theme.tokens().raised), rgb(theme.tokens().spike)], np.uint8)
        pixels = np.ascontiguousarray(colors[spikes.T])
        height, width, _ = pixels.shape
        image = QImage(pixels.data, width, height, 3 * width, QImage.Format.Format_RGB888)
        painter.drawImage(box, image)
        painter.setPen(QPen(theme.color("surface"), 1))
        for k in range(1, width):
            x = round(box.left() + k * box.width() / width)
            painter.drawLine(QPointF(x, box.top()), QPointF(x, box.bottom()))
        for k in range(1, height if box.height() >= 4 * height else 1):
            y = round(box.top() + k * box.height() / height)
            painter.drawLine(QPointF(box.left(), y), QPointF(box.right(), y))

    def _paint_parts(self, painter: QPainter, walk: CodecWalk, box: QRectF) -> None:
        """Potential, and below it the rate, of every feature."""
        row, column = self.cell
        low, high = self._span(walk)
        self._paint_scale(painter, box, low, high)
        for part, token, share in (
            (walk.potential, "muted", 0.0),
            (walk.rate, "accent", 0.5),
        ):
            values = part[:, row, column]
            height = box.height() / len(values)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(theme.color(token))
            for k, value in enumerate(values.tolist()):
                top = box.top() + (k + share) * height
                self._paint_bar(painter, box, (low, high), value, top, max(1.0, height * 0.4))

    def _paint_code(self, painter: QPainter, walk: CodecWalk, box: QRectF) -> None:
        """The bar is z, the tick the code that is nearest to it."""
        row, column = self.cell
        low, high = self._span(walk)
        self._paint_scale(painter, box, low, high)
        z, code = walk.z[:, row, column], walk.vectors[walk.tokens[row, column]]
        height = box.height() / len(z)
        for k, (value, wanted) in enumerate(zip(z.tolist(), code.tolist(), strict=True)):
            top = box.top() + k * height
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(theme.color("accent"))
            thick = max(1.0, height * 0.6)
            self._paint_bar(painter, box, (low, high), value, top + height * 0.2, thick)
            x = round(box.left() + (wanted - low) / (high - low) * box.width())
            painter.setPen(QPen(theme.color("text"), 2))
            painter.drawLine(QPointF(x, top + 1), QPointF(x, top + height - 1))

    def _paint_scale(self, painter: QPainter, box: QRectF, low: float, high: float) -> None:
        painter.fillRect(box, theme.color("raised"))
        zero = round(box.left() - low / (high - low) * box.width())
        painter.setPen(QPen(theme.color("muted"), 1))
        painter.drawLine(QPointF(zero, box.top()), QPointF(zero, box.bottom()))

    def _paint_bar(
        self,
        painter: QPainter,
        box: QRectF,
        span: tuple[float, float],
        value: float,
        top: float,
        height: float,
    ) -> None:
        low, high = span
        zero, end = ((v - low) / (high - low) * box.width() for v in (0.0, value))
        painter.drawRect(QRectF(box.left() + min(zero, end), top, abs(end - zero), height))

    def _span(self, walk: CodecWalk) -> tuple[float, float]:
        """Return a scale that holds for all cells."""
        used = walk.vectors[np.unique(walk.tokens)]
        parts = (walk.potential, walk.rate, walk.z, used)
        low = min(0.0, *(float(part.min()) for part in parts))
        high = max(float(part.max()) for part in parts)
        return low, max(high, low + 1e-6)

    @staticmethod
    def _spikes(walk: CodecWalk) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        return walk.encoder_spikes, walk.generated_spikes

    # input ----------------------------------------------------------------------------------

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802  Qt override
        if self.walk is None or event.button() != Qt.MouseButton.LeftButton:
            return
        squares = self.squares()
        for box in (squares[0], squares[-1]):
            picture = self._picture_rect(box)
            if picture.contains(event.position().toPoint()):
                rows, columns = self.walk.tokens.shape
                row = int((event.position().y() - picture.y()) * rows / picture.height())
                column = int((event.position().x() - picture.x()) * columns / picture.width())
                self.cellChosen.emit(min(row, rows - 1), min(column, columns - 1))

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802  Qt override
        key = Qt.Key(event.key())
        if self.walk is None or key not in MOVES:
            super().keyPressEvent(event)
            return
        (down, right), (rows, columns) = MOVES[key], self.walk.tokens.shape
        row, column = self.cell[0] + down, self.cell[1] + right
        self.cellChosen.emit(min(max(row, 0), rows - 1), min(max(column, 0), columns - 1))

    # geometry -------------------------------------------------------------------------------

    def sizeHint(self) -> QSize:  # noqa: N802  Qt override
        return QSize(theme.px(480), theme.px(320))

    def _picture_rect(self, box: QRectF) -> QRect:
        """Return the largest square in a box with whole pixels per pixel of the image."""
        assert self.walk is not None
        height, width, _ = self.walk.image.shape
        scale = max(1, int(box.width()) // max(height, width))
        return QRect(int(box.left()), int(box.top()), width * scale, height * scale)

    def _cell_rect(self, box: QRectF) -> QRectF:
        assert self.walk is not None
        picture, (rows, columns) = self._picture_rect(box), self.walk.tokens.shape
        width, height = picture.width() / columns, picture.height() / rows
        row, column = self.cell
        return QRectF(picture.x() + column * width, picture.y() + row * height, width, height)

    def _line(self) -> float:
        return QFontMetricsF(theme.font("caption")).height() + 4

    @Slot()
    def _restyle(self) -> None:
        self.update()
