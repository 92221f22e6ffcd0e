"""Image dock: the state of every image of the batch, and what the network takes it for."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QWidget

from spikestudio.app.plots.tiles import Panel, TileGrid
from spikestudio.app.viewmodels.moments import preview_after
from spikestudio.app.viewmodels.run import RunModel
from spikestudio.app.views.base import View
from spikestudio.app.views.parts import Caption, EmptyStack, fill, stacked, step_text
from spikestudio.sampling.events import ImagePreview


class ImageView(View):
    """x_t and predicted x0 of a Gaussian run, or the decoded image of a token run."""

    view_id: ClassVar[str] = "image"
    title: ClassVar[str] = "Image"
    help_text: ClassVar[str] = (
        "Every image of the batch while it is drawn out of noise.\n"
        "x_t: the state after the newest denoising step.\n"
        "Predicted x0: the clean image that the network sees in x_t.\n"
        "Decoded: token models only, the codebook's picture of the tokens so far.\n"
        "Click an image, or press an arrow key: look at it in every dock.\n"
        "Point at a pixel: its value, 0 to 255. Wheel: scroll a large batch."
    )

    sampleRequested = Signal()  # noqa: N815

    def __init__(self, run: RunModel, parent: QWidget | None = None) -> None:
        super().__init__(run, parent)
        self._preview: ImagePreview | None = None
        self.tiles = TileGrid()
        self.tiles.setAccessibleName("Images of the batch")
        self.caption = Caption()
        self._hovered: tuple[int, int, int, int] | None = None
        self._step: int | None = None  # that is looked at; None: the newest
        self.stack = EmptyStack(
            stacked(self.tiles, self.caption, stretch=self.tiles),
            "Images appear here as they are drawn out of noise.",
        )
        fill(self, self.stack)
        self.stack.sampleRequested.connect(self.sampleRequested)
        self.tiles.clicked.connect(self._on_clicked)
        self.tiles.hovered.connect(self._on_hovered)
        self.tiles.scrolled.connect(self._show_caption)
        for signal in (run.started, run.previewChanged, run.stepFinished, run.selectionChanged):
            signal.connect(self.mark_dirty)

    def look_at(self, step: int | None) -> None:
        """Show the pictures of an earlier step; None: the newest."""
        self._step = step
        self.mark_dirty()

    def refresh(self) -> None:
        """Draw the newest preview, or that of the step looked at."""
        preview = self.run.preview
        if self.run.run is None:
            return
        if self._step is not None:
            preview = preview_after(self.run, self._step)
        self._preview = preview
        self.stack.show_content()
        if preview is None:
            self.tiles.set_panels((), 0)
        else:
            panels = (
                ("x_t", preview.x_t),
                ("predicted x0", preview.x0_hat),
                ("decoded", preview.decoded),
            )
            self.tiles.set_panels(
                tuple(
                    Panel(title, np.ascontiguousarray(images))
                    for title, images in panels
                    if images is not None
                ),
                self.run.selection.image,
            )
        self._show_caption()

    def _step_text(self) -> str:
        started, preview = self.run.run, self._preview
        if self._step is None or started is None:
            return step_text(self.run)
        text = f"step {self._step + 1:,} of {len(started.timesteps):,}"
        if preview is None:
            return f"{text}: its pictures were not kept"
        if preview.step != self._step:
            return f"{text}; pictures of step {preview.step + 1:,}"
        return f"{text}, t = {started.timesteps[self._step]}"

    @Slot(int)
    def _on_clicked(self, image: int) -> None:
        self.run.select(image=image)
        self.draw_if_needed()

    @Slot(object)
    def _on_hovered(self, found: tuple[int, int, int, int] | None) -> None:
        self._hovered = found
        self._show_caption()

    @Slot()
    def _show_caption(self) -> None:
        parts = [self._step_text()]
        grid = self.tiles.grid
        if grid is not None:
            first, last = self.tiles.shown_images()
            if last - first < grid.count:
                parts.append(f"showing images {first + 1:,} to {last:,} of {grid.count:,}")
            elif grid.count > 1:
                parts.append(f"image {self.run.selection.image + 1:,} of {grid.count:,}")
        if self._hovered is not None and self._hovered[0] < len(self.tiles.panels):
            number, image, row, column = self._hovered
            panel = self.tiles.panels[number]
            if image < len(panel.images):
                pixel = panel.images[image, row, column]
                value = ", ".join(str(int(part)) for part in pixel)
                parts.append(
                    f"{panel.title} of image {image + 1:,} at x {column}, y {row}: {value}"
                )
        text = "   ".join(parts)
        self.caption.set_text(text)
        self.tiles.setAccessibleDescription(text)
