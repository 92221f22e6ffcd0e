"""A window at which nothing happens leaves the processor to the network."""

import pytest
from PySide6.QtCore import QEvent, QObject

from spikestudio.app.layouts import LAYOUTS

IDLE_MS = 250
TRIALS = 10  # of the first ones some belong to what was done before


class Work(QObject):
    """Counts how often a window is asked to lay out or to paint."""

    def __init__(self):
        super().__init__()
        self.asked = []

    def eventFilter(self, watched, event):  # noqa: N802  Qt override
        if event.type() in (QEvent.Type.LayoutRequest, QEvent.Type.UpdateRequest):
            self.asked.append(event.type())
        return False


@pytest.mark.parametrize(("width", "height"), [(1600, 1000), (1280, 720)])
@pytest.mark.parametrize("name", LAYOUTS)
def test_an_idle_window_lays_out_and_paints_nothing(
    qtbot, make_shell, entries, width, height, name
):
    shell = make_shell(width, height)
    shell.context.checkpoint.set_entries(entries)
    shell.window.docks.apply(name)
    shell.load()
    shell.run()
    work = Work()
    shell.window.installEventFilter(work)
    asked = []
    for _ in range(TRIALS):
        work.asked.clear()
        qtbot.wait(IDLE_MS)
        asked.append(len(work.asked))
        if asked[-1] <= 1:  # a cursor may blink
            break
    shell.window.removeEventFilter(work)
    assert min(asked) <= 1, asked
