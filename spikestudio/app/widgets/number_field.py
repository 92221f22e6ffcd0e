"""Box for a number that the wheel does not change by accident."""

from __future__ import annotations

import math
import re

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QValidator, QWheelEvent
from PySide6.QtWidgets import QDoubleSpinBox

from spikestudio.app import theme

FRACTION = re.compile(r"(\d{1,3})(?:/(\d{0,3}))?")  # such as 1/3, still being typed or done


def _with_point(text: str) -> str:
    return text.replace(",", ".")


class NumberField(QDoubleSpinBox):
    """Emits ``edited`` when typing is done or an arrow key is pressed, never for ``set_number``.

    ``lowest`` is the word for the lowest number, such as ``automatic`` for 0. A comma can be
    typed for the point, and where ``takes_fractions`` says so ``1/3`` for a number.
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
        takes_fractions: bool = False,
    ) -> None:
        super().__init__()
        self._takes_fractions = takes_fractions
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

    def valueFromText(self, text: str) -> float:  # noqa: N802  Qt override
        fraction = self._fraction(text)
        return super().valueFromText(_with_point(text)) if fraction is None else fraction

    def validate(self, text: str, position: int) -> tuple[QValidator.State, str, int]:
        word = self.specialValueText()
        if word and word in text and text != word:  # typed beside the word, which gives way
            position -= len(word) if text.index(word) < position else 0
            text = text.replace(word, "")
        if (fraction := self._fraction(text)) is None:
            found: tuple[QValidator.State, str, int] = super().validate(_with_point(text), position)
            return found
        is_there = self.minimum() <= fraction <= self.maximum()
        state = QValidator.State.Acceptable if is_there else QValidator.State.Intermediate
        return state, text, position  # 2 may become 2/3

    def fixup(self, text: str) -> str:
        # Else Qt would go back to the number that the first digit was.
        return text if self._fraction(text) is None else self.textFromValue(self.minimum())

    def _fraction(self, text: str) -> float | None:
        """Return the number that a fraction is, NaN before its end; None: it is not one."""
        found = FRACTION.fullmatch(text.removesuffix(self.suffix()).strip())
        if found is None or not self._takes_fractions:
            return None
        numerator, denominator = found.groups(default="1")
        return int(numerator) / int(denominator) if int(denominator or 0) else math.nan

    def wheelEvent(self, event: QWheelEvent) -> None:  # noqa: N802  Qt override
        if self.hasFocus():
            super().wheelEvent(event)
        else:
            event.ignore()
