"""Box for a number that the wheel does not change by accident."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QWheelEvent
from PySide6.QtWidgets import QDoubleSpinBox

from spikestudio.app import theme


class NumberField(QDoubleSpinBox):
    """Emits ``edited`` when typing is done or an arrow key is pressed, never for ``set_number``.

    ``lowest`` is the word for the lowest number, such as ``automatic`` for 0.
    """

    edited = Signal(float)

    def __init__(
        self,
        name: str,
        tip: str,
        low: float,
        high: float,
        *,
        decimals: int = 0,
        unit: str = "",
        lowest: str = "",
    ) -> None:
        super().__init__()
        self.setDecimals(decimals)
        self.setRange(low, high)
        self.setSingleStep(1.0 if decimals < 2 else 0.1)
        self.setKeyboardTracking(False)
        self.setAlignment(Qt.AlignmentFlag.AlignRight)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.lineEdit().setTextMargins(0, 0, theme.SPACE, 0)
        if unit:
            self.setSuffix(f" {unit}")
        if lowest:
            self.setSpecialValueText(lowest)
        self.setAccessibleName(name)
        self.setToolTip(tip)
        self.setAccessibleDescription(tip)
        self._is_set_by_program = False
        self.valueChanged.connect(self._on_value_changed)

    def set_number(self, number: float) -> None:
        """Show a number; emits nothing."""
        self._is_set_by_program = True
        self.setValue(number)
        self._is_set_by_program = False

    @Slot(float)
    def _on_value_changed(self, number: float) -> None:
        if not self._is_set_by_program:
            self.edited.emit(number)

    def textFromValue(self, value: float) -> str:  # noqa: N802  Qt override
        return f"{value:.{self.decimals()}f}"

    def wheelEvent(self, event: QWheelEvent) -> None:  # noqa: N802  Qt override
        if self.hasFocus():
            super().wheelEvent(event)
        else:
            event.ignore()
