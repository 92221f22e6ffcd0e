"""The budgets of the window, as a table: pytest tests/benchmarks/test_window.py

Runs on the platform that Qt is given (offscreen in tests; QT_QPA_PLATFORM=xcb for a real screen). No
figure fails a test, because each depends on the machine and on what else it does.
"""

import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QEventLoop, Qt, QTimer
from rich.console import Console
from rich.table import Table

from spikestudio import paths
from spikestudio.app import context
from spikestudio.app.main_window import MainWindow
from spikestudio.app.viewmodels.run import RunState
from spikestudio.checkpoints.loader import load
from spikestudio.sampling.request import SamplingRequest
from spikestudio.sampling.run import SamplingRun
from tests.benchmarks.test_budgets import DEFAULT_SDDPM
from tests.tiny import save_tiny

BUNDLED = ("sddpm-mnist", "spiking-diffusion-mnist", "sdit-mnist")
LARGE = "default SDDPM, 8 images"
BEAT_MS = 5
SEEKS = 40
WAIT_MS = 300_000

pytestmark = pytest.mark.timeout(1800)


@pytest.fixture(scope="module")
def report(request: pytest.FixtureRequest) -> Iterator[Callable[..., None]]:
    """Add a line to the table that is printed at the end: what, on what, figure, budget."""
    rows: list[tuple[str, ...]] = []
    yield lambda *row: rows.append(row)
    table = Table("what", "on", "measured", "budget")
    for row in rows:
        table.add_row(*row)
    capture = request.config.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled():
        Console(width=120).print("\n", table)


class Heartbeat:
    """How late a timer of the window's event loop fires, in milliseconds."""

    def __init__(self) -> None:
        self.late: list[float] = []
        self._timer = QTimer()
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._beat)
        self._last = 0.0

    def start(self) -> None:
        self._last = time.perf_counter()
        self._timer.start(BEAT_MS)

    def stop(self) -> list[float]:
        self._timer.stop()
        return sorted(self.late)

    def _beat(self) -> None:
        now = time.perf_counter()
        self.late.append(max(0.0, 1000 * (now - self._last) - BEAT_MS))
        self._last = now


@pytest.mark.parametrize("name", [*BUNDLED, LARGE])
def test_the_window_while_sampling(qtbot, tmp_path, name, report):
    path = paths.bundled_checkpoints() / f"{name}.safetensors"
    if name == LARGE:  # as large as published; not bundled
        path = save_tiny(tmp_path / "large.safetensors", "sddpm", **DEFAULT_SDDPM)
    parts = context.create(tmp_path)
    window = MainWindow(parts)
    window.resize(1600, 1000)
    window.show()
    window.start(str(path))
    qtbot.waitUntil(lambda: parts.sampler.can_sample, timeout=WAIT_MS)
    if name == LARGE:
        parts.sampler.set(num=8, steps=4)
    run = parts.run

    def sample() -> float:
        ends = QEventLoop()
        followed = run.stateChanged.connect(
            lambda: ends.quit() if run.state is RunState.FINISHED else None
        )
        parts.sampler.sample()
        ends.exec()  # without polling, which would be work of the window's thread
        run.stateChanged.disconnect(followed)
        return float(run.result.seconds)

    sample()  # everything is there after it
    beats = Heartbeat()
    beats.start()
    sample()
    late = beats.stop()
    seen = sample()  # without the heartbeat, which costs time itself
    alone = _seconds_without_window(path, run.result.request)
    p99 = late[int(0.99 * len(late))]
    report("heartbeat", name, f"p99 {p99:.0f}, worst {late[-1]:.0f} ms", "33, 100 ms")
    report(
        "slow-down by the window",
        name,
        f"{100 * (seen / alone - 1):+.0f} % of {alone:.1f} s",
        "10 %",
    )

    seconds = []
    timeline, views = parts.timeline, window.docks.views_in_front()
    for number in range(SEEKS):
        timeline.go_live()
        window.repaint()
        started = time.perf_counter()
        timeline.seek(number % timeline.steps_done, number % timeline.snn_steps)
        timeline.cursorChanged.emit()
        for view in views:
            view.draw_if_needed()
        window.repaint()
        seconds.append(time.perf_counter() - started)
    milliseconds = 1000 * statistics.median(seconds)
    report("seek", name, f"median {milliseconds:.0f}, worst {1000 * max(seconds):.0f} ms", "50 ms")
    window.close()
    window.deleteLater()


def _seconds_without_window(path: Path, request: SamplingRequest) -> float:
    model: Any = load(path)
    seconds = []
    for _ in range(2):  # the first one warms up
        run = SamplingRun(model, request)
        list(run)
        assert run.result is not None
        seconds.append(run.result.seconds)
    return seconds[-1]
