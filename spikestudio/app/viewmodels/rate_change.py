"""What a change of the threshold did to the spikes of a run."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spikestudio.app.viewmodels.run import RunModel
from spikestudio.language import tr


@dataclass(frozen=True, slots=True)
class RateChange:
    """Mean firing rate of all layers in the newest step, and in the last before the change.

    ``before`` is None in a run whose threshold was not changed, ``now`` before its first step.
    """

    now: float | None = None
    before: float | None = None
    step: int = 0  # of ``before``, counted from 1
    newest: int = 0  # step of ``now``, counted from 1

    def text(self) -> str:
        """Return the line that stands beside the threshold."""
        if self.now is None:
            return tr("Mean rate of all layers: not known yet")
        if self.before is None:
            return tr(
                "Mean rate of all layers in step {step:,}: {now:.3f}",
                now=self.now,
                step=self.newest,
            )
        change = f"{(self.now / self.before - 1) * 100:+.1f} %" if self.before else tr("from none")
        change = change.replace("-", "\N{MINUS SIGN}")
        return tr(
            "Mean rate {now:.3f}, was {before:.3f} at step {step:,}: {change}",
            now=self.now,
            before=self.before,
            step=self.step,
            change=change,
        )


def rate_change(run: RunModel) -> RateChange:
    """Return the rates of the current or last run around its last change of the threshold."""
    if run.run is None or run.step is None:
        return RateChange()
    rates = run.run.recorder.rates()
    threshold, changed_at = run.run.request.threshold, 0
    for change in run.changes:
        if change.threshold != threshold and change.step <= run.step.step:
            threshold, changed_at = change.threshold, change.step
    before = _mean(rates[:, changed_at - 1]) if changed_at else None
    newest = run.step.step
    return RateChange(_mean(rates[:, newest]), before, changed_at, newest + 1)


def _mean(rates: NDArray[np.float32]) -> float | None:
    """Mean over the layers that are known; None of a step that a branch left to its parent."""
    known = rates[~np.isnan(rates)]
    return float(known.mean()) if known.size else None
