"""Page of the sweep dock with the measures along an axis, and what they tell."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Slot
from PySide6.QtWidgets import QStackedLayout, QVBoxLayout, QWidget

from spikestudio.app.plots.curve_with_interval import CurveWithInterval
from spikestudio.app.views.sweep_form import Words
from spikestudio.app.views.sweep_words import contrast_text
from spikestudio.language import tr
from spikestudio.sweeps.effects import curve_axis, reference_value, unit_of
from spikestudio.sweeps.words import axis_title

if TYPE_CHECKING:
    from spikestudio.app.viewmodels.sweeps import SweepModel

TITLES = {
    "mean_rate": tr("mean rate"),
    "synaptic_operations": tr("ops (million)"),
    "difference": tr("difference"),
    "confidence": tr("confidence"),
}
SCALES = {"synaptic_operations": 1e-6}
NO_AXIS = tr(
    "A curve needs an axis of numbers beside seed and class: sweep the threshold or the SNN time "
    "steps to see one."
)
WAIT = tr("The curves appear with the first cells that are done.")


class SweepCurves(QWidget):
    """Mean rate, operations and difference with intervals, and the verdict in words."""

    def __init__(self, sweep: SweepModel) -> None:
        super().__init__()
        self._sweep = sweep
        self.verdict, self.note, self.empty = Words(), Words(), Words()
        self.plots = {
            name: CurveWithInterval(title, scale=SCALES.get(name, 1.0))
            for name, title in TITLES.items()
        }
        content = QWidget()
        layout = QVBoxLayout(content)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(self.verdict)
        for plot in self.plots.values():
            layout.addWidget(plot, 1)
            plot.chosen.connect(self._on_chosen)
        layout.addWidget(self.note)
        page = QWidget()
        column = QVBoxLayout(page)
        column.addStretch()
        column.addWidget(self.empty)
        column.addStretch()
        self._stack = QStackedLayout(self)
        self._stack.addWidget(page)
        self._stack.addWidget(content)

    def show_curves(self) -> None:
        """Show the newest curves."""
        sweep, plan = self._sweep, self._sweep.plan
        number = curve_axis(plan) if plan is not None else None
        found = sweep.analysis
        if plan is None or number is None or found is None or not found.num_cells:
            self.empty.say(NO_AXIS if plan is not None and number is None else WAIT, "muted")
            self._stack.setCurrentIndex(0)
            return
        self._stack.setCurrentIndex(1)
        self.verdict.say(contrast_text(found.contrast), "strong")
        unit = unit_of(plan)
        self.note.say(
            tr(
                "{num_cells:,} of {num_cells_2:,} cells. Bars: 95 % bootstrap intervals, of "
                "rate and operations over {unit}, of the others over images; over few too narrow. "
                "Ops: additions that spikes cause, per image. Difference: mean |pixel minus that of "
                "the reference|, of 0 to 1. Confidence: how sure a classifier of real images is, of "
                "whichever class; noise can score high. Diamond and dashes: the reference.",
                num_cells=found.num_cells,
                num_cells_2=len(plan.cells),
                unit=unit,
            ),
            "caption",
        )
        usual = reference_value(plan, number)
        axis = axis_title(plan.axes[number].name)
        known = [curve for curve in found.curves if any(each.num for each in curve.points)]
        for name, plot in self.plots.items():
            plot.setVisible(name in {curve.name for curve in known})
        for curve in known:
            name = axis if curve is known[-1] else ""
            self.plots[curve.name].set_curve(curve, sweep.curve_value, usual, name)

    @Slot(int)
    def _on_chosen(self, value: int) -> None:
        self._sweep.set_curve(value)
