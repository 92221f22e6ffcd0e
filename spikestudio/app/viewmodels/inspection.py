"""Asks for a step to be computed again where what is looked at was not recorded."""

from __future__ import annotations

from typing import Protocol

from PySide6.QtCore import QObject, QTimer, Slot

from spikestudio.app.viewmodels.run import RunModel
from spikestudio.app.viewmodels.timeline import TimelineModel
from spikestudio.recording.memory import has_memory
from spikestudio.recording.values import Readable, first_step

SETTLED_MS = 120  # without another seek: scrubbing asks for nothing on its way


class Inspect(Protocol):
    """Has a layer of an image computed again: of the last run, or of a recording."""

    def __call__(
        self, step: int, layer: str, image: int, recording: Readable | None = None
    ) -> None: ...


class Inspection(QObject):
    """Follows the timeline and the selected layer; the answers go to ``RunModel.recomputed``.

    Nothing is asked for while the newest step of a run in progress is shown: it is being recorded.
    Nor is it during playback, which only reads, or of a recording whose model is not the one loaded.
    """

    def __init__(
        self,
        run: RunModel,
        timeline: TimelineModel,
        inspect: Inspect,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._run = run
        self._timeline = timeline
        self._inspect = inspect
        self._asked: tuple[str, int] | None = None
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(SETTLED_MS)
        self._timer.timeout.connect(self._ask)
        for signal in (
            timeline.cursorChanged,
            timeline.liveChanged,
            timeline.playingChanged,
            run.selectionChanged,
            run.stateChanged,
            run.recomputedChanged,  # or it can be recomputed from now on
        ):
            signal.connect(self._timer.start)
        run.started.connect(self._forget)
        run.recomputeFailed.connect(self._forget)

    def stop(self) -> None:
        """Ask for nothing any more: the window closes."""
        self._timer.stop()
        self._timer.timeout.disconnect()

    @property
    def wanted(self) -> tuple[str, int] | None:
        """Layer and step that are looked at and not known; None if there are none.

        What a time mixing keeps in mind is never recorded, so its layer is always computed again.
        """
        run, timeline, known = self._run, self._timeline, self._run.known
        layer, step = run.selection.layer, timeline.cursor.step
        is_watched_live = timeline.is_live and run.state.is_active
        if run.cannot_recompute or timeline.is_playing:
            return None
        if known is None or is_watched_live or step >= timeline.steps_done or not run.layer(layer):
            return None
        if run.recorder is not None and step < first_step(run.recorder.origin):
            return None  # it belongs to the run that this one branched from
        if known.potentials(layer, step) is None:
            return layer, step
        is_mixed = any(has_memory(each) for each in run.layers if each.id == layer)
        return (layer, step) if is_mixed and known.memory(layer, step) is None else None

    @Slot()
    def _ask(self) -> None:
        wanted, recorder = self.wanted, self._run.recorder
        if wanted is not None and recorder is not None and wanted != self._asked:
            self._asked = wanted
            layer, step = wanted
            if self._run.recording is None and not self._run.is_again:
                self._inspect(step, layer, recorder.image)
            else:
                self._inspect(step, layer, recorder.image, recorder)

    @Slot()
    def _forget(self) -> None:
        self._asked = None
