"""Field for a seed: any whole number that a request accepts, however long."""

from __future__ import annotations

from PySide6.QtCore import QRegularExpression, Qt, Signal, Slot
from PySide6.QtGui import QRegularExpressionValidator
from PySide6.QtWidgets import QLineEdit, QWidget

from spikestudio.language import tr

DIGITS = 19  # of the largest seed


class SeedBox(QLineEdit):
    """Emits ``edited`` when typing is done; ``set_seed`` emits nothing."""

    edited = Signal(object)  # a Python int: seeds are longer than a C int

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setValidator(QRegularExpressionValidator(QRegularExpression(f"[0-9]{{1,{DIGITS}}}")))
        self.setAlignment(Qt.AlignmentFlag.AlignRight)
        self.setAccessibleName(tr("Seed"))
        self.setToolTip(tr("Seed: the same number gives the same images"))
        self._seed = 0
        self.setText("0")
        self.editingFinished.connect(self._on_finished)

    def set_seed(self, seed: int) -> None:
        """Show a seed; what is being typed stays unless the seed is another one."""
        if seed != self._seed:
            self._seed = seed
            self.setText(str(seed))
            self.setCursorPosition(0)

    @Slot()
    def _on_finished(self) -> None:
        seed = int(self.text() or 0)
        self.setText(str(seed))
        if seed != self._seed:
            self.edited.emit(seed)
