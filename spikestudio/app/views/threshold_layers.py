"""Thresholds of all layers, groups and single layers: a tree, and the control of the chosen row."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QAction, QColor, QFontMetrics, QKeyEvent, QKeySequence, QResizeEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QLabel,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from spikestudio.app import theme
from spikestudio.app.viewmodels import parameters
from spikestudio.app.viewmodels.threshold_lab import Results, ThresholdLab, written
from spikestudio.app.views.parts import Caption
from spikestudio.app.widgets.parameter_row import ParameterRow
from spikestudio.errors import ConfigError
from spikestudio.language import tr
from spikestudio.neurons.thresholds import ALL, EVERYWHERE, GROUP, OTHER, SCHEDULE

NAMES = {
    "neuron": tr("Stem"),
    "downblocks": tr("Down blocks"),
    "middleblocks": tr("Middle blocks"),
    "upblocks": tr("Up blocks"),
    "in_blocks": tr("In blocks"),
    "mid_block": tr("Middle block"),
    "out_blocks": tr("Out blocks"),
    "sdid": tr("Denoiser (SDID)"),
    "vqsvae": tr("Image decoder (VQ-SVAE)"),
}
NAME, SET, RESULT, SOURCE = range(4)
HEADINGS = (tr("Layers"), tr("Set to"), tr("Next run"), tr("From"))
TIPS = (
    tr("Groups are the parts of the network; open one for its layers"),
    tr("What was set for this row; blank: it takes over what stands above it"),
    tr("The threshold that comes of it in the next run, lowest to highest over layers and steps"),
    tr(
        "Which setting wins: all layers < curve < group < own; other: an override of some steps only"
    ),
)
TAKES_OVER = {
    EVERYWHERE: tr("Takes over the threshold of all layers."),
    SCHEDULE: tr("Follows the curve over the steps."),
    GROUP: tr("Takes over the threshold of its group."),
    OTHER: tr("Set by an override of some steps."),
}
WIDEST = {RESULT: "0.9999–1.0001", SOURCE: tr("several"), SET: "0.9999"}
"""Widest text of the figures' columns; in a narrow dock the last are left out."""
LEAST_NAMES = 130  # pixels for the names
LEAST_ROWS = 5  # of the tree that are always in sight
TARGET = Qt.ItemDataRole.UserRole
WORDS = tr(
    "Lower = more spikes (the paper calls it inhibitory guidance). "
    "Thousandths may change a single picture chaotically: one picture proves nothing."
)


class LayersPage(QWidget):
    """The row chosen in the tree is what the control above it sets."""

    layerChosen = Signal(str)  # noqa: N815
    rejected = Signal(str)

    def __init__(self, lab: ThresholdLab, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._lab = lab
        self._layers: tuple[str, ...] | None = None
        self._members: dict[str, tuple[str, ...]] = {}  # layers by target
        self._items: dict[str, QTreeWidgetItem] = {}  # by target
        self._name = ""  # of the chosen row
        self.row = ParameterRow(parameters.THRESHOLD)
        self.row.title.setMinimumWidth(1)
        self.tree = _Tree()
        self.rule = Caption(tr("The narrower setting wins: all layers < curve < group < own"))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(theme.SPACE)
        for widget in (self.row, self.tree, self.rule, words()):
            layout.addWidget(widget, 1 if widget is self.tree else 0)
        self._delete = QAction(tr("Revert"), self.tree)
        self._delete.setShortcut(QKeySequence(Qt.Key.Key_Delete))
        self._delete.setShortcutContext(Qt.ShortcutContext.WidgetShortcut)
        self.tree.addAction(self._delete)
        self._delete.triggered.connect(self.revert)
        self.tree.currentItemChanged.connect(self._on_current)
        self.tree.itemClicked.connect(self._on_clicked)
        self.tree.editRequested.connect(self._edit)
        self.row.changed.connect(self._on_changed)
        self.row.resetRequested.connect(self.revert)
        theme.manager.changed.connect(self._restyle)
        self._restyle()

    @property
    def target(self) -> str:
        """What the control sets: all layers, a group or a layer."""
        item = self.tree.currentItem()
        return str(item.data(NAME, TARGET)) if item else ALL

    def choose(self, target: str) -> None:
        """Make a row the one that the control sets."""
        if target in self._items:
            self.tree.setCurrentItem(self._items[target])

    def text(self, target: str, column: int) -> str:
        """Return what stands in a row."""
        return self._items[target].text(column)

    def set_wide(self, *, is_wide: bool) -> None:
        """Let the slider span much or little."""
        span = parameters.WIDE_THRESHOLD if is_wide else parameters.THRESHOLD
        self.row.set_parameter(span)

    def refresh(self) -> None:
        """Show what is set, and what comes of it."""
        layers = tuple(layer.id for layer in self._lab.layers)
        if layers != self._layers:
            self._layers = layers
            self._build()
        results = self._lab.results()
        for target, item in self._items.items():
            self._show_item(target, item, results)
        self._show_row(results)

    def _build(self) -> None:
        chosen, root = self.target, self.tree.invisibleRootItem()
        self.tree.clear()
        self._members = {ALL: self._layers or ()}
        self._items = {ALL: _add(root, ALL, tr("All layers"), tr("Every layer of the model"))}
        for group in self._lab.groups:
            name, pattern = NAMES.get(group.name, group.name), group.pattern
            text = name if group.is_layer else f"{name} ({len(group.layers)})"
            item = _add(root, pattern, text, f"{text}: {pattern}")
            self._members[pattern], self._items[pattern] = group.layers, item
            for layer_id in () if group.is_layer else group.layers:
                self._members[layer_id] = (layer_id,)
                text = layer_id.removeprefix(f"{group.name}.")
                self._items[layer_id] = _add(item, layer_id, text, layer_id)
        self.tree.expandAll()
        self.choose(chosen if chosen in self._items else ALL)
        self._fit()

    def _show_item(self, target: str, item: QTreeWidgetItem, results: Results) -> None:
        own = self._lab.own(target)
        is_set = own is not None and (target != ALL or own != self._lab.default())
        texts = {
            SET: written(own) if is_set and own is not None else "",
            RESULT: results.text(self._members[target]),
            SOURCE: results.source(self._members[target]) or tr("several"),
        }
        for column, text in texts.items():
            if item.text(column) != text:
                item.setText(column, text)
                item.setToolTip(column, text)
        color = QColor(theme.tokens().accent)
        item.setForeground(SET, color)
        item.setForeground(RESULT, color if is_set else QColor(theme.tokens().text))

    def _show_row(self, results: Results) -> None:
        target = self.target
        own = self._lab.own(target)
        members = self._members[target]
        first = results.layers.index(next(each for each in results.layers if each.id == members[0]))
        inherited = float(results.values[first, 0])
        number = inherited if own is None else own
        self.row.box.set_number(number)
        self.row.slider.set_number(number)
        if target == ALL:
            default = self._lab.default()
            self.row.reset.show_default(None if number == default else f"{default:.3f}")
        else:
            self.row.reset.show_default(None if own is None else tr("what stands above it"))
        self._name = self._items[target].text(NAME).partition(" (")[0]
        if target in (self._layers or ()):
            self._name = target
        self._fit_title()
        for widget in (self.row.box, self.row.slider):
            widget.setAccessibleName(tr("Threshold of {name}", name=self._name))
        self.row.show_note(*self._note(target, results))

    def _fit_title(self) -> None:
        """Cut the name of the chosen row where it does not fit beside the number box."""
        row = self.row
        room = row.width() - row.box.width() - row.reset.width() - theme.px(16)
        metrics = row.title.fontMetrics()
        row.title.setText(metrics.elidedText(self._name, Qt.TextElideMode.ElideMiddle, room))
        row.title.setToolTip(self._name)

    def _note(self, target: str, results: Results) -> tuple[str, str]:
        """Return the line under the control, and its role."""
        if target == ALL:
            is_beaten = self._lab.is_scheduled
            return (tr("The curve over the steps takes its place.") if is_beaten else "", "warn")
        source = results.source(self._members[target])
        if self._lab.own(target) is None:
            return TAKES_OVER.get(source, tr("Its layers have thresholds of their own.")), "caption"
        if source == OTHER:
            return tr("An override of some steps wins over it."), "warn"
        text = "" if source else tr("Layers with a threshold of their own keep it. ")
        if self._lab.is_for_next_run:
            text += tr("Applies to the next run.")
        return text.strip(), "caption"

    # from the user --------------------------------------------------------------------------

    @Slot()
    def _on_current(self) -> None:
        if self._layers and self.target in self._members:
            self._show_row(self._lab.results())

    @Slot(QTreeWidgetItem, int)
    def _on_clicked(self, item: QTreeWidgetItem, _column: int) -> None:
        target = str(item.data(NAME, TARGET))
        if target in (self._layers or ()):
            self.layerChosen.emit(target)

    @Slot()
    def _edit(self) -> None:
        self.row.box.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.row.box.selectAll()

    @Slot(str, float)
    def _on_changed(self, _name: str, number: float) -> None:
        try:
            self._lab.set_value(self.target, number)
        except ConfigError as error:
            self.rejected.emit(str(error))
        self.refresh()  # at once: a control must follow the hand that moves it

    @Slot()
    def revert(self) -> None:
        """Take the chosen row's own threshold off."""
        self._lab.revert(self.target)
        self.refresh()

    # sizes ----------------------------------------------------------------------------------

    @Slot()
    def _restyle(self) -> None:
        metrics = QFontMetrics(theme.font())
        line = metrics.height() + theme.px(8)
        self.tree.setMinimumHeight((LEAST_ROWS + 1) * line)
        self.tree.setIndentation(theme.px(16))
        self._fit()

    def _fit(self) -> None:
        """Give the figures the room of their widest text, and leave out columns that do not fit."""
        metrics = QFontMetrics(theme.font())
        caption = QFontMetrics(theme.font("caption"))
        room = self.width() - theme.px(LEAST_NAMES)
        for column, text in WIDEST.items():
            heading = caption.horizontalAdvance(HEADINGS[column])
            width = max(metrics.horizontalAdvance(text), heading) + theme.px(18)
            room -= width
            self.tree.setColumnWidth(column, width)
            self.tree.setColumnHidden(column, room < 0 and column != RESULT)

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802  Qt override
        super().resizeEvent(event)
        self._fit()
        self._fit_title()


def words() -> QLabel:
    """Return what is to be known about thresholds, as a label."""
    label = QLabel(WORDS)
    label.setWordWrap(True)
    theme.set_role(label, "caption")
    return label


class _Tree(QTreeWidget):
    """Enter asks for the number box, so that a threshold can be typed."""

    editRequested = Signal()  # noqa: N815

    def __init__(self) -> None:
        super().__init__()
        self.setColumnCount(len(HEADINGS))
        self.setHeaderLabels(list(HEADINGS))
        self.setAccessibleName(tr("Thresholds of all layers, groups and layers"))
        self.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setAllColumnsShowFocus(True)
        self.setUniformRowHeights(True)
        header = self.header()
        header.setStretchLastSection(False)
        header.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        header.setSectionResizeMode(NAME, QHeaderView.ResizeMode.Stretch)
        for column, tip in enumerate(TIPS):
            self.headerItem().setToolTip(column, tip)
            self.headerItem().setTextAlignment(column, _alignment(column))

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802  Qt override
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_F2):
            self.editRequested.emit()
        else:
            super().keyPressEvent(event)


def _add(parent: QTreeWidgetItem, target: str, text: str, tip: str) -> QTreeWidgetItem:
    item = QTreeWidgetItem(parent)
    item.setText(NAME, text)
    item.setToolTip(NAME, tip)
    item.setData(NAME, TARGET, target)
    for column in (SET, RESULT, SOURCE):
        item.setTextAlignment(column, _alignment(column))
    return item


def _alignment(column: int) -> Qt.AlignmentFlag:
    side = Qt.AlignmentFlag.AlignRight if column in (SET, RESULT) else Qt.AlignmentFlag.AlignLeft
    return side | Qt.AlignmentFlag.AlignVCenter
