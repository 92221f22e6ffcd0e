"""One image on its way through the spiking auto-encoder, computed by the thread that owns the model."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QObject, Signal, Slot

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from spikestudio.models.spiking_diffusion.walk import CodecWalk


class WalkModel(QObject):
    """The newest walk; ``ask`` hands an image to the worker, whose answer is ``take``n in.

    ``cell`` is the row and column that is looked at, None the middle; it stays from image to image.
    """

    changed = Signal()
    asked = Signal()  # something is being computed

    def __init__(
        self,
        ask: Callable[[NDArray[np.uint8]], None] | None = None,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._ask = ask
        self._asked: NDArray[np.uint8] | None = None
        self.walk: CodecWalk | None = None
        self.failure = ""
        self.cell: tuple[int, int] | None = None

    def look_at(self, row: int, column: int) -> None:
        """Look at another cell."""
        if self.cell != (row, column):
            self.cell = row, column
            self.changed.emit()

    def place(self, walk: CodecWalk) -> tuple[int, int]:
        """Return the cell that is looked at, within the grid of a walk."""
        rows, columns = walk.tokens.shape
        row, column = self.cell or (rows // 2, columns // 2)
        return min(row, rows - 1), min(column, columns - 1)

    @property
    def can_ask(self) -> bool:
        """Whether there is someone to compute it."""
        return self._ask is not None

    def ask(self, image: NDArray[np.uint8]) -> None:
        """Have an image ``[H, W, C]`` encoded and decoded, unless it is the last one asked for."""
        last = self._asked
        if self._ask is None or (last is not None and np.array_equal(last, image)):
            return
        self._asked = image
        self._ask(image)
        self.asked.emit()

    def take(self, answer: CodecWalk | str) -> None:
        """Take in a walk, or why there is none, in a sentence."""
        self.walk = None if isinstance(answer, str) else answer
        self.failure = answer if isinstance(answer, str) else ""
        self.changed.emit()

    @Slot()
    def forget(self) -> None:
        """Drop what is of another model."""
        self._asked = self.walk = None
        self.failure = ""
        self.changed.emit()
