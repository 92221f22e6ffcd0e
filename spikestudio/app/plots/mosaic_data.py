"""The maps of a layer as one picture of colour indices, and which neuron is where in it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QRect

from spikestudio.app import theme
from spikestudio.app.plots.grid import SMALLEST_TILE, Grid, fit_grid
from spikestudio.app.plots.palettes import (
    SILENT,
    SPIKE,
    Lut,
    potential_indices,
    potential_lut,
    rgb,
    scalar_indices,
    scalar_lut,
)
from spikestudio.language import tr

if TYPE_CHECKING:
    from spikestudio.recording.values import Potentials
    from spikestudio.types import LayerInfo

Mode = Literal["spike", "count", "age", "potential"]
Indices = NDArray[np.uint8]

SATURATED_RATE = 0.95  # of all its neurons in all SNN steps, from which on a channel says nothing


def lut_of(mode: Mode) -> Lut:
    """Colours of a mode; a higher index is always a stronger or a later signal."""
    if mode == "potential":
        return potential_lut()
    if mode == "count":
        return scalar_lut()
    lut = scalar_lut().copy()
    lut[SILENT] = (*rgb(theme.tokens().hover), 255)
    if mode == "spike":
        lut[SPIKE] = (*rgb(theme.tokens().spike), 255)
    return lut


def indices_of(
    mode: Mode, spikes: NDArray[np.uint8], snn_step: int, potentials: Potentials | None
) -> Indices:
    """Return the colour index of every neuron at one SNN step, uint8 ``[N]``.

    Parameters
    ----------
    mode
        ``spike``: whether it fires in that SNN step. ``count``: its spikes in the denoising step.
        ``age``: SNN steps since its last spike in the denoising step so far. ``potential``: before
        reset; 0 everywhere if there are none.
    spikes
        0 or 1, ``[T, N]``, of the denoising step.
    snn_step
        The SNN step, from 0.
    potentials
        Those of the same step, if recorded.
    """
    snn_steps = len(spikes)
    if mode == "spike":
        return np.where(spikes[snn_step], SPIKE, SILENT).astype(np.uint8)
    if mode == "count":
        return scalar_indices(spikes.sum(axis=0, dtype=np.float32), 0, snn_steps)
    if mode == "age":
        past = spikes[snn_step::-1]
        age = past.argmax(axis=0)
        recent = 1 - age.astype(np.float32) / max(1, snn_steps - 1)
        indices = np.maximum(scalar_indices(recent, 0, 1), 2)
        return np.where(past.any(axis=0), indices, SILENT).astype(np.uint8)
    if potentials is None:
        return np.zeros(spikes.shape[1], np.uint8)
    return potential_indices(potentials.h[snn_step], potentials.threshold)


@dataclass(frozen=True)
class Arrangement:
    """How the maps of a layer lie in a panel; lengths in device pixels, from the panel's corner.

    A map that is larger than the panel is shrunk: each pixel is then the strongest of ``block`` by
    ``block`` neurons.
    """

    shape: tuple[int, int, int]  # maps, height, width
    block: int
    per_page: int
    grid: Grid

    @property
    def pages(self) -> int:
        """Pages that all maps take."""
        return -(-self.shape[0] // self.per_page)

    @property
    def scale(self) -> int:
        """Device pixels per pixel of a map."""
        return self.grid.width // -(-self.shape[2] // self.block)

    def maps(self, page: int) -> range:
        """Return the maps that a page shows."""
        first = page * self.per_page
        return range(first, min(first + self.per_page, self.shape[0]))

    def compose(self, indices: Indices, page: int) -> Indices:
        """Return the picture of a page; gutters are 0."""
        maps = self.maps(page)
        tiles = _shrunk(indices.reshape(self.shape)[maps.start : maps.stop], self.block)
        tiles = tiles.repeat(self.scale, axis=1).repeat(self.scale, axis=2)
        grid = self.grid
        height, width = grid.height + grid.gutter, grid.width + grid.gutter
        cells = np.zeros((grid.rows * grid.columns, height, width), np.uint8)
        cells[: len(tiles), : grid.height, : grid.width] = tiles
        rows = cells.reshape(grid.rows, grid.columns, height, width).swapaxes(1, 2)
        picture = rows.reshape(grid.rows * height, grid.columns * width)
        return np.ascontiguousarray(picture[: grid.total_height, : grid.total_width])

    def neurons_at(self, x: int, y: int, page: int) -> NDArray[np.intp]:
        """Return the neurons behind a pixel: one, ``block`` squared, or none in a gutter."""
        grid, maps = self.grid, self.maps(page)
        column, in_x = divmod(x, grid.width + grid.gutter)
        row, in_y = divmod(y, grid.height + grid.gutter)
        place = row * grid.columns + column
        is_inside = in_x < grid.width and in_y < grid.height and 0 <= column < grid.columns
        if not is_inside or row < 0 or place >= len(maps):
            return np.empty(0, np.intp)
        first_y, first_x = (each // self.scale * self.block for each in (in_y, in_x))
        block = self._ids[
            maps[place], first_y : first_y + self.block, first_x : first_x + self.block
        ]
        return block.ravel()

    def map_rect(self, number: int) -> QRect:
        """Return where a map lies on its page."""
        return self.grid.tile(number % self.per_page)

    def neuron_rect(self, neuron: int) -> QRect:
        """Return where a neuron lies on its page."""
        number, y, x = (int(each) for each in np.unravel_index(neuron, self.shape))
        corner = self.map_rect(number).topLeft()
        return QRect(
            corner.x() + x // self.block * self.scale,
            corner.y() + y // self.block * self.scale,
            self.scale,
            self.scale,
        )

    @cached_property
    def _ids(self) -> NDArray[np.intp]:
        return np.arange(np.prod(self.shape)).reshape(self.shape)


def arrange(layer: LayerInfo, space: tuple[int, int], gutter: int) -> Arrangement:
    """Fit a layer's maps into a space: as many as can be seen, as large as these can be."""
    shape = map_shape(layer)
    block = max(1, -(-shape[1] // space[1]), -(-shape[2] // space[0]))
    height, width = (-(-side // block) for side in shape[1:])
    scale = min(-(-SMALLEST_TILE // min(height, width)), space[0] // width, space[1] // height)
    columns = (space[0] + gutter) // (width * max(1, scale) + gutter)
    rows = (space[1] + gutter) // (height * max(1, scale) + gutter)
    per_page = min(shape[0], max(1, columns * rows))
    return Arrangement(shape, block, per_page, fit_grid(per_page, (width, height), space, gutter))


def map_shape(layer: LayerInfo) -> tuple[int, int, int]:
    """Return number, height and width of a layer's maps; tokens by features are one map."""
    if len(layer.shape) == 3:
        channels, height, width = layer.shape
        return channels, height, width
    tokens, features = layer.shape
    return 1, tokens, features


def group_name(layer: LayerInfo) -> str:
    """Return what a group of neurons with the same weights is called."""
    return tr("channel") if len(layer.shape) == 3 else tr("feature")


def group_rates(
    layer: LayerInfo, counts: NDArray[np.uint16], snn_steps: int
) -> NDArray[np.float64]:
    """Return the firing rate of every channel, or feature, over ``snn_steps`` SNN steps."""
    if len(layer.shape) == 3:
        return counts.reshape(layer.shape[0], -1).mean(axis=1) / snn_steps
    return counts.reshape(layer.shape).mean(axis=0) / snn_steps


def group_rect(layer: LayerInfo, arrangement: Arrangement, group: int) -> QRect:
    """Return where a channel's map, or a feature's column, lies on its page."""
    if len(layer.shape) == 3:
        return arrangement.map_rect(group)
    rect = arrangement.neuron_rect(group)
    return QRect(rect.left(), rect.top(), rect.width(), arrangement.grid.height)


def _shrunk(maps: Indices, block: int) -> Indices:
    """Strongest index of every ``block`` by ``block`` neurons."""
    if block == 1:
        return maps
    count, height, width = maps.shape
    padded = np.pad(maps, ((0, 0), (0, -height % block), (0, -width % block)))
    blocks = padded.reshape(count, -(-height // block), block, -(-width // block), block)
    return np.asarray(blocks.max(axis=(2, 4)), np.uint8)
