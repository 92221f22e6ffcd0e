"""Potentials of a few neurons in lanes below each other, sharing time and scale."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray

from spikestudio.app import theme

Floats = NDArray[np.float64]

MAX_LANES = 8  # as many as there are watch colours
_TRACE = (0.18, 0.96)  # part of a lane that the potentials take, from its top
_TICK = (0.06, 0.15)  # part of a lane that the spike ticks take
_LADDER = (0.25, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0, 16.0)


@dataclass(frozen=True, slots=True)
class Scale:
    """Range of potentials that every lane shows; it only grows, so the picture never jumps back."""

    low: float
    high: float

    @staticmethod
    def start(threshold: float) -> Scale:
        """Return the smallest scale for a threshold."""
        return Scale(-0.25 * threshold, 1.5 * threshold)

    def containing(self, values: NDArray[np.floating], threshold: float) -> Scale:
        """Return a scale that also shows ``values``, in steps of thresholds."""
        known = values[np.isfinite(values)]
        if not known.size:
            return self
        return Scale(
            min(self.low, -_next_rung(-float(known.min()), threshold)),
            max(self.high, _next_rung(float(known.max()), threshold)),
        )

    def height(self, value: float | Floats, lane: float | Floats) -> Floats:
        """Return the y of a potential in a lane; lanes are one unit high and count downwards."""
        top, bottom = _TRACE
        part = (self.high - np.asarray(value, float)) / (self.high - self.low)
        return np.asarray(lane + top + part * (bottom - top))


def _next_rung(value: float, unit: float) -> float:
    for rung in _LADDER:
        if value <= rung * unit:
            return rung * unit
    return value


def staircase(
    h: NDArray[np.floating], v: NDArray[np.floating], v_reset: float, first_step: int = 0
) -> tuple[Floats, Floats]:
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


class TracesItem(pg.GraphicsObject):
    """Curves, spike ticks, thresholds and reset lines of all lanes; one curve item per kind."""

    def __init__(self) -> None:
        super().__init__()
        self.curves = [self._curve("finite") for _ in range(MAX_LANES)]
        self.spikes = self._curve("pairs")
        self.thresholds = self._curve("finite")
        self.resets = self._curve("pairs")
        self.restyle()

    def _curve(self, connect: str) -> pg.PlotCurveItem:
        curve = pg.PlotCurveItem(connect=connect, antialias=False, skipFiniteCheck=False)
        curve.setParentItem(self)
        return curve

    def restyle(self) -> None:
        """Take over the theme's colours."""
        tokens = theme.tokens()
        for curve, color in zip(self.curves, tokens.watch, strict=True):
            curve.setPen(pg.mkPen(color))
        self.spikes.setPen(pg.mkPen(tokens.spike))
        self.thresholds.setPen(pg.mkPen(tokens.threshold, style=pg.QtCore.Qt.PenStyle.DashLine))
        self.resets.setPen(pg.mkPen(tokens.muted, style=pg.QtCore.Qt.PenStyle.DotLine))

    def boundingRect(self) -> pg.QtCore.QRectF:  # noqa: N802  Qt override
        return pg.QtCore.QRectF()

    def paint(self, *_args: object) -> None:
        """Nothing of its own: the children draw."""

    def set_traces(
        self,
        traces: list[tuple[Floats, Floats]],
        spikes: list[Floats],
        thresholds: tuple[Floats, Floats],
        v_reset: float,
        last_column: float,
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
            x and threshold, the same in every lane.
        v_reset
            Reset value, the same in every lane.
        last_column
            End of the reset lines.
        scale
            Potentials at the top and bottom of a lane.
        """
        for lane, curve in enumerate(self.curves):
            if lane < len(traces):
                x, y = traces[lane]
                curve.setData(x, scale.height(y, lane))
            else:
                curve.setData([], [])
        lanes = np.arange(len(traces), dtype=float)
        columns = [np.repeat(at + 0.5, 2) for at in spikes]
        ticks = [np.tile(lane + np.array(_TICK), at.size) for lane, at in enumerate(spikes)]
        self.spikes.setData(np.concatenate(columns or [lanes]), np.concatenate(ticks or [lanes]))
        x, y = thresholds
        lines = [np.r_[scale.height(y, lane), np.nan] for lane in lanes]
        self.thresholds.setData(
            np.tile(np.r_[x, np.nan], lanes.size), np.concatenate(lines or [lanes])
        )
        self.resets.setData(
            np.tile([0.0, last_column], lanes.size), np.repeat(scale.height(v_reset, lanes), 2)
        )
