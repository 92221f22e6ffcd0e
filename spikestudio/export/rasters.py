"""A recorded layer as a figure for print: spikes, or membrane potentials, neurons by SNN steps.

Imports matplotlib, so import this module when a figure is wanted.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from math import ceil
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from numpy.typing import NDArray

from spikestudio.atomic import atomic_write
from spikestudio.errors import ExportError
from spikestudio.export.images import CHUNK

NOT_RECORDED = 255  # among spikes

_DPI = 200
_MAX_CELLS = (1200, 2400)  # rows and columns drawn; more are combined, which the axis then says
_MIN_PIXELS = (600, 1000)  # height and width of the drawing, before margins
_MARGINS = (170, 60, 170, 80)  # left, right, bottom, top; pixels
_SCALE_BAR = 190  # pixels, beside potentials
_INK, _MUTED, _THRESHOLD = "#161C24", "#55606E", "#B84A00"
_STYLE: Any = {  # matplotlib types each key
    "font.family": "sans-serif",
    "font.size": 8,
    "text.color": _INK,
    "axes.edgecolor": _MUTED,
    "axes.labelcolor": _MUTED,
    "axes.linewidth": 0.6,
    "xtick.color": _MUTED,
    "ytick.color": _MUTED,
    "figure.facecolor": "white",
    "axes.facecolor": "#E3E7EC",  # shows where nothing was recorded
}


def save_raster(
    path: Path | str,
    cells: NDArray[np.uint8] | NDArray[np.float32],
    *,
    layer: str,
    rule: str,
    shown: int,
    total: int,
    snn_steps: int,
    threshold: float | Sequence[float],
    provenance: Mapping[str, Any],
) -> None:
    """Write a raster as a PNG that carries its provenance.

    Parameters
    ----------
    path
        Ends in ``.png``.
    cells
        ``[N, steps * T]``, time along axis 1: spikes as uint8 0 or 1 (255 where none were recorded),
        or potentials before reset as float32 (NaN where none were recorded).
    layer, rule
        Layer id, and the rule by which its neurons were chosen (``highest rate``).
    shown, total
        Neurons in ``cells`` and in the layer.
    snn_steps
        T, the SNN steps per denoising step.
    threshold
        Firing threshold, or one per denoising step; potentials are drawn as multiples of it.
    provenance
        Stored in the text chunk ``spikestudio``.

    Raises
    ------
    ExportError
        The file cannot be written, or there is nothing to draw.
    """
    if cells.ndim != 2 or not cells.size:
        raise ExportError(f"There is nothing recorded of {layer} to draw.", path=Path(path))
    with mpl.rc_context(_STYLE):
        figure = _figure(cells, layer, rule, shown, total, snn_steps, threshold)
        with atomic_write(path) as temporary:
            figure.savefig(
                temporary,
                format="png",
                metadata={CHUNK: json.dumps(provenance, allow_nan=False), "Software": None},
            )


def combine(
    cells: NDArray[Any], limit: tuple[int, int] = _MAX_CELLS
) -> tuple[NDArray[Any], int, int]:
    """Combine neighbours by their maximum until ``[rows, columns]`` fit ``limit``.

    Gives the smaller array and how many rows and columns went into one: no spike gets lost.
    """
    rows, columns = (ceil(n / most) for n, most in zip(cells.shape, limit, strict=True))
    for axis, size in enumerate((rows, columns)):
        starts = np.arange(0, cells.shape[axis], size)
        cells = np.fmax.reduceat(cells, starts, axis=axis) if size > 1 else cells
    return cells, rows, columns


def _figure(
    cells: NDArray[Any],
    layer: str,
    rule: str,
    shown: int,
    total: int,
    snn_steps: int,
    threshold: float | Sequence[float],
) -> Figure:
    is_spikes = cells.dtype == np.uint8
    num_columns = cells.shape[1]
    per_step = np.broadcast_to(threshold, ceil(num_columns / snn_steps)).astype(np.float32)
    if is_spikes:
        values = np.where(cells == NOT_RECORDED, np.float32(np.nan), cells)
    else:
        values = cells / per_step.repeat(snn_steps)[:num_columns]
    picture, per_row, per_column = combine(values)
    # A whole number of pixels per cell, so that all cells look alike.
    height, width = (
        n * max(1, least // n) for n, least in zip(picture.shape, _MIN_PIXELS, strict=True)
    )
    left, right, bottom, top = _MARGINS
    right += 0 if is_spikes else _SCALE_BAR
    size = (left + width + right, bottom + height + top)
    figure = Figure(figsize=(size[0] / _DPI, size[1] / _DPI), dpi=_DPI)
    FigureCanvasAgg(figure)
    axes = figure.add_axes((left / size[0], bottom / size[1], width / size[0], height / size[1]))
    image = axes.imshow(
        np.ma.masked_invalid(picture),
        cmap=ListedColormap(["white", "#1B1F26"]) if is_spikes else "cividis",
        vmin=0 if is_spikes else -1,
        vmax=1 if is_spikes else 2,
        extent=(0, num_columns, cells.shape[0], 0),
        aspect="auto",
        interpolation="nearest",
    )
    if not is_spikes:
        bar_axes = figure.add_axes(
            ((left + width + 40) / size[0], bottom / size[1], 24 / size[0], height / size[1])
        )
        _scale_bar(figure.colorbar(image, cax=bar_axes, extend="both"))
    _label(axes, snn_steps, num_columns, per_row, per_column)
    what = "Spikes" if is_spikes else "Potential before reset"
    axes.set_title(f"{what} of {layer}", loc="left", fontsize=10, color=_INK)
    thresholds = ", then ".join(f"{value:g}" for value in dict.fromkeys(per_step.tolist()))
    gaps = "; grey: not recorded" if bool(np.isnan(picture).any()) else ""
    caption = f"{shown:,} of {total:,} neurons, {rule}; threshold {thresholds}{gaps}"
    figure.text(left / size[0], 24 / size[1], caption, color=_MUTED)
    return figure


def _label(axes: Axes, snn_steps: int, num_columns: int, per_row: int, per_column: int) -> None:
    """Axes with their units, and a line where a denoising step begins."""
    for start in range(snn_steps, num_columns, snn_steps):
        axes.axvline(start, color=_MUTED, linewidth=0.3, alpha=0.5)
    combined = f", max of {per_column}" if per_column > 1 else ""
    axes.set_xlabel(f"SNN time step ({snn_steps} per denoising step{combined})")
    axes.set_ylabel("neuron in the order shown" + (f" (max of {per_row})" if per_row > 1 else ""))
    axes.spines[["top", "right"]].set_visible(False)


def _scale_bar(bar: Any) -> None:  # noqa: ANN401  not exported by matplotlib
    bar.set_label("potential ÷ threshold")
    bar.ax.axhline(1, color=_THRESHOLD, linewidth=1.5)
    bar.outline.set_visible(False)
