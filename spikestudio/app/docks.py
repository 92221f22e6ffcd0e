"""The docks: which there are, what they look like, and how they are arranged and restored."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

from PySide6.QtCore import QByteArray, QEvent, QObject, QSize, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QMainWindow, QTabBar, QWidget

from spikestudio.app import theme
from spikestudio.app.actions import Actions
from spikestudio.app.context import Context
from spikestudio.app.dock import SIDE_WIDTHS, Dock
from spikestudio.app.layouts import DEFAULT, LAYOUTS, Split
from spikestudio.app.views.base import View
from spikestudio.app.views.bench import BenchView
from spikestudio.app.views.codebook import CodebookView
from spikestudio.app.views.compare import CompareView
from spikestudio.app.views.efficiency import EfficiencyView
from spikestudio.app.views.history import HistoryView
from spikestudio.app.views.image import ImageView
from spikestudio.app.views.layer_table import LayerTableView
from spikestudio.app.views.lesions import LesionsView
from spikestudio.app.views.lesson import LessonView
from spikestudio.app.views.library import LibraryView
from spikestudio.app.views.membrane import MembraneView
from spikestudio.app.views.model import ModelView
from spikestudio.app.views.mosaic import MosaicView
from spikestudio.app.views.neuron_lab import NeuronLabView
from spikestudio.app.views.notes import NotesView
from spikestudio.app.views.queue import QueueView
from spikestudio.app.views.raster import RasterView
from spikestudio.app.views.rates import RatesView
from spikestudio.app.views.sampler import SamplerView
from spikestudio.app.views.sweep import SweepView
from spikestudio.app.views.threshold_lab import ThresholdLabView
from spikestudio.app.views.timeline import TimelineView
from spikestudio.app.views.tokens import TokensView
from spikestudio.app.views.training import TrainingView
from spikestudio.app.views.vqsvae import VqsvaeView

__all__ = ["SIDE_WIDTHS", "STATE_VERSION", "Dock", "DockManager", "Views"]

AREA = (
    Qt.DockWidgetArea.TopDockWidgetArea
)  # all docks share one area: there is no centre to keep free
MOVING_EVENTS = frozenset(
    (
        QEvent.Type.Move,
        QEvent.Type.Resize,
        QEvent.Type.Show,
        QEvent.Type.Hide,
        QEvent.Type.ZOrderChange,
        QEvent.Type.ParentChange,
    )
)
NOWHERE = Qt.DockWidgetArea.NoDockWidgetArea
LESSON = "lesson"  # that no dock covers which is opened beside it
COLUMNS = (
    LESSON,
    "model",
    "sampler",
    "queue",
    "history",
    "notes",
)  # need no more room than a column
RESIZED_MS = 80  # after the last change of the window's size
STATE_VERSION = 2  # of saved arrangements; another one is not restored


class Views:
    """The content of every dock of one window."""

    def __init__(self, context: Context, actions: Actions) -> None:
        run = context.run
        self.model = ModelView(run, context.checkpoint)
        self.sampler = SamplerView(
            run, context.sampler, actions, is_wide=context.settings.wide_threshold
        )
        self.image = ImageView(run, fields=context.fields)
        self.raster = RasterView(run, context.jobs)
        self.membrane = MembraneView(run, context.timeline)
        self.rates = RatesView(run)
        self.tokens = TokensView(
            run, fields=context.fields, codebook=context.codebook, branching=context.branching
        )
        self.codebook = CodebookView(run, context.codebook)
        self.vqsvae = VqsvaeView(run, context.walks, context.codebook)
        self.timeline = TimelineView(run, context.timeline)
        self.mosaic = MosaicView(run, context.timeline)
        self.layers = LayerTableView(run, context.sampler)
        self.efficiency = EfficiencyView(run)
        self.lesions = LesionsView(run, context.lesions)
        self.thresholds = ThresholdLabView(
            run, context.thresholds, is_wide=context.settings.wide_threshold
        )
        self.sampler.wideChanged.connect(self.thresholds.set_wide)
        self.thresholds.wideChanged.connect(self.sampler.wide.setChecked)
        self.sweep = SweepView(run, context.sampler, context.sweeps)
        self.bench = BenchView(run, context.bench)
        self.neuron_lab = NeuronLabView(run, context.neuron_lab)
        self.training = TrainingView(run, context.training)
        self.library = LibraryView(run, context.library, context.doctor, context.checkpoint)
        self.history = HistoryView(
            *(run, context.timeline, context.history, context.comparison), sampler=context.sampler
        )
        self.queue = QueueView(run, context.queue)
        self.notes = NotesView(run, context.notes, actions)
        self.compare = CompareView(
            run, context.timeline, context.sampler, context.history, context.comparison
        )
        self.lesson = LessonView(run, context.lesson)
        self.plots = (
            *(self.queue, self.history, self.compare, self.thresholds),
            *(self.sweep, self.bench, self.training, self.neuron_lab, self.lesson),
            *(self.image, self.timeline, self.raster, self.membrane, self.mosaic, self.rates),
            *(self.tokens, self.codebook, self.vqsvae, self.layers, self.efficiency, self.lesions),
        )
        self._context = context
        context.checkpoint.loaded.connect(self._give_operations)
        context.timeline.cursorChanged.connect(self._look_at_cursor)
        context.timeline.liveChanged.connect(self._follow_or_look)
        for view in (self.rates, self.raster, self.membrane):
            view.seekRequested.connect(context.timeline.seek)

    def _give_operations(self) -> None:
        model = self._context.checkpoint.model
        operations, made = model.operations if model else None, self._context.run.result
        is_of_run = bool(model and made and model.card.tensors_sha256 == made.tensors_sha256)
        self.efficiency.set_operations(operations, is_of_run=is_of_run)
        self._context.codebook.set_info(model.codebook if model else None)

    def _look_at_cursor(self) -> None:
        # A live cursor moves with every step; a plot that was dragged back must stay where it is.
        if not self._context.timeline.is_live:
            self._follow_or_look()

    def _follow_or_look(self) -> None:
        timeline = self._context.timeline
        step, snn_step = timeline.cursor.step, timeline.cursor.snn_step
        is_live = timeline.is_live
        for view in (self.raster, self.membrane):
            view.plot.look_at(None if is_live else step * timeline.snn_steps + snn_step)
        for still in (self.image, self.tokens, self.codebook, self.vqsvae, self.rates):
            still.look_at(None if is_live else step)
        self.efficiency.look_at(None if is_live else step)

    def by_id(self) -> dict[str, View]:
        """Return the views by their ids, in the order of the menu."""
        views: tuple[View, ...] = (self.model, self.sampler, self.library, self.notes, *self.plots)
        return {view.view_id: view for view in views}


@dataclass(frozen=True, slots=True)
class Snapshot:
    """An arrangement of the docks; ``sizes`` are of those that no tab covers."""

    layout_name: str
    state: QByteArray
    is_open: frozenset[str]
    sizes: dict[str, QSize]
    form: Split | None


class DockManager(QObject):
    """Arranges the docks of a window after a named layout, and keeps arrangements."""

    layoutChanged = Signal(str)  # noqa: N815
    frontChanged = Signal()  # noqa: N815  other views are to be seen
    moved = Signal()  # docks or their tabs may lie above what was in front of them

    def __init__(self, window: QMainWindow, views: dict[str, View]) -> None:
        super().__init__(window)
        self._window = window
        self.docks = {view_id: Dock(view, window) for view_id, view in views.items()}
        self.layout_name = DEFAULT
        self._arranged: Split | None = None  # unless docks were restored
        self._form: Split | None = None  # that the window had room for when docks were arranged
        self._before_present: tuple[QByteArray, Qt.WindowState] | None = None
        self._open_before: set[Dock] = set()
        self._titles = QTimer(self)  # the tab bars exist only after the window has laid them out
        self._titles.setSingleShot(True)
        self._titles.timeout.connect(self._follow_tabs)
        self._resized = QTimer(self)  # a window is dragged through many sizes
        self._resized.setSingleShot(True)
        self._resized.setInterval(RESIZED_MS)
        self._resized.timeout.connect(self._follow_size)
        window.installEventFilter(self)
        theme.manager.changed.connect(self._resized.start)
        for view_id, dock in self.docks.items():
            window.addDockWidget(AREA, dock)
            dock.installEventFilter(self)
            dock.toggleViewAction().triggered.connect(partial(self._on_toggled, view_id))
            dock.visibilityChanged.connect(self.frontChanged)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802  Qt override
        if watched is self._window:
            if event.type() == QEvent.Type.Resize:
                self._resized.start()
            elif event.type() == QEvent.Type.LayoutRequest:
                self._titles.start(0)
        elif event.type() in MOVING_EVENTS:
            self._titles.start(0)
        return super().eventFilter(watched, event)

    @Slot()
    def _follow_tabs(self) -> None:
        self._hide_orphans()
        for dock in self.docks.values():
            dock.follow_tabs()
        self.moved.emit()

    def _hide_orphans(self) -> None:
        """Hide tab bars that Qt forgot when docks were arranged anew: of no tabs, or second ones."""
        bars = {
            bar: [dock for dock in self.docks.values() if dock.windowTitle() in _titles(bar)]
            for bar in self._window.findChildren(QTabBar)
            if bar.isVisible() and bar.count()
        }
        placed = {dock for bar, docks in bars.items() for dock in docks if _is_above(bar, dock)}
        for bar, docks in bars.items():
            is_used = not docks or any(
                other in docks for dock in docks for other in self._window.tabifiedDockWidgets(dock)
            )
            is_second = not any(_is_above(bar, dock) for dock in docks) and placed & set(docks)
            if not is_used or is_second:
                bar.hide()

    # layouts --------------------------------------------------------------------------------

    def apply(self, name: str) -> None:
        """Arrange the docks after a layout; those that it does not use are closed."""
        layout = LAYOUTS[name]
        self.layout_name = name
        self.layoutChanged.emit(name)  # first: it may change the text size, hence the room
        self._form = layout.form(*self.room())
        self.arrange(self._form)

    def room(self) -> tuple[float, float]:
        """Return width and height of the window, in pixels at normal text size."""
        scale = theme.manager.scale
        return self._window.width() / scale, self._window.height() / scale

    @property
    def form(self) -> Split:
        """The form of the layout in force that the window has room for."""
        return LAYOUTS[self.layout_name].form(*self.room())

    @property
    def is_narrow(self) -> bool:
        """Whether there is room for two docks beside each other only."""
        return self.form is LAYOUTS[self.layout_name].narrow

    def _on_toggled(self, view_id: str) -> None:
        if not self.docks[view_id].isHidden() and not self.is_presenting:
            self.bring(view_id)

    @Slot()
    def _follow_size(self) -> None:
        """Take the other form of a layout when the size calls for it, unless docks were changed."""
        if self.is_presenting or self._form in (None, self.form):
            return
        wanted = set(self._form.view_ids())
        is_theirs = wanted == {key for key, dock in self.docks.items() if not dock.isHidden()}
        if is_theirs and not any(dock.isFloating() for dock in self.docks.values()):
            self.apply(self.layout_name)

    def arrange(self, tree: Split) -> None:
        """Put exactly the docks of ``tree`` where it says."""
        size, focus = self._window.size(), self._window.focusWidget()
        self._window.setUpdatesEnabled(False)
        for dock in self.docks.values():
            dock.setFloating(False)
            self._window.removeDockWidget(dock)
        first = self._first(tree)
        self._window.addDockWidget(AREA, first)
        self._split(tree)
        for view_id in tree.view_ids():
            self.docks[view_id].show()
        if (window_layout := self._window.layout()) is not None:
            window_layout.activate()
        self._window.resize(size)  # docks that were narrow for a moment may have asked for more
        self._resize(tree)
        self._raise_first_tabs(tree)
        if focus is not None and focus.isVisible():  # its dock was away for a moment
            focus.setFocus(Qt.FocusReason.OtherFocusReason)
        self._window.setUpdatesEnabled(True)
        self._arranged = tree

    def settle(self) -> None:
        """Share out the room of a window that is shown for the first time: only now its size holds."""
        if self._arranged is not None:
            self._resize(self._arranged)

    def views_in_front(self) -> list[View]:
        """Return the views that no tab covers, and those in another window."""
        return [dock.view for dock in self.docks.values() if dock.is_in_front or dock.is_away]

    def columns(self) -> list[list[str]]:
        """Return the docks that are seen, by columns from the left, each from its top."""
        there = [
            dock
            for dock in self.docks.values()
            if dock.is_in_front and dock.isVisible() and not dock.isFloating()
        ]
        found: list[list[Dock]] = []
        for dock in sorted(there, key=lambda each: (each.x(), each.y())):
            if found and dock.x() < found[-1][0].geometry().center().x():
                found[-1].append(dock)
            else:
                found.append([dock])
        return [
            [dock.view.view_id for dock in sorted(column, key=lambda each: each.y())]
            for column in found
        ]

    def bring(self, view_id: str) -> None:
        """Open a dock if it is closed, in front of the tabs that it shares."""
        dock = self.docks[view_id]
        if dock.is_away:
            dock.view.window().activateWindow()
            return
        self._give_place(view_id)
        dock.show()
        dock.raise_()

    def _give_place(self, view_id: str) -> None:
        """Let a dock without one be a tab of the largest dock, or a column if it needs little room."""
        dock = self.docks[view_id]
        if dock.isFloating() or self._window.dockWidgetArea(dock) != NOWHERE:
            return
        there = [
            each
            for each in self.docks.values()
            if each.is_in_front
            and not each.isFloating()
            and each is not dock
            and each.view.view_id != LESSON
        ]
        if there and view_id not in COLUMNS:
            largest = max(there, key=lambda each: each.width() * each.height())
            self._window.tabifyDockWidget(largest, dock)
        else:
            self._window.addDockWidget(AREA, dock)

    def dock_in_use(self) -> Dock:
        """Return the dock that has the keyboard focus, else the image."""
        widget: QWidget | None = self._window.focusWidget()
        while widget is not None and not isinstance(widget, Dock):
            widget = widget.parentWidget()
        return widget if isinstance(widget, Dock) else self.docks["image"]

    def show_tokens(self, *, is_wanted: bool) -> None:
        """Bring the tokens to the front of their tabs, or what shares the tabs with them."""
        tokens = self.docks["tokens"]
        others = self._window.tabifiedDockWidgets(tokens)
        if is_wanted and others:
            tokens.raise_()
        elif others and tokens.is_in_front:
            others[0].raise_()

    def _first(self, part: Split | str) -> Dock:
        while isinstance(part, Split):
            part = part.parts[0]
        return self.docks[part]

    def _split(self, tree: Split) -> None:
        """Make room for every part, given that the first dock of ``tree`` fills its place."""
        firsts = [self._first(part) for part in tree.parts]
        for before, dock in pairwise(firsts):
            if tree.kind == "tabs":
                self._window.tabifyDockWidget(before, dock)
            else:
                self._window.splitDockWidget(before, dock, _orientation(tree))
        for part in tree.parts:
            if isinstance(part, Split):
                self._split(part)

    def _resize(self, tree: Split) -> None:
        if tree.kind != "tabs":
            is_row = tree.kind == "row"
            room = self._window.width() if is_row else self._window.height()
            sizes = [room * share // sum(tree.shares) for share in tree.shares]
            firsts = [self._first(part) for part in tree.parts]
            self._window.resizeDocks(firsts, sizes, _orientation(tree))
        for part in tree.parts:
            if isinstance(part, Split):
                self._resize(part)

    def _raise_first_tabs(self, tree: Split) -> None:
        if tree.kind == "tabs":
            self._first(tree).raise_()
        for part in tree.parts:
            if isinstance(part, Split):
                self._raise_first_tabs(part)

    def set_titles_shown(self, *, is_shown: bool) -> None:
        """Show titles and buttons of all docks, or the views alone."""
        for dock in self.docks.values():
            dock.set_bare(is_bare=not is_shown)

    def snapshot(self) -> Snapshot:
        """Return what ``put_back`` needs to bring this arrangement back."""
        is_open = frozenset(key for key, dock in self.docks.items() if not dock.isHidden())
        state = self._window.saveState(STATE_VERSION)
        sizes = {
            key: dock.size_of_place()
            for key, dock in self.docks.items()
            if key in is_open and dock.is_in_front and not dock.isFloating()
        }
        return Snapshot(self.layout_name, state, is_open, sizes, self._form)

    def put_back(self, snapshot: Snapshot, size: QSize) -> None:
        """Bring an arrangement back exactly, with its layout, in a window that has or gets a size."""
        if self.layout_name != snapshot.layout_name:
            self.layout_name = snapshot.layout_name
            self.layoutChanged.emit(self.layout_name)
        self._window.restoreState(snapshot.state, STATE_VERSION)
        for key, dock in self.docks.items():
            dock.setVisible(key in snapshot.is_open)
        if (window_layout := self._window.layout()) is not None:
            window_layout.activate()
        if not (self._window.isMaximized() or self._window.isFullScreen()):
            self._window.resize(size)  # Qt opened all docks for a moment, which asked for more
        self.share_out(snapshot)
        self._form, self._arranged = snapshot.form, None

    def share_out(self, snapshot: Snapshot) -> None:
        """Give docks the sizes that they had; how low one can be follows only once it is as wide."""
        docks = [self.docks[key] for key in snapshot.sizes]
        for orientation, lengths in (
            (Qt.Orientation.Horizontal, [each.width() for each in snapshot.sizes.values()]),
            (Qt.Orientation.Vertical, [each.height() for each in snapshot.sizes.values()]),
        ):
            self._window.resizeDocks(docks, lengths, orientation)

    # one dock on the whole screen -----------------------------------------------------------

    @property
    def is_presenting(self) -> bool:
        """Whether one dock fills the screen."""
        return self._before_present is not None

    def present(self, dock: Dock) -> None:
        """Let one dock fill the screen until ``end_present``."""
        if self._before_present is None:
            self._open_before = {dock for dock in self.docks.values() if not dock.isHidden()}
            self._before_present = (
                self._window.saveState(STATE_VERSION),
                self._window.windowState(),
            )
            self.arrange(Split("tabs", (dock.view.view_id,)))
            self._window.showFullScreen()

    def end_present(self) -> None:
        """Put everything back to where it was before ``present``."""
        if self._before_present is not None:
            state, window_state = self._before_present
            self._before_present = None
            self._window.setWindowState(window_state)
            self._window.restoreState(state, STATE_VERSION)
            for dock in self.docks.values():
                dock.setVisible(dock in self._open_before)

    # keeping --------------------------------------------------------------------------------

    def save(self) -> str:
        """Return the arrangement as text."""
        self.redock_lost()
        state = base64.b64encode(self._window.saveState(STATE_VERSION).data()).decode("ascii")
        is_open = [view_id for view_id, dock in self.docks.items() if not dock.isHidden()]
        return f"{state}:{','.join(is_open)}"  # Qt would open the docks that its state leaves out

    def restore(self, text: str, version: int) -> bool:
        """Bring back a saved arrangement; returns False, and changes nothing, if that is impossible."""
        encoded, _, is_open = text.partition(":")
        try:
            state = base64.b64decode(encoded, validate=True)
        except (binascii.Error, ValueError):
            return False
        if version != STATE_VERSION or not self._window.restoreState(
            QByteArray(state), STATE_VERSION
        ):
            return False
        self._arranged = None
        for view_id, dock in self.docks.items():
            dock.setVisible(view_id in is_open.split(","))
        self.redock_lost()
        self._form = self.form
        return True

    def redock_lost(self) -> None:
        """Dock the floating docks that no screen shows."""
        screens = [screen.availableGeometry() for screen in QGuiApplication.screens()]
        for dock in self.docks.values():
            title = dock.geometry()
            title.setHeight(theme.px(36))
            if dock.isFloating() and not any(screen.intersects(title) for screen in screens):
                dock.setFloating(False)


def _orientation(tree: Split) -> Qt.Orientation:
    return Qt.Orientation.Horizontal if tree.kind == "row" else Qt.Orientation.Vertical


def _titles(bar: QTabBar) -> set[str]:
    return {bar.tabText(index) for index in range(bar.count())}


def _is_above(bar: QTabBar, dock: Dock) -> bool:
    """Whether a tab bar stands where that of a dock in front does."""
    box, place = bar.geometry(), dock.geometry()
    is_there = abs(box.bottom() + 1 - place.top()) <= 2 and box.left() == place.left()
    return is_there and dock.is_in_front and not dock.isFloating()
