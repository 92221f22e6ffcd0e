"""Spikes of the same neurons in two runs, and in which of the two each one is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from spikestudio.app import theme
from spikestudio.app.plots.palettes import SPIKE, UNKNOWN, Lut, rgb
from spikestudio.app.plots.raster_data import RasterStack
from spikestudio.app.plots.row_orders import Order, spread
from spikestudio.app.viewmodels.comparison import Side
from spikestudio.app.viewmodels.history import Entry
from spikestudio.app.viewmodels.run import Known

if TYPE_CHECKING:
    from spikestudio.types import LayerInfo

NEITHER, ONLY_A, ONLY_B, BOTH = range(1, 5)  # classes of a cell of which both are known

# Far apart in lightness or on the blue-yellow axis, so that they stay apart without red or green.
# What both share is the quietest.
CLASS_COLORS = {
    "dark": {ONLY_A: "#56B4E9", ONLY_B: "#F5A623", BOTH: "#6B7686"},
    "light": {ONLY_A: "#0067A3", ONLY_B: "#B84A00", BOTH: "#8A95A3"},
}


def class_color(which: int) -> str:
    """Return the colour of spikes of a class."""
    return CLASS_COLORS[theme.manager.mode][which]


def class_lut() -> Lut:
    """Colours of a picture of classes: unknown and silent ones are transparent."""
    lut = np.zeros((BOTH + 1, 4), np.uint8)
    for which in (ONLY_A, ONLY_B, BOTH):
        lut[which] = (*rgb(class_color(which)), 255)
    return lut


def classes(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the class of every cell of two spike pictures, 0 where one of them is not known."""
    both = NEITHER + (a == SPIKE).view(np.uint8) + 2 * (b == SPIKE).view(np.uint8)
    return np.where((a == UNKNOWN) | (b == UNKNOWN), np.uint8(UNKNOWN), both).astype(np.uint8)


def class_counts(picture: NDArray[np.uint8]) -> tuple[int, int, int]:
    """Count the cells that spiked only in A, only in B, and in both."""
    counts = np.bincount(picture.ravel(), minlength=BOTH + 1)
    return int(counts[ONLY_A]), int(counts[ONLY_B]), int(counts[BOTH])


def layer_of(entry: Entry, layer_id: str) -> LayerInfo | None:
    """Return the layer of that id in a run."""
    return next((layer for layer in entry.layers if layer.id == layer_id), None)


class RasterPair:
    """Rows of one layer of A and, if there is one, of B; a run without its recording has none."""

    def __init__(self, layer: LayerInfo, entries: dict[Side, Entry]) -> None:
        self.layer, self.entries = layer, entries
        self.key = {side: (entry, entry.ended) for side, entry in entries.items()}
        self.rows: Order = np.empty(0, np.intp)
        self.stacks: dict[Side, RasterStack] = {}
        for side, entry in entries.items():
            if entry.recorder is not None:
                self.stacks[side] = RasterStack(Known(entry.recorder, {}), (layer,))

    @property
    def can_overlay(self) -> bool:
        """Whether every column is the same moment in both runs."""
        times = {entry.timesteps for entry in self.entries.values()}
        widths = {stack.source.snn_steps for stack in self.stacks.values()}
        return len(self.stacks) == 2 and len(times) == 1 and len(widths) == 1

    def choose(self, size: int) -> None:
        """Show that many neurons, evenly spaced over the layer, in both."""
        number = self.layer.num_neurons
        rows = np.sort(spread(np.zeros(number, np.uint16))[:size])
        if not np.array_equal(rows, self.rows):
            self.rows = rows
            for stack in self.stacks.values():
                stack.choose("spikes", [rows])

    def done(self, side: Side) -> int:
        """Denoising steps that a run did."""
        return self.entries[side].steps_done

    def fill(self, deadline: float) -> bool:
        """Read spikes until the deadline; each side at least one step. False if some are left."""
        filled = [stack.fill(self.done(side), deadline) for side, stack in self.stacks.items()]
        return all(filled)

    def missing(self, side: Side) -> list[int]:
        """Steps read of which no spikes are kept."""
        stack = self.stacks.get(side)
        return stack.parts[0].missing if stack else []

    def classes(self, first: int, last: int) -> NDArray[np.uint8]:
        """Return the classes of columns first to last - 1."""
        a, b = (self.stacks[side].parts[0].picture[:, first:last] for side in ("a", "b"))
        return classes(a, b)

    def at(self, side: Side, row: int, column: int) -> int | None:
        """Return 1 where a row spiked in a column of a run, 0 where not, None where not known."""
        stack = self.stacks.get(side)
        if stack is None:
            return None
        picture = stack.parts[0].picture
        if not (0 <= row < picture.shape[0] and 0 <= column < picture.shape[1]):
            return None
        value = int(picture[row, column])
        return None if value == UNKNOWN else int(value == SPIKE)
