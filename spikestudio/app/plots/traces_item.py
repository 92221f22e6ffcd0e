"""Potentials of a few neurons in lanes below each other, sharing time and scale."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPainterPath, QPen, QPolygonF
from PySide6.QtWidgets import QStyleOptionGraphicsItem, QWidget

from spikestudio.app import theme

Floats = NDArray[np.float64]
Line = tuple[Floats, Floats]  # x and y

MAX_LANES = 8  # as many as there are watch colours
_TRACE = (0.18, 0.96)  # part of a lane that the potentials take, from its top
_TICK = np.array([0.06, 0.15])  # part of a lane that the spike ticks take
_LADDER = (0.25, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0, 16.0)
FURTHEST = (-1.0, 2.0)  # thresholds that a scale goes down and up to; what is beyond is cut there
_FIRST_TRACE = 3  # among the pens
_MARK = 4  # pixels; half the width of a mark of what is beyond the scale


@dataclass(frozen=True, slots=True)
class Scale:
    """Range of potentials that every lane shows; it only grows, so the picture never jumps back.

    It is made for the region of the threshold: a neuron without a leak may sink to a hundred times
    that, and a scale that followed it would show nothing else.
    """

    low: float
    high: float

    @staticmethod
    def start(threshold: float) -> Scale:
        """Return the smallest scale for a threshold."""
        return Scale(-0.25 * threshold, 1.5 * threshold)

    def containing(self, values: NDArray[np.floating], threshold: float) -> Scale:
        """Return a scale that also shows ``values`` as far as any does, in steps of thresholds."""
        known = values[np.isfinite(values)]
        if not known.size:
            return self
        low, high = (each * threshold for each in FURTHEST)
        return Scale(
            min(self.low, max(low, -_next_rung(-float(known.min()), threshold))),
            max(self.high, min(high, _next_rung(float(known.max()), threshold))),
        )

    def reaching(self, thresholds: NDArray[np.floating]) -> Scale:
        """Return a scale that shows every threshold with some room above it."""
        return Scale(self.low, max(self.high, 1.25 * float(thresholds.max(initial=0))))

    def beyond(self, values: NDArray[np.floating]) -> tuple[float | None, float | None]:
        """Return the least value below and the largest above the scale, None where there is none."""
        known = values[np.isfinite(values)]
        least, most = float(known.min(initial=self.low)), float(known.max(initial=self.high))
        return least if least < self.low else None, most if most > self.high else None

    def height(self, value: float | Floats, lane: float | Floats) -> Floats:
        """Return the y of a potential in a lane; lanes are one unit high and count downwards.

        What is beyond the scale is at its end.
        """
        top, bottom = _TRACE
        shown = np.clip(np.asarray(value, float), self.low, self.high)
        part = (self.high - shown) / (self.high - self.low)
        return np.asarray(lane + top + part * (bottom - top))


def _next_rung(value: float, unit: float) -> float:
    for rung in _LADDER:
        if value <= rung * unit:
            return rung * unit
    return value


def staircase(
    h: NDArray[np.floating], v: NDArray[np.floating], v_reset: float, first_step: int = 0
) -> Line:
    """Return x and potential of one neuron as one line that is broken after every denoising step.

    From the reset value the potential jumps to ``h`` at the start of each SNN step; half-way it
    becomes ``v``, which differs from ``h`` only where the neuron fired. So one line shows both, and
    a spike is seen to touch the threshold before it falls.

    Parameters
    ----------
    h, v
        Potentials before and after reset, ``[steps, T]``; NaN where not recorded.
    v_reset
        Potential at which every denoising step starts.
    first_step
        Denoising step of the first row; x counts SNN steps from the start of the run.
    """
    steps, snn_steps = h.shape
    begin = (first_step + np.arange(steps, dtype=float)[:, None]) * snn_steps
    offsets = (np.arange(snn_steps)[:, None] + np.array([0, 0.5, 0.5, 1])).ravel()
    x = np.hstack([begin, begin + offsets, begin + snn_steps])
    start = np.where(np.isnan(h[:, :1]), np.nan, v_reset)
    corners = np.stack([h, h, v, v], axis=2).reshape(steps, -1)
    y = np.hstack([start, corners, np.full((steps, 1), np.nan)])
    return x.ravel(), y.ravel()


def spans_beyond(line: Line, scale: Scale) -> list[tuple[float, bool]]:
    """Return where a staircase leaves the scale: the middle of each such span, and whether above."""
    x, y = line
    side = np.where(y > scale.high, 1, np.where(y < scale.low, -1, 0))  # NaN is in neither
    starts = np.flatnonzero(np.diff(side, prepend=0))
    ends = np.append(starts, side.size)[1:] - 1
    return [
        (float(x[first] + x[last]) / 2, bool(side[first] > 0))
        for first, last in zip(starts, ends, strict=True)
        if side[first]
    ]


class TracesItem(pg.GraphicsObject):
    """Potentials, spike ticks, thresholds and reset lines of all lanes, one path per kind.

    The arrays of every line stay readable: ``traces`` per lane, ``spikes`` and ``resets`` in pairs
    of points, ``thresholds`` with a NaN after each lane. ``cut`` holds lane, x and whether above of
    every span that is beyond the scale; a triangle at the edge of the lane stands there.
    """

    def __init__(self) -> None:
        super().__init__()
        nothing = (np.empty(0), np.empty(0))
        self.traces: list[Line] = []
        self.spikes, self.thresholds, self.resets = nothing, nothing, nothing
        self.cut: list[tuple[int, float, bool]] = []
        self._paths: list[QPainterPath] = []  # in the order of the pens
        self._pens: list[QPen] = []
        self.restyle()

    def set_traces(
        self,
        traces: list[Line],
        spikes: list[Floats],
        thresholds: Line,
        v_reset: float,
        scale: Scale,
    ) -> None:
        """Show lanes from top to bottom.

        Parameters
        ----------
        traces
            x and potential per lane, NaN where the line is broken.
        spikes
            Columns in which each lane's neuron fired.
        thresholds
            x and threshold, the same in every lane, over the whole width.
        v_reset
            Reset value, the same in every lane.
        scale
            Potentials at the top and bottom of a lane.
        """
        lanes = np.arange(len(traces), dtype=float)
        self.cut = [
            (lane, at, is_above)
            for lane, each in enumerate(traces)
            for at, is_above in spans_beyond(each, scale)
        ]
        self.traces = [(x, scale.height(y, lane)) for lane, (x, y) in enumerate(traces)]
        ticks = [
            (np.repeat(at + 0.5, 2), np.tile(_TICK, at.size) + lane)
            for lane, at in enumerate(spikes)
        ]
        self.spikes = _joined(ticks)
        x, y = thresholds
        self.thresholds = _joined(
            [(np.r_[x, np.nan], np.r_[scale.height(y, lane), np.nan]) for lane in lanes]
        )
        ends = x[[0, -1]]
        self.resets = _joined([(ends, np.repeat(scale.height(v_reset, lane), 2)) for lane in lanes])
        kinds = [(self.resets, "pairs"), (self.thresholds, "finite"), (self.spikes, "pairs")]
        kinds += [(line, "finite") for line in self.traces]
        self._paths = [pg.arrayToQPath(*line, connect=how) for line, how in kinds]
        self.update()

    def restyle(self) -> None:
        """Take over the theme's colours."""
        tokens = theme.tokens()
        self._pens = [
            _pen(tokens.muted, Qt.PenStyle.DotLine),
            _pen(tokens.threshold, Qt.PenStyle.DashLine),
            _pen(tokens.spike),
            *(_pen(color) for color in tokens.watch),
        ]
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
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
        for pen, path in zip(self._pens, self._paths, strict=False):
            painter.setPen(pen)
            painter.drawPath(path)
        self._paint_cuts(painter)

    def _paint_cuts(self, painter: QPainter) -> None:
        """Point a triangle out of the lane wherever the line runs along its edge."""
        to_device = painter.worldTransform()
        painter.resetTransform()
        painter.setPen(Qt.PenStyle.NoPen)
        half = theme.px(_MARK)
        for lane, x, is_above in self.cut:
            tip = to_device.map(QPointF(x, lane + _TRACE[0 if is_above else 1]))
            base = QPointF(0, 1.2 * half if is_above else -1.2 * half)
            painter.setBrush(self._pens[_FIRST_TRACE + lane].color())
            painter.drawPolygon(
                QPolygonF([tip, tip + base + QPointF(-half, 0), tip + base + QPointF(half, 0)])
            )
        painter.setWorldTransform(to_device)


def _pen(color: str, style: Qt.PenStyle = Qt.PenStyle.SolidLine) -> QPen:
    return QPen(QColor(color), 0, style)  # width 0 is one pixel at every zoom


def _joined(lines: list[Line]) -> Line:
    if not lines:
        return np.empty(0), np.empty(0)
    return np.concatenate([x for x, _ in lines]), np.concatenate([y for _, y in lines])
