"""A token map: which codes, in which order they were revealed, and the picture that they stand for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from spikestudio.export.draw.style import GAP, MM_PER_POINT, SCALAR, SOFT, colour_bar, page

_GUTTER = 3.5  # mm between panels
_SMALLEST_ID = 2.6  # mm; ids are not printed in smaller cells


def draw(arrays: Mapping[str, NDArray[Any]], spec: Mapping[str, Any]) -> Figure:
    """Draw the panels side by side, as large as fits.

    Parameters
    ----------
    arrays
        ``tokens`` and ``revealed`` int32 ``[h, w]``, the latter the step from 0, -1 where masked;
        ``colours`` uint8 ``[h, w, 3]``; ``decoded`` uint8 ``[H, W, C]``, which may be missing.
    spec
        Beside what ``page`` needs: ``num_steps``.
    """
    tokens, revealed = arrays["tokens"], arrays["revealed"]
    is_masked = revealed < 0
    sheet = page(spec)
    panels = 3 if "decoded" in arrays else 2
    bar = 2.0 + 1.5 + 1.8 + sheet.width_of(["00"]) + sheet.line
    room = sheet.right - sheet.left - bar - (panels - 1) * _GUTTER
    side = min(room / panels, sheet.top - sheet.bottom - sheet.line)
    height = side * tokens.shape[0] / tokens.shape[1]
    used = panels * side + bar + (panels - 1) * _GUTTER
    x = sheet.left + (sheet.right - sheet.left - used) / 2
    y = sheet.bottom + (sheet.top - sheet.bottom - sheet.line - height) / 2
    codes = _panel(sheet.axes(x, y, side, height), "token ids")
    codes.imshow(np.where(is_masked[..., None], 255, arrays["colours"]), interpolation="nearest")
    _hatch(codes, is_masked)
    cell = side / tokens.shape[1]
    if cell >= _SMALLEST_ID:
        _ids(
            codes,
            tokens,
            is_masked,
            arrays["colours"],
            min(cell / 2.4 / MM_PER_POINT, sheet.small_points),
        )
    if "decoded" in arrays:
        picture = _panel(sheet.axes(x + side + _GUTTER, y, side, height), "decoded")
        _image(picture, arrays["decoded"])
    x += (panels - 1) * (side + _GUTTER)
    order = _panel(sheet.axes(x, y, side, height), "order of reveal")
    colours = mpl.colormaps[SCALAR].with_extremes(bad="white")
    image = order.imshow(
        np.ma.masked_where(is_masked, revealed + 1),
        cmap=colours,
        vmin=1,
        vmax=max(int(spec["num_steps"]), 2),
        interpolation="nearest",
    )
    _hatch(order, is_masked)
    colour_bar(sheet, image, (x + side + 1.5, y, 2.0, height), "denoising step")
    return sheet.figure


def _panel(axes: Axes, title: str) -> Axes:
    axes.set_title(title, fontsize=mpl.rcParams["xtick.labelsize"], pad=2)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[["left", "bottom"]].set_visible(False)
    return axes


def _image(axes: Axes, pixels: NDArray[np.uint8]) -> None:
    if pixels.shape[-1] == 1:
        axes.imshow(pixels[..., 0], cmap="gray", vmin=0, vmax=255, interpolation="nearest")
    else:
        axes.imshow(pixels, interpolation="nearest")


def _hatch(axes: Axes, is_masked: NDArray[np.bool_]) -> None:
    for row, column in np.argwhere(is_masked):
        box = Rectangle((column - 0.5, row - 0.5), 1, 1, facecolor=GAP, edgecolor=SOFT)
        box.set(hatch="////", linewidth=0.3)
        axes.add_patch(box)


def _ids(
    axes: Axes,
    tokens: NDArray[np.int32],
    is_masked: NDArray[np.bool_],
    colours: NDArray[np.uint8],
    points: float,
) -> None:
    light = colours @ np.array([0.2126, 0.7152, 0.0722]) > 115
    for row, column in np.argwhere(~is_masked):
        axes.text(
            column,
            row,
            f"{tokens[row, column]}",
            ha="center",
            va="center_baseline",
            fontsize=points,
            color="black" if light[row, column] else "white",
        )
