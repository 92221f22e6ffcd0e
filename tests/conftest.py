"""What holds for every test: no screen, few threads, folders of its own, nothing left behind."""

import gc
import os
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

# Before Qt or torch is imported by anything, and for processes that tests start.
os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
os.environ.setdefault("QT_API", "pyside6")
os.environ.setdefault("PYQTGRAPH_QT_LIB", "PySide6")
os.environ.setdefault("OMP_NUM_THREADS", "1")

COLLECT_FROM = 100_000  # new objects

_user_folders = tempfile.TemporaryDirectory(prefix="spikestudio-tests-")
for _name in ("HOME", "USERPROFILE"):  # where saving starts, and where macOS keeps settings
    os.environ[_name] = _user_folders.name
for _name in ("CONFIG", "DATA", "CACHE", "STATE"):
    os.environ[f"XDG_{_name}_HOME"] = str(Path(_user_folders.name) / _name.lower())


@pytest.fixture(autouse=True)
def no_leftover_threads() -> Iterator[None]:
    """Fail a test after which a thread that it started still runs."""
    before = set(threading.enumerate())
    yield
    deadline = time.monotonic() + 2
    for thread in set(threading.enumerate()) - before:
        thread.join(max(0.0, deadline - time.monotonic()))
    left = [thread.name for thread in set(threading.enumerate()) - before]
    assert not left, f"threads still running after the test: {left}"


@pytest.fixture(autouse=True)
def collected_between_tests(request: pytest.FixtureRequest) -> Iterator[None]:
    """Collect garbage between tests of the window only, as the application does between events."""
    if "qapp" not in request.fixturenames:
        yield
        return
    gc.disable()
    yield
    if gc.get_count()[0] > COLLECT_FROM:
        gc.unfreeze()
        gc.collect()
        gc.freeze()  # what is left are modules: they are not looked through after every test
    gc.enable()


@pytest.fixture(autouse=True)
def no_leftover_widgets(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail a test of the window after which a top-level widget or a running timer is left."""
    if "qapp" not in request.fixturenames:
        yield
        return
    before = _qt_objects()
    yield
    left = _qt_objects() - before
    if left:
        left = set()  # what only a reference cycle keeps is not a leak
        gc.collect()
        left = _qt_objects() - before
    deadline = time.monotonic() + 2.0
    while left and _all_run_out(left) and time.monotonic() < deadline:
        time.sleep(0.01)  # of a window that outlives the test, about to do something once
        left = _qt_objects() - before
    assert not left, f"still there after the test: {sorted(map(str, left))}"


def _all_run_out(objects: set[object]) -> bool:
    """Whether they are timers that end by themselves."""
    from PySide6.QtCore import QTimer

    return all(isinstance(each, QTimer) and each.isSingleShot() for each in objects)


def _kinds(base: type) -> set[type]:
    """A class and all that are made of it."""
    return {base}.union(*(_kinds(each) for each in base.__subclasses__()))


def _qt_objects() -> set[object]:
    """Top-level widgets and running timers, after what was to be deleted is deleted."""
    from PySide6.QtCore import QEvent, QTimer
    from PySide6.QtWidgets import QApplication
    from shiboken6 import isValid

    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    QApplication.processEvents()
    kinds = _kinds(QTimer)
    found = [item for item in gc.get_objects() if type(item) in kinds]  # of some 300,000 objects
    timers = {item for item in found if isValid(item) and item.isActive()}
    return timers | {widget for widget in QApplication.topLevelWidgets() if isValid(widget)}
