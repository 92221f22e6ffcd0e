"""Panel with the firing rates of a layer and the intervals between spikes of watched neurons."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QVBoxLayout, QWidget

from spikestudio.app.plots.histogram_data import (
    LEAST_SNN_STEPS,
    LayerCounts,
    RateHistogram,
    intervals,
)
from spikestudio.app.plots.histogram_item import RateHistogramPlot, summary
from spikestudio.app.plots.text import figure
from spikestudio.app.views.parts import Caption, Combo, line
from spikestudio.language import tr

if TYPE_CHECKING:
    from spikestudio.app.plots.traces_data import TracesData


class StatisticsPanel(QWidget):
    """Histogram over the step looked at or all steps; intervals never reach across steps."""

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setAccessibleName(tr("Statistics"))
        self.span = Combo(
            tr("Steps counted"),
            tr("Count the spikes of the denoising step looked at, or of all steps recorded"),
            (tr("This step"), tr("All steps")),
        )
        self.summary = Caption(token="text")
        self.plot = RateHistogramPlot()
        self.intervals = Caption()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(line(self.summary, self.span))
        layout.addWidget(self.plot, 1)
        layout.addWidget(self.intervals)
        self.span.activated.connect(self.changed)

    @property
    def is_of_one_step(self) -> bool:
        """Whether only the step looked at is counted."""
        return self.span.currentIndex() == 0

    def show_statistics(self, counts: LayerCounts, data: TracesData, step: int) -> None:
        """Show what is known of a layer, and of the watched neurons in it."""
        histogram = counts.one_step(step) if self.is_of_one_step else counts.all_steps()
        self.plot.set_histogram(histogram)
        self.summary.set_text(self._summary(histogram, step))
        self.plot.setAccessibleDescription(self.summary.text)
        self.intervals.set_text(self._intervals(data, step) if histogram else "")

    @staticmethod
    def _summary(histogram: RateHistogram | None, step: int) -> str:
        if histogram is None:
            return tr("spikes of step {step:,} are not recorded", step=step + 1)
        return summary(histogram)

    def _intervals(self, data: TracesData, step: int) -> str:
        if data.snn_steps < LEAST_SNN_STEPS:
            return tr(
                "intervals between spikes: offered from {least_snn_steps} SNN steps on, this run "
                "has {snn_steps}; the state starts anew at every denoising step",
                least_snn_steps=LEAST_SNN_STEPS,
                snn_steps=data.snn_steps,
            )
        spikes = data.spikes[:, step : step + 1] if self.is_of_one_step else data.spikes
        words = []
        for neuron, each in zip(data.neurons, spikes, strict=True):
            found = intervals(each)
            if not found.number:
                words.append(tr("{neuron:,}: none", neuron=neuron))
            elif found.number == 1:
                words.append(
                    tr("{neuron:,}: {mean}, one only", neuron=neuron, mean=figure(found.mean))
                )
            else:
                words.append(
                    tr(
                        "{neuron:,}: {mean}, CV {cv}",
                        neuron=neuron,
                        mean=figure(found.mean),
                        cv=figure(found.cv),
                    )
                )
        return tr("interval between spikes in SNN steps, within a step: ") + "; ".join(words)
