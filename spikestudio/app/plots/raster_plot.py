"""Plot of a raster: rows can be marked as a band, whose mean is drawn in a strip below them."""

from __future__ import annotations

import pyqtgraph as pg
from numpy.typing import NDArray
from PySide6.QtCore import QEvent, QPointF, Qt, Signal, Slot
from PySide6.QtGui import QKeyEvent, QMouseEvent
from PySide6.QtWidgets import QApplication, QWidget

from spikestudio.app import theme
from spikestudio.app.plots.axes import HatchedSpans, RowAxis, RowLabel, left_margin
from spikestudio.app.plots.band_mean import RateCurve
from spikestudio.app.plots.raster_marks import BandMark, GroupMarks, RowHighlight
from spikestudio.app.plots.time_plot import TimePlot

STRIP_HEIGHT = 56
_SHIFT, _CTRL = Qt.KeyboardModifier.ShiftModifier, Qt.KeyboardModifier.ControlModifier
_UP_DOWN = (Qt.Key.Key_Up, Qt.Key.Key_Down)


class RasterPlot(TimePlot):
    """Shift+drag over the rows, or dragging over their names, marks a band; Escape removes it.

    With the keys Shift+Up and Shift+Down do so. A click on the names elsewhere removes the band as
    well; all other clicks on names are announced as clicks.
    """

    bandMarked = Signal(int, int)  # noqa: N815  first row and row after the last
    bandRemoved = Signal()  # noqa: N815

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.highlight, self.band, self.groups = RowHighlight(), BandMark(), GroupMarks()
        for item in (self.highlight, self.band, self.groups):
            self.add(item)
        self.curve, self.gaps = RateCurve(), HatchedSpans()
        for item in (self.curve, self.gaps):
            self.strip.addItem(item, ignoreBounds=True)
        self._anchor: tuple[int, QPointF, bool] | None = None  # row, place, whether on the names
        self._key_anchor: int | None = None
        self.view_box.sigXRangeChanged.connect(self._align_strip)
        self.windowChanged.connect(self._align_strip)
        theme.manager.changed.connect(self._restyle_strip)
        self.show_strip(is_shown=False)

    def _arrange(self) -> None:
        super()._arrange()
        self.strip, self.strip_axis = pg.ViewBox(enableMenu=False, enableMouse=False), RowAxis()
        self.strip.disableAutoRange()
        self._grid.removeItem(self.time_axis)
        self._grid.addItem(self.strip_axis, 1, 0)
        self._grid.addItem(self.strip, 1, 1)
        self._grid.addItem(self.time_axis, 2, 1)
        self.strip_axis.linkToView(self.strip)

    @Slot()
    def _restyle_strip(self) -> None:
        self.show_strip(is_shown=self.strip.isVisible())
        self.strip_axis.update()

    def show_strip(self, *, is_shown: bool) -> None:
        """Make room for the strip, or give it back to the rows."""
        height = theme.px(STRIP_HEIGHT) if is_shown else 0
        self.strip.setVisible(is_shown)
        self.strip_axis.setVisible(is_shown)
        self.strip_axis.setWidth(left_margin(self.width()))
        self._grid.setRowFixedHeight(1, height)
        self._grid.setRowSpacing(0, theme.px(6) if is_shown else 0)
        self._grid.activate()
        self._align_strip()

    def set_strip(
        self,
        rates: NDArray,
        first: int,
        top: float,
        gaps: tuple[tuple[float, float], ...],
        label: RowLabel,
    ) -> None:
        """Draw mean rates from a column on, on a scale from 0 to ``top``."""
        self.strip.setYRange(0, top, padding=0)
        self.curve.set_rates(rates, first)
        self.gaps.set_spans(gaps)
        muted = theme.tokens().muted
        self.strip_axis.set_labels(
            "",
            (
                RowLabel(top, f"{top:g}", muted, has_tick=True),
                RowLabel(0, "0", muted, has_tick=True),
                label,
            ),
        )

    def scroll_rows(self, by: int) -> None:
        """Keep the place of the keys when the rows have moved up."""
        if by:
            self.key_cursor.row -= by
            self._key_anchor = None if self._key_anchor is None else self._key_anchor - by

    @Slot()
    def _align_strip(self) -> None:
        if self.strip.isVisible():
            self.strip.setXRange(*self.view_box.viewRange()[0], padding=0)
            self.strip_axis.setWidth(left_margin(self.width()))

    # the band -------------------------------------------------------------------------------

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802  Qt override
        where, is_name = self._place(event)
        is_shift = bool(event.modifiers() & _SHIFT)
        is_row = where is not None and 0 <= where.y() < self._num_rows
        if (
            where is None
            or not is_row
            or not (is_name or is_shift)
            or event.button() is not Qt.MouseButton.LeftButton
        ):
            super().mousePressEvent(event)
            return
        self.key_cursor.hide()
        self._anchor = (int(where.y()), event.position(), is_name and not is_shift)
        if is_shift:
            self.band.set_rows((int(where.y()), int(where.y()) + 1))

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802  Qt override
        if self._anchor is None:
            super().mouseMoveEvent(event)
            return
        row, start, may_be_click = self._anchor
        moved = abs(event.position().y() - start.y())
        if may_be_click and moved < QApplication.startDragDistance():
            return
        self._anchor = (row, start, False)
        self.band.set_rows(self._span(row, self._row_at(event)))

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:  # noqa: N802  Qt override
        if self._anchor is None:
            super().mouseReleaseEvent(event)
            return
        row, _, is_click = self._anchor
        self._anchor = None
        marked = self.band.rows
        if not is_click:
            self.bandMarked.emit(*self._span(row, self._row_at(event)))
        elif marked is not None and not marked[0] <= row < marked[1]:
            self.bandRemoved.emit()
        elif (where := self._place(event)[0]) is not None:
            self.key_cursor.go(where.x() // 1, row, self.columns_shown(), self._num_rows)
            self.clicked.emit(where, bool(event.modifiers() & _CTRL))

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802  Qt override
        if event.key() == Qt.Key.Key_Escape and self.band.rows is not None:
            self.bandRemoved.emit()
        elif self._marks(event):
            cursor = self.key_cursor
            if self._key_anchor is None:
                self._key_anchor = cursor.row
            cursor.move(event.key(), self.columns_shown(), self._num_rows)
            self.bandMarked.emit(*self._span(self._key_anchor, cursor.row))
            self.hovered.emit(cursor.middle())
        else:
            if event.key() != Qt.Key.Key_Shift:
                self._key_anchor = None
            super().keyPressEvent(event)

    def event(self, event: QEvent) -> bool:
        # Escape and the marking keys are the plot's only while there is something to do for them.
        if event.type() == QEvent.Type.ShortcutOverride and isinstance(event, QKeyEvent):
            is_escape = event.key() == Qt.Key.Key_Escape and self.band.rows is not None
            if is_escape or self._marks(event):
                event.accept()
                return True
        return bool(super().event(event))

    def _marks(self, event: QKeyEvent) -> bool:
        is_marking = event.modifiers() == _SHIFT and event.key() in _UP_DOWN
        return is_marking and self.key_cursor.isVisible()

    def _place(self, event: QMouseEvent) -> tuple[QPointF | None, bool]:
        """Return where the pointer is in columns and rows, and whether that is on the names."""
        scene = self.mapToScene(event.position().toPoint())
        area = self.view_box.sceneBoundingRect()
        if not area.adjusted(-self.row_axis.width(), 0, 0, 0).contains(scene):
            return None, False
        return self.view_box.mapSceneToView(scene), scene.x() < area.left()

    def _row_at(self, event: QMouseEvent) -> int:
        scene = self.mapToScene(event.position().toPoint())
        return int(self.view_box.mapSceneToView(scene).y() // 1)

    def _span(self, row: int, other: int) -> tuple[int, int]:
        other = min(max(other, 0), self._num_rows - 1)
        return min(row, other), max(row, other) + 1
