"""Finished runs compared with each other: the states ``measured.…`` of lessons."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from spikestudio.app.viewmodels.run import RunState

if TYPE_CHECKING:
    from spikestudio.app.viewmodels.lesson_desk import Readers
    from spikestudio.app.viewmodels.run import RunModel

VISIBLE = 16  # of 255 grey levels, from which on two pixels count as different


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """What is kept of a finished run to compare it with the next."""

    threshold: float
    seed: int
    snn_steps: int
    rate: float
    images: NDArray[np.uint8] | None
    additions: float | None


class Measurements:
    """Runs of this session as they finish, since ``begin``."""

    def __init__(self, run: RunModel) -> None:
        self._run = run
        self.runs: list[Measured] = []  # since `begin`; the last one before it is kept too
        self._before = 0  # of these runs, those from before
        self.num_finished = 0
        self._last: object = None
        run.stateChanged.connect(self._on_state_changed)

    def begin(self) -> None:
        """Compare runs from now on; only the last one before still counts as the previous run."""
        self.runs = self.runs[-1:]
        self._before = len(self.runs)

    def _on_state_changed(self) -> None:
        run = self._run
        is_own = run.recording is None and not run.is_again
        if run.state is RunState.FINISHED and is_own and run.result is not self._last:
            self._last = run.result
            self.num_finished += 1
            if run.result is not None and run.recorder is not None:
                request = run.result.request
                rate = float(np.nanmean(run.recorder.rates()))
                self.runs.append(
                    Measured(
                        request.threshold,
                        request.seed,
                        request.snn_steps,
                        rate,
                        run.result.images,
                        _millions(run),
                    )
                )

    def readers(self) -> Readers:
        """Return how each state is read, by name."""

        def last(number: int = 1) -> Measured | None:
            return self.runs[-number] if len(self.runs) >= number else None

        def own() -> list[Measured]:
            return self.runs[self._before :]

        def rate(number: int) -> float | None:
            found = last(number)
            return found.rate if found else None

        def change() -> float | None:
            now, before = rate(1), rate(2)
            return None if now is None or before is None else now - before

        def snn_steps(number: int) -> int | None:
            found = last(number)
            return found.snn_steps if found else None

        def additions(number: int = 1) -> float | None:
            found = last(number)
            return found.additions if found else None

        def additions_ratio() -> float | None:
            now, before = additions(1), additions(2)
            return now / before if now is not None and before else None

        return {
            "run.finished": lambda: self.num_finished,
            "measured.rate": lambda: rate(1) if own() else None,
            "measured.previous_rate": lambda: rate(2),
            "measured.rate_change": change,
            "measured.pixels_changed": lambda: _changed(last(1), last(2)),
            "measured.snn_steps": lambda: snn_steps(1) if own() else None,
            "measured.previous_snn_steps": lambda: snn_steps(2),
            "measured.thresholds": lambda: len({each.threshold for each in own()}),
            "measured.seeds": lambda: len({each.seed for each in own()}),
            "measured.images": lambda: sum(
                len(each.images) for each in own() if each.images is not None
            ),
            "measured.additions": lambda: additions() if own() else None,
            "measured.additions_ratio": additions_ratio,
        }


def _changed(now: Measured | None, before: Measured | None) -> float | None:
    """Share of pixels that differ by more than ``VISIBLE`` grey levels."""
    if now is None or before is None or now.images is None or before.images is None:
        return None
    if now.images.shape != before.images.shape:
        return None
    gaps = np.abs(now.images.astype(np.int16) - before.images.astype(np.int16))
    return float((gaps > VISIBLE).mean())


def _millions(run: RunModel) -> float | None:
    """Additions of one image over all steps; None where they were not counted."""
    if run.recorder is None:
        return None
    sizes = [layer.num_neurons for layer in run.layers]
    found = run.recorder.activity().additions_of_one(sizes)
    return None if np.isnan(found).any() else float(found.sum() / 1e6)
