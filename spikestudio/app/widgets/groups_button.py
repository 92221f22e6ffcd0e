"""Button that counts channels in some state and lists them when pressed."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QFrame, QListWidget, QListWidgetItem, QPushButton, QVBoxLayout

from spikestudio.app import theme
from spikestudio.language import tr

LIST_WIDTH, LIST_HEIGHT = 220, 260


class GroupsButton(QPushButton):
    """``12 dead``: opens a list of them, from which one is chosen."""

    groupChosen = Signal(int)  # noqa: N815

    def __init__(self, state: str, tip: str) -> None:
        super().__init__()
        self._state = state
        self._groups: list[int] = []
        self._name = tr("channel")
        self.setToolTip(tip)
        theme.set_role(self, "outline")
        self.clicked.connect(self.show_list)
        self.set_groups([], self._name, tip)

    def set_groups(self, groups: list[int], name: str, tip: str) -> None:
        """List these channels, or whatever ``name`` calls them."""
        self._groups, self._name = groups, name
        text = f"{len(groups):,} {self._state}"
        if text != self.text():
            self.setText(text)
        self.setToolTip(tip)
        self.setAccessibleDescription(tip)
        self.setEnabled(bool(groups))

    @Slot()
    def show_list(self) -> QListWidget:
        """Open the list below the button."""
        popup = QFrame(self, Qt.WindowType.Popup)
        popup.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        popup.setProperty("role", "popup")
        entries = QListWidget()
        entries.setAccessibleName(self.toolTip())
        for group in self._groups:
            item = QListWidgetItem(f"{self._name.capitalize()} {group:,}", entries)
            item.setData(Qt.ItemDataRole.UserRole, group)
        entries.itemActivated.connect(self._on_activated)
        entries.itemClicked.connect(self._on_activated)
        layout = QVBoxLayout(popup)
        layout.setContentsMargins(4, 4, 4, 4)
        layout.addWidget(entries)
        popup.resize(theme.px(LIST_WIDTH), theme.px(LIST_HEIGHT))
        popup.move(self.mapToGlobal(self.rect().bottomLeft()))
        popup.show()
        entries.setFocus()
        return entries

    @Slot(QListWidgetItem)
    def _on_activated(self, item: QListWidgetItem) -> None:
        item.listWidget().window().close()
        self.groupChosen.emit(item.data(Qt.ItemDataRole.UserRole))
