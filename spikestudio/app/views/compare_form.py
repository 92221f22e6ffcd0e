"""One parameter and another value for it: what B is sampled with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Slot
from PySide6.QtGui import QFontMetrics
from PySide6.QtWidgets import QCheckBox, QPushButton, QStackedWidget, QVBoxLayout, QWidget

from spikestudio.app import theme
from spikestudio.app.viewmodels.comparison import ComparisonModel
from spikestudio.app.viewmodels.parameters import (
    GUIDANCE,
    SNN_STEPS,
    STEPS,
    TEMPERATURE,
    THRESHOLD,
    Parameter,
)
from spikestudio.app.views.parts import Caption, Combo, tool_row
from spikestudio.app.widgets.parameter_row import NumberBox
from spikestudio.errors import ConfigError
from spikestudio.language import tr
from spikestudio.sampling.request import RANGES, SamplingRequest

if TYPE_CHECKING:
    from spikestudio.app.viewmodels.sampler import SamplerModel

PARAMETERS = (THRESHOLD, SNN_STEPS, TEMPERATURE, GUIDANCE, STEPS)


def offered(sampler: SamplerModel) -> tuple[Parameter, ...]:
    """Return the parameters that the loaded model has a use for."""
    model = sampler.model
    without = set()
    if not sampler.has_temperature:
        without.add("temperature")
    if not sampler.classes:
        without.add("guidance")
    if model is not None and model.tsm_locked:
        without.add("snn_steps")
    if sampler.request.sampler == "ddpm":
        without.add("steps")
    return tuple(each for each in PARAMETERS if each.name not in without)


def other_value(request: SamplingRequest, name: str) -> float:
    """Return a value worth comparing with that of a request."""
    now = float(getattr(request, name))
    proposed = {
        "threshold": now - 0.003,
        "snn_steps": now * 2 if now < 8 else now // 2,
        "temperature": now - 0.35 if now > 0.5 else now + 0.35,
        "guidance": now + 1,
        "steps": now // 2 if now > 1 else now * 2,
    }[name]
    return min(max(proposed, RANGES[name].low), RANGES[name].high)


class SampleBForm(QWidget):
    """Parameter, value, and a button that samples A's request with it."""

    def __init__(self, comparison: ComparisonModel, sampler: SamplerModel) -> None:
        super().__init__()
        self._comparison, self._sampler = comparison, sampler
        self._offered: tuple[Parameter, ...] = ()
        self._a: int | None = None  # key of the run that the value was proposed for
        self.parameter = Combo(
            tr("Parameter that B has another value of"), tr("What B does otherwise")
        )
        self.parameter.setSizeAdjustPolicy(Combo.SizeAdjustPolicy.AdjustToContents)
        self.parameter.addItems([each.title for each in PARAMETERS])  # the widest that there can be
        self.boxes = {each.name: NumberBox(each) for each in PARAMETERS}
        self.box = QStackedWidget()
        for box in self.boxes.values():
            self.box.addWidget(box)
        self.button = QPushButton(tr("Sample B with the same noise"))
        theme.set_role(self.button, "outline")
        self.with_ddim = QCheckBox(tr("Both with DDIM"))
        self.with_ddim.setChecked(True)
        self.with_ddim.setToolTip(
            tr(
                "Sample A anew first, so that both are by DDIM. It draws no noise on the way: "
                "what differs "
                "then comes from the change alone"
            )
        )
        self.note = Caption()
        lead = Caption(tr("B: A with"), is_whole=True)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(tool_row(lead, self.parameter, self.box, self.with_ddim, self.button))
        layout.addWidget(self.note)
        for box in self.boxes.values():
            box.edited.connect(self.refresh)
            box.setToolTip(tr("Value that B has"))
        self.parameter.currentIndexChanged.connect(self._on_parameter_chosen)
        self.button.clicked.connect(self.sample)
        theme.manager.changed.connect(self._fit)
        self._fit()

    @property
    def name(self) -> str:
        """The parameter chosen."""
        return str(self.parameter.currentData() or THRESHOLD.name)

    @property
    def value(self) -> float | int:
        """The value chosen for it."""
        value = self.boxes[self.name].value()
        return value if self.boxes[self.name].decimals() else int(value)

    @Slot()
    def refresh(self) -> None:
        """Offer what the model can use, and say whether B can be sampled."""
        choices = offered(self._sampler)
        if choices != self._offered:
            self._offered = choices
            before = self.name
            self.parameter.blockSignals(True)
            self.parameter.clear()
            for each in choices:
                self.parameter.addItem(each.title, each.name)
            self.parameter.setCurrentIndex(max(0, self.parameter.findData(before)))
            self.parameter.blockSignals(False)
        a = self._comparison.a
        if a is not None and a.key != self._a:
            self._a = a.key
            for name, box in self.boxes.items():
                box.set_number(other_value(a.request, name))
        self.box.setCurrentWidget(self.boxes[self.name])
        self.with_ddim.setVisible(self._comparison.can_take_ddim)
        is_same_noise = self._comparison.has_same_noise_with({self.name: self.value})
        self.button.setText(tr("Sample B with the same noise") if is_same_noise else tr("Sample B"))
        note = self._note()
        self._say(note)
        self.button.setEnabled(not note)
        self.button.setToolTip(note or tr("Sample A's request once more with this value"))

    def _note(self) -> str:
        """Why B cannot be sampled; empty if it can."""
        a = self._comparison.a
        if self._comparison.is_sampling:
            return tr("B is being sampled.")
        if self._comparison.obstacle or a is None:
            return self._comparison.obstacle
        if self.value == getattr(a.request, self.name):
            return tr("This is A's own value: choose another one.")
        return ""

    def _say(self, note: str) -> None:
        self.note.set_text(note)
        self.note.setVisible(bool(note))

    @Slot()
    def sample(self) -> None:
        """Have B sampled."""
        try:
            self._comparison.sample_b({self.name: self.value}, with_ddim=self.with_ddim.isChecked())
        except ConfigError as error:
            self._say(str(error))
            return
        self.refresh()

    @Slot()
    def _on_parameter_chosen(self) -> None:
        self.refresh()

    @Slot()
    def _fit(self) -> None:
        width = QFontMetrics(theme.font()).horizontalAdvance("000000") + theme.px(28)
        for box in self.boxes.values():
            box.setFixedWidth(width)
            box.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self.box.setFixedSize(width, next(iter(self.boxes.values())).sizeHint().height())
