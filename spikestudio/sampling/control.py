"""Commands to a run in progress, safe to give from any thread."""

from __future__ import annotations

import threading

from spikestudio.sampling.request import check_range


class RunCancelledError(Exception):
    """Raised inside a run to leave it; never reaches the consumer, who sees ``Cancelled``."""


class RunControl:
    """Cancel, pause, resume, single-step, and parameter changes of one run.

    Each run has its own control, so a late cancel cannot hit the next run.
    """

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._cancelled = False
        self._paused = False
        self._single_steps = 0
        self._pending: dict[str, float] = {}

    def cancel(self) -> None:
        """Stop at the next spiking layer; what was computed is kept."""
        with self._condition:
            self._cancelled = True
            self._condition.notify_all()

    def pause(self) -> None:
        """Wait before the next denoising step."""
        with self._condition:
            self._paused = True
            self._single_steps = 0

    def resume(self) -> None:
        """Go on until the end or the next pause."""
        with self._condition:
            self._paused = False
            self._single_steps = 0
            self._condition.notify_all()

    def step_once(self) -> None:
        """Do one denoising step, then wait again."""
        with self._condition:
            self._paused = True
            self._single_steps += 1
            self._condition.notify_all()

    def set_parameters(
        self, *, threshold: float | None = None, temperature: float | None = None
    ) -> None:
        """Change parameters from the next denoising step on; raises ``ConfigError``."""
        values = {"threshold": threshold, "temperature": temperature}
        given = {name: value for name, value in values.items() if value is not None}
        for name, value in given.items():
            check_range(name, value)
        with self._condition:
            self._pending.update(given)

    @property
    def is_cancelled(self) -> bool:
        """Whether ``cancel`` was called."""
        return self._cancelled

    @property
    def is_paused(self) -> bool:
        """Whether the run waits, or will wait, at the next denoising step."""
        return self._paused

    def check(self) -> None:
        """Raise ``RunCancelledError`` if cancelled; called at every spiking layer."""
        if self._cancelled:
            raise RunCancelledError

    def must_wait(self) -> bool:
        """Whether the next step has to wait; consumes one single step if one is granted."""
        with self._condition:
            if not self._paused or self._cancelled:
                return False
            if self._single_steps:
                self._single_steps -= 1
                return False
            return True

    def wait(self) -> None:
        """Block until resumed, stepped or cancelled."""
        with self._condition:
            self._condition.wait_for(
                lambda: self._cancelled or not self._paused or self._single_steps
            )
            if self._single_steps:
                self._single_steps -= 1
        self.check()

    def take_parameters(self) -> dict[str, float]:
        """Parameter changes since the last call."""
        with self._condition:
            taken, self._pending = self._pending, {}
        return taken
