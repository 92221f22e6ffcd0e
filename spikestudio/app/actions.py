"""Every command of the window in one table: id, text, icon, keys. What they do is wired elsewhere."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QEvent, QObject, Qt, Slot
from PySide6.QtGui import QAction, QKeyEvent, QKeySequence
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QLineEdit,
    QPlainTextEdit,
    QTextEdit,
    QWidget,
)

from spikestudio.app.widgets.icons import icon


@dataclass(frozen=True, slots=True)
class Command:
    """One command; ``tip`` is a sentence that the tooltip shows before the keys."""

    id: str
    text: str
    icon: str
    tip: str
    keys: tuple[str, ...] = ()
    token: str = "text"


COMMANDS = (
    Command(
        "sample",
        "Sample",
        "mdi6.play",
        "Draw images with these settings",
        ("Ctrl+Return",),
        token="on_accent",
    ),
    Command(
        "sample-next",
        "Queue in front",
        "mdi6.playlist-plus",
        "Draw images with these settings before all that wait in the queue",
        ("Ctrl+Shift+Return",),
    ),
    Command("pause", "Pause", "mdi6.pause", "Wait before the next denoising step", ("Space",)),
    Command("step", "Step", "mdi6.skip-next", "Do one denoising step, then wait", ("Ctrl+Right",)),
    Command(
        "cancel",
        "Cancel",
        "mdi6.stop",
        "Stop the run and keep what it has",
        ("Ctrl+Alt+Return", "Shift+X"),
    ),
    Command("roll-seed", "New seed", "mdi6.dice-5-outline", "Draw another seed", ("Ctrl+R",)),
    Command(
        "open",
        "Open file…",
        "mdi6.folder-open-outline",
        "Load a checkpoint, or open a recording",
        ("Ctrl+O",),
    ),
    Command(
        "record",
        "Record to file…",
        "mdi6.record-circle-outline",
        "Stream the next runs to a recording, which can be opened again",
        ("Ctrl+Shift+R",),
    ),
    Command(
        "export",
        "Export…",
        "mdi6.export-variant",
        "Look at pictures, figures and numbers of this run, and save them",
        ("Ctrl+E",),
    ),
    Command(
        "export-raster",
        "Export raster…",
        "mdi6.barcode",
        "Save the raster of the chosen layer",
        ("Ctrl+Shift+E",),
    ),
    Command(
        "copy-python",
        "Copy as Python",
        "mdi6.language-python",
        "Copy the program that repeats this run",
    ),
    Command(
        "copy-command",
        "Copy as command line",
        "mdi6.console",
        "Copy the command that repeats this run",
    ),
    Command(
        "toggle-theme",
        "Dark or light",
        "mdi6.brightness-6",
        "Switch the theme",
        ("Ctrl+Shift+T",),
    ),
    Command("reset-layout", "Reset layout", "mdi6.restore", "Put every dock back in its place"),
    Command(
        "present",
        "Present this dock",
        "mdi6.presentation",
        "Fill the screen with the dock in use; Escape goes back",
        ("Ctrl+F11",),
    ),
    Command("help", "Help for this dock", "mdi6.help-circle-outline", "What this shows", ("F1",)),
    Command("shortcuts", "Shortcuts", "mdi6.keyboard-outline", "All keys", ("?",)),
    Command("quit", "Quit", "mdi6.exit-to-app", "Close the window", ("Ctrl+Q",)),
)


class Actions(QObject):
    """The commands as ``QAction``s of one window, by id."""

    def __init__(self, window: QWidget) -> None:
        super().__init__(window)
        self._actions: dict[str, QAction] = {}
        for command in COMMANDS:
            action = QAction(command.text, window)
            action.setObjectName(command.id)
            action.setShortcuts([QKeySequence(keys) for keys in command.keys])
            action.setToolTip(with_keys(command.tip, action))
            window.addAction(action)
            self._actions[command.id] = action
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
            if command.keys
        ]


def keys_text(action: QAction) -> str:
    """Return the keys of an action as the platform writes them."""
    form = QKeySequence.SequenceFormat.NativeText
    return " or ".join(keys.toString(form) for keys in action.shortcuts())


def with_keys(tip: str, action: QAction) -> str:
    """Return a tooltip that ends in the keys, if there are any."""
    return f"{tip} ({keys_text(action)})" if action.shortcuts() else tip


class KeyGuard(QObject):
    """Keeps plain keys from firing commands while the focused control has a use for them."""

    _TEXT = (QLineEdit, QAbstractSpinBox, QPlainTextEdit, QTextEdit, QComboBox, QAbstractItemView)

    def __init__(self, app: QApplication) -> None:
        super().__init__(app)
        app.focusChanged.connect(self._on_focus_changed)

    @Slot(QWidget, QWidget)
    def _on_focus_changed(self, old: QWidget | None, new: QWidget | None) -> None:
        # Watching only the focused widget: a filter on the application would see every event.
        if old is not None:
            old.removeEventFilter(self)
        if isinstance(new, (*self._TEXT, QAbstractButton)):
            new.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802  Qt override
        if event.type() == QEvent.Type.ShortcutOverride and isinstance(event, QKeyEvent):
            is_plain = event.modifiers() in (
                Qt.KeyboardModifier.NoModifier,
                Qt.KeyboardModifier.ShiftModifier,
            )
            is_printable = bool(event.text()) and event.text().isprintable()
            is_space = event.key() == Qt.Key.Key_Space
            if is_plain and is_printable and (is_space or isinstance(watched, self._TEXT)):
                event.accept()
                return True
        return super().eventFilter(watched, event)
