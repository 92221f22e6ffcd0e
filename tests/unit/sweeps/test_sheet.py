"""Where the cells are on the sheet, and what happens when they are too many."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from spikestudio.errors import ConfigError
from spikestudio.sampling.request import SamplingRequest
from spikestudio.sweeps import Axis, Cell, SweepPlan
from spikestudio.sweeps.axes import Value
from spikestudio.sweeps.sheet import MAX_PIXELS, MAX_SIDE, arrange, draw

NAMES = ("threshold", "snn-steps", "seed")


def make_plan(*lengths: int, num: int = 1, size: int = 28) -> SweepPlan:
    """Return a plan whose axes have so many values."""
    axes = tuple(
        Axis(name, tuple(Value(str(k + 1), k + 1) for k in range(length)))
        for name, length in zip(NAMES, lengths, strict=False)
    )
    cells = tuple(
        Cell(
            index=k,
            place=place,
            texts={axis.name: axis.values[p].text for axis, p in zip(axes, place, strict=True)},
            request=SamplingRequest(num=num),
            path=Path("x.safetensors"),
            checkpoint="x",
            dataset="mnist",
            tensors_sha256="0" * 64,
            num_steps=1,
            shape=(size, size, 1),
            reference=0,
        )
        for k, place in enumerate(np.ndindex(lengths))
    )
    return SweepPlan(axes, cells)


def shades(cell: Cell) -> NDArray[np.uint8]:
    """Images of one level of grey that tells the cell; 96 is that of the lines."""
    return np.full((cell.request.num, *cell.shape), 100 + cell.index, np.uint8)


def tiles(plan: SweepPlan) -> dict[int, tuple[int, int]]:
    """Top left corner of the grey of every cell on the sheet."""
    array = np.asarray(draw(plan, arrange(plan), shades))
    is_grey = (array == array[..., :1]).all(-1)
    found = {}
    for cell in plan.cells:
        wide = array[..., 0] == 100 + cell.index
        rows, columns = np.nonzero(wide & is_grey)
        assert len(rows) >= 28 * 28, cell
        found[cell.index] = (int(rows.min()), int(columns.min()))
    return found


def test_the_first_axis_runs_across_and_the_second_down() -> None:
    plan = make_plan(3, 2)
    at = tiles(plan)
    places = {cell.place: at[cell.index] for cell in plan.cells}
    assert [places[k, 0][0] for k in range(3)] == [places[0, 0][0]] * 3
    assert places[0, 0][1] < places[1, 0][1] < places[2, 0][1]
    assert places[0, 0][1] == places[0, 1][1]
    assert places[0, 0][0] < places[0, 1][0]


def test_further_axes_have_bands_below_each_other() -> None:
    plan = make_plan(2, 2, 3)
    at = tiles(plan)
    tops = [at[plan.by_place[0, 0, k].index][0] for k in range(3)]
    bottoms = [at[plan.by_place[0, 1, k].index][0] for k in range(3)]
    assert tops[0] < bottoms[0] < tops[1] < bottoms[1] < tops[2]


def test_a_long_axis_is_folded() -> None:
    plan = make_plan(40)
    layout = arrange(plan)
    assert len(layout.bands) > 1
    assert layout.size[0] <= 1600
    assert [k for band in layout.bands for k in band.columns] == list(range(40))
    assert len(set(tiles(plan).values())) == 40


def test_small_images_are_enlarged() -> None:
    layout = arrange(make_plan(2, 2))
    assert layout.scale == 4
    assert layout.tile == (128, 128)


def test_where_all_images_do_not_fit_fewer_are_shown() -> None:
    layout = arrange(make_plan(60, 40, num=64))
    assert 1 <= layout.shown < 64
    assert max(layout.size) <= MAX_SIDE
    assert layout.size[0] * layout.size[1] <= MAX_PIXELS


def test_a_sheet_that_is_too_large_is_one_sentence() -> None:
    with pytest.raises(ConfigError, match=r"too large: take fewer values\.$"):
        arrange(make_plan(70, 70, num=1, size=256))


def test_a_cell_without_images_is_an_empty_tile() -> None:
    plan = make_plan(2, 1)
    array = np.asarray(draw(plan, arrange(plan), lambda cell: None if cell.index else shades(cell)))
    assert (array[..., 0] == 100).any()
    assert not (array[..., 0] == 101).all(-1).any()
    assert (array == (0xE3, 0xE7, 0xEC)).all(-1).sum() > 1000
