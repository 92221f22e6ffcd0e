"""Hears of every run in the sampling thread, before its first step, and has it streamed."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from spikestudio.sampling.events import RunStarted
from spikestudio.sessions.journal import Journal

if TYPE_CHECKING:
    from spikestudio.sessions.stream import RunStream

logger = logging.getLogger(__name__)


class Follower:
    """Streams of the runs that the history has not taken yet.

    ``architecture`` gives that of a model by the SHA-256 of its tensors, empty if it is not known.
    """

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._streams: WeakKeyDictionary[object, RunStream] = WeakKeyDictionary()
        self.architecture: Callable[[str], str] = lambda _sha256: ""

    def following(self, publish: Callable[[object], None]) -> Callable[[object], None]:
        """What the sampling thread is to call in the place of ``publish``."""

        def note(event: object) -> None:
            if isinstance(event, RunStarted):
                self._follow(event)
            publish(event)

        return note

    def take(self, recorder: object) -> RunStream | None:
        """The stream of a run that has ended, which is then the caller's to close."""
        try:
            return self._streams.pop(recorder, None)
        except TypeError:  # not a recorder
            return None

    def close(self) -> None:
        """Close what is still open; the sampling thread must have ended."""
        while self._streams:
            self._streams.popitem()[1].close(None)

    def _follow(self, started: RunStarted) -> None:
        from spikestudio.sessions.stream import attach

        try:
            stream = attach(started, self._journal.next_recording(), self.architecture)
        except Exception:  # a journal must never keep a run from going on
            logger.exception("a run is not in the journal")
            return
        if stream is not None:
            self._streams[started.recorder] = stream
