"""The keys that take back changes of settings, where the control in use has no use for them."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, Slot
from PySide6.QtGui import QKeyEvent, QKeySequence
from PySide6.QtWidgets import QWidget

from spikestudio.app.actions import Actions
from spikestudio.app.viewmodels.sampler_undo import SamplerUndo

_UNDO, _REDO = QKeySequence.StandardKey.Undo, QKeySequence.StandardKey.Redo


class UndoKeys(QObject):
    """Ctrl+Z and Ctrl+Shift+Z that reach the window; a list or a text has its own before that.

    They are no shortcuts: those of the window would clash with those of a dock.
    """

    def __init__(self, window: QWidget, commands: Actions, undo: SamplerUndo) -> None:
        super().__init__(window)
        self._commands, self._undo = commands, undo
        commands["undo-settings"].triggered.connect(undo.undo)
        commands["redo-settings"].triggered.connect(undo.redo)
        undo.changed.connect(self._follow)
        window.installEventFilter(self)
        for name, key in (("undo", _UNDO), ("redo", _REDO)):
            action = commands[f"{name}-settings"]
            keys = QKeySequence(key).toString(QKeySequence.SequenceFormat.NativeText)
            action.setToolTip(f"{action.toolTip()} ({keys})")
        self._follow()

    @Slot()
    def _follow(self) -> None:
        self._commands["undo-settings"].setEnabled(self._undo.can_undo)
        self._commands["redo-settings"].setEnabled(self._undo.can_redo)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802  Qt override
        if event.type() == QEvent.Type.KeyPress and isinstance(event, QKeyEvent):
            for name, key in (("redo", _REDO), ("undo", _UNDO)):
                if event.matches(key):
                    self._commands[f"{name}-settings"].trigger()
                    return True
        return super().eventFilter(watched, event)
