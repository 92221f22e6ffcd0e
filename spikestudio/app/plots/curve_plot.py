"""Editor of a curve over denoising steps, by mouse and keyboard."""

from __future__ import annotations

import pyqtgraph as pg
from PySide6.QtCore import QEvent, QPointF, Qt, Signal
from PySide6.QtGui import QFocusEvent, QKeyEvent, QMouseEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from spikestudio.app import theme
from spikestudio.app.plots.axes import RowLabel
from spikestudio.app.plots.curve_item import CurveItem, CurvePicture
from spikestudio.app.plots.rate_lines import RateLine, RateLines, key_height
from spikestudio.app.plots.time_plot import TimePlot
from spikestudio.language import tr

REACH = 14  # pixels from a point at which it is still meant
Key = Qt.Key
MOVES = {
    Key.Key_Left: (-1, 0),
    Key.Key_Right: (1, 0),
    Key.Key_Up: (0, 1),
    Key.Key_Down: (0, -1),
}
TURNS = {Key.Key_PageUp: -1, Key.Key_PageDown: 1}
ADDS = (Key.Key_Insert, Key.Key_Plus)
REMOVES = (Key.Key_Delete, Key.Key_Backspace, Key.Key_Minus)
ENDS = {Key.Key_Home: 0, Key.Key_End: -1}
FAR = 10  # times as far with Shift


class LevelPlot(TimePlot):
    """Time plot of values over denoising steps: y goes up, and all of the run is always in sight."""

    def __init__(self, title: str, short_title: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._titles = title, short_title
        self.levels: tuple[float, ...] = ()
        self.merged = 1  # denoising steps per column
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Ignored)
        self.view_box.setMouseEnabled(x=False, y=False)
        self.view_box.invertY(False)
        self.step_lines.hide()

    def set_run(self, num_steps: int, text: str) -> None:
        """Say how many denoising steps the x axis has; more than pixels share columns."""
        self.merged = max(1, -(-num_steps // max(1, int(self.view_box.width()))))
        self.set_time(num_steps, 1 / self.merged, text)
        self.show_steps(num_steps)

    @property
    def columns(self) -> float:
        """Columns that the run takes."""
        return self._num_steps / self.merged

    def set_range(
        self, low: float, high: float, levels: tuple[float, ...] = (), form: str = "{:.6g}"
    ) -> None:
        """Say what the y axis spans, and which levels it names; none: as many as fit.

        Above it is room for the names of the lines.
        """
        high += (high - low) * key_height() / max(2 * key_height(), self.row_pixels())
        self.view_box.setYRange(low, high, padding=0.06)
        if not levels:
            low, high = self.view_box.viewRange()[1]
            spacings = self.row_axis.tickValues(low, high, max(60, self.row_pixels()))
            levels = tuple(spacings[0][1]) if spacings else ()
        self.levels = levels
        muted = theme.tokens().muted
        ends_first = sorted(levels, key=lambda level: level not in (levels[0], levels[-1], 1.0))
        labels = (RowLabel(y, form.format(y), muted, has_tick=True) for y in ends_first)
        self.row_axis.set_labels(self._titles[0], tuple(labels), self._titles[1])

    def step_at(self, where: QPointF) -> float:
        """Return the denoising step at a place, in parts; its middle is a whole number."""
        return where.x() * self.merged - 0.5

    def column_of(self, step: float) -> float:
        """Return where the middle of a denoising step is."""
        return (step + 0.5) / self.merged


class RatePlot(LevelPlot):
    """Firing rates of two runs on the time axis of the curve above."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(tr("mean rate"), tr("rate"), parent)
        self.setAccessibleName(tr("Mean firing rate of all layers by denoising step"))
        self.item = RateLines()
        self.add(self.item)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)  # its figures are in the caption

    def set_lines(self, lines: tuple[RateLine, ...]) -> None:
        """Draw other lines."""
        self.item.set_lines(lines, self.levels, self.columns)

    def set_title(self, title: str, short_title: str) -> None:
        """Name the y axis; it is shown with the next range."""
        self._titles = title, short_title


class CurvePlot(LevelPlot):
    """The points can be dragged, added with a double click and removed with Delete.

    Keys: arrows move the selected point, with Shift ten times as far; Page up and Page down select
    the one before and after, Home and End the first and last; Insert (or +) adds one behind it.
    """

    pointSelected = Signal(int)  # noqa: N815
    pointDragged = Signal(int, float, float)  # noqa: N815  to a denoising step and a value
    pointNudged = Signal(int, int, int)  # noqa: N815  by steps and by thousandths
    pointAdded = Signal(float, float)  # noqa: N815
    pointRemoved = Signal(int)  # noqa: N815
    addRequested = Signal()  # noqa: N815  wherever there is room behind the selected one

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("threshold", "v_th", parent)
        self.setAccessibleName(tr("Threshold by denoising step"))
        self.item = CurveItem()
        self.add(self.item)
        self._dragged: int | None = None

    def set_picture(self, picture: CurvePicture) -> None:
        """Draw another curve."""
        self.item.set_picture(picture)

    @property
    def picture(self) -> CurvePicture | None:
        """The curve that is drawn."""
        return self.item.picture

    @property
    def _selected(self) -> int:
        picture = self.picture
        return (picture.selected or 0) if picture else 0

    def point_near(self, at: QPointF) -> int | None:
        """Return the point nearest to a place in pixels of the widget, if it is within reach."""
        if self.picture is None:
            return None
        far = [
            pg.Point(at - QPointF(self.pixel_of(QPointF(*point)))).length()
            for point in self.picture.points
        ]
        nearest = min(range(len(far)), key=lambda index: (far[index], index != self._selected))
        return nearest if far[nearest] <= theme.px(REACH) else None

    def pixel_of(self, where: QPointF) -> QPointF:
        """Return where columns and a value are in pixels of the widget."""
        return QPointF(self.mapFromScene(self.view_box.mapViewToScene(where)))

    def _at(self, event: QMouseEvent) -> QPointF:
        scene = self.mapToScene(event.position().toPoint())
        return QPointF(self.view_box.mapSceneToView(scene))

    # mouse ----------------------------------------------------------------------------------

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802  Qt override
        event.accept()
        if event.button() != Qt.MouseButton.LeftButton:
            return
        self._dragged = self.point_near(event.position())
        if self._dragged is not None:
            self.pointSelected.emit(self._dragged)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802  Qt override
        if self._dragged is None:
            super().mouseMoveEvent(event)
            near = self.point_near(event.position())
            self.item.set_hovered(near)
            shape = Qt.CursorShape.ArrowCursor if near is None else Qt.CursorShape.SizeAllCursor
            self.viewport().setCursor(shape)
            return
        where = self._at(event)
        self.pointDragged.emit(self._dragged, self.step_at(where), where.y())
        self.hovered.emit(where)
        event.accept()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:  # noqa: N802  Qt override
        self._dragged = None
        event.accept()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:  # noqa: N802  Qt override
        inside = self.view_box.sceneBoundingRect().contains(
            self.mapToScene(event.position().toPoint())
        )
        if event.button() == Qt.MouseButton.LeftButton and inside:
            if self.point_near(event.position()) is None:
                where = self._at(event)
                self.pointAdded.emit(self.step_at(where), where.y())
            self._dragged = self.point_near(event.position())
        event.accept()

    def leaveEvent(self, event: QEvent) -> None:  # noqa: N802  Qt override
        super().leaveEvent(event)
        self.item.set_hovered(None)

    # keyboard -------------------------------------------------------------------------------

    def event(self, event: QEvent) -> bool:
        # Its keys are its own, whatever commands of the window they are.
        if (
            event.type() == QEvent.Type.ShortcutOverride
            and isinstance(event, QKeyEvent)
            and self._is_mine(event)
        ):
            event.accept()
            return True
        return bool(super().event(event))

    def _is_mine(self, event: QKeyEvent) -> bool:
        plain = event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier
        key = Key(event.key())
        if plain == Qt.KeyboardModifier.ShiftModifier:
            return key in MOVES or key == Key.Key_Plus
        is_known = key in (*MOVES, *TURNS, *ADDS, *REMOVES, *ENDS)
        return plain == Qt.KeyboardModifier.NoModifier and is_known

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802  Qt override
        if self.picture is None or not self._is_mine(event):
            event.ignore()
            return
        key, number, selected = Key(event.key()), len(self.picture.points), self._selected
        if key in MOVES:
            is_far = bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)
            steps, thousandths = (each * (FAR if is_far else 1) for each in MOVES[key])
            self.pointNudged.emit(selected, steps, thousandths)
        elif key in TURNS:
            self.pointSelected.emit(min(max(selected + TURNS[key], 0), number - 1))
        elif key in ENDS:
            self.pointSelected.emit(ENDS[key] % number)
        elif key in ADDS:
            self.addRequested.emit()
        else:
            self.pointRemoved.emit(selected)

    def focusInEvent(self, event: QFocusEvent) -> None:  # noqa: N802  Qt override
        super().focusInEvent(event)
        self.item.set_focus(has_focus=True)
        if self.picture is not None and self.picture.selected is None:
            self.pointSelected.emit(0)

    def focusOutEvent(self, event: QFocusEvent) -> None:  # noqa: N802  Qt override
        super().focusOutEvent(event)
        self.item.set_focus(has_focus=False)
