"""Controls that cannot be used: until the answer is given, or as long as a pack is open.

They stay disabled whatever enables them meanwhile.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from PySide6.QtCore import QEvent, QObject, Signal, Slot
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QWidget
from shiboken6 import isValid

from spikestudio.app.views.pack_padlock import Padlock
from spikestudio.language import tr

TIP = tr("Waits for your answer in the lesson")


class Locks(QObject):
    """Keeps widgets and actions disabled; ``lift`` gives them back the state that they would have."""

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._wanted: dict[QWidget | QAction, bool] = {}
        self._tips: dict[QWidget | QAction, str] = {}
        self._texts: dict[QWidget | QAction, str] = {}
        self._is_mine = False  # the change that is being announced

    @property
    def locked(self) -> tuple[QWidget | QAction, ...]:
        """What is locked now."""
        return tuple(self._wanted)

    def lock(
        self,
        targets: Sequence[QWidget | QAction],
        texts: Mapping[QWidget | QAction, str] | None = None,
    ) -> None:
        """Lock exactly these; ``texts`` are their tooltips meanwhile."""
        texts = texts or {}
        wanted = {each: texts.get(each, TIP) for each in targets}
        if self._texts == wanted:
            return
        self.lift()
        self._texts = wanted
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
        texts, self._texts = self._texts, {}
        for target, is_enabled in wanted.items():
            if not isValid(target):
                continue
            if isinstance(target, QWidget):
                target.removeEventFilter(self)
            else:
                target.changed.disconnect(self._on_action_changed)
            target.setEnabled(is_enabled)
            if target.toolTip() == texts[target]:
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
        target.setToolTip(self._texts[target])
        self._is_mine = False


@dataclass(frozen=True, slots=True, eq=False)
class Noted:
    """Something to be locked, the widgets that show it, and what is said about it."""

    targets: tuple[QWidget | QAction, ...]
    widgets: tuple[QWidget, ...]
    text: str


class NotedLocks(Locks):
    """Locks with a padlock on every control; ``refused`` tells the note to whoever clicks one."""

    refused = Signal(str)

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self.padlocks: list[Padlock] = []
        self._notes: dict[QWidget, str] = {}

    def lock_noted(self, noted: Sequence[Noted]) -> None:
        """Lock exactly these."""
        self.lift()
        texts = {target: each.text for each in noted for target in each.targets}
        self.lock(list(texts), texts)
        for each in noted:
            for widget in each.widgets:
                if widget in self._notes:
                    continue
                self._notes[widget] = each.text
                widget.installEventFilter(self)
                padlock = Padlock(widget, each.text)
                padlock.clicked.connect(self._on_padlock)
                self.padlocks.append(padlock)

    @Slot()
    def lift(self) -> None:
        """Lock nothing, and take the padlocks away."""
        super().lift()
        for padlock in self.padlocks:
            if isValid(padlock):
                padlock.close_padlock()
        for widget in self._notes:
            if isValid(widget):
                widget.removeEventFilter(self)
        self.padlocks, self._notes = [], {}

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802  Qt override
        super().eventFilter(watched, event)
        if isinstance(watched, QWidget) and watched in self._notes and not watched.isEnabled():
            if event.type() == QEvent.Type.MouseButtonPress:
                self.refused.emit(self._notes[watched])
                return True
            return event.type() == QEvent.Type.Wheel and watched in self._wanted
        return False

    @Slot()
    def _on_padlock(self) -> None:
        padlock = self.sender()
        if isinstance(padlock, Padlock):
            self.refused.emit(self._notes[padlock.target])
