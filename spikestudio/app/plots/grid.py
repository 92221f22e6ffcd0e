"""How a number of equal tiles fills a space by a whole-number scale."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QRect

SMALLEST_TILE = 24  # below this a tile says nothing: the grid scrolls instead
FULL_ROWS_WORTH = 0.75  # of the tile size may be given up for rows without a gap
LONGEST = 4  # times as many columns as rows, or the reverse: a longer strip is no arrangement


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
    def is_even(self) -> bool:
        """Whether every row is full and the whole is no mere strip."""
        is_full = self.columns * self.rows == self.count
        return is_full and max(self.columns, self.rows) <= LONGEST * min(self.columns, self.rows)

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
    """Return the grid with the largest whole-number scale that fits, rows full where they can be.

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
    largest = max(smallest, min(space[0] // size[0], space[1] // size[1]))
    for scale in range(largest, smallest - 1, -1):
        if grid := _grid_at(scale, count, size, space, gutter):
            return grid
    width, height = size[0] * smallest, size[1] * smallest
    columns = max(1, min(count, (space[0] + gutter) // (width + gutter)))
    return Grid(count, columns, -(-count // columns), width, height, gutter)


def fit_panels(
    count: int,
    size: tuple[int, int],
    spaces: tuple[tuple[int, int], ...],
    gutter: int,
) -> tuple[Grid, int]:
    """Return the best grid over several spaces, and the position of the space it is for.

    The largest tiles win; an arrangement whose rows are all full wins over one that leaves a gap
    if its tiles are at least ``FULL_ROWS_WORTH`` as large. Where none fits it is the first space.

    Parameters
    ----------
    count, size, gutter
        As in ``fit_grid``.
    spaces
        Width and height of one panel in each arrangement of the panels.
    """
    largest = [fit_grid(count, size, space, gutter) for space in spaces]
    fitting = [
        (grid, index)
        for index, (grid, space) in enumerate(zip(largest, spaces, strict=True))
        if grid.total_height <= space[1]
    ]
    if not fitting:
        return largest[0], 0
    best = max(grid.width for grid, _ in fitting)
    for scale in range(best // size[0], 0, -1):
        if scale * size[0] < FULL_ROWS_WORTH * best:
            break
        grids = [_grid_at(scale, count, size, space, gutter) for space in spaces]
        even = [(grid, index) for index, grid in enumerate(grids) if grid and grid.is_even]
        if even:
            return min(even, key=lambda choice: abs(choice[0].columns - choice[0].rows))
    return max(fitting, key=lambda choice: choice[0].width)


def _grid_at(
    scale: int, count: int, size: tuple[int, int], space: tuple[int, int], gutter: int
) -> Grid | None:
    """Return the most even, then the squarest grid of tiles of this scale; None if none fits."""
    width, height = size[0] * scale, size[1] * scale
    columns = min(count, (space[0] + gutter) // (width + gutter))
    rows = (space[1] + gutter) // (height + gutter)
    if columns * rows < count:
        return None
    grids = (
        Grid(count, number, -(-count // number), width, height, gutter)
        for number in range(-(-count // rows), columns + 1)
    )
    return min(
        grids,
        key=lambda grid: (
            not grid.is_even,
            abs(grid.columns - grid.rows),
            grid.columns * grid.rows,
        ),
    )
