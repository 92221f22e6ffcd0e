"""What the window does once it is seen: finds models, and opens what it was started with."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from spikestudio.app.context import Context
from spikestudio.app.notifications import Notifications
from spikestudio.app.recordings import Recordings
from spikestudio.app.sessions import Sessions
from spikestudio.checkpoints import catalog


class FirstWork:
    """The work that the first picture of the window did not need.

    Parameters
    ----------
    checkpoint
        Name or path of the model to load; empty takes that of ``recording``, else the last one, else
        the first of the catalogue.
    recording, session, lesson
        Files to open, the last a lesson pack that ``teach`` opens; empty opens none.
    """

    def __init__(
        self,
        context: Context,
        recordings: Recordings,
        sessions: Sessions,
        messages: Notifications,
        *,
        checkpoint: str = "",
        recording: str = "",
        session: str = "",
        lesson: str = "",
        teach: Callable[[Path], None],
    ) -> None:
        self._context, self._recordings = context, recordings
        self._sessions, self._messages = sessions, messages
        self._checkpoint = checkpoint
        self._recording = Path(recording) if recording else None
        self._session = Path(session) if session else None
        self._lesson, self._teach = Path(lesson) if lesson else None, teach

    def begin(self) -> None:
        """Look for models in the background; the rest follows."""
        context, name = self._context, self._checkpoint
        if context.store.notice:
            self._messages.warn(context.store.notice)
        context.bridge.wake()
        context.session.look_for_abandoned()
        context.jobs.submit(catalog.list_checkpoints, self._on_catalog, self._messages.error)
        if name:
            context.jobs.submit(lambda: catalog.resolve(name), self._on_resolved, self._on_failed)

    def _on_resolved(self, checkpoint: Path) -> None:
        if self._recording is None:
            self._recordings.begin_with(checkpoint)
        else:
            self._context.checkpoint.load(checkpoint)
            self._recordings.open(self._recording, keeps_model=True)

    def _on_catalog(self, entries: list[catalog.Entry]) -> None:
        context = self._context
        context.checkpoint.set_entries(entries)
        if self._session is not None:
            self._sessions.open(self._session)
        if self._lesson is not None:
            self._teach(self._lesson)
        usable = [entry.path for entry in entries if entry.card is not None]
        last = Path(context.settings.model) if context.settings.model else None
        is_free = context.checkpoint.loading is None and context.checkpoint.model is None
        if is_free and not self._checkpoint:
            first = usable[0] if usable else None
            self._recordings.begin_with(
                last if last is not None and last.exists() else first, self._recording
            )

    def _on_failed(self, message: str, details: str) -> None:
        self._messages.error(message, details)
        if self._recording is not None:
            self._recordings.open(self._recording)
