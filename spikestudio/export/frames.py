"""Frames of an animation: the images of a run step by step, beside them what the neurons do."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from io import BytesIO
from typing import Any, Literal

import matplotlib as mpl
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from spikestudio.errors import ConfigError
from spikestudio.export import figures
from spikestudio.export.choice import Neurons
from spikestudio.export.draw.style import style
from spikestudio.export.pictures import GridStyle, tile
from spikestudio.export.states import noisy, prediction
from spikestudio.language import tr
from spikestudio.paths import resource
from spikestudio.recording.values import Readable

Part = Literal["raster", "membrane", "tokens"]
PARTS: tuple[Part, ...] = ("raster", "membrane", "tokens")

_DPI = 100
_LANE = 6.0  # mm that a neuron's potential needs
_PANEL_WIDTH = 1.35  # of the frame's height
_MARGIN, _TEXT = 0.03, 0.034  # of the frame's height
_PAPER, _INK, _SOFT, _CURSOR = (255, 255, 255), (0, 0, 0), (64, 64, 64), (0, 114, 178)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """What an animation shows; raises ``ConfigError``.

    Parameters
    ----------
    recording
        The run; nothing is sampled.
    steps
        Denoising steps, one frame each.
    height
        Pixels of a frame; its width follows from what it shows.
    parts
        What is beside the images, from top to bottom.
    chosen
        Neurons of the raster.
    image
        The image of which the token map is; None for the recorded one.
    """

    recording: Readable
    steps: range
    height: int = 480
    parts: tuple[Part, ...] = ()
    chosen: Neurons | None = None
    image: int | None = None

    def __post_init__(self) -> None:
        if not 120 <= self.height <= 2160:
            raise ConfigError(tr("A frame must be 120 to 2,160 pixels high."), field="height")
        if "raster" in self.parts and self.chosen is None:
            raise ConfigError(tr("A raster needs neurons."), field="parts")

    def frames(self, steps: Iterable[int] | None = None) -> Iterator[Image.Image]:
        """Draw one RGB frame after the other, all of the same even size; of all steps if None."""
        panels = [self._panel(part) for part in self.parts]
        for step in self.steps if steps is None else steps:
            yield self._frame(step, panels)

    def _frame(self, step: int, panels: list[_Panel]) -> Image.Image:
        margin, text = round(self.height * _MARGIN), max(11, round(self.height * _TEXT))
        heading = round(text * 1.5)
        room = self.height - 2 * margin - 2 * heading
        columns = self._pictures(step, room)
        width = margin + sum(picture.width + margin for _, picture in columns)
        beside = round(self.height * _PANEL_WIDTH) if panels else 0
        total = width + beside + (margin if panels else 0)
        canvas = Image.new("RGB", (total + total % 2, self.height + self.height % 2), _PAPER)
        pen = ImageDraw.Draw(canvas)
        font = ImageFont.truetype(resource("fonts", "Inter-Regular.otf"), text)
        x = margin
        for name, picture in columns:
            pen.text((x, margin), name, _SOFT, font)
            top = margin + heading + (room - picture.height) // 2
            canvas.paste(picture, (x, top))
            x += picture.width + margin
        y = margin
        for panel in panels:
            canvas.paste(panel.at(step), (x, y))
            y += panel.height
        line, short = self._caption(step)
        is_wide = pen.textlength(line, font) <= total - 2 * margin
        bottom = self.height - margin - text
        pen.text((margin, bottom), line if is_wide else short, _INK, font)
        return canvas

    def _pictures(self, step: int, room: int) -> list[tuple[str, Image.Image]]:
        named = [("predicted", prediction(self.recording, step))]
        before = noisy(self.recording, step)
        if before is not None:
            named.insert(0, ("noisy", before))
        is_last = step == self.recording.num_steps - 1
        label = {"predicted": "sample" if is_last else "predicted", "noisy": "noisy"}
        return [(label[name], self._fitted(images, room)) for name, images in named]

    def _fitted(self, images: NDArray[np.uint8], room: int) -> Image.Image:
        """A grid enlarged by a whole number, so that pixels stay sharp."""
        smallest = tile(images, GridStyle(padding=0))
        scale = min(64, max(1, (room - 8) // smallest.height))
        padding = 2 if len(images) > 1 else 0
        return tile(images, GridStyle(padding=padding, scale=scale)).convert("RGB")

    def _caption(self, step: int) -> tuple[str, str]:
        origin, values = self.recording.origin, self.recording.parameters(step)
        short = f"step {step + 1} of {self.recording.num_steps}"
        threshold = f" · threshold {values.threshold:g}" if values is not None else ""
        seed = origin["request"].get("seed")
        return f"{short}{threshold} · {origin['checkpoint']['name']} · seed {seed}", short

    def _panel(self, part: Part) -> _Panel:
        margin = round(self.height * _MARGIN)
        text = round(max(11, round(self.height * _TEXT)) * 1.5)
        height = (self.height - 2 * margin - text) // len(self.parts)
        width = round(self.height * _PANEL_WIDTH)
        size = figures.Size(
            width_mm=max(20.0, width / _DPI * 25.4),
            height_mm=max(20.0, height / _DPI * 25.4),
            font_pt=max(5.0, min(14.0, self.height / 480 * 8)),
            dpi=_DPI,
        )
        if part == "tokens":
            return _Tokens(self.recording, size, self.image, width, height)
        if part == "membrane":
            most = max(2, int((height / _DPI * 25.4 - 16) / _LANE))
            data = figures.membrane_figure(self.recording, self.steps, size, most=most)
        else:
            assert self.chosen is not None  # checked when the scene was made
            data = figures.raster_figure(self.recording, self.chosen, self.steps, size)
        return _Over(data, self.steps, self.recording.snn_steps, width, height)


class _Panel:
    """A part of the frames; ``width`` and ``height`` are its pixels."""

    def __init__(self, width: int, height: int) -> None:
        self.width, self.height = width, height

    def at(self, step: int) -> Image.Image:
        """What it shows after a step."""
        raise NotImplementedError


class _Over(_Panel):
    """A figure over time, drawn once; what comes later is covered."""

    def __init__(
        self, data: figures.FigureData, steps: range, per_step: int, width: int, height: int
    ) -> None:
        super().__init__(width, height)
        figures.load_fonts()
        with figures.lock, mpl.rc_context(style(data.spec)):
            figure = figures.DRAWERS[data.kind][1](data.arrays, data.spec)
            canvas: Any = figure.canvas  # one that draws pixels, set by ``page``
            canvas.draw()
            drawn = Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")
            axes = figure.axes[0]
            box = axes.get_window_extent()
            edges = [
                float(axes.transData.transform((k * per_step, 0))[0]) for k in range(len(steps) + 1)
            ]
        self._picture = drawn.crop((0, 0, width, height))
        if drawn.size != (width, height):  # a rounded number of pixels
            blank = Image.new("RGB", (width, height), _PAPER)
            blank.paste(drawn)
            self._picture = blank
        self._steps, self._edges = steps, edges
        self._top = max(0, round(drawn.height - box.y1) - 1)
        self._bottom = round(drawn.height - box.y0)

    def at(self, step: int) -> Image.Image:
        picture = self._picture.copy()
        x, end = round(self._edges[self._steps.index(step) + 1]), round(self._edges[-1])
        pen = ImageDraw.Draw(picture)
        if x < end:
            pen.rectangle((x, self._top, end + 1, self._bottom), fill=_PAPER)
            pen.line((x, self._bottom, end, self._bottom), fill=_INK)
            pen.line((x, self._top, x, self._bottom - 1), fill=_CURSOR, width=2)
        return picture


class _Tokens(_Panel):
    """The token map, drawn anew after every step."""

    def __init__(
        self, recording: Readable, size: figures.Size, image: int | None, width: int, height: int
    ) -> None:
        super().__init__(width, height)
        self._recording, self._size, self._image = recording, size, image

    def at(self, step: int) -> Image.Image:
        data = figures.tokens_figure(self._recording, step, self._size, self._image)
        buffer = BytesIO()
        figures.render(data, buffer, "png", {})
        picture = Image.new("RGB", (self.width, self.height), _PAPER)
        with Image.open(buffer) as drawn:
            picture.paste(drawn.convert("RGB"))
        return picture
