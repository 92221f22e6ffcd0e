"""Garbage is collected by the UI thread alone, and is collected."""

import gc
import threading
import weakref

import pytest
from PySide6.QtCore import QObject

from spikestudio.app.collecting import LIMITS, Collector


class Knot:
    """An object that only the collector can free."""

    def __init__(self) -> None:
        self.own = self
        self.threads: list[int] = []


@pytest.fixture
def collector(qapp):
    parent = QObject()
    collector = Collector(parent)
    yield collector
    collector.stop()
    gc.disable()  # as the tests of the window have it


def test_other_threads_never_collect(qtbot, collector):
    freed: list[int] = []
    made: list[weakref.finalize] = []

    def allocate() -> None:
        for _ in range(20_000):  # many times what makes Python collect
            made.append(weakref.finalize(Knot(), lambda: freed.append(threading.get_ident())))

    thread = threading.Thread(target=allocate)
    thread.start()
    thread.join()
    assert freed == []
    qtbot.waitUntil(lambda: len(freed) > 10_000)
    assert set(freed) == {threading.get_ident()}


def test_little_garbage_waits(collector):
    gc.collect()
    knot = weakref.ref(Knot())
    collector.collect()
    assert gc.get_count()[0] < LIMITS[0]
    assert knot() is not None


def test_python_takes_over_again(qapp):
    parent = QObject()
    collector = Collector(parent)
    assert not gc.isenabled()
    collector.stop()
    assert gc.isenabled()
    assert gc.get_freeze_count() == 0
    gc.disable()
