"""Second window, for a second screen: the views of a few docks beside each other."""

from __future__ import annotations

from math import ceil, sqrt

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QCloseEvent, QScreen
from PySide6.QtWidgets import QSplitter, QVBoxLayout, QWidget

from spikestudio.app import theme
from spikestudio.app.dock import Dock
from spikestudio.app.views.parts import Caption
from spikestudio.app.widgets.dock_scroll import DockScroll
from spikestudio.language import tr

CHILDREN = Qt.FindChildOption.FindDirectChildrenOnly
FIRST_SIZE = QSize(960, 640)  # where it does not fill a screen of its own


class SecondWindow(QWidget):
    """Holds views that docks lent it; ``closed`` is for their owner, who takes them back."""

    closed = Signal()

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent, Qt.WindowType.Window)
        self.setWindowTitle(tr("SpikeStudio, second window"))
        self.setAccessibleName(tr("Second window"))
        self.setObjectName("second-window")
        self.panels: dict[str, Panel] = {}
        self._rows = QSplitter(Qt.Orientation.Vertical)
        self._rows.setChildrenCollapsible(False)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._rows)
        self.resize(FIRST_SIZE)

    def add(self, dock: Dock) -> None:
        """Take the view of a dock."""
        self.panels[dock.view.view_id] = Panel(dock)
        self._arrange()

    def remove(self, dock: Dock) -> None:
        """Give a view back to its dock."""
        panel = self.panels.pop(dock.view.view_id)
        panel.area.take()
        dock.take_back()
        panel.setParent(None)
        panel.deleteLater()
        self._arrange()

    def _arrange(self) -> None:
        """Put the panels into rows of equal length, as nearly as many rows as columns."""
        old = self._rows.findChildren(QSplitter, options=CHILDREN)
        panels = list(self.panels.values())
        columns = max(1, ceil(sqrt(len(panels))))
        for start in range(0, len(panels), columns):
            row = QSplitter(Qt.Orientation.Horizontal)
            row.setChildrenCollapsible(False)
            for panel in panels[start : start + columns]:
                row.addWidget(panel)
                panel.show()
            row.setSizes([1000] * row.count())
            self._rows.addWidget(row)
        for each in old:
            each.setParent(None)
            each.deleteLater()
        self._rows.setSizes([1000] * self._rows.count())

    def show_on(self, screen: QScreen | None) -> None:
        """Fill a screen; None opens an ordinary window."""
        if screen is None:
            self.showNormal()
            return
        self.setGeometry(screen.geometry())
        self.showFullScreen()

    def closeEvent(self, event: QCloseEvent) -> None:  # noqa: N802  Qt override
        super().closeEvent(event)
        self.closed.emit()


class Panel(QWidget):
    """Title and view of one dock."""

    def __init__(self, dock: Dock) -> None:
        super().__init__()
        self.setProperty("role", "surface")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.title = Caption(dock.view.title, role="title", token="text")
        self.area = DockScroll(dock.lend())
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, theme.SPACE, 0, 0)
        layout.setSpacing(0)
        head = QVBoxLayout()
        head.setContentsMargins(12, 0, 12, 0)
        head.addWidget(self.title)
        layout.addLayout(head)
        layout.addWidget(self.area, 1)
