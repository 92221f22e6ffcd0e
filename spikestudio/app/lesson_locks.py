"""Controls that wait for the answer in a lesson: disabled until it is given, whatever enables them."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QEvent, QObject, Slot
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QWidget
from shiboken6 import isValid

TIP = "Waits for your answer in the lesson"


class Locks(QObject):
    """Keeps widgets and actions disabled; ``lift`` gives them back the state that they would have."""

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._wanted: dict[QWidget | QAction, bool] = {}
        self._tips: dict[QWidget | QAction, str] = {}
        self._is_mine = False  # the change that is being announced

    @property
    def locked(self) -> tuple[QWidget | QAction, ...]:
        """What is locked now."""
        return tuple(self._wanted)

    def lock(self, targets: Sequence[QWidget | QAction]) -> None:
        """Lock exactly these."""
        if tuple(self._wanted) == tuple(dict.fromkeys(targets)):
            return
        self.lift()
        for target in dict.fromkeys(targets):
            is_enabled = target.isEnabled()
            if isinstance(target, QWidget):  # its own state, not that of what it lies in
                parent = target.parentWidget()
                is_enabled = target.isEnabledTo(parent) if parent else is_enabled
                target.installEventFilter(self)
            else:
                target.changed.connect(self._on_action_changed)
            self._wanted[target] = is_enabled
            self._tips[target] = target.toolTip()
            self._disable(target)

    @Slot()
    def lift(self) -> None:
        """Lock nothing."""
        wanted, self._wanted = self._wanted, {}
        for target, is_enabled in wanted.items():
            if not isValid(target):
                continue
            if isinstance(target, QWidget):
                target.removeEventFilter(self)
            else:
                target.changed.disconnect(self._on_action_changed)
            target.setEnabled(is_enabled)
            if target.toolTip() == TIP:
                target.setToolTip(self._tips[target])
        self._tips = {}

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802  Qt override
        if event.type() == QEvent.Type.EnabledChange and isinstance(watched, QWidget):
            self._keep(watched)
        return False

    @Slot()
    def _on_action_changed(self) -> None:
        for target in list(self._wanted):
            if isinstance(target, QAction):
                self._keep(target)

    def _keep(self, target: QWidget | QAction) -> None:
        parent = target.parentWidget() if isinstance(target, QWidget) else None
        is_enabled = (
            target.isEnabledTo(parent)
            if isinstance(target, QWidget) and parent is not None
            else target.isEnabled()
        )
        if target in self._wanted and is_enabled and not self._is_mine:
            self._wanted[target] = True
            self._disable(target)

    def _disable(self, target: QWidget | QAction) -> None:
        self._is_mine = True
        target.setEnabled(False)
        target.setToolTip(TIP)
        self._is_mine = False
