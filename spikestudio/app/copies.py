"""What repeats the run that is shown, on the clipboard: as a program, or as a command."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QObject, Slot
from PySide6.QtGui import QGuiApplication

from spikestudio.app.actions import Actions
from spikestudio.app.context import Context
from spikestudio.app.notifications import Notifications
from spikestudio.app.viewmodels.provenance import FAILED, command_of, origin_of, python_of
from spikestudio.errors import ConfigError
from spikestudio.language import tr


class Copies(QObject):
    """Offers to copy once the run that is shown has ended."""

    def __init__(self, context: Context, commands: Actions, messages: Notifications) -> None:
        super().__init__(messages)
        self._context, self._commands, self._messages = context, commands, messages
        commands["copy-python"].triggered.connect(self._on_copy_python)
        commands["copy-command"].triggered.connect(self._on_copy_command)
        context.history.changed.connect(self.follow)
        self.follow()

    @Slot()
    def follow(self) -> None:
        """Enable the commands where there is something to copy."""
        entry = self._context.history.shown
        for name in ("copy-python", "copy-command"):
            self._commands[name].setEnabled(entry is not None)

    @Slot()
    def _on_copy_python(self) -> None:
        self._copy(python_of)

    @Slot()
    def _on_copy_command(self) -> None:
        self._copy(command_of)

    def _copy(self, text_of: Callable[..., str]) -> None:
        entry = self._context.history.shown
        if entry is None:
            return
        origin = origin_of(entry)
        if origin is None:
            self._messages.warn(FAILED)
            return
        try:
            text = text_of(origin, self._context.sampler.model)
        except ConfigError as error:
            self._messages.warn(str(error))
            return
        QGuiApplication.clipboard().setText(text)
        self._messages.done(tr("Copied what repeats {entry}.", entry=entry.name))
