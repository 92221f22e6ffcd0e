"""The neuron lab as its dock, and lessons, see it: one neuron, its input, and what it does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, Signal, Slot

from spikestudio.app.viewmodels.neuron_lab_curve import RateCurve, measure
from spikestudio.app.viewmodels.neuron_lab_settings import LabSettings
from spikestudio.app.viewmodels.neuron_lab_source import real_neuron
from spikestudio.errors import ConfigError, SpikeStudioError
from spikestudio.language import invariant, tr
from spikestudio.neurons import lab
from spikestudio.neurons.lab import Driven, Neuron
from spikestudio.neurons.lab_table import write_csv
from spikestudio.neurons.reference import SOFT

if TYPE_CHECKING:
    from spikestudio.app.viewmodels.run import RunModel
    from spikestudio.app.viewmodels.timeline import TimelineModel

Submit = Callable[[Callable[[], Any], Callable[[Any], None], Callable[[str, str], None]], None]

NEAR = 2.0  # potentials around the threshold whose surrogate is shown
PROFILE = np.linspace(-NEAR, NEAR, 201, dtype=np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """What the neuron did, float32 ``[T]`` each, and the surrogate gradient at every step.

    ``profile`` is the gradient at the distances ``PROFILE`` from the threshold.
    """

    driven: Driven
    slopes: NDArray[np.float32]
    profile: NDArray[np.float32]


class NeuronLabModel(LabSettings):
    """One neuron under one input, and what it does.

    That is there after ``prepare``, which loads torch in the background; from then on every change is
    computed at once. The rate curve alone follows a moment later. ``changed`` is emitted after every
    change of settings or results.
    """

    sourceChanged = Signal()  # noqa: N815  another real neuron can be taken, or none
    rejected = Signal(str)  # what could not be done
    told = Signal(str)  # what was done

    def __init__(
        self,
        run: RunModel,
        timeline: TimelineModel | None = None,
        submit: Submit | None = None,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._run, self._timeline = run, timeline
        self._submit = submit or _at_once
        self._measured_for: tuple[Neuron, int, float] | None = None
        self._is_measuring = False
        self.outcome: Outcome | None = None
        self.curve: RateCurve | None = None
        self.is_loading = False
        self.failure = ""
        signals = [run.selectionChanged, run.stepFinished, run.recomputedChanged, run.started]
        if timeline is not None:
            signals += [timeline.cursorChanged, timeline.liveChanged]
        for signal in signals:
            signal.connect(self.sourceChanged)

    # what it does ---------------------------------------------------------------------------

    @property
    def is_ready(self) -> bool:
        """Whether the neuron's traces are there."""
        return self.outcome is not None

    @property
    def spikes(self) -> tuple[int, ...]:
        """0 or 1 for every SNN step; empty before ``is_ready``."""
        return tuple(self.outcome.driven.spikes.tolist()) if self.outcome else ()

    @property
    def rate(self) -> float | None:
        """Spikes per SNN step; None before ``is_ready``."""
        return sum(self.spikes) / len(self.spikes) if self.outcome else None

    @property
    def mean_current(self) -> float:
        """Mean of the input over T."""
        return float(self.current.mean(dtype=np.float64))

    @property
    def is_constant(self) -> bool:
        """Whether the input is the same at every step."""
        return bool(np.ptp(self.current) == 0)

    @property
    def is_curve_current(self) -> bool:
        """Whether ``curve`` is of the neuron and T as they are."""
        curve = self.curve
        return curve is not None and (curve.neuron, curve.steps) == (self._firing, self.steps)

    @property
    def _firing(self) -> Neuron:
        """The neuron with the usual surrogate, on which no spike depends."""
        usual = Neuron()
        return replace(self.neuron, surrogate=usual.surrogate, alpha=usual.alpha)

    @Slot()
    def prepare(self) -> None:
        """Load torch in the background and compute; more than once does no harm."""
        if self.outcome is None and not self.is_loading:
            self.is_loading, self.failure = True, ""
            self._submit(partial(lab.drive, Neuron(), [0.0]), self._on_loaded, self._on_failed)
            self.changed.emit()

    def _on_loaded(self, _: Driven) -> None:
        self.is_loading = False
        self._compute()
        self.changed.emit()

    def _on_failed(self, message: str, _details: str) -> None:
        self.is_loading, self.failure = False, message
        self.changed.emit()

    def _follow(self) -> None:
        if self.outcome is not None:
            self._compute()

    def _compute(self) -> None:
        neuron = self.neuron
        driven = lab.drive(neuron, self.current)
        distances = driven.h - np.float32(neuron.v_threshold)
        slopes = lab.gradients(neuron, np.concatenate((PROFILE, distances)))
        self.outcome = Outcome(driven, slopes[len(PROFILE) :], slopes[: len(PROFILE)])
        self._measure()

    def _measure(self) -> None:
        """Have the curve measured in the background, one at a time, the newest next."""
        wanted = (self._firing, self.steps, max(0.0, self.mean_current))
        if self._is_measuring or not self._needs(wanted):
            return
        self._is_measuring, self._measured_for = True, wanted
        self._submit(partial(measure, *wanted), self._on_measured, self._on_not_measured)

    def _needs(self, wanted: tuple[Neuron, int, float]) -> bool:
        curve = self.curve
        if self._measured_for is None or self._measured_for[:2] != wanted[:2] or curve is None:
            return self._measured_for != wanted
        return not curve.holds(wanted[2])

    def _on_measured(self, curve: RateCurve) -> None:
        self._is_measuring, self.curve = False, curve
        self._measure()
        self.changed.emit()

    def _on_not_measured(self, message: str, _details: str) -> None:
        self._is_measuring = False
        self.rejected.emit(message)

    # a real neuron --------------------------------------------------------------------------

    @property
    def source(self) -> str:
        """Layer, neuron and denoising step that the input is of; empty if it is the user's own."""
        return self.real.text if self.real else ""

    @property
    def cannot_take(self) -> str:
        """Why there is no real neuron to take, as a sentence; empty if there is one."""
        found = real_neuron(self._run, self._step)
        return found if isinstance(found, str) else ""

    @Slot()
    def take_real(self) -> None:
        """Take the recorded input and the constants of the selected neuron."""
        found = real_neuron(self._run, self._step)
        if isinstance(found, str):
            self.rejected.emit(found)
            return
        constants = found.constants
        try:
            neuron = replace(
                self.neuron,
                kind="IF" if constants.tau is None else "LIF",
                tau=self.neuron.tau if constants.tau is None else constants.tau,
                v_threshold=constants.v_threshold,
                reset=SOFT if constants.v_reset is None else constants.v_reset,
                decays_input=True,
            )
        except ConfigError as error:
            self.rejected.emit(str(error))
            return
        self._own = self._own or self._setup
        self.real = found
        self._change(neuron=neuron)

    @Slot()
    def go_back(self) -> None:
        """Leave the real neuron for what was there before."""
        if self._own is not None:
            own, self._own, self.real = self._own, None, None
            self._change(neuron=own.neuron, input=own.input, steps=own.steps)

    @property
    def _step(self) -> int:
        """The denoising step that the timeline looks at."""
        done = self._run.step.step if self._run.step else 0
        if self._timeline is None or self._timeline.is_live:
            return done
        return min(self._timeline.cursor.step, done)

    # files ----------------------------------------------------------------------------------

    def save_csv(self, path: Path) -> None:
        """Write the traces as CSV; ``told`` or ``rejected`` says what became of it."""
        if self.outcome is not None:
            with invariant():
                source = self.source
            job = partial(write_csv, path, self.neuron, self.outcome.driven, source)
            told = tr("Saved {path} in {parent}.", path=path.name, parent=path.parent)
            self._submit(
                job, lambda _: self.told.emit(told), lambda message, _: self.rejected.emit(message)
            )


def _at_once(
    job: Callable[[], Any], done: Callable[[Any], None], failed: Callable[[str, str], None]
) -> None:
    """Do a job where it is asked for."""
    try:
        result = job()
    except SpikeStudioError as error:
        failed(str(error), "")
        return
    done(result)
