"""A dock: a view in a scroll area, below a title bar of the window's own look."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt, Slot
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QDockWidget, QHBoxLayout, QMainWindow, QTabBar, QWidget

from spikestudio.app import theme
from spikestudio.app.views.base import View
from spikestudio.app.views.parts import Caption
from spikestudio.app.widgets.dock_scroll import DockScroll
from spikestudio.app.widgets.help_card import HelpCard
from spikestudio.app.widgets.icons import IconButton
from spikestudio.language import tr

SIDE_VIEWS = ("model", "sampler")
SIDE_WIDTHS = (300, 340)  # of docks that hold controls: a wider one would only hold air
NARROWEST = 220  # at which the controls still fit; only large text makes use of it
NO_LIMIT = 16_777_215  # Qt's largest width


class Dock(QDockWidget):
    """A view with a title bar of the window's own look."""

    def __init__(self, view: View, window: QMainWindow) -> None:
        super().__init__(view.title, window)
        self.view = view
        self.setObjectName(f"dock-{view.view_id}")
        self.setAccessibleName(view.title)
        view.setProperty("role", "surface")
        view.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.area = DockScroll(view)
        self.setWidget(self.area)
        self.buttons = DockButtons(self)
        self.title_bar = TitleBar(view.title, self.buttons)
        self.setTitleBarWidget(self.title_bar)
        self._window = window
        self.is_bare = False  # without title and buttons, as in a presentation
        self.is_away = False  # its view is in another window
        self.is_in_front = True  # False while another tab covers it: Qt calls both visible
        self.visibilityChanged.connect(self._on_visibility_changed)
        self.topLevelChanged.connect(self._limit_width)
        theme.manager.changed.connect(self._limit_width)
        self._limit_width()

    @Slot(bool)
    def _on_visibility_changed(self, is_in_front: bool) -> None:
        self.is_in_front = is_in_front

    @Slot()
    def _limit_width(self) -> None:
        if self.view.view_id in SIDE_VIEWS:
            low, high = SIDE_WIDTHS
            self.setMinimumWidth(min(theme.px(low), theme.px(NARROWEST) + low - NARROWEST))
            self.setMaximumWidth(NO_LIMIT if self.isFloating() else theme.px(high))

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802  Qt override
        super().paintEvent(event)
        if self.isFloating():
            painter = QPainter(self)
            painter.setPen(theme.color("border"))
            painter.drawRect(self.rect().adjusted(0, 0, -1, -1))

    @Slot()
    def follow_tabs(self) -> None:
        """Let the tab be the title where the dock is one of several tabs."""
        bar = self._tab_bar()
        if self.is_bare and not self.isFloating():
            self.title_bar.give_buttons(self._window)
            self.buttons.hide()
        elif bar is None:
            self.title_bar.take_buttons()
        else:
            self.title_bar.give_buttons(self._window)
            size = self.buttons.sizeHint()
            area = bar.geometry()
            right = min(area.right(), self.geometry().right())
            self.buttons.setGeometry(
                right - size.width() - 5,
                area.top() + (area.height() - size.height()) // 2,
                size.width(),
                size.height(),
            )
            last = bar.tabRect(bar.count() - 1).translated(area.topLeft())
            has_room = last.right() < self.buttons.x()
            self.buttons.setVisible(has_room and self.is_in_front)
            self.buttons.raise_()

    def set_bare(self, *, is_bare: bool) -> None:
        """Show the view alone, or with title and buttons; a floating dock always has them."""
        self.is_bare = is_bare
        self.follow_tabs()

    def lend(self) -> View:
        """Close the dock and hand over its view to another window, until ``take_back``."""
        self.is_away = True
        self.hide()
        self.area.take()
        return self.view

    def take_back(self) -> None:
        """Have the view in the dock again."""
        self.is_away = False
        self.area.put(self.view)

    def size_of_place(self) -> QSize:
        """Return the size of the dock and of the bar of its tabs, if it is one of several."""
        bar = self._tab_bar()
        return self.size() + QSize(0, bar.height() if bar is not None else 0)

    def _tab_bar(self) -> QTabBar | None:
        """Return the bar whose tab in front is this dock."""
        if self.isFloating() or not self._window.tabifiedDockWidgets(self):
            return None
        for bar in self._window.findChildren(QTabBar):
            tabs = [bar.tabText(index) for index in range(bar.count())]
            if bar.isVisible() and self.windowTitle() in tabs:
                if bar.elideMode() is not Qt.TextElideMode.ElideRight:
                    bar.setElideMode(Qt.TextElideMode.ElideRight)  # lays out, even what it had
                return bar
        return None


class DockButtons(QWidget):
    """Help, float and close of one dock."""

    def __init__(self, dock: Dock) -> None:
        super().__init__(dock)
        self._dock = dock
        title = dock.view.title
        self.help = IconButton(
            "mdi6.help-circle-outline", tr("Help for {title} (F1)", title=title), size=16
        )
        self.float = IconButton(
            "mdi6.dock-window", tr("Float {title}, or dock it again", title=title), size=16
        )
        self.close_button = IconButton("mdi6.close", tr("Close {title}", title=title), size=16)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(2)
        for button in (self.help, self.float, self.close_button):
            row.addWidget(button)
        self.help.clicked.connect(self.show_help)
        self.float.clicked.connect(self._toggle_floating)
        self.close_button.clicked.connect(dock.close)

    @Slot()
    def show_help(self) -> None:
        """Show the dock's help card under the button."""
        HelpCard(self._dock.view.title, self._dock.view.help_text, self._dock).show_under(self.help)

    @Slot()
    def _toggle_floating(self) -> None:
        self._dock.setFloating(not self._dock.isFloating())


class TitleBar(QWidget):
    """Title and buttons of a dock; empty while the dock is a tab, whose bar then shows both."""

    def __init__(self, title: str, buttons: DockButtons) -> None:
        super().__init__()
        self.setProperty("role", "dock-title")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._label, self._buttons = Caption(title, role="title", token="text"), buttons
        self._row = QHBoxLayout(self)
        self._row.setContentsMargins(12, 0, 6, 0)
        self._row.addWidget(self._label, 1)
        self._row.addWidget(buttons)
        self._is_empty = False

    def take_buttons(self) -> None:
        """Be the title bar."""
        if self._is_empty:
            self._is_empty = False
            self._row.addWidget(self._buttons)
            self._buttons.show()
            self._label.show()
            self._row.setContentsMargins(12, 0, 6, 0)
            self._resize()

    def give_buttons(self, window: QWidget) -> None:
        """Hand the buttons to the window, which has the tab bar, and take no room."""
        if not self._is_empty:
            self._is_empty = True
            self._row.removeWidget(self._buttons)
            self._buttons.setParent(window)
            self._label.hide()
            self._row.setContentsMargins(0, 0, 0, 0)
            self._resize()

    def _resize(self) -> None:
        """Take the new height at once, not with the next layout of the window."""
        self.updateGeometry()
        dock = self.parentWidget()
        if dock is not None and (dock_layout := dock.layout()) is not None:
            dock_layout.activate()

    def minimumSizeHint(self) -> QSize:  # noqa: N802  Qt override
        return QSize(theme.px(120), 0 if self._is_empty else theme.title_height())

    def sizeHint(self) -> QSize:  # noqa: N802  Qt override
        return self.minimumSizeHint()
