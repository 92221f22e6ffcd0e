"""The moment that is looked at: a denoising step and an SNN step in it, shared by all docks."""

from __future__ import annotations

import time
from bisect import bisect_left, bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, Qt, QTimer, Signal, Slot

from spikestudio.language import tr

if TYPE_CHECKING:
    from spikestudio.app.viewmodels.run import RunModel
    from spikestudio.recording.values import Readable
    from spikestudio.sampling.events import ParametersChanged

SNN_STEPS_PER_SECOND = 8.0  # of playback at speed 1
SPEEDS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0)
SEEK_MS, PLAY_MS = 16, 33
LONGEST_TICK = 0.25  # seconds: playback does not make up for a longer stall


@dataclass(frozen=True, slots=True, order=True)
class Cursor:
    """One moment of a run; both numbers count from 0."""

    step: int = 0
    snn_step: int = 0


@dataclass(frozen=True, slots=True, order=True)
class Mark:
    """A moment worth coming back to: a change of parameters or a bookmark."""

    at: Cursor
    text: str
    is_bookmark: bool = False


@dataclass(frozen=True, slots=True)
class Gap:
    """Denoising steps ``first`` to ``last - 1``, of which no spikes are there, and why."""

    first: int
    last: int
    reason: str


class TimelineModel(QObject):
    """Cursor over the current run, playback, and marks.

    While ``is_live`` the cursor is at the newest SNN step of the newest denoising step. Many seeks
    within one frame are announced once; readers take ``cursor``, which is always the newest. Playback
    at speed 1 shows ``SNN_STEPS_PER_SECOND``, reads what was recorded and computes nothing.
    """

    cursorChanged = Signal()  # noqa: N815  at most once a frame
    liveChanged = Signal()  # noqa: N815
    playingChanged = Signal()  # noqa: N815  started, stopped, or another speed
    marksChanged = Signal()  # noqa: N815

    def __init__(
        self,
        run: RunModel,
        *,
        clock: Callable[[], float] = time.perf_counter,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._run = run
        self._clock = clock
        self.cursor = Cursor()
        self.is_live = True
        self.is_playing = False
        self.speed = 1.0
        self.bookmarks: tuple[Cursor, ...] = ()
        self._gaps: tuple[object, tuple[Gap, ...]] = (None, ())
        self._counts: tuple[object, NDArray[np.int64] | None] = (None, None)
        self._played_at = self._carry = 0.0
        self._seek_timer = QTimer(self)
        self._seek_timer.setSingleShot(True)
        self._seek_timer.setInterval(SEEK_MS)
        self._seek_timer.timeout.connect(self.cursorChanged)
        self._play_timer = QTimer(self)
        self._play_timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._play_timer.setInterval(PLAY_MS)
        self._play_timer.timeout.connect(self._advance)
        run.started.connect(self._on_started)
        run.stepFinished.connect(self._on_step_finished)
        run.parametersChanged.connect(self.marksChanged)

    # extent ---------------------------------------------------------------------------------

    @property
    def num_steps(self) -> int:
        """Denoising steps of the run, 0 without one."""
        return self._run.recorder.num_steps if self._run.recorder else 0

    @property
    def snn_steps(self) -> int:
        """SNN steps in each denoising step, at least 1."""
        return self._run.recorder.snn_steps if self._run.recorder else 1

    @property
    def first_step(self) -> int:
        """First denoising step of its own: those before belong to the run that this branched off."""
        return self._run.recorder.first_step if self._run.recorder else 0

    @property
    def steps_done(self) -> int:
        """Denoising steps that can be looked at."""
        return self._run.step.step + 1 if self._run.step else 0

    @property
    def newest(self) -> Cursor:
        """The last moment that can be looked at."""
        if not self.steps_done:
            return Cursor()
        return Cursor(self.steps_done - 1, self.snn_steps - 1)

    # moving ---------------------------------------------------------------------------------

    def seek(self, step: int, snn_step: int | None = None) -> None:
        """Look at a moment, the nearest one that is computed; the SNN step stays if none is given."""
        if not self.steps_done:
            return
        snn_step = self.cursor.snn_step if snn_step is None else snn_step
        target = Cursor(
            min(max(step, 0), self.newest.step), min(max(snn_step, 0), self.newest.snn_step)
        )
        if target != self.cursor:
            self._move(target)
            self._set_live(is_live=False)

    def step_by(self, steps: int) -> None:
        """Move by whole denoising steps."""
        self.seek(self.cursor.step + steps)

    def snn_by(self, snn_steps: int) -> None:
        """Move by SNN steps, on into the neighbouring denoising steps."""
        place = self.cursor.step * self.snn_steps + self.cursor.snn_step + snn_steps
        last = self.steps_done * self.snn_steps - 1
        self.seek(*divmod(min(max(place, 0), last), self.snn_steps))

    @Slot()
    def go_first(self) -> None:
        """Look at the first moment of the run."""
        self.seek(self.first_step, 0)

    @Slot()
    def go_last(self) -> None:
        """Look at the newest moment now, without following."""
        self.seek(self.newest.step, self.newest.snn_step)

    @Slot()
    def go_live(self) -> None:
        """Follow the newest moment again."""
        self.pause()
        self._move(self.newest)
        self._set_live(is_live=True)

    def _move(self, target: Cursor) -> None:
        if target != self.cursor:
            self.cursor = target
            if not self._seek_timer.isActive():
                self._seek_timer.start()

    def _set_live(self, *, is_live: bool) -> None:
        if is_live != self.is_live:
            self.is_live = is_live
            self.liveChanged.emit()

    # playback -------------------------------------------------------------------------------

    @Slot()
    def play(self) -> None:
        """Play from the cursor on, from the start if it is at the end."""
        if not self.steps_done or self.is_playing:
            return
        if self.cursor == self.newest:
            self.go_first()
        self._set_live(is_live=False)
        self._played_at, self._carry = self._clock(), 0.0
        self.is_playing = True
        self._play_timer.start()
        self.playingChanged.emit()

    @Slot()
    def pause(self) -> None:
        """Stop playing."""
        if self.is_playing:
            self.is_playing = False
            self._play_timer.stop()
            self.playingChanged.emit()

    def stop(self) -> None:
        """Announce nothing any more: the window closes."""
        self._play_timer.stop()
        self._seek_timer.stop()
        self._seek_timer.timeout.disconnect()

    @Slot()
    def toggle_playing(self) -> None:
        """Play, or stop playing."""
        if self.is_playing:
            self.pause()
        else:
            self.play()

    def set_speed(self, speed: float) -> None:
        """Play at another speed, from ``SPEEDS[0]`` to ``SPEEDS[-1]``."""
        speed = min(max(speed, SPEEDS[0]), SPEEDS[-1])
        if speed != self.speed:
            self.speed = speed
            self.playingChanged.emit()

    @Slot()
    def faster(self) -> None:
        """Take the next higher speed."""
        self.set_speed(SPEEDS[min(bisect_right(SPEEDS, self.speed), len(SPEEDS) - 1)])

    @Slot()
    def slower(self) -> None:
        """Take the next lower speed."""
        self.set_speed(SPEEDS[max(bisect_left(SPEEDS, self.speed) - 1, 0)])

    @Slot()
    def _advance(self) -> None:
        now = self._clock()
        elapsed, self._played_at = min(now - self._played_at, LONGEST_TICK), now
        self._carry += elapsed * SNN_STEPS_PER_SECOND * self.speed
        whole = int(self._carry)
        self._carry -= whole
        if whole:
            self.snn_by(whole)
        if self.cursor == self.newest and not self._run.state.is_active:
            self.pause()  # a run that goes on is waited for

    # marks ----------------------------------------------------------------------------------

    @property
    def marks(self) -> tuple[Mark, ...]:
        """Changes of parameters and bookmarks, in order of time."""
        changes = (
            Mark(Cursor(change.step), self._words(change))
            for change in self._run.changes
            if change.step > 0
        )
        bookmarks = (Mark(at, "bookmark", is_bookmark=True) for at in self.bookmarks)
        return tuple(sorted((*changes, *bookmarks)))

    def _words(self, change: ParametersChanged) -> str:
        text = tr("threshold {threshold:g}", threshold=change.threshold)
        if self._run.run and self._run.run.request.sampler == "absorbing":
            text += tr(", temperature {temperature:g}", temperature=change.temperature)
        return tr("{the_text} from here", the_text=text)

    @Slot()
    def toggle_bookmark(self) -> None:
        """Set a bookmark at the cursor, or take it away."""
        if self.steps_done:
            self.bookmarks = tuple(sorted({self.cursor} ^ set(self.bookmarks)))
            self.marksChanged.emit()

    @Slot()
    def next_bookmark(self) -> None:
        """Go to the first bookmark after the cursor, if there is one."""
        place = bisect_right(self.bookmarks, self.cursor)
        if place < len(self.bookmarks):
            at = self.bookmarks[place]
            self.seek(at.step, at.snn_step)

    @Slot()
    def previous_bookmark(self) -> None:
        """Go to the last bookmark before the cursor, if there is one."""
        place = bisect_left(self.bookmarks, self.cursor)
        if place:
            at = self.bookmarks[place - 1]
            self.seek(at.step, at.snn_step)

    # what the recorder holds ----------------------------------------------------------------

    def gaps(self) -> tuple[Gap, ...]:
        """Spans of denoising steps whose spikes of the selected layer are not there."""
        recorder, layer = self._run.recorder, self._run.selection.layer
        if recorder is None or self._run.layer(layer) is None:
            return ()
        key = (recorder, layer, self.steps_done)  # the recorder lets go only when a step is added
        if key != self._gaps[0]:
            self._gaps = (key, tuple(_gaps(recorder, layer, self.steps_done)))
        return self._gaps[1]

    def counts(self) -> NDArray[np.int64] | None:
        """Spikes of the selected layer in each SNN step at the cursor, ``[T]``; None: not recorded."""
        recorder, layer, step = self._run.recorder, self._run.selection.layer, self.cursor.step
        if recorder is None or not self.steps_done or self._run.layer(layer) is None:
            return None
        if self._counts[0] != (recorder, layer, step) or self._counts[1] is None:
            spikes = recorder.spikes(layer, step)
            counts = None if spikes is None else spikes.sum(axis=1, dtype=np.int64)
            self._counts = ((recorder, layer, step), counts)
        return self._counts[1]

    # the run --------------------------------------------------------------------------------

    @Slot()
    def _on_started(self) -> None:
        self.cursor = Cursor()  # first: the new run may have fewer steps, and listeners look it up
        self.bookmarks = ()
        self.pause()
        self._set_live(is_live=True)
        self.marksChanged.emit()
        self._seek_timer.start()

    @Slot()
    def _on_step_finished(self) -> None:
        if self.is_live and self.cursor != self.newest:
            self.cursor = self.newest
            self.cursorChanged.emit()  # at once: the frame that is being drawn shows it


def _gaps(recorder: Readable, layer_id: str, done: int) -> list[Gap]:
    gaps: list[Gap] = []
    for step in range(done):
        if reason := recorder.missing(layer_id, step):
            if gaps and (gaps[-1].last, gaps[-1].reason) == (step, reason):
                gaps[-1] = Gap(gaps[-1].first, step + 1, reason)
            else:
                gaps.append(Gap(step, step + 1, reason))
    return gaps
