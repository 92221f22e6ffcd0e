"""Bars of how many neurons fire how often."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QLineF, QRectF, QSize, Qt
from PySide6.QtGui import QFontMetricsF, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from spikestudio.app import theme
from spikestudio.app.plots.histogram_data import RateHistogram
from spikestudio.app.plots.text import figure
from spikestudio.language import tr

GAP = 1  # pixel between bars
FEW_BINS = 9  # so many get a rate each
LEAST_BAR = 14  # pixels; so wide a bar at each end is seen whatever the bins are


class RateHistogramPlot(QWidget):
    """Shares of a layer's neurons by rate; the silent and the saturated stand apart at the ends."""

    def __init__(self) -> None:
        super().__init__()
        self.histogram: RateHistogram | None = None
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setAccessibleName(tr("Histogram of firing rates"))
        self.setToolTip(tr("Neurons of the layer by firing rate, in spikes per SNN step"))
        theme.manager.changed.connect(self.update)

    def sizeHint(self) -> QSize:  # noqa: N802  Qt override
        return QSize(theme.px(200), theme.px(72))

    def minimumSizeHint(self) -> QSize:  # noqa: N802  Qt override
        return QSize(theme.px(120), theme.px(56))

    def set_histogram(self, histogram: RateHistogram | None) -> None:
        """Show another histogram, or none."""
        self.histogram = histogram
        self.update()

    def bars(self) -> list[QRectF]:
        """Return the bar of every bin, in pixels; the highest takes the whole height."""
        histogram = self.histogram
        if histogram is None or not histogram.neurons:
            return []
        area = self._area()
        number = histogram.counts.size
        end = max(theme.px(LEAST_BAR), area.width() / number)
        inner = (area.width() - 2 * end) / max(1, number - 2)
        heights = histogram.counts / histogram.counts.max() * area.height()
        bars = []
        for index, height in enumerate(heights.tolist()):
            is_first, is_last = index == 0, index == number - 1
            width = end if is_first or is_last else inner
            left = area.left() + (0 if is_first else end + (index - 1) * inner)
            shown = max(height, 1.0) if histogram.counts[index] else 0.0
            gap = min(GAP, width / 4)
            bars.append(QRectF(left + gap, area.bottom() - shown, width - 2 * gap, shown))
        return bars

    def _area(self) -> QRectF:
        line = QFontMetricsF(theme.font("axis")).height()
        return QRectF(0, line, self.width(), max(1.0, self.height() - 2 * line - theme.px(4)))

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802  Qt override
        histogram, bars = self.histogram, self.bars()
        if histogram is None or not bars:
            return
        painter = QPainter(self)
        painter.setFont(theme.font("axis"))
        metrics = QFontMetricsF(painter.font())
        area = self._area()
        painter.setPen(theme.color("border"))
        painter.drawLine(QLineF(area.left(), area.bottom(), area.right(), area.bottom()))
        painter.setPen(Qt.PenStyle.NoPen)
        last = len(bars) - 1
        for index, bar in enumerate(bars):
            painter.setBrush(theme.color("muted" if index in (0, last) else "accent"))
            painter.drawRect(bar)
        painter.setPen(theme.color("muted"))
        self._paint_shares(painter, metrics, bars)
        for text, box in self.rates():
            painter.drawText(box, Qt.AlignmentFlag.AlignCenter, text)

    def rates(self) -> list[tuple[str, QRectF]]:
        """Return what is written below the bars: the two ends, and rates where there is room."""
        histogram, bars = self.histogram, self.bars()
        if histogram is None or not bars:
            return []
        metrics = QFontMetricsF(theme.font("axis"))
        top = self._area().bottom() + theme.px(3)
        last = len(bars) - 1
        marks = [(tr("silent"), bars[0].center().x()), (tr("always"), bars[last].center().x())]
        if last <= FEW_BINS:
            middles = (histogram.edges[1:-2] + histogram.edges[2:-1]) / 2
            marks += [
                (f"{rate:.2g}", bar.center().x())
                for rate, bar in zip(middles.tolist(), bars[1:last], strict=True)
            ]
        else:
            left, right = bars[1].left(), bars[last - 1].right()
            marks += [(f"{rate:g}", left + rate * (right - left)) for rate in (0.5, 0.25, 0.75)]
        found: list[tuple[str, QRectF]] = []
        for text, x in marks:
            width = metrics.horizontalAdvance(text) + 6
            start = min(max(x - width / 2, 0.0), self.width() - width)
            box = QRectF(start, top, width, metrics.height())
            if not any(box.intersects(other) for _, other in found):
                found.append((text, box))
        return found

    def _paint_shares(self, painter: QPainter, metrics: QFontMetricsF, bars: list[QRectF]) -> None:
        """Write the share above the bars at both ends, above the others where they are wide."""
        assert self.histogram is not None
        counts = self.histogram.counts
        order = [0, len(bars) - 1, *range(1, len(bars) - 1)]
        taken: list[QRectF] = []
        for index in order:
            if not counts[index]:
                continue
            text = f"{figure(100 * counts[index] / self.histogram.neurons)} %"
            width = metrics.horizontalAdvance(text) + 4
            bar = bars[index]
            left = min(max(bar.center().x() - width / 2, 0.0), self.width() - width)
            box = QRectF(left, bar.top() - metrics.height(), width, metrics.height())
            is_wide = index in (0, len(bars) - 1) or width <= bar.width()
            is_free = is_wide and not any(box.intersects(each) for each in (*taken, *bars))
            if is_free:
                taken.append(box)
                painter.drawText(box, Qt.AlignmentFlag.AlignCenter, text)


def summary(histogram: RateHistogram) -> str:
    """Return the histogram in words: mean rate, silent and saturated, of how many neurons."""
    silent, saturated = (_percent(each) for each in (histogram.silent, histogram.saturated))
    over = "" if histogram.steps == 1 else tr(", {steps:,} steps recorded", steps=histogram.steps)
    return tr(
        "mean rate {mean}, silent {silent}, saturated {saturated} of {neurons:,} neurons{over}",
        mean=figure(histogram.mean),
        silent=silent,
        saturated=saturated,
        neurons=histogram.neurons,
        over=over,
    )


def _percent(share: float) -> str:
    if 0 < share < 0.0005:
        return "< 0.1 %"
    return f"{100 * np.float64(share):.1f} %"
