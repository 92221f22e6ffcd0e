"""Remaining time of a run, from the times of its steps."""

from __future__ import annotations

from collections import deque
from statistics import median

WINDOW = 15  # steps that the moving median looks back


class RemainingTime:
    """Estimate in seconds, or None until two steps were measured; fixed between two steps."""

    def __init__(self) -> None:
        self.seconds: float | None = None
        self._durations: deque[float] = deque(maxlen=WINDOW)

    def reset(self) -> None:
        """Forget the last run."""
        self.seconds = None
        self._durations.clear()

    def step(self, duration: float, steps_left: int) -> None:
        """Take in a finished step that took ``duration`` seconds."""
        self._durations.append(duration)
        if len(self._durations) >= 2:
            self.seconds = median(self._durations) * steps_left


def format_seconds(seconds: float) -> str:
    """Return minutes and seconds, ``0:04``, rounded up so that 0:00 means done."""
    whole = int(seconds) + (seconds > int(seconds))
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
