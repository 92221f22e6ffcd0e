"""Box for a filter over neurons, with the names it knows and what is wrong with it."""

from __future__ import annotations

from PySide6.QtCore import QEvent, Qt, Signal, Slot
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QLabel, QLineEdit, QVBoxLayout, QWidget

from spikestudio.app import theme
from spikestudio.language import tr
from spikestudio.recording.filters import FIELDS, Filter, FilterError, parse

MEANINGS = {
    "layer": tr("name of the layer, in quotes"),
    "neuron": tr("number in its layer, from 0"),
    "channel": tr("channel, or feature of a token"),
    "x": tr("column of the map, or token"),
    "y": tr("row of the map"),
    "rate": tr("spikes per SNN step so far, 0 to 1"),
    "spikes": tr("how many so far"),
    "latency": tr("SNN steps that passed before the first spike"),
    "dead": tr("never fired so far"),
    "saturated": tr("fired in every SNN step so far"),
}
EXAMPLE = "rate > 0.3 and channel in [0, 2]"


def help_text() -> str:
    """Return what can be written in a filter, one field a line."""
    lines = [f"{name}: {MEANINGS[name]}" for name in FIELDS]
    return "\n".join(
        (
            tr("Show only neurons for which this holds, e.g. {example}", example=EXAMPLE),
            *lines,
            tr("Join conditions with and, or, not; compare with == != < <= > >= or in [ ]"),
            tr("Enter applies, Escape removes the filter"),
        )
    )


class FilterBox(QWidget):
    """A line for an expression; below it, in one sentence, why it cannot be used.

    Enter announces the filter; clearing the line or Escape announces None. A bad expression is
    announced to nobody.
    """

    filterChanged = Signal(object)  # noqa: N815  Filter, or None
    closed = Signal()  # by Escape

    def __init__(self) -> None:
        super().__init__()
        self.filter: Filter | None = None
        self.edit = QLineEdit()
        self.edit.setPlaceholderText(EXAMPLE)
        self.edit.setClearButtonEnabled(True)
        self.edit.setAccessibleName(tr("Filter"))
        self.edit.setAccessibleDescription(help_text())
        self.edit.setToolTip(help_text())
        self.edit.installEventFilter(self)
        self.problem = QLabel()
        self.problem.setWordWrap(True)
        self.problem.hide()
        theme.set_role(self.problem, "error")
        self.setFocusProxy(self.edit)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addWidget(self.edit)
        layout.addWidget(self.problem)
        self.edit.returnPressed.connect(self.apply)
        self.edit.textChanged.connect(self._on_text_changed)

    @Slot()
    def apply(self) -> None:
        """Announce the filter that is written, or say why it is none."""
        try:
            chosen = parse(self.edit.text())
        except FilterError as error:
            self._say(str(error))
            self.edit.setCursorPosition(min(error.position, len(self.edit.text())))
            return
        self._say("")
        self._announce(chosen if chosen.text.strip() else None)

    def remove(self) -> None:
        """Empty the line and announce that there is no filter."""
        self.edit.clear()
        self._announce(None)

    def _announce(self, chosen: Filter | None) -> None:
        if chosen != self.filter:
            self.filter = chosen
            self.filterChanged.emit(chosen)

    def _say(self, problem: str) -> None:
        self.problem.setText(problem)
        self.problem.setAccessibleName(problem)
        self.problem.setVisible(bool(problem))

    @Slot(str)
    def _on_text_changed(self, text: str) -> None:
        self._say("")
        if not text:
            self._announce(None)

    def eventFilter(self, watched: object, event: QEvent) -> bool:  # noqa: N802  Qt override
        if isinstance(event, QKeyEvent) and event.key() == Qt.Key.Key_Escape:
            if event.type() == QEvent.Type.ShortcutOverride:
                event.accept()  # the window's Escape is not meant
                return True
            if event.type() == QEvent.Type.KeyPress:
                self.remove()
                self.closed.emit()
                return True
        return False
