"""Neuron lab dock: one spiking neuron to play with, and how it computes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

import numpy as np
from PySide6.QtCore import QSize, Qt, Signal, Slot
from PySide6.QtGui import QGuiApplication, QPixmap, QResizeEvent, QShowEvent
from PySide6.QtWidgets import (
    QBoxLayout,
    QFileDialog,
    QFrame,
    QHBoxLayout,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from spikestudio.app import theme
from spikestudio.app.plots.lab_chart import LabChart
from spikestudio.app.plots.lab_rate_chart import RateChart
from spikestudio.app.plots.lab_surrogate_chart import SurrogateChart
from spikestudio.app.plots.lab_traces import DECIMALS, LabTraces, TracePicture
from spikestudio.app.viewmodels.neuron_lab import PROFILE, NeuronLabModel
from spikestudio.app.viewmodels.neuron_lab_examples import EXAMPLES
from spikestudio.app.viewmodels.run import RunModel
from spikestudio.app.views.base import View
from spikestudio.app.views.neuron_lab_controls import LabControls, StepControls, SurrogateControls
from spikestudio.app.views.neuron_lab_equation import EquationCard
from spikestudio.app.views.neuron_lab_words import equations, headline, source_text
from spikestudio.app.views.parts import Caption, Combo, Segmented, fill, line, stacked, tool_row
from spikestudio.app.views.sweep_form import Words
from spikestudio.app.widgets.icons import IconButton
from spikestudio.language import tr

WIDE, MEDIUM = 1020, 500  # pixels from which on there are three columns, and two
CONTROLS, CURVES = 264, 268  # widths of the columns beside the plot
SIDE_SHARE = 0.42  # of the width is what the controls may take
SHARE = 0.26  # of the width that the curves take
NO_LIMIT = 16_777_215  # Qt's largest width
PAGES = (
    (tr("Rates"), tr("Firing rate against constant current")),
    (tr("Gradient"), tr("Surrogate gradient, by which the neuron learns")),
)
RATES, GRADIENT = range(2)
CHOOSE = tr("Examples")
HINT = tr("Draw the input with the mouse, move the sliders, point at a step to see its numbers.")
LOADING = tr("The neuron is being loaded.")


class NeuronLabView(View):
    """Controls, the traces with the equations of one step, the rate curve and the surrogate."""

    view_id: ClassVar[str] = "neuron-lab"
    title: ClassVar[str] = tr("Neuron lab")
    help_text: ClassVar[str] = tr(
        "One spiking neuron, computed by spikingjelly's own node. Each step has two halves:\n"
        "H, charged by the input; V, after reset. Where H reaches the threshold there is a spike.\n"
        "Draw the input with the mouse in the upper strip. Click elsewhere: look at that step.\n"
        "Keys in the plot: left, right, Home, End go from step to step; up and down change the\n"
        "input there, with Shift ten times as far. Pointing at a step shows its equations.\n"
        "Rates: line in closed form, dots measured, ring the present input (its mean, if hollow).\n"
        "Gradient: a spike is a step (dashed) without a slope; training uses the curve instead.\n"
        "Take neuron: the recorded input of the selected neuron, with its constants; change them\n"
        "and see its spikes come and go. The network itself stays as it was."
    )

    sampleRequested = Signal()  # noqa: N815  never emitted: it does not wait for a run
    rejected = Signal(str)  # what could not be done
    told = Signal(str)  # what was done

    def __init__(self, run: RunModel, lab: NeuronLabModel, parent: QWidget | None = None) -> None:
        super().__init__(run, parent)
        self.lab = lab
        self._columns = 0
        self._is_changed = True
        self._hovered: int | None = None
        names = tuple(each.name for each in EXAMPLES)
        self.examples = Combo(tr("Examples"), tr("Something to look at"), (CHOOSE, *names))
        self.take = _button(tr("Take neuron"), "")
        self.back = _button(tr("Back to my current"), tr("Leave the recorded input for your own"))
        self.copy = IconButton("mdi6.content-copy", tr("Copy a picture of the lab"))
        self.save = IconButton("mdi6.content-save-outline", tr("Save the traces as CSV…"))
        self.headline = Caption(role="title", token="text")
        self.note = Words()
        self.controls = LabControls(lab)
        self.traces = LabTraces()
        self.traces.setAccessibleDescription(tr("Nothing is computed yet."))
        self.equations = EquationCard()
        self.pages = Segmented(tr("Curve"), PAGES)
        self.rates, self.surrogate = RateChart(), SurrogateChart()
        self.surrogate_controls = SurrogateControls(lab)
        self.step_controls = StepControls(lab)
        self._left = _column(self.controls)
        self._middle = _column(self.traces, self.step_controls, self.equations)
        self._pages = tool_row(self.pages)
        self._curves = _column(self._pages, self.rates, self.surrogate, self.surrogate_controls)
        self._side, self._main = _scrolled(QBoxLayout.Direction.TopToBottom), _scrolled()
        self._content = QWidget()
        columns = QHBoxLayout(self._content)
        columns.setContentsMargins(0, 4, 0, 0)
        columns.setSpacing(8)
        columns.addWidget(self._side)
        columns.addWidget(self._main, 1)
        commands = tool_row(self.examples, self.take, self.back)
        head = line(self.headline, self.copy, self.save)
        fill(self, stacked(head, self.note, commands, self._content, stretch=self._content))
        self._name_parts()
        self._connect()
        self._arrange()

    def _name_parts(self) -> None:
        """Give every part a name by which a lesson finds it."""
        controls = self.controls
        parts: dict[str, QWidget] = {
            "examples": self.examples,
            "take": self.take,
            "back": self.back,
            "kind": controls.kind,
            "decays-input": controls.decays,
            "reset-kind": controls.resets,
            "shape": controls.shape,
            "seed": controls.seed,
            **controls.rows,
            "alpha": self.surrogate_controls.alpha,
            "surrogate": self.surrogate_controls.names,
            "step": self.step_controls.step,
            "value": self.step_controls.value,
            "traces": self.traces,
            "equations": self.equations,
            "rate-chart": self.rates,
            "surrogate-chart": self.surrogate,
        }
        for name, part in parts.items():
            part.setObjectName(f"{self.view_id}-{name}")

    def _connect(self) -> None:
        lab = self.lab
        lab.changed.connect(self._on_changed)
        lab.sourceChanged.connect(self.mark_dirty)
        for source in (lab, self.controls, self.surrogate_controls):
            source.rejected.connect(self.rejected)
        lab.told.connect(self.told)
        self.examples.activated.connect(self._on_example)
        self.take.clicked.connect(lab.take_real)
        self.back.clicked.connect(lab.go_back)
        self.copy.clicked.connect(self._on_copy)
        self.save.clicked.connect(self._on_save)
        self.pages.chosen.connect(self._show_page)
        self.traces.cursorMoved.connect(self._on_cursor)
        self.traces.drawn.connect(self._on_drawn)
        self.traces.nudged.connect(self._on_nudged)
        self.traces.hovered.connect(self._on_hovered)
        self.step_controls.stepChosen.connect(self._on_cursor)
        self.step_controls.valueChosen.connect(self._on_value)
        theme.manager.changed.connect(self._restyle)

    # drawing --------------------------------------------------------------------------------

    @Slot()
    def _on_changed(self) -> None:
        self._is_changed = True
        self.mark_dirty()

    def refresh(self) -> None:
        """Show the neuron, its input, and what it does; a run beside it moves one button only."""
        self._show_take()
        if not self._is_changed:
            return
        self._is_changed = False
        lab = self.lab
        for part in (self.controls, self.step_controls, self.surrogate_controls):
            part.refresh()
        self._show_head()
        driven = lab.outcome.driven if lab.outcome else None
        self.traces.set_picture(
            TracePicture(
                current=lab.current,
                driven=driven,
                threshold=lab.threshold,
                v_reset=lab.neuron.v_reset,
                cursor=lab.cursor,
                is_editable=lab.real is None,
                note=lab.failure or LOADING,
            )
        )
        present = None if lab.rate is None else (lab.mean_current, lab.rate)
        self.rates.set_curve(
            lab.curve,
            present,
            is_constant=lab.is_constant,
            is_stale=not lab.is_curve_current,
        )
        self._show_step()

    def _show_head(self) -> None:
        lab = self.lab
        text = headline(lab) or lab.failure or LOADING
        self.headline.set_text(text)
        example = next((each for each in EXAMPLES if each.name == lab.example), None)
        self.examples.setCurrentIndex(self.examples.findText(lab.example or CHOOSE))
        self.note.say(source_text(lab) or (example.text if example else HINT), "caption")
        self.back.setVisible(lab.real is not None)
        self.copy.setEnabled(lab.is_ready)
        self.save.setEnabled(lab.is_ready)

    def _show_take(self) -> None:
        obstacle = self.lab.cannot_take
        self.take.setEnabled(not obstacle)
        neurons = self.run.selection.neurons
        name = (
            tr("Take neuron")
            if obstacle or not neurons
            else tr("Take neuron {neuron:,}", neuron=neurons[0])
        )
        self.take.setText(name)
        tip = obstacle or tr(
            "Its recorded input at the denoising step looked at, and its constants"
        )
        self.take.setToolTip(tip)
        self.take.setAccessibleDescription(tip)

    def _show_step(self) -> None:
        """Show the equations of the step pointed at, else of the cursor's."""
        lab, outcome = self.lab, self.lab.outcome
        if outcome is None:
            return
        step = lab.cursor if self._hovered is None else min(self._hovered, lab.steps - 1)
        lines = equations(lab.neuron, outcome.driven, step)
        self.equations.set_lines(f"t = {step + 1}", lines)
        self.traces.setAccessibleDescription(
            f"{self.headline.text}. t = {step + 1}: {self.equations.text}"
        )
        distance = outcome.driven.h[step] - np.float32(lab.threshold)
        present = (float(distance), float(outcome.slopes[step]))
        self.surrogate.set_profile(PROFILE, outcome.profile, present)

    # layout ---------------------------------------------------------------------------------

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802  Qt override
        super().resizeEvent(event)
        self._arrange()

    @Slot()
    def _restyle(self) -> None:
        self._columns = 0
        self._arrange()
        self._redraw()

    def _arrange(self) -> None:
        """Put controls, plot and curves into one, two or three columns."""
        width = self.width()
        columns = 3 if width >= theme.px(WIDE) else 2 if width >= theme.px(MEDIUM) else 1
        self._side.setFixedWidth(min(theme.px(CONTROLS), round(SIDE_SHARE * width)))
        most = max(theme.px(CURVES), round(SHARE * width)) if columns == 3 else NO_LIMIT
        self._curves.setMaximumWidth(most)
        self._curves.setMinimumWidth(theme.px(CURVES) if columns == 3 else 0)
        if columns == self._columns:
            return
        self._columns = columns
        side, main = _layout(self._side), _layout(self._main)
        for layout in (side, main):
            for each in (self._left, self._middle, self._curves):
                layout.removeWidget(each)
        direction = QBoxLayout.Direction
        main.setDirection(direction.TopToBottom if columns == 1 else direction.LeftToRight)
        main.addWidget(self._middle, 1)
        (main if columns == 1 else side).addWidget(self._left)
        (side if columns == 2 else main).addWidget(self._curves, 1 if columns == 2 else 0)
        self._side.setVisible(columns > 1)
        self._show_page()

    @Slot()
    def _show_page(self) -> None:
        """Show one curve, or both where there is room."""
        is_both = self._columns == 3
        self._pages.setVisible(not is_both)
        has_gradient = is_both or self.pages.current == GRADIENT
        for widget, is_shown in (
            (self.rates, is_both or not has_gradient),
            (self.surrogate, has_gradient),
            (self.surrogate_controls, has_gradient),
        ):
            widget.setVisible(is_shown)

    # from the user --------------------------------------------------------------------------

    @Slot(int)
    def _on_example(self, index: int) -> None:
        if index:
            self.lab.use_example(EXAMPLES[index - 1].name)

    @Slot(int)
    def _on_cursor(self, step: int) -> None:
        if step < self.lab.steps:
            self.lab.cursor = step
            self._redraw()

    @Slot(object)
    def _on_drawn(self, values: Mapping[int, float]) -> None:
        self.controls.attempt(lambda: self.lab.set_values(values))
        self._redraw()

    @Slot(int, float)
    def _on_nudged(self, step: int, change: float) -> None:
        value = round(float(self.lab.current[step]) + change, DECIMALS)
        self._on_drawn({step: value})

    @Slot(float)
    def _on_value(self, value: float) -> None:
        self._on_drawn({self.lab.cursor: value})

    @Slot(object)
    def _on_hovered(self, step: int | None) -> None:
        self._hovered = step
        self._show_step()

    @Slot()
    def _redraw(self) -> None:
        self._on_changed()
        self.draw_if_needed()

    # out ------------------------------------------------------------------------------------

    def picture(self) -> QPixmap:
        """Return traces and equations as they are on screen."""
        return self._middle.grab()

    @Slot()
    def _on_copy(self) -> None:
        QGuiApplication.clipboard().setPixmap(self.picture())
        self.told.emit(tr("Copied a picture of the neuron lab."))

    @Slot()
    def _on_save(self) -> None:
        dialog = QFileDialog(self, tr("Save the traces"), str(Path.home()))
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setNameFilters([tr("CSV (*.csv)")])
        dialog.setDefaultSuffix("csv")
        dialog.selectFile("neuron.csv")
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.fileSelected.connect(lambda name: self.lab.save_csv(Path(name)))
        dialog.open()

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802  Qt override
        super().showEvent(event)
        self.lab.prepare()

    def sizeHint(self) -> QSize:  # noqa: N802  Qt override
        return QSize(theme.px(720), theme.px(560))


def _button(text: str, tip: str) -> QPushButton:
    button = QPushButton(text)
    button.setToolTip(tip)
    theme.set_role(button, "outline")
    return button


def _column(*widgets: QWidget) -> QWidget:
    """Return widgets below each other; charts take what the others leave."""
    column = QWidget()
    layout = QVBoxLayout(column)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setSpacing(6)
    for widget in widgets:
        layout.addWidget(widget, 1 if isinstance(widget, LabChart) else 0)
    if not any(isinstance(widget, LabChart) for widget in widgets):
        layout.setAlignment(Qt.AlignmentFlag.AlignTop)
    return column


def _scrolled(direction: QBoxLayout.Direction = QBoxLayout.Direction.LeftToRight) -> QScrollArea:
    """Return a page that scrolls up and down, with a row or column in it."""
    scroll, body = QScrollArea(), QWidget()
    row = QBoxLayout(direction, body)
    row.setContentsMargins(0, 0, 8, 0)  # of the bar
    row.setSpacing(16 if direction == QBoxLayout.Direction.LeftToRight else 6)
    scroll.setWidgetResizable(True)
    scroll.setFrameShape(QFrame.Shape.NoFrame)
    scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    scroll.setWidget(body)
    return scroll


def _layout(scroll: QScrollArea) -> QBoxLayout:
    body = scroll.widget()
    layout = body.layout() if body is not None else None
    assert isinstance(layout, QBoxLayout)
    return layout
