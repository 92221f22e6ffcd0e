"""Combo box of (text, value) pairs that the wheel does not change by accident."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QWheelEvent
from PySide6.QtWidgets import QComboBox, QSizePolicy, QWidget


class ChoiceBox(QComboBox):
    """Emits ``chosen`` with the value, only when the user chooses."""

    chosen = Signal(object)

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._values: list[object] = []
        self.setAccessibleName(name)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.activated.connect(self._on_activated)

    def set_choices(self, choices: Sequence[tuple[str, object]]) -> None:
        """Replace all choices; the value stays if it is still among them."""
        value = self._values[self.currentIndex()] if self._values else None
        self.clear()
        self.addItems([text for text, _ in choices])
        self._values = [value for _, value in choices]
        self.set_choice(value)

    def set_choice(self, value: object) -> None:
        """Show a value; one that is not among the choices shows the first."""
        self.setCurrentIndex(self._values.index(value) if value in self._values else 0)

    @property
    def choice(self) -> object:
        """The value that is shown."""
        return self._values[self.currentIndex()]

    @Slot(int)
    def _on_activated(self, index: int) -> None:
        self.chosen.emit(self._values[index])

    def wheelEvent(self, event: QWheelEvent) -> None:  # noqa: N802  Qt override
        if self.hasFocus():
            super().wheelEvent(event)
        else:
            event.ignore()
