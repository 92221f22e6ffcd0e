"""Tool row of the membrane dock: what is shown, and how much of the run."""

from __future__ import annotations

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QHBoxLayout, QWidget

from spikestudio.app import theme
from spikestudio.app.views.parts import Caption, Combo, chip
from spikestudio.app.widgets.icons import IconButton
from spikestudio.language import tr

LARGE_TEXT = 1.25  # from which on room is short
_INPUT = tr("Input: the input current of each neuron, as bars on a scale at the right edge")


class MembraneTools(QWidget):
    """Name of the layer, toggles, window of time.

    Input is shown by itself where lanes are tall enough, until it is switched by hand.
    """

    changed = Signal()

    def __init__(self, short_window: int) -> None:
        super().__init__()
        self._short_window = short_window
        self.label = Caption()
        self.input = _toggle("mdi6.chart-bar", _INPUT)
        self.overlay = _toggle("mdi6.chart-multiline", tr("Overlaid: all traces in one lane"))
        self.what_if = _toggle(
            "mdi6.ghost-outline",
            tr("What if: replay the recorded input with another threshold, tau or reset"),
        )
        self.statistics = _toggle(
            "mdi6.chart-histogram",
            tr("Statistics: firing rates of the layer, intervals between spikes"),
        )
        self.live = chip(tr("Follow run"), tr("Show the newest steps again (double click)"))
        self.window_choice = Combo(
            tr("Time shown"),
            tr("How much of the run is shown while it is followed"),
            ("", tr("Whole run")),
        )
        self.input.clicked.connect(self._on_input)  # before it is announced
        self._toggles = toggles = QHBoxLayout()
        for button in (self.input, self.overlay, self.what_if, self.statistics):
            button.clicked.connect(self.changed)
            toggles.addWidget(button)
        self._is_input_chosen = False
        self._row = row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.label, 1)
        row.addLayout(toggles)
        row.addWidget(self.live)
        row.addWidget(self.window_choice)
        theme.manager.changed.connect(self._fit)
        self._fit()

    def is_overlaid(self, number: int) -> bool:
        """Whether that many traces are to share one lane; one trace has nothing to share."""
        self.overlay.setEnabled(number > 1)
        return self.overlay.isChecked() and number > 1

    def is_input_shown(self, number: int, *, is_tall: bool) -> bool:
        """Whether lanes of that height show the input; the toggle follows."""
        is_overlaid = self.is_overlaid(number)
        self.input.setEnabled(not is_overlaid)
        self.input.setToolTip(
            tr("Input: needs lanes, not overlaid traces") if is_overlaid else _INPUT
        )
        if not self._is_input_chosen:
            self.input.setChecked(is_tall and bool(number))
        return self.input.isChecked() and bool(number) and not is_overlaid

    @Slot()
    def _fit(self) -> None:
        is_large = theme.manager.scale > LARGE_TEXT
        self._toggles.setSpacing(0 if is_large else 2)
        self._row.setSpacing(4 if is_large else 8)
        newest = tr("{short_window} steps", short_window=self._short_window)
        self.window_choice.setItemText(
            0, newest if is_large else tr("Last {newest}", newest=newest)
        )

    @Slot()
    def _on_input(self) -> None:
        self._is_input_chosen = True


def _toggle(icon: str, text: str) -> IconButton:
    button = IconButton(icon, text)
    button.setCheckable(True)
    return button
