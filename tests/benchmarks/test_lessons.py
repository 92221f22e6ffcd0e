"""How soon lessons 1 to 4 respond in a window that was just opened: the quick start on a weak laptop.

    QT_QPA_PLATFORM=xcb python -m pytest -s tests/benchmarks/test_lessons.py

Each lesson has a window of its own, in which no model is loaded yet: what is seen first is the neuron
lab or a recording. The neurons of the lab are spikingjelly's: the first row holds the import of torch,
which a window does by itself as soon as it is seen, before a student has found the list.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import Qt
from rich.console import Console
from rich.table import Table

from spikestudio.app import context, theme
from spikestudio.app.main_window import MainWindow
from tests.gui.lesson_window import Class, with_lessons

LESSONS = ("one-neuron", "four-steps", "a-layer", "noise")
WAIT_MS = 60_000
BUDGET = 1.0  # seconds


@pytest.fixture(scope="module")
def report(request: pytest.FixtureRequest) -> Any:
    """Collect rows and print them as a table at the end."""
    table = Table("lesson", "opened", "moves or is drawn", "worst of its pages", "budget")
    yield table.add_row
    capture = request.config.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled():
        Console(width=100).print("\n", table)


@pytest.fixture
def room(qtbot: Any, qapp: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    sheet = theme.begin(qapp)
    window = MainWindow(context.create(tmp_path / "config"))
    sheet.apply()
    window.resize(1280, 720)
    window.show()
    qtbot.waitExposed(window)
    qtbot.waitUntil(lambda: window.context.lesson.lessons != (), timeout=WAIT_MS)
    yield with_lessons(window)
    theme.manager.changed.disconnect(sheet.apply)
    qapp.setStyleSheet("")
    window.context.lesson.close()
    window.close()
    window.deleteLater()


def seconds_until(qtbot: Any, condition: Callable[[], bool], act: Callable[[], object]) -> float:
    """Do something and return when what is to follow from it is there."""
    started = time.perf_counter()
    act()
    qtbot.waitUntil(condition, timeout=WAIT_MS)
    return time.perf_counter() - started


def is_alive(room: Class) -> bool:
    """Whether the page has something to look at: the lab's traces, or steps of a recording."""
    page, run = room.model.page, room.window.context.run
    if page is not None and page.start.lab:
        return bool(room.lab.is_ready)
    return run.recording is not None and room.window.context.timeline.steps_done > 0


def is_shown(room: Class, index: int) -> bool:
    model = room.model
    return model.index == index and room.view.heading.text() == model.words.title


@pytest.mark.parametrize("lesson_id", LESSONS)
def test_lessons_respond(
    qtbot: Any, room: Class, report: Callable[..., None], lesson_id: str
) -> None:
    room.lessons.show()
    qtbot.waitUntil(lambda: lesson_id in room.view.shelf.rows, timeout=WAIT_MS)
    start = room.view.shelf.rows[lesson_id].start
    started = time.perf_counter()
    opened = seconds_until(
        qtbot,
        lambda: room.model.lesson is not None and is_shown(room, 0),
        lambda: qtbot.mouseClick(start, Qt.MouseButton.LeftButton),
    )
    qtbot.waitUntil(lambda: is_alive(room), timeout=WAIT_MS)
    alive = time.perf_counter() - started
    lesson = room.model.lesson
    assert lesson is not None
    pages = [
        seconds_until(
            qtbot,
            lambda index=index: is_shown(room, index),
            lambda index=index: room.view.pages.chosen.emit(index),
        )
        for index in range(1, len(lesson.pages))
    ]
    figures = (f"{each:.2f} s" for each in (opened, alive, max(pages)))
    report(lesson_id, *figures, f"{BUDGET:.0f} s")
