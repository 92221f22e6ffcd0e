"""Thresholds dock: of all layers, groups and layers, over the steps of a run, and SNN time steps."""

from __future__ import annotations

from typing import ClassVar

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import (
    QCheckBox,
    QFrame,
    QPushButton,
    QScrollArea,
    QStackedWidget,
    QWidget,
)

from spikestudio.app import theme
from spikestudio.app.viewmodels.run import RunModel
from spikestudio.app.viewmodels.threshold_lab import ThresholdLab
from spikestudio.app.views.base import View
from spikestudio.app.views.parts import (
    Caption,
    EmptyStack,
    Segmented,
    fill,
    stacked,
    tool_row,
)
from spikestudio.app.views.threshold_curve import CurvePage
from spikestudio.app.views.threshold_layers import LayersPage
from spikestudio.app.views.threshold_steps import StepsPage
from spikestudio.language import tr, tr_n

LAYERS, CURVE, STEPS = range(3)
PAGES = (
    (tr("Layers"), tr("Thresholds of all layers, of groups and of single layers")),
    (tr("Curve"), tr("Another threshold for every denoising step")),
    (tr("T steps"), tr("SNN time steps, and what they do to the read-out")),
)


class ThresholdLabView(View):
    """Three pages; the thresholds are those of the next run."""

    view_id: ClassVar[str] = "thresholds"
    title: ClassVar[str] = tr("Thresholds")
    help_text: ClassVar[str] = tr(
        "Thresholds of the next run. The narrower one wins: all layers < curve < group < layer.\n"
        "Layers: choose a row, set its threshold above. Enter: type it. Delete: take it off.\n"
        "Curve: drag points, double click for a new one. Every edit puts the curve in force.\n"
        "Keys: arrows move the point, with Shift ten times as far; Page up, Page down: other points;\n"
        "Insert: a new one behind it; Delete: remove it.\n"
        "Below: mean rate of all layers in the last run and the one before, or the change.\n"
        "T steps: the read-out adds up its T steps; the bars are its strength by T.\n"
        "Lower = more spikes (the paper calls it inhibitory guidance).\n"
        "Thousandths may change a single picture chaotically: one picture proves nothing."
    )

    sampleRequested = Signal()  # noqa: N815
    wideChanged = Signal(bool)  # noqa: N815
    rejected = Signal(str)

    def __init__(
        self,
        run: RunModel,
        lab: ThresholdLab,
        *,
        is_wide: bool = False,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(run, parent)
        self.lab = lab
        self.pages = Segmented(tr("Part"), PAGES)
        self.wide = QCheckBox(tr("Wide"))
        self.wide.setToolTip(tr("Let controls and curve span 0.5 to 1.5, for teaching"))
        self.wide.setAccessibleName(tr("Wide threshold range"))
        self.layers, self.curve = LayersPage(lab), CurvePage(lab)
        self.steps = StepsPage(lab.sampler)
        self.stacked = QStackedWidget()
        for page in (self.layers, self.curve, self.steps):
            self.stacked.addWidget(_scrolled(page))
        self.caption = Caption(is_whole=True)
        self.revert_all = _button(
            tr("All as in the checkpoint"),
            tr("Take every threshold off; lesions and other constants stay"),
        )
        self.footer = tool_row(self.revert_all, self.caption)
        self.stack = EmptyStack(
            stacked(
                tool_row(self.pages, self.wide),
                self.stacked,
                self.footer,
                stretch=self.stacked,
            ),
            tr("The thresholds of a model appear here once it is loaded."),
        )
        self.stack.show_empty(self.stack.sentence, has_button=False)
        fill(self, self.stack)
        self._connect()
        self.set_wide(is_wide)

    def _connect(self) -> None:
        self.stack.sampleRequested.connect(self.sampleRequested)
        self.pages.chosen.connect(self._on_page)
        self.wide.toggled.connect(self._on_wide)
        self.revert_all.clicked.connect(self.lab.revert_all)
        self.layers.layerChosen.connect(self._look_at)
        self.layers.rejected.connect(self.rejected)
        self.steps.rejected.connect(self.rejected)
        self.lab.changed.connect(self.mark_dirty)
        run = self.run
        for signal in (run.started, run.stepFinished, run.stateChanged):
            signal.connect(self.mark_dirty)
        theme.manager.changed.connect(self._restyle)
        self._restyle()

    @Slot()
    def _restyle(self) -> None:
        self.wide.setMinimumHeight(theme.px(28))
        self.mark_dirty()

    @Slot(bool)
    def set_wide(self, is_wide: bool) -> None:
        """Let controls and curve span 0.5 to 1.5, or the published values only."""
        self.wide.setChecked(is_wide)

    def refresh(self) -> None:
        """Show the page in front."""
        if not self.lab.layers:
            return
        self.stack.show_content()
        page = self.stacked.currentIndex()
        (self.layers, self.curve, self.steps)[page].refresh()
        is_of_thresholds = page != STEPS
        for widget in (self.footer, self.wide):
            widget.setVisible(is_of_thresholds)
        self._show_footer()

    @Slot()
    def _show_footer(self) -> None:
        number, others = self.lab.num_differences, self.lab.num_others
        text = tr_n(
            "{number} difference", "{number} differences", number, number=number or tr("No")
        )
        if others:
            text += tr(", {others} of some steps or layers", others=others)
        if self.lab.is_for_next_run:
            text += tr(", from the next run on")
        self.caption.set_text(text)
        self.revert_all.setEnabled(number > 0)

    @Slot(int)
    def _on_page(self, index: int) -> None:
        self.stacked.setCurrentIndex(index)
        self._redraw()

    @Slot(bool)
    def _on_wide(self, is_wide: bool) -> None:
        self.layers.set_wide(is_wide=is_wide)
        self.curve.set_wide(is_wide=is_wide)
        self._redraw()
        self.wideChanged.emit(is_wide)

    @Slot(str)
    def _look_at(self, layer_id: str) -> None:
        if not self.run.layers or self.run.layer(layer_id):  # the run may be another model's
            self.run.select(layer=layer_id)

    @Slot()
    def _redraw(self) -> None:
        self.mark_dirty()
        self.draw_if_needed()


def _scrolled(page: QWidget) -> QScrollArea:
    scroll = QScrollArea()
    scroll.setWidgetResizable(True)
    scroll.setFrameShape(QFrame.Shape.NoFrame)
    scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    scroll.setWidget(page)
    return scroll


def _button(text: str, tip: str) -> QPushButton:
    button = QPushButton(text)
    button.setToolTip(tip)
    theme.set_role(button, "outline")
    return button
