"""What every dock's content has in common: an id, help, an empty state, drawing only when visible."""

from __future__ import annotations

from typing import ClassVar

from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QWidget

from spikestudio.app.viewmodels.run import RunModel


class View(QWidget):
    """Content of one dock.

    Connect signals of the model to ``mark_dirty`` and draw in ``refresh``: a visible view is
    refreshed by the bridge's next frame, a hidden one when it is shown again.
    """

    view_id: ClassVar[str]
    title: ClassVar[str]
    help_text: ClassVar[str]  # at most 10 lines, with the mouse gestures

    def __init__(self, run: RunModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.run = run
        self._is_dirty = True
        self.setObjectName(self.view_id)
        self.setAccessibleName(self.title)

    def mark_dirty(self) -> None:
        """Ask for a ``refresh`` in the next frame in which the view is visible."""
        self._is_dirty = True

    def draw_if_needed(self) -> bool:
        """Refresh if dirty and visible; called once a frame. Returns whether it drew."""
        if not (self._is_dirty and self.isVisible()):
            return False
        self._is_dirty = False
        self.refresh()
        return True

    def refresh(self) -> None:
        """Draw the newest state of the model."""
        raise NotImplementedError

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802  Qt override
        super().showEvent(event)
        self.draw_if_needed()
