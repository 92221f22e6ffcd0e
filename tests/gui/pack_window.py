"""A window with lesson packs and levels in it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spikestudio.app.lesson_controls import Parts
from spikestudio.app.levels import Levels
from spikestudio.app.packs import Packs


@dataclass
class Room:
    """A window, its packs and its levels."""

    shell: Any
    packs: Packs
    levels: Levels
    parts: Parts

    @property
    def window(self) -> Any:
        return self.shell.window

    @property
    def context(self) -> Any:
        return self.shell.context

    @property
    def request(self) -> Any:
        return self.context.sampler.request

    def open(self, qtbot: Any, path: Path) -> None:
        """Open a pack, and wait until it is in force or refused."""
        self.packs.open(path)
        qtbot.waitUntil(lambda: self._is_done(), timeout=20_000)

    def _is_done(self) -> bool:
        self.shell.frame()
        return not self.packs.model.is_loading

    def said(self) -> list[str]:
        """Texts of the messages that are shown."""
        return [message.text for message in self.window.notifications.messages]


def with_packs(shell: Any) -> Room:
    """Return the packs and levels of a window."""
    window = shell.window
    parts = Parts(window.views.by_id(), window.toolbar, window.commands)
    return Room(shell, window.packs, window.levels, parts)
