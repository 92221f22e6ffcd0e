"""Row of other constants for the watched neurons, and what they would change."""

from __future__ import annotations

from dataclasses import replace

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QResizeEvent, QWheelEvent
from PySide6.QtWidgets import QDoubleSpinBox, QGridLayout, QHBoxLayout, QLabel, QWidget

from spikestudio.app import theme
from spikestudio.app.plots.ghost_data import Asked, Ghost, ResetKind
from spikestudio.app.views.parts import Caption, Combo
from spikestudio.app.widgets.icons import IconButton
from spikestudio.language import tr
from spikestudio.neurons.constants import Constants
from spikestudio.neurons.overrides import VALUES

TIP = tr(
    "Replays the recorded input of the watched neurons with other constants.\n"
    "The rest of the network stays as it was: their spikes change nothing else here."
)
ROOM_FOR_OUTCOME = 130  # pixels
SPACING = 8
LARGE_TEXT = 1.25
KINDS: tuple[ResetKind, ResetKind] = ("hard", "soft")


class _Box(QDoubleSpinBox):
    """Number that the wheel does not change by accident."""

    def __init__(self, kind: str, name: str, step: float) -> None:
        super().__init__()
        low, high = VALUES[kind] or (0.0, 1.0)
        self.setDecimals(3)
        self.setRange(low, high)
        self.setSingleStep(step)
        self.setAlignment(Qt.AlignmentFlag.AlignRight)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName(name)
        self.setToolTip(f"{name}\n{TIP}")
        theme.manager.changed.connect(self._fit)
        self._fit()

    @Slot()
    def _fit(self) -> None:
        self.setFixedWidth(self.fontMetrics().horizontalAdvance("00.000") + theme.px(26))

    def show_number(self, number: float) -> None:
        """Show a number; emits nothing. One that is being edited stays."""
        if self.value() != number and not self.hasFocus():
            was_blocked = self.blockSignals(True)
            self.setValue(number)
            self.blockSignals(was_blocked)

    def wheelEvent(self, event: QWheelEvent) -> None:  # noqa: N802  Qt override
        if self.hasFocus():
            super().wheelEvent(event)
        else:
            event.ignore()


class WhatIfRow(QWidget):
    """Threshold, tau and reset to try; what is not touched stays as it was at each step."""

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.asked = Asked()
        self._actual: Constants | None = None
        self.threshold = _Box("threshold", tr("Threshold of the replay"), 0.05)
        self.tau = _Box("tau", tr("Time constant of the replay, in SNN steps"), 0.25)
        self.reset = Combo(
            tr("Reset of the replay"),
            tr("Reset of the replay\n{tip}", tip=TIP),
            (tr("Hard"), tr("Soft")),
        )
        self.back = IconButton("mdi6.restore", tr("Back to the constants that were in force"))
        self.outcome = Caption(token="text")
        self._tau_field = _field("τ", self.tau)
        self._threshold_field = _field("θ", self.threshold)
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(SPACING)
        self._grid.setVerticalSpacing(4)
        self._grid.setColumnStretch(4, 1)
        self._arrange()
        theme.manager.changed.connect(self._arrange)
        self.setToolTip(TIP)
        self.setAccessibleName(tr("What if"))
        self.setAccessibleDescription(TIP)
        self.threshold.valueChanged.connect(self._on_threshold)
        self.tau.valueChanged.connect(self._on_tau)
        self.reset.activated.connect(self._on_reset)
        self.back.clicked.connect(self.clear)

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802  Qt override
        super().resizeEvent(event)
        self._arrange()

    @Slot()
    def _arrange(self) -> None:
        """Put all in one row; the outcome below, or the controls in two rows, where it is narrow."""
        controls = (self._threshold_field, self._tau_field, self.reset, self.back)
        needed = sum(each.sizeHint().width() + SPACING for each in controls if not each.isHidden())
        is_large = theme.manager.scale > LARGE_TEXT  # then two boxes are all that a dock holds
        is_beside = not is_large and self.width() - needed >= theme.px(ROOM_FOR_OUTCOME)
        for index, each in enumerate(controls):
            self._grid.addWidget(each, *(divmod(index, 2) if is_large else (0, index)))
        if is_beside:
            self._grid.addWidget(self.outcome, 0, 4)
        else:
            self._grid.addWidget(self.outcome, 2, 0, 1, 5)

    def show_actual(self, constants: Constants) -> None:
        """Show what is in force at the step looked at, where nothing else is asked for."""
        self._actual = constants
        if self.asked.v_threshold is None:
            self.threshold.show_number(constants.v_threshold)
        if self._tau_field.isHidden() != (constants.tau is None):
            self._tau_field.setVisible(constants.tau is not None)
            self._arrange()
        if constants.tau is not None and self.asked.tau is None:
            self.tau.show_number(constants.tau)
        if self.asked.reset is None:
            self.reset.setCurrentIndex(KINDS.index(_kind(constants)))
        self.back.setEnabled(self.asked != Asked())

    def show_outcome(self, ghost: Ghost | None, neurons: tuple[int, ...]) -> None:
        """Print the change of spike counts."""
        if ghost is None or not ghost.steps:
            self.outcome.set_text(tr("no potentials recorded to replay"))
            return
        self.outcome.set_text(ghost.text())
        self.outcome.setToolTip("\n".join([*ghost.texts(neurons), TIP]))

    @Slot()
    def clear(self) -> None:
        """Ask for nothing else than what was in force."""
        self.forget()
        self.changed.emit()

    def forget(self) -> None:
        """Do the same and announce nothing."""
        self.asked = Asked()
        self.threshold.clearFocus()
        self.tau.clearFocus()
        self.back.setEnabled(False)
        if self._actual is not None:
            self.show_actual(self._actual)

    @Slot(float)
    def _on_threshold(self, value: float) -> None:
        self._ask(replace(self.asked, v_threshold=value))

    @Slot(float)
    def _on_tau(self, value: float) -> None:
        self._ask(replace(self.asked, tau=value))

    @Slot(int)
    def _on_reset(self, index: int) -> None:
        self._ask(replace(self.asked, reset=KINDS[index]))

    def _ask(self, asked: Asked) -> None:
        self.asked = asked
        self.back.setEnabled(asked != Asked())
        self.changed.emit()


def _kind(constants: Constants) -> ResetKind:
    return "soft" if constants.v_reset is None else "hard"


def _field(symbol: str, box: QWidget) -> QWidget:
    field = QWidget()
    row = QHBoxLayout(field)
    row.setContentsMargins(0, 0, 0, 0)
    row.setSpacing(4)
    label = QLabel(symbol)
    label.setBuddy(box)
    label.setToolTip(box.toolTip())
    row.addWidget(label)
    row.addWidget(box)
    return field
