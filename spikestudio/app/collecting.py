"""Python's cyclic garbage, collected by the UI thread and between events only.

Left to itself Python collects whenever any thread allocates. In the sampling thread that would destroy
Qt objects of the UI thread; inside a disconnect, which holds a lock that the destruction of another
object waits for, it would hang the window.
"""

from __future__ import annotations

import gc

from PySide6.QtCore import QObject, QTimer, Slot

EVERY_MS = 300
LIMITS = (5_000, 10, 20)  # new objects, and collections of the generation before, that call for one


class Collector(QObject):
    """Takes over from Python until it is stopped; what is there by now is looked at no more."""

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        gc.disable()
        gc.freeze()
        self._timer = QTimer(self)
        self._timer.setInterval(EVERY_MS)
        self._timer.timeout.connect(self.collect)
        self._timer.start()

    @Slot()
    def collect(self) -> None:
        """Collect the oldest generation that is due, and with it the younger ones."""
        due = [at for at, count in enumerate(gc.get_count()) if count > LIMITS[at]]
        if due:
            gc.collect(due[-1])

    def stop(self) -> None:
        """Let Python do it again."""
        self._timer.stop()
        gc.unfreeze()
        gc.enable()
