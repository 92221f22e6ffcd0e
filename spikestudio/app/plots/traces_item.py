"""Potentials of a few neurons in lanes below each other, sharing time and scale."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QPainter, QPainterPath, QPen, QPolygonF
from PySide6.QtWidgets import QStyleOptionGraphicsItem, QWidget

from spikestudio.app import theme
from spikestudio.app.plots.watch_pens import cosmetic, ghost_pen, watch_color, watch_pen

Floats = NDArray[np.float64]
Line = tuple[Floats, Floats]  # x and y

MAX_LANES = 16  # as many as there are watch colours, solid and dashed
TRACE = (0.18, 0.96)  # part of a lane that the potentials take, from its top
_TICK = np.array([0.06, 0.15])  # part of a lane that the spike ticks take
_TICK_ABOVE_GHOST, _TICK_OF_GHOST = np.array([0.02, 0.09]), np.array([0.11, 0.17])
_STRIP = (0.01, 0.16)  # part of the plot that the ticks of all overlaid neurons share
_LADDER = (0.25, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0, 16.0)
FURTHEST = (-1.0, 2.0)  # thresholds that a scale goes down and up to; what is beyond is cut there
_MARK = 4  # pixels; half the width of a mark of what is beyond the scale


@dataclass(frozen=True, slots=True, eq=False)
class Lanes:
    """What is shown, with a line or the columns of spikes per neuron.

    ``thresholds`` and ``resets`` hold for all neurons; NaN where there is none (soft reset). ``ghosts``
    and ``ghost_spikes`` are there while another run of the same neurons is laid over them.
    ``is_overlaid``: all in one lane, where spikes have the colours of their neurons.
    """

    traces: list[Line]
    spikes: list[Floats]
    thresholds: Line
    resets: Line
    ghosts: list[Line] = field(default_factory=list)
    ghost_spikes: list[Floats] = field(default_factory=list)
    is_overlaid: bool = False

    @property
    def rows(self) -> int:
        """Height of everything; a lane is one high."""
        return len(self.traces)

    def height(self, scale: Scale, values: float | Floats, index: int) -> Floats:
        """Return the y of potentials of a neuron: in its lane, or over the whole height."""
        if self.is_overlaid:
            return scale.height(values, 0) * self.rows
        return scale.height(values, index)

    def levels(self, scale: Scale, line: Line) -> Line:
        """Return a line that holds for all neurons, once in every lane, with a NaN after each."""
        x, y = line
        numbers = np.arange(min(1, self.rows) if self.is_overlaid else self.rows, dtype=float)
        heights = scale.height(y, numbers[:, None])
        heights = heights * self.rows if self.is_overlaid else heights
        gap = np.full((numbers.size, 1), np.nan)
        columns = np.broadcast_to(x, heights.shape)
        return np.hstack([columns, gap]).ravel(), np.hstack([heights, gap]).ravel()

    def span(self, ends: Floats, index: int) -> Floats:
        """Return a part of a neuron's lane, as y."""
        return ends * self.rows if self.is_overlaid else ends + index


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
        top, bottom = TRACE
        shown = np.clip(np.asarray(value, float), self.low, self.high)
        part = (self.high - shown) / (self.high - self.low)
        return np.asarray(lane + top + part * (bottom - top))


def _next_rung(value: float, unit: float) -> float:
    for rung in _LADDER:
        if value <= rung * unit:
            return rung * unit
    return value


def staircase(
    h: NDArray[np.floating],
    v: NDArray[np.floating],
    v_reset: float | Floats,
    first_step: int = 0,
) -> Line:
    """Return x and potential of one neuron as one line that is broken after every denoising step.

    From the reset value the potential jumps to ``h`` at the start of each SNN step; half-way it
    becomes ``v``, which differs from ``h`` only where the neuron fired. So one line shows both, and
    a spike is seen to touch the threshold before it falls.

    Parameters
    ----------
    h, v
        Potentials before and after reset, ``[steps, T]``, or those of several neurons,
        ``[neurons, steps, T]``, whose lines then are the rows of y; NaN where not recorded.
    v_reset
        Potential at which every denoising step starts, or that of each step, ``[steps]``.
    first_step
        Denoising step of the first row; x counts SNN steps from the start of the run.
    """
    steps, snn_steps = h.shape[-2:]
    begin = (first_step + np.arange(steps, dtype=float)[:, None]) * snn_steps
    offsets = (np.arange(snn_steps)[:, None] + np.array([0, 0.5, 0.5, 1])).ravel()
    x = np.hstack([begin, begin + offsets, begin + snn_steps])
    y = np.full((*h.shape[:-1], x.shape[1]), np.nan)
    y[..., 0] = np.where(np.isnan(h[..., 0]), np.nan, v_reset)
    y[..., 1:-1:4], y[..., 2:-1:4] = h, h
    y[..., 3:-1:4], y[..., 4:-1:4] = v, v
    return x.ravel(), y.reshape(*h.shape[:-2], x.size)


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

    The arrays of every line stay readable: ``traces`` and ``ghosts`` per neuron, ``spikes`` in pairs
    of points, ``thresholds`` and ``resets`` with a NaN after each lane. ``cut`` holds neuron, x and
    whether above of every span that is beyond the scale: a triangle stands at that edge of the lane.
    """

    def __init__(self) -> None:
        super().__init__()
        nothing = (np.empty(0), np.empty(0))
        self.traces: list[Line] = []
        self.ghosts: list[Line] = []
        self.spikes, self.thresholds, self.resets = nothing, nothing, nothing
        self.cut: list[tuple[int, float, bool]] = []
        self._lanes = Lanes([], [], nothing, nothing)
        self._paths: list[tuple[str, int, QPainterPath]] = []  # kind, neuron
        self._pens: dict[tuple[str, int], QPen] = {}
        self.restyle()

    def set_lanes(self, lanes: Lanes, scale: Scale) -> None:
        """Show lanes from top to bottom; ``scale`` has the potentials at the ends of each."""
        self._lanes = lanes
        self.cut = [
            (index, at, is_above)
            for index, each in enumerate(lanes.traces)
            for at, is_above in spans_beyond(each, scale)
        ]
        self.traces, self.ghosts = (
            [(x, lanes.height(scale, y, index)) for index, (x, y) in enumerate(lines)]
            for lines in (lanes.traces, lanes.ghosts)
        )
        self.thresholds, self.resets = (
            lanes.levels(scale, line) for line in (lanes.thresholds, lanes.resets)
        )
        ticks = self._ticks(lanes)
        self.spikes = _joined(ticks)
        paths = [("reset", 0, self.resets, "finite"), ("threshold", 0, self.thresholds, "finite")]
        if lanes.is_overlaid:
            paths += [("tick", index, each, "pairs") for index, each in enumerate(ticks)]
        else:
            paths.append(("spike", 0, self.spikes, "pairs"))
        paths += [("trace", index, line, "finite") for index, line in enumerate(self.traces)]
        paths += [("ghost", index, line, "finite") for index, line in enumerate(self.ghosts)]
        if not lanes.is_overlaid:
            for index, at in enumerate(lanes.ghost_spikes):
                paths.append(("tick", index, _upright(at, _TICK_OF_GHOST + index), "pairs"))
        self._paths = [
            (kind, index, pg.arrayToQPath(*line, connect=how)) for kind, index, line, how in paths
        ]
        self.update()

    @staticmethod
    def _ticks(lanes: Lanes) -> list[Line]:
        if lanes.is_overlaid:
            top, bottom = _STRIP
            pitch = (bottom - top) / max(1, lanes.rows)
            parts = [top + pitch * (index + np.array([0, 0.9])) for index in range(lanes.rows)]
        else:
            parts = [_TICK_ABOVE_GHOST if lanes.ghosts else _TICK] * lanes.rows
        return [
            _upright(at, lanes.span(part, index))
            for index, (at, part) in enumerate(zip(lanes.spikes, parts, strict=True))
        ]

    def restyle(self) -> None:
        """Take over the theme's colours."""
        tokens = theme.tokens()
        self._pens = {
            ("reset", 0): cosmetic(tokens.muted, Qt.PenStyle.DotLine),
            ("threshold", 0): cosmetic(tokens.threshold, Qt.PenStyle.DashLine),
            ("spike", 0): cosmetic(tokens.spike),
            **{("trace", index): watch_pen(index) for index in range(MAX_LANES)},
            **{("tick", index): cosmetic(watch_color(index)) for index in range(MAX_LANES)},
            **{("ghost", index): ghost_pen(index) for index in range(MAX_LANES)},
        }
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
        for kind, index, path in self._paths:
            painter.setPen(self._pens[kind, index])
            painter.drawPath(path)
        self._paint_cuts(painter)

    def _paint_cuts(self, painter: QPainter) -> None:
        """Point a triangle out of the lane wherever the line runs along its edge."""
        to_device = painter.worldTransform()
        painter.resetTransform()
        painter.setPen(Qt.PenStyle.NoPen)
        half = theme.px(_MARK)
        for index, x, is_above in self.cut:
            edge = self._lanes.span(np.array(TRACE), index)[0 if is_above else 1]
            tip = to_device.map(QPointF(x, float(edge)))
            base = QPointF(0, 1.2 * half if is_above else -1.2 * half)
            painter.setBrush(self._pens["trace", index].color())
            painter.drawPolygon(
                QPolygonF([tip, tip + base + QPointF(-half, 0), tip + base + QPointF(half, 0)])
            )
        painter.setWorldTransform(to_device)


def _upright(at: Floats, span: Floats) -> Line:
    return np.repeat(at + 0.5, 2), np.tile(span, at.size)


def _joined(lines: list[Line]) -> Line:
    if not lines:
        return np.empty(0), np.empty(0)
    return np.concatenate([x for x, _ in lines]), np.concatenate([y for _, y in lines])
