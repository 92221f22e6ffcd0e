"""A plot with the time of a run as its x axis, one unit per SNN step."""

from __future__ import annotations

from collections.abc import Callable

import pyqtgraph as pg
from pyqtgraph.GraphicsScene.mouseEvents import MouseClickEvent
from PySide6.QtCore import QEvent, QPointF, Qt, Signal, Slot
from PySide6.QtGui import QFocusEvent, QHelpEvent, QKeyEvent, QMouseEvent, QResizeEvent
from PySide6.QtWidgets import QFrame, QGraphicsGridLayout, QToolTip, QWidget

from spikestudio.app import theme
from spikestudio.app.plots.axes import RowAxis, StepAxis, StepLines, left_margin, right_margin
from spikestudio.app.plots.key_cursor import MOVES, TOGGLE, KeyCursor, is_for_cursor

KEY_FOCUS = (
    Qt.FocusReason.TabFocusReason,
    Qt.FocusReason.BacktabFocusReason,
    Qt.FocusReason.ShortcutFocusReason,
)


class TimePlot(pg.GraphicsView):
    """Plot over the columns of a run; wheel zooms time, dragging looks back, y is fixed.

    The arrow keys move a cursor from cell to cell as the pointer would; Enter there is a click, the
    space bar a click with Ctrl.

    It shows the whole run when every column gets at least one pixel, else as many of the newest
    steps as fit, so no column is ever left out or merged.
    """

    hovered = Signal(object)  # QPointF in columns and rows, None when the pointer left
    clicked = Signal(QPointF, bool)  # where, and whether Ctrl was down; also on the names
    followingChanged = Signal(bool)  # noqa: N815
    windowChanged = Signal()  # noqa: N815  resized, zoomed or dragged

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.tip_at: Callable[[QPointF], str] | None = None
        self.is_following = True
        self._num_steps, self._per_step, self._text = 1, 1.0, ""
        self._num_rows = 0
        self._widest = 1.0  # columns that could be shown at the last width
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setMinimumSize(theme.px(160), theme.px(64))
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.enableMouse(False)  # of the whole scene: the view box has its own
        self.time_axis, self.row_axis = StepAxis(), RowAxis()
        self.view_box = pg.ViewBox(enableMenu=False)
        self.view_box.disableAutoRange()
        self.view_box.invertY(True)  # rows and lanes count from the top
        self.view_box.setMouseEnabled(x=True, y=False)
        self.view_box.sigRangeChangedManually.connect(self._on_moved)
        self._arrange()
        self.step_lines = StepLines()
        self.step_lines.setZValue(-10)
        self.add(self.step_lines)
        self.moment = pg.InfiniteLine(
            angle=90, movable=False
        )  # that is looked at, if not the newest
        self.moment.setZValue(10)
        self.moment.hide()
        self.add(self.moment)
        self.key_cursor = KeyCursor()
        self.add(self.key_cursor)
        self.scene().sigMouseClicked.connect(self._on_click)
        self.restyle()
        theme.manager.changed.connect(self.restyle)

    def _arrange(self) -> None:
        # Not a PlotItem: that comes with menus and a panel of hidden widgets which outlive it.
        self._area = pg.GraphicsWidget()
        self._grid = QGraphicsGridLayout(self._area)
        self._grid.setSpacing(0)
        self._grid.addItem(self.row_axis, 0, 0)
        self._grid.addItem(self.view_box, 0, 1)
        self._grid.addItem(self.time_axis, 1, 1)
        self._grid.setRowStretchFactor(0, 1)
        self._grid.setColumnStretchFactor(1, 1)
        self.row_axis.linkToView(self.view_box)
        self.time_axis.linkToView(self.view_box)
        self.setCentralItem(self._area)

    def add(self, item: pg.GraphicsObject) -> None:
        """Add an item in coordinates of columns and rows."""
        self.view_box.addItem(item, ignoreBounds=True)

    @Slot()
    def restyle(self) -> None:
        """Take over the theme's colours, type and margins."""
        self.setBackground(theme.tokens().surface)
        self.moment.setPen(theme.tokens().accent, width=theme.px(2))
        self._grid.setContentsMargins(0, theme.px(4), right_margin(), 0)
        self.time_axis.restyle()
        self.row_axis.setWidth(left_margin(self.width()))
        self.row_axis.update()

    def set_time(self, num_steps: int, columns_per_step: float, text: str) -> None:
        """Say how long the run is; ``text`` is the label of the x axis."""
        if (num_steps, columns_per_step, text) == (self._num_steps, self._per_step, self._text):
            return
        self._num_steps, self._per_step, self._text = num_steps, columns_per_step, text
        self.time_axis.set_time(num_steps, columns_per_step, text)
        self.step_lines.num_steps, self.step_lines.columns_per_step = num_steps, columns_per_step
        self.view_box.setLimits(xMin=0, xMax=num_steps * columns_per_step)
        self._limit_zoom()

    def set_rows(self, number: int) -> None:
        """Say how many rows or lanes there are; they fill the height."""
        self._num_rows = number
        self.view_box.setYRange(0, max(1, number), padding=0)

    def follow(self) -> None:
        """Let the shown window move with the run again."""
        if not self.is_following:
            self.is_following = True
            self.followingChanged.emit(True)

    def mark(self, column: float | None) -> None:
        """Draw the line of the moment that is looked at, without moving to it."""
        self.moment.setVisible(column is not None)
        if column is not None:
            self.moment.setPos(column)

    def look_at(self, column: int | None) -> None:
        """Mark a column and bring it into sight; None: no longer, and follow the run again."""
        self.mark(None if column is None else column + 0.5)
        if column is None:
            self.follow()
            return
        low, high = self.view_box.viewRange()[0]
        if not low <= column < high:
            first = max(0.0, column - (high - low) / 2)
            self.view_box.setXRange(first, first + high - low, padding=0)
        if self.is_following:
            self.is_following = False
            self.followingChanged.emit(False)
        self.windowChanged.emit()

    def show_steps(self, done: int, newest: int | None = None) -> None:
        """Show the newest steps (None: the whole run) unless the user looks elsewhere."""
        if not self.is_following:
            return
        shown = min(newest or self._num_steps, self._num_steps, self.steps_that_fit())
        last = max(done, shown)
        self.view_box.setXRange((last - shown) * self._per_step, last * self._per_step, padding=0)

    def steps_that_fit(self) -> int:
        """Return how many denoising steps get one pixel per column."""
        return max(1, int(self.view_box.width() / self._per_step))

    def columns_shown(self) -> tuple[int, int]:
        """Return first and last + 1 column that are at least partly visible."""
        low, high = self.view_box.viewRange()[0]
        end = int(self._num_steps * self._per_step)
        return max(0, int(low)), min(end, int(-(-high // 1)))

    def row_pixels(self) -> int:
        """Return the height of the plot area in pixels."""
        return max(1, int(self.view_box.height()))

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802  Qt override
        super().resizeEvent(event)
        if hasattr(self, "step_lines"):  # the first one comes while the base class is being built
            self.row_axis.setWidth(left_margin(self.width()))
            self._grid.activate()
            self._limit_zoom()
            self.windowChanged.emit()

    def event(self, event: QEvent) -> bool:
        # While the cursor is seen its keys are its own, whatever commands of the window they are.
        if (
            event.type() == QEvent.Type.ShortcutOverride
            and isinstance(event, QKeyEvent)
            and self.key_cursor.isVisible()
            and is_for_cursor(event)
        ):
            event.accept()
            return True
        return bool(super().event(event))

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802  Qt override
        if not self._num_rows or not is_for_cursor(event):
            super().keyPressEvent(event)
            return
        cursor, is_shown = self.key_cursor, self.key_cursor.isVisible()
        if not is_shown:
            self._show_cursor()
        elif event.key() in MOVES:
            cursor.move(event.key(), self.columns_shown(), self._num_rows)
        else:
            self.clicked.emit(cursor.middle(), event.key() in TOGGLE)
        self.hovered.emit(cursor.middle())

    def focusInEvent(self, event: QFocusEvent) -> None:  # noqa: N802  Qt override
        super().focusInEvent(event)
        if event.reason() in KEY_FOCUS and self._num_rows:
            self._show_cursor()
            self.hovered.emit(self.key_cursor.middle())

    def focusOutEvent(self, event: QFocusEvent) -> None:  # noqa: N802  Qt override
        super().focusOutEvent(event)
        if self.key_cursor.isVisible():
            self.key_cursor.hide()
            self.hovered.emit(None)

    def _show_cursor(self) -> None:
        cursor = self.key_cursor
        cursor.go(cursor.column, cursor.row, self.columns_shown(), self._num_rows)
        cursor.show()

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802  Qt override
        self.key_cursor.hide()
        super().mousePressEvent(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802  Qt override
        super().mouseMoveEvent(event)
        scene = self.mapToScene(event.position().toPoint())
        inside = self.view_box.sceneBoundingRect().contains(scene)
        self.hovered.emit(self.view_box.mapSceneToView(scene) if inside else None)

    def leaveEvent(self, event: QEvent) -> None:  # noqa: N802  Qt override
        super().leaveEvent(event)
        self.hovered.emit(None)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:  # noqa: N802  Qt override
        super().mouseDoubleClickEvent(event)
        self.follow()

    def viewportEvent(self, event: QEvent) -> bool:  # noqa: N802  Qt override
        if event.type() == QEvent.Type.ToolTip and self.tip_at and isinstance(event, QHelpEvent):
            where = self.view_box.mapSceneToView(self.mapToScene(event.pos()))
            QToolTip.showText(event.globalPos(), self.tip_at(where), self)
            return True
        return bool(super().viewportEvent(event))

    def _limit_zoom(self) -> None:
        """Keep a column at least a pixel wide; what showed all that fits does so at any width."""
        widest = min(self._num_steps, self.steps_that_fit()) * self._per_step
        low, high = self.view_box.viewRange()[0]
        was_widest = high - low >= self._widest - 0.5
        self.view_box.setLimits(minXRange=min(self._per_step, widest), maxXRange=widest)
        if was_widest and widest != self._widest:
            end = max(high, widest)
            if self.moment.isVisible():
                column = self.moment.value()
                end = min(max(end, column + 0.5), column - 0.5 + widest)
            self.view_box.setXRange(end - widest, end, padding=0)
        self._widest = widest

    @Slot(object)
    def _on_moved(self, _mask: object) -> None:
        if self.is_following:
            self.is_following = False
            self.followingChanged.emit(False)
        self.windowChanged.emit()

    @Slot(object)
    def _on_click(self, event: MouseClickEvent) -> None:
        if event.button() != Qt.MouseButton.LeftButton or event.double():
            return
        area = self.view_box.sceneBoundingRect().adjusted(-self.row_axis.width(), 0, 0, 0)
        if area.contains(event.scenePos()):
            is_extending = bool(event.modifiers() & Qt.KeyboardModifier.ControlModifier)
            where = self.view_box.mapSceneToView(event.scenePos())
            if self._num_rows:  # the keys go on from there
                columns = self.columns_shown()
                self.key_cursor.go(where.x() // 1, where.y() // 1, columns, self._num_rows)
            self.clicked.emit(where, is_extending)
