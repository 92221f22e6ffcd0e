"""A cursor over the pixels of one image, moved by the arrow keys."""

from __future__ import annotations

from PySide6.QtCore import Qt

Pixel = tuple[int, int, int, int]  # panel, image, row, column
MOVES = {  # rows down, columns to the right
    Qt.Key.Key_Left: (0, -1),
    Qt.Key.Key_Right: (0, 1),
    Qt.Key.Key_Up: (-1, 0),
    Qt.Key.Key_Down: (1, 0),
}


class PixelKeys:
    """Begins in the middle of an image of the first panel, and stays in it."""

    def __init__(self) -> None:
        self.pixel: Pixel | None = None

    def forget(self) -> None:
        """Begin anew with the next key."""
        self.pixel = None

    def move(self, key: Qt.Key, image: int, size: tuple[int, int]) -> Pixel:
        """Take one of ``MOVES`` and return where it leads; ``size`` is height and width."""
        height, width = size
        if self.pixel is None or self.pixel[1] != image:
            self.pixel = (0, image, height // 2, width // 2)
        else:
            down, right = MOVES[key]
            panel, _, row, column = self.pixel
            row = min(max(row + down, 0), height - 1)
            column = min(max(column + right, 0), width - 1)
            self.pixel = (panel, image, row, column)
        return self.pixel
