"""Sampler dock: every parameter of the next run, and the commands of the current one."""

from __future__ import annotations

from typing import ClassVar

from PySide6.QtCore import Qt, QTimer, Signal, Slot
from PySide6.QtGui import QResizeEvent, QStandardItemModel
from PySide6.QtWidgets import (
    QCheckBox,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)
from shiboken6 import isValid

from spikestudio.app import theme
from spikestudio.app.actions import Actions
from spikestudio.app.viewmodels import parameters
from spikestudio.app.viewmodels.rate_change import rate_change
from spikestudio.app.viewmodels.run import RunModel
from spikestudio.app.viewmodels.sampler import ETA, LIVE_PARAMETERS, SamplerModel
from spikestudio.app.views.base import View
from spikestudio.app.views.parts import Caption
from spikestudio.app.widgets.choice_box import ChoiceBox
from spikestudio.app.widgets.command_button import CommandButton
from spikestudio.app.widgets.elided import ElidedCheckBox
from spikestudio.app.widgets.icons import IconButton
from spikestudio.app.widgets.parameter_row import NumberBox, ParameterRow, ResetDot
from spikestudio.app.widgets.seed_box import SeedBox
from spikestudio.diffusion.solvers import solver
from spikestudio.errors import ConfigError
from spikestudio.language import tr
from spikestudio.neurons.thresholds import schedule_of

SETTLED_MS = 100
AT_RANDOM = tr("One per image, at random")
BUTTONS = (
    ("sample", "mdi6.play"),
    ("pause", "mdi6.pause"),
    ("step", "mdi6.skip-next"),
    ("cancel", "mdi6.stop"),
)


class SamplerView(View):
    """Controls of the request; those that the model cannot use are not there."""

    view_id: ClassVar[str] = "sampler"
    title: ClassVar[str] = tr("Sampler")
    help_text: ClassVar[str] = tr(
        "What the next run does. The same values give the same images.\n"
        "Sampler: how the image is found, in as many network evaluations as there are steps; "
        "what this model or computer cannot use is grey in the list, with the reason.\n"
        "Drag a slider or type any legal number; the dot beside it goes back to the default.\n"
        "Threshold: lower = more spikes (paper: inhibitory guidance).\n"
        "Below it: the mean rate of all layers now, and in the step before the last change.\n"
        "Threshold and temperature can be changed during a run, from its next step on; "
        "the other values are for the next run.\n"
        "Clip: what a predicted clean image has outside its range is cut off at every step; "
        "at high noise, where the network is unsure, that shifts the image.\n"
        "Step does one denoising step and waits. Cancel keeps what the run has."
    )

    wideChanged = Signal(bool)  # noqa: N815
    rejected = Signal(str)  # a value that cannot be used, in one sentence

    def __init__(
        self,
        run: RunModel,
        sampler: SamplerModel,
        actions: Actions,
        *,
        is_wide: bool = False,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(run, parent)
        self._sampler = sampler
        self.seed = SeedBox()
        self.num = NumberBox(parameters.NUM)
        self.samplers = ChoiceBox(tr("Sampler"))
        self.does = Caption()
        self.eta = NumberBox(ETA)
        self.eta.setToolTip(ETA.help_text)
        self.eta.setSingleStep(0.05)
        self.classes = ChoiceBox(tr("Class"))
        self.rows = {
            parameter.name: ParameterRow(parameter)
            for parameter in (
                parameters.STEPS,
                parameters.SNN_STEPS,
                parameters.THRESHOLD,
                parameters.TEMPERATURE,
                parameters.GUIDANCE,
            )
        }
        self.clip = ElidedCheckBox(tr("Clip predicted x0 to the image range"))
        self.clip.setToolTip(tr("Keep every predicted clean image in [-1, 1], not only the last"))
        self.clip_reset = ResetDot()
        self.clip_note = QLabel()
        theme.set_role(self.clip_note, "caption")
        self.rate = Caption()
        self.wide = QCheckBox(tr("Wide"))
        self.wide.setToolTip(tr("Let the slider span 0.5 to 1.5"))
        self.wide.setAccessibleName(tr("Wide threshold range"))
        self._is_dense = False
        self._build(actions)
        self._connect()
        self.wide.setChecked(is_wide)
        self._on_model_changed()

    # construction ---------------------------------------------------------------------------

    def _build(self, actions: Actions) -> None:
        self._content = content = QWidget()
        self._column = column = QVBoxLayout(content)
        column.setContentsMargins(12, 4, 12, 4)
        column.addLayout(self._first_row(actions))
        column.addLayout(self._choices())
        threshold = self.rows["threshold"]
        threshold.top.insertWidget(1, self.wide)
        threshold.top.insertSpacing(1, 2 * theme.SPACE)
        threshold.column.addWidget(self.rate)
        for row in self.rows.values():
            column.addWidget(row)
        column.addWidget(self._clip_row())
        column.addStretch(1)
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setWidget(content)
        self._bar = scroll.verticalScrollBar()
        self._settled = QTimer(self)  # docks being arranged pass through many sizes
        self._settled.setSingleShot(True)
        self._settled.setInterval(SETTLED_MS)
        self._settled.timeout.connect(self._make_room)
        self._bar.rangeChanged.connect(self._settled.start)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(scroll, 1)
        self._footer = self._commands(actions)
        layout.addWidget(self._footer)

    def _clip_row(self) -> QWidget:
        self._clip_widgets = QWidget()
        grid = QGridLayout(self._clip_widgets)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setSpacing(theme.SPACE)
        grid.setColumnStretch(0, 1)
        grid.addWidget(self.clip, 0, 0)
        grid.addWidget(self.clip_reset, 0, 1)
        grid.addWidget(self.clip_note, 1, 0, 1, 2)
        self.clip_note.hide()
        return self._clip_widgets

    def _first_row(self, actions: Actions) -> QHBoxLayout:
        self.dice = dice = IconButton("mdi6.dice-5-outline", actions["roll-seed"].toolTip())
        dice.clicked.connect(actions["roll-seed"].trigger)
        row = QHBoxLayout()
        row.setSpacing(theme.SPACE)
        for widget, stretch in (
            (_label(tr("Seed"), self.seed), 0),
            (self.seed, 1),
            (dice, 0),
            (_label(tr("Images"), self.num), 0),
            (self.num, 0),
        ):
            row.addWidget(widget, stretch)
        row.insertSpacing(3, 2 * theme.SPACE)
        return row

    def _choices(self) -> QGridLayout:
        grid = QGridLayout()
        grid.setHorizontalSpacing(2 * theme.SPACE)
        grid.setVerticalSpacing(2 * theme.SPACE)
        grid.setColumnStretch(1, 1)
        self._class_label = _label(tr("Class"), self.classes)
        self._eta_label = _label(tr("Eta"), self.eta)
        chosen = QHBoxLayout()
        chosen.setSpacing(theme.SPACE)
        chosen.addWidget(self.samplers, 1)
        chosen.addWidget(self._eta_label)
        chosen.addWidget(self.eta)
        lines = QVBoxLayout()
        lines.setSpacing(theme.SPACE)
        row = QHBoxLayout()
        row.setSpacing(2 * theme.SPACE)
        row.addWidget(_label(tr("Sampler"), self.samplers))
        row.addLayout(chosen, 1)
        lines.addLayout(row)
        lines.addWidget(self.does)
        grid.addLayout(lines, 0, 0, 1, 2)
        grid.addWidget(self._class_label, 1, 0)
        grid.addWidget(self.classes, 1, 1)
        return grid

    def _commands(self, actions: Actions) -> QWidget:
        footer = QWidget()
        self._grid = grid = QGridLayout(footer)
        grid.setSpacing(2 * theme.SPACE)
        self.buttons = {
            name: CommandButton(actions[name], icon_name, role="outline")
            for name, icon_name in BUTTONS
        }
        for name in ("pause", "step", "cancel"):
            self.buttons[name].heir = self.buttons["sample"]
        return footer

    # room -----------------------------------------------------------------------------------

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802  Qt override
        super().resizeEvent(event)
        self._fit()

    @Slot()
    def _make_room(self) -> None:
        """Draw closer together if there is something to scroll: lines that come with a run."""
        if isValid(self._bar) and self._bar.maximum() and not self._is_dense:
            self._set_dense(is_dense=True)

    @Slot()
    def _fit(self) -> None:
        """Draw closer together where the dock is too low to show every control otherwise."""
        for box in (self.num, self.eta):
            box.setFixedWidth(theme.px(56))
        self._set_dense(is_dense=False)
        controls = self._column.heightForWidth(self.width())  # notes may break into more lines
        if controls + self._footer.sizeHint().height() > self.height():
            self._set_dense(is_dense=True)

    def _set_dense(self, *, is_dense: bool) -> None:
        self._is_dense = is_dense
        self._column.setSpacing(theme.px(8 if is_dense else 10))
        for row in self.rows.values():
            row.slider.set_labels_shown(is_shown=not is_dense)
            row.column.setSpacing(0 if is_dense else theme.SPACE)
        self._grid.setContentsMargins(12, 4 if is_dense else 8, 12, 8 if is_dense else 12)
        columns = len(self.buttons) if is_dense else 2
        for index, (name, button) in enumerate(self.buttons.items()):
            button.set_text_shown(not is_dense or name == "sample")
            self._grid.addWidget(button, index // columns, index % columns)
        for layout in (self._column, self._grid):
            layout.invalidate()

    def _connect(self) -> None:
        self.seed.edited.connect(self._on_seed)
        self.num.edited.connect(self._on_num)
        self.samplers.chosen.connect(self._on_sampler)
        self.eta.edited.connect(self._on_eta)
        self.classes.chosen.connect(self._on_class)
        for row in self.rows.values():
            row.changed.connect(self._on_number)
            row.resetRequested.connect(self._on_reset)
        self.wide.toggled.connect(self._on_wide)
        self.clip.clicked.connect(self._on_clip)
        self.clip_reset.clicked.connect(self._on_clip_reset)
        self._sampler.modelChanged.connect(self._on_model_changed)
        self._sampler.requestChanged.connect(self.mark_dirty)
        for signal in (self.run.stateChanged, self.run.started):
            signal.connect(self.mark_dirty)
        self.run.stepFinished.connect(self._show_rate)
        theme.manager.changed.connect(self._fit)

    # from the user --------------------------------------------------------------------------

    @Slot(object)
    def _on_seed(self, seed: int) -> None:
        self._change("seed", seed)

    @Slot(float)
    def _on_num(self, number: float) -> None:
        self._change("num", int(number))

    @Slot(object)
    def _on_sampler(self, name: str) -> None:
        self._change("sampler", name)

    @Slot(float)
    def _on_eta(self, eta: float) -> None:
        self._change("eta", eta)

    @Slot(object)
    def _on_class(self, label: int | None) -> None:
        self._change("class_label", label)

    @Slot(str, float)
    def _on_number(self, name: str, number: float) -> None:
        is_whole = self.rows[name].parameter.decimals == 0
        self._change(name, int(number) if is_whole else number)

    @Slot(str)
    def _on_reset(self, name: str) -> None:
        self._change(name, getattr(self._sampler.defaults, name))

    @Slot(bool)
    def _on_wide(self, is_wide: bool) -> None:
        span = parameters.WIDE_THRESHOLD if is_wide else parameters.THRESHOLD
        self.rows["threshold"].set_parameter(span)
        self.wideChanged.emit(is_wide)

    @Slot(bool)
    def _on_clip(self, is_clipped: bool) -> None:
        self._change("clip_x0", is_clipped)

    @Slot()
    def _on_clip_reset(self) -> None:
        self._on_reset("clip_x0")

    def _change(self, name: str, value: int | float | str | None) -> None:
        try:
            self._sampler.set(**{name: value})
        except ConfigError as error:
            self.rejected.emit(str(error))
        self.refresh()  # at once: a control must follow the hand that moves it

    # to the user ----------------------------------------------------------------------------

    @Slot()
    def _on_model_changed(self) -> None:
        sampler = self._sampler
        self._list_samplers()
        classes = sampler.classes
        self.classes.set_choices(
            [(AT_RANDOM, None), *((name, label) for label, name in enumerate(classes))]
        )
        for widget in (self.classes, self._class_label, self.rows["guidance"]):
            widget.setVisible(bool(classes))
        self.rows["temperature"].setVisible(sampler.has_temperature)
        self._clip_widgets.setVisible(not sampler.has_temperature)
        self.rows["steps"].set_parameter(parameters.steps_up_to(sampler.max_steps))
        self._fit()
        self.mark_dirty()

    def _list_samplers(self) -> None:
        """List what can be chosen, and below it in grey what cannot, with the reason."""
        names, absent = self._sampler.samplers, self._sampler.absent
        offered = [(solver(name).title, name) for name in names]
        missing = [(f"{title}: {reason}", "") for title, reason in absent]
        self.samplers.set_choices(offered + missing)
        items = self.samplers.model()
        assert isinstance(items, QStandardItemModel)  # that of a combo box
        for row in range(len(names) + len(missing)):
            item = items.item(row)
            item.setEnabled(row < len(names))
            item.setToolTip(solver(names[row]).does if row < len(names) else item.text())

    def refresh(self) -> None:
        request, defaults = self._sampler.request, self._sampler.defaults
        self.seed.set_seed(request.seed)
        self.num.set_number(request.num)
        self.samplers.set_choice(request.sampler)
        self.does.set_text(self._sampler.does)
        self.eta.set_number(request.eta)
        for widget in (self.eta, self._eta_label):
            widget.setVisible(self._sampler.has_eta)
        self.classes.set_choice(request.class_label)
        self._show_clip(is_clipped=request.clip_x0, is_default=defaults.clip_x0)
        self._show_rate()
        for name, row in self.rows.items():
            row.show_value(getattr(request, name), getattr(defaults, name))
            row.show_note(*self._note(name))
        sampler, model = self._sampler, self._sampler.model
        self.rows["steps"].lock(
            tr("This sampler takes all {max_steps} steps.", max_steps=sampler.max_steps)
            if sampler.has_fixed_steps
            else ""
        )
        self.rows["snn_steps"].lock(
            tr(
                "Fixed at {snn_steps}: the model learned one scale for each of its time steps.",
                snn_steps=defaults.snn_steps,
            )
            if model is not None and model.tsm_locked
            else ""
        )

    @Slot()
    def _show_rate(self) -> None:
        self.rate.set_text(rate_change(self.run).text())

    def _show_clip(self, *, is_clipped: bool, is_default: bool) -> None:
        self.clip.setChecked(is_clipped)
        default = tr("clipped") if is_default else tr("not clipped")
        self.clip_reset.show_default(None if is_clipped == is_default else default)
        text, _ = self._note("clip_x0")
        self.clip_note.setText(text)
        self.clip_note.setVisible(bool(text))

    def _note(self, name: str) -> tuple[str, str]:
        """Return the line under a control, and the role it is written in."""
        if name in self._sampler.pending:
            return tr("Applies at the next step."), "accent"
        if self._sampler.differs_from_run(name) and name not in LIVE_PARAMETERS:
            return tr("Applies to the next run."), "caption"
        if name == "threshold" and schedule_of(self._sampler.request.overrides):
            return tr("Where the curve of the Thresholds dock says nothing else."), "warn"
        if name == "threshold":
            return tr("Lower = more spikes (inhibitory guidance)."), "caption"
        if name == "snn_steps" and self._sampler.request.snn_steps != self._sampler.trained_steps:
            trained = self._sampler.trained_steps
            return tr(
                "Trained with {trained}; with another number quality may fall.", trained=trained
            ), "warn"
        return "", "caption"


def _label(text: str, buddy: QWidget) -> QLabel:
    label = QLabel(text)
    label.setBuddy(buddy)
    return label
