"""Controls of the neuron lab: neuron, constants, input; every number can be slid and typed."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QCheckBox, QGridLayout, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from spikestudio.app import theme
from spikestudio.app.viewmodels.neuron_lab import NeuronLabModel
from spikestudio.app.viewmodels.parameters import Parameter
from spikestudio.app.views.parts import Combo, Segmented, line, tool_row
from spikestudio.app.widgets.number_field import NumberField
from spikestudio.app.widgets.seed_box import SeedBox
from spikestudio.app.widgets.slider import NumberSlider
from spikestudio.errors import ConfigError
from spikestudio.language import tr, tr_in
from spikestudio.neurons.lab import ALPHAS, KINDS, MOST_STEPS, SURROGATES
from spikestudio.neurons.lab_inputs import CURRENTS, NOISES, SHAPES
from spikestudio.neurons.overrides import VALUES
from spikestudio.neurons.reference import SOFT

KIND_CHOICES = (
    ("IF", tr("Integrate and fire: adds up its input, forgets nothing")),
    ("LIF", tr("Leaky integrate and fire: the potential decays towards rest")),
    ("PLIF", tr("Parametric LIF: its leak is a weight that training learns (arXiv 2007.05785)")),
)
RESET_CHOICES = (
    (tr("Hard"), tr("A spike sets the potential to V_reset")),
    (tr("Soft"), tr("A spike subtracts the threshold; what is above it stays")),
)
SHAPE_NAMES = (
    tr("Constant"),
    tr_in("input", "Step"),
    tr("Noise"),
    tr("Drawn"),
)  # in the order of SHAPES
RECORDED = tr("Recorded")
SHAPE_TIP = tr(
    "Constant: the same at every step. Step: in the middle half of the steps only.\n"
    "Noise: with normal noise. Drawn: with the mouse in the input plot, or its up and down keys."
)


def _parameter(
    name: str, title: str, text: str, low: float, high: float, decimals: int = 2
) -> Parameter:
    return Parameter(name, title, "", text, low, high, decimals=decimals)


ROWS: dict[str, tuple[Parameter, tuple[float, float]]] = {
    each.name: (each, limits)
    for each, limits in (
        (
            _parameter(
                "tau", "τ", tr("Time constant in SNN steps: larger leaks more slowly."), 1.05, 8
            ),
            VALUES["tau"] or (1.0, 1.0),
        ),
        (
            _parameter("threshold", "v_th", tr("Threshold: potential that makes a spike."), 0.1, 3),
            VALUES["threshold"] or (0.0, 1.0),
        ),
        (
            _parameter("reset", "V_reset", tr("Potential after a spike, and at the start."), -1, 1),
            VALUES["hard-reset"] or (0.0, 1.0),
        ),
        (
            _parameter("amplitude", "X", tr("Input current, in units of the potential."), 0, 3),
            CURRENTS,
        ),
        (_parameter("noise", tr("Noise"), tr("Standard deviation of the noise."), 0, 2), NOISES),
        (
            _parameter("steps", "T", tr("Number of SNN time steps."), 1, MOST_STEPS, decimals=0),
            (1.0, float(MOST_STEPS)),
        ),
        (
            _parameter(
                "alpha", "α", tr("Steepness of the surrogate; no spike depends on it."), 0.5, 8
            ),
            ALPHAS,
        ),
    )
}


class LabField(NumberField):
    """Number without zeros that say nothing: ``2``, ``0.997``."""

    def textFromValue(self, value: float) -> str:  # noqa: N802  Qt override
        text = f"{round(value, self.decimals()) or 0.0:.{self.decimals()}f}"  # no -0
        return text.rstrip("0").rstrip(".") if "." in text else text


class LabRow(QWidget):
    """Name, slider and box of one number."""

    edited = Signal(str, float)  # name of the parameter, value

    def __init__(self, name: str) -> None:
        super().__init__()
        self.parameter, (low, high) = ROWS[name]
        parameter = self.parameter
        tip = tr(
            "{help_text}\nFrom {low:g} to {high:g}.",
            help_text=parameter.help_text,
            low=low,
            high=high,
        )
        self.title = QLabel(parameter.title)
        self.slider = NumberSlider(parameter)
        decimals = 4 if parameter.decimals else 0
        self.box = LabField(
            tr("{parameter}, typed", parameter=parameter.title), tip, low, high, decimals=decimals
        )
        self.box.setSingleStep(0.05 if parameter.decimals else 1)
        self.title.setBuddy(self.box)
        self.slider.setAccessibleName(tr("{parameter}, slid", parameter=parameter.title))
        for each in (self.title, self.slider):
            each.setToolTip(tip)
        row = line(self.slider, self.box)
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(8)
        grid.addWidget(self.title, 0, 0)
        grid.addWidget(row, 0, 1)
        grid.setColumnStretch(1, 1)
        self.slider.numberChanged.connect(self._on_edited)
        self.box.edited.connect(self._on_edited)
        theme.manager.changed.connect(self.fit)
        self.fit()

    def show_value(self, value: float, obstacle: str = "") -> None:
        """Show a value; an obstacle disables the row and is its tooltip."""
        self.box.set_number(value)
        self.slider.set_number(value)
        self.box.setEnabled(not obstacle)
        self.slider.setEnabled(not obstacle)
        low, high = ROWS[self.parameter.name][1]
        tip = obstacle or tr(
            "{help_text}\nFrom {low:g} to {high:g}.",
            help_text=self.parameter.help_text,
            low=low,
            high=high,
        )
        if tip != self.toolTip():
            for part in (self, self.title, self.slider, self.box):
                part.setToolTip(tip)

    @Slot()
    def fit(self) -> None:
        """Give names and boxes of all rows the same width."""
        metrics = self.fontMetrics()
        self.title.setFixedWidth(metrics.horizontalAdvance("V_reset") + 2)
        self.slider.setMinimumWidth(theme.px(40))
        self.box.setFixedWidth(metrics.horizontalAdvance("00.000") + theme.px(20))

    @Slot(float)
    def _on_edited(self, value: float) -> None:
        self.edited.emit(self.parameter.name, value)


class LabControls(QWidget):
    """Sets the properties of the model; what cannot be is said, and the old value stays."""

    rejected = Signal(str)

    def __init__(self, lab: NeuronLabModel) -> None:
        super().__init__()
        self._lab = lab
        self.kind = Segmented(tr("Neuron"), KIND_CHOICES)
        self.decays = QCheckBox(tr("Leak weakens X"))
        self.decays.setToolTip(
            tr("The leak divides the input by τ as well (decay_input of spikingjelly)")
        )
        self.decays.setAccessibleName(tr("The leak weakens the input too"))
        self.resets = Segmented(tr("Reset"), RESET_CHOICES)
        self.shape = Combo(tr("Input"), tr("Input\n{shape_tip}", shape_tip=SHAPE_TIP), SHAPE_NAMES)
        shape_name = QLabel(tr("Input"))
        shape_name.setBuddy(self.shape)
        self.rows = {name: LabRow(name) for name in ROWS if name != "alpha"}
        self.seed = SeedBox()
        self.seed.setAccessibleName(tr("Seed of the noise"))
        self.seed.setToolTip(tr("Seed: the same number gives the same noise"))
        self.seed_line = line(QLabel(tr("Seed")), self.seed)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        for each in (
            *(tool_row(self.kind), self.rows["tau"], self.decays),
            *(self.rows["threshold"], tool_row(self.resets), self.rows["reset"]),
            *(_labelled(shape_name, self.shape), self.rows["amplitude"]),
            *(self.rows["noise"], self.seed_line, self.rows["steps"]),
        ):
            column.addWidget(each)
        self._connect()
        theme.manager.changed.connect(self._fit)
        self._fit()

    def _connect(self) -> None:
        self.kind.chosen.connect(lambda index: self._set("kind", KINDS[index]))
        self.decays.clicked.connect(lambda is_on: self._set("decays_input", is_on))
        self.resets.chosen.connect(self._on_reset)
        self.shape.activated.connect(lambda index: self._set("shape", SHAPES[index]))
        self.seed.edited.connect(lambda seed: self._set("seed", seed))
        for row in self.rows.values():
            row.edited.connect(self._set)

    @Slot(int)
    def _on_reset(self, index: int) -> None:
        self._set("reset", SOFT if index else self._lab.hard_reset)

    @Slot(str, float)
    def _set(self, name: str, value: object) -> None:
        self.attempt(lambda: setattr(self._lab, name, value))

    def attempt(self, change: Callable[[], None]) -> None:
        """Make a change; say why it cannot be made, and show what stays."""
        try:
            change()
        except ConfigError as error:
            self.rejected.emit(str(error))
            self.refresh()

    def refresh(self) -> None:
        """Show the model's values."""
        lab, rows = self._lab, self.rows
        recorded = tr("Recorded: go back to your own current to change it.") if lab.real else ""
        self.kind.button(KINDS.index(lab.kind)).setChecked(True)
        self.decays.setChecked(lab.decays_input)
        is_leaky = lab.neuron.is_leaky
        self.decays.setEnabled(is_leaky)
        rows["tau"].show_value(lab.tau, "" if is_leaky else tr("IF does not leak: it has no τ."))
        rows["threshold"].show_value(lab.threshold)
        is_soft = lab.reset == SOFT
        self.resets.button(int(is_soft)).setChecked(True)
        soft = tr("A soft reset subtracts the threshold: there is no V_reset.") if is_soft else ""
        rows["reset"].show_value(lab.hard_reset, soft)
        self._show_shape()
        drawn = tr("Drawn: its values are in the plot.") if lab.shape == "drawn" else ""
        rows["amplitude"].show_value(lab.amplitude, drawn)
        rows["amplitude"].setVisible(not recorded)
        is_noisy = lab.shape == "noisy" and not recorded
        rows["noise"].setVisible(is_noisy)
        self.seed_line.setVisible(is_noisy)
        rows["noise"].show_value(lab.noise)
        self.seed.set_seed(lab.seed)
        rows["steps"].show_value(lab.steps, recorded)

    def _show_shape(self) -> None:
        """Show the shape of the input; a recorded one is another, which cannot be chosen."""
        is_recorded = self._lab.real is not None
        if is_recorded and self.shape.count() == len(SHAPES):
            self.shape.addItem(RECORDED)
        elif not is_recorded and self.shape.count() > len(SHAPES):
            self.shape.removeItem(len(SHAPES))
        self.shape.setCurrentIndex(len(SHAPES) if is_recorded else SHAPES.index(self._lab.shape))
        self.shape.setEnabled(not is_recorded)

    @Slot()
    def _fit(self) -> None:
        self.seed.setFixedWidth(theme.px(96))


class StepControls(QWidget):
    """Which step is looked at, and its input, both typed."""

    stepChosen = Signal(int)  # noqa: N815  from 0 on
    valueChosen = Signal(float)  # noqa: N815

    def __init__(self, lab: NeuronLabModel) -> None:
        super().__init__()
        self._lab = lab
        tip = tr("SNN step that is looked at; left and right in the plot change it too")
        self.step = LabField(tr("Step looked at"), tip, 1, MOST_STEPS)
        tip = tr("Input at that step; up and down in the plot change it too")
        self.value = LabField(tr("Input of the step"), tip, *CURRENTS, decimals=4)
        self.value.setSingleStep(0.05)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(8)
        for text, box in (("t =", self.step), ("X[t] =", self.value)):
            name = QLabel(text)
            name.setBuddy(box)
            row.addWidget(name)
            row.addWidget(box)
        row.addStretch(1)
        self.step.edited.connect(lambda step: self.stepChosen.emit(int(step) - 1))
        self.value.edited.connect(self.valueChosen)
        theme.manager.changed.connect(self._fit)
        self._fit()

    def refresh(self) -> None:
        """Show the model's values."""
        lab = self._lab
        self.step.setMaximum(lab.steps)
        self.step.set_number(lab.cursor + 1)
        self.value.set_number(float(lab.current[lab.cursor]))
        self.value.setEnabled(lab.real is None)

    @Slot()
    def _fit(self) -> None:
        digit = self.fontMetrics().horizontalAdvance("0")
        self.step.setFixedWidth(3 * digit + theme.px(20))
        self.value.setFixedWidth(7 * digit + theme.px(20))


class SurrogateControls(QWidget):
    """Which surrogate, and how steep."""

    rejected = Signal(str)

    def __init__(self, lab: NeuronLabModel) -> None:
        super().__init__()
        self._lab = lab
        self.names = Combo(
            tr("Surrogate"), tr("Function whose slope training uses for a spike"), tuple(SURROGATES)
        )
        self.alpha = LabRow("alpha")
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        column.addWidget(self.names, alignment=Qt.AlignmentFlag.AlignLeft)
        column.addWidget(self.alpha)
        self.names.activated.connect(self._on_name)
        self.alpha.edited.connect(self._on_alpha)

    def refresh(self) -> None:
        """Show the model's values."""
        self.names.setCurrentIndex(list(SURROGATES).index(self._lab.surrogate))
        self.alpha.show_value(self._lab.alpha)

    @Slot(int)
    def _on_name(self, index: int) -> None:
        self._lab.surrogate = list(SURROGATES)[index]

    @Slot(str, float)
    def _on_alpha(self, _name: str, alpha: float) -> None:
        try:
            self._lab.alpha = alpha
        except ConfigError as error:
            self.rejected.emit(str(error))
            self.refresh()


def _labelled(name: QLabel, control: QWidget) -> QWidget:
    """Return a row of a name and a control that takes the rest."""
    row = QWidget()
    layout = QHBoxLayout(row)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setSpacing(8)
    layout.addWidget(name)
    layout.addWidget(control, 1)
    return row
