"""Panel beside the token map: what the network thought of one cell, and what-if temperatures."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QSizePolicy, QVBoxLayout, QWidget

from spikestudio.app import theme
from spikestudio.app.plots.token_bars import CodeRow, TokenBars, share_text
from spikestudio.app.viewmodels.parameters import TEMPERATURE
from spikestudio.app.views.parts import Caption, line
from spikestudio.app.widgets.icons import IconButton
from spikestudio.app.widgets.slider import NumberSlider
from spikestudio.language import tr
from spikestudio.metrics.codebook import code_probabilities, entropy_bits, likeliest

TOP = 5
WIDTH = 248
POINT_AT_ONE, WHAT_APPEARS = tr("Point at a cell"), tr("its likeliest codes appear here")


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell of a token map.

    ``step`` is the one that drew its code, or the one looked at where it is masked; ``temperature``
    was in force in it, and ``logits`` ``[K]`` are the network's, None where not kept. A painted cell's
    code was put there by the user before ``step``.
    """

    row: int
    column: int
    step: int
    temperature: float
    code: int | None  # None: masked
    confidence: float
    logits: NDArray[np.float32] | None
    is_painted: bool = False


class TokenPanel(QWidget):
    """Likeliest codes of the cell pointed at, and of what they would be at another temperature."""

    codeHovered = Signal(object)  # noqa: N815  code or None
    codeClicked = Signal(int)  # noqa: N815

    def __init__(self) -> None:
        super().__init__()
        self.cell: Cell | None = None
        self.what_if: float | None = None  # temperature tried; None: the run's
        self._patches: NDArray[np.uint8] | None = None
        self.setAccessibleName(tr("Likeliest codes"))
        self.heading, self.state = Caption(token="text"), Caption()
        self.bars = TokenBars()
        self.slider = NumberSlider(
            replace(
                TEMPERATURE,
                title=tr("Temperature to try"),
                help_text=tr("Redraws the bars from the stored logits; nothing is sampled again."),
            )
        )
        self.slider.setToolTip(
            tr(
                "What if: the bars at another temperature, from the stored logits.\n"
                "Nothing is sampled again."
            )
        )
        self.slider.set_labels_shown(is_shown=False)
        self.back = IconButton("mdi6.restore", tr("Back to the temperature of the run"))
        for control in (self.slider, self.back):
            policy = control.sizePolicy()
            policy.setRetainSizeWhenHidden(True)
            control.setSizePolicy(policy)
        self.note, self.rest = Caption(), Caption()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        for widget in (self.heading, self.state, self.bars, self.rest):
            layout.addWidget(widget)
        layout.addSpacing(theme.SPACE)
        layout.addWidget(line(self.slider, self.back))
        layout.addWidget(self.note)
        layout.addStretch(1)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Minimum)
        self.slider.numberChanged.connect(self._on_tried)
        self.back.clicked.connect(self._on_back)
        self.bars.hovered.connect(self.codeHovered)
        self.bars.clicked.connect(self.codeClicked)
        theme.manager.changed.connect(self._fit)
        self._fit()
        self.show_cell(None, None)

    def show_cell(self, cell: Cell | None, patches: NDArray[np.uint8] | None) -> None:
        """Show a cell; ``patches`` ``[K, p, p, C]`` are the codes' pictures, None if not known."""
        self.cell, self._patches = cell, patches
        self._draw()

    def forget(self) -> None:
        """Take the run's temperature again."""
        self.what_if = None

    def _draw(self) -> None:
        cell = self.cell
        self.heading.set_text(_heading(cell))
        has_logits = cell is not None and cell.logits is not None and not cell.is_painted
        self.slider.setEnabled(has_logits)
        self.slider.setVisible(has_logits)
        self.back.setVisible(has_logits and self.what_if is not None)
        if cell is None:
            self.bars.set_rows(())
            self.state.set_text(WHAT_APPEARS)
            for empty in (self.rest, self.note):
                empty.set_text("")
            return
        self.state.set_text(_state(cell))
        temperature = cell.temperature if self.what_if is None else self.what_if
        self.slider.set_number(temperature)
        if cell.is_painted:
            self.bars.set_rows(())
            self.rest.set_text(tr("no probability: nothing was drawn"))
            self.note.set_text("")
            return
        if cell.logits is None:
            self._draw_without_logits(cell)
            return
        probabilities = code_probabilities(cell.logits, temperature)
        reference = code_probabilities(cell.logits, cell.temperature)
        codes = likeliest(probabilities, TOP).tolist()
        if cell.code is not None and cell.code not in codes:
            codes.append(cell.code)
        self.bars.set_rows(
            tuple(self._row(code, probabilities, reference, cell.code) for code in codes)
        )
        others = len(probabilities) - len(codes)
        share = max(0.0, 1.0 - float(probabilities[codes].sum()))
        entropy = share_text(float(entropy_bits(probabilities)))
        self.rest.set_text(
            tr(
                "other {others:,}: {share}   entropy {entropy} bits",
                others=others,
                share=share_text(share),
                entropy=entropy,
            )
        )
        ran = tr("the run used {temperature:.3g}", temperature=cell.temperature)
        if self.what_if is None:
            self.note.set_text(tr("temperature: {ran}", ran=ran))
        else:
            self.note.set_text(
                tr("what if {temperature:.3g}; {ran}", temperature=temperature, ran=ran)
            )

    def _draw_without_logits(self, cell: Cell) -> None:
        rows: tuple[CodeRow, ...] = ()
        if cell.code is not None:
            confidence, code = cell.confidence, cell.code
            rows = (CodeRow(code, confidence, confidence, self._patch(code), is_drawn=True),)
        self.bars.set_rows(rows)
        self.rest.set_text(
            tr(
                "other codes: the logits of step {cell_step:,} were not kept",
                cell_step=cell.step + 1,
            )
        )
        self.note.set_text(
            tr("temperature: the run used {temperature:.3g}", temperature=cell.temperature)
        )

    def _row(
        self,
        code: int,
        probabilities: NDArray[np.float32],
        reference: NDArray[np.float32],
        drawn: int | None,
    ) -> CodeRow:
        return CodeRow(
            code,
            float(probabilities[code]),
            float(reference[code]),
            self._patch(code),
            is_drawn=code == drawn,
        )

    def _patch(self, code: int) -> NDArray[np.uint8] | None:
        patches = self._patches
        return None if patches is None or code >= len(patches) else patches[code]

    @Slot(float)
    def _on_tried(self, temperature: float) -> None:
        self.what_if = temperature
        self._draw()

    @Slot()
    def _on_back(self) -> None:
        self.what_if = None
        self._draw()
        self.slider.setFocus(Qt.FocusReason.OtherFocusReason)  # the button is gone

    @Slot()
    def _fit(self) -> None:
        self.setFixedWidth(theme.px(WIDTH))


def _heading(cell: Cell | None) -> str:
    return (
        POINT_AT_ONE
        if cell is None
        else tr("Cell x {column}, y {row}", column=cell.column, row=cell.row)
    )


def _state(cell: Cell) -> str:
    if cell.code is None:
        return tr("still masked; the prediction of step {cell_step:,}", cell_step=cell.step + 1)
    done = tr("painted before") if cell.is_painted else tr("drawn in")
    return tr(
        "code {code:,}, {done} step {cell_step:,}",
        code=cell.code,
        done=done,
        cell_step=cell.step + 1,
    )
