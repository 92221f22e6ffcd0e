"""Every command of the window as an action. What they do is wired elsewhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from PySide6.QtCore import QEvent, QObject, Qt, Signal
from PySide6.QtGui import QAction, QKeyEvent, QKeySequence
from PySide6.QtWidgets import (
    QAbstractItemView,
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QLineEdit,
    QPlainTextEdit,
    QTextEdit,
    QWidget,
)

from spikestudio.app.commands import COMMANDS
from spikestudio.app.keys import Bindings, is_plain, native, pressed
from spikestudio.app.widgets.icons import icon
from spikestudio.language import tr

TEXT_CONTROLS = (
    *(QLineEdit, QAbstractSpinBox, QPlainTextEdit, QTextEdit),
    *(QComboBox, QAbstractItemView),
)
_KEYS = "keys"  # property of an action: all its keys, a line each


class Actions(QObject):
    """The commands as ``QAction``s of one window, by id, with the keys in force.

    Keys with Ctrl or Alt and function keys work wherever the focus is. A plain key, such as ``N`` or
    an arrow, belongs to the control that has the focus; the command gets it where that has no use
    for it.

    Parameters
    ----------
    window
        The window whose commands they are.
    custom
        Keys that the user gave them, as ``custom_keys`` returned them or as a file holds them.
    """

    keysChanged = Signal()  # noqa: N815

    def __init__(self, window: QWidget, custom: Mapping[str, object] | None = None) -> None:
        super().__init__(window)
        self._actions: dict[str, QAction] = {}
        self._bindings = Bindings(
            {command.id: command.keys for command in COMMANDS},
            {command.id: command.text.rstrip("…") for command in COMMANDS},
            custom,
        )
        for command in COMMANDS:
            action = QAction(command.text, window)
            action.setObjectName(command.id)
            self._give_keys(action)
            action.setToolTip(with_keys(command.tip, action))
            window.addAction(action)
            self._actions[command.id] = action
        window.installEventFilter(self)
        self.paint_icons()

    def __getitem__(self, command_id: str) -> QAction:
        return self._actions[command_id]

    def paint_icons(self) -> None:
        """Draw the icons in the colours in force."""
        for command in COMMANDS:
            self._actions[command.id].setIcon(icon(command.icon, command.token))

    def sheet(self) -> list[tuple[str, str]]:
        """Return text and effective keys of every command that has keys."""
        return [
            (command.text.rstrip("…"), keys_text(self[command.id]))
            for command in COMMANDS
            if self.keys(command.id)
        ]

    # keys -----------------------------------------------------------------------------------

    def keys(self, command_id: str) -> tuple[str, ...]:
        """Return the keys of a command, such as ``Ctrl+Shift+P``."""
        return self._bindings.keys(command_id)

    @property
    def custom_keys(self) -> dict[str, list[str]]:
        """Keys that the user gave, to be stored."""
        return self._bindings.custom

    def has_custom_keys(self, command_id: str) -> bool:
        """Whether a command has other keys than at first."""
        return self._bindings.is_custom(command_id)

    def set_keys(self, command_id: str, keys: Sequence[str]) -> None:
        """Give a command these keys alone; raises ``ConfigError`` if another command has one."""
        self._bindings.assign(command_id, keys)
        self._follow_keys()

    def reset_keys(self, command_id: str = "") -> None:
        """Give one command its first keys again, or all; raises ``ConfigError`` if one is taken."""
        if command_id:
            self._bindings.reset(command_id)
        else:
            self._bindings.reset_all()
        self._follow_keys()

    def _follow_keys(self) -> None:
        for action in self._actions.values():
            before = keys_text(action)
            self._give_keys(action)
            if before != keys_text(action):
                tip = action.toolTip().removesuffix(f" ({before})")
                action.setToolTip(with_keys(tip, action))
        self.keysChanged.emit()

    def _give_keys(self, action: QAction) -> None:
        sequences = [QKeySequence(each) for each in self.keys(action.objectName())]
        action.setProperty(_KEYS, "\n".join(self.keys(action.objectName())))
        everywhere = [each for each in sequences if not is_plain(each)]
        # Of plain keys Qt only has to know what menus write: ``eventFilter`` is who heeds them.
        context = Qt.ShortcutContext
        action.setShortcutContext(context.WindowShortcut if everywhere else context.WidgetShortcut)
        action.setShortcuts(everywhere or sequences)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802  Qt override
        if event.type() == QEvent.Type.KeyPress and isinstance(event, QKeyEvent):
            action = self._pressed(event)
            if action is not None:
                event.accept()
                action.trigger()
                return True
        return super().eventFilter(watched, event)

    def _pressed(self, event: QKeyEvent) -> QAction | None:
        """Return the command of a plain key that nothing in the window had a use for."""
        if event.text().isprintable() and event.text() and takes_text(QApplication.focusWidget()):
            return None
        for keys in pressed(event):
            command = self._bindings.holder(keys)
            if command is not None and is_plain(QKeySequence(keys)):
                return self[command]
        return None


def keys_text(action: QAction) -> str:
    """Return the keys of an action as the platform writes them."""
    stored = action.property(_KEYS)
    if isinstance(stored, str):
        return tr(" or ").join(native(each) for each in stored.split("\n") if each)
    return tr(" or ").join(native(each.toString()) for each in action.shortcuts())


def with_keys(tip: str, action: QAction) -> str:
    """Return a tooltip that ends in the keys, if there are any."""
    keys = keys_text(action)
    return f"{tip} ({keys})" if keys else tip


def takes_text(widget: QWidget | None) -> bool:
    """Whether letters typed into a control mean something to it."""
    return isinstance(widget, TEXT_CONTROLS)
