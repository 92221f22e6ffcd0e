"""Tokens dock: the codebook token map of one image while it unmasks."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QWidget

from spikestudio.app import theme
from spikestudio.app.plots.palettes import code_colors, scalar_indices, scalar_lut
from spikestudio.app.plots.scale_bar import ScaleBar
from spikestudio.app.plots.text import figure
from spikestudio.app.plots.token_item import TokenMap, TokenPicture
from spikestudio.app.viewmodels.moments import tokens_after
from spikestudio.app.viewmodels.run import RunModel
from spikestudio.app.views.base import View
from spikestudio.app.views.parts import (
    Caption,
    Combo,
    EmptyStack,
    fill,
    stacked,
    tool_row,
)
from spikestudio.sampling.events import TokensUnmasked

CODE, ORDER, CONFIDENCE = "code", "order of reveal", "confidence"
EMPTY = "The token map of the selected image appears here as it unmasks."
NO_TOKENS = "This model has no tokens; open a Spiking-Diffusion model."


class TokensView(View):
    """Token map of the selected image, coloured by code, order of reveal or confidence."""

    view_id: ClassVar[str] = "tokens"
    title: ClassVar[str] = "Tokens"
    help_text: ClassVar[str] = (
        "Spiking-Diffusion draws a map of codes; a codebook turns each code into a patch.\n"
        "Hatched: still masked. Outlined: revealed in the newest step.\n"
        "Code: every code has its own colour, the same in every run.\n"
        "Order of reveal: the step that revealed the cell. Confidence: the probability that\n"
        "the network gave to the code it drew there.\n"
        "The decoded image has the most probable code where the map is still masked.\n"
        "Point at a cell: its code, confidence and step."
    )

    sampleRequested = Signal()  # noqa: N815

    def __init__(self, run: RunModel, parent: QWidget | None = None) -> None:
        super().__init__(run, parent)
        self.color = Combo(
            "Colour of the cells", "What the colour of a cell means", (CODE, ORDER, CONFIDENCE)
        )
        self.scale = ScaleBar()
        self.map = TokenMap()
        self.map.setAccessibleName("Token map and decoded image")
        self.caption = Caption()
        self._hovered: tuple[int, int] | None = None
        self._step: int | None = None  # that is looked at; None: the newest
        self._tokens: TokensUnmasked | None = None
        self.stack = EmptyStack(
            stacked(tool_row(self.color, self.scale), self.map, self.caption, stretch=self.map),
            EMPTY,
        )
        fill(self, self.stack)
        self.stack.sampleRequested.connect(self.sampleRequested)
        self.color.activated.connect(self._redraw)
        self.map.hovered.connect(self._on_hovered)
        for signal in (run.started, run.tokensChanged, run.previewChanged, run.selectionChanged):
            signal.connect(self.mark_dirty)
        theme.manager.changed.connect(self._redraw)

    def look_at(self, step: int | None) -> None:
        """Show the tokens of an earlier step; None: the newest."""
        self._step = step
        self.mark_dirty()

    def refresh(self) -> None:
        """Draw the token map of the selected image, the newest or that of the step looked at."""
        started, tokens, preview = self.run.run, self.run.tokens, self.run.preview
        if started is None:
            return
        if self._step is not None:
            tokens = tokens_after(self.run, self._step)
        self._tokens = tokens
        if started.request.sampler != "absorbing":
            self.stack.show_empty(NO_TOKENS, has_button=False)
            return
        self.stack.show_content()
        image = self.run.selection.image
        if tokens is None:
            self.map.set_picture(None)
        else:
            # the codebook's picture is only there for the newest step
            decoded = preview.decoded if preview and preview.step == tokens.step else None
            is_masked = tokens.tokens[image] == tokens.mask_id
            self.map.set_picture(
                TokenPicture(
                    ids=tokens.tokens[image],
                    is_masked=is_masked,
                    is_new=~is_masked & (tokens.order[image] == tokens.step),
                    colors=self._colors(tokens, image, len(started.timesteps)),
                    decoded=None if decoded is None else np.ascontiguousarray(decoded[image]),
                )
            )
        self._draw_scale(len(started.timesteps))
        self._show_caption()

    def _colors(self, tokens: TokensUnmasked, image: int, steps: int) -> NDArray[np.uint8]:
        colors: NDArray[np.uint8]
        match self.color.currentText():
            case "code":
                colors = code_colors(tokens.mask_id + 1)[tokens.tokens[image]]
            case "order of reveal":
                order = scalar_indices(tokens.order[image] + 1.0, 1, max(2, steps))
                colors = scalar_lut()[order, :3]
            case _:
                colors = scalar_lut()[scalar_indices(tokens.confidence[image], 0, 1), :3]
        return colors

    def _draw_scale(self, steps: int) -> None:
        kind = self.color.currentText()
        self.scale.setVisible(kind != CODE)
        if kind == ORDER:
            ends = ((0.0, "1"), (1.0, f"{max(2, steps):,}"))
            self.scale.set_scale("revealed in step", scalar_lut(), ends, "masked")
        elif kind == CONFIDENCE:
            marks = ((0.0, "0"), (0.5, "0.5"), (1.0, "1"))
            self.scale.set_scale("confidence", scalar_lut(), marks, "masked")

    def _describe(self, cell: tuple[int, int], tokens: TokensUnmasked) -> str:
        image, (row, column) = self.run.selection.image, cell
        where = f"Cell x {column}, y {row}"
        token = int(tokens.tokens[image, row, column])
        if token == tokens.mask_id:
            return f"{where}: still masked"
        confidence = figure(float(tokens.confidence[image, row, column]))
        step = int(tokens.order[image, row, column]) + 1
        return f"{where}: code {token:,}, confidence {confidence}, revealed in step {step:,}"

    @Slot(object)
    def _on_hovered(self, cell: tuple[int, int] | None) -> None:
        self._hovered = cell
        self._show_caption()

    @Slot()
    def _redraw(self) -> None:
        self.mark_dirty()
        self.draw_if_needed()

    def _show_caption(self) -> None:
        tokens, started = self._tokens, self.run.run
        if (tokens is None or started is None) and self._step is not None:
            text = f"step {self._step + 1:,}: its tokens were not kept"
        elif tokens is None or started is None:
            text = "waiting for step 1"
        elif self._hovered is not None:
            text = self._describe(self._hovered, tokens)
        else:
            shown = tokens.tokens[self.run.selection.image]
            revealed = shown[shown != tokens.mask_id]
            text = (
                f"step {tokens.step + 1:,} of {len(started.timesteps):,}   "
                f"{revealed.size:,} of {shown.size:,} cells revealed, "
                f"{np.unique(revealed).size:,} different codes   "
                f"image {self.run.selection.image + 1:,}"
            )
        self.caption.set_text(text)
        self.map.setAccessibleDescription(text)
