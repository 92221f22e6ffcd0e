"""Token map and panel beside or below each other, whichever leaves the map larger."""

from __future__ import annotations

from PySide6.QtCore import QSize, Signal, Slot
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QBoxLayout, QWidget

from spikestudio.app import theme

GAP = 16
WORTH_IT = 130  # side of map and image, in pixels, below which the panel is left out


class TokenStage(QWidget):
    """The panel is hidden where it would make the map too small, or where it is not wanted."""

    roomChanged = Signal()  # noqa: N815

    def __init__(self, picture: QWidget, panel: QWidget) -> None:
        super().__init__()
        self._picture, self._panel = picture, panel
        self._is_wanted = True
        self.has_room = True
        self._row = QBoxLayout(QBoxLayout.Direction.LeftToRight, self)
        self._row.setContentsMargins(0, 0, 0, 0)
        self._row.setSpacing(GAP)
        self._row.setSizeConstraint(QBoxLayout.SizeConstraint.SetNoConstraint)
        self._row.addWidget(picture, 1)
        self._row.addWidget(panel)
        theme.manager.changed.connect(self._arrange)

    def set_panel_wanted(self, *, is_wanted: bool) -> None:
        """Show the panel where there is room, or never."""
        self._is_wanted = is_wanted
        self._arrange()

    def minimumSizeHint(self) -> QSize:  # noqa: N802  Qt override
        return self._picture.minimumSize()  # the panel gives way

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802  Qt override
        super().resizeEvent(event)
        self._arrange()

    @Slot()
    def _arrange(self) -> None:
        width, height = self.width(), self.height()
        hint = self._panel.sizeHint()
        beside = _side(width - hint.width() - GAP, height) if height >= hint.height() else 0
        below = _side(width, height - hint.height() - GAP) if width >= hint.width() else 0
        is_below = below > beside
        direction = QBoxLayout.Direction
        self._row.setDirection(direction.TopToBottom if is_below else direction.LeftToRight)
        had_room, self.has_room = self.has_room, max(beside, below) >= theme.px(WORTH_IT)
        self._panel.setVisible(self._is_wanted and self.has_room)
        if had_room != self.has_room:
            self.roomChanged.emit()


def _side(width: int, height: int) -> int:
    """Return about how large map and image can be beside or below each other."""
    return max(min(width // 2, height), min(width, height // 2))
