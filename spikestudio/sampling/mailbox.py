"""Hand-over of events from the sampling thread to whoever shows them.

Two lanes: state changes are queued and none is lost; of progress and pictures only the newest value of
each kind is kept. So publishing never blocks and memory does not grow when the reader is slow.
"""

from __future__ import annotations

import threading
from collections import deque

from spikestudio.sampling.events import ImagePreview, RunStarted, StepFinished, TokensUnmasked

_NEWEST_ONLY = (StepFinished, ImagePreview, TokensUnmasked)


class Mailbox:
    """Any thread publishes, one thread drains."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._queue: deque[object] = deque()
        self._newest: dict[type, object] = {}
        self.replaced = 0  # values that nobody read before the next came

    def publish(self, event: object) -> None:
        """Add an event; an unread older one of the same progress type is replaced."""
        with self._lock:
            if isinstance(event, _NEWEST_ONLY):
                self.replaced += type(event) in self._newest
                self._newest[type(event)] = event
                return
            if isinstance(event, RunStarted):
                self._newest.clear()  # progress of the run before
            self._queue.append(event)

    def drain(self) -> list[object]:
        """Everything since the last call: a run's start, its newest progress, then the rest in order.

        Progress goes right behind the last ``RunStarted`` (or first), so that it precedes the end of
        its run.
        """
        with self._lock:
            queue, self._queue = list(self._queue), deque()
            newest, self._newest = list(self._newest.values()), {}
        starts = [i for i, event in enumerate(queue) if isinstance(event, RunStarted)]
        split = starts[-1] + 1 if starts else 0
        return queue[:split] + newest + queue[split:]
