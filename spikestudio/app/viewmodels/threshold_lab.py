"""Thresholds of the next run: of all layers, of groups, of single layers, and over its steps.

All of them are part of the request (``threshold`` and ``overrides``), which other docks edit as well;
nothing but the curve through a schedule is kept here, and that is found again from the request.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, Signal, Slot

from spikestudio.app.viewmodels.rate_traces import RateTraces
from spikestudio.app.viewmodels.run import RunModel
from spikestudio.app.viewmodels.sampler import SamplerModel
from spikestudio.neurons import thresholds
from spikestudio.neurons.schedules import PRESETS, Curve, place
from spikestudio.neurons.thresholds import ALL, Group, Overrides
from spikestudio.types import LayerInfo

FIRST_VALUE = 0.997  # of presets: the published one with the best pictures
EXACT = 1e-6
CONSTANT = "Constant"


@dataclass(frozen=True, slots=True, eq=False)
class Results:
    """Threshold of every layer in every step of the next run, ``[layers, steps]``, and its source."""

    layers: tuple[LayerInfo, ...]
    values: NDArray[np.float64]
    sources: tuple[str, ...]

    def text(self, layer_ids: tuple[str, ...]) -> str:
        """Return the threshold of some layers: one figure, or the lowest and the highest."""
        values = self.values[[layer.id in layer_ids for layer in self.layers]]
        low, high = float(values.min()), float(values.max())
        return written(low) if low == high else f"{written(low)}–{written(high)}"

    def source(self, layer_ids: tuple[str, ...]) -> str:
        """Return where the threshold of some layers comes from; empty if not from one place."""
        found = {
            s for layer, s in zip(self.layers, self.sources, strict=True) if layer.id in layer_ids
        }
        return found.pop() if len(found) == 1 else ""


def written(threshold: float) -> str:
    """Return a threshold with three decimals, or with four where it has more."""
    return (
        f"{threshold:.3f}" if abs(round(threshold, 3) - threshold) < EXACT else f"{threshold:.4f}"
    )


class ThresholdLab(QObject):
    """Thresholds by target: ``*``, the pattern of a group, or the id of a layer.

    ``curve`` is in force while ``is_scheduled``; it keeps its form if the number of steps changes.
    """

    changed = Signal()

    def __init__(self, run: RunModel, sampler: SamplerModel, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.run, self.sampler = run, sampler
        self.traces = RateTraces(run, self)
        self.preset: str | None = CONSTANT
        self.preset_value = FIRST_VALUE
        self.curve = PRESETS[CONSTANT](FIRST_VALUE, 1.0, self.num_steps)
        self.is_scheduled = False
        self._written: Overrides = ()  # the schedule in the request that is known here
        self._seen = (self.num_steps, sampler.request.threshold)
        self._results: tuple[object, object, Results | None] = (None, None, None)
        sampler.requestChanged.connect(self._on_request_changed)
        sampler.modelChanged.connect(self.changed)
        self._on_request_changed()

    # what there is --------------------------------------------------------------------------

    @property
    def layers(self) -> tuple[LayerInfo, ...]:
        """Layers of the loaded model."""
        return self.sampler.model.layers if self.sampler.model else ()

    @property
    def groups(self) -> tuple[Group, ...]:
        """Groups of the layers, in order of evaluation."""
        return thresholds.groups_of(layer.id for layer in self.layers)

    @property
    def num_steps(self) -> int:
        """Denoising steps of the next run."""
        return self.sampler.request.steps

    def own(self, target: str) -> float | None:
        """Return the threshold that a target was given; None where it takes over a weaker one."""
        request = self.sampler.request
        return (
            request.threshold if target == ALL else thresholds.value_of(request.overrides, target)
        )

    def default(self) -> float:
        """Return the threshold of the checkpoint."""
        return self.sampler.defaults.threshold

    def results(self) -> Results:
        """Return what all of this comes to in the next run."""
        model, request = self.sampler.model, self.sampler.request
        if self._results[0] is not model or self._results[1] is not request:
            overrides, layers = request.overrides, self.layers
            found = Results(
                layers,
                thresholds.in_force(overrides, layers, request.steps, request.threshold),
                thresholds.sources(overrides, layers, self.groups),
            )
            self._results = (model, request, found)
        assert self._results[2] is not None
        return self._results[2]

    @property
    def num_differences(self) -> int:
        """Thresholds that the checkpoint does not have, the whole curve as one."""
        request = self.sampler.request
        rest = [each for each in request.overrides if each.kind == "threshold"]
        schedule = thresholds.schedule_of(request.overrides)
        is_other = request.threshold != self.default()
        return len(rest) - len(schedule) + bool(schedule) + is_other

    @property
    def num_others(self) -> int:
        """Thresholds that cannot be edited here: of some steps of some layers, or other patterns."""
        return len(thresholds.others(self.sampler.request.overrides, self.groups))

    @property
    def is_for_next_run(self) -> bool:
        """Whether a run goes on that was started with other overrides."""
        return self.sampler.differs_from_run("overrides")

    # thresholds by target -------------------------------------------------------------------

    def set_value(self, target: str, value: float) -> None:
        """Give a target a threshold; raises ``ConfigError`` and then changes nothing."""
        if target == ALL:
            self.sampler.set(threshold=value)
        else:
            self._put(thresholds.with_value(self.sampler.request.overrides, target, value))

    def revert(self, target: str) -> None:
        """Take a target's own threshold off; all layers go back to the checkpoint's."""
        if target == ALL:
            self.sampler.set(threshold=self.default())
        else:
            self._put(thresholds.with_value(self.sampler.request.overrides, target, None))

    def revert_all(self) -> None:
        """Leave the checkpoint's threshold only; lesions and other constants stay."""
        overrides = thresholds.without_thresholds(self.sampler.request.overrides)
        self.is_scheduled, self._written = False, ()
        self._put(overrides, threshold=self.default())

    # over the steps -------------------------------------------------------------------------

    def set_scheduled(self, *, is_scheduled: bool) -> None:
        """Put the curve in force, or out of it; it is kept."""
        self.is_scheduled = is_scheduled
        self._write()

    def use_preset(self, name: str) -> None:
        """Draw a curve of this name, and put it in force."""
        self.preset = name
        self._draw_preset()
        self.set_scheduled(is_scheduled=True)

    def set_preset_value(self, value: float) -> None:
        """Change the threshold that a preset is made with; the curve follows while it is one."""
        self.preset_value = value
        if self.preset is not None:
            self._draw_preset()
        if self.is_scheduled:
            self._write()
        self.changed.emit()

    def set_curve(self, curve: Curve) -> None:
        """Put a curve in force that was drawn by hand."""
        self.curve, self.preset = curve, None
        self.set_scheduled(is_scheduled=True)

    def move_point(self, index: int, step: float, value: float) -> None:
        """Move a point to a denoising step, counted from 0, and a threshold."""
        number = self.num_steps
        gap = place(1, number) or 1.0
        self.set_curve(self.curve.moved(index, place(round(step), number), value, gap))

    def add_point(self, step: float, value: float) -> int:
        """Add a point at a denoising step; return its place among the points."""
        number = self.num_steps
        at = place(min(max(round(step), 0), number - 1), number)
        self.set_curve(self.curve.added(at, value))
        return [point.at for point in self.curve.points].index(at)

    def remove_point(self, index: int) -> None:
        """Take a point away, unless it is the last."""
        self.set_curve(self.curve.removed(index))

    def set_smooth(self, *, is_smooth: bool) -> None:
        """Join the points by half waves, or by lines."""
        self.set_curve(replace(self.curve, is_smooth=is_smooth))

    def _draw_preset(self) -> None:
        if self.preset is not None:
            base = self.sampler.request.threshold
            self.curve = PRESETS[self.preset](self.preset_value, base, self.num_steps)

    def _write(self) -> None:
        """Bring the schedule of the request in line with the curve."""
        values = self.curve.steps(self.num_steps) if self.is_scheduled else None
        self._written = () if values is None else thresholds.as_overrides(values)
        overrides = thresholds.with_schedule(self.sampler.request.overrides, values)
        if overrides == self.sampler.request.overrides:
            self.changed.emit()
        else:
            self._put(overrides)

    def _put(self, overrides: Overrides, **more: float) -> None:
        changes: dict[str, Any] = {"overrides": overrides, **more}
        self.sampler.set(**changes)

    @Slot()
    def _on_request_changed(self) -> None:
        request = self.sampler.request
        schedule = thresholds.schedule_of(request.overrides)
        seen, self._seen = self._seen, (request.steps, request.threshold)
        if schedule != self._written:  # put in by something else, or taken out
            self._take(schedule)
        elif seen != self._seen:
            self._follow(has_other_steps=seen[0] != request.steps)
            return
        self.changed.emit()

    def _take(self, schedule: Overrides) -> None:
        self._written = schedule
        self.is_scheduled = bool(schedule)
        if schedule:
            self.preset = None
            base = np.full(self.num_steps, self.sampler.request.threshold)
            self.curve = Curve.through(thresholds.scheduled(schedule, base))
        else:
            self._draw_preset()

    def _follow(self, *, has_other_steps: bool) -> None:
        """Keep the curve's form in a run of another length; presets end at the common threshold."""
        self._draw_preset()
        if self.is_scheduled and (has_other_steps or self.preset is not None):
            self._write()
            return
        if self.is_scheduled:  # it may leave some steps to the common threshold
            self._take(self._written)
        self.changed.emit()
