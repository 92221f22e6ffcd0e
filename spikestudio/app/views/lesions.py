"""Lesions dock: the same run with some neurons silenced, clamped or scaled, beside the intact one."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QFontMetrics
from PySide6.QtWidgets import (
    QAbstractItemView,
    QDoubleSpinBox,
    QHeaderView,
    QPushButton,
    QSpinBox,
    QTableWidget,
    QTableWidgetItem,
    QWidget,
)

from spikestudio.app import theme
from spikestudio.app.plots.text import figure
from spikestudio.app.plots.tiles import Panel, TileGrid
from spikestudio.app.viewmodels.lesion import LesionModel, Outcome, channels_of
from spikestudio.app.viewmodels.run import RunModel
from spikestudio.app.views.base import View
from spikestudio.app.views.parts import (
    Caption,
    Combo,
    EmptyStack,
    Segmented,
    fill,
    line,
    stacked,
    tool_row,
)
from spikestudio.language import tr, tr_n
from spikestudio.neurons.overrides import Override

KINDS = ("silence", "clamp", "scale")
KIND_TIPS = (
    (tr("Silence"), tr("The neurons never fire")),
    (tr("Clamp"), tr("The neurons fire at every SNN step")),
    (tr("Scale"), tr("The neurons get their input current times a factor")),
)
SCALE = KINDS.index("scale")
WHOLE, WATCHED, CHANNELS = range(3)
COLUMNS = (tr("Layer"), tr("Intact"), tr("Lesioned"), tr("Change"))


class LesionsView(View):
    """Choice of a lesion above three pictures; below, what it did to every layer's rate."""

    view_id: ClassVar[str] = "lesions"
    title: ClassVar[str] = tr("Lesions")
    help_text: ClassVar[str] = tr(
        "What do these neurons do? Take them out, and sample once more with the same noise.\n"
        "Silence: they never fire. Clamp: they fire at every SNN step. "
        "Scale: their input current is multiplied.\n"
        "Choose the layer in any dock, neurons in the raster.\n"
        "Denoising steps: the lesion holds from the first to the last one, both included.\n"
        "Pictures: the last finished run, the same with the lesion, and how far pixels differ.\n"
        "Table: firing rates, mean over the run, largest change first. Click a row: that layer."
    )

    sampleRequested = Signal()  # noqa: N815

    def __init__(self, run: RunModel, lesions: LesionModel, parent: QWidget | None = None) -> None:
        super().__init__(run, parent)
        self._lesions = lesions
        self._shown: tuple[Outcome | None, Outcome | None] = (None, None)
        self.kind = Segmented(tr("Lesion"), KIND_TIPS)
        self.factor = QDoubleSpinBox()
        self.factor.setRange(-10, 10)
        self.factor.setSingleStep(0.1)
        self.factor.setValue(0.5)
        self.factor.setPrefix("× ")
        self.factor.setAccessibleName(tr("Factor of the input current"))
        self.where = Combo(
            tr("Where"),
            tr("Which neurons of the selected layer; watch neurons in the raster"),
            (tr("Whole layer"), tr("Watched neurons"), tr("Their channels")),
        )
        self.first, self.last = (
            _step_box(tr("First denoising step")),
            _step_box(tr("Last denoising step")),
        )
        self.sample = QPushButton(tr("Sample with lesion"))
        self.sample.setToolTip(tr("Sample the last finished run once more, with the lesion"))
        theme.set_role(self.sample, "outline")
        self.target = Caption()
        self.tiles = TileGrid()
        self.tiles.setAccessibleName(tr("Intact image, lesioned image and difference"))
        self.table = _table()
        self.caption = Caption()
        self.stack = EmptyStack(
            stacked(
                tool_row(self.kind, self.factor, self.where),
                tool_row(_label(tr("Steps")), self.first, _label(tr("to")), self.last),
                line(self.target, self.sample),
                self.tiles,
                self.caption,
                self.table,
                stretch=self.tiles,
            ),
            tr("Sample first: a lesion is compared with a finished run."),
        )
        fill(self, self.stack)
        self.stack.sampleRequested.connect(self.sampleRequested)
        self.kind.chosen.connect(self._redraw)
        self.where.activated.connect(self._redraw)
        self.first.valueChanged.connect(self.last.setMinimum)
        self.sample.clicked.connect(self._on_sample)
        self.tiles.clicked.connect(self._on_image_clicked)
        self.table.cellClicked.connect(self._on_row_clicked)
        lesions.changed.connect(self.mark_dirty)
        run.selectionChanged.connect(self.mark_dirty)
        theme.manager.changed.connect(self._fit)
        self._fit()

    def refresh(self) -> None:
        """Show what would be lesioned, and both runs."""
        intact, lesioned = self._lesions.intact, self._lesions.lesioned
        if intact is None:
            return
        self.stack.show_content()
        if (intact, lesioned) != self._shown:
            if intact is not self._shown[0]:
                self._offer_steps(len(intact.result.timesteps))
            self._shown = (intact, lesioned)
            self._show_rates(intact, lesioned)
        self._show_pictures(intact, lesioned)
        self.factor.setVisible(self.kind.current == SCALE)
        obstacle = self._lesions.obstacle
        lesion = None if obstacle else self._lesion()
        self.target.set_text(obstacle or self._target_text(lesion))
        self.sample.setEnabled(lesion is not None)

    def _offer_steps(self, number: int) -> None:
        for box in (self.first, self.last):
            box.setRange(1, number)
        self.first.setValue(1)
        self.last.setValue(number)

    def _lesion(self) -> Override | None:
        """Return the lesion chosen; None if no neuron of the selected layer is."""
        intact = self._lesions.intact
        selection = self.run.selection
        layers = intact.layers if intact else ()
        layer = next((each for each in layers if each.id == selection.layer), None)
        if layer is None:
            return None
        neurons = tuple(each for each in selection.neurons if each < layer.num_neurons)
        where, kind = self.where.currentIndex(), KINDS[self.kind.current]
        if where != WHOLE and not neurons:
            return None
        is_always = (self.first.value(), self.last.value()) == (1, self.last.maximum())
        return Override(
            layer=layer.id,
            kind=kind,
            value=self.factor.value() if kind == "scale" else None,
            neurons=neurons if where == WATCHED else None,
            channels=channels_of(layer, neurons) if where == CHANNELS else None,
            steps=None if is_always else (self.first.value() - 1, self.last.value() - 1),
        )

    def _target_text(self, lesion: Override | None) -> str:
        if lesion is None:
            return tr(
                "Watch neurons of layer {layer} first, in the raster.",
                layer=self.run.selection.layer,
            )
        if lesion.neurons:
            number = len(lesion.neurons)
            return tr_n(
                "{number:,} neuron of layer {layer}",
                "{number:,} neurons of layer {layer}",
                number,
                number=number,
                layer=lesion.layer,
            )
        if lesion.channels:
            names = ", ".join(str(channel) for channel in lesion.channels)
            return tr("channel {names} of layer {layer}", names=names, layer=lesion.layer)
        return tr("all neurons of layer {layer}", layer=lesion.layer)

    def _show_pictures(self, intact: Outcome, lesioned: Outcome | None) -> None:
        panels = [Panel(tr("intact"), np.ascontiguousarray(intact.images))]
        text = tr("Choose a lesion, then sample with it.")
        if lesioned is not None:
            difference = np.maximum(intact.images, lesioned.images) - np.minimum(
                intact.images, lesioned.images
            )
            panels += [
                Panel(tr("lesioned"), np.ascontiguousarray(lesioned.images)),
                Panel(tr("difference"), np.ascontiguousarray(difference)),
            ]
            image = min(self.run.selection.image, len(difference) - 1)
            text = tr(
                "Mean difference {difference:.1f} of 255 over {num_difference:,} images, "
                "{difference_2:.1f} in image {image:,}",
                difference=difference.mean(),
                num_difference=len(difference),
                difference_2=difference[image].mean(),
                image=image + 1,
            )
            if lesioned.result.parameter_changes():
                text += tr("; the threshold or temperature changed during the lesioned run")
        self.tiles.set_panels(tuple(panels), self.run.selection.image)
        self.caption.set_text(text)
        self.tiles.setAccessibleDescription(text)

    def _show_rates(self, intact: Outcome, lesioned: Outcome | None) -> None:
        self.table.setVisible(lesioned is not None)
        if lesioned is None:
            return
        change = lesioned.rates - intact.rates
        order = np.argsort(-np.abs(change), kind="stable")
        self.table.setRowCount(len(order))
        for row, number in enumerate(order):
            texts = (
                intact.layers[number].id,
                figure(float(intact.rates[number])),
                figure(float(lesioned.rates[number])),
                f"{change[number]:+.4f}".replace("-", "\N{MINUS SIGN}"),
            )
            for column, text in enumerate(texts):
                item = QTableWidgetItem(text)
                item.setTextAlignment(_alignment(column))
                self.table.setItem(row, column, item)

    @Slot()
    def _on_sample(self) -> None:
        lesion = self._lesion()
        if lesion is not None:
            self._lesions.sample(lesion)

    @Slot(int)
    def _on_image_clicked(self, image: int) -> None:
        self.run.select(image=image)
        self.draw_if_needed()

    @Slot(int, int)
    def _on_row_clicked(self, row: int, _column: int) -> None:
        item = self.table.item(row, 0)
        if item is not None:
            self.run.select(layer=item.text())
            self.draw_if_needed()

    @Slot()
    def _redraw(self) -> None:
        self.mark_dirty()
        self.draw_if_needed()

    @Slot()
    def _fit(self) -> None:
        """Give rows and columns the sizes of the text."""
        metrics = QFontMetrics(theme.font())
        for column in range(1, len(COLUMNS)):
            self.table.setColumnWidth(
                column, metrics.horizontalAdvance(tr("Lesioned ")) + theme.px(16)
            )
        height = metrics.height() + theme.px(8)
        self.table.verticalHeader().setDefaultSectionSize(height)
        self.table.setFixedHeight(5 * height)


def _step_box(name: str) -> QSpinBox:
    box = QSpinBox()
    box.setAccessibleName(name)
    box.setToolTip(tr("{name} at which the lesion holds", name=name))
    box.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
    return box


def _label(text: str) -> Caption:
    label = Caption(is_whole=True)
    label.set_text(text)
    return label


def _alignment(column: int) -> Qt.AlignmentFlag:
    side = Qt.AlignmentFlag.AlignRight if column else Qt.AlignmentFlag.AlignLeft
    return side | Qt.AlignmentFlag.AlignVCenter


def _table() -> QTableWidget:
    table = QTableWidget(0, len(COLUMNS))
    table.setHorizontalHeaderLabels(list(COLUMNS))
    table.setAccessibleName(tr("Firing rate of every layer, intact and lesioned"))
    table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
    table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
    table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
    table.setTextElideMode(Qt.TextElideMode.ElideMiddle)
    table.setShowGrid(False)
    table.setWordWrap(False)
    table.setTabKeyNavigation(False)
    table.verticalHeader().hide()
    header = table.horizontalHeader()
    header.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
    header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
    header.setHighlightSections(False)
    for column in range(len(COLUMNS)):
        item = table.horizontalHeaderItem(column)
        assert item is not None  # its label was set above
        item.setTextAlignment(_alignment(column))
    return table
