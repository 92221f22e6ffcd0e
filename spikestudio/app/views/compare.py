"""Compare dock: two runs, picture by picture and layer by layer."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from PySide6.QtCore import QSize, Signal, Slot
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QWidget

from spikestudio.app import theme
from spikestudio.app.plots.compare_bars import LayerBars, limit_for
from spikestudio.app.plots.compare_canvas import Pixel
from spikestudio.app.viewmodels.comparison import ComparisonModel, Pair
from spikestudio.app.views.base import View
from spikestudio.app.views.compare_controls import CompareControls
from spikestudio.app.views.compare_form import SampleBForm
from spikestudio.app.views.compare_raster import RasterComparison
from spikestudio.app.views.compare_stage import CompareStage
from spikestudio.app.views.compare_words import (
    divergence_text,
    images_text,
    rates_text,
    steps_text,
)
from spikestudio.app.views.parts import Caption, EmptyStack, fill, stacked
from spikestudio.language import tr

if TYPE_CHECKING:
    from spikestudio.app.viewmodels.history import HistoryModel
    from spikestudio.app.viewmodels.run import RunModel
    from spikestudio.app.viewmodels.sampler import SamplerModel
    from spikestudio.app.viewmodels.timeline import TimelineModel

EMPTY = tr(
    "Two runs that have ended are compared here: sample once, then again with another value."
)
NO_TOKENS = tr("token maps: not kept of both runs at this step")
ENOUGH = 160  # height of the pictures, below which they need the room of the bars


class CompareView(View):
    """Choice of two runs above their pictures; below, what differs, and a form to sample B."""

    view_id: ClassVar[str] = "compare"
    title: ClassVar[str] = tr("Compare")
    help_text: ClassVar[str] = tr(
        "Two runs that have ended, by default the last two. Choose others here or in the history.\n"
        "Both sides follow the timeline and the image selected: scrub, and both move.\n"
        "Slider: drag the line, or press Shift+Left and Shift+Right. A is left of it, B right.\n"
        "Difference: B \N{MINUS SIGN} A, blue is darker in B, orange brighter, on a fixed scale.\n"
        "Arrow keys or a click: another image. Point at a pixel: its values.\n"
        "Tokens: cells whose code differs are outlined in both maps.\n"
        "Raster: the same neurons of the selected layer in both runs. Click: that neuron and moment.\n"
        "Bars: change of every layer's firing rate. Click one: look at that layer.\n"
        "Sample B: the same request with one other value; it becomes B when it has ended."
    )

    sampleRequested = Signal()  # noqa: N815

    def __init__(
        self,
        run: RunModel,
        timeline: TimelineModel,
        sampler: SamplerModel,
        history: HistoryModel,
        comparison: ComparisonModel,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(run, parent)
        self._timeline, self._comparison = timeline, comparison
        self._pixel: Pixel | None = None
        self._pair: Pair | None = None
        self.controls = CompareControls(history, comparison)
        self.stage = CompareStage(self.controls)
        self.rasters = RasterComparison(
            run, timeline, comparison, self.controls, self.stage.rasters
        )
        self.caption, self.difference, self.noise = Caption(), Caption(token="text"), Caption()
        self.divergence, self.bars_caption = Caption(), Caption()
        self.bars = LayerBars()
        self.bars.setAccessibleName(tr("Change of firing rate by layer, B minus A"))
        self.form = SampleBForm(comparison, sampler)
        self.stack = EmptyStack(
            stacked(
                self.controls,
                self.stage,
                self.caption,
                self.difference,
                self.noise,
                self.divergence,
                self.bars,
                self.bars_caption,
                self.form,
                stretch=self.stage,
            ),
            EMPTY,
        )
        fill(self, self.stack)
        self.stack.sampleRequested.connect(self.sampleRequested)
        self.controls.changed.connect(self._redraw)
        self.stage.canvas.clicked.connect(self._on_image_clicked)
        self.stage.canvas.hovered.connect(self._on_hovered)
        self.stage.canvas.scrolled.connect(self.mark_dirty)
        self.stage.rasters.resized.connect(self.mark_dirty)
        self.rasters.captionChanged.connect(self._show_caption)
        self.bars.clicked.connect(self._on_layer_clicked)
        self.bars.pointed.connect(self._show_bars_caption)
        for signal in (timeline.cursorChanged, timeline.liveChanged, comparison.changed):
            signal.connect(self.mark_dirty)
        for signal in (run.started, run.selectionChanged, sampler.modelChanged):
            signal.connect(self.mark_dirty)
        theme.manager.changed.connect(self._redraw)

    def refresh(self) -> None:
        """Show both runs at the step and the image that are looked at."""
        comparison, image = self._comparison, self.run.selection.image
        a, b = comparison.a, comparison.b
        if a is None:
            self.stack.show_empty(EMPTY)
            return
        self.stack.show_content()
        self.controls.refresh(a, b)
        step = self._timeline.cursor.step
        self._pair = None if self.controls.is_final else comparison.steps_at(step)
        if self.controls.is_raster:
            self.stage.setCurrentWidget(self.stage.rasters)
            is_complete = self.rasters.show(a, b, comparison.steps_at(step))
        else:
            is_complete = self.stage.show_runs(a, b, self._pair, image)
        if not is_complete:
            self.mark_dirty()
        self._show_caption()
        self.difference.set_text(comparison.difference_text)
        self.noise.set_text(comparison.noise_text)
        self.divergence.set_text(divergence_text(comparison, image))
        self._show_bars()
        self.form.refresh()

    @Slot()
    def _show_caption(self) -> None:
        parts = [steps_text(self._comparison, self._pair)]
        if self.controls.is_raster:
            parts.insert(0, self.rasters.caption())
        elif not self.controls.is_tokens:
            parts.append(images_text(self._comparison, self.stage.canvas))
        elif self.stage.differing is None:
            parts.append(NO_TOKENS)
        else:
            differing, cells = self.stage.differing
            image = self.run.selection.image + 1
            parts.append(
                tr(
                    "image {image:,}: {differing:,} of {cells:,} cells differ",
                    image=image,
                    differing=differing,
                    cells=cells,
                )
            )
        is_pictures = not self.controls.is_tokens and not self.controls.is_raster
        if self._pixel is not None and is_pictures:
            parts.append(self.stage.pixel_text(self._pixel))
        text = "   ".join(filter(None, parts))
        self.caption.set_text(text)
        self.stage.canvas.setAccessibleDescription(text)

    def _show_bars(self) -> None:
        comparison = self._comparison
        a, change = comparison.a, comparison.rate_change(self._pair)
        height = self.stage.height() + self._height_of_bars(is_shown=not self.bars.isHidden())
        has_room = height - self._height_of_bars(is_shown=True) >= theme.px(ENOUGH)
        self.bars.setVisible(change is not None and has_room)
        self.bars_caption.setVisible(
            comparison.b is not None and has_room
        )  # says why there are none
        if a is not None and change is not None:
            limit = limit_for(comparison.largest_rate_change())
            layers = tuple(layer.id for layer in a.layers)
            self.bars.set_values(layers, change, limit, self.run.selection.layer)
        self._show_bars_caption()

    @Slot()
    def _show_bars_caption(self) -> None:
        change = self._comparison.rate_change(self._pair)
        text = rates_text(self._comparison, change, self._pair, self.bars.pointed_at)
        self.bars_caption.set_text(text)
        self.bars.setAccessibleDescription(text)

    # what the user does -----------------------------------------------------------------------

    @Slot()
    def _redraw(self) -> None:
        self.mark_dirty()
        self.draw_if_needed()

    @Slot(int)
    def _on_image_clicked(self, image: int) -> None:
        both = [each for each in (self._comparison.a, self._comparison.b) if each]
        numbers = [each.request.num for each in both]
        if self.run.run is not None:
            numbers.append(self.run.run.request.num)
        if 0 <= image < min(numbers, default=0):
            self.run.select(image=image)
            self._redraw()

    @Slot(object)
    def _on_hovered(self, pixel: Pixel | None) -> None:
        self._pixel = pixel
        self._show_caption()

    @Slot(str)
    def _on_layer_clicked(self, layer: str) -> None:
        if self.run.layer(layer) is not None:
            self.run.select(layer=layer)
            self._redraw()

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802  Qt override
        super().resizeEvent(event)
        self.mark_dirty()

    def _height_of_bars(self, *, is_shown: bool) -> int:
        """What the bars and their caption take."""
        if not is_shown:
            return 0
        return self.bars.sizeHint().height() + self.bars_caption.sizeHint().height() + 8

    def minimumSizeHint(self) -> QSize:  # noqa: N802  Qt override
        least = super().minimumSizeHint()  # the bars give way
        bars = self._height_of_bars(is_shown=not self.bars.isHidden())
        return QSize(least.width(), least.height() - bars)

    def sizeHint(self) -> QSize:  # noqa: N802  Qt override
        return QSize(theme.px(480), theme.px(560))
