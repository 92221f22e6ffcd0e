"""Scroll area around the content of a dock, for windows that are too small for its text size."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, QSize, Qt, Slot
from PySide6.QtGui import QKeyEvent, QResizeEvent
from PySide6.QtWidgets import QFrame, QLabel, QScrollArea, QStackedWidget, QWidget

from spikestudio.app import theme
from spikestudio.language import tr

AWAY = tr("This dock is in the second window.")


class DockScroll(QScrollArea):
    """Gives its content the whole dock, or the least that it needs and scroll bars.

    It asks for no more room than the content needs at normal text size: larger text makes docks
    scroll and never makes the window grow. Qt's own way of resizing the content would go by its
    preferred height, which for plots is far more than the least one.
    """

    def __init__(self, content: QWidget, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAsNeeded)
        self.content = content
        self._least = QSize()
        self.put(content)
        theme.manager.changed.connect(self.fit)

    def put(self, content: QWidget) -> None:
        """Show a widget."""
        self.content = content
        self.setWidget(content)
        for each in (content, self.viewport()):
            each.setAutoFillBackground(False)  # the dock paints below them
        content.show()
        self.fit()

    def take(self) -> None:
        """Give the content away; a sentence takes its place."""
        self.takeWidget()
        sentence = QLabel(AWAY)
        sentence.setWordWrap(True)
        sentence.setAlignment(Qt.AlignmentFlag.AlignCenter)
        theme.set_role(sentence, "muted")
        self.put(sentence)

    def minimumSizeHint(self) -> QSize:  # noqa: N802  Qt override
        return self._needed() / theme.manager.scale

    def sizeHint(self) -> QSize:  # noqa: N802  Qt override
        return self.content.sizeHint().expandedTo(self.minimumSizeHint())

    def _needed(self) -> QSize:
        content = self.content
        return _inmost(content).minimumSizeHint().expandedTo(content.minimumSize())

    def _height_for(self, width: int) -> int:
        """Return the least height of the content at a width."""
        content = self.content
        inmost = _inmost(content)
        layout = inmost.layout()
        if layout is None or not layout.hasHeightForWidth():
            height = inmost.minimumSizeHint().height()
        else:
            height = layout.minimumHeightForWidth(width)
        return max(height, content.minimumHeight())

    @Slot()
    def fit(self) -> None:
        """Size the content after the room there is."""
        needed, room = self._needed(), self.maximumViewportSize()
        width = max(room.width(), needed.width())
        if width > room.width():
            room -= QSize(0, self.horizontalScrollBar().sizeHint().height())
        height = self._height_for(width)
        if height > room.height():
            width = max(room.width() - self.verticalScrollBar().sizeHint().width(), needed.width())
            height = self._height_for(width)
        self.content.resize(width, max(height, room.height()))
        least = self.minimumSizeHint()
        if least != self._least:
            self._least = least
            self.updateGeometry()

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802  Qt override
        super().resizeEvent(event)
        self.fit()

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802  Qt override
        event.ignore()  # arrows and their kind are commands of the window

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802  Qt override
        is_handled = super().eventFilter(watched, event)
        if event.type() == QEvent.Type.LayoutRequest and watched is self.content:
            self.fit()
        return is_handled


def _inmost(content: QWidget) -> QWidget:
    """Return what a content is all about: of a stack only the page that is shown asks for room."""
    while True:
        if isinstance(content, QStackedWidget):
            inner = content.currentWidget()
        else:
            layout = content.layout()
            only = layout.itemAt(0) if layout is not None and layout.count() == 1 else None
            is_all = only is not None and layout is not None and layout.contentsMargins().isNull()
            inner = only.widget() if only is not None and is_all else None
        if inner is None:
            return content
        content = inner
