"""How a number of equal tiles fills a space by a whole-number scale."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QRect

SMALLEST_TILE = 24  # below this a tile says nothing: the grid scrolls instead


@dataclass(frozen=True, slots=True)
class Grid:
    """How ``count`` tiles lie in one panel; all lengths in device pixels."""

    count: int
    columns: int
    rows: int
    width: int  # of one tile
    height: int
    gutter: int

    @property
    def total_width(self) -> int:
        """Width of all columns with the gutters between them."""
        return self.columns * (self.width + self.gutter) - self.gutter

    @property
    def total_height(self) -> int:
        """Height of all rows with the gutters between them."""
        return self.rows * (self.height + self.gutter) - self.gutter

    def tile(self, index: int) -> QRect:
        """Return where a tile lies, from the panel's corner."""
        row, column = divmod(index, self.columns)
        return QRect(
            column * (self.width + self.gutter),
            row * (self.height + self.gutter),
            self.width,
            self.height,
        )


def fit_grid(count: int, size: tuple[int, int], space: tuple[int, int], gutter: int) -> Grid:
    """Return the grid with the largest whole-number scale that fits, the squarest of those.

    Where even tiles of ``SMALLEST_TILE`` do not fit, the grid is as wide as the space and higher.

    Parameters
    ----------
    count
        Number of tiles, at least 1.
    size
        Width and height of an image in its own pixels.
    space
        Width and height available.
    gutter
        Between two tiles.
    """
    smallest = max(1, -(-SMALLEST_TILE // min(size)))
    scale = max(smallest, min(space[0] // size[0], space[1] // size[1]))
    while True:
        width, height = size[0] * scale, size[1] * scale
        columns = max(1, min(count, (space[0] + gutter) // (width + gutter)))
        rows_that_fit = (space[1] + gutter) // (height + gutter)
        if columns * rows_that_fit >= count:
            choices = range(-(-count // rows_that_fit), columns + 1)
            columns = min(choices, key=lambda n: (abs(n - -(-count // n)), n * -(-count // n)))
            break
        if scale == smallest:
            break
        scale -= 1
    return Grid(count, columns, -(-count // columns), width, height, gutter)
