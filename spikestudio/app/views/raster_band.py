"""The band of rows that is marked in a raster, and the strip with its mean rate."""

from __future__ import annotations

from PySide6.QtCore import QPointF

from spikestudio.app import theme
from spikestudio.app.plots.axes import RowLabel, spans_of
from spikestudio.app.plots.band_mean import BandMean
from spikestudio.app.plots.raster_data import RasterStack
from spikestudio.app.plots.raster_plot import RasterPlot
from spikestudio.app.plots.row_choice import cut
from spikestudio.app.plots.row_orders import Order
from spikestudio.app.plots.text import figure
from spikestudio.app.viewmodels.run import Known
from spikestudio.language import tr


class RasterBand:
    """Neurons of neighbouring rows, whose mean rate is shown below these.

    The strip takes height from the rows: while there is a band, those rows of the page are shown that
    still fit and hold it.
    """

    def __init__(self, plot: RasterPlot) -> None:
        self._plot = plot
        self._snn_steps = 1
        self.mean: BandMean | None = None
        self._page: list[Order] = []  # all rows of the page when the band was marked
        self._span = (0, 0)  # rows of the page
        self._first = 0  # row of the page that is shown at the top

    @property
    def text(self) -> str:
        """Return whose mean is shown, empty without a band."""
        return tr("mean of {neurons}", neurons=_neurons(self.mean.size)) if self.mean else ""

    def mark(self, stack: RasterStack, first: int, end: int) -> None:
        """Take the rows ``first`` to ``end - 1`` of those shown."""
        if self.mean is None:
            self._page, self._first = list(stack.rows), 0
        groups = zip(stack.layers, cut(stack.rows, first, end - first), strict=True)
        self._span = (first + self._first, end + self._first)
        self.mean = BandMean(
            stack.source, [(layer.id, rows) for layer, rows in groups if rows.size]
        )
        self._plot.show_strip(is_shown=True)

    def remove(self) -> None:
        """Take the band away and give its room back."""
        self._plot.band.set_rows(None)
        if self.mean is not None:
            self.mean, self._page = None, []
            self._plot.show_strip(is_shown=False)

    def read_again(self, source: Known) -> None:
        """Compute the mean anew: more is known by now."""
        if self.mean is not None:
            self.mean = BandMean(source, self.mean.groups)

    def rows(self, size: int) -> list[Order]:
        """Return ``size`` rows that hold the band as far as they can; empty without a band."""
        if self.mean is None:
            return []
        start, end = self._span
        first = max(self._first, end - size)
        first = min(first, start, max(0, sum(part.size for part in self._page) - size))
        self._plot.scroll_rows(first - self._first)
        self._first = first
        return cut(self._page, first, size)

    def fill(self, done: int, deadline: float) -> bool:
        """Read the steps before ``done``; False if the deadline came first."""
        return self.mean is None or self.mean.fill(done, deadline)

    def draw(self, snn_steps: int) -> None:
        """Draw the band and its mean."""
        self._snn_steps = snn_steps
        if self.mean is None:
            return
        start, end = self._span
        self._plot.band.set_rows((start - self._first, end - self._first))
        first, last = self._plot.columns_shown()
        top = self.mean.top
        label = RowLabel(top / 2, self.text, theme.tokens().text, short=f"n = {self.mean.size:,}")
        self._plot.set_strip(
            self.mean.rates[first:last],
            first,
            top,
            spans_of(self.mean.missing, snn_steps),
            label,
        )

    def describe(self, where: QPointF) -> str:
        """Return the mean rate at a moment, empty where nothing is known."""
        mean, column = self.mean, int(where.x() // 1)
        step, snn_step = divmod(column, self._snn_steps)
        if mean is None or where.y() < 0 or not 0 <= step < mean.filled:
            return ""
        rate = float(mean.rates[column])
        value = tr("not recorded") if rate != rate else tr("rate {rate}", rate=figure(rate))
        return tr(
            "{the_text}: {value}; step {step:,}, SNN step {snn_step}",
            the_text=self.text,
            value=value,
            step=step + 1,
            snn_step=snn_step + 1,
        )


def _neurons(number: int) -> str:
    return tr("1 neuron") if number == 1 else tr("{number:,} neurons", number=number)
