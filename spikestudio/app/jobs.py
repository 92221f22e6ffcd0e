"""Short blocking work (scanning a folder, writing a file) beside the window's thread."""

from __future__ import annotations

import traceback
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from spikestudio.errors import SpikeStudioError

Result = TypeVar("Result")


class Jobs:
    """One background thread for jobs; their outcome is called back by ``deliver``.

    ``deliver`` is called by the bridge on the window's thread, so callbacks may touch widgets.
    """

    def __init__(self) -> None:
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="jobs")
        self._outcomes: deque[Callable[[], None]] = deque()
        self._num_running = 0

    @property
    def is_active(self) -> bool:
        """Whether a job runs or its outcome waits for delivery."""
        return self._num_running > 0

    def submit(
        self,
        job: Callable[[], Result],
        done: Callable[[Result], None],
        failed: Callable[[str, str], None],
    ) -> None:
        """Run ``job``; then ``done(result)``, or ``failed(message, details)`` if it raised."""
        self._num_running += 1

        def run() -> None:
            try:
                result = job()
            except SpikeStudioError as error:
                message, details = str(error), ""
            except Exception as error:  # noqa: BLE001  a job's failure must reach the user
                message = f"{type(error).__name__}: {error}"
                details = traceback.format_exc()
            else:
                self._outcomes.append(lambda: done(result))
                return
            self._outcomes.append(lambda: failed(message, details))

        self._executor.submit(run)

    def deliver(self) -> None:
        """Call back for every job that has ended since the last call."""
        while self._outcomes:
            outcome = self._outcomes.popleft()
            self._num_running -= 1
            outcome()

    def close(self) -> None:
        """Wait for the running job and drop those not yet begun."""
        self._executor.shutdown(wait=True, cancel_futures=True)
