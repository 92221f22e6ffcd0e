"""Which neurons of a layer are shown, and what they did as a picture of colour indices."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from spikestudio.app.plots.palettes import FIRST_WATCHED, SILENT, SPIKE, potential_indices

if TYPE_CHECKING:
    from spikestudio.app.viewmodels.run import Known
    from spikestudio.types import LayerInfo

Mode = Literal["spikes", "potential"]
Counts = NDArray[np.uint16]  # spikes per neuron; at most 1,000 steps of 64 SNN steps
Order = NDArray[np.intp]

SHUFFLE_SEED = 0
GOLDEN = (5**0.5 - 1) / 2


def spread(counts: Counts) -> Order:
    """All neurons so that any first few of them lie evenly over the layer."""
    return np.argsort(np.arange(counts.size) * GOLDEN % 1, kind="stable")


def by_rate(counts: Counts) -> Order:
    """Neurons from most to fewest spikes; ties in index order."""
    return np.argsort(np.iinfo(np.uint16).max - counts, kind="stable")


def by_index(counts: Counts) -> Order:
    """All neurons in index order."""
    return np.arange(counts.size)


def shuffled(counts: Counts) -> Order:
    """All neurons in an order that is random but always the same."""
    return np.random.default_rng(SHUFFLE_SEED).permutation(counts.size)


def firing_only(counts: Counts) -> Order:
    """Neurons that fired at least once, in index order."""
    return np.flatnonzero(counts)


EVENLY, BY_RATE, FIRING = "evenly spaced", "highest rate", "firing only"
RULES: dict[str, Callable[[Counts], Order]] = {
    EVENLY: spread,
    BY_RATE: by_rate,
    "index": by_index,
    "random": shuffled,
    FIRING: firing_only,
}


class RowChoice:
    """An order of neurons, frozen when it was made, of which one page is shown."""

    def __init__(self) -> None:
        self.rule = EVENLY
        self.order: Order | None = None
        self.made_at = 0  # denoising steps whose spikes decided it
        self.page = 0
        self.pages = 1

    def reset(self) -> None:
        """Forget the order: the next counts make a new one."""
        self.order, self.page = None, 0

    def make(self, counts: Counts, steps: int) -> None:
        """Order the neurons by the spikes of the first ``steps`` steps."""
        self.order, self.made_at = RULES[self.rule](counts), steps

    def rows(self, size: int) -> Order:
        """Return the neurons of the current page, from top to bottom."""
        order = self.order if self.order is not None else np.empty(0, np.intp)
        self.pages = max(1, -(-order.size // size))
        self.page = min(self.page, self.pages - 1)
        page = order[self.page * size : (self.page + 1) * size]
        return np.sort(page) if self.rule == EVENLY else page

    def is_stale(self, counts: Counts, steps: int) -> bool:
        """Whether the rule would give another order now."""
        if self.order is None or steps == self.made_at:
            return False
        if self.rule == BY_RATE:
            in_order = counts[self.order]
            return bool((in_order[:-1] < in_order[1:]).any())
        return self.rule == FIRING and np.count_nonzero(counts) != self.order.size

    def rule_text(self) -> str:
        """Return the rule, and which spikes decided the order where they did."""
        if self.rule in (BY_RATE, FIRING):
            return f"{self.rule} up to step {self.made_at:,}"
        return self.rule

    def text(self, shown: int, total: int) -> str:
        """Return the count label: how many of how many, by which rule."""
        if self.order is None:
            return f"{total:,} neurons, none recorded yet"
        page = f", page {self.page + 1:,} of {self.pages:,}" if self.page else ""
        return f"showing {shown:,} of {total:,}, rule: {self.rule}{page}"


class RasterData:
    """What one layer did in one run, for a choice of rows.

    ``picture`` is uint8 ``[rows, steps * T]`` of indices into the mode's colour table, 0 where
    nothing is known; ``counts`` holds the spikes of every neuron in the ``known`` of the
    ``counted`` steps whose spikes were recorded.
    """

    def __init__(self, source: Known, layer: LayerInfo) -> None:
        self.layer = layer
        self.mode: Mode = "spikes"
        self.counts: Counts = np.zeros(layer.num_neurons, np.uint16)
        self.counted = self.known = 0
        self.rows: Order = np.empty(0, np.intp)
        self.missing: list[int] = []  # filled steps of which nothing was recorded in this mode
        self.picture = np.zeros((0, source.num_steps * source.snn_steps), np.uint8)
        self.filled = 0
        self._source = source
        self._newest: tuple[int, NDArray[np.uint8] | None] = (-1, None)

    def count(self, done: int, deadline: float) -> bool:
        """Count spikes of the steps before ``done``; False if the deadline came first."""
        while self.counted < done:
            if (spikes := self._spikes(self.counted)) is not None:
                self.counts += spikes.sum(axis=0, dtype=np.uint16)
                self.known += 1
            self.counted += 1
            if time.perf_counter() > deadline:
                break
        return self.counted >= done

    def choose(self, mode: Mode, rows: Order) -> None:
        """Show these neurons from top to bottom; empties the picture if anything is new."""
        if mode != self.mode or not np.array_equal(rows, self.rows):
            self.mode, self.rows = mode, rows
            self.picture = np.zeros((rows.size, self.picture.shape[1]), np.uint8)
            self.missing = []
            self.filled = 0

    def fill(self, done: int, deadline: float) -> bool:
        """Draw the steps before ``done``; False if the deadline came first."""
        snn_steps = self._source.snn_steps
        while self.filled < done:
            step = self.filled
            columns = slice(step * snn_steps, (step + 1) * snn_steps)
            values = self._indices(step)
            if values is None:
                self.missing.append(step)
            else:
                self.picture[:, columns] = values.T
            self.filled += 1
            if time.perf_counter() > deadline:
                break
        return self.filled >= done

    def window(self, first: int, last: int, watched: tuple[int, ...]) -> NDArray[np.uint8]:
        """Return a copy of columns first to last - 1, spikes of watched neurons in their index."""
        part = self.picture[:, first:last].copy()
        if self.mode == "spikes":
            for place, neuron in enumerate(watched):
                for row in np.flatnonzero(self.rows == neuron):
                    part[row][part[row] == SPIKE] = FIRST_WATCHED + place
        return part

    def _spikes(self, step: int) -> NDArray[np.uint8] | None:
        if self._newest[0] != step:  # counting and drawing read the same step in turn
            self._newest = (step, self._source.spikes(self.layer.id, step))
        return self._newest[1]

    def _indices(self, step: int) -> NDArray[np.uint8] | None:
        """Colour indices ``[T, rows]`` of one step, None if it was not recorded."""
        if self.mode == "spikes":
            spikes = self._spikes(step)
            return None if spikes is None else np.where(spikes[:, self.rows], SPIKE, SILENT)
        potentials = self._source.potentials(self.layer.id, step)
        if potentials is None:
            return None
        return potential_indices(potentials.h[:, self.rows], potentials.threshold)
