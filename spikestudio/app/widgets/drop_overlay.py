"""Cover of the whole window while a file is held over it: says what letting go will do."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QWidget

from spikestudio.app import theme


class DropOverlay(QWidget):
    """Shown over a window; lets every event through."""

    def __init__(self, window: QWidget) -> None:
        super().__init__(window)
        self._window = window
        self.text = ""
        self._is_welcome = True
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.hide()

    def announce(self, text: str, *, is_welcome: bool) -> None:
        """Cover the window and say what will happen; not welcome means that nothing will."""
        self.text, self._is_welcome = text, is_welcome
        self.setAccessibleName(text)
        self.setGeometry(self._window.rect())
        self.raise_()
        self.show()
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802  Qt override
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.fillRect(self.rect(), theme.color("bg", 0.8))
        painter.setPen(QPen(theme.color("accent" if self._is_welcome else "error"), 3))
        painter.drawRoundedRect(self.rect().adjusted(8, 8, -8, -8), theme.RADIUS, theme.RADIUS)
        painter.setFont(theme.font("figure"))
        painter.setPen(theme.color("text"))
        painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter, self.text)
