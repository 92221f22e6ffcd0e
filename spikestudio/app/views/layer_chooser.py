"""Choice of a spiking layer, with the firing rate that each has now."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import (
    QAbstractListModel,
    QEvent,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    QRectF,
    QSize,
    Qt,
    Signal,
    Slot,
)
from PySide6.QtGui import QKeyEvent, QMouseEvent, QPainter
from PySide6.QtWidgets import (
    QApplication,
    QComboBox,
    QCompleter,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
)

from spikestudio.app import theme
from spikestudio.app.plots.palettes import RATE_RANGE
from spikestudio.app.views.parts import Combo
from spikestudio.language import tr
from spikestudio.types import LayerInfo

ROOM = 44  # pixels beside a name: margins and the arrow
RATE_ROLE = Qt.ItemDataRole.UserRole
SAME_CLICK_SECONDS = 0.2  # a click that closes the list is also told to what lies below it
_AnyIndex = QModelIndex | QPersistentModelIndex


def _is_typing(event: QEvent) -> bool:
    """Whether a key writes something that can be searched for."""
    if not isinstance(event, QKeyEvent) or event.type() != QEvent.Type.KeyPress:
        return False
    return bool(event.text().strip()) and event.text().isprintable()


class LayerModel(QAbstractListModel):
    """Names of a run's layers and their firing rates in one step."""

    def __init__(self) -> None:
        super().__init__()
        self.layers: tuple[LayerInfo, ...] = ()
        self._rates: NDArray[np.float32] = np.empty(0, np.float32)

    def set_layers(self, layers: tuple[LayerInfo, ...]) -> None:
        """Take over another run's layers; rates are unknown at first."""
        self.beginResetModel()
        self.layers = layers
        self._rates = np.full(len(layers), np.nan, np.float32)
        self.endResetModel()

    def set_rates(self, rates: NDArray[np.float32]) -> None:
        """Show the rates ``[layers]`` of a step."""
        if self.layers and not np.array_equal(rates, self._rates, equal_nan=True):
            self._rates = rates
            last = self.index(len(self.layers) - 1)
            self.dataChanged.emit(self.index(0), last, [RATE_ROLE])

    def rowCount(self, parent: _AnyIndex = QModelIndex()) -> int:  # noqa: N802, B008  Qt override
        return 0 if parent.isValid() else len(self.layers)

    def data(self, index: _AnyIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:  # noqa: ANN401
        layer = self.layers[index.row()]
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.EditRole):
            return layer.id
        if role == RATE_ROLE:
            return float(self._rates[index.row()])
        if role == Qt.ItemDataRole.ToolTipRole:
            return tr(
                "{layer}: {num_neurons:,} {neuron} neurons",
                layer=layer.id,
                num_neurons=layer.num_neurons,
                neuron=layer.neuron,
            )
        return None


class RateDelegate(QStyledItemDelegate):
    """Paints a layer's name with a bar and figure of its rate at the right."""

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: _AnyIndex) -> None:
        name, rate = index.data(Qt.ItemDataRole.DisplayRole), index.data(RATE_ROLE)
        box = QRectF(option.rect).adjusted(theme.px(6), 0, -theme.px(6), 0)
        if option.state & (QStyle.StateFlag.State_Selected | QStyle.StateFlag.State_MouseOver):
            painter.fillRect(option.rect, theme.color("selected"))
        middle = Qt.AlignmentFlag.AlignVCenter
        painter.setFont(theme.font("caption"))
        painter.setPen(theme.color("text"))
        figure_width, bar_width = theme.px(36), theme.px(64)
        name_box = box.adjusted(0, 0, -(figure_width + bar_width + theme.px(12)), 0)
        metrics = painter.fontMetrics()
        text = metrics.elidedText(name, Qt.TextElideMode.ElideMiddle, int(name_box.width()))
        painter.drawText(name_box, middle | Qt.AlignmentFlag.AlignLeft, text)
        bar = QRectF(box.right() - figure_width - bar_width, box.center().y() - 3, bar_width, 6)
        painter.fillRect(bar, theme.color("hover"))
        if not np.isnan(rate):
            filled = min(rate / RATE_RANGE[1], 1.0)
            painter.fillRect(
                QRectF(bar.left(), bar.top(), bar.width() * filled, bar.height()),
                theme.color("accent"),
            )
            painter.setPen(theme.color("muted"))
            painter.drawText(box, middle | Qt.AlignmentFlag.AlignRight, f"{rate:.3f}")

    def sizeHint(self, option: QStyleOptionViewItem, index: _AnyIndex) -> QSize:  # noqa: N802
        name = index.data(Qt.ItemDataRole.DisplayRole)
        width = option.fontMetrics.horizontalAdvance(name) + theme.px(136)
        return QSize(width, theme.px(24))


class LayerChooser(Combo):
    """Drop-down list of layers; typing searches anywhere in the name.

    A click on the name opens the list as one on the arrow does; a second one leaves the name to be
    edited.
    """

    layerChosen = Signal(str)  # noqa: N815

    def __init__(self) -> None:
        super().__init__(
            tr("Layer"), tr("Layer whose neurons are shown; type to search. Bars: rate, 0 to 0.5")
        )
        self.setEditable(True)
        self.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(16)
        self.setMaxVisibleItems(16)
        self._model = LayerModel()
        self._model.setParent(self)
        self.setModel(self._model)
        self._delegate = RateDelegate(self)
        self.setItemDelegate(self._delegate)
        completer = QCompleter(self._model, self)
        completer.setCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
        completer.setFilterMode(Qt.MatchFlag.MatchContains)
        self.setCompleter(completer)
        self._popups = tuple(popup for popup in (self.view(), completer.popup()) if popup)
        for popup in self._popups:
            popup.setItemDelegate(self._delegate)
        self.activated.connect(self._on_activated)
        editor = self.lineEdit()
        assert editor is not None  # the box is editable
        editor.returnPressed.connect(self._choose_first_match)
        editor.editingFinished.connect(self._restore_text)
        self._closed_at, self._opens = 0.0, False
        editor.installEventFilter(self)
        self.view().installEventFilter(self)

    def set_layers(self, layers: tuple[LayerInfo, ...]) -> None:
        """Offer the layers of a run."""
        if layers != self._model.layers:
            self._model.set_layers(layers)
            self.updateGeometry()
            for popup in self._popups:
                popup.setMinimumWidth(theme.px(320))

    def sizeHint(self) -> QSize:  # noqa: N802  Qt override
        # Room for the longest name: a field cuts off its beginning, which tells most.
        hint, advance = super().sizeHint(), self.fontMetrics().horizontalAdvance
        names = (advance(self.itemText(index)) for index in range(self.count()))
        return QSize(max(hint.width(), max(names, default=0) + theme.px(ROOM)), hint.height())

    def set_current(self, layer_id: str) -> None:
        """Show which layer is looked at; does not announce it."""
        ids = [layer.id for layer in self._model.layers]
        if layer_id in ids and self.currentIndex() != ids.index(layer_id):
            self.setCurrentIndex(ids.index(layer_id))

    def set_rates(self, rates: NDArray[np.float32]) -> None:
        """Show the rates ``[layers]`` of the step that is looked at."""
        self._model.set_rates(rates)

    def hidePopup(self) -> None:  # noqa: N802  Qt override
        if self.view().isVisible():
            self._closed_at = time.monotonic()
        super().hidePopup()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802  Qt override
        editor = self.lineEdit()
        if watched is editor and isinstance(event, QMouseEvent):
            self._on_mouse(event)
        if watched is self.view() and editor is not None and _is_typing(event):
            self.hidePopup()
            editor.setFocus()
            editor.selectAll()
            QApplication.sendEvent(editor, event)
            return True
        return super().eventFilter(watched, event)

    def _on_mouse(self, event: QMouseEvent) -> None:
        if event.button() != Qt.MouseButton.LeftButton:
            return
        if event.type() == QEvent.Type.MouseButtonPress:
            self._opens = time.monotonic() - self._closed_at > SAME_CLICK_SECONDS
        elif event.type() == QEvent.Type.MouseButtonRelease and self._opens:
            self._opens = False
            self.showPopup()

    @Slot(int)
    def _on_activated(self, index: int) -> None:
        self.layerChosen.emit(self._model.layers[index].id)

    @Slot()
    def _choose_first_match(self) -> None:
        found = self.findText(self.currentText(), Qt.MatchFlag.MatchContains)
        if self.currentText() and found >= 0:
            self.setCurrentIndex(found)
            self._on_activated(found)

    @Slot()
    def _restore_text(self) -> None:
        if self.findText(self.currentText()) < 0:  # half a name typed, none chosen
            self.setEditText(self.itemText(self.currentIndex()))
