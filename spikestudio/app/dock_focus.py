"""The way from dock to dock by keyboard, with a frame around the one that was gone to."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, QRect, Qt, Slot
from PySide6.QtGui import QGuiApplication, QPainter, QPaintEvent, QRegion
from PySide6.QtWidgets import QApplication, QMainWindow, QTabBar, QWidget
from shiboken6 import isValid

from spikestudio.app import theme
from spikestudio.app.docks import Dock, DockManager

LINE = 2  # pixels


class DockFocus(QObject):
    """Goes round the toolbar and the docks that can be seen, in reading order of their columns."""

    def __init__(self, window: QMainWindow, manager: DockManager) -> None:
        super().__init__(window)
        self._window, self._manager = window, manager
        self._last: dict[QWidget, QWidget] = {}  # what had the focus in a place
        self.frame = FocusFrame(window)
        app = QApplication.instance()
        assert isinstance(app, QApplication)
        app.focusChanged.connect(self._on_focus_changed)

    def places(self) -> list[QWidget]:
        """Return the toolbar and the docks that no tab covers."""
        bar = self._window.menuWidget()
        docks = [dock for dock in self._manager.docks.values() if dock.is_in_front]
        docks = [dock for dock in docks if dock.isVisible()]
        docks.sort(key=lambda dock: (dock.isFloating(), dock.x(), dock.y()))
        return [*([bar] if bar is not None and bar.isVisible() else []), *docks]

    def go(self, steps: int) -> None:
        """Go on by so many places, or back."""
        places, here = self.places(), self._place_of(QApplication.focusWidget())
        if not places:
            return
        if here in places:
            self.enter(places[(places.index(here) + steps) % len(places)])
        else:
            self.enter(places[0 if steps > 0 else -1])

    def turn(self, steps: int) -> None:
        """Bring another one of the docks that share their place with the one in use to the front."""
        dock = self._manager.dock_in_use()
        for bar in self._window.findChildren(QTabBar):
            titles = [bar.tabText(index) for index in range(bar.count())]
            if bar.isVisible() and dock.windowTitle() in titles and len(titles) > 1:
                place = (titles.index(dock.windowTitle()) + steps) % len(titles)
                for other in self._manager.docks.values():
                    if other.windowTitle() == titles[place]:
                        other.raise_()
                        self.enter(other)
                return

    def open(self, view_id: str) -> None:
        """Open a dock if it is closed, and go to it."""
        self._manager.bring(view_id)
        self.enter(self._manager.docks[view_id])

    def enter(self, place: QWidget) -> None:
        """Give the focus to what had it last in a place, else to its first control."""
        if isinstance(place, Dock) and place.isFloating():
            place.activateWindow()
        last = self._last.get(place)
        if last is None or not isValid(last) or not _can_have_focus(last):
            content = place.view if isinstance(place, Dock) else place
            last = next(filter(_can_have_focus, _in_tab_order(content)), content)
        last.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.frame.show_around(place)

    def _place_of(self, widget: QWidget | None) -> QWidget | None:
        bar = self._window.menuWidget()
        while widget is not None and not isinstance(widget, Dock) and widget is not bar:
            widget = widget.parentWidget()
        return widget

    @Slot(QWidget, QWidget)
    def _on_focus_changed(self, _old: QWidget | None, new: QWidget | None) -> None:
        place = self._place_of(new)
        if place is not None and new is not None:
            self._last[place] = new
        if self.frame.place is None or new is None:  # a dialog or another window has the focus now
            return
        if place is None or QGuiApplication.mouseButtons() != Qt.MouseButton.NoButton:
            self.frame.leave()
        elif place is not self.frame.place:
            self.frame.show_around(place)


class FocusFrame(QWidget):
    """A line along the inner edge of a widget, which takes part in nothing."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.place: QWidget | None = None
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.hide()

    def show_around(self, place: QWidget) -> None:
        """Frame a widget, and no other one."""
        if self.place is not None and self.place is not place:
            self.place.removeEventFilter(self)
        if self.place is not place:
            place.installEventFilter(self)
        self.place = place
        self.setParent(place)
        self._fit(place.rect())
        self.show()
        self.raise_()

    def leave(self) -> None:
        """Frame nothing."""
        if self.place is not None:
            self.place.removeEventFilter(self)
        self.place = None
        self.hide()

    def _fit(self, box: QRect) -> None:
        self.setGeometry(box)
        inner = box.adjusted(LINE, LINE, -LINE, -LINE)
        self.setMask(QRegion(box) - QRegion(inner))  # what it surrounds is painted without it

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802  Qt override
        if watched is self.place and event.type() == QEvent.Type.Resize and self.place is not None:
            self._fit(self.place.rect())
        return super().eventFilter(watched, event)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802  Qt override
        QPainter(self).fillRect(self.rect(), theme.color("accent"))


def _can_have_focus(widget: QWidget) -> bool:
    takes_tab = bool(widget.focusPolicy() & Qt.FocusPolicy.TabFocus)
    return widget.isVisible() and widget.isEnabled() and takes_tab


def _in_tab_order(place: QWidget) -> list[QWidget]:
    """Return the widgets within a place as the Tab key goes through them."""
    found: list[QWidget] = []
    widget = place.nextInFocusChain()
    while widget is not None and widget is not place:
        if place.isAncestorOf(widget):
            found.append(widget)
        widget = widget.nextInFocusChain()
    return found
