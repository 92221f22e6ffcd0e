"""Model dock: checkpoints to choose from, the device, and what is known about the model in use."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from PySide6.QtCore import Qt, QTimer, Signal, Slot
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import (
    QComboBox,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from spikestudio.app import theme
from spikestudio.app.viewmodels.checkpoint import AUTO, CheckpointModel, can_be_told
from spikestudio.app.viewmodels.facts import Fact, facts
from spikestudio.app.viewmodels.run import RunModel
from spikestudio.app.views.base import View
from spikestudio.app.views.told_dialog import ToldDialog
from spikestudio.app.widgets.model_card import CardState, ModelCard
from spikestudio.checkpoints.catalog import titles
from spikestudio.checkpoints.library import printable
from spikestudio.language import tr

if TYPE_CHECKING:
    from spikestudio.sampling.worker import ModelInfo

ROW_MARGINS = 24  # pixels beside the row of open and device, both sides
LOW = 180  # pixels; a dock that is lower shows its cards in one line each

SETTLED_MS = 200  # until the cards of a dock that was just filled or resized have their places


class ModelView(View):
    """Cards of the catalogue above the facts of the loaded model."""

    view_id: ClassVar[str] = "model"
    title: ClassVar[str] = tr("Model")
    help_text: ClassVar[str] = tr(
        "Every card is a checkpoint: a trained spiking network in one file.\n"
        "Click a card to load it. Open file, or drop a file on the window, for one of your own.\n"
        "The button on a card plays a recorded run of its model, which needs no computing.\n"
        "Loading happens in the background; the model before stays in use until it is done.\n"
        "Device: where the network is computed. Auto takes the fastest that is there.\n"
        "Below are the facts that the file states. What it does not state is unknown.\n"
        "A file of the papers' code leaves facts open: Assumed… lets you give them."
    )

    openRequested = Signal()  # noqa: N815
    playRequested = Signal(str)  # noqa: N815  path of a recording
    assumed = Signal(str)  # what had to be assumed of a file that was opened

    def __init__(
        self, run: RunModel, checkpoint: CheckpointModel, parent: QWidget | None = None
    ) -> None:
        super().__init__(run, parent)
        self._checkpoint = checkpoint
        self.cards: list[ModelCard] = []
        self._told_of: set[Path] = set()  # files of which it was said what is assumed
        self._cards_layout = QVBoxLayout()
        self._cards_layout.setSpacing(theme.SPACE)
        self._empty = QLabel(tr("No checkpoint was found. Open a file to see its network at work."))
        self._empty.setWordWrap(True)
        theme.set_role(self._empty, "muted")
        self._facts = QGridLayout()
        self._facts.setHorizontalSpacing(3 * theme.SPACE)
        self._facts.setVerticalSpacing(theme.SPACE)
        self._facts.setColumnStretch(1, 1)

        content = QWidget()
        # as narrow as the dock: a long word among the facts must not push the cards out of sight
        content.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        column = QVBoxLayout(content)
        column.setContentsMargins(12, 4, 12, 12)
        column.setSpacing(2 * theme.SPACE)
        column.addLayout(self._cards_layout)
        column.addWidget(self._empty)
        column.addLayout(self._source_row())
        column.addSpacing(2 * theme.SPACE)
        column.addLayout(self._facts)
        column.addStretch(1)
        self._scroll = scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setWidget(content)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(scroll)

        theme.manager.changed.connect(self._fit)
        checkpoint.entriesChanged.connect(self._on_entries_changed)
        checkpoint.loadingChanged.connect(self.mark_dirty)
        checkpoint.loaded.connect(self._on_loaded)
        checkpoint.devicesChanged.connect(self._fill_devices)
        self._on_entries_changed()
        self._fill_devices()

    def _source_row(self) -> QHBoxLayout:
        self.open_button = QPushButton(tr("Open file…"))
        theme.set_role(self.open_button, "outline")
        self.open_button.setToolTip(tr("Load a checkpoint, or open a recording, from a file"))
        self.open_button.clicked.connect(self.openRequested)
        self.devices = QComboBox()
        self.devices.setAccessibleName(tr("Device"))
        self.devices.setToolTip(tr("Where the network is computed"))
        self.devices.activated.connect(self._on_device_chosen)
        self.device_label = QLabel(tr("Device"))
        theme.set_role(self.device_label, "muted")
        self.device_label.setBuddy(self.devices)
        row = QHBoxLayout()
        row.setSpacing(2 * theme.SPACE)
        self.told_button = QPushButton(tr("Assumed…"))
        self.told_button.setToolTip(tr("Say what the file of the papers' code does not"))
        self.told_button.clicked.connect(self._ask_told)
        self.told_button.hide()
        theme.set_role(self.told_button, "outline")
        row.addWidget(self.open_button)
        row.addWidget(self.told_button)
        row.addStretch(1)
        row.addWidget(self.device_label)
        row.addWidget(self.devices)
        return row

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802  Qt override
        super().resizeEvent(event)
        self._fit()

    @Slot()
    def _fit(self) -> None:
        row = (self.open_button, self.told_button, self.device_label, self.devices)
        shown = [each for each in row if not each.isHidden() or each is self.device_label]
        needed = sum(each.sizeHint().width() + 2 * theme.SPACE for each in shown)
        self.device_label.setVisible(needed + ROW_MARGINS <= self.width())  # the list names itself
        is_low = self.height() < theme.px(LOW)
        for card in self.cards:
            card.set_low(is_low=is_low)

    def refresh(self) -> None:
        loading, model = self._checkpoint.loading, self._checkpoint.model
        for card in self.cards:
            if card.entry.card is None:
                state = CardState.UNUSABLE
            elif loading is not None and card.entry.path == loading:
                state = CardState.LOADING
            elif model is not None and card.entry.path == model.path:
                state = CardState.IN_USE
            else:
                state = CardState.IDLE
            is_new = state is CardState.IN_USE is not card.state
            card.set_state(state)
            if is_new:
                QTimer.singleShot(SETTLED_MS, card, partial(self._bring_in_sight, card))

    def _bring_in_sight(self, card: ModelCard) -> None:
        """Show the card, and where there is room what its file can be told."""
        if not self.told_button.isHidden():
            self._scroll.ensureWidgetVisible(self.told_button, 0, theme.px(theme.SPACE))
        self._scroll.ensureWidgetVisible(card, 0, 0)

    @Slot()
    def _on_entries_changed(self) -> None:
        for card in self.cards:
            self._cards_layout.removeWidget(card)
            card.deleteLater()
        entries = self._checkpoint.entries
        names = titles(entries)
        self.cards = [ModelCard(entry, title=names[entry.path]) for entry in entries]
        for card in self.cards:
            card.clicked.connect(self._on_card_clicked)
            card.playRequested.connect(self.playRequested)
            self._cards_layout.addWidget(card)
        self._fit()
        self._empty.setVisible(not self.cards)
        self.mark_dirty()

    @Slot()
    def _on_card_clicked(self) -> None:
        card = self.sender()
        if isinstance(card, ModelCard):
            self._checkpoint.load(card.entry.path)

    @Slot(int)
    def _on_device_chosen(self, index: int) -> None:
        self._checkpoint.set_device(self.devices.itemData(index))

    @Slot()
    def _fill_devices(self) -> None:
        self.devices.clear()
        for device in self._checkpoint.devices:
            text = tr("Auto") if device == AUTO else device.upper()
            self.devices.addItem(text, device)
        self.devices.setCurrentIndex(max(self.devices.findData(self._checkpoint.device), 0))

    @Slot()
    def _ask_told(self) -> None:
        if self._checkpoint.model is not None:
            ToldDialog(self._checkpoint.model, self._checkpoint, self.window()).open()

    @Slot()
    def _on_loaded(self) -> None:
        model = self._checkpoint.model
        self.told_button.setVisible(model is not None and can_be_told(model.path))
        while (item := self._facts.takeAt(0)) is not None:
            if widget := item.widget():
                widget.deleteLater()
        if model is not None:
            self._say_assumed(model)
            for row, fact in enumerate(facts(model)):
                self._add_fact(row, fact)
        self.mark_dirty()

    def _say_assumed(self, model: ModelInfo) -> None:
        """Tell once of an official file what nobody has told of it: its pictures depend on that."""
        if (
            not can_be_told(model.path)
            or model.path in self._told_of
            or model.path in self._checkpoint.told
        ):
            return
        self._told_of.add(model.path)
        assumed = str(model.card.training.get("assumed", "")).replace("_", " ")
        if assumed:
            self.assumed.emit(
                tr(
                    "{name} does not say everything. Assumed: {assumed}. If you know better: "
                    "Assumed… in the Model dock.",
                    name=printable(model.path.name),
                    assumed=assumed,
                )
            )

    def _add_fact(self, row: int, fact: Fact) -> None:
        name, value = QLabel(fact.name), QLabel(fact.value)
        theme.set_role(name, "caption")
        value.setWordWrap(True)
        value.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        for label in (name, value):
            label.setToolTip(fact.remark)
        self._facts.addWidget(name, row, 0, Qt.AlignmentFlag.AlignTop)
        self._facts.addWidget(value, row, 1, Qt.AlignmentFlag.AlignTop)
