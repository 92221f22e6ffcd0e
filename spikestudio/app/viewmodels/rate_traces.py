"""How much a run fires from step to step, and the run before it for comparison."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, Slot

from spikestudio.app.viewmodels.run import RunModel, RunState
from spikestudio.neurons.thresholds import schedule_of, scheduled
from spikestudio.types import LayerInfo

ENDED = (RunState.FINISHED, RunState.CANCELLED, RunState.FAILED)


@dataclass(frozen=True, slots=True, eq=False)
class RateTrace:
    """Mean firing rate of all layers in every denoising step, and their threshold; ``[steps]``.

    A rate of a step that was not done is NaN. ``thresholds`` are those without groups and layers that
    have their own.
    """

    rates: NDArray[np.float64]
    thresholds: NDArray[np.float64]
    layers: tuple[LayerInfo, ...]

    @property
    def steps_done(self) -> int:
        """Steps with a rate."""
        return int(np.isfinite(self.rates).sum())


def trace_of(run: RunModel) -> RateTrace | None:
    """Return the rates of the current or last run so far."""
    if run.run is None:
        return None
    done = run.step.step + 1 if run.step else 0
    rates = run.run.recorder.rates()
    mean = np.full(rates.shape[1], np.nan)
    known = rates[:, :done]
    is_known = np.isfinite(known).any(axis=0)  # a branch begins in the middle
    mean[:done][is_known] = np.nanmean(known[:, is_known], axis=0)
    request = run.run.request
    base = np.full(len(mean), request.threshold)
    for change in run.changes:
        base[change.step :] = change.threshold
    return RateTrace(mean, scheduled(schedule_of(request.overrides), base), run.layers)


class RateTraces(QObject):
    """``before`` is of the run before the current one, if that had the same layers."""

    def __init__(self, run: RunModel, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._run = run
        self._ended: RateTrace | None = None
        self.before: RateTrace | None = None
        run.started.connect(self._on_started)
        run.stateChanged.connect(self._on_state_changed)

    @property
    def last(self) -> RateTrace | None:
        """Rates of the current or last run so far; None before its first step."""
        trace = trace_of(self._run)
        return trace if trace is not None and trace.steps_done else None

    @Slot()
    def _on_started(self) -> None:
        self.before = self._ended or self.before
        self._ended = None
        if self.before is not None and self.before.layers != self._run.layers:
            self.before = None

    @Slot()
    def _on_state_changed(self) -> None:
        if self._run.state in ENDED:
            self._ended = self.last
