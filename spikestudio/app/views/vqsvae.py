"""VQ-SVAE dock: from an image to spikes, to a code, to spikes, and back to an image."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QWidget

from spikestudio.app import theme
from spikestudio.app.plots.text import figure
from spikestudio.app.plots.walk_item import WalkStages
from spikestudio.app.viewmodels.codebook import CodebookModel
from spikestudio.app.viewmodels.moments import preview_after
from spikestudio.app.viewmodels.run import RunModel
from spikestudio.app.viewmodels.walk import WalkModel
from spikestudio.app.views.base import View
from spikestudio.app.views.parts import Caption, EmptyStack, fill, stacked
from spikestudio.language import tr

EMPTY = tr("How the auto-encoder turns an image into codes, and back, appears here.")
NO_TOKENS = tr("This model has no auto-encoder; open a Spiking-Diffusion model.")
NO_MODEL = tr("The auto-encoder needs the model of this run: it is not loaded.")
WAITING = tr("The selected image is encoded when the run has ended.")


class VqsvaeView(View):
    """Stages of the auto-encoder for one cell of the selected image."""

    view_id: ClassVar[str] = "vqsvae"
    title: ClassVar[str] = "VQ-SVAE"
    help_text: ClassVar[str] = tr(
        "The selected image of the run, encoded and decoded again by the model's auto-encoder.\n"
        "The outlined cell: spikes of its features (rows) over the SNN steps (columns); of each\n"
        "the potential (grey) and, below it, the firing rate; z, which mixes both (bars), and the\n"
        "nearest code (ticks); the spikes that the adaptive spike generator makes of that code;\n"
        "and the image decoded from all of them. The scales hold for every cell.\n"
        "Its codes need not be those that the run drew: the image lies between the two. SNN steps\n"
        "and threshold are the model's own, whatever the run used.\n"
        "Click one of the pictures, or press an arrow key: another cell."
    )

    sampleRequested = Signal()  # noqa: N815

    def __init__(
        self,
        run: RunModel,
        walks: WalkModel | None = None,
        codebook: CodebookModel | None = None,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(run, parent)
        self.walks = walks or WalkModel(parent=self)
        self.codebook = codebook or CodebookModel(run, self)
        self.stages = WalkStages()
        self.caption, self.detail = Caption(), Caption()
        self._step: int | None = None  # that is looked at; None: the newest
        self.stack = EmptyStack(
            stacked(self.stages, self.caption, self.detail, stretch=self.stages), EMPTY
        )
        fill(self, self.stack)
        self.stack.sampleRequested.connect(self.sampleRequested)
        self.stages.cellChosen.connect(self._on_cell_chosen)
        for signal in (
            *(run.started, run.previewChanged, run.selectionChanged, run.stateChanged),
            *(self.walks.changed, self.codebook.changed),
        ):
            signal.connect(self.mark_dirty)
        theme.manager.changed.connect(self.mark_dirty)

    def look_at(self, step: int | None) -> None:
        """Encode the picture of an earlier step; None: the newest."""
        self._step = step
        self.mark_dirty()

    def refresh(self) -> None:
        """Ask for the selected image to be encoded if need be, and draw what is there."""
        if self.run.run is None:
            self.stack.show_empty(EMPTY)
            return
        problem = self._problem()
        if problem:
            self.stack.show_empty(problem, has_button=False)
            return
        preview, image = self.run.preview, self.run.selection.image
        if self._step is not None:
            preview = preview_after(self.run, self._step)
        is_free = not self.run.state.is_active
        if is_free and preview is not None and preview.decoded is not None:
            self.walks.ask(np.ascontiguousarray(preview.decoded[image]))
        walk = self.walks.walk
        if walk is None:
            self.stack.show_empty(self.walks.failure or WAITING, has_button=False)
            return
        self.stack.show_content()
        cell = self.walks.place(walk)
        self.stages.set_walk(walk, cell)
        self._describe(cell)

    def _problem(self) -> str:
        if not self.codebook.is_token_run:
            return NO_TOKENS
        if self.codebook.of_run is None or not self.walks.can_ask:
            return NO_MODEL
        return ""

    def _describe(self, cell: tuple[int, int]) -> None:
        walk = self.walks.walk
        assert walk is not None
        distances = walk.distances(*cell)
        order = np.argsort(distances, kind="stable")[:2]
        near = [
            tr("{code:,} at {distance}", code=code, distance=figure(float(distances[code])))
            for code in order.tolist()
        ]
        self.caption.set_text(
            tr(
                "Cell x {cell}, y {cell_2}: squared distance of z from code {near}",
                cell=cell[1],
                cell_2=cell[0],
                near=tr(", from ").join(near),
            )
        )
        sign = "+" if walk.alpha >= 0 else "−"
        error = (walk.image.astype(np.float64) - walk.reconstruction) / 255
        self.detail.set_text(
            tr(
                "z = {alpha:.2f} · potential {sign} {alpha_2:.2f} · rate   "
                "mean squared error {error} (white is 1)",
                alpha=1 - walk.alpha,
                sign=sign,
                alpha_2=abs(walk.alpha),
                error=figure(float((error**2).mean())),
            )
        )
        self.stages.setAccessibleDescription(
            "; ".join((self.caption.text, *self.stages.texts(), self.detail.text))
        )

    @Slot(int, int)
    def _on_cell_chosen(self, row: int, column: int) -> None:
        self.walks.look_at(row, column)
        self.mark_dirty()
        self.draw_if_needed()
