"""The only place where events from other threads enter the window."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable
from typing import Protocol

from PySide6.QtCore import QObject, Qt, QTimer, Signal, Slot

from spikestudio.app.jobs import Jobs
from spikestudio.app.viewmodels.checkpoint import CheckpointModel
from spikestudio.app.viewmodels.real_image import RealImages
from spikestudio.app.viewmodels.run import RunModel
from spikestudio.app.viewmodels.walk import WalkModel
from spikestudio.language import tr
from spikestudio.recording.values import first_step
from spikestudio.sampling.events import Event, RunStarted, StepFinished
from spikestudio.sampling.worker import (
    Encoded,
    InspectFailed,
    LoadFailed,
    ModelLoaded,
    ModelLoading,
    Recomputed,
    Walked,
)

FASTEST_MS, SLOWEST_MS, IDLE_MS = 33, 250, 200
DRAWING_SHARE = 0.08  # of the time; the rest belongs to the sampler, which shares the interpreter
SMOOTHING = 0.3
AWAKE_S = 1.0  # at full speed after a command, until the worker has answered


class Drawable(Protocol):
    """What a frame draws: in practice a ``View``."""

    def draw_if_needed(self) -> bool: ...


class Source(Protocol):
    """What a frame reads: in practice the ``Mailbox``."""

    def drain(self) -> Iterable[object]: ...


class Bridge(QObject):
    """One timer: drain the mailbox, feed the view-models, draw the visible views.

    The interval follows the time that drawing and the painting after it take, so that watching costs
    the sampler a fixed share.
    ``num_dropped`` counts denoising steps of this run that were recorded but superseded before they
    could be drawn.
    """

    droppedChanged = Signal()  # noqa: N815

    def __init__(
        self,
        source: Source,
        run: RunModel,
        checkpoint: CheckpointModel,
        jobs: Jobs,
        *,
        walks: WalkModel | None = None,
        images: RealImages | None = None,
        clock: Callable[[], float] = time.perf_counter,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._source = source
        self._run = run
        self._checkpoint = checkpoint
        self._jobs = jobs
        self._walks = walks
        self._images = images
        self._clock = clock
        self._views: Callable[[], Iterable[Drawable]] = tuple
        self._calls: deque[Callable[[], None]] = deque()
        self._draw_s = self._refreshed_s = self._painted_s = 0.0
        self._awake_until = 0.0
        self.num_dropped = 0
        self._timer = QTimer(self)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self.tick)
        run.selectionChanged.connect(self.wake)

    def set_views(self, views: Callable[[], Iterable[Drawable]]) -> None:
        """Say what is to be drawn in every frame: asked anew each time."""
        self._views = views

    def post(self, call: Callable[[], None]) -> None:
        """Have ``call`` made in the next frame; safe from any thread."""
        self._calls.append(call)

    def note_painting(self, seconds: float) -> None:
        """Take into account what the window took to paint what was drawn."""
        self._painted_s += seconds

    @property
    def interval_ms(self) -> int:
        """Time between two frames now."""
        return self._timer.interval()

    @Slot()
    def wake(self) -> None:
        """Go to full speed until nothing is active any more; call it after every command."""
        self._awake_until = self._clock() + AWAKE_S
        if not self._timer.isActive() or self._timer.interval() == IDLE_MS:
            self._timer.start(FASTEST_MS)

    def stop(self) -> None:
        """Draw no more frames."""
        self._timer.stop()

    @Slot()
    def tick(self) -> None:
        """Do one frame."""
        while self._calls:
            self._calls.popleft()()
        self._jobs.deliver()
        for event in self._source.drain():
            self._take(event)
        if self._refreshed_s:  # by the last frame, which has been painted by now
            cost = self._refreshed_s + self._painted_s
            self._draw_s += SMOOTHING * (cost - self._draw_s)
        started, self._painted_s = self._clock(), 0.0
        has_drawn = [view.draw_if_needed() for view in self._views()]
        self._refreshed_s = self._clock() - started if any(has_drawn) else 0.0
        self._timer.start(self._next_interval())

    def _next_interval(self) -> int:
        is_active = (
            self._clock() < self._awake_until
            or self._run.state.is_active
            or self._checkpoint.loading is not None
            or self._jobs.is_active
        )
        if not is_active:
            return IDLE_MS
        return min(max(round(1000 * self._draw_s / DRAWING_SHARE), FASTEST_MS), SLOWEST_MS)

    def _take(self, event: object) -> None:
        if isinstance(event, ModelLoading | ModelLoaded | LoadFailed):
            self._checkpoint.take(event)
            return
        if isinstance(event, Walked):
            if self._walks is not None:
                self._walks.take(event.answer)
            return
        if isinstance(event, Encoded):
            if self._images is not None:
                self._images.take(event.image, event.answer)
            return
        if isinstance(event, Recomputed | InspectFailed):
            self._run.take_recomputed(event)
            return
        if not isinstance(event, Event):
            raise TypeError(
                tr("The worker sent {type}, which is no event.", type=type(event).__name__)
            )
        if isinstance(event, RunStarted):
            self._set_dropped(0)
        elif isinstance(event, StepFinished):
            recorder = self._run.recorder
            first = first_step(recorder.origin) if recorder is not None else 0
            last = self._run.step.step if self._run.step else first - 1
            self._set_dropped(self.num_dropped + max(event.step - last - 1, 0))
        self._run.take(event)

    def _set_dropped(self, number: int) -> None:
        if number != self.num_dropped:
            self.num_dropped = number
            self.droppedChanged.emit()
