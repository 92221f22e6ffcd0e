"""Taking back changes of the sampler's settings."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import fields
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal, Slot

from spikestudio.sampling.request import SamplingRequest

if TYPE_CHECKING:
    from spikestudio.app.viewmodels.sampler import SamplerModel

MOST = 200  # changes that can be taken back
TOGETHER_S = 1.0  # changes of the same settings within this time are one: a slider that is dragged


class SamplerUndo(QObject):
    """Remembers the requests of the model in use; another model begins anew."""

    changed = Signal()

    def __init__(
        self,
        sampler: SamplerModel,
        clock: Callable[[], float] = time.monotonic,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._sampler, self._clock = sampler, clock
        self._before: list[SamplingRequest] = []
        self._after: list[SamplingRequest] = []
        self._now = sampler.request
        self._last: tuple[frozenset[str], float] = (frozenset(), 0.0)
        self._is_moving = False
        sampler.requestChanged.connect(self._on_request_changed)
        sampler.modelChanged.connect(self._on_model_changed)

    @property
    def can_undo(self) -> bool:
        """Whether there is a change to take back."""
        return bool(self._before)

    @property
    def can_redo(self) -> bool:
        """Whether a change was taken back and nothing was changed since."""
        return bool(self._after)

    @Slot()
    def undo(self) -> None:
        """Take the last change back."""
        self._move(self._before, self._after)

    @Slot()
    def redo(self) -> None:
        """Do again what was taken back last."""
        self._move(self._after, self._before)

    def _move(self, source: list[SamplingRequest], target: list[SamplingRequest]) -> None:
        if not source:
            return
        target.append(self._now)
        self._now = source.pop()
        self._last = (frozenset(), 0.0)
        self._is_moving = True
        try:
            names = (each.name for each in fields(SamplingRequest))
            self._sampler.set(**{name: getattr(self._now, name) for name in names})
        finally:
            self._is_moving = False
        self.changed.emit()

    @Slot()
    def _on_request_changed(self) -> None:
        request = self._sampler.request
        if self._is_moving or request == self._now:
            return
        names = frozenset(
            each.name
            for each in fields(SamplingRequest)
            if getattr(request, each.name) != getattr(self._now, each.name)
        )
        now = self._clock()
        is_same = names == self._last[0] and now - self._last[1] < TOGETHER_S
        if not is_same:
            self._before = [*self._before, self._now][-MOST:]
        self._after.clear()
        self._now, self._last = request, (names, now)
        self.changed.emit()

    @Slot()
    def _on_model_changed(self) -> None:
        self._before, self._after = [], []
        self._now, self._last = self._sampler.request, (frozenset(), 0.0)
        self.changed.emit()
