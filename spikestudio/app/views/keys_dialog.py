"""Dialog in which commands are given other keys."""

from __future__ import annotations

from PySide6.QtCore import Qt, Slot
from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import (
    QAbstractItemView,
    QDialog,
    QHBoxLayout,
    QHeaderView,
    QKeySequenceEdit,
    QLabel,
    QLineEdit,
    QPushButton,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from spikestudio.app import theme
from spikestudio.app.actions import Actions, keys_text
from spikestudio.app.commands import COMMANDS
from spikestudio.app.views.parts import Caption
from spikestudio.errors import ConfigError
from spikestudio.language import tr, tr_in

WIDTH, HEIGHT = 560, 560
HINT = tr("Choose a command, press the keys it is to have, then Add or Replace.")


class KeysDialog(QDialog):
    """All commands with their keys; a key that another command has is refused, with its name."""

    def __init__(self, commands: Actions, parent: QWidget) -> None:
        super().__init__(parent)
        self._commands = commands
        self.setWindowTitle(tr("Keys"))
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.filter = QLineEdit()
        self.filter.setPlaceholderText(tr("Find a command or a key"))
        self.filter.setAccessibleName(tr("Find a command or a key"))
        self.filter.setToolTip(tr("List only commands whose name or keys hold these letters"))
        self.list = QTreeWidget()
        self.list.setColumnCount(2)
        self.list.setHeaderLabels([tr("Command"), tr("Keys")])
        self.list.setRootIsDecorated(False)
        self.list.setUniformRowHeights(True)
        self.list.setAccessibleName(tr("Commands and their keys"))
        self.list.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.list.header().setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        self.list.header().setSectionResizeMode(1, QHeaderView.ResizeMode.ResizeToContents)
        self.list.header().setStretchLastSection(False)
        self.keys = QKeySequenceEdit()
        self.keys.setMaximumSequenceLength(1)
        self.keys.setClearButtonEnabled(True)
        self.keys.setAccessibleName(tr("New keys"))
        self.keys.setToolTip(tr("Press the keys that the command is to have"))
        self.add = self._button(tr("Add"), tr("Give the command these keys besides those it has"))
        self.replace = self._button(tr("Replace"), tr("Give the command these keys alone"))
        self.take_away = self._button(tr("No keys"), tr("Let the command have no keys"))
        self.reset = self._button(
            tr_in("keys", "Reset"), tr("Give the command its first keys again")
        )
        self.reset_all = self._button(
            tr("Reset all"), tr("Give every command its first keys again")
        )
        self.close_button = self._button(
            tr("Close"), tr("Close this dialog; changes hold at once (Esc)")
        )
        self.note = Caption(HINT)
        self.message = QLabel()
        self.message.setWordWrap(True)
        self.message.setTextFormat(Qt.TextFormat.PlainText)
        theme.set_role(self.message, "warn")
        self._build()
        self.filter.textChanged.connect(self._fill)
        commands.keysChanged.connect(self._fill)
        self.list.currentItemChanged.connect(self._on_chosen)
        self.keys.keySequenceChanged.connect(self._follow)
        self.add.clicked.connect(self._on_add)
        self.replace.clicked.connect(self._on_replace)
        self.take_away.clicked.connect(self._on_take_away)
        self.reset.clicked.connect(self._on_reset)
        self.reset_all.clicked.connect(self._on_reset_all)
        self.close_button.clicked.connect(self.accept)
        self._fill()

    def _button(self, text: str, tip: str) -> QPushButton:
        button = QPushButton(text)
        button.setToolTip(tip)
        button.setAutoDefault(False)
        theme.set_role(button, "outline")
        return button

    def _build(self) -> None:
        title = QLabel(tr("Keys"))
        theme.set_role(title, "title")
        first, last = QHBoxLayout(), QHBoxLayout()
        for row in (first, last):
            row.setSpacing(2 * theme.SPACE)
        first.addWidget(self.keys, 1)
        for button in (self.add, self.replace, self.take_away, self.reset):
            first.addWidget(button)
        last.addWidget(self.reset_all)
        last.addStretch(1)
        last.addWidget(self.close_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(24, 16, 24, 16)
        layout.setSpacing(2 * theme.SPACE)
        for widget in (title, self.filter):
            layout.addWidget(widget)
        layout.addWidget(self.list, 1)
        layout.addLayout(first)
        layout.addWidget(self.message)
        layout.addWidget(self.note)
        layout.addLayout(last)
        room = self.screen().availableGeometry().size()
        self.resize(
            min(theme.px(WIDTH), room.width() - 40), min(theme.px(HEIGHT), room.height() - 60)
        )

    @property
    def chosen(self) -> str:
        """Id of the command that is chosen; empty if none is."""
        item = self.list.currentItem()
        return "" if item is None else str(item.data(0, Qt.ItemDataRole.UserRole))

    def choose(self, command_id: str) -> None:
        """Choose a command."""
        for row in range(self.list.topLevelItemCount()):
            item = self.list.topLevelItem(row)
            if item is not None and item.data(0, Qt.ItemDataRole.UserRole) == command_id:
                self.list.setCurrentItem(item)

    @Slot()
    def _fill(self) -> None:
        """List the commands that fit; the one chosen stays."""
        before, wanted = self.chosen, self.filter.text().casefold()
        self.list.clear()
        for command in COMMANDS:
            text, keys = command.text.rstrip("…"), keys_text(self._commands[command.id])
            if wanted not in f"{text} {keys}".casefold():
                continue
            is_custom = self._commands.has_custom_keys(command.id)
            item = QTreeWidgetItem([text, tr("{keys} (changed)", keys=keys) if is_custom else keys])
            item.setData(0, Qt.ItemDataRole.UserRole, command.id)
            item.setToolTip(0, command.tip)
            self.list.addTopLevelItem(item)
        self.choose(before)
        first = self.list.topLevelItem(0)
        if not self.chosen and first is not None:
            self.list.setCurrentItem(first)
        self._follow()

    @Slot()
    def _on_chosen(self) -> None:
        self._tell("")
        self._follow()

    @Slot()
    def _follow(self) -> None:
        is_chosen, has_keys = bool(self.chosen), not self.keys.keySequence().isEmpty()
        self.add.setEnabled(is_chosen and has_keys)
        self.replace.setEnabled(is_chosen and has_keys)
        self.take_away.setEnabled(is_chosen and bool(self._commands.keys(self.chosen)))
        self.reset.setEnabled(is_chosen and self._commands.has_custom_keys(self.chosen))
        self.reset_all.setEnabled(bool(self._commands.custom_keys))

    def _tell(self, text: str) -> None:
        self.message.setText(text)
        self.message.setVisible(bool(text))
        self.note.setVisible(not text)

    def _pressed(self) -> str:
        return self.keys.keySequence().toString(QKeySequence.SequenceFormat.PortableText)

    @Slot()
    def _on_add(self) -> None:
        self._give((*self._commands.keys(self.chosen), self._pressed()))

    @Slot()
    def _on_replace(self) -> None:
        self._give((self._pressed(),))

    @Slot()
    def _on_take_away(self) -> None:
        self._give(())

    def _give(self, keys: tuple[str, ...]) -> None:
        try:
            self._commands.set_keys(self.chosen, keys)
        except ConfigError as error:
            self._tell(str(error))
            return
        self.keys.clear()
        self._tell("")

    @Slot()
    def _on_reset(self) -> None:
        try:
            self._commands.reset_keys(self.chosen)
        except ConfigError as error:
            self._tell(str(error))
            return
        self._tell("")

    @Slot()
    def _on_reset_all(self) -> None:
        self._commands.reset_keys()
        self._tell("")
