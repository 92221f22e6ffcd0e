"""The contact sheet: all cells side by side, with the values of the axes beside them.

The first axis runs across, the second one down; every combination of the others has a band of its own,
and an axis that is too long for the width goes on in the next band.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from math import ceil, isqrt
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from spikestudio.atomic import atomic_write
from spikestudio.errors import ConfigError
from spikestudio.export.images import PADDING, grid, write_picture
from spikestudio.language import tr
from spikestudio.paths import resource
from spikestudio.sweeps.axes import Axis, Value
from spikestudio.sweeps.cells import Cell, SweepPlan
from spikestudio.sweeps.words import axis_title, settings, title

if TYPE_CHECKING:  # pillow is imported when a sheet is drawn: the window only arranges them
    from PIL import Image, ImageDraw, ImageFont

SHEET_CHUNK = "spikestudio-sweep"  # PNG text chunk with the whole plan
MAX_SIDE = 30_000  # pixels
MAX_PIXELS = 60_000_000
_WIDTH = 6000  # of a sheet of two axes and more; pixels
_WIDTH_OF_ONE = 1600  # of one axis, which is then folded
_SMALLEST_TILE = 112  # pixels; smaller images are enlarged
_MARGIN, _GAP, _LINE, _LABEL_GAP = 24, 8, 20, 12
_INK, _MUTED, _EMPTY, _PAPER = "#161C24", "#55606E", "#E3E7EC", "#FFFFFF"
_MAX_LABEL = 220  # width of a row's label

Pictures = Callable[[Cell], NDArray[np.uint8] | None]


@dataclass(frozen=True, slots=True)
class Band:
    """One block of the sheet: the numbers of the outer axes' values, and those of its columns."""

    outer: tuple[int, ...]
    columns: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Layout:
    """Where everything is; ``shown`` images of every cell, enlarged ``scale`` times."""

    shown: int
    scale: int
    tile: tuple[int, int]  # width and height
    left: int  # width of the rows' labels
    bands: tuple[Band, ...]
    size: tuple[int, int]


def arrange(plan: SweepPlan) -> Layout:
    """Choose the largest sheet that is allowed: enlarged images first, then fewer of every cell.

    Raises ``ConfigError`` if one small image of every cell is too many.
    """
    num = max(cell.request.num for cell in plan.cells)
    while True:
        width, height = _tile(plan, num, 1)
        enlarged = max(1, ceil(_SMALLEST_TILE / max(width, height)))
        for scale in range(enlarged, 0, -1):
            layout = _layout(plan, num, scale)
            if max(layout.size) <= MAX_SIDE and layout.size[0] * layout.size[1] <= MAX_PIXELS:
                return layout
        if num == 1:
            raise ConfigError(
                tr(
                    "The sheet of {num_cells:,} cells would have {layout_size:,} x "
                    "{layout_size_2:,} pixels, which is too large: take fewer values.",
                    num_cells=len(plan.cells),
                    layout_size=layout.size[0],
                    layout_size_2=layout.size[1],
                ),
                field="axis",
            )
        num = (num + 1) // 2


def draw(plan: SweepPlan, layout: Layout, pictures: Pictures) -> Image.Image:
    """Draw the sheet; a cell without pictures is an empty tile that says so."""
    from PIL import Image, ImageDraw

    canvas = Image.new("RGB", layout.size, _PAPER)
    pen = ImageDraw.Draw(canvas)
    num = max(cell.request.num for cell in plan.cells)
    common = settings(plan) + (f" ({layout.shown} shown)" if layout.shown < num else "")
    _text(pen, (_MARGIN, _MARGIN), title(plan), 18, bold=True, width=layout.size[0] - 2 * _MARGIN)
    place = (_MARGIN, _MARGIN + 26)
    _text(pen, place, common, 13, colour=_MUTED, width=layout.size[0] - 2 * _MARGIN)
    y = _top()
    for band in layout.bands:
        y = _draw_band(canvas, pen, plan, layout, band, y, pictures)
    return canvas


def save_sheet(path: Path, plan: SweepPlan, layout: Layout, pictures: Pictures) -> None:
    """Write the sheet as a PNG that carries the plan; raises ``ExportError``."""
    from PIL import PngImagePlugin

    info = PngImagePlugin.PngInfo()
    info.add_text(SHEET_CHUNK, json.dumps({"schema_version": 1, **plan.to_json()}), zip=True)
    picture = draw(plan, layout, pictures)
    with atomic_write(path) as temporary:
        write_picture(temporary, picture, "PNG", pnginfo=info)


def _rows(plan: SweepPlan) -> Axis | None:
    return plan.axes[1] if len(plan.axes) > 1 else None


def _tile(plan: SweepPlan, num: int, scale: int) -> tuple[int, int]:
    columns = isqrt(num - 1) + 1
    rows = ceil(num / columns)
    height = max(cell.shape[0] for cell in plan.cells)
    width = max(cell.shape[1] for cell in plan.cells)
    return (
        scale * (columns * (width + PADDING) + PADDING),
        scale * (rows * (height + PADDING) + PADDING),
    )


def _layout(plan: SweepPlan, num: int, scale: int) -> Layout:
    tile = _tile(plan, num, scale)
    rows = _rows(plan)
    left = 0
    if rows is not None:
        texts = [axis_title(rows.name), *(value.text for value in rows.values)]
        left = min(_MAX_LABEL, ceil(max(_font(13, True).getlength(t) for t in texts))) + _LABEL_GAP
    room = (_WIDTH if rows else _WIDTH_OF_ONE) - 2 * _MARGIN - left
    per_band = max(1, room // (tile[0] + _GAP))
    across = range(len(plan.axes[0].values))
    chunks = [tuple(across[k : k + per_band]) for k in range(0, len(across), per_band)]
    outer = itertools.product(*(range(len(axis.values)) for axis in plan.axes[2:]))
    bands = tuple(Band(each, chunk) for each in outer for chunk in chunks)
    num_columns = max(len(chunk) for chunk in chunks)
    heads = [title(plan), settings(plan)]
    needed = min(900, ceil(max(_font(18, True).getlength(heads[0]), _font(13).getlength(heads[1]))))
    width = 2 * _MARGIN + max(left + num_columns * (tile[0] + _GAP) - _GAP, needed)
    num_rows = len(rows.values) if rows else 1
    band_height = _head(plan) + num_rows * (tile[1] + _GAP) + 2 * _GAP
    return Layout(num, scale, tile, left, bands, (width, _top() + len(bands) * band_height + _GAP))


def _top() -> int:
    return _MARGIN + 26 + _LINE + 16


def _head(plan: SweepPlan) -> int:
    """Height of what stands above the tiles of a band."""
    return _LINE * (3 if len(plan.axes) > 2 else 2)


def _draw_band(
    canvas: Image.Image,
    pen: ImageDraw.ImageDraw,
    plan: SweepPlan,
    layout: Layout,
    band: Band,
    y: int,
    pictures: Pictures,
) -> int:
    x = _MARGIN + layout.left
    if len(plan.axes) > 2:
        outer = zip(plan.axes[2:], band.outer, strict=True)
        heading = ", ".join(f"{axis_title(a.name)} {a.values[k].text}" for a, k in outer)
        _text(pen, (_MARGIN, y), heading, 13, bold=True, width=layout.size[0] - 2 * _MARGIN)
        y += _LINE
    across, rows = plan.axes[0], _rows(plan)
    _text(pen, (x, y), axis_title(across.name), 13, bold=True, width=layout.size[0] - x - _MARGIN)
    y += _LINE
    if rows is not None:
        _text(pen, (_MARGIN, y), axis_title(rows.name), 13, bold=True, width=layout.left)
    width, height = layout.tile
    for k, column in enumerate(band.columns):
        place = (x + k * (width + _GAP), y)
        _text(pen, place, across.values[column].text, 13, width=width)
    y += _LINE
    down: tuple[Value | None, ...] = rows.values if rows is not None else (None,)
    for row, value in enumerate(down):
        if value is not None:
            middle = y + height // 2 - 8
            _text(pen, (_MARGIN, middle), value.text, 13, width=layout.left - _LABEL_GAP)
        for k, column in enumerate(band.columns):
            inner = (column,) if rows is None else (column, row)
            cell = plan.by_place[(*inner, *band.outer)]
            _draw_tile(canvas, pen, layout, cell, (x + k * (width + _GAP), y), pictures)
        y += height + _GAP
    return y + 2 * _GAP


def _draw_tile(
    canvas: Image.Image,
    pen: ImageDraw.ImageDraw,
    layout: Layout,
    cell: Cell,
    place: tuple[int, int],
    pictures: Pictures,
) -> None:
    width, height = layout.tile
    images = pictures(cell)
    if images is None:
        x, y = place
        pen.rectangle((x, y, x + width - 1, y + height - 1), fill=_EMPTY)
        _text(pen, (x + 8, y + 8), "no images", 12, colour=_MUTED, width=width - 16)
        return
    from PIL import Image

    picture = grid(images[: layout.shown])
    scale = max(1, min(width // picture.width, height // picture.height))
    size = (picture.width * scale, picture.height * scale)
    canvas.paste(picture.convert("RGB").resize(size, Image.Resampling.NEAREST), place)


def _text(
    pen: ImageDraw.ImageDraw,
    place: tuple[int, int],
    text: str,
    size: int,
    *,
    width: int,
    bold: bool = False,
    colour: str = _INK,
) -> None:
    font = _font(size, bold)
    if font.getlength(text) > width:
        while text and font.getlength(text + "…") > width:
            text = text[:-1]
        text += "…"
    pen.text(place, text, fill=colour, font=font)


@cache
def _font(size: int, bold: bool = False) -> ImageFont.FreeTypeFont:
    from PIL import ImageFont

    name = "Inter-SemiBold.otf" if bold else "Inter-Regular.otf"
    return ImageFont.truetype(resource("fonts", name), size)
