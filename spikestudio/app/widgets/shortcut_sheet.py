"""All commands that have keys, with the keys in force."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDialog, QGridLayout, QLabel, QVBoxLayout, QWidget

from spikestudio.app import theme


class ShortcutSheet(QDialog):
    """Two columns: what, and which keys."""

    def __init__(self, rows: Sequence[tuple[str, str]], parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle("Shortcuts")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        title = QLabel("Shortcuts")
        theme.set_role(title, "title")
        note = QLabel("Plain keys do nothing while you type in a field.")
        theme.set_role(note, "caption")
        grid = QGridLayout()
        grid.setHorizontalSpacing(8 * theme.SPACE)
        grid.setVerticalSpacing(2 * theme.SPACE)
        for index, (text, keys) in enumerate(rows):
            key_label = QLabel(keys)
            theme.set_role(key_label, "keys")
            grid.addWidget(QLabel(text), index, 0)
            grid.addWidget(key_label, index, 1, Qt.AlignmentFlag.AlignRight)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(24, 16, 24, 24)
        layout.setSpacing(4 * theme.SPACE)
        layout.addWidget(title)
        layout.addLayout(grid)
        layout.addWidget(note)
