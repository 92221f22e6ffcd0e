"""Image dock: the state of every image of the batch, and what the network takes it for."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QWidget

from spikestudio.app import theme
from spikestudio.app.plots.outlines import Outline
from spikestudio.app.plots.pixel_keys import Pixel
from spikestudio.app.plots.tiles import Panel, TileGrid
from spikestudio.app.plots.traces_item import MAX_LANES
from spikestudio.app.plots.watch_pens import watch_color
from spikestudio.app.viewmodels.moments import preview_after
from spikestudio.app.viewmodels.neuron_field import NeuronFieldModel, ShownField
from spikestudio.app.viewmodels.run import RunModel
from spikestudio.app.views.base import View
from spikestudio.app.views.parts import Caption, EmptyStack, fill, line, stacked, step_text
from spikestudio.app.widgets.icons import IconButton
from spikestudio.language import tr
from spikestudio.sampling.events import ImagePreview

X_T, X0_HAT, DECODED = "x_t", tr("predicted x0"), tr("decoded")
SEES, ACTS_ON, PATCH = tr("sees"), tr("acts on"), tr("patch")
POINT_AT_ONE = tr("Point at a neuron, or watch one: what it sees and acts on is outlined.")
NO_MODEL = tr("Outlines need the model of this run: it is not loaded.")


class ImageView(View):
    """x_t and predicted x0 of a Gaussian run, or the decoded image of a token run."""

    view_id: ClassVar[str] = "image"
    title: ClassVar[str] = tr("Image")
    help_text: ClassVar[str] = tr(
        "Every image of the batch while it is drawn out of noise.\n"
        "x_t: the state after the newest denoising step.\n"
        "Predicted x0: the clean image that the network sees in x_t.\n"
        "Decoded: token models only, the codebook's picture of the tokens so far.\n"
        "Outlines: what the neuron pointed at (or watched first) sees, solid, and acts on, dashed.\n"
        "Click an image, or press an arrow key: look at it in every dock. Wheel: scroll.\n"
        "Point at a pixel (Shift+arrows): its value, 0 to 255, and the layer's neuron there.\n"
        "Shift+click a pixel (Shift+Enter): watch that neuron. With Ctrl too: add it or take it away."
    )

    sampleRequested = Signal()  # noqa: N815

    def __init__(
        self,
        run: RunModel,
        parent: QWidget | None = None,
        *,
        fields: NeuronFieldModel | None = None,
    ) -> None:
        super().__init__(run, parent)
        self.fields = fields
        self._preview: ImagePreview | None = None
        self.tiles = TileGrid()
        self.tiles.setAccessibleName(tr("Images of the batch"))
        self.caption = Caption()
        self.field_caption = Caption()
        self.outlines = IconButton(
            "mdi6.select-marker", tr("Hide or show the outlines of the neuron")
        )
        self.outlines.setCheckable(True)
        self.outlines.setChecked(True)
        self._hovered: Pixel | None = None
        self._step: int | None = None  # that is looked at; None: the newest
        field_row = line(self.field_caption, self.outlines)
        field_row.setVisible(fields is not None)
        self.stack = EmptyStack(
            stacked(self.tiles, self.caption, field_row, stretch=self.tiles),
            tr("Images appear here as they are drawn out of noise."),
        )
        fill(self, self.stack)
        self.stack.sampleRequested.connect(self.sampleRequested)
        self.tiles.clicked.connect(self._on_clicked)
        self.tiles.hovered.connect(self._on_hovered)
        self.tiles.scrolled.connect(self._show_caption)
        for signal in (run.started, run.previewChanged, run.stepFinished, run.selectionChanged):
            signal.connect(self.mark_dirty)
        if fields is not None:
            self.tiles.pixelClicked.connect(self._on_pixel_clicked)
            self.outlines.toggled.connect(self._show_field)
            fields.changed.connect(self._show_field)
            theme.manager.changed.connect(self._show_field)

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
                (X_T, preview.x_t),
                (X0_HAT, preview.x0_hat),
                (DECODED, preview.decoded),
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
        self._show_field()

    def _outlines_of(self, shown: ShownField) -> tuple[Outline, ...]:
        """Return the boxes of a field on the focused image, where their panels are shown."""
        watched, color = self.run.selection.neurons, theme.tokens().text
        if shown.neuron in watched:
            color = watch_color(watched.index(shown.neuron))
        panels = {panel.title: number for number, panel in enumerate(self.tiles.panels)}
        field, is_exact = shown.field, shown.field.is_exact
        boxes = (
            (X_T, SEES if is_exact else PATCH, field.input, field.input_space),
            (X0_HAT, ACTS_ON if is_exact else PATCH, field.output, field.output_space),
        )
        return tuple(
            Outline(
                panel=panels.get(title, panels.get(DECODED, 0)),
                image=self.run.selection.image,
                box=shown.part(box, space),
                tag=tag,
                color=color,
                is_dashed=is_exact and tag == ACTS_ON,
            )
            for title, tag, box, space in boxes
            if box is not None and panels
        )

    @Slot()
    def _show_field(self) -> None:
        """Draw the outlines over the pictures as they are, and say what they are."""
        if self.fields is None:
            return
        shown, is_on = self.fields.shown, self.outlines.isChecked()
        self.tiles.set_outlines(self._outlines_of(shown) if shown is not None and is_on else ())
        if not self.fields.is_available:
            text = NO_MODEL
        elif shown is None:
            text = self.fields.failure or POINT_AT_ONE
        else:
            text = shown.text
        self.field_caption.set_text(text)

    def _neuron_at(self, found: Pixel) -> int | None:
        """Return the neuron of the selected layer at a pixel of the pictures."""
        if self.fields is None or found[0] >= len(self.tiles.panels):
            return None
        panel, _, row, column = found
        _, height, width, _ = self.tiles.panels[panel].images.shape
        return self.fields.neuron_at((row + 0.5) / height, (column + 0.5) / width)

    def _step_text(self) -> str:
        started, preview = self.run.run, self._preview
        if self._step is None or started is None:
            return step_text(self.run)
        text = tr(
            "step {step:,} of {num_timesteps:,}",
            step=self._step + 1,
            num_timesteps=len(started.timesteps),
        )
        if preview is None:
            return tr("{the_text}: its pictures were not kept", the_text=text)
        if preview.step != self._step:
            return tr(
                "{the_text}; pictures of step {preview_step:,}",
                the_text=text,
                preview_step=preview.step + 1,
            )
        return f"{text}, t = {started.timesteps[self._step]}"

    @Slot(int)
    def _on_clicked(self, image: int) -> None:
        self.run.select(image=image)
        self.draw_if_needed()

    @Slot(object, bool)
    def _on_pixel_clicked(self, found: Pixel, is_extending: bool) -> None:
        self.run.select(image=found[1])
        neuron = self._neuron_at(found)
        if neuron is not None:
            self.run.watch(neuron, is_extending=is_extending, most=MAX_LANES)
        self.draw_if_needed()

    @Slot(object)
    def _on_hovered(self, found: Pixel | None) -> None:
        self._hovered = found
        self._show_caption()
        if self.fields is not None:
            is_focused = found is not None and found[1] == self.run.selection.image
            self.run.hover(self._neuron_at(found) if found is not None and is_focused else None)

    @Slot()
    def _show_caption(self) -> None:
        parts = [self._step_text()]
        grid = self.tiles.grid
        if grid is not None:
            first, last = self.tiles.shown_tiles()
            if last - first < grid.count:
                parts.append(
                    tr(
                        "showing images {first:,} to {last:,} of {count:,}",
                        first=first + 1,
                        last=last,
                        count=grid.count,
                    )
                )
            elif grid.count > 1:
                parts.append(
                    tr(
                        "image {image:,} of {count:,}",
                        image=self.run.selection.image + 1,
                        count=grid.count,
                    )
                )
        if self._hovered is not None and self._hovered[0] < len(self.tiles.panels):
            number, image, row, column = self._hovered
            panel = self.tiles.panels[number]
            if image < len(panel.images):
                pixel = panel.images[image, row, column]
                value = ", ".join(str(int(part)) for part in pixel)
                parts.append(
                    tr(
                        "{panel} of image {image:,} at x {column}, y {row}: {value}",
                        panel=panel.title,
                        image=image + 1,
                        column=column,
                        row=row,
                        value=value,
                    )
                )
        text = "   ".join(parts)
        self.caption.set_text(text)
        self.tiles.setAccessibleDescription(text)
