"""Presentation: the window without its bars and titles, large type, a ring around the pointer."""

from __future__ import annotations

from dataclasses import replace

from PySide6.QtCore import QEvent, QObject, QSize, Signal, Slot
from PySide6.QtGui import QAction, QGuiApplication, QKeySequence, QScreen, QShortcut
from PySide6.QtWidgets import QMainWindow, QMenu, QWidget

from spikestudio.app import theme
from spikestudio.app.dock import Dock
from spikestudio.app.docks import DockManager, Snapshot
from spikestudio.app.present_pointer import PointerRing
from spikestudio.app.present_second import SecondWindow
from spikestudio.language import tr

SCALE = 1.5  # of the text, at least, where the docks beside each other have room for it
COLUMN = 300  # pixels at normal text size that a dock needs


class Presentation(QObject):
    """Begins and ends a presentation, and lends docks to a second window.

    The end brings back everything that the beginning changed: arrangement of the docks, layout, text
    size, bars, full screen or not. The second window can be used without a presentation; it goes with
    the end of one, when it is closed, or when its screen is unplugged.

    Parameters
    ----------
    window
        The main window, whose menu widget and status bar are hidden meanwhile.
    docks
        Its docks.
    """

    changed = Signal()  # a presentation began or ended
    ringChanged = Signal(bool)  # noqa: N815  whether the pointer has a ring in presentations
    told = Signal(str)

    def __init__(self, window: QMainWindow, docks: DockManager) -> None:
        super().__init__(window)
        self._window, self._docks = window, docks
        self._before: Snapshot | None = None
        self._window_state = window.windowState()
        self._size = QSize()
        self._shown_again: Snapshot | None = None  # to be put back once the window has its size
        self.second: SecondWindow | None = None
        self._screen: QScreen | None = None  # that the second window fills
        self._was_open: set[str] = set()  # of the docks that it has
        self.rings: list[PointerRing] = []
        self.has_ring = not theme.is_motion_reduced()
        self.menu = SecondMenu(self, docks, window)
        self._escape = [self._shortcut(window)]
        window.installEventFilter(self)
        for dock in docks.docks.values():
            dock.toggleViewAction().triggered.connect(self._on_dock_wanted)
        app = QGuiApplication.instance()
        if isinstance(app, QGuiApplication):
            app.screenRemoved.connect(self._on_screen_removed)

    # the presentation -----------------------------------------------------------------------

    @property
    def is_active(self) -> bool:
        """Whether a presentation goes on: of all docks, or of a single one."""
        return self._before is not None or self._docks.is_presenting

    @Slot()
    def toggle(self) -> None:
        """Begin, or end."""
        if self.is_active:
            self.end()
        else:
            self._begin()

    @Slot()
    def toggle_dock(self) -> None:
        """Let the dock in use fill the screen, or bring the others back."""
        if self._docks.is_presenting:
            self._docks.end_present()
        else:
            dock = self._docks.dock_in_use()
            if not dock.is_away:
                self._docks.present(dock)
        self._follow()

    @Slot()
    def step_back(self) -> None:
        """Leave what was begun last: a single dock, then the presentation."""
        if self._docks.is_presenting and self._before is not None:
            self.toggle_dock()
        else:
            self.end()

    def end(self) -> None:
        """Bring back what was there before; nothing happens without a presentation."""
        if not self.is_active:
            return
        self._docks.end_present()
        before, self._before = self._before, None
        if before is not None:
            self.close_second()
            theme.manager.set_least_scale(1.0)
            self._docks.set_titles_shown(is_shown=True)
            self._follow()
            self._window.setWindowState(self._window_state)
            self._docks.put_back(before, self._size)
            self._shown_again = before
            self._put_back_again()
        self._follow()

    def _begin(self) -> None:
        found = self._docks.snapshot()
        self._before = replace(found, is_open=found.is_open | self._was_open)
        self._window_state, self._size = self._window.windowState(), self._window.size()
        self._follow()
        self._docks.set_titles_shown(is_shown=False)
        room = self._window.screen().size().width() / max(1, len(self._docks.columns()))
        theme.manager.set_least_scale(min(SCALE, max(1.0, room / COLUMN)))
        self._window.showFullScreen()
        if self.second is not None:
            self.second.show_on(self._other_screen())
        self.told.emit(tr("Presenting; Escape ends it."))  # the menus that say so are hidden

    def _follow(self) -> None:
        """Hide the bars and follow the pointer while a presentation goes on."""
        is_active = self.is_active
        for bar in (self._window.menuWidget(), self._window.statusBar()):
            if bar is not None:
                bar.setVisible(not is_active)
        for each in self._escape:
            each.setEnabled(is_active)
        self._follow_pointer()
        self.changed.emit()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802  Qt override
        if event.type() == QEvent.Type.Resize and watched is self._window:
            self._put_back_again()
        return False

    def _put_back_again(self) -> None:
        """Share out the room anew once the window has left the full screen, which takes a while."""
        before = self._shown_again
        if before is not None and self._window.size() == self._size and not self.is_active:
            self._shown_again = None
            self._docks.put_back(before, self._size)

    def _shortcut(self, window: QWidget) -> QShortcut:
        shortcut = QShortcut(QKeySequence("Escape"), window, self.step_back)
        shortcut.setEnabled(self.is_active)
        return shortcut

    # the pointer ----------------------------------------------------------------------------

    def show_ring_in(self, action: QAction) -> None:
        """Let an action switch the ring, and show whether there is one."""
        action.setCheckable(True)
        action.setIconVisibleInMenu(False)  # menus draw it in the place of the tick
        action.setChecked(self.has_ring)
        action.triggered.connect(self.toggle_ring)
        self.ringChanged.connect(action.setChecked)

    @Slot()
    def toggle_ring(self) -> None:
        """Surround the pointer with a ring in presentations, or no longer."""
        self.has_ring = not self.has_ring
        self._follow_pointer()
        self.ringChanged.emit(self.has_ring)

    def _follow_pointer(self) -> None:
        for ring in self.rings:
            ring.leave()
            ring.setParent(None)
            ring.deleteLater()
        self.rings = []
        if self.is_active and self.has_ring:
            windows = (self._window, self.second)
            self.rings = [PointerRing(each) for each in windows if each is not None]
            for ring in self.rings:
                ring.follow()

    # the second window ----------------------------------------------------------------------

    @property
    def lent(self) -> tuple[str, ...]:
        """Ids of the docks whose views are in the second window."""
        return tuple(self.second.panels) if self.second is not None else ()

    @Slot()
    def toggle_second(self) -> None:
        """Show the dock in use in the second window; of those there, the last one comes back."""
        dock = self._docks.dock_in_use()
        second = self.second
        is_there = second is not None and second.isActiveWindow()
        if is_there or dock.is_away:
            self.lend(self.lent[-1], is_lent=False)
        else:
            self.lend(dock.view.view_id, is_lent=True)

    def lend(self, view_id: str, *, is_lent: bool) -> None:
        """Show a dock's view in the second window, which opens with the first one, or in its dock."""
        dock = self._docks.docks[view_id]
        if is_lent == (view_id in self.lent):
            return
        if is_lent:
            if not dock.isHidden():
                self._was_open.add(view_id)
            if self.second is None:
                self._open_second()
            if self.second is not None:
                self.second.add(dock)
        else:
            self._give_back(dock)
            if not self.lent:
                self.close_second()
        self.changed.emit()

    def _open_second(self) -> None:
        self.second = second = SecondWindow(self._window)
        second.closed.connect(self.close_second)
        self._escape.append(self._shortcut(second))
        self._screen = self._other_screen()
        second.show_on(self._screen)
        self._follow_pointer()

    def _give_back(self, dock: Dock) -> None:
        if self.second is not None:
            self.second.remove(dock)
        dock.setVisible(dock.view.view_id in self._was_open or not dock.isHidden())
        self._was_open.discard(dock.view.view_id)

    @Slot()
    def close_second(self) -> None:
        """Give all views back to their docks, which open where they were, and close the window."""
        second = self.second
        if second is None:
            return
        for view_id in self.lent:
            self._give_back(self._docks.docks[view_id])
        self.second = self._screen = None
        self._escape = self._escape[:1]
        self._follow_pointer()
        second.hide()
        second.deleteLater()
        self.changed.emit()

    def _other_screen(self) -> QScreen | None:
        """Return a screen that the main window is not on; None where there is only one."""
        here = self._window.screen()
        return next((each for each in QGuiApplication.screens() if each is not here), None)

    @Slot(QScreen)
    def _on_screen_removed(self, screen: QScreen) -> None:
        if screen is self._screen or (self.second is not None and screen is self.second.screen()):
            self.close_second()

    @Slot(bool)
    def _on_dock_wanted(self, is_wanted: bool) -> None:
        """Bring a view back whose dock is opened from the menu."""
        action = self.sender()
        dock = action.parent() if isinstance(action, QAction) else None
        if is_wanted and isinstance(dock, Dock) and dock.is_away:
            self._was_open.add(dock.view.view_id)
            self.lend(dock.view.view_id, is_lent=False)


class SecondMenu(QMenu):
    """Which docks are in the second window."""

    def __init__(self, presentation: Presentation, docks: DockManager, parent: QWidget) -> None:
        super().__init__(tr("Second window"), parent)
        self._presentation = presentation
        self.setToolTipsVisible(True)
        self.choices: dict[str, QAction] = {}
        for view_id, dock in docks.docks.items():
            action = self.addAction(dock.view.title)
            action.setCheckable(True)
            action.setData(view_id)
            action.setToolTip(
                tr("Show {view} in a second window, for a second screen", view=dock.view.title)
            )
            self.choices[view_id] = action
        self.addSeparator()
        self.bring_back = self.addAction(tr("Bring all back"))
        self.bring_back.setToolTip(tr("Close the second window; its docks go back where they were"))
        self.triggered.connect(self._on_triggered)
        presentation.changed.connect(self._show)
        self._show()

    @Slot()
    def _show(self) -> None:
        lent = self._presentation.lent
        for view_id, action in self.choices.items():
            action.setChecked(view_id in lent)
        self.bring_back.setEnabled(bool(lent))

    @Slot(QAction)
    def _on_triggered(self, action: QAction) -> None:
        if action is self.bring_back:
            self._presentation.close_second()
        else:
            self._presentation.lend(action.data(), is_lent=action.isChecked())
