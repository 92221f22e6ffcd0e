"""Mean spike rate of some neurons at every SNN step, as data and as a filled curve."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRectF
from PySide6.QtGui import QPainter, QPen
from PySide6.QtWidgets import QStyleOptionGraphicsItem, QWidget

from spikestudio.app import theme
from spikestudio.app.plots.row_orders import Order

if TYPE_CHECKING:
    from spikestudio.app.viewmodels.run import Known

TOPS = (0.05, 0.1, 0.2, 0.5, 1.0)  # of the scale: the smallest that is not exceeded

Group = tuple[str, Order]  # layer id and neurons


class BandMean:
    """Share of a group of neurons that fired at each SNN step.

    ``rates`` is float32 ``[steps * T]``, NaN where not known of all of them; ``missing`` are the
    denoising steps read of which that is so.
    """

    def __init__(self, source: Known, groups: Sequence[Group]) -> None:
        self.groups = tuple(groups)
        self.size = sum(neurons.size for _, neurons in groups)
        self.rates = np.full(source.num_steps * source.snn_steps, np.nan, np.float32)
        self.missing: list[int] = []
        self.filled = 0
        self._source = source

    @property
    def top(self) -> float:
        """End of a scale that shows every rate known so far."""
        highest = float(np.nanmax(self.rates, initial=0))
        return next(top for top in TOPS if top >= min(highest, 1.0))

    def fill(self, done: int, deadline: float) -> bool:
        """Read the steps before ``done``; False if the deadline came first."""
        snn_steps = self._source.snn_steps
        while self.filled < done:
            rates = self._rates(self.filled)
            if rates is None:
                self.missing.append(self.filled)
            else:
                self.rates[self.filled * snn_steps : (self.filled + 1) * snn_steps] = rates
            self.filled += 1
            if time.perf_counter() > deadline:
                break
        return self.filled >= done

    def _rates(self, step: int) -> NDArray[np.float64] | None:
        fired = np.zeros(self._source.snn_steps, np.int64)
        for layer_id, neurons in self.groups:
            spikes = self._source.spikes(layer_id, step)
            if spikes is None:
                return None
            fired += spikes[:, neurons].sum(axis=1, dtype=np.int64)
        return fired / self.size


class RateCurve(pg.GraphicsObject):
    """Rates as steps above zero, filled; nothing is drawn where they are not known."""

    def __init__(self) -> None:
        super().__init__()
        self.rates: NDArray[np.float32] = np.empty(0, np.float32)
        self.first = 0

    def set_rates(self, rates: NDArray[np.float32], first: int) -> None:
        """Show rates from a column on."""
        if first != self.first or not np.array_equal(rates, self.rates, equal_nan=True):
            self.rates, self.first = rates, first
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
        if not self.rates.size:
            return
        edges = self.first + np.arange(self.rates.size + 1, dtype=float)
        heights = np.nan_to_num(self.rates).astype(float)
        x = np.concatenate([edges[:1], edges.repeat(2)[1:-1], edges[-1:]])
        y = np.concatenate([[0.0], heights.repeat(2), [0.0]])
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
        painter.setPen(QPen(theme.color("accent"), 0))
        painter.setBrush(theme.color("accent", 0.35))
        painter.drawPath(pg.arrayToQPath(x, y))
        painter.drawLine(QPointF(edges[0], 0), QPointF(edges[-1], 0))
