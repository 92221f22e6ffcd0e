"""The line at the bottom of the window: what the model is doing now."""

from __future__ import annotations

from PySide6.QtCore import QSize, Slot
from PySide6.QtGui import QAction, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QWidget

from spikestudio.app import theme
from spikestudio.app.actions import keys_text
from spikestudio.app.bridge import Bridge
from spikestudio.app.viewmodels.checkpoint import CheckpointModel
from spikestudio.app.viewmodels.progress import RemainingTime, format_seconds
from spikestudio.app.viewmodels.run import RunModel, RunState
from spikestudio.app.views.parts import SHRINKS_BELOW
from spikestudio.language import mark, tr

MARGIN = 12
LINE = 2  # height of the progress line at the upper edge
MEBIBYTE = 2**20
CANCEL_TIP = tr("What stops the run and keeps what it has")
LONGEST_NAME = 32  # letters of a file's name
NAMES = (  # of the labels: keys here, translated where they are told
    *(mark("Model"), mark("Device"), mark("State"), mark("Step"), mark("Time left")),
    *(mark("File"), mark("Recorder"), mark("Dropped frames"), mark("Cancel")),
)
FIRST_OUT = (  # in this order where there is no room for everything
    *("Dropped frames", "Device", "Recorder", "File", "Model", "Cancel", "Time left"),
)


class StatusBar(QFrame):
    """Model, device, state, step of total, time left, key that cancels, file, memory, dropped frames.

    Of a recording the state says so, and the last two are not there. Where there is no room for
    everything the rest is in the tooltip.
    """

    def __init__(
        self,
        run: RunModel,
        checkpoint: CheckpointModel,
        bridge: Bridge,
        cancel: QAction | None = None,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setProperty("role", "statusbar")
        self._run, self._checkpoint, self._bridge = run, checkpoint, bridge
        self._cancel = cancel
        self._remaining = RemainingTime()
        self._fraction = 0.0
        names = ("Model", "Device", "State", "Step", "Time left", "Cancel", "File", "Recorder")
        self.labels = {name: QLabel() for name in (*names, "Dropped frames")}
        row = QHBoxLayout(self)
        row.setContentsMargins(MARGIN, 4, MARGIN, 4)
        row.setSpacing(4 * theme.SPACE)
        for name, label in self.labels.items():
            label.setAccessibleName(tr(name))
            theme.set_role(label, "caption")
            if name == "File":
                row.addStretch(1)
            row.addWidget(label)
        self.labels["Cancel"].setAccessibleName(tr("How to cancel the run"))
        self.labels["Dropped frames"].setToolTip(
            tr("Steps that were recorded but not drawn live, because a newer one was there already")
        )
        run.started.connect(self._on_started)
        run.stepFinished.connect(self._on_step)
        run.stateChanged.connect(self._show)
        run.recomputedChanged.connect(self._show)
        checkpoint.loadingChanged.connect(self._show)
        bridge.droppedChanged.connect(self._show)
        theme.manager.changed.connect(self._restyle)
        self._show()

    @Slot()
    def _restyle(self) -> None:
        for label in self.labels.values():
            _fix_width(label, label.text())
        self._fit()

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802  Qt override
        super().resizeEvent(event)
        self._fit()

    def minimumSizeHint(self) -> QSize:  # noqa: N802  Qt override
        return QSize(0, super().minimumSizeHint().height())

    def _fit(self) -> None:
        """Leave out what there is no room for, the least important first; the tooltip has it."""
        room = self.width() - 2 * MARGIN
        shown = {name: each for name, each in self.labels.items() if each.text()}
        left_out = []
        for name in FIRST_OUT:
            gaps = 4 * theme.SPACE * len(shown)  # one more than labels: that of the stretch
            if sum(each.minimumWidth() for each in shown.values()) + gaps <= room:
                break
            if shown.pop(name, None) is not None:
                left_out.append(self.labels[name].text())
        for name, label in self.labels.items():
            if label.isHidden() == (name in shown):
                label.setVisible(name in shown)
        self.setToolTip("\n".join(reversed(left_out)))

    @Slot()
    def _on_started(self) -> None:
        self._remaining.reset()
        self._show()

    @Slot()
    def _on_step(self) -> None:
        step = self._run.step
        if step is not None and self._run.recording is None:
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
            "Model": self._model(),
            "Device": tr("{device}, float32", device=model.device) if model else "",
            "State": self._state(),
            "Step": tr("step {done} of {total}", done=done, total=total) if total else "",
            "Time left": tr("{seconds} left", seconds=format_seconds(self._remaining.seconds or 0))
            if is_timed
            else "",
            "Cancel": self._how_to_cancel(),
            "File": self._file(),
            "Recorder": self._memory(),
            "Dropped frames": tr(
                "dropped frames {num_dropped}", num_dropped=self._bridge.num_dropped
            )
            if total and run.recording is None
            else "",
        }
        for name, text in texts.items():
            _set_text(self.labels[name], text)
        self._fit()
        self._show_tips()
        fraction = done / total if total and run.state.is_active else 0.0
        if fraction != self._fraction:
            self._fraction = fraction
            self.update()

    def _model(self) -> str:
        loading, model = self._checkpoint.loading, self._checkpoint.model
        if self._run.recording is not None and loading is not None:
            return tr("loading {stem}", stem=loading.stem)  # the state has something else to say
        return model.name if model else ""

    def _state(self) -> str:
        if self._run.recording is not None:
            return tr("recording {short}, not live", short=_short(self._run.recording.name))
        if self._run.state.is_active:
            return self._run.state.text
        if self._checkpoint.loading is not None:
            return tr("loading {stem}", stem=self._checkpoint.loading.stem)
        if self._checkpoint.model is None:
            return tr("no model")
        return self._run.state.text

    def _how_to_cancel(self) -> str:
        """Return the shortest key that stops the run: Escape, which many try, does not."""
        is_possible = self._run.state in (RunState.RUNNING, RunState.PAUSED)
        if self._cancel is None or not is_possible or self._run.recording is not None:
            return ""
        keys = keys_text(self._cancel).split(tr(" or "))
        return tr("{keys} cancels", keys=min(keys, key=len)) if keys[0] else ""

    def _memory(self) -> str:
        recorder, step = self._run.recorder, self._run.step
        if recorder is None or step is None or self._run.recording is not None:
            return ""
        used, budget = step.bytes_recorded / MEBIBYTE, recorder.budget_bytes / MEBIBYTE
        return tr("recorder {used:.0f} of {budget:.0f} MB", used=used, budget=budget)

    def _file(self) -> str:
        recorder = self._run.recorder
        if recorder is None or recorder.file_path is None:
            return ""
        size = tr("{file_bytes:.1f} MB", file_bytes=recorder.file_bytes / MEBIBYTE)
        if self._run.recording is not None:
            return size
        if recorder.file_error:
            return tr("not recorded to {short} any more", short=_short(recorder.file_path.name))
        verb = tr("recording") if self._run.state.is_active else tr("recorded")
        return tr(
            "{verb} to {short}, {size}", verb=verb, short=_short(recorder.file_path.name), size=size
        )

    def _show_tips(self) -> None:
        recorder = self._run.recorder
        dropped = recorder.dropped if recorder else ""
        self.labels["Recorder"].setToolTip(
            dropped or tr("Memory of this run's recording, and its limit; nothing was let go")
        )
        file = str(recorder.file_path) if recorder and recorder.file_path else ""
        self.labels["File"].setToolTip(recorder.file_error or file if recorder else "")
        self.labels["State"].setToolTip(self._run.cannot_recompute if self._run.recording else "")
        tip = ""
        if self._cancel is not None and self.labels["Cancel"].text():
            tip = tr(
                "{cancel_tip}: the Cancel button, or {keys}. Escape does not.",
                cancel_tip=CANCEL_TIP,
                keys=keys_text(self._cancel),
            )
        for name in ("Step", "Cancel"):
            self.labels[name].setToolTip(tip)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802  Qt override
        super().paintEvent(event)
        painter = QPainter(self)
        painter.fillRect(0, 0, self.width(), 1, theme.color("bg"))
        if self._fraction:
            painter.fillRect(
                0, 0, round(self.width() * self._fraction), LINE, theme.color("accent")
            )


def _short(name: str) -> str:
    """Return a file's name without its middle if it is long; the tooltip has all of it."""
    rest = LONGEST_NAME // 2
    return name if len(name) <= LONGEST_NAME else f"{name[:rest]}…{name[-rest:]}"


def _set_text(label: QLabel, text: str) -> None:
    """Show a text without a new layout of the whole window, unless it needs more or much less room."""
    if text != label.text():
        room = label.minimumWidth()
        if not SHRINKS_BELOW * room <= _width(label, text) <= room:
            _fix_width(label, text)
        label.setText(text)


def _fix_width(label: QLabel, text: str) -> None:
    label.ensurePolished()
    label.setFixedSize(_width(label, text), label.fontMetrics().height())


def _width(label: QLabel, text: str) -> int:
    return label.fontMetrics().horizontalAdvance(text) + 2
