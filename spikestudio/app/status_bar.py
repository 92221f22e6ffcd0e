"""The line at the bottom of the window: what the model is doing now."""

from __future__ import annotations

from PySide6.QtCore import Slot
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QWidget

from spikestudio.app import theme
from spikestudio.app.bridge import Bridge
from spikestudio.app.viewmodels.checkpoint import CheckpointModel
from spikestudio.app.viewmodels.progress import RemainingTime, format_seconds
from spikestudio.app.viewmodels.run import RunModel, RunState

LINE = 2  # height of the progress line at the upper edge
MEBIBYTE = 2**20


class StatusBar(QFrame):
    """Model · device · state · step of total · time left · recorder memory · dropped frames."""

    def __init__(
        self,
        run: RunModel,
        checkpoint: CheckpointModel,
        bridge: Bridge,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setProperty("role", "statusbar")
        self._run, self._checkpoint, self._bridge = run, checkpoint, bridge
        self._remaining = RemainingTime()
        self._fraction = 0.0
        names = ("Model", "Device", "State", "Step", "Time left", "Recorder", "Dropped frames")
        self.labels = {name: QLabel() for name in names}
        row = QHBoxLayout(self)
        row.setContentsMargins(12, 4, 12, 4)
        row.setSpacing(4 * theme.SPACE)
        for name, label in self.labels.items():
            label.setAccessibleName(name)
            theme.set_role(label, "caption")
            if name == "Recorder":
                row.addStretch(1)
            row.addWidget(label)
        self.labels["Dropped frames"].setToolTip(
            "Steps that were recorded but not drawn live, because a newer one was there already"
        )
        self.labels["Recorder"].setToolTip("Memory of this run's recording, and its limit")
        run.started.connect(self._on_started)
        run.stepFinished.connect(self._on_step)
        run.stateChanged.connect(self._show)
        checkpoint.loadingChanged.connect(self._show)
        bridge.droppedChanged.connect(self._show)
        self._show()

    @Slot()
    def _on_started(self) -> None:
        self._remaining.reset()
        self._show()

    @Slot()
    def _on_step(self) -> None:
        step = self._run.step
        if step is not None:
            self._remaining.step(step.seconds, self._num_steps() - step.step - 1)
        self._show()

    def _num_steps(self) -> int:
        return len(self._run.run.timesteps) if self._run.run else 0

    @Slot()
    def _show(self) -> None:
        run, model = self._run, self._checkpoint.model
        done = run.step.step + 1 if run.step else 0
        total = self._num_steps()
        is_timed = run.state is RunState.RUNNING and self._remaining.seconds is not None
        texts = {
            "Model": model.name if model else "",
            "Device": f"{model.device}, float32" if model else "",
            "State": self._state(),
            "Step": f"step {done} of {total}" if total else "",
            "Time left": f"{format_seconds(self._remaining.seconds or 0)} left" if is_timed else "",
            "Recorder": self._memory(),
            "Dropped frames": f"dropped frames {self._bridge.num_dropped}" if total else "",
        }
        for name, text in texts.items():
            label = self.labels[name]
            label.setText(text)
            label.setVisible(bool(text))
        fraction = done / total if total and run.state.is_active else 0.0
        if fraction != self._fraction:
            self._fraction = fraction
            self.update()

    def _state(self) -> str:
        if self._run.state.is_active:
            return self._run.state.value
        if self._checkpoint.loading is not None:
            return f"loading {self._checkpoint.loading.stem}"
        if self._checkpoint.model is None:
            return "no model"
        return self._run.state.value

    def _memory(self) -> str:
        recorder, step = self._run.recorder, self._run.step
        if recorder is None or step is None:
            return ""
        used, budget = step.bytes_recorded / MEBIBYTE, recorder.budget_bytes / MEBIBYTE
        return f"recorder {used:.0f} / {budget:.0f} MB"

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802  Qt override
        super().paintEvent(event)
        painter = QPainter(self)
        painter.fillRect(0, 0, self.width(), 1, theme.color("bg"))
        if self._fraction:
            painter.fillRect(
                0, 0, round(self.width() * self._fraction), LINE, theme.color("accent")
            )
