"""What the states of lessons are read from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PySide6.QtCore import SignalInstance

    from spikestudio.app.viewmodels.codebook import CodebookModel
    from spikestudio.app.viewmodels.neuron_lab import NeuronLabModel
    from spikestudio.app.viewmodels.run import RunModel
    from spikestudio.app.viewmodels.sampler import SamplerModel
    from spikestudio.app.viewmodels.sweeps import SweepModel
    from spikestudio.app.viewmodels.timeline import TimelineModel
    from spikestudio.app.viewmodels.walk import WalkModel
    from spikestudio.lessons.states import Value

    Readers = dict[str, Callable[[], Value]]


@dataclass(slots=True)
class Noise:
    """Where the figure of the forward process stands: time, alpha-bar there, and one pixel."""

    t: int = 0
    share: float = 1.0
    pixel: float = 0.0
    epsilon: float = 0.0


@dataclass(slots=True)
class Desk:
    """Everything that states are read from."""

    run: RunModel
    sampler: SamplerModel
    timeline: TimelineModel
    lab: NeuronLabModel | None = None
    codebook: CodebookModel | None = None
    walks: WalkModel | None = None
    sweeps: SweepModel | None = None
    noise: Noise = field(default_factory=Noise)
    open_docks: Callable[[], tuple[str, ...]] = tuple
    front_docks: Callable[[], tuple[str, ...]] = tuple

    @property
    def step(self) -> int:
        """The denoising step that is looked at, from 0: at most the last one done."""
        return min(self.timeline.cursor.step, max(self.timeline.steps_done - 1, 0))

    @property
    def signals(self) -> tuple[SignalInstance, ...]:
        """What is sent when a state may have changed."""
        run, sampler, timeline = self.run, self.sampler, self.timeline
        found = [run.stateChanged, run.stepFinished, run.selectionChanged]
        found += [run.recomputedChanged, run.tokensChanged]
        found += [sampler.requestChanged, sampler.modelChanged]
        found += [timeline.cursorChanged, timeline.playingChanged, timeline.liveChanged]
        if self.lab is not None:
            found.append(self.lab.changed)
        if self.codebook is not None:
            found += [self.codebook.changed, self.codebook.highlightChanged]
        if self.walks is not None:
            found.append(self.walks.changed)
        if self.sweeps is not None:
            found += [self.sweeps.stateChanged, self.sweeps.cellsChanged, self.sweeps.analysed]
        return tuple(found)
