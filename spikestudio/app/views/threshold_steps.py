"""What another number of SNN time steps does to the strength of the read-out."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QCheckBox, QLabel, QVBoxLayout, QWidget

from spikestudio.app import theme
from spikestudio.app.plots.gain_chart import MOST, GainChart
from spikestudio.app.viewmodels import parameters
from spikestudio.app.viewmodels.sampler import SamplerModel
from spikestudio.app.views.parts import Caption
from spikestudio.app.widgets.parameter_row import ParameterRow
from spikestudio.errors import ConfigError
from spikestudio.language import tr
from spikestudio.neurons.readout import readout_gain, relative_gain

RESCALE = "rescale_readout"  # parameter of a request
READOUTS = {
    "sddpm": (
        tr(
            "The last layer adds up its T time steps, each with 0.8 times the weight of the one after "
            "it, and the sum is not normalised."
        )
    ),
    "spiking-diffusion": (
        tr(
            "The denoiser averages over the time steps, but the image decoder adds them up, each with "
            "0.8 times the weight of the one after it and not normalised."
        )
    ),
}
WHAT = {
    "sddpm": tr("the predicted noise"),
    "spiking-diffusion": tr("the decoded image before its tanh"),
}
AVERAGED = tr(
    "This model averages the spikes of its time steps, so its read-out is as strong with any T. "
    "With another T than the trained one its quality may fall all the same."
)


class StepsPage(QWidget):
    """The number of SNN time steps, and a bar for the read-out of each."""

    rejected = Signal(str)

    def __init__(self, sampler: SamplerModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._sampler = sampler
        self.row = ParameterRow(parameters.SNN_STEPS)
        self.words = QLabel()
        self.words.setWordWrap(True)
        theme.set_role(self.words, "caption")
        self.chart = GainChart()
        self.pointed = Caption()
        self.rescale = QCheckBox(tr("Rescale the read-out to the trained T"))
        self.rescale.setToolTip(tr("Divide the sum by the strength that the bars show"))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2 * theme.SPACE)
        for widget in (self.row, self.rescale, self.words, self.chart, self.pointed):
            layout.addWidget(widget)
        layout.addStretch(1)
        self.row.changed.connect(self._on_number)
        self.row.resetRequested.connect(self._on_reset)
        self.rescale.clicked.connect(self._on_rescale)
        self.chart.chosen.connect(self._set_steps)
        self.chart.pointedChanged.connect(self._show_pointed)

    @property
    def architecture(self) -> str:
        """Architecture of the loaded model."""
        return self._sampler.model.card.architecture if self._sampler.model else ""

    def refresh(self) -> None:
        """Show the steps of the next run, and what they do to the read-out."""
        sampler, model = self._sampler, self._sampler.model
        if model is None:
            return
        request, trained = sampler.request, sampler.trained_steps
        self.row.show_value(request.snn_steps, sampler.defaults.snn_steps)
        self.row.show_note(*self._note())
        self.row.lock(
            tr(
                "Fixed at {trained}: the model learned one scale for each of its time steps.",
                trained=trained,
            )
            if model.tsm_locked
            else ""
        )
        has_readout = self.architecture in READOUTS
        for widget in (self.chart, self.pointed):
            widget.setVisible(has_readout)
        is_rescaled = getattr(request, RESCALE, None)
        self.rescale.setVisible(has_readout and is_rescaled is not None)
        self.rescale.setChecked(bool(is_rescaled))
        self.rescale.setEnabled(not model.tsm_locked)
        self.words.setText(self._words(is_rescaled=bool(is_rescaled)))
        if has_readout:
            self.chart.set_gains(
                tuple(relative_gain(steps, trained) for steps in range(1, MOST + 1)),
                trained=trained,
                current=request.snn_steps,
                is_locked=model.tsm_locked,
            )
            self._show_pointed()

    def _note(self) -> tuple[str, str]:
        sampler = self._sampler
        if sampler.differs_from_run("snn_steps"):
            return tr("Applies to the next run."), "caption"
        if sampler.request.snn_steps != sampler.trained_steps:
            text = tr(
                "Trained with {trained_steps}; with another number quality may fall.",
                trained_steps=sampler.trained_steps,
            )
            return text, "warn"
        return "", "caption"

    def _words(self, *, is_rescaled: bool) -> str:
        """Return the explanation in two sentences."""
        first = READOUTS.get(self.architecture)
        if first is None:
            return AVERAGED
        trained, steps = self._sampler.trained_steps, self._sampler.request.snn_steps
        gain = relative_gain(steps, trained)
        what = WHAT[self.architecture]
        if steps == trained:
            second = tr(
                "T = {trained} is the trained one (sum {readout_gain:.3f})",
                trained=trained,
                readout_gain=readout_gain(trained),
            )
            return tr(
                "{first} {second}: with another T {what} is stronger or weaker.",
                first=first,
                second=second,
                what=what,
            )
        sums = tr(
            "sum {readout_gain:.3f} instead of {readout_gain_2:.3f}",
            readout_gain=readout_gain(steps),
            readout_gain_2=readout_gain(trained),
        )
        if is_rescaled:
            return tr(
                "{first} With T = {steps} that is {sums}, which is divided out again.",
                first=first,
                steps=steps,
                sums=sums,
            )
        return tr(
            "{first} With T = {steps} instead of the trained {trained}, {what} therefore comes out "
            "{gain:.2f} times as strong ({sums}).",
            first=first,
            steps=steps,
            trained=trained,
            what=what,
            gain=gain,
            sums=sums,
        )

    @Slot()
    def _show_pointed(self) -> None:
        shown = self.chart.pointed or self._sampler.request.snn_steps
        self.pointed.set_text(self.chart.text(shown))

    # from the user --------------------------------------------------------------------------

    @Slot(str, float)
    def _on_number(self, _name: str, number: float) -> None:
        self._set_steps(int(number))

    @Slot()
    def _on_reset(self) -> None:
        self._set_steps(self._sampler.defaults.snn_steps)

    @Slot(int)
    def _set_steps(self, steps: int) -> None:
        self._change(snn_steps=steps)

    @Slot(bool)
    def _on_rescale(self, is_rescaled: bool) -> None:
        self._change(**{RESCALE: is_rescaled})

    def _change(self, **changes: Any) -> None:  # noqa: ANN401
        try:
            self._sampler.set(**changes)
        except ConfigError as error:
            self.rejected.emit(str(error))
        self.refresh()
