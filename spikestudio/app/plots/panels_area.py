"""Scroll area of panels beside or below each other, each a grid of the same tiles."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QPoint, Qt, Signal, Slot
from PySide6.QtGui import QMouseEvent, QResizeEvent
from PySide6.QtWidgets import QAbstractScrollArea, QFrame, QWidget

from spikestudio.app import theme
from spikestudio.app.plots.grid import Grid, fit_panels

GUTTER = 4
HEADING = 20  # above each panel


class PanelsArea(QAbstractScrollArea):
    """Arranges panels so that their tiles are largest; they scroll together.

    What is in the tiles is a subclass' own, which tells ``shape`` and calls ``_arrange`` when that
    has changed. Lengths are device pixels.
    """

    hovered = Signal(object)  # what ``_pixel_at`` found, None when over none
    scrolled = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.viewport().setMouseTracking(True)
        self.viewport().setAutoFillBackground(False)
        self.verticalScrollBar().valueChanged.connect(self.scrolled)
        self._grid: Grid | None = None
        self._corners: list[QPoint] = []  # of the panels' grids
        theme.manager.changed.connect(self._restyle)

    def shape(self) -> tuple[int, int, int, int]:
        """Return how many panels and tiles in each there are, and an image's height and width."""
        raise NotImplementedError

    def shown_tiles(self) -> tuple[int, int]:
        """Return first and last + 1 tile of which some pixels are in sight."""
        if self._grid is None:
            return 0, 0
        top = self._scroll() - self._corners[0].y()
        pitch = self._grid.height + self._grid.gutter
        bottom = top + self._device(self.viewport().height())
        first = max(0, top // pitch) * self._grid.columns
        last = max(0, -(-bottom // pitch)) * self._grid.columns
        return min(first, self._grid.count), min(last, self._grid.count)

    def _place_at(self, where: QPoint) -> tuple[int, int, int, int] | None:
        """Panel, tile, and row and column of the image's pixel at a point of the viewport."""
        grid, ratio = self._grid, self.devicePixelRatioF()
        if grid is None:
            return None
        _, _, height, width = self.shape()
        for panel, corner in enumerate(self._corners):
            x = int(where.x() * ratio) - corner.x()
            y = int(where.y() * ratio) - corner.y() + self._scroll()
            column, in_x = divmod(x, grid.width + grid.gutter)
            row, in_y = divmod(y, grid.height + grid.gutter)
            tile = row * grid.columns + column
            is_tile = 0 <= column < grid.columns and row >= 0 and tile < grid.count
            if is_tile and in_x < grid.width and in_y < grid.height:
                return panel, tile, in_y * height // grid.height, in_x * width // grid.width
        return None

    def _pixel_at(self, where: QPoint) -> object | None:
        raise NotImplementedError

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802  Qt override
        self.hovered.emit(self._pixel_at(event.position().toPoint()))

    def viewportEvent(self, event: QEvent) -> bool:  # noqa: N802  Qt override
        if event.type() == QEvent.Type.Leave:
            self.hovered.emit(None)
        return bool(super().viewportEvent(event))

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802  Qt override
        super().resizeEvent(event)
        self._arrange()
        self.scrolled.emit()

    def _arrange(self) -> None:
        """Find the arrangement of the panels that gives the largest tiles."""
        number, count, height, width = self.shape()
        if not number or not count:
            self._grid, self._corners = None, []
            return
        gap, heading = self._device(theme.px(16)), self._heading()
        edge = self._device(GUTTER)  # room for the frame
        space = (
            self._device(self.viewport().width()) - 2 * edge,
            self._device(self.viewport().height()) - edge,
        )
        beside = ((space[0] - (number - 1) * gap) // number, space[1] - heading)
        below = (space[0], (space[1] - (number - 1) * gap // 2) // number - heading)
        best, chosen = fit_panels(count, (width, height), (beside, below), self._device(GUTTER))
        step = QPoint(best.total_width + gap, 0)
        if chosen:
            step = QPoint(0, best.total_height + gap // 2 + heading)
        total_width = best.total_width + step.x() * (number - 1)
        total_height = heading + best.total_height + step.y() * (number - 1)
        left = edge + max(0, (space[0] - total_width) // 2)
        top = heading + max(0, (space[1] - total_height) // 2)
        self._grid = best
        self._corners = [QPoint(left, top) + step * index for index in range(number)]
        ratio = self.devicePixelRatioF()
        hidden = max(0, total_height - space[1])
        bar = self.verticalScrollBar()
        bar.setRange(0, int(-(-hidden // ratio)))
        bar.setPageStep(self.viewport().height())
        bar.setSingleStep(int((best.height + best.gutter) / ratio))

    def _heading(self) -> int:
        return self._device(theme.px(HEADING))

    def _scroll(self) -> int:
        return self._device(self.verticalScrollBar().value())

    def _device(self, length: float) -> int:
        return int(length * self.devicePixelRatioF())

    @Slot()
    def _restyle(self) -> None:
        self._arrange()
        self.viewport().update()
