"""Input currents behind the traces: bars from a zero line, on a scale of their own."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from PySide6.QtCore import QLineF, QRectF, Qt
from PySide6.QtGui import QPainter, QPainterPath, QPen
from PySide6.QtWidgets import QStyleOptionGraphicsItem, QWidget

from spikestudio.app import theme
from spikestudio.app.plots.lane_plot import EdgeScale
from spikestudio.app.plots.traces_item import TRACE, Floats, Line
from spikestudio.app.plots.watch_pens import mixed, watch_color
from spikestudio.language import tr

FURTHEST = 5.0  # thresholds; a stronger current is cut there, and the scale says so
_BAR = (0.2, 0.8)  # part of an SNN step that its bar takes
_FAINT = 0.34  # part of the neuron's colour in its bars, the rest is the background's


@dataclass(frozen=True, slots=True)
class InputScale:
    """Range of currents that every lane shows; zero is in it, and it only grows."""

    low: float = 0.0
    high: float = 0.0
    is_cut_below: bool = False
    is_cut_above: bool = False

    def containing(self, current: NDArray[np.floating], threshold: float) -> InputScale:
        """Return a scale that also shows these currents, as far as any does."""
        known = current[np.isfinite(current)]
        if not known.size:
            return self
        low, high, end = float(known.min()), float(known.max()), FURTHEST * threshold
        return InputScale(
            min(self.low, -_nice(min(-low, end))),
            max(self.high, _nice(min(high, end))),
            self.is_cut_below or -low > end,
            self.is_cut_above or high > end,
        )

    @property
    def is_empty(self) -> bool:
        """Whether nothing is known yet, or no current flows."""
        return self.low == self.high

    def height(self, current: float | Floats, lane: float) -> Floats:
        """Return the y of a current in a lane; what is beyond the scale is at its end."""
        top, bottom = TRACE
        shown = np.clip(np.asarray(current, float), self.low, self.high)
        return np.asarray(
            lane + top + (self.high - shown) / (self.high - self.low) * (bottom - top)
        )

    def edge(self, lanes: int) -> EdgeScale:
        """Return what the right edge says of it."""
        low = f"{'≤ ' * self.is_cut_below}{_figure(self.low)}"
        high = f"{'≥ ' * self.is_cut_above}{_figure(self.high)}"
        ends = ((self.low, low), (0.0, "0"), (self.high, high))
        marks = dict(ends)
        span = self.high - self.low
        near = [value for value in marks if value and abs(value) < 0.25 * span]
        for value in near:
            del marks[value]
        return EdgeScale(
            tuple((float(self.height(value, 0)), text) for value, text in marks.items()),
            tr("input {low} to {high}", low=low, high=high),
            lanes,
        )


class InputItem(pg.GraphicsObject):
    """Bars of all lanes; ``bars`` holds x and y of each neuron's outline, NaN between steps."""

    def __init__(self) -> None:
        super().__init__()
        self.bars: list[Line] = []
        self.zeros: list[float] = []
        self._paths: list[QPainterPath] = []
        self.setZValue(-5)

    def clear(self) -> None:
        """Show nothing."""
        if self.bars:
            self.bars, self.zeros, self._paths = [], [], []
            self.update()

    def set_currents(
        self, currents: NDArray[np.floating], first_step: int, scale: InputScale
    ) -> None:
        """Show ``[neurons, steps, T]``, one lane each; x counts SNN steps from the run's start."""
        if scale.is_empty:
            self.clear()
            return
        self.bars = [
            _outline(current, first_step, scale, lane) for lane, current in enumerate(currents)
        ]
        self.zeros = [float(scale.height(0.0, lane)) for lane in range(len(currents))]
        self._paths = [pg.arrayToQPath(*line, connect="finite") for line in self.bars]
        self.update()

    def boundingRect(self) -> QRectF:  # noqa: N802  Qt override
        return self.viewRect() or QRectF()

    def viewTransformChanged(self) -> None:  # noqa: N802  override
        super().viewTransformChanged()
        self.prepareGeometryChange()

    def paint(
        self,
        painter: QPainter,
        option: QStyleOptionGraphicsItem,
        widget: QWidget | None = None,
    ) -> None:
        view = self.viewRect()
        if view is None:
            return
        tokens = theme.tokens()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
        painter.setPen(Qt.PenStyle.NoPen)
        for index, path in enumerate(self._paths):
            painter.setBrush(mixed(watch_color(index), tokens.surface, _FAINT))
            painter.drawPath(path)
        painter.setPen(QPen(theme.color("border"), 0))
        painter.drawLines([QLineF(view.left(), y, view.right(), y) for y in self.zeros])


def _outline(current: NDArray[np.floating], first_step: int, scale: InputScale, lane: int) -> Line:
    """Return one line around the bars of a neuron, along zero between them."""
    steps, snn_steps = current.shape
    columns = first_step * snn_steps + np.arange(steps * snn_steps, dtype=float)
    left, right = _BAR
    x = columns.reshape(steps, snn_steps, 1) + np.array([left, left, right, right])
    known = ~np.isnan(current)
    top = np.where(known, scale.height(np.nan_to_num(current), lane), np.nan)
    zero = np.where(known, scale.height(0.0, lane), np.nan)
    y = np.stack([zero, top, top, zero], axis=2).reshape(steps, -1)
    gap = np.full((steps, 1), np.nan)
    return np.hstack([x.reshape(steps, -1), gap]).ravel(), np.hstack([y, gap]).ravel()


def _nice(value: float) -> float:
    """Return the least of 0.1, 0.2, 0.3, 0.5, 1, 2, ... that is not below; 0 for nothing."""
    if value <= 0:
        return 0.0
    decade = 10.0 ** np.floor(np.log10(value))
    return float(next(f * decade for f in (1, 2, 3, 5, 10) if f * decade >= value * (1 - 1e-9)))


def _figure(value: float) -> str:
    return f"{value:g}".replace("-", "\N{MINUS SIGN}")
