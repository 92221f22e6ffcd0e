"""Rate against constant current: measured with the node, and in closed form."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spikestudio.neurons.lab import Neuron, rates
from spikestudio.neurons.lab_rates import has_closed_form, stairs

MEASURED = 80  # currents
ROOM = 1.2  # times the last stair in sight
HIGHEST = 4.0  # thresholds, or times the first stair, beyond which stairs are out of sight


@dataclass(frozen=True, slots=True, eq=False)
class RateCurve:
    """The rates of one neuron over T steps, up to the current ``top``.

    ``currents`` and ``measured`` are ``[80]``. ``edges`` are the currents from which on the closed
    form has the ``levels``; both are empty where ``has_closed_form`` is False.
    """

    neuron: Neuron
    steps: int
    top: float
    currents: NDArray[np.float64]
    measured: NDArray[np.float64]
    edges: NDArray[np.float64]
    levels: NDArray[np.float64]
    has_closed_form: bool

    def holds(self, current: float) -> bool:
        """Whether a current is within the curve, and the curve not much too wide for it."""
        return current <= self.top <= max(_top(self.neuron, self.edges), 3 * ROOM * current)


def measure(neuron: Neuron, steps: int, current: float) -> RateCurve:
    """Measure the rates under constant currents that include ``current``."""
    edges, counts = stairs(neuron, steps)
    top = max(_top(neuron, edges), ROOM * current)
    currents = (np.arange(MEASURED) + 0.5) * top / MEASURED  # not where stairs are likely to be
    return RateCurve(
        neuron,
        steps,
        top,
        currents,
        rates(neuron, currents, steps),
        edges,
        counts / steps,
        has_closed_form(neuron),
    )


def _top(neuron: Neuron, edges: NDArray[np.float64]) -> float:
    usual = HIGHEST * neuron.v_threshold
    if not len(edges):
        return usual
    return ROOM * float(min(edges[-1], max(HIGHEST * edges[0], usual)))
