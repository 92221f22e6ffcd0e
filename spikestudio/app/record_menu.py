"""Menu entries about recording: to a file, how much memory, and what plays at the start."""

from __future__ import annotations

from PySide6.QtCore import Slot
from PySide6.QtGui import QAction, QActionGroup
from PySide6.QtWidgets import QMenu, QWidget

from spikestudio.app.actions import Actions
from spikestudio.app.settings import Settings
from spikestudio.app.viewmodels.record_target import BUDGETS_MB, RecordTarget
from spikestudio.language import tr


class RecordMenu(QMenu):
    """Record to a file, set the recorder's memory, choose whether a recording plays at the start."""

    def __init__(
        self, target: RecordTarget, commands: Actions, settings: Settings, parent: QWidget
    ) -> None:
        super().__init__(tr("Recording"), parent)
        self.setToolTipsVisible(True)
        self._target, self._settings = target, settings
        self.addAction(commands["record"])
        memory = self.addMenu(tr("Recorder memory, next run"))
        self._budgets = QActionGroup(self)
        for budget in BUDGETS_MB:
            action = memory.addAction(tr("{budget:,} MB", budget=budget))
            action.setData(budget)
            action.setCheckable(True)
            self._budgets.addAction(action)
        self.addSeparator()
        self.autoplay = self.addAction(tr("Play a recording at the start"))
        self.autoplay.setToolTip(
            tr("Until something is sampled, the window plays a recorded run of the model")
        )
        self.autoplay.setCheckable(True)
        self.autoplay.setChecked(settings.autoplay)
        self._budgets.triggered.connect(self._on_budget)
        self.autoplay.toggled.connect(self._on_autoplay)
        target.changed.connect(self._follow)
        self._follow()

    @Slot()
    def _follow(self) -> None:
        for action in self._budgets.actions():
            action.setChecked(action.data() == self._target.budget_mb)

    @Slot(QAction)
    def _on_budget(self, action: QAction) -> None:
        self._settings.recorder_mb = action.data()
        self._target.set_budget(action.data())

    @Slot(bool)
    def _on_autoplay(self, is_on: bool) -> None:
        self._settings.autoplay = is_on
