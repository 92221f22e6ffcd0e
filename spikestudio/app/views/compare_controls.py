"""What is compared, and how it is shown."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QPaintEvent
from PySide6.QtWidgets import (
    QHBoxLayout,
    QSizePolicy,
    QStyle,
    QStyleOptionComboBox,
    QStylePainter,
    QVBoxLayout,
    QWidget,
)

from spikestudio.app.plots.compare_bars import MINUS
from spikestudio.app.plots.compare_pictures import signed_lut
from spikestudio.app.plots.scale_bar import ScaleBar
from spikestudio.app.viewmodels.comparison import ComparisonModel, Side
from spikestudio.app.viewmodels.history import Entry, HistoryModel
from spikestudio.app.views.compare_steps import RASTER, TOKENS, kinds_of
from spikestudio.app.views.parts import Combo, Segmented, tool_row
from spikestudio.app.widgets.icons import IconButton
from spikestudio.language import tr, tr_in

BESIDE, SLIDER, DIFFERENCE = range(3)
MODES = (
    (tr("Side by side"), tr("A and B beside each other")),
    (tr("Slider"), tr("B over A, right of a line that can be dragged")),
    (
        tr("Difference"),
        tr("How far each pixel of B is from A's; of a raster, in which run each spike is"),
    ),
)
ONE, ALL = range(2)
SCOPES = (
    (tr("Image"), tr("The image that is selected")),
    (tr("All"), tr("Every image of both runs")),
)
AT_CURSOR, FINAL = range(2)
STEPS = (
    (tr("At cursor"), tr("Pictures of the step that the timeline looks at")),
    (tr("Final"), tr("The images that the runs ended with")),
)
LIMITS = (255, 64, 16)  # ends of the scale of differences, of 255


class RunBox(Combo):
    """List of runs; the one chosen is cut with an ellipsis where it does not fit."""

    def __init__(self, name: str, tip: str) -> None:
        super().__init__(name, tip)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.setMinimumContentsLength(6)

    def show_runs(self, runs: list[tuple[str, int]], chosen: int | None) -> None:
        """List runs by text and key, and choose one."""
        if [self.itemData(row) for row in range(self.count())] != [key for _, key in runs]:
            self.clear()
            for text, key in runs:
                self.addItem(text, key)
        row = -1 if chosen is None else self.findData(chosen)
        if row != self.currentIndex():
            self.setCurrentIndex(row)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802  Qt override
        option = QStyleOptionComboBox()
        self.initStyleOption(option)
        room = self.style().subControlRect(
            QStyle.ComplexControl.CC_ComboBox,
            option,
            QStyle.SubControl.SC_ComboBoxEditField,
            self,
        )
        elided = self.fontMetrics().elidedText(
            self.currentText(), Qt.TextElideMode.ElideRight, room.width() - 4
        )
        option.currentText = elided
        painter = QStylePainter(self)
        painter.drawComplexControl(QStyle.ComplexControl.CC_ComboBox, option)
        painter.drawControl(QStyle.ControlElement.CE_ComboBoxLabel, option)


class CompareControls(QWidget):
    """Two rows: the runs, and the way their pictures are shown."""

    changed = Signal()

    def __init__(self, history: HistoryModel, comparison: ComparisonModel) -> None:
        super().__init__()
        self._history, self._comparison = history, comparison
        self.runs: dict[Side, RunBox] = {
            "a": RunBox(tr("Run A"), tr("The run on the left")),
            "b": RunBox(tr("Run B"), tr("The run on the right")),
        }
        self.swap = IconButton("mdi6.swap-horizontal", tr("Exchange A and B"))
        self.last_two = IconButton("mdi6.history", tr("Compare the last two runs again"))
        self.mode = Segmented(tr("Comparison"), MODES)
        self.scope = Segmented(tr("Images"), SCOPES)
        self.when = Segmented(tr_in("denoising", "Step"), STEPS)
        self.kind = Combo(tr("Picture"), tr("What of a step is shown"))
        self.kind.setSizeAdjustPolicy(Combo.SizeAdjustPolicy.AdjustToContents)
        self.limit = Combo(
            tr("Scale of the difference"),
            tr("Differences beyond it have the colour of its end"),
            tuple(f"\N{PLUS-MINUS SIGN}{limit}" for limit in LIMITS),
        )
        self.scale = ScaleBar()
        top = QHBoxLayout()
        top.setSpacing(8)
        for box in self.runs.values():
            top.addWidget(box, 1)
        top.addWidget(self.swap)
        top.addWidget(self.last_two)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addLayout(top)
        layout.addWidget(
            tool_row(self.when, self.kind, self.mode, self.scope, self.limit, self.scale)
        )
        self.runs["a"].activated.connect(self._on_a_chosen)
        self.runs["b"].activated.connect(self._on_b_chosen)
        self.swap.clicked.connect(comparison.swap)
        self.last_two.clicked.connect(comparison.follow_last)
        for segmented in (self.mode, self.scope, self.when):
            segmented.chosen.connect(self.changed)
        for combo in (self.kind, self.limit):
            combo.activated.connect(self.changed)

    @property
    def is_tokens(self) -> bool:
        """Whether token maps are shown in place of pictures."""
        return self.kind.currentText() == TOKENS

    @property
    def is_raster(self) -> bool:
        """Whether spikes of the selected layer are shown in place of pictures."""
        return self.kind.currentText() == RASTER

    @property
    def is_final(self) -> bool:
        """Whether it is what the runs ended with that is shown, wherever the timeline looks."""
        return self.when.current == FINAL and not self.is_raster

    @property
    def largest(self) -> int:
        """End of the scale of differences."""
        return LIMITS[self.limit.currentIndex()]

    def refresh(self, a: Entry, b: Entry | None) -> None:
        """Offer the runs that there are, and what can be shown of these two."""
        entries = list(reversed(self._history.entries))
        for side, box in self.runs.items():
            chosen = a if side == "a" else b
            runs = [(self._text(side, entry), entry.key) for entry in entries]
            box.show_runs(runs, chosen.key if chosen else None)
            box.setToolTip(box.currentText())
        self.swap.setEnabled(b is not None)
        self.last_two.setEnabled(self._comparison.is_marked)
        kinds = kinds_of(a)
        if tuple(self.kind.itemText(row) for row in range(self.kind.count())) != kinds:
            chosen_kind = self.kind.currentText()
            self.kind.clear()
            self.kind.addItems(kinds)
            self.kind.setCurrentIndex(max(0, self.kind.findText(chosen_kind)))
        self.kind.setVisible(TOKENS in kinds or not self.is_final)
        is_pictures = not self.is_tokens and not self.is_raster
        self.mode.setVisible(not self.is_tokens)
        self.mode.button(SLIDER).setVisible(not self.is_raster)
        self.scope.setVisible(is_pictures)
        self.when.setEnabled(not self.is_raster)  # which shows all steps
        is_difference = self.mode.current == DIFFERENCE and is_pictures and b is not None
        self.limit.setVisible(is_difference)
        self.scale.setVisible(is_difference)
        ends = (0.0, f"{MINUS}{self.largest}"), (0.5, "0"), (1.0, f"+{self.largest}")
        if is_difference:
            self.scale.set_scale(tr("B {minus} A, of 255", minus=MINUS), signed_lut(), ends)

    def _text(self, side: Side, entry: Entry) -> str:
        changes = ", ".join(each.text for each in self._history.changes(entry))
        return ": ".join(filter(None, (f"{side.upper()}  {entry.name}", changes)))

    @Slot(int)
    def _on_a_chosen(self, row: int) -> None:
        self._comparison.mark("a", self.runs["a"].itemData(row))
        self.changed.emit()

    @Slot(int)
    def _on_b_chosen(self, row: int) -> None:
        self._comparison.mark("b", self.runs["b"].itemData(row))
        self.changed.emit()
