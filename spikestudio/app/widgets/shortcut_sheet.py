"""All commands that have keys, with the keys in force."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil

from PySide6.QtCore import QSize, Qt
from PySide6.QtWidgets import QDialog, QGridLayout, QLabel, QScrollArea, QVBoxLayout, QWidget

from spikestudio.app import theme
from spikestudio.language import tr

COLUMNS = 2
MARGIN = 60  # of the screen, that stays free


class ShortcutSheet(QDialog):
    """What, and which keys; in two columns, which scroll where the screen is small."""

    def __init__(self, rows: Sequence[tuple[str, str]], parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle(tr("Shortcuts"))
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        title = QLabel(tr("Shortcuts"))
        theme.set_role(title, "title")
        note = QLabel(
            tr(
                "Plain keys go to the control that has the focus first; in a field they are text.\n"
                "Every key can be changed: Change keys, in the command palette and the help menu."
            )
        )
        theme.set_role(note, "caption")
        content = QWidget()
        grid = QGridLayout(content)
        grid.setContentsMargins(0, 0, 12, 0)
        grid.setHorizontalSpacing(4 * theme.SPACE)
        grid.setVerticalSpacing(2 * theme.SPACE)
        height = ceil(len(rows) / COLUMNS)
        for index, (text, keys) in enumerate(rows):
            column, row = divmod(index, height)
            key_label = QLabel(keys)
            theme.set_role(key_label, "keys")
            grid.addWidget(QLabel(text), row, 3 * column)
            grid.addWidget(key_label, row, 3 * column + 1, Qt.AlignmentFlag.AlignRight)
        for column in range(1, COLUMNS):
            grid.setColumnMinimumWidth(3 * column - 1, 6 * theme.SPACE)
        self._content = content
        self.area = QScrollArea()
        self.area.setWidget(content)
        self.area.setWidgetResizable(True)
        self.area.setAccessibleName(tr("Commands and their keys"))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(24, 16, 12, 24)
        layout.setSpacing(4 * theme.SPACE)
        layout.addWidget(title)
        layout.addWidget(self.area, 1)
        layout.addWidget(note)
        self.resize(self.sizeHint())  # Qt alone would take two thirds of the screen at most

    def sizeHint(self) -> QSize:  # noqa: N802  Qt override
        layout = self.layout()
        wanted = self._content.sizeHint() + QSize(60, 0)
        others = 0
        if layout is not None:
            others = layout.sizeHint().height() - self.area.sizeHint().height()
        room = self.screen().availableGeometry().size() - QSize(MARGIN, MARGIN)
        return QSize(max(wanted.width(), 420), wanted.height() + others + 8).boundedTo(room)
