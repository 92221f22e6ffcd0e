"""Card with a few lines of help, closed by a click anywhere else."""

from __future__ import annotations

from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QFrame, QLabel, QVBoxLayout, QWidget

from spikestudio.app import theme

WIDTH = 340


class HelpCard(QFrame):
    """Title and text in a popup."""

    def __init__(self, title: str, text: str, parent: QWidget) -> None:
        super().__init__(parent, Qt.WindowType.Popup)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setProperty("role", "popup")
        self.setAccessibleName(f"Help: {title}")
        head = QLabel(title)
        theme.set_role(head, "title")
        self._column = layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 12, 16, 16)
        layout.setSpacing(2 * theme.SPACE)
        layout.addWidget(head)
        for line in text.splitlines():
            label = QLabel(line)
            label.setWordWrap(True)
            layout.addWidget(label)
        self.setFixedWidth(theme.px(WIDTH))

    def show_under(self, widget: QWidget) -> None:
        """Open below a widget, on its screen."""
        self.setFixedHeight(self._column.heightForWidth(self.width()))
        screen = widget.screen().availableGeometry()
        at = widget.mapToGlobal(QPoint(widget.width() - self.width(), widget.height() + 4))
        at.setX(min(max(at.x(), screen.left()), screen.right() - self.width()))
        at.setY(max(min(at.y(), screen.bottom() - self.height()), screen.top()))
        self.move(at)
        self.show()
