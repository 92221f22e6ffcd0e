"""Rasters of two runs beside or above each other, or one of how they differ."""

from __future__ import annotations

import time
from dataclasses import dataclass

from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFontMetricsF, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QBoxLayout, QLabel, QSizePolicy, QVBoxLayout, QWidget

from spikestudio.app import theme
from spikestudio.app.plots.axes import HatchedSpans, spans_of
from spikestudio.app.plots.compare_raster_data import (
    BOTH,
    ONLY_A,
    ONLY_B,
    RasterPair,
    class_color,
    class_counts,
    class_lut,
)
from spikestudio.app.plots.palettes import raster_lut
from spikestudio.app.plots.raster_item import RasterItem
from spikestudio.app.plots.raster_marks import RowHighlight
from spikestudio.app.plots.time_plot import TimePlot
from spikestudio.app.viewmodels.comparison import Side
from spikestudio.app.viewmodels.run import Selection
from spikestudio.app.views.parts import FRAME_SECONDS, Caption
from spikestudio.app.views.raster_words import row_labels
from spikestudio.language import tr

MAX_ROWS = 256
WIDE = 560  # width from which on the rasters stand beside each other
SIDES: tuple[Side, Side] = ("a", "b")


class ClassLegend(QWidget):
    """Which colour says in which run a spike is, with how many there are."""

    def __init__(self) -> None:
        super().__init__()
        self.counts = (0, 0, 0)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)

    def set_counts(self, counts: tuple[int, int, int]) -> None:
        """Say how many spikes are only in A, only in B, in both."""
        if counts != self.counts:
            self.counts = counts
            self.update()
        self.setAccessibleName(", ".join(text for _, text in self.entries()))
        self.setToolTip(
            tr("Spikes in sight: {accessiblename}", accessiblename=self.accessibleName())
        )

    def entries(self) -> tuple[tuple[int, str], ...]:
        """Return each class with its words."""
        names = ((ONLY_A, tr("only in A")), (ONLY_B, tr("only in B")), (BOTH, tr("in both")))
        return tuple(
            (which, f"{name} {count:,}")
            for (which, name), count in zip(names, self.counts, strict=True)
        )

    def sizeHint(self) -> QSize:  # noqa: N802  Qt override
        return QSize(0, theme.px(20))

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802  Qt override
        painter = QPainter(self)
        painter.setFont(theme.font("caption"))
        metrics = QFontMetricsF(painter.font())
        swatch, gap, x = theme.px(10), theme.px(6), 0.0
        for which, text in self.entries():
            if x + swatch + gap >= self.width():
                return
            top = (self.height() - swatch) / 2
            painter.fillRect(QRectF(x, top, swatch, swatch), QColor(class_color(which)))
            room = self.width() - x - swatch - gap
            painter.setPen(theme.color("text"))
            words = metrics.elidedText(text, Qt.TextElideMode.ElideRight, room)
            box = QRectF(x + swatch + gap, 0, room, self.height())
            painter.drawText(box, Qt.AlignmentFlag.AlignVCenter, words)
            x += swatch + gap + metrics.horizontalAdvance(text) + theme.px(16)


class RasterPanel(QWidget):
    """A heading above a raster."""

    def __init__(self) -> None:
        super().__init__()
        self.heading, self.plot = Caption(token="text"), TimePlot()
        self.plot.setMinimumSize(theme.px(80), theme.px(48))
        self.item, self.hatch, self.highlight = RasterItem(), HatchedSpans(), RowHighlight()
        for item in (self.item, self.hatch, self.highlight):
            self.plot.add(item)
        self.looked_at: int | None = None
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addWidget(self.heading)
        layout.addWidget(self.plot, 1)

    def look_at(self, column: int | None) -> None:
        """Mark a column; one that was not marked before is brought into sight."""
        if column != self.looked_at:
            self.looked_at = column
            self.plot.mark(None if column is None else column + 0.5)
            first, last = self.plot.columns_shown()
            if column is not None and not first <= column < last:
                self.plot.look_at(column)

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802  Qt override
        super().resizeEvent(event)
        if event.size().width() != event.oldSize().width():  # another part of the run fits
            self.forget_window()

    def forget_window(self) -> None:
        """Show as much of the run as fits, and the moment looked at."""
        self.looked_at = None
        self.plot.follow()


@dataclass(frozen=True, slots=True)
class Shown:
    """What the rasters are asked to show; ``cursor`` is the column looked at in each run."""

    pair: RasterPair
    headings: dict[Side, str]
    cursor: dict[Side, int | None]
    selection: Selection
    hovered: int | None
    is_difference: bool


class CompareRasters(QWidget):
    """The same neurons in both runs; filled while the frame has time."""

    clicked = Signal(str, int, QPointF, bool)  # side, neuron, where, whether Ctrl was down
    hovered = Signal(str, object)  # side and where, None when the pointer left
    resized = Signal()  # or zoomed

    def __init__(self) -> None:
        super().__init__()
        self.pair: RasterPair | None = None
        self.is_difference = False
        self.panels: dict[Side, RasterPanel] = {"a": RasterPanel(), "b": RasterPanel()}
        self.legend, self.sentence = ClassLegend(), QLabel()
        self.sentence.setWordWrap(True)
        self.sentence.setAlignment(Qt.AlignmentFlag.AlignCenter)
        theme.set_role(self.sentence, "muted")
        self._both = QBoxLayout(QBoxLayout.Direction.LeftToRight)
        self._both.setSpacing(8)
        for side, panel in self.panels.items():
            self._both.addWidget(panel, 1)
            self._connect(side, panel.plot)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addWidget(self.legend)
        layout.addLayout(self._both, 1)
        layout.addWidget(self.sentence, 1)
        self.show_sentence("")

    def _connect(self, side: Side, plot: TimePlot) -> None:
        plot.clicked.connect(lambda where, more: self._on_clicked(side, where, is_more=more))
        plot.hovered.connect(lambda where: self.hovered.emit(side, where))
        plot.windowChanged.connect(lambda: self._align(side))
        plot.windowChanged.connect(self.resized, Qt.ConnectionType.QueuedConnection)

    def show_sentence(self, text: str) -> None:
        """Show why there are no rasters."""
        self.pair = None
        self.sentence.setText(text)
        self.sentence.show()
        self.legend.hide()
        for panel in self.panels.values():
            panel.hide()

    def show_pair(self, shown: Shown) -> bool:
        """Show what was read by now; False if spikes are still to be read."""
        pair, self.is_difference = shown.pair, shown.is_difference
        self.pair = pair
        self.sentence.hide()
        self.legend.setVisible(self.is_difference)
        self.panels["a"].show()
        self.panels["b"].setVisible("b" in pair.entries and not self.is_difference)
        visible = [panel.plot for panel in self.panels.values() if not panel.isHidden()]
        pair.choose(min(MAX_ROWS, *(plot.row_pixels() for plot in visible)))
        is_complete = pair.fill(time.perf_counter() + FRAME_SECONDS)
        for side, panel in self.panels.items():
            if not panel.isHidden():
                self._draw(side, panel, shown)
        return is_complete

    def _draw(self, side: Side, panel: RasterPanel, shown: Shown) -> None:
        pair, plot = shown.pair, panel.plot
        panel.heading.set_text(shown.headings[side])
        plot.setAccessibleName(
            tr("Spikes of A and B by SNN time steps")
            if self.is_difference
            else tr("Spikes of {side} by SNN time steps", side=side.upper())
        )
        stack = pair.stacks.get(side)
        if stack is None:  # its recording is gone: all of it is hatched
            panel.item.clear()
            steps = len(pair.entries[side].timesteps)
            plot.set_time(steps, 1, tr("denoising step"))
            plot.set_rows(0)
            plot.row_axis.set_labels("", ())
            plot.show_steps(steps)
            panel.hatch.set_spans(((0.0, float(steps)),))
            panel.highlight.set_row(None)
            panel.look_at(None)
            return
        snn_steps = stack.source.snn_steps
        plot.set_time(
            stack.source.num_steps,
            snn_steps,
            tr("denoising step, {snn_steps} SNN time steps each", snn_steps=snn_steps),
        )
        plot.set_rows(stack.size)
        plot.show_steps(pair.done(side))
        panel.look_at(shown.cursor[side])
        first, last = plot.columns_shown()
        if self.is_difference:
            picture = pair.classes(first, last)
            self.legend.set_counts(class_counts(picture))
            panel.item.set_picture(picture, class_lut(), first)
            missing = sorted({*pair.missing("a"), *pair.missing("b")})
        else:
            selection = shown.selection
            picture = stack.window(first, last, selection.layer, selection.neurons)
            panel.item.set_picture(picture, raster_lut(), first)
            missing = pair.missing(side)
        panel.hatch.set_spans(spans_of(missing, snn_steps))
        self._light(side, shown.selection, shown.hovered)

    def light_up(self, selection: Selection, hovered: int | None) -> None:
        """Mark the neuron that is pointed at; the pictures stay as they are."""
        for side in SIDES:
            self._light(side, selection, hovered)

    def _light(self, side: Side, selection: Selection, hovered: int | None) -> None:
        stack = self.pair.stacks.get(side) if self.pair else None
        if stack is None or not stack.size:
            return
        panel = self.panels[side]
        panel.plot.row_axis.set_labels(tr("neurons"), row_labels(stack, selection, hovered))
        row = None if hovered is None else stack.row_of(selection.layer, hovered)
        panel.highlight.set_row(row)

    def _on_clicked(self, side: Side, where: QPointF, *, is_more: bool) -> None:
        stack = self.pair.stacks.get(side) if self.pair else None
        found = stack.at(int(where.y() // 1)) if stack else None
        if found is not None:
            self.clicked.emit(side, found[1], where, is_more)

    def _align(self, side: Side) -> None:
        """Show the same window in the other run, where its columns are the same moments."""
        pair, other = self.pair, self.panels["b" if side == "a" else "a"]
        if pair is None or not pair.can_overlay or other.isHidden():
            return
        low, high = self.panels[side].plot.view_box.viewRange()[0]
        now = other.plot.view_box.viewRange()[0]
        if not self.panels[side].plot.is_following and (low, high) != tuple(now):
            other.plot.is_following = False
            other.plot.view_box.setXRange(low, high, padding=0)

    def forget_window(self) -> None:
        """Follow the cursor of another pair of runs from the start."""
        for panel in self.panels.values():
            panel.forget_window()

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802  Qt override
        super().resizeEvent(event)
        is_wide = event.size().width() >= theme.px(WIDE)
        direction = QBoxLayout.Direction
        self._both.setDirection(direction.LeftToRight if is_wide else direction.TopToBottom)
        self.resized.emit()

    def minimumSizeHint(self) -> QSize:  # noqa: N802  Qt override
        return QSize(theme.px(120), theme.px(96))  # no more than the pictures need
